"""Which words and grammar, English and Chinese, ask for looks.

A query's text is read in two steps. Its words become items: a colour with its degrees ("very pale blue", 深红) or a
quality ("blurry", 竖图), or one of the little words that join, deny and place them. Items that stand together are a
group, to which a "not", an "or" and a place ("on ...", "... background", 中间是...) apply. What is no look is left
for plain words.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA

from core.scorers.figures import Measured
from core.scorers.look_colours import COLOUR_WORDS, TONE_WORDS, fits_colour, is_colour, mixture
from core.scorers.look_qualities import (
    BACKGROUND_QUALITIES,
    KIND_QUALITIES,
    RATIOS,
    SUBJECT_QUALITIES,
    fits_quality,
)
from core.scorers.words import fold

Floats = NDArray[np.float32]

# --- a look ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A colour or a quality, how much of it, and where."""

    name: str
    """A colour of look_colours, or a quality of look_qualities."""
    tone: str = ""
    """Of look_colours' TONE_WORDS, or none; only a colour has one."""
    degree: str = ""
    """ "very" or "slightly"; of a colour also "tinted", and "mostly" or "little" of the picture; or none."""
    place: str = ""
    """ "background", "subject" or none."""

    @property
    def is_colour(self) -> bool:
        return is_colour(self.name)

    def fits(self, documents: Measured) -> Floats:
        """How far each document is so, 0..1, shape (documents,); 0 for what has no look."""
        if self.is_colour:
            return fits_colour(documents, self.name, tone=self.tone, degree=self.degree, place=self.place)
        return fits_quality(documents, self.name, degree=self.degree, place=self.place)


@dataclass(frozen=True)
class Look:
    """One look that a query asks for."""

    text: str
    """As it was typed."""
    forms: tuple[str, ...]
    """Phrases that say the same in a name or a caption, in both languages; of more than a bare word only itself."""
    weight: float
    any_of: tuple[Asked, ...] = field(repr=False)
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
        if all(asked.name in KIND_QUALITIES for asked in self.any_of):
            has_look = np.ones_like(has_look)
        # What is plainly not so is no more than plainly right.
        return np.asarray(np.float32(0.85) * (1 - best) * has_look, np.float32)


# --- words -------------------------------------------------------------------------------------------
#
# Phrases as they are after folding, English before Chinese. Those for colours and tones are in look_colours.

