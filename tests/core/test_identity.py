"""What the pixel fingerprint stays the same under, and what changes it, format by format."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from core.decoding import decode, identify, page_of
from core.decoding.identity import pixel_fingerprint
from core.media import WHOLE_FILE, PixelPolicy, fingerprint

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmp:Rating="4" dc:title="evening"%s/></x:xmpmeta>'


def named(data: bytes) -> bytes:
    return pixel_fingerprint(io.BytesIO(data), len(data))


def picture(seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(coarse).resize((96, 64), Image.Resampling.BICUBIC)


def encoded(format: str, seed: int = 0, mode: str = "RGB", **options: object) -> bytes:
    stream = io.BytesIO()
    picture(seed).convert(mode).save(stream, format, **options)
    return stream.getvalue()


def exif(orientation: int | None = None, rating: int | None = None) -> bytes:
    """A block of EXIF, without the six bytes before it."""
    block = Image.Exif()
    if orientation is not None:
        block[0x0112] = orientation
    if rating is not None:
        block[0x4746] = rating
    block[0x010E] = "a long caption " * 20
    return block.tobytes().removeprefix(b"Exif\0\0")


# --- JPEG --------------------------------------------------------------------------------------------


def segment(code: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, code, len(data) + 2) + data


def exif_segment(**written: int) -> bytes:
    return segment(0xE1, b"Exif\0\0" + exif(**written))


def xmp_segment(more: bytes = b"") -> bytes:
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP % more)


def places(jpeg: bytes) -> list[int]:
    """Where a segment may be put: before each one of the header."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        found.append(at)
        while jpeg[at + 1] == 0xFF:
            at += 1
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4])
    return [*found, at]


METADATA = (
    exif_segment(rating=3),
    exif_segment(orientation=1),
    xmp_segment(),
    segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0\x08\x1c\x02\x19\0\x03sea"),
    segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(600)),
    segment(0xE2, b"MPF\0" + bytes(80)),
    segment(0xFE, b"a comment \xff\xd9 with a marker in it"),
    b"\xff\xff\xff" + segment(0xFE, b"after fill bytes"),
)
JPEGS = {
    "baseline": encoded("JPEG", quality=90),
    "progressive": encoded("JPEG", progressive=True),
    "with restarts": encoded("JPEG", restart_marker_rows=1),
    "grey": encoded("JPEG", mode="L"),
}


@given(st.sampled_from(sorted(JPEGS)), st.lists(st.tuples(st.integers(0, 9), st.sampled_from(METADATA)), max_size=6))
@settings(deadline=None, max_examples=150)
def test_metadata_in_a_jpeg_keeps_its_name(variety: str, insertions: list[tuple[int, bytes]]) -> None:
    jpeg = plain = JPEGS[variety]
    for place, data in insertions:
        at = (where := places(jpeg))[place % len(where)]
        jpeg = jpeg[:at] + data + jpeg[at:]
    assert named(jpeg) == named(plain) != b""


@given(st.sampled_from(sorted(JPEGS)), st.floats(0, 1, exclude_max=True), st.integers(0, 7))
@settings(deadline=None, max_examples=200)
def test_every_bit_of_coded_data_counts(variety: str, place: float, bit: int) -> None:
    plain = JPEGS[variety]
    start = places(plain)[-1]
    jpeg = bytearray(plain)
    jpeg[start + int(place * (len(jpeg) - 2 - start))] ^= 1 << bit
    assert named(bytes(jpeg)) != named(plain)


def test_what_follows_a_jpeg_does_not_count() -> None:
    plain = JPEGS["baseline"]
    assert named(plain + JPEGS["progressive"]) == named(plain + b"\0" * 999) == named(plain)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_jpeg_is_another_picture(orientation: int) -> None:
    plain = JPEGS["baseline"]
    by_exif = plain[:2] + exif_segment(orientation=orientation) + plain[2:]
    by_xmp = plain[:2] + xmp_segment(b' tiff:Orientation="%d"' % orientation) + plain[2:]
    assert named(by_exif) == named(by_xmp) != named(plain)
    # XMP counts only where EXIF is silent.
    assert named(by_xmp[:2] + exif_segment(orientation=1) + by_xmp[2:]) == named(plain)


