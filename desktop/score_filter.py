"""How a person draws the line between relevant and not: a slider over the distribution of the scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QSlider, QWidget

STEPS = 100
"""Positions of the slider: hundredths, as scores are written."""


class ScoreFilter(QWidget):
    """Chooses a minimum score 0..1; behind the slider a quiet histogram shows where the scores are."""

    minimum_changed = Signal(float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._slider = _HistogramSlider(self)
        self._words = QLabel(self)
        font = QFont(self._words.font())
        font.setFeature(QFont.Tag.fromString("tnum"), 1)
        self._words.setFont(font)
        self._words.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        metrics = self._words.fontMetrics()
        widest = max(metrics.horizontalAdvance(self._said(step)) for step in (0, STEPS // 2 + 5))
        self._words.setFixedWidth(widest + 8)  # so that the slider doesn't move under the pointer
        self._slider.setAccessibleName(self.tr("Minimum score"))
        self._slider.setToolTip(self.tr("Hide what scores less. The bars show how many results have which score."))
        self._slider.valueChanged.connect(self._note)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 4, 12, 4)
        layout.setSpacing(12)
        layout.addWidget(self._words)
        layout.addWidget(self._slider, 1)
        self.setFocusProxy(self._slider)
        self._say(0)

    @property
    def minimum(self) -> float:
        return self._slider.value() / STEPS

    def set_minimum(self, score: float) -> None:
        """Move the line to a score, 0..1; `minimum_changed` follows if it was elsewhere."""
        self._slider.setValue(round(score * STEPS))

    def set_histogram(self, counts: ArrayLike) -> None:
        """How many files have a score in each equal part of 0..1."""
        self._slider.set_histogram(np.asarray(counts))

    def _note(self, step: int) -> None:
        self._say(step)
        self.minimum_changed.emit(step / STEPS)

    def _say(self, step: int) -> None:
        self._words.setText(self._said(step))
        self._slider.setAccessibleDescription(self._said(step))

    def _said(self, step: int) -> str:
        return self.tr("score ≥ {score:.2f}").format(score=step / STEPS) if step else self.tr("any score")


class _HistogramSlider(QSlider):
    """A slider for its keys, wheel and screen-reader role; drawn here."""

    _KNOB = 7

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.setRange(0, STEPS)
        self.setSingleStep(1)
        self.setPageStep(10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._heights: NDArray[np.float64] = np.zeros(0)

    def sizeHint(self) -> QSize:
        return QSize(240, 40)

    def minimumSizeHint(self) -> QSize:
        return QSize(120, 40)

    def set_histogram(self, counts: NDArray[np.int64]) -> None:
        # Logarithmic: a few good results among 100,000 poor ones must still be seen; that is where the line goes.
        heights = np.log1p(counts.astype(np.float64))
        top = heights.max(initial=0.0)
        self._heights = heights / top if top > 0 else heights
        self.update()

    # --- the pointer: a press anywhere takes the knob there, which the styles' own sliders don't agree on

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._follow(event.position().toPoint())
            event.accept()
        else:
            event.ignore()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.isSliderDown():
            self._follow(event.position().toPoint())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(False)

    def _follow(self, point: QPoint) -> None:
        track = self._track()
        self.setValue(round((point.x() - track.left()) / max(1, track.width()) * STEPS))

    # --- how it looks

    def _track(self) -> QRect:
        return self.rect().adjusted(self._KNOB + 2, 4, -self._KNOB - 2, -self._KNOB - 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette, role = self.palette(), QPalette.ColorRole
        track = self._track()
        x = track.left() + track.width() * self.value() / STEPS
        y = float(track.bottom())
        accent = palette.color(role.Highlight if self.isEnabled() else role.Mid)
        above = QColor(accent)
        above.setAlphaF(0.45)
        bins = len(self._heights)
        for number, height in enumerate(self._heights.tolist()):
            if not height:
                continue
            left = track.left() + track.width() * number / bins
            right = track.left() + track.width() * (number + 1) / bins
            bar = QRectF(left, 0, max(1.0, right - left - 1), max(2.0, height * (track.height() - 4)))
            bar.moveBottom(y - 2)
            painter.fillRect(bar, above if (number + 0.5) / bins * STEPS >= self.value() else palette.color(role.Mid))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(palette.color(role.Mid))
        painter.drawRoundedRect(QRectF(track.left(), y - 1.5, track.width(), 3), 1.5, 1.5)
        painter.setBrush(accent)
        painter.drawRoundedRect(QRectF(x, y - 1.5, track.left() + track.width() - x, 3), 1.5, 1.5)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(palette.color(role.Text), 1.5))
            painter.drawEllipse(QRectF(x - self._KNOB - 1, y - self._KNOB - 1, 2 * self._KNOB + 2, 2 * self._KNOB + 2))
        painter.setPen(QPen(palette.color(role.Window), 2))
        painter.setBrush(palette.color(role.Text))
        radius = self._KNOB - (0 if self.isSliderDown() else 1)
        painter.drawEllipse(QRectF(x - radius, y - radius, 2 * radius, 2 * radius))
        painter.end()
