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

from core.scorers.figures import Measured
from core.scorers.look_colours import COLOUR_WORDS, TONE_WORDS, fits_colour
from core.scorers.look_qualities import BACKGROUND_QUALITIES, KIND_QUALITIES, fits_quality
from core.scorers.words import fold

Floats = NDArray[np.float32]

# --- a look ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """A colour or a quality, how much of it, and where."""

    name: str
    """Of look_colours' COLOUR_WORDS, or a quality of look_qualities."""
    tone: str = ""
    """Of look_colours' TONE_WORDS, or none; only a colour has one."""
    degree: str = ""
    """ "very", "slightly" or none."""
    place: str = ""
    """ "background", "subject" or none."""

    @property
    def is_colour(self) -> bool:
        return self.name in COLOUR_WORDS

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
        return np.asarray((1 - best) * has_look, np.float32)


# --- words -------------------------------------------------------------------------------------------
#
# Phrases as they are after folding, English before Chinese. Those for colours and tones are in look_colours.

_QUALITY_WORDS: dict[str, str] = {
    "dark": "dark|dim|gloomy|low key|underexposed|暗|昏暗|黑暗|暗色|深色|暗调|低调|暗淡|阴暗|曝光不足|偏暗",
    "bright": "bright|light toned|high key|overexposed|明亮|亮|亮色|浅色|亮调|高调|曝光过度|偏亮|亮堂",
    "contrasty": "high contrast|strong contrast|contrasty|harsh contrast|高对比|高对比度|高反差|强对比|对比强烈|反差大",
    "flat": "low contrast|weak contrast|flat contrast|hazy|foggy|washed out|"
    "低对比|低对比度|低反差|对比度低|灰蒙蒙|发灰",
    "vivid": "vivid|vibrant|saturated|high saturation|rich colors|rich colours|"
    "鲜艳|艳丽|饱和|高饱和|高饱和度|浓郁|亮丽",
    "muted": "muted|desaturated|faded|low saturation|subdued|soft colors|soft colours|"
    "柔和|素色|素雅|低饱和|低饱和度|褪色|淡雅",
    "pastel": "pastel|pastels|pale|马卡龙|马卡龙色|粉彩|粉嫩|淡色|浅淡",
    "neon": "neon|fluorescent|霓虹|荧光|荧光色",
    "earthy": "earthy|earth tone|earth tones|大地色|大地色系",
    "colourful": "colorful|colourful|multicolored|multicoloured|multi colored|rainbow|"
    "多彩|五颜六色|色彩丰富|五彩|五彩缤纷|彩虹|缤纷|色彩斑斓",
    "coloured": "color picture|colour picture|color photo|colour photo|in color|in colour|full color|full colour|"
    "彩色|彩图|彩色照片",
    "warm": "warm|warm colors|warm colours|warm tone|warm tones|暖色|暖色调|暖色系|暖调|温暖|暖",
    "cool": "cool|cold|cool colors|cool colours|cool tone|cool tones|冷色|冷色调|冷色系|冷调|冷",
    "monochrome": "black and white|black & white|black n white|b & w|bw|b w|"
    "grayscale|greyscale|gray scale|grey scale|黑白|灰度|黑白色",
    "one-hued": "monochrome|monochromatic|single color|single colour|单色|单色调",
    "sepia": "sepia|sepia tone|sepia toned|棕褐色调|怀旧|怀旧色|怀旧泛黄|泛黄|老照片|复古色",
    "blurry": "blurry|blurred|blur|out of focus|unsharp|unfocused|soft focus|模糊|虚焦|失焦|不清楚|糊|对焦不准",
    "sharp": "sharp|crisp|in focus|well focused|清晰|锐利|清楚|锐",
    "soft behind": "bokeh|shallow depth of field|shallow focus|虚化|景深浅|浅景深|大光圈|散景",
    "busy": "busy|cluttered|crowded|chaotic|messy|complex|detailed|杂乱|凌乱|复杂|繁杂|繁复|拥挤|细节丰富",
    "empty": "minimal|minimalist|minimalistic|uncluttered|negative space|empty space|white space|empty|simple|clean|"
    "简洁|简约|极简|留白|空旷|干净|简单|大面积留白",
    "plain": "plain|solid|solid color|solid colour|uniform|纯色|素净|净色",
    "portrait": "portrait|portrait format|portrait orientation|vertical|upright|"
    "竖图|竖版|竖构图|竖屏|竖幅|竖拍|竖向|纵向|竖",
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
"""Of each quality of look_qualities all words for it."""
_AMBIGUOUS = (
    "dim|busy|crowded|complex|detailed|empty|simple|clean|plain|solid|uniform|wide|tall|large|big|huge|small|tiny|"
    "little|cool|cold|sharp|crisp|square|film|shot|pic|foggy|hazy|rainbow|text|"
    "大|小|竖|横|冷|暖|糊|锐|简单|干净|复杂|拥挤|温暖|清楚|怀旧|文字|彩虹"
)
"""Words that may be about what is shown ("small dog", 大海): looks only beside a word for picture or place, beside
another look, or alone."""
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
    "hue|hues|format|orientation|look|looking|style|是|为|呈|色|颜色|色调|一张|一个|一幅",
    "of": "的",
    "with": "with|has|having|有|带|而",
    "very": "very|really|extremely|super|too|so|strongly|highly|quite|很|非常|特别|极|极其|超|超级|太|十分|更|最",
    "slightly": "slightly|a bit|a little|a little bit|somewhat|rather|有点|有些|稍|稍微|略|略微|微|偏|一点",
    # Not about looks, though a word for a look is in them.
    "word": "red bull|white house|black sea|black friday|blue ray|blu ray|green card|gold medal|golden gate|"
    "golden retriever|polar bear|light house|light bulb|traffic light|dark web|no one|orange juice|"
    "白天|明天白|白菜|白领|白酒|白痴|空白|表白|黄昏|黄河|黄山|黄金周|黄瓜|黄鱼|黄鹂|黑板|黑客|黑暗料理|黑龙江|"
    "银行|银河|金融|金属|金鱼|青年|青春|青岛|青海|青蛙|青菜|灰尘|蓝牙|绿化|绿灯侠|红楼梦|红包|红利|网红|橙子|橘子|"
    "粉丝|粉末|米粉|面粉|紫禁城|紫菜|大学|大海|大家|大人|大象|大楼|大会|小学|小狗|小猫|小孩|小说|小时|小组|小米|"
    "小吃|小区|小镇|横滨|横店|图书|图书馆|地图|截图|深圳|深度|深夜|浓汤|淡水|暗示|亮相|底片|底部|"
    "无人机|无锡|非洲|非常规|不锈钢|别墅|有限|为什么|和平|和服|加油",
}
"""Of each role in the grammar the words that have it."""
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
    """Of _ROLES, or "colour", "tone", "quality"."""
    value: str = ""
    also: str = ""
    """The quality that a tone is where no colour follows."""
    ambiguous: bool = False


