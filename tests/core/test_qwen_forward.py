"""Batches, shared beginnings, kept features and memory: whatever is computed together, every score is its own."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from core.scorers.qwen_forward import NO_MEMORY, NOT_A_NUMBER, Forward, Input, Seen, Stopped
from core.scorers.qwen_network import QwenNetwork
from tests.core.qwen_kit import kit_network, lone, one_thread, pair, pixels

WIDE, TALL, SMALL, LARGE = pixels(1, 2, 5), pixels(2, 4, 2), pixels(3, 2, 2), pixels(6, 9, 9)
CLIP = pixels(4, 2, 3, frames=4)
QUERIES: list[list[Any]] = [["a cat in the sun"], ["a cat in the suns"], ["at night", TALL], [CLIP, WIDE]]
DOCUMENTS: list[list[Any]] = [
    ["a dog"],
    ["，一只橘猫"],
    ["boats, lamps and rain. " * 30],
    [WIDE],
    [TALL],
    [SMALL, WIDE],
    [LARGE],
    [CLIP],
    ["words", CLIP, TALL],
]
NETWORK = kit_network()


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


def computed(forward: Forward, pairs: Sequence[Input]) -> NDArray[np.float32]:
    logits = np.full(len(pairs), np.inf, np.float32)
    for indices, found in forward.logits(pairs):
        assert np.isinf(logits[indices]).all(), "each pair comes once"
        logits[indices] = found
    assert not np.isinf(logits).any()
    return logits


ALL = [(q, d) for q in range(len(QUERIES)) for d in range(len(DOCUMENTS))]
PAIRS = {(q, d): pair(QUERIES[q], DOCUMENTS[d]) for q, d in ALL}


@pytest.fixture(scope="module")
def alone() -> dict[tuple[int, int], float]:
    """The logit of every pair, computed by itself from scratch."""
    return {key: float(computed(Forward(NETWORK), [PAIRS[key]])[0]) for key in ALL}


# --- company -----------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    keys=st.lists(st.sampled_from(ALL), min_size=1, max_size=12), budget=st.integers(1, 3000), kept=st.integers(0, 1)
)
def test_a_score_does_not_depend_on_its_company(
    alone: dict[tuple[int, int], float], keys: list[tuple[int, int]], budget: int, kept: int
) -> None:
    forward = Forward(NETWORK, token_budget=budget, kept_bytes=kept * 10**9)
    for _ in range(2):  # the second time with whatever was kept
        logits = computed(forward, [PAIRS[key] for key in keys])
        np.testing.assert_allclose(logits, [alone[key] for key in keys], atol=1e-5)


def test_the_longest_come_first() -> None:
    pairs = [PAIRS[0, document] for document in range(len(DOCUMENTS))]
    batches = [indices for indices, _ in Forward(NETWORK, token_budget=1).logits(pairs)]
    lengths = [len(pairs[index].prompt.ids) for (index,) in batches]
    assert lengths == sorted(lengths, reverse=True)


def test_a_gpu_is_given_the_next_batch_before_the_last_is_read(alone: dict[tuple[int, int], float]) -> None:
    forward = Forward(NETWORK, token_budget=200)
    forward._ahead = True  # as on a GPU
    keys = [(0, document) for document in range(len(DOCUMENTS))]
    np.testing.assert_allclose(computed(forward, [PAIRS[key] for key in keys]), [alone[k] for k in keys], atol=1e-5)
    batches: list[list[int]] = []
    with pytest.raises(Stopped):
        for indices, _ in forward.logits([PAIRS[key] for key in keys], lambda: bool(batches)):
            batches.append(indices)
    assert len(batches) == 2, "what was computed when the stop came is not lost"


LONE = [lone(given) for given in DOCUMENTS] + [lone(["a dog"], "Another instruction."), lone([WIDE], "Another.")]


def encoded(forward: Forward, inputs: Sequence[Input]) -> NDArray[np.float32]:
    vectors = np.full((len(inputs), 64), np.inf, np.float32)
    for indices, found in forward.vectors(inputs):
        assert np.isinf(vectors[indices]).all(), "each comes once"
        vectors[indices] = found
    return vectors


@pytest.fixture(scope="module")
def vectors_alone() -> NDArray[np.float32]:
    """The vector of every input, computed by itself from scratch, with next to nothing taken for shared."""
    apart = [replace(given, prompt=replace(given.prompt, document_start=1)) for given in LONE]
    return np.concatenate([encoded(Forward(NETWORK), [given]) for given in apart])


@settings(deadline=None, max_examples=30)
@given(
    places=st.lists(st.integers(0, len(LONE) - 1), min_size=1, max_size=12),
    budget=st.integers(1, 3000),
    kept=st.integers(0, 1),
)
def test_a_vector_does_not_depend_on_its_company(
    vectors_alone: NDArray[np.float32], places: list[int], budget: int, kept: int
) -> None:
    forward = Forward(NETWORK, token_budget=budget, kept_bytes=kept * 10**9)
    for _ in range(2):
        vectors = encoded(forward, [LONE[place] for place in places])
        np.testing.assert_allclose(vectors, vectors_alone[places], atol=1e-5)


def test_a_network_gives_logits_and_vectors_by_turns(
    alone: dict[tuple[int, int], float], vectors_alone: NDArray[np.float32]
) -> None:
    forward = Forward(NETWORK)
    for _ in range(2):
        np.testing.assert_allclose(encoded(forward, LONE[3:5]), vectors_alone[3:5], atol=1e-5)
        np.testing.assert_allclose(computed(forward, [PAIRS[0, 3]]), [alone[0, 3]], atol=1e-5)


# --- what is kept ------------------------------------------------------------------------------------


def frameless(pair: Input) -> Input:
    return replace(pair, visions=tuple(Seen(seen.key, None) for seen in pair.visions))


def test_kept_features_need_no_pixels(alone: dict[tuple[int, int], float]) -> None:
    forward = Forward(NETWORK)
    pairs = [PAIRS[0, 3], PAIRS[0, 7], PAIRS[3, 8]]
    keys = [seen.key for pair in pairs for seen in pair.visions]
    assert not any(map(forward.keeps, keys))
    first = computed(forward, pairs)
    assert all(map(forward.keeps, keys))
    np.testing.assert_array_equal(computed(forward, [frameless(pair) for pair in pairs]), first)
    forward.give_back()
    assert not any(map(forward.keeps, keys))
    np.testing.assert_allclose(computed(forward, pairs), [alone[0, 3], alone[0, 7], alone[3, 8]], atol=1e-5)


def test_the_least_recently_used_go_first() -> None:
    size = 4 * 4 * 64 * 4  # levels, tokens, hidden, bytes of a number
    pictures = [pair(["a cat"], [pixels(seed, 2, 2)]) for seed in range(4)]
    forward = Forward(NETWORK, kept_bytes=3 * size)
    for one in (0, 1, 2, 0, 3):
        computed(forward, [pictures[one]])
    assert [forward.keeps(picture.visions[0].key) for picture in pictures] == [True, False, True, True]


def test_what_comes_without_pixels_is_not_pushed_out_by_its_own_call() -> None:
    size = 4 * 10 * 64 * 4
    forward = Forward(NETWORK, kept_bytes=size, token_budget=1)
    known = computed(forward, [PAIRS[0, 3]])
    logits = computed(forward, [PAIRS[0, 6], PAIRS[0, 4], PAIRS[0, 5], frameless(PAIRS[0, 3])])
    assert logits[3] == pytest.approx(known[0], abs=1e-5)


def test_a_question_asked_again_costs_less() -> None:
    forward, pairs = Forward(NETWORK), [PAIRS[2, 3], PAIRS[2, 4]]
    with _Counting() as first:
        computed(forward, pairs)
    with _Counting() as second:
        computed(forward, pairs)
    with _Counting() as other:
        computed(forward, [PAIRS[0, 3], PAIRS[0, 4]])
    assert first.elements > other.elements > second.elements


# --- stopping ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0, 1, 5, 12, 30])
def test_it_stops_between_layers_and_can_go_on(alone: dict[tuple[int, int], float], after: int) -> None:
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > after

    forward = Forward(NETWORK, token_budget=100)
    pairs = [PAIRS[3, document] for document in range(len(DOCUMENTS))]
    with pytest.raises(Stopped):
        list(forward.logits(pairs, stopped))
    assert asked == after + 1
    np.testing.assert_allclose(
        computed(forward, pairs), [alone[3, document] for document in range(len(DOCUMENTS))], atol=1e-5
    )


# --- memory ------------------------------------------------------------------------------------------


class _Counting(TorchDispatchMode):
    """Counts operations and the numbers they write."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = self.elements = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        self.before(func)
        result = func(*args, **(kwargs or {}))
        if isinstance(result, Tensor):
            self.elements += result.numel()
            self.after(result)
        return result

    def before(self, func: Any) -> None: ...

    def after(self, result: Tensor) -> None: ...


