"""How the page looks: warm greys, one orange, and the fonts of whoever looks, so that none is fetched."""

from typing import Final

import gradio as gr

_FONTS: Final = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "sans-serif")
_FIXED_FONTS: Final = ("ui-monospace", "Consolas", "monospace")

_TITLES: Final = {
    "background_fill": "transparent",
    "background_fill_dark": "transparent",
    "text_color": "*body_text_color",
    "text_color_dark": "*body_text_color",
    "text_weight": "600",
    "padding": "0",
}

_CONTROLS: Final = {
    "button_primary_background_fill": "*primary_700",
    "button_primary_background_fill_hover": "*primary_800",
    "button_primary_background_fill_dark": "*primary_600",
    "button_primary_text_color": "white",
    "button_secondary_background_fill": "*neutral_100",
    "button_secondary_background_fill_hover": "*neutral_200",
    "button_secondary_background_fill_hover_dark": "*neutral_600",
    "button_secondary_border_color": "*neutral_300",
    "button_border_width": "1px",
    "input_border_width": "1px",
    "input_border_color": "*neutral_400",
    "input_border_color_dark": "*neutral_500",
    "checkbox_border_color": "*neutral_500",
    "checkbox_border_color_dark": "*neutral_400",
    "slider_color": "*primary_600",
    "color_accent": "*primary_600",
}

_TEXTS: Final = {
    "body_text_color_subdued": "*neutral_600",
    "body_text_color_subdued_dark": "*neutral_300",
    "block_info_text_color": "*neutral_600",
    "block_info_text_color_dark": "*neutral_300",
    "block_label_text_color": "*body_text_color",
    "block_label_background_fill": "*background_fill_secondary",
    "block_label_background_fill_dark": "*background_fill_secondary",
}

_BLOCKS: Final = {
    "body_background_fill": "*neutral_50",
    "block_background_fill": "white",
    "block_border_width": "1px",
    "block_border_color": "*neutral_200",
    "block_border_color_dark": "*neutral_700",
    "block_shadow": "none",
}


def theme() -> gr.themes.Base:
    """Return the look of the page."""
    plain = gr.themes.Soft(primary_hue="orange", neutral_hue="stone", font=_FONTS, font_mono=_FIXED_FONTS)
    titles = {f"block_title_{name}": value for name, value in _TITLES.items()}
    return plain.set(**titles, **_CONTROLS, **_TEXTS, **_BLOCKS)
