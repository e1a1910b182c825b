"""Which colours words mean, and how much of a document has them.

A colour's name stands beside examples of it; from these each colour that can be kept in a palette gets how far it
belongs to the name, also with a tone before it ("pale", 深). Families (warm, pastel, ...) are colours that go by no one
name, and are bounded by lightness, chroma and hue instead.

Here are also the scales that qualities share with colours: 0 for what is not so, 1 for what anyone would call so, up
to 2 for what is more so. They use only operations that are rounded exactly, so that the same bytes give the same number
in any batch.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from core.scorers.colour import oklab
from core.scorers.figures import COLOURS, LEVELS, Measured, border_part, kept_colours

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

# --- names -------------------------------------------------------------------------------------------
#
# Of each colour the words that mean it, then sRGB values (0xRRGGBB) that anyone would call by that name.

_BASIC: dict[str, tuple[str, tuple[int, ...]]] = {
    "red": ("red|红|红色|大红|正红|鲜红",
        (0xFF0000, 0xC81818, 0xD93030, 0xA01010, 0x8B0000, 0x5A0808, 0xE34234)),
    "orange": ("orange|橙|橙色|橘|橘色|橘黄|橘黄色|橙黄|橙黄色",
        (0xFF8000, 0xFFA500, 0xF07820, 0xE06000, 0xFFB060)),
    "yellow": ("yellow|黄|黄色",
        (0xFFFF00, 0xFFE000, 0xFFEE40, 0xF2D24B, 0xFFF59D, 0xFFFAC8, 0xE8D000, 0xC8AC00, 0xA89010)),
    "green": ("green|绿|绿色",
        (0x00FF00, 0x00C000, 0x008000, 0x2E8B57, 0x6B8E23, 0x90EE90, 0xC0E8C0, 0x1F4D1F, 0x0A300A, 0xADFF2F,
         0x607858)),
    "cyan": ("cyan|aqua|青|青色|蓝绿|蓝绿色",
        (0x00FFFF, 0x40E0D0, 0x00C5CD, 0x00B0B0, 0x008B8B, 0x90E0E0)),
    "blue": ("blue|蓝|蓝色",
        (0x0000FF, 0x4169E1, 0x1E60E0, 0x0000A0, 0x000080, 0x0A1A50, 0x1E90FF, 0x87CEEB, 0x4682B4, 0x1C2E50,
         0xB8D4F0, 0x607898)),
    "purple": ("purple|violet|紫|紫色|紫罗兰色|紫罗兰",
        (0x800080, 0x8A2BE2, 0x6A1B9A, 0xB57EDC, 0x4B0082, 0x300848, 0xD0C0F0, 0x604070)),
    "pink": ("pink|粉|粉色|粉红|粉红色",
        (0xFF69B4, 0xFFC0CB, 0xFF90B8, 0xFF1493, 0xFF50C0, 0xF8D8E0, 0xE08098)),
    "brown": ("brown|棕|棕色|褐|褐色|咖啡色|棕褐色",
        (0x8B4513, 0x5C3317, 0x704828, 0xA0724A, 0x3A2010, 0xB08050, 0x806850, 0xD0C0A8, 0xE0D4C0)),
    "black": ("black|黑|黑色",
        (0x000000, 0x101010, 0x1C1C1C)),
    "grey": ("grey|gray|灰|灰色",
        (0x404040, 0x606060, 0x808080, 0xA0A0A0, 0xC0C0C0, 0xCFCFCF)),
    "white": ("white|白|白色",
        (0xFFFFFF, 0xF4F4F4, 0xE6E6E6)),
}  # fmt: skip
"""The basic colours, which between them share out all there are; the first three examples are the plainest."""
_SHADES: dict[str, tuple[str, tuple[int, ...]]] = {
    "crimson": ("crimson|绯红|绯红色|猩红|猩红色", (0xDC143C, 0xB8103C, 0xA80830)),
    "scarlet": ("scarlet|vermilion|朱红|朱红色", (0xFF2400, 0xE34234, 0xF4320C)),
    "burgundy": ("burgundy|wine red|maroon|claret|酒红|酒红色|暗酒红|枣红|枣红色",
        (0x800020, 0x610023, 0x650021, 0x722F37)),
    "rust": ("rust|terracotta|铁锈红|铁锈色|砖红|砖红色|赤陶色", (0xB7410E, 0xA83C09, 0xC0603C)),
    "coral": ("coral|珊瑚色|珊瑚红", (0xFF7F50, 0xFC5A50, 0xFF6F61)),
    "salmon": ("salmon|鲑鱼色|三文鱼色|鲑红", (0xFA8072, 0xFF796C, 0xE9967A)),
    "peach": ("peach|apricot|蜜桃色|桃色|杏色|杏黄", (0xFFDAB9, 0xFFB07C, 0xFBCEB1)),
    "amber": ("amber|琥珀色|琥珀", (0xFFBF00, 0xFEB308)),
    "gold": ("gold|golden|金|金色|金黄|金黄色", (0xD4AF37, 0xDBB40C, 0xDAA520, 0xC89820)),
    "mustard": ("mustard|芥末黄|芥黄", (0xE1AD01, 0xCEB301)),
    "lemon": ("lemon|lemon yellow|柠檬黄|柠檬色", (0xFFF44F, 0xFDFF52)),
    "cream": ("cream|cream white|ivory|奶油色|奶白|奶白色|乳白|乳白色|米白|米白色|象牙色|象牙白",
        (0xFFFDD0, 0xFFFFC2, 0xFFF8DC, 0xFAF0DC)),
    "beige": ("beige|米色|米黄|米黄色", (0xE6DAA6, 0xF5E6C8, 0xE0D0B8, 0xD8C8A8, 0xE8DCC4)),
    "khaki": ("khaki|卡其|卡其色", (0xC3B091, 0xAAA662, 0xBDB76B, 0xC0B078)),
    "tan": ("tan|camel|驼色|棕黄|棕黄色|浅褐|浅褐色", (0xD2B48C, 0xD1B26F, 0xC19A6B)),
    "chestnut": ("chestnut|chocolate|栗色|巧克力色", (0x7B3F00, 0x954535, 0x5A3018, 0x3D1C02)),
    "lime": ("lime|lime green|青柠色|黄绿|黄绿色|嫩绿|嫩绿色|草绿|草绿色", (0xBFFF00, 0x9ACD32, 0xAAFF32)),
    "olive": ("olive|olive green|橄榄|橄榄绿|橄榄色|军绿|军绿色", (0x808000, 0x6E750E, 0x677A04, 0x556B2F)),
    "emerald": ("emerald|翠绿|翠绿色|祖母绿", (0x50C878, 0x009B60, 0x01A049)),
    "forest green": ("forest green|bottle green|墨绿|墨绿色", (0x06470C, 0x013220, 0x1B4D3E, 0x044A05, 0x154406)),
    "mint": ("mint|mint green|薄荷绿|薄荷色|粉绿", (0x9FFEB0, 0x98FFC8, 0xAAF0D1, 0xB8E8D0)),
    "sage": ("sage|sage green|灰绿|灰绿色|鼠尾草绿", (0x9CAF88, 0x87AE73, 0x8A9A7B)),
    "teal": ("teal|凫色|孔雀蓝|孔雀绿", (0x008080, 0x029386, 0x01697A)),
    "turquoise": ("turquoise|绿松石色|松石绿|湖蓝|湖蓝色|碧绿", (0x40E0D0, 0x06C2AC, 0x30D5C8)),
    "sky blue": ("sky blue|azure|天蓝|天蓝色|天空蓝|蔚蓝", (0x87CEEB, 0x75BBFD, 0x82CAFC)),
    "navy": ("navy|navy blue|藏青|藏青色|藏蓝|藏蓝色|海军蓝", (0x000080, 0x01153E, 0x001146, 0x0A1850)),
    "royal blue": ("royal blue|cobalt|宝蓝|宝蓝色|宝石蓝|钴蓝", (0x4169E1, 0x0047AB, 0x0504AA)),
    "indigo": ("indigo|靛蓝|靛蓝色|靛青|靛", (0x4B0082, 0x380282)),
    "lavender": ("lavender|薰衣草色|淡紫|淡紫色|浅紫|浅紫色", (0xC79FEF, 0xDCD0FF, 0xD0C0F0, 0xBBA8E0)),
    "lilac": ("lilac|mauve|丁香紫|藕荷色|藕色", (0xC8A2C8, 0xCEA2FD, 0xAE7181)),
    "magenta": ("magenta|fuchsia|hot pink|洋红|洋红色|品红|品红色|玫红|玫红色|玫瑰红",
        (0xFF00FF, 0xFF1493, 0xC20078, 0xE0208C)),
    "rose": ("rose|玫瑰色|玫瑰粉|桃红|桃红色", (0xFF5C8A, 0xCF6275, 0xF04C7C)),
    "silver": ("silver|银|银色|银灰|银灰色", (0xC0C0C0, 0xC5C9C7, 0xAAA9AD)),
    "charcoal": ("charcoal|炭灰|炭灰色|炭黑|深灰|深灰色", (0x343837, 0x36454F, 0x3A3B3C)),
    "off white": ("off white|灰白|灰白色", (0xF0EEE8, 0xE8E6E0)),
}  # fmt: skip
"""Colours within and between the basic ones. Examples: CSS, X11, xkcd's colour survey (public domain), and between."""
_NEUTRAL = ("black", "grey", "white")
_GREYISH = ("silver", "charcoal", "off white")
"""Shades that may have no tint at all."""

