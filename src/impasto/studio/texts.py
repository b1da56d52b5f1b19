"""All texts of the page, in English and Chinese. Sentences about fields come from the recipe; here is their Chinese."""

from typing import Final

ENGLISH: Final[dict[str, str]] = {
    "title": "impasto studio",
    "photo": "Photo",
    "style": "Style",
    "styles_hint": "Choose one, or several to mix them",
    "own_style": "Your own style pictures",
    "crop_style": "Use only a part of the style",
    "crop_hint": "Drag a frame over the picture, or type left, top, width, height in its pixels. "
    "A double click, or an empty field: all of it",
    "mix": "Mix",
    "mix_hint": "How much the first style counts against the others",
    "strength": "Strength",
    "strength_hint": "0 keeps the photo, 100 is the style alone",
    "colors": "Colors",
    "colors_hint": "0 keeps the photo's colors, 100 takes the style's",
    "size": "Size",
    "size_hint": "Long side in pixels; larger takes longer",
    "paint": "Paint",
    "more": "More",
    "preset": "Preset",
    "preset_hint": "Where the settings below begin",
    "empty": "Choose a photo and a style, then press Paint. The picture grows here.",
    "pause": "Pause",
    "resume": "Go on",
    "stop": "Stop",
    "again": "Another seed",
    "waiting": "Waiting: {place} before you",
    "next": "Waiting: you are next",
    "painting": "Level {level} of {levels}, {width} × {height} · step {step} of {steps} · {left} left",
    "starting": "Looking at the pictures…",
    "paused": "Paused at step {step} of {steps}",
    "finished": "Painted in {steps} steps",
    "stopped": "Stopped after {step} of {steps} steps; what is there is kept",
    "failed": "This did not work: {message}",
    "loss": "Loss",
    "compare_photo": "Before and after",
    "download_png": "PNG (with the recipe inside)",
    "download_jpeg": "JPEG",
    "download_tiff": "TIFF, 16 bit",
    "as_command": "As a command",
    "as_python": "As Python",
    "regions": "Regions",
    "regions_hint": "Paint on the photo with the brush; each color is a region with a style of its own.",
    "region_red": "Style of the red region",
    "region_green": "Style of the green region",
    "region_blue": "Style of the blue region",
    "region_keep": "keep the photo",
    "region_none": "no region",
    "history": "History",
    "history_hint": "Every painting is kept. Choose one to see it and its recipe.",
    "load_settings": "Use these settings",
    "go_on": "Go on painting",
    "delete": "Delete",
    "restore": "Take the settings of a painted PNG",
    "delete_sure": "Delete **{name}** with all its pictures? It cannot be brought back.",
    "delete_yes": "Yes, delete it",
    "delete_no": "Keep it",
    "refresh": "Refresh",
    "own_again": "These settings are for style pictures of your own; add them again: {names}",
    "which": "Paintings to compare",
    "which_hint": "Choose two to four; a fifth takes the place of the first",
    "name": "Your name (kept with the vote)",
    "vote_next": "Show two",
    "compare": "Compare",
    "compare_none": "Nothing has been painted yet. What you paint can be compared here.",
    "compare_one_more": "Choose another one to compare it with.",
    "compare_hint": "Wheel, two fingers or + and − zoom, dragging and arrow keys move, a double click zooms in and "
    "out: all pictures move together.",
    "more_differs": "and {count} more",
    "vote": "Blind vote",
    "vote_hint": "Two paintings of the same photo, without names: which is better? The vote is kept; "
    "only then you are told what they were.",
    "vote_left": "A is better",
    "vote_right": "B is better",
    "vote_skip": "Neither",
    "vote_thanks": "Noted: **{kept}** rather than **{other}**. Votes so far: {count}.",
    "vote_skipped": "Nothing noted. Votes so far: {count}.",
    "vote_none": "Paint the same photo with two recipes first.",
    "before": "Before",
    "after": "After",
    "before_hint": "How much of the photo is shown",
    "enlarge": "Enlarge",
    "close": "Close",
    "none_chosen": "Choose a photo and a style first.",
    "nothing_again": "Paint something first; then it can be painted again.",
    "no_run_chosen": "Choose a painting above first.",
    "group_Picture": "Picture",
    "group_Style": "Style",
    "group_Balance": "Balance",
    "group_Color": "Color",
    "group_Start": "Start",
    "group_Optimizer": "Optimizer",
    "group_Levels": "Levels",
    "group_Network": "Network",
    "group_Hardware": "Hardware",
}
"""What the page says, by keys; names in braces are filled in."""

