"""The layers, one concept per file."""

from portanet.layers.activations import HardSigmoid, ReLU, Sigmoid, Tanh, sigmoid
from portanet.layers.attention import MultiHeadAttention
from portanet.layers.batch_normalization import BatchNorm1d, BatchNorm2d
from portanet.layers.containers import Parallel, Residual
from portanet.layers.convolution import Conv1d, Conv2d
from portanet.layers.convolution_transpose import ConvTranspose2d
from portanet.layers.dropout import Dropout
from portanet.layers.embedding import Embedding
from portanet.layers.error_function import erf
from portanet.layers.freezing import freeze_statistics, unfreeze_statistics
from portanet.layers.gated import GELU, HardSwish, Mish, SiLU
from portanet.layers.global_pooling import GlobalAvgPool
from portanet.layers.group_normalization import GroupNorm
from portanet.layers.joins import Add, Concat, Multiply
from portanet.layers.linear import Linear
from portanet.layers.normalization import LayerNorm, RMSNorm
from portanet.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from portanet.layers.positions import RotaryPositions, SinusoidalPositions
from portanet.layers.rectifiers import ELU, SELU, LeakyReLU, PReLU
from portanet.layers.recurrent import GRU, LSTM, RNN
from portanet.layers.shapes import Flatten, Reshape
from portanet.layers.softmax import LogSoftmax, Softmax, log_softmax, softmax
from portanet.layers.softplus import Softplus
from portanet.layers.transformer import TransformerBlock, TransformerDecoderBlock
from portanet.layers.unembedding import Unembedding

__all__ = [
    "ELU",
    "GELU",
    "GRU",
    "LSTM",
    "RNN",
    "SELU",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Concat",
    "Conv1d",
    "Conv2d",
    "ConvTranspose2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GlobalAvgPool",
    "GroupNorm",
    "HardSigmoid",
    "HardSwish",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSoftmax",
    "MaxPool1d",
    "MaxPool2d",
    "Mish",
    "MultiHeadAttention",
    "Multiply",
    "PReLU",
    "Parallel",
    "RMSNorm",
    "ReLU",
    "Reshape",
    "Residual",
    "RotaryPositions",
    "SiLU",
    "Sigmoid",
    "SinusoidalPositions",
    "Softmax",
    "Softplus",
    "Tanh",
    "TransformerBlock",
    "TransformerDecoderBlock",
    "Unembedding",
    "erf",
    "freeze_statistics",
    "log_softmax",
    "sigmoid",
    "softmax",
    "unfreeze_statistics",
]
