"""Data: Dataset, DataLoader, and how batches come to lie where the network lies.

    dataset.py      Dataset: inputs and targets, sample by sample
    numbers.py      what a data set accepts, and how it becomes arrays; frames.py: data
                    frames, columns.py: what to do with columns that hold no numbers
    samples.py      whether these arrays belong together; values.py: whether their values are fit
    rows.py         samples of an array by their numbers
    lazy_array.py   LazyArray: what is read batch by batch; mapped.py: memory maps, stored.py: HDF5,
                    zarr and their like, sparse.py: sparse matrices
    loader.py       DataLoader: the order of an epoch, and how it is cut into batches
    images.py       ImageFolder: images in folders, a folder for each class
    stream.py       Stream: a loader of samples of unknown number; stream_source.py: where it
                    begins, stacking.py: how samples become batches
    batches.py      Batches: a loader's batches on the model's device, in its dtype
    sampling.py     WeightedSampler, BalancedSampler: which samples an epoch has
    reading.py      a batch that is read and transformed on the host; ahead.py: before it is needed
    transforms.py   what samples go through on their way; sample_draws.py: what they draw there
    processes.py    worker processes; process_pool.py: what they do; sending.py: what goes to them
    staging.py      the checks and the move to the device, for a whole data set or for a batch
    lazy_batch.py   LazyBatch: a batch that a compiled step gathers by itself

Data that fit are moved to the device once, and batches are gathered there; the order of an epoch
is drawn on the host, so the batches of a seed are the same on every backend. What does not fit, or
is a LazyArray, stays on the host: a thread gathers the next batch while the device works on this
one. What a subclass makes of Dataset.__getitem__, DataLoader.__iter__, order or slices is used.
"""

from portanet.data.batches import Batches
from portanet.data.dataset import Dataset
from portanet.data.images import ImageFolder
from portanet.data.lazy_array import LazyArray
from portanet.data.lazy_batch import Batch, LazyBatch
from portanet.data.loader import DataLoader
from portanet.data.sampling import BalancedSampler, WeightedSampler
from portanet.data.stream import Stream
from portanet.data.transforms import batchwise

__all__ = [
    "BalancedSampler",
    "Batch",
    "Batches",
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "LazyArray",
    "LazyBatch",
    "Stream",
    "WeightedSampler",
    "batchwise",
]
