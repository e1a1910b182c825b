"""Which part of a frame is taken and to which size it is reduced: in whole pixels, the same on every machine."""

from __future__ import annotations

from math import isqrt

from core.media import Region

Box = tuple[int, int, int, int]
"""Left, top, right and bottom edge in pixels, from the upper left corner."""


def fit(width: int, height: int, max_pixels: int) -> tuple[int, int]:
    """The largest size of the same shape with at most `max_pixels` pixels; each side is at least 1, none grows."""
    if width * height <= max_pixels:
        return width, height
    # A side is sqrt(max_pixels * its ratio to the other), rounded down; a side below 1 leaves the rest to the other.
    return (
        min(max(1, isqrt(max_pixels * width // height)), max_pixels),
        min(max(1, isqrt(max_pixels * height // width)), max_pixels),
    )


def within(width: int, height: int, max_side: int) -> tuple[int, int]:
    """The largest size of the same shape whose sides are at most `max_side`; each is at least 1, none grows."""
    longest = max(width, height)
    if longest <= max_side:
        return width, height
    return max(1, round(width * max_side / longest)), max(1, round(height * max_side / longest))


def cut(region: Region, width: int, height: int) -> Box:
    """The region in the nearest whole pixels of a frame of that size; at least one pixel."""
    left, top = min(round(region.left * width), width - 1), min(round(region.top * height), height - 1)
    return left, top, max(left + 1, round(region.right * width)), max(top + 1, round(region.bottom * height))
