"""Keys and records of the scoreboard, and its input pictures."""

import io

import numpy as np
import PIL.Image
import pytest

from scoreboard.inputs import PAIRS, pixels_digest, read_pairs, read_pixels
from scoreboard.methods import NOT_RECIPE, PAINTING_SOURCES, SOURCE, presets
from scoreboard.store import Store, digest, source_digest
from scoreboard.summary import SCORE_SOURCES


def test_a_digest_depends_on_every_value_and_not_on_the_order_of_names():
    assert digest({"a": 1, "b": [2, 3]}) == digest({"b": [2, 3], "a": 1})
    assert len({digest(value) for value in ({"a": 1}, {"a": 2}, {"b": 1}, [1], ["a", 1], {"a": "1"})}) == 6


CODE = 'def area(r):\n    """Return it."""\n    # Not exactly.\n    return 3.14 * r**2\n'


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ('def area(r):\n    """Return the area."""\n    return 3.14 * (r ** 2)\n', True),
        (CODE.replace("3.14", "3.1416"), False),
        (CODE.replace("area", "surface"), False),
    ],
    ids=["other comments", "other number", "other name"],
)
def test_the_digest_of_sources_depends_on_code_but_not_on_comments_and_layout(tmp_path, other, same):
    found = []
    for folder, text in (("one", CODE), ("two", other)):
        (tmp_path / folder / "package").mkdir(parents=True)
        (tmp_path / folder / "package" / "code.py").write_text(text)
        found.append(source_digest([tmp_path / folder]))
    assert (found[0] == found[1]) is same


def test_default_values_of_fields_can_be_left_out_of_the_digest(tmp_path):
    found: dict[bool, set[str]] = {True: set(), False: set()}
    for value in (1, 2):
        (tmp_path / "code.py").write_text(f"class A:\n    size: int = {value}\n    def f(self):\n        return 3\n")
        for defaults in found:
            found[defaults].add(source_digest([tmp_path], defaults=defaults))
    assert (len(found[True]), len(found[False])) == (2, 1)


def test_a_record_is_read_back_and_an_unknown_key_gives_none(tmp_path):
    store = Store(tmp_path / "new")
    store.put("key", {"seconds": 1.5})
    assert Store(tmp_path / "new").get("key") == {"seconds": 1.5}
    assert store.get("other") is None
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["key.json"]


def test_pairs_are_shrunk_once_and_keep_their_digests(images, tmp_path):
    first = read_pairs(images, tmp_path, 20, [0, 9])
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert read_pairs(images, tmp_path, 20, [0, 9]) == first
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == stamps
    assert [pair.name for pair in first] == ["00", "09"]
    assert read_pixels(first[1].content).shape == (20, 20, 3)
    assert (first[1].content.name, first[1].style.name) == ("content-eval-01.png", "style-eval-09.png")


def test_the_list_of_pairs_is_twelve_styles_with_eight_photos():
    assert [style for _, style in PAIRS] == [f"eval-{i:02d}" for i in range(12)]
    assert [photo for photo, _ in PAIRS] == [f"eval-{i % 8:02d}" for i in range(12)]


def test_the_digest_of_a_picture_does_not_depend_on_its_encoding(tmp_path):
    values = np.random.default_rng(1).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    digests = set()
    for level in (0, 9):
        buffer = io.BytesIO()
        PIL.Image.fromarray(values).save(buffer, "PNG", compress_level=level)
        (tmp_path / "a.png").write_bytes(buffer.getvalue())
        digests.add(pixels_digest(read_pixels(tmp_path / "a.png")))
    assert len(digests) == 1
    values[3, 3, 1] ^= 1
    assert pixels_digest(values) not in digests


def test_the_identity_of_a_preset_is_its_whole_recipe():
    identities = {method.name: method.identity() for method in presets(64)}
    assert identities["default"]["recipe"]["picture"]["size"] == 64
    assert len({digest(identity) for identity in identities.values()}) == len(identities)


def test_the_sources_that_keys_depend_on_exist():
    paths = [SOURCE / part for part in (*PAINTING_SOURCES, *SCORE_SOURCES)]
    assert [path for path in [*paths, *(SOURCE / "recipe" / name for name in NOT_RECIPE)] if not path.exists()] == []
