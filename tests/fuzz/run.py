"""Broken files by the thousand, ranked and looked at by the real engine: `python -m tests.fuzz.run --files 10000`.

The engine runs in its own process, as under the window, with its workers and limits. What must hold is asserted by
`Report.problems`; what is rare but allowed (a library that crashes costs its file) is counted. The same seed gives the
same files; with --keep, those that did something remarkable are copied to a folder.
"""

from __future__ import annotations

import argparse
import itertools
import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from core import EngineProcess, Failed, Kind, Listing, Query, Scored, ThumbnailMade
from core.decoding.pool import DecodingPool
from core.errors import DecodingCrashed, DecodingTimedOut, MediaError, MemoryExceeded, SemblanceError
from core.jobs import Event
from tests.fuzz.mutations import Case, Seeds, cases, make_seeds

BATCH = 400
LOOKED_AT = 4
"""One file of so many is also made small, shown in large and, if it is a clip, as a filmstrip."""
MOVED = 5
"""One file of so many is renamed, and ranked again."""
GRACE_SECONDS = 2.0
"""What a file may take beyond its limit: a worker is ended and another started meanwhile."""
GRACE_BYTES = 2**29
"""What a worker may take beyond its limit between two looks at it."""
QUERY = Query(text="a red disc on blue")

_TICK = 0.1
_UNEXPECTED = "Unexpected error in a decoder"
_PLACE = re.compile(r'File ".*?(core/\w+/\w+\.py)", line (\d+), in (\w+)')
_REMARKABLE = (DecodingCrashed, DecodingTimedOut, MemoryExceeded)


@dataclass
class Report:
    """What came of the files."""

    files: int = 0
    rows: int = 0
    """More than files: each page is one."""
    good: int = 0
    scored: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    """Files by class, when ranked; of one with pages its first counts."""
    looks: int = 0
    looks_failed: Counter[str] = field(default_factory=Counter)
    """The same of thumbnails, previews and filmstrips."""
    moved: int = 0
    remarkable: Counter[str] = field(default_factory=Counter)
    """Crashes, time-outs and memory stops by suffix and what was done to the file."""
    unexpected: Counter[str] = field(default_factory=Counter)
    """Errors that no decoder translates, by place."""
    said: list[str] = field(default_factory=list)
    """What else came out on the engine's standard error."""
    wrong: list[str] = field(default_factory=list)
    """What must not happen, in words."""
    clock: float = 0.0
    """Seconds, as one counts them who sleeps a tenth at a time: a machine that stands still for want of processors is
    held against nobody."""
    longest_silence: float = 0.0
    """Seconds in which no file was done, though there were some to do."""
    after_silence: str = ""
    """The event that ended it."""
    longest_look: float = 0.0
    """Seconds that one file's preview took, with nothing else to do."""
    peaks: Counter[str] = field(default_factory=Counter)
    """Bytes, by process."""
    worker_limit: int = 0
    time_limit: float = 0.0
    seconds: float = 0.0

    def problems(self) -> list[str]:
        """What breaks a promise; empty if all is well."""
        found = [*self.wrong, *(f"not translated: {place}" for place in self.unexpected)]
        found += [f"said: {line}" for line in self.said[:20]]
        if self.peaks["worker"] > self.worker_limit + GRACE_BYTES:
            found.append(f"a worker took {self.peaks['worker'] >> 20} MB")
        most = self.time_limit + GRACE_SECONDS
        if self.longest_silence > most:
            found.append(f"no file was done for {self.longest_silence:.1f} s, then {self.after_silence}")
        if self.longest_look > most:
            found.append(f"a preview took {self.longest_look:.1f} s")
        return found

    def table(self) -> str:
        lines = [
            f"files                {self.files} ({self.rows} rows, {self.good} sound files)",
            f"scored               {self.scored}",
            *(f"failed               {count:6} {name}" for name, count in self.failed.most_common()),
            f"looked at            {self.looks}",
            *(f"  refused            {count:6} {name}" for name, count in self.looks_failed.most_common()),
            f"renamed, asked again {self.moved}",
            *(f"stopped              {count:6} {name}" for name, count in self.remarkable.most_common(40)),
            *(f"not translated       {count:6} {place}" for place, count in self.unexpected.most_common()),
            f"longest silence      {self.longest_silence:.1f} s, longest preview {self.longest_look:.1f} s"
            f" (limit {self.time_limit:g} s)",
            *(f"peak memory          {size >> 20:6} MB {name}" for name, size in self.peaks.items()),
            f"limit of a worker    {self.worker_limit >> 20:6} MB",
            f"seconds              {self.seconds:.0f}",
        ]
        return "\n".join(lines + [f"PROBLEM              {problem}" for problem in self.problems()])


