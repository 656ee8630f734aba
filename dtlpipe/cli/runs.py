"""`dtlpipe runs list|show|logs|rerun|cancel|watch`: runs of any pipeline, however they were begun."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from dtlpipe.cli import finding
from dtlpipe.cli.actions import worker
from dtlpipe.cli.asking import (
    RUN_FAILED,
    Refusal,
    asking,
    asks,
    first,
    limit_option,
    rich_table,
    show_json,
    show_list,
    show_one,
    table,
    url_option,
)
from dtlpipe.cli.prune import prune
from dtlpipe.cli.suggesting import known_pipelines, known_runs

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client

#: Seconds between looks of `watch`.
LOOK = 1.0

_COLUMNS: dict[str, Callable[[Any], Any]] = {
    "ID": lambda each: each.id,
    "STATUS": lambda each: each.known_status,
    "PIPELINE": lambda each: each.pipeline_id,
    "CREATED": lambda each: each.created_at,
    "SECONDS": lambda each: each.duration,
}


@click.group()
def runs() -> None:
    """Runs of pipelines."""


runs.add_command(worker)
runs.add_command(prune)


def _found(client: Client, pipeline: str | None, status: tuple[str, ...], run_ids: tuple[str, ...] = ()) -> Any:
    from dtlpipe.model.enums import FiltersOperations, FiltersOrderByDirection, FiltersResource
    from dtlpipe.model.filters import Filters

    filters = Filters(resource=FiltersResource.PIPELINE_EXECUTION)
    # Said, as ids of runs of actions do not sort by age.
    filters.sort_by(field="createdAt", value=FiltersOrderByDirection.DESCENDING)
    if pipeline is not None:
        filters.add(field="pipelineId", values=finding.pipeline_of(client, pipeline).id)
    if run_ids:
        filters.add(field="id", values=list(run_ids), operator=FiltersOperations.IN)
    if status:
        filters.add(field="status", values=list(status), operator=FiltersOperations.IN)
    return client.pipeline_executions.list(filters=filters)


_pipeline = click.option(
    "--pipeline", metavar="PIPELINE", help="Only those of this one.", shell_complete=known_pipelines
)
_status = click.option("--status", multiple=True, help="Only those in this state; several times.")


@runs.command("list")
@_pipeline
@_status
@limit_option
@asks
def list_(pipeline: str | None, status: tuple[str, ...], limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """The newest first."""
    with asking(url) as client:
        show_list(first(_found(client, pipeline, status).all(), limit), _COLUMNS, as_json=as_json)


def show_run(run: Any, *, as_json: bool, outputs: bool) -> None:
    """A run with its nodes; with `outputs`, what its end nodes gave."""
    gave = run.outputs() if outputs and str(run.known_status) == "success" else None
    if as_json:
        show_json({**run.to_wire(), **({} if gave is None else {"outputs": gave})})
        return
    error = run.error or {}
    facts = {
        "id": run.id,
        "status": run.known_status,
        "pipeline": run.pipeline_id,
        "created": run.created_at,
        "seconds": run.duration,
        "error": error.get("message"),
        "in node": error.get("node"),
    }
    show_one(run, facts, as_json=False)
    click.echo()
    rows = [[each.name, each.status, each.updated_at] for each in run.nodes]
    click.echo(table(("NODE", "STATUS", "UPDATED"), rows), nl=False)
    if gave:
        click.echo()
        show_json(gave)


@runs.command()
@click.argument("run", shell_complete=known_runs)
@asks
def show(run: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """One of them, with its nodes and what it gave."""
    with asking(url) as client:
        show_run(client.pipeline_executions.get(run), as_json=as_json, outputs=True)


@runs.command()
@click.argument("run", shell_complete=known_runs)
@click.option("-f", "--follow", is_flag=True, help="Go on until it is over.")
@click.option("--level", default="DEBUG", show_default=True, help="The least severe wanted.")
@asks
def logs(run: str, follow: bool, level: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """What its nodes wrote; with --json, a JSON document a line."""
    import json

    with asking(url) as client:
        for line in client.pipeline_executions.get(run).logs(follow=follow, log_level=level):
            click.echo(json.dumps(line.to_wire(), ensure_ascii=False) if as_json else str(line))


@runs.command()
@click.argument("run", shell_complete=known_runs)
@click.option(
    "--method",
    type=click.Choice(["all", "failed", "nodes"]),
    default="all",
    show_default=True,
    help="From its beginning, from what failed, or from the nodes that --node names.",
)
@click.option("--node", "nodes", multiple=True, metavar="ID", help="Where to begin; several times.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until it is over.")
@asks
def rerun(run: str, method: str, nodes: tuple[str, ...], wait: bool, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Run it again. Exit status 5 if it does not succeed."""
    from dtlpipe.model.enums import CycleRerunMethod

    if bool(nodes) != (method == "nodes"):
        raise click.UsageError("--method nodes and --node go together")
    how = {
        "all": CycleRerunMethod.START_FROM_BEGINNING,
        "failed": CycleRerunMethod.START_FROM_FAILED_EXECUTIONS,
        "nodes": CycleRerunMethod.START_FROM_NODES,
    }[method]
    with asking(url) as client:
        found = client.pipeline_executions.get(run).rerun(method=how, start_nodes_ids=list(nodes) or None, wait=False)
        if wait:
            found.wait()
            show_run(found, as_json=as_json, outputs=True)
            found.raise_for_status()
        else:
            show_one(found, {"id": found.id, "status": found.known_status}, as_json=as_json)


