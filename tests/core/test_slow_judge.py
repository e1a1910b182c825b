"""A judge that takes its time, in the pipeline: no model, but the same threads, batches, memory and failures."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.catalog import Catalog
from core.decoding.pool import DecodingPool
from core.errors import JudgeNotLoaded, ScoreMissing
from core.jobs import Event, Failed, Scored
from core.media import Listed, Listing, PixelPolicy, scan
from core.query import Query
from core.ranking import Means, rank
from core.ranking.kept import Kept
from core.ranking.opened import OpenListing
from core.scorers import Document, KeepsNoFeatures, OnlyScores, Verdicts


class Brightness(KeepsNoFeatures):
    """Says how bright a picture is, or how dark where the text asks for it; slowly, one document at a time."""

    identity, title, pixels, appetite = "brightness", "Brightness", PixelPolicy(max_pixels=64), 4
    reads_pixels_alone = True

    def __init__(self) -> None:
        self.memory: dict[bytes, float] = {}
        self.judged: list[str] = []
        self.silent_about: set[int] = set()
        self.pause = 0.0
        self.fails_after = 10**9
        self.forgets = False
        self.running = 0

    def remembers(self, fingerprint: bytes) -> bool:
        return fingerprint in self.memory

    def ask(self, query: Query, references: Sequence[Document]) -> BrightnessQuestion:
        return BrightnessQuestion(self, query.text)


class BrightnessQuestion(OnlyScores):
    def __init__(self, judge: Brightness, text: str) -> None:
        self.judge, self.text = judge, text

    def judge_slowly(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        judge = self.judge
        judge.running += 1
        try:
            if judge.forgets:
                judge.memory.clear()
            for index, document in reversed(list(enumerate(documents))):
                time.sleep(judge.pause)
                if stopped():
                    return
                yield self.verdict(index, document)
        finally:
            judge.running -= 1

    def verdict(self, index: int, document: Document) -> Verdicts:
        judge = self.judge
        if len(judge.judged) >= judge.fails_after:
            raise JudgeNotLoaded(name="brightness")
        if document.decoded is None:
            if document.fingerprint not in judge.memory:
                return Verdicts((), np.empty(0, np.float32), forgotten=(index,))
            level = judge.memory[document.fingerprint]
        else:
            assert document.decoded.frames is not None
            level = judge.memory[document.fingerprint] = float(document.decoded.frames.mean()) / 255
        judge.judged.append(self.text)
        if round(level * 255) in judge.silent_about:
            return Verdicts((index,), np.array([np.nan], np.float32), {index: "too plain"})
        return Verdicts((index,), np.array([1 - level if self.text == "dark" else level], np.float32))


class CountingPool(DecodingPool):
    decoded = 0

    def decode(self, *arguments, **named):
        self.decoded += 1
        return super().decode(*arguments, **named)


LEVELS = [0, 40, 80, 120, 160, 200, 240]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for level in LEVELS:
        Image.new("RGB", (8, 8), (level, level, level)).save(folder / f"{level:03d}.png")
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog = Catalog(tmp_path / "catalog.sqlite3")
    yield catalog
    catalog.close()


@pytest.fixture
def pool() -> Iterator[CountingPool]:
    with CountingPool(workers=1) as pool:
        yield pool


@pytest.fixture
def judge() -> Iterator[Brightness]:
    judge = Brightness()
    yield judge
    deadline = time.monotonic() + 5
    while judge.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not judge.running
    while any(thread.name == "judge" for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [thread for thread in threading.enumerate() if thread.name == "judge"]


Ask = Callable[..., Iterator[Event]]


@pytest.fixture
def ask(folder: Path, catalog: Catalog, pool: CountingPool, judge: Brightness) -> Ask:
    def ask(query: Query) -> Iterator[Event]:
        listing = Listing(folder)
        for chunk in scan(folder):
            assert isinstance(chunk, Listed)
            listing.append(chunk)
        listing.complete = True
        means = Means(OpenListing(listing), catalog, pool, lambda: None)
        for event in rank(query, judge, Kept(judge), means):
            if event is None:
                time.sleep(0.005)
            else:
                yield event

    return ask


def scores_of(events: Iterator[Event]) -> dict[int, float]:
    scores: dict[int, float] = {}
    for event in events:
        if isinstance(event, Scored):
            scores.update(zip((LEVELS[row] for row in event.rows), event.scores.tolist(), strict=True))
    return scores


BRIGHT = {level: pytest.approx(level / 255, abs=1e-3) for level in LEVELS}


def test_every_file_is_judged_and_asked_again_none(ask: Ask, judge: Brightness, pool: CountingPool) -> None:
    assert scores_of(ask(Query("bright"))) == BRIGHT
    assert len(judge.judged) == pool.decoded == len(LEVELS)
    events = list(ask(Query("bright")))
    assert scores_of(iter(events)) == BRIGHT
    assert all(event.known for event in events if isinstance(event, Scored))
    assert len(judge.judged) == pool.decoded == len(LEVELS)


def test_what_it_remembers_is_not_opened_again(ask: Ask, judge: Brightness, pool: CountingPool) -> None:
    scores_of(ask(Query("bright")))
    assert scores_of(ask(Query("dark"))) == {level: pytest.approx(1 - level / 255, abs=1e-3) for level in LEVELS}
    assert pool.decoded == len(LEVELS)
    assert scores_of(ask(Query("dark")))[240] == pytest.approx(15 / 255, abs=1e-3)  # kept, though nothing was opened
    assert judge.judged.count("dark") == len(LEVELS)


def test_what_it_forgot_meanwhile_is_read_again(ask: Ask, judge: Brightness, pool: CountingPool) -> None:
    scores_of(ask(Query("bright")))
    judge.forgets = True
    assert len(scores_of(ask(Query("dark")))) == len(LEVELS)
    assert pool.decoded > len(LEVELS)


def test_a_minus_is_judged_and_kept_by_itself(ask: Ask, judge: Brightness) -> None:
    expected = {level: pytest.approx(level / 255 * (level / 255), abs=1e-3) for level in LEVELS}
    assert scores_of(ask(Query("bright", minus="dark"))) == expected
    assert sorted(judge.judged) == ["bright"] * len(LEVELS) + ["dark"] * len(LEVELS)
    assert scores_of(ask(Query("dark"))).keys() == set(LEVELS)
    assert len(judge.judged) == 2 * len(LEVELS)


def test_no_number_is_a_failure_with_its_reason_and_never_kept(ask: Ask, judge: Brightness) -> None:
    judge.silent_about = {80}
    events = list(ask(Query("bright")))
    (failed,) = (event for event in events if isinstance(event, Failed))
    assert (failed.rows, failed.errors) == ([LEVELS.index(80)], [ScoreMissing(reason="too plain")])
    assert 80 not in scores_of(iter(events))
    judge.silent_about = set()
    assert scores_of(ask(Query("bright"))) == BRIGHT


def test_cancelled_it_stops_soon_and_keeps_what_was_judged(ask: Ask, judge: Brightness) -> None:
    judge.pause = 0.15
    ranking = ask(Query("bright"))
    while not any(isinstance(event, Scored) for event in [next(ranking)]):
        pass
    began = time.monotonic()
    ranking.close()
    assert time.monotonic() - began < 0.1
    judged = len(judge.judged)
    judge.pause = 0.0
    assert 0 < judged < len(LEVELS)
    assert scores_of(ask(Query("bright"))) == BRIGHT
    assert len(judge.judged) <= len(LEVELS) + 1  # the one under way when it was cancelled


def test_a_judge_that_gives_up_ends_the_ranking_with_its_reason(ask: Ask, judge: Brightness) -> None:
    judge.fails_after = 3
    with pytest.raises(JudgeNotLoaded):
        list(ask(Query("bright")))
    judge.fails_after = 10**9
    assert scores_of(ask(Query("bright"))) == BRIGHT
    assert len(judge.judged) == len(LEVELS)  # the three were kept
