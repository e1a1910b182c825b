"""How the results are laid out, moved through and kept still: a grid by arithmetic over the model's order.

Selection, the current file and everything on the screen are file ids, never places, so that a re-sort moves none
of them. Work is done for the cells that are visible and nothing else.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractAnimation,
    QAbstractItemModel,
    QEasingCurve,
    QEvent,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QPropertyAnimation,
    QRect,
    QRectF,
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
    QPen,
    QPixmap,
    QRegion,
    QResizeEvent,
    QShowEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QWidget,
)

from core import Kind
from desktop.results_cells import OUTSET, CellPainter, CellState, Scrub, Strip, Thumb, ThumbCache, translucent
from desktop.results_grid import MARGIN, Grid
from desktop.results_model import ResultsModel, Sort
from desktop.results_overlays import MessagePanel, Pill

MIN_CELL, MAX_CELL, DEFAULT_CELL = 72, 480, 160
CAPTION_FROM = 160
"""Cells of this size and more have the file's name and score below them; smaller ones while hovered."""
THUMBNAIL_SIZES = (128, 256, 512, 1024)
THUMBNAIL_BYTES = 192 * 2**20

APPLY_MS = 250
ASK_MS = 50
POINTED_MS = 2000
RELEASED_SECONDS = 1.0
"""How long the pointer, once moved over the grid, keeps the list still."""
FADE_SECONDS, GLIDE_SECONDS, SCROLL_MS = 0.12, 0.18, 140
MOST_GLIDING = 40
FRAME_MS = 16
SCALING_SECONDS = 0.003
"""How long thumbnails may be scaled at a stretch; the event loop runs in between."""
HOVER_MS = 160
MOST_STRIPS = 8
TYPING_SECONDS = 1.0
SEARCH_SLICE = 4096
WHEEL_STEP = 96

