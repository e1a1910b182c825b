"""What a drag or the clipboard holds, what of it a query can use, and how the window says so while it is dragged.

Nothing is fetched and nothing is decoded here: a picture that another program sends along is kept as it came.

Paths keep the undecodable bytes of their names, as `os.fsdecode` gives them.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from PySide6.QtCore import QBuffer, QIODevice, QMimeData, QRect, QRectF, Qt, QUrl
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPalette, QPen
from PySide6.QtWidgets import QWidget

from desktop import theme

if TYPE_CHECKING:
    from desktop.query_bar import QueryBar


# Lossless first: a browser offers the same picture in several encodings.
_PICTURE_TYPES = {
    "image/png": "png",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/tiff": "tif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/jpeg": "jpg",
}


# --- files as addresses ----------------------------------------------------------------------------------


def local_path(url: QUrl) -> str:
    """The path that a file URL names, its undecodable bytes kept; empty if the URL is not a file here."""
    if not url.isLocalFile():
        return ""
    if os.name == "nt":
        return url.toLocalFile()
    # toLocalFile() turns bytes that are no UTF-8 into replacement characters.
    return os.fsdecode(unquote_to_bytes(url.path(QUrl.ComponentFormattingOption.FullyEncoded)))


def file_url(path: str) -> QUrl:
    """The URL of a file, by the very bytes of its name."""
    if os.name == "nt":
        return QUrl.fromLocalFile(path)
    return QUrl.fromEncoded(b"file://" + quote(os.fsencode(path)).encode("ascii"))


# --- what it means for a query ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Files:
    """Files and folders of this machine, in the order in which they came."""

    files: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """A picture without a file, as another program encoded it."""

    suffix: str
    content: bytes

    def keep(self, folder: Path) -> Path:
        """The picture as a file of `folder`, named by its content, so that the same one is kept once.

        The folder is made when it is first needed. Raises OSError.
        """
        path = folder / f"{hashlib.blake2b(self.content, digest_size=16).hexdigest()}.{self.suffix}"
        if not path.exists():
            _write_whole(path, self.content)
        return path


@dataclass(frozen=True)
class Address:
    """A web address without what is there: nothing is fetched."""


@dataclass(frozen=True)
class Words:
    """Words on one line, single spaces between them."""

    text: str


Meaning: TypeAlias = Files | Picture | Address | Words


def offers_anything(mime: QMimeData) -> bool:
    """Whether there is anything for a query in it, as far as can be told without taking the data over."""
    return mime.hasUrls() or has_picture(mime) or bool(mime.hasText() and mime.text().strip())


def has_picture(mime: QMimeData) -> bool:
    """Whether a picture is sent along, as far as can be told without taking the data over."""
    return mime.hasImage() or any(mime.hasFormat(name) for name in _PICTURE_TYPES)


def meaning(mime: QMimeData) -> Meaning | None:
    """What was dropped or pasted: local files, else a picture's bytes, else a web address, else words, or nothing."""
    paths = _paths(mime)
    if paths:
        folders = tuple(path for path in paths if os.path.isdir(path))
        return Files(tuple(path for path in paths if path not in folders), folders)
    if picture := _picture(mime):
        return picture
    text = mime.text() if mime.hasText() else ""
    if mime.hasUrls() or _is_address(text):
        return Address()
    words = " ".join(text.split())
    return Words(words) if words else None


def _paths(mime: QMimeData) -> list[str]:
    return [path for path in map(local_path, mime.urls()) if path]


def _is_address(text: str) -> bool:
    words = text.split()
    return len(words) == 1 and words[0].lower().startswith(("http://", "https://", "ftp://"))


def _picture(mime: QMimeData) -> Picture | None:
    """The picture that a browser or the clipboard sends along."""
    for name, suffix in _PICTURE_TYPES.items():
        if mime.hasFormat(name) and (content := mime.data(name).data()):
            return Picture(suffix, bytes(content))
    for url in mime.urls():
        if url.scheme() == "data" and (
            found := _picture_in_address(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        ):
            return found
    return _picture_of_pixels(mime.imageData()) if mime.hasImage() else None


def _picture_in_address(address: str) -> Picture | None:
    """The picture that a data: address carries inside itself (RFC 2397)."""
    head, _, body = address.removeprefix("data:").partition(",")
    type_, *parameters = head.split(";")
    if type_ not in _PICTURE_TYPES or "base64" not in parameters:
        return None
    try:
        content = b64decode(unquote_to_bytes(body), validate=True)
    except ValueError:
        return None
    return Picture(_PICTURE_TYPES[type_], content) if content else None


def _picture_of_pixels(image: object) -> Picture | None:
    """The picture of which the system's clipboard holds no encoding, only the pixels."""
    if not isinstance(image, QImage) or image.isNull():
        return None
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    saved = image.save(buffer, "PNG")  # type: ignore[call-overload]
    return Picture("png", bytes(buffer.data().data())) if saved else None


def _write_whole(path: Path, content: bytes) -> None:
    """Write a file that is either all there or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


# --- while it is dragged ---------------------------------------------------------------------------------


class DropPlace(QWidget):
    """Says where a drag over `window` may go: dims it, and opens a place at the query bar. Takes no events itself."""

    def __init__(self, bar: QueryBar, window: QWidget) -> None:
        super().__init__(window)
        self._bar = bar
        self._window = window
        self._text = ""
        # The drag itself must reach the widgets behind.
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setFont(theme.normal())
        self.hide()

    def open(self, mime: QMimeData) -> None:
        """Show over the whole window what a drop of `mime` would do; `close()` when the drag leaves or ends."""
        self._text = self._promise(mime)
        self.setAccessibleName(self._text)
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()

    def text(self) -> str:
        """What the place says a drop would do."""
        return self._text

    def _promise(self, mime: QMimeData) -> str:
        # Not by its `meaning`: until it is dropped, the other program isn't made to hand its picture over.
        paths = _paths(mime)
        if paths and os.path.isdir(paths[0]):
            return self.tr("Drop to open this folder")
        in_address = any(url.scheme() == "data" for url in mime.urls())
        if paths or has_picture(mime) or in_address:
            return self.tr("Drop to find what looks like it")
        if mime.hasUrls() or _is_address(mime.text()):
            return self.tr("A web address can't be used: drag the picture itself")
        return self.tr("Drop to look for these words")

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        dim = palette.color(QPalette.ColorRole.Window)
        dim.setAlphaF(0.8)
        painter.fillRect(self.rect(), dim)
        field = self._bar.field_rect()
        place = QRectF(QRect(self._bar.mapTo(self._window, field.topLeft()), field.size())).adjusted(1, 1, -1, 48)
        painter.setPen(QPen(palette.color(QPalette.ColorRole.Highlight), 2))
        painter.setBrush(self._bar.field_ground())
        painter.drawRoundedRect(place, 6, 6)
        painter.setPen(palette.color(QPalette.ColorRole.Text))
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter, self._text)
