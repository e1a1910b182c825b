"""What a drag or the clipboard means for a query, how its pictures are kept, and what the window promises of it."""

from __future__ import annotations

import os
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QMimeData, Qt, QUrl
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from desktop.drops import (
    Address,
    DropPlace,
    Files,
    Meaning,
    Picture,
    Words,
    file_url,
    local_path,
    meaning,
    offers_anything,
)
from desktop.query_bar import QueryBar

PNG = b"\x89PNG\r\n\x1a\n and the rest of it"


def urls(*addresses: QUrl) -> QMimeData:
    mime = QMimeData()
    mime.setUrls(list(addresses))
    return mime


def text(words: str) -> QMimeData:
    mime = QMimeData()
    mime.setText(words)
    return mime


def data(forms: dict[str, bytes]) -> QMimeData:
    mime = QMimeData()
    for name, content in forms.items():
        mime.setData(name, content)
    return mime


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name and b"/" not in name and name not in (b".", b"..")))
def test_any_name_survives_being_a_url(name: bytes) -> None:
    path = os.fsdecode(b"/folder/" + name)
    assert local_path(file_url(path)) == path
    assert local_path(QUrl("https://example.org/a.jpg")) == ""


# --- what it means ---------------------------------------------------------------------------------------


WEB = QUrl("https://example.org/cat.png")


@pytest.mark.parametrize(
    ("mime", "means"),
    [
        (lambda: data({"image/jpeg": b"lossy", "image/png": PNG}), Picture("png", PNG)),
        (lambda: data({"image/png": b"", "image/jpeg": b"lossy"}), Picture("jpg", b"lossy")),
        (lambda: urls(QUrl("data:image/webp;base64," + b64encode(PNG).decode())), Picture("webp", PNG)),
        (lambda: urls(QUrl("data:image/png;base64,%%%")), Address()),
        (lambda: urls(QUrl("data:image/png;base64,")), Address()),
        (lambda: urls(QUrl("data:text/html;base64,aGk=")), Address()),
        (lambda: urls(WEB), Address()),
        (lambda: text(" FTP://example.org/cat.jpg "), Address()),
        (lambda: text("see https://example.org"), Words("see https://example.org")),
        (lambda: text(" wooden\n\t table "), Words("wooden table")),
        (lambda: text(" \n "), None),
        (lambda: data({"application/x-other": b"?"}), None),
    ],
)
def test_the_best_of_what_is_sent_along_is_taken(mime: Any, means: Meaning | None) -> None:
    assert meaning(mime()) == means
    assert offers_anything(mime()) == (means is not None)


def test_files_come_before_pictures_and_folders_are_told_apart(tmp_path: Path) -> None:
    folder, files = str(tmp_path), ("/b.jpg", "/a.jpg")
    mime = urls(file_url(files[0]), WEB, file_url(folder), file_url(files[1]))
    mime.setData("image/png", PNG)
    assert meaning(mime) == Files(files, (folder,))


def test_pixels_without_an_encoding_become_a_png() -> None:
    image = QImage(3, 2, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.green)
    mime = QMimeData()
    mime.setImageData(image)
    assert offers_anything(mime)
    picture = meaning(mime)
    assert isinstance(picture, Picture)
    assert picture.suffix == "png"
    assert QImage.fromData(picture.content).pixelColor(1, 1) == Qt.GlobalColor.green


# --- keeping a picture -----------------------------------------------------------------------------------


def test_the_same_picture_is_kept_once_and_another_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    first = Picture("png", PNG).keep(folder)
    assert first.read_bytes() == PNG
    assert Picture("png", PNG).keep(folder) == first
    other = Picture("png", PNG + b"!").keep(folder)
    assert sorted(folder.iterdir()) == sorted([first, other])


def test_a_picture_that_cannot_be_kept_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError):
        Picture("png", PNG).keep(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- while it is dragged ---------------------------------------------------------------------------------


def test_the_place_says_what_a_drop_would_do(qtbot: Any, tmp_path: Path) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    bar = QueryBar(tmp_path, window)
    place = DropPlace(bar, window)
    window.resize(800, 600)
    window.show()
    picture = QMimeData()
    picture.setData("image/png", PNG)
    said = []
    for mime in (
        urls(file_url("/a.jpg")),
        picture,
        urls(file_url(str(tmp_path))),
        urls(QUrl("https://e.org")),
        text("x"),
    ):
        place.open(mime)
        said.append(place.text())
    assert said[0] == said[1]
    assert len(set(said)) == 4
    assert place.geometry() == window.rect()
    assert window.childAt(400, 300) is not place
    place.grab()
    place.close()
    assert place.isHidden()
