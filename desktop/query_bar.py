"""How a person puts a query together: words, what to leave out, and a chip for each picture or clip.

Whatever is dropped or pasted goes through `QueryBar.accept_mime`, the one place that says what becomes of it; what it
means is read in `desktop.drops`.

Paths travel in signals as `object`: PySide drops the undecodable bytes of a name when it converts to a Qt string.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import (
    QEvent,
    QMimeData,
    QObject,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QColor,
    QFocusEvent,
    QGuiApplication,
    QImage,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
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
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from core import Aspect, Kind, Query, Region, format_of
from core.errors import AddressRefused, QueryEmpty, printable
from desktop import messages, theme
from desktop.aspects import AspectChoice
from desktop.drops import Address, Files, Picture, Words, has_picture, meaning, offers_anything
from desktop.messages import plain_tip

MOST_REFERENCES = 16
MOST_WORDS = 2_000
"""Characters of one line of words; a judge reads no more of a query anyway."""


CHIP_PIXELS, MOST_CHIP_PIXELS = 128, 2048
"""The longest side of a picture asked for a chip; of one whose part is small, more, so that the part is sharp."""


class QueryChip(QWidget):
    """One picture or clip of the query, or a part of a picture: its thumbnail, its name, and a way to take it out
    (×, Delete, Backspace). A click, Enter or Space asks for the part of the picture that counts."""

    removed = Signal()
    region_wanted = Signal()
    """The person wants to say which part of the picture counts."""
    stepped = Signal(int)
    """-1 or +1: an arrow key asks for the neighbour."""

    THUMBNAIL, HEIGHT, MOST_TEXT = 28, 36, 136

    def __init__(self, path: Path, kind: Kind, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self.kind = kind
        self.region: Region | None = None
        self.name = name
        """What the file is called here, fit for the window."""
        self._image = QImage()
        self._thumbnail = QPixmap()
        self._compact = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)  # drawn anew when the pointer comes and goes
        self._close = QToolButton(self)
        self._close.setAutoRaise(True)
        self._close.setIcon(theme.icon("close"))
        self._close.setIconSize(QSize(12, 12))
        self._close.setFixedSize(20, 20)
        self._close.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._close.setToolTip(self.tr("Take out of the query"))
        self._close.setAccessibleName(self.tr("Take {name} out of the query").format(name=name))
        self._close.clicked.connect(self.removed)
        self.setFont(theme.normal())
        self.set_region(None)

    def set_region(self, region: Region | None) -> None:
        """Stand for a part of the picture, or for all of it."""
        self.region = region
        if self.kind is Kind.VIDEO:
            what, tip = self.tr("Clip in the query: {name}"), self.tr("A clip is always taken as a whole.")
            keys = self.tr("Press Delete to take it out.")
        else:
            what = self.tr("Picture in the query: {name}") if region is None else self.tr("In the query: {name}")
            tip = self.tr("Click to choose the part of it that counts.")
            keys = self.tr("Press Enter to choose the part of it that counts, Delete to take it out.")
        self.setToolTip(plain_tip(f"{self.path}\n{tip}"))
        self.setAccessibleName(what.format(name=self.text()))
        self.setAccessibleDescription(keys)
        self.set_thumbnail(self._image)
        self._fit()

    def text(self) -> str:
        """What it says: the name, or that it is a part of it."""
        return self.name if self.region is None else self.tr("part of {name}").format(name=self.name)

    def pixels_wanted(self) -> int:
        """The longest side that an image for `set_thumbnail` should have."""
        if self.region is None:
            return CHIP_PIXELS
        share = min(self.region.right - self.region.left, self.region.bottom - self.region.top)
        return min(round(CHIP_PIXELS / max(share, 0.01)), MOST_CHIP_PIXELS)

    def set_thumbnail(self, image: QImage) -> None:
        """Show `image`, the whole picture, or the part that counts, sharp on this screen; a null one leaves the
        kind's glyph."""
        self._image = image
        self._thumbnail = _sharp(cut_out(image, self.region), self.THUMBNAIL, self.devicePixelRatioF())
        self.update()

    def set_compact(self, compact: bool) -> None:
        """Leave the name away, for a bar with more chips than room."""
        if compact != self._compact:
            self._compact = compact
            self._fit()

    def width_with_name(self) -> int:
        """Logical pixels that the chip takes when it isn't compact."""
        return self.THUMBNAIL + 4 + 8 + self._text_width() + 4 + 20 + 4

    def _text_width(self) -> int:
        return min(self.fontMetrics().horizontalAdvance(self.text()) + 1, self.MOST_TEXT)

    def _fit(self) -> None:
        width = self.THUMBNAIL + 4 + 4 + 20 + 4 if self._compact else self.width_with_name()
        self.setFixedSize(width, self.HEIGHT)
        self._close.move(width - 24, (self.HEIGHT - 20) // 2)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.FontChange:
            self._fit()
        super().changeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        match event.key():
            case Qt.Key.Key_Delete | Qt.Key.Key_Backspace:
                self.removed.emit()
            case Qt.Key.Key_Left:
                self.stepped.emit(-1)
            case Qt.Key.Key_Right:
                self.stepped.emit(1)
            case Qt.Key.Key_Return | Qt.Key.Key_Enter | Qt.Key.Key_Space if self.kind is Kind.IMAGE:
                self.region_wanted.emit()
            case _:
                super().keyPressEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.setAccepted(event.button() is Qt.MouseButton.LeftButton)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        is_click = event.button() is Qt.MouseButton.LeftButton and self.rect().contains(event.position().toPoint())
        if is_click and self.kind is Kind.IMAGE:
            self.region_wanted.emit()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        outline = palette.color(QPalette.ColorRole.Highlight) if self.hasFocus() else Qt.GlobalColor.transparent
        painter.setPen(QPen(outline, 2 if self.hasFocus() else 1))
        can_be_pressed = self.kind is Kind.IMAGE and self.underMouse()
        painter.setBrush(
            palette.color(QPalette.ColorRole.Light if can_be_pressed else QPalette.ColorRole.AlternateBase)
        )
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 5, 5)
        place = QRect(4, 4, self.THUMBNAIL, self.THUMBNAIL)
        if self._thumbnail.isNull():
            theme.icon("clip" if self.kind is Kind.VIDEO else "picture").paint(painter, place.adjusted(6, 6, -6, -6))
        else:
            size = self._thumbnail.deviceIndependentSize()
            corner = QRectF(place).center() - QPointF(size.width() / 2, size.height() / 2)
            painter.drawPixmap(corner.toPoint(), self._thumbnail)
            if self.kind is Kind.VIDEO:
                # A mark in the corner: a clip must not look like a picture.
                mark = QRect(place.right() - 13, place.bottom() - 13, 14, 14)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(palette.color(QPalette.ColorRole.AlternateBase))
                painter.drawRoundedRect(mark, 3, 3)
                theme.icon("play").paint(painter, mark.adjusted(2, 2, -2, -2))
        if not self._compact:
            text = QRect(place.right() + 1 + 8, 0, self._text_width(), self.HEIGHT)
            painter.setPen(palette.color(QPalette.ColorRole.Text))
            elided = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, text.width())
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine, elided)


