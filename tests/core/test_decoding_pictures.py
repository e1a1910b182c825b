"""What arrives of a picture file: pixels, size, words, and the right error where there is nothing to show."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, ImageOps

from core.decoding import Preview, Raster, decode, make_filmstrip, make_preview, make_thumbnail, pictures
from core.decoding.resize import cut, fit, within
from core.errors import (
    FileDamaged,
    FileEmpty,
    FileForbidden,
    FileMisnamed,
    FileTooLarge,
    FileUnsupported,
    FileVanished,
    MediaError,
)
from core.media import Decoded, Facts, Kind, PixelPolicy, Region, fingerprint

ALL = PixelPolicy(max_pixels=10**9)
SMALL = PixelPolicy(max_pixels=32 * 32)

FAST = PixelPolicy(max_pixels=400 * 300, scaled=True, margin=1.0)

sizes = st.integers(1, 70_000)


@st.composite
def regions(draw: st.DrawFn) -> Region:
    left, right = sorted(draw(st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True)))
    top, bottom = sorted(draw(st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True)))
    return Region(left, top, right, bottom)


# --- sizes -------------------------------------------------------------------------------------------


@given(sizes, sizes, st.integers(1, 10**7))
def test_fit_keeps_shape_and_limit(width: int, height: int, limit: int) -> None:
    w, h = fit(width, height, limit)
    assert 1 <= w <= width
    assert 1 <= h <= height
    assert w * h <= limit
    assert fit(height, width, limit) == (h, w)
    if width * height <= limit:
        assert (w, h) == (width, height)
    elif min(w, h) > 1:
        # Each side is rounded down by less than one pixel of the exact size.
        exact = (limit / (width * height)) ** 0.5
        assert w > width * exact - 1.001
        assert h > height * exact - 1.001


@given(sizes, sizes, st.integers(1, 4096))
def test_within_keeps_shape_and_limit(width: int, height: int, side: int) -> None:
    w, h = within(width, height, side)
    assert max(w, h) == min(side, max(width, height))
    assert min(w, h) >= 1
    assert abs(w / width - h / height) <= 1 / min(width, height)


@given(regions(), sizes, sizes)
def test_a_region_is_of_whole_pixels_inside(region: Region, width: int, height: int) -> None:
    left, top, right, bottom = cut(region, width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    # The nearest edges, but for a region of less than a pixel.
    wide = region.right * width - region.left * width >= 1
    for edge, exact in ((left, region.left * width), (right, region.right * width)):
        assert abs(edge - exact) <= (0.5 if wide else 1.5)
    assert cut(Region(0, 0, 1, 1), width, height) == (0, 0, width, height)


# --- pixels ------------------------------------------------------------------------------------------


def pixels_of(path: Path, policy: PixelPolicy = ALL) -> np.ndarray:
    decoded = decode(str(path), policy)
    assert decoded.kind is Kind.IMAGE
    assert decoded.times == (0.0,)
    assert decoded.frames is not None
    assert decoded.frames.dtype == np.uint8
    assert decoded.frames.flags.c_contiguous
    assert decoded.frames.ndim == 4
    assert decoded.frames.shape[0] == 1
    return decoded.frames[0]


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "gif", "webp", "avif", "jpg"])
def test_every_format_arrives(tmp_path: Path, quadrants_image: Image.Image, suffix: str) -> None:
    path = tmp_path / f"picture.{suffix}"
    quadrants_image.save(path)
    pixels = pixels_of(path)
    assert pixels.shape == (48, 64, 3)
    # In the middle of each colour, away from the edges that lossy formats smear.
    for y, x in ((12, 16), (12, 48), (36, 16), (36, 48)):
        assert np.abs(pixels[y, x].astype(int) - quadrants_image.getpixel((x, y))).max() <= 12


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(
    tmp_path: Path, quadrants_image: Image.Image, suffix: str, orientation: int
) -> None:
    path = tmp_path / f"turned.{suffix}"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    quadrants_image.save(path, exif=exif, quality=95)
    with Image.open(path) as stored:
        expected = ImageOps.exif_transpose(stored).convert("RGB")
    pixels = pixels_of(path)
    assert pixels.shape == (expected.height, expected.width, 3)
    assert np.abs(pixels.astype(int) - np.asarray(expected)).max() <= 2
    decoded = decode(str(path), ALL)
    assert decoded.facts == Facts(expected.width, expected.height)
    thumbnail = make_thumbnail(str(path), 32, None).raster
    assert thumbnail is not None
    assert (thumbnail.width, thumbnail.height) == within(expected.width, expected.height, 32)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"])
def test_every_mode_keeps_white_white_and_black_black(tmp_path: Path, mode: str) -> None:
    levels = np.zeros((8, 8), np.uint8)
    levels[:, 4:] = 255
    grey = Image.fromarray(levels)
    if mode == "I;16":
        image = Image.fromarray(levels.astype(np.uint16) * 257)
    elif mode == "I":
        image = Image.fromarray(levels.astype(np.int32) * 257)
    elif mode == "F":
        image = Image.fromarray(levels.astype(np.float32) / 255)
    elif mode == "LAB":
        lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        image = ImageCms.applyTransform(grey.convert("RGB"), lab)
    else:
        image = grey.convert("RGB").convert(mode)
    path = tmp_path / "picture.tif"
    image.save(path)
    pixels = pixels_of(path).astype(int)
    assert pixels[:, 1].max() <= 2
    assert pixels[:, 6].min() >= 253


def test_sixteen_bits_are_scaled_not_clipped(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for name in ("ramp.png", "ramp.tif"):
        Image.fromarray(ramp).save(tmp_path / name)
        np.testing.assert_array_equal(pixels_of(tmp_path / name)[:, :, 0].ravel(), np.arange(256))


def test_floating_point_beyond_one_is_scaled_to_its_brightest(tmp_path: Path) -> None:
    values = np.array([[0.0, 2.0, 4.0, np.nan]], np.float32)
    path = tmp_path / "hdr.tif"
    Image.fromarray(values).save(path)
    assert pixels_of(path)[0, :, 0].tolist() == [0, 128, 255, 0]


def test_a_picture_of_one_level_is_no_division_by_zero(tmp_path: Path) -> None:
    for name, array in (("float.tif", np.zeros((4, 4), np.float32)), ("int.tif", np.zeros((4, 4), np.int32))):
        Image.fromarray(array).save(tmp_path / name)
        assert pixels_of(tmp_path / name).max() == 0


def test_transparency_is_on_white(tmp_path: Path) -> None:
    glass = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    glass.putpixel((0, 0), (255, 0, 0, 255))
    glass.putpixel((1, 0), (0, 0, 0, 128))
    palette = glass.convert("RGB").convert("P", palette=Image.Palette.ADAPTIVE)
    transparent = palette.getpixel((4, 4))
    glass.save(tmp_path / "glass.png")
    glass.save(tmp_path / "glass.webp", lossless=True)
    palette.save(tmp_path / "palette.png", transparency=transparent)
    palette.save(tmp_path / "palette.gif", transparency=transparent)
    Image.new("RGB", (8, 8), "red").save(tmp_path / "key.png", transparency=(255, 0, 0))
    for name in ("glass.png", "glass.webp"):
        pixels = pixels_of(tmp_path / name)
        assert pixels[0, 0].tolist() == [255, 0, 0]
        assert np.abs(pixels[0, 1].astype(int) - 127).max() <= 1
        assert pixels[4, 4].tolist() == [255, 255, 255]
    for name in ("palette.png", "palette.gif", "key.png"):
        assert pixels_of(tmp_path / name)[4, 4].tolist() == [255, 255, 255], name


def test_where_a_picture_is_asked_for_an_animations_first_frame_counts(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    for name in ("moving.gif", "moving.webp", "moving.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:], duration=100)
        decoded = decode(str(tmp_path / name), ALL, kind=Kind.IMAGE)
        assert decoded.kind is Kind.IMAGE
        assert decoded.frames is not None
        assert np.abs(decoded.frames.astype(int) - (255, 0, 0)).max() <= 8, name


def test_reduction_keeps_shape_and_colour(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("RGB", (2000, 2), "#336699").save(path)
    pixels = pixels_of(path, SMALL)
    assert pixels.shape == (1, 1011, 3)
    assert (pixels == (0x33, 0x66, 0x99)).all()
    Image.new("RGB", (10, 10)).save(path)
    assert pixels_of(path, SMALL).shape == (10, 10, 3), "smaller pictures are left as they are"


def test_scaled_decoding_differs_little(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    rough = Image.fromarray(rng.integers(0, 256, (75, 100, 3), np.uint8)).resize((1600, 1200), Image.Resampling.BICUBIC)
    path = tmp_path / "photo.jpg"
    rough.save(path, quality=90)
    exact = pixels_of(path, PixelPolicy(128 * 128)).astype(int)
    scaled = pixels_of(path, PixelPolicy(128 * 128, scaled=True)).astype(int)
    assert exact.shape == scaled.shape == (110, 147, 3)
    assert np.abs(exact - scaled).mean() < 2
    assert decode(str(path), PixelPolicy(128 * 128, scaled=True)).facts == Facts(1600, 1200)


@pytest.mark.parametrize(("margin", "scale"), [(1.0, 8), (1.25, 8), (1.3, 4), (2.0, 4), (2.5, 4), (2.6, 2)])
def test_the_margin_chooses_the_scale(tmp_path: Path, margin: float, scale: int) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "photo.jpg"
    Image.fromarray(rng.integers(0, 256, (120, 160, 3), np.uint8)).resize((1600, 1200)).save(path)
    with Image.open(path) as image:
        image.draft("RGB", (1600 // scale, 1200 // scale))
        expected = np.asarray(image.resize((160, 120), Image.Resampling.BICUBIC, reducing_gap=3.0))
    policy = PixelPolicy(160 * 120, scaled=True, margin=margin)
    np.testing.assert_array_equal(pixels_of(path, policy), expected)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 20), (20, 20_000), (60_000, 1), (1, 60_000), (3, 2), (401, 300)])
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_pictures_of_any_shape_arrive(tmp_path: Path, size: tuple[int, int], suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", size, "#336699").save(path, quality=95)
    for region in (None, Region(0.9, 0.9, 1, 1), Region(0.5, 0.5, 0.500001, 0.500001)):
        decoded = decode(str(path), FAST, region=region, thumbnail=(256, str(tmp_path / "cache")))
        assert decoded.frames is not None
        _, height, width, _ = decoded.frames.shape
        box = cut(region or Region(0, 0, 1, 1), *size)
        assert decoded.facts == Facts(box[2] - box[0], box[3] - box[1])
        assert (width, height) == fit(decoded.facts.width, decoded.facts.height, FAST.max_pixels)
        assert np.abs(decoded.frames.astype(int) - (0x33, 0x66, 0x99)).max() <= 3


def test_exact_decoding_is_plain_bicubic(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    image = Image.fromarray(rng.integers(0, 256, (120, 160, 3), np.uint8))
    path = tmp_path / "noise.png"
    image.save(path)
    expected = image.resize(fit(160, 120, 32 * 32), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(pixels_of(path, SMALL), np.asarray(expected))


# --- a region of a picture ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(region=regions(), size=st.tuples(st.integers(1, 60), st.integers(1, 60)), orientation=st.integers(1, 8))
def test_a_region_is_a_crop_of_the_upright_picture(
    region: Region, size: tuple[int, int], orientation: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rng = np.random.default_rng(11)
    noise = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), np.uint8))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    folder = tmp_path_factory.getbasetemp()
    for suffix in ("png", "tif", "jpg"):
        path = folder / f"turned.{suffix}"
        noise.save(path, exif=exif)
        whole = pixels_of(path)
        left, top, right, bottom = cut(region, whole.shape[1], whole.shape[0])
        part = whole[top:bottom, left:right]
        for policy in (ALL, PixelPolicy(10**9, scaled=True)):
            decoded = decode(str(path), policy, region=region)
            assert decoded.frames is not None
            assert decoded.frames.flags.c_contiguous
            np.testing.assert_array_equal(decoded.frames[0], part)
            assert decoded.facts == Facts(right - left, bottom - top)
        # It is cut before it is reduced: what is beside it has no part in it.
        Image.fromarray(part).save(folder / "part.png")
        reduced = decode(str(path), PixelPolicy(100), region=region).frames
        assert reduced is not None
        np.testing.assert_array_equal(reduced[0], pixels_of(folder / "part.png", PixelPolicy(100)))


def test_the_whole_as_a_region_is_the_picture(tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    path = tmp_path / "photo.jpg"
    Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8)).resize((1201, 903)).save(path)
    for policy in (FAST, SMALL, PixelPolicy(100 * 75, scaled=True)):
        plain, cropped = decode(str(path), policy), decode(str(path), policy, region=Region(0, 0, 1, 1))
        np.testing.assert_array_equal(plain.frames, cropped.frames)
        assert plain.fingerprint == cropped.fingerprint
        assert plain.facts == cropped.facts


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_small_region_gets_pixels_of_its_own(tmp_path: Path, orientation: int) -> None:
    rng = np.random.default_rng(13)
    path = tmp_path / "photo.jpg"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    coarse = Image.fromarray(rng.integers(0, 256, (75, 100, 3), np.uint8))
    coarse.resize((1600, 1200), Image.Resampling.BICUBIC).save(path, quality=90, exif=exif)
    region = Region(0.3, 0.55, 0.6, 0.8)
    exact = decode(str(path), PixelPolicy(60 * 50), region=region)
    scaled = decode(str(path), PixelPolicy(60 * 50, scaled=True), region=region)
    assert exact.frames is not None
    assert scaled.frames is not None
    assert exact.frames.shape == scaled.frames.shape
    assert exact.frames.shape[1] * exact.frames.shape[2] > 0.95 * 60 * 50
    assert np.abs(exact.frames.astype(int) - scaled.frames).mean() < 3
    width, height = (1600, 1200) if orientation < 5 else (1200, 1600)
    assert scaled.facts == exact.facts == Facts(round(width * 0.6) - round(width * 0.3), round(height * 0.25))


@settings(max_examples=60)
@given(region=regions(), size=st.tuples(st.integers(1, 700), st.integers(1, 700)), pixels=st.integers(1, 3000))
def test_a_region_of_a_reduced_scale_has_nothing_beside_the_picture(
    region: Region, size: tuple[int, int], pixels: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "white.jpg"
    Image.new("L", size, 255).save(path)
    for part in (region, Region(0, 0, region.right, region.bottom), Region(region.left, region.top, 1, 1)):
        frames = decode(str(path), PixelPolicy(pixels, scaled=True, margin=1.0), region=part).frames
        assert frames is not None
        assert frames.min() >= 254


def test_levels_beyond_eight_bits_are_those_of_the_whole_picture(tmp_path: Path) -> None:
    path = tmp_path / "hdr.tif"
    Image.fromarray(np.array([[0.0, 2.0, 4.0, 8.0]], np.float32)).save(path)
    frames = decode(str(path), ALL, region=Region(0, 0, 0.5, 1)).frames
    assert frames is not None
    assert frames[0, 0, :, 0].tolist() == [0, 64]


def test_a_thumbnail_left_behind_is_of_the_whole(tmp_path: Path) -> None:
    path, cache = tmp_path / "photo.png", tmp_path / "cache"
    image = Image.new("RGB", (400, 300), "red")
    image.paste("blue", (0, 0, 200, 300))
    image.save(path)
    decode(str(path), ALL, region=Region(0, 0, 0.25, 0.25), thumbnail=(100, str(cache)))
    (kept,) = cache.rglob("*.jpg")
    path.write_bytes(bytes(10))
    with Image.open(kept) as thumbnail:
        assert thumbnail.size == (100, 75)
        assert np.abs(np.asarray(thumbnail)[40, 90].astype(int) - (255, 0, 0)).max() < 20


def test_the_fingerprint_is_of_the_file(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.png"
    quadrants_image.save(path)
    with open(path, "rb") as file:
        assert decode(str(path), SMALL).fingerprint == fingerprint(file)


def test_a_file_beyond_the_whole_file_size_is_decoded_from_disk(tmp_path: Path) -> None:
    path = tmp_path / "large.bmp"
    Image.new("RGB", (4000, 3000), "#123456").save(path)
    assert path.stat().st_size > 32 * 2**20
    decoded = decode(str(path), SMALL)
    with open(path, "rb") as file:
        assert decoded.fingerprint == fingerprint(file)
    assert decoded.frames is not None
    assert decoded.frames[0, 0, 0].tolist() == [0x12, 0x34, 0x56]


# --- a person's eye ----------------------------------------------------------------------------------


def shown(raster: Raster | None) -> np.ndarray:
    assert raster is not None
    return np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, 3)


def swapped_profile(image: Image.Image) -> bytes:
    """An sRGB profile whose red and blue primaries are exchanged: ignoring it can't go unnoticed."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", profile[128:132])[0]
    for index in range(count):
        at = 132 + 12 * index
        signature = bytes(profile[at : at + 4])
        profile[at : at + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(signature, signature)
    return bytes(profile)


def test_a_profile_is_for_people_not_for_judges(tmp_path: Path) -> None:
    image = Image.new("RGB", (16, 16), (255, 0, 0))
    path = tmp_path / "profiled.png"
    image.save(path, icc_profile=swapped_profile(image))
    assert pixels_of(path)[8, 8].tolist() == [255, 0, 0]
    red, _, blue = shown(make_preview(str(path), 16).raster)[8, 8].tolist()
    assert blue > 200
    assert red < 60
    assert shown(make_thumbnail(str(path), 8, None).raster)[4, 4, 2] > 200


def test_a_broken_profile_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    Image.new("RGB", (16, 16), (200, 100, 50)).save(path, icc_profile=b"not a profile", quality=100)
    assert np.abs(shown(make_preview(str(path), 16).raster)[8, 8].astype(int) - (200, 100, 50)).max() <= 2
    cmyk = tmp_path / "cmyk.jpg"
    Image.new("CMYK", (16, 16), (0, 0, 0, 0)).save(
        cmyk, icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    )
    assert shown(make_preview(str(cmyk), 16).raster).min() >= 250, "a profile for RGB in a CMYK file"


def test_a_preview_says_what_a_person_may_want_to_know(tmp_path: Path) -> None:
    path = tmp_path / "misleading.png"
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Maker", "Maker One"
    taken = exif.get_ifd(ExifTags.IFD.Exif)
    taken[ExifTags.Base.DateTimeOriginal] = "2024:05:06 07:08:09"
    taken[ExifTags.Base.ExposureTime], taken[ExifTags.Base.FNumber] = 0.004, 2.8
    taken[ExifTags.Base.ISOSpeedRatings] = 400
    Image.new("CMYK", (300, 200)).save(path, "JPEG", exif=exif)
    preview = make_preview(str(path), 100)
    assert preview.format == "JPEG", "by content"
    assert preview.facts == Facts(300, 200)
    assert shown(preview.raster).shape == (67, 100, 3)
    assert preview.details == (
        ("Colour", "CMYK"),
        ("Camera", "Maker One"),
        ("Taken", "2024-05-06 07:08:09"),
        ("Exposure", "1/250 s · f/2.8 · ISO 400"),
    )


def test_a_picture_is_a_filmstrip_of_one(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.png"
    quadrants_image.save(path)
    (raster,) = make_filmstrip(str(path), 32, 8)
    assert (raster.width, raster.height) == (32, 24)
    assert len(raster.data) == 32 * 24 * 3


# --- bad files ---------------------------------------------------------------------------------------


def refusal(path: Path, policy: PixelPolicy = SMALL) -> MediaError:
    """What every way of asking says of the file; they agree."""
    errors: list[MediaError] = []
    ways: list[Callable[[], Decoded | Preview | object]] = [
        lambda: decode(str(path), policy),
        lambda: make_thumbnail(str(path), 64, None),
        lambda: make_preview(str(path), 64),
        lambda: make_filmstrip(str(path), 64, 2),
    ]
    for way in ways:
        with pytest.raises(MediaError) as caught:
            way()
        errors.append(caught.value)
    assert len({type(error) for error in errors}) == 1, errors
    assert str(errors[0])
    return errors[0]


def test_a_picture_is_known_by_its_content(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "really-a-png.jpg"
    quadrants_image.save(path, "PNG")
    np.testing.assert_array_equal(pixels_of(path), np.asarray(quadrants_image))


def test_text_named_as_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("These are words, not a picture.")
    assert refusal(path) == FileMisnamed(expected="picture")


def test_a_clip_named_as_a_picture(write_clip: Callable[..., Path], tmp_path: Path) -> None:
    path = write_clip(count=2).rename(tmp_path / "clip.jpg")
    assert refusal(path) == FileMisnamed(expected="picture")


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.touch()
    assert refusal(path) == FileEmpty()


def test_a_file_of_zeros_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(bytes(10_000))
    assert isinstance(refusal(path), FileDamaged)


def test_a_vanished_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "gone.jpg") == FileVanished()
    (tmp_path / "file.jpg").touch()
    assert refusal(tmp_path / "file.jpg" / "inside.jpg") == FileVanished()
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nowhere.jpg")
    assert refusal(tmp_path / "dangling.jpg") == FileVanished()


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_a_forbidden_file(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.png"
    quadrants_image.save(path)
    pixels_of(path)
    path.chmod(0)
    administrator = os.geteuid() == 0  # who may read anything, as in a container
    try:
        if administrator:
            os.seteuid(65534)
        assert refusal(path) == FileForbidden()
    finally:
        if administrator:
            os.seteuid(0)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX")
@pytest.mark.timeout(10)
def test_what_is_no_regular_file_is_never_opened(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    assert refusal(tmp_path / "folder.jpg") == FileMisnamed(expected="picture")
    os.mkfifo(tmp_path / "pipe.mp4")
    assert refusal(tmp_path / "pipe.mp4") == FileMisnamed(expected="clip")
    (tmp_path / "device.txt").symlink_to("/dev/zero")
    assert refusal(tmp_path / "device.txt") == FileMisnamed(expected="text")


@pytest.mark.parametrize("suffix", ["jpg", "png", "gif", "webp", "tif", "bmp", "avif"])
@pytest.mark.parametrize("kept", [0.3, 0.7, 0.95])
def test_a_truncated_picture_is_damaged(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    rng = np.random.default_rng(3)
    Image.fromarray(rng.integers(0, 256, (200, 200, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert isinstance(refusal(path), FileDamaged)


@given(data=st.data())
def test_broken_bytes_give_pixels_or_a_known_error(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    buffer = io.BytesIO()
    suffix = data.draw(st.sampled_from(["jpeg", "png", "gif", "bmp", "tiff"]))
    Image.fromarray(np.random.default_rng(4).integers(0, 256, (24, 24, 3), np.uint8)).save(buffer, suffix.upper())
    content = bytearray(buffer.getvalue())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[at] = value
    path = tmp_path_factory.getbasetemp() / f"broken.{suffix}"
    path.write_bytes(content)
    with suppress(MediaError):
        assert decode(str(path), PixelPolicy(32 * 32, scaled=True)).frames is not None


def header_of_png(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (1, 1)).save(buffer, "PNG")
    content = bytearray(buffer.getvalue())
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(header_of_png(100_000, 50_000))
    assert refusal(path) == FileTooLarge(megapixels=5000, limit=300)


def test_a_bomb_that_shrinks_while_decoding_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MEGAPIXELS_LIMIT", 1)
    for progressive in (False, True):
        path = tmp_path / f"large{progressive}.jpg"
        Image.new("RGB", (1600, 1000), "teal").save(path, progressive=progressive)
        with pytest.raises(FileTooLarge):
            decode(str(path), SMALL)
    assert decode(str(tmp_path / "largeFalse.jpg"), PixelPolicy(32 * 32, scaled=True)).facts == Facts(1600, 1000)
    with pytest.raises(FileTooLarge):  # all coefficients of a progressive one are held at once
        decode(str(tmp_path / "largeTrue.jpg"), PixelPolicy(32 * 32, scaled=True))


def test_a_file_of_no_format_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text("?")
    assert refusal(path) == FileUnsupported(detail=".xyz")


def test_a_picture_needs_no_other_decoder(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    quadrants_image.save(path)
    script = (
        "import sys; from core.decoding import decode, make_thumbnail; from core.media import PixelPolicy\n"
        f"decode({str(path)!r}, PixelPolicy(99)); make_thumbnail({str(path)!r}, 32, None)\n"
        "bad = {'av', 'torch', 'PySide6', 'charset_normalizer'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
