"""Which sample pictures, clips and texts there are, and how each is written.

Run by hand: `python -m resources.draw_samples`. The files are committed under `resources/samples/`;
everything in them is drawn here, nothing is copied.
"""

from __future__ import annotations

import argparse
import concurrent.futures
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

from resources import samples_folder
from resources.painting import Field, Plane, Stops, develop
from resources.scenes import (
    Sky,
    alps,
    balloons,
    birches,
    city,
    dunes,
    firs,
    hills,
    lights,
    monochrome,
    mountains,
    night,
    sea,
)
from resources.still_lifes import (
    citrus,
    cloth,
    composition,
    cup,
    foliage,
    marbled,
    orbits,
    spoon,
    stairs,
    terrazzo,
    tiles,
    waves,
    wood,
)

Scene = Callable[[Field], Plane]

LANDSCAPE, PORTRAIT, SQUARE, PANORAMA = (1080, 720), (765, 1020), (960, 960), (1360, 544)

# --- palettes ----------------------------------------------------------------------------------------

BLUE_EVENING = Sky(
    ((0, "#2b4a7f"), (0.45, "#8c7fa8"), (0.75, "#f0a67a"), (1, "#ffd9a0")), (0.62, 0.46, 0.035), "#ff9a4a",
    cloud="#6a5578", lit="#ffc79a", cover=0.45,
)  # fmt: skip
RED_EVENING = Sky(
    ((0, "#3a1d3f"), (0.4, "#93324a"), (0.75, "#ee6a3f"), (1, "#ffc46b")), (0.36, 0.45, 0.042), "#ff6a2a",
    cloud="#5a2440", lit="#ff8f5a", cover=0.5,
)  # fmt: skip
PINK_EVENING = Sky(
    ((0, "#6f86c0"), (0.45, "#c3a3cf"), (0.8, "#f8bfc0"), (1, "#ffe3cf")), (0.5, 0.44, 0.03), "#ff9d9d",
    cloud="#9a86b8", lit="#ffd0d0", cover=0.62,
)  # fmt: skip
GOLDEN_EVENING = Sky(
    ((0, "#6a7a88"), (0.45, "#c9a467"), (0.8, "#f7c15a"), (1, "#ffe6a0")), (0.74, 0.40, 0.045), "#ffb638",
    cloud="#8a7458", lit="#ffe0a0", cover=0.4,
)  # fmt: skip
VIOLET_DUSK = Sky(
    ((0, "#151a3f"), (0.5, "#4a3f80"), (0.82, "#a86aa0"), (1, "#f09a8c")), (0.3, 0.54, 0.0), "#c8607a",
    cloud="#2f2a5c", lit="#b878a8", cover=0.4,
)  # fmt: skip
SEA_EVENING = Sky(
    ((0, "#1c2b55"), (0.5, "#71588a"), (0.8, "#e8825f"), (1, "#ffcf86")), (0.5, 0.47, 0.03), "#ff8a3c",
    cloud="#50416b", lit="#ff9f78", cover=0.4,
)  # fmt: skip
NOON = Sky(
    ((0, "#3f7fc4"), (0.6, "#8fbfe6"), (1, "#e4eff4")), (0.3, 0.16, 0.0), "#fff4dd",
    cloud="#9fb2c6", lit="#ffffff", cover=0.45,
)  # fmt: skip
MORNING = Sky(
    ((0, "#6fa3c8"), (0.6, "#b9d3dc"), (1, "#fbe9d2")), (0.8, 0.3, 0.0), "#ffe0b0",
    cloud="#b8c4cc", lit="#fff6ea", cover=0.42,
)  # fmt: skip
OVERCAST = Sky(
    ((0, "#5d6972"), (0.6, "#8b969c"), (1, "#c3c9c9")), (0.6, 0.3, 0.0), "#3a3f42",
    cloud="#59636b", lit="#b9c0c2", cover=0.8,
)  # fmt: skip
MOONLIGHT = Sky(
    ((0, "#060b1e"), (0.6, "#172a52"), (1, "#3c527c")), (0.58, 0.18, 0.05), "#8fa6d6", disc="#f2ecd8",
    cloud="#141f3c", lit="#7f92bc", cover=0.36,
)  # fmt: skip
DESERT_NOON = Sky(((0, "#4f8fc8"), (1, "#e6dfd0")), (0.2, 0.2, 0.0), "#6b6252")
DESERT_EVENING = Sky(
    ((0, "#4b5f96"), (0.55, "#c79aa6"), (1, "#ffcf9a")), (0.16, 0.36, 0.026), "#ff9a58",
    cloud="#8a6f90", lit="#ffc4a0", cover=0.36,
)  # fmt: skip
ALPINE = Sky(((0, "#2f6db3"), (1, "#cfe2ee")), (0.2, 0.1, 0.0), "#5a5448", cloud="#a9bbcf", cover=0.35)
ALPINE_EVENING = Sky(((0, "#4a5c98"), (0.6, "#c79fb8"), (1, "#ffd6b8")), (0.1, 0.4, 0.0), "#9a5a48")

