"""Graphs, and layers of one's own."""

import numpy as np

import portanet
from mistakes.base import F4, Mistake, X, Y, train
from portanet import (
    MSE,
    SGD,
    Add,
    BCEWithLogits,
    Concat,
    Embedding,
    Graph,
    Input,
    Layer,
    Linear,
    Parameter,
    Residual,
    Sequential,
)
from portanet.errors import (
    ArgumentError,
    DtypeError,
    GradientError,
    OrderError,
    ShapeError,
)

TOKENS = np.array([[1, 2, 3], [4, 5, 6]])


class OnlyForward(Layer):
    def forward(self, x, *, training=False):
        return 2 * x


class OnlyBackward(Layer):
    def backward(self, grad):
        return 2 * grad


class NothingSaved(Layer):
    def forward(self, x, *, training=False):
        return 2 * x

    def backward(self, grad):
        return 2 * grad * self._take_saved()


class WithoutTraining(Layer):
    def forward(self, x):
        return x


class MeanOfTokens(Layer):
    """A layer around an Embedding that does not say takes = "integers"."""

    def __init__(self):
        self.table = Embedding(10, 4)

    def forward(self, x, *, training=False):
        return self.table.forward(x, training=training).mean(axis=1)


class Returning(Layer):
    """A layer whose forward or backward returns what it is told."""

    def __init__(self, output, grad=None):
        self.output, self.grad = output, grad

    def forward(self, x, *, training=False):
        return self.output(x)

    def backward(self, grad):
        return self.grad(grad)


class NoGradient(Layer):
    def __init__(self):
        self.scale = Parameter(np.ones(3, F4))

    def forward(self, x, *, training=False):
        return self.scale.value * x

    def backward(self, grad):
        return self.scale.value * grad


def trained(layer, n=3):
    train(Sequential([layer, Linear(n, 1)], BCEWithLogits()))


def a_training_pass(layer):
    net = Sequential([Linear(3, 3), layer, Linear(3, 1)], MSE())
    net.criterion.forward(net.forward(X, training=True), Y, training=True)
    net.backward()
    SGD(net, lr=0.1).step()


def another_input():
    Graph(Input(), Linear(3, 1)(Input()))


def unused_input():
    a, b = Input("a"), Input("b")
    Graph([a, b], Linear(3, 1)(a))


def one_name_twice():
    a, b = Input(), Input()
    Graph([a, b], Add()([a, b]))


def names(of):
    x, layer = Input(), Linear(3, 1)
    return Graph(x, layer(x), names=of(layer))


def two_inputs():
    a, b = Input("a"), Input("b")
    return Graph([a, b], Add()([Linear(3, 1)(a), Linear(3, 1)(b)]))


