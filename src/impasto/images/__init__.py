"""Files and arrays: reading, writing, sizes, contact sheets, the built-in plates. No torch here.

A picture is `Float[np.ndarray, "h w 3"]`, float32, sRGB-encoded, in [0, 1].
"""

from impasto.images.formats import sniff
from impasto.images.geometry import crop, fit, resize, rotate
from impasto.images.metadata import read_metadata
from impasto.images.plates import PLATES, demo_photo, is_plate, plate_path
from impasto.images.read import Picture, read_picture
from impasto.images.sheets import contact_sheet
from impasto.images.write import atomic_write, check_destination, encode_picture, is_leftover, quantize, write_picture

__all__ = [
    "PLATES",
    "Picture",
    "atomic_write",
    "check_destination",
    "contact_sheet",
    "crop",
    "demo_photo",
    "encode_picture",
    "fit",
    "is_leftover",
    "is_plate",
    "plate_path",
    "quantize",
    "read_metadata",
    "read_picture",
    "resize",
    "rotate",
    "sniff",
    "write_picture",
]
