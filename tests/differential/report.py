"""The table that a run prints."""

import re
from collections import Counter, defaultdict

from differential.batch import Result
from differential.program import Program
from differential.run import Fault, run
from differential.shorten import kind, label, shortened


class Report:
    """Counts how programs end."""

    def __init__(self, n_shortened: int) -> None:
        self.n_shortened = n_shortened
        self.n = self.n_refused = self.n_errors = self.n_loose = 0
        self.faults: list[Fault] = []
        self.crashes: list[str] = []
        self.reasons: Counter[str] = Counter()

    def add(self, result: Result) -> None:
        """Count one program."""
        self.n += 1
        self.n_refused += bool(result.refusals)
        self.n_errors += result.errors
        self.n_loose += result.loose
        self.faults += [] if result.fault is None else [result.fault]
        self.crashes += [result.crash] if result.crash else []
        self.reasons.update(map(reason, result.refusals))

    def show(self, seconds: float) -> None:
        """Print the table."""
        n_actions = f"{self.n_errors} actions raised the same error in both"
        print(f"{self.n} programs in {seconds:.0f} s: {len(self.faults)} faults, "
              f"{len(self.crashes)} crashes; {self.n_refused} refused; {n_actions}; "
              f"{self.n_loose} differ as roundings do that are magnified")  # fmt: skip
        print("\nRefusals")
        for text, count in self.reasons.most_common(25):
            print(f"{count:6} {text}")
        for crash in self.crashes:
            print(f"\nCRASH {crash}")
        self._show_faults()

    def _show_faults(self) -> None:
        of_kind: defaultdict[str, list[Fault]] = defaultdict(list)
        for fault in self.faults:
            of_kind[kind(fault)].append(fault)
        for name, faults in sorted(of_kind.items(), key=lambda pair: -len(pair[1])):
            print(f"\n{len(faults)} faults: {name}")
            short = [shortened(fault) for fault in faults[: self.n_shortened]]
            for text, same in _by_label(short).items():
                print(
                    f"  {len(same)} of {len(short)}: {text}\n    {same[0]}".replace(
                        "\nP", "\n    P"
                    )
                )


def _by_label(faults: list[Fault]) -> dict[str, list[Fault]]:
    found: defaultdict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        found[label(fault)].append(fault)
    return dict(sorted(found.items(), key=lambda pair: -len(pair[1])))


def reason(text: str) -> str:
    """Return the reason in a warning, without names and numbers."""
    text = re.sub(r"^.*?: |\. \(.*$", "", text, count=1)
    return re.sub(r"[\d.e+-]{3,}|\d+", "#", text.split(". (")[0])[:110]


def show_one(text: str) -> int:
    """Run the program that a text says, and print how it ends."""
    program = eval(text, {"Program": Program, "nan": float("nan")})
    outcome = run(program)
    print("refusals:", *outcome.refusals, sep="\n  ")
    print(outcome.fault or f"no difference beyond rounding{' (magnified)' * outcome.loose}")
    return int(outcome.fault is not None)
