"""Plan, batches in parts, memory over many epochs, and the benchmark notebook."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from unet_nb.config.jobs import TrainConfig
from unet_nb.studies.plan import plan, plan_text

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parent.parent
SMALL = dict(base_channels=8, demo_slices=5, demo_size=64, crop_size=[64, 64], batch_size=2)


def command(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", "import sys; from unet_nb.cli.command import main; main(sys.argv[1:])", *args],
        capture_output=True,
        text=True,
    )


def test_plan_as_json_and_a_mistake_in_words():
    options = [text for name, value in SMALL.items() for text in ("-p", name, str(value))]
    done = command("plan", *options, "--json")
    found = json.loads(done.stdout)
    assert (
        done.returncode == 0
        and found["parameters"] == 30816
        and found["fits"]
        and 0 < found["step_seconds"] < found["first_step_seconds"]
    )
    wrong = command("plan", *options, "-p", "accumulation_steps", "3")
    assert wrong.returncode == 1 and wrong.stderr.startswith(
        "unet_nb: accumulation_steps: batch_size 2 cannot be cut into 3 equal parts"
    )


def test_plan_for_little_memory_tries_one_image_and_two():
    found = plan(TrainConfig(**SMALL | {"batch_size": 4}), steps=1, free=2**22)
    assert not found["fits"] and not found["measured"] and found["accumulation_steps_that_fit"] is None
    assert "not even a single image fits" in plan_text(found)


MANY_EPOCHS = """
import sys
from pathlib import Path
from unet_nb.config.jobs import TrainConfig
from unet_nb.training.fit import fit

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024

at = {}
def on_step(trainer, loss):
    if trainer.step == 1:
        at[trainer.epoch + 1] = resident()

small = dict(base_channels=8, demo_slices=5, demo_size=64, crop_size=[64, 64], batch_size=2, epochs=60, repeat=2)
fit(TrainConfig(**small, keep_checkpoint_max=1, output_path=sys.argv[1]), on_step=on_step)
print("MiB:", at[5], at[30])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc, which only Linux has")
def test_memory_does_not_grow_with_the_epochs(tmp_path):
    # Thirty epochs, each scored and saved.
    script = tmp_path / "many_epochs.py"
    script.write_text(MANY_EPOCHS)
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    early, late = map(float, done.stdout.split("MiB:")[1].split())
    print(f"resident after 5 epochs {early:.0f} MiB, after 30 {late:.0f} MiB")
    assert late < early + 25


def test_benchmark_notebook_without_pytorch(tmp_path):
    done = command("run", "benchmark", "-p", "output_path", str(tmp_path), "-p", "bench_rounds", "1")
    assert done.returncode == 0, done.stderr[-2000:]
    run = Path(done.stdout.splitlines()[-1])
    speed = json.loads((run / "metrics.json").read_text())["speed"]
    assert {(row["task"], row["contender"]) for row in speed} >= {
        ("train", "MindSpore"),
        ("infer", "MindSpore"),
        ("infer", "ONNX Runtime"),
    }
    assert (run / "benchmark.md").read_text().startswith("| | MindSpore") and (run / "figures" / "speed.png").exists()
    said = (run / "benchmark.ipynb").read_text()
    assert "skipped: it needs data_path" in said
    if not importlib.util.find_spec("torch"):
        assert "PyTorch is not installed here" in said
