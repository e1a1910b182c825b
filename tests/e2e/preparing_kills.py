"""Kills the program while it prepares a folder, and looks whether a vector is lost or wrong. By hand:
`python -m tests.e2e.preparing_kills --kills 50`.

A child loads a tiny embedder and prepares a folder, telling how far it is. It is killed outright, the whole of it or
its engine's process alone. Then the catalog must be sound and hold at least as many vectors as were told, and at the
end each must be what a fresh encoding makes of its file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.catalog import Catalog
from core.engine import Engine
from core.jobs import JudgeLoaded, LoadJudge, Preparation, Prepare, Scan, ScanFinished, ScanStarted
from core.scorers import JudgeChoice
from core.scorers.vectors import unpack
from core.service import EngineProcess
from tests.e2e.kills import Child, draw

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/data/parity/model"


# --- the child ---------------------------------------------------------------------------------------


def follow(home: str, folder: str, model: str) -> None:
    """Prepare the folder, telling how many files are prepared, as JSON lines."""
    finder = JudgeChoice(model, device="cpu", precision="float32")
    with EngineProcess(home, workers=2) as engine:
        token = ""
        engine.start(LoadJudge(finder, finder=True))
        engine.start(Scan(folder))
        print(json.dumps({"engine": engine.process_id}), flush=True)
        ready = 0
        while True:
            for _, event in engine.receive(1.0):
                match event:
                    case ScanStarted():
                        token = event.token
                    case JudgeLoaded() | ScanFinished():
                        ready += 1
                        if ready == 2:
                            engine.start(Prepare(token, finder))
                            print(json.dumps({"began": True}), flush=True)
                    case Preparation():
                        print(json.dumps({"prepared": event.prepared}), flush=True)


# --- what kills it -----------------------------------------------------------------------------------


class PreparingChild(Child):
    """One run of the child, and what it told until it was killed."""

    prepared = 0
    began = False

    def listen(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with contextlib.suppress(json.JSONDecodeError):  # cut off by the kill
                    said = json.loads(line)
                    self.engine = said.get("engine", self.engine)
                    self.prepared = max(self.prepared, said.get("prepared", 0))
                    self.began |= "began" in said


def vectors(home: Path) -> dict[str, bytes]:
    """Every vector in the catalog by the file's name, read as another program would. Opened by our own code first."""
    with Catalog(home / "catalog.sqlite3") as catalog:
        assert catalog.notice is None, catalog.notice
    with contextlib.closing(sqlite3.connect(home / "catalog.sqlite3")) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT name, data FROM files JOIN features ON features.content = files.content")
        return {os.fsdecode(name): data for name, data in rows}


def run(kills: int, seed: int, place: Path, *, pictures: int, more: int) -> tuple[int, int, float]:
    """Kill it so many times. Returns how many kills came amid the work, how many vectors there are in the end, and the
    smallest cosine of one with a fresh encoding of its file."""
    chance = random.Random(seed)
    folder, home, model = place / "files", place / "home", place / "embedder"
    folder.mkdir(parents=True)
    shutil.copytree(TINY, model)
    for number in range(pictures):
        draw(folder / f"{number:06d}.jpg", number)
    amid = told = 0
    for kill in range(kills):
        command = [sys.executable, "-m", "tests.e2e.preparing_kills", "--child", str(home), str(folder), str(model)]
        child = PreparingChild(subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT))
        listener = threading.Thread(target=child.listen)
        listener.start()
        first = pictures + kill * more
        for number in range(first, first + more):
            draw(folder / f"{number:06d}.jpg", number)
        until = time.monotonic() + 60
        while not child.began and child.process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 1.5))
        child.kill(engine_first=chance.random() < 0.5)
        listener.join()
        told = max(told, child.prepared)
        amid += child.began and child.prepared < first + more
        kept = vectors(home) if (home / "catalog.sqlite3").exists() else {}
        assert len(kept) >= told, f"kill {kill}: {told} were told to be prepared, and {len(kept)} are"
    return amid, len(kept), smallest_cosine(folder, kept, model, place / "fresh")


def smallest_cosine(folder: Path, kept: dict[str, bytes], model: Path, home: Path) -> float:
    finder = JudgeChoice(str(model), device="cpu", precision="float32")
    with Engine(home, workers=2) as engine:
        for _ in engine.load(finder, finder=True):
            pass
        for _ in engine.prepare(engine.list_folder(folder), finder):
            pass
    fresh = vectors(home)
    assert kept.keys() <= fresh.keys()
    numbers = len(next(iter(fresh.values())))
    ours, theirs = (unpack([each[name] for name in kept], numbers) for each in (kept, fresh))
    return float(np.einsum("ij,ij->i", ours, theirs).min())


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.child:
        follow(*options.child)
        return
    with tempfile.TemporaryDirectory() as place:
        amid, count, cosine = run(options.kills, options.seed, Path(place), pictures=1000, more=60)
    print(f"{options.kills} kills, {amid} amid the work: every vector that was told was kept")
    print(f"{count} vectors; the smallest cosine of one with a fresh encoding of its file is {cosine:.6f}")


if __name__ == "__main__":
    main(sys.argv[1:])
