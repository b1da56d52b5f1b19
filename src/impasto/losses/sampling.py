"""Hypercolumns: the features of all layers at random positions."""

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from impasto.backbones import average, full_precision, total


def sample_positions(h: int, w: int, count: int, generator: torch.Generator) -> Float[Tensor, "n 2"]:
    """Draw at most `count` places in a picture of h x w, as (across, down) in [0, 1], fp32, on the generator's device.

    One place at random in each cell of a grid with square cells (jittered sampling, Cook 1986): every part of the
    picture is seen, and no pattern of the grid is. There are never more cells than pixels; n is `count` rounded down to
    whole rows, which in a picture of a few very long rows may be little more than half.
    """
    across = min(max(1, round(math.sqrt(count * w / h))), w, count)
    down = min(count // across, h)
    jitter = torch.rand(down, across, 2, generator=generator, device=generator.device, dtype=torch.float32)
    columns = torch.arange(across, device=jitter.device).expand(down, across)
    rows = torch.arange(down, device=jitter.device)[:, None].expand(down, across)
    cells = torch.stack([columns, rows], dim=2)
    return ((cells + jitter) / cells.new_tensor([across, down])).flatten(0, 1)


def layer_scales(
    features: Mapping[str, Float[Tensor, "1 _c _h _w"]], mask: Float[Tensor, "1 1 _mh _mw"] | None = None
) -> dict[str, float]:
    """Return for every layer 1 / sqrt(mean |f|^2), so that scaled columns have a mean squared length of 1.

    Measured once, from the photo or from what a mask shows of the style, and passed to `hypercolumns`; 1 for a layer
    that is zero everywhere.
    """

    def mean(squares: Float[Tensor, "1 h w"]) -> Tensor:
        weights = (
            None if mask is None else functional.adaptive_avg_pool2d(mask, (squares.shape[1], squares.shape[2]))[0]
        )
        return average(squares) if weights is None else total(squares * weights) / total(weights)

    lengths = {name: mean(full_precision(maps).square().sum(dim=1)).sqrt().item() for name, maps in features.items()}
    return {name: 1 / length if length > 0 else 1.0 for name, length in lengths.items()}


def hypercolumns(
    features: Mapping[str, Float[Tensor, "1 _c _h _w"]],
    positions: Float[Tensor, "n 2"],
    *,
    scales: Mapping[str, float],
) -> Float[Tensor, "n c_total"]:
    """Return the features of all layers at each place, side by side in the order of `features` (Hariharan et al. 2015).

    `positions` are (across, down) in [0, 1] from border to border of the picture; maps are read by bilinear
    interpolation and go on as they are beyond the centers of their outermost cells. Each layer is multiplied by its
    entry of `scales` (`layer_scales`). 4 n c operations.
    """
    return torch.cat([_interpolate(maps, positions) * scales[name] for name, maps in features.items()], dim=1)


def _interpolate(features: Float[Tensor, "1 c h w"], positions: Float[Tensor, "n 2"]) -> Float[Tensor, "n c"]:
    """Read a map at some places. Four gathered rows: grid_sample would first copy the whole map to fp32."""
    h, w = features.shape[2:]
    corners = corners_of(h, w, positions, features)
    return weighted_rows(features, corners.rows * w + corners.columns, corners.shares)


class Corners(NamedTuple):
    """The four cells between which each place lies, and their shares of it."""

    rows: Int[Tensor, "4 n"]
    columns: Int[Tensor, "4 n"]
    shares: Float[Tensor, "4 n"]


def corners_of(h: int, w: int, positions: Float[Tensor, "n 2"], like: Tensor) -> Corners:
    """Return the cells of a map of h x w whose bilinear interpolation is the map at some places."""
    x, x_share = _cells(positions[:, 0], w, like)
    y, y_share = _cells(positions[:, 1], h, like)
    right, below = (x + 1).clamp(max=w - 1), (y + 1).clamp(max=h - 1)
    shares = [(1 - y_share) * (1 - x_share), (1 - y_share) * x_share, y_share * (1 - x_share), y_share * x_share]
    return Corners(torch.stack([y, y, below, below]), torch.stack([x, right, x, right]), torch.stack(shares))


def weighted_rows(
    features: Float[Tensor, "1 c _h _w"], cells: Int[Tensor, "4 n"], shares: Float[Tensor, "4 n"]
) -> Float[Tensor, "n c"]:
    """Return for every place the weighted sum of the features in its cells, in fp32 or better."""
    chosen = features.squeeze(0).permute(1, 2, 0).flatten(0, 1).index_select(0, cells.flatten())
    rows = full_precision(chosen)
    weighted = rows * shares.flatten().to(rows)[:, None]
    return weighted.reshape(4, cells.shape[1], features.shape[1]).sum(dim=0)


def _cells(places: Float[Tensor, "n"], cells: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cell whose center is before each place in [0, 1], and how far beyond it the place lies, in [0, 1]."""
    at = (places.to(like.device) * cells - 0.5).clamp(0, cells - 1)
    cell = at.floor()
    return cell.long(), at - cell
