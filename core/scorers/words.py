"""How text of any script becomes words, and how far a name, a caption or a text is evidence of a query's."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, permutations, product

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA, Hamming

from core.scorers.dates import DATE, Date, agreement, cues, read_date

Floats = NDArray[np.float32]

# --- equal words are equal strings -------------------------------------------------------------------

# Traditional and simplified characters, in pairs: those that names and captions are full of, not all there are.
_TRADITIONAL = (
    "萬万與与專专業业東东絲丝兩两嚴严個个豐丰臨临為为麗丽舉举義义烏乌樂乐喬乔習习鄉乡書书買买亂乱爭争於于雲云亞亚產产畝亩親亲褻亵億亿僅仅從从侖仑倉仓儀仪們们價价眾众"
    "優优會会傘伞偉伟傳传傷伤倫伦偽伪體体餘余傭佣俠侠侶侣偵侦側侧僑侨債债傾倾償偿兒儿黨党蘭兰關关興兴養养獸兽內内岡冈冊册寫写軍军農农馮冯衝冲決决況况凍冻淨净涼凉減减"
    "湊凑幾几鳳凤憑凭凱凯擊击鑿凿劃划劉刘則则剛刚創创刪删別别劇剧勸劝辦办務务動动勵励勁劲勞劳勢势勝胜匯汇區区醫医華华協协單单賣卖盧卢衛卫廠厂廳厅歷历曆历壓压廁厕廈厦"
    "廚厨縣县參参雙双發发髮发變变敘叙葉叶號号嘆叹後后嚇吓嗎吗聽听啟启吳吴員员嗚呜詠咏響响啞哑喲哟喚唤圍围園园國国圖图圓圆聖圣場场壞坏塊块堅坚壇坛壩坝墳坟墜坠壘垒墊垫"
    "牆墙壯壮聲声殼壳處处備备復复複复夠够頭头誇夸夾夹奪夺奮奋獎奖奧奥婦妇媽妈嫵妩姍姗婁娄嬌娇孫孙學学寧宁寶宝實实寵宠審审憲宪宮宫寬宽賓宾寢寝對对尋寻導导壽寿將将爾尔"
    "塵尘層层屆届屬属嶼屿歲岁豈岂崗岗島岛嶺岭嶽岳峽峡巒峦鞏巩幣币帥帅師师帳帐簾帘幟帜帶带幫帮莊庄慶庆廬庐庫库應应廟庙龐庞廢废開开異异棄弃張张彌弥彎弯彈弹強强歸归當当"
    "錄录徹彻徑径憶忆憂忧懷怀態态憐怜總总戀恋懇恳惡恶惱恼悅悦懸悬驚惊懼惧慘惨慣惯慾欲戲戏戰战戶户撲扑執执擴扩掃扫揚扬擾扰撫抚搶抢護护報报擔担擬拟攏拢揀拣擁拥攔拦撥拨"
    "擇择掛挂揮挥擠挤據据換换捨舍掄抡攝摄擺摆搖摇攤摊敵敌數数齋斋鬥斗斬斩斷断無无舊旧時时曠旷晝昼顯显晉晋曬晒曉晓暈晕暉晖暫暂術术樸朴機机殺杀雜杂權权條条來来楊杨傑杰"
    "極极構构櫃柜檸柠標标棧栈棟栋欄栏樹树樣样橋桥檔档夢梦檢检樓楼檯台臺台颱台歐欧歡欢殘残毀毁畢毕氣气漢汉湯汤溝沟沒没淚泪澤泽潔洁灑洒淺浅漿浆濁浊測测濟济渾浑濃浓濤涛"
    "潤润漲涨淵渊漸渐漁渔溫温灣湾濕湿濱滨灘滩滿满濾滤潛潜瀾澜灝灏滅灭燈灯靈灵災灾爐炉點点煉炼爛烂燭烛煙烟煩烦燒烧燙烫熱热愛爱爺爷牽牵犧牺狀状獨独狹狭獅狮獄狱獵猎豬猪"
    "貓猫獻献瑪玛環环現现瑤瑶瓊琼甌瓯電电畫画暢畅療疗瘋疯癢痒皺皱盞盏鹽盐監监蓋盖盤盘瞞瞒睏困著着礦矿碼码磚砖礎础確确碩硕禮礼禪禅禍祸離离禿秃種种積积稱称穩稳窮穷竊窃"
    "窯窑窺窥竪竖豎竖競竞筆笔筍笋箏筝簡简籃篮籬篱籌筹類类糧粮緊紧糾纠紅红紀纪約约級级紗纱紋纹納纳紙纸純纯線线練练組组細细織织終终紹绍經经結结繪绘給给絕绝絡络統统繡绣"
    "綁绑繼继續续綠绿維维綿绵網网緒绪綵彩緣缘編编縫缝縮缩繩绳繽缤紡纺羅罗羨羡翹翘聯联職职聰聪腸肠膚肤腎肾腫肿脹胀脅胁膽胆臉脸腦脑腳脚臟脏艦舰艙舱藝艺節节蘇苏莖茎薦荐"
    "莢荚蓮莲獲获穫获螢萤營营蕭萧蔥葱藍蓝藥药薔蔷蘋苹蘆芦蟲虫雖虽蝦虾螞蚂蠶蚕蠟蜡補补襯衬襪袜裝装裡里裏里褲裤見见觀观規规視视覽览覺觉觸触計计訂订認认討讨讓让訓训議议"
    "訊讯記记講讲許许論论設设訪访證证評评詞词譯译試试詩诗誠诚話话誕诞詳详語语誤误說说請请諸诸讀读課课誰谁調调談谈謝谢識识譜谱貝贝負负財财貢贡貨货販贩貴贵費费賀贺資资"
    "賽赛贊赞贈赠趙赵趕赶躍跃踐践車车軌轨轉转輪轮軟软輕轻載载輛辆輝辉輸输達达遷迁過过邁迈運运還还這这進进遠远違违連连遲迟適适選选遺遗遼辽鄧邓鄭郑鄰邻醬酱釀酿採采釋释"
    "鑒鉴針针釣钓鈔钞鋼钢鐘钟鍾钟鈴铃鉛铅銀银銅铜鐵铁鑽钻錢钱鍵键鍋锅錶表鏡镜鏈链鎖锁鎮镇鑰钥長长門门閃闪閉闭問问間间悶闷閒闲閱阅闊阔隊队陽阳陰阴陣阵階阶際际陸陆陳陈"
    "險险隨随隱隐難难雞鸡霧雾黴霉靜静麵面韓韩頁页頂顶項项順顺須须預预領领頸颈頻频題题顏颜額额風风飄飘飛飞飯饭飲饮飾饰飽饱餅饼餓饿館馆饋馈馬马駕驾駝驼驢驴駱骆騎骑騙骗"
    "驗验鬆松鬚须鬧闹魚鱼魯鲁鮮鲜鯊鲨鯨鲸鱷鳄鳥鸟鳴鸣鴨鸭鴿鸽鵝鹅鶴鹤鷹鹰鸚鹦鵡鹉隻只櫻樱廣广週周製制範范麥麦黃黄齊齐齒齿龍龙龜龟邊边豔艳艷艳飢饥顆颗瑩莹榮荣軒轩熒荧"
    "頌颂籠笼鋒锋錦锦鑄铸鋁铝閣阁雛雏鷗鸥鴛鸳鴦鸯鵲鹊駒驹駿骏騾骡鯉鲤鱗鳞鴉鸦蠅蝇蟻蚁蟬蝉犢犊鏽锈幀帧綢绸緞缎絨绒纜缆櫥橱槳桨樁桩槍枪柵栅轎轿軸轴擋挡蕩荡蒼苍燦灿熾炽"
    "煥焕燼烬燴烩轟轰鴻鸿壺壶滬沪漣涟渦涡濰潍紛纷絢绚疊叠墾垦壟垄呂吕堯尧嶄崭妝妆粧妆嬰婴嬸婶娛娱孿孪鵑鹃萊莱蘿萝棗枣粵粤閩闽韋韦纏缠攪搅攬揽攜携邏逻罷罢質质賞赏貧贫"
    "贏赢賬账購购賺赚銷销鑼锣鑲镶鐮镰釘钉鉤钩鈕钮鏟铲錘锤鋸锯錨锚饒饶饅馒餃饺餡馅飼饲齡龄顫颤顧顾頓顿頑顽頰颊虛虚蝕蚀蝸蜗襖袄襲袭診诊詢询謎谜諧谐誼谊譽誉誘诱謂谓謀谋"
    "趨趋蹤踪較较輯辑辭辞郵邮鋪铺閘闸聞闻闖闯閨闺緩缓績绩繞绕蔭荫蔣蒋厭厌廂厢卻却嗆呛嘯啸噴喷團团驕骄驅驱駐驻罵骂鴕鸵鵬鹏損损撿捡摟搂擲掷肅肃膠胶脫脱艱艰蕪芜葦苇荊荆"
    "窩窝簽签籤签篩筛箋笺簍篓纖纤綱纲縱纵紐纽綜综紳绅絹绢盜盗硯砚礙碍禱祷祿禄稅税皚皑獺獭猶犹滯滞滾滚濺溅滲渗湧涌滄沧瀉泻潑泼澆浇塗涂氈毡殲歼橫横陝陕薩萨諾诺"
)
# Letters that have no decomposition in Unicode, though people leave out the stroke.
_STROKES = {"đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ł": "l", "ø": "o", "æ": "ae", "œ": "oe", "þ": "th", "ŧ": "t"}
_ZEROS = "\u0660\u06f0\u0966\u09e6\u0e50\u0ed0\u1040\u17e0"  # Arabic, Persian, Devanagari, Bengali, Thai, Lao, ...
_SAME_CHARACTERS: dict[str, str] = (
    dict(zip(_TRADITIONAL[::2], _TRADITIONAL[1::2], strict=True))
    | _STROKES
    | {chr(ord(zero) + digit): str(digit) for zero in _ZEROS for digit in range(10)}
    | {chr(katakana): chr(katakana - 0x60) for katakana in range(0x30A1, 0x30F7)}
)
# Ten times as fast as str.translate where nothing is to be replaced.
_REPLACED = re.compile(f"[{''.join(_SAME_CHARACTERS)}]")
# Latin, Greek and Cyrillic accents; Hebrew and Arabic vowel points, the tatweel; what chooses an emoji's style.
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05bd\u05bf-\u05c2\u05c4-\u05c7\u0640\u064b-\u065f\u0670\ufe00-\ufe0f]+")


def fold(text: str) -> str:
    """The text without differences of case, width, accent and character form, so that equal words are equal strings.

    Traditional Chinese becomes simplified (by a table of common characters), katakana hiragana, digits ASCII.
    """
    if text.isascii():
        return text.lower()
    # Composed again after the marks are gone: Hangul's parts and the kana's voicing are letters, not accents.
    bare = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFKD", text)).casefold())
    return _REPLACED.sub(lambda match: _SAME_CHARACTERS[match.group()], bare)


# --- words -------------------------------------------------------------------------------------------

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = "\u3040-\u30ff"
# Scripts written without spaces between words: a run of them is kept whole, and shorter words are looked for in it.
_RUNS = rf"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff{_KANA}{_HAN}"
# Each is a word of its own: people end names with them, "beach🏖️".
_SYMBOLS = "\u2600-\u27bf\U0001f000-\U0001f3fa\U0001f400-\U0001faff"
# Said by what ends a word, since Python's \w leaves out the vowel signs of many scripts.
_BREAKS = (
    r"\s\x00-/:-@\[-`{-\xa9\xab-\xb4\xb6-\xb9\xbb-\xbf\xd7\xf7\u060c\u061b\u061f\u0964\u0965\u2000-\u206f\u2190-\u25ff"
    r"\u27c0-\u2bff\u3000-\u3004\u3008-\u303f\ud800-\udfff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff"
)
_LETTER = rf"[^{_BREAKS}\d{_RUNS}{_SYMBOLS}]"
# What English writes after an apostrophe is no word: Anna's, don't, I'll.
_CONTRACTED = rf"(?<=[a-zA-Z]['’‘`])(?i:s|t|m|d|ll|re|ve)(?!{_LETTER})"
_WORD = re.compile(rf"\d+|[{_RUNS}]+|[{_SYMBOLS}]|(?!{_CONTRACTED}){_LETTER}+")
_RUN_START = re.compile(f"[{_RUNS}]")
_SYLLABLE = re.compile(f"[가-힣{_HAN}]")


def words(text: str) -> list[str]:
    """The folded words of a text in their order; a run of a script without spaces is one word, so is an emoji."""
    return _WORD.findall(fold(text))


def is_run(word: str) -> bool:
    """Whether the word is of a script without spaces, so that shorter words may lie inside it."""
    return _RUN_START.match(word) is not None


def _words_and_dates(text: str, word: re.Pattern[str] = _WORD) -> Iterable[re.Match[str]]:
    """The words of a text in their order, a date being one; its match's pattern tells it from a word."""
    at = 0
    for date in DATE.finditer(text):
        yield from word.finditer(text, at, date.start())
        yield date
        at = date.end()
    yield from word.finditer(text, at)


