"""How the results answer to keyboard, pointer and wheel, scroll, keep still and are painted.

A grid by arithmetic over the model's order. Selection, the current file and everything on the screen are file ids,
never places, so that a re-sort moves none of them. Work is done for the cells that are visible and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QContextMenuEvent,
    QDrag,
    QFocusEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractItemView, QApplication, QWidget

from core import Changed, Gone, Kind
from desktop.results_cells import CellPainter, CellState
from desktop.results_filmstrips import Filmstrips
from desktop.results_grid import Grid, Page
from desktop.results_look import OUTSET, Look, caption_space
from desktop.results_model import ResultsModel, Sort
from desktop.results_motion import FRAME_MS, Motion, SmoothScroll
from desktop.results_overlays import MessagePanel, Pill
from desktop.results_selection import RubberBand, Selection
from desktop.results_settling import Hold, Pace
from desktop.results_thumbnails import Nearby, Thumbnails
from desktop.results_typeahead import TypeAhead

MIN_CELL, MAX_CELL, DEFAULT_CELL = 72, 480, 160
CAPTION_FROM = 160
"""Cells of this size and more have the file's name and score below them; smaller ones while hovered."""
THUMBNAIL_BYTES = 96 * 2**20
"""With 100,000 files the rest of the window's process takes some 170 MB, and all of it is to stay under 300."""
WHEEL_NOTCH = 120
"""Qt's unit: eighths of a degree in one notch of a wheel."""
WHEEL_STEP = 96
"""Pixels scrolled by one notch."""

_Index = QModelIndex | QPersistentModelIndex
_Modifier = Qt.KeyboardModifier


