"""Which frames of a clip are looked at, and how they are reached and become upright RGB, by PyAV (FFmpeg).

A clip is divided into as many equal parts as frames are wanted; each part is seen at its middle. Reaching a moment
exactly means decoding everything from the keyframe before it, so a keyframe at most a quarter of a part earlier is
taken instead: a film costs a few keyframes, and a short clip never more than one pass.

Times are those at which frames are shown, counted from the first: of a container that only says when frames are
decoded (AVI) they are worked out from how far its codec puts frames in another order.

A model with rules of its own (`View.grid`) wants frames by number, which only a pass over all packets can tell; exact
in number and pixels unless `View.scaled` allows keyframes here too.
"""

from __future__ import annotations

import errno
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from itertools import groupby

import av
import av.error
import numpy as np
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from core.decoding import Pixels, Raster, Seen, Source, View, metadata
from core.decoding.frames import Turn, rgb, turn_of
from core.decoding.grid import frame_count, spread
from core.decoding.moments import (
    PASSABLE,
    SAMPLE,
    TELLING,
    TITLES,
    TYPICAL,
    Moment,
    as_a_model_wants,
    bits,
    evenly,
    paired,
)
from core.decoding.shapes import shaped, sufficient
from core.errors import FileDamaged, FileTooLarge, FileUnsupported, MediaError, media_error_from_os
from core.media import WHOLE_FILE, Facts, ModelGrid, ModelShape

MEGAPIXELS_LIMIT = 150
"""The most pixels of one frame, in millions: a decoder holds up to 16 of them. 8K is 33."""

# Demuxers that never leave the file they are given. Others (playlists, concatenation scripts) open what is
# written in it, even over the network.
_DEMUXERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,dv"
_SIGNATURE = re.compile(
    rb"....(?:ftyp|moov|mdat|wide|free|skip)|\x1a\x45\xdf\xa3|RIFF....AVI |OggS|FLV\x01"
    rb"|\x47.{187}\x47|.{4}\x47.{191}\x47|\0\0\x01\xba|\x30\x26\xb2\x75\x8e\x66\xcf\x11|\x1f\x07\0",
    re.DOTALL,
)
_STILL_PICTURE = re.compile(rb"....ftyp(?:avi[fs]|hei[cxms]|hev[cx]|m[is]f1)", re.DOTALL)
_NAMES = {
    "avi": "AVI",
    "mpegts": "MPEG-TS",
    "mpeg": "MPEG",
    "flv": "Flash video",
    "asf": "Windows Media",
    "ogg": "Ogg",
    "dv": "DV",
}
_NO_PICTURES = Disposition.attached_pic | Disposition.timed_thumbnails  # the cover of a sound file, a chapter's picture

_LEADING = 3
"""How many frames that follow a keyframe in an AVI may be shown before it; encoders make no more unasked."""
_ENTERED_ANYWHERE = ("mpegts", "mpeg")
_FARTHEST = 4.0
"""Seconds of video that are decoded at most to reach a frame that stands for the clip."""
_FASTEST = 1000.0
"""Frames a second beyond which what a file says of its rate is nonsense."""
_STRANGEST_SHAPE = 8
"""How many times as wide as high a pixel may be, or the reverse; DVDs and cameras stay below 2.5."""


def decode_clip(source: Source, view: View) -> Seen:
    """The wanted frames of the clip; fewer if it is shorter, or broken towards its end. Raises MediaError."""
    with opened(source) as container:
        clip = _Clip(container)
        small = View(max_side=view.thumbnail)
        frames, times, thumbnail, told = [], [], None, -1.0
        for time, frame in clip.looked_at(view, source.size):
            frames.append(clip.rendered(frame, view))
            times.append(time)
            if view.thumbnail and told < TELLING and time >= TITLES * clip.duration:
                candidate = clip.rendered(frame, small)
                if (tells := bits(candidate)) > told:
                    thumbnail, told = candidate, tells
        if not frames:
            raise FileDamaged(detail="no frame of it can be decoded")
        if view.grid:
            frames, times = paired(frames), paired(times)
        return Seen(
            format=_container_name(container, source),
            frames=np.stack(frames),
            times=tuple(times),
            text=metadata.clip_words(container.metadata, clip.tags, everything=view.everything),
            facts=Facts(*clip.size(view), clip.duration),
            details=tuple(clip.details()) if view.details else (),
            thumbnail=None if thumbnail is None else Raster.of(thumbnail),
        )


