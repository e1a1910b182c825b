"""Choosing the aspect: what is shown, what is told, and that it can't be chosen by accident or in vain."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from core import Aspect
from desktop.aspects import AspectChoice, aspect_line, aspect_name

# What the offscreen platform says of popups, and of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)


@pytest.fixture
def choice(qtbot: Any) -> AspectChoice:
    window = QWidget()
    choice = AspectChoice(window)
    choice.told = []  # type: ignore[attr-defined]
    choice.chosen.connect(choice.told.append)  # type: ignore[attr-defined]
    choice.set_applicable(True)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    choice.setFocus()
    qtbot.waitUntil(choice.hasFocus)
    choice.window_ = window  # type: ignore[attr-defined]  # lives as long as the choice
    return choice


def told(choice: AspectChoice) -> list[Aspect]:
    return choice.told  # type: ignore[attr-defined,no-any-return]


def test_every_aspect_has_a_name_and_a_line_of_its_own(qapp: QApplication) -> None:
    for words in (aspect_name, aspect_line):
        assert len({words(aspect) for aspect in Aspect}) == len(Aspect)
    assert all(len(aspect_line(aspect)) <= 48 for aspect in Aspect)


def test_the_list_has_the_names_with_their_lines_for_every_reader(choice: AspectChoice) -> None:
    role = Qt.ItemDataRole.AccessibleDescriptionRole
    rows = [(choice.itemText(row), choice.itemData(row, role)) for row in range(choice.count())]
    assert rows == [(aspect_name(aspect), aspect_line(aspect)) for aspect in Aspect]


def test_choosing_by_keyboard_tells_it_once(choice: AspectChoice) -> None:
    QTest.keyClick(choice, Qt.Key.Key_Down)
    assert choice.aspect() is Aspect.PALETTE
    assert told(choice) == [Aspect.PALETTE]
    assert "Palette" in choice.accessibleDescription()
    choice.activated.emit(choice.currentIndex())  # the same again, from the list
    assert told(choice) == [Aspect.PALETTE]


def test_choosing_from_the_list(choice: AspectChoice, qtbot: Any) -> None:
    choice.showPopup()
    view = choice.view()
    qtbot.waitUntil(view.isVisible)
    view.grab()
    assert view.viewport().width() >= view.sizeHintForIndex(choice.model().index(4, 0)).width()
    for _ in range(4):
        QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert told(choice) == [Aspect.SAME]


def test_set_from_outside_it_tells_nobody(choice: AspectChoice) -> None:
    choice.set_aspect(Aspect.TEXTURE)
    assert choice.aspect() is Aspect.TEXTURE
    assert told(choice) == []


def test_a_wheel_that_passes_by_asks_nothing(choice: AspectChoice) -> None:
    middle = QPointF(choice.rect().center())
    event = QWheelEvent(
        middle,
        choice.mapToGlobal(middle),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(choice, event)
    assert choice.aspect() is Aspect.OVERALL


def test_where_it_cannot_apply_it_says_why(choice: AspectChoice) -> None:
    choice.set_applicable(False)
    assert not choice.isEnabled()
    assert "Needs a picture or clip" in choice.toolTip()
    assert "Needs a picture or clip" in choice.accessibleDescription()


def test_its_width_depends_on_the_room_and_not_on_the_choice(choice: AspectChoice) -> None:
    long = choice.width()
    choice.set_aspect(Aspect.SAME)
    choice.grab()
    assert choice.width() == long
    choice.set_compact(True)
    choice.grab()
    assert choice.width() < long
    choice.set_compact(False)
    assert choice.width() == long
