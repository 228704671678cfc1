"""Random programs, compiled and as written: nothing that can be seen differs, nothing crashes.

A share of `python -m tests.differential`, which runs as many programs as one likes. Some of
them are compiled by LLVM, where llvmlite is installed.
"""

import pytest
from differential import actions, side
from differential.batch import nth_program
from differential.draw import draw_base
from differential.networks import OWN
from differential.plain import plain_programs
from differential.program import Program
from differential.run import act, judged, run
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

STEPS = (("step", 8, "C"),) * 6
N_PROGRAMS, N_TASKS = 240, 8


@pytest.mark.parametrize("task", range(N_TASKS))
def test_programs_run_compiled_as_they_are_written(task):
    programs = [nth_program(0, i) for i in range(task, N_PROGRAMS, N_TASKS)]
    assert not faults_of(programs)


def faults_of(programs):
    found = (run(program).fault for program in programs)
    return "\n".join(str(fault) for fault in found if fault is not None)


def test_everything_once_in_a_plain_program():
    assert not faults_of(plain_programs("step"))


def test_every_users_layer_once_with_a_trainer():
    assert not faults_of(p for p in plain_programs("trainer") if set(p.middle) & set(OWN))


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
    max_examples=100, stateful_step_count=12, derandomize=True, deadline=None, database=None,
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
