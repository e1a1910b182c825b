"""The judge for scripts: `Qwen3VLReranker` takes the reference's dictionaries and gives its scores, many times faster.

from core import Qwen3VLReranker
model = Qwen3VLReranker("2B")
scores = model.process({"query": {"text": "a red door"}, "documents": [{"image": "door.jpg"}, {"text": "A door."}]})
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
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core import machine, models
from core.decoding import decode
from core.decoding.given import decode_image, frames_as_clip
from core.decoding.pictures import translated
from core.errors import AddressRefused, JudgeNotLoaded, MediaError, PrecisionUnfit, ReferenceUnreadable
from core.media import Decoded, Kind, ModelGrid, PixelPolicy, format_of
from core.query import DEFAULT_INSTRUCTION
from core.scorers import Budget, JudgeChoice
from core.scorers.device import PRECISIONS
from core.scorers.qwen import QwenModel, Shown, score_of, vision_of
from core.scorers.qwen_forward import Forward, Pair, Seen, Stopped
from core.scorers.qwen_pixels import identity
from core.scorers.qwen_prompt import Side, Vision

T = TypeVar("T")

MAX_LENGTH = 10_240
MIN_PIXELS = 4 * 32 * 32
MAX_PIXELS = Budget.FULL.tokens * 32 * 32
TOTAL_PIXELS = 7_680 * 32 * 32
FPS = 1.0
MAX_FRAMES = 64
UNREADABLE = -1.0
"""The score of a document that can't be read."""
AHEAD = 128
"""Pictures read and not yet judged: at full budget 0.7 GB of pixels."""
CLIP_WEIGHT = 8
"""How many pictures a clip counts for there: at full budget it has up to 8 times the pixels of one."""

logger = logging.getLogger(__name__)

Media = Any
"""A path or a PIL image; of a clip also a list of either."""
_Given = Mapping[str, Any]
"""Text, image and video of one side."""