class ResultsView(QAbstractItemView):
    """The grid of results. It re-sorts its ResultsModel by itself, at most four times a second."""

    opened = Signal(int)
    """Enter or a double click on the file with this id."""
    looked_at = Signal(int)
    """Space: show it large."""
    similar_wanted = Signal(int)
    """F: make it the query."""
    current_changed = Signal(int)
    """-1 for none."""
    selection_changed = Signal(int)
    """How many files are selected."""
    thumbnails_wanted = Signal(list, int)
    """Ids in the order they are needed, and the size in device pixels. What an earlier list had and a later one has
    not is no longer wanted."""
    filmstrip_wanted = Signal(int)
    """The pointer rests on this clip."""
    context_menu_wanted = Signal(QPoint, list)
    """Where on the screen, and the ids it is about."""
    engaged_changed = Signal(bool)
    """Whether the person is at work in the grid, so that what is on the screen stays put."""
    cell_size_changed = Signal(int)
    message_action = Signal()
    """The button of the message shown in place of the grid."""

    def __init__(self, parent: QWidget | None = None, *, thumbnail_bytes: int = THUMBNAIL_BYTES) -> None:
        super().__init__(parent)
        self._results = ResultsModel(self)  # an empty one stands for none
        self._listing = self._results.listing
        self._cell_size = DEFAULT_CELL
        self._grid = Grid(1, DEFAULT_CELL, 0)
        self._cells = CellPainter()
        self._selection = Selection()
        self._pointer: QPoint | None = None
        self._hovered = -1
        self._press: _Press | None = None
        self._band: RubberBand | None = None
        self._wheel = 0
        self._was_engaged = False

        self._hold = Hold(self)
        self._pace = Pace(self)
        self._motion = Motion(self)
        self._scroll = SmoothScroll(self.verticalScrollBar())
        self._thumbnails = Thumbnails(self._nearby, self._look, self._motion, thumbnail_bytes, self)
        self._filmstrips = Filmstrips(self)
        self._typeahead = TypeAhead(self)
        self._band_timer = QTimer(self, interval=FRAME_MS)
        self._pill = Pill(self)
        self._message = MessagePanel(self)
        self._set_up()
        self._connect()

    def _set_up(self) -> None:
        self.setAccessibleName(self.tr("Results"))
        self.setAccessibleDescription(
            self.tr("Enter opens, Space shows large, F finds similar ones, S unfolds and folds duplicates")
        )
        self.verticalScrollBar().setAccessibleName(self.tr("Scroll the results"))
        self.setFrameShape(QAbstractItemView.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there: a bar that comes and goes would change the number of columns.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.viewport().setMouseTracking(True)
        self.viewport().setBackgroundRole(QPalette.ColorRole.Base)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    def _connect(self) -> None:
        self._results.outdated.connect(self._fall_behind)
        self.verticalScrollBar().valueChanged.connect(self._note_scrolled)
        self._hold.lapsed.connect(self._note_engagement)
        self._pace.due.connect(self.apply_order)
        self._motion.cell_changed.connect(self._update_cell)
        self._motion.changed.connect(self.viewport().update)
        self._thumbnails.wanted.connect(self.thumbnails_wanted)
        self._thumbnails.changed.connect(self._update_cell)
        self._filmstrips.wanted.connect(self.filmstrip_wanted)
        self._typeahead.found.connect(self._go_to_found)
        self._band_timer.timeout.connect(self._scroll_with_band)
        self._pill.clicked.connect(self._go_to_best)
        self._message.button.clicked.connect(self.message_action)

    @property
    def reduced_motion(self) -> bool:
        """Whether everything changes at once, without fading, gliding or smooth scrolling."""
        return self._motion.is_reduced

    @reduced_motion.setter
    def reduced_motion(self, is_reduced: bool) -> None:
        self._motion.is_reduced = self._scroll.is_reduced = is_reduced

    # --- the model -------------------------------------------------------------------------------------

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show a ResultsModel, or nothing."""
        if model is not None and not isinstance(model, ResultsModel):
            raise TypeError("ResultsView shows a ResultsModel")
        self._results.outdated.disconnect(self._fall_behind)
        self._results = model if model is not None else ResultsModel(self)
        self._results.outdated.connect(self._fall_behind)
        super().setModel(model)  # resets

    def reset(self) -> None:
        super().reset()
        if self._results.listing is not self._listing:
            self._forget_files()
        self._relayout()
        self._want_thumbnails()

    def _forget_files(self) -> None:
        """The ids mean the files of another listing from now on."""
        self._listing = self._results.listing
        self._end_gesture()
        self._hovered = -1
        for keeper in (self._thumbnails, self._filmstrips, self._motion, self._typeahead):
            keeper.forget_all()
        self._hold.forget_pointer()
        before, self._selection = self._selection, Selection()
        self._pill.tell(0, is_better=True)
        self._relayout()
        self._scroll.to(0)
        if len(before):
            self.selection_changed.emit(0)
        if before.current >= 0:
            self.current_changed.emit(-1)
        self._note_engagement()

    def _fall_behind(self, is_asked_for: bool) -> None:
        self._pace.fall_behind(is_awaited=is_asked_for)

    def apply_order(self) -> None:
        """Bring the display up to date: what is on the screen stays put while the person is at work in it."""
        if self._band is not None:
            return  # once the rubber band is let go (it selects by place)
        self._pace.note_updated()
        if self._results.rearranged or not self.engaged:
            self._apply_free()
        else:
            self._apply_held()
        self._settle()

    def note_change(self, change: Changed | Gone) -> None:
        """Files have changed or gone; the model has taken it in. What is current goes on beside one that is gone."""
        if isinstance(change, Gone):
            self._let_go_of(change.rows)
        else:
            rows = change.rows.tolist()
            self._filmstrips.forget(rows)
            self._thumbnails.outdate(rows)

    def _let_go_of(self, gone: NDArray[np.int32]) -> None:
        if self._press is not None and self._press.id in gone:
            self._press = None
        before = len(self._selection)
        self._selection.remove(gone)
        if self.current_id in gone:
            # Without scrolling: what the person looks at may be elsewhere.
            self._selection.current = self._neighbour(gone)
            self.current_changed.emit(self.current_id)
        if len(self._selection) != before:
            self.selection_changed.emit(len(self._selection))
        self._note_engagement()
        self.viewport().update()

    def _neighbour(self, gone: NDArray[np.int32]) -> int:
        """The nearest file after the current one that stays, else the nearest before it; -1 if none does."""
        order, place = self._results.order, self._current_place
        if place is None:
            return -1
        stays = np.flatnonzero(~np.isin(order, gone))
        if not len(stays):
            return -1
        after = int(np.searchsorted(stays, place))
        return int(order[stays[min(after, len(stays) - 1)]])

    def _apply_held(self) -> None:
        model, visible, offset = self._results, self._page.visible, self._offset
        # The first that stays: it comes to where the first was.
        lead = next((id_ for id_ in self._ids(visible) if model.is_present(id_)), -1)
        better = model.resort(visible, self._grid.columns)
        place = model.position_of(lead)
        self._relayout()
        if place is not None:
            rows = (place - visible.start) // self._grid.columns
            self._scroll.shift(offset + rows * self._grid.step_y)
        self._pill.tell(better, is_better=model.sort_mode is Sort.BEST)

    def _apply_free(self) -> None:
        visible, before = self._page.visible, self._places_on_screen()
        lead = self._id_at(visible.start) if visible else -1
        self._results.resort()
        self._relayout()
        self._pill.tell(0, is_better=True)
        if self._offset and self._results.position_of(lead) != visible.start:
            # The person asked for another arrangement: begin at its beginning, or at the current file.
            self._scroll.to(0)
            if self._current_place is not None:
                self._show_place(self._current_place)
        self._motion.glide(before, self._places_on_screen())

    def toggle_stack(self, id_: int) -> None:
        """Unfold the stack that a file is in, or fold it, in place; of one that is folded only its first file stays
        selected."""
        leader = self._results.toggle_stack(id_)
        self._relayout()
        if not self._results.is_unfolded(leader):
            mates = self._results.stack_mates(leader)
            if self._selection.marks(mates).any():
                self._selection.remove(mates)
                self._selection.add([leader])
                self.selection_changed.emit(len(self._selection))
            if self.current_id in mates:
                self.set_current(leader)
        self._settle()

    def release(self) -> None:
        """Let go of what is held: the best results, in their true order. A selection stays, but holds no longer."""
        self._end_gesture()
        self._hold.let_go()
        self._motion.stop_gliding()
        self._pace.note_updated()
        self._results.resort()
        self._relayout()
        self._pill.tell(0, is_better=True)
        self._scroll.to(0)
        self._settle()

    def _go_to_best(self) -> None:
        self.release()
        self.setFocus(Qt.FocusReason.OtherFocusReason)

    def _settle(self) -> None:
        """After any change of what is where."""
        self._hover_at(self._pointer)
        self._note_current_index()
        self._want_thumbnails()
        self._note_engagement()
        self.viewport().update()

    # --- the layout ------------------------------------------------------------------------------------

    @property
    def cell_size(self) -> int:
        """The wanted side of a cell, in pixels; the columns that fit decide the actual one."""
        return self._cell_size

    def set_cell_size(self, size: int, around: QPoint | None = None) -> None:
        """Change the size of the cells; the file at `around` in the viewport (or the current, or the middle) stays."""
        size = max(MIN_CELL, min(MAX_CELL, size))
        if size == self._cell_size:
            return
        landmark = self._landmark(around)
        self._cell_size = size
        self._keep(landmark)
        self.cell_size_changed.emit(size)

    def zoom(self, steps: int, around: QPoint | None = None) -> None:
        """Larger (or, below 0, smaller) cells by `steps` steps of a sixth."""
        size = max(MIN_CELL, min(MAX_CELL, self._cell_size * (7 / 6) ** steps))
        self.set_cell_size(round(size / 8) * 8, around)

    def _landmark(self, around: QPoint | None = None) -> tuple[int, float] | None:
        """A place to keep where it is, and how far down the viewport that is (0..1); None: stay at the top."""
        page = self._page
        if not page.visible or (around is None and not page.offset):
            return None
        place = page.place_at(around) if around is not None else None
        if place is None:
            current = self._current_place
            place = current if current is not None and current in page.visible else _middle(page.visible)
        return place, page.share_of(place)

    def _keep(self, landmark: tuple[int, float] | None) -> None:
        """Lay the grid out anew with the landmark where it was."""
        self._relayout()
        if landmark is not None:
            self._scroll.shift(self._page.offset_keeping(*landmark))
        self._motion.stop_gliding()
        self._settle()

    def _relayout(self) -> None:
        self._make_grid()
        self.updateGeometries()

    def _make_grid(self) -> None:
        caption = caption_space(self.font()) if self._cell_size >= CAPTION_FROM else 0
        self._grid = Grid(self.viewport().width(), self._cell_size, caption)
        self._prepare_cells()

    def _prepare_cells(self) -> None:
        cell, ratio, has_caption = self._grid.cell, self.devicePixelRatioF(), self._grid.caption > 0
        if self._cells.prepare(self.palette(), self.font(), cell, ratio, has_caption=has_caption):
            self._thumbnails.fit_soon()

    def _look(self) -> Look:
        return self._cells.look

    def updateGeometries(self) -> None:
        bar = self.verticalScrollBar()
        page = self.viewport().height()
        bar.setRange(0, min(2**31 - 1, max(0, self._grid.height(self._count) - page)))
        bar.setPageStep(max(1, page - self._grid.step_y // 2))
        bar.setSingleStep(max(16, self._grid.step_y // 4))
        super().updateGeometries()

    def doItemsLayout(self) -> None:
        self._make_grid()
        super().doItemsLayout()

    @property
    def _count(self) -> int:
        return len(self._results.order)

    @property
    def _offset(self) -> int:
        return self.verticalScrollBar().value()

    @property
    def _page(self) -> Page:
        return Page(self._grid, self._count, self._offset, self.viewport().height())

    def _nearby(self) -> Nearby:
        page = self._page
        return Nearby(self._ids(page.visible), self._ids(page.below) + self._ids(page.above))

    def _ids(self, places: range) -> list[int]:
        ids: list[int] = self._results.order[places.start : places.stop].tolist()
        return ids

    def _id_at(self, place: int | None) -> int:
        return int(self._results.order[place]) if place is not None else -1

    def _places_on_screen(self) -> dict[int, QPoint]:
        """Where the visible files are in the viewport, by id."""
        page = self._page
        return {
            id_: page.rect(place).topLeft() for place, id_ in zip(page.visible, self._ids(page.visible), strict=True)
        }

    def _update_cell(self, id_: int) -> None:
        place = self._results.position_of(id_)
        if place is not None:
            self.viewport().update(self._page.rect(place).adjusted(-OUTSET, -OUTSET, OUTSET, OUTSET))

    # --- scrolling -------------------------------------------------------------------------------------

    def _show_place(self, place: int) -> None:
        offset = self._page.offset_showing(place)
        if offset != self._offset:
            self._scroll.to(offset)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        viewport = self.viewport()
        if self._scroll.is_shifting or self._motion.is_gliding:
            viewport.update()  # what moved did not move on the screen
        elif self._pill.isVisible():
            # What lies under the pill can't be copied, and Qt would draw everything anew: keep out of its way.
            free = self._pill.geometry().bottom() + 1 - viewport.y()
            viewport.scroll(0, dy, viewport.rect().adjusted(0, free, 0, 0))
            viewport.update(0, 0, viewport.width(), free)
        else:
            viewport.scroll(0, dy)

    def _note_scrolled(self) -> None:
        if self._scroll.is_shifting:
            return
        if self._pill.isVisible():
            self._pill.tell(self._results.note_seen(self._page.visible), is_better=self._pill.is_better)
        self._want_thumbnails()
        self._hover_at(self._pointer)
        self._note_engagement()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & _Modifier.ControlModifier:
            self._wheel += delta
            steps = int(self._wheel / WHEEL_NOTCH)
            self._wheel -= steps * WHEEL_NOTCH
            if steps:
                self.zoom(steps, event.position().toPoint())
        else:
            self._note_pointed()
            if not event.pixelDelta().isNull():
                self._scroll.to(self._offset - event.pixelDelta().y())
            else:
                self._scroll.to(self._scroll.target - round(delta / WHEEL_NOTCH * WHEEL_STEP), smoothly=True)
        event.accept()

    # --- keeping still ---------------------------------------------------------------------------------

    @property
    def engaged(self) -> bool:
        """Whether the person has scrolled, selected, or lately pointed: then what is on the screen stays put."""
        is_held = self._hold.holds(is_scrolled=self._offset > 0, is_selected=len(self._selection) > 0)
        return self._count > 0 and is_held

    def _note_pointed(self) -> None:
        self._hold.point()
        self._note_engagement()

    def _note_engagement(self) -> None:
        engaged = self.engaged
        if engaged == self._was_engaged:
            return
        self._was_engaged = engaged
        if not engaged:
            self._pace.fall_behind(is_awaited=True)  # what was held goes to its true place
        self.engaged_changed.emit(engaged)

    # --- the current file and the selection ------------------------------------------------------------

    @property
    def current_id(self) -> int:
        """-1 for none."""
        return self._selection.current

    def set_current(self, id_: int) -> None:
        """Make a file the current one and bring it on the screen; the selection stays. -1 for none."""
        if id_ != self.current_id:
            self._update_cell(self.current_id)
            self._selection.current = id_
            self._note_current_index()
            self._update_cell(id_)
            self.current_changed.emit(id_)
        if self._current_place is not None:
            self._show_place(self._current_place)

    def move_current(self, by: int) -> None:
        """Go on by so many places and select only that file: what the arrows do, here and in the large view."""
        place = self._current_place
        self._go((place if place is not None else -1 if by > 0 else 0) + by)

    @property
    def selected_count(self) -> int:
        return len(self._selection)

    def selection(self) -> NDArray[np.int32]:
        """The selected files in the listing's order: an array, cheap for any number of them."""
        return self._selection.ids()

    def select(self, ids: NDArray[np.int32]) -> None:
        """Select these files and no others."""
        self._selection.choose(ids)
        self._note_selected()

    def selected_ids(self) -> list[int]:
        """The selected files in the order shown; those that the filter hides come last."""
        return self._selection.in_order(self._results.order)

    def selectAll(self) -> None:
        self.select(self._results.order)

    def clearSelection(self) -> None:
        self.select(np.empty(0, np.int32))

    @property
    def _current_place(self) -> int | None:
        return self._results.position_of(self.current_id)

    def _choose(self, id_: int) -> None:
        """Select this file alone and start the next stretch at it."""
        self._selection.anchor = id_
        self._selection.choose([id_])
        self._note_selected()

    def _toggle(self, id_: int) -> None:
        self._selection.toggle(id_)
        self._note_selected()

    def _choose_to(self, place: int, *, alone: bool) -> None:
        """Select the files from the anchor to `place`, in the order shown; beside those that are, or alone."""
        start = self._results.position_of(self._selection.anchor)
        if start is None:
            start, self._selection.anchor = place, self._id_at(place)
        low, high = sorted((start, place))
        change = self._selection.choose if alone else self._selection.add
        change(self._results.order[low : high + 1])
        self._note_selected()

    def _note_selected(self) -> None:
        self.viewport().update()
        self._hold.select()
        self.selection_changed.emit(len(self._selection))
        self._note_engagement()

    def _go(self, place: int, modifiers: Qt.KeyboardModifier = _Modifier.NoModifier) -> None:
        """Make the file at a place current; select it too, or the stretch that leads to it, or (Ctrl) nothing."""
        if not self._count:
            return
        place = max(0, min(place, self._count - 1))
        id_ = self._id_at(place)
        if modifiers & _Modifier.ShiftModifier:
            if self._results.position_of(self._selection.anchor) is None and self._current_place is not None:
                self._selection.anchor = self.current_id
            self._choose_to(place, alone=True)
        elif not modifiers & _Modifier.ControlModifier:
            self._choose(id_)
        self.set_current(id_)

    def _go_to_found(self, id_: int) -> None:
        place = self._results.position_of(id_)
        if place is not None:
            self._go(place)

    def _note_current_index(self) -> None:
        """Tell Qt, and through it a screen reader, which row is current."""
        place = self._current_place
        index = self._results.index(place) if place is not None else QModelIndex()
        if self.selectionModel() is None or self.currentIndex() == index:
            return
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        if QAccessible.isActive() and self.hasFocus() and place is not None:
            event = QAccessibleEvent(self, QAccessible.Event.Focus)
            event.setChild(place)
            QAccessible.updateAccessibility(event)

    # --- the keyboard ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        page = self.viewport().height()
        target = self._grid.place_after(event.key(), self._current_place, self._offset, page, self._count)
        if target is not None:
            self._go(target, event.modifiers())
        elif not (self._command(event) or self._act(event)):
            event.ignore()  # it may be the window's
            return
        event.accept()

    def _command(self, event: QKeyEvent) -> bool:
        """What a key does together with Ctrl. Returns whether it did anything."""
        key, is_control = event.key(), bool(event.modifiers() & _Modifier.ControlModifier)
        if event.matches(QKeySequence.StandardKey.SelectAll):
            self.selectAll()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        elif event.matches(QKeySequence.StandardKey.ZoomIn) or (is_control and key == Qt.Key.Key_Equal):
            self.zoom(1)
        elif event.matches(QKeySequence.StandardKey.ZoomOut):
            self.zoom(-1)
        elif is_control and key == Qt.Key.Key_0:
            self.set_cell_size(DEFAULT_CELL)
        elif is_control and key == Qt.Key.Key_Space and self._current_place is not None:
            self._toggle(self.current_id)
        else:
            return False
        return True

    def _act(self, event: QKeyEvent) -> bool:
        """What a key does to the current file, or text typed to find one. Returns whether it did anything."""
        if event.modifiers() & ~(_Modifier.ShiftModifier | _Modifier.KeypadModifier):
            return False
        key, text, is_typing = event.key(), event.text(), self._typeahead.is_typing
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            wanted = self.opened
        elif key == Qt.Key.Key_Space and not is_typing:
            wanted = self.looked_at
        elif key == Qt.Key.Key_F and not is_typing and not event.modifiers():
            wanted = self.similar_wanted
        elif key == Qt.Key.Key_S and not is_typing and not event.modifiers() and self._results.has_stacks:
            if self._is_in_stack(self.current_id):
                self.toggle_stack(self.current_id)
            return True  # also beside the stacks: to go to another file's name would be a surprise
        elif text and text.isprintable():
            self.keyboardSearch(text)
            return True
        else:
            return False
        if self._current_place is None:
            return False
        wanted.emit(self.current_id)
        return True

    def _is_in_stack(self, id_: int) -> bool:
        return self._results.position_of(id_) is not None and self._results.stack_size(id_) > 0

    def keyboardSearch(self, search: str) -> None:
        """Go to the next file whose name starts with what was typed within a second."""
        if self._listing is not None:
            self._typeahead.type(search, self._listing.names, self._results.order, self._current_place)

    def _copy(self) -> None:
        ids = self.selected_ids() or self._current_as_list()
        if ids:
            QGuiApplication.clipboard().setMimeData(self._results.mime_data(ids))

    def _current_as_list(self) -> list[int]:
        return [self.current_id] if self._current_place is not None else []

    # --- the pointer -----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._note_pointed()
        point = event.position().toPoint()
        place = self._page.place_at(point)
        if event.button() == Qt.MouseButton.LeftButton:
            self._scroll.stop()
            if place is not None and self._is_on_stack_badge(place, point):
                self.toggle_stack(self._id_at(place))
            elif place is not None:
                self._press_cell(point, place, event.modifiers())
            elif self._count:
                self._begin_band(point, event.modifiers())
        elif event.button() == Qt.MouseButton.RightButton:
            if place is not None and self._id_at(place) not in self._selection:
                self._choose(self._id_at(place))
                self.set_current(self._id_at(place))
        else:
            event.ignore()
            return
        event.accept()

    def _is_on_stack_badge(self, place: int, point: QPoint) -> bool:
        alike, _, is_first = (column[0] for column in self._results.stack_columns(range(place, place + 1)))
        if not (alike and is_first):
            return False
        return self._cells.stack_badge(int(alike)).contains(point - self._page.rect(place).topLeft())

    def _press_cell(self, point: QPoint, place: int, modifiers: Qt.KeyboardModifier) -> None:
        id_, is_adding = self._id_at(place), bool(modifiers & _Modifier.ControlModifier)
        self._press = _Press(point, id_, is_adding)
        if modifiers & _Modifier.ShiftModifier:
            self._choose_to(place, alone=not is_adding)
        elif id_ in self._selection:
            self._press.is_undecided = True
        elif is_adding:
            self._toggle(id_)
        else:
            self._choose(id_)
        self.set_current(id_)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._note_pointed()
        point = self._pointer = event.position().toPoint()
        if not event.buttons() & Qt.MouseButton.LeftButton:
            self._end_gesture()  # whatever took the button's release from us, a dialog or another program
        if self._band is not None:
            self._stretch_band(self._band, point)
        elif self._press is not None:
            if (point - self._press.point).manhattanLength() >= QApplication.startDragDistance():
                self._press = None
                self.startDrag(Qt.DropAction.CopyAction)
        elif not event.buttons():
            self._hover_at(point)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            press = self._press
            self._end_gesture()
            if press is not None and press.is_undecided:
                (self._toggle if press.is_adding else self._choose)(press.id)
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self._page.place_at(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and place is not None:
            self._press = None
            if self._is_on_stack_badge(place, event.position().toPoint()):
                self.toggle_stack(self._id_at(place))  # a second click on it, not one on the file
                event.accept()
                return
            self.opened.emit(self._id_at(place))
        event.accept()

    def _end_gesture(self) -> None:
        """Nothing is pressed any more."""
        self._press = None
        if self._band is not None:
            self._band = None
            self._band_timer.stop()
            self.viewport().update()
            self._pace.catch_up()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        at, ids = event.globalPos(), self.selected_ids()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            place = self._current_place
            if place is not None:
                self._show_place(place)
                cell = self._page.rect(place)
                at = self.viewport().mapToGlobal(QPoint(cell.center().x(), cell.top() + 24))
            ids = ids or self._current_as_list()
        elif self._page.place_at(event.pos()) is None:
            ids = []
        if ids:
            self.context_menu_wanted.emit(at, ids)
        event.accept()

    def startDrag(self, supportedActions: Qt.DropAction) -> None:  # noqa: N803 (Qt's)
        """Drag the selected files out, as copies: nothing of the user's is ever moved."""
        ids = self.selected_ids()
        if not ids:
            return
        thumb = self._thumbnails.get(self.current_id if self.current_id in self._selection else ids[0])
        drag = QDrag(self)
        drag.setMimeData(self._results.mime_data(ids))
        drag.setPixmap(self._cells.dragged(thumb.face if thumb is not None else None, len(ids)))
        drag.setHotSpot(QPoint(12, 12))
        drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)

    # --- the rubber band

    def _begin_band(self, point: QPoint, modifiers: Qt.KeyboardModifier) -> None:
        if not modifiers & (_Modifier.ControlModifier | _Modifier.ShiftModifier):
            self.clearSelection()
        start = point + QPoint(0, self._offset)
        self._band = RubberBand(start, start, self._selection.ids())

    def _stretch_band(self, band: RubberBand, pointer: QPoint) -> None:
        band.stretch(pointer, self._offset, self.viewport().height())
        places = self._grid.places_in(band.rect, self._count)
        self.select(np.concatenate([band.kept, self._results.order[places]]))
        if not band.pull:
            self._band_timer.stop()
        elif not self._band_timer.isActive():
            self._band_timer.start()

    def _scroll_with_band(self) -> None:
        if self._band is None:
            return
        self._scroll.to(self._offset + self._band.pull)
        if self._pointer is not None:
            self._stretch_band(self._band, self._pointer)

    # --- hovering

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._pointer = None
            self._hover_at(None)
        return super().viewportEvent(event)

    def _hover_at(self, point: QPoint | None) -> None:
        page = self._page
        place = page.place_at(point) if point is not None and self.viewport().rect().contains(point) else None
        id_ = self._id_at(place)
        if id_ != self._hovered:
            self._update_cell(self._hovered)
            self._hovered = id_
            self._update_cell(id_)
        clip, share = -1, 0.0
        if place is not None and point is not None and self.is_clip(id_):
            clip, share = id_, (point.x() - page.rect(place).left()) / self._grid.cell
        if self._filmstrips.point_at(clip, share):
            self._update_cell(id_)

    # --- what is shown of a file -----------------------------------------------------------------------

    def set_thumbnail(
        self,
        id_: int,
        image: QImage,
        text: str = "",
        duration: float = 0.0,
        pixels: int = 0,
        *,
        is_clip: bool = False,
    ) -> None:
        """What there is to show of a file: a picture, or a text's first lines; neither if nothing can be.

        `pixels` is the size it was asked for (0: the size last asked for). `is_clip`: it turned out to be one.
        """
        self._thumbnails.put(id_, image, text, duration, pixels, is_clip=is_clip)

    def retry_thumbnails(self) -> None:
        """What could not be shown may be shown now: ask for it again."""
        self._thumbnails.retry()

    def is_clip(self, id_: int) -> bool:
        """Whether a file is a clip, by its name or, as of an animated picture, by its content."""
        thumb = self._thumbnails.get(id_)
        return self._results.kind_of(id_) is Kind.VIDEO or (thumb is not None and thumb.is_clip)

    def thumbnail(self, id_: int) -> QImage | None:
        """What is at hand to show of a file until something better has been read."""
        thumb = self._thumbnails.get(id_)
        return None if thumb is None or thumb.image.isNull() else thumb.image

    def set_filmstrip(self, id_: int, frames: list[QImage]) -> None:
        """Frames of a clip, evenly spaced, to look through with the pointer."""
        self._filmstrips.put(id_, frames)
        self._update_cell(id_)

    def _want_thumbnails(self) -> None:
        if self.isVisible():
            self._thumbnails.ask_soon()

    # --- painting --------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self._prepare_cells()  # the window may have come to a screen of another resolution
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self._cells.base)
        if not self._message.isHidden():
            return
        if self._motion.is_gliding:
            places = self._page.visible
        else:
            top, bottom = event.rect().top() + self._offset, event.rect().bottom() + self._offset
            places = self._grid.places(top, bottom, self._count)
        self._paint_cells(painter, places, event.region())
        if self._band is not None:
            self._cells.paint_band(painter, self._band.rect.translated(0, -self._offset))

    def _paint_cells(self, painter: QPainter, places: range, region: QRegion) -> None:
        ways = self._motion.displacements()
        gliding = []
        page = self._page
        for place, state in zip(places, self._states(places), strict=True):
            at = page.rect(place).topLeft()
            way = ways.get(state.id)
            if way is not None:
                gliding.append((at + way, state))
            elif region.intersects(self._reach(at)):
                self._paint_cell(painter, at, state)
        for at, state in gliding:  # above those that stay
            self._paint_cell(painter, at, state)

    def _states(self, places: range) -> list[CellState]:
        """What there is to say about the files at these places."""
        model = self._results
        if model.listing is None:
            return []
        ids = model.order[places.start : places.stop]
        columns = zip(
            ids.tolist(),
            model.ranks[ids].tolist(),
            model.scores[ids].tolist(),
            model.failed[ids].tolist(),
            (model.listing.kinds[ids] == Kind.VIDEO).tolist(),
            self._selection.marks(ids).tolist(),
            model.is_found[ids].tolist(),
            *(column.tolist() for column in model.stack_columns(places)),
            strict=True,
        )
        return [
            CellState(
                id_,
                model.name_of(id_),
                rank,
                score,
                is_failed,
                is_clip,
                is_selected,
                id_ == self._hovered,
                is_found,
                *stack,
            )
            for id_, rank, score, is_failed, is_clip, is_selected, is_found, *stack in columns
        ]

    def _reach(self, at: QPoint) -> QRect:
        size = self._grid.cell + 2 * OUTSET
        return QRect(at.x() - OUTSET, at.y() - OUTSET, size, size + self._grid.caption)

    def _paint_cell(self, painter: QPainter, at: QPoint, state: CellState) -> None:
        scrub = self._filmstrips.scrub(self._cells.look) if state.is_hovered else None
        thumb, shown = self._thumbnails.get(state.id), self._motion.opacity(state.id)
        self._cells.paint(painter, at, state, thumb, scrub, shown)
        if state.id == self.current_id:
            self._cells.paint_focus(painter, at, self.hasFocus())

    # --- other things that happen to a widget ----------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        landmark = self._landmark()
        super().resizeEvent(event)
        self._keep(landmark)
        self._pill.place()
        self._message.setGeometry(self.rect())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._relayout()
        self._want_thumbnails()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange, QEvent.Type.StyleChange):
            self._relayout()
            self._settle()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        if self._current_place is None and self._count and event.reason() != Qt.FocusReason.MouseFocusReason:
            # The keyboard must have a place to start from, seen from the first moment.
            self.set_current(self._id_at(self._page.visible.start))
        self._update_cell(self.current_id)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._update_cell(self.current_id)

    # --- what the base class must be told --------------------------------------------------------------

    def visualRect(self, index: _Index) -> QRect:
        return self._page.rect(index.row()) if index.isValid() else QRect()

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        # The base class calls this for reasons of its own; only `set_current` decides when to scroll.
        pass

    def indexAt(self, point: QPoint) -> QModelIndex:
        place = self._page.place_at(point)
        return self._results.index(place) if place is not None else QModelIndex()

    def moveCursor(
        self,
        cursorAction: QAbstractItemView.CursorAction,  # noqa: N803 (Qt's)
        modifiers: Qt.KeyboardModifier,
    ) -> QModelIndex:
        return self.currentIndex()

    def horizontalOffset(self) -> int:
        return 0

    def verticalOffset(self) -> int:
        return self._offset

    def isIndexHidden(self, index: _Index) -> bool:
        return False

    def setSelection(self, rect: QRect, command: object) -> None:
        pass  # our own selection is a mask of ids

    def visualRegionForSelection(self, selection: object) -> QRegion:
        return QRegion()

    # --- in place of the grid --------------------------------------------------------------------------

    def set_message(self, title: str, detail: str = "", action_text: str | None = None) -> None:
        """Show words, and one button, in place of the grid."""
        self._message.say(title, detail, action_text)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._message.setGeometry(self.rect())
        self._message.show()
        self._message.raise_()
        self.viewport().update()

    def clear_message(self) -> None:
        """Show the grid again."""
        self._message.hide()
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.viewport().update()


def _middle(places: range) -> int:
    return places[len(places) // 2]


@dataclass
class _Press:
    """The left button is down on a file: a click, or the beginning of a drag."""

    point: QPoint
    id: int
    is_adding: bool
    """With Ctrl."""
    is_undecided: bool = False
    """It was selected already, maybe to be dragged with others: what becomes of it is decided when it is let go."""
