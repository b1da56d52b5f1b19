"""Style losses between sets of features: nearest neighbors, and the relaxed earth mover's distance."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from impasto.backbones import average, bf16_matmul, full_precision, total
from impasto.losses.autograd import with_gradient
from impasto.losses.base import TINY, StyleLoss
from impasto.losses.regions import PositionWeights, select
from impasto.losses.sliced import CHUNK, row_chunks
from impasto.losses.statistics import Positions, Statistic
from impasto.networks import find_network
from impasto.recipe import LossSettings, Recipe

_FAINT = 1e-3
"""The direction of a vector shorter than this share of the root mean square is ignored as noise."""


def nearest_neighbor_loss(features: Float[Tensor, "1 c h w"], style_vectors: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
    """Compare every feature with the style's nearest: the mean of 1 - cos (Kolkin et al. 2022, NNST).

    Cosines are those of features minus the style's mean; the loss is 0 if every feature occurs in the style.
    The gradient does not flow through the choice. Style vectors are a sample.

    n m c multiplications. Keeps one gradient of the features' size in fp32.
    """
    flat = full_precision(features).squeeze(0).flatten(1)
    style = style_vectors.detach().to(flat)
    center = style.mean(dim=0)
    faint = faint_length(style - center)
    units = unit_vectors(style - center, faint)
    with torch.no_grad():
        value, gradient = flat.new_zeros(()), torch.zeros_like(flat)
        for columns in row_chunks(flat.shape[1], CHUNK // len(units)):
            moved = flat[:, columns] - center[:, None]
            length = torch.linalg.vector_norm(moved, dim=0)
            moved /= length.clamp(min=faint)
            with bf16_matmul(features):
                # Maxima over neighbors in memory are found four times as fast.
                cosine, nearest = (moved.T @ units.T).max(dim=1)
            value += total(1 - cosine)
            # A faint vector is divided by a constant, so its length has no part in the gradient.
            along = moved * (cosine * (length > faint))
            gradient[:, columns] = (along - units[nearest].T) / length.clamp(min=faint)
    n = flat.shape[1]
    return with_gradient(value / n, flat, gradient.div_(n))


def relaxed_emd_loss(canvas_vectors: Float[Tensor, "n c"], style_vectors: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
    """Return the relaxed earth mover's distance of two sets of vectors (Kolkin et al. 2019, STROTSS).

    max(mean_i min_j C_ij, mean_j min_i C_ij) with C the cosine distance: everything on the canvas has its like in the
    style, and everything in the style has its like on the canvas. The gradient does not flow through the choices.

    n m c multiplications. Keeps n + m vectors.
    """
    style = style_vectors.detach().to(canvas_vectors)
    faint = faint_length(style)
    canvas, style = unit_vectors(canvas_vectors, faint), unit_vectors(style, faint)
    in_style, on_canvas = _nearest_both_ways(canvas.detach(), style)
    there = 1 - average((canvas * style[in_style]).sum(dim=1))
    back = 1 - average((canvas[on_canvas] * style).sum(dim=1))
    return torch.maximum(there, back)


def _nearest_both_ways(a: Float[Tensor, "n c"], b: Float[Tensor, "m c"]) -> tuple[Int[Tensor, "n"], Int[Tensor, "m"]]:
    """Return for every row of `a` the row of `b` with the largest product, and for every row of `b` that of `a`."""
    to_b, to_a = [], torch.zeros(len(b), dtype=torch.long, device=b.device)
    best = b.new_full((len(b),), -torch.inf)
    for rows in row_chunks(len(a), CHUNK // len(b)):
        products = a[rows] @ b.T
        to_b.append(products.argmax(dim=1))
        highest, where = products.max(dim=0)
        to_a = torch.where(highest > best, where + rows.start, to_a)
        best = torch.maximum(best, highest)
    return torch.cat(to_b), to_a


def unit_vectors(vectors: Float[Tensor, "n c"], faint: Float[Tensor, ""]) -> Float[Tensor, "n c"]:
    """Divide vectors by their lengths, those shorter than `faint` by `faint`: finite for zeros, gradient included."""
    lengths: Tensor = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / lengths.clamp(min=faint)


def faint_length(vectors: Float[Tensor, "n c"]) -> Float[Tensor, ""]:
    """Return the length below which a vector's direction means nothing: a thousandth of the root mean square."""
    return _FAINT * (average(vectors.square().sum(dim=1)) + TINY).sqrt()


class NearestLoss(StyleLoss):
    """Nearest neighbors in each layer, by default in the network's `nearest_layers`, unless a recipe states its own."""

    is_mean = True

    def __init__(self, recipe: Recipe, settings: LossSettings) -> None:
        network = find_network(recipe.network.backbone)
        usual = settings.layers is None and recipe.style.layers == dict(network.style_layers)
        if usual and network.nearest_layers and self.inputs == "layer":
            settings = settings.model_copy(update={"layers": network.nearest_layers})
        super().__init__(recipe, settings)

    def measure(self, maps: Float[Tensor, "1 c h w"], weights: PositionWeights | None = None) -> Positions:
        """Return the features at all positions, or at those of a region."""
        return Positions(maps if weights is None else select(maps, weights.members))

    def prepare(self, target: Positions, canvas: Statistic, generator: torch.Generator) -> Float[Tensor, "m c"]:
        """Return a sample of the style's features."""
        return target.sample(self.samples, generator)

    def loss(self, statistic: Positions, target: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
        """Compare every feature with its nearest neighbor."""
        return nearest_neighbor_loss(statistic.features, target)


class RelaxedEMDLoss(NearestLoss):
    """Relaxed earth mover's distance of hypercolumns at random places."""

    inputs = "hypercolumns"
    is_mean = False

    def loss(self, statistic: Positions, target: Float[Tensor, "m c"]) -> Float[Tensor, ""]:
        """Compare the two sets of hypercolumns."""
        return relaxed_emd_loss(full_precision(statistic.rows), target)
