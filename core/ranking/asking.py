"""How a query is made ready for a judge: its references recalled or read, its digest made."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.catalog import Catalog, FileRead
from core.decoding import DECODING_VERSION
from core.decoding.pool import DecodingPool, Task
from core.errors import CatalogDamaged, CatalogError, MediaError, ReferenceUnreadable
from core.media import Decoded, Region
from core.query import Query, Reference
from core.ranking.kept import kept_under, sources
from core.ranking.opened import OpenListing
from core.scorers import Document, Explanation, Feature, QuickQuestion, Scorer, SlowQuestion


def judge_identity(scorer: Scorer[Any]) -> str:
    """What its scores are kept under: everything they depend on besides content and query."""
    return f"{scorer.identity}; decoding {DECODING_VERSION}"


def ask(
    query: Query, scorer: Scorer[Any], catalog: Catalog, pool: DecodingPool, on_done: Callable[[], None] = lambda: None
) -> Generator[None, None, tuple[QuickQuestion[Any] | SlowQuestion, bytes]]:
    """The query made ready, and its digest; its references are recalled or read. Raises QueryError, JudgeError.

    `on_done` is called, from any thread, when an encoder has made its vector.
    """
    by_features = scorer.asks_by_features(query)
    references = [_recall(reference, scorer, catalog) if by_features else None for reference in query.references]
    readings = {
        index: Reading.of(str(reference.path), scorer, pool, region=reference.region)
        for index, reference in enumerate(query.references)
        if references[index] is None
    }
    while not all(reading.task.done() for reading in readings.values()):
        yield None
    for index, reading in readings.items():
        reference = query.references[index]
        try:
            decoded, feature = reading.result()
        except MediaError as error:
            raise ReferenceUnreadable(path=str(reference.path), reason=error) from error
        references[index] = decoded.fingerprint, Document(decoded, feature)
        if feature and not reference.region:
            _learn(str(reference.path), decoded, feature, scorer, catalog)
    known = [reference for reference in references if reference is not None]
    digest = query.digest([fingerprint for fingerprint, _ in known])
    documents = [document for _, document in known]
    if scorer.encodes:
        question = yield from _encoded(query, documents, scorer, on_done)
        return question, digest
    return scorer.ask(query, documents), digest


def is_at_hand(query: Query, scorer: Scorer[Any], catalog: Catalog) -> bool:
    """Whether a judge that encodes can answer from what is kept, with no model loaded. Raises CatalogError."""
    return scorer.asks_by_features(query) and all(_recall(each, scorer, catalog) for each in query.references)


def _encoded(
    query: Query, documents: Sequence[Document], scorer: Scorer[Any], on_done: Callable[[], None]
) -> Generator[None, None, QuickQuestion[Any]]:
    """The query encoded in a thread; closed early, that ends soon."""
    stopped = threading.Event()
    encoded: Future[QuickQuestion[Any]] = Future()

    def work() -> None:
        try:
            encoded.set_result(scorer.encode_query(query, documents, stopped.is_set))
        except BaseException as error:  # handed to the thread that asked
            encoded.set_exception(error)
        on_done()

    threading.Thread(target=work, name="query", daemon=True).start()
    try:
        while not encoded.done():
            yield None
        return encoded.result()
    finally:
        stopped.set()


def explain(
    query: Query, opened: OpenListing, row: int, scorer: Scorer[Any], catalog: Catalog, pool: DecodingPool
) -> Generator[Explanation | None, None, None]:
    """Why the file in this row stands where it does; nothing while its content isn't known, or of a judge that has no
    reasons: of vectors there is only the score. Raises QueryError."""
    opened.forget_if_renewed(catalog)
    if scorer.encodes:
        return
    content = int(opened.contents[row]) if row < opened.resolved else 0
    feature = _kept_feature(content, scorer, catalog) if content and scorer.extractor else None
    if feature:
        question, _ = yield from ask(query.wanted, scorer, catalog, pool)
        yield question.explain(Document(feature=feature), opened.names([row])[0])


@dataclass
class Reading:
    """A file on its way through a worker, for one judge."""

    task: Task[Decoded] | Task[tuple[Decoded, Feature]]

    @classmethod
    def of(
        cls,
        path: str,
        scorer: Scorer[Any],
        pool: DecodingPool,
        *,
        region: Region | None = None,
        page: int = 0,
        thumbnail: tuple[int, str] | None = None,
    ) -> Reading:
        """Have a file read; `thumbnail` (pixels, cache folder): also leave a thumbnail."""
        if scorer.extractor and not scorer.encodes:
            return cls(pool.extract(path, scorer.pixels, scorer.extract, region=region, page=page, thumbnail=thumbnail))
        return cls(pool.decode(path, scorer.pixels, region=region, page=page, thumbnail=thumbnail))

    def result(self) -> tuple[Decoded, Feature | None]:
        """With its pixels, or with what the judge keeps of them. Raises MediaError."""
        result = self.task.result()
        return (result, None) if isinstance(result, Decoded) else result


def file_read(folder: str, name: str, page: int, decoded: Decoded, feature: Feature | None) -> FileRead:
    """What reading a file taught, for the catalog: under the state in which it was opened."""
    kept = feature or Feature(b"")
    return FileRead(
        folder,
        name,
        decoded.size,
        decoded.mtime,
        decoded.fingerprint,
        decoded.kind,
        decoded.facts,
        kept.data,
        kept.detail,
        page,
        decoded.pixels,
        decoded.likeness,
    )


_Recalled = tuple[bytes, Document]
"""The fingerprint of a reference's content, and what the judge gets."""


def _recall(reference: Reference, scorer: Scorer[Any], catalog: Catalog) -> _Recalled | None:
    """A reference that was read before: the same question is answered without opening anything."""
    if reference.region or not scorer.extractor:
        return None
    path = str(reference.path)
    try:
        status = Path(path).stat()
    except OSError:
        return None  # the decoder will say what is wrong
    found = catalog.content_at(path, status.st_size, status.st_mtime_ns)
    if found is None:
        return None
    content, fingerprint = found
    feature = _kept_feature(content, scorer, catalog)
    return (fingerprint, Document(feature=feature)) if feature else None


def _kept_feature(content: int, scorer: Scorer[Any], catalog: Catalog) -> Feature | None:
    for extractor, convert in sources(scorer, catalog):
        if kept := catalog.details(extractor, [content]).get(content):
            return Feature(convert([kept[0]])[0], kept[1])
    return None


def _learn(path: str, decoded: Decoded, feature: Feature, scorer: Scorer[Any], catalog: Catalog) -> None:
    try:
        with catalog.writing():
            catalog.save_files([file_read(*os.path.split(path), 0, decoded, feature)], kept_under(scorer))
    except CatalogDamaged:
        raise
    except CatalogError:
        pass  # keeping it only spares reading it again; a catalog that takes nothing is told with the first scores
