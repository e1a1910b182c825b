"""How a clip is looked through under the pointer: whose frames are asked for, and how many are kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage

from desktop.results_cells import Scrub
from desktop.results_faces import Strip
from desktop.results_look import Look

REST_MS = 160
"""How long the pointer rests on a clip before its frames are asked for."""
MOST_KEPT = 8


class Filmstrips(QObject):
    """The filmstrips of the clips pointed at last."""

    wanted = Signal(int)
    """The pointer rests on this clip, and its frames are not here."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._strips: OrderedDict[int, Strip] = OrderedDict()
        self._clip = -1
        self._share = 0.0
        self._rest_timer = QTimer(self, interval=REST_MS, singleShot=True)
        self._rest_timer.timeout.connect(self._ask)

    def point_at(self, clip: int, share: float) -> bool:
        """The pointer is over a clip, at `share` (0..1) of its cell's width; -1 for none.

        Returns whether there is now another frame to show.
        """
        if clip != self._clip:
            self._clip = clip
            self._rest_timer.stop()
            if clip >= 0 and clip not in self._strips:
                self._rest_timer.start()
        self._share = max(0.0, min(1.0, share))
        return clip in self._strips

    def put(self, clip: int, frames: Sequence[QImage]) -> None:
        """Keep a clip's frames, evenly spaced."""
        self._strips[clip] = Strip(tuple(frames))
        self._strips.move_to_end(clip)
        while len(self._strips) > MOST_KEPT:
            self._strips.popitem(last=False)

    def scrub(self, look: Look) -> Scrub | None:
        """The frame under the pointer, if it is there."""
        strip = self._strips.get(self._clip)
        if strip is None or not strip.frames:
            return None
        return Scrub(strip.face_at(self._share, look), self._share)

    def forget(self, clips: Iterable[int]) -> None:
        """These files have changed."""
        for clip in clips:
            self._strips.pop(clip, None)

    def forget_all(self) -> None:
        """The ids mean other files from now on."""
        self._strips.clear()
        self._clip = -1
        self._rest_timer.stop()

    def _ask(self) -> None:
        if self._clip not in self._strips:  # it may have come in meanwhile
            self.wanted.emit(self._clip)
