"""The one interface that every judge has, and which judge is meant.

A judge never touches files or SQL: it is given decoded documents, or the features it once took from them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.errors import SemblanceError
from core.media import Decoded, PixelPolicy
from core.query import Query

Scores = NDArray[np.float32]
"""0..1, NaN where there is none."""
Evidence = NDArray[np.float32]
"""(documents, columns): what a question learnt of each document, kept with its score. See `Question.columns`."""


@dataclass(frozen=True)
class Feature:
    """What a judge keeps of a document, so that the next query need not decode it."""

    data: bytes
    """Small: kept in memory for a whole library."""
    detail: bytes = b""
    """Larger: read only of documents that a glance leaves in doubt."""


@dataclass(frozen=True)
class Document:
    """One thing to be judged, or a reference. A judge that keeps features gets `feature`, the others `decoded`."""

    decoded: Decoded | None = None
    feature: Feature | None = None
    fingerprint: bytes = b""
    """Of a document that a slow judge still remembers: it gets neither of the two."""


# --- which judge -------------------------------------------------------------------------------------


class Budget(StrEnum):
    """How closely a picture is looked at, in tokens of 32 by 32 pixels. The value is the word on the command line."""

    FAST = "fast"
    BALANCED = "balanced"
    FULL = "full"

    @property
    def tokens(self) -> int:
        """The most a picture may have."""
        return {"fast": 256, "balanced": 640, "full": 1800}[self]


VECTOR_NUMBERS = 1024


@dataclass(frozen=True)
class JudgeChoice:
    """Which judge, or finder, and how it should run. The words are those of the command line."""

    name: str = "builtin"
    """builtin; a reranker: 2B, 8B, auto (the best that is here and fits); an embedder: Embedding-2B, Embedding-8B,
    SigLIP2; or the folder of one."""
    device: str = "auto"
    """auto, cuda (or cuda:1), mps, cpu."""
    precision: str = "auto"
    """auto, float32, bfloat16, float16, int8, int4."""
    budget: Budget = Budget.BALANCED
    max_pixels: int = 0
    """Pixels of a picture in place of the budget; 0: by the budget."""
    fps: float = 0.0
    """Frames a second of a clip; 0: one."""
    numbers: int = VECTOR_NUMBERS
    """Of an embedder: how many numbers of a vector are kept, at most, where its model offers shorter ones."""

    @property
    def is_builtin(self) -> bool:
        return self.name == "builtin"

    @property
    def weights(self) -> tuple[str, str, str]:
        """What must be loaded for it: name, device, precision. Another budget needs no other weights."""
        return self.name, self.device, self.precision


# --- what is told of a judgement ---------------------------------------------------------------------


class Where(StrEnum):
    """Where a word was met."""

    LOOK = "look"
    NAME = "name"
    TEXT = "text"
    """In the caption, the keywords or the text of a document."""


@dataclass(frozen=True)
class WordMet:
    """A word or phrase of the query, and how far one file has it."""

    word: str
    value: float
    """0..1."""
    where: Where | None
    """None if it was met nowhere."""


@dataclass(frozen=True)
class Explanation:
    """Why a file stands where it does."""

    looks: tuple[tuple[str, float], ...] = ()
    """(part, 0..1) by look: palette, layout, texture, same. Empty for a query without pictures and clips."""
    words: tuple[WordMet, ...] = ()
    stretch: tuple[float, float] | None = None
    """Of a clip: from which second to which it is nearest."""


@dataclass(frozen=True)
class Understood:
    """How a judge took the words of a query, where that is less than their meaning."""

    looks: tuple[str, ...]
    """Phrases taken as looks, as they were typed."""
    words: tuple[str, ...]
    """Words only looked for in names, captions and texts."""


# --- judges ------------------------------------------------------------------------------------------


class Shelf(Protocol):
    """A judge's features of many documents in memory, in columns; grows, never shrinks."""

    def __len__(self) -> int: ...

    def add(self, features: Sequence[bytes]) -> None:
        """Put `Feature.data` of the next documents at the end. What can't be read counts as a document without."""
        ...


OwnShelf = TypeVar("OwnShelf", bound=Shelf)
OwnShelf_contra = TypeVar("OwnShelf_contra", bound=Shelf, contravariant=True)


@dataclass(frozen=True)
class Verdicts:
    """What a slow judge found of some of the documents it was given."""

    indices: Sequence[int]
    """Into the documents."""
    scores: Scores
    """One for each of the indices."""
    reasons: Mapping[int, str] = field(default_factory=dict)
    """By index: why there is no score."""
    forgotten: Sequence[int] = ()
    """Indices of documents that were given by fingerprint and are no longer remembered."""
    features: Mapping[int, Feature] = field(default_factory=dict)
    """By index: what an encoder keeps of the document, in place of a score (NaN); none where there is a reason."""


