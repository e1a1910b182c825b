"""How fast a folder is prepared for SigLIP 2, through the engine: a network of its base shape with random weights.

The weights say nothing; a network of this shape runs at the real speed whatever they are. Asserts nothing.
"""

from __future__ import annotations

import core.scorers.threads  # noqa: F401  before torch is loaded

# isort: split
import json
import tempfile
import time
from pathlib import Path

import psutil
import torch
from transformers import SiglipConfig, SiglipModel

from core.engine import Engine
from core.jobs import Preparation, Rank, Scored
from core.query import Query
from core.scorers import JudgeChoice
from tests.bench.judge_pictures import write_pictures
from tests.core.tower_kit import PICTURES, write

COUNT = 96
SIDE, WORDS = 224, 256_000


def write_base(folder: Path) -> None:
    """A checkpoint with the sizes of google/siglip2-base-patch16-224."""
    write(folder, "siglip")
    ends = {"pad_token_id": 1, "bos_token_id": 2, "eos_token_id": 1}
    text = {"vocab_size": WORDS, "max_position_embeddings": 64, **ends}
    config = SiglipConfig(text_config=text, vision_config={"image_size": SIDE, "patch_size": 16})
    with torch.device("meta"):
        model = SiglipModel(config)
    model.to_empty(device="cpu")
    with torch.no_grad():
        for weight in model.state_dict().values():
            weight.fill_(0.02) if weight.ndim < 2 else weight.normal_(0, 0.02)
    model.save_pretrained(folder)
    pictures = {**PICTURES["siglip"], "size": {"height": SIDE, "width": SIDE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(pictures), "utf-8")


def prepared(folder: Path, pictures: Path, home: Path, precision: str) -> str:
    """Pictures a second with decoding, and seconds of a question in words."""
    choice = JudgeChoice(str(folder), "cpu", precision)
    with Engine(home) as engine:
        list(engine.load(choice, finder=True))
        listing = engine.list_folder(pictures)
        began, done = time.perf_counter(), 0
        for event in engine.prepare(listing, choice):
            if isinstance(event, Preparation):
                done = event.prepared
        rate = done / (time.perf_counter() - began)
        began = time.perf_counter()
        next(
            event
            for event in engine.run(Rank(Query("a red cat on the sofa"), listing, choice))
            if type(event) is Scored
        )
        asked = time.perf_counter() - began
        size = psutil.Process().memory_info().rss / 2**20
    return (
        f"  {precision}: {rate:.1f} pictures/s, a question in words {asked * 1000:.0f} ms, the process {size:,.0f} MB"
    )


def main() -> None:
    print(
        f"\n## preparing {COUNT} JPEGs of 12 megapixels for SigLIP 2 (base shape, random weights) on this CPU",
        flush=True,
    )
    with tempfile.TemporaryDirectory(prefix="semblance-bench-") as name:
        write_base(Path(name, "model"))
        write_pictures(Path(name, "pictures"), COUNT, 12_000_000)
        for precision in ("bfloat16", "float32"):
            print(prepared(Path(name, "model"), Path(name, "pictures"), Path(name, precision), precision), flush=True)


if __name__ == "__main__":
    main()
