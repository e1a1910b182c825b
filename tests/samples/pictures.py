"""A small picture of every format that is read: a red disc on blue, 96 by 64, written at test time.

SAMPLES: by suffix, what writes it to a path. Formats without an encoder among the project's libraries are written
here by hand, as their specifications say.
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 96, 64
CENTRE, CORNER = (WIDTH // 2, HEIGHT // 2), (4, 4)
"""Where it is red, and where blue."""


def disc(width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """A red disc on blue."""
    y, x = np.mgrid[:height, :width]
    inside = (x - width // 2) ** 2 + (y - height // 2) ** 2 < (height // 3) ** 2
    return Image.fromarray(np.where(inside[..., np.newaxis], (255, 0, 0), (0, 0, 255)).astype(np.uint8))


# --- with an encoder at hand ---------------------------------------------------------------------------


def _write_heic(path: Path) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    disc().save(path, "HEIF", quality=95)


def _write_jxl(path: Path) -> None:
    from pillow_jxl import JpegXLImagePlugin

    assert JpegXLImagePlugin
    disc().save(path, "JXL", lossless=True, num_threads=1)


def _write_exr(path: Path) -> None:
    import OpenEXR

    light = (np.asarray(disc()) / 255.0).astype(np.float16)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"RGB": light}).write(str(path))


def _write_icon(path: Path) -> None:
    disc(64, 64).save(path, "ICO", sizes=[(16, 16), (64, 64)])


# --- by hand -------------------------------------------------------------------------------------------

DRAWING = f"""<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}">
<title>A disc</title><rect width="{WIDTH}" height="{HEIGHT}" fill="blue"/>
<circle cx="{WIDTH // 2}" cy="{HEIGHT // 2}" r="{HEIGHT // 3}" fill="red"/></svg>
"""


def _write_svg(path: Path) -> None:
    path.write_text(DRAWING)


def _write_svgz(path: Path) -> None:
    path.write_bytes(gzip.compress(DRAWING.encode(), mtime=0))


def _write_hdr(path: Path) -> None:
    """Radiance's RGBE without run lengths: three mantissas and an exponent of 128 for values below 1."""
    pixels = np.full((HEIGHT, WIDTH, 4), 128, np.uint8)
    pixels[..., :3] = np.asarray(disc())
    path.write_bytes(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y %d +X %d\n" % (HEIGHT, WIDTH) + pixels.tobytes())


def photoshop(
    planes: Sequence[NDArray[np.uint8] | NDArray[np.uint16] | NDArray[np.float32]],
    *,
    mode: int = 3,
    large: bool = False,
    packed: bool = False,
    resources: bytes = b"",
    transparent: bool = False,
) -> bytes:
    """A document of these channels, each (height, width), as a composite without layers' pixels."""
    height, width = planes[0].shape
    depth = planes[0].itemsize * 8
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 2 if large else 1, len(planes), height, width, depth, mode)
    layers = struct.pack(">QQh" if large else ">IIh", 12 if large else 8, 4, -1) + b"\0\0" if transparent else b""
    layers = layers.ljust(20 if large else 12, b"\0") if transparent else bytes(8 if large else 4)
    rows = [row.astype(row.dtype.newbyteorder(">")).tobytes() for plane in planes for row in plane]
    if packed:
        rows = [_packbits(row) for row in rows]
    counts = b"".join(struct.pack(">I" if large else ">H", len(row)) for row in rows) if packed else b""
    sections = bytes(4) + struct.pack(">I", len(resources)) + resources + layers
    return header + sections + struct.pack(">H", packed) + counts + b"".join(rows)


def _packbits(row: bytes) -> bytes:
    """Runs of up to 128 equal bytes."""
    packed, at = b"", 0
    while at < len(row):
        count = 1
        while count < 128 and row[at : at + 1] == row[at + count : at + count + 1]:
            count += 1
        packed += bytes([257 - count if count > 1 else 0, row[at]])
        at += count
    return packed


def _write_photoshop(path: Path, *, large: bool = False) -> None:
    planes = [np.asarray(band) for band in disc().split()]
    path.write_bytes(photoshop(planes, large=large, packed=True))


# --- camera raw ----------------------------------------------------------------------------------------

# What the specification of DNG (1.4) and TIFF 6.0 call them.
_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SRATIONAL = 1, 2, 3, 4, 5, 10
_LAYOUT = {_BYTE: "B", _ASCII: "B", _SHORT: "H", _LONG: "I", _RATIONAL: "II", _SRATIONAL: "ii"}
# From XYZ to linear sRGB, ten thousandths: a camera whose own colours are sRGB's.
_CAMERA = (32405, -15371, -4985, -9693, 18760, 416, 556, -2040, 10572)

Tags = dict[int, tuple[int, Sequence[int] | bytes]]


