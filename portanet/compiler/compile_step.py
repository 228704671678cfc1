"""compile_step: the compiled step as a function, for loops of one's own."""

from portanet.compiler.options import Fast
from portanet.compiler.step import CompiledStep
from portanet.optimizer import Optimizer
from portanet.sequential import Sequential


def compile_step(
    model: Sequential, optimizer: Optimizer, *, fuse: bool = True, fast: Fast = None,
    mkl: bool = False,
) -> CompiledStep:  # fmt: skip
    """Return a function of a batch that takes one step of training, as `Trainer.step` does, fast.

    The first step with batches of a shape is traced, the second is verified against the readable
    step, all others are replayed; see CompiledStep, also for the options: `fast` says what LLVM
    compiles, and when (True, False, "same bits" or None: all, once it pays). On backends that have
    no engine (PyTorch, array-api-strict) steps run as they are written.

    >>> import numpy as np, portanet
    >>> from portanet import SGD, BCEWithLogits, Linear, Sequential
    >>> portanet.seed(0)
    >>> model = Sequential([Linear(2, 1)], BCEWithLogits())
    >>> step = portanet.compile_step(model, SGD(model, lr=1.0))
    >>> x, y = np.asarray([[1, 2], [2, 1]], np.float32), np.asarray([[0], [1]], np.float32)
    >>> [round(float(step(x, y).mean()), 3) for _ in range(4)]
    [0.819, 0.661, 0.55, 0.465]
    """
    return CompiledStep(model, optimizer, fuse=fuse, fast=fast, mkl=mkl)
