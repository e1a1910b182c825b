"""How smooth the real window stays with 100,000 rows: gaps of its event loop, beside those of the same window idle.

Busy: a ranking brings scores so that the grid re-sorts four times a second, 50,000 rows are selected, the grid is
scrolled all the time (slow, fast and in jumps), and the engine, in its own process, computes in Python without a
pause and sends thumbnails. A gap is the time between two beats of a 1 ms timer: what a click would have waited.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import psutil

from core import (
    Ended,
    Facts,
    Kind,
    Listed,
    Listing,
    MakeThumbnails,
    Progress,
    Rank,
    Raster,
    Request,
    Scan,
    ScanFinished,
    ScanStarted,
    Scored,
    Thumbnail,
    ThumbnailMade,
)

ROWS, SELECTED, SECONDS = 100_000, 50_000, 60.0
BATCHES_A_SECOND = 20


def engine(connection: Connection[Any, Any], rows: int, scores_a_second: int) -> None:
    """A stand-in for the engine's process: lists made-up files, scores at random, never rests."""
    rng = np.random.default_rng(0)
    pictures = [Raster(240, 180, rng.integers(0, 255, (180, 240, 3), dtype=np.uint8).tobytes()) for _ in range(16)]
    inbox: deque[tuple[Any, ...]] = deque()

    def receive() -> None:
        try:
            while True:
                inbox.append(connection.recv())
        except (EOFError, OSError):
            os._exit(0)

    threading.Thread(target=receive, daemon=True).start()
    ranking = 0
    unscored: deque[np.ndarray[Any, Any]] = deque()
    thumbnails: deque[tuple[int, int]] = deque()
    last = time.monotonic()
    while True:
        while inbox:
            kind, number, request = inbox.popleft()
            if kind == "cancel":
                thumbnails = deque(item for item in thumbnails if item[0] != number)
                continue
            if isinstance(request, Scan):
                connection.send((number, ScanStarted(request.folder, True, "made up")))
                for start in range(0, rows, 8192):
                    count = min(8192, rows - start)
                    times = rng.integers(1, 2**60, count)
                    names = [f"IMG_{start + index:06} harbour at dusk.jpg" for index in range(count)]
                    kinds = np.full(count, Kind.IMAGE, np.uint8)
                    folders = [request.folder] if start == 0 else []
                    chunk = Listed(start, folders, np.zeros(count, np.int32), names, kinds, times, times)
                    connection.send((number, chunk))
                connection.send((number, ScanFinished(rows, 0.0)))
                connection.send((number, Ended()))
            elif isinstance(request, Rank):
                ranking = number
                order = rng.permutation(rows).astype(np.int32)
                unscored = deque(np.array_split(order, rows * BATCHES_A_SECOND // scores_a_second))
            elif isinstance(request, MakeThumbnails):
                thumbnails = deque((number, row) for row in request.rows)
        for _ in range(min(4, len(thumbnails))):
            number, row = thumbnails.popleft()
            made = ThumbnailMade(row, Thumbnail(pictures[row % 16], "", Facts(4000, 3000), Kind.IMAGE), None)
            connection.send((number, made))
        if ranking and unscored and time.monotonic() - last > 1 / BATCHES_A_SECOND:
            last = time.monotonic()
            batch = unscored.popleft()
            connection.send((ranking, Scored(batch, rng.random(len(batch), np.float32), False)))
            done = rows - sum(map(len, unscored))
            connection.send(
                (ranking, Progress(done, rows, 0, float(scores_a_second), len(unscored) / BATCHES_A_SECOND))
            )
        sum(itertools.repeat(1, 20_000))  # kept busy in Python


class StandIn:
    """A courier to the stand-in engine."""

    def __init__(self, rows: int, scores_a_second: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._woken, self._waker = context.Pipe(duplex=False)
        self._process = context.Process(target=engine, args=(theirs, rows, scores_a_second), daemon=True)
        self._process.start()
        theirs.close()
        self._numbers = itertools.count(1)

    def start(self, request: Request) -> int:
        number = next(self._numbers)
        if isinstance(request, Rank | MakeThumbnails):
            request = type(request)(**{**request.__dict__, "listing": "made up"})
        self._connection.send(("start", number, request))
        return number

    def cancel(self, number: int) -> None:
        self._connection.send(("cancel", number, None))

    def look_at(self, listing: Listing, rows: Sequence[int]) -> None:
        pass

    def receive(self, timeout: float) -> list[Any]:
        wait([self._connection, self._woken], timeout)
        while self._woken.poll(0):
            self._woken.recv_bytes()
        messages = []
        while self._connection.poll(0) and len(messages) < 256:
            messages.append(self._connection.recv())
        return messages

    def wake(self) -> None:
        self._waker.send_bytes(b"w")

    def close(self) -> None:
        self._process.kill()
        self._process.join()


def figures(gaps: list[float]) -> str:
    values = np.array(gaps) * 1000
    p50, p99, p999 = np.percentile(values, [50, 99, 99.9])
    return f"median {p50:5.2f}  p99 {p99:5.2f}  p99.9 {p999:5.2f}  worst {values.max():6.2f} ms  ({len(gaps):,} beats)"


def main(seconds: float = SECONDS, rows: int = ROWS) -> None:
    from PySide6.QtCore import QEventLoop, Qt, QTimer

    from core import Query
    from desktop.app import make_app, make_window
    from desktop.session import Phase

    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as home:
        os.environ["SEMBLANCE_HOME"] = home
        app = make_app()
        window = make_window(
            app, lambda: StandIn(rows, int(rows / (seconds + 3)))
        )  # the ranking lasts as long as the run
        window.resize(1400, 900)
        window.show()
        gaps: list[float] = []
        beat = QTimer()
        beat.setTimerType(Qt.TimerType.PreciseTimer)
        previous = [0.0]

        def on_beat() -> None:
            now = time.perf_counter()
            if previous[0]:
                gaps.append(now - previous[0])
            previous[0] = now

        beat.timeout.connect(on_beat)

        def loop_for(duration: float) -> None:
            loop = QEventLoop()
            QTimer.singleShot(int(duration * 1000), loop.quit)
            loop.exec()

        window.begin("/made-up", Query())
        while window.results.model.counts.listed < rows:
            loop_for(0.1)
        loop_for(2)
        beat.start(1)
        loop_for(min(20.0, seconds))
        idle, gaps[:], previous[0] = list(gaps), [], 0.0
        beat.stop()

        view = window.results.view
        view.select(np.arange(0, rows, rows // SELECTED, dtype=np.int32))
        window.query_bar.words.setText("dusk")
        window.query_bar.submit()
        resorts = [0]
        window.results.model.layoutChanged.connect(lambda: resorts.__setitem__(0, resorts[0] + 1))
        bar = view.verticalScrollBar()
        scroll = QTimer()
        ticks = itertools.count()

        def on_scroll() -> None:
            tick = next(ticks)
            phase = tick // 300 % 3
            if phase == 0:
                bar.setValue(bar.value() + 7)
            elif phase == 1:
                bar.setValue(bar.value() + 120)
            elif tick % 30 == 0:
                bar.setValue(tick * 7919 % max(bar.maximum(), 1))
            if bar.value() >= bar.maximum():
                bar.setValue(0)

        scroll.timeout.connect(on_scroll)
        scroll.start(16)
        loop_for(1)
        beat.start(1)
        loop_for(seconds)
        beat.stop()
        scroll.stop()
        running = window.session.phase is Phase.RUNNING
        print(f"event loop of the window, {rows:,} rows, {app.platformName()}:")
        print(f"  idle                       {figures(idle)}")
        print(f"  ranking, scrolled {seconds:3.0f} s    {figures(gaps)}  (p99 <= 8, p99.9 <= 16, none over 50)")
        judged = window.results.model.counts.judged
        print(
            f"  meanwhile: {resorts[0] / seconds:.1f} re-sorts a second, {len(view.selected_ids()):,} rows selected, "
            f"{judged:,} scored, {'still ranking' if running else 'ranking over'}"
        )
        print(f"  memory of this process: {psutil.Process().memory_info().rss / 2**20:.0f} MB (<= 300)")
        window.close()


if __name__ == "__main__":
    main(*map(float, sys.argv[1:2]), *map(int, sys.argv[2:3]))
