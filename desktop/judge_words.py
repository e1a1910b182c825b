"""In which words the window speaks of judges: their names, what they cost, how far something is with them."""

from __future__ import annotations

import os

from PySide6.QtCore import QCoreApplication, QLocale

from core import Budget, Cost, Downloading, JudgeChoice, Loading, ModelInfo, Preparation, Verifying
from core.errors import printable

RERANKERS = ("2B", "8B")
FINDERS = ("SigLIP2", "Embedding-2B", "Embedding-8B")
KNOWN = (*RERANKERS, *FINDERS)
"""What can be downloaded, by the names that a choice gives them."""


def _tr(text: str) -> str:
    return QCoreApplication.translate("Judges", text)


# --- names -------------------------------------------------------------------------------------------


def judge_title(name: str) -> str:
    """What a judge is called, by the name a choice gives it."""
    if name == "builtin":
        return _tr("Built-in matcher")
    if name == "auto":
        return _tr("The best model for this machine")
    if name in RERANKERS:
        return f"Qwen3-VL-Reranker-{name}"
    if name in FINDERS:
        return "SigLIP 2" if name == "SigLIP2" else f"Qwen3-VL-{name}"
    return str(printable(os.path.basename(os.path.normpath(name))))


def short_title(name: str) -> str:
    """The same where room is scarce."""
    if name == "builtin":
        return _tr("Built-in")
    return name if name in KNOWN and name != "SigLIP2" else judge_title(name)


def row_title(name: str, finds: bool) -> str:
    """What it is called among those that find, or those that judge."""
    return _tr("The finder alone") if name == "builtin" and not finds else judge_title(name)


def budget_name(budget: Budget) -> str:
    names = {Budget.FAST: _tr("Fast"), Budget.BALANCED: _tr("Balanced"), Budget.FULL: _tr("Full")}
    return names[budget]


def budget_line(budget: Budget) -> str:
    """What it means, in one line."""
    lines = {
        Budget.FAST: _tr("A glance: enough for a first look"),
        Budget.BALANCED: _tr("Closer: right for most pictures"),
        Budget.FULL: _tr("Closest: small print and details, and the slowest"),
    }
    return lines[budget]


def device_name(device: str, name: str = "") -> str:
    """auto, cuda, cuda:1, mps or cpu, with what the machine calls it."""
    kind, _, number = device.partition(":")
    words = {"auto": _tr("Automatic"), "cuda": _tr("Graphics card"), "mps": _tr("Apple GPU"), "cpu": _tr("Processor")}
    said = words.get(kind, device) + (f" {number}" if number else "")
    return f"{said} ({name})" if name else said


def precision_name(precision: str) -> str:
    return _tr("Automatic") if precision == "auto" else precision


def builtin_lines() -> list[str]:
    """What the built-in matcher can see and what it can't."""
    return [
        _tr("Sees how pictures and clips look: colours, composition, texture, the same picture altered."),
        _tr("Reads names, captions, keywords and texts; knows words for looks in English and Chinese."),
        _tr("Can't see what is in a picture, or what it means."),
    ]


def judging_lines() -> list[str]:
    """What a judge adds to what a finder does."""
    return [
        _tr("A judge looks at each file together with the query, the most promising first."),
        _tr("It is slower, and knows better which of the best are right."),
    ]


# --- figures -----------------------------------------------------------------------------------------


def bytes_text(size: float) -> str:
    """4.4 GB, in units of a thousand, as file managers say it."""
    return QLocale().formattedDataSize(int(size), 1, QLocale.DataSizeFormat.DataSizeSIFormat)


def part_text(done: float, total: float) -> str:
    """1.9 of 4.4 GB; both with their unit where the units differ."""
    first, second = bytes_text(done), bytes_text(total)
    number, _, unit = first.rpartition(" ")
    return _tr("{done} of {total}").format(done=number if second.endswith(f" {unit}") else first, total=second)


def presence_text(model: ModelInfo) -> str:
    """How much of a model is on this machine."""
    if 0 < model.arrived < model.size:
        return _tr("{part} here").format(part=part_text(model.arrived, model.size))
    if model.folder:
        return bytes_text(model.size)
    return _tr("not here · {size}").format(size=bytes_text(model.size))


def duration_text(seconds: float) -> str:
    """How long something takes, in the one unit that fits: 20 s, 4 min, 1.5 h."""
    if seconds < 90:
        return _tr("%1 s").replace("%1", str(max(1, round(seconds))))
    if seconds < 5400:
        return _tr("%1 min").replace("%1", str(round(seconds / 60)))
    return _tr("%1 h").replace("%1", f"{seconds / 3600:.1f}")


def rate_text(rate: float) -> str:
    """A number of files a second, as closely as it can be meant."""
    return QLocale().toString(float(rate), "f", 0 if rate >= 10 else 1 if rate >= 0.1 else 2)


def estimate_text(cost: Cost, files: int) -> str:
    """2B: about 40 pictures/s here, 4 min for this folder."""
    rate = cost.pictures_per_second
    text = _tr("{name}: about {rate} pictures/s here").format(name=short_title(cost.judge.name), rate=rate_text(rate))
    if cost.measured:
        text = _tr("{name}: {rate} pictures/s here so far").format(
            name=short_title(cost.judge.name), rate=rate_text(rate)
        )
    if files and rate > 0:
        text += _tr(", {time} for this folder").format(time=duration_text(files / rate))
    return text


def prepared_text(preparation: Preparation) -> str:
    """1,204 of 2,431 prepared · 61/s · 20 s left."""
    locale = QLocale()
    total = locale.toString(preparation.total)
    if preparation.prepared >= preparation.total:
        return _tr("All {total} files are prepared").format(total=total)
    text = _tr("{done} of {total} prepared").format(done=locale.toString(preparation.prepared), total=total)
    if preparation.prepared + preparation.failed >= preparation.total:
        return text
    if preparation.waiting:
        return text + " · " + _tr("waiting for the ranking")
    if preparation.rate > 0:
        text += " · " + _tr("{rate}/s").format(rate=rate_text(preparation.rate))
    if preparation.seconds_left:
        text += " · " + _tr("{time} left").format(time=duration_text(preparation.seconds_left))
    return text


# --- how far it is -----------------------------------------------------------------------------------


def step_text(step: Loading | Downloading | Verifying | None) -> str:
    """How far loading, a download or a check is, in words."""
    match step:
        case Loading(stage="weights"):
            return _tr("Loading weights: {part}").format(part=part_text(step.done, step.total))
        case Loading(stage="warming"):
            return _tr("Weights loaded; trying them out …")
        case Loading(stage="checking"):
            return _tr("Looking through its files …")
        case Loading():
            return _tr("Loading the libraries it runs on …")
        case Downloading():
            parts = [part_text(step.done, step.total)]
            if step.rate > 0:
                parts.append(_tr("{rate}/s").format(rate=bytes_text(step.rate)))
            if step.seconds_left:
                parts.append(_tr("{time} left").format(time=duration_text(step.seconds_left)))
            return " · ".join(parts)
        case Verifying():
            return _tr("Checking {file}: {part}").format(
                file=printable(step.file), part=part_text(step.done, step.total)
            )
        case None:
            return _tr("Starting …")


def chosen_text(choice: JudgeChoice, precision: str) -> str:
    """Qwen3-VL-Reranker-2B · bfloat16 · Balanced."""
    return f"{judge_title(choice.name)} · {precision} · {budget_name(choice.budget)}"
