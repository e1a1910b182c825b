"""How a picture of high dynamic range (PQ, HLG) is brought to what an ordinary screen shows.

Diffuse white of such a recording is at 203 cd/m² (ITU-R BT.2408), an ordinary screen's white. Up to three fifths of
that light stays as it is, so that a scene looks as it would in an ordinary recording; what is brighter is pressed
together up to 1000 cd/m², where white is reached, all three colours alike, so that no hue changes.
"""

from __future__ import annotations

import functools
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from core.decoding import Pixels

Light = NDArray[np.float32]

_WHITE = 203.0
_PEAK = 1000.0
_KNEE = 0.6
# From the primaries of BT.2020 to those of BT.709 (ITU-R BT.2087, M2).
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)
_OUTPUT_STEPS = 4096


class Curve(Enum):
    """How light is coded: the curves of ITU-R BT.2100."""

    PQ = 16  # the numbers of ITU-T H.273
    HLG = 18


def to_ordinary(coded: NDArray[np.uint16], curve: Curve) -> Pixels:
    """(height, width, 3) of BT.2020 in 16 bits, as coded, to sRGB in 8."""
    light: Light = _light(curve)[coded]
    if curve is Curve.HLG:
        # The whole of a scene's light decides how bright a screen shows it (system gamma 1.2 at 1000 cd/m²).
        luminance = light @ _LUMINANCE
        light *= (_PEAK / _WHITE * np.power(luminance, np.float32(0.2)))[..., None]
    light = np.maximum(light @ _TO_BT709.T, 0)
    brightest = light.max(axis=2, keepdims=True)
    light *= _pressed(brightest) / np.maximum(brightest, np.float32(1e-6))
    pixels: Pixels = _srgb()[(np.minimum(light, 1) * (_OUTPUT_STEPS - 1) + 0.5).astype(np.int32)]
    return pixels


def _pressed(light: Light) -> Light:
    over = np.maximum(light - _KNEE, 0) / (1 - _KNEE)
    most = (_PEAK / _WHITE - _KNEE) / (1 - _KNEE)
    # x / (1 + x) rises from the knee with the slope of what lies below it; scaled so that the peak reaches 1.
    bent = over * (1 + over / most**2) / (1 + over)
    pressed: Light = np.minimum(np.minimum(light, _KNEE) + (1 - _KNEE) * bent, 1).astype(np.float32)
    return pressed


@functools.cache
def _light(curve: Curve) -> Light:
    """Light by 16-bit code: for PQ in units of diffuse white, for HLG of the scene's brightest."""
    code = np.linspace(0, 1, 65536)
    if curve is Curve.PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = code ** (1 / m2)
        light = (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1) * 10_000 / _WHITE
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return light.astype(np.float32)


@functools.cache
def _srgb() -> Pixels:
    light = np.linspace(0, 1, _OUTPUT_STEPS)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.round(coded * 255).astype(np.uint8)
