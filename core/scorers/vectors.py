"""How vectors are kept: as bytes of one byte a number, in memory in blocks, and how many are multiplied at once.

A vector is kept by its direction alone: whole numbers of which the largest is 127. So the cosine of a kept vector with
a query depends on nothing but the two, to the last bit: the query is put in whole numbers too, small enough that
float32 adds all products up exactly in any order.

What one byte a number costs a cosine, at most, of 100,000 vectors of 1,024 numbers: 0.0013 if the numbers are spread
as normal noise is; 0.005 if single ones stand out tenfold, as they do in language models.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float32]
Bytes = NDArray[np.int8]
Rows = NDArray[np.int64]

_LARGEST = 127
_BLOCK = 65_536
"""Rows of a block in memory. A shelf grows by a block and copies nothing."""
_AT_ONCE = 256
"""Rows that are made float32 and multiplied while they lie in a core's cache: measured for 1,024 numbers."""
_PIECE = 8192
"""Rows that are worth a thread."""
_ADDED_AT_ONCE = 1024
"""Rows that are measured together when they are put in: what that takes stays with the process."""
_MOST_THREADS = 4
"""More wait for the memory."""


# --- vectors as bytes --------------------------------------------------------------------------------


def pack(vectors: Floats) -> list[bytes]:
    """The vectors (n, numbers) as `numbers` bytes each; none for a row that has no direction: not finite, or all 0."""
    return [row.tobytes() if row.any() else b"" for row in _whole(vectors)]


def unpack(data: Sequence[bytes], numbers: int) -> Floats:
    """(n, numbers): vectors of length 1 from their bytes, a row of NaN for what isn't a vector of so many numbers."""
    return _normalised(_table(data, numbers).astype(np.float32))


def shorten(vectors: Floats, numbers: int) -> Floats:
    """(n, at most `numbers`): the beginnings of the vectors, of length 1 again; NaN for a row without a direction."""
    return _normalised(np.asarray(vectors[:, :numbers], np.float32))


def _whole(vectors: Floats) -> Bytes:
    """In whole numbers up to 127; 0 for a row that has no direction."""
    largest = np.abs(vectors).max(axis=1, initial=0, keepdims=True)
    sound = np.isfinite(largest) & (largest > np.finfo(np.float32).tiny)
    with np.errstate(invalid="ignore"):
        scaled = vectors / np.where(sound, largest, 1) * _LARGEST
    return np.where(sound, np.rint(scaled), 0).astype(np.int8)


def _table(data: Sequence[bytes], numbers: int) -> Bytes:
    """(n, numbers); 0 where the bytes are not so many."""
    nothing = bytes(numbers)
    joined = b"".join([each if len(each) == numbers else nothing for each in data])
    return np.frombuffer(joined, np.int8).reshape(len(data), numbers)


def _normalised(vectors: Floats) -> Floats:
    lengths = np.sqrt(np.square(vectors, dtype=np.float64).sum(axis=1, keepdims=True))
    lengths[~(lengths > 0)] = np.nan
    return np.asarray(vectors / lengths, np.float32)


# --- many in memory ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """A query in whole numbers."""

    parts: Floats
    """(numbers, 2): coarse and fine."""
    share: np.float32
    """What 1 of the fine part is of the coarse one."""
    length: np.float32
    """Of both together."""


