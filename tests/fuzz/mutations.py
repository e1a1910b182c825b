"""How sound files of every format become broken, lying and hostile ones: always the same from the same seed.

A seed is a sample of tests/samples. Most mutations know nothing of a format; some find the sizes, counts and lengths
that it declares and replace them; bombs are written whole: small files that grow when they are read.
"""

from __future__ import annotations

import functools
import gzip
import io
import random
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from PIL import Image

from core.media import FORMATS, format_of
from tests.samples import clips, documents, pictures

GOOD_SHARE, BOMB_SHARE, DISGUISED_SHARE = 0.1, 0.06, 0.04
"""Of all files: those that are left as they are, bombs (of the formats that have any), and those that are another
format than their name says."""


@dataclass(frozen=True)
class Case:
    """One file to be ranked."""

    name: str
    content: bytes
    how: str
    """What was done to it; empty if it is sound."""

    @property
    def good(self) -> bool:
        return not self.how


Seeds = dict[str, bytes]
"""Sound files by the end of their name."""

_Mutation = Callable[[bytes, random.Random, Seeds], bytes]


def make_seeds(folder: Path) -> Seeds:
    """A sound file of every format, and of what varieties Pillow can write. The folder is left with them in it."""
    seeds: Seeds = {}
    for name, write in (pictures.SAMPLES | clips.SAMPLES | documents.SAMPLES | _VARIETIES).items():
        path = folder / f"seed.{name}"
        write(path)
        seeds[name] = path.read_bytes()
    return seeds


def cases(seed: int, count: int, seeds: Seeds, suffix: str = "") -> Iterator[Case]:
    """So many files, of one suffix if it is given."""
    by_format = [
        names
        for row in FORMATS
        if (names := [name for name in seeds if format_of(f".{name}") is row and suffix in ("", _suffix(name))])
    ]
    for index in range(count):
        chance = random.Random(f"{seed} {index}")
        name = chance.choice(chance.choice(by_format))
        content, how = _changed(name, chance, seeds)
        yield Case(f"{index:05}.{name}", content, how)


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]


def _changed(name: str, chance: random.Random, seeds: Seeds) -> tuple[bytes, str]:
    kind, data = chance.random(), seeds[name]
    if kind < GOOD_SHARE:
        return data, ""
    if kind < GOOD_SHARE + BOMB_SHARE and (bombs := _BOMBS.get(_suffix(name))):
        bomb = chance.choice(bombs)
        return bomb(), _named(bomb)
    if kind > 1 - DISGUISED_SHARE:
        other = chance.choice(sorted(seeds))
        return seeds[other], f"is {other}"
    done = []
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        mutation = chance.choices(_MUTATIONS, _WEIGHTS)[0]
        data = mutation(data, chance, seeds)
        done.append(_named(mutation))
    return data, ", ".join(done)


def _named(function: Callable[..., object]) -> str:
    while isinstance(function, partial):
        function = function.func
    return str(getattr(function, "__name__", function)).strip("_")


# --- more seeds --------------------------------------------------------------------------------------


def _by_pillow(format: str, mode: str = "RGB", **options: object) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        pictures.disc().convert(mode).save(path, format, **options)

    return write


