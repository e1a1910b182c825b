"""An engine played by the test, the window over it or over the real one, and pictures made on the spot."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import psutil
import pytest
from PIL import Image
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from core import (
    Cost,
    CountPrepared,
    Ended,
    EngineProcess,
    EstimateCost,
    Event,
    Explain,
    Explanation,
    Facts,
    Failed,
    Kind,
    Listed,
    Listing,
    ListModels,
    ListSubfolders,
    MakePreview,
    MakeThumbnails,
    MeasureStorage,
    MediaError,
    ModelInfo,
    Models,
    Preparation,
    Preview,
    Progress,
    Query,
    Rank,
    Raster,
    Request,
    Scan,
    ScanFinished,
    ScanStarted,
    Scored,
    Staged,
    Storage,
    Subfolders,
    Thumbnail,
    ThumbnailMade,
    Understood,
    UnloadJudge,
    format_of,
)
from core.errors import FolderMissing, SemblanceError
from core.jobs import Notice
from desktop.engine_thread import EngineLink, Message

if TYPE_CHECKING:
    from desktop.main_window import MainWindow

# Before the first QApplication, whoever makes it.
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


@pytest.fixture(scope="session", autouse=True)
def nothing_left_on_the_clipboard(qapp: QApplication) -> Iterator[None]:
    """The offscreen clipboard outlives the interpreter, which must not be needed then to free what it put there."""
    yield
    qapp.clipboard().clear()


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """After each test: no thread of Python's or of ours, and no process."""
    before = set(threading.enumerate())
    yield

    def left() -> list[str]:
        threads = [thread.name for thread in set(threading.enumerate()) - before if "Dummy" not in thread.name]
        return threads + _engine_threads() + [f"process {process.pid}" for process in _children()]

    deadline = time.monotonic() + 5
    while (running := left()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not running


def _engine_threads() -> list[str]:
    """Native threads by the name that the window gives its own; a QThread is unknown to `threading`."""
    names = []
    for path in Path("/proc/self/task").glob("*/comm"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            names.append(path.read_text().strip())
    return [name for name in names if name == "engine"]


def _children() -> list[psutil.Process]:
    left = []
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # likewise
            if "resource_tracker" not in " ".join(child.cmdline()):
                left.append(child)
    return left


# --- the engine, played ------------------------------------------------------------------------------


class PlayedEngine:
    """A courier for EngineLink: notes what is asked of it, answers what the test says, and by itself only this:

    a scan of one of its `folders` with that folder's files, of any other with FolderMissing; thumbnails, previews
    and subfolders with the least there can be; why a file has its score with what `explanations` has under its name,
    or with nothing; which models there are with `models`, what one costs with `speeds`; how much a finder knows with
    `prepared`; what is kept with `storage`. A ranking, preparing, a load, a download, a check of files, clearing,
    backup and restore are the test's to answer.
    """

    def __init__(self) -> None:
        self.folders: dict[str, list[str]] = {}
        self.subfolders: dict[str, list[tuple[str, bool]]] = {}
        self.unreadable: dict[str, MediaError] = {}
        """By name: files whose thumbnail can't be made."""
        self.animated: set[str] = set()
        """By name: pictures that turn out to be clips."""
        self.explanations: dict[str, Explanation] = {}
        self.models: Models | SemblanceError = Models(
            (
                ModelInfo("2B", False, "Qwen3-VL-Reranker-2B", "/hub/2B", 4_400_000_000, 4_400_000_000, None, True,
                          "fits; bfloat16 on the graphics card"),
                ModelInfo("8B", False, "Qwen3-VL-Reranker-8B", "", 17_500_000_000, 0, None, True,
                          "fits in 4-bit; the better judge"),
                ModelInfo("SigLIP2", True, "SigLIP 2", "/hub/SigLIP2", 800_000_000, 800_000_000, None, True,
                          "fits; quick on any machine"),
                ModelInfo("Embedding-2B", True, "Qwen3-VL-Embedding-2B", "", 4_300_000_000, 0, None, True,
                          "fits; finds clips and documents too"),
            ),
            "2B",
            (("cuda", "H200", 139 << 30), ("cpu", "16 cores", 64 << 30)),
            "SigLIP2",
        )  # fmt: skip
        self.speeds: dict[str, float] = {"2B": 40.0, "8B": 11.0}
        """Pictures a second, by name of the model; of another nothing can be tried out."""
        self.costless: dict[str, SemblanceError] = {}
        """By name of the model: why nothing can be."""
        self.prepared = 0
        """How many files of any folder a finder knows already."""
        self.storage = Storage("/home/catalog.sqlite3", 0, ())
        """What is kept."""
        self.requests: dict[int, Request] = {}
        self.cancelled: list[int] = []
        self.looked_at: list[list[int]] = []
        self.closed = False
        self._names: dict[str, list[str]] = {}  # of listings, by token
        self._messages: deque[Message] = deque()
        self._news = threading.Condition()
        self._woken = False

    # --- what EngineLink calls, from its thread

    def start(self, request: Request) -> int:
        number = len(self.requests) + 1
        self.requests[number] = request
        match request:
            case Scan():
                self._scan(number, request)
            case MakeThumbnails(listing=Listing() as listing):
                for row in request.rows:
                    error = self.unreadable.get(listing.names[row])
                    kind = Kind.VIDEO if listing.names[row] in self.animated else listing.kind(row)
                    made = (
                        None if error else Thumbnail(Raster.of(np.full((24, 32, 3), 90, np.uint8)), "", Facts(), kind)
                    )
                    self.say(number, ThumbnailMade(row, made, error))
                self.end(number)
            case MakePreview(path=path):
                kind = Kind.VIDEO if os.path.basename(path) in self.animated else Kind.IMAGE
                raster = Raster.of(np.full((60, 80, 3), 90, np.uint8))
                self.say(number, Preview(raster, "", Facts(80, 60), kind, "PNG", ()))
                self.end(number)
            case Explain(listing=Listing() as listing):
                if explanation := self.explanations.get(listing.names[request.row]):
                    self.say(number, explanation)
                self.end(number)
            case ListSubfolders():
                self.say(number, Subfolders(request.folder, self.subfolders.get(request.folder, [])))
                self.end(number)
            case ListModels():
                if isinstance(self.models, Models):
                    self.say(number, self.models)
                self.end(number, None if isinstance(self.models, Models) else self.models)
            case EstimateCost(judge=judge):
                if judge.name in self.speeds:
                    self.say(number, Cost(judge, self.speeds[judge.name], False))
                self.end(number, self.costless.get(judge.name))
            case CountPrepared(listing=Listing() as listing):
                self.say(number, Preparation(self.prepared, len(listing.names), 0))
                self.end(number)
            case MeasureStorage():
                self.say(number, self.storage)
                self.end(number)
            case UnloadJudge():
                self.end(number)
        return number

    def cancel(self, number: int) -> None:
        self.cancelled.append(number)

    def look_at(self, listing: Listing, rows: Any) -> None:
        self.looked_at.append(list(rows))

    def receive(self, timeout: float) -> list[Message]:
        with self._news:
            self._news.wait_for(lambda: self._messages or self._woken, timeout)
            self._woken = False
            messages = list(self._messages)
            self._messages.clear()
            return messages

    def wake(self) -> None:
        with self._news:
            self._woken = True
            self._news.notify()

    def close(self) -> None:
        self.closed = True

    # --- what the test says, from any thread

    def say(self, number: int, *events: Event | Ended) -> None:
        with self._news:
            self._messages.extend((number, event) for event in events)
            self._news.notify()

    def end(self, number: int, error: BaseException | None = None) -> None:
        self.say(number, Ended(error))

    def asked(self, kind: type[Request]) -> list[int]:
        """The numbers of the requests of this kind, cancelled or not, oldest first."""
        return [number for number, request in list(self.requests.items()) if isinstance(request, kind)]

    @property
    def ranking(self) -> int:
        """The number of the newest ranking."""
        return self.asked(Rank)[-1]

    def names(self) -> list[str]:
        """The files of the newest ranking, by row."""
        listing = self.requests[self.ranking].listing  # type: ignore[union-attr]
        assert isinstance(listing, Listing)
        return listing.names

    def find_or_judge(self, scores: dict[str, float], *, judged: bool, judged_count: int = 0, **how_far: Any) -> None:
        """Scores of the newest ranking of two stages, by name, and how far it is."""
        rows = np.array([self.names().index(name) for name in scores], np.int32)
        self.say(self.ranking, Scored(rows, np.array(list(scores.values()), np.float32), False, judged))
        total = len(self.names())
        known: dict[str, Any] = {
            "finder": "SigLIP 2",
            "found": total,
            "judged": judged_count,
            "total": total,
            "rate": 0.0,
        }
        known |= {"judging": True, "seconds_left": None, "seconds_for_all": None, "calibrated": False}
        self.say(self.ranking, Staged(**(known | how_far)))

    def score(self, scores: dict[str, float], *, known: bool = False) -> None:
        """Scores of the newest ranking, by name, and how far it is."""
        rows = np.array([self.names().index(name) for name in scores], np.int32)
        self.say(self.ranking, Scored(rows, np.array(list(scores.values()), np.float32), known))
        self.say(self.ranking, Progress(len(scores), len(self.names()), 0, 12.0, 3.0))

    def happens(self, *events: Event) -> None:
        """Something is seen on the disk by the newest scan."""
        self.say(self.asked(Scan)[-1], *events)

    def finds(self, folder: str, names: list[str], start: int, pages: list[int] | None = None) -> None:
        """The newest scan finds more files there, from this row on."""
        self.happens(listed(folder, names, start, pages))

    def refuse(self, errors: dict[str, MediaError]) -> None:
        self.say(self.ranking, Failed([self.names().index(name) for name in errors], list(errors.values())))

    def understand(self, looks: tuple[str, ...], words: tuple[str, ...]) -> None:
        """How the newest ranking took its words."""
        self.say(self.ranking, Understood(looks, words))

    def remark(self, error: SemblanceError) -> None:
        """Something worth telling in the newest ranking."""
        self.say(self.ranking, Notice(error))

    def finish(self) -> None:
        self.end(self.ranking)

    def _scan(self, number: int, request: Scan) -> None:
        listing = Listing(request.folder, recursive=request.recursive)
        self.say(number, ScanStarted(listing.root, listing.recursive, listing.token))
        names = self.folders.get(request.folder)
        if names is None:
            self.end(number, FolderMissing(path=request.folder))
            return
        if names:
            self.say(number, listed(request.folder, names))
        self.say(number, ScanFinished(len(names), 0.0))
        if not request.live:  # a live one watches until it is cancelled
            self.end(number)


def listed(folder: str, names: list[str], start: int = 0, pages: list[int] | None = None) -> Listed:
    """A chunk of a listing: these files of one folder, each a second older than the one before."""
    kinds = [format_.kind for name in names if (format_ := format_of(name))]
    return Listed(
        start,
        [folder],
        np.zeros(len(names), np.int32),
        names,
        np.array(kinds, np.uint8),
        np.full(len(names), 1000, np.int64),
        (1_700_000_000 - np.arange(len(names), dtype=np.int64)) * 10**9,
        None if pages is None else np.array(pages, np.int32),
    )


@pytest.fixture
def engine() -> PlayedEngine:
    return PlayedEngine()


@pytest.fixture
def link(qapp: QApplication, engine: PlayedEngine) -> Iterator[EngineLink]:
    link = EngineLink(lambda: engine)
    yield link
    link.close()
    assert engine.closed


# --- the window --------------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's own folder, for this test alone."""
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


OpenWindow = Callable[..., "MainWindow"]


@pytest.fixture
def open_window(
    qapp: QApplication, qtbot: Any, home: Path, engine: PlayedEngine
) -> Iterator[Callable[..., MainWindow]]:
    """Opens the window as the program does; on the played engine, or with real=True on one in its process."""
    from desktop.app import make_window  # here, for the tests of one widget need no other

    look = qapp.palette(), qapp.styleSheet(), qapp.style().name()
    opened: list[MainWindow] = []

    def make(folder: str | Path | None = None, query: Query | None = None, *, real: bool = False) -> MainWindow:
        window = make_window(qapp, (lambda: EngineProcess(workers=2)) if real else (lambda: engine))
        opened.append(window)
        qtbot.addWidget(window)
        window.show()
        window.activateWindow()
        window.begin(None if folder is None else str(folder), query or Query())
        qtbot.waitExposed(window)
        qtbot.waitUntil(window.isActiveWindow)
        return window

    yield make
    for window in opened:
        window.close()
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qapp.styleHints().unsetColorScheme()
    qapp.setStyleSheet(look[1])
    qapp.setPalette(look[0])
    qapp.setStyle(look[2])


# --- real files --------------------------------------------------------------------------------------


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A person's folder: plain pictures of five colours, a clip that turns from red to dark, a text, broken files."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, colour in (
        ("red.png", "#d01818"),
        ("dark red.jpg", "#a01414"),
        ("green.webp", "#18a030"),
        ("more/blue.png", "#1830c0"),
        ("more/orange.png", "#e07818"),
    ):
        Image.new("RGB", (96, 64), colour).save(folder / name)
    with av.open(str(folder / "ember.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.thread_count = 1
        for step in range(20):
            pixels = np.full((48, 64, 3), [220 - 6 * step, 24, 24], np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    (folder / "notes.txt").write_text("The red door was open.")
    (folder / "empty.jpg").touch()
    (folder / "cut.png").write_bytes((folder / "red.png").read_bytes()[:60])
    return folder


@pytest.fixture
def untouched(photos: Path) -> Iterator[None]:
    """Whatever the window does, the person's folder stays as it is: names, sizes, times, contents."""

    def state() -> dict[str, tuple[int, int, bytes]]:
        return {
            str(path): (path.stat().st_size, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
            for path in sorted([photos, *photos.rglob("*")])
        }

    before = state()
    yield
    assert state() == before
