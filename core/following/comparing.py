"""How a listing is compared with the disk: which rows are new, changed or gone, and what was only out of reach.

Three rules keep files from being lost. Only what was missed in a folder that could be read to its end is gone. A
folder that can't be read keeps its rows. And a folder that was the top of another file system, and is an empty folder
of the one around it now, was unplugged and not emptied. If that is true of the very folder that was asked for, it is
away: then nothing is gone. (A folder that is empty, and on the same file system as before, was emptied.)
"""

from __future__ import annotations

import os
import stat
import time
from array import array
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import FolderError, FolderMissing, folder_error_from_os
from core.following.packing import Packed
from core.media import (
    CHUNK_SECONDS,
    FIRST_CHUNK,
    HIDDEN,
    LAST_CHUNK,
    Changed,
    FolderFound,
    Gone,
    Identity,
    Listed,
    Listing,
    Unlisted,
    file_state,
    folder_identity,
    is_paged,
    kind_code,
    openable,
    read_folder,
    walk,
)

PageCounter = Callable[[Sequence[str]], Sequence[int]]
"""How many pages each of these files has, 1 of one that can't be read. May take long."""

KnownPages = Mapping[tuple[str, str], tuple[int, int, int]]
"""(size, mtime, pages) by folder and name of files whose pages were counted before."""

SETTLED_SECONDS = 2.5
"""Longer than the coarsest tick of a file system's clock (FAT: 2 s). A folder that had changed less than that before it
was read may have changed once more without its time telling."""
AGAIN_SECONDS = 1.0
"""After that a folder that is new is read again: what came into it before it was watched was not told."""
MANY_HINTS = 8192
"""From so many at once everything is compared: the system's queue (16,384 on Linux) may have run over."""
PAGES_AT_ONCE = 16
"""Files whose pages are counted in one step."""
MAX_PAGES = 20_000
"""Pages of one file beyond these are not listed: a damaged one may claim any number."""


@dataclass(frozen=True)
class Counted:
    """How many pages a file has; to be kept, so that they need not be counted again."""

    path: str
    size: int
    mtime: int
    pages: int


News = Listed | Unlisted | Changed | Gone | Counted
Steps = Generator[News | None, None, None]


# --- rows, and what has not been told of them --------------------------------------------------------


