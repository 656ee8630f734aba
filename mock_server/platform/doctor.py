"""Whether a store is whole: each check says what is wrong with what, and what to do about it.

Law: it looks and changes nothing: it may be asked of a platform that runs, and of the folder of one that cannot.

| check       | is wrong if                                                                                      |
| ----------- | ------------------------------------------------------------------------------------------------ |
| schema      | the database is of another version than this                                                     |
| integrity   | the database's own structure is damaged                                                          |
| history     | the log of events, folded, says another thing of a run or an execution than its row              |
| work        | something is open in a run that is over, or nothing in one that is not; a lease or deadline is past |
| blobs       | a row names a file that is not there; a file is named by no row                                  |
| disk        | there is little room                                                                             |
| permissions | somebody else may read the secret                                                                |
"""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import attrs

from mock_server.platform import lifecycle
from mock_server.platform.actions.progress import driven_elsewhere
from mock_server.platform.tokens import FILE as SECRET_FILE
from mock_server.store import shapes
from mock_server.store.base import ExecutionRow, Query, Reads, RunRow, Where

if TYPE_CHECKING:
    from mock_server.store.inspection import Inspection

Severity = Literal["ok", "warning", "error"]

_SHOWN = 20  # examples of a finding
_PAGE = 500  # runs looked at together
_LOOKS = 5  # at a run that seems to be wrong
_GRACE = timedelta(seconds=60)  # by which a lease or a deadline may be past before it is news
_YOUNG = 3600.0  # seconds: a file whose row may be on its way
_SCARCE, _LITTLE = 100 << 20, 1 << 30  # bytes of disk


class Records(Reads, Protocol):
    """What is looked at: a platform's store, or the reader of one that is stopped."""

    def find_runs(self, query: Query = ..., *, where: Where | None = None) -> tuple[list[RunRow], int]: ...


@attrs.frozen
class Finding:
    """What a check has found. `examples` are of what is wrong; `count` says how much there is of it."""

    check: str
    severity: Severity
    message: str
    hint: str = ""
    count: int = 0
    examples: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """As JSON."""
        return {key: value for key, value in attrs.asdict(self).items() if value or key in ("check", "severity")}


def examine(
    reads: Records, inspection: Inspection, *, blobs: Path, data_dir: Path, now: datetime, latest: int = 10_000
) -> list[Finding]:
    """All checks. Of runs that are over, the latest so many are looked at."""
    found = [_schema(inspection), _integrity(inspection)]
    if found[0].severity == "ok":
        found += _work(reads, inspection, now, latest)
        found += _blobs(inspection, blobs)
    return [*found, _disk(data_dir), _permissions(data_dir)]


def orphans(inspection: Inspection, blobs: Path) -> list[Path]:
    """Files that no row names, and that are too old for one on its way."""
    named = {name for _, _, name in inspection.blob_names()}
    young = time.time() - _YOUNG
    return [
        path for path in _files(blobs) if path.parent.name + path.name not in named and path.stat().st_mtime < young
    ]


def _schema(inspection: Inspection) -> Finding:
    version = inspection.schema_version()
    if version == shapes.HEAD:
        return Finding("schema", "ok", f"version {version}")
    if version in shapes.REVISIONS:
        return Finding(
            "schema", "warning", f"version {version}", hint="it becomes the newest when a platform is started"
        )
    return Finding("schema", "error", f"version {version!r} is not known", hint="install a newer dtlpipe")


def _integrity(inspection: Inspection) -> Finding:
    wrong = inspection.integrity()
    if not wrong:
        return Finding("integrity", "ok", "the database is whole")
    hint = "restore the latest copy: dtlpipe platform restore"
    return Finding("integrity", "error", "the database is damaged", hint, len(wrong), tuple(wrong[:_SHOWN]))


# --- work -------------------------------------------------------------------------------------------------------------


def _work(reads: Records, inspection: Inspection, now: datetime, latest: int) -> Iterator[Finding]:
    history: list[str] = []
    stuck: list[str] = []
    late: list[str] = []
    looked_at = 0
    for runs in _pages(_runs(reads, latest)):
        looked_at += len(runs)
        executions = reads.executions_of([run.id for run in runs])
        events = inspection.history([run.id for run in runs])
        for run in runs:
            told = [*_told_otherwise(run, executions[run.id], events[run.id])]
            hangs = [*_stuck(run, executions[run.id])]
            if (told or hangs) and _went_on(reads, inspection, run.id):
                continue
            history += told
            stuck += hangs
    for execution in reads.open_executions():
        if execution.status != lifecycle.RUNNING:
            continue
        for what, until in (("lease", execution.lease_until), ("deadline", execution.deadline_at)):
            if until is not None and until + _GRACE < now:
                late.append(f"execution {execution.id}: its {what} was over at {until.isoformat()}")
    yield _finding("history", f"{looked_at} runs are what their events say", "rows and events differ", history, "error")
    hint = "stop the platform and start it again: it rebuilds what is open from the rows"
    yield _finding("work", "nothing is stuck", "runs that cannot end", stuck, "error", hint)
    yield _finding("leases", "none is past", "executions that are past their time", late, "warning", hint)


