"""The style of notebooks and tests: ruff's rules and format, and the sizes of exported cells.

What does not meet a rule yet is counted in fixtures/ceilings.json, by file or by cell. Those numbers may only shrink:
`make ceilings` writes smaller ones after a repair, never larger ones.
"""

import ast
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

import pytest
from test_rooms import CEILINGS, NOT_ROOMS, PACKAGE, modules, public_names

ROOT = Path(__file__).resolve().parent.parent
MEDIAN, NINE_IN_TEN, MOST = 12, 25, 40  # lines of exported cells


def ruff(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "ruff", *args], cwd=ROOT, capture_output=True, text=True)


def faults() -> dict[str, int]:
    "How often a file breaks a rule: `file: rule` → count."
    done = ruff("check", "--no-cache", "--output-format", "json")
    assert done.returncode in (0, 1), done.stderr
    rows = json.loads(done.stdout)
    return dict(sorted(Counter(f"{Path(r['filename']).relative_to(ROOT)}: {r['code']}" for r in rows).items()))


def cell_name(source: str) -> str:
    "What an exported cell defines first, or else its first line."
    body = ast.parse(source).body
    names = [node.name for node in body if hasattr(node, "name")]
    return names[0] if names else source.strip().splitlines()[0][:60]


def exported_cells() -> dict[str, int]:
    "Lines of every exported cell, without nbdev's directives: `notebook: name` → lines."
    found = Counter()
    for path in sorted((ROOT / "nbs").glob("*/[0-9]*.ipynb")):
        if path.parent.name in NOT_ROOMS:
            continue
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            lines = "".join(cell["source"]).splitlines()
            if cell["cell_type"] != "code" or not lines or not lines[0].startswith(("#| export", "#|export")):
                continue
            code = "\n".join(line for line in lines if not line.startswith("#|"))
            name = f"{path.relative_to(ROOT / 'nbs')}: {cell_name(code)}" if code.strip() else ""
            found[name] = max(found[name], len(code.splitlines()))
    return {name: lines for name, lines in found.items() if name}


def present() -> dict:
    "What ceilings.json would say of the present tree."
    cells = exported_cells()
    return {
        "public_names": sum(len(public_names(path)) for path in modules(PACKAGE).values()),
        "exported_cells_90_percent": max(NINE_IN_TEN, nine_in_ten(cells)),
        "long_cells": {name: lines for name, lines in cells.items() if lines > MOST},
        "rules": faults(),
    }


def nine_in_ten(cells: dict[str, int]) -> int:
    return round(quantiles(cells.values(), n=10)[-1])


def grown(old: dict[str, int], new: dict[str, int]) -> list[str]:
    return [f"{name}: {count} (at most {old.get(name, 0)})" for name, count in new.items() if count > old.get(name, 0)]


def lowered(old: dict, new: dict) -> dict:
    "The old ceilings, each as low as the present state allows; what is at zero is left out."
    return {
        key: {n: min(count, new[key][n]) for n, count in value.items() if n in new[key]}
        if isinstance(value, dict)
        else min(value, new[key])
        for key, value in old.items()
    }


@pytest.fixture(scope="module")
def ceilings() -> dict:
    return json.loads(CEILINGS.read_text())


def test_rules(ceilings):
    now = faults()
    assert not grown(ceilings["rules"], now), "`python -m ruff check` says where"
    assert now == ceilings["rules"], "some faults are gone: run `make ceilings` and commit what it writes"


def test_modules_know_their_names():
    "A name of another cell, such as a test's, is there in the notebook and not in the module."
    done = ruff("check", "--no-cache", "--select", "F821", "unet_nb")
    assert done.returncode == 0, done.stdout


def test_format():
    done = ruff("format", "--no-cache", "--check")
    assert done.returncode == 0, f"run `make format`\n{done.stdout}{done.stderr}"


def test_sizes_of_exported_cells(ceilings):
    cells = exported_cells()
    assert len(cells) > 500 and median(cells.values()) <= MEDIAN
    assert nine_in_ten(cells) <= ceilings["exported_cells_90_percent"]
    long = {name: lines for name, lines in cells.items() if lines > MOST}
    assert not grown(ceilings["long_cells"], long), f"an exported cell has at most {MOST} lines: cut it in two"
    assert long == ceilings["long_cells"], "some are shorter now: run `make ceilings` and commit what it writes"


def test_ceilings_never_rise():
    old = {"public_names": 9, "rules": {"a: E501": 3, "b: E501": 2}}
    new = {"public_names": 10, "rules": {"a: E501": 1, "c: E501": 5}}
    assert lowered(old, new) == {"public_names": 9, "rules": {"a: E501": 1}}
    assert grown(old["rules"], new["rules"]) == ["c: E501: 5 (at most 0)"]


if __name__ == "__main__":  # make ceilings
    state = present()
    if CEILINGS.exists():
        state = lowered(json.loads(CEILINGS.read_text()), state)
    CEILINGS.write_text(json.dumps(state, indent=1, ensure_ascii=False) + "\n")
