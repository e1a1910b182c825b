"""How the files that can't be scored are listed, with their reasons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from core.errors import printable
from desktop import theme
from desktop.file_words import paged_name

Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True)
class Failure:
    """A file, or a folder, that can't be read or judged."""

    path: str
    reason: str
    """A sentence."""
    page: int | None = None
    """Of its file, from 1; None: the whole."""


@dataclass(frozen=True)
class _Line:
    path: str
    shown_path: str
    name: str
    folder: str
    reason: str
    searched: str


_COLUMNS = ("name", "folder", "reason")
_REASON = _COLUMNS.index("reason")


class FailuresModel(QAbstractTableModel):
    """The failures that match the words typed, in the order of the column chosen; columns name, folder, reason."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._all: list[_Line] = []
        self._shown: list[_Line] = []
        self._words: list[str] = []
        self._order: tuple[int, bool] | None = None

    def set_failures(self, failures: Sequence[Failure]) -> None:
        """Replace everything by these, kept in this order until a column is chosen."""
        self._all = []
        for failure in failures:
            place, name = os.path.split(failure.path)
            folder, name = str(printable(place)), paged_name(name, failure.page)
            searched = f"{name} {folder} {failure.reason}".casefold()
            shown_path = paged_name(failure.path, failure.page)
            self._all.append(_Line(failure.path, shown_path, name, folder, failure.reason, searched))
        self._select()

    def set_filter(self, text: str) -> None:
        """Show those in which every word of `text` occurs, in any column."""
        self._words = text.casefold().split()
        self._select()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._order = (column, order is Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self._select()

    def _select(self) -> None:
        self.beginResetModel()
        self._shown = [row for row in self._all if all(word in row.searched for word in self._words)]
        if self._order is not None:
            column, descending = self._order
            value = attrgetter(_COLUMNS[column])
            self._shown.sort(key=lambda row: value(row).casefold(), reverse=descending)
        self.endResetModel()

    def total(self) -> int:
        """How many there are, shown or not."""
        return len(self._all)

    def failure(self, row: int) -> tuple[str, str]:
        """(path, sentence) of a row that is shown."""
        return self._shown[row].path, self._shown[row].reason

    def line(self, row: int) -> str:
        """A row that is shown as a line of text: the path with the page, a tab, the sentence."""
        return f"{self._shown[row].shown_path}\t{self._shown[row].reason}"

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self._shown)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(_COLUMNS)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row = self._shown[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return getattr(row, _COLUMNS[index.column()])
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.reason if index.column() == _REASON else row.shown_path
        return None

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if orientation is Qt.Orientation.Horizontal:
            if role == Qt.ItemDataRole.DisplayRole:
                return (self.tr("Name"), self.tr("Folder"), self.tr("Reason"))[section]
            if role == Qt.ItemDataRole.TextAlignmentRole:
                return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None


class _Reasons(QStyledItemDelegate):
    """Elides sentences at their end; the names in the other columns keep their end, which tells them apart."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideRight


class FailuresPanel(QDialog):
    """The files that can't be scored and why: to look through, to copy, to go and see."""

    reveal_wanted = Signal(object)
    """Path (str) to be shown in the system's file manager."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Files that can't be scored"))
        self.setAccessibleName(self.windowTitle())
        self.resize(880, 520)
        self.setFont(theme.normal())
        self.model = FailuresModel(self)

        self.filter = QLineEdit(self)
        self.filter.setPlaceholderText(self.tr("Filter by name, folder or reason …"))
        self.filter.setAccessibleName(self.tr("Filter the list"))
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self._count = QLabel(self)
        self._count.setFont(theme.tabular(theme.normal()))
        self._count.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        head = QHBoxLayout()
        head.setSpacing(16)
        head.addWidget(self.filter, 1)
        head.addWidget(self._count)

        self.table = QTableView(self)
        self.table.setAccessibleName(self.tr("Files and reasons"))
        self.table.setModel(self.model)
        self.table.setFrameShape(QFrame.Shape.NoFrame)
        self.table.setShowGrid(False)
        # The words under those of the headings: the style itself adds 3 pixels.
        self.table.setStyleSheet("QTableView::item { padding: 0 5px; border: none; }")
        self.table.setWordWrap(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setTabKeyNavigation(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setItemDelegateForColumn(_REASON, _Reasons(self.table))
        self.table.verticalHeader().hide()
        # One height for all rows: measuring 10,000 of them would be felt.
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.table.verticalHeader().setDefaultSectionSize(28)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.resizeSection(0, 224)
        header.resizeSection(1, 248)
        header.setSortIndicatorClearable(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.table.setSortingEnabled(True)
        self.table.doubleClicked.connect(self._reveal)
        self.table.selectionModel().selectionChanged.connect(self._show_what_can_be_done)

        self.copy_button = QPushButton(theme.icon("copy"), "", self)
        self.copy_button.clicked.connect(self.copy)
        self.reveal_button = QPushButton(theme.icon("reveal"), self.tr("Show in file manager"), self)
        self.reveal_button.setAccessibleName(self.reveal_button.text())
        self.reveal_button.clicked.connect(self._reveal)
        self.close_button = QPushButton(self.tr("Close"), self)
        self.close_button.setAccessibleName(self.tr("Close the list"))
        self.close_button.clicked.connect(self.close)
        for button in (self.copy_button, self.reveal_button, self.close_button):
            button.setAutoDefault(False)
        foot = QHBoxLayout()
        foot.setSpacing(8)
        foot.addWidget(self.copy_button)
        foot.addWidget(self.reveal_button)
        foot.addStretch(1)
        foot.addWidget(self.close_button)
        copy = QAction(self)
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self.copy)
        self.table.addAction(copy)

        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.table, 1)
        column.addLayout(foot)
        self.set_failures([])

    def set_failures(self, failures: Sequence[Failure]) -> None:
        """List these."""
        self.model.set_failures(failures)
        self._show_what_can_be_done()

    def copy(self) -> None:
        """Put the selected rows, or all that are shown, on the clipboard: path, tab, reason."""
        rows = self._selected() or range(self.model.rowCount())
        QGuiApplication.clipboard().setText("\n".join(map(self.model.line, rows)))

    def _selected(self) -> list[int]:
        return sorted(index.row() for index in self.table.selectionModel().selectedRows())

    def _filter(self, text: str) -> None:
        self.model.set_filter(text)
        self._show_what_can_be_done()

    def _reveal(self) -> None:
        rows = self._selected()
        if rows:
            self.reveal_wanted.emit(self.model.failure(rows[0])[0])

    def _show_what_can_be_done(self) -> None:
        shown, total, selected = self.model.rowCount(), self.model.total(), len(self._selected())
        locale = self.locale()
        count = locale.toString(total)
        if shown != total:
            count = self.tr("{shown} of {total}").format(shown=locale.toString(shown), total=count)
        self._count.setText(count if total else self.tr("Every file could be read"))
        self.copy_button.setText(self.tr("Copy selected") if selected else self.tr("Copy list"))
        self.copy_button.setAccessibleName(self.copy_button.text())
        self.copy_button.setEnabled(shown > 0)
        self.copy_button.setToolTip("" if shown else self.tr("There is nothing to copy"))
        self.reveal_button.setEnabled(selected == 1)
        self.reveal_button.setToolTip("" if selected == 1 else self.tr("Select one file first"))
