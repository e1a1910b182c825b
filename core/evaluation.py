"""How well a finder, a judge and both together answer the queries of a dataset: what it says, how they are measured.

    for event in evaluate(read_dataset("captions.json"), contenders(finder=JudgeChoice("SigLIP2"))):
        ...

Measures are of files: one with pages stands where its best page does. Every run has an engine of its own in a home
that is thrown away, so that seconds are those of a first time and nothing of the person's is touched; only what a
finder has learnt of the files goes on from run to run.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import tempfile
import time
import unicodedata
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from core.engine import Engine
from core.errors import DatasetEmpty, DatasetFileMissing, DatasetUnfit, DatasetUnreadable, QueryError
from core.jobs import BUILTIN, ClearStorage, Failed, Jobs, JudgeLoaded, Loading, Notice, Preparation, Scored
from core.media import Listing
from core.query import DEFAULT_INSTRUCTION, Query
from core.scorers import VECTOR_NUMBERS, JudgeChoice
from core.settings import Home, Settings, save_settings

Relevance = NDArray[np.float64]
"""(files,): how relevant each file is to a query, as the dataset says; 0: not at all."""
Order = NDArray[np.int64]
"""Files by number, best first; those that don't take part are not in it."""

JUDGE_SECONDS = 20.0

# --- the measures ------------------------------------------------------------------------------------


def recall(relevance: Relevance, order: Order, first: int) -> float:
    """The share of the relevant files that are among the `first` of the order. 0..1."""
    return np.count_nonzero(relevance[order[:first]]) / np.count_nonzero(relevance)


def ndcg(relevance: Relevance, order: Order, first: int = 10) -> float:
    """Normalised discounted cumulative gain among the `first`, 0..1: what each file is worth, divided by
    log2(1 + its place), in sum; over the same sum of the best order there could be.

    Järvelin and Kekäläinen, “Cumulated gain-based evaluation of IR techniques” (2002), with gains as they are given.
    """
    best = np.sort(relevance)[::-1][:first]
    gained = relevance[order[:first]]
    return float(np.sum(gained / _discounts(len(gained))) / np.sum(best / _discounts(len(best))))


def reciprocal_rank(relevance: Relevance, order: Order) -> float:
    """1 / the place of the first relevant file; 0 if there is none in the order."""
    places = np.flatnonzero(relevance[order])
    return 1 / (1 + float(places[0])) if len(places) else 0.0


def best_first(scores: NDArray[np.float32]) -> Order:
    """The order in which the program shows these scores: equal ones as they are listed, those without (NaN) last."""
    return np.argsort(-scores, kind="stable")


def _discounts(places: int) -> NDArray[np.float64]:
    return np.log2(np.arange(2, places + 2))


class Measures(NamedTuple):
    """Of one query's order, or their means over several."""

    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    ndcg_at_10: float
    reciprocal_rank: float

    @classmethod
    def of(cls, relevance: Relevance, order: Order) -> Self:
        at_1, at_5, at_10 = (recall(relevance, order, first) for first in (1, 5, 10))
        return cls(at_1, at_5, at_10, ndcg(relevance, order), reciprocal_rank(relevance, order))

    @classmethod
    def mean(cls, several: Sequence[Measures]) -> Self:
        return cls(*map(statistics.fmean, zip(*several, strict=True)))


# --- the dataset -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Topic:
    """A query, and what answers it."""

    query: Query
    relevant: Mapping[str, float]
    """How relevant, by a file's path in the folder, written with slashes. Never empty, never 0."""


@dataclass(frozen=True)
class Dataset:
    path: str
    folder: str
    topics: tuple[Topic, ...]

    def sample(self, count: int) -> Dataset:
        """`count` topics, each as likely as the other, always the same ones, in their order."""
        if count >= len(self.topics):
            return self
        chosen = sorted(random.Random(0).sample(range(len(self.topics)), count))
        return replace(self, topics=tuple(self.topics[index] for index in chosen))


def read_dataset(path: str | os.PathLike[str], folder: str | os.PathLike[str] | None = None) -> Dataset:
    """What the JSON file at `path` asks, in the plain shape or that of COCO captions.

    `folder` says where the files are; else the dataset does, or they are where it is itself. Opens nothing else.
    Raises DatasetUnreadable, DatasetUnfit and DatasetEmpty.
    """
    path = os.path.abspath(path)
    content = _read_json(path)
    try:
        folder = os.path.abspath(folder or os.path.join(os.path.dirname(path), _text(content, "folder")))
        topics = _topics(content, folder)
    except _Unfit as error:
        raise DatasetUnfit(path=path, detail=str(error)) from error
    if not topics:
        raise DatasetEmpty(path=path)
    return Dataset(path, folder, tuple(topics))


