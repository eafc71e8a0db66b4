"""The rooms: who imports whom, what needs no MindSpore, and how notebooks and packages are named."""

import ast
import graphlib
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "unet_nb"
# A room imports only from rooms to its left.
ORDER = (
    "core config metrics data models runs figures runtime inference training exporting studies interactive cli".split()
)
AT_THE_ROOT = {"__init__", "_modidx", "train", "onnx_infer"}
NOT_ROOMS = {"docs", "explore", "images", "page", "run"}  # folders of nbs/ that are no source of a package
CEILINGS = ROOT / "tests/fixtures/ceilings.json"

SLOW_HELP = "the command's help and completion must not wait for pandas, papermill or MindSpore"
SLOW_VIEWS = "the pictures of data and augmentation must not wait for MindSpore"
SLOW_LAUNCH = "papermill starts the kernel that loads MindSpore; the process that starts it needs none"
SLOW_NETWORK = "a prediction that finds the ONNX form, and the scores of an exported file, start no MindSpore"
SLOW_PLAN = "the words of a plan and the table of a benchmark are made where MindSpore is not loaded"
SLOW_ZARR = "Zarr and object storage are for images in chunks alone, and the latter's locks are Linux's"
# Imports inside a function, each with its reason. An entry that is no longer needed fails too.
LATE = {
    ("data.targets", "metrics.objects"): "scipy, which who only has an exported file may lack",
    ("cli.command", "config.cells"): SLOW_HELP,
    ("cli.command", "config.groups"): SLOW_HELP,
    ("cli.command", "config.jobs"): SLOW_HELP,
    ("cli.command", "config.recipes"): SLOW_HELP,
    ("cli.command", "core.paths"): SLOW_HELP,
    ("cli.command", "core.reading"): SLOW_HELP,
    ("cli.command", "core.scaling"): SLOW_HELP,
    ("cli.command", "core.storage"): SLOW_HELP,
    ("cli.command", "data.annotation_folder"): SLOW_HELP,
    ("cli.command", "data.conversion"): SLOW_HELP,
    ("cli.command", "data.doctor"): SLOW_HELP,
    ("cli.command", "data.pairs"): SLOW_HELP,
    ("cli.command", "data.sources"): SLOW_HELP,
    ("cli.command", "exporting.steps"): SLOW_HELP,
    ("cli.command", "figures.plots"): SLOW_HELP,
    ("cli.command", "inference.files"): SLOW_HELP,
    ("cli.command", "interactive.start"): SLOW_HELP,
    ("cli.command", "runs.folder"): SLOW_HELP,
    ("cli.command", "runs.processes"): SLOW_HELP,
    ("cli.command", "runtime.device"): SLOW_HELP,
    ("cli.command", "studies.distributed"): SLOW_HELP,
    ("cli.command", "studies.launch"): SLOW_HELP,
    ("cli.command", "studies.learning_curve"): SLOW_HELP,
    ("cli.command", "studies.plan"): SLOW_HELP,
    ("cli.command", "studies.plan_prediction"): SLOW_HELP,
    ("cli.command", "studies.selfcheck"): SLOW_HELP,
    ("cli.command", "studies.suggest"): SLOW_HELP,
    ("cli.command", "studies.sweep"): SLOW_HELP,
    ("data.images", "core.ome_zarr"): SLOW_ZARR,
    ("inference.chunks", "inference.chunk_objects"): "SciPy and scikit-image, which classes alone do without",
    ("inference.files", "inference.chunks"): SLOW_ZARR,
    ("inference.files", "inference.cluster"): "Dask, which a prediction in one process does without",
    ("inference.files", "inference.object_files"): "SciPy and scikit-image, which masks alone do without",
    ("inference.files", "inference.onnx_form"): SLOW_NETWORK,
    ("interactive.explore", "inference.files"): SLOW_VIEWS,
    ("interactive.explore", "studies.compare"): SLOW_VIEWS,
    ("interactive.explore", "training.evaluate"): SLOW_VIEWS,
    ("interactive.objects", "data.pipeline"): SLOW_VIEWS,
    ("interactive.objects", "inference.files"): SLOW_VIEWS,
    ("interactive.objects", "inference.predict"): SLOW_VIEWS,
    ("interactive.explore", "training.fit"): SLOW_VIEWS,
    ("studies.stardist_peer", "metrics.objects"): "it runs in an environment without unet_nb",
    ("studies.benchmark", "inference.onnx_graph"): SLOW_PLAN,
    ("studies.benchmark", "models.function"): SLOW_PLAN,
    ("studies.benchmark", "models.registry"): SLOW_PLAN,
    ("studies.benchmark", "runs.folder"): SLOW_PLAN,
    ("studies.benchmark", "runtime.device"): SLOW_PLAN,
    ("studies.benchmark", "training.fit"): SLOW_PLAN,
    ("studies.launch", "exporting.export"): SLOW_LAUNCH,
    ("studies.launch", "exporting.infer"): SLOW_LAUNCH,
    ("studies.launch", "runs.checkpoint"): SLOW_LAUNCH,
    ("studies.plan", "models.function"): SLOW_PLAN,
    ("studies.plan", "models.registry"): SLOW_PLAN,
    ("studies.plan", "runtime.device"): SLOW_PLAN,
    ("studies.plan", "training.evaluate"): SLOW_PLAN,
    ("studies.plan", "training.fit"): SLOW_PLAN,
    ("training.evaluate", "models.function"): SLOW_NETWORK,
    ("training.evaluate", "models.registry"): SLOW_NETWORK,
    ("training.evaluate", "runs.checkpoint"): SLOW_NETWORK,
}
WITHOUT_MINDSPORE = (
    "core config metrics figures inference.tiling inference.predict inference.predictor inference.files "
    "training.evaluate exporting.infer onnx_infer"
).split()


