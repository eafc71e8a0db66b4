"""The zoo's own YAML files load unchanged, and the kit's recipes of the same names mean the same."""

import json
from pathlib import Path

import pytest
import yaml

from unet_nb.config.groups import ConfigError
from unet_nb.config.jobs import Config
from unet_nb.config.recipes import load_params

ROOT = Path(__file__).resolve().parent.parent
ZOO = json.loads((ROOT / "tests/fixtures/zoo_params.json").read_text())
# Paths of the zoo's container and names of files that do not exist here, and lists that the fixture only counts.
ELSEWHERE = {"output_path", "load_path", "checkpoint_path", "checkpoint_file_path", "color", "coco_classes"}


def as_zoo_file(values: dict) -> str:
    "The form of the zoo's files: values, help texts, choices; `crop: None` is text, an empty value is nothing."
    lines = [
        f"{k}:" if v == "" and k == "result_path" else f"{k}: None" if v == "None" else f"{k}: {json.dumps(v)}"
        for k, v in values.items()
    ]
    return (
        "# Builtin Configurations\n"
        + "\n".join(lines)
        + "\n---\n# Help\nepochs: 'Total training epochs'\n---\nfile_format: ['AIR', 'MINDIR', 'ONNX']\n"
    )


@pytest.mark.parametrize("name", ZOO)
def test_a_zoo_file_loads_unchanged(name, tmp_path):
    (tmp_path / "zoo.yaml").write_text(as_zoo_file(ZOO[name]))
    cfg = load_params(tmp_path / "zoo.yaml")
    assert (cfg.dataset, cfg.crop, cfg.crop_size) == (
        ZOO[name].get("dataset", "ISBI"),
        ZOO[name]["crop"] if isinstance(ZOO[name].get("crop"), list) else None,
        None,
    )
    for key, value in ZOO[name].items():
        if key != "crop":
            assert getattr(cfg, key) == value, key


@pytest.mark.parametrize("name", ZOO)
def test_the_recipe_means_the_same(name):
    cfg = load_params(ROOT / f"params/{name}.yaml")
    differ = {
        k: (v, getattr(cfg, k))
        for k, v in ZOO[name].items()
        if k not in ELSEWHERE and (None if v == "None" else v) != getattr(cfg, k)
    }
    assert not differ


@pytest.mark.parametrize("path", sorted((ROOT / "params").glob("*.yaml")), ids=lambda p: p.stem)
def test_recipes_hold_only_what_differs(path):
    values, defaults = yaml.safe_load(path.read_text()), Config().model_dump()
    # Network, data and batch are what a reader looks for; the zoo's recipes state what the zoo's files state.
    always = {"model_name", "data_path", "batch_size", "repeat"} | ZOO.get(path.stem, {}).keys()
    assert not [k for k, v in values.items() if v == defaults[k] and k not in always]


def test_every_way_to_say_it_wrong_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'batch_size'"):
        load_params(batch_sise=3)
    with pytest.raises(ConfigError, match="class_weights: 3 weights for 2 classes"):
        load_params(class_weights=[1, 1, 1])
