"""Checkpoint files taken apart and put together again, with something changed on the way."""

import json
import zlib

import numpy as np

from portanet.checkpoint_header import DTYPES, checksum

OLDER = "portanet checkpoint 1"  # without a checksum


def parts_of(content):
    """Return the header and the data of a file."""
    n = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + n]), content[8 + n :]


def file_of(header, data):
    """Return the content of a file; the header may be text, too."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def with_metadata(content, **texts):
    """Return a file with other metadata and the checksum of those: what a program has written."""
    header, data = parts_of(content)
    metadata = header["__metadata__"] | texts
    told = {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, stop = entry["data_offsets"]
            told[name] = DTYPES[entry["dtype"]], entry["shape"], zlib.crc32(data[start:stop])
    metadata["checksum"] = checksum(told, metadata)
    return file_of(header | {"__metadata__": metadata}, data)


def with_numbers(content, change):
    """Return a file whose numbers `change` has changed, in place, with the right checksum."""
    numbers = json.loads(parts_of(content)[0]["__metadata__"]["numbers"])
    change(numbers)
    return with_metadata(content, numbers=json.dumps(numbers))


def small_file(**metadata):
    """Return a file of the earlier version with the arrays of a Linear(2, 1)."""
    header = {
        "__metadata__": {"format": OLDER, "numbers": "{}"} | metadata,
        "model/weights": {"dtype": "F32", "shape": [2, 1], "data_offsets": [0, 8]},
        "model/bias": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]},
    }
    return file_of(header, np.ones(3, np.float32).tobytes())
