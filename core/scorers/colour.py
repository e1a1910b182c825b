"""Which colour space looks are compared in: OKLab, where equal distances look about equally different."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

# The matrices of OKLab, from Björn Ottosson, "A perceptual color space for image processing" (2020).
_TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
).T
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
).T


def oklab(rgb: NDArray[np.generic]) -> Floats:
    """OKLab of sRGB in 0..255, shape (..., 3): lightness 0..1, then two axes of about ±0.3.

    Two matrix products: for tables and small grids, not for whole pictures (BLAS would use every core, wait for
    work in a loop, and starve the decoders).
    """
    srgb = rgb.astype(np.float32) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return np.asarray(np.cbrt(linear @ _TO_CONES) @ _TO_LAB, np.float32)
