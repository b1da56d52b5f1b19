"""VGG-16 without aliasing, as ST-LPIPS has it (Ghildyal and Liu 2022; Simonyan and Zisserman 2014, configuration D)."""

from typing import Final

from impasto.networks.description import Network
from impasto.networks.vgg19 import vgg_layers

VGG16: Final = Network(
    name="vgg16",
    purpose="softer than vgg19: it blurs before it halves, and leaves no grid",
    family="antialiased",
    layers=vgg_layers(2, 2, 3, 3, 3)[:-1],
    content_layers=("conv3_2=0.5", "conv4_2=1.0"),
    style_layers=(
        "conv1_1=0.6",
        "conv1_2=0.6",
        "conv2_1=0.4",
        "conv2_2=0.6",
        "conv3_1=0.3",
        "conv3_3=0.3",
        "conv4_1=0.1",
    ),
)
