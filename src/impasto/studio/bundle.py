"""A run as a ZIP archive: its painting, its pictures under plain names, and the command that paints it from them."""

import secrets
import zipfile
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from impasto.errors import InputError
from impasto.images import encode_picture, quantize, read_picture
from impasto.recipe import INITS, KEEP, Recipe, RegionSettings
from impasto.runs import KeptInput, RunFolder
from impasto.saliency import AUTOMATIC_MASKS
from impasto.studio.finish import UNCHANGED, Finish, encode_finished
from impasto.studio.load_run import plate_of
from impasto.studio.run_index import Workspace, newest_picture, slug
from impasto.studio.submission import error_line

PAINTING_FILE: Final = "painting.png"
COMMAND_FILE: Final = "command.txt"


class Commands(NamedTuple):
    """What paints a run's picture again in a folder with `files`, the names of which lead to the copies in the run."""

    shell: str
    python: str
    files: dict[str, Path]


def commands_of(path: Path) -> Commands:
    """Return the commands of a run, without settings of this machine; raises InputError if its folder is damaged."""
    folder, standard = RunFolder.open(path), Recipe()
    kept, files = folder.kept_inputs, _Files(path)
    machine = {name: standard.get(name) for name in ("device", "threads", "max_memory", "max_megapixels")}
    recipe = folder.recipe.with_changes(**machine)
    photo = files.add(kept.content, "photo")
    styles = [files.add(style, "style") for style in kept.styles]
    for number, mask in enumerate(kept.style_masks):
        styles[number] += "" if mask is None else f"@{files.add(mask, 'style-mask')}"
    regions = []
    for setting, region in zip(recipe.regions, kept.regions, strict=True):
        style_mask = None if region.style_mask is None else files.add(region.style_mask, "style-mask")
        regions.append(
            RegionSettings(
                mask=setting.mask
                if setting.mask in AUTOMATIC_MASKS
                else files.add(region.mask, "mask", is_named=False),
                style=KEEP if region.style is None else files.add(region.style, "style"),
                style_mask=style_mask,
            )
        )
    if kept.init is not None and recipe.start.init not in INITS:
        recipe = recipe.with_changes(init=files.add(kept.init, "start"))
    recipe = recipe.with_changes(regions=regions)
    python = f"import impasto\n\n{recipe.as_python(photo, *styles)}"
    return Commands(recipe.as_command(photo, *styles), python, files.by_name)


class _Files:
    """Gives the pictures of a run plain names, each another one, and none that of the painting."""

    def __init__(self, run: Path) -> None:
        self._run = run
        self.by_name: dict[str, Path] = {}

    def add(self, kept: KeptInput, default: str, *, is_named: bool = True) -> str:
        """Return the name of a picture: that of a built-in style, or that of a file, derived from the visitor's."""
        if (plate := plate_of(kept.sha256)) is not None:
            return plate
        stem, number = slug(kept.name, default) if is_named else default, 1
        while (name := f"{stem}{'' if number == 1 else f'-{number}'}.png") in (PAINTING_FILE, *self.by_name):
            number += 1
        self.by_name[name] = self._run / kept.file
        return name


def write_bundle(workspace: Workspace, name: str, finish: Finish = UNCHANGED) -> Path:
    """Write the archive of a run into the folder for visitors and return its path; its pictures have no EXIF data.

    The painting has the finish.

    Raises InputError if there is no such run, or its pictures cannot be read or written.
    """
    path = workspace.folder_of(name)
    commands, painting = commands_of(path), newest_picture(path)
    target = workspace.exports / f"{name}.zip"
    part = target.with_name(f".{secrets.token_hex(8)}")
    try:
        with zipfile.ZipFile(part, "w") as archive:
            for file, copy in commands.files.items():
                archive.writestr(file, _png(copy))
            if painting is not None and finish.changes_nothing:
                archive.write(painting, PAINTING_FILE)
            elif painting is not None:
                archive.writestr(PAINTING_FILE, encode_finished(painting, path, finish, ".png"))
            archive.writestr(COMMAND_FILE, commands.shell + "\n")
        part.replace(target)
    except (OSError, InputError) as error:
        part.unlink(missing_ok=True)
        raise InputError(f"cannot write {target.name}: {error_line(error, path)}") from None
    return target


def _png(file: Path) -> bytes:
    """Return a picture as a PNG of the same pixels, of 16 bits if 8 are too few."""
    picture = read_picture(file, max_megapixels=100_000.0)
    is_exact = np.array_equal(quantize(picture.pixels) / np.float32(255), picture.pixels)
    return encode_picture(picture.pixels, ".png", alpha=picture.alpha, bits=8 if is_exact else 16)