CHINESE: Final[dict[str, str]] = {
    "title": "impasto 画室",
    "photo": "照片",
    "style": "风格",
    "styles_hint": "选择一种；选择多种则混合",
    "own_style": "自己的风格图片",
    "crop_style": "只用风格图片的一部分",
    "crop_hint": "在图片上拖出一个框，或输入左、上、宽、高（像素）。双击图片或留空则用整张",
    "mix": "混合",
    "mix_hint": "第一种风格相对于其余风格的比重",
    "strength": "强度",
    "strength_hint": "0 保留照片，100 只剩风格",
    "colors": "颜色",
    "colors_hint": "0 保留照片的颜色，100 采用风格的颜色",
    "size": "尺寸",
    "size_hint": "长边的像素数；越大越慢",
    "paint": "开始绘制",
    "more": "更多设置",
    "preset": "预设",
    "preset_hint": "下面各项设置的起点",
    "empty": "请选择照片和风格，然后按“开始绘制”。画会在这里逐步出现。",
    "pause": "暂停",
    "resume": "继续",
    "stop": "停止",
    "again": "换种子重画",
    "waiting": "排队中：前面还有 {place} 位",
    "next": "排队中：下一位就是您",
    "painting": "第 {level}/{levels} 级，{width} × {height} · 第 {step}/{steps} 步 · 剩余 {left}",
    "starting": "正在观察图片……",
    "paused": "已暂停在第 {step}/{steps} 步",
    "finished": "已完成，共 {steps} 步",
    "stopped": "在第 {step}/{steps} 步停止；已画的部分已保留",
    "failed": "没有成功：{message}",
    "loss": "损失",
    "compare_photo": "前后对比",
    "download_png": "PNG（内含配方）",
    "download_jpeg": "JPEG",
    "download_tiff": "TIFF，16 位",
    "as_command": "作为命令",
    "as_python": "作为 Python 代码",
    "regions": "区域",
    "regions_hint": "用画笔在照片上涂抹；每种颜色是一个有自己风格的区域。",
    "region_red": "红色区域的风格",
    "region_green": "绿色区域的风格",
    "region_blue": "蓝色区域的风格",
    "region_keep": "保留照片",
    "region_none": "不设区域",
    "history": "历史",
    "history_hint": "每幅画都会保留。选择一幅查看它和它的配方。",
    "load_settings": "采用这些设置",
    "go_on": "继续绘制",
    "delete": "删除",
    "restore": "从画好的 PNG 取回设置",
    "delete_sure": "要删除 **{name}** 及其所有图片吗？删除后无法恢复。",
    "delete_yes": "确认删除",
    "delete_no": "保留",
    "refresh": "刷新",
    "own_again": "这些设置用到您自己的风格图片，请重新添加：{names}",
    "which": "要比较的画作",
    "which_hint": "选择两到四幅；再选则替换最先选的一幅",
    "name": "您的名字（随投票保存）",
    "vote_next": "出示两幅",
    "compare": "比较",
    "compare_none": "还没有画作。画好之后可以在这里比较。",
    "compare_one_more": "请再选一幅来比较。",
    "compare_hint": "滚轮、双指或 + − 键缩放，拖动或方向键移动，双击放大或还原：所有图片一起动。",
    "more_differs": "另有 {count} 项不同",
    "vote": "盲选",
    "vote_hint": "同一张照片的两幅画，不显示名称：哪一幅更好？投票会保存，之后才揭晓它们是什么。",
    "vote_left": "A 更好",
    "vote_right": "B 更好",
    "vote_skip": "都不选",
    "vote_thanks": "已记录：选 **{kept}** 而不选 **{other}**。目前共 {count} 票。",
    "vote_skipped": "没有记录。目前共 {count} 票。",
    "vote_none": "请先用两种配方画同一张照片。",
    "before": "原图",
    "after": "画作",
    "before_hint": "显示多少原图",
    "enlarge": "放大查看",
    "close": "关闭",
    "none_chosen": "请先选择照片和风格。",
    "nothing_again": "请先画一幅，然后才能重画。",
    "no_run_chosen": "请先在上面选择一幅画。",
    "group_Picture": "图片",
    "group_Style": "风格",
    "group_Balance": "平衡",
    "group_Color": "颜色",
    "group_Start": "起点",
    "group_Optimizer": "优化器",
    "group_Levels": "层级",
    "group_Network": "网络",
    "group_Hardware": "硬件",
}

