"""How a cell of the grid is put together: ground, picture, score, rank, marks.

Everything costly is drawn once into pixmaps (`results_faces`, `results_marks`); painting a cell then is a few copies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPalette, QPen, QPixmap

from desktop.clip_controls import clock
from desktop.results_faces import Thumb, fitted
from desktop.results_look import BAR, OUTSET, RADIUS, Look, look_of, translucent
from desktop.results_marks import CHECK, Marks, Pile, Sign
from desktop.score_words import written_score

_INSET = 3
"""Between the marks in a cell's corners and its edge."""
_DRAGGED = 96
"""The side of the picture that is dragged along with files."""


@dataclass(frozen=True)
class CellState:
    """What there is to say about a file in its cell."""

    id: int
    name: str
    rank: int
    """0 is not judged."""
    score: float
    """NaN is not judged, though it may still have the rank it had before."""
    is_failed: bool
    is_clip: bool
    is_selected: bool
    is_hovered: bool
    is_found: bool = False
    """Whether its score is the finder's: the judge has not looked at it yet."""
    alike: int = 0
    """How many files share its stack; 0 if it stands alone."""
    is_unfolded: bool = False
    """Whether those stand beside it."""
    is_first: bool = True
    """Whether it is the first of them: the one that says how many there are."""

    @property
    def pile(self) -> Pile:
        return Pile.NONE if not self.alike else Pile.UNFOLDED if self.is_unfolded else Pile.FOLDED

    @property
    def is_judged(self) -> bool:
        """Whether there is a score to show, a finder's or a judge's."""
        return self.rank > 0 and not math.isnan(self.score)

    @property
    def written_score(self) -> str:
        return written_score(self.score, is_found=self.is_found) if self.is_judged else ""


@dataclass(frozen=True)
class Scrub:
    """The filmstrip frame under the pointer, and where in the clip it is (0..1)."""

    frame: QPixmap
    share: float


