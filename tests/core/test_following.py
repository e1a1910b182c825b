"""A folder's listing as the disk changes: kept, compared, watched."""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core import following
from core.errors import FolderForbidden, FolderMissing
from core.following import Compared, Counted, News, PageCounter, Steps, comparing, follow, pack, watching
from core.media import Away, Changed, Gone, Listed, Listing, Unlisted, scan

LIVE_EXAMPLES = int(os.environ.get("SEMBLANCE_EXAMPLES", 4))
"""More of them by hand: each takes half a second."""

Present = dict[tuple[str, int], tuple[int, int]]
"""By relative path and page: size and mtime."""


class Follower:
    """Steps a follower, and applies what it tells to a listing, as the engine does."""

    def __init__(self, root: Path, steps: Steps) -> None:
        self.listing = Listing(root)
        self.events: list[News] = []
        self.mounted: tuple[str, ...] = ()
        self.steps = steps

    def step(self) -> News | None:
        event = next(self.steps)
        if event is not None:
            self.events.append(event)
        if isinstance(event, Listed):
            self.listing.append(event)
        elif isinstance(event, Changed | Gone):
            self.listing.change(event)
        elif isinstance(event, Compared):
            self.mounted = event.mounted
        return event

    def until(self, done: Callable[[], bool], seconds: float = 15.0) -> None:
        """Step until it is so. What it waits for takes a fraction of the time given on a machine that isn't busy."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"{self.events[-5:]}, {present_rows(self.listing)}"
            self.step()

    def until_compared(self) -> None:
        self.until(lambda: any(isinstance(event, Compared) for event in self.events))

    def settle(self, root: Path) -> None:
        """Step until the listing is what a scan finds."""
        expected = present_rows(scanned(root))
        self.until(lambda: present_rows(self.listing) == expected)

    def of(self, kind: type[News]) -> list[News]:
        return [event for event in self.events if isinstance(event, kind)]


def present_rows(listing: Listing) -> Present:
    rows = [row for row in range(len(listing)) if not listing.gone[row]]
    keys = [(listing.relative_path(row), int(listing.pages[row])) for row in rows]
    assert len(set(keys)) == len(keys), "a file is listed twice"
    return {key: (int(listing.sizes[row]), int(listing.mtimes[row])) for key, row in zip(keys, rows, strict=True)}


def scanned(root: Path) -> Listing:
    listing = Listing(root)
    for event in scan(root):
        if isinstance(event, Listed):
            listing.append(event)
    return listing


def followed(root: Path, **options: object) -> Follower:
    """Followed to the end."""
    follower = Follower(root, follow(root, **options))  # type: ignore[arg-type]
    with contextlib.suppress(StopIteration):
        while True:
            follower.step()
    return follower


def make(root: Path, *names: str, content: bytes = b"x") -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)


def told(events: Sequence[News]) -> list[type]:
    return [type(event) for event in events]


# --- what was kept, and the disk ---------------------------------------------------------------------


def test_without_anything_kept_it_lists_what_a_scan_does(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg", "a/c.png", "a/deeper/d.mp4", ".hidden/e.jpg", "a/~$f.docx", "note.part")
    follower = followed(tmp_path)
    assert present_rows(follower.listing) == present_rows(scanned(tmp_path))
    assert follower.listing.names == scanned(tmp_path).names == ["b.jpg", "c.png", "d.mp4"]
    assert told(follower.events) == [Listed, Compared]


def test_what_was_kept_is_listed_first_and_nothing_is_told_if_nothing_changed(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg", "z.jpg")
    kept = pack(scanned(tmp_path))
    follower = followed(tmp_path, kept=kept)
    assert told(follower.events) == [Listed, Compared]
    assert present_rows(follower.listing) == present_rows(scanned(tmp_path))
    assert pack(follower.listing) == kept


def test_new_changed_and_deleted_files_are_told_after_what_was_kept(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg")
    kept = pack(scanned(tmp_path))
    make(tmp_path, "b.jpg", content=b"longer")
    make(tmp_path, "new/d.jpg")
    (tmp_path / "a.jpg").unlink()
    shutil.rmtree(tmp_path / "sub")
    follower = followed(tmp_path, kept=kept)
    assert follower.listing.names == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert follower.listing.gone.tolist() == [True, False, True, False]
    assert present_rows(follower.listing) == present_rows(scanned(tmp_path))
    assert isinstance(follower.events[-1], Compared)


@pytest.mark.parametrize(
    "spoil",
    [lambda data: data[:-5], lambda data: b"", lambda data: b"other" + data[5:], lambda data: data[:40] + b"\0\0\0\0"],
)
def test_a_kept_listing_that_is_damaged_counts_as_none(tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg")
    follower = followed(tmp_path, kept=spoil(pack(scanned(tmp_path))))
    assert present_rows(follower.listing) == present_rows(scanned(tmp_path))
    with pytest.raises(FolderMissing):
        followed(tmp_path / "none", kept=spoil(pack(scanned(tmp_path))))


def test_names_of_every_kind_are_kept(tmp_path: Path) -> None:
    names = ["new\nline.jpg", "🦊 狐.jpg", "x" * 251 + ".jpg", os.fsdecode(b"\xff\xfe.jpg"), " .jpg", "'\".jpg"]
    make(tmp_path, *names, f"{os.fsdecode(b'folder ' + bytes([0xE9]))}/a.jpg")
    follower = followed(tmp_path, kept=pack(scanned(tmp_path)))
    assert told(follower.events) == [Listed, Compared]
    assert set(names) < set(follower.listing.names)


def test_a_path_beyond_what_the_system_takes_is_reported_and_the_rest_listed(tmp_path: Path) -> None:
    make(tmp_path, "z.jpg")
    # Made step by step: the whole path can't be named.
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(folder)
    follower = followed(tmp_path)
    assert follower.listing.names == ["z.jpg"]
    assert len(follower.of(Unlisted)) == 1


tree = st.lists(
    st.tuples(
        st.sampled_from(["make", "make", "change", "delete", "rename", "move", "drop", "link", "loop"]),
        st.integers(0, 7),
        st.integers(0, 7),
    ),
    max_size=12,
)


def edit(root: Path, edits: Sequence[tuple[str, int, int]]) -> None:
    """Edit a small tree at random. Places: files 0..7 of folders 0..7, folder n within folder n // 2."""

    def folder(number: int) -> Path:
        return root if not number else folder(number // 2) / f"f{number}"

    for count, (action, one, other) in enumerate(edits):
        path, target = folder(one) / f"{other}.jpg", folder(other) / f"{one}.png"
        with contextlib.suppress(OSError):
            if action == "make":
                make(path.parent, path.name, content=bytes(count + 1))
            elif action == "change":
                path.write_bytes(bytes(100 + count)) if path.exists() else None
            elif action == "delete":
                path.unlink()
            elif action == "rename":
                target.parent.mkdir(parents=True, exist_ok=True)
                path.rename(target)
            elif action == "move" and one:
                folder(one).rename(folder(other) / f"moved {one}")
            elif action == "drop" and one:
                shutil.rmtree(folder(one))
            elif action == "link":
                (root / f"link{one}").symlink_to(folder(other))
            elif action == "loop":
                (folder(one) / "loop").symlink_to(root)


@settings(max_examples=60, deadline=None)
@given(before=tree, after=tree, third=tree)
def test_after_any_edits_the_listing_is_that_of_a_fresh_scan(
    tmp_path_factory: pytest.TempPathFactory,
    before: list[tuple[str, int, int]],
    after: list[tuple[str, int, int]],
    third: list[tuple[str, int, int]],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    edit(root, before)
    kept = pack(followed(root).listing)
    edit(root, after)
    follower = followed(root, kept=kept)
    assert present_rows(follower.listing) == present_rows(scanned(root))
    again = pack(follower.listing)
    # What is kept of a listing with a history is what is kept of one without.
    assert again == pack(scanned(root))
    edit(root, third)
    assert present_rows(followed(root, kept=again).listing) == present_rows(scanned(root))


# --- folders that can't be reached -------------------------------------------------------------------


def test_a_folder_that_is_away_is_listed_as_it_was(tmp_path: Path) -> None:
    make(tmp_path / "disk", "a.jpg", "sub/b.jpg")
    kept = pack(scanned(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    follower = followed(tmp_path / "disk", kept=kept)
    assert told(follower.events) == [Listed, Away, Compared]
    assert follower.listing.present == 2
    with pytest.raises(FolderMissing):
        followed(tmp_path / "disk")


def refuse(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
    """Root may read anything, so the refusal has to be acted."""
    real = os.scandir

    def scandir(path: str) -> Iterator[os.DirEntry[str]]:
        if Path(path) in folders:
            raise PermissionError(13, "denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)


def test_a_folder_that_cannot_be_read_keeps_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg", "sub/deeper/c.jpg", "z/d.jpg")
    kept = pack(scanned(tmp_path))
    (tmp_path / "z" / "d.jpg").unlink()
    refuse(monkeypatch, tmp_path / "sub")
    follower = followed(tmp_path, kept=kept)
    assert follower.listing.gone.tolist() == [False, False, False, True]
    assert follower.of(Unlisted) == [Unlisted(FolderForbidden(path=str(tmp_path / "sub")))]


class Failing:
    """A folder that gives an I/O error halfway through."""

    def __init__(self, entries: Iterator[os.DirEntry[str]]) -> None:
        self.entries = entries

    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        yield next(self.entries)
        raise OSError(5, "Input/output error")

    def __exit__(self, *_: object) -> None:
        self.entries.close()  # type: ignore[attr-defined]

    close = __exit__


def test_an_error_halfway_through_a_folder_takes_nothing_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg", "sub/c.jpg", "sub/deeper/d.jpg")
    kept = pack(scanned(tmp_path))
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: Failing(real(path)) if str(path).endswith("sub") else real(path))
    follower = followed(tmp_path, kept=kept)
    assert follower.listing.present == 4
    assert len(follower.of(Unlisted)) == 1


def test_the_root_that_fails_halfway_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg", "b.jpg")
    kept = pack(scanned(tmp_path))
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: Failing(real(path)))
    follower = followed(tmp_path, kept=kept)
    assert told(follower.events) == [Listed, Away, Compared]
    assert follower.listing.present == 2


def test_a_link_that_leads_nowhere_keeps_what_was_behind_it(tmp_path: Path) -> None:
    make(tmp_path / "disk", "a.jpg", "sub/b.jpg")
    make(tmp_path / "root", "c.jpg")
    (tmp_path / "root" / "link").symlink_to(tmp_path / "disk")
    kept = pack(scanned(tmp_path / "root"))
    (tmp_path / "disk").rename(tmp_path / "unplugged")
    follower = followed(tmp_path / "root", kept=kept)
    assert follower.listing.present == 3
    assert follower.of(Unlisted) == [Unlisted(FolderMissing(path=str(tmp_path / "root" / "link")))]


class Mounts:
    """Acts that folders are the tops of file systems of their own: their device is another than that around them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *folders: Path) -> None:
        self.folders = {str(folder) for folder in folders}
        self._real = os.stat
        monkeypatch.setattr(os, "stat", self._stat)
        monkeypatch.setattr(os.path, "ismount", lambda path: str(path) in self.folders)

    def _stat(self, path: str | int, **options: object) -> os.stat_result:
        status = self._real(path, **options)  # type: ignore[arg-type]
        if not any(str(path) == folder or str(path).startswith(folder + os.sep) for folder in self.folders):
            return status
        return os.stat_result((*status[:2], status.st_dev + 1000, *status[3:]), _times(status))


def _times(status: os.stat_result) -> dict[str, object]:
    return {name: getattr(status, name) for name in dir(status) if name.startswith("st_") and name != "st_dev"}


@pytest.mark.parametrize("name", ["", "nas"], ids=["root", "inside"])
def test_a_mount_point_that_is_empty_was_unplugged_and_not_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    root = tmp_path / "root"
    make(root, *(["a.jpg"] if name else []), f"{name or '.'}/b.jpg", f"{name or '.'}/sub/c.jpg")
    mounts = Mounts(monkeypatch, root / name)
    before = followed(root)
    assert before.mounted == (str(root / name),)
    kept = pack(before.listing, before.mounted)
    mounts.folders.clear()
    for path in (root / name).iterdir():
        if path.name != "a.jpg" or not name:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    follower = followed(root, kept=kept)
    assert follower.listing.present == len(before.listing)
    expected: News = Unlisted(FolderMissing(path=str(root / name))) if name else Away(True)
    assert expected in follower.events
    # It is remembered also if it stays away over several sessions.
    assert followed(root, kept=pack(follower.listing, follower.mounted)).listing.present == len(before.listing)


def test_a_folder_that_was_emptied_is_empty(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "sub/b.jpg")
    kept = pack(scanned(tmp_path))
    (tmp_path / "a.jpg").unlink()
    shutil.rmtree(tmp_path / "sub")
    assert followed(tmp_path, kept=kept).listing.present == 0


# --- pages -------------------------------------------------------------------------------------------


class Pages:
    """Counts pages: a file has as many as it has bytes."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, paths: Sequence[str]) -> list[int]:
        self.asked += paths
        return [os.path.getsize(path) for path in paths]


def pages_of(listing: Listing) -> list[tuple[str, int]]:
    return sorted(path for path in present_rows(listing))


def test_pages_are_rows_that_follow_once_they_were_counted(tmp_path: Path) -> None:
    make(tmp_path, "a.pdf", "b.jpg", content=b"123")
    pages = Pages()
    follower = followed(tmp_path, pages=pages)
    assert follower.listing.names == ["a.pdf", "b.jpg", "a.pdf", "a.pdf"]
    assert follower.listing.pages.tolist() == [0, 0, 1, 2]
    mtime = (tmp_path / "a.pdf").stat().st_mtime_ns
    assert follower.of(Counted) == [Counted(str(tmp_path / "a.pdf"), 3, mtime, 3)]
    assert told(follower.events) == [Listed, Counted, Listed, Compared]
    # In what is kept they stand with their file.
    known = {(str(tmp_path), "a.pdf"): (3, mtime, 3)}
    again = followed(tmp_path, kept=pack(follower.listing), pages=pages, known_pages=known)
    assert again.listing.names == ["a.pdf", "a.pdf", "a.pdf", "b.jpg"]
    assert told(again.events) == [Listed, Compared]
    assert pages.asked == [str(tmp_path / "a.pdf")]


@pytest.mark.parametrize("after", [1, 2, 5])
def test_pages_come_and_go_with_their_file(tmp_path: Path, after: int) -> None:
    make(tmp_path, "a.pdf", content=b"123")
    kept = pack(followed(tmp_path, pages=Pages()).listing)
    make(tmp_path, "a.pdf", content=bytes(after))
    follower = followed(tmp_path, kept=kept, pages=Pages())
    assert pages_of(follower.listing) == [("a.pdf", page) for page in range(after)]
    assert {state[0] for state in present_rows(follower.listing).values()} == {after}
    (tmp_path / "a.pdf").unlink()
    assert followed(tmp_path, kept=pack(follower.listing), pages=Pages()).listing.present == 0


# --- while it is watched -----------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting in a test where a person would not notice."""
    for name, seconds in (("IDLE", 0.05), ("POLL", 0.1), ("ROOT", 0.1), ("AGAIN", 0.2)):
        monkeypatch.setattr(following, f"{name}_SECONDS", seconds)
    monkeypatch.setattr(comparing, "AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(watching, "STEP", 20)
    monkeypatch.setattr(watching, "DEBOUNCE", 60)


@pytest.fixture(params=[False, True], ids=["watched", "polled"])
def polling(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@contextlib.contextmanager
def watched(
    root: Path, polling: bool, *, kept: bytes | None = None, pages: PageCounter | None = None
) -> Iterator[Follower]:
    """A follower that is compared, and hears what happens from now on."""
    threads = threading.active_count()
    follower = Follower(root, follow(root, kept=kept, pages=pages, live=True, polling=polling))
    try:
        follower.until_compared()
        follower.until(lambda: polling or any(thread.name == "watching" for thread in threading.enumerate()))
        yield follower
    finally:
        began = time.monotonic()
        follower.steps.close()
        assert time.monotonic() - began < 2  # 0.1 s on a machine that isn't busy
        deadline = time.monotonic() + 10
        while threading.active_count() > threads:
            assert time.monotonic() < deadline, threading.enumerate()
            time.sleep(0.01)


def test_changes_appear_while_it_is_watched(tmp_path: Path, polling: bool) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "sub/c.jpg")
    with watched(tmp_path, polling) as follower:
        make(tmp_path, "sub/new.jpg")
        follower.settle(tmp_path)
        make(tmp_path, "a.jpg", content=b"longer")
        follower.settle(tmp_path)
        (tmp_path / "b.jpg").rename(tmp_path / "sub" / "renamed.jpg")
        follower.settle(tmp_path)
        (tmp_path / "sub" / "renamed.jpg").rename(tmp_path / "b.jpg")
        follower.settle(tmp_path)
        # A file that is back has its row back.
        assert follower.listing.names.count("b.jpg") == 1
        make(tmp_path, "saved.tmp", content=b"saved by way of another name")
        (tmp_path / "saved.tmp").replace(tmp_path / "a.jpg")
        follower.settle(tmp_path)
        (tmp_path / "a.jpg").unlink()
        make(tmp_path, ".hidden.jpg", "sub/.git/x.jpg", "a.part")
        follower.settle(tmp_path)
        assert follower.listing.present == 3


def test_whole_trees_come_and_go(tmp_path: Path, polling: bool) -> None:
    root = tmp_path / "root"
    make(root, "a.jpg")
    make(tmp_path / "outside", "1.jpg", "deep/2.jpg", "deep/deeper/3.jpg")
    with watched(root, polling) as follower:
        (tmp_path / "outside").rename(root / "moved in")
        follower.settle(root)
        make(root, "moved in/deep/deeper/4.jpg")
        follower.settle(root)
        (root / "moved in").rename(root / "renamed")
        follower.settle(root)
        make(root, "renamed/deep/5.jpg")
        follower.settle(root)
        shutil.rmtree(root / "renamed")
        follower.settle(root)
        make(root, "renamed/6.jpg")
        follower.settle(root)
        assert follower.listing.present == 2


def test_what_a_new_link_leads_to_is_watched_too(tmp_path: Path, polling: bool) -> None:
    root = tmp_path / "root"
    make(root, "a.jpg")
    make(tmp_path / "outside", "1.jpg")
    with watched(root, polling) as follower:
        (root / "link").symlink_to(tmp_path / "outside")
        follower.settle(root)
        make(tmp_path / "outside", "2.jpg", "sub/3.jpg")
        follower.settle(root)
        assert follower.listing.present == 4


@settings(
    max_examples=LIVE_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.reuse, Phase.generate],  # to shrink an example takes minutes
)
@given(before=tree, after=tree, third=tree)
def test_after_any_edits_while_it_is_watched_the_listing_is_that_of_a_fresh_scan(
    tmp_path_factory: pytest.TempPathFactory,
    polling: bool,
    before: list[tuple[str, int, int]],
    after: list[tuple[str, int, int]],
    third: list[tuple[str, int, int]],
) -> None:
    root = tmp_path_factory.mktemp("tree")
    edit(root, before)
    with watched(root, polling) as follower:
        for edits in (after, third):
            edit(root, edits)
            follower.settle(root)


def test_many_changes_are_told_together(tmp_path: Path, polling: bool) -> None:
    make(tmp_path, *(f"{number}.jpg" for number in range(500)))
    with watched(tmp_path, polling) as follower:
        follower.events.clear()
        for number in range(0, 500, 2):
            (tmp_path / f"{number}.jpg").unlink()
        follower.settle(tmp_path)
        assert len(follower.events) <= 4


def test_pages_are_counted_while_it_is_watched(tmp_path: Path, polling: bool) -> None:
    make(tmp_path, "a.pdf", content=b"12")
    with watched(tmp_path, polling, pages=Pages()) as follower:
        make(tmp_path, "a.pdf", content=b"123")
        follower.until(lambda: len(present_rows(follower.listing)) == 3)
        make(tmp_path, "b.pdf", content=b"12")
        follower.until(lambda: len(present_rows(follower.listing)) == 5)
        make(tmp_path, "a.pdf", content=b"1")
        follower.until(lambda: len(present_rows(follower.listing)) == 3)


def test_a_root_that_goes_is_away_and_loses_nothing(tmp_path: Path, polling: bool) -> None:
    root = tmp_path / "root"
    make(root, "a.jpg", "sub/b.jpg", "sub/c.jpg")
    with watched(root, polling) as follower:
        root.rename(tmp_path / "unplugged")
        follower.until(lambda: Away(True) in follower.events)
        assert follower.listing.present == 3
        (tmp_path / "unplugged" / "a.jpg").unlink()
        make(tmp_path / "unplugged", "d.jpg")
        (tmp_path / "unplugged").rename(root)
        follower.until(lambda: Away(False) in follower.events)
        follower.settle(root)
        make(root, "sub/e.jpg")
        follower.settle(root)
        assert follower.listing.gone.sum() == 1


def test_a_root_that_is_away_at_first_is_compared_when_it_comes(tmp_path: Path, polling: bool) -> None:
    root = tmp_path / "root"
    make(root, "a.jpg", "b.jpg")
    kept = pack(scanned(root))
    (root / "b.jpg").unlink()
    root.rename(tmp_path / "unplugged")
    with watched_from_away(root, polling, kept) as follower:
        assert told(follower.events) == [Listed, Away, Compared]
        (tmp_path / "unplugged").rename(root)
        follower.settle(root)
        assert Away(False) in follower.events


@contextlib.contextmanager
def watched_from_away(root: Path, polling: bool, kept: bytes) -> Iterator[Follower]:
    follower = Follower(root, follow(root, kept=kept, live=True, polling=polling))
    with contextlib.closing(follower.steps):
        follower.until_compared()
        yield follower


def test_a_name_that_notifications_cannot_tell_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a.jpg")
    with watched(tmp_path, polling=False) as follower:
        make(tmp_path, os.fsdecode(b"\xff.jpg"))
        follower.settle(tmp_path)
        make(tmp_path, "b.jpg")
        follower.settle(tmp_path)


def test_where_nothing_can_be_watched_it_polls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> Iterator[set[object]]:
        raise OSError(28, "No space left on device")  # what the system says of too many watches

    monkeypatch.setattr("watchfiles.watch", refuse)
    make(tmp_path, "a.jpg")
    follower = Follower(tmp_path, follow(tmp_path, live=True, polling=False))
    with contextlib.closing(follower.steps):
        follower.until_compared()
        make(tmp_path, "b.jpg")
        follower.settle(tmp_path)


def test_lost_notifications_are_made_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "NET_SECONDS", 0.3)
    monkeypatch.setattr(watching.Watch, "hear", lambda self, seconds: time.sleep(0.05) or {})
    make(tmp_path, "sub/a.jpg")
    with watched(tmp_path, polling=False) as follower:
        make(tmp_path, "sub/b.jpg")
        follower.settle(tmp_path)


def test_a_flood_of_notifications_has_everything_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MANY_HINTS", 10)
    make(tmp_path, "sub/a.jpg")
    with watched(tmp_path, polling=False) as follower:
        make(tmp_path, *(f"sub/{number}.jpg" for number in range(50)))
        follower.settle(tmp_path)


def test_an_unreadable_folder_keeps_its_rows_while_it_is_watched(
    tmp_path: Path, polling: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "sub/a.jpg", "z.jpg")
    with watched(tmp_path, polling) as follower:
        with monkeypatch.context() as patch:
            refuse(patch, tmp_path / "sub")
            os.utime(tmp_path / "sub")
            os.chmod(tmp_path / "sub", 0o700)
            follower.until(lambda: bool(follower.of(Unlisted)))
            make(tmp_path, "new.jpg")
            follower.until(lambda: follower.listing.present == 3)
            assert len(follower.of(Unlisted)) == 1
        make(tmp_path, "sub/b.jpg")
        follower.settle(tmp_path)


# --- where a folder lies -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("ext4", False), ("cifs", True), ("nfs4", True), ("fuse.sshfs", True), ("fuseblk", False), ("9p", True)],
)
def test_network_folders_are_known_by_their_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, expected: bool
) -> None:
    class Partition:
        def __init__(self, mountpoint: str, fstype: str) -> None:
            self.mountpoint, self.fstype = mountpoint, fstype

    parts = [Partition("/", "ext4"), Partition(str(tmp_path), kind), Partition(str(tmp_path / "x"), "nfs")]
    monkeypatch.setattr("psutil.disk_partitions", lambda all: parts)
    assert watching.is_network_folder(str(tmp_path / "some" / "folder")) is expected
    assert watching.is_network_folder(str(tmp_path.parent)) is False
