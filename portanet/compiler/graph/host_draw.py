"""HostDraw: how an input that is drawn anew for each step is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from portanet.dispatch import Accelerable, on_host


@dataclass(eq=False)
class HostDraw:
    """What `from_host` was given.

    draw      returns what the host decides for a step: numbers, or where a stream of them begins
    function  computes, on the host, what is sent from what was drawn; None if they are the same
    args      its further arguments
    """

    draw: Callable[[], Any]
    function: Accelerable | None = None
    args: tuple[Any, ...] = ()

    def sent(self, drawn: Any) -> Any:
        """Return what is sent to the device for what was drawn."""
        return on_host(drawn, self.function, self.args)
