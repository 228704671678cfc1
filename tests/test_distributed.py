"""Data-parallel training: any number of ranks ends where one does, and no rank is lost in silence."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import distributed_runs
import numpy as np
import pytest
from distributed_runs import RUNS, distance, results, train

import portanet
from portanet.compiler.runtime.epoch_loss import EpochLoss
from portanet.distributed import Alone, choose, communicator_for, local_rank
from portanet.distributed.launch import launch
from portanet.distributed.ranks import Ranks
from portanet.draws import dropout_mask, uniform
from portanet.errors import (
    ArgumentError,
    DistributedError,
    NotDistributedWarning,
    PlacementError,
    ShapeError,
)
from portanet.joined import first_here, joined, joined_rows, joined_sums, sharing
from portanet.random import Key
from portanet.training.together import Together

HERE = Path(__file__).parent
MPIEXEC = Path(sys.executable).with_name("mpiexec")
needs_mpi = pytest.mark.usefixtures("mpi")


@pytest.fixture
def mpi():
    pytest.importorskip("mpi4py", reason="several ranks need MPI")


def start(n, *arguments, first=HERE.parent):
    """Start n ranks of a program in this folder; modules are looked for in `first` first."""
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    idle = {"OMPI_MCA_mpi_yield_when_idle": "1"}  # more ranks than cores
    path = os.pathsep.join([str(first), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    surroundings = {**os.environ, **root, **idle, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    mpiexec = str(MPIEXEC) if MPIEXEC.exists() else "mpiexec"
    return subprocess.Popen(
        [mpiexec, "--oversubscribe", "-n", str(n), sys.executable, *map(str, arguments)],
        cwd=HERE, env=surroundings, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def ranks(n, *arguments):
    """Run n ranks of a program in this folder to its end; return its output."""
    process = start(n, *arguments)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    return output


# the same numbers on any number of ranks


ONE_RANK = {}


def one_rank(name, way, n):
    """What one rank ends with in float64, and in float32."""
    ghosts = n if name == "batch_norm_of_each_rank" else None
    if (name, way, ghosts) not in ONE_RANK:
        way_here = "readable" if ghosts else way
        ONE_RANK[name, way, ghosts] = [
            {key.replace(".norms.0", ""): array for key, array in results(trainer).items()}
            for trainer in (
                train(name, way_here, ranks=ghosts, dtype=dtype, distributed=False)
                for dtype in ("float64", "float32")
            )
        ]
    return ONE_RANK[name, way, ghosts]


FEW = ("dropout", "joined_batch_norm", "fewer_rows_than_ranks", "options")


@needs_mpi
@pytest.mark.parametrize(
    ("n", "way", "names"),
    [
        (2, "compiled", RUNS),
        (3, "readable", [*FEW, "batch_norm_of_each_rank", "several"]),
        (4, "compiled", FEW),
        (2, "llvm", FEW[:2]),
    ],
    ids=["2-compiled", "3-readable", "4-compiled", "2-llvm"],
)
def test_ranks_end_where_one_ends(n, way, names, tmp_path):
    """To first order errors grow with the unit of rounding: float32's, scaled, are the yardstick."""
    if way == "llvm":
        pytest.importorskip("llvmlite", reason="steps compiled by LLVM")
    ranks(n, "distributed_runs.py", tmp_path / "all.npz", way, *names)
    found = np.load(tmp_path / "all.npz")
    for name in names:
        assert str(found[f"{name}/:refused"]) == "None", name
        exact, rounded = one_rank(name, way, n)
        # the other ghosts' statistics; what rounding has left of an average
        keys = [key for key in exact if ".norms." not in key and not key.endswith("/rest")]
        noise = max(distance(exact[key], rounded[key]) for key in keys) * 2.0**-29
        for key in keys:
            assert distance(exact[key], found[f"{name}/{key}"]) <= 8 * noise, (name, key)


@needs_mpi
def test_the_same_ranks_twice_give_the_same_bits(tmp_path):
    for file in ("a.npz", "b.npz"):
        ranks(3, "distributed_runs.py", tmp_path / file, "compiled", "dropout", "joined_batch_norm")
    a, b = np.load(tmp_path / "a.npz"), np.load(tmp_path / "b.npz")
    assert a.files == b.files
    for name in a.files:
        assert np.array_equal(a[name], b[name]), name


