"""How a text file becomes text: which encoding its bytes are in, and whether they are text at all."""

from __future__ import annotations

import codecs
import unicodedata

from core.decoding import Seen, Source, View
from core.errors import FileEmpty, media_error_from_os

READ_BYTES = 2**20
"""Of a longer document, the beginning counts."""

_SAMPLE_BYTES = 2**15
# UTF-32 first: its little-endian mark begins with the one of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What people's files are in, the likelier of two equally good readings first. Left to itself the detector also
# considers eighty encodings of mainframes and of the eighties, and prefers them for short texts.
_LIKELY = ("gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1252", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255")


def decode_text(source: Source, view: View) -> Seen:
    """The beginning of the text, line ends as \\n. Raises MediaError: FileMisnamed if it is no text."""
    try:
        raw = source.file.read(min(READ_BYTES, max(4096, 4 * view.characters)))
    except OSError as error:
        raise media_error_from_os(error) from error
    text, encoding = _decoded(raw, source)
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise FileEmpty()
    details = (("Encoding", encoding.upper().replace("_", "-")), ("Lines", str(text.count("\n") + 1)))
    return Seen(source.format.name, text=text[: view.characters], details=details if view.details else ())


def _decoded(raw: bytes, source: Source) -> tuple[str, str]:
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _lenient(raw[len(mark) :], encoding), encoding
    if (text := _strict(raw, "utf-8")) is not None and _is_text(text):
        return text, "utf-8"
    guess = _wide(raw) or (None if b"\0" in raw else _guessed(raw))
    if guess is None:
        raise source.misnamed()
    return _lenient(raw, guess), guess


def _strict(raw: bytes, encoding: str) -> str | None:
    """The text if all bytes are of this encoding but for a character cut off at the end of what was read."""
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(raw)
    except UnicodeDecodeError:
        return None


def _lenient(raw: bytes, encoding: str) -> str:
    return codecs.getincrementaldecoder(encoding)("replace").decode(raw)


def _is_text(text: str) -> bool:
    """Whether the text holds hardly any control or unassigned characters."""
    sample = text[:_SAMPLE_BYTES]
    strange = sum(unicodedata.category(c) in ("Cc", "Cn", "Co") for c in set(sample) - set("\t\n\r\f\x1b"))
    return "\0" not in sample and strange * 20 <= max(20, len(set(sample)))


def _wide(raw: bytes) -> str | None:
    """UTF-16 without a mark: an even number of bytes that make sense in one order only.

    Spaces, line ends and Latin letters have a zero byte in one of the two places; text without any is not told
    from other encodings, and left to the detector.
    """
    even, odd = raw[:_SAMPLE_BYTES:2].count(0), raw[1:_SAMPLE_BYTES:2].count(0)
    if even == odd:
        return None
    encoding = "utf-16-le" if odd > even else "utf-16-be"
    text = _strict(raw[:_SAMPLE_BYTES], encoding)
    return encoding if text is not None and _is_text(text) else None


def _guessed(raw: bytes) -> str | None:
    from charset_normalizer import from_bytes

    sample = raw[:_SAMPLE_BYTES]
    if len(raw) > len(sample):
        # A line's end is the one place where no encoding of these has a character cut in two.
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    candidates = [match for match in from_bytes(sample, cp_isolation=list(_LIKELY)) if _is_text(str(match))]
    if not candidates:
        return None
    best = min(
        candidates,
        key=lambda match: (round(match.chaos, 2), -round(match.coherence, 1), _LIKELY.index(match.encoding)),
    )
    return best.encoding