class _FailingOnce(_Counting):
    """Memory runs out at one operation."""

    def __init__(self, at: int, error: Callable[[], Exception]) -> None:
        super().__init__()
        self.at, self.error = at, error

    def before(self, func: Any) -> None:
        if self.operations == self.at:
            raise self.error()


class _Small(_Counting):
    """A device that can't hold a tensor of so many numbers."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def after(self, result: Tensor) -> None:
        if result.numel() > self.most:
            raise torch.OutOfMemoryError("out of memory")


def tensor_bytes() -> int:
    gc.collect()
    storages = {
        thing.untyped_storage().data_ptr(): thing.untyped_storage().nbytes()
        for thing in gc.get_objects()
        if issubclass(type(thing), Tensor) and thing.device.type == "cpu"
    }
    return sum(storages.values())


ERRORS: list[Callable[[], Exception]] = [
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
    lambda: RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes"),
    lambda: RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
]


def test_memory_running_out_at_any_operation_loses_no_score() -> None:
    """The second call of a session: some features and a question are kept, others are new."""

    def session(mode: _Counting) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        forward = Forward(NETWORK, token_budget=300)
        computed(forward, [PAIRS[0, 3], PAIRS[0, 7]])
        pairs = [frameless(PAIRS[0, 3]), frameless(PAIRS[0, 7]), *(PAIRS[2, d] for d in (4, 8, 6, 3)), PAIRS[0, 2]]
        with mode:
            logits = computed(forward, pairs)
        assert not forward.reasons
        return logits, computed(forward, [PAIRS[2, 7], PAIRS[0, 1]])

    undisturbed = _Counting()
    expected = np.concatenate(session(undisturbed))
    gc.freeze()  # so that collecting garbage fifty times takes no time
    before = tensor_bytes()
    for number, at in enumerate(np.linspace(1, undisturbed.operations, 50).astype(int)):
        failing = _FailingOnce(int(at), ERRORS[number % len(ERRORS)])
        logits = np.concatenate(session(failing))
        assert failing.operations > at, "it went on"
        np.testing.assert_allclose(logits, expected, atol=1e-5, err_msg=f"operation {at}")
    assert tensor_bytes() <= before
    gc.unfreeze()


def test_batches_stay_half_as_large() -> None:
    forward = Forward(NETWORK, token_budget=4000)
    pairs = [PAIRS[0, document] for document in (3, 4) * 12]
    expected = computed(forward, pairs)
    forward.give_back()
    with _Small(100_000):
        np.testing.assert_allclose(computed(forward, pairs), expected, atol=1e-5)
        small = forward.batch_tokens
        assert small < 4000
        np.testing.assert_allclose(computed(forward, pairs), expected, atol=1e-5)
    assert forward.batch_tokens == small


def test_what_never_fits_is_told_and_the_others_are_computed(alone: dict[tuple[int, int], float]) -> None:
    forward = Forward(NETWORK)
    pairs = [PAIRS[0, document] for document in (0, 2, 3, 6)]
    with _Small(100_000):
        logits = computed(forward, pairs)
    assert np.isnan(logits).tolist() == [False, True, False, True]
    assert forward.reasons == {1: NO_MEMORY, 3: NO_MEMORY}
    np.testing.assert_allclose(logits[[0, 2]], [alone[0, 0], alone[0, 3]], atol=1e-5)
    np.testing.assert_allclose(computed(forward, pairs), [alone[0, d] for d in (0, 2, 3, 6)], atol=1e-5)
    assert not forward.reasons


def test_memory_running_out_at_any_operation_loses_no_vector(vectors_alone: NDArray[np.float32]) -> None:
    undisturbed = _Counting()
    with undisturbed:
        encoded(Forward(NETWORK, token_budget=300), LONE)
    for number, at in enumerate(np.linspace(1, undisturbed.operations, 12).astype(int)):
        failing = _FailingOnce(int(at), ERRORS[number % len(ERRORS)])
        forward = Forward(NETWORK, token_budget=300)
        with failing:
            vectors = encoded(forward, LONE)
        assert failing.operations > at, "it went on"
        assert not forward.reasons
        np.testing.assert_allclose(vectors, vectors_alone, atol=1e-5, err_msg=f"operation {at}")


def test_a_vector_that_never_fits_is_told_and_the_others_are_computed(vectors_alone: NDArray[np.float32]) -> None:
    forward = Forward(NETWORK)
    with _Small(100_000):
        vectors = encoded(forward, [LONE[place] for place in (0, 2, 3, 6)])
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, False, True]
    assert forward.reasons == {1: NO_MEMORY, 3: NO_MEMORY}
    np.testing.assert_allclose(vectors[[0, 2]], vectors_alone[[0, 3]], atol=1e-5)


def test_another_error_is_not_taken_for_memory() -> None:
    with _FailingOnce(40, lambda: RuntimeError("shapes do not match")), pytest.raises(RuntimeError, match="shapes"):
        list(Forward(NETWORK).logits([PAIRS[0, 3]]))


def test_closing_gives_everything_back() -> None:
    before = tensor_bytes()
    forward = Forward(kit_network())
    computed(forward, list(PAIRS.values()))
    assert tensor_bytes() > before + 10**6
    forward.close()
    assert tensor_bytes() <= before


# --- numbers that are none ---------------------------------------------------------------------------


def overflowing(dtype: torch.dtype, factor: float) -> QwenNetwork:
    """The kit's network with an MLP whose inner numbers are that much larger, and its result as it was."""
    network = kit_network(dtype)
    for layer in (network.language.layers[1], network.language.last):
        with torch.no_grad():
            layer.gate_up.weight[128:] *= factor
            layer.down.weight /= factor
    return network