_QUALITY_WORDS: dict[str, str] = {
    "dark": "dark|dim|gloomy|low key|underexposed|暗|昏暗|黑暗|暗色|深色|暗调|低调|暗淡|阴暗|曝光不足|偏暗|"
    "moody|gloomy mood|欠曝|阴沉|暗沉|幽暗|暗黑",
    "bright": "bright|light toned|high key|overexposed|明亮|亮|亮色|浅色|亮调|高调|曝光过度|过曝|偏亮|亮堂|"
    "light and airy|airy",
    "contrasty": "high contrast|strong contrast|contrasty|harsh contrast|高对比|高对比度|高反差|强对比|对比强烈|反差大",
    "flat": "low contrast|weak contrast|flat contrast|低对比|低对比度|低反差",
    "hazy": "hazy|foggy|misty|washed out|faded|faint|灰蒙蒙|发灰|朦胧|雾蒙蒙|褪色|灰暗",
    "vivid": "vivid|vibrant|saturated|high saturation|rich colors|rich colours|"
    "bold colors|bold colours|bold color|bold colour|strong colors|strong colours|"
    "鲜艳|艳丽|饱和|高饱和|高饱和度|浓郁|亮丽",
    "muted": "muted|desaturated|low saturation|subdued|subtle|soft colors|soft colours|"
    "柔和|素色|素雅|低饱和|低饱和度|淡雅|莫兰迪|莫兰迪色|冷淡风|性冷淡|性冷淡风",
    "pastel": "pastel|pastels|pale|马卡龙|马卡龙色|粉彩|粉嫩|淡色|浅淡|糖果色",
    "neon": "neon|fluorescent|cyberpunk|赛博朋克|赛博朋克风|霓虹|荧光|荧光色",
    "earthy": "earthy|earth tone|earth tones|大地色|大地色系",
    "colourful": "colorful|colourful|multicolored|multicoloured|multi colored|rainbow|"
    "多彩|五颜六色|色彩丰富|五彩|五彩缤纷|彩虹|缤纷|色彩斑斓|花花绿绿|花哨|五颜六色的",
    "coloured": "color picture|colour picture|color photo|colour photo|in color|in colour|full color|full colour|"
    "彩色|彩图|彩色照片",
    "warm": "warm|warm colors|warm colours|warm tone|warm tones|暖色|暖色调|暖色系|暖调|温暖|暖",
    "cool": "cool|cold|cool colors|cool colours|cool tone|cool tones|冷色|冷色调|冷色系|冷调|冷",
    "monochrome": "monochrome|blackandwhite|b / w|black white photo|black and white|black & white|black n white|"
    "b & w|bw|b w|"
    "grayscale|greyscale|gray scale|grey scale|黑白|灰度|黑白色",
    "one-hued": "monochromatic|single color|single colour|单色|单色调",
    "sepia": "sepia|sepia tone|sepia toned|棕褐色调|怀旧|怀旧色|怀旧泛黄|泛黄|老照片|复古|复古色|做旧",
    "blurry": "blurry|blurred|blur|out of focus|unsharp|unfocused|soft focus|模糊|虚焦|失焦|不清楚|糊|对焦不准",
    "sharp": "sharp|crisp|in focus|well focused|清晰|锐利|清楚|锐",
    "soft behind": "bokeh|shallow depth of field|shallow focus|虚化|焦外|焦外虚化|景深浅|浅景深|大光圈|散景",
    "busy": "busy|lots of detail|lots of details|a lot of detail|full of detail|highly detailed|rich in detail|"
    "cluttered|crowded|chaotic|messy|complex|detailed|杂乱|凌乱|复杂|繁杂|繁复|拥挤|细节丰富",
    "empty": "minimal|minimalist|minimalistic|uncluttered|negative space|empty space|white space|copy space|"
    "copyspace|empty|simple|clean|"
    "简洁|简约|极简|留白|空旷|干净|简单|大面积留白",
    "gradient": "gradient|gradients|color gradient|colour gradient|渐变|渐变色|过渡色",
    "plain": "plain|flat color|flat colour|flat colors|flat colours|"
    "solid|solid color|solid colour|uniform|纯色|素净|净色",
    "portrait": "portrait|portrait format|portrait orientation|vertical|upright|"
    "竖图|竖版|竖构图|竖屏|竖幅|竖拍|竖向|纵向|竖",
    "landscape": "landscape|landscape format|landscape orientation|horizontal|横图|横版|横构图|横屏|横幅|横拍|横向|横",
    "square": "square|square format|方图|方形|正方形|正方|方形图",
    "panorama": "panorama|panoramic|全景|全景图|长横图",
    "wide": "wide|banner|widescreen|wide screen|宽幅|宽屏",
    "tall": "tall|very tall|长图|竖长图|长竖图",
    "large": "large|big|huge|high resolution|high res|hi res|hires|highres|大图|大尺寸|高分辨率|大|大的",
    "defined": "hd|full hd|高清|超清|高清图|高画质|4k|uhd",
    "small": "small|tiny|little|thumbnail|low resolution|low res|小图|小尺寸|低分辨率|缩略图|小",
    "image": "picture|image|photo|photograph|pic|shot|图|图片|照片|图像|相片|图案|画面|影像|摄影",
    "video": "clip|video|movie|film|footage|视频|影片|短片|录像|短视频",
    "text": "text|document|text file|文本|文档|文字",
}
"""Of each quality of look_qualities all words for it."""
_AMBIGUOUS = (
    "dim|moody|airy|banner|portrait|landscape|panorama|neon|gradient|subtle|faint|misty|cyberpunk|plain|busy|"
    "crowded|complex|detailed|empty|simple|clean|solid|uniform|wide|tall|large|big|huge|small|tiny|"
    "little|cool|cold|sharp|crisp|square|film|shot|pic|foggy|hazy|rainbow|text|"
    "大|小|竖|横|冷|暖|糊|锐|复古|朦胧|简单|干净|复杂|拥挤|温暖|清楚|怀旧|文字|彩虹"
)
"""Words that may be about what is shown ("small dog", 大海): looks only beside a word for picture or place, beside
another look, or alone."""
_ROLES: dict[str, str] = {
    "not": "not|neither|nor|less|fewer|not so|not as|don t want|do not want|dont want|no|without|non|except|"
    "excluding|isn t|aren t|nothing|"
    "不|不要|不是|不含|没有|没|无|非|别|勿|除了|排除|既不|也不|没那么|没有那么|不那么|不怎么|不够|少一点|少点",
    "and": "and|plus|&|+|和|与|及|以及|加|跟|、|又|且|配",
    "or": "or|/|或|或者|或是|还是",
    "stop": "but|,|;|.|:|，|；|。|：|但|但是",
    "background": "background|backdrop|bg|背景|背景色|背景上|背景前|背景里|底|底色|底子",
    "subject": "subject|object|thing|foreground|in the middle|in the center|in the centre|in middle|in center|"
    "middle|center|"
    "centre|主体|主角|中间|中央|中心|正中|前景|物体",
    "on": "on|against|upon|in front of|在",
    "link": "isolated|made of|filled with|full of|a|an|the|is|are|of|in|it|its|that|which|color|colour|colors|"
    "colours|colored|coloured|tone|tones|toned|"
    "hue|hues|format|orientation|look|looking|style|是|为|呈|色|颜色|色调|一张|一个|一幅|一种|以|相间|相配|搭配|撞色|拼接|拼色",
    "of": "的",
    "with": "with|has|having|有|带|而",
    "very": "more|very|really|extremely|super|too|so|strongly|highly|quite|很|非常|特别|极|极其|超|超级|太|十分|更|最",
    "slightly": "slightly|a bit|somewhat|rather|有点|有些|稍|稍微|略|略微|微|较|比较",
    "bit": "a little|a little bit|一点|一些",
    "little": "a touch of|touch of|a bit of|bit of|a hint of|hint of|a little bit of|a dash of|a splash of|some|"
    "少量|少许|一抹|一丝|一点点|点缀",
    "mostly": "mostly|mainly|predominantly|primarily|largely|lots of|a lot of|plenty of|much|dominated by|"
    "大部分|大部分是|大多是|大面积|主要|主要是|大量|很多|满是|全是|几乎全是",
    "for the most": "为主|为主的|为主色|居多|占多数",
    "tinted": "略带|微带|偏|泛|发|透|带点|有点偏|稍微偏|略偏",
    "high": "high|higher|高|强|足",
    "low": "low|lower|poor|低|弱|差",
    "thing": "字|文字|字体|花|花朵|球|图形|图标",
    "title": "mr|mr .|mrs|mrs .|ms|ms .|miss|dr|dr .|sir|lady|uncle|aunt|captain|professor",
    # Not about looks, though a word for a look is in them.
    "word": "red bull|red panda|red cross|red carpet|red wine|red square|white house|white wine|"
    "white paper|white noise|snow white|barry white|betty white|walter white|jack black|black sea|black friday|"
    "black hole|black box|black tea|black market|blue ray|blu ray|blue jay|blue whale|blue note|green card|green tea|"
    "green bean|green day|greenland|green house|earl grey|dorian gray|grey wolf|gray whale|james brown|"
    "charlie brown|dan brown|brown bear|black bear|brown sugar|yellow pages|pink floyd|purple rain|gold medal|"
    "golden gate|"
    "golden retriever|golden hour|gold rush|silver lining|silver surfer|polar bear|light house|light bulb|"
    "traffic light|neon sign|neon light|dark web|dark matter|dark chocolate|no one|orange juice|orange tree|"
    "rose garden|"
    "peach tree|olive oil|olive tree|salmon fillet|coral reef|lemon juice|lemon tree|lavender field|ice cream|"
    "cream cheese|sharp knife|large language|"
    "白天|明天白|白菜|白领|白酒|白痴|空白|表白|告白|白云|白发|白糖|白板|白宫|白银|白虎|白鹭|白鸽|白桦|白雪公主|白求恩|"
    "李白|小白|大白|小黑|小红|小蓝|小绿|小黄|小灰|大黄|阿黄|黄昏|黄河|黄山|黄金|黄金周|黄瓜|黄鱼|黄鹂|黄石|黄豆|黄油|黄酒|"
    "黄浦|黄埔|黄牛|黄页|炎黄|黑板|黑客|黑夜|黑洞|黑森林|黑暗料理|黑龙江|黑豆|黑胶|黑莓|黑桃|黑熊|黑社会|"
    "银行|银河|银杏|金融|金属|金鱼|金字塔|金门|金沙|金山|资金|基金|现金|青年|青春|青岛|青海|青蛙|青菜|青铜|青藏|青山|"
    "青铜器|丹青|灰尘|灰姑娘|灰太狼|蓝牙|蓝天|蓝光|蓝莓|蓝鲸|蓝图|蓝调音乐|绿化|绿灯|绿灯侠|绿茶|绿豆|绿洲|绿卡|绿巨人|绿萝|"
    "红楼梦|红包|红利|网红|红旗|红酒|红茶|红薯|红枣|红豆|红绿灯|红灯|红军|红岩|红杏|红烧|红楼|红领巾|红十字|红外|"
    "小红书|小红帽|大红袍|口红|腮红|红牛|红米|橙子|橙汁|橘子|粉丝|粉末|米粉|面粉|花粉|奶粉|淀粉|粉笔|紫禁城|紫菜|紫薯|紫砂|紫荆|"
    "紫外|紫藤|棕榈|棕熊|大学|大海|大家|大人|大象|大楼|大会|大厦|大桥|大门|大理|大连|大阪|小学|小狗|小猫|小孩|小说|小时|小组|小米|"
    "小吃|小区|小镇|小明|横滨|横店|图书|图书馆|地图|截图|深圳|深度|深夜|浓汤|淡水|暗示|亮相|月亮|漂亮|底片|底部|"
    "珊瑚礁|琥珀|玫瑰花|发票|发型|发布|发展|出发|头发|沙发|开发|暖气|冷气|冷饮|冷冻|空调|"
    "无人机|无锡|非洲|非常规|不锈钢|别墅|有限|为什么|和平|和服|加油|加拿大|以色列|以前|以后|可以|微信|微博|微笑|微软|"
    "主要|高山|高铁|高考|高中|高楼|身高|差别|出差|强大|坚强|足球|手足|字典|汉字|数字|名字|花园|球场|球员|地球|气球|篮球|"
    "透明|泛滥|星球|月球",
}
"""Of each role in the grammar the words that have it."""
_SCALES = {
    "saturation": ("vivid", "muted"),
    "brightness": ("bright", "dark"),
    "contrast": ("contrasty", "flat"),
    "sharpness": ("sharp", "blurry"),
    "resolution": ("large", "small"),
}
"""Of what can be high or low, the qualities that this is."""
_SCALE_OF = {
    word: name
    for name, row in {
        "saturation": "saturation|饱和度|饱和",
        "brightness": "brightness|亮度|明度",
        "contrast": "contrast|对比度|对比|反差",
        "sharpness": "sharpness|清晰度|锐度",
        "resolution": "resolution|分辨率|像素",
    }.items()
    for word in row.split("|")
}
_ENDS = {"high": 0, "low": 1, "large": 0, "small": 1}
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
    """Of _ROLES, or "colour", "tone", "quality", "scale"."""
    value: str = ""
    also: str = ""
    """The quality that a tone is where no colour follows, or "coloured" where no colour comes before."""
    ambiguous: bool = False


