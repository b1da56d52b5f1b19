"""The recipe: every setting of a run, read from sections or from flat names, and written back as either."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Unpack, get_args

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from impasto.errors import InputError, did_you_mean
from impasto.networks import Network, find_network
from impasto.recipe.accepted import accepted, as_choice
from impasto.recipe.names import RENAMED, similar_name
from impasto.recipe.options import RecipeOptions
from impasto.recipe.settings import (
    COMMON,
    SECTIONS,
    ColorSettings,
    ContentSettings,
    HardwareSettings,
    NetworkSettings,
    OptimizerSettings,
    PictureSettings,
    ScheduleSettings,
    SettingField,
    StartSettings,
    StyleSettings,
    fields_of,
)
from impasto.recipe.values import (
    CHANGING,
    CONTENT_LOSSES,
    MAX_WEIGHT,
    STYLE_LOSSES,
    Change,
    LossSettings,
    MethodName,
    Regions,
    as_text,
    canonical_names,
    read_changes,
    read_losses,
    read_weights,
)
from impasto.shell import file_word, join, option

INSTANT_SETTINGS: Final = frozenset(
    (
        *("method", "size", "upscale", "max_megapixels", "strength", "regions"),
        *("style_mix", "style_scale", "style_rotation", "style_crop", "style_margin"),
        *("color", "color_strength", "color_map"),
        *("device", "precision", "threads", "max_memory"),
    )
)
"""The settings that act on a picture of the method `instant`."""

_MIDDLE = 50.0
_STRENGTH_EXPONENT = 1.5
_LONGEST_VALUE: Final = 200  # of a wrong value in a message
"""The balance of style and content is (s / (100 - s)) ** _STRENGTH_EXPONENT for a strength of s."""


class SettingError(InputError):
    """A value that a setting does not accept; the command line writes flags in place of the names in the message."""

    def __init__(self, name: str, wrong: str) -> None:
        super().__init__(f"{name}{wrong}")
        self.name, self.wrong = name, wrong


class Recipe(BaseModel):
    """Every setting of a run; frozen, checked on creation.

    Settings are given by section or by their flat names, which are those of the flags: `Recipe(size=256)` is
    `Recipe(picture=PictureSettings(size=256))`. What is not given has its default.

    Raises:
        pydantic.ValidationError: If a value is out of bounds or a setting is unknown; `resolve` and `with_changes`
            raise InputError with one line instead.

    Example:
        >>> recipe = Recipe(size=256, style_weight=60)
        >>> recipe.style.weight, recipe.with_changes(steps=10).schedule.steps
        (60.0, 10)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    method: Annotated[MethodName, COMMON] = "optimize"
    """How to paint: `optimize` the pixels, or in an `instant` by a trained network, which takes less of the style."""
    picture: PictureSettings = PictureSettings()
    style: StyleSettings = StyleSettings()
    content: ContentSettings = ContentSettings()
    color: ColorSettings = ColorSettings()
    start: StartSettings = StartSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    network: NetworkSettings = NetworkSettings()
    hardware: HardwareSettings = HardwareSettings()
    regions: Regions = ()
    """`MASK=STYLE` or `MASK=keep`, several: where the mask is white, another style holds, or the photo stays."""

    if TYPE_CHECKING:

        def __init__(self, **settings: Unpack[RecipeOptions]) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _by_section(cls, values: Any) -> Any:
        return _with_precision(_with_layers(_nested(values))) if isinstance(values, Mapping) else values

    @field_validator("method", mode="before")
    @classmethod
    def _in_any_case(cls, value: Any) -> Any:
        return as_choice(value, METHODS)

    @model_validator(mode="after")
    def _something_to_do(self) -> "Recipe":
        weights = self._at_middle()
        content_weight, style_weight = weights["content_weight"], weights["style_weight"]
        content = content_weight * _total(self.content, CONTENT_LOSSES)
        style = style_weight * _total(self.style, STYLE_LOSSES)
        if not content and not style:
            raise SettingError("content_weight", " or style_weight must be above 0: all weights are 0")
        return self

    @model_validator(mode="after")
    def _changes_can_be_made(self) -> "Recipe":
        for change in self.schedule.changes:
            if self.color.mode == "match" and "color_strength" in change.settings:
                # The style was given the photo's colors before it was measured.
                raise SettingError(
                    "changes", ": color_strength cannot change while a picture is painted if color is match"
                )
            if {0.0, CHANGING["strength"]} & set(change.settings.values()):
                self.after(change.step)  # which needs something to do, too
        return self

    @model_validator(mode="after")
    def _nothing_without_effect(self) -> "Recipe":
        if self.method == "instant":
            # Another backbone brings its own layers, which nobody has stated.
            for name in sorted(self.changes_from(Recipe()), key=lambda name: name != "backbone"):
                if name not in INSTANT_SETTINGS:
                    raise SettingError(name, f" has no effect with {_INSTANT}: leave it out, or the preset that has it")
            if self.hardware.precision == "bf16":
                raise SettingError("precision", f" has no effect with {_INSTANT}, which computes in fp32: leave it out")
        return self

    # -- reading -------------------------------------------------------------------------------------------------------

    def get(self, name: str) -> Any:
        """Return one setting.

        Args:
            name: Its flat name, such as `style_weight`.

        Returns:
            The value.

        Raises:
            KeyError: If there is no such setting.
        """
        field = FIELDS[name]
        return getattr(getattr(self, field.section) if field.section else self, field.name)

    def flat(self) -> dict[str, Any]:
        """Return all settings by their flat names."""
        return {name: self.get(name) for name in FIELDS}

    def snapshot_steps(self) -> frozenset[int]:
        """Return every step after which a snapshot is due."""
        every = self.picture.snapshot_every
        regular = range(every, self.schedule.steps + 1, every) if every else ()
        return frozenset(self.picture.snapshots) | frozenset(regular)

    def changes_from(self, other: "Recipe") -> dict[str, Any]:
        """Return the settings in which this recipe differs from another.

        Args:
            other: The other recipe.

        Returns:
            This recipe's values as JSON holds them, by flat names.

        Example:
            >>> Recipe(size=256).changes_from(Recipe())
            {'size': 256}
        """
        own, theirs = (_flat_json(recipe) for recipe in (self, other))
        return {name: value for name, value in own.items() if value != theirs[name]}

    # -- changing ------------------------------------------------------------------------------------------------------

    def with_changes(self, **changes: Any) -> "Recipe":
        """Return a checked copy with other values.

        Args:
            **changes: Settings by flat names or sections.

        Returns:
            The changed recipe. A new backbone brings its own layers unless layers are stated, too.

        Raises:
            InputError: If a value does not fit, in one line.
        """
        return checked(merge_stated(self.flat(), changes))

    def after(self, step: int | None = None) -> "Recipe":
        """Return the recipe as it is once `step` steps are done, without changes.

        Args:
            step: Number of steps; None: at the end.

        Returns:
            The recipe with the `changes` made that are due by then.

        Example:
            >>> recipe = Recipe(strength=50, changes="40:strength=70")
            >>> [recipe.after(step).style.strength for step in (39, 40, None)]
            [50.0, 70.0, 70.0]
        """
        changes = self.schedule.changes
        if not changes:
            return self
        due = [change.settings for change in changes if step is None or change.step <= step]
        return self.with_changes(**{name: value for settings in due for name, value in settings.items()}, changes=())

    def changed(self, step: int, **settings: Any) -> "Recipe":
        """Return the recipe whose settings change once `step` steps are done.

        Args:
            step: Number of steps.
            **settings: The new values by flat names; those that cannot be among the `changes` hold from the start.

        Returns:
            The recipe with these changes added.

        Example:
            >>> Recipe().changed(40, strength=70.0).as_command("photo.jpg", "night")
            'impasto photo.jpg night --changes 40:strength=70'
        """
        if not settings:
            return self
        later = {name: settings.pop(name) for name in CHANGING if name in settings and self.method == "optimize"}
        changes = (*self.schedule.changes, *([Change(step, later)] if later else []))
        return self.with_changes(changes=changes, **settings)

    def balanced(self) -> "Recipe":
        """Return an equivalent recipe with a strength of 50: the strength is expressed by weights instead.

        A strength above 50 raises the style weight and lowers the content weight, to 0 at 100; below 50 it is the other
        way round. Below 50 the other terms that serve the style are scaled down as well: the recolored start, total
        variation, low frequencies, luminance range. Among the `changes`, too, weights replace a strength; only the
        recolored start cannot change on the way. A recipe of the method `instant`, which has no weights, is returned
        as it is.
        """
        changes = self.schedule.changes
        is_middle = self.style.strength == _MIDDLE and not any("strength" in change.settings for change in changes)
        if is_middle or self.method == "instant":
            return self
        weights = last = self.with_changes(changes=())._at_middle()
        balanced = []
        for change in changes:
            now = self.after(change.step)._at_middle()
            moved = {name: now[name] for name in CHANGING if name in now and now[name] != last[name]}
            others = {name: value for name, value in change.settings.items() if name not in now and name != "strength"}
            balanced.append(Change(change.step, moved | others))
            last = now
        return self.with_changes(
            strength=_MIDDLE, **weights, changes=[change for change in balanced if change.settings]
        )

    def _at_middle(self) -> dict[str, float]:
        """Return what expresses the recipe's strength at a strength of 50, inside the bounds of weights."""
        turn = self.style.strength / _MIDDLE
        fading = ("tv_weight", "low_frequency_weight", "luminance_range_weight", "recolor")
        return {
            "content_weight": min(self.content.weight * (2 - turn) ** _STRENGTH_EXPONENT, MAX_WEIGHT),
            "style_weight": min(self.style.weight * turn**_STRENGTH_EXPONENT, MAX_WEIGHT),
            **{name: self.get(name) * min(1.0, turn) for name in fading},
        }

    def plain(self) -> "Recipe":
        """Return the default recipe for the same method and network, with that network's layers."""
        return Recipe(method=self.method, backbone=self.network.backbone)

    # -- writing -------------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the sections with values that JSON and TOML can hold; settings that are None are left out."""
        return self.model_dump(mode="json", exclude_none=True)

    def as_toml(self) -> str:
        """Return the recipe as a TOML file with the same sections."""
        return tomli_w.dumps(self.to_dict())

    def as_json(self) -> str:
        """Return the recipe as one JSON object."""
        return self.model_dump_json(exclude_none=True)

    def _stated(self) -> "tuple[Recipe, dict[str, Any]]":
        """Return the settings that differ from the method's and network's default, and the recipe they are taken from.

        The recipe is the balanced one if the balance were stated both as a strength and as weights otherwise.
        """
        recipe, plain = self, self.plain()
        changes = recipe.changes_from(plain)
        if states_balance_twice(changes):
            recipe = self.balanced()
            changes = recipe.changes_from(plain)
        own = plain.changes_from(Recipe())
        return recipe, {name: own[name] for name in ("method", "backbone") if name in own} | changes

    def as_command(self, content: str, *styles: str) -> str:
        """Return the command line that paints with this recipe.

        Args:
            content: Path of the photo.
            *styles: Paths or built-in names of the style images.

        Returns:
            One line for a POSIX shell.

        Example:
            >>> Recipe(size=256).as_command("photo.jpg", "night")
            'impasto photo.jpg night --size 256'
        """
        recipe, stated = self._stated()
        if len(styles) > 1 and not self.style.mix:
            # The command line mixes files only if their shares are stated.
            recipe = recipe.with_changes(style_mix=(1,) * len(styles))
            stated = stated | {"style_mix": recipe.style.mix}
        # A photo without an extension may have the name of a command.
        words = ["impasto", *([] if "." in content else ["stylize"])]
        return join([*words, *map(file_word, (content, *styles)), *recipe.flags(stated)])

    def flags(self, names: Collection[str]) -> list[str]:
        """Return the words of a command line that state some settings.

        Args:
            names: Flat names of the settings.

        Returns:
            Flags and values.
        """
        words = []
        for name in names:
            flag, value = flag_of(name), self.get(name)
            if isinstance(value, bool):
                words.append(flag if value else f"--no-{flag.removeprefix('--')}")
            elif value is not None:
                texts = [region.as_text() for region in self.regions] if name == "regions" else [as_text(value)]
                for text in texts:
                    words += option(flag, text)
        return words

    def as_python(self, content: str, *styles: str) -> str:
        """Return the Python call that paints with this recipe.

        Args:
            content: Path of the photo.
            *styles: Paths or built-in names of the style images.

        Returns:
            One expression.

        Example:
            >>> Recipe(size=256).as_python("photo.jpg", "night")
            "impasto.stylize('photo.jpg', 'night', size=256)"
        """
        arguments = [repr(content), repr(list(styles)) if len(styles) != 1 else repr(styles[0])]
        texts = [region.as_text() for region in self.regions]
        arguments += [f"{name}={texts if name == 'regions' else value!r}" for name, value in self._stated()[1].items()]
        return f"impasto.stylize({', '.join(arguments)})"


