"""The zoo's three steps around a card, and the C++ program of the middle one, compiled against a stub of its API."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
COMPILER = next(filter(shutil.which, ("c++", "g++", "clang++")), None)


def command(*args, **kwargs) -> subprocess.CompletedProcess:
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=300, **kwargs)


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    if not COMPILER:
        pytest.skip("the C++ example needs a compiler")
    built = tmp_path_factory.mktemp("cpp") / "infer_mindir"
    stub, source = ROOT / "tests/fixtures/lite_stub", ROOT / "examples/cpp/infer_mindir.cpp"
    done = command(COMPILER, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", stub, source, "-o", built)
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize("batch", [1, 3])
def test_the_program_answers_files_of_preprocess(program, batch, tmp_path):
    from unet_nb.config.recipes import load_params
    from unet_nb.exporting.steps import score_outputs, write_inputs

    cfg = load_params(
        job="infer_mindir", model_name="unet_simple", depth=1, demo_slices=10, demo_size=64, image_size=[64, 64]
    )
    names = write_inputs(cfg, tmp_path / "in", tmp_path / "label.npy")
    assert names == ["ISBI_test_bs_1_0.bin", "ISBI_test_bs_1_1.bin"]
    assert np.load(tmp_path / "label.npy").shape == (2, 1, 2, 64, 64)
    (tmp_path / "unet.mindir").write_text(f"stub {64 * 64} {batch}")
    done = command(program, tmp_path / "unet.mindir", tmp_path / "in", tmp_path / "out", "CPU")
    assert done.returncode == 0 and "ms of infer_count 2" in done.stdout, done.stderr
    for name in names:
        x, y = (np.fromfile(tmp_path / f, np.float32) for f in (f"in/{name}", f"out/{Path(name).stem}_0.bin"))
        np.testing.assert_array_equal(y, 1 - x)
        np.stack([1 - x, x], -1).astype(np.float32).tofile(tmp_path / f"out/{Path(name).stem}_0.bin")  # two classes
    said: list[str] = []
    score_outputs(cfg, tmp_path / "in", tmp_path / "out", tmp_path / "label.npy", said.append)
    assert said[0].startswith("single dice coeff is: ") and "Cross valid dice coeff is: " in said[2]
    assert said[-1] == (tmp_path / "time_Result/test_perform_static.txt").read_text().strip() == done.stdout.strip()


@pytest.mark.parametrize(
    "model, inputs, device, words",
    [
        ("no.mindir", "in", "CPU", "model not found"),
        ("bad.mindir", "in", "CPU", "cannot load it"),
        ("unet.mindir", "none", "CPU", "no such folder"),
        ("unet.mindir", "empty", "CPU", "there are no inputs"),
        ("unet.mindir", "short", "CPU", "do not fit"),
        ("unet.mindir", "in", "TPU", "must be Ascend or CPU"),
    ],
)
def test_mistakes_get_a_sentence(program, model, inputs, device, words, tmp_path):
    for name in ("in", "empty", "short"):
        (tmp_path / name).mkdir()
    (tmp_path / "in/a.bin").write_bytes(bytes(16))
    (tmp_path / "short/a.bin").write_bytes(bytes(12))
    (tmp_path / "unet.mindir").write_text("stub 4 1")
    (tmp_path / "bad.mindir").write_text("nothing")
    done = command(program, tmp_path / model, tmp_path / inputs, tmp_path / "out", device)
    assert done.returncode == 1 and words in done.stderr and not (tmp_path / "out/a_0.bin").exists()


def test_docker_start_mounts_data_and_models_and_eight_cards(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "models").mkdir()
    script = ROOT / "examples/docker_start.sh"
    done = command(
        "bash", script, "unet:1", "data", "models", cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "DOCKER": "echo"}
    )
    assert done.returncode == 0, done.stderr
    assert f"-v {tmp_path}/data:{tmp_path}/data -v {tmp_path}/models:{tmp_path}/models" in done.stdout
    assert [f"--device=/dev/davinci{n} " in done.stdout for n in range(8)] == [True] * 8
    assert command("bash", script, "unet:1", "nowhere", "models", cwd=tmp_path).returncode == 1


@pytest.mark.parametrize("style", ["--lr=0.25", "--lr 0.25"])
def test_boot_files_read_the_zoos_command_line(style, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples/modelarts"))
    import boot

    words = ["--config_path=a.yaml", *style.split(), "--output", "./output", "--num_gpus=1", "--enable_modelarts=True"]
    files, values = boot.arguments(words)
    assert files == ["a.yaml"]
    assert values == {"lr": "0.25", "output_path": "./output", "enable_modelarts": "True"}


def test_mpirun_tells_who_a_process_is(monkeypatch):
    import os

    from unet_nb.runtime import ranks

    started = []
    monkeypatch.setattr(ranks.subprocess, "Popen", lambda *args, **kwargs: started.append(kwargs["env"]["MS_ROLE"]))
    for name in ("MS_ROLE", "OMPI_COMM_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    assert not ranks._join_mpi()
    for name, value in {"SIZE": "4", "RANK": "0", "LOCAL_RANK": "0"}.items():
        monkeypatch.setenv(f"OMPI_COMM_WORLD_{name}", value)
    for name in ("MS_WORKER_NUM", "MS_NODE_ID", "MS_SCHED_HOST", "MS_SCHED_PORT", "MS_ROLE", "RANK_ID", "DEVICE_ID"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    assert ranks._join_mpi() and started == ["MS_SCHED"]
    assert [os.environ[n] for n in ("MS_ROLE", "MS_WORKER_NUM", "MS_NODE_ID", "RANK_ID")] == [
        "MS_WORKER",
        "4",
        "0",
        "0",
    ]
