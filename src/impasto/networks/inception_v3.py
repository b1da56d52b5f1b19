"""Inception-v3 of torchvision (Szegedy et al. 2015), by torchvision's names."""

from typing import Final

from impasto.networks.description import Network

INCEPTION_V3: Final = Network(
    name="inception_v3",
    purpose="inception blocks of small and long filters, for comparison; its features are smoothed",
    build="torchvision.models:inception_v3",
    # The weights were trained on pictures scaled otherwise; the network does the rest of it itself.
    arguments={"transform_input": True, "aux_logits": False, "init_weights": False},
    weights="https://download.pytorch.org/models/inception_v3_google-0cc3c7bd.pth",
    layers=(
        *("Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_2b_3x3", "Conv2d_3b_1x1", "Conv2d_4a_3x3"),
        *("Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
        *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
    ),
    content_layers=("Mixed_5b=0.5", "Mixed_5d=1.0"),
    style_layers=("Conv2d_1a_3x3=1.0", "Conv2d_2b_3x3=0.8", "Conv2d_4a_3x3=0.6", "Mixed_5b=0.3", "Mixed_5d=0.2"),
    smoothed=True,
)
