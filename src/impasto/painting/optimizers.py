"""Optimizers with an ask-and-tell interface: `ask()` returns a point, `tell()` takes loss and gradient there.

Decisions are made by `torch.where` on the device, so that a GPU is never synchronized with the host. Vectors have the
size of the canvas, a gigabyte in large posters: what is computed from them is computed in parts, and in place.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from impasto.backbones import full_precision, total
from impasto.recipe import OptimizerSettings, Precision

_PART: Final = 2**22
"""Numbers of a vector that are worked on at once."""


class Optimizer(ABC):
    """Chooses points and learns from loss and gradient there; its state is in the tensors named by `_STATE`."""

    _STATE: tuple[str, ...]
    patience: int
    """Evaluations in a row without a finite value after which the run is lost."""
    accepted: Float[Tensor, "*shape"]
    """The last accepted point."""
    failures: Float[Tensor, ""]
    """How many evaluations in a row were not finite."""
    _trial: Float[Tensor, "*shape"]

    def ask(self) -> Float[Tensor, "*shape"]:
        """Return the point to evaluate next."""
        return self._trial

    @abstractmethod
    def tell(self, loss: Float[Tensor, ""], gradient: Float[Tensor, "*shape"]) -> Bool[Tensor, ""]:
        """Take loss and gradient at the point last asked for; return whether it was accepted.

        The gradient belongs to the optimizer from then on, and may be changed.
        """

    @abstractmethod
    def restart(self) -> None:
        """Forget everything except the accepted point, because the objective has changed."""

    def state(self) -> dict[str, Tensor]:
        """Return the tensors on which the next steps depend."""
        return {name: getattr(self, name) for name in self._STATE}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned, on the current device."""
        for name in self._STATE:
            like: Tensor = getattr(self, name)
            setattr(self, name, state[name].to(like.device, like.dtype))


class Adam(Optimizer):
    """Adam (Kingma and Ba 2015) with beta 0.9 and 0.999, epsilon 1e-8; a point that is not finite is not accepted."""

    _STATE = ("accepted", "_trial", "failures", "_first", "_second", "_count")
    patience = 1

    def __init__(self, start: Float[Tensor, "*shape"], *, learning_rate: float) -> None:
        self.accepted = start
        self._rate = learning_rate
        self.restart()

    def restart(self) -> None:
        """Forget moments and count."""
        self._trial = self.accepted
        self._first = torch.zeros_like(self.accepted)
        self._second = torch.zeros_like(self.accepted)
        self._count = self.accepted.new_zeros(())
        self.failures = self.accepted.new_zeros(())

    def tell(self, loss: Float[Tensor, ""], gradient: Float[Tensor, "*shape"]) -> Bool[Tensor, ""]:
        """Accept or refuse the point and choose the next."""
        accept = torch.isfinite(loss) & torch.isfinite(_largest(gradient))
        self.accepted = choose(accept, self._trial, self.accepted)
        self.failures = torch.where(accept, 0, self.failures + 1)
        self._count = self._count + 1
        # Squares of more than this overflow fp32, and the moments would never be finite again.
        gradient = gradient.clamp_(-1e18, 1e18)
        trial = torch.empty_like(self._trial, memory_format=torch.contiguous_format)
        vectors = [each.reshape(-1) for each in (gradient, self._first, self._second, self._trial)]
        next_trial = trial.view(-1)
        for some in _parts(vectors[0]):
            slope, first, second, now = (each[some] for each in vectors)
            first.copy_(torch.lerp(slope, first, 0.9))
            second.copy_(torch.lerp(slope.square(), second, 0.999))
            mean = first / (1 - 0.9**self._count)
            spread = (second / (1 - 0.999**self._count)).sqrt()
            next_trial[some] = now - self._rate * mean / (spread + 1e-8)
        self._trial = trial
        return accept


