"""Which folders a person can go to: their library as a tree, the folders of late, and the samples.

The panel reads no disk but to see whether what is dragged over it is a folder: it asks for the folders inside a
folder when that is opened, and shows what it is told. Paths travel in signals as `object`, because PySide drops the
undecodable bytes of a name when it converts to a Qt string.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QFocusEvent,
    QIcon,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from core.errors import printable
from desktop import theme
from desktop.drops import local_path
from desktop.messages import plain_tip

Index = QModelIndex | QPersistentModelIndex

MOST_RECENT = 8
_ROW = Qt.ItemDataRole.UserRole


class Section(IntEnum):
    """Where a row of the tree belongs, from the top down."""

    LIBRARY = 0
    RECENT = 1
    SAMPLES = 2


@dataclass(frozen=True)
class _Row:
    """What a row stands for: a folder, or words alone (a heading, a hint)."""

    section: Section
    name: str
    path: str = ""
    note: str = ""
    has_children: bool = False
    heading: bool = False
    away: bool = False


def _folder_name(path: str) -> str:
    return str(printable(os.path.basename(path.rstrip(os.sep)) or path))


class LibraryPanel(QWidget):
    """The left panel. The person chooses a folder in it; it is fed with what there is to choose."""

    folder_chosen = Signal(object)
    """Path (str) of the folder that is to be opened."""
    root_added = Signal(object)
    """Path (str) of a folder that is to be part of the library from now on."""
    root_removed = Signal(object)
    """Path (str) of a root to forget. The folder itself stays as it is."""
    reveal_wanted = Signal(object)
    """Path (str) to be shown in the system's file manager."""
    subfolders_wanted = Signal(object)
    """Path (str) of a folder that was opened in the tree; answer with `set_subfolders`."""
    recursive_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._roots: list[str] = []
        self._current = ""
        self._seeking = False
        self._to_expand: set[str] = set()
        self._dropping = False
        self.setAcceptDrops(True)
        self.setAccessibleName(self.tr("Library"))

        self.tree = _Tree(self)
        self.tree.setAccessibleName(self.tr("Folders"))
        self.tree.itemExpanded.connect(self._ask_for_subfolders)
        self.tree.itemClicked.connect(lambda item: self._choose(item))
        self.tree.chosen.connect(self._choose)
        self.tree.menu_wanted.connect(self._show_menu)

        self.recursive_box = QCheckBox(self.tr("Include subfolders"), self)
        self.recursive_box.setFont(theme.normal())
        self.recursive_box.setChecked(True)
        self.recursive_box.setToolTip(self.tr("Rank the folders inside the chosen one too"))
        self.recursive_box.setAccessibleName(self.tr("Include subfolders"))
        self.recursive_box.toggled.connect(self.recursive_changed)

        self.add_button = QPushButton(theme.icon("plus"), self.tr("Add folder …"), self)
        self.add_button.setFont(theme.normal())
        self.add_button.setAccessibleName(self.tr("Add a folder to the library"))
        self.add_button.clicked.connect(self.ask_for_folder)

        foot = QVBoxLayout()
        foot.setContentsMargins(12, 8, 12, 12)
        foot.setSpacing(8)
        foot.addWidget(self.recursive_box)
        foot.addWidget(self.add_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.setSpacing(0)
        beside = QHBoxLayout()
        beside.setContentsMargins(4, 0, 0, 0)
        beside.addWidget(self.tree)
        column.addLayout(beside, 1)
        column.addLayout(foot)
        self.setFocusProxy(self.tree)
        self.setMinimumWidth(176)
        self.set_roots([])

    # --- what it shows -------------------------------------------------------------------------------------

    def set_roots(self, roots: Sequence[str], away: Collection[str] = ()) -> None:
        """The folders of the library, in order; those in `away` can't be reached now (a drive, a share)."""
        self._roots = list(roots)
        rows = [
            _Row(
                Section.LIBRARY,
                _folder_name(path),
                path,
                note=self.tr("(not connected)") if path in away else "",
                has_children=path not in away,
                away=path in away,
            )
            for path in roots
        ]
        if not rows:
            rows = [_Row(Section.LIBRARY, self.tr("Add a folder or drop one here"), away=True)]
        self._lay_out(Section.LIBRARY, self.tr("Library"), rows)

    def set_recent(self, folders: Sequence[str]) -> None:
        """The folders opened of late, latest first; the first eight are shown."""
        shown = folders[:MOST_RECENT]
        names = [_folder_name(path) for path in shown]
        rows = [
            # Two folders of one name are told apart by where they are.
            _Row(Section.RECENT, name, path, note=_folder_name(os.path.dirname(path)) if names.count(name) > 1 else "")
            for name, path in zip(names, shown, strict=True)
        ]
        self._lay_out(Section.RECENT, self.tr("Recent"), rows)

    def set_samples(self, folder: str | None) -> None:
        """Where the sample library lies, or None to leave it away."""
        rows = [_Row(Section.SAMPLES, self.tr("Sample library"), folder)] if folder else []
        self._lay_out(Section.SAMPLES, self.tr("Samples"), rows)

    def set_subfolders(self, path: str, folders: Sequence[tuple[str, bool]]) -> None:
        """The folders inside `path` by name, each with whether it has folders of its own."""
        for item in self.tree.folder_items(path):
            row = _row_of(item)
            if row.section is not Section.LIBRARY:
                continue
            rows = [
                _Row(Section.LIBRARY, str(printable(name)), os.path.join(path, name), has_children=has_folders)
                for name, has_folders in folders
            ]
            self._sync(item, 0, item.childCount(), rows)
            if not folders:
                item.setChildIndicatorPolicy(QTreeWidgetItem.ChildIndicatorPolicy.DontShowIndicator)
        if self._current:
            self._show_current()

    def set_current(self, path: str) -> None:
        """Mark the folder that is open, and bring it into sight if the tree can show it."""
        self._current, self._seeking = path, True
        root = next((root for root in self._roots if _inside(path, root)), None)
        if root is not None:
            while len(path) > len(root):
                path = os.path.dirname(path)
                self._to_expand.add(path)
        self._expand_wanted(self.tree.invisibleRootItem())
        self._show_current()

    def set_recursive(self, recursive: bool) -> None:
        """Whether subfolders are ranked too; a change is told by `recursive_changed`, as the person's own."""
        self.recursive_box.setChecked(recursive)

    def save_state(self) -> list[str]:
        """The folders that are open in the tree, to be kept in the settings."""
        return sorted(path for path in self._expanded() | self._to_expand if str(printable(path)) == path)

    def restore_state(self, state: Sequence[str]) -> None:
        """Open again the folders of `save_state`, those that are still there, as they become known."""
        self._to_expand.update(state)
        self._expand_wanted(self.tree.invisibleRootItem())

    def ask_for_folder(self) -> None:
        """Let the person choose a folder for the library."""
        dialog = QFileDialog(self, self.tr("Add a folder to the library"))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setOption(QFileDialog.Option.ShowDirsOnly)
        dialog.setLabelText(QFileDialog.DialogLabel.Accept, self.tr("Add"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.root_added.emit(os.path.normpath(path)))
        dialog.open()

    # --- rows ----------------------------------------------------------------------------------------------

    def _lay_out(self, section: Section, title: str, rows: Sequence[_Row]) -> None:
        """Make the tree's top level hold a heading and `rows` for `section`, or nothing if there are none."""
        top = self.tree.invisibleRootItem()
        before = [_row_of(item) for item in _children(top)]
        start = sum(row.section < section for row in before)
        count = sum(row.section == section for row in before)
        headed = [_Row(section, title.upper(), heading=True), *rows] if rows else []
        self._sync(top, start, count, headed)
        if self._current:
            self._show_current()

    def _sync(self, parent: QTreeWidgetItem, start: int, count: int, rows: Sequence[_Row]) -> None:
        """Turn `count` children from `start` on into `rows`. Rows that stay keep what is open inside them."""
        old = {_key(_row_of(item)): item for item in _children(parent)[start : start + count]}
        for gone in old.keys() - {_key(row) for row in rows}:
            parent.removeChild(old.pop(gone))
        for index, row in enumerate(rows, start):
            item = old.get(_key(row))
            if item is None:
                item = QTreeWidgetItem()
                parent.insertChild(index, item)
            elif parent.indexOfChild(item) != index:
                expanded = item.isExpanded()
                parent.removeChild(item)
                parent.insertChild(index, item)
                item.setExpanded(expanded)
            _fill(item, row)
        self._expand_wanted(parent)

    def _expand_wanted(self, parent: QTreeWidgetItem) -> None:
        for item in _children(parent):
            row = _row_of(item)
            if row.section is Section.LIBRARY and row.path in self._to_expand and row.has_children:
                self._to_expand.discard(row.path)
                item.setExpanded(True)
            self._expand_wanted(item)

    def _expanded(self) -> set[str]:
        return {_row_of(item).path for item in self.tree.all_items() if item.isExpanded()}

    def _show_current(self) -> None:
        """Mark the rows of the open folder; go to one, but once, so that the keyboard's place is left alone later."""
        items = self.tree.folder_items(self._current)
        self.tree.set_open(self._current)
        if not self._seeking or not items:
            return
        if self.tree.currentItem() not in items:
            self.tree.setCurrentItem(items[0])
        # A folder of the library may still be on its way into the tree.
        in_library = any(_inside(self._current, root) for root in self._roots)
        self._seeking = in_library and _row_of(items[0]).section is not Section.LIBRARY

    def _ask_for_subfolders(self, item: QTreeWidgetItem) -> None:
        self._to_expand.discard(_row_of(item).path)
        self.subfolders_wanted.emit(_row_of(item).path)

    def _choose(self, item: QTreeWidgetItem) -> None:
        row = _row_of(item)
        if row.path:
            self.folder_chosen.emit(row.path)

    def _show_menu(self, item: QTreeWidgetItem, at: QPoint) -> None:
        row = _row_of(item)
        if not row.path:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(theme.icon("folder-open"), self.tr("Open"), lambda: self.folder_chosen.emit(row.path))
        menu.addAction(theme.icon("reveal"), self.tr("Show in file manager"), lambda: self.reveal_wanted.emit(row.path))
        menu.addSeparator()
        if row.path in self._roots:
            menu.addAction(
                theme.icon("close"),
                self.tr("Remove from library (files stay untouched)"),
                lambda: self.root_removed.emit(row.path),
            )
        elif row.section is not Section.SAMPLES:
            menu.addAction(theme.icon("plus"), self.tr("Add to library"), lambda: self.root_added.emit(row.path))
        menu.popup(at)

    # --- folders dropped -----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        # Anything but a folder is for the window behind: it becomes part of the query.
        if _dropped_folders(event):
            self._show_dropping(True)
            event.setDropAction(Qt.DropAction.LinkAction)
            event.accept()
        else:
            event.ignore()

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        event.setDropAction(Qt.DropAction.LinkAction)
        event.accept()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_dropping(False)
        for path in _dropped_folders(event):
            self.root_added.emit(path)
        event.setDropAction(Qt.DropAction.LinkAction)
        event.accept()

    def _show_dropping(self, dropping: bool) -> None:
        self._dropping = dropping
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._dropping:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 2))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(3, 3, -3, -3), 6, 6)


