"""How what scripts give to a model is read: dictionaries of texts, pictures and clips, as files or in memory.

What `Qwen3VLReranker` and `Qwen3VLEmbedder` have in common: which model is meant, what threads read while it computes,
and how what can't be read is told.
"""

from __future__ import annotations

import core.scorers.threads  # noqa: F401  before torch is loaded by any of those below

# isort: split
import contextlib
import logging
import math
import os
import re
from collections import deque
from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from PIL import Image

from core import machine, models
from core.checkpoints import TOWERS
from core.decoding import decode
from core.decoding.given import decode_image, frames_as_clip
from core.decoding.pictures import translated
from core.errors import AddressRefused, MediaError, ModelNotEmbedder, PrecisionUnfit
from core.media import Decoded, Kind, ModelGrid, PixelPolicy, format_of
from core.scorers import Budget, JudgeChoice
from core.scorers.device import PRECISIONS
from core.scorers.qwen_forward import Input, Results, Seen
from core.scorers.qwen_model import LoadedQwen
from core.scorers.qwen_pixels import identity
from core.scorers.qwen_prompt import Side, Vision
from core.scorers.qwen_shown import Shown, vision_of

T = TypeVar("T")
Model = TypeVar("Model", bound=LoadedQwen)

MIN_PIXELS = 4 * 32 * 32
MAX_PIXELS = Budget.FULL.tokens * 32 * 32
TOTAL_PIXELS = 7_680 * 32 * 32
FPS = 1.0
MAX_FRAMES = 64
AHEAD = 128
"""Pictures read and not yet computed: at full budget 0.7 GB of pixels."""
CLIP_WEIGHT = 8
"""How many pictures a clip counts for there: at full budget it has up to 8 times the pixels of one."""

logger = logging.getLogger(__name__)

Media = Any
"""A path or a PIL image; of a clip also a list of either."""
Given = Mapping[str, Any]
"""Text, image and video of one side."""


class ForScripts(Generic[Model]):
    """A loaded model over dictionaries. Used by one thread at a time."""

    def __init__(self, model: Model, choice: JudgeChoice, pixels: PixelPolicy, workers: int | None) -> None:
        """`workers`: threads that decode."""
        assert pixels.grid is not None
        self.model = model
        self.device, self.precision = choice.device, choice.precision
        self.fps = pixels.grid.fps
        self.max_frames = pixels.grid.max_frames
        self.reasons: dict[int, str] = {}
        """Of the latest call: why there is no result, by the place in what was given."""
        self._pixels = pixels
        self._executor = ThreadPoolExecutor(workers or min(16, os.cpu_count() or 1), "decode")
        self._known: dict[Hashable, Hashable] = {}  # file as it was -> the key of its pixels

    def close(self) -> None:
        """Give the memory back. What another thread computes ends with JudgeNotLoaded."""
        self.model.close()
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reader(self, fps: float | None, max_frames: int | None) -> Reader:
        """Raises ValueError for what is no number of frames."""
        if not (0 < (fps or self.fps) < math.inf and (max_frames or self.max_frames) > 0):
            raise ValueError(f"fps {fps!r}, max_frames {max_frames!r}")
        assert self._pixels.grid is not None
        grid = replace(self._pixels.grid, fps=fps or self.fps, max_frames=max_frames or self.max_frames)
        return Reader(self.model, self._executor, replace(self._pixels, grid=grid), self.max_frames, self._known)

    def _results(
        self,
        word: str,
        begun: Iterator[Pending],
        written: Callable[[int, Pending], Input],
        read: Callable[[Sequence[Input]], Iterator[tuple[list[int], Results]]],
    ) -> Iterator[tuple[list[int], Results]]:
        """(places, what is read of the inputs written there) as they are computed; nothing for what can't be read.

        `word` is what one of those that are begun is called where something is told of it.
        """
        self.reasons = {}
        for group in _groups(begun):
            inputs, places = [], []
            for place, pending in group:
                try:
                    given = written(place, pending)
                except (MediaError, AddressRefused) as error:
                    self.reasons[place] = str(error)
                    logger.warning("%s %d can't be read: %s", word, place, error)
                    continue
                if given.prompt.cut:
                    logger.warning("%s %d is longer than the model reads; its end was left out", word, place)
                inputs.append(given)
                places.append(place)
            for indices, results in read(inputs):
                for index in indices:
                    if reason := self.model.forward.reasons.get(index):
                        self.reasons[places[index]] = reason
                        logger.warning("%s %d has no result: %s", word, places[index], reason)
                yield [places[index] for index in indices], results


