"""The run folder: recipe, inputs, event log, snapshots and checkpoint of a run; it starts nothing."""

from impasto.runs.checkpoint import Checkpoint
from impasto.runs.folder import RunFolder, Status
from impasto.runs.header import RegionInputs, RunInputs
from impasto.runs.listing import RunSummary, list_runs
from impasto.runs.log import LogEntry, Progress, RunLog

__all__ = [
    "Checkpoint",
    "LogEntry",
    "Progress",
    "RegionInputs",
    "RunFolder",
    "RunInputs",
    "RunLog",
    "RunSummary",
    "Status",
    "list_runs",
]
