"""Bad input meets a portanet error that says who, what was wanted, what came and what to do."""

import numpy as np
import pytest
from scipy.sparse import coo_array

import portanet
from portanet import (
    SGD,
    BCEWithLogits,
    BinaryCrossEntropy,
    DataLoader,
    Dataset,
    Embedding,
    Layer,
    Linear,
    Normalizer,
    ReLU,
    Residual,
    Sequential,
    Sigmoid,
    Trainer,
    accuracy,
    backends,
    check_gradients,
    normalize,
)
from portanet.errors import (
    ArgumentError,
    DataError,
    DtypeError,
    OrderError,
    PlacementError,
    PortanetError,
    ShapeError,
    SharedParameterError,
)

F4 = np.float32
X, Y = np.ones((6, 3), F4), np.array([0, 1, 0, 1, 0, 1])


def model():
    return Sequential([Linear(3, 4), ReLU(), Linear(4, 1)], BCEWithLogits())


def loader(x=X, y=Y, batch_size=2, **options):
    return DataLoader(Dataset(x, y), batch_size, **options)


def strict(x, device=None):
    return backends.get("strict", device).asarray(np.asarray(x, F4))


def train(net=None, x=X, y=Y):
    net = net or model()
    Trainer(net, SGD(net, lr=0.1), loader(x, y)).train(1, log_level=0)


def backward_twice():
    net = model()
    net.criterion.forward(net.forward(X, training=True), Y, training=True)
    net.backward()
    net.backward()


def step_twice():
    net = model()
    optimizer = SGD(net, lr=0.1)
    net.criterion.forward(net.forward(X, training=True), Y, training=True)
    net.backward()
    optimizer.step()
    optimizer.step()


def shared():
    layer = Linear(3, 3)
    SGD(Sequential([layer, ReLU(), layer], BCEWithLogits()), lr=0.1)


def with_nan(x):
    x = np.array(x, F4)
    x[1] = np.nan
    return x


