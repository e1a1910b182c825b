"""Kills the program at random moments of scanning and ranking, and looks whether anything is lost. By hand:
`python -m tests.e2e.kills --kills 100`.

A child lists a growing folder and ranks it, telling every score as it hears it. It is killed outright, the whole of it
or its engine's process alone. Then the catalog must open and be sound, and hold every score that was told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from core.catalog import Catalog
from core.jobs import Rank, Scan, ScanStarted, Scored
from core.media import Listed, Listing
from core.query import Query
from core.service import EngineProcess

ROOT = Path(__file__).parents[2]


# --- the child ---------------------------------------------------------------------------------------


def follow(home: str, folder: str, reference: str) -> None:
    """List and rank for ever, telling every score with the file's path, as JSON lines."""
    with EngineProcess(home, workers=2) as engine:
        listing = Listing(folder)
        engine.start(Scan(folder, live=True))
        while True:
            for _, event in engine.receive(1.0):
                match event:
                    case ScanStarted():
                        listing = Listing(folder)
                        listing.token = event.token
                        engine.start(Rank(Query(images=(Path(reference),)), event.token, live=True))
                        print(json.dumps({"engine": engine.process_id}), flush=True)
                    case Listed():
                        listing.append(event)
                    case Scored():
                        paths = [listing.relative_path(row) for row in event.rows.tolist()]
                        told = dict(zip(paths, event.scores.tolist(), strict=True))
                        print(json.dumps({"scores": told, "known": event.known}), flush=True)


# --- what kills it -----------------------------------------------------------------------------------


@dataclass
class Child:
    """One run of the child, and what it told until it was killed."""

    process: subprocess.Popen[str]
    engine: int = 0
    told: dict[str, float] = field(default_factory=dict)
    known: int = 0
    news_at: float = 0.0
    """When it last told a score that was new."""

    def kill(self, *, engine_first: bool) -> None:
        """All of it; or its engine, which it begins anew, and then all of it."""
        if engine_first and self.engine:
            with contextlib.suppress(psutil.NoSuchProcess):
                psutil.Process(self.engine).kill()
            time.sleep(0.1)
        for process in [self.process, *_family(self.process.pid)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.process.wait()

    def listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with contextlib.suppress(json.JSONDecodeError):  # cut off by the kill
                    said = json.loads(line)
                    self.engine = said.get("engine", self.engine)
                    self.told |= said.get("scores", {})
                    if said.get("known"):
                        self.known += len(said["scores"])
                    elif "scores" in said:
                        self.news_at = time.monotonic()


def draw(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((320, 240), Image.Resampling.BICUBIC).save(path, quality=85)


def kept(home: Path) -> dict[str, float]:
    """Every score in the catalog by the file's name, read as another program would. Opened by our own code first."""
    with Catalog(home / "catalog.sqlite3") as catalog:
        assert catalog.notice is None, catalog.notice
    with contextlib.closing(sqlite3.connect(home / "catalog.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT name, score FROM files JOIN scores ON scores.content = files.content")
        return {os.fsdecode(name): score for name, score in rows}


def run(kills: int, seed: int, folder: Path, home: Path, *, pictures: int, more: int) -> list[float]:
    """Kill it so many times. Returns, for each kill amid the work, how many seconds of work were not kept yet."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        draw(folder / f"{number:06d}.jpg", number)
    draw(reference := folder.parent / "reference.jpg", 10**6)
    told: dict[str, float] = {}
    unkept: list[float] = []
    for kill in range(kills):
        first = pictures + kill * more
        command = [sys.executable, "-m", "tests.e2e.kills", "--child", str(home), str(folder), str(reference)]
        child = Child(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        listener = threading.Thread(target=child.listen)
        listener.start()
        for number in range(first, first + more):
            draw(folder / f"{number:06d}.jpg", number)
        until = time.monotonic() + chance.uniform(0.3, 3.0)
        while time.monotonic() < until and child.process.poll() is None:
            time.sleep(0.005)
        killed_at = time.monotonic()
        child.kill(engine_first=chance.random() < 0.5)
        listener.join()
        told |= child.told
        if child.news_at and len(told) < first + more:
            unkept.append(killed_at - child.news_at)
        scores = kept(home) if (home / "catalog.sqlite3").exists() else {}
        lost = {name for name, score in told.items() if scores.get(name) is None or abs(scores[name] - score) > 1e-7}
        assert not lost, f"kill {kill}: {len(lost)} of {len(told)} scores are lost"
    return unkept


def _family(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        follow(*options.child)
        return
    with tempfile.TemporaryDirectory() as place:
        seconds = run(options.kills, options.seed, Path(place) / "files", Path(place) / "home", pictures=2000, more=60)
    middle, worst = (sorted(seconds)[len(seconds) // 2], max(seconds)) if seconds else (0.0, 0.0)
    print(f"{options.kills} kills: the catalog opened every time and held every score that was told")
    print(f"work not kept yet at {len(seconds)} kills amid the work: median {middle:.2f} s, most {worst:.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
