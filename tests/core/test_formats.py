"""Every format that the table promises is read: a sample of each is judged, made small and shown."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decoding import DETAIL_LABELS, Raster, count_pages, decode, make_preview, make_thumbnail
from core.media import FORMATS, Format, Kind, ModelGrid, PixelPolicy, format_of
from tests.samples import clips, documents, pictures

ROOT = Path(__file__).parent.parent.parent
GRID = ModelGrid()
AS_THE_MATCHER, AS_A_MODEL = PixelPolicy(120_000, scaled=True), PixelPolicy(262_144, grid=GRID)

SAMPLES: dict[str, Callable[[Path], None]] = {**pictures.SAMPLES, **clips.SAMPLES, **documents.SAMPLES}
"""By the end of a name: its suffix, or "variety.suffix"."""

RAW = "Camera raw"
"""Its decoder looks at the content alone, and of these formats only DNG is open enough to be written by a test."""


def sample_of(row: Format, suffix: str) -> Callable[[Path], None] | None:
    return SAMPLES.get(suffix) or (SAMPLES["dng"] if row.name == RAW else None)


PROMISED = [(row, suffix) for row in FORMATS for suffix in row.suffixes]
VARIETIES = [name for name in SAMPLES if "." in name]


def sample(folder: Path, name: str, write: Callable[[Path], None]) -> str:
    path = folder / f"sample.{name}"
    write(path)
    return str(path)


def test_every_suffix_has_a_sample() -> None:
    assert [suffix for row, suffix in PROMISED if sample_of(row, suffix) is None] == []
    assert [name for name in SAMPLES if format_of(f"sample.{name}") is None] == []


@pytest.mark.parametrize(("row", "suffix"), PROMISED, ids=[suffix for _, suffix in PROMISED])
def test_a_sample_of_every_suffix_is_read(tmp_path: Path, row: Format, suffix: str) -> None:
    write = sample_of(row, suffix)
    assert write is not None
    check(sample(tmp_path, suffix, write), kind_of(row, suffix))


@pytest.mark.parametrize("name", VARIETIES)
def test_a_sample_of_every_variety_is_read(tmp_path: Path, name: str) -> None:
    row = format_of(f"sample.{name}")
    assert row is not None
    check(sample(tmp_path, name, SAMPLES[name]), kind_of(row, name))


def kind_of(row: Format, name: str) -> Kind:
    """What the sample of that name turns out to be: an animation is a clip, whatever its format."""
    return Kind.VIDEO if name in clips.SAMPLES else row.kind


def check(path: str, kind: Kind) -> None:
    """It is of this kind and shows what a sample shows, however it is looked at."""
    assert count_pages(path) >= 1
    for policy in (AS_THE_MATCHER, AS_A_MODEL):
        decoded = decode(path, policy)
        assert decoded.kind is kind
        if kind is Kind.TEXT:
            assert documents.SENTENCE in decoded.text
        if decoded.frames is None:
            assert kind is Kind.TEXT
            continue
        assert len(decoded.times) == len(decoded.frames)
        assert all(shows_the_disc(frame) for frame in decoded.frames)
        count, height, width, _ = decoded.frames.shape
        assert decoded.facts.width > 0
        assert decoded.facts.height > 0
        assert height * width <= policy.max_pixels or kind is Kind.VIDEO
        if policy.grid:
            assert height % policy.grid.factor == width % policy.grid.factor == 0
            assert kind is not Kind.VIDEO or count % 2 == 0
        if kind is Kind.VIDEO:
            assert count > 1
            assert decoded.facts.duration > 0
    preview = make_preview(path, 200)
    assert preview.kind is kind
    assert preview.format
    assert {label for label, _ in preview.details} <= set(DETAIL_LABELS)
    thumbnail = make_thumbnail(path, 128, None)
    assert thumbnail.kind is kind
    for raster, text, longest in ((preview.raster, preview.text, 200), (thumbnail.raster, thumbnail.text, 128)):
        if raster is None:
            assert documents.SENTENCE in text
        else:
            assert max(raster.width, raster.height) <= longest
            assert shows_the_disc(pixels_of(raster))


def pixels_of(raster: Raster) -> NDArray[np.uint8]:
    return np.frombuffer(raster.data, np.uint8).reshape(raster.height, raster.width, 3)


def shows_the_disc(frame: NDArray[np.uint8]) -> bool:
    """Whether there is a red part and a blue one, a twentieth of the frame at least."""
    red, green, blue = (frame[..., channel].astype(int) for channel in range(3))
    reddish = (red > blue + 60) & (red > green + 60)
    bluish = (blue > red + 30) & (blue > green)
    return bool(reddish.mean() > 0.05 and bluish.mean() > 0.05)


def test_the_list_in_the_readme_is_the_table() -> None:
    script = runpy.run_path(str(ROOT / "packaging" / "formats_table.py"))
    readme = (ROOT / "README.md").read_text("utf-8")
    assert script["with_table"](readme) == readme, "run packaging/formats_table.py"
    listed = script["table"]()
    assert all(f" {suffix}" in listed or f"({suffix}" in listed for _, suffix in PROMISED)
