"""Played judges and an embedder of brightness, with the real pipeline, catalog and workers under them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from core.catalog import Catalog
from core.decoding.pool import DecodingPool
from core.errors import JudgeNotLoaded
from core.jobs import Event, Failed, Scored
from core.media import Listed, Listing, PixelPolicy, scan
from core.query import Query
from core.ranking import Means
from core.ranking.opened import OpenListing
from core.scorers import Document, KeepsNoFeatures, OnlyScores, Verdicts
from core.scorers.embedding import Embedder, Vectors, halfway

PIXELS = PixelPolicy(max_pixels=64)
NUMBERS = 16


def level_of(document: Document) -> float:
    """0..1: how bright it is."""
    assert document.decoded is not None
    assert document.decoded.frames is not None
    return float(document.decoded.frames.mean()) / 255


def vector_of(level: float) -> np.ndarray:
    """The nearer two levels, the nearer their vectors; from dark to bright is a quarter of a turn."""
    vector = np.zeros(NUMBERS, np.float32)
    vector[0], vector[1] = np.cos(level * np.pi / 2), np.sin(level * np.pi / 2)
    return vector


class BrightnessEncoder:
    """An embedder whose vectors say how bright a picture is. Any text asks for white."""

    title, digest, precision, memory, dimensions, closed = "Brightness", "played", "float32", 0, NUMBERS, False

    def __init__(self) -> None:
        self.rates: dict[PixelPolicy, float] = {}
        self.encoded: list[float] = []
        self.asked: list[Query] = []
        self.silent_about: set[int] = set()
        self.pause = 0.0

    def appetite(self, pixels: PixelPolicy) -> int:
        return 4

    def documents(
        self, documents: Sequence[Document], pixels: PixelPolicy, stopped: Callable[[], bool]
    ) -> Iterator[tuple[list[int], Vectors, dict[int, str]]]:
        for index, document in enumerate(documents):
            time.sleep(self.pause)
            if stopped():
                return
            level = level_of(document)
            self.encoded.append(level)
            if round(level * 255) in self.silent_about:
                yield [index], np.full((1, NUMBERS), np.nan, np.float32), {index: "too plain"}
            else:
                yield [index], vector_of(level)[None], {}

    def query(
        self, query: Query, references: Sequence[Document], pixels: PixelPolicy, stopped: Callable[[], bool]
    ) -> Vectors:
        self.asked.append(query)
        return vector_of(level_of(references[0]) if references else 1.0)

    def score(self, cosines: np.ndarray, query: Query) -> np.ndarray:
        return halfway(cosines)

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


def embedder(encoder: BrightnessEncoder | None, *, digest: str = "played", numbers: int = NUMBERS) -> Embedder:
    return Embedder(
        title="Brightness",
        digest=digest,
        precision="float32",
        pixels=PIXELS,
        seen_as="64 px",
        version="prompt 1",
        numbers=numbers,
        encoder=encoder,
    )


class Oracle(KeepsNoFeatures):
    """A slow judge that knows the score of each picture by its level 0..255, and remembers what it was asked."""

    identity, title, pixels, appetite, reads_pixels_alone = "oracle", "Oracle", PIXELS, 2, True

    def __init__(self, scores: Callable[[int], float]) -> None:
        self.scores = scores
        self.judged: list[int] = []
        self.pause = 0.0
        self.is_lost = False

    def remembers(self, fingerprint: bytes) -> bool:
        return False

    def ask(self, query: Query, references: Sequence[Document]) -> OracleQuestion:
        return OracleQuestion(self)


class OracleQuestion(OnlyScores):
    def __init__(self, judge: Oracle) -> None:
        self.judge = judge

    def judge_slowly(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        for index, document in enumerate(documents):
            if self.judge.is_lost:
                raise JudgeNotLoaded(name="Oracle")
            time.sleep(self.judge.pause)
            if stopped():
                return
            level = round(level_of(document) * 255)
            self.judge.judged.append(level)
            score = self.judge.scores(level)
            reasons = {index: "no opinion"} if np.isnan(score) else {}
            yield Verdicts((index,), np.array([score], np.float32), reasons)


class CountingPool(DecodingPool):
    """Counts the files that are decoded."""

    decoded = 0

    def decode(self, *arguments, **named):
        self.decoded += 1
        return super().decode(*arguments, **named)


def grey(folder: Path, levels: Sequence[int]) -> list[Path]:
    """Pictures of one level each, named by it."""
    folder.mkdir(exist_ok=True)
    paths = [folder / f"{level:03d}.png" for level in levels]
    for path, level in zip(paths, levels, strict=True):
        Image.new("RGB", (8, 8), (level, level, level)).save(path)
    return paths


def open_folder(folder: Path, catalog: Catalog, pool: DecodingPool) -> Means:
    listing = Listing(folder)
    for chunk in scan(folder):
        assert isinstance(chunk, Listed)
        listing.append(chunk)
    listing.complete = True
    return Means(OpenListing(listing), catalog, pool, lambda: None)


def taken(steps: Iterator[Event | None]) -> Iterator[Event]:
    for event in steps:
        if event is None:
            time.sleep(0.005)
        else:
            yield event


class Told:
    """What a ranking said, by file name: its last score, whether that was judged, and failures."""

    def __init__(self, means: Means, events: Iterator[Event]) -> None:
        names = means.opened.listing.names
        self.events = list(events)
        self.scores: dict[str, float] = {}
        self.judged: set[str] = set()
        self.failed: dict[str, list[Exception]] = {}
        for event in self.events:
            match event:
                case Scored():
                    for row, score in zip(event.rows.tolist(), event.scores.tolist(), strict=True):
                        self.scores[names[row]] = score
                        (self.judged.add if event.judged else self.judged.discard)(names[row])
                case Failed():
                    for row, error in zip(event.rows, event.errors, strict=True):
                        self.failed.setdefault(names[row], []).append(error)

    @property
    def order(self) -> list[str]:
        """Best first."""
        return sorted(self.scores, key=lambda name: (-self.scores[name], name not in self.judged, name))

    def of(self, kind: type) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]