@needs_mpi
def test_one_all_reduce_a_step(tmp_path):
    """Beside them there are what verification asks at steps 2, 4, 8 …, and nothing as written."""
    ranks(2, "distributed_runs.py", tmp_path / "a.npz", "readable", "plain", "weights", "options")
    found = np.load(tmp_path / "a.npz")
    n_numbers = 5 * 12 + 12 + 12 * 2 + 2
    assert found["plain/:calls"].tolist() == [50, 50 * 8 * n_numbers]
    assert found["weights/:calls"].tolist() == [100, 50 * 8 * (n_numbers + 1)]
    moves, parameters = 50 // 3, 4  # what waits is gathered at the end, an array at a time
    assert found["options/:calls"][0] == moves + parameters


# the parts, in one process


def shares(n, size):
    """The shares of a batch of n rows that `size` ranks have."""
    found = []
    for rank in range(size):
        one = Alone()
        one.rank, one.size = rank, size
        found.append(Ranks(one).share(n))
    return found


@pytest.mark.parametrize(("n", "size"), [(8, 2), (7, 3), (1, 4), (5, 5)])
def test_parts_are_contiguous_and_even_and_rank_0_has_one(n, size):
    found = shares(n, size)
    assert [share.start for share in found[1:]] == [share.stop for share in found[:-1]]
    assert (found[0].start, found[-1].stop) == (0, n)
    lengths = [share.stop - share.start for share in found]
    assert lengths[0] >= 1
    assert max(lengths) - min(lengths) <= 1
    parts = [Ranks(share.reduce.communicator).own(slice(10, 10 + n)) for share in found]
    assert [p.stop - p.start for p in parts] == lengths
    assert parts[0].start == 10


def test_draws_are_those_of_the_joined_batch():
    x, at = np.zeros((7, 5)), Key(3, "dropout").position(2)
    whole = dropout_mask(lambda: at, 0.4, x), uniform(lambda: at, x)
    for share in shares(7, 3):
        with sharing(share):
            rows = slice(share.start, share.stop)
            assert np.array_equal(dropout_mask(lambda: at, 0.4, x[rows]), whole[0][rows])
            assert np.array_equal(uniform(lambda: at, x[rows]), whole[1][rows])


def test_what_has_no_samples_along_its_first_axis_is_refused():
    with sharing(shares(8, 2)[1]):
        with pytest.raises(
            ShapeError,
            match=r"dropout_mask: .* must be that of the samples, of .* 4 here; it has 20",
        ):
            dropout_mask(lambda: None, 0.5, np.zeros((20, 3)))
        assert joined_rows("CrossEntropy", 4) == 8


def test_without_a_share_everything_is_as_it_is():
    x = np.ones(3)
    assert joined(x) is x
    assert joined_sums({"a": x})["a"] is x
    assert joined_rows("CrossEntropy", 5) == 5
    assert first_here("uniform", (5, 2)) == 0


def test_alone_is_one_rank():
    alone, x = Alone(), np.array([1.0, 2.0])
    assert (alone.rank, alone.size) == (0, 1)
    assert alone.all_reduce(x, "max") is x
    assert np.array_equal(alone.all_reduce(x, out=np.zeros(2)), x)
    assert alone.text_of_rank_0("héllo") == "héllo"
    alone.barrier()
    with pytest.raises(ArgumentError, match="how must be one of sum, max, is 'mean'"):
        alone.all_reduce(x, "mean")
    with pytest.raises(ArgumentError, match="belongs to one process"):
        pickle.dumps(alone)


def test_launches_are_read_off_the_variables():
    by_mpi = launch({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "4", "RANK": "7"})
    assert (by_mpi.rank, by_mpi.size, by_mpi.by_mpi) == (1, 4, True)
    assert launch({"PMI_RANK": "0", "PMI_SIZE": "2"}).launcher == "MPICH"
    assert launch({"SLURM_JOB_ID": "3"}) is None
    with pytest.raises(ArgumentError, match="MASTER_ADDR and MASTER_PORT must be set"):
        launch({"RANK": "0", "WORLD_SIZE": "2"})
    assert local_rank({"SLURM_LOCALID": "3"}) == 3


@needs_mpi
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"},
            "RANK and WORLD_SIZE has started 2 processes, which cannot exchange NumPy arrays: these "
            "need MPI. Run: mpiexec -n 2 python",
        ),
        (
            {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "4"},
            "Open MPI has started 4 processes, but mpi4py sees 1: its MPI is another one",
        ),
    ],
)
def test_nothing_trains_on_one_rank_where_several_were_wanted(variables, words, monkeypatch):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DistributedError, match=words):
        train("plain", "readable")


