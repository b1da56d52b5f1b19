"""The fields of a recipe by what they are about."""

from typing import Final

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "Picture": ("size", "upscale", "max_megapixels"),
    "Style": ("style_mix", "style_scale", "style_rotation", "style_size", "style_crop", "style_margin", "regions"),
    "Balance": (
        "strength",
        "content_weight",
        "style_weight",
        "tv_weight",
        "anchor_weight",
        "gamut_weight",
        "content_layers",
        "content_losses",
        "style_layers",
        "style_losses",
        "coarse_content",
        "rescue",
        "adapt",
        "samples",
        "directions",
        "normalization",
    ),
    "Color": ("color", "color_strength", "color_map"),
    "Start": ("init", "recolor", "noise_std", "seed"),
    "Optimizer": ("steps", "optimizer", "canvas", "learning_rate", "max_step", "history", "plateau", "keep_best"),
    "Levels": ("levels", "level_ratio", "coarse_steps", "coarse_limit", "detail"),
    "Network": ("backbone", "weights", "pooling", "padding", "smoothing"),
    "Snapshots": ("snapshots", "snapshot_every"),
    "Hardware": ("device", "precision", "threads"),
}
"""Under which heading a field stands, on the command line and in the studio."""
