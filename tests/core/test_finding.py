"""An embedder as a judge, as a finder and while it learns a folder: encoded once, asked at once."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core.catalog import Catalog
from core.errors import CatalogFull, CatalogLocked, JudgeNotLoaded, VectorMissing
from core.jobs import Event, Preparation, Settled, Staged
from core.media import Changed
from core.query import Query
from core.ranking import Means, find_and_judge, prepare, rank
from core.ranking.kept import Kept
from core.scorers.builtin import BuiltinMatcher
from core.scorers.embedding import Embedder
from tests.core.finding_kit import BrightnessEncoder, CountingPool, Oracle, Told, embedder, grey, open_folder, taken

LEVELS = [0, 40, 80, 120, 160, 200, 240]
WHITE = Query("white")
BRIGHTEST_FIRST = [f"{level:03d}.png" for level in reversed(LEVELS)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    grey(tmp_path / "pictures", LEVELS)
    return tmp_path / "pictures"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "catalog.sqlite3") as catalog:
        yield catalog


@pytest.fixture
def pool() -> Iterator[CountingPool]:
    with CountingPool(workers=1) as pool:
        yield pool


@pytest.fixture
def means(folder: Path, catalog: Catalog, pool: CountingPool) -> Means:
    return open_folder(folder, catalog, pool)


@pytest.fixture
def encoder() -> BrightnessEncoder:
    return BrightnessEncoder()


def ranked(means: Means, scorer: Embedder, query: Query = WHITE) -> Told:
    return Told(means, taken(rank(query, scorer, Kept(scorer), means)))


def prepared(means: Means, scorer: Embedder) -> Told:
    return Told(means, taken(prepare(scorer, Kept(scorer), means, may_work=lambda: True)))


def staged(
    means: Means, scorer: Embedder | BuiltinMatcher, judge: Oracle, seconds: float | None = None, query: Query = WHITE
) -> Told:
    steps = find_and_judge(query, (scorer, Kept(scorer)), (judge, Kept(judge)), means, judge_seconds=seconds)
    return Told(means, taken(steps))


# --- by itself ---------------------------------------------------------------------------------------


def test_each_file_is_encoded_once_and_the_second_question_opens_none(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    means = open_folder(folder, catalog, pool)
    assert ranked(means, embedder(encoder)).order == BRIGHTEST_FIRST
    assert len(encoder.encoded) == pool.decoded == len(LEVELS)
    for again in (means, open_folder(folder, catalog, pool)):
        assert ranked(again, embedder(encoder), Query("white", minus="white")).scores["000.png"] > 0
        assert ranked(again, embedder(encoder)).order == BRIGHTEST_FIRST
    assert len(encoder.encoded) == pool.decoded == len(LEVELS)


def test_its_scores_are_half_of_one_plus_the_cosine_and_are_not_kept(
    means: Means, catalog: Catalog, encoder: BrightnessEncoder
) -> None:
    told = ranked(means, embedder(encoder))
    assert told.scores["000.png"] == pytest.approx(0.5, abs=0.01)
    assert told.scores["120.png"] == pytest.approx((1 + np.sin(120 / 255 * np.pi / 2)) / 2, abs=0.01)
    assert told.judged == set(told.scores)
    known = catalog.scores(f"{embedder(encoder).identity}; decoding 3", b"", 0)
    assert np.isnan(known.of(np.arange(1, 8))[0]).all()


def test_a_copy_and_a_file_with_the_same_pixels_are_not_encoded_again(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    ranked(open_folder(folder, catalog, pool), embedder(encoder))
    shutil.copy(folder / "240.png", folder / "copy.png")
    rated = PngInfo()
    rated.add_text("Comment", "five stars")
    Image.open(folder / "200.png").save(folder / "rated.png", pnginfo=rated)
    told = ranked(open_folder(folder, catalog, pool), embedder(encoder))
    assert told.scores["copy.png"] == told.scores["240.png"]
    assert told.scores["rated.png"] == told.scores["200.png"]
    assert len(encoder.encoded) == len(LEVELS)


def test_what_could_not_be_encoded_fails_with_the_reason_and_is_tried_again(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    encoder.silent_about = {80}
    told = ranked(open_folder(folder, catalog, pool), embedder(encoder))
    assert told.failed == {"080.png": [VectorMissing(reason="too plain")]}
    encoder.silent_about = set()
    told = ranked(open_folder(folder, catalog, pool), embedder(encoder))
    assert told.order == BRIGHTEST_FIRST


def test_a_picture_whose_vector_is_kept_is_asked_without_the_model_and_words_are_not(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    means = open_folder(folder, catalog, pool)
    ranked(means, embedder(encoder))
    told = ranked(means, embedder(None), Query(images=(folder / "080.png",)))
    assert told.order[0] == "080.png"
    assert told.scores["080.png"] == pytest.approx(1, abs=1e-4)
    assert pool.decoded == len(LEVELS)
    with pytest.raises(JudgeNotLoaded):
        ranked(means, embedder(None))


def test_vectors_of_another_model_are_never_used(means: Means, catalog: Catalog, encoder: BrightnessEncoder) -> None:
    ranked(means, embedder(encoder))
    ranked(means, embedder(encoder, digest="newer"))
    assert len(encoder.encoded) == 2 * len(LEVELS)


def test_the_beginnings_of_longer_vectors_serve_and_longer_ones_than_are_kept_are_made_anew(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    means = open_folder(folder, catalog, pool)
    ranked(means, embedder(encoder, numbers=8))
    told = ranked(means, embedder(encoder, numbers=4))
    assert len(encoder.encoded) == len(LEVELS)
    assert told.order == BRIGHTEST_FIRST
    assert told.scores["000.png"] == pytest.approx(0.5, abs=0.01)
    unloaded = ranked(means, embedder(None, numbers=4), Query(images=(folder / "080.png",)))
    assert unloaded.order[0] == "080.png"
    ranked(means, embedder(encoder, numbers=12))
    assert len(encoder.encoded) == 2 * len(LEVELS)


def test_vectors_that_are_broken_in_the_catalog_are_made_anew(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    ranked(open_folder(folder, catalog, pool), embedder(encoder))
    with sqlite3.connect(catalog.path) as other:
        other.execute("UPDATE features SET data = x'01' WHERE content IN (1, 2)")
    other.close()
    assert ranked(open_folder(folder, catalog, pool), embedder(encoder)).order == BRIGHTEST_FIRST
    assert len(encoder.encoded) == len(LEVELS) + 2


# --- learning a folder -------------------------------------------------------------------------------


def test_a_prepared_folder_is_ranked_without_opening_a_file(
    means: Means, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    told = prepared(means, embedder(encoder))
    last = told.of(Preparation)[-1]
    assert (last.prepared, last.total, last.failed) == (len(LEVELS), len(LEVELS), 0)
    assert isinstance(told.events[-1], Preparation | Settled)
    assert told.of(Settled)
    assert ranked(means, embedder(encoder)).order == BRIGHTEST_FIRST
    assert pool.decoded == len(encoder.encoded) == len(LEVELS)


def test_preparing_waits_while_it_may_not_work_and_goes_on_with_the_rest(
    means: Means, encoder: BrightnessEncoder
) -> None:
    encoder.pause = 0.05
    may_work = [True]
    waited = 0
    for event in prepare(embedder(encoder), Kept(embedder(encoder)), means, may_work=lambda: may_work[0], live=False):
        if isinstance(event, Preparation) and not event.waiting and event.prepared and not waited:
            may_work[0] = False
        elif not may_work[0]:
            waited += 1
            time.sleep(0.02)
            if waited == 30:
                may_work[0] = True
        elif event is None:
            time.sleep(0.01)
    assert waited >= 30
    told = prepared(means, embedder(encoder))
    assert told.of(Preparation)[-1].prepared == len(LEVELS)


def test_preparing_that_was_broken_off_takes_only_the_rest(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    encoder.pause = 0.1
    means = open_folder(folder, catalog, pool)
    steps = prepare(embedder(encoder), Kept(embedder(encoder)), means, may_work=lambda: True)
    done = next(e.prepared for e in taken(steps) if isinstance(e, Preparation) and e.prepared)
    steps.close()
    encoder.pause, before = 0.0, len(encoder.encoded)
    told = prepared(open_folder(folder, catalog, pool), embedder(encoder))
    assert told.of(Preparation)[-1].prepared == len(LEVELS)
    assert len(encoder.encoded) - before <= len(LEVELS) - done


def test_what_cannot_be_kept_is_not_learnt(
    means: Means, encoder: BrightnessEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> list[int]:
        raise CatalogFull(path="catalog")

    encoder.pause = 0.1
    with monkeypatch.context() as patched:
        patched.setattr(means.catalog, "save_files", refuse)
        with pytest.raises(CatalogFull):
            prepared(means, embedder(encoder))
    assert len(encoder.encoded) < len(LEVELS)
    assert prepared(means, embedder(encoder)).of(Preparation)[-1].prepared == len(LEVELS)


def test_a_file_counts_as_prepared_once_it_is_kept(
    means: Means, encoder: BrightnessEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, refused = means.catalog.save_files, []

    def save_later(*arguments: Any) -> list[int]:
        if len(refused) < 2:
            refused.append(arguments)
            raise CatalogLocked(path="catalog")
        return save(*arguments)

    monkeypatch.setattr(means.catalog, "save_files", save_later)
    encoder.pause = 0.15
    scorer = embedder(encoder)
    told = []
    for event in taken(prepare(scorer, Kept(scorer), means, may_work=lambda: True)):
        if isinstance(event, Preparation):
            kept = means.catalog.features(f"{scorer.extractor}; decoding 3", range(1, 8))
            assert event.prepared <= len(kept)
            told.append(event.prepared)
    assert told[-1] == len(LEVELS)
    assert len(refused) == 2


def test_the_builtin_matcher_prepares_too(means: Means, pool: CountingPool) -> None:
    matcher = BuiltinMatcher()
    told = Told(means, taken(prepare(matcher, Kept(matcher), means, may_work=lambda: True)))
    assert told.of(Preparation)[-1].prepared == len(LEVELS)
    assert means.catalog.features(f"{matcher.extractor}; decoding 3", range(1, 8)).keys() == set(range(1, 8))


# --- find, then judge --------------------------------------------------------------------------------


def test_everything_is_in_order_at_once_then_the_most_promising_are_judged_first(
    means: Means, encoder: BrightnessEncoder
) -> None:
    prepared(means, embedder(encoder))
    judge = Oracle(lambda level: level / 255)
    told = staged(means, embedder(encoder), judge)
    first = next(event for event in told.events if hasattr(event, "judged") and hasattr(event, "scores"))
    assert not first.judged
    assert len(first.rows) == len(LEVELS)
    assert judge.judged == sorted(LEVELS, reverse=True)
    assert told.order == BRIGHTEST_FIRST
    assert told.judged == set(BRIGHTEST_FIRST)


def test_the_judge_stops_when_its_time_is_up_and_what_is_only_found_stands_below(
    means: Means, encoder: BrightnessEncoder
) -> None:
    prepared(means, embedder(encoder))
    judge = Oracle(lambda level: 0.2 if level < 220 else 0.1)
    judge.pause = 0.4
    told = staged(means, embedder(encoder), judge, 1.5)
    assert 1 <= len(told.judged) <= 5
    assert set(told.order[: len(told.judged)]) == told.judged
    only_found = [name for name in BRIGHTEST_FIRST if name not in told.judged]
    assert told.order[len(told.judged) :] == only_found
    last = told.of(Staged)[-1]
    assert (last.found, last.judged, last.total) == (len(LEVELS), len(told.judged), len(LEVELS))
    assert not last.judging
    assert not last.calibrated
    assert last.seconds_left == 0
    # Judged on, it goes on with the next: nothing is judged twice.
    before = list(judge.judged)
    told = staged(means, embedder(encoder), judge)
    assert told.judged == set(BRIGHTEST_FIRST)
    assert len(judge.judged) <= len(LEVELS) + 1
    assert set(judge.judged[len(before) :]).isdisjoint(
        int(name[:3]) for name in BRIGHTEST_FIRST if int(name[:3]) in before[:-1]
    )


def test_files_that_are_not_prepared_are_encoded_after_the_judge_has_had_its_time(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    prepared(open_folder(folder, catalog, pool), embedder(encoder))
    grey(folder, [250])
    judge = Oracle(lambda level: level / 255)
    means = open_folder(folder, catalog, pool)
    told = staged(means, embedder(encoder), judge, 20)
    assert judge.judged[-1] == 250
    assert told.order[0] == "250.png"
    assert len(told.judged) == len(LEVELS) + 1


def test_the_builtin_matcher_finds_through_the_same_interface(means: Means) -> None:
    judge = Oracle(lambda level: 1 - level / 255)
    told = staged(means, BuiltinMatcher(), judge, query=Query(images=(Path(means.opened.listing.path(6)),)))
    assert told.judged == set(BRIGHTEST_FIRST)
    assert told.order == BRIGHTEST_FIRST[::-1]


def test_a_file_that_cannot_be_read_is_told_once(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    told = staged(open_folder(folder, catalog, pool), embedder(encoder), Oracle(lambda level: level / 255))
    assert {name: len(errors) for name, errors in told.failed.items()} == {"broken.png": 1}


def test_what_the_finder_has_no_number_for_is_judged_after_the_rest(means: Means, encoder: BrightnessEncoder) -> None:
    encoder.silent_about = {240}
    judge = Oracle(lambda level: level / 255)
    told = staged(means, embedder(encoder), judge)
    assert judge.judged[-1] == 240
    assert told.order == BRIGHTEST_FIRST
    assert not told.failed


def test_what_the_judge_has_no_number_for_stays_as_it_was_found(means: Means, encoder: BrightnessEncoder) -> None:
    told = staged(means, embedder(encoder), Oracle(lambda level: np.nan if level == 120 else level / 255))
    assert not told.failed
    assert "120.png" in told.scores
    assert "120.png" not in told.judged


def test_a_judge_that_is_not_there_is_told_after_all_is_found(means: Means, encoder: BrightnessEncoder) -> None:
    judge = Oracle(lambda level: level / 255)
    judge.is_lost = True
    events: list[Event] = []
    with pytest.raises(JudgeNotLoaded):
        scorer = embedder(encoder)
        steps = find_and_judge(WHITE, (scorer, Kept(scorer)), (judge, Kept(judge)), means, judge_seconds=None)
        events.extend(taken(steps))
    assert Told(means, iter(events)).order == BRIGHTEST_FIRST


def test_without_the_finders_model_the_judge_takes_what_is_not_prepared_after_all_else(
    folder: Path, catalog: Catalog, pool: CountingPool, encoder: BrightnessEncoder
) -> None:
    prepared(open_folder(folder, catalog, pool), embedder(encoder))
    grey(folder, [130, 250])
    judge = Oracle(lambda level: level / 255)
    query = Query(images=(folder / "240.png",))  # its vector is kept
    told = staged(open_folder(folder, catalog, pool), embedder(None), judge, 0.0, query)
    assert set(told.scores) == set(BRIGHTEST_FIRST), "what is kept is found, though the judge has no time"
    told = staged(open_folder(folder, catalog, pool), embedder(None), judge, query=query)
    assert set(judge.judged[-2:]) == {130, 250}
    assert told.judged == {*BRIGHTEST_FIRST, "130.png", "250.png"}
    last = told.of(Staged)[-1]
    assert (last.found, last.judged, last.total) == (len(LEVELS), len(LEVELS) + 2, len(LEVELS) + 2)


def test_a_judge_that_goes_as_its_time_ends_is_not_missed(means: Means, encoder: BrightnessEncoder) -> None:
    at_work = threading.Event()

    def unloaded(level: int) -> float:
        at_work.set()
        time.sleep(0.2)
        raise JudgeNotLoaded(name="Oracle")

    prepared(means, embedder(encoder))
    judge, scorer = Oracle(unloaded), embedder(encoder)
    events: list[Event] = []
    for event in find_and_judge(WHITE, (scorer, Kept(scorer)), (judge, Kept(judge)), means, judge_seconds=0.3):
        # It is gone, and its time is up, when the ranking next looks.
        time.sleep(0.5 if at_work.is_set() else 0.005)
        if event is not None:
            events.append(event)
    assert len(judge.judged) == 1
    assert Told(means, iter(events)).order == BRIGHTEST_FIRST


@pytest.mark.parametrize("moment", range(4))
def test_a_file_that_changes_while_the_stages_speak_is_found_and_judged(
    means: Means, encoder: BrightnessEncoder, moment: int
) -> None:
    prepared(means, embedder(encoder))
    judge, scorer = Oracle(lambda level: level / 255), embedder(encoder)
    listing = means.opened.listing
    rows = np.array([2, 6], np.int32)
    events: list[Event] = []
    for event in taken(find_and_judge(WHITE, (scorer, Kept(scorer)), (judge, Kept(judge)), means, judge_seconds=None)):
        if len(events) == moment:
            # As it was when it was prepared: what is kept of it is found at once.
            means.opened.take(Changed(rows, listing.sizes[rows], listing.mtimes[rows]), means.catalog)
        events.append(event)
    told = Told(means, iter(events))
    assert told.judged == set(BRIGHTEST_FIRST)
    last = told.of(Staged)[-1]
    assert (last.found, last.judged) == (len(LEVELS), len(LEVELS))
