"""Which moments of something that moves are looked at: evenly spaced ones, a model's, or one that tells what it is.

Clips and animations share this; how a moment is reached is their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from core.decoding import Pixels, View
from core.decoding.grid import PAIR, frame_size
from core.media import ModelGrid

TITLES = 0.1
"""The part of a clip's length, at its beginning, in which a frame that stands for it is not looked for."""
TYPICAL = (0.15, 0.3, 0.5, 0.7)
"""Where a frame that stands for a clip is looked for, as parts of its length: past the titles, then on."""
TELLING = 3.0
"""Bits from which on a frame needs no rival (`bits`). Most pictures have more, drawings and screens often less; a
picture faded to a quarter has two fewer than it had."""
PASSABLE = 1.5
"""Bits from which on a frame will do where the next would cost decoding what lies between. Black, white and a title on
either have less than one."""
SAMPLE = 64
"""Longest side in pixels of a frame that is only measured."""

_LEVELS = 32

T = TypeVar("T")


@dataclass(frozen=True)
class Moment:
    time: float
    """Seconds from the start."""
    earliest: float
    """A frame from here on, in seconds, will do as well where it is reached faster."""


def evenly(view: View, duration: float) -> list[Moment]:
    """The one moment the view names, or the middles of as many equal parts as it wants frames."""
    if view.at is not None:
        time = min(max(view.at, 0.0), duration)
        return [Moment(time, time)]
    part = duration / view.frames
    return [Moment((index + 0.5) * part, (index + 0.25) * part) for index in range(view.frames)]


def paired(frames: list[T]) -> list[T]:
    """An even number of them: without the last, or one twice."""
    return frames[: len(frames) // PAIR * PAIR] or frames * PAIR


def bits(pixels: Pixels) -> float:
    """How much a small frame (height, width, 3) tells: the entropy of its grey levels, 0 to 5 bits.

    Black, white and a blank card tell nothing, a line of writing little; a fade takes from what there is.
    """
    grey = pixels.mean(axis=2).astype(np.int64) * _LEVELS // 256
    counts = np.bincount(grey.ravel(), minlength=_LEVELS)
    shares = counts[counts > 0] / grey.size
    return float(-(shares * np.log2(shares)).sum())


def as_a_model_wants(image: Image.Image, view: View, grid: ModelGrid, count: int) -> Pixels:
    """The wanted part of an upright RGB frame, one of `count`, at the model's size. Raises ScoreMissing."""
    left, top, right, bottom = view.box(*image.size)
    size = frame_size(right - left, bottom - top, count, grid)
    part = image.crop((left, top, right, bottom)) if view.region else image
    return np.ascontiguousarray(part.resize(size, Image.Resampling.BICUBIC))
