"""The line at the foot of the window: what is judging, how far it is, how long it takes, what failed."""

from __future__ import annotations

from PySide6.QtCore import QLocale, QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core import Progress
from desktop import theme
from desktop.messages import plain_tip
from desktop.session import Phase


class JudgeBar(QWidget):
    """Fed by the session; asks for nothing but to stop, or to see what failed."""

    stop_wanted = Signal()
    failures_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Judge and progress"))
        self._phase = Phase.NONE
        self._progress: Progress | None = None
        self._lamp = _Lamp(self)
        self._judge = _JudgeButton(self.tr("Built-in matcher: looks and words, not meaning"), self)
        self._judge.clicked.connect(self._show_about)
        self._about: _About | None = None
        self._failures = QToolButton(self)
        self._failures.setAutoRaise(True)
        self._failures.setIcon(theme.icon("warning"))
        self._failures.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self._failures.setToolTip(self.tr("Show the files that can't be scored, and why"))
        self._failures.clicked.connect(self.failures_wanted)
        self._bar = QProgressBar(self)
        self._bar.setFixedWidth(160)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Progress of the ranking"))
        self._count = QLabel(self)
        self._count.setFont(theme.tabular(theme.normal()))
        self._count.setSizePolicy(QSizePolicy.Policy.MinimumExpanding, QSizePolicy.Policy.Preferred)
        self._stop = QPushButton(self.tr("Stop"), self)
        self._stop.setToolTip(self.tr("Stop ranking; what is scored stays (Esc)"))
        self._stop.clicked.connect(self.stop_wanted)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self._lamp)
        row.addWidget(self._judge)
        row.addStretch(1)
        for widget in (self._failures, self._bar, self._count, self._stop):
            row.addWidget(widget)
        self.setFixedHeight(40)
        self._judge.setToolTip(plain_tip(self.about()))
        self._judge.setAccessibleDescription(self.about())
        self.set_failures(0)
        self._show_state()

    def about(self) -> str:
        """What the judge can see and what it can't, in three short lines."""
        return "\n".join(
            [
                self.tr("Sees how pictures and clips look: colours, composition, texture, the same picture altered."),
                self.tr("Reads names, captions, keywords and texts; knows words for looks in English and Chinese."),
                self.tr("Can't see what is in a picture, or what it means."),
            ]
        )

    def _show_about(self) -> None:
        if self._about is None:
            self._about = _About(self._judge.text(), self.about(), self)
        self._about.open_above(self._judge)

    @property
    def text(self) -> str:
        """What it says of the progress."""
        return self._count.text()

    def set_phase(self, phase: Phase) -> None:
        self._phase = phase
        if phase in (Phase.NONE, Phase.FAILED):
            self._progress = None
        self._show_state()

    def set_progress(self, progress: Progress | None) -> None:
        self._progress = progress
        self._show_state()

    def set_failures(self, count: int) -> None:
        self._failures.setVisible(count > 0)
        text = self.tr("%1 can't be scored").replace("%1", QLocale().toString(count))
        self._failures.setText(text)
        self._failures.setAccessibleName(text)

    def _show_state(self) -> None:
        running = self._phase is Phase.RUNNING
        self._lamp.set_lit(running)
        self._stop.setVisible(running)
        self._bar.setVisible(running)
        self._count.setVisible(self._progress is not None or running)
        progress = self._progress
        if progress is None:
            self._bar.setRange(0, 0)
            self._count.setText(self.tr("Starting …") if running else "")
            return
        self._bar.setRange(0, max(progress.total, 1))
        self._bar.setValue(progress.done)
        locale = QLocale()
        done, total = locale.toString(progress.done), locale.toString(progress.total)
        parts = [self.tr("%1 of %2").replace("%1", done).replace("%2", total)]
        if running and progress.rate > 0:
            rate = locale.toString(float(progress.rate), "f", 0 if progress.rate >= 10 else 1)
            parts.append(self.tr("%1/s").replace("%1", rate))
            if progress.seconds_left:
                parts.append(self.tr("%1 left").replace("%1", self._duration(progress.seconds_left)))
        if self._phase is Phase.STOPPED:
            parts.append(self.tr("stopped"))
        self._count.setText(" · ".join(parts))

    def _duration(self, seconds: float) -> str:
        if seconds < 90:
            return self.tr("%1 s").replace("%1", str(max(1, round(seconds))))
        if seconds < 5400:
            return self.tr("%1 min").replace("%1", str(round(seconds / 60)))
        return self.tr("%1 h").replace("%1", f"{seconds / 3600:.1f}")


class _Lamp(QWidget):
    """A dot: filled while the judge works, hollow while it rests."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(10, 10)
        self._lit = False

    def set_lit(self, lit: bool) -> None:
        self._lit = lit
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(self.palette().color(QPalette.ColorRole.Highlight))
        painter.setPen(colour if self._lit else self.palette().color(QPalette.ColorRole.PlaceholderText))
        painter.setBrush(colour if self._lit else QColor(0, 0, 0, 0))
        painter.drawEllipse(self.rect().adjusted(1, 1, -2, -2))


class _JudgeButton(QToolButton):
    """The judge's name, which gives way at its end where the bar is narrow; pressed, it says more."""

    def __init__(self, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setFont(theme.normal())
        self.setAutoRaise(True)
        self.setFixedHeight(28)
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2 * 6 + 20, 28)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 12, 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
        room = self.rect().adjusted(6, 0, -22, 0)
        elided = QFontMetrics(self.font()).elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.setPen(self.palette().color(QPalette.ColorRole.ButtonText))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, elided)
        used = min(self.fontMetrics().horizontalAdvance(elided), room.width())
        theme.icon("chevron-up").paint(painter, QRect(room.left() + used + 4, (self.height() - 12) // 2, 12, 12))


class _About(QFrame):
    """A few lines over the bar; a click elsewhere or Esc closes it."""

    _WIDTH = 400

    def __init__(self, title: str, lines: str, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self.setObjectName("about")
        self.setAccessibleName(title)
        self.setAccessibleDescription(lines)
        self.setStyleSheet("#about { background: palette(window); border: 1px solid palette(mid); }")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 14)
        column.setSpacing(8)
        for text in (title, *lines.split("\n")):
            label = QLabel(text, self)
            label.setFont(theme.normal())
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            if text != title:
                label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
            column.addWidget(label)
        self.setFixedWidth(self._WIDTH)

    def open_above(self, button: QWidget) -> None:
        self.setFixedHeight(self.heightForWidth(self._WIDTH))
        self.move(button.mapToGlobal(QPoint(0, -self.height() - 4)))
        self.show()
        self.setFocus()
