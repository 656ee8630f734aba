"""`dtlpipe seed FILE`: what a platform begins with, from YAML, without setting off triggers."""

from __future__ import annotations

from pathlib import Path

import click

from dtlpipe.cli.asking import asking, asks, show_json


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--check", is_flag=True, help="Only say what is wrong with it.")
@asks
def seed(file: Path, check: bool, url: str | None, as_json: bool) -> None:  # noqa: FBT001 - click passes by name
    """Make the projects, datasets, items, pipelines and runs that FILE names. What is there already stays."""
    from dtlpipe.moving.plans import Plan
    from dtlpipe.moving.sowing import sow

    with asking(url) as client:
        plan = Plan.read(file)
        if check:
            count = sum(1 for _ in plan.steps())
            click.echo(f"{file} has {count} steps, and nothing is wrong with them")
            return
        done = sow(client, plan)
    if as_json:
        show_json(done)
    else:
        click.echo(", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in done.items()) or "nothing")
