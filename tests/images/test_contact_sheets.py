"""Contact sheets: positions of pictures and captions."""

import itertools

import numpy as np
import pytest

from impasto.images import contact_sheet


def _plain(height: int, width: int, *color: float) -> np.ndarray:
    return np.broadcast_to(np.array(color, np.float32), (height, width, 3)).copy()


def test_pictures_are_in_their_cells_with_gaps_between():
    red, green, blue = _plain(20, 20, 1, 0, 0), _plain(50, 50, 0, 1, 0), _plain(7, 7, 0, 0, 1)
    sheet = contact_sheet([[red, green], [blue]], cell=32, gap=4)
    assert sheet.shape == (4 + 2 * 36, 4 + 2 * 36, 3)
    assert sheet.dtype == np.float32
    assert np.array_equal(sheet[4:36, 4:36], _plain(32, 32, 1, 0, 0))
    assert np.array_equal(sheet[4:36, 40:72], _plain(32, 32, 0, 1, 0))
    assert np.array_equal(sheet[40:72, 4:36], _plain(32, 32, 0, 0, 1))
    assert sheet[40:, 36:].min() == 1
    assert sheet[:4].min() == sheet[36:40].min() == sheet[:, :4].min() == 1


def test_a_tall_picture_is_centered_and_a_row_is_only_as_high_as_its_pictures():
    wide, tall = _plain(10, 40, 0, 0, 0), _plain(40, 10, 0, 0, 0)
    beside = contact_sheet([[wide, tall]], cell=40, gap=0)
    assert np.flatnonzero(beside[:, :40].max(axis=(1, 2)) == 0).tolist() == list(range(15, 25))
    assert np.flatnonzero(beside[:, 40:].max(axis=(0, 2)) == 0).tolist() == list(range(15, 25))
    below = contact_sheet([[wide], [tall]], cell=40, gap=4)
    assert below.shape == (4 + 10 + 4 + 40 + 4, 4 + 40 + 4, 3)
    assert np.flatnonzero(below.min(axis=(1, 2)) == 1).tolist() == [*range(4), *range(14, 18), *range(58, 62)]


def test_captions_are_below_the_pictures():
    pictures = [[_plain(20, 20, 1, 1, 1)] * 2]
    bare = contact_sheet(pictures, cell=96, gap=8)
    sheet = contact_sheet(pictures, captions=[["first", "second"]], cell=96, gap=8)
    assert sheet.shape[0] > bare.shape[0]
    assert sheet[: 8 + 96].min() == 1
    below = sheet[8 + 96 :]
    assert below[:, 8:104].min() < 0.5
    assert below[:, 112:208].min() < 0.5
    assert not np.array_equal(below[:, 8:104], below[:, 112:208])
    assert below[:, 104:112].min() == 1


def _caption(text: str, cell: int = 200) -> np.ndarray:
    return contact_sheet([[_plain(1, 1, 1, 1, 1)]], captions=[[text]], cell=cell)[8 + cell : -8, 8:-8, 0]


@pytest.mark.parametrize("letters", ["éè", "üu", "中文", "яж", "日本", "한국"])
def test_letters_of_other_scripts_are_drawn_and_differ(letters):
    drawn = [_caption(letter) for letter in (*letters, "?")]
    assert all(strip.min() < 0.5 for strip in drawn)
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(drawn, 2))


def test_an_accent_on_its_own_is_drawn_as_part_of_its_letter():
    assert np.array_equal(_caption("e\N{COMBINING ACUTE ACCENT}tude"), _caption("étude"))


def test_what_no_letter_is_in_a_name_is_a_question_mark():
    for odd in ("\N{GRINNING FACE}", "\n", "\udcff"):
        assert np.array_equal(_caption(f"a{odd}b"), _caption("a?b"))


def test_a_caption_that_is_too_wide_is_shortened_in_the_middle():
    filler = 50 * "x"
    whole = _caption(f"a{filler}b{filler}c")
    assert np.array_equal(whole, _caption(f"a{filler}{filler}c"))
    assert not np.array_equal(whole, _caption(f"d{filler}b{filler}c"))
    assert not np.array_equal(whole, _caption(f"a{filler}b{filler}d"))


def test_fewer_captions_than_pictures_are_no_error():
    pictures = [[_plain(5, 5, 0, 0, 0)] * 2, [_plain(5, 5, 0, 0, 0)]]
    assert contact_sheet(pictures, captions=[["one"]], cell=16).shape[2] == 3


def test_no_pictures_make_an_empty_sheet():
    assert contact_sheet([], gap=8).shape == (8, 8, 3)
