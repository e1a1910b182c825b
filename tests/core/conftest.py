"""Media files made on the spot, so that no test depends on a file that was copied from somewhere."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

Frames = list[NDArray[np.uint8]]


def quadrants(width: int = 64, height: int = 48) -> Image.Image:
    """Red, green over blue, white: every turn and mirroring of it looks different."""
    image = Image.new("RGB", (width, height))
    for index, colour in enumerate(["#ff0000", "#00ff00", "#0000ff", "#ffffff"]):
        left, top = index % 2 * width // 2, index // 2 * height // 2
        image.paste(colour, (left, top, left + width // 2, top + height // 2))
    return image


@pytest.fixture
def quadrants_image() -> Image.Image:
    return quadrants()


@pytest.fixture
def write_clip(tmp_path: Path) -> Callable[..., Path]:
    """Writes a clip whose frame number i of n is grey with the level 255 * i / n, or the given frames."""

    def write(
        name: str = "clip.mp4",
        *,
        count: int = 50,
        frames: Frames | None = None,
        size: tuple[int, int] = (64, 48),
        rate: int = 25,
        codec: str = "libx264",
        keyframes_every: int = 12,
        rotation: int = 0,
        pixel_shape: Fraction | None = None,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = cast(VideoStream, container.add_stream(codec, rate=rate))
            stream.width, stream.height, stream.pix_fmt, stream.gop_size = *size, "yuv420p", keyframes_every
            stream.codec_context.thread_count = 1
            if pixel_shape:
                stream.codec_context.sample_aspect_ratio = pixel_shape
            if rotation:
                stream.set_display_rotation(rotation)
            for index in range(len(frames) if frames is not None else count):
                pixels = (
                    frames[index]
                    if frames is not None
                    else np.full((size[1], size[0], 3), 255 * index // count, np.uint8)
                )
                for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                    container.mux(packet)
            for packet in stream.encode():
                container.mux(packet)
        return path

    return write
