"""Jobs killed at random moments are begun again and end in the same results; `kill_jobs.py` does it at length."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.timeout(900)
def test_killed_jobs_begin_again():
    script = Path(__file__).with_name("kill_jobs.py")
    command = [sys.executable, str(script), "6", "1", "evaluate", "predict", "prepare"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and "6 of 6 killed jobs" in done.stdout, done.stdout + done.stderr
