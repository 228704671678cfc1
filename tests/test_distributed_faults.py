"""A rank that is lost, or goes another way, is named, and ends all; a run goes on on other ranks."""

import re
import shutil
import signal

import numpy as np
import pytest
from distributed_runs import distance, results, train
from test_distributed import ranks, start

pytestmark = pytest.mark.usefixtures("mpi")

LIMIT = 60  # seconds, for a machine under load; a rank that hangs would wait for ever


@pytest.fixture
def mpi():
    pytest.importorskip("mpi4py", reason="several ranks need MPI")


def lost(what, folder, n=2):
    process = start(n, "distributed_faults.py", what, folder)
    output, _ = process.communicate(timeout=LIMIT)
    return process.returncode, output


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("killed", "rank 1 .*exited on"),
        ("raises", "a fault of this rank\nportanet.distributed: rank 1: ended by ValueError"),
        ("leaves", "rank 0: waits for rank 1, which has ended"),
    ],
)
def test_a_lost_rank_ends_all_and_is_named(what, words, tmp_path):
    status, output = lost(what, tmp_path)
    assert status != 0
    assert re.search(words, output), output


def test_a_signal_to_one_rank_stops_all_at_the_same_step(tmp_path):
    status, output = lost("signalled", tmp_path)
    assert status == 128 + signal.SIGTERM, output
    assert [(tmp_path / f"rank-{rank}").read_text() for rank in (0, 1)] == ["10", "10"]
    assert (tmp_path / "step-0000010.safetensors").exists()


def test_ranks_of_different_seeds_are_refused(tmp_path):
    status, output = lost("other_seed", tmp_path)
    assert status != 0
    assert "all ranks must train alike; seed and epoch of the shuffle is [6, " in output


def test_a_wrong_sum_is_found_on_all_ranks(tmp_path):
    status, output = lost("wrong_sum", tmp_path)
    assert status == 0, output
    here = "verification failed: compiled and uncompiled sums of the gradients differ in 1 numbers"
    assert (
        tmp_path / "rank-0"
    ).read_text() == "verification failed: another rank has found a difference"
    assert (tmp_path / "rank-1").read_text() == here


def test_a_run_goes_on_on_another_number_of_ranks(tmp_path):
    """Within an epoch, with gradients that wait: on as many ranks with the same bits."""
    name = "options"
    whole, parts, more = (tmp_path / folder for folder in ("whole", "parts", "more"))
    ranks(2, "distributed_faults.py", "first", whole, name, 20)
    ranks(2, "distributed_faults.py", "first", parts, name, 10)
    shutil.copytree(parts, more)
    ranks(2, "distributed_faults.py", "then", parts, name, 10)
    ranks(3, "distributed_faults.py", "then", more, name, 10)
    a, b, c = (np.load(folder / "20.npz") for folder in (whole, parts, more))
    for key in a.files:
        assert np.array_equal(a[key], b[key]), key
        assert distance(a[key], c[key]) < 1e-12, key


@pytest.mark.parametrize("name", ["plain", "weights"])
def test_a_checkpoint_at_the_last_step_of_an_epoch_changes_nothing(name, tmp_path):
    """Rank 0 then has the sums of the whole epoch, and the others none."""
    ranks(2, "distributed_faults.py", "first", tmp_path, name, 14, 7)
    found = np.load(tmp_path / "14.npz")
    wanted = results(train(name, "compiled", distributed=False, n_steps=14))
    assert distance(wanted["history:loss"], found["history:loss"]) < 1e-12


def test_without_mpi4py_nothing_trains(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('no mpi4py here')")
    process = start(
        2, "distributed_runs.py", tmp_path / "a.npz", "readable", "plain", first=tmp_path
    )
    output, _ = process.communicate(timeout=LIMIT)
    assert process.returncode != 0
    assert "mpi4py and an MPI library are needed (no mpi4py here)" in output
    assert not (tmp_path / "a.npz").exists()