@runs.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True, shell_complete=known_runs)
@url_option
def cancel(run_ids: tuple[str, ...], url: str | None) -> None:
    """End them, and the work that they have under way."""
    with asking(url) as client:
        for each in run_ids:
            client.pipeline_executions.get(each).terminate()
            click.echo(f"cancelled {each}")


@runs.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1, shell_complete=known_runs)
@_pipeline
@_status
@limit_option
@url_option
def watch(run_ids: tuple[str, ...], pipeline: str | None, status: tuple[str, ...], limit: int, url: str | None) -> None:
    """A live table of the newest, until Ctrl-C; without a terminal, one line for each change.

    Of the runs that are named, if some are: then until they are over, with exit status 5 if one does not succeed.
    """
    if run_ids and (pipeline or status):
        raise click.UsageError("name runs, or say which by --pipeline and --status")
    with asking(url) as client:
        for each in run_ids:
            client.pipeline_executions.get(each)

        def look() -> list[Any]:
            return first(_found(client, pipeline, status, run_ids).all(), len(run_ids) or limit or 20)

        try:
            if sys.stdout.isatty():
                _live(look, ends=bool(run_ids))
            else:
                _lines(look)
        except KeyboardInterrupt:
            click.echo()
            return
        failed = [each for each in look() if str(each.known_status) != "success"] if run_ids else []
    if failed:
        told = ", ".join(f"{each.id} {each.known_status}" for each in failed)
        raise Refusal(f"without success: {told}", RUN_FAILED)


def _live(look: Callable[[], list[Any]], *, ends: bool) -> None:
    from rich.live import Live

    columns = {**_COLUMNS, "SECONDS": _seconds}
    found = look()
    with Live(auto_refresh=False, screen=False) as live:
        while True:
            live.update(
                rich_table(columns, [[read(each) for read in columns.values()] for each in found]), refresh=True
            )
            if ends and not any(each.in_progress() for each in found):
                return
            time.sleep(LOOK)
            found = look()


def _seconds(run: Any) -> float | None:
    """That it took, or has taken until now."""
    from dtlpipe.model import times

    if run.duration is not None or run.created_at is None:
        return run.duration  # type: ignore[no-any-return]  # of an entity in either colour
    return float(max((times.now() - run.created_at).total_seconds(), 0.0))


def _lines(look: Callable[[], list[Any]]) -> None:
    """For a log: what is new or has changed; ends when nothing is open any more."""
    seen: dict[str, str] = {}
    while True:
        found = look()
        for each in reversed(found):
            state = str(each.known_status)
            if seen.get(each.id) != state:
                seen[each.id] = state
                click.echo(f"{each.id} {state}")
        if not any(each.in_progress() for each in found):
            return
        time.sleep(LOOK)
