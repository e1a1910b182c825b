"""Thumbnails and where they are kept: a folder of ours, and the one that a desktop's programs share."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from core import Engine
from core.decoding import Thumbnail, decode, make_thumbnail, thumbnails
from core.decoding.shared_thumbnails import FAILURES, uri_of
from core.errors import FileDamaged, FileVanished, PageMissing
from core.jobs import ThumbnailMade
from core.media import Facts, Kind, Listed, Listing, ModelGrid, PixelPolicy, scan
from core.settings import Home


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    rng = np.random.default_rng(5)
    path = tmp_path / "photo.jpg"
    noise = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
    noise.resize((1200, 900), Image.Resampling.BICUBIC).save(path, quality=95)
    return path


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def kept(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def pixels(thumbnail: Thumbnail) -> np.ndarray:
    assert thumbnail.raster is not None
    raster = thumbnail.raster
    return np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, 3)


def overwrite_keeping_state(path: Path) -> None:
    """Makes the file undecodable while its size and time stay: whoever still shows it didn't open it."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_kept_thumbnail_is_shown_without_opening_the_file(photo: Path, cache: Path) -> None:
    made = make_thumbnail(str(photo), 256, str(cache))
    assert made.facts == Facts(1200, 900)
    assert pixels(made).shape == (192, 256, 3)
    (file,) = kept(cache)
    assert file.parent.parent == cache
    assert file.suffix == ".jpg"
    overwrite_keeping_state(photo)
    again = make_thumbnail(str(photo), 256, str(cache))
    assert again.facts == made.facts
    assert again.kind is Kind.IMAGE
    assert np.abs(pixels(again).astype(int) - pixels(made)).mean() < 3


