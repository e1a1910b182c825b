"""Broken files through the real engine, few enough for every day: `tests.fuzz.run` is the same by the thousand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.mutations import Seeds, cases, make_seeds
from tests.fuzz.run import fuzz

FILES, SEED = 300, 20


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> Seeds:
    return make_seeds(tmp_path_factory.mktemp("seeds"))


def test_the_same_seed_gives_the_same_files(seeds: Seeds) -> None:
    assert list(cases(1, 60, seeds)) == list(cases(1, 60, seeds))
    assert list(cases(1, 60, seeds)) != list(cases(2, 60, seeds))


def test_most_files_are_broken_and_some_are_sound(seeds: Seeds) -> None:
    made = list(cases(3, 500, seeds))
    sound = [case for case in made if case.content == seeds[case.name.partition(".")[2]]]
    assert {case.name for case in made if case.good} <= {case.name for case in sound}
    assert 0.05 < len(sound) / len(made) < 0.2


@pytest.mark.timeout(180)
def test_broken_files_cost_themselves_and_nothing_else(
    tmp_path: Path, seeds: Seeds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    report = fuzz([list(cases(SEED, FILES, seeds))], tmp_path, time_limit=4, workers=2)
    assert report.problems() == [], report.table()
    assert report.files == FILES
    assert report.good > 5
    assert report.failed.total() > 30
    assert report.scored > report.good
