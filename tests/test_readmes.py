"""The folders' own README: every module is named there, and every name is a module or folder."""

import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

import portanet

PACKAGE = Path(portanet.__file__).parent
FOLDERS = sorted(
    path.parent
    for root in (PACKAGE / "compiler", PACKAGE.parent / "backends")
    for path in root.rglob("__init__.py")
    if path.parent != PACKAGE.parent / "backends"
)


def names(folder):
    """What a README puts in backticks: paths of modules and folders, patterns among them."""
    return re.findall(r"`([\w/.*]+(?:\.py|/))`", (folder / "README.md").read_text())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_readme_names_every_module(folder):
    for module in folder.glob("*.py"):
        named = any(fnmatch(module.name, name) for name in names(folder))
        assert named or module.name in ("__init__.py", "errors.py"), module.name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_a_readme_names_is_there(folder):
    for name in names(folder):
        places = [folder, folder.parent, PACKAGE, PACKAGE.parent]
        assert any(list(place.glob(name.rstrip("/"))) for place in places), name