def test_how_components_become_colours_counts() -> None:
    jpeg = encoded("JPEG")
    bare = jpeg[:2] + jpeg[places(jpeg)[1] :]  # without JFIF's segment
    adobe = [bare[:2] + segment(0xEE, b"Adobe\0\x64\0\0\0\0" + bytes([each])) + bare[2:] for each in (0, 1)]
    assert named(adobe[1]) == named(bare) == named(jpeg)
    assert named(adobe[0]) != named(bare)


# --- PNG, WebP, GIF ----------------------------------------------------------------------------------


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4)


def test_metadata_in_a_png_keeps_its_name() -> None:
    plain = encoded("PNG")
    header, coded, end = plain[:33], plain[33:-12], plain[-12:]
    text = chunk(b"tEXt", b"Title\0evening")
    xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP % b"")
    for written in (header + text + xmp + coded + end, header + coded + chunk(b"eXIf", exif(rating=5)) + end):
        assert named(written) == named(plain) != b""
    pixels = coded[8:-4]
    split = chunk(b"IDAT", pixels[:100]) + chunk(b"IDAT", pixels[100:])
    assert named(header + split + end) == named(plain)


def test_which_way_a_png_is_up_counts_however_it_is_written() -> None:
    plain = encoded("PNG")
    raw = b"\nexif\n  99\n" + exif(orientation=6).hex().encode()
    packet = XMP % b' tiff:Orientation="6"'
    written = (
        chunk(b"eXIf", exif(orientation=6)),
        chunk(b"tEXt", b"Raw profile type exif\0" + raw),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(raw)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(packet)),
    )
    names = {named(plain[:33] + each + plain[33:]) for each in written}
    assert len(names) == 1
    assert named(plain) not in names


def riff(*parts: tuple[bytes, bytes]) -> bytes:
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


@pytest.mark.parametrize("lossless", [False, True])
def test_metadata_in_a_webp_keeps_its_name(lossless: bool) -> None:
    plain = encoded("WEBP", lossless=lossless)
    name, data = plain[12:16], plain[20 : 20 + int.from_bytes(plain[16:20], "little")]
    header = (b"VP8X", bytes([0x0C, 0, 0, 0]) + (95).to_bytes(3, "little") + (63).to_bytes(3, "little"))
    extended = riff(header, (name, data), (b"EXIF", exif(rating=2)), (b"XMP ", XMP % b""))
    assert named(extended) == named(plain) != b""
    assert named(riff(header, (name, data), (b"EXIF", exif(orientation=3)))) != named(plain)


def test_a_comment_in_a_gif_keeps_its_name() -> None:
    plain = encoded("GIF", save_all=True, append_images=[picture(1)], loop=0)
    comment = b"\x21\xfe\x05hello\0"
    assert named(plain[:-1] + comment + plain[-1:]) == named(plain) != b""
    assert named(encoded("GIF", save_all=True, append_images=[picture(2)], loop=0)) != named(plain)


# --- TIFF and RAW ------------------------------------------------------------------------------------

Fields = dict[int, tuple[int, list[int]]]


def tiff(directories: list[Fields], data: bytes, order: str = "<", gap: int = 0, inside: bool = False) -> bytes:
    """A TIFF of these directories, `data` behind `gap` bytes, which offsets count from. `inside`: all but the first
    directory lie in the first."""
    sizes = {3: "H", 4: "I"}
    out = bytearray((b"II*\0" if order == "<" else b"MM\0*") + bytes(4) + bytes(gap) + data)
    start = 8 + gap
    links: list[int] = []
    for number, fields in enumerate(directories):
        fields = dict(sorted(fields.items()))
        if inside and number == 0:
            fields[330] = (4, [0] * (len(directories) - 1))
        out += bytes(len(out) % 2)
        links.append(len(out))
        body = struct.pack(order + "H", len(fields))
        later = len(out) + 2 + 12 * len(fields) + 4
        extra = b""
        for tag in sorted(fields):
            kind, values = fields[tag]
            values = [value + start if tag in (273, 324, 513) else value for value in values]
            packed = struct.pack(f"{order}{len(values)}{sizes[kind]}", *values)
            if len(packed) > 4:
                place, extra = later + len(extra), extra + packed
                packed = struct.pack(order + "I", place)
            body += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
        out += body + bytes(4) + extra
    struct.pack_into(order + "I", out, 4, links[0])
    ends = [link + 2 + 12 * struct.unpack_from(order + "H", out, link)[0] for link in links]
    if inside:
        entry = next(
            at for at in range(links[0] + 2, ends[0], 12) if struct.unpack_from(order + "H", out, at)[0] == 330
        )
        many = len(links) - 1
        place = entry + 8 if many == 1 else struct.unpack_from(order + "I", out, entry + 8)[0]
        struct.pack_into(f"{order}{many}I", out, place, *links[1:])
    else:
        for end, link in zip(ends, links[1:], strict=False):
            struct.pack_into(order + "I", out, end, link)
    return bytes(out)


