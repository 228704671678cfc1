"""A few steps of some networks: python -m benchmarks.gpu.one_step NAME …

They are traced, verified, launched and replayed as a graph: for a tool that watches the device.
"""

import sys

from benchmarks.gpu.networks import on_device
from portanet.checks import skip_value_checks

STEPS = 3


def main(names: list[str]) -> None:
    """Take the steps. Without CuPy's pool each array is an allocation, whose ends can be watched."""
    import cupy as cp

    cp.cuda.set_allocator(None)
    for name in names:
        planned = on_device(name)
        with skip_value_checks():
            for _ in range(STEPS):
                planned.step(planned.x, planned.y)
        cp.cuda.Device().synchronize()
        print(f"{name}: {STEPS} steps; {planned.plan.not_captured or 'captured as a graph'}")


if __name__ == "__main__":
    main(sys.argv[1:])
