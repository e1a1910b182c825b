"""How one file is shown large: a picture to zoom, a clip to scrub and play, a text to read, or why there is nothing.

`FileView` is what the window knows of a file beforehand; `rank_text` and `ElidedLabel` say it beside a preview.
Nothing here opens a file, but for a clip the person plays: a `PreviewPane` asks by signals and is fed. Paths travel in
signals as `object`, because PySide drops the undecodable bytes of a name when it converts to a Qt string.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QLocale,
    QPoint,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    QUrl,
    Signal,
)
from PySide6.QtGui import (
    QFocusEvent,
    QHideEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import (
    QFrame,
    QGestureEvent,
    QHBoxLayout,
    QLabel,
    QPinchGesture,
    QPlainTextEdit,
    QSizePolicy,
    QStackedLayout,
    QVBoxLayout,
    QWidget,
)

from core import Facts, Kind, format_of
from core.errors import printable
from desktop import theme
from desktop.clip_controls import ClipControls
from desktop.drops import file_url
from desktop.messages import plain_tip
from desktop.score_words import Scale

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QMediaPlayer
    from PySide6.QtMultimediaWidgets import QVideoWidget


# --- what is known of a file -----------------------------------------------------------------------------


@dataclass(frozen=True)
class FileView:
    """What the window knows of a file before it is opened."""

    path: str
    name: str
    folder: str
    kind: Kind
    size: int
    """Bytes."""
    modified: float
    """Seconds since 1970; 0 if it is not known."""
    score: float | None = None
    """0..1, or None if it is not scored."""
    rank: int | None = None
    """From 1, the best."""
    ranked_total: int = 0
    error: str | None = None
    """The sentence that says why it can't be scored."""
    judge: str = ""
    """The model that scored it; empty if it was the built-in matcher."""
    scale: Scale = Scale.LOOKS
    """By whose measure it is scored."""
    found: str = ""
    """That it is only found, and by whom, in a sentence; empty if it is judged."""
    page: int = 0
    """Which page of its file it is, from 0."""
    away: str = ""
    """The sentence that says that its folder can't be reached; empty if it can."""

    @property
    def is_read(self) -> bool:
        """Whether it is a text to read, without a page that could be looked at."""
        form = format_of(self.path)
        return self.kind is Kind.TEXT and not (form is not None and form.has_pages)

    def same_content(self, other: FileView | None) -> bool:
        """Whether a preview made for `other` is one of this file."""
        return other is not None and self._content == other._content

    @property
    def _content(self) -> tuple[str, int, int, float]:
        return self.path, self.page, self.size, self.modified


def rank_text(file: FileView, locale: QLocale) -> str:
    """3 of 2,431; empty for a file without a rank."""
    if file.rank is None:
        return ""
    template = QCoreApplication.translate("Preview", "{rank} of {total}")
    return template.format(rank=locale.toString(file.rank), total=locale.toString(file.ranked_total))


