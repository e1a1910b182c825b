"""Which colours, type and measures a cell of the grid has: worked out once for a palette, a font and a size."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPalette, QPixmap

OUTSET = 4
"""How far a cell's frame may reach outside it: half the gap between two cells."""
RADIUS = 5.0
BAR = 3
"""The height of the score bar."""
_CAPTION_GAP = 6
"""Between a cell and its caption, and below it."""


def tabular(font: QFont, scale: float = 1.0, *, bold: bool = False) -> QFont:
    """`font` with figures of equal width, so that changing numbers don't dance."""
    made = QFont(font)
    if font.pointSizeF() > 0:
        made.setPointSizeF(font.pointSizeF() * scale)
    else:
        made.setPixelSize(max(1, round(font.pixelSize() * scale)))
    made.setFeature(QFont.Tag.fromString("tnum"), 1)
    if bold:
        made.setWeight(QFont.Weight.DemiBold)
    return made


def mixed(one: QColor, other: QColor, share: float) -> QColor:
    """`one` with `share` (0..1) of `other` in it."""
    return QColor.fromRgbF(
        one.redF() + (other.redF() - one.redF()) * share,
        one.greenF() + (other.greenF() - one.greenF()) * share,
        one.blueF() + (other.blueF() - one.blueF()) * share,
    )


def translucent(color: QColor, alpha: float) -> QColor:
    made = QColor(color)
    made.setAlphaF(alpha)
    return made


def caption_space(font: QFont) -> int:
    """The height that a caption needs below its cell in a widget of this font."""
    return QFontMetrics(_caption_font(font)).height() + _CAPTION_GAP


def _caption_font(font: QFont) -> QFont:
    return tabular(font, 0.92)


@dataclass(frozen=True)
class Colors:
    """A cell's colours, all from one palette."""

    base: QColor
    """The ground between the cells."""
    cell: QColor
    hovered: QColor
    selected: QColor
    text: QColor
    dim: QColor
    line: QColor
    accent: QColor
    on_accent: QColor
    paper: QColor
    """A text's sheet, and what is written on it."""
    ink: QColor


def colors_of(palette: QPalette) -> Colors:
    """The colours that a palette with this program's roles (see `theme`) gives a cell."""
    role = QPalette.ColorRole
    text, base = palette.color(role.Text), palette.color(role.Base)
    cell = palette.color(role.AlternateBase)
    # Paper is lighter than the cell it lies on, in a dark window as in a light one, and never white.
    is_dark = text.lightnessF() > base.lightnessF()
    paper = mixed(cell, text, 0.12) if is_dark else mixed(cell, QColor.fromRgbF(1, 1, 1), 0.65)
    return Colors(
        base=base,
        cell=cell,
        hovered=mixed(cell, text, 0.09),  # of the cell, so that it shows in a theme whose controls are as grey
        # Grey as well: a tint beside a picture would change how its colours look. The frame says it in the accent.
        selected=mixed(cell, text, 0.05),
        text=text,
        dim=palette.color(role.PlaceholderText),
        line=palette.color(role.Mid),
        accent=palette.color(role.Highlight),
        on_accent=palette.color(role.HighlightedText),
        paper=paper,
        ink=mixed(paper, text, 0.82),
    )


@dataclass(frozen=True, eq=False)
class Look:
    """How cells of one size look in one palette and font. Compared by identity: what was drawn for one fits no other.

    Rectangles are in device-independent pixels from the cell's upper left corner.
    """

    colors: Colors
    caption_font: QFont
    badge_font: QFont
    guess_font: QFont
    """Of a rank that may still change much."""
    cell: int
    """Its side."""
    ratio: float
    """Device pixels to one of them."""
    has_caption: bool
    """Whether the file's name and score stand below it, not over its foot while hovered."""
    pad: int
    """Between the cell's edge and its picture."""
    picture: QRect
    bar: QRect

    @property
    def needed_pixels(self) -> int:
        """The longer side, in device pixels, of the largest picture that fits."""
        return round(max(self.picture.width(), self.picture.height()) * self.ratio)

    def blank(self, width: int, height: int) -> QPixmap:
        """A transparent pixmap of that size, at least 1 x 1, to draw something once."""
        made = QPixmap(QSize(max(1, width), max(1, height)) * self.ratio)
        made.setDevicePixelRatio(self.ratio)
        made.fill(Qt.GlobalColor.transparent)
        return made

    def size_of(self, pixmap: QPixmap) -> QSize:
        """The size of something that was drawn for this look, or for one of the same ratio."""
        return QSize(round(pixmap.width() / self.ratio), round(pixmap.height() / self.ratio))


def look_of(palette: QPalette, font: QFont, cell: int, ratio: float, *, has_caption: bool) -> Look:
    """The look of cells of `cell` pixels on a screen of the device pixel ratio `ratio`."""
    pad = 8 if cell >= 128 else 5
    return Look(
        colors=colors_of(palette),
        caption_font=_caption_font(font),
        badge_font=tabular(font, 0.82, bold=True),
        guess_font=tabular(font, 0.82),
        cell=cell,
        ratio=ratio,
        has_caption=has_caption,
        pad=pad,
        picture=QRect(pad, pad, cell - 2 * pad, cell - 2 * pad - BAR - 1),
        bar=QRect(pad, cell - pad // 2 - BAR, cell - 2 * pad, BAR),
    )
