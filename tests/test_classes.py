"""Rare classes: cross-entropy alone collapses and the run says so; the weighted recipe finds all three classes."""

import cv2
import numpy as np
import pytest

from unet_nb.config.jobs import TrainConfig
from unet_nb.training.fit import fit

pytestmark = pytest.mark.slow


def write_rare_classes(folder, count: int = 12, size: int = 128) -> None:
    "Noisy pictures, one small disc (class 1) and ring (class 2) of the same brightness: 0.8 % of the pixels."
    rng = np.random.default_rng(0)
    for i in range(count):
        mask = np.zeros((size, size), np.uint8)
        for k, radius, thickness in ((1, 4, -1), (2, 6, 2)):
            x, y = map(int, rng.integers(12, size - 12, 2))
            cv2.circle(mask, (x, y), radius, k, thickness)
        image = 90 + 20 * (mask > 0) + rng.normal(0, 25, mask.shape)
        for kind, values in (("images", image.clip(0, 255).astype(np.uint8)), ("masks", mask)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(folder / kind / f"{i:02d}.png"), values)


def test_the_alarm_and_the_cure(tmp_path):
    write_rare_classes(tmp_path / "data")
    plain = TrainConfig(
        data_path=str(tmp_path / "data"),
        dataset="folder",
        num_classes=3,
        crop_size=[64, 64],
        base_channels=16,
        stem_factor=2,
        augment="none",
        lr=0.002,
        epochs=40,
        repeat=20,
        batch_size=4,
        output_path=str(tmp_path / "runs"),
    )
    collapsed = fit(plain)
    assert "the network has collapsed: it answers class 0" in (collapsed.path / "log.txt").read_text()
    weighted = fit(plain.replace(class_weights="balanced", loss="ce_dice", foreground_crops=0.7, lr=0.005, epochs=80))
    recalls = [row["recall"] for row in weighted.metrics["per_class"]]
    assert min(recalls) > 0.5, recalls
    print(
        [r["iou"] for r in collapsed.metrics["per_class"]], [r["iou"] for r in weighted.metrics["per_class"]], recalls
    )