# --- what is kept of a text --------------------------------------------------------------------------


def kept_words(text: str, limit: int) -> bytes:
    """What is kept of a caption or a text: its distinct folded words as UTF-8, of the first as many as fit.

    At most `limit` bytes, words apart by a space, none cut in half; of a run that does not fit its beginning is kept.
    A date stays together as one word, with hyphens in place of its spaces: "may-1st,-2023".
    """
    # A book repeats its words: enough of it is read to fill the limit, not all of it.
    window = text[: 16 * limit]
    found = [match.group().replace(" ", "-") for match in _words_and_dates(fold(window))]
    if len(window) < len(text) and len(found) > 1 and not is_run(found[-1]):
        found.pop()  # cut by the window's end
    kept: dict[bytes, None] = {}
    room = limit
    for word in dict.fromkeys(found):
        encoded = word.encode("utf-8", "ignore")
        if len(encoded) > room and is_run(word):
            encoded = encoded[: max(room, 0)].decode("utf-8", "ignore").encode()
        if 0 < len(encoded) <= room and encoded not in kept:
            kept[encoded] = None
            room -= len(encoded) + 1
    return b" ".join(kept)


# --- forms of a word ---------------------------------------------------------------------------------

_PLURALS = (
    "men:man women:woman children:child feet:foot teeth:tooth geese:goose mice:mouse oxen:ox leaves:leaf wolves:wolf "
    "shelves:shelf loaves:loaf halves:half calves:calf thieves:thief knives:knife wives:wife lenses:lens buses:bus "
    "gases:gas"
)
_IRREGULAR_PLURALS = {plural: one for plural, _, one in (pair.partition(":") for pair in _PLURALS.split())}
_PLURAL_ENDINGS = tuple(_IRREGULAR_PLURALS)
_IRREGULAR_PLURAL = re.compile(f"(?:{'|'.join(_IRREGULAR_PLURALS)})$")
_FORMS = (
    "lens:lens series:series species:species ran:run swam:swim flew:fly drew:draw drawn:draw wrote:write written:write "
    "sang:sing rode:ride drove:drive slept:sleep built:build"
)
_IRREGULAR = {form: base for form, _, base in (pair.partition(":") for pair in _FORMS.split())}
_BRITISH = re.compile(
    "(?<=[a-z]{2})(?:our(?=$|s$|e?d$|ing|ful|less|ite|hood|able|y$)|[bt]re(?=s?$))|^grey"
    "|(?<=[a-z]{3})[iy]s(?=e$|es$|ed$|ing$|ation)"
)
_AMERICAN = {"our": "or", "bre": "ber", "tre": "ter", "grey": "gray", "is": "iz", "ys": "yz"}
# One vowel between consonants, as a word of one syllable has before an e that changes its sound: hik-e, bak-e, us-e.
_SHORT = re.compile("[^aeiou]*[aeiouy][^aeiouwxy]")
_VOWELS = re.compile("[aeiouy]+")
_CYRILLIC_ENDING = re.compile("(?<=[а-я]{3})(?:[ая]ми|[оеая]м|[ая]х|[аеиоуыьэюя]{1,2})$")
_KOREAN_PARTICLE = re.compile("(?<=[가-힣]{2})(?:에서|으로|까지|부터|에게|[을를은는이가의에와과도])$")
_ARABIC_ARTICLE = re.compile("^(?:[وفبك]?ال|لل)(?=[\u0620-\u06ff]{3})")


