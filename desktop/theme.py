"""How the window looks: its greys and one accent, its style sheet, its icons, its type and its motion.

Widgets take colours from their palette. What the roles mean here:

    Window           panels and bars                WindowText, Text   text
    Base             the ground of the grid         PlaceholderText    quiet text, still 4.5:1 on Window and Base
    AlternateBase    the cell behind a thumbnail    Mid                hairlines
    Highlight        the accent: focus, selection, score     HighlightedText    text on it
    Button           controls at rest               Light              controls under the pointer
    Link             text in the accent

The greys are neutral (R = G = B), since a tint would bias how pictures look, and none is pure black or white.
"""

from __future__ import annotations

import configparser
import functools
import os
import shutil
import string
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from PySide6.QtCore import QByteArray, QObject, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QGuiApplication, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from resources import folder, icon_path

Mode = Literal["system", "dark", "light"]


@dataclass(frozen=True)
class Colours:
    """The colours of one theme, as #rrggbb. Their names are the style sheet's placeholders."""

    window: str
    base: str
    cell: str
    field: str
    """The ground of a line edit."""
    text: str
    dim: str
    disabled: str
    hairline: str
    button: str
    hover: str
    pressed: str
    thumb: str
    """The handle of a scroll bar or slider."""
    accent: str
    accent_hover: str
    on_accent: str
    link: str
    tooltip: str


DARK = Colours(
    window="#2a2a2a", base="#1f1f1f", cell="#2b2b2b", field="#1f1f1f", text="#e3e3e3", dim="#a6a6a6",
    disabled="#707070", hairline="#3d3d3d", button="#3a3a3a", hover="#454545", pressed="#343434", thumb="#646464",
    accent="#6ca6ee", accent_hover="#83b5f2", on_accent="#141414", link="#83b5f2", tooltip="#3a3a3a",
)  # fmt: skip
LIGHT = Colours(
    window="#f1f1f1", base="#e4e4e4", cell="#d8d8d8", field="#f9f9f9", text="#1e1e1e", dim="#595959",
    disabled="#949494", hairline="#cfcfcf", button="#e3e3e3", hover="#d8d8d8", pressed="#cccccc", thumb="#a0a0a0",
    accent="#2166b8", accent_hover="#2c74c9", on_accent="#fafafa", link="#1d5ca6", tooltip="#f9f9f9",
)  # fmt: skip


def apply_theme(app: QApplication, mode: Mode = "system") -> Theme:
    """Give the program its look, in dark, in light, or as the system is and whenever the system changes.

    Called again, it changes the look of every window that is open.
    """
    theme = app.findChild(Theme)
    if theme is None:
        theme = Theme(app)
    theme.set_mode(mode)
    return theme


class Theme(QObject):
    """The look of the running program; `changed` tells of a new one after it is in force."""

    changed = Signal()

    def __init__(self, app: QApplication) -> None:
        super().__init__(app)
        self._app = app
        self._mode: Mode = "system"
        self._colours: Colours | None = None
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._follow)

    @property
    def colours(self) -> Colours:
        return self._colours or LIGHT

    @property
    def dark(self) -> bool:
        return self._colours is DARK

    def set_mode(self, mode: Mode) -> None:
        self._mode = mode
        hints = self._app.styleHints()
        # Tells the platform too, so that title bars and native dialogs agree with the window.
        match mode:
            case "dark":
                hints.setColorScheme(Qt.ColorScheme.Dark)
            case "light":
                hints.setColorScheme(Qt.ColorScheme.Light)
            case "system":
                hints.unsetColorScheme()
        self._follow(hints.colorScheme())

    def _follow(self, scheme: Qt.ColorScheme) -> None:
        # A forced mode holds even where the platform can't be told.
        dark = self._mode == "dark" or (self._mode == "system" and scheme == Qt.ColorScheme.Dark)
        colours = DARK if dark else LIGHT
        if colours is self._colours:
            return
        self._colours = colours
        self._app.setPalette(palette(colours))
        self._app.setStyleSheet(style_sheet(colours))
        self.changed.emit()


def palette(colours: Colours) -> QPalette:
    """The palette whose roles mean what this module's head says."""
    role = QPalette.ColorRole
    result = QPalette()
    for roles, colour in (
        ((role.Window,), colours.window),
        ((role.Base,), colours.base),
        ((role.AlternateBase,), colours.cell),
        ((role.WindowText, role.Text, role.ButtonText, role.BrightText, role.ToolTipText), colours.text),
        ((role.PlaceholderText,), colours.dim),
        ((role.Button,), colours.button),
        ((role.Light, role.Midlight), colours.hover),
        ((role.Mid,), colours.hairline),
        ((role.Dark,), colours.pressed),
        ((role.Shadow,), colours.thumb),
        ((role.Highlight, role.Accent), colours.accent),
        ((role.HighlightedText,), colours.on_accent),
        ((role.Link, role.LinkVisited), colours.link),
        ((role.ToolTipBase,), colours.tooltip),
    ):
        for one in roles:
            result.setColor(one, QColor(colour))
    for one in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
        result.setColor(QPalette.ColorGroup.Disabled, one, QColor(colours.disabled))
    result.setColor(QPalette.ColorGroup.Disabled, role.Highlight, QColor(colours.thumb))
    return result


