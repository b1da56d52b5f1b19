"""Odd cases for fuzz.py: drawn pictures of every format, recipes, run folders, weights and command lines, damaged."""

import io
import itertools
import json
import os
import random
import shutil
import struct
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import impasto  # noqa: F401  Sets, before torch is loaded, how long OpenMP's threads spin while they wait.

# isort: split
import numpy as np
import pillow_heif
import pyvips
import safetensors.torch
import tomli_w
import torch
from PIL import Image, ImageCms, PngImagePlugin

from impasto.api import start
from impasto.backbones.weight_formats import CONVOLUTIONS, kernel_shape
from impasto.events import Step
from impasto.images import write_picture
from impasto.recipe import FIELDS, resolve

SMALL: Final = ("--size", "32", "--steps", "1", "--levels", "1", "--quiet")
SETTINGS: Final = {"size": 32, "steps": 6, "levels": 1, "device": "cpu", "precision": "fp32", "style_losses": "gram"}
SETTINGS |= {"style_layers": "conv1_1", "content_layers": "conv2_1", "snapshots": (1,), "threads": 1}
ODD_WORDS: Final = (
    *("", " ", "nan", "inf", "-inf", "-1", "0", "1", "2.5", "1e400", "1e9", "9" * 30, "0x10", "1_0", "٣", "½", "100%"),
    *("a\nb", "\x1b[2J", "\u202egnp", "\x85", "\udcff", "x" * 5000, "a,b", ",", "=", "a=1", "conv4_1=1", "conv9_9=nan"),
    *("null", "on", "photo", "auto", "[1,2]", "{", "@", "photo.png@style.png", "style.png@", "photo.png=keep", "=keep"),
    *("~", "../x", ".", "/", "/dev/null", "missing/x.png", "http://127.0.0.1/x.png", "-", "--", "-o", "-x", "--json"),
    *("night", "gram", "--", "x.bmp", "x.tif", "x.jpg", "X.PNG", "tv", "0,0,1,1", "1,1,0,0", "adam", "noise", "cuda"),
)
ODD_VALUES: Final[tuple[Any, ...]] = (
    *(True, -1, 0, 1, 3, 2**31, 2**63, 2**70, 0.5, -0.0, 1e308, float("nan"), float("inf"), [], {}, "", "x" * 20_000),
    *([0] * 1000, {"a": {"b": {"c": [1]}}}, "\x1b[31m\x85\u202e", "a\nb", "\udcff", "../../x", "/etc/hostname", "nan"),
    *(
        None,
        [None],
        [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]],
        {"": 1},
        "night",
        "2026-01-01",
        "conv4_1",
        {"conv4_1": 1},
    ),
)
_INTEGERS: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 100_000)


_WIDTH, _HEIGHT = 32, 24


