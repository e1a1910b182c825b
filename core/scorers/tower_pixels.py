"""How models of two towers (SigLIP, CLIP) look at pictures and clips, and what their vectors depend on besides.

Apart from the rest of them, so that vectors that are kept can be found without loading anything. What a checkpoint
wants is in its preprocessor_config.json, by the names that transformers gives it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from core.errors import ModelDamaged, ModelForbidden, ModelIncomplete, ModelNotEmbedder
from core.media import ModelShape, PixelPolicy

VERSION = "towers 1"
"""How pictures become vectors, besides their pixels. Raise it when the same pixels would give another vector."""

CLIP_FRAMES = 8
"""Moments of a clip that are looked at, evenly spaced."""

PREPROCESSOR, PROCESSOR = "preprocessor_config.json", "processor_config.json"

_BILINEAR, _BICUBIC = 2, 3  # Pillow's numbers
_STANDARD = [0.5, 0.5, 0.5]
_CLIP_MEAN, _CLIP_DEVIATION = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
_DEFAULTS: dict[str, dict[str, Any]] = {
    "SiglipImageProcessor": {
        "size": {"height": 224, "width": 224},
        "resample": _BICUBIC,
        "do_center_crop": False,
        "image_mean": _STANDARD,
        "image_std": _STANDARD,
    },
    "Siglip2ImageProcessor": {
        "patch_size": 16,
        "max_num_patches": 256,
        "resample": _BILINEAR,
        "image_mean": _STANDARD,
        "image_std": _STANDARD,
    },
    "CLIPImageProcessor": {
        "size": {"shortest_edge": 224},
        "crop_size": {"height": 224, "width": 224},
        "resample": _BICUBIC,
        "do_center_crop": True,
        "image_mean": _CLIP_MEAN,
        "image_std": _CLIP_DEVIATION,
    },
}
"""By the processor: what transformers takes where the file says nothing."""
_DEFAULTS["ChineseCLIPImageProcessor"] = _DEFAULTS["CLIPImageProcessor"]
_OLD_NAMES = ("FeatureExtractor", "ImageProcessorFast", "ImageProcessorPil")


def policy(folder: Path) -> PixelPolicy:
    """The pixels that a checkpoint in this folder wants, JPEGs decoded at a reduced scale where they can be.

    With `scaled` taken away they are what its image processor makes of the same picture, except that a picture is
    upright, that what is transparent is white, and that 16 bits a colour are brought to 8, not cut off.
    Raises ModelIncomplete, ModelDamaged, ModelForbidden, and ModelNotEmbedder for what is asked there and not had here.
    """
    told = _read(folder)
    kind = str(told.get("image_processor_type") or told.get("feature_extractor_type") or "")
    for old in _OLD_NAMES:
        kind = kind.replace(old, "ImageProcessor")
    if kind not in _DEFAULTS:
        raise ModelNotEmbedder(path=str(folder), found=f"pictures for {kind or 'a processor that it does not name'}")
    # What is null there stands for the default too.
    told = {**_DEFAULTS[kind], **{name: value for name, value in told.items() if value is not None}}
    try:
        shape = _shape(told)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelDamaged(path=str(folder), file=PREPROCESSOR, detail=f"its sizes can't be read: {error}") from error
    if shape is None:
        raise ModelNotEmbedder(path=str(folder), found="pictures of no fixed size")
    return PixelPolicy(shape.width * shape.height, frames=CLIP_FRAMES, scaled=True, shape=shape)


def identity(policy: PixelPolicy) -> str:
    """Everything in the policy that changes vectors, in short. Policies that say the same give the same pixels."""
    shape = policy.shape
    assert shape is not None
    size = f"{shape.patches} patches of {shape.patch}" if shape.patches else f"{shape.width}x{shape.height}"
    if shape.shortest:
        size += f" of {shape.shortest}"
    exact = f"near {policy.margin:g}" if policy.scaled else "exact"
    colours = "/".join(",".join(f"{value:g}" for value in values) for values in (shape.mean, shape.deviation))
    return f"{size} px, filter {shape.resample}, {exact}; colours {colours}; clip {policy.frames} frames"


def _read(folder: Path) -> dict[str, Any]:
    """What the image processor's file says; newer checkpoints have it inside that of the whole processor."""
    for file, part in ((PREPROCESSOR, ""), (PROCESSOR, "image_processor")):
        try:
            told = json.loads((folder / file).read_text("utf-8"))
        except FileNotFoundError:
            continue
        except PermissionError as error:
            raise ModelForbidden(path=str(folder)) from error
        except (OSError, ValueError, RecursionError) as error:
            raise ModelDamaged(path=str(folder), file=file, detail=str(error)) from error
        found = told.get(part) if part and isinstance(told, dict) else told
        if isinstance(found, dict):
            return found
        if not part:
            raise ModelDamaged(path=str(folder), file=file, detail="it is not what its name says")
    raise ModelIncomplete(path=str(folder), file=PREPROCESSOR)


def _shape(told: dict[str, Any]) -> ModelShape | None:
    """None if it is not one that every picture gets. Raises KeyError, TypeError, ValueError."""
    if told.get("do_resize") is False or told.get("do_normalize") is False or told.get("do_rescale") is False:
        return None
    if told.get("rescale_factor", 1 / 255) != 1 / 255:
        return None
    mean, deviation = (_three(told[name]) for name in ("image_mean", "image_std"))
    resample = int(told["resample"])
    if not 0 <= resample <= 5 or 0 in deviation:
        raise ValueError(f"filter {resample}, deviation {deviation}")
    if "max_num_patches" in told:
        patch, patches = _positive(told["patch_size"]), _positive(told["max_num_patches"])
        side = int(patches**0.5) * patch
        return ModelShape(side, side, resample, patch=patch, patches=patches, mean=mean, deviation=deviation)
    size, crop = told["size"], told.get("crop_size")
    shortest = size.get("shortest_edge", 0) if isinstance(size, dict) else size
    if not shortest:
        width, height = _positive(size["width"]), _positive(size["height"])
        if told["do_center_crop"] and _sides(crop) != (width, height):
            return None
        return ModelShape(width, height, resample, mean=mean, deviation=deviation)
    shortest = _positive(shortest)
    if not told["do_center_crop"] or max(_sides(crop)) > shortest:
        return None
    return ModelShape(*_sides(crop), resample, shortest, mean=mean, deviation=deviation)


def _sides(crop: Any) -> tuple[int, int]:
    if isinstance(crop, dict):
        return _positive(crop["width"]), _positive(crop["height"])
    return _positive(crop), _positive(crop)


def _positive(value: Any) -> int:
    if int(value) < 1:
        raise ValueError(f"{value} pixels")
    return int(value)


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
