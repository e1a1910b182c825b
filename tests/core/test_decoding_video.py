"""Which frames of a clip arrive, and what happens to clips that are short, turned, silent of pictures or broken."""

from __future__ import annotations

import time
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core.decoding import decode, make_filmstrip, make_preview, make_thumbnail, video
from core.errors import FileDamaged, FileMisnamed, FileUnsupported, MediaError
from core.media import FORMATS, Decoded, Facts, Kind, ModelGrid, PixelPolicy, Region
from tests.samples.clips import SAMPLES

EIGHT = PixelPolicy(10**9, frames=8)
A_MODEL = PixelPolicy(10**6, grid=ModelGrid())
CLIP_SUFFIXES = {suffix for row in FORMATS if row.kind is Kind.VIDEO for suffix in row.suffixes}

WriteClip = Callable[..., Path]


def look(path: Path, policy: PixelPolicy = EIGHT) -> tuple[np.ndarray, Decoded]:
    decoded = decode(str(path), policy)
    assert decoded.kind is Kind.VIDEO
    assert decoded.frames is not None
    assert decoded.frames.dtype == np.uint8
    assert decoded.frames.flags.c_contiguous
    assert len(decoded.frames) == len(decoded.times)
    assert list(decoded.times) == sorted(set(decoded.times))
    return decoded.frames, decoded


def levels(frames: np.ndarray) -> list[float]:
    """Where in the clip each frame is, told by its grey: 0 at the start, 1 at the end."""
    return [float(frame.mean()) / 255 for frame in frames]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mp4", "libx264"),
        ("a.m4v", "mpeg4"),
        ("a.mov", "libx264"),
        ("a.mkv", "libx264"),
        ("a.webm", "libvpx-vp9"),
        ("a.avi", "mpeg4"),
    ],
)
@pytest.mark.parametrize("keyframes_every", [1, 12, 1000])
def test_frames_are_evenly_spaced(write_clip: WriteClip, name: str, codec: str, keyframes_every: int) -> None:
    frames, decoded = look(write_clip(name, codec=codec, keyframes_every=keyframes_every))
    assert frames.shape == (8, 48, 64, 3)
    assert (decoded.facts.width, decoded.facts.height) == (64, 48)
    assert decoded.facts.duration == pytest.approx(2.0, abs=0.05)
    for index, (moment, level) in enumerate(zip(decoded.times, levels(frames), strict=True)):
        middle = (index + 0.5) * 2.0 / 8
        # The frame shown then, or a keyframe up to a quarter of a part earlier.
        assert middle - 2.0 / 8 / 4 - 0.081 <= moment <= middle + 0.001
        assert level == pytest.approx(moment / 2.0, abs=0.03), "the frame is of the moment it says"


def test_the_same_frames_every_time(write_clip: WriteClip) -> None:
    path = write_clip()
    np.testing.assert_array_equal(look(path)[0], look(path)[0])


def test_a_short_clip_gives_what_it_has(write_clip: WriteClip) -> None:
    for count in (1, 3):
        frames, decoded = look(write_clip(count=count))
        assert len(frames) == count
        assert decoded.times[0] == 0.0


def test_a_black_clip_is_frames_like_any(write_clip: WriteClip) -> None:
    frames, decoded = look(write_clip(frames=[np.zeros((48, 64, 3), np.uint8)] * 50))
    assert len(frames) == 8
    assert frames.max() <= 2
    assert decoded.facts.duration == pytest.approx(2.0, abs=0.05)


@pytest.mark.parametrize("name", ["late.mkv", "late.mp4", "late.mov"])
def test_times_count_from_the_clips_first_frame(write_clip: WriteClip, tmp_path: Path, name: str) -> None:
    path = tmp_path / name  # as cut from a longer recording: its stamps begin at 5 seconds
    with av.open(str(write_clip("whole.mp4", keyframes_every=5))) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                assert packet.pts is not None
                assert packet.dts is not None
                assert packet.time_base is not None
                packet.pts += int(5 / packet.time_base)
                packet.dts += int(5 / packet.time_base)
                packet.stream = stream
                target.mux(packet)
    frames, decoded = look(path)
    assert decoded.facts.duration == pytest.approx(2.0, abs=0.05)
    assert levels(frames) == pytest.approx([time / 2.0 for time in decoded.times], abs=0.03)
    assert decoded.times == pytest.approx([(index + 0.5) / 4 for index in range(8)], abs=0.12)
    assert look(path, A_MODEL)[1].times == pytest.approx([0, 0.64, 1.32, 1.96], abs=0.05)


