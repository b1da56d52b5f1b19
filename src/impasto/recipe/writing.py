"""How a recipe is written: as a file, as the fields that differ, as a command, as a Python call."""

import shlex
from collections.abc import Collection
from typing import Any

import tomli_w
from pydantic import BaseModel

from impasto.recipe.fields import written


class Written(BaseModel):
    """What a recipe can be written as."""

    def balanced(self) -> "Written":
        """Return the recipe that paints the same with a strength of 50."""
        raise NotImplementedError

    def plain(self) -> "Written":
        """Return the default recipe for the same network."""
        raise NotImplementedError

    def as_toml(self) -> str:
        """Write the recipe as TOML; a value of None is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))

    def as_json(self) -> str:
        """Write the recipe as one JSON object."""
        return self.model_dump_json(exclude_none=True)

    def changes_from(self, other: "Written") -> dict[str, Any]:
        """Return the fields in which this recipe differs from the other, with this one's values."""
        theirs = other.model_dump(mode="json")
        return {name: value for name, value in self.model_dump(mode="json").items() if value != theirs[name]}

    def _stated(self) -> dict[str, Any]:
        """Return what differs from the default, in a form that can be said in one breath."""
        # Layers that the network brings need not be said.
        plain = self.plain()
        stated = self.changes_from(plain)
        if states_balance_twice(stated):
            stated = self.balanced().changes_from(plain)
        network = plain.changes_from(type(self)()).keys() & {"backbone"}
        return {name: getattr(self, name) for name in network} | stated

    def as_command(self, content: str, *styles: str) -> str:
        """Return the command line that paints by this recipe."""
        return shlex.join(["impasto", "stylize", content, *styles, *self.flags(self._stated())])

    def flags(self, stated: dict[str, Any]) -> list[str]:
        """Return the words of a command line that state some fields."""
        words = []
        for name, value in stated.items():
            flag = flag_of(name)
            if isinstance(value, bool):
                words.append(flag if value else f"--no-{flag.removeprefix('--')}")
            elif value is not None:
                # With an equals sign, a number below zero is not taken for an option.
                for text in value if name == "regions" else [written(value)]:
                    words += [f"{flag}={text}"] if text.startswith("-") else [flag, text]
        return words

    def as_python(self, content: str, *styles: str) -> str:
        """Return the Python call that paints by this recipe."""
        arguments = [repr(content), repr(list(styles)) if len(styles) != 1 else repr(styles[0])]
        arguments += [f"{name}={value!r}" for name, value in self._stated().items()]
        return f"impasto.stylize({', '.join(arguments)})"


def flag_of(field: str) -> str:
    """Return the option of the command line that sets a field; that of `regions`, said once for each, is singular.

    >>> flag_of("style_mix"), flag_of("regions")
    ('--style-mix', '--region')
    """
    return "--region" if field == "regions" else f"--{field.replace('_', '-')}"


def states_balance_twice(stated: Collection[str]) -> bool:
    """Tell whether the balance of content and style is stated both as a strength and as weights."""
    return "strength" in stated and bool({"content_weight", "style_weight"} & set(stated))
