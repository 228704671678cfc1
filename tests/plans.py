"""The memory of a graph's states, for tests of plans without a compiled step around them."""

import numpy as np


def homes_of(graph, backend):
    """A home for each state, with numbers between 0 and 1 in it, by name."""
    rng = np.random.default_rng(1)
    return {
        name: backend.asarray(np.asarray(rng.random(state.shape)), str(state.dtype))
        for name, state in graph.states.items()
    }
