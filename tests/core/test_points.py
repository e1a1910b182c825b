"""The same picture is recognised however it was altered, and another one is not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from core.scorers.points import POINTS_BYTES, SamePicture, find_points
from tests.bench.photographs import ALTERATIONS, distractors, judged, photographs

Frame = NDArray[np.uint8]
CERTAIN = 0.8
CLIP_FRAME_BYTES = POINTS_BYTES // 8
RICH = ("astronaut", "camera", "chelsea", "coffee", "coins", "motorcycle_left", "china", "flower", "gravel", "page")
"""Photographs with enough in them to be proven; the moon and a wall of one brick are left to the global look."""


@cache
def points(name: str) -> bytes:
    return find_points(judged(photographs()[name]))


@cache
def reference(name: str) -> SamePicture:
    return SamePicture(points(name))


@cache
def drawn() -> list[bytes]:
    return [find_points(frame) for frame in distractors(64)]


@pytest.mark.parametrize("alteration", ALTERATIONS)
@pytest.mark.parametrize("name", RICH)
def test_an_altered_copy_is_certain(name: str, alteration: str) -> None:
    copy = find_points(judged(ALTERATIONS[alteration](photographs()[name])))
    assert reference(name).verify(copy) >= CERTAIN


def test_a_picture_and_its_mirror_image_are_as_certain_as_can_be() -> None:
    frame = judged(photographs()["coffee"])
    assert reference("coffee").verify(points("coffee")) == 1
    assert reference("coffee").verify(find_points(frame[:, ::-1])) == 1


def test_several_alterations_at_once() -> None:
    frame = photographs()["chelsea"]
    for alteration in ("crop to 80 %", "mirrored", "darker", "JPEG quality 15"):
        frame = ALTERATIONS[alteration](frame)
    assert reference("chelsea").verify(find_points(judged(frame))) >= CERTAIN


def test_different_photographs_have_nothing_in_common() -> None:
    scores = {
        (name, other): reference(name).verify(points(other))
        for name in RICH
        for other in photographs()
        if other != name
    }
    assert {pair: score for pair, score in scores.items() if score > 0} == {}


def test_drawn_pictures_have_nothing_in_common_with_photographs() -> None:
    assert max(reference(name).verify(other) for name in RICH for other in drawn()) == 0


def test_drawn_pictures_of_one_kind_are_not_the_same() -> None:
    """Pages set in one type, walls of one brick, charts with one set of labels."""
    scores = [
        SamePicture(drawn()[row]).verify(drawn()[other])
        for row in range(64)
        for other in range(row % 16, 64, 16)
        if row != other
    ]
    assert max(scores) < 0.5


def test_a_shared_banner_does_not_make_two_photographs_the_same() -> None:
    bannered = [_bannered(photographs()[name]) for name in RICH]
    scores = [SamePicture(bannered[row]).verify(bannered[other]) for row in range(len(RICH)) for other in range(row)]
    assert max(scores) < CERTAIN


def _bannered(frame: Frame) -> bytes:
    frame = np.asarray(cv2.resize(frame, (400, 300), interpolation=cv2.INTER_AREA), np.uint8)
    frame[250:] = (200, 30, 40)
    cv2.putText(frame, "SUMMER SALE 50% OFF", (10, 285), cv2.FONT_HERSHEY_DUPLEX, 0.9, (255, 255, 255), 2)
    return find_points(frame)


def test_a_picture_upside_down_is_not_looked_for() -> None:
    """A limit that is meant: points are upright. If it goes, the docstrings change too."""
    frame = judged(photographs()["coffee"])
    assert reference("coffee").verify(find_points(frame[::-1, ::-1])) == 0


def test_the_two_may_be_exchanged() -> None:
    for name in RICH:
        for alteration in ALTERATIONS:
            copy = find_points(judged(ALTERATIONS[alteration](photographs()[name])))
            assert SamePicture(copy).verify(points(name)) == pytest.approx(reference(name).verify(copy), abs=0.25)


def test_a_score_depends_on_the_two_pictures_alone() -> None:
    documents = [find_points(judged(alter(photographs()["brick"]))) for alter in ALTERATIONS.values()] + drawn()[:16]
    brick = SamePicture(points("brick"))
    forwards = [brick.verify(document) for document in documents]
    cv2.setRNGSeed(7)
    backwards = [brick.verify(document) for document in reversed(documents)]
    assert forwards == backwards[::-1]
    assert forwards == [SamePicture(points("brick")).verify(document) for document in documents]


@pytest.mark.parametrize("name", RICH)
def test_what_a_clip_keeps_of_a_frame_is_enough(name: str) -> None:
    frame = judged(photographs()[name])
    kept = find_points(ALTERATIONS["JPEG quality 15"](frame), CLIP_FRAME_BYTES)
    assert reference(name).verify(kept) >= CERTAIN
    assert SamePicture(kept).verify(find_points(frame, CLIP_FRAME_BYTES)) >= CERTAIN


@given(limit=st.integers(0, 9000))
@settings(max_examples=20, deadline=None)
def test_no_more_is_kept_than_allowed_and_the_strongest_first(limit: int) -> None:
    kept = find_points(judged(photographs()["gravel"]), limit)
    assert len(kept) <= limit
    assert points("gravel").startswith(kept) or limit > POINTS_BYTES


def frames() -> Iterator[Frame]:
    rng = np.random.default_rng(5)
    for height, width in ((1, 1), (1, 5000), (20, 20_000), (20_000, 20), (100_000, 1), (7, 9), (24, 24), (400, 300)):
        for level in (0, 128, 255):
            yield np.full((height, width, 3), level, np.uint8)
        yield rng.integers(0, 256, (height, width, 3), np.uint8)
    yield (
        np.kron(np.indices((12, 16)).sum(axis=0) % 2, np.ones((25, 25), np.int_))[..., None]
        .repeat(3, 2)
        .astype(np.uint8)
        * 255
    )


def test_any_frame_can_be_looked_for_and_found() -> None:
    for frame in frames():
        kept = find_points(frame)
        assert len(kept) <= POINTS_BYTES
        assert 0 <= SamePicture(kept).verify(kept) <= 1
        assert reference("coffee").verify(kept) == 0
        assert SamePicture(kept).verify(points("coffee")) == 0


def test_a_flat_or_thin_picture_has_no_points() -> None:
    assert find_points(np.full((300, 400, 3), 90, np.uint8)) == b""
    assert find_points(np.random.default_rng(1).integers(0, 256, (1, 400, 3), np.uint8)) == b""
    assert SamePicture(b"").verify(b"") == 0


@given(
    shape=st.tuples(st.integers(1, 90), st.integers(1, 90)), seed=st.integers(0, 2**32 - 1), levels=st.integers(1, 256)
)
@settings(max_examples=60, deadline=None)
def test_noise_of_any_shape(shape: tuple[int, int], seed: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    kept = find_points(rng.integers(0, levels, (*shape, 3)).astype(np.uint8))
    assert 0 <= SamePicture(kept).verify(kept) <= 1
    assert reference("coffee").verify(kept) < 0.5


@given(one=st.binary(max_size=600), other=st.binary(max_size=600), cut=st.integers(0, 8192))
@settings(max_examples=100, deadline=None)
def test_damaged_points_are_scored_without_harm(one: bytes, other: bytes, cut: int) -> None:
    for a, b in ((one, other), (one, points("coffee")), (points("coffee")[:cut] + one, points("coffee"))):
        assert 0 <= SamePicture(a).verify(b) <= 1
        assert 0 <= SamePicture(b).verify(a) <= 1
