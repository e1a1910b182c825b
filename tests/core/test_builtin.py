"""The built-in matcher through the Scorer interface: one score from looks, words for looks, words and names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import NothingToGoOn
from core.media import Decoded, Facts, Kind
from core.query import Aspect, Query
from core.scorers import Document, Feature, Understood, Where, WordMet
from core.scorers.builtin import BuiltinMatcher
from tests.bench.photographs import ALTERATIONS, photographs

MATCHER = BuiltinMatcher()
RNG = np.random.default_rng(7)
PHOTOGRAPHS = photographs()


def picture(pixels, *, text="", size=None):
    frames = np.asarray(pixels, np.uint8)[None]
    width, height = size or (frames.shape[2], frames.shape[1])
    return Decoded(b"p", Kind.IMAGE, frames, text=text, facts=Facts(width, height))


def plain(code, width=40, height=30, **more):
    return picture(np.full((height, width, 3), [code >> 16, code >> 8 & 255, code & 255]), **more)


def clip(*pictures, seconds=None):
    frames = np.concatenate([each.frames for each in pictures])
    facts = Facts(frames.shape[2], frames.shape[1], seconds or float(len(frames)))
    return Decoded(b"c", Kind.VIDEO, frames, tuple(map(float, range(len(frames)))), facts=facts)


def written(text):
    return Decoded(b"t", Kind.TEXT, text=text)


def scene(rng=RNG):
    """A gradient with discs in colours of its own, somewhat noisy: like nothing else."""
    y, x = np.mgrid[0:96, 0:128] / 96
    pixels = rng.uniform(0, 255, 3) * (1 - y[..., None]) + rng.uniform(0, 255, 3) * y[..., None]
    for _ in range(4):
        centre, radius = rng.uniform(0, 1.3, 2), rng.uniform(0.1, 0.4)
        pixels[(y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2] = rng.uniform(0, 255, 3)
    return picture(np.clip(pixels + rng.normal(0, 6, pixels.shape), 0, 255))


def kept(*decoded):
    return [Document(feature=MATCHER.extract(each)) for each in decoded]


def ask(text="", references=(), **more):
    return MATCHER.ask(
        Query(text=text, images=tuple(f"{n}.png" for n in range(len(references))), **more), kept(*references)
    )


def scores(question, *decoded):
    return question.judge(kept(*decoded))[0].tolist()


def by_words(text, *decoded):
    return scores(ask(text), *decoded)


def like(references, *decoded, **more):
    return scores(ask(references=references, **more), *decoded)


def by_name(text, *names, content=None):
    question = ask(text)
    if content is None:
        judged = np.full(len(names), np.nan, np.float32), np.full((len(names), question.columns), np.nan, np.float32)
    else:
        judged = question.judge(kept(content) * len(names))
    return question.with_names(*judged, names).tolist()


# --- what is kept ------------------------------------------------------------------------------------


def test_what_is_kept_of_any_file_is_small():
    rng = np.random.default_rng(0)
    noise = [picture(rng.integers(0, 256, (300, 400, 3))) for _ in range(12)]
    book = " ".join(f"word{n:05d}" for n in range(100_000))
    for decoded in (clip(*noise), picture(noise[0].frames[0], text=book), written(book)):
        feature = MATCHER.extract(decoded)
        assert len(feature.data) + len(feature.detail) <= 12 * 1024
    assert len(MATCHER.extract(noise[0]).data) <= 2048


def test_the_first_words_of_a_long_text_are_found_and_none_is_cut_in_half():
    text = "lighthouse " + "汽车" * 3000 + " " + " ".join(f"filler{n}" for n in range(3000))
    assert by_words("lighthouse", written(text)) == [1]


ANY_FRAMES = hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.just(3)))


@given(ANY_FRAMES, st.text(max_size=40))
@settings(deadline=None, max_examples=40)
def test_any_pixels_and_text_give_a_number(frames, text):
    decoded = Decoded(b"", Kind.VIDEO, frames, text=text)
    for aspect in Aspect:
        question = ask(text + " red dark square", [decoded, scene()], aspect=aspect)
        score = np.array(scores(question, decoded, scene(), written(text)))
        assert ((score >= 0) & (score <= 1)).all()


FLAT = {"black": 0, "white": 0xFFFFFF, "red": 0xFF0000}


@pytest.mark.parametrize("aspect", Aspect)
@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 9), (10, 3000), (346, 346)])
def test_any_shape_is_like_itself(shape, aspect):
    noise = picture(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    assert like([noise], noise, aspect=aspect) == pytest.approx([1], abs=0.01)
    for code in FLAT.values():
        flat = plain(code, shape[1], shape[0])
        assert like([flat], flat, aspect=aspect) == pytest.approx([1], abs=0.01)


def test_a_feature_cut_off_or_of_another_version_can_not_be_judged():
    feature = MATCHER.extract(scene())
    data = [b"", b"\x01", feature.data[:100], bytes([99]) + feature.data[1:], feature.data]
    question = ask("red", [scene()])
    score, _ = question.judge([Document(feature=Feature(each, feature.detail)) for each in data])
    assert np.isnan(score).tolist() == [True, True, True, True, False]
    shelf = MATCHER.shelf()
    shelf.add(data)
    assert np.isnan(question.glance(shelf, np.arange(5))[0]).tolist() == [True, True, True, True, False]


def test_details_cut_off_cost_nothing_but_certainty():
    feature = MATCHER.extract(picture(PHOTOGRAPHS["coffee"]))
    question = ask(references=[picture(PHOTOGRAPHS["coffee"])])
    for detail in (b"", feature.detail[:1], feature.detail[:50], feature.detail[:-7]):
        score, _ = question.judge([Document(feature=Feature(feature.data, detail))])
        assert 0.5 < score[0] <= 1


def test_an_empty_batch_has_no_scores():
    question = ask("red", [scene()])
    assert question.judge([])[0].shape == (0,)
    score, evidence, doubtful = question.glance(MATCHER.shelf(), np.empty(0, np.int64))
    assert (score.shape, evidence.shape, doubtful.shape) == ((0,), (0, question.columns), (0,))


def test_a_document_that_was_only_decoded_is_judged_like_its_feature():
    question = ask("red")
    each = plain(0xFF0000)
    assert question.judge([Document(decoded=each)])[0] == question.judge(kept(each))[0]


# --- a score is of one document ----------------------------------------------------------------------

RNG_OF_MANY = np.random.default_rng(3)
MANY = [
    *[scene(RNG_OF_MANY) for _ in range(4)],
    *[clip(scene(RNG_OF_MANY), scene(RNG_OF_MANY), scene(RNG_OF_MANY)) for _ in range(2)],
    clip(scene(RNG_OF_MANY)),
    written("a red car"),
    written("汽车"),
    plain(0xFF0000),
    plain(0, 1, 1),
    picture(np.zeros((3, 900, 3))),
    *[picture(PHOTOGRAPHS[name]) for name in ("coffee", "china", "flower")],
    *[picture(ALTERATIONS[name](PHOTOGRAPHS["coffee"])) for name in ALTERATIONS],
]
MANY_KEPT = kept(*MANY)


@given(st.permutations(range(len(MANY))), st.integers(1, len(MANY)), st.sampled_from(Aspect), st.randoms())
@settings(deadline=None, max_examples=25)
def test_a_score_is_the_same_in_whatever_company_and_order(order, size, aspect, random):
    references = [picture(PHOTOGRAPHS["coffee"]), MANY[4]]
    question = ask("red dark car 汽车 on white background", references, aspect=aspect)
    chosen = order[:size]
    alone = [question.judge([MANY_KEPT[index]]) for index in chosen]
    together, evidence = question.judge([MANY_KEPT[index] for index in chosen])
    assert together.tolist() == [score[0] for score, _ in alone]
    assert evidence.tolist() == [row[0].tolist() for _, row in alone]
    # The same from the shelf, whatever else stands there: final unless it asks to be looked at closely.
    shelf = MATCHER.shelf()
    shelf.add([document.feature.data for document in MANY_KEPT])
    rows = np.array(chosen, np.int64)
    glanced, _, doubtful = question.glance(shelf, rows)
    assert glanced[~doubtful].tolist() == together[~doubtful].tolist()
    part = sorted(random.sample(range(size), random.randint(1, size)))
    again, _, doubts = question.glance(shelf, rows[part])
    assert again.tolist() == glanced[part].tolist()
    assert doubts.tolist() == doubtful[part].tolist()


# --- looks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_a_copy_of_a_photograph_is_the_same_picture_and_strangers_are_not(alteration):
    copy = picture(ALTERATIONS[alteration](PHOTOGRAPHS["coffee"]))
    strangers = [picture(PHOTOGRAPHS[name]) for name in ("china", "flower", "astronaut", "rocket", "chelsea")]
    near, *far = like([picture(PHOTOGRAPHS["coffee"])], copy, *strangers)
    assert near >= 0.8
    assert max(far) < 0.5


def test_a_glance_leaves_copies_in_doubt_and_strangers_not():
    question = ask(references=[picture(PHOTOGRAPHS["coffee"])])
    documents = [picture(ALTERATIONS[name](PHOTOGRAPHS["coffee"])) for name in ALTERATIONS]
    documents += [picture(PHOTOGRAPHS[name]) for name in ("china", "flower", "astronaut", "rocket")]
    shelf = MATCHER.shelf()
    shelf.add([MATCHER.extract(each).data for each in documents])
    _, _, doubtful = question.glance(shelf, np.arange(len(documents)))
    assert doubtful[: len(ALTERATIONS)].mean() > 0.9
    assert not doubtful[len(ALTERATIONS) :].any()


def test_each_aspect_looks_at_its_own_part():
    photograph = PHOTOGRAPHS["coffee"]
    recoloured = picture(photograph[..., ::-1])
    height, width = photograph.shape[:2]
    shuffled = np.concatenate([photograph[:, width // 2 :], photograph[:, : width // 2]], axis=1)
    shuffled = picture(np.concatenate([shuffled[height // 2 :], shuffled[: height // 2]], axis=0))
    same_colours, same_places = (
        like([picture(photograph)], shuffled, recoloured, aspect=aspect) for aspect in (Aspect.PALETTE, Aspect.LAYOUT)
    )
    assert same_colours[0] > 0.8 > same_colours[1]
    assert same_places[1] > same_places[0]


def test_nearer_colours_score_higher():
    red, darker, blue = like([plain(0xFF0000)], plain(0xE01010), plain(0xB00000), plain(0x0000FF), aspect="palette")
    assert red > darker > blue
    assert blue < 0.2


def test_a_clip_is_as_near_as_its_best_stretch_and_says_where_it_is():
    wanted = scene()
    other = [scene() for _ in range(4)]
    film = clip(other[0], other[1], wanted, wanted, other[2], other[3])
    question = ask(references=[wanted])
    assert scores(question, film) == scores(question, wanted)
    assert question.explain(*kept(film), "film.mp4").stretch == (1.5, 3.5)
    assert question.explain(*kept(clip(wanted, *other, seconds=9.0)), "film.mp4").stretch == (0.0, 0.5)
    assert question.explain(*kept(clip(*other, wanted, seconds=9.0)), "film.mp4").stretch == (3.5, 9.0)
    assert question.explain(*kept(wanted), "picture.jpg").stretch is None


def test_clips_that_only_share_a_black_frame_are_not_alike():
    black = plain(0, 128, 96)
    one = clip(black, *[scene() for _ in range(5)])
    other = clip(black, *[scene() for _ in range(5)])
    question = MATCHER.ask(Query(videos=("a",)), kept(one))
    apart, same = scores(question, other, one)
    assert same == pytest.approx(1, abs=0.01)
    assert apart < 0.5


def test_several_references_count_half_by_their_mean_and_half_by_the_best():
    one, two = picture(PHOTOGRAPHS["coffee"]), picture(PHOTOGRAPHS["china"])
    first, second = like([one], one)[0], like([two], one)[0]
    expected = ((first + second) / 2 + max(first, second)) / 2
    assert like([one, two], one) == pytest.approx([expected], abs=1e-6)


def test_words_and_pictures_are_averaged():
    reference, document = scene(), plain(0xFF0000)
    look, words = like([reference], document)[0], by_words("red", document)[0]
    assert scores(ask("red", [reference]), document) == pytest.approx([(look + words) / 2], abs=1e-6)


def test_a_text_has_no_look():
    assert like([scene()], written("red car")) == [0]


# --- words -------------------------------------------------------------------------------------------


def test_words_are_looked_for_in_texts_captions_and_looks():
    assert by_words("harbour", written("The old Harbour")) == [1]
    assert by_words("harbour", plain(0x777777, text="The harbour")) == [1]
    assert by_words("red", plain(0xD01020))[0] >= 0.8
    assert by_words("red harbour", plain(0x0000FF, text="The harbour in red")) == [1]
    assert by_words("bicycle", scene(), clip(scene()), written("an essay")) == [0, 0, 0]


def test_rare_words_weigh_more():
    common, rare = by_words("photo Zanzibar", written("photo"), written("Zanzibar"))
    assert common < 0.3
    assert rare > 0.7


def test_a_name_adds_what_the_content_does_not_show():
    nothing, car, red, both = by_name("red car", "1.jpg", "car.jpg", "red.jpg", "red car.jpg", content=plain(0xFF0000))
    content = by_words("red car", plain(0xFF0000))[0]
    assert nothing == pytest.approx(content)
    assert car > content + 0.3
    assert both == 1
    assert red < car


def test_a_name_alone_promises_something():
    car, nothing = by_name("car", "car.jpg", "1.jpg")
    assert car == 1
    assert np.isnan(nothing)
    question = ask("car", [scene()])
    blank = np.full(2, np.nan, np.float32), np.full((2, question.columns), np.nan, np.float32)
    half, nothing = question.with_names(*blank, ["car.jpg", "1.jpg"])
    assert half == 0.5
    assert np.isnan(nothing)


def test_names_say_nothing_to_a_picture():
    question = ask(references=[scene()])
    assert not question.reads_names
    judged = question.judge(kept(scene()))
    assert question.with_names(*judged, ["a.jpg"]) == judged[0]


@given(
    st.lists(st.sampled_from(["red", "car", "beach", "dark", "42", "日落", "红色", "xyz"]), min_size=1, max_size=4),
    st.lists(st.tuples(st.text(max_size=12), st.integers(0, len(MANY) - 1)), min_size=1, max_size=8),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_names_never_lower_a_score_nor_depend_on_their_neighbours(query, rows, mixed):
    names = [name.replace("\0", "") + (f"_{query[0]}" if n % 2 else "") for n, (name, _) in enumerate(rows)]
    question = ask(" ".join(query), [plain(0x777777)] if mixed else [])
    before, evidence = question.judge([MANY_KEPT[index] for _, index in rows])
    untouched = before.copy(), evidence.copy()
    after = question.with_names(before, evidence, names)
    assert (before == untouched[0]).all()
    assert (evidence == untouched[1]).all()
    assert (after >= before).all()
    assert (after <= 1).all()
    alone = [question.with_names(before[[n]], evidence[[n]], [name])[0] for n, name in enumerate(names)]
    assert after.tolist() == alone


# --- telling -----------------------------------------------------------------------------------------


def test_it_says_how_it_takes_words():
    assert ask("a happy dog, pale blue background").understood == Understood(
        ("pale blue background",), ("happy", "dog")
    )
    assert ask(references=[scene()]).understood is None


def test_it_says_why():
    question = ask("red harbour dog", [picture(PHOTOGRAPHS["coffee"])])
    told = question.explain(*kept(picture(PHOTOGRAPHS["coffee"], text="A dog")), "trips/harbour.jpg")
    assert [part for part, _ in told.looks] == ["palette", "layout", "texture", "same"]
    assert all(value == pytest.approx(1, abs=0.01) for _, value in told.looks)
    red, harbour, dog = told.words
    assert (red.word, red.where) == ("red", Where.LOOK)
    assert harbour.where is Where.NAME
    assert harbour.value > 0.8
    assert dog == WordMet("dog", 1.0, Where.TEXT)
    (cat,) = ask("cat").explain(*kept(scene()), "dog.jpg").words
    assert cat == WordMet("cat", 0.0, None)


@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("met", [False, True])
def test_it_owns_up_when_nothing_speaks_of_the_words(mixed, met):
    question = ask("a happy dog", [scene()] if mixed else [])
    judged = question.judge(kept(scene(), written("essay")))
    question.with_names(*judged, ["dog.jpg" if met else "1.jpg", "essay.txt"])
    assert question.remark() == (None if met else NothingToGoOn(words="happy dog"))


@pytest.mark.parametrize("text", ["?", "the", "颜色"])
def test_it_owns_up_to_words_that_say_nothing(text):
    question = ask(text)
    question.with_names(*question.judge(kept(scene())), ["1.jpg"])
    assert question.remark() in (NothingToGoOn(words=text), None)
    assert question.remark() is not None or question.understood is not None


def test_several_looks_are_wanted_together():
    half = np.zeros((60, 80, 3), np.uint8)
    half[:, :40], half[:, 40:] = (200, 20, 20), (20, 130, 30)
    both, red, green = by_words("red and green", picture(half), plain(0xC81414), plain(0x14821E))
    assert both >= 0.5
    assert max(red, green) < 0.3


def test_what_points_disprove_is_not_the_same_picture():
    rng = np.random.default_rng(1)
    disc = np.hypot(*np.mgrid[-150:150, -200:200]) < 120
    balls = [np.where(disc[..., None], rng.integers(60, 255, (300, 400, 1)), 0) for _ in range(2)]
    one, other = (picture(np.repeat(ball, 3, axis=2)) for ball in balls)
    told = dict(ask(references=[one]).explain(*kept(other), "a.jpg").looks)
    assert told["same"] < 0.2
    assert told["layout"] > 0.8


def test_looks_alone_need_no_apology():
    question = ask("pale blue background")
    question.with_names(*question.judge(kept(scene())), ["1.jpg"])
    assert question.remark() is None
