"""Running a command: what it prints where, and its exit status.

0    fine
1    verify: something disagrees; or the reader of a pipe has gone (`portanet doctor | head -1`)
2    misuse, unsuitable data, a file that cannot be read or written; a message says what to do
130  Ctrl-C
"""

import os
import sys
from collections.abc import Sequence

from portanet.cli.completion import complete
from portanet.cli.parser import parser
from portanet.errors import PortanetError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit status.

    Output into a closed pipe (`portanet doctor | head -1`) ends the command without a message.
    """
    try:
        try:
            return _run(arguments)
        finally:  # also for --help, which raises SystemExit
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes the standard output again at exit: into the null device
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _run(arguments: Sequence[str] | None) -> int:
    of_commands = parser()
    complete(of_commands)
    options = of_commands.parse_args(arguments)
    try:
        return options.run(options) or 0
    except BrokenPipeError:
        raise
    except (PortanetError, OSError) as error:
        print(f"portanet: {_words(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nportanet: interrupted", file=sys.stderr)
        return 130


def _words(error: Exception) -> str:
    """Return an error's message; of the system's errors the path and the reason."""
    if isinstance(error, OSError) and error.strerror is not None:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