def stem(word: str) -> str:
    """What a folded word has in common with its plural, its -ing and -ed forms and its other spelling.

    Only for comparing with other stems: it need not be a word. Deliberately mild: care stays apart from car, string
    from str. English, with the most frequent endings of Russian, particles of Korean and articles of Arabic; other
    languages' words keep their endings (see Finder for what that costs). Numbers lose their leading zeros.
    """
    if word[:1].isdigit():
        return word.lstrip("0") or "0"
    if not word.isascii():
        for affix in (_CYRILLIC_ENDING, _KOREAN_PARTICLE, _ARABIC_ARTICLE):
            word = affix.sub("", word)
        return word
    if not word.isalpha():
        return word
    word = _IRREGULAR.get(word) or _singular(_BRITISH.sub(lambda match: _AMERICAN[match.group()], word))
    for ending in ("ing", "ed"):
        base = word.removesuffix(ending)
        if base != word and len(base) > 1 and _VOWELS.search(base) and base[-1] != "e":
            return _without_y(base[:-1] + "y" if ending == "ed" and base[-1] == "i" else _of_verb(base))
    return _without_y(_without_e(word))


def _singular(word: str) -> str:
    if word.endswith(_PLURAL_ENDINGS):  # also women, snowmen and bookshelves
        return _IRREGULAR_PLURAL.sub(lambda plural: _IRREGULAR_PLURALS[plural.group()], word)
    if len(word) <= 3 or word[-1] != "s" or word[-2] in "su":
        return word.removesuffix("x") if word.endswith("eaux") else word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("xes", "ches", "shes", "sses", "zzes")) else word[:-1]


