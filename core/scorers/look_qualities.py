"""Which qualities of a look are measured (dark, blurry, busy, portrait, ...), and where each begins and is plain.

Each quality is a scale over readings of the figures: 0 for what is not so, 1 for what anyone would call so, and more
for what is more so. Scales use only operations that are rounded exactly, as in look_colours. Most are of each frame,
some can be asked of the background alone, and shape, size and kind are of the file.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from core.media import Kind
from core.scorers.figures import Measured
from core.scorers.look_colours import family_share, family_subject, graded, ramp, scale, step

Floats = NDArray[np.float32]
Scale = Callable[[Measured], Floats]

# --- light -------------------------------------------------------------------------------------------


def _dark(documents: Measured) -> Floats:
    mean, most, lights = (documents.reading(name) for name in ("light", "three_quarters", "high"))
    low_key = ramp(mean, 0.55, 0.3) + ramp(most, 0.65, 0.35)
    return np.float32(0.42) * low_key + np.float32(0.16) * step(lights, 0.95, 0.45)


def _bright(documents: Measured) -> Floats:
    mean, most = documents.reading("light"), documents.reading("quarter")
    return (ramp(mean, 0.68, 0.88) + ramp(most, 0.5, 0.82)) * np.float32(0.5)


def _range(documents: Measured) -> Floats:
    """From the darkest to the lightest of the frame."""
    return documents.reading("high") - documents.reading("low")


def _contrasty(documents: Measured) -> Floats:
    return (ramp(_range(documents), 0.55, 0.9) + ramp(documents.reading("spread"), 0.4, 0.7)) * np.float32(0.5)


def _hazy(documents: Measured) -> Floats:
    """Greyish and without depth: neither black nor strong colours, nor a mere wall."""
    grey = step(documents.reading("chroma"), 0.24, 0.12) * step(family_share(documents, "vivid"), 0.15, 0.03)
    depth = ramp(_range(documents), 0.75, 0.3) * step(documents.reading("low"), 0.1, 0.3)
    depth = depth * step(documents.reading("three_quarters"), 0.96, 0.88) * step(documents.reading("light"), 0.25, 0.45)
    shown = step(documents.reading("edges") + documents.reading("subject"), 0.02, 0.1)
    return np.asarray(depth * grey * (np.float32(0.4) + np.float32(0.6) * shown), np.float32)


def _flat(documents: Measured) -> Floats:
    """Little between dark and light; but of a bare wall nobody says so."""
    little = ramp(_range(documents) + documents.reading("tints"), 0.55, 0.25)
    shown = step(documents.reading("edges") + documents.reading("subject"), 0.02, 0.1)
    return little * (np.float32(0.4) + np.float32(0.6) * shown)


# --- colour ------------------------------------------------------------------------------------------


def _of_family(family: str) -> Scale:
    return lambda documents: ramp(family_share(documents, family), 0.1, 0.65)


def _background_of_family(family: str) -> Scale:
    return lambda documents: ramp(family_share(documents, family, "background"), 0.15, 0.7)


def _vivid(documents: Measured) -> Floats:
    return ramp(documents.reading("chroma"), 0.25, 0.62)


def _muted(documents: Measured) -> Floats:
    return ramp(family_share(documents, "muted"), 0.15, 0.7) * step(family_share(documents, "vivid"), 0.3, 0.05)


def _warmth(documents: Measured) -> Floats:
    """How much more of the frame is warm than cool, -1..1."""
    return 2 * family_share(documents, "warmth") - 1


def _warm(documents: Measured) -> Floats:
    return ramp(_warmth(documents), 0.1, 0.7)


def _cool(documents: Measured) -> Floats:
    return ramp(-_warmth(documents), 0.1, 0.7)


def _colourful(documents: Measured) -> Floats:
    return ramp(documents.reading("hues"), 0.15, 0.75) * step(documents.reading("chroma"), 0.1, 0.25)


def _monochrome(documents: Measured) -> Floats:
    return step(documents.reading("coloured"), 0.12, 0.005)


def _black_and_white(documents: Measured) -> Floats:
    """The more so, the more it has from dark to light: a grey wall is hardly a picture in black and white."""
    return _monochrome(documents) * (1 + step(_range(documents), 0.3, 1))


def _coloured(documents: Measured) -> Floats:
    return np.asarray((1 - _monochrome(documents)) * (1 + step(documents.reading("chroma"), 0, 0.8)), np.float32)


def _one_hued(documents: Measured) -> Floats:
    """Grey throughout, or tinted throughout in one hue."""
    chroma, hues, fan = (documents.reading(name) for name in ("chroma", "hues", "fan"))
    # Of another hue, of its opposite or of grey beside a colour.
    apart = np.asarray(documents.reading("tints") / np.maximum(chroma, np.float32(0.02)), np.float32)
    one = step(hues, 0.3, 0.12) * ramp(fan, 0.42, 0.22) * step(apart, 0.85, 0.6)
    return np.asarray(
        np.maximum(_monochrome(documents), one * step(documents.reading("coloured"), 0.5, 0.7)), np.float32
    )


def _gradient(documents: Measured) -> Floats:
    """Colours that pass into each other over all, with hardly an edge."""
    changing = ramp(documents.reading("border_spread"), 0.06, 0.2)
    return changing * step(documents.reading("edges"), 0.14, 0.03) * step(documents.reading("empty"), 0.55, 0.85)


def _coloured_behind(documents: Measured) -> Floats:
    return scale(documents.reading("border_chroma"), 0.06, 0.25, 1)


def _sepia(documents: Measured) -> Floats:
    """Brownish throughout, neither grey nor strong, from dark to light."""
    coloured = documents.reading("coloured")
    part = family_share(documents, "sepia") / np.maximum(coloured, np.float32(0.05))
    brownish = step(part.astype(np.float32), 0.5, 0.85)
    one_hued = ramp(documents.reading("fan"), 0.32, 0.18) * step(documents.reading("hues"), 0.4, 0.2)
    from_dark_to_light = step(documents.reading("three_quarters") - documents.reading("quarter"), 0.02, 0.06)
    depth = from_dark_to_light * step(_range(documents), 0.1, 0.3)
    return np.asarray(step(coloured, 0.25, 0.6) * brownish * one_hued * depth, np.float32)


# --- focus -------------------------------------------------------------------------------------------


def _sharpness(documents: Measured, reading: str = "sharpness") -> tuple[Floats, NDArray[np.bool_]]:
    """How steep the edges are, and whether there are any to tell by.

    Photographs at a judge's size have 0.9 to 1.1; blurred by 1, 2 and 4 pixels 0.72, 0.48 and 0.35, whatever their
    size, noise of 10 in 255 adding up to 0.1.
    """
    # The quotient of figures' _sharpness is kept times 2/3.
    value = documents.reading(reading) * np.float32(1.5)
    return np.asarray(value, np.float32), np.asarray(value > 0)


def _blurry(documents: Measured) -> Floats:
    value, known = _sharpness(documents)
    return ramp(value, 0.62, 0.4) * known


def _sharp(documents: Measured) -> Floats:
    value, known = _sharpness(documents)
    return scale(value, 0.5, 0.85, 1.5) * known


def _soft_behind(documents: Measured) -> Floats:
    """What is sharp stands in the middle; at the border colours come and go without an edge."""
    middle, seen = _sharpness(documents, "middle_sharpness")
    return np.asarray(ramp(documents.reading("melted"), 0.08, 0.38) * step(middle, 0.55, 0.8) * seen, np.float32)


# --- order -------------------------------------------------------------------------------------------


def _busy(documents: Measured) -> Floats:
    return ramp(documents.reading("edges"), 0.15, 0.55) * step(documents.reading("empty"), 0.6, 0.15)


def _empty(documents: Measured) -> Floats:
    return ramp(documents.reading("empty"), 0.5, 0.85) * step(documents.reading("edges"), 0.2, 0.06)


def _plain_border(documents: Measured) -> Floats:
    even = ramp(documents.reading("border_spread"), 0.3, 0.1)
    return even * step(documents.reading("border_edges"), 0.12, 0.02)


def _plain(documents: Measured) -> Floats:
    """One colour from edge to edge."""
    return _plain_border(documents) * step(documents.reading("subject"), 0.3, 0.05)


def _plain_behind(documents: Measured) -> Floats:
    """One colour behind something: less so where nothing stands before it."""
    before = step(documents.reading("subject"), 0.02, 0.1)
    return _plain_border(documents) * (np.float32(0.7) + np.float32(0.3) * before)


_OF_FRAME: dict[str, Scale] = {
    "dark": _dark,
    "bright": _bright,
    "contrasty": _contrasty,
    "flat": _flat,
    "hazy": _hazy,
    "vivid": _vivid,
    "muted": _muted,
    "pastel": _of_family("pastel"),
    "neon": _of_family("neon"),
    "earthy": _of_family("earthy"),
    "colourful": _colourful,
    "coloured": _coloured,
    "warm": _warm,
    "cool": _cool,
    "monochrome": _black_and_white,
    "one-hued": _one_hued,
    "sepia": _sepia,
    "gradient": _gradient,
    "blurry": _blurry,
    "sharp": _sharp,
    "soft behind": _soft_behind,
    "busy": _busy,
    "empty": _empty,
    "plain": _plain,
}
"""Of each frame; a document has the mean of its frames."""
_OF_BACKGROUND: dict[str, Scale] = {
    "dark": lambda documents: scale(-documents.reading("border_light"), -0.55, -0.32, 0),
    "bright": lambda documents: scale(documents.reading("border_light"), 0.65, 0.85, 1),
    "coloured": _coloured_behind,
    "gradient": _gradient,
    "vivid": lambda documents: ramp(documents.reading("border_chroma"), 0.25, 0.6),
    "muted": _background_of_family("muted"),
    "pastel": _background_of_family("pastel"),
    "warm": _background_of_family("warm"),
    "cool": _background_of_family("cool"),
    "blurry": _soft_behind,
    "soft behind": _soft_behind,
    "busy": lambda documents: ramp(documents.reading("border_edges"), 0.15, 0.5),
    "empty": _plain_behind,
    "plain": _plain_behind,
}
"""The same, of the background."""

_OF_SUBJECT: dict[str, Scale] = {
    name: lambda documents, name=name: family_subject(documents, name)  # type: ignore[misc]
    for name in ("dark", "bright", "vivid", "muted", "pastel", "warm", "cool")
}
"""The same, of what stands before the background."""

# --- the file ----------------------------------------------------------------------------------------

RATIOS = ("1:1", "2:1", "3:2", "2:3", "4:3", "3:4", "5:4", "4:5", "16:9", "9:16", "16:10", "21:9")
"""Shapes that are asked for by the quotient of width and height."""


def _of_ratio(ratio: str) -> Callable[[Floats, Floats], Floats]:
    width, height = map(int, ratio.split(":"))
    wanted = np.float32(width / height)
    return lambda across, up: scale(-np.maximum(across / wanted, up * wanted), -1.1, -1.02, -1)


_SHAPES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "landscape": lambda across, up: scale(across, 1.04, 1.25, 2),
    "portrait": lambda across, up: scale(up, 1.04, 1.25, 2),
    "square": lambda across, up: scale(-np.maximum(across, up), -1.2, -1.02, -1),
    "wide": lambda across, up: ramp(across, 1.35, 1.9),
    "tall": lambda across, up: ramp(up, 1.35, 1.9),
    "panorama": lambda across, up: ramp(across, 1.7, 2.4),
} | {ratio: _of_ratio(ratio) for ratio in RATIOS}
"""By the quotients of a file's sides: width by height, and height by width."""
_SIZES = {"large": (1000, 2800, 10_000), "defined": (800, 1600, 8000), "small": (-900, -350, 0)}
"""From where to where, by the side of a square of as many pixels, or its negative: a megapixel is 1000, 12 are 3460."""
_KINDS = {"image": Kind.IMAGE, "video": Kind.VIDEO, "text": Kind.TEXT}


