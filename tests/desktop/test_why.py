"""Why a file has its score: what is said, that nothing is claimed before it is known, and that nothing jumps."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication

from core import Explanation, Where, WordMet
from desktop.why import MOST_WORDS, Bar, WhyPanel

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

LOOKS = (("palette", 0.82), ("layout", 0.3), ("texture", 0.0), ("same", 1.0))
WORDS = (
    WordMet("red", 0.8, Where.LOOK),
    WordMet("harbour", 1.0, Where.NAME),
    WordMet("boat", 0.6, Where.TEXT),
    WordMet("dog", 0.0, None),
)


@pytest.fixture
def why(qtbot: Any) -> WhyPanel:
    why = WhyPanel(None)  # type: ignore[arg-type]
    why.setLocale(QLocale("en_GB"))
    qtbot.addWidget(why)
    why.resize(240, 240)
    return why


def shares(why: WhyPanel) -> list[float]:
    return [bar.share() for bar in why.findChildren(Bar) if not bar.isHidden()]


def test_nothing_is_shown_before_anything_is_known(why: WhyPanel) -> None:
    assert why.isHidden()
    why.wait()
    assert why.isHidden()
    assert why.said() == []


def test_the_parts_of_the_look_and_where_each_word_was_met(why: WhyPanel) -> None:
    why.show_explanation(Explanation(LOOKS, WORDS))
    assert why.isVisible()
    assert why.said() == [
        "Palette 0.82",
        "Layout 0.30",
        "Texture 0.00",
        "Same picture 1.00",
        "red: look 0.80",
        "harbour: in the name",
        "boat: in the text",
        "dog: not found",
    ]
    assert shares(why) == [0.82, 0.3, 0.0, 1.0]
    assert why.accessibleDescription() == "; ".join(why.said())
    why.grab()


def test_parts_that_are_not_asked_for_are_left_out(why: WhyPanel) -> None:
    why.show_explanation(Explanation(LOOKS, WORDS))
    why.show_explanation(Explanation(words=WORDS[:1]))
    assert why.said() == ["red: look 0.80"]
    assert shares(why) == []


def test_while_the_next_file_is_not_explained_nothing_is_claimed_and_nothing_moves(why: WhyPanel) -> None:
    why.show_explanation(Explanation(LOOKS, WORDS, (12, 18)))
    QApplication.processEvents()
    height, places = why.sizeHint().height(), [bar.geometry() for bar in why.findChildren(Bar)]
    why.wait()
    QApplication.processEvents()
    assert why.isVisible()
    assert why.said() == []
    assert why.accessibleDescription() == ""
    assert not any(shares(why))
    assert not why.stretch_button.isEnabled()
    assert [bar.geometry() for bar in why.findChildren(Bar)] == places
    assert why.sizeHint().height() == height


def test_a_shorter_answer_keeps_the_room_until_something_else_is_asked(why: WhyPanel) -> None:
    why.show_explanation(Explanation(LOOKS, WORDS, (12, 18)))
    room = why.minimumHeight()
    assert room > 0
    why.show_explanation(Explanation(words=WORDS[:1]))
    assert why.minimumHeight() == room
    why.forget()
    assert why.isHidden()
    assert why.minimumHeight() == 0


@pytest.mark.parametrize(
    ("stretch", "text"),
    [
        ((12.0, 18.4), "Best from 0:12 to 0:18"),
        ((3.2, 3.9), "Best at 0:03"),
        ((3599.0, 3700.0), "Best from 59:59 to 1:01:40"),
    ],
)
def test_a_clips_best_stretch_leads_there(why: WhyPanel, stretch: tuple[float, float], text: str) -> None:
    moments: list[float] = []
    why.moment_wanted.connect(moments.append)
    why.show_explanation(Explanation(LOOKS, stretch=stretch))
    assert why.stretch_button.text() == text
    assert why.said()[-1] == text
    why.stretch_button.click()
    assert moments == [stretch[0]]


def test_a_paragraph_of_words_is_summed_up(why: WhyPanel) -> None:
    why.show_explanation(Explanation(words=WORDS * 10))
    assert len(why.said()) == MOST_WORDS + 1
    assert why.said()[-1] == "and 32 more words, 24 of them met"


def test_odd_words_are_shown_and_parts_of_other_judges_too(why: WhyPanel) -> None:
    words = ("w" * 300, "深红", "👩‍👩‍👧", "caf\udce9", "<b>bold</b>")
    why.show_explanation(Explanation((("rhythm", 2.0),), tuple(WordMet(word, 1.0, Where.TEXT) for word in words)))
    assert why.said()[0] == "rhythm 2.00"
    assert shares(why) == [1.0]
    assert "caf�: in the text" in why.said()
    assert why.minimumSizeHint().width() <= 240
    why.grab()


def test_an_explanation_of_nothing_shows_nothing(why: WhyPanel) -> None:
    why.show_explanation(Explanation())
    assert why.isHidden()
