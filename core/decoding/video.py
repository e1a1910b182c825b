"""Which frames of a clip are looked at, and how they are reached and become upright RGB, by PyAV (FFmpeg).

A clip is divided into as many equal parts as frames are wanted; each part is seen at its middle. Reaching a moment
exactly means decoding everything from the keyframe before it, so a keyframe at most a quarter of a part earlier is
taken instead: a film costs a few keyframes, and a short clip never more than one pass.

A model with rules of its own (`View.grid`) wants frames by number, which only a pass over all packets can tell; exact
in number and pixels unless `View.scaled` allows keyframes here too.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import TypeVar

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.reformatter import Colorspace, Interpolation
from av.video.stream import VideoStream
from PIL import Image

from core.decoding import Pixels, Raster, Seen, Source, View, metadata
from core.decoding.grid import PAIR, frame_count, frame_size, spread
from core.errors import FileDamaged, FileTooLarge, FileUnsupported
from core.media import WHOLE_FILE, Facts, ModelGrid

MEGAPIXELS_LIMIT = 150
"""The most pixels of one frame, in millions: a decoder holds up to 16 of them. 8K is 33."""

# Demuxers that never leave the file they are given. Others (playlists, concatenation scripts) open what is
# written in it, even over the network.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
_OPTIONS = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "none"}
_SIGNATURE = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|free|skip)|\x1a\x45\xdf\xa3|RIFF....AVI |OggS|FLV\x01|\x47.{187}\x47", re.DOTALL
)
_STILL_PICTURE = re.compile(rb"....ftyp(?:avi[fs]|hei[cxms]|hev[cx]|m[is]f1)", re.DOTALL)
_NAMES = {"avi": "AVI", "mpegts": "MPEG-TS", "mpeg": "MPEG", "flv": "Flash video", "asf": "ASF", "ogg": "Ogg"}

_TYPICAL_MOMENTS = (0.15, 0.3, 0.5, 0.7, 0.05)
"""Where a frame that stands for the clip is looked for, as parts of its length: past the titles, then on."""
_FLAT_DEVIATION = 12.0
"""Standard deviation of a frame's grey levels (0..255) below which it shows nothing: black, white, a fade."""
_TITLES = 0.1
"""The part of a clip's length in which a frame that stands for it is not looked for."""

T = TypeVar("T")

_FILTER = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_UNSPECIFIED = 2  # AVCOL_SPC_UNSPECIFIED


@dataclass(frozen=True)
class _Moment:
    time: float
    """Seconds from the clip's start."""
    earliest: float
    """A keyframe from here on, in seconds, will do as well."""


def decode_clip(source: Source, view: View) -> Seen:
    """The wanted frames of the clip; fewer if it is shorter, or broken towards its end. Raises MediaError."""
    with _opened(source) as container:
        clip = _Clip(container)
        small = View(max_side=view.thumbnail)
        frames, times, thumbnail = [], [], None
        for time, frame in clip.looked_at(view, source.size):
            frames.append(clip.rendered(frame, view))
            times.append(time)
            if view.thumbnail and (thumbnail is None or _flat(thumbnail)) and time >= _TITLES * clip.duration:
                thumbnail = clip.rendered(frame, small)
        if not frames:
            raise FileDamaged(detail="no frame of it can be decoded")
        if view.grid:
            frames, times = _paired(frames), _paired(times)
        return Seen(
            format=_container_name(container, source),
            frames=np.stack(frames),
            times=tuple(times),
            text=metadata.clip_words(container.metadata, clip.tags, everything=view.everything),
            facts=Facts(*clip.size(view), clip.duration),
            details=tuple(clip.details()) if view.details else (),
            thumbnail=None if thumbnail is None else Raster.of(thumbnail),
        )


def _moments(view: View, duration: float) -> list[_Moment]:
    if view.at is not None:
        time = min(max(view.at, 0.0), duration)
        return [_Moment(time, time)]
    part = duration / view.frames
    return [_Moment((index + 0.5) * part, (index + 0.25) * part) for index in range(view.frames)]