def cut_out(image: QImage, region: Region | None) -> QImage:
    """The part of the image that the region is, at least one pixel; all of it without one."""
    if region is None or image.isNull():
        return image
    left, top = round(region.left * image.width()), round(region.top * image.height())
    left, top = min(left, image.width() - 1), min(top, image.height() - 1)
    width = max(1, round(region.right * image.width()) - left)
    height = max(1, round(region.bottom * image.height()) - top)
    return image.copy(left, top, width, height)


def _sharp(image: QImage, side: int, ratio: float) -> QPixmap:
    """`image` reduced to fit a square of `side` logical pixels, in the screen's own pixels."""
    if image.isNull():
        return QPixmap()
    device = round(side * ratio)
    reduced = image.scaled(
        device, device, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
    )
    pixmap = QPixmap.fromImage(reduced)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


class _Line(QLineEdit):
    """A line of words inside the field, which gives drops and pasted pictures to the bar."""

    def __init__(self, bar: QueryBar, placeholder: str, name: str) -> None:
        super().__init__(bar)
        self._bar = bar
        self.setFrame(False)
        # The field around it draws the frame, whatever the application's style sheet says of line edits.
        # A sheet that names a colour for the text makes the placeholder too faint, unless told otherwise.
        self.setStyleSheet(
            "QLineEdit { border: none; background: transparent; padding: 0; min-height: 0;"
            " placeholder-text-color: palette(placeholder-text); }"
        )
        self.setAcceptDrops(False)  # a dropped file would be inserted as the text "file:///…"
        self.setMaxLength(MOST_WORDS)
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(name)
        self.setMinimumHeight(QueryChip.HEIGHT)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.matches(QKeySequence.StandardKey.Paste):
            mime = QGuiApplication.clipboard().mimeData()
            if mime is not None and (mime.hasUrls() or has_picture(mime)):
                self._bar.accept_mime(mime)
                return
        super().keyPressEvent(event)


