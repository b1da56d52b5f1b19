"""The kinds of picture files: how each is recognised, and which can be written."""

from pathlib import Path
from typing import Final, Literal, TypeAlias

from impasto.errors import InputError

InputFormat: TypeAlias = Literal["jpeg", "png", "webp", "tiff", "avif", "gif", "heic"]
OutputFormat: TypeAlias = Literal["png", "jpeg", "webp", "tiff"]

READABLE: Final = "JPEG, PNG, WebP, TIFF, AVIF, GIF, HEIC"
SUFFIXES: Final[dict[str, OutputFormat]] = {
    ".png": "png",
    ".jpg": "jpeg",
    ".jpeg": "jpeg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
"""Extensions of files that can be written."""

HEAD_LENGTH: Final = 64
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"})


def sniff(head: bytes) -> InputFormat | None:
    """Tell the kind of file from its first `HEAD_LENGTH` bytes; None if it is none that impasto reads.

    Only loaders named here are ever called: libvips knows many more (SVG, PDF, CSV...) that nobody wants to be tricked
    into running, and blocking them would change libvips for the whole process.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "tiff"
    if head[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if head[4:8] == b"ftyp":
        end = min(int.from_bytes(head[:4], "big"), len(head))
        brands = {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}
        if brands & {b"avif", b"avis"}:
            return "avif"
        if brands & _HEIC_BRANDS:
            return "heic"
    return None


def output_format(path: str | Path) -> OutputFormat:
    """Return the kind of file that a path's extension asks for; InputError lists the known ones if it asks for none."""
    suffix = Path(f"_{path}" if str(path).startswith(".") else path).suffix
    if suffix.lower() not in SUFFIXES:
        wrong = f"unknown extension {suffix!r} of {path}" if suffix else f"{path} has no extension"
        raise InputError(f"{wrong}; known are {', '.join(SUFFIXES)}")
    return SUFFIXES[suffix.lower()]
