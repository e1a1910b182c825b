"""The line at the foot of the window: what is judging, how far it is, how long it takes, what failed."""

from __future__ import annotations

from collections.abc import Callable

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

from core import Preparation, Progress, Staged
from desktop import theme
from desktop.judge_words import duration_text, prepared_text, rate_text
from desktop.messages import plain_tip
from desktop.session import Phase


class JudgeBar(QWidget):
    """Fed by the session; asks for nothing but to stop, to judge on, or to see what failed."""

    stop_wanted = Signal()
    failures_wanted = Signal()
    judging_wanted = Signal(object)
    """For how many seconds more the judge is to work (float), or None: until all is judged."""
    judge_wanted = Signal()
    """The judge is to look at the best of what the finder alone has found."""
    judges_wanted = Signal(object)
    """The chip (QWidget), which was pressed: the judges are to be shown above it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Judge and progress"))
        self._phase = Phase.NONE
        self._progress: Progress | None = None
        self._staged: Staged | None = None
        self._preparation: Preparation | None = None
        self._seconds = 20.0  # that the judge has for a ranking
        self._has_judge_besides = False
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
        self._on = self._button(lambda: self.judging_wanted.emit(self._seconds))
        self._on.setToolTip(self.tr("Let the judge look at more of what was found"))
        self._all = self._button(lambda: self.judging_wanted.emit(None))
        self._all.setToolTip(self.tr("Let the judge look at everything; it can be stopped at any time"))
        self._too = self._button(self.judge_wanted.emit)
        self._too.setText(self.tr("Judge the best"))
        self._too.setToolTip(self.tr("Found at once by the finder alone: let the judge look at the best of it"))
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self._lamp)
        row.addWidget(self.chip)
        row.addStretch(1)
        for widget in (self._failures, self._bar, self._count, self._on, self._all, self._too, self._stop):
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
            self._progress = self._staged = None
        self.set_failures(self._failed)
        self._show_state()

    def set_progress(self, progress: Progress | None) -> None:
        self._progress = progress
        self._show_state()

    def set_staged(self, staged: Staged | None) -> None:
        """How far a ranking with a finder is; None for one without."""
        self._staged = staged
        self._show_state()

    def set_preparation(self, preparation: Preparation | None) -> None:
        """How far the finder is with the folder; None while it is not at it."""
        self._preparation = preparation
        self._show_state()

    def set_judging(self, seconds: float, *, has_judge_besides: bool) -> None:
        """How long the judge has (0: until all is judged), and whether there is one that was not asked."""
        self._seconds = seconds or 20.0
        self._has_judge_besides = has_judge_besides
        self._show_state()

    def set_failures(self, count: int) -> None:
        self._failed = count
        self._failures.setVisible(count > 0)
        text = self.tr("%1 can't be read") if self._phase is Phase.NONE else self.tr("%1 can't be scored")
        text = text.replace("%1", QLocale().toString(count))
        self._failures.setText(text)
        self._failures.setAccessibleName(text)

    def _button(self, act: Callable[[], object]) -> QPushButton:
        button = QPushButton(self)
        button.clicked.connect(lambda: act())
        return button

    def _show_state(self) -> None:
        running = self._phase is Phase.RUNNING
        is_preparing = self._preparation is not None and not running
        self._lamp.set_lit(running or is_preparing)
        self._stop.setVisible(running)
        text = self._text()
        self._count.setText(text)
        self._count.setVisible(bool(text))
        self._bar.setVisible(running or (is_preparing and self._staged is None))
        done, total = self._share()
        self._bar.setRange(0, total)
        self._bar.setValue(done)
        self._show_offers()

    def _show_offers(self) -> None:
        """What the judge can still do once the ranking rests."""
        rests, staged = self._phase in (Phase.FINISHED, Phase.STOPPED), self._staged
        is_open = rests and staged is not None and staged.judged < staged.found
        had_focus = any(button.hasFocus() for button in (self._on, self._all, self._too, self._stop))
        for_all = staged.seconds_for_all if staged is not None else None
        self._on.setVisible(is_open and (for_all is None or for_all > self._seconds))  # else all is as soon judged
        self._all.setVisible(is_open)
        self._too.setVisible(rests and self._has_judge_besides)
        self._on.setText(self.tr("Judge on %1").replace("%1", duration_text(self._seconds)))
        every = self.tr("Judge all")
        if for_all is not None:
            every = self.tr("Judge all (about %1)").replace("%1", duration_text(for_all))
        self._all.setText(every)
        if had_focus and self._phase is not Phase.NONE:
            next((b for b in (self._stop, self._on, self._all, self._too) if b.isVisibleTo(self)), self.chip).setFocus()

    def _share(self) -> tuple[int, int]:
        """How much is done, of how much; of nothing while that is not known."""
        staged, progress, preparation = self._staged, self._progress, self._preparation
        if self._phase is not Phase.RUNNING and preparation is not None:
            return preparation.prepared + preparation.failed, max(preparation.total, 1)
        if staged is not None and staged.judging and staged.seconds_left is not None:
            return round(100 * max(self._seconds - staged.seconds_left, 0.0)), round(100 * self._seconds)
        if staged is not None and staged.judging:
            return staged.judged, max(staged.total, 1)
        if staged is not None:
            return staged.found, max(staged.total, 1)
        return (progress.done, max(progress.total, 1)) if progress is not None else (0, 0)

    def _text(self) -> str:
        running = self._phase is Phase.RUNNING
        if self._staged is not None:
            return self._staged_text(self._staged)
        if running and self._progress is None:
            return self.tr("Starting …")
        if not running and self._preparation is not None:
            return prepared_text(self._preparation)
        return self._progress_text(self._progress) if self._progress is not None else ""

    def _staged_text(self, staged: Staged) -> str:
        locale = QLocale()
        found, judged, total = (locale.toString(count) for count in (staged.found, staged.judged, staged.total))
        if self._phase is Phase.RUNNING and not staged.judging:
            parts = [self.tr("Found %1 of %2").replace("%1", found).replace("%2", total)]
            progress = self._progress  # the finder's
            if progress is not None and staged.found < staged.total:
                parts += self._pace(progress.rate, progress.seconds_left)
            return " · ".join(parts)
        if self._phase is Phase.RUNNING:
            parts = [self.tr("Found %1").replace("%1", found), self.tr("%1 of the best judged").replace("%1", judged)]
            left = staged.seconds_for_all if staged.seconds_left is None else staged.seconds_left
            return " · ".join([*parts, *self._pace(staged.rate, left)])
        if staged.judged >= staged.found:
            return self.tr("All %1 judged").replace("%1", found)
        text = self.tr("%1 judged of %2").replace("%1", judged).replace("%2", found)
        return text + " · " + self.tr("stopped") if self._phase is Phase.STOPPED else text

    def _progress_text(self, progress: Progress) -> str:
        locale = QLocale()
        done, total = locale.toString(progress.done), locale.toString(progress.total)
        parts = [self.tr("%1 of %2").replace("%1", done).replace("%2", total)]
        if self._phase is Phase.RUNNING:
            parts += self._pace(progress.rate, progress.seconds_left)
        if self._phase is Phase.STOPPED:
            parts.append(self.tr("stopped"))
        return " · ".join(parts)

    def _pace(self, rate: float, seconds_left: float | None) -> list[str]:
        """How fast it goes and how long it takes, as far as that is known."""
        parts = [self.tr("%1/s").replace("%1", rate_text(rate))] if rate > 0 else []
        if seconds_left:
            parts.append(self.tr("%1 left").replace("%1", duration_text(seconds_left)))
        return parts


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
