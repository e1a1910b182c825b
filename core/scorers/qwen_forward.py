"""Which prompts are computed together, what is kept between them, and what happens when memory runs out.

Whether a logit is wanted of each (a reranker) or a vector (an embedder), all of it is the same.

- Prompts that begin alike (the question) share the keys and values of their beginning, computed once and kept for the
  last questions.
- The others are sorted by length and taken in batches of so many tokens that one takes a fraction of a second and
  fits in memory.
- The features of pictures and clips are kept between calls, the latest first to stay: the next question needs only
  the language model.
- Out of memory, the kept features go first; then batches become half as large, and stay so.

No result depends on what else is in a batch but for rounding (1e-6 in float32).
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.scorers import device
from core.scorers.qwen_network import KeysValues, NetworkShape, QwenNetwork, Shown
from core.scorers.qwen_network import Stopped as Stopped
from core.scorers.qwen_prompt import Prompt

T = TypeVar("T")

Results = NDArray[np.float32]

NO_MEMORY = "not enough memory for it"
NOT_A_NUMBER = "its numbers grow beyond what can be computed with"

_PREFIXES_KEPT = 2
"""A question and the one to be taken off it."""
_SLACK = 8
"""Tokens by which the beginnings of two prompts of a question may differ: its last words merge with the document's."""

_BATCH_SECONDS = 0.3
"""What a batch should take: every score is to be on the screen, and in the catalog, within a second."""
_FIRST_TOKENS = {"cuda": 4096, "mps": 1024}
"""Of the first batch, before anything is known about speed; on a CPU `_CPU_TOKENS`."""
_MOST_TOKENS = {"cuda": 32768, "mps": 8192}
"""Larger batches are no faster."""
_CPU_TOKENS = 640
"""Larger batches are slower on a CPU: what one operation writes should still be in its caches for the next."""
_LEAST_TOKENS = 64

_KEPT_SHARE = {"cuda": 0.4, "mps": 0.2}
"""Of the memory that is free when the network is loaded, what kept features may take; on a CPU `_KEPT_SHARE_CPU`."""
_KEPT_SHARE_CPU = 0.125
_WORK_SHARE = 0.4
"""Of the same, what a batch may take."""


@dataclass(frozen=True)
class Seen:
    """One picture or clip handed to the forward."""

    key: Hashable
    """Names these very pixels: equal keys have equal pixels."""
    frames: NDArray[np.uint8] | None
    """(1, rows, columns, 3) of a picture, (2n, rows, columns, 3) of a clip. None: see `Forward.keeps`."""


@dataclass(frozen=True)
class Input:
    """A prompt with what it shows."""

    prompt: Prompt
    visions: tuple[Seen, ...]
    """What the spans' `vision` counts through: the query's, then the document's."""


@dataclass
class Timings:
    """Seconds spent. On a GPU they are true only of a forward made with `timed`."""

    copy: float = 0.0
    vision: float = 0.0
    language: float = 0.0


