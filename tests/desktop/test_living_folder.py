"""The window over a folder that changes, goes away and comes back; over pages, animations and duplicates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from core import (
    Away,
    Changed,
    Facts,
    FindStacks,
    Gone,
    Kind,
    MakePreview,
    MakeThumbnails,
    Preview,
    Query,
    Rank,
    Raster,
    ScanFinished,
    Stacked,
    ThumbnailMade,
)
from core.errors import FileDamaged, FileVanished
from desktop.images import image_of
from desktop.main_window import MainWindow

# What the offscreen platform says of menus, and of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

Open = Callable[..., MainWindow]
FOLDER = "/people/ada/Photos"
FILES = ["apple.jpg", "bread.jpg", "cup.png", "door.mp4", "essay.txt"]


@pytest.fixture(autouse=True)
def some_folders(engine: Any) -> None:
    engine.folders = {FOLDER: FILES, "/people/ada/Scans": []}


@pytest.fixture
def window(open_window: Open, engine: Any, qtbot: Any) -> MainWindow:
    """On FOLDER, ranked by words: essay, door, cup, bread, apple."""
    window = open_window(FOLDER, Query(text="wood"))
    qtbot.waitUntil(lambda: len(engine.asked(Rank)) == 1)
    engine.score({name: 0.1 * place for place, name in enumerate(FILES, 1)})
    qtbot.waitUntil(lambda: names(window) == FILES[::-1])
    return window


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    files: list[tuple[str, int]] = []
    monkeypatch.setattr("desktop.opening.Opener.open", lambda _self, path, page=0: files.append((path, page)))
    return files


def rows(*ids: int) -> np.ndarray:
    return np.array(ids, np.int32)


def changed(*ids: int) -> Changed:
    return Changed(rows(*ids), np.full(len(ids), 5000, np.int64), np.full(len(ids), 1_800_000_000 * 10**9, np.int64))


def names(window: MainWindow) -> list[str]:
    model = window.results.model
    return [model.name_of(int(id_)) for id_ in model.order]


def select(window: MainWindow, name: str) -> None:
    view, model = window.results.view, window.results.model
    at = view.visualRect(model.index(names(window).index(name))).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)


def press(key: Qt.Key) -> None:
    """A key, wherever the focus is."""
    focus = QApplication.focusWidget() or QApplication.activeWindow()
    assert focus is not None
    QTest.keyClick(focus, key)


def close_menu(window: MainWindow) -> None:
    """The offscreen platform gives the focus to nothing after a menu."""
    for menu in window.findChildren(QMenu):
        menu.close()
    window.activateWindow()
    window.results.view.setFocus()


def menu_on(window: MainWindow, name: str) -> dict[str, Any]:
    """The context menu's entries, by their words."""
    view, model = window.results.view, window.results.model
    at = view.visualRect(model.index(names(window).index(name))).center()
    QTest.mousePress(view.viewport(), Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, at)
    event = QContextMenuEvent(QContextMenuEvent.Reason.Mouse, at, view.viewport().mapToGlobal(at))
    QApplication.sendEvent(view.viewport(), event)
    menu = next(menu for menu in window.findChildren(QMenu) if menu.isVisible())
    return {action.text(): action for action in menu.actions()}


def count(window: MainWindow) -> str:
    return window.results._count.text()


# --- files that come, change and go


def test_files_that_go_leave_and_files_that_come_appear(window: MainWindow, engine: Any, qtbot: Any) -> None:
    engine.happens(Gone(rows(3)))
    engine.finds(FOLDER, ["fig.jpg"], 5)
    qtbot.waitUntil(lambda: names(window) == ["essay.txt", "cup.png", "bread.jpg", "apple.jpg", "fig.jpg"])
    qtbot.waitUntil(lambda: count(window) == "5 results")
    engine.happens(changed(3))  # it is back
    qtbot.waitUntil(lambda: "door.mp4" in names(window))


def test_failures_of_files_that_are_gone_are_none(window: MainWindow, engine: Any, qtbot: Any) -> None:
    engine.refuse({"cup.png": FileDamaged(detail="x")})
    qtbot.waitUntil(lambda: "1 can't be scored" in count(window))
    window.show_failures()
    assert window.failures is not None
    assert window.failures.model.rowCount() == 1
    engine.happens(Gone(rows(2)))
    qtbot.waitUntil(lambda: "can't" not in count(window))
    assert window.failures.model.rowCount() == 0
    window.failures.close()


