"""Plans on JAX: the whole step as one jitted function."""
