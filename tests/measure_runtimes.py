"""Four networks, three variants, many runtimes: how far apart the answers are, what they score, what they cost.

    python tests/measure_runtimes.py FOLDER onnxruntime=old/bin/python opencv=cv5/bin/python node=npm/node_modules …

Small networks are trained for a moment on generated slices and exported with their float16 and int8 variants, as
`unet_nb export --report` does it, into FOLDER (kept, so that a second call goes on from there). Each variant is then
computed by ONNX Runtime and OpenCV of this interpreter and by the runtimes that are named: a Python with the package,
or a `node_modules` with onnxruntime-node. Printed as a table for nbs/docs/prediction.md: difference, the largest one of
a probability from the float32 file in this interpreter's ONNX Runtime on held-out images, and on noise, saturated and
constant inputs (int8 is calibrated for images: on those alone); dice, the zoo's, on the held-out images; time, that of
the processor on one thread for 512 × 512 pixels over that of float32 in the same runtime.
"""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from unet_nb.config.jobs import ExportConfig, TrainConfig
from unet_nb.data.pipeline import load_split
from unet_nb.exporting.infer import network_inputs
from unet_nb.exporting.quantize import _variant_inputs, export_report
from unet_nb.runs.checkpoint import load_checkpoint
from unet_nb.runs.checkpoint_files import find_checkpoint
from unet_nb.runs.folder import start_run
from unet_nb.training.evaluate import score_image
from unet_nb.training.fit import fit

HERE = Path(__file__).resolve().parent
DATA = dict(demo_slices=5, demo_size=512, crop_size=[128, 128], augment="em", loss="ce_dice", lr=0.003)
NETWORKS = {
    "unet_fast": dict(),
    "unet_simple": dict(base_channels=16),
    "unet_nested": dict(base_channels=8),
    "unet_medical": dict(base_channels=16, crop_size=[252, 252], batch_size=2),
}
TRAINING = dict(optimizer="adamw", lr_schedule="one_cycle", epochs=80, repeat=10, batch_size=4, run_eval=False)


def export_variants(name: str, folder: Path) -> ExportConfig:
    "Train the network and write its variants into `folder`, unless they are there; returns how it was exported."
    given = DATA | dict(model_name=name) | NETWORKS[name]
    runs = folder / name / "runs"
    if not list(runs.glob("*_export*/report.csv")):
        trained = fit(TrainConfig(**TRAINING | given, output_path=str(runs), name="trained"))
        cfg = ExportConfig(**given, file_format="ONNX", output_path=str(runs), name="exported", file_name=name)
        export_report(cfg, load_checkpoint(find_checkpoint(trained.path)), start_run(cfg, "export"))
    return ExportConfig(**given, file_format="ONNX", file_name=name)


def write_work(folder: Path) -> dict[str, tuple[ExportConfig, list]]:
    "FOLDER/work.json and the inputs that it names; returns for each model its configuration and its inputs."
    works = {}
    for name in NETWORKS:
        cfg = export_variants(name, folder)
        val = load_split(cfg)[1]
        source = next((folder / name).glob(f"runs/*/variants/{name}.onnx"))
        cases = [(what, x) for what, x in _variant_inputs(source, val)[:8]]
        cases += [(val.name, network_inputs(cfg, sample.image)[0]) for sample in val]
        inputs = []
        for i, (what, x) in enumerate(cases):
            file = f"{name}/{i}.bin"
            np.ascontiguousarray(x, np.float32).tofile(folder / file)
            inputs.append((file, list(x.shape), what == val.name))
        for model in sorted(source.parent.glob("*.onnx")):
            works[str(model.relative_to(folder))] = cfg, inputs
    plain = {model: [(file, shape) for file, shape, _ in inputs] for model, (_, inputs) in works.items()}
    (folder / "work.json").write_text(json.dumps(plain))
    return works


def compute(folder: Path, runtime: str, where: str, name: str) -> dict:
    "What a runtime gives for all models, see compute_in_runtime.py."
    script = HERE / ("compute_in_runtime.cjs" if runtime == "node" else "compute_in_runtime.py")
    command = ["node", script, folder, where, name] if runtime == "node" else [where, script, folder, runtime, name]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    return json.loads((folder / f"{name}.json").read_text())


def answers(folder: Path, model: str, cfg: ExportConfig, inputs: list, name: str) -> list[np.ndarray]:
    "Stored answers (N, K, H, W)."
    found = []
    for file, shape, _ in inputs:
        sides = [cfg.geometry.rule.output_size(n) for n in shape[2:]]
        p = np.fromfile(folder / f"{file}.{Path(model).stem}.{name}", np.float32)
        found.append(p.reshape(shape[0], *sides, cfg.num_classes).transpose(0, 3, 1, 2))
    return found


def dice(folder: Path, cfg: ExportConfig, inputs: list, found: list[np.ndarray]) -> float:
    "The zoo's dice of stored answers on the held-out images."
    stored = {hashlib.sha256((folder / file).read_bytes()).digest(): p for (file, *_), p in zip(inputs, found)}

    def forward(x: np.ndarray) -> np.ndarray:
        return stored[hashlib.sha256(np.ascontiguousarray(x, np.float32).tobytes()).digest()]

    return float(np.mean([score_image(forward, cfg, sample)[0]["dice_coeff"] for sample in load_split(cfg)[1]]))


def main() -> None:
    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    works, rows = write_work(folder), []
    runtimes = [("onnxruntime", sys.executable), ("opencv", sys.executable), *(a.split("=", 1) for a in sys.argv[2:])]
    for i, (runtime, where) in enumerate(runtimes):
        found = compute(folder, runtime, where, f"runtime{i}")
        label = f"{'onnxruntime-node' if runtime == 'node' else runtime} {found.get('version', '')}"
        for model, (cfg, inputs) in works.items():
            variant = {"": "float32", "_fp16": "float16", "_int8": "int8"}[
                Path(model).stem.removeprefix(cfg.model_name)
            ]
            row = dict(network=cfg.model_name, variant=variant, runtime=label)
            if model in found["refused"]:
                rows.append(row | dict(difference=found["refused"][model]))
                continue
            plain = model.replace(Path(model).name, f"{cfg.model_name}.onnx")
            whole, got = (answers(folder, m, cfg, inputs, n) for m, n in ((plain, "runtime0"), (model, f"runtime{i}")))
            off = [np.abs(a - b).max() for (*_, real), a, b in zip(inputs, got, whole) if real or variant != "int8"]
            time = found["seconds"][model] / found["seconds"].get(plain, np.nan)
            score = dice(folder, cfg, inputs, got)
            rows.append(
                row | dict(difference=f"{max(off):.1e}", dice=score, time=time, seconds=found["seconds"][model])
            )
    table = pd.DataFrame(rows).sort_values(["network", "variant"], kind="stable")
    table.to_csv(folder / "runtimes.csv", index=False)
    print("| " + " | ".join(table) + " |\n|" + "---|" * len(table.columns))
    for row in table.itertuples(index=False):
        cells = [f"{v:.4f}" if n == "dice" else f"{v:.2f}" if isinstance(v, float) else v for n, v in zip(table, row)]
        print("| " + " | ".join(map(str, cells)) + " |")


if __name__ == "__main__":
    main()