def test_the_loupe_goes_on_beside_a_file_that_is_gone_and_reads_a_changed_one_again(
    window: MainWindow, engine: Any, qtbot: Any
) -> None:
    select(window, "cup.png")
    press(Qt.Key.Key_Space)
    assert window.loupe.isVisible()
    qtbot.waitUntil(lambda: len(engine.asked(MakePreview)) >= 1)

    def large() -> str:
        file = window.loupe.preview.file()
        return file.path if file is not None else ""

    assert large().endswith("cup.png")
    before = len(engine.asked(MakePreview))
    engine.happens(changed(2))
    qtbot.waitUntil(lambda: len(engine.asked(MakePreview)) > before)
    engine.happens(Gone(rows(2)))
    qtbot.waitUntil(lambda: large().endswith("bread.jpg"))
    qtbot.waitUntil(lambda: "bread.jpg" in window.inspector._name.text())
    engine.happens(Gone(rows(0, 1, 3, 4)))
    qtbot.waitUntil(window.loupe.isHidden)


# --- a folder that is away


def test_a_folder_that_is_away_says_so_and_blames_no_file(
    window: MainWindow, engine: Any, opened: list[tuple[str, int]], qtbot: Any
) -> None:
    select(window, "cup.png")
    engine.refuse({"apple.jpg": FileVanished()})
    qtbot.waitUntil(lambda: "1 can't be scored" in count(window))
    engine.happens(Away(True))
    qtbot.waitUntil(lambda: window.notice.text.startswith("Photos is not connected. You see what was there"))
    assert "can't" not in count(window)
    engine.refuse({"bread.jpg": FileVanished()})
    engine.say(engine.asked(MakeThumbnails)[-1], ThumbnailMade(3, None, FileVanished()))
    qtbot.wait(100)
    assert "can't" not in count(window)
    assert window._failure_list() == []
    assert "(not connected)" in window.library.tree.all_items()[1].text(0)
    # Opening says why it can't.
    qtbot.waitUntil(lambda: not window.inspector.open_button.isEnabled())
    assert "Photos is not connected" in window.inspector.open_button.toolTip()
    assert "Photos is not connected" in window.inspector.preview.trouble()
    entry = menu_on(window, "cup.png")["Open"]
    assert not entry.isEnabled()
    assert "not connected" in entry.toolTip()
    close_menu(window)
    window.notice.hide()
    press(Qt.Key.Key_Return)
    assert opened == []
    assert "Photos is not connected" in window.notice.text
    # Back again, by itself.
    engine.happens(Away(False))
    qtbot.waitUntil(lambda: window.notice.text == "")
    qtbot.waitUntil(window.inspector.open_button.isEnabled)
    assert window.inspector.preview.trouble() == ""
    press(Qt.Key.Key_Return)
    assert opened == [(f"{FOLDER}/cup.png", 0)]
    assert window._failure_list() == []


def test_what_could_not_be_shown_while_it_was_away_is_asked_for_when_it_is_back(
    window: MainWindow, engine: Any, qtbot: Any
) -> None:
    qtbot.waitUntil(lambda: window.results.view.thumbnail(0) is not None)
    engine.happens(Away(True))
    qtbot.waitUntil(lambda: window.session.away)
    window.results.view.thumbnails_wanted.emit([], 128)
    engine.happens(changed(0), Away(False))
    before = len(engine.asked(MakeThumbnails))
    qtbot.waitUntil(lambda: any(0 in engine.requests[n].rows for n in engine.asked(MakeThumbnails)[before:]))


# --- pages


@pytest.fixture
def scans(open_window: Open, engine: Any, qtbot: Any) -> MainWindow:
    """A folder of a PDF of three pages, a TIFF of two and a text."""
    window = open_window("/people/ada/Scans")
    qtbot.waitUntil(lambda: window.session.listing is not None)  # the scan is asked for in the engine's thread
    names_ = ["deed.pdf", "fax.tif", "note.txt", "deed.pdf", "deed.pdf", "fax.tif"]
    engine.finds("/people/ada/Scans", names_, 0, pages=[0, 0, 0, 1, 2, 1])
    engine.happens(ScanFinished(6, 0.1))
    qtbot.waitUntil(lambda: len(names(window)) == 6)
    return window


def test_a_page_is_named_looked_at_and_opened_as_that_page(
    scans: MainWindow, engine: Any, opened: list[tuple[str, int]], qtbot: Any
) -> None:
    select(scans, "deed.pdf · page 3")
    qtbot.waitUntil(lambda: "deed.pdf · page 3" in scans.inspector._name.text())
    qtbot.waitUntil(lambda: bool(engine.asked(MakePreview)))
    request = engine.requests[engine.asked(MakePreview)[-1]]
    assert (request.path, request.page) == ("/people/ada/Scans/deed.pdf", 2)
    press(Qt.Key.Key_Return)
    scans.inspector.open_button.click()
    scans.results.view.setFocus()
    press(Qt.Key.Key_Space)
    press(Qt.Key.Key_Return)
    assert opened == [("/people/ada/Scans/deed.pdf", 2)] * 3


