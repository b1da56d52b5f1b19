"""Batches: many photos painted in one or several styles, in one process or many, and what is known of each."""

from impasto.batch.batch import MAX_ON_SHEET, SHEET, Batch
from impasto.batch.engines import Engine, connect_to_ray, in_process, in_processes, on_ray, on_this_machine
from impasto.batch.manifest import MANIFEST, BatchStarted, Manifest, PictureDone
from impasto.batch.painter import Painter
from impasto.batch.storage import Folder, absolute, is_url, open_folder
from impasto.batch.tasks import LeftOut, Photo, Task, find_photos, plan_tasks, read_pairs
from impasto.batch.worker import STOP_FILE, Row, Worker, problem_of

__all__ = [
    "MANIFEST",
    "MAX_ON_SHEET",
    "SHEET",
    "STOP_FILE",
    "Batch",
    "BatchStarted",
    "Engine",
    "Folder",
    "LeftOut",
    "Manifest",
    "Painter",
    "Photo",
    "PictureDone",
    "Row",
    "Task",
    "Worker",
    "absolute",
    "connect_to_ray",
    "find_photos",
    "in_process",
    "in_processes",
    "is_url",
    "on_ray",
    "on_this_machine",
    "open_folder",
    "plan_tasks",
    "problem_of",
    "read_pairs",
]