def pixels_of(min_pixels: int, max_pixels: int, total_pixels: int, fps: float, max_frames: int) -> PixelPolicy:
    """What the reference's arguments say of pixels."""
    grid = ModelGrid(min_pixels=min_pixels, fps=fps, max_frames=max_frames, clip_pixels=total_pixels)
    return PixelPolicy(max_pixels=max_pixels, grid=grid)


# --- which model, and how it runs --------------------------------------------------------------------


def chosen(model_name_or_path: str | os.PathLike[str], dtype: Any, device: Any, *, embedder: bool) -> JudgeChoice:
    """The model that is meant, on a device, in a precision. Raises JudgeError."""
    name = os.fspath(model_name_or_path)
    found = models.candidates(name, embedder=embedder)
    if name == "auto":
        found = [model for model in found if model.family not in TOWERS]
    elif embedder and found[0].family in TOWERS:
        raise ModelNotEmbedder(path=str(found[0].folder or name), found="Qwen3-VL is wanted here")
    asked = JudgeChoice(name if name == "auto" else found[0].name, str(device), _precision(dtype) or "auto")
    choice, _ = machine.choose(asked, found)
    if dtype is None:
        with contextlib.suppress(PrecisionUnfit):  # the checkpoint's own, unless the device has no units for it
            choice, _ = machine.choose(replace(choice, precision=_own_precision(choice.name)), found)
    return choice


def returned(generator: Generator[Any, None, T]) -> T:
    """What a generator returns, its yields passed over."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return cast(T, end.value)


def _precision(dtype: Any) -> str:
    """A torch dtype, or its name, in our words; empty for the checkpoint's own."""
    return "" if dtype is None else str(dtype).removeprefix("torch.")


def _own_precision(name: str) -> str:
    """What the checkpoint's numbers are in; auto if it doesn't say."""
    config = models.config_of(name)
    parts = (config, config.get("text_config", {}))
    found = (str(part[key]).removeprefix("torch.") for part in parts for key in ("dtype", "torch_dtype") if key in part)
    return next((precision for precision in found if precision in PRECISIONS), "auto")


# --- reading what is given ---------------------------------------------------------------------------


class Reader:
    """Turns dictionaries into sides of a prompt, with their pixels, in threads."""

    def __init__(
        self,
        model: LoadedQwen,
        executor: ThreadPoolExecutor,
        policy: PixelPolicy,
        most_listed: int,
        seen: dict[Hashable, Hashable],
    ):
        """`most_listed`: how many frames of a list are looked at. The reference takes it from the model alone, never
        from the request."""
        assert policy.grid is not None
        self._model = model
        self._executor = executor
        self._policy = policy
        self._list_policy = replace(policy, grid=replace(policy.grid, max_frames=most_listed))
        self._named = identity(policy)
        self._seen = seen

    def read(self, given: Given) -> Pending:
        """One side, begun. Raises TypeError for what is no dictionary of text, image and video."""
        clips = [self._begin(Kind.VIDEO, clip) for clip in _listed(given.get("video"), _is_clip)]
        pictures = [self._begin(Kind.IMAGE, picture) for picture in _listed(given.get("image"), _is_one)]
        texts = tuple(_listed(given.get("text"), _is_one))
        return Pending(texts, pictures, clips)

    def renewed(self, shown: Shown, given: Given) -> Shown:
        """The same, read again if it relies on features that other documents have displaced meanwhile."""
        if all(seen.frames is not None or self._model.recall(seen.key) for seen in shown.seen):
            return shown
        return self.read(given).result()

    def _begin(self, kind: Kind, medium: Media) -> Future[Read]:
        try:
            for part in medium if isinstance(medium, list | tuple) else [medium]:
                _prepare(part)
        except MediaError as error:
            unreadable: Future[Read] = Future()
            unreadable.set_exception(error)
            return unreadable
        return self._executor.submit(self._read, kind, medium)

    def _read(self, kind: Kind, medium: Media) -> Read:
        if isinstance(medium, str | os.PathLike):
            return self._read_file(kind, _local(os.fspath(medium)))
        if kind is Kind.VIDEO:
            return self._shown(frames_as_clip(_frames(medium), self._list_policy))
        return self._shown(decode_image(medium, self._policy))

    def _read_file(self, kind: Kind, path: str) -> Read:
        place: Hashable = None
        with contextlib.suppress(OSError):
            status = os.stat(path)
            place = kind, path, status.st_size, status.st_mtime_ns, self._named
            key = self._seen.get(place)
            if key is not None and (vision := self._model.recall(key)):
                return vision, Seen(key, None)
        decoded = decode(path, self._policy, kind=kind)
        shown = self._shown(decoded)
        if place is not None:
            self._seen[place] = shown[1].key
        return shown

    def _shown(self, decoded: Decoded) -> Read:
        assert self._policy.grid is not None
        vision = vision_of(decoded, self._policy.grid.factor)
        key = decoded.fingerprint, self._named
        self._model.note(key, vision)
        return vision, Seen(key, decoded.frames)


