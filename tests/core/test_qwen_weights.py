"""From a checkpoint's files to a network: every weight in its place, or an error that names the file."""

from __future__ import annotations

import gc
import json
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from core.errors import JudgeError, MemoryTooSmall, ModelDamaged, ModelIncomplete, ModelNotReranker
from core.scorers import qwen_weights
from core.scorers.qwen_weights import LoadedNetwork, load_network, read_shape, weight_bytes

KIT = Path(__file__).parents[1] / "data" / "parity" / "model"
YES, NO = 7, 300
SINGLE, INDEX = "model.safetensors", "model.safetensors.index.json"

T = TypeVar("T")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several wait for each other, however small the work, where other programs run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def returned(steps: Generator[Any, None, T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value


def load(folder: Path, precision: str = "float32") -> LoadedNetwork:
    return returned(load_network(folder, (YES, NO), device="cpu", precision=precision, title="Tiny"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The parity kit's model, to be changed."""
    return Path(shutil.copytree(KIT, tmp_path / "model"))


def rewrite(folder: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]]) -> None:
    save_file(change(load_file(folder / SINGLE)), folder / SINGLE)


def split(folder: Path, shards: int = 3) -> list[str]:
    """Spread the weights over shards with an index, as large checkpoints are; the shards' names."""
    tensors = load_file(folder / SINGLE)
    (folder / SINGLE).unlink()
    names = [f"model-{number + 1:05}-of-{shards:05}.safetensors" for number in range(shards)]
    weight_map = {tensor: names[number % shards] for number, tensor in enumerate(sorted(tensors))}
    for name in names:
        save_file({tensor: tensors[tensor] for tensor, shard in weight_map.items() if shard == name}, folder / name)
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))
    return names


def state(loaded: LoadedNetwork) -> dict[str, Tensor]:
    return {**dict(loaded.network.named_parameters()), **dict(loaded.network.named_buffers())}


