"""What is kept is measured, cleared, backed up and restored, whoever else works with it meanwhile."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from core.catalog import Catalog, FileRead
from core.cli import run
from core.errors import BackupFailed, BackupNewer, BackupUnfit, CatalogError, CatalogLocked
from core.jobs import Storage, StoragePart
from core.media import Facts, Kind, Listed, Listing, scan
from core.settings import Home, Settings, load_settings, save_settings
from core.storage import back_up, clear, measure, restore
from core.storage_commands import backup as backup_command
from core.storage_commands import restore as restore_command
from core.storage_commands import storage as storage_command
from tests.core.catalog_kit import QUERIES, file_read, keep, scores_of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Of 200 files: scores, features of a few, settings, a pasted picture, a thumbnail."""
    home = Home.find(tmp_path / "home")
    with Catalog(home.catalog) as catalog:
        keep(catalog, range(200))
    save_settings(Settings(theme="dark"), home.settings)
    home.judges.write_text('{"auto": ["2B", "bf16"]}', "utf-8")
    home.pasted.mkdir()
    (home.pasted / "one.png").write_bytes(b"picture")
    shard = home.thumbnails / "ab"
    shard.mkdir(parents=True)
    (shard / "cdef.jpg").write_bytes(b"x" * 1000)
    return home


def part(storage: Storage, name: str) -> StoragePart:
    return next(part for part in storage.parts if part.name == name)


def known_scores(home: Home, numbers: range) -> int:
    """How many scores of these files are known; each must be the right one."""
    count = 0
    with Catalog(home.catalog) as catalog:
        contents = np.array([catalog.content_of(file_read(number).fingerprint) for number in numbers])
        for query in range(QUERIES):
            scores, _ = catalog.scores("judge", b"query %d" % query, 2).of(contents)
            known = ~np.isnan(scores)
            assert scores[known].tolist() == scores_of(numbers, query)[known].tolist()
            count += int(np.count_nonzero(known))
    return count


# --- measuring and clearing --------------------------------------------------------------------------


def test_what_is_kept_is_measured_by_parts(home: Home) -> None:
    storage = measure(home)
    assert storage.catalog == str(home.catalog)
    assert storage.catalog_bytes > 50_000
    assert [part.name for part in storage.parts] == ["scores", "features", "listings", "missing", "thumbnails"]
    assert part(storage, "scores").count == 200 * QUERIES
    assert 20_000 < part(storage, "scores").bytes < 40_000
    assert part(storage, "features").count == 4
    assert 4 * 6900 <= part(storage, "features").bytes < 4 * 7100
    assert part(storage, "listings") == StoragePart("listings", 0, 0)
    assert part(storage, "thumbnails") == StoragePart("thumbnails", 1000, 1)


def test_nothing_is_kept_at_the_very_beginning(tmp_path: Path) -> None:
    storage = measure(Home.find(tmp_path / "new"))
    assert {(part.bytes, part.count) for part in storage.parts} == {(0, 0)}


def test_only_what_is_named_is_cleared_and_the_disk_gets_its_space_back(home: Home) -> None:
    before = measure(home)
    with Catalog(home.catalog) as window:  # an open window sees it, and can go on
        content = window.content_of(file_read(0).fingerprint)
        after = clear(home, ["features", "thumbnails"])
        assert window.features("looks 1", [content]) == {}
        assert [part(after, name).count for name in ("scores", "features", "thumbnails")] == [200 * QUERIES, 0, 0]
        assert after.catalog_bytes < before.catalog_bytes
        assert known_scores(home, range(200)) == 200 * QUERIES
        assert part(clear(home, ["scores"]), "scores").count == 0
        keep(window, range(100))
        assert window.content_of(file_read(0).fingerprint) == content  # ids never change their meaning
    assert known_scores(home, range(200)) == 100 * QUERIES