FIELDS: Final[dict[str, SettingField]] = {
    name: field for section, settings in SECTIONS.items() for name, field in fields_of(section, settings).items()
} | {
    "regions": SettingField(
        "", "regions", Recipe.model_fields["regions"], "Style", common=True, first=False, kind=Recipe
    ),
    "method": SettingField(
        "", "method", Recipe.model_fields["method"], "Optimizer", common=True, first=False, kind=Recipe
    ),
}
"""All settings by their flat names, which are those of flags and keyword arguments."""

METHODS: Final[tuple[MethodName, ...]] = get_args(MethodName)
_INSTANT: Final = "the method instant"
_LAYERS: Final = ("content_layers", "style_layers")


def _nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by section; those given by flat names are moved into their sections."""
    nested: dict[str, Any] = {name: _items(values[name]) for name in SECTIONS if _is_section(values.get(name))}
    for name, value in values.items():
        if name in SECTIONS and _is_section(value):
            continue
        if name in RENAMED:
            raise InputError(f"{name} is called {RENAMED[name]} now")
        field = FIELDS.get(name)
        if field is not None and field.section:
            nested.setdefault(field.section, {})[field.name] = value
        else:
            nested[name] = value
    return nested


def _is_section(value: Any) -> bool:
    """Return True for the values of a section; `color = "photo"` has a section's name but is a flat setting."""
    return isinstance(value, (BaseModel, Mapping))


