"""Which words, English and Chinese, say how a picture looks, and what figures they are true of.

A query's text is read in two steps. Its words become items: a colour with its degrees ("very pale blue", 深红) or a
quality ("blurry", 竖图), or one of the little words that join, deny and place them. Items that stand together are a
group, to which a "not", an "or" and a place ("on ...", "... background", 中间是...) apply. What is no look is left
for plain words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from core.media import Kind
from core.scorers.colour import oklab
from core.scorers.figures import COLOURS, LEVELS, Measured, border_part, kept_colours
from core.scorers.words import fold

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# --- colours -----------------------------------------------------------------------------------------
#
# A row: the words that mean this colour, then sRGB values (0xRRGGBB) that anyone would call by that name.

_BASIC: dict[str, tuple[str, tuple[int, ...]]] = {
    "red": ("red|红|红色|大红|正红|鲜红", (0xFF0000, 0xC81818, 0xD93030, 0xA01010, 0x8B0000, 0x5A0808, 0xE34234)),
    "orange": ("orange|橙|橙色|橘|橘色|橘黄|橘黄色|橙黄|橙黄色", (0xFF8000, 0xFFA500, 0xF07820, 0xE06000, 0xFFB060)),
    "yellow": (
        "yellow|黄|黄色",
        (0xFFFF00, 0xFFE000, 0xFFEE40, 0xF2D24B, 0xFFF59D, 0xFFFAC8, 0xE8D000, 0xC8AC00, 0xA89010),
    ),
    "green": (
        "green|绿|绿色",
        (0x00FF00, 0x00C000, 0x008000, 0x2E8B57, 0x6B8E23, 0x90EE90, 0xC0E8C0, 0x1F4D1F, 0x0A300A, 0xADFF2F, 0x607858),
    ),
    "cyan": ("cyan|aqua|青|青色|蓝绿|蓝绿色", (0x00FFFF, 0x40E0D0, 0x00C5CD, 0x00B0B0, 0x008B8B, 0x90E0E0)),
    "blue": (
        "blue|蓝|蓝色",
        (
            0x0000FF,
            0x4169E1,
            0x1E60E0,
            0x0000A0,
            0x000080,
            0x0A1A50,
            0x1E90FF,
            0x87CEEB,
            0x4682B4,
            0x1C2E50,
            0xB8D4F0,
            0x607898,
        ),
    ),
    "purple": (
        "purple|violet|紫|紫色|紫罗兰色|紫罗兰",
        (0x800080, 0x8A2BE2, 0x6A1B9A, 0xB57EDC, 0x4B0082, 0x300848, 0xD0C0F0, 0x604070),
    ),
    "pink": ("pink|粉|粉色|粉红|粉红色", (0xFF69B4, 0xFFC0CB, 0xFF90B8, 0xFF1493, 0xFF50C0, 0xF8D8E0, 0xE08098)),
    "brown": (
        "brown|棕|棕色|褐|褐色|咖啡色|棕褐色",
        (0x8B4513, 0x5C3317, 0x704828, 0xA0724A, 0x3A2010, 0xB08050, 0x806850, 0xD0C0A8, 0xE0D4C0),
    ),
    "black": ("black|黑|黑色", (0x000000, 0x101010, 0x1C1C1C)),
    "grey": ("grey|gray|灰|灰色", (0x404040, 0x606060, 0x808080, 0xA0A0A0, 0xC0C0C0, 0xCFCFCF)),
    "white": ("white|白|白色", (0xFFFFFF, 0xF4F4F4, 0xE6E6E6)),
}
_SHADES: dict[str, tuple[int, ...]] = {
    "crimson|绯红|绯红色|猩红|猩红色": (0xDC143C, 0xB8103C, 0xA80830),
    "scarlet|vermilion|朱红|朱红色": (0xFF2400, 0xE34234, 0xF4320C),
    "burgundy|wine red|maroon|claret|酒红|酒红色|暗酒红|枣红|枣红色": (0x800020, 0x610023, 0x650021, 0x722F37),
    "rust|terracotta|铁锈红|铁锈色|砖红|砖红色|赤陶色": (0xB7410E, 0xA83C09, 0xC0603C),
    "coral|珊瑚色|珊瑚红": (0xFF7F50, 0xFC5A50, 0xFF6F61),
    "salmon|鲑鱼色|三文鱼色|鲑红": (0xFA8072, 0xFF796C, 0xE9967A),
    "peach|apricot|蜜桃色|桃色|杏色|杏黄": (0xFFDAB9, 0xFFB07C, 0xFBCEB1),
    "amber|琥珀色|琥珀": (0xFFBF00, 0xFEB308),
    "gold|golden|金|金色|金黄|金黄色": (0xD4AF37, 0xDBB40C, 0xDAA520, 0xC89820),
    "mustard|芥末黄|芥黄": (0xE1AD01, 0xCEB301),
    "lemon|lemon yellow|柠檬黄|柠檬色": (0xFFF44F, 0xFDFF52),
    "cream|cream white|ivory|奶油色|奶白|奶白色|乳白|乳白色|米白|米白色|象牙色|象牙白": (
        0xFFFDD0,
        0xFFFFC2,
        0xFFF8DC,
        0xFAF0DC,
    ),
    "beige|米色|米黄|米黄色": (0xE6DAA6, 0xF5E6C8, 0xE0D0B8, 0xD8C8A8, 0xE8DCC4),
    "khaki|卡其|卡其色": (0xC3B091, 0xAAA662, 0xBDB76B, 0xC0B078),
    "tan|camel|驼色|棕黄|棕黄色|浅褐|浅褐色": (0xD2B48C, 0xD1B26F, 0xC19A6B),
    "chestnut|chocolate|栗色|巧克力色": (0x7B3F00, 0x954535, 0x5A3018, 0x3D1C02),
    "lime|lime green|青柠色|黄绿|黄绿色|嫩绿|嫩绿色|草绿|草绿色": (0xBFFF00, 0x9ACD32, 0xAAFF32),
    "olive|olive green|橄榄|橄榄绿|橄榄色|军绿|军绿色": (0x808000, 0x6E750E, 0x677A04, 0x556B2F),
    "emerald|翠绿|翠绿色|祖母绿": (0x50C878, 0x009B60, 0x01A049),
    "forest green|bottle green|墨绿|墨绿色": (0x06470C, 0x013220, 0x1B4D3E, 0x044A05, 0x154406),
    "mint|mint green|薄荷绿|薄荷色|粉绿": (0x9FFEB0, 0x98FFC8, 0xAAF0D1, 0xB8E8D0),
    "sage|sage green|灰绿|灰绿色|鼠尾草绿": (0x9CAF88, 0x87AE73, 0x8A9A7B),
    "teal|凫色|孔雀蓝|孔雀绿": (0x008080, 0x029386, 0x01697A),
    "turquoise|绿松石色|松石绿|湖蓝|湖蓝色|碧绿": (0x40E0D0, 0x06C2AC, 0x30D5C8),
    "sky blue|azure|天蓝|天蓝色|天空蓝|蔚蓝": (0x87CEEB, 0x75BBFD, 0x82CAFC),
    "navy|navy blue|藏青|藏青色|藏蓝|藏蓝色|海军蓝": (0x000080, 0x01153E, 0x001146, 0x0A1850),
    "royal blue|cobalt|宝蓝|宝蓝色|宝石蓝|钴蓝": (0x4169E1, 0x0047AB, 0x0504AA),
    "indigo|靛蓝|靛蓝色|靛青|靛": (0x4B0082, 0x380282),
    "lavender|薰衣草色|淡紫|淡紫色|浅紫|浅紫色": (0xC79FEF, 0xDCD0FF, 0xD0C0F0, 0xBBA8E0),
    "lilac|mauve|丁香紫|藕荷色|藕色": (0xC8A2C8, 0xCEA2FD, 0xAE7181),
    "magenta|fuchsia|hot pink|洋红|洋红色|品红|品红色|玫红|玫红色|玫瑰红": (0xFF00FF, 0xFF1493, 0xC20078, 0xE0208C),
    "rose|玫瑰色|玫瑰粉|桃红|桃红色": (0xFF5C8A, 0xCF6275, 0xF04C7C),
    "silver|银|银色|银灰|银灰色": (0xC0C0C0, 0xC5C9C7, 0xAAA9AD),
    "charcoal|炭灰|炭灰色|炭黑|深灰|深灰色": (0x343837, 0x36454F, 0x3A3B3C),
    "off white|灰白|灰白色": (0xF0EEE8, 0xE8E6E0),
}
"""Each by examples from CSS, X11 and the colour survey of xkcd (public domain), and some between them."""
_GREYISH = tuple(row for row in _SHADES if row.startswith(("silver", "charcoal", "off white")))
_SHADE_REACH = 0.04
"""How far from its examples a shade is half itself, in the distance of _apart."""
_FOCAL = {
    "red": 0.58, "orange": 0.74, "yellow": 0.92, "green": 0.62, "cyan": 0.80, "blue": 0.52, "purple": 0.47,
    "pink": 0.76, "brown": 0.42, "grey": 0.64,
}  # fmt: skip
"""OKLab lightness of the colour that the word alone brings to mind: "light" and "dark" are measured from it."""
_NEUTRAL = ("black", "grey", "white")
_TONES: dict[str, str] = {
    "light": "light|浅|亮",
    "pale": "pale|faint|pastel|baby|soft|淡|粉嫩|浅淡",
    "dark": "dark|deep|rich|深|暗|浓|墨",
    "bright": "bright|vivid|strong|bold|intense|saturated|鲜|鲜艳|艳|明亮|亮丽",
    "neon": "neon|fluorescent|electric|荧光|霓虹",
    "dull": "muted|dull|dusty|faded|greyish|grayish|灰调|素",
}
"""What may stand before a colour."""


def _ramp(values: Floats, none: float, full: float) -> Floats:
    """0 at `none`, 1 at `full`, straight between and on to 2, where it ends."""
    along = (values - np.float32(none)) * np.float32(1 / (full - none))
    return np.asarray(np.clip(along, 0, 2), np.float32)


def _step(values: Floats, none: float, full: float) -> Floats:
    """0 up to `none`, 1 from `full` on, straight between: a condition."""
    return np.minimum(_ramp(values, none, full), np.float32(1))


def _apart(code: int, lab: Floats, lift: float) -> Floats:
    """How far colours are from one, made lighter by `lift`: OKLab with lightness counting little more than half."""
    away = lab - (oklab(np.array([code >> 16, code >> 8 & 255, code & 255])) + np.array([lift, 0, 0], np.float32))
    return np.asarray(np.sqrt(0.35 * away[:, 0] ** 2 + away[:, 1] ** 2 + away[:, 2] ** 2), np.float32)


def _nearest(codes: Iterable[int], lift: float = 0) -> Floats:
    lab = kept_colours()
    return np.asarray(np.min([_apart(code, lab, lift) for code in codes], axis=0), np.float32)


@lru_cache(maxsize=1)
def _distances() -> dict[str, Floats]:
    """How far each colour lies from each basic colour's examples; a tint takes it twice as far from neutral ones."""
    chroma = np.hypot(kept_colours()[:, 1], kept_colours()[:, 2])
    away = {name: _nearest(codes) for name, (_, codes) in _BASIC.items()}
    return away | {name: away[name] + chroma for name in _NEUTRAL}