def test_a_page_is_shown_as_a_picture_with_its_words_to_copy(scans: MainWindow, qtbot: Any) -> None:
    select(scans, "deed.pdf · page 2")
    qtbot.waitUntil(lambda: scans.inspector.preview.file() is not None)
    preview = Preview(None, "", Facts(1240, 1754), Kind.TEXT, "PDF", ())
    pixels = np.full((175, 124, 3), 240, np.uint8)
    raster = Raster.of(pixels)
    path = "/people/ada/Scans/deed.pdf"
    answer = (path, image_of(raster), "Know all men", preview.facts, "PDF", ())
    scans.inspector.set_preview(*answer, page=0)  # of another page: not this one's
    assert scans.inspector.preview.picture.image().width() != 124
    scans.inspector.set_preview(*answer, page=1, kind=Kind.TEXT)
    assert scans.inspector.preview.picture.image().width() == 124
    facts = dict(scans.inspector.facts.rows())
    assert facts["Kind"] == "Document, PDF"
    assert facts["Text"] == "Know all men"
    assert "Dimensions" not in facts
    # In the large view its words stand beside it.
    scans.results.view.setFocus()
    press(Qt.Key.Key_Space)
    scans.loupe.set_preview(*answer, page=1, kind=Kind.TEXT)
    assert scans.loupe.preview.page_text.isVisible()
    assert scans.loupe.preview.page_text.toPlainText() == "Know all men"


def test_what_cannot_be_asked_of_a_page_says_so(scans: MainWindow, qtbot: Any) -> None:
    select(scans, "fax.tif · page 2")
    qtbot.waitUntil(lambda: "page 2" in scans.inspector._name.text())
    assert not scans.inspector.similar_button.isEnabled()
    press(Qt.Key.Key_F)
    assert "first page" in scans.query_bar.message()
    select(scans, "deed.pdf · page 1")
    press(Qt.Key.Key_F)
    assert "A document can't be the query" in scans.query_bar.message()


def test_pages_of_one_file_are_copied_as_that_file(scans: MainWindow) -> None:
    scans.results.view.setFocus()
    QTest.keyClick(scans.results.view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    copy = next(action for words, action in menu_on(scans, "note.txt").items() if words.startswith("Copy"))
    copy.trigger()
    assert len(QApplication.clipboard().mimeData().urls()) == 3
    close_menu(scans)


# --- animations


def test_an_animated_picture_is_looked_through_like_a_clip(open_window: Open, engine: Any, qtbot: Any) -> None:
    engine.animated = {"bread.jpg"}
    window = open_window(FOLDER)
    qtbot.waitUntil(lambda: bool(names(window)) and window.results.view.is_clip(1))
    select(window, "bread.jpg")
    qtbot.waitUntil(lambda: window.inspector.preview.controls.isVisible())
    assert dict(window.inspector.facts.rows())["Kind"].startswith("Clip")
    select(window, "apple.jpg")
    qtbot.waitUntil(lambda: not window.inspector.preview.controls.isVisible())


# --- duplicates


def test_duplicates_fold_unfold_and_can_be_switched_off(window: MainWindow, engine: Any, qtbot: Any) -> None:
    window.session._find_stacks()
    qtbot.waitUntil(lambda: bool(engine.asked(FindStacks)))
    engine.say(engine.asked(FindStacks)[-1], Stacked(rows(0, 0, 2, 3, 0)))
    qtbot.waitUntil(lambda: names(window) == ["essay.txt", "door.mp4", "cup.png"])
    qtbot.waitUntil(lambda: count(window) == "5 results · 2 duplicates folded")
    menu_on(window, "essay.txt")["Unfold these 3"].trigger()
    close_menu(window)
    assert names(window) == ["essay.txt", "bread.jpg", "apple.jpg", "door.mp4", "cup.png"]
    menu_on(window, "apple.jpg")["Fold these 3"].trigger()
    close_menu(window)
    assert len(names(window)) == 3
    window.results.folding.click()
    qtbot.waitUntil(lambda: names(window) == FILES[::-1])
    assert not window._folding_action.isChecked()
    assert not window._settings.fold_duplicates
    window._folding_action.trigger()
    qtbot.waitUntil(lambda: len(names(window)) == 3)
    assert window._settings.fold_duplicates


def test_the_panel_of_what_is_kept_opens_from_the_menu(window: MainWindow, qtbot: Any) -> None:
    entry = next(action for action in window.menu.actions() if action.text() == "What is kept …")
    entry.trigger()
    assert window.storage is not None
    storage = window.storage
    qtbot.waitUntil(lambda: storage.path.text() == "/home/catalog.sqlite3")
    storage.close()
