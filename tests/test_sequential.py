"""Sequential as a list of its layers: length, items, slices, and the table of it."""

import numpy as np
import pytest

from portanet import Conv2d, CrossEntropy, Embedding, Flatten, Linear, ReLU, Sequential, Unembedding
from portanet.errors import ShapeError


def test_items_are_the_layers_themselves():
    layers = [Linear(3, 4), ReLU(), Linear(4, 2)]
    model = Sequential(layers, CrossEntropy())
    assert len(model) == 3
    assert all(a is b for a, b in zip(model, layers, strict=True))
    assert model[-1] is layers[2]
    body = model[:2]
    assert body.layers == layers[:2]
    assert body.criterion is None
    with pytest.raises(IndexError):
        model[3]


def test_a_new_head_on_an_old_body():
    old = Sequential([Linear(3, 4), ReLU(), Linear(4, 2)], CrossEntropy())
    new = Sequential([*old[:-1], Linear(4, 7)], CrossEntropy())
    x = np.ones((5, 3), "f4")
    assert np.array_equal(new[:-1](x), old[:-1](x))
    assert new(x).shape == (5, 7)


def test_the_table_is_right(backend):
    model = Sequential([Conv2d(1, 2, 3), Flatten(), Linear(18, 4, bias=False)])
    model.to(backend.name, device=backend.device)
    assert model.summary((1, 5, 5)).splitlines()[1:] == [
        "0 Conv2d(1, 2, 3)            (N, 2, 3, 3)          20     80",
        "1 Flatten()                  (N, 18)                0      0",
        "2 Linear(18, 4, bias=False)  (N, 4)                72    288",
        "total                        (N, 4)                92    368",
    ]


def test_what_is_shared_counts_once_in_the_total():
    embedding = Embedding(9, 4)
    model = Sequential([embedding, Unembedding(embedding)]).to(dtype="float64")
    rows = model.summary((6,)).splitlines()
    assert [row.split()[-2:] for row in rows[1:]] == [["36", "288"]] * 3


def test_samples_that_do_not_fit():
    with pytest.raises(ShapeError, match=r"Linear\(3, 2\): x must be \(N, 3\), is \(N, 4\)"):
        Sequential([Linear(3, 2)]).summary((4,))
