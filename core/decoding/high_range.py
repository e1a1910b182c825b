"""How pictures in linear light without an upper end (OpenEXR, Radiance HDR) become ones a screen can show.

Luminance is mapped by Reinhard's global operator, so that the picture's middle is middle grey and its brightest parts
are white; colours keep their ratios. (Reinhard, Stark, Shirley and Ferwerda, "Photographic Tone Reproduction for
Digital Images", 2002, equations 1, 2 and 4.)

Of an OpenEXR, only the channels of one picture are read, of its first part: a render may hold fifty. OpenCV reads
Radiance's files; it is built without OpenEXR.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.decoding import Pixels, Seen, Source, View, pictures
from core.errors import FileDamaged, FileUnsupported

Light = NDArray[np.float32]

MIDDLE_GREY = 0.18
WHITE_SHARE = 99.5
"""The percentage of pixels that stay below white."""
_DARKEST = 1e-6
_SAMPLES = 2**20
_ROWS = 256  # that are mapped at a time
_STEPS = 4096
_WEIGHTS = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709
_RADIANCE_SIZE = re.compile(rb"\n\n?([-+])([XY]) +(\d{1,9}) +([-+])([XY]) +(\d{1,9})\n")


def decode_openexr(source: Source, view: View) -> Seen:
    """The picture of the first part as one frame. Raises MediaError."""
    import OpenEXR

    with pictures.translated():
        OpenEXR.set_global_thread_count(0)  # the pool is the parallelism
        try:
            # Two readers: this one tells of the header, but would read all channels of all parts; the older one reads
            # single channels, but breaks down over strange headers.
            header = OpenEXR.File(source.file, header_only=True, num_threads=0).parts[0].header
            first, last = header["dataWindow"]
            size = int(last[0]) - int(first[0]) + 1, int(last[1]) - int(first[1]) + 1
            pictures.check_megapixels(*size)
            if header["type"] in (OpenEXR.deepscanline, OpenEXR.deeptile):
                raise FileUnsupported(detail="deep data")
            names = _channels_of_a_picture(header["channels"])
            source.file.seek(0)
            file = OpenEXR.InputFile(source.file)
            planes = [_plane(file, name, size) for name in names]
        except (RuntimeError, SystemError, TypeError, KeyError) as error:  # of the library's, over what is broken
            raise FileDamaged(detail=str(error)) from error
        return _seen(planes[:3], planes[3] if len(planes) == 4 else None, view, "OpenEXR")


def decode_radiance(source: Source, view: View) -> Seen:
    """The picture as one frame. Raises MediaError."""
    import cv2

    with pictures.translated():
        content = source.head(source.size)
        declared = _RADIANCE_SIZE.search(content, 0, 2**16)
        if declared is None:
            raise FileDamaged(detail="it doesn't say its size")
        if (declared[1], declared[2], declared[4], declared[5]) != (b"-", b"Y", b"+", b"X"):
            raise FileUnsupported(detail="rows that don't run from the upper left")
        pictures.check_megapixels(int(declared[6]), int(declared[3]))
        cv2.setNumThreads(1)
        try:
            light = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise FileDamaged(detail=error.err or "OpenCV can't decode it") from error
        if light is None:
            raise FileDamaged(detail="OpenCV can't decode it")
        planes: list[Light] = [light[..., index].astype(np.float32, copy=False) for index in (2, 1, 0)]
        return _seen(planes, None, view, "Radiance HDR")


def _seen(planes: list[Light], opacity: Light | None, view: View, name: str) -> Seen:
    height, width = planes[0].shape
    if view.scaled:
        least = pictures.least_size((width, height), view, view.margin)
        times = min(width // least[0], height // least[1])
        planes = [_reduced(plane, times) for plane in planes]
        opacity = None if opacity is None else _reduced(opacity, times)
    image = _shown(planes, opacity)
    image.format = name
    return pictures.see(image, view, (width, height))


# --- reading -----------------------------------------------------------------------------------------


def _channels_of_a_picture(channels: Sequence[Any]) -> list[str]:
    """Which channels are a picture's three colours, and its opacity if there is one: those without a layer, else of
    the first layer that has any; else its luminance; else whatever comes first, as grey. Raises FileUnsupported."""
    full = {channel.name for channel in channels if (channel.xSampling, channel.ySampling) == (1, 1)}
    layers = sorted({name.rpartition(".")[0] for name in full}, key=lambda layer: (layer != "", layer))
    for wanted in (("R", "G", "B"), ("r", "g", "b"), ("Y",)):
        for layer in layers:
            prefix = layer + "." if layer else ""
            names = [prefix + letter for letter in wanted]
            if full.issuperset(names):
                alpha = prefix + ("a" if "r" in wanted else "A")
                return [*names, alpha] if len(names) == 3 and alpha in full else names
    if not full:
        raise FileUnsupported(detail="no channel has a value for each pixel")
    return [min(full)]


def _plane(file: Any, name: str, size: tuple[int, int]) -> Light:
    from Imath import PixelType

    plane: Light = np.frombuffer(file.channel(name, PixelType(PixelType.FLOAT)), np.float32).reshape(size[1], size[0])
    return plane


# --- mapping -----------------------------------------------------------------------------------------


def _shown(planes: list[Light], opacity: Light | None) -> Image.Image:
    """The picture of one plane of grey or three of colour, (height, width) each, in linear light.

    Colours are multiplied with their opacity, as OpenEXR has it.
    """
    height, width = planes[0].shape
    exposure, white = _exposure(planes)
    if opacity is not None and (float(opacity.min()) >= 1 or float(opacity.max()) <= 0):
        opacity = None
    shown = np.empty((height, width, 3 if opacity is None else 4), np.uint8)
    for start in range(0, height, _ROWS):
        rows = slice(start, start + _ROWS)
        light = np.stack([_cleaned(plane[rows]) for plane in planes], axis=-1)
        if opacity is not None:
            covered = np.clip(_cleaned(opacity[rows]), 0, 1)
            light /= np.maximum(covered, 1e-3)[..., np.newaxis]
            shown[rows, :, 3] = np.round(covered * 255)
        luminance = exposure * _luminance(light)
        scale = exposure * (1 + luminance / white**2) / (1 + luminance)
        shown[rows, :, :3] = srgb_of(light * scale[..., np.newaxis])
    return Image.fromarray(shown)


def _reduced(plane: Light, times: int) -> Light:
    return np.asarray(Image.fromarray(_cleaned(plane)).reduce(times)) if times > 1 else plane


def _exposure(planes: list[Light]) -> tuple[float, float]:
    """What light is multiplied by, and which luminance then is white."""
    step = max(1, int(np.sqrt(planes[0].size / _SAMPLES)))
    luminance = _luminance(np.stack([_cleaned(plane[::step, ::step]) for plane in planes], axis=-1))
    lit = luminance[luminance > _DARKEST]  # a black ground says nothing of the light
    if not lit.size:
        return 1.0, 1.0
    exposure = MIDDLE_GREY / float(np.exp(np.log(lit, dtype=np.float64).mean()))
    return exposure, max(1.0, exposure * float(np.percentile(lit, WHITE_SHARE)))


def _luminance(light: NDArray[np.float32]) -> NDArray[np.float32]:
    result: NDArray[np.float32] = light @ _WEIGHTS if light.shape[-1] == 3 else light[..., 0]
    return result


def _cleaned(plane: Light) -> NDArray[np.float32]:
    """No light below none; what is no number is none."""
    values = np.nan_to_num(plane, nan=0.0, posinf=65504.0, neginf=0.0)
    return np.maximum(values, 0.0, out=values)


def srgb_of(light: NDArray[np.float32]) -> Pixels:
    """Linear light, 1 its white, as sRGB's 8 bits, of the same shape; what is beyond is clipped."""
    steps = np.clip(light * (_STEPS - 1) + 0.5, 0, _STEPS - 1).astype(np.uint16)
    levels: Pixels = _srgb_levels()[steps]
    return levels


@functools.cache
def _srgb_levels() -> Pixels:
    # IEC 61966-2-1.
    linear = np.arange(_STEPS) / (_STEPS - 1)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255).astype(np.uint8)
