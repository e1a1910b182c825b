"""Texts, with markup and without: any encoding, a bounded beginning, and what only calls itself text."""

from __future__ import annotations

import codecs
import json
import random
import time
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.decoding import decode, make_filmstrip, make_preview, make_thumbnail
from core.errors import FileEmpty, FileMisnamed, FileProtected, FileUnsupported, MediaError
from core.media import Facts, Kind, PixelPolicy, Region
from tests.samples import documents

ANY = PixelPolicy(1)

SENTENCES = {
    "utf-8": "Grüße, 你好, こんにちは — ok",
    "gb18030": "你好,世界。今天的天气很好,我们去公园散步。",
    "big5": "你好,世界。今天的天氣很好,我們去公園散步。",
    "shift_jis": "こんにちは世界。今日は天気がいいので散歩に行きましょう。",
    "euc_jp": "こんにちは世界。今日は天気がいいので散歩に行きましょう。",
    "euc_kr": "안녕하세요 세계. 오늘은 날씨가 좋습니다.",
    "latin-1": "Le château près de la rivière, où l'été était chaud, à côté des forêts.",
    "cp1252": "Der König saß über dem Fluß – „schön“, sagte er.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy",
    "cp1251": "Привет, мир. Сегодня хорошая погода, идём гулять.",
    "utf-16-le": "A wide text\nof two lines",
    "utf-16-be": "你好 world\nof two lines",
}


def read(path: Path) -> str:
    decoded = decode(str(path), ANY)
    assert decoded.kind is Kind.TEXT
    assert decoded.frames is None
    assert decoded.times == ()
    assert decoded.facts == Facts()
    return decoded.text


