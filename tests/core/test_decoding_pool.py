"""Workers that decode: a file that hangs, crashes or lies costs one task, and no worker outlives its program."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import cast

import numpy as np
import psutil
import pytest
from PIL import Image

from core import decoding
from core.decoding import Preview
from core.decoding.pool import DecodingPool, Task
from core.errors import (
    DecodingCrashed,
    DecodingTimedOut,
    FileDamaged,
    FileEmpty,
    FileUnsupported,
    FileVanished,
    MemoryExceeded,
)
from core.media import Kind, PixelPolicy, Region

POLICY = PixelPolicy(32 * 32, scaled=True)


@pytest.fixture
def picture(tmp_path: Path, quadrants_image: Image.Image) -> str:
    path = tmp_path / "picture.png"
    quadrants_image.save(path)
    return str(path)


@pytest.fixture
def pool() -> Iterator[DecodingPool]:
    with DecodingPool(workers=1, time_limit=5) as pool:
        yield pool


def workers() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children(recursive=True)
        if "spawn_main" in " ".join(process.cmdline()) and "resource_tracker" not in " ".join(process.cmdline())
    ]


def until(true: Callable[[], object], seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


MISBEHAVING = """
import os, signal, time
from pathlib import Path

def hang(path, policy, **_):
    Path(path + ".started").touch()
    while True:
        time.sleep(0.01)

def crash(path, policy, **_):
    os.kill(os.getpid(), signal.SIGKILL)

class Unpicklable(Exception):
    def __init__(self, one, two):
        super().__init__(one)

def eat(path, policy, **_):
    eaten = []
    while True:
        eaten.append(b"x" * 2**24)

def eat_some(path, policy, **_):
    global kept
    kept = b"x" * (250 * 2**20)
    return os.getpid()

def go_wrong(path, policy, **_):
    raise Unpicklable("oh", "dear")

def linger(path, policy, **_):
    Path(path + ".started").touch()
    while not os.path.exists(path + ".go"):
        time.sleep(0.005)
    return path

def threads(decoded):
    import cv2, threadpoolctl
    pools = [pool["num_threads"] for pool in threadpoolctl.threadpool_info()]
    return os.getpid(), cv2.getNumThreads(), pools

class Extractor:
    def __init__(self, factor):
        self.factor = factor

    def mean(self, decoded):
        return self.factor * float(decoded.frames.mean()), decoded.frames.shape

def refuse(decoded):
    from core.errors import FileUnsupported
    raise FileUnsupported(detail="not this one")

def stumble(decoded):
    return 1 / 0

def no_pickle(decoded):
    return lambda: None

def whoami(path, policy, **_):
    import sys
    return os.nice(0), sorted({"torch", "cv2", "av", "PySide6", "desktop"} & set(sys.modules))
"""


@pytest.fixture
def misbehaving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The functions above in a module, which workers import by its name."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "misbehaving.py").write_text(MISBEHAVING)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "misbehaving", raising=False)
    return importlib.import_module("misbehaving")


@pytest.fixture
def misbehave(misbehaving: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a decoder that misbehaves in the place of the real one."""

    def choose(name: str) -> None:
        monkeypatch.setattr(decoding, "decode", getattr(misbehaving, name))

    return choose


def test_a_file_that_eats_memory_costs_its_worker_and_no_other(
    misbehave: Callable[[str], None], misbehaving: ModuleType, picture: str
) -> None:
    with DecodingPool(workers=2, time_limit=20, memory_limit=400 * 2**20) as pool:
        kept = [pool._submit(misbehaving.linger, f"{picture}.{number}", POLICY) for number in range(1)]
        misbehave("eat")
        with pytest.raises(MemoryExceeded, match="400 MB"):
            pool.decode(picture, POLICY).result()
        Path(f"{picture}.0.go").touch()
        assert kept[0].result() == f"{picture}.0"
        assert pool.thumbnail(picture, 32, None).result().raster
        until(lambda: all(worker.memory_info().rss < 400 * 2**20 for worker in workers()))


def test_workers_that_replace_others_are_watched_like_them(misbehaving: ModuleType, picture: str) -> None:
    with DecodingPool(workers=2, time_limit=0.5, memory_limit=300 * 2**20) as pool:
        for _ in range(2):
            tasks = [pool._submit(function, picture, POLICY) for function in (misbehaving.hang, misbehaving.eat) * 2]
            for task in tasks:
                with pytest.raises((DecodingTimedOut, MemoryExceeded)):
                    task._future.result(20)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only the watch stops it")
