"""Keyed streams: the documented layout of Philox's key and counter, and independence of order."""

import zlib

import numpy as np

import portanet
from portanet.random import Key, next_key


def test_a_key_is_seed_and_purpose_and_its_counter_step_and_number():
    bits = np.random.Philox(key=[9, zlib.crc32(b"dropout")], counter=[0, 0, 4, 2])
    expected = np.random.Generator(bits).random(5)
    assert (Key(9, "dropout", 2).generator(step=4).random(5) == expected).all()


def test_neighbouring_streams_differ():
    keys = [Key(s, p, i) for s in (0, 1) for p in ("weights", "shuffle") for i in (0, 1)]
    draws = {tuple(key.generator(step).random(3)) for key in keys for step in (0, 1)}
    assert len(draws) == 16


def test_one_purpose_does_not_disturb_another():
    portanet.seed(4)
    next_key("shuffle")
    weights = next_key("weights")
    portanet.seed(4)
    assert next_key("weights") == weights == Key(4, "weights", 0)


def test_known_numbers():
    """The stream is part of the contract: a later version must draw the same weights."""
    portanet.seed(0)
    first = portanet.Linear(2, 2).weights.value
    bits = np.random.Philox(key=[0, zlib.crc32(b"weights")], counter=[0, 0, 0, 0])
    k = 1 / np.sqrt(2)
    expected = np.random.Generator(bits).uniform(-k, k, (2, 2)).astype(np.float32)
    assert first.tobytes() == expected.tobytes()
