"""How a picture file becomes upright opaque RGB, by Pillow.

Whatever the mode (palette, CMYK, 16 bits, floating point, alpha), a judge gets 8-bit RGB. Transparency is on
white; of an animation the first frame counts. Embedded colour profiles are honoured for a person's eye only:
judges were trained on pixels as stored. A model with rules of its own gets what Pillow's `convert` makes of the
stored pixels, as it did when it was trained: only RGBA is laid on white there.
"""

from __future__ import annotations

import functools
import importlib
import io
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from math import ceil, floor
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from core.decoding import Pixels, Raster, Seen, Source, View, metadata
from core.decoding.resize import Box
from core.errors import FileDamaged, FileTooLarge, FileUnsupported, MediaError
from core.media import Facts

MEGAPIXELS_LIMIT = 300
"""The most pixels, in millions, that are decoded. 300 take 1.2 GB in Pillow."""

# Pillow's own guard looks at the size in the header, before a JPEG is decoded at a reduced scale; ours is below.
Image.MAX_IMAGE_PIXELS = None

# How a file begins -> Pillow's name of the format and the module that reads it. Only these are ever tried:
# Pillow has forty more, each another parser for hostile files, and importing them all takes 0.1 s.
_SIGNATURES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG", "JpegImagePlugin"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG", "PngImagePlugin"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WEBP", "WebPImagePlugin"),
    (re.compile(rb"GIF8[79]a"), "GIF", "GifImagePlugin"),
    (re.compile(rb"BM"), "BMP", "BmpImagePlugin"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "TIFF", "TiffImagePlugin"),
    (re.compile(rb"....ftyp(?:avi[fs]|m[is]f1)", re.DOTALL), "AVIF", "AvifImagePlugin"),
)
_HEIC = re.compile(rb"....ftyp(?:hei[cxms]|hev[cx]|m[is]f1)", re.DOTALL)
_NAMES = {"WEBP": "WebP", "MPO": "JPEG"}

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode_picture(source: Source, view: View) -> Seen:
    """The picture as one frame. Raises MediaError."""
    with translated(), _identified(source) as image:
        return see(image, view)


def see(image: Image.Image, view: View) -> Seen:
    """What the view takes of an open image, which this loads. Raises MediaError, or what Pillow raises."""
    stored = image.size
    if view.scaled and image.format in ("JPEG", "MPO"):
        _draft(image, view)
    _check_size(image, stored)
    colours = _colours(image) if view.details else ""  # loading makes RGB of a palette or of 16 bits
    image.load()
    # Only now: a PNG may carry its EXIF after the pixels, and a TIFF is turned by loading it.
    orientation = orientation_of(image)
    full = _turned_size(stored, orientation)
    box = view.box(*full)
    size = box[2] - box[0], box[3] - box[1]
    thumbnail = None
    if view.thumbnail:
        small = _turned_size(View(max_side=view.thumbnail).size(*full), orientation)
        if image.width >= small[0] and image.height >= small[1]:
            thumbnail = Raster.of(_pixels(_turned(_for_a_person(image, small, Image.Resampling.BICUBIC), orientation)))
    if view.grid:
        frame = _cut_out(_turned(_as_trained_on(image), orientation), full, box, view)
    elif view.region:
        frame = _cut_out(_turned(_opaque(image), orientation), full, box, view)
    else:
        frame = _turned(_reduced(image, _turned_size(view.size(*full), orientation), view), orientation)
    return Seen(
        format=_NAMES.get(image.format or "", image.format or ""),
        frames=_pixels(frame)[np.newaxis],
        times=(0.0,),
        text=metadata.picture_words(image, everything=view.everything),
        facts=Facts(*size),
        details=_details(image, colours) if view.details else (),
        thumbnail=thumbnail,
    )


def _draft(image: Image.Image, view: View) -> None:
    """Have a JPEG decoded at the smallest DCT scale that leaves `view.margin` times the wanted size."""
    orientation = orientation_of(image)
    width, height = _turned_size(image.size, orientation)
    left, top, right, bottom = view.box(width, height)
    wanted = view.size(right - left, bottom - top)
    whole = (
        ceil(view.margin * width * wanted[0] / (right - left)),
        ceil(view.margin * height * wanted[1] / (bottom - top)),
    )
    image.draft(image.mode, _turned_size(whole, orientation))


def _reduced(image: Image.Image, size: tuple[int, int], view: View) -> Image.Image:
    """The image in RGB at that size, for a judge or for a person's eye."""
    if view.faithful:
        return _for_a_person(image, size, Image.Resampling.LANCZOS)
    return _resized(_opaque(image), size, Image.Resampling.BICUBIC, _gap(view)).convert("RGB")


