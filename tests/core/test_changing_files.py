"""Files that are renamed, edited, rated, copied, moved and deleted while they are ranked have the right scores at the
end, and what was judged once is not judged again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.engine import Engine
from core.errors import EngineStopped, FileDamaged, MediaError
from core.jobs import Event, Failed, Progress, Rank, Scan, ScanFinished, ScanStarted, Scored, Settled
from core.media import Changed, Gone, Listed, Listing
from core.query import Query
from core.service import Ended, EngineProcess


class Follower:
    """A window without a window: a live listing and a live ranking, as they are told."""

    def __init__(self, engine: EngineProcess, folder: Path, query: Query) -> None:
        self.engine, self.query = engine, query
        self.scan = engine.start(Scan(str(folder), live=True))
        self.ranking = 0
        self.listing = Listing(folder)
        self.scores: dict[int, float] = {}
        self.failures: dict[int, MediaError] = {}
        self.settled = False
        self.news_at = time.monotonic()

    def hear(self, seconds: float) -> None:
        """Take in what comes for so long."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for number, event in self.engine.receive(left):
                self.news_at = time.monotonic()
                if isinstance(event, Ended):
                    assert event.error == EngineStopped()
                    self.go_on(number)
                else:
                    self.take(event)

    def go_on(self, ended: int) -> None:
        """As the session does when the engine's process has ended: rows keep their numbers."""
        self.settled = False
        if ended == self.scan:
            self.scan = self.engine.start(Scan(self.listing.root, live=True, listing=self.listing))
        else:
            self.ranking = self.engine.start(Rank(self.query, self.listing, live=True))

    def take(self, event: Event) -> None:
        match event:
            case ScanStarted() if event.token != self.listing.token:
                self.listing.token = event.token
                self.ranking = self.engine.start(Rank(self.query, event.token, live=True))
            case Listed():
                self.listing.append(event)
            case ScanFinished():
                self.listing.complete = True
            case Changed() | Gone():
                self.listing.change(event)
                for row in event.rows.tolist():
                    self.scores.pop(row, None)
                    self.failures.pop(row, None)
            case Scored():
                assert not self.listing.gone[event.rows].any()
                self.scores |= zip(event.rows.tolist(), event.scores.tolist(), strict=True)
            case Failed():
                self.failures |= zip(event.rows, event.errors, strict=True)
            case Progress():
                assert 0 <= event.done <= event.total
                self.settled = self.settled and event.done == event.total
            case Settled():
                self.settled = True

    def until_quiet(self, seconds: float = 60.0) -> None:
        """Until all is judged and nothing has come for a while."""
        deadline = time.monotonic() + seconds
        while not self.settled or time.monotonic() - self.news_at < 3.0:
            assert time.monotonic() < deadline, (self.settled, len(self.scores), self.listing.present)
            self.hear(0.1)

    def by_path(self) -> dict[str, float]:
        return {self.listing.relative_path(row): score for row, score in self.scores.items()}


def draw(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((160, 120), Image.Resampling.BICUBIC).save(path, quality=85)


def rate(path: Path, stars: int) -> None:
    """Write a rating into a JPEG, as a picture browser does: another XMP segment, the pixels untouched."""
    xmp = (
        b"http://ns.adobe.com/xap/1.0/\0"
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="%d"/></rdf:RDF></x:xmpmeta>' % stars
    )
    data = path.read_bytes()
    path.write_bytes(data[:2] + b"\xff\xe1" + (len(xmp) + 2).to_bytes(2, "big") + xmp + data[2:])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "inside").mkdir(parents=True)
    for number in range(40):
        draw(folder / f"picture {number:02d}.jpg", number)
    return folder


def do_something(folder: Path, chance: random.Random, number: int) -> None:
    files = sorted(path for path in folder.rglob("*.jpg"))
    path, other = chance.choice(files), chance.choice(files)
    new = folder / chance.choice(["", "inside"]) / f"new {number}.jpg"
    match chance.choice(["rename", "edit", "rate", "copy", "delete", "replace", "break", "add"]):
        case "rename":
            path.rename(new)
        case "edit":
            draw(path, 1000 + number)
        case "rate":
            rate(path, number % 6)
        case "copy":
            shutil.copy2(path, new) if number % 2 else shutil.copy(path, new)
        case "delete":
            path.unlink()
        case "replace":
            os.replace(path, other)
        case "break":
            path.write_bytes(path.read_bytes()[:200])
        case "add":
            draw(new, 2000 + number)


@pytest.mark.parametrize(("seed", "killed"), [(0, False), (1, True)])
def test_the_right_scores_at_the_end(seed: int, killed: bool, folder: Path, tmp_path: Path) -> None:
    reference = tmp_path / "reference.jpg"
    draw(reference, 7)
    query = Query(text="picture new", images=(reference,))
    chance = random.Random(seed)
    with EngineProcess(tmp_path / "home", workers=2) as engine:
        follower = Follower(engine, folder, query)
        for number in range(60):
            follower.hear(chance.choice([0.0, 0.02, 0.1]))
            do_something(folder, chance, number)
            if killed and number in (20, 40) and follower.listing.complete:
                os.kill(engine.process_id, signal.SIGKILL)
        follower.until_quiet()
    with Engine(tmp_path / "another home", workers=2) as engine:
        fresh = engine.list_folder(folder)
        expected: dict[str, float] = {}
        failed: set[str] = set()
        for event in engine.rank(query, fresh):
            if isinstance(event, Scored):
                expected |= {
                    fresh.relative_path(row): score
                    for row, score in zip(event.rows.tolist(), event.scores.tolist(), strict=True)
                }
            elif isinstance(event, Failed):
                failed |= {fresh.relative_path(row) for row in event.rows}
    present = {follower.listing.relative_path(row) for row in np.flatnonzero(~follower.listing.gone)}
    assert present == {fresh.relative_path(row) for row in range(len(fresh))}
    assert follower.by_path() == pytest.approx(expected, abs=1e-6)
    assert {follower.listing.relative_path(row) for row in follower.failures} == failed
    assert all(isinstance(error, FileDamaged) for error in follower.failures.values())
