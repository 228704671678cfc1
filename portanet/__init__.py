"""portanet: a neural-network library that you can read.

One network, written against the Python array API standard, trains on NumPy on a CPU, on CuPy on an
NVIDIA GPU, and on PyTorch, JAX and array-api-strict; `model.to("cupy")` is the whole difference.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from portanet._version import __version__ as __version__

if TYPE_CHECKING:
    from portanet import augmentation as augmentation
    from portanet import backends as backends
    from portanet import callbacks as callbacks
    from portanet import errors as errors
    from portanet import estimators as estimators
    from portanet import initializers as initializers
    from portanet import schedules as schedules
    from portanet import verify as verify
    from portanet.backends import array_namespace as array_namespace
    from portanet.backends import available as available
    from portanet.backends import backend_of as backend_of
    from portanet.balancing import class_weights as class_weights
    from portanet.balancing import positive_weight as positive_weight
    from portanet.checkpoint import load as load
    from portanet.checkpoint import save as save
    from portanet.checkpoint_model import load_model as load_model
    from portanet.compiler import NotCompiledWarning as NotCompiledWarning
    from portanet.compiler import compile_forward as compile_forward
    from portanet.compiler import compile_step as compile_step
    from portanet.compiler.profiling import profile as profile
    from portanet.data import BalancedSampler as BalancedSampler
    from portanet.data import DataLoader as DataLoader
    from portanet.data import Dataset as Dataset
    from portanet.data import ImageFolder as ImageFolder
    from portanet.data import Stream as Stream
    from portanet.data import WeightedSampler as WeightedSampler
    from portanet.data import batchwise as batchwise
    from portanet.dispatch import accelerable as accelerable
    from portanet.ema import ExponentialMovingAverage as ExponentialMovingAverage
    from portanet.graph import Graph as Graph
    from portanet.half import in_float32 as in_float32
    from portanet.layer import Buffer as Buffer
    from portanet.layer import Layer as Layer
    from portanet.layer import Parameter as Parameter
    from portanet.layers import ELU as ELU
    from portanet.layers import GELU as GELU
    from portanet.layers import GRU as GRU
    from portanet.layers import LSTM as LSTM
    from portanet.layers import RNN as RNN
    from portanet.layers import SELU as SELU
    from portanet.layers import Add as Add
    from portanet.layers import AvgPool1d as AvgPool1d
    from portanet.layers import AvgPool2d as AvgPool2d
    from portanet.layers import BatchNorm1d as BatchNorm1d
    from portanet.layers import BatchNorm2d as BatchNorm2d
    from portanet.layers import Concat as Concat
    from portanet.layers import Conv1d as Conv1d
    from portanet.layers import Conv2d as Conv2d
    from portanet.layers import ConvTranspose2d as ConvTranspose2d
    from portanet.layers import Dropout as Dropout
    from portanet.layers import Embedding as Embedding
    from portanet.layers import Flatten as Flatten
    from portanet.layers import GlobalAvgPool as GlobalAvgPool
    from portanet.layers import GroupNorm as GroupNorm
    from portanet.layers import HardSigmoid as HardSigmoid
    from portanet.layers import HardSwish as HardSwish
    from portanet.layers import LayerNorm as LayerNorm
    from portanet.layers import LeakyReLU as LeakyReLU
    from portanet.layers import Linear as Linear
    from portanet.layers import LogSoftmax as LogSoftmax
    from portanet.layers import MaxPool1d as MaxPool1d
    from portanet.layers import MaxPool2d as MaxPool2d
    from portanet.layers import Mish as Mish
    from portanet.layers import MultiHeadAttention as MultiHeadAttention
    from portanet.layers import Multiply as Multiply
    from portanet.layers import Parallel as Parallel
    from portanet.layers import PReLU as PReLU
    from portanet.layers import ReLU as ReLU
    from portanet.layers import Reshape as Reshape
    from portanet.layers import Residual as Residual
    from portanet.layers import RMSNorm as RMSNorm
    from portanet.layers import RotaryPositions as RotaryPositions
    from portanet.layers import Sigmoid as Sigmoid
    from portanet.layers import SiLU as SiLU
    from portanet.layers import SinusoidalPositions as SinusoidalPositions
    from portanet.layers import Softmax as Softmax
    from portanet.layers import Softplus as Softplus
    from portanet.layers import Tanh as Tanh
    from portanet.layers import TransformerBlock as TransformerBlock
    from portanet.layers import TransformerDecoderBlock as TransformerDecoderBlock
    from portanet.layers import Unembedding as Unembedding
    from portanet.layers import freeze_statistics as freeze_statistics
    from portanet.layers import unfreeze_statistics as unfreeze_statistics
    from portanet.loss import Loss as Loss
    from portanet.loss_scale import LossScale as LossScale
    from portanet.losses import MAE as MAE
    from portanet.losses import MSE as MSE
    from portanet.losses import NLL as NLL
    from portanet.losses import BCEWithLogits as BCEWithLogits
    from portanet.losses import BinaryCrossEntropy as BinaryCrossEntropy
    from portanet.losses import Cosine as Cosine
    from portanet.losses import CrossEntropy as CrossEntropy
    from portanet.losses import Hinge as Hinge
    from portanet.losses import Huber as Huber
    from portanet.losses import KLDiv as KLDiv
    from portanet.losses import Losses as Losses
    from portanet.losses import PoissonNLL as PoissonNLL
    from portanet.losses import SmoothL1 as SmoothL1
    from portanet.metrics import accuracy as accuracy
    from portanet.metrics import average_precision as average_precision
    from portanet.metrics import confusion_matrix as confusion_matrix
    from portanet.metrics import f1 as f1
    from portanet.metrics import mae as mae
    from portanet.metrics import mse as mse
    from portanet.metrics import precision as precision
    from portanet.metrics import r2 as r2
    from portanet.metrics import recall as recall
    from portanet.metrics import roc_auc as roc_auc
    from portanet.metrics import top_k_accuracy as top_k_accuracy
    from portanet.mixed_precision import MixedPrecision as MixedPrecision
    from portanet.optimizers import SGD as SGD
    from portanet.optimizers import Adadelta as Adadelta
    from portanet.optimizers import Adagrad as Adagrad
    from portanet.optimizers import Adam as Adam
    from portanet.optimizers import AdamW as AdamW
    from portanet.optimizers import Group as Group
    from portanet.optimizers import Lion as Lion
    from portanet.optimizers import Muon as Muon
    from portanet.optimizers import NAdam as NAdam
    from portanet.optimizers import Optimizer as Optimizer
    from portanet.optimizers import RAdam as RAdam
    from portanet.optimizers import RMSprop as RMSprop
    from portanet.optimizers import is_vector as is_vector
    from portanet.preprocessing import Normalizer as Normalizer
    from portanet.preprocessing import normalize as normalize
    from portanet.random import seed as seed
    from portanet.sequential import Sequential as Sequential
    from portanet.trainer import Trainer as Trainer
    from portanet.verify import check_gradients as check_gradients
    from portanet.wire import Input as Input

# Where each public name lives. A module is loaded when one of its names is first asked for, so
# `import portanet` costs next to nothing. The imports above are for type checkers; a test compares.
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