# what is done, the error, words of the message in their order: who, wanted, came, what to do
BAD = {
    "x of the wrong width": (lambda: Linear(3, 4)(np.ones((5, 2), F4)), ShapeError,
        r"Linear\(3, 4\): x must be \(N, 3\), is \(5, 2\)"),
    "one sample without a batch": (lambda: Linear(3, 4)(np.ones(3, F4)), ShapeError,
        r"Linear\(3, 4\): x must be \(N, 3\), is \(3,\); one sample is x\[None, :\]"),
    "float64 into float32": (lambda: Linear(3, 4)(np.ones((5, 3))), DtypeError,
        r"Linear.*x must be float32.*it is float64.*astype\('float32'\).*dtype='float64'"),
    "float64 into a network": (lambda: model().forward(np.ones((5, 3))), DtypeError,
        r"Sequential: x must be float32.*it is float64.*astype"),
    "integers into a network": (lambda: model().forward(np.ones((5, 3), int)), DtypeError,
        r"Sequential: x must be float32.*it is int64.*astype"),
    "integers into ReLU": (lambda: Sequential([ReLU()]).forward(np.ones((5, 3), int)), DtypeError,
        r"Sequential: x must be float32 or float64, is int64"),
    "a list for an array": (lambda: model().forward([[1.0, 2.0, 3.0]]), DtypeError,
        r"Sequential: x must be an array, is list of 1 lists.*numpy.asarray"),
    "x on another backend": (lambda: model().forward(strict(X)), PlacementError,
        r"Sequential: x must be on the device of the network, backend 'numpy'.*'strict'.*\.to\("),
    "x on another device": (lambda: model().to("strict").forward(strict(X, "device2")), PlacementError,
        r"Sequential: x must be on the device of.*device1.*device2.*\.to\("),
    "y on another backend": (lambda: BCEWithLogits()(strict(np.ones((2, 1))), np.ones((2, 1), F4)), PlacementError,
        r"BCEWithLogits: y must be on the device of y_hat.*'strict'.*'numpy'.*asarray"),
    "zero inputs": (lambda: Linear(0, 4), ArgumentError, r"Linear: n_inp must be an integer >= 1, is 0"),
    "a fraction of an output": (lambda: Linear(3, 1.5), ArgumentError, r"Linear: n_out must be.*is 1\.5"),
    "floats into an embedding": (lambda: Sequential([Embedding(3, 2)]).forward(X), DtypeError,
        r"Sequential: x must be integers, as Embedding wants, is float32"),
    "no layers": (lambda: Sequential([]), ArgumentError, r"Sequential: layers must be a list of layers, is \[\]"),
    "a class for a layer": (lambda: Sequential([ReLU]), ArgumentError,
        r"Sequential: layers\[0\] must be a Layer.*make one of it: ReLU\(\)"),
    "a criterion that is none": (lambda: Sequential([ReLU()], "bce"), ArgumentError,
        r"Sequential: criterion must be a loss such as BCEWithLogits\(\), is 'bce'"),
    "an unknown backend": (lambda: model().to("cupyy"), ArgumentError,
        r"no backend called 'cupyy'; there are numpy, cupy"),
    "a number for a backend": (lambda: model().to(5), ArgumentError, r"name must be one of numpy, cupy.*is 5"),
    "an unknown device": (lambda: model().to("strict", device="device9"), ArgumentError,
        r"backend 'strict': device must be one of.*is 'device9'"),
    "a device NumPy has not": (lambda: model().to("numpy", device="gpu"), ArgumentError,
        r"backend 'numpy': device must be 'cpu'.*is 'gpu'"),
    "a dtype for no network": (lambda: model().to(dtype="int32"), ArgumentError,
        r"Sequential.to: dtype must be 'float32' or 'float64', is 'int32'"),
    "a dtype the device lacks": (lambda: model().to("strict", device="no_float64", dtype="float64"), DtypeError,
        r"no_float64.*float64 was requested, which this device does not have; choose one of.*float32"),
    "one layer twice": (shared, SharedParameterError,
        r"layers\.0\.weights and layers\.2\.weights belong to one layer.*make a second layer"),
    "backward before forward": (lambda: Linear(3, 4).backward(np.ones((5, 4), F4)), OrderError,
        r"Linear.backward\(\) has nothing to work from: call Linear.forward\(..., training=True\)"),
    "backward twice": (backward_twice, OrderError, r"BCEWithLogits.backward\(\) has nothing to work from"),
    "backward without a criterion": (lambda: Sequential([ReLU()]).backward(), OrderError,
        r"no gradient to start from: give the network a criterion"),
    "step before backward": (lambda: SGD(model(), lr=0.1).step(), OrderError,
        r"SGD.step\(\): layers\.0\.weights has no gradient; run model.forward\(x, training=True\)"),
    "step twice": (step_twice, OrderError, r"SGD.step\(\):.*used before.*before each step"),
    "targets (N, 2) against (N, 1)": (lambda: BCEWithLogits()(np.ones((6, 1), F4), np.ones((6, 2), F4)), ShapeError,
        r"BCEWithLogits: y must have y_hat's shape \(6, 1\), is \(6, 2\)"),
    "targets of another length": (lambda: BCEWithLogits()(np.ones((6, 1), F4), np.ones(5, F4)), ShapeError,
        r"y must have y_hat's shape \(6, 1\), is \(5,\)"),
    "float64 targets": (lambda: BCEWithLogits()(np.ones((6, 1), F4), np.ones((6, 1))), DtypeError,
        r"BCEWithLogits: y must be float32, as y_hat; it is float64"),
    "one prediction": (lambda: BCEWithLogits()(np.array(1.0, F4), Y), ShapeError, r"BCEWithLogits: y_hat must be \(N, \.\.\.\), is a single number"),
    "integer predictions": (lambda: BCEWithLogits()(np.ones((6, 1), int), Y), DtypeError,
        r"BCEWithLogits: y_hat must be floats, is int64"),
    "labels -1 and 1": (lambda: BCEWithLogits()(np.ones((6, 1), F4), 2 * Y - 1), DataError,
        r"BCEWithLogits: y must hold labels 0 and 1; number 0 of it is -1\. Map -1 and 1"),
    "labels 1 and 2 in training": (lambda: train(y=Y + 1), DataError, r"labels 0 and 1; number 1 of it is 2\. Map"),
    "half a label": (lambda: BinaryCrossEntropy()(np.full((2, 1), 0.5, F4), np.full(2, 0.5, F4)), DataError,
        r"BinaryCrossEntropy: y must hold labels 0 and 1.*is 0\.5.*soft_targets=True"),
    "logits for probabilities": (lambda: BinaryCrossEntropy()(np.full((2, 1), -2.5, F4), np.ones(2, F4)), DataError,
        r"BinaryCrossEntropy: y_hat must hold probabilities in \[0, 1\]; number 0 of it is -2\.5\. Put a Sigmoid.*BCEWithLogits"),
    "soft targets above 1": (lambda: BinaryCrossEntropy(soft_targets=True)(np.full((2, 1), 0.5, F4), np.full(2, 1.5, F4)), DataError,
        r"numbers in \[0, 1\].*is 1\.5"),
    "weights of another length": (lambda: BCEWithLogits()(np.ones((6, 1), F4), Y, sample_weight=np.ones(5, F4)), ShapeError,
        r"BCEWithLogits: sample_weight must be \(6,\), one per sample, is \(5,\)"),
    "a negative learning rate": (lambda: SGD(model(), lr=-0.1), ArgumentError,
        r"SGD: lr must be a number in \(0, inf\), is -0\.1"),
    "an infinite learning rate": (lambda: SGD(model(), lr=float("inf")), ArgumentError, r"SGD: lr must.*is inf"),
    "a learning rate of NaN": (lambda: SGD(model(), lr=float("nan")), ArgumentError, r"SGD: lr must.*is nan"),
    "a learning rate of text": (lambda: SGD(model(), lr="0.1"), ArgumentError, r"SGD: lr must.*is '0\.1'"),
    "nothing to train": (lambda: SGD(Sequential([ReLU()]), lr=0.1), ArgumentError, r"SGD: the model has no parameters"),
    "an optimizer for no model": (lambda: SGD([Linear(1, 1)], lr=0.1), ArgumentError, r"SGD: model must be a network"),
    "X and y of two lengths": (lambda: Dataset(X, Y[:5]), ShapeError,
        r"Dataset: y must have one entry for each of the 6 samples in X, has 5"),
    "no samples": (lambda: Dataset(X[:0], Y[:0]), DataError, r"Dataset: X must hold samples, has the shape \(0, 3\)"),
    "no features": (lambda: Dataset(X[:, :0], Y), DataError, r"Dataset: X must hold samples, has the shape \(6, 0\)"),
    "an object array": (lambda: Dataset(np.array([[1, None]] * 6), Y), DtypeError,
        r"Dataset: X must hold real numbers, is of dtype object.*astype"),
    "a string array": (lambda: Dataset(X, np.array(["a", "b"] * 3)), DtypeError, r"Dataset: y must hold real numbers, is of dtype <U1"),
    "a complex array": (lambda: Dataset(X * 1j, Y), DtypeError, r"Dataset: X must hold real numbers, is of dtype complex64"),
    "complex numbers elsewhere": (lambda: Dataset(backends.get("strict").asarray(X * 1j), strict(Y)), DtypeError,
        r"Dataset: X must hold real numbers, is of dtype .*complex64"),
    "a single number for data": (lambda: Dataset(np.array(1.0), Y), ShapeError, r"Dataset: X must be \(N, \.\.\.\), is a single number"),
    "rows of two lengths": (lambda: Dataset([[1, 2], [3]], [0, 1]), DtypeError, r"Dataset: X must have rows of one length, they are of 1 and 2; pad"),
    "a sparse array of three axes": (lambda: Dataset(coo_array(np.ones((6, 2, 2))), Y), ShapeError,
        r"Dataset: X must be a sparse matrix \(N, n\), has the shape \(6, 2, 2\); reshape it"),
    "NaN in a sparse matrix": (lambda: Dataset(coo_array(with_nan(X)), Y), DataError, r"Dataset: X must be finite, 3 of"),
    "NaN in X": (lambda: Dataset(with_nan(X), Y), DataError, r"Dataset: X must be finite, 3 of its numbers are NaN or infinite; drop"),
    "NaN in y": (lambda: Dataset(X, with_nan(Y)), DataError, r"Dataset: y must be finite, 1 of"),
    "too large for float32": (lambda: train(x=np.full((6, 3), 1e300)), DataError, r"Dataset: X must fit into float32, which ends at 3\.4e\+38; it holds 1e\+300\. Scale it.*float64"),
    "X and y on two backends": (lambda: Dataset(strict(X), Y), PlacementError, r"Dataset: y must lie where X lies, on backend 'strict'.*'numpy'"),
    "data on another backend": (lambda: train(x=strict(X), y=strict(Y)), PlacementError, r"the data must lie on the host or with the model.*\.to\('strict'\)"),
    "arrays for a data set": (lambda: DataLoader(X, 2), ArgumentError, r"DataLoader: ds must be a Dataset, is ndarray of shape \(6, 3\); make one"),
    "batch size 0": (lambda: loader(batch_size=0), ArgumentError, r"DataLoader: batch_size must be an integer >= 1, is 0"),
    "batch size 2.5": (lambda: loader(batch_size=2.5), ArgumentError, r"DataLoader: batch_size must.*is 2\.5"),
    "no full batch": (lambda: loader(batch_size=7, drop_last=True), ArgumentError, r"batch_size must be at most the 6 samples"),
    "a negative seed": (lambda: portanet.seed(-1), ArgumentError, r"seed: the seed must be an integer in \[0, 2\*\*64\), is -1"),
    "a loader's seed of text": (lambda: loader(seed="9"), ArgumentError, r"DataLoader: the seed must.*is '9'"),
    "a network without a loss": (lambda: Trainer(Sequential([Linear(3, 1)]), SGD(model(), lr=1.0), loader()), ArgumentError,
        r"Trainer: model must be a network with a loss"),
    "another model's optimizer": (lambda: Trainer(model(), SGD(model(), lr=1.0), loader()), ArgumentError,
        r"Trainer: optimizer must be made for this model"),
    "a number for an optimizer": (lambda: Trainer(model(), 0.1, loader()), ArgumentError, r"Trainer: optimizer must be one such as SGD"),
    "a data set for a loader": (lambda: (m := model()) and Trainer(m, SGD(m, lr=1.0), Dataset(X, Y)), ArgumentError,
        r"Trainer: train_dl must be a DataLoader"),
    "a metric that is none": (lambda: (m := model()) and Trainer(m, SGD(m, lr=1.0), loader(), loader(), "acc"), ArgumentError,
        r"Trainer: metric must be a function such as accuracy, is 'acc'"),
    "minus one epoch": (lambda: (m := model()) and Trainer(m, SGD(m, lr=1.0), loader()).train(-1), ArgumentError,
        r"Trainer.train: n_epochs must be an integer >= 0, is -1"),
    "accuracy of other targets": (lambda: accuracy(np.ones((6, 3), F4), np.ones((6, 2))), (ShapeError, PortanetError), r"accuracy"),
    "normalizing text": (lambda: normalize(np.array([["a"]])), DtypeError, r"normalize: X must be numbers, is of dtype <U1"),
    "normalizing complex numbers": (lambda: normalize(X * 1j), DtypeError, r"normalize: X must be real numbers, is complex64"),
    "normalizing NaN": (lambda: normalize(with_nan(X)), DataError, r"normalize: X must be finite"),
    "normalizing nothing": (lambda: normalize(X[:0]), ShapeError, r"normalize: X must be \(N, ...\) with N >= 1"),
    "other columns": (lambda: normalize(X, X[:, :2]), ShapeError, r"normalize: X must have the columns \(3,\).*has \(2,\)"),
    "transform before fit": (lambda: Normalizer().transform(X), OrderError, r"transform needs mean and std; call fit"),
    "a gradient that was forgotten": (lambda: check_gradients(ForgetfulLinear(2, 2), np.ones((2, 2))), AssertionError,
        r"ForgetfulLinear.*: the gradient of bias must have its shape \(2,\), is None; set it in backward"),
    "a wrong gradient": (lambda: check_gradients(WrongSigmoid(), np.ones((2, 2))), AssertionError,
        r"WrongSigmoid: the gradient of x\[\d, \d\] is .* by backward\(\) and .* by finite differences"),
}  # fmt: skip


