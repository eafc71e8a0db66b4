"""Does it matter how a camera writes its numbers? One stack as bytes, 12 bits, counts, fractions and signed numbers.

    python examples/values_of_images.py data/isbi2012 [steps]

Each kind is trained with the recipe isbi_fast and the same seed, and scored on raw held-out slices three times: by the
checkpoint, by its ONNX file and by its MINDIR file. Prints a table with the foreground IoU of each.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from unet_nb import export, fit, load_params
from unet_nb.exporting.infer import config_for_model, evaluate_mindir, evaluate_onnx
from unet_nb.runs.checkpoint import config_for_checkpoint, list_checkpoints
from unet_nb.runs.folder import start_run

ROOT = Path(__file__).resolve().parent.parent
NOISE = np.random.default_rng(0)
KINDS = {
    "8 bits": lambda x: x,
    "12 bits": lambda x: x.astype(np.uint16) * 16 + NOISE.integers(0, 16, x.shape, dtype=np.uint16),
    "counts 110 … 190": lambda x: np.rint(110 + x * (80 / 255)).astype(np.uint16),
    "floats 0 … 1": lambda x: (x / 255).astype(np.float32),
    "int16, -1000 …": lambda x: x.astype(np.int16) * 8 - 1000,
}


def write_set(source: Path, folder: Path, change) -> None:
    "The stack of `source` with other numbers, and its labels as they are."
    folder.mkdir(parents=True)
    volume = change(tifffile.imread(source / "train-volume.tif"))
    tifffile.imwrite(folder / "train-volume.tif", volume, photometric="minisblack", metadata={"axes": "ZYX"})
    (folder / "train-labels.tif").write_bytes((source / "train-labels.tif").read_bytes())


def scores(folder: Path, steps: int) -> dict[str, float]:
    "Foreground IoU of a network trained on the stack in `folder`, by the checkpoint and by its exported files."
    places = {"data_path": str(folder), "output_path": str(folder / "runs")}
    run = fit(load_params(ROOT / "params/isbi_fast.yaml", **places, repeat=1, epochs=steps // 6, run_eval=False))
    found, last = {"checkpoint": run.metrics["foreground_iou"]}, str(list_checkpoints(run.checkpoints)[-1])
    for kind, score in (("ONNX", evaluate_onnx), ("MINDIR", evaluate_mindir)):
        given = {"checkpoint_file_path": last, "file_format": kind, "height": 512, "width": 512}
        cfg, checkpoint = config_for_checkpoint(given | {"output_path": places["output_path"]}, "export")
        file = export(cfg, checkpoint, start_run(cfg, "export"))
        cfg, path = config_for_model({"model_file": str(file), "output_path": places["output_path"]}, kind.lower())
        found[kind] = score(cfg, path, start_run(cfg, f"infer_{kind.lower()}")).metrics["foreground_iou"]
    return found


def main(source: Path, steps: int = 120) -> pd.DataFrame:
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        for i, (kind, change) in enumerate(KINDS.items()):
            write_set(source, Path(folder, str(i)), change)
            rows[kind] = scores(Path(folder, str(i)), steps)
            print(kind, rows[kind], flush=True)
    return pd.DataFrame(rows).T


if __name__ == "__main__":
    print(main(Path(sys.argv[1]), *map(int, sys.argv[2:3])).round(4).to_string())
