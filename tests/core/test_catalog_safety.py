"""What becomes of scores when the file they are kept in is damaged, shared, killed while written, or on a share."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.catalog import Catalog, FileRefused, shares
from core.catalog.salvage import salvage
from core.errors import CatalogDamaged, CatalogFull, CatalogOnShare, CatalogReadOnly, FileDamaged
from core.media import Listed, Listing
from tests.core.catalog_kit import FILES, QUERIES, file_read, keep, scores_of

PAGE = 4096
ROOT = Path(__file__).parents[2]


def listing() -> Listing:
    files = [file_read(number) for number in range(FILES)]
    listing = Listing("/photos")
    listing.append(
        Listed(
            0,
            sorted({file.folder for file in files}),
            np.array([int(file.folder.rpartition("/")[2]) for file in files], np.int32),
            [file.name for file in files],
            np.zeros(FILES, np.uint8),
            np.array([file.size for file in files], np.int64),
            np.array([file.mtime for file in files], np.int64),
        )
    )
    return listing


LISTING = listing()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog of 600 files in four folders with three scores each."""
    path = tmp_path_factory.mktemp("sound") / "catalog.sqlite3"
    with Catalog(path) as catalog:
        for first in range(0, FILES, 150):
            keep(catalog, range(first, first + 150))
        with catalog.writing():
            catalog.save_refusals([FileRefused("/photos/0", "bad.jpg", 1, 2, FileDamaged(detail="cut"))], 1)
    return path


def check_what_is_known(catalog: Catalog) -> float:
    """Every score that is known must be the right one; which share of all are known."""
    contents, _ = catalog.resolve(LISTING, 0, FILES, 1)
    found: float = 0
    for query in range(QUERIES):
        scores, evidence = catalog.scores("judge", b"query %d" % query, 2).of(contents)
        known = ~np.isnan(scores)
        right = scores_of(range(FILES), query)[known]
        assert scores[known].tolist() == right.tolist()
        assert evidence[known].tolist() == np.stack([right, 1 - right], axis=1).tolist()
        found += float(np.count_nonzero(known))
    for number in range(0, FILES, 50):
        content = catalog.content_of(file_read(number).fingerprint)
        kept = catalog.details("looks 1", [content])
        assert kept in ({}, {content: (file_read(number).feature, file_read(number).detail)})
    return found / (FILES * QUERIES)


# --- damage ------------------------------------------------------------------------------------------


def test_all_of_a_sound_catalog_can_be_saved(sound: Path, tmp_path: Path) -> None:
    into = tmp_path / "saved.sqlite3"
    assert salvage(sound, into) == FILES * QUERIES
    with Catalog(into) as catalog:
        assert catalog.notice is None
        assert check_what_is_known(catalog) == 1
        assert len(catalog.details("looks 1", range(1, FILES + 1))) == FILES / 50
        assert catalog.content_at("/photos/0/0001.jpg", 11, 20) is not None


def test_what_was_written_last_and_lies_in_the_log_is_saved_too(tmp_path: Path) -> None:
    path, damaged = tmp_path / "c.sqlite3", tmp_path / "d.sqlite3"
    with Catalog(path) as catalog:
        keep(catalog, range(100))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{damaged}{suffix}")
    assert os.path.getsize(f"{damaged}-wal") > 0
    assert salvage(damaged, tmp_path / "saved.sqlite3") == 100 * QUERIES