def test_what_overflows_float16_is_computed_in_float32(alone: dict[tuple[int, int], float]) -> None:
    pairs = [PAIRS[0, document] for document in (0, 3, 7)]
    forward = Forward(overflowing(torch.float16, 2.0**15))
    logits = computed(forward, pairs)
    np.testing.assert_allclose(logits, [alone[0, 0], alone[0, 3], alone[0, 7]], atol=0.05)
    assert not forward.reasons


def test_a_vector_that_overflows_float16_is_computed_in_float32(vectors_alone: NDArray[np.float32]) -> None:
    forward = Forward(overflowing(torch.float16, 2.0**15))
    np.testing.assert_allclose(encoded(forward, LONE), vectors_alone, atol=0.02)
    assert not forward.reasons


def test_a_tower_that_overflows_float16_is_computed_in_float32() -> None:
    logits = []
    for dtype in (torch.float32, torch.float16):
        network = kit_network(dtype)
        with torch.no_grad():
            network.vision.blocks[1].up.bias.fill_(2.0**10)
            network.vision.blocks[1].down.weight.fill_(2.0)
        forward = Forward(network)
        logits.append(computed(forward, [PAIRS[0, 3]])[0])
        assert not forward.reasons
    assert logits[1] == pytest.approx(logits[0], abs=0.1)


def test_what_is_no_number_has_a_reason(alone: dict[tuple[int, int], float]) -> None:
    network = kit_network()
    with torch.no_grad():
        network.vision.places[0, 0] = torch.nan
    network.finish()
    forward = Forward(network)
    logits = computed(forward, [PAIRS[0, 0], PAIRS[0, 3]])
    assert logits[0] == pytest.approx(alone[0, 0], abs=1e-5)
    assert np.isnan(logits[1])
    assert forward.reasons == {1: NOT_A_NUMBER}
    vectors = encoded(forward, [LONE[0], LONE[3]])
    assert np.isfinite(vectors).all(axis=1).tolist() == [True, False]
    assert forward.reasons == {1: NOT_A_NUMBER}
