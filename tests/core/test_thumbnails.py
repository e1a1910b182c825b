"""Thumbnails and the folder they are kept in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.decoding import Thumbnail, decode, make_thumbnail
from core.errors import FileVanished
from core.media import Facts, Kind, PixelPolicy


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
