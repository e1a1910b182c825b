"""How text of any script becomes words that can be compared, and which words say how a picture looks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

# --- the vocabulary ----------------------------------------------------------------------------------

PROTOTYPES: dict[str, tuple[int, ...]] = {
    "red": (0xFF0000, 0xC00000, 0xD93030, 0x8B0000, 0xE34234),
    "orange": (0xFF8000, 0xFFA500, 0xE8702A, 0xCC5500),
    "yellow": (0xFFFF00, 0xFFD700, 0xF2D24B, 0xFFF59D, 0xCCB000),
    "green": (0x00FF00, 0x008000, 0x2E8B57, 0x6B8E23, 0x90EE90, 0x1F4D1F, 0xADFF2F),
    "cyan": (0x00FFFF, 0x008B8B, 0x40E0D0, 0x7FDBDA, 0x00C5CD),
    "blue": (0x0000FF, 0x000080, 0x1E90FF, 0x87CEEB, 0x4169E1, 0x4682B4, 0x1C2E50),
    "purple": (0x800080, 0x8A2BE2, 0xB57EDC, 0x4B0082),
    "pink": (0xFFC0CB, 0xFF69B4, 0xFF1493, 0xFF00FF),
    "brown": (0x8B4513, 0x5C3317, 0xA0724A, 0xC19A6B),
    "black": (0x000000, 0x161616),
    "grey": (0x404040, 0x606060, 0x808080, 0xA0A0A0, 0xBEBEBE),
    "white": (0xFFFFFF, 0xF2F2F2),
}
"""Colours that a picture is measured for, each by sRGB values (0xRRGGBB) that anyone would call by that name."""

# Words of one row mean the same: any of them asks for the measure, and finds any other in a name or a text.
_SAME: dict[str, str] = {
    "red": "red|红|红色",
    "orange": "orange|橙|橙色|橘色|橙黄色",
    "yellow": "yellow|黄|黄色",
    "green": "green|绿|绿色",
    "cyan": "cyan|teal|turquoise|aqua|青|青色|蓝绿色",
    "blue": "blue|蓝|蓝色",
    "purple": "purple|violet|紫|紫色|紫罗兰色",
    "pink": "pink|粉|粉色|粉红|粉红色",
    "brown": "brown|棕|棕色|褐色|咖啡色",
    "black": "black|黑|黑色",
    "grey": "grey|gray|灰|灰色",
    "white": "white|白|白色",
    "dark": "dark|dim|暗|昏暗|黑暗|暗色|深色",
    "bright": "bright|明亮|亮|亮色|浅色",
    "monochrome": "black and white|black-and-white|black & white|b&w|bw|monochrome|grayscale|greyscale|黑白|单色|灰度",
    "vivid": "vivid|colorful|colourful|vibrant|saturated|鲜艳|多彩|彩色|艳丽",
    "muted": "muted|pale|desaturated|faded|淡雅|柔和|素色|低饱和",
    "warm": "warm|暖色|暖色调|温暖",
    "cool": "cool|cold|冷色|冷色调",
    "portrait": "portrait|vertical|upright|竖图|竖版|竖构图|纵向",
    "landscape": "landscape|horizontal|横图|横版|横构图|横向",
    "square": "square|方图|方形|正方形",
    "image": "picture|image|photo|photograph|图片|照片|图像|相片",
    "video": "clip|video|movie|film|视频|影片|短片|录像",
    "text": "text|document|文本|文档|文字",
}
# Words that ask for a measure without meaning the same: a name that says "navy" is not every blue's name.
_SHADES: dict[str, str] = {
    "red": "crimson|scarlet|maroon|burgundy|深红|大红|绯红|酒红",
    "orange": "amber|橘|橘红",
    "yellow": "gold|golden|lemon|金|金色|金黄|米黄",
    "green": "lime|olive|emerald|mint|深绿|浅绿|草绿|墨绿|翠绿",
    "blue": "navy|azure|indigo|深蓝|浅蓝|天蓝|湛蓝|藏青",
    "purple": "lavender|lilac|淡紫",
    "pink": "magenta|fuchsia|rose|桃红|玫红",
    "brown": "tan|beige|chestnut|驼色|米色|卡其色",
    "grey": "silver|银|银色",
    "white": "ivory|snowy|雪白|乳白",
    "black": "jet black|漆黑",
}
_LITTLE_WORDS = (
    "a an and any are as at be by for from has have in into is it its me my of on or our show some that the their "
    "this to was were which with you your find looking like"
)
_STOP_WORDS = frozenset(_LITTLE_WORDS.split())
_STOP_RUNS = re.compile("[的了吗呢吧和与在]|一[张个只幅段些]|(?:请|帮我|我要|给我)?(?:找|搜索|寻找)")

# --- words -------------------------------------------------------------------------------------------

# Scripts written without spaces between words: a run of them is kept whole, and shorter words are looked for in it.
_RUNS = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
# Said by what ends a word, since Python's \w leaves out the vowel signs of many scripts.
_BREAKS = (
    r"\s\x00-/:-`{-\xbf\u060c\u061b\u061f\u0964\u0965\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u303f\ud800-\udfff"
)
_LETTER = rf"[^{_BREAKS}\d{_RUNS}]"
_WORD = re.compile(rf"\d+|[{_RUNS}]+|{_LETTER}+")
_LETTER_BEFORE = re.compile(_LETTER)
_RUN_START = re.compile(f"[{_RUNS}]")
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """The text without differences of case, width and accent, so that equal words are equal strings."""
    if text.isascii():
        return text.lower()
    # Composed again after the accents are gone: Hangul and the kana's marks are letters, not accents.
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold())


def split_camel_case(text: str) -> str:
    """The text with a space inside words written LikeThis."""
    return _CAMEL.sub(" ", text)


def is_run(word: str) -> bool:
    """Whether the word is of a script without spaces, so that shorter words may lie inside it."""
    return _RUN_START.match(word) is not None


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What a folded word has in common with its plural and its -ing and -ed forms; always its beginning.

    Numbers lose their leading zeros. Deliberately mild: care stays apart from car, string from str.
    """
    if word[0].isdigit():
        return word.lstrip("0") or "0"
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "su'’":
        if word.endswith("ies"):
            word = word[:-3] + "y"
        else:
            word = word[:-2] if word.endswith(("xes", "ches", "shes", "sses", "zzes")) else word[:-1]
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            word = word[: -len(ending)]
            if word[-1] == word[-2] and word[-1] not in "ls":
                word = word[:-1]
            break
    if len(word) > 2 and word[-1] == "y" and word[-2] not in "aeiou":
        word = word[:-1]
    return word


