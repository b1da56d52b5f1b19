"""The limit of memory as a setting."""

import pytest

from impasto.errors import InputError
from impasto.recipe import Recipe, memory_text, resolve


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8GB", 8e9), ("500MB", 5e8), ("1.5 gb", 1.5e9), ("2GiB", 2 * 2**30), ("1T", 1e12), ("64mib", 64 * 2**20)],
)
def test_a_limit_is_read_with_its_unit(text, expected):
    assert resolve(None, {"max_memory": text}).hardware.memory_limit == expected


@pytest.mark.parametrize("wrong", ["8", "lots", "", "-1GB", "8 apples", "GB", 8])
def test_anything_else_is_refused_in_one_line(wrong):
    with pytest.raises(InputError, match="max_memory"):
        resolve(None, {"max_memory": wrong})


def test_without_a_limit_there_is_none():
    assert Recipe().hardware.memory_limit is None


def test_a_limit_is_written_and_read_again():
    recipe = Recipe(max_memory="8GB")
    assert resolve(None, recipe.to_dict()) == recipe
    assert "--max-memory 8GB" in recipe.as_command("photo.jpg", "night")


@pytest.mark.parametrize("amount", [1.0, 0.99e8, 7.91e9, 1e12])
def test_an_amount_that_is_written_is_no_smaller_when_it_is_read(amount):
    limit = Recipe(max_memory=memory_text(amount)).hardware.memory_limit
    assert amount <= limit <= amount + 1e8
