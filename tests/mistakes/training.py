"""Trainers, optimizers and schedules."""

import numpy as np

import portanet
from mistakes.base import F4, Mistake, X, Y, loader, model, trainer
from portanet import (
    MSE,
    SGD,
    Adam,
    AdamW,
    BCEWithLogits,
    Cosine,
    Dataset,
    ExponentialMovingAverage,
    Group,
    Linear,
    ReLU,
    Sequential,
    Trainer,
    accuracy,
    check_gradients,
    is_vector,
    schedules,
)
from portanet.errors import ArgumentError, OrderError, ShapeError


def parts(**changed):
    """Make a Trainer of good parts but for those that are given."""
    net = changed.pop("model", None) or model()
    good = {"model": net, "optimizer": None, "train_dl": loader()} | changed
    if good["optimizer"] is None:
        good["optimizer"] = SGD(net if hasattr(net, "parameters") else model(), lr=0.1)
    return Trainer(**good)


def step_twice():
    net = model()
    optimizer = SGD(net, lr=0.1)
    net.criterion.forward(net.forward(X, training=True), Y, training=True)
    net.backward()
    optimizer.step()
    optimizer.step()


def frozen():
    net = Sequential([Linear(3, 1).freeze()], MSE())
    Trainer(net, SGD(net, lr=0.1), loader()).train(1, log_level=0)


def own_step():
    class Mine(Trainer):
        def step(self, x, y):
            super().step(x, y)

    net = model()
    Mine(net, SGD(net, lr=0.1), loader(), compile=False).train(1, log_level=0)


