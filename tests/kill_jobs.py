"""Kills every job with SIGKILL at random moments, begins it again, and compares the results.

python tests/kill_jobs.py 25 [SEED [JOB...]]     # 25 kills; JOB: train, evaluate, export, predict, prepare, …
MINUTES=30 python tests/kill_jobs.py 1000        # as many as half an hour allows

What begins again is what the user would do: the same call, `resume` of a training or of a sweep. Nothing is repaired or
deleted by hand in between. Every fifth time the job is the console command, and only its own process is killed, not the
kernels and runs that it has started. Every other time it is begun again at once, while those may still be ending. Jobs
run in processes that are forked from this one, which has loaded the libraries and computed nothing. A job that was
through before it could be killed is not counted.
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
from functools import partial
from pathlib import Path

import cv2
import kill_and_resume
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
TIMES = ("seconds", "step_seconds", "latency", "ms", "train_seconds", "created")


def forked(work: Callable[[], None], output: Path) -> int:
    "The number of a process, in a group of its own, that does the work; what it says goes to the file `output`."
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    with open(output, "a") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    code = 1
    try:
        work()
        code = 0
    except SystemExit as e:
        code = e.code or 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(code)


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
    from unet_nb.studies.cross_validate import fold_configs, save_results, score_folds, train_folds

    cfg = load_params(job="cross_validate", **SMALL, num_folds=2, output_path=str(folder))
    run = start_run(cfg, "cross_validate")
    runs = train_folds(fold_configs(cfg), run)
    save_results(run, cfg, runs, *score_folds(cfg, runs, run.log))


def sweep(trained: Path, folder: Path) -> None:
    from unet_nb.studies.sweep import create_sweep, open_sweep, run_sweep

    begun = [path.parent for path in sorted(folder.glob("*/sweep.json"))]
    given = SMALL | {"output_path": str(folder)}
    run = open_sweep(begun[-1]) if begun else create_sweep("train", [], given, [{"seed": 1}, {"seed": 2}])
    run_sweep(run)


def param_options(params: dict) -> list[str]:
    "Parameters as options of the command."
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in params.items()}
    return [text for name, value in texts.items() for text in ("-p", name, value)]


def sweep_command(trained: Path, folder: Path) -> list[str]:
    begun = [path.parent for path in sorted(folder.glob("*/sweep.json"))]
    if begun:
        return ["sweep", "--resume", str(begun[-1])]
    return ["sweep", "train", *param_options(SMALL | {"output_path": str(folder)}), "--grid", "seed=1,2"]


def on_checkpoint(job: str, **params) -> Callable[[Path, Path], list[str]]:
    "The command line of a job that reads a checkpoint."
    return lambda trained, folder: [
        "run",
        job,
        *param_options({"checkpoint_file_path": str(trained), "output_path": str(folder)} | params),
    ]


COMMANDS = {
    evaluate: on_checkpoint("evaluate", show_eval=True),
    export: on_checkpoint("export", file_format="ONNX"),
    predict: lambda trained, folder: [
        "predict",
        str(trained),
        str(trained.parent.parent / "images"),
        "-o",
        str(folder / "masks"),
    ],
    prepare: lambda trained, folder: [
        "prepare",
        str(trained.parent.parent / "original"),
        "-o",
        str(folder / "ready"),
        *param_options({"dataset": "Cell_nuclei", "num_channels": 3, "output_path": str(folder)}),
    ],
    cross_validate: lambda trained, folder: [
        "run",
        "cross_validate",
        *param_options(SMALL | {"num_folds": 2, "output_path": str(folder)}),
    ],
    sweep: sweep_command,
}


def by_command(job: Callable, trained: Path, folder: Path) -> None:
    from unet_nb.cli.command import main

    main(COMMANDS[job](trained, folder))


def files_below(folder: Path, *patterns: str) -> dict[str, str]:
    return {str(p.relative_to(folder)): digest(p) for pattern in patterns for p in sorted(folder.glob(pattern))}


def exported(path: Path) -> dict:
    "Graph and description of an ONNX file; when and from which folder it was written is none of its content."
    import onnx

    model = onnx.load(path)
    described = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "unet_nb"))
    return {"graph": hashlib.sha256(model.graph.SerializeToString()).hexdigest(), "described": described}


def folds(folder: Path) -> list[dict]:
    return json.loads((newest(folder, "cross_validate").path / "folds.json").read_text())


def scores(folder: Path, kind: str) -> dict:
    return without_times(newest(folder, kind).metrics)


RESULTS = {  # what has to be equal, by job
    evaluate: lambda folder: scores(folder, "evaluate"),
    export: lambda folder: without_times(exported(newest(folder, "export").path / "unet.onnx")),
    predict: lambda folder: files_below(folder / "masks", "*.png", "*.tif"),
    prepare: lambda folder: files_below(folder / "ready", "**/*.png"),
    cross_validate: lambda folder: [
        *(without_times(Run(folder / row["run"]).metrics) for row in folds(folder)),
        files_below(newest(folder, "cross_validate").path, "*.tif", "scores.csv"),
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


def reference(job: Callable, how: Callable, trained: Path, folder: Path) -> tuple[object, float]:
    "The result of a job that nobody kills, and its seconds."
    folder.mkdir()
    start = time.monotonic()
    if ended(forked(lambda: how(trained, folder), folder / "output.txt")):
        raise RuntimeError((folder / "output.txt").read_text()[-2000:])
    return RESULTS[job](folder), time.monotonic() - start


def states(folder: Path, patience: float) -> list[str]:
    "The states of the runs in `folder`, when none is running any more or after `patience` seconds."
    end = time.monotonic() + patience
    while True:
        found = [run_state(Run(path.parent)) for path in folder.glob("**/status.json")]
        if not {"running", "created"} & set(found) or time.monotonic() > end:
            return found
        time.sleep(0.1)


class WasThrough(Exception):
    "The job ended before it was killed."


def kill_and_repeat(
    job: Callable, how: Callable, trained: Path, folder: Path, delay: float, at_once: bool, expected: object
) -> str:
    "A job that is killed `delay` seconds after its start and begun again; a line about it. Raises AssertionError."
    folder.mkdir()
    pid = forked(lambda: how(trained, folder), folder / "output.txt")
    time.sleep(delay)
    (os.killpg if how is job else os.kill)(pid, signal.SIGKILL)
    if ended(pid) != -signal.SIGKILL:
        raise WasThrough(f"{job.__name__} was through after {delay:.2f} s")
    left = states(folder, 0 if at_once else 20)
    assert at_once or not {"running", "created"} & set(left), f"a killed {job.__name__} counts as running"
    again = ended(forked(lambda: how(trained, folder), folder / "output.txt"))
    assert again == 0, (folder / "output.txt").read_text()[-1500:]
    result = RESULTS[job](folder)
    assert result == expected, f"{job.__name__} killed after {delay:.2f} s: {result}, not {expected}"
    assert not {"running", "created"} & set(states(folder, 20)), "a run counts as running at the end"
    by = " (command)" if how is not job else ""
    again = "begun again at once" if at_once else "begun again"
    return f"{job.__name__}{by} killed after {delay:.2f} s, {again}: {', '.join(left) or 'no run'}"


def train(folder: Path) -> Path:
    "A finished training for the jobs to work with, made in a process of its own."
    from unet_nb.config.recipes import load_params
    from unet_nb.training.fit import fit

    pid = forked(lambda: fit(load_params(**SMALL, output_path=str(folder / "runs"))), folder / "output.txt")
    if ended(pid):
        raise RuntimeError((folder / "output.txt").read_text()[-2000:])
    return next((folder / "runs").glob("*/status.json")).parent


class Training:
    "Kills trainings at `moments`, as `kill_and_resume` describes them."

    def __init__(self, folder: Path, count: int, seed: int):
        folder.mkdir()
        if ended(forked(lambda: kill_and_resume.reference(folder), folder / "output.txt")):
            raise RuntimeError((folder / "output.txt").read_text()[-2000:])
        self.whole = Run(next(folder.glob("*/status.json")).parent)
        self.moments = kill_and_resume.moments(count, seed, kill_and_resume.log_lines(self.whole))

    def attempt(self, i: int, folder: Path) -> str:
        said = folder.with_suffix(".txt")

        def work() -> None:
            line = kill_and_resume.kill_and_resume(self.moments[i], folder, kill_and_resume.content(self.whole))
            print(f"\n{line}")

        code = ended(forked(work, said))
        assert code == 0, said.read_text()[-1500:]
        return f"train {said.read_text().splitlines()[-1]}"


class Other:
    "Kills a job of `RESULTS` at random moments."

    def __init__(self, job: Callable, trained: Path, folder: Path, seed: int):
        self.job, self.trained, self.rng = job, trained, random.Random(f"{job.__name__} {seed}")
        self.ways = (job, job, job, job, partial(by_command, job))
        self.known = {}
        self.folder = folder
        folder.mkdir()

    def attempt(self, i: int, folder: Path) -> str:
        how = self.ways[i % 5]
        if how not in self.known:
            self.known[how] = reference(self.job, how, self.trained, self.folder / str(i % 5))
        expected, seconds = self.known[how]
        delay = self.rng.uniform(0, seconds)
        return kill_and_repeat(self.job, how, self.trained, folder, delay, i % 2 == 1, expected)


def main(args: list[str]) -> None:
    count, seed = int(args[0]), int(args[1]) if len(args) > 1 else 0
    names = args[2:] or ["train", *(job.__name__ for job in RESULTS)]
    import unet_nb.cli.command
    import unet_nb.exporting.export
    import unet_nb.inference.files
    import unet_nb.studies.cross_validate
    import unet_nb.studies.prepare
    import unet_nb.training.fit  # noqa: F401

    valid = good = tried = 0
    end = time.monotonic() + 60 * float(os.environ.get("MINUTES", "inf"))
    with tempfile.TemporaryDirectory() as d:
        sources(Path(d))
        trained = train(Path(d))
        of_name = {job.__name__: job for job in RESULTS}
        jobs = [
            Training(Path(d, f"job-{i}"), count, seed + i)
            if name == "train"
            else Other(of_name[name], trained, Path(d, f"job-{i}"), seed + i)
            for i, name in enumerate(names)
        ]
        while valid < count and tried < 2 * count + 5 and time.monotonic() < end:
            job, turn = jobs[tried % len(jobs)], tried // len(jobs)
            tried += 1
            try:
                line = job.attempt(turn, Path(d, str(tried)))
                valid, good = valid + 1, good + 1
            except WasThrough as e:
                line = f"not counted: {e}"
            except Exception as e:
                line, valid = f"FAILED: {names[(tried - 1) % len(jobs)]}: {type(e).__name__}: {e}", valid + 1
            print(f"== {valid}/{count} {line}", flush=True)
    print(f"{good} of {valid} killed jobs were begun again and ended in the same results")
    sys.exit(good != valid or not valid)


if __name__ == "__main__":
    main(sys.argv[1:])
