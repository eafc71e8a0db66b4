"""What docs/paint.md is to say of painted labels, measured with the simulated painter. Needs a machine that is free.

    .venv/bin/python tests/measure_paint.py score data/isbi2012 --out paint.csv
    .venv/bin/python tests/measure_paint.py score data/nuclei --dataset Cell_nuclei --out paint.csv
    .venv/bin/python tests/measure_paint.py next data/isbi2012 --seeds 5 --out next.csv
    .venv/bin/python tests/measure_paint.py latency data/isbi2012

score: scores on untouched images against the share of all training pixels that is labelled, on at most five images,
beside a random forest on scikit-image's multiscale features, trained on the same strokes (pip install scikit-learn;
without it the column stays empty). next: doubt against random choice of the next image to paint. latency: from a
stroke's end to an answer that has learnt it. Each result is a line of the CSV; what is there already is not done again.
"""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import psutil

from unet_nb.config.jobs import TrainConfig
from unet_nb.config.recipes import load_params
from unet_nb.data.convert import png_bytes
from unet_nb.data.next_image import describe_image, rank_images
from unet_nb.data.painter import SimulatedPainter, paint_share
from unet_nb.data.pipeline import load_split
from unet_nb.data.samples import ImageSet
from unet_nb.data.strokes import Strokes
from unet_nb.interactive.learner import Learner

SHARES = ("0.001", "0.005", "0.01", "0.02", "0.05", "all")


def recipe(data: Path, dataset: str, **params) -> TrainConfig:
    "isbi_fast; for the smaller and coloured nuclei with crops of 128 pixels."
    nuclei = {"num_channels": 3, "crop_size": [128, 128], "batch_size": 8} if dataset != "ISBI" else {}
    return load_params("isbi_fast", data_path=str(data), dataset=dataset, **nuclei, **params)


def with_steps(cfg: TrainConfig, images: int, steps: int) -> TrainConfig:
    "The same configuration for a number of images with about `steps` steps, in four epochs."
    repeat = max(1, round(steps / 4 * cfg.batch_size / images))
    return cfg.replace(repeat=repeat, epochs=4 * repeat)


def canvas(folder: Path, images: ImageSet, ids: list[str]) -> Strokes:
    "A folder with these images, nothing painted yet."
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for id in ids:
        image = images[images.ids.index(id)].image
        (folder / "images" / f"{id}.png").write_bytes(png_bytes(image if image.ndim == 2 else image[..., :3]))
    return Strokes(folder)


def trained(cfg: TrainConfig):
    "The network that `fit` leaves, as a function."
    from unet_nb.models.function import as_function
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import find_checkpoint, load_checkpoint, load_network
    from unet_nb.training.fit import fit

    run, net = fit(cfg), create_model(cfg)
    load_network(net, load_checkpoint(find_checkpoint(run.path)))
    return as_function(net)


def features(image: np.ndarray) -> np.ndarray:
    from skimage.feature import multiscale_basic_features

    grey_or_rgb = image if image.ndim == 2 else image[..., :3]
    axis = -1 if grey_or_rgb.ndim == 3 else None
    return multiscale_basic_features(grey_or_rgb, sigma_min=1, sigma_max=16, channel_axis=axis)


def forest_dice(strokes: Strokes, val: ImageSet, seed: int) -> float:
    "The zoo's dice of a random forest on the same strokes; nan without scikit-learn."
    try:
        from sklearn.ensemble import RandomForestClassifier
    except ImportError:
        return float("nan")
    from unet_nb.metrics.overlap import zoo_scores

    masks = {id: strokes.mask(id) for id in strokes.ids}
    x = [features(strokes.images[i].image)[masks[id] < 255] for i, id in enumerate(strokes.ids)]
    y = np.concatenate([m[m < 255] for m in masks.values()])
    forest = RandomForestClassifier(100, min_samples_leaf=2, random_state=seed, n_jobs=-1).fit(np.concatenate(x), y)
    dice = []
    for sample in val:
        of_image = features(sample.image)
        p = forest.predict_proba(of_image.reshape(-1, of_image.shape[-1])).T.reshape(-1, *sample.mask.shape)
        dice.append(zoo_scores(p.astype(np.float32), sample.mask)[0])
    return float(np.mean(dice))


def add_row(out: Path, **row) -> None:
    print(row, flush=True)
    pd.DataFrame([row]).to_csv(out, mode="a", index=False, header=not out.exists())


def known(out: Path, **row) -> bool:
    table = pd.read_csv(out, dtype=str) if out.exists() else pd.DataFrame(columns=list(row))
    return bool((table[list(row)] == [str(v) for v in row.values()]).all(axis=1).any())


