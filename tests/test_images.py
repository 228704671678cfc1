"""ImageFolder: classes, pixels, sizes, damaged files, training."""

import sys

import numpy as np
import pytest

from portanet import CrossEntropy, DataLoader, Flatten, Linear, Sequential
from portanet.data import ImageFolder
from portanet.errors import ArgumentError, DataError, ShapeError

Image = pytest.importorskip("PIL.Image", reason="images are read with Pillow")

RNG = np.random.default_rng(0)


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def folder(tmp_path):
    """Three classes of 1, 2 and 3 images of 4 x 6 pixels, and what is none."""
    for n, name in enumerate(("ant", "bee", "cat"), 1):
        for i in range(n):
            write(tmp_path / name / f"{i}.png", RNG.integers(0, 256, (4, 6, 3), np.uint8))
    (tmp_path / "cat" / "notes.txt").write_text("no image")
    (tmp_path / ".cache").mkdir()
    return tmp_path


def test_classes_and_pixels(folder):
    pixels = write(folder / "bee" / "deep" / "x.PNG", RNG.integers(0, 256, (4, 6, 3), np.uint8))
    data = ImageFolder(str(folder))
    assert data.classes == ["ant", "bee", "cat"]
    assert data.y.tolist() == [0, 1, 1, 1, 2, 2, 2]
    assert [p.name for p in data.paths] == ["0.png", "0.png", "1.png", "x.PNG", *(f"{i}.png" for i in range(3))]  # fmt: skip
    assert repr(data) == "ImageFolder((7, 3, 4, 6) float32, (7,) int64)"
    x, y = data[3]
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, np.moveaxis(pixels, 2, 0).astype(np.float32) / np.float32(255))
    assert y == 1


def test_grey_images_and_alpha(tmp_path):
    grey = write(tmp_path / "a" / "0.png", RNG.integers(0, 256, (4, 6), np.uint8))
    for mode, n in (("L", 1), ("RGB", 3)):
        x = ImageFolder(tmp_path, mode=mode)[0][0]
        assert x.shape == (n, 4, 6)
        np.testing.assert_array_equal(x, np.broadcast_to(grey / np.float32(255), x.shape))
    rgba = ImageFolder(tmp_path, mode="RGBA")[0][0]
    np.testing.assert_array_equal(rgba[3], np.ones((4, 6)))


def test_images_are_resized_to_height_and_width(tmp_path):
    write(tmp_path / "a" / "0.png", np.full((8, 4, 3), 51, np.uint8))
    halves = np.zeros((2, 4, 3), np.uint8)
    halves[:, 2:] = 255
    write(tmp_path / "a" / "1.png", halves)
    data = ImageFolder(tmp_path, (3, 2))
    assert data[:][0].shape == (2, 3, 3, 2)
    np.testing.assert_array_equal(data[0][0], np.full((3, 3, 2), np.float32(0.2)))
    assert (data[1][0][:, :, 0] < 0.2).all()
    assert (data[1][0][:, :, 1] > 0.8).all()
    assert ImageFolder(tmp_path, 5)[0][0].shape == (3, 5, 5)


def test_images_of_several_sizes_are_refused_by_name(folder):
    write(folder / "cat" / "9.png", np.zeros((6, 4, 3), np.uint8))
    with pytest.raises(ShapeError, match=r"cat.9\.png is 6 x 4 \(height x width\).*size=\(4, 6\)"):
        ImageFolder(folder)


def test_damaged_files_are_named(folder):
    whole = (folder / "bee" / "0.png").read_bytes()
    (folder / "bee" / "0.png").write_bytes(whole[: len(whole) // 2])
    data = ImageFolder(folder)
    with pytest.raises(DataError, match=r"bee.0\.png must be an image that Pillow reads; it says"):
        data[1]
    model = Sequential([Flatten(), Linear(72, 3)], CrossEntropy())
    with pytest.raises(DataError, match=r"bee.0\.png must be an image"):
        list(DataLoader(data, 2).to(model))
    (folder / "bee" / "0.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"bee.0\.png must be an image.*UnidentifiedImageError"):
        ImageFolder(folder)


def test_images_of_16_bits_are_refused(tmp_path):
    write(tmp_path / "a" / "0.png", np.full((2, 2), 40000, np.uint16))
    with pytest.raises(
        DataError, match=r"a.0\.png must have 8 bits a channel, is of Pillow's mode I"
    ):
        ImageFolder(tmp_path)[0]


def test_training_reads_the_images_of_each_batch(folder, monkeypatch):
    data, asked = ImageFolder(folder, sample_weight=np.ones(6)), []
    read = data.X.read
    monkeypatch.setattr(data.X, "read", lambda rows: asked.append(rows) or read(rows))
    model = Sequential([Flatten(), Linear(72, 3)], CrossEntropy())
    batches = list(DataLoader(data, 4, shuffle=True, seed=0).to(model))
    assert [len(rows) for rows in asked] == [4, 2]
    order = np.concatenate(asked)
    assert sorted(order) == list(range(6))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in batches]), data[order][0])
    assert model.predict(data.X).shape == (6,)


def test_bad_folders(tmp_path, monkeypatch):
    with pytest.raises(ArgumentError, match="path must be a folder, is 'nowhere'"):
        ImageFolder("nowhere")
    with pytest.raises(DataError, match="must have sub-folders, one for each class, has none"):
        ImageFolder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty must hold images of its class, has none"):
        ImageFolder(tmp_path)
    with pytest.raises(ArgumentError, match="mode must be one of L, RGB, RGBA, is 'rgb'"):
        ImageFolder(tmp_path, mode="rgb")
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ArgumentError, match=r"Pillow is needed; .*\[images\]"):
        ImageFolder(tmp_path)
