"""What a shell suggests for names of things: those that the platform has; nothing, if it does not answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from dtlpipe.client.clients import Client

#: Things that are suggested at most.
_MOST = 50
#: Seconds that somebody at a prompt waits.
_PATIENCE = 3.0

#: Gives what things are called, each with a word about it.
Known = Callable[["Client"], Iterator[tuple[str, str]]]


def _suggesting(known: Known) -> Callable[[click.Context, click.Parameter, str], list[CompletionItem]]:
    def suggest(context: click.Context, _parameter: click.Parameter, begun: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        from dtlpipe.client.clients import Client
        from dtlpipe.errors import DtlpipeError

        try:
            with Client(context.params.get("url"), timeout=_PATIENCE, transport="plain") as client:
                found = [CompletionItem(name, help=word) for name, word in known(client) if name.startswith(begun)]
        except DtlpipeError:
            return []  # at a prompt there is no place for it; the command itself will say it
        return found[:_MOST]

    return suggest


def _projects(client: Client) -> Iterator[tuple[str, str]]:
    return ((each.name, "project") for each in client.projects.list())


def _datasets(client: Client) -> Iterator[tuple[str, str]]:
    for project in client.projects.list():
        yield from ((f"{project.name}/{each.name}", "dataset") for each in project.datasets.list())


def _pipelines(client: Client) -> Iterator[tuple[str, str]]:
    return ((each.name, str(each.status)) for each in client.pipelines.list())


def _runs(client: Client) -> Iterator[tuple[str, str]]:
    newest: Iterator[Any] = islice(client.pipeline_executions.list().all(), _MOST)
    return ((each.id, str(each.known_status)) for each in newest)


known_projects = _suggesting(_projects)
known_datasets = _suggesting(_datasets)
known_pipelines = _suggesting(_pipelines)
known_runs = _suggesting(_runs)
