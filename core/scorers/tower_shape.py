"""How large a two-tower model is, by its config.json, so that its cost can be told before it is fetched or loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LAYERS = {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12}
_TEXT_LAYERS = {"clip": {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8}}
_PATCH = {"siglip": 16, "siglip2": 16, "clip": 32, "chinese_clip": 32}
"""What a published config leaves out, by model_type where it differs: as in transformers 5."""


@dataclass(frozen=True)
class Tower:
    """A stack of equal transformer layers."""

    hidden: int
    ffn: int
    layers: int
    heads: int

    @property
    def layer(self) -> int:
        """Numbers in the weights of one layer: four square products of attention, two of the feed-forward part."""
        return 4 * self.hidden**2 + 2 * self.hidden * self.ffn


@dataclass(frozen=True)
class TowerShape:
    """A tower for pictures and one for texts."""

    vision: Tower
    text: Tower
    patch: int
    """Pixels of a patch's side."""
    patches: int
    """Patches of a picture."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> TowerShape:
        """Raises KeyError, ValueError, TypeError or AttributeError for what is no config of such a model."""
        family = config["model_type"]
        vision = {**_LAYERS, "patch_size": _PATCH[family], **config["vision_config"]}
        text = {**_LAYERS, **_TEXT_LAYERS.get(family, {}), **config["text_config"]}
        patch, side = _size(vision, "patch_size"), vision.get("image_size", 224)
        free = family == "siglip2"  # pictures of any aspect ratio, in so many patches
        patches = int(vision.get("num_patches", 256)) if free else (int(side) // patch) ** 2
        return cls(_tower(vision), _tower(text), patch, patches)

    @property
    def parameters(self) -> int:
        """Numbers of the weights that are held in memory, to one in a hundred: the table of tokens stays on the disk
        (`tower_weights`), biases and norms are left out, and what joins the towers counts as one layer."""
        towers = self.vision.layers * self.vision.layer + self.text.layers * self.text.layer + self.vision.layer
        return towers + 3 * self.patch**2 * self.vision.hidden


def _tower(config: Mapping[str, Any]) -> Tower:
    tower = Tower(*(_size(config, name) for name in _LAYERS))
    if tower.hidden % tower.heads:
        raise ValueError(f"{tower.heads} heads do not divide {tower.hidden}")
    return tower


def _size(config: Mapping[str, Any], name: str) -> int:
    found = config[name]
    if type(found) is not int or found <= 0:
        raise ValueError(f"{name} is {found}")
    return found
