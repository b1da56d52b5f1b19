"""The studio: a web page for painting pictures, and the queue, the worker and the run folders behind it."""

from impasto.studio.job import JobHandle, JobProgress, JobState
from impasto.studio.queue import OnClose, Studio
from impasto.studio.run_index import RunEntry, Workspace

__all__ = ["JobHandle", "JobProgress", "JobState", "OnClose", "RunEntry", "Studio", "Workspace"]
