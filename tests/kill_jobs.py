"""Kills every job but the training with SIGKILL at random moments, begins it again, and compares the results.

python tests/kill_jobs.py 25 [SEED [JOB...]]     # `kill_and_resume.py` does the same with the training

What begins again is what the user would do: the same call. Nothing is repaired or deleted by hand in between. Jobs run
in processes that are forked from this one, which has loaded the libraries and computed nothing.
"""

import hashlib
import json
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from unet_nb.data.demo import demo_set
from unet_nb.runs.folder import Run, run_state

SMALL = {
    "base_channels": 4,
    "depth": 1,
    "demo_slices": 6,
    "demo_size": 64,
    "crop_size": [32, 32],
    "batch_size": 2,
    "epochs": 2,
    "repeat": 1,
}
TIMES = ("seconds", "step_seconds", "latency", "ms", "train_seconds")


def forked(work: Callable[[], None], output: Path) -> int:
    "The number of a process, in a group of its own, that does the work; what it says goes to the file `output`."
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    with open(output, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    try:
        work()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def without_times(value):
    "JSON values without seconds and the paths of the attempt."
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in (*TIMES, "file", "checkpoint", "model")}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def newest(folder: Path, kind: str) -> Run:
    "The newest finished run of `kind` in `folder`."
    from unet_nb.runs.folder import newest_run

    return newest_run(folder, kind)


def evaluate(trained: Path, folder: Path) -> None:
    from unet_nb.runs.checkpoint import config_for_checkpoint
    from unet_nb.runs.folder import start_run
    from unet_nb.training.evaluate import evaluate_checkpoint

    given = {"checkpoint_file_path": str(trained), "output_path": str(folder), "show_eval": True}
    cfg, checkpoint = config_for_checkpoint(given)
    evaluate_checkpoint(cfg, checkpoint, start_run(cfg, "evaluate"))


def export(trained: Path, folder: Path) -> None:
    from unet_nb.exporting.export import export
    from unet_nb.runs.checkpoint import config_for_checkpoint
    from unet_nb.runs.folder import start_run

    given = {"checkpoint_file_path": str(trained), "output_path": str(folder), "file_format": "ONNX"}
    cfg, checkpoint = config_for_checkpoint(given, "export")
    export(cfg, checkpoint, start_run(cfg, "export"))


def predict(trained: Path, folder: Path) -> None:
    from unet_nb.inference.files import load_predictor, predict_files

    predict_files(load_predictor([trained]), trained.parent.parent / "images", folder / "masks")


def prepare(trained: Path, folder: Path) -> None:
    from unet_nb.config.recipes import load_params
    from unet_nb.runs.folder import start_run
    from unet_nb.studies.prepare import prepare

    given = {"source_path": str(trained.parent.parent / "original"), "data_path": str(folder / "ready")}
    cfg = load_params(job="prepare", dataset="Cell_nuclei", num_channels=3, output_path=str(folder), **given)
    prepare(cfg, start_run(cfg, "prepare"))


def cross_validate(trained: Path, folder: Path) -> None:
    from unet_nb.config.recipes import load_params
    from unet_nb.runs.folder import start_run
    from unet_nb.studies.cross_validate import fold_configs, train_folds

    cfg = load_params(job="cross_validate", **SMALL, num_folds=2, output_path=str(folder))
    run = start_run(cfg, "cross_validate")
    train_folds(fold_configs(cfg), run)
    run.set_status("done")


def sweep(trained: Path, folder: Path) -> None:
    from unet_nb.studies.sweep import create_sweep, open_sweep, run_sweep

    begun = [path.parent for path in sorted(folder.glob("*/sweep.json"))]
    given = SMALL | {"output_path": str(folder)}
    run = open_sweep(begun[-1]) if begun else create_sweep("train", [], given, [{"seed": 1}, {"seed": 2}])
    run_sweep(run)


def files_below(folder: Path, *patterns: str) -> dict[str, str]:
    return {str(p.relative_to(folder)): digest(p) for pattern in patterns for p in sorted(folder.glob(pattern))}


def scores(folder: Path, kind: str) -> dict:
    return without_times(newest(folder, kind).metrics)


