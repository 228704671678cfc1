"""Losses and metrics: shapes, labels, and the layer before the loss."""

import numpy as np

import portanet
from mistakes.base import F4, Mistake, X, Y, model, train, trainer
from portanet import (
    MAE,
    MSE,
    NLL,
    Add,
    BCEWithLogits,
    BinaryCrossEntropy,
    Cosine,
    CrossEntropy,
    Flatten,
    Graph,
    Input,
    KLDiv,
    Linear,
    LogSoftmax,
    PoissonNLL,
    Sequential,
    Sigmoid,
    Softmax,
    accuracy,
    confusion_matrix,
    roc_auc,
)
from portanet.errors import (
    ArgumentError,
    DataError,
    DivergedWarning,
    DtypeError,
    LastLayerWarning,
    OrderError,
    ShapeError,
)

COLUMN = np.full((6, 1), 0.5, F4)
LOGITS = np.zeros((6, 3), F4)
CLASSES = np.array([0, 1, 2, 0, 1, 2])


def softmax_in_a_graph():
    x = Input()
    hidden = Linear(3, 3)(x)
    return Graph(x, Softmax()(Add()([hidden, Linear(3, 3)(hidden)])))


def a_softmax_in_a_network_in_a_graph():
    x = Input()
    return Graph(x, Sequential([Linear(3, 3), Softmax(), Flatten()])(x))


def failing(y_hat, y):
    return y_hat.accuracy()


def ten_times(n_epochs):
    net = Sequential([Linear(3, 1)], MSE())
    fitted = trainer(net, x=X * 1e4, y=Y)
    fitted.optimizer.lr = 10.0
    with np.errstate(all="ignore"):
        fitted.train(n_epochs, log_level=0)