def _rows() -> Iterator[tuple[str, str, str]]:
    """Every phrase of the language with its role and value; of two that are the same the later one counts."""
    for role, row in _ROLES.items():
        for phrase in row.split("|"):
            yield phrase, role, ""
    for name, row in _QUALITY_WORDS.items():
        for phrase in row.split("|"):
            yield phrase, "quality", name
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
    """A stretch of Chinese as words of the language, longest first."""
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
"""Roles that mean nothing by themselves."""


@dataclass(frozen=True)
class _Item:
    """A word that joins, denies or places ("role"), or what is asked for ("look")."""

    role: str
    start: int
    end: int
    asked: Asked | None = None
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
            asked = Asked(name, tone, degree)
            items.append(_Item("look", words[first].start, word.end, asked, bare=at == first))
        at += 1
    return items


def _named(words: Sequence[_Word], at: int, plain: bool) -> str:
    """The colour or quality that the word asks for, or nothing."""
    word = words[at]
    if word.role == "colour":
        return word.value
    after = words[at + 1] if at + 1 < len(words) else None
    beside = after is not None and (after.role in ("background", "subject") or after.value in KIND_QUALITIES)
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
        forms = _same(asked[0].name)
    return Look(shown, forms, 1.0, asked, group.negated)


def _placed(asked: Asked, place: str) -> Asked:
    """What can be in that place is; of a shape or of sharpness there is only one."""
    has_place = asked.is_colour or (place == "background" and asked.name in BACKGROUND_QUALITIES)
    return replace(asked, place=place) if has_place else asked


def _same(name: str) -> tuple[str, ...]:
    """All words for a colour or a quality."""
    return COLOUR_WORDS[name] if name in COLOUR_WORDS else tuple(_QUALITY_WORDS[name].split("|"))


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
