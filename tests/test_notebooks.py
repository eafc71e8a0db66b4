"""Every reference notebook, and the tutorial, runs top to bottom: the assertions beside exports are the unit tests."""

import json
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path

import conftest
import notebook_server
import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_ROOMS = ("docs", "explore", "run")
REFERENCE = sorted(
    str(p.relative_to(ROOT / "nbs")) for p in (ROOT / "nbs").glob("*/[0-9]*.ipynb") if p.parent.name not in NOT_ROOMS
) + ["docs/ten_minutes.ipynb", "docs/one_batch.ipynb"]
JOBS, PATIENCE = 2, 800  # notebooks at a time; seconds to wait for one


@pytest.fixture(scope="module")
def results(request) -> dict[str, Future]:
    "What becomes of each notebook that this test run selected; they run in the background while the tests wait."
    here = [item for item in request.session.items if item.path == request.path and hasattr(item, "callspec")]
    chosen = [item.callspec.params["name"] for item in here]
    results = {name: Future() for name in chosen}
    command = [sys.executable, notebook_server.__file__, str(JOBS), *results]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def read() -> None:
        for line in server.stdout:
            found = json.loads(line)
            results[found["name"]].set_result(found)
        for name, result in results.items():
            if not result.done():
                result.set_exception(RuntimeError(f"the process that runs the notebooks ended before {name} was done"))

    reader = threading.Thread(target=read)
    reader.start()
    yield results
    server.terminate()
    server.wait()
    reader.join()


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_notebook(name, results):
    found = results[name].result(PATIENCE)
    print(f"{found['processor_seconds']:.1f} s of processor time")
    assert found["exit_code"] == 0, found["said"][-8000:]


def test_only_tests_that_import_what_changed_are_collected(tmp_path):
    file = tmp_path / "test_x.py"
    file.write_text(
        "def test_x():\n    from unet_nb.data import folder\n    from unet_nb.core.files import read_json\n"
    )
    assert conftest.kit_modules(file) == {"data", "data.folder", "core.files", "core.files.read_json"}
    assert conftest.concerned(file, ["data.folder"], []) and conftest.concerned(file, [], ["tests/test_x.py"])
    assert not conftest.concerned(file, ["data.pairs"], ["tests/test_y.py"])
    file.write_text("pytest = 1\npytestmark = pytest.mark.slow\n")
    assert not conftest.concerned(file, [], ["tests/test_x.py"])
    assert {p.name for p in Path(__file__).parent.glob("test_*.py")} >= set(conftest.ALWAYS)


def test_what_changed_and_what_depends_on_it():
    notebooks = {f"core/0{i}_{name}.ipynb": f"core.{name}" for i, name in enumerate("abcd")}
    importers = {"core.a": {"core.b"}, "core.b": {"core.c", "cli.x"}, "core.c": {"core.d"}}
    changed = ["nbs/core/00_a.ipynb", "README.md"]
    assert conftest.chosen(changed, notebooks, importers) == ({"core.a", "core.b", "core.c", "cli.x"}, [])
    assert conftest.chosen(["unet_nb/core/d.py"], notebooks, importers) == ({"core.d"}, [])
    many = {"core.a": {f"core.{i:02d}" for i in range(conftest.DEPENDENTS + 1)}}
    assert conftest.chosen(changed, notebooks, many)[1] == [f"core.{conftest.DEPENDENTS:02d}"]