def _garbage(data: bytearray, at: int, length: int, seed: int) -> None:
    data[at : at + length] = random.Random(seed).randbytes(length)[: len(data) - at]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_one_damaged_page_costs_what_lay_on_it_and_never_makes_a_score_wrong(sound: Path, data: st.DataObject) -> None:
    broken = bytearray(sound.read_bytes())
    page = data.draw(st.integers(0, len(broken) // PAGE - 1))
    start = data.draw(st.integers(0, PAGE - 1))
    length = data.draw(st.sampled_from([1, 16, 300, PAGE]))
    _garbage(broken, page * PAGE + start, min(length, PAGE - start), data.draw(st.integers(0, 1000)))
    assert saved_share(sound, bytes(broken)) > 0.7


@pytest.mark.parametrize("damage", ["first page", "second half lost", "every tenth page", "bits flipped", "all"])
def test_whatever_the_damage_no_score_is_wrong(sound: Path, damage: str) -> None:
    broken = bytearray(sound.read_bytes())
    pages = len(broken) // PAGE
    least = {"first page": 0.99, "every tenth page": 0.3, "bits flipped": 0.3}.get(damage, 0)
    match damage:
        case "first page":
            _garbage(broken, 0, PAGE, 1)
        case "second half lost":
            del broken[len(broken) // 2 :]
        case "every tenth page":
            for page in range(5, pages, 10):
                _garbage(broken, page * PAGE, PAGE, page)
        case "bits flipped":
            chance = random.Random(2)
            for _ in range(pages):
                broken[chance.randrange(len(broken))] ^= 1 << chance.randrange(8)
        case "all":
            _garbage(broken, 0, len(broken), 1)
    assert saved_share(sound, bytes(broken)) >= least


def saved_share(sound: Path, broken: bytes) -> float:
    damaged, into = sound.with_name("damaged.sqlite3"), sound.with_name("saved.sqlite3")
    damaged.write_bytes(broken)
    count = salvage(damaged, into)
    with Catalog(into) as catalog:
        assert catalog.notice is None
        share = check_what_is_known(catalog)
    assert share <= count / (FILES * QUERIES)
    return share


def test_saving_ends_in_time_with_a_sound_catalog(sound: Path, tmp_path: Path) -> None:
    into = tmp_path / "saved.sqlite3"
    assert salvage(sound, into, seconds=0) == 0
    with Catalog(into) as catalog:
        keep(catalog, range(150))
        assert check_what_is_known(catalog) == 0.25


def test_a_damaged_catalog_goes_on_with_what_was_saved(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    broken = bytearray(sound.read_bytes())
    _garbage(broken, 0, PAGE, 1)
    path.write_bytes(broken)
    with Catalog(path) as catalog:
        assert isinstance(catalog.notice, CatalogDamaged)
        assert catalog.notice.data["saved"] == FILES * QUERIES
        assert f"{FILES * QUERIES} scores" in str(catalog.notice)
        assert check_what_is_known(catalog) == 1
        assert Path(str(catalog.notice.data["kept"])).read_bytes() == broken
    with Catalog(path) as catalog:
        assert catalog.notice is None
    assert {file.suffix for file in tmp_path.iterdir()} == {".sqlite3"}
    assert len(list(tmp_path.iterdir())) == 2


def test_two_windows_that_meet_the_same_damage_replace_the_catalog_once(sound: Path, tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(sound.read_bytes())
    torn = sqlite3.DatabaseError("database disk image is malformed")
    torn.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    with Catalog(path) as one, Catalog(path) as other:
        for catalog in (one, other):
            with pytest.raises(CatalogDamaged), catalog.writing():
                raise torn
            assert catalog.renewals == 1
        keep(one, range(150))
        keep(other, range(150))
        assert check_what_is_known(one) == check_what_is_known(other) == 1
    assert len(list(tmp_path.glob("catalog-damaged-*.sqlite3"))) == 1


def test_a_damaged_catalog_that_cannot_be_replaced_is_done_without(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.sqlite3"
    data = bytearray(sound.read_bytes())
    for page in range(2, len(data) // PAGE):
        _garbage(data, page * PAGE, PAGE, page)

    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("core.catalog.os.replace", refuse)
    monkeypatch.setattr("core.catalog.RETRY_SECONDS", 0.0)
    for broken in (b"no database" * 1000, bytes(data)):
        path.write_bytes(broken)
        with Catalog(path) as catalog:
            for _ in range(3):
                with contextlib.suppress(CatalogDamaged):  # told once, where it shows only when it is read
                    break_off = check_what_is_known(catalog)
            assert break_off == 0
            with pytest.raises(CatalogReadOnly):
                keep(catalog, range(10))
        assert [file.name for file in tmp_path.iterdir()] == ["catalog.sqlite3"]
        assert path.read_bytes() == broken


def test_what_a_killed_saving_left_is_cleared_away(sound: Path, tmp_path: Path) -> None:
    path, left = tmp_path / "catalog.sqlite3", tmp_path / "catalog-saved-1.sqlite3"
    path.write_bytes(b"no database" * 1000)
    left.write_bytes(b"half of one")
    os.utime(left, (1, 1))
    Catalog(path).close()
    assert not left.exists()


def test_a_full_disk_is_told_and_what_waited_is_kept_when_there_is_room(tmp_path: Path) -> None:
    with Catalog(tmp_path / "catalog.sqlite3") as catalog:
        keep(catalog, range(100))
        (pages,) = catalog._conn.execute("PRAGMA page_count").fetchone()
        catalog._conn.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(CatalogFull):
            keep(catalog, range(100, FILES))
        assert check_what_is_known(catalog) == 100 / FILES
        catalog._conn.execute("PRAGMA max_page_count = 1000000")
        keep(catalog, range(100, FILES))
        assert check_what_is_known(catalog) == 1


# --- other processes ---------------------------------------------------------------------------------

WRITER = """
import sys
from pathlib import Path
from core.catalog import Catalog
from tests.core.catalog_kit import keep
path, first, last, batch = Path(sys.argv[1]), *map(int, sys.argv[2:])
with Catalog(path) as catalog:
    for start in range(first, last, batch):
        keep(catalog, range(start, min(start + batch, last)))
        print(start + batch, flush=True)
"""


@contextlib.contextmanager
def writer(path: Path, first: int, last: int, batch: int) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps files first..last, and prints how far it has got after each transaction."""
    command = [sys.executable, "-c", WRITER, str(path), str(first), str(last), str(batch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("on_share", [False, True])
def test_processes_write_and_read_one_catalog_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_share: bool
) -> None:
    path = tmp_path / "catalog.sqlite3"
    if on_share:
        monkeypatch.setattr("core.catalog.shares.is_on_share", lambda _: True)
        monkeypatch.setattr(f"{__name__}.WRITER", WRITER.replace("path, first", _PRETEND_SHARE + "path, first"))
    with Catalog(path) as catalog, writer(path, 0, 300, 10) as one, writer(path, 300, 600, 10) as other:
        shares_seen = []
        while one.poll() is None or other.poll() is None:
            shares_seen.append(check_what_is_known(catalog))
            time.sleep(0.02)
        assert (one.returncode, other.returncode) == (0, 0)
        assert shares_seen == sorted(shares_seen)
        assert check_what_is_known(catalog) == 1


_PRETEND_SHARE = "import core.catalog.shares; core.catalog.shares.is_on_share = lambda _: True\n"


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is of POSIX")
def test_a_process_killed_while_writing_loses_nothing_it_had_committed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    chance = random.Random(5)
    committed = 0
    for _ in range(12):
        with writer(path, 0, FILES, 5) as process:
            assert process.stdout
            for _ in range(chance.randint(1, 5)):
                committed = max(committed, int(process.stdout.readline()))
            time.sleep(chance.random() * 0.02)
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        committed = max([committed, *map(int, rest)])
        with Catalog(path) as catalog:
            assert catalog.notice is None
            assert check_what_is_known(catalog) >= committed / FILES
        with contextlib.closing(sqlite3.connect(path)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


# --- shares ------------------------------------------------------------------------------------------


def journal_of(path: Path) -> str:
    with contextlib.closing(sqlite3.connect(path)) as db:
        (mode,) = db.execute("PRAGMA journal_mode").fetchone()
    return str(mode)


def test_on_a_share_the_catalog_has_a_journal_that_is_safe_there(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "catalog.sqlite3"
    shutil.copy(sound, path)
    assert journal_of(path) == "wal"
    with monkeypatch.context() as patched:
        patched.setattr("core.catalog.shares.is_on_share", lambda _: True)
        for _ in range(2):
            with Catalog(path) as catalog, Catalog(path) as other:
                assert catalog.notice == CatalogOnShare(path=str(path))
                keep(catalog, range(10))
                keep(other, range(10, 20))
                assert check_what_is_known(catalog) == 1
                assert not Path(f"{path}-wal").exists()
        assert journal_of(path) == "delete"
    with Catalog(path) as catalog:  # brought home again
        assert catalog.notice is None
        assert check_what_is_known(catalog) == 1
    assert journal_of(path) == "wal"


def test_what_a_killed_program_left_in_its_log_is_taken_over_on_a_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, moved = tmp_path / "c.sqlite3", tmp_path / "share.sqlite3"
    with Catalog(path) as catalog:
        keep(catalog, range(FILES))
        for suffix in ("", "-wal"):
            shutil.copy(f"{path}{suffix}", f"{moved}{suffix}")
    monkeypatch.setattr("core.catalog.shares.is_on_share", lambda _: True)
    with Catalog(moved) as catalog:
        assert check_what_is_known(catalog) == 1
    assert not Path(f"{moved}-wal").exists()


@pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/a/data", False),
        ("/home/a/nas/data", True),
        ("/home/a/nas", True),
        ("/home/a/nas2/data", False),
        ("/home/a/nas/disk/data", False),
        ("/home/a/cloud/data", True),
        ("/media/stick/data", False),
        ("/mnt/over/data", True),
    ],
)
def test_shares_are_told_by_the_file_system_a_folder_lies_on(
    monkeypatch: pytest.MonkeyPatch, path: str, expected: bool
) -> None:
    mounts = [
        ("/", "ext4"),
        ("/home/a/nas", "cifs"),
        ("/home/a/nas/disk", "btrfs"),
        ("/home/a/cloud", "fuse.rclone"),
        ("/media/stick", "fuseblk"),
        ("/mnt/over", "ext4"),
        ("/mnt/over", "nfs4"),
    ]
    listed = [SimpleNamespace(mountpoint=point, fstype=kind, opts="rw") for point, kind in mounts]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: listed)
    assert shares.is_on_share(Path(path)) == expected


def test_where_file_systems_cannot_be_listed_nothing_is_taken_for_a_share(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(all: bool) -> None:
        raise PermissionError

    monkeypatch.setattr("psutil.disk_partitions", refuse)
    assert not shares.is_on_share(Path("/home"))


# --- clocks ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("now", [0, 2**62])
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: int) -> None:
    path = tmp_path / "c.sqlite3"
    with Catalog(path) as catalog:
        keep(catalog, range(0, 300))
    monkeypatch.setattr("core.catalog.time.time_ns", lambda: now + 10**12)
    with Catalog(path) as catalog:
        keep(catalog, range(300, FILES))
        assert check_what_is_known(catalog) == 1


@pytest.mark.skipif(os.name == "nt", reason="there an open file is neither renamed nor deleted")
@pytest.mark.parametrize("deleted", [False, True])
def test_what_is_written_after_another_program_replaced_the_file_is_kept(tmp_path: Path, deleted: bool) -> None:
    path = tmp_path / "catalog.sqlite3"
    with Catalog(path) as ours:
        if deleted:
            for file in tmp_path.glob("catalog.sqlite3*"):
                file.unlink()
        else:
            path.rename(tmp_path / "catalog-damaged-20260101-000000-0.sqlite3")
            Catalog(path).close()
        with pytest.raises(CatalogDamaged), ours.writing():
            pass
        assert ours.renewals == 1
        with ours.writing():
            ours.keep_listing("/photos", True, b"kept")
    with Catalog(path) as again:
        assert again.kept_listing("/photos", True) == b"kept"
