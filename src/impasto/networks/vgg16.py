"""VGG-16 without aliasing, as ST-LPIPS has it (Ghildyal and Liu 2022; Simonyan and Zisserman 2014, configuration D)."""

from typing import Final

from impasto.networks.description import Network
from impasto.networks.vgg19 import vgg_layers

VGG16: Final = Network(
    name="vgg16",
    purpose="short strokes, things clearer than by vgg19: it blurs before it halves its maps",
    family="antialiased",
    layers=vgg_layers(2, 2, 3, 3, 3)[:-1],
    content_layers=("conv3_2=0.5", "conv4_2=1.0"),
    # Beyond these the features of this network follow one direction each, and a style by them is a relief.
    style_layers=("conv1_1=1.8", "conv1_2=1.8", "conv2_1=1.8", "conv2_2=1.8", "conv3_1=1.8"),
)
