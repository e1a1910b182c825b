"""Listing 100,000 files beside a bare os.walk with stat in one run: anew, compared with what was kept, and watched."""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from core.following import Compared, Steps, follow, pack
from core.media import Changed, Gone, Listed, Listing, scan

FILES, FOLDERS, ROUNDS, TRIES = 100_000, 200, 5, 10


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


def list_anew(root: Path) -> Listing:
    listing = Listing(root)
    for event in follow(root):
        if isinstance(event, Listed):
            listing.append(event)
    return listing


def seconds(call: Callable[[Path], int], root: Path, expected: int) -> float:
    started = time.perf_counter()
    assert call(root) == expected
    return time.perf_counter() - started


def reopen(root: Path, kept: bytes, files: int) -> tuple[float, float, float]:
    """Seconds until the first rows that were kept, until all of them, and until they are compared with the disk."""
    listing, times = Listing(root), []
    started = time.perf_counter()
    for event in follow(root, kept=kept):
        if isinstance(event, Listed):
            listing.append(event)
            if event.start == 0 or len(listing) == files:
                times.append(time.perf_counter() - started)
    return times[0], times[-1], time.perf_counter() - started


def memory_of(root: Path, kept: bytes) -> int:
    """Bytes that following takes, besides the listing that it tells; and that while it unpacks and compares."""
    tracemalloc.start()
    steps = follow(root, kept=kept, live=True, polling=True)
    while not isinstance(next(steps), Compared):
        pass
    taken = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    steps.close()
    return taken


def longest_hold(root: Path) -> float:
    """The longest time that another thread got no turn, from the first row until all is watched: seconds."""
    worst, ended = 0.0, threading.Event()

    def tick() -> None:
        nonlocal worst
        last = time.perf_counter()
        while not ended.is_set():
            time.sleep(0.001)
            worst, last = max(worst, time.perf_counter() - last), time.perf_counter()

    thread = threading.Thread(target=tick)
    thread.start()
    steps = follow(root, live=True, polling=False)
    until_watched(steps)
    steps.close()
    ended.set()
    thread.join()
    return worst


def until_watched(steps: Steps) -> None:
    while not isinstance(next(steps), Compared):
        pass
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        next(steps)


def time_to_tell(root: Path, polling: bool) -> dict[str, list[float]]:
    """Seconds from a change on the disk until it is told: of a new, a changed and a deleted file."""
    steps = follow(root, live=True, polling=polling)
    until_watched(steps)
    path = root / "07" / "shoot 007" / "new.jpg"
    actions: dict[str, tuple[Callable[[], object], type]] = {
        "new": (path.touch, Listed),
        "changed": (lambda: path.write_bytes(os.urandom(9)), Changed),
        "deleted": (path.unlink, Gone),
    }
    times: dict[str, list[float]] = {name: [] for name in actions}
    for attempt in range(TRIES):
        for name, (act, expected) in actions.items():
            act()
            started = time.perf_counter()
            while not isinstance(next(steps), Changed if name == "new" and attempt else expected):
                pass  # a file that is back has its row back
            times[name].append(time.perf_counter() - started)
    steps.close()
    return times


def main(files: int = FILES) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        root = Path(name)
        make_library(root, files)
        list_media(root)  # warm the file system's cache for all
        kept = pack(list_anew(root))
        walks, lists, anew, reopened = [], [], [], []
        for _ in range(ROUNDS):  # in turn, so that a noisy moment hits all
            walks.append(seconds(walk, root, files))
            lists.append(seconds(list_media, root, files))
            anew.append(seconds(lambda root: len(list_anew(root)), root, files))
            reopened.append(reopen(root, kept, files))
        bare, ours, fresh = map(statistics.median, (walks, lists, anew))
        first, rows, compared = map(statistics.median, zip(*reopened, strict=True))
        print(f"listing {files:,} files: os.walk + stat {bare:.3f} s")
        print(f"  scan {ours:.3f} s: {ours / bare:.2f}x (at most 1.5x)")
        print(f"  anew, to be followed {fresh:.3f} s: {fresh / bare:.2f}x (at most 2x)")
        print(f"  rescan and compare with what was kept {compared:.3f} s: {compared / bare:.2f}x (at most 2x)")
        print(f"  opened again: first rows {first * 1000:.0f} ms (at most 50), all {rows * 1000:.0f} ms (at most 300)")
        print(f"  kept: {len(kept) / 2**20:.2f} MB; following takes {memory_of(root, kept) / 2**20:.0f} MB")
        print(f"  other threads wait {longest_hold(root) * 1000:.0f} ms at most, while the watch is set up")
        for polling in (False, True):
            for change, times in time_to_tell(root, polling).items():
                figures = f"median {statistics.median(times):.2f} s, worst {max(times):.2f} s"
                print(f"  a {change} file is told, {'polling' if polling else 'watching'}: {figures} (at most 2 s)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
