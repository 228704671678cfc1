"""The graph of a step: values, operations, and rewrites that change neither's meaning."""
