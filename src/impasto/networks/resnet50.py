"""ResNet-50 of torchvision (He et al. 2015).

`conv1` is the first convolution with its ReLU, `conv{s}_{i}` the output of residual block i of stage s, as the paper
counts them: 256 channels at 1/4 of the picture's size in stage 2, 512 at 1/8, 1024 at 1/16, 2048 at 1/32.
"""

from typing import Final

from impasto.networks.description import Network

_BLOCKS: Final = {2: 3, 3: 4, 4: 6, 5: 3}
_MODULES: Final = {"conv1": "relu"} | {
    f"conv{stage}_{i + 1}": f"layer{stage - 1}.{i}" for stage, count in _BLOCKS.items() for i in range(count)
}

RESNET50: Final = Network(
    name="resnet50",
    purpose="residual blocks, for comparison; its features are smoothed",
    build="torchvision.models:resnet50",
    weights="https://download.pytorch.org/models/resnet50-0676ba61.pth",
    layers=tuple(_MODULES),
    modules=_MODULES,
    content_layers=("conv3_2=0.5", "conv3_4=1.0"),
    style_layers=("conv1=1.0", "conv2_1=0.6", "conv2_3=0.6", "conv3_1=0.3", "conv3_4=0.2"),
    smoothed=True,
)
