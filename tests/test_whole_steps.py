"""An interrupt comes before a step of an optimizer or after it, never in the middle."""

import numpy as np
import pytest
from interrupting import interrupted

from portanet import SGD, Adam, Group, Linear, is_vector
from portanet.commit import update_together

MAKE = {
    "SGD with momentum": lambda m: SGD(m, lr=0.1, momentum=0.9),
    "Adam": lambda m: Adam(m, lr=0.1, clip_norm=1.0),
    "a step that moves by three gradients": lambda m: SGD(m, lr=0.1, momentum=0.9, accumulate=3),
    "a step that only adds one up": lambda m: SGD(m, lr=0.1, accumulate=5),
    "groups": lambda m: Adam(m, lr=0.1, groups=[Group(is_vector, lr=lambda step: 0.2)]),
}


def ready(make):
    """Return an optimizer that has taken two steps, with gradients for the third."""
    layer = Linear(2, 1)
    for i, p in enumerate(layer.parameters()):
        p.value = np.arange(p.value.size, dtype=np.float32).reshape(p.value.shape) + i
    optimizer = make(layer)
    for n in range(3):
        for p in layer.parameters():
            p.grad = np.full(p.value.shape, 1 + n, np.float32)
        if n < 2:
            optimizer.step()
    return optimizer


def remembered(optimizer):
    """Return all that a step changes, in comparable form."""
    memory = optimizer.memory
    arrays = {name: p.value for name, p in optimizer.model.named_parameters().items()}
    arrays |= optimizer.state().arrays
    numbers = memory.n_steps, memory.n_accumulated, dict(memory.ages)
    used = {name: memory.used.get(name) is p.grad for name, p in memory.owners.items()}
    return {name: array.tolist() for name, array in arrays.items()}, numbers, used


@pytest.mark.parametrize("name", MAKE)
def test_an_interrupt_at_any_instruction_leaves_whole_steps(name):
    optimizer = ready(MAKE[name])
    before, after = remembered(optimizer), ready(MAKE[name])
    after.step()
    after = remembered(after)
    assert before != after
    at, found = 0, {"before": 0, "after": 0}
    while True:
        at += 1
        try:
            with interrupted(at):
                optimizer.step()
            break  # the step has fewer instructions
        except KeyboardInterrupt:
            now = remembered(optimizer)
        found["before" if now == before else "after"] += 1
        if now != before:
            assert now == after, f"interrupted at instruction {at}"
            optimizer = ready(MAKE[name])
    assert remembered(optimizer) == after
    assert found["before"] > 100
    assert found["after"] > 0


def test_an_interrupted_step_can_be_taken_again():
    optimizer, other = ready(MAKE["Adam"]), ready(MAKE["Adam"])
    with pytest.raises(KeyboardInterrupt), interrupted(200):
        optimizer.step()
    optimizer.step()
    other.step()
    assert remembered(optimizer) == remembered(other)


def test_dictionaries_are_updated_together():
    before, after = [{"n": n} for n in range(9)], [{"n": -n - 1} for n in range(9)]
    for at in range(1, 100):
        targets = [dict(target) for target in before]
        try:
            with interrupted(at):
                update_together(targets, after)
            break
        except KeyboardInterrupt:
            assert targets in (before, after)
    assert 1 < at < 99
    assert targets == after
