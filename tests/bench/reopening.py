"""A folder of 100,000 files opened again in the real window: when its grid is painted, when all is there, when a
change on the disk is on the screen, and how much memory the window's process takes."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.bench.listing import FILES, make_library, walk

ROUNDS, CHANGES = 3, 5


def measured(folder: Path) -> None:
    """In a process of its own: prints seconds to the grid, to all of it and to each change, and megabytes."""
    from PySide6.QtCore import QEvent, QObject

    from core import Query
    from desktop.app import make_app, make_window
    from resources import samples_folder

    app = make_app()
    window = make_window(app)
    window.show()
    window.begin(str(samples_folder()), Query())
    model, session = window.results.model, window.session
    painted: list[float] = []

    class Paints(QObject):
        def eventFilter(self, _watched: QObject, event: QEvent) -> bool:
            is_paint = event.type() == QEvent.Type.Paint and not painted and session.listing is not None
            if is_paint and session.listing.root == str(folder) and model.rowCount():
                painted.append(time.perf_counter())
            return False

    paints = Paints()
    window.results.view.viewport().installEventFilter(paints)

    def until(true: Callable[[], object]) -> float:
        """When it was first true."""
        deadline = time.perf_counter() + 60
        while not true():
            assert time.perf_counter() < deadline
            app.processEvents()
            time.sleep(0.002)
        return time.perf_counter()

    until(lambda: session.listing is not None and session.listing.complete)  # the samples: the engine is up
    began = time.perf_counter()
    window.open_folder(str(folder))
    until(lambda: painted)
    whole = until(lambda: session.listing is not None and len(session.listing) >= FILES) - began
    until(lambda: session.listing is not None and session.listing.complete)
    until_watched = time.perf_counter() + 1.5
    until(lambda: time.perf_counter() > until_watched)
    changes = []
    for number in range(CHANGES):
        new = folder / "00" / "shoot 000" / f"new {number}.jpg"
        new.touch()
        made = time.perf_counter()
        assert session.listing is not None
        known = session.listing.present
        changes.append(until(lambda known=known: model.counts.listed > known) - made)  # type: ignore[misc]
        new.unlink()
        until(lambda known=known: model.counts.listed == known)  # type: ignore[misc]
    memory = psutil.Process().memory_info().rss / 2**20
    print(painted[0] - began, whole, memory, *changes, flush=True)
    window.close()


def main() -> None:
    rounds = []
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as place:
        folder = Path(place) / "library"
        make_library(folder, FILES)
        began = time.perf_counter()
        walk(folder)
        bare = time.perf_counter() - began
        for _ in range(ROUNDS + 1):
            output = subprocess.run(
                [sys.executable, "-m", "tests.bench.reopening", str(folder)],
                env=os.environ | {"SEMBLANCE_HOME": str(Path(place) / "home")},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            ).stdout.splitlines()
            rounds.append([float(number) for number in output[-1].split()])
    first, *again = rounds
    grid, whole = (statistics.median(each[place] for each in again) for place in (0, 1))
    changes = [seconds for each in again for seconds in each[3:]]
    print(
        f"a folder of {FILES:,} files opened again in the window (os.walk with stat: {bare:.2f} s): its grid after"
        f" {grid:.2f} s (within 0.5 s; the first time {first[0]:.2f} s), all of it after {whole:.2f} s"
    )
    print(
        f"a new file on the screen after {statistics.median(changes):.2f} s, worst of {len(changes)}"
        f" {max(changes):.2f} s (within 2 s); the window's process {max(each[2] for each in rounds):.0f} MB (under 300)"
    )


if __name__ == "__main__":
    if sys.argv[1:]:
        measured(Path(sys.argv[1]))
    else:
        main()
