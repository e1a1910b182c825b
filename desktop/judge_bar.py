"""The line at the foot of the window: what is judging, how far it is, how long it takes, what failed."""

from __future__ import annotations

from PySide6.QtCore import QLocale, QRect, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFontMetrics, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionToolButton,
    QStylePainter,
    QToolButton,
    QWidget,
)

from core import Progress
from desktop import theme
from desktop.judge_words import duration_text, rate_text
from desktop.messages import plain_tip
from desktop.session import Phase


class JudgeBar(QWidget):
    """Fed by the session; asks for nothing but to stop, or to see what failed."""

    stop_wanted = Signal()
    failures_wanted = Signal()
    judges_wanted = Signal(object)
    """The chip (QWidget), which was pressed: the judges are to be shown above it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Judge and progress"))
        self._phase = Phase.NONE
        self._progress: Progress | None = None
        self._lamp = _Lamp(self)
        self.chip = JudgeChip(self)
        self.chip.clicked.connect(lambda: self.judges_wanted.emit(self.chip))
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
        row.addWidget(self.chip)
        row.addStretch(1)
        for widget in (self._failures, self._bar, self._count, self._stop):
            row.addWidget(widget)
        self.setFixedHeight(40)
        self.set_failures(0)
        self._show_state()

    @property
    def text(self) -> str:
        """What it says of the progress."""
        return self._count.text()

    def set_phase(self, phase: Phase) -> None:
        self._phase = phase
        if phase in (Phase.NONE, Phase.FAILED):
            self._progress = None
        self.set_failures(self._failed)
        self._show_state()

    def set_progress(self, progress: Progress | None) -> None:
        self._progress = progress
        self._show_state()

    def set_failures(self, count: int) -> None:
        self._failed = count
        self._failures.setVisible(count > 0)
        text = self.tr("%1 can't be read") if self._phase is Phase.NONE else self.tr("%1 can't be scored")
        text = text.replace("%1", QLocale().toString(count))
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
            parts.append(self.tr("%1/s").replace("%1", rate_text(progress.rate)))
            if progress.seconds_left:
                parts.append(self.tr("%1 left").replace("%1", duration_text(progress.seconds_left)))
        if self._phase is Phase.STOPPED:
            parts.append(self.tr("stopped"))
        self._count.setText(" · ".join(parts))


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


class JudgeChip(QToolButton):
    """What judges, and how it is with it; gives way at its end where the bar is narrow. Pressed, it tells more."""

    _SIDE, _ARROW = 6, 20
    """Logical pixels beside the words, and for the arrow behind them."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._share: float | None = None
        self._is_busy = False
        self.setFont(theme.tabular(theme.normal()))
        self.setAutoRaise(True)
        self.setFixedHeight(28)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def set_state(self, text: str, tip: str, *, busy: bool = False, share: float | None = None) -> None:
        """Say `text`; while it is busy with a model a line at the foot shows its `share` (0..1, None: unknown)."""
        self.setText(text)
        self.setAccessibleName(text)
        self.setToolTip(plain_tip(tip))
        self.setAccessibleDescription(tip)
        self._is_busy, self._share = busy, share
        self.updateGeometry()
        self.update()

    def share(self) -> float | None:
        """How far the line at its foot reaches; None without one."""
        return (self._share or 0.0) if self._is_busy else None

    def sizeHint(self) -> QSize:
        return QSize(self.fontMetrics().horizontalAdvance(self.text()) + 2 * self._SIDE + self._ARROW, 28)

    def minimumSizeHint(self) -> QSize:
        return QSize(self.fontMetrics().averageCharWidth() * 12, 28)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionToolButton()
        self.initStyleOption(option)
        option.text = ""
        painter.drawComplexControl(QStyle.ComplexControl.CC_ToolButton, option)
        room = self.rect().adjusted(self._SIDE, 0, -self._SIDE - self._ARROW + 4, 0)
        elided = QFontMetrics(self.font()).elidedText(self.text(), Qt.TextElideMode.ElideRight, room.width())
        painter.setPen(self.palette().color(QPalette.ColorRole.ButtonText))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, elided)
        used = min(self.fontMetrics().horizontalAdvance(elided), room.width())
        theme.icon("chevron-up").paint(painter, QRect(room.left() + used + 4, (self.height() - 12) // 2, 12, 12))
        if self._is_busy:
            line = QRect(room.left(), self.height() - 3, room.width(), 2)
            painter.fillRect(line, self.palette().color(QPalette.ColorRole.Mid))
            line.setWidth(round(line.width() * (self._share or 0.0)))
            painter.fillRect(line, self.palette().color(QPalette.ColorRole.Highlight))
