"""The program killed at random moments loses nothing that it told. Many more kills: kills.py, preparing_kills.py."""

from __future__ import annotations

from pathlib import Path

from tests.e2e import preparing_kills
from tests.e2e.kills import run


def test_killed_at_random_moments_it_loses_nothing(tmp_path: Path) -> None:
    run(5, 0, tmp_path / "files", tmp_path / "home", pictures=300, more=30)


def test_killed_while_it_prepares_it_loses_no_vector_and_none_is_wrong(tmp_path: Path) -> None:
    amid, vectors, cosine = preparing_kills.run(3, 0, tmp_path, pictures=300, more=20)
    assert amid
    assert vectors
    assert cosine > 0.9999