class Arrow(NamedTuple):
    "One module imports another; names without the leading `unet_nb.`; late: not when it is loaded."

    source: str
    target: str
    late: bool


def modules(package: Path) -> dict[str, Path]:
    "Every module by its name without the package's; a package has the name of its folder, the root is empty."
    names = {path: path.relative_to(package).with_suffix("").parts for path in package.rglob("*.py")}
    return {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in names.items()}


def imported(node: ast.AST, module: str, is_package: bool) -> list[tuple[str, str | None]]:
    "What an import statement asks for: whole names of modules, each with a name in it where there is one."
    if isinstance(node, ast.Import):
        return [(alias.name, None) for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        here = ["unet_nb", *filter(None, module.split("."))]
        here = here[: len(here) - node.level + is_package]
        base = ".".join([*here, *filter(None, [node.module])])
    return [(base, alias.name) for alias in node.names]


def at_once(tree: ast.Module) -> list[ast.AST]:
    "The nodes that run when the module is loaded: all but the insides of functions."
    found, waiting = [], list(tree.body)
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)
    return found


def arrows(package: Path) -> list[Arrow]:
    known, found = modules(package), set()
    for module, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        loaded = set(map(id, at_once(tree)))
        for node in ast.walk(tree):
            for target, name in imported(node, module, path.name == "__init__.py"):
                if target.split(".")[0] != "unet_nb":
                    continue
                target = target.removeprefix("unet_nb").removeprefix(".")
                inner = f"{target}.{name}".removeprefix(".")
                found.add(Arrow(module, inner if inner in known else target, id(node) not in loaded))
    return sorted(found)


def against_the_order(found: list[Arrow]) -> list[str]:
    def row(module: str) -> int:
        room = module.split(".")[0]
        return ORDER.index(room) if room in ORDER else -1 if module == "" else len(ORDER)

    wrong = [a for a in found if row(a.target) > row(a.source) >= 0]
    return [f"{a.source} imports {a.target}, which stands above it" for a in wrong]


def circle(found: list[Arrow]) -> list[str]:
    "The modules of a circle of imports, or nothing; late imports count, for they only hide a circle."
    graph = {}
    for a in found:
        if a.target:
            graph.setdefault(a.source, set()).add(a.target)
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as e:
        return e.args[1]
    return []


@pytest.fixture(scope="module")
def found() -> list[Arrow]:
    return arrows(PACKAGE)


