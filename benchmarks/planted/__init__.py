"""Faults to plant into the library, and refactorings that change nothing, for the agreement kit."""
