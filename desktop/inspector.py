"""How one result is looked at: large, zoomed, played or read, with what is known of it.

`PreviewPane` shows the file; `Inspector` puts it over facts and actions at the window's side, `Loupe` over the whole
window. None of them opens a file, but for a clip the person plays: they ask by signals and are fed. Paths travel in
signals as `object`, because PySide drops the undecodable bytes of a name when it converts to a Qt string.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QDateTime,
    QEvent,
    QLocale,
    QObject,
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
    QApplication,
    QFrame,
    QGestureEvent,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPinchGesture,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QSlider,
    QStackedLayout,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core import Facts, Kind
from core.errors import printable
from desktop import theme
from desktop.query_bar import file_url

if TYPE_CHECKING:
    from PySide6.QtMultimedia import QMediaPlayer


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

    def same_content(self, other: FileView | None) -> bool:
        """Whether a preview made for `other` is one of this file."""
        return other is not None and (self.path, self.size, self.modified) == (other.path, other.size, other.modified)


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
    _KEYS: dict[Qt.Key, float] = {  # noqa: RUF012
        Qt.Key.Key_Plus: STEP,
        Qt.Key.Key_Equal: STEP,
        Qt.Key.Key_Minus: 1 / STEP,
    }
    _ARROWS = {  # noqa: RUF012
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
            picture = (float((size or (0, 0))[0] or image.width()), float((size or (0, 0))[1] or image.height()))
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
            left, top, width, height = self._zoom.place()
            painter.save()
            # In the screen's pixels, so that 100 % is exact on every screen.
            painter.scale(1 / self.devicePixelRatioF(), 1 / self.devicePixelRatioF())
            if self._crisp.isNull():
                # Single pixels are meant to be seen when they are this large.
                smooth = self._zoom.scale * self._zoom.picture[0] / self._image.width() < 4
                painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
                painter.drawImage(QRectF(round(left), round(top), round(width), round(height)), self._image)
            else:
                painter.drawPixmap(round(left), round(top), self._crisp)
            painter.restore()
        if self._ringed:
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Highlight), 1))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

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
        if not self._take_key(event):
            super().keyPressEvent(event)

    def _take_key(self, event: QKeyEvent, *, act: bool = True) -> bool:
        """Whether the key is one of the picture's own; done at once unless `act` is False."""
        key, modifiers = Qt.Key(event.key()), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        if self._zoom is None:
            return False
        if control and key in self._KEYS:
            if act:
                self.zoom_by(self._KEYS[key])
        elif control and key == Qt.Key.Key_0:
            if act:
                self.show_fitted()
        elif modifiers == Qt.KeyboardModifier.ShiftModifier and key in self._ARROWS:
            if act:
                self._set_zoom(self._zoom.moved(*self._ARROWS[key]))
        else:
            return False
        return True

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            # With the focus here these keys are the picture's, not the window's.
            assert isinstance(event, QKeyEvent)
            if self._take_key(event, act=False):
                event.accept()
                return True
        if isinstance(event, QNativeGestureEvent):
            if event.gestureType() is Qt.NativeGestureType.ZoomNativeGesture:
                self.zoom_by(1 + event.value(), event.position())
                return True
        elif isinstance(event, QGestureEvent):
            pinch = event.gesture(Qt.GestureType.PinchGesture)
            if isinstance(pinch, QPinchGesture):
                self.zoom_by(pinch.scaleFactor(), QPointF(self.mapFromGlobal(pinch.centerPoint().toPoint())))
                return True
        return super().event(event)


# --- one file, whatever it is ----------------------------------------------------------------------------


class _TextView(QPlainTextEdit):
    """A text to read, in lines no longer than the eye follows with ease."""

    CHARACTERS = 72

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFont(theme.normal())
        self.setAccessibleName(self.tr("Text of the file"))
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