@lru_cache(maxsize=256)
def _belonging(colour: str, tone: str) -> Bytes:
    """How far each of the kept colours is what this name means, in 255ths.

    A basic colour reaches to where another is as near, 0.4 there, and is most itself about its first three examples.
    A shade is itself around its examples. A tone is a matter of lightness and chroma.
    """
    lab = kept_colours()
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    if colour in _BASIC:
        own = _distances()[colour]
        lead = np.min([away for name, away in _distances().items() if name != colour], axis=0) - own
        degree = (
            0.4 * _step(lead, -0.02, 0)
            + 0.4 * _step(lead, 0, 0.02)
            + 0.2 * _step(_nearest(_BASIC[colour][1][:3]), 0.2, 0.03)
        )
        # Hardly tinted is grey, to the eye; the names' examples are too few to say where that ends.
        degree = degree * (_step(chroma, 0.045, 0.02) if colour in _NEUTRAL else _step(chroma, 0.012, 0.035))
    elif colour in _SHADES:
        lift = {"light": 0.1, "pale": 0.12, "dark": -0.12}.get(tone, 0.0)
        degree = np.clip(1.1 - 0.6 * _nearest(_SHADES[colour], lift) / _SHADE_REACH, 0, 1)
        tone = "" if lift else tone
        if colour not in _GREYISH:
            degree = degree * _step(chroma, 0.012, 0.035)
    else:
        degree = _family(colour, lab)
    focal = _FOCAL.get(colour, 0.6)
    if colour in ("black", "white"):
        tone = ""
    if tone == "light":
        degree = degree * _step(light, focal + 0.02, focal + 0.12) * _step(chroma, 0.26, 0.18)
    elif tone == "pale":
        degree = degree * _step(light, focal + 0.02, max(focal + 0.12, 0.82))
        degree = degree * _step(chroma, 0.16, 0.10)
    elif tone == "dark":
        degree = degree * _step(light, focal - 0.04, focal - 0.14)
    elif tone == "bright":
        degree = degree * _step(chroma, 0.10, 0.16) * _step(light, focal - 0.14, focal - 0.06)
    elif tone == "neon":
        degree = degree * _step(chroma, 0.15, 0.20) * _step(light, 0.6, 0.68)
    elif tone == "dull":
        degree = degree * _step(chroma, 0.13, 0.09)
    return np.asarray(np.rint(degree * 255), np.uint8)


