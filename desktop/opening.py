"""How a file is opened in the program that the system uses for it, and a page of a PDF at that page.

Only a Linux desktop can be told the page: its program for PDFs is asked for (without waiting for the answer here), and
started with the option that it has for that. On macOS and Windows, and with any other program, the file is opened as
it is.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QProcess, QTimer, Signal
from PySide6.QtGui import QDesktopServices

from core.errors import printable
from desktop.drops import file_url

ANSWER_MS = 1500
"""How long the desktop may take to say which program it uses."""


@dataclass(frozen=True)
class _Viewer:
    """A program that can be told a page; all of them count from 1."""

    sign: str
    """What the name of its desktop file contains, in lower case."""
    programs: tuple[str, ...]
    arguments: Callable[[str, int], list[str]]
    """Of a path and a page."""


def _option(name: str) -> Callable[[str, int], list[str]]:
    return lambda path, page: [f"{name}={page}", path]


def _pair(name: str) -> Callable[[str, int], list[str]]:
    return lambda path, page: [name, str(page), path]


def _address(path: str, page: int) -> list[str]:
    return [f"{bytes(file_url(path).toEncoded().data()).decode()}#page={page}"]


_VIEWERS = (
    _Viewer("evince", ("evince",), _option("--page-index")),
    _Viewer("papers", ("papers",), _option("--page-index")),
    _Viewer("atril", ("atril",), _option("--page-index")),
    _Viewer("xreader", ("xreader",), _option("--page-index")),
    _Viewer("okular", ("okular",), _pair("-p")),
    _Viewer("zathura", ("zathura",), _pair("-P")),
    _Viewer("mupdf", ("mupdf", "mupdf-x11", "mupdf-gl"), lambda path, page: [path, str(page)]),
    _Viewer("qpdfview", ("qpdfview",), lambda path, page: [f"{path}#{page}"]),
    _Viewer("firefox", ("firefox", "firefox-esr"), _address),
    _Viewer("chromium", ("chromium", "chromium-browser"), _address),
    _Viewer("chrome", ("google-chrome", "google-chrome-stable"), _address),
    _Viewer("edge", ("microsoft-edge", "microsoft-edge-stable"), _address),
    _Viewer("brave", ("brave-browser", "brave"), _address),
)


class Opener(QObject):
    """Opens files for the person, one at a time as they ask."""

    failed = Signal(object)
    """Path (str) of a file that no program here opens."""

    def open(self, path: str, page: int = 0) -> None:
        """Open the file; a page of a PDF after the first (from 0) at that page, where that can be told."""
        if page > 0 and path.lower().endswith(".pdf") and _can_be_asked(path):
            self._ask_for_viewer(path, page)
        else:
            self._open_plainly(path)

    def _open_plainly(self, path: str) -> None:
        if not QDesktopServices.openUrl(file_url(path)):
            self.failed.emit(path)

    def _ask_for_viewer(self, path: str, page: int) -> None:
        question = QProcess(self)
        limit = QTimer(question, singleShot=True, interval=ANSWER_MS)
        limit.timeout.connect(question.kill)

        def answered() -> None:
            question.deleteLater()
            answer = bytes(question.readAllStandardOutput().data()).decode("utf-8", "replace")
            if not _open_at_page(answer.strip(), path, page):
                self._open_plainly(path)

        def not_started(error: QProcess.ProcessError) -> None:
            if error is QProcess.ProcessError.FailedToStart:
                question.deleteLater()
                self._open_plainly(path)

        question.finished.connect(answered)  # also when it was killed
        question.errorOccurred.connect(not_started)
        question.start("xdg-mime", ["query", "default", "application/pdf"])
        limit.start()


def _can_be_asked(path: str) -> bool:
    # Arguments travel as Unicode: a name that is none is opened by its address, without the page.
    return sys.platform.startswith("linux") and printable(path) == path


def _open_at_page(desktop_file: str, path: str, page: int) -> bool:
    """Whether the program of that desktop file is one that takes a page, and was started."""
    viewer = next((viewer for viewer in _VIEWERS if viewer.sign in desktop_file.lower()), None)
    program = next(filter(shutil.which, viewer.programs), None) if viewer else None
    if viewer is None or program is None:  # installed as a package of its own kind, perhaps
        return False
    return QProcess.startDetached(program, viewer.arguments(path, page + 1))[0]
