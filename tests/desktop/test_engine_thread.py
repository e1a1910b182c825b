"""The background thread: what it carries between the engine and the window, how often, and how it ends."""

from __future__ import annotations

import itertools
import threading
import time
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, Qt, QThread
from pytestqt.exceptions import capture_exceptions

from core import Ended, Failed, Listing, Progress, Query, Rank, Scan, ScanFinished, Scored
from core.errors import CatalogNewer, FileEmpty, FolderMissing
from desktop.engine_thread import EMIT_SECONDS, EngineLink, Message, merged

SCAN = Scan("/photos")


class Heard:
    """Everything that one job's listener was told."""

    def __init__(self, link: EngineLink, request: Any = SCAN) -> None:
        self.events: list[object] = []
        self.ends = 0
        self.errors: list[BaseException] = []
        self.threads: set[QThread] = set()
        self.job = link.run(request, self._hear, self._end, self.errors.append)

    def _hear(self, event: object) -> None:
        self.threads.add(QThread.currentThread())
        self.events.append(event)

    def _end(self) -> None:
        self.ends += 1


def scored(*rows: int, known: bool = False) -> Scored:
    return Scored(np.array(rows, np.int32), np.array(rows, np.float32) / np.float32(1000), known)


def gui_thread() -> QThread:
    app = QCoreApplication.instance()
    assert app is not None
    return app.thread()


def started(qtbot: Any, engine: Any, count: int = 1) -> int:
    """Waits until the engine has been asked for so much; the number of the newest."""
    qtbot.waitUntil(lambda: len(engine.requests) >= count)
    return count


# --- carrying ----------------------------------------------------------------------------------------


def test_events_arrive_in_order_on_the_gui_thread_and_the_end_once(link: EngineLink, engine: Any, qtbot: Any) -> None:
    heard = Heard(link)
    number = started(qtbot, engine)
    assert engine.requests[number] == SCAN
    engine.folders = {}
    events = [ScanFinished(index, 0.0) for index in range(5)]
    other = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    ranking = started(qtbot, engine, 2)
    engine.say(ranking, *events)
    engine.end(ranking)
    engine.end(ranking)  # an engine that repeats itself is heard once
    qtbot.waitUntil(lambda: other.ends == 1)
    assert other.events == events
    assert other.threads == {gui_thread()}
    assert other.errors == []
    qtbot.waitUntil(lambda: len(heard.errors) == 1)  # the played engine knows no folder
    assert heard.errors == [FolderMissing(path="/photos")]
    assert heard.ends == 0


def test_the_thread_is_not_the_gui_thread(link: EngineLink, engine: Any, qtbot: Any) -> None:
    threads: list[object] = []
    receive = engine.receive

    def noting(timeout: float) -> list[Message]:
        threads.append(QThread.currentThread())
        messages: list[Message] = receive(timeout)
        return messages

    engine.receive = noting
    Heard(link)
    qtbot.waitUntil(lambda: len(threads) > 0)
    assert gui_thread() not in threads


def test_what_is_looked_at_is_passed_on(link: EngineLink, engine: Any, qtbot: Any) -> None:
    link.look_at(Listing("/photos"), [3, 1])
    qtbot.waitUntil(lambda: engine.looked_at == [[3, 1]])


def test_a_flood_is_emitted_thirty_times_a_second_and_loses_nothing(link: EngineLink, engine: Any, qtbot: Any) -> None:
    emitted: list[float] = []
    # On the thread itself: when it emits, not when the window finds time.
    link.produced.connect(lambda _: emitted.append(time.monotonic()), Qt.ConnectionType.DirectConnection)
    heard = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    number = started(qtbot, engine)
    rows = 1200

    def flood() -> None:
        for row in range(rows):
            engine.say(number, scored(row), Progress(row + 1, rows, 0, 1.0, None))
            time.sleep(0.0004)
        engine.end(number)

    flooder = threading.Thread(target=flood)
    flooder.start()
    qtbot.waitUntil(lambda: heard.ends == 1, timeout=20_000)
    flooder.join()
    gaps = [later - earlier for earlier, later in itertools.pairwise(emitted)]
    assert len(gaps) > 5
    assert min(gaps) > EMIT_SECONDS - 0.002
    got = [event for event in heard.events if isinstance(event, Scored)]
    assert np.concatenate([event.rows for event in got]).tolist() == list(range(rows))
    progress = [event.done for event in heard.events if isinstance(event, Progress)]
    assert progress[-1] == rows
    assert len(progress) <= len(emitted)  # one for each emission: the newest


def test_a_fault_in_one_listener_does_not_silence_the_next_job(link: EngineLink, engine: Any, qtbot: Any) -> None:
    def stumble(_: object) -> None:
        raise ZeroDivisionError

    link.run(Rank(Query(text="red"), Listing("/photos")), stumble)
    number = started(qtbot, engine)
    heard = Heard(link, Rank(Query(text="blue"), Listing("/photos")))
    other = started(qtbot, engine, 2)
    with capture_exceptions() as faults:  # which pytest-qt would fail the test for
        engine.say(number, scored(1))
        qtbot.waitUntil(lambda: len(faults) == 1)
        engine.say(other, scored(1))
        engine.end(other)
        qtbot.waitUntil(lambda: heard.ends == 1)
    assert len(heard.events) == 1


# --- cancelling --------------------------------------------------------------------------------------


