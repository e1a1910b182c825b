"""Finder and judge in the engine: two tiny models loaded, a folder prepared, asked, and what stands in the way."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core import (
    CountPrepared,
    Engine,
    EngineProcess,
    Event,
    Failed,
    Jobs,
    JudgeChoice,
    JudgeLoaded,
    Listing,
    LoadJudge,
    Notice,
    Preparation,
    Prepare,
    Query,
    Rank,
    Scored,
    Settled,
    Staged,
)
from core.errors import (
    FinderNotLoaded,
    JudgeNotLoaded,
    ModelNotEmbedder,
    PreparedInPart,
    PreparedOtherwise,
    TooFewPrepared,
)
from core.scorers import Budget
from tests.core.tower_kit import write

PARITY = Path(__file__).parents[1] / "data" / "parity"
JUDGE = JudgeChoice(str(PARITY / "model"), "cpu", "float32", Budget.FAST)


@pytest.fixture(params=["in this process", "in its own"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Jobs]:
    kind = Engine if request.param == "in this process" else EngineProcess
    with kind(tmp_path / "home", workers=1) as engine:
        yield engine


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Engine]:
    with Engine(tmp_path / "home", workers=1) as engine:
        yield engine


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> JudgeChoice:
    """A tiny Qwen3-VL that says it is an embedder."""
    folder = tmp_path_factory.mktemp("models") / "tiny-embedding"
    shutil.copytree(PARITY / "model", folder)
    folder.joinpath("modules.json").write_text(
        json.dumps([{"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}])
    )
    return JudgeChoice(str(folder), "cpu", "float32", Budget.FAST)


def draw(folder: Path, numbers: range) -> Path:
    folder.mkdir(exist_ok=True)
    for number in numbers:
        pixels = np.random.default_rng(number).integers(0, 256, (3, 4, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((96, 64)).save(folder / f"{number:03d}.png")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return draw(tmp_path / "pictures", range(24))


class Heard:
    """What a request was answered with."""

    def __init__(self, engine: Jobs, request: object) -> None:
        self.events = list(engine.run(request))  # type: ignore[arg-type]
        self.scores: dict[int, float] = {}
        self.judged: set[int] = set()
        for event in self.events:
            if isinstance(event, Scored):
                for row, score in zip(event.rows.tolist(), event.scores.tolist(), strict=True):
                    self.scores[row] = score
                    (self.judged.add if event.judged else self.judged.discard)(row)

    def of(self, kind: type) -> list[object]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def told(self) -> list[Exception]:
        return [event.error for event in self.events if isinstance(event, Notice)]


def load(engine: Jobs, choice: JudgeChoice, *, finder: bool = False) -> None:
    for _ in engine.load(choice, finder=finder):
        pass


def test_prepared_once_a_question_is_found_and_the_best_of_it_judged(
    engine: Jobs, folder: Path, finder: JudgeChoice
) -> None:
    listing = engine.list_folder(folder)
    load(engine, finder, finder=True)
    load(engine, JUDGE)
    prepared = Heard(engine, Prepare(listing, finder)).of(Preparation)[-1]
    assert (prepared.prepared, prepared.total, prepared.failed) == (24, 24, 0)
    heard = Heard(engine, Rank(Query("boats"), listing, JUDGE, finder=finder, judge_seconds=0.0))
    assert len(heard.scores) == 24
    assert not heard.judged
    assert not heard.told
    everything = Heard(engine, Rank(Query("boats"), listing, JUDGE, finder=finder))
    assert len(everything.judged) == 24
    alone = Heard(engine, Rank(Query("boats"), listing, JUDGE))
    assert alone.scores == everything.scores
    last = everything.of(Staged)[-1]
    assert (last.judged, last.found, last.total, last.judging) == (24, 24, 24, False)
    assert isinstance(everything.events[-1], Settled | Staged)


def test_a_question_by_a_picture_is_answered_from_kept_vectors_by_a_model_that_is_not_loaded(
    engine: Jobs, folder: Path, finder: JudgeChoice
) -> None:
    listing = engine.list_folder(folder)
    load(engine, finder, finder=True)
    Heard(engine, Prepare(listing, finder))
    similar = Query(images=(folder / "007.png",))
    loaded = Heard(engine, Rank(similar, listing, finder))
    engine.unload(finder=True)
    unloaded = Heard(engine, Rank(similar, listing, finder))
    assert unloaded.scores == loaded.scores
    assert max(unloaded.scores, key=lambda row: unloaded.scores[row]) == listing.names.index("007.png")
    with pytest.raises(JudgeNotLoaded):
        Heard(engine, Rank(Query("boats"), listing, finder))


def test_a_finder_that_is_not_loaded_is_stood_in_for_by_the_builtin_matcher(
    engine: Jobs, folder: Path, finder: JudgeChoice
) -> None:
    listing = engine.list_folder(folder)
    load(engine, JUDGE)
    heard = Heard(engine, Rank(Query("red"), listing, JUDGE, finder=finder, judge_seconds=0.0))
    assert heard.told == [FinderNotLoaded(name="tiny-embedding")]
    assert len(heard.scores) == 24
    assert heard.of(Staged)[-1].finder.startswith("Built-in matcher")
    load(engine, finder, finder=True)
    Heard(engine, Prepare(listing, finder))
    engine.unload(finder=True)
    heard = Heard(engine, Rank(Query("red"), listing, JUDGE, finder=finder, judge_seconds=0.0))
    assert heard.told == [FinderNotLoaded(name="tiny-embedding")]


def test_a_judge_that_was_never_loaded_does_not_keep_the_finder_from_finding(
    own: Engine, folder: Path, finder: JudgeChoice
) -> None:
    listing = own.list_folder(folder)
    load(own, finder, finder=True)
    Heard(own, Prepare(listing, finder))
    heard: list[Event] = []
    with pytest.raises(JudgeNotLoaded):
        heard.extend(own.run(Rank(Query("boats"), listing, JUDGE, finder=finder)))
    assert sum(len(event.rows) for event in heard if isinstance(event, Scored)) == 24
    with pytest.raises(JudgeNotLoaded):
        own.run(Rank(Query("boats"), listing, JUDGE)).__next__()


def test_an_embedder_in_the_judges_place_says_what_it_is(own: Engine, finder: JudgeChoice) -> None:
    (loaded,) = (event for event in own.load(finder) if isinstance(event, JudgeLoaded))
    assert loaded.finder
    assert "It is an embedder" in loaded.why
    (loaded,) = (event for event in own.load(finder, finder=True) if isinstance(event, JudgeLoaded))
    assert "It is an embedder" not in loaded.why


def test_a_folder_prepared_in_part_is_told_and_never_mixed(own: Engine, folder: Path, finder: JudgeChoice) -> None:
    load(own, finder, finder=True)
    load(own, JUDGE)
    Heard(own, Prepare(own.list_folder(folder), finder))
    draw(folder, range(24, 30))
    listing = own.list_folder(folder)
    count = Heard(own, CountPrepared(listing, finder)).of(Preparation)[-1]
    assert (count.prepared, count.total) == (24, 30)
    heard = Heard(own, Rank(Query("boats"), listing, JUDGE, finder=finder, judge_seconds=0.0))
    assert heard.told == [PreparedInPart(missing=6, total=30, name="tiny-embedding")]
    assert len(heard.scores) == 30, "the others joined as they were encoded"
    draw(folder, range(30, 90))
    heard = Heard(own, Rank(Query("boats"), own.list_folder(folder), JUDGE, finder=finder, judge_seconds=0.0))
    assert TooFewPrepared(prepared=30, total=90, name="tiny-embedding") in heard.told
    assert heard.of(Staged)[-1].finder.startswith("Built-in matcher")


def test_vectors_of_another_length_or_another_model_are_told_and_made_anew(
    own: Engine, folder: Path, finder: JudgeChoice, tmp_path: Path
) -> None:
    listing = own.list_folder(folder)
    load(own, finder, finder=True)
    shorter = JudgeChoice(finder.name, "cpu", "float32", Budget.FAST, numbers=16)
    Heard(own, Prepare(listing, shorter))
    heard = Heard(own, Rank(Query("boats"), listing, finder))
    assert heard.told == [PreparedOtherwise(count=24, name="tiny-embedding")]
    assert len(heard.scores) == 24
    assert not Heard(own, Rank(Query("boats"), listing, shorter)).told
    towers = JudgeChoice(str(write(tmp_path / "tiny-siglip", "siglip").folder), "cpu", "float32")
    load(own, towers, finder=True)
    heard = Heard(own, Rank(Query("red cat"), listing, towers))
    assert heard.told == [PreparedOtherwise(count=24, name="tiny-siglip")]
    assert len(heard.scores) == 24
    assert not heard.of(Failed)
    with sqlite3.connect(own.catalog.path) as db:
        lengths = db.execute("SELECT extractor, length(data), count(*) FROM features GROUP BY 1, 2").fetchall()
    db.close()
    assert [count for _, _, count in lengths] == [24, 24, 24]


@pytest.mark.parametrize("family", ["siglip", "chinese_clip"])
def test_a_model_of_two_towers_prepares_finds_and_sees_no_texts(
    own: Engine, folder: Path, tmp_path: Path, family: str
) -> None:
    (folder / "notes.txt").write_text("red cat")
    towers = JudgeChoice(str(write(tmp_path / "towers", family).folder), "cpu", "float32")
    load(own, towers, finder=True)
    load(own, JUDGE)
    listing = own.list_folder(folder)
    prepared = Heard(own, Prepare(listing, towers)).of(Preparation)[-1]
    assert (prepared.prepared, prepared.total, prepared.failed) == (24, 25, 1)
    heard = Heard(own, Rank(Query("red cat"), listing, JUDGE, finder=towers))
    assert not heard.told, "a text is nothing that is left to prepare"
    count = Heard(own, CountPrepared(listing, towers)).of(Preparation)[-1]
    assert (count.prepared, count.total, count.failed) == (24, 25, 1)
    assert len(heard.judged) == 25, "the text is judged, though it could not be found"
    alone = Heard(own, Rank(Query(images=(folder / "003.png",)), listing, towers))
    assert max(alone.scores, key=lambda row: alone.scores[row]) == listing.names.index("003.png")
    assert len(alone.scores) == 24
    assert len(alone.of(Failed)) == 1


def test_a_reranker_as_a_finder_is_refused_in_one_sentence(engine: Jobs, folder: Path, tmp_path: Path) -> None:
    reranker = tmp_path / "Qwen3-VL-Reranker-tiny"
    shutil.copytree(PARITY / "model", reranker)
    with pytest.raises(ModelNotEmbedder) as refused:
        list(engine.run(LoadJudge(JudgeChoice(str(reranker)), finder=True)))
    assert "a reranker" in str(refused.value)


def test_a_ranking_goes_before_preparing(tmp_path: Path, folder: Path, finder: JudgeChoice) -> None:
    draw(folder, range(24, 400))
    with EngineProcess(tmp_path / "home", workers=1) as engine:
        listing: Listing = engine.list_folder(folder)
        load(engine, finder, finder=True)
        job = engine.start(Prepare(listing, finder, live=True))
        preparing: list[Preparation] = []
        while not any(each.prepared for each in preparing):
            preparing += [each for _, each in engine.receive(1.0) if isinstance(each, Preparation)]
        ranking = engine.start(Rank(Query(images=(folder / "001.png",)), listing, live=True))
        waited, settled = False, False
        while not settled:
            for number, event in engine.receive(1.0):
                if number == job and isinstance(event, Preparation):
                    waited |= event.waiting
                settled |= number == ranking and isinstance(event, Settled)
        assert waited
        done = 0
        while done < 400:
            done = max([done, *(each.prepared for _, each in engine.receive(1.0) if isinstance(each, Preparation))])


def test_a_question_is_not_encoded_after_what_another_folder_has_waiting(
    own: Engine, folder: Path, tmp_path: Path, finder: JudgeChoice
) -> None:
    load(own, finder, finder=True)
    listing, other = own.list_folder(folder), own.list_folder(draw(tmp_path / "others", range(100, 200)))
    Heard(own, Prepare(listing, finder))
    preparing = own.steps(Prepare(other, finder))
    while not (isinstance(event := next(preparing), Preparation) and event.prepared):
        own.answered.wait(0.01)
    ranking = own.steps(Rank(Query("boats"), listing, finder))
    assert next(ranking) is None
    waiting = next(event for event in preparing if isinstance(event, Preparation))
    assert waiting.waiting
    ranking.close()
    preparing.close()


def test_near_duplicates_by_vectors_join_the_stacks(own: Engine, folder: Path, finder: JudgeChoice) -> None:
    picture = Image.open(folder / "003.png").resize((384, 256))
    picture.save(folder / "large.png")
    picture.resize((380, 252), box=(8, 8, 376, 248)).save(folder / "trimmed.jpg", quality=80)
    listing = own.list_folder(folder)
    load(own, finder, finder=True)
    Heard(own, Prepare(listing, finder))
    plain, by_vectors = own.stacks(listing), own.stacks(listing, finder=finder)
    assert (by_vectors == plain).mean() > 0.9
    rows = [listing.names.index(name) for name in ("003.png", "large.png")]
    assert by_vectors[rows[0]] == by_vectors[rows[1]]
