"""Some of the planted faults; `python -m benchmarks.planted_faults` plants all of them."""

import pytest

from benchmarks.planted.harmless import HARMLESS
from benchmarks.planted.ranks import RANKS
from benchmarks.planted_faults import FAULTS, LIBRARY, Copy

SHARE = {
    "wrong sign of a weight's gradient": "derivative",
    "bias correction forgotten": "recorded",
    "index that overflows": "oracle",
    "kernel that drops NaN of a sum": "special",
    "rate that depends on the calls before": "schedule",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    return Copy(str(tmp_path_factory.mktemp("copy")))


def test_every_fault_can_be_planted():
    assert len(FAULTS) >= 60
    assert len(HARMLESS) >= 20
    for fault in (*FAULTS, *HARMLESS, *RANKS):
        text = (LIBRARY / fault.file).read_text()
        assert fault.planted(text) != text


@pytest.mark.parametrize("what", SHARE)
def test_a_planted_fault_is_caught(copy, what):
    (fault,) = (fault for fault in FAULTS if fault.what == what)
    assert SHARE[what] in copy.checks(fault)


def test_a_refactoring_is_not_flagged(copy):
    assert copy.checks(HARMLESS[0]) == []
