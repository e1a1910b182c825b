"""Where the cells of the grid are, and which of them are on the screen: arithmetic, no widgets."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect, Qt

from desktop.results_look import OUTSET

GAP, MARGIN = 8, 12

_ONWARD = {Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown}


@dataclass(frozen=True)
class Grid:
    """Where the cells of a grid are, in its own coordinates (the first row at the top). Arithmetic, no state
    (but that a figure is worked out once).

    The wanted cell size is met as nearly as whole columns allow, so that the grid always fills its width.
    """

    width: int
    wanted: int
    caption: int
    """Height below each cell for its name; 0 for none."""

    @cached_property
    def columns(self) -> int:
        return max(1, round((self._room + GAP) / (self.wanted + GAP)))

    @cached_property
    def cell(self) -> int:
        return max(16, min((self._room - GAP * (self.columns - 1)) // self.columns, self.wanted * 3 // 2))

    @cached_property
    def _room(self) -> int:
        return max(1, self.width - 2 * MARGIN)

    @cached_property
    def left(self) -> int:
        used = self.columns * (self.cell + GAP) - GAP
        return max(MARGIN, (self.width - used) // 2)

    @cached_property
    def step_x(self) -> int:
        return self.cell + GAP

    @cached_property
    def step_y(self) -> int:
        return self.cell + self.caption + GAP

    def rows(self, count: int) -> int:
        return -(-count // self.columns)

    def height(self, count: int) -> int:
        """Of the whole grid with its margins."""
        return 2 * MARGIN - GAP + self.rows(count) * self.step_y if count else 0

    def rect(self, position: int) -> QRect:
        """The cell with its caption."""
        row, column = divmod(position, self.columns)
        return QRect(self.left + column * self.step_x, MARGIN + row * self.step_y, self.cell, self.cell + self.caption)

    def position_at(self, x: int, y: int, count: int) -> int | None:
        """The place whose cell (or caption) is there; None between cells."""
        column, inside_x = divmod(x - self.left, self.step_x)
        row, inside_y = divmod(y - MARGIN, self.step_y)
        if not 0 <= column < self.columns or inside_x >= self.cell or inside_y >= self.cell + self.caption:
            return None
        position = row * self.columns + column
        return position if row >= 0 and position < count else None

    def places(self, top: int, bottom: int, count: int) -> range:
        """The places in whole rows of which anything, frames included, is between two heights."""
        first = max(0, (top - MARGIN + GAP - OUTSET) // self.step_y)
        last = max(first, (bottom - MARGIN + OUTSET) // self.step_y + 1)
        return range(min(first * self.columns, count), min(last * self.columns, count))

    def places_in(self, box: QRect, count: int) -> NDArray[np.int64]:
        """The places whose cells a rectangle touches."""
        first_row = max(0, (box.top() - MARGIN + GAP) // self.step_y)
        last_row = min(self.rows(count) - 1, (box.bottom() - MARGIN) // self.step_y)
        first_column = max(0, (box.left() - self.left + GAP) // self.step_x)
        last_column = min(self.columns - 1, (box.right() - self.left) // self.step_x)
        rows = np.arange(first_row, last_row + 1)
        columns = np.arange(first_column, last_column + 1)
        places = (rows[:, None] * self.columns + columns).ravel()
        return places[places < count]

    def place_after(self, key: int, place: int | None, top: int, page: int, count: int) -> int | None:
        """The place that a key of movement leads to from `place`, out of range by one at most; None for another key.

        The viewport, `page` high, shows the grid from `top`: without a place to start from, movement begins there.
        """
        if not count:
            return None
        if place is None:
            if key in _ONWARD:
                return self.places(top, top + page - 1, count).start
            place = 0
        last, columns = count - 1, self.columns
        leap = max(1, page // self.step_y) * columns
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
                return max(place - leap, place % columns)
            case Qt.Key.Key_PageDown:
                return min(place + leap, last - last % columns + place % columns, last)
            case Qt.Key.Key_Home:
                return 0
            case Qt.Key.Key_End:
                return last
        return None


@dataclass(frozen=True)
class Page:
    """The part of a grid of `count` files that a viewport shows: `height` pixels from `offset` on.

    Points and rectangles are in the viewport's coordinates.
    """

    grid: Grid
    count: int
    offset: int
    height: int

    @cached_property
    def visible(self) -> range:
        """The places in whole rows of which anything is on the screen."""
        return self.grid.places(self.offset, self.offset + self.height - 1, self.count)

    @property
    def below(self) -> range:
        """As many places after the visible ones."""
        return range(self.visible.stop, min(self.visible.stop + len(self.visible), self.count))

    @property
    def above(self) -> range:
        """As many places before the visible ones."""
        return range(max(0, self.visible.start - len(self.visible)), self.visible.start)

    def rect(self, place: int) -> QRect:
        """The cell with its caption, wherever it is."""
        return self.grid.rect(place).translated(0, -self.offset)

    def place_at(self, point: QPoint) -> int | None:
        return self.grid.position_at(point.x(), point.y() + self.offset, self.count)

    def offset_showing(self, place: int) -> int:
        """The offset nearest to this one at which a cell is on the screen with a margin; its top, if it is too high."""
        rect = self.grid.rect(place)
        top, bottom = rect.top() - MARGIN, rect.bottom() + MARGIN + 1
        return max(0, min(top, max(self.offset, bottom - self.height)))

    def offset_keeping(self, place: int, share: float) -> int:
        """The offset at which the middle of a cell is at this share (0..1) of the height."""
        return round(self.grid.rect(place).center().y() - share * self.height)

    def share_of(self, place: int) -> float:
        """How far down the height the middle of a cell is (0..1)."""
        return self.rect(place).center().y() / max(1, self.height)
