"""What a score stands for, in words: how far 0..1 can be trusted to mean the same from folder to folder."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

DIRECT, ALIKE, SOMETHING = 0.8, 0.4, 0.2
"""From which score on a result is a direct hit, clearly alike, or has something in common: the calibration of the
built-in matcher, which puts what is clearly alike around 0.5."""


def score_meaning(score: float) -> str:
    """What a score of 0..1 says of a result, in a few words."""
    if score >= DIRECT:
        return QCoreApplication.translate("Scores", "the same picture or a direct hit")
    if score >= ALIKE:
        return QCoreApplication.translate("Scores", "clearly alike")
    if score >= SOMETHING:
        return QCoreApplication.translate("Scores", "something in common")
    return QCoreApplication.translate("Scores", "nothing in common")


def score_scale() -> str:
    """How scores are to be read, a line for each step of the scale."""
    return QCoreApplication.translate(
        "Scores",
        "0.8 and more: the same picture or a direct hit\nabout 0.5: clearly alike\nunder 0.2: nothing in common",
    )
