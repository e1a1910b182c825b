"""How a picture file becomes upright opaque RGB, by Pillow and plugins for it.

What a file is, its content decides, not its name. What Pillow can't read is handed to the modules beside this one,
which hand what they made of it back to `see`.

Whatever the mode (palette, CMYK, 16 bits, floating point, alpha), a judge gets 8-bit RGB. Transparency is on
white; of an animation the first frame counts. Embedded colour profiles are honoured for a person's eye only:
judges were trained on pixels as stored. A model with rules of its own gets what Pillow's `convert` makes of the
stored pixels, as it did when it was trained: only RGBA is laid on white there. One all of whose pictures have one size
gets what a judge gets.
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
from dataclasses import replace
from math import ceil, floor
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from core.decoding import Decoder, Pixels, Raster, Seen, Source, View, jpeg, metadata
from core.decoding.resize import Box, within
from core.decoding.shapes import shaped
from core.decoding.tiff import pages_of
from core.errors import FileDamaged, FileTooLarge, FileUnsupported, MediaError, PageMissing
from core.media import Facts

MEGAPIXELS_LIMIT = 300
"""The most pixels, in millions, that are decoded. 300 take 1.2 GB in Pillow."""
_SMALL = 96
"""Longest side in pixels of a picture that is only to be told from others."""

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
    (re.compile(rb"....ftyp(?:avi[fs]|m[is]f1(?=.{4,64}avi[fs]))", re.DOTALL), "AVIF", "AvifImagePlugin"),
    (re.compile(rb"....ftyp(?:hei[cxms]|hev[cxms]|m[is]f1)", re.DOTALL), "HEIF", "pillow_heif.as_plugin"),
    (re.compile(rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  \r\n\x87\n"), "JPEG2000", "Jpeg2KImagePlugin"),
    (re.compile(rb"\0\0\x01\0[^\0]\0"), "ICO", "IcoImagePlugin"),
)
_TGA = "TGA", "TgaImagePlugin"  # begins with nothing of its own: only its name tells
# What can be decoded in small: a JPEG at a DCT scale, a JPEG 2000 without its finest details; a HEIC may hold a small
# picture of its own.
_JPEG = ("JPEG", "MPO")
_DRAFTED = (*_JPEG, "HEIF", "JPEG2000")
_NAMES = {"WEBP": "WebP", "MPO": "JPEG", "HEIF": "HEIC", "JPEG2000": "JPEG 2000"}

# What Pillow does not read, or not well enough: how a file begins, and who decodes it; with the name of the format
# that a file's name must promise where the beginning alone says too little.
_RAW = "Camera raw"
_TIFF = re.compile(rb"II[*+]\0|MM\0[*+]")
_XML = rb"(?:\xef\xbb\xbf)?\s*<"
_ELSEWHERE = (
    (re.compile(rb"\xff\x0a|\0\0\0\x0cJXL \r\n\x87\n"), "jpeg_xl:decode_jpeg_xl", ""),
    (re.compile(rb"II\*\0....CR|....ftypcrx |II....HEAPCCDR", re.DOTALL), "raw:decode_raw", ""),
    (re.compile(rb"FUJIFILMCCD-RAW|IIR[OS]|MMOR|IIU\0|FOVb|\0MRM"), "raw:decode_raw", ""),
    (_TIFF, "raw:decode_raw", _RAW),
    (re.compile(rb"8BPS"), "layered:decode_layered", ""),
    (re.compile(rb"\x76\x2f\x31\x01"), "high_range:decode_openexr", ""),
    (re.compile(rb"#\?R(?:ADIANC|GB)E"), "high_range:decode_radiance", ""),
    (re.compile(_XML + rb"(?:[^>]*>\s*<){0,9}(?:\w+:)?svg[\s>]"), "vector:decode_drawing", ""),
    (re.compile(_XML + rb"|\x1f\x8b|\xff\xfe<|\xfe\xff\0<"), "vector:decode_drawing", "SVG"),
)

_PHOTOMETRIC, _MOSAICS = 262, (32803, 34892)  # of TIFF: the colours of a sensor's pixels, each alone or already all
_DNG_VERSION = 50706

# ISO/IEC 15444-1, A.6.1: the marker of the coding style, and in it the number of levels.
_JPEG2000_LEVELS = re.compile(rb"\xff\x52\0.{6}(.)", re.DOTALL)
# A.5.1: the marker of sizes, and in it the bits of the first component, less one.
_JPEG2000_SIZE = re.compile(rb"\xff\x4f\xff\x51.{38}(.)", re.DOTALL)

_BOXES_BYTES = 2**20  # in which what is said of a picture's colours stands, before the picture

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
    """The picture as one frame; of a TIFF, the page that is wanted. Raises MediaError."""
    if decode := _decoder_elsewhere(source):
        return decode(source, view)
    with translated(), _identified(source) as image:
        pages = pages_of(source.file) if image.format == "TIFF" else [0]
        if view.page >= len(pages):
            raise PageMissing(page=view.page + 1)
        if pages[view.page]:
            _turn_to(image, pages[view.page])
        seen = see(_rounded(image, source) or image, view)
    if view.details and len(pages) > 1:
        return replace(seen, details=(*seen.details, ("Pages", str(len(pages)))))
    return seen


def _rounded(image: Image.Image, source: Source) -> Image.Image | None:
    """A JPEG 2000 of more than 8 bits a colour, brought to 8; None of all else. Pillow, which rounds them without an
    upper end, makes white black."""
    found = _JPEG2000_SIZE.search(source.head(_BOXES_BYTES)) if image.format == "JPEG2000" else None
    bits = (found[1][0] & 0x7F) + 1 if found else 0
    if bits <= 8 or image.mode not in ("RGB", "RGBA"):
        return None
    import cv2

    check_megapixels(*image.size)
    stored = None
    with suppress(cv2.error):
        stored = cv2.imdecode(np.frombuffer(source.head(source.size), np.uint8), cv2.IMREAD_UNCHANGED)
    if stored is None or stored.dtype != np.uint16 or stored.shape != (image.height, image.width, len(image.mode)):
        return None  # its colours have sizes of their own, or it is broken: Pillow says why
    swap = cv2.COLOR_BGR2RGB if image.mode == "RGB" else cv2.COLOR_BGRA2RGBA
    white = float(2**bits - 1)
    rounded = Image.fromarray(cv2.convertScaleAbs(cv2.cvtColor(stored, swap), alpha=255 / white))
    rounded.format, rounded.info = _NAMES["JPEG2000"], image.info
    return rounded


def _turn_to(image: Image.Image, place: int) -> None:
    try:
        image.seek(place)
    except (TypeError, KeyError, AttributeError) as error:  # which, of the first picture, opening would translate
        raise FileDamaged(detail=str(error)) from error


def count_pages(source: Source) -> int:
    """How many pages a TIFF has, at most MOST_PAGES; 1 of anything else. Raises MediaError."""
    if _decoder_elsewhere(source):
        return 1
    with translated():
        return len(pages_of(source.file))


def measure(source: Source) -> Facts | None:
    """Width and height of a picture by its header alone; None of a TIFF, which has pages, and of what
    others decode. Raises MediaError."""
    if _decoder_elsewhere(source):
        return None
    with translated(), _identified(source) as image:
        if image.format == "TIFF":
            return None
        return Facts(*_turned_size(image.size, orientation_of(image)))


def see(image: Image.Image, view: View, whole: tuple[int, int] | None = None) -> Seen:
    """What the view takes of an open image, which this loads. Raises MediaError, or what Pillow raises.

    `whole`: the size of the picture as it is stored, where the image is already a reduction of it.
    """
    stored, undrafted = whole or image.size, image.width
    if view.scaled and image.format in _DRAFTED:
        _draft(image, view)
    _check_size(image, stored)
    colours = _colours(image) if view.details else ""  # loading makes RGB of a palette or of 16 bits
    image.load()
    # Only now: a PNG may carry its EXIF after the pixels, and a TIFF is turned by loading it.
    orientation = orientation_of(image)
    full = _turned_size(stored, orientation)
    box = view.box(*full)
    size = box[2] - box[0], box[3] - box[1]
    thumbnail = small_whole = None
    if view.thumbnail:
        least = _turned_size(View(max_side=view.thumbnail).size(*full), orientation)
        if image.width >= least[0] and image.height >= least[1]:
            thumbnail = Raster.of(_pixels(_turned(_for_a_person(image, least, Image.Resampling.BICUBIC), orientation)))
    if view.grid and (small := _reduced_draft(image, _turned_size(view.size(*full), orientation), view)):
        frame = _turned(small, orientation)
    elif view.grid:
        frame = _cut_out(_turned(_as_trained_on(image), orientation), full, box, view)
    elif view.shape or view.region:
        upright = _turned(_opaque(image), orientation)
        frame = _cut_out(upright, full, box, view)
        if view.shape and not view.region:
            small_whole = _pixels(upright.resize(within(*full, _SMALL), reducing_gap=2.0).convert("RGB"))
    else:
        wanted = _turned_size(view.size(*full), orientation)
        if whole and wanted[0] > image.width:
            wanted = image.size
        reduced = _reduced(image, wanted, view)
        if view.faithful and image.format in _JPEG:
            reduced = jpeg.given_back(reduced, image.width, undrafted)
        frame = _turned(reduced, orientation)
    return Seen(
        format=_NAMES.get(image.format or "", image.format or ""),
        frames=_pixels(frame)[np.newaxis],
        times=(0.0,),
        text=metadata.picture_words(image, everything=view.everything),
        facts=Facts(*size),
        details=_details(image, colours) if view.details else (),
        thumbnail=thumbnail,
        small=small_whole,
    )


def _draft(image: Image.Image, view: View) -> None:
    """Have it decoded at the smallest scale that leaves `view.margin` times the wanted size."""
    orientation = orientation_of(image)
    # A HEIC's small picture is well filtered as it is.
    margin = 1.0 if image.format == "HEIF" else view.margin
    least = _turned_size(least_size(_turned_size(image.size, orientation), view, margin), orientation)
    if image.format == "JPEG2000":
        image.reduce = _details_to_skip(image, least)  # type: ignore[method-assign,assignment]
    else:
        image.draft(image.mode, least)


def least_size(size: tuple[int, int], view: View, margin: float) -> tuple[int, int]:
    """The width and height that a reduction of an upright picture of this size must have, so that what the view wants
    of it has `margin` times the wanted pixels on each side."""
    width, height = size
    left, top, right, bottom = view.box(width, height)
    wanted = view.size(right - left, bottom - top)
    return ceil(margin * width * wanted[0] / (right - left)), ceil(margin * height * wanted[1] / (bottom - top))


def _details_to_skip(image: Any, least: tuple[int, int]) -> int:
    """How many of a JPEG 2000's levels of resolution can be left out, so that it has at least that size."""
    image.fp.seek(0)
    levels = _JPEG2000_LEVELS.search(image.fp.read(4096))
    skipped = 0
    while levels and skipped < levels[1][0]:
        parts = 2 << skipped
        # Pillow takes such a size to be the nearest, the standard the next larger one.
        if any(side // parts < wanted or (side + parts // 2) // parts != -(-side // parts)
               for side, wanted in zip(image.size, least, strict=True)):  # fmt: skip
            break
        skipped += 1
    return skipped