def test_times_of_a_clip_whose_frames_come_unevenly(write_clip: WriteClip, tmp_path: Path) -> None:
    path = tmp_path / "uneven.mkv"
    with av.open(str(path), "w") as target:
        stream = target.add_stream("mpeg4", rate=1000)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", 1
        stream.time_base = Fraction(1, 1000)
        stamps = [*range(0, 1000, 20), *range(1000, 3001, 500)]  # one second in motion, then two nearly still
        for stamp in stamps:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 * stamp // 3000, np.uint8), "rgb24")
            frame.pts, frame.time_base = stamp, Fraction(1, 1000)
            target.mux(stream.encode(frame))
        target.mux(stream.encode())
    frames, decoded = look(path, PixelPolicy(10**9, frames=6))
    assert len(frames) == 6
    assert levels(frames) == pytest.approx([time / 3.0 for time in decoded.times], abs=0.03)
    assert decoded.times == pytest.approx([0.25, 0.75, 1.0, 1.5, 2.0, 2.5], abs=0.13)


def test_frames_are_reduced(write_clip: WriteClip) -> None:
    frames, decoded = look(write_clip(size=(640, 480), count=10), PixelPolicy(32 * 32, frames=2))
    assert frames.shape == (2, 27, 36, 3)
    assert decoded.facts.width == 640


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_turned_clip_is_upright(write_clip: WriteClip, quadrants_image: Image.Image, rotation: int) -> None:
    path = write_clip(frames=[np.asarray(quadrants_image)] * 5, rotation=rotation)
    # Turned counter-clockwise, as the container says it.
    expected = np.rot90(np.asarray(quadrants_image), rotation // 90).astype(int)
    frames, decoded = look(path)
    assert frames.shape[1:] == expected.shape
    assert (decoded.facts.height, decoded.facts.width) == expected.shape[:2]
    height, width, _ = expected.shape
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            assert np.abs(frames[0][y, x] - expected[y, x]).max() < 30


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
@pytest.mark.parametrize("pixel_shape", [None, Fraction(3, 2)])
def test_a_region_is_a_part_of_every_upright_frame(
    write_clip: WriteClip, quadrants_image: Image.Image, rotation: int, pixel_shape: Fraction | None
) -> None:
    coarse = np.random.default_rng(10).integers(0, 256, (6, 8, 3), np.uint8)
    scene = np.asarray(Image.fromarray(coarse).resize((64, 48), Image.Resampling.BICUBIC))
    path = write_clip(frames=[scene] * 10, rotation=rotation, pixel_shape=pixel_shape)
    whole, plain = look(path)
    height, width, _ = whole.shape[1:]
    decoded = decode(str(path), EIGHT, region=Region(0.25, 0.5, 0.75, 1.0))
    assert decoded.frames is not None
    assert decoded.frames.flags.c_contiguous
    np.testing.assert_array_equal(decoded.frames, whole[:, height // 2 :, width // 4 : width * 3 // 4])
    assert decoded.facts == Facts(width // 2, height // 2, plain.facts.duration)
    assert decoded.times == plain.times
    assert decoded.fingerprint == plain.fingerprint
    everything = decode(str(path), EIGHT, region=Region(0, 0, 1, 1))
    np.testing.assert_array_equal(everything.frames, whole)


def test_a_small_region_of_a_clip_gets_pixels_of_its_own(write_clip: WriteClip) -> None:
    coarse = np.random.default_rng(10).integers(0, 256, (12, 16, 3), np.uint8)
    scene = np.asarray(Image.fromarray(coarse).resize((640, 480), Image.Resampling.BICUBIC))
    path = write_clip(frames=[scene] * 2, size=(640, 480))
    region = Region(0.5, 0.25, 0.75, 0.5)
    full = decode(str(path), EIGHT, region=region).frames
    reduced = decode(str(path), PixelPolicy(80 * 60, frames=8), region=region).frames
    assert full is not None
    assert reduced is not None
    assert full.shape[1:] == (120, 160, 3)
    assert reduced.shape[1:] == (60, 80, 3)
    halved = np.asarray(Image.fromarray(full[0]).resize((80, 60), Image.Resampling.BICUBIC))
    assert np.abs(reduced[0].astype(int) - halved).mean() < 3
    pixel = decode(str(path), EIGHT, region=Region(0.9999, 0.9999, 1, 1))
    assert pixel.frames is not None
    assert pixel.frames.shape[1:] == (1, 1, 3)
    assert (pixel.facts.width, pixel.facts.height) == (1, 1)


def test_pixels_are_made_square(write_clip: WriteClip) -> None:
    frames, decoded = look(write_clip(size=(64, 48), pixel_shape=Fraction(3, 2), count=3))
    assert (decoded.facts.width, decoded.facts.height) == (96, 48)
    assert frames.shape[1:] == (48, 96, 3)


@pytest.mark.parametrize(("size", "level"), [((64, 48), 601), ((1280, 720), 709)])
def test_colours_are_read_as_players_do(write_clip: WriteClip, size: tuple[int, int], level: int) -> None:
    # Written with the coefficients of BT.601, whose green differs from BT.709's by some twenty levels.
    green = np.full((size[1], size[0], 3), (0, 200, 0), np.uint8)
    frames, _ = look(write_clip(frames=[green] * 2, size=size), PixelPolicy(64, frames=1))
    right = np.abs(frames[0][2, 2].astype(int) - (0, 200, 0)).max() < 6
    assert right == (level == 601)


def test_a_moment_of_a_clip_is_exact(write_clip: WriteClip) -> None:
    path = write_clip(count=50, keyframes_every=20)
    for at in (0.0, 0.5, 1.0, 1.5, 1.9, 99.0):
        raster = make_preview(str(path), 64, at).raster
        assert raster is not None
        shown = np.frombuffer(raster.data, np.uint8).mean() / 255
        assert shown == pytest.approx(min(at, 1.96) / 2, abs=0.02)


def test_a_preview_names_what_it_is(write_clip: WriteClip) -> None:
    preview = make_preview(str(write_clip("a.mkv", count=5)), 32)
    assert preview.format == "Matroska"
    assert preview.facts == Facts(64, 48, 0.2)
    assert preview.details == (("Codec", "h264"), ("Frame rate", "25"), ("Colour", "yuv420p"))
    assert make_preview(str(write_clip("a.mov", count=5)), 32).format == "QuickTime"


def test_a_filmstrip_is_evenly_spaced(write_clip: WriteClip) -> None:
    strip = make_filmstrip(str(write_clip()), 32, 5)
    assert [(raster.width, raster.height) for raster in strip] == [(32, 24)] * 5
    shown = [np.frombuffer(raster.data, np.uint8).mean() / 255 for raster in strip]
    assert shown == pytest.approx([0.1, 0.3, 0.5, 0.7, 0.9], abs=0.08)


@pytest.mark.parametrize("keyframes_every", [5, 1000])
def test_a_thumbnail_is_no_black_frame(write_clip: WriteClip, keyframes_every: int) -> None:
    rng = np.random.default_rng(7)
    lively = rng.integers(0, 256, (48, 64, 3), np.uint8)
    black, white = np.zeros_like(lively), np.full_like(lively, 255)
    path = write_clip(frames=[black] * 15 + [white] * 10 + [lively] * 25, keyframes_every=keyframes_every)
    raster = make_thumbnail(str(path), 64, None).raster
    assert raster is not None
    assert np.frombuffer(raster.data, np.uint8).std() > 20
    assert make_thumbnail(str(write_clip(frames=[black] * 5)), 64, None).raster, "all black is still something"


def test_a_clip_is_known_by_its_content(write_clip: WriteClip, tmp_path: Path) -> None:
    path = write_clip("a.avi", codec="mpeg4").rename(tmp_path / "really-avi.mp4")
    assert len(look(path)[0]) == 8
    assert make_preview(str(path), 64).format == "AVI"


# --- bad files ---------------------------------------------------------------------------------------


def refusal(path: Path) -> MediaError:
    errors = []
    for way in (
        lambda: decode(str(path), EIGHT),
        lambda: make_thumbnail(str(path), 64, None),
        lambda: make_preview(str(path), 64),
        lambda: make_filmstrip(str(path), 64, 3),
    ):
        with pytest.raises(MediaError) as caught:
            way()
        errors.append(caught.value)
    assert len(set(errors)) == 1
    assert str(errors[0])
    return errors[0]


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "GIF", "AVIF"])
def test_a_picture_named_as_a_clip(tmp_path: Path, quadrants_image: Image.Image, suffix: str) -> None:
    path = tmp_path / "a.mp4"
    quadrants_image.save(path, suffix)
    assert refusal(path) == FileMisnamed(expected="clip")


def test_text_named_as_a_clip(tmp_path: Path) -> None:
    path = tmp_path / "a.mkv"
    path.write_text("Nothing moves here. " * 50)
    assert refusal(path) == FileMisnamed(expected="clip")


def test_a_playlist_opens_nothing(tmp_path: Path, write_clip: WriteClip) -> None:
    other = write_clip("secret.mp4")
    path = tmp_path / "a.mp4"
    for script in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{other}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{other.name}'\n",
    ):
        path.write_text(script)
        assert refusal(path) == FileMisnamed(expected="clip")


def test_sound_alone_is_no_clip(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        for packet in [*stream.encode(sound), *stream.encode()]:
            container.mux(packet)
    assert refusal(path) == FileUnsupported(detail="sound without a picture")


def test_an_mp4_cut_before_its_index_is_damaged(write_clip: WriteClip) -> None:
    path = write_clip()  # the index is at the end
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert isinstance(refusal(path), FileDamaged)


@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "libx264"), ("a.avi", "mpeg4"), ("a.webm", "libvpx-vp9")])
def test_of_a_clip_with_a_broken_end_the_beginning_counts(write_clip: WriteClip, name: str, codec: str) -> None:
    rng = np.random.default_rng(8)
    noise = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(50)]
    path = write_clip(name, codec=codec, frames=noise, keyframes_every=5)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.6)])
    frames, decoded = look(path)
    assert 3 <= len(frames) <= 8
    assert decoded.times[-1] < 1.7
    assert make_thumbnail(str(path), 32, None).raster


