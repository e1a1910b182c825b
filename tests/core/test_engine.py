"""Scanning and ranking through the engine: the same suite for the one in this process and the one in its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from core import (
    Aspect,
    Away,
    Changed,
    Engine,
    EngineProcess,
    Event,
    Facts,
    Failed,
    FindStacks,
    Jobs,
    JudgeChoice,
    Kind,
    Listing,
    Notice,
    Progress,
    Query,
    Rank,
    Region,
    Scan,
    ScanFinished,
    ScanStarted,
    Scored,
    Settled,
    ThumbnailMade,
    Understood,
    Where,
)
from core.errors import (
    CatalogDamaged,
    FileDamaged,
    FileEmpty,
    FileMisnamed,
    FileVanished,
    FolderMissing,
    JudgeNotLoaded,
    NothingToGoOn,
    QueryEmpty,
    ReferenceUnreadable,
    ScorerUnknown,
)
from tests.bench.photographs import ALTERATIONS, photographs

COLOURS = {"red": (200, 30, 30), "green": (30, 160, 40), "blue": (30, 40, 200), "grey": (128, 128, 128)}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    noise = np.random.default_rng(1).integers(-20, 20, (60, 80, 3))
    for name, colour in COLOURS.items():
        pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{name}.png")
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture(params=["in this process", "in its own"])
def engine(request: pytest.FixtureRequest, home: Path) -> Iterator[Jobs]:
    kind = Engine if request.param == "in this process" else EngineProcess
    with kind(home, workers=2) as engine:
        yield engine


def ranked(events: Iterator[Event], listing: Listing) -> list[str]:
    """Names, best first."""
    scores: dict[int, float] = {}
    for event in events:
        if isinstance(event, Scored):
            scores.update(zip(event.rows.tolist(), event.scores.tolist(), strict=True))
    return [listing.names[row] for row in sorted(scores, key=lambda row: -scores[row])]


def test_ranks_a_folder_by_a_picture(engine: Jobs, photos: Path) -> None:
    listing = engine.list_folder(photos)
    events = list(engine.rank(Query(images=(photos / "green.png",)), listing))
    assert ranked(iter(events), listing)[0] == "green.png"
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.done, last.total, last.failed) == (4, 4, 0)
    for event in events:
        if isinstance(event, Scored):
            assert ((event.scores >= 0) & (event.scores <= 1)).all()
            assert not event.known


def test_the_same_question_is_answered_from_the_catalog(engine: Jobs, photos: Path) -> None:
    listing = engine.list_folder(photos)
    query = Query(images=(photos / "red.png",))
    first = ranked(engine.rank(query, listing), listing)
    events = list(engine.rank(query, engine.list_folder(photos)))
    assert [event.known for event in events if isinstance(event, Scored)] == [True]
    assert ranked(iter(events), listing) == first


def test_a_new_question_opens_no_file_again(engine: Jobs, photos: Path, tmp_path: Path) -> None:
    listing = engine.list_folder(photos)
    outside = tmp_path / "reference.png"
    shutil.copy(photos / "blue.png", outside)
    list(engine.rank(Query(text="red"), listing))
    for path in photos.iterdir():
        path.unlink()  # gone, but what was learnt of them answers
    assert ranked(engine.rank(Query(images=(outside,)), listing), listing)[0] == "blue.png"


# --- judged closely, and why --------------------------------------------------------------------------


@pytest.fixture
def copies(photos: Path) -> Path:
    """A photograph, and a copy cropped and mirrored, beside the four colours."""
    coffee = photographs()["coffee"]
    Image.fromarray(coffee).save(photos / "coffee.png")
    Image.fromarray(ALTERATIONS["mirrored"](ALTERATIONS["crop to 80 %"](coffee))).save(photos / "other name.jpg")
    return photos


def finally_scored(events: Iterator[Event], listing: Listing) -> dict[str, float]:
    scores: dict[str, float] = {}
    for event in events:
        if isinstance(event, Scored):
            names = [listing.names[row] for row in event.rows]
            scores.update(zip(names, event.scores.tolist(), strict=True))
    return scores


def test_a_score_is_the_same_whichever_way_it_came_to_be_known(engine: Jobs, copies: Path) -> None:
    query = Query(images=(copies / "coffee.png",))
    fresh = finally_scored(engine.rank(query, engine.list_folder(copies)), engine.list_folder(copies))
    assert min(fresh["coffee.png"], fresh["other name.jpg"]) >= 0.8
    assert max(fresh[f"{name}.png"] for name in COLOURS) < 0.2
    # From the features, first at a glance, then closely; and from the catalog.
    region = Query(images=(copies / "coffee.png",), regions=(Region(0, 0, 1, 1),))  # the same picture, another question
    events = list(engine.rank(region, engine.list_folder(copies)))
    assert finally_scored(iter(events), engine.list_folder(copies)) == fresh
    rows = [row for event in events if isinstance(event, Scored) for row in event.rows.tolist()]
    assert len(rows) == len(fresh) + 2  # the two copies were in doubt
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert last.done == last.total == len(fresh)
    events = list(engine.rank(region, engine.list_folder(copies)))
    assert [event.known for event in events if isinstance(event, Scored)] == [True]
    assert finally_scored(iter(events), engine.list_folder(copies)) == fresh


def test_details_that_are_lost_are_learnt_again(home: Path, copies: Path) -> None:
    with Engine(home, workers=2) as engine:
        list(engine.rank(Query(text="red"), engine.list_folder(copies)))
    with sqlite3.connect(home / "catalog.sqlite3") as db:
        db.execute("DELETE FROM details")
        db.execute("UPDATE features SET data = substr(data, 1, 50) WHERE content = 1")
    db.close()
    with Engine(home, workers=2) as engine:
        listing = engine.list_folder(copies)
        scores = finally_scored(engine.rank(Query(images=(copies / "coffee.png",)), listing), listing)
        assert len(scores) == 6
        assert scores["other name.jpg"] >= 0.8


def test_each_aspect_is_a_question_of_its_own(engine: Jobs, copies: Path) -> None:
    listing = engine.list_folder(copies)
    found = {
        aspect: finally_scored(engine.rank(Query(images=(copies / "coffee.png",), aspect=aspect), listing), listing)
        for aspect in Aspect
    }
    assert all(scores["coffee.png"] >= 0.8 for scores in found.values())
    assert found[Aspect.SAME]["other name.jpg"] >= 0.8
    assert len({tuple(scores.values()) for scores in found.values()}) == len(Aspect)


def test_a_region_of_a_picture_can_be_the_query(engine: Jobs, photos: Path) -> None:
    left, right = (np.asarray(Image.open(photos / f"{name}.png")) for name in ("red", "blue"))
    Image.fromarray(np.hstack([left, right])).save(photos / "both.png")
    listing = engine.list_folder(photos)
    for region, best in ((Region(0, 0, 0.5, 1), "red.png"), (Region(0.5, 0, 1, 1), "blue.png")):
        query = Query(images=(photos / "both.png",), regions=(region,))
        for _ in range(2):  # the second time from the catalog
            assert ranked(engine.rank(query, listing), listing)[0] == best


def test_it_says_why_a_file_stands_where_it_does(engine: Jobs, copies: Path) -> None:
    listing = engine.list_folder(copies)
    query = Query(text="red", images=(copies / "coffee.png",))
    row = listing.names.index("other name.jpg")
    assert engine.explain(query, listing, row) is None  # nothing is known of it yet
    events = list(engine.rank(query, listing))
    assert [event for event in events if isinstance(event, Understood)] == [Understood(("red",), ())]
    told = engine.explain(query, listing, row)
    assert told is not None
    looks = dict(told.looks)
    assert looks["same"] >= 0.8
    assert list(looks) == ["palette", "layout", "texture", "same"]
    named = engine.explain(query, listing, listing.names.index("red.png"))
    assert named is not None
    assert [(met.word, met.where) for met in named.words] == [("red", Where.NAME)]
    assert engine.explain(query, listing, 1_000) is None


def test_the_oddest_files_get_a_score_or_a_reason(
    engine: Jobs, tmp_path: Path, write_clip: Callable[..., Path]
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    for name, size, colour in (
        ("black.png", (64, 48), "black"),
        ("white.jpg", (64, 48), "white"),
        ("one pixel.png", (1, 1), "red"),
        ("panorama.png", (20_000, 20), "teal"),
        ("tower.png", (20, 20_000), "olive"),
        ("🏖️🌞.png", (40, 30), "gold"),
    ):
        Image.new("RGB", size, colour).save(folder / name)
    keywords = PngInfo()
    keywords.add_text("Description", "harbour " + "keyword " * 130_000)  # a megabyte
    Image.new("RGB", (40, 30), "navy").save(folder / "keywords.png", pnginfo=keywords)
    shutil.move(write_clip("silent.mp4", frames=[np.zeros((48, 64, 3), np.uint8)] * 25), folder / "silent.mp4")
    (folder / "empty.txt").write_text("")
    (folder / "spaces.txt").write_text(" \n\t ")
    (folder / "😀.txt").write_text("🙂 🙃")
    listing = engine.list_folder(folder)
    odd = [folder / name for name in ("black.png", "one pixel.png", "panorama.png")]
    queries = [Query(images=(path,), aspect=aspect) for path in odd for aspect in Aspect]
    queries += [Query(videos=(folder / "silent.mp4",)), Query(text="red harbour 🏖️", images=(odd[0],), minus="dark")]
    for query in queries:
        events = list(engine.rank(query, listing))
        scores = finally_scored(iter(events), listing)
        failed = {listing.names[row] for event in events if isinstance(event, Failed) for row in event.rows}
        assert failed == {"empty.txt", "spaces.txt"}
        assert len(scores) == 9
        assert all(0 <= score <= 1 for score in scores.values())
        if query.images and not query.text:
            assert scores[query.images[0].name] > 0.98  # like itself


def test_it_says_when_nothing_speaks_of_the_words(engine: Jobs, photos: Path) -> None:
    def told(text: str) -> list[NothingToGoOn]:
        events = engine.rank(Query(text=text), engine.list_folder(photos))
        return [event.error for event in events if isinstance(event, Notice)]  # type: ignore[misc]

    for _ in range(2):  # the second time from the catalog
        assert told("a happy dog") == [NothingToGoOn(words="happy dog")]
        assert told("red") == []
    (photos / "red.png").rename(photos / "my happy dog.png")
    assert told("a happy dog") == []


@pytest.mark.parametrize("away", [False, True])
def test_that_nothing_speaks_of_the_words_is_told_for_as_long_as_it_is_so(home: Path, photos: Path, away: bool) -> None:
    def remark(*jobs: Iterator[Event | None]) -> Any:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            for event in map(next, jobs):
                if isinstance(event, Settled):
                    return event.remark
            engine.answered.wait(0.02)
            engine.answered.clear()
        raise TimeoutError

    unplugged = photos.with_name("unplugged")
    with Engine(home, workers=1) as engine:
        scan = engine.steps(Scan(str(photos), live=True))
        token = next(event.token for event in scan if isinstance(event, ScanStarted))
        if away:
            while not isinstance(next(scan), ScanFinished):
                pass
            photos.rename(unplugged)
            while not isinstance(next(scan), Away):
                engine.answered.wait(0.02)
        ranking = engine.steps(Rank(Query(text="happy dog"), token, live=True))
        if away:
            assert remark(scan, ranking) is None  # who knows what stands in files that can't be read
            unplugged.rename(photos)
        assert remark(scan, ranking) == NothingToGoOn(words="happy dog")
        shutil.copy(photos / "red.png", photos / "happy dog.png")
        assert remark(scan, ranking) is None
        scan.close()
        ranking.close()


def test_moved_and_copied_files_keep_their_scores(engine: Jobs, photos: Path, home: Path) -> None:
    query = Query(images=(photos / "red.png",))
    list(engine.rank(query, engine.list_folder(photos)))
    with sqlite3.connect(home / "catalog.sqlite3") as db:
        db.execute("UPDATE scores SET score = 0.123")  # to be recognised by
    db.close()
    (photos / "blue.png").rename(photos / "moved.png")
    shutil.copy(photos / "grey.png", photos / "copy.png")
    listing = engine.list_folder(photos)
    scores = {}
    for event in engine.rank(query, listing):
        if isinstance(event, Scored):
            scores.update(zip(event.rows.tolist(), event.scores.tolist(), strict=True))
    assert scores == {row: pytest.approx(0.123) for row in range(5)}


def test_an_edited_file_is_judged_anew(engine: Jobs, photos: Path) -> None:
    query = Query(images=(photos / "red.png",))
    list(engine.rank(query, engine.list_folder(photos)))
    shutil.copy(photos / "red.png", photos / "blue.png")
    listing = engine.list_folder(photos)
    assert set(ranked(engine.rank(query, listing), listing)[:2]) == {"red.png", "blue.png"}


def test_bad_files_are_listed_with_their_reasons_and_the_rest_ranked(engine: Jobs, photos: Path) -> None:
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.jpg").write_text("no picture at all")
    (photos / "cut.png").write_bytes((photos / "red.png").read_bytes()[:2000])
    (photos / "gone.png").write_bytes(b"x")
    listing = engine.list_folder(photos)
    (photos / "gone.png").unlink()
    for _ in range(2):  # the second time from memory
        failures = {}
        events = list(engine.rank(Query(text="red"), listing))
        for event in events:
            if isinstance(event, Failed):
                failures |= {
                    listing.names[row]: type(error) for row, error in zip(event.rows, event.errors, strict=True)
                }
        assert failures == {
            "empty.jpg": FileEmpty,
            "text.jpg": FileMisnamed,
            "cut.png": FileDamaged,
            "gone.png": FileVanished,
        }
        assert len(ranked(iter(events), listing)) == 4
        last = [event for event in events if isinstance(event, Progress)][-1]
        assert (last.done, last.total, last.failed) == (8, 8, 4)


def test_a_minus_takes_away(engine: Jobs, photos: Path) -> None:
    listing = engine.list_folder(photos)
    query = Query(images=(photos / "red.png",))
    assert ranked(engine.rank(query, listing), listing)[0] == "red.png"
    less = Query(images=(photos / "red.png",), minus="red")
    assert ranked(engine.rank(less, listing), listing)[0] != "red.png"


def test_names_are_evidence_that_follows_the_name(engine: Jobs, photos: Path) -> None:
    listing = engine.list_folder(photos)
    assert ranked(engine.rank(Query(text="holiday"), listing), listing)  # nothing matches: scores all the same
    (photos / "grey.png").rename(photos / "holiday.png")
    listing = engine.list_folder(photos)
    assert ranked(engine.rank(Query(text="holiday"), listing), listing)[0] == "holiday.png"


def test_closing_a_ranking_cancels_it_and_keeps_what_was_scored(engine: Jobs, photos: Path) -> None:
    for index in range(60):
        shutil.copy(photos / "red.png", photos / f"more{index}.png")
        with (photos / f"more{index}.png").open("ab") as file:
            file.write(bytes([index]))  # another content, same picture
    listing = engine.list_folder(photos)
    query = Query(images=(photos / "red.png",))
    events = engine.rank(query, listing)
    seen = next(event.done for event in events if isinstance(event, Progress) and event.done)
    events.close()  # type: ignore[attr-defined]
    assert 0 < seen < 64
    again = [event for event in engine.rank(query, listing) if isinstance(event, Scored)]
    assert again[0].known
    assert len(again[0].rows) >= seen
    assert {row for event in again for row in event.rows.tolist()} == set(range(64))


def test_what_is_looked_at_is_judged_first(engine: Jobs, photos: Path) -> None:
    for index in range(80):
        Image.new("RGB", (40, 30), (index, 2 * index, 255 - index)).save(photos / f"x{index:02}.png")
    listing = engine.list_folder(photos)
    last = len(listing) - 1
    events = engine.rank(Query(images=(photos / "red.png",)), listing)
    order: list[int] = []
    for event in events:
        if not order:
            engine.look_at(listing, [last, last - 1])
        if isinstance(event, Scored):
            order += event.rows.tolist()
    assert max(order.index(last), order.index(last - 1)) < 50


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (Query(), QueryEmpty),
        (Query(minus="red"), QueryEmpty),
        (Query(images=(Path("/no/such.jpg"),)), ReferenceUnreadable),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused(
    engine: Jobs, photos: Path, query: Query, error: type[Exception]
) -> None:
    with pytest.raises(error):
        list(engine.rank(query, engine.list_folder(photos)))
    assert list(engine.rank(Query(text="red"), engine.list_folder(photos)))  # and the engine lives on


def test_an_unknown_judge_is_refused(engine: Jobs, photos: Path) -> None:
    with pytest.raises(ScorerUnknown):
        list(engine.load(JudgeChoice("oracle")))


def test_a_model_has_to_be_loaded_before_it_judges(engine: Jobs, photos: Path) -> None:
    with pytest.raises(JudgeNotLoaded, match="2B"):
        list(engine.rank(Query(text="red"), engine.list_folder(photos), judge=JudgeChoice("2B")))


def test_a_missing_folder_is_refused(engine: Jobs) -> None:
    with pytest.raises(FolderMissing):
        engine.list_folder("/no/such/folder")


def test_thumbnails_previews_and_filmstrips(engine: Jobs, photos: Path, home: Path) -> None:
    (photos / "note.txt").write_text("first line\nsecond line")
    (photos / "bad.png").write_bytes(b"no")
    listing = engine.list_folder(photos)
    made = {
        listing.names[event.row]: event
        for event in engine.thumbnails(listing, range(len(listing)), 32)
        if isinstance(event, ThumbnailMade)
    }
    assert len(made) == 6
    red = made["red.png"].thumbnail
    assert red is not None
    assert red.raster is not None
    assert (red.raster.width, red.raster.height, red.facts.width) == (32, 24, 80)
    note = made["note.txt"].thumbnail
    assert note is not None
    assert (note.kind, note.text.splitlines()[0]) == (Kind.TEXT, "first line")
    assert made["bad.png"].error is not None
    preview = engine.preview(photos / "red.png", 1000)
    assert preview.raster is not None
    assert len(preview.raster.data) == 80 * 60 * 3
    assert engine.subfolders(photos.parent).names == [("home", True), ("photos", False)]


def test_a_ranking_may_start_while_the_folder_is_still_listed(home: Path, photos: Path) -> None:
    with Engine(home, workers=2) as engine:
        from core import Rank, Scan, ScanStarted

        scan = engine.steps(Scan(str(photos)))
        started = next(event for event in scan if event is not None)
        assert isinstance(started, ScanStarted)
        ranking = engine.steps(Rank(Query(text="red"), started.token))
        events, scan_over = [], False
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if not scan_over:
                scan_over = next(scan, "over") == "over"
            event = next(ranking, "over")
            if event == "over":
                break
            if event is not None:
                events.append(event)
        assert sum(len(event.rows) for event in events if isinstance(event, Scored)) == 4


def test_a_catalog_damaged_while_it_is_used_is_set_aside_and_the_ranking_goes_on(home: Path, photos: Path) -> None:
    query = Query(images=(photos / "red.png",))
    with Engine(home, workers=2) as engine:
        list(engine.rank(query, engine.list_folder(photos)))
    path = home / "catalog.sqlite3"
    data = path.read_bytes()
    path.write_bytes(data[:4096] + os.urandom(len(data) - 4096))
    with Engine(home, workers=2) as engine:
        listing = engine.list_folder(photos)
        events = list(engine.rank(query, listing))
        assert ranked(iter(events), listing)[0] == "red.png"
        assert any(isinstance(event, Notice) and isinstance(event.error, CatalogDamaged) for event in events)
    assert len(list(home.glob("catalog-damaged-*.sqlite3"))) == 1
    with Engine(home, workers=2) as engine:  # the new one holds
        assert any(isinstance(event, Scored) and event.known for event in engine.rank(query, listing))


def test_a_locked_catalog_is_told_once_and_the_scores_saved_when_it_is_free(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.catalog.BUSY_SECONDS", 0.05)
    with Engine(home, workers=2) as engine:
        listing = engine.list_folder(photos)
        other = sqlite3.connect(home / "catalog.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        notices, scored = 0, 0
        for event in engine.rank(Query(text="red"), listing):
            notices += isinstance(event, Notice)
            if isinstance(event, Scored):
                scored += len(event.rows)
                if other.in_transaction and scored < 4:
                    other.execute("ROLLBACK")
        if other.in_transaction:
            other.execute("ROLLBACK")
        other.close()
        assert (notices, scored) == (1, 4)


def test_scores_that_wait_for_a_locked_catalog_are_saved_when_the_ranking_is_closed(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.catalog.BUSY_SECONDS", 0.05)
    for index in range(60):
        Image.new("RGB", (40, 30), (index, 2 * index, 255 - index)).save(photos / f"x{index:02}.png")
    query = Query(text="red")
    with Engine(home, workers=2) as engine:
        listing = engine.list_folder(photos)
        other = sqlite3.connect(home / "catalog.sqlite3", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        events = engine.rank(query, listing)
        seen = next(set(event.rows.tolist()) for event in events if isinstance(event, Scored))
        other.execute("ROLLBACK")
        other.close()
        events.close()  # type: ignore[attr-defined]
        first = next(event for event in engine.rank(query, listing) if isinstance(event, Scored))
        assert first.known
        assert seen <= set(first.rows.tolist())


def test_what_a_damaged_catalog_knew_is_not_taken_for_what_the_new_one_knows(
    home: Path, photos: Path, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for index, name in enumerate(sorted(COLOURS, reverse=True)):
        Image.new("RGB", (90 + index, 70), COLOURS[name]).save(others / f"{index}.png")
    with Engine(home, workers=2) as engine:
        listing = engine.list_folder(photos)
        list(engine.rank(Query(text="red"), listing))
        torn = sqlite3.DatabaseError("database disk image is malformed")
        torn.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        with pytest.raises(CatalogDamaged), engine.catalog.writing():
            raise torn
        list(engine.rank(Query(text="red"), engine.list_folder(others)))  # the new one gives the same ids again
        assert ranked(engine.rank(Query(images=(photos / "green.png",)), listing), listing)[0] == "green.png"


@pytest.mark.parametrize("met_by", ["stacks", "scan"])
def test_damage_that_another_job_meets_is_told_by_the_ranking_and_made_good(
    home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch, met_by: str
) -> None:
    torn = sqlite3.DatabaseError("database disk image is malformed")
    torn.sqlite_errorcode = sqlite3.SQLITE_CORRUPT

    def until(engine: Engine, job: Iterator[Event | None], wanted: type) -> list[Event]:
        events: list[Event] = []
        deadline = time.monotonic() + 60
        while not (events and isinstance(events[-1], wanted)):
            assert time.monotonic() < deadline, events
            event = next(job)
            if event is None:
                engine.answered.wait(0.05)
                engine.answered.clear()
            else:
                events.append(event)
        return events

    with Engine(home, workers=2) as engine:

        def tear(*_: object) -> None:
            monkeypatch.undo()
            with engine.catalog.writing():
                raise torn

        scan = engine.steps(Scan(str(photos), live=True))
        token = next(event.token for event in until(engine, scan, ScanFinished) if isinstance(event, ScanStarted))
        ranking = engine.steps(Rank(Query(text="red"), token, live=True))
        until(engine, ranking, Settled)
        if met_by == "stacks":
            monkeypatch.setattr(engine.catalog, "identities", tear)
            with pytest.raises(CatalogDamaged):
                list(engine.run(FindStacks(token)))
        else:
            monkeypatch.setattr(engine.catalog, "resolve_rows", tear)
        Image.new("RGB", (90, 70), (10, 200, 10)).save(photos / "blue.png")
        until(engine, scan, Changed)  # the folder is still followed
        events = until(engine, ranking, Settled)
        assert [type(event.error) for event in events if isinstance(event, Notice)] == [CatalogDamaged]
        scan.close()
        ranking.close()
        listing = engine.list_folder(photos)
        [again] = [event for event in engine.rank(Query(text="red"), listing) if isinstance(event, Scored)]
        assert again.known
        assert len(again.rows) == len(COLOURS)


def test_two_engines_share_one_catalog(home: Path, photos: Path) -> None:
    query = Query(text="red")
    with Engine(home, workers=1) as one, Engine(home, workers=1) as other:
        list(one.rank(query, one.list_folder(photos)))
        events = list(other.rank(query, other.list_folder(photos)))
        assert any(isinstance(event, Scored) and event.known for event in events)


def test_a_folder_that_is_away_still_shows_the_thumbnails_that_are_kept(engine: Jobs, tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    folder.mkdir()
    Image.new("RGB", (80, 60), "red").save(folder / "a.png")
    listing = engine.list_folder(folder)
    list(engine.thumbnails(listing, [0], 64))
    folder.rename(tmp_path / "unplugged")
    [kept] = engine.thumbnails(listing, [0], 64)
    assert isinstance(kept, ThumbnailMade)
    assert kept.thumbnail is not None
    assert kept.thumbnail.facts == Facts(80, 60)
    [larger] = engine.thumbnails(listing, [0], 128)
    assert isinstance(larger, ThumbnailMade)
    assert larger.error == FileVanished()