def page(width: int, start: int, **more: int) -> Fields:
    fields: Fields = {256: (3, [width]), 257: (3, [10]), 258: (3, [8]), 259: (3, [1]), 262: (3, [1])}
    fields |= {273: (4, [start, start + 50, start + 100]), 277: (3, [1]), 278: (3, [4]), 279: (4, [50, 50, 20])}
    return fields | {int(tag[1:]): (3, [value]) for tag, value in more.items()}


PIXELS = bytes(np.random.default_rng(0).integers(0, 256, 240, np.uint8))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_tiff_is_named_by_its_pixels_wherever_they_lie(order: str, inside: bool) -> None:
    pages = [page(12, 0), page(12, 120)]
    plain = tiff(pages, PIXELS, order, inside=inside)
    rated = [pages[0] | {18246: (3, [4]), 34853: (4, [8])}, pages[1]]
    assert named(tiff(rated, PIXELS, order, gap=1234, inside=inside)) == named(plain) != b""
    for changed in ([page(10, 0), pages[1]], [pages[0], page(12, 120, t274=6)], [pages[0], page(12, 119)], pages[:1]):
        assert named(tiff(changed, PIXELS, order, inside=inside and len(changed) > 1)) != named(plain)
    other = bytearray(PIXELS)
    other[239] ^= 1
    assert named(tiff(pages, bytes(other), order, inside=inside)) != named(plain)


def test_byte_order_alone_makes_no_other_picture() -> None:
    assert named(tiff([page(12, 0)], PIXELS, "<")) == named(tiff([page(12, 0)], PIXELS, ">"))


def test_pillow_s_tiffs_have_names() -> None:
    made = [
        encoded("TIFF", seed, compression=how, big_tiff=big)
        for seed in (0, 1)
        for how in ("raw", "tiff_lzw", "jpeg")
        for big in (False, True)
    ]
    names = [named(data) for data in made]
    assert b"" not in names
    assert len(set(names)) == 6  # a big one's pixels are those of a small one
    described = encoded("TIFF", tiffinfo={270: "caption", 18246: 5})
    assert named(described) == named(encoded("TIFF"))


def test_a_tiff_that_leads_in_circles_or_lies_ends() -> None:
    plain = bytearray(tiff([page(12, 0)], PIXELS))
    (first,) = struct.unpack_from("<I", plain, 4)
    end = first + 2 + 12 * struct.unpack_from("<H", plain, first)[0]
    struct.pack_into("<I", plain, end, first)
    assert named(bytes(plain)) == named(tiff([page(12, 0)], PIXELS))
    many = page(12, 0) | {273: (4, [0] * 5000), 279: (4, [200] * 5000)}
    assert named(tiff([many], PIXELS)) == b""  # a million bytes of pixels in a file of forty thousand


def test_fujifilm_s_raw_is_named_by_its_preview_and_its_sensor() -> None:
    def raf(jpeg: bytes, sensor: bytes) -> bytes:
        places = struct.pack(">6I", 200, len(jpeg), 200 + len(jpeg), 16, 216 + len(jpeg), len(sensor))
        return b"FUJIFILMCCD-RAW".ljust(84, b"\0") + places + bytes(92) + jpeg + bytes(16) + sensor

    preview = JPEGS["baseline"]
    rated = preview[:2] + exif_segment(rating=3) + preview[2:]
    assert named(raf(rated, PIXELS)) == named(raf(preview, PIXELS)) != b""
    assert named(raf(preview, PIXELS[::-1])) != named(raf(preview, PIXELS)) != named(raf(JPEGS["grey"], PIXELS))


# --- boxes -------------------------------------------------------------------------------------------


def box(kind: bytes, data: bytes) -> bytes:
    return (len(data) + 8).to_bytes(4) + kind + data


