"""Memory planning: where every value of a graph lies."""
