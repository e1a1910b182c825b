"""Still formats beyond the web's: each read as what it is, upright, in its colours, and harmless when broken."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms

from core.decoding import decode, make_preview, make_thumbnail, pictures
from core.errors import FileDamaged, FileMisnamed, FileTooLarge, FileUnsupported, MediaError
from core.media import Facts, Kind, PixelPolicy, Region, format_of
from tests.samples.pictures import CENTRE, CORNER, DRAWING, HEIGHT, SAMPLES, WIDTH, disc, photoshop, raw

ALL = PixelPolicy(10**9)
SCALED = PixelPolicy(600, scaled=True)
RED, BLUE = (255, 0, 0), (0, 0, 255)
# One of each way to be written.
DISTINCT = [
    *("jpg", "png", "webp", "gif", "bmp", "tif", "avif", "heic", "jxl", "jp2", "j2k", "ico", "tga", "psd", "psb"),
    *("svg", "svgz", "exr", "hdr", "dng"),
]


def pixels_of(path: Path, policy: PixelPolicy = ALL) -> np.ndarray:
    frames = decode(str(path), policy).frames
    assert frames is not None
    return np.asarray(frames[0], int)


def shown(path: Path, side: int = WIDTH) -> np.ndarray:
    raster = make_preview(str(path), side).raster
    assert raster is not None
    return np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, 3).astype(int)


def assert_disc(pixels: np.ndarray) -> None:
    """Red in the middle, blue in every corner."""
    height, width, _ = pixels.shape
    right, bottom = width - 1 - CORNER[0] * width // WIDTH, height - 1 - CORNER[1] * height // HEIGHT
    assert np.abs(pixels[height // 2, width // 2] - RED).max() < 12
    for y in (height - 1 - bottom, bottom):
        for x in (width - 1 - right, right):
            assert np.abs(pixels[y, x] - BLUE).max() < 12


# --- every format --------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", sorted(SAMPLES))
def test_a_sample_of_each_suffix_is_a_red_disc_on_blue(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"disc.{suffix}"
    SAMPLES[suffix](path)
    row = format_of(path)
    assert row is not None
    assert row.kind is Kind.IMAGE
    decoded = decode(str(path), ALL)
    assert decoded.frames is not None
    assert_disc(decoded.frames[0].astype(int))
    side = 64 if suffix == "ico" else WIDTH
    assert decoded.facts == Facts(side, HEIGHT)
    preview = make_preview(str(path), 48)
    assert preview.facts == decoded.facts
    assert_disc(shown(path, 48))


@pytest.mark.parametrize("suffix", DISTINCT)
def test_a_thumbnail_and_a_judge_in_a_hurry_see_it_in_small(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"disc.{suffix}"
    SAMPLES[suffix](path)
    small = pixels_of(path, SCALED)
    assert small.shape[0] * small.shape[1] <= 600
    assert_disc(small)
    raster = make_thumbnail(str(path), 32, None).raster
    assert raster is not None
    assert max(raster.width, raster.height) == 32


@pytest.mark.parametrize("suffix", DISTINCT)
def test_a_region_is_cut_out(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"disc.{suffix}"
    SAMPLES[suffix](path)
    decoded = decode(str(path), ALL, region=Region(0, 0, 0.5, 0.5))
    assert decoded.frames is not None
    assert decoded.facts == Facts((64 if suffix == "ico" else WIDTH) // 2, HEIGHT // 2)
    assert np.abs(decoded.frames[0][-1, -1].astype(int) - RED).max() < 12
    assert np.abs(decoded.frames[0][2, 2].astype(int) - BLUE).max() < 12


@pytest.mark.parametrize("suffix", sorted(set(DISTINCT) - {"tga", "svgz"}))
def test_content_decides_not_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "misleading.png"
    SAMPLES[suffix](path)
    assert_disc(pixels_of(path))


# --- orientation ---------------------------------------------------------------------------------------


def leaning() -> Image.Image:
    """The disc with a yellow upper left corner."""
    image = disc(400, 300)
    image.paste((255, 255, 0), (0, 0, 80, 80))
    return image


UPRIGHT = {
    1: (0, 0),
    3: (-1, -1),
    6: (0, -1),
    8: (-1, 0),
}
"""Where the upper left corner (y, x) comes to lie, by EXIF's number."""


