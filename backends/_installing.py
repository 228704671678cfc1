"""How portanet's extras are installed: the one place to change once it is on a package index."""

WHERE = "in a clone of portanet"


def install(extra: str) -> str:
    """Return the command that installs an extra, which is to be given there.

    >>> install("fast")
    "pip install -e '.[fast]'"
    """
    return f"pip install -e '.[{extra}]'"
