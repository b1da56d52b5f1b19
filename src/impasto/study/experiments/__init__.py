"""The studies by name, each with the question it answers, how it is planned and what it says of what was seen."""

from typing import Final

from impasto.study.experiments import changes, custom, iterations, layers, longrun, reconstruct, seeds
from impasto.study.findings import Experiment

EXPERIMENTS: Final[dict[str, Experiment]] = {
    "iterations": iterations.EXPERIMENT,
    "seeds": seeds.EXPERIMENT,
    "layers": layers.EXPERIMENT,
    "reconstruct": reconstruct.EXPERIMENT,
    **changes.EXPERIMENTS,
    "longrun": longrun.EXPERIMENT,
    "custom": custom.EXPERIMENT,
}
"""All studies."""
