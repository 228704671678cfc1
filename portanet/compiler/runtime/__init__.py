"""Runtime: the memory a model trains in, checked plans, guards and epoch sums."""
