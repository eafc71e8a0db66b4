"""What all test modules share.

A small training; `--changed` for a quick look; the last line of a test run, which counts: `N passed, N failed`.
"""

import ast
import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
REACH, DEPENDENTS = 2, 6  # of the notebooks that import a changed one, how far away and how many `--changed` takes
ALWAYS = ("test_style.py", "test_rooms.py", "test_tree.py", "test_config.py", "test_notebooks.py")  # of `--changed`
# The training that most tests look at: some seconds, most of them compiling.
SMALL = {
    "base_channels": 8,
    "depth": 1,
    "demo_slices": 5,
    "demo_size": 64,
    "crop_size": [32, 32],
    "batch_size": 2,
    "epochs": 4,
    "repeat": 2,
    "augment": "em",
}


def pytest_addoption(parser):
    parser.addoption(
        "--changed",
        action="store_true",
        help="style, rooms, tree, parameters, and the tests that import what the last commit or the working tree "
        "changed, no slow ones; of the reference notebooks those that changed, and those nearest to them",
    )


@cache
def changed_files() -> set[str]:
    "What the last commit and the working tree changed, with new files; paths from the root of the clone."
    found = set()
    for args in (["diff", "--name-only", "HEAD~1"], ["ls-files", "--others", "--exclude-standard"]):
        done = subprocess.run(["git", *args], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"--changed asks git what changed, and it says: {done.stderr.strip()}; run `make test`")
        found |= set(done.stdout.splitlines())
    return found


def dependents(modules: set[str], importers: dict[str, set[str]]) -> list[str]:
    "The modules that import them, directly or through others; the nearest first."
    found, seen, front = [], set(modules), modules
    for _ in range(REACH):
        front = {m for module in front for m in importers.get(module, ())} - seen
        seen |= front
        found += sorted(front)
    return found


def chosen(files: Iterable[str], notebooks: dict[str, str], importers: dict[str, set[str]]) -> tuple[set, list]:
    "Modules to test: those whose notebook or file changed and their nearest dependents; and dependents left out."
    by_file = {f"nbs/{n}": m for n, m in notebooks.items()}
    by_file |= {f"unet_nb/{m.replace('.', '/')}.py": m for m in notebooks.values()}
    changed = {by_file[file] for file in files if file in by_file}
    others = dependents(changed, importers)
    return changed | set(others[:DEPENDENTS]), others[DEPENDENTS:]


def kit_modules(path: Path) -> set[str]:
    "The modules of the kit that a file imports, anywhere in it, such as data.folder."
    nodes = [n for n in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(n, ast.ImportFrom)]
    names = [n.module or "" for n in nodes] + [f"{n.module}.{alias.name}" for n in nodes for alias in n.names]
    return {name.removeprefix("unet_nb.") for name in names if name.startswith("unet_nb.")}


@cache
def changed_modules() -> frozenset[str]:
    "The modules whose notebook or file changed."
    found = [re.fullmatch(r"(?:nbs|unet_nb)/(\w+)/(?:\d+_)?(\w+)\.(?:ipynb|py)", file) for file in changed_files()]
    return frozenset(f"{m[1]}.{m[2]}" for m in found if m)


def concerned(path: Path, changed: Iterable[str], files: Iterable[str]) -> bool:
    "Whether `--changed` collects a module of tests: always, it changed itself, or it imports what changed."
    text = path.read_text(encoding="utf-8")
    if "\npytestmark = pytest.mark.slow" in text:
        return False
    return path.name in ALWAYS or f"tests/{path.name}" in files or bool(kit_modules(path) & set(changed))


def pytest_ignore_collect(collection_path, config):
    "What `--changed` leaves out is not even imported: most of it imports MindSpore."
    if config.getoption("changed") and collection_path.name.startswith("test_") and collection_path.suffix == ".py":
        return not concerned(collection_path, changed_modules(), changed_files()) or None


def pytest_collection_modifyitems(config, items):
    if not config.getoption("changed"):
        return
    from test_rooms import PACKAGE, arrows

    reference = [i for i in items if i.originalname == "test_reference_notebook"]
    notebooks = {i.callspec.params["name"]: module_of(i.callspec.params["name"]) for i in reference}
    importers = {}
    for arrow in arrows(PACKAGE):
        importers.setdefault(arrow.target, set()).add(arrow.source)
    take, left = chosen(changed_files(), notebooks, importers)
    skipped = [i for i in reference if notebooks[i.callspec.params["name"]] not in take]
    config.hook.pytest_deselected(items=skipped)
    items[:] = [i for i in items if i not in set(skipped)]
    if left:
        print(f"\n--changed: these depend on what changed too and are left to `make test`: {', '.join(left)}")


def module_of(notebook: str) -> str:
    "The module of a reference notebook: data/06_folder.ipynb → data.folder."
    room, name = notebook.removesuffix(".ipynb").split("/")
    return f"{room}.{name.split('_', 1)[1]}"


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    "The folder of one run of SMALL, trained by a script; `runs/` around it has this one training only."
    from unet_nb.config.recipes import load_params
    from unet_nb.training.fit import fit

    return fit(load_params(**SMALL, output_path=str(tmp_path_factory.mktemp("trained") / "runs"))).path


def pytest_unconfigure(config):
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return

    def count(*kinds: str) -> int:
        return sum(len(reporter.stats.get(kind, [])) for kind in kinds)

    print(f"\n{count('passed')} passed, {count('failed', 'error')} failed")
