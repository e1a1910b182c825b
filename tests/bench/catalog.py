"""A catalog of a million files: points, first pages, a folder of 100,000 with its scores, and writing, in one run."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from core.catalog import Catalog, FileRead
from core.media import Facts, Kind, Listed, Listing

FILES, FOLDER, QUERIES, POINTS, PAGE = 1_000_000, 100_000, 4, 3000, 256
LIBRARY = "/library"
COLUMNS = 4
"""Of evidence, as the built-in matcher keeps for a query of words and a picture."""


def fingerprint(number: int) -> bytes:
    return number.to_bytes(8, "little") * 2


def file_read(folder: str, number: int, feature: bytes = b"", detail: bytes = b"") -> FileRead:
    name = f"IMG_{number:07}.jpg"
    times = 10**18 + number * 1_000_000_007
    facts = Facts(4000, 3000)
    return FileRead(folder, name, 10**6 + number, times, fingerprint(number), Kind.IMAGE, facts, feature, detail)


def folder_of(number: int) -> str:
    """One folder of 100,000, and the rest in folders of 500."""
    return f"{LIBRARY}/large" if number < FOLDER else f"{LIBRARY}/shoot {number // 500:05}"


def listing_of(numbers: range) -> Listing:
    listing = Listing(LIBRARY)
    read = [file_read(folder_of(number), number) for number in numbers]
    folders = sorted({file.folder for file in read})
    where = {folder: index for index, folder in enumerate(folders)}
    listing.append(
        Listed(
            0,
            folders,
            np.array([where[file.folder] for file in read], np.int32),
            [file.name for file in read],
            np.zeros(len(read), np.uint8),
            np.array([file.size for file in read], np.int64),
            np.array([file.mtime for file in read], np.int64),
        )
    )
    return listing


def fill(catalog: Catalog, numbers: range, batch: int) -> None:
    random = np.random.default_rng(0)
    for first in range(numbers.start, numbers.stop, batch):
        part = range(first, min(first + batch, numbers.stop))
        with catalog.writing():
            read = [
                file_read(folder_of(number), number, *((b"f" * 4000, b"d" * 8000) if number % 100 == 0 else ()))
                for number in part
            ]
            contents = catalog.save_files(read, "looks 1")
            for query in range(QUERIES):
                scores = random.random(len(part), np.float32)
                evidence = random.random((len(part), COLUMNS), np.float32)
                catalog.save_scores("judge", b"query %d" % query, contents, scores, evidence)


def percentiles(calls: Iterator[Callable[[], object]]) -> str:
    seconds = []
    for call in calls:
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    half, most = np.percentile(seconds, [50, 99]) * 1000
    return f"{half:.3f} ms, p99 {most:.3f} ms (at most 1 ms)"


def best(call: Callable[[], object], rounds: int = 5) -> str:
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return f"{1000 * sorted(seconds)[rounds // 2]:.0f} ms"


def main(files: int = FILES) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        path = Path(name) / "catalog.sqlite3"
        with Catalog(path) as catalog:
            started = time.perf_counter()
            fill(catalog, range(FOLDER), 250)
            pace = FOLDER / (time.perf_counter() - started)
            fill(catalog, range(FOLDER, files), 10_000)
        print(f"a catalog of {files:,} files with {QUERIES} scores each: {path.stat().st_size / 2**20:,.0f} MB")
        print(f"  written at 250 files a transaction: {pace:,.0f} files/s")
        with Catalog(path) as catalog:
            read(catalog, files)


def read(catalog: Catalog, files: int) -> None:
    random = np.random.default_rng(1)
    somewhere = [int(number) for number in random.integers(0, files, POINTS)]
    points = [file_read(folder_of(number), number) for number in somewhere]
    for _ in range(2):  # the second time it is warm
        by_path = percentiles(
            (lambda file=file: catalog.content_at(f"{file.folder}/{file.name}", file.size, file.mtime))  # type: ignore[misc]
            for file in points
        )
        by_content = percentiles((lambda file=file: catalog.content_of(file.fingerprint)) for file in points)  # type: ignore[misc]
    print(f"  one file by its path: {by_path}")
    print(f"  one content by its fingerprint: {by_content}")
    starts = [int(number) for number in random.integers(0, files - PAGE, 500)]
    pages = [listing_of(range(start, start + PAGE)) for start in starts]
    for _ in range(2):
        first_pages = percentiles((lambda page=page: catalog.resolve(page, 0, PAGE, 1)) for page in pages)  # type: ignore[misc]
    print(f"  a first page of {PAGE} files: {first_pages}")

    large = listing_of(range(FOLDER))

    def open_folder() -> None:
        contents, _ = catalog.resolve(large, 0, FOLDER, 1)
        assert contents.all()
        scores, _ = catalog.scores("judge", b"query 1", COLUMNS).of(contents)
        assert not np.isnan(scores).any()

    print(f"  a folder of {FOLDER:,} with its scores: {best(open_folder)} (at most 400 ms)")
    contents, _ = catalog.resolve(large, 0, FOLDER, 1)
    print(f"  of which its files: {best(lambda: catalog.resolve(large, 0, FOLDER, 1))}")
    print(f"  what tells its near duplicates: {best(lambda: catalog.identities(contents))}")
    moved = large.sizes + 1
    print(f"  which of them are known elsewhere: {best(lambda: catalog.seen_elsewhere(moved, large.mtimes))}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