def _items(section: Any) -> dict[str, Any]:
    """Return the settings of a section; what a model was not given is not stated, so the network's own hold."""
    if isinstance(section, BaseModel):
        own, stated = ("layers", "losses"), section.model_fields_set
        return {name: value for name, value in section if name not in own or name in stated}
    return dict(section)


def flat_fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings that are given by section or flat name by their flat names; unknown ones stay as they are."""
    by_place = {(field.section, field.name): name for name, field in FIELDS.items()}
    flat: dict[str, Any] = {}
    for section, value in values.items():
        if section in SECTIONS and _is_section(value):
            flat |= {by_place.get((section, name), f"{section}.{name}"): item for name, item in _items(value).items()}
        else:
            flat[section] = value
    return flat


def _flat_json(recipe: Recipe) -> dict[str, Any]:
    return flat_fields(recipe.model_dump(mode="json"))


def _with_layers(nested: dict[str, Any]) -> dict[str, Any]:
    """Write layers by the network's own names; a network that is named without layers brings its own."""
    if not all(isinstance(nested.get(name, {}), dict) for name in ("network", "content", "style")):
        return nested  # reported by the section itself
    try:
        network = find_network(str(nested.get("network", {}).get("backbone", "vgg19")))
    except InputError:
        return nested  # reported by the setting itself, as for all others
    for section, layers, known in (
        ("content", network.content_layers, CONTENT_LOSSES),
        ("style", network.style_layers, STYLE_LOSSES),
    ):
        settings = dict(nested.get(section, {}))
        settings["layers"] = _canonical_layers(settings.get("layers", layers), network.canonical)
        if section == "style" and not network.nearest_layers:
            settings.setdefault("losses", _usual_losses(network))
        losses = read_losses(settings["losses"], known, f"{section} loss") if "losses" in settings else None
        if isinstance(losses, Mapping):
            settings["losses"] = {
                name: {**_items(loss), "layers": _canonical_layers(_items(loss).get("layers"), network.canonical)}
                if _is_section(loss)
                else loss
                for name, loss in losses.items()
            }
        nested[section] = settings
    return nested


