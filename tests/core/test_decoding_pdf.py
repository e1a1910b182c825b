"""Pages of PDFs: what is drawn, what is written, how large, and what only calls itself a PDF."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from core.decoding import MOST_PAGES, Source, View, count_pages, decode, make_preview, make_thumbnail, page_of
from core.decoding.grid import picture_size
from core.decoding.pdf import DOTS_PER_INCH, decode_page
from core.errors import FileDamaged, FileMisnamed, FileProtected, FileUnreadable, MediaError, PageMissing
from core.media import Facts, Format, Kind, ModelGrid, PixelPolicy, Region, format_of
from tests.samples.documents import DISC, PAGE, SENTENCE, pdf_file, pdf_of, write_pdf

POLICY = PixelPolicy(120_000)
DOTS = DOTS_PER_INCH / 72
FULL = round(PAGE[0] * DOTS), round(PAGE[1] * DOTS)
PDF = cast(Format, format_of("a.pdf"))
RED, BLUE, WHITE = (255, 0, 0), (204, 230, 255), (255, 255, 255)


@pytest.fixture
def three(tmp_path: Path) -> str:
    path = tmp_path / "three.pdf"
    write_pdf(path, ["The first page", "The second page", SENTENCE])
    return str(path)


def pixel(frame: NDArray[np.uint8], x: float, y: float) -> tuple[int, ...]:
    """The colour at a place of the page, as a fraction from its upper left corner."""
    return tuple(int(level) for level in frame[int(y * frame.shape[0]), int(x * frame.shape[1])])


def whole(data: bytes, tmp_path: Path, policy: PixelPolicy = POLICY) -> NDArray[np.uint8]:
    path = tmp_path / "a.pdf"
    path.write_bytes(data)
    frames = decode(str(path), policy).frames
    assert frames is not None
    return cast("NDArray[np.uint8]", frames[0])


# --- what a judge sees ---


def test_a_page_is_a_picture_and_its_words(three: str) -> None:
    assert count_pages(three) == 3
    decoded = decode(three, POLICY, page=2)
    assert decoded.kind is Kind.TEXT
    assert decoded.text == SENTENCE
    assert decoded.facts == Facts(*FULL)
    assert decoded.times == (0.0,)
    assert decoded.frames is not None
    _, height, width, _ = decoded.frames.shape
    assert 110_000 < width * height <= POLICY.max_pixels
    assert width / height == pytest.approx(PAGE[0] / PAGE[1], rel=0.01)
    frame = decoded.frames[0]
    assert pixel(frame, DISC[0] / PAGE[0], 1 - DISC[1] / PAGE[1]) == RED
    assert pixel(frame, 0.9, 0.1) == BLUE
    assert frame[int(0.8 * height) :].min() < 60, "the words are drawn"


def test_every_page_is_a_content_of_its_own(three: str) -> None:
    pages = [decode(three, POLICY, page=page) for page in range(3)]
    assert [page.text for page in pages] == ["The first page", "The second page", SENTENCE]
    assert [page.fingerprint for page in pages] == [page_of(pages[0].fingerprint, page) for page in range(3)]
    with pytest.raises(PageMissing) as caught:
        decode(three, POLICY, page=3)
    assert caught.value == PageMissing(page=4)


def test_a_model_gets_its_own_sizes(three: str) -> None:
    policy = PixelPolicy(200_000, grid=ModelGrid())
    frames = decode(three, policy).frames
    assert frames is not None
    assert (frames.shape[2], frames.shape[1]) == picture_size(*FULL, ModelGrid(), 200_000)
    assert pixel(frames[0], DISC[0] / PAGE[0], 1 - DISC[1] / PAGE[1]) == RED


def test_a_part_of_a_page_has_pixels_of_its_own(three: str) -> None:
    left, right = (DISC[0] - DISC[2]) / PAGE[0], (DISC[0] + DISC[2]) / PAGE[0]
    part = decode(three, POLICY, region=Region(left, 0.125, right, 0.625))
    assert part.frames is not None
    frame = part.frames[0]
    assert part.facts == Facts(frame.shape[1], frame.shape[0])
    assert part.facts.width == pytest.approx((right - left) * FULL[0], abs=1)
    # The disc touches the four sides.
    for x, y in ((0.5, 0.02), (0.5, 0.97), (0.02, 0.5), (0.97, 0.5), (0.5, 0.5)):
        assert pixel(frame, x, y) == RED, (x, y)
    for x, y in ((0.02, 0.02), (0.97, 0.97)):
        assert pixel(frame, x, y) == BLUE, (x, y)


def test_a_turned_page_is_upright(tmp_path: Path) -> None:
    red_at_the_left = "1 0 0 rg 0 0 30 200 re f"
    frame = whole(pdf_of([red_at_the_left], page_entries="/Rotate 90"), tmp_path)
    assert frame.shape[0] > frame.shape[1]
    assert pixel(frame, 0.5, 0.05) == RED
    assert pixel(frame, 0.5, 0.2) == WHITE


@pytest.mark.parametrize("more", ["", "/XFA ()"])
def test_annotations_and_filled_in_fields_are_drawn(
    tmp_path: Path, more: str, caplog: pytest.LogCaptureFixture
) -> None:
    def box(kind: str, colour: str, left: int, more: str = "") -> list[str]:
        return [
            f"<< /Type /Annot /Subtype /{kind} /Rect [{left} 50 {left + 100} 150] /F 4"
            f" /AP << /N {{next}} 0 R >> {more}>>",
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 100 100] /Length 30 >>\nstream\n"
            f"{colour} rg 0 0 100 100 re f".ljust(30)
            + "\nendstream",
        ]

    objects = [
        "<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [6 0 R] " + more + " >> >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] /Annots [4 0 R 6 0 R] >>",
        *(part.replace("{next}", "5") for part in box("Square", "1 0 0", 20)),
        *(
            part.replace("{next}", "7")
            for part in box("Widget", "0 0 1", 180, "/FT /Tx /T (name) /V (value) /P 3 0 R ")
        ),
    ]
    frame = whole(pdf_file(objects), tmp_path)
    assert pixel(frame, 70 / 300, 0.5) == RED
    assert pixel(frame, 230 / 300, 0.5) == (0, 0, 255)
    assert pixel(frame, 0.5, 0.5) == WHITE
    assert not caplog.records


def test_words_without_line_breaks_and_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    lines = "BT /F 12 Tf 20 150 Td (The begin-) Tj 0 -14 Td (ning is bro\\003ken) Tj 0 -14 Td (and goes on) Tj ET"
    path.write_bytes(pdf_of([lines]))
    text = decode(str(path), POLICY).text
    assert "beginning" in text
    assert text.splitlines()[-1] == "and goes on"
    assert not {character for character in text if ord(character) < 32} - {"\n"}


def test_words_are_bounded_and_beyond_the_edge_unread(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    words = "BT /F 4 Tf 10 100 Td (" + "heron " * 20 + ") Tj 2000 0 Td (beyond) Tj ET"
    path.write_bytes(pdf_of([words]))
    assert "beyond" not in decode(str(path), POLICY).text
    with path.open("rb") as file:
        source = Source(file, path.stat().st_size, PDF)
        assert decode_page(source, View(max_side=50, characters=12)).text == "heron heron"


def test_a_page_without_words_is_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "blank.pdf"
    path.write_bytes(pdf_of([""]))
    decoded = decode(str(path), POLICY)
    assert decoded.text == ""
    assert decoded.frames is not None
    assert decoded.frames.min() == 255


def test_threads_take_turns(three: str) -> None:
    expected = [decode(three, POLICY, page=page).frames for page in range(3)]
    with ThreadPoolExecutor(6) as executor:
        for page, found in enumerate(executor.map(lambda page: decode(three, POLICY, page=page % 3).frames, range(60))):
            assert np.array_equal(cast("NDArray[np.uint8]", found), cast("NDArray[np.uint8]", expected[page % 3]))


# --- what a person sees ---


def test_a_preview_is_as_sharp_as_the_screen(three: str) -> None:
    preview = make_preview(three, 1000, page=1)
    assert preview.raster is not None
    assert (preview.raster.width, preview.raster.height) == (1000, 666)
    assert (preview.kind, preview.format, preview.text) == (Kind.TEXT, "PDF", "The second page")
    assert preview.facts == Facts(*FULL)
    assert dict(preview.details) == {"Pages": "3", "Title": "Birds of the lake", "Author": "An Author"}


def test_a_thumbnail_of_any_page(three: str, tmp_path: Path) -> None:
    made = make_thumbnail(three, 128, str(tmp_path / "cache"), page=1)
    assert made.raster is not None
    assert (made.raster.width, made.raster.height) == (128, 85)
    assert made.kind is Kind.TEXT


def test_the_thumbnail_comes_with_what_is_decoded(three: str) -> None:
    with open(three, "rb") as file:
        seen = decode_page(Source(file, 1, PDF), View(max_pixels=120_000, region=Region(0, 0, 0.1, 0.1), thumbnail=64))
    assert seen.thumbnail is not None
    assert (seen.thumbnail.width, seen.thumbnail.height) == (64, 43)
    frame = np.frombuffer(seen.thumbnail.data, np.uint8).reshape(43, 64, 3)
    assert pixel(frame, DISC[0] / PAGE[0], 1 - DISC[1] / PAGE[1]) == RED, "of the whole page, not of the part"


# --- hostile and broken ones ---


def test_a_page_of_any_size_takes_the_memory_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "huge.pdf"
    path.write_bytes(pdf_of(["1 0 0 rg 0 0 14400 14400 re f"], size=(14400, 14400)))  # 200 inches
    preview = make_preview(str(path), 300)
    assert preview.raster is not None
    assert (preview.raster.width, preview.raster.height) == (300, 300)
    assert preview.facts == Facts(30_000, 30_000)
    with path.open("rb") as file:
        seen = decode_page(Source(file, path.stat().st_size, PDF), View())
    assert seen.frames is not None
    assert seen.frames.size <= 150_000_000


@pytest.mark.parametrize("size", [(1, 1), (0.2, 300), (5000, 1)])
def test_odd_sizes(tmp_path: Path, size: tuple[float, float]) -> None:
    frame = whole(pdf_of([""], size=size), tmp_path)
    assert frame.size


def test_a_page_of_kilometres_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileDamaged):
        whole(pdf_of([""], size=(10, 1e9)), tmp_path)


def test_one_that_asks_for_a_password(tmp_path: Path) -> None:
    path = tmp_path / "locked.pdf"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 200] >>",
        f"<< /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>",
    ]
    path.write_bytes(pdf_file(objects, "/Encrypt 4 0 R /ID [<00> <00>]"))
    with pytest.raises(FileProtected):
        decode(str(path), POLICY)
    with pytest.raises(FileProtected):
        count_pages(str(path))


@pytest.mark.parametrize("claimed", [2000, 2**31 - 1, MOST_PAGES * 50])
def test_more_pages_are_claimed_than_there_are(tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "many.pdf"
    path.write_bytes(pdf_of(["", "", ""]).replace(b"/Count 3 ", b"/Count %d " % claimed))
    assert 1 <= count_pages(str(path)) <= 3


def test_a_damaged_page_costs_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf_of(["", "", ""]).replace(b"8 0 R]", b"99 0 R]"))  # the last is nowhere
    assert count_pages(str(path)) == 3
    decode(str(path), POLICY, page=1)
    with pytest.raises(FileDamaged):
        decode(str(path), POLICY, page=2)


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"%PDF-1.4\n" + bytes(5000), b"%PDF-1.5\n%%EOF"])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    for ask in (count_pages, lambda path: decode(path, POLICY)):
        with pytest.raises(FileDamaged):
            ask(str(path))


@pytest.mark.parametrize("content", [b"just words", b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_what_only_calls_itself_a_pdf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(content)
    with pytest.raises(FileMisnamed):
        decode(str(path), POLICY)


def test_every_cut_is_told_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    data = pdf_of(["BT /F 12 Tf 20 150 Td (words) Tj ET"] * 2)
    outcomes = set()
    for end in range(1, len(data), 37):
        path.write_bytes(data[:end])
        try:
            decode(str(path), PixelPolicy(1000))
            outcomes.add("read")
        except MediaError as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"read", "FileDamaged", "FileMisnamed"}


def test_a_disk_that_gives_nothing_is_told_as_such(three: str) -> None:
    class Failing(io.BytesIO):
        def readinto(self, buffer: object) -> int:
            raise OSError(5, "Input/output error")

    data = Path(three).read_bytes()
    with pytest.raises(FileUnreadable):
        decode_page(Source(Failing(data), len(data), PDF), View(max_side=100))