def _rows() -> Iterator[tuple[str, str, str]]:
    """Every phrase of the language with its role and value; of two that are the same the later one counts."""
    for role, row in _ROLES.items():
        for phrase in row.split("|"):
            yield phrase, role, ""
    for phrase, name in _SCALE_OF.items():
        yield phrase, "scale", name
    for name, row in _QUALITY_WORDS.items():
        for phrase in row.split("|"):
            yield phrase, "quality", name
    for ratio in RATIOS:
        for sign in (" : ", " x ", " by "):
            yield ratio.replace(":", sign), "quality", ratio
    for name, phrases in COLOUR_WORDS.items():
        for phrase in phrases:
            yield phrase, "colour", name


def _phrases() -> dict[str, _Word]:
    """The language: what each phrase may be. A tone keeps the quality that it is too."""
    ambiguous = frozenset(_AMBIGUOUS.split("|"))
    table = {phrase: _Word(0, 0, role, value, "", phrase in ambiguous) for phrase, role, value in _rows()}
    for tone, phrases in TONE_WORDS.items():
        for phrase in phrases:
            known = table.get(phrase)
            table[phrase] = _Word(0, 0, "tone", tone, known.value if known and known.role == "quality" else "")
    for phrase in ("colored", "coloured"):
        table[phrase] = _Word(0, 0, "link", "", "coloured")
    return table


