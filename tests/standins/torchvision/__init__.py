"""A stand-in for torchvision: networks of its structure and names, with few channels, for tests of what uses it."""
