"""Which size a frame is reduced to: arithmetic on whole numbers, the same on every machine."""

from __future__ import annotations

from math import isqrt


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
