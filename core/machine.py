"""What this machine can do with a model: its devices, the precision in which one fits, and how fast it will be.

What `auto` means is decided here, and told in one line.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from core.checkpoints import CONFIG, TOWERS
from core.errors import (
    DeviceMissing,
    DriverTooOld,
    JudgeError,
    MemoryTooSmall,
    ModelMissing,
    ModelNotEmbedder,
    PrecisionUnfit,
    ScorerUnknown,
)
from core.models import KNOWN
from core.scorers import JudgeChoice
from core.scorers.device import (
    PRECISIONS,
    QUANTISED,
    computing,
    dtype_of,
    free_memory,
    give_back,
    is_out_of_memory,
    taken_memory,
)
from core.scorers.qwen_network import NetworkShape, QwenNetwork
from core.scorers.qwen_weights import empty_network, place, read_shape, weight_bytes
from core.scorers.tower_shape import TowerShape

SMALL, LARGE = "2B", "8B"
QUICK_FINDER, SMALL_FINDER, LARGE_FINDER = "SigLIP2", "Embedding-2B", "Embedding-8B"

Shape = NetworkShape | TowerShape

_SPARE = 300_000_000
"""Bytes for what torch's libraries set aside, for features that are kept, and for a small batch."""

_TOKEN = 32 * 32
"""Pixels that one token stands for."""
_PROMPT = 24
"""Tokens of a prompt besides the picture and what all prompts of a query share."""


class Model(Protocol):
    """What is asked about a model: `core.models.Found` is one."""

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def folder(self) -> Path | None: ...
    @property
    def problem(self) -> JudgeError | None: ...
    @property
    def finds(self) -> bool: ...
    @property
    def family(self) -> str: ...


@dataclass(frozen=True)
class Device:
    """What is known of one device."""

    word: str
    """cuda, cuda:1, mps or cpu: what JudgeChoice.device says."""
    name: str
    memory: int
    """Bytes that a model may use."""
    total: int
    """Bytes it has in all."""
    computing: str
    """The fastest sound numbers to compute in: float32, bfloat16 or float16."""

    @property
    def kind(self) -> str:
        return self.word.partition(":")[0]


@dataclass(frozen=True)
class Machine:
    devices: tuple[Device, ...]
    """Best first; the last is the CPU."""
    driver: str = ""
    """What is wrong with the driver of a GPU that is left out for it."""


# --- what there is -----------------------------------------------------------------------------------


def look(held: int = 0, staying: Mapping[str, int] | None = None) -> Machine:
    """This machine, now; or as it would be without a model that is loaded.

    `held`: bytes of main memory that it would give back. `staying`: bytes of each GPU, by its word, that others would
    still take of those that this process takes; None: all of them.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    cpu = torch.device("cpu")
    total = _host_memory()
    host = Device("cpu", _processor(), min(free_memory(cpu) + held, total), total, computing(cpu))
    gpus = sorted(_cuda_devices(staying), key=lambda device: -device.memory) if there else []
    driver = "" if there else driver_trouble([str(warning.message) for warning in told])
    return Machine((*gpus, *_mps_devices(staying), host), driver)


def driver_trouble(warned: Sequence[str]) -> str:
    """What torch's warnings say of a driver that is too old for it; empty if they speak of no such thing."""
    for words in warned:
        if "driver" in words and "too old" in words:
            found = re.search(r"found version (\d+)", words)
            knows = f"it knows CUDA {int(found[1]) // 1000}.{int(found[1]) % 1000 // 10}" if found else "it is too old"
            return f"{knows}, torch needs {torch.version.cuda}"
    return ""


def devices(machine: Machine | None = None) -> tuple[tuple[str, str, int], ...]:
    """(cuda | cuda:1 | mps | cpu, its name, bytes that a model may use), best first."""
    return tuple((device.word, device.name, device.memory) for device in (machine or look()).devices)