def _gap(view: View) -> float | None:
    return 3.0 if view.scaled else None


def _cut_out(image: Image.Image, full: tuple[int, int], box: Box, view: View) -> Image.Image:
    """The box (in pixels of the `full` size) of an upright image, which may be drafted, at the size wanted of it."""
    left, right = (x * image.width / full[0] for x in (box[0], box[2]))
    top, bottom = (y * image.height / full[1] for y in (box[1], box[3]))
    # Cut first, so that what is beside the region has no part in it; of a draft, to the next whole pixel.
    x, y = floor(left), floor(top)
    part = image if box == (0, 0, *full) else image.crop((x, y, ceil(right), ceil(bottom)))
    inner = left - x, top - y, right - x, bottom - y
    size = view.size(box[2] - box[0], box[3] - box[1])
    return part.resize(size, Image.Resampling.BICUBIC, inner, _gap(view)).convert("RGB")


# --- from a file to an image -------------------------------------------------------------------------


@contextmanager
def translated() -> Iterator[None]:
    """Pillow's many exceptions as ours, its warnings unheard. Others are bugs, and left to be seen as such."""
    try:
        with _HUSHED:
            yield
    except MediaError:
        raise
    except MemoryError as error:
        raise FileUnsupported(detail="not enough memory for it") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error) as error:
        raise _reason(error) from error


class _Hushed:
    """Pillow warns of odd metadata, which is nobody's concern here and would be an error under strict filters.

    Python keeps one list of filters for all threads: of several that hush, the first sets them and the last restores.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._depth = 0
        self._before = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            self._depth += 1
            if self._depth == 1:
                self._before = warnings.catch_warnings()
                self._before.__enter__()
                warnings.simplefilter("ignore")

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                self._before.__exit__(None, None, None)


_HUSHED = _Hushed()


def _reason(error: Exception) -> MediaError:
    detail = str(error) or type(error).__name__
    if re.search(r"unsupported|not available|unknown (pixel )?mode|not implemented", detail, re.IGNORECASE):
        return FileUnsupported(detail=detail)
    return FileDamaged(detail=detail)


def _identified(source: Source) -> Image.Image:
    head = source.head(4096)
    for signature, name, module in _SIGNATURES:
        if signature.match(head):
            plugin: Any = importlib.import_module(f"PIL.{module}")
            if name == "AVIF":
                plugin.DEFAULT_MAX_THREADS = 1  # the pool is the parallelism
            try:
                return Image.open(source.file, formats=[name])
            except UnidentifiedImageError as error:
                if _HEIC.match(head):
                    raise FileUnsupported(detail="HEIC") from error
                # Pillow swallowed why; asked directly, the format's reader says it.
                source.file.seek(0)
                Image.OPEN[name][0](source.file, "")
                raise
    if _HEIC.match(head):
        raise FileUnsupported(detail="HEIC")
    if not any(head):
        raise FileDamaged(detail="it holds only zeros")
    raise source.misnamed()


def _check_size(image: Image.Image, full: tuple[int, int]) -> None:
    if not all(full):
        raise FileDamaged(detail="it has no pixels")
    # A progressive JPEG holds all its coefficients in memory, at whatever scale it is decoded.
    width, height = full if image.info.get("progressive") else image.size
    megapixels = width * height / 1e6
    if megapixels > MEGAPIXELS_LIMIT:
        raise FileTooLarge(megapixels=round(megapixels), limit=MEGAPIXELS_LIMIT)


# --- from an image to RGB ----------------------------------------------------------------------------


def _opaque(image: Image.Image) -> Image.Image:
    """The image as 8-bit RGB or grey, transparency on white."""
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if image.mode == "LAB":
        return ImageCms.applyTransform(image, _lab_to_srgb()) or image
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        ground = Image.new("RGB", image.size, "white")
        ground.paste(layer, mask=layer)
        return ground
    if image.mode == "1":
        return image.convert("L")
    return image if image.mode in ("L", "RGB") else image.convert("RGB")


def _as_trained_on(image: Image.Image) -> Image.Image:
    """The image in RGB as `qwen_vl_utils` reads it: RGBA on white, of the rest what Pillow's conversion makes."""
    if image.mode != "RGBA":
        return image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
    ground = Image.new("RGB", image.size, "white")
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _eight_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 or 32 bits or floating point, scaled so that its white stays white."""
    values = np.asarray(image)
    if image.mode.startswith("I;16"):
        # A TIFF of 12 bits arrives unscaled.
        bits: Iterable[int] = getattr(image, "tag_v2", {}).get(258, (16,))
        black, white = 0.0, float(2 ** min(16, max(bits)) - 1)
    else:
        values = np.nan_to_num(values.astype(np.float64), posinf=0.0, neginf=0.0)
        lowest, highest = float(values.min()), float(values.max())
        # There is no rule for how such files mean white. 1, 255 and 65535 are usual; beyond, the brightest is.
        usual = (1.0,) if image.mode == "F" else (255.0, 65535.0)
        black, white = min(0.0, lowest), next((level for level in usual if highest <= level), highest)
    scaled = (values - np.float32(black)) * np.float32(255.0 / (white - black))
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8))


def _resized(image: Image.Image, size: tuple[int, int], resample: Image.Resampling, gap: float | None) -> Image.Image:
    return image if image.size == size else image.resize(size, resample, reducing_gap=gap)


def _for_a_person(image: Image.Image, size: tuple[int, int], resample: Image.Resampling) -> Image.Image:
    """RGB at that size as a screen should show it: its embedded profile converted to sRGB."""
    profile = image.info.get("icc_profile")
    # A profile speaks of the stored colours, so CMYK stays CMYK until it is applied.
    if not (profile and image.mode == "CMYK"):
        image = _opaque(image)
    image = _resized(image, size, resample, 3.0)
    if profile:
        try:
            return ImageCms.applyTransform(image, _to_srgb(profile, image.mode)) or image.convert("RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass  # a broken profile, or one for other colours than the file has, must not cost the picture
    return image.convert("RGB")


@functools.lru_cache(maxsize=16)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(
        ImageCms.ImageCmsProfile(io.BytesIO(profile)),
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )


@functools.cache
def _lab_to_srgb() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


def orientation_of(image: Image.Image) -> int:
    """EXIF's number, 1..8: how the image is to be turned; 1 if nothing says so."""
    with suppress(Exception):  # metadata is hostile too, and never costs the picture
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    return 1


