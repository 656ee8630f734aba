"""`dtlpipe tasks ls|items|status`: what pipelines give to people, and what these say of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from dtlpipe.cli.asking import asking, asks, first, limit_option, show_json, show_list

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client

_COLUMNS = {
    "NAME": lambda each: each.name,
    "ID": lambda each: each.id,
    "STATUS": lambda each: each.status,
    "ITEMS": lambda each: each.total_items,
    "DONE %": lambda each: each.progress,
    "ACTIONS": lambda each: ", ".join(each.actions),
}


def _task_of(client: Client, wanted: str) -> Any:
    from dtlpipe.errors import BadRequest, NotFound

    try:
        return client.tasks.get(task_id=wanted)
    except (NotFound, BadRequest):
        return client.tasks.get(task_name=wanted)


@click.group()
def tasks() -> None:
    """Tasks: what task nodes of pipelines give to people. Each is named by its id, or as its node is."""


@tasks.command("ls")
@limit_option
@asks
def ls(limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """List them, with how many of their items are done."""
    with asking(url) as client:
        show_list(first(client.tasks.list().all(), limit), _COLUMNS, as_json=as_json)


@tasks.command()
@click.argument("task")
@limit_option
@asks
def items(task: str, limit: int, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """List the items of one, with what was said of them."""
    with asking(url) as client:
        found = _task_of(client, task)
        columns = {
            "PATH": lambda each: each.filename,
            "ID": lambda each: each.id,
            "STATUS": lambda each: each.status(found.id),
        }
        show_list(first(found.get_items().all(), limit), columns, as_json=as_json)


@tasks.command()
@click.argument("task")
@click.argument("status")
@click.argument("item_ids", nargs=-1, required=True, metavar="ITEM...")
@click.option("--clear", is_flag=True, help="Take back what was said.")
@asks
def status(
    task: str,
    status: str,
    item_ids: tuple[str, ...],
    clear: bool,  # noqa: FBT001
    url: str | None,
    as_json: bool,  # noqa: FBT001
) -> None:
    """Say of items what came of them, as an annotator does: the pipeline goes on with each."""
    with asking(url) as client:
        found = _task_of(client, task).set_status(list(item_ids), status, clear=clear)
    if as_json:
        show_json(found)
    else:
        click.echo(f"{len(found)} of {len(item_ids)}: {'nothing' if clear else status}")
