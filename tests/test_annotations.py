"""Files that annotation tools wrote become the masks that they mean, pixel by pixel; those of strangers do no harm.

The masks are compared with GDAL's; the files and how they were made: tests/fixtures/annotations/README.md.
"""

import contextlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_nb.cli.command import cli, main
from unet_nb.config.jobs import PrepareConfig, TrainConfig
from unet_nb.config.recipes import load_params
from unet_nb.data import kit_folder
from unet_nb.data.annotated import Question, ReadOptions
from unet_nb.data.annotations import WRITERS, read_annotations, recognise, write_annotations
from unet_nb.data.conversion import convert_source
from unet_nb.data.folder import load_folder, load_instances
from unet_nb.data.images import DataError
from unet_nb.data.kit_folder import to_folder
from unet_nb.data.sources import source_of
from unet_nb.interactive.start import write_recipe
from unet_nb.studies.launch import SPEAKING

rasterize = pytest.importorskip("rasterio.features").rasterize
FIXTURES = Path(__file__).resolve().parent / "fixtures/annotations"


def script(path: Path):
    "A script as a module."
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


scene = script(FIXTURES / "make.py")
measure_outlines = script(FIXTURES.parent.parent / "measure_outlines.py")


def gdal(points) -> np.ndarray:
    "The pixels of a polygon by GDAL's rule."
    ring = [list(p) for p in [*points, points[0]]]
    return rasterize([{"type": "Polygon", "coordinates": [ring]}], out_shape=scene.SIZE) > 0


def expected(polygons=True, bitmaps=True) -> tuple[np.ndarray, np.ndarray]:
    "Class ids (cell 1, nucleus 2) and object numbers of the scene, later ones on top."
    found = [(name, gdal(points)) for name, points in scene.POLYGONS] * polygons + scene.bitmaps() * bitmaps
    mask, numbers = np.zeros(scene.SIZE, np.uint8), np.zeros(scene.SIZE, int)
    for i, (name, pixels) in enumerate(found, 1):
        mask[pixels], numbers[pixels] = ("cell", "nucleus").index(name) + 1, i
    return mask, numbers


def prepared(source, tmp_path, **parameters):
    "The kit's folder of a source, and its one mask with the object numbers, zeros where there are none."
    done = to_folder(source, tmp_path / "kit", log=lambda line: None, **parameters)
    mask = next(iter(load_folder(tmp_path / "kit", num_classes=len(done.names)))).mask
    try:
        return done, mask, load_instances(tmp_path / "kit", "a")
    except FileNotFoundError:
        return done, mask, np.zeros_like(mask)


def same_objects(a: np.ndarray, b: np.ndarray) -> bool:
    "Whether two maps of object numbers hold the same objects, whatever their numbers."
    pairs = np.unique(np.stack([a.ravel().astype(int), b.ravel().astype(int)]), axis=1)
    return len(pairs.T) == len(np.unique(pairs[0])) == len(np.unique(pairs[1])) and (0, 0) in map(tuple, pairs.T)


@pytest.mark.parametrize(
    "folder, tool", [("labelme", "LabelMe JSON"), ("datumaro_coco", "COCO (CVAT)"), ("datumaro_cvat", "CVAT XML")]
)
def test_the_whole_scene(folder, tool, tmp_path):
    "Polygons and brushes on top of each other; in COCO, brush masks come as iscrowd 1 and are objects."
    done, mask, numbers = prepared(FIXTURES / folder, tmp_path)
    assert done.tool == tool and done.totals() == {"read": 4, "painted": 4, "partly hidden": 1}
    np.testing.assert_array_equal(mask, expected()[0])
    np.testing.assert_array_equal(numbers, expected()[1])


def test_cvat_segmentation_mask_by_datumaro(tmp_path):
    done, mask, numbers = prepared(FIXTURES / "datumaro_voc", tmp_path)
    assert done.names == ["background", "cell", "nucleus"]
    assert "250,50,83" in (tmp_path / "kit/classes.csv").read_text()
    np.testing.assert_array_equal(mask, expected(polygons=False)[0])
    assert same_objects(numbers, expected(polygons=False)[1])  # a colour has no order


