"""The report's page: what it says, that it escapes, and that it asks for nothing else."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser

import numpy as np
import pytest

from portanet import cli
from portanet.verify import Report, html
from portanet.verify.page.plot import Scale
from portanet.verify.report import Audit, Finding, Skipped, Trajectory
from portanet.verify.report.known import FLUSHED, KNOWN

EVIL = '<img src="https://example.org/x" onerror=alert(1)> & "'
PASSED = Finding("oracle", "layer", "ReLU", "forward", "torch", "float32", True, 2.0, 1.0, 8.0)
FAILED = Finding(
    "oracle", "layer", EVIL, EVIL, "torch", "float64", False, 250.0, 1.0, 8.0, "", EVIL
)
EXPLAINED = Finding(
    "special", "layer", "GELU", "x", "jax", "float32", False, np.inf, 0.0, 0.0, FLUSHED
)
RUN = Trajectory(
    "net", "torch", "float32", "compiled", {"loss": [0.5, np.inf]}, {"loss": [1.0, 2.0]}, "step 2"
)
REPORT = Report(
    7, ["numpy", "torch", "jax"], True, [PASSED, FAILED, EXPLAINED], [Skipped(EVIL, "cupy", EVIL, "no GPU here")],
    [RUN], {"numpy": "2.3.1", "device of torch": EVIL},
)  # fmt: skip


class Seen(HTMLParser):
    """Every element with its attributes, and the text of each table cell; tags must be balanced."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.open, self.cells = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in ("meta", "link"):
            self.open.append(tag)
        if tag == "td":
            self.cells.append((dict(attrs), ""))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open:
            attrs, text = self.cells[-1]
            self.cells[-1] = attrs, text + data


@pytest.fixture(scope="module")
def seen():
    page = Seen(html(REPORT))
    assert not page.open
    return page


def test_text_of_users_is_escaped(seen):
    assert {tag for tag, _ in seen.elements}.isdisjoint({"img", "script", "iframe", "object"})
    assert not any(name.startswith("on") for _, attrs in seen.elements for name in attrs)
    assert any(text == EVIL for _, text in seen.cells)


def test_nothing_leaves_the_page(seen):
    for tag, attrs in seen.elements:
        links = {attrs.get(name) for name in ("src", "href", "action", "data", "srcset")} - {None}
        assert links <= {"data:,"}, tag
    assert "url(" not in html(REPORT)
    assert "@import" not in html(REPORT)


def test_the_policy_lets_in_this_style_alone():
    page = html(REPORT)
    style = re.search("<style>(.*?)</style>", page, re.S)[1]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page
    assert " style=" not in page  # which the policy would refuse


def test_failures_and_known_differences_are_marked_in_words(seen):
    by_class = {attrs.get("class"): text for attrs, text in seen.cells}
    assert by_class["failed"] == "✗ 250"
    assert by_class["l0 known"] == "≈ bits"
    assert by_class["l2"] == "2"
    assert "1 of 3 results do not agree" in html(REPORT)
    known = next(k for k in KNOWN if k.name == FLUSHED)
    assert known.source in html(REPORT)
    assert "no GPU here" in html(REPORT)


def test_a_cell_is_the_worst_of_its_case():
    """One wrong tensor is not hidden by others of the case, nor by a larger error that passed."""
    rows = [PASSED, Finding("oracle", "layer", "ReLU", "g", "torch", "float32", False, 1.5, 0, 1)]
    rows.append(Finding("oracle", "layer", "ReLU", "h", "torch", "float32", True, 90.0, 1.0, 100.0))
    cells = [text for attrs, text in Seen(html(Report(0, ["torch"], findings=rows))).cells]
    assert "✗ 1.5" in cells


def test_a_run_beyond_its_bound_is_marked_where_it_leaves(seen):
    x, y = Scale([[1.0, 2.0], [0.5, np.inf]]).x(1), 12 + 5
    marks = [a for tag, a in seen.elements if tag == "text" and a.get("class") == "beyond-mark"]
    assert [(m["x"], m["y"]) for m in marks] == [(f"{x:.1f}", f"{y:.1f}")]
    inside = html(Report(0, ["torch"], findings=[PASSED], trajectories=[
        Trajectory("net", "torch", "float32", "readable", {"loss": [0.5, 0.0]}, {"loss": [1.0, 2.0]})]))  # fmt: skip
    assert 'class="beyond' not in inside


def test_plots_are_logarithmic():
    scale = Scale([[0.1, 1.0, 10.0, 100.0]])
    heights = [scale.y(v) for v in (0.1, 1.0, 10.0, 100.0)]
    np.testing.assert_allclose(np.diff(heights), np.diff(heights)[0])
    assert scale.y(0.0) == scale.y(0.1)  # exact: at the foot
    assert scale.y(np.nan) == scale.y(np.inf) == 12


def test_a_page_of_nothing_says_so():
    assert "Nothing was compared" in html(Report(0))


def test_the_command_writes_the_page(tmp_path, capsys):
    file = tmp_path / "report.html"
    options = ["--backend", "numpy", "--case", "Sigmoid", "--quick", "--html", str(file)]
    assert cli.main(["verify", *options]) == 0
    page = file.read_text(encoding="utf-8")
    assert ">Sigmoid</th>" in page
    assert "results agree" in page


def test_a_run_that_was_resumed_is_drawn_at_its_own_steps():
    whole = Trajectory(
        "net", "numpy", "float32", "as written", {"loss": [1.0] * 4}, {"loss": [9.0] * 4}
    )
    half = Trajectory(
        "net", "torch", "float32", "resumed", {"loss": [2.0] * 2}, {"loss": [9.0] * 2}, "", 2
    )
    page = html(Report(0, ["numpy", "torch"], findings=[PASSED], trajectories=[whole, half]))
    lines = [a["points"].split() for tag, a in Seen(page).elements if tag == "polyline"]
    first, second = ([point.split(",")[0] for point in line] for line in lines[:2])
    assert (len(first), second) == (4, first[2:])


def test_failures_that_say_the_same_are_written_once():
    rows = [
        replace(FAILED, backend=name, check=check)
        for name in ("numpy", "torch")
        for check in ("a", "b")
    ]
    page = html(Report(0, ["numpy", "torch"], findings=rows))
    assert page.count("<dt>✗ ") == 1
    assert "a and b, on numpy and torch in float64: 250 ulps where 8 are allowed" in page


def test_the_tensors_of_a_step_are_a_table():
    tensors = {
        "step 0: loss": "float32 on cpu",
        "step 1: loss": "float64 on cpu",
        "loss": "float32 on cpu",
    }
    audits = [
        Audit(EVIL, "numpy", "float32", 2, 9, tensors),
        Audit("ReLU", "numpy", "float32", 1, 3, {"forward": "x"}),
    ]
    page = Seen(html(Report(0, ["numpy"], findings=[PASSED], audits=audits)))
    texts = [text for _, text in page.cells]
    assert texts[texts.index("loss") + 1] == "float64 on cpu"  # the last step, which has all slots
    assert "forward" not in texts
    assert "3 steps were taken" in html(Report(0, ["numpy"], findings=[PASSED], audits=audits))
