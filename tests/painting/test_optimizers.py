"""The optimizers on functions whose minimum is known, and on functions made to break them."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto.painting.optimizers import Adam, GuardedLBFGS


def minimize(optimizer, function, steps):
    """Return the loss of every accepted point."""
    losses = []
    for _ in range(steps):
        point = optimizer.ask().detach().requires_grad_()
        loss = function(point)
        (gradient,) = torch.autograd.grad(loss, point)
        if bool(optimizer.tell(loss.detach(), gradient)):
            losses.append(loss.item())
    return losses


def rosenbrock(x):
    return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def test_lbfgs_solves_an_ill_conditioned_quadratic():
    scales = torch.logspace(0, 3, 50)
    optimizer = GuardedLBFGS(torch.ones(50) * 10, history=10, max_step=32.0)
    losses = minimize(optimizer, lambda x: (scales * x**2).sum(), 150)
    assert losses[-1] < 1e-6 * losses[0]


def test_lbfgs_finds_the_valley_of_rosenbrock():
    optimizer = GuardedLBFGS(torch.zeros(10, dtype=torch.float64), history=10, max_step=1.0)
    minimize(optimizer, rosenbrock, 400)
    torch.testing.assert_close(optimizer.accepted, torch.ones(10, dtype=torch.float64), atol=1e-3, rtol=0)


def test_lbfgs_converges_as_fast_as_torch_with_a_line_search():
    start, scales = torch.linspace(-3, 3, 40, dtype=torch.float64), torch.logspace(0, 2, 40, dtype=torch.float64)

    def function(x):
        return (scales * (torch.cosh(x) - 1)).sum()

    x = start.clone().requires_grad_()
    reference = torch.optim.LBFGS([x], max_iter=60, max_eval=60, history_size=10, line_search_fn="strong_wolfe")

    def closure():
        reference.zero_grad()
        loss = function(x)
        loss.backward()
        return loss

    reference.step(closure)
    ours = minimize(GuardedLBFGS(start.clone(), history=10, max_step=32.0), function, 60)
    assert ours[-1] < 10 * function(x).item() + 1e-9


def two_loops(pairs, gradient):
    """Return H g of Nocedal's two-loop recursion over a plain list of pairs, oldest first."""
    q, alphas = gradient.clone(), []
    for step, change in reversed(pairs):
        alphas.append((step @ q) / (step @ change))
        q = q - alphas[-1] * change
    step, change = pairs[-1]
    q = q * (step @ change) / (change @ change)
    for (step, change), alpha in zip(pairs, reversed(alphas), strict=True):
        q = q + step * (alpha - (change @ q) / (step @ change))
    return q


def test_the_slots_of_the_history_hold_the_last_pairs():
    scales = torch.logspace(0, 1, 20, dtype=torch.float64)
    optimizer = GuardedLBFGS(torch.linspace(1, 2, 20, dtype=torch.float64), history=3, max_step=1e9)
    pairs, last = [], None
    for number in range(9):
        point = optimizer.ask()
        gradient = scales * point
        assert bool(optimizer.tell((scales * point**2).sum() / 2, gradient))
        if last is not None:
            pairs = [*pairs, (point - last[0], gradient - last[1])][-3:]
            expected = point - two_loops(pairs, gradient)
            torch.testing.assert_close(optimizer.ask(), expected, rtol=1e-9, atol=1e-9)
        last = point, gradient
        assert optimizer.state()["_steps"].shape == (3, 20)
        assert int((optimizer.state()["_rho"] > 0).sum()) == min(number, 3)


def short(start, dtype=torch.bfloat16):
    return GuardedLBFGS(start.clone(), history=10, max_step=32.0, history_dtype=dtype)


def test_a_history_in_bf16_takes_half_the_memory_and_is_nearly_as_fast():
    start, scales = torch.ones(50) * 10, torch.logspace(0, 3, 50)
    optimizers = [short(start), short(start, None)]
    losses = [minimize(optimizer, lambda x: (scales * x**2).sum(), 100) for optimizer in optimizers]
    assert losses[0][-1] < 1e-4 * losses[0][0]
    sizes = [sum(optimizer.state()[name].nbytes for name in ("_steps", "_changes")) for optimizer in optimizers]
    assert 2 * sizes[0] == sizes[1]


def test_a_history_in_bf16_is_restored_exactly():
    start, scales = torch.linspace(-5, 5, 30), torch.logspace(0, 2, 30)
    one, other = short(start), short(start)

    def function(x):
        return (scales * x**2).sum()

    minimize(one, function, 15)
    other.load_state({name: tensor.clone() for name, tensor in one.state().items()})
    assert minimize(one, function, 10) == minimize(other, function, 10)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), noise=st.floats(0, 0.5), log_scale=st.floats(-4, 6))
def test_lbfgs_never_ends_above_its_start_however_rough_the_function_and_noisy_the_gradient(seed, noise, log_scale):
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(12, 12, generator=generator)
    offset = torch.randn(12, generator=generator)

    def function(x):
        return 10**log_scale * ((matrix @ x).square().mean() + (3 * torch.sin(5 * x + offset)).mean() + 3)

    optimizer = GuardedLBFGS(torch.randn(12, generator=generator) * 5, history=5, max_step=32.0)
    first, last = None, None
    for _ in range(60):
        point = optimizer.ask().detach().requires_grad_()
        loss = function(point)
        (gradient,) = torch.autograd.grad(loss, point)
        rough = gradient + noise * gradient.norm() * torch.randn(12, generator=generator) / math.sqrt(12)
        if bool(optimizer.tell(loss.detach(), rough)):
            first, last = (loss.item() if first is None else first), loss.item()
    assert last <= first