def test_napari_shapes(tmp_path):
    "Whole numbers are centres of pixels; the last two are an ellipse and a turned rectangle."
    done, mask, numbers = prepared(FIXTURES / "napari", tmp_path)
    truth = expected(bitmaps=False)[1]
    y, x = np.mgrid[: scene.SIZE[0], : scene.SIZE[1]] + 0.5
    truth[((x - 35) / 6) ** 2 + ((y - 9) / 4) ** 2 <= 1] = 3
    truth[gdal([(30.6, 20.7), (26.7, 24.7), (32.95, 30.8), (36.85, 26.8)])] = 4
    assert done.tool == "napari's shapes" and done.totals() == {"read": 4, "painted": 4, "partly hidden": 1}
    np.testing.assert_array_equal(numbers, truth)
    np.testing.assert_array_equal(mask, truth > 0)


def test_cvat_video(tmp_path):
    "Built after the format. A track has a shape for each frame; outside of the picture it has none."
    done = to_folder(FIXTURES / "cvat_video", tmp_path / "kit", log=lambda line: None)
    assert done.tool == "CVAT XML" and done.names == ["background", "cell", "nucleus"]
    both, first = expected(bitmaps=False)[0], np.where(gdal(scene.POLYGONS[0][1]), 1, 0)
    truths = [both, np.where(scene.bitmaps()[0][1], 1, both), first]
    for sample, truth in zip(load_folder(tmp_path / "kit", num_classes=3), truths, strict=True):
        np.testing.assert_array_equal(sample.mask, truth)


def test_ilastik_hdf5(tmp_path):
    "Built after the format. Labels begin at 1, which of them is the background is asked."
    with pytest.raises(Question, match="background"):
        read_annotations(FIXTURES / "ilastik")
    _, mask, _ = prepared(FIXTURES / "ilastik", tmp_path, options=ReadOptions(background=1))
    np.testing.assert_array_equal(mask, expected(polygons=False)[0])


def test_label_studio_json(tmp_path):
    "Outlines in percent, brushes as the tool packs them, names of uploads, two annotators, a task never labelled."
    source = FIXTURES / "label_studio_json"
    with pytest.raises(Question, match="annotator") as question:
        read_annotations(source)
    assert set(question.value.answers) == {"newest", "1", "2"}
    done, mask, numbers = prepared(source, tmp_path, options=ReadOptions(annotator="1"))
    assert done.totals() == {"read": 4, "painted": 4, "partly hidden": 1}
    assert any("1 pictures never annotated" in note for note in done.notes)
    np.testing.assert_array_equal(mask, expected()[0])
    np.testing.assert_array_equal(numbers, expected()[1])


def test_roboflow_masks(tmp_path):
    "Built after the format. Its parts stay apart."
    done = to_folder(FIXTURES / "roboflow", tmp_path / "kit", log=lambda line: None)
    assert done.names == ["background", "cell", "nucleus"]
    for part in ("train", "val"):
        (sample,) = load_folder(tmp_path / "kit" / part, num_classes=3)
        np.testing.assert_array_equal(sample.mask, expected(polygons=False)[0])


def test_label_studio_coco(tmp_path):
    "Boxes have no outline, images without a size were never labelled."
    done, mask, numbers = prepared(FIXTURES / "label_studio", tmp_path)
    assert done.totals() == {"read": 3, "painted": 2, "left out: boxes without an outline": 1, "partly hidden": 1}
    assert any("1 images without a size" in note for note in done.notes)
    np.testing.assert_array_equal(mask, expected(bitmaps=False)[0])
    shutil.rmtree(tmp_path / "kit")
    _, mask, numbers = prepared(FIXTURES / "label_studio", tmp_path, options=ReadOptions(boxes="fill"))
    assert (numbers == 3).sum() == 24 and (mask[16:20, 24:30] == 1).all()


def test_supervision_coco(tmp_path):
    "Polygons run through the centres of pixels, objects with holes or of two pieces have iscrowd 1."
    with pytest.raises(Question, match="outlines"):
        read_annotations(FIXTURES / "supervision")
    done, mask, numbers = prepared(FIXTURES / "supervision", tmp_path, options=ReadOptions(outlines="centre"))
    truth = scene.labels().astype(int)
    for i, (_, pixels) in enumerate(scene.bitmaps(), 4):
        truth[pixels] = i
    shown = np.unique(truth[truth > 0])
    assert done.totals()["painted"] == len(shown)
    np.testing.assert_array_equal(numbers > 0, truth > 0)
    for i in shown:
        assert len(np.unique(numbers[truth == i])) == 1


