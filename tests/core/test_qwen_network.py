"""The network against transformers' own, on random weights of several shapes."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

from core.scorers.qwen_forward import Forward, Input
from core.scorers.qwen_network import NetworkShape, QwenNetwork
from tests.core.qwen_kit import CONFIG, WRITER, build, kit_network, lone, one_thread, pair, pixels

PICTURE, VIDEO = CONFIG["image_token_id"], CONFIG["video_token_id"]


def changed(config: dict[str, Any], text: dict[str, Any], vision: dict[str, Any], **others: Any) -> dict[str, Any]:
    config = copy.deepcopy(config) | others
    config["text_config"] |= text
    config["vision_config"] |= vision
    return config


SHAPES = {
    "kit": CONFIG,
    "tied, two keys for six heads": changed(
        CONFIG,
        {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 24, "num_hidden_layers": 3}
        | {"rope_scaling": {"rope_type": "default", "mrope_section": [4, 4, 4], "mrope_interleaved": True}},
        {"num_heads": 4, "depth": 5, "deepstack_visual_indexes": [1, 3], "num_position_embeddings": 49},
        tie_word_embeddings=True,
    ),
    "as many keys as heads, biases": changed(
        CONFIG,
        {"num_attention_heads": 3, "num_key_value_heads": 3, "head_dim": 32, "attention_bias": True}
        | {"rope_scaling": {"rope_type": "default", "mrope_section": [6, 5, 5], "mrope_interleaved": True}}
        | {"rms_norm_eps": 1e-5, "rope_theta": 10000, "num_hidden_layers": 2},
        {"deepstack_visual_indexes": [3], "intermediate_size": 96},
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module", params=SHAPES, ids=str)
def theirs(request: pytest.FixtureRequest) -> Qwen3VLForConditionalGeneration:
    """transformers' network with weights that leave nothing at zero or one."""
    torch.manual_seed(3)
    model = Qwen3VLForConditionalGeneration(Qwen3VLConfig(**copy.deepcopy(SHAPES[request.param]))).eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "norm" in name and name.endswith("weight"):
                weight.uniform_(0.5, 1.5)
            else:
                weight.normal_(0, 0.3 if name.endswith("bias") else weight.shape[-1] ** -0.5)
    model.requires_grad_(False)
    model.given_config = SHAPES[request.param]
    return model


@pytest.fixture
def ours(theirs: Qwen3VLForConditionalGeneration) -> QwenNetwork:
    return build(theirs.given_config, theirs.state_dict())