_LANGUAGE = _phrases()
_MOST_PIECES = max(phrase.count(" ") for phrase in _LANGUAGE) + 1
_MOST_CHARACTERS = max(len(phrase) for phrase in _LANGUAGE if ord(phrase[0]) > 0x3000)
_SUFFIXES = frozenset(("调", "系", "系列", "调子"))
"""What ends a word for a look, and is a part of other words elsewhere."""
_APART = frozenset(("相间", "相配", "搭配", "撞色", "拼接", "拼色"))
"""What says that two colours stand side by side."""
_PIECE = re.compile(r"#(?:[0-9a-f]{6}|[0-9a-f]{3})(?![0-9a-z])|[a-z0-9]+|[\u3400-\u9fff]+|[^\W\d_]+|[^\s\-_'’]")
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
    """What an English phrase is: also in the plural, with -ish, as a code, run together, or mistyped."""
    if phrase in _LANGUAGE:
        return (_LANGUAGE[phrase],)
    if phrase.startswith("#"):
        return _code(phrase[1:])
    if phrase.endswith("s") and phrase[:-1] in _LANGUAGE and _LANGUAGE[phrase[:-1]].role not in ("link", "not"):
        return (_LANGUAGE[phrase[:-1]],)
    if phrase.endswith("ish"):
        stem = phrase[:-3]
        for base in (stem, stem + "e", stem[:-1]):  # greenish, bluish and whitish, reddish
            if base in _LANGUAGE and _LANGUAGE[base].role == "colour":
                return (_LANGUAGE["偏"], _LANGUAGE[base])
    for at in range(4, len(phrase) - 2):  # darkblue
        tone, colour = _LANGUAGE.get(phrase[:at]), _LANGUAGE.get(phrase[at:])
        if tone and colour and (tone.role, colour.role) == ("tone", "colour"):
            return (tone, colour)
    meant = _meant(phrase)
    return (_LANGUAGE[meant],) if meant else None


