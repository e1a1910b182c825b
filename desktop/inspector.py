"""What is said of the selected file at the window's side: its score and rank, its facts, and what can be done with it.

The preview above them is `desktop.preview`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QDateTime, QLocale, Qt, Signal, SignalInstance
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core import Explanation, Facts, Kind
from core.errors import printable
from desktop import theme
from desktop.clip_controls import clock
from desktop.file_words import kind_name
from desktop.messages import plain_tip
from desktop.preview import ElidedLabel, FileView, PreviewPane, rank_text
from desktop.score_words import score_meaning, score_scale
from desktop.why import Bar, WhyPanel, name_column

MOST_CAPTION = 400
"""Characters shown of the caption inside a picture."""


def file_size(size: int, locale: QLocale) -> str:
    """Bytes as the file managers say them: 48.2 MB, in units of a thousand."""
    return locale.formattedDataSize(size, 0 if size < 10_000 else 1, QLocale.DataSizeFormat.DataSizeSIFormat)


class _FactTable(QWidget):
    """Two quiet columns: what, and how much of it. Keeps its labels from file to file."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._labels: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        # The values stay where they are from file to file.
        self.setFont(theme.normal())
        self._grid.setColumnMinimumWidth(0, name_column(self))

    def set_rows(self, rows: Sequence[tuple[str, str]]) -> None:
        while len(self._labels) < len(rows):
            self._add_row()
        for index, (name, value) in enumerate(self._labels):
            shown = index < len(rows)
            if shown:
                name.setText(rows[index][0])
                value.setText(rows[index][1])
                value.setAccessibleName(f"{rows[index][0]}: {rows[index][1]}")
            name.setVisible(shown)
            value.setVisible(shown)

    def rows(self) -> list[tuple[str, str]]:
        """What it says now."""
        return [(name.text(), value.text()) for name, value in self._labels if not value.isHidden()]

    def _add_row(self) -> None:
        name, value = QLabel(self), QLabel(self)
        name.setFont(theme.normal())
        name.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        value.setFont(theme.tabular(theme.normal()))
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (name, value):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
        at = len(self._labels)
        self._grid.addWidget(name, at, 0)
        self._grid.addWidget(value, at, 1)
        self._labels.append((name, value))


