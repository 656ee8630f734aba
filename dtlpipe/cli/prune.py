"""`dtlpipe prune`: runs that are over go, with their executions, events and logs. What is open is never touched."""

from __future__ import annotations

import re
from typing import Any

import click

from dtlpipe.cli import finding
from dtlpipe.cli.asking import asking, asks, show_json

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}


def _seconds(_context: click.Context, parameter: click.Parameter, given: str | None) -> float | None:
    if given is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", given.strip())
    if match is None:
        raise click.BadParameter(f"{given!r} is no time; it is like 30d, 12h, 90m or 3600", param=parameter)
    return float(match[1]) * _UNITS[match[2]]


@click.command()
@click.option("--older-than", callback=_seconds, metavar="TIME", help="Those that ended so long ago: 30d, 12h, 3600.")
@click.option("--keep", type=click.IntRange(min=0), metavar="N", help="All but the latest so many.")
@click.option("--pipeline", metavar="PIPELINE", help="Only those of this one.")
@click.confirmation_option("--yes", "-y", prompt="Runs that are deleted do not come back. Go on?")
@asks
def prune(older_than: float | None, keep: int | None, pipeline: str | None, url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Delete runs that are over, of a platform that dtlpipe runs."""
    from dtlpipe.sansio.effects import Op, Request

    if older_than is None and keep is None:
        raise click.UsageError("say what goes: --older-than, --keep, or both")

    def ask(body: dict[str, Any]) -> Op[Any]:
        response = yield Request("POST", "/platform/prune", json=body)
        return response.json()

    with asking(url) as client:
        body = {"olderThan": older_than, "keep": keep}
        if pipeline is not None:
            body["pipelineId"] = finding.pipeline_of(client, pipeline).id
        gone = client.session.run(ask(body))
    if as_json:
        show_json(gone)
    else:
        click.echo(f"{gone['runs']} runs are gone")
