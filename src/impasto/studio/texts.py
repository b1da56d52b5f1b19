"""All texts of the page in English and Chinese. The English descriptions of the settings come from the recipe."""

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "title": ("impasto studio", "impasto 画室"),
    "photo": ("Photo", "照片"),
    "style": ("Style", "风格"),
    "styles_hint": ("Choose one, or several to mix them", "选择一种；选择多种则混合"),
    "own_style": ("Your own style pictures", "自己的风格图片"),
    "style_crop": ("Style crop", "风格裁剪"),
    "crop_style": ("Use only a part of the style", "只用风格图片的一部分"),
    "crop_hint": (
        "Draw a frame on the picture, or type left, top, width, height in its pixels. "
        "Double-click the picture or leave the field empty to use all of it",
        "在图片上拖出一个框，或输入左、上、宽、高（像素）。双击图片或留空则用整张",
    ),
    "mix": ("Mix", "混合"),
    "mix_hint": ("How much the first style counts against the others", "第一种风格相对于其余风格的比重"),
    "strength": ("Strength", "强度"),
    "strength_hint": ("0 keeps the photo, 100 is the style alone", "0 保留照片，100 只剩风格"),
    "colors": ("Colors", "颜色"),
    "colors_hint": ("0 keeps the photo's colors, 100 takes the style's", "0 保留照片的颜色，100 采用风格的颜色"),
    "size": ("Size", "尺寸"),
    "size_hint": ("Long side in pixels; larger takes longer", "长边的像素数；越大越慢"),
    "paint": ("Paint", "开始绘制"),
    "more": ("More", "更多设置"),
    "preset": ("Preset", "预设"),
    "preset_hint": ("Starting values of the settings below", "下面各项设置的起点"),
    "empty": (
        "Choose a photo and a style, then press Paint. The picture grows here.",
        "请选择照片和风格，然后按“开始绘制”。画会在这里逐步出现。",
    ),
    "pause": ("Pause", "暂停"),
    "resume": ("Go on", "继续"),
    "stop": ("Stop", "停止"),
    "again": ("Another seed", "换种子重画"),
    "waiting": ("Waiting: {place} before you", "排队中：前面还有 {place} 位"),
    "next": ("Waiting: you are next", "排队中：下一位就是您"),
    "painting": (
        "Level {level} of {levels}, {width} × {height} · step {step} of {steps} · {left} left",
        "第 {level}/{levels} 级，{width} × {height} · 第 {step}/{steps} 步 · 剩余 {left}",
    ),
    "starting": ("Preparing the pictures…", "正在准备图片……"),
    "paused": ("Paused at step {step} of {steps}", "已暂停在第 {step}/{steps} 步"),
    "finished": ("Painted in {steps} steps", "已完成，共 {steps} 步"),
    "stopped": (
        "Stopped after {step} of {steps} steps; the picture is kept",
        "在第 {step}/{steps} 步停止；已画的部分已保留",
    ),
    "failed": ("This did not work: {message}", "没有成功：{message}"),
    "loss": ("Loss", "损失"),
    "compare_photo": ("Before and after", "前后对比"),
    "download_png": ("PNG, with its recipe", "PNG（内含配方）"),
    "download_jpeg": ("JPEG", "JPEG"),
    "download_tiff": ("TIFF, 16 bit", "TIFF，16 位"),
    "as_command": ("As a command", "作为命令"),
    "as_python": ("As Python", "作为 Python 代码"),
    "regions": ("Regions", "区域"),
    "regions_hint": (
        "Paint on the photo with the brush; each color is a region with its own style.",
        "用画笔在照片上涂抹；每种颜色是一个有自己风格的区域。",
    ),
    "region_red": ("Style of the red region", "红色区域的风格"),
    "region_green": ("Style of the green region", "绿色区域的风格"),
    "region_blue": ("Style of the blue region", "蓝色区域的风格"),
    "region_keep": ("keep the photo", "保留照片"),
    "region_none": ("no region", "不设区域"),
    "history": ("History", "历史"),
    "history_hint": (
        "Every painting is kept. Choose one to see it and its recipe.",
        "每幅画都会保留。选择一幅查看它和它的配方。",
    ),
    "history_head": ("**{name}** · {state} · {step} of {steps} steps", "**{name}** · {state} · 第 {step}/{steps} 步"),
    "state_waiting": ("waiting", "排队中"),
    "state_painting": ("being painted", "正在绘制"),
    "state_paused": ("paused", "已暂停"),
    "state_finished": ("finished", "已完成"),
    "state_stopped": ("stopped", "已停止"),
    "state_interrupted": ("interrupted", "已中断"),
    "state_failed": ("failed", "未成功"),
    "state_damaged": ("damaged", "已损坏"),
    "history_default": ("All settings have their default values.", "所有设置都是默认值。"),
    "load_settings": ("Use these settings", "采用这些设置"),
    "go_on": ("Go on painting", "继续绘制"),
    "delete": ("Delete", "删除"),
    "restore": ("Load the settings of a painted PNG", "从画好的 PNG 取回设置"),
    "delete_sure": (
        "Delete **{name}** and all its pictures? This cannot be undone.",
        "要删除 **{name}** 及其所有图片吗？删除后无法恢复。",
    ),
    "delete_yes": ("Yes, delete it", "确认删除"),
    "delete_no": ("Keep it", "保留"),
    "refresh": ("Refresh", "刷新"),
    "regions_lost": (
        "Some regions or masks of this painting were left out: the brush shows up to three regions, each painted by "
        "hand and with a built-in style.",
        "这幅画的部分区域或蒙版未能恢复：画笔最多显示三个手绘区域，且只能用内置风格。",
    ),
    "which": ("Paintings to compare", "要比较的画作"),
    "which_hint": ("Choose two to four; a fifth replaces the first", "选择两到四幅；再选第五幅则替换最先选的一幅"),
    "name": ("Your name (kept with the vote)", "您的名字（随投票保存）"),
    "vote_next": ("Show two", "显示两幅"),
    "compare": ("Compare", "比较"),
    "compare_none": (
        "Nothing has been painted yet. What you paint can be compared here.",
        "还没有画作。画好之后可以在这里比较。",
    ),
    "compare_one_more": ("Choose another one to compare it with.", "请再选一幅来比较。"),
    "zoom_hint": (
        "Zoom with the wheel, two fingers or + and −; move by dragging or with the arrow keys; double-click to zoom in "
        "or out.",
        "滚轮、双指或 + − 键缩放，拖动或方向键移动，双击放大或还原。",
    ),
    "compare_hint": (
        "Zoom with the wheel, two fingers or + and −; move by dragging or with the arrow keys; double-click to zoom in "
        "or out. All pictures move together.",
        "滚轮、双指或 + − 键缩放，拖动或方向键移动，双击放大或还原：所有图片一起动。",
    ),
    "more_differs": ("and {count} more", "另有 {count} 项不同"),
    "vote": ("Blind vote", "盲选"),
    "vote_hint": (
        "Two paintings of the same photo, without names: which is better? You see their names once the vote is saved.",
        "同一张照片的两幅画，不显示名称：哪一幅更好？投票会保存，之后才揭晓它们是什么。",
    ),
    "vote_left": ("A is better", "A 更好"),
    "vote_right": ("B is better", "B 更好"),
    "vote_skip": ("Neither", "都不选"),
    "vote_thanks": (
        "Saved: **{kept}** is better than **{other}**. Votes so far: {count}.",
        "已记录：选 **{kept}** 而不选 **{other}**。目前共 {count} 票。",
    ),
    "vote_skipped": ("Nothing was saved. Votes so far: {count}.", "没有记录。目前共 {count} 票。"),
    "vote_none": ("Paint the same photo with two different recipes first.", "请先用两种配方画同一张照片。"),
    "before": ("Before", "原图"),
    "after": ("After", "画作"),
    "before_hint": ("How much of the photo is shown", "原图显示多少"),
    "enlarge": ("Enlarge", "放大查看"),
    "close": ("Close", "关闭"),
    "none_chosen": ("Choose a photo and a style first.", "请先选择照片和风格。"),
    "nothing_again": ("Paint something first; then you can repeat it with another seed.", "请先画一幅，然后才能重画。"),
    "no_run_chosen": ("Choose a painting above first.", "请先在上面选择一幅画。"),
    "group_Picture": ("Picture", "图片"),
    "group_Style": ("Style", "风格"),
    "group_Content": ("Content", "内容"),
    "group_Color": ("Color", "颜色"),
    "group_Start": ("Start", "起点"),
    "group_Optimizer": ("Optimizer", "优化器"),
    "group_Schedule": ("Steps and levels", "步数与层级"),
    "group_Network": ("Network", "网络"),
    "group_Hardware": ("Hardware", "硬件"),
}
"""English and Chinese text of each key; names in braces are filled in by `translate`."""

