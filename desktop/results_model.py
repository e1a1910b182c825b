"""In which order the files of a listing are shown, and which of them: scores in columns, one sort, no item objects.

A file's id is its row in the Listing. A row of this model is a place on the screen; `order` leads from the one to
the other. Everything that depends on all files is NumPy over columns: 100,000 rows are sorted in about 2 ms.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import (
    QAbstractListModel,
    QByteArray,
    QMimeData,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    QTimer,
    Signal,
)

from core import Changed, Gone, Kind, Listing, MediaError
from desktop.file_words import kind_name, paged_name
from desktop.messages import plain_tip
from desktop.results_order import Ids, NameOrder, best_first, newest_first
from desktop.results_stacks import Stacks
from desktop.score_words import Scale, found_meaning, score_meaning, written_score

_URI_LIST = "text/uri-list"
_INLINE_NAMES = 500
"""Up to so many names are sorted at once (under 2 ms); more in a thread, so that the window never waits."""
_POLL_MS = 20

Mask = NDArray[np.bool_]
_ModelIndex = QModelIndex | QPersistentModelIndex


class Sort(Enum):
    """What decides a file's place."""

    BEST = auto()
    NAME = auto()
    NEWEST = auto()


@dataclass(frozen=True)
class Counts:
    """How many files are there, shown under the present filter, folded away among those, with a score, with a score
    of the finder's alone, and found impossible to judge."""

    listed: int
    shown: int
    folded: int
    scored: int
    found: int
    failed: int

    @property
    def judged(self) -> int:
        return self.scored - self.found