def _row_of(item: QTreeWidgetItem) -> _Row:
    row: _Row = item.data(0, _ROW)
    return row


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for child in map(item.child, range(item.childCount())) if child is not None]


def _key(row: _Row) -> tuple[str, str]:
    return (row.path, "" if row.path else row.name)


def _fill(item: QTreeWidgetItem, row: _Row) -> None:
    # A Python object goes through Qt as it is; a str would lose what is no Unicode.
    item.setData(0, _ROW, row)
    item.setText(0, f"{row.name} {row.note}" if row.note else row.name)
    item.setToolTip(0, plain_tip(row.path))
    choosable = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
    item.setFlags(choosable if row.path else Qt.ItemFlag.NoItemFlags)
    policy = QTreeWidgetItem.ChildIndicatorPolicy
    item.setChildIndicatorPolicy(policy.ShowIndicator if row.has_children else policy.DontShowIndicator)


def _inside(path: str, root: str) -> bool:
    return path == root or path.startswith(os.path.join(root, ""))


def _dropped_folders(event: QDropEvent) -> list[str]:
    paths = [local_path(url) for url in event.mimeData().urls()]
    return [path for path in paths if path and os.path.isdir(path)]


class _Tree(QTreeWidget):
    """The tree, drawn without boxes: the open folder carries a mark, the keyboard's row a fill."""

    chosen = Signal(QTreeWidgetItem)
    menu_wanted = Signal(QTreeWidgetItem, QPoint)

    ROW_HEIGHT, HEADING_HEIGHT, INDENT = 28, 36, 16

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._panel = parent
        self._open = ""
        self._under_pointer: QTreeWidgetItem | None = None
        self.setHeaderHidden(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setIndentation(self.INDENT)
        self.setFont(theme.normal())
        self.setMouseTracking(True)
        self.viewport().setAutoFillBackground(False)
        self.setStyleSheet(
            "QTreeView, QTreeView::item, QTreeView::item:hover { background: transparent; border: none; }"
        )
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        # The keyboard's row is enough; what is open is a mark of its own.
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setItemDelegate(_RowDelegate(self))

    def set_open(self, path: str) -> None:
        self._open = path
        self.viewport().update()

    def all_items(self) -> list[QTreeWidgetItem]:
        found = [self.invisibleRootItem()]
        for item in found:
            found += _children(item)
        return found[1:]

    def folder_items(self, path: str) -> list[QTreeWidgetItem]:
        return sorted(
            (item for item in self.all_items() if path and _row_of(item).path == path),
            key=lambda item: _row_of(item).section,
        )

    def panel_palette(self) -> QPalette:
        """The panel's, since a style sheet makes the tree's own quiet text fainter than can be read."""
        return self._panel.palette()

    def row_at(self, index: Index) -> _Row:
        row: _Row = index.data(_ROW)
        return row

    def drawRow(self, painter: QPainter, options: QStyleOptionViewItem, index: Index) -> None:
        row = self.row_at(index)
        rect: QRect = options.rect
        if row.path:
            palette = self.panel_palette()
            place = QRectF(rect).adjusted(2, 1, -6, -1)
            is_open = row.path == self._open
            has_keyboard = self.hasFocus() and index == self.currentIndex()
            hovered = self._under_pointer is not None and index == self.indexFromItem(self._under_pointer)
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(Qt.PenStyle.NoPen)
            if is_open or hovered:
                painter.setBrush(palette.color(QPalette.ColorRole.Light))
                painter.drawRoundedRect(place, 4, 4)
            if is_open:
                painter.setBrush(palette.color(QPalette.ColorRole.Highlight))
                painter.drawRoundedRect(QRectF(place.left(), place.top() + 5, 3, place.height() - 10), 1.5, 1.5)
            if has_keyboard:
                painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 1.5))
                painter.setBrush(Qt.BrushStyle.NoBrush)
                painter.drawRoundedRect(place, 4, 4)
            painter.restore()
        super().drawRow(painter, options, index)

    def drawBranches(self, painter: QPainter, rect: QRect, index: Index) -> None:
        if self.model().hasChildren(index):
            name = "chevron-down" if self.isExpanded(index) else "chevron-right"
            theme.icon(name).paint(painter, QRect(rect.right() - 13, rect.center().y() - 5, 12, 12))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._stand_somewhere()
        item = self.currentItem()
        if item is not None and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit(item)
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._stand_somewhere()

    def _stand_somewhere(self) -> None:
        """Give the keyboard a row to start from."""
        if self.currentItem() is None:
            first = next((item for item in self.all_items() if _row_of(item).path), None)
            if first is not None:
                self.setCurrentItem(first)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_keyboard = event.reason() is QContextMenuEvent.Reason.Keyboard
        item = self.currentItem() if by_keyboard else self.itemAt(event.pos())
        if item is not None:
            at = self.visualItemRect(item).bottomLeft() if by_keyboard else event.pos()
            self.menu_wanted.emit(item, self.viewport().mapToGlobal(at))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        self._hover(self.itemAt(event.position().toPoint()))

    def leaveEvent(self, event: object) -> None:
        super().leaveEvent(event)  # type: ignore[arg-type]
        self._hover(None)

    def _hover(self, item: QTreeWidgetItem | None) -> None:
        if item is not self._under_pointer:
            self._under_pointer = item
            self.viewport().update()


