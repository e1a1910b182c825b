"""How an animated picture (GIF, WebP, APNG, AVIF) is looked at: as the clip it is. A still is left to `pictures`.

Whether a file moves is read from its structure, before anything is decoded; so is when each frame begins. What most
viewers do holds here too: a frame shown for 10 ms or less is shown for 100.

A GIF is composed of all its frames in order, an APNG and a WebP of those since one that covers everything. So that a
long one stays cheap, only so many pixels are composed (`COMPOSED_LIMIT`): what begins later is not looked at. AVIF is
reached from its keyframes. Transparent parts lie on white.
"""

from __future__ import annotations

import io
import itertools
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from core.decoding import Pixels, Raster, Seen, Source, View, pictures
from core.decoding.grid import frame_count, spread
from core.decoding.moments import SAMPLE, TELLING, TYPICAL, as_a_model_wants, bits, evenly, paired
from core.errors import FileDamaged, FileMisnamed, FileTooLarge, FileUnsupported
from core.media import Facts, Kind, ModelGrid

MEGAPIXELS_LIMIT = 60
"""The most pixels of an animation's frame, in millions: five copies of it are held, four bytes a pixel."""
COMPOSED_LIMIT = 800_000_000
"""The most pixels that are composed to reach a frame: 2 to 10 seconds' work. A minute of GIF at 480 by 360 and 20
frames a second is a quarter of it."""
_FRAME_COST = 8000
"""Pixels that could be composed in the time that a frame costs which has none."""
FRAMES_LIMIT = 200_000
"""The most frames whose times are read."""

_FASTEST, _SLOW = 0.010, 0.100
"""Seconds: what is shown for at most the former is shown for the latter, as browsers do."""

_BLOCK_LIMIT = 2**22
"""Bytes of a block beside the frames (a colour profile, a table of times) that is read."""

_GIF_LIMIT = 2**26
"""Bytes of a GIF in which its second picture has to begin; no single one is as large."""

# Where an APNG gives no time for a frame, that is a tenth of a second, as everywhere.
_DEMUXER_OPTIONS = {"gif": {}, "apng": {"default_fps": "10"}}

_Numbered = Iterator[tuple[int, Image.Image]]


@dataclass(frozen=True)
class _Strip:
    """What the structure of an animated file says."""

    width: int
    height: int
    durations: list[float]
    """Seconds for which each frame is said to be shown."""
    composed: Callable[[Sequence[int]], _Numbered]
    """(number, RGB on white) of the frames with these numbers, which must rise; some are missing if it is broken."""
    restarts: list[int] = field(default_factory=lambda: [0])
    """Numbers of the frames from which composing may begin, rising from 0."""


@dataclass(frozen=True)
class _Timeline:
    """When the frames that can be reached begin, in seconds, and how long they and the whole are shown."""

    starts: list[float]
    length: float
    duration: float

    def at(self, time: float) -> int:
        """The number of the frame that is shown then."""
        return max(0, bisect_right(self.starts, time) - 1)


def decode_animation(source: Source, view: View) -> Seen:
    """The picture, or if it moves, the wanted ones of its frames. Raises MediaError."""
    strip = None if view.still else _strip_of(source)
    if strip is not None:
        with suppress(FileDamaged), pictures.translated():  # of which the first frame may be whole
            return _seen(strip, view, _about(source, view))
        source.file.seek(0)
    return pictures.decode_picture(source, view)


def measure(source: Source) -> Facts | None:
    """Width and height of a picture by its header alone, or None if it moves. Raises MediaError."""
    return None if _strip_of(source) else pictures.measure(source)


def _about(source: Source, view: View) -> Seen:
    """What is written in it and what a person may want to know, as of any picture."""
    still = View(max_side=SAMPLE, scaled=True, everything=view.everything, details=view.details)
    with suppress(FileDamaged):  # it may be cut off where a viewer of stills gives up
        return pictures.decode_picture(source, still)
    return Seen(source.format.name)


# --- which frames ------------------------------------------------------------------------------------


