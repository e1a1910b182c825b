"""How pictures that are already in memory, and lists of frames, become what a file of the same content would."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from core.decoding import Pixels, decode, pictures, view_of
from core.decoding.grid import PAIR, frame_size
from core.errors import FileEmpty, FileUnsupported
from core.media import Decoded, Facts, Kind, ModelGrid, PixelPolicy

LIST_RATE = 2.0
"""Frames a second that a list of frames is taken to have, as `qwen_vl_utils` does."""

# Each frame of a list is first brought to a multiple of 64 pixels, then to the clip's size: `fetch_video` of
# `qwen_vl_utils` hands a token's 32 pixels on to `fetch_image` where half a token's 16 are meant.
_FRAME = ModelGrid(factor=64, min_pixels=4 * 64 * 64)
_FRAME_POLICY = PixelPolicy(max_pixels=16384 * 64 * 64, grid=_FRAME)


def decode_image(image: Image.Image, policy: PixelPolicy) -> Decoded:
    """The picture as a judge with this policy sees it; its fingerprint is that of its pixels. Raises MediaError.

    It is never decoded at a reduced scale, since that would change the picture its owner holds.
    """
    with pictures.translated():
        seen = pictures.see(image, replace(view_of(policy), scaled=False))
        # The bytes of the pixels alone don't tell what they look like.
        colours = image.getpalette(), image.info.get("transparency")
        told = f"{image.mode} {image.size} {colours} {pictures.orientation_of(image)}"
        digest = hashlib.blake2b(told.encode(), digest_size=16)
        digest.update(image.tobytes())
    return Decoded(digest.digest(), Kind.IMAGE, seen.frames, seen.times, seen.text, seen.facts)


def frames_as_clip(frames: Sequence[Image.Image | str], policy: PixelPolicy) -> Decoded:
    """Pictures, given or by path, as the frames of a clip; the policy must have a grid. Raises MediaError.

    Of more than the grid's `max_frames` so many are taken, evenly; of an odd number the last counts twice. All must
    come to the same size.
    """
    grid = policy.grid
    assert grid is not None
    if not frames:
        raise FileEmpty()
    taken = frames
    if len(frames) > grid.max_frames:
        taken = [frames[index] for index in np.linspace(0, len(frames) - 1, grid.max_frames, dtype=int)]
    seen = [decode_image(f, _FRAME_POLICY) if isinstance(f, Image.Image) else decode(f, _FRAME_POLICY) for f in taken]
    if any(frame.kind is not Kind.IMAGE for frame in seen):
        raise FileUnsupported(detail="a frame of a clip that is no picture")
    seen += seen[-1:] * (-len(seen) % PAIR)
    if len({frame.frames.shape for frame in seen if frame.frames is not None}) > 1:
        raise FileUnsupported(detail="frames of different sizes in one clip")
    pixels = [_resized(frame, len(seen), grid) for frame in seen]
    digest = hashlib.blake2b(b"frames", digest_size=16)
    for frame in seen:
        digest.update(frame.fingerprint)
    times = tuple(index / LIST_RATE for index in range(len(seen)))
    facts = Facts(seen[0].facts.width, seen[0].facts.height, len(seen) / LIST_RATE)
    return Decoded(digest.digest(), Kind.VIDEO, np.stack(pixels), times, facts=facts)


def _resized(frame: Decoded, count: int, grid: ModelGrid) -> Pixels:
    assert frame.frames is not None
    image = Image.fromarray(frame.frames[0])
    return np.asarray(image.resize(frame_size(*image.size, count, grid), Image.Resampling.BICUBIC))