COLOUR_WORDS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split("|")) for name, (words, _) in (_BASIC | _SHADES).items()
}
"""Every colour that has a name, and all words for it, folded."""
TONE_WORDS: dict[str, tuple[str, ...]] = {
    tone: tuple(words.split("|"))
    for tone, words in {
        "light": "light|浅|亮",
        "pale": "pale|faint|pastel|baby|soft|淡|粉嫩|浅淡",
        "dark": "dark|deep|rich|深|暗|浓|墨",
        "bright": "bright|vivid|strong|bold|intense|saturated|鲜|鲜艳|艳|明亮|亮丽",
        "neon": "neon|fluorescent|electric|荧光|霓虹",
        "dull": "muted|dull|dusty|faded|greyish|grayish|灰调|素",
    }.items()
}
"""What may be said of a colour before its name, and all words for it, folded."""

# --- scales ------------------------------------------------------------------------------------------


def ramp(values: Floats, none: float, full: float) -> Floats:
    """Values as places on a scale: 0 at `none`, 1 at `full`, straight between and on to 2, where it ends."""
    along = (values - np.float32(none)) * np.float32(1 / (full - none))
    return np.asarray(np.clip(along, 0, 2), np.float32)


def step(values: Floats, none: float, full: float) -> Floats:
    """How far values meet a condition: 0 up to `none`, 1 from `full` on, straight between."""
    return np.minimum(ramp(values, none, full), np.float32(1))


