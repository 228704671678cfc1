"""Ranks with a GPU each, which exchange gradients by NCCL, end where one ends."""

import numpy as np
import pytest
from distributed_runs import distance, results, train
from test_distributed import ranks

NAMES = ["plain", "dropout", "joined_batch_norm", "ignored", "options", "fewer_rows_than_ranks"]


@pytest.fixture
def devices(backend, monkeypatch):
    """How many GPUs there are for ranks: simulated ones, or those of this machine."""
    try:
        import cupycpu  # noqa: F401 - a device that is simulated
    except ImportError:
        return backend._cp.cuda.runtime.getDeviceCount()
    monkeypatch.setenv("CUPY_CPU_DEVICES", "4")
    return 4


@pytest.mark.only_on("cupy")
@pytest.mark.parametrize(
    ("n", "way"), [(2, "cupy-compiled"), (4, "cupy-compiled"), (2, "cupy-readable")]
)
def test_cupy_ranks_end_where_one_ends(n, way, devices, tmp_path):
    """The yardstick is that of NumPy's test; the model on one GPU is what they are held to."""
    pytest.importorskip("mpi4py", reason="several ranks need MPI")
    if n > devices:
        pytest.skip(f"{devices} GPUs: {n} ranks need one each")
    names = NAMES if (n, way) == (2, "cupy-compiled") else NAMES[1:3]
    ranks(n, "distributed_runs.py", tmp_path / "all.npz", way, *names)
    found = np.load(tmp_path / "all.npz")
    for name in names:
        assert str(found[f"{name}/:refused"]) == "None", name
        exact, rounded = (
            results(train(name, way, dtype=dtype, distributed=False))
            for dtype in ("float64", "float32")
        )
        keys = [key for key in exact if not key.endswith("/rest")]
        noise = max(distance(exact[key], rounded[key]) for key in keys) * 2.0**-29
        for key in keys:
            assert distance(exact[key], found[f"{name}/{key}"]) <= 8 * noise, (name, key)
