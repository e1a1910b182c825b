"""Listing 100,000 files beside a bare os.walk with stat, in one run."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from core.media import Listed, Listing, scan

FILES, FOLDERS, ROUNDS = 100_000, 200, 5


def make_library(root: Path, files: int) -> None:
    for number in range(FOLDERS):
        folder = root / f"{number % 20:02}" / f"shoot {number:03}"
        folder.mkdir(parents=True)
        for index in range(files // FOLDERS):
            (folder / f"IMG_{index:05}.jpg").touch()


def walk(root: Path) -> int:
    count = 0
    for folder, _, names in os.walk(root):
        for name in names:
            os.stat(os.path.join(folder, name))
            count += 1
    return count


def list_media(root: Path) -> int:
    listing = Listing(root)
    for event in scan(root):
        if isinstance(event, Listed):
            listing.append(event)
    return len(listing)


def seconds(call: Callable[[Path], int], root: Path, expected: int) -> float:
    started = time.perf_counter()
    assert call(root) == expected
    return time.perf_counter() - started


def main(files: int = FILES) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        root = Path(name)
        make_library(root, files)
        list_media(root)  # warm the file system's cache for both
        walks, lists = [], []
        for _ in range(ROUNDS):  # in turn, so that a noisy moment hits both
            walks.append(seconds(walk, root, files))
            lists.append(seconds(list_media, root, files))
        first = next(event for event in scan(root) if isinstance(event, Listed))
        bare, ours = statistics.median(walks), statistics.median(lists)
        ratio = f"{ours / bare:.2f}x (at most 1.5x)"
        print(f"listing {files:,} files: os.walk + stat {bare:.3f} s, ours {ours:.3f} s: {ratio}")
        print(f"  first {len(first.names)} rows come in the first chunk")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
