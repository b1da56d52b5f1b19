"""What every picture that impasto returns can do: be saved to a file, or encoded as bytes."""

from pathlib import Path
from typing import Any, Literal

import numpy as np

from impasto.images import encode_picture, write_picture


class Savable:
    """A picture that can be saved."""

    def as_array(self) -> np.ndarray:
        """Return the pixels, h x w x 3 or h x w x 1, in [0, 1]."""
        raise NotImplementedError

    def _extras(self) -> dict[str, Any]:
        """Return what is written beside the pixels: transparency, EXIF, the recipe."""
        return {}

    def save(self, path: str | Path, *, bits: Literal[8, 16] = 8, quality: int = 95) -> Path:
        """Write the picture with its metadata to a file, completely or not at all.

        Args:
            path: PNG, JPEG, WebP or TIFF by its extension; an existing file is replaced.
            bits: Bits per channel; 16 for PNG and TIFF.
            quality: Quality of JPEG and WebP, 1 to 100.

        Returns:
            The path.

        Raises:
            InputError: If the folder cannot be written or the extension is unknown.
        """
        path = Path(path)
        write_picture(path, self.as_array(), **self._extras(), bits=bits, quality=quality)
        return path

    def encode(self, suffix: str, *, bits: Literal[8, 16] = 8, quality: int = 95) -> bytes:
        """Return the bytes that `save` would write to a file with this extension, such as `.png`."""
        return encode_picture(self.as_array(), suffix, **self._extras(), bits=bits, quality=quality)