def rounded_quadratic(relative):
    """Return a quadratic with a floor, whose value and gradient are falsified as rounding does: alike at one point."""
    scales = torch.logspace(0, 4, 60, dtype=torch.float64)

    def function(x):
        clean = 1 + (scales * x**2).sum()
        chance = torch.Generator().manual_seed(hash(tuple(x.detach().tolist())) % 2**31)
        noise = relative * (2 * torch.rand(1 + len(x), generator=chance, dtype=torch.float64) - 1)
        return clean.detach() * noise[0] + clean + (noise[1:] * (x - x.detach())).sum()

    return function


def test_rounding_neither_stops_lbfgs_nor_lets_the_loss_rise():
    taken = {}
    for allowed in (0.0, 1e-3):
        optimizer = GuardedLBFGS(torch.ones(60, dtype=torch.float64), history=10, max_step=32.0, noise=allowed)
        function = rounded_quadratic(5e-4)
        minimize(optimizer, function, 400)
        losses = minimize(optimizer, function, 400)
        taken[allowed] = len(losses)
        assert max(losses, default=1.0) < 1.01
    assert taken[0.0] < 40, "without the rule nearly every step is refused in the end"
    assert taken[1e-3] > 200


def test_no_step_of_lbfgs_is_longer_than_the_bound():
    optimizer = GuardedLBFGS(torch.full((100,), 50.0), history=5, max_step=3.0)
    before = optimizer.accepted
    for _ in range(30):
        point = optimizer.ask()
        assert (point - before).square().mean().sqrt() <= 3.001
        optimizer.tell((point**4).mean(), 4 * point**3 / 100)
        before = optimizer.accepted


def test_lbfgs_steps_back_from_a_cliff_and_continues():
    def function(x):
        return torch.where(x.min() < 1, torch.full_like(x.sum(), torch.nan), (x**2).sum())

    optimizer = GuardedLBFGS(torch.full((4,), 9.0), history=5, max_step=100.0)
    losses = minimize(optimizer, function, 60)
    assert losses[-1] < 5
    assert all(math.isfinite(loss) for loss in losses)


@pytest.mark.parametrize(
    "optimizer", [GuardedLBFGS(torch.ones(3), history=5, max_step=9.0), Adam(torch.ones(3), learning_rate=1.0)]
)
@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_values_that_are_not_finite_are_counted_and_leave_the_accepted_point_alone(optimizer, broken):
    optimizer.restart()
    optimizer.tell(torch.tensor(1.0), torch.ones(3))
    for _ in range(optimizer.patience):
        nan = torch.tensor(torch.nan)
        accepted = optimizer.tell(
            nan if broken == "loss" else torch.tensor(0.5), nan.repeat(3) if broken == "gradient" else torch.ones(3)
        )
        assert not bool(accepted)
    assert int(optimizer.failures) >= optimizer.patience
    assert torch.isfinite(optimizer.accepted).all()


def test_adam_takes_the_steps_of_torch():
    start = torch.linspace(-2, 2, 9)
    reference = start.clone().requires_grad_()
    theirs = torch.optim.Adam([reference], lr=0.3)
    ours = Adam(start.clone(), learning_rate=0.3)
    for _ in range(25):
        theirs.zero_grad()
        (reference**4).sum().backward()
        theirs.step()
        point = ours.ask()
        ours.tell((point**4).sum(), 4 * point**3)
    torch.testing.assert_close(ours.ask(), reference.detach(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "make", [lambda x: GuardedLBFGS(x, history=4, max_step=9.0), lambda x: Adam(x, learning_rate=0.3)]
)
def test_an_optimizer_continues_from_its_state_bit_for_bit(make):
    whole = make(torch.linspace(-2, 2, 8))
    minimize(whole, rosenbrock, 7)
    state = {name: tensor.clone() for name, tensor in whole.state().items()}
    other = make(torch.zeros(8))
    other.load_state(state)
    minimize(whole, rosenbrock, 9)
    minimize(other, rosenbrock, 9)
    assert torch.equal(whole.ask(), other.ask())


def test_restart_keeps_only_the_point():
    optimizer = GuardedLBFGS(torch.full((4,), 3.0), history=4, max_step=9.0)
    minimize(optimizer, rosenbrock, 8)
    kept = optimizer.accepted
    optimizer.restart()
    assert torch.equal(optimizer.ask(), kept)
    losses = minimize(optimizer, lambda x: 1e6 + (x**2).sum(), 5)
    assert losses[0] > 1e6


@pytest.mark.parametrize("scale", [1e-24, 1.0, 1e24])
def test_the_scale_of_the_loss_does_not_change_the_steps(scale):
    def function(x):
        return scale * (torch.linspace(1, 9, 20) * (x - 3) ** 2).mean()

    optimizer = GuardedLBFGS(torch.linspace(-2, 2, 20), history=5, max_step=9.0)
    losses = minimize(optimizer, function, 40)
    assert losses[-1] < 1e-4 * losses[0]


@pytest.mark.parametrize("kind", ["adam", "lbfgs"])
def test_long_vectors_are_worked_on_in_parts(kind, monkeypatch):
    scales = torch.logspace(0, 2, 50, dtype=torch.float64)

    def points():
        start = torch.ones(5, 10, dtype=torch.float64)
        adam = kind == "adam"
        optimizer = Adam(start, learning_rate=0.1) if adam else GuardedLBFGS(start, history=4, max_step=1.0)
        minimize(optimizer, lambda x: (scales * torch.cosh(x.flatten())).sum(), 12)
        return optimizer.accepted

    expected = points()
    monkeypatch.setattr("impasto.painting.optimizers._PART", 7)
    torch.testing.assert_close(points(), expected, rtol=1e-9, atol=1e-12)