def test_clearing_waits_for_another_window_and_says_so_in_the_end(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.catalog.upkeep.WAIT_SECONDS", 5.0)
    other = sqlite3.connect(home.catalog, isolation_level=None, check_same_thread=False)
    with closing(other):
        other.execute("BEGIN IMMEDIATE")
        release = threading.Timer(0.2, lambda: other.execute("ROLLBACK"))
        release.start()
        assert part(clear(home, ["scores"]), "scores").count == 0
        release.join()
        monkeypatch.setattr("core.catalog.upkeep.WAIT_SECONDS", 0.05)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(CatalogLocked):
            clear(home, ["features"])
        other.execute("ROLLBACK")
    assert part(measure(home), "features").count == 4


def test_a_part_that_is_none_is_a_mistake(home: Home) -> None:
    with pytest.raises(ValueError, match="everything"):
        clear(home, ["everything"])


def test_a_catalog_that_cannot_be_read_is_told(home: Home) -> None:
    home.catalog.write_bytes(b"no database" * 1000)
    with pytest.raises(CatalogError):
        measure(home)


# --- files that are no longer there ------------------------------------------------------------------


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """Pictures in a folder, in one below it, and on a drive that is mounted there; and on one that a link leads to."""
    root = tmp_path / "library"
    for name in ("a.jpg", "b.jpg", "sub/c.jpg", "sub/d.jpg", "sub/deep/e.jpg", "drive/f.jpg", "drive/g.jpg"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
        os.utime(file, ns=(10**18, 10**18))
    return root


def remember(home: Home, root: Path, opened: bool = True) -> None:
    """Keep every file of the library as read and scored, and the library as opened."""
    listing = Listing(root)
    for event in scan(root):
        assert isinstance(event, Listed)
        listing.append(event)
    with Catalog(home.catalog) as catalog, catalog.writing():
        read = [
            FileRead(
                listing.folders[listing.folder[row]],
                listing.names[row],
                int(listing.sizes[row]),
                int(listing.mtimes[row]),
                Path(listing.path(row)).read_bytes(),
                Kind.IMAGE,
                Facts(),
                b"feature",
                b"detail",
            )
            for row in range(len(listing))
        ]
        contents = catalog.save_files(read, "looks 1")
        zeros = np.zeros(len(contents), np.float32)
        catalog.save_scores("judge", b"lib", contents, zeros, zeros[:, None])
        if opened:
            catalog.keep_listing(str(root), True, b"as it was")


def missing(home: Home) -> int:
    return part(measure(home), "missing").count


def test_deleted_files_count_as_missing_and_can_be_forgotten(home: Home, library: Path) -> None:
    remember(home, library)
    assert part(measure(home), "missing") == StoragePart("missing", 0, 0)
    (library / "a.jpg").unlink()
    shutil.rmtree(library / "sub" / "deep")
    found = part(measure(home), "missing")
    assert found.count == 2
    assert found.bytes > 200
    scores, features = part(measure(home), "scores").count, part(measure(home), "features").count
    after = clear(home, ["missing"])
    assert part(after, "missing").count == 0
    assert (part(after, "scores").count, part(after, "features").count) == (scores - 2, features - 2)
    with Catalog(home.catalog) as catalog:
        there = [catalog.content_at(str(library / name), len(name), 10**18) for name in ("a.jpg", "b.jpg")]
        assert (there[0], there[1] is not None) == (None, True)


def test_what_another_file_still_shows_is_not_forgotten(home: Home, library: Path) -> None:
    (library / "z.jpg").write_bytes(b"a.jpg")
    os.utime(library / "z.jpg", ns=(10**18, 10**18))
    remember(home, library)
    with Catalog(home.catalog) as catalog:
        kept = catalog.content_at(str(library / "a.jpg"), 5, 10**18)
        assert kept
    (library / "a.jpg").unlink()
    clear(home, ["missing"])
    with Catalog(home.catalog) as catalog:
        assert catalog.features("looks 1", [kept[0]]) == {kept[0]: b"feature"}


@pytest.mark.parametrize("way", ["unmounted", "folder gone with its drive", "all of it", "only scanned"])
def test_what_may_be_on_a_drive_that_is_unplugged_is_never_missing(home: Home, library: Path, way: str) -> None:
    remember(home, library, opened=way != "only scanned")
    match way:
        case "unmounted":  # the mount point stays behind, empty
            shutil.rmtree(library / "drive")
            (library / "drive").mkdir()
        case "folder gone with its drive":
            for name in ("a.jpg", "b.jpg"):  # nothing above it is known to be on a disk that is there
                (library / name).unlink()
            (library / "note.txt").write_text("here")
            shutil.rmtree(library / "drive")
        case "all of it":
            shutil.rmtree(library)
        case "only scanned":
            (library / "a.jpg").unlink()
    assert missing(home) == 0
    clear(home, ["missing"])
    shutil.rmtree(library, ignore_errors=True)
    assert part(measure(home), "scores").count == 200 * QUERIES + 7


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_what_a_link_led_to_is_not_missing_when_it_leads_nowhere(home: Home, library: Path, tmp_path: Path) -> None:
    (library / "drive").rename(tmp_path / "elsewhere")
    (library / "drive").symlink_to(tmp_path / "elsewhere")
    remember(home, library)
    (tmp_path / "elsewhere").rename(tmp_path / "unplugged")
    assert missing(home) == 0


# --- backup ------------------------------------------------------------------------------------------


def test_a_backup_brings_everything_back_on_another_machine(home: Home, tmp_path: Path) -> None:
    with Catalog(home.catalog) as catalog:  # while a window is open
        with catalog.writing():
            catalog.keep_listing("/photos", True, b"as it was")
            catalog.keep_page_counts([("/photos", "a.pdf", 1, 2, 3)])
        done = back_up(home, tmp_path / "all.backup")
    assert done.bytes == (tmp_path / "all.backup").stat().st_size
    assert [file.name for file in tmp_path.iterdir() if "all" in file.name] == ["all.backup"]
    other = Home.find(tmp_path / "other")
    restored = restore(other, done.path)
    assert (restored.contents, restored.scores) == (200, 200 * QUERIES)
    assert known_scores(other, range(200)) == 200 * QUERIES
    assert load_settings(other.settings)[0].theme == "dark"
    assert json.loads(other.judges.read_text("utf-8")) == {"auto": ["2B", "bf16"]}
    assert (other.pasted / "one.png").read_bytes() == b"picture"
    with Catalog(other.catalog) as catalog:
        file = file_read(50)
        kept = catalog.content_at(f"{file.folder}/{file.name}", file.size, file.mtime)
        assert kept
        assert catalog.details("looks 1", [kept[0]]) == {kept[0]: (file.feature, file.detail)}
        assert catalog.kept_listing("/photos", True) == b"as it was"
        assert catalog.page_counts("/photos") == {("/photos", "a.pdf"): (1, 2, 3)}
    assert restore(other, done.path) == type(restored)(0, 0)
    assert not list(other.data.glob("backup-*"))


def test_what_is_here_already_stays(home: Home, tmp_path: Path) -> None:
    done = back_up(home, tmp_path / "all.backup")
    other = Home.find(tmp_path / "other")
    save_settings(Settings(theme="light"), other.settings)
    with Catalog(other.catalog) as window:
        # Other contents under the same ids, one of the same with another score, one file that has changed since.
        keep(window, range(150, 300))
        content = window.content_of(file_read(150).fingerprint)
        with window.writing():
            half = np.full((1, 2), 0.5, np.float32)
            window.save_scores("judge", b"query 0", [content], half[0, :1], half)
        ids = {number: window.content_of(file_read(number).fingerprint) for number in range(150, 300)}
        restored = restore(other, done.path)
        assert (restored.contents, restored.scores) == (150, 150 * QUERIES)
        assert ids == {number: window.content_of(file_read(number).fingerprint) for number in range(150, 300)}
        assert window.scores("judge", b"query 0", 2).of(np.array([content]))[0].tolist() == [0.5]
        assert window.content_of(file_read(0).fingerprint) > 0  # an open window sees what came
    assert load_settings(other.settings)[0].theme == "light"
    assert known_scores(other, range(151, 300)) == 149 * QUERIES
    assert known_scores(other, range(0, 150)) == 150 * QUERIES


def test_a_backup_of_an_older_version_is_brought_up_to_date(home: Home, tmp_path: Path) -> None:
    data = Path(__file__).parents[1] / "data" / "catalog-2.sqlite3"
    rewrite(home, tmp_path / "old.backup", catalog=data.read_bytes())
    assert restore(home, tmp_path / "old.backup").scores == 3


def rewrite(home: Home, path: Path, *, catalog: bytes | None = None, manifest: object = None) -> None:
    """A backup with another catalog, or another manifest, in it."""
    back_up(home, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    if catalog is not None:
        entries["catalog.sqlite3"] = catalog
    if manifest is not None:
        entries["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    "fault",
    [
        *("no zip", "cut off", "another zip", "another program", "no database", "another database", "trigger", "bomb"),
        *("newer backup", "newer catalog", "damaged catalog", "gone", "encrypted"),
    ],
)
def test_what_is_no_whole_backup_of_ours_is_refused_and_changes_nothing(home: Home, tmp_path: Path, fault: str) -> None:
    path = tmp_path / "x.backup"
    back_up(home, path)
    expected: type[Exception] = BackupUnfit
    match fault:
        case "no zip":
            path.write_bytes(b"some file")
        case "cut off":
            path.write_bytes(path.read_bytes()[:-5000])
        case "another zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("holiday.txt", "sun")
        case "another program":
            rewrite(home, path, manifest={"program": "other", "format": 1})
        case "no database":
            rewrite(home, path, catalog=b"no database" * 1000)
        case "another database":
            rewrite(home, path, catalog=database(tmp_path, "CREATE TABLE notes (text)"))
        case "trigger":
            script = "CREATE TRIGGER t AFTER INSERT ON scores BEGIN DELETE FROM contents; END"
            rewrite(home, path, catalog=database(tmp_path, script, home.catalog))
        case "bomb":
            rewrite(home, path, catalog=bytes(100 * 2**20))
        case "newer backup":
            rewrite(home, path, manifest={"program": "semblance", "format": 99})
            expected = BackupNewer
        case "newer catalog":
            script = "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('catalog', 'x', 'y')"
            rewrite(home, path, catalog=database(tmp_path, script, home.catalog))
            expected = BackupNewer
        case "damaged catalog":
            data = bytearray(home.catalog.read_bytes())
            data[4096 * 6 : 4096 * 12] = os.urandom(4096 * 6)
            rewrite(home, path, catalog=bytes(data))
        case "gone":
            path.unlink()
            expected = BackupFailed
        case "encrypted":
            data = bytearray(path.read_bytes())
            at = data.index(b"PK\x01\x02") + 8
            data[at] |= 1
            path.write_bytes(data)
    other = Home.find(tmp_path / "other")
    with Catalog(other.catalog) as catalog:
        keep(catalog, range(10))
    with pytest.raises(expected) as refused:
        restore(other, path)
    assert str(path) in str(refused.value)
    assert known_scores(other, range(200)) == 10 * QUERIES
    assert not other.settings.exists()
    assert not list(other.data.glob("backup-*"))


def database(folder: Path, script: str, start: Path | None = None) -> bytes:
    path = folder / "made.sqlite3"
    if start:
        shutil.copy(start, path)
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script)
        db.execute("PRAGMA journal_mode = DELETE")
    return path.read_bytes()


def test_a_backup_that_cannot_be_written_leaves_what_was_there(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BackupFailed):
        back_up(home, tmp_path / "no such folder" / "x.backup")
    path = tmp_path / "x.backup"
    path.write_bytes(b"the one from yesterday")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("core.storage.os.fsync", full)
    with pytest.raises(BackupFailed) as failed:
        back_up(home, path)
    assert failed.value.data == {"path": str(path), "detail": os.strerror(28)}
    assert path.read_bytes() == b"the one from yesterday"
    assert {file.name for file in tmp_path.iterdir()} == {"home", "x.backup"}
    assert not list(home.data.glob("backup-*"))


# --- the command line --------------------------------------------------------------------------------


def test_the_commands_say_what_they_did(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SEMBLANCE_HOME", str(home.data))
    assert run(storage_command, ["--format", "json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["scores"]["count"] == 200 * QUERIES
    assert rows["catalog"]["what"] == str(home.catalog)
    assert run(backup_command, [str(tmp_path / "b")]) == 0
    assert "backed up" in capsys.readouterr().err
    assert run(storage_command, ["--clear", "scores", "--clear", "features"]) == 0
    table = capsys.readouterr().out.splitlines()
    assert table[0].split() == ["name", "size", "count", "what"]
    assert table[2].split()[:4] == ["scores", "0.0", "MB", "0"]
    assert run(restore_command, [str(tmp_path / "b")]) == 0
    assert f"0 contents and {200 * QUERIES} scores" in capsys.readouterr().err
    assert run(restore_command, [str(home.settings)]) == 1
    assert "not a backup" in capsys.readouterr().err
