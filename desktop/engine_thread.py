"""The background thread that runs every job of the engine, and the GUI thread's handle on it.

The thread knows only the courier's interface: whether the engine lives in a process of its own (the program) or is
a stand-in (tests) makes no difference to it. It emits what the jobs yield at most 30 times a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, QThread, QTimer, Signal, Slot

from core import Ended, Event, Listing, Preparation, Progress, Request, Scored, Staged

EMIT_SECONDS = 1 / 30
IDLE_SECONDS = 5.0

Message = tuple[int, Event | Ended]


class Courier(Protocol):
    """What carries requests to an engine and events back; `core.EngineProcess` is one."""

    def start(self, request: Request) -> int: ...
    def cancel(self, number: int) -> None: ...
    def look_at(self, listing: Listing, rows: Sequence[int]) -> None: ...
    def receive(self, timeout: float) -> list[Message]: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Reply:
    """Who is told of a job's events. Each is called on the GUI thread, never after the job was cancelled."""

    event: Callable[[Event], object]
    end: Callable[[], object] | None = None
    error: Callable[[BaseException], object] | None = None


class EngineLink(QObject):
    """The engine as the window sees it: run a request, get its events as calls on the GUI thread."""

    produced = Signal(object)
    """list[Message], emitted by the thread, received here on the GUI thread. As an object: Qt would convert a list,
    and lose the bytes of file names that are not Unicode."""
    engine_failed = Signal(object)
    """An exception that ended the thread itself: the engine could not be started. Every job is told too."""
    thread_failed = Signal(object)
    """The same as the thread emits it; passed on from the event loop, so that who connects a little later hears it."""

    def __init__(self, open_courier: Callable[[], Courier], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._replies: dict[int, Reply] = {}
        self._next_job = 1
        self._failure: BaseException | None = None
        self._thread = _EngineThread(open_courier, self)
        self.produced.connect(self._deliver)
        self.thread_failed.connect(self._fail)
        self._thread.start()

    def run(
        self,
        request: Request,
        on_event: Callable[[Event], object],
        on_end: Callable[[], object] | None = None,
        on_error: Callable[[BaseException], object] | None = None,
    ) -> int:
        """Start a request; returns the job's number. Either `on_end` or `on_error` is the last call."""
        job, self._next_job = self._next_job, self._next_job + 1
        self._replies[job] = Reply(on_event, on_end, on_error)
        if self._failure is not None:
            QTimer.singleShot(0, self, self._end_all)
        self._thread.order(("start", job, request))
        return job

    def cancel(self, job: int) -> None:
        """Nothing more is heard of the job, from this moment."""
        if self._replies.pop(job, None):
            self._thread.order(("cancel", job))

    def look_at(self, listing: Listing, rows: Sequence[int]) -> None:
        """Say which rows are on the screen: a ranking takes them first."""
        self._thread.order(("look", listing, rows))

    def close(self) -> None:
        """End the engine and wait for its thread."""
        self._replies.clear()
        self._thread.order(("close",))
        self._thread.wait(10_000)

    @Slot(object)
    def _deliver(self, messages: list[Message]) -> None:
        for place, (job, event) in enumerate(messages):
            try:
                self._tell(job, event)
            except BaseException:
                # A fault of one listener is shown as such; the others still hear theirs.
                self._deliver(messages[place + 1 :])
                raise

    def _tell(self, job: int, event: Event | Ended) -> None:
        reply = self._replies.get(job)
        if reply is None:
            return  # of a job cancelled meanwhile
        if not isinstance(event, Ended):
            reply.event(event)
            return
        del self._replies[job]
        if event.error is None:
            if reply.end:
                reply.end()
        elif reply.error:
            reply.error(event.error)
        else:
            raise event.error

    @Slot(object)
    def _fail(self, error: BaseException) -> None:
        self._failure = error
        self._end_all()
        self.engine_failed.emit(error)

    def _end_all(self) -> None:
        self._deliver([(job, Ended(self._failure)) for job in self._replies])


class _EngineThread(QThread):
    """Carries orders to the engine and events back. Its signals live on the link, on the GUI thread."""

    def __init__(self, open_courier: Callable[[], Courier], link: EngineLink) -> None:
        super().__init__(link)
        self.setObjectName("engine")
        self._open_courier = open_courier
        self._link = link
        self._orders: deque[tuple[object, ...]] = deque()
        self._courier: Courier | None = None

    def order(self, order: tuple[object, ...]) -> None:
        self._orders.append(order)
        courier = self._courier  # the thread may let go of it meanwhile
        if courier is not None:
            courier.wake()

    def run(self) -> None:
        try:
            courier = self._courier = self._open_courier()
            try:
                self._carry(courier)
            finally:
                self._courier = None
                courier.close()
        except Exception as error:  # shown as what it is by whoever listens
            self._link.thread_failed.emit(error)

    def _carry(self, courier: Courier) -> None:
        """Until the order to close."""
        numbers: dict[int, int] = {}  # ours -> the courier's
        jobs: dict[int, int] = {}  # and back
        pending: list[Message] = []
        emitted = 0.0
        while True:
            while self._orders:
                match self._orders.popleft():
                    case ("start", int(job), request):
                        number = courier.start(request)  # type: ignore[arg-type]
                        numbers[job], jobs[number] = number, job
                    case ("cancel", int(job)) if job in numbers:
                        courier.cancel(numbers[job])
                    case ("look", Listing() as listing, rows):
                        courier.look_at(listing, rows)  # type: ignore[arg-type]
                    case ("close",):
                        return
            due = emitted + EMIT_SECONDS - time.monotonic()
            messages = courier.receive(max(due, 0.0) if pending else IDLE_SECONDS)
            for number, event in messages:
                if number in jobs:
                    pending.append((jobs[number], event))
                    if isinstance(event, Ended):
                        del numbers[jobs.pop(number)]
            if pending and time.monotonic() >= emitted + EMIT_SECONDS:
                self._link.produced.emit(merged(pending))
                pending, emitted = [], time.monotonic()


STATES = Progress | Staged | Preparation
"""What tells how things stand: of several only the newest counts."""


def merged(messages: Sequence[Message]) -> list[Message]:
    """The messages with neighbouring scores of a job joined and only its newest states kept, order otherwise same."""
    result: list[Message] = []
    newest = {(job, type(event)): index for index, (job, event) in enumerate(messages) if isinstance(event, STATES)}
    for index, (job, event) in enumerate(messages):
        if isinstance(event, STATES) and newest[job, type(event)] != index:
            continue
        if isinstance(event, Scored) and result:
            before_job, before = result[-1]
            if before_job == job and isinstance(before, Scored) and _alike(before, event):
                rows = np.concatenate([before.rows, event.rows])
                scores = np.concatenate([before.scores, event.scores])
                result[-1] = job, Scored(rows, scores, event.known, event.judged)
                continue
        result.append((job, event))
    return result


def _alike(one: Scored, other: Scored) -> bool:
    return (one.known, one.judged) == (other.known, other.judged)
