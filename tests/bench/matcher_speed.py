"""The built-in matcher's speed: indexing against decoding alone, a question over 100,000 files, a second question."""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core import Engine, Query
from core.decoding import decode
from core.decoding.pool import DecodingPool, Task
from core.media import Decoded, Facts, Kind
from core.scorers import Document, Feature
from core.scorers.builtin import BuiltinMatcher
from tests.bench.big_pictures import make_library
from tests.bench.photographs import ALTERATIONS, MAX_PIXELS, distractors, photographs

FILES = 1000
LIBRARY = 100_000
CANDIDATES = 200
MATCHER = BuiltinMatcher()


def seconds(work: Callable[[], object], times: int = 7) -> float:
    """The median of several runs, after one to warm up."""
    work()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def indexing(paths: list[str]) -> None:
    """Files a second with and without extraction, by turns: what else the machine does touches both alike."""
    rates: dict[str, list[float]] = {"decoding alone": [], "with extraction": []}
    with DecodingPool() as pool:
        for path in paths[: 4 * pool.workers]:
            pool.extract(path, MATCHER.pixels, MATCHER.extract).result()
        block = len(paths) // 8
        for turn in range(8):
            some = paths[turn * block : (turn + 1) * block]
            for name in sorted(rates, reverse=bool(turn % 2)):
                began = time.perf_counter()
                tasks: list[Task[Any]] = [
                    pool.decode(path, MATCHER.pixels)
                    if name == "decoding alone"
                    else pool.extract(path, MATCHER.pixels, MATCHER.extract)
                    for path in some
                ]
                for task in tasks:
                    task.result()
                rates[name].append(len(some) / (time.perf_counter() - began))
    alone, extracted = (statistics.median(each) for each in rates.values())
    ratios = sorted(b / a for a, b in zip(*rates.values(), strict=True))
    print(
        f"indexing 12-megapixel JPEGs: {extracted:.0f}/s, decoding alone {alone:.0f}/s: "
        f"{statistics.median(ratios):.2f}x, {ratios[0]:.2f} to {ratios[-1]:.2f} (at least 0.85)"
    )


def picture(frame: np.ndarray) -> Decoded:
    return Decoded(b"", Kind.IMAGE, frame[None], facts=Facts(frame.shape[1], frame.shape[0]))


def global_query() -> None:
    kept = [MATCHER.extract(picture(frame)).data for frame in distractors(500)]
    shelf = MATCHER.shelf()
    for _ in range(LIBRARY // len(kept)):
        shelf.add(kept)
    rows = np.arange(LIBRARY)
    photograph = Document(feature=MATCHER.extract(picture(photographs()["coffee"])))
    clip = Decoded(b"", Kind.VIDEO, np.stack([frame[:90, :120] for frame in list(photographs().values())[:8]]))
    questions = {
        "a picture": MATCHER.ask(Query(images=(Path("a"),)), [photograph]),
        "a clip of 8 frames": MATCHER.ask(Query(videos=(Path("a"),)), [Document(feature=MATCHER.extract(clip))]),
        "“pale blue background, blurry”": MATCHER.ask(Query(text="pale blue background, blurry"), []),
    }
    for name, question in questions.items():
        taken = seconds(lambda question=question: question.glance(shelf, rows))  # type: ignore[misc]
        limit = " (within 30 ms)" if name == "a picture" else ""
        print(f"the global query over {LIBRARY:,} files, by {name}: {taken * 1000:.1f} ms{limit}")


def verifying() -> None:
    every = list(photographs().values())
    copies = [alter(every[index % len(every)]) for index, alter in enumerate(list(ALTERATIONS.values()) * 4)]
    candidates = [Document(feature=MATCHER.extract(picture(frame))) for frame in (copies + every)[:40]]
    candidates = (candidates * (CANDIDATES // len(candidates) + 1))[:CANDIDATES]
    reference = MATCHER.extract(picture(every[6]))
    question = MATCHER.ask(Query(images=(Path("a"),)), [Document(feature=reference)])
    in_doubt = [document for document in candidates if question.judge([document])[0][0] >= 0.3] or candidates
    in_doubt = (in_doubt * CANDIDATES)[:CANDIDATES]
    for name, some in (("of every kind", candidates), ("all in doubt", in_doubt)):
        taken = seconds(lambda some=some: question.judge(some), 3)  # type: ignore[misc]
        print(f"verifying {CANDIDATES} candidates, {name}: {taken:.2f} s (within 1 s)")


def two_questions(folder: Path, home: Path, paths: list[str]) -> None:
    """The first and the second question over one folder, and what is kept of it."""
    with Engine(home) as engine:
        listing = engine.list_folder(folder)
        taken = []
        for number in (1, 2, 3):
            began = time.perf_counter()
            for _ in engine.rank(Query(images=(Path(paths[number]),)), listing):
                pass
            taken.append(time.perf_counter() - began)
    began = time.perf_counter()
    with Engine(home) as engine:
        for _ in engine.rank(Query(text="dark blue"), engine.list_folder(folder)):
            pass
    again = time.perf_counter() - began
    print(
        f"{len(listing):,} files: first question {taken[0]:.1f} s, another {taken[1]:.2f} s, another {taken[2]:.2f} s: "
        f"{taken[0] / taken[1]:.0f} times faster (at least 20); another by words after a new start {again:.2f} s"
    )


def kept_bytes(home: Path) -> None:
    """Of real photographs, with many points each: the drawn library above is kinder."""
    sizes = []
    for photograph in photographs().values():
        for alter in (lambda frame: frame, *ALTERATIONS.values()):
            feature: Feature = MATCHER.extract(picture(alter(photograph)))
            sizes.append(len(feature.data) + len(feature.detail))
    with sqlite3.connect(home / "catalog.sqlite3") as db:
        (pages,) = db.execute("SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()").fetchone()
        (files,) = db.execute("SELECT count(*) FROM files").fetchone()
    print(
        f"kept of a photograph: median {statistics.median(sizes) / 1024:.1f} KB, most {max(sizes) / 1024:.1f} KB; "
        f"the catalog of {files:,} files: {pages / files / 1024:.1f} KB a file (at most 12)"
    )


def main(files: int = FILES) -> None:
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        root, home = Path(name, "photos"), Path(name, "home")
        root.mkdir()
        make_library(root, files)
        paths = sorted(map(str, root.iterdir()))
        assert decode(paths[0], MATCHER.pixels).frames is not None
        assert MATCHER.pixels.max_pixels == MAX_PIXELS
        indexing(paths[:400])
        global_query()
        verifying()
        two_questions(root, home, paths)
        kept_bytes(home)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
