"""How a model with a tower for pictures and one for texts (SigLIP, SigLIP 2, CLIP, Chinese-CLIP) makes vectors.

A vector is what transformers' `get_image_features` or `get_text_features` gives, of length 1. How its weights are
loaded is in `tower_weights`, what it sees in `tower_pixels`, how it reads in `tower_text`.

- A clip is the mean of the vectors of its moments, of length 1 again; a page of a document is its picture.
- A document without pixels has no vector: two texts are far nearer each other than any text is to a picture, so the
  two would never stand in one order.
- A query of words is the vector of the words as they are, without "a photo of" around them. One of pictures and clips
  is the mean of their vectors. One of both is the mean of the two, each of length 1 before.
- Such a model knows no instruction and no aspect: they change nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.checkpoints import Checkpoint
from core.errors import JudgeNotLoaded, MemoryTooSmall, ModelNotEmbedder
from core.media import ModelShape, PixelPolicy
from core.query import Query
from core.scorers import Document, JudgeChoice, Scores, tower_pixels
from core.scorers.device import free_memory, give_back, is_out_of_memory
from core.scorers.embedding import halfway
from core.scorers.tower_text import TextReader
from core.scorers.tower_weights import LoadedTowers, load_towers
from core.scorers.vectors import unpack

Vectors = NDArray[np.float32]
Stopped = Callable[[], bool]

LOCK_SECONDS = 0.1
WORTH_MEASURING = 0.5
"""Seconds of work from which a rate says something."""
NO_PIXELS = "it sees pictures and clips only"
NO_NUMBERS = "the model gave no numbers for it"

BATCH_SECONDS = 1.0
"""How long a batch may take, unless it has FEWEST_PATCHES alone: so long a query, or who stops it, waits at most. On a
CPU larger batches gain nothing."""
FEWEST_PATCHES = 784
"""Of all pictures in a batch: four of 224 pixels. With fewer a CPU in bfloat16 spends most of its time on laying out
the weights: 3.5 pictures a second one by one, 19 by fours (measured on the base model)."""
_MOST_FRAMES = {"cpu": 32, "mps": 64, "cuda": 256}
_FIRST_FRAMES = {"cpu": 1, "mps": 16, "cuda": 64}
"""Frames in a batch, by device: at most, and before anything was measured."""
_FEWEST_WAITING = 16

_SURE = 63 / 64
"""The probability from which on it is not the model's own (`probability`)."""
_HOPELESS = 1e-28
"""Likewise the one up to which."""


def probability(cosines: NDArray[np.float32], scale: float, bias: float) -> Scores:
    """What SigLIP says: sigmoid(scale * cosine + bias), the probability that a picture and a text belong together.

    In float32 that is 1 for whole ranges of cosines, and 0 for others, and the order would be lost there. So from
    63/64 on a straight line leads to 1 at cosine 1, and below 1e-28 one to 0 at cosine -1. It never falls, and with
    the published scales cosines that are 1e-5 apart never meet.
    """
    exact = np.clip(cosines.astype(np.float64), -1, 1)

    def sigmoid(values: NDArray[np.float64] | float) -> Any:
        return 1 / (1 + np.exp(-np.clip(values, -700, 700)))

    def reaching(value: float) -> float:
        return float(np.clip((np.log(value / (1 - value)) - bias) / scale, -1, 1))

    last, first = reaching(_SURE), reaching(_HOPELESS)
    sure, hopeless = min(_SURE, sigmoid(scale * last + bias)), sigmoid(scale * first + bias)
    found = sigmoid(scale * exact + bias)
    if last < 1:
        found = np.where(exact > last, sure + (1 - sure) * (exact - last) / (1 - last), found)
    if first > -1:
        found = np.where(exact < first, hopeless * (exact + 1) / (first + 1), found)
    return np.asarray(found, np.float32)


