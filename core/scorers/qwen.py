"""How Qwen3-VL-Reranker judges: a pair of query and document becomes a prompt, the prompt a logit, the logit a score.

The prompt is in `qwen_prompt`, the arithmetic in `qwen_network`, batches and memory in `qwen_forward`. Here they are
one judge that the pipeline can ask, and `core.reranker` a class for scripts.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.checkpoints import Checkpoint
from core.errors import JudgeNotLoaded, SemblanceError, TextCut
from core.media import Decoded, Kind, PixelPolicy
from core.query import DEFAULT_INSTRUCTION, Aspect, Query
from core.scorers import Document, JudgeChoice, KeepsNoFeatures, OnlyScores, Scores, Verdicts
from core.scorers.qwen_forward import Forward, Pair, Seen, Stopped
from core.scorers.qwen_pixels import identity, judge_identity
from core.scorers.qwen_prompt import MAX_LENGTH, PromptWriter, Side, Vision
from core.scorers.qwen_weights import load_network

ASPECT_INSTRUCTIONS = {
    Aspect.PALETTE: "Given a reference, retrieve candidates with the same colours and light.",
    Aspect.LAYOUT: "Given a reference, retrieve candidates with the same composition.",
    Aspect.TEXTURE: "Given a reference, retrieve candidates with the same textures, materials and patterns.",
    Aspect.SAME: "Given a reference, retrieve candidates that show the same picture, however altered.",
}
"""What the judge is told where a query asks for one respect in place of giving an instruction."""

KNOWN_VISIONS = 65536
LOCK_SECONDS = 0.1
WORTH_MEASURING = 0.5
"""Seconds of work from which a rate says something."""


PAGE_CHARACTERS = 1500
"""How much of what a page of a document says is given beside its picture, which small print can't be read from."""


def score_of(logits: NDArray[np.float32]) -> Scores:
    """The sigmoid, exact to float32."""
    with np.errstate(over="ignore"):
        return (1.0 / (1.0 + np.exp(-logits.astype(np.float64)))).astype(np.float32)