def test_metadata_in_an_avif_keeps_its_name() -> None:
    plain = encoded("AVIF", max_threads=1)
    rated = encoded("AVIF", max_threads=1, exif=exif(rating=3), xmp=XMP % b"")
    assert rated != plain
    assert named(rated) == named(plain) != b""
    # Pillow writes the turn as a property of the picture.
    assert named(encoded("AVIF", max_threads=1, exif=exif(orientation=6))) != named(plain)
    assert named(encoded("AVIF", 1, max_threads=1)) != named(plain)


def test_a_jpeg_xl_is_named_by_its_codestream() -> None:
    bare = b"\xff\x0a" + PIXELS
    head = box(b"JXL ", b"\r\n\x87\n") + box(b"ftyp", b"jxl \0\0\0\0jxl ")
    assert named(head + box(b"jxlc", bare)) == named(bare) != b""
    halves = box(b"jxlp", b"\0\0\0\0" + bare[:99]) + box(b"jxlp", b"\x80\0\0\1" + bare[99:])
    assert named(head + box(b"xml ", XMP % b"") + box(b"Exif", bytes(4) + exif(rating=1)) + halves) == named(bare)
    assert named(head + box(b"jxlc", bare + b"\0")) != named(bare)


def test_a_jpeg_2000_is_named_by_its_header_and_codestream() -> None:
    def jp2(*more: bytes, size: bytes = b"\0\0\0\x40") -> bytes:
        header = box(b"jp2h", box(b"ihdr", size * 2 + bytes(6)) + box(b"colr", b"\1\0\0\0\0\0\x10"))
        return box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 ") + header + b"".join(more) + box(b"jp2c", PIXELS)

    assert named(jp2(box(b"uuid", bytes(16) + XMP % b""))) == named(jp2()) != b""
    assert named(jp2(size=b"\0\0\0\x41")) != named(jp2())


def clip(seed: int = 0) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        track = container.add_stream("mpeg4", rate=5)
        track.width, track.height, track.pix_fmt = 96, 64, "yuv420p"
        for number in range(5):
            frame = av.VideoFrame.from_ndarray(np.asarray(picture(seed + number)), format="rgb24")
            container.mux(track.encode(frame))
        container.mux(track.encode())
    return stream.getvalue()


def boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        found.append((data[at + 4 : at + 8], data[at + 8 : at + size]))
        at += size
    return found


def moved(moov: bytes, by: int) -> bytes:
    """A film's header after its samples moved."""
    at = moov.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", moov, at)
    offsets = np.frombuffer(moov, ">u4", count, at + 4) + by
    return moov[: at + 4] + offsets.astype(">u4").tobytes() + moov[at + 4 + 4 * count :]


def test_metadata_in_a_clip_keeps_its_name() -> None:
    plain = clip()
    parts = dict(boxes(plain))
    tags = box(b"udta", box(b"meta", bytes(400)))
    written = plain.replace(box(b"moov", parts[b"moov"]), box(b"moov", parts[b"moov"] + tags))
    assert len(written) > len(plain)
    assert named(written) == named(plain) != b""
    shifted = box(b"moov", moved(parts[b"moov"], 8 + 100 + len(box(b"moov", parts[b"moov"]))))
    order = box(b"ftyp", parts[b"ftyp"]) + shifted + box(b"free", bytes(100)) + box(b"free", parts[b"free"])
    assert named(order + box(b"mdat", parts[b"mdat"])) == named(plain)


def test_what_a_clip_shows_and_how_it_is_turned_counts() -> None:
    plain = clip()
    assert named(clip(1)) != named(plain)
    header = plain.index(b"tkhd") + 4
    matrix = struct.pack(">9i", 0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000)
    turned = plain[: header + 40] + matrix + plain[header + 76 :]
    assert named(turned) != named(plain)
    dated = plain[: header + 4] + b"\x12\x34\x56\x78" + plain[header + 8 :]
    assert named(dated) == named(plain)


# --- other containers --------------------------------------------------------------------------------


def test_metadata_in_a_photoshop_file_keeps_its_name() -> None:
    def psd(resources: bytes, pixels: bytes = PIXELS) -> bytes:
        head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 8, 10, 8, 3) + bytes(4)
        return head + len(resources).to_bytes(4) + resources + bytes(4) + b"\0\0" + pixels

    assert named(psd(b"8BIM\x04\x24\0\0" + XMP % b"")) == named(psd(b"")) != b""
    assert named(psd(b"", PIXELS[::-1])) != named(psd(b""))


