"""How long the grid takes to re-sort, to paint and to answer, with 100,000 and 500,000 files. Prints; asserts nothing.

    QT_QPA_PLATFORM=offscreen python tests/bench/grid_paint.py [seconds]

The last table is a run of the event loop: scores come in and the grid re-sorts four times a second, the wheel turns,
half of the files are selected; its gaps are how late a timer of
2 ms comes, the time that a click would have waited.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QPoint, QPointF, Qt, QTimer
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QWheelEvent
from PySide6.QtWidgets import QApplication

from core.media import Kind, Listed, Listing
from desktop.results_model import ResultsModel, Sort
from desktop.results_view import ResultsView

HEARTBEAT_MS = 2


def listing_of(count: int) -> Listing:
    listing = Listing("/photos")
    kinds = np.full(count, Kind.IMAGE, np.uint8)
    kinds[::7], kinds[::11] = Kind.VIDEO, Kind.TEXT
    names = [f"IMG_{number:06} harbour at dusk.jpg" for number in range(count)]
    times = np.random.default_rng(1).integers(0, 2**60, count)
    listing.append(Listed(0, ["/photos"], np.zeros(count, np.int32), names, kinds, times, times))
    return listing


def thumbnail(number: int, pixels: int) -> QImage:
    width, height = ((3, 2), (2, 3), (1, 1), (16, 9))[number % 4]
    scale = pixels / max(width, height)
    image = QImage(int(width * scale), int(height * scale), QImage.Format.Format_RGB32)
    shades = QLinearGradient(0, 0, image.width(), image.height())
    shades.setColorAt(0, QColor.fromHsv(number * 47 % 360, 160, 230))
    shades.setColorAt(1, QColor.fromHsv(number * 31 % 360, 120, 90))
    painter = QPainter(image)
    painter.fillRect(image.rect(), shades)
    painter.end()
    return image


def median_ms(call: Callable[[], object], times: int = 15, before: Callable[[int], object] | None = None) -> str:
    taken = []
    for number in range(times):
        if before is not None:
            before(number)
        start = time.thread_time()  # its own, so that whatever else the machine does is not counted
        call()
        taken.append(time.thread_time() - start)
    return f"{sorted(taken)[times // 2] * 1e3:7.2f} ms"


def measure_model(count: int) -> None:
    rng = np.random.default_rng(0)
    model = ResultsModel()
    listing = listing_of(count)
    rows = np.arange(count, dtype=np.int32)

    def judge(number: int) -> None:
        some = rows[number * 100 : number * 100 + 100]
        model.set_scores(some, rng.random(len(some), dtype=np.float32))

    print(f"{count:,} files")
    print("  open            ", median_ms(lambda: model.open(listing), 5))
    model.set_scores(rows, rng.random(count, dtype=np.float32))
    print("  resort          ", median_ms(model.resort, before=judge))
    print("  resort, held    ", median_ms(lambda: model.resort(range(500, 600), 10), before=judge))
    print("  histogram       ", median_ms(lambda: model.histogram(60)))
    model.set_sort_mode(Sort.NEWEST)
    print("  resort by date  ", median_ms(model.resort, before=judge))
    ids = rows[: count // 2].tolist()
    print("  drag half       ", median_ms(lambda: model.mime_data(ids), 3))


def measure_painting(cell: int) -> None:
    view = ResultsView()
    model = ResultsModel(view)
    model.open(listing_of(100_000))
    view.setModel(model)
    view.set_cell_size(cell)

    def make(ids: list[int], pixels: int) -> None:
        for id_ in ids:
            view.set_thumbnail(id_, thumbnail(id_, pixels))

    view.thumbnails_wanted.connect(make)
    model.set_scores(np.arange(100_000, dtype=np.int32), np.random.default_rng(0).random(100_000, dtype=np.float32))
    view.resize(1400, 900)
    view.show()
    settle(1.5)
    cells = len(view._page.visible)
    bar = view.verticalScrollBar()
    print(f"cells of {cell} pixels, {cells} of them in 1400 x 900")
    print("  whole viewport  ", median_ms(view.viewport().repaint, 30))

    def scroll() -> None:
        bar.setValue(bar.value() + 24)
        QApplication.processEvents()

    print("  scroll by 24    ", median_ms(scroll, 60))
    view.close()


def settle(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.002)


def measure_gaps(count: int, seconds: float) -> None:
    view = ResultsView()
    model = ResultsModel(view)
    model.open(listing_of(count))
    view.setModel(model)
    view.set_cell_size(112)
    made = [thumbnail(number, 128) for number in range(64)]
    waiting: list[int] = []

    def ask(ids: list[int], _pixels: int) -> None:
        waiting[:] = ids

    view.thumbnails_wanted.connect(ask)
    view.resize(1400, 900)
    view.show()
    settle(0.5)
    rng = np.random.default_rng(0)
    view.select(np.arange(0, count, 2, dtype=np.int32))
    gaps: list[float] = []
    last = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        gaps.append(max(0.0, now - last - HEARTBEAT_MS / 1000))
        last = now

    def judge() -> None:
        rows = rng.integers(0, count, 60).astype(np.int32)
        model.set_scores(np.unique(rows), rng.random(len(np.unique(rows)), dtype=np.float32))

    def turn() -> None:
        down = int(time.monotonic() / 5) % 2 == 0
        at = QPointF(700, 450)
        event = QWheelEvent(
            at,
            view.viewport().mapToGlobal(at),
            QPoint(),
            QPoint(0, -120 if down else 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view.viewport(), event)

    def deliver() -> None:
        for id_ in waiting[:4]:
            view.set_thumbnail(id_, made[id_ % 64])
        del waiting[:4]

    timers = []
    for interval, call in ((HEARTBEAT_MS, tick), (33, judge), (90, turn), (33, deliver)):
        timer = QTimer(interval=interval, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(call)
        timer.start()
        timers.append(timer)
    QTimer.singleShot(int(seconds * 1000), QApplication.quit)
    QApplication.exec()
    for timer in timers:
        timer.stop()
    taken = np.sort(np.array(gaps[5:])) * 1e3
    median, p99, p999 = (float(np.percentile(taken, q)) for q in (50, 99, 99.9))
    print(f"{count:,} files, half selected, {seconds:.0f} s of scrolling and re-sorting")
    print(f"  gaps: median {median:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms, longest {taken[-1]:.2f} ms")
    view.close()


if __name__ == "__main__":
    sys.setswitchinterval(0.001)
    app = QApplication([])
    for files in (100_000, 500_000):
        measure_model(files)
    for size in (96, 160, 320):
        measure_painting(size)
    for files in (100_000, 500_000):
        measure_gaps(files, float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
