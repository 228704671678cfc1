"""What people know from other libraries: under which name it is here, or why it is not needed.

Tables of words, from which messages are made: of the package, of constructors, of methods.
"""

# Public names: PyTorch's, Keras' and scikit-learn's, and what to type instead.
NAMES = {
    "nn": "layers are in portanet itself: portanet.Linear",
    "optim": "optimizers are in portanet itself: portanet.SGD",
    "functional": (
        "layers and metrics are functions: portanet.ReLU()(x), portanet.accuracy(y_hat, y)"
    ),
    "Dense": "Linear(n_inp, n_out), and an activation such as ReLU() after it",
    "Conv1D": "Conv1d(n_inp, n_out, kernel)",
    "Conv2D": "Conv2d(n_inp, n_out, kernel)",
    "Conv2DTranspose": "ConvTranspose2d(n_inp, n_out, kernel)",
    "MaxPooling2D": "MaxPool2d(kernel)",
    "MaxPooling1D": "MaxPool1d(kernel)",
    "AveragePooling2D": "AvgPool2d(kernel)",
    "AdaptiveAvgPool2d": "GlobalAvgPool()",
    "BatchNormalization": "BatchNorm1d(n) after Linear, BatchNorm2d(n) after Conv2d",
    "LayerNormalization": "LayerNorm(n)",
    "Activation": "a layer for each: ReLU(), Sigmoid(), Tanh()",
    "Relu": "ReLU()",
    "SiLu": "SiLU()",
    "Swish": "SiLU()",
    "Module": "Layer, with forward(x, *, training=False) and backward(grad)",
    "Model": "Sequential([layers], loss), or Graph(inputs, outputs)",
    "ModuleList": "a list: parameters are found in lists and dicts",
    "ModuleDict": "a dict: parameters are found in lists and dicts",
    "Tensor": "arrays are the backend's own, such as numpy.asarray([1.0])",
    "tensor": "arrays are the backend's own, such as numpy.asarray([1.0])",
    "array": "arrays are the backend's own, such as numpy.asarray([1.0])",
    "CrossEntropyLoss": "CrossEntropy()",
    "SparseCategoricalCrossentropy": "CrossEntropy(), with class indices",
    "CategoricalCrossentropy": "CrossEntropy(), with probabilities",
    "BCELoss": "BinaryCrossEntropy()",
    "BCEWithLogitsLoss": "BCEWithLogits()",
    "BinaryCrossentropy": "BinaryCrossEntropy(), or BCEWithLogits() without a Sigmoid",
    "MSELoss": "MSE()",
    "MeanSquaredError": "MSE()",
    "L1Loss": "MAE()",
    "MeanAbsoluteError": "MAE()",
    "NLLLoss": "NLL()",
    "KLDivLoss": "KLDiv()",
    "HuberLoss": "Huber()",
    "SmoothL1Loss": "SmoothL1()",
    "CosineSimilarity": "Cosine()",
    "CosineAnnealingLR": "portanet.schedules.Cosine(lr, n_steps)",
    "StepLR": "portanet.schedules.StepDecay(lr, every)",
    "OneCycleLR": "portanet.schedules.OneCycle(lr, n_steps)",
    "ReduceLROnPlateau": "portanet.schedules.Plateau(lr)",
    "lr_scheduler": "schedules: SGD(model, lr=portanet.schedules.Cosine(0.1, 1000))",
    "no_grad": "not needed: forward(x) remembers nothing unless training=True",
    "inference_mode": "not needed: forward(x) remembers nothing unless training=True",
    "manual_seed": "seed(n)",
    "device": "model.to('cupy') moves everything",
    "cuda": "model.to('cupy') moves everything, portanet.available() names what works here",
    "float32": "names of dtypes: model.to(dtype='float32')",
    "float64": "names of dtypes: model.to(dtype='float64')",
    "StandardScaler": "Normalizer(), or normalize(X_train, X_val)",
    "TensorDataset": "Dataset(X, y)",
    "LSTMCell": "LSTM(n_inp, n_hidden)",
    "accuracy_score": "accuracy(y_hat, y)",
    "f1_score": "f1(y_hat, y)",
    "r2_score": "r2(y_hat, y)",
    "EarlyStopping": "portanet.callbacks.EarlyStopping(...), given as Trainer(callbacks=[...])",
}

