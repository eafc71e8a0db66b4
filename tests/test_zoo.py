"""What the model zoo's own code gave for the same inputs, beside what the kit gives with `protocol: zoo`.

The numbers in fixtures/zoo_numbers.* were made by the zoo's code on MindSpore 2.10 (CPU). The inputs are made here.
"""

import json
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from unet_nb.config.recipes import load_params
from unet_nb.data.isbi import zoo_fold
from unet_nb.data.pipeline import resized_mask
from unet_nb.data.zoo import zoo_example

FIXTURES = Path(__file__).resolve().parent / "fixtures"
ZOO = json.loads((FIXTURES / "zoo_numbers.json").read_text())
ARRAYS = np.load(FIXTURES / "zoo_numbers.npz")


class LegacyNumbers:
    "NumPy's legacy generator, which the zoo draws from, with the two methods that the kit draws with."

    def __init__(self, seed: int):
        self.legacy = np.random.RandomState(seed)

    def random(self) -> float:
        return self.legacy.random_sample()

    def integers(self, low: int, high: int) -> int:
        return int(self.legacy.randint(low, high, 1)[0])


def picture(seed: int, *shape: int) -> np.ndarray:
    return cv2.GaussianBlur(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8), (0, 0), 2)


def cells(seed: int, height: int, width: int) -> np.ndarray:
    smooth = cv2.GaussianBlur(np.random.default_rng(seed).random((height, width)).astype("float32"), (0, 0), 3)
    return (smooth > np.median(smooth)).astype(np.uint8)


def lines(height: int, width: int) -> np.ndarray:
    mask = np.zeros((height, width), np.uint8)
    mask[1::8], mask[:, 5::16] = 1, 1
    return mask


@pytest.mark.parametrize("case", ZOO["stack"], ids=lambda case: str(case["seed"]))
def test_training_input_of_stacks(case):
    seed = case["seed"]
    name = "unet_medical" if case["crop"] else "unet_simple"
    cfg = load_params(name, protocol="zoo", image_size=case["size"], crop=case["crop"], train_augment=case["augment"])
    image, mask = zoo_example(cfg, picture(seed, 100, 120), cells(seed + 100, 100, 120), LegacyNumbers(seed))
    np.testing.assert_allclose(image[::37, ::41, 0], ARRAYS[f"stack{seed}_image"], atol=2e-6)
    np.testing.assert_array_equal(mask[::23, ::29], ARRAYS[f"stack{seed}_mask"])
    found = image.mean(dtype=np.float64), mask.mean(), image[:, :92].std()
    np.testing.assert_allclose(found, [case["mean"], case["mask_mean"], case["border"]], atol=2e-6)
    if case["crop"]:
        assert found[2] > 0.05


@pytest.mark.parametrize("case", ZOO["folder"], ids=lambda case: str(case["seed"]))
def test_input_of_folders(case):
    seed, grid = case["seed"], case["lines"]
    height, width = {0: (40, 50), 2: (192, 192), 3: (121, 97)}[grid]
    mask = lines(height, width) if grid else cells(seed + 100, height, width)
    cfg = load_params(
        "unet_nested_cell", protocol="zoo", image_size=case["size"], train_augment=case["augment"], depth=1
    )
    image, cut = zoo_example(cfg, picture(seed, height, width, 3), mask, LegacyNumbers(seed))
    np.testing.assert_allclose(image[::3, ::3], ARRAYS[f"folder{seed}_image"], atol=1e-6)
    np.testing.assert_array_equal(np.packbits(cut), ARRAYS[f"folder{seed}_mask"])
    assert cut.sum() == case["mask_pixels"]
    if not case["augment"]:  # as it is scored
        scored = resized_mask(cfg, mask)
        np.testing.assert_array_equal(scored, cut)
    if grid == 2:
        assert resized_mask(cfg.replace(protocol="kit"), mask).sum() == 288


@pytest.mark.parametrize("n", ZOO["folds"])
def test_folds(n):
    for fold, held_out in enumerate(ZOO["folds"][n]):
        train, val = zoo_fold(fold, int(n), rounded=True)
        assert val == held_out and sorted(train + val) == list(range(int(n)))


