"""Learning one style: the losses of the optimizer, minimized over the weights of a network instead of over pixels."""

import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn
from torch.nn import functional

from impasto.backbones import FeatureExtractor
from impasto.images import crop, fit, resize, resize_mask
from impasto.instant.network import STYLE_SIZE, OneStyleTransformer
from impasto.instant.weights import InstantNetworks
from impasto.losses import (
    EncodedImage,
    Objective,
    RegionTarget,
    difference_weights,
    gradient_energy,
    gradient_energy_loss,
    measure_style,
    regional_gradient_energy,
    total_of,
)
from impasto.recipe import Recipe

CROPS: Final = ((0.0, 128), (0.6, 192), (0.85, 256))
"""From which share of the steps on crops of photos have which side in pixels.

Small ones first: at the beginning many steps count more than what one of them shows.
"""
_LEARNING_RATE: Final = 2e-3
_WARM_UP: Final = 20
"""Steps after which the learning rate is full; from there it falls as a cosine."""
_LAST_RATE: Final = 0.02
_BETAS: Final = (0.9, 0.99)
_LONGEST_GRADIENT: Final = 3.0
_KEPT: Final = 0.98
"""How much of the averaged weights, which are those of the result, is kept from step to step."""
_LARGEST_SCALE: Final = 2.5
"""How much longer than a crop the short side of a photo may be: places of it are even then, as skies are."""
_GRID_WEIGHT: Final = 200.0
_COARSE_WEIGHT: Final = 20.0
_COARSE: Final = (2, 4)
"""Factors by which pictures are reduced to compare their gradient energy with the style's. Without that a network may
learn ruled lines of another color, some pixels apart, which VGG takes for the style."""
_PERIOD: Final = 4
"""The maps of the network are doubled twice: what could repeat does so every four pixels."""


def grid_energy(picture: Float[Tensor, "1 3 h w"]) -> Float[Tensor, ""]:
    """Return how much the differences of neighbors depend on their place in a grid of four pixels.

    The mean, down and across, of (1/2 ln(e_k / e))^2, with e_k the mean squared difference at the columns (or rows) k,
    k + 4, k + 8 ... in squared gray levels, and e the mean of the four.
    """
    found = []
    for dim in (2, 3):
        steps = (255.0 * picture.diff(dim=dim)).square().mean(dim=(0, 1, 5 - dim))
        energies = torch.stack([steps[phase::_PERIOD].mean() for phase in range(_PERIOD)]) + 1.0
        found.append(((energies / energies.mean()).log() / 2).square().mean())
    return torch.stack(found).mean()


def learning_recipe(recipe: Recipe) -> Recipe:
    """Return a recipe for learning: a crop is compared with the whole style, and not place by place."""
    return recipe.with_changes(style_matching=0.0, saliency_weight=0.0, method="optimize")


class Learner:
    """Tunes a network for one style, step by step, each with another crop of a photo.

    The same arguments give the same weights with the same number of threads, also if learning was interrupted.

    Args:
        networks: What learning starts from.
        extractor: The network that compares pictures.
        recipe: Weights and losses, see `learning_recipe`.
        style: The style image, RGB in [0, 1], in the size that its strokes shall have.
        mask: Which part of the style image is used, 0 to 1; None: all of it.
        photos: Photos, RGB in 8 bits, which is a quarter of the memory of floats.
        steps: How many steps the learning rate falls over.
    """

    def __init__(
        self,
        networks: InstantNetworks,
        extractor: FeatureExtractor,
        recipe: Recipe,
        *,
        style: Float[np.ndarray, "h w 3"],
        photos: Sequence[UInt8[np.ndarray, "_h _w 3"]],
        mask: Float[np.ndarray, "h w"] | None = None,
        steps: int,
    ) -> None:
        self.steps = steps
        self.step = 0
        self._seed = recipe.start.seed
        self._photos = photos
        self._device = extractor.device
        self._network = OneStyleTransformer()
        self._network.start_from(networks.transformer, _numbers_of(networks, style, mask), self._seed)
        self._network.to(self._device)
        self.network = deepcopy(self._network).requires_grad_(False)
        """The network with averaged weights: the result."""
        self._optimizer = torch.optim.Adam(self._network.parameters(), lr=_LEARNING_RATE, betas=_BETAS)
        with torch.no_grad():
            used = None if mask is None else _tensor(mask[..., None]).to(self._device)
            image = _tensor(style).to(self._device)
            target = measure_style(EncodedImage.of(extractor, image, used), recipe)
            self._energies = [_coarse_energy(image, used, factor) for factor in _COARSE]
        self._objectives: dict[int, Objective] = {}

        def objective(size: int) -> Objective:
            blank = torch.full((1, 3, size, size), 0.5, device=self._device)
            return Objective(
                extractor, recipe, content=blank, regions=[RegionTarget([target])], low_frequency_target=blank
            )

        self._make_objective = objective

    def _objective(self, size: int) -> Objective:
        """Return the loss of crops of a size; that of another one is dropped."""
        if size not in self._objectives:
            self._objectives = {size: self._make_objective(size)}
        return self._objectives[size]

    def advance(self) -> dict[str, float]:
        """Learn from one crop and return the terms of the loss."""
        random = np.random.default_rng([self._seed, self.step])
        size = crop_size(self.step, self.steps)
        objective = self._objective(size)
        chosen = self._photos[int(random.integers(len(self._photos)))]
        photo = _tensor(random_crop(chosen / np.float32(255), random, size)).to(self._device)
        for group in self._optimizer.param_groups:
            group["lr"] = _LEARNING_RATE * _rate(self.step, self.steps)
        objective.compare_with(photo)
        painted = self._network(photo, seed=int(random.integers(2**31)))
        terms = objective.terms(painted) | {"grid": _GRID_WEIGHT * grid_energy(painted)}
        coarse = [
            gradient_energy_loss(gradient_energy(functional.avg_pool2d(painted, factor)), energy)
            for factor, energy in zip(_COARSE, self._energies, strict=True)
        ]
        terms["coarse"] = _COARSE_WEIGHT * torch.stack(coarse).mean()
        self._optimizer.zero_grad()
        total_of(terms).backward()
        nn.utils.clip_grad_norm_(self._network.parameters(), _LONGEST_GRADIENT)
        self._optimizer.step()
        self.step += 1
        kept = min(_KEPT, self.step / (self.step + 9))
        with torch.no_grad():
            for average, current in zip(self.network.parameters(), self._network.parameters(), strict=True):
                average.lerp_(current, 1 - kept)
        return {name: float(term.detach()) for name, term in terms.items()}

    @torch.no_grad()
    def paint(self, photo: Float[np.ndarray, "h w 3"]) -> Float[np.ndarray, "h w 3"]:
        """Return a photo as the network paints it now."""
        painted: Tensor = self.network(_tensor(photo).to(self._device), self._seed)
        return painted[0].permute(1, 2, 0).cpu().numpy()

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return a state from which `load_state` continues."""
        tensors = {f"average.{name}": value for name, value in self.network.state_dict().items()}
        for number, (name, value) in enumerate(self._network.state_dict().items()):
            moments = self._optimizer.state_dict()["state"].get(number, {})
            tensors[f"current.{name}"] = value
            tensors |= {f"{key}.{name}": moment for key, moment in moments.items()}
        return tensors, {"step": self.step, "steps": self.steps}

    def load_state(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Continue from what `state` returned; raises LookupError or RuntimeError if it is not of such a network."""

        def part(kind: str) -> dict[str, Tensor]:
            start = f"{kind}."
            return {name.removeprefix(start): value for name, value in tensors.items() if name.startswith(start)}

        self.network.load_state_dict(part("average"))
        self._network.load_state_dict(part("current"))
        moments = {key: part(key) for key in ("step", "exp_avg", "exp_avg_sq")}
        names = [name for name, _ in self._network.named_parameters()]
        state = {number: {key: moments[key][name] for key in moments} for number, name in enumerate(names)}
        self._optimizer.load_state_dict(self._optimizer.state_dict() | {"state": state})
        self.step, self.steps = values["step"], values["steps"]


