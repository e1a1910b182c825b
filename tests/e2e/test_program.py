"""The real program, from outside: it opens, ranks, survives what is killed under it, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray
from PIL import Image

from core import load_settings

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="uses POSIX signals"),
    pytest.mark.timeout(180),
]

Start = Callable[..., Any]


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Three plain pictures and one that can't be read."""
    folder = tmp_path / "few"
    folder.mkdir()
    for name, colour in (("red", "#d01818"), ("dark red", "#a01414"), ("green", "#18a030")):
        Image.new("RGB", (96, 64), colour).save(folder / f"{name}.png")
    (folder / "empty.jpg").touch()
    return folder


def ranking(start: Start, many: Path) -> Any:
    """The window, caught in the middle of a ranking: some scores are committed, some are not."""
    program = start(many, "--image", many / "000.png")
    program.until(lambda: len(program.scores()) > 10)
    assert len(program.scores()) < len(os.listdir(many)) - 20
    return program


# --- the window ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_opens_ranks_and_closes_when_asked_to(start: Start, few: Path, home: Path, number: int) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in [few, *few.iterdir()]}
    program = start(few, "--image", few / "red.png")
    program.until(lambda: len(program.scores()) == 3)
    assert max(program.scores().values()) > 0.99
    assert program.send(number) == 0
    assert program.errors() == ""
    settings, damaged = load_settings(home / "settings.toml")
    assert damaged is None
    assert settings.last_folder == str(few)
    assert {path.name: path.stat().st_mtime_ns for path in [few, *few.iterdir()]} == before


def test_asked_to_close_while_it_starts_it_ends_all_the_same(start: Start, few: Path) -> None:
    program = start(few, "--text", "red")
    program.until(lambda: len(program.family()) > 1)  # the engine is on its way, the window perhaps not shown yet
    status = program.send(signal.SIGTERM)
    assert status in (0, -signal.SIGTERM)  # as a person's close, or before there was anything to close


def test_a_killed_engine_is_started_again_and_every_file_is_scored(start: Start, many: Path) -> None:
    program = ranking(start, many)
    before = program.scores()
    engine = program.engine()
    engine.kill()
    program.until(lambda: len(program.scores()) == len(os.listdir(many)))
    assert program.engine() != engine
    assert before.items() <= program.scores().items()
    assert program.send(signal.SIGTERM) == 0
    assert "Traceback" not in program.errors()


def test_a_killed_worker_costs_nothing_but_a_moment(start: Start, many: Path) -> None:
    program = ranking(start, many)
    engine, worker = program.engine(), program.worker()
    worker.kill()
    program.until(lambda: len(program.scores()) >= len(os.listdir(many)) - 1)
    assert program.engine() == engine
    assert program.send(signal.SIGTERM) == 0
    assert "Traceback" not in program.errors()


def test_the_whole_program_killed_loses_no_committed_score_and_goes_on_when_started_again(
    start: Start, many: Path
) -> None:
    program = ranking(start, many)
    before = program.scores()
    program.send(signal.SIGKILL)  # and no process of it is left
    assert program.catalog_is_sound()
    kept = program.scores()
    assert before.items() <= kept.items()
    again = start("--image", many / "000.png")  # on the folder that was open
    again.until(lambda: len(again.scores()) == len(os.listdir(many)))
    assert kept.items() <= again.scores().items()
    assert again.send(signal.SIGTERM) == 0


# --- what is in memory where -----------------------------------------------------------------------------


def compiled(process: psutil.Process) -> set[str]:
    """The packages, or modules of Python's own, whose compiled parts are mapped into a process."""
    found = set()
    for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
        path = Path("/" + line.partition("/")[2])
        if ".so" in path.name:
            inside = path.parts.index("site-packages") + 1 if "site-packages" in path.parts else -1
            found.add(path.parts[inside].partition(".")[0])
    return found


MODEL = {"torch", "torchvision", "tokenizers", "safetensors"}
"""The last two are what transformers brings."""


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads /proc")
def test_each_process_holds_only_what_it_needs(start: Start, many: Path) -> None:
    program = ranking(start, many)
    window, engine, worker = compiled(program.main), compiled(program.engine()), compiled(program.worker())
    assert "PySide6" in window
    assert not window & (MODEL | {"cv2", "av", "_sqlite3"})
    assert "_sqlite3" in engine
    assert not engine & {"PySide6", "shiboken6"}
    assert "PIL" in worker
    assert not worker & (MODEL | {"PySide6", "shiboken6", "_sqlite3"})


# --- a real window -----------------------------------------------------------------------------------------


