"""What the page writes about films; needs no PyAV."""

from typing import Any

from impasto.studio.job import JobHandle
from impasto.studio.run_index import RunEntry
from impasto.studio.texts import translate, translate_message


def duration_text(seconds: float, language: str) -> str:
    """Return a rough time in words.

    >>> duration_text(40.2, "en"), duration_text(1300.0, "en"), duration_text(9000.0, "zh")
    ('40 s', '22 minutes', '2 小时 30 分钟')
    """
    if seconds < 90:
        return translate(language, "seconds", seconds=max(1, round(seconds)))
    minutes = round(seconds / 60)
    if minutes < 90:
        return translate(language, "minutes", minutes=minutes)
    return translate(language, "hours", hours=minutes // 60, minutes=minutes % 60)


def film_text(job: JobHandle, language: str) -> str:
    """Return the state of a film that is painted, or has ended well, in one line."""
    progress, monitor, state = job.monitor.progress(), job.monitor, job.state
    counts: dict[str, Any] = {"done": progress.step, "frames": progress.steps}
    if state in ("finished", "stopped"):
        return _ended_text(state, progress.step, progress.steps, language)
    if getattr(job, "is_stopping", False):
        return translate(language, "film_stopping")
    phase, pace = getattr(monitor, "phase", "painting"), getattr(monitor, "pace", None)
    if phase == "reading" or not progress.steps:
        return translate(language, "film_reading", **counts)
    if phase == "writing":
        return translate(language, "film_writing", **counts)
    counts["frame"] = min(progress.step + 1, progress.steps)
    if pace is None or progress.seconds_left is None:
        return translate(language, "film_frame", **counts)
    left = duration_text(progress.seconds_left, language)
    return translate(language, "film_painting", **counts, each=f"{pace:.2g}" if pace < 10 else f"{pace:.0f}", left=left)


def entry_text(entry: RunEntry, language: str) -> str:
    """Return the state of a film that is not in the queue in one line."""
    if entry.status in ("finished", "stopped"):
        return _ended_text(entry.status, entry.step, entry.steps or 0, language)
    if entry.problem:
        return translate(language, "failed", message=translate_message(language, entry.problem))
    state = translate(language, f"state_{entry.status}")
    return translate(language, "film_frames_of", done=entry.step, frames=entry.steps or 0, state=state)


def _ended_text(state: str, done: int, frames: int, language: str) -> str:
    key = "unwritten" if state == "stopped" and done == frames else state
    return translate(language, f"film_{key}", done=done, frames=frames)
