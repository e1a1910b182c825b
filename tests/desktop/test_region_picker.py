"""Choosing the part of a picture that counts: what is drawn stays a region, by mouse and by keyboard."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit, QWidget

from core import Facts, Region
from desktop.region_picker import GRIPS, LEAST, WHOLE, RegionPicker, dragged, drawn

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

NONE = Qt.KeyboardModifier.NoModifier
CONTROL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
PATH = "/p/coffee.jpg"


# --- what can be drawn ---------------------------------------------------------------------------------

points = st.tuples(st.floats(-2, 3), st.floats(-2, 3))


@given(points, points)
def test_what_is_drawn_is_a_region_or_a_click(start: tuple[float, float], end: tuple[float, float]) -> None:
    region = drawn(start, end)
    assert region == drawn(end, start)
    if region is not None:  # Region itself refuses what is outside or empty
        assert min(region.right - region.left, region.bottom - region.top) >= LEAST


@given(points, points, st.lists(st.tuples(st.sampled_from((WHOLE, *GRIPS)), st.floats(-2, 2), st.floats(-2, 2))))
def test_whatever_is_dragged_stays_in_the_picture(start: Any, end: Any, drags: Any) -> None:
    region = drawn(start, end)
    if region is None:
        return
    for grip, dx, dy in drags:
        before, region = region, dragged(region, grip, dx, dy)
        assert min(region.right - region.left, region.bottom - region.top) >= LEAST - 1e-9
        if grip == WHOLE:
            assert region.right - region.left == pytest.approx(before.right - before.left)
            assert region.bottom - region.top == pytest.approx(before.bottom - before.top)
        if grip.across >= 0 and grip != WHOLE:
            assert region.left == before.left
        if grip.down <= 0 and grip != WHOLE:
            assert region.bottom == before.bottom


@given(st.floats(0.0, 0.9), st.floats(1e-6, 0.01), st.sampled_from((WHOLE, *GRIPS)), st.floats(-1, 1))
def test_a_region_smaller_than_can_be_drawn_is_kept_and_can_be_dragged(
    at: float, size: float, grip: Any, by: float
) -> None:
    dragged(Region(at, at, at + size, at + size), grip, by, by)  # a Region would refuse to be empty


# --- on the picture ------------------------------------------------------------------------------------


def image(width: int, height: int) -> QImage:
    made = QImage(width, height, QImage.Format.Format_RGB32)
    made.fill(Qt.GlobalColor.darkCyan)
    return made


class Chosen(list[Region | None]):
    """What the picker was told to use."""


@pytest.fixture
def window(qtbot: Any) -> QWidget:
    window = QWidget()
    window.resize(800, 600)
    window.line = QLineEdit(window)  # type: ignore[attr-defined]
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    return window


@pytest.fixture
def chosen() -> Chosen:
    return Chosen()


@pytest.fixture
def picker(window: QWidget, chosen: Chosen) -> RegionPicker:
    """Open on a picture of 2:1."""
    window.line.setFocus()  # type: ignore[attr-defined]
    picker = RegionPicker(window)
    picker.pick(PATH, "coffee.jpg", None, chosen.append)
    picker.set_picture(PATH, image(1000, 500), Facts(6000, 3000))
    QApplication.processEvents()
    return picker


def at(picker: RegionPicker, x: float, y: float) -> QPoint:
    """A point of the picture, in the view's pixels."""
    place = picker.view.place()
    return QPointF(place.left() + x * place.width(), place.top() + y * place.height()).toPoint()


def drag(picker: RegionPicker, start: tuple[float, float], end: tuple[float, float]) -> None:
    view = picker.view
    QTest.mousePress(view, Qt.MouseButton.LeftButton, NONE, at(picker, *start))
    QTest.mouseMove(view, at(picker, (start[0] + end[0]) / 2, (start[1] + end[1]) / 2))
    QTest.mouseMove(view, at(picker, *end))
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, NONE, at(picker, *end))


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = NONE) -> None:
    focus = QApplication.focusWidget()
    assert focus is not None
    QTest.keyClick(focus, key, modifiers)


def edges(region: Region | None) -> tuple[float, ...]:
    assert region is not None
    return (region.left, region.top, region.right, region.bottom)


def near(*values: float) -> Any:
    return pytest.approx(values, abs=0.004)  # pixels of the screen


def test_a_rectangle_is_drawn_moved_and_resized_with_the_mouse(picker: RegionPicker) -> None:
    drag(picker, (0.6, 0.7), (0.2, 0.3))
    assert edges(picker.view.region()) == near(0.2, 0.3, 0.6, 0.7)
    drag(picker, (0.4, 0.5), (0.5, 0.4))
    assert edges(picker.view.region()) == near(0.3, 0.2, 0.7, 0.6)
    drag(picker, (0.7, 0.6), (0.8, 0.9))
    assert edges(picker.view.region()) == near(0.3, 0.2, 0.8, 0.9)
    drag(picker, (0.3, 0.5), (0.1, 0.5))
    assert edges(picker.view.region()) == near(0.1, 0.2, 0.8, 0.9)
    picker.grab()


def test_a_rectangle_ends_at_the_pictures_edge(picker: RegionPicker) -> None:
    drag(picker, (0.5, 0.5), (1.5, 1.5))
    assert edges(picker.view.region()) == near(0.5, 0.5, 1, 1)
    drag(picker, (0.75, 0.75), (-1, 0.75))
    assert edges(picker.view.region()) == near(0, 0.5, 0.5, 1)


