"""How a frame that FFmpeg decoded becomes RGB: its colours, its two fields, what is transparent, which way is up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from PIL import Image

from core.decoding import Pixels
from core.decoding.bright import Curve, to_ordinary

_FILTER = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED
_CURVES = {curve.value: curve for curve in Curve}

_COMB_CONTRAST = 20
"""Grey levels by which a line must differ from both its neighbours, which are of the other field, to be a tooth."""
_COMBED = 0.01
"""The share of teeth among pixels from which on a frame shows two moments at once."""


@dataclass(frozen=True)
class Turn:
    """How stored pixels are to be laid: rows for columns first, then mirrored left to right, then top to bottom."""

    swapped: bool = False
    mirrored: bool = False
    upended: bool = False

    def size(self, width: int, height: int) -> tuple[int, int]:
        """A stored size as shown, or one as shown as stored."""
        return (height, width) if self.swapped else (width, height)

    def upright(self, pixels: Pixels) -> Pixels:
        """Stored pixels (height, width, 3) as they are shown; a view of them."""
        if self.swapped:
            pixels = pixels.swapaxes(0, 1)
        if self.mirrored:
            pixels = pixels[:, ::-1]
        return pixels[::-1] if self.upended else pixels


def turn_of(frame: VideoFrame) -> Turn:
    """The turn that the file asks for, to the nearest quarter."""
    try:
        beside = cast(Mapping[Type, bytes], frame.side_data)
        matrix = np.frombuffer(bytes(beside[Type.DISPLAYMATRIX]), np.int32)[:5].tolist()
    except (KeyError, ValueError):  # no such matrix; or beside it something that PyAV has no name for
        quarter = round(frame.rotation / 90) % 4
        return (Turn(), Turn(True, False, True), Turn(False, True, True), Turn(True, True, False))[quarter]
    # A pixel at (x, y) is shown at (a x + c y, b x + d y).
    a, b, _, c, d = matrix
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return Turn(False, a < 0, d < 0)
    return Turn(True, c < 0, b < 0)


def rgb(frame: VideoFrame, width: int, height: int) -> Pixels:
    """The stored frame as (height, width, 3), for a screen: of ordinary brightness, one moment, opaque on white."""
    if frame.interlaced_frame and frame.height % 2 == 0:
        lines = _converted(frame, width, frame.height)
        if _is_combed(lines):
            return np.asarray(Image.fromarray(lines[::2]).resize((width, height), Image.Resampling.BICUBIC))
    return _converted(frame, width, height)


def _converted(frame: VideoFrame, width: int, height: int) -> Pixels:
    curve = _CURVES.get(frame.color_trc)
    colours = None
    if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb:
        # What players assume: high definition is BT.709, what is smaller BT.601.
        colours = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
        if curve:
            colours = Colorspace.BT2020
    transparent = any(component.is_alpha for component in frame.format.components)
    layout = "rgb48le" if curve else "rgba" if transparent else "rgb24"
    stored = frame.reformat(width, height, layout, colours, interpolation=_FILTER, threads=1).to_ndarray()
    if curve:
        return to_ordinary(stored.astype(np.uint16, copy=False), curve)
    pixels = stored.astype(np.uint8, copy=False)
    return on_white(pixels) if transparent else pixels


def on_white(pixels: Pixels) -> Pixels:
    """(height, width, 4) as (height, width, 3)."""
    colours, cover = pixels[..., :3], pixels[..., 3:]
    lowest = int(cover.min())
    # Some programs write the fourth channel and leave it empty.
    if lowest == 255 or not cover.any():
        return np.ascontiguousarray(colours)
    weight = cover.astype(np.uint16)
    return ((colours * weight + 255 * (255 - weight) + 127) // 255).astype(np.uint8)


def _is_combed(lines: Pixels) -> bool:
    """Whether odd lines stick out from between even ones, as where something moved between two fields."""
    green = lines[..., 1].astype(np.int32)
    upper, middle, lower = green[0:-2:2], green[1:-1:2], green[2::2]
    teeth = (middle - upper) * (middle - lower) > _COMB_CONTRAST**2
    return float(teeth.mean()) > _COMBED
