"""What of a file is its coded pixels: facts and stretches of bytes, collected while it is walked, and their hash.

The walkers (`identity`, `boxes`, `directories`) read foreign data. Whatever a file declares, all that is read of it
costs at most a few times its size: `Content` keeps the account.
"""

from __future__ import annotations

import hashlib
from re import Pattern
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.media import WHOLE_FILE

_SAMPLES, _SAMPLE_BYTES, _END_BYTES = 32, 64 * 2**10, 2**20
_BLOCK_BYTES = 2**18
_READ_COST = 256
"""Bytes that a read counts for at least, so that a file of tiny pieces is given up after as many as it has room for."""
_MOST_BYTES = 64 * 2**20
"""The most of one piece that is not coded data: the sample table of a film of days."""


class OddFile(Exception):
    """The file is not made as its format says, or in a way that is not known here."""


class Content:
    """An open file as numbered bytes. Raises OddFile for what lies outside, and once too much was read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = 2 * size + 2**20
        self.size = size

    def at(self, offset: int, length: int) -> bytes:
        """Exactly these bytes."""
        data = self.up_to(offset, length)
        if len(data) != length:
            raise OddFile
        return data

    def up_to(self, offset: int, length: int) -> bytes:
        """These bytes, or as many of them as there are."""
        if offset < 0 or not 0 <= length <= _MOST_BYTES:
            raise OddFile
        self._left -= max(length, _READ_COST)
        if self._left < 0:
            raise OddFile
        self._file.seek(offset)
        return self._file.read(length)

    def number(self, offset: int, length: int) -> int:
        """The unsigned number there, the most significant byte first."""
        return int.from_bytes(self.at(offset, length))

    def find(self, pattern: Pattern[bytes], start: int, end: int) -> int | None:
        """Where a pattern of two bytes first occurs in this stretch."""
        room = 2 * _READ_COST  # mostly it is near
        while start < end:
            block = self.up_to(start, min(room, end - start))
            if found := pattern.search(block):
                return start + found.start()
            if len(block) < 2:
                return None
            start += len(block) - (1 if start + len(block) < end else 0)
            room = min(2 * room, _BLOCK_BYTES)
        return None

    def digest(self, coded: Coded) -> bytes:
        """16 bytes that name what was collected. BLAKE2b over the facts, the length of the coded data, and the data.

        How the data is cut into stretches, and where they lie, has no part in it. Above WHOLE_FILE bytes only the
        ends and evenly spaced samples of it are read, as `core.media.fingerprint` does with a whole file.
        """
        spans = coded.spans(self.size)
        ends = np.cumsum(spans[:, 1])
        total = int(ends[-1])
        digest = hashlib.blake2b(total.to_bytes(8, "little"), digest_size=16)
        for fact in coded.facts:
            digest.update(len(fact).to_bytes(8, "little") + fact)
        for start, stop in _windows(total):
            index = int(np.searchsorted(ends, start, "right"))
            while start < stop:
                offset, length = spans[index].tolist()
                skipped = start - (int(ends[index]) - length)
                taken = min(length - skipped, stop - start)
                self._update(digest, offset + skipped, taken)
                start += taken
                index += 1
        return digest.digest()

    def _update(self, digest: hashlib.blake2b, offset: int, length: int) -> None:
        self._file.seek(offset)
        while length:
            block = self._file.read(min(length, 2**20))
            if not block:
                raise OddFile  # it was cut off meanwhile
            digest.update(block)
            length -= len(block)


def _windows(total: int) -> list[tuple[int, int]]:
    """Which stretches of the joined data are hashed."""
    if total <= WHOLE_FILE:
        return [(0, total)]
    span = total - 2 * _END_BYTES - _SAMPLE_BYTES
    starts = [_END_BYTES + span * index // (_SAMPLES - 1) for index in range(_SAMPLES)]
    samples = [(start, start + _SAMPLE_BYTES) for start in starts]
    return [(0, _END_BYTES), *samples, (total - _END_BYTES, total)]


class Coded:
    """What decides a file's pixels, collected in order."""

    def __init__(self, format: bytes) -> None:
        self.facts: list[bytes] = [format]
        self._spans: list[NDArray[np.int64]] = []

    def say(self, *facts: bytes | int) -> None:
        """Small things that decide what the coded data means."""
        self.facts += [fact if isinstance(fact, bytes) else b"%d" % fact for fact in facts]

    def take(self, offset: int, length: int) -> None:
        """A stretch of coded data. What lies beyond the file's end doesn't count: the file is cut off."""
        self.take_all(np.array([offset], np.int64), np.array([length], np.int64))

    def take_all(self, offsets: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
        """Many stretches, in this order."""
        self._spans.append(np.stack([offsets, lengths], axis=1))

    def spans(self, size: int) -> NDArray[np.int64]:
        """(stretches, 2): offset and length, neighbours joined, inside a file of that size.

        Raises OddFile if there is no coded data, or far more of it than the file is large.
        """
        if not self._spans:
            raise OddFile
        spans = np.concatenate(self._spans)
        offsets = spans[:, 0]
        if (spans < 0).any():
            raise OddFile
        stops = np.minimum(np.minimum(offsets, size) + np.minimum(spans[:, 1], size), size)
        kept = stops > offsets
        offsets, stops = offsets[kept], stops[kept]
        # A picture may use a stretch twice, where it is all of one colour. Declared overlaps have no bound.
        if not len(offsets) or int((stops - offsets).sum()) > 2 * size:
            raise OddFile
        begins = np.concatenate([[True], offsets[1:] != stops[:-1]])
        lasts = np.concatenate([begins[1:], [True]])
        return np.stack([offsets[begins], stops[lasts] - offsets[begins]], axis=1)