def fuzz(
    batches: Iterable[Sequence[Case]], folder: Path, *, time_limit: float, workers: int, keep: Path | None = None
) -> Report:
    """Have the engine rank and look at all files of each batch, in a folder of its own inside `folder`."""
    began, log = time.monotonic(), folder / "engine.log"
    report = Report(worker_limit=DecodingPool(workers=workers).memory_limit, time_limit=time_limit)
    with _standard_error_into(log):
        engine = EngineProcess(folder / "home", workers=workers, time_limit=time_limit)
    with engine, _watched(engine, report):
        first = engine.process_id
        for number, batch in enumerate(batches):
            place = folder / f"batch{number}"
            place.mkdir()
            try:
                _Batch(engine, batch, place, report, keep).run()
            except SemblanceError as error:
                report.wrong.append(f"batch {number}: {error!r}")
            if engine.process_id != first:
                report.wrong.append(f"batch {number}: the engine's process ended")
                break
            shutil.rmtree(place)
            print(f"{report.files} files, {time.monotonic() - began:.0f} s", file=sys.stderr)
    _read_log(log, report)
    report.seconds = time.monotonic() - began
    return report


class _Batch:
    def __init__(
        self, engine: EngineProcess, batch: Sequence[Case], place: Path, report: Report, keep: Path | None
    ) -> None:
        self._engine, self._report, self._place, self._keep = engine, report, place, keep
        self._cases = {case.name: case for case in batch}
        for case in batch:
            (place / case.name).write_bytes(case.content)

    def run(self) -> None:
        report = self._report
        listing = self._listed()
        report.files += len(self._cases)
        report.rows += len(listing)
        report.good += sum(case.good for case in self._cases.values())
        failed = self._rank(listing)
        first = {row for row, page in enumerate(listing.pages.tolist()) if not page}
        report.scored += len(first - set(failed))
        report.failed.update(type(failed[row]).__name__ for row in first & set(failed))
        self._look(listing)
        for name in list(self._cases)[::MOVED]:
            (self._place / name).rename(self._place / f"moved {name}")
            case = self._cases.pop(name)
            self._cases[f"moved {name}"] = case
            report.moved += 1
        self._rank(self._listed())

    def _listed(self) -> Listing:
        listing = self._engine.list_folder(self._place)
        missing = set(self._cases) - set(listing.names)
        self._report.wrong += [f"not listed: {name}" for name in sorted(missing)]
        return listing

    def _rank(self, listing: Listing) -> dict[int, MediaError]:
        """By row, why it could not be scored."""
        failed: dict[int, MediaError] = {}
        scored: set[int] = set()
        for event in self._timed(self._engine.rank(QUERY, listing)):
            match event:
                case Scored(rows=rows):
                    scored |= set(rows.tolist())
                case Failed(rows=rows, errors=errors):
                    failed |= dict(zip(rows, errors, strict=True))
        for row, name in enumerate(listing.names):
            case = self._cases[name]
            if (row in scored) == (row in failed):
                self._report.wrong.append(f"neither scored nor failed, or both: {name} ({case.how})")
            if case.good and row not in scored:
                self._report.wrong.append(f"sound, but {failed.get(row)!r}: {name}")
        for row, error in failed.items():
            self._note(self._cases[listing.names[row]], error)
        return failed

    def _look(self, listing: Listing) -> None:
        rows = range(0, len(listing), LOOKED_AT)
        for event in self._timed(self._engine.thumbnails(listing, rows, 256)):
            if isinstance(event, ThumbnailMade):
                self._looked(listing, event.row, event.error)
        for row in rows:
            path, page, began = listing.path(row), int(listing.pages[row]), self._report.clock
            error: MediaError | None = None
            try:
                self._engine.preview(path, 800, page=page)
            except MediaError as refused:
                error = refused
            self._report.longest_look = max(self._report.longest_look, self._report.clock - began)
            self._looked(listing, row, error)
            if error is None and listing.kind(row) is Kind.VIDEO:
                with suppress(MediaError):
                    self._engine.filmstrip(path, 64, 4)

    def _looked(self, listing: Listing, row: int, error: MediaError | None) -> None:
        self._report.looks += 1
        case = self._cases[listing.names[row]]
        if error is not None:
            self._report.looks_failed[type(error).__name__] += 1
            self._note(case, error)
            if case.good:
                self._report.wrong.append(f"sound, but {error!r} when looked at: {case.name}")

    def _timed(self, events: Iterator[Event]) -> Iterator[Event]:
        before = self._report.clock
        for event in events:
            silence = self._report.clock - before
            if silence > self._report.longest_silence:
                self._report.longest_silence = silence
                self._report.after_silence = f"{event!r:.300} in {self._place.name}"
            yield event
            before = self._report.clock

    def _note(self, case: Case, error: MediaError) -> None:
        if isinstance(error, _REMARKABLE):
            suffix = case.name.partition(".")[2]
            self._report.remarkable[f"{type(error).__name__}: {suffix} ({case.how})"] += 1
            if self._keep:
                (self._keep / f"{type(error).__name__} {case.name}").write_bytes(case.content)


