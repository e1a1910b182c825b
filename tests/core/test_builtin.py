"""The built-in matcher through the Scorer interface: looks, words, names."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.media import Decoded, Facts, Kind
from core.query import Query
from core.scorers import Document, open_scorer
from core.scorers.builtin import BuiltinMatcher

MATCHER = BuiltinMatcher()
RNG = np.random.default_rng(7)
NOTHING = np.full(1, np.nan, np.float32)


def picture(pixels, *, text="", size=None):
    frames = np.asarray(pixels, np.uint8)[None]
    width, height = size or (frames.shape[2], frames.shape[1])
    return Decoded(b"p", Kind.IMAGE, frames, text=text, facts=Facts(width, height))


def plain(code, width=40, height=30, **more):
    return picture(np.full((height, width, 3), [code >> 16, code >> 8 & 255, code & 255]), **more)


def clip(*pictures):
    frames = np.concatenate([each.frames for each in pictures])
    return Decoded(b"c", Kind.VIDEO, frames, tuple(map(float, range(len(frames)))))


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


def scores(query, references, *decoded):
    return MATCHER.ask(query, kept(*references)).score(kept(*decoded)).tolist()


def by_words(text, *decoded):
    return scores(Query(text=text), [], *decoded)


def like(references, *decoded):
    return scores(Query(images=tuple(f"{n}.png" for n in range(len(references)))), references, *decoded)


def by_name(text, *names, known=None):
    given_scores = np.full(len(names), np.nan if known is None else known, np.float32)
    return MATCHER.ask(Query(text=text), []).with_names(given_scores, names).tolist()


# --- what is kept ------------------------------------------------------------------------------------


def test_it_is_opened_by_name():
    assert isinstance(open_scorer("builtin"), BuiltinMatcher)


def test_features_are_small_even_of_long_clips_and_texts():
    many = clip(*[scene() for _ in range(20)])
    book = " ".join(f"word{n:05d}" for n in range(100_000))
    assert len(MATCHER.extract(many)) <= 2500
    assert len(MATCHER.extract(written(book))) <= 2500
    assert len(MATCHER.extract(Decoded(b"", Kind.IMAGE, scene().frames, text=book))) <= 2500


def test_the_first_words_of_a_long_text_are_found_and_none_is_cut_in_half():
    text = "lighthouse " + "汽车" * 3000 + " " + " ".join(f"filler{n}" for n in range(3000))
    assert by_words("lighthouse", written(text)) == [1]


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.just(3))),
    st.text(max_size=40),
)
@settings(deadline=None, max_examples=60)
def test_any_pixels_and_text_give_a_number(frames, text):
    decoded = Decoded(b"", Kind.VIDEO, frames, text=text)
    question = MATCHER.ask(Query(text=text + " red dark square", images=("a",)), kept(decoded))
    score = question.score(kept(decoded, scene()))
    assert np.isfinite(score).all()
    assert (score >= 0).all()
    assert (score <= 1).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 9), (2000, 2000), (20_000, 20)])
def test_any_shape_is_like_itself(shape):
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert like([picture(pixels)], picture(pixels)) == pytest.approx([1], abs=0.01)


def test_a_feature_cut_off_or_of_another_version_can_not_be_judged():
    feature = MATCHER.extract(scene())
    damaged = [b"", b"\x01", feature[:100], bytes([99]) + feature[1:], feature]
    score = MATCHER.ask(Query(text="red"), []).score([Document(feature=each) for each in damaged])
    assert np.isnan(score).tolist() == [True, True, True, True, False]


def test_an_empty_batch_has_no_scores():
    assert MATCHER.ask(Query(text="red", images=("a",)), kept(scene())).score([]).shape == (0,)


def test_a_document_that_was_only_decoded_is_judged_like_its_feature():
    question = MATCHER.ask(Query(text="red"), [])
    each = plain(0xFF0000)
    assert question.score([Document(decoded=each)]) == question.score(kept(each))


# --- looks -------------------------------------------------------------------------------------------


def test_the_same_picture_scores_one_a_variant_high_and_unrelated_ones_low():
    rng = np.random.default_rng(1)
    original, *others = [scene(rng) for _ in range(40)]
    pixels = original.frames[0]
    smaller = picture(pixels[::2, ::2])
    noisy = picture(np.clip(pixels + rng.normal(0, 10, pixels.shape), 0, 255))
    cropped = picture(pixels[8:-8, 8:-8])
    same, small, noise, crop, *unrelated = like([original], original, smaller, noisy, cropped, *others)
    assert same == pytest.approx(1, abs=0.005)
    assert min(small, noise) > 0.9
    assert crop > 0.7
    assert np.median(unrelated) < 0.2
    assert np.percentile(unrelated, 90) < 0.35


def test_layout_and_palette_both_count():
    original = scene()
    mirrored = picture(original.frames[0][:, ::-1])
    mirror, other = like([original], mirrored, scene())
    assert 0.99 > mirror > 0.5 > other


def test_nearer_colours_score_higher():
    red, darker, blue = like([plain(0xFF0000)], plain(0xE01010), plain(0xB00000), plain(0x0000FF))
    assert red > darker > blue
    assert blue < 0.1


def test_a_clip_is_as_near_as_its_best_frame():
    wanted = scene()
    assert like([wanted], clip(scene(), wanted, scene())) == like([wanted], wanted)


def test_clips_that_only_share_a_black_frame_are_not_alike():
    black = plain(0, 128, 96)
    one = clip(black, *[scene() for _ in range(5)])
    other = clip(black, *[scene() for _ in range(5)])
    apart, same = scores(Query(videos=("a",)), [one], other, one)
    assert same == pytest.approx(1, abs=0.005)
    assert apart < 0.5


def test_several_references_are_averaged():
    one, two, document = scene(), scene(), scene()
    first, second = like([one], document)[0], like([two], document)[0]
    assert like([one, two], document) == pytest.approx([(first + second) / 2], abs=1e-6)


def test_words_and_pictures_are_averaged():
    reference, document = scene(), plain(0xFF0000)
    look, words = like([reference], document)[0], by_words("red", document)[0]
    mixed = scores(Query(text="red", images=("a",)), [reference], document)
    assert mixed == pytest.approx([(look + words) / 2], abs=1e-6)


def test_a_text_has_no_look():
    assert like([scene()], written("red car")) == [0]


@given(st.permutations(range(12)), st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_a_score_does_not_depend_on_the_batch(order, size):
    rng = np.random.default_rng(3)
    documents = kept(
        *[scene(rng) for _ in range(4)],
        *[clip(scene(rng), scene(rng), scene(rng)) for _ in range(2)],
        clip(scene(rng)),
        written("a red car"),
        written("汽车"),
        plain(0xFF0000),
        plain(0, 1, 1),
        picture(np.zeros((3, 900, 3))),
    )
    question = MATCHER.ask(Query(text="red dark car 汽车", images=("a",), videos=("b",)), kept(scene(rng), scene(rng)))
    alone = [question.score([document])[0] for document in documents]
    chosen = order[:size]
    together = question.score([documents[index] for index in chosen])
    assert together.tolist() == [alone[index] for index in chosen]


def test_ten_thousand_features_are_scored_at_once():
    question = MATCHER.ask(Query(text="red car", images=("a",)), kept(scene()))
    documents = kept(*[scene() for _ in range(50)]) * 200
    started = time.process_time()
    assert len(question.score(documents)) == 10_000
    # About 60 ms where it was written; a loop in Python over the frames would take seconds.
    assert time.process_time() - started < 1


# --- words of looks ----------------------------------------------------------------------------------

COLOURS = {
    "red": ("红色", 0xDC143C),
    "orange": ("橙色", 0xFF8C1A),
    "yellow": ("黄色", 0xFFE135),
    "green": ("绿色", 0x228B22),
    "cyan": ("青色", 0x00CED1),
    "blue": ("蓝色", 0x2A52BE),
    "purple": ("紫色", 0x7B2CBF),
    "pink": ("粉色", 0xFF85B3),
    "brown": ("棕色", 0x7B4B2A),
    "black": ("黑色", 0x0A0A0A),
    "grey": ("灰色", 0x777777),
    "white": ("白色", 0xFAFAFA),
}


@pytest.mark.parametrize("colour", COLOURS)
def test_a_colour_word_finds_its_colour_in_english_and_chinese(colour):
    chinese, code = COLOURS[colour]
    others = [plain(other) for name, (_, other) in COLOURS.items() if name != colour]
    own, *rest = by_words(colour, plain(code), *others)
    assert own > 0.85
    assert max(rest) < 0.3
    assert by_words(chinese, plain(code), *others) == [own, *rest]


def test_more_of_the_colour_scores_higher():
    def with_red(rows):
        pixels = np.full((100, 100, 3), 255, np.uint8)
        pixels[:rows] = 220, 20, 30
        return picture(pixels)

    none, some, half, all_of_it = by_words("red", *map(with_red, (0, 15, 50, 100)))
    assert none < 0.05 < some < half < all_of_it
    assert some > 0.3


GRADIENT = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[:, None, None], (1, 64, 3))
LOOKS = [
    ("dark", "昏暗", plain(0x181818), plain(0xE8E8E8)),
    ("bright", "明亮", plain(0xE8E8E8), plain(0x181818)),
    ("black and white", "黑白", picture(GRADIENT), plain(0x2A52BE)),
    ("vivid", "鲜艳", plain(0xFF2000), plain(0x9A8F8C)),
    ("muted", "柔和", plain(0x9C8878), plain(0xFF2000)),
    ("warm", "暖色", plain(0xE07830), plain(0x3060C0)),
    ("cold", "冷色", plain(0x3060C0), plain(0xE07830)),
    ("portrait", "竖图", plain(0x777777, size=(3000, 4000)), plain(0x777777, size=(4000, 3000))),
    ("landscape", "横图", plain(0x777777, size=(4000, 3000)), plain(0x777777, size=(3000, 4000))),
    ("square", "方图", plain(0x777777, size=(900, 900)), plain(0x777777, size=(1600, 900))),
    ("video", "视频", clip(scene()), scene()),
    ("photo", "照片", scene(), written("a letter")),
    ("document", "文档", written("a letter"), scene()),
]


@pytest.mark.parametrize(("english", "chinese", "fits", "does_not"), LOOKS, ids=[row[0] for row in LOOKS])
def test_a_word_for_a_look_is_measured(english, chinese, fits, does_not):
    yes, no = by_words(english, fits, does_not)
    assert yes > 0.6
    assert no < 0.2
    assert by_words(chinese, fits, does_not) == [yes, no]


def test_a_clip_that_fades_from_black_is_not_dark_and_shows_its_colours():
    fading = clip(plain(0), plain(0xFF0000), plain(0xFF3030), plain(0xFF0000))
    dark, red = by_words("dark", fading)[0], by_words("red", fading)[0]
    assert dark < 0.3
    assert red > 0.9


# --- words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "text", "score"),
    [
        ("lighthouse", "The LIGHTHOUSE at night", 1),
        ("lighthouses", "a lighthouse", 1),
        ("berry", "Berries, and cream", 1),
        ("painted box", "painting boxes", 1),
        ("old lighthouse", "a lighthouse", 0.5),
        ("of the lighthouse", "lighthouse", 1),
        ("car", "carpet, scarf and oscar", 0),
        ("café", "CAFE", 1),
        ("Straße", "strasse", 1),
        ("маяк", "Старый МАЯК", 1),
        ("사과", "빨간 사과", 1),
        ("灯塔", "海边的灯塔", 1),
        ("海边灯塔", "灯塔", 1 / 3),
        ("ﬁlter", "filter", 1),
        ("ｆｕｌｌ", "full", 1),
        ("black-and-white", "BLACK & WHITE", 1),
        ("12", "chapter 012", 1),
        ("!!!", "anything", 0),
        ("the", "the who", 1),
    ],
)
def test_words_of_a_text_are_matched(query, text, score):
    assert by_words(query, written(text)) == pytest.approx([score])


def test_a_caption_counts_like_a_text_and_a_colour_word_in_it_too():
    assert by_words("harbour", plain(0x777777, text="The harbour")) == [1]
    assert by_words("red harbour", plain(0x0000FF, text="The harbour in red")) == [1]


def test_words_with_nothing_to_go_on_score_zero():
    assert by_words("bicycle", scene(), clip(scene()), written("an essay")) == [0, 0, 0]


# --- names -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "name", "score"),
    [
        ("red car", "IMG_red_car-2.jpg", 1),
        ("red car", "Cars/Red/0001.jpg", 1),
        ("red car", "RedCar2.jpg", 1),
        ("red car", "XRedCARFinal.jpg", 1),
        ("redcar", "RedCar2.jpg", 1),
        ("iphone", "iPhone 12.jpg", 1),
        ("red car", "car.jpg", 0.5),
        ("dsc 42", "DSC_0042.JPG", 1),
        ("4", "DSC_0042.JPG", None),
        ("car", "scarf/carpet.jpg", None),
        ("Art", "Carton.png", None),
        ("art", "cartArt.png", 1),
        ("red", "红色跑车.jpg", 1),
        ("红色", "a red one.jpg", 1),
        ("navy", "blue.jpg", None),
        ("black and white", "black-and-white.jpg", 1),
        ("海滩日落", "旅行/海滩日落.jpg", 1),
        ("日落", "海滩/日.落.jpg", None),
        ("café", "Cafe\u0301 e\u0301te\u0301.jpg", 1),
        ("naïve", "d\udce9j\udce0 naive.jpg", 1),
    ],
)
def test_a_name_is_evidence(query, name, score):
    (found,) = by_name(query, name)
    assert found == pytest.approx(score) if score is not None else np.isnan(found)


def test_a_name_adds_to_what_the_content_shows():
    red_picture = by_words("red car", plain(0xFF0000))[0]
    assert red_picture == pytest.approx(0.5, abs=0.03)
    nothing, car, red, both = by_name("red car", "1.jpg", "car.jpg", "red.jpg", "red car.jpg", known=red_picture)
    assert nothing == pytest.approx(red_picture)
    assert car == pytest.approx(1, abs=0.03)
    assert red == pytest.approx(0.5, abs=0.03)  # it says again what is seen
    assert both == 1


def test_a_name_alone_counts_for_half_beside_a_reference_picture():
    question = MATCHER.ask(Query(text="car", images=("a",)), kept(scene()))
    guessed = question.with_names(np.array([np.nan, np.nan], np.float32), ["car.jpg", "1.jpg"])
    assert guessed[0] == 0.5
    assert np.isnan(guessed[1])


def test_names_say_nothing_to_a_picture():
    question = MATCHER.ask(Query(images=("a",)), kept(scene()))
    answer = question.with_names(np.array([0.25, np.nan], np.float32), ["a.jpg", "b.jpg"])
    assert answer[0] == 0.25
    assert np.isnan(answer[1])


@given(
    st.lists(st.sampled_from(["red", "car", "beach", "dark", "42", "日落", "红色", "xyz"]), min_size=1, max_size=4),
    st.lists(st.tuples(st.text(max_size=12), st.floats(0, 1, width=32)), min_size=1, max_size=8),
    st.booleans(),
)
@settings(deadline=None)
def test_names_never_lower_a_score_nor_depend_on_their_neighbours(query, rows, mixed):
    names = [name.replace("\0", "") + (f"_{query[0]}" if n % 2 else "") for n, (name, _) in enumerate(rows)]
    references = [plain(0x777777)] if mixed else []
    question = MATCHER.ask(Query(text=" ".join(query), images=("a",) * mixed), kept(*references))
    before = np.array([score for _, score in rows], np.float32)
    untouched = before.copy()
    after = question.with_names(before, names)
    assert (before == untouched).all()
    assert (after >= before).all()
    assert (after <= 1).all()
    alone = [question.with_names(before[[n]], [name])[0] for n, name in enumerate(names)]
    assert after.tolist() == alone


def test_a_hundred_thousand_names_are_searched_at_once():
    words = ["red", "car", "beach", "sunset", "IMG", "DSC", "RedCar", "日落", "holiday", "Final"]
    names = [f"Photos/{1990 + n % 36}/{words[n % 10]}_{words[n // 10 % 10]}-{n:05d}.jpg" for n in range(100_000)]
    question = MATCHER.ask(Query(text="red car at 日落"), [])
    scores = np.full(len(names), np.nan, np.float32)
    started = time.process_time()
    answer = question.with_names(scores, names)
    # About 0.15 s where it was written.
    assert time.process_time() - started < 1.5
    assert np.nanmax(answer) == 1
    assert np.isnan(answer).mean() > 0.2
