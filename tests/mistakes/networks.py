"""Networks: what is no layer, layers used twice, and which layer complains."""

import numpy as np

import portanet
from mistakes.base import F4, Mistake, X, Y, model, train
from portanet import (
    MSE,
    Add,
    BatchNorm1d,
    BCEWithLogits,
    Conv2d,
    CrossEntropy,
    Embedding,
    Flatten,
    Graph,
    Input,
    Layer,
    Linear,
    Parallel,
    ReLU,
    Residual,
    Sequential,
    backends,
)
from portanet.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    OrderError,
    PlacementError,
    ShapeError,
    SharedParameterError,
)

TOKENS = np.array([[1, 2, 3], [4, 5, 6]])


def strict(x):
    return backends.get("strict").asarray(np.asarray(x, F4))


def twice():
    layer = Linear(3, 3)
    return Sequential([layer, ReLU(), layer], MSE()).parameters()


def one_bias_in_float64():
    net = model()
    net.layers[2].bias.value = net.layers[2].bias.value.astype(np.float64)
    return train(net)


def a_graph_inside():
    x = Input()
    inner = Graph(x, Add()([Linear(3, 3)(x), Sequential([ReLU(), Linear(4, 3)])(x)]))
    return Sequential([inner, Linear(3, 1)], MSE())


def a_graph_alone():
    x = Input()
    return Graph(x, Linear(5, 1)(Linear(3, 4)(x)))


def backward_twice():
    net = model()
    net.criterion.forward(net.forward(X, training=True), Y, training=True)
    net.backward()
    net.backward()


def backward_without_training():
    net = model()
    net.criterion.forward(net.forward(X), Y, training=True)
    net.backward()


