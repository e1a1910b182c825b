"""Vectors in one byte a number: what they lose, that nothing is mixed up, and that a cosine is of the two alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.scorers import vectors
from core.scorers.vectors import VectorShelf, pack, shorten, unpack

Floats = NDArray[np.float32]


def drawn(count: int, numbers: int, seed: int = 0, peaks: float = 1.0) -> Floats:
    """Vectors of length 1; their first numbers stand out by `peaks`."""
    table = np.random.default_rng(seed).normal(size=(count, numbers)).astype(np.float32)
    table[:, : numbers // 128] *= peaks
    return shorten(table, numbers)


def shelf_of(table: Floats) -> VectorShelf:
    shelf = VectorShelf(table.shape[1])
    shelf.add(pack(table))
    return shelf


# --- bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("peaks", "most"), [(1, 0.0013), (10, 0.005)])
def test_a_byte_a_number_costs_a_cosine_little(peaks: float, most: float) -> None:
    table, queries = drawn(2000, 1024, 0, peaks), drawn(2000, 1024, 1, peaks)
    kept = unpack(pack(table), 1024)
    assert {len(each) for each in pack(table)} == {1024}
    assert np.abs((table * queries).sum(axis=1) - (kept * queries).sum(axis=1)).max() < most
    assert (table * kept).sum(axis=1).min() > 0.997
    assert np.linalg.norm(kept, axis=1) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1, 1e30])
def test_only_the_direction_is_kept(size: float) -> None:
    table = drawn(5, 64)
    assert pack(np.asarray(table * np.float32(size))) == pack(table)
    # What is kept already is kept as it is.
    assert pack(unpack(pack(table), 64)) == pack(table)


def test_what_has_no_direction_or_is_not_a_vector_is_none() -> None:
    table = drawn(5, 64)
    table[0], table[1, 3], table[2, 5] = 0, np.nan, -np.inf
    data = pack(table)
    assert data[:3] == [b"", b"", b""]
    broken = [*data, bytes(64), data[4][:-1], data[4] + b"x"]
    good = [False] * 3 + [True] * 2 + [False] * 3
    kept = unpack(broken, 64)
    assert np.isfinite(kept).all(axis=1).tolist() == good
    assert np.isnan(kept).all(axis=1).tolist() == [not each for each in good]
    shelf = VectorShelf(64)
    shelf.add(broken)
    assert np.isfinite(shelf.cosines(table[4])).tolist() == good
    assert shelf.have(np.arange(8)).tolist() == good
    assert pack(np.empty((0, 64), np.float32)) == []
    assert unpack([], 64).shape == (0, 64)


def test_a_shorter_vector_is_the_beginning_at_length_one() -> None:
    table = drawn(6, 256)
    table[2], table[3, :64] = np.nan, 0
    short = shorten(table, 64)
    assert short.shape == (6, 64)
    assert short.dtype == np.float32
    assert np.isnan(short[2:4]).all()
    whole = table[[0, 1, 4, 5], :64]
    assert np.allclose(short[[0, 1, 4, 5]], whole / np.linalg.norm(whole, axis=1, keepdims=True), atol=1e-7)
    assert shorten(table, 1000).shape == (6, 256)


# --- in memory ---------------------------------------------------------------------------------------


@pytest.fixture
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few hundred rows are many blocks, pieces and threads."""
    for name, rows in (("_BLOCK", 64), ("_PIECE", 16), ("_AT_ONCE", 8)):
        monkeypatch.setattr(vectors, name, rows)


@pytest.mark.parametrize("numbers", [1, 7, 64, 1024, 4096])
def test_cosines_are_those_of_the_vectors(numbers: int) -> None:
    table = drawn(300, numbers)
    query = np.asarray(table[7] * 3 + table[9], np.float32)
    shelf = shelf_of(table)
    expected = unpack(pack(table), numbers).astype(np.float64) @ (query / np.linalg.norm(query))
    cosines = shelf.cosines(query)
    assert cosines.dtype == np.float32
    assert np.abs(cosines - expected).max() < 1e-5
    assert np.abs(cosines).max() <= 1


