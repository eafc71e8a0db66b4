"""Each kind of data set is a source: no other module knows one by name, and a file of one's own works in every job."""

import ast
import os
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner

from unet_nb.config.datasets import DATASETS
from unet_nb.config.groups import ConfigError
from unet_nb.config.jobs import CrossValidateConfig, ExportConfig, PrepareConfig, TrainConfig
from unet_nb.core.registry import PLUGINS
from unet_nb.data.sources import SOURCES

ROOT = Path(__file__).resolve().parent.parent
OWNERS = {"config/datasets.py", "data/sources.py"}
KINDS = {"ISBI", "Cell_nuclei", "COCO"}  # folder is also a common word: it counts beside a `dataset` only


def decisions(tree: ast.AST) -> list[str]:
    "The places where code decides by the name of a data set: comparisons, match cases, tables, look-ups."
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Dict):
            parts = [key for key in node.keys if isinstance(key, ast.Constant)]
        elif isinstance(node, ast.Subscript):
            parts = [node.slice]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("get", "pop"):
            parts = node.args[:1]
        elif isinstance(node, ast.Match):
            parts = [node.subject]
        else:
            continue
        inside = [n for part in parts for n in (part, *getattr(part, "elts", []))]
        if any(getattr(n, "attr", getattr(n, "id", None)) == "dataset" or names(n) & KINDS for n in inside):
            found.append(f"line {node.lineno}: {ast.unparse(node)[:80]}")
    return found


def names(node: ast.AST) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def test_decisions_are_seen():
    for code in ("cfg.dataset == 'folder'", "x in ('ISBI', 'COCO')", "{'COCO': 1}", "t[cfg.dataset]", "t.get(dataset)"):
        assert decisions(ast.parse(code)), code
    assert not decisions(ast.parse("print(cfg.dataset); Config(dataset='COCO'); {'folder': 1, 'dataset': name}"))


