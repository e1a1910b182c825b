"""How a file's thumbnail is fitted to a cell: scaled in full, or a text's first lines on a sheet of paper."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QImage, QPainter, QPen, QPixmap, QTextLayout, QTextLine, QTextOption

from desktop.results_look import Look, mixed

_SHEET_CHARACTERS = 2000
"""More of a text than this fits on no sheet."""


@dataclass
class Thumb:
    """A file's thumbnail as it came, and as it is drawn."""

    image: QImage
    text: str
    duration: float
    pixels: int
    """The size it was asked for; an image may be smaller, if the original is."""
    is_clip: bool = False
    """Whether it turned out to be a clip, as an animated picture does."""
    face: QPixmap | None = None
    """Fitted to the cell it was last drawn in."""
    look: Look | None = None
    """What `face` was made for."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show of the file."""
        return self.image.isNull() and not self.text

    @property
    def cost(self) -> int:
        """Bytes, roughly."""
        face = 0 if self.face is None else self.face.width() * self.face.height() * 4
        return int(self.image.sizeInBytes()) + face + len(self.text) * 2 + 256


@dataclass
class Strip:
    """A clip's frames, evenly spaced, and those fitted to a cell so far."""

    frames: tuple[QImage, ...]
    faces: dict[int, QPixmap] = field(default_factory=dict)
    look: Look | None = None

    def face_at(self, share: float, look: Look) -> QPixmap:
        """The frame at `share` (0..1) of the clip's length. There must be frames."""
        if self.look is not look:
            self.faces.clear()
            self.look = look
        number = min(len(self.frames) - 1, int(share * len(self.frames)))
        if number not in self.faces:
            self.faces[number] = scaled(self.frames[number], look, is_final=False)
        return self.faces[number]


def face_of(thumb: Thumb, look: Look, wanted_pixels: int) -> QPixmap:
    """The thumbnail as it is drawn in a cell; a thumbnail of fewer than `wanted_pixels` is not yet the final one."""
    if thumb.image.isNull():
        return _sheet(thumb.text, look)
    return scaled(thumb.image, look, is_final=thumb.pixels >= wanted_pixels)


def fitted(size: QSize, look: Look, *, is_final: bool) -> QSize:
    """The size that a picture of `size` has in a cell. A final one is not blown up: a small original stays sharp."""
    room = look.picture.size()
    if is_final and size.width() <= room.width() and size.height() <= room.height():
        return size
    return size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)


def scaled(image: QImage, look: Look, *, is_final: bool) -> QPixmap:
    """`image` in full at its `fitted` size, sharp on the look's screen."""
    size = (fitted(image.size(), look, is_final=is_final) * look.ratio).expandedTo(QSize(1, 1))
    if size != image.size():
        image = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
    made = QPixmap.fromImage(image)
    made.setDevicePixelRatio(look.ratio)
    return made


def _sheet(text: str, look: Look) -> QPixmap:
    """A sheet of paper with the text's first lines."""
    colors, height = look.colors, look.picture.height()
    width = min(look.picture.width(), round(height * 0.8))
    made = look.blank(width, height)
    painter = QPainter(made)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(mixed(colors.paper, colors.line, 0.5), 1))
    painter.setBrush(colors.paper)
    painter.drawRoundedRect(QRectF(0.5, 0.5, width - 1, height - 1), 2, 2)
    margin = max(5, width // 11)
    font = QFont(look.caption_font)
    font.setPixelSize(max(7, min(13, width // 13)))
    line_height = QFontMetrics(font).height()
    painter.setPen(colors.ink)
    # Begins below the rank, which may lie over the sheet's corner.
    y, step = max(float(margin), QFontMetrics(look.badge_font).height() + 2.0), line_height * 1.12
    for paragraph in text[:_SHEET_CHARACTERS].splitlines():
        if not paragraph.strip():
            y += step * 0.5
            continue
        for line in _lines(paragraph.strip(), font, width - 2 * margin):
            if y + line_height > height - margin:
                break
            line.draw(painter, QPointF(margin, y))
            y += step
        if y + line_height > height - margin:
            break
    painter.end()
    return made


def _lines(paragraph: str, font: QFont, width: int) -> Iterator[QTextLine]:
    """The paragraph broken to `width`, line by line."""
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
    layout = QTextLayout(paragraph, font)
    layout.setTextOption(option)
    layout.beginLayout()
    while (line := layout.createLine()).isValid():
        line.setLineWidth(width)
        line.setPosition(QPointF(0, 0))
        yield line
    layout.endLayout()
