"""Habits from other libraries: methods and names that are not here, or are called otherwise."""

import numpy as np

import portanet
from mistakes.base import F4, Mistake, X, Y, loader, model, trainer
from portanet import SGD, Dataset, Input, Linear, Parameter, Sequential
from portanet.errors import DtypeError, MissingNameError


def imported(name):
    """Run `from portanet import name`."""
    exec(f"from portanet import {name}", {})


def own_layer_with_a_parameter():
    return X @ Parameter(np.ones((3, 4), F4))


NETWORK = {
    "train": ("training=True", "Trainer(model, optimizer, train_dl).train(n_epochs)"),
    "eval": ("a mode is no state here", "forward(x) predicts"),
    "zero_grad": ("not needed", "each backward() sets the gradients anew"),
    "state_dict": ("portanet.save(path, model)", "model.named_parameters()"),
    "load_state_dict": ("portanet.load(path, model)", "model.restore(snapshot)"),
    "cuda": ("moves to a GPU", "model.to('cupy')"),
    "cpu": ("moves to a GPU", "model.to('numpy')"),
    "fit": ("write", "Trainer(model, optimizer, train_dl).train(n_epochs)"),
    "compile": ("the loss is given to", "Sequential(layers, criterion)"),
    "add": ("a network is made of a list", "Sequential([*model.layers, layer], criterion)"),
    "requires_grad": ("nothing is recorded here", "layer.freeze()"),
    "half": ("computes in half precision", "model.precision = 'float16'"),
    "double": ("write", "model.to(dtype='float64')"),
    "step": ("the optimizer moves the parameters", "optimizer.step()"),
    "children": ("the list of layers", "model.layers"),
    "save": ("write", "portanet.save(path, model)"),
    "weight": ("weights are a Parameter", "layer.weights.value"),
}
PACKAGE = {
    "Dense": "Linear(n_inp, n_out)",
    "nn": "portanet.Linear",
    "optim": "portanet.SGD",
    "Conv2D": "Conv2d(n_inp, n_out, kernel)",
    "MaxPooling2D": "MaxPool2d(kernel)",
    "CrossEntropyLoss": "CrossEntropy()",
    "MSELoss": "MSE()",
    "BCELoss": "BinaryCrossEntropy()",
    "Module": "Layer, with forward",
    "Tensor": "numpy.asarray",
    "no_grad": "forward(x) remembers nothing unless training=True",
    "manual_seed": "seed(n)",
    "StandardScaler": "Normalizer()",
    "Lineer": "Linear",
    "dataloader": "DataLoader",
    "sigmoid": "Sigmoid",
}

MISTAKES = {
    **{f"model.{name}()": Mistake(lambda name=name: getattr(model(), name)(), MissingNameError,
        "Sequential: ", wanted, f"there is no .{name} here", do) for name, (wanted, do) in NETWORK.items()},
    **{f"portanet.{name}": Mistake(lambda name=name: getattr(portanet, name), MissingNameError,
        "portanet: ", do, f"there is no {name} here", do) for name, do in PACKAGE.items()},
    "from portanet import BatchNormalization": Mistake(lambda: imported("BatchNormalization"), ImportError,
        "portanet: ", "what you may want is", "there is no BatchNormalization here", "BatchNorm1d(n) after Linear"),
    "from portanet import Linears": Mistake(lambda: imported("Linears"), ImportError,
        "portanet: ", "like it are", "there is no Linears here", "Linear"),
    "layer.train()": Mistake(lambda: Linear(3, 1).train(), MissingNameError,
        "Linear: ", "training=True", "there is no .train here", "forward(x, training=True)"),
    "criterion.item()": Mistake(lambda: model().criterion.item(), MissingNameError,
        "BCEWithLogits: ", "a loss is a function", "there is no .item here", "float(criterion(y_hat, y).mean())"),
    "optimizer.zero_grad()": Mistake(lambda: SGD(model(), lr=0.1).zero_grad(), MissingNameError,
        "SGD: ", "not needed", "there is no .zero_grad here", "each backward() sets the gradients anew"),
    "optimizer.param_groups": Mistake(lambda: SGD(model(), lr=0.1).param_groups, MissingNameError,
        "SGD: ", "options are attributes", "there is no .param_groups here", "optimizer.lr = 0.01"),
    "optimizer.state_dict()": Mistake(lambda: SGD(model(), lr=0.1).state_dict(), MissingNameError,
        "SGD: ", "gives the state", "there is no .state_dict here", "portanet.save(path, model, optimizer)"),
    "trainer.fit()": Mistake(lambda: trainer().fit(5), MissingNameError,
        "Trainer: ", "write", "there is no .fit here", "trainer.train(n_epochs)"),
    "trainer.predict()": Mistake(lambda: trainer().predict(X), MissingNameError,
        "Trainer: ", "gives the outputs", "there is no .predict here", "trainer.model.forward(x)"),
    "trainer.loss": Mistake(lambda: trainer().loss, MissingNameError,
        "Trainer: ", "the losses of each epoch", "there is no .loss here", "trainer.history[-1]['loss']"),
    "loader.dataset": Mistake(lambda: loader().dataset, MissingNameError,
        "DataLoader: ", "the data set is", "there is no .dataset here", "loader.ds"),
    "loader.next()": Mistake(lambda: loader().next(), MissingNameError,
        "DataLoader: ", "write", "there is no .next here", "next(iter(loader))"),
    "dataset.targets": Mistake(lambda: Dataset(X, Y).targets, MissingNameError,
        "Dataset: ", "the targets are", "there is no .targets here", "dataset.y"),
    "weights.data": Mistake(lambda: Linear(3, 1).weights.data, MissingNameError,
        "Parameter: ", "the array is", "there is no .data here", "parameter.value"),
    "weights.shape": Mistake(lambda: Linear(3, 1).weights.shape, MissingNameError,
        "Parameter: ", "the array is", "there is no .shape here", "parameter.value.shape"),
    "weights.requires_grad": Mistake(lambda: Linear(3, 1).weights.requires_grad, MissingNameError,
        "Parameter: ", "write", "there is no .requires_grad here", "parameter.trainable = False"),
    "a Parameter in a product": Mistake(own_layer_with_a_parameter, DtypeError,
        "Parameter: ", "operators take arrays", "a Parameter and ndarray of shape (6, 3)", ".value"),
    "a Parameter in a sum": Mistake(lambda: Linear(3, 1).bias + 1, DtypeError,
        "Parameter: ", "operators take arrays", "a Parameter and 1", ".value"),
    "a Parameter into a network": Mistake(lambda: model().forward(Parameter(X)), DtypeError,
        "Sequential: ", "x must be an array", "is Parameter((6, 3)", "x.value"),
    "an Input into a network": Mistake(lambda: model().forward(Input()), DtypeError,
        "Sequential: ", "x must be an array", "is Input('x')", "layer(x)"),
    "the parameters of a loss": Mistake(lambda: SGD(Sequential([Linear(3, 1)]).criterion, lr=0.1), Exception,
        "SGD: ", "model must be a network", "is None", "SGD(model, ...)"),
}  # fmt: skip
