"""How a region is written: where, and in which style."""

from typing import Final, NamedTuple

from impasto.errors import InputError

KEEP: Final = "keep"
"""The style of a region in which the photo stays as it is."""
_FORM: Final = "a region is written MASK=STYLE, MASK=STYLE@STYLEMASK or MASK=keep"


class RegionText(NamedTuple):
    """The parts of a region: files (or names) of a mask, of a style image, and of that one's own mask."""

    mask: str
    style: str
    style_mask: str | None


def read_region(text: str) -> RegionText:
    """Take a region apart; raises InputError if it is not written as one.

    >>> read_region("sky.png=night@stars.png")
    RegionText(mask='sky.png', style='night', style_mask='stars.png')
    """
    mask, _, style = (part.strip() for part in text.partition("="))
    style, style_mask = read_style(style)
    if not mask or not style:
        raise InputError(f"{_FORM}, not {text!r}")
    if style == KEEP and style_mask:
        raise InputError(f"a region that keeps the photo has no style to mask: {text!r}")
    return RegionText(mask, style, style_mask)


def read_style(text: str) -> tuple[str, str | None]:
    """Take `STYLE@MASK` apart; without a mask there is None.

    >>> read_style("starry.jpg@stars.png"), read_style("night")
    (('starry.jpg', 'stars.png'), ('night', None))
    """
    style, at, mask = text.rpartition("@")
    return (style, mask) if at and style and mask else (text, None)
