"""The one interface that every judge has, and how a judge is opened by name.

A judge never touches files or SQL: it is given decoded documents, or the features it once took from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import ScorerUnknown
from core.media import Decoded, PixelPolicy
from core.query import Query

Scores = NDArray[np.float32]


@dataclass(frozen=True)
class Document:
    """One thing to be judged, or a reference. A judge that keeps features gets `feature`, the others `decoded`."""

    decoded: Decoded | None = None
    feature: bytes = b""


class Question(Protocol):
    """A query as one judge understands it: made once, asked of many documents."""

    def score(self, documents: Sequence[Document]) -> Scores:
        """0..1 for each document, in their order, whatever else is in the batch. NaN for one it cannot judge."""
        ...

    def with_names(self, scores: Scores, names: Sequence[str]) -> Scores:
        """`scores` with what the files' names (paths relative to the folder asked about) say for this question.

        Evidence computed live: it is never stored, since scores belong to contents and names do not. A score
        that is NaN is of a document not judged yet; what the name alone says of it comes back, or NaN.
        """
        ...


class Scorer(Protocol):
    """A judge."""

    identity: str
    """Names everything that a score depends on besides the document and the query: model, precision, version."""
    title: str
    """What the window calls it."""
    pixels: PixelPolicy
    extractor: str
    """Names the features it keeps and their version; empty for a judge that keeps none."""

    def extract(self, decoded: Decoded) -> bytes:
        """What this judge keeps of a document, so that the next query need not decode it."""
        ...

    def ask(self, query: Query, references: Sequence[Document]) -> Question:
        """The query made ready; `references` are its files, in the order of `query.references`."""
        ...


def open_scorer(name: str) -> Scorer:
    """The judge called `name`. Raises ScorerUnknown."""
    if name == "builtin":
        from core.scorers.builtin import BuiltinMatcher

        return BuiltinMatcher()
    raise ScorerUnknown(name=name)