class Question(Protocol):
    """A query as one judge understands it: made once, asked of many documents.

    Nothing it says of a document depends on the others, nor on their order.
    """

    columns: int
    """Numbers of evidence a document; 0 for a judge whose scores are all there is to know."""
    reads_names: bool
    """Whether `with_names` has anything to add."""
    understood: Understood | None

    def with_names(self, scores: Scores, evidence: Evidence, names: Sequence[str]) -> Scores:
        """The scores with what the files' names (paths relative to the folder asked about) say for this question.

        Live: it is never stored, since scores belong to contents and names do not. Of a document not judged yet
        (NaN) it is what the name alone promises, or NaN.
        """
        ...

    def explain(self, document: Document, name: str) -> Explanation: ...

    def remark(self) -> SemblanceError | None:
        """What should be told after all was judged, such as that nothing gave it anything to go on."""
        ...


class QuickQuestion(Question, Protocol[OwnShelf_contra]):
    """One that is answered at once."""

    def judge(self, documents: Sequence[Document]) -> tuple[Scores, Evidence]:
        """A score for each document by its content alone, and the evidence it rests on. NaN where it can't judge."""
        ...

    def glance(self, shelf: OwnShelf_contra, rows: NDArray[np.int64]) -> tuple[Scores, Evidence, NDArray[np.bool_]]:
        """The same for rows of the shelf, by the small features alone; and which of them deserve `judge`."""
        ...


class SlowQuestion(Question, Protocol):
    """One that takes its time. It has no columns of evidence."""

    def judge_slowly(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        """A score for each document, some at a time, in an order of its own. Called in a thread, one at a time.

        Ends early, soon after `stopped` says so. Raises JudgeError.
        """
        ...


class Scorer(Protocol[OwnShelf]):
    """A judge."""

    identity: str
    """Names everything that a score depends on besides the document and the query: model, precision, version."""
    title: str
    """What the window calls it."""
    pixels: PixelPolicy
    extractor: str
    """Names the features it keeps and their version; empty for a judge that keeps none."""
    encodes: bool
    """Whether its features are made by `encode`, in a thread beside the pipeline, and not by `extract` in a worker.
    Then its scores are quicker made from them than looked up, and are not kept."""

    reads_pixels_alone: bool
    """Whether a score of a picture or clip depends on nothing in its file but the pixels: then it outlives a rating or
    a caption that is written into the file."""

    @property
    def appetite(self) -> int:
        """Of a slow judge, asked by `judge_slowly`: how many documents it likes to have waiting. 0: it is quick."""
        ...

    def remembers(self, fingerprint: bytes) -> bool:
        """Whether a slow judge needs nothing but the fingerprint of this document, for now."""
        ...

    def extract(self, decoded: Decoded) -> Feature:
        """What this judge keeps of a document. Called in the worker that decoded it."""
        ...

    def encode(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        """What a judge that `encodes` keeps of decoded documents, some at a time, in an order of its own.

        Called in a thread, one at a time. Ends early, soon after `stopped` says so. Raises JudgeError.
        """
        ...

    def encode_query(
        self, query: Query, references: Sequence[Document], stopped: Callable[[], bool]
    ) -> QuickQuestion[OwnShelf]:
        """`ask` of a judge that `encodes`, which takes its time: called in a thread. Raises JudgeError."""
        ...

    def asks_by_features(self, query: Query) -> bool:
        """Whether the features of the query's references are all it needs of them, where they are kept."""
        ...

    def from_other(self, extractor: str) -> Callable[[Sequence[bytes]], list[bytes]] | None:
        """How its features can be had from those of another extractor; None if they can't."""
        ...

    def shelf(self) -> OwnShelf:
        """An empty one."""
        ...

    def ask(self, query: Query, references: Sequence[Document]) -> QuickQuestion[OwnShelf] | SlowQuestion:
        """The query made ready; `references` are its files, in the order of `query.references`. A SlowQuestion if
        the judge has an appetite."""
        ...


class EncodesNothing:
    """What a judge whose features workers make, or that keeps none, has of one that `encodes`."""

    encodes = False

    def from_other(self, extractor: str) -> Callable[[Sequence[bytes]], list[bytes]] | None:
        return None

    def encode(self, documents: Sequence[Document], stopped: Callable[[], bool]) -> Iterator[Verdicts]:
        raise NotImplementedError

    def encode_query(self, query: Query, references: Sequence[Document], stopped: Callable[[], bool]) -> Any:
        raise NotImplementedError


class KeepsNoFeatures(EncodesNothing):
    """What a judge that keeps no features has of a judge's methods; the pipeline asks for none of them."""

    extractor = ""

    def asks_by_features(self, query: Query) -> bool:
        return False

    def extract(self, decoded: Decoded) -> Feature:
        raise NotImplementedError

    def shelf(self) -> Any:
        raise NotImplementedError


class OnlyScores:
    """What a question has whose scores, by content, are all there is to know."""

    columns = 0
    reads_names = False
    understood: Understood | None = None

    def with_names(self, scores: Scores, evidence: Evidence, names: Sequence[str]) -> Scores:
        return scores

    def explain(self, document: Document, name: str) -> Explanation:
        return Explanation()

    def remark(self) -> SemblanceError | None:
        return None


class IsQuick:
    """What a quick judge has of a slow one's."""

    appetite = 0

    def remembers(self, fingerprint: bytes) -> bool:
        return False