def _reduced(image: Image.Image, size: tuple[int, int], view: View) -> Image.Image:
    """The image in RGB at that size, for a judge or for a person's eye."""
    if view.faithful:
        return _for_a_person(image, size, Image.Resampling.LANCZOS)
    return _resized(_opaque(image), size, Image.Resampling.BICUBIC, _gap(view)).convert("RGB")


def _reduced_draft(image: Image.Image, size: tuple[int, int], view: View) -> Image.Image | None:
    """A whole JPEG as a model wants it that does not insist on every pixel; None of what is none, or too small."""
    larger = image.width >= size[0] and image.height >= size[1]
    if not (view.scaled and larger and image.format in _JPEG and not view.region):
        return None
    return jpeg.reduced(_as_trained_on(image), size)


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
    size = box[2] - box[0], box[3] - box[1]
    if view.shape:
        return shaped(part, inner, size, view.shape, _gap(view)).convert("RGB")
    return part.resize(view.size(*size), Image.Resampling.BICUBIC, inner, _gap(view)).convert("RGB")


# --- from a file to an image -------------------------------------------------------------------------


# What Pillow and the libraries behind it raise over a broken file.
_TROUBLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, RuntimeError, struct.error, zlib.error)


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
    except _TROUBLE as error:
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


def _decoder_elsewhere(source: Source) -> Decoder | None:
    """Who decodes this content, if it isn't us."""
    head = source.head(4096)
    promised = _RAW if _TIFF.match(head) and _holds_mosaic(source) else source.format.name
    for signature, decoder, needed in _ELSEWHERE:
        if signature.match(head) and needed in ("", promised):
            module, _, name = decoder.partition(":")
            found: Decoder = getattr(importlib.import_module(f"core.decoding.{module}"), name)
            return found
    return None


