"""How Qwen3-VL's own rules size pictures and choose frames of clips: the same whole numbers as `qwen_vl_utils` 0.0.14.

Importing that package costs a decoding worker 3 seconds and 700 MB, so its arithmetic stands here once more, to the
last rounding: another size or frame is another picture to the model.
"""

from __future__ import annotations

from math import ceil, floor, sqrt

import numpy as np
from numpy.typing import NDArray

from core.errors import ScoreMissing
from core.media import ModelGrid

MOST_ELONGATED = 200
"""Pictures longer than so many times their width, or the reverse, are refused."""
FEWEST_FRAMES = 4
PAIR = 2
"""Frames of a clip come in pairs: the model looks at two at a time."""


def gridded(width: int, height: int, factor: int, min_pixels: float, max_pixels: float) -> tuple[int, int]:
    """Width and height of whole tokens, near those given and within the limits. Raises ScoreMissing.

    The limits give way where a very long picture would get a side of no token at all (the original fails there).
    """
    if max(width, height) > MOST_ELONGATED * min(width, height):
        # Of this judge alone: another may have a score for it.
        raise ScoreMissing(reason=f"one side is more than {MOST_ELONGATED} times the other")
    # round() of a float: halves go to the even number.
    across, down = (max(factor, round(side / factor) * factor) for side in (width, height))
    if across * down > max_pixels:
        shrink = sqrt(height * width / max_pixels)
        across, down = (max(factor, floor(side / shrink / factor) * factor) for side in (width, height))
    elif across * down < min_pixels:
        grow = sqrt(min_pixels / (height * width))
        across, down = (ceil(side * grow / factor) * factor for side in (width, height))
    return across, down


def picture_size(width: int, height: int, grid: ModelGrid, max_pixels: int) -> tuple[int, int]:
    """The size at which a picture is looked at. Raises ScoreMissing."""
    return gridded(width, height, grid.factor, grid.min_pixels, max_pixels)


def frame_size(width: int, height: int, frames: int, grid: ModelGrid) -> tuple[int, int]:
    """The size at which a frame of a clip is looked at, of so many. Raises ScoreMissing."""
    most = max(min(grid.max_frame_pixels, grid.clip_pixels / frames * PAIR), int(grid.min_frame_pixels * 1.05))
    return gridded(width, height, grid.factor, grid.min_frame_pixels, most)


def frame_count(total: int, rate: float, grid: ModelGrid) -> int:
    """How many frames are taken of a clip with `total` at `rate` a second: even, and 2 at least.

    A clip of one frame, which the original refuses, is that frame twice.
    """
    wanted = min(max(total / rate * grid.fps, FEWEST_FRAMES), floor(grid.max_frames / PAIR) * PAIR, total)
    return max(PAIR, floor(wanted / PAIR) * PAIR)


def spread(total: int, count: int) -> NDArray[np.int64]:
    """(count,) indices of frames, evenly from the first to the last.

    In float32 from both ends, as torch.linspace does: in float64 one clip in a hundred has a frame on the other
    side of a half.
    """
    step = np.float32(total - 1) / np.float32(count - 1)
    index = np.arange(count)
    # The products are exact in float64, so each sum is rounded once, as by the fused operation that torch compiles to.
    rising = (np.float64(step) * index).astype(np.float32)
    falling = (total - 1 - np.float64(step) * (count - 1 - index)).astype(np.float32)
    return np.round(np.where(index < count // 2, rising, falling)).astype(np.int64)
