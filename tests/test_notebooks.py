"""Every reference notebook runs top to bottom: the assertions beside each export are the unit tests."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NOT_ROOMS = ("docs", "explore", "run")
REFERENCE = sorted(
    str(p.relative_to(ROOT / "nbs")) for p in (ROOT / "nbs").glob("*/[0-9]*.ipynb") if p.parent.name not in NOT_ROOMS
)


@pytest.mark.parametrize("name", REFERENCE)
def test_reference_notebook(name):
    # One process each, as a reader would run it: nothing one notebook does can help or hurt the next.
    done = subprocess.run(
        [Path(sys.executable).with_name("nbdev_test"), "--path", f"nbs/{name}", "--n_workers", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