def test_cellpose_rois(tmp_path):
    with pytest.raises(Question, match="outlines") as question:
        read_annotations(FIXTURES / "cellpose")
    assert question.value.parameter == "outlines"
    _, mask, numbers = prepared(FIXTURES / "cellpose", tmp_path, options=ReadOptions(outlines="centre"))
    np.testing.assert_array_equal(numbers, scene.labels())
    np.testing.assert_array_equal(mask, scene.labels() > 0)


def test_cellpose_masks(tmp_path):
    done, mask, numbers = prepared(FIXTURES / "cellpose_masks", tmp_path)
    assert done.totals() == {"read": 3, "painted": 3}
    np.testing.assert_array_equal(numbers, scene.labels())


def test_stardist_rois(tmp_path):
    "StarDist moves its outlines to the corners of pixels by itself."
    _, mask, numbers = prepared(FIXTURES / "stardist", tmp_path)
    np.testing.assert_array_equal(numbers, expected(bitmaps=False)[1])


def test_qupath(tmp_path):
    "Built from the documented format. Region* is none of the classes."
    done, mask, numbers = prepared(FIXTURES / "qupath", tmp_path)
    np.testing.assert_array_equal(mask, expected()[0])
    np.testing.assert_array_equal(numbers, expected()[1])
    assert sum(n for fate, n in done.totals().items() if "Region*" in fate) == 1


def test_imagescope(tmp_path):
    "Built after the format. Layers lie on top of each other in their order; a negative region is a hole."
    _, mask, _ = prepared(FIXTURES / "imagescope", tmp_path)
    truth = expected()[0]
    truth[10:14, 36:42] = 0
    np.testing.assert_array_equal(mask, truth)


def test_label_studio_brush_pictures_are_explained():
    with pytest.raises(DataError, match="export JSON"):
        recognise(FIXTURES / "label_studio_brush")


@pytest.mark.parametrize("tool", WRITERS)
def test_there_and_back(tool, tmp_path):
    "A mask with holes, pieces, ignored pixels and noise leaves in a tool's format and comes back the same."
    rng = np.random.default_rng(1)
    mask, numbers = expected()
    mask[12:30, :20] = np.where(rng.random((18, 20)) < 0.5, 2, mask[12:30, :20])
    numbers[12:30, :20] = np.where(mask[12:30, :20] == 2, 5 + rng.integers(0, 9, (18, 20)), numbers[12:30, :20])
    mask[30:, 40:], numbers[30:, 40:] = 255, 0
    source = tmp_path / "source"
    source.mkdir()
    Image.fromarray(scene.picture()).save(source / "a.png")
    write_annotations(tool, source, [("a.png", mask, numbers)], ["background", "cell", "nucleus"])
    done, back, objects = prepared(source, tmp_path)
    np.testing.assert_array_equal(back, mask)
    assert done.names == ["background", "cell", "nucleus"]
    assert same_objects(numbers[mask != 255], objects[mask != 255])


def test_more_than_65535_objects(folder, tmp_path):
    numbers = np.arange(1, 1 + 66_048, dtype=np.uint32).reshape(256, 258)
    Image.fromarray(np.zeros(numbers.shape, np.uint8)).save(folder / "a.png")
    tifffile.imwrite(folder / "a_cp_masks.tif", numbers)
    done = to_folder(folder, tmp_path / "kit", options=ReadOptions(background=0), log=lambda line: None, check_images=0)
    assert done.totals() == {"read": 66_048, "painted": 66_048}
    found = load_instances(tmp_path / "kit", "a")
    assert found.dtype == np.uint32 and same_objects(np.pad(numbers, 1), np.pad(found, 1))


