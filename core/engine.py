"""The engine itself: catalog, decoding workers and judges under one roof."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from typing import Any, TypeVar

from core.catalog import Catalog
from core.decoding import Thumbnail
from core.decoding.pool import DecodingPool, Task
from core.errors import CatalogDamaged, ListingUnknown, MediaError
from core.jobs import (
    Adopt,
    DownloadModel,
    EstimateCost,
    Event,
    Explain,
    Jobs,
    ListModels,
    ListSubfolders,
    LoadJudge,
    MakeFilmstrip,
    MakePreview,
    MakeThumbnails,
    Notice,
    Rank,
    Request,
    Scan,
    ScanFinished,
    ScanStarted,
    Subfolders,
    ThumbnailMade,
    UnloadJudge,
    VerifyModel,
)
from core.judges import Judges
from core.media import Listed, Listing, scan, subfolders
from core.ranking import Kept, OpenListing, explain, kept_under, rank
from core.scorers import Scorer
from core.settings import Home, load_settings

T = TypeVar("T")
Steps = Generator[Event | None, None, None]
"""A job to be stepped: it yields None when it can do nothing until `Engine.answered` is set."""

HELD_LISTINGS = 8
"""Listings kept by token; the oldest is forgotten first."""


class Engine(Jobs):
    """The engine in this process. Used by one thread; `home` overrides SEMBLANCE_HOME."""

    def __init__(
        self, home: str | os.PathLike[str] | None = None, *, workers: int | None = None, time_limit: float = 20.0
    ) -> None:
        self.home = Home.find(home)
        self.answered = threading.Event()
        """Set whenever a job that had nothing to do may go on."""
        self.catalog = Catalog(self.home.catalog)
        self._pool = DecodingPool(workers=workers, time_limit=time_limit, on_done=self.answered.set)
        self._listings: OrderedDict[str, OpenListing] = OrderedDict()
        self._judges = Judges(self.home.judges, lambda: load_settings(self.home.settings)[0].model_folders)
        self._kept: dict[str, Kept] = {}

    def close(self) -> None:
        self._judges.unload()
        self._pool.close()
        self.catalog.close()

    def run(self, request: Request) -> Iterator[Event]:
        steps = self.steps(request)
        with contextlib.closing(steps):
            for event in steps:
                if event is None:
                    self.answered.wait(0.2)
                    self.answered.clear()
                else:
                    yield event

    def look_at(self, listing: Listing | str, rows: Sequence[int]) -> None:
        if opened := self._listings.get(_token(listing)):
            opened.first = list(rows)

    def steps(self, request: Request) -> Steps:
        """The request as a generator to be stepped: it yields None while it waits (see `answered`)."""
        match request:
            case Rank():
                return self._rank(request)
            case MakeThumbnails():
                return self._thumbnails(request)
            case MakePreview():
                return _await(self._pool.preview(request.path, request.pixels, request.at))
            case MakeFilmstrip():
                return _await(self._pool.filmstrip(request.path, request.pixels, request.frames))
            case Scan():
                return self._scan(request)
            case ListSubfolders():
                return self._threaded(iter(lambda: Subfolders(request.folder, subfolders(request.folder)), None), 1)
            case Explain():
                return self._explain(request)
            case Adopt():
                return self._adopt(request)
            case ListModels():
                return self._threaded(self._judges.models(request.folder))
            case EstimateCost():
                return self._threaded(self._judges.cost(request.judge))
            case LoadJudge():
                return self._threaded(self._judges.load(request.judge))
            case UnloadJudge():
                # In a thread: it waits for the judge's present batch.
                return self._threaded(self._judges.unloaded())
            case DownloadModel():
                return self._threaded(self._judges.download(request.name))
            case VerifyModel():
                return self._threaded(self._judges.verify(request.name))

    # --- jobs ------------------------------------------------------------------------------------

    def _scan(self, request: Scan) -> Steps:
        began = time.monotonic()
        listing = Listing(request.folder, recursive=request.recursive)
        started = ScanStarted(listing.root, listing.recursive, listing.token)
        # In a thread: a disk or share that answers slowly must not hold up the other jobs.
        for event in self._threaded(scan(request.folder, recursive=request.recursive)):
            if event is not None and listing.token not in self._listings:
                # Only now: a folder that can't be listed has no listing.
                self._hold(listing)
                yield started
            if isinstance(event, Listed):
                listing.append(event)
            yield event
        if listing.token not in self._listings:
            self._hold(listing)
            yield started
        listing.complete = True
        yield ScanFinished(len(listing), time.monotonic() - began)

    def _adopt(self, request: Adopt) -> Steps:
        self._hold(request.listing)
        yield from ()

    def _rank(self, request: Rank) -> Steps:
        opened, scorer = self._opened(request.listing), self._judges.of(request.judge)
        if self.catalog.notice:
            yield Notice(self.catalog.notice)
        thumbnail = (request.thumbnail_pixels, str(self.home.thumbnails)) if request.thumbnail_pixels else None
        for last_try in (False, True):
            try:
                yield from rank(
                    request.query,
                    opened,
                    scorer,
                    self._kept_of(scorer),
                    self.catalog,
                    self._pool,
                    on_judged=self.answered.set,
                    thumbnail=thumbnail,
                )
                break
            except CatalogDamaged as error:
                if last_try:
                    raise
                yield Notice(error)  # set aside by now, and a new one begun

    def _explain(self, request: Explain) -> Steps:
        opened, scorer = self._opened(request.listing), self._judges.of(request.judge)
        yield from explain(request.query, opened, request.row, scorer, self.catalog, self._pool)

    def _thumbnails(self, request: MakeThumbnails) -> Steps:
        listing = self._opened(request.listing).listing
        waiting = list(reversed(request.rows))
        flying: dict[int, Task[Thumbnail]] = {}
        try:
            while waiting or flying:
                while waiting and len(flying) < self._pool.workers * 2:
                    row = waiting.pop()
                    if row < len(listing):
                        path = listing.path(row)
                        flying[row] = self._pool.thumbnail(path, request.pixels, str(self.home.thumbnails))
                finished = [row for row, task in flying.items() if task.done()]
                for row in finished:
                    try:
                        yield ThumbnailMade(row, flying.pop(row).result(), None)
                    except MediaError as error:
                        yield ThumbnailMade(row, None, error)
                if not finished:
                    yield None
        finally:
            for task in flying.values():
                task.cancel()

    # --- parts -----------------------------------------------------------------------------------

    def _kept_of(self, scorer: Scorer[Any]) -> Kept:
        name = kept_under(scorer)
        if name not in self._kept:
            self._kept[name] = Kept(scorer)
        return self._kept[name]

    def _hold(self, listing: Listing) -> None:
        self._listings[listing.token] = OpenListing(listing)
        while len(self._listings) > HELD_LISTINGS:
            self._listings.popitem(last=False)

    def _opened(self, listing: Listing | str) -> OpenListing:
        token = _token(listing)
        if token not in self._listings and isinstance(listing, Listing):
            self._hold(listing)
        if token not in self._listings:
            raise ListingUnknown
        self._listings.move_to_end(token)
        return self._listings[token]

    def _threaded(self, items: Iterator[T], limit: int | None = None) -> Generator[T | None, None, None]:
        """The items, made by a thread of their own; None while the next one is not there yet.

        Closed early, the thread closes `items` as soon as the next one is made.
        """
        made: queue.Queue[tuple[T | None, BaseException | None, bool]] = queue.Queue(maxsize=8)
        stopped = threading.Event()

        def make() -> None:
            failure: BaseException | None = None
            try:
                for count, item in enumerate(items, 1):
                    put((item, None, False))
                    if stopped.is_set() or count == limit:
                        break
            except BaseException as error:  # handed to the thread that asked
                failure = error
            if isinstance(items, Generator):
                items.close()
            put((None, failure, True))

        def put(entry: tuple[T | None, BaseException | None, bool]) -> None:
            while not stopped.is_set():
                try:
                    made.put(entry, timeout=0.1)
                except queue.Full:
                    continue
                self.answered.set()
                return

        threading.Thread(target=make, name="listing", daemon=True).start()
        try:
            while True:
                try:
                    item, failure, ended = made.get_nowait()
                except queue.Empty:
                    yield None
                    continue
                if failure:
                    raise failure
                if ended:
                    return
                yield item
        finally:
            stopped.set()


def _await(task: Task[T]) -> Generator[T | None, None, None]:
    try:
        while not task.done():
            yield None
        yield task.result()
    finally:
        task.cancel()


def _token(listing: Listing | str) -> str:
    return listing if isinstance(listing, str) else listing.token
