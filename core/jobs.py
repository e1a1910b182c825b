"""What can be asked of the engine, and what it answers: requests and events, frozen, fit to travel between processes.

`Jobs` turns each request into a method, once, for the engine in this process (`core.engine.Engine`) and for the one
in a process of its own (`core.service.EngineProcess`). Light to import: the window's process lives on it.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.decoding import Preview, Raster, Thumbnail
from core.errors import FolderError, JudgeError, MediaError, SemblanceError
from core.media import Away, Changed, Gone, Listed, Listing, Unlisted
from core.query import Query
from core.scorers import Explanation, JudgeChoice, Understood

BUILTIN = JudgeChoice()
JUDGE_SECONDS = 20.0
"""For how long a judge works at what was found, unless the person says otherwise."""

# --- requests, by falling priority -------------------------------------------------------------------


@dataclass(frozen=True)
class Rank:
    """Judge the files of a listing by a query. Events: Understood, Scored, Failed, Progress, Notice, Settled."""

    priority: ClassVar[int] = 0
    query: Query
    listing: Listing | str
    """The listing, or its token."""
    judge: JudgeChoice = BUILTIN
    """Raises JudgeNotLoaded unless it is the built-in matcher or was loaded."""
    thumbnail_pixels: int = 0
    """Not 0: also leave thumbnails of this size in the cache while files are open."""
    live: bool = False
    """Go on when the listing changes, until cancelled."""
    finder: JudgeChoice | None = None
    """Find, then judge: who puts everything in order at once, so that the judge takes the most promising first. Then
    Staged comes too, and Scored says which scores are the finder's. One that is not loaded is stood in for by the
    built-in matcher. Has no effect for a judge that is quick itself."""
    judge_seconds: float | None = None
    """With a finder: for how long the judge may work; None: until all is judged."""


@dataclass(frozen=True)
class Prepare:
    """Have an embedder, or the built-in matcher, learn what is to be known of every file. Rankings go first.

    Events: Preparation, Failed, Notice, Settled. Raises JudgeNotLoaded, and CatalogError where nothing can be kept.
    """

    priority: ClassVar[int] = 3
    listing: Listing | str
    finder: JudgeChoice
    live: bool = False
    """Go on as files come and change, until cancelled."""


@dataclass(frozen=True)
class CountPrepared:
    """Say how much of a listing is prepared for a finder, loaded or not. Event: one Preparation."""

    priority: ClassVar[int] = 2
    listing: Listing | str
    finder: JudgeChoice


@dataclass(frozen=True)
class MakeThumbnails:
    """Events: ThumbnailMade, one a row, as they are ready."""

    priority: ClassVar[int] = 1
    listing: Listing | str
    rows: Sequence[int]
    pixels: int
    """The longest side."""


@dataclass(frozen=True)
class MakePreview:
    """Event: one Preview. Raises MediaError."""

    priority: ClassVar[int] = 1
    path: str
    pixels: int
    at: float = 0.0
    """Seconds into a clip."""
    page: int = 0


@dataclass(frozen=True)
class MakeFilmstrip:
    """Event: one list of Raster, evenly spaced over the clip. Raises MediaError."""

    priority: ClassVar[int] = 1
    path: str
    pixels: int
    frames: int


@dataclass(frozen=True)
class Scan:
    """List the media of a folder. Events: ScanStarted, Listed, Unlisted, ScanFinished. Raises FolderError.

    The first row of a file comes with its first page; the others follow, before ScanFinished, once they were counted.
    """

    priority: ClassVar[int] = 2
    folder: str
    recursive: bool = True
    live: bool = False
    """Begin with what was there the last time, then compare, then watch, until cancelled: after ScanFinished come
    Listed, Changed and Gone as things change on the disk, and Away when the folder itself goes or comes back. A
    folder that is away, but was listed before, is listed as it was."""
    listing: Listing | str | None = None
    """Go on with this one, or with this token's, made by an engine that is gone: its rows keep their numbers."""


@dataclass(frozen=True)
class FindStacks:
    """Say which files of a listing are the same, or nearly, as far as their contents are known. Event: one Stacked."""

    priority: ClassVar[int] = 2
    listing: Listing | str
    finder: JudgeChoice | None = None
    """Whose vectors tell near duplicates too, of files that are prepared for it."""


@dataclass(frozen=True)
class ListSubfolders:
    """Event: one Subfolders. Raises FolderError."""

    priority: ClassVar[int] = 2
    folder: str