def _turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image upright."""
    turn = _TRANSPOSITIONS.get(orientation)
    return image if turn is None else image.transpose(turn)


def _turned_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """A stored size upright, or an upright one as stored."""
    return (size[1], size[0]) if orientation in (5, 6, 7, 8) else size


def _pixels(image: Image.Image) -> Pixels:
    return np.ascontiguousarray(image)


# --- what a person may want to know ------------------------------------------------------------------


def _colours(image: Image.Image) -> str:
    mode = image.mode
    names = {
        "1": "Black and white",
        "L": "Grey",
        "LA": "Grey with transparency",
        "P": "Palette",
        "RGB": "RGB",
        "RGBA": "RGB with transparency",
        "CMYK": "CMYK",
        "YCbCr": "YCbCr",
        "LAB": "Lab",
        "I": "Grey, 32 bits",
        "F": "Grey, floating point",
    }
    return names.get(mode, "Grey, 16 bits" if mode.startswith("I;16") else mode)


def _details(image: Image.Image, colours: str) -> tuple[tuple[str, str], ...]:
    rows = [("Colour", colours)]
    with suppress(Exception):  # metadata is hostile too, and never costs the picture
        rows += _metadata_rows(image)
    return tuple((label, value) for label, value in rows if value)


def _metadata_rows(image: Image.Image) -> Iterator[tuple[str, str]]:
    if profile := image.info.get("icc_profile"):
        try:
            described = ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError):
            described = ""
        yield "Profile", described.strip()
    if (count := getattr(image, "n_frames", 1)) > 1 and image.format != "MPO":
        yield "Frames", str(count)
    exif = image.getexif()
    taken = exif.get_ifd(ExifTags.IFD.Exif)
    yield "Camera", metadata.camera(exif)
    yield "Lens", metadata.exif_words(taken.get(ExifTags.Base.LensModel))
    moment = metadata.exif_words(taken.get(ExifTags.Base.DateTimeOriginal) or exif.get(ExifTags.Base.DateTime))
    yield "Taken", re.sub(r"^(\d{4}):(\d\d):(\d\d)", r"\1-\2-\3", moment)
    yield "Exposure", " · ".join(_exposure(taken))


def _exposure(taken: Any) -> Iterator[str]:
    if seconds := float(taken.get(ExifTags.Base.ExposureTime) or 0):
        yield f"1/{round(1 / seconds)} s" if seconds < 0.3 else f"{seconds:g} s"
    if aperture := float(taken.get(ExifTags.Base.FNumber) or 0):
        yield f"f/{aperture:g}"
    speed = taken.get(ExifTags.Base.ISOSpeedRatings)
    if speed := speed[0] if isinstance(speed, tuple) else speed:
        yield f"ISO {speed}"
    if length := float(taken.get(ExifTags.Base.FocalLength) or 0):
        yield f"{length:g} mm"
