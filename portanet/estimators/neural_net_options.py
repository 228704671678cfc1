"""Parameters of an estimator's parts by prefix: `module__hidden`, `optimizer__momentum`."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from sklearn.base import BaseEstimator

from portanet.errors import CallError


class WithPrefixes(BaseEstimator):
    """Takes, gives and sets parameters `part__name`, which are options of the part.

    They are attributes by their full names, as all parameters are, so that `clone`, searches and
    pipelines find them; those that were not given do not exist.
    """

    prefixes: ClassVar[tuple[str, ...]] = ()

    def options_of(self, prefix: str) -> dict[str, Any]:
        """Return the options of a part, by their names without the prefix."""
        start = f"{prefix}__"
        mine = vars(self).items()
        return {n.removeprefix(start): value for n, value in mine if n.startswith(start)}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all parameters by name, with the options of parts that were given."""
        options = {name: value for name, value in vars(self).items() if self._is_option(name)}
        return super().get_params(deep) | options

    def set_params(self, **params: Any) -> Self:
        """Change parameters, and return self. Raises CallError for a name that there is not."""
        self._check_names(params)
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _set_options(self, options: dict[str, Any]) -> None:
        """Keep what a constructor got beyond its named parameters."""
        self._check_names(options)
        for name, value in options.items():
            setattr(self, name, value)

    def _is_option(self, name: str) -> bool:
        prefix, _, rest = name.partition("__")
        return prefix in self.prefixes and rest != ""

    def _check_names(self, names: Iterable[str]) -> None:
        known = self._get_param_names()
        for name in names:
            if name not in known and not self._is_option(name):
                prefixes = ", ".join(f"{prefix}__..." for prefix in self.prefixes)
                near = get_close_matches(name, known, 1)
                raise CallError(
                    f"{type(self).__name__}: there is no parameter {name!r}; there are "
                    f"{', '.join(known)}, and options of parts, {prefixes}"
                    + (f". Did you mean {near[0]!r}?" if near else "")
                )
