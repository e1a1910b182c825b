"""Which colours a HEIC, AVIF or JPEG 2000 means, where Pillow doesn't tell: by numbers, or by a profile of its own.

The numbers are those of ITU-T H.273 (an `nclx` box). Only primaries wider than sRGB's matter to an eye; their curve is
taken to be that of sRGB, as it is in pictures from telephones.
"""

from __future__ import annotations

import functools
import re
import struct

import numpy as np
from numpy.typing import NDArray

_WHITE_D65 = (0.3127, 0.3290)
_WHITE_D50 = np.array([0.9642, 1.0, 0.8249])  # the ICC's connection space
# H.273, table 2: x and y of red, green and blue.
_PRIMARIES = {
    9: ("BT.2020", ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))),
    12: ("Display P3", ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))),
}
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
# IEC 61966-2-1 as an ICC parametric curve of type 3: exponent, a, b, c, d.
_SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


# ISO/IEC 15444-1, I.5.3.3, and 15444-2, M.11.7.3: a `colr` box of the methods 2 and 3, and the profile's own mark.
_IN_JPEG2000 = re.compile(rb"(.{4})colr[\2\3]..(?=.{36}acsp)", re.DOTALL)


def profile_in(head: bytes) -> bytes:
    """The ICC profile at the beginning of a JPEG 2000, or one for the primaries that a HEIC or AVIF names there; empty
    if sRGB's will do."""
    if found := _IN_JPEG2000.search(head):
        end = found.start() + int.from_bytes(found[1])
        return head[found.end() : end] if end <= len(head) else b""
    at = head.find(b"colrnclx")
    if at < 0 or len(head) < at + 10:
        return b""
    return _profile(int.from_bytes(head[at + 8 : at + 10]))


@functools.cache
def _profile(primaries: int) -> bytes:
    if primaries not in _PRIMARIES:
        return b""
    name, corners = _PRIMARIES[primaries]
    columns = _to_connection_space(corners).T
    curve = struct.pack(">4s4xHxx5i", b"para", 3, *map(_fixed, _SRGB_CURVE))
    text = name.encode("utf-16-be")
    tags = {
        b"desc": struct.pack(">4s4xII2s2sII", b"mluc", 1, 12, b"en", b"US", len(text), 28) + text,
        b"wtpt": _xyz(_WHITE_D50),
        **{letter + b"XYZ": _xyz(column) for letter, column in zip((b"r", b"g", b"b"), columns, strict=True)},
        **{letter + b"TRC": curve for letter in (b"r", b"g", b"b")},
    }
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for signature, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", signature, start + len(data), len(value))
        data += value
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(
        ">I4sI4s4s4s12x4s28x3i48x", 128 + len(body), b"", 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp",
        *map(_fixed, _WHITE_D50),
    )  # fmt: skip
    return header + body


def _to_connection_space(corners: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    """(3, 3): from linear RGB to XYZ under D50, adapted as the ICC asks (Bradford)."""
    shape = np.array([[x / y, 1.0, (1 - x - y) / y] for x, y in corners]).T
    x, y = _WHITE_D65
    white = np.array([x / y, 1.0, (1 - x - y) / y])
    to_xyz = shape * np.linalg.solve(shape, white)
    adapted = np.linalg.inv(_BRADFORD) @ np.diag(_BRADFORD @ _WHITE_D50 / (_BRADFORD @ white)) @ _BRADFORD
    result: NDArray[np.float64] = adapted @ to_xyz
    return result


def _fixed(value: float) -> int:
    return round(value * 65536)


def _xyz(values: NDArray[np.float64]) -> bytes:
    return struct.pack(">4s4x3i", b"XYZ ", *map(_fixed, values))
