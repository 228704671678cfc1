"""ImageFolder: images in folders, a folder for each class, read batch by batch."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from portanet.backends._installing import WHERE, install
from portanet.checks import check_count
from portanet.data.dataset import Dataset
from portanet.data.lazy_array import LazyArray
from portanet.errors import ArgumentError, DataError, ShapeError, one_line, short

CHANNELS = {"L": 1, "RGB": 3, "RGBA": 4}


class ImageFolder(Dataset):
    """A data set of the images in a folder's sub-folders, whose names are the classes.

    Shapes: X (N, C, height, width), float32 in [0, 1], read from the files batch by batch; y (N,),
    class indices: `classes[i]` is the name of class i, in sorted order. `paths` are the files:
    those with an image's ending, at any depth, sorted within each class.

    `mode` is "RGB", "L" (grey, one channel) or "RGBA". With `size`, (height, width) or one number
    for both, images are resized to it, whatever their proportions (bilinear, antialiased); without
    it all must be of one size, and the files are looked at for that at once. Pixels are taken as
    they are stored: a camera's note on the orientation is left alone.

    Raises ArgumentError if Pillow is not installed, or the folder is none, DataError for a class
    without images, and for a file that is no image, is damaged, or has more than 8 bits a channel
    (when it is read), ShapeError for an image of another size; messages name the file.
    """

    def __init__(
        self,
        path: str | Path,
        size: int | Sequence[int] | None = None,
        *,
        mode: str = "RGB",
        sample_weight: Any = None,
        transform: Any = None,
    ) -> None:
        if mode not in CHANNELS:
            raise ArgumentError(
                f"ImageFolder: mode must be one of {', '.join(CHANNELS)}, is {short(mode)}"
            )
        self.classes, self.paths, y = _files(Path(path))
        shape = _same_size(self.paths) if size is None else _checked_size(size)
        images = Images(self.paths, shape, mode)
        super().__init__(images, y, sample_weight=sample_weight, transform=transform)


class Images(LazyArray):
    """The pixels of image files, (N, C, height, width), float32 in [0, 1]."""

    def __init__(self, paths: Sequence[Path], size: tuple[int, int], mode: str) -> None:
        super().__init__((len(paths), CHANNELS[mode], *size), np.float32)
        self.paths, self.mode = list(paths), mode

    def read(self, rows: slice | np.ndarray) -> np.ndarray:
        """Return some images. Raises DataError or ShapeError, which name the file."""
        numbers = np.arange(len(self.paths))[rows]
        found = np.empty((numbers.size, *self.shape[1:]), np.float32)
        for place, i in enumerate(numbers.tolist()):
            pixels = _pixels(self.paths[i], self.shape[2:], self.mode)
            np.divide(np.moveaxis(pixels, 2, 0), np.float32(255), out=found[place])
        return found


def _pixels(path: Path, size: tuple[int, ...], mode: str) -> np.ndarray:
    """Return one image as (height, width, C), of integers in [0, 255]."""
    height, width = size
    with _open(path) as image:
        try:
            image.load()
        except (OSError, SyntaxError, ValueError) as error:
            raise _damaged(path, error) from error
    if image.mode.startswith(("I", "F")):
        raise DataError(
            f"ImageFolder: {path} must have 8 bits a channel, is of Pillow's mode {image.mode}; "
            "read it with code of your own (a LazyArray), or convert it"
        )
    image = image.convert(mode)
    if image.size != (width, height):
        image = image.resize((width, height), _pillow().Resampling.BILINEAR)
    return np.asarray(image).reshape(height, width, CHANNELS[mode])


def _files(folder: Path) -> tuple[list[str], list[Path], np.ndarray]:
    """Return the names of the classes, the images' files, and the class of each."""
    if not folder.is_dir():
        raise ArgumentError(f"ImageFolder: path must be a folder, is {str(folder)!r}")
    endings = {e for e, name in _pillow().registered_extensions().items() if name in _pillow().OPEN}
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    if not classes:
        raise DataError(
            f"ImageFolder: {folder} must have sub-folders, one for each class, has none"
        )
    paths, y = [], []
    for i, name in enumerate(classes):
        found = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in endings)
        if not found:
            raise DataError(
                f"ImageFolder: {folder / name} must hold images of its class, has none; remove the "
                "folder, or look at the endings of its files"
            )
        paths += found
        y += [i] * len(found)
    return classes, paths, np.array(y, np.int64)


def _same_size(paths: list[Path]) -> tuple[int, int]:
    """Return (height, width), which the images must have in common: their heads say it."""
    first = None
    for path in paths:
        with _open(path) as image:
            width, height = image.size
        first = first or (height, width)
        if (height, width) != first:
            raise ShapeError(
                f"ImageFolder: images must be of one size, {path} is {height} x {width} (height x "
                f"width), {paths[0]} {first[0]} x {first[1]}; give a size: size={first}"
            )
    return first or (0, 0)


def _checked_size(size: Any) -> tuple[int, int]:
    several = isinstance(size, Sequence) and len(size) == 2 and not isinstance(size, str)
    height, width = size if several else (size, size)
    return check_count("ImageFolder", "size", height), check_count("ImageFolder", "size", width)


def _open(path: Path) -> Any:
    try:
        return _pillow().open(path)
    except (OSError, SyntaxError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(
        f"ImageFolder: {path} must be an image that Pillow reads; it says {one_line(error)}. "
        "Remove or replace the file"
    )


def _pillow() -> Any:
    try:
        from PIL import Image  # pyright: ignore
    except ImportError as error:
        raise ArgumentError(
            f"ImageFolder: Pillow is needed; {WHERE} run: {install('images')}"
        ) from error
    Image.init()
    return Image