class _Mark(QWidget):
    """The warning sign, in the colours of the theme in force."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedSize(24, 24)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme.icon("warning").paint(QPainter(self), self.rect())


class PreviewPane(QWidget):
    """Shows one file large: a picture, a clip's frames and the clip itself, a text, or why there is nothing to see."""

    preview_wanted = Signal(object, int)
    """Path (str) and the longest side in pixels; answer with `set_preview` or `set_failure`."""
    frame_wanted = Signal(object, float)
    """Path (str) and seconds; answer with `set_frame`."""

    SCRUB_MILLISECONDS = 40

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._file: FileView | None = None
        self._facts = Facts()
        self._asked = 0
        self._player: QMediaPlayer | None = None
        self._screen: QWidget | None = None
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)

        self.picture = PictureView(self)
        self.picture.detail_wanted.connect(self._ask_for)
        self.text = _TextView(self)
        self._reason = QLabel(self)
        self._reason.setFont(theme.normal())
        self._reason.setWordWrap(True)
        self._reason.setTextFormat(Qt.TextFormat.PlainText)
        self._reason.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        self._advice = QLabel(self.tr("It stays where it is, and all other files are ranked."), self)
        self._advice.setFont(theme.small())
        self._advice.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._advice.setWordWrap(True)
        self._advice.setAlignment(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop)
        failure = QWidget(self)
        column = QVBoxLayout(failure)
        column.setContentsMargins(24, 16, 24, 16)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(_Mark(self), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(self._reason)
        column.addWidget(self._advice)
        column.addStretch(1)
        self._failure = failure

        self._pages = QStackedLayout()
        for page in (self.picture, self.text, failure):
            self._pages.addWidget(page)
        self.controls = _ClipControls(self)
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
        self.controls.hide()

        self._scrub_timer = QTimer(self)
        self._scrub_timer.setSingleShot(True)
        self._scrub_timer.setInterval(self.SCRUB_MILLISECONDS)
        self._scrub_timer.timeout.connect(self._ask_for_frame)

    def show_file(self, file: FileView, thumbnail: QImage | None = None) -> None:
        """Show a file, its thumbnail standing in while the large preview is asked for."""
        if file.same_content(self._file) and file.error == (self._file.error if self._file else None):
            self._file = file  # only its place in the ranking is new
            return
        self._forget()
        self._file = file
        self.picture.setAccessibleName(self.tr("Preview of {name}").format(name=printable(file.name)))
        if file.error is not None:
            self.set_failure(file.path, file.error)
            return
        self._pages.setCurrentWidget(self.text if file.kind is Kind.TEXT else self.picture)
        self.picture.set_picture(thumbnail if thumbnail is not None else QImage())
        self.controls.setVisible(file.kind is Kind.VIDEO)
        ratio = self.devicePixelRatioF()
        self._ask_for(round(max(self.width(), self.height(), PictureView.LEAST_DETAIL) * ratio))

    def set_preview(self, path: str, image: QImage | None, text: str, facts: Facts) -> None:
        """The answer to `preview_wanted`; ignored if another file is shown by now."""
        if self._file is None or path != self._file.path:
            return
        self._facts = facts
        if self._file.kind is Kind.TEXT:
            self.text.setPlainText(text)
            self._pages.setCurrentWidget(self.text)
        elif image is not None and not image.isNull():
            self.picture.set_picture(image, (facts.width, facts.height), keep=True)
            self._pages.setCurrentWidget(self.picture)
        self.controls.set_duration(facts.duration)

    def set_frame(self, path: str, image: QImage) -> None:
        """The answer to `frame_wanted`; ignored if another file is shown by now."""
        if self._file is not None and path == self._file.path and not image.isNull():
            self.picture.set_picture(image, (self._facts.width, self._facts.height), keep=True)

    def set_failure(self, path: str, sentence: str) -> None:
        """Say why the file can't be shown."""
        if self._file is not None and path == self._file.path:
            self._stop_playing()
            self.controls.hide()
            self._reason.setText(sentence)
            self._pages.setCurrentWidget(self._failure)

    def clear(self) -> None:
        """Show nothing."""
        self._forget()
        self._pages.setCurrentWidget(self.picture)

    def file(self) -> FileView | None:
        """The file that is shown."""
        return self._file

    def failure(self) -> str:
        """The sentence shown in place of a preview, or nothing."""
        return self._reason.text() if self._pages.currentWidget() is self._failure else ""

    def trouble(self) -> str:
        """The sentence shown because a clip does not play, or nothing."""
        return "" if self._trouble.isHidden() else self._trouble.text()

    def _forget(self) -> None:
        self._stop_playing()
        self._scrub_timer.stop()
        self._file, self._facts, self._asked = None, Facts(), 0
        self.picture.set_picture(QImage())
        self.text.clear()
        self.controls.hide()
        self.controls.reset()
        self._trouble.hide()

    def _ask_for(self, pixels: int) -> None:
        # The answer may be smaller than was asked for; the same question is not put twice.
        if self._file is not None and pixels > self._asked:
            self._asked = pixels
            self.preview_wanted.emit(self._file.path, pixels)

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
            # Imported here: it loads the system's codecs, which no one needs who does not press Play.
            from PySide6.QtMultimedia import QAudioOutput, QMediaPlayer
            from PySide6.QtMultimediaWidgets import QVideoWidget
        except ImportError as error:
            self._say_trouble(str(error))
            return
        screen = QVideoWidget(self)
        screen.setAccessibleName(self.tr("Clip playing"))
        player = QMediaPlayer(self)
        player.setAudioOutput(QAudioOutput(player))
        player.setVideoOutput(screen)
        player.errorOccurred.connect(lambda _, text: self._fail_playing(text))
        player.positionChanged.connect(lambda at: self.controls.set_seconds(at / 1000))
        player.playingChanged.connect(self.controls.set_playing)
        player.mediaStatusChanged.connect(
            lambda status: self._rewind() if status is QMediaPlayer.MediaStatus.EndOfMedia else None
        )
        self._player, self._screen = player, screen
        self._pages.addWidget(screen)
        self._pages.setCurrentWidget(screen)
        player.setSource(file_url(self._file.path))
        if self._player is not None:  # the source may have been refused at once
            player.setPosition(round(self.controls.seconds() * 1000))
            player.play()

    def _rewind(self) -> None:
        self._stop_playing()
        self.controls.set_seconds(0.0)

    def _fail_playing(self, text: str) -> None:
        self._stop_playing()
        self._say_trouble(text)

    def _say_trouble(self, reason: str) -> None:
        self._trouble.setText(
            self.tr("The clip can't be played here ({reason}). Open shows it in your video program.").format(
                reason=reason
            )
        )
        self._trouble.show()

    def _stop_playing(self) -> None:
        player, screen = self._player, self._screen
        self._player = self._screen = None
        if player is None or screen is None:
            return
        player.blockSignals(True)  # what it says of its own end is not the clip's
        player.stop()
        player.setSource(QUrl())
        self._pages.setCurrentWidget(self.picture)
        self._pages.removeWidget(screen)
        screen.deleteLater()
        player.deleteLater()
        self.controls.set_playing(False)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._stop_playing()


class _ClipControls(QWidget):
    """Play, a slider over the clip's length, and the time."""

    scrubbed = Signal()
    """The person moved the slider; `seconds` says where to."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._duration = 0.0
        self.play_button = QToolButton(self)
        self.play_button.setAutoRaise(True)
        self.play_button.setFixedSize(28, 28)
        self.slider = QSlider(Qt.Orientation.Horizontal, self)
        self.slider.setAccessibleName(self.tr("Moment of the clip"))
        self.slider.valueChanged.connect(self._slide)
        self._time = QLabel(self)
        self._time.setFont(theme.tabular(theme.small()))
        self._time.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        row = QHBoxLayout(self)
        row.setContentsMargins(8, 4, 12, 4)
        row.setSpacing(8)
        row.addWidget(self.play_button)
        row.addWidget(self.slider, 1)
        row.addWidget(self._time)
        self.reset()

    def reset(self) -> None:
        """Back to the start of a clip whose length is not known yet."""
        self.set_playing(False)
        self.set_duration(0.0)
        self.set_seconds(0.0)

    def set_duration(self, seconds: float) -> None:
        self._duration = seconds
        blocked = self.slider.blockSignals(True)
        self.slider.setRange(0, round(seconds * 1000))
        self.slider.setSingleStep(100)
        self.slider.setPageStep(max(1000, round(seconds * 100)))
        self.slider.blockSignals(blocked)
        self.slider.setEnabled(seconds > 0)
        self.slider.setToolTip("" if seconds > 0 else self.tr("The length of the clip is not known yet"))
        self._show_time()

    def seconds(self) -> float:
        return self.slider.value() / 1000

    def set_seconds(self, seconds: float) -> None:
        """Follow the player; nobody is told."""
        if not self.slider.isSliderDown():
            blocked = self.slider.blockSignals(True)
            self.slider.setValue(round(seconds * 1000))
            self.slider.blockSignals(blocked)
        self._show_time()

    def set_playing(self, playing: bool) -> None:
        self.play_button.setIcon(theme.icon("pause" if playing else "play"))
        self.play_button.setToolTip(self.tr("Pause") if playing else self.tr("Play"))
        self.play_button.setAccessibleName(self.tr("Pause the clip") if playing else self.tr("Play the clip"))

    def _slide(self) -> None:
        self._show_time()
        self.scrubbed.emit()

    def _show_time(self) -> None:
        self._time.setText(f"{clock(self.seconds())} / {clock(self._duration)}" if self._duration else "")


def clock(seconds: float) -> str:
    """A length or a moment as people write it: 0:12, 1:02:03."""
    whole = int(seconds)
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# --- words about a file ----------------------------------------------------------------------------------


class _Elided(QLabel):
    """One line of text that gives way in its middle; whole in the tooltip."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def setText(self, text: str) -> None:
        super().setText(text)
        self.setToolTip(text)
        self.setAccessibleName(text)

    def sizeHint(self) -> QSize:
        return QSize(120, self.fontMetrics().height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(0, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        elided = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(
            self.rect(), self.alignment() | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, elided
        )


class _ScoreBar(QWidget):
    """The score as a thin bar, as under the thumbnails."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._score = 0.0
        self.setFixedHeight(4)

    def set_score(self, score: float) -> None:
        self._score = min(max(score, 0.0), 1.0)
        self.setAccessibleName(self.tr("Score bar"))
        self.setAccessibleDescription(f"{self._score:.0%}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRoundedRect(self.rect(), 2, 2)
        done = QRectF(self.rect())
        done.setWidth(done.width() * self._score)
        if self.layoutDirection() is Qt.LayoutDirection.RightToLeft:
            done.moveRight(self.width())
        painter.setBrush(self.palette().color(QPalette.ColorRole.Highlight))
        painter.drawRoundedRect(done, 2, 2)


MOST_CAPTION = 400
"""Characters shown of the caption inside a picture."""


def file_size(size: int, locale: QLocale) -> str:
    """Bytes as the file managers say them: 48.2 MB, in units of a thousand."""
    return locale.formattedDataSize(size, 0 if size < 10_000 else 1, QLocale.DataSizeFormat.DataSizeSIFormat)


class _FactTable(QWidget):
    """Two quiet columns: what, and how much of it. Keeps its labels from file to file."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._labels: list[tuple[QLabel, QLabel]] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(16)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        # The values stay where they are from file to file.
        self.setFont(theme.normal())
        self._grid.setColumnMinimumWidth(0, self.fontMetrics().horizontalAdvance(self.tr("Dimensions")))

    def set_rows(self, rows: Sequence[tuple[str, str]]) -> None:
        while len(self._labels) < len(rows):
            self._add_row()
        for index, (name, value) in enumerate(self._labels):
            shown = index < len(rows)
            if shown:
                name.setText(rows[index][0])
                value.setText(rows[index][1])
                value.setAccessibleName(f"{rows[index][0]}: {rows[index][1]}")
            name.setVisible(shown)
            value.setVisible(shown)

    def rows(self) -> list[tuple[str, str]]:
        """What it says now."""
        return [(name.text(), value.text()) for name, value in self._labels if not value.isHidden()]

    def _add_row(self) -> None:
        name, value = QLabel(self), QLabel(self)
        name.setFont(theme.normal())
        name.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        value.setFont(theme.tabular(theme.normal()))
        value.setWordWrap(True)
        value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        for label in (name, value):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignLeading | Qt.AlignmentFlag.AlignTop)
        at = len(self._labels)
        self._grid.addWidget(name, at, 0)
        self._grid.addWidget(value, at, 1)
        self._labels.append((name, value))


class Inspector(QWidget):
    """The right panel: the selected file large, what is known of it, and what can be done with it."""

    preview_wanted = Signal(object, int)
    """As PreviewPane.preview_wanted."""
    frame_wanted = Signal(object, float)
    """As PreviewPane.frame_wanted."""
    similar_wanted = Signal(object)
    """Path (str) that is to become the query."""
    open_wanted = Signal(object)
    """Path (str) to be opened in its own program."""
    reveal_wanted = Signal(object)
    """Path (str) to be shown in the system's file manager."""
    copy_wanted = Signal(object)
    """Paths (list of str) to be put on the clipboard."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(self.tr("Inspector"))
        self.setMinimumWidth(232)
        self.preview = PreviewPane(self)
        self.preview.preview_wanted.connect(self.preview_wanted)
        self.preview.frame_wanted.connect(self.frame_wanted)

        self._name = _Elided(self)
        self._name.setFont(theme.large())
        self._folder = _Elided(self)
        self._folder.setFont(theme.small())
        self._folder.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._score = QLabel(self)
        self._score.setFont(theme.tabular(theme.large()))
        self._rank = QLabel(self)
        self._rank.setFont(theme.tabular(theme.normal()))
        self._rank.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._bar = _ScoreBar(self)
        self.facts = _FactTable(self)
        self._format = ""
        self._details: tuple[tuple[str, str], ...] = ()
        self._known = Facts()

        self.similar_button = QPushButton(theme.icon("similar"), self.tr("Find similar"), self)
        self.similar_button.setFont(theme.normal())
        self.similar_button.setAccessibleName(self.tr("Find similar files"))
        self.similar_button.clicked.connect(lambda: self._tell(self.similar_wanted))
        self.open_button = self._action("external", self.tr("Open"), self.tr("Open in its own program (Enter)"))
        self.open_button.clicked.connect(lambda: self._tell(self.open_wanted))
        self.reveal_button = self._action("reveal", self.tr("Show in file manager"))
        self.reveal_button.clicked.connect(lambda: self._tell(self.reveal_wanted))
        self.copy_button = self._action("copy", self.tr("Copy path"))
        self.copy_button.clicked.connect(self._copy)

        title = QVBoxLayout()
        title.setSpacing(2)
        title.addWidget(self._name)
        title.addWidget(self._folder)
        score = QHBoxLayout()
        score.addWidget(self._score, 0, Qt.AlignmentFlag.AlignBaseline)
        score.addStretch(1)
        score.addWidget(self._rank, 0, Qt.AlignmentFlag.AlignBaseline)
        self._ranking = QWidget(self)
        ranking = QVBoxLayout(self._ranking)
        ranking.setContentsMargins(0, 0, 0, 0)
        ranking.setSpacing(4)
        ranking.addLayout(score)
        ranking.addWidget(self._bar)
        actions = QHBoxLayout()
        actions.setSpacing(4)
        actions.addWidget(self.similar_button, 1)
        for button in (self.open_button, self.reveal_button, self.copy_button):
            actions.addWidget(button)
        words = QWidget(self)
        column = QVBoxLayout(words)
        column.setContentsMargins(12, 12, 12, 12)
        column.setSpacing(16)
        column.addLayout(title)
        column.addWidget(self._ranking)
        column.addLayout(actions)
        column.addWidget(self.facts)
        column.addStretch(1)
        scroll = QScrollArea(self)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setWidget(words)
        scroll.viewport().setAutoFillBackground(False)
        words.setAutoFillBackground(False)

        self._one = QWidget(self)
        column = QVBoxLayout(self._one)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.preview)
        column.addWidget(scroll, 1)
        self._hint = QLabel(self)
        self._hint.setFont(theme.normal())
        self._hint.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._hint.setWordWrap(True)
        self._hint.setContentsMargins(24, 24, 24, 24)
        self._pages = QStackedLayout(self)
        self._pages.setContentsMargins(0, 0, 0, 0)
        self._pages.addWidget(self._hint)
        self._pages.addWidget(self._one)
        self.clear()

    def show_file(self, file: FileView, thumbnail: QImage | None = None) -> None:
        """Show one file; its preview is asked for by `preview_wanted`.

        The same file again brings only its new score and rank: zoom, scroll and a playing clip stay.
        """
        if not file.same_content(self.preview.file()):
            self._format, self._details, self._known = "", (), Facts()
        self._pages.setCurrentWidget(self._one)
        self.preview.show_file(file, thumbnail)
        self._show_whether_similar(file)
        self._name.setText(str(printable(file.name)))
        self._folder.setText(str(printable(file.folder)))
        self._show_rank(file)
        self._show_facts(file)

    def set_preview(
        self,
        path: str,
        image: QImage | None,
        text: str,
        facts: Facts,
        format: str,
        details: Sequence[tuple[str, str]] = (),
    ) -> None:
        """The answer to `preview_wanted`: the image or the text, and (name, value) pairs of what else is known."""
        file = self.preview.file()
        if file is not None and file.path == path:
            caption = [(self.tr("Caption"), text[:MOST_CAPTION])] if text and file.kind is not Kind.TEXT else []
            self._format, self._details, self._known = format, (*caption, *details), facts
            self.preview.set_preview(path, image, text, facts)
            self._show_facts(file)

    def set_frame(self, path: str, image: QImage) -> None:
        """The answer to `frame_wanted`."""
        self.preview.set_frame(path, image)

    def set_failure(self, path: str, sentence: str) -> None:
        """The other answer to `preview_wanted`: why there is no preview."""
        self.preview.set_failure(path, sentence)

    def show_many(self, count: int, size: int) -> None:
        """Say how many files are selected, and their bytes."""
        self.preview.clear()
        self._hint.setText(
            self.tr("{count} selected, {size}").format(
                count=self.locale().toString(count), size=file_size(size, self.locale())
            )
        )
        self._pages.setCurrentWidget(self._hint)

    def clear(self) -> None:
        """Nothing is selected."""
        self.preview.clear()
        self._hint.setText(self.tr("Select a result to see it large"))
        self._pages.setCurrentWidget(self._hint)

    def words(self) -> str:
        """What is said of the selection as a whole: the hint, or the rank of the one file."""
        return self._hint.text() if self._pages.currentWidget() is self._hint else self._rank.text()

    def _action(self, icon: str, name: str, tip: str = "") -> QToolButton:
        button = QToolButton(self)
        button.setAutoRaise(True)
        button.setIcon(theme.icon(icon))
        button.setFixedSize(32, 32)
        button.setToolTip(tip or name)
        button.setAccessibleName(name)
        return button

    def _show_whether_similar(self, file: FileView) -> None:
        if file.error is not None:
            why = self.tr("A file that can't be read can't be the query")
        elif file.kind is Kind.TEXT:
            why = self.tr("A text can't be the query; copy its words into the bar")
        else:
            why = ""
        self.similar_button.setEnabled(not why)
        self.similar_button.setToolTip(why or self.tr("Make this the query (F)"))

    def _show_rank(self, file: FileView) -> None:
        self._ranking.setVisible(file.score is not None)
        if file.score is not None:
            self._score.setText(self.locale().toString(file.score, "f", 2))
            self._score.setAccessibleName(self.tr("Score {score}").format(score=self._score.text()))
            self._rank.setText(rank_text(file, self.locale()))
            self._bar.set_score(file.score)

    def _show_facts(self, file: FileView) -> None:
        kinds = {Kind.IMAGE: self.tr("Picture"), Kind.VIDEO: self.tr("Clip"), Kind.TEXT: self.tr("Text")}
        kind = kinds[file.kind]
        locale = self.locale()
        rows = [(self.tr("Kind"), f"{kind}, {self._format}" if self._format not in ("", kind) else kind)]
        if self._known.width:
            rows.append((self.tr("Dimensions"), f"{self._known.width} × {self._known.height}"))
        if self._known.duration:
            rows.append((self.tr("Length"), clock(self._known.duration)))
        rows.append((self.tr("Size"), file_size(file.size, locale)))
        if file.modified:
            moment = QDateTime.fromMSecsSinceEpoch(round(file.modified * 1000))
            rows.append((self.tr("Modified"), locale.toString(moment, QLocale.FormatType.ShortFormat)))
        # The engine's labels are English words, translated here.
        self.facts.set_rows([*rows, *((self.tr(name), str(printable(value))) for name, value in self._details)])

    def _tell(self, signal: object) -> None:
        file = self.preview.file()
        if file is not None:
            signal.emit(file.path)  # type: ignore[attr-defined]

    def _copy(self) -> None:
        file = self.preview.file()
        if file is not None:
            self.copy_wanted.emit([file.path])

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # Nearly square, so that tall and wide pictures get the same room; the words keep at least half.
        self.preview.setFixedHeight(max(min(round(self.width() * 0.9), self.height() // 2), 120))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Window))


def rank_text(file: FileView, locale: QLocale) -> str:
    """3 of 2,431; empty for a file without a rank."""
    if file.rank is None:
        return ""
    template = QApplication.translate("Inspector", "{rank} of {total}")
    return template.format(rank=locale.toString(file.rank), total=locale.toString(file.ranked_total))


# --- the whole window --------------------------------------------------------------------------------------


class _StepButton(QToolButton):
    """An arrow at the loupe's side."""

    def __init__(self, parent: QWidget, step: int, name: str) -> None:
        super().__init__(parent)
        self._step = step
        self.setAutoRaise(True)
        self.setFixedSize(32, 32)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setToolTip(name)
        self.setAccessibleName(name)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        if self._step < 0:  # there is one chevron, pointing right
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        theme.icon("chevron-right").paint(painter, QRect(8, 8, 16, 16))


class Loupe(QWidget):
    """One result over the whole window: arrows move to the next, Space and Esc close, Enter opens, F finds similar."""

    preview_wanted = Signal(object, int)
    """As PreviewPane.preview_wanted."""
    frame_wanted = Signal(object, float)
    """As PreviewPane.frame_wanted."""
    stepped = Signal(int)
    """-1 or +1: the result before or after is wanted."""
    open_wanted = Signal(object)
    """Path (str) to be opened in its own program."""
    similar_wanted = Signal(object)
    """Path (str) that is to become the query."""
    closed = Signal()

    _STEPS = {  # noqa: RUF012
        Qt.Key.Key_Left: -1,
        Qt.Key.Key_Up: -1,
        Qt.Key.Key_Right: 1,
        Qt.Key.Key_Down: 1,
    }
    _CLOSING = (Qt.Key.Key_Escape, Qt.Key.Key_Space)
    _OPENING = (Qt.Key.Key_Return, Qt.Key.Key_Enter)

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._focused_before: QWidget | None = None
        self.setAccessibleName(self.tr("Large view"))
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.setAutoFillBackground(True)
        self.preview = PreviewPane(self)
        self.preview.preview_wanted.connect(self.preview_wanted)
        self.preview.frame_wanted.connect(self.frame_wanted)
        self._name = _Elided(self)
        self._name.setFont(theme.normal())
        self._rank = QLabel(self)
        self._rank.setFont(theme.tabular(theme.normal()))
        self._rank.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self.back_button = _StepButton(self, -1, self.tr("Previous result (←)"))
        self.back_button.clicked.connect(lambda: self.stepped.emit(-1))
        self.on_button = _StepButton(self, 1, self.tr("Next result (→)"))
        self.on_button.clicked.connect(lambda: self.stepped.emit(1))
        self.close_button = QToolButton(self)
        self.close_button.setAutoRaise(True)
        self.close_button.setFixedSize(32, 32)
        self.close_button.setIcon(theme.icon("close"))
        self.close_button.setToolTip(self.tr("Close (Space)"))
        self.close_button.setAccessibleName(self.tr("Close the large view"))
        self.close_button.clicked.connect(self.hide)
        line = QHBoxLayout()
        line.setContentsMargins(12, 4, 12, 4)
        line.setSpacing(8)
        line.addWidget(self.back_button)
        line.addWidget(self.on_button)
        line.addWidget(self._name, 1)
        line.addWidget(self._rank)
        line.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        # A little air, so that the picture does not end where the window does.
        air = QHBoxLayout()
        air.setContentsMargins(16, 16, 16, 0)
        air.addWidget(self.preview)
        column.addLayout(air, 1)
        column.addLayout(line)
        window.installEventFilter(self)
        self.hide()

    def show_file(self, file: FileView, thumbnail: QImage | None = None) -> None:
        """Open over the window, or go on, with this file."""
        self._name.setText(str(printable(file.name)))
        rank = rank_text(file, self.locale())
        score = self.locale().toString(file.score, "f", 2) if file.score is not None else ""
        self._rank.setText("   ".join(part for part in (rank, score) if part))
        self._rank.setAccessibleName(self.tr("Rank and score: {text}").format(text=self._rank.text()))
        if self.isHidden():
            self._focused_before = QApplication.focusWidget()
            self.setGeometry(self._window.rect())
            self.raise_()
            self.show()
        self.preview.show_file(file, thumbnail)
        self._take_focus(file)

    def set_preview(
        self,
        path: str,
        image: QImage | None,
        text: str,
        facts: Facts,
        format: str = "",
        details: Sequence[tuple[str, str]] = (),
    ) -> None:
        """The answer to `preview_wanted`, as the inspector takes it; the words of it are not shown here."""
        self.preview.set_preview(path, image, text, facts)

    def set_frame(self, path: str, image: QImage) -> None:
        """The answer to `frame_wanted`."""
        self.preview.set_frame(path, image)

    def set_failure(self, path: str, sentence: str) -> None:
        """The other answer to `preview_wanted`: why there is no preview."""
        self.preview.set_failure(path, sentence)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if self.isHidden():  # and not only the window, which may come back
            self.preview.clear()
            if self._focused_before is not None:
                self._focused_before.setFocus()
            self._focused_before = None
            self.closed.emit()

    def words(self) -> str:
        """The rank and score that are shown."""
        return self._rank.text()

    def _take_focus(self, file: FileView) -> None:
        if not isinstance(QApplication.focusWidget(), _StepButton):
            (self.preview.text if file.kind is Kind.TEXT else self.preview.picture).setFocus()

    def _take_key(self, event: QKeyEvent, *, act: bool = True) -> bool:
        """Whether the key means something here; done at once unless `act` is False."""
        file = self.preview.file()
        key = Qt.Key(event.key())
        if event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier or file is None:
            return False
        if key in self._CLOSING:
            if act:
                self.hide()
        elif key in self._STEPS:
            if act:
                self.stepped.emit(self._STEPS[key])
        elif key in self._OPENING:
            if act:
                self.open_wanted.emit(file.path)
        elif key == Qt.Key.Key_F:
            if act:
                self.similar_wanted.emit(file.path)
        else:
            return False
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._take_key(event):
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ShortcutOverride:
            # While it is open these keys are its own, not the window's.
            assert isinstance(event, QKeyEvent)
            if self._take_key(event, act=False):
                event.accept()
                return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self.setGeometry(self._window.rect())
        return super().eventFilter(watched, event)
