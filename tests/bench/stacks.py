"""Near duplicates: which altered copies fold into a stack, which strangers do, and how long a million files take."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from core.decoding import decode
from core.decoding.identity.likeness import LIKENESS_BYTES, likeness_of, near
from core.media import Kind, PixelPolicy, format_of
from core.scorers.vectors import VectorShelf, pack, shorten
from core.stacks import Vectors, find_stacks
from tests.bench.photographs import Frame, distractors, judged, photographs

DRAWN = 1500
LIBRARIES = (100_000, 1_000_000)
NUMBERS, ENCODED = 1024, ((80_000, 0.0), (80_000, 0.5), (80_000, 0.75), (800_000, 0.5))
"""How many vectors of different pictures, and the cosine that every two of them have at least."""
ALIKE, COPIED = 0.98, (0.982, 0.985, 0.99, 0.995, 0.999)
SAMPLES = Path(__file__).parents[2] / "resources" / "samples"
WORDS = [
    "harbour",
    "report",
    "morning",
    "quiet",
    "river",
    "market",
    "eleven",
    "stone",
    "letters",
    "window",
    "garden",
    "north",
    "paper",
    "winter",
    "signal",
]

# --- copies ------------------------------------------------------------------------------------------


def saved(frame: Frame, format: str, quality: int) -> Frame:
    stream = io.BytesIO()
    Image.fromarray(frame).save(stream, format, quality=quality)
    return np.asarray(Image.open(stream).convert("RGB"))


def scaled(frame: Frame, share: float) -> Frame:
    size = tuple(max(1, round(side * share)) for side in frame.shape[1::-1])
    return np.asarray(Image.fromarray(frame).resize((size[0], size[1]), Image.Resampling.LANCZOS))


def toned(frame: Frame, gamma: float, gain: float) -> Frame:
    curve = np.clip((np.arange(256) / 255) ** gamma * gain, 0, 1) * 255
    return np.asarray(np.rint(curve).astype(np.uint8)[frame])


def warmer(frame: Frame) -> Frame:
    return np.asarray(np.clip(frame * np.array([1.06, 1.0, 0.94]), 0, 255).astype(np.uint8))


def contrasted(frame: Frame) -> Frame:
    return np.asarray(ImageEnhance.Contrast(Image.fromarray(frame)).enhance(1.15))


def saturated(frame: Frame) -> Frame:
    return np.asarray(ImageEnhance.Color(Image.fromarray(frame)).enhance(1.25))


def trimmed(frame: Frame, left: float, top: float, right: float, bottom: float) -> Frame:
    height, width = frame.shape[:2]
    rows = slice(round(height * top), height - round(height * bottom))
    return np.ascontiguousarray(frame[rows, round(width * left) : width - round(width * right)])


COPIES: dict[str, Callable[[Frame], Frame]] = {
    "JPEG quality 50": lambda frame: saved(frame, "JPEG", 50),
    "WebP quality 60": lambda frame: saved(frame, "WEBP", 60),
    "AVIF quality 50": lambda frame: saved(frame, "AVIF", 50),
    "half the size": lambda frame: scaled(frame, 0.5),
    "a quarter of it": lambda frame: scaled(frame, 0.25),
    "a quarter, JPEG 50": lambda frame: saved(scaled(frame, 0.25), "JPEG", 50),
    "brighter": lambda frame: toned(frame, 0.85, 1.05),
    "darker": lambda frame: toned(frame, 1.15, 0.95),
    "more contrast": contrasted,
    "more saturated": saturated,
    "warmer": warmer,
    "trimmed by 0.5 %": lambda frame: saved(trimmed(frame, 0.005, 0.005, 0.005, 0.005), "JPEG", 70),
    "trimmed by 1 %": lambda frame: trimmed(frame, 0.01, 0.01, 0.01, 0.01),
    "2 % off one side": lambda frame: trimmed(frame, 0.02, 0, 0, 0),
}

# --- strangers that look alike -----------------------------------------------------------------------


def text_page(rng: np.random.Generator) -> Frame:
    """A page of running text; all have the same margins and lines."""
    picture = Image.new("RGB", (1000, 1414), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(20)
    for y in range(100, 1314, 28):
        line = ""
        while draw.textlength(line, font) < (740 if rng.random() > 0.1 else 300):
            line += f" {rng.choice(WORDS)}"
        draw.text((100, y), line, (20, 20, 20), font)
    return np.asarray(picture)


def screenshot(rng: np.random.Generator) -> Frame:
    """A window whose frame is the same in all, with other words in it."""
    picture = Image.new("RGB", (1000, 1414), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(18)
    draw.rectangle((0, 0, 1000, 60), fill=(50, 60, 70))
    draw.rectangle((0, 60, 200, 1414), fill=(235, 238, 240))
    for index in range(20):
        draw.text((20, 90 + index * 40), f"Item {index}", (60, 60, 60), font)
    for index in range(int(rng.integers(15, 30))):
        draw.text((240, 100 + 40 * index), " ".join(rng.choice(WORDS, rng.integers(3, 9))), (30, 30, 30), font)
    return np.asarray(picture)


def sign(number: int) -> Frame:
    """A shape on white with a word under it. No two numbers have the same, but every 16th has the same shape."""
    picture = Image.new("RGB", (1000, 1414), "white")
    draw, half = ImageDraw.Draw(picture), 120 + 20 * (number % 8)
    draw_shape = draw.ellipse if number % 16 < 8 else draw.rectangle
    draw_shape((500 - half, 707 - half, 500 + half, 707 + half), fill=(200, 40, 40))
    font = ImageFont.load_default(60)
    draw.text((500 - half, 727 + half), WORDS[number // 16].upper(), (10, 10, 10), font)
    return np.asarray(picture)


def changed(frame: Frame) -> Frame:
    """The same view with something else in one place: 1 of 64 parts of it."""
    height, width = frame.shape[:2]
    rows, columns = height // 8, width // 8
    other = frame.copy()
    other[height // 2 :][:rows, width // 2 :][:, :columns] = frame[height // 3 :][:rows, width // 4 :][:, :columns]
    return other


def clip_frames() -> Iterator[Frame]:
    for path in sorted(SAMPLES.rglob("*")):
        row = format_of(path)
        if row is not None and row.kind is Kind.VIDEO:
            frames = decode(str(path), PixelPolicy(max_pixels=120_000, frames=12)).frames
            assert frames is not None
            yield from frames


def samples() -> Iterator[Frame]:
    for path in sorted(SAMPLES.rglob("*")):
        row = format_of(path)
        if row is not None and row.kind is Kind.IMAGE:
            frames = decode(str(path), PixelPolicy(max_pixels=10**7)).frames
            assert frames is not None
            yield frames[0]


# --- what is found -----------------------------------------------------------------------------------


def table(frames: list[Frame]) -> NDArray[np.uint8]:
    likenesses = [likeness_of(judged(frame)) or bytes(LIKENESS_BYTES) for frame in frames]
    return np.frombuffer(b"".join(likenesses), np.uint8).reshape(len(frames), LIKENESS_BYTES)


def stacked(likenesses: NDArray[np.uint8]) -> NDArray[np.int32]:
    identities = {row + 1: (b"", likeness.tobytes()) for row, likeness in enumerate(likenesses) if likeness.any()}
    rows = np.arange(1, len(likenesses) + 1)
    return find_stacks(rows, identities, np.zeros(len(rows), np.uint8))


def copies_found(originals: list[Frame]) -> None:
    before = table(originals)
    for name, alter in COPIES.items():
        after = table([alter(frame) for frame in originals])
        pairs = np.flatnonzero(before.any(axis=1) & after.any(axis=1))
        found = [bool(stacked(np.stack([before[row], after[row]]))[1] == 0) for row in pairs]
        compared = near(np.concatenate([before, after]), pairs, pairs + len(before))
        print(f"  {name:20} in one stack {np.mean(found):.3f}, if each were compared {np.mean(compared):.3f}")


def strangers_found(originals: list[Frame], drawn: int) -> None:
    rng = np.random.default_rng(11)
    series: dict[str, list[Frame]] = {
        "photographs and samples": originals,
        "drawn pictures": list(distractors(drawn)),
        "pages of text": [text_page(rng) for _ in range(60)],
        "screenshots": [screenshot(rng) for _ in range(60)],
        "photographs changed in one place": [
            each for frame in photographs().values() for each in (frame, changed(frame))
        ],
        "signs": [sign(number) for number in range(16 * len(WORDS))],
        "frames of moving clips": list(clip_frames()),
    }
    for name, frames in series.items():
        likenesses = table(frames)
        seen = likenesses[likenesses.any(axis=1)]
        first, second = np.triu_indices(len(seen), 1)
        wrong = int(near(seen, first, second).sum())
        stacks = stacked(likenesses)
        folded = int((stacks != np.arange(len(stacks))).sum())
        print(
            f"  {name}: of {len(frames):,} ({len(frames) - len(seen)} flat) {folded} folded, "
            f"{wrong} of {len(first):,} pairs taken for copies"
        )


# --- how long it takes -------------------------------------------------------------------------------


def library(count: int, copies: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Likenesses as photographs have them (light falls off with frequency), a share of them copies of earlier ones."""
    rows = np.empty((count, LIKENESS_BYTES), np.uint8)
    down, across = np.fft.fftfreq(16)[:, None], np.fft.rfftfreq(16)[None, :]
    falloff = 1 / np.maximum(np.hypot(down, across), 1 / 16) ** 1.2
    falloff[0, 0] = 0
    for at in range(0, count, 2**14):
        part = min(2**14, count - at)
        noise = rng.normal(size=(part, 16, 9)) + 1j * rng.normal(size=(part, 16, 9))
        light = np.fft.irfft2(noise * falloff, s=(16, 16)).reshape(part, 256)
        light = 110 + light / light.std(axis=1, keepdims=True) * rng.uniform(15, 60, (part, 1))
        colour = 128 + rng.normal(0, 8, (part, 32)) + rng.normal(0, 10, (part, 1))
        shape = rng.choice([91, 128, 165], (part, 1))
        rows[at : at + part] = np.clip(np.concatenate([shape, colour, light], axis=1), 0, 255)
    copied = np.flatnonzero(rng.random(count) < copies)
    noisy = rows[rng.integers(0, count, len(copied))] + rng.normal(0, 1, (len(copied), LIKENESS_BYTES))
    rows[copied] = np.clip(np.rint(noisy), 0, 255)
    return rows