BLUE_RANGE = ((0, "#d4e0ea"), (0.5, "#6f8fae"), (1, "#1d3550"))
GREEN_RANGE = ((0, "#dbe6dc"), (0.5, "#7ba08c"), (1, "#1f4438"))
ROSE_RANGE = ((0, "#f3d9cf"), (0.5, "#b98a9a"), (1, "#4a3552"))
INK_RANGE = ((0, "#e6e6e4"), (0.5, "#8f8f8e"), (1, "#1f1f20"))
FOG = ((0, "#b9c9cd"), (0.6, "#dfe6e2"), (1, "#c6d2cf"))
OAK = ((0, "#4a2c18"), (0.5, "#9a6a3e"), (1, "#c99a66"))
WALNUT = ((0, "#14100e"), (0.5, "#3a2b22"), (1, "#5f483a"))
ASH = ((0, "#8a7a66"), (0.5, "#c9b79c"), (1, "#e6d9c3"))
COFFEE = ((0, "#7a4524"), (0.7, "#5a2f16"), (1, "#2d160a"))
ESPRESSO = ((0, "#b07a42"), (0.75, "#8a5527"), (1, "#3a1d0c"))
GREEN_TEA = ((0, "#a9b554"), (0.8, "#8a9a3a"), (1, "#6a7628"))
ORANGE = ("#f08a1d", "#f79a1e", "#ffc254")
LEMON = ("#f2c81f", "#f7dc4a", "#fff0a0")
GRAPEFRUIT = ("#e08a4a", "#e2543c", "#f79a84")
LIME = ("#4f8f2a", "#b4d65a", "#e6f2b4")
FERN: tuple[Stops, ...] = (
    ((0, "#0f3a22"), (0.6, "#2f7a3f"), (1, "#9acb7a")),
    ((0, "#1a4a2a"), (0.6, "#4f8f3a"), (1, "#c3dc86")),
)
GINKGO: tuple[Stops, ...] = (
    ((0, "#b8860b"), (0.6, "#e8b923"), (1, "#fbe58a")),
    ((0, "#c98a10"), (0.6, "#f0c53a"), (1, "#fff0a8")),
)
FALLEN: tuple[Stops, ...] = (
    ((0, "#5a1a12"), (0.6, "#b0412a"), (1, "#eb9a62")),
    ((0, "#7a3f10"), (0.6, "#cf7f26"), (1, "#f6cf7a")),
    ((0, "#4a2c1a"), (0.6, "#8a5a34"), (1, "#cfa478")),
)
FLOCK = (
    (0.28, 0.33, 0.115, "#d9432f", "#f5e6c8"), (0.60, 0.22, 0.07, "#2f6fb0", "#f3c13a"),
    (0.80, 0.45, 0.045, "#7a3f8a", "#f08a5a"), (0.47, 0.52, 0.028, "#2f8f7a", "#f5e6c8"),
    (0.92, 0.17, 0.033, "#d9432f", "#2f6fb0"),
)  # fmt: skip
PAIR = ((0.36, 0.36, 0.17, "#e8a02a", "#b8402f"), (0.74, 0.24, 0.08, "#3a6f8f", "#f0e2c4"))