class _Rows:
    """The rows as they are, in columns, and which of them have changed since they were told."""

    def __init__(self) -> None:
        self.folders: list[str] = []
        self.names: list[str] = []
        self._folder = array("i")
        self._kinds = array("B")
        self._sizes = array("q")
        self._mtimes = array("q")
        self._pages = array("i")
        self._gone = bytearray()
        self._touched: set[int] = set()
        self._told = 0
        self._told_folders = 0
        self._limit = FIRST_CHUNK

    def extend(self, kept: Packed, kinds: Sequence[int]) -> None:
        """Take in rows that were kept; only into empty columns."""
        self.folders += kept.folders
        self.names += kept.names
        self._folder.frombytes(np.repeat(np.arange(len(kept.folders), dtype=np.int32), kept.counts).tobytes())
        self._kinds.extend(kinds)
        self._sizes.frombytes(kept.sizes.astype(np.int64).tobytes())
        self._mtimes.frombytes(kept.mtimes.astype(np.int64).tobytes())
        self._pages.frombytes(kept.pages.astype(np.int32).tobytes())
        self._gone.extend(bytes(len(kept.names)))

    def resume(self, listing: Listing) -> None:
        """Take in rows that were told before, under their numbers; only into empty columns."""
        self.folders += listing.folders
        self.names += listing.names
        self._folder.frombytes(listing.folder.astype(np.int32).tobytes())
        self._kinds.frombytes(listing.kinds.astype(np.uint8).tobytes())
        self._sizes.frombytes(listing.sizes.astype(np.int64).tobytes())
        self._mtimes.frombytes(listing.mtimes.astype(np.int64).tobytes())
        self._pages.frombytes(listing.pages.astype(np.int32).tobytes())
        self._gone.extend(listing.gone.astype(np.uint8).tobytes())
        self._told, self._told_folders = len(self.names), len(self.folders)

    def add(self, folder: int, name: str, state: tuple[int, int], page: int = 0) -> int:
        row = len(self.names)
        self.names.append(name)
        self._folder.append(folder)
        self._kinds.append(kind_code(name) or 0)
        self._sizes.append(state[0])
        self._mtimes.append(state[1])
        self._pages.append(page)
        self._gone.append(0)
        return row

    def put(self, row: int, state: tuple[int, int]) -> None:
        """The file is there, with this size and mtime."""
        if self._sizes[row] != state[0] or self._mtimes[row] != state[1] or self._gone[row]:
            self._sizes[row], self._mtimes[row] = state
            self._gone[row] = 0
            self._touched.add(row)

    def lose(self, row: int) -> None:
        if not self._gone[row]:
            self._gone[row] = 1
            self._touched.add(row)

    def is_gone(self, row: int) -> bool:
        return bool(self._gone[row])

    def state(self, row: int) -> tuple[int, int]:
        return self._sizes[row], self._mtimes[row]

    def folder_of(self, row: int) -> int:
        return self._folder[row]

    @property
    def is_due(self) -> bool:
        """Whether there is enough to be told."""
        return len(self.names) - self._told >= self._limit

    def news(self) -> Iterator[Listed | Changed | Gone]:
        """What has not been told yet. New rows first, in chunks that grow, so that the rest can speak of them."""
        told = self._told
        while self._told < len(self.names):
            yield self._chunk(self._told, min(self._told + self._limit, len(self.names)))
            self._limit = min(self._limit * 2, LAST_CHUNK)
        touched, self._touched = self._touched, set()
        gone = [row for row in sorted(touched) if self._gone[row]]
        changed = [row for row in sorted(touched) if row < told and not self._gone[row]]
        if changed:
            states = np.array([self.state(row) for row in changed], np.int64)
            yield Changed(np.array(changed, np.int32), states[:, 0].copy(), states[:, 1].copy())
        if gone:
            yield Gone(np.array(gone, np.int32))

    def _chunk(self, start: int, stop: int) -> Listed:
        part = slice(start, stop)
        folder, pages = np.array(self._folder[part]), np.array(self._pages[part])
        known = max(self._told_folders, int(folder.max()) + 1)
        folders, self._told_folders = self.folders[self._told_folders : known], known
        self._told = stop
        return Listed(
            start,
            folders,
            folder,
            self.names[part],
            np.array(self._kinds[part]),
            np.array(self._sizes[part]),
            np.array(self._mtimes[part]),
            pages if pages.any() else None,
        )


class _Folder:
    """A folder that was read, or kept."""

    __slots__ = ("device", "identity", "inside", "mtime", "number", "path", "rows", "there")

    def __init__(self, path: str) -> None:
        self.path = path
        self.number = -1
        """Among the listing's folders, from its first file on."""
        self.rows = array("i")
        """The first row of each of its files, also of those that are gone."""
        self.identity: Identity = ""
        self.device = -1
        self.mtime = -1
        """When its entries had last changed before it was read; -1: there is no telling, it must be read again."""
        self.inside: set[str] = set()
        """Paths of the folders in it, links too."""
        self.there = True


# --- comparing ---------------------------------------------------------------------------------------