def test_images_are_copied_and_the_account_is_written(tmp_path):
    prepared(FIXTURES / "labelme", tmp_path)
    assert (tmp_path / "kit/images/a.png").read_bytes() == (FIXTURES / "labelme/a.png").read_bytes()
    account = json.loads((tmp_path / "kit/prepare.json").read_text())
    assert account["annotations"]["read"] == 4 and account["parameters"]["overlap"] == "later"
    assert account["images"][0]["counts"]["partly hidden"] == 1


def test_what_is_kept(folder, tmp_path):
    "Without object numbers, without images in which nothing is drawn; classes chosen and in another order."
    shutil.copytree(FIXTURES / "labelme", tmp_path / "drawn")
    Image.fromarray(scene.picture()).save(tmp_path / "drawn/empty.png")
    (tmp_path / "drawn/empty.json").write_text(json.dumps({"shapes": [], "imagePath": "empty.png"}))
    done = to_folder(tmp_path / "drawn", tmp_path / "all", log=lambda line: None)
    assert sorted(p.stem for p in (tmp_path / "all/masks").iterdir()) == ["a", "empty"]
    options = {"keep_instances": False, "keep_empty": False, "classes": ["nucleus", "cell"], "check_images": 0}
    done = to_folder(tmp_path / "drawn", tmp_path / "few", log=lambda line: None, **options)
    assert sorted(p.name for p in (tmp_path / "few").iterdir()) == ["classes.csv", "images", "masks", "prepare.json"]
    assert [p.stem for p in (tmp_path / "few/masks").iterdir()] == ["a"] and "1 images without" in str(done.notes)
    (sample,) = load_folder(tmp_path / "few", num_classes=3, two_class="ids")
    np.testing.assert_array_equal(sample.mask, np.array([0, 2, 1])[expected()[0]])


def test_images_of_one_name(tmp_path):
    "In two folders, and of two types in one: each keeps its own mask."
    for place in ("p/a.png", "q/a.png", "q/a.bmp"):
        file = tmp_path / "drawn" / place
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.picture()).save(file)
        text = (FIXTURES / "labelme/a.json").read_text().replace('"a.png"', f'"{file.name}"')
        (file.parent / f"{file.name}.json").write_text(text)
    done = to_folder(tmp_path / "drawn", tmp_path / "kit", log=lambda line: None)
    assert sorted(image.id for image in done.images) == ["p_a", "q_a_bmp", "q_a_png"]
    assert len(list(load_folder(tmp_path / "kit", num_classes=3))) == 3


def test_images_elsewhere(tmp_path):
    (tmp_path / "drawn").mkdir()
    shutil.copy(FIXTURES / "labelme/a.json", tmp_path / "drawn")
    with pytest.raises(DataError, match="images_path"):
        to_folder(tmp_path / "drawn", tmp_path / "kit", log=lambda line: None)
    prepared(tmp_path / "drawn", tmp_path, options=ReadOptions(images_path=FIXTURES / "labelme"))


def test_a_packed_file_beside_its_image(folder, tmp_path):
    "QuPath packs its GeoJSON on request; the words say how it is read, literally."
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.write(FIXTURES / "qupath/a.geojson", "a.geojson")
    assert "images_path" in refused(folder, tmp_path / "kit")
    assert "images_path" in refused(folder / "a.zip", tmp_path / "kit")
    _, mask, _ = prepared(folder / "a.zip", tmp_path, options=ReadOptions(images_path=folder))
    np.testing.assert_array_equal(mask, expected()[0])


def test_pages_of_a_stack(tmp_path):
    "ROIs of a stack stand on their page; position 0 is every page."
    import roifile

    source = tmp_path / "source"
    source.mkdir()
    tifffile.imwrite(source / "s.tif", np.repeat(scene.picture()[None], 4, 0), imagej=True, metadata={"axes": "ZYX"})
    rois = [
        roifile.ImagejRoi.frompoints(np.array([[2, 2], [9, 2], [9, 9], [2, 9]]), name=str(i), position=i)
        for i in (0, 2)
    ]
    rois.append(roifile.ImagejRoi.frompoints(np.array([[20, 2], [29, 2], [29, 9]]), name="all"))
    roifile.roiwrite(source / "s_RoiSet.zip", rois)
    done = to_folder(source, tmp_path / "kit", log=lambda line: None)
    assert [image.id for image in done.images] == ["s_0001", "s_0003"]
    assert [image.counts["painted"] for image in done.images] == [2, 2]
    assert [s.image.shape for s in load_folder(tmp_path / "kit", num_classes=2)] == [scene.SIZE] * 2


