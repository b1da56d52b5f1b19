"""The studio: a page on which people order pictures, and the queue, the worker and the folder behind it."""

from impasto.studio.job import JobHandle, JobProgress, JobState
from impasto.studio.queue import OnClose, Studio
from impasto.studio.run_index import RunEntry, Workspace

__all__ = ["JobHandle", "JobProgress", "JobState", "OnClose", "RunEntry", "Studio", "Workspace"]