def vision_of(decoded: Decoded, factor: int) -> Vision:
    """A picture or clip as the prompt sees it. `factor`: pixels of a token's side."""
    assert decoded.frames is not None
    count, height, width, _ = decoded.frames.shape
    rows, columns = height // factor, width // factor
    if decoded.kind is not Kind.VIDEO:  # a picture, or a page of a document
        return Vision(rows, columns)
    times = np.array(decoded.times, np.float64).reshape(count // 2, 2).mean(axis=1)
    return Vision(rows, columns, tuple(times.tolist()))


# --- a loaded model ----------------------------------------------------------------------------------


class QwenModel:
    """A checkpoint on a device. Used by one thread at a time: see `using`."""

    def __init__(self, writer: PromptWriter, forward: Forward, *, title: str, digest: str, precision: str, memory: int):
        self.writer = writer
        self.forward = forward
        self.title = title
        self.digest = digest
        self.precision = precision
        self.memory = memory
        """Bytes of the weights on the device."""
        self.rates: dict[PixelPolicy, float] = {}
        """Documents a second, by how they were looked at, in the last rankings that took a while."""
        self._lock = threading.Lock()
        self._closed = False
        self._visions: OrderedDict[Hashable, Vision] = OrderedDict()

    @classmethod
    def load(
        cls, checkpoint: Checkpoint, choice: JudgeChoice, *, max_length: int = MAX_LENGTH
    ) -> Generator[tuple[int, int], None, QwenModel]:
        """Yields (bytes in place, bytes in all) and returns the model; closed early, it gives back what it has.

        Device and precision of the choice must be filled in. Raises JudgeError.
        """
        writer = PromptWriter(checkpoint.folder, max_length=max_length)
        loaded = yield from load_network(
            checkpoint.folder,
            writer.yes,
            writer.no,
            device=choice.device,
            precision=choice.precision,
            title=checkpoint.title,
        )
        return cls(
            writer,
            Forward(loaded.network),
            title=checkpoint.title,
            digest=checkpoint.digest,
            precision=loaded.precision,
            memory=loaded.memory,
        )

    def warm_up(self) -> None:
        """Judge a made-up pair, so that the first real one does not pay for what a device prepares once."""
        frames = np.full((1, 256, 256, 3), 127, np.uint8)
        prompt = self.writer.write("", Side(("warm up",)), Side(pictures=(Vision(8, 8),)))
        with self.using(lambda: False) as forward:
            for _ in forward.logits([Pair(prompt, (Seen("warm up", frames),))], lambda: False):
                pass
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


# --- the judge ---------------------------------------------------------------------------------------


class QwenJudge(KeepsNoFeatures):
    """A loaded model that looks at pictures in one way."""

    reads_pixels_alone = True

    def __init__(self, model: QwenModel, pixels: PixelPolicy) -> None:
        assert pixels.grid is not None
        self.model = model
        self.pixels = pixels
        self.title = model.title
        self._seen_as = identity(pixels)
        self.identity = judge_identity(model.digest, model.precision, pixels)

    @property
    def appetite(self) -> int:
        """Twice what fits one batch, so that the next is there when the first is done."""
        tokens = max(1, self.pixels.max_pixels // self.factor**2)
        return max(4, min(256, 2 * self.model.forward.batch_tokens // tokens))

    @property
    def factor(self) -> int:
        assert self.pixels.grid is not None
        return self.pixels.grid.factor

    def remembers(self, fingerprint: bytes) -> bool:
        return self.model.recall(self.key(fingerprint)) is not None

    def key(self, fingerprint: bytes, region: object = None) -> Hashable:
        """Names the pixels of a content as this judge sees it."""
        return fingerprint, self._seen_as, region

    def ask(self, query: Query, references: Sequence[Document]) -> QwenQuestion:
        return QwenQuestion(self, query, references)


@dataclass(frozen=True)
class Shown:
    """One side of the pair, with its pixels."""

    side: Side
    seen: tuple[Seen, ...]


class QwenQuestion(OnlyScores):
    """A query as the model reads it."""

    def __init__(self, judge: QwenJudge, query: Query, references: Sequence[Document]) -> None:
        self._judge = judge
        self._model = judge.model
        by_aspect = references and query.instruction == DEFAULT_INSTRUCTION
        told = ASPECT_INSTRUCTIONS.get(query.aspect, "") if by_aspect else ""
        self._instruction = told or query.instruction or DEFAULT_INSTRUCTION
        texts = [query.text] if query.text else []
        clips: list[Vision] = []
        pictures: list[Vision] = []
        seen: list[Seen] = []
        for asked, reference in zip(query.references, references, strict=True):
            decoded = reference.decoded
            assert decoded is not None
            if decoded.frames is None:  # a text given as a reference
                texts.append(decoded.text)
                continue
            vision = vision_of(decoded, judge.factor)
            (clips if decoded.kind is Kind.VIDEO else pictures).append(vision)
            seen.append(Seen(judge.key(decoded.fingerprint, asked.region), decoded.frames))
        self._query = Shown(Side(tuple(texts), tuple(pictures), tuple(clips)), tuple(seen))
        self._cut = 0

    def judge_slowly(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        def enough() -> bool:
            return stopped() or self._model.closed

        try:
            with self._model.using(stopped) as forward:
                began = time.monotonic()
                pairs, places, forgotten = self._pairs(documents)
                if forgotten:
                    yield Verdicts((), np.empty(0, np.float32), forgotten=forgotten)
                for indices, logits in forward.logits(pairs, enough):
                    reasons = {places[index]: forward.reasons[index] for index in indices if index in forward.reasons}
                    yield Verdicts([places[index] for index in indices], score_of(logits), reasons)
                self._measure(len(pairs), time.monotonic() - began)
        except Stopped:
            if not stopped():
                raise JudgeNotLoaded(name=self._model.title) from None

    def _measure(self, count: int, seconds: float) -> None:
        if seconds >= WORTH_MEASURING:
            self._model.rates[self._judge.pixels] = count / seconds

    def _pairs(self, documents: Sequence[Document]) -> tuple[list[Pair], list[int], list[int]]:
        """Each document beside the query, which documents these are, and which are no longer remembered."""
        pairs, places, forgotten = [], [], []
        for place, document in enumerate(documents):
            shown = self._show(document)
            if shown is None:
                forgotten.append(place)
                continue
            prompt = self._model.writer.write(self._instruction, self._query.side, shown.side)
            self._cut += prompt.cut
            pairs.append(Pair(prompt, (*self._query.seen, *shown.seen)))
            places.append(place)
        return pairs, places, forgotten

    def _show(self, document: Document) -> Shown | None:
        decoded = document.decoded
        key = self._judge.key(document.fingerprint if decoded is None else decoded.fingerprint)
        if decoded is None:
            vision = self._model.recall(key)
            return Shown(_side_of(vision), (Seen(key, None),)) if vision else None
        if decoded.frames is None:
            return Shown(Side(texts=(decoded.text,)), ())
        vision = vision_of(decoded, self._judge.factor)
        seen = (Seen(key, decoded.frames),)
        if decoded.kind is Kind.TEXT and decoded.text:
            # What a page says is not remembered with its vision, so it is read again the next time.
            return Shown(replace(_side_of(vision), texts=(decoded.text[:PAGE_CHARACTERS],)), seen)
        self._model.note(key, vision)
        return Shown(_side_of(vision), seen)

    def remark(self) -> SemblanceError | None:
        return TextCut(count=self._cut) if self._cut else None


def _side_of(vision: Vision) -> Side:
    return Side(clips=(vision,)) if vision.times else Side(pictures=(vision,))