class _Unfit(Exception):
    """Where the dataset has not the shape it should have, and what is wrong there."""


def _read_json(path: str) -> Any:
    try:
        with open(path, encoding="utf-8-sig") as file:
            return json.load(file)
    except OSError as error:
        raise DatasetUnreadable(path=path, detail=os.strerror(error.errno or 0)) from error
    except (ValueError, RecursionError) as error:
        raise DatasetUnreadable(path=path, detail=str(error)) from error


def _topics(content: Any, folder: str) -> list[Topic]:
    if "queries" in content:
        return [_plain_topic(entry, number, folder) for number, entry in _numbered(content, "queries")]
    if "annotations" in content:
        return list(_caption_topics(content))
    raise _Unfit("it has neither queries nor annotations")


def _numbered(content: dict[str, Any], name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a list, counted as people do."""
    entries = content.get(name)
    if not isinstance(entries, list):
        raise _Unfit(f"{name} is no list")
    for number, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            raise _Unfit(f"number {number} of {name} is no object")
        yield number, entry


def _text(entry: Any, name: str) -> str:
    if not isinstance(entry, dict):
        raise _Unfit("it is no object")
    value = entry.get(name, "")
    if not isinstance(value, str):
        raise _Unfit(f"{name} is no text")
    return value


def _plain_topic(entry: dict[str, Any], number: int, folder: str) -> Topic:
    try:
        query = Query(
            text=_text(entry, "text"),
            images=_references(entry, "image", folder),
            videos=_references(entry, "video", folder),
            minus=_text(entry, "minus"),
            instruction=_text(entry, "instruction") or DEFAULT_INSTRUCTION,
        )
        relevant = _relevant(entry)
    except _Unfit as error:
        raise _Unfit(f"query {number}: {error}") from error
    if not query:
        raise _Unfit(f"query {number} has no text, image or video")
    return Topic(query, relevant)


def _references(entry: dict[str, Any], name: str, folder: str) -> tuple[Any, ...]:
    given = entry.get(name, [])
    paths = given if isinstance(given, list) else [given]
    if not all(isinstance(path, str) and path for path in paths):
        raise _Unfit(f"{name} is no path")
    return tuple(os.path.join(folder, path) for path in paths)


def _relevant(entry: dict[str, Any]) -> dict[str, float]:
    given = entry.get("relevant")
    gains = dict.fromkeys(map(_as_name, given), 1.0) if isinstance(given, list) else given
    if not isinstance(gains, dict):
        raise _Unfit("relevant is neither a list of files nor an object with a number for each")
    for gain in gains.values():
        # NaN, too, is not between the two.
        if not isinstance(gain, int | float) or isinstance(gain, bool) or not 0 <= gain <= MOST_RELEVANT:
            raise _Unfit(f"relevance is a number from 0 to {MOST_RELEVANT:,}")
    relevant = {_normal(name): float(gain) for name, gain in gains.items() if gain}
    if not relevant:
        raise _Unfit("it names no relevant file")
    return relevant


MOST_RELEVANT = 1_000_000


def _as_name(given: object) -> str:
    if not isinstance(given, str):
        raise _Unfit("a relevant file is no path")
    return given


def _caption_topics(content: dict[str, Any]) -> Iterator[Topic]:
    """Each caption of a picture as a query of its own, which that picture alone answers."""
    names: dict[Any, str] = {}
    for number, image in _numbered(content, "images"):
        if not isinstance(image.get("id"), int | str) or not _text(image, "file_name"):
            raise _Unfit(f"number {number} of images has no id or no file_name")
        names[image["id"]] = _normal(_text(image, "file_name"))
    for number, annotation in _numbered(content, "annotations"):
        of = annotation.get("image_id")
        if not isinstance(of, int | str) or of not in names:
            raise _Unfit(f"number {number} of annotations has the image_id of none of the images")
        query = Query(_text(annotation, "caption"))
        if not query:
            raise _Unfit(f"number {number} of annotations has no caption")
        yield Topic(query, {names[of]: 1.0})


def _normal(name: str) -> str:
    """A path as it is compared: some systems, and some authors, write é as two characters."""
    return unicodedata.normalize("NFC", os.path.normpath(name).replace(os.sep, "/"))


# --- who is compared ---------------------------------------------------------------------------------


class Part(StrEnum):
    """What a run measures. The value is the word on the command line."""

    FINDER = "finder"
    JUDGE = "judge"
    BOTH = "both"
    """The finder first, then the judge on the best of it."""


@dataclass(frozen=True)
class Contender:
    part: Part
    judge: JudgeChoice
    """Who ranks: where the finder is measured, it."""
    finder: JudgeChoice | None = None
    """Who finds, where both are measured."""
    judge_seconds: float | None = None


def contenders(
    *,
    judge: JudgeChoice | None = None,
    finder: JudgeChoice | None = None,
    judge_seconds: float = JUDGE_SECONDS,
    numbers: Sequence[int] = (VECTOR_NUMBERS,),
) -> list[Contender]:
    """What there is to compare: the finder with each of the `numbers` its vectors may have, the finder with the first
    of them and then the judge, the judge alone. The built-in matcher if neither is given."""
    if judge is None and finder is None:
        judge = BUILTIN
    counts = list(dict.fromkeys(numbers))
    runs = []
    if finder is not None:
        finders = [finder] if finder.is_builtin else [replace(finder, numbers=count) for count in counts]
        runs += [Contender(Part.FINDER, found_by) for found_by in finders]
        if judge is not None and not judge.is_builtin:
            runs.append(Contender(Part.BOTH, judge, finders[0], judge_seconds))
    if judge is not None:
        runs.append(Contender(Part.JUDGE, judge if judge.is_builtin else replace(judge, numbers=counts[0])))
    return runs


# --- measuring ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Begun:
    contender: Contender


@dataclass(frozen=True)
class Answered:
    """How many of a run's queries were asked."""

    done: int
    total: int
    seconds_left: float


@dataclass(frozen=True)
class LeftOut:
    """A run that can't be: the judge is an embedder, and quick itself."""

    contender: Contender
    title: str


@dataclass(frozen=True)
class Measured:
    """What a run came to."""

    contender: Contender
    judge: str
    """The title of who ranks."""
    finder: str
    """The title of who finds; empty where one alone is measured."""
    files: int
    means: Measures
    numbers: int
    """Of the vectors; 0 where there are none."""
    seconds_prepare: float
    """Until all files were learnt, the first time; 0 for a judge that learns none. Loading a model is not in it."""
    seconds_query: float
    """From the question to the end of its ranking; the median of all queries."""
    judged: int
    """Where both are measured: how many files the judge came to in a query, the median; else 0."""
    unscored: int
    """Files that had no score, and so came last, in the query with most of them."""


EvaluationEvent = Begun | Loading | JudgeLoaded | Preparation | Notice | Answered | LeftOut | Measured


def evaluate(
    dataset: Dataset,
    runs: Sequence[Contender],
    *,
    model_folders: Sequence[str] = (),
    open_engine: Callable[[str], Jobs] = Engine,
) -> Generator[EvaluationEvent, None, None]:
    """Measure each of the runs, telling how it goes. `model_folders` are the person's own.

    A file that a query itself shows takes no part in its order, unless it is said to be relevant. Raises
    DatasetFileMissing, FolderError, QueryError and JudgeError.
    """
    learnt: dict[JudgeChoice, float] = {}
    with tempfile.TemporaryDirectory(prefix="semblance-eval-", ignore_cleanup_errors=True) as home:
        save_settings(Settings(model_folders=list(model_folders)), Home.find(home).settings)
        for contender in runs:
            with open_engine(home) as engine:
                yield from _Run(engine, dataset, contender, learnt).steps()


class _Run:
    """One contender before all topics. `learnt` keeps, for later runs, how long who took to learn the files."""

    def __init__(self, engine: Jobs, dataset: Dataset, contender: Contender, learnt: dict[JudgeChoice, float]) -> None:
        self._engine = engine
        self._contender = contender
        self._learnt = learnt
        self._topics = dataset.topics
        self._listing = engine.list_folder(dataset.folder)
        self._files = _Files(dataset, self._listing)

    def steps(self) -> Iterator[EvaluationEvent]:
        contender = self._contender
        yield Begun(contender)
        # Another run's scores would spare this one its work.
        for _ in self._engine.run(ClearStorage(("scores",))):
            pass
        judge = yield from self._load(contender.judge, finder=contender.part is Part.FINDER)
        if contender.part is Part.BOTH and judge.finder:
            yield LeftOut(contender, judge.title)
            return
        finder = (yield from self._load(contender.finder, finder=True)) if contender.finder else None
        learner = finder or (judge if judge.finder else None)
        asked_as = contender.finder or contender.judge
        seconds_prepare = (yield from self._prepare(asked_as)) if learner else 0.0
        asked = _Asked()
        for done, topic in enumerate(self._topics, 1):
            yield from self._ask(topic, asked)
            yield Answered(done, len(self._topics), statistics.mean(asked.seconds) * (len(self._topics) - done))
        yield Measured(
            contender,
            judge.title,
            finder.title if finder else "",
            self._files.count,
            Measures.mean(asked.measures),
            learner.judge.numbers if learner and not learner.judge.is_builtin else 0,
            seconds_prepare,
            statistics.median(asked.seconds),
            round(statistics.median(asked.judged)) if contender.part is Part.BOTH else 0,
            max(asked.unscored),
        )

    def _load(self, choice: JudgeChoice, *, finder: bool) -> Generator[EvaluationEvent, None, JudgeLoaded]:
        """Load who is meant; as the built-in matcher, an embedder learns the files before it is asked."""
        loaded = JudgeLoaded(choice, choice.name, "", 0, finder=True)
        for event in self._engine.load(choice, finder=finder) if not choice.is_builtin else ():
            if isinstance(event, JudgeLoaded):
                loaded = event
            if isinstance(event, Loading | JudgeLoaded):
                yield event
        return loaded

    def _prepare(self, learner: JudgeChoice) -> Generator[EvaluationEvent, None, float]:
        began = time.monotonic()
        for event in self._engine.prepare(self._listing, learner):
            if isinstance(event, Preparation | Notice):
                yield event
        return self._learnt.setdefault(learner, time.monotonic() - began)

    def _ask(self, topic: Topic, asked: _Asked) -> Iterator[EvaluationEvent]:
        contender = self._contender
        scores = np.full(len(self._listing), np.nan, np.float32)
        judged = np.zeros(len(self._listing), np.bool_)
        began = time.monotonic()
        for event in self._engine.rank(
            topic.query,
            self._listing,
            judge=contender.judge,
            finder=contender.finder,
            judge_seconds=contender.judge_seconds,
        ):
            if isinstance(event, Scored):
                scores[event.rows], judged[event.rows] = event.scores, event.judged
            elif isinstance(event, Failed):
                scores[event.rows] = np.nan
            elif isinstance(event, Notice) and not isinstance(event.error, QueryError):
                yield event  # what is remarked of one query is no news among hundreds
        asked.seconds.append(time.monotonic() - began)
        of_files = self._files.best_of_pages(scores)
        order = best_first(of_files)
        taking_part = order[~np.isin(order, self._files.shown_by(topic))]
        asked.measures.append(Measures.of(self._files.relevance(topic), taking_part))
        asked.judged.append(int(np.count_nonzero(judged)))
        asked.unscored.append(int(np.count_nonzero(np.isnan(of_files))))


class _Files:
    """The files of a listing by number, and which of them a dataset means. Raises DatasetFileMissing."""

    def __init__(self, dataset: Dataset, listing: Listing) -> None:
        # The listing's own relative_path normalizes every time: seconds for 100,000 rows.
        self._root = os.path.join(listing.root, "")
        paths = [listing.path(row)[len(self._root) :] for row in range(len(listing))]
        numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
        self._of_row = np.array([numbers[path] for path in paths], np.int64)
        self._number = {_normal(path): number for path, number in numbers.items()}
        self.count = len(numbers)
        for topic in dataset.topics:
            missing = [name for name in topic.relevant if name not in self._number]
            missing += [str(shown.path) for shown in topic.query.references if not shown.path.is_file()]
            if missing:
                raise DatasetFileMissing(path=dataset.path, file=missing[0], folder=dataset.folder)

    def relevance(self, topic: Topic) -> Relevance:
        relevance = np.zeros(self.count)
        for name, gain in topic.relevant.items():
            relevance[self._number[name]] = gain
        return relevance

    def shown_by(self, topic: Topic) -> list[int]:
        """Files that the query shows and that are not what it looks for: each is nothing like itself to find."""
        paths = [os.path.abspath(shown.path) for shown in topic.query.references]
        names = [_normal(path[len(self._root) :]) for path in paths if path.startswith(self._root)]
        return [self._number[name] for name in names if name in self._number and name not in topic.relevant]

    def best_of_pages(self, scores: NDArray[np.float32]) -> NDArray[np.float32]:
        of_files = np.full(self.count, np.nan, np.float32)
        np.fmax.at(of_files, self._of_row, scores)
        return of_files


@dataclass
class _Asked:
    """What the queries of a run came to so far."""

    measures: list[Measures] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    unscored: list[int] = field(default_factory=list)