@contextmanager
def opened(source: Source, demuxers: str = _DEMUXERS, **options: str) -> Iterator[InputContainer]:
    """The file as FFmpeg reads it, by one of the demuxers with these options, its errors as ours. Raises MediaError."""
    head = source.head(4096)
    if _STILL_PICTURE.match(head):  # in the same container as MP4
        raise source.misnamed()
    options |= {"format_whitelist": demuxers, "protocol_whitelist": "none"}
    try:
        container = av.open(source.file, "r", options=options, metadata_errors="ignore", buffer_size=2**18)
    except av.error.FFmpegError as error:
        if _SIGNATURE.match(head):
            raise FileDamaged(detail=_words(error)) from error
        raise source.misnamed() from error
    except (OSError, ValueError) as error:
        raise _of_reading(error) from error
    with container:
        try:
            yield container
        except av.error.LookupError as error:
            raise FileUnsupported(detail=_words(error)) from error
        except av.error.FFmpegError as error:
            raise FileDamaged(detail=_words(error)) from error
        except OSError as error:
            raise _of_reading(error) from error


def whole_frames(packet: Packet[VideoStream]) -> Iterator[VideoFrame]:
    """The frames that decoding the packet brings out; none if it is broken, the next may be whole."""
    if not packet.size and packet.dts is not None:
        return  # it says that what was shown before stays, which FFmpeg takes for a mistake of ours
    with suppress(av.error.InvalidDataError):
        yield from packet.decode()


