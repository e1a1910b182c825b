from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QSlider, QWidget
from pytestqt.qtbot import QtBot

from desktop.score_filter import ScoreFilter


@pytest.fixture
def score_filter(qtbot: QtBot) -> Iterator[ScoreFilter]:
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(520, 60)
    made = ScoreFilter(window)
    made.resize(500, 48)
    window.show()
    yield made
    window.close()


def slider_of(widget: ScoreFilter) -> QSlider:
    slider = widget.findChild(QSlider)
    assert slider is not None
    return slider


def said(widget: ScoreFilter) -> str:
    label = widget.findChild(QLabel)
    assert label is not None
    return label.text()


def test_it_says_where_the_line_is(score_filter: ScoreFilter, qtbot: QtBot) -> None:
    assert said(score_filter) == "any score"
    with qtbot.waitSignal(score_filter.minimum_changed) as changed:
        score_filter.set_minimum(0.42)
    assert changed.args == [0.42]
    assert said(score_filter) == "score ≥ 0.42"
    assert slider_of(score_filter).accessibleName() == "Minimum score"
    assert slider_of(score_filter).accessibleDescription() == "score ≥ 0.42"


def test_the_keyboard_moves_the_line(score_filter: ScoreFilter) -> None:
    slider = slider_of(score_filter)
    QTest.keyClick(slider, Qt.Key.Key_Right)
    assert score_filter.minimum == 0.01
    QTest.keyClick(slider, Qt.Key.Key_PageUp)
    assert score_filter.minimum == 0.11
    QTest.keyClick(slider, Qt.Key.Key_End)
    assert score_filter.minimum == 1.0
    QTest.keyClick(slider, Qt.Key.Key_Home)
    assert score_filter.minimum == 0.0


def test_a_press_takes_the_line_there_and_a_drag_moves_it(score_filter: ScoreFilter) -> None:
    slider = slider_of(score_filter)
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=slider.rect().center())
    assert score_filter.minimum == pytest.approx(0.5, abs=0.01)
    QTest.mouseMove(slider, QPoint(slider.width() - 1, 20))
    assert score_filter.minimum == 1.0
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton)
    QTest.mouseMove(slider, QPoint(5, 20))
    assert score_filter.minimum == 1.0


def test_the_histogram_stands_where_the_scores_are(score_filter: ScoreFilter) -> None:
    slider = slider_of(score_filter)
    palette = slider.palette()
    palette.setColor(QPalette.ColorRole.Window, QColor("#202020"))
    palette.setColor(QPalette.ColorRole.Mid, QColor("#ff0000"))
    slider.setPalette(palette)
    slider.setAutoFillBackground(True)
    score_filter.set_minimum(1.0)
    counts = np.zeros(10, np.int64)
    counts[2], counts[7] = 10_000, 30
    score_filter.set_histogram(counts)
    image = slider.grab().toImage()

    def height_at(place: float) -> int:
        x = round(9 + place * (slider.width() - 18))
        column = [image.pixelColor(x, y) for y in range(image.height() - 14)]
        return sum(color.red() > 200 for color in column)

    assert height_at(0.25) > 2 * height_at(0.75) > 0  # few among ten thousand are still seen
    assert height_at(0.45) == 0
