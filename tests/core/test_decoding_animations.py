"""That an animated picture is a clip: which of its frames arrive, when they are shown, and what it may cost."""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageCms

from core.decoding import decode, make_filmstrip, make_preview, make_thumbnail
from core.decoding.grid import frame_count, frame_size, spread
from core.errors import FileDamaged, FileTooLarge, MediaError
from core.media import Decoded, Facts, Kind, ModelGrid, PixelPolicy, Region

EIGHT = PixelPolicy(10**9, frames=8)
MOVING = ["a.gif", "a.webp", "a.png", "a.apng", "a.avif", "a.avifs"]
EXACT = ["a.gif", "a.webp", "a.png"]

Save = Callable[..., Path]


def grey(level: int, size: tuple[int, int] = (48, 32)) -> Image.Image:
    return Image.new("RGB", size, (level, level, level))


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes an animation of these frames, without loss where the format can."""

    def write(name: str, frames: list[Image.Image], duration: int | list[int] = 100, **options: object) -> Path:
        path = tmp_path / name
        if path.suffix == ".webp":
            options = {"lossless": True, "method": 0} | options
        if path.suffix.startswith(".avif"):
            options = {"quality": 95, "speed": 10, "max_threads": 1} | options
        kind = {".apng": "PNG", ".avifs": "AVIF"}.get(path.suffix)
        frames[0].save(path, kind, save_all=True, append_images=frames[1:], duration=duration, **options)
        return path

    return write


def look(path: Path, policy: PixelPolicy = EIGHT) -> tuple[NDArray[np.uint8], Decoded]:
    decoded = decode(str(path), policy)
    assert decoded.kind is Kind.VIDEO
    assert decoded.frames is not None
    assert decoded.frames.flags.c_contiguous
    assert len(decoded.frames) == len(decoded.times)
    return decoded.frames, decoded


@pytest.mark.parametrize("name", MOVING)
def test_frames_are_evenly_spaced_over_time(save: Save, name: str) -> None:
    # One slow second, then twenty quick frames in another.
    lengths = [500, 500] + [50] * 20
    path = save(name, [grey(10 * index) for index in range(22)], lengths)
    frames, decoded = look(path)
    assert frames.shape[1:] == (32, 48, 3)
    assert decoded.facts == Facts(48, 32, 2.0)
    # The middles of eighths: two in each slow frame, which comes once, then every fifth.
    shown = [round(float(frame.mean()) / 10) for frame in frames]
    assert shown == [0, 1, 4, 9, 14, 19]
    starts = [0.0, 0.5] + [1.0 + 0.05 * index for index in range(20)]
    assert decoded.times == pytest.approx([starts[number] for number in shown])


@pytest.mark.parametrize("name", MOVING)
def test_a_moment_is_the_frame_shown_then(save: Save, name: str) -> None:
    path = save(name, [grey(20 * index) for index in range(10)], 200)
    for at, level in ((0.0, 0), (0.19, 0), (0.21, 20), (1.0, 100), (99.0, 180)):
        raster = make_preview(str(path), 64, at).raster
        assert raster is not None
        assert np.frombuffer(raster.data, np.uint8).mean() == pytest.approx(level, abs=2)


@pytest.mark.parametrize("name", MOVING)
def test_a_still_is_a_picture(save: Save, name: str) -> None:
    assert decode(str(save(name, [grey(90)])), EIGHT).kind is Kind.IMAGE


@pytest.mark.parametrize(
    ("name", "told", "shown"),
    [("a.gif", 10, 100), ("a.gif", 20, 20), ("a.webp", 5, 100), ("a.png", 10, 100), ("a.webp", 16, 16)],
)
def test_times_are_as_browsers_have_them(save: Save, name: str, told: int, shown: int) -> None:
    _, decoded = look(save(name, [grey(30 * index) for index in range(5)], told))
    assert decoded.facts.duration == pytest.approx(5 * shown / 1000)


@pytest.mark.parametrize("name", EXACT)
def test_frames_are_composed(save: Save, name: str) -> None:
    rng = np.random.default_rng(3)
    canvas = Image.fromarray(rng.integers(0, 8, (32, 48, 3), np.uint8) * 32)
    frames = []
    for index in range(12):  # a small square wanders, so that only a part of each frame is stored
        canvas = canvas.copy()
        canvas.paste((255, 20 * index, 0), (3 * index, index, 3 * index + 8, index + 8))
        frames.append(canvas.quantize(256).convert("RGB") if name.endswith("gif") else canvas)
    seen, _ = look(save(name, frames), PixelPolicy(10**9, frames=12))
    for index, frame in enumerate(seen):
        assert np.abs(frame.astype(int) - np.asarray(frames[index])).max() <= (8 if name.endswith("gif") else 0)


@pytest.mark.parametrize("name", EXACT)
def test_what_is_transparent_lies_on_white(save: Save, name: str) -> None:
    frames = []
    for index in range(3):
        frame = Image.new("RGBA", (48, 32), (0, 0, 0, 0))
        frame.paste((200, 0, 0, 255), (10 * index, 0, 10 * index + 10, 32))
        frames.append(frame)
    seen, _ = look(save(name, frames, disposal=2) if name.endswith("gif") else save(name, frames))
    for index, frame in enumerate(seen):
        assert frame[16, 40].tolist() == [255, 255, 255]
        assert np.abs(frame[16, 10 * index + 5].astype(int) - (200, 0, 0)).max() <= 8


def gif(frames: int, *, size: tuple[int, int] = (8, 8), pictures: int = 1) -> bytes:
    """A GIF of that many frames of one pixel, each shown for 30 ms."""
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff"
    control = b"!\xf9\x04\x00\x03\x00\x00\x00"
    frame = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x4c\x01\x00"
    return head + (control + frame * pictures) * frames + b";"


def test_a_hundred_thousand_frames_cost_little(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(gif(100_000))
    started = time.process_time()
    frames, decoded = look(path)
    assert decoded.facts.duration == pytest.approx(3000)
    assert len(frames) == 8
    assert time.process_time() - started < 10


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
def test_of_a_long_one_the_beginning_is_composed(save: Save, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    frames = []
    for index in range(40):
        frame = grey(0)
        frame.paste((6 * index, 6 * index, 6 * index), (5, 5, 40, 30))
        frames.append(frame)
    path = save(name, frames)
    monkeypatch.setattr("core.decoding.animations.COMPOSED_LIMIT", 10 * (48 * 32 + 8000))
    seen, decoded = look(path)
    assert decoded.facts.duration == pytest.approx(4.0), "a person is told how long it is"
    shown = [round(float(frame[15, 15].mean()) / 6) for frame in seen]
    assert shown == pytest.approx([10 * decoded.times[index] for index in range(len(shown))], abs=0.5)
    assert 4 <= max(shown) <= 9


def test_a_webp_is_composed_from_a_frame_that_covers_all(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    frames = [Image.fromarray(rng.integers(0, 256, (32, 48, 3), np.uint8)) for _ in range(40)]
    path = save("a.webp", frames, minimize_size=False, kmin=0, kmax=1)
    monkeypatch.setattr("core.decoding.animations.COMPOSED_LIMIT", 3 * (48 * 32 + 8000))
    seen, decoded = look(path)
    for frame, moment in zip(seen, decoded.times, strict=True):
        np.testing.assert_array_equal(frame, np.asarray(frames[round(moment * 10)]))
    assert decoded.times[-1] > 3.5


def test_a_huge_canvas_is_refused_before_it_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(gif(3, size=(65535, 65535)))
    with pytest.raises(FileTooLarge):
        decode(str(path), EIGHT)
    riff = b"VP8X" + struct.pack("<IB3x", 10, 2) + b"\xff\x3f\x00" * 2 + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    riff += (b"ANMF" + struct.pack("<I", 24) + bytes(12) + b"\x64\x00\x00\x00" + b"VP8 \x00\x00\x00\x00") * 3
    path = tmp_path / "a.webp"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(riff) + 4) + b"WEBP" + riff)
    with pytest.raises(FileTooLarge):
        decode(str(path), EIGHT)


@pytest.mark.parametrize("name", MOVING)
def test_a_model_gets_frames_by_its_own_rules(save: Save, name: str) -> None:
    grid = ModelGrid(fps=2.0)
    path = save(name, [grey(8 * index, (160, 96)) for index in range(30)], 100)
    policy = PixelPolicy(10**6, grid=grid)
    frames, decoded = look(path, policy)
    count = frame_count(30, 10.0, grid)
    numbers = spread(30, count).tolist()
    assert [round(float(frame.mean()) / 8) for frame in frames] == numbers
    assert decoded.times == pytest.approx([number / 10 for number in numbers])
    assert frames.shape[2:0:-1] == frame_size(160, 96, count, grid)
    part = decode(str(path), policy, region=Region(0, 0, 0.5, 1))
    assert part.frames is not None
    assert part.frames.shape[2:0:-1] == frame_size(80, 96, count, grid)
    pair, _ = look(save(name, [grey(0), grey(200), grey(90)]), replace(policy, grid=ModelGrid()))
    assert len(pair) == 2


@pytest.mark.parametrize("name", EXACT)
def test_a_region_is_a_part_of_every_frame(save: Save, name: str) -> None:
    frames = []
    for index in range(4):
        frame = grey(0)
        frame.paste((60 * index, 60, 200), (24, 0, 48, 32))
        frames.append(frame)
    path = save(name, frames)
    whole, plain = look(path)
    decoded = decode(str(path), EIGHT, region=Region(0.5, 0, 1, 0.5))
    assert decoded.frames is not None
    np.testing.assert_array_equal(decoded.frames, whole[:, :16, 24:])
    assert decoded.facts == replace(plain.facts, width=24, height=16)
    assert decoded.fingerprint == plain.fingerprint


@pytest.mark.parametrize("name", MOVING)
def test_a_thumbnail_shows_something(save: Save, tmp_path: Path, name: str) -> None:
    lively = Image.effect_noise((96, 64), 60).convert("RGB")
    path = save(name, [grey(0, (96, 64))] * 2 + [grey(1, (96, 64))] + [lively] * 3, [400, 400, 400, 300, 300, 300])
    made = make_thumbnail(str(path), 48, None)
    assert made.kind is Kind.VIDEO
    assert made.facts.duration == pytest.approx(2.1)
    assert made.raster is not None
    assert np.frombuffer(made.raster.data, np.uint8).std() > 10
    assert [(raster.width, raster.height) for raster in make_filmstrip(str(path), 48, 2)] == [(48, 32)] * 2


def test_a_preview_says_what_it_is(save: Save) -> None:
    preview = make_preview(str(save("a.gif", [grey(index) for index in (0, 100, 200)])), 64)
    assert (preview.format, preview.kind) == ("GIF", Kind.VIDEO)
    assert dict(preview.details)["Frames"] == "3"


def test_colour_profiles_are_honoured_for_a_person_alone(save: Save) -> None:
    swapped = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    path = save("a.png", [grey(level) for level in (60, 120, 180)], icc_profile=swapped)
    assert make_preview(str(path), 64).raster, "one for other colours than the file has must not cost the picture"
    frames, _ = look(path)
    assert frames[0].mean() == 60


# --- bad files ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.97])
def test_of_one_with_a_broken_end_the_beginning_counts(save: Save, name: str, share: float) -> None:
    rng = np.random.default_rng(8)
    path = save(name, [Image.fromarray(rng.integers(0, 256, (32, 48, 3), np.uint8)) for _ in range(20)])
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    decoded = decode(str(path), EIGHT)
    assert decoded.frames is not None
    assert decoded.frames[0].std() > 30


@pytest.mark.parametrize("name", MOVING)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 0.999), bit=st.integers(0, 7), length=st.floats(0.05, 1))
def test_whatever_is_in_it_it_is_decoded_or_refused(
    save: Save, name: str, place: float, bit: int, length: float
) -> None:
    path = save(name, [grey(20 * index) for index in range(6)])
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content[: max(1, int(length * len(content)))])
    try:
        decoded = decode(str(path), EIGHT)
    except MediaError:
        return
    assert decoded.frames is not None
    assert len(decoded.frames) == len(decoded.times) > 0


def test_one_that_only_says_that_it_moves_is_a_still(tmp_path: Path) -> None:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress((b"\0" + b"\x80" * 8) * 8))
    path = tmp_path / "a.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"acTL", struct.pack(">II", 9, 0)) + pixels + chunk(b"IEND", b"")
    )
    decoded = decode(str(path), EIGHT)
    assert decoded.frames is not None
    assert decoded.frames.mean() == 0x80


def test_nothing_at_all_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "a.gif"
    path.write_bytes(gif(2)[:20])
    with pytest.raises(FileDamaged):
        decode(str(path), EIGHT)


def test_a_list_of_brands_that_has_no_end_is_not_read_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "a.avif"
    grey(90).save(path)
    path.write_bytes(b"\xff" * 4 + path.read_bytes()[4:])  # the first box says that it has four gigabytes
    began = time.process_time()
    with pytest.raises(MediaError):
        decode(str(path), EIGHT)
    assert time.process_time() - began < 2
