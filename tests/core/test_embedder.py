"""The embedder for scripts against the reference's vectors: tests/data/parity holds a tiny model, media, vectors."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from core import Qwen3VLEmbedder
from core.errors import AddressRefused, FileVanished, JudgeNotLoaded, ModelMissing, ModelNotEmbedder
from tests.core.test_reranker import MEDIA, PARITY, placed
from tests.core.tower_kit import write

KIT: list[dict[str, Any]] = json.loads((PARITY / "embeddings.json").read_text("utf-8"))["items"]
AS_THEY_ARE = ("instruction", "fps")
"""What of an input names no files."""


def given_of(item: dict[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in item["input"].items() if name in AS_THEY_ARE}
    return told | placed({name: value for name, value in item["input"].items() if name not in AS_THEY_ARE})


GIVEN = [given_of(item) for item in KIT]
EXPECTED = np.array([item["vector"] for item in KIT], np.float32)


def check(found: NDArray[np.float32], places: list[int]) -> None:
    """What the kit requires: clips within 1e-3, all else 1e-4."""
    assert found.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)
    for vector, place in zip(found, places, strict=True):
        tolerance = 1e-3 if "video" in GIVEN[place] else 1e-4
        np.testing.assert_allclose(vector, EXPECTED[place], atol=tolerance, err_msg=str(KIT[place]["input"])[:200])


@pytest.fixture(scope="module")
def model() -> Iterator[Qwen3VLEmbedder]:
    with Qwen3VLEmbedder(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        yield model


def test_every_vector_is_the_references_in_one_call(model: Qwen3VLEmbedder) -> None:
    check(model.process(GIVEN), list(range(len(GIVEN))))
    assert model.reasons == {}


@pytest.mark.parametrize("place", range(len(GIVEN)))
def test_every_vector_is_the_references_alone(model: Qwen3VLEmbedder, place: int) -> None:
    model.model.forward.give_back()
    check(model.process([GIVEN[place]]), [place])


@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(0, len(GIVEN) - 1), min_size=1, max_size=20), st.booleans())
def test_in_any_company_order_and_repetition(model: Qwen3VLEmbedder, order: list[int], features_kept: bool) -> None:
    if not features_kept:
        model.model.forward.give_back()
    check(model.process([GIVEN[place] for place in order]), order)


def test_what_cannot_be_read_is_a_row_of_nothing_with_its_reason(
    model: Qwen3VLEmbedder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    closed = Image.open(MEDIA / "photo0.jpg")
    closed.close()
    broken: list[dict[str, Any]] = [
        {"image": str(tmp_path / "gone.png")},
        {"text": "a", "image": str(tmp_path / "broken.jpg")},
        {"image": "https://example.org/a.png"},
        {"image": closed},
        {"video": str(MEDIA / "photo0.jpg")},
    ]
    with caplog.at_level(logging.WARNING, "core.given_media"):
        vectors = model.process([GIVEN[3], *broken, GIVEN[0]])
    check(vectors[[0, -1]], [3, 0])
    assert np.isnan(vectors[1:-1]).all()
    assert model.reasons.keys() == set(range(1, len(broken) + 1))
    assert model.reasons[1] == str(FileVanished())
    assert model.reasons[3] == str(AddressRefused())
    assert [message.split(" can't")[0] for message in caplog.messages] == [f"input {place}" for place in range(1, 6)]
    model.process([GIVEN[0]])
    assert model.reasons == {}, "those of the latest call"


def test_what_has_no_numbers_says_so(caplog: pytest.LogCaptureFixture) -> None:
    import torch

    with Qwen3VLEmbedder(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        network = model.model.forward._network
        with torch.no_grad():
            network.vision.places[0, 0] = torch.nan
        network.finish()
        vectors = model.process([GIVEN[0], GIVEN[3]])
    check(vectors[:1], [0])
    assert np.isnan(vectors[1]).all()
    assert "numbers" in model.reasons[1]
    assert model.reasons[1] in caplog.messages[0]


def test_nothing_given_is_nothing(model: Qwen3VLEmbedder) -> None:
    assert model.process([]).shape == (0, EXPECTED.shape[1])


def test_an_empty_input_is_encoded_as_the_reference_does(model: Qwen3VLEmbedder) -> None:
    empty, word = model.process([{}, {"text": "NULL"}])
    np.testing.assert_array_equal(empty, word)


def test_each_input_has_its_own_instruction_and_frames(model: Qwen3VLEmbedder) -> None:
    clip: dict[str, Any] = {"video": str(MEDIA / "pan.mp4")}
    given = [clip, clip | {"fps": 3.0}, clip | {"fps": 3.0, "max_frames": 4}, clip | {"instruction": "Find boats."}]
    together = model.process(given)
    alone = np.concatenate([model.process([one]) for one in given])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together[0], together[2], atol=1e-5, err_msg="four frames are four frames")
    assert len(np.unique(together[[0, 1, 3]].round(3), axis=0)) == 3


@pytest.mark.parametrize("words", ["Find boats", " Find boats.", "Find boats.\n"])
def test_an_instruction_ends_in_punctuation(model: Qwen3VLEmbedder, words: str) -> None:
    told, exact = model.process([{"text": "a", "instruction": words}, {"text": "a", "instruction": "Find boats."}])
    np.testing.assert_array_equal(told, exact)


def test_without_an_instruction_the_default_stands_as_it_is() -> None:
    with Qwen3VLEmbedder(
        PARITY / "model", device="cpu", torch_dtype="float32", default_instruction="Find boats"
    ) as model:
        default, nothing, told = model.process(
            [{"text": "a"}, {"text": "a", "instruction": "  "}, {"text": "a", "instruction": "Find boats"}]
        )
    np.testing.assert_array_equal(default, nothing)
    assert np.abs(default - told).max() > 1e-3, "only a given one is punctuated, as the reference does it"


def test_a_long_text_is_cut_and_said(model: Qwen3VLEmbedder, caplog: pytest.LogCaptureFixture) -> None:
    text = " ".join(str(random.Random(0).random()) for _ in range(4000))
    with caplog.at_level(logging.WARNING, "core.given_media"):
        one, other = model.process([{"text": text}, {"text": text + " more"}])
    np.testing.assert_allclose(one, other, atol=1e-6)
    assert sum("longer" in line for line in caplog.messages) == 2


def test_closed_it_says_so() -> None:
    with Qwen3VLEmbedder(PARITY / "model", device="cpu", torch_dtype="float32") as model:
        pass
    with pytest.raises(JudgeNotLoaded):
        model.process([GIVEN[0]])


@pytest.mark.parametrize("given", ["a door", {"text": "a door"}, ["a door"], ({"text": word} for word in "ab"), None])
def test_what_is_no_list_of_dictionaries_is_a_type_error(model: Qwen3VLEmbedder, given: Any) -> None:
    with pytest.raises(TypeError, match="a list of dictionaries"):
        model.process(given)


def test_a_model_of_two_towers_is_refused_and_auto_never_means_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "siglip")
    with pytest.raises(ModelNotEmbedder, match="Qwen3-VL is wanted here"):
        Qwen3VLEmbedder(tmp_path, device="cpu")
    with pytest.raises(ModelNotEmbedder, match="Qwen3-VL is wanted here"):
        Qwen3VLEmbedder("SigLIP2", device="cpu")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    with pytest.raises(ModelMissing, match="Embedding-2B"):
        Qwen3VLEmbedder(device="cpu")


def test_a_reranker_is_no_embedder(tmp_path: Path) -> None:
    folder = tmp_path / "Qwen3-VL-Reranker-2B"
    folder.symlink_to(PARITY / "model")
    with pytest.raises(ModelNotEmbedder):
        Qwen3VLEmbedder(folder, device="cpu")