def words(text: str) -> list[str]:
    """The folded words of a text in their order; a run of a script without spaces is one word."""
    return _WORD.findall(fold(text))


# --- what a query asks for ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Term:
    """One meaningful word of a query."""

    measure: str
    """The look it asks for, or empty for a word that only a name or a text can hold."""
    forms: tuple[tuple[str, ...], ...]
    """Ways to find it among words: any of the forms, all stems of that form."""


def _form(phrase: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in words(phrase) if word not in _STOP_WORDS)


def _vocabulary() -> dict[str, Term]:
    table: dict[str, Term] = {}
    for measure, row in _SAME.items():
        phrases = row.split("|")
        term = Term(measure, tuple(dict.fromkeys(_form(phrase) for phrase in phrases)))
        table |= dict.fromkeys(phrases, term)
    for measure, row in _SHADES.items():
        table |= {phrase: Term(measure, (_form(phrase),)) for phrase in row.split("|")}
    return table


_LOOKS = _vocabulary()
_LONGEST_FIRST = sorted(_LOOKS, key=len, reverse=True)
_LOOK = re.compile(
    rf"(?<!{_LETTER})(?:"
    + "|".join(re.escape(phrase) for phrase in _LONGEST_FIRST if not is_run(phrase))
    + rf")s?(?!{_LETTER})|"
    + "|".join(phrase for phrase in _LONGEST_FIRST if is_run(phrase))
)


