"""The composition root: makes the parts, joins them, and runs the window."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from types import TracebackType

from PySide6.QtCore import QLocale, QLoggingCategory, QSocketNotifier, QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from core import EngineProcess, Home, Query, load_settings
from desktop import theme
from desktop.engine_thread import Courier, EngineLink
from desktop.main_window import MainWindow
from desktop.messages import sentence
from resources import app_icon_path

log = logging.getLogger(__name__)


def run(folder: str | None, query: Query) -> int:
    """Open the window on `folder` with `query`; returns the exit status when it is closed."""
    logging.basicConfig(level=logging.WARNING, format="semblance: %(levelname)s: %(name)s: %(message)s")
    app = make_app()
    window = make_window(app)
    _show_faults(window)
    with _quit_on_signals(app):
        window.show()
        window.begin(folder, query)
        return app.exec()


def make_app() -> QApplication:
    # The engine's thread must get the interpreter back quickly, and give it back.
    sys.setswitchinterval(0.001)
    # Playing a clip would tell the terminal all about its streams.
    QLoggingCategory.setFilterRules("qt.multimedia.*.info=false\nqt.multimedia.*.debug=false")
    app = QApplication(["semblance"])
    if QLocale.system().language() == QLocale.Language.C:
        QLocale.setDefault(QLocale(QLocale.Language.English))  # the C locale groups no digits and names no months
    app.setApplicationName("Semblance")
    app.setDesktopFileName("semblance")
    app.setWindowIcon(QIcon(str(app_icon_path())))
    return app


def make_window(app: QApplication, open_courier: Callable[[], Courier] = EngineProcess) -> MainWindow:
    """The window over an engine, not shown yet. The engine starts meanwhile, in its thread."""
    home = Home.find()
    settings, damaged = load_settings(home.settings)
    theme.apply_theme(app, settings.theme)
    window = MainWindow(EngineLink(open_courier), home, settings)
    if damaged:
        window.notice.say("settings", sentence(damaged))
    return window


def _show_faults(window: MainWindow) -> None:
    """A bug in a slot is logged and shown as one; the window lives on."""

    def hook(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
        log.error("unexpected error", exc_info=(kind, fault, trace))
        window.notice.say("fault", sentence(fault))

    sys.excepthook = hook


@contextlib.contextmanager
def _quit_on_signals(app: QApplication) -> Iterator[None]:
    """Let Ctrl+C and a polite kill close the window as a person would: Qt's loop never returns to Python by itself."""
    if sys.platform == "win32":
        yield
        return
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.fileno())
    for number in (signal.SIGINT, signal.SIGTERM):
        # From the loop: a window closed before it runs would leave it running without one.
        signal.signal(number, lambda *_: QTimer.singleShot(0, app.closeAllWindows))
    notifier = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read)
    notifier.activated.connect(lambda *_: reader.recv(64))
    try:
        yield
    finally:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(-1)
        reader.close()
        writer.close()
