"""The weights of the networks that judge: those of ST-LPIPS, which `impasto.backbones` reads."""

from functools import lru_cache

from impasto.backbones import AntialiasedName, AntialiasedWeights, load_weights


@lru_cache(maxsize=2)
def load_judge(name: AntialiasedName) -> AntialiasedWeights:
    """Load one of the two networks; the next call returns the same object.

    Raises InputError, saying what to install, if the package is not there or its file is not the one that is known.
    """
    weights = load_weights("embedded", name)
    assert isinstance(weights, AntialiasedWeights)
    return weights