def graded(along: Floats, degree: str) -> Floats:
    """How far places on a scale are what is asked for with a degree ("very", "slightly" or ""), 0..1.

    What is plainly so is 0.85, and what is more so is still told apart.
    """
    match degree:
        case "very":
            along = (along - np.float32(0.4)) * np.float32(1.25)
        case "slightly":
            along = np.minimum(2 * along, np.float32(1.5) - along)
    plainly, above = np.clip(along, 0, 1), np.clip(along - 1, 0, 1)
    return np.asarray(np.float32(0.85) * plainly + np.float32(0.15) * above, np.float32)


# --- which colours belong ----------------------------------------------------------------------------

_FOCAL = {
    "red": 0.58, "orange": 0.74, "yellow": 0.92, "green": 0.62, "cyan": 0.80, "blue": 0.52, "purple": 0.47,
    "pink": 0.76, "brown": 0.42, "grey": 0.64,
}  # fmt: skip
"""OKLab lightness of the colour that the word alone brings to mind: "light" and "dark" are measured from it."""
_USUAL_FOCAL = 0.6
"""The same of a shade."""
_SHADE_REACH = 0.04
"""How far from its examples a shade is half itself, in the distance of _apart."""
_SHADE_LIFT = {"light": 0.1, "pale": 0.12, "dark": -0.12}
"""By how much OKLab lightness a tone moves a shade's examples."""


def _chroma(lab: Floats) -> Floats:
    return np.asarray(np.hypot(lab[:, 1], lab[:, 2]), np.float32)


