"""What `auto` means on machines that are not here: GPUs large, small and old, Macs, and no GPU at all."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from core import machine
from core.errors import (
    DeviceMissing,
    DriverTooOld,
    JudgeError,
    MemoryTooSmall,
    ModelDamaged,
    ModelMissing,
    ModelNotEmbedder,
    PrecisionUnfit,
    ScorerUnknown,
)
from core.machine import (
    Device,
    Machine,
    advice,
    best,
    best_finder,
    choose,
    devices,
    driver_trouble,
    estimate,
    look,
    shape_of,
)
from core.models import KNOWN
from core.scorers import Budget, JudgeChoice
from core.scorers.device import (
    computing,
    cpu_computing,
    cuda_computing,
    dtype_of,
    free_memory,
    is_out_of_memory,
    left_by_limits,
)
from core.scorers.tower_shape import TowerShape

KIT = Path(__file__).parents[1] / "data" / "parity" / "model"
GB = 10**9


@dataclass(frozen=True)
class Model:
    """A model that is known; its folder may be a fake where only the published shape is asked for."""

    name: str
    folder: Path | None = None
    problem: JudgeError | None = None
    own_family: str = "qwen3_vl"

    @property
    def title(self) -> str:
        return KNOWN[self.name].title if self.name in KNOWN else Path(self.name).name

    @property
    def finds(self) -> bool:
        return self.name in KNOWN and KNOWN[self.name].role == "embedder"

    @property
    def family(self) -> str:
        return KNOWN[self.name].family if self.name in KNOWN else self.own_family


def cpu(free: float, computing: str = "bfloat16") -> Device:
    return Device("cpu", "a processor", round(free * GB), round(free * GB), computing)


def cuda(free: float, computing: str = "bfloat16", word: str = "cuda") -> Device:
    return Device(word, f"a card of {free:g}", round(free * GB), round(free * GB), computing)


def mps(free: float) -> Device:
    return Device("mps", "an Apple chip", round(free * GB), round(free * GB), "bfloat16")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Model]:
    """The two known models as if they were here, and a folder of the person's that really is."""

    def published(folder: Path) -> object:
        return real(folder) if folder == KIT else shape_of(Model(folder.name))

    real = machine.read_shape
    monkeypatch.setattr(machine, "read_shape", published)
    return {
        "2B": Model("2B", tmp_path / "2B"),
        "8B": Model("8B", tmp_path / "8B"),
        "own": Model(str(KIT), KIT),
    }


def chosen(choice: JudgeChoice, models: list[Model], *found: Device) -> tuple[str, str, str]:
    filled, why = choose(choice, models, Machine(found))
    assert "\n" not in why
    assert why.endswith(".")
    return filled.weights


AUTO = JudgeChoice("auto")

# --- what auto means ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        (cuda(139), ("8B", "cuda", "bfloat16")),
        (cuda(24), ("8B", "cuda", "bfloat16")),
        (cuda(16), ("8B", "cuda", "int8")),
        (cuda(11.5), ("8B", "cuda", "int8")),
        (cuda(7.6), ("8B", "cuda", "int4")),
        (cuda(6), ("2B", "cuda", "bfloat16")),
        (cuda(3.6), ("2B", "cuda", "int8")),
        (cuda(3), ("2B", "cuda", "int4")),
        (cuda(2), ("2B", "cpu", "bfloat16")),
        (cuda(22, "float16"), ("8B", "cuda", "float16")),
        (mps(24), ("8B", "mps", "bfloat16")),
        (mps(11), ("2B", "mps", "bfloat16")),
    ],
    ids=lambda value: value.name if isinstance(value, Device) else "-".join(value),
)
def test_auto_takes_the_best_that_fits_the_best_device(
    device: Device, expected: tuple[str, str, str], here: dict[str, Model]
) -> None:
    assert chosen(AUTO, [here["2B"], here["8B"], here["own"]], device, cpu(64)) == expected


def test_what_the_issue_promises_of_cards(here: dict[str, Model]) -> None:
    # Of a card's memory the desktop and the driver take some hundred megabytes.
    for name, precision, card in [("2B", "bfloat16", 8), ("8B", "bfloat16", 24), ("8B", "int4", 8), ("8B", "int8", 12)]:
        choice = JudgeChoice(name, "cuda", precision)
        assert chosen(choice, [here[name]], cuda(card * 1.0737 - 1)) == (name, "cuda", precision)