def test_a_cancelled_job_is_never_heard_again_not_even_what_is_in_flight(
    link: EngineLink, engine: Any, qtbot: Any
) -> None:
    emitted = threading.Event()
    link.produced.connect(lambda _: emitted.set(), Qt.ConnectionType.DirectConnection)
    heard = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    number = started(qtbot, engine)
    engine.say(number, scored(1), Failed([2], [FileEmpty()]))
    assert emitted.wait(5)  # it left the thread; the GUI thread has not run since
    link.cancel(heard.job)
    qtbot.waitUntil(lambda: engine.cancelled == [number])
    # The engine ends what was cancelled, and may have had more to say.
    engine.say(number, scored(3))
    engine.end(number)
    other = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    started(qtbot, engine, 2)
    engine.end(2)
    qtbot.waitUntil(lambda: other.ends == 1)
    assert heard.events == []
    assert heard.ends == 0
    assert heard.errors == []


def test_cancelling_twice_or_what_has_ended_is_no_harm(link: EngineLink, engine: Any, qtbot: Any) -> None:
    heard = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    started(qtbot, engine)
    engine.end(1)
    qtbot.waitUntil(lambda: heard.ends == 1)
    link.cancel(heard.job)
    link.cancel(12345)
    again = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    started(qtbot, engine, 2)
    link.cancel(again.job)
    link.cancel(again.job)
    qtbot.waitUntil(lambda: engine.cancelled == [2])


# --- ending ------------------------------------------------------------------------------------------


def test_closing_an_idle_engine_is_quick(qapp: Any, engine: Any, qtbot: Any) -> None:
    link = EngineLink(lambda: engine)
    Heard(link)
    started(qtbot, engine)
    begun = time.monotonic()
    link.close()
    assert time.monotonic() - begun < 1  # it was waiting for messages, for seconds
    assert engine.closed
    link.close()


def test_closing_a_busy_engine_is_quick_and_nothing_is_heard_after(qapp: Any, engine: Any, qtbot: Any) -> None:
    link = EngineLink(lambda: engine)
    heard = Heard(link, Rank(Query(text="red"), Listing("/photos")))
    started(qtbot, engine)
    stop = threading.Event()

    def flood() -> None:
        while not stop.is_set():
            engine.say(1, scored(1))
            time.sleep(0.0005)

    flooder = threading.Thread(target=flood)
    flooder.start()
    qtbot.waitUntil(lambda: len(heard.events) > 1)
    begun = time.monotonic()
    link.close()
    took = time.monotonic() - begun
    stop.set()
    flooder.join()
    before = len(heard.events)
    QCoreApplication.processEvents()
    assert took < 1
    assert len(heard.events) == before


def test_an_engine_that_cannot_be_opened_is_told_to_who_listens_later_and_to_every_job(qapp: Any, qtbot: Any) -> None:
    def refuse() -> Any:
        raise CatalogNewer(path="/c")

    link = EngineLink(refuse)
    before = Heard(link)
    time.sleep(0.05)  # the thread has long failed by now; nobody has listened yet
    told: list[BaseException] = []
    link.engine_failed.connect(told.append)
    qtbot.waitUntil(lambda: told == [CatalogNewer(path="/c")])
    assert before.errors == [CatalogNewer(path="/c")]
    after = Heard(link)
    qtbot.waitUntil(lambda: after.errors == [CatalogNewer(path="/c")])
    link.close()


def test_an_engine_that_breaks_in_the_middle_is_closed_and_told(qapp: Any, engine: Any, qtbot: Any) -> None:
    link = EngineLink(lambda: engine)
    told: list[BaseException] = []
    link.engine_failed.connect(told.append)

    def broken(_: float) -> list[Message]:
        raise OSError(5, "no pipe")

    engine.receive = broken
    heard = Heard(link)
    qtbot.waitUntil(lambda: len(told) == 1)
    assert isinstance(told[0], OSError)
    assert heard.errors == told
    assert engine.closed
    link.close()


# --- merging -----------------------------------------------------------------------------------------

jobs = st.integers(1, 3)
events = st.one_of(
    st.builds(lambda rows, known: scored(*rows, known=known), st.lists(st.integers(0, 50), min_size=1), st.booleans()),
    st.builds(lambda done: Progress(done, 100, 0, 1.0, None), st.integers(0, 100)),
    st.builds(lambda row: Failed([row], [FileEmpty()]), st.integers(0, 50)),
    st.builds(Ended),
)


@given(st.lists(st.tuples(jobs, events), max_size=40))
def test_merging_loses_nothing_keeps_the_order_and_only_the_newest_progress(messages: list[Message]) -> None:
    result = merged(messages)
    assert flat(result) == flat(messages)
    for job in {job for job, _ in messages}:
        before = [event for other, event in messages if other == job and isinstance(event, Progress)]
        after = [event for other, event in result if other == job and isinstance(event, Progress)]
        assert after == before[-1:]
    for (job, event), (next_job, next_event) in itertools.pairwise(result):
        joined = isinstance(event, Scored) and isinstance(next_event, Scored)
        assert not (joined and job == next_job and event.known == next_event.known)  # type: ignore[union-attr]


def flat(messages: list[Message]) -> list[tuple[object, ...]]:
    """Every fact but progress, one by one, in order."""
    facts: list[tuple[object, ...]] = []
    for job, event in messages:
        if isinstance(event, Scored):
            facts += [(job, row, score, event.known) for row, score in zip(event.rows, event.scores, strict=True)]
        elif not isinstance(event, Progress):
            facts.append((job, id(event)))
    return facts


def test_a_flood_of_scores_becomes_one_event() -> None:
    messages: list[Message] = [(1, scored(row)) for row in range(256)]
    assert [event.rows.tolist() for _, event in merged(messages)] == [list(range(256))]  # type: ignore[union-attr]
