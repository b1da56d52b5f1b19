"""The main job: what is painted, where it is written, and what is reported."""

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from impasto.images import plate_path, quantize, read_metadata, read_picture, write_picture
from impasto.recipe import PRESETS, Recipe
from impasto.runs import Inputs, RunFolder

SMALL = ("--size", "48", "--steps", "2", "--device", "cpu", "--precision", "fp32")


def pixels(path) -> np.ndarray:
    return np.asarray(PIL.Image.open(path))


def test_standard_output_carries_the_path_alone(stylize, folder):
    outcome = stylize("-o", "out.png")
    assert (outcome.code, outcome.out) == (0, "out.png\n")
    assert pixels(folder / "out.png").shape == (36, 48, 3)


@pytest.mark.parametrize("words", [["photo.png", "style.jpg", *SMALL], [*SMALL, "photo.png", "style.jpg"]])
def test_the_word_stylize_may_be_left_out(stylize, impasto, folder, words):
    stylize("-o", "named.png")
    outcome = impasto(*words, "-o", "out.png")
    assert (outcome.code, outcome.out) == (0, "out.png\n"), outcome
    assert (folder / "out.png").read_bytes() == (folder / "named.png").read_bytes()


def test_a_command_means_the_command_also_if_a_photo_has_its_name(impasto, folder):
    (folder / "presets").write_bytes((folder / "photo.png").read_bytes())
    assert impasto("presets").out.startswith("default")
    assert impasto("./presets", "style.jpg", *SMALL).out == "presets_style.png\n"


def test_without_an_output_the_file_is_named_after_both_inputs_and_numbered_if_taken(stylize, folder):
    assert [stylize("--steps", 1).out for _ in range(3)] == [
        "photo_style.png\n",
        "photo_style-2.png\n",
        "photo_style-3.png\n",
    ]
    assert (folder / "photo_style-3.png").exists()


def test_a_named_output_is_overwritten(stylize, folder):
    (folder / "out.png").write_bytes(b"old")
    stylize("-o", "out.png")
    assert pixels(folder / "out.png").shape == (36, 48, 3)


def test_a_hint_reports_a_result_smaller_than_the_photo_unless_its_size_was_chosen(impasto, stylize, folder):
    PIL.Image.new("RGB", (600, 400)).save("large.png")
    Path("small.toml").write_text("size = 512\n")
    hint = "impasto: the photo is 600 x 400, the result 256 x 171: --size photo paints it in full size"
    draft = ["large.png", "style.jpg", "--preset", "draft", "--steps", 1, "--device", "cpu"]
    assert hint in impasto(*draft).errors
    assert "--size photo" not in impasto(*draft, "--recipe", "small.toml").err
    assert "--size photo" not in stylize(content="large.png").err


def test_quiet_prints_only_the_path(stylize):
    outcome = stylize("--quiet", "-o", "out.png")
    assert (outcome.code, outcome.out, outcome.err) == (0, "out.png\n", "")


def test_json_is_one_object_with_figures_and_recipe(stylize):
    outcome = stylize("--json", "-o", "out.png", "--seed", 7)
    facts = json.loads(outcome.out)
    assert outcome.out.count("\n") == 1
    assert {name: facts[name] for name in ("path", "size", "steps", "reason", "seed", "device", "precision")} == {
        "path": "out.png",
        "size": [48, 36],
        "steps": 2,
        "reason": "steps",
        "seed": 7,
        "device": "cpu",
        "precision": "fp32",
    }
    assert facts["loss"] > 0
    assert abs(facts["saved_loss"] / facts["loss"] - 1) < 0.1
    assert facts["seconds"] > 0
    assert Recipe(**facts["recipe"]).picture.size == 48


def test_presets_files_and_flags_are_merged_in_that_order(stylize, folder):
    (folder / "mine.toml").write_text("network.pooling = 'max'\nschedule.steps = 3\n")
    facts = json.loads(stylize("--preset", "paper", "--recipe", "mine.toml", "--steps", "2", "--json").out)
    fixed = {"size": 48, "steps": 2, "pooling": "max", "device": "cpu", "precision": "fp32"}
    assert Recipe(**facts["recipe"]) == PRESETS["paper"].with_changes(**fixed)


def test_a_painted_picture_repeats_itself_bit_for_bit(stylize, impasto, folder):
    flags = ["--init", "noise", "--seed", 5, "--style-crop", "3,4,48,50", "--pooling", "average", "--steps", 3]
    stylize("-o", "first.png", *flags)
    again = impasto("stylize", "--from", "first.png", "photo.png", "style.jpg", "-o", "again.png")
    assert again.code == 0
    assert (folder / "again.png").read_bytes() == (folder / "first.png").read_bytes()
    other = impasto("stylize", "--from", "first.png", "--seed", "6", "photo.png", "style.jpg", "-o", "other.png")
    assert other.code == 0
    assert (pixels(folder / "other.png") != pixels(folder / "first.png")).any()


def test_a_repetition_with_other_instructions_of_the_processor_says_so_in_one_line(
    stylize, impasto, folder, monkeypatch
):
    stylize("-o", "first.png")
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    again = ("photo.png", "style.jpg", "--from", "first.png", "-o", "again.png")
    said = [line for line in impasto(*again).errors if "bit for bit" in line]
    assert len(said) == 1
    assert said[0].endswith("ONEDNN_MAX_CPU_ISA=AVX2: the picture will look the same, but may not be equal bit for bit")
    assert "bit for bit" not in impasto(*again, "--seed", 3).err  # another picture
    assert "bit for bit" not in impasto("style.jpg", *again[1:]).err  # another photo
    assert impasto(*again, "--quiet").err == ""