def _cuda_devices(staying: Mapping[str, int] | None) -> Iterator[Device]:
    oldest = min((_capability(arch) for arch in torch.cuda.get_arch_list() if arch.startswith("sm_")), default=(0, 0))
    for index in range(torch.cuda.device_count()):
        device = torch.device("cuda", index)
        try:
            if torch.cuda.get_device_capability(device) >= oldest:
                properties = torch.cuda.get_device_properties(device)
                word = f"cuda:{index}" if index else "cuda"
                free = _free_without(device, word, staying)
                yield Device(word, properties.name, free, int(properties.total_memory), computing(device))
        except RuntimeError:  # taken by another program alone, or broken: it can't be used now
            continue


def _free_without(device: torch.device, word: str, staying: Mapping[str, int] | None) -> int:
    given_back = 0 if staying is None else max(0, taken_memory(device) - staying.get(word, 0))
    return free_memory(device) + given_back


def _capability(arch: str) -> tuple[int, int]:
    """Of sm_90: (9, 0)."""
    number = int(re.sub(r"\D", "", arch))
    return number // 10, number % 10


def _mps_devices(staying: Mapping[str, int] | None) -> Iterator[Device]:
    if torch.backends.mps.is_available():
        device = torch.device("mps")
        free = _free_without(device, "mps", staying)
        yield Device("mps", torch.backends.mps.get_name(), free, _host_memory(), computing(device))


def _host_memory() -> int:
    if hasattr(os, "sysconf"):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return free_memory(torch.device("cpu"))


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        found = re.search(r"^model name\s*: (.+)$", info.read_text("utf-8", "replace"), re.MULTILINE)
        if found:
            return re.sub(r"\((R|TM|C)\)|\s+CPU|\s+@.*", "", found[1])
    return platform.processor() or "CPU"


# --- what fits ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    """A way to run a model."""

    model: Model
    device: Device
    precision: str
    needed: int
    """Bytes."""

    @property
    def fits(self) -> bool:
        return self.needed <= self.device.memory

    @property
    def gigabytes(self) -> str:
        return f"{self.needed / 1e9:.1f} of {self.device.memory / 1e9:.0f} GB"


def choose(
    choice: JudgeChoice, models: Sequence[Model], machine: Machine | None = None, *, planned: bool = False
) -> tuple[JudgeChoice, str]:
    """The choice with what `auto` means here filled in, and why, in one line.

    `models` are those that may be meant, rerankers or embedders; one that is not here counts only if its use is
    `planned`. Raises ScorerUnknown, ModelMissing, DeviceMissing, DriverTooOld, PrecisionUnfit, MemoryTooSmall, or what
    is wrong with it.
    """
    machine = machine or look()
    candidates = _meant_models(choice, models, planned)
    places = _meant_devices(choice, machine)
    known = [model for model in candidates if model.name in KNOWN]
    others = [model for model in candidates if model not in known]
    groups = product((known, others), places)
    plans = [plan for group, device in groups for plan in _plans(group, device, choice.precision)]
    if not plans:
        detail = _unsound(choice.precision, places[0], candidates[0])
        raise PrecisionUnfit(precision=choice.precision, device=places[0].name, detail=detail)
    plan = next((plan for plan in plans if plan.fits), None)
    if plan is None:
        raise _too_small(plans)
    filled = replace(choice, name=plan.model.name, device=plan.device.word, precision=plan.precision)
    return filled, _why(plan, plans, choice, models, machine)


def best(models: Sequence[Model], machine: Machine | None = None) -> str:
    """The name that `auto` means here of a judge; empty if nothing that is here fits."""
    try:
        return choose(JudgeChoice("auto"), [model for model in models if not model.finds], machine)[0].name
    except JudgeError:
        return ""


def best_finder(models: Sequence[Model], machine: Machine | None = None) -> str:
    """The embedder to take on this machine: of those that are here, else the one to fetch; empty if none fits."""
    machine = machine or look()
    finders = [model for model in models if model.finds]
    for planned in (False, True):
        try:
            return choose(JudgeChoice("auto"), finders, machine, planned=planned)[0].name
        except JudgeError:
            continue
    return ""


def advice(model: Model, machine: Machine | None = None) -> tuple[bool, str]:
    """Whether a model, here or not, fits this machine; and in one line how it would run, or what stands against it."""
    machine = machine or look()
    if model.problem is not None:
        return False, str(model.problem)
    try:
        plans = [plan for device in machine.devices for plan in _plans([model], device, "auto")]
    except JudgeError as problem:
        return False, str(problem)
    plan = next((plan for plan in plans if plan.fits), None)
    if plan is None:
        return False, str(_too_small(plans))
    return True, f"{plan.precision} on {plan.device.name}, {plan.gigabytes}{_word_on(plan)}"