class Forward:
    """What a network makes of prompts, with what it keeps between calls. For one thread at a time."""

    def __init__(
        self,
        network: QwenNetwork,
        *,
        kept_bytes: int | None = None,
        token_budget: int | None = None,
        timed: bool = False,
    ) -> None:
        """`kept_bytes`: of vision features; `token_budget`: of a batch; None: as memory and speed allow.

        `timed`: wait for the GPU where needed to tell `timings`; it costs a few percent.
        """
        self._network = network
        self._device = network.device
        self.reasons: dict[int, str] = {}
        """Why an input of the latest call has no result, by its index."""
        self.timings = Timings()
        self._timed = timed
        self._ahead = self._device.type == "cuda"
        free = device.free_memory(self._device)
        share = _KEPT_SHARE.get(self._device.type, _KEPT_SHARE_CPU)
        self._features = _Features(int(free * share) if kept_bytes is None else kept_bytes)
        self._prefixes: list[_Prefix] = []
        self._pace = _Pace(self._device.type, network.shape, network.dtype, free, token_budget)

    @property
    def hidden(self) -> int:
        """Numbers of a vector."""
        return self._network.shape.hidden

    @property
    def batch_tokens(self) -> int:
        """Tokens that a batch may have now."""
        return self._pace.tokens

    def keeps(self, key: Hashable) -> bool:
        """Whether the features of a picture or clip are kept, so that the next call needs no frames of it."""
        return key in self._features

    def give_back(self) -> None:
        """Drop all that is kept between calls and return its memory to the device."""
        self._features.clear()
        self._prefixes.clear()
        device.give_back(self._device)

    def close(self) -> None:
        """Give back everything, the network included. It can't be used afterwards."""
        del self._network
        self.give_back()

    # --- a call ----------------------------------------------------------------------------------

    def logits(
        self, inputs: Sequence[Input], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[list[int], Results]]:
        """Yields (indices into inputs, their logits (n,)) by batches, the longest first. sigmoid(logit) is the score.

        NaN where there is none; `reasons` says why. `stopped` is asked between layers. Raises Stopped.
        """
        return self._results(inputs, self._network.logits, stopped)

    def vectors(
        self, inputs: Sequence[Input], stopped: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[list[int], Results]]:
        """The same for vectors (n, hidden) of length 1; a row of NaN where there is none."""
        return self._results(inputs, self._network.vectors, stopped)

    def _results(
        self, inputs: Sequence[Input], read: Callable[[Tensor], Tensor], stopped: Callable[[], bool]
    ) -> Iterator[tuple[list[int], Results]]:
        """`read`: (n, hidden) last states -> (n, ...) what is wanted of them."""
        self.reasons = {}
        call = _Call(inputs, read, self._features, stopped)
        waiting: _Launched | None = None
        try:
            for launched in self._launch_all(call):
                # A GPU works on one batch while the next is made ready for it.
                ready, waiting = (waiting, launched) if self._ahead else (launched, None)
                if ready is not None:
                    yield ready.batch, self._delivered(call, ready)
        except Stopped:
            if waiting is not None:
                yield waiting.batch, self._read_out(waiting)
            raise
        if waiting is not None:
            yield waiting.batch, self._delivered(call, waiting)

    def _launch_all(self, call: _Call) -> Iterator[_Launched]:
        for group in call.groups:
            todo = group.longest_first()
            relief = _Relief()
            while todo:
                batch = todo[: self._pace.fitting(len(call.inputs[todo[0]].prompt.ids), group.prefix)]
                launched = self._attempt(partial(self._launch, call, group, batch))
                if launched is None and self._make_room(call, group, batch, relief):
                    continue
                if launched is None:
                    self.reasons[batch[0]] = NO_MEMORY
                    launched = _Launched(batch, self._nothing(call), 0, _Clock(self._device))
                todo = todo[len(batch) :]
                relief = _Relief()
                yield launched

    def _nothing(self, call: _Call) -> Tensor:
        """The result of one input that has none."""
        return call.read(torch.full((1, self._network.shape.hidden), torch.nan, device=self._device))

    def _attempt(self, work: Callable[[], T]) -> T | None:
        """What `work` gives, or None if there was no memory for it."""
        try:
            with torch.inference_mode():
                return work()
        except (RuntimeError, MemoryError) as error:
            if not device.is_out_of_memory(error):
                raise
        # Only here, where the error is gone, has its traceback let go of the tensors.
        device.give_back(self._device)
        return None

    def _make_room(self, call: _Call, group: _Group, batch: list[int], relief: _Relief) -> bool:
        """Free memory for another attempt at a batch; False if there is nothing left to free."""
        if not relief.features:
            relief.features = True
            call.move_to_host()
            if self._features.shrink():
                return True
        if len(batch) > 1:
            longest = len(call.inputs[batch[0]].prompt.ids)
            self._pace.halve(self._pace.cost(len(batch), longest, group.prefix))
            return True
        if not relief.prefixes:
            relief.prefixes = True
            self._prefixes.clear()
            return True
        return False

    def _delivered(self, call: _Call, launched: _Launched) -> Results:
        results = self._read_out(launched)
        if launched.tokens:
            self._pace.took(launched.tokens, launched.clock.seconds())
        for place in np.flatnonzero(~_sound(results)):
            index = launched.batch[place]
            if index not in self.reasons:
                results[place] = self._again(call, index)[0]
        return results

    def _read_out(self, launched: _Launched) -> Results:
        """Waits for it."""
        results = self._attempt(launched.read_out)
        if results is None:
            self.give_back()
            results = launched.read_out()
        return results

    def _again(self, call: _Call, index: int) -> Results:
        """The result of an input in float32, because its numbers grew beyond the network's own precision; (1, ...)."""
        for _ in range(2 if self._network.dtype != torch.float32 else 0):
            launched = self._attempt(partial(self._launch_wide, call, index))
            if launched is not None:
                results = self._read_out(launched)
                if _sound(results)[0]:
                    return results
                break
            self.give_back()
            self.reasons[index] = NO_MEMORY
        self.reasons.setdefault(index, NOT_A_NUMBER)
        return np.full(1, np.nan, np.float32)

    # --- a batch ---------------------------------------------------------------------------------

    def _launch(self, call: _Call, group: _Group, batch: list[int]) -> _Launched:
        clock = _Clock(self._device)
        prefix = self._prefix_of(call, group)
        inputs = [call.inputs[index] for index in batch]
        features = self._see(call, _shown_keys(inputs, group.prefix, None), self._network.dtype)
        with self._timing("language"):
            rows = _Rows(inputs, group.prefix, None)
            results = self._read(call, rows, features, prefix)
        clock.stop()
        self._features.keep(features)
        return _Launched(batch, results, rows.ids.size, clock)

    def _launch_wide(self, call: _Call, index: int) -> _Launched:
        inputs = [call.inputs[index]]
        features = self._see(call, _shown_keys(inputs, 0, None), torch.float32)
        results = self._read(call, _Rows(inputs, 0, None), features, None, torch.float32)
        return _Launched([index], results, 0, _Clock(self._device))

    def _read(
        self,
        call: _Call,
        rows: _Rows,
        features: dict[Hashable, Tensor],
        prefix: list[KeysValues] | None,
        dtype: torch.dtype | None = None,
    ) -> Tensor:
        ids, positions, ends = (self._sent(array) for array in (rows.ids, rows.positions, rows.ends))
        states = self._network.language(
            ids, positions, ends, self._shown(rows, features), prefix, dtype or self._network.dtype, call.between
        )
        return call.read(states)

    def _prefix_of(self, call: _Call, group: _Group) -> list[KeysValues]:
        """Keys and values of what the inputs of a group begin with."""
        kept = next((kept for kept in self._prefixes if kept.begins(group)), None)
        if kept is None:
            inputs = [call.inputs[group.indices[0]]]
            features = self._see(call, _shown_keys(inputs, 0, group.prefix), self._network.dtype)
            with self._timing("language"):
                rows = _Rows(inputs, 0, group.prefix)
                ids, positions = self._sent(rows.ids), self._sent(rows.positions)
                layers = self._network.language.prefix(
                    ids, positions, self._shown(rows, features), self._network.dtype, call.between
                )
            self._features.keep(features)
            kept = _Prefix(group.keys, group.ids, layers)
        self._prefixes = [kept, *(other for other in self._prefixes if other is not kept)][:_PREFIXES_KEPT]
        return [(k[:, : group.prefix], v[:, : group.prefix]) for k, v in kept.layers]

    def _shown(self, rows: _Rows, features: dict[Hashable, Tensor]) -> Shown | None:
        if not rows.parts:
            return None
        parts = [features[key][step] for key, step in rows.parts]
        return Shown(self._sent(rows.at), torch.cat(parts, 1) if len(parts) > 1 else parts[0])

    # --- vision ----------------------------------------------------------------------------------

    def _see(self, call: _Call, keys: Iterable[Hashable], dtype: torch.dtype) -> dict[Hashable, Tensor]:
        """Features of pictures and clips, (steps, levels, tokens, hidden) each: those that are kept, or computed."""
        found: dict[Hashable, Tensor] = {}
        missing: dict[Hashable, NDArray[np.uint8]] = {}
        for key in keys:
            frames = call.frames.get(key)
            if key in self._features and (dtype == self._network.dtype or frames is None):
                found[key] = self._features.take(key)
            elif frames is None:
                found[key] = call.held[key].to(self._device)
            else:
                missing[key] = frames
        steps: dict[Hashable, list[Tensor]] = {key: [] for key in missing}
        for chunk in self._chunks(missing):
            for (key, _), features in zip(chunk, self._see_chunk(call, chunk, dtype), strict=True):
                steps[key].append(features)
        return found | {key: torch.stack(parts) for key, parts in steps.items()}

    def _chunks(self, missing: dict[Hashable, NDArray[np.uint8]]) -> Iterator[list[_Moment]]:
        """Pictures and pairs of frames that go through the tower together, those of a size side by side."""
        moments = [
            (key, pair)
            for key, frames in missing.items()
            for pair in frames.reshape(max(1, len(frames) // 2), -1, *frames.shape[1:])
        ]
        moments.sort(key=lambda moment: moment[1].shape)
        most = self._pace.pixels(self._network.shape)
        while moments:
            areas = np.cumsum([pair.shape[1] * pair.shape[2] for _, pair in moments])
            count = max(1, int(np.searchsorted(areas, most, "right")))
            yield moments[:count]
            moments = moments[count:]

    def _see_chunk(self, call: _Call, chunk: list[_Moment], dtype: torch.dtype) -> list[Tensor]:
        """(levels, tokens, hidden) of each."""
        sizes: dict[tuple[int, ...], list[NDArray[np.uint8]]] = {}
        for _, pair in chunk:
            sizes.setdefault(pair.shape, []).append(pair)
        with self._timing("copy"):
            stacks = [self._sent(np.stack(pairs)) for pairs in sizes.values()]
        with self._timing("vision"):
            seen = self._network.vision(stacks, dtype, call.between)
            if dtype == torch.float16 and not all(bool(part.isfinite().all()) for part in seen):
                seen = self._network.vision(stacks, torch.float32, call.between)
        return [features for part in seen for features in part]

    # --- the device ------------------------------------------------------------------------------

    def _sent(self, array: NDArray[np.uint8] | NDArray[np.int64]) -> Tensor:
        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            # From pinned memory the copy goes on while the next layers are being asked for.
            return tensor.pin_memory().to(self._device, non_blocking=True)
        return tensor.to(self._device)

    @contextmanager
    def _timing(self, what: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        if self._timed:
            _wait_for(self._device)
        setattr(self.timings, what, getattr(self.timings, what) + time.perf_counter() - began)


_Moment = tuple[Hashable, NDArray[np.uint8]]
"""A picture or a pair of frames: the key of what it is of, and (1 or 2, rows, columns, 3)."""


# --- what a call is about ----------------------------------------------------------------------------


class _Call:
    """The inputs of one call, what is wanted of them, and what is held for them alone."""

    def __init__(
        self,
        inputs: Sequence[Input],
        read: Callable[[Tensor], Tensor],
        features: _Features,
        stopped: Callable[[], bool],
    ) -> None:
        self.inputs = inputs
        self.read = read
        self._stopped = stopped
        seen = [seen for one in inputs for seen in one.visions]
        self.frames = {one.key: one.frames for one in seen if one.frames is not None}
        # What comes without frames must not be pushed out by what this call brings.
        self.held = {one.key: features.take(one.key) for one in seen if one.key not in self.frames}
        self.groups = _groups(inputs)

    def between(self) -> None:
        if self._stopped():
            raise Stopped

    def move_to_host(self) -> None:
        self.held = {key: features.cpu() for key, features in self.held.items()}


class _Group:
    """Inputs that begin alike."""

    def __init__(self, keys: tuple[Hashable, ...], ids: NDArray[np.int64]) -> None:
        self.keys = keys
        """Of the query's pictures and clips."""
        self.ids = ids
        """What all prompts begin with."""
        self.indices: list[int] = []
        self._order: list[tuple[int, tuple[int, ...], int]] = []

    @property
    def prefix(self) -> int:
        return len(self.ids)

    def add(self, index: int, prompt: Prompt) -> None:
        self.indices.append(index)
        lengths = tuple(span.length for span in prompt.spans)
        self._order.append((-len(prompt.ids), lengths, index))

    def longest_first(self) -> list[int]:
        """Indices of inputs; among those of a length, pictures of a size side by side."""
        return [index for _, _, index in sorted(self._order)]


def _groups(inputs: Sequence[Input]) -> list[_Group]:
    groups: dict[tuple[Hashable, ...], list[_Group]] = {}
    for index, given in enumerate(inputs):
        prompt = given.prompt
        # At least the last token is its own.
        ids = prompt.ids[: min(prompt.document_start, len(prompt.ids) - 1)]
        count = len({span.vision for span in prompt.spans if span.start < len(ids)})
        keys = tuple(seen.key for seen in given.visions[:count])
        alike = groups.setdefault(keys, [])
        group = next((group for group in alike if _is_enough(_common(group.ids, ids), group.ids, ids)), None)
        if group is None:
            group = _Group(keys, ids)
            alike.append(group)
        group.ids = group.ids[: _common(group.ids, ids)]
        group.add(index, prompt)
    return [group for alike in groups.values() for group in alike]


def _is_enough(common: int, *beginnings: NDArray[np.int64]) -> bool:
    return common > 0 and all(common >= len(ids) - _SLACK for ids in beginnings)


def _common(one: NDArray[np.int64], other: NDArray[np.int64]) -> int:
    """How many tokens both begin with."""
    length = min(len(one), len(other))
    differing = np.flatnonzero(one[:length] != other[:length])
    return int(differing[0]) if len(differing) else length


def _shown_keys(inputs: Sequence[Input], start: int, end: int | None) -> list[Hashable]:
    """Keys of what the prompts show in [start, end), each once."""
    return list(dict.fromkeys(key for given in inputs for key, _, _ in _parts(given, start, end)))


def _parts(given: Input, start: int, end: int | None) -> Iterator[tuple[Hashable, int, int]]:
    """(key, step, first token) of the pictures and pairs of frames that a prompt shows in [start, end)."""
    for span in given.prompt.spans:
        if start <= span.start and (end is None or span.start < end):
            yield given.visions[span.vision].key, span.step, span.start


class _Rows:
    """Tokens [start, end) of prompts, one a row, padded on the right."""

    def __init__(self, inputs: Sequence[Input], start: int, end: int | None) -> None:
        prompts = [given.prompt for given in inputs]
        lengths = np.array([len(prompt.ids[start:end]) for prompt in prompts])
        width = int(lengths.max())
        self.ids = np.zeros((len(inputs), width), np.int64)
        self.positions = np.zeros((3, len(inputs), width), np.int64)
        self.ends: NDArray[np.int64] = lengths - 1
        self.parts: list[tuple[Hashable, int]] = []
        """(key, step) of what is shown."""
        places = [np.empty(0, np.int64)]
        for row, (given, length) in enumerate(zip(inputs, lengths, strict=True)):
            self.ids[row, :length] = given.prompt.ids[start:end]
            self.positions[:, row, :length] = given.prompt.positions[:, start:end]
            spans = {span.start: span.length for span in given.prompt.spans}
            for key, step, first in _parts(given, start, end):
                self.parts.append((key, step))
                places.append(np.arange(spans[first]) + (row * width + first - start))
        self.at = np.concatenate(places)
        """Of every vision token, its index among the flattened ids."""


# --- what is kept ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Prefix:
    keys: tuple[Hashable, ...]
    ids: NDArray[np.int64]
    layers: list[KeysValues]

    def begins(self, group: _Group) -> bool:
        """Whether the group's prompts begin with this, or with its beginning."""
        return self.keys == group.keys and _common(self.ids, group.ids) == group.prefix


class _Features:
    """Vision features, the least recently used forgotten first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[Hashable, Tensor] = OrderedDict()
        self._bytes = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def take(self, key: Hashable) -> Tensor:
        self._kept.move_to_end(key)
        return self._kept[key]

    def keep(self, features: dict[Hashable, Tensor]) -> None:
        for key, tensor in features.items():
            if key not in self._kept and tensor.nbytes <= self._capacity:
                self._kept[key] = tensor
                self._bytes += tensor.nbytes
        while self._bytes > self._capacity:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= forgotten.nbytes

    def shrink(self) -> bool:
        """Forget all, and keep half as much from now on. False if nothing was kept."""
        had = self._bytes
        if had:
            self._capacity = had // 2
        self.clear()
        return had > 0

    def clear(self) -> None:
        self._kept.clear()
        self._bytes = 0


# --- how much at a time ------------------------------------------------------------------------------


@dataclass
class _Relief:
    """What was given up already so that a batch fits."""

    features: bool = False
    prefixes: bool = False


class _Clock:
    """How long a device worked on a batch, in seconds."""

    def __init__(self, where: torch.device) -> None:
        self._events: list[torch.cuda.Event] = []
        self._where = where
        self._began = time.perf_counter()
        self.stop()

    def stop(self) -> None:
        if self._where.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self._where))
            self._events.append(event)

    def seconds(self) -> float:
        """Asked when the result has arrived."""
        if self._events:
            return float(self._events[0].elapsed_time(self._events[-1])) / 1000
        return time.perf_counter() - self._began


@dataclass(frozen=True)
class _Launched:
    """A batch that a device is working on."""

    batch: list[int]
    results: Tensor
    tokens: int
    """Of the language model, without the prefix."""
    clock: _Clock

    def read_out(self) -> Results:
        return self.results.cpu().numpy().copy()


def _sound(results: Results) -> NDArray[np.bool_]:
    """(n,) whether each is made of numbers."""
    return np.asarray(np.isfinite(results.reshape(len(results), -1)).all(axis=1))


class _Pace:
    """How many tokens a batch may have: as many as fit in memory, and are computed in `_BATCH_SECONDS`."""

    def __init__(self, kind: str, shape: NetworkShape, dtype: torch.dtype, free: int, budget: int | None) -> None:
        self._fixed = budget is not None
        most = int(_WORK_SHARE * free / _bytes_per_token(shape, dtype))
        self._limit = budget or max(1, min(most, _MOST_TOKENS.get(kind, _CPU_TOKENS)))
        self._paced = float(budget or _FIRST_TOKENS.get(kind, _CPU_TOKENS))
        self._prefix_share = _prefix_share(shape)

    @property
    def tokens(self) -> int:
        return max(1, int(min(self._limit, self._paced)))

    def cost(self, rows: int, longest: int, prefix: int) -> int:
        """What a batch counts: its padded tokens, and the prefix that every row has beside it for one layer."""
        return int(rows * (longest - prefix + prefix * self._prefix_share))

    def fitting(self, longest: int, prefix: int) -> int:
        return max(1, self.tokens // max(1, self.cost(1, longest, prefix)))

    def pixels(self, shape: NetworkShape) -> int:
        """How many go through the vision tower at a time: those of a batch."""
        return self.tokens * (shape.patch * shape.merge) ** 2

    def took(self, tokens: int, seconds: float) -> None:
        if not self._fixed:
            wanted = _BATCH_SECONDS * tokens / max(seconds, 1e-6)
            self._paced = max(_LEAST_TOKENS, min(wanted, 2 * self._paced, self._limit))

    def halve(self, cost: int) -> None:
        self._limit = max(1, min(self._limit, cost) // 2)


def _bytes_per_token(shape: NetworkShape, dtype: torch.dtype) -> float:
    """What a token takes at most while it is computed: in the language model, or as four patches in the tower."""
    heads = (shape.heads + 2 * shape.key_heads) * shape.head_size
    language = (3 + shape.levels) * shape.hidden + 3 * heads + 3 * shape.ffn
    vision = shape.merge**2 * (10 * shape.vision_hidden + 2 * shape.vision_ffn)
    return 1.5 * max(language, vision) * dtype.itemsize


def _prefix_share(shape: NetworkShape) -> float:
    """What a token of the prefix takes of what another token takes: keys, values and idle queries of one layer."""
    heads = (shape.heads + 2 * shape.key_heads) * shape.head_size
    return heads / ((3 + shape.levels) * shape.hidden + 3 * heads + 3 * shape.ffn)


def _wait_for(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize(where)
    elif where.type == "mps":
        torch.mps.synchronize()
