"""Which pictures fold into one stack: plain copies, and nothing that only looks alike."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from core.decoding import decode
from core.decoding.identity.likeness import LIKENESS_BYTES, keys, likeness_of, near
from core.media import Kind, PixelPolicy, format_of
from core.scorers.vectors import VectorShelf, pack, shorten
from core.stacks import Vectors, find_stacks
from tests.bench.photographs import Frame, distractors, judged, photographs

SAMPLES = Path(__file__).parents[2] / "resources" / "samples"


def saved(frame: Frame, format: str = "JPEG", share: float = 1.0, quality: int = 60) -> Frame:
    picture = Image.fromarray(frame)
    picture = picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format, quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def brightened(frame: Frame) -> Frame:
    return np.rint(np.clip((np.arange(256) / 255) ** 0.9 * 1.04, 0, 1) * 255).astype(np.uint8)[frame]


def stacks_of(frames: list[Frame], kinds: list[Kind] | None = None) -> list[int]:
    identities = {row + 1: (b"", likeness_of(judged(frame))) for row, frame in enumerate(frames)}
    codes = np.array(kinds or [Kind.IMAGE] * len(frames), np.uint8)
    return list(map(int, find_stacks(np.arange(1, len(frames) + 1), identities, codes)))


@cache
def samples() -> dict[str, Frame]:
    found = {}
    for path in sorted(SAMPLES.rglob("*")):
        row = format_of(path)
        if row is not None and row.kind is Kind.IMAGE:
            frames = decode(str(path), PixelPolicy(max_pixels=400_000)).frames
            assert frames is not None
            found[path.stem] = frames[0]
    return found


def page(words: str, seed: int) -> Frame:
    """A window whose frame is always the same, with lines of these words in another order."""
    picture = Image.new("RGB", (800, 600), "white")
    draw, rng = ImageDraw.Draw(picture), np.random.default_rng(seed)
    draw.rectangle((0, 0, 800, 40), fill=(50, 60, 70))
    draw.rectangle((0, 40, 150, 600), fill=(230, 232, 235))
    for line in range(20):
        chosen = " ".join(rng.choice(words.split(), rng.integers(3, 8)))
        draw.text((170, 60 + 26 * line), chosen, (20, 20, 20), ImageFont.load_default(18))
    return np.asarray(picture)


# --- copies ------------------------------------------------------------------------------------------

COPIES: dict[str, Callable[[Frame], Frame]] = {
    "JPEG at 50": lambda frame: saved(frame, quality=50),
    "WebP": lambda frame: saved(frame, "WEBP"),
    "half the size": lambda frame: saved(frame, "PNG", 0.5),
    "a quarter, JPEG": lambda frame: saved(frame, share=0.25, quality=75),
    "brighter": brightened,
}


@pytest.mark.parametrize("name", COPIES)
def test_copies_fold_into_one_stack(name: str) -> None:
    originals = [*photographs().values(), *list(samples().values())[::4]]
    found = [stacks_of([frame, COPIES[name](frame)]) == [0, 0] for frame in originals]
    assert np.mean(found) >= 0.9


@pytest.mark.parametrize("name", ["camera", "coins", "motorcycle_left", "china"])
def test_a_slight_trim_of_a_picture_full_of_detail_is_a_copy(name: str) -> None:
    frame = photographs()[name]
    height, width = (side // 150 for side in frame.shape[:2])
    assert stacks_of([frame, np.ascontiguousarray(frame[height:-height, width:-width])]) == [0, 0]


def test_the_size_at_which_a_picture_was_decoded_hardly_matters() -> None:
    for frame in samples().values():
        small = likeness_of(saved(frame, "PNG", 0.5))
        apart = np.frombuffer(small, np.uint8).astype(int) - np.frombuffer(likeness_of(frame), np.uint8)
        assert np.abs(apart).max() <= 6


# --- strangers ---------------------------------------------------------------------------------------


def test_different_pictures_never_fold() -> None:
    frames = [*samples().values(), *photographs().values(), *distractors(150)]
    assert stacks_of(frames) == list(range(len(frames)))


def test_pages_of_one_layout_never_fold() -> None:
    words = "harbour report morning quiet river market eleven stone letters window"
    frames = [page(words, seed) for seed in range(25)]
    assert stacks_of(frames) == list(range(25))


def test_the_same_view_with_something_else_in_it_stands_alone() -> None:
    for frame in photographs().values():
        height, width = frame.shape[:2]
        changed = frame.copy()
        part = frame[height // 3 :, width // 4 :][: height // 8, : width // 8]
        if np.abs(part.mean() - frame[height // 2 :, width // 2 :][: height // 8, : width // 8].mean()) < 20:
            continue  # there it is much like what was there
        changed[height // 2 :, width // 2 :][: height // 8, : width // 8] = part
        assert stacks_of([frame, changed]) == [0, 1]


def test_a_mirrored_or_turned_picture_stands_alone() -> None:
    frame = photographs()["astronaut"]
    assert stacks_of([frame, frame[:, ::-1].copy(), np.rot90(frame).copy(), frame[::-1].copy()]) == [0, 1, 2, 3]


def test_what_shows_nothing_has_no_likeness() -> None:
    assert likeness_of(np.full((90, 120, 3), 130, np.uint8)) == b""
    noise = np.random.default_rng(0).integers(120, 130, (900, 1200, 3), np.uint8)
    assert likeness_of(noise) == b""


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3000, 2), (17, 15)])
def test_frames_of_any_shape_have_a_likeness_or_none(shape: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert len(likeness_of(frame)) in (0, LIKENESS_BYTES)


# --- grouping ----------------------------------------------------------------------------------------


def likeness(seed: int, cut: int = 0) -> NDArray[np.uint8]:
    """One as a picture may have it; `cut`: pixels of 96 by 80 that were cut off on each side."""
    frame = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    large = Image.fromarray(frame).resize((96, 80), Image.Resampling.BICUBIC)
    large = large.crop((cut, cut, 96 - cut, 80 - cut))
    return np.frombuffer(likeness_of(np.asarray(large)), np.uint8)


def grouped(contents: list[int], identities: dict[int, tuple[bytes, bytes]], kind: Kind = Kind.IMAGE) -> list[int]:
    return list(map(int, find_stacks(np.array(contents, np.int64), identities, np.full(len(contents), kind, np.uint8))))


def test_the_same_content_is_one_stack_and_the_unknown_stand_alone() -> None:
    assert grouped([0, 7, 0, 7, 8, 7], {}) == [0, 1, 2, 1, 4, 1]
    assert grouped([], {}) == []


@pytest.mark.parametrize("kind", Kind)
def test_the_same_pixels_are_one_stack_whatever_they_are(kind: Kind) -> None:
    identities = {5: (b"a", b""), 6: (b"b", b""), 7: (b"a", b""), 8: (b"", b""), 9: (b"", b"")}
    assert grouped([8, 5, 6, 7, 9, 7], identities, kind) == [0, 1, 2, 1, 4, 1]


@pytest.mark.parametrize(("kind", "expected"), [(Kind.IMAGE, [0, 0]), (Kind.VIDEO, [0, 1]), (Kind.TEXT, [0, 1])])
def test_only_pictures_are_compared_by_their_likeness(kind: Kind, expected: list[int]) -> None:
    alike = likeness(1).tobytes()
    assert grouped([1, 2], {1: (b"", alike), 2: (b"", alike)}, kind) == expected


def test_a_stack_is_led_by_its_first_row_through_content_pixels_and_likeness() -> None:
    alike = likeness(1).tobytes()
    identities = {1: (b"x", alike), 2: (b"y", alike), 3: (b"y", likeness(2).tobytes()), 4: (b"", likeness(3).tobytes())}
    assert grouped([4, 1, 2, 3, 3, 4], identities) == [0, 1, 1, 1, 1, 0]


def test_a_likeness_of_another_making_is_passed_over() -> None:
    assert grouped([1, 2], {1: (b"", b"old"), 2: (b"", b"old")}) == [0, 1]


def test_small_steps_do_not_join_what_differs() -> None:
    first, last = likeness(1).astype(float), likeness(1).astype(float)
    last[100:140] += np.where(last[100:140] < 128, 60, -60)  # 40 fields get another light, step by step
    steps = [np.rint(first + (last - first) * part).astype(np.uint8) for part in np.linspace(0, 1, 31)]
    table = np.stack(steps)
    stacks = grouped(list(range(1, 32)), {row + 1: (b"", each.tobytes()) for row, each in enumerate(steps)})
    assert stacks[1] == 0
    assert stacks[30] != 0
    assert near(table, np.array(stacks), np.arange(31)).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
@settings(deadline=None, max_examples=60)
def test_stacks_are_led_by_leaders_near_to_their_members(drawn: list[tuple[int, int]]) -> None:
    pictures = [likeness(seed).astype(int) for seed in range(6)]
    rows = [np.clip(pictures[which] + (np.arange(LIKENESS_BYTES) % 7 == 3) * step, 0, 255) for which, step in drawn]
    table = np.array(rows, np.uint8).reshape(-1, LIKENESS_BYTES)
    stacks = np.array(
        grouped(list(range(1, len(rows) + 1)), {n + 1: (b"", each.tobytes()) for n, each in enumerate(table)}), np.int64
    )
    assert (stacks[stacks] == stacks).all()
    assert (stacks <= np.arange(len(rows))).all()
    assert near(table, stacks, np.arange(len(rows))).all()
    # Copies within a few levels of one picture all share its stack.
    assert [[row[0] for row in drawn].index(which) for which, _ in drawn] == stacks.tolist()


def test_thousands_of_copies_of_one_picture_are_one_stack() -> None:
    rng = np.random.default_rng(0)
    table = np.clip(likeness(1) + rng.integers(-1, 2, (20_000, LIKENESS_BYTES)), 0, 255).astype(np.uint8)
    stacks = grouped(list(range(1, 20_001)), {row + 1: (b"", each.tobytes()) for row, each in enumerate(table)})
    assert np.mean(np.array(stacks) == 0) > 0.97


def test_every_picture_has_its_own_key_among_those_of_its_copies() -> None:
    table = np.stack([likeness(seed) for seed in range(50)])
    own, pictures, every = keys(table)
    assert all(own[row] in every[pictures == row] for row in range(50))
    assert len(set(own.tolist())) > 45


# --- by vectors --------------------------------------------------------------------------------------

ALIKE = 0.97


def directions(count: int, seed: int = 0, common: float = 0.0, numbers: int = 128) -> NDArray[np.float32]:
    """Vectors of length 1, of which every two have this cosine by what is common to all."""
    rng = np.random.default_rng(seed)
    own, shared = (rng.normal(size=(rows, numbers)).astype(np.float32) for rows in (count, 1))
    return shorten(np.sqrt(1 - common) * shorten(own, numbers) + np.sqrt(common) * shorten(shared, numbers), numbers)


def turned(vectors: NDArray[np.float32], cosine: float, seed: int = 1) -> NDArray[np.float32]:
    """Vectors that have this cosine with these."""
    aside = np.random.default_rng(seed).normal(size=vectors.shape).astype(np.float32)
    aside = shorten(aside - (aside * vectors).sum(axis=1, keepdims=True) * vectors, vectors.shape[1])
    return np.asarray(cosine * vectors + np.sqrt(1 - cosine**2) * aside, np.float32)


def shelved(vectors: NDArray[np.float32], rows: list[int] | None = None, alike: float = ALIKE) -> Vectors:
    shelf = VectorShelf(vectors.shape[1])
    shelf.add(pack(vectors))
    return Vectors(shelf, np.arange(len(vectors)) if rows is None else np.array(rows, np.int64), alike)


def by_vectors(vectors: Vectors, kind: Kind = Kind.IMAGE) -> list[int]:
    count = len(vectors.rows)
    return list(map(int, find_stacks(np.arange(1, count + 1), {}, np.full(count, kind, np.uint8), vectors)))


@pytest.mark.parametrize("common", [0, 0.5, 0.8])
def test_near_duplicates_by_vectors_fold_and_nothing_else_does(common: float) -> None:
    originals = directions(1500, common=common)
    near, apart = turned(originals[:200], 0.99), turned(originals[200:400], ALIKE - 0.02)
    stacks = np.array(by_vectors(shelved(np.concatenate([originals, near, apart]))))
    assert np.mean(stacks[1500:1700] == np.arange(200)) > 0.95
    assert (stacks[:1500] == np.arange(1500)).all()
    assert (stacks[1700:] == np.arange(1700, 1900)).all()


def test_a_folder_of_one_picture_is_one_stack() -> None:
    assert set(by_vectors(shelved(turned(np.repeat(directions(1), 5000, axis=0), 0.995)))) == {0}


@pytest.mark.parametrize("kind", [Kind.VIDEO, Kind.TEXT])
def test_only_pictures_are_compared_by_their_vectors(kind: Kind) -> None:
    vectors = shelved(np.repeat(directions(1), 3, axis=0))
    assert by_vectors(vectors) == [0, 0, 0]
    assert by_vectors(vectors, kind) == [0, 1, 2]


def test_what_has_no_vector_stands_alone() -> None:
    vectors = np.repeat(directions(1), 4, axis=0)
    vectors[1] = np.nan
    assert by_vectors(shelved(vectors, [0, 1, -1, 2, 3])) == [0, 1, 2, 0, 0]
    assert by_vectors(shelved(np.full((3, 128), np.nan, np.float32))) == [0, 1, 2]


def test_vectors_join_what_content_pixels_and_likeness_have_joined() -> None:
    likenesses = [likeness(seed).tobytes() for seed in (1, 2)]
    cut = likeness(1, 4).tobytes()
    identities = {1: (b"x", likenesses[0]), 2: (b"", likenesses[0]), 3: (b"", likenesses[1]), 4: (b"z", cut)}
    identities |= {5: (b"z", cut), 6: (b"", likenesses[1])}
    # 2 is like 1, 6 like 3; 5 has the pixels of 4; the vectors of 1 and 4 are near.
    contents = np.array([3, 1, 2, 4, 5, 5, 6], np.int64)
    first, other, third = directions(3)
    near = turned(first[None], 0.99)[0]
    vectors = shelved(np.stack([third, first, other, near, other, other, third]))
    kinds = np.zeros(7, np.uint8)
    assert find_stacks(contents, identities, kinds).tolist() == [0, 1, 1, 3, 3, 3, 0]
    assert find_stacks(contents, identities, kinds, vectors).tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_a_likeness_that_speaks_against_it_counts_more_than_a_vector() -> None:
    vectors = shelved(np.repeat(directions(1), 4, axis=0))
    shown = [likeness(1), likeness(2), likeness(1, 4)]
    identities = {number: (b"", each.tobytes()) for number, each in enumerate(shown, 1)} | {4: (b"", b"")}
    kinds = np.zeros(4, np.uint8)
    assert find_stacks(np.array([1, 2, 3, 4], np.int64), identities, kinds, vectors).tolist() == [0, 1, 0, 3]


def test_small_steps_of_vectors_do_not_join_what_differs() -> None:
    first, last = directions(2)
    steps = shorten(np.stack([first + (last - first) * part for part in np.linspace(0, 1, 60)]), 128)
    vectors = shelved(steps)
    stacks = np.array(by_vectors(vectors))
    assert stacks[1] == 0
    assert len(set(stacks.tolist())) > 3
    assert (vectors.shelf.cosines_between(np.arange(60), stacks) >= ALIKE).all()


@given(st.lists(st.tuples(st.integers(0, 4), st.sampled_from([1.0, 0.99, 0.975, 0.96, 0.9])), max_size=30))
@settings(deadline=None, max_examples=60)
def test_stacks_by_vectors_are_led_by_leaders_near_to_their_members(drawn: list[tuple[int, float]]) -> None:
    pictures = directions(5, common=0.5)
    rows = [turned(pictures[which : which + 1], cosine, seed)[0] for seed, (which, cosine) in enumerate(drawn)]
    vectors = shelved(np.array(rows, np.float32).reshape(-1, 128))
    stacks = np.array(by_vectors(vectors), np.int64)
    assert (stacks[stacks] == stacks).all()
    assert (stacks <= np.arange(len(drawn))).all()
    assert (vectors.shelf.cosines_between(np.arange(len(drawn)), stacks) >= ALIKE).all()
    # The same vector is always in the same stack.
    for first, second in itertools.combinations(np.flatnonzero([cosine == 1 for _, cosine in drawn]).tolist(), 2):
        assert (drawn[first][0] == drawn[second][0]) <= (stacks[first] == stacks[second])