class CellPainter:
    """Draws cells of one size in one palette and font; `prepare` when any of them changes."""

    def __init__(self) -> None:
        self._key: tuple[object, ...] = ()
        self.look: Look
        """Another one whenever faces made before no longer fit."""
        self.prepare(QPalette(), QFont(), 16, 1.0, has_caption=False)

    def prepare(self, palette: QPalette, font: QFont, cell: int, ratio: float, *, has_caption: bool) -> bool:
        """Get ready for cells of `cell` pixels at the device pixel ratio `ratio`. Returns whether anything changed."""
        key = (palette.cacheKey(), font.key(), cell, ratio, has_caption)
        if key == self._key:
            return False
        self._key = key
        self.look = look_of(palette, font, cell, ratio, has_caption=has_caption)
        self._marks = Marks(self.look)
        return True

    def paint(
        self, painter: QPainter, at: QPoint, state: CellState, thumb: Thumb | None, scrub: Scrub | None, shown: float
    ) -> None:
        """Draw a cell with its upper left corner at `at`; its picture with the opacity `shown`."""
        look, marks = self.look, self._marks
        x, y, is_judged = at.x(), at.y(), state.is_judged
        ground = marks.ground(
            is_selected=state.is_selected,
            is_hovered=state.is_hovered,
            has_track=is_judged and not state.is_found,
            pile=state.pile,
        )
        painter.drawPixmap(x - OUTSET, y - OUTSET, ground)
        picture = self._paint_picture(painter, at, state, thumb, scrub, shown)
        if scrub is not None:
            self._paint_playhead(painter, picture, scrub.share)
        if is_judged:
            length = max(1, round(look.bar.width() * min(1.0, max(0.0, state.score))))
            if state.is_found:  # a line in place of the bar, a frame in place of the plate: as long as it is a guess
                painter.fillRect(x + look.bar.x(), y + look.bar.y() + BAR // 2, length, 1, look.colors.dim)
            else:
                painter.fillRect(x + look.bar.x(), y + look.bar.y(), length, BAR, look.colors.accent)
            painter.drawPixmap(x + _INSET, y + _INSET, marks.badge(str(state.rank), is_guess=state.is_found))
        elif state.is_failed:
            painter.drawPixmap(x + _INSET, y + _INSET, marks.badge("!"))
        is_clip = state.is_clip or (thumb is not None and thumb.is_clip)
        if is_clip and thumb is not None and (look.has_caption or not state.is_hovered):  # else the name is there
            self._paint_duration(painter, at, picture, thumb.duration)
        below = 0
        if state.alike and state.is_first:
            place = self.stack_badge(state.alike)
            painter.drawPixmap(at + place.topLeft(), marks.badge(str(state.alike), Sign.STACK))
            below = place.height() + _INSET
        if state.is_selected:
            painter.drawPixmap(x + look.cell - CHECK - _INSET, y + _INSET + below, marks.check())
        if look.has_caption:
            painter.drawPixmap(x, y + look.cell + 5, marks.caption(state.name, state.written_score))
        elif state.is_hovered:
            self._paint_foot(painter, at, state)

    def stack_badge(self, alike: int) -> QRect:
        """Where in a cell it says how many files share it: what a click there unfolds or folds."""
        size = self.look.size_of(self._marks.badge(str(alike), Sign.STACK))
        return QRect(QPoint(self.look.cell - size.width() - _INSET, _INSET), size)

    def paint_focus(self, painter: QPainter, at: QPoint, is_active: bool) -> None:
        """The ring around the current cell; thin and grey while the keyboard is elsewhere."""
        colors = self.look.colors
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        width = 1.5 if is_active else 1.0
        painter.setPen(QPen(colors.text if is_active else colors.dim, width))
        reach = OUTSET - width / 2
        edge = self.look.cell + 2 * reach
        painter.drawRoundedRect(QRectF(at.x() - reach, at.y() - reach, edge, edge), RADIUS + reach, RADIUS + reach)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def paint_band(self, painter: QPainter, rect: QRect) -> None:
        """The rubber band."""
        accent = self.look.colors.accent
        painter.setPen(QPen(accent, 1))
        painter.setBrush(translucent(accent, 0.14))
        painter.drawRect(QRectF(rect).adjusted(0.5, 0.5, -0.5, -0.5))

    def dragged(self, face: QPixmap | None, count: int) -> QPixmap:
        """What goes along with the pointer when `count` files are dragged; `face` is the first one's, if it has one."""
        made = self.look.blank(_DRAGGED, _DRAGGED)
        painter = QPainter(made)
        if face is not None:
            small = face.scaled(
                made.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            painter.setOpacity(0.85)
            painter.drawPixmap(0, 0, small)
            painter.setOpacity(1.0)
        if count > 1 or face is None:
            painter.drawPixmap(4, 4, self._marks.badge(str(count)))
        painter.end()
        return made

    @property
    def base(self) -> QColor:
        """The ground between the cells."""
        return self.look.colors.base

    def _paint_picture(
        self, painter: QPainter, at: QPoint, state: CellState, thumb: Thumb | None, scrub: Scrub | None, shown: float
    ) -> QRect:
        """Returns where it is; an empty rectangle if there is nothing to show yet."""
        look = self.look
        room = look.picture.translated(at)
        face = scrub.frame if scrub is not None else thumb.face if thumb is not None else None
        is_of_another_look = scrub is None and thumb is not None and thumb.look is not look
        if face is None and (state.is_failed or (thumb is not None and thumb.is_empty)):
            face, is_of_another_look = self._marks.sheet(is_failed=state.is_failed), False
        if face is None and (thumb is None or thumb.image.isNull()):
            return QRect()
        if shown < 1:
            painter.setOpacity(shown)
        if face is None:
            assert thumb is not None
            place = _centred(fitted(thumb.image.size(), look, is_final=False), room)
            painter.drawImage(place, thumb.image)  # fast and rough; the sharp one follows within a few frames
        elif is_of_another_look:
            place = _centred(look.size_of(face).scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio), room)
            painter.drawPixmap(place, face)
        else:
            place = _centred(look.size_of(face), room)
            painter.drawPixmap(place.topLeft(), face)
        if shown < 1:
            painter.setOpacity(1.0)
        return place

    def _paint_playhead(self, painter: QPainter, picture: QRect, share: float) -> None:
        colors = self.look.colors
        mark = picture.left() + round((picture.width() - 3) * share)
        painter.fillRect(mark, picture.top(), 3, picture.height(), translucent(colors.base, 0.6))
        painter.fillRect(mark + 1, picture.top(), 1, picture.height(), colors.text)

    def _paint_duration(self, painter: QPainter, at: QPoint, picture: QRect, duration: float) -> None:
        badge = self._marks.badge(clock(duration) if duration > 0 else "", Sign.PLAY)
        size = self.look.size_of(badge)
        room = picture if picture.width() >= size.width() + 8 else self.look.picture.translated(at)
        painter.drawPixmap(room.right() + 1 - size.width() - _INSET, room.bottom() + 1 - size.height() - _INSET, badge)

    def _paint_foot(self, painter: QPainter, at: QPoint, state: CellState) -> None:
        foot = self._marks.foot(state.name, state.written_score)
        above = BAR + self.look.pad // 2 + 1 if state.is_judged else 0
        painter.drawPixmap(at.x(), at.y() + self.look.cell - self.look.size_of(foot).height() - above, foot)


def _centred(size: QSize, room: QRect) -> QRect:
    return QRect(
        room.x() + (room.width() - size.width()) // 2,
        room.y() + (room.height() - size.height()) // 2,
        size.width(),
        size.height(),
    )
