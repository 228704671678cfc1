"""Every error that portanet raises.

    PortanetError
    ├── ShapeError        (ValueError)    an array has the wrong shape
    ├── DtypeError        (TypeError)     an array has the wrong kind of numbers, or is none
    ├── ArgumentError     (ValueError)    an option has a value that makes no sense
    ├── DataError         (ValueError)    the numbers in the data cannot be learned from
    ├── OrderError        (RuntimeError)  calls came in an order that cannot work
    ├── SharedParameterError (ValueError) one parameter stands in two places
    ├── GradientError     (AssertionError) a gradient disagrees with finite differences
    └── BackendError      (RuntimeError)
        ├── PlacementError (ValueError)   arrays lie on different backends or devices
        └── MissingBackendError           a backend cannot run on this machine

Messages read: who, what was wanted, what came, what to do.
"""


class PortanetError(Exception):
    """What all errors of portanet are."""


class ShapeError(PortanetError, ValueError):
    """An array has the wrong shape."""


class DtypeError(PortanetError, TypeError):
    """An array has the wrong kind of numbers, or is not an array."""


class ArgumentError(PortanetError, ValueError):
    """An option has a value that makes no sense."""


class DataError(PortanetError, ValueError):
    """The numbers in the data cannot be learned from: NaN, unknown labels, nothing at all."""


class OrderError(PortanetError, RuntimeError):
    """Calls came in an order that cannot work, such as a backward before a forward."""


class SharedParameterError(PortanetError, ValueError):
    """One Parameter stands in two places, where the second gradient would replace the first."""


class GradientError(PortanetError, AssertionError):
    """A gradient disagrees with finite differences."""


class BackendError(PortanetError, RuntimeError):
    """Something about a backend, its arrays or its device."""


class PlacementError(BackendError, ValueError):
    """Arrays that must meet lie on different backends or devices."""


class MissingBackendError(BackendError):
    """A backend cannot run on this machine.

    `backend` is its name, `missing` one of "package", "driver", "device" and `command` what to
    run to mend it ("" where no command can).
    """

    def __init__(self, message: str, *, backend: str, missing: str, command: str = "") -> None:
        super().__init__(message)
        self.backend, self.missing, self.command = backend, missing, command


class DivergedWarning(UserWarning):
    """The loss of an epoch is NaN or infinite: training has diverged."""