def test_other_backends_train_on_one_rank(monkeypatch):
    monkeypatch.setenv("PMI_RANK", "0")
    monkeypatch.setenv("PMI_SIZE", "2")
    strict = pytest.importorskip("array_api_strict", reason="a backend that is not NumPy")
    assert strict
    model = distributed_runs.network().to("strict")
    with pytest.raises(PlacementError, match="a model on strict trains on one rank only"):
        communicator_for(model)


def test_one_process_trains_as_without_and_says_so(capsys):
    one, alone = (results(train("weights", "compiled", distributed=d)) for d in (False, True))
    for name, array in one.items():
        assert np.array_equal(array, alone[name]), name
    if "alone" not in capsys.readouterr().err:  # said once a process
        assert "alone; for several ranks run: mpiexec -n 2 python" in "".join(choose._said)


def test_processes_that_train_each_by_itself_are_told(monkeypatch):
    monkeypatch.setenv("PMI_RANK", "1")
    monkeypatch.setenv("PMI_SIZE", "2")
    with pytest.warns(
        NotDistributedWarning, match="MPICH has started 2 processes, and each trains"
    ):
        train("plain", "readable", distributed=None)


def test_a_trainer_takes_true_false_or_a_communicator():
    with pytest.raises(ArgumentError, match="distributed must be True, False or a communicator"):
        train("plain", "readable", distributed="mpi")


def test_processes_meet_at_an_address(tmp_path):
    """Without MPI: the few numbers that GPUs' ranks have to agree on."""
    (tmp_path / "meet.py").write_text(MEET)
    run = [sys.executable, "-m", "portanet.distributed.run", "-n", "3", "--by", "variables"]
    done = subprocess.run([*run, tmp_path / "meet.py", "agree"], capture_output=True, text=True)
    assert (done.returncode, done.stdout.count("6.0 3.0 [1.0, 2.0] rank 0's")) == (0, 3), (
        done.stderr
    )
    lost = subprocess.run([*run, tmp_path / "meet.py", "lose"], capture_output=True, text=True)
    assert lost.returncode in (1, 7)  # that of rank 0, which has waited for it, or its own
    assert "rank 1" in lost.stderr
    assert "all ranks are ended" in lost.stderr


MEET = """
import os, sys
import numpy as np
from portanet.distributed.control import Control
from portanet.distributed.launch import launch

control = Control.from_launch(launch())
if sys.argv[1] == "lose" and control.rank == 1:
    os._exit(7)
total = control.of_host(np.array([control.rank + 1.0]))[0]
largest = control.of_host(np.array([control.rank + 1.0]), "max")[0]
first = control.broadcast(np.array([1.0, 2.0]) * (control.rank + 1)).tolist()
sys.stdout.write(f"{total} {largest} {first} " + control.text_of_rank_0(f"rank {control.rank}'s") + "\\n")
"""


@needs_mpi
def test_the_launcher_finds_mpiexec(tmp_path):
    (tmp_path / "ranks.py").write_text(
        "from portanet.distributed import MPICommunicator\n"
        "found = MPICommunicator()\n"
        "print(f'{found.rank + found.size}.')\n"
    )
    run = [sys.executable, "-m", "portanet.distributed.run", "-n", "2", tmp_path / "ranks.py"]
    done = subprocess.run(run, capture_output=True, text=True)
    assert sorted(done.stdout.split()) == ["2.", "3."], done.stderr


def test_ranks_have_as_many_sums_whether_rounding_took_something_off_or_not():
    """Two numbers of one rank and four of another were one message, and ended the run."""
    criterion = portanet.BCEWithLogits()
    exact, rounded = (
        EpochLoss(portanet.Sequential([portanet.Linear(1, 1)], criterion)) for _ in "ab"
    )
    exact.start_from([3.5, 2.0], None)
    rounded.start_from([3.0, 2.5, 0.5, -0.5], None)
    assert len(exact.sums(None)) == len(rounded.sums(None)) == 4
    for sums in ([3.5, 2.0, 0.0, 0.0], [3.0, 2.5, 0.5, -0.5]):
        assert Together(Alone()).mean_loss(sums) == 1.75
