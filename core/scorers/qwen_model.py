"""How a loaded Qwen3-VL is used: by one thread at a time, measured, closed while it works.

What the reranker (`qwen`) and the embedder (`qwen_embedding`) have in common besides their network.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import numpy as np

from core.errors import JudgeNotLoaded
from core.media import PixelPolicy
from core.scorers.qwen_forward import Forward, Seen, Stopped
from core.scorers.qwen_prompt import Side, Vision
from core.scorers.qwen_shown import Shown

T = TypeVar("T")
Task = Callable[[Forward, Callable[[], bool]], Generator[T, None, int]]
"""Work with a forward: it is told whom to ask whether to stop, and returns how many documents it took."""

KNOWN_VISIONS = 65536
LOCK_SECONDS = 0.1
WORTH_MEASURING = 0.5
"""Seconds of work from which a rate says something."""


class LoadedQwen(ABC):
    """A checkpoint on a device. Used by one thread at a time: see `using`."""

    def __init__(self, forward: Forward, *, title: str, digest: str, precision: str, memory: int) -> None:
        self.forward = forward
        self.title = title
        self.digest = digest
        self.precision = precision
        self.memory = memory
        """Bytes of the weights on the device."""
        self.rates: dict[PixelPolicy, float] = {}
        """Documents a second, by how they were looked at, of the last calls that took a while."""
        self._lock = threading.Lock()
        self._closed = False
        self._visions: OrderedDict[Hashable, Vision] = OrderedDict()

    @abstractmethod
    def _try_out(self, forward: Forward, shown: Shown) -> None:
        """Compute something about a document."""

    def warm_up(self) -> None:
        """Take a made-up picture, so that the first real one does not pay for what a device prepares once."""
        frames = np.full((1, 256, 256, 3), 127, np.uint8)
        with self.using(lambda: False) as forward:
            self._try_out(forward, Shown(Side(pictures=(Vision(8, 8),)), (Seen("warm up", frames),)))
            forward.give_back()

    @contextmanager
    def using(self, stopped: Callable[[], bool]) -> Iterator[Forward]:
        """The forward, for this thread alone. Raises Stopped while waiting for it, JudgeNotLoaded once closed."""
        while not self._lock.acquire(timeout=LOCK_SECONDS):
            if stopped():
                raise Stopped
        try:
            if self._closed:
                raise JudgeNotLoaded(name=self.title)
            yield self.forward
        finally:
            self._lock.release()

    def carry_out(self, task: Task[T], pixels: PixelPolicy, stopped: Callable[[], bool]) -> Iterator[T]:
        """What a task yields; the rate of its documents is noted.

        Ends early, soon after `stopped` says so. Raises JudgeNotLoaded if the model is closed, be it meanwhile.
        """
        try:
            with self.using(stopped) as forward:
                began = time.monotonic()
                count = yield from task(forward, lambda: stopped() or self._closed)
                seconds = time.monotonic() - began
                if count and seconds >= WORTH_MEASURING:
                    self.rates[pixels] = count / seconds
        except Stopped:
            if not stopped():
                raise JudgeNotLoaded(name=self.title) from None

    def appetite(self, pixels: PixelPolicy) -> int:
        """How many documents it likes to have waiting: twice what fits one batch, so that the next is there when the
        first is done."""
        assert pixels.grid is not None
        tokens = max(1, pixels.max_pixels // pixels.grid.factor**2)
        return max(4, min(256, 2 * self.forward.batch_tokens // tokens))

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Give its memory back. Waits until the thread that uses it has stopped, which it does soon."""
        before, self._closed = self._closed, True
        if before:
            return
        with self._lock:
            self.forward.close()
            self._visions.clear()

    def recall(self, key: Hashable) -> Vision | None:
        """The shape of a picture or clip whose features are kept."""
        return self._visions.get(key) if self.forward.keeps(key) else None

    def note(self, key: Hashable, vision: Vision) -> None:
        self._visions[key] = vision
        while len(self._visions) > KNOWN_VISIONS:
            self._visions.popitem(last=False)
