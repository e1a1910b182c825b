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
    "red": ("red|blood red|红|红色|大红|正红|鲜红|火红|血红|大红色|正红色",
        (0xFF0000, 0xC81818, 0xD93030, 0xA01010, 0x8B0000, 0x5A0808, 0xE34234)),
    "orange": ("orange|橙|橙色|橘|橘色|橘黄|橘黄色|橙黄|橙黄色",
        (0xFF8000, 0xFFA500, 0xF07820, 0xE06000, 0xFFB060)),
    "yellow": ("yellow|黄|黄色",
        (0xFFFF00, 0xFFE000, 0xFFEE40, 0xF2D24B, 0xFFF59D, 0xFFFAC8, 0xE8D000, 0xC8AC00, 0xA89010)),
    "green": ("green|绿|绿色",
        (0x00FF00, 0x00C000, 0x008000, 0x2E8B57, 0x6B8E23, 0x90EE90, 0xC0E8C0, 0x1F4D1F, 0x0A300A, 0xADFF2F,
         0x607858)),
    "cyan": ("cyan|aqua|青|青色",
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
    "black": ("black|pitch black|jet black|黑|黑色|纯黑|漆黑|乌黑|纯黑色",
        (0x000000, 0x101010, 0x1C1C1C)),
    "grey": ("grey|gray|灰|灰色",
        (0x404040, 0x606060, 0x808080, 0xA0A0A0, 0xC0C0C0, 0xCFCFCF)),
    "white": ("white|pure white|snow white|白|白色|纯白|雪白|纯白色|雪白色",
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
    "mustard": ("mustard|ochre|芥末黄|芥黄|土黄|土黄色|姜黄", (0xE1AD01, 0xCEB301, 0xC9A227, 0xB8963A)),
    "lemon": ("lemon|lemon yellow|柠檬黄|柠檬色", (0xFFF44F, 0xFDFF52)),
    "cream": ("cream|cream white|ivory|奶油色|奶白|奶白色|乳白|乳白色|米白|米白色|象牙色|象牙白",
        (0xFFFDD0, 0xFFFFC2, 0xFFF8DC, 0xFAF0DC, 0xF0EAD6)),
    "champagne": ("champagne|香槟色|香槟金|香槟", (0xF7E7CE, 0xEAD6B0, 0xDCC49C)),
    "beige": ("beige|米色|米黄|米黄色", (0xE6DAA6, 0xF5E6C8, 0xE0D0B8, 0xD8C8A8, 0xE8DCC4)),
    "khaki": ("khaki|卡其|卡其色", (0xC3B091, 0xAAA662, 0xBDB76B, 0xC0B078)),
    "tan": ("tan|camel|驼色|棕黄|棕黄色|浅褐|浅褐色", (0xD2B48C, 0xD1B26F, 0xC19A6B)),
    "chestnut": ("chestnut|chocolate|栗色|巧克力色", (0x7B3F00, 0x954535, 0x5A3018, 0x3D1C02)),
    "lime": ("lime|lime green|青柠色|黄绿|黄绿色|嫩绿|嫩绿色", (0xBFFF00, 0x9ACD32, 0xAAFF32)),
    "grass green": ("grass green|草绿|草绿色", (0x4C9A2A, 0x5A8A2A, 0x6FA032, 0x7CB342, 0x3F7D20, 0x6B8E23)),
    "olive": ("olive|olive green|橄榄|橄榄绿|橄榄色|军绿|军绿色", (0x808000, 0x6E750E, 0x677A04, 0x556B2F)),
    "emerald": ("emerald|翠绿|翠绿色|祖母绿", (0x50C878, 0x009B60, 0x01A049)),
    "forest green": ("forest green|bottle green|墨绿|墨绿色", (0x06470C, 0x013220, 0x1B4D3E, 0x044A05, 0x154406)),
    "mint": ("mint|mint green|薄荷绿|薄荷色|粉绿", (0x9FFEB0, 0x98FFC8, 0xAAF0D1, 0xB8E8D0, 0x7CC8B0)),
    "sage": ("sage|sage green|灰绿|灰绿色|鼠尾草绿", (0x9CAF88, 0x87AE73, 0x8A9A7B)),
    "teal": ("teal|凫色|孔雀蓝|孔雀绿", (0x008080, 0x029386, 0x01697A, 0x20A09A)),
    "turquoise": ("turquoise|绿松石色|松石绿|湖蓝|湖蓝色|碧绿", (0x40E0D0, 0x06C2AC, 0x30D5C8)),
    "sky blue": ("sky blue|azure|天蓝|天蓝色|天空蓝|蔚蓝", (0x87CEEB, 0x75BBFD, 0x82CAFC)),
    "navy": ("navy|navy blue|midnight blue|藏青|藏青色|藏蓝|藏蓝色|海军蓝", (0x000080, 0x01153E, 0x001146, 0x0A1850)),
    "royal blue": ("royal blue|cobalt|宝蓝|宝蓝色|宝石蓝|钴蓝", (0x4169E1, 0x0047AB, 0x0504AA)),
    "indigo": ("indigo|靛蓝|靛蓝色|靛青|靛", (0x4B0082, 0x380282)),
    "lavender": ("lavender|薰衣草色|薰衣草紫|淡紫|淡紫色|浅紫|浅紫色", (0xC79FEF, 0xDCD0FF, 0xD0C0F0, 0xBBA8E0)),
    "lilac": ("lilac|mauve|丁香紫|藕荷色|藕色|藕粉|藕粉色", (0xC8A2C8, 0xCEA2FD, 0xAE7181)),
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
_MIXED = {
    frozenset(pair.split()): mixture
    for mixture, pairs in {
        "": "red orange|red purple|red brown|red pink|orange yellow|orange brown|orange pink|yellow brown|yellow grey|"
        "green cyan|green grey|green brown|blue cyan|blue purple|blue grey|cyan grey|purple pink|purple grey|"
        "purple brown|pink grey|brown grey",
        "cyan": "green blue",
        "lime": "green yellow",
    }.items()
    for pair in pairs.split("|")
}
"""Pairs of basic colours between which there are others, and the name of those if they have one."""


def mixture(one: str, other: str) -> str:
    """The colour between two, for fits_colour; "" if they don't mix to one (red and green, black and white)."""
    between = _MIXED.get(frozenset((one, other)))
    return f"{one}+{other}" if between == "" else between or ""


def is_colour(name: str) -> bool:
    """Whether fits_colour knows it: a name of COLOUR_WORDS, a mixture, or #rrggbb in lower case."""
    return name in COLOUR_WORDS or "+" in name or name.startswith("#")


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


def scale(values: Floats, none: float, plain: float, most: float) -> Floats:
    """Like ramp, but with 2 at `most`: for what goes on far beyond where it is plain."""
    above = np.clip((values - np.float32(plain)) * np.float32(1 / (most - plain)), 0, 1)
    return np.asarray(step(values, none, plain) + above, np.float32)


def step(values: Floats, none: float, full: float) -> Floats:
    """How far values meet a condition: 0 up to `none`, 1 from `full` on, straight between."""
    return np.minimum(ramp(values, none, full), np.float32(1))


def graded(along: Floats, degree: str) -> Floats:
    """How far places on a scale are what is asked for with a degree, 0..1; any but "very" and the small ones is none.

    What is plainly so is 0.85, and what is more so is still told apart.
    """
    match degree:
        case "very":
            along = (along - np.float32(0.4)) * np.float32(1.25)
        case "slightly" | "little":
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
_CODE_REACH = 0.065
"""The same of a colour given by its code."""
_MIXTURE_REACH = 0.07
"""The same of what lies between two basic colours."""
_SHADE_LIFT = {"light": 0.1, "pale": 0.12, "dark": -0.12}
"""By how much OKLab lightness a tone moves a shade's examples."""


def _chroma(lab: Floats) -> Floats:
    return np.asarray(np.hypot(lab[:, 1], lab[:, 2]), np.float32)


def _oklab_of(code: int) -> Floats:
    """OKLab of an sRGB value 0xRRGGBB."""
    return oklab(np.array([code >> 16, code >> 8 & 255, code & 255]))


def _apart(centre: Floats, lift: float) -> Floats:
    """How far the kept colours are from one made lighter by `lift`: OKLab, lightness counting little more than half."""
    away = kept_colours() - (centre + np.array([lift, 0, 0], np.float32))
    return np.asarray(np.sqrt(0.35 * away[:, 0] ** 2 + away[:, 1] ** 2 + away[:, 2] ** 2), np.float32)


def _nearest(examples: Iterable[int]) -> Floats:
    """How far each of the kept colours is from the nearest of some examples."""
    return np.asarray(np.min([_apart(_oklab_of(example), 0) for example in examples], axis=0), np.float32)


@cache
def _distances() -> dict[str, Floats]:
    """How far each colour lies from each basic colour's examples; a tint takes it twice as far from neutral ones."""
    away = {name: _nearest(examples) for name, (_, examples) in _BASIC.items()}
    return away | {name: away[name] + _chroma(kept_colours()) for name in _NEUTRAL}


@lru_cache(maxsize=256)
def _belonging(colour: str, tone: str) -> Bytes:
    """How far each of the kept colours is what this name means, in 255ths."""
    if colour in _BASIC:
        belonging = _belonging_to_basic(colour)
        tone = "" if colour in ("black", "white") else tone
        return _in_255ths(_toned(belonging, tone, _FOCAL.get(colour, _USUAL_FOCAL)))
    lift = _SHADE_LIFT.get(tone, 0.0)
    if colour.startswith("#"):
        belonging = _around((_oklab_of(int(colour[1:], 16)),), lift, _CODE_REACH)
    elif "+" in colour:
        belonging = _around(_between(*colour.split("+")), lift, _MIXTURE_REACH)
    else:
        belonging = _belonging_to_shade(colour, lift)
    return _in_255ths(_toned(belonging, "" if lift else tone, _USUAL_FOCAL))


def _between(one: str, other: str) -> list[Floats]:
    """The colours half way between the plainest of two basic ones."""
    first, second = ([_oklab_of(code) for code in _BASIC[name][1][:3]] for name in (one, other))
    return [(mine + yours) * np.float32(0.5) for mine in first for yours in second]


def _around(centres: Iterable[Floats], lift: float, reach: float) -> Floats:
    """How far each of the kept colours is one of some, given in OKLab: half at `reach`."""
    nearest = np.min([_apart(centre, lift) for centre in centres], axis=0)
    return np.asarray(np.clip(1.1 - 0.6 * nearest / reach, 0, 1), np.float32)


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
    """A shade is itself around its examples, in about their hue."""
    centres = [_oklab_of(example) for example in _SHADES[colour][1]]
    belonging = _around(centres, lift, _SHADE_REACH)
    if colour in _GREYISH:
        return belonging
    a, b = np.mean([centre[1:] for centre in centres], axis=0)
    lab, chroma = kept_colours(), _chroma(kept_colours())
    along = (lab[:, 1] * a + lab[:, 2] * b) / np.maximum(chroma * np.hypot(a, b), np.float32(1e-6))
    return np.asarray(belonging * step(chroma, 0.012, 0.035) * step(along, 0.6, 0.85), np.float32)


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
            return belonging * step(light, 0.84 * focal, 0.68 * focal)
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
        case "dark":
            return step(light, 0.52, 0.36)
        case "bright":
            return step(light, 0.68, 0.84)
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
            return step(chroma, 0.16, 0.21) * step(light, 0.35, 0.5)


def _in_255ths(belonging: Floats) -> Bytes:
    return np.asarray(np.rint(belonging * 255), np.uint8)


_HUES = {
    "red": (29, 25), "orange": (60, 22), "yellow": (103, 20), "green": (145, 40), "cyan": (197, 30), "blue": (255, 40),
    "purple": (305, 28), "pink": (355, 32), "brown": (60, 30),
}  # fmt: skip
"""Of the colours that can tint a picture, the hue in degrees and how far it reaches to both sides."""


@cache
def _belonging_to_tint(colour: str) -> Bytes:
    """How far each of the kept colours has a touch of a basic colour: its hue, however little of it."""
    lab, (centre, reach) = kept_colours(), _HUES[colour]
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))
    beside = np.abs((hue - centre + 180) % 360 - 180).astype(np.float32)
    tint = step(_chroma(lab), 0.012, 0.035) * step(beside, reach + 10, reach)
    return _in_255ths(tint * step(lab[:, 0], 0.75, 0.65) if colour == "brown" else tint)


