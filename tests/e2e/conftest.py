"""The real program as a subprocess, watched from outside: its processes, its catalog, its exit."""

from __future__ import annotations

import contextlib
import io
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = 160


class Program:
    """One run of the program. `home` is the folder that holds all of its data."""

    def __init__(self, home: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.home = home
        self._log = home.with_name("stderr.txt")
        set_here = {"SEMBLANCE_HOME": str(home), "PYTHONPATH": str(ROOT), "QT_QPA_PLATFORM": "offscreen"}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "desktop", *arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=home.parent,
                env=os.environ | set_here | environment,
            )
        self.main = psutil.Process(self.process.pid)

    # --- its processes

    def engine(self) -> psutil.Process:
        """The engine's process, waiting until there is one."""
        self.until(lambda: _children(self.main))
        return _children(self.main)[0]

    def worker(self) -> psutil.Process:
        """A decoding worker, waiting until there is one."""
        self.until(lambda: _children(self.engine()))
        return _children(self.engine())[0]

    def family(self) -> list[psutil.Process]:
        return [self.main, *self.main.children(recursive=True)]

    # --- what it has done

    def scores(self) -> dict[bytes, float]:
        """Every score that is committed, by the content's fingerprint, read as another program would."""
        path = self.home / "catalog.sqlite3"
        if not path.exists():
            return {}
        with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as db:
            try:
                return dict(
                    db.execute("SELECT fingerprint, score FROM scores JOIN contents ON contents.id = scores.content")
                )
            except sqlite3.OperationalError:
                return {}  # not made yet

    def catalog_is_sound(self) -> bool:
        with contextlib.closing(sqlite3.connect(self.home / "catalog.sqlite3")) as db:
            return bool(db.execute("PRAGMA integrity_check").fetchone() == ("ok",))

    def errors(self) -> str:
        """What it wrote to standard error, without what the offscreen platform says of every window."""
        lines = self._log.read_text("utf-8", "replace").splitlines()
        return "\n".join(line for line in lines if not line.startswith("This plugin does not support"))

    # --- waiting and ending

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait for something that it does while it runs."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, f"it ended by itself: {self.errors()}"
            assert time.monotonic() < deadline, f"it did not happen in time: {self.errors()}"
            time.sleep(0.01)

    def send(self, number: int) -> int:
        """Send a signal, wait for the exit, and see that no process stays behind. Returns the exit status."""
        family = self.family()
        self.process.send_signal(number)
        status = self.process.wait(20)
        gone, alive = psutil.wait_procs(family, 10)
        assert not alive, f"{len(alive)} of {len(gone) + len(alive)} processes stay behind"
        return status

    def output(self) -> bytes:
        """Wait for the end; what it printed."""
        return self.process.communicate(timeout=60)[0]

    def clean_up(self) -> None:
        for process in self.family() if _is_alive(self.main) else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait(10)
        assert self.process.stdout is not None
        self.process.stdout.close()


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(process: psutil.Process) -> list[psutil.Process]:
    """Its own children, without the one in which Python keeps track of shared resources."""
    try:
        return [
            child
            for child in process.children()
            if _is_alive(child) and "resource_tracker" not in " ".join(child.cmdline())
        ]
    except psutil.NoSuchProcess:
        return []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def start(home: Path) -> Iterator[Callable[..., Program]]:
    """Starts the program: `start(*arguments, **environment)`."""
    started: list[Program] = []

    def run(*arguments: object, **environment: str) -> Program:
        program = Program(home, tuple(map(str, arguments)), environment)
        started.append(program)
        return program

    yield run
    for program in started:
        program.clean_up()


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many pictures that a ranking of them can be caught in the middle: each keeps a worker busy for a while."""
    folder = tmp_path_factory.mktemp("pictures")
    encoded = []
    for colour in ("#c01818", "#18a030", "#1830c0", "#e0d018"):
        buffer = io.BytesIO()
        Image.new("RGB", (2400, 1800), colour).save(buffer, "PNG")
        encoded.append(buffer.getvalue())
    for index in range(PICTURES):
        # What follows a picture's end makes it another content to the catalog, and nothing else to look at.
        (folder / f"{index:03}.png").write_bytes(encoded[index % 4] + index.to_bytes(4, "big"))
    return folder
