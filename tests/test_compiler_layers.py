"""Users' layers that compiled steps refuse: one warning that says why, and the readable step."""

import warnings

import numpy as np
import pytest
from compiled_twins import F4, Own, Twins, batches, network

from portanet import SGD


def sgd(model):
    return SGD(model, lr=0.05, momentum=0.9)


def trained(*layers, n=12, **options):
    return Twins(network(*layers), sgd, **options).train(batches(n))


# what cannot be traced


def branch(self, x):
    return x * 2 if x.sum() > 0 else x


def float_of(self, x):
    return x * (1 / (1 + abs(float(x.sum()))))


def item_of(self, x):
    return x * np.tanh(x.max().item()).astype(F4)


def index_of(self, x):
    return x * (1 / (1 + int(x.argmax())))


def written_at(self, x):
    x = x + 0
    x[:, 0] = 1
    return x


def written_by_sign(self, x):
    x = x * 2
    x += 1
    return x


def written_by_ufunc(self, x):
    return np.add(x, 1, out=np.empty(x.shape, F4))


def written_by_copyto(self, x):
    out = np.empty(x.shape, F4)
    np.copyto(out, x)
    return out


def picked(self, x):
    return x + x[x > 0].sum() * F4(0.01)


def nonzero(self, x):
    return x + np.nonzero(x > 0)[0].shape[0] * F4(0.01)


def to_numpy(self, x):
    return np.asarray(x) * 2


@pytest.mark.parametrize(
    ("forward", "why"),
    [
        (branch, "a branch depends on the numbers"),
        (float_of, "a number is fetched out of an array"),
        (item_of, "an array's item() is called"),
        (index_of, "a number is fetched"),
        (written_at, "written in place, at an index"),
        (written_by_sign, "written in place, by +="),
        (written_by_ufunc, "out="),
        (written_by_copyto, "written in place, by copyto"),
        (picked, "the shape of what getitem gives depends on"),
        (nonzero, "the shape of what nonzero gives depends on"),
        (to_numpy, "handed to NumPy"),
    ],
    ids=lambda x: getattr(x, "__name__", ""),
)
def test_what_cannot_be_traced_is_refused_once(forward, why):
    trained(Own(forward)).assert_refused(why)


# what a trace would freeze


def noisy(self, x):
    return x + np.random.standard_normal(x.shape).astype(F4)  # noqa: NPY002 - the users' stream


def noisy_of_its_own(self, x):
    return x + self.rng.standard_normal(x.shape).astype(F4)


def test_numpys_own_random_numbers_are_found():
    """Both trainings draw from the one stream in turn, so each starts it anew."""
    twins = Twins(network(Own(noisy)), sgd)
    for i, (x, y) in enumerate(batches(12)):
        np.random.seed(i)  # noqa: NPY002
        compiled, step = twins.compiled, twins.compiled.__call__

        def seeded(x, y, step=step, i=i):
            losses = step(x, y)
            np.random.seed(i)  # noqa: NPY002
            return losses

        twins.compiled = seeded
        twins.step(x, y)
        twins.compiled = compiled
    twins.assert_refused("random numbers are drawn from numpy.random outside of from_host")


def test_a_stream_of_a_layers_own_is_refused():
    trained(Own(noisy_of_its_own, rng=np.random.default_rng(3))).assert_refused(
        "random numbers are drawn from layers.1.rng outside of from_host"
    )


def counted(self, x):
    self.n += 1
    return x * (1 / self.n)


def carried(self, x):
    self.hidden = 0.5 * self.hidden + x
    return self.hidden


def added(self, x):
    self.hidden = self.hidden + x
    return np.tanh(self.hidden)


def carried_from_none(self, x):
    self.hidden = x if self.hidden is None else self.hidden * F4(0.5) + x
    return self.hidden


def carried_in_place(self, x):
    self.hidden *= F4(0.5)
    return x + self.hidden


def kept_in_list(self, x):
    self.seen[0] = x
    return x


def kept_in_object(self, x):
    self.box.held = x
    return x


class Box:
    pass


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (lambda: Own(counted, n=0), "layers.1.n changes from step to step"),
        (lambda: Own(added, hidden=np.zeros((8, 4), F4)), "Own.hidden carries an array"),
        (lambda: Own(carried, hidden=np.zeros((8, 4), F4)), "attribute:layers.1.hidden` differ"),
        (lambda: Own(carried_from_none, hidden=None), "attribute:layers.1.hidden` differ"),
        (lambda: Own(carried_in_place, hidden=np.ones((8, 4), F4)), "layers.1.hidden changes"),
        (lambda: Own(kept_in_list, seen=[None]), "Own.seen keeps arrays of a step in a list"),
        (lambda: Own(kept_in_object, box=Box()), "Own.box keeps arrays of a step in a list"),
    ],
    ids=["counted", "added", "carried", "carried from none", "in place", "list", "object"],
)
def test_what_a_layer_keeps_to_itself_is_refused(layer, why):
    twins = trained(layer())
    twins.assert_refused(why)
    own = [model.layers[1] for model in twins.models]
    for name in ("n", "hidden"):
        np.testing.assert_array_equal(*(vars(layer).get(name) for layer in own))


OUTSIDE = []


def kept_outside(self, x):
    OUTSIDE.append(x)
    return x + OUTSIDE[-1] * F4(0.5)


def carried_outside(self, x):
    OUTSIDE.append(x)
    return x + OUTSIDE[-2] * F4(0.5) if len(OUTSIDE) > 2 else x


def test_arrays_that_are_kept_outside_of_the_model_are_refused():
    OUTSIDE.clear()
    trained(Own(kept_outside)).assert_refused("OUTSIDE changes from step to step")
    OUTSIDE.clear()
    twins = Twins(network(Own(carried_outside)), sgd)
    for x, y in batches(8):
        with warnings.catch_warnings(record=True):
            warnings.simplefilter("always")
            twins.compiled(x, y)
    assert "OUTSIDE changes from step to step" in twins.compiled.refused