def draw(height: int = _HEIGHT, width: int = _WIDTH, seed: int = 0) -> np.ndarray:
    """Return a small picture of soft colors and noise, uint8."""
    y, x = np.mgrid[0:height, 0:width]
    soft = np.stack([x * 255 // width, y * 255 // height, (x + y) * 3], axis=-1)
    return (soft + np.random.default_rng(seed).integers(0, 40, soft.shape)).clip(0, 255).astype(np.uint8)


def pictures() -> dict[str, bytes]:
    """Return files of every format that impasto reads, in many of its forms."""
    rgb, exif, icc = Image.fromarray(draw()), Image.Exif(), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    exif.update({0x0112: 6, 0x010E: "a test", 0x8298: "nobody"})
    exif.get_ifd(0x8769).update({0x9003: "2020:01:01 00:00:00", 0x829A: (1, 60)})
    rgba = rgb.copy()
    rgba.putalpha(Image.fromarray(draw(seed=1)[..., 0]))
    about: dict[str, Any] = {"exif": exif.tobytes(), "icc_profile": icc.tobytes()}
    chunks = PngImagePlugin.PngInfo()
    for name, body in ((b"gAMA", struct.pack(">I", 55000)), (b"cHRM", struct.pack(">8I", *range(30000, 38000, 1000)))):
        chunks.add(name, body)
    files = {
        "rgb.jpg": _encode(rgb, "JPEG", **about),
        "gray.jpg": _encode(rgb.convert("L"), "JPEG", progressive=True),
        "cmyk.jpg": _encode(rgb.convert("CMYK"), "JPEG"),
        "rgb.png": _encode(rgb, "PNG", **about),
        "rgba.png": _encode(rgba, "PNG", pnginfo=chunks),
        "palette.png": _encode(rgb.convert("P"), "PNG", transparency=3),
        "one.png": _encode(rgb.convert("1"), "PNG"),
        "lossy.webp": _encode(rgba, "WEBP", **about),
        "lossless.webp": _encode(rgb, "WEBP", lossless=True),
        "moving.gif": _encode(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)]),
        "rgb.avif": _encode(rgb, "AVIF", **about),
        "rgba.avif": _encode(rgba, "AVIF"),
        "lab.tif": _encode(rgb.convert("LAB"), "TIFF"),
        "float.tif": _encode(rgb.convert("F").point(lambda v: v / 255), "TIFF"),
        "ycc.tif": _encode(rgb.convert("YCbCr"), "TIFF", compression="jpeg"),
    }
    for number, mode in enumerate(("RGB", "RGBA", "L", "P", "1", "CMYK")):
        how = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")[number % 4]
        source = rgba if mode == "RGBA" else rgb.convert(mode)
        files[f"{mode}.tif"] = _encode(source, "TIFF", compression=how, tiffinfo={0x0112: 6, 0x8298: "nobody"})
    deep = pyvips.Image.new_from_array(draw().astype(np.uint16) * 257, interpretation="rgb16")
    light = pyvips.Image.new_from_array(draw().astype(np.float32) / 255, interpretation="scrgb")
    files |= {"deep.png": deep.pngsave_buffer(interlace=True), "deep.tif": deep.tiffsave_buffer(compression="lzw")}
    files |= {"tiles.tif": light.tiffsave_buffer(tile=True, pyramid=True, bigtiff=True)}
    for name, image, depth in (("rgb.heic", rgb, {}), ("rgba.heic", rgba, {})):
        buffer = io.BytesIO()
        pillow_heif.from_pillow(image).save(buffer, **depth)
        files[name] = buffer.getvalue()
    return files


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def weights() -> dict[str, bytes]:
    """Return files of weights: a VGG-19 of one value in both forms of torch (a few kB), some layers as safetensors."""
    state = {}
    for name in CONVOLUTIONS:
        state[f"{name}.weight"] = torch.full((1,), 0.01).expand(kernel_shape(name))
        state[f"{name}.bias"] = torch.zeros(1).expand(kernel_shape(name)[0])
    files = {"few.safetensors": safetensors.torch.save({f"features.{n}.weight": torch.ones(2, 2) for n in range(9)})}
    for name, zipped in (("zip.pth", True), ("old.pth", False)):
        buffer = io.BytesIO()
        torch.save(state, buffer, _use_new_zipfile_serialization=zipped)
        files[name] = buffer.getvalue()
    return files


