"""Ranks on two hosts (network namespaces) end where ranks on one host end, and end together."""

import numpy as np
import pytest
from distributed_runs import distance
from test_distributed import ranks
from two_hosts import TwoHosts

NAMES = ("dropout", "joined_batch_norm", "options")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    mpi4py = pytest.importorskip("mpi4py.MPI", reason="several ranks need MPI")
    if "Open MPI" not in mpi4py.Get_library_version():
        pytest.skip("ranks are started on other hosts by Open MPI's plm_ssh_agent")
    with TwoHosts(tmp_path_factory.mktemp("hosts")) as found:
        if found.why:
            pytest.skip(found.why)
        yield found


@pytest.mark.parametrize("n", [2, 4])
def test_two_hosts_compute_what_one_computes(hosts, n, tmp_path):
    """A sum of two numbers has one order; of four it depends on where they lie."""
    before = hosts.n_bytes()
    process = hosts.start(n, "distributed_runs.py", tmp_path / "two.npz", "compiled", *NAMES)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    passed = hosts.n_bytes() - before
    ranks(n, "distributed_runs.py", tmp_path / "one.npz", "compiled", *NAMES)
    one, two = np.load(tmp_path / "one.npz"), np.load(tmp_path / "two.npz")
    assert passed > sum(two[f"{name}/:calls"][1] for name in NAMES)  # the sums came by cable
    for key in one.files:
        if n == 2:
            assert np.array_equal(one[key], two[key]), key
        elif one[key].dtype.kind == "f" and not key.endswith("/rest"):
            assert distance(one[key], two[key]) < 1e-12, key


def test_a_rank_that_is_killed_on_the_other_host_ends_all(hosts, tmp_path):
    """Rank 0 may see the broken connection before mpiexec has heard of the rank."""
    process = hosts.start(2, "distributed_faults.py", "killed", tmp_path)
    output, _ = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Socket closed" in output or "rank 1" in output, output