def test_pictures_to_check(tmp_path):
    done, *_ = prepared(FIXTURES / "labelme", tmp_path)
    assert done.check == ["check/001_a.png"] and done.images[0].overlap > 0
    assert Image.open(tmp_path / "kit/check/001_a.png").width >= 480


def test_outlines_become_pixels_as_gdal_has_them_and_without_bias():
    "The figures of measure_outlines.py, in small: what scripts usually do with other libraries is larger or shifted."
    rng = np.random.default_rng(0)
    for drawn in (measure_outlines.discs(40, rng), measure_outlines.outlines(40, rng)):
        rows = measure_outlines.measure(drawn)
        dice, area, different = rows["this kit"]
        assert dice == 1 and different == 0 and abs(area - 1) < 0.01
        assert all(other[0] < 1 for name, other in rows.items() if name != "this kit")
        assert rows["OpenCV fillPoly"][1] > 1.1 and rows["PIL ImageDraw"][1] > 1.08


def test_ten_thousand_polygons_on_a_large_image():
    "Seconds of the processor and MiB, a tenth of measure_outlines.py --large, with room for a slow machine."
    seconds, memory = measure_outlines.large(1_000, 3_000)
    assert seconds < 10 and memory < 500


# What strangers may send: harmless stand-ins.


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    Image.fromarray(scene.picture()).save(source / "a.png")
    return source


def refused(source, target) -> str:
    with pytest.raises(DataError) as error:
        to_folder(source, target, log=lambda line: None)
    assert not target.exists() and not list(target.parent.glob(".*partial*"))
    return str(error.value)


def test_members_that_climb_go_nowhere(folder, tmp_path):
    shutil.copy(FIXTURES / "stardist/a.zip", folder / "a.zip")
    with zipfile.ZipFile(folder / "a.zip", "a") as archive:
        archive.writestr("../../outside.roi", zipfile.ZipFile(FIXTURES / "stardist/a.zip").read("001_001.roi"))
    to_folder(folder, tmp_path / "kit", log=lambda line: None)
    assert not list(tmp_path.parent.glob("**/outside.roi"))


def test_exports_as_archives(folder, tmp_path):
    "As CVAT, Label Studio and Roboflow hand them out; a question names the archive."
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        for file in sorted((FIXTURES / "label_studio_json").iterdir()):
            archive.write(file, f"some/folder/{file.name}")
    with pytest.raises(Question, match="export.zip/some/folder/project-1.json"):
        to_folder(tmp_path / "export.zip", tmp_path / "kit", log=lambda line: None)
    assert not (tmp_path / "kit").exists() and not list(tmp_path.glob(".kit*"))
    prepared(tmp_path / "export.zip", tmp_path, options=ReadOptions(annotator="1"))
    assert json.loads((tmp_path / "kit/prepare.json").read_text())["source"].endswith("export.zip")


