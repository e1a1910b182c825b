"""Where the cells of the grid are: arithmetic over a width, a cell size and a number of files."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRect

from desktop.results_cells import OUTSET

GAP, MARGIN = 8, 12


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
