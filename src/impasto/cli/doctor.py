"""`impasto doctor`: what this installation consists of, and what is wrong with it."""

from dataclasses import asdict

from impasto.cli.checkup import examine
from impasto.cli.console import DONE, FAILED, printable, write_json, write_line
from impasto.cli.options import Switch


def doctor(*, json: Switch = False) -> int:
    """Examine this installation: versions, devices, memory, weights, extras; say what is wrong, and what to do.

    The exit code is 1 if something is wrong. Nothing is sent or downloaded.

    Args:
        json: Print one JSON object.
    """
    findings = examine()
    wrong = [finding for finding in findings if finding.problem]
    if json:
        write_json({"findings": [asdict(finding) for finding in findings], "problems": len(wrong)})
        return FAILED if wrong else DONE
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        write_line(f"{'!' if finding.problem else ' '} {finding.name:{width}}  {printable(finding.value)}".rstrip())
    write_line("")
    for finding in wrong:
        write_line(f"! {finding.name}: {printable(finding.problem)}")
    if not wrong:
        write_line("nothing is wrong")
    return FAILED if wrong else DONE
