"""Writes the table of examples/README.md: lines of code beside PyTorch's for the same job.

    python docs/make_examples.py             counts lines; a test compares the page with this
    python docs/make_examples.py --measure   trains all of them before, with three seeds

A line counts if it holds code: no blank lines, comments or docstrings. An import is one line, on
however many it is written; both sides are formatted by ruff, 100 characters wide.
"""

import argparse
import ast
import importlib.util
import io
import json
import tokenize
from pathlib import Path

EXAMPLES = Path(__file__).parents[1] / "examples"
SCORES = EXAMPLES / "pytorch" / "scores.json"
JOBS = {  # file: (the job, what the score is)
    "two_losses": ("regression with two inputs and two losses", "mean of R² and accuracy"),
    "siamese": ("a siamese network", "accuracy"),
    "gpt": ("a GPT with tied embeddings, which writes", "letters guessed"),
    "unet": ("a U-Net", "pixels of shapes found"),
    "lengths": ("an LSTM with lengths", "accuracy"),
    "fine_tuning": ("fine-tuning, the body frozen", "accuracy"),
    "gan": ("a GAN", "points in clusters"),
    "autoencoder": ("an autoencoder", "variance kept"),
    "dates": ("sequence to sequence, with attention", "dates without a mistake"),
}
MARKS = "<!-- lines: written by docs/make_examples.py -->", "<!-- end of lines -->"
NO_CODE = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT,
    tokenize.ENDMARKER,
}  # fmt: skip


def count_lines(source):
    """Return the number of lines of code of a program."""
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            lines -= set(range(node.lineno + 1, node.end_lineno + 1))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, node.end_lineno + 1))
    return len(lines)


def counts(name):
    """Return the lines of an example, and of its twin in PyTorch."""
    ours, theirs = EXAMPLES / f"{name}.py", EXAMPLES / "pytorch" / f"{name}.py"
    return count_lines(ours.read_text()), count_lines(theirs.read_text())


def measured(path):
    """Return the scores of an example with the seeds 0, 1 and 2."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [round(float(module.main(seed=seed)), 3) for seed in range(3)]


def table():
    """Return the table."""
    scores = json.loads(SCORES.read_text())
    rows = ["| job | file | lines | PyTorch's | score: | ours | PyTorch's |", "|---" * 7 + "|"]
    for name, (job, score) in JOBS.items():
        ours, theirs = counts(name)
        figures = [" ".join(f"{x:.3f}" for x in scores[name][who]) for who in ("ours", "theirs")]
        rows.append(
            f"| {job} | `{name}.py` | {ours} | {theirs} | {score} | {' | '.join(figures)} |"
        )
    return "\n".join(rows)


def page():
    """Return the text of examples/README.md with the table as it is today."""
    start, end = MARKS
    before, rest = (EXAMPLES / "README.md").read_text().split(start)
    return f"{before}{start}\n{table()}\n{end}{rest.split(end)[1]}"


def main(names):
    """Measure some examples, none by default; write the table."""
    scores = json.loads(SCORES.read_text()) if SCORES.exists() else {}
    for name in names:
        places = {"ours": EXAMPLES, "theirs": EXAMPLES / "pytorch"}
        scores[name] = {who: measured(at / f"{name}.py") for who, at in places.items()}
        SCORES.write_text(json.dumps(scores, indent=1) + "\n")
    (EXAMPLES / "README.md").write_text(page())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--measure", nargs="*", metavar="NAME", help="all without names")
    measure = parser.parse_args().measure
    main([] if measure is None else measure or list(JOBS))
