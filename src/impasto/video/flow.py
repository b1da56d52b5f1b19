"""Optical flow between frames."""

import cv2
import numpy as np
from jaxtyping import Float

from impasto.images import quantize
from impasto.video.warp import Motion


def estimate_motion(frame: Float[np.ndarray, "h w 3"], before: Float[np.ndarray, "h w 3"]) -> Motion:
    """Return the flow between a frame and the one before (RGB in [0, 1]), in both directions.

    Dense inverse search (Kroeger et al. 2016): a few hundredths of a second for a frame.
    """
    now, earlier = (cv2.cvtColor(quantize(picture), cv2.COLOR_RGB2GRAY) for picture in (frame, before))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    return Motion(search.calc(now, earlier, None), search.calc(earlier, now, None))