def score(args) -> None:
    from unet_nb.training.evaluate import evaluate

    whole = recipe(args.data, args.dataset, run_eval=False, output_path=str(args.work / "runs"))
    train, val = load_split(whole)
    masks = {sample.id: sample.mask for sample in train}
    for seed in range(args.seeds):
        ids = [train.ids[i] for i in np.random.default_rng(seed).permutation(len(train))]
        folder = args.work / f"{args.dataset}_{seed}"
        strokes, painter = canvas(folder, train, ids[:5]), SimulatedPainter(seed)
        for share in args.shares:
            cfg, facts = whole.replace(seed=seed), {"dataset": args.dataset, "share": share, "seed": seed}
            if share != "all":
                reached = paint_share(painter, strokes, {id: masks[id] for id in ids}, float(share))
                cfg = cfg.replace(dataset="painted", data_path=str(folder))
            if known(args.out, **facts):
                continue
            forward = trained(with_steps(cfg, len(train) if share == "all" else 5, args.steps))
            dice = evaluate(forward, whole, val)["dice_coeff"]
            forest = forest_dice(strokes, val, seed) if share != "all" else float("nan")
            add_row(args.out, **facts, labelled=1.0 if share == "all" else reached, unet=dice, forest=forest)


def next_image(args) -> None:
    from unet_nb.inference.predict import predict_image
    from unet_nb.interactive.learning import doubt_of
    from unet_nb.training.evaluate import evaluate

    whole = recipe(args.data, args.dataset, run_eval=False, output_path=str(args.work / "runs"))
    train, val = load_split(whole)
    looks, rng = {sample.id: describe_image(sample.image) for sample in train}, np.random.default_rng
    for seed in range(args.seeds):
        for rule in ("doubt", "random"):
            folder, painter, chosen = args.work / f"next_{rule}_{seed}", SimulatedPainter(seed), []
            strokes, order = canvas(folder, train, train.ids), [train.ids[i] for i in rng(seed).permutation(len(train))]
            for count in range(1, args.images + 1):
                chosen.append(next(id for id in order if id not in chosen))
                mask = train[train.ids.index(chosen[-1])].mask
                for _ in range(args.strokes):
                    class_id, points = painter.stroke(mask)
                    strokes.add(chosen[-1], class_id, painter.width / 2, points, held_out=False)
                cfg = whole.replace(dataset="painted", data_path=str(folder), seed=seed)
                forward = trained(with_steps(cfg, count, args.steps))
                facts = {"dataset": args.dataset, "rule": rule, "seed": seed, "images": count}
                add_row(args.out, **facts, unet=evaluate(forward, whole, val)["dice_coeff"])
                if rule == "doubt":
                    doubt = {s.id: float(doubt_of(predict_image(forward, whole, s.image)).mean()) for s in train}
                    order = rank_images(doubt, looks, chosen)


def latency(args) -> None:
    train = load_split(recipe(args.data, args.dataset))[0]
    masks, painter = {s.id: s.mask for s in train}, SimulatedPainter(seed=9)
    strokes = canvas(args.work / "latency", train, train.ids[:4])
    paint_share(SimulatedPainter(seed=0), strokes, {id: masks[id] for id in strokes.ids}, 0.01)
    learner, rows = Learner(strokes, output_path=str(args.work / "runs")), []
    learner.start()

    def wait(what) -> None:
        while not what(learner.status):
            assert learner.running, learner.problem
            time.sleep(0.02)

    wait(lambda s: s.get("answers"))
    process = psutil.Process(learner.process.pid)
    for i in range(20):
        id = strokes.ids[i % len(strokes.ids)]
        learner.set(image=id)
        wait(lambda s: s["image"] == id)
        (class_id, points), before, start = painter.stroke(masks[id]), sum(process.cpu_times()[:2]), time.perf_counter()
        strokes.add(id, class_id, painter.width / 2, points, held_out=False)
        wait(lambda s: s["learnt"] >= strokes.acts and s["image"] == id)
        rows.append((time.perf_counter() - start, sum(process.cpu_times()[:2]) - before))
    learner.close()
    for what, column in zip(("seconds", "processor seconds"), np.array(rows).T):
        print(f"a stroke and its answer, {what}: median {np.median(column):.2f}, worst {max(column):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("score", "next", "latency"))
    parser.add_argument("data", type=Path, help="folder of the data set, with all its masks")
    parser.add_argument("--dataset", default="ISBI")
    parser.add_argument("--shares", nargs="+", default=SHARES)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=240, help="of each training")
    parser.add_argument("--images", type=int, default=8, help="next: how many are painted one after the other")
    parser.add_argument("--strokes", type=int, default=12, help="next: on each image")
    parser.add_argument("--out", type=Path, default=Path("paint.csv"))
    args = parser.parse_args()
    args.data, args.work = args.data.resolve(), Path(tempfile.mkdtemp())
    cv2.setNumThreads(1)
    try:
        {"score": score, "next": next_image, "latency": latency}[args.what](args)
    finally:
        shutil.rmtree(args.work, ignore_errors=True)


if __name__ == "__main__":
    main()
