"""The table of faults in docs/reliability.md, made of what the tests recorded in a run.

A line that was not measured in this run is kept as it is: what is slow may be run a part at a time.
"""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

PROPERTY = "faults-row"
BEGIN, END = "<!-- faults: begin -->", "<!-- faults: end -->"
HEAD = "| row | fault | times | gate | measured | result | date |\n| --- | --- | --- | --- | --- | --- | --- |\n"


@attrs.frozen
class Line:
    """One measured fault; `held` says whether the gate was."""

    row: str
    fault: str
    times: str
    gate: str
    measured: str
    held: bool = True

    def to_json(self) -> str:
        return json.dumps(attrs.asdict(self))

    @property
    def place(self) -> tuple[int, str, str]:
        number = re.match(r"\d+", self.row)
        return int(number[0]) if number else 99, self.row, self.fault

    def text(self, date: str, *, passed: bool) -> str:
        result = ("held" if self.held else "missed") if passed else "FAILED"
        cells = (self.row, self.fault, self.times, self.gate, self.measured, result, date)
        return "| " + " | ".join(" ".join(each.replace("|", "/").split()) for each in cells) + " |"


class Recorder:
    """Collects lines from reports, of whichever process ran the test, and writes the table at the end."""

    def __init__(self, document: Path) -> None:
        self._document = document
        self._lines: list[tuple[Line, bool]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            found = [value for name, value in report.user_properties if name == PROPERTY]
            self._lines += [(Line(**json.loads(str(value))), report.passed) for value in found]

    def pytest_sessionfinish(self) -> None:
        if self._lines:
            date = datetime.now(UTC).date().isoformat()
            text = self._document.read_text(encoding="utf-8")
            self._document.write_text(_replaced(text, self._lines, date), encoding="utf-8")


def _replaced(text: str, lines: list[tuple[Line, bool]], date: str) -> str:
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    found: dict[tuple[int, str, str], str] = {}
    for each in old.splitlines():
        cells: list[Any] = [cell.strip() for cell in each.strip("|").split(" | ")]
        if len(cells) == 7 and cells[0] not in ("row", "---"):
            found[Line(cells[0], cells[1], "", "", "").place] = each
    for line, passed in lines:
        found[line.place] = line.text(date, passed=passed)
    table = "\n".join(found[place] for place in sorted(found))
    return f"{before}{BEGIN}\n{HEAD}{table}\n{END}{after}"


#: How much of the full forms is run: 0.1 for a tenth, where there is an hour too few.
SHARE = float(os.environ.get("DTLPIPE_TEST_FAULTS_SHARE", "1"))


def times(fast: int, full: int) -> list[Any]:
    """For `parametrize`: how often in every run of the tests, and how often in `make faults`."""
    full = max(fast, int(full * SHARE))
    return [pytest.param(fast, id="short"), pytest.param(full, id="full", marks=pytest.mark.slow)]


def percentile(values: list[float], share: float) -> float:
    found = sorted(values)
    return found[min(len(found) - 1, int(share * len(found)))]
