"""The sample library: what is committed is what the script draws, and is small, varied and readable."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from core.media import Kind, Listed, format_of, scan
from resources import SAMPLE_QUERY, app_icon_path, icon_path, samples_folder
from resources.draw_samples import CLIPS, PICTURES, TEXTS, Clip, Picture, write_picture
from resources.painting import fractal, light, noise, ramp


def files() -> list[Path]:
    return sorted(path for path in samples_folder().rglob("*") if path.is_file())


def test_every_sample_of_the_table_is_there_and_nothing_else() -> None:
    expected = {row.path for row in (*PICTURES, *CLIPS)} | set(TEXTS)
    assert {path.relative_to(samples_folder()).as_posix() for path in files()} == expected


def test_the_library_is_small() -> None:
    assert sum(path.stat().st_size for path in files()) <= 2.5e6
    assert all(path.stat().st_size <= 200_000 for path in files())


def test_the_library_has_all_kinds_and_is_found_by_a_scan() -> None:
    kinds = [Kind(code) for chunk in scan(samples_folder()) if isinstance(chunk, Listed) for code in chunk.kinds]
    assert len(kinds) == len(files())
    assert set(kinds) == set(Kind)


def test_the_first_query_is_a_sample_picture() -> None:
    assert SAMPLE_QUERY.is_file()
    assert samples_folder() in SAMPLE_QUERY.parents
    row = format_of(SAMPLE_QUERY)
    assert row
    assert row.kind is Kind.IMAGE


@pytest.mark.parametrize("row", PICTURES, ids=lambda row: row.path)
def test_a_picture_has_its_size_and_something_to_see(row: Picture) -> None:
    with Image.open(samples_folder() / row.path) as image:
        assert image.size == row.size
        image.draft("RGB", (320, 320))
        assert np.asarray(image.convert("L")).std() > 8


@pytest.mark.parametrize("row", CLIPS, ids=lambda row: row.path)
def test_a_clip_plays_and_moves(row: Clip) -> None:
    with av.open(str(samples_folder() / row.path)) as container:
        frames = [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]
    assert 3 <= len(frames) / row.rate <= 5
    assert frames[0].shape == (480, 854)
    assert np.abs(frames[0].astype(int) - frames[-1]).mean() > 1


@pytest.mark.parametrize("path", ["Landscapes/sunset over blue hills.jpg", "Patterns/青海波.gif"])
def test_drawing_a_picture_again_gives_the_committed_one(path: str, tmp_path: Path) -> None:
    row = next(row for row in PICTURES if row.path == path)
    again = write_picture(row, tmp_path)
    with Image.open(again) as drawn, Image.open(samples_folder() / path) as kept:
        difference = np.asarray(drawn.convert("RGB"), int) - np.asarray(kept.convert("RGB"), int)
    # Another version of a codec or of numpy may differ in the last bit.
    assert np.abs(difference).mean() < 1.0


def test_noise_is_bounded_smooth_and_depends_on_its_seed() -> None:
    x, y = np.meshgrid(np.linspace(0, 9, 400), np.linspace(0, 9, 400))
    field = noise(x, y, 1)
    assert np.abs(field).max() < 1.6
    assert np.abs(np.diff(field, axis=1)).max() < 0.2
    assert not np.allclose(field, noise(x, y, 2))
    assert np.allclose(fractal(x, y, 5), fractal(x, y, 5))


def test_a_gradient_passes_through_its_colours() -> None:
    stops = ((0.0, "#204060"), (0.5, "#ff8800"), (1.0, "#ffffff"))
    for position, colour in stops:
        assert np.allclose(ramp(np.array([position]), stops)[0], light(colour), atol=2e-3)


def test_icons_are_found_by_name() -> None:
    assert icon_path("folder").suffix == ".svg"
    with pytest.raises(FileNotFoundError):
        icon_path("no-such-icon")
    for size in (256, 512):
        with Image.open(app_icon_path(size)) as image:
            assert image.size == (size, size)
            assert np.asarray(image)[-1, 0, 3] == 0, "the corners are clear"
