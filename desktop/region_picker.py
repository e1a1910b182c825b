"""How a person says which part of a picture counts: a rectangle drawn on it, by mouse or by keyboard.

A rectangle is a `Region`, in fractions of the upright picture, from the first press on: what is drawn here is what
the engine cuts out, at whatever size the picture is shown. Like the previews, it opens no file: it asks and is fed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from core import Facts, Region
from core.errors import printable
from desktop import theme
from desktop.overlay import Overlay
from desktop.preview import ElidedLabel

LEAST = 0.02
"""The least share of a side that a region has; what is drawn smaller was meant as a click."""
STEP, FINE_STEP = 0.02, 0.002
"""How far an arrow key moves an edge, in shares of the side; with Ctrl the finer one."""
PICTURE_PIXELS = 2048
"""The longest side of the picture asked for: sharp over a whole screen, and 12 MB at most."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Grip:
    """What of a rectangle is held: for each direction the edge before (-1), the one behind (+1) or neither (0).

    Neither in both directions is the rectangle as a whole.
    """

    across: int
    down: int


WHOLE = Grip(0, 0)
GRIPS = tuple(Grip(across, down) for down in (-1, 0, 1) for across in (-1, 0, 1) if (across, down) != (0, 0))


def drawn(start: Point, end: Point) -> Region | None:
    """The region between two points of the picture, cut off at its edges; None if it is no larger than a click."""
    left, right = sorted(min(max(point[0], 0.0), 1.0) for point in (start, end))
    top, bottom = sorted(min(max(point[1], 0.0), 1.0) for point in (start, end))
    if right - left < LEAST or bottom - top < LEAST:
        return None
    return Region(left, top, right, bottom)


def dragged(region: Region, grip: Grip, dx: float, dy: float) -> Region:
    """The region with what is held of it moved; it stays in the picture and keeps its least size."""
    left, right = _dragged_span(region.left, region.right, grip.across, grip == WHOLE, dx)
    top, bottom = _dragged_span(region.top, region.bottom, grip.down, grip == WHOLE, dy)
    return Region(left, top, right, bottom)


def _dragged_span(low: float, high: float, side: int, is_whole: bool, by: float) -> tuple[float, float]:
    if is_whole:
        by = min(max(by, -low), 1.0 - high)
        return max(low + by, 0.0), min(high + by, 1.0)
    if side < 0:
        return min(max(low + by, 0.0), max(high - LEAST, 0.0)), high
    if side > 0:
        return low, max(min(high + by, 1.0), min(low + LEAST, 1.0))
    return low, high