def test_broken_frames_are_passed_over(write_clip: WriteClip) -> None:
    rng = np.random.default_rng(9)
    noise = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(50)]
    path = write_clip("a.mkv", frames=noise, keyframes_every=5)
    content = bytearray(path.read_bytes())
    third = len(content) // 3
    content[third : third + 2000] = bytes(2000)
    path.write_bytes(content)
    assert len(look(path)[0]) >= 4


def test_a_frame_of_no_bytes_is_the_one_before(write_clip: WriteClip) -> None:
    path = write_clip("a.mp4", codec="mpeg4")
    content = bytearray(path.read_bytes())
    sizes = content.index(b"stsz") + 16
    content[sizes + 4 * 26 : sizes + 4 * 50] = bytes(4 * 24)
    path.write_bytes(content)
    with av.open(str(path)) as container:
        assert sum(packet.size == 0 and packet.dts is not None for packet in container.demux(video=0)) == 24
    frames, decoded = look(path)
    assert decoded.facts.duration == pytest.approx(2.0, abs=0.05)
    assert levels(frames) == pytest.approx([1 / 16, 3 / 16, 5 / 16, 7 / 16, 0.5], abs=0.03)


def test_a_clip_that_never_got_its_length_is_measured(write_clip: WriteClip, tmp_path: Path) -> None:
    path = tmp_path / "live.mkv"
    with av.open(str(write_clip("whole.mkv"))) as source, open(path, "wb") as file:

        class Pipe:  # what can't be rewound gets no length and no index
            def write(self, data: bytes) -> int:
                return file.write(data)

        with av.open(Pipe(), "w", format="matroska") as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
    frames, decoded = look(path)
    assert decoded.facts.duration == pytest.approx(2.0, abs=0.05)
    assert levels(frames) == pytest.approx([(index + 0.5) / 8 for index in range(8)], abs=0.06)
    assert look(path, A_MODEL)[1].times == pytest.approx([0, 0.64, 1.32, 1.96], abs=0.05)


