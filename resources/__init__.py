"""Where the program's own files lie: icons, the style sheet and the sample library."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def folder() -> Path:
    """The folder of the package. The program is always installed as plain files, never run from an archive."""
    return Path(str(files(__name__)))


def samples_folder() -> Path:
    """The sample library that a first start shows."""
    return folder() / "samples"


def icon_path(name: str) -> Path:
    """The line icon called `name`, an SVG drawn in `currentColor`. Raises FileNotFoundError."""
    path = folder() / "icons" / f"{name}.svg"
    if not path.is_file():
        raise FileNotFoundError(path)
    return path


def app_icon_path(size: int | None = None) -> Path:
    """The program's icon: the SVG, or its rendering of 256 or 512 pixels."""
    return folder() / ("icon.svg" if size is None else f"icon-{size}.png")


SAMPLE_QUERY = samples_folder() / "Landscapes" / "sunset over blue hills.jpg"
"""The picture that the first start ranks the sample library by."""
