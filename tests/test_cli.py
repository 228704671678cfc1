"""The command line."""

import subprocess
import sys

import pytest

import portanet
from portanet import cli


def test_doctor_names_versions_and_every_backend(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"portanet {portanet.__version__} on Python" in out
    assert "  numpy    works: " in out
    for name, error in portanet.backends.missing().items():
        assert f"  {name:8} no {error.missing}: " in out


def test_an_unknown_backend_ends_in_one_line_and_status_2(capsys):
    assert cli.main(["demo", "--backend", "cupyy"]) == 2
    assert "there is no backend called 'cupyy'" in capsys.readouterr().err


def test_demo_on_one_backend(backend, capsys, tmp_path):
    if backend.device != portanet.backends.get(backend.name).device:
        pytest.skip("the command takes names, and this is not the device that its name means")
    status = cli.main(["demo", "--backend", backend.name, "--plot", str(tmp_path / "a.png")])
    assert status == 0
    assert f"two-layer network, on {backend.name}" in capsys.readouterr().out
    assert (tmp_path / "a.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("package", "words"),
    [("sklearn", "the data need scikit-learn"), ("matplotlib.figure", "need matplotlib")],
)
def test_what_the_demo_lacks_is_named(monkeypatch, capsys, package, words):
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["demo", "--backend", "numpy", "--plot", "never"]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "pip install -e '.[demo]'" in err


def test_a_plot_into_no_folder_is_refused_before_the_training(capsys):
    assert cli.main(["demo", "--backend", "numpy", "--plot", "/no/such/folder/a.png"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "plot must be a file in an existing folder, not in /no/such/folder" in captured.err


def test_python_m_portanet():
    command = [sys.executable, "-m", "portanet", "--version"]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert out == f"portanet {portanet.__version__}\n"


@pytest.mark.parametrize("argument", ["--version", "--help", "doctor"])
def test_a_closed_pipe_ends_a_command_without_a_message(argument):
    command = [sys.executable, "-m", "portanet", argument]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()  # before the command writes
        assert process.stderr.read() == b""
        assert process.wait() in (0, 1)  # argparse itself ignores that the pipe is closed
