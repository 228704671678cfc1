"""Every error and warning that portanet raises, and how their messages show a value.

    PortanetError
    ├── ShapeError        (ValueError)    an array has the wrong shape
    ├── DtypeError        (TypeError)     an array has the wrong dtype, or is not an array
    ├── ArgumentError     (ValueError)    an argument has an invalid value
    │   └── CallError     (TypeError)     a constructor has no such argument, or lacks one
    ├── MissingNameError  (AttributeError) something has another name here, or is not needed
    ├── DataError         (ValueError)    the data or a file have invalid contents
    │   └── CheckpointError (ArgumentError) a checkpoint is damaged, or does not fit
    ├── OrderError        (RuntimeError)  a method is called before the one it depends on
    ├── SharedParameterError (ValueError) one parameter is used in two places
    ├── GradientError     (AssertionError) a gradient disagrees with finite differences
    ├── DivergedError     (ArithmeticError) numbers of a run are NaN or infinite (callbacks.Guard)
    └── BackendError      (RuntimeError)
        ├── PlacementError (ValueError)   arrays are on different backends or devices
        └── MissingBackendError           a backend cannot run on this machine

    LastLayerWarning      (UserWarning)   the last layer does not return what the loss expects

Messages read: who, what was wanted, what came, what to do.
"""

from reprlib import Repr
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

_MAX_LENGTH = 80  # characters of a value that a message shows
_MAX_LINE = 200  # and of another error


class PortanetError(Exception):
    """The base class of all errors of portanet."""


class ShapeError(PortanetError, ValueError):
    """An array has the wrong shape."""


class DtypeError(PortanetError, TypeError):
    """An array has the wrong dtype, or is not an array."""


class ArgumentError(PortanetError, ValueError):
    """An argument has an invalid value."""


class CallError(ArgumentError, TypeError):
    """A constructor is called with an argument that it does not have, or without one it needs."""


class MissingNameError(PortanetError, AttributeError):
    """Something that other libraries have under this name is called otherwise, or not needed."""


class DataError(PortanetError, ValueError):
    """The data or a file have invalid contents: NaN, unknown labels, no samples, damage."""


class CheckpointError(ArgumentError, DataError):
    """A checkpoint is damaged, or its contents do not fit the objects that are to go on from it.

    Nothing has been changed by the load that raises it. Load an older file if this one is damaged;
    make model, optimizer and other parts like the saved ones if it does not fit. It is a DataError
    and an ArgumentError, which were raised for one or the other before there was this class. What
    the operating system refuses is an OSError, such as FileNotFoundError.
    """


class OrderError(PortanetError, RuntimeError):
    """A method is called before the one it depends on, such as backward before forward."""


class SharedParameterError(PortanetError, ValueError):
    """One Parameter is used in two places, where the second gradient would replace the first."""


class GradientError(PortanetError, AssertionError):
    """A gradient disagrees with finite differences."""


class DivergedError(PortanetError, ArithmeticError):
    """Numbers of a run have become NaN or infinite.

    `epoch` is counted from 0, as it is printed; `step` is the number of the step in the run and
    `batch` that of the batch in its epoch, both from 1; `place` is the layer, such as "layers.2".
    None for what is not known; in validation there is no step.
    """

    def __init__(
        self, message: str, *, epoch: int, step: int | None, batch: int | None, place: str | None
    ) -> None:
        super().__init__(message)
        self.epoch, self.step, self.batch, self.place = epoch, step, batch, place


class BackendError(PortanetError, RuntimeError):
    """An error of a backend, its arrays or its device."""


class PlacementError(BackendError, ValueError):
    """Arrays of one operation are on different backends or devices."""


class DistributedError(BackendError):
    """Several processes were to train together and cannot: a library or a GPU is missing, say.

    Nothing trains on one rank where several were wanted.
    """


class MissingBackendError(BackendError):
    """A backend cannot run on this machine.

    `backend` is its name, `missing` one of "package", "driver", "device", "toolkit" (of CUDA), and
    `command` the command that installs or diagnoses what is missing ("" if there is none).
    """

    def __init__(self, message: str, *, backend: str, missing: str, command: str = "") -> None:
        super().__init__(message)
        self.backend, self.missing, self.command = backend, missing, command


class NotDistributedWarning(UserWarning):
    """A launcher has started several processes, and this one trains by itself."""


class DivergedWarning(UserWarning):
    """The loss of an epoch is NaN or infinite: training has diverged."""


class LastLayerWarning(UserWarning):
    """The last layer does not return what the loss expects: Softmax before CrossEntropy, say."""


class _Short(Repr):
    """Texts of values: long lists, strings and dicts are cut before their text is made."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = _MAX_LENGTH

    def repr1(self, x: Any, level: int) -> str:
        """Return the text of a value, or of one in a list: never numbers of an array."""
        if isinstance(x, type):
            return f"the class {x.__name__}"
        if isinstance(x, FunctionType | BuiltinFunctionType | MethodType):
            return f"the function {x.__qualname__}"
        if type(x).__module__ == "numpy" and hasattr(x, "item") and not _shape(x):
            return repr(x.item())
        if isinstance(x, ModuleType):
            return f"the module {x.__name__}"
        if isinstance(x, list) and x and isinstance(x[0], list | tuple):
            return f"list of {len(x)} {type(x[0]).__name__}s"
        if hasattr(x, "dtype" if not hasattr(x, "columns") else "columns") and _shape(x):
            return f"{type(x).__name__} of shape {_shape(x)}"
        return super().repr1(x, level)

    def repr_instance(self, x: Any, level: int) -> str:
        """Return an object's text; its class only if that has an address or an array in it."""
        text = super().repr_instance(x, level)
        is_plain = " at 0x" not in text and "array(" not in text and "\n" not in text
        return text if is_plain else f"{type(x).__name__} object"


_REPR = _Short()


def short(value: Any) -> str:
    """Return a short text of any value for a message: class and shape of an array, a clipped repr.

    >>> import numpy as np
    >>> short(np.zeros((64, 9))), short("0.1"), short(int)
    ('ndarray of shape (64, 9)', "'0.1'", 'the class int')
    >>> short(list(range(1000))), short((np.zeros((64, 9)), np.zeros(64)))
    ('[0, 1, 2, 3, 4, 5, ...]', '(ndarray of shape (64, 9), ndarray of shape (64,))')
    """
    text = _REPR.repr(value)
    return text if len(text) <= _MAX_LENGTH else f"{text[: _MAX_LENGTH - 3]}..."


def _shape(x: Any) -> tuple[int, ...]:
    return tuple(getattr(x, "shape", ()))


def one_line(error: BaseException) -> str:
    r"""Return an error's class and the first line of its message, clipped.

    >>> one_line(OSError("libcuda.so.1 was not found\nand more"))
    'OSError: libcuda.so.1 was not found'
    """
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}"[:_MAX_LINE] if text else type(error).__name__