@pytest.mark.parametrize("encoding", SENTENCES)
def test_every_encoding_is_recognised(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(SENTENCES[encoding].encode(encoding))
    assert read(path) == SENTENCES[encoding]


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_mark_decides_and_is_no_text(tmp_path: Path, mark: bytes, encoding: str) -> None:
    path = tmp_path / "marked.md"
    path.write_bytes(mark + "你好 – façade".encode(encoding))
    assert read(path) == "你好 – façade"


@given(text=st.text(st.characters(blacklist_categories=("Cc", "Cn", "Co", "Cs")), min_size=1).filter(str.strip))
def test_utf8_arrives_unchanged(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.txt"
    path.write_text("x" + text, encoding="utf-8", newline="")
    assert read(path) == "x" + text


def test_line_ends_become_one_kind(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(b"one\r\ntwo\rthree\n")
    assert read(path) == "one\ntwo\nthree\n"


def test_of_a_long_text_the_beginning_counts(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("字" * 2_000_000, encoding="utf-8")  # the limit cuts a character in two
    assert set(read(path)) == {"字"}
    assert 300_000 < len(read(path)) <= 2**20
    path.write_bytes(("价格和质量都很好。\n" * 100_000).encode("gb18030"))
    assert read(path).startswith("价格和质量都很好。\n价格")


def test_a_thumbnail_and_a_preview_are_text_too(tmp_path: Path) -> None:
    path = tmp_path / "notes.md"
    path.write_text("# Title\n" + "word " * 100_000, encoding="utf-8")
    thumbnail = make_thumbnail(str(path), 256, str(tmp_path / "cache"))
    assert thumbnail.raster is None
    assert thumbnail.kind is Kind.TEXT
    assert thumbnail.text.startswith("# Title\nword")
    assert len(thumbnail.text) == 800
    preview = make_preview(str(path), 1000)
    assert preview.raster is None
    assert preview.format == "Markdown"
    assert len(preview.text) == 200_000
    assert ("Encoding", "UTF-8") in preview.details
    assert make_filmstrip(str(path), 100, 4) == []


def test_a_text_has_no_regions(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words")
    assert decode(str(path), ANY, region=Region(0, 0, 0.5, 0.5)) == decode(str(path), ANY)


@pytest.mark.parametrize("content", [b"", b" \r\n\t\n", codecs.BOM_UTF8])
def test_nothing_to_read_is_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "blank.txt"
    path.write_bytes(content)
    with pytest.raises(FileEmpty):
        decode(str(path), ANY)


@pytest.mark.parametrize("suffix", ["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_picture_named_as_text(tmp_path: Path, quadrants_image: Image.Image, suffix: str) -> None:
    path = tmp_path / "a.txt"
    quadrants_image.save(path, suffix)
    with pytest.raises(FileMisnamed) as caught:
        decode(str(path), ANY)
    assert caught.value == FileMisnamed(expected="text")


@pytest.mark.parametrize("content", [bytes(1000), bytes(range(256)) * 8, b"\x7fELF\x02\x01\x01" + bytes(57)])
def test_bytes_named_as_text(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(content)
    with pytest.raises(FileMisnamed):
        decode(str(path), ANY)


# --- tables and JSON ---


def test_a_table_is_its_text(tmp_path: Path) -> None:
    path = tmp_path / "birds.csv"
    path.write_text("name;place\nReiher;See\n", encoding="cp1252")
    assert read(path) == "name;place\nReiher;See\n"
    assert make_preview(str(path), 100).format == "CSV"


def test_characters_written_as_numbers_are_read_in_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"title": "神似 and 😀", "path": "C:\\u4f60", "quote": '"'}
    path.write_text(json.dumps(value), encoding="ascii")
    text = read(path)
    assert "神似 and 😀" in text
    assert r"C:\\u4f60" in text
    assert json.loads(text) == value


@given(text=st.text(st.characters(blacklist_categories=("Cs",))))
def test_json_means_what_it_meant(text: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_text(json.dumps({"a": text}), encoding="ascii")
    assert json.loads(read(path), strict=False) == {"a": text}


def test_of_a_huge_json_the_head_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    with path.open("wb") as file:
        file.write(b'{"first": "' + b"word " * 300_000)
        file.truncate(500_000_000)  # a hole: takes no space
    started = time.monotonic()
    assert read(path).startswith('{"first": "word word')
    assert make_thumbnail(str(path), 256, None).text.startswith('{"first": "word')
    assert time.monotonic() - started < 5


# --- web pages ---


def test_what_a_browser_shows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        """<!DOCTYPE html><html><head><title>Birds &amp; lakes</title><style>p { color: red }</style>
        <script>if (a < b) { write("no") }</script></head><body><!-- no --><h1>Herons</h1>
        <p>They <b>st</b>and,
           patiently.<p hidden>no<div>Two<br>lines</div><noscript>no</noscript><template><p>no</p></template>
        <table><tr><td>one</td><td>two</td></tr><tr><td>three</table><input hidden>end</body></html>"""
    )
    assert read(path).splitlines() == [
        "Birds & lakes",
        "Herons",
        "They stand,",
        "patiently.",
        "Two",
        "lines",
        "one two",
        "three",
        "end",
    ]


@pytest.mark.parametrize(
    ("encoding", "said"), [("shift_jis", "Shift_JIS"), ("cp1252", "ISO-8859-1"), ("koi8-r", "koi8-r"), ("utf-8", "")]
)
def test_the_encoding_that_a_page_names(tmp_path: Path, encoding: str, said: str) -> None:
    path = tmp_path / "a.htm"
    words = {"shift_jis": "日本", "cp1252": "„café“", "koi8-r": "мир", "utf-8": "é"}[encoding]
    path.write_bytes(f'<meta http-equiv=Content-Type content="text/html; charset={said}"><p>{words}'.encode(encoding))
    assert read(path) == words


@pytest.mark.parametrize("said", ["zlib", "rot13", "unicode_escape", "utf-7", "nothing", "undefined"])
def test_an_encoding_that_is_none_is_not_believed(tmp_path: Path, said: str) -> None:
    path = tmp_path / "a.html"
    path.write_bytes(f"<meta charset={said}><p>".encode() + SENTENCES["latin-1"].encode("latin-1"))
    assert read(path) == SENTENCES["latin-1"]


def test_a_page_of_xml(tmp_path: Path) -> None:
    path = tmp_path / "a.xhtml"
    path.write_text(
        '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title/></head><body><p>Tëxt</p></body></html>'
    )
    assert read(path).endswith("Tëxt")


@pytest.mark.parametrize("piece", ["<div>", "<b>", "<table><tr><td>", "<a b=c ", "</b>", "<", "&amp", "<ul><li>x"])
def test_no_markup_takes_long(tmp_path: Path, piece: str) -> None:
    path = tmp_path / "a.html"
    path.write_text("<p>begin" + piece * (1_000_000 // len(piece)))
    started = time.monotonic()
    assert read(path).startswith("begin")
    assert time.monotonic() - started < 10


# --- Word ---


def paragraph(words: str) -> str:
    return f"<w:p><w:r><w:t>{words}</w:t></w:r></w:p>"


def test_headers_tables_and_notes_of_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    table = f"<w:tbl><w:tr><w:tc>{paragraph('one')}</w:tc><w:tc>{paragraph('two')}</w:tc></w:tr></w:tbl>"
    removed = (
        "<w:p><w:del><w:r><w:delText>removed</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
    )
    twice = (
        '<mc:AlternateContent xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006">'
        f"<mc:Choice>{paragraph('box')}</mc:Choice><mc:Fallback>{paragraph('box')}</mc:Fallback></mc:AlternateContent>"
    )
    body = (
        "<w:p><w:r><w:t>He</w:t></w:r><w:r><w:t>llo</w:t><w:tab/><w:t>there</w:t><w:br/><w:t>friend</w:t></w:r></w:p>"
    )
    documents.write_word_package(
        path,
        {
            "word/document.xml": f"<w:body>{body}{table}{removed}{twice}</w:body>",
            "word/header1.xml": paragraph("The company"),
            "word/header2.xml": paragraph("The company"),
            "word/footnotes.xml": paragraph("A note"),
            "word/comments.xml": paragraph("A comment"),
        },
    )
    assert read(path).splitlines() == ["The company", "Hello there", "friend", "one", "two", "box", "A note"]
    preview = make_preview(str(path), 100)
    assert ("Title", documents.TITLE) in preview.details
    assert preview.format == "Word"


def test_what_unpacks_without_end_is_read_to_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "bomb.docx"
    documents.write_word_package(path, {"word/document.xml": paragraph("begin") + paragraph(" " * 1000) * 200_000})
    assert path.stat().st_size < 2_000_000
    tracemalloc.start()
    try:
        assert read(path).startswith("begin")
        assert tracemalloc.get_traced_memory()[1] < 300_000_000
    finally:
        tracemalloc.stop()


def test_a_document_that_defines_words_of_its_own_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    laughs = "".join(f'<!ENTITY l{index} "{f"&l{index - 1};" * 10}">' for index in range(1, 12))
    doctype = f'<!DOCTYPE d [<!ENTITY s SYSTEM "file:///etc/hostname"><!ENTITY l0 "ha">{laughs}]>'
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("word/document.xml", f'{doctype}<w:d xmlns:w="w"><w:p><w:t>&s;&l11;</w:t></w:p></w:d>')
    with pytest.raises(FileUnsupported):
        decode(str(path), ANY)


def test_a_document_that_asks_for_a_password(tmp_path: Path) -> None:
    path = tmp_path / "locked.docx"
    head = bytearray(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".ljust(512, b"\0"))
    head[30:32], head[48:52] = (9).to_bytes(2, "little"), (3).to_bytes(4, "little")
    name = "EncryptedPackage".encode("utf-16-le").ljust(128, b"\0")
    path.write_bytes(bytes(head) + bytes(3 * 512) + bytes(256) + name + bytes(128))
    with pytest.raises(FileProtected):
        decode(str(path), ANY)
    path.write_bytes(bytes(head) + bytes(5 * 512))  # an old .doc
    with pytest.raises(FileMisnamed):
        decode(str(path), ANY)


def test_packages_that_are_no_documents(tmp_path: Path) -> None:
    path = tmp_path / "a.docx"
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("xl/workbook.xml", "<x/>")
    with pytest.raises(FileMisnamed):
        decode(str(path), ANY)
    path.write_text("words")
    with pytest.raises(FileMisnamed):
        decode(str(path), ANY)
    documents.write_word_package(path, {"word/document.xml": "<w:body/>"})
    with pytest.raises(FileEmpty):
        decode(str(path), ANY)


@pytest.mark.parametrize("suffix", ["docx", "rtf", "html"])
def test_every_cut_and_flip_is_told_or_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    documents.SAMPLES[suffix](path)
    data = path.read_bytes()
    chance = random.Random(5)
    outcomes = set()
    for _ in range(300):
        broken = bytearray(data[: chance.randrange(1, len(data) + 1)] if chance.random() < 0.3 else data)
        for _ in range(chance.randrange(4)):
            broken[chance.randrange(len(broken))] = chance.randrange(256)
        path.write_bytes(broken)
        try:
            decode(str(path), ANY)
            outcomes.add("read")
        except MediaError as error:
            outcomes.add(type(error).__name__)
    assert {"read"} < outcomes


# --- RTF ---


def rtf(body: bytes) -> bytes:
    return (
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}{\f1\fnil\fcharset134 SimSun;}{\f2\fcharset78 Osaka;}}"
        + body
        + b"}"
    )


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"\f0 One {\b two}\par three\par", "One two\nthree"),
        (rb"caf\'e9 \u8211? \u20320?\u22909?", "café – 你好"),
        (rb"\u55357?\u56832?", "😀"),
        (rb"\f1\'c4\'e3\'ba\'c3", "你好"),
        (rb"\f1 \'c4\'e3" + "好".encode("gbk"), "你好"),
        (rb"\f2\'82\'a0", "あ"),
        (rb"{\pict\pngblip " + b"89504e47" * 50_000 + rb"}after", "after"),
        (rb"{\pict\wmetafile8\bin9 {{{{\\}}}}after", "after"),
        (rb'see {\field{\*\fldinst{HYPERLINK "http://example.org"}}{\fldrslt the page}}', "see the page"),
        (rb"a \{b\} c\\d", "a {b} c\\d"),
        (rb"{\info{\title no}}{\*\generator no;}yes", "yes"),
    ],
)
def test_rtf_is_read_without_its_formatting(tmp_path: Path, body: bytes, text: str) -> None:
    path = tmp_path / "a.rtf"
    path.write_bytes(rtf(body))
    assert read(path) == text
    assert make_preview(str(path), 100).format == "RTF"


@pytest.mark.parametrize(
    "piece",
    [
        rb'{\field{\*\fldinst{HYPERLINK "',
        rb"\f1\f2\fcharset1",
        rb"{\fonttbl{\f1\fnil",
        b"{",
        rb"{a",
        rb"\bin1 ",
        b"89 ",
    ],
)
def test_no_rtf_takes_long(tmp_path: Path, piece: bytes) -> None:
    path = tmp_path / "a.rtf"
    for opening in (b"begin ", rb"begin {\fonttbl "):
        path.write_bytes(rtf(opening + piece * (400_000 // len(piece))))
        started = time.monotonic()
        assert read(path).startswith("begin")
        assert time.monotonic() - started < 10


def test_what_only_calls_itself_rtf(tmp_path: Path) -> None:
    path = tmp_path / "a.rtf"
    path.write_text("words")
    with pytest.raises(FileMisnamed):
        decode(str(path), ANY)