def _word_on(plan: _Plan) -> str:
    """For which machine an embedder is; empty for a reranker."""
    if not plan.model.finds:
        return ""
    if _has_towers(plan.model):
        return "; quick enough for any laptop"
    if plan.device.kind == "cpu":
        return f"; without a graphics card {QUICK_FINDER} prepares a folder many times faster"
    return f"; finds better than {QUICK_FINDER}" if plan.model.name == SMALL_FINDER else ""


def working_room(shape: NetworkShape, dtype: torch.dtype) -> int:
    """Bytes needed besides the weights: one picture at the full budget of 1,800 tokens, with some text, in whichever
    tower needs more for it; its features; and 0.3 GB for what torch's libraries set aside and features that are kept.

    Batches grow into what else there is. It lets the 2B model in 16 bits fit a card of 8 GB, the 8B model one of 24,
    and in 4 bits one of 8.
    """
    tokens = 1800
    language = (tokens + 248) * (6 * shape.hidden + 3 * shape.ffn)
    vision = tokens * shape.merge**2 * (8 * shape.vision_hidden + 2 * shape.vision_ffn)
    features = tokens * shape.levels * shape.hidden
    return (max(language, vision) + features) * dtype.itemsize + _SPARE


def shape_of(model: Model) -> Shape:
    """Of a model that is here by its own config, of a known one by what is published. Raises JudgeError."""
    if model.folder is not None:
        return _read_towers(model.folder) if _has_towers(model) else read_shape(model.folder)
    if model.name not in KNOWN:
        raise ModelMissing(name=model.name)
    config = dict(KNOWN[model.name].config)
    return TowerShape.from_config(config) if _has_towers(model) else NetworkShape.from_config(config)


def _has_towers(model: Model) -> bool:
    return model.family in TOWERS


