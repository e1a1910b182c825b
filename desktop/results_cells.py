"""What one cell of the grid looks like, and the pictures kept ready for it.

Everything costly (scaling, text, rounded corners) is drawn once into pixmaps; painting a cell then is a few
copies. All colours come from the widget's palette.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container
from dataclasses import dataclass, field

from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QImage,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QPixmap,
    QPolygonF,
    QTextLayout,
    QTextOption,
)

from desktop.clip_controls import clock

OUTSET = 4
"""How far a cell's frame may reach outside it: half the gap between two cells."""
_RADIUS = 5.0
_BAR = 3
_MOST_LABELS = 2048


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


# --- what is kept of a file ------------------------------------------------------------------------------


@dataclass
class Thumb:
    """A file's thumbnail as it came, and as it is drawn."""

    image: QImage
    text: str
    duration: float
    pixels: int
    """The size it was asked for; an image may be smaller, if the original is."""
    face: QPixmap | None = None
    """Scaled for the cell it was last drawn in."""
    look: int = -1
    """The `CellPainter.version` that `face` was made by."""

    @property
    def is_empty(self) -> bool:
        return self.image.isNull() and not self.text

    @property
    def cost(self) -> int:
        face = 0 if self.face is None else self.face.width() * self.face.height() * 4
        return int(self.image.sizeInBytes()) + face + len(self.text) * 2 + 256


class ThumbCache:
    """Thumbnails by file id, the longest unused forgotten when they take more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._thumbs: OrderedDict[int, Thumb] = OrderedDict()
        self.cost = 0

    def __len__(self) -> int:
        return len(self._thumbs)

    def get(self, id_: int) -> Thumb | None:
        return self._thumbs.get(id_)

    def touch(self, id_: int) -> Thumb | None:
        """The thumbnail, now the latest used."""
        thumb = self._thumbs.get(id_)
        if thumb is not None:
            self._thumbs.move_to_end(id_)
        return thumb

    def put(self, id_: int, thumb: Thumb) -> None:
        old = self._thumbs.pop(id_, None)
        self.cost += thumb.cost - (old.cost if old is not None else 0)
        self._thumbs[id_] = thumb

    def set_face(self, thumb: Thumb, face: QPixmap, look: int) -> None:
        self.cost -= thumb.cost
        thumb.face, thumb.look = face, look
        self.cost += thumb.cost

    def trim(self, kept: Container[int]) -> None:
        """Forget the longest unused until the rest fits; those in `kept` (what is on the screen) stay in any case."""
        if self.cost <= self._limit:
            return
        for id_ in [id_ for id_ in self._thumbs if id_ not in kept]:
            self.cost -= self._thumbs.pop(id_).cost
            if self.cost <= self._limit:
                return

    def drop(self, id_: int) -> None:
        thumb = self._thumbs.pop(id_, None)
        self.cost -= thumb.cost if thumb is not None else 0

    def clear(self) -> None:
        self._thumbs.clear()
        self.cost = 0


@dataclass
class Strip:
    """A clip's frames, evenly spaced, and those drawn so far."""

    frames: tuple[QImage, ...]
    faces: dict[int, QPixmap] = field(default_factory=dict)
    look: int = -1


# --- how it is drawn -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CellState:
    """What there is to say about a file in its cell."""

    id: int
    name: str
    rank: int
    """0 is not judged."""
    score: float
    """NaN is not judged."""
    is_failed: bool
    is_clip: bool
    is_selected: bool
    is_hovered: bool


@dataclass(frozen=True)
class Scrub:
    """The filmstrip frame under the pointer, and where in the clip it is (0..1)."""

    frame: QPixmap
    place: float


@dataclass
class _Colors:
    base: QColor = field(default_factory=QColor)
    cell: QColor = field(default_factory=QColor)
    hover: QColor = field(default_factory=QColor)
    text: QColor = field(default_factory=QColor)
    dim: QColor = field(default_factory=QColor)
    line: QColor = field(default_factory=QColor)
    accent: QColor = field(default_factory=QColor)
    on_accent: QColor = field(default_factory=QColor)
    paper: QColor = field(default_factory=QColor)
    ink: QColor = field(default_factory=QColor)


