"""Studies: experiments of the paper and of practitioners, each with a command and a report."""

from impasto.study.experiments import EXPERIMENTS
from impasto.study.findings import EvaluatedPicture, Experiment, Findings, evaluate
from impasto.study.folder import StudyFolder
from impasto.study.plan import Cell, Plan, Row
from impasto.study.report import report_files, write_report

__all__ = [
    "EXPERIMENTS",
    "Cell",
    "EvaluatedPicture",
    "Experiment",
    "Findings",
    "Plan",
    "Row",
    "StudyFolder",
    "evaluate",
    "report_files",
    "write_report",
]
