"""Pixels from the engine as Qt pictures."""

from __future__ import annotations

from PySide6.QtGui import QImage

from core import Raster


def image_of(raster: Raster) -> QImage:
    """A QImage that owns its pixels."""
    borrowed = QImage(raster.data, raster.width, raster.height, 3 * raster.width, QImage.Format.Format_RGB888)
    # A 32-bit copy: it outlives the bytes, and Qt's raster engine draws nothing faster.
    return borrowed.convertToFormat(QImage.Format.Format_RGB32)
