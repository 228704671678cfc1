"""Best: the best value of a number in the history, and for how many epochs there was no better."""

from math import inf, isnan

from portanet.checks import check_choice, check_number
from portanet.errors import ArgumentError
from portanet.state import State, entry


class Best:
    """Follows a number of an epoch's row, such as val_loss.

    `best` is "smallest" or "largest"; a value must be better by more than `min_change` to count.
    NaN is never better.
    """

    def __init__(self, who: str, of: str, best: str, min_change: float = 0.0) -> None:
        self._who, self.of = who, of
        self.best = check_choice(who, "best", best, ("smallest", "largest"))
        self.min_change = check_number(who, "min_change", min_change, 0, inf)
        self.value: float | None = None
        self.n_since = 0

    def load(self, who: str, state: State) -> None:
        """Go on from what was saved as "value" and "n_since"."""
        value = entry(who, state, "value", "a number or None")
        self.n_since = entry(who, state, "n_since", "an integer >= 0")
        self.value = value

    def is_better(self, row: dict[str, float]) -> bool:
        """Take in a row; return whether its value is the best so far.

        Raises ArgumentError, with the names that there are, if the row lacks it.
        """
        if self.of not in row:
            raise ArgumentError(
                f"{self._who}: of must be one of an epoch's numbers, {', '.join(row)}; is "
                f"{self.of!r}"
            )
        value, before = row[self.of], self.value
        sign = 1 if self.best == "smallest" else -1
        better = not isnan(value) and (before is None or sign * (before - value) > self.min_change)
        self.n_since = 0 if better else self.n_since + 1
        if better:
            self.value = value
        return better