class RegionView(QWidget):
    """A picture on which one rectangle can be drawn (drag), moved (drag it, arrow keys) and resized (its edges,
    Shift and arrow keys); a click beside it takes it away."""

    changed = Signal()

    _REACH = 8.0
    """So near, in logical pixels, the pointer takes hold of an edge."""
    _ARROWS: ClassVar[dict[int, Point]] = {
        Qt.Key.Key_Left: (-1, 0),
        Qt.Key.Key_Right: (1, 0),
        Qt.Key.Key_Up: (0, -1),
        Qt.Key.Key_Down: (0, 1),
    }

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._shown = QPixmap()
        self._region: Region | None = None
        self._pressed_at: Point | None = None
        self._before: Region | None = None  # the region when the button went down
        self._grip: Grip | None = None  # None while a new one is drawn
        self._ringed = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAccessibleDescription(
            self.tr(
                "Arrow keys move the part, with Shift they resize it, with Ctrl in small steps; Delete takes it away."
            )
        )

    def region(self) -> Region | None:
        """What is drawn, or None for nothing."""
        return self._region

    def set_region(self, region: Region | None) -> None:
        if region != self._region:
            self._region = region
            self.changed.emit()
            self.update()

    def set_picture(self, image: QImage) -> None:
        """Show an upright picture whole; a null image empties the view."""
        self._image = image
        self._shown = QPixmap()
        self.update()

    def has_picture(self) -> bool:
        return not self._image.isNull()

    def place(self) -> QRectF:
        """Where the picture lies, in logical pixels: whole, centred, with room for the grips."""
        room = QRectF(self.rect()).adjusted(8, 8, -8, -8)
        size = self._image.size().scaled(room.size().toSize(), Qt.AspectRatioMode.KeepAspectRatio)
        # A panorama of 1,000:1 is still a line that can be grasped.
        place = QRectF(0, 0, max(size.width(), 1), max(size.height(), 1))
        place.moveCenter(room.center())
        return QRectF(place.toRect())

    def rectangle(self) -> QRectF | None:
        """Where the region lies, in logical pixels."""
        if self._region is None:
            return None
        place, region = self.place(), self._region
        return QRectF(
            QPointF(place.left() + region.left * place.width(), place.top() + region.top * place.height()),
            QPointF(place.left() + region.right * place.width(), place.top() + region.bottom * place.height()),
        )

    # --- the pointer

    def _point(self, at: QPointF) -> Point:
        place = self.place()
        return ((at.x() - place.left()) / place.width(), (at.y() - place.top()) / place.height())

    def _grip_at(self, at: QPointF) -> Grip | None:
        """What of the rectangle is under the pointer."""
        rectangle = self.rectangle()
        if rectangle is None:
            return None
        across = _edge(at.x(), rectangle.left(), rectangle.right(), self._REACH)
        down = _edge(at.y(), rectangle.top(), rectangle.bottom(), self._REACH)
        if across is None or down is None:
            return None
        return Grip(across, down)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self.has_picture():
            self._pressed_at = self._point(event.position())
            self._before = self._region
            self._grip = self._grip_at(event.position())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._pressed_at is None:
            self._show_cursor(self._grip_at(event.position()))
            return
        start, end = self._pressed_at, self._point(event.position())
        if self._grip is None or self._before is None:
            self.set_region(drawn(start, end))
        else:
            self.set_region(dragged(self._before, self._grip, end[0] - start[0], end[1] - start[1]))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed_at is not None and self._grip is None:
            self.set_region(drawn(self._pressed_at, self._point(event.position())))
        self._pressed_at = self._before = None
        self._show_cursor(self._grip_at(event.position()))

    def _show_cursor(self, grip: Grip | None) -> None:
        if not self.has_picture():
            self.unsetCursor()
        elif grip is None:
            self.setCursor(Qt.CursorShape.CrossCursor)
        elif grip == WHOLE:
            self.setCursor(Qt.CursorShape.SizeAllCursor)
        elif not grip.down:
            self.setCursor(Qt.CursorShape.SizeHorCursor)
        elif not grip.across:
            self.setCursor(Qt.CursorShape.SizeVerCursor)
        else:
            falling = grip.across == grip.down
            self.setCursor(Qt.CursorShape.SizeFDiagCursor if falling else Qt.CursorShape.SizeBDiagCursor)

    # --- the keyboard

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self.has_picture():
            super().keyPressEvent(event)
        elif event.key() in self._ARROWS:
            self._nudge(*self._ARROWS[event.key()], event.modifiers())
        elif event.key() in (Qt.Key.Key_Delete, Qt.Key.Key_Backspace):
            self.set_region(None)
        else:
            super().keyPressEvent(event)

    def _nudge(self, across: float, down: float, modifiers: Qt.KeyboardModifier) -> None:
        if self._region is None:
            self.set_region(Region(0.25, 0.25, 0.75, 0.75))  # something to begin with
            return
        step = FINE_STEP if modifiers & Qt.KeyboardModifier.ControlModifier else STEP
        grip = Grip(1, 1) if modifiers & Qt.KeyboardModifier.ShiftModifier else WHOLE
        self.set_region(dragged(self._region, grip, across * step, down * step))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self._ringed = event.reason() in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._ringed = False
        self.update()

    # --- how it looks

    def sizeHint(self) -> QSize:
        return QSize(640, 480)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._shown = QPixmap()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self.has_picture():
            place = self.place()
            painter.drawPixmap(place.topLeft(), self._reduced(place.size().toSize()))
            rectangle = self.rectangle()
            if rectangle is not None:
                self._paint_rectangle(painter, place, rectangle)
        if self._ringed:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _reduced(self, size: QSize) -> QPixmap:
        """The picture in the screen's own pixels; made once for each size."""
        if self._shown.isNull():
            ratio = self.devicePixelRatioF()
            image = self._image.scaled(
                size * ratio, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            self._shown = QPixmap.fromImage(image)
            self._shown.setDevicePixelRatio(ratio)
        return self._shown

    def _paint_rectangle(self, painter: QPainter, place: QRectF, rectangle: QRectF) -> None:
        """What is left out steps back; the edge is light on dark, to be seen on any picture."""
        outside = QPainterPath()
        outside.addRect(place)
        inside = QPainterPath()
        inside.addRect(rectangle)
        veil = QColor(self.palette().color(QPalette.ColorRole.Base))
        veil.setAlphaF(0.72)
        painter.fillPath(outside - inside, veil)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        for colour, width in ((QColor(20, 20, 20, 150), 3.0), (QColor(245, 245, 245), 1.0)):
            painter.setPen(
                QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap, Qt.PenJoinStyle.MiterJoin)
            )
            painter.drawRect(rectangle)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(20, 20, 20, 150), 1))
        painter.setBrush(QColor(245, 245, 245))
        is_small = min(rectangle.width(), rectangle.height()) < 48
        for grip in GRIPS:
            if is_small and not (grip.across and grip.down):
                continue
            x = rectangle.center().x() + grip.across * rectangle.width() / 2
            y = rectangle.center().y() + grip.down * rectangle.height() / 2
            painter.drawRoundedRect(QRectF(x - 3.5, y - 3.5, 7, 7), 1.5, 1.5)


