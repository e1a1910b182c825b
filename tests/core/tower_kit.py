"""Tiny checkpoints of two-tower models, in the layout of the published ones, and what transformers makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from PIL import Image
from transformers import AutoConfig, AutoModel, AutoTokenizer

from core.checkpoints import Checkpoint, inspect

FAMILIES = ("siglip", "siglip2", "clip", "chinese_clip")
_TINY = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 40}
_SIDE, _PATCH, _PATCHES = 32, 8, 16
_WORDS = ("red", "blue", "cat", "dog", "on", "a", "the", "sofa")
_PIECES = [chr(code) for code in range(97, 123)] + ["é", "红", "色", "猫", "狗", ",", ".", "!"]

_CLIP_PICTURES = {
    "crop_size": {"height": _SIDE, "width": _SIDE},
    "do_center_crop": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "rescale_factor": 0.00392156862745098,
    "size": {"shortest_edge": _SIDE},
}
PICTURES: dict[str, dict[str, Any]] = {
    "siglip": {
        "do_convert_rgb": None,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "SiglipImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "processor_class": "SiglipProcessor",
        "resample": 2,
        "rescale_factor": 0.00392156862745098,
        "size": {"height": _SIDE, "width": _SIDE},
    },
    "siglip2": {
        "do_convert_rgb": None,
        "image_processor_type": "Siglip2ImageProcessor",
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "max_num_patches": _PATCHES,
        "patch_size": _PATCH,
        "resample": 2,
        "rescale_factor": 0.00392156862745098,
    },
    "clip": {**_CLIP_PICTURES, "feature_extractor_type": "CLIPFeatureExtractor"},
    "chinese_clip": {**_CLIP_PICTURES, "image_processor_type": "ChineseCLIPImageProcessor"},
}
"""preprocessor_config.json, as the published checkpoints have it but for the sizes."""


def write(folder: Path, family: str, *, seed: int = 0) -> Checkpoint:
    """A checkpoint with random weights, and what is known of it once it was inspected."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _write_tokenizer(folder, family)
    text: dict[str, Any] = {**_TINY, "vocab_size": len(tokenizer), "max_position_embeddings": 16}
    text |= {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    if family == "chinese_clip":
        text |= {"bos_token_id": None, "eos_token_id": None}
    vision = {**_TINY, "image_size": _SIDE, "patch_size": _PATCH, "num_patches": _PATCHES}
    if family != "siglip2":
        vision.pop("num_patches")
    projected = {"projection_dim": 24} if "clip" in family and "siglip" not in family else {}
    torch.manual_seed(seed)
    config = AutoConfig.for_model(family, text_config=text, vision_config=vision, **projected)
    model = AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:  # larger than models begin with: or all pictures would look the same to it
                weight.normal_(0, 0.2)
            elif "logit" not in name:
                weight += 0.1 * torch.randn_like(weight)
        if hasattr(model, "logit_bias"):
            model.logit_scale.fill_(4.7)
            model.logit_bias.fill_(-16.5)
    model.save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(PICTURES[family]), "utf-8")
    return inspect(folder, name="tiny", title="Tiny", embedder=True)


def _write_tokenizer(folder: Path, family: str) -> Any:
    tokenizer: Any
    if family == "chinese_clip":
        words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_PIECES, *_WORDS[:5], *("##" + one for one in _PIECES)]
        tokenizer = transformers.BertTokenizer(vocab={word: index for index, word in enumerate(dict.fromkeys(words))})
    elif family == "clip":
        pieces = [
            "<|startoftext|>",
            *_PIECES,
            *(one + "</w>" for one in _PIECES),
            "do",
            "ca",
            "cat</w>",
            "<|endoftext|>",
        ]
        merges: Any = [("d", "o"), ("c", "a"), ("ca", "t</w>")]
        vocabulary = {piece: index for index, piece in enumerate(pieces)}
        tokenizer = transformers.CLIPTokenizer(vocab=vocabulary, merges=merges)
    else:
        octets = [f"<0x{octet:02X}>" for octet in range(256)]
        pieces = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *octets, "▁", *_PIECES, *map(str.upper, _PIECES[:26])]
        pieces += ["ca", "cat", "▁cat"]
        vocabulary = {piece: index for index, piece in enumerate(dict.fromkeys(pieces))}
        merges = [("c", "a"), ("ca", "t"), ("▁", "cat")]
        tokenizer = transformers.GemmaTokenizer(
            vocab=vocabulary,
            merges=merges,
            add_bos_token=False,
            add_eos_token=True,
            padding_side="right",
            model_max_length=16,
            model_input_names=["input_ids"],
        )
    tokenizer.save_pretrained(folder)
    return tokenizer


# --- what transformers makes of it -------------------------------------------------------------------


class Reference:
    """The model and the processors of transformers, of a checkpoint on disk. Pictures are reduced by Pillow."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        folder, self._family = checkpoint.folder, checkpoint.family
        self.model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self.tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        pictures: Any = transformers.AutoImageProcessor
        self.pictures = pictures.from_pretrained(folder, local_files_only=True, backend="pil")

    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        fills = "max_length" if self._family.startswith("siglip") else True
        length = self.model.config.text_config.max_position_embeddings
        given = self.tokenizer(texts, padding=fills, truncation=True, max_length=length, return_tensors="pt")
        return self._normalised(self.model.get_text_features, given)

    def images(self, images: list[Image.Image]) -> NDArray[np.float32]:
        return self._normalised(self.model.get_image_features, self.pictures(images, return_tensors="pt"))

    @staticmethod
    def _normalised(features: Any, given: Any) -> NDArray[np.float32]:
        with torch.inference_mode():
            found = features(**given).pooler_output
        vectors: NDArray[np.float32] = torch.nn.functional.normalize(found, dim=-1).numpy()
        return vectors