def same(one: LoadedNetwork, other: LoadedNetwork) -> bool:
    first, second = state(one), state(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


# --- every weight in its place -----------------------------------------------------------------------


def test_every_parameter_is_what_the_checkpoint_says() -> None:
    loaded, tensors = load(KIT), load_file(KIT / SINGLE)
    network = loaded.network
    used = set()
    for name, origins in network.sources().items():
        expected = torch.cat([tensors[origin] for origin in origins])
        assert torch.equal(network.get_parameter(name), expected), name
        used |= set(origins)
    assert set(tensors) - used == {"lm_head.weight"}
    torch.testing.assert_close(network.head, tensors["lm_head.weight"][YES] - tensors["lm_head.weight"][NO])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16", "int8", "int4"])
def test_progress_is_in_bytes_of_what_is_in_place(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qwen_weights, "PIECE", 1000)
    told = list(load_network(KIT, (YES, NO), device="cpu", precision=precision))
    loaded = load(KIT, precision)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert {total for _, total in told} == {loaded.memory}
    assert told[-1] == (loaded.memory, loaded.memory)
    assert len(told) > 300
    assert loaded.memory + loaded.network.head.nbytes == sum(tensor.nbytes for tensor in state(loaded).values())


def test_pieces_of_any_size_make_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = {precision: load(KIT, precision) for precision in ("bfloat16", "int8", "int4")}
    monkeypatch.setattr(qwen_weights, "PIECE", 500)
    for precision, loaded in whole.items():
        assert same(loaded, load(KIT, precision))


def test_shards_make_the_same_network_as_one_file(model: Path) -> None:
    split(model)
    assert same(load(KIT), load(model))


def test_beside_one_file_an_index_that_is_left_over_means_nothing(model: Path) -> None:
    for name in split(model):
        (model / name).unlink()
    shutil.copy(KIT / SINGLE, model)
    assert same(load(KIT), load(model))


@pytest.mark.parametrize(
    "renamed",
    [
        lambda name: name.replace("model.language_model.", "model.").replace("model.visual.", "visual."),
        lambda name: (
            name.replace("model.language_model.", "language_model.model.")
            .replace("model.visual.", "visual.")
            .replace("lm_head.", "language_model.lm_head.")
        ),
    ],
)
def test_older_names_of_tensors_are_known(model: Path, renamed: Callable[[str], str]) -> None:
    rewrite(model, lambda tensors: {renamed(name): tensor for name, tensor in tensors.items()})
    assert same(load(KIT), load(model))


def test_a_head_tied_to_the_embedding_is_read_from_it(model: Path) -> None:
    rewrite(model, lambda tensors: {name: tensors[name] for name in tensors if name != "lm_head.weight"})
    embedding = load_file(KIT / SINGLE)["model.language_model.embed_tokens.weight"]
    torch.testing.assert_close(load(model).network.head, embedding[YES] - embedding[NO])


def test_the_head_stays_in_float32_whatever_the_precision() -> None:
    assert torch.equal(load(KIT, "bfloat16").network.head, load(KIT).network.head)


# --- precisions --------------------------------------------------------------------------------------


def logits(loaded: LoadedNetwork) -> Tensor:
    """Of made-up prompts, each its own tokens."""
    network, generator = loaded.network, torch.Generator().manual_seed(3)
    ids = torch.randint(0, network.shape.vocabulary, (160, 40), generator=generator)
    places = torch.arange(40).expand(3, 160, 40)
    ends = torch.randint(20, 40, (160,), generator=generator)
    with torch.inference_mode():
        states = network.language(ids, places, ends, None, None, network.dtype, lambda: None)
        return network.logits(states)


def ranks(values: Tensor) -> Tensor:
    return values.argsort().argsort().double()


@pytest.mark.parametrize(("precision", "least"), [("bfloat16", 0.99), ("float16", 0.99), ("int8", 0.99), ("int4", 0.9)])
def test_fewer_bits_rank_as_float32_does(precision: str, least: float) -> None:
    exact, rounded = logits(load(KIT)), logits(load(KIT, precision))
    assert exact.std() > 0.3, "scores must be spread for their order to mean anything"
    assert torch.corrcoef(torch.stack([ranks(exact), ranks(rounded)]))[0, 1] > least
    assert not torch.equal(exact, rounded)


def test_only_the_language_models_products_are_kept_in_fewer_bits() -> None:
    shape = read_shape(KIT)
    bytes_of = {precision: weight_bytes(shape, precision, torch.bfloat16) for precision in ("bfloat16", "int8", "int4")}
    small = {type(module).__name__ for module in load(KIT, "int4").network.language.modules()}
    assert "Int4Linear" in small
    assert "Linear" not in small
    assert "Linear" in {type(module).__name__ for module in load(KIT, "int4").network.vision.modules()}
    products = 4 * (64 * (64 + 32 + 32 + 64) + 3 * 64 * 128)  # of the kit's four layers
    assert bytes_of["bfloat16"] - bytes_of["int8"] == pytest.approx(products, rel=0.05)
    assert bytes_of["bfloat16"] > bytes_of["int8"] > bytes_of["int4"]


# --- what can be wrong with the files ----------------------------------------------------------------

LAST = "model.language_model.layers.3.mlp.down_proj.weight"


def without(name: str) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: {other: tensor for other, tensor in tensors.items() if other != name}


def with_one(name: str, change: Callable[[Tensor], Tensor]) -> Callable[[dict[str, Tensor]], dict[str, Tensor]]:
    return lambda tensors: tensors | {name: change(tensors[name])}


def with_nan(tensor: Tensor) -> Tensor:
    return torch.where(torch.arange(tensor.numel()).view(tensor.shape) == 5, torch.nan, tensor)


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (without(LAST), ModelDamaged, f"{LAST} is missing"),
        (without("model.language_model.embed_tokens.weight"), ModelDamaged, "embed_tokens.weight is missing"),
        (with_one(LAST, lambda tensor: tensor[:, :-1].contiguous()), ModelDamaged, "[64, 127]"),
        (with_one(LAST, lambda tensor: tensor[:-1].contiguous()), ModelDamaged, "[63, 128]"),
        (with_one(LAST, lambda tensor: torch.tensor(1.0)), ModelDamaged, "[]"),
        (with_one(LAST, with_nan), ModelDamaged, "no numbers"),
        (with_one(LAST, lambda tensor: tensor.to(torch.int8)), ModelNotReranker, "I8"),
        (with_one(LAST, lambda tensor: tensor.to(torch.float8_e4m3fn)), ModelNotReranker, "F8_E4M3"),
        (with_one("lm_head.weight", lambda tensor: tensor[:100].contiguous()), ModelDamaged, "no row 300"),
    ],
)
def test_a_wrong_tensor_is_named_with_its_file(
    model: Path, change: Callable[[dict[str, Tensor]], dict[str, Tensor]], kind: type[JudgeError], words: str
) -> None:
    rewrite(model, change)
    with pytest.raises(kind) as caught:
        load(model)
    assert words in str(caught.value)
    assert str(model) in str(caught.value)
    if kind is ModelDamaged:
        assert caught.value.data["file"] == SINGLE


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(file.read_bytes()[:40]),
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"version https://git-lfs.github.com/spec/v1\n"),
        lambda file: file.write_bytes(file.read_bytes() + b"more"),
        lambda file: file.write_bytes(b"\xff" * 8 + file.read_bytes()[8:]),
    ],
)
def test_a_spoilt_shard_is_named(model: Path, spoil: Callable[[Path], object]) -> None:
    shard = split(model)[1]
    spoil(model / shard)
    with pytest.raises(ModelDamaged) as caught:
        load(model)
    assert caught.value.data["file"] == shard


def test_a_missing_shard_is_named(model: Path) -> None:
    shard = split(model)[2]
    (model / shard).unlink()
    with pytest.raises(ModelIncomplete) as caught:
        load(model)
    assert caught.value.data["file"] == shard


def test_no_weights_at_all(model: Path) -> None:
    (model / SINGLE).unlink()
    (model / "pytorch_model.bin").write_bytes(b"never opened")
    with pytest.raises(ModelIncomplete) as caught:
        load(model)
    assert caught.value.data["file"] == SINGLE


