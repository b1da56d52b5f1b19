"""A substitute for torchvision with the transforms that the program neural-style uses (see `transforms`).

The real torchvision needs exactly its own build of torch. This package comes first on that program's path, so that it
runs with any torch.
"""