FIELDS_IN_CHINESE: Final[dict[str, tuple[str, str]]] = {
    "upscale": ("允许放大", "允许结果比照片更大。"),
    "style_scale": ("笔触大小", "每种风格一个数，或共用一个；2 表示把风格图片放大一倍来看；留空为 1。"),
    "style_rotation": ("风格旋转", "风格图片向左旋转的角度，每种风格一个数，或共用一个。"),
    "style_size": ("风格尺寸", "观察风格图片时的长边像素数；留空则与画布相同。"),
    "style_margin": ("风格边缘", "风格图片四边略去的比例（画框所在之处）；已裁剪的不再略去。"),
    "content_weight": ("内容权重", "照片内容的分量（论文中的 alpha）。"),
    "style_weight": ("风格权重", "风格的分量（论文中的 beta）。"),
    "tv_weight": ("平滑权重", "平滑的分量：相邻像素灰度差平方均值的权重。"),
    "anchor_weight": ("大色块权重", "大片颜色的分量：缩至 1/16 的图与换色照片之间距离的权重。"),
    "gamut_weight": ("明暗界限权重", "过曝与死黑之处的分量：超出风格自身明暗极限的灰度平方的权重。"),
    "content_layers": ("内容层", "内容损失所用的层；`名称` 平分权重 1，`名称=权重` 则明确指定。"),
    "content_losses": ("内容损失", "照片按什么比较：features、self_similarity、laplacian，各可带 `=权重`。"),
    "style_layers": ("风格层", "风格损失所用的层；`名称` 平分权重 1，`名称=权重` 则明确指定。"),
    "style_losses": (
        "风格损失",
        "gram、mean_std、wasserstein、sliced、histogram、nearest、relaxed_emd、grain，各带 `=权重`。",
    ),
    "coarse_content": ("粗层内容", "每粗一级，内容权重乘以此数，以保住照片的布局。"),
    "rescue": ("主体保护", "features 损失在轮廓和主体上比别处多计多少；0 表示处处相同。"),
    "adapt": ("自适应", "内容权重随两图距离增长的程度（指数）；0 表示对所有图相同。"),
    "samples": ("采样数", "nearest、relaxed_emd 与 self_similarity 观察多少个位置；内存与时间随之增长。"),
    "directions": ("方向数", "sliced 损失在每层特征空间中沿多少个方向观察。"),
    "normalization": ("归一化", "各项的尺度：相对于目标、与尺寸无关的均值，或论文中的求和。"),
    "color": ("颜色来源", "采用风格的颜色；放回照片的颜色；先给风格换上照片的颜色；或只画亮度。"),
    "color_map": ("颜色映射", "match 如何给出颜色：两种线性映射，或逐通道直方图。"),
    "init": ("起始图", "从照片、换色照片、噪声或风格开始。"),
    "recolor": ("换色程度", "起始图从照片的颜色 (0) 走向风格的颜色 (1) 多远。"),
    "noise_std": ("噪声强度", "从噪声开始时噪声的标准差，以灰度计。"),
    "seed": ("种子", "一切随机都由它产生；同一种子在同一台机器上重复同一幅画。"),
    "steps": ("步数", "损失与梯度的计算次数，所有层级合计。"),
    "optimizer": ("优化器", "L-BFGS（带保护，每步计算一次）或 Adam。"),
    "canvas": ("画布类型", "box 使每个像素始终是颜色；free 允许越界（保存时截断）。"),
    "learning_rate": ("学习率", "Adam 的步长，以灰度计。"),
    "max_step": ("最大步长", "L-BFGS 的最长一步：整幅画布的均方根，以灰度计。"),
    "history": ("历史长度", "L-BFGS 用最近多少步来了解曲率。"),
    "plateau": ("平台判据", "20 步内损失下降不足此比例时提前结束该层级；0 表示从不。"),
    "keep_best": ("保留最佳", "交出最后一级中损失最低的画布，而不是最后的画布。"),
    "levels": ("层级数", "由粗到细依次绘制的尺寸个数；auto 总从约 64 像素开始。"),
    "level_ratio": ("层级比", "每一级的尺寸是前一级的多少倍。"),
    "coarse_steps": ("粗层步数", "每粗一级，步数乘以此数。"),
    "coarse_limit": ("粗层上限", "较粗的层级至多得到这么多步；其余归最细的一级。"),
    "detail": ("细节", "进入更细层级时，照片的细节有多少加入画布；可避免网格纹。"),
    "backbone": ("网络", "用来观察的网络。"),
    "weights": ("网络权重", "embedded（自带的）或 full（由 `impasto weights fetch` 取得的）。"),
    "pooling": ("池化", "网络如何缩小特征图：论文用 average，训练时用 max，或 l2。"),
    "padding": ("边界填充", "网络在边界之外看到什么；zeros（训练时如此）会画出边框。"),
    "smoothing": ("特征平滑", "对每层特征做 softmax；auto：在有残差或 inception 结构的网络及 AlexNet 中使用。"),
    "precision": ("精度", "第一层之后卷积的数字格式；auto 在硬件支持时用 bf16。"),
}
"""Name and sentence of every field that the page shows."""