def test_archives_that_lead_out_or_swell_are_refused(tmp_path):
    link = zipfile.ZipInfo("a.png")
    link.external_attr = 0o120777 << 16
    members = {"../a.png": b"", "/a.png": b"", "..\\a.png": b"", "C:a.png": b"", link: b"/etc", "a.tif": bytes(2**27)}
    for name, data in members.items():
        with zipfile.ZipFile(tmp_path / "export.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, data)
        assert "export.zip" in refused(tmp_path / "export.zip", tmp_path / "kit")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["export.zip"]


def test_two_preparations_and_one_that_was_killed(folder, tmp_path):
    "What a killed one left is removed, what another works in is not; the second of two finds the folder taken."
    import fcntl

    shutil.copy(FIXTURES / "stardist/a.zip", folder / "a.zip")
    (tmp_path / ".kit.partial-00000000/images").mkdir(parents=True)
    (tmp_path / ".kit.partial-11111111").mkdir()
    with open(tmp_path / ".kit.partial-11111111/x", "w"):
        number = os.open(tmp_path / ".kit.partial-11111111", os.O_RDONLY)
        fcntl.flock(number, fcntl.LOCK_EX)
        to_folder(folder, tmp_path / "kit", log=lambda line: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".kit.partial-11111111", "kit", "source"]
    os.close(number)
    before = (tmp_path / "kit/prepare.json").read_bytes()
    with pytest.raises(DataError, match="exists already"):
        to_folder(folder, tmp_path / "kit", log=lambda line: None)
    with (
        pytest.raises(DataError, match="cannot be made any more"),
        kit_folder.new_folder(tmp_path / "second") as beside,
    ):
        shutil.copytree(tmp_path / "kit", tmp_path / "second")
    assert not beside.exists() and (tmp_path / "kit/prepare.json").read_bytes() == before


def test_training_names_the_command_that_comes_first(folder, tmp_path):
    "The command is real, and so is the recipe it ends in."
    shutil.copytree(FIXTURES / "labelme", tmp_path / "drawn")
    for dataset in ("ISBI", "folder"):
        with pytest.raises(DataError) as error:
            source_of(TrainConfig(data_path=str(tmp_path / "drawn"), dataset=dataset)).split()
        first, then = re.findall(r"`(unet_nb .+?)`", str(error.value))
        command = cli.commands["prepare"].make_context("prepare", shlex.split(first)[2:]).params
        assert command["source"] == str(tmp_path / "drawn") and then.split()[-1] == command["output"] + "/train.yaml"
    cfg = PrepareConfig(source_path=command["source"], data_path=command["output"])
    done = convert_source(cfg, log=lambda line: None)
    recipe = write_recipe(cfg.replace(data_path=str(done.folder), **done.params))
    assert str(recipe) == then.split()[-1]
    trained = load_params(recipe)
    assert (trained.num_classes, trained.coco_classes) == (3, ["background", "cell", "nucleus"])
    assert source_of(trained).load()[0].mask.max() == 2


def test_the_command(tmp_path, monkeypatch, capsys):
    "From an archive to a data set with recipe, account and report; a question first, which names its parameter."
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("export.zip", "w") as archive:
        for file in sorted((FIXTURES / "label_studio_json").iterdir()):
            archive.write(file, file.name)
    with pytest.raises(Question) as question:
        to_folder("export.zip", "cells", log=lambda line: None)
    assert "Question" in SPEAKING  # a notebook that stops with it ends in its words
    (answer,) = re.findall(r"On the command line: (-p \w+ \w+)", str(question.value))
    main(["prepare", "export.zip", "-o", "cells", *answer.split()])
    *_, report, then = capsys.readouterr().out.strip().splitlines()
    assert then == "unet_nb run train -f cells/train.yaml"
    page = Path(report.removeprefix("report: ")).read_text()
    assert "Outlines as they were drawn" in page and "data:image/webp" in page
    assert load_params("cells/train.yaml").coco_classes == ["background", "cell"]
    assert {p.name for p in Path("cells").iterdir()} >= {"images", "masks", "instances", "check", "prepare.json"}


def test_prepared_folders_in_a_source_are_passed_over(folder, tmp_path):
    shutil.copy(FIXTURES / "stardist/a.zip", folder / "a.zip")
    for name in ("one", "two"):
        done = to_folder(folder, folder / name, log=lambda line: None)
        assert len(done.images) == 1 and not [note for note in done.notes if "left out" in note]
    assert recognise(folder / "two").tool == "kit"


def test_archives_that_swell_are_refused(folder, tmp_path):
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.roi", bytes(2**26 + 1))
    assert "64 MiB" in refused(folder, tmp_path / "kit")


@pytest.mark.parametrize("content", [b"", b"Iout", b"Iout" + bytes(60), b"PK\x03\x04broken"])
def test_damaged_rois_are_named(content, folder, tmp_path):
    (folder / "a.roi").write_bytes(content)
    assert "a.roi" in refused(folder, tmp_path / "kit")


def test_losing_all_annotations_says_why(folder, tmp_path):
    shapes = [{"label": "cell", "shape_type": "line", "points": [[1, 1], [9, 9]]}] * 2
    (folder / "a.json").write_text(json.dumps({"shapes": shapes, "imagePath": "a.png"}))
    assert "2 lines (line_width gives them one, in pixels)" in refused(folder, tmp_path / "kit")


def test_collections_within_collections(tmp_path):
    shutil.copytree(FIXTURES / "qupath", tmp_path / "source")
    file = tmp_path / "source/a.geojson"
    data = json.loads(file.read_text())
    two = {"type": "FeatureCollection", "features": data["features"][2:]}
    file.write_text(json.dumps({"type": "FeatureCollection", "features": [*data["features"][:2], two]}))
    np.testing.assert_array_equal(prepared(tmp_path / "source", tmp_path)[1], expected()[0])


def test_entities_are_refused(folder, tmp_path):
    text = '<!DOCTYPE a [<!ENTITY b "xxxxxxxx"><!ENTITY c "&b;&b;">]><Annotations>&c;</Annotations>'
    (folder / "a.xml").write_text(text)
    assert "entities" in refused(folder, tmp_path / "kit")


def test_pickles_are_not_loaded(folder, tmp_path):
    (folder / "a_seg.npy").write_bytes(b"\x93NUMPY not a real one")
    assert "pickle" in refused(folder, tmp_path / "kit")


@pytest.mark.parametrize("name", ["../../../etc/hostname.png", "/etc/hostname.png", "..\\..\\x.png", "", "a\0.png"])
def test_image_names_stay_inside(name, folder, tmp_path):
    shape = {"label": "cell", "shape_type": "rectangle", "points": [[2, 2], [9, 9]]}
    (folder / "a.json").write_text(json.dumps({"shapes": [shape], "imagePath": name}))
    refused(folder, tmp_path / "kit")


def test_huge_and_odd_coordinates(folder, tmp_path):
    "Coordinates far away cost neither time nor memory; numbers that are none are left out and counted."
    far = [[-1e12, -1e12], [1e12, -1e12], [1e12, 1e12], [-1e12, 1e12]]
    shapes = [
        {"label": "cell", "points": far},
        {"label": "cell", "points": [[0, 0], [1e400, 1], [2, 2]]},
        {"label": 7, "points": far},
    ]
    (folder / "a.json").write_text(json.dumps({"shapes": shapes, "imagePath": "a.png"}))
    done, mask, _ = prepared(folder, tmp_path)
    assert (mask == 1).all() and done.totals()["painted"] == 1 and done.totals()["read"] == 3


JUNK = [None, "x", "", [], {}, -1, 1e300, True, [[]], [None], {"a": 1}, [[1]], 2**70]
JSON_FILES = {
    "labelme": "a.json",
    "datumaro_coco": "annotations/instances_default.json",
    "label_studio_json": "project-1.json",
    "qupath": "a.geojson",
}


def places(data, place=()):
    "The places of all values in JSON data."
    yield place
    for key in data if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield from places(data[key], (*place, key))


@pytest.mark.parametrize("name", JSON_FILES)
def test_damaged_values_are_left_out_or_named(name, tmp_path):
    "A value that the format does not have, at 40 places drawn at random: no other error than one in words."
    rng = np.random.default_rng(0)
    shutil.copytree(FIXTURES / name, tmp_path / "source")
    file = tmp_path / "source" / JSON_FILES[name]
    text = file.read_text()
    spots = [place for place in places(json.loads(text)) if place]
    given = ReadOptions(outlines="corner", annotator="1", unclassified="object", point_radius=2.0, iscrowd="object")
    for i in range(40):
        *way, last = spots[rng.integers(len(spots))]
        data = json.loads(text)
        held = data
        for key in way:
            held = held[key]
        held[last] = JUNK[rng.integers(len(JUNK))]
        file.write_text(json.dumps(data))
        with contextlib.suppress(DataError, FileNotFoundError):
            to_folder(tmp_path / "source", tmp_path / f"kit{i}", options=given, log=lambda line: None, check_images=0)


def test_own_label_images_are_not_taken_for_forgotten_images(folder, tmp_path):
    mask, numbers = expected()
    write_annotations("labels", folder, [("a.png", mask, numbers)], ["background", "cell", "nucleus"])
    done, *_ = prepared(folder, tmp_path)
    assert not [note for note in done.notes if "left out" in note]