def patches(frames: np.ndarray) -> tuple[Tensor, list[int]]:
    """Pixels as the model's own processor lays them out, and their grid (time, rows, columns)."""
    frames = frames if len(frames) > 1 else frames.repeat(2, axis=0)
    count, height, width, _ = frames.shape
    values = (torch.from_numpy(frames).float() - 127.5) / 127.5
    blocks = values.reshape(count // 2, 2, height // 32, 2, 16, width // 32, 2, 16, 3)
    return blocks.permute(0, 2, 5, 3, 6, 8, 1, 4, 7).reshape(-1, 1536), [count // 2, height // 16, width // 16]


def their_state(model: Qwen3VLForConditionalGeneration, pair: Input) -> Tensor:
    """What transformers computes for a prompt, its positions included: the last state."""
    ids = torch.from_numpy(pair.prompt.ids)[None]
    stills = [patches(seen.frames) for seen in pair.visions if seen.frames is not None and len(seen.frames) == 1]
    clips = [patches(seen.frames) for seen in pair.visions if seen.frames is not None and len(seen.frames) > 1]
    inputs: dict[str, Tensor] = {}
    for found, name, grid in ((stills, "pixel_values", "image"), (clips, "pixel_values_videos", "video")):
        if found:
            inputs[name] = torch.cat([values for values, _ in found])
            inputs[f"{grid}_grid_thw"] = torch.tensor([sizes for _, sizes in found])
    kinds = (ids == PICTURE).int() + 2 * (ids == VIDEO).int()
    state: Tensor = model.model(input_ids=ids, mm_token_type_ids=kinds, **inputs).last_hidden_state[0, -1]
    return state


def their_logit(model: Qwen3VLForConditionalGeneration, pair: Input) -> float:
    return float(their_state(model, pair) @ (model.lm_head.weight[WRITER.yes] - model.lm_head.weight[WRITER.no]))


WIDE, TALL, SMALL = pixels(1, 2, 5), pixels(2, 4, 2), pixels(3, 2, 2)
CLIP, LONG_CLIP = pixels(4, 2, 3, frames=4), pixels(5, 2, 2, frames=6)
PAIRS = {
    "texts": pair(["a cat in the sun"], ["一只橘猫趴在窗台晒太阳 and nothing else"]),
    "long text": pair(["a cat"], ["boats, lamps and rain. " * 40]),
    "picture": pair(["a cat"], [WIDE]),
    "query picture": pair(["at night", TALL], ["a dog"]),
    "several pictures": pair([SMALL, WIDE], ["words", TALL, SMALL, TALL]),
    "clip": pair(["a cat"], [CLIP]),
    "everything": pair(["x", WIDE, CLIP], ["y", TALL, LONG_CLIP]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_logits_are_transformers(theirs: Qwen3VLForConditionalGeneration, ours: QwenNetwork, name: str) -> None:
    ((_, logits),) = Forward(ours).logits([PAIRS[name]])
    assert logits[0] == pytest.approx(their_logit(theirs, PAIRS[name]), abs=1e-4)


LONE = {
    "text": lone(["一只橘猫趴在窗台晒太阳 and nothing else"]),
    "picture": lone([WIDE]),
    "clip and words": lone(["a cat", LONG_CLIP]),
    "everything": lone(["x", TALL, CLIP, SMALL], "Represent the user's input."),
}


@pytest.mark.parametrize("name", LONE)
def test_vectors_are_transformers(theirs: Qwen3VLForConditionalGeneration, ours: QwenNetwork, name: str) -> None:
    expected = their_state(theirs, LONE[name])
    ((_, vectors),) = Forward(ours).vectors([LONE[name]])
    np.testing.assert_allclose(vectors[0], expected / expected.norm(), atol=1e-5)


def test_every_weight_of_the_checkpoint_is_used_once(
    theirs: Qwen3VLForConditionalGeneration, ours: QwenNetwork
) -> None:
    used = [tensor for tensors in ours.sources().values() for tensor in tensors]
    assert sorted(used) == sorted(name for name in theirs.state_dict() if name != "lm_head.weight")
    assert ours.shape.parameters == sum(weight.numel() for weight in theirs.model.parameters())


def test_every_weight_moves_the_logit() -> None:
    """None is read and forgotten, and `finish` derives anew."""
    network, mixed = kit_network(), PAIRS["everything"]
    ((_, before),) = Forward(network).logits([mixed])
    for name, weight in network.named_parameters():
        kept = weight.detach().clone()
        with torch.no_grad():
            weight.add_(torch.linspace(0.1, 0.5, weight.numel()).reshape(weight.shape))
        network.finish()
        ((_, after),) = Forward(network).logits([mixed])
        assert after[0] != before[0], name
        with torch.no_grad():
            weight.copy_(kept)
    network.finish()
    ((_, again),) = Forward(network).logits([mixed])
    assert again[0] == before[0]


# --- the shape ---------------------------------------------------------------------------------------


def test_the_config_of_transformers_5_says_the_same() -> None:
    saved = Qwen3VLConfig(**copy.deepcopy(CONFIG)).to_dict()
    assert "rope_scaling" not in saved["text_config"]
    assert NetworkShape.from_config(saved) == NetworkShape.from_config(CONFIG)


@pytest.mark.parametrize(
    ("text", "vision", "others"),
    [
        ({}, {}, {"model_type": "qwen2_5_vl"}),
        ({"hidden_act": "gelu"}, {}, {}),
        ({"rope_scaling": {"rope_type": "yarn", "mrope_section": [4, 2, 2]}}, {}, {}),
        ({}, {"hidden_act": "silu"}, {}),
        ({}, {"out_hidden_size": 65}, {}),
        ({}, {"num_position_embeddings": 2305}, {}),
    ],
)
def test_another_kind_of_network_is_refused(
    text: dict[str, Any], vision: dict[str, Any], others: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        NetworkShape.from_config(changed(CONFIG, text, vision, **others))


def test_a_missing_size_is_named() -> None:
    config = copy.deepcopy(CONFIG)
    del config["text_config"]["num_hidden_layers"]
    with pytest.raises(KeyError, match="num_hidden_layers"):
        NetworkShape.from_config(config)


@pytest.mark.parametrize(
    "text", [{"num_attention_heads": 0}, {"num_hidden_layers": 1_000_000}, {"hidden_size": -64}, {"vocab_size": "458"}]
)
def test_sizes_that_no_network_has_are_refused(text: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        NetworkShape.from_config(changed(CONFIG, text, {}))


def test_operations_of_the_2b_shape_are_what_was_counted_by_hand() -> None:
    """About 1.7 TFLOP for a picture of 256 tokens and a text query, two fifths of it in the vision tower."""
    rotary = {"rope_type": "default", "mrope_section": [24, 20, 20]}
    text = {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28, "head_dim": 128}
    text |= {"num_attention_heads": 16, "num_key_value_heads": 8, "vocab_size": 151936, "rope_scaling": rotary}
    vision = {"depth": 24, "hidden_size": 1024, "num_heads": 16, "intermediate_size": 4096, "out_hidden_size": 2048}
    shape = NetworkShape.from_config(changed(CONFIG, text, vision | {"deepstack_visual_indexes": [5, 11, 17]}))
    assert shape.flops(320, 1024) == pytest.approx(1.7e12, rel=0.05)
    assert 0.35 < 1 - shape.flops(320, 0) / shape.flops(320, 1024) < 0.5
    assert shape.parameters == pytest.approx(2.13e9, rel=0.01)


# --- other precisions --------------------------------------------------------------------------------


@pytest.mark.parametrize(("dtype", "noise"), [(torch.bfloat16, 0.1), (torch.float16, 0.02)])
def test_half_precision_is_near(dtype: torch.dtype, noise: float) -> None:
    pairs = list(PAIRS.values())
    exact, rounded = (np.zeros(len(pairs)) for _ in range(2))
    for logits, network in ((exact, kit_network()), (rounded, kit_network(dtype))):
        for indices, found in Forward(network).logits(pairs):
            logits[indices] = found
    assert np.abs(rounded - exact).max() < noise
    assert np.abs(rounded - exact).max() > 0