class _ChipStrip(QScrollArea):
    """The chips in a row; scrolls sideways when even the short ones find no room."""

    removed = Signal()
    """The person took a chip out."""
    region_wanted = Signal(object)
    """The chip (QueryChip) of the picture of which the person wants to choose a part."""
    focus_released = Signal()
    """The words are to take the focus: the person went past the last chip, or took it out."""

    _LEAST = QueryChip.HEIGHT * 2

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._width = 0
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.chips: list[QueryChip] = []
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(QueryChip.HEIGHT)
        self.setStyleSheet("QScrollArea, QScrollArea > QWidget > QWidget#chips { background: transparent; }")
        self._inner = QWidget()
        self._inner.setObjectName("chips")
        self._row = QHBoxLayout(self._inner)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(4)
        self.setWidget(self._inner)
        self.setAccessibleName(self.tr("Pictures and clips of the query"))
        self.hide()

    def add(self, chip: QueryChip) -> None:
        """Put a chip at the end."""
        chip.removed.connect(lambda: self._take_out(chip))
        chip.region_wanted.connect(lambda: self.region_wanted.emit(chip))
        chip.stepped.connect(lambda step: self._step_from(chip, step))
        self.chips.append(chip)
        self._row.addWidget(chip)

    def discard(self, chip: QueryChip) -> None:
        """Take a chip away; nobody is told."""
        self.chips.remove(chip)
        self._row.removeWidget(chip)
        chip.hide()
        chip.deleteLater()

    def fit(self, room: int) -> None:
        """Take up to `room` logical pixels: names while there is room for them, then short chips, then scrolling."""
        gaps = self._row.spacing() * max(len(self.chips) - 1, 0)
        compact = sum(chip.width_with_name() for chip in self.chips) + gaps > room
        for chip in self.chips:
            chip.set_compact(compact)
        width = sum(chip.width() for chip in self.chips) + gaps
        self._inner.setFixedSize(width, QueryChip.HEIGHT)
        # A wish and no demand: the window could not be made narrower than its chips, which would then shorten.
        self._width = min(width, max(room, self._LEAST))
        self.setMaximumWidth(self._width)
        self.updateGeometry()
        self.setVisible(bool(self.chips))

    def sizeHint(self) -> QSize:
        return QSize(self._width, QueryChip.HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(min(self._width, self._LEAST), QueryChip.HEIGHT)

    def focus(self, at: int) -> None:
        """Give the chip in place `at` the focus, and bring it into view."""
        self.chips[at].setFocus()
        self.ensureWidgetVisible(self.chips[at], 0, 0)

    def _take_out(self, chip: QueryChip) -> None:
        at = self.chips.index(chip)
        had_focus = chip.hasFocus()
        self.discard(chip)
        if had_focus and self.chips:
            self.chips[min(at, len(self.chips) - 1)].setFocus()
        elif had_focus:
            self.focus_released.emit()
        self.removed.emit()

    def _step_from(self, chip: QueryChip, step: int) -> None:
        at = self.chips.index(chip) + step
        if at >= len(self.chips):
            self.focus_released.emit()
        elif at >= 0:
            self.focus(at)

    def wheelEvent(self, event: QWheelEvent) -> None:
        bar = self.horizontalScrollBar()
        bar.setValue(bar.value() - (event.angleDelta().x() or event.angleDelta().y()) // 3)
        event.accept()


class _Field(QWidget):
    """The rounded place that holds chips and words; outlined with the accent while a line in it has the focus."""

    resized = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._focused = False
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(4, 2, 4, 2)
        self.row.setSpacing(8)

    def set_focused(self, focused: bool) -> None:
        self._focused = focused
        self.update()

    def ground(self) -> QColor:
        """What is behind the words. In a light theme Base is darker than the bar: a field would look disabled."""
        window = self.palette().color(QPalette.ColorRole.Window)
        return window.lighter(103) if window.value() > 127 else self.palette().color(QPalette.ColorRole.Base)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.resized.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        role = QPalette.ColorRole.Highlight if self._focused else QPalette.ColorRole.Mid
        painter.setPen(QPen(self.palette().color(role), 1))
        painter.setBrush(self.ground())
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)


class QueryBar(QWidget):
    """The bar in which a query is made; says what is asked, never runs it.

    `pasted_folder` is where pictures without a file (pasted, or dragged from a browser) are kept; it is made when
    first needed.
    """

    submitted = Signal(object)
    """A Query that is not empty: Enter or Rank, and every change of its pictures and clips, of their parts and of the
    aspect."""
    stopped = Signal()
    cleared = Signal()
    """Nothing is asked any more."""
    chip_thumbnail_wanted = Signal(object, int)
    """The path (str) of a chip and the longest side in pixels; answer with `set_chip_thumbnail`."""
    region_wanted = Signal(object)
    """The chip (QueryChip) of the picture of which the person wants to choose a part; answer with `set_region`."""
    folder_dropped = Signal(object)
    """The path (str) of a folder that was dropped or pasted: it is to be opened, not asked."""
    menu_wanted = Signal()

    _HEIGHT = QueryChip.HEIGHT + 4
    _WIDE = 960
    """From this width on, in logical pixels, the aspect says that it is one."""

    def __init__(self, pasted_folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pasted_folder = pasted_folder
        self._instruction = Query().instruction
        self._running = False
        self.setAccessibleName(self.tr("Query"))
        self.setFont(theme.normal())
        self._build_menu_button()
        self._build_field()
        self.aspect_choice = AspectChoice(self)
        self.aspect_choice.setFixedHeight(self._HEIGHT)
        self.aspect_choice.chosen.connect(self._ask_again)
        self._build_rank_button()
        self._build_message()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self.menu_button)
        row.addWidget(self._field, 1)
        row.addWidget(self.aspect_choice)
        row.addWidget(self.rank_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 12, 8)
        column.setSpacing(4)
        column.addLayout(row)
        column.addWidget(self._message)
        QWidget.setTabOrder(self.words, self.minus)
        QWidget.setTabOrder(self.minus, self.exclude_button)
        QWidget.setTabOrder(self.exclude_button, self.aspect_choice)
        QWidget.setTabOrder(self.aspect_choice, self.rank_button)
        self.setFocusProxy(self.words)
        self.set_running(False)

    def _build_menu_button(self) -> None:
        self.menu_button = QToolButton(self)
        self.menu_button.setAutoRaise(True)
        self.menu_button.setIcon(theme.icon("menu"))
        self.menu_button.setFixedSize(self._HEIGHT, self._HEIGHT)
        self.menu_button.setToolTip(self.tr("Menu"))
        self.menu_button.setAccessibleName(self.tr("Menu"))
        self.menu_button.clicked.connect(self.menu_wanted)

    def _build_field(self) -> None:
        self.words = _Line(self, self.tr("Words, or drop a picture or clip …"), self.tr("Words to look for"))
        self.minus = _Line(self, self.tr("but not …"), self.tr("Words for what you don't want"))
        for line in (self.words, self.minus):
            line.returnPressed.connect(self.submit)
            line.installEventFilter(self)
        self._divider = QFrame(self)
        self._divider.setFixedSize(1, 20)
        self._divider.setAutoFillBackground(True)
        self._divider.setBackgroundRole(QPalette.ColorRole.Mid)
        self.exclude_button = QToolButton(self)
        self.exclude_button.setAutoRaise(True)
        self.exclude_button.setCheckable(True)
        self.exclude_button.setFixedHeight(28)
        self.exclude_button.setIcon(theme.icon("close"))
        self.exclude_button.setIconSize(QSize(12, 12))
        # Checked, it is a plain ×, as on a chip.
        self.exclude_button.setStyleSheet("QToolButton:checked:!hover { background: transparent; }")
        self.exclude_button.toggled.connect(self._show_minus)
        self._strip = _ChipStrip(self)
        self._strip.removed.connect(self._ask_what_is_left)
        self._strip.region_wanted.connect(self.region_wanted)
        self._strip.focus_released.connect(self.words.setFocus)
        self._field = _Field(self)
        self._field.row.addWidget(self._strip)
        self._field.row.addWidget(self.words, 3)
        self._field.row.addWidget(self._divider)
        self._field.row.addWidget(self.minus, 1)
        self._field.row.addWidget(self.exclude_button)
        self._field.resized.connect(self._fit_chips)
        self._offer_minus(True)

    def _build_rank_button(self) -> None:
        self.rank_button = QPushButton(self)
        # Wide enough for both words, so that nothing moves when they change.
        widest = max(map(self.rank_button.fontMetrics().horizontalAdvance, (self.tr("Rank"), self.tr("Stop"))))
        self.rank_button.setFixedSize(widest + 40, self._HEIGHT)
        self.rank_button.clicked.connect(self._rank_or_stop)

    def _build_message(self) -> None:
        self._message = QLabel(self)
        self._message.setFont(theme.small())
        self._message.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._message.setWordWrap(True)
        self._message.setTextFormat(Qt.TextFormat.PlainText)
        self._message.setContentsMargins(48 + 8, 0, 0, 0)
        self._message.hide()
        self._silence = QTimer(self)
        self._silence.setSingleShot(True)
        self._silence.timeout.connect(self._message.hide)

    # --- the query ---------------------------------------------------------------------------------------

    def query(self) -> Query:
        """What the bar says now; may be empty."""
        pictures = [chip for chip in self._strip.chips if chip.kind is Kind.IMAGE]
        return Query(
            text=self.words.text(),
            images=tuple(chip.path for chip in pictures),
            videos=tuple(chip.path for chip in self._strip.chips if chip.kind is Kind.VIDEO),
            minus=self.minus.text(),
            instruction=self._instruction,
            # Without a picture it can't apply, and the same words must stay the same question.
            aspect=self.aspect_choice.aspect() if self._strip.chips else Aspect.OVERALL,
            regions=tuple(chip.region for chip in pictures),
        )

    def set_query(self, query: Query) -> None:
        """Show `query`. Says nothing to anyone, but asks for the thumbnails of new chips."""
        self._instruction = query.instruction
        self.words.setText(query.text)
        self.minus.setText(query.minus)
        self.exclude_button.setChecked(bool(query.minus))
        self.aspect_choice.set_aspect(query.aspect)
        wanted: dict[tuple[Path, Kind], Region | None] = dict.fromkeys((path, Kind.VIDEO) for path in query.videos)
        for path, region in zip(query.images, query.regions, strict=True):
            wanted[path, Kind.IMAGE] = region
        for chip in [chip for chip in self._strip.chips if (chip.path, chip.kind) not in wanted]:
            self._strip.discard(chip)
        for (path, kind), region in wanted.items():
            known = next((chip for chip in self._strip.chips if chip.path == path), None)
            if known is None:
                self._add_chip(path, kind, region)
            elif known.region != region:
                self._change_region(known, region)
        self._fit_chips()

    def add_files(self, paths: Sequence[str]) -> None:
        """Make pictures and clips part of the query and ask it; say so if some can't be."""
        refusal = ""  # one sentence is read, the last; a list of forty is not
        added = False
        for path in map(Path, paths):
            format_ = format_of(path)
            if format_ is None or format_.kind is Kind.TEXT:
                refusal = self._refusal(path, is_text=format_ is not None)
            elif any(chip.path == path for chip in self._strip.chips):
                refusal = self.tr("{name} is already part of the query.").format(name=self._name(path))
            elif len(self._strip.chips) >= MOST_REFERENCES:
                template = self.tr("A query holds {most} pictures and clips at most; take one out first.")
                refusal = template.format(most=MOST_REFERENCES)
                break
            else:
                self._add_chip(path, format_.kind)
                added = True
        self._fit_chips()
        if refusal:
            self.say(refusal)
        if added:
            self.submitted.emit(self.query())

    def set_region(self, path: str, region: Region | None) -> None:
        """Let a part of a picture count, or all of it again, and ask; ignored if its chip is gone or has it already."""
        for chip in self._strip.chips:
            if chip.path == Path(path) and chip.kind is Kind.IMAGE and chip.region != region:
                self._change_region(chip, region)
                self._fit_chips()
                self._ask_again()

    def _ask_again(self) -> None:
        self.hush()
        self.submitted.emit(self.query())

    def submit(self) -> None:
        """Ask what the bar says, or say that it says nothing."""
        query = self.query()
        if query:
            self.hush()
            self.submitted.emit(query)
        else:
            self.say(messages.sentence(QueryEmpty()))
            self.words.setFocus()

    def clear(self) -> None:
        """Take everything out of the query."""
        if self.query() or self.minus.text():
            self.set_query(Query(instruction=self._instruction))
            self.hush()
            self.cleared.emit()

    def dismiss(self) -> None:
        """What Esc does: stop a running ranking, otherwise clear."""
        if self._running:
            self.stopped.emit()
        else:
            self.clear()

    def set_running(self, running: bool) -> None:
        """Whether a ranking runs, so that the button offers to stop it."""
        self._running = running
        self.rank_button.setProperty("primary", not running)
        self.rank_button.setText(self.tr("Stop") if running else self.tr("Rank"))
        self.rank_button.setToolTip(
            self.tr("Stop ranking; what is scored stays (Esc)") if running else self.tr("Rank the folder (Enter)")
        )
        self.rank_button.setAccessibleName(self.tr("Stop ranking") if running else self.tr("Rank the folder"))
        # The style sheet looks at a property only when it is polished.
        self.rank_button.style().unpolish(self.rank_button)
        self.rank_button.style().polish(self.rank_button)

    def say(self, text: str) -> None:
        """Show a sentence under the field, for as long as reading it takes."""
        self._message.setText(text)
        self._message.show()
        self._silence.start(max(5_000, 80 * len(text)))
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._message, text))

    def hush(self) -> None:
        """Take the sentence away."""
        self._silence.stop()
        self._message.hide()

    def message(self) -> str:
        """The sentence now shown, or nothing."""
        return "" if self._message.isHidden() else self._message.text()

    def field_rect(self) -> QRect:
        """Where the field is, in the bar's coordinates."""
        return self._field.geometry()

    def field_ground(self) -> QColor:
        """The colour of the field behind the words."""
        return self._field.ground()

    # --- chips -------------------------------------------------------------------------------------------

    def chips(self) -> tuple[QueryChip, ...]:
        """The chips as they stand, left to right."""
        return tuple(self._strip.chips)

    def set_chip_thumbnail(self, path: str, image: QImage) -> None:
        """The picture of a chip; ignored if the chip is gone."""
        for chip in self._strip.chips:
            if chip.path == Path(path):
                chip.set_thumbnail(image)

    def _name(self, path: Path) -> str:
        if path.parent == self._pasted_folder:
            return self.tr("Pasted picture")  # its file is named by its content
        return str(printable(path.name))

    def _refusal(self, path: Path, *, is_text: bool) -> str:
        if is_text:
            sentence = self.tr("{name} is a text file. Copy the words you mean and paste them here.")
        else:
            sentence = self.tr("{name} is not a picture or clip that Semblance can read.")
        return sentence.format(name=self._name(path))

    def _add_chip(self, path: Path, kind: Kind, region: Region | None = None) -> None:
        before = self._strip.chips[-1] if self._strip.chips else self.menu_button
        chip = QueryChip(path, kind, self._name(path), self)
        chip.set_region(region)
        self._strip.add(chip)
        QWidget.setTabOrder(before, chip)
        self.chip_thumbnail_wanted.emit(str(path), chip.pixels_wanted())

    def _change_region(self, chip: QueryChip, region: Region | None) -> None:
        chip.set_region(region)
        self.chip_thumbnail_wanted.emit(str(chip.path), chip.pixels_wanted())

    def _fit_chips(self) -> None:
        """At most half of the field for the chips."""
        self.aspect_choice.set_applicable(bool(self._strip.chips))
        self._strip.fit(self._field.width() // 2)

    def _ask_what_is_left(self) -> None:
        self._fit_chips()
        query = self.query()
        if query:
            self.submitted.emit(query)
        else:
            self.cleared.emit()

    # --- what is dropped or pasted -------------------------------------------------------------------------

    def can_accept(self, mime: QMimeData) -> bool:
        """Whether `accept_mime` would do something with it, if only say why not."""
        return offers_anything(mime)

    def accept_mime(self, mime: QMimeData) -> bool:
        """Make what was dropped or pasted part of the query.

        A folder is passed on by `folder_dropped`; a web address without the picture itself is refused with a
        sentence. Returns False if there is nothing in it for a query.
        """
        match meaning(mime):
            case Files(files, folders):
                if folders:
                    self.folder_dropped.emit(folders[0])
                self.add_files(files)
            case Picture() as picture:
                self._add_picture(picture)
            case Address():
                self.say(messages.sentence(AddressRefused()))
            case Words(text):
                self._add_words(text)
            case None:
                return False
        return True

    def paste(self) -> bool:
        """Take what the clipboard holds, as if it had been dropped."""
        mime = QGuiApplication.clipboard().mimeData()
        return mime is not None and self.accept_mime(mime)

    def _add_words(self, text: str) -> None:
        self.words.setText(f"{self.words.text()} {text}".strip()[:MOST_WORDS])
        self.words.setFocus()

    def _add_picture(self, picture: Picture) -> None:
        try:
            path = picture.keep(self._pasted_folder)
        except OSError as error:
            template = self.tr("The picture could not be kept in {folder} ({reason}). Free some space, or drop a file.")
            folder, reason = printable(str(self._pasted_folder)), os.strerror(error.errno or 0)
            self.say(template.format(folder=folder, reason=reason))
        else:
            self.add_files([str(path)])

    # --- Qt ------------------------------------------------------------------------------------------------

    def _offer_minus(self, offered: bool) -> None:
        """Offer the field for what isn't wanted, or show it with a way to take it back."""
        self._divider.setHidden(offered)
        self.minus.setHidden(offered)
        button = self.exclude_button
        button.setText(self.tr("Exclude"))
        style = Qt.ToolButtonStyle.ToolButtonTextOnly if offered else Qt.ToolButtonStyle.ToolButtonIconOnly
        button.setToolButtonStyle(style)
        button.setToolTip(self.tr("Say what you don't want") if offered else self.tr("Exclude nothing"))
        button.setAccessibleName(self.tr("Exclude: say what you don't want") if offered else button.toolTip())

    def _show_minus(self, shown: bool) -> None:
        self._offer_minus(not shown)
        if shown:
            self.minus.setFocus()
        else:
            self.minus.clear()
            self.words.setFocus()

    def _rank_or_stop(self) -> None:
        if self._running:
            self.stopped.emit()
        else:
            self.submit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.aspect_choice.set_compact(self.width() < self._WIDE)
        super().resizeEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            QTimer.singleShot(0, self, self._show_focus)
        elif event.type() == QEvent.Type.KeyPress and watched is self.words and self._strip.chips:
            assert isinstance(event, QKeyEvent)
            back = event.key() in (Qt.Key.Key_Backspace, Qt.Key.Key_Left)
            if back and self.words.cursorPosition() == 0 and not self.words.hasSelectedText():
                # One step to the chip, a second press takes it out: nothing is lost by a key held too long.
                self._strip.focus(-1)
                return True
        return super().eventFilter(watched, event)

    def _show_focus(self) -> None:
        self._field.set_focused(self.words.hasFocus() or self.minus.hasFocus())
