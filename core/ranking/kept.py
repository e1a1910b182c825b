"""What a judge keeps of files, in memory: read from the catalog once, asked by every query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from core.catalog import Catalog
from core.decoding import DECODING_VERSION
from core.scorers import Scorer

_READ_AT_ONCE = 4096
"""Contents whose features are in memory twice while they are put on the shelf."""
_LOOKED_UP_AT_ONCE = 65_536
"""Contents asked for together: what a million takes at once would stay with the process."""


def kept_under(scorer: Scorer[Any]) -> str:
    """What its features are kept under; empty for a judge that keeps none."""
    return f"{scorer.extractor}; decoding {DECODING_VERSION}" if scorer.extractor else ""


Converted = Callable[[Sequence[bytes]], list[bytes]]


def sources(scorer: Scorer[Any], catalog: Catalog) -> list[tuple[str, Converted]]:
    """What its features are found under, best first: its own, then others that it can make its own of, and how."""
    own = kept_under(scorer)
    suffix = own.removeprefix(scorer.extractor)
    found: list[tuple[str, Converted]] = [(own, list)]
    for other in catalog.extractors() if scorer.encodes else ():
        convert = scorer.from_other(other.removesuffix(suffix)) if other.endswith(suffix) else None
        if convert:
            found.append((other, convert))
    return found


class Kept:
    """The features of one judge, by content."""

    def __init__(self, scorer: Scorer[Any]) -> None:
        self._scorer = scorer
        self._extractor = kept_under(scorer)
        self._renewals = 0
        self._empty()

    def _empty(self) -> None:
        self.shelf: Any = self._scorer.shelf() if self._extractor else None
        self._rows: NDArray[np.int32] = np.full(1024, -1, np.int32)  # by content id

    def rows(self, contents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where these contents are on the shelf; -1: not there."""
        rows = np.full(len(contents), -1, np.int64)
        within = contents < len(self._rows)
        rows[within] = self._rows[contents[within]]
        return rows

    def add(self, contents: Sequence[int], features: Sequence[bytes]) -> None:
        """Put features on the shelf; of a content that is there already the newer ones count."""
        new = {content: feature for content, feature in zip(contents, features, strict=True) if feature}
        ids = np.array(list(new), np.int64)
        if not len(ids):
            return
        if (most := int(ids.max())) >= len(self._rows):
            self._rows = np.concatenate([self._rows, np.full(max(most + 1, len(self._rows)), -1, np.int32)])
        self._rows[ids] = len(self.shelf) + np.arange(len(ids))
        self.shelf.add([new[content] for content in ids.tolist()])

    def load(self, contents: NDArray[np.int64], catalog: Catalog) -> None:
        """Read what the catalog keeps of these contents, but is not on the shelf yet."""
        missing = np.unique(contents[self.rows(contents) < 0])
        for extractor, convert in sources(self._scorer, catalog) if len(missing) else ():
            rest = missing[self.rows(missing) < 0]
            for at in range(0, len(rest), _READ_AT_ONCE):
                found, features = catalog.features_in_bulk(extractor, rest[at : at + _READ_AT_ONCE])
                self.add(found.tolist(), convert(features))
        if len(missing) > _LOOKED_UP_AT_ONCE:
            catalog.give_back()
            psutil.heap_trim()  # else what the reading took stays with the process

    def knows(self, contents: NDArray[np.int64], catalog: Catalog) -> NDArray[np.bool_]:
        """Which of these contents (0: none) have features, in memory or in the catalog."""
        known = (contents > 0) & (self.rows(contents) >= 0)
        for extractor, _ in sources(self._scorer, catalog):
            elsewhere = np.flatnonzero((contents > 0) & ~known)
            for at in range(0, len(elsewhere), _LOOKED_UP_AT_ONCE):
                some = elsewhere[at : at + _LOOKED_UP_AT_ONCE]
                known[some] = catalog.have_features(extractor, contents[some])
        return known

    def forget_if_renewed(self, catalog: Catalog) -> None:
        """Content ids of a catalog that was damaged and replaced mean something else."""
        if self._renewals != catalog.renewals:
            self._renewals = catalog.renewals
            self._empty()