class _RowDelegate(QStyledItemDelegate):
    """Draws the words of a row; the tree draws what is behind them."""

    def __init__(self, tree: _Tree) -> None:
        super().__init__(tree)
        self._tree = tree

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        heading = self._tree.row_at(index).heading
        return QSize(64, self._tree.HEADING_HEIGHT if heading else self._tree.ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        row = self._tree.row_at(index)
        palette = self._tree.panel_palette()
        rect: QRect = option.rect
        painter.save()
        if row.heading:
            painter.setFont(theme.small())
            painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
            # Aligned with the panel's margin, not with the rows' indent.
            line = QRect(8, rect.top() + 8, self._tree.viewport().width() - 16, rect.height() - 8)
            painter.drawText(line, Qt.AlignmentFlag.AlignVCenter, row.name)
            painter.restore()
            return
        painter.setFont(theme.normal())
        left = rect.left() + 2
        if row.path:
            mode = QIcon.Mode.Disabled if row.away else QIcon.Mode.Normal
            theme.icon("folder").paint(
                painter, QRect(left, rect.center().y() - 7, 16, 16), Qt.AlignmentFlag.AlignCenter, mode
            )
            left += 16 + 8
        line = QRect(left, rect.top(), rect.right() - 12 - left, rect.height())
        metrics = painter.fontMetrics()
        note_width = metrics.horizontalAdvance(row.note) + 10 if row.note else 0
        note_width = min(note_width, line.width() - 40)
        name = metrics.elidedText(row.name, Qt.TextElideMode.ElideMiddle, line.width() - note_width)
        quiet = palette.color(QPalette.ColorRole.PlaceholderText)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.setPen(quiet if row.away else palette.color(QPalette.ColorRole.Text))
        painter.drawText(line, flags, name)
        if row.note:
            painter.setPen(quiet)
            line.setLeft(line.left() + metrics.horizontalAdvance(name) + 8)
            painter.drawText(line, flags, metrics.elidedText(row.note, Qt.TextElideMode.ElideRight, line.width()))
        painter.restore()
