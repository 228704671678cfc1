"""Tracing: one real step of the unchanged layers and rule becomes a graph."""
