"""Random programs, compiled and as written: nothing that can be seen differs, nothing crashes.

A share of `python -m tests.differential`, which runs as many programs as one likes.
"""

import pytest
from differential import actions, side
from differential.batch import nth_program
from differential.draw import draw_base
from differential.program import Program
from differential.run import act, judged, run
from differential.shorten import shortened
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

STEPS = (("step", 8, "C"),) * 6
N_PROGRAMS, N_TASKS = 320, 8


@pytest.mark.parametrize("task", range(N_TASKS))
def test_programs_run_compiled_as_they_are_written(task):
    for i in range(task, N_PROGRAMS, N_TASKS):
        outcome = run(nth_program(0, i))
        assert outcome.fault is None, str(shortened(outcome.fault, most_runs=60))


# the same, drawn by hypothesis, which finds a shortest program by itself


class Training(RuleBasedStateMachine):
    """Every action is a rule. The compiled run goes along; the readable one comes at the end."""

    side = None

    @initialize(rng=st.randoms(use_true_random=False), watch=st.booleans())
    def begin(self, rng, watch):
        self.program = Program(**draw_base(rng), watch=watch)
        self.side = side.Side(self.program, compiled=True)
        self.actions, self.records = [], []

    def act(self, action, watch=False):
        if self.side.over:
            return
        self.side.at = len(self.actions)
        self.actions.append(action)
        self.records.append(act(self.side, action, watch=watch or self.program.watch))

    def teardown(self):
        if self.side is None:
            return
        self.act(("nothing",), watch=True)
        program = self.program.with_actions(self.actions)
        fault = judged(program, self.records, self.side.resolved).fault
        assert fault is None, str(fault)


def as_rule(name):
    """Return a state machine's rule for an action."""
    choices = actions.ACTIONS[name].choices
    drawn = {f"a{i}": st.sampled_from(choice) for i, choice in enumerate(choices)}

    def run_it(self, **arguments):
        self.act((name, *arguments.values()))

    run_it.__name__ = name

    def makes_sense(self):
        return actions.fits(name, self.program.way) and (self.side.pure or name != "interrupt")

    return precondition(makes_sense)(rule(**drawn)(run_it))


RULES = {name: as_rule(name) for name, kind in actions.ACTIONS.items() if kind.weight > 0}
TestTraining = type("Actions", (Training,), RULES).TestCase
TestTraining.settings = settings(
    max_examples=150, stateful_step_count=12, derandomize=True, deadline=None, database=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


# interrupts, at every third bytecode of a replay


@pytest.mark.parametrize(
    ("rule", "options"),
    [("SGD momentum", ()), ("Adam amsgrad", ("group lr", "clip_norm")), ("Adam", ("accumulate",))],
    ids=lambda value: "-".join(value) if isinstance(value, tuple) else value,
)
def test_interrupted_replays_are_whole_steps(rule, options):
    """A dozen interrupts a program, after the steps that are traced and verified."""
    for first in range(1, 900, 36):
        interrupts = [("interrupt", at) for at in range(first, first + 36, 3)]
        program = Program(rule=rule, options=options, watch=False)
        outcome = run(program.with_actions([*STEPS, *interrupts, *STEPS[:2]]))
        assert outcome.fault is None, str(outcome.fault)
        assert outcome.refusals == []


# what the fuzz must find: faults that are planted


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
    with pytest.raises(AssertionError, match=what):
        raise AssertionError(str(short))


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
