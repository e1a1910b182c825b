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
from core.scorers.look_colours import family_share, graded, ramp, step

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


def _coloured(documents: Measured) -> Floats:
    return 1 - _monochrome(documents)


def _one_hued(documents: Measured) -> Floats:
    return np.maximum(_monochrome(documents), step(documents.reading("fan"), 0.5, 0.2))


def _sepia(documents: Measured) -> Floats:
    """Brownish throughout, neither grey nor strong, from dark to light."""
    coloured = documents.reading("coloured")
    part = family_share(documents, "sepia") / np.maximum(coloured, np.float32(0.05))
    brownish = step(part.astype(np.float32), 0.5, 0.85)
    one_hued = step(documents.reading("fan"), 0.25, 0.1)
    from_dark_to_light = step(documents.reading("three_quarters") - documents.reading("quarter"), 0.03, 0.12)
    return step(coloured, 0.15, 0.4) * brownish * one_hued * from_dark_to_light * step(_range(documents), 0.15, 0.4)


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
    return ramp(value, 0.5, 0.85) * known


def _soft_behind(documents: Measured) -> Floats:
    """What is sharp stands in the middle; the border is soft, or too soft to tell but not plain."""
    border, known = _sharpness(documents, "border_sharpness")
    middle, seen = _sharpness(documents, "middle_sharpness")
    soft = np.where(known, ramp(border, 0.65, 0.42), step(documents.reading("border_spread"), 0.12, 0.25))
    return np.asarray(soft * step(middle, 0.55, 0.8) * seen, np.float32)


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
    "vivid": _vivid,
    "muted": _muted,
    "pastel": _of_family("pastel"),
    "neon": _of_family("neon"),
    "earthy": _of_family("earthy"),
    "colourful": _colourful,
    "coloured": _coloured,
    "warm": _warm,
    "cool": _cool,
    "monochrome": _monochrome,
    "one-hued": _one_hued,
    "sepia": _sepia,
    "blurry": _blurry,
    "sharp": _sharp,
    "soft behind": _soft_behind,
    "busy": _busy,
    "empty": _empty,
    "plain": _plain,
}
"""Of each frame; a document has the mean of its frames."""
_OF_BACKGROUND: dict[str, Scale] = {
    "dark": lambda documents: ramp(documents.reading("border_light"), 0.55, 0.32),
    "bright": lambda documents: ramp(documents.reading("border_light"), 0.65, 0.85),
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

# --- the file ----------------------------------------------------------------------------------------

_SHAPES: dict[str, Callable[[Floats, Floats], Floats]] = {
    "landscape": lambda across, up: ramp(across, 1.04, 1.25),
    "portrait": lambda across, up: ramp(up, 1.04, 1.25),
    "square": lambda across, up: step(np.maximum(across, up), 1.2, 1.02),
    "wide": lambda across, up: ramp(across, 1.35, 1.9),
    "tall": lambda across, up: ramp(up, 1.35, 1.9),
    "panorama": lambda across, up: ramp(across, 1.7, 2.4),
}
"""By the quotients of a file's sides: width by height, and height by width."""
_SIZES = {"large": (1000, 2800), "defined": (800, 1600), "small": (900, 350)}
"""From where to where, by the side of a square of as many pixels: a megapixel is 1000, 12 are 3460."""
_KINDS = {"image": Kind.IMAGE, "video": Kind.VIDEO, "text": Kind.TEXT}


def _shape(name: str, documents: Measured) -> Floats:
    width, height = np.maximum(documents.sizes, 1).astype(np.float32).T
    fit = _SHAPES[name](width / height, height / width)
    return np.asarray(fit * (documents.sizes > 0).all(axis=1), np.float32)


def _size(name: str, documents: Measured) -> Floats:
    side = np.sqrt(documents.sizes[:, 0] * documents.sizes[:, 1]).astype(np.float32)
    return np.asarray(ramp(side, *_SIZES[name]) * (side > 0), np.float32)


# --- fitting -----------------------------------------------------------------------------------------

BACKGROUND_QUALITIES = frozenset(_OF_BACKGROUND)
"""Qualities that can be asked of the background alone."""
KIND_QUALITIES = frozenset(_KINDS)
"""Qualities that are no look but a kind of file, which a text has too."""


def fits_quality(documents: Measured, quality: str, *, degree: str, place: str) -> Floats:
    """How far each document has a quality, 0..1, shape (documents,); 0 for one without frames, but of a kind of file.

    `degree` is as in look_colours' graded; `place` is "" or, for BACKGROUND_QUALITIES, "background". KeyError if there
    is no quality of this name.
    """
    if quality in _KINDS:
        return np.asarray(documents.kinds == _KINDS[quality], np.float32)
    if quality in _SHAPES or quality in _SIZES:
        of_file = _shape if quality in _SHAPES else _size
        return np.asarray(graded(of_file(quality, documents), degree) * (documents.counts > 0), np.float32)
    scale = (_OF_BACKGROUND if place == "background" else _OF_FRAME)[quality]
    return documents.mean(graded(scale(documents), degree))