# Arguments of constructors, and what they may be called here.
OPTIONS = {
    "learning_rate": "lr", "max_lr": "lr", "params": "model", "parameters": "model",
    "eps": "epsilon", "betas": "beta1 beta2", "beta_1": "beta1", "beta_2": "beta2",
    "max_norm": "clip_norm", "clipnorm": "clip_norm", "clipvalue": "clip_value",
    "in_features": "n_inp", "in_channels": "n_inp", "input_size": "n_inp", "input_dim": "n_inp",
    "out_features": "n_out", "out_channels": "n_out", "filters": "n_out", "units": "n_out n_hidden",
    "hidden_size": "n_hidden", "kernel_size": "kernel", "pool_size": "kernel", "strides": "stride",
    "use_bias": "bias", "kernel_initializer": "weights", "rate": "p", "prob": "p", "dim": "axis",
    "num_embeddings": "n_tokens", "embedding_dim": "n_features", "padding_idx": "padding_index",
    "num_features": "n_features channels", "normalized_shape": "n_features shape",
    "num_heads": "n_heads", "embed_dim": "n_features", "output_dim": "n_features",
    "weight": "class_weights", "pos_weight": "positive_weight", "ignore_class": "ignore_index",
    "dataset": "ds", "bs": "batch_size", "random_state": "seed", "generator": "seed",
    "loss": "criterion", "loss_fn": "criterion", "metrics": "metric", "optim": "optimizer",
    "train_loader": "train_dl", "val_loader": "val_dl", "validation_data": "val_dl", "net": "model",
    "T_max": "n_steps", "total_steps": "n_steps", "decay_steps": "n_steps", "eta_min": "lowest",
    "warmup_steps": "n_steps", "step_size": "every", "initial_learning_rate": "lr",
    "x": "X", "data": "X", "labels": "y", "targets": "y", "modules": "layers", "args": "layers",
}  # fmt: skip

# Arguments that nothing has here, and what to do instead.
NO_OPTIONS = {
    "activation": "an activation is a layer of its own: ReLU()",
    "epochs": "the number of epochs is given later: trainer.train(5)",
    "n_epochs": "the number of epochs is given later: trainer.train(5)",
    "from_logits": "BCEWithLogits and CrossEntropy take logits, BinaryCrossEntropy and NLL do not",
    "reduction": "a loss gives one number per sample, and its mean is trained",
    "input_shape": "the number of inputs is the first argument",
    "inplace": "leave it out",
    "num_workers": "leave it out: batches are read ahead by a thread",
    "device": "model.to('cupy') moves the whole network later",
    "dtype": "model.to(dtype='float64') casts the whole network later",
    "name": "layers are named in Graph(inputs, outputs, names={'name': layer})",
}

