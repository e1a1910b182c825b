"""How a file is found by typing its name: what counts as one word, and a search that never holds the window up."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, QTimer, Signal

PAUSE_SECONDS = 1.0
"""After a pause of this length a new name begins."""
SLICE = 4096
"""How many names are looked at before the event loop runs."""


class TypeAhead(QObject):
    """Looks for the next file whose name starts with what is typed."""

    found = Signal(int)
    """Its id. What it is looked for in may have been re-sorted since."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._typed, self._typed_at = "", -float("inf")
        self._search: Iterator[int | None] = iter(())
        self._timer = QTimer(self, interval=0, singleShot=True)
        self._timer.timeout.connect(self._go_on)

    @property
    def is_typing(self) -> bool:
        """Whether the next character continues a name."""
        return time.monotonic() - self._typed_at < PAUSE_SECONDS

    def type(self, text: str, names: Sequence[str], order: NDArray[np.int32], place: int | None) -> None:
        """`text` was typed while the file at `place` of `order` was current; `names` are by id.

        A new name is looked for after that file, one that goes on also in it; past the end from the beginning.
        """
        start = 0 if place is None else place if self.is_typing else place + 1
        self._typed = self._typed + text if self.is_typing else text
        self._typed_at = time.monotonic()
        self._search = _with_prefix(self._typed.casefold(), names, np.roll(order, -start))
        self._go_on()

    def forget_all(self) -> None:
        """The ids mean other files from now on."""
        self._search = iter(())
        self._typed_at = -float("inf")

    def _go_on(self) -> None:
        for found in self._search:
            if found is None:
                self._timer.start()
            else:
                self._search = iter(())
                self.found.emit(found)
            return


def _with_prefix(prefix: str, names: Sequence[str], order: NDArray[np.int32]) -> Iterator[int | None]:
    """Yields None after each slice of names, then the id found, if any."""
    for first in range(0, len(order), SLICE):
        for id_ in order[first : first + SLICE].tolist():
            if names[id_].casefold().startswith(prefix):
                yield id_
                return
        yield None