class ResultsModel(QAbstractListModel):
    """The files of one listing as a list in display order. `words` turns a file's error into a sentence."""

    outdated = Signal(bool)
    """The order no longer fits the data: call `resort`. True when the person asked for another arrangement."""

    def __init__(self, parent: QObject | None = None, *, words: Callable[[MediaError], str] = str) -> None:
        super().__init__(parent)
        self._words = words
        self.scale = Scale.LOOKS
        """By whose measure the scores are."""
        self.finder = ""
        """The title of who found what is not judged yet."""
        self._names = NameOrder()
        self._names_timer = QTimer(self, interval=_POLL_MS)
        self._names_timer.timeout.connect(self._take_names)
        self._sort = Sort.BEST
        self._kinds = frozenset(Kind)
        self._minimum = 0.0
        self._stacks = Stacks()
        self._open(None)

    def _open(self, listing: Listing | None) -> None:
        self.listing = listing
        self.scores: NDArray[np.float32] = np.empty(0, np.float32)
        """By id; NaN is not judged yet."""
        self.is_found: Mask = np.empty(0, np.bool_)
        """By id: whether its score is the finder's, since the judge has not looked at it yet."""
        self.ranks: Ids = np.empty(0, np.int32)
        """By id, as of the last `resort`: the place by score among all that are judged, from 1; 0 is without a place,
        because it is not judged or because nothing at all was found: then no file is better than another."""
        self.failed: Mask = np.empty(0, np.bool_)
        """By id."""
        self.order: Ids = np.empty(0, np.int32)
        """The id at each place of the display."""
        self._errors: dict[int, MediaError] = {}
        # By which score each is placed: its own, or, of a file that has changed, the one it had until the next comes.
        self._placing: NDArray[np.float32] = np.empty(0, np.float32)
        self._many_pages: set[tuple[int, str]] = set()  # folder and name of the files that have more than one
        self._positions: Ids = np.empty(0, np.int32)
        self._best: Ids = np.empty(0, np.int32)
        self._newest: Ids = np.empty(0, np.int32)
        self._unranked = True
        # What has come in above a held block since its hold began and has not been on the screen, and everything
        # that belonged above it at the last held resort.
        self._fresh: Mask = np.empty(0, np.bool_)
        self._above: Mask = np.empty(0, np.bool_)
        self._rearranged = True
        self._names.forget()
        self._names_timer.stop()
        self._stacks.forget()
        self._grow()

    def _grow(self) -> None:
        total, more = self._total, self._total - len(self.scores)
        if more <= 0:
            return
        self._note_pages(len(self.scores))
        unknown = np.full(more, np.nan, np.float32)
        self.scores = np.concatenate([self.scores, unknown])
        self._placing = np.concatenate([self._placing, unknown])
        self.ranks = np.concatenate([self.ranks, np.zeros(more, np.int32)])
        self._positions = np.concatenate([self._positions, np.full(more, -1, np.int32)])
        nothing = np.zeros(more, np.bool_)
        self.failed = np.concatenate([self.failed, nothing])
        self.is_found = np.concatenate([self.is_found, nothing])
        self._fresh = np.concatenate([self._fresh, nothing])
        self._above = np.concatenate([self._above, nothing])
        self._stacks.cover(total)
        if self._sort is Sort.NAME and self.listing is not None:
            self._sort_names(total)

    def _note_pages(self, start: int) -> None:
        """Remember which files turn out to have a second page, from the row `start` on."""
        assert self.listing is not None
        for row in (start + np.flatnonzero(self.listing.pages[start:] == 1)).tolist():
            self._many_pages.add((int(self.listing.folder[row]), self.listing.names[row]))

    @property
    def _total(self) -> int:
        return len(self.listing) if self.listing is not None else 0

    # --- what the owner tells it -----------------------------------------------------------------------

    def open(self, listing: Listing) -> None:
        """Show another listing; scores and failures are forgotten, sort and filter stay."""
        self.beginResetModel()
        self._open(listing)
        self.order = self._ideal()
        self._index_positions()
        self._rearranged = False
        self.endResetModel()

    def extend(self) -> None:
        """Take in the rows by which the listing has grown."""
        self._grow()
        self.outdated.emit(False)

    def set_scores(self, rows: Ids, scores: NDArray[np.float32], *, judged: bool = True) -> None:
        """Scores for the files `rows`, one each; NaN takes a score back. Not `judged`: they are the finder's.

        A file that has a score has not failed.
        """
        is_there = self._present()[rows]  # what is gone may have been judged before that was known
        rows, scores = rows[is_there], scores[is_there]
        self.scores[rows] = self._placing[rows] = scores
        self.is_found[rows] = not judged
        self._forgive(rows[~np.isnan(scores)])
        self._unranked = True
        self.outdated.emit(False)

    def set_failed(self, rows: Ids, errors: Sequence[MediaError]) -> None:
        """The files `rows` can't be judged, each for its reason."""
        is_there = self._present()[rows]
        self._errors.update(
            (row, error) for row, error, kept in zip(rows.tolist(), errors, is_there, strict=True) if kept
        )
        rows = rows[is_there]
        self.scores[rows] = self._placing[rows] = np.nan
        self.failed[rows] = True
        self._unranked = True
        self.outdated.emit(False)

    def clear_scores(self) -> None:
        """Another query: nothing is judged, nothing has failed."""
        self.scores[:] = self._placing[:] = np.nan
        self.failed[:] = self.is_found[:] = False
        self._errors.clear()
        self._unranked = True
        self._rearrange()

    def change(self, change: Changed | Gone) -> None:
        """Files have changed, come back or gone, and the listing has taken it in.

        A changed one has no score until it is judged again; until then it stands where it stood.
        """
        self._grow()
        rows = change.rows
        self.scores[rows] = np.nan
        if isinstance(change, Gone):
            self._placing[rows] = np.nan
        self._forgive(rows)
        self._newest = np.empty(0, np.int32)
        self._unranked = True
        self.outdated.emit(False)

    def forgive(self, kinds: tuple[type[MediaError], ...]) -> None:
        """Failures of these kinds are none any more: they were the folder's, not the files'."""
        rows = [row for row, error in self._errors.items() if isinstance(error, kinds)]
        if rows:
            self._forgive(np.array(rows, np.int32))
            self._unranked = True
            self.outdated.emit(False)

    def _forgive(self, rows: Ids) -> None:
        for row in rows[self.failed[rows]].tolist():
            del self._errors[row]
        self.failed[rows] = False

    @property
    def sort_mode(self) -> Sort:
        return self._sort

    def set_sort_mode(self, sort: Sort) -> None:
        if sort is self._sort:
            return
        self._sort = sort
        if sort is Sort.NAME:
            self._sort_names(self._total)
        self._rearrange()

    @property
    def kinds(self) -> frozenset[Kind]:
        return self._kinds

    def set_kinds(self, kinds: Iterable[Kind]) -> None:
        """Show only files of these kinds."""
        if frozenset(kinds) != self._kinds:
            self._kinds = frozenset(kinds)
            self._rearrange()

    @property
    def minimum(self) -> float:
        return self._minimum

    def set_minimum(self, score: float) -> None:
        """Hide what is judged below `score`; above 0 also what is not judged yet."""
        if score != self._minimum:
            self._minimum = score
            self._rearrange()

    @property
    def is_folding(self) -> bool:
        """Whether files that show the same share a cell."""
        return self._stacks.is_on

    def set_folding(self, is_on: bool) -> None:
        if is_on != self._stacks.is_on:
            self._stacks.is_on = is_on
            self._rearrange()

    def set_stacks(self, stacks: Ids) -> None:
        """By row, the first row of its stack: the files that show the same, or nearly."""
        self._stacks.tell(stacks)
        self.outdated.emit(False)

    @property
    def has_stacks(self) -> bool:
        """Whether any files share a cell, or would if their stack were folded."""
        return self._stacks.is_folding

    def stack_size(self, id_: int) -> int:
        """How many files of those shown share this one's stack; 0 if it stands alone."""
        return int(self._stacks.sizes(np.array([id_], np.int32))[0])

    def is_unfolded(self, id_: int) -> bool:
        """Whether the stack that the file is in is unfolded."""
        return bool(self._stacks.are_open(np.array([id_], np.int32))[0])

    def stack_columns(self, places: range) -> tuple[Ids, Mask, Mask]:
        """Of the files at these places: how many share the stack (0: it stands alone), whether that is unfolded, and
        whether the file is the first of it that is shown."""
        ids = self.order[places.start : places.stop]
        before = self.order[np.arange(places.start, places.stop) - 1]
        begins = self._stacks.differ(ids, before)
        begins[: 1 if places.start == 0 else 0] = True
        return self._stacks.sizes(ids), self._stacks.are_open(ids), begins

    def stack_mates(self, id_: int) -> Ids:
        """All files of the stack that this one is in, shown or not."""
        return self._stacks.mates(id_, np.arange(len(self.scores), dtype=np.int32))

    def toggle_stack(self, id_: int) -> int:
        """Unfold the stack that a file is in, or fold it again; nothing before its first file moves. Returns that."""
        mates = self._stacks.mates(id_, self.order)
        leader = int(mates[0])
        is_open = self._stacks.toggle(leader)
        ideal = self._ideal()
        rest = self.order[~np.isin(self.order, mates[1:])]
        if is_open:
            inside = self._stacks.mates(leader, ideal)
            place = int(np.flatnonzero(rest == leader)[0]) + 1
            rest = np.concatenate([rest[:place], inside[inside != leader], rest[place:]])
        self._stacks.fold(ideal)
        self._place(rest)
        return leader

    def _rearrange(self) -> None:
        self._rearranged = True
        self.outdated.emit(True)

    # --- the order -------------------------------------------------------------------------------------

    @property
    def rearranged(self) -> bool:
        """Whether the person asked for another arrangement since the last `resort`, which voids any hold."""
        return self._rearranged

    def resort(self, held: range | None = None, columns: int = 1) -> int:
        """Bring the order up to date; the files now at the places `held` stay together, in their order.

        What belongs before the middle one of the held block stands above it, the rest below; the middle and not
        an end, so that one file judged very differently from its neighbours doesn't turn the list over. The number
        above is a multiple of `columns`, so that the block keeps its place in the rows of a grid; the last few wait
        directly below. A held file that the filter would now hide stays until the hold ends; one that is gone goes.

        Returns how many files belong above that did not when the hold began and have not been on the screen
        since (`note_seen`). `held` must start at a multiple of `columns`. An arrangement that the person
        asked for meanwhile ends the hold.
        """
        ideal = self._stacks.fold(self._ideal())
        if held is None or self._rearranged or not len(held):
            self._rearranged = False
            self._fresh[:] = False
            self._above[:] = False
            self._place(ideal)
            return 0
        if held.start % columns:
            raise ValueError(f"a block held in {columns} columns can't start at place {held.start}")
        block = self.order[held.start : held.stop]
        block = block[self._present()[block]]
        ideal = self._stacks.led_by(ideal, block)
        is_held = np.zeros(len(self.scores), np.bool_)
        is_held[block] = True
        rest, places = ideal[~is_held[ideal]], np.flatnonzero(is_held[ideal])
        middle = len(places) // 2
        before = int(places[middle]) - middle if len(places) else min(held.start, len(rest))
        self._note_above(rest[:before], held.start)
        above = before - before % columns
        self._place(np.concatenate([rest[:above], block, rest[above:]]))
        return int(np.count_nonzero(self._fresh))

    def _note_above(self, above: Ids, held_from: int) -> None:
        """Tell what has come in above the held block, which began at the place `held_from`, from what was there."""
        belongs = np.zeros(len(self.scores), np.bool_)
        belongs[above] = True
        arrived = belongs & ~self._above
        arrived[self.order[:held_from]] = False
        self._fresh = (self._fresh | arrived) & belongs
        self._above = belongs

    def note_seen(self, places: range) -> int:
        """The files at these places are on the screen. Returns how many of what came in above are still unseen."""
        self._fresh[self.order[places.start : places.stop]] = False
        return int(np.count_nonzero(self._fresh))

    def _ideal(self) -> Ids:
        """The filtered files in the order that the sort mode asks for."""
        if self._unranked or len(self.ranks) != self._total:
            self._rank()
        by_kind = np.zeros(len(Kind), np.bool_)
        by_kind[[int(kind) for kind in self._kinds]] = True
        kinds = self.listing.kinds[: len(self.scores)] if self.listing is not None else np.empty(0, np.uint8)
        shown = by_kind[kinds] & self._present()
        if self._minimum > 0:
            shown &= self._placing >= self._minimum  # NaN is not
        if self._sort is Sort.BEST:
            shown &= ~self.failed
            waiting = np.flatnonzero(shown & (self.ranks == 0)).astype(np.int32)
            return np.concatenate([self._best[shown[self._best]], waiting])
        base = self._by_name() if self._sort is Sort.NAME else self._by_date()
        return base[shown[base]]

    def is_present(self, id_: int) -> bool:
        """Whether the file is still there, as far as is known."""
        return self.listing is not None and not self.listing.gone[id_]

    def _present(self) -> Mask:
        """By id: whether the file is still there."""
        return ~self.listing.gone[: len(self.scores)] if self.listing is not None else np.empty(0, np.bool_)

    def _rank(self) -> None:
        judged = np.flatnonzero(~np.isnan(self._placing)).astype(np.int32)
        if not (self._placing > 0).any():  # nothing was found: none is better than another
            judged = judged[:0]
        self._best = best_first(judged, self._placing[judged])
        self.ranks[:] = 0
        self.ranks[self._best] = np.arange(1, len(self._best) + 1, dtype=np.int32)
        self._unranked = False

    def _by_date(self) -> Ids:
        if len(self._newest) != len(self.scores) and self.listing is not None:
            self._newest = newest_first(self.listing.mtimes[: len(self.scores)])
        return self._newest

    def _by_name(self) -> Ids:
        known = self._names.order  # of the first rows; those found since wait at the end for the next sorting
        return np.concatenate([known, np.arange(len(known), len(self.scores), dtype=np.int32)])

    def _sort_names(self, total: int) -> None:
        if self.listing is None or len(self._names.order) == total:
            return
        if total <= _INLINE_NAMES:
            self._names.sort_now(self.listing.names)
        else:
            self._names.start(self.listing.names)
            self._names_timer.start()

    def _take_names(self) -> None:
        first = not len(self._names.order)
        if not self._names.finished():
            return
        self._names_timer.stop()
        if self._sort is Sort.NAME:
            if len(self._names.order) < self._total:
                self._sort_names(self._total)
            self._rearranged |= first
            self.outdated.emit(first)

    def _place(self, order: Ids) -> None:
        """Make `order` the display's, telling views no more than is true."""
        if np.array_equal(order, self.order):
            if len(order):
                self.dataChanged.emit(self.index(0), self.index(len(order) - 1))
            return
        is_same_set = len(order) == len(self.order) and bool((self._positions[order] >= 0).all())
        if not is_same_set:
            self.beginResetModel()
            self.order = order
            self._index_positions()
            self.endResetModel()
            return
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()  # at most the current one: views select by id
        ids = [int(self.order[index.row()]) for index in kept]
        self.order = order
        self._index_positions()
        self.changePersistentIndexList(kept, [self.index(int(self._positions[id_])) for id_ in ids])
        self.layoutChanged.emit()

    def _index_positions(self) -> None:
        self._positions = np.full(len(self.scores), -1, np.int32)
        self._positions[self.order] = np.arange(len(self.order), dtype=np.int32)

    # --- what is known of a file, and of all -----------------------------------------------------------

    def rank_of(self, id_: int) -> int | None:
        """The file's place by score among all that are judged, from 1, whatever is shown; None if it has none."""
        return int(self.ranks[id_]) or None

    @property
    def finds_something(self) -> bool:
        """Whether any file has a score above 0, so that some are better than others."""
        return bool((self.scores > 0).any())  # NaN is not

    def position_of(self, id_: int) -> int | None:
        """Where the file is shown; None if the filter hides it or it is not there."""
        if not 0 <= id_ < len(self._positions):
            return None
        position = int(self._positions[id_])
        return position if position >= 0 else None

    def score_of(self, id_: int) -> float | None:
        """0..1, or None if the file is not judged."""
        score = float(self.scores[id_])
        return None if np.isnan(score) else score

    def meaning_of(self, id_: int) -> str:
        """What the score of a file that has one says of it, in a few words."""
        if self.is_found[id_]:
            return found_meaning(self.finder)
        return score_meaning(float(self.scores[id_]), self.scale)

    def error_of(self, id_: int) -> MediaError | None:
        return self._errors.get(id_)

    def name_of(self, id_: int) -> str:
        """The file's name, fit for the window, with its page where the file has several."""
        assert self.listing is not None
        return paged_name(self.listing.names[id_], self.page_of(id_))

    def page_of(self, id_: int) -> int | None:
        """Which page of its file it is, from 1; None if it is a whole file."""
        assert self.listing is not None
        page, name = int(self.listing.pages[id_]), self.listing.names[id_]
        is_paged = page > 0 or (int(self.listing.folder[id_]), name) in self._many_pages
        return page + 1 if is_paged else None

    def kind_of(self, id_: int) -> Kind:
        assert self.listing is not None
        return self.listing.kind(id_)

    def histogram(self, bins: int, *, judged: bool = False) -> NDArray[np.int64]:
        """How many files have a score in each of `bins` equal parts of 0..1; with `judged` not those only found."""
        counted = ~np.isnan(self.scores)
        if judged:
            counted &= ~self.is_found
        places = np.clip((self.scores[counted] * bins).astype(np.int64), 0, bins - 1)
        return np.bincount(places, minlength=bins).astype(np.int64)

    @property
    def counts(self) -> Counts:
        has_score = ~np.isnan(self.scores)
        found = int(np.count_nonzero(has_score & self.is_found))
        listed = self.listing.present if self.listing is not None else 0
        folded = self._stacks.hidden
        failed = int(np.count_nonzero(self.failed))
        return Counts(listed, len(self.order) + folded, folded, int(np.count_nonzero(has_score)), found, failed)

    # --- the list that Qt sees -------------------------------------------------------------------------

    def rowCount(self, parent: _ModelIndex = QModelIndex()) -> int:  # noqa: B008 (Qt's own signature)
        return 0 if parent.isValid() else len(self.order)

    def flags(self, index: _ModelIndex) -> Qt.ItemFlag:
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        return (
            Qt.ItemFlag.ItemIsEnabled
            | Qt.ItemFlag.ItemIsSelectable
            | Qt.ItemFlag.ItemIsDragEnabled
            | Qt.ItemFlag.ItemNeverHasChildren
        )

    def data(self, index: _ModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.order):
            return None
        id_ = int(self.order[index.row()])
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.name_of(id_)
            case Qt.ItemDataRole.ToolTipRole:
                return self._tip(id_)
            case Qt.ItemDataRole.AccessibleTextRole:
                return self._spoken(id_)
            case Qt.ItemDataRole.UserRole:
                return id_
        return None

    def _tip(self, id_: int) -> str:
        assert self.listing is not None
        path = paged_name(self.listing.relative_path(id_), self.page_of(id_))
        score, error = self.score_of(id_), self._errors.get(id_)
        if error is not None:
            path = f"{path}\n{self._words(error)}"
        elif score is not None:
            path = f"{path}\n{written_score(score, is_found=bool(self.is_found[id_]))}: {self.meaning_of(id_)}"
        if stack := self._stack_words(id_):
            path = f"{path}\n{stack}"
        return plain_tip(path)

    def _stack_words(self, id_: int) -> str:
        size = self.stack_size(id_)
        if not size:
            return ""
        if self.is_unfolded(id_):
            return self.tr("One of {count} alike. S folds them.").format(count=size)
        return self.tr(
            "Stands for {count} alike; what is done with it is done with this one alone. S unfolds them."
        ).format(count=size)

    def _spoken(self, id_: int) -> str:
        parts = [self.name_of(id_), kind_name(self.kind_of(id_)).lower()]
        score, rank, error = self.score_of(id_), self.rank_of(id_), self._errors.get(id_)
        if error is not None:
            parts.append(self._words(error))
        elif score is not None:
            place = [] if rank is None else [self.tr("rank {rank}").format(rank=rank)]
            parts = [*place, self.tr("score {score:.2f}").format(score=score), *parts]
            if self.is_found[id_]:
                parts.append(self.tr("found, not judged yet"))
        if stack := self._stack_words(id_):
            parts.append(stack)
        return ", ".join(parts)

    # --- dragging out ----------------------------------------------------------------------------------

    def supportedDragActions(self) -> Qt.DropAction:
        return Qt.DropAction.CopyAction  # never move: nothing of the user's is changed

    def mimeTypes(self) -> list[str]:
        return [_URI_LIST]

    def mimeData(self, indexes: Sequence[QModelIndex]) -> QMimeData:
        return self.mime_data([int(self.order[index.row()]) for index in indexes])

    def mime_data(self, ids: Sequence[int]) -> QMimeData:
        """The files as other programs take them, and our own query bar too."""
        assert self.listing is not None
        # A plain QMimeData, filled at once (1 to 2 µs a file): one that makes its data when asked would be a Python
        # object that the clipboard calls after the interpreter has gone.
        data = QMimeData()
        data.setData(_URI_LIST, QByteArray(_addresses(self.listing, ids)))
        return data


_UNSAFE = re.compile(rb"[^A-Za-z0-9_.~\0-]")


def _addresses(listing: Listing, ids: Sequence[int]) -> bytes:
    """The files as text/uri-list, each once however many of its pages are meant; names keep their bytes, even those
    that are no text."""
    folders = [Path(folder).as_uri().encode() for folder in listing.folders]
    # All names at once, apart by the one byte that no name holds: a tenth of the time that one by one takes.
    names = os.fsencode("\0".join([listing.names[id_] for id_ in ids]))
    quoted = _UNSAFE.sub(lambda byte: b"%%%02X" % ord(byte[0]), names).split(b"\0")
    inside = listing.folder[np.asarray(ids, np.int64)].tolist()
    lines = [b"%b/%b\r\n" % (folders[folder], name) for folder, name in zip(inside, quoted, strict=True)]
    return b"".join(dict.fromkeys(lines))
