"""Actions that keep and put back: copies, pickles, checkpoints, snapshots, references."""

import contextlib
import copy
import pickle

import portanet
from differential.actions import action
from portanet.errors import PortanetError


def _pickled(bundle):
    return pickle.loads(pickle.dumps(bundle))


COPIES = {"deepcopy": copy.deepcopy, "pickle": _pickled}


@action(tuple(COPIES), ("copy", "original"), weight=4)
def copied(side, how, goes_on):
    """Copy everything; go on with the copy or the original, and keep the other."""
    other, before = COPIES[how](side.bundle()), side.bundle()
    if goes_on == "copy":
        side.adopt(other)
        side.spare = before
    else:
        side.spare = other


@action(weight=2)
def switch(side):
    """Go on with the other copy."""
    if side.spare is not None:
        before = side.bundle()
        side.adopt(side.spare)
        side.spare = before


@action(tuple(COPIES), weight=1)
def copied_model(side, how):
    """Copy the model alone, and predict with the copy."""
    x, _ = side.here(*side.batch(5))
    return COPIES[how](side.model)(x)


@action(("values", "gradients", "buffers", "attributes"), weight=4)
def keep(side, what):
    """Keep references to arrays; what is kept must stay as it is."""
    if what == "values":
        side.kept += [p.value for p in side.parameters]
    elif what == "gradients":
        side.kept += [] if side.torn else [p.grad for p in side.parameters]
    elif what == "buffers":
        side.kept += [b.value for b in side.model.named_buffers().values()]
    elif not side.torn:
        parts = side.model.named_parts().values()
        held = [v for part in parts for k, v in vars(part).items() if not k.startswith("_")]
        side.kept += [v for v in held if hasattr(v, "dtype")]


@action(("values", "optimizer", "trainer"), weight=3)
def snapshot(side, what):
    """Keep what is needed to go back here: best weights, the optimizer's or the trainer's state."""
    if what == "values":
        state = [(p, p.value) for p in side.parameters]
    elif what == "optimizer":
        state = side.optimizer.state()
    else:
        state = side.trainer.state() if side.trainer else None
    side.states += [(what, state)]


@action((0, 1, 2), weight=3)
def restore(side, i):
    """Go back to a snapshot."""
    if not side.states:
        return
    what, state = side.states[i % len(side.states)]
    if what == "values":
        for p, value in state:
            p.value = value
    elif state is not None:
        (side.optimizer if what == "optimizer" else side.trainer).load_state(state)


@action(weight=2)
def save(side):
    parts = {"trainer": side.trainer} if side.trainer else {}
    portanet.save(side.path, side.model, side.optimizer, **parts)
    side.n_saved += 1


@action(("everything", "weights"), weight=3)
def load(side, what):
    """Load the last checkpoint, where there is one."""
    if not side.n_saved:
        return
    parts = {"trainer": side.trainer} if side.trainer else {}
    if what == "weights":
        portanet.load(side.path, side.model)
    else:
        portanet.load(side.path, side.model, side.optimizer, **parts)


@action(weight=1)
def profile(side):
    """Look where the time goes, if the step can be compiled; the model must not notice.

    What copies of the model draw from global streams is drawn, so this is for pure networks only.
    """
    batch = side.batch(8)
    if side.compiled and side.pure:
        with contextlib.suppress(PortanetError):
            portanet.profile(side.model, *batch, side.optimizer, fast=False, repeats=2)