class GuardedLBFGS(Optimizer):
    """L-BFGS (Liu and Nocedal 1989) without a line search, guarded so that it cannot diverge.

    - A point is accepted if its loss is finite and not above the largest of the last few accepted losses (the
      non-monotone rule of Grippo, Lampariello and Lucidi 1986); else the next trial starts from the accepted point
      again with a quarter of the step, and from the second refusal on along the gradient, the history dropped.
    - A loss that is above the lowest one by no more than the noise of the number format is accepted as well: near the
      end, rounding hides the descent, and without this rule every further step would be rejected. Because the bound
      is relative to the lowest loss ever accepted, the loss cannot rise step by step.
    - A pair (s, y) enters the history only if the curvature along it is clearly positive.
    - A direction that does not descend is replaced by the gradient's.
    - No step is longer than `max_step` (root mean square over the canvas).
    """

    _STATE = (
        "accepted", "failures", "_trial", "_gradient", "_losses", "_lowest", "_steps", "_changes", "_rho", "_scale",
        "_shrink", "_unit", "_refusals",
    )  # fmt: skip
    patience = 12
    _rho: Float[Tensor, "history"]
    _WINDOW = 5
    _FIRST_STEP = 2.0
    """Root mean square of the first step, in units of the canvas; nothing is known of the curvature yet."""
    _LEAST_CURVATURE = 1e-3
    """Least cosine between step and change of gradient that counts as curvature, above the noise of half precision."""

    def __init__(
        self,
        start: Float[Tensor, "*shape"],
        *,
        history: int,
        max_step: float,
        history_dtype: torch.dtype | None = None,
        noise: float = 1e-6,
    ) -> None:
        """Keep pairs in `history_dtype` (None: that of `start`); rounding falsifies the loss by a share of `noise`."""
        self.accepted = start
        self._history = history
        self._history_dtype = history_dtype or start.dtype
        self._max_step = max_step
        self._noise = noise
        self.restart()

    def restart(self) -> None:
        """Forget history, losses and step lengths."""
        z = self.accepted
        self._trial = z
        # Zeros without memory, until there is something else.
        self._gradient = z.new_zeros(()).expand_as(z)
        self._losses = z.new_full((self._WINDOW,), torch.inf)
        self._lowest = z.new_full((), torch.inf)
        self._steps = self._changes = z.new_zeros((), dtype=self._history_dtype).expand(self._history, z.numel())
        self._rho = z.new_zeros((self._history,))
        self._scale = z.new_zeros(())
        self._shrink = z.new_ones(())
        self._unit = z.new_ones(())
        self._refusals = z.new_zeros(())
        self.failures = z.new_zeros(())
        # A number of the host: which slot of the history is next is known without reading the device.
        self._count = 0

    def state(self) -> dict[str, Tensor]:
        """Return the tensors on which the next steps depend."""
        return super().state() | {"_count": torch.tensor(self._count)}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Restore what `state` returned, on the current device."""
        super().load_state(state)
        self._count = int(state["_count"])

    def tell(self, loss: Float[Tensor, ""], gradient: Float[Tensor, "*shape"]) -> Bool[Tensor, ""]:
        """Accept or refuse the point and choose the next."""
        largest = _largest(gradient)
        finite = torch.isfinite(loss) & torch.isfinite(largest)
        first = torch.isinf(self._losses).all()
        highest = torch.where(torch.isinf(self._losses), -torch.inf, self._losses).max()
        accept = finite & (first | (loss <= highest) | (loss <= self._lowest * (1 + self._noise)))
        # Steps do not depend on the scale of the loss, but squares of its gradient may overflow or vanish in fp32.
        largest = torch.nan_to_num(largest).clamp(1e-30, 1e30)
        self._unit = torch.where(first & finite, largest, self._unit)
        gradient = gradient.div_(self._unit)
        if self._count:
            self._learn(accept & ~first, gradient)
        self._count += 1
        self.failures = torch.where(finite, 0, self.failures + 1)
        self._refusals = torch.where(accept, 0, self._refusals + 1)
        self._shrink = torch.where(accept, (2 * self._shrink).clamp(max=1), (self._shrink / 4).clamp(min=1e-6))
        self._rho = torch.where(self._refusals > 1, 0, self._rho)
        self._losses = torch.where(accept, torch.cat([self._losses[1:], loss.reshape(1)]), self._losses)
        self._lowest = torch.where(accept, torch.minimum(self._lowest, loss), self._lowest)
        self.accepted = choose(accept, self._trial, self.accepted)
        self._gradient = choose(accept, gradient, self._gradient)
        direction = self._direction()
        direction *= (self._max_step / _rms(direction)).clamp(max=1) * self._shrink
        self._trial = direction.view_as(self.accepted).add_(self.accepted)
        return accept

    def _learn(self, usable: Bool[Tensor, ""], gradient: Float[Tensor, "*shape"]) -> None:
        """Put the last step and its change of gradient into the history, or zeros if its curvature is unusable."""
        if not self._steps.stride(1):
            self._steps, self._changes = torch.zeros_like(self._steps), torch.zeros_like(self._changes)
        slot = self._count % len(self._rho)
        step, change = self._steps[slot], self._changes[slot]
        trial, accepted, now, before = (
            each.reshape(-1) for each in (self._trial, self.accepted, gradient, self._gradient)
        )
        for some in _parts(step):
            step[some] = trial[some] - accepted[some]
            change[some] = now[some] - before[some]
        # The curvature is that of the rounded vectors that the history keeps.
        curvature, squares = _product(step, change), _product(change, change)
        usable = usable & (curvature > self._LEAST_CURVATURE * (squares * _product(step, step)).sqrt())
        step.masked_fill_(~usable, 0)
        change.masked_fill_(~usable, 0)
        self._rho[slot] = torch.where(usable, 1 / curvature, 0)
        self._scale = torch.where(usable, curvature / squares, self._scale)

    def _direction(self) -> Float[Tensor, "n"]:
        """Return -H g by the two-loop recursion, or the scaled gradient where that does not descend."""
        gradient = self._gradient.reshape(-1)
        newest = self._count - 1
        # Empty slots hold pairs without effect, so that every step does the same operations.
        order = [(newest - i) % len(self._rho) for i in range(len(self._rho))]
        q = gradient.clone(memory_format=torch.contiguous_format)
        alphas = []
        for i in order:
            alphas.append(self._rho[i] * _product(q, self._steps[i]))
            _add(q, self._changes[i], -alphas[-1])
        known = (self._rho > 0).any()
        q *= torch.where(known, self._scale, self._FIRST_STEP / _rms(gradient))
        for i, alpha in zip(reversed(order), reversed(alphas), strict=True):
            _add(q, self._steps[i], alpha - self._rho[i] * _product(q, self._changes[i]))
        descends = _product(q, gradient) > 1e-6 * q.numel() * _rms(q) * _rms(gradient)
        steepest = self._FIRST_STEP / _rms(gradient)
        for some in _parts(q):
            q[some] = torch.where(descends, -q[some], -gradient[some] * steepest)
        return q


def choose(
    condition: Bool[Tensor, ""], one: Float[Tensor, "*shape"], other: Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """Return one of two tensors; where the condition can be read without waiting for a GPU, the tensor itself."""
    if condition.device.type == "cpu":
        return one if condition else other
    return torch.where(condition, one, other)


def _parts(vector: Float[Tensor, "n"]) -> Iterator[slice]:
    for first in range(0, len(vector), _PART):
        yield slice(first, first + _PART)


def _product(one: Float[Tensor, "n"], other: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    """Return the inner product of two vectors, in fp32 or better."""
    found = [total(full_precision(one[some]) * full_precision(other[some])) for some in _parts(one)]
    return found[0] if len(found) == 1 else torch.stack(found).sum()


def _add(vector: Float[Tensor, "n"], other: Float[Tensor, "n"], factor: Float[Tensor, ""]) -> None:
    """Add a multiple of another vector to a vector, in place."""
    for some in _parts(vector):
        vector[some].addcmul_(other[some].to(vector.dtype), factor)


def _largest(vector: Float[Tensor, "*shape"]) -> Float[Tensor, ""]:
    """Return the largest absolute value; NaN if there is one."""
    return torch.maximum(-vector.amin(), vector.amax())


def _rms(x: Float[Tensor, "n"]) -> Float[Tensor, ""]:
    return (_product(x, x) / x.numel()).sqrt().clamp(min=1e-30)


def make_optimizer(settings: OptimizerSettings, start: Float[Tensor, "*shape"], precision: Precision) -> Optimizer:
    """Return the optimizer of these settings, to begin at `start` (coordinates of a canvas)."""
    if settings.name == "adam":
        return Adam(start, learning_rate=settings.learning_rate)
    history, max_step = settings.history, settings.max_step
    if precision != "bf16":
        return GuardedLBFGS(start, history=history, max_step=max_step)
    # Gradients from a network in bf16 have no more digits than that; the history takes half the memory.
    return GuardedLBFGS(start, history=history, max_step=max_step, history_dtype=torch.bfloat16, noise=1e-3)
