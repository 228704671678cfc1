"""The shape of the library: which way imports point, what an import loads, what is public."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import portanet
from portanet import Layer, Loss, Optimizer

ROOT = Path(__file__).parents[1]
PACKAGE = Path(portanet.__file__).parent

# The floors of the house, from the ground up: a module may import from its own floor and below.
FLOORS = [
    {"errors", "typing", "_version", "foreign", "unfilled"},
    {"backends"},
    {"constructors", "elsewhere", "fans", "guesses", "no_array", "places", "shared_names", "unknown_name"},
    {"dispatch", "checks", "half", "joined", "random", "draws", "versioned", "commit", "overrides", "running_sum", "several", "moments", "reprs", "given"},
    {"sides"},
    {"wire"},
    {"initializers", "options", "buffer", "parameter", "snapshot", "uniform", "summary"},
    {"walking"},
    {"part"},
    {"sharing", "input_checks", "chain", "loss_scale"},
    {"mixed_precision"},
    {"layer"},
    {"calls", "predicts", "sequential"},
    {"loss", "optimizer", "layers", "graph", "clipping", "groups", "state", "rule", "moves", "optimizer_memory", "optimizer_options", "optimizer_state", "loss_weights", "targets"},
    {"losses", "optimizers", "schedules", "metrics", "augmentation", "preprocessing", "row_statistics", "balancing", "data", "atomic_file", "appended_file", "architecture", "checkpoint", "checkpoint_model", "checkpoint_file", "checkpoint_header", "checkpoint_fit", "running_mean", "ema"},
    {"compiler"},
    {"distributed"},
    {"divergence"},
    {"callbacks", "prediction"},
    {"training"},
    {"trainer"},
    {"estimators"},
    {"verify"},
    {"demo", "doctor", "pytest", "table"},
    {"cli"},
    {"", "__main__"},
]  # fmt: skip
# The same within the compiler: folders and files.
COMPILER_FLOORS = [
    {"errors", "options"},
    {"graph"},
    {"fusion", "guards"},
    {"memory", "tracing"},
    {"engines", "runtime"},
    {"plans", "verification"},
    {"step_parts"},
    {"epoch_steps"},
    {"traced_pass"},
    {"step", "evaluation", "forward"},
    {"compile_step", "profiling"},
    {""},
]
OPTIONAL = {
    "cupy",
    "cupyx",
    "torch",
    "jax",
    "cuda",
    "llvmlite",
    "sklearn",
    "matplotlib",
    "scipy",
    "tqdm",
    "tensorboard",
    "mpi4py",
    "h5py",
    "zarr",
    "pandas",
    "argcomplete",
    "polars",
    "pyarrow",
    "PIL",
}
FOR_LLVM = tuple(
    f"backends._llvm.{name}"
    for name in ("expressions", "kernel", "loops", "translate", "types", "vectors", "words")
)


def files():
    """Return every module's file; pathlib does not walk into the link `backends` before Python 3.13."""
    return sorted({*PACKAGE.rglob("*.py"), *(PACKAGE / "backends").rglob("*.py")})


def modules():
    """Yield (dotted name below portanet, syntax tree) of every module."""
    for path in files():
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__")
        yield name.rstrip("."), ast.parse(path.read_text())


# A method whose work stands on a floor above imports it when it is called: model.predict.
LATE = {("predicts", "portanet.prediction")}


def floor(name):
    part = name.partition(".")[0]
    return next(i for i, parts in enumerate(FLOORS) if part in parts)