def assert_turned(path: Path, orientation: int) -> None:
    pixels = pixels_of(path)
    assert (pixels.shape[0] > pixels.shape[1]) == (orientation > 4)
    facts = decode(str(path), ALL).facts
    assert (facts.width, facts.height) == ((300, 400) if orientation > 4 else (400, 300))
    for y in (0, -1):
        for x in (0, -1):
            colour = (255, 255, 0) if (y, x) == UPRIGHT[orientation] else BLUE
            assert np.abs(pixels[5 if y == 0 else -5, 5 if x == 0 else -5] - colour).max() < 30


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_a_turned_picture_is_turned_once(tmp_path: Path, suffix: str, orientation: int) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    path = tmp_path / f"turned.{suffix}"
    leaning().save(path, exif=exif.tobytes(), quality=95)
    assert_turned(path, orientation)


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_a_jpeg_within_a_jpeg_xl_is_turned_once(tmp_path: Path, orientation: int) -> None:
    from pillow_jxl import JpegXLImagePlugin

    assert JpegXLImagePlugin
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    leaning().save(tmp_path / "turned.jpg", exif=exif, quality=95)
    path = tmp_path / "turned.jxl"
    with Image.open(tmp_path / "turned.jpg") as image:
        image.save(path, exif=exif.tobytes(), lossless_jpeg=True, num_threads=1)
    assert_turned(path, orientation)


@pytest.mark.parametrize("lossless_jpeg", [True, False])
def test_a_caption_written_into_a_jpeg_xl_is_read(tmp_path: Path, lossless_jpeg: bool) -> None:
    from pillow_jxl import JpegXLImagePlugin

    assert JpegXLImagePlugin
    disc().save(tmp_path / "a.jpg", quality=95)
    path = tmp_path / "a.jxl"
    with Image.open(tmp_path / "a.jpg") as image:
        image.save(path, lossless_jpeg=lossless_jpeg, num_threads=1, use_container=True)
    packet = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title><rdf:Alt><rdf:li xml:lang="x-default">'
        b"a lighthouse</rdf:li></rdf:Alt></dc:title></rdf:Description></rdf:RDF></x:xmpmeta>"
    )
    path.write_bytes(path.read_bytes() + struct.pack(">I4s", 8 + len(packet), b"xml ") + packet)
    assert decode(str(path), ALL).text == "a lighthouse"


def test_exif_does_not_turn_a_jpeg_xl_whose_codestream_says_how(tmp_path: Path) -> None:
    from pillow_jxl import JpegXLImagePlugin

    assert JpegXLImagePlugin
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / "upright.jxl"
    leaning().save(path, exif=exif.tobytes(), num_threads=1)
    assert_turned(path, 1)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("way", ["developed", "preview as the sensor lies", "preview upright"])
def test_a_raw_file_is_upright(tmp_path: Path, way: str, orientation: int) -> None:
    preview = None if way == "developed" else leaning()
    if preview and way == "preview upright":
        # A half turn leaves no trace in a preview's shape, so there the file's word is taken.
        turn = {6: Image.Transpose.ROTATE_270, 8: Image.Transpose.ROTATE_90}.get(orientation)
        preview = preview.transpose(turn) if turn is not None else preview
    path = tmp_path / "turned.dng"
    path.write_bytes(raw(400, 300, picture=leaning(), preview=preview, orientation=orientation))
    assert_turned(path, orientation)


# --- camera raw ----------------------------------------------------------------------------------------

LIME = Image.new("RGB", (80, 60), "lime")


def is_lime(pixels: np.ndarray) -> bool:
    return bool(np.abs(pixels.mean((0, 1)) - (0, 255, 0)).max() < 10)


