"""The selected file at the window's side: its facts, its score and rank, and what can be done with it."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QLocale, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QWidget

from core import Explanation, Facts, Kind, Where, WordMet
from desktop.inspector import Inspector, file_size
from desktop.preview import FileView
from desktop.score_words import score_meaning

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

PICTURE = FileView("/p/prague.jpg", "prague.jpg", "/p", Kind.IMAGE, 4_812_334, 1.7e9, 0.934, 3, 2431)
CLIP = replace(PICTURE, path="/p/pour.mp4", name="pour.mp4", kind=Kind.VIDEO)
TEXT = replace(PICTURE, path="/p/notes.txt", name="notes.txt", kind=Kind.TEXT)
BROKEN = replace(PICTURE, path="/p/broken.jpg", score=None, rank=None, error="The file is empty.")
UNDECODABLE = replace(PICTURE, path=os.fsdecode(b"/p/caf\xe9.jpg"), name=os.fsdecode(b"caf\xe9.jpg"))


def image(width: int, height: int, colour: Qt.GlobalColor = Qt.GlobalColor.red) -> QImage:
    made = QImage(width, height, QImage.Format.Format_RGB32)
    made.fill(colour)
    return made


@pytest.fixture
def inspector(qtbot: Any) -> Inspector:
    inspector = Inspector()
    inspector.setLocale(QLocale("en_GB"))
    qtbot.addWidget(inspector)
    inspector.resize(300, 800)
    inspector.show()
    return inspector


def test_a_new_rank_leaves_the_zoom_alone(inspector: Inspector) -> None:
    asked: list[str] = []
    inspector.preview_wanted.connect(lambda path, *_: asked.append(path))
    inspector.show_file(PICTURE)
    inspector.set_preview(PICTURE.path, image(1000, 750), "", Facts(1000, 750), "JPEG")
    inspector.preview.picture.zoom_by(2)
    zoom = inspector.preview.picture.zoom()
    inspector.show_file(replace(PICTURE, rank=7))
    assert inspector.preview.picture.zoom() == zoom
    assert inspector.words() == "7 of 2,431"
    assert asked == [PICTURE.path]
    assert ("Dimensions", "1000 × 750") in inspector.facts.rows()


def test_facts_score_and_rank(inspector: Inspector) -> None:
    inspector.show_file(PICTURE)
    details = (("Camera", "Fujifilm X-T4"), ("Lens", "23 mm"))
    inspector.set_preview(PICTURE.path, image(60, 40), "Charles Bridge", Facts(6000, 4000), "JPEG", details)
    rows = dict(inspector.facts.rows())
    assert rows["Kind"] == "Picture, JPEG"
    assert rows["Dimensions"] == "6000 × 4000"
    assert rows["Size"] == "4.8 MB"
    assert rows["Caption"] == "Charles Bridge"
    assert rows["Camera"] == "Fujifilm X-T4"
    assert "2023" in rows["Modified"]
    assert inspector.words() == "3 of 2,431"
    assert inspector.preview.picture.accessibleName() == "Preview of prague.jpg"
    inspector.show_file(CLIP)
    assert "Camera" not in dict(inspector.facts.rows())


def test_actions_name_the_file(inspector: Inspector) -> None:
    told: list[tuple[str, object]] = []
    inspector.similar_wanted.connect(lambda path: told.append(("similar", path)))
    inspector.open_wanted.connect(lambda path, _: told.append(("open", path)))
    inspector.reveal_wanted.connect(lambda path: told.append(("reveal", path)))
    inspector.copy_wanted.connect(lambda paths: told.append(("copy", paths)))
    inspector.show_file(UNDECODABLE)
    inspector.grab()
    buttons = [inspector.similar_button, inspector.open_button, inspector.reveal_button, inspector.copy_button]
    for button in buttons:
        assert button.accessibleName()
        button.click()
    path = UNDECODABLE.path
    assert told == [("similar", path), ("open", path), ("reveal", path), ("copy", [path])]


def test_a_part_is_offered_of_pictures_only(inspector: Inspector) -> None:
    told: list[object] = []
    inspector.part_wanted.connect(told.append)
    for file, word in ((TEXT, "document"), (BROKEN, "can't be read"), (CLIP, "whole")):
        inspector.show_file(file)
        assert not inspector.part_button.isEnabled()
        assert word in inspector.part_button.toolTip()
    inspector.show_file(PICTURE)
    inspector.part_button.click()
    assert told == [PICTURE.path]


def test_a_narrow_panel_keeps_all_its_actions(inspector: Inspector) -> None:
    inspector.show_file(PICTURE)
    for width in (300, inspector.minimumWidth()):
        inspector.resize(width, 800)
        QApplication.processEvents()
        last = inspector.copy_button
        assert last.mapTo(inspector, last.rect().bottomRight()).x() < width
    assert inspector.similar_button.text() == ""
    assert inspector.similar_button.accessibleName()


# --- why -------------------------------------------------------------------------------------------------

WHY = Explanation((("palette", 0.8), ("same", 0.1)), (WordMet("red", 0.7, Where.LOOK),), (12.0, 18.0))


def test_stepping_through_results_moves_nothing_below_the_explanation(inspector: Inspector) -> None:
    inspector.show_file(PICTURE)
    inspector.set_explanation(WHY)
    QApplication.processEvents()
    place = inspector.similar_button.mapTo(inspector, inspector.similar_button.rect().topLeft())
    for step, explanation in ((CLIP, WHY), (TEXT, Explanation(words=WHY.words)), (PICTURE, WHY)):
        inspector.show_file(step)
        for known in (None, explanation):
            inspector.set_explanation(known)
            QApplication.processEvents()
            assert inspector.similar_button.mapTo(inspector, inspector.similar_button.rect().topLeft()) == place


def test_the_best_stretch_is_shown_in_the_preview(inspector: Inspector) -> None:
    frames: list[tuple[object, float]] = []
    inspector.frame_wanted.connect(lambda path, seconds: frames.append((path, seconds)))
    inspector.show_file(CLIP)
    inspector.set_preview(CLIP.path, image(60, 40), "", Facts(60, 40, 30.0), "MP4")
    inspector.set_explanation(WHY)
    inspector.why.stretch_button.click()
    assert inspector.preview.controls.seconds() == 12.0
    inspector.preview._scrub_timer.timeout.emit()
    assert frames[-1] == (CLIP.path, 12.0)


def test_what_a_score_stands_for_is_said_of_it(inspector: Inspector) -> None:
    inspector.show_file(PICTURE)
    texts = [widget.toolTip() for widget in inspector.findChildren(QWidget) if "clearly alike" in widget.toolTip()]
    assert texts
    assert "nothing in common" in texts[0]


@pytest.mark.parametrize(
    ("score", "words"),
    [(1.0, "direct hit"), (0.8, "direct hit"), (0.5, "clearly"), (0.3, "something"), (0.1, "nothing")],
)
def test_a_score_in_words(qapp: QApplication, score: float, words: str) -> None:
    assert words in score_meaning(score)


@pytest.mark.parametrize("file", [TEXT, BROKEN])
def test_what_cannot_be_a_query_says_why(inspector: Inspector, file: FileView) -> None:
    inspector.show_file(file)
    assert not inspector.similar_button.isEnabled()
    assert "can't be the query" in inspector.similar_button.toolTip()


def test_none_and_many_are_words(inspector: Inspector) -> None:
    hint = inspector.words()
    assert hint
    inspector.show_many(12, 48_200_000)
    assert inspector.words() == "12 selected, 48.2 MB"
    inspector.show_file(PICTURE)
    inspector.clear()
    assert inspector.words() == hint
    assert inspector.preview.file() is None


@pytest.mark.parametrize("name", ["a" * 255, "‮صورة.jpg", "👩‍👩‍👧 a\nb.png", UNDECODABLE.name])
def test_odd_names_do_not_widen_the_panel(inspector: Inspector, name: str) -> None:
    inspector.show_file(replace(PICTURE, name=name, folder=name))
    QApplication.processEvents()
    inspector.grab()
    assert inspector.width() == 300
    assert inspector.minimumSizeHint().width() <= 300


@pytest.mark.parametrize(("size", "words"), [(0, "0 bytes"), (812, "812 bytes"), (48_200_000, "48.2 MB")])
def test_sizes(size: int, words: str) -> None:
    assert file_size(size, QLocale("en_GB")) == words