class CellPainter:
    """Draws cells of one size in one palette and font; `prepare` when any of them changes."""

    def __init__(self) -> None:
        self.version = 0
        """Rises whenever faces made before no longer fit."""
        self._key: tuple[object, ...] = ()
        self._colors = _Colors()
        self._cell = 0
        self._ratio = 1.0
        self._has_caption = False
        self._caption_font = QFont()
        self._badge_font = QFont()
        self._caption_height = 0
        self._backs: dict[tuple[bool, bool, bool], QPixmap] = {}
        self._labels: dict[tuple[object, ...], QPixmap] = {}
        self._inner = QRect()
        self._bar = QRect()

    def prepare(self, palette: QPalette, font: QFont, cell: int, ratio: float, *, has_caption: bool) -> bool:
        """Get ready for cells of `cell` pixels at the device pixel ratio `ratio`. Returns whether anything changed."""
        key = (palette.cacheKey(), font.key(), cell, ratio, has_caption)
        if key == self._key:
            return False
        self._key = key
        self.version += 1
        self._cell, self._ratio, self._has_caption = cell, ratio, has_caption
        self._caption_font = tabular(font, 0.92)
        self._badge_font = tabular(font, 0.82, bold=True)
        self._caption_height = QFontMetrics(self._caption_font).height()
        self._colors = _colors_of(palette)
        self._backs.clear()
        self._labels.clear()
        pad = self.pad
        self._bar = QRect(pad, cell - pad // 2 - _BAR, cell - 2 * pad, _BAR)
        self._inner = QRect(pad, pad, cell - 2 * pad, cell - 2 * pad - _BAR - 1)
        return True

    @staticmethod
    def caption_space(font: QFont) -> int:
        """The height that a caption needs below its cell."""
        return QFontMetrics(tabular(font, 0.92)).height() + 6

    @property
    def pad(self) -> int:
        return 8 if self._cell >= 128 else 5

    @property
    def inner(self) -> QRect:
        """Where in the cell its picture goes."""
        return self._inner

    @property
    def base(self) -> QColor:
        return self._colors.base

    # --- faces

    def face(self, thumb: Thumb, wanted: int) -> QPixmap:
        """The thumbnail as it is drawn in a cell: a whole picture, or a sheet with a text's first lines."""
        return self._sheet(thumb.text) if thumb.image.isNull() else self.scaled(thumb.image, thumb.pixels >= wanted)

    def scaled(self, image: QImage, is_final: bool = True) -> QPixmap:
        """`image` in full inside the cell. A final one is not blown up: a small original stays small and sharp."""
        size = self._fitted(image.size(), is_final) * self._ratio
        size = size.expandedTo(QSize(1, 1))
        if size != image.size():
            image = image.scaled(size, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation)
        made = QPixmap.fromImage(image)
        made.setDevicePixelRatio(self._ratio)
        return made

    def frame(self, strip: Strip, place: float) -> QPixmap:
        """The frame of a clip at `place` (0..1) of its length."""
        if strip.look != self.version:
            strip.faces.clear()
            strip.look = self.version
        number = min(len(strip.frames) - 1, int(place * len(strip.frames)))
        if number not in strip.faces:
            strip.faces[number] = self.scaled(strip.frames[number], is_final=False)
        return strip.faces[number]

    def _fitted(self, size: QSize, is_final: bool) -> QSize:
        room = self._inner.size()
        if is_final and size.width() <= room.width() and size.height() <= room.height():
            return size
        return size.scaled(room, Qt.AspectRatioMode.KeepAspectRatio)

    def _sheet(self, text: str) -> QPixmap:
        room = self._inner.size()
        height = room.height()
        width = min(room.width(), round(height * 0.8))
        made = self._blank(width, height)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(mixed(self._colors.paper, self._colors.line, 0.5), 1))
        painter.setBrush(self._colors.paper)
        painter.drawRoundedRect(QRectF(0.5, 0.5, width - 1, height - 1), 2, 2)
        margin = max(5, width // 11)
        font = QFont(self._caption_font)
        font.setPixelSize(max(7, min(13, width // 13)))
        metrics = QFontMetrics(font)
        painter.setPen(self._colors.ink)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        # Begins below the rank, which may lie over the sheet's corner.
        y, step = max(float(margin), QFontMetrics(self._badge_font).height() + 2.0), metrics.height() * 1.12
        for paragraph in text[:2000].splitlines():
            if not paragraph.strip():
                y += step * 0.5
                continue
            layout = QTextLayout(paragraph.strip(), font)
            layout.setTextOption(option)
            layout.beginLayout()
            while (line := layout.createLine()).isValid():
                if y + metrics.height() > height - margin:
                    break
                line.setLineWidth(width - 2 * margin)
                line.setPosition(QPointF(0, 0))
                line.draw(painter, QPointF(margin, y))
                y += step
            layout.endLayout()
            if y + metrics.height() > height - margin:
                break
        painter.end()
        return made

    # --- a cell

    def paint(
        self, painter: QPainter, at: QPoint, state: CellState, thumb: Thumb | None, scrub: Scrub | None, shown: float
    ) -> None:
        """Draw a cell with its upper left corner at `at`; its picture with the opacity `shown`."""
        x, y, cell, colors = at.x(), at.y(), self._cell, self._colors
        is_judged = state.rank > 0
        painter.drawPixmap(x - OUTSET, y - OUTSET, self._back(state.is_selected, state.is_hovered, is_judged))
        picture = self._picture(painter, at, state, thumb, scrub, shown)
        if is_judged:
            bar = self._bar
            length = max(1, round(bar.width() * min(1.0, max(0.0, state.score))))
            painter.fillRect(x + bar.x(), y + bar.y(), length, _BAR, colors.accent)
        if scrub is not None:
            mark = picture.left() + round((picture.width() - 3) * scrub.place)
            painter.fillRect(mark, picture.top(), 3, picture.height(), translucent(colors.base, 0.6))
            painter.fillRect(mark + 1, picture.top(), 1, picture.height(), colors.text)
        if is_judged:
            painter.drawPixmap(x + 3, y + 3, self._badge(str(state.rank)))
        elif state.is_failed:
            painter.drawPixmap(x + 3, y + 3, self._badge("!"))
        if state.is_clip and thumb is not None:
            badge = self._badge(clock(thumb.duration) if thumb.duration > 0 else "", has_mark=True)
            width, height = round(badge.width() / self._ratio), round(badge.height() / self._ratio)
            right, bottom = x + self._inner.right() + 1, y + self._inner.bottom() + 1
            if picture.isValid() and picture.width() >= width + 8:
                right, bottom = picture.right() + 1, picture.bottom() + 1
            if self._has_caption or not state.is_hovered:  # else the name is there
                painter.drawPixmap(right - width - 3, bottom - height - 3, badge)
        if state.is_selected:
            painter.drawPixmap(x + cell - 21, y + 3, self._check())
        if self._has_caption:
            painter.drawPixmap(x, y + cell + 5, self._caption(state))
        elif state.is_hovered:
            self._hover_strip(painter, at, state)

    def paint_focus(self, painter: QPainter, at: QPoint, is_active: bool) -> None:
        """The ring around the current cell; thin and grey while the keyboard is elsewhere."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        width = 1.5 if is_active else 1.0
        painter.setPen(QPen(self._colors.text if is_active else self._colors.dim, width))
        reach = OUTSET - width / 2
        edge = self._cell + 2 * reach
        painter.drawRoundedRect(QRectF(at.x() - reach, at.y() - reach, edge, edge), _RADIUS + reach, _RADIUS + reach)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def _picture(
        self,
        painter: QPainter,
        at: QPoint,
        state: CellState,
        thumb: Thumb | None,
        scrub: Scrub | None,
        shown: float,
    ) -> QRect:
        inner = self._inner.translated(at)
        face = scrub.frame if scrub is not None else thumb.face if thumb is not None else None
        if face is None and (state.is_failed or (thumb is not None and thumb.is_empty)):
            face = self._glyph(state.is_failed)
        if face is None and (thumb is None or thumb.image.isNull()):
            return QRect()
        if shown < 1:
            painter.setOpacity(shown)
        if face is None:
            assert thumb is not None
            size = self._fitted(thumb.image.size(), False)
            place = _centred(size, inner)
            painter.drawImage(place, thumb.image)  # fast and rough; the sharp one follows within a few frames
        elif thumb is not None and thumb.face is face and thumb.look != self.version:
            size = QSize(round(face.width() / self._ratio), round(face.height() / self._ratio))
            place = _centred(size.scaled(inner.size(), Qt.AspectRatioMode.KeepAspectRatio), inner)
            painter.drawPixmap(place, face)
        else:
            size = QSize(round(face.width() / self._ratio), round(face.height() / self._ratio))
            place = _centred(size, inner)
            painter.drawPixmap(place.topLeft(), face)
        if shown < 1:
            painter.setOpacity(1.0)
        return place

    def _hover_strip(self, painter: QPainter, at: QPoint, state: CellState) -> None:
        cell = self._cell
        strip = self._label(
            ("strip", state.name, f"{state.score:.2f}" if state.rank else ""),
            lambda: self._strip(state.name, f"{state.score:.2f}" if state.rank else ""),
        )
        height = round(strip.height() / self._ratio)
        painter.drawPixmap(at.x(), at.y() + cell - height - (_BAR + self.pad // 2 + 1 if state.rank else 0), strip)

    def count_badge(self, count: int) -> QPixmap:
        """How many files are being dragged."""
        return self._badge(str(count))

    # --- things drawn once

    def _blank(self, width: int, height: int) -> QPixmap:
        made = QPixmap(QSize(max(1, width), max(1, height)) * self._ratio)
        made.setDevicePixelRatio(self._ratio)
        made.fill(Qt.GlobalColor.transparent)
        return made

    def _label(self, key: tuple[object, ...], make: Callable[[], QPixmap]) -> QPixmap:
        made = self._labels.get(key)
        if made is None:
            if len(self._labels) >= _MOST_LABELS:
                del self._labels[next(iter(self._labels))]  # the oldest; all at once would be felt
            made = self._labels[key] = make()
        return made

    def _back(self, is_selected: bool, is_hovered: bool, is_judged: bool) -> QPixmap:
        key = (is_selected, is_hovered, is_judged)
        made = self._backs.get(key)
        if made is None:
            made = self._backs[key] = self._make_back(*key)
        return made

    def _make_back(self, is_selected: bool, is_hovered: bool, is_judged: bool) -> QPixmap:
        """The cell without its picture; with the track of the score bar once there is a score."""
        colors, edge = self._colors, self._cell + 2 * OUTSET
        made = QPixmap(QSize(edge, edge) * self._ratio)
        made.setDevicePixelRatio(self._ratio)
        made.fill(colors.base)
        fill = colors.hover if is_hovered else colors.cell
        if is_selected:
            fill = mixed(fill, colors.accent, 0.22)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        box = QRectF(OUTSET, OUTSET, self._cell, self._cell)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        painter.drawRoundedRect(box, _RADIUS, _RADIUS)
        if is_selected:
            painter.setPen(QPen(colors.accent, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(box, _RADIUS, _RADIUS)
        if is_judged:
            painter.fillRect(self._bar.translated(OUTSET, OUTSET), colors.line)
        painter.end()
        return made

    def _badge(self, text: str, *, has_mark: bool = False) -> QPixmap:
        return self._label(("badge", text, has_mark), lambda: self._make_badge(text, has_mark))

    def _make_badge(self, text: str, has_mark: bool) -> QPixmap:
        metrics = QFontMetrics(self._badge_font)
        height = metrics.height() + 3
        mark = 13 if has_mark else 0
        width = metrics.horizontalAdvance(text) + mark + (10 if text else 6)
        width = max(height, width)
        # A re-sort brings a hundred new ranks at once: only their figures are drawn, the rest is copied.
        made = QPixmap(self._label(("plate", width, has_mark), lambda: self._make_plate(width, height, has_mark)))
        painter = QPainter(made)
        painter.setPen(self._colors.text)
        painter.setFont(self._badge_font)
        painter.drawText(QRect(mark, 0, width - mark, height), Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return made

    def _make_plate(self, width: int, height: int, has_mark: bool) -> QPixmap:
        made = self._blank(width, height)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(translucent(self._colors.base, 0.84))
        painter.drawRoundedRect(QRectF(0, 0, width, height), 4, 4)
        if has_mark:
            middle = height / 2
            painter.setBrush(self._colors.text)
            painter.drawPolygon(QPolygonF([QPointF(6, middle - 4), QPointF(6, middle + 4), QPointF(12.5, middle)]))
        painter.end()
        return made

    def _check(self) -> QPixmap:
        return self._label(("check",), self._make_check)

    def _make_check(self) -> QPixmap:
        made = self._blank(18, 18)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._colors.on_accent, 1.2))
        painter.setBrush(self._colors.accent)
        painter.drawEllipse(QRectF(1, 1, 16, 16))
        pen = QPen(self._colors.on_accent, 1.8)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF([QPointF(5.4, 9.4), QPointF(8, 12), QPointF(12.8, 6.6)]))
        painter.end()
        return made

    def _glyph(self, is_failed: bool) -> QPixmap:
        return self._label(("glyph", is_failed), lambda: self._make_glyph(is_failed))

    def _make_glyph(self, is_failed: bool) -> QPixmap:
        """A sheet with a folded corner; with an exclamation mark if the file can't be read."""
        height = max(28, min(64, self._inner.height() // 3))
        width, fold = round(height * 0.78), height * 0.26
        made = self._blank(width + 2, height + 2)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(self._colors.dim, max(1.3, height / 30))
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        path = QPainterPath(QPointF(width - fold, 1))
        for point in ((1, 1), (1, height), (width, height), (width, 1 + fold)):
            path.lineTo(QPointF(*point))
        path.closeSubpath()
        path.moveTo(width - fold, 1)
        path.lineTo(width - fold, 1 + fold)
        path.lineTo(width, 1 + fold)
        painter.drawPath(path)
        if is_failed:
            x = width / 2 + 0.5
            painter.drawLine(QPointF(x, height * 0.45), QPointF(x, height * 0.68))
            painter.setBrush(self._colors.dim)
            painter.drawEllipse(QPointF(x, height * 0.81), pen.widthF() * 0.35, pen.widthF() * 0.35)
        painter.end()
        return made

    def _caption(self, state: CellState) -> QPixmap:
        score = f"{state.score:.2f}" if state.rank else ""
        key = ("caption", state.name, score, state.is_failed)
        return self._label(key, lambda: self._make_caption(state.name, score))

    def _make_caption(self, name: str, score: str) -> QPixmap:
        metrics = QFontMetrics(self._caption_font)
        width, height = self._cell, self._caption_height
        made = self._blank(width, height)
        painter = QPainter(made)
        painter.setFont(self._caption_font)
        box = QRect(2, 0, width - 4, height)
        if score:
            painter.setPen(self._colors.text)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, score)
            box.setRight(box.right() - metrics.horizontalAdvance(score) - 8)
        painter.setPen(self._colors.dim)
        elided = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
        painter.end()
        return made

    def _strip(self, name: str, score: str) -> QPixmap:
        font = self._badge_font
        metrics = QFontMetrics(font)
        width, height = self._cell, metrics.height() + 4
        made = self._blank(width, height)
        painter = QPainter(made)
        painter.fillRect(0, 0, width, height, translucent(self._colors.base, 0.88))
        painter.setFont(font)
        painter.setPen(self._colors.text)
        box = QRect(5, 0, width - 10, height)
        if score:
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, score)
            box.setRight(box.right() - metrics.horizontalAdvance(score) - 5)
        elided = metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, box.width())
        painter.drawText(box, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, elided)
        painter.end()
        return made


def _colors_of(palette: QPalette) -> _Colors:
    role = QPalette.ColorRole
    text, base = palette.color(role.Text), palette.color(role.Base)
    cell = palette.color(role.AlternateBase)
    # Paper is lighter than the cell it lies on, in a dark window as in a light one, and never white.
    is_dark = text.lightnessF() > base.lightnessF()
    paper = mixed(cell, text, 0.12) if is_dark else mixed(cell, QColor.fromRgbF(1, 1, 1), 0.65)
    return _Colors(
        base=base,
        cell=cell,
        hover=mixed(cell, text, 0.09),  # of the cell, so that it shows in a theme whose controls are as grey
        text=text,
        dim=palette.color(role.PlaceholderText),
        line=palette.color(role.Mid),
        accent=palette.color(role.Highlight),
        on_accent=palette.color(role.HighlightedText),
        paper=paper,
        ink=mixed(paper, text, 0.82),
    )


def _centred(size: QSize, room: QRect) -> QRect:
    return QRect(
        room.x() + (room.width() - size.width()) // 2,
        room.y() + (room.height() - size.height()) // 2,
        size.width(),
        size.height(),
    )
