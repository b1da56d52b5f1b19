"""Pictures between files and arrays: decoding, encoding, metadata, geometry, masks, the built-in plates. No torch.

A picture is `Float[np.ndarray, "h w 3"]`, float32, sRGB-encoded, in [0, 1]; a mask is `Float[np.ndarray, "h w"]`.
"""

from impasto.images.contact_sheets import contact_sheet
from impasto.images.decode import PICTURE_SUFFIXES, DecodedImage, peek_size, sniff
from impasto.images.deep_zoom import is_deep_zoom
from impasto.images.geometry import by_strips, crop, fit, resize, rotate, strips
from impasto.images.learned import LEARNED_SUFFIX, LearnedStyle, learned_facts, read_learned
from impasto.images.masks import describe_stretch, mask_from_image, normalize_masks, resize_mask
from impasto.images.metadata import MADE_HERE, is_made_here, read_metadata
from impasto.images.outputs import Outputs, default_name, snapshot_path, snapshots_in_the_way
from impasto.images.plates import PLATES, demo_photo, is_plate, plate_description, plate_path
from impasto.images.read import (
    PICTURE,
    PICTURE_TYPES,
    Source,
    check_is_no_url,
    missing_file,
    one_line_errors,
    read_bytes,
    read_picture,
    similar_file,
)
from impasto.images.write import (
    atomic_write,
    check_destination,
    check_encoding,
    check_space,
    check_writable,
    encode_picture,
    flush_folder,
    is_leftover,
    output_format,
    quantize,
    write_picture,
)

__all__ = [
    "LEARNED_SUFFIX",
    "MADE_HERE",
    "PICTURE",
    "PICTURE_SUFFIXES",
    "PICTURE_TYPES",
    "PLATES",
    "DecodedImage",
    "LearnedStyle",
    "Outputs",
    "Source",
    "atomic_write",
    "by_strips",
    "check_destination",
    "check_encoding",
    "check_is_no_url",
    "check_space",
    "check_writable",
    "contact_sheet",
    "crop",
    "default_name",
    "demo_photo",
    "describe_stretch",
    "encode_picture",
    "fit",
    "flush_folder",
    "is_deep_zoom",
    "is_leftover",
    "is_made_here",
    "is_plate",
    "learned_facts",
    "mask_from_image",
    "missing_file",
    "normalize_masks",
    "one_line_errors",
    "output_format",
    "peek_size",
    "plate_description",
    "plate_path",
    "quantize",
    "read_bytes",
    "read_learned",
    "read_metadata",
    "read_picture",
    "resize",
    "resize_mask",
    "rotate",
    "similar_file",
    "snapshot_path",
    "snapshots_in_the_way",
    "sniff",
    "strips",
    "write_picture",
]
