"""Images in chunks: workers that die, a command that is killed, ome-zarr's reader, a server that goes away."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from test_install import BRIGHT, DESCRIBED

pytest.importorskip("distributed", reason="needs pip install 'unet_nb[zarr]'")

from unet_nb.core.ome_zarr import open_ome_zarr, write_ome_zarr
from unet_nb.inference.cluster import open_cluster
from unet_nb.inference.files import load_predictor

pytestmark = pytest.mark.slow
COMMAND = Path(sys.executable).parent / "unet_nb"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    path, graph = tmp_path_factory.mktemp("model") / "bright.onnx", onnx.parser.parse_model(BRIGHT)
    onnx.helper.set_model_props(graph, {"unet_nb": json.dumps(DESCRIBED)})
    onnx.save(graph, path)
    return path


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    values = np.random.default_rng(0).integers(0, 256, (2100, 1500)).astype(np.uint8)
    values[values == 127] = 128  # one value has both classes equally likely, up to rounding
    return values


def predict(*args) -> subprocess.CompletedProcess:
    return subprocess.run([COMMAND, "predict", *map(str, args)], capture_output=True, text=True, timeout=240)


def slow(predictor, item: tuple[Path, int]) -> int:
    "Leaves a trace of its beginning and of its end, with the number of its process."
    folder, number = item
    (folder / f"begun-{number}-{os.getpid()}").touch()
    time.sleep(0.4)
    (folder / f"done-{number}-{os.getpid()}").touch()
    return number


def test_a_killed_worker_costs_what_it_was_computing(tmp_path, model, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)  # the workers find `slow` there
    predictor, results, killed = load_predictor([model], threads=1), {}, None
    with open_cluster(predictor, "local", 2, log=lambda line: None) as engine:
        for (_, number), result in engine.map(slow, ((tmp_path, n) for n in range(12))):
            results[number] = result
            begun = {tuple(p.name.split("-")[1:]) for p in tmp_path.glob("begun-*")}
            done = {tuple(p.name.split("-")[1:]) for p in tmp_path.glob("done-*")}
            if len(results) >= 3 and not killed and begun - done:
                killed = min(begun - done)
                os.kill(int(killed[1]), signal.SIGKILL)
    assert killed and results == {n: n for n in range(12)}
    begun = sorted(int(p.name.split("-")[1]) for p in tmp_path.glob("begun-*"))
    assert len(begun) <= 13 and {n for n in begun if begun.count(n) > 1} <= {int(killed[0])}


def test_a_command_that_is_killed_goes_on_where_it_was(tmp_path, model, picture):
    write_ome_zarr(tmp_path / "in.zarr", [picture], "YX")
    args = [model, tmp_path / "in.zarr", "-o", tmp_path / "out.zarr", "--cluster", "local", "--workers", 2]
    process = subprocess.Popen([COMMAND, "predict", *map(str, args)], stdout=subprocess.DEVNULL)
    chunks = tmp_path / "out.zarr/labels/classes/0"
    while process.poll() is None and not [p for p in chunks.glob("*/*") if p.name.isdigit()]:
        time.sleep(0.01)
    process.kill()
    process.wait()
    there = {p: p.stat().st_mtime_ns for p in chunks.glob("*/*") if p.name.isdigit()}
    done = predict(*args)
    assert done.returncode == 0, done.stderr
    assert {p: p.stat().st_mtime_ns for p in there} == there
    found = open_ome_zarr(tmp_path / "out.zarr")
    np.testing.assert_array_equal(found.level()[:], picture > 127)
    np.testing.assert_array_equal(found.level(1)[:], (picture > 127)[1::2, 1::2])


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_opens_the_labels_and_the_image_keeps_its_own(tmp_path, model, picture, version):
    reader = pytest.importorskip("ome_zarr.reader", reason="needs pip install ome-zarr")
    from ome_zarr.io import parse_url

    place = tmp_path / "in.zarr"
    levels = [np.stack([picture] * 2)[None, None, :, ::k, ::k] for k in (1, 2)]
    try:
        write_ome_zarr(place, levels, "TCZYX", version, scale=0.5)
    except TypeError:
        pytest.skip("Zarr's format 3 needs Python 3.11")
    for out in (tmp_path / "out.zarr", place):
        done = predict(model, place, "-o", out)
        assert done.returncode == 0, done.stderr
        nodes = {str(node.zarr.basename()): node for node in reader.Reader(parse_url(out))()}
        assert [level.shape for level in nodes["classes"].data] == [(1, 2, 2100, 1500), (1, 2, 1050, 750)]
        assert nodes["classes"].metadata["properties"] == {0: {"class": "dark"}, 1: {"class": "bright"}}
        assert nodes["classes"].metadata["color"][1] == [230 / 255, 159 / 255, 0, 1]
        assert (nodes["classes"].data[0][0, 1].compute() == (picture > 127)).all()
    np.testing.assert_array_equal(open_ome_zarr(place).level()[:], levels[0])