MISTAKES = {
    "a network without a loss": Mistake(lambda: parts(model=Sequential([Linear(3, 1)])), ArgumentError,
        "Trainer: ", "model must be a network with a loss", "is Sequential([Linear(3, 1)])", "Sequential(layers, criterion)"),
    "a layer for a network": Mistake(lambda: parts(model=Linear(3, 1)), ArgumentError,
        "Trainer: ", "model must be a network with a loss", "is Linear(3, 1)", "Sequential([layer], loss)"),
    "a list for a network": Mistake(lambda: parts(model=[Linear(3, 1)]), ArgumentError,
        "Trainer: ", "model must be a network with a loss", "is [Linear(3, 1)]", "Sequential(layers, criterion)"),
    "an optimizer's class": Mistake(lambda: parts(optimizer=SGD), ArgumentError,
        "Trainer: ", "optimizer must be one such as SGD(model, lr=0.1)", "is the class SGD", "SGD(model, lr=0.1)"),
    "an optimizer's name": Mistake(lambda: parts(optimizer="adam"), ArgumentError,
        "Trainer: ", "optimizer must be one", "is 'adam'", "such as SGD(model, lr=0.1)"),
    "another model's optimizer": Mistake(lambda: parts(optimizer=SGD(model(), lr=0.1)), ArgumentError,
        "Trainer: ", "optimizer must be made for this model", "it was made for another", "SGD(model, ...)"),
    "model and optimizer swapped": Mistake(lambda: parts(model=SGD(model(), lr=0.1)), ArgumentError,
        "Trainer: ", "model must be a network with a loss", "is SGD(..., lr=0.1)", "Trainer(model, optimizer, train_dl)"),
    "arrays for a loader": Mistake(lambda: parts(train_dl=(X, Y)), ArgumentError,
        "Trainer: ", "train_dl must be a DataLoader", "(ndarray of shape (6, 3), ndarray of shape (6,))", "DataLoader(Dataset(X, y), batch_size)"),
    "X for a loader": Mistake(lambda: Trainer(*(lambda m: (m, SGD(m, lr=0.1)))(model()), X, Y), ArgumentError,
        "Trainer: ", "train_dl must be a DataLoader", "is ndarray of shape (6, 3)", "DataLoader(Dataset(X, y), batch_size)"),
    "a data set for a loader": Mistake(lambda: parts(val_dl=Dataset(X, Y)), ArgumentError,
        "Trainer: ", "val_dl must be a DataLoader", "is Dataset((6, 3)", "DataLoader(dataset, batch_size)"),
    "a metric by its name": Mistake(lambda: parts(metric="accuracy"), ArgumentError,
        "Trainer: ", "metric must be a function such as accuracy", "is 'accuracy'", "metric=accuracy"),
    "a metric that was called": Mistake(lambda: parts(metric=accuracy(np.ones((6, 1), F4), Y)), ArgumentError,
        "Trainer: ", "metric must be a function such as accuracy", "is 0.5", "metric=accuracy"),
    "half an epoch": Mistake(lambda: trainer().train(0.5), ArgumentError,
        "Trainer.train: ", "n_epochs must be an integer >= 0", "is 0.5", "n_epochs="),
    "epochs as a float": Mistake(lambda: trainer().train(1e1), ArgumentError,
        "Trainer.train: ", "n_epochs must be an integer >= 0", "is 10.0", "n_epochs=10"),
    "minus one epoch": Mistake(lambda: trainer().train(-1), ArgumentError,
        "Trainer.train: ", "n_epochs must be an integer >= 0", "is -1", "n_epochs="),
    "data for train": Mistake(lambda: trainer().train(X), ArgumentError,
        "Trainer.train: ", "n_epochs must be an integer >= 0", "is ndarray of shape (6, 3)", "n_epochs="),
    "arrays to evaluate": Mistake(lambda: trainer().evaluate((X, Y)), ArgumentError,
        "Trainer: ", "dl must be a DataLoader", "(ndarray of shape (6, 3), ndarray of shape (6,))", "DataLoader(Dataset(X, y), batch_size)"),
    "a step that returns nothing": Mistake(own_step, ShapeError,
        "Mine.step: ", "must return the losses of the batch, shape (2,)", "returned None", "return super().step(x, y)"),
    "everything frozen": Mistake(frozen, OrderError,
        "SGD.step()", "every parameter is frozen", "nothing would move", "unfreeze() a layer"),
    "a list of parameters": Mistake(lambda: SGD(model().parameters(), lr=0.1), ArgumentError,
        "SGD: ", "model must be a network", "is [Parameter((3, 4)", "SGD(model, ...)"),
    "names of parameters": Mistake(lambda: Adam(model().named_parameters()), ArgumentError,
        "Adam: ", "model must be a network", "is {'layers.0.bias': Parameter((4,)", "Adam(model, ...)"),
    "an iterator of parameters": Mistake(lambda: AdamW(iter(model().parameters())), ArgumentError,
        "AdamW: ", "model must be a network", "is list_iterator object", "AdamW(model, ...)"),
    "a list of layers": Mistake(lambda: SGD([Linear(3, 1)], lr=0.1), ArgumentError,
        "SGD: ", "model must be a network", "is [Linear(3, 1)]", "Sequential([...], loss)"),
    "a network's class": Mistake(lambda: SGD(Linear, lr=0.1), ArgumentError,
        "SGD: ", "model must be a network", "is the class Linear", "Sequential([...], loss)"),
    "the rate before the network": Mistake(lambda: SGD(0.1, model()), ArgumentError,
        "SGD: ", "model must be a network", "is 0.1", "SGD(model, ...)"),
    "nothing to train": Mistake(lambda: SGD(Sequential([ReLU()]), lr=0.1), ArgumentError,
        "SGD: ", "a network with parameters", "Sequential([ReLU()])", "such as Linear"),
    "a negative rate": Mistake(lambda: Adam(model(), lr=-1e-3), ArgumentError,
        "Adam: ", "lr must be a number in (0, inf)", "is -0.001", "lr=0.001"),
    "a rate of zero": Mistake(lambda: SGD(model(), lr=0), ArgumentError,
        "SGD: ", "lr must be a number in (0, inf)", "is 0", "lr=0.1"),
    "a rate of text": Mistake(lambda: SGD(model(), lr="0.01"), ArgumentError,
        "SGD: ", "lr must be a number in (0, inf)", "is '0.01'", "lr=0.01"),
    "a rate for each layer": Mistake(lambda: SGD(model(), lr=[0.1, 0.01]), ArgumentError,
        "SGD: ", "lr must be a number in (0, inf)", "is [0.1, 0.01]", "lr=0.1"),
    "the loss Cosine for a schedule": Mistake(lambda: SGD(model(), lr=Cosine()), ArgumentError,
        "SGD: ", "lr must be a number > 0 or a schedule", "is the layer or loss Cosine()", "portanet.schedules.Cosine(1e-3, 100)"),
    "a schedule's class": Mistake(lambda: SGD(model(), lr=schedules.Cosine), ArgumentError,
        "SGD: ", "lr must be a number > 0 or a schedule", "is the class Cosine", "portanet.schedules.Cosine(1e-3, 100)"),
    "too much momentum": Mistake(lambda: SGD(model(), lr=0.1, momentum=9), ArgumentError,
        "SGD: ", "momentum must be a number in [0, 1]", "is 9", "momentum=0.09"),
    "Nesterov without momentum": Mistake(lambda: SGD(model(), lr=0.1, nesterov=True), ArgumentError,
        "SGD: ", "nesterov needs a momentum > 0", "it is 0", "momentum=0.9"),
    "beta1 of 1": Mistake(lambda: Adam(model(), beta1=1), ArgumentError,
        "Adam: ", "beta1 must be a number in [0, 1)", "is 1", "beta1=0.1"),
    "a dict for a group": Mistake(lambda: SGD(model(), lr=0.1, groups=[{"lr": 0.01}]), ArgumentError,
        "SGD: ", "groups must be a list of Group", "is [{'lr': 0.01}]", "Group(is_vector, weight_decay=0.0)"),
    "a group without a list": Mistake(lambda: SGD(model(), lr=0.1, groups=Group(is_vector, lr=0.01)), ArgumentError,
        "SGD: ", "groups must be a list of Group", "is Group(", "groups=[Group("),
    "a group's unknown option": Mistake(lambda: SGD(model(), lr=0.1, groups=[Group(is_vector, decay=0.0)]), ArgumentError,
        "SGD: ", "a group can change", "not decay", "weight_decay"),
    "a group of a name": Mistake(lambda: Group("bias", lr=0.01), ArgumentError,
        "Group: ", "a function of (name, parameter)", "'bias'", "Group(is_vector, weight_decay=0.0)"),
    "step before backward": Mistake(lambda: SGD(model(), lr=0.1).step(), OrderError,
        "SGD.step()", "before", "has no gradient", "model.forward(x, training=True)"),
    "step twice": Mistake(step_twice, OrderError,
        "SGD.step()", "before each step", "used before", "backward"),
    "a schedule of text": Mistake(lambda: schedules.Cosine("0.1", 100), ArgumentError,
        "Cosine: ", "lr must be a number in [0, inf)", "is '0.1'", "lr=0.1"),
    "a schedule of minus ten steps": Mistake(lambda: schedules.Cosine(0.1, -10), ArgumentError,
        "Cosine: ", "n_steps must be an integer >= 1", "is -10", "n_steps="),
    "a schedule of half a step": Mistake(lambda: schedules.Cosine(0.1, 10.5), ArgumentError,
        "Cosine: ", "n_steps must be an integer >= 1", "is 10.5", "n_steps=10"),
    "a number to warm up": Mistake(lambda: schedules.WarmUp(0.1, 10), ArgumentError,
        "WarmUp: ", "a schedule must be a function of the step", "is 0.1", "Constant(0.1)"),
    "milestones that decrease": Mistake(lambda: schedules.MultiStep(0.1, [20, 10]), ArgumentError,
        "MultiStep: ", "milestones must increase", "are [20, 10]", "[10, 20]"),
    "a schedule that gives text": Mistake(
        lambda: SGD(model(), lr=lambda step: "small").rate(1), ArgumentError,
        "SGD: ", "lr must be a number in [0, inf)", "gives 'small' for step 0", "return a number"),
    "Plateau for a metric without one": Mistake(
        lambda: parts(optimizer=None, model=(m := model()), train_dl=loader()) and Trainer(
            m, SGD(m, lr=schedules.Plateau(0.1, best="largest")), loader()).train(1), ArgumentError,
        "Trainer: ", "val_dl and metric must be given", "Plateau", "best='smallest'"),
    "an average of no model": Mistake(lambda: ExponentialMovingAverage([Linear(3, 1)], 0.9), ArgumentError,
        "ExponentialMovingAverage: ", "model must be", "is [Linear(3, 1)]", "Sequential("),
    "a decay of 99": Mistake(lambda: ExponentialMovingAverage(model(), 99), ArgumentError,
        "ExponentialMovingAverage: ", "decay must be a number in [0, 1)", "is 99", "decay=0.99"),
    "a seed of text": Mistake(lambda: portanet.seed("abc"), ArgumentError,
        "seed: ", "must be an integer in [0, 2**64)", "is 'abc'", "seed(0)"),
    "a negative seed": Mistake(lambda: portanet.seed(-1), ArgumentError,
        "seed: ", "must be an integer in [0, 2**64)", "is -1", "seed(0)"),
    "a loss to check": Mistake(lambda: check_gradients(BCEWithLogits(), X), ArgumentError,
        "check_gradients: ", "needs targets y", "BCEWithLogits is a loss", "check_gradients(loss, y_hat, y)"),
}  # fmt: skip
