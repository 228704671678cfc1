"""Graphs, layers of one's own, backends and files."""

import tempfile
from pathlib import Path

import numpy as np

import portanet
from mistakes.base import F4, Mistake, X, Y, model, train
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
    DataError,
    DtypeError,
    GradientError,
    OrderError,
    ShapeError,
)

TOKENS = np.array([[1, 2, 3], [4, 5, 6]])
FOLDER = Path(tempfile.mkdtemp())


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


def saved(name="run.safetensors", net=None):
    portanet.save(FOLDER / name, net or model())
    return FOLDER / name


def written(name, text):
    (FOLDER / name).write_text(text)
    return FOLDER / name


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
    ".to('gpu')": Mistake(lambda: model().to("gpu"), ArgumentError,
        "get: ", "there are numpy, cupy", "no backend called 'gpu'", ".to('cupy')"),
    ".to('cuda')": Mistake(lambda: model().to("cuda"), ArgumentError,
        "get: ", "there are numpy, cupy", "no backend called 'cuda'", ".to('cupy')"),
    ".to(0)": Mistake(lambda: model().to(0), ArgumentError,
        "get: ", "name must be one of numpy, cupy", "is 0", ".to('cupy')"),
    ".to('float64')": Mistake(lambda: model().to("float64"), ArgumentError,
        "get: ", "there are numpy, cupy", "no backend called 'float64'", ".to(dtype='float64')"),
    ".to(np.float64)": Mistake(lambda: model().to(np.float64), ArgumentError,
        "get: ", "name must be one of numpy, cupy", "is the class float64", ".to(dtype='float64')"),
    "half precision": Mistake(lambda: model().to(dtype="half"), ArgumentError,
        "Sequential.to: ", "dtype must be 'float32' or 'float64'", "is 'half'", "float32"),
    "float16": Mistake(lambda: model().to(dtype=np.float16), ArgumentError,
        "Sequential.to: ", "dtype must be 'float32' or 'float64'", "is 'float16'", "float32"),
    "a network that is no backend": Mistake(lambda: model().to(model()), ArgumentError,
        "get: ", "name must be one of numpy, cupy", "is Sequential(", ".to('cupy')"),
    "a device of NumPy": Mistake(lambda: model().to(device="gpu"), ArgumentError,
        "backend 'numpy': ", "device must be 'cpu'", "is 'gpu'", ".to('cupy')"),
    "a file that is not there": Mistake(lambda: portanet.load(FOLDER / "none.safetensors", model()), FileNotFoundError,
        "load: ", "there is no file", "none.safetensors", "portanet.save"),
    "a file of another kind": Mistake(lambda: portanet.load(written("notes.pt", "notes"), model()), DataError,
        "load: ", "safetensors file", "notes.pt", "portanet.save"),
    "a file of another model": Mistake(lambda: portanet.load(saved(), Sequential([Linear(3, 1)], MSE())), ArgumentError,
        "load: ", "does not fit this model", "layers.0.weights is float32 (3, 4) in the file, float32 (3, 1) in the model",
        "made like the saved one"),
    "a folder to load": Mistake(lambda: portanet.load(FOLDER, model()), OSError,
        "load: ", "must be a file", str(FOLDER), "name a file"),
    "a folder to save to": Mistake(lambda: portanet.save(FOLDER, model()), IsADirectoryError,
        "save: ", "must be a file", str(FOLDER), "name a file in it"),
    "a folder that is not there": Mistake(lambda: portanet.save(FOLDER / "no" / "run", model()), FileNotFoundError,
        "save: ", "there is no folder", "no", "make it first"),
    "a model before its path": Mistake(lambda: portanet.save(model(), "run.safetensors"), ArgumentError,
        "save: ", "model must be a network", "is 'run.safetensors'", "portanet.save(path, model)"),
    "parameters to save": Mistake(lambda: portanet.save(FOLDER / "a", model().parameters()), ArgumentError,
        "save: ", "model must be a network", "is [Parameter((3, 4)", "Sequential([...], loss)"),
    "a path alone": Mistake(lambda: portanet.load(saved(), None), ArgumentError,
        "load: ", "model must be a network", "is None", "portanet.load(path, model)"),
    "an optimizer that was not saved": Mistake(
        lambda: portanet.load(saved(), (m := model()), SGD(m, lr=0.1)), ArgumentError,
        "load: ", "has no optimizer", "it has model", "without it"),
    "arrays in extra": Mistake(lambda: portanet.save(FOLDER / "b", model(), extra={"x": X}), ArgumentError,
        "save: ", "extra must be what JSON can hold", "ndarray", "is saved as a part"),
    "a snapshot of another model": Mistake(lambda: model().restore(Sequential([Linear(3, 1)]).snapshot()), ArgumentError,
        "Sequential.restore: ", "a model with the same parameters", "layers.0.weights is (3, 1), in the model (3, 4)", "the snapshot must be of a model with the same"),
    "parameters to restore": Mistake(lambda: model().restore(model().named_parameters()), ArgumentError,
        "Sequential.restore: ", "snapshot must be what snapshot() returned", "is dict", "snapshot() returned"),
}  # fmt: skip
