"""Which files share one cell because they show the same, or nearly: stacks that fold and unfold.

A stack is named by its first row, as the engine tells it. Everything over all files is NumPy over columns.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from desktop.results_order import Ids


class Stacks:
    """The stacks of a listing, which of them are unfolded, and how many of each pass the filter."""

    def __init__(self) -> None:
        self.is_on = True
        """Whether duplicates fold at all."""
        self.forget()

    def forget(self) -> None:
        """The ids mean other files from now on."""
        self.hidden = 0
        """How many files are folded away, as of the last `fold`."""
        self._of: Ids = np.empty(0, np.int32)
        self._sizes: Ids = np.empty(0, np.int32)
        self._open: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._exist = False

    def cover(self, total: int) -> None:
        """There are so many files now; the new ones stand alone until something else is told."""
        known = len(self._of)
        self._of = np.concatenate([self._of, np.arange(known, total, dtype=np.int32)])
        self._sizes = np.concatenate([self._sizes, np.zeros(total - known, np.int32)])
        self._open = np.concatenate([self._open, np.zeros(total - known, np.bool_)])

    def tell(self, stacks: Ids) -> None:
        """By row, the first row of its stack. One that is unfolded stays so as long as its first row is the same."""
        count = min(len(stacks), len(self._of))
        self._of[:count] = stacks[:count]
        self._of[count:] = np.arange(count, len(self._of), dtype=np.int32)
        self._exist = bool((self._of != np.arange(len(self._of), dtype=np.int32)).any())

    @property
    def is_folding(self) -> bool:
        """Whether there is anything to fold, and it is to be."""
        return self.is_on and self._exist

    def sizes(self, ids: Ids) -> Ids:
        """How many files the stack of each has; 0 for one that stands alone."""
        if not self.is_folding:
            return np.zeros(len(ids), np.int32)
        sizes: Ids = self._sizes[self._of[ids]]
        return np.where(sizes > 1, sizes, 0)

    def are_open(self, ids: Ids) -> NDArray[np.bool_]:
        """Whether the stack of each is unfolded."""
        are_open: NDArray[np.bool_] = self._open[self._of[ids]]
        return are_open

    def differ(self, ids: Ids, others: Ids) -> NDArray[np.bool_]:
        """Whether each belongs to another stack than the other one beside it."""
        differ: NDArray[np.bool_] = self._of[ids] != self._of[others]
        return differ

    def fold(self, order: Ids) -> Ids:
        """The order with each folded stack at its first file, and each unfolded one gathered behind its first."""
        self.hidden = 0
        if not self.is_folding:
            return order
        stacks = self._of[order]
        self._sizes = np.bincount(stacks, minlength=len(self._of)).astype(np.int32)
        places = np.arange(len(order), dtype=np.int32)
        first = np.full(len(self._of), len(order), np.int32)
        np.minimum.at(first, stacks, places)
        leaders = first[stacks]
        shown = (leaders == places) | self._open[stacks]
        self.hidden = len(order) - int(np.count_nonzero(shown))
        order, leaders = order[shown], leaders[shown]
        return order[np.argsort(leaders, kind="stable")] if self._open.any() else order

    def led_by(self, order: Ids, held: Ids) -> Ids:
        """A folded order in which each stack is led by its file that is `held`, where there is one."""
        if not self.is_folding:
            return order
        stacks = self._of[held]
        is_closed = ~self._open[stacks]
        leader = np.full(len(self._of), -1, np.int32)
        leader[stacks[is_closed]] = held[is_closed]
        led = leader[self._of[order]]
        return np.where(led >= 0, led, order)

    def mates(self, id_: int, order: Ids) -> Ids:
        """The files of `order` that are in this one's stack, itself included."""
        mates: Ids = order[self._of[order] == self._of[id_]]
        return mates

    def toggle(self, id_: int) -> bool:
        """Unfold the stack that a file is in, or fold it; returns whether it is unfolded now."""
        stack = self._of[id_]
        self._open[stack] = not self._open[stack]
        return bool(self._open[stack])
