"""Which thumbnails are asked for, kept and fitted: those near the screen, within a budget of bytes and time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage, QPixmap

from desktop.results_faces import Thumb, face_of
from desktop.results_look import Look
from desktop.results_motion import Motion

SIZES = (128, 256, 512, 1024)
"""The sizes that are asked for, in device pixels."""
ASK_MS = 50
FITTING_SECONDS = 0.003
"""How long thumbnails may be fitted at a stretch; the event loop runs in between."""


@dataclass(frozen=True)
class Nearby:
    """The ids of the files on the screen, and of those a screen below and then above."""

    visible: list[int]
    beyond: list[int]


class Thumbnails(QObject):
    """The thumbnails of a grid whose surroundings `nearby` tells, none of them larger than they are shown."""

    wanted = Signal(list, int)
    """Ids in the order they are needed, and the size in device pixels. What an earlier list had and a later one has
    not is no longer wanted."""
    changed = Signal(int)
    """There is something else to show of this file."""

    def __init__(
        self, nearby: Callable[[], Nearby], look: Callable[[], Look], motion: Motion, limit: int, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._nearby = nearby
        self._look = look
        self._motion = motion
        self._kept = ThumbCache(limit)
        self._asked: tuple[list[int], int] = ([], 0)
        self._ask_timer = QTimer(self, interval=ASK_MS, singleShot=True)
        self._ask_timer.timeout.connect(self._ask)
        self._fit_timer = QTimer(self, interval=0, singleShot=True)
        self._fit_timer.timeout.connect(self._fit)

    def get(self, id_: int) -> Thumb | None:
        return self._kept.get(id_)

    def put(self, id_: int, image: QImage, text: str, duration: float, pixels: int, *, is_clip: bool = False) -> None:
        """Keep what there is to show of a file: a picture, or a text's first lines; neither if nothing can be.

        `pixels` is the size it was asked for (0: the size last asked for).
        """
        old = self._kept.get(id_)
        thumb = Thumb(image, text, duration, pixels or self._asked[1], is_clip)
        if old is not None:
            thumb.face = old.face  # until the better one is fitted
        self._kept.put(id_, thumb)
        visible = set(self._nearby().visible)
        if id_ in visible:
            if thumb.is_empty:
                self.changed.emit(id_)
            elif thumb.face is None:
                self._motion.hide(id_)  # until it is fitted
        self._kept.trim(visible)
        self._fit_timer.start()

    def outdate(self, ids: Iterable[int]) -> None:
        """These files have changed: what is kept is shown until the new one comes."""
        for id_ in ids:
            thumb = self._kept.get(id_)
            if thumb is None:
                continue
            if thumb.image.isNull():
                self._kept.drop(id_)
            else:
                thumb.pixels = 0
        self._asked = ([], self._asked[1])
        self.ask_soon()

    def retry(self) -> None:
        """Ask again for those that nothing could be shown of, and for those that never came."""
        for id_ in self._kept.empty():
            self._kept.drop(id_)
        self._asked = ([], self._asked[1])
        self.ask_soon()

    def forget_all(self) -> None:
        """The ids mean other files from now on: what was asked for is not wanted any more."""
        self._kept.clear()
        if self._asked[0]:
            self.wanted.emit([], self._asked[1])
        self._asked = ([], 0)

    def ask_soon(self) -> None:
        """Something else is near; the owner is asked for it in a moment, when it may be something else again."""
        if not self._ask_timer.isActive():
            self._ask_timer.start()

    def fit_soon(self) -> None:
        """Cells have another look: fit what is near to it."""
        self._fit_timer.start()

    @property
    def _wanted_pixels(self) -> int:
        need = self._look().needed_pixels
        return next((size for size in SIZES if size >= need), SIZES[-1])

    def _ask(self) -> None:
        pixels, missing, nearby = self._wanted_pixels, [], self._nearby()
        for id_ in nearby.visible + nearby.beyond:
            thumb = self._kept.touch(id_)
            if thumb is None or (thumb.pixels < pixels and not thumb.image.isNull()):
                missing.append(id_)
        if (missing, pixels) != self._asked:
            self._asked = (missing, pixels)
            self.wanted.emit(missing, pixels)
        self._fit_timer.start()

    def _fit(self) -> None:
        """Fit what is near and not yet of the right look, for a few milliseconds, then let the event loop run."""
        deadline = time.perf_counter() + FITTING_SECONDS
        look, pixels, nearby = self._look(), self._wanted_pixels, self._nearby()
        for id_ in nearby.visible + nearby.beyond:
            thumb = self._kept.get(id_)
            if thumb is None or thumb.is_empty or thumb.look is look:
                continue
            if time.perf_counter() > deadline:
                self._fit_timer.start()
                return
            self._kept.set_face(thumb, face_of(thumb, look, pixels), look)
            self._motion.fade_in(id_)
            self.changed.emit(id_)


class ThumbCache:
    """Thumbnails by file id, the longest unused forgotten when they take more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._thumbs: OrderedDict[int, Thumb] = OrderedDict()
        self._cost = 0

    def get(self, id_: int) -> Thumb | None:
        return self._thumbs.get(id_)

    def touch(self, id_: int) -> Thumb | None:
        """The thumbnail, now the latest used."""
        thumb = self._thumbs.get(id_)
        if thumb is not None:
            self._thumbs.move_to_end(id_)
        return thumb

    def put(self, id_: int, thumb: Thumb) -> None:
        old = self._thumbs.pop(id_, None)
        self._cost += thumb.cost - (old.cost if old is not None else 0)
        self._thumbs[id_] = thumb

    def drop(self, id_: int) -> None:
        thumb = self._thumbs.pop(id_, None)
        self._cost -= thumb.cost if thumb is not None else 0

    def empty(self) -> list[int]:
        """Those that there is nothing to show of."""
        return [id_ for id_, thumb in self._thumbs.items() if thumb.is_empty]

    def set_face(self, thumb: Thumb, face: QPixmap, look: Look) -> None:
        """Of a thumbnail in here; it costs more with it."""
        self._cost -= thumb.cost
        thumb.face, thumb.look = face, look
        self._cost += thumb.cost

    def trim(self, kept: Container[int]) -> None:
        """Forget the longest unused until the rest fits; those in `kept` (what is on the screen) stay in any case."""
        if self._cost <= self._limit:
            return
        for id_ in [id_ for id_ in self._thumbs if id_ not in kept]:
            self._cost -= self._thumbs.pop(id_).cost
            if self._cost <= self._limit:
                return

    def clear(self) -> None:
        self._thumbs.clear()
        self._cost = 0
