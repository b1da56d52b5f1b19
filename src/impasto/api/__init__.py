"""The functions that people call: they wire the rooms together and hold no mathematics."""

from impasto.api.calls import resume, start, stylize
from impasto.api.hardware import keep_memory, return_memory_if_scarce
from impasto.api.inputs import Region, Style, plate_or_file
from impasto.api.masked import Mask, subject_mask
from impasto.api.prepare import Job, prepare
from impasto.api.recolored import Recolored, recolor
from impasto.api.result import Result
from impasto.api.run import Run

__all__ = [
    "Job",
    "Mask",
    "Recolored",
    "Region",
    "Result",
    "Run",
    "Style",
    "keep_memory",
    "plate_or_file",
    "prepare",
    "recolor",
    "resume",
    "return_memory_if_scarce",
    "start",
    "stylize",
    "subject_mask",
]
