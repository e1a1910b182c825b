"""How a picture is brought to the one size that a model was trained on: as the image processors of transformers do.

Of those the ones that reduce by Pillow; the ones that reduce tensors differ by a level in places. Importing them costs
a decoding worker as much as torch, so their arithmetic stands here once more.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from core.media import ModelShape

if TYPE_CHECKING:
    from PIL import Image  # the window's process names views, and loads no Pillow for that

Edges = tuple[float, float, float, float]

_MOST_ENLARGED = 16_000_000
"""Pixels from which on only the middle of a picture is made: of a very long one the rest may be a thousand times it."""

# How the number of patches is found there: the largest scale by halving, from and to here, this close.
_SMALLEST_SCALE, _LARGEST_SCALE, _SCALE_STEP = 1e-6, 100.0, 1e-5


def brought_to(width: int, height: int, shape: ModelShape) -> tuple[int, int]:
    """The size to which all of a picture is brought, before the middle is cut out where the shape wants that."""
    if shape.patches:
        return _patched(width, height, shape)
    if not shape.shortest:
        return shape.width, shape.height
    # In this order, which decides how it is rounded.
    longer = int(shape.shortest * max(width, height) / min(width, height))
    return (shape.shortest, longer) if width <= height else (longer, shape.shortest)


def _patched(width: int, height: int, shape: ModelShape) -> tuple[int, int]:
    """Whole patches of about the picture's shape, as many as allowed; at least one each way."""

    def at(scale: float) -> tuple[int, int]:
        across, down = (max(1, ceil(side * scale / shape.patch)) for side in (width, height))
        return across * shape.patch, down * shape.patch

    low, high = _SMALLEST_SCALE, _LARGEST_SCALE
    while high - low >= _SCALE_STEP:
        middle = (low + high) / 2
        across, down = at(middle)
        if (across / shape.patch) * (down / shape.patch) <= shape.patches:
            low = middle
        else:
            high = middle
    return at(low)


def sufficient(size: tuple[int, int], shape: ModelShape, margin: float) -> tuple[int, int]:
    """The size that a first reduction of a picture must have, so that it is `margin` times what the shape makes of it
    on each side; never larger than it is."""
    wanted = brought_to(*size, shape)
    scale = min(1.0, margin * max(wanted[0] / size[0], wanted[1] / size[1]))
    return ceil(size[0] * scale), ceil(size[1] * scale)


def shaped(image: Image.Image, part: Edges, size: tuple[int, int], shape: ModelShape, gap: float | None) -> Image.Image:
    """What a model with that shape gets of a part of an upright image; `size` is that of the part in whole pixels of
    the picture, of which the image may be a reduction. `gap`: as Pillow's `reducing_gap`."""
    width, height = brought_to(*size, shape)
    if not shape.shortest:
        return image.resize((width, height), shape.resample, part, gap)
    left, top = (width - shape.width) // 2, (height - shape.height) // 2
    right, bottom = left + shape.width, top + shape.height
    if width * height <= _MOST_ENLARGED:
        return image.resize((width, height), shape.resample, part, gap).crop((left, top, right, bottom))
    across, down = (part[2] - part[0]) / width, (part[3] - part[1]) / height
    middle = part[0] + left * across, part[1] + top * down, part[0] + right * across, part[1] + bottom * down
    return image.resize((shape.width, shape.height), shape.resample, middle, gap)
