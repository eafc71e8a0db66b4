"""Damaged files of every kind that the kit reads, from a seed, and a process that reads them as the commands do.

What the kit itself has to refuse, because the library behind it would crash, hang or take all of the memory, is shown
by a small relative: it breaks the same rule of the kit by a little, and would do no harm if it came through.

`python damage.py originals FOLDER` writes healthy files, `cases(FOLDER, seed)` damages copies of them,
`python damage.py read` reads cases (a JSON line each) from stdin under a memory limit and answers what became of each.
"""

import io
import json
import math
import os
import random
import struct
import sys
import zipfile
import zlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

LINES = "[" * 20000  # deeper than Python's JSON parser goes; it says so
NESTED = "[" * 30  # deeper than the kit lets a recipe be
MEMORY = 3 << 29  # bytes (1.5 GiB) of address space beyond what a healthy read needs


@dataclass
class Case:
    "One damaged thing: how it is read, where it lies, what its message must name, and whether it may be readable."

    kind: str
    name: str
    path: str = ""
    names: list[str] = field(default_factory=list)  # one of these must be in the message; empty: the file's name
    may_work: bool = False
    given: dict = field(default_factory=dict)


# ---------------------------------------------------------------- healthy files


def originals(folder: Path) -> None:
    "Healthy files of all kinds; those that only MindSpore writes, and crafted ones with wrong sizes, among them."
    import cv2
    import mindspore as ms
    import numpy as np
    import onnx
    import tifffile
    from mindspore import nn
    from mindspore.train.checkpoint_pb2 import Checkpoint
    from mindspore.train.mind_ir_pb2 import ModelProto
    from PIL import Image

    from unet_nb.config.jobs import ExportConfig, TrainConfig
    from unet_nb.core.files import write_json
    from unet_nb.data.demo import demo_set, write_demo
    from unet_nb.exporting.export import description, file_facts, write_model
    from unet_nb.models.registry import create_model
    from unet_nb.runs.checkpoint import load_checkpoint, save_checkpoint
    from unet_nb.runs.folder import start_run

    rng = np.random.default_rng(0)
    cfg = TrainConfig(
        base_channels=4,
        depth=1,
        demo_slices=5,
        demo_size=64,
        crop_size=[64, 64],
        scaling="type",
        output_path=str(folder / "runs"),
    )
    exported = ExportConfig.of(cfg, height=64, width=64)
    (folder / "recipe.yaml").write_text(cfg.to_yaml())
    write_demo(folder / "isbi", 5, 64)
    volume = tifffile.imread(folder / "isbi/train-volume.tif")
    tifffile.imwrite(folder / "packed.tif", volume, compression="zlib", photometric="minisblack")
    with tifffile.TiffWriter(folder / "pages.tif") as writer:
        for page in volume:
            writer.write(page, contiguous=False, metadata=None)
    tifffile.imwrite(folder / "imagej.tif", volume, imagej=True)
    sample = demo_set(5, 64, seed=0)[0]
    colour = rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)
    Image.fromarray(sample.image).save(folder / "image.png")
    Image.fromarray(sample.mask * 255).save(folder / "mask.png")
    Image.fromarray(colour).save(folder / "colour.png")
    Image.fromarray(colour).save(folder / "image.jpg")
    cv2.imwrite(str(folder / "deep.png"), rng.integers(0, 65536, (40, 48, 3), dtype=np.uint16))
    cv2.imwrite(str(folder / "lzw.tif"), colour)
    tifffile.imwrite(folder / "image.tif", sample.image)
    indexed = Image.fromarray(sample.mask).convert("P")
    indexed.putpalette([0, 0, 0, 230, 159, 0])
    indexed.save(folder / "indexed.png")
    with zipfile.ZipFile(folder / "nuclei.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for k in range(3):
            for name, file in ((f"n{k}/images/n{k}.png", "image.png"), (f"n{k}/masks/a.png", "mask.png")):
                archive.writestr(name, (folder / file).read_bytes())
    (folder / "coco").mkdir()
    for k in range(2):
        Image.fromarray(colour).save(folder / f"coco/im{k}.png")
    (folder / "coco.json").write_text(json.dumps(coco()))

    net = create_model(cfg)
    optimizer = nn.Adam(net.trainable_params(), [1e-3] * 5)
    state = {
        "epoch": 1,
        "best": {"score": 0.5, "epoch": 1, "since": 0},
        "history": [{"epoch": 1, "dice_coeff": 0.5}],
        "config": cfg.model_dump(),
    }
    path = save_checkpoint(folder / "good.ckpt", net, optimizer, state)
    described = description(cfg, net, load_checkpoint(path))
    largest = max((parameter.asnumpy() for parameter in net.trainable_params()), key=lambda values: values.nbytes)
    (folder / "weights").write_bytes(largest.tobytes())
    for kind in ("ONNX", "MINDIR"):
        write_model(
            exported.replace(file_format=kind),
            net.set_train(False),
            described,
            folder / f"good.{kind.lower()}",
        )
    described["input"] |= {"batch": 1, "height": exported.height, "width": exported.width}
    write_json(folder / "good.json", described | {"file": file_facts(folder / "good.mindir")})
    run = start_run(cfg)
    write_json(run.path / "metrics.json", {"dice_coeff": 0.5})
    (run.path / "history.csv").write_text("epoch,loss\n1,0.5\n")
    run.set_status("done")
    run.path.rename(folder / "run")

    # wrong sizes that only a writer of the format can make; without the checksum, which would find them all
    plain = path.read_bytes()[:-17]
    (folder / "zoo.ckpt").write_bytes(plain)
    for name, change in {"fewer": {"dims": [1]}, "rows": {"dims": [3]}, "type": {"tensor_type": "Float16"}}.items():
        wrong = Checkpoint.FromString(plain)
        tensor = wrong.value[0].tensor
        tensor.ClearField(next(iter(change)))
        tensor.MergeFrom(type(tensor)(**change))
        (folder / f"{name}.ckpt").write_bytes(wrong.SerializeToString())
    wrong = Checkpoint.FromString(plain)
    del wrong.value[1:]
    wrong.value[0].tag = "../" * 50 + "\n"
    (folder / "tag.ckpt").write_bytes(wrong.SerializeToString())
    for name, text in {
        "deep": LINES,
        "list": "[1, 2]",
        "parts": '{"epoch": "x", "best": 3, "history": 5}',
        "config": '{"config": {"model_name": "resnet", "base_channels": 1e99}}',
        "broad": '{"config": {"base_channels": 1000000000}}',
        "text": "no JSON",
    }.items():
        ms.save_checkpoint(
            [{"name": p.name, "data": p} for p in (*net.get_parameters(), *optimizer.get_parameters())],
            str(folder / f"state-{name}.ckpt"),
            append_dict={"unet_nb": text},
        )
    model = ModelProto.FromString((folder / "good.mindir").read_bytes())
    model.graph.input[0].tensor[0].dims[0] += 1
    (folder / "input.mindir").write_bytes(model.SerializeToString())
    model = ModelProto.FromString((folder / "good.mindir").read_bytes())
    model.graph.name = "another"
    (folder / "name.mindir").write_bytes(model.SerializeToString())
    model = onnx.load(folder / "good.onnx")
    model.graph.initializer[0].dims[0] += 1
    onnx.save(model, folder / "dims.onnx")
    model = onnx.load(folder / "good.onnx")
    model.graph.node[0].op_type = "Nothing"
    onnx.save(model, folder / "operator.onnx")
    model = onnx.load(folder / "good.onnx")
    model.graph.initializer[0].ClearField("raw_data")
    model.graph.initializer[0].data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": "../outside", "length": "16"}.items():
        model.graph.initializer[0].external_data.add(key=key, value=value)
    (folder / "outside.onnx").write_bytes(model.SerializeToString())
    for name, text in descriptions(described).items():
        model = onnx.load(folder / "good.onnx")
        onnx.helper.set_model_props(model, {"unet_nb": text})
        onnx.save(model, folder / f"description-{name}.onnx")


def descriptions(described: dict) -> dict[str, str]:
    "Descriptions of a model that cannot be followed."

    def size(**changes):
        return json.dumps(described | {"size": described["size"] | changes})

    return {
        "deep": LINES,
        "half": json.dumps(described)[:200],
        "divisor": size(divisor=0),
        "tile": size(tile=[0, 0]),
        "margin": size(margin=2**12 + 1),
        "negative": size(margin=-5),
        "overlap": size(overlap=2**14 + 1),
        "remainder": size(remainder="x"),
        "policy": size(policy="shred"),
        "resize": size(policy="resize", image_size=[2**14 + 1, 1], crop=None),
        "classes": json.dumps(described | {"classes": 5}),
        "names": json.dumps(described | {"classes": [{"color": 1}, {"color": 2}]}),
        "input": json.dumps(described | {"input": []}),
        "channels": json.dumps(described | {"input": {"channels": 7, "channel_order": "XYZ"}}),
        "output": json.dumps(described | {"output": None}),
        "number": json.dumps(described | {"schema": float("nan")}),
        "network": json.dumps(described | {"network": "x"}),
    }


def coco() -> dict:
    images = [{"id": k, "file_name": f"im{k}.png", "height": 40, "width": 48} for k in range(2)]
    notes = [
        {
            "id": k,
            "image_id": k,
            "category_id": 3,
            "segmentation": [[4, 4, 30.5, 6, 20, 30.25]],
            "iscrowd": 0,
            "area": 1,
            "bbox": [0, 0, 1, 1],
        }
        for k in range(2)
    ]
    return {"images": images, "annotations": notes, "categories": [{"id": 3, "name": "cat"}]}


# ---------------------------------------------------------------- damage


def cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(1, len(data))]