@pytest.mark.parametrize("suffix", ["dng", "nef", "cr2", "arw", "pef"])
@pytest.mark.parametrize("dng", [True, False])
def test_a_mosaic_is_developed_at_half_its_size(tmp_path: Path, suffix: str, dng: bool) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(raw(400, 300, dng=dng))
    decoded = decode(str(path), ALL)
    assert decoded.frames is not None
    assert decoded.frames.shape == (1, 150, 200, 3)
    assert decoded.facts == Facts(400, 300), "those of the whole picture"
    assert_disc(decoded.frames[0].astype(int))


def test_a_preview_is_taken_if_it_is_large_enough(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(raw(400, 300, preview=LIME))
    assert is_lime(pixels_of(path, PixelPolicy(80 * 60)))
    assert_disc(pixels_of(path, PixelPolicy(120 * 90)))
    assert decode(str(path), PixelPolicy(80 * 60)).facts == Facts(400, 300)


def test_a_large_preview_serves_every_purpose(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(raw(4000, 300, preview=LIME.resize((1600, 120))))
    assert is_lime(shown(path, 3000))
    assert pixels_of(path).shape == (120, 1600, 3), "and is not enlarged"


def test_a_small_preview_with_bars_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(raw(400, 300, preview=Image.new("RGB", (300, 300), "lime")))
    assert_disc(pixels_of(path))


def test_a_broken_preview_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    content = raw(400, 300, preview=leaning())
    at = content.index(b"\xff\xd8\xff")
    path.write_bytes(content[: at + 600] + bytes(2000) + content[at + 2600 :])
    assert_disc(pixels_of(path))


def test_a_raw_file_says_what_took_it(tmp_path: Path) -> None:
    for preview in (None, disc(400, 300)):
        path = tmp_path / "a.dng"
        path.write_bytes(raw(400, 300, preview=preview))
        assert decode(str(path), ALL).text == "Maker One"
        preview_made = make_preview(str(path), 100)
        assert preview_made.format == "Camera raw"
        assert ("Camera", "Maker One") in preview_made.details
        assert ("Exposure", "1/250 s · f/2.8 · ISO 400") in preview_made.details


def test_a_plain_tiff_named_as_a_raw_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "scan.nef"
    disc().save(path, "TIFF")
    assert_disc(pixels_of(path))


def test_a_sensor_without_colours_gives_a_grey_picture(tmp_path: Path) -> None:
    path = tmp_path / "grey.dng"
    photometric = struct.Struct("<HHII")
    path.write_bytes(raw().replace(photometric.pack(262, 3, 1, 32803), photometric.pack(262, 3, 1, 34892)))
    pixels = pixels_of(path)
    assert (pixels == pixels[..., :1]).all()
    assert pixels.std() > 20


# --- Photoshop -----------------------------------------------------------------------------------------


def bands(image: Image.Image) -> list[np.ndarray]:
    return [np.asarray(band) for band in image.split()]


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("depth", [8, 16, 32])
def test_photoshop_in_every_depth(tmp_path: Path, depth: int, packed: bool, large: bool) -> None:
    path = tmp_path / "a.psd"
    planes = bands(disc())
    if depth == 16:
        planes = [plane.astype(np.uint16) * 257 for plane in planes]
    elif depth == 32:
        planes = [plane.astype(np.float32) / 255 for plane in planes]
    path.write_bytes(photoshop(planes, large=large, packed=packed))
    np.testing.assert_array_equal(pixels_of(path), np.asarray(disc()))


def test_photoshop_in_cmyk_and_grey(tmp_path: Path) -> None:
    path = tmp_path / "a.psd"
    inks = [255 - band for band in bands(disc().convert("CMYK"))]
    path.write_bytes(photoshop(inks, mode=4))
    assert_disc(pixels_of(path))
    grey = np.asarray(disc().convert("L"))
    path.write_bytes(photoshop([grey], mode=1))
    np.testing.assert_array_equal(pixels_of(path)[..., 0], grey)


@pytest.mark.parametrize("mixed", [False, True])
def test_transparency_lies_on_white_once(tmp_path: Path, mixed: bool) -> None:
    """Photoshop stores a composite already mixed with white, other programs don't."""
    path = tmp_path / "a.psd"
    level = 157 if mixed else 60
    colour = [np.full((8, 8), level, np.uint8) for _ in range(3)]
    path.write_bytes(photoshop([*colour, np.full((8, 8), 128, np.uint8)], transparent=True))
    assert abs(int(pixels_of(path)[4, 4, 0]) - 157) <= 1


def test_a_saved_selection_is_no_transparency(tmp_path: Path) -> None:
    path = tmp_path / "a.psd"
    path.write_bytes(photoshop([*bands(disc()), np.zeros((HEIGHT, WIDTH), np.uint8)]))
    assert_disc(pixels_of(path))


def test_without_a_composite_layers_are_put_together(tmp_path: Path) -> None:
    from psd_tools import PSDImage

    document = PSDImage.new("RGB", (WIDTH, HEIGHT))
    document.create_pixel_layer(disc(), name="disc")
    buffer = io.BytesIO()
    document.save(buffer)
    content = bytearray(buffer.getvalue())
    at = content.index(struct.pack(">4sHH", b"8BIM", 1057, 0))
    content[at + 16] = 0  # whether the composite is a real one
    path = tmp_path / "a.psd"
    path.write_bytes(content)
    assert_disc(pixels_of(path))


# --- drawings ------------------------------------------------------------------------------------------


def draw(path: Path, inside: str, attributes: str = 'width="96" height="64"') -> Path:
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>')
    return path


@pytest.mark.parametrize("side", [48, 500, 3000])
def test_a_drawing_is_sharp_at_any_size(tmp_path: Path, side: int) -> None:
    path = tmp_path / "a.svg"
    path.write_text(DRAWING)
    pixels = shown(path, side)
    assert max(pixels.shape) == min(side, 1024)
    blurred = np.minimum(np.abs(pixels - RED).max(-1), np.abs(pixels - BLUE).max(-1)) > 60
    assert blurred.mean() < 4 / min(side, 1024), "only a line around the disc is neither red nor blue"


@pytest.mark.parametrize(
    ("attributes", "size"),
    [
        ('viewBox="0 0 30 20"', (30, 20)),
        ('width="100%" height="100%" viewBox="-5,-5 30 20"', (30, 20)),
        ('width="300" viewBox="0 0 30 20"', (300, 200)),
        ('width="1in" height="2.54cm"', (96, 96)),
        ('width="72pt" height="6pc"', (96, 96)),
        ('width="8000" height="2"', (8000, 2)),
        ("", (1024, 1024)),
    ],
)
def test_a_drawing_says_its_size(tmp_path: Path, attributes: str, size: tuple[int, int]) -> None:
    path = draw(tmp_path / "a.svg", '<rect width="9999" height="9999" fill="red"/>', attributes)
    decoded = decode(str(path), ALL)
    assert decoded.facts == Facts(*size)
    assert decoded.frames is not None
    assert max(decoded.frames.shape) <= 4096


@pytest.mark.parametrize("name", ["href", "xlink:href"])
def test_a_drawing_opens_no_other_file(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (8, 8), "lime").save(tmp_path / "secret.png")
    namespace = 'xmlns:xlink="http://www.w3.org/1999/xlink" width="96" height="64"'
    for target in (f"{tmp_path}/secret.png", f" {tmp_path}/secret.png", f"&#47;{tmp_path}/secret.png"):
        path = draw(tmp_path / "a.svg", f'<image {name}="{target}" width="96" height="64"/>', namespace)
        assert pixels_of(path).min() == 255


def test_a_picture_inside_a_drawing_is_shown(tmp_path: Path) -> None:
    import base64

    buffer = io.BytesIO()
    disc().save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    path = draw(tmp_path / "a.svg", f'<image href="data:image/png;base64,{data}" width="96" height="64"/>')
    assert_disc(pixels_of(path))


def test_words_of_a_drawing_are_its_text(tmp_path: Path) -> None:
    path = draw(tmp_path / "a.svg", "<title>Sign</title><desc>At the gate</desc><text>No <tspan>Entry</tspan></text>")
    assert decode(str(path), ALL).text == "Sign\nAt the gate\nNo Entry"


@pytest.mark.timeout(20)
def test_a_drawing_that_expands_is_stopped(tmp_path: Path) -> None:
    deep = draw(tmp_path / "deep.svg", "<g>" * 5000 + "</g>" * 5000)
    with pytest.raises(FileUnsupported):
        decode(str(deep), ALL)
    packed = tmp_path / "packed.svgz"
    packed.write_bytes(gzip.compress(b"<svg>" + bytes([32]) * 2**26))
    with pytest.raises(FileUnsupported):
        decode(str(packed), ALL)
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 50}">' for n in range(1, 9))
    laughs = tmp_path / "laughs.svg"
    laughs.write_text(f'<!DOCTYPE svg [<!ENTITY e0 "ha">{entities}]><svg width="9" height="9"><desc>&e8;</desc></svg>')
    with pytest.raises((FileDamaged, FileUnsupported)):
        decode(str(laughs), ALL)


def test_what_is_no_drawing(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    for content in ("<html><body>words</body></html>", "<?xml version='1.0'?><plist/>", "words"):
        path.write_text(content)
        with pytest.raises(FileMisnamed):
            decode(str(path), ALL)


# --- high range ----------------------------------------------------------------------------------------


def write_exr(path: Path, channels: dict[str, np.ndarray]) -> None:
    import OpenEXR

    OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}, channels).write(str(path))


