"""How a text file becomes text: which encoding its bytes are in, and whether they are text at all."""

from __future__ import annotations

import codecs
import re
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


# Characters as JSON's numbers, several in a row where one takes two; a backslash that stands for itself starts none.
_ESCAPES = re.compile(r"\\\\|(?:\\u[0-9a-fA-F]{4})+")


# What else a text may say it is in. Python knows more that turn bytes into text; not all of them are encodings.
_DECLARED = frozenset(
    (
        *_LIKELY,
        *(f"iso8859-{part}" for part in range(2, 17)),
        *("koi8-r", "koi8-u", "gbk", "gb2312", "shift_jis", "euc_kr", "big5hkscs"),
        *("cp874", "cp1256", "cp1257", "cp1258"),
    )
)


def decode_text(source: Source, view: View) -> Seen:
    """The beginning of the text, line ends as \\n. Raises MediaError: FileMisnamed if it is no text."""
    text, encoding = _beginning(source, view)
    return seen_text(source, view, text, encoding)


def decode_json(source: Source, view: View) -> Seen:
    """The beginning of the text as it stands, but with the characters that are written as numbers. Raises as
    decode_text does. What is in it isn't parsed: a beginning is no whole."""
    text, encoding = _beginning(source, view)
    return seen_text(source, view, _ESCAPES.sub(_unescaped, text), encoding)


def seen_text(source: Source, view: View, text: str, encoding: str) -> Seen:
    """What is seen of a file that says this. Raises FileEmpty if that is nothing."""
    if not text.strip():
        raise FileEmpty()
    details = (("Encoding", encoding.upper().replace("_", "-")), ("Lines", str(text.count("\n") + 1)))
    return Seen(source.format.name, text=text[: view.characters], details=details if view.details else ())


def read_beginning(source: Source, most: int) -> bytes:
    """At most so many bytes from the file's start. Raises MediaError."""
    try:
        return source.file.read(most)
    except OSError as error:
        raise media_error_from_os(error) from error


def decoded(raw: bytes, source: Source, declared: str = "") -> tuple[str, str]:
    """The text of these first bytes of a file, and the encoding it is in; `declared`: one that the text itself names,
    which is believed where it fits. Raises FileMisnamed if it is no text."""
    for mark, encoding in _MARKS:
        if raw.startswith(mark):
            return _lenient(raw[len(mark) :], encoding), encoding
    if (text := _strict(raw, "utf-8")) is not None and _is_text(text):
        return text, "utf-8"
    if (encoding := _known(declared)) and (text := _strict(raw, encoding)) is not None and _is_text(text):
        return text, encoding
    guess = _wide(raw) or (None if b"\0" in raw else _guessed(raw))
    if guess is None:
        raise source.misnamed()
    return _lenient(raw, guess), guess


def _beginning(source: Source, view: View) -> tuple[str, str]:
    raw = read_beginning(source, min(READ_BYTES, max(4096, 4 * view.characters)))
    text, encoding = decoded(raw, source)
    return text.replace("\r\n", "\n").replace("\r", "\n"), encoding


def _known(declared: str) -> str:
    """The encoding of that name, if it is one that texts are in; else ""."""
    try:
        name = codecs.lookup(declared).name
    except (LookupError, ValueError):
        return ""
    if name == "iso8859-1":
        return "cp1252"  # which is what those mean who say Latin-1; browsers take it so too
    return name if name in _DECLARED else ""


def _unescaped(found: re.Match[str]) -> str:
    digits = found[0].replace("\\u", "")
    return found[0] if digits.startswith("\\") else bytes.fromhex(digits).decode("utf-16-be", "replace")


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