class Qwen3VLReranker:
    """Qwen3-VL-Reranker over pictures, clips, texts and mixtures of them. Used by one thread at a time.

    The defaults are the reference's, and the checkpoint's own precision; `torch_dtype="auto"` is the fastest sound one
    on the device. `device` is auto, cuda, mps or cpu. Raises JudgeError.
    """

    def __init__(
        self,
        model_name_or_path: str | os.PathLike[str] = "auto",
        max_length: int = MAX_LENGTH,
        min_pixels: int = MIN_PIXELS,
        max_pixels: int = MAX_PIXELS,
        total_pixels: int = TOTAL_PIXELS,
        fps: float = FPS,
        max_frames: int = MAX_FRAMES,
        default_instruction: str = DEFAULT_INSTRUCTION,
        *,
        torch_dtype: Any = None,
        device: Any = "auto",
        scaled: bool = False,
        attn_implementation: str | None = None,
        workers: int | None = None,
    ) -> None:
        """`scaled`: decode JPEGs at a reduced scale: faster, slightly other pixels. `attn_implementation` is accepted
        for the reference's sake and means nothing here. `workers`: threads that decode."""
        self.max_length = max_length
        self.fps = fps
        self.max_frames = max_frames
        self.default_instruction = default_instruction
        grid = ModelGrid(min_pixels=min_pixels, fps=fps, max_frames=max_frames, clip_pixels=total_pixels)
        self._pixels = PixelPolicy(max_pixels=max_pixels, scaled=scaled, grid=grid)
        name = os.fspath(model_name_or_path)
        found = models.candidates(name)
        asked = JudgeChoice(name if name == "auto" else found[0].name, str(device), _precision(torch_dtype) or "auto")
        choice, _ = machine.choose(asked, found)
        if torch_dtype is None:
            with contextlib.suppress(PrecisionUnfit):  # the checkpoint's own, unless the device has no units for it
                choice, _ = machine.choose(replace(choice, precision=_own_precision(choice.name)), found)
        self.model = _returned(QwenModel.load(models.find(choice.name), choice, max_length=max_length))
        self.device, self.precision = choice.device, choice.precision
        self._executor = ThreadPoolExecutor(workers or min(16, os.cpu_count() or 1), "decode")
        self._seen: dict[Hashable, Hashable] = {}  # file as it was -> the key of its pixels

    def close(self) -> None:
        """Give the memory back. What another thread is judging ends with JudgeNotLoaded."""
        self.model.close()
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> Qwen3VLReranker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def process(self, inputs: Mapping[str, Any]) -> list[float]:
        """Scores 0..1 of inputs["documents"] for inputs["query"], in their order; -1.0 for what can't be read.

        Query and documents are dictionaries with text, image and video, each one or a list of several; pictures are
        paths or PIL images, clips paths or lists of frames. Also taken from `inputs`: instruction, fps, max_frames.
        Raises ReferenceUnreadable if the query can't be read, AddressRefused if it is on the web, JudgeError if the
        model can't go on, TypeError for what is none of these.
        """
        query, documents = inputs.get("query"), list(inputs.get("documents") or ())
        if not query or not documents:
            return []
        scores = np.full(len(documents), UNREADABLE, np.float32)
        try:
            with self.model.using(lambda: False) as forward:
                for places, logits in self._logits(forward, inputs, query, documents):
                    scores[places] = np.where(np.isnan(logits), UNREADABLE, score_of(logits))
        except Stopped:
            raise JudgeNotLoaded(name=self.model.title) from None
        return [float(score) for score in scores]

    def _logits(
        self,
        forward: Forward,
        inputs: Mapping[str, Any],
        query: _Given,
        documents: Sequence[_Given],
    ) -> Iterator[tuple[list[int], NDArray[np.float32]]]:
        """(places of documents, their logits) as they are judged; nothing for those that can't be read."""
        instruction = inputs.get("instruction") or self.default_instruction
        if isinstance(text := query.get("text"), tuple):
            instruction, query = text[0] or self.default_instruction, {**query, "text": text[1]}
        policy = self._policy(inputs.get("fps"), inputs.get("max_frames"))
        reader = _Reader(self.model, self._executor, policy, self.max_frames, self._seen)
        asked = _asked(reader, query, None)
        for group in _groups(reader, documents):
            asked = _asked(reader, query, asked)
            pairs, places = [], []
            for place, pending in group:
                try:
                    shown = reader.renewed(pending.result(), documents[place])
                except (MediaError, AddressRefused) as error:
                    logger.warning("document %d can't be read: %s", place, error)
                    continue
                prompt = self.model.writer.write(instruction, asked.side, shown.side)
                if prompt.cut:
                    logger.warning("document %d is longer than the judge reads; its end was left out", place)
                pairs.append(Pair(prompt, (*asked.seen, *shown.seen)))
                places.append(place)
            for indices, logits in forward.logits(pairs, lambda: self.model.closed):
                for index in indices:
                    if reason := forward.reasons.get(index):
                        logger.warning("document %d has no score: %s", places[index], reason)
                yield [places[index] for index in indices], logits

    def _policy(self, fps: float | None, max_frames: int | None) -> PixelPolicy:
        """Raises ValueError for what is no number of frames."""
        if not (0 < (fps or self.fps) < math.inf and (max_frames or self.max_frames) > 0):
            raise ValueError(f"fps {fps!r}, max_frames {max_frames!r}")
        assert self._pixels.grid is not None
        grid = replace(self._pixels.grid, fps=fps or self.fps, max_frames=max_frames or self.max_frames)
        return replace(self._pixels, grid=grid)


# --- reading what is asked and given -----------------------------------------------------------------