def _family(name: str, lab: Floats) -> Floats:
    """Colours that go by no one name. Hues of OKLab: red at 29 degrees, yellow 110, green 142, blue 264."""
    light, chroma = lab[:, 0], np.hypot(lab[:, 1], lab[:, 2])
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    tinted = _step(chroma, 0.02, 0.06)
    match name:
        case "warm":
            return tinted * _step(np.abs((hue - 60 + 180) % 360 - 180), 70, 50)
        case "cool":
            return tinted * _step(np.abs((hue - 235 + 180) % 360 - 180), 75, 55)
        case "warmth":
            return np.asarray((1 + _family("warm", lab) - _family("cool", lab)) / 2, np.float32)
        case "vivid":
            return _step(chroma, 0.09, 0.17)
        case "muted":
            levels = np.arange(COLOURS)[:, None] // np.array([LEVELS * LEVELS, LEVELS, 1]) % LEVELS
            value, least = levels.max(axis=1) / (LEVELS - 1), levels.min(axis=1) / (LEVELS - 1)
            saturation = (value - least) / np.maximum(value, 0.1)
            mild = _step(saturation, 0.05, 0.12) * _step(saturation, 0.6, 0.45)
            return mild * _step(value, 0.96, 0.82) * _step(value, 0.2, 0.3)
        case "pastel":
            pale = _step(light, 0.74, 0.82) * _step(chroma, 0.15, 0.11)
            return pale * _step(chroma, 0.02, 0.035)
        case "sepia":
            return _step(chroma, 0.01, 0.02) * _step(chroma, 0.13, 0.1) * _step(np.abs(hue - 70), 40, 28)
        case "earthy":
            earth = _step(np.abs(hue - 75), 50, 35) * _step(light, 0.78, 0.68)
            return earth * _step(chroma, 0.02, 0.04) * _step(chroma, 0.15, 0.12)
        case _:  # neon
            return _step(chroma, 0.13, 0.19) * _step(light, 0.55, 0.65)


# --- qualities ---------------------------------------------------------------------------------------
#
# Each scale gives 0 for what is not so, 1 for what anyone would call so, and more for what is more so. It uses only
# operations that are rounded exactly, so that the same bytes give the same number in any batch.

_QUALITIES: dict[str, str] = {
    "dark": "dark|dim|gloomy|low key|underexposed|暗|昏暗|黑暗|暗色|深色|暗调|低调|暗淡|阴暗|曝光不足|偏暗",
    "bright": "bright|light toned|high key|overexposed|明亮|亮|亮色|浅色|亮调|高调|曝光过度|偏亮|亮堂",
    "contrasty": "high contrast|strong contrast|contrasty|harsh contrast|高对比|高对比度|高反差|强对比|对比强烈|反差大",
    "flat": "low contrast|weak contrast|flat contrast|hazy|foggy|washed out|低对比|低对比度|低反差|对比度低|灰蒙蒙|"
    "发灰",
    "vivid": "vivid|vibrant|saturated|high saturation|rich colors|rich colours|鲜艳|艳丽|饱和|高饱和|高饱和度|浓郁|"
    "亮丽",
    "muted": "muted|desaturated|faded|low saturation|subdued|soft colors|soft colours|柔和|素色|素雅|低饱和|低饱和度|"
    "褪色|淡雅",
    "pastel": "pastel|pastels|pale|马卡龙|马卡龙色|粉彩|粉嫩|淡色|浅淡",
    "neon": "neon|fluorescent|霓虹|荧光|荧光色",
    "earthy": "earthy|earth tone|earth tones|大地色|大地色系",
    "colourful": "colorful|colourful|multicolored|multicoloured|multi colored|rainbow|多彩|五颜六色|色彩丰富|五彩|"
    "五彩缤纷|彩虹|"
    "缤纷|色彩斑斓",
    "coloured": "color picture|colour picture|color photo|colour photo|in color|in colour|full color|full colour|"
    "彩色|彩图|彩色照片",
    "warm": "warm|warm colors|warm colours|warm tone|warm tones|暖色|暖色调|暖色系|暖调|温暖|暖",
    "cool": "cool|cold|cool colors|cool colours|cool tone|cool tones|冷色|冷色调|冷色系|冷调|冷",
    "monochrome": "black and white|black & white|black n white|b & w|bw|b w|grayscale|greyscale|gray scale|"
    "grey scale|黑白|灰度|"
    "黑白色",
    "one-hued": "monochrome|monochromatic|single color|single colour|单色|单色调",
    "sepia": "sepia|sepia tone|sepia toned|棕褐色调|怀旧|怀旧色|怀旧泛黄|泛黄|老照片|复古色",
    "blurry": "blurry|blurred|blur|out of focus|unsharp|unfocused|soft focus|模糊|虚焦|失焦|不清楚|糊|对焦不准",
    "sharp": "sharp|crisp|in focus|well focused|清晰|锐利|清楚|锐",
    "soft behind": "bokeh|shallow depth of field|shallow focus|虚化|景深浅|浅景深|大光圈|散景",
    "busy": "busy|cluttered|crowded|chaotic|messy|complex|detailed|杂乱|凌乱|复杂|繁杂|繁复|拥挤|细节丰富",
    "empty": "minimal|minimalist|minimalistic|uncluttered|negative space|empty space|white space|empty|simple|clean|"
    "简洁|简约|极简|"
    "留白|空旷|干净|简单|大面积留白",
    "plain": "plain|solid|solid color|solid colour|uniform|纯色|素净|净色",
    "portrait": "portrait|portrait format|portrait orientation|vertical|upright|竖图|竖版|竖构图|竖屏|竖幅|竖拍|竖向|"
    "纵向|竖",
    "landscape": "landscape|landscape format|landscape orientation|horizontal|横图|横版|横构图|横屏|横幅|横拍|横向|横",
    "square": "square|square format|方图|方形|正方形|正方|方形图",
    "panorama": "panorama|panoramic|全景|全景图|长横图",
    "wide": "wide|widescreen|wide screen|宽幅|宽屏",
    "tall": "tall|very tall|长图|竖长图|长竖图",
    "large": "large|big|huge|high resolution|high res|hi res|hires|highres|大图|大尺寸|高分辨率|大|大的",
    "defined": "hd|full hd|高清|超清|高清图|高画质|4k|uhd",
    "small": "small|tiny|little|thumbnail|low resolution|low res|小图|小尺寸|低分辨率|缩略图|小",
    "image": "picture|image|photo|photograph|pic|shot|图|图片|照片|图像|相片|图案|画面|影像|摄影",
    "video": "clip|video|movie|film|footage|视频|影片|短片|录像|短视频",
    "text": "text|document|text file|文本|文档|文字",
}
_AMBIGUOUS = (
    "dim|busy|crowded|complex|detailed|empty|simple|clean|plain|solid|uniform|wide|tall|large|big|huge|small|tiny|"
    "little|"
    "cool|cold|sharp|crisp|square|film|shot|pic|foggy|hazy|rainbow|text|大|小|竖|横|冷|暖|糊|锐|简单|干净|复杂|拥挤|"
    "温暖|清楚|怀旧|文字|彩虹"
)
"""Words that may be about what is shown ("small dog", 大海): looks only beside a word for picture or place, beside
another look, or alone."""