def _read_towers(folder: Path) -> TowerShape:
    try:
        return TowerShape.from_config(json.loads((folder / CONFIG).read_bytes()))
    except (OSError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelNotEmbedder(path=str(folder), found=f"{CONFIG}: {error}") from error


def _meant_models(choice: JudgeChoice, models: Sequence[Model], planned: bool) -> list[Model]:
    if choice.name == "auto":
        able = [model for model in models if model.problem is None and (planned or model.folder is not None)]
        if not able:
            finders = [model.name for model in models if model.finds]
            raise ModelMissing(name=QUICK_FINDER if QUICK_FINDER in finders else (finders or [SMALL])[0])
        return able
    meant = [model for model in models if choice.name in (model.name, model.title, str(model.folder))]
    if not meant:
        raise ScorerUnknown(name=choice.name)
    if meant[0].problem is not None:
        raise meant[0].problem
    if meant[0].folder is None and not planned:
        raise ModelMissing(name=meant[0].name)
    return meant[:1]


def _meant_devices(choice: JudgeChoice, machine: Machine) -> tuple[Device, ...]:
    if choice.device == "auto":
        return machine.devices
    word = choice.device.removesuffix(":0")
    found = tuple(device for device in machine.devices if device.word == word)
    if not found and word.startswith("cuda") and machine.driver:
        raise DriverTooOld(detail=machine.driver)
    if not found:
        raise DeviceMissing(device=choice.device)
    return found


def _plans(models: Sequence[Model], device: Device, precision: str) -> list[_Plan]:
    """The ways to run one of the models, all rerankers or all embedders, on a device, best first.

    The large reranker judges better and takes four times as long. So on a CUDA device it comes first, in fewer bits if
    it must; on Apple's only if it fits as it is; and on a CPU last. The large embedder comes last everywhere: a library
    is prepared as a whole, and the judge corrects the finder. Two towers come first on a CPU, else where a Qwen3-VL
    would have to make do with 4 bits.
    """
    towers = [model for model in models if _has_towers(model)]
    large = [model for model in models if model.name in (LARGE, LARGE_FINDER)]
    others = [model for model in models if model not in towers and model not in large]

    def ways(group: Sequence[Model], begin: int = 0, end: int | None = None) -> list[tuple[Model, str]]:
        return [(model, word) for model in group for word in _precisions(model, device, precision)[begin:end]]

    match device.kind, any(model.finds for model in models):
        case "cpu", _:
            ordered = [*ways(towers), *ways(others), *ways(large)]
        case _, True:
            ordered = [*ways(others, end=2), *ways(towers), *ways(others, 2), *ways(large)]
        case "mps", _:
            ordered = [*ways(large, end=1), *ways(others), *ways(large, 1)]
        case _:
            ordered = [*ways(large), *ways(others)]
    return [_Plan(model, device, word, _needed(model, device, word)) for model, word in ordered]


def _precisions(model: Model, device: Device, asked: str) -> list[str]:
    """Those in which a model may run on a device, best first."""
    words = [device.computing, *QUANTISED] if asked == "auto" else [asked]
    return [word for word in words if not _unsound(word, device, model)]


def _needed(model: Model, device: Device, precision: str) -> int:
    shape = shape_of(model)
    word = device.computing if precision in QUANTISED else precision
    dtype: torch.dtype = getattr(torch, word)
    if isinstance(shape, TowerShape):
        return shape.parameters * dtype.itemsize + _SPARE
    return weight_bytes(shape, precision, dtype) + working_room(shape, dtype)


def _unsound(precision: str, device: Device, model: Model) -> str:
    """Why a precision is not to be used for a model on a device; empty if it may."""
    if precision not in PRECISIONS:
        return f"it is none of {', '.join(PRECISIONS)}"
    if precision in QUANTISED and _has_towers(model):
        return "this model is small enough without"
    if precision == "float16" and device.kind == "cpu":
        return "processors compute it a hundred times slower than float32"
    if precision == "bfloat16" and device.kind != "cpu" and device.computing == "float16":
        return "this device has no units for it"
    return ""


def _too_small(plans: Sequence[_Plan]) -> MemoryTooSmall:
    """Told of the best device, and of what would need the least there."""
    plan = min((plan for plan in plans if plan.device is plans[0].device), key=lambda plan: plan.needed)
    return MemoryTooSmall(
        name=f"{plan.model.title} in {plan.precision}",
        needed=round(plan.needed / 1e9, 1),
        available=round(plan.device.memory / 1e9, 1),
        device=plan.device.name,
    )


def _why(plan: _Plan, plans: Sequence[_Plan], choice: JudgeChoice, models: Sequence[Model], machine: Machine) -> str:
    """How it will run, and of every part that was left to `auto` why it is not another."""
    reasons = [f"it fits ({plan.gigabytes})"]
    full = next((other for other in plans if other.model is plan.model and other.device is plan.device), plan)
    if full.precision != plan.precision:
        reasons.append(f"{full.precision} would need {full.needed / 1e9:.1f} GB")
    if choice.name == "auto" and plan.model.name not in (LARGE, SMALL_FINDER):
        reasons.append(_why_not_better(plan, plans, models))
    if choice.device == "auto" and plan.device is not machine.devices[0]:
        reasons.append(f"{machine.devices[0].name} has too little memory")
    if choice.device == "auto" and machine.driver:
        reasons.append(f"the graphics driver is too old ({machine.driver})")
    *most, last = reasons
    told = f"{', '.join(most)} and {last}" if most else last
    return f"{plan.model.title} in {plan.precision} on {plan.device.name}: {told}."


def _why_not_better(plan: _Plan, plans: Sequence[_Plan], models: Sequence[Model]) -> str:
    better = SMALL_FINDER if plan.model.finds else LARGE
    here = [other for other in plans if other.model.name == better and other.device is plan.device]
    if not here:
        return f"{better} {'can not be used' if any(m.name == better and m.problem for m in models) else 'is not here'}"
    times = "many" if plan.model.finds else "four"
    return f"{better} would take {times} times as long" if any(p.fits for p in here) else f"{better} does not fit"


# --- how fast ----------------------------------------------------------------------------------------


def estimate(shape: Shape, choice: JudgeChoice) -> float:
    """Pictures a second for a query in words, or to be encoded, tried out on a few layers of that shape with made-up
    weights.

    Device and precision of the choice must be filled in. It takes about a second, and counts neither decoding nor
    features that are kept. Raises MemoryTooSmall.
    """
    device = torch.device(choice.device)
    if isinstance(shape, TowerShape):
        return _pictures_a_second(shape, device, dtype_of(choice.precision, device))
    tokens = max(4, choice.max_pixels // _TOKEN or choice.budget.tokens)
    try:
        with torch.inference_mode():
            return 1 / _seconds_a_picture(shape, device, choice.precision, tokens)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    give_back(device)
    needed, free = working_room(shape, dtype_of(choice.precision, device)) / 1e9, free_memory(device) / 1e9
    raise MemoryTooSmall(name=choice.name, needed=round(needed, 1), available=round(free, 1), device=choice.device)


def _seconds_a_picture(shape: NetworkShape, device: torch.device, precision: str, tokens: int) -> float:
    """A GPU is tried with a full batch of the very pictures; a CPU with one small one, and the rest is arithmetic."""
    tried = min(tokens, 256) if device.type == "cpu" else tokens
    pictures = 1 if device.type == "cpu" else max(1, 8192 // tried)
    small = replace(shape, layers=2, vision_layers=1, taps=(), vocabulary=1)
    network = _made_up(small, device, precision)
    side = shape.patch * shape.merge
    frames = torch.zeros(pictures, 1, side, tried * side, 3, dtype=torch.uint8, device=device)
    positions = tried + _PROMPT
    ids = torch.zeros(pictures, positions, dtype=torch.long, device=device)
    places = torch.arange(positions, device=device).expand(3, pictures, -1)
    ends = torch.full((pictures,), positions - 1, device=device)
    dtype = network.dtype

    def nothing() -> None:
        pass

    vision = _timed(lambda: network.vision([frames], dtype, nothing), device)
    language = _timed(lambda: network.language(ids, places, ends, None, None, dtype, nothing), device)
    patches = tokens * shape.merge**2
    vision *= shape.flops(0, patches) / small.flops(0, tried * shape.merge**2)
    # Of the two layers that were tried the last is read at one position only, as it is in the whole network.
    language *= (shape.layers - 1) * shape.flops(tokens + _PROMPT, 0) / shape.flops(positions, 0)
    return (vision + language) / pictures


def _pictures_a_second(shape: TowerShape, device: torch.device, dtype: torch.dtype) -> float:
    """Of the vision tower, by two layers of its kind: they are so small that they fit wherever the model does."""
    tower, pictures = shape.vision, 4 if device.type == "cpu" else 64
    layers = [
        nn.TransformerEncoderLayer(
            tower.hidden, tower.heads, tower.ffn, 0.0, "gelu", batch_first=True, device=device, dtype=dtype
        )
        for _ in range(2)
    ]
    stack = nn.Sequential(*layers).eval()
    pixels = torch.zeros(pictures, shape.patches, tower.hidden, device=device, dtype=dtype)
    with torch.inference_mode():
        seconds = _timed(lambda: stack(pixels), device)
    return pictures * len(layers) / (seconds * tower.layers)


def _made_up(shape: NetworkShape, device: torch.device, precision: str) -> QwenNetwork:
    network = empty_network(shape)
    for name in network.sources():
        place(network, name, device, precision, dtype_of(precision, device))
    for weight in (*network.parameters(), *network.buffers()):
        # A GPU takes more power, and so more time, for random numbers; a CPU would take seconds to draw them.
        if weight.is_floating_point() and device.type != "cpu":
            weight.normal_(0.0, 0.02)
        elif not weight.is_meta:
            weight.fill_(0 if weight.is_floating_point() else 1)
    network.finish()
    return network.eval()


def _timed(work: Callable[[], object], device: torch.device) -> float:
    """Seconds, the mean of what fits into a third of a second: a machine that is busy will be busy then, too."""

    def once() -> float:
        began = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        return time.perf_counter() - began

    once()
    tries = [once()]
    while sum(tries) < 0.3:
        tries.append(once())
    return sum(tries) / len(tries)
