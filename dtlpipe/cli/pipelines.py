"""`dtlpipe pipelines list|show|install|pause|run|batch`: what they are, and what they do with an input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dtlpipe.cli import finding
from dtlpipe.cli.asking import (
    RUN_FAILED,
    Refusal,
    asking,
    asks,
    first,
    json_object,
    limit_option,
    pairs,
    show_json,
    show_list,
    show_one,
    table,
    url_option,
)
from dtlpipe.cli.suggesting import known_datasets, known_pipelines, known_projects

if TYPE_CHECKING:
    from dtlpipe.model.pipeline import PipelineNodeIO

_COLUMNS = {
    "NAME": lambda each: each.name,
    "ID": lambda each: each.id,
    "STATUS": lambda each: each.status,
    "NODES": lambda each: len(each.nodes),
    "UPDATED": lambda each: each.updated_at,
}


@click.group()
def pipelines() -> None:
    """Pipelines. One is named by its id, its name, or as PROJECT/PIPELINE."""


@pipelines.command("list")
@click.argument("project", required=False, shell_complete=known_projects)
@limit_option
@asks
def list_(project: str | None, limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Those of a project; without one, all that you may see."""
    with asking(url) as client:
        where = client if project is None else finding.project_of(client, project)
        show_list(first(where.pipelines.list().all(), limit), _COLUMNS, as_json=as_json)


@pipelines.command()
@click.argument("pipeline", shell_complete=known_pipelines)
@asks
def show(pipeline: str, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """One of them, with its nodes and how its runs stand."""
    with asking(url) as client:
        found = finding.pipeline_of(client, pipeline)
        facts = {"id": found.id, "name": found.name, "status": found.status, "updated": found.updated_at}
        if as_json:
            show_json(found)
            return
        counts = found.stats().pipeline_counters
        told = ", ".join(f"{each.count} {each.status}" for each in counts if each.count)
        show_one(found, {**facts, "runs": told or "none yet"}, as_json=False)
        rows = [[each.name, each.node_type, ", ".join(_port(port) for port in each.inputs)] for each in found.nodes]
        click.echo()
        click.echo(table(("NODE", "TYPE", "INPUTS"), rows), nl=False)


def _port(port: PipelineNodeIO) -> str:
    return f"{port.name}: {port.input_type}"


@pipelines.command()
@click.argument("pipeline", shell_complete=known_pipelines)
@url_option
def install(pipeline: str, url: str | None) -> None:
    """Make it ready to run."""
    with asking(url) as client:
        found = finding.pipeline_of(client, pipeline)
        found.install()
        click.echo(f"installed {found.name} ({found.id})")


@pipelines.command()
@click.argument("pipeline", shell_complete=known_pipelines)
@url_option
def pause(pipeline: str, url: str | None) -> None:
    """Let it begin nothing more."""
    with asking(url) as client:
        found = finding.pipeline_of(client, pipeline)
        found.pause()
        click.echo(f"paused {found.name} ({found.id})")


@pipelines.command()
@click.argument("pipeline", shell_complete=known_pipelines)
@click.option("--input", "given", callback=json_object, metavar="JSON", help="An object; @file and - read one.")
@click.option("-p", "--param", "params", multiple=True, callback=pairs, metavar="NAME=VALUE", help="One input of it.")
@click.option("--node", metavar="ID", help="Begin at this node.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until it is over.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Of the wait.")
@asks
def run(
    pipeline: str,
    given: dict[str, Any] | None,
    params: dict[str, Any],
    node: str | None,
    wait: bool,  # noqa: FBT001
    timeout: float | None,
    url: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Begin a run, wait for it and show what it gave. Exit status 5 if it does not succeed."""
    from dtlpipe.cli.runs import show_run

    with asking(url) as client:
        found = finding.pipeline_of(client, pipeline)
        inputs = {**(given or {}), **params} or None
        execution = found.execute(execution_input=inputs, node_id=node)
        if wait:
            execution.wait(timeout=timeout)
            show_run(execution, as_json=as_json, outputs=True)
            execution.raise_for_status()
        else:
            show_one(execution, {"id": execution.id, "status": execution.known_status}, as_json=as_json)


@pipelines.command()
@click.argument("pipeline", shell_complete=known_pipelines)
@click.argument("dataset", shell_complete=known_datasets)
@click.argument("pattern", required=False)
@click.option("--wait/--no-wait", default=True, show_default=True, help="Until all are over.")
@click.option("--timeout", type=click.FloatRange(min=0), metavar="SECONDS", help="Of the wait.")
@asks
def batch(
    pipeline: str,
    dataset: str,
    pattern: str | None,
    wait: bool,  # noqa: FBT001
    timeout: float | None,
    url: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Begin a run for each item of a dataset (or those like a pattern). Exit status 5 if some do not succeed."""
    from dtlpipe.model.enums import FiltersResource
    from dtlpipe.model.filters import Filters

    with asking(url) as client:
        found = finding.pipeline_of(client, pipeline)
        filters = Filters(resource=FiltersResource.ITEM, context={"datasets": [finding.dataset_of(client, dataset).id]})
        if pattern:
            filters.add(field="filename", values=pattern if pattern.startswith("/") else f"/{pattern}")
        begun = found.execute_batch(filters=filters, wait=False)
        if not wait:
            show_one(begun.command, {"id": begun.id, "runs": len(begun)}, as_json=as_json)
            return
        begun.wait(timeout=timeout)
        results = begun.results()
    failed = [each for each in results if str(each.status) != "success"]
    if as_json:
        show_json(
            [
                {"itemId": each.item_id, "status": each.status, "output": each.output, "error": each.error}
                for each in results
            ]
        )
    else:
        click.echo(f"{len(results) - len(failed)} of {len(results)} succeeded")
        if failed:
            rows = [[each.item_id, each.status, each.error] for each in failed]
            click.echo(table(("ITEM", "STATUS", "WHY"), rows), nl=False)
    if failed:
        raise Refusal(f"{len(failed)} runs did not succeed", RUN_FAILED)