SETTINGS_IN_CHINESE: Final[dict[str, tuple[str, str]]] = {
    "upscale": ("允许放大", "允许结果比照片更大。"),
    "style_scale": ("笔触大小", "每种风格一个数，或共用一个；2 表示把风格图片放大一倍来看；留空为 1。"),
    "style_rotation": ("风格旋转", "风格图片向左旋转的角度，每种风格一个数，或共用一个。"),
    "style_size": ("风格尺寸", "观察风格图片时的长边像素数；留空则与画布相同。"),
    "style_margin": ("风格边缘", "风格图片四边略去的比例（画框所在之处）；已裁剪的不再略去。"),
    "content_weight": ("内容权重", "照片内容的分量（论文中的 alpha）。"),
    "style_weight": ("风格权重", "风格的分量（论文中的 beta）。"),
    "tv_weight": ("平滑权重", "平滑的分量：相邻像素灰度差平方均值的权重。"),
    "low_frequency_weight": ("大色块权重", "大片颜色的分量：缩至 1/16 的图与换色照片之间距离的权重。"),
    "luminance_range_weight": ("明暗界限权重", "过曝与死黑之处的分量：超出风格自身明暗极限的灰度平方的权重。"),
    "content_layers": ("内容层", "内容损失所用的层；`名称` 平分权重 1，`名称=权重` 则明确指定。"),
    "content_losses": ("内容损失", "照片按什么比较：features、self_similarity、laplacian，各可带 `=权重`。"),
    "style_layers": ("风格层", "风格损失所用的层；`名称` 平分权重 1，`名称=权重` 则明确指定。"),
    "style_losses": (
        "风格损失",
        "gram、mean_std、wasserstein、sliced、histogram、nearest、relaxed_emd、gradient_energy，各带 `=权重`。",
    ),
    "coarse_content": ("粗层内容", "每粗一级，内容权重乘以此数，以保住照片的布局。"),
    "saliency_weight": ("主体保护", "features 损失在轮廓和主体上比别处多计多少；0 表示处处相同。"),
    "content_exponent": ("自适应", "内容权重随两图距离增长的程度（指数）；0 表示对所有图相同。"),
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
    "residual_detail": ("细节", "进入更细层级时，照片的细节有多少加入画布；可避免网格纹。"),
    "backbone": ("网络", "用来观察的网络。"),
    "weights": ("网络权重", "embedded（自带的）或 full（由 `impasto weights fetch` 取得的）。"),
    "pooling": ("池化", "网络如何缩小特征图：论文用 average，训练时用 max，或 l2。"),
    "padding": ("边界填充", "网络在边界之外看到什么；zeros（训练时如此）会画出边框。"),
    "smoothing": ("特征平滑", "对每层特征做 softmax；auto：在有残差或 inception 结构的网络及 AlexNet 中使用。"),
    "precision": ("精度", "第一层之后卷积的数字格式；auto 在硬件支持时用 bf16。"),
}
"""Chinese name and description of each setting that the page shows."""