RESULTS = {  # what has to be equal, by job
    evaluate: lambda folder: scores(folder, "evaluate"),
    export: lambda folder: files_below(newest(folder, "export").path, "*.onnx"),
    predict: lambda folder: files_below(folder / "masks", "*.png", "*.tif"),
    prepare: lambda folder: files_below(folder / "ready", "**/*.png"),
    cross_validate: lambda folder: [
        without_times(Run(folder / row["run"]).metrics)
        for row in json.loads((newest(folder, "cross_validate").path / "folds.json").read_text())
    ],
    sweep: lambda folder: [
        without_times(Run(path.parent).metrics)
        for path in sorted(next(folder.glob("*/sweep.json")).parent.glob("*/status.json"))
        if Run(path.parent).status["state"] == "done"
    ],
}


def sources(folder: Path) -> None:
    "What the jobs read: images to predict, and a data set in the layout of the 2018 Data Science Bowl."
    rng = np.random.default_rng(0)
    for i, sample in enumerate(demo_set(6, 64)):
        (folder / "images").mkdir(exist_ok=True)
        cv2.imwrite(str(folder / "images" / f"{i}.png"), sample.image)
        for part in ("images", "masks"):
            (folder / "original" / f"n{i}" / part).mkdir(parents=True)
        mask = cv2.circle(np.zeros((64, 64), np.uint8), tuple(rng.integers(12, 52, 2).tolist()), 7, 255, -1)
        cv2.imwrite(str(folder / f"original/n{i}/images/n{i}.png"), np.dstack([sample.image] * 3))
        cv2.imwrite(str(folder / f"original/n{i}/masks/0.png"), mask)


def reference(job: Callable, trained: Path, folder: Path) -> tuple[object, float]:
    "The result of a job that nobody kills, and its seconds."
    folder.mkdir()
    start = time.monotonic()
    if ended(forked(lambda: job(trained, folder), folder / "output.txt")):
        raise RuntimeError((folder / "output.txt").read_text()[-2000:])
    return RESULTS[job](folder), time.monotonic() - start


def kill_and_repeat(job: Callable, trained: Path, folder: Path, delay: float, expected: object) -> str:
    "A job that is killed `delay` seconds after its start and begun again; a line about it. Raises AssertionError."
    folder.mkdir()
    pid = forked(lambda: job(trained, folder), folder / "output.txt")
    time.sleep(delay)
    os.killpg(pid, signal.SIGKILL)
    code = ended(pid)
    states = [run_state(Run(path.parent)) for path in folder.glob("*/status.json")]
    assert "running" not in states, f"a killed {job.__name__} counts as running"
    again = ended(forked(lambda: job(trained, folder), folder / "output.txt"))
    assert again == 0, (folder / "output.txt").read_text()[-1500:]
    assert RESULTS[job](folder) == expected, f"{job.__name__} killed after {delay:.2f} s: another result"
    through = "" if code else " (it was through)"
    return f"{job.__name__} killed after {delay:.2f} s{through}: {', '.join(states) or 'no run'}"


def train(folder: Path) -> Path:
    "A finished training for the jobs to work with, made in a process of its own."
    from unet_nb.config.recipes import load_params
    from unet_nb.training.fit import fit

    pid = forked(lambda: fit(load_params(**SMALL, output_path=str(folder / "runs"))), folder / "output.txt")
    if ended(pid):
        raise RuntimeError((folder / "output.txt").read_text()[-2000:])
    return next((folder / "runs").glob("*/status.json")).parent


def main(args: list[str]) -> None:
    count, seed = int(args[0]), int(args[1]) if len(args) > 1 else 0
    jobs = [job for job in RESULTS if not args[2:] or job.__name__ in args[2:]]
    import unet_nb.exporting.export  # noqa: F401
    import unet_nb.inference.files
    import unet_nb.studies.cross_validate
    import unet_nb.studies.prepare
    import unet_nb.training.fit  # noqa: F401

    rng, good = random.Random(seed), 0
    with tempfile.TemporaryDirectory() as d:
        sources(Path(d))
        trained = train(Path(d))
        expected = {job: reference(job, trained, Path(d, job.__name__)) for job in jobs}
        for i in range(count):
            job = jobs[i % len(jobs)]
            result, seconds = expected[job]
            try:
                line = kill_and_repeat(job, trained, Path(d, str(i)), rng.uniform(0, seconds), result)
                good += 1
            except Exception as e:
                line = f"FAILED: {job.__name__}: {type(e).__name__}: {e}"
            print(f"== {i + 1}/{count} {line}", flush=True)
    print(f"{good} of {count} killed jobs were begun again and ended in the same results")
    sys.exit(good != count)


if __name__ == "__main__":
    main(sys.argv[1:])