def _seen(strip: _Strip, view: View, first: Seen) -> Seen:
    timeline = _timeline(strip)
    look = _Look(view)
    if view.typical:
        look.at_one_of(strip.composed(_typical_numbers(timeline)), timeline)
    elif view.grid:
        total = len(timeline.starts)
        rate = total / timeline.length
        count = frame_count(total, rate, view.grid)
        numbers = spread(total, count).tolist()
        look.at_all(strip.composed(sorted(set(numbers))), lambda number: number / rate, count)
    else:
        numbers = sorted({timeline.at(moment.time) for moment in evenly(view, timeline.length)})
        look.at_all(strip.composed(numbers), timeline.starts.__getitem__)
    if not look.frames:
        raise FileDamaged(detail="no frame of it can be decoded")
    frames, times = look.frames, look.times
    if view.grid:
        frames, times = paired(frames), paired(times)
    return replace(
        first,
        kind=Kind.VIDEO,
        frames=np.stack(frames),
        times=tuple(times),
        facts=Facts(*look.size, timeline.duration),
        thumbnail=look.thumbnail,
    )


def _timeline(strip: _Strip) -> _Timeline:
    shown = [seconds if seconds > _FASTEST else _SLOW for seconds in strip.durations]
    ends = [round(end, 6) for end in itertools.accumulate(shown)]
    reachable = _reachable(strip)
    return _Timeline([0.0, *ends[: reachable - 1]], ends[reachable - 1], ends[-1])


