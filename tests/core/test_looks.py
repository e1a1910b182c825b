"""The global look through its public names: what is near what, and what may never happen."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.scorers.looks import LOOK_BYTES, MAYBE_SAME, PARTS, Nearness, describe, nearness, overall
from tests.bench.looks import by_part, is_grey, style_scores
from tests.bench.photographs import (
    ALTERATIONS,
    distractors,
    judged,
    layout_groups,
    palette_groups,
    photographs,
    texture_groups,
)

RNG = np.random.default_rng(5)
FIELDS = tuple(field.name for field in dataclasses.fields(Nearness))


def rows(frames):
    return np.frombuffer(b"".join(map(describe, frames)), np.uint8).reshape(-1, LOOK_BYTES)


def apart(square):
    return square[~np.eye(len(square), dtype=bool)]


def plain(red, green, blue, height=30, width=40):
    return np.full((height, width, 3), [red, green, blue], np.uint8)


@pytest.fixture(scope="module")
def pictures():
    return [judged(frame) for frame in photographs().values()]


@pytest.fixture(scope="module")
def looked(pictures):
    return rows(pictures)


@pytest.fixture(scope="module")
def drawn():
    return rows(distractors(160))


# --- what is near what -------------------------------------------------------------------------------


def test_an_identical_frame_is_1_in_everything(looked, drawn):
    for known in (looked, drawn):
        near = nearness(known, known)
        for name in FIELDS:
            assert (np.diag(getattr(near, name)) == 1).all(), name
        assert (np.diag(overall(near)) == 1).all()


def test_a_mirrored_frame_is_as_near_as_itself(pictures, looked):
    near = nearness(rows([frame[:, ::-1] for frame in pictures]), looked)
    for name in FIELDS:
        assert (np.diag(getattr(near, name)) > 0.97).all(), name


def test_of_20_pairs_of_unrelated_photographs_19_are_under_a_fifth(pictures, looked):
    near = nearness(looked, looked)
    # 11 of the 21 are grey: those do have their colours in common.
    grey = np.array([is_grey(frame) for frame in pictures])
    pairs = ~np.eye(len(grey), dtype=bool) & ~(grey[:, None] & grey)
    for part in (*PARTS, "overall"):
        values = overall(near) if part == "overall" else getattr(near, part)
        assert np.percentile(values[pairs], 95) <= 0.21, part


@pytest.mark.parametrize(
    ("part", "groups"), [("palette", palette_groups), ("layout", layout_groups), ("texture", texture_groups)]
)
def test_a_picture_is_nearest_to_those_that_share_the_part(part, groups):
    drawn = groups(8)
    near = getattr(nearness(*[rows([frame for group in drawn for frame in group])] * 2), part).copy()
    np.fill_diagonal(near, -1)
    owners = np.repeat(np.arange(8), 4)
    nearest = np.argsort(-near, axis=0)[:3]
    assert (owners[nearest] == owners).mean() > 0.75
    alike = np.concatenate([apart(near[owner * 4 : owner * 4 + 4, owner * 4 : owner * 4 + 4]) for owner in range(8)])
    assert np.median(alike) > 0.35


def test_palette_does_not_ask_where_the_colours_are():
    mosaic = RNG.integers(0, 256, (12, 16, 3), np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    turned = np.ascontiguousarray(mosaic[::-1].transpose(1, 0, 2))
    near = nearness(rows([turned]), rows([mosaic]))
    assert near.palette[0, 0] == 1
    assert near.layout[0, 0] < 0.5


def test_texture_does_not_ask_for_colours_or_places():
    grain = RNG.integers(-40, 40, (2, 120, 160, 1))
    red, blue, smooth = (np.array(colour) for colour in ((150, 80, 80), (80, 80, 150), (150, 80, 80)))
    frames = [(red + grain[0]).astype(np.uint8), (blue + grain[1]).astype(np.uint8)]
    near = nearness(rows([frames[1], np.broadcast_to(smooth, (120, 160, 3)).astype(np.uint8)]), rows(frames[:1]))
    assert near.texture[0, 0] > 0.9 > 0.2 > near.texture[1, 0]
    assert near.palette[0, 0] < 0.5


@pytest.mark.parametrize(("stacked", "least"), [(False, 0.93), (True, 0.89)])
def test_style_a_left_half_finds_the_pieces_of_its_right_half(stacked, least):
    assert style_scores(list(photographs().values()), by_part("overall"), stacked=stacked) >= least


def test_a_plain_ground_does_not_make_cut_outs_alike_in_texture(pictures):
    mask = np.zeros((240, 320), np.uint8)
    cv2.ellipse(mask, (160, 120), (80, 55), 0, 0, 360, 1, -1)
    cut_out = rows([np.where(mask[..., None] > 0, cv2.resize(frame, (320, 240)), np.uint8(255)) for frame in pictures])
    assert np.percentile(apart(nearness(cut_out, cut_out).texture), 75) < 0.25


# --- the same picture --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_copy_may_be_the_same(name, looked):
    copies = rows([judged(ALTERATIONS[name](frame)) for frame in photographs().values()])
    assert (np.diag(nearness(copies, looked).same) >= MAYBE_SAME).mean() >= 0.9


def test_few_strangers_may_be_the_same_and_none_surely_is(looked, drawn):
    assert (nearness(drawn, looked).same >= MAYBE_SAME).mean() < 0.005
    assert apart(nearness(looked, looked).same).max() < 0.8
    assert apart(nearness(drawn, drawn).same).max() < 0.8


def test_smooth_skies_alike_are_not_surely_the_same():
    ramp = np.linspace(0, 1, 90)[:, None, None] * np.ones((1, 120, 1))
    evening, morning = (
        (ramp * np.array(low) + (1 - ramp) * np.array(high)).astype(np.uint8)
        for low, high in (((200, 90, 30), (40, 30, 80)), ((180, 210, 240), (60, 110, 190)))
    )
    assert nearness(rows([evening]), rows([morning])).same[0, 0] < 0.8


def test_plain_pictures_are_the_same_only_in_the_same_colour():
    near = nearness(rows([plain(250, 250, 250), plain(200, 30, 40)]), rows([plain(250, 250, 250, 50, 50)]))
    assert near.same[:, 0].tolist() == [1, 0]
    assert near.palette[0, 0] == 1
    assert near.palette[1, 0] < 0.1


def test_two_parts_alike_are_not_enough_for_overall_0_8():
    one, none = np.ones((1, 1), np.float32), np.zeros((1, 1), np.float32)
    for least in PARTS:
        parts = {part: none if part == least else one for part in PARTS}
        assert overall(Nearness(**parts, style=one, same=none)).item() < 0.8


# --- what may never happen ---------------------------------------------------------------------------

FRAMES = st.one_of(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24).map(lambda s: (*s, 3))),
    st.tuples(st.integers(1, 3), st.integers(200, 3000), st.booleans(), st.integers(0, 255)).map(
        lambda t: np.full((t[0], t[1], 3) if t[2] else (t[1], t[0], 3), t[3], np.uint8)
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(FRAMES, min_size=1, max_size=4))
def test_any_frame_has_a_look_and_any_two_a_nearness(frames):
    described = rows(frames)
    near = nearness(described, described)
    for values in (*(getattr(near, name) for name in FIELDS), overall(near)):
        assert values.shape == (len(frames), len(frames))
        assert values.dtype == np.float32
        assert ((values >= 0) & (values <= 1)).all()
        assert (np.diag(values) == 1).all()


def test_a_panorama_of_20000_by_20():
    wide = RNG.integers(0, 256, (20, 20_000, 3), np.uint8)
    near = nearness(rows([wide, np.ascontiguousarray(wide.transpose(1, 0, 2))]), rows([wide]))
    assert near.same[0, 0] == 1
    assert np.isfinite(overall(near)).all()


def test_a_frame_that_is_a_view_has_the_look_of_its_copy():
    frame = RNG.integers(0, 256, (60, 80, 3), np.uint8)
    assert describe(frame[::2, ::-1]) == describe(frame[::2, ::-1].copy())


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_nearness_is_the_same_whatever_else_is_compared(drawn, looked, data):
    known = np.concatenate([drawn, looked])
    documents = data.draw(st.lists(st.integers(0, len(known) - 1), max_size=40))
    references = data.draw(st.lists(st.integers(0, len(known) - 1), max_size=8))
    near = nearness(known[documents], known[references])
    whole = nearness(known, known)
    for name in FIELDS:
        assert np.array_equal(getattr(near, name), getattr(whole, name)[np.ix_(documents, references)]), name


def test_nearness_is_the_same_in_a_library_of_many(drawn):
    many = np.tile(drawn, (250, 1))
    near, few = nearness(many, drawn[:3]), nearness(drawn, drawn[:3])
    for name in FIELDS:
        assert np.array_equal(getattr(near, name), np.tile(getattr(few, name), (250, 1))), name


@settings(max_examples=25, deadline=None)
@given(hnp.arrays(np.uint8, (3, LOOK_BYTES)))
@example(np.full((3, LOOK_BYTES), 128, np.uint8))
def test_bytes_that_no_frame_has_are_compared_all_the_same(damaged):
    near = nearness(damaged, damaged)
    for name in FIELDS:
        values = getattr(near, name)
        assert ((values >= 0) & (values <= 1)).all()


def test_the_look_is_small_enough_to_keep_in_memory():
    assert LOOK_BYTES <= 480
    assert len(describe(plain(1, 2, 3))) == LOOK_BYTES


def test_nothing_compared_with_nothing(looked):
    assert nearness(looked[:0], looked).same.shape == (0, len(looked))
    assert nearness(looked, looked[:0]).same.shape == (len(looked), 0)
