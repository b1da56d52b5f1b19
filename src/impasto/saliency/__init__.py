"""What matters in a photo: weights of its positions, and masks of its main subject."""

from impasto.saliency.automatic import AUTOMATIC_MASKS, automatic_mask, follow_edges, subject_mask
from impasto.saliency.weights import saliency_weights

__all__ = ["AUTOMATIC_MASKS", "automatic_mask", "follow_edges", "saliency_weights", "subject_mask"]
