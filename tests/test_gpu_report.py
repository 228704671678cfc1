"""`make gpu`: what becomes of its stages, and what its file says and does not say."""

import json
import os
import socket
import stat
import subprocess
import sys

import pytest

from benchmarks.gpu import stages as all_stages
from benchmarks.gpu.__main__ import asked
from benchmarks.gpu.device import SIMULATED
from benchmarks.gpu.report import MARK, cleaned, report
from benchmarks.gpu.running import FAILED, NOT_RUN, PASSED, ROOT, Outcome, Stage, run

GPU = {"name": "NVIDIA H200", "simulated": False}
CPU = {"name": "a cpu", "simulated": True}


def stage(code, **options):
    options = {"limit": 60.0, **options}
    return Stage("it", [sys.executable, "-c", code], **options)


# stages


def test_a_stage_passes_with_what_it_printed():
    found = run(stage("print('line')", shows=True))
    assert (found.state, found.output, found.why, found.shows) == (PASSED, "line\n", "", True)


def test_the_last_line_is_the_answer():
    found = run(stage("print('before'); print('{\"seconds\": 3}')", answers=True))
    assert (found.state, found.answer) == (PASSED, {"seconds": 3})


@pytest.mark.parametrize(
    ("code", "options", "why"),
    [
        ("import sys; print('said'); sys.exit(3)", {}, "exit status 3"),
        ("print('said')", {"answers": True}, "its last line is no JSON"),
        ("import time; print('said'); time.sleep(60)", {"limit": 2}, "stopped after 2 s"),
    ],
)
def test_a_stage_fails_and_says_how(code, options, why):
    found = run(stage(code, **options))
    assert (found.state, found.why, found.output) == (FAILED, why, "said\n")


def test_a_program_that_is_not_there_is_a_failure_and_no_crash():
    found = run(Stage("it", ["no-such-program-anywhere"], 60.0))
    assert (found.state, found.why) == (FAILED, "did not start: No such file or directory")


def test_what_is_not_to_be_run_is_not_run(tmp_path):
    left = tmp_path / "left"
    found = run(stage(f"open({str(left)!r}, 'w')", why_not="no reason"))
    assert (found.state, found.why) == (NOT_RUN, "no reason")
    assert not left.exists()


def test_only_what_was_asked_for_is_run():
    step = stage("", limit=1.0)
    assert asked(step, ["it"]) == asked(step, None) == step
    assert asked(step, ["step", "wheel"]).why_not == "left out by --only"


def test_without_a_device_everything_else_says_so():
    states = {run(s).why for s in all_stages.stages(None, quick=True)}
    assert states == {"the stage 'device' found none"}