def timed(title: str, likenesses: NDArray[np.uint8]) -> None:
    identities = {row + 1: (b"%016d" % row, likeness.tobytes()) for row, likeness in enumerate(likenesses)}
    contents, kinds = np.arange(1, len(likenesses) + 1), np.zeros(len(likenesses), np.uint8)
    began = time.perf_counter()
    stacks = find_stacks(contents, identities, kinds)
    taken = time.perf_counter() - began
    folded = int((stacks != np.arange(len(stacks))).sum())
    print(f"  {len(contents):,} files, {title}: {taken:.2f} s, {folded:,} folded")


def encoded(count: int, common: float, rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Vectors as of different pictures, of which every two have the cosine `common` at least, and copies of a fifth of
    them with cosines from ALIKE to 0.999; and of which each is a copy."""
    falloff = np.arange(1, NUMBERS + 1, dtype=np.float32) ** np.float32(-0.4)
    shared = shorten(rng.standard_normal((1, NUMBERS), np.float32), NUMBERS)
    table = rng.standard_normal((count, NUMBERS), np.float32)
    for at in range(0, count, 2**14):
        part = table[at : at + 2**14]
        part[:] = shorten(part * falloff, NUMBERS) * np.float32(np.sqrt(1 - common)) + np.float32(common**0.5) * shared
        part[:] = shorten(part, NUMBERS)
    originals = rng.choice(count, count // 5, replace=False)
    copies = table[originals]
    cosines = np.resize(COPIED, (len(copies), 1)).astype(np.float32)
    for at in range(0, len(copies), 2**14):
        part, cosine = copies[at : at + 2**14], cosines[at : at + 2**14]
        aside = rng.standard_normal(part.shape, np.float32) * falloff
        aside = shorten(aside - np.vecdot(aside, part)[:, None] * part, NUMBERS)
        part[:] = cosine * part + np.sqrt(1 - cosine**2) * aside
    return np.concatenate([table, copies]), originals


def timed_by_vectors(count: int, common: float, rng: np.random.Generator) -> None:
    table, originals = encoded(count, common, rng)
    shelf, rows = VectorShelf(NUMBERS), np.arange(len(table))
    for at in range(0, len(table), 2**14):
        shelf.add(pack(table[at : at + 2**14]))
    del table
    began = time.perf_counter()
    stacks = find_stacks(rows + 1, {}, np.zeros(len(rows), np.uint8), Vectors(shelf, rows, ALIKE))
    taken = time.perf_counter() - began
    found = stacks[count:] == originals
    shares = ", ".join(f"{cosine} {found[at :: len(COPIED)].mean():.3f}" for at, cosine in enumerate(COPIED))
    wrong = int((stacks[:count] != np.arange(count)).sum())
    print(
        f"  {len(rows):,} vectors, cosine {common} of any two: {taken:.1f} s, {wrong} wrong; found of copies: {shares}"
    )


def main(drawn: int = DRAWN) -> None:
    originals = [*photographs().values(), *samples()]
    print(f"near duplicates: {len(originals)} photographs and samples, {LIKENESS_BYTES} bytes each")
    copies_found(originals)
    strangers_found(originals, drawn)
    began = time.perf_counter()
    for frame in (frames := [judged(frame) for frame in originals]):
        likeness_of(frame)
    print(f"  a likeness takes {(time.perf_counter() - began) / len(frames) * 1000:.2f} ms")
    rng = np.random.default_rng(3)
    for count in LIBRARIES:
        timed("a fifth of them copies", library(count, 0.2, rng))
        one = library(1, 0, rng)
        timed("all of one picture", np.clip(one + rng.normal(0, 1, (count, LIKENESS_BYTES)), 0, 255).astype(np.uint8))
    for count, common in ENCODED:
        timed_by_vectors(count, common, rng)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
