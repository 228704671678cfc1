"""Part: what layers and losses share, parameters found among the attributes and a memory."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from portanet.backends import Backend, backend_of, get
from portanet.buffer import Buffer
from portanet.checks import dtype_name, float_dtype, is_float, name_of_known
from portanet.elsewhere import OfNetworks
from portanet.errors import OrderError
from portanet.given import NOTHING_GIVEN, Given, PartType
from portanet.parameter import Holder, Parameter
from portanet.reprs import own_call
from portanet.shared_names import check_shared
from portanet.snapshot import Snapshot, restore_snapshot, take_snapshot
from portanet.typing import Array
from portanet.versioned import Versioned
from portanet.walking import Walked, first, walk


class Part(OfNetworks, Versioned, Walked, metaclass=PartType):
    """What layers and losses share: parameters found among the attributes, and a memory."""

    _made_with: Given = NOTHING_GIVEN  # what the constructor got; checkpoints describe it
    _saved: Any = None
    precision: Any = None  # how a Sequential computes, see MixedPrecision
    sums: ClassVar[str] = ""  # the attribute whose layers' gradients of one parameter are added up
    _home: tuple[Backend, str] | None = None  # where `to` has put a part without parameters

    def named_parameters(self) -> dict[str, Parameter]:
        """Return the parameters of this part and its parts, by names such as "layers.0.weights".

        A parameter that several layers of a network use is there once, under the first name.
        Raises SharedParameterError if nothing adds up the gradients of such a parameter: each
        backward pass sets the gradient, so the second would silently replace the first.
        """
        found: dict[str, Parameter] = {}
        first: dict[int, str] = {}
        for name, parameter in walk(self, Parameter):
            if first.setdefault(id(parameter), name) == name:
                found[name] = parameter
            else:
                check_shared(self, first[id(parameter)], name)
        return found

    def parameters(self) -> list[Parameter]:
        """Return the parameters of this part and its parts."""
        return list(self.named_parameters().values())

    def first_parameter(self) -> Parameter | None:
        """Return one of the parameters, None if there is none: as a rule all lie alike."""
        return first(self, Parameter)

    def named_buffers(self) -> dict[str, Buffer]:
        """Return the buffers of this part and its parts, by name."""
        return dict(walk(self, Buffer))

    def named_parts(self) -> dict[str, "Part"]:
        """Return this part (under the name "") and the parts it is made of, by name."""
        return dict(walk(self, Part))

    def named_holders(self) -> list[tuple[str, Holder]]:
        """Return all parameters and buffers by name: what is shared is there under each name."""
        return list(walk(self, Holder))

    @property
    def placement(self) -> tuple[Backend, str]:
        """The backend that the parameters lie on, and their dtype by name.

        Without parameters: what `to` was last told, NumPy and float32 if nothing.
        """
        first = self.first_parameter()
        if first is None:
            return self._home or (get("numpy"), "float32")
        array = first.peek()
        return backend_of(array), name_of_known(array.dtype)

    @property
    def backend(self) -> Backend:
        """The backend that the parameters lie on (without any: where `to` was last told)."""
        return self.placement[0]

    @property
    def dtype(self) -> str:
        """The parameters' dtype by name, "float32" unless `to` was told otherwise."""
        return self.placement[1]

    def to(self, backend: str | None = None, *, device: Any = None, dtype: Any = None) -> Self:
        """Move everything to a backend, a device or a dtype, and return self.

        What is not named stays: `to(dtype="float64")` keeps the backend. Gradients and what a
        forward pass has saved are dropped. Data, optimizers and metrics follow by themselves.

        Raises MissingBackendError if the backend cannot run here, ArgumentError for an unknown
        name, DtypeError if the device lacks the dtype.
        """
        if backend is None and device is not None:
            backend = self.backend.name
        target = self.backend if backend is None else get(backend, device)
        dtype = self.dtype if dtype is None else float_dtype(f"{type(self).__name__}.to", dtype)
        target.dtype(dtype)  # raises before anything has moved
        for _, parameter in walk(self, Parameter):
            parameter.value = moved(parameter.value, target, dtype)
            parameter.grad = None
        for _, buffer in walk(self, Buffer):
            kept = dtype if is_float(buffer.value) else own_dtype_on(target, buffer.value)
            buffer.value = moved(buffer.value, target, kept)
        for _, part in walk(self, Part):
            part._saved, part._home = None, (target, dtype)
        return self

    def fill(self, arrays: Mapping[str, Array], target: Backend, dtype: str) -> None:
        """Put host arrays by name into parameters and buffers, in their own dtypes, on a backend.

        `dtype` is that of the parts without parameters.
        """
        for name, holder in self.named_holders():
            if name in arrays:
                array = arrays[name]
                holder.value = moved(array, target, own_dtype_on(target, array))
        for _, part in walk(self, Part):
            part._saved, part._home = None, (target, dtype)

    def snapshot(self) -> Snapshot:
        """Return copies of all parameters and buffers, to go back to with `restore`.

        They stay on the device: this is how the best weights of a run are kept.
        """
        return take_snapshot(self)

    def restore(self, snapshot: Snapshot) -> Self:
        """Go back to the parameters and buffers of a snapshot, and return self.

        Raises ArgumentError, before anything changes, if it is of a model of another structure.
        """
        restore_snapshot(self, snapshot)
        return self

    def __repr__(self) -> str:
        return own_call(self)

    def take_memory(self) -> list[tuple["Part", Any]]:
        """Return what forward has saved in this part and its parts, and forget it.

        Who calls a layer twice keeps one for each call, and gives it back with `put_memory`.
        """
        memory = [(part, part._saved) for _, part in walk(self, Part) if part._saved is not None]
        for part, _ in memory:
            part._saved = None
        return memory

    def put_memory(self, memory: list[tuple["Part", Any]]) -> None:
        """Let this part and its parts have what `take_memory` returned, for a backward pass."""
        for part, saved in memory:
            part._saved = saved

    def _take_saved(self) -> Any:
        """Return what forward saved, once. Raises OrderError if there is nothing."""
        saved, self._saved = self._saved, None
        if saved is None:
            name = type(self).__name__
            own = not type(self).__module__.startswith("portanet.")
            raise OrderError(
                f"{name}.backward() has nothing to work from: call {name}.forward(..., "
                "training=True) before each backward(), and use a layer once in a network"
                + ("; forward must set self._saved if training" if own else "")
            )
        return saved


def own_dtype_on(target: Backend, value: Array) -> str:
    """Return an array's dtype on a backend: its own, but int32 for int64 where that is missing."""
    name, widest = dtype_name(value.dtype), target.index_dtype()
    if name != "int64" or widest == name:
        return name
    host = backend_of(value).to_numpy(value)
    fits = host.size == 0 or (int(host.min()) >= -(2**31) and int(host.max()) < 2**31)
    return widest if fits else name  # which the backend refuses


def moved(value: Array, target: Backend, dtype: str) -> Array:
    """Return value on a backend and in a dtype."""
    here = backend_of(value)
    if here is target:
        return value if dtype_name(value.dtype) == dtype else target.asarray(value, dtype)
    return target.asarray(here.to_numpy(value), dtype)