def test_the_sanitizers_are_run_where_they_are(monkeypatch, tmp_path):
    """A stand-in for the program passes its options on to a file."""
    program, seen = tmp_path / "compute-sanitizer", tmp_path / "seen"
    program.write_text(f'#!/bin/sh\necho "$@" > {seen}\nexit 9\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = run(all_stages.sanitizer("racecheck", GPU, ""))
    assert (found.state, found.why) == (FAILED, "exit status 9")
    command = seen.read_text()
    assert command.startswith("--tool racecheck --error-exitcode 9 ")
    assert "-m benchmarks.gpu.one_step blog" in command
    assert run(all_stages.sanitizer("racecheck", CPU, "")).why == SIMULATED


def test_the_sanitizers_that_are_missing_say_where_they_come_from(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    found = run(all_stages.sanitizer("memcheck", GPU, ""))
    assert found.state == NOT_RUN
    assert "compute-sanitizer is not on the PATH; it comes with NVIDIA's CUDA toolkit" in found.why


# the file


TIMES = {
    "seconds": {"portanet, readable": [3e-6, 1e-6, 2e-6]},
    "reasons": {"PyTorch, CUDA, eager": "not installed"},
    "not captured": "it synchronizes",
}
DONE = [
    Outcome("doctor", PASSED, 1.0, output="all is well\n", shows=True),
    Outcome("tests", FAILED, 2.0, "exit status 1", "\n".join(f"line {i}" for i in range(99))),
    Outcome("step: blog", PASSED, 3.0, answer=TIMES),
    Outcome("memcheck", NOT_RUN, why="it is not there"),
]


def text_of(device=GPU, done=DONE, more=("wheel",)):
    return report({"device": device}, done, [*(outcome.name for outcome in done), *more])


def test_the_report_counts_and_names_what_became_of_each_stage():
    text = text_of()
    assert "RESULT: 2 passed, 1 FAILED, 1 not run, 1 NOT REACHED\n" in text
    lines = text.splitlines()
    assert any(line.split() == ["passed", "doctor", "1", "s"] for line in lines)
    assert any(line.startswith("FAILED   tests") and "exit status 1" in line for line in lines)
    assert any(line.startswith("not run  memcheck") and "not there" in line for line in lines)
    assert "NOT REACHED  wheel" in lines


def test_the_report_has_what_stages_show_and_the_end_of_what_failed():
    text = text_of().partition(MARK)[0]
    assert "===== doctor\nall is well\n" in text
    assert "line 98" in text
    assert "line 38" not in text


def test_the_report_has_times_and_reasons():
    text = text_of()
    assert "portanet, readable" in text
    assert "2.0 (1.0 - 3.0)" in text
    assert "not installed" in text
    assert "not captured as a graph: it synchronizes" in text


def test_the_report_says_what_is_simulated():
    assert SIMULATED in text_of(CPU)
    assert "say nothing about a GPU" in text_of(CPU)
    assert SIMULATED not in text_of(GPU)
    assert "say nothing about a GPU" not in text_of(GPU)
    assert "device: none was found" in text_of(None)


def test_the_same_stands_there_as_json():
    kept = json.loads(text_of().partition(MARK)[2])
    assert kept["facts"]["device"] == GPU
    assert [s["state"] for s in kept["stages"]] == [PASSED, FAILED, PASSED, NOT_RUN]
    assert kept["stages"][2]["answer"] == TIMES


SECRETS = [
    '  File "/home/alice/clone/portanet/layer.py", line 3',
    "/home/alice/.venv/lib/python3.11/site-packages/x.py:7: error",
    "in /home/alice: nothing",
    "/home/some body/work/a-b/c.txt",
    "in /tmp/tmpabc123/site/portanet/layer.py",
    "Looking in indexes: https://user:password@packages.example.org/simple",
    "on workstation-7 now",
]
PRIVATE = [
    "alice", "/home", "some body", "clone", "site-packages", "tmpabc123", "password", "example.org", "workstation",
]  # fmt: skip


@pytest.mark.parametrize("secret", SECRETS)
def test_the_report_names_no_folder_address_or_machine(secret, monkeypatch):
    monkeypatch.setattr(socket, "gethostname", lambda: "workstation-7")
    monkeypatch.setenv("HOME", "/home/alice")
    done = [Outcome("it", FAILED, 0.0, secret, secret, {"seconds": secret})]
    text = text_of(done=done, more=())
    assert not [word for word in PRIVATE if word in text]


@pytest.mark.parametrize(
    "kept",
    ["tests/test_x.py::test_y[a/b]", "3 / 4", "784/256 and 1/2", "µs/step", "a, b/c", "…/layer.py"],
)
def test_what_is_no_folder_stays(kept):
    assert cleaned(kept) == kept


# the command


def test_a_stage_that_fails_makes_the_command_fail_and_hides_no_other(tmp_path):
    """Without CuPy there is no device."""
    file = tmp_path / "report.txt"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--quick", "--output", str(file)],
        cwd=ROOT, env=without_cupy(tmp_path), capture_output=True, text=True,
    )  # fmt: skip
    text = file.read_text()
    assert done.returncode == 1, done.stderr
    assert "device: none was found" in text
    assert "passed   doctor" in text
    assert "FAILED   device" in text
    assert "pip install" in text
    assert "1 passed, 1 FAILED, 23 not run" in text


def without_cupy(folder):
    """Return an environment in which `import cupy` fails as where it is not installed."""
    (folder / "cupy.py").write_text("raise ModuleNotFoundError(\"No module named 'cupy'\")\n")
    entries = [str(folder), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, entries))}