def test_a_long_clip_costs_a_few_keyframes(write_clip: WriteClip) -> None:
    path = write_clip(count=3000, keyframes_every=25, size=(160, 120))
    started = time.perf_counter()
    with av.open(str(path)) as container:
        for _ in container.decode(video=0):
            pass
    everything = time.perf_counter() - started
    started = time.perf_counter()
    frames, _ = look(path)
    assert len(frames) == 8
    assert time.perf_counter() - started < everything / 4


# --- formats and codecs --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in SAMPLES if name.rpartition(".")[2] in CLIP_SUFFIXES])
def test_a_sample_of_every_clip_is_decoded(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"a.{name}"
    SAMPLES[name](path)
    frames, decoded = look(path)
    assert len(frames) == 8
    # A program stream has few stamps: there the last frame's is inferred.
    assert decoded.facts.duration == pytest.approx(0.4 if name in ("dv", "mpeg") else 1.0, abs=0.11)
    model, _ = look(path, A_MODEL)
    assert len(model) == 4
    shape = 768 / 576 if name == "dv" else 1.5
    assert decoded.facts.width / decoded.facts.height == pytest.approx(shape)
    for frame, moment in zip(frames, decoded.times, strict=True):
        assert np.abs(frame[5, 5].astype(int) - (30, 40, 200)).max() < 25
        red = (frame[..., 0].astype(int) - frame[..., 2]) > 60
        middle = np.flatnonzero(red.any(axis=0)).mean() / frame.shape[1]
        index = moment * (25 if name in ("dv", "mpeg") else 10)
        assert middle == pytest.approx(0.35 + 0.03 * index, abs=0.014), "the frame is of the moment it says"


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize(
    ("name", "flips"),
    [
        ("a.mp4", (False, False)),
        ("a.mp4", (True, False)),
        ("a.mp4", (False, True)),
        ("a.mov", (True, False)),
        ("a.mkv", (False, False)),  # Matroska turns alone
    ],
)
def test_whatever_turns_and_mirrors_it_is_undone(
    tmp_path: Path, quadrants_image: Image.Image, degrees: int, flips: tuple[bool, bool], name: str
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        stream.set_display_rotation(degrees, hflip=flips[0], vflip=flips[1])
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(quadrants_image), "rgb24")))
        container.mux(stream.encode())
    expected = np.rot90(np.asarray(quadrants_image), degrees // 90)
    if flips[0]:
        expected = expected[:, ::-1]
    if flips[1]:
        expected = expected[::-1]
    frames, decoded = look(path)
    assert (decoded.facts.height, decoded.facts.width) == expected.shape[:2] == frames.shape[1:3]
    height, width, _ = expected.shape
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            assert np.abs(frames[0][y, x].astype(int) - expected[y, x]).max() < 30


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.avi", "mpeg4", {"bf": "2", "b": "4000k"}),
        ("a.avi", "libx264", {"x264-params": "bframes=3:b-adapt=0:b-pyramid=2"}),
        ("a.avi", "libx264", {"x264-params": "bframes=3:b-adapt=0:open-gop=1"}),
        ("a.mkv", "libx264", {"x264-params": "bframes=3:b-adapt=0:open-gop=1"}),
        ("a.mp4", "libx264", {"x264-params": "bframes=3:b-adapt=0:open-gop=1"}),
        ("a.mts", "libx264", {"x264-params": "bframes=3:b-adapt=0:open-gop=1"}),
        ("a.mpg", "mpeg2video", {"bf": "2"}),
        ("a.mkv", "libx265", {"x265-params": "log-level=none:pools=none:open-gop=1"}),
    ],
)
@pytest.mark.parametrize("keyframes_every", [10, 1000])
def test_moments_are_exact_whatever_the_order_of_decoding(
    tmp_path: Path, name: str, codec: str, options: dict[str, str], keyframes_every: int
) -> None:
    path = tmp_path / name
    with av.open(str(path), "w", format="mpegts" if name == "a.mts" else None) as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 64, 48, "yuv420p", keyframes_every
        stream.codec_context.thread_count = 1
        for index in range(60):
            grey = np.full((48, 64, 3), 4 * index, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(grey, "rgb24")))
        container.mux(stream.encode())
    for index in (0, 1, 7, 9, 10, 11, 19, 20, 23, 38, 41, 55, 58, 59):
        raster = make_preview(str(path), 64, (index + 0.5) / 25).raster
        assert raster is not None
        assert np.frombuffer(raster.data, np.uint8).mean() / 4 == pytest.approx(index, abs=0.6)


