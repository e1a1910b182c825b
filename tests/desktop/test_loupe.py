"""One result over the whole window: it comes and goes, and its keys and buttons lead on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from core import Facts, Kind
from desktop.loupe import Loupe
from desktop.preview import FileView

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

PICTURE = FileView("/p/prague.jpg", "prague.jpg", "/p", Kind.IMAGE, 4_812_334, 1.7e9, 0.934, 3, 2431)
TEXT = replace(PICTURE, path="/p/notes.txt", name="notes.txt", kind=Kind.TEXT)


def image(width: int, height: int, colour: Qt.GlobalColor = Qt.GlobalColor.red) -> QImage:
    made = QImage(width, height, QImage.Format.Format_RGB32)
    made.fill(colour)
    return made


@pytest.fixture
def window(qtbot: Any) -> QWidget:
    window = QWidget()
    window.resize(800, 600)
    window.setLocale(QLocale("en_GB"))
    window.line = QLineEdit(window)  # type: ignore[attr-defined]
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


def test_the_loupe_covers_the_window_and_goes(window: QWidget, qtbot: Any) -> None:
    loupe = Loupe(window)
    closed: list[int] = []
    loupe.closed.connect(lambda: closed.append(1))
    line: QLineEdit = window.line  # type: ignore[attr-defined]
    line.setFocus()
    for key in (Qt.Key.Key_Space, Qt.Key.Key_Escape):
        loupe.show_file(PICTURE, image(20, 15))
        assert loupe.geometry() == window.rect()
        assert loupe.words() == "3 of 2,431   0.93"
        window.resize(window.width() + 50, 600)
        assert loupe.geometry() == window.rect()
        qtbot.keyClick(QApplication.focusWidget(), key)
        assert loupe.isHidden()
        assert line.hasFocus()
    assert len(closed) == 2


def test_keys_of_the_loupe(window: QWidget, qtbot: Any) -> None:
    loupe = Loupe(window)
    told: list[object] = []
    loupe.stepped.connect(told.append)
    loupe.open_wanted.connect(lambda path, page: told.append((path, page)))
    loupe.similar_wanted.connect(lambda path, page: told.append((path, page)))
    loupe.show_file(PICTURE, image(20, 15))
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Return, Qt.Key.Key_F):
        qtbot.keyClick(QApplication.focusWidget(), key)
    assert told == [1, -1, 1, -1, (PICTURE.path, 0), (PICTURE.path, 0)]


def test_its_keys_are_not_the_windows_while_it_is_open(window: QWidget, qtbot: Any) -> None:
    loupe = Loupe(window)
    used: list[str] = []
    for keys in ("Space", "F"):
        QShortcut(QKeySequence(keys), window).activated.connect(lambda keys=keys: used.append(keys))
    similar: list[object] = []
    loupe.similar_wanted.connect(lambda path, _: similar.append(path))
    loupe.show_file(PICTURE, image(20, 15))
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F)
    assert (similar, used) == ([PICTURE.path], [])
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert loupe.isHidden()
    qtbot.keyClick(window, Qt.Key.Key_Space)
    assert used == ["Space"]


def test_around_a_text_the_keys_still_step_and_close(window: QWidget, qtbot: Any) -> None:
    loupe = Loupe(window)
    told: list[int] = []
    loupe.stepped.connect(told.append)
    loupe.show_file(TEXT)
    loupe.set_preview(TEXT.path, None, "line\n" * 500, Facts())
    QApplication.processEvents()
    text = loupe.preview.text
    assert text.hasFocus()
    qtbot.keyClick(text, Qt.Key.Key_Down)
    assert text.verticalScrollBar().value() > 0
    qtbot.keyClick(text, Qt.Key.Key_Right)
    assert told == [1]
    qtbot.keyClick(text, Qt.Key.Key_Space)
    assert loupe.isHidden()


def test_the_loupe_by_mouse(window: QWidget, qtbot: Any) -> None:
    loupe = Loupe(window)
    asked: list[str] = []
    loupe.preview_wanted.connect(lambda path, *_: asked.append(path))
    told: list[int] = []
    loupe.stepped.connect(told.append)
    loupe.show_file(PICTURE)
    assert asked == [PICTURE.path]
    for button in (loupe.back_button, loupe.on_button, loupe.close_button):
        assert button.accessibleName()
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert told == [-1, 1]
    assert loupe.isHidden()


def test_a_part_of_a_picture_is_asked_for_by_button_and_key(window: QWidget, qtbot: Any) -> None:
    loupe = Loupe(window)
    told: list[object] = []
    loupe.part_wanted.connect(told.append)
    loupe.show_file(TEXT)
    assert not loupe.part_button.isEnabled()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    assert told == []
    loupe.show_file(PICTURE, image(20, 15))
    qtbot.mouseClick(loupe.part_button, Qt.MouseButton.LeftButton)
    loupe.preview.picture.setFocus()
    qtbot.keyClick(loupe.preview.picture, Qt.Key.Key_F, Qt.KeyboardModifier.ShiftModifier)
    assert told == [PICTURE.path, PICTURE.path]