def test_a_resumed_run_says_so_too(impasto, folder, monkeypatch):
    picture = read_picture("photo.png")
    recipe = Recipe(size=48, steps=1, levels=1, device="cpu", precision="fp32")
    RunFolder.create(Path("run"), recipe=recipe, inputs=Inputs(content=picture, styles=(picture,))).close()
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    resumed = impasto("resume", "run", "-o", "out.png")
    assert resumed.code == 0
    assert sum("bit for bit" in line for line in resumed.errors) == 1


@pytest.mark.parametrize(("words", "bits"), [((), 16), (("--bits", 8), 8)])
def test_a_resumed_run_has_its_own_bits_unless_others_are_stated(impasto, folder, words, bits):
    picture = read_picture("photo.png")
    recipe = Recipe(size=48, steps=1, levels=1, device="cpu", precision="fp32")
    inputs = Inputs(content=picture, styles=(picture,))
    RunFolder.create(Path("run"), recipe=recipe, inputs=inputs, bits=16).close()
    assert impasto("resume", "run", "-o", "out.png", *words).code == 0
    assert (folder / "out.png").read_bytes()[24] == bits


def test_a_picture_of_an_older_version_is_repeated_under_the_present_names(stylize, folder):
    old = {"size": 24, "steps": 1, "rescue": 2.0, "style_losses": ["wasserstein=1.0", "grain=0.02"], "color": "photo"}
    write_picture(folder / "old.png", np.zeros((8, 8, 3), np.float32), metadata={"recipe": old})
    stylize("--from", "old.png", "-o", "again.png")
    recipe = read_metadata(folder / "again.png")["recipe"]
    assert recipe["content"]["saliency_weight"] == 2
    assert recipe["style"]["losses"] == {"wasserstein": 1, "gradient_energy": 0.02}
    assert recipe["color"]["mode"] == "photo"


def test_a_built_in_style_is_named_and_a_file_of_that_name_by_its_folder(stylize, folder, painting):
    assert stylize(style="night").out == "photo_night.png\n"
    (night,) = read_metadata(folder / "photo_night.png")["inputs"]["styles"]
    assert night["name"] == "night"
    stylize("-o", "path.png", style=str(plate_path("night")))
    (by_path,) = read_metadata(folder / "path.png")["inputs"]["styles"]
    assert (by_path["name"], by_path["sha256"]) == ("night.webp", night["sha256"])
    PIL.Image.fromarray(quantize(painting)).save(folder / "night", format="PNG")
    stylize("-o", "file.png", style="./night")
    assert read_metadata(folder / "file.png")["inputs"]["styles"][0]["sha256"] != night["sha256"]


def test_snapshots_are_written_beside_the_output(stylize, folder):
    stylize("-o", "out.jpg", "--steps", 5, "--snapshots", "2,3", "--snapshot-every", 5)
    names = sorted(path.name for path in folder.glob("out-*"))
    assert names == ["out-000002.png", "out-000003.png", "out-000005.png"]
    assert all(pixels(folder / name).shape == (36, 48, 3) for name in names)


def test_the_file_has_the_requested_bits_and_quality(stylize, folder):
    stylize("-o", "out.png", "--bits", 16)
    assert (folder / "out.png").read_bytes()[24] == 16, "the bit depth in the header of the PNG"
    stylize("-o", "fine.jpg")
    stylize("-o", "coarse.jpg", "--quality", 20)
    assert (folder / "coarse.jpg").stat().st_size < (folder / "fine.jpg").stat().st_size


def test_a_picture_goes_through_standard_input_and_output(start, folder, stylize):
    process = start("-", "style.jpg", "-o", "-", *SMALL, stdin=(folder / "photo.png").read_bytes())
    out, err = process.communicate((folder / "photo.png").read_bytes(), timeout=120)
    assert process.returncode == 0, err
    assert out.startswith(b"\x89PNG")
    assert out.endswith(b"IEND\xaeB`\x82")
    (folder / "piped.png").write_bytes(out)
    stylize("-o", "file.png")
    assert (pixels(folder / "piped.png") == pixels(folder / "file.png")).all()
    assert sorted(path.name for path in folder.glob("*.png")) == ["file.png", "photo.png", "piped.png"]


def test_a_run_folder_keeps_the_run_and_its_snapshots(stylize, impasto, folder):
    assert stylize("--run", "kept", "--snapshots", "1", "-o", "out.png").code == 0
    assert (folder / "kept/snapshots/000001.png").exists()
    assert not list(folder.glob("out-*"))
    assert (pixels(folder / "kept/result.png") == pixels(folder / "out.png")).all()
    listed = impasto("runs", ".")
    assert listed.code == 0
    assert listed.out.split() == ["kept", "finished", "2/2", "48", "x", "36", "loss", *listed.out.split()[7:]]
    assert listed.out.rstrip().endswith("photo + style")
    runs = json.loads(impasto("runs", "kept", "--json").out)["runs"]
    assert (runs[0]["status"], runs[0]["step"], runs[0]["path"]) == ("finished", 2, "kept")


@pytest.mark.parametrize("name", ["été.png", "two words.jpg", "-leading.png"])
def test_names_may_be_unusual(stylize, folder, name):
    assert stylize(f"--out={name}").out == f"{name}\n"
    assert (folder / name).exists()


@pytest.mark.parametrize("words", [(), ("--run", "kept")])
def test_a_result_smaller_than_asked_is_told_once_with_the_flag_that_enlarges_it(stylize, words):
    line = "impasto: the photo has only 64 x 48 px, so the result has, too: --upscale paints it at 768 px"
    assert stylize("--size", 768, *words).errors.count(line) == 1