def latte(f: Field) -> Plane:
    table = spoon(f, wood(f, OAK, seed=3), 1.29, 0.28, 1.15, 0.36)
    return cup(f, table, 0.66, 0.52, 0.37, "#f4efe6", COFFEE, seed=3, handle=-0.6, art="#f3e2c4")


def espresso(f: Field) -> Plane:
    table = spoon(f, wood(f, ASH, seed=8, plank=0.33), 0.40, 0.78, -0.35, 0.34)
    return cup(f, table, 0.50, 0.42, 0.27, "#2f3236", ESPRESSO, seed=6, handle=0.5)


def tea(f: Field) -> Plane:
    return cup(f, wood(f, WALNUT, seed=5), 0.86, 0.5, 0.36, "#5f7d86", GREEN_TEA, seed=4, handle=0.4)


def three_cups(f: Field) -> Plane:
    table = wood(f, OAK, seed=12, plank=0.2)
    for index, (x, y, glaze, drink) in enumerate(
        ((0.30, 0.34, "#e9dcc8", COFFEE), (0.72, 0.66, "#b8583f", GREEN_TEA), (1.14, 0.36, "#f4efe6", ESPRESSO))
    ):
        table = cup(f, table, x, y, 0.235, glaze, drink, seed=index, handle=0.9 + 1.9 * index)
    return table


# --- the pictures ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Picture:
    """A sample picture: where it lies under the samples folder (the suffix is its format), its size and its scene."""

    path: str
    size: tuple[int, int]
    scene: Scene
    seed: int = 1
    grain: float = 0.004

    def draw(self) -> Image.Image:
        picture = develop(self.scene(Field.of(*self.size)), self.seed, grain=self.grain)
        return picture.convert("L") if "black and white" in self.path else picture