class Materials:
    """What cases are made from: a folder that `make` fills once, and that every process reads."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pictures = _contents(folder / "pictures")
        self.weights = _contents(folder / "weights")
        self.run = folder / "run"
        self.whole = (folder / "run-whole" / "result.png").read_bytes()

    @classmethod
    def make(cls, folder: Path) -> "Materials":
        """Draw the pictures and weights, and paint a run that was stopped halfway, and the same one that was not."""
        for kind, files in (("pictures", pictures()), ("weights", weights())):
            (folder / kind).mkdir(parents=True)
            for name, data in files.items():
                (folder / kind / name).write_bytes(data)
        for name, last in (("run-whole", 6), ("run", 3)):
            handle: list[Any] = []

            def stop(event: object, last: int = last, handle: list[Any] = handle) -> None:
                if handle and isinstance(event, Step) and event.step == last:
                    handle[0].stop()

            # The first call of `on_event` may come before `start` has returned.
            handle.append(start(draw(), draw(seed=2), run=folder / name, on_event=stop, **SETTINGS))
            handle[0].wait()
        return cls(folder)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# -- damage ------------------------------------------------------------------------------------------------------------


def damage(data: bytes, rng: random.Random, other: bytes = b"\xff" * 64) -> bytes:
    """Return a file with a few bytes flipped, replaced, removed, repeated, cut off or taken from another file."""
    found = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        if not found:
            break
        # Headers are at the beginning, sometimes at the end.
        at = int(len(found) * rng.random() ** 3)
        at = len(found) - 1 - at if rng.random() < 0.25 else at
        length = rng.choice((1, 2, 4, 16, 200))
        from_other = rng.randrange(max(1, len(other)))
        number = rng.choice(_INTEGERS)
        width = 1 if number < 2**8 else 2 if number < 2**16 else 4
        replacement: dict[str, bytes] = {
            "flip": bytes([found[at] ^ 1 << rng.randrange(8)]),
            "number": number.to_bytes(width * rng.choice((1, 2)), rng.choice(("big", "little"))),
            "noise": rng.randbytes(length),
            "other": other[from_other : from_other + length],
            "zeros": bytes(length),
        }
        way = rng.choice((*replacement, *replacement, "remove", "repeat", "cut"))
        if way in replacement:
            found[at : at + len(replacement[way])] = replacement[way]
        elif way == "remove":
            del found[at : at + length]
        elif way == "repeat":
            found[at:at] = found[at : at + length] * rng.choice((1, 2, 100))
        else:
            del found[-length * rng.choice((1, 20)) :]
    return bytes(found)


def with_size(data: bytes, rng: random.Random) -> bytes:
    """Return a drawn picture whose header states another size, usually a very large one."""
    width, height = (rng.choice((0, 1, 33, 5_000, 13_900, 20_000, 65_535)) for _ in range(2))
    for order, letter in itertools.product("<>", "HI"):
        for before, after in (((_WIDTH, _HEIGHT), (width, height)), ((_HEIGHT, _WIDTH), (height, width))):
            data = data.replace(struct.pack(order + 2 * letter, *before), struct.pack(order + 2 * letter, *after), 1)
        for tag, before, after in ((256, _WIDTH, width), (257, _HEIGHT, height)):  # of TIFF
            entry = struct.pack(order + "HHI", tag, 3 if letter == "H" else 4, 1)
            data = data.replace(entry + struct.pack(order + letter, before), entry + struct.pack(order + letter, after))
    return data


def with_checksums(png: bytes) -> bytes:
    """Return a PNG whose chunks have right checksums, or the file as it is if its chunks cannot be followed."""
    parts, at = [png[:8]], 8
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            return png
        parts.append(png[at:end] + struct.pack(">I", zlib.crc32(png[at + 4 : end])))
        at = end + 4
    return b"".join(parts)


def alter(value: Any, rng: random.Random) -> Any:
    """Return stored values with one of them, at any depth, replaced by an odd one, removed, renamed or repeated."""
    if isinstance(value, (dict, list)) and value and rng.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key, copied = rng.choice(list(keys)), value.copy()
        way = rng.random()
        if way < 0.8:
            copied[key] = alter(value[key], rng)
        elif way < 0.9:
            del copied[key]
        elif isinstance(copied, dict):
            copied[rng.choice(("", "x", "size", "\x1b[2J", f"{key}x"))] = copied.pop(key)
        else:
            copied.insert(rng.randrange(len(copied) + 1), value[key])
        return copied
    if isinstance(value, (int, float)) and rng.random() < 0.3:
        return rng.choice((-value, value + 1, value * 1000, float(value), str(value)))
    return rng.choice(ODD_VALUES)


def altered(value: Any, rng: random.Random) -> Any:
    """Return stored values with one to four changes."""
    for _ in range(rng.choice((1, 1, 2, 4))):
        value = alter(value, rng)
    return value


def damaged_json(data: bytes, rng: random.Random) -> bytes:
    """Return a JSON file with odd values, or with damaged bytes."""
    with suppress(ValueError):  # damaged already
        if rng.random() < 0.7:
            return json.dumps(altered(json.loads(data), rng)).encode()
    return damage(data, rng)


def damaged_lines(data: bytes, rng: random.Random) -> bytes:
    """Return a file of JSON lines with lines altered, removed, repeated, exchanged, or with damaged bytes."""
    lines = data.splitlines(keepends=True)
    at, to = (rng.randrange(len(lines)) for _ in range(2))
    way = rng.randrange(6)
    if way == 0:
        return damage(data, rng)
    if way == 1:
        del lines[at]
    elif way == 2:
        lines.insert(to, lines[at])
    elif way == 3:
        lines[at], lines[to] = lines[to], lines[at]
    else:
        lines[at] = damaged_json(lines[at], rng) + b"\n"
    return b"".join(lines)


def damaged_tensors(data: bytes, rng: random.Random) -> bytes:
    """Return a safetensors file with an odd header, or with damaged bytes."""
    length = int.from_bytes(data[:8], "little")
    try:
        header = altered(json.loads(data[8 : 8 + length]), rng)
    except ValueError:  # damaged already
        return damage(data, rng)
    if rng.random() < 0.4:
        return damage(data, rng)
    about = header.get("__metadata__") if isinstance(header, dict) else None
    if isinstance(about, dict) and "scalars" in about and rng.random() < 0.5:
        about["scalars"] = damage(str(about["scalars"]).encode("utf-8", "replace"), rng).decode(errors="replace")
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


# -- cases: each fills the current folder, which holds photo.png and style.png, and returns the words of a call --------

Words = Sequence[str]


def picture_case(made: Materials, rng: random.Random, here: Path) -> Words:
    name, other = (rng.choice(sorted(made.pictures)) for _ in range(2))
    data = made.pictures[name]
    data = with_size(data, rng) if rng.random() < 0.15 else damage(data, rng, made.pictures[other])
    odd = f"odd{Path(name).suffix}"
    (here / odd).write_bytes(with_checksums(data) if name.endswith("png") and rng.random() < 0.8 else data)
    painted = ("-o", "out.png", *SMALL)
    return rng.choice(
        (
            *[("recolor", odd, "style.png", "-o", f"out{rng.choice(('.png', '.jpg', '.webp', '.tif'))}")] * 6,
            *[("recolor", "photo.png", odd, "-o", "out.png")] * 3,
            *[("info", odd)] * 2,
            (odd, "style.png", *painted),
            ("photo.png", odd, *painted),
            ("photo.png", f"style.png@{odd}", *painted),
            ("photo.png", "style.png", "--init", odd, *painted),
            ("photo.png", "style.png", "--region", f"{odd}=keep", *painted),
            ("photo.png", "style.png", "--from", odd, *painted),
        )
    )


def recipe_case(made: Materials, rng: random.Random, here: Path) -> Words:
    preset = rng.choice((None, "draft", "paper", "notebook", "classic", "photoreal"))
    recipe = resolve(preset).to_dict()
    name = rng.choice(("odd.toml", "odd.json"))
    changed = altered(recipe, rng)
    try:
        text = json.dumps(changed) if name.endswith("json") else tomli_w.dumps(changed)
        data = text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1")))
    except (TypeError, ValueError, AttributeError):  # what TOML cannot hold
        data = tomli_w.dumps(recipe).encode()
    if rng.random() < 0.3:
        data = damage(data, rng)
    (here / name).write_bytes(data)
    return ("photo.png", "style.png", "--recipe", name, "-o", "out.png", *SMALL)


def record_case(made: Materials, rng: random.Random, here: Path) -> Words:
    recorded = {
        "program": "impasto",
        "version": "0.1.0",
        "recipe": resolve("draft").to_dict(),
        "figures": {"loss": 1.5},
    }
    recorded |= {"inputs": {"content": [{"name": "photo.png", "sha256": "0" * 64, "size": [32, 24]}]}}
    recorded["inputs"] |= {"styles": [{"name": "style.png", "sha256": "0" * 64, "mask": {"name": "a.png"}}]}
    metadata = altered(recorded, rng)
    if not isinstance(metadata, dict):
        metadata = recorded
    odd = f"odd{rng.choice(('.png', '.jpg', '.webp', '.tif'))}"
    write_picture(here / odd, draw(), metadata=metadata)
    painted = ("photo.png", "style.png", "--from", odd, "-o", "out.png", *SMALL)
    return rng.choice((("info", odd), ("info", odd, "--json"), painted))


def run_case(made: Materials, rng: random.Random, here: Path) -> Words:
    """A run folder that is damaged in any file; it may continue to another picture, if its recipe was changed."""
    run = Path(shutil.copytree(made.run, here / "run"))
    for _ in range(rng.choice((1, 1, 1, 3))):
        path = rng.choice(sorted(run.rglob("*")))
        if not path.is_file() or path.is_symlink():
            continue
        data, way = path.read_bytes(), rng.random()
        if way < 0.06:
            path.unlink()
        elif way < 0.1:
            path.unlink()
            rng.choice(
                (path.mkdir, lambda path=path: path.symlink_to(here / "photo.png"), lambda p=path: os.mkfifo(p))
            )()
        elif way < 0.14:
            path.write_bytes(rng.choice(sorted(made.pictures.values())))
        else:
            path.write_bytes(_damaged_by_kind(path)(data, rng) if data else b"x")
    return rng.choice((("runs", "run"), ("runs", "--json"), *[("resume", "run", "-o", "out.png", "--quiet")] * 3))


def _damaged_by_kind(path: Path) -> Callable[[bytes, random.Random], bytes]:
    kinds = {".json": damaged_json, ".jsonl": damaged_lines, ".safetensors": damaged_tensors}
    return kinds.get(path.suffix, damage)


def checkpoint_case(made: Materials, rng: random.Random, here: Path) -> Words:
    """Only checkpoints are damaged: the run is refused, or ends with the very picture of the undamaged one."""
    run = Path(shutil.copytree(made.run, here / "run"))
    for path in sorted(run.glob("checkpoint*.safetensors")):
        if rng.random() < 0.8:
            path.write_bytes(damaged_tensors(path.read_bytes(), rng))
    return ("resume", "run", "-o", "out.png", "--quiet")


def weights_case(made: Materials, rng: random.Random, here: Path) -> Words:
    name, other = (rng.choice(sorted(made.weights)) for _ in range(2))
    data = made.weights[name]
    is_plain = name.endswith("safetensors")
    (here / name).write_bytes(damaged_tensors(data, rng) if is_plain else damage(data, rng, made.weights[other]))
    network = rng.choice(("vgg19", "vgg19", "vgg16", "alexnet"))
    return ("photo.png", "style.png", "--weights", name, "--backbone", network, "-o", "out.png", *SMALL)


_FLAGS: Final = (
    *(f"--{name.replace('_', '-')}" for name in FIELDS if name != "threads"),
    *("--out", "-o", "--json", "--quiet", "--bits", "--quality", "--run", "--preset", "--recipe", "--from", "--region"),
    *(
        "--style-mix-steps",
        "--help",
        "--help-all",
        "--version",
        "--mask",
        "--palette",
        "--backbone",
        "--export",
        "--all",
    ),
)
_CALLS: Final[tuple[Words, ...]] = (
    *[("photo.png", "style.png", *SMALL)] * 6,
    ("photo.png", "style.png", "style.png", "--style-mix", "50,50", *SMALL),
    ("stylize", "photo.png", "night", *SMALL),
    ("recolor", "photo.png", "style.png"),
    ("mask", "photo.png"),
    ("info", "photo.png"),
    ("info",),
    ("plates",),
    ("plates", "export", ".", "night"),
    ("presets", "paper"),
    ("runs", "."),
    ("resume", "run"),
    ("help", "recolor"),
)


def call_case(made: Materials, rng: random.Random, here: Path) -> Words:
    words = list(rng.choice(_CALLS))
    if "resume" in words or "." in words:
        shutil.copytree(made.run, here / "run")
    for _ in range(rng.choice((1, 1, 2, 3, 5))):
        at = rng.randrange(1, len(words) + 1)
        way = rng.random()
        if way < 0.5:
            words[at:at] = [rng.choice(_FLAGS), rng.choice(ODD_WORDS)]
        elif way < 0.6:
            words[at:at] = [f"{rng.choice(_FLAGS)}={rng.choice(ODD_WORDS)}"]
        elif way < 0.7:
            words.insert(at, rng.choice(_FLAGS))
        elif way < 0.9 and at < len(words):
            words[at] = rng.choice(ODD_WORDS)
        elif at < len(words):
            del words[at]
    return words


CASES: Final[dict[str, tuple[Callable[[Materials, random.Random, Path], Words], int]]] = {
    "picture": (picture_case, 40),
    "recipe": (recipe_case, 12),
    "record": (record_case, 10),
    "run folder": (run_case, 14),
    "checkpoint": (checkpoint_case, 8),
    "weights": (weights_case, 4),
    "command line": (call_case, 12),
}
"""What is tried, and how often of a hundred."""


def build(made: Materials, seed: int, number: int, here: Path) -> tuple[str, list[str]]:
    """Fill a new folder with the files of a case, and return its kind and the words of the call."""
    rng = random.Random(f"{seed}/{number}")
    kind = rng.choices(list(CASES), [share for _, share in CASES.values()])[0]
    here.mkdir(parents=True)
    for name, which in (("photo.png", 0), ("style.png", 2)):
        (here / name).write_bytes(_encode(Image.fromarray(draw(seed=which)), "PNG"))
    return kind, list(CASES[kind][0](made, rng, here))
