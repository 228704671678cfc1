"""Moving: batches of the host come to the device, on CuPy one step ahead of their use."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from portanet.backends._numpy.workers import result_of
from portanet.data.ahead import Ahead
from portanet.data.lazy_batch import Batch, LazyBatch, whole
from portanet.data.staging import Staging
from portanet.several import map_parts


def moved(
    found: Iterator[Any], checked: Callable[[Any], Batch], stage: Staging
) -> Iterator[LazyBatch]:
    """Return batches of the host where the model lies, once they are `checked`.

    Raises what checked and Staging raise, in a batch's turn.
    """
    if stage.backend.name == "cupy" and isinstance(found, Ahead):
        from portanet.backends._cupy.copies import CopyStream

        return _moved_ahead(found, checked, stage, CopyStream())
    return (whole(*stage(*checked(batch))) for batch in found)


def _moved_ahead(
    found: Ahead, checked: Callable[[Any], Batch], stage: Staging, copies: Any
) -> Iterator[LazyBatch]:
    """Yield batches; the copy of the next one has begun by then, if it has been made."""
    begin = partial(_begun, found, checked, stage, copies)
    begun = begin()
    while begun is not None:
        following = begin() if found.is_next_made() else None
        batch, event = result_of(begun)
        copies.wait(event)
        yield whole(*batch)
        begun = begin() if following is None else following


def _begun(found: Ahead, checked: Callable[[Any], Batch], stage: Staging, copies: Any) -> Any:
    """Begin to copy the next batch; return what result_of gives it back from, None at the end."""
    try:
        batch = next(found, None)
        if batch is None:
            return None
        # the model may look at some samples here, with the work of the device
        X, y = stage.cast(*checked(batch))
        return copies.start(
            lambda: (map_parts(copies.copied, X), map_parts(copies.copied, y))
        ), None
    except Exception as error:  # noqa: BLE001 - it is raised in the batch's turn
        return None, error