PICTURES = (
    Picture(
        "Landscapes/sunset over blue hills.jpg",
        LANDSCAPE,
        lambda f: hills(f, BLUE_EVENING, "#c99a9a", "#141d33", seed=3),
    ),
    Picture(
        "Landscapes/red sunset over the valley.jpg",
        LANDSCAPE,
        lambda f: hills(f, RED_EVENING, "#c26a52", "#1c0f1c", seed=14, rough=0.24),
    ),
    Picture(
        "Landscapes/pink evening clouds.jpg",
        LANDSCAPE,
        lambda f: hills(f, PINK_EVENING, "#d3b1bf", "#3b3a5c", seed=27, count=5),
    ),
    Picture(
        "Landscapes/golden evening panorama.jpg",
        PANORAMA,
        lambda f: hills(f, GOLDEN_EVENING, "#cfb07a", "#2c2a1c", seed=33),
    ),
    Picture(
        "Landscapes/violet dusk over hills.webp",
        PORTRAIT,
        lambda f: hills(f, VIOLET_DUSK, "#8a6a9a", "#0e1024", seed=41, count=7),
    ),
    Picture(
        "Landscapes/misty blue mountains.jpg",
        LANDSCAPE,
        lambda f: mountains(f, BLUE_RANGE, ((0, "#a9c4dc"), (1, "#eef2f3")), seed=5),
    ),
    Picture(
        "Landscapes/green mountains in mist.jpg",
        PORTRAIT,
        lambda f: mountains(f, GREEN_RANGE, ((0, "#c3d8d3"), (1, "#f2f4ec")), seed=16),
    ),
    Picture(
        "Landscapes/晨雾中的群山.jpg",
        PANORAMA,
        lambda f: monochrome(mountains(f, INK_RANGE, ((0, "#dededc"), (1, "#f4f4f2")), seed=23, count=8)),
    ),
    Picture(
        "Landscapes/mountain lake at dawn.jpg",
        LANDSCAPE,
        lambda f: mountains(f, ROSE_RANGE, ((0, "#9fb4d4"), (0.7, "#f3cfc4"), (1, "#ffe9d4")), seed=8, lake=0.64),
    ),
    Picture(
        "Landscapes/snowy peaks.jpg",
        LANDSCAPE,
        lambda f: alps(f, ALPINE, "#fffaf0", "#5f82b4", "#4c4750", "#cfdeea", seed=6),
    ),
    Picture(
        "Landscapes/snowy peaks at sunset.jpg",
        LANDSCAPE,
        lambda f: alps(f, ALPINE_EVENING, "#ffd2b4", "#5a5f98", "#4a3a4c", "#e0bcc4", seed=19),
    ),
    Picture(
        "Landscapes/desert dunes.jpg",
        LANDSCAPE,
        lambda f: dunes(f, DESERT_NOON, "#f2b672", "#7a3f26", "#ead6b8", seed=4),
    ),
    Picture(
        "Landscapes/dunes at dusk.jpg",
        LANDSCAPE,
        lambda f: dunes(f, DESERT_EVENING, "#f0a070", "#4a2f4c", "#e6b8a4", seed=12),
    ),
    Picture("Landscapes/calm sea at noon.jpg", LANDSCAPE, lambda f: sea(f, NOON, "#0f4a63", seed=4)),
    Picture("Landscapes/sunset at sea.jpg", LANDSCAPE, lambda f: sea(f, SEA_EVENING, "#1a2440", seed=9)),
    Picture(
        "Landscapes/grey sea before rain.jpg",
        PANORAMA,
        lambda f: sea(f, OVERCAST, "#26363c", seed=15, swell=1.4, horizon=0.46),
    ),
    Picture("Landscapes/月光下的海.jpg", PORTRAIT, lambda f: sea(f, MOONLIGHT, "#050d20", seed=21, horizon=0.55)),
    Picture(
        "Landscapes/夜空与月亮.jpg",
        LANDSCAPE,
        lambda f: night(f, ((0, "#060a1c"), (0.7, "#1a2a55"), (1, "#3f4f7c")), seed=3, moon=(0.68, 0.3, 0.075)),
    ),
    Picture(
        "Landscapes/milky way.jpg",
        PORTRAIT,
        lambda f: night(f, ((0, "#04060f"), (0.7, "#0f1a33"), (1, "#2c3350")), seed=8, moon=None, band=1.7),
    ),
    Picture("Landscapes/firs in fog.webp", LANDSCAPE, lambda f: firs(f, FOG, "#12282a", seed=3, glow="#3a3020")),
    Picture(
        "Landscapes/forest at dawn.avif",
        PORTRAIT,
        lambda f: firs(f, ((0, "#c8b79a"), (0.5, "#f6dca8"), (1, "#b8a27c")), "#14201a", seed=11, glow="#a8641f"),
    ),
    Picture(
        "Landscapes/snow on the firs.jpg",
        LANDSCAPE,
        lambda f: firs(
            f, ((0, "#a3b7cc"), (0.6, "#dbe5ee"), (1, "#e6edf3")), "#1c2f3a", seed=17, snow="#f3f7fb", layers=5
        ),
    ),
    Picture(
        "Landscapes/birches in autumn.webp",
        LANDSCAPE,
        lambda f: birches(
            f, ("#e8a51f", "#d9741c", "#f2c53d", "#a8481a"), ((0, "#f3dfae"), (0.5, "#e0a85a"), (1, "#6b3f1c")), seed=3
        ),
    ),
    Picture(
        "Landscapes/balloons over green hills.jpg",
        LANDSCAPE,
        lambda f: balloons(f, hills(f, NOON, "#c3d3dc", "#2f5a3c", seed=8), FLOCK),
    ),
    Picture(
        "Landscapes/two balloons in the morning.jpg",
        PORTRAIT,
        lambda f: balloons(f, hills(f, MORNING, "#d9cfc4", "#4a4a3c", seed=19), PAIR),
    ),
    Picture(
        "Patterns/bauhaus squares.png",
        LANDSCAPE,
        lambda f: composition(f, "#efe6d4", ("#d5402b", "#20508c", "#f0b429", "#1f1f1f", "#efe6d4"), seed=3, cells=4),
        grain=0.0,
    ),
    Picture(
        "Patterns/bauhaus in green and pink.webp",
        SQUARE,
        lambda f: composition(f, "#f3ebe0", ("#2f6b5a", "#e79aa0", "#f2c14e", "#273043", "#d9e2d5"), seed=9, cells=5),
        grain=0.0,
    ),
    Picture(
        "Patterns/overlapping circles.jpg",
        PORTRAIT,
        lambda f: orbits(f, "#f0e8d8", ("#e0563b", "#2f6fb0", "#f2b632", "#3a8f7a"), seed=6),
    ),
    Picture(
        "Patterns/glazed tiles.webp",
        LANDSCAPE,
        lambda f: tiles(f, ((0, "#e8e0cc"), (1, "#f6f1e4")), ("#1f4f8f", "#d9a032", "#2f8f8a"), "#b8ae9a", seed=3),
    ),
    Picture(
        "Patterns/green tiles.webp",
        SQUARE,
        lambda f: tiles(
            f, ((0, "#2c6a58"), (1, "#5fa088")), ("#f0e8d0", "#1a3f3a", "#d9a05a"), "#c9bfa8", seed=7, count=4
        ),
    ),
    Picture(
        "Patterns/tartan cloth.avif",
        LANDSCAPE,
        lambda f: cloth(
            f,
            (("#7a1f22", 16), ("#1d3a34", 10), ("#e0c890", 2), ("#1d3a34", 10), ("#7a1f22", 6), ("#101a22", 6)),
            seed=3,
        ),
        grain=0.0,
    ),
    Picture(
        "Patterns/terrazzo floor.webp",
        SQUARE,
        lambda f: terrazzo(
            f, "#ece6dc", ("#d98a6a", "#3a5a5c", "#e0b45a", "#8a8580", "#b8564a", "#c9c0b4"), seed=3, cells=8
        ),
    ),
    Picture("Patterns/青海波.gif", SQUARE, lambda f: waves(f, ("#7fb0d0", "#1d4f86"), "#f2ede0", rows=7), grain=0.0),
    Picture(
        "Patterns/marbled paper.avif",
        LANDSCAPE,
        lambda f: marbled(
            f, ((0, "#1d3f5f"), (0.3, "#e8dcc4"), (0.5, "#c0563a"), (0.7, "#e8c46a"), (1, "#1d3f5f")), seed=3
        ),
    ),
    Picture("Table/coffee on an oak table.jpg", LANDSCAPE, latte),
    Picture("Table/espresso, dark cup.jpg", PORTRAIT, espresso),
    Picture("Table/绿茶.jpg", LANDSCAPE, tea),
    Picture("Table/three cups.webp", LANDSCAPE, three_cups),
    Picture(
        "Table/citrus slices on blue.jpg",
        LANDSCAPE,
        lambda f: citrus(f, ((0, "#3f7f8a"), (1, "#2a5f6c")), (ORANGE, LEMON, GRAPEFRUIT), seed=3),
    ),
    Picture(
        "Table/lemons and limes.jpg",
        SQUARE,
        lambda f: citrus(f, ((0, "#efe4d0"), (1, "#d9c9ae")), (LEMON, LIME), seed=8, count=7),
    ),
    Picture(
        "Table/green leaves.webp",
        LANDSCAPE,
        lambda f: foliage(f, ((0, "#101a12"), (1, "#1e2e1c")), FERN, seed=3, count=34),
    ),
    Picture(
        "Table/银杏叶.jpg",
        LANDSCAPE,
        lambda f: foliage(f, ((0, "#4a4a48"), (1, "#6a6864")), GINKGO, seed=4, lobed=1, count=30, size=0.22),
    ),
    Picture(
        "Table/fallen leaves.webp",
        PORTRAIT,
        lambda f: foliage(f, ((0, "#2c211a"), (1, "#4f3f30")), FALLEN, seed=9, count=40, size=0.24),
    ),
    Picture(
        "City/skyline at dusk.webp",
        LANDSCAPE,
        lambda f: city(
            f, ((0, "#1d2c55"), (0.55, "#8a6a8f"), (1, "#ffb98a")), "#0d1222", seed=3, lamps=0.4, shore=0.74
        ),
    ),
    Picture(
        "City/city at the blue hour.webp",
        PANORAMA,
        lambda f: city(
            f,
            ((0, "#0f2450"), (0.6, "#3f6aa0"), (1, "#b3c8d8")),
            "#0b1426",
            seed=12,
            lamps=0.55,
            shore=0.7,
            glow="#ffd9a0",
        ),
    ),
    Picture(
        "City/towers at night.jpg",
        PORTRAIT,
        lambda f: city(f, ((0, "#05070f"), (0.7, "#141d3a"), (1, "#4a3a4c")), "#06080f", seed=21, lamps=0.7, layers=5),
    ),
    Picture(
        "City/city in fog, black and white.jpg",
        LANDSCAPE,
        lambda f: monochrome(
            city(f, ((0, "#c9ccce"), (1, "#eeeeec")), "#34373a", seed=31, lamps=0.0, layers=6, glow="#303030"), 1.1
        ),
    ),
    Picture(
        "City/winding stairs, black and white.jpg",
        SQUARE,
        lambda f: stairs(f, ((0, "#0c0c0c"), (1, "#f2f0ec")), seed=3),
    ),
    Picture(
        "City/lights out of focus.jpg",
        LANDSCAPE,
        lambda f: lights(f, ((0, "#0c0a10"), (1, "#20140f")), ("#ffb347", "#ffd59a", "#ff7a3c", "#fff0d0"), seed=3),
    ),
    Picture(
        "City/blue lights.jpg",
        SQUARE,
        lambda f: lights(
            f, ((0, "#060a18"), (1, "#101a30")), ("#5a9aff", "#9ad0ff", "#7a6aff", "#fff0d0"), seed=6, size=0.09
        ),
    ),
)