def _of_reading(error: OSError | ValueError) -> MediaError:
    """What went wrong in the file itself, which FFmpeg reads through us."""
    if isinstance(error, ValueError) or error.errno == errno.EINVAL:
        return FileDamaged(detail="it points to a place before its beginning")
    return media_error_from_os(error)


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
        # AVI tells when a frame is decoded, not when it is shown.
        self._decoding_times = container.format.name == "avi"
        self._stored = self._context.width, self._context.height
        self._shape = self._stream.sample_aspect_ratio
        self._turn = Turn()
        self._begun = False
        self._planned = 0
        self.duration = self._duration()

    def _duration(self) -> float:
        # What a program stream says of its length ends with the last stamp, which many frames may share.
        counted = self._container.format.name == "mpeg"
        if self._stream.duration and not counted:
            return float(self._stream.duration * self._base)
        known = (self._container.duration or 0) / av.time_base
        if known and not self._start and not counted:
            return known
        # A recording that was never finished says nothing, and one that begins late may say when it ends in place of
        # how long it is: what is there has to be counted, if possible from the last keyframe on.
        end = self._start
        with suppress(av.error.FFmpegError):
            if known:
                self._container.seek(self._start + int(known / self._base), stream=self._stream)
            for packet in self._container.demux(self._stream):
                end = max(end, (self._when(packet) or end) + (packet.duration or 0))
        with suppress(av.error.FFmpegError):
            # Back to where it begins, which may be decoded before it is shown.
            self._container.seek(self._start - round(10 / self._base), stream=self._stream)
        return self._seconds(end) if end > self._start else known

    @property
    def tags(self) -> dict[str, str]:
        """What the picture track says of itself."""
        return self._stream.metadata

    def size(self, view: View) -> tuple[int, int]:
        """Width and height of what the view takes of the clip as shown: pixels made square, and upright once a
        frame was decoded."""
        left, top, right, bottom = view.box(*self._shown())
        return right - left, bottom - top

    def _shown(self) -> tuple[int, int]:
        width, height = self._stored
        if self._shape and 1 / _STRANGEST_SHAPE <= self._shape <= _STRANGEST_SHAPE:
            width = max(1, round(width * self._shape))
        return self._turn.size(width, height)

    # --- reaching frames ---

    def looked_at(self, view: View, size: int) -> Iterator[tuple[float, VideoFrame]]:
        """(seconds, frame) for each of the frames that the view is of. `size` is the file's, in bytes."""
        if view.typical:
            return self.typical()
        if view.grid is None:
            return self.frames_at(evenly(view, self.duration))
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
            way = self._way_to(keyframe)
            for stamp, frame in self._decoded(list(run), way[1] if way else self._start):
                yield (bisect_right(stamps, stamp) - 1) / rate, frame

    def _about_numbers(self, grid: ModelGrid) -> Iterator[tuple[float, VideoFrame]]:
        """The same of a large file, without a pass over it: by what it says of its length and rate."""
        rate = self._rate(self._stream.frames)
        total = self._stream.frames or max(1, round(self.duration * rate))
        self._planned = frame_count(total, rate, grid)
        near = (total - 1) / (self._planned - 1) / 4
        # Half a frame in: there it is shown, however its stamp was rounded.
        moments = [Moment((number + 0.5) / rate, (number - near) / rate) for number in spread(total, self._planned)]
        for time, frame in self.frames_at(moments):
            yield round(time * rate) / rate, frame

    def _contents(self) -> tuple[list[int], list[int]]:
        """Time stamps of all frames that are shown, and of those among them that are keyframes, rising."""
        stamps, keyframes = [], []
        with suppress(av.error.FFmpegError):  # a damaged tail
            for packet in self._container.demux(self._stream):
                stamp = self._when(packet)
                if packet.size and stamp is not None:
                    if not packet.is_discard:
                        stamps.append(stamp)
                    if packet.is_keyframe:
                        keyframes.append(stamp)
        return sorted(stamps), sorted(keyframes) or stamps[:1]

    def _rate(self, total: int) -> float:
        """Frames a second on average."""
        said = float(self._stream.average_rate or 0)
        return said if 0 < said <= _FASTEST else (total / self.duration if total and self.duration else 1.0)

    def _way_to(self, stamp: int) -> tuple[int, int] | None:
        """The time stamp of a keyframe at or before this one, and what to seek so that decoding goes over it; None
        where there is none. MP4 goes by when frames are decoded; MPEG streams are entered anywhere, and their next
        keyframe may be beyond what was asked for."""
        second = round(1 / self._base)
        targets = [stamp, stamp - second, stamp - 10 * second]
        if self._container.format.name in _ENTERED_ANYWHERE:
            targets += [stamp - 100 * second, self._start - second]
        for target in targets:
            keyframe = self._keyframe_from(target, stamp)
            if keyframe is not None and keyframe <= stamp:
                return keyframe, target
        return None

    def frames_at(self, moments: Sequence[Moment]) -> Iterator[tuple[float, VideoFrame]]:
        """(seconds, frame) for each of the moments, which must rise. No frame comes twice."""
        last = None
        for target, run in self._runs(moments):
            for stamp, frame in self._decoded(run, target):
                if stamp != last:
                    last = stamp
                    yield self._seconds(stamp), frame

    def typical(self) -> Iterator[tuple[float, VideoFrame]]:
        """One frame that stands for the clip: the first of several that tells enough, else the one that tells most.

        Keyframes past the titles come first, which cost one decoded frame each. What lies between them is only decoded
        if they show next to nothing.
        """
        best, told = None, -1.0
        for moments, enough in zip(self._typical_moments(), (TELLING, PASSABLE), strict=True):
            for found in self.frames_at(moments) if told < PASSABLE else ():
                tells = bits(self.rendered(found[1], View(max_side=SAMPLE)))
                if tells > told:
                    best, told = found, tells
                if told >= enough:
                    break
        if best or (best := next(self.frames_at([Moment(0.0, 0.0)]), None)):
            yield best

    def _typical_moments(self) -> tuple[list[Moment], list[Moment]]:
        """Where to look for such a frame: at keyframes, each once; and exactly, but not far from a keyframe."""
        titles = TITLES * self.duration
        at_keyframes: dict[int, Moment] = {}
        others: dict[float, Moment] = {}
        for part in TYPICAL:
            time = part * self.duration
            if way := self._way_to(self._stamp_of(time)):
                keyframe = self._seconds(way[0])
                if keyframe >= titles:
                    at_keyframes.setdefault(way[0], Moment(time, titles))
                time = min(time, max(keyframe, 0.0) + _FARTHEST)
            others.setdefault(time, Moment(time, time))
        return list(at_keyframes.values()), [others[time] for time in sorted(others)]

    def _runs(self, moments: Sequence[Moment]) -> list[tuple[int, list[int]]]:
        """(what to seek, time stamps to decode) for each keyframe from which some are reached."""
        runs: list[tuple[int, list[int]]] = []
        previous = None
        for moment in moments:
            stamp = self._stamp_of(moment.time)
            way = self._way_to(stamp)
            if way is None:
                continue  # beyond a damaged tail
            keyframe, target = way
            if self._stamp_of(moment.earliest) <= keyframe < stamp:
                stamp = keyframe
            if keyframe == previous:
                runs[-1][1].append(stamp)
            else:
                runs.append((target, [stamp]))
            previous = keyframe
        # A track that can't be searched is decoded from where it starts.
        if not runs and moments:
            return [(self._start, [self._stamp_of(moment.time) for moment in moments])]
        return runs

    def _stamp_of(self, time: float) -> int:
        # A time that was made of a stamp has to lead back to it, however it was rounded.
        return self._start + int(time / self._base + 0.001)

    def _seconds(self, stamp: int) -> float:
        return float((stamp - self._start) * self._base)

    def _keyframe_from(self, target: int, stamp: int) -> int | None:
        """Where decoding starts when `target` is sought, read from the container without decoding, or something beyond
        `stamp`."""
        with suppress(av.error.FFmpegError):
            self._seek(target)
            for packet in self._container.demux(self._stream):
                when = self._when(packet)
                if when is not None and (packet.is_keyframe or when > stamp):
                    return when
        return None

    def _seek(self, stamp: int) -> None:
        if self._delay():
            # A keyframe may be shown after some that follow it in the file. AVI knows nothing before its start.
            stamp = max(stamp - self._delay() - _LEADING, 0)
        self._container.seek(stamp, stream=self._stream)

    def _when(self, packet: Packet[VideoStream]) -> int | None:
        return packet.dts if packet.pts is None or self._decoding_times else packet.pts

    def _delay(self) -> int:
        """By how many stamps a frame is decoded before it is shown, where stamps say when it is decoded."""
        return self._context.reorder_depth if self._decoding_times else 0

    def _decoded(self, stamps: list[int], origin: int) -> Iterator[tuple[int, VideoFrame]]:
        """The frames shown at these time stamps, decoding forward from the keyframe before `origin`."""
        wanted = iter(stamps)
        stamp = next(wanted)
        with suppress(av.error.FFmpegError):  # no index: the demuxer stands at the start
            self._seek(origin)
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
        stamp: int | None = None
        while True:
            try:
                packet = next(packets, None)
            except av.error.FFmpegError:
                return  # a damaged tail: what was decoded so far counts
            if packet is None:
                return
            for frame in whole_frames(packet):
                if not self._begun:
                    # All others are shown as the first, whatever becomes of their size and of their pixels' shape.
                    self._begun = True
                    self._stored, self._turn = (frame.width, frame.height), turn_of(frame)
                    self._shape = self._stream.sample_aspect_ratio
                stamp = self._shown_at(frame, stamp)
                yield stamp, frame

    def _shown_at(self, frame: VideoFrame, last: int | None) -> int:
        if self._decoding_times:
            # A frame comes out with the stamp of the packet that brought it out; the last ones come without any.
            stamp = frame.dts - self._delay() if frame.dts is not None else None if last is None else last + 1
        else:
            stamp = frame.dts if frame.pts is None else frame.pts
        return self._start if stamp is None else stamp

    # --- showing them ---

    def rendered(self, frame: VideoFrame, view: View) -> Pixels:
        """What the view takes of the frame: RGB, square pixels, upright, at the size it wants."""
        if view.grid:
            return self._gridded(frame, view, view.grid)
        if view.shape:
            return self._shaped(frame, view, view.shape)
        shown = self._shown()
        left, top, right, bottom = view.box(*shown)
        wanted = view.size(right - left, bottom - top)
        # The whole frame is brought to the scale at which its part has the wanted size.
        whole = round(shown[0] * wanted[0] / (right - left)), round(shown[1] * wanted[1] / (bottom - top))
        upright = self._turn.upright(rgb(frame, *self._turn.size(*whole)))
        x = min(round(left * whole[0] / shown[0]), whole[0] - wanted[0])
        y = min(round(top * whole[1] / shown[1]), whole[1] - wanted[1])
        return np.ascontiguousarray(upright[y : y + wanted[1], x : x + wanted[0]])

    def _gridded(self, frame: VideoFrame, view: View, grid: ModelGrid) -> Pixels:
        """What a model with such rules gets of the frame: stored pixels, whatever their shape, but upright.

        Colours are as the file says, else those of BT.601; its own code leaves it to FFmpeg likewise. So neither is
        high dynamic range reduced, nor are fields taken apart.
        """
        width, height = self._stored
        stored = frame.reformat(width, height, "rgb24", threads=1).to_ndarray().astype(np.uint8, copy=False)
        image = Image.fromarray(np.ascontiguousarray(self._turn.upright(stored)))
        return as_a_model_wants(image, view, grid, self._planned)

    def _shaped(self, frame: VideoFrame, view: View, shape: ModelShape) -> Pixels:
        """What a model all of whose pictures have one size gets of the frame, as of a picture of it."""
        shown = self._shown()
        box = view.box(*shown)
        part = box[2] - box[0], box[3] - box[1]
        enough = sufficient(part, shape, view.margin) if view.scaled else part
        whole = [max(1, round(side * enough[axis] / part[axis])) for axis, side in enumerate(shown)]
        # Pixels need not be square here: what follows brings them to any size. So nothing is enlarged in between.
        stored = self._turn.size(*self._stored)
        upright = min(stored[0], whole[0]), min(stored[1], whole[1])
        image = Image.fromarray(np.ascontiguousarray(self._turn.upright(rgb(frame, *self._turn.size(*upright)))))
        left, top, right, bottom = (edge * upright[axis % 2] / shown[axis % 2] for axis, edge in enumerate(box))
        return np.ascontiguousarray(shaped(image, (left, top, right, bottom), part, shape, None))

    def details(self) -> Iterator[tuple[str, str]]:
        yield "Codec", self._context.codec.canonical_name
        if rate := self._stream.average_rate:
            yield "Frame rate", f"{float(rate):.5g}"
        if self._context.pix_fmt:
            yield "Colour", self._context.pix_fmt
        if sound := self._container.streams.audio:
            yield "Sound", sound[0].codec_context.codec.canonical_name


def _picture_track(container: InputContainer) -> VideoStream:
    tracks = [stream for stream in container.streams.video if not stream.disposition & _NO_PICTURES]
    for track in tracks:
        if track.codec_context is not None:
            return track
    if tracks:
        raise FileUnsupported(detail="an unknown codec")
    raise FileUnsupported(detail="sound without a picture" if container.streams.audio else "no picture track")


def _container_name(container: InputContainer, source: Source) -> str:
    if container.format.name.startswith("mov,"):
        brand = container.metadata.get("major_brand", "qt").strip()
        return "QuickTime" if brand == "qt" else "3GP" if brand.startswith("3g") else "MP4"
    if container.format.name.startswith("matroska"):
        return source.format.name if source.format.name == "WebM" else "Matroska"
    return _NAMES.get(container.format.name, container.format.name)