def _noticed(share: Floats) -> Floats:
    """How much a share of the picture counts: an eighth 0.4, a third 0.85, half 1.1, all 1.5."""
    rest = 1 - share
    return np.asarray(1 - rest * rest * rest + np.float32(0.5) * share, np.float32)


def _whole(documents: Measured, table: Bytes) -> Floats:
    border, middle = documents.shares(table)
    part = np.float32(border_part())
    return np.asarray(part * border + (1 - part) * middle, np.float32)


def _colour(documents: Measured, table: Bytes, place: str) -> Floats:
    """How far the frames show the colours, anywhere or in a place.

    The background has a colour when most of the border has it, a little more so when something stands before it.
    A subject has it when what the middle has more than the border is mostly of it. Without a place, the middle
    counts half again, and a subject that is small counts for what it is.
    """
    border, middle = documents.shares(table)
    stands_out = documents.reading("subject")
    if place == "background":
        return _ramp(border, 0.2, 0.8) * (np.float32(0.85) + np.float32(0.15) * _step(stands_out, 0, 0.05))
    more = np.maximum(middle - border, 0)
    # A fifth of a thing may lie in light or shade that has another name.
    subject = np.clip(np.float32(1.2) * more / np.maximum(stands_out, np.float32(0.15)), 0, 1.2)
    subject = subject * _step(stands_out, 0, 0.03) * (1 - np.float32(0.5) * _step(border, 0.1, 0.5))
    if place == "subject":
        return np.asarray(subject, np.float32)
    part = np.float32(border_part())
    share = (part * border + (1 - part) * middle + middle) * np.float32(0.5)
    return np.asarray(np.maximum(_noticed(share), np.float32(0.65) * subject), np.float32)


def _dark(documents: Measured) -> Floats:
    mean, most, lights = (documents.reading(name) for name in ("light", "three_quarters", "high"))
    low_key = _ramp(mean, 0.55, 0.3) + _ramp(most, 0.65, 0.35)
    return np.float32(0.42) * low_key + np.float32(0.16) * _step(lights, 0.95, 0.45)


def _bright(documents: Measured) -> Floats:
    mean, most = documents.reading("light"), documents.reading("quarter")
    return (_ramp(mean, 0.68, 0.88) + _ramp(most, 0.5, 0.82)) * np.float32(0.5)


def _range(documents: Measured) -> Floats:
    """From the darkest to the lightest of the frame."""
    return documents.reading("high") - documents.reading("low")


def _contrasty(documents: Measured) -> Floats:
    return (_ramp(_range(documents), 0.55, 0.9) + _ramp(documents.reading("spread"), 0.4, 0.7)) * np.float32(0.5)


def _flat(documents: Measured) -> Floats:
    """Little between dark and light; but of a bare wall nobody says so."""
    shown = _step(documents.reading("edges") + documents.reading("subject"), 0.02, 0.1)
    return _ramp(_range(documents) + documents.reading("tints"), 0.55, 0.25) * (
        np.float32(0.4) + np.float32(0.6) * shown
    )


def _family_of(name: str) -> Callable[[Measured], Floats]:
    def scale(documents: Measured) -> Floats:
        return _ramp(_whole(documents, _belonging(name, "")), 0.1, 0.65)

    return scale


def _vivid(documents: Measured) -> Floats:
    return _ramp(documents.reading("chroma"), 0.25, 0.62)


def _muted(documents: Measured) -> Floats:
    share = _whole(documents, _belonging("muted", ""))
    strong = _whole(documents, _belonging("vivid", ""))
    return _ramp(share, 0.15, 0.7) * _step(strong, 0.3, 0.05)


def _warmth(documents: Measured) -> Floats:
    """How much more of the frame is warm than cool, -1..1."""
    return 2 * _whole(documents, _belonging("warmth", "")) - 1


def _warm(documents: Measured) -> Floats:
    return _ramp(_warmth(documents), 0.1, 0.7)


def _cool(documents: Measured) -> Floats:
    return _ramp(-_warmth(documents), 0.1, 0.7)


def _colourful(documents: Measured) -> Floats:
    return _ramp(documents.reading("hues"), 0.15, 0.75) * _step(documents.reading("chroma"), 0.1, 0.25)


def _coloured(documents: Measured) -> Floats:
    return 1 - _monochrome(documents)


def _monochrome(documents: Measured) -> Floats:
    return _step(documents.reading("coloured"), 0.12, 0.005)


