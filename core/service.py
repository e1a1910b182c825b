"""The engine in a process of its own: requests go in, events come out, both over one pipe.

Why a process: a driver or decoder that crashes, a model that runs out of memory, or Python code that holds the
interpreter lock must not take the window with it or make it stutter. If the process ends unexpectedly, it is
started again; jobs that ran are told by EngineStopped and can be asked again, and lose nothing that was committed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any

from core.errors import EngineStopped, SemblanceError
from core.jobs import (
    Adopt,
    CountPrepared,
    Event,
    Explain,
    FindStacks,
    Jobs,
    MakeThumbnails,
    Prepare,
    Rank,
    Request,
    Scan,
    ScanStarted,
)
from core.media import Listing

if TYPE_CHECKING:
    from core.engine import Engine

SLICE_SECONDS = (0.04, 0.02, 0.01, 0.005)
"""How long a job is stepped, by its priority, before the next has its turn. Every job has one in each round."""
RESTARTS, RESTART_SECONDS = 5, 60.0
"""More unexpected ends than this in this time: it is not restarted again."""
_ON_LISTINGS = (Rank, Prepare, CountPrepared, MakeThumbnails, Explain, FindStacks, Scan)


# --- messages ----------------------------------------------------------------------------------------
# To the engine: ("start", job, Request), ("cancel", job), ("look", token, rows), ("quit",).
# From it: (job, Event), then one (job, Ended).


@dataclass(frozen=True)
class Ended:
    """The last message of a job: `error` says why if it did not simply finish."""

    error: BaseException | None = None


Message = tuple[int, Event | Ended]


# --- the engine's process ----------------------------------------------------------------------------


def serve(connection: Connection[Any, Any], home: str | None, workers: int | None, time_limit: float) -> None:
    """The engine's process: runs until the connection closes."""
    from core.engine import Engine  # heavy: SQLite's library, the decoding pool, the judges

    # Ctrl+C in the terminal reaches every process of its group; the window decides when to stop.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        engine = Engine(home, workers=workers, time_limit=time_limit)
    except SemblanceError as error:
        with contextlib.suppress(OSError):
            connection.send((0, Ended(error)))
        return
    with engine:
        server = _Server(connection, engine)
        # Asked to end (a logout, a polite kill): keep what was judged, then go.
        signal.signal(signal.SIGTERM, lambda *_: server.quit())
        server.serve()
    # All is closed. Taking down an interpreter that has loaded torch takes seconds, for nothing.
    os._exit(0)


@dataclass
class _Job:
    number: int
    priority: int
    steps: Generator[Event | None, None, None]
    waiting: bool = False
    """It can do nothing until something is answered."""
    served: bool = False
    """It has had its turn in this round."""


class _Server:
    """Steps the jobs in turn: the most urgent that can go on, a slice at a time."""

    def __init__(self, connection: Connection[Any, Any], engine: Engine) -> None:
        self._connection = connection
        self._engine = engine
        self._inbox: deque[tuple[Any, ...]] = deque()
        self._jobs: list[_Job] = []

    def serve(self) -> None:
        threading.Thread(target=self._receive, name="requests", daemon=True).start()
        while self._take_requests():
            if self._engine.answered.is_set():
                self._engine.answered.clear()
                for waiting in self._jobs:
                    waiting.waiting = False
            if job := self._next_job():
                self._step(job)
            elif not self._inbox and not self._engine.answered.wait(0.2):
                self._engine.answered.set()  # look after all of them now and then, answered or not

    def quit(self) -> None:
        """End the loop at the next turn. From any thread or a signal handler."""
        self._inbox.append(("quit",))
        self._engine.answered.set()

    def _receive(self) -> None:
        """In a thread of its own: requests must be heard while a job runs."""
        try:
            while True:
                self._inbox.append(self._connection.recv())
                self._engine.answered.set()
        except (EOFError, OSError):
            # The window is gone, perhaps killed. End at once if the loop doesn't: nothing must stay behind.
            self.quit()
            time.sleep(3)
            os._exit(0)

    def _take_requests(self) -> bool:
        """Act on what came in; False when it is time to quit."""
        while self._inbox:
            match self._inbox.popleft():
                case ("start", number, request):
                    try:
                        steps = self._engine.steps(request)
                    except Exception as error:
                        self._end(number, error)
                        continue
                    self._jobs.append(_Job(number, request.priority, steps))
                    self._jobs.sort(key=lambda job: job.priority)
                case ("cancel", number):
                    for job in [job for job in self._jobs if job.number == number]:
                        self._jobs.remove(job)
                        job.steps.close()
                        self._end(number, None)
                case ("look", token, rows):
                    self._engine.look_at(token, rows)
                case ("quit",):
                    for job in self._jobs:
                        with contextlib.suppress(Exception):
                            job.steps.close()
                    return False
        return True

    def _next_job(self) -> _Job | None:
        """The most urgent job that can go on and has not had its turn in this round."""
        able = [job for job in self._jobs if not job.waiting]
        if able and all(job.served for job in able):
            for job in self._jobs:
                job.served = False
        return next((job for job in able if not job.served), None)

    def _step(self, job: _Job) -> None:
        job.served = True
        deadline = time.monotonic() + SLICE_SECONDS[job.priority]
        try:
            while time.monotonic() < deadline:
                event = next(job.steps)
                if event is None:
                    job.waiting = True
                    return
                self._connection.send((job.number, event))
        except StopIteration:
            self._jobs.remove(job)
            self._end(job.number, None)
        except (BrokenPipeError, ConnectionError):
            self.quit()
        except Exception as error:
            self._jobs.remove(job)
            self._end(job.number, error)

    def _end(self, number: int, error: BaseException | None) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionError):
            try:
                self._connection.send((number, Ended(error)))
            except (TypeError, AttributeError, ValueError):  # an exception that can't be pickled
                self._connection.send((number, Ended(RuntimeError(repr(error)))))