_Index = QModelIndex | QPersistentModelIndex
_NO_INDEX = QModelIndex()


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
    """Ids in the order they are needed, and the size in device pixels. Ids of an earlier list that are not in a
    later one are no longer wanted."""
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
        self.setAccessibleName(self.tr("Results"))
        self.setAccessibleDescription(self.tr("Enter opens, Space shows large, F finds similar ones"))
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

        self.reduced_motion = False
        """Whether everything changes at once, without fading, gliding or smooth scrolling."""
        self._results: ResultsModel | None = None
        self._listing: object = None
        self._cell_size = DEFAULT_CELL
        self._grid = Grid(1, DEFAULT_CELL, 0)

        self._selected: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._selected_count = 0
        self._current = -1
        self._anchor = -1

        self._cells = CellPainter()
        self._thumbs = ThumbCache(thumbnail_bytes)
        self._strips: OrderedDict[int, Strip] = OrderedDict()
        self._asked: tuple[list[int], int] = ([], 0)
        self._fading: dict[int, float] = {}
        self._glide: dict[int, QPoint] = {}
        self._glide_start = 0.0

        self._pointer: QPoint | None = None
        self._hovered = -1
        self._scrub_place: float | None = None
        self._pressed: QPoint | None = None
        self._pressed_id = -1
        self._pressed_alone = False
        self._band: _RubberBand | None = None
        self._typed, self._typed_at = "", 0.0
        self._search: Iterator[int | None] | None = None
        self._wheel = 0

        self._pointed_at = -POINTED_MS / 1000
        self._was_engaged = False
        self._selection_holds = False
        self._released_at = -RELEASED_SECONDS
        self._applied_at = 0.0
        self._is_shifting = False
        self._is_outdated = False

        self._apply_timer = _timer(self, APPLY_MS, self.apply_order)
        self._ask_timer = _timer(self, ASK_MS, self._ask)
        self._scale_timer = _timer(self, 0, self._scale)
        self._frame_timer = QTimer(self, interval=FRAME_MS, timerType=Qt.TimerType.PreciseTimer)
        self._frame_timer.timeout.connect(self._next_frame)
        self._pointed_timer = _timer(self, POINTED_MS + 100, self._note_engagement)  # timers may be early
        self._hover_timer = _timer(self, HOVER_MS, self._ask_filmstrip)
        self._search_timer = _timer(self, 0, self._search_on)
        self._band_timer = QTimer(self, interval=FRAME_MS)
        self._band_timer.timeout.connect(self._scroll_with_band)

        bar = self.verticalScrollBar()
        bar.setAccessibleName(self.tr("Scroll the results"))
        bar.valueChanged.connect(self._note_scrolled)
        self._scrolling = QPropertyAnimation(bar, b"value", self)
        self._scrolling.setDuration(SCROLL_MS)
        self._scrolling.setEasingCurve(QEasingCurve.Type.OutCubic)

        self._pill = Pill(self)
        self._pill.clicked.connect(self._go_to_best)
        self._message = MessagePanel(self)
        self._message.button.clicked.connect(self.message_action)

    # --- the model -------------------------------------------------------------------------------------

    def setModel(self, model: QAbstractItemModel | None) -> None:
        """Show a ResultsModel."""
        if model is not None and not isinstance(model, ResultsModel):
            raise TypeError("ResultsView shows a ResultsModel")
        if self._results is not None:
            self._results.outdated.disconnect(self._note_outdated)
        self._results = model
        super().setModel(model)
        if model is not None:
            model.outdated.connect(self._note_outdated)
        self._take_listing()

    def reset(self) -> None:
        super().reset()
        if self._results is not None and self._results.listing is not self._listing:
            self._take_listing()
        self._relayout()

    def _take_listing(self) -> None:
        """Forget everything about the files of another listing."""
        self._listing = self._results.listing if self._results is not None else None
        self._thumbs.clear()
        self._strips.clear()
        self._fading.clear()
        self._glide.clear()
        self._asked = ([], 0)
        self._search = None
        self._hovered = self._anchor = self._pressed_id = -1
        self._pointed_at = -POINTED_MS / 1000
        had_selection, had_current = self._selected_count > 0, self._current >= 0
        self._selected = np.zeros(0, np.bool_)
        self._selected_count = 0
        self._current = -1
        self._pill.count(0, is_better=True)
        self._relayout()
        self._scroll_to(0)
        if had_selection:
            self.selection_changed.emit(0)
        if had_current:
            self.current_changed.emit(-1)
        self._note_engagement()

    def _note_outdated(self, is_asked_for: bool) -> None:
        self._is_outdated = True
        if is_asked_for:
            self._apply_timer.start(0)
        elif not self._apply_timer.isActive():
            since = (time.monotonic() - self._applied_at) * 1000
            self._apply_timer.start(max(0, round(APPLY_MS - since)))

    def apply_order(self) -> None:
        """Bring the display up to date: what is on the screen stays put while the person is at work in it."""
        if self._results is None or self._band is not None:
            return  # once the rubber band is let go (it selects by place)
        model = self._results
        self._apply_timer.stop()
        self._applied_at = time.monotonic()
        self._is_outdated = False
        self._grow_selection()
        visible = self._visible()
        if model.rearranged or not self.engaged:
            self._apply_free(visible)
            return
        lead = int(model.order[visible.start]) if visible else -1
        offset = self._offset
        better = model.resort(visible, self._grid.columns)
        place = model.position_of(lead) if lead >= 0 else None
        self._relayout()
        if place is not None:
            rows = (place - visible.start) // self._grid.columns
            self._shift(offset + rows * self._grid.step_y)
        self._pill.count(better, is_better=model.sort_mode is Sort.BEST)
        self._settle()

    def _apply_free(self, visible: range) -> None:
        model = self._results
        assert model is not None
        lead = int(model.order[visible.start]) if visible else -1
        before = {
            int(id_): self._place_on_screen(place) for place, id_ in zip(visible, self._ids(visible), strict=True)
        }
        model.resort()
        self._relayout()
        self._pill.count(0, is_better=True)
        if self._offset and model.position_of(lead) != visible.start:
            # The person asked for another arrangement: begin at its beginning, or at the current file.
            place = model.position_of(self._current) if self._current >= 0 else None
            self._scroll_to(0)
            if place is not None:
                self._show_place(place)
        self._start_glide(before)
        self._settle()

    def release(self) -> None:
        """Let go of what is held: the best results, in their true order. A selection stays, but holds no longer."""
        self._pointed_at = -POINTED_MS / 1000
        self._released_at = time.monotonic()
        self._selection_holds = False
        if self._results is not None:
            self._grow_selection()
            self._scrolling.stop()
            self._results.resort()
            self._is_outdated = False
            self._relayout()
        self._pill.count(0, is_better=True)
        self._scroll_to(0)
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
        place, share = self._landmark(around)
        self._cell_size = size
        self._keep(place, share)
        self.cell_size_changed.emit(size)

    def zoom(self, steps: int, around: QPoint | None = None) -> None:
        """Larger (or, below 0, smaller) cells by `steps` steps of a sixth."""
        size = max(MIN_CELL, min(MAX_CELL, self._cell_size * (7 / 6) ** steps))
        self.set_cell_size(round(size / 8) * 8, around)

    def _landmark(self, around: QPoint | None = None) -> tuple[int, float]:
        """A place to keep where it is, and how far down the viewport that is (0..1)."""
        visible = self._visible()
        if not visible or (around is None and not self._offset):
            return -1, 0.0
        place = self._place_at(around) if around is not None else None
        if place is None:
            at_current = self._results.position_of(self._current) if self._results is not None else None
            place = at_current if at_current is not None and at_current in visible else None
        if place is None:
            place = visible[len(visible) // 2]
        middle = self._grid.rect(place).center().y() - self._offset
        return place, middle / max(1, self.viewport().height())

    def _keep(self, place: int, share: float) -> None:
        self._relayout()
        if place >= 0:
            self._shift(round(self._grid.rect(place).center().y() - share * self.viewport().height()))
        self._glide.clear()
        self._settle()

    def _relayout(self) -> None:
        self._make_grid()
        self.updateGeometries()

    def _make_grid(self) -> None:
        has_caption = self._cell_size >= CAPTION_FROM
        caption = CellPainter.caption_space(self.font()) if has_caption else 0
        self._grid = Grid(self.viewport().width(), self._cell_size, caption)
        self._prepare_cells()

    def _prepare_cells(self) -> None:
        has_caption = self._grid.caption > 0
        ratio = self.devicePixelRatioF()
        if self._cells.prepare(self.palette(), self.font(), self._grid.cell, ratio, has_caption=has_caption):
            self._scale_timer.start()

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
        return len(self._results.order) if self._results is not None else 0

    @property
    def _offset(self) -> int:
        return self.verticalScrollBar().value()

    def _visible(self) -> range:
        return self._grid.places(self._offset, self._offset + self.viewport().height() - 1, self._count)

    def _ids(self, places: range) -> list[int]:
        return self._results.order[places.start : places.stop].tolist() if self._results is not None else []

    def _id_at(self, place: int | None) -> int:
        return int(self._results.order[place]) if self._results is not None and place is not None else -1

    def _place_at(self, point: QPoint) -> int | None:
        return self._grid.position_at(point.x(), point.y() + self._offset, self._count)

    def _place_on_screen(self, place: int) -> QPoint:
        return self._grid.rect(place).topLeft() - QPoint(0, self._offset)

    def _place_of(self, id_: int) -> int | None:
        return self._results.position_of(id_) if self._results is not None and id_ >= 0 else None

    def _update_cell(self, id_: int) -> None:
        place = self._place_of(id_)
        if place is not None:
            rect = self._grid.rect(place).translated(0, -self._offset)
            self.viewport().update(rect.adjusted(-OUTSET, -OUTSET, OUTSET, OUTSET))

    # --- scrolling -------------------------------------------------------------------------------------

    def _shift(self, offset: int) -> None:
        """Move the window over the grid along with its content: nothing is copied on the screen."""
        moved = offset - self._offset
        is_scrolling = self._scrolling.state() == QAbstractAnimation.State.Running
        target = int(self._scrolling.endValue()) + moved if is_scrolling else 0
        self._is_shifting = True
        try:
            self.verticalScrollBar().setValue(offset)
        finally:
            self._is_shifting = False
        if is_scrolling:
            self._scroll_to(target)

    def _scroll_to(self, offset: int, *, smoothly: bool = False) -> None:
        bar = self.verticalScrollBar()
        offset = max(0, min(offset, bar.maximum()))
        self._scrolling.stop()
        if smoothly and not self.reduced_motion and abs(offset - bar.value()) < 3 * self.viewport().height():
            self._scrolling.setStartValue(bar.value())
            self._scrolling.setEndValue(offset)
            self._scrolling.start()
        else:
            bar.setValue(offset)

    def _show_place(self, place: int) -> None:
        rect = self._grid.rect(place)
        page = self.viewport().height()
        if rect.top() - MARGIN < self._offset:
            self._scroll_to(rect.top() - MARGIN)
        elif rect.bottom() + MARGIN > self._offset + page:
            self._scroll_to(min(rect.top() - MARGIN, rect.bottom() + MARGIN - page + 1))

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        viewport = self.viewport()
        if self._is_shifting or self._glide:
            viewport.update()
        elif self._pill.isVisible():
            # What lies under the pill can't be copied, and Qt would draw everything anew: keep out of its way.
            free = self._pill.geometry().bottom() + 1 - viewport.y()
            viewport.scroll(0, dy, viewport.rect().adjusted(0, free, 0, 0))
            viewport.update(0, 0, viewport.width(), free)
        else:
            viewport.scroll(0, dy)

    def _note_scrolled(self) -> None:
        if self._is_shifting:
            return
        if self._results is not None and self._pill.isVisible():
            self._pill.count(self._results.note_seen(self._visible()), is_better=self._pill.is_better)
        self._want_thumbnails()
        self._hover_at(self._pointer)
        self._note_engagement()

    def wheelEvent(self, event: QWheelEvent) -> None:
        delta = event.angleDelta().y() or event.angleDelta().x()
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._wheel += delta
            steps, self._wheel = int(self._wheel / 120), self._wheel - int(self._wheel / 120) * 120
            if steps:
                self.zoom(steps, event.position().toPoint())
        else:
            self._note_pointed()
            if not event.pixelDelta().isNull():
                self._scroll_to(self._offset - event.pixelDelta().y())
            else:
                running = self._scrolling.state() == QAbstractAnimation.State.Running
                start = int(self._scrolling.endValue()) if running else self._offset
                self._scroll_to(start - round(delta / 120 * WHEEL_STEP), smoothly=True)
        event.accept()

    # --- keeping still ---------------------------------------------------------------------------------

    @property
    def engaged(self) -> bool:
        """Whether the person has scrolled, selected, or lately pointed: then what is on the screen stays put."""
        pointed = time.monotonic() - self._pointed_at < POINTED_MS / 1000
        selected = self._selection_holds and self._selected_count > 0
        return bool(self._count) and (self._offset > 0 or selected or pointed)

    def _note_pointed(self) -> None:
        if time.monotonic() - self._released_at < RELEASED_SECONDS:
            return  # still the movement that asked, a drop or a click, not one among the results
        self._pointed_at = time.monotonic()
        self._pointed_timer.start()
        self._note_engagement()

    def _note_engagement(self) -> None:
        engaged = self.engaged
        if engaged == self._was_engaged:
            return
        self._was_engaged = engaged
        if not engaged and self._results is not None and not self._apply_timer.isActive():
            self._apply_timer.start(0)  # what was held goes to its true place
        self.engaged_changed.emit(engaged)

    # --- the current file and the selection ------------------------------------------------------------

    @property
    def current_id(self) -> int:
        """-1 for none."""
        return self._current

    def set_current(self, id_: int) -> None:
        """Make a file the current one and bring it on the screen; the selection stays. -1 for none."""
        if id_ != self._current:
            self._update_cell(self._current)
            self._current = id_
            self._note_current_index()
            self._update_cell(id_)
            self.current_changed.emit(id_)
        place = self._place_of(id_)
        if place is not None:
            self._show_place(place)

    def move_current(self, by: int) -> None:
        """Go on by so many places and select only that file: what the arrows do, here and in the large view."""
        place = self._place_of(self._current)
        self._go((place if place is not None else -1 if by > 0 else 0) + by)

    @property
    def selected_count(self) -> int:
        return self._selected_count

    def selection(self) -> NDArray[np.int32]:
        """The selected files in the listing's order: an array, cheap for any number of them."""
        return np.flatnonzero(self._selected).astype(np.int32)

    def select(self, ids: NDArray[np.int32]) -> None:
        """Select these files and no others."""
        self._select(ids, alone=True)

    def selected_ids(self) -> list[int]:
        """The selected files in the order shown; those that the filter hides come last."""
        if self._results is None:
            return []
        order = self._results.order
        self._grow_selection()
        shown = order[self._selected[order]]
        hidden = self._selected.copy()
        hidden[order] = False
        return [*shown.tolist(), *np.flatnonzero(hidden).tolist()]

    def selectAll(self) -> None:
        if self._results is not None:
            self._grow_selection()
            self._select(self._results.order, alone=True)

    def clearSelection(self) -> None:
        self._select(np.empty(0, np.int32), alone=True)

    def _grow_selection(self) -> None:
        total = len(self._results.scores) if self._results is not None else 0
        if total > len(self._selected):
            self._selected = np.concatenate([self._selected, np.zeros(total - len(self._selected), np.bool_)])

    def _select(self, ids: Sequence[int] | NDArray[np.int32], *, alone: bool) -> None:
        self._grow_selection()
        if alone:
            self._selected[:] = False
        self._selected[ids] = True
        self._selection_moved()

    def _toggle(self, id_: int) -> None:
        self._grow_selection()
        self._selected[id_] = not self._selected[id_]
        self._selection_moved()

    def _selection_moved(self) -> None:
        count = int(np.count_nonzero(self._selected))
        self.viewport().update()
        self._selected_count = count
        self._selection_holds = True
        self.selection_changed.emit(count)
        self._note_engagement()

    def _select_to(self, place: int, *, alone: bool) -> None:
        """The files from the anchor to `place`, in the order shown."""
        assert self._results is not None
        start = self._place_of(self._anchor)
        if start is None:
            start, self._anchor = place, self._id_at(place)
        low, high = sorted((start, place))
        self._select(self._results.order[low : high + 1], alone=alone)

    def _go(self, place: int, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        if not self._count:
            return
        place = max(0, min(place, self._count - 1))
        id_ = self._id_at(place)
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            if self._place_of(self._anchor) is None:
                self._anchor = self._current if self._place_of(self._current) is not None else id_
            self._select_to(place, alone=True)
        elif not modifiers & Qt.KeyboardModifier.ControlModifier:
            self._anchor = id_
            self._select([id_], alone=True)
        self.set_current(id_)

    def _note_current_index(self) -> None:
        """Tell Qt, and through it a screen reader, which row is current."""
        place = self._place_of(self._current)
        index = self._results.index(place) if self._results is not None and place is not None else _NO_INDEX
        if self.selectionModel() is None or self.currentIndex() == index:
            return
        self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.NoUpdate)
        if QAccessible.isActive() and self.hasFocus() and place is not None:
            event = QAccessibleEvent(self, QAccessible.Event.Focus)
            event.setChild(place)
            QAccessible.updateAccessibility(event)

    # --- the keyboard ----------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key, modifiers = event.key(), event.modifiers()
        target = self._target(key)
        if target is not None:
            self._go(target, modifiers)
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.selectAll()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        elif event.matches(QKeySequence.StandardKey.ZoomIn) or self._is_control(event, Qt.Key.Key_Equal):
            self.zoom(1)
        elif event.matches(QKeySequence.StandardKey.ZoomOut):
            self.zoom(-1)
        elif self._is_control(event, Qt.Key.Key_0):
            self.set_cell_size(DEFAULT_CELL)
        elif self._is_control(event, Qt.Key.Key_Space) and self._current >= 0:
            self._anchor = self._current
            self._toggle(self._current)
        elif not self._act(event):
            event.ignore()  # it may be the window's
            return
        event.accept()

    def _target(self, key: int) -> int | None:
        """The place that a key of movement leads to."""
        last = self._count - 1
        if last < 0:
            return None
        place = self._place_of(self._current)
        columns = self._grid.columns
        page = max(1, self.viewport().height() // self._grid.step_y) * columns
        if place is None:
            moving = {Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down}
            if key in moving | {Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}:
                return self._visible().start
            place = 0
        match key:
            case Qt.Key.Key_Left:
                return place - 1
            case Qt.Key.Key_Right:
                return place + 1
            case Qt.Key.Key_Up:
                return place - columns if place >= columns else place
            case Qt.Key.Key_Down:
                # Into a shorter last row too, but not sideways within it.
                return min(place + columns, last) if place // columns < last // columns else place
            case Qt.Key.Key_PageUp:
                return max(place - page, place % columns)
            case Qt.Key.Key_PageDown:
                return place + min(page, (last // columns - place // columns) * columns)
            case Qt.Key.Key_Home:
                return 0
            case Qt.Key.Key_End:
                return last
        return None

    @staticmethod
    def _is_control(event: QKeyEvent, key: Qt.Key) -> bool:
        return event.key() == key and bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)

    def _act(self, event: QKeyEvent) -> bool:
        """What a key does to the current file, or text typed to find one. Returns whether it did anything."""
        if event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier):
            return False
        key, text = event.key(), event.text()
        is_typing = bool(self._typed) and time.monotonic() - self._typed_at < TYPING_SECONDS
        has_current = self._place_of(self._current) is not None
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            if has_current:
                self.opened.emit(self._current)
            return has_current
        if key == Qt.Key.Key_Space and not is_typing:
            if has_current:
                self.looked_at.emit(self._current)
            return has_current
        if key == Qt.Key.Key_F and not is_typing and not event.modifiers():
            if has_current:
                self.similar_wanted.emit(self._current)
            return has_current
        if text and text.isprintable():
            self.keyboardSearch(text)
            return True
        return False

    def _copy(self) -> None:
        ids = self.selected_ids() or [self._current]
        if self._results is not None and ids != [-1]:
            QGuiApplication.clipboard().setMimeData(self._results.mime_data(ids))

    # --- finding by name

    def keyboardSearch(self, search: str) -> None:
        """Go to the next file whose name starts with what was typed within a second."""
        now = time.monotonic()
        is_new = now - self._typed_at >= TYPING_SECONDS
        self._typed = search if is_new else self._typed + search
        self._typed_at = now
        place = self._place_of(self._current)
        start = 0 if place is None else place + 1 if is_new else place
        self._search = self._find(self._typed.casefold(), start)
        self._search_on()

    def _find(self, prefix: str, start: int) -> Iterator[int | None]:
        """Yields None after each slice of names, then the id found, if any. The order may change meanwhile."""
        assert self._results is not None
        assert self._results.listing is not None
        names, order = self._results.listing.names, np.roll(self._results.order, -start)
        for first in range(0, len(order), SEARCH_SLICE):
            for id_ in order[first : first + SEARCH_SLICE].tolist():
                if names[id_].casefold().startswith(prefix):
                    yield id_
                    return
            yield None

    def _search_on(self) -> None:
        if self._search is None:
            return
        for found in self._search:
            if found is None:
                self._search_timer.start()
                return
            self._search = None
            place = self._place_of(found)
            if place is not None:
                self._go(place)
            return
        self._search = None

    # --- the pointer -----------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._note_pointed()
        point, modifiers = event.position().toPoint(), event.modifiers()
        place = self._place_at(point)
        id_ = self._id_at(place)
        if event.button() == Qt.MouseButton.RightButton:
            if id_ >= 0 and not self._is_selected(id_):
                self._anchor = id_
                self._select([id_], alone=True)
                self.set_current(id_)
            event.accept()
            return
        if event.button() != Qt.MouseButton.LeftButton:
            event.ignore()
            return
        is_adding = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        self._scrolling.stop()
        self._pressed, self._pressed_id, self._pressed_alone = point, id_, False
        if place is None:
            if self._count:
                kept = self.selected_ids() if is_adding or modifiers & Qt.KeyboardModifier.ShiftModifier else []
                self._select(np.array(kept, np.int32), alone=True)
                self._band = _RubberBand(point + QPoint(0, self._offset), self._selected.copy())
        elif modifiers & Qt.KeyboardModifier.ShiftModifier:
            self._select_to(place, alone=not is_adding)
            self.set_current(id_)
        elif is_adding:
            self._anchor = id_
            self._toggle(id_)
            self.set_current(id_)
        else:
            self._anchor = id_
            if self._is_selected(id_):
                self._pressed_alone = True  # several may be about to be dragged; decided when it is let go
            else:
                self._select([id_], alone=True)
            self.set_current(id_)
        event.accept()

    def _is_selected(self, id_: int) -> bool:
        return id_ < len(self._selected) and bool(self._selected[id_])

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._note_pointed()
        point = self._pointer = event.position().toPoint()
        if self._band is not None:
            self._stretch_band(point)
        elif self._pressed is not None and self._pressed_id >= 0:
            if (point - self._pressed).manhattanLength() >= QApplication.startDragDistance():
                self._pressed = None
                self.startDrag(Qt.DropAction.CopyAction)
        elif not event.buttons():
            self._hover_at(point)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            if self._band is not None:
                self._drop_band()
            elif self._pressed is not None and self._pressed_alone and self._pressed_id >= 0:
                self._select([self._pressed_id], alone=True)
            self._pressed, self._pressed_alone = None, False
        event.accept()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        id_ = self._id_at(self._place_at(event.position().toPoint()))
        if event.button() == Qt.MouseButton.LeftButton and id_ >= 0:
            self._pressed = None
            self.opened.emit(id_)
        event.accept()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        at = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            place = self._place_of(self._current)
            if place is not None:
                self._show_place(place)
                at = self.viewport().mapToGlobal(self._place_on_screen(place) + QPoint(self._grid.cell // 2, 24))
            ids = self.selected_ids() or ([self._current] if place is not None else [])
        else:
            ids = self.selected_ids() if self._place_at(event.pos()) is not None else []
        if ids:
            self.context_menu_wanted.emit(at, ids)
        event.accept()

    def startDrag(self, supportedActions: Qt.DropAction) -> None:  # noqa: N803 (Qt's)
        """Drag the selected files out, as copies: nothing of the user's is ever moved."""
        ids = self.selected_ids()
        if self._results is None or not ids:
            return
        drag = QDrag(self)
        drag.setMimeData(self._results.mime_data(ids))
        picture = self._drag_picture(ids)
        drag.setPixmap(picture)
        drag.setHotSpot(QPoint(12, 12))
        drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)

    def _drag_picture(self, ids: list[int]) -> QPixmap:
        ratio, edge = self.devicePixelRatioF(), 96
        made = QPixmap(round(edge * ratio), round(edge * ratio))
        made.setDevicePixelRatio(ratio)
        made.fill(Qt.GlobalColor.transparent)
        painter = QPainter(made)
        thumb = self._thumbs.get(self._current if self._current in ids else ids[0])
        if thumb is not None and thumb.face is not None:
            face = thumb.face.scaled(
                made.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            painter.setOpacity(0.85)
            painter.drawPixmap(0, 0, face)
            painter.setOpacity(1.0)
        if len(ids) > 1 or thumb is None or thumb.face is None:
            painter.drawPixmap(4, 4, self._cells.count_badge(len(ids)))
        painter.end()
        return made

    # --- the rubber band

    def _stretch_band(self, point: QPoint) -> None:
        assert self._band is not None
        assert self._results is not None
        self._band.end = point + QPoint(0, self._offset)
        places = self._grid.places_in(self._band.rect, self._count)
        self._selected[:] = False  # it may have grown since
        self._selected[: len(self._band.before)] = self._band.before
        self._selected[self._results.order[places]] = True
        self._selection_moved()
        page = self.viewport().height()
        self._band.pull = point.y() if point.y() < 0 else max(0, point.y() - page)
        if self._band.pull and not self._band_timer.isActive():
            self._band_timer.start()
        elif not self._band.pull:
            self._band_timer.stop()

    def _scroll_with_band(self) -> None:
        if self._band is None:
            return
        pull = max(-60, min(60, self._band.pull // 2))
        self._scroll_to(self._offset + (pull or 1))
        if self._pointer is not None:
            self._stretch_band(self._pointer)

    def _drop_band(self) -> None:
        self._band = None
        self._band_timer.stop()
        self.viewport().update()
        if self._is_outdated:
            self._note_outdated(False)

    # --- hovering

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Leave:
            self._pointer = None
            self._hover_at(None)
        return super().viewportEvent(event)

    def _hover_at(self, point: QPoint | None) -> None:
        is_inside = point is not None and self.viewport().rect().contains(point)
        place = self._place_at(point) if point is not None and is_inside else None
        id_ = self._id_at(place)
        if id_ != self._hovered:
            self._update_cell(self._hovered)
            self._hovered = id_
            self._scrub_place = None
            self._update_cell(id_)
            self._hover_timer.stop()
            if id_ >= 0 and self._results is not None and self._results.kind_of(id_) is Kind.VIDEO:
                self._hover_timer.start()
        if id_ in self._strips and place is not None and point is not None:
            scrub = (point.x() - self._grid.rect(place).left()) / self._grid.cell
            self._scrub_place = max(0.0, min(1.0, scrub))
            self._update_cell(id_)

    def _ask_filmstrip(self) -> None:
        if self._hovered >= 0 and self._hovered not in self._strips:
            self.filmstrip_wanted.emit(self._hovered)

    # --- thumbnails ------------------------------------------------------------------------------------

    def set_thumbnail(self, id_: int, image: QImage, text: str = "", duration: float = 0.0, pixels: int = 0) -> None:
        """What there is to show of a file: a picture, or a text's first lines; neither if nothing can be.

        `pixels` is the size it was asked for (0: the size last asked for).
        """
        old = self._thumbs.get(id_)
        thumb = Thumb(image, text, duration, pixels or self._asked[1])
        if old is not None and old.face is not None:
            thumb.face = old.face  # until the better one is scaled
        self._thumbs.put(id_, thumb)
        place = self._place_of(id_)
        visible = self._visible()
        if place is not None and place in visible:
            if thumb.is_empty:
                self._update_cell(id_)
            elif thumb.face is None and not self.reduced_motion:
                self._fading[id_] = 0.0  # starts when its picture is scaled
        self._thumbs.trim(set(self._ids(visible)))
        self._scale_timer.start()

    def thumbnail(self, id_: int) -> QImage | None:
        """What is at hand to show of a file until something better has been read."""
        thumb = self._thumbs.get(id_)
        return None if thumb is None or thumb.image.isNull() else thumb.image

    def set_filmstrip(self, id_: int, frames: list[QImage]) -> None:
        """Frames of a clip, evenly spaced, to look through with the pointer."""
        self._strips[id_] = Strip(tuple(frames))
        self._strips.move_to_end(id_)
        while len(self._strips) > MOST_STRIPS:
            self._strips.popitem(last=False)
        if id_ == self._hovered:
            self._hover_at(self._pointer)

    def forget_thumbnail(self, id_: int) -> None:
        """The file has changed: its thumbnail is asked for again."""
        self._thumbs.drop(id_)
        self._strips.pop(id_, None)
        self._asked = ([], 0)
        self._update_cell(id_)
        self._want_thumbnails()

    @property
    def _wanted_pixels(self) -> int:
        need = max(self._cells.inner.width(), self._cells.inner.height()) * self.devicePixelRatioF()
        return next((size for size in THUMBNAIL_SIZES if size >= need), THUMBNAIL_SIZES[-1])

    def _want_thumbnails(self) -> None:
        if not self._ask_timer.isActive():
            self._ask_timer.start()

    def _nearby(self) -> Iterator[int]:
        """Ids on the screen, then those one screen below, then above."""
        visible = self._visible()
        yield from self._ids(visible)
        yield from self._ids(range(visible.stop, min(visible.stop + len(visible), self._count)))
        yield from self._ids(range(max(0, visible.start - len(visible)), visible.start))

    def _ask(self) -> None:
        if not self.isVisible():
            return
        pixels, missing = self._wanted_pixels, []
        for id_ in self._nearby():
            thumb = self._thumbs.touch(id_)
            if thumb is None or (thumb.pixels < pixels and not thumb.image.isNull()):
                missing.append(id_)
        if (missing, pixels) != self._asked:
            self._asked = (missing, pixels)
            self.thumbnails_wanted.emit(missing, pixels)
        self._scale_timer.start()

    def _scale(self) -> None:
        """Scale what is near and not yet of the right size, for a few milliseconds, then let the event loop run."""
        deadline = time.perf_counter() + SCALING_SECONDS
        look, wanted = self._cells.version, self._wanted_pixels
        for id_ in self._nearby():
            thumb = self._thumbs.get(id_)
            if thumb is None or thumb.is_empty or thumb.look == look:
                continue
            if time.perf_counter() > deadline:
                self._scale_timer.start()
                return
            self._thumbs.set_face(thumb, self._cells.face(thumb, wanted), look)
            if self._fading.get(id_) == 0.0:
                self._fading[id_] = time.monotonic()
                self._frame_timer.start()
            self._update_cell(id_)

    # --- motion ----------------------------------------------------------------------------------------

    def _start_glide(self, before: dict[int, QPoint]) -> None:
        self._glide.clear()
        if self.reduced_motion or not before:
            return
        visible = self._visible()
        moved = {}
        for place, id_ in zip(visible, self._ids(visible), strict=True):
            old, new = before.get(id_), self._place_on_screen(place)
            if old is not None and old != new:
                moved[id_] = old - new
        if 0 < len(moved) <= MOST_GLIDING:
            self._glide = moved
            self._glide_start = time.monotonic()
            self._frame_timer.start()

    def _glide_share(self) -> float:
        """How much of the way is still to go, 1 to 0."""
        gone = min(1.0, (time.monotonic() - self._glide_start) / GLIDE_SECONDS)
        return (1 - gone) ** 3

    def _next_frame(self) -> None:
        now = time.monotonic()
        for id_, start in list(self._fading.items()):
            if start == 0.0:
                continue
            if now - start >= FADE_SECONDS:
                del self._fading[id_]
            self._update_cell(id_)
        if self._glide:
            if now - self._glide_start >= GLIDE_SECONDS:
                self._glide.clear()
            self.viewport().update()
        if not self._glide and not any(self._fading.values()):
            self._frame_timer.stop()

    # --- painting --------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self._prepare_cells()  # the window may have come to a screen of another resolution
        painter = QPainter(self.viewport())
        region = event.region()
        painter.fillRect(event.rect(), self._cells.base)
        if self._results is None or not self._message.isHidden():
            return
        offset = self._offset
        if self._glide:
            places = self._visible()
        else:
            places = self._grid.places(event.rect().top() + offset, event.rect().bottom() + offset, self._count)
        self._paint_cells(painter, places, region)
        if self._band is not None:
            rect = QRectF(self._band.rect.translated(0, -offset)).adjusted(0.5, 0.5, -0.5, -0.5)
            accent = self.palette().color(QPalette.ColorRole.Highlight)
            painter.setPen(QPen(accent, 1))
            painter.setBrush(translucent(accent, 0.14))
            painter.drawRect(rect)

    def _paint_cells(self, painter: QPainter, places: range, region: QRegion) -> None:
        model, grid, offset = self._results, self._grid, self._offset
        if not places or model is None or model.listing is None:
            return
        self._grow_selection()
        ids = model.order[places.start : places.stop]
        kinds = model.listing.kinds[ids].tolist()
        columns = zip(
            places,
            ids.tolist(),
            model.ranks[ids].tolist(),
            model.scores[ids].tolist(),
            model.failed[ids].tolist(),
            kinds,
            self._selected[ids].tolist(),
            strict=True,
        )
        now, to_go = time.monotonic(), self._glide_share() if self._glide else 0.0
        gliding = []
        for place, id_, rank, score, is_failed, kind, is_selected in columns:
            at = grid.rect(place).topLeft() - QPoint(0, offset)
            is_gliding = id_ in self._glide
            if not is_gliding and not region.intersects(self._reach(at)):
                continue
            state = CellState(
                id_, model.name_of(id_), rank, score, is_failed, kind == Kind.VIDEO, is_selected, id_ == self._hovered
            )
            if is_gliding:
                gliding.append((at + self._glide[id_] * to_go, state))
            else:
                self._paint_cell(painter, at, state, now)
        for at, state in gliding:  # above those that stay
            self._paint_cell(painter, at, state, now)

    def _reach(self, at: QPoint) -> QRect:
        size = self._grid.cell + 2 * OUTSET
        return QRect(at.x() - OUTSET, at.y() - OUTSET, size, size + self._grid.caption)

    def _paint_cell(self, painter: QPainter, at: QPoint, state: CellState, now: float) -> None:
        shown = 1.0
        start = self._fading.get(state.id)
        if start is not None:
            shown = min(1.0, (now - start) / FADE_SECONDS) if start else 0.0
        scrub = self._scrub() if state.is_hovered else None
        self._cells.paint(painter, at, state, self._thumbs.get(state.id), scrub, shown)
        if state.id == self._current:
            self._cells.paint_focus(painter, at, self.hasFocus())

    def _scrub(self) -> Scrub | None:
        strip = self._strips.get(self._hovered)
        if strip is None or not strip.frames or self._scrub_place is None:
            return None
        return Scrub(self._cells.frame(strip, self._scrub_place), self._scrub_place)

    # --- other things that happen to a widget ----------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        place, share = self._landmark()
        super().resizeEvent(event)
        self._keep(place, share)
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
        if self._place_of(self._current) is None and self._count and event.reason() != Qt.FocusReason.MouseFocusReason:
            # The keyboard must have a place to start from, seen from the first moment.
            self.set_current(self._id_at(self._visible().start))
        self._update_cell(self._current)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._update_cell(self._current)

    # --- what the base class must be told --------------------------------------------------------------

    def visualRect(self, index: _Index) -> QRect:
        return self._grid.rect(index.row()).translated(0, -self._offset) if index.isValid() else QRect()

    def scrollTo(
        self, index: _Index, hint: QAbstractItemView.ScrollHint = QAbstractItemView.ScrollHint.EnsureVisible
    ) -> None:
        # The base class calls this for reasons of its own; only `set_current` decides when to scroll.
        pass

    def indexAt(self, point: QPoint) -> QModelIndex:
        place = self._place_at(point)
        return self._results.index(place) if self._results is not None and place is not None else QModelIndex()

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
        self._message.setGeometry(self.rect())
        self._message.show()
        self._message.raise_()
        self.viewport().update()

    def clear_message(self) -> None:
        """Show the grid again."""
        self._message.hide()
        self.viewport().update()


@dataclass
class _RubberBand:
    """A rectangle being drawn over the grid, in the grid's coordinates, and what was selected before it."""

    start: QPoint
    before: NDArray[np.bool_]
    end: QPoint | None = None
    pull: int = 0
    """How far the pointer is beyond the upper (below 0) or lower edge of what is visible."""

    @property
    def rect(self) -> QRect:
        return QRect(self.start, self.end or self.start).normalized()


def _timer(owner: QObject, interval: int, call: Callable[[], object]) -> QTimer:
    timer = QTimer(owner, interval=interval, singleShot=True)
    timer.timeout.connect(call)
    return timer
