"""portanet's own wheel, built, installed alone and trained with on the device.

A file that the wheel lacks is there in a clone, so that no test would miss it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.gpu.running import ROOT

CHECK = """
import pathlib, sys
import numpy as np
import portanet
from portanet import BCEWithLogits, DataLoader, Dataset, Linear, ReLU, SGD, Sequential, Trainer

where = pathlib.Path(portanet.__file__).resolve()
assert pathlib.Path(sys.argv[1]).resolve() in where.parents, where
x = np.asarray([[0, 0], [0, 1], [1, 0], [1, 1]] * 8, np.float32)
runs = []
for backend in ("numpy", "cupy"):
    portanet.seed(0)
    model = Sequential([Linear(2, 8), ReLU(), Linear(8, 1)], BCEWithLogits()).to(backend)
    data = DataLoader(Dataset(x, x[:, :1]), batch_size=8)
    trainer = Trainer(model, SGD(model, lr=0.5), data)
    trainer.train(9, log_level=0)
    assert trainer.compiled.refused is None, trainer.compiled.refused
    runs.append([row["loss"] for row in trainer.history])
np.testing.assert_allclose(*runs, rtol=1e-4)
print("the wheel trains on NumPy and on CuPy:", runs[1][0], "->", runs[1][-1])
"""


def main() -> None:
    """Build, install and check. Raises CalledProcessError if one of them fails."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        subprocess.run([*pip, "wheel", "--no-deps", "-w", folder, str(ROOT)], check=True)
        (wheel,) = place.glob("portanet-*.whl")
        site = place / "site"
        command = [*pip, "install", "--no-deps", "--target", str(site), str(wheel)]
        subprocess.run(command, check=True)
        path = os.pathsep.join([str(site), *filter(None, [others()])])
        subprocess.run(
            [sys.executable, "-c", CHECK, str(site)], cwd=folder, check=True,
            env=os.environ | {"PYTHONPATH": path},
        )  # fmt: skip


def others() -> str:
    """Return PYTHONPATH without this clone, whose portanet must not be found."""
    entries = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(e for e in entries if e and Path(e).resolve() != ROOT)


if __name__ == "__main__":
    main()
