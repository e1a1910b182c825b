"""What a score stands for, in words: how far 0..1 can be trusted to mean the same from folder to folder."""

from __future__ import annotations

from enum import Enum, auto

from PySide6.QtCore import QCoreApplication

DIRECT, ALIKE, SOMETHING = 0.8, 0.4, 0.2
"""From which score on a result is a direct hit, clearly alike, or has something in common: the calibration of the
built-in matcher, which puts what is clearly alike around 0.5."""


class Scale(Enum):
    """By whose measure scores are given."""

    LOOKS = auto()
    """The built-in matcher's."""
    ANSWER = auto()
    """A judge's: the probability of its “yes” against its “no”."""
    NEARNESS = auto()
    """An embedder's: how near its vectors of query and file are."""


def score_meaning(score: float, scale: Scale = Scale.LOOKS) -> str:
    """What a score of 0..1 says of a result, in a few words. Half is where a judge's answer turns."""
    if scale is Scale.NEARNESS:
        return QCoreApplication.translate("Scores", "how near it is; the order tells more than the figure")
    if scale is Scale.ANSWER:
        yes = QCoreApplication.translate("Scores", "the judge's answer is yes")
        return yes if score > 0.5 else QCoreApplication.translate("Scores", "the judge's answer is no")
    if score >= DIRECT:
        return QCoreApplication.translate("Scores", "the same picture or a direct hit")
    if score >= ALIKE:
        return QCoreApplication.translate("Scores", "clearly alike")
    if score >= SOMETHING:
        return QCoreApplication.translate("Scores", "something in common")
    return QCoreApplication.translate("Scores", "nothing in common")


def written_score(score: float, *, is_found: bool) -> str:
    """0.42; with a mark where the judge has not looked, and it is only where it would probably stand: ≈0.42."""
    return f"≈{score:.2f}" if is_found else f"{score:.2f}"


def found_meaning(finder: str) -> str:
    """What is said of a result that the judge has not looked at; `finder` is the title of who found it."""
    text = QCoreApplication.translate("Scores", "Found by {finder}, not judged yet")
    return text.format(finder=finder) if finder else QCoreApplication.translate("Scores", "Found, not judged yet")


def score_scale(scale: Scale = Scale.LOOKS) -> str:
    """How scores are to be read, a line for each step of the scale."""
    if scale is Scale.NEARNESS:
        return QCoreApplication.translate(
            "Scores",
            "How near the file is to what was asked for, as the model sees both.\n"
            "The order tells more than the figure.",
        )
    if scale is Scale.ANSWER:
        return QCoreApplication.translate(
            "Scores",
            "How sure the judge is that this is what was asked for:\nover 0.5 its answer is yes, under it no.\n"
            "The order tells more than the figure.",
        )
    return QCoreApplication.translate(
        "Scores",
        "0.8 and more: the same picture or a direct hit\nabout 0.5: clearly alike\nunder 0.2: nothing in common",
    )