def _holds_mosaic(source: Source) -> bool:
    """Whether a TIFF, by whatever name, is a camera's raw file: a DNG, or one whose first picture is a sensor's."""
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    try:
        with _HUSHED:
            directory = ImageFileDirectory_v2(source.head(8))
            source.file.seek(directory.next)
            directory.load(source.file)
            return _DNG_VERSION in directory or directory.get(_PHOTOMETRIC) in _MOSAICS
    except Exception:  # what is broken there is found out when it is decoded
        return False
    finally:
        source.file.seek(0)


def _identified(source: Source) -> Image.Image:
    head = source.head(4096)
    for signature, name, module in _SIGNATURES:
        if signature.match(head):
            return _opened(source, name, module)
    if not any(head):
        raise FileDamaged(detail="it holds only zeros")
    if source.format.name == _TGA[0]:
        try:
            return _opened(source, *_TGA)
        except SyntaxError as error:
            raise source.misnamed() from error
    raise source.misnamed()


def _opened(source: Source, name: str, module: str) -> Image.Image:
    plugin: Any = importlib.import_module(module if "." in module else f"PIL.{module}")
    if name == "ICO":
        return _best_icon(plugin.IcoFile(source.file))
    # The pool is the parallelism.
    if name == "AVIF":
        plugin.DEFAULT_MAX_THREADS = 1
    elif name == "HEIF":
        plugin.register_heif_opener(decode_threads=1)
    try:
        image = Image.open(source.file, formats=[name])
    except UnidentifiedImageError:
        # Pillow swallowed why; asked directly, the format's reader says it.
        source.file.seek(0)
        Image.OPEN[name][0](source.file, "")
        raise
    if name in ("AVIF", "HEIF", "JPEG2000") and not image.info.get("icc_profile"):
        from core.decoding.profiles import profile_in

        if profile := profile_in(source.head(_BOXES_BYTES)):
            image.info["icc_profile"] = profile
    return image


