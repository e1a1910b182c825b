"""The query bar: what becomes of words, files, pasted pictures and addresses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QImage
from PySide6.QtWidgets import QWidget

from core import Aspect, Kind, Query, Region
from core.errors import AddressRefused, QueryEmpty
from desktop.drops import file_url
from desktop.query_bar import MOST_REFERENCES, MOST_WORDS, QueryBar

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("propagateSizeHints", extend=True)

PNG = b"\x89PNG\r\n\x1a\n and the rest of it"
UNDECODABLE = os.fsdecode(b"/pictures/caf\xe9 \xff.jpg")


class Told:
    """What the bar said to the window."""

    def __init__(self, bar: QueryBar) -> None:
        self.submitted: list[Query] = []
        self.thumbnails: list[str] = []
        self.folders: list[str] = []
        self.cleared = self.stopped = self.menu = 0
        bar.submitted.connect(self.submitted.append)
        self.pixels: list[int] = []
        bar.chip_thumbnail_wanted.connect(self._note_thumbnail)
        bar.folder_dropped.connect(self.folders.append)
        bar.cleared.connect(lambda: setattr(self, "cleared", self.cleared + 1))
        bar.stopped.connect(lambda: setattr(self, "stopped", self.stopped + 1))
        bar.menu_wanted.connect(lambda: setattr(self, "menu", self.menu + 1))

    def _note_thumbnail(self, path: str, pixels: int) -> None:
        self.thumbnails.append(path)
        self.pixels.append(pixels)


@pytest.fixture
def bar(qtbot: Any, tmp_path: Path) -> QueryBar:
    bar = QueryBar(tmp_path / "pasted")
    qtbot.addWidget(bar)
    bar.resize(1000, 56)
    bar.show()
    bar.activateWindow()
    qtbot.waitUntil(bar.isActiveWindow)
    return bar


@pytest.fixture
def told(bar: QueryBar) -> Told:
    return Told(bar)


def urls(*addresses: QUrl) -> QMimeData:
    mime = QMimeData()
    mime.setUrls(list(addresses))
    return mime


def text(words: str) -> QMimeData:
    mime = QMimeData()
    mime.setText(words)
    return mime


def press(qtbot: Any, key: Qt.Key) -> None:
    qtbot.keyClick(QGuiApplication.focusObject(), key)


# --- words -----------------------------------------------------------------------------------------------


def test_words_start_with_enter_and_not_before(bar: QueryBar, told: Told, qtbot: Any) -> None:
    qtbot.keyClicks(bar.words, "red door")
    assert told.submitted == []
    qtbot.keyClick(bar.words, Qt.Key.Key_Return)
    assert told.submitted == [Query(text="red door")]


def test_an_empty_query_is_answered_with_a_sentence(bar: QueryBar, told: Told) -> None:
    bar.rank_button.click()
    assert told.submitted == []
    assert bar.message() == QueryEmpty.sentence


def test_what_is_not_wanted_is_asked_for_and_taken_back(bar: QueryBar, told: Told, qtbot: Any) -> None:
    assert bar.minus.isHidden()
    bar.exclude_button.click()
    qtbot.keyClicks(bar.words, "dog")
    qtbot.keyClicks(bar.minus, "snow")
    qtbot.keyClick(bar.minus, Qt.Key.Key_Return)
    assert told.submitted == [Query(text="dog", minus="snow")]
    bar.exclude_button.click()
    assert bar.minus.isHidden()
    assert bar.query() == Query(text="dog")


def test_a_minus_alone_asks_nothing(bar: QueryBar, told: Told, qtbot: Any) -> None:
    bar.exclude_button.click()
    qtbot.keyClicks(bar.minus, "snow")
    qtbot.keyClick(bar.minus, Qt.Key.Key_Return)
    assert told.submitted == []
    assert bar.message() == QueryEmpty.sentence


def test_rank_becomes_stop_without_changing_its_size(bar: QueryBar, told: Told) -> None:
    size = bar.rank_button.size()
    bar.set_running(True)
    assert bar.rank_button.text() == "Stop"
    assert bar.rank_button.size() == size
    bar.rank_button.click()
    assert told.stopped == 1
    bar.set_running(False)
    assert bar.rank_button.text() == "Rank"


def test_escape_stops_then_clears(bar: QueryBar, told: Told, qtbot: Any) -> None:
    bar.set_query(Query(text="dog", images=(Path("/a.jpg"),)))
    bar.set_running(True)
    qtbot.keyClick(bar.words, Qt.Key.Key_Escape)
    assert (told.stopped, told.cleared) == (1, 0)
    bar.set_running(False)
    qtbot.keyClick(bar.words, Qt.Key.Key_Escape)
    assert (told.stopped, told.cleared) == (1, 1)
    assert not bar.query()
    qtbot.keyClick(bar.words, Qt.Key.Key_Escape)
    assert told.cleared == 1


# --- pictures and clips ----------------------------------------------------------------------------------


def test_a_query_set_is_the_query_told(bar: QueryBar, told: Told) -> None:
    query = Query("red", (Path("/a.png"), Path("/noname")), (Path("/c.mp4"),), "blue", "Find it.")
    bar.set_query(query)
    assert bar.query() == query
    assert told.submitted == []
    assert sorted(told.thumbnails) == ["/a.png", "/c.mp4", "/noname"]
    bar.set_query(Query(images=(Path("/a.png"),)))
    assert bar.query() == Query(images=(Path("/a.png"),))
    assert len(told.thumbnails) == 3


def test_files_start_the_ranking_by_themselves(bar: QueryBar, told: Told) -> None:
    bar.words.setText("warm")
    bar.add_files(["/a.JPG", "/c.webm"])
    assert told.submitted == [Query("warm", (Path("/a.JPG"),), (Path("/c.webm"),))]
    assert [chip.kind for chip in bar.chips()] == [Kind.IMAGE, Kind.VIDEO]


@pytest.mark.parametrize(("name", "word"), [("/notes.md", "text file"), ("/a.zip", "not a picture"), ("/x", "not a")])
def test_a_file_that_cannot_be_a_reference_is_refused_by_name(bar: QueryBar, told: Told, name: str, word: str) -> None:
    bar.add_files([name])
    assert told.submitted == []
    assert name[1:] in bar.message()
    assert word in bar.message()


def test_a_good_file_is_taken_although_another_is_refused(bar: QueryBar, told: Told) -> None:
    bar.add_files(["/a.zip", "/a.jpg"])
    assert told.submitted == [Query(images=(Path("/a.jpg"),))]
    assert "a.zip" in bar.message()


def test_a_picture_is_part_of_the_query_once(bar: QueryBar, told: Told) -> None:
    bar.add_files(["/a.jpg"])
    bar.add_files(["/a.jpg"])
    assert len(told.submitted) == 1
    assert "already" in bar.message()


def test_more_references_than_a_query_holds_are_refused(bar: QueryBar, told: Told) -> None:
    bar.add_files([f"/{number}.jpg" for number in range(MOST_REFERENCES + 5)])
    assert len(bar.query().images) == MOST_REFERENCES
    assert str(MOST_REFERENCES) in bar.message()


def test_undecodable_names_stay_whole_and_are_shown_printable(bar: QueryBar, told: Told) -> None:
    bar.add_files([UNDECODABLE])
    assert told.thumbnails == [UNDECODABLE]
    assert os.fsencode(bar.query().images[0]) == os.fsencode(UNDECODABLE)
    assert "caf�" in bar.chips()[0].accessibleName()
    bar.grab()


@pytest.mark.parametrize("name", ["a" * 250 + ".jpg", "‮صورة.jpg", "👩‍👩‍👧 a\nb.png"])
def test_odd_names_are_drawn(bar: QueryBar, name: str) -> None:
    bar.set_query(Query(images=(Path("/", name),)))
    bar.grab()
    assert bar.chips()[0].width() <= 250


def test_a_chip_shows_its_thumbnail(bar: QueryBar) -> None:
    bar.add_files(["/a.jpg"])
    before = bar.chips()[0].grab().toImage()
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    bar.set_chip_thumbnail("/other.jpg", image)
    assert bar.chips()[0].grab().toImage() == before
    bar.set_chip_thumbnail("/a.jpg", image)
    assert bar.chips()[0].grab().toImage().pixelColor(18, 18) == Qt.GlobalColor.red


def test_chips_are_reached_and_removed_by_keyboard(bar: QueryBar, told: Told, qtbot: Any) -> None:
    bar.set_query(Query("dog", (Path("/a.jpg"), Path("/b.jpg"))))
    bar.words.setFocus()
    bar.words.setCursorPosition(0)
    press(qtbot, Qt.Key.Key_Left)
    assert bar.chips()[1].hasFocus()
    press(qtbot, Qt.Key.Key_Left)
    assert bar.chips()[0].hasFocus()
    press(qtbot, Qt.Key.Key_Delete)
    assert told.submitted == [Query("dog", (Path("/b.jpg"),))]
    assert bar.chips()[0].hasFocus()
    press(qtbot, Qt.Key.Key_Right)
    assert bar.words.hasFocus()


def test_tab_goes_through_the_bar_from_left_to_right(bar: QueryBar, qtbot: Any) -> None:
    bar.set_query(Query("dog", (Path("/a.jpg"), Path("/b.jpg")), minus="cat"))
    bar.menu_button.setFocus()
    order = [*bar.chips(), bar.words, bar.minus, bar.exclude_button, bar.aspect_choice, bar.rank_button]
    for control in order:
        press(qtbot, Qt.Key.Key_Tab)
        assert control.hasFocus(), control.accessibleName()


def test_backspace_in_words_never_takes_a_chip_at_once(bar: QueryBar, told: Told, qtbot: Any) -> None:
    bar.set_query(Query("", (Path("/a.jpg"),)))
    bar.words.setFocus()
    press(qtbot, Qt.Key.Key_Backspace)
    assert len(bar.chips()) == 1
    press(qtbot, Qt.Key.Key_Backspace)
    assert bar.chips() == ()
    assert told.cleared == 1
    assert told.submitted == []
    assert bar.words.hasFocus()


def test_the_cross_of_a_chip_removes_it(bar: QueryBar, told: Told, qtbot: Any) -> None:
    bar.set_query(Query("dog", (Path("/a.jpg"),)))
    cross = bar.chips()[0].findChild(QWidget)
    qtbot.mouseClick(cross, Qt.MouseButton.LeftButton)
    assert told.submitted == [Query("dog")]


def test_many_chips_leave_room_for_words(bar: QueryBar) -> None:
    bar.set_query(Query(images=tuple(Path(f"/a long name {number}.jpg") for number in range(MOST_REFERENCES))))
    QGuiApplication.processEvents()
    assert bar.words.width() >= bar.width() // 4


# --- the aspect ------------------------------------------------------------------------------------------


def test_another_aspect_asks_again_at_once(bar: QueryBar, told: Told, qtbot: Any) -> None:
    bar.add_files(["/a.jpg"])
    bar.aspect_choice.setFocus()
    press(qtbot, Qt.Key.Key_Down)
    assert told.submitted[1:] == [Query(images=(Path("/a.jpg"),), aspect=Aspect.PALETTE)]


def test_without_a_picture_or_clip_the_aspect_cannot_be_chosen_and_counts_for_nothing(bar: QueryBar) -> None:
    assert not bar.aspect_choice.isEnabled()
    query = Query("red", (Path("/a.jpg"),), aspect=Aspect.LAYOUT)
    bar.set_query(query)
    assert bar.aspect_choice.isEnabled()
    assert bar.query() == query
    bar.chips()[0].removed.emit()
    assert not bar.aspect_choice.isEnabled()
    assert bar.query() == Query("red")  # the same words are the same question
    bar.add_files(["/b.mp4"])
    assert bar.query().aspect is Aspect.LAYOUT


def test_clearing_takes_the_aspect_back_too(bar: QueryBar) -> None:
    bar.set_query(Query("red", (Path("/a.jpg"),), aspect=Aspect.SAME))
    bar.clear()
    assert bar.aspect_choice.aspect() is Aspect.OVERALL


def test_a_narrow_bar_shortens_the_aspect_before_the_words(bar: QueryBar) -> None:
    wide = bar.aspect_choice.width()
    bar.resize(820, 56)
    QGuiApplication.processEvents()
    assert bar.aspect_choice.width() < wide
    assert bar.field_rect().width() >= 500


# --- a part of a picture ---------------------------------------------------------------------------------

PART = Region(0.25, 0.25, 0.75, 0.5)


@pytest.mark.parametrize("how", ["click", "enter", "space"])
def test_a_chip_asks_for_the_part_that_counts(bar: QueryBar, qtbot: Any, how: str) -> None:
    bar.set_query(Query(images=(Path("/a.jpg"),), videos=(Path("/c.mp4"),)))
    wanted: list[object] = []
    bar.region_wanted.connect(wanted.append)
    clip, picture = bar.chips()
    for chip in (picture, clip):  # a clip has no parts
        chip.setFocus()
        if how == "click":
            qtbot.mouseClick(chip, Qt.MouseButton.LeftButton)
        else:
            press(qtbot, Qt.Key.Key_Return if how == "enter" else Qt.Key.Key_Space)
    assert wanted == [picture]
    assert "part" in picture.toolTip()
    assert "whole" in clip.toolTip()


def test_a_part_is_asked_for_at_once_and_its_chip_says_so(bar: QueryBar, told: Told) -> None:
    bar.add_files(["/a.jpg", "/b.jpg"])
    bar.set_region("/b.jpg", PART)
    assert told.submitted[1:] == [Query(images=(Path("/a.jpg"), Path("/b.jpg")), regions=(None, PART))]
    assert bar.chips()[1].text() == "part of b.jpg"
    assert bar.chips()[1].accessibleName() == "In the query: part of b.jpg"
    bar.set_region("/b.jpg", PART)  # nothing new
    bar.set_region("/gone.jpg", PART)
    assert len(told.submitted) == 2
    bar.set_region("/b.jpg", None)
    assert told.submitted[2:] == [Query(images=(Path("/a.jpg"), Path("/b.jpg")))]
    assert bar.chips()[1].text() == "b.jpg"


def test_a_query_with_a_part_set_is_the_query_told(bar: QueryBar, told: Told) -> None:
    query = Query(images=(Path("/a.jpg"), Path("/b.jpg")), regions=(None, PART))
    bar.set_query(query)
    assert bar.query() == query
    bar.set_query(Query(images=(Path("/a.jpg"), Path("/b.jpg"))))
    assert bar.query().regions == (None, None)
    assert told.submitted == []


def test_a_chip_shows_the_cut_out_in_its_own_sharpness(bar: QueryBar, told: Told) -> None:
    bar.add_files(["/a.jpg"])
    bar.set_region("/a.jpg", Region(0.5, 0, 1, 0.25))
    assert told.thumbnails == ["/a.jpg", "/a.jpg"]
    assert told.pixels[1] >= 4 * told.pixels[0]
    image = QImage(64, 64, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    for x in range(32, 64):
        for y in range(16):
            image.setPixelColor(x, y, Qt.GlobalColor.green)
    bar.set_chip_thumbnail("/a.jpg", image)
    assert bar.chips()[0].grab().toImage().pixelColor(18, 18) == Qt.GlobalColor.green
    bar.set_region("/a.jpg", None)
    assert bar.chips()[0].grab().toImage().pixelColor(10, 28) == Qt.GlobalColor.red


@pytest.mark.parametrize("region", [Region(0.999, 0.999, 1, 1), Region(0, 0, 1e-9, 1e-9), Region(0.5, 0, 0.5001, 1)])
def test_the_smallest_part_still_has_a_picture(bar: QueryBar, told: Told, region: Region) -> None:
    bar.set_query(Query(images=(Path("/a.jpg"),), regions=(region,)))
    assert told.pixels[0] <= 2048
    image = QImage(3, 1, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    bar.set_chip_thumbnail("/a.jpg", image)
    assert bar.chips()[0].grab().toImage().pixelColor(18, 18) == Qt.GlobalColor.red


# --- dropped and pasted ----------------------------------------------------------------------------------


def test_local_files_come_before_picture_bytes_and_text(bar: QueryBar, told: Told, tmp_path: Path) -> None:
    mime = urls(file_url("/pictures/a.jpg"))
    mime.setData("image/png", PNG)
    mime.setText("a.jpg")
    assert bar.can_accept(mime)
    assert bar.accept_mime(mime)
    assert told.submitted == [Query(images=(Path("/pictures/a.jpg"),))]
    assert not (tmp_path / "pasted").exists()


def test_our_own_results_dropped_are_files(bar: QueryBar, told: Told) -> None:
    mime = urls(file_url(UNDECODABLE))
    assert bar.accept_mime(mime)
    assert [str(path) for path in told.submitted[0].images] == [UNDECODABLE]


def test_a_picture_from_a_browser_is_taken_by_its_bytes(bar: QueryBar, told: Told, tmp_path: Path) -> None:
    mime = urls(QUrl("https://example.org/cat.png"))
    mime.setData("image/jpeg", b"smaller, but lossy")
    mime.setData("image/png", PNG)
    assert bar.accept_mime(mime)
    (path,) = told.submitted[0].images
    assert path.parent == tmp_path / "pasted"
    assert path.suffix == ".png"
    assert path.read_bytes() == PNG
    assert bar.message() == ""
    assert "Pasted picture" in bar.chips()[0].accessibleName()


def test_the_same_picture_pasted_twice_is_one_file(bar: QueryBar, told: Told, tmp_path: Path) -> None:
    mime = QMimeData()
    mime.setData("image/png", PNG)
    bar.accept_mime(mime)
    bar.clear()
    bar.accept_mime(mime)
    assert told.submitted[0] == told.submitted[1]
    assert len(list((tmp_path / "pasted").iterdir())) == 1


@pytest.mark.parametrize(
    "mime",
    [
        lambda: urls(QUrl("https://example.org/cat.jpg")),
        lambda: urls(QUrl("data:image/png;base64,%%%")),
        lambda: text(" https://example.org/cat.jpg "),
    ],
)
def test_an_address_alone_is_refused_with_the_sentence(bar: QueryBar, told: Told, mime: Any) -> None:
    assert bar.can_accept(mime())
    assert bar.accept_mime(mime())
    assert bar.message() == str(AddressRefused())
    assert not bar.query()
    assert told.submitted == []


def test_dropped_words_are_added_and_wait_for_enter(bar: QueryBar, told: Told) -> None:
    bar.words.setText("red")
    assert bar.accept_mime(text("  wooden\n table "))
    assert bar.query() == Query("red wooden table")
    assert told.submitted == []


def test_a_book_dropped_is_cut(bar: QueryBar) -> None:
    bar.accept_mime(text("word " * 10_000))
    assert len(bar.words.text()) <= MOST_WORDS


def test_nothing_in_it_is_not_accepted(bar: QueryBar) -> None:
    for mime in (QMimeData(), text(" \n ")):
        assert not bar.can_accept(mime)
        assert not bar.accept_mime(mime)


def test_a_folder_is_passed_on(bar: QueryBar, told: Told, tmp_path: Path) -> None:
    assert bar.accept_mime(urls(file_url(str(tmp_path))))
    assert told.folders == [str(tmp_path)]
    assert not bar.query()


def test_a_folder_that_cannot_be_written_is_said(bar: QueryBar, told: Told, tmp_path: Path) -> None:
    (tmp_path / "pasted").write_text("a file where the folder should be")
    mime = QMimeData()
    mime.setData("image/png", PNG)
    bar.accept_mime(mime)
    assert told.submitted == []
    assert "could not be kept" in bar.message()


def test_paste_in_the_words_takes_a_picture_as_a_chip_and_text_as_text(bar: QueryBar, told: Told, qtbot: Any) -> None:
    clipboard = QGuiApplication.clipboard()
    mime = QMimeData()
    mime.setData("image/png", PNG)
    clipboard.setMimeData(mime)
    qtbot.keyClick(bar.words, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert len(told.submitted[0].images) == 1
    clipboard.setText("red")
    qtbot.keyClick(bar.words, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert bar.words.text() == "red"


def test_a_sentence_goes_when_a_query_is_asked(bar: QueryBar, told: Told) -> None:
    bar.say("No.")
    assert bar.message() == "No."
    bar.words.setText("x")
    bar.submit()
    assert bar.message() == ""


def test_every_control_has_a_name(bar: QueryBar) -> None:
    bar.set_query(Query("a", (Path("/a.jpg"),), minus="b"))
    controls = [bar.menu_button, bar.words, bar.minus, bar.exclude_button, bar.aspect_choice, bar.rank_button]
    controls += bar.chips()
    assert all(control.accessibleName() for control in controls)
