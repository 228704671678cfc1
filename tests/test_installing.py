"""Every command that is printed works from a clone: it names an extra that pyproject.toml has."""

import re
import tomllib
from pathlib import Path

import pytest

import portanet
from portanet.backends._installing import install
from portanet.doctor import report

ROOT = Path(__file__).parents[1]
PACKAGE = Path(portanet.__file__).parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCES = sorted({*PACKAGE.rglob("*.py"), *(PACKAGE / "backends").rglob("*.py")})


def extras_in(text):
    """Yield the extras of each command that installs some."""
    for found in re.findall(r"pip install [^\n`]*?\[([a-z0-9,]+)\]", text):
        yield from found.split(",")


def test_one_file_knows_how_extras_are_installed():
    """Others ask it: there is one place to change once portanet is on an index."""
    with_command = [p.name for p in SOURCES if re.search(r"pip install -e", p.read_text())]
    assert with_command == ["_installing.py"]


def test_every_extra_that_the_code_asks_for_exists():
    asked = {e for p in SOURCES for e in re.findall(r"""install\(["'](\w+)["']\)""", p.read_text())}
    assert {"fast", "torch", "cuda13"} <= asked <= set(EXTRAS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_extra_on_the_pages_exists(page):
    assert set(extras_in(page.read_text())) <= set(EXTRAS)


def test_the_doctor_names_extras_that_exist():
    assert set(extras_in(report())) <= set(EXTRAS)
    assert set(extras_in(install("cuda13"))) == {"cuda13"}


def test_pages_install_from_a_clone():
    """portanet is on no index yet: a command with its bare name would install nothing, or another."""
    for page in PAGES:
        assert not re.search(r"pip install '?portanet", page.read_text()), page.name