def flip(data: bytes, rng: random.Random, within: range | None = None) -> bytes:
    "One to eight bits are turned, in the bytes `within`."
    damaged = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        damaged[rng.choice(within or range(len(data)))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, packed: bytes, extra: bytes = b"") -> bytes:
    "A grey PNG whose header claims `width` x `height`."
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
        + extra
        + chunk(b"IDAT", packed)
        + chunk(b"IEND", b"")
    )


def jpeg_size(data: bytes, side: int) -> bytes:
    "A JPEG whose header claims `side` x `side`."
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", side, side) + data[at + 4 :]


def tiff_tags(data: bytes, **values) -> bytes:
    "A TIFF with other values in its first directory."
    import tifffile

    file = io.BytesIO(data)
    with tifffile.TiffFile(file) as tif:
        entries = {tag.name: (tag.offset, tag.dtype) for tag in tif.pages[0].tags}
    damaged = bytearray(data)
    for name, value in values.items():
        struct.pack_into("<HII", damaged, entries[name][0] + 2, 4, 1, value)
    return bytes(damaged)


def more_pixels(data: bytes, expands: int = 1, **values) -> bytes:
    "A TIFF that claims a few more pixels than its bytes, each of which makes at most `expands` pixels, can hold."
    side = math.isqrt(expands * len(data)) + 4
    return tiff_tags(data, ImageWidth=side, ImageLength=side, **values)