@pytest.mark.parametrize(
    ("found", "expected"), [(cpu(64), "bfloat16"), (cpu(16, "float32"), "float32"), (cpu(8, "float32"), "int8")]
)
def test_on_a_processor_the_small_model_comes_first(found: Device, expected: str, here: dict[str, Model]) -> None:
    assert chosen(AUTO, [here["8B"], here["2B"]], found) == ("2B", "cpu", expected)


def test_what_is_not_here_or_broken_is_not_taken(here: dict[str, Model]) -> None:
    broken = Model("8B", KIT, ModelDamaged(path="p", file="f", detail="d"))
    assert chosen(AUTO, [Model("2B"), broken, here["own"]], cuda(80), cpu(9))[0] == str(KIT)
    assert chosen(AUTO, [here["2B"], here["own"]], cuda(80), cpu(9))[0] == "2B"
    with pytest.raises(ModelMissing):
        choose(AUTO, [Model("2B"), Model("8B")], Machine((cpu(64),)))
    with pytest.raises(ModelDamaged):
        choose(JudgeChoice("8B"), [broken], Machine((cpu(64),)))
    with pytest.raises(ModelMissing):
        choose(JudgeChoice("2B"), [Model("2B")], Machine((cpu(64),)))
    with pytest.raises(ScorerUnknown):
        choose(JudgeChoice("3B"), [here["2B"]], Machine((cpu(64),)))


def test_what_is_planned_need_not_be_here() -> None:
    filled, _ = choose(JudgeChoice("8B"), [Model("2B"), Model("8B")], Machine((cuda(24), cpu(64))), planned=True)
    assert filled.weights == ("8B", "cuda", "bfloat16")


def test_what_was_said_is_kept(here: dict[str, Model]) -> None:
    choice = JudgeChoice("2B", "cpu", "int8", Budget.FULL, 12345, 2.0)
    filled, _ = choose(choice, [here["2B"]], Machine((cuda(80), cpu(64))))
    assert filled == choice
    second = cuda(80, word="cuda:1")
    assert chosen(JudgeChoice("2B", "cuda:1"), [here["2B"]], cuda(90), second, cpu(8)) == ("2B", "cuda:1", "bfloat16")
    assert chosen(JudgeChoice("2B", "cuda:0"), [here["2B"]], cuda(90), second, cpu(8))[1] == "cuda"
    assert chosen(JudgeChoice("auto", precision="int4"), list(here.values()), cuda(90), cpu(8))[2] == "int4"


# --- why ---------------------------------------------------------------------------------------------


def test_why_says_what_stands_against_the_rest(here: dict[str, Model]) -> None:
    def why(models: list[Model], *found: Device, choice: JudgeChoice = AUTO, driver: str = "") -> str:
        return choose(choice, models, Machine(found, driver))[1]

    both = [here["2B"], here["8B"]]
    told = why([here["2B"]], cuda(139), cpu(64))
    assert told == "Qwen3-VL-Reranker-2B in bfloat16 on a card of 139: it fits (4.8 of 139 GB) and 8B is not here."
    assert "bfloat16 would need 16.9 GB" in why(both, cuda(12), cpu(64))
    assert "8B does not fit" in why(both, cuda(6), cpu(64))
    assert "8B would take four times as long" in why(both, cpu(64))
    assert "a card of 2 has too little memory" in why(both, cuda(2), cpu(64))
    assert "the graphics driver is too old (x)" in why(both, cpu(64), driver="x")
    assert "driver" not in why(both, cpu(64), driver="x", choice=JudgeChoice("auto", "cpu"))


def test_advice_is_given_of_models_that_are_not_here() -> None:
    small = Machine((cuda(4), cpu(5)))
    assert advice(Model("2B"), small) == (True, "int8 on a card of 4, 3.4 of 4 GB")
    fits, words = advice(Model("8B"), small)
    assert not fits
    assert words == str(
        MemoryTooSmall(name="Qwen3-VL-Reranker-8B in int4", needed=6.7, available=4.0, device="a card of 4")
    )
    broken = ModelDamaged(path="p", file="f", detail="d")
    assert advice(Model("8B", KIT, broken), small) == (False, str(broken))
    assert advice(Model("elsewhere"), small)[0] is False