def _apart(example: int, lab: Floats, lift: float) -> Floats:
    """How far colours are from one, made lighter by `lift`: OKLab with lightness counting little more than half."""
    centre = oklab(np.array([example >> 16, example >> 8 & 255, example & 255]))
    away = lab - (centre + np.array([lift, 0, 0], np.float32))
    return np.asarray(np.sqrt(0.35 * away[:, 0] ** 2 + away[:, 1] ** 2 + away[:, 2] ** 2), np.float32)


def _nearest(examples: Iterable[int], lift: float = 0) -> Floats:
    """How far each of the kept colours is from the nearest of some examples."""
    lab = kept_colours()
    return np.asarray(np.min([_apart(example, lab, lift) for example in examples], axis=0), np.float32)


@cache
def _distances() -> dict[str, Floats]:
    """How far each colour lies from each basic colour's examples; a tint takes it twice as far from neutral ones."""
    away = {name: _nearest(examples) for name, (_, examples) in _BASIC.items()}
    return away | {name: away[name] + _chroma(kept_colours()) for name in _NEUTRAL}


@lru_cache(maxsize=256)
def _belonging(colour: str, tone: str) -> Bytes:
    """How far each of the kept colours is what this name means, in 255ths."""
    if colour in _SHADES:
        lift = _SHADE_LIFT.get(tone, 0.0)
        belonging = _belonging_to_shade(colour, lift)
        tone = "" if lift else tone
    else:
        belonging = _belonging_to_basic(colour)
        tone = "" if colour in ("black", "white") else tone
    return _in_255ths(_toned(belonging, tone, _FOCAL.get(colour, _USUAL_FOCAL)))


def _belonging_to_basic(colour: str) -> Floats:
    """A basic colour reaches to where another is as near, 0.4 there, and is most itself about its first examples."""
    own, chroma = _distances()[colour], _chroma(kept_colours())
    lead = np.min([away for name, away in _distances().items() if name != colour], axis=0) - own
    plainest = _nearest(_BASIC[colour][1][:3])
    belonging = 0.4 * step(lead, -0.02, 0) + 0.4 * step(lead, 0, 0.02) + 0.2 * step(plainest, 0.2, 0.03)
    # Hardly tinted is grey, to the eye; the names' examples are too few to say where that ends.
    tint = step(chroma, 0.045, 0.02) if colour in _NEUTRAL else step(chroma, 0.012, 0.035)
    return np.asarray(belonging * tint, np.float32)


def _belonging_to_shade(colour: str, lift: float) -> Floats:
    """A shade is itself around its examples."""
    belonging = np.clip(1.1 - 0.6 * _nearest(_SHADES[colour][1], lift) / _SHADE_REACH, 0, 1)
    if colour not in _GREYISH:
        belonging = belonging * step(_chroma(kept_colours()), 0.012, 0.035)
    return np.asarray(belonging, np.float32)


def _toned(belonging: Floats, tone: str, focal: float) -> Floats:
    """What is left of it with a tone, which is a matter of lightness and chroma."""
    lab = kept_colours()
    light, chroma = lab[:, 0], _chroma(lab)
    match tone:
        case "light":
            return belonging * step(light, focal + 0.02, focal + 0.12) * step(chroma, 0.26, 0.18)
        case "pale":
            return belonging * step(light, focal + 0.02, max(focal + 0.12, 0.82)) * step(chroma, 0.16, 0.10)
        case "dark":
            return belonging * step(light, focal - 0.04, focal - 0.14)
        case "bright":
            return belonging * step(chroma, 0.10, 0.16) * step(light, focal - 0.14, focal - 0.06)
        case "neon":
            return belonging * step(chroma, 0.15, 0.20) * step(light, 0.6, 0.68)
        case "dull":
            return belonging * step(chroma, 0.13, 0.09)
        case _:
            return belonging


@cache
def _belonging_to_family(family: str) -> Bytes:
    return _in_255ths(_family(family))


