"""The listing of a folder and the fingerprint of a content."""

from __future__ import annotations

import io
import itertools
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import media
from core.errors import FolderForbidden, FolderMissing
from core.media import (
    FORMATS,
    WHOLE_FILE,
    Kind,
    Listed,
    Listing,
    Unlisted,
    fingerprint,
    format_of,
    openable,
    scan,
    subfolders,
)


def listing_of(folder: Path, **options: bool) -> Listing:
    listing = Listing(folder, **options)
    for event in scan(folder, **options):
        if isinstance(event, Listed):
            listing.append(event)
    return listing


def paths_of(listing: Listing) -> list[str]:
    return [listing.relative_path(row) for row in range(len(listing))]


def test_lists_media_of_every_depth_in_order_of_name(tmp_path: Path) -> None:
    for name in ("b.jpg", "a.PNG", "sub/c.mp4", "sub/deeper/d.txt", "e.exe", "~$f.txt", ".hidden.jpg", ".git/f.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    listing = listing_of(tmp_path)
    assert paths_of(listing) == ["a.PNG", "b.jpg", os.path.join("sub", "c.mp4"), os.path.join("sub", "deeper", "d.txt")]
    assert [listing.kind(row) for row in range(4)] == [Kind.IMAGE, Kind.IMAGE, Kind.VIDEO, Kind.TEXT]
    assert listing.sizes.tolist() == [5] * 4
    assert listing.mtimes[0] == (tmp_path / "a.PNG").stat().st_mtime_ns
    assert paths_of(listing_of(tmp_path, recursive=False)) == ["a.PNG", "b.jpg"]


def test_opens_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (tmp_path / "a.jpg").chmod(0)
    opened = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and str(arguments[0]).startswith(str(tmp_path)):
            opened.append(arguments[0])

    sys.addaudithook(hook)
    assert len(listing_of(tmp_path)) == 1
    assert opened == []


def test_symbolic_links_are_followed_once_and_never_in_a_loop(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.jpg").write_bytes(b"x")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "again").symlink_to(tmp_path / "real")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    # The real path is the one listed; a dangling link is listed and left to the decoder to explain.
    assert paths_of(listing_of(tmp_path)) == ["broken.jpg", os.path.join("real", "a.jpg")]


def test_loops_end_where_a_share_gives_no_inodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some give 0 for every folder, some another number with every look."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "1.jpg").write_bytes(b"x")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    real, numbers = os.stat, itertools.count(1)
    for inode in (lambda: 0, lambda: next(numbers)):

        def stat(path: str, inode: Callable[[], int] = inode) -> object:
            status = real(path)
            fields = {name: getattr(status, name) for name in ("st_dev", "st_mtime_ns", "st_mode", "st_size")}
            return SimpleNamespace(**fields, st_ino=inode())

        monkeypatch.setattr(os, "stat", stat)
        assert paths_of(listing_of(tmp_path)) == [os.path.join("a", "b", "1.jpg")]


def test_junctions_are_taken_for_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Acted: on Windows a junction looks like a folder, but for its tag."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.jpg").write_bytes(b"x")
    monkeypatch.setattr(media, "_is_junction", lambda entry: entry.name == "a")
    found = media.read_folder(str(tmp_path))
    assert (found.subfolders, found.links) == ([], ["a"])
    assert paths_of(listing_of(tmp_path)) == [os.path.join("a", "1.jpg")]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("C:\\short.jpg", "C:\\short.jpg"),
        ("C:\\" + "x" * 300, "\\\\?\\C:\\" + "x" * 300),
        ("C:/a/" + "x" * 300, "\\\\?\\C:\\a\\" + "x" * 300),
        ("\\\\server\\share\\" + "x" * 300, "\\\\?\\UNC\\server\\share\\" + "x" * 300),
        ("\\\\?\\C:\\" + "x" * 300, "\\\\?\\C:\\" + "x" * 300),
    ],
)
def test_long_paths_get_the_prefix_that_windows_wants(
    monkeypatch: pytest.MonkeyPatch, path: str, expected: str
) -> None:
    assert openable(path) == path or os.name == "nt"
    monkeypatch.setattr(media, "_WINDOWS", True)
    assert openable(path) == expected


def test_what_is_no_file_is_listed_by_its_name_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()
    assert paths_of(listing_of(tmp_path)) == ["pipe.jpg"]


def test_an_outside_folder_is_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.jpg").write_bytes(b"x")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "outside")
    assert paths_of(listing_of(tmp_path / "root")) == [os.path.join("link", "a.jpg")]


def test_a_missing_folder_is_an_error() -> None:
    with pytest.raises(FolderMissing):
        list(scan("/no/such/folder"))


def test_an_unreadable_subfolder_is_reported_and_the_rest_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/1.jpg", "b/2.jpg", "c/3.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"x")
    real = os.scandir

    def scandir(path: str) -> object:  # root may read anything, so the refusal has to be acted
        if str(path).endswith("b"):
            raise PermissionError(13, "denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    events = list(scan(tmp_path))
    assert [event.error for event in events if isinstance(event, Unlisted)] == [
        FolderForbidden(path=str(tmp_path / "b"))
    ]
    assert [name for event in events if isinstance(event, Listed) for name in event.names] == ["1.jpg", "3.jpg"]


def test_names_that_are_not_unicode_survive(tmp_path: Path) -> None:
    path = os.path.join(os.fsencode(tmp_path), b"\xff\xfe broken.jpg")
    with open(path, "wb") as file:
        file.write(b"x")
    listing = listing_of(tmp_path)
    assert os.fsencode(listing.path(0)) == path


def test_chunks_must_follow_one_another(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    (chunk,) = scan(tmp_path)
    assert isinstance(chunk, Listed)
    listing = Listing(tmp_path)
    listing.append(chunk)
    with pytest.raises(ValueError, match="chunk starts at 0"):
        listing.append(chunk)


def test_every_format_is_found_by_each_of_its_suffixes() -> None:
    for row in FORMATS:
        for suffix in row.suffixes:
            assert format_of(f"x.{suffix.upper()}") is row
    assert format_of("x.exe") is None
    assert format_of("jpg") is None or format_of("jpg") == format_of("x.jpg")


def test_subfolders_know_whether_they_have_their_own(tmp_path: Path) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "B").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "file.jpg").write_bytes(b"")
    assert subfolders(tmp_path) == [("a", True), ("B", False)]
    with pytest.raises(FolderMissing):
        subfolders(tmp_path / "none")


@given(st.binary(max_size=4096), st.binary(max_size=4096))
def test_fingerprints_are_equal_exactly_for_equal_contents(one: bytes, other: bytes) -> None:
    assert (fingerprint(io.BytesIO(one)) == fingerprint(io.BytesIO(other))) == (one == other)


def test_a_large_file_is_sampled_but_its_ends_and_size_count(tmp_path: Path) -> None:
    size = WHOLE_FILE + 5 * 2**20
    path = tmp_path / "film.mp4"

    def print_of(*changes: tuple[int, bytes], length: int = size) -> bytes:
        with path.open("wb") as file:
            file.truncate(length)  # sparse: no disk is used
            for place, data in changes:
                file.seek(place)
                file.write(data)
        with path.open("rb") as file:
            return fingerprint(file)

    plain = print_of()
    assert print_of() == plain
    assert print_of((0, b"x")) != plain
    assert print_of((size - 1, b"x")) != plain
    assert print_of(length=size + 1) != plain
    assert print_of((size // 2, b"x" * 2**21)) != plain