def _one_hued(documents: Measured) -> Floats:
    return np.maximum(_monochrome(documents), _step(documents.reading("fan"), 0.5, 0.2))


def _sepia(documents: Measured) -> Floats:
    """Brownish throughout, neither grey nor strong, from dark to light."""
    coloured = documents.reading("coloured")
    part = _whole(documents, _belonging("sepia", "")) / np.maximum(coloured, np.float32(0.05))
    brownish = _step(part.astype(np.float32), 0.5, 0.85)
    one_hued = _step(documents.reading("fan"), 0.25, 0.1)
    graded = _step(documents.reading("three_quarters") - documents.reading("quarter"), 0.03, 0.12)
    return _step(coloured, 0.15, 0.4) * brownish * one_hued * graded * _step(_range(documents), 0.15, 0.4)


def _sharpness(documents: Measured, where: str = "") -> tuple[Floats, NDArray[np.bool_]]:
    """How steep the edges are, and whether there are any to tell by.

    Photographs at a judge's size have 0.9 to 1.1; blurred by 1, 2 and 4 pixels 0.72, 0.48 and 0.35, whatever their
    size, noise of 10 in 255 adding up to 0.1.
    """
    value = documents.reading(where + "sharpness") * np.float32(1.5)
    return np.asarray(value, np.float32), np.asarray(value > 0)


def _blurry(documents: Measured) -> Floats:
    value, known = _sharpness(documents)
    return _ramp(value, 0.62, 0.4) * known


def _sharp(documents: Measured) -> Floats:
    value, known = _sharpness(documents)
    return _ramp(value, 0.5, 0.85) * known


def _soft_behind(documents: Measured) -> Floats:
    """What is sharp stands in the middle; the border is soft, or too soft to tell but not plain."""
    border, known = _sharpness(documents, "border_")
    middle, seen = _sharpness(documents, "middle_")
    soft = np.where(known, _ramp(border, 0.65, 0.42), _step(documents.reading("border_spread"), 0.12, 0.25))
    return np.asarray(soft * _step(middle, 0.55, 0.8) * seen, np.float32)


def _busy(documents: Measured) -> Floats:
    return _ramp(documents.reading("edges"), 0.15, 0.55) * _step(documents.reading("empty"), 0.6, 0.15)


def _empty(documents: Measured) -> Floats:
    return _ramp(documents.reading("empty"), 0.5, 0.85) * _step(documents.reading("edges"), 0.2, 0.06)


def _plain(documents: Measured) -> Floats:
    """One colour from edge to edge."""
    return _plain_border(documents) * _step(documents.reading("subject"), 0.3, 0.05)


def _plain_border(documents: Measured) -> Floats:
    even = _ramp(documents.reading("border_spread"), 0.3, 0.1)
    return even * _step(documents.reading("border_edges"), 0.12, 0.02)


def _plain_behind(documents: Measured) -> Floats:
    return _plain_border(documents) * (
        np.float32(0.7) + np.float32(0.3) * _step(documents.reading("subject"), 0.02, 0.1)
    )


def _border_share(name: str) -> Callable[[Measured], Floats]:
    def scale(documents: Measured) -> Floats:
        return _ramp(documents.shares(_belonging(name, ""))[0], 0.15, 0.7)

    return scale


_SCALES: dict[str, Callable[[Measured], Floats]] = {
    "dark": _dark,
    "bright": _bright,
    "contrasty": _contrasty,
    "flat": _flat,
    "vivid": _vivid,
    "muted": _muted,
    "pastel": _family_of("pastel"),
    "neon": _family_of("neon"),
    "earthy": _family_of("earthy"),
    "colourful": _colourful,
    "coloured": _coloured,
    "warm": _warm,
    "cool": _cool,
    "monochrome": _monochrome,
    "one-hued": _one_hued,
    "sepia": _sepia,
    "blurry": _blurry,
    "sharp": _sharp,
    "soft behind": _soft_behind,
    "busy": _busy,
    "empty": _empty,
    "plain": _plain,
}
"""Of each frame; a document has the mean of its frames."""
_BACKGROUND_SCALES: dict[str, Callable[[Measured], Floats]] = {
    "dark": lambda documents: _ramp(documents.reading("border_light"), 0.55, 0.32),
    "bright": lambda documents: _ramp(documents.reading("border_light"), 0.65, 0.85),
    "vivid": lambda documents: _ramp(documents.reading("border_chroma"), 0.25, 0.6),
    "muted": _border_share("muted"),
    "pastel": _border_share("pastel"),
    "warm": _border_share("warm"),
    "cool": _border_share("cool"),
    "blurry": _soft_behind,
    "soft behind": _soft_behind,
    "busy": lambda documents: _ramp(documents.reading("border_edges"), 0.15, 0.5),
    "empty": _plain_behind,
    "plain": _plain_behind,
}
"""The same, of the background."""


def _shape(name: str, documents: Measured) -> Floats:
    """How far the file has this shape, by the quotient of its sides."""
    width, height = np.maximum(documents.sizes, 1).astype(np.float32).T
    across, up = width / height, height / width
    match name:
        case "landscape":
            fit = _ramp(across, 1.04, 1.25)
        case "portrait":
            fit = _ramp(up, 1.04, 1.25)
        case "square":
            fit = _step(np.maximum(across, up), 1.2, 1.02)
        case "wide":
            fit = _ramp(across, 1.35, 1.9)
        case "tall":
            fit = _ramp(up, 1.35, 1.9)
        case _:  # panorama
            fit = _ramp(across, 1.7, 2.4)
    return np.asarray(fit * (documents.sizes > 0).all(axis=1), np.float32)


def _size(name: str, documents: Measured) -> Floats:
    """How large the file is, by the side of a square of as many pixels: a megapixel is 1000, 12 are 3460."""
    side = np.sqrt(documents.sizes[:, 0] * documents.sizes[:, 1]).astype(np.float32)
    fit = _ramp(side, *{"large": (1000, 2800), "defined": (800, 1600), "small": (900, 350)}[name])
    return np.asarray(fit * (side > 0), np.float32)


_KINDS = ("image", "video", "text")
_SHAPES = ("portrait", "landscape", "square", "panorama", "wide", "tall")
_SIZES = ("large", "small", "defined")