def _of_verb(base: str) -> str:
    """The stem of what is left of a verb without its -ing or -ed: hik gives hike, hopp hop, danc stays."""
    if base[-1] == base[-2] and base[-1] not in "aeiou":
        # A long word doubles its l in Britain only; fall, pass and buzz end so by themselves.
        keeps = base[-1] in "lsz" and len(_VOWELS.findall(base)) < 2
        return base if keeps else base[:-1]
    return base + "e" if _SHORT.fullmatch(base) else base


def _without_e(word: str) -> str:
    """The word without a last e that its -ing form lacks too, unless it tells short words apart: plan, plane."""
    base = word.removesuffix("e")
    if len(word) < 4 or base == word or base[-1] in "aeiou" or _SHORT.fullmatch(base):
        return word
    return base


def _without_y(word: str) -> str:
    return word[:-1] if len(word) > 2 and word[-1] == "y" and word[-2] not in "aeiou" else word


# --- what a query asks for ---------------------------------------------------------------------------

_LITTLE = (
    # English
    "a an and any are as at be been by can could did do does every find for from get give had has have i in into is it "
    "its like look looking me my need of on one or our please search see show some something somewhere than that the "
    "their them there these this those to us want was we were what when where which who whose will with would you your "
    "containing depicting featuring showing "
    # German, French, Spanish, Russian, Korean
    "der das dem den ein eine einen einem einer und oder mit von vom zum zur im auf bei zeig zeige mir suche "
    "le la les un une du des et ou avec dans sur au aux l d montre moi cherche el los las del y con en una por "
    "и в на с со из у к о по для мне покажи найди 보여줘 찾아줘 있는 그리고"
)
_LITTLE_WORDS = frozenset(fold(_LITTLE).split())
_MEDIA_OF = re.compile(
    r"\b(?:picture|photo|photograph|image|pic|shot|video|clip|film|movie|file|document)s?"
    r"(?=\s+(?:of|with|from|where|showing|containing|featuring|depicting|in which)\b)",
    re.IGNORECASE,
)
_GENERIC = (
    "picture photo photograph image pic shot img imgs dsc dscn pict vid video clip movie film file document text "
    "screenshot scan download upload export backup copy version edit edited original final draft new old "
    "untitled unnamed temp tmp test misc other various stuff thing day time year month week today good nice best great "
    "very really big small full part page foto fotos bild bilder fichier imagen фото снимок 사진 이미지 영상"
)
_GENERIC_WORDS = frozenset(map(stem, fold(_GENERIC).split()))
_GENERIC_RUNS = fold(
    "照片|图片|相片|图像|影像|视频|影片|短片|录像|文件|文档|副本|截图|截屏|新建|未命名|写真|画像|動画|ภาพถ่าย|รูปภาพ"
)
# Words that begin or end like a little one.
_WHOLE_RUNS = fold(
    "目的|的士|酒吧|网吧|吧台|和平|和谐|和服|和尚|和风|温和|共和|参与|与会|现在|正在|存在|所在|内在|在线|了解|为了|了望"
)
_HAVING = "有(?![趣名机轨限])"
_JAPANESE_PARTICLES = "のをにがはでとへも"
_RUN_PARTS = re.compile(
    rf"(?P<whole>{_WHOLE_RUNS})|(?P<little>"
    rf"的(?:{_GENERIC_RUNS}|图)(?![{_HAN}])"
    r"|^(?:请|麻烦|帮忙|帮我|给我|替我|我们?想要?|我们?要|想要?)+(?:[找搜查](?:一下|找|出|到|索)?|寻找|看看?|显示|来)?"
    rf"(?:{_HAVING})?|^(?:找(?:一下|出|到)?|搜索?|查找|寻找|显示)(?:{_HAVING})?|^{_HAVING}"
    r"|[一二两三四五六七八九十几这那每][张个只幅段些条座辆朵棵片组位](?!人)|所有|[的了吗呢吧和与在]"
    rf"|(?<=[{_HAN}{_KANA}])の(?={_GENERIC_RUNS})|を?(?:见せて|探して)(?:ください|下さい)?"
    rf"|(?<=[{_HAN}])[{_JAPANESE_PARTICLES}](?=[{_HAN}])"
    rf")|(?P<generic>{_GENERIC_RUNS})"
)
# What is called X5, 4K or v2 is asked for as a whole: an x here and a 5 there are no sign of it.
_MODEL = rf"(?<!{_LETTER})(?<!\d)(?:[a-zA-Z]{{1,2}}\d{{1,4}}|\d{{1,4}}[a-zA-Z]{{1,2}})(?!\d)(?!{_LETTER})"
_ASKED = re.compile(rf"(?P<model>{_MODEL})|{_WORD.pattern}")
_MOST_WORDS = 32
_MOST_CHARACTERS = 4096
_LONGEST_RUN = 32