@pytest.mark.parametrize("case", ZOO["scores"], ids=lambda c: "-".join(map(str, list(c.values())[:5])))
def test_scores(case):
    from unet_nb.data.samples import Sample
    from unet_nb.training.evaluate import score_image

    p, label = ARRAYS[f"p{case['seed']}"], ARRAYS[f"y{case['seed']}"]
    height, width, classes = p.shape
    cfg = load_params(
        "unet_simple_coco",
        job="evaluate",
        protocol="zoo",
        coco_classes=[],
        num_classes=classes,
        image_size=[width, height],
        depth=1,
        **{k: case[k] for k in ("eval_activate", "eval_resize", "include_background")},
    )
    if not case["eval_resize"] and classes == 2:  # its mask was resized by the nearest pixel for this fixture
        label = cv2.resize(label, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
    sample = Sample("a", np.zeros((*label.shape, 3), np.uint8), label)
    scores, _, _ = score_image(lambda x: p.transpose(2, 0, 1)[None], cfg, sample)
    assert scores["dice_coeff"] == pytest.approx(case["dice"], abs=1e-6)
    assert scores["iou"] == pytest.approx(case["iou"], abs=1e-6)


def test_an_image_without_anything_counts_nothing():
    from unet_nb.data.samples import Sample
    from unet_nb.training.evaluate import score_image

    cfg = load_params("unet_simple", job="evaluate", protocol="zoo", eval_activate="Argmax", include_background=False)
    nothing = Sample("a", np.zeros((576, 576), np.uint8), np.zeros((576, 576), np.uint8))
    scores, _, _ = score_image(lambda x: np.stack([x[0, 0] * 0 + 1, x[0, 0] * 0])[None], cfg, nothing)
    assert list(scores.values()) == ZOO["empty"] == [0, 0]


@pytest.mark.parametrize("case", ZOO["schedule"], ids=lambda c: f"{c['start']}-{c['interval']}")
def test_schedule_and_the_best(case):
    from unet_nb.training.callbacks import Best, evaluation_due

    cfg = load_params(
        protocol="zoo",
        run_eval=True,
        eval_start_epoch=case["start"],
        eval_interval=case["interval"],
        epochs=13,
        repeat=1,
    )
    due, best = [epoch for epoch in range(1, 14) if evaluation_due(cfg, epoch)], Best()
    for epoch in due:
        best.update(0.5, epoch, ties=True)
    assert (due, best.epoch) == (case["epochs"], case["best"])


@pytest.mark.parametrize("name, shape", [("simple", (1, 1, 32, 48)), ("nested", (1, 3, 48, 32))])
def test_bilinear_networks(name, shape):
    import mindspore as ms
    import onnxruntime

    from unet_nb.inference.onnx_graph import to_onnx
    from unet_nb.models.registry import create_network

    given = {"num_channels": shape[1], "num_classes": 3 if name == "simple" else 2, "use_deconv": False}
    given |= {} if name == "simple" else {"use_bn": False, "use_ds": False}
    net = create_network(f"unet_{name}", **given, upsample_grid="asymmetric")
    for p in net.get_parameters():
        rng = np.random.default_rng(zlib.crc32(p.name.encode()))
        if p.name.endswith(("gamma", "moving_variance")):
            values = rng.uniform(0.5, 1.5, p.shape)
        elif p.name.endswith(("beta", "moving_mean", "bias")):
            values = rng.normal(0, 0.1, p.shape)
        else:
            values = rng.normal(0, 1 / np.sqrt(max(1, np.prod(p.shape[1:]))), p.shape)
        p.set_data(ms.Tensor(values.astype("float32")))
    x = np.random.default_rng(7).standard_normal(shape).astype("float32")
    logits = net.set_train(False)(ms.Tensor(x)).asnumpy()
    np.testing.assert_allclose(logits[..., ::5, ::5], ARRAYS[f"logits_{name}"], atol=2e-5)
    session = onnxruntime.InferenceSession(to_onnx(net).SerializeToString(), providers=["CPUExecutionProvider"])
    e = np.exp(logits - logits.max(1, keepdims=True))
    np.testing.assert_allclose(
        session.run(None, {"image": x})[0], (e / e.sum(1, keepdims=True)).transpose(0, 2, 3, 1), atol=2e-5
    )


def zoo_checkpoint(path: Path, cfg, prefix: str) -> Path:
    "A file as the zoo writes it: no state, names behind `prefix`, Adam's numbers beside them."
    import mindspore as ms
    from mindspore import nn

    from unet_nb.models.registry import create_model

    net = create_model(cfg)
    adam = nn.Adam(net.trainable_params(), 1e-3)
    values = {prefix + p.name: p for p in net.get_parameters()}
    values |= {p.name: p for p in adam.get_parameters() if p.name not in net.parameters_dict()}
    ms.save_checkpoint([{"name": name, "data": p.value()} for name, p in values.items()], str(path))
    return path


SMALL = {"model_name": "unet_nested", "base_channels": 4, "depth": 2, "use_bn": False, "use_ds": False}


@pytest.mark.parametrize("prefix", ["", "net.", "network.net."])
def test_weights_load_with_and_without_the_cells_around(prefix, tmp_path):
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import load_checkpoint, load_network

    cfg = load_params(**SMALL)
    checkpoint = load_checkpoint(zoo_checkpoint(tmp_path / "zoo.ckpt", cfg, prefix))
    net = create_model(cfg)
    assert load_network(net, checkpoint) == []
    for name, p in net.parameters_and_names():
        np.testing.assert_array_equal(p.asnumpy(), checkpoint.params[prefix + name].asnumpy())
    assert load_network(create_model(cfg.replace(num_classes=3)), checkpoint, ["final"])  # transfer
    load_network(create_model(cfg.replace(level=1)), checkpoint)  # pruned on purpose
    for other in (cfg.replace(depth=1), cfg.replace(use_bn=True)):
        with pytest.raises(ValueError, match="not a checkpoint of this UNetNested"):
            load_network(create_model(other), checkpoint)


def test_weights_left_out_are_an_error(tmp_path):
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import load_checkpoint, load_network

    cfg = load_params(model_name="unet_simple", base_channels=4, depth=1)
    checkpoint = load_checkpoint(zoo_checkpoint(tmp_path / "zoo.ckpt", cfg, ""))
    with pytest.raises(ValueError, match="of its weights would be left out, for example conv0.convs.0.1"):
        load_network(create_model(cfg.replace(use_bn=False)), checkpoint)


@pytest.mark.parametrize(
    "values, warnings",
    [({}, 2), ({"channel_order": "BGR"}, 1), ({"upsample_grid": "asymmetric", "channel_order": "BGR"}, 0)],
)
def test_what_a_foreign_checkpoint_does_not_say_is_a_warning(values, warnings, tmp_path):
    from unet_nb.runs.checkpoint import load_checkpoint, warn_of_foreign
    from unet_nb.runs.folder import start_run

    cfg = load_params(**SMALL, use_deconv=False, num_channels=3, output_path=str(tmp_path), **values)
    run = start_run(cfg)
    warn_of_foreign(run, cfg, load_checkpoint(zoo_checkpoint(tmp_path / "zoo.ckpt", cfg, "")))
    log = "".join(file.read_text() for file in run.path.glob("log.txt"))
    assert log.count("warning") == warnings


def test_a_zoo_file_yields_to_what_a_checkpoint_says(tmp_path):
    from unet_nb.config.recipes import merge_params
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import config_for_checkpoint, save_checkpoint

    (tmp_path / "zoo.yaml").write_text("FixedLossScaleManager: 1024.0\nmodel_name: unet_simple\nnum_channels: 3\n")
    own = load_params(model_name="unet_simple", base_channels=4, depth=1, num_channels=3)
    saved = own.model_dump()
    for later in ("protocol", "upsample_grid", "weight_init", "checkpoint_interval", "device_id"):
        del saved[later]  # as an earlier version wrote it
    kit = save_checkpoint(tmp_path / "kit.ckpt", create_model(own), state={"config": saved})
    zoo = zoo_checkpoint(tmp_path / "zoo.ckpt", own, "net.")

    def ways(path, **given):
        files = [tmp_path / "zoo.yaml"]
        cfg, _ = config_for_checkpoint(merge_params(files, {"checkpoint_file_path": str(path), **given}, "evaluate"))
        return cfg.protocol, cfg.upsample_grid, cfg.channel_order

    assert ways(kit) == ("kit", "half_pixel", "RGB")
    assert ways(kit, protocol="zoo") == ("zoo", "half_pixel", "RGB")
    assert ways(zoo) == ("zoo", "asymmetric", "BGR")
    assert ways(zoo, channel_order="RGB") == ("zoo", "asymmetric", "RGB")