def test_best_is_a_name_or_nothing(here: dict[str, Model]) -> None:
    assert best([here["2B"], here["8B"]], Machine((cuda(80), cpu(8)))) == "8B"
    assert best([here["2B"], here["8B"]], Machine((cpu(1),))) == ""
    assert best([Model("2B")], Machine((cpu(64),))) == ""


# --- embedders ---------------------------------------------------------------------------------------

FINDERS = [Model("SigLIP2"), Model("Embedding-2B"), Model("Embedding-8B")]


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([cuda(80), cpu(64)], ("Embedding-2B", "cuda", "bfloat16")),
        ([cuda(4), cpu(64)], ("Embedding-2B", "cuda", "int8")),
        ([cuda(3), cpu(64)], ("SigLIP2", "cuda", "bfloat16")),
        ([cuda(0.5, "float16"), cpu(64)], ("SigLIP2", "cpu", "bfloat16")),
        ([mps(11), cpu(64)], ("Embedding-2B", "mps", "bfloat16")),
        ([cpu(64)], ("SigLIP2", "cpu", "bfloat16")),
        ([cpu(2, "float32")], ("SigLIP2", "cpu", "float32")),
    ],
)
def test_the_finder_to_take_is_chosen_by_the_machine(found: list[Device], expected: tuple[str, str, str]) -> None:
    assert best_finder([Model("2B"), *FINDERS], Machine(tuple(found))) == expected[0]
    filled, why = choose(AUTO, FINDERS, Machine(tuple(found)), planned=True)
    assert filled.weights == expected
    assert why.startswith(KNOWN[expected[0]].title)


def test_of_the_finders_that_are_here_one_is_taken_before_any_is_fetched(tmp_path: Path) -> None:
    own = Model(str(tmp_path), KIT)
    broken = Model("SigLIP2", KIT, ModelDamaged(path="p", file="f", detail="d"))
    here = Machine((cpu(64),))
    assert best_finder([Model("Embedding-2B", KIT), Model("SigLIP2"), own], here) == "Embedding-2B"
    assert best_finder([broken, *FINDERS[1:]], here) == "Embedding-2B"
    assert best_finder([Model("2B", KIT)], here) == ""
    assert best_finder(FINDERS, Machine((cpu(0.5),))) == ""
    with pytest.raises(ModelMissing, match="SigLIP2"):
        choose(AUTO, FINDERS, here)


def test_auto_of_a_judge_is_never_an_embedder(here: dict[str, Model]) -> None:
    towers = Model("SigLIP2", KIT)
    assert best([towers, Model("2B")], Machine((cpu(64),))) == ""
    assert best([towers, here["2B"]], Machine((cpu(64),))) == "2B"


def test_advice_says_for_which_machine_an_embedder_is() -> None:
    laptop = Machine((cpu(8, "float32"),))
    fits, words = advice(Model("SigLIP2"), laptop)
    assert fits
    assert words == "float32 on a processor, 1.0 of 8 GB; quick enough for any laptop"
    assert "SigLIP2 prepares a folder many times faster" in advice(Model("Embedding-2B"), laptop)[1]
    assert advice(Model("Embedding-2B"), Machine((cuda(8), cpu(8)))) == (
        True,
        "bfloat16 on a card of 8, 4.8 of 8 GB; finds better than SigLIP2",
    )
    assert advice(Model("Embedding-8B"), Machine((cpu(4),)))[0] is False


@pytest.mark.parametrize("precision", ["int8", "int4", "float16"])
def test_precisions_that_two_towers_can_not_have_are_refused(precision: str) -> None:
    with pytest.raises(PrecisionUnfit):
        choose(JudgeChoice("SigLIP2", "cpu", precision), FINDERS, Machine((cpu(64),)), planned=True)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"text_config": {"intermediate_size": 0}},
        {"vision_config": {"num_attention_heads": 5}},
        {"vision_config": {"patch_size": "16"}},
        {"vision_config": None},
    ],
)
def test_a_config_of_impossible_towers_is_refused(tmp_path: Path, spoilt: dict[str, object]) -> None:
    config = {"model_type": "clip", "text_config": {}, "vision_config": {}}
    own = Model(str(tmp_path), tmp_path, own_family="clip")
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert shape_of(own).vision.hidden == 768  # type: ignore[union-attr]
    (tmp_path / "config.json").write_text(json.dumps(config | spoilt))
    with pytest.raises(ModelNotEmbedder):
        shape_of(own)


