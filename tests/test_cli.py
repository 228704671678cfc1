"""The command line."""

import json
import subprocess
import sys

import numpy as np
import pytest

import portanet
from portanet import cli
from portanet.cli import steps


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


def test_doctor_as_json(capsys):
    assert cli.main(["doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["portanet"] == portanet.__version__
    works = {name for name, of in facts["backends"].items() if of["works"]}
    assert works == set(portanet.available())
    assert facts["backends"]["numpy"]["dtypes"] >= ["bool", "complex128"]


def test_verify_prints_json(capsys):
    command = ["verify", "--quick", "--backend", "numpy", "--case", "ReLU", "--json"]
    assert cli.main(command) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 0


def test_bench_times_each_step(capsys, monkeypatch):
    monkeypatch.setattr("portanet.cli.timing._SECONDS", 0.001)
    assert cli.main(["bench", "--rounds", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["seconds"]) == 2
    for seconds in found["seconds"].values():
        assert {"portanet, compiled", "portanet, readable"} <= set(seconds)
        assert all(0 < s < 60 for s in seconds.values())
        assert len(seconds) + len(found["missing"]) == 4


def test_the_steps_that_bench_times_compute_the_same():
    """The losses of a first step on the same data are near log 2, or log 10: nobody cheats."""
    for network, loss in zip(steps.NETWORKS, (np.log(2), np.log(10)), strict=True):
        found, _ = steps.contenders(network, "numpy")
        compiled, readable = found["portanet, compiled"](), found["portanet, readable"]()
        np.testing.assert_array_equal(compiled, readable)
        assert compiled.shape == (network.batch_size,)
        assert abs(readable.mean() - loss) < 1


def test_the_base_install_has_doctor_and_verify(monkeypatch, capsys, tmp_path):
    for package in ("pandas", "pyarrow", "tqdm", "argcomplete", "matplotlib", "sklearn"):
        monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["doctor"]) == 0
    assert cli.main(["verify", "--quick", "--backend", "numpy", "--case", "ReLU"]) == 0
    capsys.readouterr()
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    assert cli.main(["train", str(tmp_path / "a.csv"), "--target", "y"]) == 2
    assert "pip install -e '.[cli]'" in capsys.readouterr().err