def imports(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield node.module if node.module != "portanet" else f"portanet.{node.names[0].name}"
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_import_runs_up():
    for name, tree in modules():
        for imported in imports(tree):
            if imported.startswith("portanet") and (name, imported) not in LATE:
                target = imported.removeprefix("portanet").lstrip(".")
                assert floor(target) <= floor(name), f"portanet.{name} imports {imported}"


def test_no_import_runs_up_within_the_compiler():
    def floor_of(module):
        part = module.split(".")[1] if "." in module else ""
        return next(i for i, parts in enumerate(COMPILER_FLOORS) if part in parts)

    for name, tree in modules():
        if name.partition(".")[0] == "compiler":
            for imported in imports(tree):
                target = imported.removeprefix("portanet.")
                if target.startswith("compiler."):
                    assert floor_of(target) <= floor_of(name), f"{name} imports {imported}"


def test_the_ground_floor_knows_errors_and_types_only():
    for name, tree in modules():
        if name.startswith("backends"):
            for imported in imports(tree):
                allowed = ("portanet.backends", "portanet.errors", "portanet.typing")
                assert not imported.startswith("portanet") or imported.startswith(allowed)


def test_no_circle():
    graph = {
        name: {
            i.removeprefix("portanet.")
            for i in imports(tree)
            if i.startswith("portanet.") and (name, i) not in LATE
        }
        for name, tree in modules()
        if name and not name.startswith("backends")
    }

    done = set()

    def visit(name, path):
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for target in graph.get(name, ()):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def test_optional_libraries_are_imported_inside_functions():
    for name, tree in modules():
        if name.startswith(
            (
                "backends._cupy.kernels",
                "backends._cupy.matmul",
                "backends._cupy.nccl",
                "estimators.",
                *FOR_LLVM,
            )
        ):
            continue  # imported once the library has proved to work, and by what needs it only
        at_top = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
        for node in at_top:
            for imported in imports(ast.Module([node], [])):
                assert imported.partition(".")[0] not in OPTIONAL, f"{name} imports {imported}"


def test_importing_portanet_loads_nothing_optional():
    code = (
        "import sys; from portanet import *; "
        f"print(*sorted({OPTIONAL!r} & {{name.partition('.')[0] for name in sys.modules}}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.split() == []
    assert out.stderr == ""


def test_the_two_lists_of_public_names_agree():
    """One is for type checkers, the other loads a module when a name is first asked for."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    typed = {(node.module, alias.name) for node in imports for alias in node.names}
    typed.discard(("portanet._version", "__version__"))
    homes = {(home, name) for home, names in portanet._HOMES.items() for name in names.split()}
    assert typed == homes | {("portanet", name) for name in portanet._MODULES}
    assert portanet.__getattr__("Linear") is portanet.Linear
    with pytest.raises(AttributeError, match="no Lineer here; like it are Linear"):
        portanet.__getattr__("Lineer")
    assert dir(portanet) == portanet.__all__


def test_everything_public_is_listed_once_and_sorted():
    names = portanet.__all__
    assert len(set(names)) == len(names)
    for name in names:
        assert hasattr(portanet, name)
    for kind in (Layer, Loss, Optimizer):
        for cls in subclasses(kind):
            # the catalogue's own, and what scikit-learn's MLPs are made of
            of_kit = cls.__module__.startswith(("portanet.verify.", "portanet.estimators."))
            own = cls.__module__.startswith("portanet.") and not of_kit
            if not cls.__name__.startswith("_") and own:
                assert cls.__name__ in names, f"{cls.__name__} is not public"


def subclasses(cls):
    for sub in cls.__subclasses__():
        yield sub
        yield from subclasses(sub)


@pytest.mark.parametrize("name", sorted(set(portanet.__all__) - {"__version__"}))
def test_public_names_have_docstrings(name):
    assert getattr(portanet, name).__doc__


def test_version_and_changelog_agree():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert f"## {portanet.__version__}" in changelog or "## Unreleased" in changelog


def test_packages_are_all_listed():
    """A package left out of pyproject.toml is left out of the wheel, and `pip install -e` hides it."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = {
        ".".join(("portanet", *path.parent.relative_to(PACKAGE).parts))
        for path in files()
        if path.name == "__init__.py"
    }
    assert set(listed) == found


def test_files_hold_one_concept():
    n_lines = {p: len(p.read_text().splitlines()) for p in files()}
    assert not {str(p): n for p, n in n_lines.items() if n > 200}


def test_nothing_that_waits_for_a_gpu():
    """array-api-compat's sign and clip look for NaN with a mask on CuPy, which the host waits for."""
    for path in files():
        for name in ("xp.sign(", "xp.clip("):
            assert name not in path.read_text(), f"{path.name} calls {name})"
