"""What the program keeps, how large it is, what clearing it costs, and how all of it is taken to another place."""

from __future__ import annotations

import os
from collections.abc import Callable

from PySide6.QtCore import QDate, QEvent, QStandardPaths, Qt, Signal
from PySide6.QtGui import QHideEvent, QPalette, QShowEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from core import BackedUp, BackUp, ClearStorage, Event, MeasureStorage, Request, Restore, Restored, Storage, StoragePart
from desktop import theme
from desktop.engine_thread import EngineLink
from desktop.inspector import file_size
from desktop.messages import sentence
from desktop.preview import ElidedLabel
from desktop.results_pane import hairline

SUFFIX = "semblance-backup"
_WIDTH = 680
"""Logical pixels."""


class StoragePanel(QDialog):
    """Each part that is kept, with its size and a way to clear it; backup and restore below."""

    def __init__(self, link: EngineLink, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._link = link
        self._measuring = self._job = 0
        self._rows: dict[str, _PartRow] = {}
        self.setWindowTitle(self.tr("What is kept"))
        self.setAccessibleName(self.windowTitle())
        self.setFont(theme.normal())
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addLayout(self._build_head())
        column.addWidget(hairline(self))
        self._parts = QVBoxLayout()
        self._parts.setSpacing(12)
        column.addLayout(self._parts)
        column.addStretch(1)
        column.addWidget(hairline(self))
        column.addLayout(self._build_news())
        column.addLayout(self._build_foot())
        self.setFixedWidth(_WIDTH)
        self._say("")

    def _build_head(self) -> QGridLayout:
        self.path = ElidedLabel(self)
        self.path.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.size_line = QLabel(self)
        self.size_line.setFont(theme.tabular(theme.normal()))
        about = _quiet(
            self.tr(
                "Scores and what was learnt of your files are kept in one catalog, so that nothing is judged twice. "
                "Your files themselves are never changed."
            ),
            self,
        )
        head = QGridLayout()
        head.setHorizontalSpacing(16)
        head.setVerticalSpacing(4)
        head.setColumnStretch(1, 1)
        head.addWidget(_quiet(self.tr("Catalog"), self), 0, 0)
        head.addWidget(self.path, 0, 1)
        head.addWidget(_quiet(self.tr("Size"), self), 1, 0)
        head.addWidget(self.size_line, 1, 1)
        head.addWidget(about, 2, 0, 1, 2)
        return head

    def _build_news(self) -> QVBoxLayout:
        """What is under way, or how the last thing ended."""
        self.news = QLabel(self)
        self.news.setWordWrap(True)
        self.news.setTextFormat(Qt.TextFormat.PlainText)
        self.news.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = QProgressBar(self)
        self._bar.setRange(0, 0)
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("Under way"))
        news = QVBoxLayout()
        news.setSpacing(8)
        news.addWidget(self.news)
        news.addWidget(self._bar)
        return news

    def _build_foot(self) -> QHBoxLayout:
        self.backup_button = QPushButton(self.tr("Back up …"), self)
        self.backup_button.setToolTip(self.tr("Write everything that is known into one file"))
        self.backup_button.clicked.connect(self._ask_where_to_back_up)
        self.restore_button = QPushButton(self.tr("Restore …"), self)
        self.restore_button.setToolTip(self.tr("Take in what a backup knows; what is here already stays"))
        self.restore_button.clicked.connect(self._ask_what_to_restore)
        self.close_button = QPushButton(self.tr("Close"), self)
        self.close_button.clicked.connect(self.close)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.backup_button)
        foot.addWidget(self.restore_button)
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        for button in (self.backup_button, self.restore_button, self.close_button):
            button.setAutoDefault(False)
            button.setAccessibleDescription(button.toolTip())
        return foot

    # --- what the engine is asked ----------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._fit()
        self._measure()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        for row in self._rows.values():
            row.withdraw()

    def event(self, event: QEvent) -> bool:
        handled = super().event(event)
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return handled

    def _fit(self) -> None:
        """As high as its sentences need at this width."""
        column = self.layout()
        assert column is not None
        column.activate()
        self.setFixedHeight(column.totalHeightForWidth(_WIDTH))

    def _measure(self) -> None:
        self._link.cancel(self._measuring)
        if not self._rows:
            self.size_line.setText(self.tr("Measuring …"))
        self._measuring = self._link.run(MeasureStorage(), self._take, on_error=self._fail_to_measure)

    def _fail_to_measure(self, error: BaseException) -> None:
        if not self._rows:
            self.size_line.setText("")
        self._say(sentence(error))

    def clear_part(self, name: str) -> None:
        """Throw away a part of what is kept, by StoragePart.name."""
        self._start(ClearStorage((name,)), self.tr("Clearing …"), self.tr("It is cleared, and the disk has its space."))

    def back_up(self, path: str) -> None:
        self._start(BackUp(path), self.tr("Writing the backup …"), "")

    def restore(self, path: str) -> None:
        self._start(Restore(path), self.tr("Taking in the backup …"), "")

    def _start(self, request: Request, meanwhile: str, at_end: str) -> None:
        said = at_end

        def take(event: Event) -> None:
            nonlocal said
            said = self._take(event) or said

        def end() -> None:
            self._finish(said)
            if isinstance(request, Restore):
                self._measure()

        self._say(meanwhile)
        self._set_busy(True)
        self._job = self._link.run(request, take, end, lambda error: self._finish(sentence(error)))

    def _finish(self, said: str) -> None:
        self._set_busy(False)
        self._say(said)

    def _take(self, event: Event) -> str:
        """Show what came; returns the sentence it deserves."""
        locale = self.locale()
        match event:
            case Storage():
                self._show(event)
            case BackedUp(path=path, bytes=size):
                return self.tr("The backup is in {path} ({size}).").format(path=path, size=file_size(size, locale))
            case Restored(contents=0, scores=0):
                return self.tr("The backup held nothing that was not known here.")
            case Restored(contents=contents, scores=scores):
                return self.tr("Taken in: {contents} files that were not known here, and {scores} scores.").format(
                    contents=locale.toString(contents), scores=locale.toString(scores)
                )
        return ""

    # --- what it shows ---------------------------------------------------------------------------

    def _show(self, storage: Storage) -> None:
        self.path.setText(storage.catalog)
        self.size_line.setText(file_size(storage.catalog_bytes, self.locale()))
        for part in storage.parts:
            if part.name not in self._rows:
                row = self._rows[part.name] = _PartRow(part.name, self)
                row.confirmed.connect(self.clear_part)
                self._parts.addWidget(row)
            self._rows[part.name].show_part(part)

    def row(self, name: str) -> _PartRow:
        """The row of a part, by StoragePart.name."""
        return self._rows[name]

    def _set_busy(self, is_busy: bool) -> None:
        self._bar.setVisible(is_busy)
        why = self.tr("Something else is under way") if is_busy else ""
        for button in (self.backup_button, self.restore_button):
            button.setEnabled(not is_busy)
        for row in self._rows.values():
            row.set_obstacle(why)

    def _say(self, text: str) -> None:
        self.news.setText(text)
        self.news.setVisible(bool(text))
        if not text:
            self._bar.hide()

    # --- files -----------------------------------------------------------------------------------

    def _ask_where_to_back_up(self) -> None:
        places = QStandardPaths.StandardLocation.DocumentsLocation, QStandardPaths.StandardLocation.HomeLocation
        folders = [QStandardPaths.writableLocation(place) for place in places]
        day = QDate.currentDate().toString(Qt.DateFormat.ISODate)
        dialog = self._dialog(self.tr("Back up what is kept"), self.tr("Back up"), self.back_up)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix(SUFFIX)
        dialog.setDirectory(next(filter(os.path.isdir, folders), folders[-1]))
        dialog.selectFile(f"semblance-{day}.{SUFFIX}")
        dialog.open()

    def _ask_what_to_restore(self) -> None:
        dialog = self._dialog(self.tr("Restore from a backup"), self.tr("Restore"), self.restore)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.open()

    def _dialog(self, title: str, accept: str, act: Callable[[str], object]) -> QFileDialog:
        dialog = QFileDialog(self, title)
        ours = self.tr("Backups of Semblance (*.{suffix})").format(suffix=SUFFIX)
        dialog.setNameFilters([ours, self.tr("All files (*)")])
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, accept)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(act)
        return dialog


