"""Which files are selected: a mask over file ids, so that any number costs the same and no re-sort touches it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QPoint, QRect

from desktop.results_order import Ids

_FASTEST_PULL = 60
"""How many pixels a frame the grid scrolls at most under a rubber band."""


class Selection:
    """The selected files, the current one, and the one that a stretch of files is selected from."""

    def __init__(self) -> None:
        self.current = -1
        """-1 for none."""
        self.anchor = -1
        """-1 for none."""
        self._mask: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, id_: int) -> bool:
        return 0 <= id_ < len(self._mask) and bool(self._mask[id_])

    def marks(self, ids: Ids) -> NDArray[np.bool_]:
        """Which of these are selected."""
        self._cover(ids)
        return self._mask[ids]

    def ids(self) -> Ids:
        """The selected files by rising id."""
        return np.flatnonzero(self._mask).astype(np.int32)

    def in_order(self, order: Ids) -> list[int]:
        """The selected files in this order; those that are not in it come last."""
        shown = order[self.marks(order)]
        hidden = self._mask.copy()
        hidden[order] = False
        return [*shown.tolist(), *np.flatnonzero(hidden).tolist()]

    def choose(self, ids: Ids | Sequence[int]) -> None:
        """Select these and no others."""
        self._mask[:] = False
        self.add(ids)

    def add(self, ids: Ids | Sequence[int]) -> None:
        array = np.asarray(ids, np.int32)
        self._cover(array)
        self._mask[array] = True
        self._count = int(np.count_nonzero(self._mask))

    def remove(self, ids: Ids) -> None:
        """Take these out, if they are selected."""
        self._mask[ids[ids < len(self._mask)]] = False
        self._count = int(np.count_nonzero(self._mask))

    def toggle(self, id_: int) -> None:
        """Select a file or take it out again; a stretch starts at it from now on."""
        self._cover(np.array([id_], np.int32))
        self._mask[id_] = not self._mask[id_]
        self._count += 1 if self._mask[id_] else -1
        self.anchor = id_

    def _cover(self, ids: Ids) -> None:
        needed = int(ids.max()) + 1 if len(ids) else 0
        if needed > len(self._mask):
            more = max(needed, 2 * len(self._mask)) - len(self._mask)
            self._mask = np.concatenate([self._mask, np.zeros(more, np.bool_)])


@dataclass
class RubberBand:
    """A rectangle being drawn over the grid, in the grid's coordinates, beside what was selected before it."""

    start: QPoint
    end: QPoint
    kept: Ids
    """The files that stay selected whatever it touches."""
    pull: int = 0
    """How many pixels a frame the grid scrolls, since the pointer is above (below 0) or below what is visible."""

    def stretch(self, pointer: QPoint, offset: int, page: int) -> None:
        """The pointer is there in a viewport of the height `page` that shows the grid from `offset`."""
        self.end = pointer + QPoint(0, offset)
        beyond = min(0, pointer.y()) + max(0, pointer.y() - page)
        self.pull = max(-_FASTEST_PULL, min(_FASTEST_PULL, beyond // 2 or beyond))

    @property
    def rect(self) -> QRect:
        return QRect(self.start, self.end).normalized()
