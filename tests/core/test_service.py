"""The engine's process: killed, asked to end, left alone; and what its client says of it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PIL import Image

from core import Ended, EngineProcess, Event, Progress, Query, Rank, Scan, Scored
from core.errors import CatalogNewer, EngineStopped

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for index in range(300):
        Image.new("RGB", (320, 240), (index % 256, index // 2, 255 - index % 256)).save(folder / f"{index:03}.png")
    return folder


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def rows_of(events: list[Event]) -> set[int]:
    return {row for event in events if isinstance(event, Scored) for row in event.rows.tolist()}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_a_killed_engine_is_started_again_and_no_committed_score_is_lost(
    tmp_path: Path, photos: Path, number: signal.Signals
) -> None:
    query = Query(images=(photos / "007.png",))
    with EngineProcess(tmp_path / "home", workers=2) as engine:
        listing = engine.list_folder(photos)
        seen: list[Event] = []
        with pytest.raises(EngineStopped):
            for event in engine.rank(query, listing):
                seen.append(event)
                if len(rows_of(seen)) > 20:
                    os.kill(engine.process_id, number)
        before = rows_of(seen)
        assert before
        # Asked again with the same listing, whose rows still mean the same files.
        again = list(engine.rank(query, listing))
        known = {row for event in again if isinstance(event, Scored) and event.known for row in event.rows.tolist()}
        assert before <= known
        assert rows_of(again) == set(range(300))


def test_a_killed_worker_costs_one_try_and_the_ranking_goes_on(tmp_path: Path, photos: Path) -> None:
    with EngineProcess(tmp_path / "home", workers=2) as engine:
        listing = engine.list_folder(photos)
        events: list[Event] = []
        killed = False
        for event in engine.rank(Query(text="red"), listing):
            events.append(event)
            if not killed and len(rows_of(events)) > 20:
                workers = psutil.Process(engine.process_id).children()
                killed = any(
                    _kill(worker) for worker in workers if "resource_tracker" not in " ".join(worker.cmdline())
                )
        assert killed
        last = [event for event in events if isinstance(event, Progress)][-1]
        assert last.done == 300
        assert last.failed <= 1


def _kill(process: psutil.Process) -> bool:
    process.kill()
    return True


def test_nothing_stays_behind_when_the_program_is_killed(tmp_path: Path, photos: Path) -> None:
    script = (
        "import sys\n"
        "from core import EngineProcess, Query\n"
        "if __name__ == '__main__':\n"
        "    engine = EngineProcess(sys.argv[1], workers=2)\n"
        "    listing = engine.list_folder(sys.argv[2])\n"
        "    for event in engine.rank(Query(text='red'), listing):\n"
        "        print(engine.process_id, flush=True)\n"
    )
    path = tmp_path / "program.py"
    path.write_text(script)
    program = subprocess.Popen(
        [sys.executable, str(path), str(tmp_path / "home"), str(photos)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert program.stdout is not None
    engine = psutil.Process(int(program.stdout.readline()))
    family = [engine, *engine.children(recursive=True)]
    program.kill()
    program.wait()
    program.stdout.close()
    assert until(lambda: not any(_alive(process) for process in family))
    with sqlite3.connect(tmp_path / "home" / "catalog.sqlite3") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_closing_ends_the_process_and_its_workers(tmp_path: Path, photos: Path) -> None:
    engine = EngineProcess(tmp_path / "home", workers=2)
    for event in engine.rank(Query(text="red"), engine.list_folder(photos)):
        if isinstance(event, Scored):
            break
    family = [psutil.Process(engine.process_id), *psutil.Process(engine.process_id).children(recursive=True)]
    started = time.monotonic()
    engine.close()
    assert time.monotonic() - started < 3
    assert until(lambda: not any(_alive(process) for process in family), 3)
    engine.close()  # twice is no harm


def test_jobs_run_side_by_side_and_urgent_ones_first(tmp_path: Path, photos: Path) -> None:
    with EngineProcess(tmp_path / "home", workers=2) as engine:
        listing = engine.list_folder(photos)
        ranking = engine.start(Rank(Query(images=(photos / "001.png",)), listing))
        scan = engine.start(Scan(str(photos)))
        ends: dict[int, float] = {}
        deadline = time.monotonic() + 60
        while len(ends) < 2 and time.monotonic() < deadline:
            for number, event in engine.receive(0.2):
                if isinstance(event, Ended):
                    assert event.error is None
                    ends[number] = time.monotonic()
        assert ends[scan] < ends[ranking]  # the short one did not wait for the long one


def test_cancelled_jobs_end_at_once(tmp_path: Path, photos: Path) -> None:
    with EngineProcess(tmp_path / "home", workers=2) as engine:
        listing = engine.list_folder(photos)
        ranking = engine.start(Rank(Query(images=(photos / "001.png",)), listing))
        while not any(isinstance(event, Scored) for _, event in engine.receive(1)):
            pass
        started = time.monotonic()
        engine.cancel(ranking)
        while not any(isinstance(event, Ended) for _, event in engine.receive(1)):
            pass
        assert time.monotonic() - started < 1


def test_an_engine_that_cannot_start_says_why_to_every_job(tmp_path: Path, photos: Path) -> None:
    home = tmp_path / "home"
    EngineProcess(home, workers=1).close()
    home.mkdir(exist_ok=True)
    from core.catalog import Catalog

    Catalog(home / "catalog.sqlite3").close()
    with sqlite3.connect(home / "catalog.sqlite3") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('catalog', 'from_2031', 'then')"
        )
    db.close()
    with EngineProcess(home, workers=1) as engine:
        for _ in range(2):
            with pytest.raises(CatalogNewer):
                engine.list_folder(photos)


def test_an_engine_that_keeps_ending_is_given_up(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.service.RESTARTS", 3)
    with EngineProcess(tmp_path / "home", workers=1) as engine:
        for _ in range(3):
            first = engine.process_id
            job = engine.start(Scan(str(photos)))
            os.kill(first, signal.SIGKILL)
            error = None
            while error is None:
                for number, event in engine.receive(1):
                    if number == job and isinstance(event, Ended):
                        error = event.error or EngineStopped()
        with pytest.raises(EngineStopped):
            engine.list_folder(photos)
