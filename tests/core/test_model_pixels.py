"""That a model with rules of its own gets the pixels and the frames that its reference code would give it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from av.video.stream import VideoStream
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from core.decoding import decode, make_thumbnail, thumbnails
from core.decoding.given import decode_image, frames_as_clip
from core.decoding.grid import frame_count, frame_size, gridded, spread
from core.errors import FileDamaged, FileEmpty, FileUnsupported, ScoreMissing
from core.media import Decoded, Kind, ModelGrid, Region
from core.scorers import Budget
from core.scorers.qwen_pixels import policy

reference = pytest.importorskip("qwen_vl_utils.vision_process")
torch = pytest.importorskip("torch")

FULL = policy(Budget.FULL)
LIMITS = {"min_pixels": 4 * 32 * 32, "max_pixels": 1800 * 32 * 32}

WriteClip = Callable[..., Path]


def pixels(decoded: Decoded) -> NDArray[np.uint8]:
    assert decoded.frames is not None
    assert decoded.frames.dtype == np.uint8
    assert decoded.frames.flags.c_contiguous
    return decoded.frames


# --- sizes and numbers -------------------------------------------------------------------------------


@given(
    st.integers(1, 20_000), st.integers(1, 20_000), st.sampled_from([32, 64]), st.integers(4, 100), st.integers(0, 4000)
)
def test_sizes_are_the_references(width: int, height: int, factor: int, fewest: int, more: int) -> None:
    least, most = fewest * factor**2, (fewest + more) * factor**2
    if max(width, height) > 200 * min(width, height):
        with pytest.raises(ScoreMissing):
            gridded(width, height, factor, least, most)
        return
    down, across = reference.smart_resize(height, width, factor, least, most)
    assert gridded(width, height, factor, least, most) == (max(across, factor), max(down, factor))


@given(st.integers(2, 400_000), st.fractions(1, 240), st.floats(0.1, 30), st.integers(2, 80))
def test_counts_of_frames_are_the_references(total: int, rate: Fraction, fps: float, most: int) -> None:
    grid = ModelGrid(fps=fps, max_frames=most)
    expected = reference.smart_nframes({"fps": fps, "max_frames": most}, total, float(rate))
    count = frame_count(total, float(rate), grid)
    assert count == expected
    assert spread(total, count).tolist() == torch.linspace(0, total - 1, count).round().long().tolist()


@given(st.integers(1, 8000), st.integers(1, 8000), st.integers(1, 32))
def test_sizes_of_frames_are_the_references(width: int, height: int, pairs: int) -> None:
    assume(max(width, height) <= 100 * min(width, height))
    fewest, most = 128 * 1024, 768 * 1024  # the body of fetch_video, with the total it means to keep
    limit = max(min(most, 7680 * 1024 / (2 * pairs) * 2), int(fewest * 1.05))
    down, across = reference.smart_resize(height, width, 32, fewest, limit)
    assert frame_size(width, height, 2 * pairs, ModelGrid()) == (max(across, 32), max(down, 32))


# --- pictures ----------------------------------------------------------------------------------------


def scene(width: int, height: int) -> Image.Image:
    coarse = np.random.default_rng(width * height).integers(0, 256, (7, 9, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def with_alpha(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


def written(folder: Path, image: Image.Image, mode: str, suffix: str, **options: Any) -> Path:
    path = folder / f"a.{suffix}"
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    elif mode == "F":
        image = Image.fromarray(np.asarray(image.convert("L")).astype(np.float32))
    elif mode in ("RGBA", "LA"):
        image = with_alpha(image).convert(mode)
    else:
        image = image.convert(mode)
    image.save(path, **options)
    return path


@pytest.mark.parametrize("size", [(5, 9), (37, 61), (64, 96), (60, 3000), (1511, 1303)])
@pytest.mark.parametrize(
    ("mode", "suffix", "options"),
    [
        ("RGB", "jpg", {"quality": 80}),
        ("L", "jpg", {}),
        ("CMYK", "jpg", {"quality": 95}),
        ("RGB", "png", {}),
        ("RGBA", "png", {}),
        ("LA", "png", {}),
        ("L", "png", {}),
        ("1", "png", {}),
        ("P", "png", {}),
        ("P", "png", {"transparency": 3}),
        ("RGB", "png", {"transparency": (10, 20, 30)}),
        ("I;16", "png", {}),
        ("P", "gif", {"transparency": 1}),
        ("RGBA", "webp", {"lossless": True, "method": 0}),
        ("RGB", "bmp", {}),
        ("F", "tiff", {}),
        ("CMYK", "tiff", {}),
        ("LAB", "tiff", {}),
    ],
)
@pytest.mark.filterwarnings("ignore:Palette images with Transparency")
def test_a_picture_is_the_references_bit_for_bit(
    tmp_path: Path, size: tuple[int, int], mode: str, suffix: str, options: dict[str, Any]
) -> None:
    source = scene(*size)
    if mode == "LAB":
        source = Image.merge("LAB", source.split())
    path = written(tmp_path, source, mode, suffix, **options)
    with Image.open(path) as image:
        expected = np.asarray(reference.fetch_image({"image": image, **LIMITS}, image_patch_size=16))
    np.testing.assert_array_equal(pixels(decode(str(path), FULL))[0], expected)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("of_a_region", [False, True])
def test_a_picture_is_turned_upright_and_then_sized(tmp_path: Path, orientation: int, of_a_region: bool) -> None:
    upright = scene(330, 140)
    back = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]  # Image.Transpose that leads to how it is stored
    stored = upright if back is None else upright.transpose(Image.Transpose(back))
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.png"
    stored.save(path, exif=exif)
    region = Region(0.25, 0.1, 0.8, 1.0) if of_a_region else None
    part = upright.crop((82, 14, 264, 140)) if of_a_region else upright
    expected = reference.fetch_image({"image": part, **LIMITS}, image_patch_size=16)
    np.testing.assert_array_equal(pixels(decode(str(path), FULL, region=region))[0], np.asarray(expected))


def test_too_long_a_picture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.new("L", (2010, 10)).save(path)
    with pytest.raises(ScoreMissing, match="200 times"):
        decode(str(path), FULL)
    Image.new("L", (2000, 10)).save(path)
    assert pixels(decode(str(path), FULL)).shape[0] == 1


@pytest.mark.parametrize("budget", [Budget.FAST, Budget.BALANCED])
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("region", [None, Region(0.2, 0.2, 0.9, 0.7)])
def test_scaled_decoding_has_the_same_size_and_nearly_the_same_pixels(
    tmp_path: Path, budget: Budget, orientation: int, region: Region | None
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "a.jpg"
    scene(3000, 2000).save(path, quality=90, exif=exif)
    scaled = policy(budget)
    near = pixels(decode(str(path), scaled, region=region))
    exact = pixels(decode(str(path), replace(scaled, scaled=False), region=region))
    assert near.shape == exact.shape
    assert near.shape[1] * near.shape[2] <= budget.tokens * 1024
    difference = np.abs(near.astype(int) - exact)
    assert difference.max() > 0 or region or budget is Budget.BALANCED, "there the whole must be decoded"
    assert difference.mean() < 1.5


def test_a_thumbnail_is_left_along_the_way(tmp_path: Path) -> None:
    path, cache = tmp_path / "a.jpg", tmp_path / "cache"
    scene(900, 600).save(path)
    plain = pixels(decode(str(path), FULL))
    np.testing.assert_array_equal(pixels(decode(str(path), FULL, thumbnail=(128, str(cache)))), plain)
    kept = thumbnails.load(thumbnails.place(str(cache), str(path), path.stat(), 128))
    assert kept is not None
    assert kept.raster is not None
    assert (kept.raster.width, kept.raster.height) == (128, 85)
    assert kept.facts == make_thumbnail(str(path), 128, None).facts


def test_a_given_picture_is_as_its_file(tmp_path: Path) -> None:
    path = written(tmp_path, scene(700, 500), "RGBA", "png")
    with Image.open(path) as image:
        given_one = decode_image(image, policy(Budget.FAST))
        again = decode_image(image.copy(), FULL)
    np.testing.assert_array_equal(pixels(given_one), pixels(decode(str(path), policy(Budget.FAST))))
    assert given_one.kind is Kind.IMAGE
    assert given_one.fingerprint == again.fingerprint, "it names the picture, not how it is looked at"
    assert given_one.fingerprint != decode_image(scene(700, 500), FULL).fingerprint


def test_equal_bytes_of_other_colours_or_turned_are_another_picture() -> None:
    plain = scene(90, 60)
    turned = plain.copy()
    turned.getexif()[ExifTags.Base.Orientation] = 6
    few = plain.quantize(8)
    other = few.copy()
    other.putpalette([255 - level for level in few.getpalette() or []])
    assert few.tobytes() == other.tobytes()
    assert decode_image(plain, FULL).fingerprint != decode_image(turned, FULL).fingerprint
    assert decode_image(few, FULL).fingerprint != decode_image(other, FULL).fingerprint


def test_a_picture_without_pixels_is_damaged() -> None:
    with pytest.raises(FileDamaged, match="no pixels"):
        decode_image(Image.new("RGB", (0, 5)), FULL)


def test_a_given_picture_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    scene(2000, 1500).save(path)
    with Image.open(path) as image:
        decode_image(image, policy(Budget.FAST))
        assert image.size == (2000, 1500)


# --- clips -------------------------------------------------------------------------------------------


def numbered(
    path: Path, count: int, keyframes_every: int, *, codec: str = "libx264", rate: int | Fraction = 25, **options: str
) -> Path:
    """A clip of 160 by 96 pixels in which each frame shows its number in binary, on noise that keeps the coder busy."""
    rng = np.random.default_rng(count)
    with av.open(str(path), "w") as container:
        stream = cast(VideoStream, container.add_stream(codec, rate=rate, options=options))
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 160, 96, "yuv420p", keyframes_every
        stream.codec_context.thread_count = 1
        for number in range(count):
            frame = np.full((96, 160, 3), 40, np.uint8)
            for bit in range(9):
                frame[10:80, 10 + bit * 16 : 22 + bit * 16] = 220 if number >> bit & 1 else 40
            frame[84:] = rng.integers(0, 256, (12, 160, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    return path


def numbers(frames: NDArray[np.uint8]) -> list[int]:
    height, width = frames.shape[1:3]
    places = [(45 * height // 96, int((16 + bit * 16) * width / 160)) for bit in range(9)]
    return [sum(int(frame[place].mean() > 130) << bit for bit, place in enumerate(places)) for frame in frames]


OPEN_GROUPS = {"x264-params": "open-gop=1:bframes=3"}


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {}),
        ("a.mov", "libx264", OPEN_GROUPS),
        ("a.mkv", "libx264", OPEN_GROUPS),
        ("a.webm", "libvpx-vp9", {"deadline": "realtime", "cpu-used": "8"}),
        ("a.avi", "mpeg4", {}),
        ("a.ts", "libx264", OPEN_GROUPS),
    ],
)
@pytest.mark.parametrize("keyframes_every", [1, 3, 12, 1000])
@pytest.mark.parametrize("fps", [1.0, 25.0])
def test_frames_are_the_ones_with_the_right_numbers(
    tmp_path: Path, name: str, codec: str, options: dict[str, Any], keyframes_every: int, fps: float
) -> None:
    path = numbered(tmp_path / name, 67, keyframes_every, codec=codec, **options)
    if path.suffix == ".ts":  # known by its content only
        path = path.rename(tmp_path / "a.mp4")
    grid = ModelGrid(fps=fps)
    count = reference.smart_nframes({"fps": fps, "max_frames": 64}, 67, 25.0)
    expected = torch.linspace(0, 66, count).round().long().tolist()
    decoded = decode(str(path), replace(FULL, grid=grid))
    assert numbers(pixels(decoded)) == expected
    assert decoded.times == pytest.approx([number / 25 for number in expected])
    near = decode(str(path), replace(FULL, grid=grid, scaled=True))
    step = 66 / (count - 1)
    for number, time, aim in zip(numbers(pixels(near)), near.times, expected, strict=True):
        assert aim - step / 4 <= number <= aim
        assert time == pytest.approx(number / 25), "the time is that of the frame that came"


@pytest.mark.parametrize("cut", [5, 12, 17])
def test_frames_that_an_edit_list_hides_are_not_counted(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "cut.mp4"  # as a program writes it that cuts without coding anew: stamps below zero are hidden
    with av.open(str(numbered(tmp_path / "whole.mp4", 67, 12))) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None and packet.dts is not None and packet.time_base is not None:
                ticks = int(cut / 25 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - ticks, packet.dts - ticks, stream
                target.mux(packet)
    decoded = decode(str(path), FULL)
    expected = torch.linspace(0, 66 - cut, 4).round().long()
    assert numbers(pixels(decoded)) == (expected + cut).tolist()
    assert decoded.times == pytest.approx((expected / 25).tolist())


def test_near_frames_of_a_large_clip_need_no_pass_over_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.decoding.video.WHOLE_FILE", 1000)
    path = numbered(tmp_path / "a.mp4", 300, 5, rate=Fraction(30000, 1001))
    near = decode(str(path), policy(Budget.FAST))
    expected = torch.linspace(0, 299, 10).round().long().tolist()
    for number, time, aim in zip(numbers(pixels(near)), near.times, expected, strict=True):
        assert aim - 299 / 9 / 4 <= number <= aim
        assert time == pytest.approx(number / 30000 * 1001, abs=1e-6)
    exact = decode(str(path), replace(policy(Budget.FAST), scaled=False))
    assert numbers(pixels(exact)) == expected


@pytest.mark.parametrize(
    ("count", "expected"), [(1, [0, 0]), (2, [0, 1]), (3, [0, 2]), (4, [0, 1, 2, 3]), (5, [0, 1, 3, 4])]
)
@pytest.mark.parametrize("scaled", [False, True])
def test_short_clips_give_pairs(tmp_path: Path, count: int, expected: list[int], scaled: bool) -> None:
    decoded = decode(str(numbered(tmp_path / "a.mp4", count, 12)), replace(FULL, scaled=scaled))
    assert numbers(pixels(decoded)) == expected
    assert decoded.times == pytest.approx([number / 25 for number in expected])


def test_frames_are_resized_as_the_reference_does_to_a_level_or_two(write_clip: WriteClip) -> None:
    still = np.asarray(scene(640, 360))
    path = write_clip(frames=[still] * 8, size=(640, 360))
    with av.open(str(path)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    size = frame_size(640, 360, 4, ModelGrid())
    expected = reference.transforms.functional.resize(
        torch.from_numpy(first).permute(2, 0, 1)[None],
        [size[1], size[0]],
        interpolation=reference.InterpolationMode.BICUBIC,
        antialias=True,
    )[0].permute(1, 2, 0)
    frames = pixels(decode(str(path), FULL))
    assert frames.shape == (4, size[1], size[0], 3)
    assert np.abs(frames[0].astype(int) - expected.numpy()).max() <= 2


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_a_turned_clip_is_upright_and_its_region_cut_first(
    write_clip: WriteClip, quadrants_image: Image.Image, rotation: int
) -> None:
    path = write_clip(frames=[np.asarray(quadrants_image)] * 5, rotation=rotation)
    upright = np.rot90(np.asarray(quadrants_image), rotation // 90)
    decoded = decode(str(path), FULL)
    height, width = pixels(decoded).shape[1:3]
    assert (width, height) == frame_size(upright.shape[1], upright.shape[0], 4, ModelGrid())
    corner = decode(str(path), FULL, region=Region(0.5, 0, 1, 0.5))
    for frames, places in ((pixels(decoded), (1, 3)), (pixels(corner), (2,))):
        part = upright if len(places) > 1 else upright[: len(upright) // 2, upright.shape[1] // 2 :]
        for down in places:
            for across in places:
                seen = frames[0][frames.shape[1] * down // 4, frames.shape[2] * across // 4].astype(int)
                meant = part[part.shape[0] * down // 4, part.shape[1] * across // 4].astype(int)
                assert np.abs(seen - meant).max() < 30


def test_pixels_of_a_clip_are_taken_as_stored(write_clip: WriteClip) -> None:
    path = write_clip(size=(160, 96), pixel_shape=Fraction(2, 1), count=8)
    assert pixels(decode(str(path), FULL)).shape[2:0:-1] == frame_size(160, 96, 4, ModelGrid())
    assert decode(str(path), FULL).facts.width == 320, "a person is told how it looks"


def test_a_thumbnail_of_a_clip_is_left_along_the_way(tmp_path: Path) -> None:
    path, cache = numbered(tmp_path / "a.mp4", 50, 12), tmp_path / "cache"
    decode(str(path), FULL, thumbnail=(64, str(cache)))
    kept = thumbnails.load(thumbnails.place(str(cache), str(path), path.stat(), 64))
    assert kept is not None
    assert kept.raster is not None
    assert (kept.raster.width, kept.raster.height) == (64, 38)


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_of_a_clip_with_a_broken_end_pairs_are_left(tmp_path: Path, name: str) -> None:
    path = numbered(tmp_path / name, 60, 5, codec="mpeg4")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    frames = pixels(decode(str(path), FULL))
    assert len(frames) in (2, 4)
    assert numbers(frames)[0] == 0


# --- lists of frames ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 5, 8])
@pytest.mark.parametrize("as_files", [False, True])
def test_a_list_of_frames_is_the_references_clip(tmp_path: Path, count: int, as_files: bool) -> None:
    images = [scene(500, 300).rotate(index * 20) for index in range(count)]
    paths = [tmp_path / f"{index}.png" for index in range(count)]
    for image, path in zip(images, paths, strict=True):
        image.save(path)
    expected, facts = reference.fetch_video(
        {"video": images, "total_pixels": 7680 * 1024}, image_patch_size=16, return_video_metadata=True
    )
    decoded = frames_as_clip([str(path) for path in paths] if as_files else images, FULL)
    frames = pixels(decoded).astype(int)
    assert frames.shape == tuple(expected.permute(0, 2, 3, 1).shape)
    assert np.abs(frames - expected.permute(0, 2, 3, 1).numpy()).max() <= 2
    assert decoded.times == pytest.approx([index / facts["fps"] for index in facts["frames_indices"]])
    assert decoded.kind is Kind.VIDEO


def test_of_a_long_list_an_even_choice_is_taken() -> None:
    images = [Image.new("RGB", (64, 64), (index, index, index)) for index in range(100)]
    grey = pixels(frames_as_clip(images, policy(Budget.FULL, max_frames=8)))[:, 0, 0, 0]
    assert grey.tolist() == np.linspace(0, 99, 8, dtype=int).tolist()


def test_lists_that_are_no_clip(tmp_path: Path, write_clip: WriteClip) -> None:
    with pytest.raises(FileEmpty):
        frames_as_clip([], FULL)
    with pytest.raises(FileUnsupported):
        frames_as_clip([scene(100, 100), scene(300, 100)], FULL)
    with pytest.raises(FileUnsupported):
        frames_as_clip([str(write_clip(count=4))], FULL)
