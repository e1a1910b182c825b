"""How the grid moves: pictures fade in once, a few files glide to their new places, the wheel scrolls smoothly."""

from __future__ import annotations

import time

from PySide6.QtCore import QAbstractAnimation, QEasingCurve, QObject, QPoint, QPropertyAnimation, Qt, QTimer, Signal
from PySide6.QtWidgets import QScrollBar

FADE_SECONDS, GLIDE_SECONDS, SCROLL_MS = 0.12, 0.18, 140
FRAME_MS = 16
MOST_GLIDING = 40
"""More than these change places at once: nobody could follow them."""


class Motion(QObject):
    """What fades in and what glides, by file id."""

    cell_changed = Signal(int)
    """To be drawn again: a file that is fading in."""
    changed = Signal()
    """To be drawn again: all, since some glide."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.is_reduced = False
        self._hidden: set[int] = set()
        self._fading: dict[int, float] = {}
        self._gliding: dict[int, QPoint] = {}
        self._glide_start = 0.0
        self._frames = QTimer(self, interval=FRAME_MS, timerType=Qt.TimerType.PreciseTimer)
        self._frames.timeout.connect(self._next_frame)

    def hide(self, id_: int) -> None:
        """Show nothing of a file's picture until it fades in."""
        if not self.is_reduced:
            self._hidden.add(id_)

    def fade_in(self, id_: int) -> None:
        """The picture is ready: let it appear, if it was hidden until now."""
        if id_ in self._hidden:
            self._hidden.discard(id_)
            self._fading[id_] = time.monotonic()
            self._frames.start()

    def opacity(self, id_: int) -> float:
        """Of a file's picture, now."""
        if id_ in self._hidden:
            return 0.0
        start = self._fading.get(id_)
        return 1.0 if start is None else min(1.0, (time.monotonic() - start) / FADE_SECONDS)

    def glide(self, before: dict[int, QPoint], after: dict[int, QPoint]) -> None:
        """Let files glide from where they were on the screen to where they are, if few moved; in place of any glide."""
        self._gliding.clear()
        if self.is_reduced:
            return
        moved = {id_: before[id_] - new for id_, new in after.items() if before.get(id_, new) != new}
        if 0 < len(moved) <= MOST_GLIDING:
            self._gliding = moved
            self._glide_start = time.monotonic()
            self._frames.start()

    def stop_gliding(self) -> None:
        self._gliding.clear()

    @property
    def is_gliding(self) -> bool:
        return bool(self._gliding)

    def displacements(self) -> dict[int, QPoint]:
        """How far from its place each file that glides is, now."""
        if not self._gliding:
            return {}
        gone = min(1.0, (time.monotonic() - self._glide_start) / GLIDE_SECONDS)
        return {id_: way * (1 - gone) ** 3 for id_, way in self._gliding.items()}

    def forget_all(self) -> None:
        """The ids mean other files from now on."""
        self._hidden.clear()
        self._fading.clear()
        self._gliding.clear()

    def _next_frame(self) -> None:
        now = time.monotonic()
        for id_, start in list(self._fading.items()):
            if now - start >= FADE_SECONDS:
                del self._fading[id_]
            self.cell_changed.emit(id_)
        if self._gliding:
            if now - self._glide_start >= GLIDE_SECONDS:
                self._gliding.clear()
            self.changed.emit()
        if not self._gliding and not self._fading:
            self._frames.stop()


class SmoothScroll(QObject):
    """Moves a scroll bar: at once, smoothly, or along with a content that has moved itself."""

    def __init__(self, bar: QScrollBar) -> None:
        super().__init__(bar)
        self.is_reduced = False
        self.is_shifting = False
        """True while the bar follows its content, so that nothing moves on the screen."""
        self._bar = bar
        self._animation = QPropertyAnimation(bar, b"value", self)
        self._animation.setDuration(SCROLL_MS)
        self._animation.setEasingCurve(QEasingCurve.Type.OutCubic)

    @property
    def target(self) -> int:
        """Where it will be when it has come to rest."""
        return int(self._animation.endValue()) if self._is_running else self._bar.value()

    def to(self, offset: int, *, smoothly: bool = False) -> None:
        """Scroll there. Smoothly only over a few pages: farther there is nothing to follow."""
        offset = max(0, min(offset, self._bar.maximum()))
        self._animation.stop()
        if smoothly and not self.is_reduced and abs(offset - self._bar.value()) < 3 * self._bar.pageStep():
            self._animation.setStartValue(self._bar.value())
            self._animation.setEndValue(offset)
            self._animation.start()
        else:
            self._bar.setValue(offset)

    def shift(self, offset: int) -> None:
        """The content moved, and what was on the screen is now at `offset`. A movement under way goes on as far."""
        was_running, left = self._is_running, self.target - self._bar.value()
        self._animation.stop()
        self.is_shifting = True
        try:
            self._bar.setValue(offset)
        finally:
            self.is_shifting = False
        if was_running:
            self.to(offset + left, smoothly=True)

    def stop(self) -> None:
        self._animation.stop()

    @property
    def _is_running(self) -> bool:
        return self._animation.state() == QAbstractAnimation.State.Running