def _paired(frames: list[T]) -> list[T]:
    """An even number of them: without the last, or one twice."""
    return frames[: len(frames) // PAIR * PAIR] or frames * PAIR


@contextmanager
def _opened(source: Source) -> Iterator[InputContainer]:
    head = source.head(4096)
    if _STILL_PICTURE.match(head):  # in the same container as MP4
        raise source.misnamed()
    try:
        container = av.open(source.file, "r", options=_OPTIONS, metadata_errors="ignore", buffer_size=2**18)
    except av.error.FFmpegError as error:
        if _SIGNATURE.match(head):
            raise FileDamaged(detail=_words(error)) from error
        raise source.misnamed() from error
    with container:
        try:
            yield container
        except av.error.LookupError as error:
            raise FileUnsupported(detail=_words(error)) from error
        except av.error.FFmpegError as error:
            raise FileDamaged(detail=_words(error)) from error


def _words(error: av.error.FFmpegError) -> str:
    return error.strerror or type(error).__name__


class _Clip:
    """An open container and its picture track; times are seconds from the track's start."""

    def __init__(self, container: InputContainer) -> None:
        self._container = container
        self._stream = _picture_track(container)
        self._context = self._stream.codec_context
        self._context.thread_count = 1  # the pool is the parallelism
        megapixels = self._context.width * self._context.height / 1e6
        if megapixels > MEGAPIXELS_LIMIT:
            raise FileTooLarge(megapixels=round(megapixels), limit=MEGAPIXELS_LIMIT)
        self._base = self._stream.time_base or Fraction(1, av.time_base)
        self._start = self._stream.start_time or 0
        self._rotation = 0
        self._planned = 0
        self.duration = self._duration()

    def _duration(self) -> float:
        if self._stream.duration:
            return float(self._stream.duration * self._base)
        known = (self._container.duration or 0) / av.time_base
        if known and not self._start:
            return known
        # A recording that was never finished says nothing, and one that begins late may say when it ends in place of
        # how long it is: what is there has to be counted, if possible from the last keyframe on.
        end = self._start
        with suppress(av.error.FFmpegError):
            if known:
                self._container.seek(self._start + int(known / self._base), stream=self._stream)
            for packet in self._container.demux(self._stream):
                end = max(end, (_stamp(packet) or 0) + (packet.duration or 0))
        return float((end - self._start) * self._base)

    @property
    def tags(self) -> dict[str, str]:
        """What the picture track says of itself."""
        return self._stream.metadata

    def size(self, view: View) -> tuple[int, int]:
        """Width and height of what the view takes of the clip as shown: pixels made square, and upright once a
        frame was decoded."""
        left, top, right, bottom = view.box(*self._shown(self._rotation))
        return right - left, bottom - top

    def _shown(self, rotation: int) -> tuple[int, int]:
        width, height = self._square(self._context.width, self._context.height)
        return (height, width) if rotation % 180 else (width, height)

    def _square(self, width: int, height: int) -> tuple[int, int]:
        shape = self._stream.sample_aspect_ratio
        return (max(1, round(width * shape)) if shape else width), height

    # --- reaching frames ---

    def looked_at(self, view: View, size: int) -> Iterator[tuple[float, VideoFrame]]:
        """(seconds, frame) for each of the frames that the view is of. `size` is the file's, in bytes."""
        if view.typical:
            return self.typical()
        if view.grid is None:
            return self.frames_at(_moments(view, self.duration))
        if view.scaled and size > WHOLE_FILE:
            return self._about_numbers(view.grid)
        return self._at_numbers(view.grid, nearby=view.scaled)

    def _at_numbers(self, grid: ModelGrid, *, nearby: bool) -> Iterator[tuple[float, VideoFrame]]:
        """The frames whose numbers the model's rules give. Time is number by average rate, as they have it.

        `nearby`: a keyframe will do that is at most a quarter of a step before.
        """
        stamps, keyframes = self._contents()
        if not stamps:
            return
        rate = self._rate(len(stamps))
        self._planned = frame_count(len(stamps), rate, grid)
        near = (len(stamps) - 1) / (self._planned - 1) / 4 if nearby else 0.0
        reached_from: dict[int, int] = {}
        for number in spread(len(stamps), self._planned):
            stamp = stamps[number]
            keyframe = keyframes[max(0, bisect_right(keyframes, stamp) - 1)]
            if number - near <= bisect_left(stamps, keyframe):
                stamp = min(stamp, keyframe)
            reached_from[stamp] = keyframe
        for keyframe, run in groupby(reached_from, reached_from.__getitem__):
            for stamp, frame in self._decoded(list(run), self._way_to(keyframe)):
                self._rotation = frame.rotation
                yield (bisect_right(stamps, stamp) - 1) / rate, frame

    def _about_numbers(self, grid: ModelGrid) -> Iterator[tuple[float, VideoFrame]]:
        """The same of a large file, without a pass over it: by what it says of its length and rate."""
        rate = self._rate(self._stream.frames)
        total = self._stream.frames or max(1, round(self.duration * rate))
        self._planned = frame_count(total, rate, grid)
        near = (total - 1) / (self._planned - 1) / 4
        # Half a frame in: there it is shown, however its stamp was rounded.
        moments = [_Moment((number + 0.5) / rate, (number - near) / rate) for number in spread(total, self._planned)]
        for time, frame in self.frames_at(moments):
            yield round(time * rate) / rate, frame

    def _contents(self) -> tuple[list[int], list[int]]:
        """Time stamps of all frames that are shown, and of those among them that are keyframes, rising."""
        stamps, keyframes = [], []
        with suppress(av.error.FFmpegError):  # a damaged tail
            for packet in self._container.demux(self._stream):
                stamp = _stamp(packet)
                if packet.size and stamp is not None:
                    if not packet.is_discard:
                        stamps.append(stamp)
                    if packet.is_keyframe:
                        keyframes.append(stamp)
        return sorted(stamps), sorted(keyframes) or stamps[:1]

    def _rate(self, total: int) -> float:
        """Frames a second on average."""
        return float(self._stream.average_rate or 0) or (total / self.duration if total and self.duration else 1.0)

    def _way_to(self, keyframe: int) -> int:
        """The time stamp to seek so that decoding goes over this keyframe: MPEG-TS overshoots what it is asked for."""
        second = round(1 / self._base)
        for target in (keyframe, keyframe - second, keyframe - 10 * second):
            reached = self._keyframe_before(target)
            if reached is not None and reached <= keyframe:
                return target
        return self._start

    def frames_at(self, moments: Sequence[_Moment]) -> Iterator[tuple[float, VideoFrame]]:
        """(seconds, frame) for each of the moments, which must rise. No frame comes twice."""
        last = None
        for run in self._runs(moments):
            for stamp, frame in self._decoded(run, run[0]):
                if stamp != last:
                    last = stamp
                    self._rotation = frame.rotation
                    yield float((stamp - self._start) * self._base), frame

    def typical(self) -> Iterator[tuple[float, VideoFrame]]:
        """One frame that stands for the clip: the first of several that is not flat, else the least flat."""
        best, deviation = None, -1.0
        for part in _TYPICAL_MOMENTS:
            time = part * self.duration
            for found in self.frames_at([_Moment(time, time - _TITLES * self.duration)]):
                spread = _deviation(self.rendered(found[1], View(max_side=64)))
                if spread > deviation:
                    best, deviation = found, spread
            if deviation >= _FLAT_DEVIATION:
                break
        if best:
            yield best

    def _runs(self, moments: Sequence[_Moment]) -> list[list[int]]:
        """Time stamps to decode, grouped by the keyframe from which they are reached."""
        runs: list[list[int]] = []
        previous = None
        for moment in moments:
            stamp = self._stamp_of(moment.time)
            keyframe = self._keyframe_before(stamp)
            if keyframe is None:
                continue  # beyond a damaged tail
            if self._stamp_of(moment.earliest) <= keyframe < stamp:
                stamp = keyframe
            if keyframe == previous:
                runs[-1].append(stamp)
            else:
                runs.append([stamp])
            previous = keyframe
        # A track that can't be searched is decoded from where it starts.
        return runs or [[self._stamp_of(moment.time) for moment in moments]]

    def _stamp_of(self, time: float) -> int:
        return self._start + int(time / self._base)

    def _keyframe_before(self, stamp: int) -> int | None:
        """Where decoding has to start to reach a time stamp, read from the container without decoding."""
        try:
            self._container.seek(stamp, stream=self._stream)
            return next((_stamp(packet) for packet in self._container.demux(self._stream) if packet.size), None)
        except av.error.FFmpegError:
            return None

    def _decoded(self, stamps: list[int], origin: int) -> Iterator[tuple[int, VideoFrame]]:
        """The frames shown at these time stamps, decoding forward from the keyframe before `origin`."""
        wanted = iter(stamps)
        stamp = next(wanted)
        with suppress(av.error.FFmpegError):  # no index: the demuxer stands at the start
            self._container.seek(origin, stream=self._stream)
        shown: tuple[int, VideoFrame] | None = None
        for found in self._decoded_onwards():
            while found[0] > stamp:
                yield shown or found
                if (following := next(wanted, None)) is None:
                    return
                stamp = following
            shown = found
            if found[0] == stamp:
                yield found
                if (following := next(wanted, None)) is None:
                    return
                stamp = following
        if shown:
            yield shown

    def _decoded_onwards(self) -> Iterator[tuple[int, VideoFrame]]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                return  # a damaged tail: what was decoded so far counts
            if packet is None:
                return
            with suppress(av.error.InvalidDataError):  # one broken frame; the next may be whole
                for frame in packet.decode():
                    stamp = _stamp(frame)
                    yield self._start if stamp is None else stamp, frame

    # --- showing them ---

    def rendered(self, frame: VideoFrame, view: View) -> Pixels:
        """What the view takes of the frame: RGB, square pixels, upright, at the size it wants."""
        if view.grid:
            return self._gridded(frame, view, view.grid)
        shown = self._shown(frame.rotation)
        left, top, right, bottom = view.box(*shown)
        wanted = view.size(right - left, bottom - top)
        # The whole frame is brought to the scale at which its part has the wanted size.
        whole = round(shown[0] * wanted[0] / (right - left)), round(shown[1] * wanted[1] / (bottom - top))
        width, height = (whole[1], whole[0]) if frame.rotation % 180 else whole
        colours = None
        if frame.colorspace == _UNSPECIFIED and not frame.format.is_rgb:
            # What players assume: high definition is BT.709, what is smaller BT.601.
            colours = Colorspace.ITU709 if frame.height >= 720 else Colorspace.ITU601
        rgb = frame.reformat(width, height, "rgb24", colours, interpolation=_FILTER, threads=1).to_ndarray()
        upright = np.rot90(rgb, round(frame.rotation / 90))
        x = min(round(left * whole[0] / shown[0]), whole[0] - wanted[0])
        y = min(round(top * whole[1] / shown[1]), whole[1] - wanted[1])
        return np.ascontiguousarray(upright[y : y + wanted[1], x : x + wanted[0]], dtype=np.uint8)

    def _gridded(self, frame: VideoFrame, view: View, grid: ModelGrid) -> Pixels:
        """What a model with such rules gets of the frame: stored pixels, whatever their shape, but upright.

        Colours are as the file says, else those of BT.601; its own code leaves it to FFmpeg likewise.
        """
        rgb = frame.reformat(format="rgb24", threads=1).to_ndarray()
        image = Image.fromarray(np.ascontiguousarray(np.rot90(rgb, round(frame.rotation / 90)), dtype=np.uint8))
        left, top, right, bottom = view.box(*image.size)
        size = frame_size(right - left, bottom - top, self._planned, grid)
        part = image.crop((left, top, right, bottom)) if view.region else image
        return np.ascontiguousarray(part.resize(size, Image.Resampling.BICUBIC))

    def details(self) -> Iterator[tuple[str, str]]:
        yield "Codec", self._context.codec.canonical_name
        if rate := self._stream.average_rate:
            yield "Frame rate", f"{float(rate):.5g}"
        if self._context.pix_fmt:
            yield "Colour", self._context.pix_fmt
        if sound := self._container.streams.audio:
            yield "Sound", sound[0].codec_context.codec.canonical_name


def _picture_track(container: InputContainer) -> VideoStream:
    for stream in container.streams.video:
        if stream.disposition & Disposition.attached_pic:
            continue  # the cover of a sound file
        if stream.codec_context is None:
            raise FileUnsupported(detail=f"codec {stream.codec_tag}")
        return stream
    raise FileUnsupported(detail="sound without a picture" if container.streams.audio else "no picture track")


def _stamp(timed: Packet[VideoStream] | VideoFrame) -> int | None:
    # AVI has decoding times only.
    return timed.dts if timed.pts is None else timed.pts


def _deviation(pixels: Pixels) -> float:
    return float(pixels.mean(axis=2).std())


def _flat(pixels: Pixels) -> bool:
    return _deviation(pixels) < _FLAT_DEVIATION


def _container_name(container: InputContainer, source: Source) -> str:
    if container.format.name.startswith("mov,"):
        brand = container.metadata.get("major_brand", "qt").strip()
        return "QuickTime" if brand == "qt" else "MP4"
    if container.format.name.startswith("matroska"):
        return source.format.name if source.format.name == "WebM" else "Matroska"
    return _NAMES.get(container.format.name, container.format.name)