@cache
def _belonging_to_subject(colour: str) -> Bytes:
    """How far each of the kept colours is called black or white where it stands out from what is behind it."""
    light, chroma = kept_colours()[:, 0], _chroma(kept_colours())
    nearly = step(light, 0.36, 0.28) if colour == "black" else step(light, 0.6, 0.86)
    return np.maximum(_belonging(colour, ""), _in_255ths(nearly * step(chroma, 0.06, 0.03)))


# --- how much of a document has them -----------------------------------------------------------------


def fits_colour(documents: Measured, colour: str, *, tone: str, degree: str, place: str) -> Floats:
    """How far each document shows a colour (see is_colour), 0..1, shape (documents,); 0 for one without frames.

    `tone` is of TONE_WORDS or ""; `degree` is "very" or "slightly", "mostly" or "little" of the picture, "tinted" for
    a touch of it over all, or ""; `place` is "background", "subject", or "" for anywhere.
    """
    by_frame = graded(_along(documents, colour, tone, degree, place), degree if degree in ("very", "slightly") else "")
    # A clip shows a colour if a part of it does; but many fade from black, to white.
    over_all = colour in _NEUTRAL or degree in ("mostly", "tinted")
    return documents.mean(by_frame) if over_all else documents.best(by_frame)


def _along(documents: Measured, colour: str, tone: str, degree: str, place: str) -> Floats:
    """How far the frames show a colour, along a scale, for each frame."""
    if place == "subject":
        return _subject(
            documents, _belonging_to_subject(colour) if colour in ("black", "white") else _belonging(colour, tone)
        )
    if degree == "tinted" and colour in _HUES:
        return ramp(_share(documents, _belonging_to_tint(colour), place), 0.3, 0.8)
    belonging = _belonging(colour, tone)
    if degree == "mostly":
        return ramp(_share(documents, belonging, place), 0.3, 0.7)
    if degree == "little":
        # Of a little there must be no doubt: all of a salmon wall is a little red, too.
        share = _share(documents, belonging * (belonging >= 128), place)
        return scale(share, 0.002, 0.02, 0.08) * step(share, 0.35, 0.12)
    return _behind(documents, belonging) if place == "background" else _anywhere(documents, belonging)


