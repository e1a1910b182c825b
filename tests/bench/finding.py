"""Finding by vectors of 1,024 numbers: from a query's vector to the complete order, alone and through the engine's
process; reading them from a catalog; and how much memory a process with a million takes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from core import Engine, EngineProcess, JudgeChoice, LoadJudge, Query, Rank, Scored
from core.catalog import Catalog
from core.media import PixelPolicy
from core.ranking.kept import Kept, kept_under
from core.scorers.embedding import Embedder, halfway
from core.scorers.vectors import VectorShelf
from desktop.results_order import best_first
from tests.bench.catalog import file_read, folder_of, listing_of

NUMBERS, KEPT, ROUNDS = 1024, 100_000, 7
LIMITS = {100_000: 50, 1_000_000: 500}
"""Milliseconds to the complete order, by how many vectors."""
AT_ONCE = 10_000


def seconds(work: Callable[[], object], times: int = ROUNDS) -> float:
    """The median of several runs, after one to warm up."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def packed(count: int) -> Iterator[list[bytes]]:
    """Vectors of noise as they are kept, some at a time."""
    random = np.random.default_rng(0)
    for _ in range(0, count, AT_ONCE):
        yield [row.tobytes() for row in random.integers(-127, 128, (AT_ONCE, NUMBERS), np.int8)]


def shelf_of(count: int) -> VectorShelf:
    shelf = VectorShelf(NUMBERS)
    for features in packed(count):
        shelf.add(features)
    return shelf


def noise(numbers: int) -> NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal(numbers, np.float32)


def ordering(count: int) -> None:
    shelf, query, ids = shelf_of(count), noise(NUMBERS), np.arange(count, dtype=np.int32)
    scores = halfway(shelf.cosines(query))
    product, order = seconds(lambda: shelf.cosines(query)), seconds(lambda: best_first(ids, scores))
    both = seconds(lambda: best_first(ids, halfway(shelf.cosines(query))))
    some = np.sort(np.random.default_rng(2).choice(count, count // 2, replace=False))
    half = seconds(lambda: shelf.cosines(query, some))
    print(
        f"  {count:,} vectors: product {product * 1000:.0f} ms, of every other row or so {half * 1000:.0f} ms; order "
        f"{order * 1000:.0f} ms; from vector to order {both * 1000:.0f} ms (at most {LIMITS[count]})"
    )


# --- from a catalog ----------------------------------------------------------------------------------


def embedder() -> Embedder:
    """One that is not loaded, and answers from what is kept."""
    return Embedder(
        title="Embedder",
        digest="0" * 64,
        precision="float32",
        pixels=PixelPolicy(max_pixels=65_536),
        seen_as="pixels",
        version="prompt 1",
        numbers=NUMBERS,
    )


def loading(place: Path) -> None:
    scorer, contents = embedder(), np.zeros(0, np.int64)
    with Catalog(place / "catalog.sqlite3") as catalog:
        for features in packed(KEPT):
            first = len(contents)
            read = [file_read("/library", first + at, feature) for at, feature in enumerate(features)]
            with catalog.writing():
                contents = np.append(contents, catalog.save_files(read, kept_under(scorer)))
    with Catalog(place / "catalog.sqlite3") as catalog:
        counting = seconds(lambda: catalog.have_features(kept_under(scorer), contents))
        whole = seconds(lambda: Kept(scorer).load(contents, catalog))
        print(
            f"  {KEPT:,} vectors read from a catalog: {whole:.2f} s (at most 0.5), how many there are: "
            f"{counting * 1000:.0f} ms"
        )


# --- through the engine's process --------------------------------------------------------------------


def small_model(folder: Path, home: Path) -> tuple[JudgeChoice, str]:
    """An embedder that was loaded once, and now is said to have vectors of as many numbers as are measured: never
    loaded again, it answers from what is kept. And what its vectors are kept under."""
    from tests.core import tower_kit

    tower_kit.write(folder, "clip")
    choice = JudgeChoice(str(folder), device="cpu", precision="float32")
    with EngineProcess(home) as engine:
        list(engine.run(LoadJudge(choice, finder=True)))
    config = folder / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text("utf-8")), "projection_dim": NUMBERS}), "utf-8")
    with Engine(home) as engine:
        return choice, kept_under(engine._judges.finder(choice))


def keep(catalog: Catalog, extractor: str, count: int, reference: Path) -> None:
    """Vectors of so many files, the first of them the reference's."""
    status = reference.stat()
    number = 0
    for features in packed(count):
        read = [file_read(folder_of(number + at), number + at, feature) for at, feature in enumerate(features)]
        if not number:
            own = replace(read[0], folder=str(reference.parent), name=reference.name)
            read.append(replace(own, size=status.st_size, mtime=status.st_mtime_ns))
        with catalog.writing():
            catalog.save_files(read, extractor)
        number += len(features)


def through_engine(count: int, place: Path) -> None:
    """From asking to the complete order in the client's hands, the reference's vector being kept."""
    home, reference = place / "home", place / "reference.png"
    Image.new("RGB", (64, 64), (200, 30, 30)).save(reference)
    os.utime(reference, (10**9, 10**9))
    choice, extractor = small_model(place / "model", home)
    with Catalog(home / "catalog.sqlite3") as catalog:
        keep(catalog, extractor, count, reference)
    listing = listing_of(range(count))
    ids, taken = np.arange(count, dtype=np.int32), []
    with EngineProcess(home) as engine:
        for _ in range(1 + ROUNDS):
            scores = np.full(count, np.nan, np.float32)
            began = time.perf_counter()
            for event in engine.run(Rank(Query(images=(reference,)), listing, choice)):
                if isinstance(event, Scored):
                    scores[event.rows] = event.scores
                    if not np.isnan(scores).any():
                        break
            best_first(ids, scores)
            taken.append(time.perf_counter() - began)
            assert not np.isnan(scores).any()
        size = psutil.Process(engine.process_id).memory_info().rss // 2**20
    print(
        f"  {count:,} files through the engine's process: {statistics.median(taken[1:]) * 1000:.0f} ms "
        f"(at most {LIMITS[count]}), the first time, with its folder and vectors to read, {taken[0]:.2f} s; "
        f"the engine's process {size:,} MB"
    )


# --- memory ------------------------------------------------------------------------------------------


def measured(count: int) -> None:
    """In a process of its own: prints megabytes before there are vectors, with them, and while they are multiplied."""
    import core.engine  # noqa: F401  what the engine's process has

    process = psutil.Process()
    sizes = [process.memory_info().rss]
    shelf = shelf_of(count)
    sizes.append(process.memory_info().rss)
    shelf.cosines(noise(NUMBERS))
    sizes.append(process.memory_info().rss)
    assert "torch" not in sys.modules
    print(*(size // 2**20 for size in sizes), flush=True)


def memory(count: int) -> None:
    output = subprocess.run(
        [sys.executable, "-m", "tests.bench.finding", str(count)], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    empty, full, asked = map(int, output.split())
    print(f"  a process with {count:,} vectors: {asked:,} MB (at most 1,200), {full - empty:,} of them the vectors")


def main() -> None:
    print(f"finding by vectors of {NUMBERS:,} numbers, a query's vector at hand")
    for count in LIMITS:
        ordering(count)
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        loading(Path(name))
    for count in LIMITS:
        with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
            through_engine(count, Path(name))
    memory(max(LIMITS))


if __name__ == "__main__":
    if sys.argv[1:]:
        measured(int(sys.argv[1]))
    else:
        main()
