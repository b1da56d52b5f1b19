"""The look of the page: colors, fonts and edges, beside what stands in its style sheet."""

import gradio as gr


def theme() -> gr.themes.Base:
    """Return the look; fonts are the system's, so that none is fetched."""
    plain = ("system-ui", "-apple-system", "Segoe UI", "Noto Sans CJK SC", "sans-serif")
    soft = gr.themes.Soft(
        primary_hue="orange", neutral_hue="stone", font=plain, font_mono=("ui-monospace", "Consolas", "monospace")
    )
    label = {
        "background_fill": "transparent",
        "background_fill_dark": "transparent",
        "text_color": "*body_text_color",
        "text_color_dark": "*body_text_color",
        "text_weight": "600",
        "padding": "0",
    }
    titles = {f"block_title_{name}": value for name, value in label.items()}
    primary = {
        "button_primary_background_fill": "*primary_700",
        "button_primary_background_fill_hover": "*primary_800",
        "button_primary_background_fill_dark": "*primary_600",
        "button_primary_text_color": "white",
        "button_secondary_background_fill": "*neutral_100",
        "button_secondary_background_fill_hover": "*neutral_200",
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
    return soft.set(
        **titles,
        **primary,
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        block_label_text_color="*body_text_color",
        block_label_background_fill="*background_fill_secondary",
        block_label_background_fill_dark="*background_fill_secondary",
    )
