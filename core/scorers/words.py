"""How text of any script becomes words, and how far a name, a caption or a text is evidence of a query's words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

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
_RUN_START = re.compile(f"[{_RUNS}]")
_ACCENTS = re.compile("[\u0300-\u036f]")


def fold(text: str) -> str:
    """The text without differences of case, width and accent, so that equal words are equal strings."""
    if text.isascii():
        return text.lower()
    # Composed again after the accents are gone: Hangul and the kana's marks are letters, not accents.
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)).casefold())


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