class ElidedLabel(QLabel):
    """One line of text that gives way where `mode` says; whole in the tooltip."""

    def __init__(self, parent: QWidget, mode: Qt.TextElideMode = Qt.TextElideMode.ElideMiddle) -> None:
        super().__init__(parent)
        self._mode = mode
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(plain_tip(text))
        self.setAccessibleName(text)

    def sizeHint(self) -> QSize:
        return QSize(120, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        flags = self.alignment() | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        painter.drawText(self.rect(), flags, self.shown_text())

    def shown_text(self) -> str:
        """What there is room for."""
        return self.fontMetrics().elidedText(self.text(), self._mode, self.width())


# --- where a picture lies in its pane ------------------------------------------------------------------

MOST_SCALE = 16.0


@dataclass(frozen=True)
class Zoom:
    """Which part of a picture a pane shows, in the screen's own pixels; every change keeps the picture in the pane.

    A picture smaller than the pane in one direction lies in its middle; a larger one leaves no gap.
    """

    picture: tuple[float, float]
    """Width and height of the picture in its pixels."""
    pane: tuple[float, float]
    """Width and height of the pane in the screen's pixels."""
    scale: float
    """Screen pixels per picture pixel: 1 is 100 %."""
    centre: tuple[float, float]
    """The point of the picture in the middle of the pane, in its pixels."""

    @classmethod
    def fitted(cls, picture: tuple[float, float], pane: tuple[float, float]) -> Zoom:
        """The whole picture as large as the pane allows, but not enlarged."""
        scale = min(1.0, pane[0] / picture[0], pane[1] / picture[1])
        return cls(picture, pane, scale, (picture[0] / 2, picture[1] / 2))

    @property
    def is_fitted(self) -> bool:
        """Whether the picture is shown whole."""
        return self.scale <= Zoom.fitted(self.picture, self.pane).scale

    def to_picture(self, x: float, y: float) -> tuple[float, float]:
        """The point of the picture under a point of the pane."""
        return (
            self.centre[0] + (x - self.pane[0] / 2) / self.scale,
            self.centre[1] + (y - self.pane[1] / 2) / self.scale,
        )

    def place(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the picture in the pane."""
        return (
            self.pane[0] / 2 - self.centre[0] * self.scale,
            self.pane[1] / 2 - self.centre[1] * self.scale,
            self.picture[0] * self.scale,
            self.picture[1] * self.scale,
        )

    def scaled(self, scale: float, x: float, y: float) -> Zoom:
        """At another scale, with the point of the picture under (x, y) of the pane staying there."""
        scale = min(max(scale, Zoom.fitted(self.picture, self.pane).scale), MOST_SCALE)
        held = self.to_picture(x, y)
        centre = (held[0] - (x - self.pane[0] / 2) / scale, held[1] - (y - self.pane[1] / 2) / scale)
        return replace(self, scale=scale, centre=centre)._kept_in()

    def moved(self, dx: float, dy: float) -> Zoom:
        """The picture pushed by (dx, dy) of the screen's pixels."""
        centre = (self.centre[0] - dx / self.scale, self.centre[1] - dy / self.scale)
        return replace(self, centre=centre)._kept_in()

    def resized(self, pane: tuple[float, float]) -> Zoom:
        """In a pane of another size: a fitted picture stays fitted, a zoomed one keeps its middle."""
        if self.is_fitted:
            return Zoom.fitted(self.picture, pane)
        return replace(self, pane=pane).scaled(self.scale, pane[0] / 2, pane[1] / 2)

    def _kept_in(self) -> Zoom:
        def kept(centre: float, length: float, room: float) -> float:
            half = room / self.scale / 2
            return length / 2 if length <= 2 * half else min(max(centre, half), length - half)

        x, y = (kept(*axis) for axis in zip(self.centre, self.picture, self.pane, strict=True))
        return replace(self, centre=(x, y))


class PictureView(QWidget):
    """A picture that can be zoomed (wheel, pinch, Ctrl and + − 0, double click) and moved (drag, Shift and arrows).

    The picture's true size is told apart from the image at hand: a thumbnail stands in, at the same place and scale,
    until the large one comes.
    """

    detail_wanted = Signal(int)
    """The longest side, in pixels, of the image that would look sharp as shown now."""

    STEP = 1.25
    LEAST_DETAIL, MOST_DETAIL = 512, 8192
    _FACTORS: ClassVar[dict[int, float]] = {
        Qt.Key.Key_Plus: STEP,
        Qt.Key.Key_Equal: STEP,
        Qt.Key.Key_Minus: 1 / STEP,
    }
    _PUSHES: ClassVar[dict[int, tuple[float, float]]] = {
        Qt.Key.Key_Left: (64, 0),
        Qt.Key.Key_Right: (-64, 0),
        Qt.Key.Key_Up: (0, 64),
        Qt.Key.Key_Down: (0, -64),
    }

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = QImage()
        self._crisp = QPixmap()
        self._zoom: Zoom | None = None
        self._grabbed: QPointF | None = None
        self._ringed = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Preview"))
        self.grabGesture(Qt.GestureType.PinchGesture)
        # What is expensive waits until the picture rests.
        self._rested = QTimer(self)
        self._rested.setSingleShot(True)
        self._rested.setInterval(60)
        self._rested.timeout.connect(self._refine)

    def zoom(self) -> Zoom | None:
        """Where the picture lies, or None while there is none."""
        return self._zoom

    def image(self) -> QImage:
        """The image at hand."""
        return self._image

    def set_picture(self, image: QImage, size: tuple[int, int] | None = None, *, keep: bool = False) -> None:
        """Show `image` as a picture of `size` (its own, if not given), fitted, or where the one before was.

        A null image empties the pane.
        """
        self._image = image
        self._crisp = QPixmap()
        if image.isNull():
            self._zoom = None
        else:
            width, height = size or (0, 0)
            picture = (float(width or image.width()), float(height or image.height()))
            if keep and self._zoom is not None:
                self._zoom = self._rescaled(self._zoom, picture)
            else:
                self._zoom = Zoom.fitted(picture, self._pane())
        self._show_cursor()
        self._rested.start()
        self.update()

    @staticmethod
    def _rescaled(before: Zoom, picture: tuple[float, float]) -> Zoom:
        """The same view of the same picture, now that its size is known better."""
        if before.is_fitted:
            return Zoom.fitted(picture, before.pane)
        factor = picture[0] / before.picture[0]
        centre = (before.centre[0] * factor, before.centre[1] * picture[1] / before.picture[1])
        zoom = replace(before, picture=picture, scale=before.scale / factor, centre=centre)
        return zoom.scaled(zoom.scale, zoom.pane[0] / 2, zoom.pane[1] / 2)

    def zoom_by(self, factor: float, at: QPointF | None = None) -> None:
        """Enlarge by `factor` around a point of the widget, or around its middle."""
        if self._zoom is not None:
            self._set_scale(self._zoom.scale * factor, at)

    def show_fitted(self) -> None:
        """Show the whole picture, as large as the pane allows."""
        if self._zoom is not None:
            self._set_zoom(Zoom.fitted(self._zoom.picture, self._zoom.pane))

    def show_actual(self, at: QPointF | None = None) -> None:
        """Show at 100 %: a pixel of the picture is a pixel of the screen."""
        self._set_scale(1.0, at)

    def _set_scale(self, scale: float, at: QPointF | None) -> None:
        if self._zoom is not None:
            ratio = self.devicePixelRatioF()
            point = at if at is not None else QRectF(self.rect()).center()
            self._set_zoom(self._zoom.scaled(scale, point.x() * ratio, point.y() * ratio))

    def _set_zoom(self, zoom: Zoom) -> None:
        if zoom != self._zoom:
            self._zoom = zoom
            self._crisp = QPixmap()
            self._show_cursor()
            self._rested.start()
            self.update()

    def _pane(self) -> tuple[float, float]:
        ratio = self.devicePixelRatioF()
        return (max(self.width() * ratio, 1.0), max(self.height() * ratio, 1.0))

    def _show_cursor(self) -> None:
        if self._grabbed is not None:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self._zoom is not None and not self._zoom.is_fitted:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.unsetCursor()

    def _refine(self) -> None:
        """Ask for the detail that shows now, and reduce a large image properly: painting samples only 2 x 2 pixels."""
        if self._zoom is None:
            return
        longest = max(self._zoom.picture)
        needed = min(longest * min(self._zoom.scale, 1.0), self.MOST_DETAIL)
        if max(self._image.width(), self._image.height()) < min(needed, longest):
            steps = (size for size in (512, 1024, 2048, 4096) if size >= needed)
            self.detail_wanted.emit(next(steps, self.MOST_DETAIL))
        _, _, width, height = map(round, self._zoom.place())
        if width < self._image.width() and width * height <= 2 * self._zoom.pane[0] * self._zoom.pane[1]:
            reduced = self._image.scaled(
                max(width, 1),
                max(height, 1),
                Qt.AspectRatioMode.IgnoreAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self._crisp = QPixmap.fromImage(reduced)
            self.update()

    # --- Qt ------------------------------------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(280, 240)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        if self._zoom is not None:
            self._paint_picture(painter, self._zoom)
        if self._ringed:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_picture(self, painter: QPainter, zoom: Zoom) -> None:
        left, top, width, height = map(round, zoom.place())
        painter.save()
        # In the screen's pixels, so that 100 % is exact on every screen.
        painter.scale(1 / self.devicePixelRatioF(), 1 / self.devicePixelRatioF())
        if self._crisp.isNull():
            # Single pixels are meant to be seen when they are this large.
            smooth = zoom.scale * zoom.picture[0] / self._image.width() < 4
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(QRectF(left, top, width, height), self._image)
        else:
            painter.drawPixmap(left, top, self._crisp)
        painter.restore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._zoom is not None:
            self._set_zoom(self._zoom.resized(self._pane()))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # Who came by keyboard is shown where they are; around a picture just clicked a ring would disturb.
        self._ringed = event.reason() in (
            Qt.FocusReason.TabFocusReason,
            Qt.FocusReason.BacktabFocusReason,
            Qt.FocusReason.ShortcutFocusReason,
        )
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._ringed = False
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self._zoom is None:
            event.ignore()
            return
        self.zoom_by(self.STEP ** (event.angleDelta().y() / 120), event.position())
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() is Qt.MouseButton.LeftButton and self._zoom is not None and not self._zoom.is_fitted:
            self._grabbed = event.position()
            self._show_cursor()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._grabbed is not None and self._zoom is not None:
            by = (event.position() - self._grabbed) * self.devicePixelRatioF()
            self._grabbed = event.position()
            self._set_zoom(self._zoom.moved(by.x(), by.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._grabbed = None
        self._show_cursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self._zoom is not None and self._zoom.is_fitted:
            self.show_actual(event.position())
        else:
            self.show_fitted()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if command := self._command_of(event):
            command()
        else:
            super().keyPressEvent(event)

    def _command_of(self, event: QKeyEvent) -> Callable[[], None] | None:
        """What the key does to the picture, or None if it is not one of the picture's own."""
        if self._zoom is None:
            return None
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if modifiers & Qt.KeyboardModifier.ControlModifier:
            if key in self._FACTORS:
                return partial(self.zoom_by, self._FACTORS[key])
            if key == Qt.Key.Key_0:
                return self.show_fitted
        elif modifiers == Qt.KeyboardModifier.ShiftModifier and key in self._PUSHES:
            return partial(self._set_zoom, self._zoom.moved(*self._PUSHES[key]))
        return None

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            # With the focus here these keys are the picture's, not the window's.
            assert isinstance(event, QKeyEvent)
            if self._command_of(event):
                event.accept()
                return True
        return self._pinched(event) or super().event(event)

    def _pinched(self, event: QEvent) -> bool:
        """Whether the event is a pinch, on a touchpad or a touch screen; the picture has followed it then."""
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_by(1 + event.value(), event.position())
                return True
        elif isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                self.zoom_by(pinch.scaleFactor(), QPointF(self.mapFromGlobal(pinch.centerPoint().toPoint())))
                return True
        return False


# --- one file, whatever it is ----------------------------------------------------------------------------


class _TextView(QPlainTextEdit):
    """A text to read, in lines no longer than the eye follows with ease."""

    CHARACTERS = 72

    def __init__(self, parent: QWidget, name: str) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme.normal())
        self.setAccessibleName(name)
        self.setStyleSheet("QPlainTextEdit { border: none; }")
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.document().setDocumentMargin(0)

    def resizeEvent(self, event: QResizeEvent) -> None:
        measure = self.fontMetrics().averageCharWidth() * self.CHARACTERS
        side = max(16, (self.width() - measure) // 2)
        self.setViewportMargins(side, 16, side, 0)
        super().resizeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        # These would scroll by nothing or by a page; around a text they mean what they mean around a picture.
        if event.key() in (Qt.Key.Key_Space, Qt.Key.Key_Left, Qt.Key.Key_Right):
            event.ignore()
        else:
            super().keyPressEvent(event)


class _WarningSign(QWidget):
    """The warning icon, in the colours of the theme in force."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(24, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme.icon("warning").paint(QPainter(self), self.rect())


class _FailurePage(QWidget):
    """Why there is nothing to see, and that it harms nothing else."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.reason = QLabel(self)
        self.reason.setFont(theme.normal())
        self.reason.setTextFormat(Qt.TextFormat.PlainText)
        advice = QLabel(self.tr("It stays where it is, and all other files are ranked."), self)
        advice.setFont(theme.small())
        advice.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(_WarningSign(self), 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (self.reason, advice):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
            column.addWidget(label)
        column.addStretch(1)


class _Screen(QWidget):
    """Where a clip plays: the video in its own shape, so that nothing black stands beside it."""

    def __init__(self, video: QVideoWidget, shape: QSize, parent: QWidget) -> None:
        super().__init__(parent)
        self.video = video
        self._shape = shape
        video.setParent(self)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        fitted = QRect(QPoint(), self.size())
        if not self._shape.isEmpty():
            fitted.setSize(self._shape.scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio))
        fitted.moveCenter(self.rect().center())
        self.video.setGeometry(fitted)


PAGE_DETAIL = 2
"""How many times the pixels that its facts say a page is drawn with for the eye: it has no pixels of its own."""


class PreviewPane(QWidget):
    """Shows one file large: a picture, a clip's frames and the clip itself, a page, a text, or why there is nothing
    to see."""

    preview_wanted = Signal(object, int, int)
    """Path (str), the longest side in pixels, and the page, from 0; answer with `set_preview` or `set_failure`."""
    frame_wanted = Signal(object, float)
    """Path (str) and seconds; answer with `set_frame`."""

    SCRUB_MILLISECONDS = 40
    BESIDE_FROM = 960
    """From this width on, a page's text stands beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file: FileView | None = None
        self._facts = Facts()
        self._asked = 0
        self._moment: float | None = None  # of a clip whose length is not known yet
        self._player: QMediaPlayer | None = None
        self._screen: _Screen | None = None
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)

        self.picture = PictureView(self)
        self.picture.detail_wanted.connect(self._ask_for)
        self.text = _TextView(self, self.tr("Text of the file"))
        self.page_text = _TextView(self, self.tr("Text of the page"))
        self.page_text.setFixedWidth(380)
        self._leaf = QWidget(self)
        leaf = QHBoxLayout(self._leaf)
        leaf.setContentsMargins(0, 0, 0, 0)
        leaf.setSpacing(0)
        leaf.addWidget(self.picture, 1)
        leaf.addWidget(self.page_text)
        self._failure = _FailurePage(self)
        self._pages = QStackedLayout()
        for page in (self._leaf, self.text, self._failure):
            self._pages.addWidget(page)
        self.controls = ClipControls(self)
        self.controls.hide()
        self.controls.play_button.clicked.connect(self._toggle_playing)
        self.controls.scrubbed.connect(self._scrub)
        self._trouble = QLabel(self)
        self._trouble.setFont(theme.small())
        self._trouble.setWordWrap(True)
        self._trouble.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._trouble.setContentsMargins(12, 0, 12, 8)
        self._trouble.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(self._pages, 1)
        column.addWidget(self.controls)
        column.addWidget(self._trouble)

        self._scrub_timer = QTimer(self)
        self._scrub_timer.setSingleShot(True)
        self._scrub_timer.setInterval(self.SCRUB_MILLISECONDS)
        self._scrub_timer.timeout.connect(self._ask_for_frame)

    def show_file(self, file: FileView, thumbnail: QImage | None = None) -> None:
        """Show a file, its thumbnail standing in while the large preview is asked for."""
        if (
            self._file is not None
            and file.same_content(self._file)
            and ((file.error, file.away) == (self._file.error, self._file.away))
        ):
            self._file = replace(file, kind=self._file.kind)  # only its place in the ranking is new
            return
        self._forget()
        self._file = file
        if file.away:
            self._say_trouble(file.away)
        self.picture.setAccessibleName(self.tr("Preview of {name}").format(name=printable(file.name)))
        if file.error is not None:
            self.set_failure(file.path, file.error)
            return
        self._pages.setCurrentWidget(self.text if file.is_read and not file.away else self._leaf)
        self.picture.set_picture(thumbnail if thumbnail is not None else QImage())
        self.controls.setVisible(file.kind is Kind.VIDEO and not file.away)
        if file.away:
            return
        ratio = self.devicePixelRatioF()
        self._ask_for(round(max(self.width(), self.height(), PictureView.LEAST_DETAIL) * ratio))

    def set_preview(
        self,
        path: str,
        image: QImage | None,
        text: str,
        facts: Facts,
        *,
        page: int = 0,
        kind: Kind | None = None,
    ) -> None:
        """The answer to `preview_wanted`; ignored if another file, or another page, is shown by now.

        `kind`: what it turned out to be, if that is not what was known beforehand: an animated picture is a clip.
        """
        if self._file is None or (path, page) != (self._file.path, self._file.page):
            return
        if kind is not None and kind is not self._file.kind:
            self._file = replace(self._file, kind=kind)
        self._facts = facts
        if image is not None and not image.isNull():
            is_page = self._file.kind is Kind.TEXT
            self.page_text.setPlainText(text if is_page else "")
            self._show_page_text()
            detail = PAGE_DETAIL if is_page else 1
            self.picture.set_picture(image, (facts.width * detail, facts.height * detail), keep=True)
            self._pages.setCurrentWidget(self._leaf)
        elif self._file.kind is Kind.TEXT:
            self.text.setPlainText(text)
            self._pages.setCurrentWidget(self.text)
        self.controls.setVisible(self._file.kind is Kind.VIDEO)
        self.controls.set_duration(facts.duration)
        if self._moment is not None:
            moment, self._moment = self._moment, None
            self._go_to(moment)

    def _show_page_text(self) -> None:
        """A page's words, to select and copy, where there is room beside it."""
        self.page_text.setVisible(self.width() >= self.BESIDE_FROM and bool(self.page_text.toPlainText()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._show_page_text()

    def show_moment(self, seconds: float) -> None:
        """Go to a moment of the clip, from its start; a clip that plays goes on from there."""
        if self._file is None or self._file.kind is not Kind.VIDEO:
            return
        if self._facts == Facts():
            self._moment = seconds  # the frame would be asked for in place of the preview that is still to come
        else:
            self._go_to(seconds)

    def _go_to(self, seconds: float) -> None:
        self.controls.set_seconds(seconds)
        self._scrub()

    def set_frame(self, path: str, image: QImage) -> None:
        """The answer to `frame_wanted`; ignored if another file is shown by now."""
        if self._file is not None and path == self._file.path and not image.isNull():
            self.picture.set_picture(image, (self._facts.width, self._facts.height), keep=True)

    def set_failure(self, path: str, sentence: str) -> None:
        """Say why the file can't be shown."""
        if self._file is not None and path == self._file.path:
            self._stop_playing()
            self.controls.hide()
            self._failure.reason.setText(sentence)
            self._pages.setCurrentWidget(self._failure)

    def clear(self) -> None:
        """Show nothing."""
        self._forget()
        self._pages.setCurrentWidget(self._leaf)

    def take_focus(self) -> None:
        """Give the keyboard to what is shown: a text scrolls, a picture zooms."""
        (self.text if self._pages.currentWidget() is self.text else self.picture).setFocus()

    def file(self) -> FileView | None:
        """The file that is shown."""
        return self._file

    def failure(self) -> str:
        """The sentence shown in place of a preview, or nothing."""
        return self._failure.reason.text() if self._pages.currentWidget() is self._failure else ""

    def trouble(self) -> str:
        """The sentence shown because a clip does not play, or the folder is away; or nothing."""
        return "" if self._trouble.isHidden() else self._trouble.text()

    def _forget(self) -> None:
        self._stop_playing()
        self._scrub_timer.stop()
        self._file, self._facts, self._asked, self._moment = None, Facts(), 0, None
        self.picture.set_picture(QImage())
        self.text.clear()
        self.page_text.clear()
        self.page_text.hide()
        self.controls.hide()
        self.controls.reset()
        self._trouble.hide()

    def _ask_for(self, pixels: int) -> None:
        # The answer may be smaller than was asked for; the same question is not put twice.
        if self._file is not None and not self._file.away and pixels > self._asked:
            self._asked = pixels
            self.preview_wanted.emit(self._file.path, pixels, self._file.page)

    # --- clips ---------------------------------------------------------------------------------------------

    def _scrub(self) -> None:
        if self._player is not None:
            self._player.setPosition(round(self.controls.seconds() * 1000))
        elif not self._scrub_timer.isActive():
            self._scrub_timer.start()

    def _ask_for_frame(self) -> None:
        if self._file is not None:
            self.frame_wanted.emit(self._file.path, self.controls.seconds())

    def _toggle_playing(self) -> None:
        if self._player is None:
            self._start_playing()
        elif self._player.isPlaying():
            self._player.pause()
        else:
            self._player.play()

    def _start_playing(self) -> None:
        """Open the system's player for this one clip; the one place where this process decodes a file itself."""
        assert self._file is not None
        self._trouble.hide()
        try:
            player, screen = self._new_player()
        except ImportError as error:
            self._fail_playing(str(error))
            return
        self._player, self._screen = player, screen
        self._pages.addWidget(screen)
        self._pages.setCurrentWidget(screen)
        player.setSource(file_url(self._file.path))
        if self._player is not None:  # the source may have been refused at once
            player.setPosition(round(self.controls.seconds() * 1000))
            player.play()

    def _new_player(self) -> tuple[QMediaPlayer, _Screen]:
        """A player, and the screen it plays on. Raises ImportError where the system has none."""
        # Imported here: it loads the system's codecs, which no one needs who does not press Play.
        from PySide6.QtMultimedia import QAudioOutput, QMediaPlayer
        from PySide6.QtMultimediaWidgets import QVideoWidget

        screen = _Screen(QVideoWidget(), self.picture.image().size(), self)
        screen.setAccessibleName(self.tr("Clip playing"))
        player = QMediaPlayer(self)
        player.setAudioOutput(QAudioOutput(player))
        player.setVideoOutput(screen.video)
        player.errorOccurred.connect(lambda _, text: self._fail_playing(text))
        player.positionChanged.connect(lambda at: self.controls.set_seconds(at / 1000))
        player.playingChanged.connect(self.controls.set_playing)
        player.mediaStatusChanged.connect(
            lambda status: self._rewind() if status is QMediaPlayer.MediaStatus.EndOfMedia else None
        )
        return player, screen

    def _rewind(self) -> None:
        self._stop_playing()
        self.controls.set_seconds(0.0)

    def _fail_playing(self, reason: str) -> None:
        self._stop_playing()
        template = self.tr("The clip can't be played here ({reason}). Open shows it in your video program.")
        self._say_trouble(template.format(reason=reason))

    def _say_trouble(self, sentence: str) -> None:
        self._trouble.setText(sentence)
        self._trouble.show()

    def _stop_playing(self) -> None:
        player, screen = self._player, self._screen
        self._player = self._screen = None
        if player is None or screen is None:
            return
        player.blockSignals(True)  # what it says of its own end is not the clip's
        player.stop()
        player.setSource(QUrl())
        self._pages.setCurrentWidget(self._leaf)
        self._pages.removeWidget(screen)
        screen.deleteLater()
        player.deleteLater()
        self.controls.set_playing(False)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
