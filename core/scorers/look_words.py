"""How text of any script becomes words that can be compared, and which words say how a picture looks."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

# --- the vocabulary ----------------------------------------------------------------------------------

PROTOTYPES: dict[str, tuple[int, ...]] = {
    "red": (0xFF0000, 0xC00000, 0xD93030, 0x8B0000, 0xE34234),
    "orange": (0xFF8000, 0xFFA500, 0xE8702A, 0xCC5500),
    "yellow": (0xFFFF00, 0xFFD700, 0xF2D24B, 0xFFF59D, 0xCCB000),
    "green": (0x00FF00, 0x008000, 0x2E8B57, 0x6B8E23, 0x90EE90, 0x1F4D1F, 0xADFF2F),
    "cyan": (0x00FFFF, 0x008B8B, 0x40E0D0, 0x7FDBDA),
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
    "monochrome": "black and white|black & white|black white|b&w|bw|monochrome|grayscale|greyscale|黑白|单色|灰度",
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
_STOP_WORDS = (
    "a an and any are as at be by for from has have in into is it its me my of on or our show some that the their "
    "this to was were which with you your find looking like"
)
_STOP_RUNS = re.compile("[的了吗呢吧和与在]|一[张个只幅段些]|(?:请|帮我|我要|给我)?(?:找|搜索|寻找)")

# --- words -------------------------------------------------------------------------------------------

# Scripts written without spaces between words: a run of them is kept whole and searched for pairs of characters.
_RUN = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff"
)
_BREAK = r"\s\x00-/:-`{-\xbf\u060c\u061b\u061f\u0964\u0965\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u303f\ud800-\udfff"
_WORD = re.compile(rf"\d+|[{_RUN}]+|[^{_BREAK}\d{_RUN}]+")
_RUN_START = re.compile(f"[{_RUN}]")
_CAMEL = re.compile("(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """The text without differences of case, width and accent, so that equal words are equal strings."""
    if text.isascii():
        return text.lower()
    # Composed again after the accents are gone: Hangul and the kana's marks are letters, not accents.
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text.casefold())))


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
    """The stems of a text's words in their order; a run of a script without spaces is one word."""
    return [stem(word) for word in _WORD.findall(fold(text))]


# --- what a query asks for ---------------------------------------------------------------------------

_STOP_STEMS = frozenset(stem(word) for word in _STOP_WORDS.split())


@dataclass(frozen=True)
class Term:
    """One meaningful word of a query."""

    measure: str
    """The look it asks for, or empty for a word that only a name or a text can hold."""
    forms: tuple[tuple[str, ...], ...]
    """Ways to find it among words: any of the forms, all stems of that form."""


def _form(phrase: str) -> tuple[str, ...]:
    return tuple(word for word in words(phrase) if word not in _STOP_STEMS)


def _vocabulary() -> dict[str, Term]:
    table = {}
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
    rf"(?<![^{_BREAK}\d{_RUN}])(?:"
    + "|".join(re.escape(phrase) for phrase in _LONGEST_FIRST if not is_run(phrase))
    + rf")(?:s(?![^{_BREAK}]))?(?![^{_BREAK}\d{_RUN}])|"
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
    meaningful = [word for word in plain if word not in _STOP_STEMS]
    for word in meaningful or ([] if found else words(folded)):
        # A run is as many words as it has pairs of characters; a single character stands for itself.
        pairs = [word[at : at + 2] for at in range(max(1, len(word) - 1))] if is_run(word) else [word]
        found |= dict.fromkeys(Term("", ((pair,),)) for pair in pairs)
    return tuple(found)