@dataclass(frozen=True)
class Word:
    """One meaningful word of a query."""

    text: str
    """As the person typed it, but for width and other differences that Unicode calls compatible."""
    forms: tuple[str, ...]
    """Phrases of which any counts; of a phrase all words must be found, in any order."""
    weight: float
    """0.2..1.5: how much it tells. About 1 for an ordinary word."""


def asked_words(text: str, *, or_little: bool = True) -> tuple[Word, ...]:
    """The meaningful words of a query's text in their order, each once; if none is, all of its words (`or_little`).

    Little words and the ways to ask ("show me pictures of", "请帮我找一张…的照片") are left out. At most 32
    words of the first 4,096 characters.

    No statistics of a folder, so that a file's score depends on that file alone: a word is taken to be the rarer the
    longer it is. The weight is 0.5 + 0.1 a letter, 0.6 to 1.5 (a Han or Hangul character counts as three letters);
    a quarter more for one typed with a capital that does not begin the query, most likely a name; of numbers 0.3 a
    digit; of what half of all files are called (photo, img, new, final, 照片) a third. A date ("May 1st, 2023",
    2023年5月) is one word, and weighs 0.9 for a month of any year, 1.2 for a year or a day of any year, else 1.5. What
    one or two letters and a number make up (X5, 4K) is one word too, and weighs what they do together.
    """
    # The lone accent is what many type for an apostrophe.
    text = unicodedata.normalize("NFKC", text[:_MOST_CHARACTERS].replace("´", "'"))
    text = _MEDIA_OF.sub(" ", text)
    little: list[Word] = []
    asked: list[Word] = []
    for match in _words_and_dates(text, _ASKED):
        typed = match.group()
        if match.re is DATE:
            asked.append(Word(typed, (typed,), _date_weight(match)))
            continue
        if match["model"]:
            weight = sum(_weight(word, named=False, generic=False) for word in words(typed))
            asked.append(Word(typed, (typed,), min(1.5, weight)))
            continue
        named = match.start() > 0 and typed[0].isupper()
        for shown, word, kind in _parts(typed):
            weight = _weight(word, named=named, generic=kind == "generic")
            (little if kind == "little" else asked).append(Word(shown, (shown,), weight))
    distinct: dict[str, Word] = {}
    for one in asked or (little if or_little else []):
        distinct.setdefault(" ".join(map(stem, words(one.text))), one)
    return tuple(distinct.values())[:_MOST_WORDS]


def _parts(typed: str) -> Iterable[tuple[str, str, str]]:
    """What a word as typed asks for: as typed, folded, and whether it is "little", "generic" or neither, ""."""
    for folded in words(typed):
        shown = typed if len(folded) == len(typed) else folded
        if not is_run(folded):
            little = folded in _LITTLE_WORDS
            yield shown, folded, "little" if little else "generic" if stem(folded) in _GENERIC_WORDS else ""
            continue
        start = 0
        for match in _RUN_PARTS.finditer(folded):
            if match.lastgroup != "whole":
                yield from _plain_runs(shown, folded, start, match.start())
                start = match.end()
                yield shown[match.start() : start], match.group(), match.lastgroup or ""
        yield from _plain_runs(shown, folded, start, len(folded))


def _plain_runs(shown: str, folded: str, start: int, end: int) -> Iterable[tuple[str, str, str]]:
    for at in range(start, end, _LONGEST_RUN):
        stop = min(end, at + _LONGEST_RUN)
        yield shown[at:stop], folded[at:stop], ""


def _weight(word: str, *, named: bool, generic: bool) -> float:
    if word.isdecimal():
        return min(1.5, 0.3 * len(word))
    weight = min(1.5, max(0.6, 0.5 + 0.1 * _letters(word))) * (1.25 if named else 1.0)
    return min(1.5, weight) / 3 if generic else min(1.5, weight)


def _date_weight(date: re.Match[str]) -> float:
    said = {name[0] for name, text in date.groupdict().items() if text}
    return min(1.5, 0.3 * max(3, 4 * ("y" in said) + 2 * ("m" in said) + 2 * ("d" in said)))


def _letters(word: str) -> int:
    """The length of a word in letters, a Han or Hangul character being three."""
    return len(word) if word.isascii() else len(word) + 2 * len(_SYLLABLE.findall(word))


# --- finding a query's words -------------------------------------------------------------------------