def test_no_module_but_the_owners_knows_a_kind_by_name():
    modules = {p.relative_to(ROOT / "unet_nb").as_posix(): p.read_text() for p in (ROOT / "unet_nb").rglob("*.py")}
    assert OWNERS <= set(modules)
    for folder in ("run", "explore"):
        for path in (ROOT / "nbs" / folder).glob("*.ipynb"):
            cells = [c.source for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
            modules[f"nbs/{folder}/{path.name}"] = "\n".join(c for c in cells if not c.startswith(("%", "!")))
    found = {name: decisions(ast.parse(text)) for name, text in modules.items() if name not in OWNERS}
    assert not {name: places for name, places in found.items() if places}


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    "The source of the documentation in a file of its own, and ten generated pictures for it; the kit knows neither."
    from unet_nb.data.demo import demo_set

    page = (ROOT / "nbs/docs/extending.md").read_text(encoding="utf-8")
    (code,) = re.findall(
        r"```python\n# npz_source.py\n(.*?)```", page.partition("\n## A data source\n")[2].partition("\n## ")[0], re.S
    )
    assert len(code.splitlines()) <= 20
    folder = tmp_path_factory.mktemp("own")
    (folder / "npz_source.py").write_text(code)
    (folder / "pictures").mkdir()
    for sample in demo_set(10, 64):
        np.savez(folder / "pictures" / f"{sample.id}.npz", image=sample.image, mask=sample.mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PLUGINS, "")
        with pytest.raises(ConfigError, match=f"'npz' is not known.*{PLUGINS}"):
            TrainConfig(dataset="npz")
        patch.setenv(PLUGINS, str(folder / "npz_source.py"))
        yield folder
    sys.modules.pop("npz_source", None)
    for registry in (DATASETS, SOURCES):
        del registry.data["npz"]


@pytest.fixture(scope="module")
def cfg(npz):
    return TrainConfig(
        dataset="npz",
        data_path=str(npz / "pictures"),
        image_size=[64, 64],
        base_channels=4,
        depth=1,
        batch_size=2,
        epochs=1,
        repeat=1,
        output_path=str(npz / "runs"),
    )


@pytest.fixture(scope="module")
def run(cfg):
    from unet_nb.training.fit import fit

    return fit(cfg)


def test_train_and_resume_check(run, cfg):
    from unet_nb.core.files import read_json
    from unet_nb.data.pipeline import load_split

    assert run.status["state"] == "done" and run.path.name.endswith("unet_fast_npz")
    assert read_json(run.path / "split.json")["val"] == load_split(cfg)[1].ids and len(load_split(cfg)[1]) == 2
    assert [row["name"] for row in run.metrics["per_class"]] == ["membrane", "cell"]
    assert sorted(read_json(run.path / "data_files.json")) == [f"demo-{i:02d}.npz" for i in range(10)]
    assert run.cfg.dataset == "npz"


def test_evaluate_gives_the_scores_of_the_training(run, cfg):
    from unet_nb.runs.checkpoint import find_checkpoint, load_checkpoint
    from unet_nb.runs.folder import start_run
    from unet_nb.training.evaluate import evaluate_checkpoint

    checkpoint = load_checkpoint(find_checkpoint(run.path))
    assert checkpoint.cfg.dataset == "npz"
    scored = evaluate_checkpoint(checkpoint.cfg, checkpoint, start_run(cfg, "evaluate"))
    assert scored.metrics["dice_coeff"] == run.metrics["dice_coeff"]


def test_predict_and_explore(run, cfg, npz):
    from unet_nb.inference.files import load_predictor, predict_files
    from unet_nb.interactive.explore import check_data, new_images
    from unet_nb.interactive.start import start_config

    images = new_images(run)
    masks = predict_files(load_predictor([run.path]), images, npz / "predicted")
    assert [p.stem for p in masks] == sorted(p.stem for p in images.iterdir()) and len(masks) == 2
    assert check_data(cfg).ok
    first = start_config(cfg.data_path, dataset="npz")
    assert (first.dataset, first.num_classes, first.crop_size) == ("npz", 2, [64, 64])


def test_export(run, cfg):
    from unet_nb.exporting.export import export
    from unet_nb.exporting.infer import config_for_model
    from unet_nb.runs.checkpoint import find_checkpoint, load_checkpoint
    from unet_nb.runs.folder import start_run

    chosen = ExportConfig.of(cfg, file_format="ONNX")
    file = export(chosen, load_checkpoint(find_checkpoint(run.path)), start_run(chosen, "export"))
    again, _ = config_for_model({"model_file": str(file)}, "onnx")
    assert (again.dataset, again.data_path) == ("npz", cfg.data_path)


def test_plan_and_doctor_in_other_processes(run, cfg):
    from unet_nb.cli.command import cli
    from unet_nb.studies.plan import run_trial

    assert run_trial(cfg, steps=1)["step"] > 0
    told = CliRunner().invoke(cli, ["doctor", cfg.data_path, "--dataset", "npz"])
    assert told.exit_code == 0, told.output
    assert "10" in told.output
    told = CliRunner().invoke(cli, ["doctor", cfg.data_path, "--dataset", "npz", "--fix-into", os.devnull])
    assert "other data are read as they are" in told.output


def test_cross_validation_and_conversion(run, cfg):
    from unet_nb.runs.folder import start_run
    from unet_nb.studies.cross_validate import fold_configs, fold_table
    from unet_nb.studies.prepare import prepare

    folds = fold_configs(CrossValidateConfig.of(cfg))
    assert [c.name for c in folds] == [f"unet_fast_npz-fold{i}" for i in range(1, 6)]
    assert len(set(", ".join(fold_table(folds).ids).split(", "))) == 10
    with pytest.raises(ConfigError, match="npz data sets need no conversion"):
        prepare(PrepareConfig.of(cfg), start_run(PrepareConfig.of(cfg), "prepare"))


def test_a_mask_that_does_not_fit_is_refused_in_words(run, cfg, npz):
    from unet_nb.training.fit import fit

    (npz / "wrong").mkdir()
    for file in (npz / "pictures").iterdir():
        arrays = np.load(file)
        np.savez(npz / "wrong" / file.name, image=arrays["image"], mask=arrays["mask"] * 7)
    with pytest.raises(ValueError, match="wrong, demo-.*class ids 7"):
        fit(cfg.replace(data_path=str(npz / "wrong")))
