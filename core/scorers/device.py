"""What a device of torch is: the numbers it computes fast, the memory it has free, how it says that it has none.

The only module that asks a device what it can do; `core.machine` decides by its answers.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import gc
import math
import os
import sys
import time
from pathlib import Path

import torch
from torch.nn import functional

PRECISIONS = ("float32", "bfloat16", "float16", "int8", "int4")
"""The words for them, as a person gives them. int8 and int4 are for the language model's weights only."""

QUANTISED = ("int8", "int4")

_WORTH_IT = 1.5
"""How many times the rate of float32 a CPU must have in bfloat16 to be given it: less is not worth the rounding."""


# --- what to compute in ------------------------------------------------------------------------------


def computing(device: torch.device) -> str:
    """The fastest sound numbers to compute in on a device: float32, bfloat16 or float16."""
    match device.type:
        case "cuda":
            return cuda_computing(torch.cuda.get_device_capability(device))
        case "mps":
            return _mps_computing()
        case _:
            return cpu_computing(_cpu_gain())


def cuda_computing(capability: tuple[int, int]) -> str:
    """By compute capability: before 8.0 (Ampere) bfloat16 is emulated, and far slower than float16."""
    return "bfloat16" if capability >= (8, 0) else "float16"


def cpu_computing(gain: float) -> str:
    """By how many times faster bfloat16 is than float32 there. Never float16, at which CPUs are a hundred times
    slower."""
    return "bfloat16" if gain >= _WORTH_IT else "float32"


def dtype_of(precision: str, device: torch.device) -> torch.dtype:
    """What is computed in: weights of 8 or 4 bits are multiplied in the device's fastest numbers."""
    word = computing(device) if precision in QUANTISED else precision
    return {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}[word]


@functools.cache
def _cpu_gain() -> float:
    """The rate of bfloat16 over that of float32 in a linear layer, tried out once: about 0.1 seconds.

    By turns, and in the processor time of this thread: on a busy machine the clock on the wall would tell how busy it
    was, and the same model would come out in another precision, with other scores, from one start to the next.
    """
    layers = {dtype: _layer(dtype, "cpu") for dtype in (torch.float32, torch.bfloat16)}
    least = dict.fromkeys(layers, math.inf)
    with torch.inference_mode():
        for _ in range(6):
            for dtype, (rows, weight) in layers.items():
                began = time.thread_time()
                functional.linear(rows, weight)
                least[dtype] = min(least[dtype], time.thread_time() - began)
    return least[torch.float32] / max(least[torch.bfloat16], 1e-9)


@functools.cache
def _mps_computing() -> str:
    """bfloat16 needs macOS 14, and the first chips emulate it; float16 only where there is no bfloat16."""
    try:
        bfloat16 = _seconds(torch.bfloat16, "mps")
    except (RuntimeError, TypeError):
        return "float16"
    return "bfloat16" if bfloat16 <= 1.05 * _seconds(torch.float32, "mps") else "float32"


def _seconds(dtype: torch.dtype, device: str) -> float:
    """How long a linear layer of 256 rows takes, the best of some tries."""
    rows, weight = _layer(dtype, device)

    def once() -> float:
        began = time.perf_counter()
        functional.linear(rows, weight)
        if device == "mps":
            torch.mps.synchronize()
        return time.perf_counter() - began

    with torch.inference_mode():
        once()
        return min(once() for _ in range(4))


def _layer(dtype: torch.dtype, device: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and weight of a linear layer."""
    return torch.ones(256, 1536, dtype=dtype, device=device), torch.ones(1536, 1536, dtype=dtype, device=device)


# --- memory ------------------------------------------------------------------------------------------


def free_memory(device: torch.device) -> int:
    """Bytes that could be had on a device, with what torch holds there unused."""
    match device.type:
        case "cuda":
            unused = torch.cuda.memory_reserved(device) - taken_memory(device)
            return int(torch.cuda.mem_get_info(device)[0]) + unused
        case "mps":
            # What the system can spare for the GPU, which shares its memory with everything else.
            return max(0, int(torch.mps.recommended_max_memory()) - taken_memory(device))
        case _:
            return max(0, min([_free_host_memory(), *left_by_limits()]))


def taken_memory(device: torch.device) -> int:
    """Bytes of a GPU that this process uses; 0 of main memory, where the system counts them."""
    match device.type:
        case "cuda":
            return int(torch.cuda.memory_allocated(device))
        case "mps":
            return int(torch.mps.current_allocated_memory())
        case _:
            return 0


def give_back(device: torch.device) -> None:
    """Return memory that torch keeps for later to the device."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that memory ran out, on whichever device: only CUDA has a class of its own for it."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and any(
        sign in words
        for sign in ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
    )


def _free_host_memory() -> int:
    """Bytes of main memory that are free, or held by the system only as a cache of files."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        fields = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines) if rest}
        return fields["MemAvailable"] * 1024
    if sys.platform == "win32":
        return _free_on_windows()
    # macOS counts what it would give up at once as used: two thirds of all is what experience allows.
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 2 // 3


def left_by_limits(root: Path = Path("/")) -> list[int]:
    """Bytes of main memory that each limit still allows this process: those of its control group (a container, a
    service), in which it would be killed without a word, and that of its address space. None elsewhere than on Linux.

    `root` is the folder in which proc and sys lie.
    """
    left: list[int] = []
    with contextlib.suppress(OSError, ValueError):
        for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, own = line.split(":", 2)
            if controllers in ("", "memory"):
                top = root / "sys/fs/cgroup" / controllers
                group = top / own.lstrip("/")
                # Inside a container the group may be told as it is called outside, and lie at the top.
                left += [_left_in(folder) for folder in (group, *group.parents) if folder.is_relative_to(top)]
    with contextlib.suppress(OSError, ValueError, ImportError):
        import resource  # not on Windows

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            pages = int((root / "proc/self/statm").read_text("ascii").split()[0])
            left.append(limit - pages * resource.getpagesize())
    return left


def _left_in(group: Path) -> int:
    """Bytes that a control group may still take, version 2 or 1; what it holds as a cache of files counts as free."""
    for limit, usage, total in (("memory.max", "memory.current", ""), ("limit_in_bytes", "usage_in_bytes", "total_")):
        prefix = "memory." if total else ""
        with contextlib.suppress(OSError, ValueError):  # "max": none
            most = int((group / f"{prefix}{limit}").read_text("ascii"))
            used = int((group / f"{prefix}{usage}").read_text("ascii"))
            told = dict(line.split() for line in (group / "memory.stat").read_text("ascii").splitlines())
            return most - used + sum(int(told.get(f"{total}{kind}_file", 0)) for kind in ("active", "inactive"))
    return sys.maxsize


def _free_on_windows() -> int:
    """`ullAvailPhys` of GlobalMemoryStatusEx: two 32-bit fields, then the total and the free bytes of main memory."""
    status = (ctypes.c_ulonglong * 8)()
    ctypes.cast(status, ctypes.POINTER(ctypes.c_ulong))[0] = ctypes.sizeof(status)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(status)  # type: ignore[attr-defined,unused-ignore]
    return int(status[2])