def _reachable(strip: _Strip) -> int:
    """How many frames can be looked at: those before the first that takes too much composing."""
    most = max(1, COMPOSED_LIMIT // (strip.width * strip.height + _FRAME_COST))
    ends = [*strip.restarts[1:], len(strip.durations)]
    for start, end in zip(strip.restarts, ends, strict=True):
        if end - start > most:
            return start + most
    return len(strip.durations)


def _typical_numbers(timeline: _Timeline) -> list[int]:
    return sorted({timeline.at(part * timeline.length) for part in TYPICAL})


class _Look:
    """Collects what a view takes of frames."""

    def __init__(self, view: View) -> None:
        self._view = replace(view, thumbnail=0, details=False)
        self._thumbnail = view.thumbnail
        self._told = -1.0
        self.frames: list[Pixels] = []
        self.times: list[float] = []
        self.size = (0, 0)
        self.thumbnail: Raster | None = None

    def at_all(self, composed: _Numbered, time: Callable[[int], float], count: int = 0) -> None:
        """Every frame; of a model's `count` if the view has a grid."""
        for number, image in composed:
            self.times.append(time(number))
            self.frames.append(self._taken(image, self._view.grid, count))
            if self._thumbnail and self._told < TELLING:
                self._leave_thumbnail(image)

    def at_one_of(self, composed: _Numbered, timeline: _Timeline) -> None:
        """The first frame that tells enough, or else the one that tells most."""
        best: tuple[float, int, Image.Image] | None = None
        for number, image in composed:
            told = bits(np.asarray(image))
            if best is None or told > best[0]:
                best = told, number, image
            if told >= TELLING:
                break
        if best:
            self.at_all(iter([best[1:]]), timeline.starts.__getitem__)

    def _taken(self, image: Image.Image, grid: ModelGrid | None, count: int) -> Pixels:
        left, top, right, bottom = self._view.box(*image.size)
        self.size = right - left, bottom - top
        if grid:
            return as_a_model_wants(image, self._view, grid, count)
        return _frame(image, self._view)

    def _leave_thumbnail(self, image: Image.Image) -> None:
        if (told := bits(np.asarray(image))) > self._told:
            self._told = told
            self.thumbnail = Raster.of(_frame(image, View(max_side=self._thumbnail, scaled=True, faithful=True)))


def _frame(image: Image.Image, view: View) -> Pixels:
    frames = pictures.see(image, view).frames
    assert frames is not None
    pixels: Pixels = frames[0]
    return pixels


# --- what a file's structure says ----------------------------------------------------------------------


def _strip_of(source: Source) -> _Strip | None:
    """The frames of a file that moves, or None. The file is left at its start. Raises FileTooLarge."""
    strip = None
    with suppress(FileDamaged, FileUnsupported, FileMisnamed), pictures.translated():
        strip = _reader_of(source)
    source.file.seek(0)
    if strip is None or len(strip.durations) < 2:
        return None
    if (megapixels := strip.width * strip.height / 1e6) > MEGAPIXELS_LIMIT:
        raise FileTooLarge(megapixels=round(megapixels), limit=MEGAPIXELS_LIMIT)
    return strip


def _reader_of(source: Source) -> _Strip | None:
    head = source.head(4096)
    if head.startswith((b"GIF87a", b"GIF89a")):
        return _by_ffmpeg(source, "gif") if _has_two_pictures(source.file) else None
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _by_ffmpeg(source, "apng") if _is_apng(source.file) else None
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and head[20] & 2:
        return _webp(source)
    brands = range(8, min(int.from_bytes(head[:4]), len(head)), 4)
    if head[4:8] == b"ftyp" and b"avis" in (head[at : at + 4] for at in brands):
        return _avif(source)
    return None


def _upright(image: Image.Image, like: Mapping[Any, Any]) -> Image.Image:
    """A composed frame in RGB on white, turned as the picture it is of asks for, with its colour profile."""
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.new("RGB", image.size, "white")
        image.paste(layer, mask=layer)
    elif image.mode != "RGB":
        image = image.convert("RGB")
    image.info = {key: like[key] for key in ("icc_profile", "exif") if key in like}
    return ImageOps.exif_transpose(image) if "exif" in image.info else image


# --- GIF and APNG, composed by FFmpeg ---


def _has_two_pictures(file: BinaryIO) -> bool:
    """Whether a GIF has more than one, as far as it is read. (GIF89a, sections 18 to 26.)"""
    file.seek(0)
    data = file.read(_GIF_LIMIT)
    found = 0
    try:
        at = 13 + _palette_bytes(data[10])
        while data[at] in b"!,":
            if data[at] == ord("!"):
                at += 2
            else:
                found += 1
                if found == 2:
                    return True
                at += 11 + _palette_bytes(data[at + 9])
            while length := data[at]:
                at += length + 1
            at += 1
    except IndexError:  # cut off here
        pass
    return False


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _is_apng(file: BinaryIO) -> bool:
    """Whether a PNG announces more than one frame: in a chunk before its pixels. (APNG 1.0, acTL.)"""
    file.seek(8)
    while len(begin := file.read(8)) == 8:
        length, name = struct.unpack(">I4s", begin)
        if name == b"acTL":
            return int.from_bytes(file.read(4)) > 1
        if name == b"IDAT" or length > 2**31:
            return False
        file.seek(length + 4, io.SEEK_CUR)
    return False


def _by_ffmpeg(source: Source, demuxer: str) -> _Strip:
    from core.decoding import video  # FFmpeg is loaded for what moves alone

    durations: list[float] = []
    restarts: list[int] = []
    with video.opened(source, demuxer, **_DEMUXER_OPTIONS[demuxer]) as container:
        track = container.streams.video[0]
        for packet in itertools.islice(container.demux(track), FRAMES_LIMIT):
            if packet.size:
                if packet.is_keyframe or not durations:
                    restarts.append(len(durations))
                durations.append(float((packet.duration or 0) * (packet.time_base or 0)))
        width, height = track.codec_context.width, track.codec_context.height
    return _Strip(width, height, durations, partial(_composed_by_ffmpeg, source, demuxer, restarts), restarts or [0])


def _composed_by_ffmpeg(source: Source, demuxer: str, restarts: list[int], numbers: Sequence[int]) -> _Numbered:
    from core.decoding import video

    source.file.seek(0)
    like = Image.open(source.file, formats=[demuxer.removeprefix("a").upper()]).info
    wanted = set(numbers)
    needed = {n for number in numbers for n in range(_last(restarts, number), number + 1)}
    with video.opened(source, demuxer, **_DEMUXER_OPTIONS[demuxer]) as container:
        track = container.streams.video[0]
        track.codec_context.thread_count = 1  # the pool is the parallelism; and each packet gives its frame at once
        packets = (packet for packet in container.demux(track) if packet.size)
        for number, packet in zip(range(numbers[-1] + 1), packets, strict=False):
            if number not in needed:
                continue
            for frame in video.whole_frames(packet):
                if number in wanted:
                    pixels = frame.reformat(format="rgba", threads=1).to_ndarray().astype(np.uint8, copy=False)
                    yield number, _upright(Image.fromarray(pixels), like)


def _last(rising: Sequence[int], number: int) -> int:
    """The last of them that is not beyond the number."""
    return rising[max(0, bisect_right(rising, number) - 1)]


# --- WebP, composed by libwebp ---


def _webp(source: Source) -> _Strip:
    """(WebP container specification, 'Extended file format' and 'Animation'.)"""
    file = source.file
    file.seek(12)
    around: dict[bytes, bytes] = {}
    places: list[tuple[int, int]] = []
    durations: list[float] = []
    restarts: list[int] = []
    whole = b""
    while len(begin := file.read(8)) == 8 and len(places) < FRAMES_LIMIT:
        name, length = struct.unpack("<4sI", begin)
        start = file.tell()
        if name == b"ANMF":
            head = file.read(20)
            if len(head) < 20 or start + length > source.size:
                break  # cut off here
            # At the corner and as large as the whole, and nothing of what was there before shows through.
            covers = head[:6] == bytes(6) and head[6:12] == whole and (head[15] & 2 or head[16:20] == b"VP8 ")
            if covers or not places:
                restarts.append(len(places))
            places.append((start - 8, length + 8 + length % 2))
            durations.append(int.from_bytes(head[12:15], "little") / 1000)
        elif name in (b"VP8X", b"ANIM", b"ICCP", b"EXIF") and length <= _BLOCK_LIMIT:
            around[name] = file.read(length)
            whole = around.get(b"VP8X", bytes(10))[4:10]
        file.seek(start + length + length % 2)
    width, height = (int.from_bytes(whole[place : place + 3], "little") + 1 for place in (0, 3))
    return _Strip(width, height, durations, partial(_composed_webp, file, around, places, restarts), restarts or [0])


def _composed_webp(
    file: BinaryIO,
    around: dict[bytes, bytes],
    places: list[tuple[int, int]],
    restarts: list[int],
    numbers: Sequence[int],
) -> _Numbered:
    like = {key: around[name] for key, name in (("icc_profile", b"ICCP"), ("exif", b"EXIF")) if name in around}
    head = b"".join(
        name + len(block).to_bytes(4, "little") + block
        for name, block in (
            # It moves, and has transparent parts: where no frame lies there are some, whatever the file announces.
            (b"VP8X", bytes([0x12]) + around[b"VP8X"][1:]),
            (b"ANIM", around.get(b"ANIM", bytes(6))),
        )
    )
    for restart, run in itertools.groupby(numbers, lambda number: _last(restarts, number)):
        # A file of its own, from where composing may begin.
        wanted = list(run)
        body = b"WEBP" + head
        for start, length in places[restart : wanted[-1] + 1]:
            file.seek(start)
            body += file.read(length)
        image = Image.open(io.BytesIO(b"RIFF" + len(body).to_bytes(4, "little") + body), formats=["WEBP"])
        for number in wanted:
            image.seek(number - restart)
            image.load()
            yield number, _upright(image.copy(), like)


# --- AVIF, by libavif ---


def _avif(source: Source) -> _Strip:
    from PIL import AvifImagePlugin  # Pillow's readers are loaded as they are needed

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # the pool is the parallelism
    source.file.seek(0)
    image = Image.open(source.file, formats=["AVIF"])
    count = min(getattr(image, "n_frames", 1), FRAMES_LIMIT)
    table = _sample_table(source)
    scale = table.get(b"mdhd", b"")
    # (ISO/IEC 14496-12, 8.4.2, 8.6.1.2 and 8.6.2; all counts and times in 32 bits but those of a long header.)
    ticks = int.from_bytes(scale[20:24] if scale[:1] == b"\1" else scale[12:16]) or 1
    durations: list[float] = []
    for repeated, length in struct.iter_unpack(">II", _entries(table.get(b"stts", b""), 8)):
        durations += [length / ticks] * min(repeated, count - len(durations))
    durations += [0.0] * (count - len(durations))
    restarts = [number - 1 for (number,) in struct.iter_unpack(">I", _entries(table.get(b"stss", b""), 4))]
    every = list(range(count))
    restarts = every if b"stss" not in table else sorted({0, *restarts} & set(every))
    return _Strip(*image.size, durations, partial(_composed_avif, image), restarts)


def _entries(box: bytes, size: int) -> bytes:
    """What a table of this box holds, in whole entries."""
    count = min(int.from_bytes(box[4:8]), (len(box) - 8) // size)
    return box[8 : 8 + max(0, count) * size]


def _sample_table(source: Source) -> dict[bytes, bytes]:
    """The boxes of the first track of pictures that say when its frames are shown and which are keyframes."""
    found: dict[bytes, bytes] = {}

    def walk(start: int, end: int) -> bool:
        """Whether the track ended."""
        while start + 8 <= end:
            source.file.seek(start)
            length, name = struct.unpack(">I4s", source.file.read(8))
            stop = min(end, start + length) if length >= 8 else end
            if name in (b"moov", b"trak", b"mdia", b"minf", b"stbl"):
                if walk(start + 8, stop) or (name == b"trak" and b"stts" in found):
                    return True
            elif name in (b"mdhd", b"stts", b"stss") and stop - start <= _BLOCK_LIMIT:
                found[name] = source.file.read(stop - start - 8)
            start = stop
        return False

    walk(0, source.size)
    return found


def _composed_avif(image: Image.Image, numbers: Sequence[int]) -> _Numbered:
    for number in numbers:
        image.seek(number)
        image.load()
        yield number, _upright(image.copy(), image.info)