def _best_icon(icons: Any) -> Image.Image:
    """The largest picture of an icon file, of those the one with the most colours."""
    # Pillow would decode its own choice as soon as it opens the file.
    file, entries = icons.buf, icons.entry
    if not entries:
        raise FileDamaged(detail="it has no pictures")
    best = max(range(len(entries)), key=lambda index: (entries[index].square, entries[index].color_depth))
    # What it says of itself, which needs not be what the list of entries says.
    file.seek(entries[best].offset)
    head = file.read(24)
    size = struct.unpack(">II", head[16:]) if head.startswith(b"\x89PNG") else struct.unpack("<II", head[4:12])
    check_megapixels(*size)
    icon: Image.Image = icons.frame(best)
    icon.format = "ICO"
    return icon


def _check_size(image: Image.Image, full: tuple[int, int]) -> None:
    # A progressive JPEG holds all its coefficients in memory, at whatever scale it is decoded.
    check_megapixels(*(full if image.info.get("progressive") or not all(full) else image.size))


def check_megapixels(width: int, height: int) -> None:
    """Raises FileTooLarge or FileDamaged unless so many pixels may be decoded."""
    if width <= 0 or height <= 0:
        raise FileDamaged(detail="it has no pixels")
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
    if (count := getattr(image, "n_frames", 1)) > 1 and image.format not in ("MPO", "TIFF"):
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