def element(number: int, data: bytes | bytearray) -> bytes:
    return number.to_bytes((number.bit_length() + 7) // 8) + (len(data) | 1 << 56).to_bytes(8) + data


def matroska(cluster: bytes | bytearray, tags: bytes = b"") -> bytes:
    parts = element(0x1254C367, tags) + element(0x1654AE6B, b"track") + element(0x1F43B675, cluster)
    return element(0x1A45DFA3, b"\x42\x82\x84webm") + element(0x18538067, parts)


def test_tags_in_a_matroska_keep_its_name() -> None:
    assert named(matroska(PIXELS, b"title")) == named(matroska(PIXELS)) != b""
    assert named(matroska(PIXELS[::-1])) != named(matroska(PIXELS))


def test_a_large_film_is_sampled_alike_wherever_it_lies() -> None:
    film = bytearray(np.random.default_rng(0).bytes(WHOLE_FILE + 10**6))
    plain = named(matroska(film))
    assert named(matroska(film, b"a title")) == plain != b""
    film[-1] ^= 1
    assert named(matroska(film)) != plain


# --- in general --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\xff", b"plain words", bytes(500), b"%PDF-1.7", b"BM" + bytes(60)])
def test_what_has_no_pixels_of_its_own_has_no_name(data: bytes) -> None:
    assert named(data) == b""


MADE: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: JPEGS["progressive"],
    "PNG": lambda: encoded("PNG"),
    "WebP": lambda: encoded("WEBP"),
    "GIF": lambda: encoded("GIF"),
    "TIFF": lambda: tiff([page(12, 0), page(12, 120)], PIXELS, inside=True),
    "AVIF": lambda: encoded("AVIF", max_threads=1),
    "MP4": clip,
    "Matroska": lambda: matroska(PIXELS),
}


@pytest.fixture(scope="module")
def made() -> dict[str, bytes]:
    return {name: make() for name, make in MADE.items()}


@pytest.mark.parametrize("name", MADE)
@given(st.data())
@settings(deadline=None, max_examples=60)
def test_damaged_files_are_named_or_not_but_never_raise(name: str, made: dict[str, bytes], data: st.DataObject) -> None:
    damaged = bytearray(made[name])
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        damaged[at : at + 4] = data.draw(st.sampled_from((b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\1")))
    cut = damaged[: data.draw(st.integers(0, len(damaged)))]
    assert {len(named(bytes(damaged))), len(named(bytes(cut)))} <= {0, 16}


def test_different_pictures_never_share_a_name() -> None:
    names = [named(encoded(format, seed)) for format in ("JPEG", "PNG", "WEBP", "GIF", "TIFF") for seed in range(8)]
    assert b"" not in names
    assert len(set(names)) == len(names)


def test_a_file_is_left_at_its_start(made: dict[str, bytes]) -> None:
    for data in (*made.values(), b"words"):
        file = io.BytesIO(data)
        pixel_fingerprint(file, len(data))
        assert file.tell() == 0


def test_writing_a_caption_changes_the_content_and_not_the_pixels(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.jpg", JPEGS["baseline"]
    path.write_bytes(plain)
    before = decode(str(path), PixelPolicy(max_pixels=1000))
    path.write_bytes(plain[:2] + exif_segment(rating=5) + plain[2:])
    os.utime(path, ns=(1, 1))
    after = identify(str(path))
    assert after.pixels == before.pixels == named(plain)
    assert after.fingerprint != before.fingerprint == fingerprint(io.BytesIO(plain))
    assert identify(str(path), page=2).pixels == page_of(named(plain), 2)


def test_only_a_whole_picture_has_a_likeness(tmp_path: Path) -> None:
    from core.decoding.identity.likeness import likeness_of
    from core.media import Region

    path = tmp_path / "a.png"
    path.write_bytes(encoded("PNG"))
    pixels: NDArray[np.uint8] = np.asarray(picture())
    assert decode(str(path), PixelPolicy(max_pixels=10**6)).likeness == likeness_of(pixels) != b""
    assert decode(str(path), PixelPolicy(max_pixels=10**6), region=Region(0, 0, 0.5, 1)).likeness == b""