def setting_title(name: str) -> str:
    """Return the English name of a setting.

    >>> setting_title("style_weight")
    'Style weight'
    """
    return name.replace("_", " ").capitalize()


_TEXT_KEYS: Final = {"color_strength": "colors", "style_mix": "mix"}
"""Keys of settings with their own widget, where the key is not the setting's name."""


def field_label(language: str, name: str) -> str:
    """Return the name of a setting as it stands inside a sentence.

    >>> field_label("en", "color_strength"), field_label("zh-CN", "seed"), field_label("zh-CN", "regions")
    ('colors', '种子', '区域')
    """
    if name not in SETTINGS_IN_CHINESE:
        return translate(language, _TEXT_KEYS.get(name, name)).lower()
    return SETTINGS_IN_CHINESE[name][0] if _is_chinese(language) else setting_title(name).lower()


def translations(descriptions: dict[str, str]) -> dict[str, dict[str, str]]:
    """Return all texts by language, as Gradio takes them.

    Args:
        descriptions: English description of each setting that the page shows.

    Returns:
        The texts of each language, with `field_NAME` and `help_NAME` for each setting.

    """
    english, chinese = ({key: pair[number] for key, pair in TEXTS.items()} for number in (0, 1))
    for name, description in descriptions.items():
        english |= {f"field_{name}": setting_title(name), f"help_{name}": description}
        title, sentence = SETTINGS_IN_CHINESE[name]
        chinese |= {f"field_{name}": title, f"help_{name}": sentence}
    return {"en": english, "zh": chinese, "zh-CN": chinese}


def translate(language: str, key: str, **values: object) -> str:
    """Return a text with its braces filled in; a language that begins with `zh` is Chinese, all others English."""
    return TEXTS[key][_is_chinese(language)].format(**values)


def _is_chinese(language: str) -> bool:
    return language.lower().startswith("zh")
