"""One file shown large: where a zoomed picture lies, previews, texts, clips and failures."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QKeySequence, QShortcut, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from core import Facts, Kind
from desktop.clip_controls import clock
from desktop.preview import MOST_SCALE, FileView, PreviewPane, Zoom

# What the offscreen platform says of any window with a minimum size.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", extend=True)

PICTURE = FileView("/p/prague.jpg", "prague.jpg", "/p", Kind.IMAGE, 4_812_334, 1.7e9, 0.934, 3, 2431)
CLIP = replace(PICTURE, path="/p/pour.mp4", name="pour.mp4", kind=Kind.VIDEO)
TEXT = replace(PICTURE, path="/p/notes.txt", name="notes.txt", kind=Kind.TEXT)
BROKEN = replace(PICTURE, path="/p/broken.jpg", score=None, rank=None, error="The file is empty.")


def image(width: int, height: int, colour: Qt.GlobalColor = Qt.GlobalColor.red) -> QImage:
    made = QImage(width, height, QImage.Format.Format_RGB32)
    made.fill(colour)
    return made


@pytest.fixture
def pane(qtbot: Any) -> PreviewPane:
    pane = PreviewPane()
    qtbot.addWidget(pane)
    pane.resize(400, 300)
    pane.show()
    return pane


def asked_of(place: PreviewPane) -> list[tuple[str, int]]:
    asked: list[tuple[str, int]] = []
    place.preview_wanted.connect(lambda path, pixels: asked.append((path, pixels)))
    return asked


def wheel(widget: QWidget, at: QPointF, clicks: int) -> None:
    event = QWheelEvent(
        at, widget.mapToGlobal(at), QPoint(), QPoint(0, 120 * clicks), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(widget, event)


# --- zoom ------------------------------------------------------------------------------------------------

lengths = st.floats(1, 20_000)
sizes = st.tuples(lengths, lengths)
fractions = st.floats(0, 1)
steps = st.lists(st.tuples(st.floats(0.05, 20), fractions, fractions, st.floats(-900, 900), st.floats(-900, 900)))


def walked(zoom: Zoom, walk: list[tuple[float, float, float, float, float]]) -> Zoom:
    for factor, x, y, dx, dy in walk:
        zoom = zoom.scaled(zoom.scale * factor, x * zoom.pane[0], y * zoom.pane[1]).moved(dx, dy)
    return zoom


@given(sizes, sizes)
def test_a_fitted_picture_is_whole_in_the_middle_and_not_enlarged(
    picture: tuple[float, float], pane: tuple[float, float]
) -> None:
    zoom = Zoom.fitted(picture, pane)
    left, top, width, height = zoom.place()
    assert zoom.is_fitted
    assert zoom.scale <= 1
    assert width <= pane[0] * (1 + 1e-9)
    assert height <= pane[1] * (1 + 1e-9)
    assert left == pytest.approx((pane[0] - width) / 2, abs=1e-6 * max(pane))
    assert top == pytest.approx((pane[1] - height) / 2, abs=1e-6 * max(pane))
    assert zoom.scale == 1 or max(width / pane[0], height / pane[1]) == pytest.approx(1)


@given(sizes, sizes, steps)
def test_however_it_is_moved_a_picture_fills_the_pane_or_lies_in_its_middle(
    picture: tuple[float, float], pane: tuple[float, float], walk: list[tuple[float, float, float, float, float]]
) -> None:
    zoom = walked(Zoom.fitted(picture, pane), walk)
    assert Zoom.fitted(picture, pane).scale <= zoom.scale <= MOST_SCALE
    left, top, width, height = zoom.place()
    slack = 1e-6 * max(*pane, width, height)
    for start, length, room in ((left, width, pane[0]), (top, height, pane[1])):
        if length <= room:
            assert start == pytest.approx((room - length) / 2, abs=slack)
        else:
            assert start <= slack
            assert start + length >= room - slack


@given(sizes, sizes, steps, st.floats(1.01, 8), fractions, fractions)
def test_the_point_under_the_pointer_stays_when_zooming_in(
    picture: tuple[float, float],
    pane: tuple[float, float],
    walk: list[tuple[float, float, float, float, float]],
    factor: float,
    x: float,
    y: float,
) -> None:
    before = walked(Zoom.fitted(picture, pane), walk)
    at = (x * pane[0], y * pane[1])
    after = before.scaled(before.scale * factor, *at)
    held, now = before.to_picture(*at), after.to_picture(*at)
    for axis in range(2):
        # Along an axis that the picture does not fill it stays in the middle instead.
        if before.picture[axis] * before.scale >= pane[axis]:
            assert now[axis] == pytest.approx(held[axis], abs=1e-6 * picture[axis] + 1e-6)


@given(sizes, sizes, sizes)
def test_a_fitted_picture_stays_fitted_in_another_pane(
    picture: tuple[float, float], pane: tuple[float, float], other: tuple[float, float]
) -> None:
    assert Zoom.fitted(picture, pane).resized(other) == Zoom.fitted(picture, other)


def test_wheel_double_click_keys_and_drag(pane: PreviewPane, qtbot: Any) -> None:
    pane.show_file(PICTURE, image(200, 150))
    pane.set_preview(PICTURE.path, image(1000, 750), "", Facts(4000, 3000))
    view = pane.picture

    def scale() -> float:
        zoom = view.zoom()
        assert zoom is not None
        return zoom.scale

    fitted = scale()
    assert fitted == pytest.approx(0.1 * view.devicePixelRatioF())
    at = QPointF(40, 60)
    zoom = view.zoom()
    assert zoom is not None
    held = zoom.to_picture(at.x(), at.y())
    wheel(view, at, 2)
    zoom = view.zoom()
    assert zoom is not None
    assert zoom.to_picture(at.x(), at.y()) == pytest.approx(held)
    assert scale() == pytest.approx(fitted * view.STEP**2)
    wheel(view, at, -9)
    assert scale() == fitted
    qtbot.mouseDClick(view, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
    assert scale() == 1
    before = view.zoom()
    assert before is not None
    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    qtbot.mouseMove(view, QPoint(20, 40))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=QPoint(20, 40))
    after = view.zoom()
    assert after is not None
    ratio = view.devicePixelRatioF()
    assert after.centre == pytest.approx((before.centre[0] + 30 * ratio, before.centre[1] + 10 * ratio))
    qtbot.keyClick(view, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert scale() == fitted
    qtbot.keyClick(view, Qt.Key.Key_Equal, Qt.KeyboardModifier.ControlModifier)
    assert scale() == pytest.approx(fitted * view.STEP)
    qtbot.keyClick(view, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert scale() == pytest.approx(fitted)


def test_zoom_keys_are_the_windows_while_there_is_no_picture(pane: PreviewPane, qtbot: Any) -> None:
    used: list[int] = []
    QShortcut(QKeySequence("Ctrl+="), pane).activated.connect(lambda: used.append(1))
    pane.activateWindow()
    qtbot.waitUntil(pane.isActiveWindow)
    qtbot.keyClick(pane.picture, Qt.Key.Key_Equal, Qt.KeyboardModifier.ControlModifier)
    assert used == [1]
    pane.show_file(PICTURE, image(1000, 750))
    qtbot.keyClick(pane.picture, Qt.Key.Key_Equal, Qt.KeyboardModifier.ControlModifier)
    zoom = pane.picture.zoom()
    assert zoom is not None
    assert not zoom.is_fitted
    assert used == [1]


def test_the_large_preview_takes_the_thumbnails_place_without_a_jump(pane: PreviewPane) -> None:
    pane.show_file(PICTURE, image(200, 150))
    pane.picture.zoom_by(3, QPointF(30, 30))
    before = pane.picture.zoom()
    pane.set_preview(PICTURE.path, image(1000, 750), "", Facts(4000, 3000))
    after = pane.picture.zoom()
    assert before is not None
    assert after is not None
    assert after.place() == pytest.approx(before.place())


def test_more_detail_is_asked_for_when_zoomed_in_and_only_once(pane: PreviewPane, qtbot: Any) -> None:
    asked = asked_of(pane)
    pane.show_file(PICTURE)
    first = asked[-1][1]
    assert asked == [(PICTURE.path, first)]
    assert first >= 400
    pane.set_preview(PICTURE.path, image(512, 384), "", Facts(4000, 3000))
    pane.picture.show_actual()
    qtbot.waitUntil(lambda: asked[-1][1] >= 4000)
    count = len(asked)
    pane.set_preview(PICTURE.path, image(2000, 1500), "", Facts(4000, 3000))  # as much as the engine gives
    pane.picture.zoom_by(2)
    QTest.qWait(100)
    assert len(asked) == count


def test_a_picture_at_rest_is_drawn_whole(pane: PreviewPane, qtbot: Any) -> None:
    pane.show_file(PICTURE)
    pane.set_preview(PICTURE.path, image(1600, 1200), "", Facts(1600, 1200))
    QTest.qWait(100)
    shown = pane.picture.grab().toImage()
    for at in (QPoint(1, 1), shown.rect().center(), shown.rect().bottomRight() - QPoint(2, 2)):
        assert shown.pixelColor(at) == Qt.GlobalColor.red


# --- one file, whatever it is ----------------------------------------------------------------------------


def test_an_answer_for_another_file_is_ignored(pane: PreviewPane) -> None:
    pane.show_file(PICTURE, image(20, 15))
    pane.set_preview("/p/other.jpg", image(1000, 750), "", Facts(1000, 750))
    pane.set_frame("/p/other.jpg", image(1000, 750))
    pane.set_failure("/p/other.jpg", "No.")
    assert pane.picture.image().width() == 20
    assert pane.failure() == ""


def test_an_edited_file_is_looked_at_anew(pane: PreviewPane) -> None:
    asked = asked_of(pane)
    pane.show_file(PICTURE)
    pane.show_file(replace(PICTURE, size=5))
    assert len(asked) == 2


def test_a_text_is_read(pane: PreviewPane, qtbot: Any) -> None:
    pane.show_file(TEXT)
    pane.set_preview(TEXT.path, None, "Prague <b>morning</b>", Facts())
    assert pane.text.isVisible()
    assert pane.text.toPlainText() == "Prague <b>morning</b>"
    assert pane.text.isReadOnly()
    qtbot.keyClicks(pane.text, "x")
    assert pane.text.toPlainText() == "Prague <b>morning</b>"
    pane.show_file(PICTURE)
    assert pane.text.toPlainText() == ""


def test_a_failure_says_why_and_the_next_file_is_shown(pane: PreviewPane) -> None:
    asked = asked_of(pane)
    pane.show_file(BROKEN)
    assert pane.failure() == "The file is empty."
    assert asked == []
    pane.show_file(PICTURE)
    assert pane.failure() == ""
    pane.set_failure(PICTURE.path, "The file is no longer there.")
    assert pane.failure() == "The file is no longer there."


# --- clips -----------------------------------------------------------------------------------------------


def test_scrubbing_asks_for_frames_no_faster_than_they_are_seen(pane: PreviewPane, qtbot: Any) -> None:
    wanted: list[tuple[str, float]] = []
    pane.frame_wanted.connect(lambda path, seconds: wanted.append((path, seconds)))
    pane.show_file(CLIP, image(16, 9))
    assert not pane.controls.slider.isEnabled()
    assert pane.controls.slider.toolTip()  # says why
    pane.set_preview(CLIP.path, image(160, 90), "", Facts(1920, 1080, 12.4))
    assert wanted == []
    for milliseconds in range(0, 6001, 100):
        pane.controls.slider.setValue(milliseconds)
    qtbot.waitUntil(lambda: bool(wanted))
    QTest.qWait(2 * pane.SCRUB_MILLISECONDS)
    assert wanted == [(CLIP.path, 6.0)]
    pane.set_frame(CLIP.path, image(320, 180, Qt.GlobalColor.blue))
    assert pane.picture.image().pixelColor(0, 0) == Qt.GlobalColor.blue
    pane.show_file(PICTURE)
    assert not pane.controls.isVisible()


def test_a_moment_is_shown_once_the_clips_length_is_known(pane: PreviewPane, qtbot: Any) -> None:
    frames: list[tuple[object, float]] = []
    pane.frame_wanted.connect(lambda path, seconds: frames.append((path, seconds)))
    pane.show_file(CLIP)
    pane.show_moment(12.0)
    qtbot.wait(2 * pane.SCRUB_MILLISECONDS)
    assert frames == []  # it would be asked for in place of the preview, which tells the length
    pane.set_preview(CLIP.path, image(80, 60), "", Facts(80, 60, 30.0))
    qtbot.waitUntil(lambda: frames == [(CLIP.path, 12.0)])
    assert pane.controls.seconds() == 12.0
    pane.show_moment(3.0)
    qtbot.waitUntil(lambda: frames[1:] == [(CLIP.path, 3.0)])
    pane.show_file(PICTURE)
    pane.show_moment(3.0)
    qtbot.wait(2 * pane.SCRUB_MILLISECONDS)
    assert len(frames) == 2


def test_a_player_that_is_not_there_is_a_sentence(pane: PreviewPane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PySide6.QtMultimedia", None)
    pane.show_file(CLIP)
    pane.controls.play_button.click()
    assert "can't be played here" in pane.trouble()
    pane.show_file(PICTURE)
    assert pane.trouble() == ""


def write_clip(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.time_base = Fraction(1, 10)
        for number in range(40):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 6, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


@pytest.mark.qt_log_ignore(".", extend=False)  # a player speaks of what its machine lacks
def test_play_plays_pauses_and_ends_with_the_file(pane: PreviewPane, qtbot: Any, tmp_path: Path) -> None:
    pytest.importorskip("PySide6.QtMultimediaWidgets", exc_type=ImportError)
    path = tmp_path / os.fsdecode(b"clip #1 caf\xc3\xa9.mp4")
    write_clip(path)
    clip = replace(CLIP, path=str(path))
    pane.show_file(clip)
    pane.set_preview(clip.path, image(64, 48), "", Facts(64, 48, 4.0))
    pane.controls.play_button.click()
    qtbot.waitUntil(lambda: pane.controls.seconds() > 0.2 or bool(pane.trouble()), timeout=8000)
    assert pane.trouble() == ""
    assert pane.controls.play_button.accessibleName() == "Pause the clip"
    pane.controls.play_button.click()
    assert pane.controls.play_button.accessibleName() == "Play the clip"
    pane.controls.slider.setValue(3600)
    pane.controls.play_button.click()
    qtbot.waitUntil(pane.picture.isVisible, timeout=8000)
    assert pane.controls.seconds() == 0
    assert pane.controls.play_button.accessibleName() == "Play the clip"
    pane.controls.play_button.click()
    pane.show_file(PICTURE)
    assert pane.picture.isVisible()
    assert not pane.controls.isVisible()


@pytest.mark.qt_log_ignore(".", extend=False)  # a player speaks of what its machine lacks
def test_a_clip_that_does_not_play_says_so(pane: PreviewPane, qtbot: Any, tmp_path: Path) -> None:
    pytest.importorskip("PySide6.QtMultimediaWidgets", exc_type=ImportError)
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"not a clip at all" * 100)
    pane.show_file(replace(CLIP, path=str(path)))
    pane.controls.play_button.click()
    qtbot.waitUntil(lambda: bool(pane.trouble()), timeout=8000)
    assert pane.picture.isVisible()
    assert pane.controls.play_button.accessibleName() == "Play the clip"


@pytest.mark.parametrize(("seconds", "words"), [(0, "0:00"), (12.9, "0:12"), (61, "1:01"), (3723, "1:02:03")])
def test_lengths(seconds: float, words: str) -> None:
    assert clock(seconds) == words