def test_without_a_cache_nothing_is_written(photo: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert make_thumbnail(str(photo), 64, None).raster
    assert sorted(tmp_path.rglob("*")) == before


def test_a_clips_length_is_kept_with_its_thumbnail(write_clip: Callable[..., Path], cache: Path) -> None:
    clip = write_clip(count=50)
    made = make_thumbnail(str(clip), 32, str(cache))
    overwrite_keeping_state(clip)
    again = make_thumbnail(str(clip), 32, str(cache))
    assert again.kind is Kind.VIDEO
    assert again.facts == made.facts
    assert again.facts.duration == pytest.approx(2.0, abs=0.05)


def test_a_changed_file_gets_a_new_thumbnail(photo: Path, cache: Path) -> None:
    make_thumbnail(str(photo), 64, str(cache))
    Image.new("RGB", (100, 50), "teal").save(photo)
    assert make_thumbnail(str(photo), 64, str(cache)).facts == Facts(100, 50)
    assert make_thumbnail(str(photo), 32, str(cache)).facts == Facts(100, 50)
    assert len(kept(cache)) == 3, "each state and size has its own"


def test_a_vanished_file_has_no_thumbnail(photo: Path, cache: Path) -> None:
    make_thumbnail(str(photo), 64, str(cache))
    photo.unlink()
    with pytest.raises(FileVanished):
        make_thumbnail(str(photo), 64, str(cache))


@pytest.mark.parametrize("damage", [b"", b"nonsense", "half", "no comment"])
def test_a_damaged_thumbnail_is_made_again(photo: Path, cache: Path, damage: bytes | str) -> None:
    made = make_thumbnail(str(photo), 64, str(cache))
    (file,) = kept(cache)
    whole = file.read_bytes()
    if damage == "half":
        file.write_bytes(whole[: len(whole) // 2])
    elif damage == "no comment":
        Image.new("RGB", (64, 48), "red").save(file)
    else:
        assert isinstance(damage, bytes)
        file.write_bytes(damage)
    assert make_thumbnail(str(photo), 64, str(cache)) == made
    assert file.read_bytes() == whole
    assert kept(cache) == [file], "and nothing temporary is left"


def test_a_folder_that_cannot_be_written_costs_nothing(photo: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file-in-the-way"
    blocked.touch()
    assert make_thumbnail(str(photo), 64, str(blocked)).facts == Facts(1200, 900)
    assert make_thumbnail(str(photo), 64, str(blocked / "deeper")).facts == Facts(1200, 900)


def test_a_full_disk_leaves_nothing_behind(photo: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert make_thumbnail(str(photo), 64, str(cache)).facts == Facts(1200, 900)
    assert kept(cache) == []


def test_transparency_is_on_white_and_the_whole_picture_shows(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "logo.png"
    Image.new("RGBA", (900, 30), (0, 0, 0, 0)).save(path)
    thumbnail = make_thumbnail(str(path), 90, str(cache))
    assert pixels(thumbnail).shape == (3, 90, 3)
    assert pixels(thumbnail).min() == 255


def test_decoding_leaves_a_thumbnail_behind(photo: Path, cache: Path) -> None:
    policy = PixelPolicy(128 * 128, scaled=True)
    plain = decode(str(photo), policy)
    along = decode(str(photo), policy, thumbnail=(256, str(cache)))
    assert plain.frames is not None
    np.testing.assert_array_equal(along.frames, plain.frames, "what a judge sees does not depend on it")
    proper = pixels(make_thumbnail(str(photo), 256, None)).astype(int)
    overwrite_keeping_state(photo)
    left = make_thumbnail(str(photo), 256, str(cache))
    assert left.facts == Facts(1200, 900)
    assert np.abs(pixels(left) - proper).mean() < 4


def test_decoding_leaves_no_thumbnail_that_would_be_blurred(photo: Path, cache: Path) -> None:
    decode(str(photo), PixelPolicy(32 * 32, scaled=True), thumbnail=(512, str(cache)))
    assert not cache.exists()


def test_decoding_leaves_thumbnails_that_are_there_alone(photo: Path, cache: Path) -> None:
    make_thumbnail(str(photo), 64, str(cache))
    (file,) = kept(cache)
    before = file.stat().st_mtime_ns
    decode(str(photo), PixelPolicy(10**9), thumbnail=(64, str(cache)))
    assert file.stat().st_mtime_ns == before


def test_decoding_a_clip_leaves_one_of_its_frames(write_clip: Callable[..., Path], cache: Path) -> None:
    rng = np.random.default_rng(6)
    lively = rng.integers(0, 256, (48, 64, 3), np.uint8)
    black = np.zeros_like(lively)
    clip = write_clip(frames=[black] * 10 + [lively] * 40)
    decode(str(clip), PixelPolicy(32 * 32, frames=4), thumbnail=(64, str(cache)))
    overwrite_keeping_state(clip)
    assert pixels(make_thumbnail(str(clip), 64, str(cache))).std() > 20


def test_each_page_has_a_thumbnail_of_its_own(tmp_path: Path, cache: Path) -> None:
    path = tmp_path / "fax.tif"
    pages = [Image.new("RGB", (300, 200), colour) for colour in ("red", "blue")]
    pages[0].save(path, save_all=True, append_images=pages[1:])
    for _ in range(2):
        first, second = (make_thumbnail(str(path), 64, str(cache), page) for page in (0, 1))
        assert pixels(first)[20, 20, 0] > 200
        assert pixels(second)[20, 20, 2] > 200
    assert len(kept(cache)) == 2
    with pytest.raises(PageMissing):
        make_thumbnail(str(path), 64, str(cache), 2)


# --- the cache that programs share -------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    return tmp_path / "shared"


def entry(shared: Path, folder: str, path: Path) -> Path:
    return shared / folder / (hashlib.md5(uri_of(str(path)).encode()).hexdigest() + ".png")


def leave_as_another_program(image: Image.Image, place: Path, path: Path, **keys: str) -> None:
    info = PngInfo()
    status = path.stat()
    for key, value in {"Thumb::URI": uri_of(str(path)), "Thumb::MTime": str(int(status.st_mtime))}.items():
        info.add_text(key, keys.get(key.removeprefix("Thumb::"), value))
    place.parent.mkdir(parents=True, exist_ok=True)
    image.save(place, pnginfo=info)


def test_a_shared_thumbnail_is_written_by_the_rules(photo: Path, cache: Path, shared: Path) -> None:
    for side, folder in ((128, "normal"), (256, "large")):
        made = make_thumbnail(str(photo), side, str(cache), shared=str(shared))
        place = entry(shared, folder, photo)
        with Image.open(place) as image:
            keys = dict(image.text)  # type: ignore[attr-defined]
            assert image.mode == "RGB"
            np.testing.assert_array_equal(np.asarray(image), pixels(made))
        assert keys["Thumb::URI"] == photo.as_uri()
        assert keys["Thumb::MTime"] == str(int(photo.stat().st_mtime))
        assert keys["Thumb::Size"] == str(photo.stat().st_size)
        assert (keys["Thumb::Image::Width"], keys["Thumb::Image::Height"]) == ("1200", "900")
        assert keys["Software"] == "Semblance"
        if sys.platform != "win32":
            assert stat.S_IMODE(place.stat().st_mode) == 0o600
            assert stat.S_IMODE(place.parent.stat().st_mode) == stat.S_IMODE(shared.stat().st_mode) == 0o700
        assert list(place.parent.iterdir()) == [place], "nothing temporary is left"
    assert not cache.exists()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="a name of any bytes, and /")
@pytest.mark.parametrize(
    ("name", "uri"),
    [
        ("summer 1.jpg", "summer%201.jpg"),
        ("a%b#c?d.jpg", "a%25b%23c%3Fd.jpg"),
        ("Köln.jpg", "K%C3%B6ln.jpg"),
        ("(1)+[2];{3}&=@:,'!$*~.jpg", "(1)+%5B2%5D%3B%7B3%7D&=@:,'!$*~.jpg"),
        ("line\nbreak.jpg", "line%0Abreak.jpg"),
        (os.fsdecode(b"\xff.jpg"), "%FF.jpg"),
    ],
)
def test_uris_are_those_of_file_managers(name: str, uri: str) -> None:
    assert uri_of(f"/photos/{name}") == f"file:///photos/{uri}"


def test_a_shared_thumbnail_is_shown_without_opening_the_file(photo: Path, cache: Path, shared: Path) -> None:
    made = make_thumbnail(str(photo), 256, str(cache), shared=str(shared))
    overwrite_keeping_state(photo)
    assert make_thumbnail(str(photo), 256, str(cache), shared=str(shared)) == made
    smaller = make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    assert smaller.facts == made.facts
    assert pixels(smaller).shape == (96, 128, 3)


def test_what_another_program_made_is_used_and_the_facts_are_the_files(photo: Path, cache: Path, shared: Path) -> None:
    leave_as_another_program(Image.new("RGB", (512, 384), "lime"), entry(shared, "x-large", photo), photo)
    for side in (128, 256, 512):
        thumbnail = make_thumbnail(str(photo), side, str(cache), shared=str(shared))
        assert thumbnail.facts == Facts(1200, 900)
        assert pixels(thumbnail).shape == (side * 3 // 4, side, 3)
        assert (pixels(thumbnail) == (0, 255, 0)).all()


def test_transparent_thumbnails_of_others_are_laid_on_white(photo: Path, cache: Path, shared: Path) -> None:
    leave_as_another_program(Image.new("RGBA", (128, 96), (0, 0, 0, 0)), entry(shared, "normal", photo), photo)
    assert (pixels(make_thumbnail(str(photo), 128, str(cache), shared=str(shared))) == 255).all()


@pytest.mark.parametrize(
    ("size", "keys"),
    [
        ((128, 96), {"MTime": "12"}),
        ((128, 96), {"MTime": "yesterday"}),
        ((128, 96), {"URI": "file:///another.jpg"}),
        ((100, 75), {}),
        ((96, 128), {}),
        ((128, 128), {}),
    ],
    ids=["older", "no time", "of another file", "too small", "on its side", "framed"],
)
def test_what_is_not_of_this_file_as_it_is_is_made_anew(
    photo: Path, cache: Path, shared: Path, size: tuple[int, int], keys: dict[str, str]
) -> None:
    place = entry(shared, "normal", photo)
    leave_as_another_program(Image.new("RGB", size, "lime"), place, photo, **keys)
    made = make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    assert not (pixels(made) == (0, 255, 0)).all()
    with Image.open(place) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels(made), "and it takes the other's place")


def test_a_clips_thumbnail_by_another_program_lacks_its_length(
    write_clip: Callable[..., Path], cache: Path, shared: Path
) -> None:
    clip = write_clip(count=50)
    leave_as_another_program(Image.new("RGB", (64, 48), "lime"), entry(shared, "normal", clip), clip)
    for _ in range(2):
        thumbnail = make_thumbnail(str(clip), 128, str(cache), shared=str(shared))
        assert thumbnail.kind is Kind.VIDEO
        assert thumbnail.facts.duration == pytest.approx(2.0, abs=0.05)
    with Image.open(entry(shared, "normal", clip)) as image:
        assert image.info["Thumb::Movie::Length"] == "2"


def test_a_file_that_changes_within_a_second_gets_a_new_shared_thumbnail(
    photo: Path, cache: Path, shared: Path
) -> None:
    status = photo.stat()
    second = status.st_mtime_ns // 10**9 * 10**9
    os.utime(photo, ns=(second, second + 10**8))
    made = make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    content = bytearray(photo.read_bytes())
    Image.new("RGB", (1200, 900), "navy").save(photo)
    photo.write_bytes(photo.read_bytes().ljust(len(content), b"\0"))  # as large as before
    os.utime(photo, ns=(second, second + 2 * 10**8))
    assert make_thumbnail(str(photo), 128, str(cache), shared=str(shared)) != made


def test_large_sizes_and_later_pages_are_kept_in_our_folder(photo: Path, cache: Path, shared: Path) -> None:
    make_thumbnail(str(photo), 512, str(cache), shared=str(shared))
    fax = photo.with_name("fax.tif")
    Image.new("RGB", (300, 200), "red").save(fax, save_all=True, append_images=[Image.new("RGB", (300, 200), "blue")])
    second = make_thumbnail(str(fax), 128, str(cache), 1, str(shared))
    assert len(kept(cache)) == 2
    assert kept(shared) == []
    assert pixels(make_thumbnail(str(fax), 128, str(cache), 0, str(shared)))[20, 20, 0] > 200
    assert make_thumbnail(str(fax), 128, str(cache), 1, str(shared)).facts == second.facts


def test_where_the_shared_cache_cannot_be_written_ours_is(photo: Path, cache: Path, shared: Path) -> None:
    shared.touch()
    made = make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    overwrite_keeping_state(photo)
    assert make_thumbnail(str(photo), 128, str(cache), shared=str(shared)).facts == made.facts
    assert len(kept(cache)) == 1


def test_no_thumbnail_is_kept_of_a_thumbnail(photo: Path, cache: Path, shared: Path) -> None:
    make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    before = kept(shared)
    assert make_thumbnail(str(before[0]), 128, str(cache), shared=str(shared)).facts == Facts(128, 96)
    assert kept(shared) == before
    assert not cache.exists()


def test_a_file_with_nothing_to_show_is_not_tried_again_until_it_changes(
    photo: Path, cache: Path, shared: Path
) -> None:
    good = photo.read_bytes()
    photo.write_bytes(good[: len(good) // 2])
    with pytest.raises(FileDamaged) as first:
        make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    with Image.open(entry(shared, FAILURES, photo)) as image:
        assert image.info["Thumb::URI"] == photo.as_uri()
        assert image.info["Thumb::MTime"] == str(int(photo.stat().st_mtime))
    status = photo.stat()
    Image.new("RGB", (100, 50), "teal").save(photo)
    photo.write_bytes(photo.read_bytes().ljust(status.st_size, b"\0"))
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(FileDamaged) as again:
        make_thumbnail(str(photo), 256, str(cache), shared=str(shared))
    assert again.value == first.value
    os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert make_thumbnail(str(photo), 128, str(cache), shared=str(shared)).facts == Facts(100, 50)


def test_what_may_pass_is_not_remembered(photo: Path, cache: Path, shared: Path) -> None:
    photo.unlink()
    with pytest.raises(FileVanished):
        make_thumbnail(str(photo), 128, str(cache), shared=str(shared))
    assert kept(shared) == []


def test_under_a_home_of_its_own_the_persons_cache_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    monkeypatch.delenv("SEMBLANCE_HOME", raising=False)
    expected = None if sys.platform in ("win32", "darwin") else tmp_path / "caches" / "thumbnails"
    assert Home.find().shared_thumbnails == expected
    assert Home.find(tmp_path).shared_thumbnails is None
    monkeypatch.setenv("SEMBLANCE_HOME", str(tmp_path))
    assert Home.find().shared_thumbnails is None


# --- how much room they take -------------------------------------------------------------------------


def filled(cache: Path, photo: Path) -> list[Path]:
    """Thumbnails of sizes 32, 48, ..., used last a week ago, six days ago, ..."""
    files = []
    for number, side in enumerate(range(32, 112, 16)):
        make_thumbnail(str(photo), side, str(cache))
        (file,) = set(kept(cache)) - set(files)
        used = time.time() - (7 - number) * 86400
        os.utime(file, (used, used))
        files.append(file)
    return files


def test_what_was_not_looked_at_for_longest_is_thrown_away_first(photo: Path, cache: Path) -> None:
    files = filled(cache, photo)
    size, count = thumbnails.measure(str(cache))
    assert (size, count) == (sum(file.stat().st_size for file in files), 5)
    make_thumbnail(str(photo), 32, str(cache))  # looked at: now the latest used
    expected = files[1].stat().st_size + files[2].stat().st_size
    assert thumbnails.prune(str(cache), size) == 0
    assert thumbnails.prune(str(cache), round((size - expected + 1) / 0.9)) == expected
    assert set(kept(cache)) == {files[0], *files[3:]}


def test_pruning_removes_what_a_killed_program_left(photo: Path, cache: Path) -> None:
    (file,) = filled(cache, photo)[:1]
    old, new = file.with_name("old.tmp"), file.with_name("new.tmp")
    for temporary in (old, new):
        temporary.write_bytes(b"12345")
    os.utime(old, (0, 0))
    assert thumbnails.prune(str(cache)) == 5
    assert new.exists()
    assert not old.exists()


def test_clearing_leaves_nothing(photo: Path, cache: Path) -> None:
    filled(cache, photo)
    thumbnails.clear(str(cache))
    assert thumbnails.measure(str(cache)) == (0, 0)
    assert thumbnails.prune(str(cache)) == 0
    assert make_thumbnail(str(photo), 64, str(cache)).raster


# --- what is scrolled past ---------------------------------------------------------------------------


def test_what_is_scrolled_past_is_dropped_before_it_is_begun(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02}.jpg").write_bytes(photo.read_bytes())
    listing = Listing(folder)
    for event in scan(folder):
        assert isinstance(event, Listed)
        listing.append(event)
    with closing(Engine(tmp_path / "home", workers=1)) as engine:
        past = engine.thumbnails(listing, range(39), 64)
        assert isinstance(next(past), ThumbnailMade)
        past.close()  # type: ignore[attr-defined]
        (last,) = engine.thumbnails(listing, [39], 64)
        assert isinstance(last, ThumbnailMade)
        assert last.row == 39
        # The one that was shown, the one that was being made, the one that is wanted now.
        assert len(kept(engine.home.thumbnails)) <= 3


# --- what is made of a JPEG that was not decoded in full ---------------------------------------------


@pytest.fixture
def large_photo(tmp_path: Path) -> Path:
    """2016 x 1512, with detail of every size."""
    rng = np.random.default_rng(8)
    layers = [
        np.asarray(
            Image.fromarray(rng.integers(0, 256, (1512 // side, 2016 // side, 3), np.uint8)).resize(
                (2016, 1512), Image.Resampling.BICUBIC
            ),
            np.float32,
        )
        for side in (4, 12, 36, 108)
    ]
    path = tmp_path / "large.jpg"
    mixed = sum(layer * weight for layer, weight in zip(layers, (0.1, 0.2, 0.3, 0.4), strict=True))
    Image.fromarray(mixed.astype(np.uint8)).save(path, quality=90)
    return path


def test_a_thumbnail_is_as_of_the_whole_picture(large_photo: Path) -> None:
    with Image.open(large_photo) as image:
        whole = np.asarray(image.resize((128, 96), Image.Resampling.LANCZOS), np.float64)
    error = np.mean((pixels(make_thumbnail(str(large_photo), 128, None)) - whole) ** 2)
    assert 10 * np.log10(255**2 / error) > 45


@pytest.mark.parametrize("orientation", [1, 6])
def test_a_model_that_allows_a_draft_sees_nearly_the_whole_picture(large_photo: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    with Image.open(large_photo) as image:
        image.save(large_photo, quality=90, exif=exif)
    grid = ModelGrid()
    near, exact = (
        decode(str(large_photo), PixelPolicy(256 * 256, scaled=scaled, grid=grid)) for scaled in (True, False)
    )
    assert near.frames is not None
    assert exact.frames is not None
    assert near.frames.shape == exact.frames.shape
    assert near.facts == exact.facts
    difference = np.abs(near.frames.astype(int) - exact.frames)
    assert 0 < difference.mean() < 0.5