_ERROR, _ERROR_OR_ANOTHER_WORD, _TWO_ERRORS, _COMPOUND = 0.75, 0.5, 0.6, 0.6
_WRITTEN_APART = 0.75
_RUN_IN_PARTS = 0.9
_FOLDER = 0.9
# What a longer word may end with and still be the word: German, Dutch, Scandinavian and French plurals and cases.
_ENDINGS = frozenset({"e", "n", "en", "er", "es", "em", "ern", "et", "s", "ne"})
_LOWER, _UPPER = "a-zà-öø-ÿа-яё", "A-ZÀ-ÖØ-ÞА-ЯЁ"
_CAMEL = re.compile(f"(?<=[{_LOWER}])(?=[{_UPPER}])|(?<=[{_UPPER}])(?=[{_UPPER}][{_LOWER}])")
_TWO_HAN = re.compile(f"[{_HAN}]{{2}}")
# A stretch without ASCII's digits and breaks is cut fast, and looked at closely only the first time it is met.
_BETWEEN_STRETCHES = re.compile(r"[\x00-&(-@\[-_{-\x7f]+")  # not the apostrophes of don't
_BLOCK = 8192
_MOST_COMPOUNDED = 8
_MOST_REMEMBERED = 2**18


@dataclass(frozen=True)
class _Sought:
    """One word of a form, by the columns of what is looked for."""

    column: int
    parts: tuple[tuple[int, range], ...] = ()
    """Of a run: the column of each part, and which of the run's characters it is."""
    length: int = 0


@dataclass(frozen=True)
class _Spelled:
    """A word of letters that may be found misspelled or inside another."""

    column: int
    word: str
    root: str