class TowerEncoder:
    """A checkpoint on a device: an Encoder of `core.scorers.embedding`. Threads take turns, batch by batch, so that a
    query need not wait until many documents are encoded."""

    def __init__(self, loaded: LoadedTowers, reader: TextReader, shape: ModelShape, checkpoint: Checkpoint) -> None:
        self.title = checkpoint.title
        self.digest = checkpoint.digest
        self.precision = loaded.precision
        self.memory = loaded.memory
        self.dimensions = _dimensions(loaded.model)
        self.rates: dict[PixelPolicy, float] = {}
        self._device, self._dtype = loaded.device, loaded.dtype
        self._model: Any = loaded.model
        self._reader = reader
        self._shape = shape
        self._logit = _logit(loaded.model)
        self._fewest_frames = max(1, FEWEST_PATCHES // _patches(loaded.model, shape))
        self._frames_at_once = max(self._fewest_frames, _FIRST_FRAMES[self._device.type])
        self._lock = threading.Lock()
        self._closed = False

    @classmethod
    def load(cls, checkpoint: Checkpoint, choice: JudgeChoice) -> Generator[tuple[int, int], None, TowerEncoder]:
        """Yields (bytes in place, bytes in all) and returns the encoder; closed early, it gives back what it has.

        Device and precision of the choice must be filled in. Raises JudgeError.
        """
        shape = tower_pixels.policy(checkpoint.folder).shape
        assert shape is not None
        loaded = yield from load_towers(checkpoint, device=choice.device, precision=choice.precision)
        config = loaded.model.config
        _check(checkpoint, config, shape)
        text = config.text_config
        reader = TextReader(
            checkpoint.folder,
            config.model_type,
            length=text.max_position_embeddings,
            vocabulary=text.vocab_size,
            padding=text.pad_token_id or 0,
        )
        return cls(loaded, reader, shape, checkpoint)

    # --- documents ---

    def appetite(self, pixels: PixelPolicy) -> int:
        """How many documents it likes to have waiting: twice what fits one batch."""
        return max(_FEWEST_WAITING, 2 * self._frames_at_once)

    def documents(
        self, documents: Sequence[Document], pixels: PixelPolicy, stopped: Stopped
    ) -> Iterator[tuple[list[int], Vectors, dict[int, str]]]:
        """(indices, their vectors (n, dimensions), why there is none by index), in the order of the documents.

        Ends early, at most a batch after `stopped` says so. Raises JudgeNotLoaded once it is closed.
        """
        blind = [index for index, document in enumerate(documents) if _frames(document) is None]
        if blind:
            yield blind, self._nothing(len(blind)), dict.fromkeys(blind, NO_PIXELS)
        waiting = [index for index, document in enumerate(documents) if _frames(document) is not None]
        took, seconds = 0, 0.0
        while waiting:
            taken = self._taken(documents, waiting)
            began = time.monotonic()
            try:
                with self._using(stopped):
                    vectors = self._of_documents([documents[index] for index in taken], stopped)
            except _Interrupted:
                break
            took, seconds = took + len(taken), seconds + time.monotonic() - began
            reasons = {
                index: NO_NUMBERS for index, vector in zip(taken, vectors, strict=True) if not np.isfinite(vector).all()
            }
            yield taken, vectors, reasons
            waiting = waiting[len(taken) :]
        if seconds >= WORTH_MEASURING:
            self.rates[pixels] = took / seconds

    def _taken(self, documents: Sequence[Document], waiting: Sequence[int]) -> list[int]:
        """The next documents, of about as many frames as a batch has: at least one."""
        taken: list[int] = []
        room = self._frames_at_once
        for index in waiting:
            frames = _frames(documents[index])
            assert frames is not None
            room -= len(frames)
            if taken and room < 0:
                break
            taken.append(index)
        return taken

    def _of_documents(self, documents: Sequence[Document], stopped: Stopped) -> Vectors:
        """(n, dimensions): of each the mean of its frames, of length 1; NaN where the model gave no numbers."""
        frames = [frames for document in documents if (frames := _frames(document)) is not None]
        vectors = self._of_frames([frame for one in frames for frame in one], stopped)
        ends = np.cumsum([len(one) for one in frames])[:-1]
        return np.stack([_mean(part) for part in np.split(vectors, ends)])

    def _of_frames(self, frames: Sequence[NDArray[np.uint8]], stopped: Stopped) -> Vectors:
        """(n, dimensions), each of length 1. Raises MemoryTooSmall if there is no room for a single one."""
        vectors: list[Vectors] = []
        done = 0
        while done < len(frames):
            if stopped() or self._closed:
                raise _Interrupted
            batch = frames[done : done + self._frames_at_once]
            began = time.monotonic()
            try:
                vectors.append(self._features("get_image_features", self._inputs(batch)))
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                self._make_do(len(batch))
            else:
                done += len(batch)
                self._measure(len(batch), time.monotonic() - began)
        return np.concatenate(vectors)

    def _make_do(self, frames: int) -> None:
        """Batches of half as many, after so many were too many."""
        give_back(self._device)
        if frames == 1:
            free = round(free_memory(self._device) / 1e9, 1)
            needed = round(self.memory / 1e9 + 0.5, 1)
            raise MemoryTooSmall(name=self.title, needed=needed, available=free, device=str(self._device)) from None
        self._fewest_frames = self._frames_at_once = max(1, frames // 2)

    def _measure(self, frames: int, seconds: float) -> None:
        if frames < self._frames_at_once:  # the last ones, which say little
            return
        fitting = int(frames * BATCH_SECONDS / max(seconds, 1e-6))
        most = max(self._fewest_frames, _MOST_FRAMES[self._device.type])
        self._frames_at_once = min(max(self._fewest_frames, min(fitting, 2 * frames)), most)

    def _inputs(self, frames: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """What the model is given of frames that were decoded by its policy."""
        if self._shape.patches:
            return self._patches(frames)
        stacked = torch.from_numpy(np.stack(frames)).to(self._device)
        return {"pixel_values": self._levelled(stacked).permute(0, 3, 1, 2)}

    def _patches(self, frames: Sequence[NDArray[np.uint8]]) -> dict[str, Tensor]:
        """Of frames of several sizes: rows of patches, filled up to one length with what is masked."""
        side = self._shape.patch
        rows, shapes = [], []
        for frame in frames:
            down, across = frame.shape[0] // side, frame.shape[1] // side
            cut = self._levelled(torch.tensor(frame, device=self._device)).reshape(down, side, across, side, 3)
            flat = cut.permute(0, 2, 1, 3, 4).reshape(down * across, side * side * 3)
            rows.append(functional.pad(flat, (0, 0, 0, self._shape.patches - len(flat))))
            shapes.append((down, across))
        grid = torch.tensor(shapes, device=self._device)
        places = torch.arange(self._shape.patches, device=self._device)
        mask = (places < grid.prod(dim=1, keepdim=True)).to(torch.int32)
        return {"pixel_values": torch.stack(rows), "pixel_attention_mask": mask, "spatial_shapes": grid}

    def _levelled(self, pixels: Tensor) -> Tensor:
        """(…, 3) of 0..255 as the model was trained on them."""
        mean, deviation = (
            torch.tensor(levels, device=self._device) for levels in (self._shape.mean, self._shape.deviation)
        )
        return ((pixels.to(torch.float32) / 255 - mean) / deviation).to(self._dtype)

    # --- queries ---

    def query(self, query: Query, references: Sequence[Document], pixels: PixelPolicy, stopped: Stopped) -> Vectors:
        """(dimensions,): the vector of a query, of length 1; of NaN if it was stopped, or nothing in it can be read.

        A reference is decoded, or a feature: the vector that is kept of it. What a text given as a reference says
        joins the words. Raises JudgeError.
        """
        words = [query.text] if query.text else []
        seen: list[Vectors] = []
        try:
            with self._using(stopped):
                for reference in references:
                    if reference.feature is not None:
                        seen.append(unpack([reference.feature.data], self.dimensions)[0])
                    elif _frames(reference) is not None:
                        seen.append(self._of_documents([reference], stopped)[0])
                    elif reference.decoded is not None:
                        words.append(reference.decoded.text)
                parts = [_mean(np.stack(seen))] if seen else []
                if words:
                    ids = torch.tensor([self._reader.read(" ".join(words))], device=self._device)
                    parts.append(self._features("get_text_features", {"input_ids": ids})[0])
        except _Interrupted:
            parts = []
        return _mean(np.stack(parts)) if parts else self._nothing(1)[0]

    def score(self, cosines: NDArray[np.float32], query: Query) -> Scores:
        """Of words: the probability that SigLIP has learnt to tell (`probability`). Of all else, and of models that
        have learnt none: (1 + cosine) / 2."""
        if self._logit is None or query.references or not query.text:
            return halfway(cosines)
        return probability(cosines, *self._logit)

    # --- the model ---

    def _features(self, tower: str, inputs: dict[str, Tensor]) -> Vectors:
        """What a tower makes of a batch: (n, dimensions), of length 1."""
        with torch.inference_mode():
            found = getattr(self._model, tower)(**inputs).pooler_output.to(torch.float32)
            vectors: Vectors = functional.normalize(found, dim=-1).cpu().numpy()
        return vectors

    def _nothing(self, count: int) -> Vectors:
        return np.full((count, self.dimensions), np.nan, np.float32)

    def warm_up(self) -> None:
        """Take a made-up picture and text, so that the first real ones do not pay for what a device prepares once."""
        frame = np.full((self._shape.height, self._shape.width, 3), 127, np.uint8)
        with self._using(lambda: False):
            self._features("get_image_features", self._inputs([frame]))
            ids = torch.tensor([self._reader.read("warm up")], device=self._device)
            self._features("get_text_features", {"input_ids": ids})

    @contextmanager
    def _using(self, stopped: Stopped) -> Iterator[None]:
        """The model, for this thread alone. Raises JudgeNotLoaded once it is closed, be it meanwhile."""
        while not self._lock.acquire(timeout=LOCK_SECONDS):
            if stopped():
                raise _Interrupted
        try:
            if self._closed:
                raise JudgeNotLoaded(name=self.title)
            yield
        except _Interrupted:
            if self._closed and not stopped():
                raise JudgeNotLoaded(name=self.title) from None
            raise
        finally:
            self._lock.release()

    @property
    def closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        """Give its memory back. Waits until the thread that uses it has stopped, which it does soon."""
        before, self._closed = self._closed, True
        if before:
            return
        with self._lock:
            self._model = None
            give_back(self._device)


class _Interrupted(Exception):
    """Stopped, or closed, in the middle of it."""


def _frames(document: Document) -> NDArray[np.uint8] | None:
    return document.decoded.frames if document.decoded else None


def _mean(vectors: Vectors) -> Vectors:
    """(dimensions,): the mean of (n, dimensions), of length 1."""
    mean = vectors.mean(axis=0, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(mean / np.linalg.norm(mean), np.float32)


def _patches(model: Any, shape: ModelShape) -> int:
    """Of a picture."""
    side = int(model.config.vision_config.patch_size)
    return shape.patches or (shape.width // side) * (shape.height // side)


def _dimensions(model: Any) -> int:
    projection = getattr(model, "visual_projection", None)
    return int(projection.out_features if projection else model.config.vision_config.hidden_size)


def _logit(model: Any) -> tuple[float, float] | None:
    """Scale and bias by which a cosine becomes the logit of a probability; None of a model that has no bias: what it
    has learnt is which of several texts fits best."""
    if not hasattr(model, "logit_bias"):
        return None
    return float(model.logit_scale.exp().item()), float(model.logit_bias.item())


def _check(checkpoint: Checkpoint, config: Any, shape: ModelShape) -> None:
    """Raises ModelNotEmbedder unless the network takes such pictures."""
    vision, text = config.vision_config, config.text_config
    found = ""
    if bool(shape.patches) != (config.model_type == "siglip2"):
        found = "its pictures are prepared for another kind of network"
    elif shape.patches and shape.patch != vision.patch_size:
        found = f"its pictures have patches of {shape.patch} pixels, and its network takes {vision.patch_size}"
    elif not shape.patches and not shape.width == shape.height == vision.image_size:
        found = f"its pictures have {shape.width}x{shape.height} pixels, and its network takes {vision.image_size}"
    elif config.model_type in ("siglip", "siglip2") and text.projection_size != vision.hidden_size:
        found = f"its texts have {text.projection_size} numbers and its pictures {vision.hidden_size}"
    if found:
        raise ModelNotEmbedder(path=str(checkpoint.folder), found=found)