def family_share(documents: Measured, family: str, place: str = "") -> Floats:
    """How much of each frame is of colours that go by no one name, 0..1; `place` may be "background".

    The families: dark, bright, warm, cool, warmth (1 for warm, 0 for cool, half for neither), vivid, muted, pastel,
    sepia, earthy and neon.
    """
    return _share(documents, _belonging_to_family(family), place)


def family_subject(documents: Measured, family: str) -> Floats:
    """How far what stands before the background is of a family, along a scale, for each frame."""
    return _subject(documents, _belonging_to_family(family))


def _share(documents: Measured, belonging: Bytes, place: str) -> Floats:
    """How much of each frame, or of its background, is of the colours that belong, 0..1."""
    border, middle = documents.shares(belonging)
    if place == "background":
        return border
    part = np.float32(border_part())
    return np.asarray(part * border + (1 - part) * middle, np.float32)


def _behind(documents: Measured, belonging: Bytes) -> Floats:
    """The background has a colour when most of the border has it, a little more so when something stands before it."""
    border, _ = documents.shares(belonging)
    stands_out = documents.reading("subject")
    return ramp(border, 0.2, 0.8) * (np.float32(0.85) + np.float32(0.15) * step(stands_out, 0, 0.05))


_SMALL, _SMALL_ANYWHERE = 0.03, 0.15
"""Share of the middle from which a subject has a colour by what it is; what is smaller counts for less."""


