"""Text files: any encoding, a bounded beginning, and what only calls itself text."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from core.decoding import decode, make_filmstrip, make_preview, make_thumbnail
from core.errors import FileEmpty, FileMisnamed
from core.media import Facts, Kind, PixelPolicy, Region

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
