"""Random checkpoints, on which speed is measured: every loader must take them for real ones."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.bench.random_model import SHAPES, Shape, config_of, write_random_model

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

MEDIA = Path(__file__).parents[1] / "data" / "parity" / "media"


def _loaded(folder: Path) -> tuple[dict[str, Any], dict[str, set[str]]]:
    network, told = transformers.Qwen3VLForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    return network.state_dict(), told


@pytest.mark.parametrize("tied", [False, True])
def test_transformers_finds_every_weight_and_no_other(tmp_path: Path, tied: bool) -> None:
    write_random_model(tmp_path, replace(SHAPES["tiny"], tied=tied))
    weights, told = _loaded(tmp_path)
    assert not told["missing_keys"]
    assert not told["unexpected_keys"]
    assert torch.equal(weights["lm_head.weight"], weights["model.language_model.embed_tokens.weight"]) is tied


def test_shards_hold_the_same_weights_as_one_file(tmp_path: Path) -> None:
    write_random_model(tmp_path / "whole", SHAPES["tiny"])
    write_random_model(tmp_path / "shards", SHAPES["tiny"], shard_bytes=300_000)
    shards = sorted(path.name for path in (tmp_path / "shards").glob("*.safetensors"))
    assert shards[0] == f"model-00001-of-{len(shards):05}.safetensors"
    assert len(shards) > 2
    index = json.loads((tmp_path / "shards" / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"].values()) == set(shards)
    whole, sharded = _loaded(tmp_path / "whole")[0], _loaded(tmp_path / "shards")[0]
    assert index["metadata"]["total_size"] == sum(tensor.nbytes for tensor in whole.values())
    assert all(torch.equal(whole[name], sharded[name]) for name in whole)


def test_the_seed_decides_the_weights(tmp_path: Path) -> None:
    names = {"one": 1, "same": 1, "other": 2}
    for name, seed in names.items():
        write_random_model(tmp_path / name, SHAPES["tiny"], seed=seed)
    one, same, other = ((tmp_path / name / "model.safetensors").read_bytes() for name in names)
    assert one == same != other


@pytest.mark.parametrize(("name", "billions"), [("2B", 2.1275), ("8B", 8.7671)])
def test_the_real_shapes_have_the_real_number_of_parameters(name: str, billions: float) -> None:
    """4.3 and 17.5 GB in bfloat16, as published."""
    assert _parameters(SHAPES[name]) / 1e9 == pytest.approx(billions, abs=1e-4)


def _parameters(shape: Shape) -> int:
    with torch.device("meta"):
        network = transformers.Qwen3VLForConditionalGeneration(transformers.Qwen3VLConfig(**config_of(shape)))
    return sum(parameter.numel() for parameter in network.parameters())


def test_different_pictures_get_different_scores(tmp_path: Path) -> None:
    """Else neither agreement nor rank correlation would mean anything."""
    pytest.importorskip("qwen_vl_utils")
    from tests.bench.plain_loop import PlainLoop

    write_random_model(tmp_path, SHAPES["tiny"])
    judge = PlainLoop(tmp_path, "cpu", torch.float32, 512 * 512)
    logits = judge.logits("a dog on the beach", sorted(MEDIA.glob("*.[jp][pn]g")))
    assert 0.3 < logits.std() < 3
    assert abs(logits).max() < 12  # beyond that the sigmoid, in float32, tells them no longer apart