def _code(digits: str) -> tuple[_Word, ...] | None:
    """A colour by its code. Three signs are one only if they are no plain number and no plain word."""
    if len(digits) == 3 and not (digits.isdigit() or digits.isalpha()):
        digits = "".join(digit * 2 for digit in digits)
    return (_Word(0, 0, "colour", "#" + digits),) if len(digits) == 6 and digits.isalnum() else None


_MISTYPED = tuple(
    phrase
    for phrase, word in _LANGUAGE.items()
    if phrase.isascii()
    and phrase.isalpha()
    and len(phrase) >= 5
    and word.role in ("colour", "tone", "quality", "background")
)
_REAL_WORDS = frozenset(
    ("bight", "burred", "burry", "caret", "corral", "crowed", "crowned", "detained", "earth", "gloom", "indio")
) | {"minima", "paste", "pastes", "patel", "salon", "salons", "sliver"}
"""Words that are one letter from a word for a look and mean something else."""


def _meant(piece: str) -> str:
    """The word for a look of at least five letters that this is a slip of, or nothing.

    A letter left out, doubled or changed for its neighbour; in long words also another letter. The first letter is
    right in nearly all slips, and keeps "beach" from being "peach".
    """
    if len(piece) < 5 or not (piece.isascii() and piece.isalpha()) or piece in _REAL_WORDS:
        return ""
    for word in _MISTYPED:
        if word[0] != piece[0] or abs(len(word) - len(piece)) > 1 or OSA.distance(word, piece, score_cutoff=1) != 1:
            continue
        doubled = len(piece) > len(word) and any(
            piece[at] == piece[at + 1] and piece[:at] + piece[at + 1 :] == word for at in range(len(word))
        )
        if len(piece) < len(word) or doubled or sorted(piece) == sorted(word):
            return word
        if len(piece) == len(word) >= 7:
            return word
    return ""


