"""What is measured of a frame: the bytes, and that they say what is there whatever the size, noise or shape."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.scorers.colour import oklab
from core.scorers.figures import COLOURS, FIGURE_BYTES, READINGS, Measured, kept_colours, measure
from tests.bench.photographs import judged, photographs

RNG = np.random.default_rng(4)


def of(*frames, counts=None):
    figures = np.frombuffer(b"".join(map(measure, frames)), np.uint8).reshape(-1, FIGURE_BYTES)
    counts = np.array([1] * len(frames) if counts is None else counts)
    return Measured(figures, counts, np.ones((len(counts), 2)), np.zeros(len(counts), np.uint8))


def plain(*rgb, shape=(60, 80)):
    return np.full((*shape, 3), rgb, np.uint8)


def reading(name, *frames):
    return of(*frames).reading(name).tolist()


def near(*rgb, within=0.03):
    """The kept colours that lie about there."""
    away = kept_colours() - oklab(np.array(rgb))
    return (np.sqrt((away**2).sum(axis=1)) < within).astype(np.uint8) * 255


def test_figures_are_few_bytes():
    assert len(measure(plain(1, 2, 3))) == FIGURE_BYTES <= 320


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (3, 3), (20, 20_000), (20_000, 20), (7, 1000), (301, 403)])
def test_any_shape_of_frame_is_measured(shape):
    noise = RNG.integers(0, 256, (*shape, 3), np.uint8)
    border, middle = of(noise).shares(np.full(COLOURS, 255, np.uint8))
    assert border[0] == pytest.approx(1, abs=0.04)
    assert middle[0] == pytest.approx(1, abs=0.04)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3))))
def test_every_reading_is_a_number_between_0_and_1(frame):
    measured = of(frame)
    for name in READINGS:
        assert 0 <= measured.reading(name)[0] <= 1


def test_the_same_frame_has_the_same_figures_again_and_is_not_changed():
    frame = judged(photographs()["china"])
    before = frame.copy()
    assert measure(frame) == measure(np.asfortranarray(frame)) == measure(before)
    assert (frame == before).all()


def test_a_palette_keeps_colours_exactly_and_apart_by_place():
    frame = plain(0, 0, 128, shape=(90, 120))
    frame[25:65, 40:80] = (255, 204, 0)
    measured = of(frame)
    border, middle = measured.shares(near(0, 0, 128))
    assert border[0] == pytest.approx(1, abs=0.01)
    assert 0.6 < middle[0] < 0.8
    border, middle = measured.shares(near(255, 204, 0))
    assert border[0] == 0
    assert 0.2 < middle[0] < 0.35
    assert measured.shares(near(0, 0, 255)) == (0, 0)
    assert 0.2 < measured.reading("subject")[0] < 0.35


def test_light_and_shade_on_a_wall_are_no_subject():
    wall = np.linspace(0.8, 1, 120)[None, :, None] * np.array([70, 130, 180.0]) * np.ones((90, 1, 1))
    assert reading("subject", wall.astype(np.uint8))[0] < 0.05


def test_tones_are_where_they_are():
    black, grey, white = plain(0, 0, 0), plain(119, 119, 119), plain(255, 255, 255)
    assert reading("light", black, grey, white) == pytest.approx([0, 0.57, 1], abs=0.02)
    halves = np.concatenate([black, white])
    assert reading("low", halves) == [0]
    assert reading("high", halves) == [1]
    assert reading("spread", black, halves) == pytest.approx([0, 1], abs=0.02)


def test_coloured_is_told_from_grey_even_in_the_dark():
    tinted = [plain(40, 25, 20), plain(255, 246, 214), plain(90, 110, 150)]
    assert reading("coloured", *tinted) == [1, 1, 1]
    assert reading("coloured", plain(30, 30, 30), plain(128, 128, 128), plain(250, 250, 250)) == [0, 0, 0]


@pytest.mark.parametrize("name", ["astronaut", "camera", "china", "coffee", "flower", "rocket"])
@pytest.mark.parametrize("size", [1, 0.4])
def test_sharpness_falls_with_blur_not_with_noise_contrast_or_size(name, size):
    frame = cv2.resize(judged(photographs()[name]), None, fx=size, fy=size, interpolation=cv2.INTER_AREA)
    blurred = [cv2.GaussianBlur(frame, (0, 0), sigma) for sigma in (1, 2, 4)]
    sharp, *softer = reading("sharpness", frame, *blurred)
    assert sharp > softer[0] > softer[1] > softer[2]
    assert sharp * 1.5 == pytest.approx(1.05, abs=0.25)
    # The values that the module's formula gives for a step.
    assert softer[1] * 1.5 == pytest.approx(0.5, abs=0.1)
    assert softer[2] * 1.5 == pytest.approx(0.35, abs=0.04)
    noisy = np.clip(blurred[2] + RNG.normal(0, 8, frame.shape), 0, 255).astype(np.uint8)
    faint = (blurred[2] * 0.4 + 80).astype(np.uint8)
    assert reading("sharpness", noisy, faint) == pytest.approx([softer[2]] * 2, abs=0.09)


def test_without_edges_there_is_no_sharpness():
    assert reading("sharpness", plain(9, 99, 200), plain(0, 0, 0)) == [0, 0]


def test_sharpness_is_told_by_place():
    frame = judged(photographs()["gravel"])
    height, width = frame.shape[:2]
    behind = cv2.GaussianBlur(frame, (0, 0), 5)
    top, left = height // 4, width // 4
    behind[top:-top, left:-left] = frame[top:-top, left:-left]
    measured = of(behind)
    assert measured.reading("border_sharpness")[0] < 0.3 < 0.45 < measured.reading("middle_sharpness")[0]


def test_what_melts_is_neither_flat_nor_graded_nor_sharp():
    """A sharp thing before blurred leaves; before a wall, a light that fades, and sharp leaves; and nothing sharp."""
    y, x = np.mgrid[0:300, 0:400]
    leaves = RNG.integers(0, 256, (10, 13, 3), np.uint8)
    leaves = cv2.resize(leaves, (400, 300), interpolation=cv2.INTER_NEAREST)
    melting = cv2.GaussianBlur(leaves, (0, 0), 14)
    fading = np.clip(230 - np.hypot(x - 200, y - 150) * 0.7, 0, 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    frames = [melting.copy(), plain(150, 170, 190, shape=(300, 400)), fading, leaves.copy()]
    for frame in frames:
        frame[100:200, 140:260] = RNG.integers(0, 2, (10, 12, 1), np.uint8).repeat(10, 0).repeat(10, 1) * 255
    melted, *others = reading("melted", *frames, melting)
    assert melted > 0.5
    assert max(others) < 0.1


def test_order_is_told_by_place():
    noise = RNG.integers(0, 256, (18, 24, 3), np.uint8).repeat(5, axis=0).repeat(5, axis=1)
    island = plain(200, 200, 200, shape=noise.shape[:2])
    island[30:60, 40:80] = noise[30:60, 40:80]
    empty, border_edges = reading("empty", plain(5, 5, 5), island, noise), reading("border_edges", island, noise)
    assert empty[0] == 1 > empty[1] > 0.5 > 0.1 > empty[2]
    assert border_edges[0] == 0 < 0.2 < border_edges[1]


def test_documents_are_read_by_their_frames():
    black, white = plain(0, 0, 0), plain(255, 255, 255)
    measured = of(black, white, white, counts=[2, 0, 1])
    light = measured.reading("light")
    assert measured.best(light).tolist() == [1, 0, 1]
    assert measured.mean(light).tolist() == [0.5, 0, 1]
    nothing = of(counts=[0, 0])
    assert nothing.best(nothing.reading("light")).tolist() == [0, 0]
    assert nothing.shares(np.zeros(COLOURS, np.uint8))[0].shape == (0,)


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.uint8, (3, FIGURE_BYTES)))
def test_bytes_that_are_no_figures_are_still_read(figures):
    measured = Measured(figures, np.ones(3, int), np.ones((3, 2)), np.zeros(3, np.uint8))
    for share in measured.shares(np.full(COLOURS, 255, np.uint8)):
        assert ((share >= 0) & (share <= 1)).all()