def test_the_numbers_of_a_two_tower_model_are_counted() -> None:
    in_all, table = 375_187_970, 256_000 * 768  # counted in transformers' SiglipModel
    shape = shape_of(Model("SigLIP2"))
    assert isinstance(shape, TowerShape)
    assert shape.parameters == pytest.approx(in_all - table, rel=0.01)
    assert KNOWN["SigLIP2"].about == pytest.approx(4 * in_all, rel=0.05)


# --- what can't be had -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "precision", "found", "kind"),
    [
        ("cuda", "auto", Machine((cpu(64),)), DeviceMissing),
        ("cuda:1", "auto", Machine((cuda(24), cpu(64))), DeviceMissing),
        ("mps", "auto", Machine((cuda(24), cpu(64)), "old"), DeviceMissing),
        ("tpu", "auto", Machine((cpu(64),)), DeviceMissing),
        ("cuda", "auto", Machine((cpu(64),), "it knows CUDA 11.8"), DriverTooOld),
        ("cpu", "float16", Machine((cuda(24), cpu(64))), PrecisionUnfit),
        ("auto", "float16", Machine((cpu(64),)), PrecisionUnfit),
        ("auto", "bf16", Machine((cpu(64),)), PrecisionUnfit),
        ("cuda", "bfloat16", Machine((cuda(24, "float16"), cpu(64))), PrecisionUnfit),
        ("cuda", "float32", Machine((cuda(6), cpu(64))), MemoryTooSmall),
        ("cuda", "auto", Machine((cuda(2), cpu(64))), MemoryTooSmall),
        ("auto", "auto", Machine((cpu(1),)), MemoryTooSmall),
    ],
)
def test_what_can_not_be_had_is_a_known_error(
    device: str, precision: str, found: Machine, kind: type[JudgeError], here: dict[str, Model]
) -> None:
    with pytest.raises(kind):
        choose(JudgeChoice("2B", device, precision), [here["2B"]], found)


def test_a_precision_that_one_device_can_not_have_is_sought_on_the_next(here: dict[str, Model]) -> None:
    choice = JudgeChoice("2B", "auto", "bfloat16")
    assert chosen(choice, [here["2B"]], cuda(24, "float16"), cpu(64)) == ("2B", "cpu", "bfloat16")


def test_too_little_memory_tells_the_least_that_would_do(here: dict[str, Model]) -> None:
    with pytest.raises(MemoryTooSmall) as caught:
        choose(JudgeChoice("8B"), [here["8B"]], Machine((cuda(4), cpu(1))))
    assert caught.value.data == {
        "name": "Qwen3-VL-Reranker-8B in int4",
        "needed": 6.7,
        "available": 4.0,
        "device": "a card of 4",
    }


# --- devices -----------------------------------------------------------------------------------------


def test_a_driver_that_is_too_old_is_told_from_other_trouble() -> None:
    old = (
        "CUDA initialization: The NVIDIA driver on your system is too old (found version 11080). Please update your "
        "GPU driver by downloading and installing a new version (Triggered internally at c10.)"
    )
    assert "CUDA 11.8" in driver_trouble(["something else", old])
    assert (
        driver_trouble(["CUDA initialization: CUDA unknown error - this may be due to an incorrect environment"]) == ""
    )
    assert driver_trouble([]) == ""


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((7, 5), "float16"), ((8, 0), "bfloat16"), ((8, 9), "bfloat16"), ((9, 0), "bfloat16"), ((12, 0), "bfloat16")],
)
def test_a_gpu_without_units_for_bfloat16_gets_float16(capability: tuple[int, int], expected: str) -> None:
    assert cuda_computing(capability) == expected


def test_a_processor_gets_bfloat16_only_where_it_is_much_faster() -> None:
    assert cpu_computing(0.4) == cpu_computing(1.2) == "float32"
    assert cpu_computing(4.0) == "bfloat16"


def test_this_machine_has_a_processor_and_memory() -> None:
    found = look()
    host = found.devices[-1]
    assert (host.word, host.kind) == ("cpu", "cpu")
    assert host.computing in ("float32", "bfloat16")
    assert 2**28 < host.memory <= host.total
    assert look(held=2**30).devices[-1].memory >= min(host.memory + 2**29, host.total)
    assert devices(found)[-1] == ("cpu", host.name, host.memory)
    assert computing(torch.device("cpu")) == host.computing
    assert dtype_of("int8", torch.device("cpu")) == dtype_of(host.computing, torch.device("cpu"))


