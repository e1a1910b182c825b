"""How decoding runs beside the program: worker processes, a time limit for each file, crashes that cost one file.

Each worker is a pebble pool of one. In a pebble pool of several, the workers share one pipe and its locks: a worker
that is killed while it sends a result leaves the lock taken and the others stuck, and one that is killed while the
whole pool is idle breaks the pool. Apart, each is replaced alone. Tasks wait here rather than in pebble, whose
`cancel` kills the worker of a task that has started.

Time and memory are watched from outside. Limits on address space are not portable, and count what was never touched:
they only stand behind, for when the watch comes too late. Pebble's time limits go by the wall clock, which jumps when a
machine wakes up or its clock is set.
"""

from __future__ import annotations

import copyreg
import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import spawn
from multiprocessing.context import SpawnContext, SpawnProcess
from types import TracebackType
from typing import Any, Generic, TypeVar

from pebble import ProcessExpired, ProcessPool

from core import decoding
from core.decoding import Identity, Preview, Raster, Thumbnail
from core.errors import DecodingCrashed, DecodingTimedOut, FileDamaged, MediaError, MemoryExceeded
from core.media import Decoded, PixelPolicy, Region

T = TypeVar("T")

MOST_WORKERS = 16
"""Beyond, the disk and the judge are slower than the decoders."""
CLOSING_SECONDS = 0.4
EXACT_FRAMES = 6
"""How many times the limit a file may take where exact frames of a clip are wanted: each may be half a minute of video
away from the keyframe it is reached from."""

LEAST_MEMORY, MOST_MEMORY = 2**30, 2**32
"""Bytes that a worker may take at least and at most; in between half the machine's memory, shared among them. A picture
of 300 megapixels needs 1.2 GB for its pixels, and as much again where they are converted."""
WATCH_SECONDS = 0.05
"""How often the workers are looked at: in that time one can fill some 200 MB."""
BACKSTOP = 2
"""Times its limit that the system lets a worker ask for, where it can. On a machine with far too much to do, the watch
has come so late that a worker had filled nearly as much."""

_NICENESS = 5
_BELOW_NORMAL_PRIORITY_CLASS = 0x4000
_ATTEMPTS = 2

logger = logging.getLogger(__name__)


class Task(Generic[T]):
    """Something a worker was asked to do."""

    def __init__(
        self, function: Callable[..., T], arguments: tuple[Any, ...], named: dict[str, Any], time_limit: float
    ) -> None:
        self._function = function
        self._time_limit = time_limit
        self._arguments = arguments
        self._named = named
        self._attempts = 0
        self._ran: Future[_Outcome] | None = None  # what a worker makes of it
        self._began: float | None = None  # when that was first seen to run
        self._stopped: MediaError | None = None  # why its worker was killed
        self._future: Future[T] = Future()

    def done(self) -> bool:
        """Whether `result` answers at once."""
        return self._future.done()

    def result(self) -> T:
        """What the worker made of the file; waits for it. Raises MediaError, or CancelledError if it was cancelled
        or the pool closed."""
        return self._future.result()

    def cancel(self) -> bool:
        """Drop the task if it still waits; True if so. One that runs is left to finish."""
        return self._future.cancel()