class Comparison:
    """Keeps rows in step with the disk, as far as it is asked to look. Nothing here waits for anything but the disk.

    Methods that look yield what they find out, or None, about ten times a second; they raise FolderError if the root
    can't be reached. Then it is away, and nothing more than was told is gone.
    """

    def __init__(self, root: str, recursive: bool, pages: PageCounter | None, known_pages: KnownPages) -> None:
        self.links: set[str] = set()
        """Folders behind links, which a watch of the root may not reach."""
        self.mounted: set[str] = set()
        """Folders that are the top of another file system than that around them, also while they are unplugged."""
        self.cost = 0.0
        """Seconds that it took to compare everything the last time."""
        self._root = root
        self._recursive = recursive
        self._pages = pages
        self._known_pages = known_pages
        self._rows = _Rows()
        self._folders: dict[str, _Folder] = {}
        self._seen: dict[Identity, str] = {}
        """The paths of folders by what names them."""
        self._unlisted: set[str] = set()
        """Folders of which was told that they can't be read."""
        self._again: dict[str, float] = {}
        """Folders to be read again, and when."""
        self._paged: set[int] = set()
        """First rows of files that may have pages."""
        self._further: dict[int, list[int]] = {}
        """By first row of a file: the rows of its further pages."""
        self._counts: dict[int, tuple[int, int, int]] = {}
        """By first row: size, mtime and pages."""
        self._uncounted: set[int] = set()
        self._restructured = False
        """Whether folders have come or gone since everything was compared."""
        self._puzzled = False
        """Whether something was said since then of a place that can't be found."""
        self._deadline = 0.0

    def __len__(self) -> int:
        return len(self._rows.names)

    @property
    def is_doubtful(self) -> bool:
        """Whether everything should be compared again before long: which of several ways to a folder is listed depends
        on all of them, and a place was perhaps named by a link that is gone."""
        return self._puzzled or (self._restructured and bool(self.links))

    def news(self) -> Iterator[Listed | Changed | Gone]:
        """What is known and has not been told."""
        return self._rows.news()

    def recall(self, kept: Packed) -> bool:
        """Begin with rows that were kept; whether all of them are of formats that are known."""
        known: dict[str, tuple[int | None, bool]] = {}
        kinds: list[int] = []
        paged: set[int] = set()
        for row, name in enumerate(kept.names):
            suffix = name.rpartition(".")[2]
            if suffix not in known:
                known[suffix] = kind_code(name), is_paged(name)
            kind, has_pages = known[suffix]
            if kind is None:
                return False
            kinds.append(kind)
            if has_pages:
                paged.add(row)
        self._paged = paged
        self._rows.extend(kept, kinds)
        self.mounted.update(kept.mounted)
        first = np.maximum.accumulate(np.where(kept.pages == 0, np.arange(len(kept.names)), 0))
        for row in np.flatnonzero(kept.pages).tolist():
            self._further.setdefault(int(first[row]), []).append(row)
        ends = np.cumsum(kept.counts).tolist()
        for number, (path, start, end) in enumerate(zip(kept.folders, [0, *ends], ends, strict=False)):
            folder = self._folders[path] = _Folder(path)
            folder.number = number
            folder.rows.frombytes((np.flatnonzero(kept.pages[start:end] == 0) + start).astype(np.int32).tobytes())
        return True

    def resume(self, listing: Listing) -> None:
        """Begin with a listing that was told before: its rows keep their numbers."""
        self._rows.resume(listing)
        first: dict[tuple[int, str], int] = {}
        for row, (number, name, page) in enumerate(
            zip(listing.folder.tolist(), listing.names, listing.pages.tolist(), strict=True)
        ):
            if page:
                self._further.setdefault(first[number, name], []).append(row)
            elif is_paged(name):
                first[number, name] = row
        self._paged = set(first.values())
        for number, path in enumerate(listing.folders):
            self._folders[path] = _Folder(path)
            self._folders[path].number = number
        wholes = np.flatnonzero(listing.pages == 0)
        wholes = wholes[np.argsort(listing.folder[wholes], kind="stable")]
        ends = np.searchsorted(listing.folder[wholes], np.arange(1, len(listing.folders) + 1)).tolist()
        for path, start, end in zip(listing.folders, [0, *ends], ends, strict=False):
            self._folders[path].rows.frombytes(wholes[start:end].astype(np.int32).tobytes())

    # --- comparing with the disk -----------------------------------------------------------------

    def compare_all(self) -> Steps:
        """Compare all that is there with the rows, and count pages that are not counted yet."""
        began = time.monotonic()
        self._deadline = began + CHUNK_SECONDS
        self._seen = {}
        self.links = set()
        yield from self._compare(self._root)
        yield from self._count_pages()
        yield from self._rows.news()
        self._restructured = self._puzzled = False
        self.cost = time.monotonic() - began

    def _compare(self, top: str) -> Generator[News | None, None, list[str]]:
        """Compare a folder and all below it; returns the paths of those that were read."""
        entered: list[str] = []
        barred: set[str] = set()
        for found in walk(top, recursive=self._recursive, seen=self._seen):
            if isinstance(found, FolderFound) and (error := self._unplugged(found)):
                found = Unlisted(error)
            if isinstance(found, FolderFound):
                entered.append(found.path)
                yield from self._enter(found)
                continue
            path = str(found.error.data["path"])
            if path == self._root:
                raise found.error
            if not isinstance(found.error, FolderMissing) or os.path.lexists(openable(path)):
                barred.add(path)
                yield from self._bar(found.error)
        yield from self._drop_unseen(top, set(entered), barred)
        return entered

    def _enter(self, found: FolderFound) -> Steps:
        """Compare the files of one folder."""
        folder = self._folders.get(found.path)
        if folder is None:
            folder = self._folders[found.path] = _Folder(found.path)
        if folder.identity == "" or not folder.there:
            self._restructured = True
        folder.there = True
        folder.identity, folder.device = found.identity, found.device
        settled = abs(time.time_ns() - found.mtime) > SETTLED_SECONDS * 1e9
        folder.mtime = found.mtime if settled else -1
        links = {os.path.join(found.path, name) for name in found.links}
        folder.inside = links | {os.path.join(found.path, name) for name in found.subfolders}
        if self._recursive:
            self.links |= links
        self._unlisted.discard(found.path)
        self._note_mount(found)
        known = self._known_in(folder)
        for count, entry in enumerate(found.files):
            state = file_state(entry)
            if state is not None:
                self._note(folder, entry.name, state, known.pop(entry.name, -1))
            if not count % 256:
                yield from self._pace()
        for row in known.values():
            self._lose(row)
        yield from self._pace()

    def _known_in(self, folder: _Folder) -> dict[str, int]:
        names = self._rows.names
        return {names[row]: row for row in folder.rows}

    def _note(self, folder: _Folder, name: str, state: tuple[int, int], row: int) -> None:
        """The file is there; `row` is -1 for one that is new. (0, 0): it won't tell in which state it is."""
        if row < 0:
            if folder.number < 0:
                folder.number = len(self._rows.folders)
                self._rows.folders.append(folder.path)
            row = self._rows.add(folder.number, name, state)
            folder.rows.append(row)
            if is_paged(name):
                self._paged.add(row)
        elif state != (0, 0) or self._rows.is_gone(row):
            self._rows.put(row, state)
        if row in self._paged:
            self._note_pages(folder, name, row)

    def _lose(self, row: int) -> None:
        self._rows.lose(row)
        for further in self._further.get(row, ()):
            self._rows.lose(further)
        self._uncounted.discard(row)

    def _drop_unseen(self, top: str, entered: Collection[str], barred: set[str]) -> Steps:
        """Folders at and below `top` that were there and were not entered are gone, unless they can't be reached."""
        below = os.path.join(top, "")
        missed = [path for path, folder in self._folders.items() if folder.there and path not in entered]
        dropped: set[str] = set()
        for path in sorted(path for path in missed if path == top or path.startswith(below)):
            if self._is_within(path, barred):
                continue
            if os.path.dirname(path) not in dropped and (error := self._beyond_reach(path)):
                barred.add(path)
                yield from self._bar(error)
                continue
            dropped.add(path)
            folder = self._folders[path]
            folder.there = False
            self._restructured = True
            for row in folder.rows:
                self._lose(row)
            yield from self._pace()

    def _is_within(self, path: str, folders: set[str]) -> bool:
        while folders and path != self._root:
            if path in folders:
                return True
            path = os.path.dirname(path)
        return False

    def _beyond_reach(self, path: str) -> FolderError | None:
        """Why a folder that wasn't found may be there all the same: a link leads nowhere, or the folder around it is
        not the one that was read."""
        if os.path.islink(openable(path)) and not os.path.exists(openable(path)):
            return FolderMissing(path=path)
        self.check_root()
        around = self._folders.get(os.path.dirname(path))
        if around is None:
            return None  # it was kept, and that around it has no files of ours
        try:
            same = os.stat(openable(around.path)).st_dev == around.device
        except FileNotFoundError:
            return self._beyond_reach(around.path)
        except OSError as error:
            return folder_error_from_os(error, path)
        return None if same or not around.there else FolderMissing(path=path)

    def _bar(self, error: FolderError) -> Steps:
        """Tell once that a folder can't be read."""
        path = str(error.data["path"])
        if path not in self._unlisted:
            self._unlisted.add(path)
            yield Unlisted(error)

    def _pace(self) -> Steps:
        """Tell what there is to be told, when it is enough or has waited long enough."""
        now = time.monotonic()
        if not self._rows.is_due and now < self._deadline:
            return
        told = False
        for event in self._rows.news():
            told = True
            yield event
        if not told:
            yield None
        self._deadline = time.monotonic() + CHUNK_SECONDS

    # --- what was unplugged ----------------------------------------------------------------------

    def _note_mount(self, found: FolderFound) -> None:
        around = self._folders.get(os.path.dirname(found.path))
        try:
            device = around.device if around else os.stat(openable(os.path.dirname(found.path))).st_dev
        except OSError:
            return
        if device != found.device and _is_mount(found.path):
            self.mounted.add(found.path)
        else:
            self.mounted.discard(found.path)

    def _unplugged(self, found: FolderFound) -> FolderError | None:
        if found.path in self.mounted and found.empty and not _is_mount(found.path):
            return FolderMissing(path=found.path)
        return None

    def check_root(self) -> bool:
        """Whether the root is the folder that was read. Raises FolderError if it can't be reached."""
        try:
            status = os.stat(openable(self._root))
            os.scandir(openable(self._root)).close()
            folder = self._folders.get(self._root)
            if folder is None or folder.device == status.st_dev:
                return folder is None or folder.identity == folder_identity(self._root, status)
            error = self._unplugged(read_folder(self._root))
        except OSError as failure:
            raise folder_error_from_os(failure, self._root) from failure
        if error:
            raise error
        return False

    # --- pages -----------------------------------------------------------------------------------

    def _note_pages(self, folder: _Folder, name: str, row: int) -> None:
        state = self._rows.state(row)
        counted = self._counts.get(row) or self._known_pages.get((folder.path, name))
        if counted and counted[:2] == state:
            self._counts[row] = counted
            self._set_pages(row, counted[2])
        elif self._pages:
            self._uncounted.add(row)

    def _set_pages(self, row: int, pages: int) -> None:
        rows, state = self._rows, self._rows.state(row)
        further = self._further.setdefault(row, []) if pages > 1 else self._further.get(row, [])
        for page, other in enumerate(further, 1):
            if page < pages:
                rows.put(other, state)
            else:
                rows.lose(other)
        for page in range(len(further) + 1, min(pages, MAX_PAGES)):
            further.append(rows.add(rows.folder_of(row), rows.names[row], state, page))

    def _count_pages(self) -> Steps:
        rows = self._rows
        while self._pages and self._uncounted:
            yield from rows.news()
            batch = sorted(self._uncounted)[:PAGES_AT_ONCE]
            self._uncounted.difference_update(batch)
            paths = [os.path.join(rows.folders[rows.folder_of(row)], rows.names[row]) for row in batch]
            for row, path, pages in zip(batch, paths, self._pages(paths), strict=True):
                self._counts[row] = (*rows.state(row), pages)
                self._set_pages(row, pages)
                yield Counted(path, *self._counts[row])
            yield None

    # --- looking where something may have happened ----------------------------------------------

    def look_at_folders(self) -> Steps:
        """Read those folders again whose entries have changed."""
        self.check_root()
        for path, folder in list(self._folders.items()):
            yield from self._pace()
            try:
                status = os.stat(openable(path)) if folder.there else None
            except OSError:
                continue  # the folder around it has changed too
            if status and (status.st_mtime_ns != folder.mtime or status.st_dev != folder.device):
                yield from self._reread(path)
        yield from self._count_pages()
        yield from self._rows.news()

    def has_new_mount(self) -> bool:
        """Whether a file system inside the root was unplugged, or is back: no notification tells that."""
        for path in self.mounted & self._folders.keys():
            try:
                changed = os.stat(openable(path)).st_dev != self._folders[path].device
            except OSError:
                continue
            if _is_mount(path) if path in self._unlisted else changed:
                return True
        return False

    def take_hints(self, hints: dict[str, bool]) -> Steps:
        """Look at paths where something happened; each is said to be gone, or not."""
        if len(hints) >= MANY_HINTS:
            yield from self.compare_all()
            return
        by_folder: dict[str, dict[str, bool]] = {}
        for path, said_gone in hints.items():
            around, name = os.path.split(path)
            if path == self._root or not name:
                by_folder.setdefault(self._root, {})
            elif known := self._nearest(around):
                nearest, way = known
                first = way.partition(os.sep)[0]
                names = by_folder.setdefault(nearest, {})
                names[first or name] = names.get(first or name, False) or (said_gone and not first)
        for path in sorted(by_folder):  # a folder before those in it
            if self._folders[path].there:
                yield from self._look(self._folders[path], by_folder[path])
        yield from self._count_pages()
        yield from self._rows.news()

    def _nearest(self, path: str) -> tuple[str, str] | None:
        """The folder of ours that is, or holds, this path, and is still there, and the way on from it. None if that is
        hidden. Where links lead to one folder in several ways, any of them may have been told."""
        way, lost = "", ""
        ours: tuple[str, ...]
        while True:
            try:
                ours = path, self._seen.get(folder_identity(path, os.stat(openable(path))), path)
            except OSError:
                ours, lost = (), path
            for known in ours:
                if known in self._folders and self._folders[known].there:
                    around = self._folders.get(os.path.dirname(lost))
                    if lost and (around is None or lost not in around.inside):
                        self._puzzled = True
                    return known, way
            path, name = os.path.split(path)
            if not name or name.startswith(HIDDEN):
                return None
            way = os.path.join(name, way) if way else name

    def _look(self, folder: _Folder, names: Mapping[str, bool]) -> Steps:
        """Look at these names in a folder; without names, at all of it."""
        try:
            if os.stat(openable(folder.path)).st_dev != folder.device:
                yield from self._compare(folder.path)
                return
        except OSError:
            return  # the folder around it tells
        known = self._known_in(folder)
        whole = not names
        for name in sorted(names):
            if name.startswith(HIDDEN):
                continue
            path = os.path.join(folder.path, name)
            try:
                status = _status(path)
            except OSError:
                continue  # there is no telling
            if status and stat.S_ISDIR(status.st_mode):
                folder.inside.add(path)
                yield from self._look_into(path, status)
            elif path in folder.inside:
                folder.inside.discard(path)
                self._restructured = True
                yield from self._drop_unseen(path, (), set())
            # What is said to be gone and is there: gone for a moment, or written otherwise now (A.JPG, not a.jpg).
            whole = whole or (names[name] and status is not None)
            row = known.get(name, -1)
            if status and not stat.S_ISDIR(status.st_mode):
                if kind_code(name) is not None:
                    self._note(folder, name, (status.st_size, status.st_mtime_ns), row)
            elif row >= 0 and not os.path.islink(openable(path)):
                self._lose(row)
            yield from self._pace()
        if whole:
            yield from self._reread(folder.path)

    def _look_into(self, path: str, status: os.stat_result) -> Steps:
        folder = self._folders.get(path)
        if not self._recursive:
            return
        if folder and folder.there and folder.identity == folder_identity(path, status):
            yield from self._reread(path)
            return
        if os.path.realpath(path) != os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)):
            self.links.add(path)
        yield from self._compare_new(path)

    def _compare_new(self, path: str) -> Steps:
        entered = yield from self._compare(path)
        self._again.update(dict.fromkeys(entered, time.monotonic() + AGAIN_SECONDS))

    def read_again(self) -> Steps:
        """Read those folders again that were new a moment ago."""
        now = time.monotonic()
        due = [path for path, at in self._again.items() if at <= now]
        for path in due:
            del self._again[path]
            if self._folders[path].there:
                yield from self._reread(path)
        if due:
            yield from self._count_pages()
            yield from self._rows.news()

    def _reread(self, path: str) -> Steps:
        """Compare one folder, and those in it that are new or missing."""
        before = self._folders[path].inside
        try:
            found = read_folder(path)
        except OSError as error:
            if path == self._root:
                raise folder_error_from_os(error, path) from error
            if os.path.lexists(openable(path)):
                yield from self._bar(folder_error_from_os(error, path))
            return
        if unplugged := self._unplugged(found):
            if path == self._root:
                raise unplugged
            yield from self._bar(unplugged)
            return
        yield from self._enter(found)
        if not self._recursive:
            return
        inside = self._folders[path].inside
        for child in sorted(inside):
            known = self._folders.get(child)
            if known is None or not known.there:
                yield from self._compare_new(child)
        for child in sorted(before - inside):
            self._restructured = True
            yield from self._drop_unseen(child, (), set())


def _is_mount(path: str) -> bool:
    try:
        return os.path.ismount(os.path.realpath(path))
    except OSError:
        return False


def _status(path: str) -> os.stat_result | None:
    """None if nothing is there, or a link that leads nowhere. Raises OSError if there is no telling."""
    try:
        return os.stat(openable(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
