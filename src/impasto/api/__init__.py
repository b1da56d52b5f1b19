"""The Python interface: sessions, runs and results."""

from impasto.api.calls import matched_parts, preview, recolor, resume, start, stylize, subject_mask
from impasto.api.estimate import Estimate
from impasto.api.hardware import (
    computes_bf16,
    free_memory,
    keep_memory,
    pixels_that_fit,
    processes_that_fit,
    processor_threads,
    resolve_hardware,
    return_memory_if_scarce,
    usable_cores,
)
from impasto.api.inputs import (
    Region,
    Regions,
    RegionSource,
    Style,
    Styles,
    StyleSource,
    named_files,
    only_given_files,
    plate_or_file,
    read_inputs,
    region_settings,
)
from impasto.api.job import Job, portable_recipe, result_size
from impasto.api.learning import Learned, Learning, learn
from impasto.api.pictures import Mask, Parts, Preview, Recolored, Result, Savable
from impasto.api.planning import plan_job
from impasto.api.run import Controls, Run, run_job
from impasto.api.session import RunOptions, Session
from impasto.images import Source

__all__ = [
    "Controls",
    "Estimate",
    "Job",
    "Learned",
    "Learning",
    "Mask",
    "Parts",
    "Preview",
    "Recolored",
    "Region",
    "RegionSource",
    "Regions",
    "Result",
    "Run",
    "RunOptions",
    "Savable",
    "Session",
    "Source",
    "Style",
    "StyleSource",
    "Styles",
    "computes_bf16",
    "free_memory",
    "keep_memory",
    "learn",
    "matched_parts",
    "named_files",
    "only_given_files",
    "pixels_that_fit",
    "plan_job",
    "plate_or_file",
    "portable_recipe",
    "preview",
    "processes_that_fit",
    "processor_threads",
    "read_inputs",
    "recolor",
    "region_settings",
    "resolve_hardware",
    "result_size",
    "resume",
    "return_memory_if_scarce",
    "run_job",
    "start",
    "stylize",
    "subject_mask",
    "usable_cores",
]
