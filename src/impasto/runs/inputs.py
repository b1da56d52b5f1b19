"""The input pictures of a run, and the copies of their files in the run folder."""

import dataclasses
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Generic, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeVar as DefaultTypeVar

from impasto.errors import InputError, reason_of
from impasto.images import DecodedImage, read_picture, sniff
from impasto.runs.files import check_inside, open_inside, write_inside

INPUTS_FOLDER: Final = "inputs"
MAX_PICTURES: Final = 256
"""Style images, and regions, that a run folder may hold."""

P = DefaultTypeVar("P", default=DecodedImage)
_Q = TypeVar("_Q")


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionInputs(Generic[P]):
    """The pictures of a region.

    Attributes:
        mask: White where the region is.
        style: Style image of the region, or None if the photo stays there.
        style_mask: White in the part of the style image that is used, or None for all of it.
    """

    mask: P
    style: P | None = None
    style_mask: P | None = None


@dataclass(frozen=True, eq=False)
class Inputs(Generic[P]):
    """The input pictures of a run.

    Attributes:
        content: The photo.
        styles: The style images.
        init: Picture that the canvas starts from, if it is a file.
        style_masks: One mask (or None) for each style image, or empty.
        regions: The pictures of each region.
    """

    content: P
    styles: Annotated[tuple[P, ...], Field(max_length=MAX_PICTURES)]
    init: P | None = None
    style_masks: Annotated[tuple[P | None, ...], Field(max_length=MAX_PICTURES)] = ()
    regions: Annotated[tuple[RegionInputs[P], ...], Field(max_length=MAX_PICTURES)] = ()

    def pictures(self) -> list[P]:
        """Return every picture."""
        found: list[P] = []
        self.map(lambda picture, _: found.append(picture))
        return found

    def map(self, function: Callable[[P, str], _Q]) -> "Inputs[_Q]":
        """Return the results of `function(picture, file stem)` in place of the pictures."""

        def optional(picture: P | None, stem: str) -> _Q | None:
            return None if picture is None else function(picture, stem)

        return Inputs(
            content=function(self.content, "content"),
            styles=tuple(function(style, f"style-{n}") for n, style in enumerate(self.styles, start=1)),
            init=optional(self.init, "init"),
            style_masks=tuple(optional(mask, f"style-{n}-mask") for n, mask in enumerate(self.style_masks, start=1)),
            regions=tuple(
                RegionInputs(
                    mask=function(region.mask, f"region-{n}-mask"),
                    style=optional(region.style, f"region-{n}-style"),
                    style_mask=optional(region.style_mask, f"region-{n}-style-mask"),
                )
                for n, region in enumerate(self.regions, start=1)
            ),
        )


class KeptInput(BaseModel):
    """The copy of an input file.

    Attributes:
        file: Path relative to the run folder.
        sha256: Digest of the file's bytes.
        name: Name of the picture, from the user's file name.
        suffix: Extension of the user's file name.
    """

    model_config = ConfigDict(frozen=True)

    file: Annotated[str, Field(pattern=rf"^{INPUTS_FOLDER}/[a-z0-9-]+\.[a-z]+$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    name: Annotated[str, Field(max_length=1000)]
    suffix: Annotated[str, Field(max_length=1000)] = ""

    @property
    def file_name(self) -> str:
        """Name of the user's file; that of a built-in style has no extension."""
        return self.name + self.suffix


KeptInputs: TypeAlias = Inputs[KeptInput]


def copy_inputs(folder: Path, inputs: Inputs) -> KeptInputs:
    """Copy the files' bytes into the folder and return where they are; raises OSError or InputError."""
    check_inside(folder, folder / INPUTS_FOLDER)
    (folder / INPUTS_FOLDER).mkdir(exist_ok=True)

    def copy(picture: DecodedImage, stem: str) -> KeptInput:
        # The extension lets other programs open the copy.
        file = f"{INPUTS_FOLDER}/{stem}.{sniff(picture.encoded) or 'image'}"
        write_inside(folder, folder / file, picture.encoded)
        return KeptInput(file=file, sha256=picture.sha256, name=picture.name, suffix=picture.suffix)

    return inputs.map(copy)


def is_name_of_copy(name: str) -> bool:
    """Return True if `copy_inputs` gives a file this name."""
    return (
        re.fullmatch(r"(content|init|style-\d+(-mask)?|region-\d+-(mask|style|style-mask))\.[a-z]+", name) is not None
    )


def read_inputs(folder: Path, kept: KeptInputs, *, max_megapixels: float) -> Inputs:
    """Read the copies; raises InputError if one is missing or has changed."""

    def read(item: KeptInput, _: str) -> DecodedImage:
        path = folder / item.file
        try:
            with open_inside(folder, path) as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(
                f"cannot read {path}: {reason_of(error)}; put the picture back to continue the run"
            ) from None
        if sha256 != item.sha256:
            raise InputError(f"{path} has changed since the run began: restore it or start a new run")
        picture = read_picture(path, max_megapixels=max_megapixels)
        return dataclasses.replace(picture, name=item.name, suffix=item.suffix)

    return kept.map(read)
