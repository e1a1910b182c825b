"""Which pictures the speed of a judge is measured on: JPEGs as cameras make them, all different, seeded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.bench.photographs import distractors, photographs

_SIDES = ((4, 3), (4, 3), (3, 4), (3, 2), (4, 3), (3, 4), (16, 9), (1, 1))
"""Width to height, by turns: mostly what phones and cameras take."""
_QUALITY = 90


def write_pictures(folder: Path, count: int, pixels: int) -> list[Path]:
    """`count` JPEGs of about `pixels` pixels each, enlarged from photographs and drawn pictures, with a camera's grain.

    The first 21 are photographs, the rest is drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"IMG_{number:04}.jpg" for number in range(count)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_write, paths, islice(_sources(count), count), range(count), [pixels] * count, chunksize=4))
    return paths


def _sources(count: int) -> Iterator[NDArray[np.uint8]]:
    real = list(photographs().values())
    return chain(real, distractors(max(0, count - len(real))))


def _write(path: Path, source: NDArray[np.uint8], number: int, pixels: int) -> None:
    wide, high = _SIDES[number % len(_SIDES)]
    unit = (pixels / (wide * high)) ** 0.5
    size = (round(unit * wide), round(unit * high))
    picture = cv2.resize(_cut(source, wide / high), size, interpolation=cv2.INTER_CUBIC)
    noise = np.random.default_rng(number).normal(0, 4, (1024, 1024)).astype(np.float32)
    tiles = (-(-size[1] // 1024), -(-size[0] // 1024))
    grain = np.tile(noise, tiles)[: size[1], : size[0], None]
    pixels_out = np.clip(picture.astype(np.float32) + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels_out).save(path, quality=_QUALITY)


def _cut(source: NDArray[np.uint8], ratio: float) -> NDArray[np.uint8]:
    """The middle of `source` with `ratio` width to height."""
    height, width = source.shape[:2]
    wide, high = min(width, round(height * ratio)), min(height, round(width / ratio))
    left, top = (width - wide) // 2, (height - high) // 2
    return source[top : top + high, left : left + wide]
