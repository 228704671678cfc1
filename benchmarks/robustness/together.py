"""Trainers beside each other: in threads, interleaved, forked and spawned, off the main thread.

Each must end with the numbers of one that is alone, bit for bit, in checkpoints and logs, too; and
the random states of NumPy and Python, which belong to the user, stay as they were.
"""

import faulthandler
import multiprocessing
import os
import random
import threading
import traceback

import numpy as np

from benchmarks.robustness.run import N_STEPS, content, data, digest, finish, logs, made
from portanet import Adam, BCEWithLogits, DataLoader, Dataset, Linear, Sequential, Tanh, Trainer
from portanet.backends._llvm.machine import available

ROADS = [{"compile": False}, {"fast": False}, *([{"fast": True}] if available() else [])]
LONG = 120  # steps of a run that others disturb
SECONDS = 120  # after which a child hangs


def tried(place, count=5):
    """Yield what came out, in words; all of it is done `count` times."""
    before = global_states()
    for name, way in WAYS.items():
        for i in range(count):
            for n, road in enumerate(ROADS):
                way(place / f"{name}-{i}-{n}".replace(" ", "-"), road)
                assert same_states(before, global_states()), f"{name}: a global random state"
        yield f"{name}: {count} x {len(ROADS)} times as alone, bit for bit"


def global_states():
    """Return the states of the generators that NumPy and Python share among all users."""
    return random.getstate(), np.random.get_state(legacy=True)  # noqa: NPY002 - that very one


def same_states(one, other):
    """Return whether two such states are one."""
    arrays = [state[1][1] for state in (one, other)]
    return one[0] == other[0] and np.array_equal(*arrays) and one[1][2:] == other[1][2:]


def pair(road, n_steps=N_STEPS, **options):
    """Return what two trainers, of other seeds, end with alone."""
    return [content(finish(made(seed=seed, **road, **options), n_steps)) for seed in (1, 2)]


def in_threads(calls):
    """Make calls in threads of their own; raise what one of them raises."""
    errors = []

    def run(call):
        try:
            call()
        except BaseException:  # noqa: BLE001 - raised below
            errors.append(traceback.format_exc())

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]


def threads(place, road):
    """Train two trainers in two threads, each with its callbacks, on one data set."""
    ds, wanted = Dataset(*data()), pair(road, LONG)
    trainers = [made(seed=seed, ds=ds, **road) for seed in (1, 2)]
    in_threads([lambda t=t: finish(t, LONG) for t in trainers])
    assert [content(trainer) for trainer in trainers] == wanted


def interleaved(place, road):
    """Train two trainers in turns, some steps each."""
    ds, wanted, rng = Dataset(*data()), pair(road), random.Random(0)
    trainers = [made(seed=seed, ds=ds, **road) for seed in (1, 2)]
    left = [N_STEPS, N_STEPS]
    while any(left):
        which = rng.choice([i for i in (0, 1) if left[i]])
        n = min(rng.randint(1, 7), left[which])
        trainers[which].train(n_steps=n, log_level=0)
        left[which] -= n
    assert [content(trainer) for trainer in trainers] == wanted


def off_the_main_thread(place, road):
    """Train in another thread, with checkpoints and logs; resume the last one there, too."""
    main = finish(made(place / "main", **road))
    other = made(place / "other", **road)
    in_threads([lambda: finish(other)])
    assert content(other) == content(main)
    assert logs(place / "other") == logs(place / "main")
    names = [sorted(os.listdir(place / name)) for name in ("main", "other")]
    assert names[0] == names[1]
    for name in names[0]:
        assert (place / "main" / name).read_bytes() == (place / "other" / name).read_bytes()


def in_child(call):
    """Call in a forked process; raise AssertionError unless it returns the numbers that are wanted.

    `call` returns pairs of digests. A child that hangs says where, and is ended.
    """
    child = os.fork()
    if not child:
        status = 1
        try:
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            status = 0 if all(found == wanted for found, wanted in call()) else 2
        except BaseException:  # noqa: BLE001 - told by the status
            traceback.print_exc()
        os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, {2: "other numbers in the child"}.get(status, "the child has failed")


def forked(place, road):
    """Fork when half of a run is over; parent and child both go on with it, and begin a new one."""
    wanted, half = digest(finish(wide(road), LONG)), wide(road)
    finish(half, LONG // 2)
    in_child(
        lambda: [(digest(finish(half, LONG)), wanted), (digest(finish(wide(road), LONG)), wanted)]
    )
    assert digest(finish(half, LONG)) == wanted


def forked_beside_a_thread(place, road):
    """Fork while another thread trains: the child goes on with a run that stands still."""
    wanted, half, stop = digest(finish(wide(road), LONG)), wide(road), threading.Event()
    finish(half, LONG // 2)

    def disturb():
        while not stop.is_set():
            finish(wide(road), LONG // 4)

    def fork():
        try:
            for _ in range(3):
                in_child(lambda: [(digest(finish(half, LONG)), wanted)])
        finally:
            stop.set()

    in_threads([disturb, fork])
    assert digest(finish(half, LONG)) == wanted


def wide(road):
    """Return a trainer of a network whose kernels are shared with helping threads."""
    import portanet

    portanet.seed(5)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((2048, 20)).astype(np.float32)
    model = Sequential([Linear(20, 100), Tanh(), Linear(100, 1)], BCEWithLogits())
    loader = DataLoader(Dataset(X, X[:, 0] > 0), 1024, shuffle=True)
    return Trainer(model, Adam(model, lr=0.01), loader, loader, **road)


def spawned(place, road):
    """Train in two new processes at once."""
    wanted = [digest(finish(made(seed=seed, **road))) for seed in (1, 2)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(2) as pool:
        found = pool.starmap(of_seed, [(seed, road) for seed in (1, 2)])
    assert found == wanted


def of_seed(seed, road):
    """Return what a run of a seed ends with."""
    return digest(finish(made(seed=seed, **road)))


WAYS = {
    "two threads, one data set": threads,
    "interleaved": interleaved,
    "off the main thread": off_the_main_thread,
    "forked": forked,
    "forked beside a thread": forked_beside_a_thread,
    "spawned": spawned,
}