# --- a look ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Asked:
    """A colour or a quality, how much of it, and where."""

    name: str
    tone: str = ""
    degree: str = ""
    place: str = ""

    @property
    def is_colour(self) -> bool:
        return self.name in _BASIC or self.name in _SHADES

    def fits(self, documents: Measured) -> Floats:
        """0..1 for each document; 0 for what has no look."""
        if self.is_colour:
            graded = self._graded(_colour(documents, _belonging(self.name, self.tone), self.place))
            # A clip shows a colour if a part of it does; but many fade from black, to white.
            return documents.mean(graded) if self.name in _NEUTRAL else documents.best(graded)
        if self.name in _KINDS:
            return np.asarray(documents.kinds == Kind[self.name.upper()], np.float32)
        if self.name in _SHAPES or self.name in _SIZES:
            scale = _shape if self.name in _SHAPES else _size
            return np.asarray(self._graded(scale(self.name, documents)) * (documents.counts > 0), np.float32)
        scales = _BACKGROUND_SCALES if self.place else _SCALES
        return documents.mean(self._graded(scales[self.name](documents)))

    def _graded(self, along: Floats) -> Floats:
        """A place on a scale as 0..1: what is plainly so is 0.85, what is more so is still told apart."""
        match self.degree:
            case "very":
                along = (along - np.float32(0.4)) * np.float32(1.25)
            case "slightly":
                along = np.minimum(2 * along, np.float32(1.5) - along)
        plainly, above = np.clip(along, 0, 1), np.clip(along - 1, 0, 1)
        return np.asarray(np.float32(0.85) * plainly + np.float32(0.15) * above, np.float32)


@dataclass(frozen=True)
class Look:
    """One look that a query asks for."""

    text: str
    """As it was typed."""
    forms: tuple[str, ...]
    """Phrases that say the same in a name or a caption, in both languages; of more than a bare word only itself."""
    weight: float
    any_of: tuple[_Asked, ...] = field(repr=False)
    negated: bool = False

    def fits(self, documents: Measured) -> Floats:
        """How far each document looks so, 0..1, shape (documents,); 0 for a text, but of words for kinds of files.

        From 0.8 on anyone would say so, 0.5 is somewhat, below 0.2 is no. A document's number depends on nothing but
        its own bytes.
        """
        best = self.any_of[0].fits(documents)
        for asked in self.any_of[1:]:
            best = np.maximum(best, asked.fits(documents))
        if not self.negated:
            return best
        has_look = documents.counts > 0
        if all(asked.name in _KINDS for asked in self.any_of):
            has_look = np.ones_like(has_look)
        return np.asarray((1 - best) * has_look, np.float32)


# --- words and what they do --------------------------------------------------------------------------

_ROLES: dict[str, str] = {
    "not": "not|don t want|do not want|dont want|no|without|non|except|excluding|isn t|aren t|nothing|"
    "不|不要|不是|不含|没有|没|无|非|别|勿|除了|排除",
    "and": "and|plus|&|+|和|与|及|以及|加|跟|、|又|且|配",
    "or": "or|/|或|或者|或是|还是",
    "stop": "but|,|;|.|:|，|；|。|：|但|但是",
    "background": "background|backdrop|bg|背景|背景色|底|底色|底子",
    "subject": "subject|object|foreground|in the middle|in the center|in the centre|in middle|in center|middle|center|"
    "centre|主体|主角|中间|中央|中心|正中|前景|物体",
    "on": "on|against|upon|in front of|在",
    "link": "a|an|the|is|are|of|in|it|its|that|which|color|colour|colors|colours|colored|coloured|tone|tones|toned|"
    "hue|hues|是|为|呈|色|颜色|"
    "色调|一张|一个|一幅|format|orientation|look|looking|style",
    "of": "的",
    "with": "with|has|having|有|带|而",
    "very": "very|really|extremely|super|too|so|strongly|highly|quite|很|非常|特别|极|极其|超|超级|太|十分|更|最",
    "slightly": "slightly|a bit|a little|a little bit|somewhat|rather|有点|有些|稍|稍微|略|略微|微|偏|一点",
    # Not about looks, though a word for a look is in them.
    "word": "白天|明天白|黄昏|黄河|黄山|黄金周|黄瓜|黄鹂|黑板|黑客|黑暗料理|银行|银河|青年|青春|青岛|青海|青蛙|青菜|"
    "金融|金属|金鱼|黄鱼|"
    "灰尘|白菜|白领|白酒|白痴|空白|表白|蓝牙|绿化|绿灯侠|红楼梦|红包|红利|网红|橙子|橘子|粉丝|粉末|米粉|面粉|紫禁城|"
    "紫菜|黑龙江|"
    "大学|大海|大家|大人|大象|大楼|大会|小学|小狗|小猫|小孩|小说|小时|小组|小米|小吃|小区|小镇|横滨|横店|图书|图书馆|"
    "地图|"
    "截图|深圳|深度|深夜|浓汤|淡水|暗示|亮相|底片|底部|无人机|无锡|非洲|非常规|不锈钢|别墅|有限|为什么|和平|和服|加油|"
    "red bull|white house|black sea|black friday|blue ray|blu ray|green card|gold medal|golden gate|golden retriever|"
    "polar bear|light house|light bulb|traffic light|dark web|no one|orange juice",
}
_TRADITIONAL = str.maketrans(
    "紅藍綠黃橙棕淺圖橫豎視頻對鮮艷豔飽髒雜亂簡潔淨純單調燈熒螢檔冊銀棗鐵鏽駝養無沒別與還後麗濃圍間體質畫",
    "红蓝绿黄橙棕浅图横竖视频对鲜艳艳饱脏杂乱简洁净纯单调灯荧荧档册银枣铁锈驼养无没别与还后丽浓围间体质画",
)


@dataclass(frozen=True)
class _Word:
    """One word or phrase of the query, and what it may be."""

    start: int
    end: int
    role: str
    """Of _ROLES, or "colour", "tone", "quality" or "word"."""
    value: str = ""
    also: str = ""
    """The quality that a tone is where no colour follows."""
    ambiguous: bool = False


def _rows() -> Iterator[tuple[str, str, str]]:
    """Every phrase of the language with its role and value; of two that are the same the later one counts."""
    for role, row in _ROLES.items():
        for phrase in row.split("|"):
            yield phrase, role, ""
    for name, row in _QUALITIES.items():
        for phrase in row.split("|"):
            yield phrase, "quality", name
    for name, (row, _) in _BASIC.items():
        for phrase in row.split("|"):
            yield phrase, "colour", name
    for row in _SHADES:
        for phrase in row.split("|"):
            yield phrase, "colour", row