# --- the clips ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Clip:
    """A sample clip: `scene` draws it at a time in seconds."""

    path: str
    scene: Callable[[Field, float], Plane]
    codec: str
    bitrate: int
    seconds: float = 4.0
    size: tuple[int, int] = (854, 480)
    rate: int = 15

    def frames(self) -> Iterator[Image.Image]:
        field = Field.of(*self.size)
        for frame in range(round(self.seconds * self.rate)):
            yield develop(self.scene(field, frame / self.rate), 1, grain=0.0)

    def write(self, target: Path) -> None:
        # One thread: with several, the encoder's output depends on the machine.
        with av.open(str(target), "w") as container:
            stream: Any = container.add_stream(self.codec, rate=self.rate)
            stream.width, stream.height = self.size
            stream.pix_fmt = "yuv420p"
            stream.bit_rate = self.bitrate
            stream.thread_count = 1
            stream.time_base = Fraction(1, self.rate)
            frame_of: Any = av.VideoFrame.from_image
            for image in self.frames():
                container.mux(stream.encode(frame_of(image)))
            container.mux(stream.encode())


def _setting_sun(f: Field, time: float) -> Plane:
    part = time / 4
    evening = Sky(
        (
            (0, _between("#4a6aa0", "#1f2a5a", part)),
            (0.5, _between("#a89ab0", "#6a4a7a", part)),
            (0.8, "#f0a070"),
            (1, "#ffd090"),
        ),
        (0.6, 0.34 + 0.26 * part, 0.045),
        "#ff9a4a",
        cloud="#6a5578",
        lit="#ffb78a",
        cover=0.4,
    )
    return hills(f, evening, _between("#d0a898", "#94688a", part), "#141d33", seed=3, trees=False, count=5)