class _Ranking(QWidget):
    """Score and rank of the file, as numbers and as a bar; away while it has no score."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._score = QLabel(self)
        self._score.setFont(theme.tabular(theme.large()))
        self.rank = QLabel(self)
        self.rank.setFont(theme.tabular(theme.normal()))
        self.rank.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._bar = Bar(self)
        self._bar.setAccessibleName(self.tr("Score bar"))
        self._judge = ElidedLabel(self)
        self._judge.setFont(theme.small())
        self._judge.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._judge.hide()
        numbers = QHBoxLayout()
        numbers.addWidget(self._score, 0, Qt.AlignmentFlag.AlignBaseline)
        numbers.addStretch(1)
        numbers.addWidget(self.rank, 0, Qt.AlignmentFlag.AlignBaseline)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addLayout(numbers)
        column.addWidget(self._bar)
        column.addWidget(self._judge)

    def show_file(self, file: FileView) -> None:
        self.setVisible(file.score is not None)
        if file.score is not None:
            written = self.locale().toString(file.score, "f", 2)
            self._score.setText(f"≈{written}" if file.found else written)
            self._score.setAccessibleName(self.tr("Score {score}").format(score=written))
            self._score.setAccessibleDescription(file.found or score_meaning(file.score, file.scale))
            self.rank.setText(rank_text(file, self.locale()))
            self._bar.set_share(file.score)
            self._bar.setAccessibleDescription(f"{self._bar.share():.0%}")
            for widget in (self._score, self._bar):
                widget.setToolTip(plain_tip(score_scale(file.scale)))
            self._bar.set_guess(bool(file.found))
            self._judge.setText(file.found or file.judge)
            self._judge.setVisible(bool(file.found or file.judge))


class Inspector(QWidget):
    """The right panel: the selected file large, what is known of it, and what can be done with it."""

    preview_wanted = Signal(object, int, int)
    """As PreviewPane.preview_wanted."""
    frame_wanted = Signal(object, float)
    """As PreviewPane.frame_wanted."""
    similar_wanted = Signal(object)
    """Path (str) that is to become the query."""
    part_wanted = Signal(object)
    """Path (str) of a picture, a part of which is to become the query."""
    open_wanted = Signal(object, int)
    """Path (str) to be opened in its own program, and the page, from 0."""
    reveal_wanted = Signal(object)
    """Path (str) to be shown in the system's file manager."""
    copy_wanted = Signal(object)
    """Paths (list of str) to be put on the clipboard."""

    _BESIDE_WORDS = 50
    """What a button needs beside its words, in logical pixels: icon, padding, border."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._format = ""
        self._details: tuple[tuple[str, str], ...] = ()
        self._known = Facts()
        self.setAccessibleName(self.tr("Inspector"))
        self.setMinimumWidth(232)
        self.preview = PreviewPane(self)
        self.preview.preview_wanted.connect(self.preview_wanted)
        self.preview.frame_wanted.connect(self.frame_wanted)
        self._one = QWidget(self)
        column = QVBoxLayout(self._one)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.preview)
        column.addWidget(self._build_words(), 1)
        self._hint = QLabel(self)
        self._hint.setFont(theme.normal())
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._hint.setContentsMargins(24, 24, 24, 24)
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(self._one)
        self.clear()

    def _build_words(self) -> QScrollArea:
        """What is under the preview: name, rank, actions and facts; scrolls where the panel is short."""
        self._name = ElidedLabel(self)
        self._name.setFont(theme.large())
        self._folder = ElidedLabel(self)
        self._folder.setFont(theme.small())
        self._folder.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._ranking = _Ranking(self)
        self.why = WhyPanel(self)
        self.why.moment_wanted.connect(self.preview.show_moment)
        self.facts = _FactTable(self)
        title = QVBoxLayout()
        title.setSpacing(2)
        title.addWidget(self._name)
        title.addWidget(self._folder)
        words = QWidget(self)
        column = QVBoxLayout(words)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(16)
        column.addLayout(title)
        column.addWidget(self._ranking)
        column.addWidget(self.why)
        column.addLayout(self._build_actions())
        column.addWidget(self.facts)
        column.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(words)
        scroll.viewport().setAutoFillBackground(False)
        words.setAutoFillBackground(False)
        return scroll

    def _build_actions(self) -> QHBoxLayout:
        self.similar_button = QPushButton(theme.icon("similar"), self.tr("Find similar"), self)
        self.similar_button.setFont(theme.normal())
        self.similar_button.setAccessibleName(self.tr("Find similar files"))
        self.similar_button.clicked.connect(lambda: self._tell(self.similar_wanted))
        self.part_button = self._action("crop", self.tr("Find similar to a part"))
        self.part_button.clicked.connect(lambda: self._tell(self.part_wanted))
        self.open_button = self._action("external", self.tr("Open"), self.tr("Open in its own program (Enter)"))
        self.open_button.clicked.connect(self._open)
        self.reveal_button = self._action("reveal", self.tr("Show in file manager"))
        self.reveal_button.clicked.connect(lambda: self._tell(self.reveal_wanted))
        self.copy_button = self._action("copy", self.tr("Copy path"))
        self.copy_button.clicked.connect(self._copy)
        actions = QHBoxLayout()
        actions.setSpacing(4)
        actions.addWidget(self.similar_button, 1)
        for button in (self.part_button, self.open_button, self.reveal_button, self.copy_button):
            actions.addWidget(button)
        return actions

    def _fit_actions(self) -> None:
        """The one action with words gives them up where the panel is too narrow for the row."""
        words = self.tr("Find similar")
        others = 4 * (32 + 4)
        room = self.width() - 24 - others
        fits = room >= self.similar_button.fontMetrics().horizontalAdvance(words) + self._BESIDE_WORDS
        self.similar_button.setText(words if fits else "")

    def _action(self, icon: str, name: str, tip: str = "") -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setIcon(theme.icon(icon))
        button.setFixedSize(32, 32)
        button.setToolTip(tip or name)
        button.setAccessibleName(name)
        return button

    def show_file(self, file: FileView, thumbnail: QImage | None = None) -> None:
        """Show one file; its preview is asked for by `preview_wanted`.

        The same file again brings only its new score and rank: zoom, scroll and a playing clip stay.
        """
        if not file.same_content(self.preview.file()):
            self._format, self._details, self._known = "", (), Facts()
        self._pages.setCurrentWidget(self._one)
        self.preview.show_file(file, thumbnail)
        self._show_whether_similar(file)
        self._name.setText(str(printable(file.name)))
        self._folder.setText(str(printable(file.folder)))
        self._ranking.show_file(file)
        self._show_facts(file)

    def set_explanation(self, explanation: Explanation | None) -> None:
        """Why the file that is shown has its score; None while that is not known yet."""
        if explanation is None:
            self.why.wait()
        else:
            self.why.show_explanation(explanation)

    def set_preview(
        self,
        path: str,
        image: QImage | None,
        text: str,
        facts: Facts,
        format: str,
        details: Sequence[tuple[str, str]] = (),
        *,
        page: int = 0,
        kind: Kind | None = None,
    ) -> None:
        """The answer to `preview_wanted`: the image or the text, and (name, value) pairs of what else is known."""
        file = self.preview.file()
        if file is not None and (file.path, file.page) == (path, page):
            name = self.tr("Text") if file.kind is Kind.TEXT else self.tr("Caption")
            # What a page says stands beside it where there is room; here is how it begins, to be copied.
            caption = [(name, text[:MOST_CAPTION])] if text and not file.is_read else []
            self._format, self._details, self._known = format, (*caption, *details), facts
            self.preview.set_preview(path, image, text, facts, page=page, kind=kind)
            self._show_facts(self.preview.file() or file)

    def set_frame(self, path: str, image: QImage) -> None:
        """The answer to `frame_wanted`."""
        self.preview.set_frame(path, image)

    def set_failure(self, path: str, sentence: str) -> None:
        """The other answer to `preview_wanted`: why there is no preview."""
        self.preview.set_failure(path, sentence)

    def show_many(self, count: int, size: int) -> None:
        """Say how many files are selected, and their bytes."""
        self.preview.clear()
        self._hint.setText(
            self.tr("{count} selected, {size}").format(
                count=self.locale().toString(count), size=file_size(size, self.locale())
            )
        )
        self._pages.setCurrentWidget(self._hint)

    def clear(self) -> None:
        """Nothing is selected."""
        self.preview.clear()
        self._hint.setText(self.tr("Select a result to see it large"))
        self._pages.setCurrentWidget(self._hint)

    def words(self) -> str:
        """What is said of the selection as a whole: the hint, or the rank of the one file."""
        return self._hint.text() if self._pages.currentWidget() is self._hint else self._ranking.rank.text()

    def _show_whether_similar(self, file: FileView) -> None:
        if file.error is not None:
            why = self.tr("A file that can't be read can't be the query")
        elif file.kind is Kind.TEXT:
            why = self.tr("A document can't be the query; copy its words into the bar")
        elif file.page:
            why = self.tr("Only the first page of a picture can be the query")
        elif file.away:
            why = file.away
        else:
            why = ""
        self.similar_button.setEnabled(not why)
        self.similar_button.setToolTip(why or self.tr("Make this the query (F)"))
        if not why and file.kind is Kind.VIDEO:
            why = self.tr("A clip is always taken as a whole")
        self.open_button.setEnabled(not file.away)
        self.open_button.setToolTip(file.away or self.tr("Open in its own program (Enter)"))
        self.part_button.setEnabled(not why)
        self.part_button.setToolTip(why or self.tr("Find similar to a part of it"))

    def _show_facts(self, file: FileView) -> None:
        kind = kind_name(file.kind)
        locale = self.locale()
        rows = [(self.tr("Kind"), f"{kind}, {self._format}" if self._format not in ("", kind) else kind)]
        if self._known.width and file.kind is not Kind.TEXT:  # a page's pixels are made up
            rows.append((self.tr("Dimensions"), f"{self._known.width} × {self._known.height}"))
        if self._known.duration:
            rows.append((self.tr("Length"), clock(self._known.duration)))
        rows.append((self.tr("Size"), file_size(file.size, locale)))
        if file.modified:
            moment = QDateTime.fromMSecsSinceEpoch(round(file.modified * 1000))
            rows.append((self.tr("Modified"), locale.toString(moment, QLocale.FormatType.ShortFormat)))
        # The engine's labels are English words, translated here.
        self.facts.set_rows([*rows, *((self.tr(name), str(printable(value))) for name, value in self._details)])

    def _tell(self, signal: SignalInstance) -> None:
        file = self.preview.file()
        if file is not None:
            signal.emit(file.path)

    def _open(self) -> None:
        file = self.preview.file()
        if file is not None:
            self.open_wanted.emit(file.path, file.page)

    def _copy(self) -> None:
        file = self.preview.file()
        if file is not None:
            self.copy_wanted.emit([file.path])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit_actions()
        # Nearly square, so that tall and wide pictures get the same room; the words keep at least half.
        self.preview.setFixedHeight(max(min(round(self.width() * 0.9), self.height() // 2), 120))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Window))