def _subject(documents: Measured, belonging: Bytes) -> Floats:
    """How far the subject has the colours that belong, along a scale, for each frame."""
    return _standing_out(documents, *documents.shares(belonging), _SMALL)


def _standing_out(documents: Measured, border: Floats, middle: Floats, small: float) -> Floats:
    """A subject has a colour when what the middle has more than the border is mostly of it."""
    stands_out = documents.reading("subject")
    more = np.maximum(middle - border, 0)
    # A fifth of a thing may lie in light or shade that has another name.
    part = np.clip(np.float32(1.2) * more / np.maximum(stands_out, np.float32(small)), 0, 1.2)
    seen = step(stands_out, 0, 0.03) * (1 - np.float32(0.5) * step(border, 0.1, 0.5))
    return np.asarray(part * seen, np.float32)


def _anywhere(documents: Measured, belonging: Bytes) -> Floats:
    """The middle counts half again, and a subject that is small counts for what it is."""
    border, middle = documents.shares(belonging)
    part = np.float32(border_part())
    share = (part * border + (1 - part) * middle + middle) * np.float32(0.5)
    subject = _standing_out(documents, border, middle, _SMALL_ANYWHERE)
    return np.asarray(np.maximum(_noticed(share), np.float32(0.65) * subject), np.float32)


def _noticed(share: Floats) -> Floats:
    """How much a share of the picture counts: an eighth 0.4, a third 0.85, half 1.1, all 1.5."""
    rest = 1 - share
    return np.asarray(1 - rest * rest * rest + np.float32(0.5) * share, np.float32)
