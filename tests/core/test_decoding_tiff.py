"""Pages of TIFFs: which pictures in a file are pages, and that each is decoded as itself."""

from __future__ import annotations

import random
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.decoding import MOST_PAGES, count_pages, decode, make_preview
from core.errors import FileDamaged, MediaError, PageMissing
from core.media import Kind, PixelPolicy

POLICY = PixelPolicy(1_000_000)
COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))
REDUCED, PAGE, MASK = 1, 2, 4


def write(path: Path, pages: list[tuple[tuple[int, int], dict[int, int]]], **options: Any) -> str:
    """A TIFF whose pictures have these sizes and tags, each of its own colour."""
    images = []
    for (size, tags), colour in zip(pages, COLOURS, strict=False):
        image = Image.new("RGB", size, colour)
        image.encoderinfo = {"tiffinfo": tags}
        images.append(image)
    images[0].save(path, "TIFF", save_all=True, append_images=images[1:], tiffinfo=pages[0][1], **options)
    return str(path)


def colour(path: str, page: int) -> tuple[int, ...]:
    frames = decode(path, POLICY, page=page).frames
    assert frames is not None
    return tuple(int(level) for level in frames[0, 0, 0])


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"big_tiff": True}])
def test_every_page_is_itself(tmp_path: Path, options: dict[str, Any]) -> None:
    path = write(tmp_path / "a.tif", [((60, 40), {}), ((30, 50), {254: PAGE}), ((60, 40), {})], **options)
    assert count_pages(path) == 3
    assert [colour(path, page) for page in range(3)] == list(COLOURS[:3])
    second = decode(path, POLICY, page=1)
    assert second.kind is Kind.IMAGE
    assert (second.facts.width, second.facts.height) == (30, 50)
    with pytest.raises(PageMissing) as caught:
        decode(path, POLICY, page=3)
    assert caught.value == PageMissing(page=4)
    preview = make_preview(path, 100, page=2)
    assert preview.raster is not None
    assert preview.raster.data[:3] == bytes(COLOURS[2])
    assert ("Pages", "3") in preview.details
    assert "Frames" not in dict(preview.details)


def test_each_page_is_turned_by_its_own_tag(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", [((60, 40), {}), ((60, 40), {274: 6})])
    assert [decode(path, POLICY, page=page).facts.width for page in range(2)] == [60, 40]


def test_what_repeats_a_page_is_none(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.tif",
        [((80, 60), {254: REDUCED}), ((160, 120), {}), ((160, 120), {254: MASK}), ((60, 40), {255: 3})],
    )
    assert count_pages(path) == 2
    assert [colour(path, page) for page in range(2)] == [COLOURS[1], COLOURS[3]]


def test_levels_of_a_pyramid_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    sizes = [(161, 120), (80, 60), (40, 30), (161, 120)]
    tiled = [directory({256: width, 257: height, 322: 16}) for width, height in sizes]
    path.write_bytes(chained(tiled))
    assert count_pages(str(path)) == 2
    path.write_bytes(chained([directory({256: width, 257: height}) for width, height in sizes]))
    assert count_pages(str(path)) == 4


def directory(tags: dict[int, int]) -> bytes:
    """A directory of these numbers, less where the next one is."""
    return struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", tag, 4, 1, tags[tag]) for tag in tags)


def chained(directories: list[bytes], end: int = 0) -> bytes:
    """A TIFF of these directories, one behind the other; `end`: where the last one leads."""
    written = b"II*\0\x08\0\0\0"
    for index, each in enumerate(directories):
        following = len(written) + len(each) + 4 if index < len(directories) - 1 else end
        written += each + following.to_bytes(4, "little")
    return written


def test_one_picture_is_one_page(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tiff", [((60, 40), {})])
    assert count_pages(path) == 1
    assert "Pages" not in dict(make_preview(path, 50).details)
    assert count_pages(write(tmp_path / "b.tiff", [((60, 40), {254: REDUCED})])) == 1
    other = tmp_path / "c.tif"
    Image.new("RGB", (20, 20)).save(other, "PNG")
    assert count_pages(str(other)) == 1
    with pytest.raises(PageMissing):
        decode(str(other), POLICY, page=1)


@pytest.mark.parametrize("end", [8, 26, 2**31])
def test_directories_that_lead_in_a_circle_or_nowhere_end(tmp_path: Path, end: int) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(chained([directory({256: 16})] * 3, end))
    assert count_pages(str(path)) == 3


def test_pages_without_end_are_counted_to_the_bound(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    one = directory({256: 16})
    following = (8 + (len(one) + 4) * index for index in range(1, 3 * MOST_PAGES))
    path.write_bytes(b"II*\0\x08\0\0\0" + b"".join(one + place.to_bytes(4, "little") for place in following))
    started = time.monotonic()
    assert count_pages(str(path)) == MOST_PAGES
    assert time.monotonic() - started < 5


def test_every_flip_is_told_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    data = Path(write(path, [((60, 40), {}), ((30, 50), {})], compression="tiff_lzw")).read_bytes()
    chance = random.Random(7)
    outcomes = set()
    for _ in range(300):
        broken = bytearray(data)
        for _ in range(3):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            assert 1 <= count_pages(str(path)) <= MOST_PAGES
            frames = decode(str(path), POLICY, page=1).frames
            assert frames is not None
            assert frames.dtype == np.uint8
            outcomes.add("read")
        except MediaError as error:
            outcomes.add(type(error).__name__)
    assert {"read", FileDamaged.__name__} <= outcomes
