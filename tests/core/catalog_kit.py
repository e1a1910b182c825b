"""Files, contents and scores that are made up by number, so that another process knows what is right."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from core.catalog import Catalog, FileRead
from core.media import Facts, Kind

FILES, QUERIES = 600, 3


def file_read(number: int) -> FileRead:
    random_bytes = random.Random(number).randbytes
    feature, detail = (random_bytes(900), random_bytes(6000)) if number % 50 == 0 else (b"", b"")
    folder, name = f"/photos/{number // 150}", f"{number:04}.jpg"
    return FileRead(folder, name, 10 + number, 20, random_bytes(16), Kind.IMAGE, Facts(4, 3), feature, detail)


def scores_of(numbers: range, query: int) -> NDArray[np.float32]:
    return np.array([random.Random(f"{number} {query}").random() for number in numbers], np.float32)


def keep(catalog: Catalog, numbers: range) -> None:
    with catalog.writing():
        contents = catalog.save_files([file_read(number) for number in numbers], "looks 1")
        for query in range(QUERIES):
            scores = scores_of(numbers, query)
            catalog.save_scores("judge", b"query %d" % query, contents, scores, np.stack([scores, 1 - scores], axis=1))