def raw(
    width: int = WIDTH,
    height: int = HEIGHT,
    *,
    preview: Image.Image | None = None,
    orientation: int = 1,
    dng: bool = True,
    picture: Image.Image | None = None,
) -> bytes:
    """A camera's raw file: a mosaic of 16 bits, and the preview as a JPEG if there is one.

    Without `dng` it is a TIFF with a mosaic, as other makers' files are.
    """
    light = (np.asarray(picture or disc(width, height)) / 255.0) ** 2.2
    y, x = np.mgrid[:height, :width]
    mosaic = np.take_along_axis(light, (y % 2 + x % 2)[..., np.newaxis], axis=2)[..., 0]  # red, green; green, blue
    samples = np.round(mosaic * 60000).astype("<u2").tobytes()
    jpeg = BytesIO()
    if preview:
        preview.save(jpeg, "JPEG", quality=95)
    exif: Tags = {33434: (_RATIONAL, (1, 250)), 33437: (_RATIONAL, (28, 10)), 34855: (_SHORT, (400,))}
    small: Tags = {}
    if preview:
        small = {
            254: (_LONG, (1,)),
            256: (_LONG, (preview.width,)),
            257: (_LONG, (preview.height,)),
            258: (_SHORT, (8, 8, 8)),
            259: (_SHORT, (7,)),
            262: (_SHORT, (6,)),
            277: (_SHORT, (3,)),
            278: (_LONG, (preview.height,)),
            279: (_LONG, (len(jpeg.getvalue()),)),
        }
    main: Tags = {
        254: (_LONG, (0,)),
        256: (_LONG, (width,)),
        257: (_LONG, (height,)),
        258: (_SHORT, (16,)),
        259: (_SHORT, (1,)),
        262: (_SHORT, (32803,)),
        271: (_ASCII, b"Maker\0"),
        272: (_ASCII, b"One\0"),
        274: (_SHORT, (orientation,)),
        277: (_SHORT, (1,)),
        278: (_LONG, (height,)),
        279: (_LONG, (len(samples),)),
        33421: (_SHORT, (2, 2)),
        33422: (_BYTE, (0, 1, 1, 2)),
    }
    if dng:
        main |= {
            50706: (_BYTE, (1, 4, 0, 0)),
            50708: (_ASCII, b"Maker One\0"),
            50714: (_SHORT, (0,)),
            50717: (_LONG, (60000,)),
            50721: (_SRATIONAL, [number for value in _CAMERA for number in (value, 10000)]),
            50728: (_RATIONAL, (1, 1, 1, 1, 1, 1)),
            50778: (_SHORT, (21,)),
        }
    return _tiff(main, samples, exif, small, jpeg.getvalue())


def _tiff(main: Tags, samples: bytes, exif: Tags, small: Tags, jpeg: bytes) -> bytes:
    """The directory of the sensor's picture, those of EXIF and of the preview under it, and the pixels of both."""
    start = 8
    at_samples, at_jpeg = start, start + len(samples)
    at_exif = at_jpeg + len(jpeg) + len(jpeg) % 2
    exif_directory = _directory(exif, at_exif)
    at_small = at_exif + len(exif_directory)
    small_directory = _directory(small | {273: (_LONG, (at_jpeg,))}, at_small) if small else b""
    at_main = at_small + len(small_directory)
    main = main | {273: (_LONG, (at_samples,)), 34665: (_LONG, (at_exif,))}
    if small:
        main[330] = (_LONG, (at_small,))
    pixels = samples + jpeg + bytes(len(jpeg) % 2)
    return (
        struct.pack("<2sHI", b"II", 42, at_main) + pixels + exif_directory + small_directory + _directory(main, at_main)
    )


def _directory(tags: Tags, at: int) -> bytes:
    entries, beyond = b"", b""
    after = at + 2 + 12 * len(tags) + 4
    for tag, (kind, values) in sorted(tags.items()):
        count = len(values) // len(_LAYOUT[kind])
        data = struct.pack("<" + _LAYOUT[kind] * count, *values)
        if len(data) > 4:
            value = struct.pack("<I", after + len(beyond))
            beyond += data + bytes(len(data) % 2)
        else:
            value = data.ljust(4, b"\0")
        entries += struct.pack("<HHI", tag, kind, count) + value
    return struct.pack("<H", len(tags)) + entries + bytes(4) + beyond


def _write_raw(path: Path, *, dng: bool = True) -> None:
    path.write_bytes(raw(preview=disc(), dng=dng))


def _by_pillow(name: str, **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        disc().save(path, name, **options)

    return write


SAMPLES: dict[str, Callable[[Path], None]] = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), _by_pillow("JPEG", quality=95)),
    "png": _by_pillow("PNG"),
    "webp": _by_pillow("WEBP", quality=95),
    "gif": _by_pillow("GIF"),
    **dict.fromkeys(("bmp", "dib"), _by_pillow("BMP")),
    **dict.fromkeys(("tif", "tiff"), _by_pillow("TIFF")),
    **dict.fromkeys(("avif", "avifs"), _by_pillow("AVIF", quality=95)),
    **dict.fromkeys(("heic", "heif", "heics", "heifs", "hif"), _write_heic),
    "jxl": _write_jxl,
    **dict.fromkeys(("jp2", "jpf", "jpx"), _by_pillow("JPEG2000")),
    **dict.fromkeys(("j2k", "j2c"), _by_pillow("JPEG2000", no_jp2=True)),
    "ico": _write_icon,
    "tga": _by_pillow("TGA"),
    "psd": _write_photoshop,
    "psb": partial(_write_photoshop, large=True),
    "svg": _write_svg,
    "svgz": _write_svgz,
    "exr": _write_exr,
    "hdr": _write_hdr,
    "dng": _write_raw,
    **dict.fromkeys(
        (
            *("cr2", "cr3", "crw", "nef", "nrw", "arw", "srf", "sr2", "orf", "raf", "rw2", "pef", "srw"),
            *("3fr", "iiq", "erf", "kdc", "dcr", "mos", "mrw", "x3f", "rwl"),
        ),
        _write_raw,
    ),
}