class WrongSigmoid(Sigmoid):
    def backward(self, grad):
        return super().backward(grad) * 1.001


class ForgetfulLinear(Linear):
    def backward(self, grad):
        grad_x = super().backward(grad)
        self.bias.grad = None
        return grad_x


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_met_by_a_clear_error(name):
    call, error, words = BAD[name]
    with pytest.raises(error, match=words) as caught:
        call()
    assert isinstance(caught.value, PortanetError)


def test_there_are_at_least_thirty():
    assert len(BAD) >= 30


class MeanOfTokens(Layer):
    """A user's layer around an Embedding, without takes = "integers"."""

    def __init__(self):
        self.table = Embedding(10, 4)

    def forward(self, x, *, training=False):
        return self.table.forward(x, training=training).mean(axis=1)


class WithTakes(MeanOfTokens):
    takes = "integers"


TOKENS = np.array([[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    "layers", [[MeanOfTokens()], [Residual(MeanOfTokens())], [Sequential([MeanOfTokens()])]]
)
def test_integers_into_a_layer_without_takes_name_the_attribute(layers):
    with pytest.raises(DtypeError, match=r"takes = \"integers\"") as caught:
        Sequential([*layers, Linear(4, 2)]).forward(TOKENS)
    assert "astype" not in str(caught.value)  # the Embedding would refuse floats
    assert Sequential([WithTakes(), Linear(4, 2)]).forward(TOKENS).shape == (2, 2)


def test_an_embedding_in_a_layer_that_was_given_floats_names_the_attribute():
    with pytest.raises(
        DtypeError, match=r"Embedding.*x must be integers.*set takes = \"integers\""
    ):
        train(Sequential([MeanOfTokens(), Linear(4, 1)], BCEWithLogits()), TOKENS, Y[:2])


ANYTHING = {"numbers": np.ones((64, 9)).tolist(), "an array": np.ones((64, 9)), "text": "a" * 10_000,
    "layers": [Linear(3, 3) for _ in range(100)], "a network": Sequential([ReLU()] * 100),
    "a dict": {i: np.ones(100) for i in range(100)}}  # fmt: skip
TAKES_NO = {
    "a count": lambda value: Linear(value, 3),
    "a number": lambda value: portanet.Dropout(value),
    "a choice": lambda value: portanet.GELU(approximate=value),
    "an axis": lambda value: portanet.Softmax(value),
    "a shape": lambda value: portanet.Reshape((value,)),
    "a kernel": lambda value: portanet.MaxPool2d(value),
    "branches": lambda value: portanet.Parallel([ReLU()], how=value),
    "an index to ignore": lambda value: portanet.CrossEntropy(ignore_index=value),
    "a seed": lambda value: portanet.seed(value),
    "a backend": lambda value: Linear(1, 1).to(value),
    "a dtype": lambda value: Linear(1, 1).to(dtype=value),
    "a device": lambda value: Linear(1, 1).to("strict", device=value),
    "a part to save": lambda value: portanet.save("never", Linear(1, 1), part=value),
    "a model to save": lambda value: portanet.save("never", [value]),
    "a layer to check": lambda value: check_gradients([value], X),
    "a schedule": lambda value: portanet.schedules.WarmUp([value], 3),
    "an average": lambda value: portanet.f1(Y, Y, average=str(value)),
    "an argument of a loss": lambda value: portanet.Cosine(value),
}


@pytest.mark.parametrize("value", ANYTHING)
@pytest.mark.parametrize("name", TAKES_NO)
def test_a_message_shows_little_of_a_large_value(name, value):
    with pytest.raises(PortanetError) as caught:
        TAKES_NO[name](ANYTHING[value])
    assert len(str(caught.value)) <= 400
