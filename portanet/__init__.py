"""portanet: a neural-network library that you can read.

One network, written against the Python array API standard, trains on NumPy on a CPU, on CuPy on an
NVIDIA GPU, and on PyTorch, JAX and array-api-strict; `model.to("cupy")` is the whole difference.
"""

from importlib import import_module
from typing import Any

from portanet._version import __version__ as __version__

# Where each public name lives. A module is loaded when one of its names is first asked for, so
# `import portanet` costs next to nothing. Type checkers read __init__.pyi; a test compares the two.
_HOMES = {
    "portanet.backends": "array_namespace available backend_of",
    "portanet.balancing": "class_weights positive_weight",
    "portanet.checkpoint": "load save",
    "portanet.checkpoint_model": "load_model",
    "portanet.compiler": "NotCompiledWarning compile_forward compile_step",
    "portanet.compiler.profiling": "profile",
    "portanet.data": (
        "BalancedSampler DataLoader Dataset ImageFolder Stream WeightedSampler batchwise"
    ),
    "portanet.dispatch": "accelerable",
    "portanet.ema": "ExponentialMovingAverage",
    "portanet.graph": "Graph",
    "portanet.half": "in_float32",
    "portanet.layer": "Buffer Layer Parameter",
    "portanet.layers": (
        "Add AvgPool1d AvgPool2d BatchNorm1d BatchNorm2d Concat Conv1d Conv2d ConvTranspose2d "
        "Dropout ELU Embedding Flatten GELU GRU GlobalAvgPool GroupNorm HardSigmoid "
        "HardSwish LSTM LayerNorm LeakyReLU Linear LogSoftmax MaxPool1d MaxPool2d Mish "
        "MultiHeadAttention Multiply PReLU Parallel RMSNorm RNN ReLU Reshape Residual "
        "RotaryPositions SELU SiLU Sigmoid SinusoidalPositions Softmax Softplus Tanh "
        "TransformerBlock TransformerDecoderBlock Unembedding freeze_statistics "
        "unfreeze_statistics"
    ),
    "portanet.loss": "Loss",
    "portanet.losses": (
        "BCEWithLogits BinaryCrossEntropy Cosine CrossEntropy Hinge Huber KLDiv Losses MAE "
        "MSE NLL PoissonNLL SmoothL1"
    ),
    "portanet.loss_scale": "LossScale",
    "portanet.metrics": (
        "accuracy average_precision confusion_matrix f1 mae mse precision r2 recall "
        "roc_auc top_k_accuracy"
    ),
    "portanet.mixed_precision": "MixedPrecision",
    "portanet.optimizers": (
        "Adadelta Adagrad Adam AdamW Group Lion Muon NAdam Optimizer RAdam RMSprop SGD is_vector"
    ),
    "portanet.preprocessing": "Normalizer normalize",
    "portanet.random": "seed",
    "portanet.sequential": "Sequential",
    "portanet.trainer": "Trainer",
    "portanet.verify": "check_gradients",
    "portanet.wire": "Input",
}
_MODULES = (
    "augmentation",
    "backends",
    "callbacks",
    "errors",
    "estimators",
    "initializers",
    "schedules",
    "verify",
)
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted(["__version__", *_HOME_OF, *_MODULES])  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"portanet.{name}")
    if name not in _HOME_OF:
        from portanet.unknown_name import unknown_name

        raise unknown_name(name, __all__)
    value = globals()[name] = getattr(import_module(_HOME_OF[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
