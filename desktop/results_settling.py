"""When the list may change under the person's eyes: what holds it still, and how often it is brought up to date."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

POINTED_MS = 2000
"""How long the pointer, once moved over the grid, keeps the list still."""
RELEASED_SECONDS = 1.0
"""How long after letting go the pointer's movements count for nothing: they belong to the drop or click that asked."""
UPDATE_MS = 250


class Hold(QObject):
    """Whether what is on the screen stays put: while scrolled, selected in, or lately pointed at."""

    lapsed = Signal()
    """The pointer has rested long enough: ask again."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pointed_at = self._released_at = -float("inf")
        self._selection_counts = False
        self._timer = QTimer(self, interval=POINTED_MS + 100, singleShot=True)  # timers may be early
        self._timer.timeout.connect(self.lapsed)

    def holds(self, *, is_scrolled: bool, is_selected: bool) -> bool:
        is_pointed = time.monotonic() - self._pointed_at < POINTED_MS / 1000
        return is_scrolled or is_pointed or (is_selected and self._selection_counts)

    def point(self) -> None:
        """The pointer moved over the grid, or the wheel turned."""
        if time.monotonic() - self._released_at >= RELEASED_SECONDS:
            self._pointed_at = time.monotonic()
            self._timer.start()

    def select(self) -> None:
        """The person changed what is selected: from now on a selection holds."""
        self._selection_counts = True

    def let_go(self) -> None:
        """The person asked for the best: nothing holds until they are at work again."""
        self.forget_pointer()
        self._released_at = time.monotonic()
        self._selection_counts = False

    def forget_pointer(self) -> None:
        """As if it had not moved lately."""
        self._pointed_at = -float("inf")


class Pace(QObject):
    """When a list that is behind its data is updated: at once if the person waits for it, else every UPDATE_MS."""

    due = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._updated_at = -float("inf")
        self._is_behind = False
        self._timer = QTimer(self, singleShot=True)
        self._timer.timeout.connect(self.due)

    def fall_behind(self, *, is_awaited: bool = False) -> None:
        """There is something new."""
        self._is_behind = True
        if is_awaited:
            self._timer.start(0)
        elif not self._timer.isActive():
            since = (time.monotonic() - self._updated_at) * 1000
            self._timer.start(round(max(0.0, UPDATE_MS - since)))

    def catch_up(self) -> None:
        """After an update was put off: have it soon, if there is anything new."""
        if self._is_behind:
            self.fall_behind()

    def note_updated(self) -> None:
        """Everything so far is shown."""
        self._is_behind = False
        self._updated_at = time.monotonic()
        self._timer.stop()
