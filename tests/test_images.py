"""Every ordinary kind of image and mask file, by the programs that write them: what is read is what was written.

The files are made from a seed by tifffile, Pillow, OpenCV, imageio, rasterio (GDAL) and NumPy. What is expected is the
array that was written or, where the format loses some of it, what an independent decoder reads; never the reader's own
answer.
"""

import json
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import cv2
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from PIL import Image

from unet_nb.data.images import DataError, Reading, open_image, read_image, read_instances, read_mask
from unet_nb.data.masks import decide_masks, mask_ids, summarize_mask
from unet_nb.data.pairs import pair_files

warnings.simplefilter("ignore")
SEED = 0
H, W = 37, 53
RNG = np.random.default_rng(SEED)
SMOOTH = cv2.GaussianBlur(RNG.random((H, W)), (0, 0), 3)
SMOOTH = (SMOOTH - SMOOTH.min()) / np.ptp(SMOOTH)
GREY = (SMOOTH * 255).astype(np.uint8)
DEEP = (SMOOTH * 65535).astype(np.uint16)
TWELVE = (SMOOTH * 4095).astype(np.uint16)
RGB = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], -1)
RGB16 = np.stack([DEEP, DEEP[::-1], DEEP[:, ::-1]], -1)
ALPHA = np.where(SMOOTH > 0.4, 255, 90).astype(np.uint8)
RGBA = np.dstack([RGB, ALPHA])
FOUR = np.dstack([RGB, 255 - GREY])
DISC = cv2.circle(np.zeros((H, W), np.uint8), (W // 2, H // 2), 12, 1, -1)
IDS = np.where(SMOOTH > 0.7, 2, DISC).astype(np.uint8)
STACK = np.stack([np.roll(GREY, 3 * i, 1) for i in range(6)])
VOLUME = np.stack([GREY] * 16)
RED = np.zeros((3, 256), np.uint16)
RED[0] = np.arange(256) * 257
BIG = np.tile(cv2.resize(GREY, (256, 128)), (2, 2))  # 256 x 512


def tif(array, **options):
    return lambda path: tifffile.imwrite(path, array, **options)


def pil(array, mode=None, **options):
    return lambda path: (Image.fromarray(array).convert(mode) if mode else Image.fromarray(array)).save(path, **options)


def ocv(array, *flags):
    order = {2: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[array.ndim if array.ndim == 2 else array.shape[2]]
    return lambda path: cv2.imwrite(str(path), array if array.ndim == 2 else array[..., order], list(flags))


def gdal(array, **options):
    def write(path):
        import rasterio

        bands = array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)
        profile = {"driver": "GTiff", "count": len(bands), "dtype": array.dtype, "height": H, "width": W} | options
        with rasterio.open(path, "w", **profile) as file:
            file.write(bands)

    return write


def gdal_with_mask(path):
    import rasterio

    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        with rasterio.open(path, "w", driver="GTiff", count=1, dtype="uint8", height=H, width=W) as file:
            file.write(GREY, 1)
            file.write_mask(SMOOTH > 0.5)


def exif(orientation, array, **options):
    "The picture turned so that its EXIF turns it back."
    tags = Image.Exif()
    tags[274] = orientation
    back = {1: lambda a: a, 3: lambda a: a[::-1, ::-1], 6: lambda a: np.rot90(a), 8: lambda a: np.rot90(a, -1)}
    turned = np.ascontiguousarray(back[orientation](array))
    return lambda path: Image.fromarray(turned).save(path, exif=tags, **options)


def ome_pyramid(path):
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(np.stack([BIG, 255 - BIG]), subifds=1, metadata={"axes": "CYX"}, tile=(64, 64), compression="zlib")
        writer.write(np.stack([BIG, 255 - BIG])[:, ::2, ::2], subfiletype=1, tile=(64, 64), compression="zlib")


def plain_pyramid(flags):
    def write(path):
        with tifffile.TiffWriter(path) as writer:
            for k in (1, 2, 4):
                writer.write(BIG[::k, ::k], subfiletype=int(flags and k > 1), tile=(64, 64), metadata=None)

    return write


def thumbnail_first(path):
    with tifffile.TiffWriter(path) as writer:
        writer.write(BIG[::8, ::8], metadata=None)
        writer.write(BIG, metadata=None)


def slide(path):
    "As Aperio writes: the image, a thumbnail, a reduced copy, a label and an overview."
    text = "Aperio Image Library v10.0.50\r\n512x256 |AppMag = 20|MPP = 0.4990"
    with tifffile.TiffWriter(path) as writer:
        common = {"metadata": None, "description": text, "compression": "jpeg", "photometric": "rgb"}
        wide = np.stack([BIG] * 3, -1)
        writer.write(wide, tile=(128, 128), **common)
        writer.write(wide[::4, ::4], **common)
        writer.write(wide[::2, ::2], tile=(128, 128), **common)
        writer.write(wide[:60, :50], subfiletype=1, **common | {"description": text + "\nlabel 50x60"})
        writer.write(wide[:40, :90], subfiletype=9, **common | {"description": text + "\nmacro 90x40"})


def clear_palette(indices, table, transparency):
    "A palette whose numbers are clear: the one that is named, or as the bytes say."

    def write(path):
        picture = Image.fromarray(indices)
        picture.putpalette(table)
        picture.save(path, transparency=transparency)

    return write


def grey_and_alpha(path):
    Image.merge("LA", [Image.fromarray(x) for x in (GREY, ALPHA)]).save(path)


def decoded_by_pillow(path):
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB") if file.mode in ("CMYK", "YCbCr") else file)


def decoded_by_opencv(path):
    pixels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return pixels if pixels.ndim == 2 else pixels[..., ::-1]


# name of the kind: (file, writer, expected image (H, W[, C]) or stack, or a decoder; reading)
KINDS = {
    "png grey, Pillow": ("a.png", pil(GREY), GREY),
    "png colour, Pillow": ("a.png", pil(RGB), RGB),
    "png RGBA, Pillow": ("a.png", pil(RGBA), RGB),
    "png RGBA, alpha a channel": ("a.png", pil(RGBA), RGBA, Reading(alpha="channel")),
    "png RGBA, alpha alone": ("a.png", pil(RGBA), ALPHA, Reading(alpha="only")),
    "png grey and alpha": ("a.png", grey_and_alpha, GREY),
    "png 16 bits, Pillow": ("a.png", pil(DEEP), DEEP),
    "png 16 bits, OpenCV": ("a.png", ocv(DEEP), DEEP),
    "png 16 bits colour, OpenCV": ("a.png", ocv(RGB16), RGB16),
    "png 16 bits RGBA, OpenCV": ("a.png", ocv(np.dstack([RGB16, DEEP])), RGB16),
    "png 1 bit": ("a.png", pil(DISC > 0), DISC * 255),
    "png 2 bits": ("a.png", pil(IDS * 85, bits=2), IDS * 85),
    "png palette": ("a.png", pil(RGB // 64 * 64, "P", palette=Image.Palette.ADAPTIVE), None),
    "png palette, partly clear": ("a.png", clear_palette(GREY // 64, list(range(12)), b"\0\x80"),
                                  np.arange(12, dtype=np.uint8).reshape(4, 3)[GREY // 64]),
    "png palette, one clear, alpha alone": ("a.png", clear_palette(DISC, [9] * 6, 0), DISC * 255,
                                            Reading(alpha="only")),
    "png turned by EXIF": ("a.png", exif(6, RGB), RGB),
    "png, imageio": ("a.png", lambda p: iio.imwrite(p, RGB), RGB),
    "jpeg grey": ("a.jpg", pil(GREY, quality=95), decoded_by_pillow),
    "jpeg colour, OpenCV wrote": ("a.jpg", ocv(RGB), decoded_by_pillow),
    "jpeg CMYK": ("a.jpg", pil(RGB, "CMYK", quality=95), decoded_by_pillow),
    "jpeg turned by EXIF 6": ("a.jpg", exif(6, RGB, quality=95), lambda p: np.rot90(decoded_by_pillow(p), -1)),
    "jpeg turned by EXIF 8": ("a.jpg", exif(8, GREY, quality=95), lambda p: np.rot90(decoded_by_pillow(p))),
    "jpeg, EXIF ignored": ("a.jpg", exif(3, GREY), decoded_by_pillow, Reading(orientation="ignore")),
    "bmp colour": ("a.bmp", pil(RGB), RGB),
    "bmp grey, OpenCV": ("a.bmp", ocv(GREY), decoded_by_opencv),
    "bmp, imageio": ("a.bmp", lambda p: iio.imwrite(p, RGB), RGB),
    "webp without loss": ("a.webp", pil(RGB, lossless=True), RGB),
    "webp with loss": ("a.webp", pil(RGB, quality=80), decoded_by_pillow),
    "npy (H, W)": ("a.npy", lambda p: np.save(p, TWELVE), TWELVE),
    "npy (H, W, 3) Fortran": ("a.npy", lambda p: np.save(p, np.asfortranarray(RGB)), RGB),
    "npy (Z, H, W)": ("a.npy", lambda p: np.save(p, STACK), STACK, Reading(axes="ZYX")),
    "npy big-endian": ("a.npy", lambda p: np.save(p, DEEP.astype(">u2")), DEEP),
    "tiff grey, tifffile": ("a.tif", tif(GREY), GREY),
    "tiff grey, Pillow": ("a.tif", pil(GREY), GREY),
    "tiff LZW, Pillow": ("a.tif", pil(GREY, compression="tiff_lzw"), GREY),
    "tiff LZW colour, OpenCV": ("a.tif", ocv(RGB), RGB),
    "tiff LZW predictor 16 bits, OpenCV": ("a.tif", ocv(RGB16), RGB16),
    "tiff fax 4, Pillow": ("a.tif", pil(DISC > 0, compression="group4"), DISC * 255),
    "tiff fax 3, Pillow": ("a.tif", pil(DISC > 0, compression="group3"), DISC * 255),
    "tiff fax rle, Pillow": ("a.tif", pil(DISC > 0, compression="tiff_ccitt"), DISC * 255),
    "tiff deflate, Pillow": ("a.tif", pil(RGB, compression="tiff_adobe_deflate"), RGB),
    "tiff lzma, Pillow": ("a.tif", pil(GREY, compression="lzma"), GREY),
    "tiff zstd, Pillow": ("a.tif", pil(GREY, compression="zstd"), GREY),
    "tiff deflate 16 bits, OpenCV": ("a.tif", ocv(DEEP, cv2.IMWRITE_TIFF_COMPRESSION, 8), DEEP),
    "tiff floats, OpenCV": ("a.tif", ocv(SMOOTH.astype(np.float32)), SMOOTH.astype(np.float32)),
    "tiff 16 bits, imageio": ("a.tif", lambda p: iio.imwrite(p, DEEP), DEEP),
    "tiff deflate, GDAL": ("a.tif", gdal(RGB16, compress="DEFLATE", predictor=2), RGB16),
    "tiff int16, GDAL": ("a.tif", gdal(TWELVE.astype(np.int16) - 2000), TWELVE.astype(np.int16) - 2000),
    "tiff float64 tiles, GDAL": ("a.tif", gdal(SMOOTH, tiled=True, blockxsize=16, blockysize=16), SMOOTH),
    "ImageJ floats": ("a.tif", tif(SMOOTH.astype(np.float32), imagej=True), SMOOTH.astype(np.float32)),
    "tiff 1 bit, Pillow": ("a.tif", pil(DISC > 0), DISC * 255),
    "tiff colour, imageio": ("a.tif", lambda p: iio.imwrite(p, RGB), RGB),
    "tiff big-endian": ("a.tif", tif(DEEP, byteorder=">"), DEEP),
    "BigTIFF": ("a.btf", tif(DEEP, bigtiff=True), DEEP),
    "BigTIFF, GDAL": ("a.tif", gdal(GREY, BIGTIFF="YES"), GREY),
    "tiff tiles": ("a.tif", tif(RGB, tile=(16, 32)), RGB),
    "tiff tiles deflate predictor": ("a.tif", tif(DEEP, tile=(16, 16), compression="zlib", predictor=True), DEEP),
    "tiff strips": ("a.tif", tif(GREY, rowsperstrip=5), GREY),
    "tiff planar": ("a.tif", tif(np.moveaxis(RGB, -1, 0), photometric="rgb", metadata=None, software=""), RGB),
    "tiff planar, colours": ("a.tif", tif(np.moveaxis(RGBA, -1, 0)), RGB, Reading(axes="SYX")),
    "tiff and a mask of transparency, GDAL": ("a.tif", gdal_with_mask, GREY),
    "tiff planar tiles LZW, GDAL": ("a.tif", gdal(RGB, interleave="band", compress="LZW", tiled=True, blockxsize=16,
                                                   blockysize=16), RGB),
    "tiff zstd, GDAL": ("a.tif", gdal(DEEP, compress="ZSTD", predictor=2), DEEP),
    "tiff lerc, GDAL": ("a.tif", gdal(SMOOTH.astype(np.float32), compress="LERC"), SMOOTH.astype(np.float32)),
    "tiff lzma": ("a.tif", tif(DEEP, compression="lzma"), DEEP),
    "tiff packbits": ("a.tif", tif(GREY, compression="packbits"), GREY),
    "tiff webp": ("a.tif", tif(RGB, compression="webp"), RGB),
    "tiff png": ("a.tif", tif(DEEP, compression="png"), DEEP),
    "tiff jpeg 2000": ("a.tif", tif(DEEP, compression="jpeg2000"), DEEP),
    "tiff jpeg xl": ("a.tif", tif(RGB, compression="jpegxl"), RGB),
    "tiff jpeg YCbCr, tifffile": ("a.tif", tif(RGB, photometric="rgb", compression="jpeg"), decoded_by_pillow),
    "tiff jpeg YCbCr, GDAL": ("a.tif", gdal(RGB, photometric="YCBCR", compress="JPEG"), decoded_by_opencv),
    "tiff jpeg RGB, Pillow": ("a.tif", pil(RGB, compression="jpeg"), decoded_by_opencv),
    "tiff YCbCr without JPEG": ("a.tif", pil(RGB, "YCbCr"), decoded_by_pillow),
    "tiff float32": ("a.tif", tif(SMOOTH.astype(np.float32)), SMOOTH.astype(np.float32)),
    "tiff float predictor, GDAL": ("a.tif", gdal(SMOOTH.astype(np.float32), compress="LZW", predictor=3),
                                   SMOOTH.astype(np.float32)),
    "tiff float64": ("a.tif", tif(SMOOTH), SMOOTH),
    "tiff float16": ("a.tif", tif(SMOOTH.astype(np.float16)), SMOOTH.astype(np.float16)),
    "tiff int16": ("a.tif", tif(TWELVE.astype(np.int16) - 2000), TWELVE.astype(np.int16) - 2000),
    "tiff int32": ("a.tif", tif(DEEP.astype(np.int32)), DEEP.astype(np.int32)),
    "tiff uint32": ("a.tif", tif(DEEP.astype(np.uint32) * 9), DEEP.astype(np.uint32) * 9),
    "tiff 12 bits in 16": ("a.tif", tif(TWELVE), TWELVE),
    "tiff 12 bits packed, GDAL": ("a.tif", gdal(TWELVE, nbits=12), TWELVE),
    "tiff 4 bits, GDAL": ("a.tif", gdal(GREY >> 4, nbits=4), (GREY >> 4) * 17),
    "tiff WhiteIsZero, Pillow": ("a.tif", pil(GREY, tiffinfo={262: 0}), GREY),
    "tiff WhiteIsZero LZW, Pillow": ("a.tif", pil(GREY, tiffinfo={262: 0}, compression="tiff_lzw"), GREY),
    "tiff WhiteIsZero 16 bits": ("a.tif", tif(65535 - DEEP, photometric="miniswhite"), DEEP),
    "tiff WhiteIsZero stored": ("a.tif", tif(GREY, photometric="miniswhite"), GREY, Reading(white_is_zero="stored")),
    "tiff palette": ("a.tif", tif(GREY, photometric="palette", colormap=RED), np.dstack([GREY, GREY * 0, GREY * 0])),
    "tiff palette, numbers": ("a.tif", tif(GREY, photometric="palette", colormap=RED), GREY,
                              Reading(palette="indices")),
    "tiff palette, Pillow": ("a.tif", pil(RGB // 64 * 64, "P", palette=Image.Palette.ADAPTIVE), None),
    "tiff CMYK, Pillow": ("a.tif", pil(RGB, "CMYK"), decoded_by_pillow),
    "tiff RGBA": ("a.tif", tif(RGBA, photometric="rgb", extrasamples=["unassalpha"]), RGB),
    "tiff RGB and a channel": ("a.tif", tif(FOUR, photometric="rgb", extrasamples=["unspecified"]), FOUR),
    "tiff 4 channels MinIsBlack": ("a.tif", tif(FOUR, photometric="minisblack", planarconfig="contig"), FOUR),
    "tiff 4 bands, GDAL": ("a.tif", gdal(FOUR, photometric="MINISBLACK"), FOUR),
    "tiff 2 bands 16 bits, GDAL": ("a.tif", gdal(RGB16[..., :2]), RGB16[..., :2]),
    "tiff orientation 6": ("a.tif", tif(np.ascontiguousarray(np.rot90(GREY)), extratags=[(274, 3, 1, 6, True)]), GREY),
    "tiff orientation 2": ("a.tif", tif(np.ascontiguousarray(RGB[:, ::-1]), extratags=[(274, 3, 1, 2, True)]), RGB),
    "tiff orientation 7": ("a.tif", tif(np.ascontiguousarray(GREY[::-1, ::-1].T), extratags=[(274, 3, 1, 7, True)]),
                           GREY),
    "ImageJ grey": ("a.tif", tif(DEEP, imagej=True), DEEP),
    "ImageJ composite CYX": ("a.tif", tif(STACK[:3], imagej=True, metadata={"axes": "CYX", "mode": "composite"}),
                             np.moveaxis(STACK[:3], 0, -1)),
    "ImageJ stack ZYX": ("a.tif", tif(STACK, imagej=True, metadata={"axes": "ZYX"}), STACK),
    "ImageJ hyperstack TZCYX": ("a.tif", tif(STACK.reshape(1, 3, 2, H, W), imagej=True, metadata={"axes": "TZCYX"}),
                                np.moveaxis(STACK.reshape(3, 2, H, W), 1, -1)),
    "ImageJ RGB": ("a.tif", tif(RGB, imagej=True), RGB),
    "ImageJ stack of RGB": ("a.tif", tif(np.stack([RGB, RGB[::-1]]), imagej=True, metadata={"axes": "ZYXS"}),
                            np.stack([RGB, RGB[::-1]])),
    "OME CYX": ("a.ome.tif", tif(STACK[:2], metadata={"axes": "CYX"}), np.moveaxis(STACK[:2], 0, -1)),
    "OME TCZYX": ("a.ome.tif", tif(STACK.reshape(1, 2, 3, H, W), metadata={"axes": "TCZYX"}),
                  np.moveaxis(STACK.reshape(2, 3, H, W), 0, -1)),
    "OME ZCYX deflate": ("a.ome.tif", tif(STACK.reshape(3, 2, H, W), metadata={"axes": "ZCYX"}, compression="zlib"),
                         np.moveaxis(STACK.reshape(3, 2, H, W), 1, -1)),
    "OME pyramid of two channels": ("a.ome.tif", ome_pyramid, np.dstack([BIG, 255 - BIG])),
    "pyramid with flags": ("a.tif", plain_pyramid(True), BIG),
    "pyramid without flags": ("a.tif", plain_pyramid(False), BIG),
    "thumbnail before the image": ("a.tif", thumbnail_first, BIG),
    "slide scanner": ("a.svs", slide, lambda p: tifffile.imread(p, key=0)),
    "volume in tiles": ("a.tif", tif(VOLUME, volumetric=True, tile=(16, 16, 16), photometric="minisblack"),
                        VOLUME),
    "pages, Pillow": ("a.tif", lambda p: Image.fromarray(STACK[0]).save(
        p, save_all=True, append_images=[Image.fromarray(x) for x in STACK[1:]]), STACK),
    "pages LZW, OpenCV": ("a.tif", lambda p: cv2.imwritemulti(str(p), list(STACK)), STACK),
    "one array of six, tifffile": ("a.tif", tif(STACK, photometric="minisblack"), STACK),
    "one array of three named": ("a.tif", tif(STACK[:3], photometric="minisblack"), STACK[:3], Reading(axes="ZYX")),
    "trailing axes of one": ("a.tif", tif(GREY[None, ..., None], photometric="minisblack"), GREY),
    "two channels of four": ("a.tif", tif(FOUR, photometric="minisblack", planarconfig="contig"), FOUR[..., [3, 0]],
                             Reading(channels=(3, 0))),
    "rows, columns, channels as pages": ("a.tif", tif(FOUR[..., :2], photometric="minisblack"), FOUR[..., :2],
                                         Reading(axes="YXC")),
}  # fmt: skip


# Every compression that tifffile and imagecodecs write, without loss where it can be.
EXACT = {"uint8": GREY, "uint16": DEEP, "colours": RGB, "float32": SMOOTH.astype(np.float32)}
LESS = ("uint8", "uint16", "colours")  # JPEG XR rounds floats, the others know none
CODECS = {
    "LZW": EXACT, "ADOBE_DEFLATE": EXACT, "DEFLATE": EXACT, "PACKBITS": EXACT, "LZMA": EXACT, "ZSTD": EXACT,
    "ZSTD_DEPRECATED": EXACT, "LERC": EXACT, "JPEGXR": LESS, "JPEGXR_NDPI": LESS, "JPEGXL": EXACT,
    "JPEGXL_DNG": EXACT, "PIXTIFF": EXACT, "PNG": LESS,
    "JPEG2000": LESS, "JPEG_2000_LOSSY": LESS,
    "APERIO_JP2000_YCBC": ("uint8", "uint16"), "APERIO_JP2000_RGB": LESS,
    "WEBP": ("colours",), "WEBP_DEPRECATED": ("colours",),
}  # fmt: skip
KINDS |= {
    f"tiff compression {codec}, {kind}": (
        "a.tif",
        tif(EXACT[kind], compression=codec, photometric="rgb" if kind == "colours" else "minisblack"),
        EXACT[kind],
    )
    for codec, kinds in CODECS.items()
    for kind in kinds
}
LOSSY = ("JPEG", "JPEG_LOSSY", "JPEG_99", "ALT_JPEG")  # of photographs; the first is compared with Pillow's and GDAL's
NO_PIXELS = {"NONE", "JETRAW"}  # not compressed; a licence of its maker's


def test_no_compression_that_can_be_written_is_forgotten(tmp_path):
    for codec in tifffile.COMPRESSION:
        try:
            tifffile.imwrite(tmp_path / "a.tif", RGB, compression=codec, photometric="rgb")
        except (KeyError, ImportError):
            continue  # no encoder
        assert codec.name in {*CODECS, *LOSSY, *NO_PIXELS}, codec.name


def pixels_of(kind: str, path: Path) -> np.ndarray:
    "What the file of a kind holds: what was written into it, or what an independent decoder reads."
    expected = KINDS[kind][2]
    if expected is None:
        with Image.open(path) as picture:
            assert picture.mode == "P"
            return np.asarray(picture.convert("RGB"))
    return expected(path) if callable(expected) else expected


@pytest.mark.parametrize("kind", KINDS)
def test_kind(kind, tmp_path):
    name, write, _, *reading = KINDS[kind]
    path = tmp_path / name
    write(path)
    expected = pixels_of(kind, path)
    for source in (path, path.read_bytes()):
        file = open_image(source, *reading)
        found = file.page() if len(file) == 1 else file.stack()
        assert found.dtype == expected.dtype and found.dtype.isnative
        np.testing.assert_array_equal(found, expected)
    assert file.shape == found.shape[-len(file.shape) :] and file.dtype == found.dtype
    single = found if len(file) == 1 else found[-1]
    for top, bottom, left, right in ((0, 1, 0, 1), (5, 30, 11, 47), (H - 1, H, 0, W), (3, 3, 0, 5)):
        window = file[-1][top:bottom, left:right]
        np.testing.assert_array_equal(window, single[top:bottom, left:right])
    json.dumps(file.reading.to_json())


def two_images(path):
    with tifffile.TiffWriter(path, ome=True) as writer:
        writer.write(GREY, metadata={"axes": "YX"})
        writer.write(GREY[:-5], metadata={"axes": "YX"})


def half_of_ome(path):
    "One of the two files of an OME-TIFF."
    tifffile.imwrite(path, STACK[:2], metadata={"axes": "CYX"}, photometric="minisblack")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'SizeC="2"', b'SizeC="3"').replace(b'SizeT="1"', b'SizeT="1"'))


# name: (file, writer, words of the refusal, what settles it, and what is read then)
REFUSED = {
    "three pages of one array": ("a.tif", tif(STACK[:3], photometric="minisblack"), "axes='CYX'", Reading(axes="CYX"),
                                 np.moveaxis(STACK[:3], 0, -1)),
    "three slices by scikit-image or imageio": ("a.tif", lambda p: iio.imwrite(p, STACK[:3]), "axes='ZYX'",
                                                Reading(axes="ZYX"), STACK[:3]),
    "four channels as planes": ("a.tif", tif(STACK[:4]), "axes='CYX'", Reading(axes="CYX"),
                                np.moveaxis(STACK[:4], 0, -1)),
    "npy of three axes": ("a.npy", lambda p: np.save(p, STACK), "axes='ZYX'", Reading(axes="ZYX"), STACK),
    "thirty channels": ("a.tif", tif(np.zeros((30, H, W), np.uint8), imagej=True), "axes='ZYX'", Reading(axes="ZYX"),
                        np.zeros((30, H, W), np.uint8)),
    "rows as pages": ("a.tif", tif(FOUR[..., :2], photometric="minisblack"), "axes='YXC'", Reading(axes="YXC"),
                      FOUR[..., :2]),
    "channels of colours": ("a.tif", tif(np.stack([RGB, RGB]), imagej=True, metadata={"axes": "CYXS"}), "axes='ZYXS'",
                            Reading(axes="ZYXS"), np.stack([RGB, RGB])),
    "two images in one file": ("a.ome.tif", two_images, "series=0", Reading(series=1), GREY[:-5]),
    "a negative of floats": ("a.tif", tif(SMOOTH.astype(np.float32), photometric="miniswhite"),
                             "white_is_zero='stored'", Reading(white_is_zero="stored"), SMOOTH.astype(np.float32)),
    "a part of an OME-TIFF": ("a.ome.tif", half_of_ome, "axes='ZYX'", Reading(axes="ZYX"), STACK[:2]),
    "positions": ("a.tif", tif(STACK, metadata={"axes": "RYX"}, photometric="minisblack"), "axes='ZYX'",
                  Reading(axes="ZYX"), STACK),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_ambiguous_is_refused_with_a_choice_that_works(kind, tmp_path):
    name, write, words, reading, expected = REFUSED[kind]
    write(tmp_path / name)
    with pytest.raises(DataError) as error:
        open_image(tmp_path / name).page()
    assert error.value.code == "needs-choice" and words in str(error.value) and name in str(error.value)
    file = open_image(tmp_path / name, Reading.from_json(json.loads(json.dumps(reading.to_json()))))
    np.testing.assert_array_equal(file.page() if len(file) == 1 else file.stack(), expected)


def test_facts_and_the_size_of_a_pixel(tmp_path):
    path = tmp_path / "a.tif"
    sizes = {
        "ImageJ": tif(GREY, imagej=True, resolution=(4, 2), metadata={"unit": "um"}),
        "inches": tif(GREY, resolution=(101600, 50800), resolutionunit="INCH"),
        "centimetres": tif(GREY, resolution=(40000, 20000), resolutionunit="CENTIMETER"),
    }
    for write in sizes.values():
        write(path)
        assert open_image(path).pixel_size == pytest.approx((0.5, 0.25))
    tif(GREY, resolution=(72, 72), resolutionunit="INCH")(path)
    assert open_image(path).pixel_size is None, "a printer's resolution is no pixel size"
    ome = {
        "axes": "YX",
        "PhysicalSizeX": 250,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 0.5,
        "PhysicalSizeYUnit": "µm",
    }
    tif(GREY, metadata=ome)(tmp_path / "a.ome.tif")
    assert open_image(tmp_path / "a.ome.tif").pixel_size == pytest.approx((0.5, 0.25))
    slide(tmp_path / "a.svs")
    file = open_image(tmp_path / "a.svs")
    assert file.pixel_size == (0.499, 0.499) and any("left out: 4" in fact for fact in file.facts)
    pil(GREY, tiffinfo={262: 0}, compression="tiff_lzw")(path)
    assert {"compressed with LZW", "WhiteIsZero: inverted, so that bright is bright"} <= set(open_image(path).facts)


def test_what_is_no_image_is_refused_in_words(tmp_path):
    cases = {
        "complex.tif": (tif(GREY.astype(np.complex64)), "complex"),
        "lab.tif": (pil(RGB, "LAB"), "CIELAB"),
        "pickle.npy": (lambda p: np.save(p, np.array([{}], object), allow_pickle=True), "pickle"),
        "text.npy": (lambda p: np.save(p, np.array([["a"]])), "not numbers"),
        "animation.webp": (
            lambda p: Image.fromarray(GREY).save(p, save_all=True, append_images=[Image.fromarray(RGB[..., 1])]),
            "animation",
        ),
        "empty.png": (lambda p: p.write_bytes(b""), "empty"),
        "text.png": (lambda p: p.write_text("no picture"), "not a PNG"),
        "zeiss.czi": (lambda p: p.write_bytes(b"ZISRAWFILE" + bytes(100)), "Fiji"),
        "model.jp2": (lambda p: iio.imwrite(p, RGB, extension=".png") or p.write_bytes(b"\0\0\0\x0cjP  "), "JPEG 2000"),
        "stack.tif": (tif(STACK, photometric="minisblack"), "cut the stack"),
    }
    for name, (write, words) in cases.items():
        write(tmp_path / name)
        with pytest.raises(DataError) as error:
            read_image(tmp_path / name)
        assert str(error.value).startswith(str(tmp_path / name)) and words in str(error.value), str(error.value)
    np.testing.assert_array_equal(read_image(tmp_path / "stack.tif", page=0), STACK[0])
    with pytest.raises(DataError, match="no page 6"):
        read_image(tmp_path / "stack.tif", page=6)
    with pytest.raises(DataError, match="cannot be opened: No such file"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(DataError, match="is no file"):
        read_image(tmp_path)


# ---------------------------------------------------------------- masks

GREENISH = Image.fromarray(DISC)
GREENISH.putpalette([0, 0, 0, 0, 200, 0])
FLIPPED = Image.fromarray(1 - DISC)  # the same colours in another order
FLIPPED.putpalette([0, 200, 0, 0, 0, 0])
COLORED = np.where(DISC[..., None] > 0, np.array([0, 200, 0], np.uint8), np.array([0, 0, 0], np.uint8))
SOFT = cv2.GaussianBlur(DISC * 255, (0, 0), 0.8)
HALF = (SOFT > 127.5).astype(np.uint8)
CLEAR = np.dstack([np.full((H, W), 255, np.uint8)] * 3 + [DISC * 255])

# kind: (file, writer, reading, options of decide_masks, ids)
MASKS = {
    "0 and 1": ("a.png", pil(DISC), {}, {}, DISC),
    "0 and 255": ("a.png", pil(DISC * 255), {}, {}, DISC),
    "0 and 65535": ("a.tif", tif(DISC.astype(np.uint16) * 65535), {}, {}, DISC),
    "three classes": ("a.png", pil(IDS), {}, {"num_classes": 3}, IDS),
    "1 bit png": ("a.png", pil(DISC > 0), {}, {}, DISC),
    "bool tiff": ("a.tif", tif(DISC > 0), {}, {}, DISC),
    "1 bit fax": ("a.tif", pil(DISC > 0, compression="group4"), {}, {}, DISC),
    "2 bits": ("a.png", pil(IDS * 85, bits=2), {}, {"num_classes": 3}, IDS),
    "4 bits, GDAL": ("a.tif", gdal(IDS, nbits=4), {}, {"num_classes": 3}, IDS),
    "ImageJ 0 and 255": ("a.tif", tif(DISC * 255, imagej=True), {}, {}, DISC),
    "ImageJ inverting table": (
        "a.tif",
        tif(DISC * 255, photometric="miniswhite", description="ImageJ=1.53t\n"),
        {},
        {},
        DISC,
    ),
    "WhiteIsZero, Pillow": ("a.tif", pil(DISC * 255, tiffinfo={262: 0}), {}, {}, DISC),
    "WhiteIsZero LZW, Pillow": ("a.tif", pil(DISC * 255, tiffinfo={262: 0}, compression="tiff_lzw"), {}, {}, DISC),
    "red table on 0 and 255": ("a.tif", tif(DISC * 255, photometric="palette", colormap=RED), {}, {}, DISC),
    "palette": ("a.png", GREENISH.save, {}, {}, DISC),
    "palette, colours decide": ("a.png", FLIPPED.save, {}, {"labels": {"#000000": 0, "#00c800": 1}}, DISC),
    "grey palette": ("a.png", pil(DISC * 255, "P"), {}, {}, DISC),
    "colours": ("a.png", pil(COLORED), {}, {"labels": {"#000000": 0, "#00C800": 1}}, DISC),
    "colours, the rest": ("a.png", pil(COLORED), {}, {"labels": {"#00c800": 1, "*": 0}}, DISC),
    "grey saved as colour": ("a.png", pil(DISC * 255, "RGB"), {}, {}, DISC),
    "grey saved as RGBA": ("a.png", pil(DISC * 255, "RGBA"), {}, {}, DISC),
    "ilastik": ("a.tif", tif(DISC + 1), {}, {"labels": {"1": 0, "2": 1}}, DISC),
    "float": ("a.tif", tif(IDS.astype(np.float32)), {}, {"num_classes": 3}, IDS),
    "float 0 and 1": ("a.tif", tif(DISC.astype(np.float32)), {}, {}, DISC),
    "soft float": ("a.tif", tif(SOFT.astype(np.float32) / 255), {}, {}, HALF),
    "int32": ("a.tif", tif(IDS.astype(np.int32)), {}, {"num_classes": 3}, IDS),
    "unlabelled is -1": ("a.tif", tif(DISC.astype(np.int16) - 1), {}, {"labels": {"-1": 255, "0": 1}}, DISC * 2 % 255),
    "soft edges": ("a.png", pil(SOFT), {}, {}, HALF),
    "objects": ("a.tif", tif(IDS.astype(np.uint16) * 7), {}, {"two_class": "nonzero"}, (IDS > 0) * 1),
    "alpha": ("a.png", pil(CLEAR), {"alpha": "only"}, {}, DISC),
    "palette, clear ground": ("a.png", clear_palette(DISC, [0, 0, 0, 0, 200, 0], 0), {}, {}, DISC),
    "palette, alpha": ("a.png", clear_palette(DISC, [255] * 6, 0), {"alpha": "only"}, {}, DISC),
    "transparent ground": ("a.png", pil(np.dstack([DISC * 255] * 3 + [DISC * 255])), {}, {}, DISC),
    "JPEG by choice": ("a.jpg", pil(DISC * 255, quality=95), {}, {"two_class": "half"}, DISC),
    "other numbers": ("a.png", pil(IDS * 50), {}, {"num_classes": 3, "labels": {"0": 0, "50": 1, "100": 2}}, IDS),
    "npy": ("a.npy", lambda p: np.save(p, DISC.astype(bool)), {}, {}, DISC),
}


@pytest.mark.parametrize("kind", MASKS)
def test_mask(kind, tmp_path):
    name, write, reading, options, expected = MASKS[kind]
    write(tmp_path / name)
    mask = read_mask(tmp_path / name, Reading(**reading))
    rule = decide_masks([summarize_mask(mask)], **{"num_classes": 2} | options)
    ids = mask_ids(mask, rule)
    if kind == "unlabelled is -1":
        expected = np.where(DISC > 0, 1, 255)
    assert ids.dtype == np.uint8 and rule.why
    np.testing.assert_array_equal(ids, expected)


# words of the refusal, and the choices that settle it: for reading, for the rule
NO_MASKS = {
    "ilastik": (tif(DISC + 1), "mask-values", 'labels={"1": 0, "2": 1}', {}, {"labels": {"1": 0, "2": 1}}, DISC),
    "objects": (tif((IDS * 7).astype(np.uint16)), "mask-values", "nonzero", {}, {"two_class": "nonzero"}, IDS > 0),
    "faint": (tif(DISC * 3), "mask-values", "nonzero", {}, {"two_class": "nonzero"}, DISC),
    "colours": (tif(COLORED), "colour-mask", 'labels={"#000000": 0, "#00c800": 1}', {},
                {"labels": {"#000000": 0, "#00c800": 1}}, DISC),
    "alpha": (tif(CLEAR, photometric="rgb", extrasamples=["unassalpha"]), "mask-alpha", "alpha='only'",
              {"alpha": "only"}, {}, DISC),
    "negative": (tif(DISC.astype(np.int16) * 2 - 1), "mask-values", 'labels={"-1": 255, "1": 1}', {},
                 {"labels": {"-1": 255, "1": 1}}, np.where(DISC > 0, 1, 255)),
    "two channels": (tif(np.dstack([DISC, DISC * 2]), photometric="minisblack", planarconfig="contig"), "mask-values",
                     "channels=[0]", {"channels": (0,)}, {}, DISC),
    "three of three": (tif(IDS + 1), "unknown-ids", 'labels={"1": 0, "2": 1, "3": 2}', {},
                       {"num_classes": 3, "labels": {"1": 0, "2": 1, "3": 2}}, IDS),
    "jpeg": (tif(DISC * 255, compression="jpeg"), "jpeg-mask", "half", {}, {"two_class": "half"}, DISC),
}  # fmt: skip


@pytest.mark.parametrize("kind", NO_MASKS)
def test_a_mask_that_is_refused_is_read_with_the_choice_that_is_offered(kind, tmp_path):
    write, code, words, reading, options, expected = NO_MASKS[kind]
    write(tmp_path / "m.tif")
    options = {"num_classes": 2} | options
    with pytest.raises(DataError) as error:
        decide_masks([summarize_mask(read_mask(tmp_path / "m.tif"))], options["num_classes"])
    assert error.value.code == code and words in str(error.value) and "m.tif" in str(error.value), str(error.value)
    mask = read_mask(tmp_path / "m.tif", Reading(**reading))
    np.testing.assert_array_equal(mask_ids(mask, decide_masks([summarize_mask(mask)], **options)), expected)


def test_a_mask_that_only_transparency_tells_is_refused(tmp_path):
    "Two numbers of one colour, one of them clear: all white for who leaves transparency out."
    clear_palette(DISC, [255] * 6, b"\0\xff")(tmp_path / "m.png")
    with pytest.raises(DataError, match="alpha='only'") as error:
        read_mask(tmp_path / "m.png")
    assert error.value.code == "mask-alpha"


def rule_of(tmp_path, *arrays, **options):
    "The rule of a set of masks, and the ids of each."
    masks = []
    for i, array in enumerate(arrays):
        path = tmp_path / f"m{i}.png"
        array.save(path) if isinstance(array, Image.Image) else Image.fromarray(array).save(path)
        masks.append(read_mask(path))
    rule = decide_masks(map(summarize_mask, masks), **{"num_classes": 2} | options)
    return rule, [mask_ids(mask, rule) for mask in masks]


def test_one_decision_for_a_set(tmp_path):
    grey_only = np.where(SOFT > 250, 200, SOFT).astype(np.uint8)
    rule, ids = rule_of(tmp_path, SOFT, np.roll(SOFT, 3), grey_only)
    assert rule.how == "half" and "soft" in rule.why
    np.testing.assert_array_equal(ids[2], grey_only > 127.5)
    ignored = DISC.copy()
    ignored[:3] = 255
    rule, ids = rule_of(tmp_path, ignored, np.where(ignored == 1, 0, ignored))
    assert rule.how == "ids" and set(np.unique(ids[1])) == {0, 255}, "255 is ignored in all files of the set"
    rule, ids = rule_of(tmp_path, DISC, DISC * 255, DISC > 0)
    assert rule.how == "nonzero" and all((i == DISC).all() for i in ids)
    with pytest.raises(DataError) as error:
        rule_of(tmp_path, GREENISH, FLIPPED)
    assert error.value.code == "palette" and '"#000000": 0, "#00c800": 1' in str(error.value)
    _, ids = rule_of(tmp_path, GREENISH, FLIPPED, labels={"#000000": 0, "#00c800": 1})
    assert all((i == DISC).all() for i in ids)
    with pytest.raises(DataError, match=r'm0.png: labels does not say what #00c800 is; add it, or "\*": 0'):
        rule_of(tmp_path, COLORED, labels={"#000000": 0})
    for wrong in ({"red": 1}, {"1": 300}, {"1": 1.5}, {}, {"0": 2}):
        with pytest.raises(ValueError, match="labels"):
            decide_masks([], 2, labels=wrong)


def test_objects(tmp_path):
    numbers = np.arange(H * W).reshape(H, W)
    tif(numbers.astype(np.uint16))(tmp_path / "a.tif")
    assert read_instances(tmp_path / "a.tif").dtype == np.uint16
    tif(numbers.astype(np.uint32) * 50)(tmp_path / "b.tif")
    np.testing.assert_array_equal(read_instances(tmp_path / "b.tif"), numbers * 50)
    pil(RGB)(tmp_path / "c.png")
    with pytest.raises(DataError, match="colours"):
        read_instances(tmp_path / "c.png")


# ---------------------------------------------------------------- folders


def folder_of(tmp_path, *names) -> Path:
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path


LAYOUTS = {
    "one folder": ("c0.png", "c0_mask.png", "c1.tif", "c1_MASK.tif", "readme.txt"),
    "endings": ("images/c0.png", "masks/c0_mask.png", "images/c1.jpg", "masks/c1_labels.tif"),
    "images and labels": ("images/c0.png", "labels/c0.png", "images/c1.png", "labels/c1.png"),
    "several dots": ("images/c0.ome.tif", "masks/c0.tif", "images/c1.tif", "masks/c1.ome.tif"),
    "case": ("Images/C0.PNG", "Masks/c0.png", "Images/c1.png", "Masks/C1_Mask.PNG"),
    "cellpose": ("c0.tif", "c0_cp_masks.png", "c0_seg.npy", "c1.tif", "c1_cp_masks.png"),
    "image endings": ("images/c0_image.png", "masks/c0_mask.png", "images/c1_image.png", "masks/c1.png"),
    "samples": ("c0/image.png", "c0/mask.png", "c1/image.tif", "c1/mask.tif"),
    "words in front": ("images/img_c0.png", "masks/mask_c0.png", "images/img_c1.png", "masks/mask_c1.tif"),
    "dots and capitals": ("c0.png", "c0.mask.png", "c1.tif", "c1Mask.png"),
    "inputs and targets": ("inputs/c0.png", "targets/c0.png", "inputs/c1.png", "targets/c1.tif"),
    "leftovers": ("c0.png", "c0_seg.png", ".DS_Store", "Thumbs.db", "desktop.ini", "._c0.png", "c1.png", "c1_seg.png"),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(layout, tmp_path):
    found = pair_files(folder_of(tmp_path, *LAYOUTS[layout]))
    assert not found.problems and len(found.pairs) == 2, found.problems
    assert [p.id.lower().removeprefix("img_")[:2] for p in found.pairs] == ["c0", "c1"] and all(
        p.mask != p.image for p in found.pairs
    )
    assert sum(found.passed_over.values()) == {"one folder": 1, "cellpose": 1, "leftovers": 4}.get(layout, 0)


def test_a_fault_of_one_sample_stays_with_it(tmp_path):
    names = ("images/c0.ome.tif", "images/c0.tif", "masks/c0.tif", "images/c1.czi", "masks/c1.png", "masks/c2.png")
    found = pair_files(folder_of(tmp_path, *names, "images/c3.png", "masks/c3_mask.png", "images/c4.png"))
    assert [p.id for p in found.pairs] == ["c3"]
    codes = {p.id: p.code for p in found.problems}
    assert codes == {"c0": "ambiguous", "c1": "unsupported", "c2": "missing-image", "c4": "missing-mask"}
    words = {p.id: p.message for p in found.problems}
    assert "c0.ome.tif, c0.tif" in words["c0"] and "Fiji" in words["c1"] and "_mask" in words["c4"]
    plain = pair_files(folder_of(tmp_path / "plain", "a.png", "b.bmp", "notes.txt"), labelled=False)
    assert [p.id for p in plain.pairs] == ["a", "b"] and plain.passed_over == {".txt files": 1}
    with pytest.raises(FileNotFoundError, match="no samples here"):
        pair_files(folder_of(tmp_path / "none", "notes.txt"))


# ---------------------------------------------------------------- strangers' files


def test_a_cut_is_never_read_as_a_picture(tmp_path):
    kinds = ("png colour, Pillow", "png 16 bits colour, OpenCV", "jpeg grey", "tiff tiles", "tiff LZW, Pillow",
             "webp without loss", "npy (H, W)", "OME TCZYX", "tiff zstd, GDAL", "bmp colour",
             "pages, Pillow")  # fmt: skip
    refused = 0
    for kind in kinds:
        name, write, *_ = KINDS[kind]
        write(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        good = open_image(whole).stack()
        for cut in np.linspace(1, len(whole) - 1, 20).astype(int):
            try:
                np.testing.assert_array_equal(open_image(whole[:cut], name="part").stack(), good, err_msg=kind)
            except DataError as error:
                refused += str(error).startswith("part: ")
    assert refused > 0.9 * 20 * len(kinds)


def test_changed_bytes_end_in_words_or_in_pixels(tmp_path):
    rng, states = np.random.default_rng(SEED), {"read": 0, "refused": 0}
    for kind in ("png colour, Pillow", "tiff tiles", "tiff LZW, Pillow", "OME TCZYX", "npy (H, W)", "webp with loss"):
        name, write, *_ = KINDS[kind]
        write(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        for _ in range(40):
            data = bytearray(whole)
            for place in rng.integers(0, min(len(data), 600), 3):
                data[place] = rng.integers(256)
            try:
                open_image(bytes(data), name="changed").page()
                states["read"] += 1
            except DataError as error:
                assert str(error).startswith("changed: ")
                states["refused"] += 1
    assert min(states.values()) > 20


def test_claims_are_compared_with_the_bytes(tmp_path):
    path = tmp_path / "a.tif"
    for options in ({}, {"compression": "zlib"}, {"compression": "zstd"}):
        tif(GREY, **options)(path)
        with tifffile.TiffFile(path, mode="r+") as file:
            for tag in ("ImageWidth", "ImageLength", "RowsPerStrip"):
                file.pages[0].tags[tag].overwrite(2_000_000)
        with pytest.raises(DataError):
            read_image(path)
    tif(STACK, compression="zlib", photometric="minisblack", contiguous=False)(path)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        last = file.pages[-1]
    end = last.offset + 2 + 12 * len(last.tags)
    data[end : end + 4] = struct.pack("<I", last.offset)
    with pytest.raises(DataError, match="circle"):
        read_image(bytes(data))
    pil(GREY)(tmp_path / "a.png")
    png = bytearray((tmp_path / "a.png").read_bytes())
    png[16:24] = struct.pack(">II", 200_000, 200_000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    with pytest.raises(DataError, match="more than its"):
        read_image(bytes(png))


def test_windows_of_a_large_file_need_little_memory(tmp_path):
    "An image of 64 MB, uncompressed and in compressed tiles, read in windows within 40 MB."
    code = """
import resource, sys
import numpy as np
from unet_nb.data.images import open_image
page = open_image(sys.argv[1])[0]
begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for top in range(0, page.shape[0], 2000):
    for left in range(0, page.shape[1], 2000):
        assert (page[top : top + 100, left : left + 100] == (top // 2000 + left // 2000) % 7).all()
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin) // 1024)
"""
    rows = np.arange(8000) // 2000
    image = ((rows[:, None] + rows) % 7).astype(np.uint8)
    for name, options in {"a.tif": {}, "b.tif": {"tile": (512, 512), "compression": "zstd"}}.items():
        tifffile.imwrite(tmp_path / name, image, **options)
        done = subprocess.run([sys.executable, "-c", code, tmp_path / name], capture_output=True, text=True)
        assert done.returncode == 0 and int(done.stdout) < 40, done.stdout + done.stderr


def test_without_imagecodecs_mindspore_and_pydantic(tmp_path):
    "Who gets only an exported model has none of them: what Pillow knows is read, the rest names the package."
    code = """
import sys
for name in ("imagecodecs", "mindspore", "pydantic", "pandas", "skimage", "rasterio", "imageio"):
    sys.modules[name] = None
import numpy as np
from unet_nb.data.images import open_image
for path in sys.argv[1:]:
    try:
        print(open_image(path).page().astype(int).sum())
    except ValueError as error:
        print(error)
"""
    kinds = ("tiff LZW, Pillow", "tiff LZW colour, OpenCV", "tiff fax 4, Pillow", "tiff LZW predictor 16 bits, OpenCV",
             "tiff WhiteIsZero LZW, Pillow", "tiff tiles deflate predictor", "tiff jpeg RGB, Pillow",
             "pages LZW, OpenCV", "tiff lerc, GDAL", "tiff jpeg xl")  # fmt: skip
    paths = [tmp_path / f"{i}.tif" for i in range(len(kinds))]
    for kind, path in zip(kinds, paths):
        KINDS[kind][1](path)
    done = subprocess.run([sys.executable, "-c", code, *paths], capture_output=True, text=True)
    answers = done.stdout.splitlines()
    assert len(answers) == len(kinds), done.stderr
    for path, answer in zip(paths[:-2], answers):
        assert answer == str(open_image(path).page().astype(int).sum())
    assert all("pip install imagecodecs" in answer for answer in answers[-2:]) and "LERC" in answers[-2]