class _PartRow(QWidget):
    """One part: what it is, how large, what clearing costs. Clearing is asked for twice, in this place."""

    confirmed = Signal(str)
    """StoragePart.name: it is to be cleared."""

    def __init__(self, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._name = name
        self._is_asking = False
        self._obstacle = ""
        self._count = 0
        title, self._cost, self._one, self._many = _words_of(name, self)
        self._title = QLabel(title, self)
        self.amount = QLabel(self)
        self.amount.setFont(theme.tabular(theme.normal()))
        self.amount.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._cost_line = _quiet(self._cost, self)
        self._cost_line.setFont(theme.small())
        self.clear_button = QPushButton(self)
        self.clear_button.clicked.connect(self._ask)
        # Elsewhere than the button that asks: two clicks in haste clear nothing.
        self.confirm_button = QPushButton(self.tr("Clear now"), self)
        self.confirm_button.setAccessibleName(self.tr("Clear now: {part}").format(part=title))
        self.confirm_button.setAccessibleDescription(self._cost)
        self.confirm_button.clicked.connect(self._confirm)
        policy = self.confirm_button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.confirm_button.setSizePolicy(policy)
        for button in (self.clear_button, self.confirm_button):
            button.setAutoDefault(False)
        self.confirm_button.hide()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self._title, 0, 0)
        grid.addWidget(self.amount, 0, 1)
        grid.addWidget(self._cost_line, 1, 0, 1, 2)
        grid.addWidget(self.confirm_button, 0, 2, 2, 1, Qt.AlignmentFlag.AlignVCenter)
        grid.addWidget(self.clear_button, 0, 3, 2, 1, Qt.AlignmentFlag.AlignVCenter)

    def show_part(self, part: StoragePart) -> None:
        locale = self.locale()
        self._count = part.count
        count = self._one if part.count == 1 else self._many.replace("%1", locale.toString(part.count))
        self.amount.setText(f"{file_size(part.bytes, locale)} · {count}")
        self._show_state()

    def set_obstacle(self, why: str) -> None:
        """Why it can't be cleared now; empty if it can."""
        self._obstacle = why
        self._show_state()

    def withdraw(self) -> None:
        """It is not to be cleared after all."""
        had_focus = self.confirm_button.hasFocus()
        self._is_asking = False
        self._show_state()
        if had_focus:
            self.clear_button.setFocus()

    def _ask(self) -> None:
        """The first of two steps; pressed again it is taken back."""
        self._is_asking = not self._is_asking
        self._show_state()

    def _confirm(self) -> None:
        self.withdraw()
        self.confirmed.emit(self._name)

    def _show_state(self) -> None:
        why = self._obstacle or ("" if self._count else self.tr("There is nothing to clear"))
        self._is_asking = self._is_asking and not why
        word = self.tr("Keep") if self._is_asking else self.tr("Clear …")
        self.clear_button.setText(word)
        self.clear_button.setAccessibleName(f"{word.rstrip(' …')}: {self._title.text()}")
        self.clear_button.setAccessibleDescription(self._cost)
        self.clear_button.setEnabled(not why)
        self.clear_button.setToolTip(why)
        self.confirm_button.setVisible(self._is_asking)
        role = QPalette.ColorRole.WindowText if self._is_asking else QPalette.ColorRole.PlaceholderText
        self._cost_line.setForegroundRole(role)