def _between(first: str, second: str, part: float) -> str:
    numbers = [round(int(first[i : i + 2], 16) * (1 - part) + int(second[i : i + 2], 16) * part) for i in (1, 3, 5)]
    return "#" + "".join(f"{number:02x}" for number in numbers)


CLIPS = (
    Clip("Clips/waves at sunset.mp4", lambda f, t: sea(f, SEA_EVENING, "#1a2440", seed=9, time=t), "libx264", 240_000),
    Clip("Clips/calm blue water.webm", lambda f, t: sea(f, NOON, "#0f4a63", seed=4, time=t), "libvpx-vp9", 230_000),
    Clip("Clips/the sun goes down.mp4", _setting_sun, "libx264", 200_000),
    Clip(
        "Clips/drifting lights.mp4",
        lambda f, t: lights(
            f, ((0, "#0c0a10"), (1, "#20140f")), ("#ffb347", "#ffd59a", "#ff7a3c"), seed=3, count=60, time=t
        ),
        "libx264",
        190_000,
    ),
)

# --- the texts ---------------------------------------------------------------------------------------

TEXTS = {
    "Notes/on evening light.md": """# On evening light

The hour before sunset is short. The sun is low, so its light has come a long way through the air and has lost its
blue: what it touches turns amber, and what it leaves in shadow keeps the blue of the sky.

- Hills: the far ones are paler than the near ones. Wait until the haze lights up.
- Water: stand so that the sun's path on the waves leads into the picture.
- City: ten minutes after sunset the windows are as bright as the sky.
""",
    "Notes/breakfast.txt": """Breakfast by the window

Two cups of coffee on the oak table, a spoon, slices of orange and lemon on the blue cloth.
Light from the left, soft, before eight. Keep the shadows long and the colours warm.
""",
    "Notes/秋天的笔记.txt": """秋天的笔记

银杏叶黄了,落在灰色的石板上。清晨有雾,远处的群山一层比一层淡,像一幅水墨画。
下午喝一杯绿茶,看夕阳落到山后面。夜里月亮升起来,海面上有一条银色的路。
""",
}