class VectorShelf:
    """Vectors of many documents, by row: a byte a number, and 4 bytes. It grows in one thread; others may read it."""

    def __init__(self, numbers: int) -> None:
        self.numbers = numbers
        self._blocks: list[Bytes] = []
        self._lengths: list[Floats] = []
        """Of each whole vector, by block; NaN for a document without one."""
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, features: Sequence[bytes]) -> None:
        """Put packed vectors at the end. What isn't one of `numbers` numbers counts as a document without."""
        for at in range(0, len(features), _ADDED_AT_ONCE):
            table = _table(features[at : at + _ADDED_AT_ONCE], self.numbers)
            while len(table):
                block, start = divmod(self._count, _BLOCK)
                if block == len(self._blocks):
                    # Memory that nothing was written to yet is not taken from the system.
                    self._blocks.append(np.empty((_BLOCK, self.numbers), np.int8))
                    self._lengths.append(np.empty(_BLOCK, np.float32))
                part, table = np.split(table, [_BLOCK - start])
                self._blocks[block][start : start + len(part)] = part
                self._lengths[block][start : start + len(part)] = _lengths(part)
                self._count += len(part)

    def have(self, rows: Rows) -> NDArray[np.bool_]:
        """Which of these rows have a vector."""
        found = np.empty(len(rows), np.bool_)
        for block, here, within in _by_block(rows):
            found[here] = np.isfinite(self._lengths[block][within])
        return found

    def vectors(self, rows: Rows) -> Floats:
        """(rows, numbers): these vectors, of length 1; NaN for a document without."""
        table, lengths = self._gathered(rows)
        return np.asarray(table / lengths[:, None], np.float32)

    def products(self, rows: Rows, columns: Floats) -> Floats:
        """(rows, columns): these vectors, of length 1, multiplied by columns (numbers, columns); NaN for a document
        without."""
        found = np.empty((len(rows), columns.shape[1]), np.float32)
        with _libraries().limit(limits=1, user_api="blas"):
            for at in range(0, len(rows), _PIECE):
                np.matmul(self.vectors(rows[at : at + _PIECE]), columns, out=found[at : at + _PIECE])
        return found

    def cosines_between(self, first: Rows, second: Rows) -> Floats:
        """(pairs,): the cosines of the vectors in these rows; NaN where one has none. Always the same of a pair."""
        cosines = np.empty(len(first), np.float32)
        for at in range(0, len(first), _AT_ONCE):
            pairs = slice(at, at + _AT_ONCE)
            (one, its_length), (other, others_length) = self._gathered(first[pairs]), self._gathered(second[pairs])
            cosines[pairs] = np.vecdot(one.astype(np.float32), other.astype(np.float32)) / (its_length * others_length)
        return np.clip(cosines, -1, 1)

    def _gathered(self, rows: Rows) -> tuple[Bytes, Floats]:
        """The whole numbers of these rows, and their lengths."""
        table, lengths = np.empty((len(rows), self.numbers), np.int8), np.empty(len(rows), np.float32)
        for block, here, within in _by_block(rows):
            table[here], lengths[here] = self._blocks[block][within], self._lengths[block][within]
        return table, lengths

    def cosines(self, query: Floats, rows: Rows | None = None) -> Floats:
        """Of the query (numbers,), of any length, with the vectors in these rows, or all: (rows,), -1..1.

        NaN for a document without a vector, and for all if the query has no direction. A row's cosine is the same,
        to the last bit, whichever rows are asked for.
        """
        if query.shape != (self.numbers,):
            raise ValueError(f"a query of {query.shape} for vectors of {self.numbers} numbers")
        wanted: range | Rows = range(self._count) if rows is None else rows
        cosines = np.full(len(wanted), np.nan, np.float32)
        asked = _asked(query)
        if asked is None or not len(wanted):
            return cosines
        if isinstance(wanted, np.ndarray):
            if (np.diff(wanted) == 1).all():
                wanted = range(int(wanted[0]), int(wanted[-1]) + 1)
            elif (np.diff(wanted) < 0).any():
                order = np.argsort(wanted, kind="stable")
                cosines[order] = self.cosines(query, wanted[order])
                return cosines
        self._multiply(asked, list(self._pieces(wanted, cosines)))
        return cosines

    def _pieces(self, rows: range | Rows, cosines: Floats) -> Iterator[_Piece]:
        """What is to be done for rows in rising order, in parts that lie in one block."""
        edges = range(int(rows[0]) // _PIECE * _PIECE, int(rows[-1]) + _PIECE + 1, _PIECE)
        if isinstance(rows, range):
            places = [min(max(edge, rows.start), rows.stop) - rows.start for edge in edges]
        else:
            places = np.searchsorted(rows, edges).tolist()
        for (first, last), edge in zip(itertools.pairwise(places), edges, strict=False):
            if first < last:
                block, start = divmod(edge, _BLOCK)
                base = edge - start
                part = rows[first:last]
                within = range(part.start - base, part.stop - base) if isinstance(part, range) else part - base
                yield _Piece(self._blocks[block], self._lengths[block], within, cosines[first:last])

    def _multiply(self, asked: _Asked, pieces: list[_Piece]) -> None:
        threads = min(_MOST_THREADS, os.cpu_count() or 1, -(-sum(len(piece.rows) for piece in pieces) // _PIECE))
        # One thread of BLAS in each of ours: its own wait for one another in a loop. The pool begins only as many as it
        # is given work for; the first share is done here.
        with _libraries().limit(limits=1, user_api="blas"), ThreadPoolExecutor(threads, "vectors") as others:
            shares = [others.submit(_multiply, asked, pieces[first::threads]) for first in range(1, threads)]
            _multiply(asked, pieces[::threads])
            for share in shares:
                share.result()


def _by_block(rows: Rows) -> Iterator[tuple[int, NDArray[np.bool_], Rows]]:
    """(block, which of the rows are in it, where in it) of each block that has some of them."""
    blocks, within = np.divmod(rows, _BLOCK)
    for block in np.unique(blocks).tolist():
        here = blocks == block
        yield block, here, within[here]


@dataclass(frozen=True)
class _Piece:
    """A part of a product."""

    table: Bytes
    lengths: Floats
    rows: range | Rows
    """Of the table."""
    cosines: Floats
    """(rows,): to be filled."""


def _multiply(asked: _Asked, pieces: Sequence[_Piece]) -> None:
    floats = np.empty((_AT_ONCE, len(asked.parts)), np.float32)
    for piece in pieces:
        for at in range(0, len(piece.rows), _AT_ONCE):
            part = piece.rows[at : at + _AT_ONCE]
            where = slice(part.start, part.stop) if isinstance(part, range) else part
            # Into the same memory again: fresh memory costs several times the conversion.
            vectors = floats[: len(part)]
            np.copyto(vectors, piece.table[where])
            coarse, fine = (vectors @ asked.parts).T
            cosines = (coarse + fine * asked.share) / (piece.lengths[where] * asked.length)
            np.clip(cosines, -1, 1, out=piece.cosines[at : at + len(part)])


def _asked(query: Floats) -> _Asked | None:
    """The query in whole numbers: None if it has no direction.

    float32 has every whole number up to 2 ** 24, and no part of a sum of products is larger than the lengths of the
    two vectors multiplied: those of the shelf are at most 128 times the root of their count.
    """
    numbers = len(query)
    exact = query.astype(np.float64)
    length = np.sqrt(np.square(exact).sum())
    if not (np.isfinite(length) and length > 0):
        return None
    longest = 2**24 / (128 * np.sqrt(numbers)) - np.sqrt(numbers) / 2  # what rounding may add
    scaled = exact / length * longest
    coarse = np.rint(scaled)
    finer = max(1, 2**18 // numbers)
    fine = np.rint((scaled - coarse) * finer)
    whole = np.sqrt(np.square(coarse + fine / finer).sum())
    parts = np.asfortranarray(np.stack([coarse, fine], axis=1), np.float32)
    return _Asked(parts, np.float32(1 / finer), np.float32(whole))


def _lengths(table: Bytes) -> Floats:
    lengths = np.empty(len(table), np.float32)
    for at in range(0, len(table), _AT_ONCE):
        part = table[at : at + _AT_ONCE].astype(np.float32)
        np.sqrt(np.vecdot(part, part), out=lengths[at : at + _AT_ONCE])
    lengths[lengths == 0] = np.nan
    return lengths


@cache
def _libraries() -> ThreadpoolController:
    """The libraries of this process that have threads of their own; looking for them takes milliseconds."""
    return ThreadpoolController()
