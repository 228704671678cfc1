"""The graph of a step: values, operations, and rewrites that preserve its results."""