MISTAKES = {
    "two layers without a list": Mistake(lambda: Sequential(Linear(3, 4), ReLU()), ArgumentError,
        "Sequential: ", "layers must be a list of layers", "is Linear(3, 4)", "Sequential([Linear("),
    "no layers": Mistake(lambda: Sequential([]), ArgumentError,
        "Sequential: ", "layers must be a list of layers", "is []", "Sequential([Linear("),
    "a class for a layer": Mistake(lambda: Sequential([Linear(3, 4), ReLU]), ArgumentError,
        "Sequential: layers[1]", "must be a Layer", "is the class ReLU", "ReLU()"),
    "a function for a layer": Mistake(lambda: Sequential([np.tanh, np.tanh]), ArgumentError,
        "Sequential: layers[0]", "must be a Layer", "tanh", "class Mine(portanet.Layer)"),
    "None for a layer": Mistake(lambda: Sequential([ReLU(), None]), ArgumentError,
        "Sequential: layers[1]", "must be a Layer", "is None", "leave it out"),
    "a list in the list": Mistake(lambda: Sequential([[Linear(3, 4), ReLU()], Linear(4, 1)]), ArgumentError,
        "Sequential: layers[0]", "must be a Layer", "is [Linear(3, 4), ReLU()]", "Sequential([...])"),
    "a layer by its name": Mistake(lambda: Sequential([Linear(3, 4), "relu"]), ArgumentError,
        "Sequential: layers[1]", "must be a Layer", "is 'relu'", "ReLU()"),
    "a tuple with a name": Mistake(lambda: Sequential([("hidden", Linear(3, 4))]), ArgumentError,
        "Sequential: layers[0]", "must be a Layer", "is ('hidden', Linear(3, 4))", "Sequential([...])"),
    "a loss among the layers": Mistake(lambda: Sequential([Linear(3, 1), BCEWithLogits()]), ArgumentError,
        "Sequential: layers[1]", "must be a Layer", "is BCEWithLogits()", "Sequential(layers, BCEWithLogits())"),
    "a criterion by its name": Mistake(lambda: Sequential([ReLU()], "mse"), ArgumentError,
        "Sequential: ", "criterion must be a loss", "is 'mse'", "such as BCEWithLogits()"),
    "a criterion's class": Mistake(lambda: Sequential([ReLU()], CrossEntropy), ArgumentError,
        "Sequential: ", "criterion must be a loss", "is the class CrossEntropy", "CrossEntropy()"),
    "a layer for a criterion": Mistake(lambda: Sequential([Linear(3, 1)], ReLU()), ArgumentError,
        "Sequential: ", "criterion must be a loss", "is ReLU()", "Sequential([..., ReLU()]"),
    "one layer twice": Mistake(twice, SharedParameterError,
        "Sequential: layers.0.weights and layers.2.weights", "belong to one layer", "layers.2.weights", "second.weights = first.weights"),
    "X of shape (N,)": Mistake(lambda: model().forward(np.ones(6, F4)), ShapeError,
        "layers.0 Linear(3, 4): ", "x must be (N, 3)", "is (6,)", "x[:, None]"),
    "one sample": Mistake(lambda: model().forward(X[0]), ShapeError,
        "layers.0 Linear(3, 4): ", "x must be (N, 3)", "is (3,)", "x[None, :]"),
    "the wrong number of features": Mistake(lambda: model().forward(np.ones((6, 5), F4)), ShapeError,
        "layers.0 Linear(3, 4): ", "x must be (N, 3)", "is (6, 5)", "Linear(5, 4)"),
    "sizes that do not follow": Mistake(lambda: Sequential([Linear(3, 4), ReLU(), Linear(5, 1)]).forward(X), ShapeError,
        "layers.2 Linear(5, 1): ", "x must be (N, 5)", "is (6, 4)", "Linear(4, 1)"),
    "in a network in a network": Mistake(
        lambda: Sequential([ReLU(), Sequential([Linear(3, 4), Linear(3, 1)])]).forward(X), ShapeError,
        "layers.1.layers.1 Linear(3, 1): ", "x must be (N, 3)", "is (6, 4)", "Linear(4, 1)"),
    "in a residual": Mistake(lambda: Sequential([ReLU(), Residual([Linear(4, 3)])]).forward(X), ShapeError,
        "layers.1.layers.layers.0 Linear(4, 3): ", "x must be (N, 4)", "is (6, 3)", "Linear(3, 3)"),
    "a residual that changes the shape": Mistake(lambda: Sequential([Residual(Linear(3, 4))]).forward(X), ShapeError,
        "layers.0 Residual: ", "must have the shape of x, (6, 3)", "has (6, 4)", "let the layers keep the shape"),
    "in a branch": Mistake(lambda: Sequential([Parallel([ReLU(), [ReLU(), Linear(4, 3)]])]).forward(X), ShapeError,
        "layers.0.branches.1.layers.1 Linear(4, 3): ", "x must be (N, 4)", "is (6, 3)", "Linear(3, 3)"),
    "in a graph": Mistake(lambda: a_graph_inside().forward(X), ShapeError,
        "layers.0.layers.1.layers.1 Linear(4, 3): ", "x must be (N, 4)", "is (6, 3)", "Linear(3, 3)"),
    "in a graph alone": Mistake(lambda: a_graph_alone().forward(X), ShapeError,
        "layers.1 Linear(5, 1): ", "x must be (N, 5)", "is (6, 4)", "Linear(4, 1)"),
    "in training": Mistake(lambda: train(Sequential([Linear(3, 4), Linear(5, 1)], BCEWithLogits())), ShapeError,
        "layers.1 Linear(5, 1): ", "x must be (N, 5)", "is (6, 4)", "Linear(4, 1)"),
    "the data's shape in training": Mistake(lambda: train(x=np.ones((6, 5), F4)), ShapeError,
        "layers.0 Linear(3, 4): ", "x must be (N, 3)", "X of shape (6, 5)", "Linear(5, 4)"),
    "a summary of the wrong shape": Mistake(lambda: model().summary((5,)), ShapeError,
        "layers.0 Linear(3, 4): ", "x must be (N, 3)", "is (N, 5)", "Linear(5, 4)"),
    "a summary without a shape": Mistake(lambda: model().summary(), ArgumentError,
        "Sequential.summary: ", "shape must be the shape of one sample", "is None", "model.summary((30,))"),
    "a summary of a number": Mistake(lambda: model().summary(3), ArgumentError,
        "Sequential.summary: ", "shape must be the shape of one sample", "is 3", "model.summary((30,))"),
    "an image without channels": Mistake(lambda: Sequential([Conv2d(1, 8, 3)]).forward(np.ones((6, 8, 8), F4)), ShapeError,
        "layers.0 Conv2d(1, 8, 3): ", "x must be (N, 1, height, width)", "is (6, 8, 8)", "x[:, None, ...]"),
    "channels last": Mistake(lambda: Sequential([Conv2d(3, 8, 3)]).forward(np.ones((6, 8, 8, 3), F4)), ShapeError,
        "layers.0 Conv2d(3, 8, 3): ", "x must be (N, 3, height, width)", "is (6, 8, 8, 3)", "permute the axes"),
    "a kernel too large": Mistake(lambda: Sequential([Conv2d(1, 8, 9)]).forward(np.ones((6, 1, 5, 5), F4)), ShapeError,
        "layers.0 Conv2d(1, 8, 9): ", "x must be at least 9 x 9", "is 5 x 5", "padding"),
    "a convolution before Linear": Mistake(
        lambda: Sequential([Conv2d(1, 2, 3), Linear(72, 1)]).forward(np.ones((6, 1, 8, 8), F4)), ShapeError,
        "layers.1 Linear(72, 1): ", "x must be (N, 72)", "is (6, 2, 6, 6)", "Flatten()"),
    "the wrong size after Flatten": Mistake(
        lambda: Sequential([Conv2d(1, 2, 3), Flatten(), Linear(64, 1)]).forward(np.ones((6, 1, 8, 8), F4)), ShapeError,
        "layers.2 Linear(64, 1): ", "x must be (N, 64)", "is (6, 72)", "Linear(72, 1)"),
    "features of a batch norm": Mistake(lambda: Sequential([BatchNorm1d(4)]).forward(X), ShapeError,
        "layers.0 BatchNorm1d(4): ", "x must be (N, 4)", "is (6, 3)", "channels=3"),
    "float64 into float32": Mistake(lambda: model().forward(np.ones((6, 3))), DtypeError,
        "Sequential: ", "x must be float32", "it is float64", "astype('float32')"),
    "integers into a network": Mistake(lambda: model().forward(np.ones((6, 3), int)), DtypeError,
        "Sequential: ", "x must be float32", "it is int64", "astype('float32')"),
    "a list into a network": Mistake(lambda: model().forward([[1.0, 2.0, 3.0]]), DtypeError,
        "Sequential: ", "x must be an array", "is list of 1 lists", "numpy.asarray(x, 'float32')"),
    "a number into a layer": Mistake(lambda: Linear(3, 4)(1.0), DtypeError,
        "Linear(3, 4): ", "x must be an array", "is 1.0", "numpy.asarray(x, 'float32')"),
    "nothing into a network": Mistake(lambda: model().forward(None), DtypeError,
        "Sequential: ", "x must be an array", "is None", "`return`"),
    "a data set into a network": Mistake(lambda: model().forward(portanet.Dataset(X, Y)), DtypeError,
        "Sequential: ", "x must be an array", "is Dataset((6, 3)", "dataset.X"),
    "an array of another library": Mistake(lambda: model().forward(strict(X)), PlacementError,
        "Sequential: ", "x must be on the device of the network, backend 'numpy'", "it is on backend 'strict'", ".to('strict')"),
    "one parameter of another dtype": Mistake(one_bias_in_float64, DtypeError,
        "Sequential: layers.2.bias", "other parameters are float32", "is float64", ".to(dtype='float32')"),
    "floats into an embedding": Mistake(lambda: Sequential([Embedding(10, 4)]).forward(X), DtypeError,
        "Sequential: ", "x must be integers, as Embedding wants", "is float32", "astype('int64')"),
    "an unknown token": Mistake(lambda: Sequential([Embedding(5, 4)]).forward(TOKENS), DataError,
        "layers.0 Embedding(5, 4): ", "x must hold integers in [0, 5)", "number 4 of it is 5", "increase n_tokens"),
    "backward before forward": Mistake(lambda: Linear(3, 4).backward(np.ones((6, 4), F4)), OrderError,
        "Linear.backward()", "training=True", "has nothing to work from", "call Linear.forward(..., training=True)"),
    "backward twice": Mistake(backward_twice, OrderError,
        "BCEWithLogits.backward()", "before each backward()", "has nothing to work from", "call BCEWithLogits.forward(..., training=True)"),
    "backward without training": Mistake(backward_without_training, OrderError,
        "layers.2 Linear.backward()", "before each backward()", "has nothing to work from", "call Linear.forward(..., training=True)"),
    "backward of a network without a loss": Mistake(lambda: Sequential([ReLU()]).backward(), OrderError,
        "Sequential.backward()", "a criterion", "no gradient to start from", "Sequential(layers, criterion)"),
    "layers that are no base class": Mistake(lambda: Sequential([Layer()]).forward(X), NotImplementedError,
        "Layer", "must define forward(x, *, training=False)", "Layer", "forward(x, *, training=False)"),
}  # fmt: skip
