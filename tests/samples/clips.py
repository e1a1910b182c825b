"""Small clips and animations of every format, written on the spot by the libraries the program decodes with.

A red disc lies on blue and moves to the right from frame to frame: one second of it, 96 by 64 pixels, ten frames a
second. `SAMPLES` names them by suffix; where one suffix has several kinds, by a name that ends in it ("animated.gif").
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT, FRAMES, RATE = 96, 64, 10, 10
RED, BLUE = (220, 30, 30), (30, 40, 200)


def scene(index: int, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.uint8]:
    """Frame `index`, (height, width, 3): the disc is a third of the width further to the right at the end."""
    down, across = np.mgrid[:height, :width]
    middle = width * (0.35 + 0.03 * index)
    inside = (across - middle) ** 2 + (down - height / 2) ** 2 < (height / 3) ** 2
    return np.where(inside[..., None], RED, BLUE).astype(np.uint8)


def write_clip(
    path: Path,
    codec: str,
    *,
    container: str | None = None,
    pix_fmt: str = "yuv420p",
    rate: int = RATE,
    written: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> None:
    """The scene by an encoder of FFmpeg and its options. `container` is the muxer's name where the suffix does not
    tell, `written` are its options."""
    with av.open(str(path), "w", format=container, options=written) as target:
        stream = cast(VideoStream, target.add_stream(codec, rate=Fraction(rate), options=options))
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, pix_fmt, 5
        stream.codec_context.thread_count = 1
        for index in range(FRAMES):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(scene(index), "rgb24")))
        target.mux(stream.encode())


def write_av1(path: Path) -> None:
    """Where it may, the encoder gives the whole process real-time priority, and all that the process then starts."""
    try:
        write_clip(path, codec="libsvtav1", options={"preset": "12", "svtav1-params": "lp=1"})
    finally:
        if sys.platform == "linux":
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def write_dv(path: Path) -> None:
    """DV knows two sizes and rates; this is the European one."""
    with av.open(str(path), "w", format="dv") as target:
        stream = target.add_stream("dvvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
        stream.codec_context.thread_count = 1
        for index in range(FRAMES):
            target.mux(stream.encode(av.VideoFrame.from_ndarray(scene(index, 720, 576), "rgb24")))
        target.mux(stream.encode())


def write_animation(path: Path, format: str, **options: Any) -> None:
    """The scene as an animated picture by Pillow."""
    first, *others = [Image.fromarray(scene(index)) for index in range(FRAMES)]
    first.save(path, format, save_all=True, append_images=others, duration=1000 // RATE, loop=0, **options)


_hevc = partial(write_clip, codec="libx265", options={"x265-params": "log-level=none:pools=none:frame-threads=1"})

SAMPLES: dict[str, Callable[[Path], None]] = {
    "mp4": partial(write_clip, codec="libx264"),
    "m4v": partial(write_clip, codec="mpeg4"),
    "mov": partial(write_clip, codec="prores_ks", pix_fmt="yuv422p10le"),
    "qt": partial(write_clip, codec="mjpeg", pix_fmt="yuvj420p", container="mov"),
    "3gp": partial(write_clip, codec="libx264"),
    "3g2": partial(write_clip, codec="mpeg4"),
    "mkv": _hevc,
    "webm": partial(write_clip, codec="libvpx-vp9", options={"deadline": "realtime"}),
    "avi": partial(write_clip, codec="mpeg4"),
    "mts": partial(write_clip, codec="libx264", container="mpegts", written={"mpegts_m2ts_mode": "1"}),
    "m2ts": partial(write_clip, codec="libx264", container="mpegts"),
    "mpg": partial(write_clip, codec="mpeg2video", options={"b": "2000k"}),
    "mpeg": partial(write_clip, codec="mpeg1video", rate=25),
    "vob": partial(write_clip, codec="mpeg2video", options={"b": "2000k"}),
    "wmv": partial(write_clip, codec="wmv2"),
    "asf": partial(write_clip, codec="msmpeg4"),
    "flv": partial(write_clip, codec="flv"),
    "ogv": partial(write_clip, codec="libvpx"),
    "dv": write_dv,
    "hevc.mp4": _hevc,
    "av1.mp4": write_av1,
    "av1.webm": write_av1,
    "vp8.webm": partial(write_clip, codec="libvpx", options={"deadline": "realtime"}),
    "vp9.mkv": partial(write_clip, codec="libvpx-vp9", options={"deadline": "realtime"}),
    "mjpeg.avi": partial(write_clip, codec="mjpeg", pix_fmt="yuvj420p"),
    "animated.gif": partial(write_animation, format="GIF"),
    "animated.webp": partial(write_animation, format="WEBP", quality=90),
    "animated.png": partial(write_animation, format="PNG"),
    "apng": partial(write_animation, format="PNG"),
    "avifs": partial(write_animation, format="AVIF", speed=10, max_threads=1),
}