@lru_cache
def tiff_chain(pages: int) -> bytes:
    "A TIFF of `pages` empty directories, each pointing to the next."
    return (
        b"II*\0"
        + struct.pack("<I", 8)
        + b"".join(struct.pack("<HI", 0, 8 + 6 * (k + 1) if k + 1 < pages else 0) for k in range(pages))
    )


def first_directory(data: bytes) -> int:
    return struct.unpack_from("<I", data, 4)[0]


def next_directory(data: bytes) -> int:
    "Where the first directory of a TIFF says where the second is."
    at = first_directory(data)
    return at + 2 + 12 * struct.unpack_from("<H", data, at)[0]


def patched(data: bytes, at: int, form: str, *values) -> bytes:
    damaged = bytearray(data)
    struct.pack_into(form, damaged, at, *values)
    return bytes(damaged)


class Workshop:
    "Puts every damaged thing into a folder of its own below `folder`."

    def __init__(self, folder: Path, good: Path, seed: int):
        self.folder, self.good, self.rng, self.cases = folder, good, random.Random(seed), []

    def place(self, name: str | bytes) -> Path:
        where = self.folder / f"{len(self.cases):03d}"
        where.mkdir(parents=True)
        return where / os.fsdecode(name)

    def add(self, kind: str, what: str, data: bytes | None, file: str, **options) -> Path:
        "A case that is a file with `data`."
        path = self.place(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        if data is not None:
            path.write_bytes(data)
        self.cases.append(Case(kind, what, str(path), **options))
        return path

    def wrong_things(self, kind: str, file: str, whole: bytes, **options) -> None:
        "What is no file of this kind at all."
        self.add(kind, "empty", b"", file, **options)
        self.add(kind, "text", b"this is no such file\n" * 20, file, **options)
        other = "image.png" if not file.endswith(".png") else "recipe.yaml"
        self.add(kind, f"a {other}", (self.good / other).read_bytes(), file, **options)
        self.add(kind, "zeros", bytes(5000), file, **options)
        self.add(kind, "folder", None, file, **options).mkdir()
        self.add(kind, "dangling link", None, file, **options).symlink_to("nowhere")
        os.mkfifo(self.add(kind, "pipe", None, file, **options))
        link = self.add(kind, "link to itself", None, file, **options)
        link.symlink_to(link.name)

    def damaged(
        self, kind: str, file: str, whole: bytes, cuts: int, flips: int, within: range | None = None, **options
    ) -> None:
        """What is cut off must be noticed (`may_work`: unless it is text, of which any part is whole).

        A flipped bit may hit a pixel.
        """
        for k in range(cuts):
            self.add(kind, f"cut {k}", cut(whole, self.rng), file, **options)
        for k in range(flips):
            self.add(kind, f"flipped {k}", flip(whole, self.rng, within), file, **(options | {"may_work": True}))


def cases(folder: Path, good: Path, seed: int) -> list[Case]:
    "All cases, made below `folder` from the healthy files in `good`."
    shop = Workshop(folder, good, seed)
    for make in (
        recipes,
        stacks,
        pictures,
        groups,
        nuclei,
        annotations,
        checkpoints,
        mindirs,
        onnx_files,
        parameters,
        run_folders,
        notes,
    ):
        make(shop)
    return shop.cases


def recipes(shop: Workshop) -> None:
    whole = (shop.good / "recipe.yaml").read_bytes()
    shop.damaged(
        "yaml",
        "recipe.yaml",
        whole,
        4,
        6,
        may_work=True,
        names=["recipe.yaml", "is not usable", "unknown parameter", "_size", "color"],
    )
    shop.wrong_things("yaml", "recipe.yaml", whole)
    shop.cases[-8].may_work = True  # an empty recipe changes nothing
    for what, text in {
        "nested": "lr: " + NESTED,
        "nested maps": "{a: " * 30,
        "nested blocks": "".join(" " * k + "a:\n" for k in range(100)),
        "aliases": "a: &a [x]\nb: [*a, *a]",
        "aliases in a value": "augment: &a [x, &b [y, y], *b]\nfilter_weight: " + "[" * 1 + "*a]",
        "merged aliases": "a: &a {x: 1}\nb: {<<: [*a, *a]}",
        "an alias of itself": "augment: &a [*a]",
        "huge integer": "epochs: " + "9" * 5000,
        "large integer": "epochs: 99999999999999999999",
        "not a number": "lr: .nan",
        "infinite": "lr: .inf",
        "a list as a name": "? [a, b]\n: 3",
        "a map as a name": "? {a: 1}\n: 3",
        "a number as a name": "1: 2",
        "an object": "lr: !!python/object/apply:os.system [ls]",
        "an empty integer": 'epochs: !!int ""',
        "a wrong flag": "use_bn: !!bool perhaps",
        "wrong base64": "name: !!binary '=='",
        "a wrong date": "name: 2001-99-99",
        "a zero byte": "lr: 1\0",
        "a value too long": "name: " + "x" * 200000,
        "two sizes": "crop_size: [1, 2, 3]",
        "huge crop": "crop_size: [1000000000, 1000000000]",
        "broad network": "base_channels: 1000000000",
        "huge stack": "demo_size: 100000000",
        "huge list": "image_size: [" + "64, " * 10000 + "64]",
        "tabs": "lr:\t\t- 1\n\t- 2",
        "many documents": "---\n" * 50000 + "lr: 1",
    }.items():
        shop.add(
            "yaml",
            what,
            text.encode(),
            "recipe.yaml",
            names=["recipe.yaml", text.split(":")[0]],
            may_work=what in ("many documents", "a wrong date", "wrong base64"),
        )
    shop.add("yaml", "UTF-16", "lr: 0.1".encode("utf-16"), "recipe.yaml", may_work=True)
    shop.add("yaml", "Latin-1", "name: Zürich".encode("latin-1"), "recipe.yaml")
    with open(shop.add("yaml", "2 MB", b"lr: 1\n", "recipe.yaml"), "r+b") as f:
        f.truncate(2**21)
    for name in (b"caf\xe9.yaml", "a\nb.yaml", " .yaml", "$(id).yaml", "-p.yaml"):
        shop.add("yaml", f"called {name!r}", b"lr: 0.5", name, may_work=True)
    for name in ("x" * 300 + ".yaml", "x" * 5000, "../" * 3000 + "x.yaml"):
        shop.cases.append(Case("yaml", f"called {name[:9]}…", str(shop.folder / name), names=["recipe"]))


def stacks(shop: Workshop) -> None:
    for file in ("isbi/train-volume.tif", "packed.tif", "pages.tif", "imagej.tif"):
        whole = (shop.good / file).read_bytes()
        tags = range(min(first_directory(whole) + 400, len(whole))) if first_directory(whole) < 1000 else None
        shop.damaged("isbi", "train-volume.tif", whole, 3, 4, tags)
    whole = (shop.good / "isbi/train-volume.tif").read_bytes()
    shop.wrong_things("isbi", "train-volume.tif", whole)
    packed, pages = (shop.good / "packed.tif").read_bytes(), (shop.good / "pages.tif").read_bytes()
    itself = patched(pages, next_directory(pages), "<I", first_directory(pages))
    for what, data in {
        "more pixels than bytes": more_pixels(whole),
        "more pixels than bytes in a strip": more_pixels(whole, RowsPerStrip=999, StripByteCounts=4096),
        "more pixels than packed bytes": more_pixels(packed, 1032, RowsPerStrip=10000),
        "more rows": tiff_tags(whole, ImageLength=len(whole) // 64 + 1),
        "no rows": tiff_tags(whole, ImageLength=0, ImageWidth=0),
        "no rows in a strip": tiff_tags(pages, RowsPerStrip=0),
        "one row in a strip": tiff_tags(packed, RowsPerStrip=1),
        "63 bits": tiff_tags(whole, BitsPerSample=63),
        "more channels": tiff_tags(whole, SamplesPerPixel=len(whole) // 4096 + 1),
        "unknown compression": tiff_tags(packed, Compression=4711),
        "500 empty pages": tiff_chain(500),
        "a page that follows itself": itself,
        "pages beyond the end": patched(pages, next_directory(pages), "<I", 2**32 - 2),
        "a directory beyond the end": patched(whole, 4, "<I", 2**31),
        "65535 tags": patched(whole, first_directory(whole), "<H", 65535),
        "a tag of many values": patched(whole, first_directory(whole) + 2 + 4, "<I", 10**5),
        "many strips": patched(pages, next_directory(pages) - 24 - 8, "<I", 10**5),
        "BigTIFF beyond the end": b"II+\0\x08\0\0\0" + struct.pack("<Q", 2**63 - 8),
    }.items():
        shop.add(
            "isbi",
            what,
            data,
            "train-volume.tif",
            may_work=what in ("one row in a strip", "a tag of many values", "many strips"),
        )
    pattern = (shop.good / "imagej.tif").read_bytes()
    shop.add(
        "isbi",
        "more ImageJ images",
        pattern.replace(b"images=5\nslices=5", b"images=9\nslices=9"),
        "train-volume.tif",
        may_work=True,
    )
    shop.add(
        "isbi",
        "another shape",
        whole.replace(b'"shape": [5, 64, 64]', b'"shape": [9, 64, 64]'),
        "train-volume.tif",
        may_work=True,
    )
    for file in ("packed.tif", "image.tif", "lzw.tif", "imagej.tif"):
        data = (shop.good / file).read_bytes()
        shop.damaged("pages", "big.tif", data, 2, 3)
    for what, data in {
        "more pixels than bytes": more_pixels((shop.good / "image.tif").read_bytes()),
        "more pixels than packed bytes": more_pixels(packed, 1032, RowsPerStrip=10000),
        "500 empty pages": tiff_chain(500),
        "a page that follows itself": itself,
    }.items():
        shop.add("pages", what, data, "big.tif")


def pictures(shop: Workshop) -> None:
    for file, role in (
        ("image.png", "image"),
        ("image.jpg", "image"),
        ("image.tif", "image"),
        ("deep.png", "image"),
        ("lzw.tif", "image"),
        ("mask.png", "mask"),
        ("indexed.png", "mask"),
    ):
        shop.damaged(
            "folder",
            f"s/{role}{Path(file).suffix}",
            (shop.good / file).read_bytes(),
            2,
            4,
            names=[f"/s/{role}", "/s/mask"],
        )
    for role in ("image", "mask"):
        shop.wrong_things("folder", f"{role}.png", b"", names=[role])
    tif, jpg, image = ((shop.good / name).read_bytes() for name in ("image.tif", "image.jpg", "image.png"))
    black, above = zlib.compress(bytes(4097 * 4096)), 13500  # above x above: a little more than Pillow takes
    long = zlib.compress(bytes(2 * 10**6))
    text = chunk(b"zTXt", b"Comment\0\0" + long) + chunk(b"iTXt", b"Comment\0\1\0\0\0" + long)
    for name, what, data in (
        ("image.png", "too many pixels", png(above, above, black)),
        ("image.png", "too many pixels in a row", png(above**2, 1, black)),
        ("image.png", "more pixels than bytes", png(4200, 4200, black)),
        ("image.png", "no pixels", png(0, 0, black)),
        ("image.png", "large text", png(4096, 4096, black, text)),
        ("image.jpg", "too many pixels", jpeg_size(jpg, above)),
        ("image.jpg", "no pixels", jpeg_size(jpg, 0)),
        ("image.tif", "more pixels than bytes", more_pixels(tif)),
        ("image.tif", "more pixels than bytes in one strip", more_pixels(tif, RowsPerStrip=1000, StripByteCounts=4096)),
        ("image.tif", "500 empty pages", tiff_chain(500)),
        ("image.png", "BMP", b"BM" + bytes(60)),
        ("image.tif", "more channels", tiff_tags(tif, SamplesPerPixel=len(tif) // 4096 + 1)),
        ("mask.tif", "more pixels than bytes", more_pixels(tif)),
        ("mask.png", "a mask of another size", png(9, 9, zlib.compress(bytes(90)))),
        ("mask.jpg", "a JPEG mask", jpg),
    ):
        shop.add("folder", what, data, name, names=[name], may_work=what == "large text")
    for name in (
        b"caf\xe9",
        "a\nb",
        " ",
        "-rf",
        "$(touch escaped)",
        "a;b&c|d",
        "'\"",
        "é" * 100,
        "\u202egnp",
        "con",
        "..x",
        "~",
        "%s%n",
        "x" * 240,
        "\\..\\escaped",
    ):
        path = shop.place(name)
        path.mkdir()
        for role in ("image", "mask"):
            (path / f"{role}.png").write_bytes((shop.good / f"{role}.png").read_bytes())
        shop.cases.append(
            Case("folder names", f"called {name!r}"[:40], str(path.parent), names=[str(path.parent)], may_work=True)
        )


def groups(shop: Workshop) -> None:
    whole = b"id,group\n" + b"".join(b"s%d,g%d\n" % (k, k % 3) for k in range(9))
    shop.damaged("groups", "groups.csv", whole, 3, 5, may_work=True, names=["groups"])
    shop.wrong_things("groups", "groups.csv", whole)
    for what, data in {
        "no columns": b"a,b\n1,2",
        "a short row": whole + b"s9",
        "a huge field": whole + b's9,"' + b"x" * 10**6 + b'"',
        "a zero byte": whole + b"s9,\0",
        "Latin-1": whole + b"s9,caf\xe9",
        "an open quotation": b'id,group\n"s0,g0\n' + whole,
        "two groups": whole + b"s0,g2\n",
        "UTF-16": whole.decode().encode("utf-16"),
    }.items():
        shop.add(
            "groups",
            what,
            data,
            "groups.csv",
            names=["groups"],
            may_work=what in ("a short row", "a huge field", "a zero byte"),
        )
    for key in ("(", "(" * 5000, "(?P<n>", "\\", "(s)(\\d)"):
        shop.cases.append(Case("pattern", f"pattern {key[:9]}", key, names=["groups"]))


def nuclei(shop: Workshop) -> None:
    whole = (shop.good / "nuclei.zip").read_bytes()
    shop.damaged("nuclei", "nuclei.zip", whole, 3, 6, may_work=False)
    shop.wrong_things("nuclei", "nuclei.zip", whole)

    def archive(*members: tuple[str, bytes], **options) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as zip:
            for name, data in members:
                zip.writestr(name, data)
        return file.getvalue()

    image, mask = ((shop.good / name).read_bytes() for name in ("image.png", "mask.png"))
    for name in (
        "../escaped",
        "/tmp/escaped",
        "a/../../escaped",
        "..\\escaped",
        "C:escaped",
        "a\nb",
        "x" * 300,
        "-rf",
        "$(id)",
        "\udcff".encode(errors="surrogatepass").decode("latin-1"),
    ):
        shop.add(
            "nuclei",
            f"a sample called {name[:12]!r}",
            archive((f"{name}/images/i.png", image), (f"{name}/masks/m.png", mask)),
            "nuclei.zip",
            may_work=True,
        )
    method = bytearray(whole)
    for at in (whole.index(b"PK\1\2") + 10, 8):
        struct.pack_into("<H", method, at, 99)
    claims = bytearray(whole)
    struct.pack_into("<I", claims, whole.index(b"PK\1\2") + 24, 2**30 + 1)
    for what, data in {
        "unknown method": bytes(method),
        "a member of more than 1 GiB": bytes(claims),
        "a member that unpacks to 10 MB": archive(("n/images/i.png", bytes(10**7)), ("n/masks/m.png", mask)),
        "names that are no UTF-8": whole.replace(b"n0/images/n0.png", b"n\xff/images/n\xfe.png").replace(
            b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\0\x08"
        ),
        "encrypted": bytes(patched(whole, whole.index(b"PK\1\2") + 8, "<H", 1)),
        "no samples": archive(("readme.txt", b"x")),
        "a directory at 4 GB": patched(whole, whole.rindex(b"PK\5\6") + 16, "<I", 2**32 - 2),
        "65535 members": patched(whole, whole.rindex(b"PK\5\6") + 8, "<HH", 65535, 65535),
    }.items():
        shop.add("nuclei", what, data, "nuclei.zip", may_work=what == "65535 members")


def annotations(shop: Workshop) -> None:
    whole = (shop.good / "coco.json").read_bytes()
    shop.damaged("coco", "coco.json", whole, 3, 6, names=["coco.json", "coco/im", "image "])
    shop.wrong_things("coco", "coco.json", whole)

    def changed(**lists) -> bytes:
        return json.dumps(coco() | lists).encode()

    def image(**values) -> bytes:
        return changed(images=[coco()["images"][0] | values])

    def segment(value) -> bytes:
        return changed(annotations=[coco()["annotations"][0] | {"segmentation": value}])

    for what, data in {
        "nested": LINES.encode(),
        "lists of numbers": changed(images=[1, 2], annotations=[3], categories=[4]),
        "images without id": changed(images=[{"file_name": "im0.png"}]),
        "a list as id": image(id=[1]),
        "a map as category": changed(categories=[{"id": {}, "name": []}]),
        "no names": changed(categories=[{"id": 3}]),
        "text as height": image(height="tall"),
        "a billion rows": image(height=10**9, width=10**9),
        "negative size": image(height=-40, width=-48),
        "a size of NaN": image(height=float("nan")),
        "a polygon far outside": segment([[0, 0, 481, 0, 481, 481]]),
        "a polygon of text": segment([["a"] * 6]),
        "a polygon of two points": segment([[4, 4, 30, 30]]),
        "no outline": segment([]),
        "run lengths of fewer pixels": segment({"counts": [1000, 919], "size": [40, 48]}),
        "packed run lengths of fewer pixels": segment({"counts": "?", "size": [40, 48]}),
        "runs of maps": segment({"counts": {}, "size": {}}),
        "a number as polygon": segment(5),
        "a path outside": image(file_name="../../escaped.png"),
        "an absolute path": image(file_name="/etc/passwd"),
        "a path of 5000": image(file_name="x" * 5000 + ".png"),
        "a zero byte": image(file_name="a\0b.png"),
        "an image of text": image(file_name="../coco.json"),
    }.items():
        names = ["coco.json", "im0", "image 0"]
        shop.add("coco", what, data, "coco.json", names=names, may_work=what == "a size of NaN")  # that of the image
    with open(shop.add("coco", "2 GB", b"{", "coco.json"), "r+b") as f:
        f.truncate(2 * 10**9)


def weights(shop: Workshop, model: bytes) -> range:
    "Where the largest tensor lies in a model file: a bit that turns there changes a number and harms no library."
    numbers = (shop.good / "weights").read_bytes()
    return range(model.index(numbers), model.index(numbers) + len(numbers))


def checkpoints(shop: Workshop) -> None:
    whole, plain = (shop.good / "good.ckpt").read_bytes(), (shop.good / "zoo.ckpt").read_bytes()
    shop.damaged("checkpoint", "a.ckpt", whole, 3, 5, weights(shop, whole))
    for case in shop.cases[-5:]:
        case.may_work = False  # it has a checksum
    shop.damaged("checkpoint", "zoo.ckpt", plain, 5, 3, weights(shop, plain))
    shop.wrong_things("checkpoint", "a.ckpt", whole)
    for file in sorted(shop.good.glob("*.ckpt")):
        if file.name not in ("good.ckpt", "zoo.ckpt"):
            shop.add("checkpoint", file.stem, file.read_bytes(), file.name)
    for what, data in {
        "a length of 2 GB": b"\x0a\xff\xff\xff\xff\x07" + whole,
        "nested messages": b"\x0a\x80\x80\x01" * 5000,
        "only the key": b"\x0a\x09\x0a\x07unet_nb",
    }.items():
        shop.add("checkpoint", what, data, "a.ckpt")
    with open(shop.add("checkpoint", "zeros at its end", whole, "a.ckpt"), "r+b") as f:
        f.truncate(len(whole) + 10**6)
    shop.add("checkpoint", "another suffix", whole, "a.pth")


def mindirs(shop: Workshop) -> None:
    whole, described = (shop.good / "good.mindir").read_bytes(), (shop.good / "good.json").read_bytes()
    before = len(shop.cases)
    shop.damaged("mindir", "a.mindir", whole, 4, 6, weights(shop, whole))
    for case in shop.cases[before:]:
        case.may_work = False  # the description has a checksum of the file
    shop.wrong_things("mindir", "a.mindir", whole)
    for file in sorted(shop.good.glob("*.mindir")):
        if file.name != "good.mindir":
            shop.add("mindir", file.stem, file.read_bytes(), "a.mindir")
    for case in shop.cases[before:]:
        Path(case.path).with_suffix(".json").write_bytes(described)
    before = len(shop.cases)
    shop.damaged("mindir", "a.mindir", described, 2, 4)
    for what, text in {
        "NaN": b"NaN",
        "a list": b"[]",
        "nested": LINES.encode(),
        "another file's": described.replace(b'"bytes": ', b'"bytes": 1'),
        "without checksum": described.replace(b'"file": ', b'"fail": '),
    }.items():
        shop.add("mindir", what, text, "a.mindir")
    for case in shop.cases[before:]:
        Path(case.path).rename(Path(case.path).with_suffix(".json"))
        Path(case.path).write_bytes(whole)
        case.name, case.names = f"description {case.name}", ["a.json", "a.mindir"]


def onnx_files(shop: Workshop) -> None:
    whole = (shop.good / "good.onnx").read_bytes()
    shop.damaged("onnx", "a.onnx", whole, 5, 12)
    shop.wrong_things("onnx", "a.onnx", whole)
    for file in sorted(shop.good.glob("*.onnx")):
        if file.name != "good.onnx":
            shop.add("onnx", file.stem, file.read_bytes(), "a.onnx")


def parameters(shop: Workshop) -> None:
    values = [
        ("lr", "nan"),
        ("lr", "inf"),
        ("lr", "1e999"),
        ("lr", "9" * 6000),
        ("epochs", "9" * 6000),
        ("epochs", "1e30"),
        ("crop_size", NESTED),
        ("crop_size", "[" + "&a [1], " + "*a, " * 50 + "]"),
        ("crop_size", "{}"),
        ("crop_size", "[1e9, 1e9]"),
        ("crop_size", "!!int ''"),
        ("image_size", "[64, 64, 64]"),
        ("image_size", "? [1]\n: 2"),
        ("augment", "[[[[1]]]]"),
        ("augment", "x" * 10**6),
        ("base_channels", "10000000000"),
        ("base_channels", "10000"),
        ("demo_size", "100000000"),
        ("demo_slices", "1000000000"),
        ("batch_size", "0"),
        ("batch_size", "1e300"),
        ("num_channels", "1000000000"),
        ("level", "9"),
        ("class_weights", "[nan, 1]"),
        ("color", "[[1e9, 0, 0]]"),
        ("color", "[]"),
        ("name", "\0"),
        ("name", "../../escaped"),
        ("name", "x" * 10**5),
        ("checkpoint_path", "../../escaped"),
        ("checkpoint_path", "/escaped"),
        ("checkpoint_path", "a\0b"),
        ("output_path", "a\0b"),
        ("data_path", "a\0b"),
        ("data_path", "x" * 10**5),
        ("group_key", "(" * 10**4),
        ("unet\nnb", "1"),
        ("x" * 10**5, "1"),
        ("", "1"),
        ("__class__", "1"),
        ("resume_ckpt", "\0"),
        ("seed", "-1"),
        ("seed", str(2**64)),
        ("device_target", "TPU\n" * 100),
        ("split", "-nan"),
        ("coco_classes", "[null, null]"),
        ("run_dir", "a\0b"),
    ]
    for name, value in values:
        shop.cases.append(
            Case(
                "params",
                f"{name[:20]} = {value[:20]!r}",
                names=[name[:30] or "''", "output_path"],
                given={name: value},
                may_work=name == "name",
            )
        )
    for name, value in (
        ("lr", float("nan")),
        ("lr", [1]),
        ("crop_size", {"a": 1}),
        ("epochs", None),
        ("crop_size", [[[1]]]),
        ("augment", [None]),
        ("epochs", 1e300),
        ("lr", True),
        ("batch_size", 2.5),
    ):
        shop.cases.append(
            Case("params", f"{name} is {value!r}", names=[name], given={name: value}, may_work=value is True)
        )
    for name, text in (
        ("train-nan", "lr = float('nan')"),
        ("train-unknown", "learning = 1"),
        ("train-big", "epochs = 10**5000"),
        ("train-nested", "crop_size = " + "[" * 50 + "]" * 50),
    ):
        shop.cases.append(Case("notebook", name, text, names=[text.split(" =")[0]]))


def run_folders(shop: Workshop) -> None:
    for file in ("status.json", "params.yaml", "metrics.json", "history.csv"):
        whole = (shop.good / "run" / file).read_bytes()
        contents = {f"cut {k}": cut(whole, shop.rng) for k in range(2)} | {
            f"flipped {k}": flip(whole, shop.rng) for k in range(2)
        }
        contents |= {"empty": b"", "a list": b"[1, 2]", "nested": LINES.encode(), "binary": bytes(range(256))} | (
            {"parts": b'{"state": 5}'} if file == "status.json" else {}
        )
        for what, data in contents.items():
            run = shop.place("run")
            run.mkdir()
            for healthy in (shop.good / "run").iterdir():
                if healthy.is_file():
                    (run / healthy.name).write_bytes(data if healthy.name == file else healthy.read_bytes())
            shop.cases.append(
                Case("run", f"{file} {what}", str(run), names=[str(run), file, "no finished train run"], may_work=True)
            )


def notes(shop: Workshop) -> None:
    "What the kit itself leaves in folders to know where it stood."
    for kind, file in (
        ("prediction note", "prediction.json"),
        ("folds", "folds.json"),
        ("conversion note", "convert.json"),
    ):
        for what, data in {
            "cut": b'{"members": [',
            "list": b"[1]",
            "empty": b"",
            "binary": bytes(range(256)),
            "nested": LINES.encode(),
            "other": b'{"recipe": 5}',
        }.items():
            if what == "list" and kind == "folds":
                data = b'[{"run": "../../../etc"}, 5]'
            path = shop.add(kind, what, data, file)
            shop.cases[-1].path, shop.cases[-1].names = str(path.parent), [str(path.parent)]


# ---------------------------------------------------------------- reading


def readers(good: Path) -> dict:
    "A function for each kind of case that reads it as the commands do."
    import tempfile

    import numpy as np

    from unet_nb.config.cells import notebook_params
    from unet_nb.config.recipes import load_params
    from unet_nb.core.files import write_json
    from unet_nb.core.reading import Reading
    from unet_nb.data.convert import convert_coco, convert_nuclei
    from unet_nb.data.folder import group_of_ids, load_folder
    from unet_nb.data.samples import open_images
    from unet_nb.exporting.export import open_mindir
    from unet_nb.exporting.infer import config_for_model
    from unet_nb.inference.files import member_paths, open_note
    from unet_nb.inference.predictor import OnnxPredictor
    from unet_nb.runs.checkpoint import load_checkpoint
    from unet_nb.runs.folder import Run, create_run, list_runs, newest_run
    from unet_nb.studies.launch import check_params
    from unet_nb.training.fit import Trainer

    cfg = load_params(good / "recipe.yaml")
    image = np.zeros((64, 64), np.uint8)

    def folder(path: str) -> None:
        "A sample `s` of which one file is the damaged one."
        path = Path(path)
        root = path.parent if path.parent.name == "s" else path.parent / "s"
        root.mkdir(exist_ok=True)
        if path.parent != root:
            path.rename(root / path.name)
        other = {"image": "mask", "mask": "image"}[path.stem]
        wanted = {"image.jpg": "colour.png", "lzw.tif": "colour.png"}.get(path.name, f"{other}.png")
        (root / f"{other}.png").write_bytes((good / wanted).read_bytes())
        for sample in load_folder(root.parent, 2):
            sample.image.sum()

    def folder_names(path: str) -> None:
        images = load_folder(path, 2)
        for sample in images:
            sample.image.sum()
        write_json(Path(path, "split.json"), {"train": images.ids})
        print(repr(images), *images.ids, file=open(Path(path, "log.txt"), "w", encoding="utf-8"))

    def isbi(path: str) -> None:
        open_images(path, Reading(axes="ZYX")).stack().sum()

    def pages(path: str) -> None:
        for page in open_images(path):
            page[:].sum()

    def converted(convert, *args) -> None:
        with tempfile.TemporaryDirectory() as target:
            summary = convert(*args[:2], f"{target}/out", *args[2:], workers=1, log=lambda line: None)
            found = sorted(p.relative_to(target).as_posix() for p in Path(target).rglob("*"))
        if any("escaped" in name for name in found if not name.startswith("out/")):
            raise AssertionError(f"written outside the target: {found}")
        if summary.problems:
            raise Counted("\n".join(summary.problems))

    def checkpoint(path: str) -> None:
        loaded = load_checkpoint(path)
        loaded.cfg
        trainer = Trainer(cfg.replace(resume=True, resume_ckpt=path), 4)
        trainer.resume()

    def mindir(path: str) -> None:
        cfg, file = config_for_model({"model_file": path}, "mindir")
        open_mindir(file)(np.zeros((1, 1, 64, 64), np.float32))

    def onnx(path: str) -> None:
        OnnxPredictor(path).predict(image)

    def params(given: dict) -> None:
        with tempfile.TemporaryDirectory() as d:
            cfg, _ = check_params("train", [], {"output_path": d} | given)
            cfg.to_yaml()
            run = create_run(cfg)
            run.checkpoints
            if run.path.parent != Path(d) or Path(d, "..", "escaped").exists():
                raise AssertionError(f"written outside: {run.path}")

    def run(path: str) -> None:
        list_runs(Path(path).parent)
        newest_run(Path(path).parent)
        run = Run(path)
        run.status, run.cfg, run.metrics, run.history

    def notebook(text: str) -> None:
        variables = {}
        exec(text, variables)
        load_params(**notebook_params({k: v for k, v in variables.items() if k != "__builtins__"}))

    def conversion_note(path: str) -> None:
        converted_into(path)

    def converted_into(path: str) -> None:
        convert_nuclei(good / "nuclei.zip", path, workers=1, log=lambda line: None)

    return {
        "yaml": lambda p: load_params(p),
        "isbi": isbi,
        "pages": pages,
        "folder": folder,
        "folder names": folder_names,
        "groups": lambda p: group_of_ids([f"s{k}" for k in range(9)], Path(p)),
        "pattern": lambda p: group_of_ids(["s" + "a" * 24 + "b"], p),
        "nuclei": lambda p: converted(convert_nuclei, p),
        "coco": lambda p: converted(convert_coco, p, good / "coco", ["background", "cat"]),
        "checkpoint": checkpoint,
        "mindir": mindir,
        "onnx": onnx,
        "params": params,
        "notebook": notebook,
        "run": run,
        "prediction note": lambda p: open_note(Path(p), {"members": []}),
        "folds": lambda p: member_paths([p]),
        "conversion note": conversion_note,
    }


class Counted(ValueError):
    "A conversion went on and listed the damaged samples; their words are the message."


def read() -> None:
    "Answer each case on stdin with a JSON line on stdout: works, refused (with type and words) or a fault."
    import logging
    import resource
    import warnings

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    read_kind = readers(Path(sys.argv[2]))
    for kind, path in {
        "checkpoint": "good.ckpt",
        "mindir": "good.mindir",
        "onnx": "good.onnx",
        "isbi": "isbi/train-volume.tif",
    }.items():
        read_kind[kind](str(Path(sys.argv[2], path)))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    print("ready", file=answers, flush=True)
    for line in sys.stdin:
        case = Case(**json.loads(line))
        try:
            read_kind[case.kind](case.given or case.path)
            answer = ["works", "", ""]
        except Exception as e:
            answer = ["refused", type(e).__name__, str(e)]
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "originals":
        originals(Path(sys.argv[2]))
    else:
        read()