class _Reader:
    """Turns the dictionaries of `process` into sides of a prompt, with their pixels, in threads."""

    def __init__(
        self,
        model: QwenModel,
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

    def read(self, given: _Given) -> _Pending:
        """One side, begun. Raises TypeError for what is no dictionary of text, image and video."""
        clips = [self._begin(Kind.VIDEO, clip) for clip in _listed(given.get("video"), _is_clip)]
        pictures = [self._begin(Kind.IMAGE, picture) for picture in _listed(given.get("image"), _is_one)]
        texts = tuple(_listed(given.get("text"), _is_one))
        return _Pending(texts, pictures, clips)

    def renewed(self, shown: Shown, given: _Given) -> Shown:
        """The same, read again if it relies on features that other documents have displaced meanwhile."""
        if all(seen.frames is not None or self._model.recall(seen.key) for seen in shown.seen):
            return shown
        return self.read(given).result()

    def _begin(self, kind: Kind, medium: Media) -> Future[_Read]:
        try:
            for part in medium if isinstance(medium, list | tuple) else [medium]:
                _prepare(part)
        except MediaError as error:
            unreadable: Future[_Read] = Future()
            unreadable.set_exception(error)
            return unreadable
        return self._executor.submit(self._read, kind, medium)

    def _read(self, kind: Kind, medium: Media) -> _Read:
        if isinstance(medium, str | os.PathLike):
            return self._read_file(kind, _local(os.fspath(medium)))
        if kind is Kind.VIDEO:
            return self._shown(frames_as_clip(_frames(medium), self._list_policy))
        return self._shown(decode_image(medium, self._policy))

    def _read_file(self, kind: Kind, path: str) -> _Read:
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

    def _shown(self, decoded: Decoded) -> _Read:
        assert self._policy.grid is not None
        vision = vision_of(decoded, self._policy.grid.factor)
        key = decoded.fingerprint, self._named
        self._model.note(key, vision)
        return vision, Seen(key, decoded.frames)


_Read = tuple[Vision, Seen]


@dataclass
class _Pending:
    """A side that is being read."""

    texts: tuple[str, ...]
    pictures: list[Future[_Read]]
    clips: list[Future[_Read]]

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


def _groups(reader: _Reader, documents: Sequence[_Given]) -> Iterator[list[tuple[int, _Pending]]]:
    """The documents in order, those together that are read by the time the judge is free."""
    waiting = iter(enumerate(documents))
    ahead: deque[tuple[int, _Pending]] = deque()
    while True:
        while sum(pending.weight for _, pending in ahead) < AHEAD and (following := next(waiting, None)):
            ahead.append((following[0], reader.read(following[1])))
        if not ahead:
            return
        group = [ahead.popleft()]
        group[0][1].wait()
        while ahead and ahead[0][1].done():
            group.append(ahead.popleft())
        yield group


def _asked(reader: _Reader, query: _Given, known: Shown | None) -> Shown:
    """The query, read if it isn't known, or no longer with its pixels or features. Raises ReferenceUnreadable."""
    try:
        return reader.read(query).result() if known is None else reader.renewed(known, query)
    except MediaError as error:
        raise ReferenceUnreadable(path=_words_of(query), reason=error) from error


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


def _words_of(query: _Given) -> str:
    files = [medium for name in ("video", "image") for medium in _listed(query.get(name), _is_one)]
    return ", ".join(os.fspath(file) if isinstance(file, str | os.PathLike) else type(file).__name__ for file in files)


def _precision(dtype: Any) -> str:
    """A torch dtype, or its name, in our words; empty for the checkpoint's own."""
    return "" if dtype is None else str(dtype).removeprefix("torch.")


def _own_precision(name: str) -> str:
    """What the checkpoint's numbers are in; auto if it doesn't say."""
    config = models.config_of(name)
    parts = (config, config.get("text_config", {}))
    found = (str(part[key]).removeprefix("torch.") for part in parts for key in ("dtype", "torch_dtype") if key in part)
    return next((precision for precision in found if precision in PRECISIONS), "auto")


def _returned(generator: Generator[Any, None, T]) -> T:
    """What a generator returns, its yields passed over."""
    while True:
        try:
            next(generator)
        except StopIteration as end:
            return cast(T, end.value)
