"""run.json and the copies of the inputs: what a run is, written once when it begins."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from impasto.errors import InputError
from impasto.images import DecodedImage, atomic_write, read_picture
from impasto.recipe import Recipe
from impasto.runs.disk import why

HEADER: Final = "run.json"
INPUTS: Final = "inputs"


@dataclass(frozen=True, kw_only=True, eq=False)
class RegionInputs:
    """The pictures of a region: its mask, its style (None: the photo stays) and which part of that teaches."""

    mask: DecodedImage
    style: DecodedImage | None = None
    style_mask: DecodedImage | None = None


@dataclass(frozen=True, eq=False)
class RunInputs:
    """The pictures a run begins with; `init` is the picture that the canvas starts from, if it is a file.

    `style_masks` has one entry for each style, or none at all.
    """

    content: DecodedImage
    styles: tuple[DecodedImage, ...]
    init: DecodedImage | None = None
    style_masks: tuple[DecodedImage | None, ...] = ()
    regions: tuple[RegionInputs, ...] = ()


class _Part(BaseModel):
    # Fields that a later version may add are left alone.
    model_config = ConfigDict(frozen=True, extra="ignore")


class KeptInput(_Part):
    """The copy of an input file: where it lies in the run folder, its SHA-256, and the name the person knows it by."""

    file: Annotated[str, Field(pattern=rf"^{INPUTS}/[a-z0-9-]+\.[a-z]+$")]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    name: str


class KeptRegion(_Part):
    """The copies of a region's pictures."""

    mask: KeptInput
    style: KeptInput | None
    style_mask: KeptInput | None


class KeptInputs(_Part):
    """The copies of all inputs."""

    content: KeptInput
    styles: tuple[KeptInput, ...]
    init: KeptInput | None
    style_masks: tuple[KeptInput | None, ...] = ()
    regions: tuple[KeptRegion, ...] = ()


class Header(_Part):
    """What run.json holds."""

    format: Literal[1] = 1
    program: Literal["impasto"] = "impasto"
    version: str
    created: AwareDatetime
    recipe: dict[str, Any]
    inputs: KeptInputs
    output: str | None
    command: str | None

    def checked_recipe(self) -> Recipe:
        """Return the recipe that the run began with; raises InputError if this version does not know it."""
        return Recipe().with_changes(**self.recipe)


def program_version() -> str:
    """Return the version of the installed program, or `unknown` when it runs from its source."""
    try:
        return version("impasto")
    except PackageNotFoundError:
        return "unknown"


def write_header(folder: Path, header: Header) -> None:
    """Write run.json, atomically: a folder is a run from this moment."""
    atomic_write(folder / HEADER, (header.model_dump_json(indent=2) + "\n").encode())


def read_header(folder: Path) -> Header:
    """Read run.json; raises InputError if the folder holds no run, or one that this version cannot read."""
    try:
        text = (folder / HEADER).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        missing = "holds no run: give the folder that --run named" if folder.is_dir() else "is not a folder with a run"
        raise InputError(f"{folder} {missing}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {folder / HEADER}: {why(error)}") from None
    try:
        fields = json.loads(text)
        if isinstance(fields, dict) and fields.get("format", 1) != 1:
            raise InputError(f"{folder} holds a run of format {fields['format']!r}: it needs a newer impasto")
        header = Header.model_validate(fields)
        header.checked_recipe()
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole file"
        raise InputError(f"{folder / HEADER} is damaged: {place}: {first['msg']}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{folder / HEADER} is damaged: {error}") from None
    return header


def keep_inputs(folder: Path, inputs: RunInputs) -> KeptInputs:
    """Copy the files' bytes into the folder and return where they are; raises OSError or InputError."""
    (folder / INPUTS).mkdir(exist_ok=True)

    def keep(picture: DecodedImage, stem: str) -> KeptInput:
        file = f"{INPUTS}/{stem}{_suffix(picture.encoded)}"
        atomic_write(folder / file, picture.encoded)
        return KeptInput(file=file, sha256=picture.sha256, name=picture.name)

    def keep_if_there(picture: DecodedImage | None, stem: str) -> KeptInput | None:
        return None if picture is None else keep(picture, stem)

    return KeptInputs(
        content=keep(inputs.content, "content"),
        styles=tuple(keep(style, f"style-{number}") for number, style in enumerate(inputs.styles, start=1)),
        init=keep_if_there(inputs.init, "init"),
        style_masks=tuple(
            keep_if_there(mask, f"style-{number}-mask") for number, mask in enumerate(inputs.style_masks, start=1)
        ),
        regions=tuple(
            KeptRegion(
                mask=keep(region.mask, f"region-{number}-mask"),
                style=keep_if_there(region.style, f"region-{number}-style"),
                style_mask=keep_if_there(region.style_mask, f"region-{number}-style-mask"),
            )
            for number, region in enumerate(inputs.regions, start=1)
        ),
    )


def read_inputs(folder: Path, kept: KeptInputs, *, max_megapixels: float) -> RunInputs:
    """Read the copies; raises InputError if one is missing or is not, byte for byte, what was kept."""

    def read(item: KeptInput) -> DecodedImage:
        path = folder / item.file
        try:
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InputError(f"cannot read {path}: {why(error)}; put the picture back to go on with the run") from None
        if sha256 != item.sha256:
            raise InputError(f"{path} has changed since the run began: put the first one back or start a new run")
        return dataclasses.replace(read_picture(path, max_megapixels=max_megapixels), name=item.name)

    def read_if_there(item: KeptInput | None) -> DecodedImage | None:
        return None if item is None else read(item)

    return RunInputs(
        content=read(kept.content),
        styles=tuple(map(read, kept.styles)),
        init=read_if_there(kept.init),
        style_masks=tuple(map(read_if_there, kept.style_masks)),
        regions=tuple(
            RegionInputs(
                mask=read(region.mask),
                style=read_if_there(region.style),
                style_mask=read_if_there(region.style_mask),
            )
            for region in kept.regions
        ),
    )


def _suffix(data: bytes) -> str:
    """Return the file name's ending that fits the bytes, so that other programs open the copy."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ".webp"
    if data[4:8] == b"ftyp":
        return ".avif" if data[8:12] in (b"avif", b"avis") else ".heic"
    known = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"II": ".tif", b"MM": ".tif"}
    return next((suffix for magic, suffix in known.items() if data.startswith(magic)), ".image")
