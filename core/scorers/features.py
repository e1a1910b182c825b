"""How the built-in matcher's features are laid out: the bytes kept of a document, and many of them in columns."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from core.media import Decoded
from core.scorers import Feature
from core.scorers.figures import FIGURE_BYTES, Measured, measure
from core.scorers.looks import LOOK_BYTES, describe
from core.scorers.points import POINTS_BYTES, find_points
from core.scorers.words import kept_words

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)

VERSION = 3
FRAMES = 8
"""The most frames that are kept of a clip."""
WORD_BYTES = 1500

# --- the bytes of one document -----------------------------------------------------------------------
#
# data:   header, per frame its look and its figures, the frames' times as float32, then the distinct words as UTF-8.
# detail: per frame its points, after their length.

_HEADER = struct.Struct("<BBBxIIf")  # version, kind, frames, width, height, seconds
_LENGTH = struct.Struct("<H")
_FRAME_BYTES = LOOK_BYTES + FIGURE_BYTES
_TIME_BYTES = 4


def feature_of(decoded: Decoded) -> Feature:
    """What is kept of a document. At most 12 KB."""
    frames = [] if decoded.frames is None else [frame for frame in decoded.frames[:FRAMES] if frame.size]
    facts, width, height = decoded.facts, decoded.facts.width, decoded.facts.height
    if frames and not (width and height):
        height, width = frames[0].shape[:2]
    sizes = min(width, 2**32 - 1), min(height, 2**32 - 1)
    times = (*decoded.times, *itertools.repeat(0.0, FRAMES))[: len(frames)]
    parts = [_HEADER.pack(VERSION, decoded.kind, len(frames), *sizes, facts.duration)]
    parts += [describe(frame) + measure(frame) for frame in frames]
    parts += [np.array(times, np.float32).tobytes(), kept_words(decoded.text, WORD_BYTES)]
    points = [find_points(frame, POINTS_BYTES // len(frames)) for frame in frames]
    return Feature(b"".join(parts), b"".join(_LENGTH.pack(len(each)) + each for each in points))


def points_of(detail: bytes) -> list[bytes]:
    """The points of each frame."""
    points, at = [], 0
    while at + _LENGTH.size <= len(detail):
        (length,) = _LENGTH.unpack_from(detail, at)
        at += _LENGTH.size
        points.append(detail[at : at + length])
        at += length
    return points


# --- many documents ----------------------------------------------------------------------------------


class _Column(Generic[Number]):
    """An array that grows at its end without being copied each time."""

    def __init__(self, dtype: type[Number], *shape: int) -> None:
        self._values: NDArray[Number] = np.empty((1024, *shape), dtype)
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, values: NDArray[Number]) -> None:
        end = self._length + len(values)
        if end > len(self._values):
            grown = np.empty((max(end, 2 * len(self._values)), *self._values.shape[1:]), self._values.dtype)
            grown[: self._length] = self._values[: self._length]
            self._values = grown
        self._values[self._length : end] = values
        self._length = end

    @property
    def values(self) -> NDArray[Number]:
        return self._values[: self._length]


class Library:
    """Features of many documents in columns: a row a document, and a row a frame, document after document."""

    def __init__(self) -> None:
        self._looks = _Column(np.uint8, LOOK_BYTES)
        self._figures = _Column(np.uint8, FIGURE_BYTES)
        self._times = _Column(np.float32)
        self._counts = _Column(np.int64)
        self._firsts = _Column(np.int64)
        self._sizes = _Column(np.float64, 2)
        self._seconds = _Column(np.float32)
        self._kinds = _Column(np.uint8)
        self._valid = _Column(np.bool_)
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, features: Sequence[bytes]) -> None:
        """Put documents at the end; one of another version, or cut off, is there but nothing is known of it."""
        headers, frames, times = [], [], []
        for feature in features:
            header = _HEADER.unpack_from(feature) if len(feature) >= _HEADER.size else (0,) * 6
            looks_end = _HEADER.size + header[2] * _FRAME_BYTES
            end = looks_end + header[2] * _TIME_BYTES
            if header[0] != VERSION or len(feature) < end:
                header, looks_end, end = (0,) * 6, 0, len(feature)
            headers.append(header)
            frames.append(feature[_HEADER.size : looks_end])
            times.append(feature[looks_end : looks_end + header[2] * _TIME_BYTES])
            self._texts.append(feature[end:].decode("utf-8", "ignore"))
        table = np.array(headers, np.float64).reshape(-1, 6)
        raw = np.frombuffer(b"".join(frames), np.uint8).reshape(-1, _FRAME_BYTES)
        counts = table[:, 2].astype(np.int64)
        self._firsts.extend(len(self._looks) + np.cumsum(counts) - counts)
        self._counts.extend(counts)
        self._looks.extend(raw[:, :LOOK_BYTES])
        self._figures.extend(raw[:, LOOK_BYTES:])
        self._times.extend(np.frombuffer(b"".join(times), np.float32))
        self._valid.extend(table[:, 0] == VERSION)
        self._kinds.extend(table[:, 1].astype(np.uint8))
        self._sizes.extend(table[:, 3:5])
        self._seconds.extend(table[:, 5].astype(np.float32))

    def batch(self, rows: NDArray[np.int64]) -> Batch:
        """These documents; without copying if they follow one another."""
        counts, firsts = self._counts.values[rows], self._firsts.values[rows]
        frames: slice | NDArray[np.int64] = slice(0, 0)
        documents: slice | NDArray[np.int64] = rows
        if len(rows):
            if rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
                documents = slice(int(rows[0]), int(rows[-1]) + 1)
                frames = slice(int(firsts[0]), int(firsts[-1] + counts[-1]))
            else:
                within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                frames = np.repeat(firsts, counts) + within
        return Batch(
            valid=self._valid.values[documents],
            looks=self._looks.values[frames],
            times=self._times.values[frames],
            seconds=self._seconds.values[documents],
            measured=Measured(
                figures=self._figures.values[frames],
                counts=counts,
                sizes=self._sizes.values[documents],
                kinds=self._kinds.values[documents],
            ),
            texts=self._texts[documents]
            if isinstance(documents, slice)
            else [self._texts[row] for row in rows.tolist()],
        )


@dataclass(frozen=True)
class Batch:
    """Some documents of a library."""

    valid: NDArray[np.bool_]
    looks: Bytes
    """(frames, LOOK_BYTES), document after document."""
    times: Floats
    seconds: Floats
    measured: Measured
    texts: list[str]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def starts(self) -> NDArray[np.int64]:
        """The row of each document's first frame."""
        counts = self.measured.counts
        return np.asarray(np.cumsum(counts) - counts)
