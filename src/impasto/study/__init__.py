"""The laboratory: the experiments of the paper and of practitioners, each one a command with a report."""

from impasto.study.experiments import EXPERIMENTS
from impasto.study.findings import Experiment, Findings, Look
from impasto.study.folder import StudyFolder
from impasto.study.plan import Cell, Plan, Row, Shot
from impasto.study.report import write_report

__all__ = [
    "EXPERIMENTS",
    "Cell",
    "Experiment",
    "Findings",
    "Look",
    "Plan",
    "Row",
    "Shot",
    "StudyFolder",
    "write_report",
]
