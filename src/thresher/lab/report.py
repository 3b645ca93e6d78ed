"""What a finished laboratory leaves to be read: a chart, the text, and everything as JSON."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from thresher.files import write_json, write_text
from thresher.lab.findings import findings_document, mean_rows
from thresher.lab.run import Laboratory
from thresher.reports.figures import frontier_figure, save_figure

CHART, PAGE, TEXT, REPORT = "lab.png", "lab.html", "report.txt", "report.json"
REPORT_VERSION = 1


def lab_document(done: Laboratory) -> Mapping[str, Any]:
    """`lab run --json`."""
    return findings_document(done.findings, round(done.seconds, 1))


def write_report(done: Laboratory, folder: Path, text: str) -> None:
    """Write chart, text and JSON into a folder.

    Raises:
        InputError: The folder cannot be written.
    """
    figure = frontier_figure(
        done.findings.frontier,
        mean_rows(done.findings),
        title=f"Icons of {done.data.source}: predicted from single buckets (lines), measured jointly (points)",
    )
    save_figure(figure, folder / CHART)
    save_figure(figure, folder / PAGE)
    write_text(folder / TEXT, text)
    content = {
        **lab_document(done), "request": done.request.decides(), "runs": done.design.runs,
        "samples": done.design.samples, "teacher_errors": done.teacher_errors,
        "fixed_regrets": done.findings.fixed_regrets, "rises": done.findings.rises,
        "root_mean_square": done.findings.root_mean_square, "sets": [asdict(one) for one in done.data.sets],
    }  # fmt: skip
    write_json(folder / REPORT, "lab-report", REPORT_VERSION, content)
