"""A listing as the engine holds it: its rows, what the catalog knows of them, and what became of them on the disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.catalog import REMEMBERED, Catalog
from core.decoding import DECODING_VERSION
from core.errors import CatalogError, MediaError, ScoreMissing
from core.following import Counted, pack
from core.media import Changed, Gone, Listing

RESOLVE_ROWS = 8192
"""Rows looked up in one step: about 15 ms, so that other jobs have their turn."""


@dataclass
class OpenListing:
    """A listing with what the catalog knows of its files, looked up as far as `resolved`."""

    listing: Listing
    contents: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    """Content ids; 0: not known."""
    failures: dict[int, MediaError] = field(default_factory=dict)
    first: list[int] = field(default_factory=list)
    """Rows that are looked at now: their turn comes first."""
    renewals: int = 0
    """Of the catalog when `contents` were looked up."""
    away: bool = False
    """Whether the folder can't be reached now: nothing in it can be opened, nothing is lost."""
    unfit: dict[str, set[int]] = field(default_factory=dict)
    """By extractor: rows that can be read, and of which it keeps nothing: they are not waiting to be prepared."""
    changes: list[NDArray[np.int64]] = field(default_factory=list)
    """Rows that have changed, gone or come back, in the order in which that was noticed. Only ever grows: a ranking
    remembers how far it has taken it in."""

    @property
    def resolved(self) -> int:
        return len(self.contents)

    def forget_if_renewed(self, catalog: Catalog) -> None:
        """Content ids of a catalog that was damaged and replaced mean nothing, or worse, something else."""
        if self.renewals != catalog.renewals:
            self.contents, self.renewals = self.contents[:0], catalog.renewals

    def resolve_some(self, catalog: Catalog) -> bool:
        """Look up the next rows; whether there were any."""
        start, stop = self.resolved, min(self.resolved + RESOLVE_ROWS, len(self.listing))
        if start == stop:
            return False
        contents, failures = catalog.resolve(self.listing, start, stop, DECODING_VERSION)
        gone = self.listing.gone[start:stop]
        contents[gone] = 0
        failures = {row: error for row, error in failures.items() if not gone[row - start]}
        self.contents = np.concatenate([self.contents, contents])
        self.failures |= failures
        return True

    def note_unfit(self, extractor: str, refused: Mapping[int, MediaError]) -> None:
        """Take in what an extractor could not take."""
        unfit = {row for row, error in refused.items() if isinstance(error, ScoreMissing)}
        if extractor and unfit:
            self.unfit.setdefault(extractor, set()).update(unfit)

    def waiting_for(self, extractor: str) -> NDArray[np.bool_]:
        """Which of the rows that were looked up can have features of an extractor, as far as is known."""
        can: NDArray[np.bool_] = ~self.listing.gone[: self.resolved]
        lost = np.array([*self.failures, *self.unfit.get(extractor, ())], np.int64)
        can[lost[lost < self.resolved]] = False
        return can

    def take(self, change: Changed | Gone, catalog: Catalog) -> None:
        """Take in what became of rows on the disk."""
        self.listing.change(change)
        rows = change.rows.astype(np.int64)
        for row in rows.tolist():
            self.failures.pop(row, None)
            for unfit in self.unfit.values():
                unfit.discard(row)
        known = rows[rows < self.resolved]
        self.contents[known] = 0
        if isinstance(change, Changed) and len(known):
            # What the catalog can't tell now is read again; what ails it is told by whoever ranks.
            with contextlib.suppress(CatalogError):
                self.contents[known], failures = catalog.resolve_rows(self.listing, known, DECODING_VERSION)
                self.failures |= failures
        self.changes.append(rows)

    def set_away(self, away: bool) -> None:
        """Note whether the folder can be reached. What failed for want of it deserves another try when it is back."""
        self.away = away
        if not away:
            passing = [row for row, error in self.failures.items() if not isinstance(error, REMEMBERED)]
            for row in passing:
                del self.failures[row]
            self.changes.append(np.array(passing, np.int64))

    def names(self, rows: Iterable[int] | NDArray[np.int64]) -> list[str]:
        """The paths of these rows, relative to the folder asked about."""
        listing = self.listing
        skip = len(os.path.join(listing.root, ""))
        return [f"{listing.folders[listing.folder[row]][skip:]}/{listing.names[row]}" for row in rows]


class ListingRecord:
    """What the catalog keeps of a folder's listing, so that the folder is there at once the next time."""

    def __init__(self, listing: Listing, catalog: Catalog) -> None:
        self._listing = listing
        self._catalog = catalog
        self._kept: bytes | None = None
        self._counts: list[Counted] = []
        self.mounted: tuple[str, ...] = ()
        """Of `Compared`."""
        self.outdated = False
        """Whether the listing has grown or changed since it was kept."""

    def load(self) -> bytes | None:
        """The listing as it was the last time, packed; None if there is none."""
        with contextlib.suppress(CatalogError):
            self._kept = self._catalog.kept_listing(self._listing.root, self._listing.recursive)
        return self._kept

    def page_counts(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """By folder and name of a file with pages: size, time of change, pages."""
        try:
            return self._catalog.page_counts(self._listing.root)
        except CatalogError:
            return {}

    def note(self, counted: Counted) -> None:
        self._counts.append(counted)

    def save(self) -> None:
        """Keep how many pages files have, and the listing if it is outdated. What can't be kept is found out again."""
        data = pack(self._listing, self.mounted) if self.outdated and self._listing.complete else self._kept
        if data == self._kept and not self._counts:
            return
        counts = [(*os.path.split(each.path), each.size, each.mtime, each.pages) for each in self._counts]
        with contextlib.suppress(CatalogError), self._catalog.writing():
            self._catalog.keep_page_counts(counts)
            if data is not None and data != self._kept:
                self._catalog.keep_listing(self._listing.root, self._listing.recursive, data)
            self._kept, self._counts, self.outdated = data, [], False
