"""The zoo's own YAML files load unchanged, and the kit's recipes of the same names mean the same."""

import json
from pathlib import Path

import pytest
import yaml

from unet_nb.config.cells import notebook_params, parameters_cell
from unet_nb.config.groups import ConfigError, all_params, default_of
from unet_nb.config.jobs import JOBS
from unet_nb.config.recipes import load_params
from unet_nb.config.values import ALIASES

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
    seen = set()
    for job in JOBS:
        cfg = load_params(tmp_path / "zoo.yaml", job=job)
        for key, value in ZOO[name].items():
            real = ALIASES.get(key, key)
            if key != "crop" and hasattr(cfg, real):
                assert getattr(cfg, real) == value, key
                seen.add(key)
            elif key != "crop":
                assert value == default_of(all_params()[real]) or cfg.ignored[real] == value, key
    assert seen | {"crop"} == ZOO[name].keys() | {"crop"}


@pytest.mark.parametrize("name", ZOO)
def test_the_recipe_means_the_same(name):
    meant: dict = {}
    for job in JOBS:
        meant |= load_params(ROOT / f"params/{name}.yaml", job=job).model_dump()
    differ = {
        k: (v, meant[ALIASES.get(k, k)])
        for k, v in ZOO[name].items()
        if k not in ELSEWHERE and (None if v == "None" else v) != meant[ALIASES.get(k, k)]
    }
    assert not differ


@pytest.mark.parametrize("path", sorted((ROOT / "params").glob("*.yaml")), ids=lambda p: p.stem)
def test_recipes_hold_only_what_differs(path):
    values = yaml.safe_load(path.read_text())
    defaults = {name: default_of(field) for name, field in all_params().items()}
    defaults |= {alias: defaults[name] for alias, name in ALIASES.items()}
    # Network, data and batch are what a reader looks for; the zoo's recipes state what the zoo's files state.
    always = {"model_name", "data_path", "batch_size", "repeat"} | ZOO.get(path.stem, {}).keys()
    assert not [k for k, v in values.items() if v == defaults[k] and k not in always]


def test_every_way_to_say_it_wrong_is_refused():
    with pytest.raises(ConfigError, match="did you mean 'batch_size'"):
        load_params(batch_sise=3)
    with pytest.raises(ConfigError, match="class_weights: 3 weights for 2 classes"):
        load_params(class_weights=[1, 1, 1])


def test_the_stored_configuration_of_an_old_version_loads(tmp_path):
    values = json.loads((ROOT / "tests/fixtures/old_params.json").read_text())
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(values | {"lr": 0.1, "width": 512}))
    since = (  # parameters that came later
        "annotator background boxes cell_outline check_images checkpoint_interval class_from class_name classes "
        "cluster cluster_params cluster_workers "
        "device_id export_batch images images_path iscrowd label_numbers label_suffix labels line_width models "
        "node_modules object_min_size object_neck object_seeds object_threshold objects objects_out outlines "
        "overlap_rule overlay_out package_authors package_license package_text package_title point_radius predictions "
        "protocol reading scaling starred threads tile tool training_images unclassified upsample_grid weight_init"
    ).split()
    assert len(values) == 109
    assert {ALIASES.get(name, name) for name in values} - {"rank"} == all_params().keys() - set(since)
    for job, config in JOBS.items():
        cfg = load_params(tmp_path / "params.yaml", job=job)
        named = {"lr": 0.1, "width": 512} | {"color": values["color"]}
        assert cfg.ignored == {k: v for k, v in named.items() if k not in config.model_fields}
        assert cfg.changed() == {k: v for k, v in named.items() if k in config.model_fields}
        again = config(**yaml.safe_load(cfg.to_yaml()))
        assert again == cfg and not again.ignored


@pytest.mark.parametrize("job", JOBS)
def test_four_ways_take_another_jobs_name_and_refuse_a_typo(job, tmp_path):
    other = next(name for name in ("file_format", "lr") if name not in JOBS[job].model_fields)
    value = {"file_format": "ONNX", "lr": 0.25}[other]
    namespace: dict = {}
    exec(parameters_cell(job), namespace)
    namespace.pop("__builtins__")
    cell = {**namespace, "In": ["", f"# Parameters\n{other} = {value!r}\n"], other: value}
    (tmp_path / "recipe.yaml").write_text(f"{other}: {value}\n")
    (tmp_path / "typo.yaml").write_text("batch_sise: 3\n")
    ways = [
        load_params(job=job, **notebook_params(cell)),
        load_params(tmp_path / "recipe.yaml", job=job),
        load_params(job=job, **{other: str(value)}),
        JOBS[job](**{other: value}),
    ]
    assert [str(cfg.ignored) for cfg in ways[:2]] == [str({other: value})] * 2
    assert all(cfg == JOBS[job]() and list(cfg.ignored) == [other] for cfg in ways)
    for wrong in (
        lambda: notebook_params(namespace | {"batch_sise": 3}),
        lambda: load_params(tmp_path / "typo.yaml", job=job),
        lambda: load_params(job=job, batch_sise=3),
        lambda: JOBS[job](batch_sise=3),
    ):
        with pytest.raises(ConfigError, match="did you mean 'batch_size'"):
            wrong()
