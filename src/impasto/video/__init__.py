"""Films: clips whose frames are painted so that each continues the one before, scene by scene.

Needs PyAV (extra `video`), through which FFmpeg reads and writes videos.
"""

from impasto.video.blending import BlendingPainter, BlendState
from impasto.video.clip import NUMBERED, Clip, Frame, numbered_path
from impasto.video.cuts import find_cuts
from impasto.video.film import Film, frame_at, painted_size
from impasto.video.folder import FILM_FILE, FilmFolder
from impasto.video.open_clip import open_clip
from impasto.video.plan import Plan, Selection, plan_film, read_range, read_time
from impasto.video.scene_painter import ScenePainter, SceneState
from impasto.video.scene_worker import FramePainter, SceneWorker, scene_painter
from impasto.video.stills import NumberedPictures
from impasto.video.writer import SUFFIXES, Encoding, film_kind, write_film

__all__ = [
    "FILM_FILE",
    "NUMBERED",
    "SUFFIXES",
    "BlendState",
    "BlendingPainter",
    "Clip",
    "Encoding",
    "Film",
    "FilmFolder",
    "Frame",
    "FramePainter",
    "NumberedPictures",
    "Plan",
    "ScenePainter",
    "SceneState",
    "SceneWorker",
    "Selection",
    "film_kind",
    "find_cuts",
    "frame_at",
    "numbered_path",
    "open_clip",
    "painted_size",
    "plan_film",
    "read_range",
    "read_time",
    "scene_painter",
    "write_film",
]
