"""Which words written in a file arrive: captions beside the picture, camera, author and place for search too."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from core.decoding import decode, make_preview, metadata
from core.media import PixelPolicy

ALL = PixelPolicy(max_pixels=10**9)
SMALL = PixelPolicy(max_pixels=32 * 32)

XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">A harbour</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">Boats at dawn</rdf:li></rdf:Alt></dc:description>
<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>红色</rdf:li></rdf:Bag></dc:subject>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def words_of(path: Path) -> list[str]:
    return decode(str(path), SMALL).text.split("\n")


def test_words_from_exif(tmp_path: Path, quadrants_image: Image.Image) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "Une forêt".encode()
    exif[0x9C9B] = "标题".encode("utf-16-le") + b"\0\0"
    exif[0x9C9E] = "tree;forest".encode("utf-16-le") + b"\0\0"
    path = tmp_path / "a.jpg"
    quadrants_image.save(path, exif=exif)
    assert words_of(path) == ["Une forêt", "标题", "tree;forest"]
    assert make_preview(str(path), 32).text == "Une forêt\n标题\ntree;forest"


def test_what_cameras_write_by_themselves_is_no_caption(tmp_path: Path, quadrants_image: Image.Image) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "OLYMPUS DIGITAL CAMERA         "
    path = tmp_path / "a.jpg"
    quadrants_image.save(path, exif=exif)
    assert decode(str(path), SMALL).text == ""


def test_words_from_png(tmp_path: Path, quadrants_image: Image.Image) -> None:
    info = PngInfo()
    info.add_text("Title", "A title")
    info.add_itxt("Description", "描述")
    info.add_text("Software", "Some program")
    path = tmp_path / "a.png"
    quadrants_image.save(path, pnginfo=info)
    assert words_of(path) == ["A title", "描述"]


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "avif", "png"])
def test_words_from_xmp(tmp_path: Path, quadrants_image: Image.Image, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        quadrants_image.save(path, tiffinfo={700: XMP.encode()})
    elif suffix == "png":
        info = PngInfo()
        info.add_itxt("XML:com.adobe.xmp", XMP)
        quadrants_image.save(path, pnginfo=info)
    else:
        quadrants_image.save(path, xmp=XMP.encode())
    assert words_of(path) == ["A harbour", "Boats at dawn", "sea, 红色"]


def with_iptc(path: Path, image: Image.Image, *datasets: tuple[int, bytes]) -> None:
    """Writes a JPEG with these datasets of the application record."""
    records = b"".join(
        b"\x1c\x02" + bytes([number]) + struct.pack(">H", len(words)) + words for number, words in datasets
    )
    resource = b"8BIM" + struct.pack(">H", 0x0404) + b"\0\0" + struct.pack(">I", len(records)) + records
    segment = b"Photoshop 3.0\0" + resource + b"\0" * (len(records) % 2)
    plain = io.BytesIO()
    image.save(plain, "JPEG")
    marker = b"\xff\xed" + struct.pack(">H", len(segment) + 2)
    path.write_bytes(plain.getvalue()[:2] + marker + segment + plain.getvalue()[2:])


def test_words_from_iptc(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    keywords = ((25, b"river"), (25, b"water"), (25, b""), (25, b"river"))
    with_iptc(
        path, quadrants_image, (0, b"\0\2"), (120, "Ein Fluß".encode()), *keywords, (90, b"Li\xe8ge"), (101, b"Belgium")
    )
    assert words_of(path) == ["Ein Fluß", "river, water", "Liège, Belgium"]
    assert make_preview(str(path), 32).text == "Ein Fluß\nriver, water", "a place is found, not shown"
    with_iptc(path, quadrants_image, (80, b"Ann"), (105, b"A headline"), (92, b"Old harbour"), (95, b"Flanders"))
    assert words_of(path) == ["Ann", "A headline", "Old harbour, Flanders"]


def test_words_from_iptc_in_a_tiff(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.tif"
    quadrants_image.save(path, tiffinfo={33723: b"\x1c\x02\x19\x00\x05river\x1c\x02\x5a\x00\x04Gent"})
    assert words_of(path) == ["river", "Gent"]


@pytest.mark.parametrize(
    "xmp", [b"<not xml", XMP.encode()[:200], b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + XMP.encode(), b"\xff\xfe\0"]
)
def test_hostile_metadata_costs_only_itself(tmp_path: Path, quadrants_image: Image.Image, xmp: bytes) -> None:
    path = tmp_path / "a.jpg"
    quadrants_image.save(path, xmp=xmp, exif=b"Exif\0\0II*\0\xff\xff\xff\xff broken")
    decoded = decode(str(path), ALL)
    assert decoded.text == ""
    assert decoded.frames is not None
    assert decoded.frames.shape == (1, 48, 64, 3)


def test_words_are_bounded(tmp_path: Path, quadrants_image: Image.Image) -> None:
    info = PngInfo()
    info.add_itxt("Title", "字" * 5000)
    path = tmp_path / "a.png"
    quadrants_image.save(path, pnginfo=info)
    words = decode(str(path), SMALL).text
    assert len(words.encode()) <= metadata.WORDS_BYTES
    assert set(words) == {"字"}


# --- for search, not for the eye ---------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif", "tif"])
def test_camera_lens_and_author_are_found_not_shown(tmp_path: Path, quadrants_image: Image.Image, suffix: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "A harbour"
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Model] = "Canon", "Canon EOS 5D"
    exif[ExifTags.Base.Artist] = "Zoë".encode()
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = "EF 50mm"
    path = tmp_path / f"a.{suffix}"
    quadrants_image.save(path, exif=exif)
    lens = [] if suffix == "tif" else ["EF 50mm"]  # Pillow closes a TIFF before its second directory is read
    assert words_of(path) == ["A harbour", "Canon EOS 5D", "Zoë", *lens]
    assert make_preview(str(path), 32).text == "A harbour"


RICH_XMP = """<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
 xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"
 xmlns:lr="http://ns.adobe.com/lightroom/1.0/" xmlns:core="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
 photoshop:City="Gent" photoshop:Headline="Morning" tiff:Make="NIKON" tiff:Model="Z 6" aux:Lens="35 mm">