def _edge(at: float, low: float, high: float, reach: float) -> int | None:
    """Which end of a span is at hand: -1, +1, 0 between them, None outside. In a short one the reach is shorter."""
    reach = min(reach, max((high - low) / 3, 3.0))
    if not low - reach <= at <= high + reach:
        return None
    if min(abs(at - low), abs(at - high)) > reach:
        return 0
    return -1 if abs(at - low) < abs(at - high) else 1


class RegionPicker(Overlay):
    """Lies over the whole window and asks which part of one picture counts; Esc leaves everything as it was."""

    picture_wanted = Signal(object, int)
    """Path (str) and the longest side in pixels; answer with `set_picture` or `set_failure`."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._path = ""
        self._size = (0, 0)
        self._choose: Callable[[Region | None], object] | None = None
        self.setAccessibleName(self.tr("Part of a picture"))
        self.view = RegionView(self)
        self.view.changed.connect(self._show_region)
        self._wait = QLabel(self)
        self._wait.setFont(theme.normal())
        self._wait.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._wait.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._wait.setTextFormat(Qt.TextFormat.PlainText)
        self._wait.setWordWrap(True)
        air = QHBoxLayout()
        air.setContentsMargins(16, 16, 16, 8)
        air.addWidget(self.view)
        air.addWidget(self._wait)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(air, 1)
        column.addLayout(self._build_line())
        self.hide()

    def _build_line(self) -> QHBoxLayout:
        """What is under the picture: its name, what to do or what is drawn, and the three ways out."""
        self._name = ElidedLabel(self)
        self._name.setFont(theme.normal())
        self._said = ElidedLabel(self)
        self._said.setFont(theme.tabular(theme.small()))
        self._said.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        words = QVBoxLayout()
        words.setSpacing(2)
        words.addWidget(self._name)
        words.addWidget(self._said)
        self.cancel_button = QPushButton(self.tr("Cancel"), self)
        self.cancel_button.setToolTip(self.tr("Leave the query as it is (Esc)"))
        self.cancel_button.clicked.connect(self.hide)
        self.whole_button = QPushButton(self.tr("Whole picture"), self)
        self.whole_button.clicked.connect(lambda: self._end(None))
        self.part_button = QPushButton(self.tr("Use this part"), self)
        self.part_button.setProperty("primary", True)
        self.part_button.clicked.connect(lambda: self._end(self.view.region()))
        line = QHBoxLayout()
        line.setContentsMargins(16, 8, 16, 12)
        line.setSpacing(8)
        line.addLayout(words, 1)
        for button in (self.cancel_button, self.whole_button, self.part_button):
            button.setFont(theme.normal())
            button.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
            line.addWidget(button)
        return line

    def pick(
        self,
        path: str,
        name: str,
        region: Region | None,
        choose: Callable[[Region | None], object],
        standing_in: QImage | None = None,
    ) -> None:
        """Open on a picture with `region` drawn; `choose` is called with what the person decides, None for the whole.

        `standing_in` is shown until the large picture comes. Esc calls nothing.
        """
        self._path, self._choose, self._size = path, choose, (0, 0)
        self._name.setText(str(printable(name)))
        self.view.setAccessibleName(self.tr("Part of {name}").format(name=printable(name)))
        self.view.set_picture(standing_in if standing_in is not None else QImage())
        self.view.set_region(region)
        self._show_wait(self.tr("Opening the picture …"))
        self._show_region()
        self.cover()
        (self.view if self.view.has_picture() else self.cancel_button).setFocus()
        self.picture_wanted.emit(path, PICTURE_PIXELS)

    def set_picture(self, path: str, image: QImage, facts: Facts) -> None:
        """The answer to `picture_wanted`; ignored if another picture is shown by now."""
        if path == self._path and not self.isHidden() and not image.isNull():
            was_waiting = not self.view.has_picture()
            self._size = (facts.width, facts.height)
            self.view.set_picture(image)
            self._show_wait("")
            self._show_region()
            if was_waiting:
                self.view.setFocus()

    def set_failure(self, path: str, sentence: str) -> None:
        """The other answer: why the picture can't be shown."""
        if path == self._path and not self.isHidden():
            self.view.set_picture(QImage())
            self._show_wait(sentence)
            self._show_region()

    def words(self) -> str:
        """What it says of the part that is drawn, or of what to do."""
        return self._said.text()

    def wait(self) -> str:
        """What stands in place of a picture, or nothing."""
        return "" if self._wait.isHidden() else self._wait.text()

    def _show_wait(self, text: str) -> None:
        has_picture = self.view.has_picture()
        self.view.setVisible(has_picture)
        self._wait.setVisible(not has_picture)
        self._wait.setText(text)

    def _show_region(self) -> None:
        region = self.view.region()
        usable = region is not None and self.view.has_picture()
        self.part_button.setEnabled(usable)
        hint = self.tr("Draw a rectangle over the part that counts, or press an arrow key")
        self.part_button.setToolTip(self.tr("Find what looks like this part (Enter)") if usable else hint)
        self.whole_button.setEnabled(self.view.has_picture())
        if region is None:
            self._said.setText(hint if self.view.has_picture() else "")
            return
        share = self.tr("{width} × {height} % of the picture").format(
            width=round(100 * (region.right - region.left)), height=round(100 * (region.bottom - region.top))
        )
        if self._size[0]:
            pixels = self.tr("{width} × {height} pixels").format(
                width=max(1, round((region.right - region.left) * self._size[0])),
                height=max(1, round((region.bottom - region.top) * self._size[1])),
            )
            share = f"{share} · {pixels}"
        self._said.setText(share)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self.view, share))

    def _end(self, region: Region | None) -> None:
        choose = self._choose
        self.hide()
        if choose is not None:
            choose(region)

    # --- Qt ------------------------------------------------------------------------------------------------

    def let_go(self) -> None:
        self.view.set_picture(QImage())
        self._path, self._choose = "", None

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.hide()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            focus = QApplication.focusWidget()
            button = focus if isinstance(focus, QPushButton) else self.part_button
            if button.isEnabled():
                button.click()

    def focusNextPrevChild(self, next: bool) -> bool:
        """Tab stays inside: what lies under it can't be seen."""
        places: list[QWidget] = [self.view, self.cancel_button, self.whole_button, self.part_button]
        usable = [place for place in places if place.isVisible() and place.isEnabled()]
        focus = QApplication.focusWidget()
        at = usable.index(focus) if focus in usable else -1
        reason = Qt.FocusReason.TabFocusReason if next else Qt.FocusReason.BacktabFocusReason
        usable[(at + (1 if next else -1)) % len(usable)].setFocus(reason)
        return True

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            # While it is open the window's shortcuts sleep, but for those that end the program.
            assert isinstance(event, QKeyEvent)
            if event.key() != Qt.Key.Key_Q:
                event.accept()
                return True
        return super().event(event)
