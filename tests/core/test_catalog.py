"""How scores are kept, whatever happens to the file they are kept in."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalog import Catalog, FileRead, FileRefused
from core.errors import (
    CatalogDamaged,
    CatalogLocked,
    CatalogNewer,
    CatalogReadOnly,
    DecodingTimedOut,
    FileDamaged,
)
from core.media import Facts, Kind, Listed, Listing, scan


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg", "sub/c.jpg", "sub/\udcffd.jpg"):
        (folder / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    return folder


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "data" / "catalog.sqlite3") as catalog:
        yield catalog


def listed(folder: Path) -> Listing:
    listing = Listing(folder)
    for event in scan(folder):
        assert isinstance(event, Listed)
        listing.append(event)
    return listing


def read(listing: Listing, row: int, fingerprint: bytes = b"", feature: bytes = b"", detail: bytes = b"") -> FileRead:
    return FileRead(
        listing.folders[listing.folder[row]],
        listing.names[row],
        int(listing.sizes[row]),
        int(listing.mtimes[row]),
        fingerprint or listing.names[row].encode("utf-8", "surrogateescape"),
        Kind.IMAGE,
        Facts(4, 3),
        feature,
        detail,
    )


SCORES = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
EVIDENCE = np.array([[0.1, 1], [0.2, 0], [0.3, 0.5], [0.4, 0.25]], np.float32)


def keep(catalog: Catalog, listing: Listing, query: bytes = b"q") -> list[int]:
    with catalog.writing():
        files = [read(listing, row, feature=b"f%d" % row, detail=b"d%d" % row) for row in range(4)]
        contents = catalog.save_files(files, "colours 1")
        catalog.save_scores("judge", query, contents, SCORES, EVIDENCE)
    return contents


def test_what_was_read_and_scored_is_known_again(catalog: Catalog, folder: Path) -> None:
    listing = listed(folder)
    contents = keep(catalog, listing)
    resolved, failures = catalog.resolve(listing, 0, 4, decoding=1)
    assert resolved.tolist() == contents
    assert failures == {}
    scores, evidence = catalog.scores("judge", b"q", 2).of(resolved)
    assert scores.tolist() == SCORES.tolist()
    assert evidence.tolist() == EVIDENCE.tolist()
    assert catalog.features("colours 1", contents[1:3]) == {contents[1]: b"f1", contents[2]: b"f2"}
    assert catalog.details("colours 1", contents[:1]) == {contents[0]: (b"f0", b"d0")}


def test_scores_with_other_evidence_than_is_asked_for_do_not_count(catalog: Catalog, folder: Path) -> None:
    contents = np.array(keep(catalog, listed(folder)))
    scores, evidence = catalog.scores("judge", b"q", 3).of(contents)
    assert np.isnan(scores).all()
    assert evidence.shape == (4, 3)


def test_what_is_learnt_again_replaces_what_was_kept(catalog: Catalog, folder: Path) -> None:
    listing = listed(folder)
    contents = keep(catalog, listing)
    with catalog.writing():
        again = catalog.save_files([read(listing, 0, feature=b"better", detail=b"longer")], "colours 1")
    assert again == contents[:1]
    assert catalog.details("colours 1", again) == {contents[0]: (b"better", b"longer")}


def test_the_catalog_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    path.write_bytes((Path(__file__).parents[1] / "data" / "catalog-1.sqlite3").read_bytes())
    listing = Listing("/photos")
    columns = np.zeros(3, np.int32), ["a.jpg", "b.jpg", "c.jpg"], np.zeros(3, np.uint8)
    listing.append(Listed(0, ["/photos"], *columns, np.full(3, 10, np.int64), np.full(3, 20, np.int64)))
    with Catalog(path) as catalog:
        contents, failures = catalog.resolve(listing, 0, 3, decoding=1)
        assert (contents > 0).tolist() == [True, True, False]
        assert failures == {2: FileDamaged(detail="cut")}
        with catalog.writing():
            catalog.save_scores("judge", b"q", contents[:2].tolist(), SCORES[:2], EVIDENCE[:2])
        assert len(catalog.scores("judge", b"q", 2).contents) == 2


def test_judges_queries_and_extractors_do_not_mix(catalog: Catalog, folder: Path) -> None:
    contents = np.array(keep(catalog, listed(folder)))
    assert np.isnan(catalog.scores("other", b"q", 2).of(contents)[0]).all()
    assert np.isnan(catalog.scores("judge", b"other", 2).of(contents)[0]).all()
    assert catalog.features("colours 2", contents) == {}
    assert catalog.details("colours 2", contents) == {}


def test_an_edited_file_is_no_longer_known(catalog: Catalog, folder: Path) -> None:
    keep(catalog, listed(folder))
    (folder / "b.jpg").write_bytes(b"longer than before")
    os.utime(folder / "a.jpg", ns=(1, 1))
    resolved, _ = catalog.resolve(listed(folder), 0, 4, decoding=1)
    assert (resolved > 0).tolist() == [False, False, True, True]


def test_a_copy_shares_the_content_of_the_original(catalog: Catalog, folder: Path) -> None:
    listing = listed(folder)
    with catalog.writing():
        contents = catalog.save_files([read(listing, row, b"same") for row in range(4)], "")
    assert len(set(contents)) == 1
    assert catalog.content_of(b"same") == contents[0]
    assert catalog.content_of(b"unheard of") == 0


def test_failures_are_remembered_for_the_decoders_that_failed(catalog: Catalog, folder: Path) -> None:
    listing = listed(folder)
    damaged = FileDamaged(detail="truncated")
    with catalog.writing():
        for row, error in ((0, damaged), (1, DecodingTimedOut(seconds=20))):
            file = read(listing, row)
            catalog.save_refusals([FileRefused(file.folder, file.name, file.size, file.mtime, error)], decoding=7)
    assert catalog.resolve(listing, 0, 4, decoding=7)[1] == {0: damaged}  # a time-out may pass: tried again
    assert catalog.resolve(listing, 0, 4, decoding=8)[1] == {}


def test_a_transaction_is_kept_whole_or_not_at_all(catalog: Catalog, folder: Path) -> None:
    listing = listed(folder)
    with pytest.raises(ZeroDivisionError), catalog.writing():
        contents = catalog.save_files([read(listing, 0)], "")
        catalog.save_scores("judge", b"q", contents, SCORES[:1], EVIDENCE[:1])
        _ = 1 / 0
    assert catalog.content_of(b"a.jpg") == 0
    keep(catalog, listing)  # and the next one works


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.integers(1, 10**6), st.floats(0, 1, width=32), max_size=60), st.lists(st.integers(1, 10**6)))
def test_known_scores_are_looked_up_exactly(kept: dict[int, float], asked: list[int]) -> None:
    from core.catalog import KnownScores

    ids = sorted(kept)
    values = np.array([kept[i] for i in ids], np.float32)
    known = KnownScores(np.array(ids, np.int64), values, np.stack([values, 1 - values], axis=1))
    wanted = asked + ids[::2]
    scores, evidence = known.of(np.array(wanted, np.int64))
    for content, score, (same, rest) in zip(wanted, scores, evidence, strict=True):
        if content in kept:
            assert score == same == kept[content]
            assert rest == np.float32(1) - np.float32(kept[content])
        else:
            assert np.isnan([score, same, rest]).all()


def test_two_programs_share_one_catalog(tmp_path: Path, folder: Path) -> None:
    listing = listed(folder)
    with Catalog(tmp_path / "c.sqlite3") as one, Catalog(tmp_path / "c.sqlite3") as other:
        keep(one, listing)
        assert len(other.scores("judge", b"q", 2).contents) == 4
        keep(other, listing, b"q2")
        assert len(one.scores("judge", b"q2", 2).contents) == 4


def test_a_writer_waits_for_another_and_says_so_in_time(tmp_path: Path, folder: Path) -> None:
    listing = listed(folder)
    path = tmp_path / "c.sqlite3"
    with Catalog(path) as catalog:
        other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
        release.start()
        keep(catalog, listing)  # waits, then writes
        release.join()
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(CatalogLocked):
            keep(catalog, listing)
        assert time.monotonic() - started < 5
        other.execute("ROLLBACK")
        keep(catalog, listing)
        other.close()


@pytest.mark.parametrize("damage", ["not a database", "header only", "torn"])
def test_a_damaged_catalog_is_set_aside_never_deleted(tmp_path: Path, folder: Path, damage: str) -> None:
    path = tmp_path / "c.sqlite3"
    listing = listed(folder)
    with Catalog(path) as catalog:
        keep(catalog, listing)
    original = path.read_bytes()
    broken = {
        "not a database": b"this is no database at all" * 100,
        "header only": original[:100] + b"\xff" * (len(original) - 100),
        "torn": original[:4096] + bytes(os.urandom(len(original) - 4096)),
    }[damage]
    path.write_bytes(broken)
    try:
        catalog = Catalog(path)
        error = catalog.notice
        if error is None:  # its damage shows only when it is read
            with pytest.raises(CatalogDamaged) as caught:
                catalog.scores("judge", b"q", 2)
                catalog.resolve(listing, 0, 4, 1)
                keep(catalog, listing)
            error = caught.value
        assert isinstance(error, CatalogDamaged)
        assert Path(str(error.data["kept"])).read_bytes() == broken
        keep(catalog, listing)
        assert len(catalog.scores("judge", b"q", 2).contents) == 4
    finally:
        catalog.close()


def test_a_newer_catalog_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    Catalog(path).close()
    with sqlite3.connect(path) as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('catalog', 'from_2031', 'then')"
        )
    db.close()
    before = path.read_bytes()
    with pytest.raises(CatalogNewer):
        Catalog(path)
    assert path.read_bytes() == before


def test_an_unwritable_place_is_told_and_everything_else_works(tmp_path: Path, folder: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("a file where the folder should be")
    with Catalog(blocker / "c.sqlite3") as catalog:
        assert isinstance(catalog.notice, CatalogReadOnly)
        with pytest.raises(CatalogReadOnly):
            keep(catalog, listed(folder))
        assert catalog.content_of(b"a.jpg") == 0


def test_a_catalog_locked_at_the_start_is_used_once_it_is_free(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.catalog.BUSY_SECONDS", 0.1)
    monkeypatch.setattr("core.catalog.RETRY_SECONDS", 0.0)
    path = tmp_path / "c.sqlite3"
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with Catalog(path) as catalog:
        assert isinstance(catalog.notice, CatalogLocked)
        with pytest.raises(CatalogLocked):
            keep(catalog, listed(folder))
        other.execute("ROLLBACK")
        keep(catalog, listed(folder))
        assert catalog.notice is None
        assert len(catalog.scores("judge", b"q", 2).contents) == 4
    other.close()
