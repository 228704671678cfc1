"""The ledger at the end of a run: what was proved on which backend, and what not and why."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

REASONS = pytest.StashKey[dict[str, str | None]]()  # why a backend is not in this run, or None
LEFT_OUT = pytest.StashKey[Counter[str]]()
PROVED = "backend"  # the user property of a test's report: a backend that the test was on
MEASURED = "agreement"  # … and what assert_backends_agree measured there


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the ledger, if a test has asked for a backend."""
    left_out, counts = config.stash.get(LEFT_OUT, Counter()), counted(terminalreporter.stats)
    if not left_out and not counts:
        return
    worst = _worst(terminalreporter.stats)
    terminalreporter.section("backends")
    for name, reason in config.stash[REASONS].items():
        if reason is None:
            states = ", ".join(f"{n} {outcome}" for outcome, n in sorted(counts[name].items()))
            line = f"{states or 'no test asked for it'}{worst.get(name, '')}"
        else:
            n = f" ({left_out[name]} tests left out)" if left_out[name] else ""
            line = f"NOT PROVED{n}: {reason}"
        terminalreporter.line(f"{name:18} {line}")


def counted(stats: dict[str, list[Any]]) -> dict[str, Counter[str]]:
    """Return how many tests of each backend passed, failed, were skipped …"""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped", "xfailed", "xpassed"):
        for report in stats.get(outcome, []):
            for name in dict.fromkeys(_properties(report, PROVED)):
                if report.when == "call" or outcome != "passed":
                    counts[name][outcome] += 1
    return counts


def _worst(stats: dict[str, list[Any]]) -> dict[str, str]:
    """Return in words which function came nearest to its bound on each backend."""
    nearest: dict[str, tuple[float, str]] = {}
    for report in stats.get("passed", []):
        for name, dtype, function, ulps, allowed in _properties(report, MEASURED):
            words = f"; {function} in {dtype}: {ulps:.3g} of {allowed:.3g} ulps"
            row = (ulps / allowed if allowed else 0.0, words)
            nearest[name] = max(nearest.get(name, row), row)
    return {name: words for name, (_, words) in nearest.items()}


def _properties(report: Any, wanted: str) -> Iterator[Any]:
    for key, value in getattr(report, "user_properties", []):
        if key == wanted and (wanted == MEASURED or isinstance(value, str)):
            yield value
