"""What a score stands for, in words: how far 0..1 can be trusted to mean the same from folder to folder."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

DIRECT, ALIKE, SOMETHING = 0.8, 0.4, 0.2
"""From which score on a result is a direct hit, clearly alike, or has something in common: the calibration of the
built-in matcher, which puts what is clearly alike around 0.5."""


def score_meaning(score: float, *, by_model: bool = False) -> str:
    """What a score of 0..1 says of a result, in a few words.

    A model's score is the probability of its “yes” against its “no”, so half is where its answer turns.
    """
    if by_model:
        yes = QCoreApplication.translate("Scores", "the judge's answer is yes")
        return yes if score > 0.5 else QCoreApplication.translate("Scores", "the judge's answer is no")
    if score >= DIRECT:
        return QCoreApplication.translate("Scores", "the same picture or a direct hit")
    if score >= ALIKE:
        return QCoreApplication.translate("Scores", "clearly alike")
    if score >= SOMETHING:
        return QCoreApplication.translate("Scores", "something in common")
    return QCoreApplication.translate("Scores", "nothing in common")


def score_scale(*, by_model: bool = False) -> str:
    """How scores are to be read, a line for each step of the scale."""
    if by_model:
        return QCoreApplication.translate(
            "Scores",
            "How sure the judge is that this is what was asked for:\nover 0.5 its answer is yes, under it no.\n"
            "The order tells more than the figure.",
        )
    return QCoreApplication.translate(
        "Scores",
        "0.8 and more: the same picture or a direct hit\nabout 0.5: clearly alike\nunder 0.2: nothing in common",
    )