class Finder:
    """Finds a query's words in many names or texts: how far each is evidence of each word, 0..1.

    1 for the word itself and its forms (see `stem`), also written together with another of the query's words. 0.75
    with a typing error in a word of five letters or more (a letter too many, too few, another, or two exchanged), but
    0.5 where it is as often another word: with another letter, or one too many or too few, where neither word has more
    than six (horse, house; strand, stand). 0.6 with two errors in eight letters or more, and for a word of four letters
    or more that a longer one begins or ends with (book in bookshelf, Sonne in Sonnenuntergang). 0.5 for two letters in
    one another's place in a word of seven (bycicle). 0.75 written apart, sun flower for sunflower. Numbers must be
    equal. The figures are set by hand; what matters is their order.

    A date is found however it is written: 1 where what is said lies in what is asked for, as a day does in its month
    and its year; 0.4 for each part that is asked for and not said, as the day is if only the month is. A number that
    is part of a date is no other number: 12 does not find a December.

    Of a run of a script without spaces, which is several words: 1 if it is found whole, else 0.9 times the share of
    its characters that lie in parts found: pairs of Han, threes of kana, fours of Thai and its like, since shorter
    parts are found by chance.

    A text's evidence depends on that text and the query alone, never on other texts.
    """

    def __init__(self, asked: Sequence[Word]) -> None:
        self._columns: dict[str, int] = {}
        self._dates: list[tuple[Date, int]] = []
        self._spelled: dict[str, list[_Spelled]] = {}
        self._forms = [[form for phrase in word.forms if (form := self._form(phrase))] for word in asked]
        self._runs = [(run, column) for run, column in self._columns.items() if is_run(run)]
        self._equal: dict[str, tuple[int, ...]] = {
            root: (column,) for root, column in self._columns.items() if not (is_run(root) or " " in root)
        }
        long = [
            each for each in chain.from_iterable(self._spelled.values()) if len(each.word) >= 6 and len(each.root) > 3
        ]
        self._beginnings = tuple({each.root[:3] for each in long})
        self._in_two = re.compile("|".join({_pattern_in_two(each): None for each in long}))
        self._add_compounds(asked[:_MOST_COMPOUNDED])
        spelled = list(dict.fromkeys(chain.from_iterable(self._spelled.values())))
        self._by_ending = [each for each in spelled if _letters(each.root) >= 4]
        self._endings = tuple(each.root for each in self._by_ending)
        self._numbers = [root for root in self._equal if root.isascii() and root.isdigit()]
        self._number = re.compile(rf"(?<!\d)0*(?:{'|'.join(self._numbers)})(?!\d)")
        # Only a text with one of these is worth a look for dates.
        self._cues = tuple({*self._numbers, *chain.from_iterable(cues(date) for date, _ in self._dates)})
        # Few different rows of evidence come up, however many words: a stretch leads to one, 0 being no evidence.
        self._remembered: dict[str, int] = {}
        self._row_numbers: dict[frozenset[tuple[int, float]], int] = {}
        self._rows = np.zeros((1, len(self._columns)), np.float32)

    def in_texts(self, texts: Sequence[str]) -> Floats:
        """Evidence that each text, as `kept_words` keeps it, holds each word. Shape (texts, words)."""
        blocks = (texts[start : start + _BLOCK] for start in range(0, len(texts), _BLOCK))
        evidence = (self._evidence([[*text.split(), *self._apart(text)] for text in block]) for block in blocks)
        return self._in_blocks(len(texts), evidence)

    def in_names(self, names: Sequence[str]) -> Floats:
        """Evidence that each name, a path relative to the folder asked about, holds each word. Shape (names, words).

        Words written LikeThis count too. What only a folder above the file is called counts 0.9 of what the file's own
        name does, which says it of this file alone. The file's extension counts for nothing.
        """
        blocks = (names[start : start + _BLOCK] for start in range(0, len(names), _BLOCK))
        return self._in_blocks(len(names), map(self._name_evidence, blocks))

    def _in_blocks(self, count: int, blocks: Iterable[Floats]) -> Floats:
        found = np.zeros((count, len(self._forms)), np.float32)
        start = 0
        for evidence in blocks:
            # Most names say nothing; only the others are worth a look at the query's forms.
            telling = np.flatnonzero(evidence.any(axis=1))
            if len(telling):
                found[start + telling] = self._by_word(evidence[telling])
            start += len(evidence)
        return found

    def _name_evidence(self, names: Sequence[str]) -> Floats:
        paths = [name.replace("\\", "/").rpartition("/") for name in names]
        folders = {folder: number for number, folder in enumerate(dict.fromkeys(path[0] for path in paths))}
        evidence = self._evidence([self._cut(_without_extension(path[2])) for path in paths])
        of_folders = self._evidence([self._cut(folder) for folder in folders]) * np.float32(_FOLDER)
        if of_folders.any():
            np.maximum(evidence, of_folders[[folders[path[0]] for path in paths]], out=evidence)
        return evidence

    def _cut(self, name: str) -> list[str]:
        """A name's stretches and dates, and of its numbers those asked for: every file may have a number of its own."""
        lowered = name.lower()
        apart = self._apart(lowered)
        if not self._is_cued(lowered):
            return _BETWEEN_STRETCHES.split(name) + apart
        dates = [date.group() for date in DATE.finditer(name)]
        rest = DATE.sub(" ", name) if dates else name
        numbers = self._number.findall(rest) if self._numbers else []
        return _BETWEEN_STRETCHES.split(rest) + dates + numbers + apart

    def _is_cued(self, text: str) -> bool:
        for cue in self._cues:  # noqa: SIM110 - any() takes longer to set up than to search
            if cue in text:
                return True
        return False

    def _apart(self, text: str) -> list[str]:
        """The words asked for that a text has in two parts, with a space between them."""
        for beginning in self._beginnings:
            if beginning in text:
                return [found.replace("_", " ").replace("-", " ") for found in self._in_two.findall(text)]
        return []

    def _evidence(self, texts: Sequence[Sequence[str]]) -> Floats:
        """The best evidence among each text's stretches for each column. Shape (texts, columns)."""
        flat = list(chain.from_iterable(texts))
        if len(self._remembered) > _MOST_REMEMBERED:
            self._remembered.clear()
        new = list(set(flat).difference(self._remembered))
        # Folded as one text, since there may be thousands; no stretch holds a line break.
        for stretch, folded in zip(new, fold("\n".join(new)).split("\n") if new else [], strict=True):
            self._remembered[stretch] = self._row_number(stretch, folded)
        evidence = np.zeros((len(texts), len(self._columns)), np.float32)
        rows = np.fromiter(map(self._remembered.__getitem__, flat), np.intp, len(flat))
        hits = np.flatnonzero(rows)
        if len(hits):
            owners = np.repeat(np.arange(len(texts)), np.fromiter(map(len, texts), np.intp, len(texts)))[hits]
            firsts = np.flatnonzero(np.diff(owners, prepend=-1))
            evidence[owners[firsts]] = np.maximum.reduceat(self._rows[rows[hits]], firsts, axis=0)
        return evidence

    def _row_number(self, stretch: str, folded: str) -> int:
        """The number of the row that says how far a stretch of text is evidence for each column."""
        found: dict[int, float] = {}
        if self._is_cued(folded):
            for match in _words_and_dates(folded):
                if match.re is DATE:
                    self._compare_date(match, found)
                else:
                    self._compare(match.group(), found)
        else:
            for word in _WORD.findall(folded):
                self._compare(word, found)
        if " " in folded:
            for column in self._equal.get(stem(folded.replace(" ", "")), ()):
                found[column] = max(_WRITTEN_APART, found.get(column, 0))
        if not stretch.islower() and _CAMEL.search(stretch):
            for word in words(_CAMEL.sub(" ", stretch)):
                self._compare(word, found)
        if not found:
            return 0
        number = self._row_numbers.setdefault(frozenset(found.items()), len(self._rows))
        if number == len(self._rows):
            row = np.zeros(len(self._columns), np.float32)
            row[list(found)] = list(found.values())
            self._rows = np.vstack([self._rows, row])
        return number

    def _compare(self, word: str, found: dict[int, float]) -> None:
        """Note for which columns a folded word is evidence, unless better is known."""
        if is_run(word):
            found.update((column, 1.0) for run, column in self._runs if run in word)
            return
        root = stem(word)
        found.update((column, 1.0) for column in self._equal.get(root, ()))
        likely = [(each.column, _alike(each, word, root)) for each in self._spelled.get(word[0], ())]
        if root.endswith(self._endings):
            likely += [
                (each.column, _COMPOUND)
                for each in self._by_ending
                if root.endswith(each.root) and _letters(root) - _letters(each.root) >= 3
            ]
        for column, evidence in likely:
            if evidence > found.get(column, 0):
                found[column] = evidence

    def _compare_date(self, match: re.Match[str], found: dict[int, float]) -> None:
        """Note for which columns a date in folded text is evidence, unless better is known."""
        for said, (asked, column) in product(read_date(match), self._dates):
            evidence = agreement(asked, said)
            if evidence > found.get(column, 0):
                found[column] = evidence
        for word in _WORD.findall(match.group()):
            if not word[0].isdigit():
                self._compare(word, found)

    def _by_word(self, evidence: Floats) -> Floats:
        """From evidence for columns to evidence for words. Shape (texts, words)."""
        found = np.zeros((len(evidence), len(self._forms)), np.float32)
        for word, forms in enumerate(self._forms):
            for form in forms:
                held = np.ones(len(evidence), np.float32)
                for sought in form:
                    np.minimum(held, _held(sought, evidence), out=held)
                np.maximum(found[:, word], held, out=found[:, word])
        return found

    def _form(self, phrase: str) -> tuple[_Sought, ...]:
        """What must be found for a phrase, little words left out if there are others."""
        said = list(_words_and_dates(fold(phrase)))
        telling = [match for match in said if match.group() not in _LITTLE_WORDS]
        return tuple(
            self._sought_date(match) if match.re is DATE else self._sought(match.group()) for match in telling or said
        )

    def _sought_date(self, match: re.Match[str]) -> _Sought:
        """A date, and as a word too if it is one: 2024, July, 五月."""
        telling = [word for word in _WORD.findall(match.group()) if word not in _LITTLE_WORDS]
        sought = self._sought(telling[0]) if len(telling) == 1 else _Sought(self._column(f"date {match.group()}"))
        self._dates += [(date, sought.column) for date in read_date(match)]
        return sought

    def _sought(self, word: str) -> _Sought:
        if is_run(word):
            parts = tuple((self._column(word[part.start : part.stop]), part) for part in _parts_of_run(word))
            return _Sought(self._column(word), parts, len(word))
        root = stem(word)
        sought = _Sought(self._column(root))
        if self._is_spelled(word):
            spelled = _Spelled(sought.column, word, root)
            for letter in set(word[:2]):  # the second may come first by mistake
                self._spelled.setdefault(letter, []).append(spelled)
        return sought

    @staticmethod
    def _is_spelled(word: str) -> bool:
        return not (is_run(word) or word[0].isdigit())

    def _column(self, text: str) -> int:
        return self._columns.setdefault(text, len(self._columns))

    def _add_compounds(self, asked: Sequence[Word]) -> None:
        """Two words of the query are also found written as one: red car in redcar."""
        said = [[words(form) for form in word.forms] for word in asked]
        spelled = [[form[0] for form in forms if len(form) == 1 and self._is_spelled(form[0])] for forms in said]
        for first, second in chain.from_iterable(product(*two) for two in permutations(spelled, 2)):
            columns = {self._columns[stem(first)], self._columns[stem(second)]}
            together = first + stem(second)
            self._equal[together] = tuple(columns.union(self._equal.get(together, ())))