def _runs(reads: Records, latest: int) -> Iterator[RunRow]:
    """Those that are open, and the latest that are not."""
    seen = set()
    for run in reads.open_runs():
        seen.add(run.id)
        yield run
    for page in range(-(-latest // _PAGE)):
        runs, _ = reads.find_runs({"page": page, "pageSize": min(_PAGE, latest)})
        yield from (run for run in runs if run.id not in seen)
        if len(runs) < _PAGE:
            return


def _went_on(reads: Records, inspection: Inspection, run_id: str) -> bool:
    """Whether all is well at another look: rows and events of a run that goes on are not read at the same moment."""
    for _ in range(_LOOKS):
        run = reads.get_run(run_id)
        executions, events = reads.executions_of([run_id])[run_id], inspection.history([run_id])[run_id]
        if run is None or not [*_told_otherwise(run, executions, events), *_stuck(run, executions)]:
            return True
    return False


def _pages(runs: Iterable[RunRow]) -> Iterator[list[RunRow]]:
    page: list[RunRow] = []
    for run in runs:
        page.append(run)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def folded(events: Iterable[tuple[str | None, str, str]]) -> dict[str | None, str]:
    """What a run's events say of its state (under None) and its executions': of (execution, kind, status), in order."""
    states: dict[str | None, str] = {}
    for subject, kind, status in events:
        state = status or _STATES.get(kind)
        if state:
            states[subject] = state
    return states


_STATES = {
    "run.waiting": lifecycle.PENDING,
    "run.started": lifecycle.RUNNING,
    "run.rerun": lifecycle.RERUN,
    "execution.started": lifecycle.RUNNING,
    "execution.retried": lifecycle.CREATED,
    "execution.requeued": lifecycle.CREATED,
}


def _told_otherwise(
    run: RunRow, executions: Sequence[ExecutionRow], events: Sequence[tuple[str | None, str, str]]
) -> Iterator[str]:
    states = folded(events)
    said = states.get(None)
    if said is not None and said != run.status:
        yield f"run {run.id} is {run.status}, and {said} by its events"
    for each in executions:
        said = states.get(each.id, lifecycle.CREATED)
        # Releases before 0.1 put back what a stop had interrupted without an event.
        if said != each.status and not (each.status == lifecycle.CREATED and said == lifecycle.RUNNING):
            yield f"execution {each.id} of run {run.id} is {each.status}, and {said} by its events"


def _stuck(run: RunRow, executions: Sequence[ExecutionRow]) -> Iterator[str]:
    if driven_elsewhere(run):
        return
    open_ = [each.id for each in executions if not lifecycle.is_final(each.status)]
    if lifecycle.is_final(run.status) and open_:
        yield f"run {run.id} is over ({run.status}), and execution {open_[0]} of it is open"
    elif run.status == lifecycle.RUNNING and not open_:
        yield f"run {run.id} is {run.status}, and nothing of it is open"


# --- files ------------------------------------------------------------------------------------------------------------


def _blobs(inspection: Inspection, blobs: Path) -> Iterator[Finding]:
    lost = [
        f"{what} {id}: {name}"
        for what, id, name in inspection.blob_names()
        if not (blobs / name[:2] / name[2:]).is_file()
    ]
    hint = "restore them from a copy, or delete what names them"
    yield _finding("blobs", "every file that is named is there", "files are missing", lost, "error", hint)
    kept = [path.parent.name + path.name for path in orphans(inspection, blobs)]
    hint = "--repair deletes them; a platform that runs does so itself, every hour"
    yield _finding("orphans", "no file is kept for nothing", "files that nothing names", kept, "warning", hint)


def _files(blobs: Path) -> Iterator[Path]:
    for folder in blobs.iterdir() if blobs.is_dir() else ():
        if len(folder.name) == 2:
            yield from folder.iterdir()


def _disk(data_dir: Path) -> Finding:
    free = shutil.disk_usage(data_dir).free
    severity: Severity = "error" if free < _SCARCE else "warning" if free < _LITTLE else "ok"
    hint = "" if severity == "ok" else "a full disk refuses changes until there is room again"
    return Finding("disk", severity, f"{free / (1 << 30):.1f} GB free", hint)


def _permissions(data_dir: Path) -> Finding:
    wrong = []
    secret = data_dir / SECRET_FILE
    if secret.exists() and stat.S_IMODE(secret.stat().st_mode) & 0o077:
        wrong.append(f"{secret} can be read by others: chmod 600")
    if stat.S_IMODE(data_dir.stat().st_mode) & 0o002:
        wrong.append(f"{data_dir} can be written to by everybody: chmod o-w")
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        wrong.append(f"{data_dir} cannot be written to by this user")
    return _finding("permissions", "as they should be", "files are not safe", wrong, "error")


def _finding(check: str, well: str, ill: str, wrong: Sequence[str], severity: Severity, hint: str = "") -> Finding:
    if not wrong:
        return Finding(check, "ok", well)
    return Finding(check, severity, ill, hint, len(wrong), tuple(wrong[:_SHOWN]))
