"""Small networks with residual and inception blocks, whose parts are called as torchvision calls its own."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Bottleneck(nn.Module):
    def __init__(self, into, width, out, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(into, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        shape = nn.Sequential(nn.Conv2d(into, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))
        self.downsample = shape if stride > 1 or into != out else None

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    def __init__(self, blocks, unit=2):
        super().__init__()
        self.conv1 = nn.Conv2d(3, unit, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(unit)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        into = unit
        for stage, count in enumerate(blocks, start=1):
            width = unit * 2 ** (stage - 1)
            layers = []
            for i in range(count):
                layers.append(Bottleneck(into, width, 4 * width, 2 if stage > 1 and not i else 1))
                into = 4 * width
            setattr(self, f"layer{stage}", nn.Sequential(*layers))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(into, 10)

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


class BasicConv2d(nn.Module):
    def __init__(self, into, out, kernel_size, **options):
        super().__init__()
        self.conv = nn.Conv2d(into, out, kernel_size, bias=False, **options)
        self.bn = nn.BatchNorm2d(out)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Inception(nn.Module):
    def __init__(self, into, each):
        super().__init__()
        self.branch1 = BasicConv2d(into, each, 1)
        self.branch2 = nn.Sequential(BasicConv2d(into, each, 1), BasicConv2d(each, each, 3, padding=1))
        self.branch3 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), BasicConv2d(into, each, (1, 7), padding=(0, 3))
        )

    def forward(self, x):
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x)], dim=1)


class GoogLeNet(nn.Module):
    def __init__(self, transform_input):
        super().__init__()
        self.transform_input = transform_input
        self.conv1 = BasicConv2d(3, 4, 7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(4, 4, 1)
        self.conv3 = BasicConv2d(4, 6, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = Inception(6, 2)
        self.inception3b = Inception(6, 3)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = Inception(9, 3)
        self.fc = nn.Linear(9, 10)

    def forward(self, x):
        if self.transform_input:
            x = x * 0.45 - 0.03
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.inception4a(self.maxpool3(self.inception3b(self.inception3a(x))))
        return self.fc(x.mean(dim=(2, 3)))


class Plain(nn.Module):
    """Convolutions in a row, as VGG has them."""

    def __init__(self):
        super().__init__()
        layers, into = [], 3
        for out in (2, 3, 4):
            layers += [nn.Conv2d(into, out, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(2, stride=2)]
            into = out
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(into, 10)

    def forward(self, x):
        return self.classifier(self.features(x).mean(dim=(2, 3)))


def resnet50(*, weights=None):
    return ResNet((3, 4, 6, 3))


def resnet18(*, weights=None):
    return ResNet((1, 1, 1, 1))


def googlenet(*, weights=None, transform_input=False, aux_logits=True, init_weights=None):
    assert not aux_logits
    return GoogLeNet(transform_input)


def vgg11(*, weights=None):
    return Plain()


def list_models(module=None):
    return ["resnet50", "resnet18", "googlenet", "vgg11"]


@dataclass(frozen=True)
class Entry:
    url: str


def get_model_weights(name):
    """Return what torchvision knows of a network's files, the oldest first."""
    if name not in list_models():
        raise ValueError(f"Unknown model {name}")
    return [Entry(f"https://download.example/{name}-0123abcd.pth"), Entry(f"https://download.example/{name}-later.pth")]