def test_a_tensor_that_its_shard_lacks_is_told_with_that_shard(model: Path) -> None:
    split(model)
    shard = json.loads((model / INDEX).read_text())["weight_map"][LAST]
    save_file(without(LAST)(load_file(model / shard)), model / shard)
    with pytest.raises(ModelDamaged) as caught:
        load(model)
    assert caught.value.data["file"] == shard
    assert LAST in str(caught.value)


@pytest.mark.parametrize("words", ["", "[]", "{}", '{"weight_map": []}', '{"weight_map": {"a": '])
def test_an_index_that_is_none(model: Path, words: str) -> None:
    (model / SINGLE).unlink()
    (model / INDEX).write_text(words)
    with pytest.raises(ModelDamaged) as caught:
        load(model)
    assert caught.value.data["file"] == INDEX


def test_an_index_can_not_lead_out_of_the_folder(model: Path, tmp_path: Path) -> None:
    shutil.move(model / SINGLE, tmp_path / SINGLE)
    (model / INDEX).write_text(json.dumps({"weight_map": {LAST: f"../{SINGLE}"}}))
    with pytest.raises(ModelIncomplete):
        load(model)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (lambda config: config | {"model_type": "qwen2_5_vl"}, ModelNotReranker),
        (lambda config: {"model_type": "qwen3_vl"}, ModelNotReranker),
        (lambda config: config | {"text_config": None}, ModelNotReranker),
        (lambda config: [config], ModelNotReranker),
    ],
)
def test_another_architecture_is_no_reranker(model: Path, change: Callable[[Any], Any], kind: type[JudgeError]) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(change(config)))
    with pytest.raises(kind):
        load(model)


def test_a_config_that_is_not_there_or_not_json(model: Path) -> None:
    (model / "config.json").write_text("{")
    with pytest.raises(ModelDamaged):
        load(model)
    (model / "config.json").unlink()
    with pytest.raises(ModelIncomplete):
        load(model)


# --- memory ------------------------------------------------------------------------------------------


@pytest.fixture
def only_new_objects() -> Iterator[None]:
    """What was there before is left out of collecting and counting, which is slow over all of torch."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def live_bytes() -> int:
    gc.collect()
    # `isinstance` would ask each object for its class, and some answer with an error.
    return sum(thing.nbytes for thing in gc.get_objects() if type(thing) in (Tensor, torch.nn.Parameter))


class OutOfMemoryAt(TorchDispatchMode):
    """Lets the n-th operation of torch fail as it does when memory runs out."""

    def __init__(self, at: int, error: Exception) -> None:
        super().__init__()
        self.left, self.error = at, error

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.left -= 1
        if self.left == 0:
            raise self.error
        return function(*args, **(kwargs or {}))


def operations() -> int:
    with OutOfMemoryAt(10**9, RuntimeError()) as counter:
        load(KIT, "int8")
    return 10**9 - counter.left


@pytest.mark.usefixtures("only_new_objects")
def test_out_of_memory_at_any_operation_gives_everything_back() -> None:
    before, total = live_bytes(), operations()
    errors = [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB."),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
        MemoryError(),
    ]
    for sample in range(50):
        at = 1 + sample * (total - 1) // 49
        with OutOfMemoryAt(at, errors[sample % 4]), pytest.raises(MemoryTooSmall) as caught:
            load(KIT, "int8")
        errors[sample % 4].__traceback__ = None
        assert caught.value.data["name"] == "Tiny"
        del caught
        assert live_bytes() == before, f"operation {at}"


def test_another_failure_is_a_bug_and_shows_as_one() -> None:
    with OutOfMemoryAt(40, RuntimeError("expected scalar type Half")), pytest.raises(RuntimeError, match="Half"):
        load(KIT)


@pytest.mark.usefixtures("only_new_objects")
def test_closed_in_the_middle_it_gives_everything_back() -> None:
    before = live_bytes()
    steps = load_network(KIT, (YES, NO), device="cpu", precision="float32")
    for _ in range(60):
        next(steps)
    assert live_bytes() > before
    steps.close()
    del steps
    assert live_bytes() == before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16])
def test_loading_needs_little_more_memory_than_the_network(model: Path, stored: torch.dtype) -> None:
    def anonymous() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split("RssAnon:")[1].split()[0]) * 1024

    config = json.loads((model / "config.json").read_text())
    config["text_config"]["vocab_size"] = rows = 500_000  # 128 MB in float32
    (model / "config.json").write_text(json.dumps(config))
    grown = {"model.language_model.embed_tokens.weight", "lm_head.weight"}
    rewrite(
        model,
        lambda tensors: {
            name: (torch.full((rows, 64), 0.01) if name in grown else tensor).to(stored)
            for name, tensor in tensors.items()
        },
    )
    gc.collect()
    before, most = anonymous(), 0
    steps = load_network(model, (YES, NO), device="cpu", precision="float32")
    total = 0
    for _, total in steps:  # noqa: B007
        most = max(most, anonymous() - before)
    assert total > 100e6
    assert 0.8 * total < most < 1.4 * total