class _Sheet(string.Template):
    delimiter = "@"


def style_sheet(colours: Colours) -> str:
    """The style sheet in these colours."""
    sheet = (folder() / "style.qss").read_text(encoding="utf-8")
    shade = "dark" if colours is DARK else "light"
    return _Sheet(sheet).substitute(asdict(colours), resources=folder().as_posix(), shade=shade)


# --- icons -------------------------------------------------------------------------------------------


@functools.cache
def icon(name: str, role: QPalette.ColorRole = QPalette.ColorRole.ButtonText) -> QIcon:
    """The line icon `name` (a file of resources/icons) in the palette's colour for `role`, whatever the theme.

    A primary button's icon takes HighlightedText. Sharp at any scale: it is drawn anew for each size and density.
    Raises FileNotFoundError.
    """
    return QIcon(_LineIcon(icon_path(name).read_bytes(), role))


@functools.lru_cache(maxsize=512)
def _drawn(source: bytes, width: int, height: int, ratio: float, colour: int) -> QPixmap:
    """An icon of that size in device-independent pixels, its strokes in `colour` (QRgb)."""
    pixmap = QPixmap(round(width * ratio), round(height * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    tinted = source.replace(b"currentColor", QColor.fromRgba(colour).name().encode())
    painter = QPainter(pixmap)
    side = min(width, height)
    box = QRectF((width - side) / 2, (height - side) / 2, side, side)
    QSvgRenderer(QByteArray(tinted)).render(painter, box)
    painter.end()
    return pixmap


class _LineIcon(QIconEngine):
    """Asks for the palette each time it is painted, so a change of theme needs no new icons."""

    def __init__(self, source: bytes, role: QPalette.ColorRole) -> None:
        super().__init__()
        self._source = source
        self._role = role

    def clone(self) -> QIconEngine:
        return _LineIcon(self._source, self._role)

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        painter.drawPixmap(rect, self.scaledPixmap(rect.size(), mode, state, painter.device().devicePixelRatioF()))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        colours = QGuiApplication.palette()
        group = QPalette.ColorGroup.Disabled if mode == QIcon.Mode.Disabled else QPalette.ColorGroup.Active
        role = QPalette.ColorRole.HighlightedText if mode == QIcon.Mode.Selected else self._role
        return _drawn(self._source, size.width(), size.height(), scale, colours.color(group, role).rgba())


# --- type --------------------------------------------------------------------------------------------


def small() -> QFont:
    """The system's font for captions, counts and headings of panels."""
    return _scaled(0.88)


def normal() -> QFont:
    """The system's font as it is."""
    return _scaled(1.0)


def large() -> QFont:
    """The system's font for a title, or the one sentence of an empty view."""
    return _scaled(1.35)


def _scaled(factor: float) -> QFont:
    font = QFont(QApplication.font())
    if font.pointSizeF() > 0:
        font.setPointSizeF(font.pointSizeF() * factor)
    else:
        font.setPixelSize(round(font.pixelSize() * factor))
    return font


def tabular(font: QFont) -> QFont:
    """The font with figures of one width, so that changing numbers don't dance."""
    font = QFont(font)
    font.setFeature(QFont.Tag("tnum"), 1)
    return font


# --- motion ------------------------------------------------------------------------------------------


@functools.cache
def reduced_motion() -> bool:
    """Whether the person asked their system for less motion, as far as it can be found out; read once.

    SEMBLANCE_REDUCED_MOTION=1 or 0 decides in its place.
    """
    chosen = os.environ.get("SEMBLANCE_REDUCED_MOTION", "")
    if chosen:
        return chosen != "0"
    if sys.platform == "win32":
        return not _windows_animates()
    if sys.platform == "darwin":
        return _answer("defaults", "read", "com.apple.universalaccess", "reduceMotion") == "1"
    if _answer("gsettings", "get", "org.gnome.desktop.interface", "enable-animations") == "false":
        return True
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return (
        _entry(config / "gtk-4.0" / "settings.ini", "Settings", "gtk-enable-animations") in ("0", "false")
        or _entry(config / "gtk-3.0" / "settings.ini", "Settings", "gtk-enable-animations") in ("0", "false")
        or _entry(config / "kdeglobals", "KDE", "AnimationDurationFactor") in ("0", "0.0")
    )


def _answer(*command: str) -> str:
    """What a program of the system prints, or nothing if it isn't there or doesn't answer at once."""
    if not shutil.which(command[0]):
        return ""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=0.5, check=False).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _entry(path: Path, section: str, key: str) -> str:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError, OSError):
        return ""
    return parser.get(section, key, fallback="").strip().lower()


if sys.platform == "win32":

    def _windows_animates() -> bool:
        import ctypes

        on = ctypes.c_int(1)
        ctypes.windll.user32.SystemParametersInfoW(0x1042, 0, ctypes.byref(on), 0)  # SPI_GETCLIENTAREAANIMATION
        return bool(on.value)