# --- colours and fields --------------------------------------------------------------------------------


def bright(path: Path, grey: int, transfer: int) -> np.ndarray:
    """A frame that is (nearly) all this level of 10 bits, said to be of that transfer, as it is shown."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            "libx265", rate=25, options={"x265-params": f"log-level=none:pools=none:transfer={transfer}"}
        )
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p10le"
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = transfer, 9, 9
        frame = av.VideoFrame(64, 48, "yuv420p10le")
        for plane, level in zip(frame.planes, (grey, 512, 512), strict=True):
            plane.update(np.full(plane.buffer_size // 2, level, "<u2"))
        frame.color_trc, frame.color_primaries, frame.colorspace = transfer, 9, 9
        for _ in range(3):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return look(path)[0][0][24, 32].astype(int)


@pytest.mark.parametrize(
    ("transfer", "share", "level"),
    [
        # The share of full signal, and the level on an ordinary screen that it should be near.
        (16, 0.581, 233),  # PQ: 203 cd/m², diffuse white
        (16, 0.44, 137),  # 52 cd/m²: a quarter of it
        (16, 0.752, 255),  # 1000 cd/m²: as bright as it gets
        (16, 0.0, 0),
        (18, 0.75, 233),  # HLG: diffuse white
        (18, 1.0, 255),
        (18, 0.0, 0),
    ],
)
def test_high_dynamic_range_is_brought_to_an_ordinary_screens(
    tmp_path: Path, transfer: int, share: float, level: int
) -> None:
    shown = bright(tmp_path / "a.mp4", round(64 + share * 876), transfer)
    assert np.ptp(shown) <= 2
    assert shown.mean() == pytest.approx(level, abs=6)


def test_ten_bits_of_ordinary_range_are_as_eight(tmp_path: Path) -> None:
    assert bright(tmp_path / "a.mp4", 64 + 438, 1).mean() == pytest.approx(127.5, abs=2)


def test_two_fields_are_not_shown_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.mts"
    with av.open(str(path), "w", format="mpegts") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme", "b": "8000k"})
        stream.width, stream.height, stream.pix_fmt = 192, 96, "yuv422p"
        for index in range(10):
            frame = np.zeros((96, 192, 3), np.uint8)
            for field in range(2):  # a bar that moves by half its width from field to field
                left = 10 + 12 * (2 * index % 10 + field)
                frame[field::2, left : left + 24] = 255
            video = av.VideoFrame.from_ndarray(frame, "rgb24").reformat(format="yuv422p")
            container.mux(stream.encode(video))
        container.mux(stream.encode())
    frames, _ = look(path)
    for frame in frames.astype(int):
        between = np.abs(frame[1:-1] * 2 - frame[:-2] - frame[2:]).mean()
        assert between < 4, "no teeth"


def test_what_is_transparent_lies_on_white(tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "argb"
        pixels = np.zeros((48, 64, 4), np.uint8)
        pixels[:, :32] = (255, 200, 0, 0)
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "argb")))
        container.mux(stream.encode())
    frames, _ = look(path)
    assert frames[0][24, 48].tolist() == [255, 255, 255]
    assert frames[0][24, 16].tolist() == [200, 0, 0]


# --- odd clips -----------------------------------------------------------------------------------------


def test_a_clip_that_changes_its_size_keeps_the_first(tmp_path: Path) -> None:
    path = tmp_path / "a.mts"
    with open(path, "wb") as whole:
        for part, size in enumerate([(64, 48), (128, 48)]):
            with av.open(str(tmp_path / "part"), "w", format="mpegts") as container:
                stream = container.add_stream("libx264", rate=25)
                stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
                for index in range(25):
                    frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 100, np.uint8), "rgb24")
                    frame.pts = 25 * part + index
                    container.mux(stream.encode(frame))
                container.mux(stream.encode())
            whole.write((tmp_path / "part").read_bytes())
    frames, decoded = look(path)
    assert frames.shape[1:] == (48, 64, 3)
    assert len(frames) > 4
    assert decoded.facts.duration == pytest.approx(2.0, abs=0.1)


def test_a_nonsensical_shape_of_pixels_is_ignored(write_clip: WriteClip) -> None:
    frames, decoded = look(write_clip(pixel_shape=Fraction(3000, 1), count=3))
    assert frames.shape[1:] == (48, 64, 3)
    assert decoded.facts.width == 64


@pytest.mark.parametrize(
    "leader",
    [
        pytest.param([0] * 100, id="black"),
        pytest.param([255] * 100, id="white"),
        pytest.param([0] * 60 + [6 * index for index in range(40)], id="a fade from black"),
        pytest.param([255, 0] * 40, id="flashes"),
    ],
)
@pytest.mark.parametrize("keyframes_every", [12, 1000])
def test_a_thumbnail_tells_what_the_clip_shows(write_clip: WriteClip, leader: list[int], keyframes_every: int) -> None:
    lively = np.asarray(Image.effect_noise((64, 48), 80).convert("RGB"))
    title = np.zeros((48, 64, 3), np.uint8)
    title[22:25, 20:40] = 255
    begin = [np.full((48, 64, 3), level, np.uint8) for level in leader]
    path = write_clip(frames=[*begin, *[title] * 20, *[lively] * 150], keyframes_every=keyframes_every)
    raster = make_thumbnail(str(path), 64, None).raster
    assert raster is not None
    shown = np.frombuffer(raster.data, np.uint8).reshape(48, 64, 3)
    assert np.corrcoef(shown[..., 1].ravel(), lively[..., 1].ravel())[0, 1] > 0.5


def test_a_thumbnail_costs_few_frames(write_clip: WriteClip, monkeypatch: pytest.MonkeyPatch) -> None:
    lively = np.asarray(Image.effect_noise((64, 48), 80).convert("RGB"))
    path = write_clip(frames=[lively] * 500, keyframes_every=100)
    decoded = []
    whole_frames = video.whole_frames

    def counting(packet: object) -> object:
        for frame in whole_frames(packet):  # type: ignore[arg-type]
            decoded.append(frame)
            yield frame

    monkeypatch.setattr(video, "whole_frames", counting)
    assert make_thumbnail(str(path), 64, None).raster
    assert len(decoded) <= 6


def test_a_codec_that_nobody_knows_is_told(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    SAMPLES["mp4"](path)
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(FileUnsupported, match="an unknown codec"):
        decode(str(path), EIGHT)


def test_a_clip_that_leads_to_before_its_beginning_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "clip.wmv"
    SAMPLES["wmv"](path)
    content = path.read_bytes()
    path.write_bytes(content[:44] + b"\xff" * 8 + content[52:])  # the size of its first object
    # From memory, and from the disk.
    for look_at in (lambda: decode(str(path), EIGHT), lambda: make_thumbnail(str(path), 64, None)):
        with pytest.raises(FileDamaged):
            look_at()


def test_frames_are_alike_even_if_their_pixels_change_shape(tmp_path: Path) -> None:
    path = tmp_path / "tape.dv"
    tapes = b""
    for shape in (Fraction(16, 15), Fraction(64, 45)):
        with av.open(str(path), "w", format="dv") as target:
            stream = target.add_stream("dvvideo", rate=25)
            stream.width, stream.height, stream.pix_fmt = 720, 576, "yuv420p"
            stream.codec_context.thread_count = 1
            stream.codec_context.sample_aspect_ratio = shape
            for _ in range(3):
                target.mux(stream.encode(av.VideoFrame(720, 576, "yuv420p")))
            target.mux(stream.encode())
        tapes += path.read_bytes()
    path.write_bytes(tapes)
    frames, decoded = look(path)
    assert len(frames) == 6
    assert (decoded.facts.width, decoded.facts.height) == (768, 576)