def _phrases() -> dict[str, _Word]:
    ambiguous = _AMBIGUOUS.split("|")
    table = {phrase: _Word(0, 0, role, value, "", phrase in ambiguous) for phrase, role, value in _rows()}
    for tone, row in _TONES.items():
        for phrase in row.split("|"):
            known = table.get(phrase)
            table[phrase] = _Word(0, 0, "tone", tone, known.value if known and known.role == "quality" else "")
    return table


_LANGUAGE = _phrases()
_MOST_PIECES = max(phrase.count(" ") for phrase in _LANGUAGE) + 1
_MOST_CHARACTERS = max(len(phrase) for phrase in _LANGUAGE if ord(phrase[0]) > 0x3000)
_PIECE = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+|[^\W\d_]+|[^\s\-_'’]")
_LONGEST = 600
"""Characters of a query that are searched for looks; a longer text is a text, not a description of a picture."""


def _folded(text: str) -> tuple[str, list[int]]:
    """The text without differences of case, width and script form, and where each of its characters comes from."""
    letters, origins = [], []
    for at, character in enumerate(text):
        for letter in fold(character).translate(_TRADITIONAL):
            letters.append(letter)
            origins.append(at)
    return "".join(letters), [*origins, len(text)]


def _read(folded: str) -> list[_Word]:
    """The text as words of the language, longest first; what isn't of it are plain words."""
    pieces = [(match.start(), match.end()) for match in _PIECE.finditer(folded)]
    found: list[_Word] = []
    at = 0
    while at < len(pieces):
        start, end = pieces[at]
        if "\u3400" <= folded[start] <= "\u9fff":
            found += _read_run(folded, start, end)
            at += 1
            continue
        for count in range(min(_MOST_PIECES, len(pieces) - at), 0, -1):
            phrase = " ".join(folded[left:right] for left, right in pieces[at : at + count])
            known = _known(phrase)
            if known is not None:
                break
        else:
            count, known = 1, (_Word(0, 0, "word"),)
        found += [replace(word, start=start, end=pieces[at + count - 1][1]) for word in known]
        at += count
    return found


def _known(phrase: str) -> tuple[_Word, ...] | None:
    """What an English phrase is, also in the plural, and for colours with -ish."""
    if phrase in _LANGUAGE:
        return (_LANGUAGE[phrase],)
    if phrase.endswith("s") and phrase[:-1] in _LANGUAGE and _LANGUAGE[phrase[:-1]].role != "link":
        return (_LANGUAGE[phrase[:-1]],)
    if phrase.endswith("ish"):
        stem = phrase[:-3]
        for base in (stem, stem + "e", stem[:-1]):  # greenish, bluish and whitish, reddish
            if base in _LANGUAGE and _LANGUAGE[base].role == "colour":
                return (_LANGUAGE["slightly"], _LANGUAGE[base])
    return None


def _read_run(folded: str, start: int, end: int) -> Iterator[_Word]:
    while start < end:
        for size in range(min(_MOST_CHARACTERS, end - start), 0, -1):
            known = _LANGUAGE.get(folded[start : start + size])
            if known is not None:
                break
        else:
            size, known = 1, _Word(0, 0, "word")
        yield replace(known, start=start, end=start + size)
        start += size


# --- grammar -----------------------------------------------------------------------------------------

_LITTLE = frozenset(("link", "of", "with", "and", "or", "stop"))


@dataclass(frozen=True)
class _Item:
    """A word that joins, denies or places ("role"), or what is asked for ("look")."""

    role: str
    start: int
    end: int
    asked: _Asked | None = None
    bare: bool = False
    """Whether it is a word alone, so that its synonyms mean the same."""


def _items(words: Sequence[_Word]) -> list[_Item]:
    """The words with degrees and tones taken together with what they belong to."""
    plain = any(word.role == "word" for word in words)
    items: list[_Item] = []
    at = 0
    while at < len(words):
        first, degree, tone = at, "", ""
        while at < len(words) and words[at].role in ("very", "slightly"):
            degree = words[at].role
            at += 1
        while at + 1 < len(words) and words[at].role == "tone" and words[at + 1].role in ("tone", "colour"):
            tone = tone or words[at].value
            at += 1
        word = words[at] if at < len(words) else None
        name = _named(words, at, plain) if word else ""
        if word is None or not name:
            # A degree of nothing is a plain word; so is a word that may mean something else.
            at = first
            word = words[at]
            role = "word" if word.role in ("very", "slightly", "tone", "quality", "colour") else word.role
            items.append(_Item(role, word.start, word.end))
        else:
            asked = _Asked(name, tone, degree)
            items.append(_Item("look", words[first].start, word.end, asked, bare=at == first))
        at += 1
    return items


def _named(words: Sequence[_Word], at: int, plain: bool) -> str:
    """The colour or quality that the word asks for, or nothing."""
    word = words[at]
    if word.role == "colour":
        return word.value
    after = words[at + 1] if at + 1 < len(words) else None
    beside = after is not None and (after.role in ("background", "subject") or after.value in _KINDS)
    if word.role == "tone":
        if word.also:
            return word.also
        # "light" and the like alone may be a noun; before a place they can't.
        return {"light": "bright", "dark": "dark", "pale": "pastel"}.get(word.value, "") if beside else ""
    if word.role != "quality" or (word.ambiguous and plain and not beside):
        return ""
    return word.value


@dataclass
class _Group:
    """Looks that stand together."""

    looks: list[list[_Item]]
    """Each a list of alternatives."""
    negated: bool = False
    place: str = ""
    start: int = -1
    """Of what denies or places it, if that comes before."""
    end: int = -1
    open: bool = True
    """Whether a place may still follow."""
    joins: bool = True
    """Whether looks may still join."""
    laid_on: tuple[int, ...] = ()
    """The words that made it a background without saying so: "on white"."""


class _Reader:
    """Goes through the items once, from left to right."""

    def __init__(self) -> None:
        self.groups: list[_Group] = []
        self.used: set[int] = set()
        self._join = "and"
        self._before: list[int] = []
        self._negated = False
        self._place = ""
        self._start = -1

    def read(self, items: Sequence[_Item]) -> None:
        for at, item in enumerate(items):
            match item.role:
                case "look":
                    self._add(at, item)
                case "not":
                    self._close()
                    self._negated = True
                    self._await(at, item)
                case "on":
                    self._place = "background"
                    self._await(at, item)
                case "background" | "subject":
                    self._place_at(at, item)
                case "and" | "or":
                    self._join = item.role
                case "stop" | "with":
                    self._close()
                case "of":
                    # "非黑白的模糊图片": what is denied ends here.
                    if self.groups and self.groups[-1].negated:
                        self.groups[-1].joins = False
                case "word":
                    self._not_on()
                    self._close()
                    self._forget()

    def _await(self, at: int, item: _Item) -> None:
        self._before.append(at)
        self._start = item.start if self._start < 0 else self._start

    def _add(self, at: int, item: _Item) -> None:
        self.used.add(at)
        self.used.update(self._before)
        last = self.groups[-1] if self.groups else None
        begun = self._negated or self._place
        if last is None or not (last.open and last.joins) or begun:
            if last is not None and last.open and not last.place and self._place == "background" and not self._negated:
                last.place = "subject"  # "red on white"
            laid_on = tuple(self._before) if self._place == "background" else ()
            self.groups.append(_Group([[item]], self._negated, self._place, self._start, laid_on=laid_on))
        elif self._join == "or":
            last.looks[-1].append(item)
        else:
            last.looks.append([item])
        self._forget()

    def _place_at(self, at: int, item: _Item) -> None:
        last = self.groups[-1] if self.groups else None
        if last is not None and last.open and not self._before and last.place in ("", item.role):
            last.place, last.end = item.role, item.end
            last.open = False
            self.used.add(at)
        elif last is not None and last.open and self._place == "background":
            # "red in the middle", "red on a background": the place belongs to what came before
            last.place, last.end, last.open = item.role, item.end, False
            self.used.update([*self._before, at])
            self._forget()
        else:
            self._close()
            self._place = item.role
            self._await(at, item)

    def _not_on(self) -> None:
        """ "On a red sofa": the thing that follows is red, not the background."""
        last = self.groups[-1] if self.groups else None
        if last is None or not (last.open and last.laid_on) or last.negated:
            return
        last.place, last.start = "", -1
        self.used.difference_update(last.laid_on)
        if len(self.groups) > 1 and self.groups[-2].place == "subject" and self.groups[-2].end < 0:
            self.groups[-2].place = ""

    def _close(self) -> None:
        if self.groups:
            self.groups[-1].open = False
        self._join = "and"

    def _forget(self) -> None:
        self._join, self._before, self._negated, self._place, self._start = "and", [], False, "", -1


_NEGATED_WEIGHT, _KIND_WEIGHT = 0.5, 0.5


def looks_in(text: str) -> tuple[tuple[Look, ...], str]:
    """The looks that a query's text asks for, each once, and what is left of the text for plain words.

    Weights: 1; half for what is denied or for a kind of file, beside other looks. A word for "picture" is a look
    only if nothing else is asked for.
    """
    folded, origins = _folded(text[:_LONGEST])
    items = _items(_read(folded))
    reader = _Reader()
    reader.read(items)
    pictured = {at for at, item in enumerate(items) if item.asked is not None and item.asked.name == "image"}
    others = any(item.role == "word" or (item.role == "look" and at not in pictured) for at, item in enumerate(items))
    looks: dict[tuple[tuple[_Asked, ...], bool], Look] = {}
    for group in reader.groups:
        for index, alternatives in enumerate(group.looks):
            last = index == len(group.looks) - 1
            start = group.start if index == 0 and group.start >= 0 else alternatives[0].start
            end = group.end if last and group.end >= 0 else alternatives[-1].end
            shown = text[origins[start] : origins[end - 1] + 1]
            look = _look(shown, alternatives, group)
            if not (others and look.any_of[0].name == "image" and (len(group.looks) > 1 or not group.negated)):
                looks.setdefault((look.any_of, look.negated), look)
    weighed = tuple(_weighed(look, tuple(looks.values())) for look in looks.values())
    return weighed, (_left_over(text, items, reader.used, origins) + text[_LONGEST:]).strip()


def _look(shown: str, alternatives: Sequence[_Item], group: _Group) -> Look:
    asked = tuple(_placed(item.asked, group.place) for item in alternatives if item.asked is not None)
    if group.negated:
        forms: tuple[str, ...] = ()
    elif group.place or len(alternatives) > 1 or not alternatives[0].bare:
        forms = (shown,)
    else:
        forms = _same(asked[0].name)
    return Look(shown, forms, 1.0, asked, group.negated)


def _placed(asked: _Asked, place: str) -> _Asked:
    """What can be in that place is; of a shape or of sharpness there is only one."""
    has_place = asked.is_colour or (place == "background" and asked.name in _BACKGROUND_SCALES)
    return replace(asked, place=place) if has_place else asked


def _same(name: str) -> tuple[str, ...]:
    """All words for a colour or a quality."""
    row = _BASIC[name][0] if name in _BASIC else name if name in _SHADES else _QUALITIES[name]
    return tuple(row.split("|"))


def _weighed(look: Look, looks: Sequence[Look]) -> Look:
    weight = look.weight
    if look.negated and not all(other.negated for other in looks):
        weight *= _NEGATED_WEIGHT
    if len(looks) > 1 and look.any_of[0].name in _KINDS:
        weight *= _KIND_WEIGHT
    return replace(look, weight=weight)


def _left_over(text: str, items: Sequence[_Item], used: set[int], origins: Sequence[int]) -> str:
    """The text without the looks, and without the little words beside them."""
    if all(at in used or item.role in _LITTLE for at, item in enumerate(items)):
        return ""
    characters = list(text[:_LONGEST])
    for at, item in enumerate(items):
        if at in used or (item.role in _LITTLE and not _between_words(items, used, at)):
            start, end = origins[item.start], origins[item.end - 1] + 1
            characters[start:end] = " " * (end - start)
    return " ".join("".join(characters).split())


def _between_words(items: Sequence[_Item], used: set[int], at: int) -> bool:
    """Whether the nearest words that aren't little, on both sides, are left over too."""
    before = next((other for other in range(at - 1, -1, -1) if items[other].role not in _LITTLE), -1)
    after = next((other for other in range(at + 1, len(items)) if items[other].role not in _LITTLE), -1)
    return before >= 0 and after >= 0 and before not in used and after not in used