def test_of_what_is_loaded_only_what_stays_is_taken_from_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(value: object) -> Callable[..., object]:
        return lambda *_: value

    card = SimpleNamespace(name="a card", total_memory=24 * GB)
    for name, value in {
        "is_available": True,
        "device_count": 1,
        "get_arch_list": ["sm_80"],
        "get_device_capability": (8, 0),
        "get_device_properties": card,
        "mem_get_info": (3 * GB, 24 * GB),  # 20 are this process's: 12 in use, 8 left over of former batches
        "memory_reserved": 20 * GB,
        "memory_allocated": 12 * GB,
    }.items():
        monkeypatch.setattr(torch.cuda, name, told(value))
    monkeypatch.setattr(machine, "computing", told("bfloat16"))
    assert look().devices[0].memory == 11 * GB, "beside all that is loaded"
    assert look(staying={"cuda": 4 * GB}).devices[0].memory == 19 * GB, "in place of all but 4"
    assert look(staying={"cpu": 4 * GB}).devices[0].memory == 23 * GB


def test_running_out_of_memory_is_told_from_other_errors() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory."))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(RuntimeError("unable to mmap 9 bytes from file <x>: Cannot allocate memory (12)"))
    with pytest.raises(RuntimeError) as caught:
        torch.ones(2, 3) @ torch.ones(2, 3)
    assert not is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    ("told", "files", "left"),
    [
        (
            "0::/app/job",
            {
                "app/memory.max": "4000",
                "app/memory.current": "3000",
                "app/memory.stat": "active_file 200\ninactive_file 100",
                "app/job/memory.max": "max",
                "app/job/memory.current": "2000",
                "app/job/memory.stat": "anon 1",
            },
            1300,
        ),
        (
            "3:cpu:/\n2:memory:/docker/0123\n0::/",
            {
                "memory/memory.limit_in_bytes": "5000",
                "memory/memory.usage_in_bytes": "4500",
                "memory/memory.stat": "active_file 1\ntotal_active_file 20\ntotal_inactive_file 30",
            },
            550,
        ),
    ],
)
def test_the_limit_of_a_container_is_heeded(tmp_path: Path, told: str, files: dict[str, str], left: int) -> None:
    for name, content in {"proc/self/cgroup": told, **{f"sys/fs/cgroup/{k}": v for k, v in files.items()}}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert min(left_by_limits(tmp_path)) == left


def test_the_limit_of_the_address_space_is_heeded() -> None:
    resource = pytest.importorskip("resource")
    if not Path("/proc/self/statm").exists():
        pytest.skip("what a process takes is told by Linux only")
    before = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + 2**31, before[1]))
    try:
        assert free_memory(torch.device("cpu")) <= 2**31 + 2**28
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


# --- how fast ----------------------------------------------------------------------------------------


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Several wait for each other, however small the work, where other programs run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("precision", ["float32", "int4"])
def test_more_tokens_take_longer(precision: str) -> None:
    shape = shape_of(Model(str(KIT), KIT))
    few, many = (
        estimate(shape, JudgeChoice(str(KIT), "cpu", precision, max_pixels=tokens * 1024)) for tokens in (16, 1800)
    )
    assert few > 2 * many > 0


@pytest.mark.usefixtures("one_thread")
def test_towers_are_estimated_too() -> None:
    config = {"hidden_size": 64, "intermediate_size": 128, "num_attention_heads": 2}
    few, many = (
        TowerShape.from_config(
            {
                "model_type": "siglip",
                "text_config": {},
                "vision_config": {**config, "num_hidden_layers": layers, "image_size": 64},
            }
        )
        for layers in (2, 40)
    )
    rates = [estimate(shape, JudgeChoice("SigLIP2", "cpu", "float32")) for shape in (few, many)]
    assert rates[0] > 4 * rates[1] > 0


@pytest.mark.usefixtures("one_thread")
def test_what_is_estimated_leaves_nothing_behind() -> None:
    def live() -> int:
        gc.collect()
        return sum(type(thing) in (torch.Tensor, torch.nn.Parameter) for thing in gc.get_objects())

    shape = shape_of(Model(str(KIT), KIT))
    estimate(shape, JudgeChoice(str(KIT), "cpu", "float32"))
    before = live()
    estimate(shape, JudgeChoice(str(KIT), "cpu", "float32"))
    assert live() == before
