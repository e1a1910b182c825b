"""Twelve-megapixel JPEGs for the Fast budget of a model: how fast beside a full decode by Pillow, and how near to it.

The material is made from the photographs inside scikit-image and scikit-learn, none of which is so large. Half are
enlarged to 4032 x 3024 and given grain, which is how the sharpness and the noise of a camera's pictures are spread over
their pixels; half are repeated, mirrored, at their own size, so that every pixel is as sharp as in a small picture,
which is harder than a camera's. Quality 90; colours at half resolution (4:2:0, as cameras write them), at full, and
progressive.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.decoding import Source, decode, view_of
from core.decoding.pictures import decode_picture
from core.media import format_of
from core.scorers import Budget
from core.scorers.qwen_pixels import policy
from tests.bench.photographs import photographs

SIZE = 4032, 3024
ENLARGED = "china", "flower", "retina", "motorcycle_left", "hubble_deep_field"
REPEATED = "china", "coffee", "rocket", "astronaut", "chelsea"
GRAIN = 5.0
"""Standard deviation of the grain in grey levels, the same in all three colours."""
VARIETIES = {
    "4:2:0": {"subsampling": 2},
    "4:4:4": {"subsampling": 0},
    "progressive": {"subsampling": 2, "progressive": True},
}

Frame = NDArray[np.uint8]


def large_pictures() -> Iterator[tuple[str, Frame]]:
    """(name, pixels) of each picture, always the same ones."""
    width, height = SIZE
    rng = np.random.default_rng(12)
    for name in ENLARGED:
        frame = photographs()[name]
        scale = max(width / frame.shape[1], height / frame.shape[0])
        size = round(frame.shape[1] * scale), round(frame.shape[0] * scale)
        large = np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS), np.float32)[:height, :width]
        grain = rng.normal(0, GRAIN, (height, width, 1)).astype(np.float32)
        yield f"{name}-enlarged", np.clip(large + grain + 0.5, 0, 255).astype(np.uint8)
    for name in REPEATED:
        frame = photographs()[name]
        missing = (0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)
        yield f"{name}-repeated", np.pad(frame, missing, "symmetric")


def write_jpegs(root: Path) -> None:
    """Every picture in every variety, as `root/variety/name.jpg`."""
    for name, frame in large_pictures():
        for variety, options in VARIETIES.items():
            folder = root / variety.replace(":", "")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(frame).save(folder / f"{name}.jpg", quality=90, **options)


def in_full(path: Path, size: tuple[int, int]) -> Frame:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.BICUBIC))


def as_judged(path: Path) -> Frame:
    """As a worker decodes it; what names the content is left out, for it is no decoding."""
    row = format_of(path)
    assert row is not None
    with path.open("rb") as file:
        frames = decode_picture(Source(file, path.stat().st_size, row), view_of(policy(Budget.FAST))).frames
    assert frames is not None
    return frames[0]


def best_of(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """The fewest seconds of a processor's time that each took; they take turns."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for number, function in enumerate(functions):
            started = time.process_time()
            function()
            best[number] = min(best[number], time.process_time() - started)
    return best


def main(rounds: int = 5) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        root = Path(name)
        write_jpegs(root)
        print(
            f"JPEGs of 12 megapixels for the Fast budget, beside a full Pillow decode with the same resize "
            f"(at least 2.5 times as fast, mean error at most 0.5 levels); the best of {rounds} in turn:"
        )
        for variety in VARIETIES:
            full = ours = whole = 0.0
            errors = []
            paths = sorted((root / variety.replace(":", "")).iterdir())
            for path in paths:
                judged = as_judged(path)
                size = judged.shape[1], judged.shape[0]
                errors.append(float(np.abs(judged.astype(np.int16) - in_full(path, size)).mean()))
                times = best_of(
                    rounds,
                    lambda path=path, size=size: in_full(path, size),
                    lambda path=path: as_judged(path),
                    lambda path=path: decode(str(path), policy(Budget.FAST)),
                )
                full, ours, whole = full + times[0], ours + times[1], whole + times[2]
            print(
                f"  {variety}: {full / ours:.2f} times as fast ({full / len(paths) * 1e3:.0f} ms to "
                f"{ours / len(paths) * 1e3:.0f}; {full / whole:.2f} with the fingerprints), "
                f"error {np.mean(errors):.2f} levels (worst picture {max(errors):.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