# --- watching the engine -----------------------------------------------------------------------------


@contextmanager
def _standard_error_into(path: Path) -> Iterator[None]:
    """Processes started inside write their standard error there."""
    sys.stderr.flush()
    before = os.dup(2)
    with open(path, "ab") as log:
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


@contextmanager
def _watched(engine: EngineProcess, report: Report) -> Iterator[None]:
    """Note how much memory this process, the engine's and the workers take at most, and count the time."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_TICK):
            report.clock += _TICK
            with suppress(psutil.Error):
                process = psutil.Process(engine.process_id)
                roles = [("this program", psutil.Process()), ("engine", process)]
                roles += [("worker", child) for child in process.children(recursive=True)]
                for role, each in roles:
                    with suppress(psutil.Error):
                        report.peaks[role] = max(report.peaks[role], each.memory_info().rss)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _read_log(log: Path, report: Report) -> None:
    before, *entries = log.read_text("utf-8", "replace").split(_UNEXPECTED)
    report.said += before.splitlines()
    for entry in entries:
        places = [f"{path}:{line} {name}" for path, line, name in _PLACE.findall(entry)]
        report.unexpected[f"{places[-1] if places else '?'}: {entry.strip().splitlines()[-1][:200]}"] += 1


# --- by hand -----------------------------------------------------------------------------------------


def batches_of(seed: int, files: int, seeds: Seeds, suffix: str = "") -> Iterator[list[Case]]:
    made = cases(seed, files, seeds, suffix)
    while batch := list(itertools.islice(made, BATCH)):
        yield batch


def main() -> int:
    parser = argparse.ArgumentParser(description="Rank broken files by the thousand.")
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--suffix", default="", help="only files of this suffix")
    parser.add_argument("--time-limit", type=float, default=10.0, help="seconds a file")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=Path, help="where to copy files that crash, hang or eat memory")
    asked = parser.parse_args()
    if asked.keep:
        asked.keep.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz") as name:
        folder = Path(name)
        # Thumbnails for the desktop's other programs are none of theirs.
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        (folder / "seeds").mkdir()
        with _standard_error_into(folder / "encoders.log"):
            seeds = make_seeds(folder / "seeds")
        batches = batches_of(asked.seed, asked.files, seeds, asked.suffix)
        report = fuzz(batches, folder, time_limit=asked.time_limit, workers=asked.workers, keep=asked.keep)
        if asked.keep:
            shutil.copy(folder / "engine.log", asked.keep)
    print(report.table())
    return 1 if report.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