def _shape(name: str, documents: Measured) -> Floats:
    width, height = np.maximum(documents.sizes, 1).astype(np.float32).T
    fit = _SHAPES[name](width / height, height / width)
    return np.asarray(fit * (documents.sizes > 0).all(axis=1), np.float32)


def _size(name: str, documents: Measured) -> Floats:
    side = np.sqrt(documents.sizes[:, 0] * documents.sizes[:, 1]).astype(np.float32)
    return np.asarray(scale(-side if name == "small" else side, *_SIZES[name]) * (side > 0), np.float32)


# --- fitting -----------------------------------------------------------------------------------------

BACKGROUND_QUALITIES = frozenset(_OF_BACKGROUND)
"""Qualities that can be asked of the background alone."""
SUBJECT_QUALITIES = frozenset(_OF_SUBJECT)
"""Qualities that can be asked of the subject alone."""
KIND_QUALITIES = frozenset(_KINDS)
"""Qualities that are no look but a kind of file, which a text has too."""


def fits_quality(documents: Measured, quality: str, *, degree: str, place: str) -> Floats:
    """How far each document has a quality, 0..1, shape (documents,); 0 for one without frames, but of a kind of file.

    `degree` is as in look_colours' graded; `place` is "", or "background" for BACKGROUND_QUALITIES and "subject" for
    SUBJECT_QUALITIES. KeyError if there is no quality of this name.
    """
    if quality in _KINDS:
        return np.asarray(documents.kinds == _KINDS[quality], np.float32)
    if quality in _SHAPES or quality in _SIZES:
        of_file = _shape if quality in _SHAPES else _size
        return np.asarray(graded(of_file(quality, documents), degree) * (documents.counts > 0), np.float32)
    scales = {"background": _OF_BACKGROUND, "subject": _OF_SUBJECT}.get(place, _OF_FRAME)
    return documents.mean(graded(scales[quality](documents), degree))