def test_memory_is_bounded_even_if_nobody_watches(
    misbehave: Callable[[str], None], picture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.decoding.pool.WATCH_SECONDS", 60)
    with DecodingPool(workers=1, time_limit=60, memory_limit=400 * 2**20) as pool:
        assert pool.preview(picture, 32).result()  # the watch has had its look
        misbehave("eat")
        with pytest.raises(MemoryExceeded, match="400 MB"):
            pool.decode(picture, POLICY).result()
        assert pool.preview(picture, 32).result()


def test_what_a_worker_does_not_give_back_is_not_charged_to_the_next_file(
    misbehave: Callable[[str], None], misbehaving: ModuleType, picture: str
) -> None:
    with DecodingPool(workers=1, memory_limit=450 * 2**20) as pool:
        processes = [pool._submit(misbehaving.eat_some, picture, POLICY).result() for _ in range(2)]
    assert processes[0] != processes[1]


def test_everything_that_can_be_asked(pool: DecodingPool, picture: str, tmp_path: Path) -> None:
    decoded = pool.decode(picture, POLICY).result()
    assert decoded.kind is Kind.IMAGE
    assert decoded.frames is not None
    assert decoded.frames.shape == (1, 27, 36, 3)
    assert decoded.frames.flags.c_contiguous
    np.testing.assert_array_equal(decoded.frames, decoding.decode(picture, POLICY).frames)
    assert pool.thumbnail(picture, 32, None).result() == decoding.make_thumbnail(picture, 32, None)
    assert pool.preview(picture, 32).result() == decoding.make_preview(picture, 32)
    assert pool.filmstrip(picture, 32, 4).result() == decoding.make_filmstrip(picture, 32, 4)
    cache = tmp_path / "cache"
    pool.decode(picture, POLICY, thumbnail=(32, str(cache))).result()
    assert list(cache.glob("*/*.jpg"))


def test_what_is_extracted_travels_and_pixels_do_not(
    pool: DecodingPool, picture: str, tmp_path: Path, misbehaving: ModuleType
) -> None:
    region, cache = Region(0, 0, 0.5, 1), tmp_path / "cache"
    expected = decoding.decode(picture, POLICY, region=region)
    assert expected.frames is not None
    extract = misbehaving.Extractor(2.0).mean
    decoded, made = pool.extract(picture, POLICY, extract, region=region, thumbnail=(32, str(cache))).result()
    assert decoded == replace(expected, frames=None)
    assert made == (2.0 * float(expected.frames.mean()), expected.frames.shape)
    assert list(cache.glob("*/*.jpg"))
    whole = pool.decode(picture, POLICY, region=region).result()
    np.testing.assert_array_equal(whole.frames, expected.frames)


def test_a_worker_computes_with_one_thread(pool: DecodingPool, picture: str, misbehaving: ModuleType) -> None:
    _, (process, of_opencv, of_others) = pool.extract(picture, POLICY, misbehaving.threads).result()
    assert process != os.getpid()
    assert of_opencv == 1
    assert of_others, "numpy's at least"
    assert set(of_others) == {1}


def test_what_an_extractor_raises(
    pool: DecodingPool, picture: str, misbehaving: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FileUnsupported):
        pool.extract(picture, POLICY, misbehaving.refuse).result()
    assert not caplog.records
    with pytest.raises(FileDamaged) as caught:
        pool.extract(picture, POLICY, misbehaving.stumble).result()
    assert caught.value == FileDamaged(detail="ZeroDivisionError: division by zero")
    (record,) = caplog.records
    assert "in stumble" in record.getMessage()
    assert pool.extract(picture, POLICY, misbehaving.Extractor(0).mean).result()[1][0] == 0


@pytest.mark.timeout(30)
def test_what_cannot_be_pickled_holds_nobody_up(
    pool: DecodingPool, picture: str, misbehaving: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(FileDamaged):
        pool.extract(picture, POLICY, lambda decoded: 1).result()
    assert "lambda" in caplog.text
    with pytest.raises((FileDamaged, DecodingCrashed)):
        pool.extract(picture, POLICY, misbehaving.no_pickle).result()
    assert pool.preview(picture, 32).result().facts.width == 64


def test_a_known_error_arrives_as_itself(pool: DecodingPool, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(FileEmpty):
        pool.decode(str(tmp_path / "empty.png"), POLICY).result()
    with pytest.raises(FileVanished):
        pool.thumbnail(str(tmp_path / "gone.png"), 32, None).result()


def test_broken_files_are_not_grumbled_about_in_the_terminal(
    pool: DecodingPool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "broken.tif"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    Image.fromarray(noise).save(path, compression="tiff_lzw")
    content = bytearray(path.read_bytes())
    content[5000:9000] = bytes(4000)
    path.write_bytes(content)
    with pytest.raises(FileDamaged):
        pool.decode(str(path), POLICY).result()
    assert capfd.readouterr().err == ""


def test_a_decoder_that_runs_on_is_stopped(tmp_path: Path, picture: str, misbehave: Callable[[str], None]) -> None:
    with DecodingPool(workers=1, time_limit=0.3) as pool:
        pool.preview(picture, 32).result()  # the worker is up: starting it is not counted
        misbehave("hang")
        started = time.monotonic()
        stuck = pool.decode(str(tmp_path / "a.png"), POLICY)
        after = pool.preview(picture, 32)
        with pytest.raises(DecodingTimedOut) as caught:
            stuck.result()
        assert caught.value == DecodingTimedOut(seconds=0.3)
        assert 0.3 <= time.monotonic() - started < 2
        assert after.result().facts.width == 64


def test_a_clock_that_jumps_stops_nobody(
    picture: str, misbehave: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    misbehave("linger")
    with DecodingPool(workers=1, time_limit=60) as pool:
        running = pool.decode(picture, POLICY)
        until(Path(picture + ".started").exists)
        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() + 3600)
        time.sleep(0.5)  # long enough for whoever looks at it to act
        Path(picture + ".go").touch()
        assert cast(object, running.result()) == picture


def test_a_crash_costs_one_task(pool: DecodingPool, picture: str, misbehave: Callable[[str], None]) -> None:
    misbehave("crash")
    before = [pool.preview(picture, 32) for _ in range(3)]
    fatal = pool.decode(picture, POLICY)
    after = [pool.preview(picture, 32) for _ in range(3)]
    with pytest.raises(DecodingCrashed):
        fatal.result()
    assert all(task.result().facts.width == 64 for task in before + after)


def test_an_idle_worker_may_be_killed(pool: DecodingPool, picture: str) -> None:
    pool.preview(picture, 32).result()
    (worker,) = workers()
    worker.kill()
    # At once, before anybody can have noticed.
    assert pool.preview(picture, 32).result().facts.width == 64
    (worker,) = workers()
    worker.kill()
    time.sleep(0.3)  # and after it was noticed
    assert pool.preview(picture, 32).result().facts.width == 64


def test_a_worker_killed_while_it_sends_does_not_hold_the_others(tmp_path: Path, picture: str) -> None:
    path = tmp_path / "large.png"
    Image.new("RGB", (2000, 2000)).save(path)
    with DecodingPool(workers=2, time_limit=5) as pool:
        for round_ in range(2):
            tasks = [pool.preview(str(path), 2000) for _ in range(4)]
            until(workers)
            time.sleep(0.03 * round_)
            for worker in workers():
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            for task in tasks:
                with suppress(DecodingCrashed):
                    assert task.result().facts.width == 2000
        assert pool.preview(picture, 32).result().facts.width == 64


def test_a_bug_is_the_files_damage_and_is_logged(
    pool: DecodingPool, picture: str, misbehave: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    misbehave("go_wrong")
    with pytest.raises(FileDamaged) as caught:
        pool.decode(picture, POLICY).result()
    assert caught.value == FileDamaged(detail="Unpicklable: oh")
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "in go_wrong" in record.getMessage()
    assert picture in record.getMessage()
    assert pool.preview(picture, 32).result().facts.width == 64


def test_cancelling_drops_what_waits_and_spares_what_runs(
    pool: DecodingPool, picture: str, misbehave: Callable[[str], None]
) -> None:
    misbehave("linger")
    running = pool.decode(picture, POLICY)
    until(Path(picture + ".started").exists)
    (worker,) = workers()
    waiting = [pool.preview(picture, 32) for _ in range(20)]
    assert not running.done()
    assert not running.cancel()
    assert all(task.cancel() for task in waiting[:-1])
    assert all(task.done() for task in waiting[:-1])
    with pytest.raises(CancelledError):
        waiting[0].result()
    Path(picture + ".go").touch()
    assert cast(object, running.result()) == picture
    assert waiting[-1].result().facts.width == 64
    assert workers() == [worker], "no healthy worker was killed"


def test_tasks_run_in_order_of_arrival(picture: str) -> None:
    finished: list[int] = []
    tasks: list[Task[Preview]] = []
    arrived = threading.Event()

    def note() -> None:
        arrived.wait()
        finished.append(sum(task.done() for task in tasks))

    with DecodingPool(workers=1, on_done=note) as pool:
        tasks += [pool.preview(picture, 8 + index) for index in range(8)]
        arrived.set()
        for index, task in enumerate(tasks):
            task.result()
            assert all(earlier.done() for earlier in tasks[:index])
        until(lambda: len(finished) == 8)


def test_on_done_tells_of_every_task(picture: str, tmp_path: Path) -> None:
    told = threading.Semaphore(0)
    with DecodingPool(workers=1, on_done=told.release) as pool:
        tasks = [pool.preview(picture, 32), pool.preview(str(tmp_path / "gone.png"), 32)]
        for _ in tasks:
            assert told.acquire(timeout=5)
        assert all(task.done() for task in tasks)


def test_closing_is_quick_and_final(picture: str, misbehave: Callable[[str], None]) -> None:
    misbehave("hang")
    pool = DecodingPool(workers=2)
    stuck = [pool.decode(f"{picture}{index}", POLICY) for index in range(5)]
    until(lambda: Path(picture + "0.started").exists() and Path(picture + "1.started").exists())
    started = time.monotonic()
    pool.close()
    assert time.monotonic() - started < 0.5
    for task in stuck:
        with pytest.raises(CancelledError):
            task.result()
    until(lambda: not workers(), 1)
    pool.close()
    with pytest.raises(RuntimeError, match="closed"):
        pool.preview(picture, 32)


def test_a_pool_that_was_never_used_closes_at_once() -> None:
    with DecodingPool() as pool:
        assert 1 <= pool.workers <= 8
        assert not workers(), "workers start when there is work"


@pytest.mark.skipif(sys.platform == "win32", reason="priorities of POSIX")
def test_workers_stand_back_and_carry_little(
    pool: DecodingPool, picture: str, misbehave: Callable[[str], None]
) -> None:
    pool.thumbnail(picture, 32, None).result()
    misbehave("whoami")
    niceness, heavy = cast(tuple[int, list[str]], pool.decode(picture, POLICY).result())
    assert niceness > os.nice(0)
    assert heavy == []


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_workers_leave_the_terminals_interrupt_to_the_program(pool: DecodingPool, picture: str) -> None:
    pool.preview(picture, 32).result()
    (worker,) = workers()
    worker.send_signal(signal.SIGINT)
    assert pool.preview(picture, 32).result().facts.width == 64
    assert workers() == [worker]


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_no_worker_outlives_a_killed_program(picture: str, misbehave: Callable[[str], None], tmp_path: Path) -> None:
    misbehave("hang")
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(f"""
        import sys, time
        sys.path.insert(0, {str(tmp_path / "modules")!r})
        import misbehaving
        from core import decoding
        from core.decoding.pool import DecodingPool
        from core.media import PixelPolicy

        if __name__ == "__main__":
            pool = DecodingPool(workers=2)
            tasks = [pool.preview({picture!r}, 32) for _ in range(40)]
            [task.result() for task in tasks]
            decoding.decode = misbehaving.hang
            pool.decode({picture!r}, PixelPolicy(99))
            time.sleep(60)
        """)
    )
    program = psutil.Popen([sys.executable, str(script)], stderr=subprocess.DEVNULL)
    try:
        until(Path(picture + ".started").exists, 10)
        descendants = program.children(recursive=True)
        assert len(descendants) >= 2, "a busy worker and an idle one"
    finally:
        program.kill()
        program.wait()
    _, alive = psutil.wait_procs(descendants, timeout=3)
    assert not alive
