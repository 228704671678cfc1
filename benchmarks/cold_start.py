"""A process that imports a library and takes the first four steps; nothing else is imported before.

CPU seconds are counted, not those of a clock on the wall: other work on the machine changes them
less, and threads that compile beside the steps are counted too.
"""

import time
from importlib import import_module
from typing import Any

from benchmarks.processes import answer

N_STEPS = 4
OURS = "benchmarks.contenders.ours"  # imports portanet, and all that a training script would
LIBRARIES = {"PyTorch, eager": "torch", "JAX, jit": "jax"}


def work(networks: list[str], contender: str, threads: int) -> dict[str, Any]:  # noqa: ARG001
    """Return CPU seconds of the import and of the first steps of each network, and bytes."""
    try:
        start = time.process_time()
        import_module(LIBRARIES.get(contender, OURS))
        imported = time.process_time() - start
    except ImportError as error:
        return {"reason": f"not installed ({error})"}
    from benchmarks.contenders import UnsupportedError
    from benchmarks.growth import peak_resident

    try:
        steps = [first_steps(name, contender) for name in networks]
    except UnsupportedError as error:
        return {"reason": str(error)}
    return {"import": imported, "steps": steps, "resident": peak_resident()}


def first_steps(name: str, contender: str) -> float:
    """Return the CPU seconds of a network's first steps; its data and weights are made before."""
    from benchmarks.contenders import all_contenders
    from benchmarks.contenders.ours import DEFAULT
    from benchmarks.networks import data

    (chosen,) = (c for c in (*all_contenders(), DEFAULT) if c.name == contender)
    network = network_named(name)
    step = chosen.make_cold(network, data(network, N_STEPS))
    start = time.process_time()
    results = [step(i) for i in range(N_STEPS)]
    chosen.wait(results[-1])
    return time.process_time() - start


def network_named(name: str) -> Any:
    """Return one of the networks of cold starts."""
    from benchmarks.cold_networks import COLD, PAIRS

    others = (network for pair in PAIRS.values() for network in pair)
    return COLD.get(name) or next(network for network in others if network.name == name)


if __name__ == "__main__":
    answer(work)
