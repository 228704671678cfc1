"""Buffer: an array that belongs to a layer, and that no gradient changes."""

from portanet.parameter import Holder


class Buffer(Holder):
    """An array that belongs to a layer, but that no gradient changes: running statistics, tables.

    It is moved and saved with the model. Floats follow the model's dtype, integers stay integers.
    """


class TrainingBuffer(Buffer):
    """A buffer of how a model is trained, which files and snapshots of the model leave out."""