<photoshop:Country>Belgium</photoshop:Country><core:Location>Graslei</core:Location>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Canal</rdf:li><rdf:li xml:lang="nl">Gracht</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>water</rdf:li><rdf:li><rdf:Bag><rdf:li>boat</rdf:li><rdf:li>water</rdf:li></rdf:Bag>
</rdf:li></rdf:Bag></dc:subject>
<lr:hierarchicalSubject><rdf:Bag><rdf:li>Places|Europe|Gent</rdf:li><rdf:li>Places|Canal</rdf:li></rdf:Bag>
</lr:hierarchicalSubject></rdf:Description></rdf:RDF></x:xmpmeta>"""


def test_everything_of_an_xmp_packet(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.jpg"
    quadrants_image.save(path, xmp=RICH_XMP.encode())
    assert words_of(path) == [
        "Canal",
        "water, boat",
        "NIKON Z 6",
        "35 mm",
        "Ann, Bob",
        "Morning",
        "Graslei, Gent, Belgium",
        "Places, Europe, Gent, Canal",
    ]
    assert make_preview(str(path), 32).text == "Canal\nwater, boat"
    quadrants_image.save(path, xmp=RICH_XMP.encode()[: RICH_XMP.index("<lr:")])
    assert len(words_of(path)) == 7, "of a packet that breaks off, what came before"


def test_what_is_said_twice_is_said_once(tmp_path: Path, quadrants_image: Image.Image) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = exif[ExifTags.Base.Artist] = "A  harbour "
    path = tmp_path / "a.jpg"
    quadrants_image.save(path, exif=exif, xmp=XMP.encode())
    assert words_of(path) == ["A harbour", "Boats at dawn", "sea, 红色"]


def test_a_long_caption_leaves_room_for_the_camera(tmp_path: Path, quadrants_image: Image.Image) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "word " * 5000
    exif[ExifTags.Base.Model], exif[ExifTags.Base.Artist] = "EOS 5D", "A" * 9000
    path = tmp_path / "a.jpg"
    quadrants_image.save(path, exif=exif)
    text = decode(str(path), SMALL).text
    assert metadata.WORDS_BYTES - 10 < len(text.encode()) <= metadata.WORDS_BYTES
    assert text.startswith("word word")
    assert "EOS 5D" in text.split("\n")


def xmp_of(body: str) -> str:
    return XMP[: XMP.index("<dc:title>")] + body


@pytest.mark.parametrize(
    "xmp",
    [
        xmp_of("<dc:subject><rdf:Bag>" + "".join(f"<rdf:li>keyword {i}</rdf:li>" for i in range(40_000))),
        xmp_of("<dc:title>x</dc:title>" * 45_000),
        xmp_of("<dc:subject>" * 80_000),
        xmp_of("<dc:title>" + "字 " * 250_000),
        XMP.replace("sea", "sea " * 250_000),
    ],
    ids=["keywords", "titles", "nested", "one text", "one keyword"],
)
def test_a_megabyte_of_words_costs_little(tmp_path: Path, quadrants_image: Image.Image, xmp: str) -> None:
    assert len(xmp) > 500_000
    plain, path = tmp_path / "plain.webp", tmp_path / "a.webp"
    quadrants_image.save(plain)
    quadrants_image.save(path, xmp=xmp.encode())

    def seconds(file: Path) -> float:
        taken = []
        for _ in range(5):
            started = time.thread_time()
            assert len(decode(str(file), SMALL).text.encode()) <= metadata.WORDS_BYTES
            taken.append(time.thread_time() - started)
        return min(taken)

    assert seconds(path) - seconds(plain) < 0.02


def test_a_megabyte_of_iptc_keywords_costs_little(tmp_path: Path, quadrants_image: Image.Image) -> None:
    path = tmp_path / "a.tif"
    block = b"".join(b"\x1c\x02\x19\x00\x05%05d" % number for number in range(100_000))
    quadrants_image.save(path, tiffinfo={33723: block})
    started = time.thread_time()
    text = decode(str(path), SMALL).text
    assert time.thread_time() - started < 0.1
    assert text.startswith("00000, 00001, 00002")
    assert len(text) <= metadata.WORDS_BYTES


@given(data=st.data())
def test_broken_metadata_never_costs_the_picture(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    block = bytearray(data.draw(st.sampled_from([RICH_XMP.encode(), XMP.encode()])))
    for at, value in data.draw(st.lists(st.tuples(st.integers(0, len(block) - 1), st.integers(0, 255)), max_size=9)):
        block[at] = value
    datasets = data.draw(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=40)), max_size=9))
    path = tmp_path_factory.getbasetemp() / "hostile.jpg"
    with_iptc(path, Image.new("RGB", (2, 2)), *datasets)
    words = decode(str(path), SMALL).text
    Image.new("RGB", (2, 2)).save(path, xmp=bytes(block))
    words += decode(str(path), SMALL).text
    words.encode()  # no lone surrogates
    assert "\0" not in words


# --- clips -------------------------------------------------------------------------------------------

WriteTags = Callable[..., Path]


@pytest.fixture
def write_tags(write_clip: Callable[..., Path], tmp_path: Path) -> WriteTags:
    """Writes a clip with these tags on its container, and others on its picture track."""

    def write(name: str, tags: dict[str, str], track: dict[str, str] | None = None) -> Path:
        path = tmp_path / name
        codec = "libvpx-vp9" if name.endswith("webm") else "mpeg4"
        options = {"movflags": "use_metadata_tags"} if name.endswith(("mp4", "mov")) else {}
        plain = str(write_clip("plain.mkv", count=3, codec=codec))
        with av.open(plain) as source, av.open(str(path), "w", options=options) as target:
            stream = target.add_stream_from_template(source.streams.video[0])
            target.metadata.update(tags)
            stream.metadata.update(track or {})
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    target.mux(packet)
        return path

    return write


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm"])
def test_words_from_a_clip(write_tags: WriteTags, suffix: str) -> None:
    tags = {"title": "红色 harbour", "description": "Boats at dawn", "comment": "first try", "keywords": "sea, boat"}
    path = write_tags(f"a.{suffix}", tags | {"artist": "Ann", "encoder": "noise"})
    assert words_of(path) == ["红色 harbour", "Boats at dawn", "first try", "sea, boat", "Ann"]
    assert make_preview(str(path), 32).text == "红色 harbour\nBoats at dawn"


def test_words_from_an_avi(write_tags: WriteTags) -> None:
    assert words_of(write_tags("a.avi", {"title": "A title", "artist": "Ann"})) == ["A title", "Ann"]


def test_the_camera_of_a_clip(write_tags: WriteTags) -> None:
    apple = {"com.apple.quicktime.make": "Apple", "com.apple.quicktime.model": "iPhone 15"}
    assert words_of(write_tags("a.mov", apple)) == ["Apple iPhone 15"]
    android = {"com.android.manufacturer": "Google", "com.android.model": "Pixel 8", "com.android.version": "14"}
    assert words_of(write_tags("b.mp4", android)) == ["Google Pixel 8"]


def test_the_track_of_a_clip_is_read_too(write_tags: WriteTags) -> None:
    path = write_tags("a.mkv", {"title": "whole"}, {"title": "track"})
    assert words_of(path) == ["whole", "track"]
    assert make_preview(str(path), 32).text == "whole"


def test_a_clip_without_words_has_none(write_clip: Callable[..., Path]) -> None:
    assert decode(str(write_clip(count=2)), SMALL).text == ""


def test_words_of_a_clip_are_bounded(write_tags: WriteTags) -> None:
    path = write_tags("a.mkv", {"title": "字" * 500_000, "artist": "Ann"})
    text = decode(str(path), SMALL).text
    assert len(text.encode()) <= metadata.WORDS_BYTES
    assert text.endswith("字\nAnn")
