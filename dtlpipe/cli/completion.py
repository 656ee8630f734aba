"""`dtlpipe completion SHELL`: what the shell needs to complete commands and options."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script; bash: `eval "$(dtlpipe completion bash)"`."""
    from click.shell_completion import get_completion_class

    from dtlpipe.cli import cli

    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"there is no completion for {shell}")
    click.echo(found(cli, {}, "dtlpipe", "_DTLPIPE_COMPLETE").source())