def _rate(step: int, steps: int) -> float:
    """Return the learning rate of a step as a share of the full one."""
    falling = 0.5 * (1 + math.cos(math.pi * min(1.0, step / steps)))
    return min(1.0, (step + 1) / _WARM_UP) * (_LAST_RATE + (1 - _LAST_RATE) * falling)


def crop_size(step: int, steps: int) -> int:
    """Return the side in pixels of the crop of a step.

    >>> crop_size(0, 100), crop_size(99, 100)
    (128, 256)
    """
    return [size for share, size in CROPS if step >= share * steps][-1]


def pixels_left(step: int, steps: int) -> float:
    """Return the pixels of all crops from a step on, to which the time until the end is about proportional.

    >>> pixels_left(90, 100) / 256**2
    10.0
    """
    ends = [*(share for share, _ in CROPS[1:]), 1.0]
    return sum(
        max(0.0, end * steps - max(step, share * steps)) * size**2
        for (share, size), end in zip(CROPS, ends, strict=True)
    )


def random_crop(
    photo: Float[np.ndarray, "h w 3"], random: np.random.Generator, size: int
) -> Float[np.ndarray, "{size} {size} 3"]:
    """Return a square part of a photo at a random scale, perhaps mirrored, darker or lighter."""
    height, width = photo.shape[:2]
    side = size * math.exp(random.uniform(0, math.log(_LARGEST_SCALE)))
    factor = side / min(height, width)
    wide, tall = max(size, round(width * factor)), max(size, round(height * factor))
    left, top = int(random.integers(wide - size + 1)), int(random.integers(tall - size + 1))
    part = crop(resize(photo, wide, tall), (left, top, size, size))
    part = part[:, ::-1] if random.random() < 0.5 else part
    return np.ascontiguousarray(part.clip(0, 1) ** math.exp(random.normal(0, 0.25)), dtype=np.float32)


@torch.no_grad()
def _numbers_of(
    networks: InstantNetworks, style: Float[np.ndarray, "h w 3"], mask: Float[np.ndarray, "h w"] | None
) -> Float[Tensor, "1 100"]:
    """Return the numbers that stand for a style, or for the part that a mask shows."""
    height, width = style.shape[:2]
    size = fit(width, height, round(STYLE_SIZE * max(width, height) / min(width, height)))
    used = None if mask is None else _tensor(resize_mask(mask, *size)[..., None])
    numbers: Tensor = networks.predictor(_tensor(resize(style, *size)), used)
    return numbers


def _coarse_energy(
    style: Float[Tensor, "1 3 h w"], mask: Float[Tensor, "1 1 h w"] | None, factor: int
) -> Float[Tensor, "3"]:
    """Return the gradient energy of a style image, or of the part that a mask shows, reduced so many times."""
    shown = style.new_ones(1, 1, *style.shape[2:]) if mask is None else mask
    small, counted = (functional.avg_pool2d(each, factor) for each in (style, shown))
    return regional_gradient_energy(small, difference_weights(counted))[0]


def _tensor(picture: Float[np.ndarray, "h w c"]) -> Float[Tensor, "1 c h w"]:
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None], dtype=np.float32))