def test_a_room_imports_only_from_rooms_below(found):
    assert len(found) > 100
    assert not against_the_order(found)


def test_no_circle(found):
    assert not circle(found)


def test_an_import_inside_a_function_has_its_reason(found):
    late = {(a.source, a.target) for a in found if a.late}
    assert not late - LATE.keys(), "import them at the top of the module, or say in LATE why not"
    assert not LATE.keys() - late, "no longer imported inside a function: take them out of LATE"


def test_the_reader_of_imports_sees_what_it_should(tmp_path):
    files = {
        "core/a.py": "import unet_nb.data.b\nfrom ..config import c",
        "core/d.py": "def f():\n    from unet_nb.core.a import x",
        "data/b.py": "if True:\n    from unet_nb.core import a\nimport numpy",
        "config/c.py": "class C:\n    def f(self): import unet_nb.config.c",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = arrows(tmp_path)
    assert set(found) == {
        Arrow("core.a", "data.b", False),
        Arrow("core.a", "config.c", False),
        Arrow("core.d", "core.a", True),
        Arrow("data.b", "core.a", False),
        Arrow("config.c", "config.c", True),
    }
    assert len(against_the_order(found)) == 2
    assert set(circle(found[1:])) >= {"core.a", "data.b"} or set(circle(found)) == {"config.c"}


def test_rooms_that_need_no_mindspore():
    names = [n for n in modules(PACKAGE) if n in WITHOUT_MINDSPORE or n.split(".")[0] in WITHOUT_MINDSPORE]
    code = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
    assert "mindspore" not in sys.modules, f"{name} imports MindSpore"
from unet_nb.cli.command import main
try:
    main(["--help"])
except SystemExit as e:
    assert not e.code
for late in ("mindspore", "papermill"):
    assert late not in sys.modules, f"the command's help imports {late}"
"""
    names = ["unet_nb", *(f"unet_nb.{name}" for name in sorted(names))]
    done = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


def test_importing_the_face_loads_nothing_else():
    code = "import sys, unet_nb; print(*[n for n in sys.modules if n.startswith('unet_nb.') or n == 'numpy'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_python_programs_are_started_in_one_way():
    "`python -c` imports from the current folder, which may be one that somebody sent; `python_command` does not."
    files = [p for p in PACKAGE.rglob("*.py") if 'executable, "-c"' in p.read_text(encoding="utf-8")]
    assert [p.relative_to(PACKAGE).as_posix() for p in files] == ["runs/processes.py"]


def test_what_stands_at_the_root():
    assert {p.stem for p in PACKAGE.glob("*.py")} <= AT_THE_ROOT
    assert {p.parent.name for p in PACKAGE.glob("*/__init__.py")} == set(ORDER)


def test_a_folder_of_notebooks_bears_the_name_of_its_package():
    assert {p.name for p in (ROOT / "nbs").iterdir() if p.is_dir() and not p.name.startswith(".")} - NOT_ROOMS == set(
        ORDER
    )
    wrong, exported = [], set()
    for path in (ROOT / "nbs").glob("*/[0-9]*.ipynb"):
        if path.parent.name in NOT_ROOMS:
            continue
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        lines = [line for c in cells if c["cell_type"] == "code" for line in "".join(c["source"]).splitlines()]
        module = next(line for line in lines if line.startswith("#| default_exp ")).split()[-1]
        exported.add(module)
        if module != f"{path.parent.name}.{path.stem.split('_', 1)[1]}":
            wrong.append(f"{path.relative_to(ROOT)} is exported as {module}")
    assert not wrong
    by_hand = {n for n in modules(PACKAGE) if "." in n} - exported
    assert not by_hand, f"modules without a notebook: {by_hand}"


def public_names(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lists = [n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "__all__"]
    return [name for value in lists if isinstance(value, ast.List) for name in ast.literal_eval(value)]


def test_the_number_of_public_names_only_shrinks():
    count = sum(len(public_names(path)) for path in modules(PACKAGE).values())
    ceiling = json.loads(CEILINGS.read_text())["public_names"]
    assert count == ceiling, "more: give some names a leading underscore; fewer: `make ceilings`"
