"""What the CUDA device is: `python -m benchmarks.gpu.device` prints it, or fails with the reason."""

import json
import sys
from typing import Any

from portanet import backends
from portanet.errors import MissingBackendError

SIMULATED = "simulated: CuPy on a CPU, not a GPU"


def device() -> dict[str, Any]:
    """Return what a reader must know of the device. Raises MissingBackendError without one.

    A device with "cpu" in its name is no GPU: CuPy runs on something that only acts as one.
    """
    backends.get("cupy")
    import cupy as cp

    found = cp.cuda.runtime.getDeviceProperties(cp.cuda.Device().id)
    name = found["name"].decode()
    return {
        "name": name,
        "simulated": "cpu" in name.lower(),
        "compute capability": f"{found['major']}.{found['minor']}",
        "multiprocessors": found["multiProcessorCount"],
        "memory in GiB": round(found["totalGlobalMem"] / 2**30, 1),
        "CUDA runtime": cp.cuda.runtime.runtimeGetVersion(),
        "CUDA of the driver": cp.cuda.runtime.driverGetVersion(),
        "CuPy": cp.__version__,
    }


if __name__ == "__main__":
    try:
        print(json.dumps(device()))
    except MissingBackendError as error:
        sys.exit(str(error))