def _read_run(folded: str, start: int, end: int) -> Iterator[_Word]:
    """A stretch of Chinese as words of the language, longest first; a colour that is part of a name isn't one."""
    words: list[_Word] = []
    while start < end:
        size = _suffix(folded, start, words)
        known = _Word(0, 0, "link") if size else None
        for longest in range(min(_MOST_CHARACTERS, end - start), 0, -1):
            if known is None and folded[start : start + longest] in _LANGUAGE:
                size, known = longest, _LANGUAGE[folded[start : start + longest]]
        words.append(replace(known or _Word(0, 0, "word"), start=start, end=start + (size or 1)))
        start += size or 1
    return _without_names(words)


def _suffix(folded: str, start: int, words: Sequence[_Word]) -> int:
    """ "蓝色调", "绿色系": how many characters end the word for a look before them, or 0."""
    if not (words and words[-1].role in ("colour", "tone", "quality")):
        return 0
    return next((size for size in (2, 1) if folded[start : start + size] in _SUFFIXES), 0)


def _without_names(words: Sequence[_Word]) -> Iterator[_Word]:
    """The words of a stretch of Chinese, in which "黑猫" or "红旗" is a thing, but "黑底红花" a look.

    A colour of one character that touches an unknown word is taken for a part of it, unless another colour or a place
    in the same stretch shows that looks are spoken of. There, what is of a colour is the subject: "白底黑字".
    """
    unknown = {at for at, word in enumerate(words) if word.role in ("word", "thing")}
    unsure = set()
    for at, word in enumerate(words):
        toned = at > 0 and words[at - 1].role in ("tone", "very", "slightly", "tinted", "colour")
        if word.role == "colour" and word.end - word.start == 1 and not toned and {at - 1, at + 1} & unknown:
            unsure.add(at)
    sure = any(word.role in ("colour", "background", "subject") and at not in unsure for at, word in enumerate(words))
    placed = any(word.role == "background" for word in words)
    for at, word in enumerate(words):
        if word.role == "thing":
            coloured = at > 0 and words[at - 1].role == "colour" and placed and at + 1 not in unknown
            yield replace(word, role="subject" if coloured else "word")
        else:
            yield replace(word, role="word") if at in unsure and not sure else word


def _lettered(words: Sequence[_Word]) -> list[_Word]:
    """The words, where "text" is what stands in a picture if colours are asked for: "white text on blue"."""
    coloured = any(word.role in ("colour", "background") for word in words)
    if not coloured:
        return list(words)
    return [
        replace(word, role="subject" if at > 0 and words[at - 1].role == "colour" else "word")
        if word.value == "text"
        else word
        for at, word in enumerate(words)
    ]


# --- grammar -----------------------------------------------------------------------------------------

