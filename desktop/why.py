"""How it is told why a file stands where it does: the parts of its look as bars, its words with where they were met.

Made for stepping through results: from file to file of one query everything keeps its place, and while the answer for
the next file is not there yet, nothing is claimed of it.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from core import Aspect, Explanation, Where, WordMet
from core.errors import printable
from desktop import theme
from desktop.aspects import aspect_line, aspect_name
from desktop.clip_controls import clock
from desktop.preview import ElidedLabel

MOST_WORDS = 8
"""Words that are told one by one; a query may be a whole paragraph."""


class Bar(QWidget):
    """A share of 0..1 as a thin bar."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._share = 0.0
        self._is_guess = False
        self.setFixedHeight(4)

    def share(self) -> float:
        return self._share

    def set_share(self, share: float) -> None:
        self._share = min(max(share, 0.0), 1.0)
        self.update()

    def set_guess(self, is_guess: bool) -> None:
        """Whether the share may still change much: then it is a line."""
        self._is_guess = is_guess
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Mid))
        if not self._is_guess:
            painter.drawRoundedRect(self.rect(), 2, 2)
        if not self._share:
            return
        done = QRectF(self.rect())
        done.setWidth(done.width() * self._share)
        if self.layoutDirection() is Qt.LayoutDirection.RightToLeft:
            done.moveRight(self.width())
        if self._is_guess:
            painter.fillRect(done.adjusted(0, 1.5, 0, -1.5), self.palette().color(QPalette.ColorRole.PlaceholderText))
            return
        painter.setBrush(self.palette().color(QPalette.ColorRole.Highlight))
        painter.drawRoundedRect(done, 2, 2)


class _Part:
    """A part of the look: its name, a bar, a figure."""

    def __init__(self, parent: QWidget, grid: QGridLayout, at: int) -> None:
        self.name = QLabel(parent)
        self.name.setFont(theme.normal())
        self.name.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.bar = Bar(parent)
        self.figure = QLabel(parent)
        self.figure.setFont(theme.tabular(theme.normal()))
        self.figure.setAlignment(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.name, at, 0)
        grid.addWidget(self.bar, at, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.figure, at, 2)

    def tell(self, part: str, share: float, figure: str) -> str:
        """Show it; returns it as it is read aloud."""
        try:
            name, tip = aspect_name(Aspect(part)), aspect_line(Aspect(part))
        except ValueError:  # of a judge that knows other parts
            name, tip = part, ""
        self.name.setText(name)
        self.name.setToolTip(tip)
        self.bar.set_share(share)
        self.figure.setText(figure)
        self.figure.setAccessibleName(f"{name} {figure}")
        self.set_visible(True)
        return f"{name} {figure}"

    def empty(self) -> None:
        """Keep the place and the name, claim nothing."""
        self.bar.set_share(0.0)
        self.figure.setText("")
        self.figure.setAccessibleName("")

    def set_visible(self, visible: bool) -> None:
        for widget in (self.name, self.bar, self.figure):
            widget.setVisible(visible)


class _Word:
    """A word of the query, and at the end of its line where it was met."""

    def __init__(self, parent: QWidget, grid: QGridLayout, at: int) -> None:
        self.word = ElidedLabel(parent)
        self.word.setFont(theme.normal())
        self.word.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.word.setFixedHeight(self.word.fontMetrics().height())  # the rhythm of the other lines
        self.where = QLabel(parent)
        self.where.setFont(theme.tabular(theme.normal()))
        self.where.setTextFormat(Qt.TextFormat.PlainText)
        self.where.setAlignment(Qt.AlignmentFlag.AlignTrailing | Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.word, at, 0)
        grid.addWidget(self.where, at, 1)

    def tell(self, word: str, where: str, *, is_met: bool) -> str:
        """Show it; returns it as it is read aloud."""
        self.word.setText(word)
        self.where.setText(where)
        self.where.setForegroundRole(QPalette.ColorRole.WindowText if is_met else QPalette.ColorRole.PlaceholderText)
        self.where.setAccessibleName(f"{word}: {where}")
        self.set_visible(True)
        return f"{word}: {where}"

    def empty(self) -> None:
        """Keep the place and the word, claim nothing."""
        self.where.setText("")
        self.where.setAccessibleName("")

    def set_visible(self, visible: bool) -> None:
        for widget in (self.word, self.where):
            widget.setVisible(visible)


