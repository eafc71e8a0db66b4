"""A damaged file ends in words or can still be read: never in a traceback from inside, a hang, or all of the memory.

The files are made in `damage.py`. A few hundred are read by processes that call what the commands call, a dozen go
through the commands.
"""

import json
import os
import select
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

import damage
import pytest

pytestmark = pytest.mark.slow

SEED, PATIENCE = 1, 60  # seconds for one case; a healthy read takes a tenth of one
SPEAKING = {"ConfigError", "DataError", "ValueError", "OSError", "FileNotFoundError", "FileExistsError", "Counted"}
BIN = Path(sys.executable).parent
ENV = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    subprocess.run([sys.executable, damage.__file__, "originals", folder], check=True, env=ENV, timeout=600)
    return folder


class Reader:
    "A process that reads cases; one that crashes or hangs is replaced."

    def __init__(self, good: Path):
        self.good, self.process = good, None

    def read(self, case: damage.Case) -> tuple[str, str, str]:
        "What became of a case: works, refused (with the error's type and words) or fault."
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, damage.__file__, "read", self.good],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=ENV,
            )
            assert self.process.stdout.readline() == "ready\n", "the healthy files cannot be read"
        self.process.stdin.write(json.dumps(asdict(case)) + "\n")
        self.process.stdin.flush()
        in_time, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if in_time and (line := self.process.stdout.readline()):
            return tuple(json.loads(line))
        self.close()
        return "fault", "the process ended" if in_time else "it hangs", ""

    def close(self) -> None:
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()
        self.process = None


def complaint(case: damage.Case, answer: tuple[str, str, str]) -> str | None:
    "What is wrong with the answer to a case; None if it is as it should be."
    state, kind, words = answer
    if state == "works":
        return None if case.may_work else "it was taken for a good one"
    if state == "fault":
        return kind
    if kind not in SPEAKING:
        return f"{kind}: {words[:200]}"
    if not any(name in words for name in case.names or [Path(case.path).name]):
        return f"it does not say where: {words[:300]}"
    if "[Errno" in words or len(words) > 1500 or not words.strip():
        return f"these are no words for a person: {words[:300]}"
    return None


def read_all(good: Path, cases: list[damage.Case]) -> list[tuple[str, str, str]]:
    reader = Reader(good)
    try:
        return [reader.read(case) for case in cases]
    finally:
        reader.close()


def test_damaged_files_end_in_words_or_can_still_be_read(good, tmp_path):
    cases = damage.cases(tmp_path / "cases", good, SEED)
    with ThreadPoolExecutor(2) as pool:
        halves = list(pool.map(lambda part: read_all(good, part), (cases[::2], cases[1::2])))
    answers = dict(
        zip([c.name + c.path + c.kind + str(c.given) for c in cases[::2] + cases[1::2]], halves[0] + halves[1])
    )
    answers = [answers[c.name + c.path + c.kind + str(c.given)] for c in cases]
    states = Counter((case.kind, answer[0]) for case, answer in zip(cases, answers))
    for kind in dict.fromkeys(c.kind for c in cases):
        print(f"{kind:16s}{states[kind, 'refused']:4d} refused {states[kind, 'works']:4d} still readable")
    print(f"{len(cases)} damaged things, {sum(a[0] == 'works' for a in answers)} of them still readable")
    complaints = [
        f"{case.kind}, {case.name}: {wrong}"
        for case, answer in zip(cases, answers)
        if (wrong := complaint(case, answer))
    ]
    assert not complaints, "\n".join(complaints)
    assert len(cases) >= 200 and sum(a[0] == "refused" for a in answers) >= 200
    assert not [p for p in (tmp_path, good, Path("/tmp")) for p in p.glob("*escaped*")]