@pytest.fixture
def screen(tmp_path: Path) -> Iterator[tuple[str, Callable[[], NDArray[np.uint8]]]]:
    """A display without a monitor, and what is on it: (height, width, 3)."""
    if shutil.which("Xvfb") is None:
        pytest.skip("needs Xvfb")
    reader, writer = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(writer), "-screen", "0", "1280x800x24", "-fbdir", str(tmp_path), "-nolisten", "tcp"],
        pass_fds=[writer],
        stderr=subprocess.DEVNULL,
    )
    os.close(writer)
    with os.fdopen(reader) as answer:
        number = answer.readline().strip()

    def look() -> NDArray[np.uint8]:
        # The X Window Dump format: a header of 32-bit numbers, the first of them its size, then a colour table.
        dump = (tmp_path / "Xvfb_screen0").read_bytes()
        header = np.frombuffer(dump, ">u4", 25)
        start, width, height, line = header[0] + 12 * header[19], header[4], header[5], header[12]
        pixels = np.frombuffer(dump, np.uint8, int(height * line), int(start)).reshape(height, line)
        return pixels[:, : 4 * width].reshape(height, width, 4)[:, :, 2::-1]

    yield f":{number}", look
    server.terminate()
    server.wait(10)


def test_a_real_window_shows_the_ranked_pictures(
    start: Start, few: Path, screen: tuple[str, Callable[[], NDArray[np.uint8]]]
) -> None:
    display, look = screen
    program = start(few, "--image", few / "red.png", QT_QPA_PLATFORM="xcb", DISPLAY=display)

    def leftmost(colour: list[int]) -> int:
        """The first column with a patch of that colour as high as a thumbnail; 0 if there is none."""
        near = np.abs(look().astype(int) - colour).max(axis=2) < 8
        columns = np.flatnonzero(near.sum(axis=0) > 40)
        return int(columns[0]) if len(columns) else 0

    def best_first() -> bool:
        places = [leftmost(colour) for colour in ([0xD0, 0x18, 0x18], [0xA0, 0x14, 0x14], [0x18, 0xA0, 0x30])]
        return 0 < places[0] < places[1] < places[2]

    program.until(best_first, 30)
    assert program.send(signal.SIGTERM) == 0
    assert program.errors() == ""


# --- the command line --------------------------------------------------------------------------------------


def test_rank_prints_a_ranking_as_json(start: Start, few: Path) -> None:
    program = start("rank", few, "--image", few / "red.png", "--format", "json")
    rows = json.loads(program.output())
    assert program.process.returncode == 0
    assert [row["rank"] for row in rows] == [1, 2, 3, None]
    assert [Path(row["path"]).name for row in rows] == ["red.png", "dark red.png", "green.png", "empty.jpg"]
    assert all(set(row) >= {"rank", "path", "kind", "score", "error"} for row in rows)
    assert rows[3]["score"] is None
    assert rows[3]["error"] == "The file is empty."
    assert "3 of 4 files scored, 1 can't be scored." in program.errors()


def test_scan_lists_without_opening_anything(start: Start, few: Path, home: Path) -> None:
    program = start("scan", few, "--format", "json")
    rows = json.loads(program.output())
    assert program.process.returncode == 0
    assert {Path(row["path"]).name for row in rows} == {"red.png", "dark red.png", "green.png", "empty.jpg"}
    assert not home.exists()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["rank", "{away}", "--text", "red"], 1, "There is no folder"),
        (["rank", "{few}", "--image", "https://example.org/a.png"], 1, "opens no connection"),
        (["rank", "{few}", "--image", "{few}/empty.jpg"], 1, "The file is empty."),
        (["rank", "{few}"], 2, "Try: semblance rank FOLDER"),
        (["scan"], 2, "Try: semblance scan FOLDER"),
        (["{few}", "--colour", "red"], 2, "Try: semblance FOLDER"),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_an_exit_status(
    start: Start, few: Path, arguments: list[str], status: int, words: str
) -> None:
    program = start(*(argument.format(few=few, away=few / "away") for argument in arguments))
    assert program.output() == b""
    assert program.process.returncode == status
    assert words in program.errors()
    assert "Traceback" not in program.errors()


def test_an_interrupted_ranking_keeps_its_scores_and_goes_on(start: Start, many: Path) -> None:
    arguments = ["rank", many, "--image", many / "000.png", "--format", "json"]
    program = start(*arguments)
    program.until(lambda: len(program.scores()) > 10)
    before = program.scores()
    assert program.send(signal.SIGINT) == 130
    assert program.output() == b""
    assert "interrupted" in program.errors()
    assert "Traceback" not in program.errors()
    kept = program.scores()
    assert before.items() <= kept.items()
    assert len(kept) < len(os.listdir(many))
    again = start(*arguments)
    rows = json.loads(again.output())
    assert again.process.returncode == 0
    assert len(rows) == len(os.listdir(many))
    assert kept.items() <= again.scores().items()
