"""Files that somebody from the zoo already has: exported ones without our description, nuclei to convert in place."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from unet_nb.config.recipes import load_params, merge_params

SMALL = {"model_name": "unet_simple", "base_channels": 4, "depth": 1, "image_size": [64, 64]}
SMALL |= {"demo_slices": 10, "demo_size": 64, "width": 64, "height": 64}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    "A checkpoint exported as ONNX, and as MINDIR with one and with three images in its input."
    from unet_nb.exporting.export import export
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import load_checkpoint, save_checkpoint
    from unet_nb.runs.folder import start_run

    folder = tmp_path_factory.mktemp("zoo")
    cfg = load_params(job="export", **SMALL, file_name="./unet", export_batch=[1, 3], output_path=str(folder))
    path = save_checkpoint(folder / "a.ckpt", create_model(cfg), state={"config": cfg.model_dump()})
    files = {}
    for file_format in ("ONNX", "MINDIR"):
        run = start_run(c := cfg.replace(file_format=file_format), "export")
        export(c, load_checkpoint(path), run)
        files |= {file.name: file for file in run.path.glob(f"*.{file_format.lower()}")}
    return files


def test_an_export_honours_name_and_batch(exported):
    from unet_nb.exporting.infer import mindir_batch

    assert set(exported) == {"unet.onnx", "unet_bs1.mindir", "unet_bs3.mindir"}
    assert [mindir_batch(exported[f"unet_bs{n}.mindir"]) for n in (1, 3)] == [1, 3]


@pytest.mark.parametrize("name", ["unet.onnx", "unet_bs1.mindir", "unet_bs3.mindir"])
def test_a_file_without_description_scores_by_the_parameters(name, exported, tmp_path):
    from unet_nb.config.groups import ConfigError
    from unet_nb.exporting.infer import config_for_model, evaluate_mindir, evaluate_onnx
    from unet_nb.runs.folder import start_run

    kind, evaluate = ("onnx", evaluate_onnx) if name.endswith("onnx") else ("mindir", evaluate_mindir)
    bare = tmp_path / name
    if kind == "onnx":
        model = onnx.load(exported[name])
        del model.metadata_props[:]
        onnx.save(model, bare)
    else:
        shutil.copyfile(exported[name], bare)
    with pytest.raises(ConfigError, match="does not say how images are prepared"):
        config_for_model({"model_file": str(bare)}, kind)
    (tmp_path / "mine.yaml").write_text("\n".join(f"{k}: {v}" for k, v in SMALL.items()))
    given = {"output_path": str(tmp_path), "demo_slices": 10, "demo_size": 64}
    scores = []
    for file, recipes in ((exported[name], []), (bare, [tmp_path / "mine.yaml"])):
        values = merge_params(recipes, given | {"model_file": str(file)}, f"infer_{kind}")
        cfg, path = config_for_model(values, kind)
        scores.append(evaluate(cfg, path, start_run(cfg, f"infer_{kind}")).metrics["dice_coeff"])
    assert scores[0] == pytest.approx(scores[1], abs=1e-6)


def test_a_file_of_one_size_as_the_zoo_exports_it(tmp_path):
    "No description, and one image of 64 × 64 at a time: the same scores by the parameters, words for another size."
    from unet_nb.exporting.infer import config_for_model, evaluate_onnx
    from unet_nb.runs.folder import start_run

    model = onnx.load(Path(__file__).parent / "fixtures/version_0_1/unet.onnx")
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "free.onnx")
    for io, sizes in ((model.graph.input[0], (1, 1, 64, 64)), (model.graph.output[0], (1, 64, 64, 2))):
        for dim, size in zip(io.type.tensor_type.shape.dim, sizes, strict=True):
            dim.dim_value = size  # takes the place of the name
    onnx.save(model, tmp_path / "fixed.onnx")
    given = {
        "output_path": str(tmp_path),
        "demo_slices": 10,
        "demo_size": 64,
        "model_name": "unet_fast",
        "batch_size": 4,
    }

    def dice(name: str, side: int) -> float:
        values = given | {"image_size": [side, side], "model_file": str(tmp_path / f"{name}.onnx")}
        cfg, path = config_for_model(merge_params([], values, "infer_onnx"), "onnx")
        return evaluate_onnx(cfg, path, start_run(cfg, "infer_onnx")).metrics["dice_coeff"]

    assert dice("fixed", 64) == pytest.approx(dice("free", 64), abs=1e-6)
    with pytest.raises(ValueError, match="check image_size"):
        dice("fixed", 96)


def test_nuclei_are_converted_in_place(tmp_path):
    from unet_nb.data.folder import load_folder
    from unet_nb.data.sources import named_source

    for i in range(3):
        for part in ("images", "masks"):
            (tmp_path / f"a{i}" / part).mkdir(parents=True)
        picture = np.random.default_rng(i).integers(0, 256, (20, 24, 3), dtype=np.uint8)
        cv2.imwrite(str(tmp_path / f"a{i}/images/a{i}.png"), picture)
        for k in range(2):
            mask = np.zeros((20, 24), np.uint8)
            mask[4 * k + 1 : 4 * k + 4, 2:9] = 255
            cv2.imwrite(str(tmp_path / f"a{i}/masks/{k}.png"), mask)
    (tmp_path / "zoo.yaml").write_text(
        "FixedLossScaleManager: 1024.0\ndataset: Cell_nuclei\ndevice_target: Ascend\nnum_channels: 3\n"
    )
    cfg = load_params(tmp_path / "zoo.yaml", job="prepare", data_path=str(tmp_path), workers=1)
    for written in (3, 0):  # the second time there is nothing left to do
        done = named_source(cfg).convert(tmp_path / "spare", lambda line: None)
        assert done.summaries["nuclei"].written == written
    masks = [sample.mask for sample in load_folder(tmp_path, 2)]
    assert len(masks) == 3 and all(mask.sum() == 2 * 3 * 7 for mask in masks)
    assert (tmp_path / "a0/images/a0.png").is_file()


def test_a_class_that_annotations_lack_is_a_warning():
    from unet_nb.data.convert import _class_table

    said: list[str] = []
    table = _class_table([{"id": 7, "name": "dog"}], ["background", "dog", "zebra"], said.append)
    assert table == {7: 1} and "no category 'zebra'" in said[0]
    with pytest.raises(ValueError, match="no category 'zebra'"):
        _class_table([{"id": 7, "name": "dog"}], ["background", "zebra"], said.append)
