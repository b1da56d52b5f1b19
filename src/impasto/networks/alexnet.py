"""AlexNet without aliasing, as ST-LPIPS has it (Ghildyal and Liu 2022; Krizhevsky 2014)."""

from typing import Final

from impasto.networks.description import Network

ALEXNET: Final = Network(
    name="alexnet",
    purpose="five layers with large filters: twice as quick as vgg19, soft and blurred strokes; for a first impression",
    family="antialiased",
    layers=("conv1_1", "pool1", "conv2_1", "pool2", "conv3_1", "conv4_1", "conv5_1"),
    modules={f"conv{block}_1": f"conv{block}" for block in range(1, 6)},
    content_layers=("conv3_1=0.5", "conv4_1=1.0"),
    style_layers=("conv1_1=3.0", "conv2_1=3.0", "conv3_1=0.6"),
    # A few of its filters outweigh all others, and without this they paint coloured noise.
    smoothed=True,
)
