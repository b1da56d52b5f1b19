"""Films: frames that are painted so that each continues the one before."""

from impasto.video.scene_painter import ScenePainter, SceneState

__all__ = ["ScenePainter", "SceneState"]
