"""Beginners' mistakes, by area, and what each message must hold.

base.py says what a row is, test_mistakes.py checks all of them.
"""
