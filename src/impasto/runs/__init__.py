"""The run folder: recipe, inputs, event log, snapshots and checkpoint of a run; it starts nothing."""

from impasto.runs.checkpoint import Checkpoint
from impasto.runs.folder import RunFolder, Status
from impasto.runs.header import RegionInputs, RunInputs
from impasto.runs.listing import RunSummary, list_runs

__all__ = ["Checkpoint", "RegionInputs", "RunFolder", "RunInputs", "RunSummary", "Status", "list_runs"]
