"""How the small things of a cell are drawn: its ground, badges, check mark, caption. Each once, then copied."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

from desktop.results_look import OUTSET, RADIUS, Look, mixed, translucent

CHECK = 18
"""The check mark's side."""
_MOST = 2048
"""How many pixmaps are kept; captions and ranks are as many as there are files."""
_MARK = 13
"""The room of a sign in its badge."""

_MIDDLE = Qt.AlignmentFlag.AlignVCenter


class Sign(Enum):
    """What a badge may begin with."""

    NONE = auto()
    PLAY = auto()
    STACK = auto()


class Pile(Enum):
    """How a cell is one of several that show the same."""

    NONE = auto()
    FOLDED = auto()
    """It stands for the others: their edges show behind it."""
    UNFOLDED = auto()
    """It lies beside the others: one ground ties them together."""


class Marks:
    """The pixmaps of one look."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._drawn: dict[tuple[object, ...], QPixmap] = {}

    def ground(self, *, is_selected: bool, is_hovered: bool, has_track: bool, pile: Pile = Pile.NONE) -> QPixmap:
        """The cell without its picture, OUTSET larger on every side; with the score bar's track if it has one."""
        return self._once(
            ("ground", is_selected, is_hovered, has_track, pile),
            lambda: self._ground(is_selected, is_hovered, has_track, pile),
        )

    def badge(self, text: str, sign: Sign = Sign.NONE, *, is_guess: bool = False) -> QPixmap:
        """A few characters on a plate that can be read over any picture; framed and quiet if they are a guess."""
        return self._once(("badge", text, sign, is_guess), lambda: self._badge(text, sign, is_guess))

    def check(self) -> QPixmap:
        return self._once(("check",), self._check)

    def sheet(self, *, is_failed: bool) -> QPixmap:
        """In place of a picture that can't be shown, with an exclamation mark if the file can't be judged either."""
        return self._once(("sheet", is_failed), lambda: self._sheet(is_failed))

    def caption(self, name: str, score: str) -> QPixmap:
        """What stands below a large cell."""
        return self._once(("caption", name, score), lambda: self._caption(name, score))

    def foot(self, name: str, score: str) -> QPixmap:
        """The same over the foot of a small one, while it is hovered."""
        return self._once(("foot", name, score), lambda: self._foot(name, score))

    def _once(self, key: tuple[object, ...], draw: Callable[[], QPixmap]) -> QPixmap:
        made = self._drawn.get(key)
        if made is None:
            if len(self._drawn) >= _MOST:
                del self._drawn[next(iter(self._drawn))]  # the oldest; all at once would be felt
            made = self._drawn[key] = draw()
        return made

    def _ground(self, is_selected: bool, is_hovered: bool, has_track: bool, pile: Pile) -> QPixmap:
        look, colors = self._look, self._look.colors
        made = look.blank(look.cell + 2 * OUTSET, look.cell + 2 * OUTSET)
        # Half the gap to each neighbour is filled too: unfolded cells of a stack lie on one band.
        made.fill(mixed(colors.base, colors.text, 0.22) if pile is Pile.UNFOLDED else colors.base)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if pile is Pile.FOLDED:
            self._draw_edges(painter)
        box = QRectF(OUTSET, OUTSET, look.cell, look.cell)
        painter.setPen(QPen(colors.accent, 2) if is_selected else Qt.PenStyle.NoPen)
        painter.setBrush(colors.hovered if is_hovered else colors.selected if is_selected else colors.cell)
        painter.drawRoundedRect(box, RADIUS, RADIUS)
        if has_track:
            painter.fillRect(look.bar.translated(OUTSET, OUTSET), colors.line)
        painter.end()
        return made

    def _draw_edges(self, painter: QPainter) -> None:
        """The upper edges of two more cells behind this one."""
        colors, side = self._look.colors, self._look.cell
        painter.setPen(Qt.PenStyle.NoPen)
        for inset, top, share in ((12, 0, 0.14), (6, 2, 0.26)):
            painter.setBrush(mixed(colors.cell, colors.text, share))
            painter.drawRoundedRect(QRectF(OUTSET + inset, top, side - 2 * inset, 2 * RADIUS), 2, 2)
        painter.setBrush(colors.base)
        painter.drawRect(QRectF(0, OUTSET, side + 2 * OUTSET, 2 * RADIUS))  # the cell's own corners stay round

    def _badge(self, text: str, sign: Sign, is_guess: bool) -> QPixmap:
        metrics = QFontMetrics(self._look.badge_font)
        height = metrics.height() + 3
        mark = 0 if sign is Sign.NONE else _MARK
        width = max(height, metrics.horizontalAdvance(text) + mark + (10 if text else 6))
        # A re-sort brings a hundred new ranks at once: only their figures are drawn, the rest is copied.
        plate = self._once(("plate", width, sign, is_guess), lambda: self._plate(width, height, sign, is_guess))
        made = QPixmap(plate)
        painter = QPainter(made)
        painter.setPen(self._look.colors.dim if is_guess else self._look.colors.text)
        painter.setFont(self._look.guess_font if is_guess else self._look.badge_font)
        painter.drawText(QRect(mark, 0, width - mark, height), Qt.AlignmentFlag.AlignCenter, text)
        painter.end()
        return made

    def _plate(self, width: int, height: int, sign: Sign, is_guess: bool) -> QPixmap:
        made = self._look.blank(width, height)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(self._look.colors.dim, 1) if is_guess else Qt.PenStyle.NoPen)
        painter.setBrush(translucent(self._look.colors.base, 0.84))
        edge = 0.5 if is_guess else 0.0
        painter.drawRoundedRect(QRectF(0, 0, width, height).adjusted(edge, edge, -edge, -edge), 4, 4)
        painter.setPen(Qt.PenStyle.NoPen)
        middle = height / 2
        painter.setBrush(self._look.colors.text)
        if sign is Sign.STACK:
            for inset, top in ((2.0, -4.5), (1.0, -2.3)):
                painter.drawRect(QRectF(5 + inset, middle + top, 8 - 2 * inset, 1.1))
            painter.drawRoundedRect(QRectF(5, middle, 8, 4.5), 1, 1)
        elif sign is Sign.PLAY:
            painter.drawPolygon(QPolygonF([QPointF(6, middle - 4), QPointF(6, middle + 4), QPointF(12.5, middle)]))
        painter.end()
        return made

    def _check(self) -> QPixmap:
        colors = self._look.colors
        made = self._look.blank(CHECK, CHECK)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colors.on_accent, 1.2))
        painter.setBrush(colors.accent)
        painter.drawEllipse(QRectF(1, 1, CHECK - 2, CHECK - 2))
        pen = QPen(colors.on_accent, 1.8)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF([QPointF(5.4, 9.4), QPointF(8, 12), QPointF(12.8, 6.6)]))
        painter.end()
        return made

    def _sheet(self, is_failed: bool) -> QPixmap:
        """A sheet with a folded corner."""
        dim = self._look.colors.dim
        height = max(28, min(64, self._look.picture.height() // 3))
        width, fold = round(height * 0.78), height * 0.26
        made = self._look.blank(width + 2, height + 2)
        painter = QPainter(made)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        pen = QPen(dim, max(1.3, height / 30))
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
            painter.setBrush(dim)
            painter.drawEllipse(QPointF(x, height * 0.81), pen.widthF() * 0.35, pen.widthF() * 0.35)
        painter.end()
        return made

    def _caption(self, name: str, score: str) -> QPixmap:
        look, font = self._look, self._look.caption_font
        made = look.blank(look.cell, QFontMetrics(font).height())
        painter = QPainter(made)
        painter.setFont(font)
        painter.setPen(look.colors.text)
        box = _written_right(painter, QRect(2, 0, look.cell - 4, QFontMetrics(font).height()), score, 8)
        painter.setPen(look.colors.dim)
        _written_left(painter, box, name)
        painter.end()
        return made

    def _foot(self, name: str, score: str) -> QPixmap:
        look, font = self._look, self._look.badge_font
        height = QFontMetrics(font).height() + 4
        made = look.blank(look.cell, height)
        painter = QPainter(made)
        painter.fillRect(0, 0, look.cell, height, translucent(look.colors.base, 0.88))
        painter.setFont(font)
        painter.setPen(look.colors.text)
        box = _written_right(painter, QRect(5, 0, look.cell - 10, height), score, 5)
        _written_left(painter, box, name)
        painter.end()
        return made


def _written_right(painter: QPainter, box: QRect, words: str, gap: int) -> QRect:
    """Write at the right of the box; returns what is left of it."""
    if not words:
        return box
    painter.drawText(box, Qt.AlignmentFlag.AlignRight | _MIDDLE, words)
    return box.adjusted(0, 0, -painter.fontMetrics().horizontalAdvance(words) - gap, 0)


def _written_left(painter: QPainter, box: QRect, words: str) -> None:
    elided = painter.fontMetrics().elidedText(words, Qt.TextElideMode.ElideMiddle, box.width())
    painter.drawText(box, Qt.AlignmentFlag.AlignLeft | _MIDDLE, elided)