class DecodingPool:
    """Worker processes that decode files. Its methods may be called from any thread; tasks run in order of arrival.

    `time_limit` is in seconds and counts from when a task runs; `memory_limit` is in bytes a worker. `on_done` is
    called, from any thread, whenever a task is done or cancelled. Workers start when there is work for them, and end
    with the process that started them.
    """

    def __init__(
        self,
        *,
        workers: int | None = None,
        time_limit: float = 20.0,
        memory_limit: int | None = None,
        on_done: Callable[[], None] | None = None,
    ) -> None:
        self.workers = workers or max(1, min(os.cpu_count() or 1, MOST_WORKERS))
        self.memory_limit = memory_limit or _memory_for(self.workers)
        self._time_limit = time_limit
        self._on_done = on_done
        self._lock = threading.Lock()
        self._waiting: deque[Task[Any]] = deque()
        self._running: dict[Task[Any], _Worker] = {}
        self._busy = threading.Event()
        self._watch: threading.Thread | None = None
        # A stack: the worker that was busy last is taken first, so that no more are started than needed.
        self._idle = [_Worker(self.memory_limit) for _ in range(self.workers)]
        self._all = tuple(self._idle)
        self._closed = False

    def decode(
        self,
        path: str,
        policy: PixelPolicy,
        *,
        region: Region | None = None,
        page: int = 0,
        thumbnail: tuple[int, str] | None = None,
    ) -> Task[Decoded]:
        """`core.decoding.decode` in a worker."""
        limit = self._time_limit * (EXACT_FRAMES if policy.grid and not policy.scaled else 1)
        return self._submit(
            decoding.decode, path, policy, time_limit=limit, region=region, page=page, thumbnail=thumbnail
        )

    def extract(
        self,
        path: str,
        policy: PixelPolicy,
        extract: Callable[[Decoded], T],
        *,
        region: Region | None = None,
        page: int = 0,
        thumbnail: tuple[int, str] | None = None,
    ) -> Task[tuple[Decoded, T]]:
        """`core.decoding.decode_and_extract` in a worker, so that no pixels travel.

        `extract` and what it returns are pickled: a module's function, or a bound method of a small object. What it
        raises, if not a MediaError, counts as a decoder's bug: FileDamaged, and a line in the log.
        """
        return self._submit(
            decoding.decode_and_extract, path, policy, extract, region=region, page=page, thumbnail=thumbnail
        )

    def identify(self, path: str, page: int = 0) -> Task[Identity]:
        """`core.decoding.identify` in a worker."""
        return self._submit(decoding.identify, path, page)

    def count_pages(self, path: str) -> Task[int]:
        """`core.decoding.count_pages` in a worker."""
        return self._submit(decoding.count_pages, path)

    def thumbnail(
        self,
        path: str,
        pixels: int,
        cache: str | None,
        page: int = 0,
        shared: str = "",
        listed: tuple[int, int] | None = None,
    ) -> Task[Thumbnail]:
        """`core.decoding.make_thumbnail` in a worker."""
        return self._submit(decoding.make_thumbnail, path, pixels, cache, page, shared, listed)

    def preview(self, path: str, pixels: int, at: float = 0.0, page: int = 0) -> Task[Preview]:
        """`core.decoding.make_preview` in a worker."""
        return self._submit(decoding.make_preview, path, pixels, at, page)

    def filmstrip(self, path: str, pixels: int, frames: int) -> Task[list[Raster]]:
        """`core.decoding.make_filmstrip` in a worker."""
        return self._submit(decoding.make_filmstrip, path, pixels, frames)

    def close(self) -> None:
        """Kill the workers. Tasks that are not done raise CancelledError. Returns within half a second."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waiting, self._waiting = self._waiting, deque()
            running, self._running = self._running, {}
            self._busy.set()  # so that the watch ends
        for task in waiting:
            task.cancel()
        for task in running:
            task._future.set_exception(CancelledError())
        # Pebble waits for its threads; a worker that the system can't kill (a dead network share) must not hold us.
        ends = [threading.Thread(target=worker.stop, daemon=True) for worker in self._all]
        for end in ends:
            end.start()
        deadline = time.monotonic() + CLOSING_SECONDS
        for end in ends:
            end.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> DecodingPool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(
        self, function: Callable[..., T], *arguments: Any, time_limit: float | None = None, **named: Any
    ) -> Task[T]:
        task = Task(function, arguments, named, time_limit or self._time_limit)
        if self._on_done is not None:
            on_done = self._on_done
            task._future.add_done_callback(lambda _: on_done())
        with self._lock:
            if self._closed:
                raise RuntimeError("the pool is closed")
            self._waiting.append(task)
        self._dispatch()
        return task

    def _dispatch(self) -> None:
        while True:
            with self._lock:
                if self._closed or not self._waiting or not self._idle:
                    return
                task = self._waiting.popleft()
                if not task._future.set_running_or_notify_cancel():
                    continue
                worker = self._idle.pop()
                self._running[task] = worker
                if self._watch is None:
                    self._watch = threading.Thread(target=self._watch_workers, name="workers", daemon=True)
                    self._watch.start()
                self._busy.set()
            self._start(worker, task)

    def _start(self, worker: _Worker, task: Task[Any]) -> None:
        task._attempts += 1
        task._began = None
        if ran := worker.schedule(_attempt, (task._function, task._arguments, task._named)):
            task._ran = ran
            ran.add_done_callback(lambda ran: self._finish(worker, task, ran))

    def _watch_workers(self) -> None:
        """Stop workers that take more time or memory than they may. Runs until the pool is closed."""
        while not self._closed:
            self._busy.wait()
            with self._lock:
                running = list(self._running.items())
                if not running:
                    self._busy.clear()
            for task, worker in running:
                if excess := task._stopped or self._excess(task, worker):
                    with self._lock:
                        if self._running.get(task) is worker:
                            task._stopped = excess
                            worker.kill()
            time.sleep(WATCH_SECONDS)

    def _excess(self, task: Task[Any], worker: _Worker) -> MediaError | None:
        """What a worker must be stopped for, if anything."""
        if task._began is None and task._ran and task._ran.running():
            task._began = time.monotonic()
        limit = task._time_limit
        if task._began is not None and time.monotonic() - task._began > limit:
            return DecodingTimedOut(seconds=int(limit) if limit == int(limit) else limit)
        if worker.memory() > self.memory_limit:
            return MemoryExceeded(megabytes=self.memory_limit // 2**20)
        return None

    def _finish(self, worker: _Worker, task: Task[Any], ran: Future[_Outcome]) -> None:
        """On a thread of pebble's, when a worker is through with a task, one way or another."""
        try:
            outcome = ran.result()
        except ProcessExpired:
            # It may have died in the middle of a message, so its pipe is not to be trusted again.
            worker.replace()
            outcome = _Outcome(error=task._stopped or DecodingCrashed())
        except BrokenProcessPool:
            # The worker died before it had taken the task, which is not the file's fault; unless it happens again.
            worker.replace()
            if task._attempts < _ATTEMPTS:
                self._start(worker, task)
                return
            outcome = _Outcome(error=DecodingCrashed())
        except Exception as error:  # what was to be done, or what came of it, can't be pickled
            outcome = _bug(error)
        else:
            if worker.memory() > self.memory_limit // 2:
                worker.replace()  # what it has not given back must not be charged to the next file
        if outcome.trace:
            logger.warning("Unexpected error in a decoder, given %r:\n%s", task._arguments, outcome.trace)
        with self._lock:
            if self._closed:
                return  # `close` has answered for the task
            self._running.pop(task, None)
            self._idle.append(worker)
        self._dispatch()  # first, so that the worker is busy while the result is dealt with
        if outcome.error is None:
            task._future.set_result(outcome.value)
        else:
            task._future.set_exception(outcome.error)