Read = tuple[Vision, Seen]


@dataclass
class Pending:
    """A side that is being read."""

    texts: tuple[str, ...]
    pictures: list[Future[Read]]
    clips: list[Future[Read]]

    @property
    def weight(self) -> int:
        """How many pictures' pixels it takes, about."""
        return max(1, len(self.pictures) + CLIP_WEIGHT * len(self.clips))

    def done(self) -> bool:
        return all(future.done() for future in (*self.clips, *self.pictures))

    def wait(self) -> None:
        wait([*self.clips, *self.pictures])

    def result(self) -> Shown:
        """Raises MediaError."""
        clips = [future.result() for future in self.clips]
        pictures = [future.result() for future in self.pictures]
        side = Side(self.texts, tuple(vision for vision, _ in pictures), tuple(vision for vision, _ in clips))
        return Shown(side, tuple(seen for _, seen in clips + pictures))


def _groups(begun: Iterator[Pending]) -> Iterator[list[tuple[int, Pending]]]:
    """What is read, with its place, in order; that together which is read by the time the model is free.

    As much of it is begun as may wait.
    """
    waiting = enumerate(begun)
    ahead: deque[tuple[int, Pending]] = deque()
    while True:
        while sum(pending.weight for _, pending in ahead) < AHEAD and (following := next(waiting, None)):
            ahead.append(following)
        if not ahead:
            return
        group = [ahead.popleft()]
        group[0][1].wait()
        while ahead and ahead[0][1].done():
            group.append(ahead.popleft())
        yield group


def name_of(given: Given) -> str:
    """What files it is of, for a sentence."""
    files = [medium for name in ("video", "image") for medium in _listed(given.get(name), _is_one)]
    return ", ".join(os.fspath(file) if isinstance(file, str | os.PathLike) else type(file).__name__ for file in files)


def _prepare(part: Media) -> None:
    """Raises MediaError for a picture whose file is broken, TypeError for what is no picture."""
    if isinstance(part, Image.Image):
        with translated():
            part.load()  # before threads begin: the same picture given twice must not be read by two at once
    elif not isinstance(part, str | os.PathLike):
        raise TypeError(f"a path or PIL image is wanted, not {type(part).__name__}")


def _listed(given: Any, is_one: Callable[[Any], bool]) -> list[Any]:
    """None, one thing or a list of things as a list."""
    if given is None:
        return []
    return [given] if is_one(given) else list(given)


def _is_one(given: Any) -> bool:
    return not isinstance(given, list | tuple)


def _is_clip(given: Any) -> bool:
    """Whether this is one clip: a file, or a list of frames (pictures); else it is a list of clips."""
    if _is_one(given):
        return True
    first = given[0] if given else None
    if isinstance(first, str | os.PathLike):
        row = format_of(first)
        return row is not None and row.kind is Kind.IMAGE
    return first is not None and not isinstance(first, list | tuple)


def _frames(given: Sequence[Media]) -> list[Media]:
    return [_local(os.fspath(frame)) if isinstance(frame, str | os.PathLike) else frame for frame in given]


def _local(path: str) -> str:
    """The file that is meant. Raises AddressRefused."""
    path = path.removeprefix("file://")
    if re.match(r"[a-z][a-z0-9+.-]+://|data:", path, re.IGNORECASE):
        raise AddressRefused
    return path