def field_name(field: str) -> str:
    """Return how the page calls a field in English.

    >>> field_name("style_weight")
    'Style weight'
    """
    return field.replace("_", " ").capitalize()


_ON_TOP: Final[dict[str, str]] = {
    "strength": "strength",
    "color_strength": "colors",
    "size": "size",
    "style_mix": "mix",
}
"""Fields with a widget of their own, and the key of its name."""


def field_in(language: str, field: str) -> str:
    """Return how the page calls a field within a sentence.

    >>> field_in("en", "color_strength"), field_in("zh-CN", "seed"), field_in("zh-CN", "regions")
    ('colors', '种子', '区域')
    """
    chinese = language.lower().startswith("zh")
    key = _ON_TOP.get(field, field)
    if chinese and field in FIELDS_IN_CHINESE:
        return FIELDS_IN_CHINESE[field][0]
    if chinese:
        return CHINESE.get(key, field)
    return ENGLISH[key].lower() if field in _ON_TOP else field_name(field).lower()


def translations(fields: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return all texts by language, as Gradio takes them; `fields` are the English sentences of the fields."""
    english = ENGLISH | {f"field_{name}": field_name(name) for name in fields}
    english |= {f"help_{name}": sentence for name, sentence in fields.items()}
    chinese = CHINESE | {f"field_{name}": FIELDS_IN_CHINESE[name][0] for name in fields}
    chinese |= {f"help_{name}": FIELDS_IN_CHINESE[name][1] for name in fields}
    return {"en": english, "zh": chinese, "zh-CN": chinese}


def say(language: str, key: str, **values: object) -> str:
    """Return a text in a language (`zh...` is Chinese, everything else English), its braces filled in."""
    return (CHINESE if language.lower().startswith("zh") else ENGLISH)[key].format(**values)