MISTAKES = {
    "Softmax before CrossEntropy": Mistake(lambda: Sequential([Linear(3, 3), Softmax()], CrossEntropy()), LastLayerWarning,
        "CrossEntropy: ", "y_hat must be logits", "returns probabilities", "leave that layer out"),
    "Sigmoid before BCEWithLogits": Mistake(lambda: Sequential([Linear(3, 1), Sigmoid()], BCEWithLogits()), LastLayerWarning,
        "BCEWithLogits: ", "y_hat must be logits", "returns probabilities", "leave that layer out"),
    "Softmax and Flatten": Mistake(
        lambda: Sequential([Sequential([Linear(3, 3), Softmax()]), Flatten()], CrossEntropy()), LastLayerWarning,
        "CrossEntropy: ", "y_hat must be logits", "returns probabilities", "leave that layer out"),
    "Softmax at the end of a Graph": Mistake(lambda: Sequential([softmax_in_a_graph()], CrossEntropy()), LastLayerWarning,
        "CrossEntropy: ", "y_hat must be logits", "returns probabilities", "leave that layer out"),
    "Softmax in a network in a Graph": Mistake(
        lambda: Sequential([a_softmax_in_a_network_in_a_graph()], CrossEntropy()), LastLayerWarning,
        "CrossEntropy: ", "y_hat must be logits", "returns probabilities", "leave that layer out"),
    "Softmax before NLL": Mistake(lambda: Sequential([Linear(3, 3), Softmax()], NLL()), LastLayerWarning,
        "NLL: ", "y_hat must be log-probabilities", "returns probabilities", "a loss on probabilities"),
    "LogSoftmax before BinaryCrossEntropy": Mistake(
        lambda: Sequential([Linear(3, 3), LogSoftmax()], BinaryCrossEntropy()), LastLayerWarning,
        "BinaryCrossEntropy: ", "y_hat must be probabilities", "returns log-probabilities", "a loss on log-probabilities"),
    "no Sigmoid before BinaryCrossEntropy": Mistake(lambda: BinaryCrossEntropy()(np.full((6, 1), -2.5, F4), Y), DataError,
        "BinaryCrossEntropy: ", "y_hat must hold probabilities in [0, 1]", "is -2.5", "BCEWithLogits"),
    "arguments swapped": Mistake(lambda: BCEWithLogits()(Y, COLUMN), DtypeError,
        "BCEWithLogits: ", "y_hat must be floats", "is int64", "criterion(y_hat, y)"),
    "arguments of CrossEntropy swapped": Mistake(lambda: CrossEntropy()(CLASSES, LOGITS), DtypeError,
        "CrossEntropy: ", "y_hat must be floats", "is int64", "criterion(y_hat, y)"),
    "y of another length": Mistake(lambda: BCEWithLogits()(COLUMN, Y[:5]), ShapeError,
        "BCEWithLogits: ", "y must have y_hat's shape (6, 1)", "is (5,)", "one target for each output"),
    "(N,) against (N, 3)": Mistake(lambda: MSE()(LOGITS, np.zeros(6, F4)), ShapeError,
        "MSE: ", "y must have y_hat's shape (6, 3)", "is (6,)", "1 output"),
    "(N, 2) against (N, 1)": Mistake(lambda: MAE()(COLUMN, np.zeros((6, 2), F4)), ShapeError,
        "MAE: ", "y must have y_hat's shape (6, 1)", "is (6, 2)", "2 outputs"),
    "float64 targets": Mistake(lambda: MSE()(COLUMN, np.zeros((6, 1))), DtypeError,
        "MSE: ", "y must be float32, as y_hat", "is float64", "astype('float32')"),
    "a list of targets": Mistake(lambda: MSE()(COLUMN, [0.0] * 6), DtypeError,
        "MSE: ", "y must be an array", "is [0.0, 0.0", "numpy.asarray(y, 'float32')"),
    "a list of predictions": Mistake(lambda: MSE()([[0.5]], Y), DtypeError,
        "MSE: ", "y_hat must be an array", "is list of 1 lists", "numpy.asarray(y_hat, 'float32')"),
    "float class indices": Mistake(lambda: CrossEntropy()(LOGITS, CLASSES.astype(F4)), ShapeError,
        "CrossEntropy: ", "y must be integers (class indices), or probabilities", "is float32 (6,)", "astype('int64')"),
    "one-hot integers": Mistake(lambda: CrossEntropy()(LOGITS, np.eye(3, dtype=int)[CLASSES]), ShapeError,
        "CrossEntropy: ", "y must be (6,), class indices", "is (6, 3)", "floats in y_hat's shape"),
    "classes in a column": Mistake(lambda: CrossEntropy()(LOGITS, CLASSES[:, None, None]), ShapeError,
        "CrossEntropy: ", "y must be (6,), class indices", "is (6, 1, 1)", "y_hat's shape"),
    "one-hot rows that are none": Mistake(lambda: CrossEntropy()(LOGITS, np.ones((6, 3), F4)), DataError,
        "CrossEntropy: ", "probabilities with the sum 1", "sum of number 0 is 3", "Divide by the sum"),
    "labels 1 to 3": Mistake(lambda: CrossEntropy()(LOGITS, CLASSES + 1), DataError,
        "CrossEntropy: ", "class indices from 0 to 2", "number 2 of it is 3", "y - 1"),
    "a label -1": Mistake(lambda: CrossEntropy()(LOGITS, CLASSES - 1), DataError,
        "CrossEntropy: ", "class indices from 0 to 2", "number 0 of it is -1", "ignore_index"),
    "one output for classes": Mistake(lambda: CrossEntropy()(COLUMN, Y), ShapeError,
        "CrossEntropy: ", "y_hat must hold two or more classes along axis -1", "is (6, 1)", "use BCEWithLogits"),
    "floats for NLL": Mistake(lambda: NLL()(LOGITS, CLASSES.astype(F4)), DtypeError,
        "NLL: ", "y must be class indices, integers", "is float32", "astype('int64')"),
    "labels -1 and 1": Mistake(lambda: BCEWithLogits()(COLUMN, 2 * Y - 1), DataError,
        "BCEWithLogits: ", "y must hold labels 0 and 1", "number 0 of it is -1", "Map -1 and 1"),
    "labels 1 and 2 in training": Mistake(lambda: train(y=Y + 1), DataError,
        "BCEWithLogits: ", "y must hold labels 0 and 1", "number 1 of it is 2", "Map -1 and 1, or 1 and 2, to 0 and 1"),
    "a share for a label": Mistake(lambda: BCEWithLogits()(COLUMN, np.full(6, 0.3, F4)), DataError,
        "BCEWithLogits: ", "y must hold labels 0 and 1", "is 0.3", "soft_targets=True"),
    "class labels for a binary loss": Mistake(lambda: train(y=CLASSES), DataError,
        "BCEWithLogits: ", "y must hold labels 0 and 1", "number 2 of it is 2", "CrossEntropy"),
    "a binary loss with three outputs": Mistake(lambda: train(model(n_out=3)), ShapeError,
        "BCEWithLogits: ", "y must have y_hat's shape (2, 3)", "is (2,)", "1 output"),
    "too few outputs": Mistake(lambda: train(model(CrossEntropy(), 2), y=CLASSES), DataError,
        "CrossEntropy: ", "class indices from 0 to 1", "number 2 of it is 2", "give the network more outputs"),
    "counts that are negative": Mistake(lambda: PoissonNLL()(COLUMN, np.full(6, -1.0, F4)), DataError,
        "PoissonNLL: ", "y must hold", "is -1", ""),
    "logits for KLDiv": Mistake(lambda: KLDiv()(LOGITS, CLASSES), ShapeError,
        "KLDiv: ", "y must", "is (6,)", ""),
    "weights of another length": Mistake(lambda: MSE()(COLUMN, Y, sample_weight=np.ones(5, F4)), ShapeError,
        "MSE: ", "sample_weight must be (6,)", "is (5,)", "one per sample"),
    "class weights of another length": Mistake(
        lambda: CrossEntropy(class_weights=[1.0, 2.0])(LOGITS, CLASSES), ShapeError,
        "CrossEntropy: ", "class_weights must", "2", "one per class"),
    "one class weight": Mistake(lambda: CrossEntropy(class_weights=2.0), ArgumentError,
        "CrossEntropy: ", "class_weights must be numbers, one per class", "is 2.0", "class_weights=[1.0, 2.0]"),
    "a smoothing of 10 per cent": Mistake(lambda: CrossEntropy(label_smoothing=10), ArgumentError,
        "CrossEntropy: ", "label_smoothing must be a number in [0, ", "is 10", "label_smoothing=0.1"),
    "the schedule's arguments": Mistake(lambda: Cosine(0.1, 100), ArgumentError,
        "Cosine: ", "the loss takes no arguments", "got [0.1, 100]", "portanet.schedules.Cosine"),
    "a loss whose backward comes first": Mistake(lambda: MSE().backward(), OrderError,
        "MSE.backward()", "before each backward()", "has nothing to work from", "MSE.forward(..., training=True)"),
    "losses that are NaN": Mistake(lambda: ten_times(30), DivergedWarning,
        "Trainer: ", "not a finite number", "loss is", "a smaller learning rate (lr)"),
    "accuracy of other targets": Mistake(lambda: accuracy(LOGITS, np.zeros((6, 2), int)), ShapeError,
        "accuracy: ", "y must be (6,), class indices", "is (6, 2)", "argmax"),
    "accuracy of swapped arguments": Mistake(lambda: accuracy(CLASSES, LOGITS), ShapeError,
        "accuracy: ", "y must have y_hat's shape (6,)", "is (6, 3)", "(y_hat, y)"),
    "accuracy of lists": Mistake(lambda: accuracy([0.9, 0.1], [1, 0]), DtypeError,
        "accuracy: ", "y_hat must be an array", "is [0.9, 0.1]", "numpy.asarray(y_hat, 'float32')"),
    "roc_auc of three classes": Mistake(lambda: roc_auc(LOGITS, CLASSES), ShapeError,
        "roc_auc: ", "y_hat must be (N,), (N, 1) or (N, 2)", "is (6, 3)", "y_hat[:, k]"),
    "f1 of an unknown average": Mistake(lambda: portanet.f1(LOGITS, CLASSES, average="mean"), ArgumentError,
        "f1: ", "average must be 'binary'", "is 'mean'", "'macro'"),
    "a metric that is no number": Mistake(lambda: train(model(CrossEntropy(), 3), y=CLASSES, metric=confusion_matrix), ShapeError,
        "Trainer: ", "metric must return one number, as accuracy does", "confusion_matrix returned an array of shape (3, 3)", "Write a function"),
    "a metric that fails": Mistake(lambda: train(metric=failing), AttributeError,
        "Trainer: metric failing", "one number for (predictions, y)", "it raised this error", "failing(predictions, y)"),
    "a metric of one argument": Mistake(lambda: train(metric=lambda y_hat: 0.0), TypeError,
        "Trainer: metric <lambda>", "one number for (predictions, y)", "it raised this error", "predictions of shape (2, 1)"),
    "a metric that returns text": Mistake(lambda: train(metric=lambda y_hat, y: "good"), DtypeError,
        "Trainer: ", "metric must return one number", "returned 'good'", "as accuracy does"),
}  # fmt: skip