def _pattern_in_two(sought: _Spelled) -> str:
    """A pattern for a word, and its forms, in two parts of three letters or more."""
    root = sought.root
    beginning = f"{root[:3]}(?<!{_LETTER}{root[:3]})"  # searched faster than if it began with what must not be before
    parts = "|".join(f"{root[3:at]}[ _-]{root[at:]}" for at in range(3, min(len(sought.word) - 2, len(root))))
    return f"{beginning}(?:{parts}){_LETTER}*"


def _without_extension(name: str) -> str:
    before, dot, _ = name.rpartition(".")
    return before if dot else name


def _parts_of_run(run: str) -> Iterable[range]:
    """Where the parts of a run begin and end that are long enough not to be found by chance."""
    for start in range(len(run)):
        size = 2 if _TWO_HAN.match(run, start) else 3 if run[start] > "\u3000" else 4
        if start + size <= len(run):
            yield range(start, start + size)


def _held(sought: _Sought, evidence: Floats) -> Floats:
    found = evidence[:, sought.column]
    if not sought.parts:
        return found
    characters = np.zeros((sought.length, len(evidence)), np.float32)
    for column, part in sought.parts:
        for character in part:
            np.maximum(characters[character], evidence[:, column], out=characters[character])
    total = np.zeros(len(evidence), np.float32)
    for each in characters:  # summed one by one: the same to the last bit in any company
        total += each
    np.maximum(total * np.float32(_RUN_IN_PARTS / sought.length), found, out=total)
    return total


def _alike(asked: _Spelled, word: str, root: str) -> float:
    """How far another word is the one asked for with a typing error, or begins with it."""
    evidence = max(_mistyped(mine, other) for mine, other in {(asked.word, word), (asked.root, root)})
    for beginning in (asked.word, asked.root):
        if _letters(beginning) >= 4 and word.startswith(beginning):
            rest = word[len(beginning) :]
            if rest in _ENDINGS or _letters(rest) >= 3:
                return max(evidence, _COMPOUND)
    return evidence


def _mistyped(asked: str, word: str) -> float:
    shorter = min(len(asked), len(word))
    allowed = 2 if shorter >= 7 else 1 if len(asked) >= 5 else 0
    if abs(len(asked) - len(word)) > allowed or not (word[0] == asked[0] or word[:2] == asked[1::-1]):
        return 0
    errors = OSA.distance(asked, word, score_cutoff=allowed)
    if not 0 < errors <= allowed:
        return 0
    if errors == 2 and shorter < 8:
        return _ERROR_OR_ANOTHER_WORD if _exchanged(asked, word) else 0
    if errors == 2:
        return _TWO_ERRORS
    exchanged = sorted(asked) == sorted(word)
    return _ERROR_OR_ANOTHER_WORD if not exchanged and max(len(asked), len(word)) <= 6 else _ERROR


def _exchanged(asked: str, word: str) -> bool:
    """Whether two letters stand in one another's place: bycicle."""
    return len(asked) == len(word) and sorted(asked) == sorted(word) and Hamming.distance(asked, word) == 2
