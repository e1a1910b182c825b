"""Which dates are written in a name or a text, in whatever form, and how far one is evidence of another."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_LESS_EXACT = 0.4
"""What each part is worth that is asked of a date, and not said."""


class Date(NamedTuple):
    """A day, a month or a year; what is not said of it is 0."""

    year: int
    month: int
    day: int


_MONTHS = (
    "jan january januar|feb february februar|mar march märz marz mrz|apr april|may mai|jun june juni|jul july juli|"
    "aug august|sep sept september|oct october okt oktober|nov november|dec december dez dezember"
)
_MONTH_NAMES = {name: month for month, names in enumerate(_MONTHS.split("|"), 1) for name in names.split()}
_AMBIGUOUS_MONTHS = frozenset({"may", "mai", "march", "märz", "marz"})
_NUMERALS = {
    ten + one: 10 * tens + ones
    for tens, ten in enumerate(("", "十", "二十", "三十"))
    for ones, one in enumerate(("", *"一二三四五六七八九"))
    if 0 < 10 * tens + ones <= 31
}


def _one_of(names: Iterable[str]) -> str:
    return f"(?:{'|'.join(sorted(names, key=len, reverse=True))})"


# What a date is written of; the first letter says which part of it is meant. Only years that a file is likely to have.
_PARTS = {
    "y": "(?:19|20)[0-9]{2}",
    "m": "(?:1[0-2]|0?[1-9])(?![0-9])",
    "mm": "(?:0[1-9]|1[0-2])",
    "m name": _one_of(_MONTH_NAMES) + "(?![a-zà-öø-ÿ])",
    "m long": _one_of(name for name in _MONTH_NAMES.keys() - _AMBIGUOUS_MONTHS if len(name) > 3 and name != "sept"),
    "m ambiguous": _one_of(_AMBIGUOUS_MONTHS),
    "m han": f"(?:1[0-2]|0?[1-9]|{_one_of(said for said, number in _NUMERALS.items() if number <= 12)})",
    "d": "(?:[12][0-9]|3[01]|0?[1-9])(?![0-9])",
    "dd": "(?:0[1-9]|[12][0-9]|3[01])",
    "d past 12": "(?:1[3-9]|2[0-9]|3[01])",
    "d th": "(?:[12][0-9]|3[01]|0?[1-9])(?:st|nd|rd|th|(?![0-9]))",
    "d han": f"(?:[12][0-9]|3[01]|0?[1-9]|{_one_of(_NUMERALS)})",
}
_BETWEEN = "[ ._,/-]{0,2}"
_FORMS = {
    # what is not before and what comes first, and what a date looks like then
    "(?<![0-9])(?=[0-9])": (
        # 20230501, also before a time as in 20230501123045
        "<y>[_-]?<mm><dd>(?=(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9](?:[0-9]{3})?)?)?(?![0-9]))",
        "<y>(?P<s1>[-._/: ])<m>(?P=s1)<d>",
        "<y>[ _-]?[年년]?[ /._-]{0,2}<m han>[ _-]?[月월](?:份|[ _-]?<d han>[ _-]?(?:[日号號일]|(?![0-9HAN])))?",
        f"<y>{_BETWEEN}<m name>(?:{_BETWEEN}<d th>)?(?![a-z0-9])",
        "<y>[./-]<m>(?![-/.][0-9])|<y>[ _]?<mm>(?![0-9])",
        "<y>[ _-]?[年년]",
        # not 2023-118 or 2023-05-118, the number of an invoice
        "<y>(?![0-9]|[-/.][0-9]{1,3}(?![0-9]))",
        "<m>(?P<s2>[-/])<d past 12>(?P=s2)<y>(?![0-9])",
        "<d>(?P<sep>[-._/])<m>(?P=sep)<y>(?![0-9])",
        "<m>[-._/]<y>(?![0-9]|[-/.][0-9])",
    ),
    # not 十五月亮 and not 五月天, a band
    "(?=[0-9一二三四五六七八九十])(?<![0-9一二三四五六七八九十第])": (
        "<m han>[ _-]?[月월](?![龄亮饼球光色]|天(?!气))(?:份|[ _-]?<d han>[ _-]?(?:[日号號일]|(?![0-9HAN])))?",
    ),
    "(?<![a-z0-9à-öø-ÿ])": (
        f"<d th>{_BETWEEN}(?:of[ -])?<m name>(?:{_BETWEEN}<y>)?(?![a-z0-9])",
        f"<m name>{_BETWEEN}<d th>(?:{_BETWEEN}<y>)?(?![a-z0-9])",
        f"<m name>{_BETWEEN}<y>(?![0-9])",
        "<m long>(?![a-z0-9à-öø-ÿ])",
        "(?:in|im|from|of|since|until|during|early|mid|late|last|next)[ -]<m ambiguous>(?![a-z0-9à-öø-ÿ])",
    ),
}


def _pattern() -> re.Pattern[str]:
    forms = (f"{before}(?:{'|'.join(forms)})" for before, forms in _FORMS.items())
    number = count()

    def part(named: re.Match[str]) -> str:
        return f"(?P<{named[1][0]}_{next(number)}>{_PARTS[named[1]]})"

    return re.compile(re.sub("(?<!P)<([a-z0-9 ]+)>", part, "|".join(forms).replace("HAN", _HAN)), re.IGNORECASE)


DATE = _pattern()
"""Finds a date in folded text."""


def read_date(date: re.Match[str]) -> tuple[Date, ...]:
    """What a date in folded text says; two days where 5/1 may be of May or of January."""
    said = {name[0]: text for name, text in date.groupdict().items() if text and name[1] == "_"}
    year, month, day = (_number_said(said.get(part, "0")) for part in "ymd")
    if date["sep"] in ("-", "/") and day <= 12 and day != month:
        return Date(year, month, day), Date(year, day, month)
    return (Date(year, month, day),)


def _number_said(said: str) -> int:
    digits = re.match("[0-9]+", said)
    return int(digits.group()) if digits else _NUMERALS.get(said) or _MONTH_NAMES[said]


def agreement(asked: Date, said: Date) -> float:
    """How far what is said of a date is evidence of the one asked for: 1 if it lies in it, 0 if it may not be it."""
    shared = [mine == other for mine, other in zip(asked, said, strict=True) if mine and other]
    if not (shared and all(shared)):
        return 0
    return _LESS_EXACT ** sum(bool(mine and not other) for mine, other in zip(asked, said, strict=True))


def cues(date: Date) -> Iterable[str]:
    """Of these at least one is in every lower-case text that says the date or a part of it."""
    if date.year:
        yield str(date.year)
    elif date.month >= 10:
        yield str(date.month)
    elif date.month:  # not the digit by itself, which half of all numbers have
        yield f"0{date.month}"
        yield from (f"{each}{date.month}" for each in "-._/: ")
        yield from (f"{date.month}{each}" for each in "-._/: ")
    if date.month:
        yield from ("月", "월", *(name[:3] for name, month in _MONTH_NAMES.items() if month == date.month))
