"""A step on the device line by line, beside what was estimated: python -m benchmarks.gpu.profiles NAME

The estimate is for the device itself where its data sheet is known, else for an H200.
"""

import sys

import portanet
from benchmarks.contenders.ours import optimizer_for
from benchmarks.gpu.device import device
from benchmarks.networks import NETWORKS, batches, data, model
from portanet.compiler.profiling.gpus import gpu_of_device


def main(name: str) -> None:
    """Print the profile."""
    network, known = NETWORKS[name], gpu_of_device(device()["name"])
    net = model(network).to("cupy")
    x, y = map(net.backend.asarray, batches(network, *data(network, 2))[0])
    print(
        portanet.profile(
            net, x, y, optimizer_for(network, net), estimate_for=known.name if known else "H200"
        )
    )


if __name__ == "__main__":
    main(sys.argv[1])
