"""A run that is killed at any moment, also in a save, goes on from its newest checkpoint.

With 200 kills: `python -m benchmarks.robustness kills`.
"""

import os

from test_callbacks import make

from benchmarks.robustness.kills import kill_often
from portanet.callbacks import Checkpoints


def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    """Weights, statistics, slots, averaged weights, history and logs; nothing else is left."""
    found = kill_often(tmp_path, 6, seed=0)
    assert found["kills"] == 6


def test_what_a_killed_save_of_another_step_has_left_is_removed(tmp_path):
    (tmp_path / "step-0000099.safetensors.17-0.partial").write_bytes(b"half")
    make([Checkpoints(tmp_path)]).train(1, log_level=0)
    assert os.listdir(tmp_path) == ["step-0000004.safetensors"]
