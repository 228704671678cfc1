"""Trajectory: how far a training run on one backend is from float64, step by step."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Trajectory:
    """One network trained on one backend beside the same run in float64 on NumPy.

    `distances` holds for each group of tensors ("loss", "weights", "slots", "gradients", …) the
    largest distance of each step, in units of the dtype's last place; `allowed` how much may be
    there: what rounding makes of it in float32 on NumPy and in float64 under noise. `how` is how
    the steps were taken: "readable", "compiled", … `parted` names the first tensor that leaves the
    bound, "" if none does. `start` is the step of the first distance, counted from 0:
    not 0 where a run was resumed.
    """

    network: str
    backend: str
    dtype: str
    how: str
    distances: dict[str, list[float]]
    allowed: dict[str, list[float]]
    parted: str = ""
    start: int = 0