_TRAINER = "Trainer(model, optimizer, train_dl).train(n_epochs)"
_MODES = "a mode is no state here: forward(x, training=True) trains, forward(x) predicts"
_DEVICE = "model.to('cupy') moves to a GPU and model.to('numpy') back"
_NO_TAPE = "nothing is recorded here: layer.freeze() keeps parameters from moving"
NETWORK = {
    "train": f"{_MODES}; {_TRAINER} runs a training",
    "eval": _MODES,
    "fit": f"write {_TRAINER}",
    "compile": f"the loss is given to Sequential(layers, criterion), the rest to {_TRAINER}",
    "evaluate": "write Trainer(model, optimizer, train_dl, val_dl, metric).evaluate(val_dl)",
    "zero_grad": "not needed: each backward() sets the gradients anew",
    "requires_grad": _NO_TAPE,
    "requires_grad_": _NO_TAPE,
    "state_dict": "portanet.save(path, model) saves, model.named_parameters() names the parameters",
    "load_state_dict": "portanet.load(path, model) loads, model.restore(snapshot) goes back",
    "save": "write portanet.save(path, model)",
    "load": "write portanet.load(path, model)",
    "load_weights": "write portanet.load(path, model)",
    "save_weights": "write portanet.save(path, model)",
    "get_weights": "model.named_parameters() gives each Parameter by its name",
    "cuda": _DEVICE,
    "cpu": _DEVICE,
    "gpu": _DEVICE,
    "double": "write model.to(dtype='float64')",
    "float": "write model.to(dtype='float32')",
    "half": "model.precision = 'float16' computes in half precision; weights stay float32",
    "add": "a network is made of a list: Sequential([*model.layers, layer], criterion)",
    "add_module": "an attribute is enough: self.name = layer",
    "register_buffer": "an attribute is enough: self.name = Buffer(array)",
    "register_parameter": "an attribute is enough: self.name = Parameter(array)",
    "append": "a network is made of a list: Sequential([*model.layers, layer], criterion)",
    "children": "model.layers is the list of layers",
    "modules": "model.named_parts() gives all layers by name",
    "named_modules": "model.named_parts() gives all layers by name",
    "apply": "write a loop over model.named_parts().values()",
    "weight": "a layer's weights are a Parameter: layer.weights.value",
    "item": "a loss is a function: float(criterion(y_hat, y).mean()) is the mean of a batch",
    "step": f"the optimizer moves the parameters: optimizer.step(), or {_TRAINER}",
}
OPTIMIZER = {
    "zero_grad": "not needed: each backward() sets the gradients anew",
    "state_dict": (
        "optimizer.state() gives the state, portanet.save(path, model, optimizer) saves it"
    ),
    "load_state_dict": (
        "write optimizer.load_state(state), or portanet.load(path, model, optimizer)"
    ),
    "param_groups": (
        "options are attributes: optimizer.lr = 0.01; for some parameters: groups=[Group(...)]"
    ),
    "add_param_group": "groups are given when it is made: SGD(model, lr=0.1, groups=[Group(...)])",
    "minimize": "write model.backward(), then optimizer.step()",
    "apply_gradients": "write model.backward(), then optimizer.step()",
    "learning_rate": "the learning rate is optimizer.lr",
}
TRAINER = {
    "fit": "write trainer.train(n_epochs)",
    "run": "write trainer.train(n_epochs)",
    "predict": "trainer.model.forward(x) gives the outputs",
    "test": "write trainer.evaluate(loader)",
    "validate": "write trainer.evaluate(loader)",
    "save": "write portanet.save(path, trainer.model, trainer.optimizer, trainer=trainer)",
    "load": "write portanet.load(path, trainer.model, trainer.optimizer, trainer=trainer)",
    "loss": "trainer.history has the losses of each epoch: trainer.history[-1]['loss']",
}
DATA = {
    "next": "write next(iter(loader))",
    "map": "a subclass with __getitem__(index) changes samples: class Mine(portanet.Dataset)",
    "batch": "write DataLoader(dataset, batch_size)",
    "dataset": "the data set is loader.ds",
    "data": "the arrays are dataset.X and dataset.y",
    "targets": "the targets are dataset.y",
    "train_test_split": "split the arrays first, and make a Dataset of each part",
}
PARAMETER = {
    "requires_grad": "write parameter.trainable = False",
    "requires_grad_": "write parameter.trainable = False",
    "data": "the array is parameter.value",
    "shape": "the array is parameter.value: parameter.value.shape",
    "dtype": "the array is parameter.value: parameter.value.dtype",
    "numpy": (
        "the array is parameter.value; on another backend "
        "portanet.backend_of(value).to_numpy(value)"
    ),
    "detach": "the array is parameter.value, and nothing is recorded of it",
    "item": "the array is parameter.value: float(parameter.value)",
    "zero_grad": "not needed: each backward() sets the gradients anew",
}
