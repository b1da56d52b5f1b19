"""HEIC pictures of telephones, whose compression libvips is usually built without."""

from collections.abc import Callable

import numpy as np
import pyvips

from impasto.errors import InputError


def open_heic(data: bytes, name: str, check: Callable[[int, int], None]) -> pyvips.Image:
    """Return the main picture, upright, with colour profile, EXIF and `bits-per-sample`, as libvips does for AVIF.

    `check` is told the width and height before anything is decoded. Raises InputError if the file is damaged, or if
    pillow-heif is not installed and libvips cannot decode it either.
    """
    try:
        import pillow_heif
    except ImportError:
        return _open_with_libvips(data, name, check)
    try:
        picture = pillow_heif.open_heif(data, convert_hdr_to_8bit=False)
        check(*picture.size)
        pixels = np.asarray(picture)
    except InputError:
        raise
    except Exception as error:  # damaged files make it raise nearly anything, IndexError included
        raise InputError(f"{name} is damaged or cut off ({' '.join(str(error).split())})") from None
    height, width = pixels.shape[:2]
    bands = 1 if pixels.ndim == 2 else pixels.shape[2]
    wide = pixels.dtype == np.uint16
    image = pyvips.Image.new_from_memory(
        np.ascontiguousarray(pixels), width, height, bands, "ushort" if wide else "uchar"
    )
    names = ("grey16", "rgb16") if wide else ("b-w", "srgb")
    image = image.copy(interpretation=names[bands > 2])
    image.set_type(pyvips.GValue.gint_type, "bits-per-sample", picture.info["bit_depth"])
    for field, key in (("icc-profile-data", "icc_profile"), ("exif-data", "exif")):
        if picture.info.get(key):
            image.set_type(pyvips.GValue.blob_type, field, picture.info[key])
    return image.unpremultiply().cast(image.format) if picture.premultiplied_alpha else image


def _open_with_libvips(data: bytes, name: str, check: Callable[[int, int], None]) -> pyvips.Image:
    try:
        image = pyvips.Image.heifload_buffer(data, fail_on="error")
        check(image.width, image.height)
        image.crop(0, 0, 1, 1).avg()  # only pixels tell whether this libvips has the decoder
    except pyvips.Error:
        raise InputError(
            f"{name} is HEIC, which needs one more package: pip install 'impasto[heic]' (or save it as JPEG)"
        ) from None
    return image