@dataclass(frozen=True)
class Explain:
    """Say why a file stands where it does. Event: one Explanation, or none while the file isn't judged.

    Raises QueryError.
    """

    priority: ClassVar[int] = 1
    query: Query
    listing: Listing | str
    row: int
    judge: JudgeChoice = BUILTIN


@dataclass(frozen=True)
class Adopt:
    """Take over a listing made by an engine that is gone, rows unchanged. No events."""

    priority: ClassVar[int] = 0
    listing: Listing


# --- requests about models


@dataclass(frozen=True)
class ListModels:
    """Say which models there are and what fits this machine. Event: one Models.

    Takes seconds the first time: the libraries are loaded, and the devices tried. Raises LibrariesMissing.
    """

    priority: ClassVar[int] = 1
    folder: str = ""
    """A folder of the person's to list too."""


@dataclass(frozen=True)
class EstimateCost:
    """Try out how fast a model of this shape would be here, whether its weights are here or not. Event: one Cost.

    Raises JudgeError.
    """

    priority: ClassVar[int] = 1
    judge: JudgeChoice


@dataclass(frozen=True)
class LoadJudge:
    """Load a reranker's or an embedder's weights. Events: Loading, then one JudgeLoaded.

    One of each may be loaded; another of the same kind that was loaded is given back first. Cancelled, it gives back
    what was loaded. Raises JudgeError.
    """

    priority: ClassVar[int] = 1
    judge: JudgeChoice
    finder: bool = False
    """Whether it is to find: then it must be an embedder, and a folder that doesn't say what it is counts as one."""


@dataclass(frozen=True)
class UnloadJudge:
    """Give back the memory of the loaded reranker, or embedder. No events; nothing happens if none is loaded."""

    priority: ClassVar[int] = 0
    finder: bool = False
    """The embedder's."""


@dataclass(frozen=True)
class DownloadModel:
    """Fetch a known model, going on where it stopped. The only request that opens a connection.

    Events: Downloading. Cancelled, it keeps what has arrived. Raises JudgeError.
    """

    priority: ClassVar[int] = 2
    name: str


@dataclass(frozen=True)
class VerifyModel:
    """Check every file of a model. Events: Verifying. Raises JudgeError."""

    priority: ClassVar[int] = 2
    name: str


# --- requests about what is kept


@dataclass(frozen=True)
class MeasureStorage:
    """Say how much is kept, and of what. Event: one Storage."""

    priority: ClassVar[int] = 1


@dataclass(frozen=True)
class ClearStorage:
    """Throw away parts of what is kept, by StoragePart.name, and give the disk its space back. Event: one Storage.

    Raises CatalogError.
    """

    priority: ClassVar[int] = 1
    parts: tuple[str, ...]


@dataclass(frozen=True)
class BackUp:
    """Write everything the program knows into one file. Event: one BackedUp. Raises BackupError, CatalogError."""

    priority: ClassVar[int] = 2
    path: str


@dataclass(frozen=True)
class Restore:
    """Take in what a backup knows; what is here already stays. Event: one Restored.

    Raises BackupError, CatalogError.
    """

    priority: ClassVar[int] = 2
    path: str


Request = (
    Rank
    | Prepare
    | CountPrepared
    | MakeThumbnails
    | MakePreview
    | MakeFilmstrip
    | Scan
    | FindStacks
    | ListSubfolders
    | Explain
    | Adopt
    | ListModels
    | EstimateCost
    | LoadJudge
    | UnloadJudge
    | DownloadModel
    | VerifyModel
    | MeasureStorage
    | ClearStorage
    | BackUp
    | Restore
)


# --- events ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scored:
    """Scores in 0..1 of rows of the listing. A later one for the same row replaces it."""

    rows: NDArray[np.int32]
    scores: NDArray[np.float32]
    known: bool
    """Whether they come from the catalog."""
    judged: bool = True
    """False: found only. In a ranking with a finder such scores are on the judge's scale as far as that is known, and
    are replaced as more is."""


@dataclass(frozen=True)
class Failed:
    """Rows that can't be scored, and why."""

    rows: list[int]
    errors: list[MediaError]


@dataclass(frozen=True)
class Progress:
    done: int
    """Files scored or failed."""
    total: int
    failed: int
    rate: float
    """Files a second over the last seconds."""
    seconds_left: float | None


@dataclass(frozen=True)
class Staged:
    """How far a ranking with a finder is."""

    finder: str
    """The title of who finds."""
    found: int
    """Files that it has put in order."""
    judged: int
    """Files that the judge has scored, in this ranking or before."""
    total: int
    rate: float
    """Files that the judge scores in a second; 0 while that is not known."""
    judging: bool
    """Whether the judge is at work; else its time is up, or nothing is left to judge."""
    seconds_left: float | None
    """Of the judge's time; None: it has as long as it takes."""
    seconds_for_all: float | None
    """What judging all the rest would take; None while that is not known."""
    calibrated: bool
    """Whether what is only found stands on the judge's scale; else it stands below all that is judged."""