def _words_of(name: str, place: QWidget) -> tuple[str, str, str, str]:
    """What a part is called, what clearing it costs, and how one and several of it are counted."""
    tr = place.tr
    words = {
        "scores": (
            tr("Scores"),
            tr("Cleared, every file must be judged again, which takes hours with a model."),
            tr("1 score"),
            tr("%1 scores"),
        ),
        "features": (
            tr("What was learnt of files"),
            tr("Cleared, every file must be read again the next time it is ranked."),
            tr("1 file"),
            tr("%1 files"),
        ),
        "listings": (
            tr("What was in folders"),
            tr("Cleared, a folder takes longer to open once, and is empty while its drive is away."),
            tr("1 folder"),
            tr("%1 folders"),
        ),
        "missing": (
            tr("Files that are no longer there"),
            tr("Cleared, such a file must be read and judged again if it ever comes back."),
            tr("1 file"),
            tr("%1 files"),
        ),
        "thumbnails": (
            tr("Thumbnails"),
            tr("Cleared, they are made again as you look at them."),
            tr("1 picture"),
            tr("%1 pictures"),
        ),
    }
    return words.get(name, (name, "", "1", "%1"))


def _quiet(text: str, parent: QWidget) -> QLabel:
    label = QLabel(text, parent)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    label.setWordWrap(len(text) > 40)
    return label
