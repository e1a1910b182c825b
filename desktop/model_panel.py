"""The panel over the judge's chip: who finds, who judges the best of it, and what can be done with each.

Both stages stand in its head; the one that is pressed is open below.
"""

from __future__ import annotations

import os

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QFontMetrics, QHideEvent, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import (
    QAbstractButton,
    QButtonGroup,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QVBoxLayout,
    QWidget,
)

from desktop import theme
from desktop.judge_desk import JudgeDesk
from desktop.judge_state import Judges
from desktop.judge_words import judge_title, row_title
from desktop.preparation_box import PreparationBox
from desktop.results_pane import hairline
from desktop.stage_pane import StagePane
from desktop.time_budget import TimeBudget


class ModelPanel(QFrame):
    """Lies over the window above the judge's chip; a click elsewhere or Esc closes it."""

    closed = Signal()

    _WIDTH, _LEAST_ROWS = 480, 96
    """Logical pixels: its width, and what is left of the list of models on a low screen."""

    def __init__(self, desk: JudgeDesk, parent: QWidget) -> None:
        super().__init__(parent, Qt.WindowType.Popup)
        self._desk = desk
        self._anchor = QRect()
        self._opened = False
        self.setObjectName("models")
        self.setAccessibleName(self.tr("Judges and models"))
        self.setStyleSheet("#models { background: palette(window); border: 1px solid palette(mid); }")
        self._preparation = PreparationBox(desk.preparer, self)
        self._budget = TimeBudget(self)
        self._budget.chosen.connect(desk.set_judge_seconds)
        self.finding = StagePane(desk.finders, self._preparation, self)
        self.judging = StagePane(desk.judges, self._budget, self)
        self._tabs = [
            _StageTab(self.tr("Finds"), self.tr("everything, at once"), self),
            _StageTab(self.tr("Judges"), self.tr("the best of it, closely"), self),
        ]
        self._panes = [self.finding, self.judging]
        column = QVBoxLayout(self)
        column.setContentsMargins(1, 1, 1, 8)
        column.setSpacing(8)
        column.addLayout(self._build_head())
        column.addWidget(hairline(self))
        for pane in self._panes:
            column.addWidget(pane)
            pane.resized.connect(self._fit)
            pane.folder_wanted.connect(self._ask_for_folder)
        self.setFixedWidth(self._WIDTH)
        desk.changed.connect(self._show_state)

    def _build_head(self) -> QHBoxLayout:
        head = QHBoxLayout()
        head.setSpacing(0)
        group = QButtonGroup(self)
        for place, tab in enumerate(self._tabs):
            tab.clicked.connect(lambda _checked, place=place: self.show_stage(place))
            group.addButton(tab)
            head.addWidget(tab, 1)
        return head

    # --- opening and closing ---------------------------------------------------------------------

    def open_above(self, button: QWidget, files: int) -> None:
        """Show it over `button`; `files` are those of the open folder."""
        self._anchor = QRect(button.mapToGlobal(QPoint(0, 0)), button.size())
        self._desk.stock.refresh()
        self._desk.preparer.count()
        self._budget.set_seconds(self._desk.judge_seconds)
        for pane in self._panes:
            pane.begin(files)
        self._show_state()
        if not self._opened:
            # At first at what a person would change first: a judge is worth its time once something finds well.
            self.show_stage(0 if self._desk.judges.choice.is_builtin else 1)
            self._opened = True
        self.show()
        self._fit()
        self._shown.focus_choice()

    @property
    def _shown(self) -> StagePane:
        return self._panes[1] if self._tabs[1].isChecked() else self._panes[0]

    def show_stage(self, place: int) -> None:
        """0: who finds; 1: who judges."""
        by_key = any(tab.hasFocus() for tab in self._tabs)
        self._tabs[place].setChecked(True)
        for at, pane in enumerate(self._panes):
            pane.setVisible(at == place)
        if not by_key:
            self._shown.focus_choice()
        self._fit()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.closed.emit()

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()  # only now is it known how much room those take that have others inside
        return handled

    def _fit(self) -> None:
        """As high as its words need, its foot on the chip, all of it on the screen."""
        if not self.isVisible():
            return
        screen = self.screen().availableGeometry()
        height = self._height_with(StagePane.MOST_ROWS)
        if height > screen.height():
            height = self._height_with(max(StagePane.MOST_ROWS - (height - screen.height()), self._LEAST_ROWS))
        left = min(self._anchor.left(), screen.right() - self._WIDTH)
        place = QRect(max(left, screen.left()), self._anchor.top() - height - 4, self._WIDTH, height)
        if place.top() < screen.top():
            place.moveTop(screen.top())
        if place != self.geometry():
            self.setFixedHeight(height)
            self.move(place.topLeft())

    def _height_with(self, rows: int) -> int:
        """The height that it needs with a list of at most so many logical pixels."""
        column = self.layout()
        assert column is not None
        self._shown.fit(self._WIDTH - 2, rows)
        column.activate()
        wraps = column.hasHeightForWidth()
        return column.totalHeightForWidth(self._WIDTH) if wraps else column.totalSizeHint().height()

    # --- a folder of the person's ----------------------------------------------------------------

    def _ask_for_folder(self) -> None:
        """Let the person point to a model of their own; the panel comes back with it."""
        window = self.parentWidget()
        assert window is not None
        judges, place = (self._desk.finders, 0) if self._shown is self.finding else (self._desk.judges, 1)
        self.hide()
        title = (
            self.tr("Choose the folder of an embedder")
            if place == 0
            else self.tr("Choose the folder of a Qwen3-VL reranker")
        )
        dialog = QFileDialog(window.window(), title)
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, self.tr("Use"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda folder: self._take_folder(judges, folder))
        dialog.open()

    def _take_folder(self, judges: Judges, folder: str) -> None:
        judges.add_folder(os.path.normpath(folder))
        self.show()
        self._fit()

    # --- showing ---------------------------------------------------------------------------------

    def _show_state(self) -> None:
        for tab, judges in zip(self._tabs, (self._desk.finders, self._desk.judges), strict=True):
            tab.show_state(row_title(judges.choice.name, judges.finds), self._state_of(judges))
        self._preparation.show_state()

    def _state_of(self, judges: Judges) -> str:
        """One line: whether the chosen model is there, or that there is a better one."""
        better = judges.suggested
        if judges.loading is not None:
            share = judges.loading.share
            return self.tr("loading …") + (f" {share:.0%}" if share is not None else "")
        if judges.choice.is_builtin:
            return self.tr("{title} is suggested").format(title=judge_title(better)) if better else ""
        if judges.is_ready:
            return self.tr("loaded")
        return self.tr("not on this machine") if judges.is_missing else self.tr("not loaded")


