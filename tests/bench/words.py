"""Finding a query's words in names and texts: 100,000 at once, a few at a time, and what is kept of a long text."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

from core.scorers.words import Finder, asked_words, kept_words

NAMES, CHUNK, FEW, ROUNDS = 100_000, 8_000, 20, 5
QUERY = "red car at 日落 lighthouse 2024"
MANY = (
    "harbour mountain sunset bicycle umbrella lighthouse waterfall butterfly sunflower strawberry elephant kitchen "
    "garden window bridge castle village forest island desert river beach market street station airport museum church "
    "temple palace tower"
)


def camera_names() -> list[str]:
    """Few words again and again, a number for each: as cameras and people name files."""
    parts = ["red", "car", "beach", "sunset", "IMG", "DSC", "RedCar", "日落", "holiday", "Final"]
    return [f"Photos/{1990 + n % 36}/{parts[n % 10]}_{parts[n // 10 % 10]}-{n:05d}.jpg" for n in range(NAMES)]


def invented_words(rng: random.Random, count: int) -> list[str]:
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 10))) for _ in range(count)]


def wordy_names(rng: random.Random) -> list[str]:
    """50,000 different words, as no folder has them: every one must be compared with the query's."""
    words = invented_words(rng, 50_000)
    folders = [f"{rng.choice(words)}/{rng.choice(words)} {rng.choice(words)}" for _ in range(2_000)]
    return [f"{rng.choice(folders)}/{rng.choice(words)} {rng.choice(words)}-{n}.jpg" for n in range(NAMES)]


def chinese_names(rng: random.Random) -> list[str]:
    """A title of ten characters for each, none twice."""
    characters = [chr(0x4E00 + rng.randrange(20_000)) for _ in range(3_000)]
    return [f"旅行/{''.join(rng.choices(characters, k=10))}_{n}.jpg" for n in range(NAMES)]


def dated_names(rng: random.Random) -> list[str]:
    """As telephones name files: a day and a time, in folders of months."""
    days = [(rng.randint(2015, 2025), rng.randint(1, 12), rng.randint(1, 28)) for _ in range(NAMES)]
    return [
        f"Camera/{year}-{month:02}/IMG_{year}{month:02}{day:02}_{rng.randrange(240_000):06}.jpg"
        for year, month, day in days
    ]


def hexadecimal_names(rng: random.Random) -> list[str]:
    return [f"cache/{rng.getrandbits(128):032x}.jpg" for _ in range(NAMES)]


def seconds(call: Callable[[], object]) -> float:
    """The median processor time of one call; all of it runs in one thread."""
    taken = []
    for _ in range(ROUNDS):
        started = time.process_time()
        call()
        taken.append(time.process_time() - started)
    return statistics.median(taken)


def in_chunks(query: str, names: Sequence[str]) -> None:
    finder = Finder(asked_words(query))
    for start in range(0, len(names), CHUNK):
        finder.in_names(names[start : start + CHUNK])


def main() -> None:
    rng = random.Random(1)
    kinds = {
        "a camera's names": camera_names(),
        "50,000 different words": wordy_names(rng),
        "Chinese titles": chinese_names(rng),
        "hexadecimal names": hexadecimal_names(rng),
        "a telephone's names": dated_names(rng),
    }
    for title, names in kinds.items():
        taken = seconds(partial(in_chunks, QUERY, names))
        print(f"words: {len(names):,} names, {title}: {taken:.2f} s (at most 0.5 s)", flush=True)
    for query in ("sunset May 2023", "1 May 2023", "5月"):
        taken = seconds(partial(in_chunks, query, kinds["a telephone's names"]))
        print(f"words: {NAMES:,} names, a telephone's names, {query}: {taken:.2f} s (at most 0.5 s)", flush=True)
    wordy = kinds["50,000 different words"]
    taken = seconds(lambda: in_chunks(MANY, wordy))
    print(
        f"words: {len(wordy):,} names, 50,000 different words, a query of {len(asked_words(MANY))} words: {taken:.2f} s"
    )

    finder = Finder(asked_words(QUERY))
    taken = seconds(lambda: [finder.in_names(wordy[at : at + FEW]) for at in range(0, 100 * FEW, FEW)]) / 100
    new = iter(range(100 * FEW, NAMES, FEW))
    first = seconds(lambda: [finder.in_names(wordy[at : at + FEW]) for _, at in zip(range(100), new, strict=False)])
    print(f"words: {FEW} names {taken * 1e3:.2f} ms, with words not met before {first * 10:.2f} ms (at most 0.3 ms)")
    print(f"words: a query made ready in {seconds(lambda: Finder(asked_words(QUERY))) * 1e3:.2f} ms")

    words = invented_words(rng, 50_000)
    texts = [kept_words(" ".join(rng.choices(words, k=250)), 1500).decode() for _ in range(1_000)]
    cold, warm = seconds(lambda: Finder(asked_words(QUERY)).in_texts(texts)), seconds(lambda: finder.in_texts(texts))
    print(
        f"words: 1,000 texts of 1,500 bytes: {warm * 1e3:.0f} ms, with 50,000 words not met before {cold * 1e3:.0f} ms"
    )
    book = " ".join(rng.choices(words[:2_000], k=200_000))
    print(f"words: of a book of {len(book):,} letters its first words are kept in", end=" ")
    print(f"{seconds(lambda: kept_words(book, 1500)) * 1e3:.1f} ms")


if __name__ == "__main__":
    main()
