from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict

import numpy as np
import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QFontInfo, QIcon, QImage, QPalette
from PySide6.QtWidgets import QApplication, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from desktop import theme
from resources import folder, icon_path

ICONS = sorted(path.stem for path in (folder() / "icons").glob("*.svg"))
ACCENTS = {"accent", "accent_hover", "link"}
BOTH = pytest.mark.parametrize("colours", [theme.DARK, theme.LIGHT], ids=["dark", "light"])
Role = QPalette.ColorRole


@pytest.fixture
def app(qapp: QApplication) -> Iterator[QApplication]:
    before = qapp.palette(), qapp.styleSheet()
    yield qapp
    theme.apply_theme(qapp, "light")
    qapp.setPalette(before[0])
    qapp.setStyleSheet(before[1])


def rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [value / 255 for value in rgb(colour)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def pixels(icon: QIcon, size: int, ratio: float = 1.0, mode: QIcon.Mode = QIcon.Mode.Normal) -> np.ndarray:
    pixmap = icon.pixmap(QSize(size, size), ratio, mode)
    image = pixmap.toImage().convertToFormat(QImage.Format.Format_RGBA8888)
    # Copied: the image owns the bytes and goes away.
    return np.array(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)


def inked(shown: np.ndarray) -> np.ndarray:
    """The colour of an icon's opaque pixels, averaged."""
    return np.asarray(shown[shown[..., 3] > 250][:, :3].mean(0))


@BOTH
def test_every_grey_is_neutral_and_none_is_pure_black_or_white(colours: theme.Colours) -> None:
    for name, value in asdict(colours).items():
        colour = QColor(value)
        if name not in ACCENTS:
            assert colour.red() == colour.green() == colour.blue(), name
        assert value not in ("#000000", "#ffffff")


@BOTH
@pytest.mark.parametrize(
    ("ink", "grounds"),
    [
        ("text", ("window", "base", "cell", "field", "button", "hover", "pressed", "tooltip")),
        ("dim", ("window", "base", "cell", "field")),
        ("link", ("window", "base")),
        ("on_accent", ("accent", "accent_hover")),
    ],
)
def test_text_can_be_read(colours: theme.Colours, ink: str, grounds: tuple[str, ...]) -> None:
    for ground in grounds:
        assert contrast(getattr(colours, ink), getattr(colours, ground)) >= 4.5, ground


@BOTH
def test_focus_and_the_score_bar_stand_out_from_what_is_behind_them(colours: theme.Colours) -> None:
    for ground in ("window", "base", "cell", "button"):
        assert contrast(colours.accent, getattr(colours, ground)) >= 3, ground


@BOTH
def test_the_palette_has_the_colours_under_their_roles(colours: theme.Colours) -> None:
    palette = theme.palette(colours)
    for role, colour in (
        (Role.Window, colours.window),
        (Role.Base, colours.base),
        (Role.AlternateBase, colours.cell),
        (Role.Text, colours.text),
        (Role.PlaceholderText, colours.dim),
        (Role.Mid, colours.hairline),
        (Role.Highlight, colours.accent),
        (Role.HighlightedText, colours.on_accent),
        (Role.Light, colours.hover),
        (Role.Link, colours.link),
    ):
        assert palette.color(role).name() == colour, role


@BOTH
def test_the_style_sheet_has_no_placeholder_left_and_only_files_that_exist(colours: theme.Colours) -> None:
    sheet = theme.style_sheet(colours)
    assert "@" not in sheet
    urls = re.findall(r'url\("([^"]+)"\)', sheet)
    assert urls
    assert all((folder() / url).is_file() for url in urls)


def test_changing_the_theme_changes_windows_that_are_open(app: QApplication, qtbot: QtBot) -> None:
    theme.apply_theme(app, "dark")
    label = QLabel("words")
    qtbot.addWidget(label)
    label.show()
    assert label.grab().toImage().pixelColor(1, 1).name() == theme.DARK.window

    with qtbot.waitSignal(theme.apply_theme(app, "dark").changed):
        theme.apply_theme(app, "light")

    assert label.palette().color(Role.Window).name() == theme.LIGHT.window
    assert label.grab().toImage().pixelColor(1, 1).name() == theme.LIGHT.window


def test_a_primary_button_is_filled_with_the_accent(app: QApplication, qtbot: QtBot) -> None:
    theme.apply_theme(app, "dark")
    button = QPushButton("Rank")
    button.setProperty("primary", True)
    qtbot.addWidget(button)
    middle = button.grab().toImage()
    assert middle.pixelColor(5, middle.height() // 2).name() == theme.DARK.accent


def test_what_a_field_asks_for_can_be_read(app: QApplication, qtbot: QtBot) -> None:
    theme.apply_theme(app, "dark")
    field = QLineEdit()
    qtbot.addWidget(field)
    field.ensurePolished()
    assert field.palette().color(Role.PlaceholderText).name() == theme.DARK.dim


def test_it_follows_the_system_unless_forced(app: QApplication) -> None:
    look = theme.apply_theme(app, "system")
    hints = app.styleHints()
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert look.dark
    assert app.palette().color(Role.Window).name() == theme.DARK.window
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert not look.dark

    theme.apply_theme(app, "light")
    hints.colorSchemeChanged.emit(Qt.ColorScheme.Dark)
    assert not look.dark
    assert app.palette().color(Role.Window).name() == theme.LIGHT.window


def test_applying_it_twice_leaves_one_theme(app: QApplication) -> None:
    assert theme.apply_theme(app, "dark") is theme.apply_theme(app, "light")
    assert len(app.findChildren(theme.Theme)) == 1


@pytest.mark.parametrize("name", ICONS)
def test_icons_are_drawn_in_the_colour_of_the_text_in_both_themes(app: QApplication, name: str) -> None:
    icon = theme.icon(name)
    modes: tuple[tuple[theme.Mode, theme.Colours], ...] = (("dark", theme.DARK), ("light", theme.LIGHT))
    for mode, colours in modes:
        theme.apply_theme(app, mode)
        shown = pixels(icon, 20, 2.0)
        assert (shown[..., 3] > 0).mean() > 0.01, "nothing drawn"
        assert (shown[..., 3] == 0).mean() > 0.4, "a line icon leaves most of its square free"
        assert np.allclose(inked(shown), rgb(colours.text), atol=6)


def test_icons_follow_the_file_convention() -> None:
    for name in ICONS:
        source = icon_path(name).read_text()
        assert 'viewBox="0 0 20 20"' in source
        assert 'stroke="currentColor" stroke-width="1.5" stroke-linecap="round"' in source


def test_an_icon_has_the_pixels_of_its_screen(app: QApplication) -> None:
    for ratio, side in ((1.0, 16), (1.5, 24), (2.0, 32), (3.0, 48)):
        pixmap = theme.icon("search").pixmap(QSize(16, 16), ratio)
        assert pixmap.width() == side
        assert pixmap.devicePixelRatio() == ratio


def test_disabled_selected_and_accented_icons_have_their_colours(app: QApplication) -> None:
    theme.apply_theme(app, "dark")
    disabled = inked(pixels(theme.icon("folder"), 20, 3.0, QIcon.Mode.Disabled))
    selected = inked(pixels(theme.icon("folder"), 20, 3.0, QIcon.Mode.Selected))
    accented = inked(pixels(theme.icon("folder", Role.Highlight), 20, 3.0))
    assert np.allclose(disabled, rgb(theme.DARK.disabled), atol=6)
    assert np.allclose(selected, rgb(theme.DARK.on_accent), atol=6)
    assert np.allclose(accented, rgb(theme.DARK.accent), atol=6)


def test_an_icon_nobody_drew_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        theme.icon("no-such-icon")


def test_there_are_three_sizes_of_type_and_figures_of_one_width(qapp: QApplication) -> None:
    small, normal, large = (QFontInfo(font).pointSizeF() for font in (theme.small(), theme.normal(), theme.large()))
    assert small < normal < large
    plain = theme.normal()
    assert theme.tabular(plain).featureTags() != plain.featureTags()


@pytest.mark.parametrize(("value", "reduced"), [("1", True), ("0", False)])
def test_the_environment_decides_about_motion(monkeypatch: pytest.MonkeyPatch, value: str, reduced: bool) -> None:
    monkeypatch.setenv("SEMBLANCE_REDUCED_MOTION", value)
    theme.reduced_motion.cache_clear()
    assert theme.reduced_motion() is reduced
    theme.reduced_motion.cache_clear()