def commands(good: Path, here: Path) -> dict[str, tuple[list, str, int]]:
    "Command lines with something damaged in them: arguments, what the message must name, exit code."

    def part(name: str, share: float, to: str | None = None) -> Path:
        data, path = (good / name).read_bytes(), here / (to or Path(name).name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[: int(len(data) * share)])
        return path

    image = good / "image.png"
    (here / "nested.yaml").write_text("lr: " + damage.NESTED)
    os.mkfifo(here / "pipe.yaml")
    part("isbi/train-volume.tif", 0.5, "isbi/train-volume.tif")
    part("isbi/train-labels.tif", 1, "isbi/train-labels.tif")
    part("good.mindir", 0.9)
    part("good.json", 1)
    for name in ("status.json", "params.yaml", "metrics.json"):
        part(f"run/{name}", 0.5, f"runs/damaged/{name}")
    for file in ("s/image.png", "t/mask.png"):
        part(Path(file).name, 1, f"set/{file}")
    os.mkfifo(here / "set/s/mask.png")
    (here / "set/t/image.png").symlink_to("nowhere")
    run = [BIN / "unet_nb", "run"]
    return {
        "a nested recipe": ([*run, "train", "-f", "nested.yaml"], "nested.yaml", 1),
        "a pipe as recipe": ([*run, "train", "-f", "pipe.yaml"], "pipe.yaml", 1),
        "a nested parameter": ([*run, "train", "-p", "crop_size", damage.NESTED], "crop_size", 1),
        "a stack cut off": ([*run, "train", "-p", "data_path", "isbi"], "train-volume.tif", 1),
        "an image cut off": (
            [BIN / "unet_nb", "predict", good / "good.ckpt", part("packed.tif", 0.6), "-o", "out"],
            "packed.tif",
            1,
        ),
        "a checkpoint cut off": (
            [BIN / "unet_nb", "predict", part("good.ckpt", 0.7), image, "-o", "out"],
            "good.ckpt",
            1,
        ),
        "a nested state": (
            [*run, "evaluate", "-p", "checkpoint_file_path", good / "state-deep.ckpt"],
            "state-deep.ckpt",
            1,
        ),
        "an ONNX file cut off": ([*run, "infer_onnx", "-p", "model_file", part("good.onnx", 0.5)], "good.onnx", 1),
        "a MINDIR file cut off": ([*run, "infer_mindir", "-p", "model_file", here / "good.mindir"], "good.mindir", 1),
        "an archive cut off": (
            [
                *run,
                "prepare",
                "-p",
                "dataset",
                "Cell_nuclei",
                "-p",
                "source_path",
                part("nuclei.zip", 0.6),
                "-p",
                "data_path",
                "out",
            ],
            "nuclei.zip",
            1,
        ),
        "pipes and links in a folder": ([BIN / "unet_nb", "doctor", "set"], "mask.png is there, but is no file", 1),
        "an ONNX description": (
            [sys.executable, "-m", "unet_nb.onnx_infer", good / "description-divisor.onnx", image, "-o", "out.png"],
            "description-divisor.onnx",
            1,
        ),
        "a damaged run, resumed": ([BIN / "unet_nb", "resume", "runs/damaged"], "status.json", 1),
        "a damaged run, listed": ([BIN / "unet_nb", "runs", "-o", "runs"], "unreadable", 0),
    }


def test_commands_end_in_words(good, tmp_path):
    def call(item):
        what, (command, named, code) = item
        done = subprocess.run(
            list(map(str, command)), cwd=tmp_path, capture_output=True, text=True, env=ENV, timeout=300
        )
        said = done.stdout + done.stderr
        fine = (
            done.returncode == code
            and named in said
            and "Traceback" not in said
            and (code == 0 or "doctor" in map(str, command) or "unet_nb: " in done.stderr)
        )
        return None if fine else f"{what}: exit code {done.returncode}, {said[-500:]}"

    with ThreadPoolExecutor(2) as pool:
        wrong = [w for w in pool.map(call, commands(good, tmp_path).items()) if w]
    assert not wrong, "\n\n".join(wrong)
