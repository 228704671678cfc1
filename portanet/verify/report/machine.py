"""What a report says about the machine: versions, processor, devices."""

import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from portanet._version import __version__
from portanet.backends import Backend

_PACKAGES = {"strict": ("array-api-strict",), "jax": ("jax", "jaxlib"), "torch": ("torch",),
             "cupy": ("cupy", "cupy-cuda12x", "cupy-cuda13x")}  # fmt: skip


def machine_of(places: Iterable[Backend]) -> dict[str, str]:
    """Return versions and devices by name.

    >>> machine_of([])["portanet"] == __version__
    True
    """
    found = {
        "portanet": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.machine(),
    }
    places = list(places)
    packages = ["numpy", "array-api-compat", "llvmlite", "scipy"]
    packages += [name for place in places for name in _PACKAGES.get(place.name, ())]
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue  # an optional one that is not there is no part of the machine
    return found | {f"device of {place.name}": str(place.device) for place in places}