def test_what_is_smaller_than_a_fiftieth_is_a_click_and_takes_the_rectangle_away(picker: RegionPicker) -> None:
    drag(picker, (0.2, 0.2), (0.6, 0.6))
    drag(picker, (0.8, 0.8), (0.815, 0.815))
    assert picker.view.region() is None
    assert not picker.part_button.isEnabled()


def test_a_click_inside_the_rectangle_changes_nothing(picker: RegionPicker) -> None:
    drag(picker, (0.2, 0.2), (0.6, 0.6))
    before = picker.view.region()
    QTest.mouseClick(picker.view, Qt.MouseButton.LeftButton, NONE, at(picker, 0.4, 0.4))
    assert picker.view.region() == before


def test_the_same_by_keyboard(picker: RegionPicker, chosen: Chosen) -> None:
    assert picker.view.hasFocus()
    press(Qt.Key.Key_Right)  # something to begin with
    assert edges(picker.view.region()) == near(0.25, 0.25, 0.75, 0.75)
    press(Qt.Key.Key_Right)
    press(Qt.Key.Key_Up)
    assert edges(picker.view.region()) == near(0.27, 0.23, 0.77, 0.73)
    press(Qt.Key.Key_Left, SHIFT)
    press(Qt.Key.Key_Down, SHIFT)
    assert edges(picker.view.region()) == near(0.27, 0.23, 0.75, 0.75)
    press(Qt.Key.Key_Left, CONTROL)
    assert edges(picker.view.region())[0] == pytest.approx(0.268)
    press(Qt.Key.Key_Delete)
    assert picker.view.region() is None
    press(Qt.Key.Key_Return)  # nothing is drawn: nothing to use
    assert picker.isVisible()
    press(Qt.Key.Key_Down)
    press(Qt.Key.Key_Return)
    assert chosen == [Region(0.25, 0.25, 0.75, 0.75)]
    assert picker.isHidden()


def test_it_says_how_large_the_part_is(picker: RegionPicker) -> None:
    assert "Draw a rectangle" in picker.words()
    picker.view.set_region(Region(0.25, 0.5, 0.75, 1))
    assert picker.words() == "50 × 50 % of the picture · 3000 × 1500 pixels"
    assert picker.view.accessibleName() == "Part of coffee.jpg"


# --- in and out ----------------------------------------------------------------------------------------


def test_esc_leaves_everything_as_it_was(picker: RegionPicker, chosen: Chosen, window: QWidget) -> None:
    drag(picker, (0.2, 0.2), (0.6, 0.6))
    press(Qt.Key.Key_Escape)
    assert picker.isHidden()
    assert chosen == []
    assert window.line.hasFocus()  # type: ignore[attr-defined]


def test_the_buttons_choose_the_part_the_whole_or_nothing(picker: RegionPicker, chosen: Chosen) -> None:
    region = Region(0.1, 0.2, 0.3, 0.4)
    for button in (picker.part_button, picker.whole_button, picker.cancel_button):
        picker.pick(PATH, "coffee.jpg", region, chosen.append, image(40, 20))
        assert picker.view.region() == region
        button.click()
        assert picker.isHidden()
    assert chosen == [region, None]


def test_tab_stays_inside_and_goes_all_the_way_round(picker: RegionPicker) -> None:
    picker.view.set_region(Region(0, 0, 0.5, 0.5))
    places = [picker.view, picker.cancel_button, picker.whole_button, picker.part_button]
    for place in (*places[1:], places[0]):
        press(Qt.Key.Key_Tab)
        assert place.hasFocus()
    press(Qt.Key.Key_Backtab, SHIFT)
    assert picker.part_button.hasFocus()


def test_the_picture_is_asked_for_and_only_its_own_is_taken(window: QWidget, chosen: Chosen) -> None:
    picker = RegionPicker(window)
    asked: list[str] = []
    picker.picture_wanted.connect(lambda path, _: asked.append(path))
    picker.pick(PATH, "coffee.jpg", None, chosen.append)
    assert asked == [PATH]
    assert picker.wait()
    assert not picker.whole_button.isEnabled()
    picker.set_picture("/p/other.jpg", image(4, 4), Facts(4, 4))
    assert not picker.view.has_picture()
    picker.set_failure(PATH, "The file is no longer there.")
    assert picker.wait() == "The file is no longer there."
    press(Qt.Key.Key_Escape)
    assert picker.isHidden()
    picker.set_picture(PATH, image(4, 4), Facts(4, 4))  # too late
    assert not picker.view.has_picture()


@pytest.mark.parametrize("size", [(1, 1), (2000, 2), (2, 2000)])
def test_pictures_of_any_shape_can_be_drawn_on(window: QWidget, chosen: Chosen, size: tuple[int, int]) -> None:
    picker = RegionPicker(window)
    picker.pick(PATH, "a.jpg", Region(0.5, 0.5, 1, 1), chosen.append)
    picker.set_picture(PATH, image(*size), Facts(*size))
    picker.grab()
    drag(picker, (0.2, -2), (0.6, 3))
    picker.grab()


def test_it_covers_the_window_whatever_its_size(picker: RegionPicker, window: QWidget) -> None:
    window.resize(900, 500)
    assert picker.geometry() == window.rect()