@dataclass(frozen=True)
class Preparation:
    """How much of a listing is prepared."""

    prepared: int
    total: int
    failed: int
    """Files that can't be prepared."""
    rate: float = 0.0
    """Files a second over the last seconds."""
    seconds_left: float | None = None
    waiting: bool = False
    """Whether it waits for a ranking to end."""


@dataclass(frozen=True)
class Settled:
    """All that is there has been judged or has failed; a live ranking goes on when something changes."""

    remark: SemblanceError | None = None
    """What a Notice told of the query and still holds; None once files have come that it does not hold for."""


@dataclass(frozen=True)
class Notice:
    """Something to tell that does not stop the ranking."""

    error: SemblanceError


@dataclass(frozen=True)
class ScanStarted:
    root: str
    recursive: bool
    token: str


@dataclass(frozen=True)
class ScanFinished:
    files: int
    seconds: float


@dataclass(frozen=True)
class Stacked:
    """Which rows show the same picture, clip or text, or nearly so."""

    stacks: NDArray[np.int32]
    """By row: the first row of its stack; its own where it stands alone."""


@dataclass(frozen=True)
class ThumbnailMade:
    row: int
    thumbnail: Thumbnail | None
    error: MediaError | None


@dataclass(frozen=True)
class Subfolders:
    folder: str
    names: list[tuple[str, bool]]
    """Each with whether it has folders of its own."""


@dataclass(frozen=True)
class ModelInfo:
    """A model as the model panel and `semblance models` show it."""

    name: str
    """What JudgeChoice.name says: 2B, 8B, Embedding-2B, Embedding-8B, SigLIP2, or a folder."""
    finds: bool
    """Whether it is an embedder, which finds, or judges by itself; else a reranker."""
    title: str
    """Qwen3-VL-Reranker-2B, or the folder's name."""
    folder: str
    """Where it lies; empty if it is not here."""
    size: int
    """Bytes of its files here, or to be fetched."""
    arrived: int
    """Bytes that are here; less than `size` after a download that stopped."""
    problem: JudgeError | None
    """Why the files that are here can't be used."""
    fits: bool
    """Whether this machine can hold it, in the precision that `auto` would take."""
    advice: str
    """In one line: how it would run here, or what stands against it."""


@dataclass(frozen=True)
class Models:
    known: tuple[ModelInfo, ...]
    auto: str
    """The name that `auto` means here; empty if nothing that is here fits."""
    devices: tuple[tuple[str, str, int], ...]
    """(cuda | mps | cpu, its name, bytes of its memory that a model may use), best first."""
    auto_finder: str = ""
    """The name of the embedder to take here: of those that are here, else the one to fetch; empty if none fits."""


@dataclass(frozen=True)
class Cost:
    """What judging by a model costs here, tried out or measured."""

    judge: JudgeChoice
    """As asked, with what `auto` came to filled in."""
    pictures_per_second: float
    measured: bool
    """By rankings with the loaded model; else tried out on a few layers of its shape."""


@dataclass(frozen=True)
class Loading:
    """How far loading is. `stage`: libraries, checking, weights, warming."""

    stage: str
    done: int
    """Bytes of weights that are in place."""
    total: int


@dataclass(frozen=True)
class JudgeLoaded:
    judge: JudgeChoice
    """As asked, with what `auto` came to filled in."""
    title: str
    why: str
    """In one line: what was chosen and why."""
    memory: int
    """Bytes that it takes on its device."""
    finder: bool = False
    """Whether it is an embedder."""


@dataclass(frozen=True)
class Downloading:
    file: str
    done: int
    """Bytes of the whole model."""
    total: int
    rate: float
    """Bytes a second over the last seconds."""
    seconds_left: float | None


@dataclass(frozen=True)
class Verifying:
    file: str
    done: int
    """Bytes."""
    total: int


@dataclass(frozen=True)
class StoragePart:
    """Something that is kept, and can be cleared by its name."""

    name: str
    """scores, features, listings, missing (files that are no longer there), thumbnails."""
    bytes: int
    count: int


@dataclass(frozen=True)
class Storage:
    catalog: str
    """The path of the catalog."""
    catalog_bytes: int
    """With its journal."""
    parts: tuple[StoragePart, ...]