_LITTLE = frozenset(("link", "of", "with", "and", "or", "stop"))
"""Roles that mean nothing by themselves."""
_JOINING = _LITTLE | {"not", "on", "background", "subject"}
"""Roles that have a meaning in the grammar; the others are part of a look, or plain words."""


@dataclass(frozen=True)
class _Item:
    """A word that joins, denies or places ("role"), or what is asked for ("look")."""

    role: str
    start: int
    end: int
    asked: Asked | None = None
    bare: bool = False
    """Whether it is a word alone, so that its synonyms mean the same."""


_DEGREES = frozenset(("very", "slightly", "bit", "little", "mostly", "tinted"))


def _items(words: Sequence[_Word], folded: str) -> list[_Item]:
    """The words with degrees and tones taken together with what they belong to."""
    items: list[_Item] = []
    at = 0
    while at < len(words):
        word = words[at]
        last = items[-1].asked if items else None
        if word.role == "for the most" and last is not None:  # "以绿色为主", but "以红色和白色为主" is of both
            if last.is_colour and not (len(items) > 1 and items[-2].role in ("and", "look")):
                last = replace(last, degree="mostly")
            items[-1] = replace(items[-1], end=word.end, asked=last, bare=False)
            at += 1
            continue
        asked, count, denied = _asked(words, at, folded)
        if asked is None:
            role = word.role if word.role in _JOINING else "word"
            items.append(_Item(role, word.start, word.end))
        else:
            if denied is not None:
                items.append(_Item("not", word.start, word.end))
            items.append(_Item("look", word.start, words[at + count - 1].end, asked, bare=count == 1))
        if word.role == "title" and at + 1 < len(words) and words[at + 1].role == "colour":
            at += 1  # "Mr. White"
            items.append(_Item("word", words[at].start, words[at].end))
        at += count
    return items


def _asked(words: Sequence[_Word], first: int, folded: str) -> tuple[Asked | None, int, _Word | None]:
    """What is asked for from a word on, how many words that takes (at least 1), and a word in it that denies it."""
    at, degree, tone = first, "", ""
    while at < len(words) and words[at].role in _DEGREES:
        degree = degree if degree and words[at].role == "bit" else words[at].role
        at += 1
        while degree in ("mostly", "little") and at < len(words) and words[at].role in ("link", "of"):
            at += 1
    measured = _on_scale(words, at, degree)
    if measured is not None:
        name, degree, count, denied = measured
        return Asked(name, "", degree), at + count - first, denied
    while at + 1 < len(words) and words[at].role == "tone" and words[at + 1].role in ("tone", "colour"):
        tone = tone or words[at].value
        at += 1
    name = _named(words, at) if at < len(words) else ""
    if not name:
        # A degree of nothing is a plain word; so is a word that may mean something else.
        return None, 1, None
    mixed = _mixed(words, at, folded, degree == "tinted") if words[at].role == "colour" else ""
    if mixed:
        name, at, degree = mixed, at + 1, "" if degree == "tinted" else degree
    return Asked(name, tone, _degree(degree, name, tone)), at + 1 - first, None


def _degree(role: str, name: str, tone: str) -> str:
    """What a word for a degree means of this look: "slightly blue" is tinted, "slightly dark" less dark."""
    if not is_colour(name):
        return {"bit": "slightly", "little": "slightly", "mostly": "", "tinted": ""}.get(role, role)
    match role:
        case "bit":
            return "little"
        case "slightly":
            return "slightly" if tone else "tinted"
        case "tinted" if tone:
            return ""
    return role


def _on_scale(words: Sequence[_Word], first: int, degree: str) -> tuple[str, str, int, _Word | None] | None:
    """ "High saturation", "饱和度很低", "对比度不高": the quality, its degree, how many words, and what denies it."""
    at, scale, end, denied = first, "", -1, None
    while at < len(words) and not (scale and end >= 0):
        word = words[at]
        if word.role == "scale" and not scale:
            scale = word.value
        elif end < 0 and (word.role if word.role in _ENDS else word.value) in _ENDS and word.role != "tone":
            end = _ENDS[word.role if word.role in _ENDS else word.value]
        elif scale and word.role in _DEGREES:
            degree = word.role
        elif scale and word.role == "not":
            denied = word
        elif not (scale and word.role in ("link", "of")):
            return None
        at += 1
    if not scale or end < 0:
        return None
    quality = _SCALES[scale][end]
    return quality, _degree(degree, quality, ""), at - first, denied