def _with_precision(nested: dict[str, Any]) -> dict[str, Any]:
    """Let the method `instant` compute in fp32 unless a precision is stated: bf16 would show in the picture."""
    hardware = nested.get("hardware", {})
    if nested.get("method") == "instant" and isinstance(hardware, dict) and hardware.get("precision", "auto") == "auto":
        nested["hardware"] = hardware | {"precision": "fp32"}
    return nested


def _usual_losses(network: Network) -> dict[str, LossSettings]:
    """Return the style losses for a network if a recipe states none."""
    losses: dict[str, LossSettings] = StyleSettings.model_fields["losses"].default
    return {name: loss for name, loss in losses.items() if name != "nearest" or network.nearest_layers}


def _canonical_layers(stated: Any, canonical: Callable[[str], str]) -> Any:
    """Return layers by the network's own names; what is no text or mapping is left to the setting's own check."""
    layers = read_weights(stated)
    return canonical_names(layers, canonical) if isinstance(layers, dict) else stated


def _total(settings: StyleSettings | ContentSettings, compares_pixels: Mapping[str, bool]) -> float:
    """Return the sum of the weights of all losses that have something to compare: layers, or pixels."""
    weights = (
        loss.weight
        for name, loss in settings.losses.items()
        if compares_pixels[name] or any((settings.layers if loss.layers is None else loss.layers).values())
    )
    return sum(weights, 0.0)


