"""How a camera's raw file becomes pixels, by LibRaw: by the preview that the camera put in, else by half a development.

The preview is what the photographer saw, and is decoded many times faster. It is taken where it is as large as what
is wanted, or has a side of SUFFICIENT_SIDE: few judges see more, and a person looks at what the camera made of it
rather than at what we would. A development takes each 2 by 2 pixels of the sensor as one; none is ever done in full.
"""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import dataclass, replace

import rawpy
from PIL import ExifTags, Image

from core.decoding import Seen, Source, View, pictures
from core.errors import FileDamaged, FileUnsupported, MediaError

SUFFICIENT_SIDE = 1600
"""The longest side, in pixels, of a preview that serves every purpose."""

Size = tuple[int, int]

# LibRaw's number for how the camera was held -> EXIF's for how to turn what is stored.
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}
_QUARTER_TURNS = (5, 6, 7, 8)
_OTHER_SHAPE = 0.05
"""By how much a preview's ratio of sides may differ from the picture's. Small ones may have black bars."""
_TIFF = (b"II*\0", b"MM\0*")
_NEW_SUBFILE_TYPE, _REDUCED_IMAGE = 254, 1
_XMP = 700


def decode_raw(source: Source, view: View) -> Seen:
    """The picture as one frame. Raises MediaError."""
    with pictures.translated(), rawpy.RawPy() as raw:
        try:
            raw.open_buffer(source.file)
            sensor = _sensor(raw)
            pictures.check_megapixels(*sensor.size)
            if preview := _preview(raw, sensor, view):
                with suppress(MediaError), pictures.translated():  # a broken preview may lie in a sound file
                    return _seen(*preview, source, view)
            return _seen(*_developed(raw, sensor), source, view)
        except rawpy.LibRawFileUnsupportedError as error:
            if plain := _plain_tiff(source):
                return pictures.see(plain, view)
            raise (_cut_off(source) or FileUnsupported(detail="LibRaw knows no such camera")) from error
        except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
            raise _reason(error) from error


@dataclass(frozen=True)
class _Sensor:
    size: Size
    """As it is stored, without what the camera cuts off."""
    orientation: int
    """EXIF's number: how it is to be turned."""

    @property
    def upright(self) -> Size:
        return self.size[::-1] if self.orientation in _QUARTER_TURNS else self.size


def _sensor(raw: rawpy.RawPy) -> _Sensor:
    sizes = raw.sizes
    size, cropped = (sizes.width, sizes.height), (sizes.crop_width, sizes.crop_height)
    # Some files say nothing there, or nonsense.
    usable = all(0.8 * side <= part <= side for side, part in zip(size, cropped, strict=True))
    return _Sensor(cropped if usable else size, _ORIENTATIONS.get(sizes.flip, 1))


def _preview(raw: rawpy.RawPy, sensor: _Sensor, view: View) -> tuple[Image.Image, int, Size] | None:
    """The largest preview, how it is to be turned and the size of the whole as it lies there; None if it won't do."""
    try:
        found = raw.extract_thumb()
        if isinstance(found.data, bytes):
            image: Image.Image = Image.open(io.BytesIO(found.data), formats=["JPEG"])
        else:
            image = Image.fromarray(found.data)
    except (rawpy.LibRawError, NotImplementedError, OSError, ValueError, TypeError, SyntaxError):
        return None
    if max(image.size) < _wanted_side(sensor, view):
        return None
    orientation = sensor.orientation if sensor.orientation != 1 else pictures.orientation_of(image)
    whole = sensor.size
    # Some cameras turn their previews and some don't, whatever EXIF says; only the shape is beyond doubt.
    if (image.width < image.height) != (whole[0] < whole[1]):
        whole = whole[::-1]
        orientation = 1 if orientation in _QUARTER_TURNS else orientation
    if abs(image.width * whole[1] / (image.height * whole[0]) - 1) > _OTHER_SHAPE:
        if max(image.size) < SUFFICIENT_SIDE:
            return None
        whole = whole[0], round(whole[0] * image.height / image.width)  # what the camera was set to
    return image, orientation, whole


def _wanted_side(sensor: _Sensor, view: View) -> int:
    """The longest side of a preview that will do, in pixels."""
    # A development has half the sensor's pixels on a side.
    return min(max(pictures.least_size(sensor.upright, view, 1.0)), SUFFICIENT_SIDE, max(sensor.size) // 2)


def _developed(raw: rawpy.RawPy, sensor: _Sensor) -> tuple[Image.Image, int, Size]:
    pixels = raw.postprocess(half_size=True, use_camera_wb=True, output_bps=8, output_color=rawpy.ColorSpace.sRGB)
    # A sensor without colours gives one channel.
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels), 1, sensor.upright


def _seen(image: Image.Image, orientation: int, whole: Size, source: Source, view: View) -> Seen:
    exif = image.getexif()
    if source.head(4) in _TIFF:
        with suppress(Exception):  # metadata is hostile too, and never costs the picture
            exif.load_from_fp(source.file)
            image.info.setdefault("xmp", exif.get(_XMP))
    exif[ExifTags.Base.Orientation] = orientation
    return replace(pictures.see(image, view, whole), format="Camera raw")


def _plain_tiff(source: Source) -> Image.Image | None:
    """The picture of a file that is named as a raw one but is an ordinary TIFF, as scanners write."""
    if source.head(4) not in _TIFF:
        return None
    with suppress(OSError, SyntaxError, ValueError):
        image = Image.open(source.file, formats=["TIFF"])
        if not image.tag_v2.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED_IMAGE:  # type: ignore[attr-defined]
            return image
    return None


def _cut_off(source: Source) -> FileDamaged | None:
    """Where LibRaw finds nothing in a TIFF because its directory isn't there any more."""
    head = source.head(8)
    at = int.from_bytes(head[4:8], "little" if head.startswith(b"II") else "big")
    return FileDamaged(detail="it breaks off") if head[:4] in _TIFF and at >= source.size else None


def _reason(error: Exception) -> MediaError:
    words = error.args[0] if error.args else ""
    detail = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    if isinstance(error, rawpy.LibRawNotImplementedError | rawpy.NotSupportedError | rawpy.LibRawTooBigError):
        return FileUnsupported(detail=detail)
    if isinstance(error, rawpy.LibRawUnsufficientMemoryError):
        return FileUnsupported(detail="not enough memory for it")
    return FileDamaged(detail=detail)