def _write_with_exif(path: Path) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x0110], exif[0x0112] = "A disc", "Camera", 6
    pictures.disc().save(path, "JPEG", progressive=True, exif=exif, xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")


def _write_pages(path: Path) -> None:
    pages = [pictures.disc(), pictures.disc(64, 96).convert("L"), pictures.disc().convert("1")]
    pages[0].save(path, "TIFF", save_all=True, append_images=pages[1:], compression="tiff_deflate")


_VARIETIES: dict[str, Callable[[Path], None]] = {
    "exif.jpg": _write_with_exif,
    "cmyk.jpg": _by_pillow("JPEG", "CMYK"),
    "grey.jpg": _by_pillow("JPEG", "L", quality=60),
    "palette.png": _by_pillow("PNG", "P"),
    "deep.png": _by_pillow("PNG", "I;16"),
    "alpha.png": _by_pillow("PNG", "RGBA"),
    "lossless.webp": _by_pillow("WEBP", "RGBA", lossless=True),
    "palette.bmp": _by_pillow("BMP", "P"),
    "packed.tga": _by_pillow("TGA", compression="tga_rle"),
    "pages.tif": _write_pages,
    "lzw.tif": _by_pillow("TIFF", compression="tiff_lzw"),
    "jpeg.tif": _by_pillow("TIFF", compression="jpeg"),
    "fax.tif": _by_pillow("TIFF", "1", compression="group4"),
    "float.tif": _by_pillow("TIFF", "F"),
    "pages.pdf": partial(documents.write_pdf, sentences=("One.", "Two.", "Three.")),
    "scanned.pdf": lambda path: pictures.disc().save(path, "PDF"),
}


# --- mutations that know nothing of the format -------------------------------------------------------


def _place(data: bytes, chance: random.Random) -> int:
    """Headers lie at the beginning, so half of all places do."""
    return chance.randrange(max(1, min(len(data), 512) if chance.random() < 0.5 else len(data)))


def _length(data: bytes, chance: random.Random) -> int:
    return max(1, min(len(data) // 2, int(2 ** chance.uniform(0, 12))))


def flip_bits(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    changed = bytearray(data)
    for _ in range(int(2 ** chance.uniform(0, 7))):
        if changed:
            changed[_place(data, chance)] ^= 1 << chance.randrange(8)
    return bytes(changed)


def overwrite(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    at, length = _place(data, chance), _length(data, chance)
    run = chance.choice((bytes(length), b"\xff" * length, b"\x7f" * length, chance.randbytes(length)))
    return data[:at] + run + data[at + length :]


def cut_off(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    return data[: _place(data, chance)]


def cut_out(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + _length(data, chance) :]


def put_in(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    at = _place(data, chance)
    return data[:at] + chance.randbytes(_length(data, chance)) + data[at:]


def repeat(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    at, to = _place(data, chance), _place(data, chance)
    block = data[at : at + _length(data, chance)]
    return data[:to] + block * chance.choice((1, 2, 50)) + data[to:]


def splice(data: bytes, chance: random.Random, seeds: Seeds) -> bytes:
    """The head of another format, before this one or in its place."""
    other = seeds[chance.choice(sorted(seeds))]
    at = _place(other, chance)
    return other[:at] + (data if chance.random() < 0.3 else data[at:])


# --- mutations of what a file declares ---------------------------------------------------------------

_Order = Literal["little", "big"]
_Field = tuple[int, int, _Order]
"""Offset, bytes, order of a number."""


def lie(data: bytes, chance: random.Random, __: Seeds) -> bytes:
    """Sizes, counts and lengths become others: nothing, one more, huge, negative."""
    fields = _fields(data)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4))):
        at, width, order = chance.choice(fields) if fields else _any_field(data, chance)
        if at + width <= len(data):
            told = int.from_bytes(data[at : at + width], order)
            changed[at : at + width] = _lied(told, width, chance).to_bytes(width, order)
    return _with_checksums(bytes(changed)) if chance.random() < 0.9 else bytes(changed)


def _lied(told: int, width: int, chance: random.Random) -> int:
    most: int = 256**width
    values = (0, 1, told + 1, told - 1, told * 2, 300, 5000, 20_000, 65_535, most // 2 - 1, most // 2, most - 1)
    return chance.choice((*values, 2 ** chance.randrange(8 * width), chance.randrange(most))) % most


def _any_field(data: bytes, chance: random.Random) -> _Field:
    order: _Order = chance.choice(("little", "big"))
    return _place(data, chance), chance.choice((1, 2, 4, 8)), order


def change_numbers(data: bytes, chance: random.Random, seeds: Seeds) -> bytes:
    """Numbers that are written in digits, as in PDF, SVG, RTF and headers of text."""
    found = list(re.finditer(rb"\d+", data[: 2**16]))
    if len(found) < 3:
        return lie(data, chance, seeds)
    for number in sorted(chance.sample(found, min(len(found), chance.choice((1, 1, 2, 5)))), key=re.Match.start)[::-1]:
        value = chance.choice(
            (b"0", b"-1", b"1e9", b"1e38", b"99999", b"2147483647", b"4294967296", b"9" * 30, b"0.000001", b"NaN")
        )
        data = data[: number.start()] + value + data[number.end() :]
    return data


_MUTATIONS: tuple[_Mutation, ...] = (
    *(flip_bits, overwrite, cut_off, cut_out, put_in, repeat, splice, lie, change_numbers),
)
_WEIGHTS = (5, 3, 2, 1, 1, 2, 1, 7, 2)


@functools.lru_cache(maxsize=256)
def _fields(data: bytes) -> tuple[_Field, ...]:
    """The sizes, counts and lengths that a file declares, by its format, or wherever the size of a sample stands."""
    for begin, walk in _WALKERS:
        if re.match(begin, data, re.DOTALL):
            return tuple(walk(data))
    return tuple(_declared_sizes(data))


_SIZES = (pictures.WIDTH, pictures.HEIGHT, pictures.WIDTH - 1, pictures.HEIGHT - 1)


def _declared_sizes(data: bytes) -> Iterator[_Field]:
    head = data[:4096]
    orders: tuple[_Order, ...] = ("little", "big")
    for size in _SIZES:
        for width in (2, 4):
            for order in orders:
                for found in re.finditer(re.escape(size.to_bytes(width, order)), head):
                    yield found.start(), width, order


def _of_jpeg(data: bytes) -> Iterator[_Field]:
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        yield at + 2, 2, "big"
        if marker in (0xC0, 0xC1, 0xC2):
            yield from ((at + 5, 2, "big"), (at + 7, 2, "big"), (at + 4, 1, "big"), (at + 9, 1, "big"))
            yield from ((at + 10 + index, 1, "big") for index in range(9))
        elif marker == 0xE1 and data[at + 4 : at + 8] == b"Exif":
            yield from ((at + 10 + field, width, order) for field, width, order in _of_tiff(data[at + 10 :]))
        elif marker in (0xC4, 0xDA, 0xDD):
            yield from ((at + 4 + index, 1, "big") for index in range(min(length, 17)))
        if marker == 0xDA:
            return
        at += 2 + length


def _of_png(data: bytes) -> Iterator[_Field]:
    for at, length, name in _png_chunks(data):
        yield at, 4, "big"
        if name in (b"IHDR", b"acTL", b"fcTL"):
            yield from ((at + 8 + offset, 4, "big") for offset in range(0, min(length, 64) - 3, 4))
            yield from ((at + 8 + offset, 1, "big") for offset in range(8, min(length, 64)))


def _png_chunks(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4])
        yield at, length, data[at + 4 : at + 8]
        at += 12 + length


def _with_checksums(data: bytes) -> bytes:
    """A PNG whose checksums fit again: else nothing behind them is ever reached."""
    if not data.startswith(b"\x89PNG"):
        return data
    mended = bytearray(data)
    for at, length, _ in _png_chunks(data):
        end = at + 8 + length
        if end + 4 <= len(data):
            mended[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
    return bytes(mended)


def _of_tiff(data: bytes) -> Iterator[_Field]:
    order: _Order = "little" if data[:2] == b"II" else "big"
    waiting, seen = [4], set[int]()
    while waiting:
        yield waiting[0], 4, order
        at = int.from_bytes(data[waiting[0] : waiting.pop(0) + 4], order)
        if at in seen or not 0 < at < len(data) - 2:
            continue
        seen.add(at)
        yield at, 2, order
        count = min(int.from_bytes(data[at : at + 2], order), 60)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            yield from ((entry, 2, order), (entry + 2, 2, order), (entry + 4, 4, order), (entry + 8, 4, order))
            if int.from_bytes(data[entry : entry + 2], order) in (330, 34665):
                waiting.append(entry + 8)
        waiting.append(at + 2 + 12 * count)


_CONTAINERS = frozenset((b"moov", b"trak", b"mdia", b"minf", b"stbl", b"meta", b"iprp", b"ipco", b"jp2h", b"edts"))


def _of_boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[_Field]:
    at, end = start, len(data) if end is None else end
    while at + 8 <= end:
        length, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        yield at, 4, "big"
        inner = at + (12 if name == b"meta" else 8)
        if name in _CONTAINERS:
            yield from _of_boxes(data, inner, min(at + length, end))
        elif name not in (b"mdat", b"jp2c", b"jxlc", b"ftyp"):
            yield from ((offset, 4, "big") for offset in range(inner, min(at + length, inner + 96) - 3, 4))
            yield from ((offset, 2, "big") for offset in range(inner, min(at + length, inner + 32) - 1, 2))
        at += max(length, 8)


def _of_riff(data: bytes) -> Iterator[_Field]:
    at = 12
    yield 4, 4, "little"
    while at + 8 <= len(data):
        length, name = int.from_bytes(data[at + 4 : at + 8], "little"), data[at : at + 4]
        yield at + 4, 4, "little"
        if name == b"LIST":
            at += 12
            continue
        width: int = 3 if name in (b"VP8X", b"ANMF") else 4
        yield from ((at + 8 + offset, width, "little") for offset in range(0, min(length, 64) - width + 1, width))
        at += 8 + length + length % 2


def _of_gif(data: bytes) -> Iterator[_Field]:
    yield from ((6, 2, "little"), (8, 2, "little"), (10, 1, "little"))
    for image in re.finditer(rb"\x00,(.{9})", data, re.DOTALL):
        yield from ((image.start(1) + offset, 2, "little") for offset in range(0, 8, 2))
        yield from ((image.start(1) + offset, 1, "little") for offset in (8, 9, 10))
    yield from ((control.start() + 4, 2, "little") for control in re.finditer(rb"\x21\xf9\x04", data))


def _of_zip(data: bytes) -> Iterator[_Field]:
    layouts: tuple[tuple[bytes, tuple[tuple[int, int], ...]], ...] = (
        (rb"PK\x03\x04", ((6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
        (rb"PK\x01\x02", ((8, 2), (10, 2), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2), (42, 4))),
        (rb"PK\x05\x06", ((8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
    )
    for signature, fields in layouts:
        for found in re.finditer(signature, data):
            yield from ((found.start() + offset, width, "little") for offset, width in fields)


def _of_header(fields: Sequence[tuple[int, int]], order: _Order, data: bytes) -> Iterator[_Field]:
    yield from ((at, width, order) for at, width in fields if at + width <= len(data))


_WORDS_OF_64 = [(at, 4) for at in range(4, 64, 4)] + [(at, 2) for at in range(4, 64, 2)]

_WALKERS: tuple[tuple[bytes, Callable[[bytes], Iterator[_Field]]], ...] = (
    (rb"\xff\xd8\xff", _of_jpeg),
    (rb"\x89PNG", _of_png),
    (rb"II[*+]\0|MM\0[*+]", _of_tiff),
    (rb"....(?:ftyp|moov|mdat|wide|JXL |jP  )", _of_boxes),
    (rb"RIFF", _of_riff),
    (rb"GIF8", _of_gif),
    (rb"PK", _of_zip),
    (rb"BM", partial(_of_header, [(2, 4), (10, 4), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2), (30, 4), (46, 4)],
                     "little")),
    (rb"8BPS", partial(_of_header, [(4, 2), (12, 2), (14, 4), (18, 4), (22, 2), (24, 2), (26, 4), (30, 4), (34, 4)],
                       "big")),
    (rb"\xff\x4f\xff\x51", partial(_of_header, _WORDS_OF_64, "big")),
    (rb"\x00\x00\x01\x00", partial(_of_header, [(4, 2), (6, 1), (7, 1), (12, 2), (14, 4), (18, 4), (22, 4), (26, 2)],
                           "little")),
)  # fmt: skip


# --- bombs -------------------------------------------------------------------------------------------


def _svg(inside: str, before: str = "", size: str = 'width="96" height="64"') -> bytes:
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f"{before}<svg {names} {size}>{inside}</svg>".encode()


def uses_of_uses() -> bytes:
    levels = (
        f'<g id="g{n}">' + f'<use xlink:href="#g{n - 1}"/>' * 10 + "</g>" if n else '<circle id="g0" r="3"/>'
        for n in range(12)
    )
    return _svg("".join(levels))


def entities_of_entities() -> bytes:
    defined = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "laugh"}">' for n in range(12))
    return _svg("<text>&e11;</text>", f"<!DOCTYPE svg [{defined}]>")


def patterns_of_patterns() -> bytes:
    patterns = "".join(
        f'<pattern id="p{n}" width="1" height="1" patternUnits="userSpaceOnUse"><rect width="9" height="9"'
        f' fill="url(#p{n + 1})"/></pattern>'
        for n in range(12)
    )
    return _svg(f'{patterns}<rect width="96" height="64" fill="url(#p0)"/>')


def great_blur() -> bytes:
    blur = '<filter id="f" x="-9" y="-9" width="99" height="99"><feGaussianBlur stdDeviation="5000"/></filter>'
    return _svg(f'{blur}<rect width="96" height="64" filter="url(#f)"/>', size='width="1e9" height="1e9"')


def noise_everywhere() -> bytes:
    noise = '<filter id="f"><feTurbulence baseFrequency="0.9" numOctaves="900000"/></filter>'
    return _svg(f'{noise}<rect width="96" height="64" filter="url(#f)"/>')


def deep_groups() -> bytes:
    return _svg("<g>" * 100_000 + "</g>" * 100_000)


def many_masks() -> bytes:
    return _svg('<g opacity="0.5">' * 200 + '<rect width="96" height="64"/>' + "</g>" * 200)


def dashes() -> bytes:
    return _svg('<path d="M0 0H1e9" stroke="red" stroke-width="1" stroke-dasharray="0.001 0.001"/>')


@functools.cache
def unpacks_to_megabytes() -> bytes:
    return gzip.compress(b"<svg>" + b" " * (200 * 2**20), 9, mtime=0)


def _zipped(write: Callable[[], bytes]) -> Callable[[], bytes]:
    @functools.wraps(write)
    def zipped() -> bytes:
        return gzip.compress(write(), mtime=0)

    return zipped


@functools.cache
def many_white_pixels(width: int = 17_000, height: int = 17_000) -> bytes:
    """A PNG of 289 million pixels of one bit in some ten kilobytes."""
    packer, row = zlib.compressobj(9), b"\0" + b"\xff" * ((width + 7) // 8)
    packed = b"".join(packer.compress(row * 100) for _ in range(height // 100)) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)), (b"IDAT", packed), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + zlib.crc32(name + data).to_bytes(4, "big") for name, data in chunks
    )


@functools.cache
def many_scans() -> bytes:
    """A progressive JPEG that refines a large picture over and over."""
    written = io.BytesIO()
    Image.new("L", (8000, 8000), 90).save(written, "JPEG", progressive=True)
    data = written.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * 400 + data[-2:]


@functools.cache
def large_and_grey() -> bytes:
    """A JPEG that says it has 65,500 by 4500 pixels, and has a few."""
    written = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(written, "JPEG")
    data = bytearray(written.getvalue())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 4500, 65_500)
    return bytes(data)


def wide_canvas() -> bytes:
    """A GIF of two tiny pictures on a canvas of 65,535 pixels square."""
    written = io.BytesIO()
    first = Image.new("P", (4, 4))
    first.save(written, "GIF", save_all=True, append_images=[Image.new("P", (4, 4), 1)], duration=50)
    data = bytearray(written.getvalue())
    data[6:10] = b"\xff" * 4
    return bytes(data)


def directory_after_itself() -> bytes:
    """A TIFF whose second directory is its first."""
    written = io.BytesIO()
    Image.new("L", (8, 8)).save(written, "TIFF")
    data = bytearray(written.getvalue())
    (at,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, at)
    struct.pack_into("<I", data, at + 2 + 12 * count, at)
    return bytes(data)


def many_directories() -> bytes:
    """A TIFF of 40,000 pages in which nothing is."""
    return b"II*\0\x08\0\0\0" + b"".join(
        struct.pack("<HHHII I", 1, 256, 4, 1, 9, 8 + 18 * (n + 1)) for n in range(40_000)
    )


def page_is_its_parent() -> bytes:
    return documents.pdf_file(
        ["<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 900000000 >>"]
    )


def forms_in_forms() -> bytes:
    forms = [
        f"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X {n + 5} 0 R >> >> /Length 60 >>"
        "\nstream\n" + "/X Do " * 10 + "\nendstream"
        for n in range(12)
    ]
    page = "/Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >>"
    return documents.pdf_file(
        [
            *("<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>", f"<< {page} >>"),
            *("<< /Length 5 >>\nstream\n/X Do\nendstream", *forms),
        ]
    )


def large_page() -> bytes:
    return documents.pdf_of(["1 0 0 rg 0 0 1e9 1e9 re f"], size=(999_999, 999_999))


def many_strokes() -> bytes:
    return documents.pdf_of(["0 0 m " + "300 200 l 0 0 l " * 300_000 + "S"])


@functools.cache
def word_of_megabytes() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b"<document><p><t>" + b"word " * (40 * 2**20) + b"</t></p></document>")
    return written.getvalue()


def deep_word() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("word/document.xml", b"<p>" * 300_000)
    return written.getvalue()


def deep_rtf() -> bytes:
    return rb"{\rtf1 " + b"{" * 500_000 + b"deep"


def many_controls() -> bytes:
    return rb"{\rtf1\ansi " + rb"\u8364?\'e9\par " * 200_000 + b"}"


def deep_html() -> bytes:
    return b"<html><body>" + b"<div>" * 400_000 + b"deep"


def endless_attribute() -> bytes:
    return b"<html><body><p title='" + b"a" * 3_000_000


def many_attributes() -> bytes:
    return b"<html><body><p " + b" ".join(b"a%d=1" % n for n in range(200_000)) + b">many</p>"


def deep_json() -> bytes:
    return b"[" * 500_000


def noise() -> bytes:
    return random.Random(0).randbytes(2**20)


def one_line() -> bytes:
    return "ab\u00e9\u4e2d".encode() * 200_000


def far_away_light() -> bytes:
    """A Radiance picture of 290 million pixels, of which there is one line."""
    return b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 10000 +X 29000\n" + b"\x80" * 29_000 * 4


_DRAWINGS = (uses_of_uses, entities_of_entities, patterns_of_patterns, great_blur, noise_everywhere)
_MORE_DRAWINGS = (deep_groups, many_masks, dashes)

_BOMBS: dict[str, Sequence[Callable[[], bytes]]] = {
    "svg": (*_DRAWINGS, *_MORE_DRAWINGS),
    "svgz": (unpacks_to_megabytes, *(_zipped(write) for write in _DRAWINGS)),
    "png": (many_white_pixels,),
    "jpg": (many_scans, large_and_grey),
    "gif": (wide_canvas,),
    "tif": (directory_after_itself, many_directories),
    "pdf": (page_is_its_parent, forms_in_forms, large_page, many_strokes),
    "docx": (word_of_megabytes, deep_word),
    "rtf": (deep_rtf, many_controls),
    "html": (deep_html, endless_attribute, many_attributes),
    "json": (deep_json,),
    "hdr": (far_away_light,),
    **dict.fromkeys(("txt", "md", "csv"), (noise, one_line)),
}
