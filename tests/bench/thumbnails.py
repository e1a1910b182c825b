"""Thumbnails of twelve-megapixel JPEGs at 256 pixels: how fast beside two `vipsthumbnail` processes, and how good.

Ours are made by two workers of the pool, which run already, as they do in the program, into a cache of the shared
layout; the other program's two processes get half of the files each and write PNG too. What good means: the ratio of
signal to noise against a full decode by Pillow with its LANCZOS filter, of all pictures together and of the worst. The
pictures are those of `jpeg_decoding`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from core.decoding import make_thumbnail
from core.decoding.pool import DecodingPool
from tests.bench.jpeg_decoding import Frame, write_jpegs

PIXELS = 256
NICENESS = 5
"""Of the pool's workers; the others get the same, or what else the machine does would meet the workers alone."""
COPIES = 6
"""How often each picture is there, under other names."""


def decibels(squared_error: float) -> float:
    """The ratio of signal to noise: 10 log10(255² / mean squared error)."""
    return float(10 * np.log10(255**2 / squared_error))


def reference_of(path: Path, size: tuple[int, int]) -> Frame:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB").resize(size, Image.Resampling.LANCZOS))


def ours(paths: list[Path], out: Path) -> float:
    """Seconds."""
    with DecodingPool(workers=2) as pool:
        for task in [pool.thumbnail(str(path), PIXELS, None) for path in paths[:4]]:
            task.result()
        began = time.perf_counter()
        tasks = [pool.thumbnail(str(path), PIXELS, str(out / "own"), 0, str(out / "shared")) for path in paths]
        for task in tasks:
            task.result()
        seconds = time.perf_counter() - began
    assert len(list(out.glob("shared/large/*.png"))) == len(paths)
    return seconds


def theirs(paths: list[Path], out: Path) -> float:
    """Seconds."""
    out.mkdir()
    began = time.perf_counter()
    processes = [
        subprocess.Popen(
            ["nice", "-n", str(NICENESS), "vipsthumbnail", "-s", str(PIXELS), "-o", f"{out}/%s.png", *map(str, half)]
        )
        for half in (paths[::2], paths[1::2])
    ]
    for process in processes:
        process.wait()
    seconds = time.perf_counter() - began
    assert len(list(out.iterdir())) == len(paths)
    return seconds


def squared_error(path: Path) -> float:
    raster = make_thumbnail(str(path), PIXELS, None).raster
    assert raster is not None
    made = np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, 3)
    return float(np.mean((made.astype(np.float64) - reference_of(path, (raster.width, raster.height))) ** 2))


def main(rounds: int = 3) -> None:
    has_vips = shutil.which("vipsthumbnail") is not None
    if not has_vips:
        print("vipsthumbnail is not installed (Debian and Ubuntu: apt install libvips-tools), so only ours is measured")
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        root = Path(name)
        write_jpegs(root / "pictures")
        print(f"thumbnails of JPEGs of 12 megapixels at {PIXELS} pixels; the best of {rounds} in turn:")
        for variety in sorted((root / "pictures").iterdir()):
            pictures = sorted(variety.iterdir())
            paths = [path.with_stem(f"{path.stem}-{copy}") for path in pictures for copy in range(COPIES)]
            for path in paths:
                path.hardlink_to(path.with_stem(path.stem.rpartition("-")[0]))
            mine, other = [], []
            for number in range(rounds):
                mine.append(ours(paths, root / f"ours-{variety.name}-{number}"))
                if has_vips:
                    other.append(theirs(paths, root / f"theirs-{variety.name}-{number}"))
            errors = [squared_error(path) for path in pictures]
            beside = ""
            if has_vips:
                beside = f", {min(other) / min(mine):.2f} times as fast as vipsthumbnail twice (at least 1.2)"
            print(
                f"  {variety.name}: {len(paths) / min(mine):.0f}/s{beside}; "
                f"{decibels(float(np.mean(errors))):.1f} dB (at least 45), worst picture {decibels(max(errors)):.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
