"""A stand-in for torchvision with only what the program neural-style asks of it; see `transforms`.

The real torchvision has to match the build of torch to the letter. This package comes first on that program's path, so
that it runs beside any torch.
"""