class WhyPanel(QWidget):
    """Why one file has its score: under the score in the inspector, away while nothing is asked."""

    moment_wanted = Signal(float)
    """Seconds from the clip's start: the person wants to see its best stretch."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._stretch: tuple[float, float] | None = None
        self._said: list[str] = []
        self._parts: list[_Part] = []
        self._words: list[_Word] = []
        self.setAccessibleName(self.tr("Why this score"))
        self.setFont(theme.tabular(theme.normal()))
        self._part_grid, self._word_grid = QGridLayout(), QGridLayout()
        for grid in (self._part_grid, self._word_grid):
            grid.setContentsMargins(0, 0, 0, 0)
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(4)
        self._part_grid.setColumnMinimumWidth(0, name_column(self))
        self._part_grid.setColumnStretch(1, 1)
        # The figures' room is kept while there are none, or the bars would change their length.
        figures = self.fontMetrics().horizontalAdvance(self.locale().toString(0.0, "f", 2))
        self._part_grid.setColumnMinimumWidth(2, figures)
        self._word_grid.setColumnStretch(0, 1)
        self._more = QLabel(self)
        self._more.setFont(theme.small())
        self._more.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.stretch_button = QToolButton(self)
        self.stretch_button.setAutoRaise(True)
        self.stretch_button.setFont(theme.tabular(theme.normal()))
        self.stretch_button.setIcon(theme.icon("play"))
        self.stretch_button.setIconSize(QSize(16, 16))
        self.stretch_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.stretch_button.setToolTip(self.tr("Show this moment of the clip"))
        self.stretch_button.clicked.connect(self._show_moment)
        # So that its icon, and not its invisible edge, is in line with what is above.
        button = QHBoxLayout()
        button.setContentsMargins(-8, 0, 0, 0)
        button.addWidget(self.stretch_button)
        button.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._part_grid)
        column.addLayout(self._word_grid)
        column.addWidget(self._more)
        column.addLayout(button)
        column.addStretch(1)
        self.forget()

    def forget(self) -> None:
        """Nothing is asked, or something else: no place is kept."""
        self._clear()
        self.setMinimumHeight(0)
        self.hide()

    def wait(self) -> None:
        """Another file, whose answer is not there yet: the lines stay, and say nothing."""
        for row in self._lines():
            row.empty()
        self._stretch = None
        self.stretch_button.setEnabled(False)
        self.stretch_button.setText(" ")
        self._tell([])

    def show_explanation(self, explanation: Explanation) -> None:
        """Tell it; the panel never gets shorter until `forget`, so that what is below it stays where it is."""
        self._clear()
        said = []
        for at, (part, share) in enumerate(explanation.looks):
            if at == len(self._parts):
                self._parts.append(_Part(self, self._part_grid, at))
            said.append(self._parts[at].tell(part, share, self._figure(share)))
        for at, word in enumerate(explanation.words[:MOST_WORDS]):
            if at == len(self._words):
                self._words.append(_Word(self, self._word_grid, at))
            line = self._words[at].tell(str(printable(word.word)), self._where(word), is_met=word.where is not None)
            said.append(line)
        rest = len(explanation.words) - MOST_WORDS
        if rest > 0:
            met = sum(word.where is not None for word in explanation.words[MOST_WORDS:])
            template = self.tr("and {rest} more words, {met} of them met")
            locale = self.locale()
            self._more.setText(template.format(rest=locale.toString(rest), met=locale.toString(met)))
            said.append(self._more.text())
            self._more.show()
        if explanation.stretch is not None:
            self._show_stretch(*explanation.stretch)
            said.append(self.stretch_button.text())
        self._tell(said)
        self.setVisible(bool(said))
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.setMinimumHeight(max(self.minimumHeight(), layout.sizeHint().height()))

    def said(self) -> list[str]:
        """What it says now, a line each."""
        return self._said

    def _lines(self) -> list[_Part | _Word]:
        return [*self._parts, *self._words]

    def _clear(self) -> None:
        for row in self._lines():
            row.set_visible(False)
        self._more.hide()
        self._stretch = None
        self.stretch_button.hide()
        self._tell([])

    def _tell(self, said: list[str]) -> None:
        self._said = said
        self.setAccessibleDescription("; ".join(said))

    def _figure(self, share: float) -> str:
        return self.locale().toString(share, "f", 2)

    def _where(self, word: WordMet) -> str:
        match word.where:
            case Where.LOOK:
                return self.tr("look {value}").format(value=self._figure(word.value))
            case Where.NAME:
                return self.tr("in the name")
            case Where.TEXT:
                return self.tr("in the text")
        return self.tr("not found")

    def _show_stretch(self, start: float, end: float) -> None:
        self._stretch = (start, end)
        first, last = clock(start), clock(end)
        if first == last:
            text = self.tr("Best at {moment}").format(moment=first)
        else:
            text = self.tr("Best from {start} to {end}").format(start=first, end=last)
        self.stretch_button.setText(text)
        self.stretch_button.setEnabled(True)
        self.stretch_button.show()

    def _show_moment(self) -> None:
        if self._stretch is not None:
            self.moment_wanted.emit(self._stretch[0])


def name_column(widget: QWidget) -> int:
    """How wide the column of names is, in logical pixels, here and in the facts below: one line for the eye."""
    metrics = widget.fontMetrics()
    names = [aspect_name(aspect) for aspect in Aspect if aspect is not Aspect.OVERALL]
    facts = QCoreApplication.translate("Inspector", "Dimensions")  # the longest of theirs
    return max(metrics.horizontalAdvance(name) for name in (*names, facts))
