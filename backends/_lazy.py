"""LazyKernels: kernels that are made on first use."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Kernel = Callable[..., Any]


class LazyKernels(Mapping[str, Kernel]):
    """Kernels by name: ready ones, and ones that a maker makes on first use.

    A maker may import a library, which takes time. It is called once, when its name is first looked
    up, and returns None if that library is missing: then there is no such kernel, and the plain
    definition is used.

    >>> kernels = LazyKernels({"twice": lambda x: x + x}, {"none": lambda: None})
    >>> sorted(kernels), "none" in kernels
    (['twice'], False)
    """

    def __init__(
        self, made: Mapping[str, Kernel], makers: Mapping[str, Callable[[], Kernel | None]]
    ) -> None:
        self._made, self._makers = dict(made), dict(makers)

    def get(self, name: str, default: Any = None) -> Any:
        """Return the kernel called `name`, or default. (Mapping's own `get` raises and catches.)"""
        if name in self._makers:
            self._make(name)
        return self._made.get(name, default)

    def __getitem__(self, name: str) -> Kernel:
        kernel = self.get(name)
        if kernel is None:
            raise KeyError(name)
        return kernel

    def __iter__(self) -> Iterator[str]:
        for name in list(self._makers):
            self._make(name)
        return iter(self._made)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _make(self, name: str) -> None:
        kernel = self._makers[name]()
        if kernel is not None:
            self._made[name] = kernel
        self._makers.pop(name, None)
