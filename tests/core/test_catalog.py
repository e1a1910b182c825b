"""How scores are kept, whatever happens to the file they are kept in."""

from __future__ import annotations

import contextlib
import itertools
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
from core.catalog.salvage import salvage
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
        age(folder / name)
    return folder


def age(path: Path) -> None:
    """Make a file of the test as old as those of people: one that was written this moment may change unseen."""
    then = time.time_ns() - 3600 * 10**9
    os.utime(path, ns=(then, then))


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


def count_scores(catalog: Catalog, query: bytes = b"q") -> int:
    return int(np.count_nonzero(~np.isnan(catalog.scores("judge", query, 2).of(np.arange(1, 100))[0])))


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
        assert count_scores(catalog) == 2


def test_the_catalog_of_the_version_before_keeps_all_it_knew(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    path.write_bytes((Path(__file__).parents[1] / "data" / "catalog-2.sqlite3").read_bytes())
    listing = Listing("/photos")
    listing.append(
        Listed(
            0,
            ["/photos", "/photos/sub"],
            np.array([0, 0, 1, 0], np.int32),
            ["a.jpg", "b\udcff.jpg", "d \U0001f642.mp4", "c.jpg"],
            np.array([0, 0, 1, 0], np.uint8),
            np.full(4, 10, np.int64),
            np.full(4, 20, np.int64),
        )
    )
    with Catalog(path) as catalog:
        contents, failures = catalog.resolve(listing, 0, 4, decoding=1)
        assert failures == {3: FileDamaged(detail="cut")}
        assert catalog.scores("judge", b"q" * 16, 2).of(contents[:3])[0].tolist() == [0.25, 0.5, 0.75]
        assert catalog.details("colours 1", contents[1:2]) == {contents[1]: (b"feature 1", b"detail 1")}
        assert catalog.seen_elsewhere(np.array([10, 11]), np.array([20, 20])).tolist() == [True, False]
        assert catalog.identities(contents[:1]) == {contents[0]: (b"", b"")}
    # What was taken over can prove to be whole, as what is new.
    saved = tmp_path / "saved.sqlite3"
    assert salvage(path, saved) == 3
    with Catalog(saved) as catalog:
        assert catalog.resolve(listing, 0, 4, decoding=1)[0].tolist() == contents.tolist()


def test_a_migration_that_is_cut_short_leaves_the_old_catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "c.sqlite3"
    path.write_bytes((Path(__file__).parents[1] / "data" / "catalog-2.sqlite3").read_bytes())
    before = tables(path)

    def cut_short(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("core.catalog.schema.score_checksum", cut_short)
        with pytest.raises(sqlite3.OperationalError):
            Catalog(path)
    assert tables(path) == before
    with Catalog(path) as catalog:
        assert catalog.scores("judge", b"q" * 16, 2).of(np.array([1]))[0].tolist() == [0.25]


def tables(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as db:
        return list(db.iterdump())


def test_judges_queries_and_extractors_do_not_mix(catalog: Catalog, folder: Path) -> None:
    contents = np.array(keep(catalog, listed(folder)))
    assert np.isnan(catalog.scores("other", b"q", 2).of(contents)[0]).all()
    assert np.isnan(catalog.scores("judge", b"other", 2).of(contents)[0]).all()
    assert catalog.features("colours 2", contents) == {}
    assert catalog.details("colours 2", contents) == {}


def test_an_edited_file_is_no_longer_known(catalog: Catalog, folder: Path) -> None:
    keep(catalog, listed(folder))
    (folder / "b.jpg").write_bytes(b"longer than before")
    age(folder / "b.jpg")
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


def test_known_scores_are_looked_up_exactly(catalog: Catalog) -> None:
    queries = itertools.count()

    @settings(max_examples=40, deadline=None)
    @given(
        st.dictionaries(st.integers(1, 3000), st.floats(0, 1, width=32), max_size=200),
        st.lists(st.lists(st.one_of(st.integers(1, 4000), st.integers(1, 60)), max_size=100), max_size=3),
    )
    def check(kept: dict[int, float], asked: list[list[int]]) -> None:
        ids, query = list(kept), b"%d" % next(queries)
        values = np.array([kept[i] for i in ids], np.float32)
        with catalog.writing():
            catalog.save_scores("judge", query, ids, values, np.stack([values, 1 - values], axis=1))
        known = catalog.scores("judge", query, 2)
        for wanted in [*asked, ids[::2], ids]:
            scores, evidence = known.of(np.array(wanted, np.int64))
            for content, score, (same, rest) in zip(wanted, scores, evidence, strict=True):
                if content in kept:
                    assert score == same == np.float32(kept[content])
                    assert rest == np.float32(1) - np.float32(kept[content])
                else:
                    assert np.isnan([score, same, rest]).all()

    check()


def test_two_programs_share_one_catalog(tmp_path: Path, folder: Path) -> None:
    listing = listed(folder)
    with Catalog(tmp_path / "c.sqlite3") as one, Catalog(tmp_path / "c.sqlite3") as other:
        keep(one, listing)
        assert count_scores(other) == 4
        keep(other, listing, b"q2")
        assert count_scores(one, b"q2") == 4


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
        assert count_scores(catalog) == 4
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
        assert count_scores(catalog) == 4
    other.close()


# --- pages, moved files, twins ------------------------------------------------------------------------


def rows_of(folder: str, *files: tuple[str, int, int, int]) -> Listing:
    """A listing of (name, page, size, mtime) in one folder."""
    names, pages, sizes, mtimes = zip(*files, strict=True)
    listing = Listing(folder)
    columns = np.array(sizes, np.int64), np.array(mtimes, np.int64), np.array(pages, np.int32)
    listing.append(
        Listed(0, [folder], np.zeros(len(files), np.int32), list(names), np.zeros(len(files), np.uint8), *columns)
    )
    return listing


def page_read(listing: Listing, row: int, pixels: bytes = b"", likeness: bytes = b"") -> FileRead:
    size, mtime, page = int(listing.sizes[row]), int(listing.mtimes[row]), int(listing.pages[row])
    fingerprint = f"{listing.names[row]} {page} {size} {mtime}".encode("utf-8", "surrogateescape")
    place = listing.folders[0], listing.names[row]
    return FileRead(*place, size, mtime, fingerprint, Kind.TEXT, Facts(), page=page, pixels=pixels, likeness=likeness)


def test_each_page_of_a_file_is_known_by_itself(catalog: Catalog) -> None:
    listing = rows_of("/d", ("a.pdf", 0, 5, 6), ("a.pdf", 1, 5, 6), ("a.pdf", 2, 5, 6), ("b.txt", 0, 1, 1))
    with catalog.writing():
        contents = catalog.save_files([page_read(listing, row) for row in (0, 1, 3)], "")
        catalog.save_refusals([FileRefused("/d", "a.pdf", 5, 6, FileDamaged(detail="p"), page=2)], decoding=1)
    resolved, failures = catalog.resolve(listing, 0, 4, decoding=1)
    assert resolved.tolist() == [*contents[:2], 0, contents[2]]
    assert failures == {2: FileDamaged(detail="p")}
    assert catalog.content_at("/d/a.pdf", 5, 6, page=1) == (contents[1], b"a.pdf 1 5 6")
    assert catalog.content_at("/d/a.pdf", 5, 6, page=3) is None


def test_rows_are_looked_up_in_any_order(catalog: Catalog) -> None:
    listing = rows_of("/d", *((f"{number:04}.jpg", 0, number, 7) for number in range(1000)))
    with catalog.writing():
        contents = np.array(catalog.save_files([page_read(listing, row) for row in range(1000)], ""))
        catalog.save_refusals([FileRefused("/d", "0500.jpg", 500, 7, FileDamaged(detail="p"))], decoding=1)
    contents[500] = 0
    for rows in ([999, 0], [500, 3, 700, 3, 999], list(range(999, -1, -1)), []):
        wanted = np.array(rows, np.int64)
        resolved, failures = catalog.resolve_rows(listing, wanted, decoding=1)
        assert resolved.tolist() == contents[wanted].tolist()
        assert failures == ({500: FileDamaged(detail="p")} if 500 in rows else {})


_names = st.binary(min_size=1, max_size=255).filter(lambda name: not set(name) & {0, ord("/")})


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_every_name_a_disk_may_hold_is_kept_exactly(catalog: Catalog) -> None:
    folders = itertools.count()

    @settings(max_examples=60, deadline=None)
    @given(st.lists(_names, min_size=1, max_size=8, unique=True), st.lists(_names, max_size=4))
    def check(kept: list[bytes], others: list[bytes]) -> None:
        folder = f"/odd \n\udcff {next(folders)}"
        names = [os.fsdecode(name) for name in [*kept, *others]]
        listing = rows_of(folder, *((name, 0, 2**62, -(2**62) + 1) for name in names))
        with catalog.writing():
            contents = catalog.save_files([page_read(listing, row) for row in range(len(kept))], "")
        resolved = catalog.resolve(listing, 0, len(names), decoding=1)[0].tolist()
        known = dict(zip(kept, contents, strict=True))
        assert resolved == [known.get(os.fsencode(name), 0) for name in names]

    check()


def test_what_was_moved_is_recognised_by_its_size_and_time(catalog: Catalog) -> None:
    listing = rows_of("/d", ("a.jpg", 0, 10, 2**60 + 1), ("b.jpg", 0, 11, 2**60 + 1))
    with catalog.writing():
        catalog.save_files([page_read(listing, row) for row in range(2)], "")
        catalog.save_refusals([FileRefused("/d", "c.jpg", 12, 9, FileDamaged(detail="p"))], decoding=1)
    sizes, mtimes = np.array([10, 11, 10, 12, 10]), np.array([2**60 + 1, 2**60 + 1, 2**60, 9, 2**60 + 1])
    assert catalog.seen_elsewhere(sizes, mtimes).tolist() == [True, True, False, False, True]
    assert catalog.seen_elsewhere(sizes[:0], mtimes[:0]).tolist() == []


def test_contents_with_the_same_pixels_are_found(catalog: Catalog) -> None:
    listing = rows_of("/d", *((f"{number}.jpg", 0, number, 7) for number in range(5)))
    pixels = (b"x" * 16, b"y" * 16, b"x" * 16, b"", b"")
    with catalog.writing():
        read = [page_read(listing, row, pixels[row], b"l%d" % row) for row in range(5)]
        ids = catalog.save_files(read, "")
    assert catalog.twins(ids) == {ids[0]: [ids[2]], ids[2]: [ids[0]]}
    assert catalog.contents_with(b"x" * 16) == [ids[0], ids[2]]
    assert catalog.contents_with(b"") == []
    # What is learnt later fills what was empty, and nothing else.
    with catalog.writing():
        catalog.save_files([page_read(listing, 3, b"y" * 16, b"other"), page_read(listing, 0, b"z" * 16)], "")
    assert catalog.identities(np.array(ids)) == {
        ids[0]: (b"x" * 16, b"l0"),
        ids[1]: (b"y" * 16, b"l1"),
        ids[2]: (b"x" * 16, b"l2"),
        ids[3]: (b"y" * 16, b"l3"),
        ids[4]: (b"", b"l4"),
    }
    assert catalog.twins(ids[3:4]) == {ids[3]: [ids[1]]}


def test_listings_and_counts_of_pages_are_kept(catalog: Catalog) -> None:
    assert catalog.kept_listing("/d", True) is None
    with catalog.writing():
        catalog.keep_listing("/d", True, b"1")
        catalog.keep_listing("/d", False, b"2")
        catalog.keep_listing("/d", True, b"3")
        catalog.keep_page_counts(
            [("/d", "a.pdf", 1, 2, 3), ("/d/e\udcff", "b.pdf", 4, 5, 6), ("/dd", "c.pdf", 7, 8, 9)]
        )
        catalog.keep_page_counts([("/d", "a.pdf", 1, 3, 4)])
    assert (catalog.kept_listing("/d", True), catalog.kept_listing("/d", False)) == (b"3", b"2")
    below = {("/d", "a.pdf"): (1, 3, 4), ("/d/e\udcff", "b.pdf"): (4, 5, 6)}
    assert catalog.page_counts("/d") == below
    assert catalog.page_counts("/") == below | {("/dd", "c.pdf"): (7, 8, 9)}
    assert catalog.page_counts("/e") == {}


@pytest.mark.parametrize(
    ("age_ns", "coarse", "trusted"),
    [
        (1_000_000, False, False),
        (-1_000_000, False, False),
        (50_000_000, False, True),
        (-(10**15), False, True),
        (1_500_000_000, True, False),
        (5_000_000_000, True, True),
    ],
)
def test_a_file_that_changed_this_moment_is_read_again(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch, age_ns: int, coarse: bool, trusted: bool
) -> None:
    mtime = 1_700_000_000_000_000_000 + (0 if coarse else 123_456_789)
    listing = rows_of("/d", ("a.jpg", 0, 10, mtime))
    monkeypatch.setattr("core.catalog.time.time_ns", lambda: mtime + age_ns)
    with catalog.writing():
        contents = catalog.save_files([page_read(listing, 0)], "")
    assert catalog.resolve(listing, 0, 1, decoding=1)[0].tolist() == (contents if trusted else [0])
    assert (catalog.content_at("/d/a.jpg", 10, mtime) is not None) == trusted
    assert catalog.seen_elsewhere(np.array([10]), np.array([mtime])).all()  # its content need only be compared
    monkeypatch.setattr("core.catalog.time.time_ns", lambda: mtime + 10**12)
    with catalog.writing():
        catalog.save_files([page_read(listing, 0)], "")
    assert catalog.resolve(listing, 0, 1, decoding=1)[0].tolist() == contents


def test_features_are_read_in_bulk_of_those_that_are_asked_for_alone(catalog: Catalog) -> None:
    ours = [
        FileRead("/pictures", f"{n}.png", n, 10**18 + n, b"%016d" % n, Kind.IMAGE, Facts(), b"vector %d" % n)
        for n in range(60)
    ]
    with catalog.writing():
        contents = np.array(catalog.save_files(ours, ""))
        catalog.save_files([file for file in ours if file.size % 5], "model v2; a")
        catalog.save_files(ours[:3], "model v2; b")
        catalog.save_files(ours[10:12], "model v1; a")
    shuffled = np.random.default_rng(0).permutation(contents)
    for asked in (contents, shuffled, contents[::3], contents[:1], contents[[7, 7, 9]], np.append(contents, [0, 999])):
        ids, features = catalog.features_in_bulk("model v2; a", asked)
        expected = catalog.features("model v2; a", asked.tolist())
        assert dict(zip(ids.tolist(), features, strict=True)) == expected
        assert len(ids) == len(expected)
        assert catalog.have_features("model v2; a", asked).tolist() == [content in expected for content in asked]
    assert catalog.features_in_bulk("model v3", contents)[1] == []
    assert catalog.have_features("model v2; a", np.empty(0, np.int64)).shape == (0,)
    others = catalog.have_features_of_others("model v2; a", "model v2;", contents)
    assert np.flatnonzero(others).tolist() == [0, 1, 2]
    assert catalog.have_features_of_others("model v2; b", "model ", contents).sum() == 49
