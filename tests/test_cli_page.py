"""docs/command-line.md: each command of its walk prints what the page says."""

import re
import shlex
from pathlib import Path

import pytest

pytest.importorskip("pandas", reason="tables are read by pandas (extra cli)")

from table_files import messy_iris_csv

from portanet import cli

PAGE = Path(__file__).parents[1] / "docs" / "command-line.md"
FRACTION = re.compile(r"\d+\.\d+(e-\d+)?")
# how long was trained, and how many rows are right, depend on the machine's BLAS, too
ON_THE_MACHINE = re.compile(r"trained for \d+ epochs.* epoch \d+ |\(\d+ of ")


def walk():
    """Yield (command, what the page says it prints)."""
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            yield shlex.split(command), printed


def without_figures(text):
    return ON_THE_MACHINE.sub("#", FRACTION.sub("#", text)).split("\n")


def test_the_walk_of_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    messy_iris_csv(tmp_path)
    assert sum(command[0] == "portanet" for command, _ in walk()) == 8
    for command, printed in walk():
        if command[:1] == ["head"]:
            assert Path("messy.csv").read_text(encoding="utf-8").startswith(printed)
        elif command[:1] == ["cat"]:
            Path("new.csv").write_text(printed, encoding="utf-8")
        else:
            _is_printed(command[1:], printed, capsys)


def _is_printed(arguments, wanted, capsys):
    status = cli.main(arguments)
    captured = capsys.readouterr()
    out, err = captured.out, captured.err
    found = out + err if arguments[0] == "train" else err + out  # remarks come first elsewhere
    assert status == (2 if "portanet: " in captured.err else 0)
    begin, middle, end = wanted.partition("...\n")
    begin, end, found = without_figures(begin), without_figures(end), without_figures(found)
    assert found[: len(begin) - 1] == begin[:-1]
    assert not middle or found[-len(end) :] == end
    assert middle or len(found) == len(begin)
