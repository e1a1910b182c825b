"""How a kept row can prove that it is whole: a checksum over what it says and everything it hangs on.

A score is a number between 0 and 1, so a damaged one looks like any other. And it belongs to a content, a judge and a
query by their numbers alone, so damage elsewhere can make it the score of something else. That is why each checksum
covers the names behind the numbers. Only `core.catalog.salvage` and restoring a backup ever look at them.
"""

from __future__ import annotations

import struct
from zlib import crc32

_SCORE = struct.Struct("<d")
_FILE = struct.Struct("<4q")


def question_checksum(scorer: str, query: bytes) -> int:
    """What every score of this judge for this query begins with."""
    return crc32(query, crc32(scorer.encode()))


def score_checksum(question: int, fingerprint: bytes, score: float, evidence: bytes) -> int:
    """Of a score; `question` as `question_checksum` gives it."""
    return crc32(evidence, crc32(_SCORE.pack(score), crc32(fingerprint, question)))


def file_checksum(
    folder: bytes, name: bytes, page: int, size: int, mtime: int, unsure: int, fingerprint: bytes, failure: str
) -> int:
    """Of a file that was read, or could not be (`fingerprint` is empty then, else `failure` is)."""
    numbers = _FILE.pack(page, size, mtime, unsure)
    return crc32(failure.encode(), crc32(fingerprint, crc32(numbers, crc32(name, crc32(folder)))))


def feature_checksum(extractor: str, fingerprint: bytes, data: bytes, detail: bytes) -> int:
    """Of a content's features with their details."""
    return crc32(detail, crc32(data, crc32(fingerprint, crc32(extractor.encode()))))
