"""What is open and what is asked: one folder and one ranking at a time, through the engine's ends and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import (
    Away,
    Changed,
    Ended,
    Failed,
    FindStacks,
    Gone,
    JudgeChoice,
    Listed,
    Notice,
    Preparation,
    Prepare,
    Progress,
    Query,
    Rank,
    Scan,
    ScanFinished,
    ScanStarted,
    Scored,
    Settled,
    Stacked,
    Staged,
    Understood,
    Unlisted,
)
from core.errors import (
    CatalogReadOnly,
    EngineStopped,
    FileEmpty,
    FolderForbidden,
    FolderMissing,
    JudgeNotLoaded,
    QueryEmpty,
    ReferenceUnreadable,
    ScoreMissing,
)
from desktop.engine_thread import EngineLink
from desktop.session import ASK_AGAIN, Phase, Session

RED, BLUE = Query(text="red"), Query(images=(Path("/q/blue.png"),))
PHOTOS, OTHER = "/photos", "/other"


class Told:
    """What the session said to the window."""

    def __init__(self, session: Session) -> None:
        self.opened: list[str] = []
        self.refused: list[tuple[str, BaseException]] = []
        self.rankings: list[Query] = []
        self.scores: dict[int, float] = {}
        self.failed: dict[int, object] = {}
        self.progress: list[Progress] = []
        self.phases: list[Phase] = []
        self.notices: list[BaseException] = []
        self.unasked: list[BaseException] = []
        self.grown = self.finished = 0
        session.listing_opened.connect(lambda listing: self.opened.append(listing.root))
        session.listing_grew.connect(lambda: setattr(self, "grown", self.grown + 1))
        session.listing_finished.connect(lambda: setattr(self, "finished", self.finished + 1))
        session.folder_refused.connect(lambda folder, error: self.refused.append((folder, error)))
        session.ranking_started.connect(self.rankings.append)
        session.scored.connect(
            lambda rows, scores: self.scores.update(zip(rows.tolist(), scores.tolist(), strict=True))
        )
        session.failed.connect(lambda rows, errors: self.failed.update(zip(rows, errors, strict=True)))
        self.understood: list[Understood] = []
        session.understood.connect(self.understood.append)
        session.progressed.connect(self.progress.append)
        session.phase_changed.connect(self.phases.append)
        session.noticed.connect(self.notices.append)
        session.ranking_refused.connect(self.unasked.append)


@pytest.fixture
def session(link: EngineLink, engine: Any) -> Session:
    engine.folders = {PHOTOS: ["a.jpg", "b.jpg", "c.mp4"], OTHER: ["d.jpg", "e.txt"]}
    return Session(link)


@pytest.fixture
def told(session: Session) -> Told:
    return Told(session)


def open_folder(session: Session, qtbot: Any, folder: str = PHOTOS) -> None:
    session.open_folder(folder)
    qtbot.waitUntil(lambda: session.listing is not None and session.listing.root == folder and session.listing.complete)


def phase(session: Session) -> Phase:
    return session.phase


def ranking(engine: Any, qtbot: Any, count: int) -> Rank:
    """The newest ranking, once there have been so many."""
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) >= count)
    assert len(engine.asked(Rank)) == count
    request: Rank = engine.requests[engine.ranking]
    return request


# --- the folder ----------------------------------------------------------------------------------------


def test_a_folder_is_listed_without_a_query(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    assert told.opened == [PHOTOS]
    assert told.grown == told.finished == 1
    assert session.listing is not None
    assert session.listing.names == ["a.jpg", "b.jpg", "c.mp4"]
    assert phase(session) is Phase.NONE
    assert engine.asked(Rank) == []


def test_another_folder_keeps_the_query_and_asks_again(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    first = ranking(engine, qtbot, 1)
    open_folder(session, qtbot, OTHER)
    second = ranking(engine, qtbot, 2)
    assert (first.query, second.query) == (RED, RED)
    assert second.listing.root == OTHER  # type: ignore[union-attr]
    assert engine.asked(Rank)[0] in engine.cancelled
    assert phase(session) is Phase.RUNNING


def test_a_query_without_a_folder_waits_for_one(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    session.rank(RED)
    assert told.rankings == []
    open_folder(session, qtbot)
    assert ranking(engine, qtbot, 1).query == RED


def test_a_folder_that_is_away_is_refused_and_nothing_is_ranked_in_vain(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    session.rank(RED)
    session.open_folder("/away")
    qtbot.waitUntil(lambda: len(told.refused) == 1)
    assert told.refused == [("/away", FolderMissing(path="/away"))]
    assert phase(session) is Phase.FAILED  # not for ever "running": the engine would wait for the rest of the listing
    qtbot.waitUntil(lambda: set(engine.asked(Rank)) == set(engine.cancelled))
    session.rank(BLUE)  # kept for when the drive is back
    assert phase(session) is Phase.FAILED
    engine.folders["/away"] = ["a.jpg"]
    open_folder(session, qtbot, "/away")
    qtbot.waitUntil(lambda: engine.requests[engine.ranking].query == BLUE)
    assert phase(session) is Phase.RUNNING


def test_an_old_scan_is_not_mixed_into_the_new_one(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    session.open_folder(PHOTOS)
    session.open_folder(OTHER)
    qtbot.waitUntil(lambda: told.finished == 1)
    assert told.opened == [OTHER]
    assert session.listing is not None
    assert session.listing.names == ["d.jpg", "e.txt"]


def test_folders_that_could_not_be_read_are_kept_until_the_next_folder(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    locked = Unlisted(FolderForbidden(path="/photos/locked"))
    empty = engine.folders.pop(PHOTOS)
    assert empty
    engine._scan = lambda number, request: (
        engine.say(number, ScanStarted(request.folder, True, "t"), locked, ScanFinished(0, 0.0)),
        engine.end(number),
    )
    open_folder(session, qtbot)
    assert session.unlisted == [locked]
    session.open_folder(OTHER)
    assert session.unlisted == []


# --- the question --------------------------------------------------------------------------------------


def test_scores_failures_progress_and_notices_are_passed_on(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    read_only = CatalogReadOnly(path="/c")
    engine.understand(("red",), ())
    engine.score({"a.jpg": 0.25, "c.mp4": 0.5})
    engine.refuse({"b.jpg": FileEmpty()})
    engine.say(engine.ranking, Notice(read_only))
    engine.finish()
    qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
    assert told.scores == {0: 0.25, 2: 0.5}
    assert told.failed == session.failures == {1: FileEmpty()}
    assert told.notices == [read_only]
    assert told.understood == [Understood(("red",), ())]
    assert [progress.done for progress in told.progress] == [2]
    assert told.phases == [Phase.NONE, Phase.RUNNING, Phase.FINISHED]


def test_a_new_query_replaces_a_running_one_at_once(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    old = engine.ranking
    session.rank(BLUE)
    assert ranking(engine, qtbot, 2).query == BLUE
    qtbot.waitUntil(lambda: old in engine.cancelled)
    engine.say(old, Scored(np.array([0], np.int32), np.array([0.9], np.float32), False))
    engine.end(old)
    engine.score({"b.jpg": 0.5})
    engine.finish()
    qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
    assert told.scores == {1: 0.5}
    assert session.query == BLUE


def test_a_new_query_forgets_the_failures_of_the_old_one(session: Session, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    engine.refuse({"b.jpg": FileEmpty()})
    qtbot.waitUntil(lambda: bool(session.failures))
    session.rank(BLUE)
    assert session.failures == {}


def test_stopping_keeps_what_is_scored(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    engine.score({"a.jpg": 0.25})
    qtbot.waitUntil(lambda: bool(told.scores))
    session.stop()
    assert phase(session) is Phase.STOPPED
    qtbot.waitUntil(lambda: engine.ranking in engine.cancelled)
    engine.score({"b.jpg": 0.75})
    engine.finish()
    open_folder(session, qtbot, OTHER)  # whatever came meanwhile has been delivered by now
    assert told.scores == {0: 0.25}
    assert Phase.FINISHED not in told.phases


def test_stopping_what_does_not_run_changes_nothing(session: Session, told: Told, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.stop()
    assert told.phases == [Phase.NONE]


def test_clearing_ends_the_ranking_and_the_query(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    session.clear()
    assert session.query is None
    assert phase(session) is Phase.NONE
    open_folder(session, qtbot, OTHER)
    assert len(engine.asked(Rank)) == 1


def test_a_question_that_cannot_be_asked_is_told(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(BLUE)
    ranking(engine, qtbot, 1)
    error = ReferenceUnreadable(path="/q/blue.png", reason=FileEmpty())
    engine.end(engine.ranking, error)
    qtbot.waitUntil(lambda: told.unasked == [error])
    assert phase(session) is Phase.FAILED
    session.rank(RED)
    assert phase(session) is Phase.RUNNING


def test_only_what_is_ranked_now_is_looked_at_first(session: Session, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.look_at([1])
    session.rank(RED)
    session.look_at([2, 0])
    qtbot.waitUntil(lambda: engine.looked_at == [[2, 0]])


def test_a_file_found_unreadable_while_looked_at_is_noted_once(session: Session, told: Told, qtbot: Any) -> None:
    open_folder(session, qtbot)
    with qtbot.waitSignal(session.failed):
        session.note_failure(1, FileEmpty())
    with qtbot.assertNotEmitted(session.failed):
        session.note_failure(1, FileEmpty())
    assert session.failures == {1: FileEmpty()}


# --- the engine's end ----------------------------------------------------------------------------------


def test_a_ranking_broken_off_is_asked_again_by_itself_and_what_is_shown_stays(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    engine.score({"a.jpg": 0.25})
    engine.end(engine.ranking, EngineStopped())
    again = ranking(engine, qtbot, 2)
    assert again.query == RED
    assert told.rankings == [RED]  # not a new one: nothing is cleared, nothing jumps
    assert told.notices == [EngineStopped()]
    assert phase(session) is Phase.RUNNING
    engine.score({"a.jpg": 0.25}, known=True)
    engine.score({"b.jpg": 0.5})
    engine.finish()
    qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
    assert told.scores == {0: 0.25, 1: 0.5}


def test_it_is_asked_again_three_times_and_then_told(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    for count in range(ASK_AGAIN + 1):
        ranking(engine, qtbot, count + 1)
        engine.end(engine.ranking, EngineStopped())
    qtbot.waitUntil(lambda: told.unasked == [EngineStopped()])
    assert told.notices == [EngineStopped()] * ASK_AGAIN
    assert phase(session) is Phase.FAILED
    assert len(engine.asked(Rank)) == ASK_AGAIN + 1
    # The person asks again: it counts anew.
    session.rank(RED)
    ranking(engine, qtbot, ASK_AGAIN + 2)
    engine.end(engine.ranking, EngineStopped())
    ranking(engine, qtbot, ASK_AGAIN + 3)
    assert phase(session) is Phase.RUNNING


def test_ends_that_lie_apart_are_not_added_up(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    for count in range(2 * ASK_AGAIN):
        ranking(engine, qtbot, count + 1)
        engine.say(engine.ranking, Settled())
        qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
        engine.end(engine.ranking, EngineStopped())
    ranking(engine, qtbot, 2 * ASK_AGAIN + 1)
    assert told.unasked == []


def test_a_listing_broken_off_is_begun_again_and_its_query_asked(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    scan, engine._scan = engine._scan, lambda number, request: engine.say(number, ScanStarted(PHOTOS, True, "t"))
    session.rank(RED)
    session.open_folder(PHOTOS)
    ranking(engine, qtbot, 1)
    engine._scan = scan
    # As the service tells it: every job that ran, in the order they were asked.
    engine.end(engine.asked(Scan)[0], EngineStopped())
    engine.end(engine.ranking, EngineStopped())
    ranking(engine, qtbot, 2)
    qtbot.waitUntil(lambda: told.finished == 1)
    assert told.notices == [EngineStopped()]  # one end, told once
    assert session.listing is not None
    assert session.listing.names == ["a.jpg", "b.jpg", "c.mp4"]
    assert told.refused == []


def test_what_is_listed_stays_when_the_engine_ends_however_often(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    session.open_folder(PHOTOS)
    qtbot.waitUntil(lambda: told.finished == 1)
    engine._scan = lambda number, request: None  # it ends before the folder is compared
    for count in range(ASK_AGAIN + 1):
        qtbot.waitUntil(lambda count=count: len(engine.asked(Scan)) == count + 1)
        engine.end(engine.asked(Scan)[-1], EngineStopped())
    qtbot.waitUntil(lambda: told.notices == [EngineStopped()] * (ASK_AGAIN + 1))
    assert told.refused == []
    session.rank(RED)
    ranking(engine, qtbot, 1)


def test_an_engine_that_ends_at_every_listing_is_given_up(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    engine._scan = lambda number, request: engine.end(number, EngineStopped())
    session.open_folder(PHOTOS)
    qtbot.waitUntil(lambda: len(told.refused) == 1)
    assert told.refused == [(PHOTOS, EngineStopped())]
    assert told.notices == [EngineStopped()] * ASK_AGAIN
    assert len(engine.asked(Scan)) == ASK_AGAIN + 1


def test_an_empty_question_refused_by_the_engine_is_told(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(Query(minus="snow"))
    ranking(engine, qtbot, 1)
    engine.end(engine.ranking, QueryEmpty())
    qtbot.waitUntil(lambda: told.unasked == [QueryEmpty()])


def test_a_listing_grows_chunk_by_chunk(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    def chunk(start: int) -> Listed:
        one = np.array([0], np.int64)
        return Listed(start, ["/photos"] if not start else [], np.array([0], np.int32), [f"{start}.jpg"],
                      np.array([0], np.uint8), one, one)  # fmt: skip

    engine._scan = lambda number, request: engine.say(number, ScanStarted(PHOTOS, True, "t"), chunk(0), chunk(1))
    session.open_folder(PHOTOS)
    qtbot.waitUntil(lambda: told.grown == 2)
    assert session.listing is not None
    assert not session.listing.complete
    engine.say(engine.asked(Scan)[-1], chunk(2), ScanFinished(3, 0.1))
    qtbot.waitUntil(lambda: told.finished == 1)
    assert session.listing.names == ["0.jpg", "1.jpg", "2.jpg"]


def test_failed_files_come_with_their_reasons(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    engine.say(engine.ranking, Failed([0], [FileEmpty()]))
    engine.say(engine.ranking, Failed([2], [FileEmpty()]))
    qtbot.waitUntil(lambda: session.failures == {0: FileEmpty(), 2: FileEmpty()})


def test_a_folder_that_was_listed_is_gone_on_with_and_keeps_its_rows(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    open_folder(session, qtbot)
    scan, listing = engine.asked(Scan)[0], session.listing
    engine._scan = lambda number, request: engine.say(number, ScanStarted(PHOTOS, True, request.listing.token))
    engine.end(scan, EngineStopped())
    qtbot.waitUntil(lambda: len(engine.asked(Scan)) == 2)
    assert engine.requests[engine.asked(Scan)[1]].listing is listing
    engine.finds(PHOTOS, ["d.jpg"], 3)
    qtbot.waitUntil(lambda: session.listing is not None and len(session.listing) == 4)
    assert session.listing is listing
    assert told.opened == [PHOTOS]
    assert told.notices == [EngineStopped()]


# --- files that come, change and go ----------------------------------------------------------------------


def test_what_becomes_of_files_is_taken_in_and_judged(session: Session, told: Told, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    engine.score({"a.jpg": 0.25, "b.jpg": 0.5})
    engine.refuse({"c.mp4": FileEmpty()})
    engine.say(engine.ranking, Progress(3, 3, 1, 0.0, None), Settled())
    qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
    changed = Changed(np.array([2], np.int32), np.array([9], np.int64), np.array([10], np.int64))
    with qtbot.waitSignals([session.listing_changed] * 2):
        engine.happens(changed, Gone(np.array([0], np.int32)))
    listing = session.listing
    assert listing is not None
    assert listing.gone.tolist() == [True, False, False]
    assert (listing.sizes[2], listing.mtimes[2]) == (9, 10)
    assert session.failures == {}
    engine.say(engine.ranking, Progress(1, 2, 0, 0.0, None))
    qtbot.waitUntil(lambda: phase(session) is Phase.RUNNING)
    engine.score({"c.mp4": 0.75})
    engine.say(engine.ranking, Progress(2, 2, 0, 0.0, None), Settled())
    qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
    assert told.scores[2] == 0.75
    assert told.rankings == [RED]


def test_a_folder_that_is_away_is_told_and_so_is_its_return(session: Session, engine: Any, qtbot: Any) -> None:
    open_folder(session, qtbot)
    for away in (True, False):
        with qtbot.waitSignal(session.away_changed) as told:
            engine.happens(Away(away))
        assert told.args == [away]
        assert session.away is away


def test_duplicates_are_looked_for_once_the_folder_is_listed(session: Session, engine: Any, qtbot: Any) -> None:
    with qtbot.waitSignal(session.stacked, timeout=5000) as told:
        open_folder(session, qtbot)
        qtbot.waitUntil(lambda: len(engine.asked(FindStacks)) == 1, timeout=4000)
        engine.say(engine.asked(FindStacks)[0], Stacked(np.array([0, 0, 2], np.int32)), Ended())
    assert told.args[0].tolist() == [0, 0, 2]


# --- find, then judge ----------------------------------------------------------------------------------

FINDER, JUDGE = JudgeChoice("SigLIP2"), JudgeChoice("2B")


def test_the_finder_and_the_judges_time_go_with_the_question(session: Session, engine: Any, qtbot: Any) -> None:
    session.finder, session.judge, session.judge_seconds = FINDER, JUDGE, 5.0
    open_folder(session, qtbot)
    session.rank(RED)
    request = ranking(engine, qtbot, 1)
    assert (request.finder, request.judge, request.judge_seconds) == (FINDER, JUDGE, 5.0)


def test_what_is_found_is_told_apart_from_what_is_judged_and_how_far_both_are(
    session: Session, engine: Any, qtbot: Any
) -> None:
    judged: list[bool] = []
    stages: list[Staged] = []
    session.scored.connect(lambda _rows, _scores, by_judge: judged.append(by_judge))
    session.staged.connect(stages.append)
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    rows, scores = np.array([0], np.int32), np.array([0.5], np.float32)
    engine.say(engine.ranking, Scored(rows, scores, False, judged=False))
    qtbot.waitUntil(lambda: judged == [False])
    engine.say(engine.ranking, Scored(rows, scores, False))
    qtbot.waitUntil(lambda: judged == [False, True])
    stage = Staged("SigLIP 2", 3, 1, 3, 2.0, True, 1.0, 1.0, False)
    engine.say(engine.ranking, stage)
    qtbot.waitUntil(lambda: stages == [stage])


def test_judging_on_asks_the_same_again_and_keeps_what_is_shown(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    session.finder, session.judge, session.judge_seconds = FINDER, JUDGE, 5.0
    open_folder(session, qtbot)
    session.rank(RED)
    ranking(engine, qtbot, 1)
    engine.say(engine.ranking, Settled())
    qtbot.waitUntil(lambda: phase(session) is Phase.FINISHED)
    session.judge_on(None)
    assert ranking(engine, qtbot, 2).judge_seconds is None
    assert phase(session) is Phase.RUNNING
    assert told.rankings == [RED]  # not a new question: the window clears for those
    engine.end(engine.ranking, EngineStopped())
    assert ranking(engine, qtbot, 3).judge_seconds is None  # as it was asked last


def test_preparing_tells_how_far_it_is_and_what_cannot_be_read(
    session: Session, told: Told, engine: Any, qtbot: Any
) -> None:
    prepared: list[Preparation] = []
    session.prepared.connect(prepared.append)
    session.finder = FINDER
    session.prepare()
    assert not session.preparing  # no folder yet
    open_folder(session, qtbot)
    session.prepare()
    qtbot.waitUntil(lambda: len(engine.asked(Prepare)) == 1)
    (job,) = engine.asked(Prepare)
    assert (engine.requests[job].finder, engine.requests[job].live, session.preparing) == (FINDER, True, True)
    engine.say(job, Preparation(1, 3, 1), Failed([1, 2], [FileEmpty(), ScoreMissing(reason="it sees pictures only")]))
    qtbot.waitUntil(lambda: prepared == [Preparation(1, 3, 1)] and told.failed == {1: FileEmpty()})
    open_folder(session, qtbot, OTHER)
    assert not session.preparing
    assert job in engine.cancelled


def test_preparing_goes_on_after_the_engine_ended_and_else_says_why_not(
    session: Session, engine: Any, qtbot: Any
) -> None:
    refused: list[BaseException] = []
    session.preparing_refused.connect(refused.append)
    session.finder = FINDER
    open_folder(session, qtbot)
    session.prepare()
    qtbot.waitUntil(lambda: len(engine.asked(Prepare)) == 1)
    engine.end(engine.asked(Prepare)[-1], EngineStopped())
    qtbot.waitUntil(lambda: len(engine.asked(Prepare)) == 2)
    assert session.preparing
    engine.end(engine.asked(Prepare)[-1], JudgeNotLoaded(name="SigLIP2"))
    qtbot.waitUntil(lambda: refused == [JudgeNotLoaded(name="SigLIP2")])
    assert not session.preparing