def _memory_for(workers: int) -> int:
    """Bytes that each of so many workers may take on this machine."""
    import psutil

    machine = int(psutil.virtual_memory().total)
    return min(MOST_MEMORY, max(LEAST_MEMORY, machine // (2 * workers)))


class _Process(SpawnProcess):
    """A spawned process that does not import the program's main module again, as they otherwise do.

    A worker runs nothing of it, and a script that uses the engine without guarding its main part would run anew in
    each worker, and fail there.
    """

    _launching = threading.Lock()

    @staticmethod
    def _Popen(process_obj: Any) -> Any:
        with _Process._launching:
            prepare = spawn.get_preparation_data

            def without_main(name: str) -> dict[str, Any]:
                data: dict[str, Any] = prepare(name)
                if name == process_obj.name:  # not what another thread may be starting at this moment
                    data.pop("init_main_from_name", None)
                    data.pop("init_main_from_path", None)
                return data

            spawn.get_preparation_data = without_main
            try:
                return SpawnProcess._Popen(process_obj)  # type: ignore[attr-defined,unused-ignore]
            finally:
                spawn.get_preparation_data = prepare

    def __reduce__(self) -> tuple[Any, ...]:
        # As what it derives from: a worker must not load this module before its settings are made (see _beginning).
        return copyreg._reconstructor, (SpawnProcess, object, None), self.__dict__  # type: ignore[attr-defined]


class _Context(SpawnContext):
    """Makes such processes, and knows the last one."""

    latest: _Process | None = None

    def Process(self, *arguments: Any, **named: Any) -> _Process:  # type: ignore[override]
        process = self.latest = _Process(*arguments, **named)
        return process

    def __reduce__(self) -> tuple[Any, ...]:
        return SpawnContext, ()  # pebble gives it to the worker, which makes no processes


class _Worker:
    """A pebble pool of one process, started when first needed and replaced when it breaks."""

    def __init__(self, memory_limit: int) -> None:
        self._beginning = _beginning(memory_limit)
        self._lock = threading.Lock()
        self._context = _Context()
        self._pool: ProcessPool | None = None
        self._stopped = False

    def schedule(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> Future[T] | None:
        """Have the process run the function; None once it was stopped."""
        with self._lock, _without_interrupts():
            for pool in (self._pool, None):
                if self._stopped:
                    return None
                if pool is None:
                    # Its own, for a pool that is being replaced may start another process yet.
                    self._context = _Context()
                    pool = self._pool = ProcessPool(
                        max_workers=1, initializer=exec, initargs=(self._beginning,), context=self._context
                    )
                with suppress(RuntimeError):  # the process died while idle: once more, with a new one
                    return pool.schedule(function, args=arguments)
                _end(pool)
        raise RuntimeError("worker processes can't be started")

    def memory(self) -> int:
        """Bytes of memory that the process takes now; 0 if it is not there."""
        import psutil  # only the engine's process watches

        process = self._context.latest
        try:
            return int(psutil.Process(process.pid).memory_info().rss) if process and process.pid else 0
        except psutil.Error:
            return 0

    def kill(self) -> None:
        with suppress(OSError, ValueError):  # it has ended already
            process = self._context.latest
            if process and process.pid:
                process.kill()

    def replace(self) -> None:
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            _end(pool)

    def stop(self) -> None:
        with self._lock:
            self._stopped = True
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()  # type: ignore[no-untyped-call]
            pool.join()


def _end(pool: ProcessPool) -> None:
    """Stop a pool without waiting for it; also from one of its own threads, which can't wait for itself."""
    pool.stop()  # type: ignore[no-untyped-call]
    threading.Thread(target=pool.join, daemon=True).start()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Processes and threads started inside don't get the terminal's Ctrl+C: it is for the program to decide what
    it means. (Workers ignore it anyway, but only once Python has started in them.)"""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- in the worker -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Outcome:
    """What came of a task. An exception travels as data: one that can't be unpickled would break the pool."""

    value: Any = None
    error: MediaError | None = None
    trace: str = ""
    """Where an error that is a bug came from."""


def _attempt(function: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any]) -> _Outcome:
    try:
        return _Outcome(function(*arguments, **named))
    except MediaError as error:
        return _Outcome(error=error)
    except MemoryError:
        return _Outcome(error=MemoryExceeded(megabytes=_memory_limit // 2**20))
    except Exception as error:  # hostile files make decoders raise anything
        return _bug(error)


def _bug(error: Exception) -> _Outcome:
    trace = "".join(traceback.format_exception(error))
    return _Outcome(error=FileDamaged(detail=f"{type(error).__name__}: {error}"), trace=trace)


# The pool is the parallelism. Within a worker, OpenCV's threads and those of OpenBLAS, which spin while they wait,
# would only take the other workers' cores.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1"}
_memory_limit = 0  # of this worker, in bytes


def _beginning(memory_limit: int) -> str:
    """What a worker begins with. OpenBLAS reads its setting when numpy is loaded, and to find a function of this
    module, pickle would load it, so it is a text: until it runs, a worker has loaded nothing of ours."""
    return f"""
import os
os.environ.update({_ONE_THREAD!r})
from core.decoding.pool import prepare_worker
prepare_worker({memory_limit})
"""


def prepare_worker(memory_limit: int) -> None:
    """Make a fresh process a worker that may take so many bytes."""
    global _memory_limit
    _memory_limit = memory_limit
    _stand_behind_the_watch(memory_limit)
    # Pebble ends workers by SIGTERM and has Python handle it, which waits for C code to return; the default doesn't.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _yield_to_the_window()
    # C libraries grumble there about broken files, into the terminal of whoever ranks a folder. What matters is
    # returned; a crash is told by the exit code.
    with suppress(OSError):
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 2)
        os.close(silence)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _stand_behind_the_watch(memory_limit: int) -> None:
    try:
        import resource
    except ImportError:  # Windows
        return
    with suppress(OSError, ValueError):  # a lower limit is set already
        resource.setrlimit(resource.RLIMIT_DATA, (BACKSTOP * memory_limit, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _yield_to_the_window() -> None:
    with suppress(OSError):
        if sys.platform == "win32":
            import ctypes

            kernel = ctypes.windll.kernel32
            kernel.SetPriorityClass(kernel.GetCurrentProcess(), _BELOW_NORMAL_PRIORITY_CLASS)
        else:
            os.nice(_NICENESS)


def _end_with_parent() -> None:
    # An idle worker sees its pipe close; a busy one would only find out when, if ever, it is through.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