MISTAKES = {
    "a layer without backward": Mistake(lambda: trained(OnlyForward()), NotImplementedError,
        "layers.0 OnlyForward", "must define backward(grad)", "OnlyForward", "dL/dx for grad = dL/d(output)"),
    "a layer without forward": Mistake(lambda: trained(OnlyBackward()), NotImplementedError,
        "layers.0 OnlyBackward", "must define forward(x, *, training=False)", "OnlyBackward", "its output for x"),
    "a layer that saves nothing": Mistake(lambda: a_training_pass(NothingSaved()), OrderError,
        "layers.1 NothingSaved.backward()", "before each backward()", "has nothing to work from", "self._saved"),
    "a forward without training": Mistake(lambda: trained(WithoutTraining()), ArgumentError,
        "Sequential: layers[0]", "must have forward(x, *, training=False)", "the forward of WithoutTraining has (x)", "def forward(self, x, *, training=False)"),
    "a layer around an Embedding": Mistake(lambda: Sequential([MeanOfTokens(), Linear(4, 1)]).forward(TOKENS), DtypeError,
        "Sequential: ", "x must be floats, as MeanOfTokens.takes says", "is int64", 'set takes = "integers" in its class'),
    "an Embedding in a Residual of one's own": Mistake(lambda: Sequential([Residual([MeanOfTokens()])]).forward(TOKENS), DtypeError,
        "Sequential: ", "x must be floats", "is int64", 'set takes = "integers" in its class'),
    "a layer around an Embedding in training": Mistake(
        lambda: train(Sequential([MeanOfTokens(), Linear(4, 1)], BCEWithLogits()), TOKENS, Y[:2]), DtypeError,
        "layers.0.table Embedding(10, 4): ", "x must be integers", "is float32", 'if a layer of yours passes them on to this one, set takes = "integers" in its class'),
    "a forward that returns nothing": Mistake(lambda: trained(Returning(lambda x: None)), DtypeError,
        "layers.1 Linear(3, 1): ", "x must be an array", "is None", "return"),
    "a forward that makes float64": Mistake(lambda: trained(Returning(lambda x: x * np.ones(3))), DtypeError,
        "layers.1 Linear(3, 1): ", "x must be float32", "it is float64", "astype('float32')"),
    "a gradient that is not set": Mistake(lambda: a_training_pass(NoGradient()), OrderError,
        "SGD.step()", "before each step", "layers.1.scale has no gradient", "set .grad"),
    "a gradient of another shape": Mistake(
        lambda: portanet.check_gradients(Returning(lambda x: 2 * x, lambda g: g[:, :1]), np.ones((2, 3))), GradientError,
        "Returning", "(2, 3)", "(2, 1)", "shape"),
    "a wrong gradient": Mistake(
        lambda: portanet.check_gradients(Returning(lambda x: 2 * x, lambda g: 3 * g), np.ones((2, 3))), GradientError,
        "Returning", "by finite differences", "by backward()", "backward"),
    "an Input that is not given": Mistake(another_input, ArgumentError,
        "Graph: ", "which is not in inputs", "depends on Input('x')", "each call of Input() makes another one"),
    "an Input that is not used": Mistake(unused_input, ArgumentError,
        "Graph: ", "no output depends on", "Input('b')", "leave it out of inputs"),
    "two inputs of one name": Mistake(one_name_twice, ArgumentError,
        "Graph: ", "a name of its own", "[Input('x'), Input('x')]", "Input('left')"),
    "numbers among wires": Mistake(lambda: Add()([Input(), X]), ArgumentError,
        "Add(): ", "layers that are called on wires must be given nothing else", "got ndarray of shape (6, 3)", "by an Input"),
    "a sum of wires": Mistake(lambda: Input("a") + Input("b"), ArgumentError,
        "Input('a'): ", "joined by layers", "came Input('b')", "Add()([a, b])"),
    "a wire and numbers": Mistake(lambda: X * Input("a"), ArgumentError,
        "Input('a'): ", "joined by layers", "came ndarray of shape (6, 3)", "Multiply()([a, b])"),
    "numbers for an input": Mistake(lambda: Graph(X, Linear(3, 1)(Input())), ArgumentError,
        "Graph: ", "inputs must be Inputs", "got ndarray of shape (6, 3)", "Input()"),
    "a layer for an output": Mistake(lambda: Graph(Input(), Linear(3, 1)), ArgumentError,
        "Graph: ", "outputs must be", "got Linear(3, 1)", "layer(x)"),
    "a name for no layer": Mistake(lambda: names(lambda layer: {"hidden": Linear(3, 1)}), ArgumentError,
        "Graph: ", "names must be of layers in the graph", "'hidden' is not", "{'hidden': layer}"),
    "a name with a dot": Mistake(lambda: names(lambda layer: {"a.b": layer}), ArgumentError,
        "Graph: ", "a word for each", "'a.b' is not", "{'hidden': layer}"),
    "one array for two inputs": Mistake(lambda: two_inputs().forward(X), ShapeError,
        "Graph: ", "x must be a list of arrays, or a dict, for the inputs ['a', 'b']", "is ndarray of shape (6, 3)", "a list of arrays"),
    "shapes that do not add": Mistake(lambda: Add()([X, X[:, :2]]), ShapeError,
        "Add(): ", "the inputs must have one shape", "are [(6, 3), (6, 2)]", "Concat"),
    "one array to add": Mistake(lambda: Add()(X), ShapeError,
        "Add(): ", "x must be a list of arrays", "is ndarray of shape (6, 3)", "call it on a list"),
    "the axis of samples": Mistake(lambda: Concat(0), ArgumentError,
        "Concat: ", "axis must be an integer, and not 0, the batch", "is 0", "Concat(1)"),
}  # fmt: skip
