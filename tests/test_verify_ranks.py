"""`portanet verify --distributed`: ranks beside one rank, and faults that only several ranks show."""

import json

import numpy as np
import pytest

from benchmarks.planted.fault import Fault
from benchmarks.planted.ranks import RANKS
from benchmarks.planted_faults import Copy
from portanet import cli
from portanet.verify.ranks import check, run_ranks
from portanet.verify.ranks.comparing import Yardstick, first, partings, yardstick
from portanet.verify.ranks.networks import CASES
from portanet.verify.ranks.recording import LOSSES, RATE, SAMPLES, record


@pytest.fixture
def mpi():
    pytest.importorskip("mpi4py", reason="several ranks need MPI")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(str(tmp_path_factory.mktemp("copy")))


@pytest.mark.usefixtures("mpi")
def test_two_ranks_agree_with_one(capsys):
    assert cli.main(["verify", "--distributed", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert [row["case"] for row in found] == [case.name for case in CASES for _ in range(2)]
    assert {row["check"] for row in found} == {"2 ranks, readable", "2 ranks, compiled"}


@pytest.mark.usefixtures("mpi")
def test_other_numbers_of_ranks_agree():
    report = run_ranks(3, cases=["dropout", "last batch", "batch norm, joined"])
    assert [f.note for f in report.failures] == []
    assert report.counts["passed"] == 6


@pytest.mark.usefixtures("mpi")
@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("missing 1/N of the joined batch", ["step 1, value of layers.1.weights, rank 0: "]),
        ("a rank's own shuffle", ["step 1, samples, rank 1: ", "step 1, losses, all ranks"]),
        ("statistics of other ranks forgotten", ["running_variance, rank 0: "] * 2),
        ("running statistics not taken over", ["step 20, at the end, buffer"] * 2),
        ("schedule stepped twice", ["step 1, learning rate, rank 0: "] * 2),
        ("schedule told twice", ["step 5, learning rate, rank 0: wanted 0.01, got 0.001"] * 2),
    ],
)
def test_a_planted_fault_is_named_where_it_begins(copy, what, words):
    (fault,) = (fault for fault in RANKS if fault.what == what)
    rows = copy.failures(fault)
    assert len(rows) == 2  # as written, and compiled
    for row, word in zip(rows, words, strict=False):
        assert word in row["note"]


@pytest.mark.usefixtures("mpi")
def test_a_rank_that_fails_is_a_finding(copy):
    fault = Fault("", "verify/ranks/program.py", "found = record(", "found = [{}][rank] or record(",
                  "clipping", ranks=2)  # fmt: skip
    (row,) = copy.failures(fault)
    assert row["note"].startswith("the ranks ended with status ")
    assert "IndexError: list index out of range" in row["note"]


@pytest.mark.only_on("cupy")
def test_a_device_whose_sums_are_late_is_found(copy, monkeypatch, backend):
    """With lazy streams a simulated device computes only what something waits for."""
    monkeypatch.setenv("CUPY_CPU_STREAMS", "lazy")
    monkeypatch.setenv("CUPY_CPU_DEVICES", "2")
    pytest.importorskip("cupycpu", reason="a device that shows missing synchronisations")
    pytest.importorskip("mpi4py", reason="several ranks need MPI")
    (fault,) = (fault for fault in RANKS if fault.backends == ("cupy",))
    readable, compiled = copy.failures(fault)
    assert readable["note"].startswith("step 1, slot layers.1.weights/velocity, rank ")
    assert compiled["check"] == "2 ranks, compiled"  # by its numbers, or by verification there


def test_ranks_without_rows_for_statistics_are_skipped(monkeypatch):
    monkeypatch.setattr(check, "start", lambda *_: (0, ""))
    (skipped,) = run_ranks(17, cases=["batch norm, of"]).skipped
    assert "a batch has 32 rows, and each rank needs two" in skipped.why


def test_without_mpi_nothing_is_compared(monkeypatch, capsys):
    said = "portanet.distributed.run: no mpiexec, or no mpi4py; run: pip install"
    monkeypatch.setattr(check, "start", lambda *_: (2, said))
    assert cli.main(["verify", "--distributed"]) == 2
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-n", "3"], "-n is how many ranks --distributed starts"),
        (["--distributed", "-n", "0"], "n must be"),
        (
            ["--distributed", "--backend", "torch"],
            "needs the backend numpy (MPI) or cupy (NCCL), is 'torch'",
        ),
        (["--distributed", "--case", "Relu"], "--distributed has 'dropout'"),
        (["--distributed", "--quick"], "--quick cannot be given with --distributed"),
    ],
)
def test_what_does_not_go_together_is_said(words, said, capsys):
    assert cli.main(["verify", *words]) == 2
    assert said in capsys.readouterr().err


# the comparison


def ranks_of(one):
    """Two ranks that have computed what one has."""
    samples = np.full_like(one[SAMPLES], np.nan), np.full_like(one[SAMPLES], np.nan)
    for i, row in enumerate(one[SAMPLES]):
        for part, own in zip(np.array_split(row[~np.isnan(row)], 2), samples, strict=True):
            own[i, : len(part)] = part
    return [one | {SAMPLES: own, LOSSES: one[LOSSES] / 2} for own in samples]


@pytest.fixture(scope="module")
def one():
    case = next(case for case in CASES if case.name == "accumulation")
    exact, rounded = (
        record(case, "readable", "numpy", dtype, distributed=False)
        for dtype in ("float64", "float32")
    )
    return yardstick(exact, rounded)


def test_what_one_rank_has_agrees_with_itself(one):
    assert list(partings(ranks_of(one.wanted), one)) == []
    assert 2 < one.allowed < 1000  # ulps; rounding of a few hundred operations


@pytest.mark.parametrize(
    ("name", "step"), [("value of layers.1.bias", 7), ("slot layers.1.bias/m", 9), (RATE, 3)]
)
def test_the_first_step_that_is_off_is_named(one, name, step):
    """Slots come with the first move, at step 3: what is recorded ends with the last step."""
    ranks = ranks_of(one.wanted)
    ranks[1][name] = ranks[1][name].copy()
    n_steps, size = len(one.wanted[RATE]), np.max(np.abs(one.wanted[name]))
    at = step - 1 - (n_steps - len(ranks[1][name]))
    ranks[1][name].reshape(len(ranks[1][name]), -1)[at:, 0] += 2 * one.allowed * 2.0**-52 * size
    parting = first(list(partings(ranks, one)))
    assert (parting.step, parting.tensor, parting.rank) == (step, name, 1)
    assert 1.5 * one.allowed < parting.size < 2.5 * one.allowed


@pytest.mark.parametrize("name", [SAMPLES, LOSSES, "value of layers.1.bias"])
def test_what_is_not_a_number_differs(one, name):
    ranks = ranks_of(one.wanted)
    ranks[0][name] = ranks[0][name].copy()
    ranks[0][name][2, 1] = np.nan
    assert [(p.step, p.tensor) for p in partings(ranks, one)] == [(3, name)]


def test_what_a_rank_has_not_recorded_differs():
    wanted = Yardstick({RATE: np.ones(4), "value": np.ones((4, 2))}, 0.0)
    ranks = [{RATE: np.ones(4), "value": np.ones((3, 2))}, {RATE: np.ones(4)}]
    assert [str(p) for p in partings(ranks, wanted)] == [
        "step 1, value, rank 0: of shape (3, 2) in all steps, where one rank has (4, 2)"
    ]