def terms(text: str) -> tuple[Term, ...]:
    """The meaningful words of a query, each once; all of its words if none is meaningful."""
    folded = fold(text)
    found: dict[Term, None] = {}
    rest = []
    end = 0
    for match in _LOOK.finditer(folded):
        phrase = match.group()
        found[_LOOKS.get(phrase) or _LOOKS[phrase[:-1]]] = None
        rest.append(folded[end : match.start()])
        end = match.end()
    rest.append(folded[end:])
    plain = words(_STOP_RUNS.sub(" ", " ".join(rest)))
    meaningful = [word for word in plain if word not in _STOP_WORDS]
    for word in meaningful or ([] if found else words(folded)):
        # A run is as many words as it has pairs of characters; a single character stands for itself.
        pairs = [word[at : at + 2] for at in range(max(1, len(word) - 1))] if is_run(word) else [stem(word)]
        found |= dict.fromkeys(Term("", ((pair,),)) for pair in pairs)
    return tuple(found)


# --- finding words in many texts ---------------------------------------------------------------------


class Finder:
    """Finds a query's terms in many short texts at once: the texts are searched as one, not one by one."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._terms = terms
        stems = sorted({stem for term in terms for form in term.forms for stem in form})
        self._columns = {stem: column for column, stem in enumerate(stems)}
        self._runs = [stem for stem in stems if is_run(stem)]
        numbers = "|".join(stem for stem in stems if stem[0].isdigit())
        letters = "|".join(re.escape(stem) for stem in stems if not (stem[0].isdigit() or is_run(stem)))
        # A stem begins its word, so what follows it is read to the word's end and then compared. What comes
        # before is looked at only when there is a hit: a look-behind would cost ten times as much.
        branches = [rf"(?:{letters}){_LETTER}*"] * bool(letters) + [rf"(?:{numbers})\d*"] * bool(numbers)
        self._words = re.compile("|".join(branches)) if branches else None

    def in_texts(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each text, folded already, holds each term. Shape (texts, terms)."""
        return self._by_term(self._search("\0".join(texts), len(texts))[0])

    def in_names(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Whether each file name or path holds each term, also in words written LikeThis. Shape (names, terms)."""
        hits, missed = self._search(fold("\0".join(names)), len(names))
        if len(missed):
            # The letters are there, but not as a word: look again between capitals.
            inside = fold(split_camel_case("\0".join(names[row] for row in missed)))
            hits[missed] |= self._search(inside, len(missed))[0]
        return self._by_term(hits)

    def _search(self, joined: str, count: int) -> tuple[NDArray[np.bool_], NDArray[np.intp]]:
        """Which of `count` texts, joined by NUL, hold which stems; and the texts that held one inside a word."""
        hits = np.zeros((count, len(self._columns)), np.bool_)
        ends = np.array([match.start() for match in re.finditer("\0", joined)], np.intp)
        at: list[int] = []
        columns: list[int] = []
        inside: list[int] = []
        for match in self._words.finditer(joined) if self._words else ():
            start, word = match.start(), match.group()
            column = self._columns.get(stem(word))
            if column is None or not _begins_word(joined, start):
                inside.append(start)
            else:
                at.append(start)
                columns.append(column)
        for run in self._runs:
            starts = [match.start() for match in re.finditer(re.escape(run), joined)]
            at += starts
            columns += [self._columns[run]] * len(starts)
        hits[np.searchsorted(ends, np.array(at, np.intp)), columns] = True
        return hits, np.unique(np.searchsorted(ends, np.array(inside, np.intp)))

    def _by_term(self, hits: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.zeros((len(hits), len(self._terms)), np.bool_)
        for index, term in enumerate(self._terms):
            for form in term.forms:
                found[:, index] |= hits[:, [self._columns[stem] for stem in form]].all(axis=1)
        return found


def _begins_word(text: str, at: int) -> bool:
    if text[at].isdigit():
        while at and text[at - 1] == "0":
            at -= 1
        return not (at and text[at - 1].isdigit())
    return not (at and _LETTER_BEFORE.match(text, at - 1))
