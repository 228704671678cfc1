"""The networks of the benchmarks, which are no part of the package, as a module."""

import importlib.util
import sys
from pathlib import Path

FILE = Path(__file__).parents[1] / "benchmarks" / "networks.py"


def module():
    spec = importlib.util.spec_from_file_location("benchmarks_networks", FILE)
    found = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


NETWORKS = module()
