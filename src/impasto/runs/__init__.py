"""The run folder: recipe, inputs, event log, snapshots and checkpoint of a run."""

from impasto.runs.checkpoint import CHECKPOINT_FILE, Checkpoint, CheckpointFiles
from impasto.runs.files import check_inside, read_inside, write_inside
from impasto.runs.folder import LOG_FILE, RunFolder, Status
from impasto.runs.header import LOCK_FILE, RUN_FILE, seal_of
from impasto.runs.inputs import INPUTS_FOLDER, Inputs, KeptInput, KeptInputs, RegionInputs
from impasto.runs.listing import RunSummary, list_runs
from impasto.runs.lock import FolderLock, is_locked
from impasto.runs.log import Ending, EventLog, LogEntry, Progress, RunLog

__all__ = [
    "CHECKPOINT_FILE",
    "INPUTS_FOLDER",
    "LOCK_FILE",
    "LOG_FILE",
    "RUN_FILE",
    "Checkpoint",
    "CheckpointFiles",
    "Ending",
    "EventLog",
    "FolderLock",
    "Inputs",
    "KeptInput",
    "KeptInputs",
    "LogEntry",
    "Progress",
    "RegionInputs",
    "RunFolder",
    "RunLog",
    "RunSummary",
    "Status",
    "check_inside",
    "is_locked",
    "list_runs",
    "read_inside",
    "seal_of",
    "write_inside",
]
