"""When a folder is looked at so that its listing keeps in step with the disk: at first, when notified, at intervals."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Generator
from dataclasses import dataclass

from core.errors import FolderError
from core.following.comparing import AGAIN_SECONDS, Comparison, Counted, KnownPages, PageCounter
from core.following.packing import pack, unpack
from core.following.watching import Watch, is_network_folder
from core.media import Away, Changed, Gone, Listed, Listing, Unlisted

__all__ = ["Compared", "Counted", "News", "PageCounter", "Steps", "follow", "pack"]

IDLE_SECONDS = 0.25
"""How often a follower that waits yields None."""
ROOT_SECONDS = 1.0
"""How often it looks whether the folder itself is still there."""
POLL_SECONDS = 2.0
"""How often folders are looked at where nothing is watched, and whether a folder that is away is back."""
NET_SECONDS = 60.0
"""How often folders are looked at although they are watched: notifications get lost."""
LOAD = 10
"""A look at all folders, or at all files, is repeated after so many times as long as it took, if that is later."""
WATCH_TRIES = 3
"""A watch that breaks that often is given up, and the folder polled."""


@dataclass(frozen=True)
class Compared:
    """All that is there has been listed, and what was kept was compared with it. Comes once."""

    mounted: tuple[str, ...] = ()
    """Folders that are the top of another file system than that around them: for `pack`."""


News = Listed | Unlisted | Changed | Gone | Away | Counted | Compared
Steps = Generator[News | None, None, None]


def follow(
    folder: str | os.PathLike[str],
    *,
    recursive: bool = True,
    kept: bytes | Listing | None = None,
    pages: PageCounter | None = None,
    known_pages: KnownPages | None = None,
    live: bool = False,
    polling: bool | None = None,
) -> Steps:
    """The listing of a folder and what becomes of it: the rows that were kept, what has changed since, then Compared.

    `kept`: what `pack` made of it the last time; damaged, it counts as none. Or a listing that was told before: it is
    gone on with, under the same row numbers.
    `pages`, `known_pages`: how pages are counted, and (size, mtime, pages) by folder and name of files whose pages
    were counted before; without a counter a file has the rows it was kept with, a new one has one.
    `live`: go on with what changes, until closed. It yields None at least every 0.3 s while nothing happens.
    `polling`: look again and again, instead of being notified; None: where the folder is on a network.

    Rows are numbered over all that is listed, in that order. Raises FolderError if the folder can't be listed and
    nothing was kept; if something was, it is away.
    """
    root = os.path.abspath(os.fspath(folder))
    comparison = Comparison(root, recursive, pages, known_pages or {})
    if isinstance(kept, Listing):
        comparison.resume(kept)
        recalled = True
    else:
        packed = unpack(kept)
        recalled = packed is not None and comparison.recall(packed)
    yield from comparison.news()
    away = False
    try:
        yield from comparison.compare_all()
    except FolderError:
        if not recalled and not len(comparison):
            raise
        yield from comparison.news()
        yield Away(True)
        away = True
    yield Compared(tuple(sorted(comparison.mounted)))
    if live:
        yield from _Follower(root, recursive, comparison).run(away, polling)


class _Follower:
    """Decides when to look, without end."""

    def __init__(self, root: str, recursive: bool, comparison: Comparison) -> None:
        self._root = root
        self._recursive = recursive
        self._comparison = comparison
        self._next_watch = 0.0

    def run(self, away: bool, polling: bool | None) -> Steps:
        tries = WATCH_TRIES
        while True:
            try:
                if away:
                    yield from self._wait_until_back()
                    away = False
                    yield Away(False)
                    yield from self._comparison.compare_all()
                if polling is None:
                    polling = is_network_folder(self._root)
                if polling or not tries:
                    yield from self._poll()
                elif (yield from self._listen()):
                    tries -= 1
            except FolderError:
                yield from self._comparison.news()
                yield Away(True)
                away = True

    def _wait_until_back(self) -> Steps:
        next_look = time.monotonic() + POLL_SECONDS
        while True:
            time.sleep(min(IDLE_SECONDS, POLL_SECONDS))
            yield None
            if time.monotonic() < next_look:
                continue
            with contextlib.suppress(FolderError):
                self._comparison.check_root()
                return
            next_look = time.monotonic() + POLL_SECONDS

    def _poll(self) -> Steps:
        """Look at the folders again and again, and more rarely at all files."""
        comparison = self._comparison
        next_look = time.monotonic() + POLL_SECONDS
        next_comparison = _after(POLL_SECONDS, comparison.cost)
        while True:
            time.sleep(min(IDLE_SECONDS, POLL_SECONDS))
            began = time.monotonic()
            if began >= next_comparison:
                yield from comparison.compare_all()
                next_comparison = _after(POLL_SECONDS, comparison.cost)
            elif began >= next_look:
                yield from comparison.look_at_folders()
                next_look = _after(POLL_SECONDS, time.monotonic() - began)
            yield None

    def _listen(self) -> Generator[News | None, None, bool]:
        """Take in what a watch hears, until it breaks (True), or another is needed (False)."""
        comparison = self._comparison
        watched = comparison.links | comparison.mounted
        root = os.path.join(os.path.realpath(self._root), "")
        beyond = {real for real in map(os.path.realpath, watched) if not os.path.join(real, "").startswith(root)}
        watch = Watch([self._root, *sorted(beyond)], recursive=self._recursive)
        try:
            while not watch.ready.wait(IDLE_SECONDS):
                yield None
            # What changed before it heard anything.
            yield from comparison.compare_all()
            self._next_watch = _after(AGAIN_SECONDS, comparison.cost)
            return (yield from self._heed(watch, watched))
        finally:
            watch.close()

    def _heed(self, watch: Watch, watched: set[str]) -> Generator[News | None, None, bool]:
        comparison = self._comparison
        next_check, next_look = time.monotonic() + ROOT_SECONDS, time.monotonic() + NET_SECONDS
        while comparison.links <= watched and comparison.mounted <= watched:
            hints = watch.hear(IDLE_SECONDS)
            if hints is None:
                return True
            now = time.monotonic()
            if now >= next_check or self._root in hints:
                if not comparison.check_root() or comparison.has_new_mount():
                    return False
                next_check = now + ROOT_SECONDS
            if hints:
                yield from comparison.take_hints(hints)
            yield from comparison.read_again()
            if now >= next_look:
                yield from comparison.look_at_folders()
                next_look = _after(NET_SECONDS, time.monotonic() - now)
            if comparison.is_doubtful and now >= self._next_watch:
                # By another watch: one that knew a folder by way of a link hears nothing of it once the link is gone.
                return False
            yield None
        return False


def _after(seconds: float, cost: float) -> float:
    """When something that took so long is due again: by the monotonic clock."""
    return time.monotonic() + max(seconds, LOAD * cost)