class _StageTab(QAbstractButton):
    """A stage: what it does, who does it, and how it is with that."""

    _SIDE, _TOP, _GAP = 16, 8, 3

    def __init__(self, name: str, does: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name, self._does = name, does
        self._who = self._state = ""
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setText(name)
        self.setToolTip(f"{name} {does}")
        self.setFixedHeight(2 * self._TOP + sum(self._line_heights()) + 2 * self._GAP + 2)

    def _line_heights(self) -> tuple[int, int, int]:
        small, normal = QFontMetrics(theme.small()).height(), QFontMetrics(theme.normal()).height()
        return small, normal, small

    def show_state(self, who: str, state: str) -> None:
        self._who, self._state = who, state
        self.setAccessibleDescription(". ".join(part for part in (self._does, who, state) if part))
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        palette = self.palette()
        if not self.isChecked():
            painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.AlternateBase))
        elif self.hasFocus():
            painter.fillRect(self.rect(), palette.color(QPalette.ColorRole.Button))
        if self.isChecked():
            line = QRect(0, self.height() - 2, self.width(), 2)
            painter.fillRect(line, palette.color(QPalette.ColorRole.Highlight))
        dim, text = palette.color(QPalette.ColorRole.PlaceholderText), palette.color(QPalette.ColorRole.WindowText)
        top, room = self._TOP, self.width() - 2 * self._SIDE
        lines = (
            (f"{self._name} {self._does}", theme.small(), dim),
            (self._who, theme.normal(), text),
            (self._state, theme.small(), dim),
        )
        for (words, font, colour), height in zip(lines, self._line_heights(), strict=True):
            painter.setFont(font)
            painter.setPen(colour)
            elided = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room)
            painter.drawText(QRect(self._SIDE, top, room, height), Qt.AlignmentFlag.AlignLeft, elided)
            top += height + self._GAP
        if self.hasFocus():
            painter.setPen(palette.color(QPalette.ColorRole.Highlight))
            painter.drawRect(self.rect().adjusted(2, 2, -3, -3))