def test_light_is_mapped_whatever_its_strength(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    ramp = np.tile(2.0 ** np.linspace(-6, 6, 96, dtype=np.float32), (64, 1))
    seen = []
    for strength in (0.01, 1, 100):
        write_exr(path, {"RGB": np.stack([ramp * strength] * 3, axis=-1)})
        row = pixels_of(path)[32, :, 0]
        assert (np.diff(row) >= 0).all()
        assert row[0] < 60
        assert row[-1] > 250
        assert 100 < row[48] < 150, "the middle is middle grey"
        seen.append(row)
    assert np.abs(seen[0] - seen[2]).max() <= 1


def test_a_layer_is_shown_where_there_is_no_picture_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    light = np.asarray(disc()).astype(np.float32)
    layers = {f"beauty.{name}": np.ascontiguousarray(light[..., index]) for index, name in enumerate("RGB")}
    write_exr(path, {**layers, "depth.Z": light[..., 0].copy()})
    assert_disc(pixels_of(path))
    write_exr(path, {"Y": light[..., 0].copy()})
    pixels = pixels_of(path)
    assert pixels[CENTRE[1], CENTRE[0]].min() > 100 > 10 > pixels[CORNER[1], CORNER[0]].max()


def test_an_opacity_lies_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    light = np.zeros((64, 96, 4), np.float32)
    light[:, 48:] = (1, 0, 0, 1)
    write_exr(path, {"RGBA": light})
    pixels = pixels_of(path)
    assert pixels[32, 10].tolist() == [255, 255, 255]
    assert pixels[32, 80, 0] > 200 > 60 > pixels[32, 80, 1]


@settings(deadline=None)  # the first decode loads a library
@given(light=st.lists(st.floats(width=32), min_size=4, max_size=4))
def test_any_light_at_all_can_be_shown(light: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "odd.exr"
    write_exr(path, {"Y": np.array(light, np.float32).reshape(2, 2)})
    assert pixels_of(path).shape == (2, 2, 3)


# --- other particulars ---------------------------------------------------------------------------------


def test_a_small_picture_in_a_heic_serves_as_thumbnail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    path = tmp_path / "a.heic"
    disc(960, 640).save(path, thumbnails=[240], quality=90)
    monkeypatch.setattr(pictures, "MEGAPIXELS_LIMIT", 0.1)  # the large one can't be decoded
    made = make_thumbnail(str(path), 128, None)
    assert made.raster is not None
    assert (made.raster.width, made.raster.height) == (128, 85)
    assert made.facts == Facts(960, 640)
    with pytest.raises(FileTooLarge):
        decode(str(path), ALL)


@pytest.mark.parametrize("size", [(1200, 800), (1201, 803), (977, 991)])
def test_a_jpeg_2000_without_its_finest_details_looks_the_same(tmp_path: Path, size: tuple[int, int]) -> None:
    path = tmp_path / "a.jp2"
    disc(*size).save(path, num_resolutions=6)
    exact, scaled = pixels_of(path, PixelPolicy(60 * 40)), pixels_of(path, PixelPolicy(60 * 40, scaled=True))
    assert exact.shape == scaled.shape
    assert np.abs(exact - scaled).mean() < 3


@pytest.mark.parametrize("channels", [3, 4])
def test_the_white_of_a_deep_jpeg_2000_is_white(tmp_path: Path, channels: int) -> None:
    path = tmp_path / "a.jp2"
    stored = np.full((64, 96, channels), 65535, np.uint16)
    stored[:, :48, :3] = 65535, 32768, 0  # blue, green, red
    assert cv2.imwrite(str(path), stored, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000])
    for seen in (pixels_of(path), shown(path)):
        assert np.abs(seen[:, 50:].astype(int) - 255).max() <= 1
        assert np.abs(seen[:, :46].astype(int) - (0, 128, 255)).max() <= 1
    assert make_preview(str(path), 96).format == "JPEG 2000"


def test_an_icon_is_its_largest_picture_in_most_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.ico"
    disc(64, 64).save(path, sizes=[(16, 16), (64, 64)])
    content = bytearray(path.read_bytes())
    assert struct.unpack_from("<H", content, 4) == (2,)
    assert_disc(pixels_of(path))
    # Both entries are now of the same size by the list; the first is said to have fewer colours.
    content[6:8] = content[22:24] = bytes((64, 64))
    struct.pack_into("<H", content, 12, 4)
    path.write_bytes(content)
    assert pixels_of(path).shape == (64, 64, 3)


def test_numbered_primaries_are_for_people_not_for_judges(tmp_path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    image = Image.new("RGB", (64, 64), (200, 100, 50))
    path = tmp_path / "p3.heic"
    image.save(path, quality=100, chroma=444, color_primaries=12, transfer_characteristics=13)
    assert np.abs(pixels_of(path)[32, 32] - (200, 100, 50)).max() <= 3
    assert np.abs(shown(path, 64)[32, 32] - (215, 93, 31)).max() <= 4  # Display P3 to sRGB, by colour science
    assert ("Profile", "Display P3") in make_preview(str(path), 64).details


@pytest.mark.parametrize("suffix", ["heic", "avif", "psd", "tif", "jp2"])
def test_an_embedded_profile_is_for_people_not_for_judges(tmp_path: Path, suffix: str) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for at in range(132, 132 + 12 * struct.unpack_from(">I", profile, 128)[0], 12):
        exchanged = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(bytes(profile[at : at + 4]))
        profile[at : at + 4] = exchanged or profile[at : at + 4]
    path = tmp_path / f"a.{suffix}"
    if suffix == "psd":
        resource = struct.pack(">4sHHI", b"8BIM", 1039, 0, len(profile)) + profile + bytes(len(profile) % 2)
        path.write_bytes(photoshop(bands(disc()), resources=resource))
    elif suffix == "jp2":
        disc().save(path)
        content = path.read_bytes()
        at = content.index(b"jp2h") - 4
        numbered = struct.pack(">I4sBBBI", 15, b"colr", 1, 0, 0, 16)
        embedded = struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
        length = int.from_bytes(content[at : at + 4]) + len(embedded) - len(numbered)
        path.write_bytes(content[:at] + length.to_bytes(4) + content[at + 4 :].replace(numbered, embedded))
    else:
        disc().save(path, icc_profile=bytes(profile), quality=95)
    assert_disc(pixels_of(path))
    assert shown(path)[CENTRE[1], CENTRE[0]].tolist()[0] < 60 < 200 < shown(path)[CENTRE[1], CENTRE[0]].tolist()[2]


# --- bad files -----------------------------------------------------------------------------------------

WITH_PIXELS = sorted(set(DISTINCT) - {"svg", "svgz"})


def refusal(path: Path) -> MediaError:
    with pytest.raises(MediaError) as caught:
        decode(str(path), ALL)
    with pytest.raises(type(caught.value)):
        make_thumbnail(str(path), 64, None)
    assert str(caught.value)
    return caught.value


@pytest.mark.timeout(20)
@pytest.mark.parametrize("suffix", DISTINCT)
@pytest.mark.parametrize("kept", [0.02, 0.5, 0.8])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    SAMPLES[suffix](path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert isinstance(refusal(path), FileDamaged | FileMisnamed)


@pytest.mark.parametrize("suffix", DISTINCT)
def test_other_content_is_refused(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_text("These are words, not a picture.\n" * 20)
    assert refusal(path) == FileMisnamed(expected="picture")
    path.write_bytes(bytes(5000))
    assert isinstance(refusal(path), FileDamaged | FileMisnamed)


def resized_jxl(width: int, height: int) -> bytes:
    """The header of a codestream: no small sizes, heights and widths of 30 bits."""
    bits = 0b11 << 1 | height - 1 << 3 | 0 << 33 | 0b11 << 36 | width - 1 << 38
    return b"\xff\x0a" + bits.to_bytes(10, "little") + bytes(50)


def resized(content: bytes, old: bytes, new: bytes) -> bytes:
    assert old in content
    return content.replace(old, new)


def bomb(suffix: str, sample: Callable[[], bytes]) -> bytes:
    """A sample that declares itself 100,000 by 50,000 pixels, or what comes next where there are 16 bits."""
    width, height = 100_000, 50_000
    if suffix == "jxl":
        return resized_jxl(width, height)
    if suffix == "hdr":
        return resized(sample(), b"-Y 64 +X 96", b"-Y 50000 +X 100000")
    if suffix == "exr":
        return resized(sample(), struct.pack("<4i", 0, 0, 95, 63), struct.pack("<4i", 0, 0, width - 1, height - 1))
    if suffix == "tga":
        return resized(sample(), struct.pack("<HH", 96, 64), struct.pack("<HH", 60_000, 50_000))
    if suffix in ("dng", "tif"):
        entries = [struct.pack("<HHIHH", tag, 3, 1, side, 0) for tag, side in ((256, 96), (257, 64))]
        entries += [struct.pack("<HHII", tag, 4, 1, side) for tag, side in ((256, 96), (257, 64))]
        content = sample()
        for entry in entries:
            number = struct.pack("<I", 50_000 if entry[0] == 0 else 30_000)
            content = content.replace(entry, entry[:2] + b"\4\0" + entry[4:8] + number)
        return content
    if suffix in ("psd", "psb"):
        return resized(sample(), struct.pack(">II", 64, 96), struct.pack(">II", height, width))
    return resized(sample(), struct.pack(">II", 96, 64), struct.pack(">II", width, height))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("suffix", ["heic", "jxl", "j2k", "tga", "psd", "psb", "exr", "hdr", "dng", "tif"])
def test_a_bomb_is_refused_by_its_header(tmp_path: Path, suffix: str) -> None:
    def sample() -> bytes:
        SAMPLES[suffix](tmp_path / f"sample.{suffix}")
        return (tmp_path / f"sample.{suffix}").read_bytes()

    path = tmp_path / f"bomb.{suffix}"
    path.write_bytes(bomb(suffix, sample))
    assert isinstance(refusal(path), FileTooLarge)


def test_a_bomb_in_an_icon_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.ico"
    disc(64, 64).save(path, sizes=[(64, 64)])
    content = bytearray(resized(path.read_bytes(), struct.pack(">II", 64, 64), struct.pack(">II", 100_000, 50_000)))
    at = content.index(b"IHDR")
    content[at + 17 : at + 21] = struct.pack(">I", zlib.crc32(content[at : at + 17]))
    path.write_bytes(content)
    assert isinstance(refusal(path), FileTooLarge)


@pytest.mark.parametrize("suffix", ["psd", "psb", "jxl", "svg", "hdr", "ico"])
@settings(deadline=None)  # the first decode loads a library
@given(data=st.data())
def test_broken_bytes_give_pixels_or_a_known_error(
    suffix: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / f"broken.{suffix}"
    SAMPLES[suffix](path)
    content = bytearray(path.read_bytes())
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(content) - 1), st.integers(0, 255)), max_size=8)):
        content[at] = value
    path.write_bytes(content)
    with suppress(MediaError):
        assert decode(str(path), SCALED).frames is not None
