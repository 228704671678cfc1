"""GPUs by name, with the figures of their data sheets."""

from dataclasses import dataclass

from portanet.errors import ArgumentError, short


@dataclass(frozen=True)
class Gpu:
    """What NVIDIA's data sheet says of a GPU.

    name             as it stands in the name that the driver reports
    bandwidth        of its memory, in 10¹² bytes a second
    float32, float64 peak of multiplications and additions, in 10¹² a second, without tensor cores
    multiprocessors  their number
    clock            the boost clock, in 10⁹ a second
    threads, blocks  how many of them a multiprocessor holds at a time
    """

    name: str
    bandwidth: float
    float32: float
    float64: float
    multiprocessors: int
    clock: float
    threads: int
    blocks: int


# Bandwidth and peaks: NVIDIA's data sheets (nvidia.com/data-center/h200, /h100, /a100, /v100, /l4,
# /tesla-t4; SXM modules where there are several), for the RTX 4090 the white paper "NVIDIA Ada GPU
# Architecture". Multiprocessors and clocks: the architectures' white papers. Threads and blocks:
# CUDA C++ Programming Guide, "Technical Specifications per Compute Capability".
_ALL = (
    Gpu("H200", 4.8, 67.0, 34.0, 132, 1.98, 2048, 32),
    Gpu("H100", 3.35, 67.0, 34.0, 132, 1.98, 2048, 32),
    Gpu("A100", 2.039, 19.5, 9.7, 108, 1.41, 2048, 32),
    Gpu("V100", 0.9, 15.7, 7.8, 80, 1.53, 2048, 32),
    Gpu("L4", 0.3, 30.3, 0.47, 58, 2.04, 1536, 24),
    Gpu("RTX 4090", 1.008, 82.6, 1.29, 128, 2.52, 1536, 24),
    Gpu("T4", 0.32, 8.1, 0.25, 40, 1.59, 1024, 16),
)
GPUS = {gpu.name: gpu for gpu in _ALL}


def gpu_named(name: str) -> Gpu:
    """Return a GPU. Raises ArgumentError if there is no such entry.

    >>> gpu_named("H200").bandwidth
    4.8
    """
    if name not in GPUS:
        known = ", ".join(map(repr, GPUS))
        raise ArgumentError(
            f"profile: estimate_for must be one of {known}, is {short(name)}; its figures would "
            "stand in portanet/compiler/profiling/gpus.py"
        )
    return GPUS[name]


def gpu_of_device(name: str) -> Gpu | None:
    """Return the GPU that a driver's name for a device means, None if it is not in the table.

    >>> gpu_of_device("NVIDIA H100 80GB HBM3").name, gpu_of_device("NVIDIA L40S")
    ('H100', None)
    """
    words = f" {name.replace('-', ' ')} "
    return next((gpu for gpu in _ALL if f" {gpu.name} " in words), None)
