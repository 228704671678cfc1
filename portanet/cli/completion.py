"""Completion in a shell, by argcomplete: commands, options and files.

The shell runs `portanet` for each tab, with its line in the environment.
"""

import argparse
import os
from typing import Any


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer the shell, and exit, if it is a shell that asks."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        import argcomplete  # pyright: ignore
    except ImportError:  # the shell gets no words
        raise SystemExit(1) from None
    argcomplete.autocomplete(parser)


def data_files(prefix: str, **options: Any) -> list[str]:
    """Return files of tables, and folders."""
    return _files(("csv", "tsv", "txt", "parquet", "npz"), prefix, **options)


def model_files(prefix: str, **options: Any) -> list[str]:
    """Return checkpoints, and folders."""
    return _files(("safetensors",), prefix, **options)


def _files(suffixes: tuple[str, ...], prefix: str, **options: Any) -> list[str]:
    from argcomplete.completers import FilesCompleter  # pyright: ignore

    return list(FilesCompleter(suffixes)(prefix, **options))
