"""What an embedder is as a judge and as a finder: a file is encoded once, then a query is a product of vectors.

How a model makes vectors is behind `Encoder`; how they are packed, kept in memory and multiplied is in `vectors`. No
torch is needed here: an embedder that is not loaded still answers from the vectors that are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import JudgeNotLoaded
from core.media import Decoded, PixelPolicy
from core.query import DEFAULT_INSTRUCTION, Aspect, Query
from core.scorers import Document, Evidence, Feature, OnlyScores, Scores, Verdicts
from core.scorers.vectors import VectorShelf, pack, shorten, unpack

Vectors = NDArray[np.float32]
"""(documents, numbers), each of length 1; a row of NaN where there is none."""
Stopped = Callable[[], bool]

VECTORS = "vectors "
"""What the extractor of every embedder begins with."""
_UNIT = " numbers, int8"
_QUESTIONS_KEPT = 16
"""Questions whose vectors are remembered: one that is asked again, to be judged further, is answered at once."""


class Encoder(Protocol):
    """A loaded embedder. Used by one thread at a time; it sees to that itself."""

    title: str
    digest: str
    precision: str
    memory: int
    """Bytes of the weights on the device."""
    dimensions: int
    """Of its vectors."""
    rates: dict[PixelPolicy, float]
    """Documents a second, by how they were looked at, of the last calls that took a while."""

    @property
    def closed(self) -> bool: ...

    def appetite(self, pixels: PixelPolicy) -> int:
        """How many documents it likes to have waiting."""
        ...

    def documents(
        self, documents: Sequence[Document], pixels: PixelPolicy, stopped: Stopped
    ) -> Iterator[tuple[list[int], Vectors, dict[int, str]]]:
        """(indices, their vectors, why there is none by index) of decoded documents, some at a time.

        Ends early, soon after `stopped` says so. Raises JudgeError, JudgeNotLoaded once it is closed.
        """
        ...

    def query(self, query: Query, references: Sequence[Document], pixels: PixelPolicy, stopped: Stopped) -> Vectors:
        """(dimensions,): the vector of a query. A reference is decoded, or a feature: the vector that is kept of it.

        Raises JudgeError.
        """
        ...

    def score(self, cosines: NDArray[np.float32], query: Query) -> Scores:
        """Cosines as scores in 0..1, in the same order."""
        ...

    def warm_up(self) -> None: ...

    def close(self) -> None: ...


def halfway(cosines: NDArray[np.float32]) -> Scores:
    """(1 + cosine) / 2: a score where the model has no probability of its own."""
    return np.clip((1 + cosines) / 2, 0, 1).astype(np.float32)


class Embedder:
    """A model that encodes each file by itself. `encoder` is None while it is not loaded."""

    encodes = True
    reads_pixels_alone = True

    def __init__(
        self,
        *,
        title: str,
        digest: str,
        precision: str,
        pixels: PixelPolicy,
        seen_as: str,
        version: str,
        numbers: int,
        encoder: Encoder | None = None,
    ) -> None:
        """`seen_as` names everything in `pixels` that changes them; `version` how the model is asked (its prompt);
        `numbers` are kept of a vector, and no more than it has."""
        self.title = title
        self.pixels = pixels
        self.numbers = numbers
        self.encoder = encoder
        self._family = f"{VECTORS}{digest}; {precision}; {seen_as}; {version}; "
        self.extractor = f"{self._family}{numbers}{_UNIT}"
        self.identity = self.extractor
        self._asking = threading.Lock()  # each question is encoded in a thread of its own
        self._asked: dict[tuple[Query, tuple[bytes, ...]], VectorQuestion] = {}

    @property
    def appetite(self) -> int:
        return self.encoder.appetite(self.pixels) if self.encoder else 1

    def remembers(self, fingerprint: bytes) -> bool:
        return False

    def extract(self, decoded: Decoded) -> Feature:
        raise NotImplementedError

    def shelf(self) -> VectorShelf:
        return VectorShelf(self.numbers)

    def asks_by_features(self, query: Query) -> bool:
        """One picture or clip and nothing else: its own vector is the question."""
        alone = len(query.references) == 1 and not query.text and not any(query.regions)
        return alone and query.instruction == DEFAULT_INSTRUCTION and query.aspect is Aspect.OVERALL

    def from_other(self, extractor: str) -> Callable[[Sequence[bytes]], list[bytes]] | None:
        """The beginnings of longer vectors, of the same weights used in the same way, serve alone."""
        told = extractor.removeprefix(self._family).removesuffix(_UNIT)
        if extractor != f"{self._family}{told}{_UNIT}" or not told.isdecimal() or int(told) <= self.numbers:
            return None
        return lambda data: pack(shorten(unpack(data, int(told)), self.numbers))

    def encode(self, documents: Sequence[Document], stopped: Stopped) -> Iterator[Verdicts]:
        if self.encoder is None:
            raise JudgeNotLoaded(name=self.title)
        for indices, vectors, reasons in self.encoder.documents(documents, self.pixels, stopped):
            packed = pack(shorten(vectors, self.numbers))
            features = {index: Feature(data) for index, data in zip(indices, packed, strict=True) if data}
            yield Verdicts(indices, np.full(len(indices), np.nan, np.float32), reasons, features=features)

    def ask(self, query: Query, references: Sequence[Document]) -> VectorQuestion:
        return self.encode_query(query, references, lambda: False)

    def encode_query(self, query: Query, references: Sequence[Document], stopped: Stopped) -> VectorQuestion:
        """Encode the query, unless a kept vector is all it is, or it was asked just before. Raises JudgeError.

        Of a query that asks for nothing any direction is the vector: every sound vector has a score then.
        """
        if not query:
            return VectorQuestion(np.eye(1, self.numbers, dtype=np.float32)[0], halfway)
        kept = [reference.feature for reference in references if reference.feature]
        if self.asks_by_features(query) and len(kept) == 1:
            vector = unpack([kept[0].data], self.numbers)[0]
            return VectorQuestion(vector, halfway)
        encoder = self.encoder
        if encoder is None:
            raise JudgeNotLoaded(name=self.title)
        asked = query, tuple(reference.decoded.fingerprint for reference in references if reference.decoded)
        with self._asking:
            if asked in self._asked and len(asked[1]) == len(references):
                return self._asked[asked]
        vector = encoder.query(query, references, self.pixels, stopped)
        question = VectorQuestion(shorten(vector[None], self.numbers)[0], lambda cosines: encoder.score(cosines, query))
        if not stopped():  # else it may not be a vector, and nobody waits for it
            with self._asking:
                self._asked[asked] = question
                while len(self._asked) > _QUESTIONS_KEPT:
                    del self._asked[next(iter(self._asked))]
        return question


class VectorQuestion(OnlyScores):
    """A query as a vector."""

    def __init__(self, vector: NDArray[np.float32], score: Callable[[NDArray[np.float32]], Scores]) -> None:
        self.vector = vector
        self._score = score

    def glance(self, shelf: VectorShelf, rows: NDArray[np.int64]) -> tuple[Scores, Evidence, NDArray[np.bool_]]:
        scores = self._score(shelf.cosines(self.vector, rows))
        return scores, np.empty((len(rows), 0), np.float32), np.zeros(len(rows), np.bool_)

    def judge(self, documents: Sequence[Document]) -> tuple[Scores, Evidence]:
        shelf = VectorShelf(len(self.vector))
        shelf.add([document.feature.data if document.feature else b"" for document in documents])
        scores, evidence, _ = self.glance(shelf, np.arange(len(documents)))
        return scores, evidence