# --- writing -----------------------------------------------------------------------------------------


def write_picture(picture: Picture, folder: Path) -> Path:
    target = folder / picture.path
    target.parent.mkdir(parents=True, exist_ok=True)
    image = picture.draw()
    match target.suffix:
        case ".jpg":
            image.save(target, quality=64, optimize=True)
        case ".webp":
            image.save(target, quality=66, method=6)
        case ".avif":
            image.save(target, quality=62, speed=4)
        case ".png":
            image.quantize(28, kmeans=3, dither=Image.Dither.NONE).save(target, optimize=True)
        case ".gif":
            image.quantize(16, dither=Image.Dither.NONE).save(target, optimize=True)
        case suffix:
            raise ValueError(f"no way to write {suffix}")
    return target


def write_clip(clip: Clip, folder: Path) -> Path:
    target = folder / clip.path
    target.parent.mkdir(parents=True, exist_ok=True)
    clip.write(target)
    return target


def write_texts(folder: Path) -> list[Path]:
    for path, text in TEXTS.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", newline="\n")
    return [folder / path for path in TEXTS]


def main() -> None:
    """Draw the samples into the package, or into a folder given on the command line."""
    parser = argparse.ArgumentParser(description="Draws the sample library.")
    parser.add_argument("folder", nargs="?", type=Path, default=samples_folder())
    parser.add_argument("--only", default="", help="draw only what has this in its path")
    arguments = parser.parse_args()
    paths = [row.path for row in (*CLIPS, *PICTURES) if arguments.only in row.path]
    with concurrent.futures.ProcessPoolExecutor() as pool:
        jobs = [pool.submit(_write, path, arguments.folder) for path in paths]
        for job in concurrent.futures.as_completed(jobs):
            print(f"{job.result().stat().st_size // 1024:5} KiB  {job.result().relative_to(arguments.folder)}")
    write_texts(arguments.folder)


def _write(path: str, folder: Path) -> Path:
    # By name: the scenes are lambdas, which don't pickle.
    for clip in CLIPS:
        if clip.path == path:
            return write_clip(clip, folder)
    return write_picture(next(picture for picture in PICTURES if picture.path == path), folder)


if __name__ == "__main__":
    main()