@dataclass(frozen=True)
class BackedUp:
    path: str
    bytes: int


@dataclass(frozen=True)
class Restored:
    contents: int
    """Contents that were not known here."""
    scores: int
    """Scores that were not known here."""


RankingEvent = Scored | Failed | Progress | Staged | Notice | Settled | Understood
StorageEvent = Storage | BackedUp | Restored
ModelEvent = Models | Cost | Loading | JudgeLoaded | Downloading | Verifying

Event = (
    RankingEvent
    | ScanStarted
    | Listed
    | Unlisted
    | Changed
    | Gone
    | Away
    | ScanFinished
    | Stacked
    | Preparation
    | ThumbnailMade
    | Preview
    | list[Raster]
    | Subfolders
    | Explanation
    | ModelEvent
    | StorageEvent
)

T = TypeVar("T")


# --- the methods -------------------------------------------------------------------------------------


class Jobs(ABC):
    """The engine's methods, over `run`."""

    @abstractmethod
    def run(self, request: Request) -> Iterator[Event]:
        """The events of a request. Closing the iterator cancels it; a failure raises."""

    @abstractmethod
    def look_at(self, listing: Listing, rows: Sequence[int]) -> None:
        """Say which rows are on the screen: a ranking of this listing takes them first."""

    @abstractmethod
    def close(self) -> None:
        """End it: what was scored is kept."""

    def scan(self, folder: str | os.PathLike[str], *, recursive: bool = True) -> Iterator[Event]:
        return self.run(Scan(os.fspath(folder), recursive))

    def list_folder(
        self,
        folder: str | os.PathLike[str],
        *,
        recursive: bool = True,
        on_unlisted: Callable[[FolderError], object] | None = None,
    ) -> Listing:
        """Scan to the end and return the listing. `on_unlisted` hears of folders that could not be read."""
        listing = Listing(folder, recursive=recursive)
        for event in self.scan(folder, recursive=recursive):
            match event:
                case ScanStarted(token=token):
                    listing.token = token
                case Listed():
                    listing.append(event)
                case Unlisted(error=error) if on_unlisted:
                    on_unlisted(error)
        listing.complete = True
        return listing

    def rank(
        self,
        query: Query,
        listing: Listing,
        *,
        judge: JudgeChoice = BUILTIN,
        thumbnail_pixels: int = 0,
        finder: JudgeChoice | None = None,
        judge_seconds: float | None = None,
    ) -> Iterator[Event]:
        return self.run(Rank(query, listing, judge, thumbnail_pixels, finder=finder, judge_seconds=judge_seconds))

    def prepare(self, listing: Listing, finder: JudgeChoice) -> Iterator[Event]:
        """Have a finder learn every file of the listing; how far it is."""
        return self.run(Prepare(listing, finder))

    def stacks(self, listing: Listing, *, finder: JudgeChoice | None = None) -> NDArray[np.int32]:
        """By row, the first row that shows the same, or nearly (see Stacked)."""
        return _only(self.run(FindStacks(listing, finder)), Stacked).stacks

    def explain(self, query: Query, listing: Listing, row: int, *, judge: JudgeChoice = BUILTIN) -> Explanation | None:
        return next((e for e in self.run(Explain(query, listing, row, judge)) if isinstance(e, Explanation)), None)

    def load(self, judge: JudgeChoice, *, finder: bool = False) -> Iterator[Event]:
        """Load a judge's weights, or a finder's; how far it is, then one JudgeLoaded."""
        return self.run(LoadJudge(judge, finder))

    def unload(self, *, finder: bool = False) -> None:
        for _ in self.run(UnloadJudge(finder)):
            pass

    def thumbnails(self, listing: Listing, rows: Sequence[int], pixels: int) -> Iterator[Event]:
        return self.run(MakeThumbnails(listing, rows, pixels))

    def preview(self, path: str | os.PathLike[str], pixels: int, at: float = 0.0, *, page: int = 0) -> Preview:
        return _only(self.run(MakePreview(os.fspath(path), pixels, at, page)), Preview)

    def filmstrip(self, path: str | os.PathLike[str], pixels: int, frames: int) -> list[Raster]:
        return _only(self.run(MakeFilmstrip(os.fspath(path), pixels, frames)), list)

    def subfolders(self, folder: str | os.PathLike[str]) -> Subfolders:
        return _only(self.run(ListSubfolders(os.fspath(folder))), Subfolders)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _only(events: Iterator[Event], kind: type[T]) -> T:
    for event in events:
        if isinstance(event, kind):
            return event
    raise TypeError(f"no {kind.__name__} came")