def merge_stated(settings: Mapping[str, Any], *stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings by flat names with stated ones over them, later ones over earlier ones.

    Layers belong to the network that they were stated with: if another network is stated later, they are dropped and
    that network's defaults apply; so are style losses if they are the usual ones. Layers that were stated without a
    network are kept. A setting that is stated without `changes` holds for the whole picture: earlier changes of it are
    dropped.
    """
    merged = dict(settings)
    loose: set[str] = set()
    for changes in map(flat_fields, stated):
        if "backbone" in changes and changes["backbone"] != merged.get("backbone"):
            for name in set(_LAYERS) - loose:
                merged.pop(name, None)
            if "backbone" in merged and merged.get("style_losses") == _usual_losses(find_network(merged["backbone"])):
                merged.pop("style_losses")
        if merged.get("changes") and "changes" not in changes and changes.keys() & CHANGING.keys():
            merged["changes"] = [
                Change(step, kept)
                for step, given in read_changes(merged["changes"])
                if (kept := {name: value for name, value in given.items() if name not in changes})
            ]
        loose = (loose - set(changes)) | ({*_LAYERS} & set(changes) if "backbone" not in changes else set())
        merged |= changes
    return merged


def checked(values: Mapping[str, Any]) -> Recipe:
    """Return the recipe of these settings; raises InputError in one line if they are not valid."""
    try:
        return Recipe(**values)
    except ValidationError as error:
        raise describe(error) from None
    except TypeError as error:
        raise InputError(f"not a recipe: {error}") from None


def describe(error: ValidationError) -> InputError:
    """Return what pydantic found wrong as an error of one line that names the setting and what it accepts."""
    first = error.errors()[0]
    place = tuple(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return InputError(describe_unknown(".".join(place)))
    name = next((flat for flat, f in FIELDS.items() if place[:2] == (f.section, f.name)), ".".join(place[:2]))
    name = "regions" if place[:1] == ("regions",) else name
    if first["type"] == "value_error":
        reason = first["msg"].removeprefix("Value error, ")
        if isinstance(first["ctx"]["error"], SettingError):
            return first["ctx"]["error"]
        return SettingError(name, f": {reason}") if name else InputError(reason)
    given = first["input"] if isinstance(first["input"], str) and first["input"].strip() else repr(first["input"])
    given = " ".join(given.split())[:_LONGEST_VALUE]
    wanted = _wanted(name, place)
    if not wanted:
        return SettingError(name, f": {first['msg'][0].lower()}{first['msg'][1:]}, not {given}")
    return SettingError(name, f" takes {wanted}, not {given}")


def _wanted(name: str, place: tuple[str, ...]) -> str:
    """Return in words what belongs at a place of a recipe; empty if pydantic's own words must do."""
    if place[0] in SECTIONS and len(place) == 1:
        return f"a table of settings ({', '.join(SECTIONS[place[0]].model_fields)})"
    if "losses" in place[:2] and len(place) > 3:
        return f"for {place[3]} {accepted(LossSettings.model_fields[place[3]])}"
    if name == "regions":
        return "a list of MASK=STYLE or MASK=keep"
    return accepted(FIELDS[name].info) or "a text" if name in FIELDS else ""


def describe_unknown(name: str) -> str:
    """Return what is wrong with the name of a setting, such as `stlye_weight` or `style.wieght`, and what is meant."""
    section, _, key = name.rpartition(".")
    if key in RENAMED:
        field = FIELDS[RENAMED[key]]
        return f"{name} is called {f'{field.section}.{field.name}' if section else RENAMED[key]} now"
    if ".losses." in name:
        known = list(LossSettings.model_fields)
    elif section in SECTIONS:
        known = list(SECTIONS[section].model_fields)
    else:
        known = list(FIELDS)
    meant = similar_name(key, known)
    if meant:
        return f"there is no setting {name}: {did_you_mean(f'{section}.{meant}'.lstrip('.'))}"
    sections = "" if section else f"; in files also by section ({', '.join(SECTIONS)})"
    return f"there is no setting {name}; known are {', '.join(known)}{sections}"


def flag_of(name: str) -> str:
    """Return the option of the command line that sets a setting; that of `regions`, given once for each, is singular.

    >>> flag_of("style_mix"), flag_of("regions")
    ('--style-mix', '--region')
    """
    return "--region" if name == "regions" else f"--{name.replace('_', '-')}"


def states_balance_twice(stated: Collection[str]) -> bool:
    """Return True if the balance of content and style is stated both as a strength and as weights."""
    return "strength" in stated and bool({"content_weight", "style_weight"} & set(stated))