# --- the client --------------------------------------------------------------------------------------


class EngineProcess(Jobs):
    """The engine in another process, with the methods of Engine. Requests may come from several threads."""

    def __init__(
        self, home: str | os.PathLike[str] | None = None, *, workers: int | None = None, time_limit: float = 20.0
    ) -> None:
        self._arguments = (os.fspath(home) if home else None, workers, time_limit)
        self._context = multiprocessing.get_context("spawn")
        self._lock = threading.RLock()
        self._next_number = 1
        self._running: set[int] = set()
        self._unheard: set[int] = set()  # cancelled, and nobody listens any more
        self._tokens: set[str] = set()
        self._backlog: list[Message] = []  # of jobs whose turn to be heard is yet to come
        self._ends: deque[float] = deque(maxlen=RESTARTS)
        self._closed = False
        self._woken, self._waker = self._context.Pipe(duplex=False)
        self.broken: BaseException | None = None
        """Why the engine can't be used, if it ended for good."""
        self._spawn()

    def _spawn(self) -> None:
        ours, theirs = self._context.Pipe()
        # Not a daemon: it has children of its own, the decoding workers.
        self._process = self._context.Process(target=serve, args=(theirs, *self._arguments), name="semblance-engine")
        self._process.start()
        theirs.close()
        self.connection = ours
        self._tokens.clear()

    @property
    def process_id(self) -> int:
        return self._process.pid or 0

    def start(self, request: Request) -> int:
        """Send a request; its events carry the number returned."""
        with self._lock:
            number, self._next_number = self._next_number, self._next_number + 1
            if self.broken:
                self._backlog.append((number, Ended(self.broken)))
                self.wake()
                return number
            self._running.add(number)
            if isinstance(request, _ON_LISTINGS) and isinstance(request.listing, Listing):
                request = replace(request, listing=self._shared(request.listing))
            self._send(("start", number, request))
            return number

    def _shared(self, listing: Listing) -> str:
        """The token of a listing that the engine surely has: one that was started again is given it anew."""
        if listing.token not in self._tokens:
            self._send(("start", 0, Adopt(listing)))
            self._tokens.add(listing.token)
        return listing.token

    def cancel(self, number: int) -> None:
        with self._lock:
            if number in self._running:
                self._send(("cancel", number))

    def look_at(self, listing: Listing, rows: Sequence[int]) -> None:
        with self._lock:
            self._send(("look", listing.token, list(rows)))

    def _send(self, message: tuple[Any, ...]) -> None:
        # If the engine has just ended, `receive` will say so of every running job.
        with contextlib.suppress(OSError):
            self.connection.send(message)

    def wake(self) -> None:
        """Make a `receive` that waits return now. From any thread."""
        with contextlib.suppress(OSError):
            self._waker.send_bytes(b"w")

    def receive(self, timeout: float) -> list[Message]:
        """The messages there are, waiting at most `timeout` seconds for the first. One thread at a time."""
        kept, self._backlog = self._backlog, []
        return kept + self._read(0 if kept else timeout)

    def _read(self, timeout: float) -> list[Message]:
        messages: list[Message] = []
        try:
            wait([self._woken] if self.broken else [self.connection, self._woken], timeout)
            while self._woken.poll(0):
                self._woken.recv_bytes()
            while not self.broken and self.connection.poll(0) and len(messages) < 256:
                number, event = self.connection.recv()
                if number == 0:  # of the process itself, not of a job: it could not start, or took over a listing
                    if event.error:
                        self.broken = event.error
                        messages += self._after_an_end()
                    continue
                if isinstance(event, Ended):
                    self._running.discard(number)
                elif isinstance(event, ScanStarted):
                    self._tokens.add(event.token)
                if number not in self._unheard:
                    messages.append((number, event))
                elif isinstance(event, Ended):
                    self._unheard.discard(number)
        except (EOFError, OSError):
            messages += self._after_an_end()
        return messages

    def _after_an_end(self) -> list[Message]:
        with self._lock:
            running, self._running = sorted(self._running - self._unheard), set()
            self._unheard.clear()
            if self._closed:
                return []
            self._process.join(1)
            now = time.monotonic()
            self._ends.append(now)
            error: BaseException = self.broken or EngineStopped()
            if len(self._ends) == RESTARTS and now - self._ends[0] < RESTART_SECONDS:
                self.broken = error
            self.connection.close()
            if self.broken is None:
                self._spawn()
            return [(number, Ended(error)) for number in running]

    def run(self, request: Request) -> Iterator[Event]:
        if self.broken:
            raise self.broken
        number = self.start(request)
        ended = False
        try:
            while not ended:
                for event in self._receive_of(number, 0.5):
                    if isinstance(event, Ended):
                        ended = True
                        if event.error:
                            raise event.error
                    else:
                        yield event
        finally:
            if not ended:
                self._unheard.add(number)
                self.cancel(number)

    def _receive_of(self, number: int, timeout: float) -> list[Event | Ended]:
        """The messages of one job; those of others are kept for whoever asks for them."""
        if not any(owner == number for owner, _ in self._backlog):
            self._backlog += self._read(timeout)
        mine = [event for owner, event in self._backlog if owner == number]
        self._backlog = [message for message in self._backlog if message[0] != number]
        return mine

    def close(self) -> None:
        """End the engine's process and give all its memory back."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._send(("quit",))
        self._process.join(2)
        if self._process.is_alive():
            self._process.kill()
            self._process.join(2)
        self.connection.close()
        self._woken.close()
        self._waker.close()