def test_a_kept_vector_is_found_again_as_itself() -> None:
    table = drawn(500, 1024)
    shelf = shelf_of(table)
    query = unpack(pack(table[33:34]), 1024)[0]
    cosines = shelf.cosines(query)
    assert cosines.argmax() == 33
    assert cosines[33] == pytest.approx(1, abs=1e-6)


@pytest.mark.usefixtures("_small_blocks")
@given(st.lists(st.integers(0, 299), max_size=120), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_a_cosine_is_the_same_whichever_rows_are_asked(rows: list[int], seed: int) -> None:
    table = drawn(300, 96, seed)
    table[::37] = np.nan
    query = drawn(1, 96, seed // 2)[0]
    shelf = shelf_of(table)
    every = shelf.cosines(query)
    asked = np.array(rows, np.int64)
    assert np.array_equal(shelf.cosines(query, asked), every[asked], equal_nan=True)
    first = min(rows, default=0)
    assert np.array_equal(shelf.cosines(query, np.arange(first, 300)), every[first:], equal_nan=True)
    # Nor does it matter how they came there.
    other = VectorShelf(96)
    data = pack(table)
    for at in range(0, 300, 23):
        other.add(data[at : at + 23])
    assert np.array_equal(other.cosines(query), every, equal_nan=True)
    alone = shelf_of(table[:1])
    assert np.array_equal(alone.cosines(query), every[:1], equal_nan=True)


def test_sums_are_exact_where_float32_would_round() -> None:
    """All numbers at their largest is the worst there is: then every order of adding up must give the same."""
    for numbers in (1024, 2048, 4096):
        signs = np.where(np.random.default_rng(numbers).random((600, numbers)) < 0.5, -1, 1).astype(np.float32)
        signs[0] = 1
        query = np.ones(numbers, np.float32)
        expected = signs.astype(np.float64).sum(axis=1) / numbers
        cosines = shelf_of(signs).cosines(query)
        assert np.abs(cosines - expected).max() < 2e-7
        backwards = shelf_of(np.ascontiguousarray(signs[:, ::-1])).cosines(query)
        assert np.array_equal(cosines, backwards)


def test_many_rows_are_multiplied_in_threads_with_the_same_result() -> None:
    table = drawn(20_000, 32)
    query = drawn(1, 32, 1)[0]
    shelf = shelf_of(table)
    every = shelf.cosines(query)
    assert len(shelf) == 20_000
    assert np.array_equal(every[:100], shelf_of(table[:100]).cosines(query))
    backwards = np.arange(19_999, -1, -1)
    assert np.array_equal(shelf.cosines(query, backwards), every[::-1])


def test_a_query_without_a_direction_says_nothing_and_one_of_other_numbers_is_a_mistake() -> None:
    shelf = shelf_of(drawn(10, 32))
    assert np.isnan(shelf.cosines(np.zeros(32, np.float32))).all()
    assert np.isnan(shelf.cosines(np.full(32, np.nan, np.float32))).all()
    assert VectorShelf(32).cosines(np.ones(32, np.float32)).shape == (0,)
    assert shelf.cosines(np.ones(32, np.float32), np.empty(0, np.int64)).shape == (0,)
    with pytest.raises(ValueError, match="32 numbers"):
        shelf.cosines(np.ones(31, np.float32))


@pytest.mark.usefixtures("_small_blocks")
def test_rows_are_read_back_and_compared_with_one_another() -> None:
    table = drawn(200, 48)
    table[5] = np.nan
    shelf, kept = shelf_of(table), unpack(pack(table), 48)
    rows = np.array([199, 5, 0, 64, 63, 64])
    assert np.allclose(shelf.vectors(rows), kept[rows], atol=1e-7, equal_nan=True)
    columns = drawn(48, 3, 5)
    assert np.allclose(shelf.products(rows, columns), kept[rows] @ columns, atol=1e-6, equal_nan=True)
    others = rows[::-1].copy()
    between = shelf.cosines_between(rows, others)
    assert np.allclose(between, (kept[rows] * kept[others]).sum(axis=1), atol=1e-6, equal_nan=True)
    assert np.array_equal(between, shelf.cosines_between(others, rows), equal_nan=True)
