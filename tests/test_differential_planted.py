"""The differential fuzz must find what it is for: faults that are planted."""

import re

import pytest
from differential import side
from differential.batch import nth_program
from differential.program import Program
from differential.run import run
from differential.shorten import shortened

STEPS = (("step", 8, "C"),) * 6


class Planted(side.Readable):
    """A readable step that passes for a compiled one."""


class Skewed(Planted):
    def __call__(self, x, y):
        return super().__call__(x, y) * (1 + 1e-8)


class Forgets(Planted):
    """Goes on with the first learning rate."""

    def __call__(self, x, y):
        self.first = getattr(self, "first", self.optimizer.lr)
        now, self.optimizer.lr = self.optimizer.lr, self.first
        losses = super().__call__(x, y)
        self.optimizer.lr = now
        return losses


class Torn(Planted):
    """Has a parameter at half of its value for a while."""

    def __call__(self, x, y):
        losses = super().__call__(x, y)
        p = self.model.parameters()[0]
        p.value = p.value * 0.5
        for _ in range(200):
            pass
        p.value = p.value * 2
        return losses


class Overwrites(Planted):
    """Hands out the same memory in each step."""

    held = None

    def __call__(self, x, y):
        losses = super().__call__(x, y)
        if self.held is None or self.held.shape != losses.shape:
            self.held = losses
        self.held[...] = losses
        return self.held


class Crashes(Planted):
    def __call__(self, x, y):
        if self.optimizer.n_steps == 3:
            raise IndexError("a plan's own")
        return super().__call__(x, y)


PLANTED = {
    Skewed: (STEPS, "result is off"),
    Forgets: ((*STEPS, ("lr", 0.05), *STEPS), "values.* is off"),
    Overwrites: (STEPS, "kept is off"),
    Crashes: (STEPS, "raises IndexError, not None"),
}


@pytest.mark.parametrize("fault", PLANTED, ids=lambda cls: cls.__name__)
def test_planted_faults_are_found_and_shortened(fault, monkeypatch):
    monkeypatch.setattr(side, "compile_step", lambda model, optimizer, **_: fault(model, optimizer))
    program_actions, what = PLANTED[fault]
    found = run(Program(middle=("Tanh",), rule="Adam", actions=program_actions)).fault
    assert found is not None
    short = shortened(found)
    assert len(short.program.actions) <= 4
    assert short.program.middle == ()
    assert re.search(what, str(short))


def test_a_torn_step_is_found(monkeypatch):
    monkeypatch.setattr(side, "compile_step", lambda model, optimizer, **_: Torn(model, optimizer))
    faults = [
        run(Program(actions=(*STEPS[:3], ("interrupt", at), *STEPS[:1]))).fault
        for at in range(1, 16_000, 100)
    ]
    assert any(fault and "values" in fault.what for fault in faults)


def test_a_program_prints_as_what_makes_it():
    program = nth_program(3, 4, signals=True)
    again = eval(repr(program), {"Program": Program, "nan": float("nan")})
    assert repr(again) == repr(program)