def _family(family: str) -> Floats:
    """How far each of the kept colours is of a family. Hues of OKLab: red at 29 degrees, yellow 110, blue 264."""
    lab = kept_colours()
    light, chroma = lab[:, 0], _chroma(lab)
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    tinted = step(chroma, 0.02, 0.06)
    match family:
        case "warm":
            return tinted * step(np.abs((hue - 60 + 180) % 360 - 180), 70, 50)
        case "cool":
            return tinted * step(np.abs((hue - 235 + 180) % 360 - 180), 75, 55)
        case "warmth":  # 1 for a warm colour, 0 for a cool one, half for what is neither
            return np.asarray((1 + _family("warm") - _family("cool")) / 2, np.float32)
        case "vivid":
            return step(chroma, 0.09, 0.17)
        case "muted":
            levels = np.arange(COLOURS)[:, None] // np.array([LEVELS * LEVELS, LEVELS, 1]) % LEVELS
            value, least = levels.max(axis=1) / (LEVELS - 1), levels.min(axis=1) / (LEVELS - 1)
            saturation = (value - least) / np.maximum(value, 0.1)
            mild = step(saturation, 0.05, 0.12) * step(saturation, 0.6, 0.45)
            return mild * step(value, 0.96, 0.82) * step(value, 0.2, 0.3)
        case "pastel":
            return step(light, 0.74, 0.82) * step(chroma, 0.15, 0.11) * step(chroma, 0.02, 0.035)
        case "sepia":
            return step(chroma, 0.01, 0.02) * step(chroma, 0.13, 0.1) * step(np.abs(hue - 70), 40, 28)
        case "earthy":
            earth = step(np.abs(hue - 75), 50, 35) * step(light, 0.78, 0.68)
            return earth * step(chroma, 0.02, 0.04) * step(chroma, 0.15, 0.12)
        case _:  # neon
            return step(chroma, 0.13, 0.19) * step(light, 0.55, 0.65)


def _in_255ths(belonging: Floats) -> Bytes:
    return np.asarray(np.rint(belonging * 255), np.uint8)


# --- how much of a document has them -----------------------------------------------------------------


def fits_colour(documents: Measured, colour: str, *, tone: str, degree: str, place: str) -> Floats:
    """How far each document shows a colour of COLOUR_WORDS, 0..1, shape (documents,); 0 for one without frames.

    `tone` is of TONE_WORDS or "", `degree` as in graded; `place` is "background", "subject", or "" for anywhere.
    """
    by_frame = graded(_shown(documents, _belonging(colour, tone), place), degree)
    # A clip shows a colour if a part of it does; but many fade from black, to white.
    return documents.mean(by_frame) if colour in _NEUTRAL else documents.best(by_frame)


def family_share(documents: Measured, family: str, place: str = "") -> Floats:
    """How much of each frame is of colours that go by no one name, 0..1; `place` may be "background".

    The families: warm, cool, warmth (1 for warm, 0 for cool, half for neither), vivid, muted, pastel, sepia, earthy
    and neon.
    """
    belonging = _belonging_to_family(family)
    if place == "background":
        return documents.shares(belonging)[0]
    border, middle = documents.shares(belonging)
    part = np.float32(border_part())
    return np.asarray(part * border + (1 - part) * middle, np.float32)


def _shown(documents: Measured, belonging: Bytes, place: str) -> Floats:
    """How far the frames show the colours, anywhere or in a place: along a scale, for each frame.

    The background has a colour when most of the border has it, a little more so when something stands before it.
    A subject has it when what the middle has more than the border is mostly of it. Without a place, the middle
    counts half again, and a subject that is small counts for what it is.
    """
    border, middle = documents.shares(belonging)
    stands_out = documents.reading("subject")
    if place == "background":
        return ramp(border, 0.2, 0.8) * (np.float32(0.85) + np.float32(0.15) * step(stands_out, 0, 0.05))
    more = np.maximum(middle - border, 0)
    # A fifth of a thing may lie in light or shade that has another name.
    subject = np.clip(np.float32(1.2) * more / np.maximum(stands_out, np.float32(0.15)), 0, 1.2)
    subject = subject * step(stands_out, 0, 0.03) * (1 - np.float32(0.5) * step(border, 0.1, 0.5))
    if place == "subject":
        return np.asarray(subject, np.float32)
    part = np.float32(border_part())
    share = (part * border + (1 - part) * middle + middle) * np.float32(0.5)
    return np.asarray(np.maximum(_noticed(share), np.float32(0.65) * subject), np.float32)


def _noticed(share: Floats) -> Floats:
    """How much a share of the picture counts: an eighth 0.4, a third 0.85, half 1.1, all 1.5."""
    rest = 1 - share
    return np.asarray(1 - rest * rest * rest + np.float32(0.5) * share, np.float32)
