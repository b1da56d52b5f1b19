"""GoogLeNet of torchvision (Szegedy et al. 2014): `conv1` ... `conv3`, then nine inception blocks."""

from typing import Final

from impasto.networks.description import Network

_INCEPTIONS: Final = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")

GOOGLENET: Final = Network(
    name="googlenet",
    purpose="inception blocks, which see several sizes at once, for comparison; its features are smoothed",
    build="torchvision.models:googlenet",
    # The weights were trained on pictures scaled otherwise; the network does the rest of it itself.
    arguments={"transform_input": True, "aux_logits": False, "init_weights": False},
    weights="https://download.pytorch.org/models/googlenet-1378be20.pth",
    layers=("conv1", "conv2", "conv3", *(f"inception{name}" for name in _INCEPTIONS)),
    content_layers=("inception3a=0.5", "inception3b=1.0"),
    style_layers=("conv1=1.0", "conv2=0.6", "conv3=0.6", "inception3a=0.4", "inception3b=0.2"),
    smoothed=True,
)