def _mixed(words: Sequence[_Word], at: int, folded: str, tinted: bool) -> str:
    """The mixture of a colour with the next: "blue-green", "bluish green", "粉紫"; or nothing."""
    if at + 1 >= len(words) or words[at + 1].role != "colour":
        return ""
    one, other = words[at], words[at + 1]
    if at > 0 and words[at - 1].role == "colour" and words[at - 1].end == one.start:
        return ""  # "红绿蓝"
    between = folded[one.end : other.start]
    joined = between == "-" or (not between and one.end - one.start == 1) or (tinted and between == " ")
    third = words[at + 2] if at + 2 < len(words) else None
    apart = third is not None and (
        folded[third.start : third.end] in _APART or (third.role == "colour" and third.start == other.end)
    )
    return mixture(one.value, other.value) if joined and not apart else ""


def _named(words: Sequence[_Word], at: int) -> str:
    """The colour or quality that the word asks for, or nothing."""
    word = words[at]
    if word.role == "colour":
        return word.value
    after = words[at + 1] if at + 1 < len(words) else None
    placed = after is not None and after.role in ("background", "subject")
    beside = placed or (after is not None and after.value in KIND_QUALITIES)
    if word.role == "link":
        named = at > 0 and words[at - 1].role in ("colour", "tone")  # "cream coloured"
        return word.also if not named and (placed or not _beside_plain(words, at)) else ""
    if word.role == "tone":
        if word.also:
            return word.also
        # "light" and the like may be a noun; before a place they can't, and alone there is nothing else to look for.
        alone = len(words) == 1 and word.value == "light"
        return {"light": "bright", "dark": "dark", "pale": "pastel"}.get(word.value, "") if beside or alone else ""
    if word.role != "quality" or (word.ambiguous and not beside and _beside_plain(words, at)):
        return ""
    return word.value


def _beside_plain(words: Sequence[_Word], at: int) -> bool:
    """Whether plain words stand in the same part of the text, up to a comma or the like."""
    for step in (-1, 1):
        other = at + step
        while 0 <= other < len(words) and words[other].role != "stop":
            if words[other].role in ("word", "title"):
                return True
            other += step
    return False


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
    items = _items(_lettered(_read(folded)), folded)
    reader = _Reader()
    reader.read(items)
    pictured = {at for at, item in enumerate(items) if item.asked is not None and item.asked.name == "image"}
    others = any(item.role == "word" or (item.role == "look" and at not in pictured) for at, item in enumerate(items))
    looks: dict[tuple[tuple[Asked, ...], bool], Look] = {}
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
        forms = _same(asked[0].name) or (shown,)
    return Look(shown, forms, 1.0, asked, group.negated)


def _placed(asked: Asked, place: str) -> Asked:
    """What can be in that place is; of a shape or of sharpness there is only one."""
    qualities = {"background": BACKGROUND_QUALITIES, "subject": SUBJECT_QUALITIES}.get(place, frozenset())
    has_place = asked.is_colour or asked.name in qualities
    return replace(asked, place=place) if has_place else asked


def _same(name: str) -> tuple[str, ...]:
    """All words for a colour or a quality."""
    return COLOUR_WORDS.get(name) or tuple(filter(None, _QUALITY_WORDS.get(name, "").split("|")))


def _weighed(look: Look, looks: Sequence[Look]) -> Look:
    weight = look.weight
    if look.negated and not all(other.negated for other in looks):
        weight *= _NEGATED_WEIGHT
    if len(looks) > 1 and look.any_of[0].name in KIND_QUALITIES:
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
