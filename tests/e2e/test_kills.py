"""The program killed at random moments loses no score that it told. A hundred kills: tests/e2e/kills.py."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.kills import run


def test_killed_at_random_moments_it_loses_nothing(tmp_path: Path) -> None:
    run(5, 0, tmp_path / "files", tmp_path / "home", pictures=300, more=30)
