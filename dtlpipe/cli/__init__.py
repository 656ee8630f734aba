"""THE COMMAND LINE: `dtlpipe ...`, and `python -m dtlpipe.cli` where no script is installed.

Law: `--help` imports click and nothing else that costs; a command imports what it needs when it runs. Errors that are
made on purpose end as one message with a hint, not as a traceback.
"""

from __future__ import annotations

import gc
from importlib import import_module
from typing import Any

import click

#: New objects after which garbage is looked for. Imports make many, and none of it garbage.
_OBJECTS = 50_000

#: Commands by name: where each is, and what it is for.
COMMANDS = {
    "completion": ("dtlpipe.cli.completion:completion", "What a shell needs to complete commands."),
    "datasets": ("dtlpipe.cli.datasets:datasets", "List, make and delete datasets."),
    "export": ("dtlpipe.cli.carrying:export", "Write a pipeline into a folder, for people and git."),
    "import": ("dtlpipe.cli.carrying:import_", "Make a pipeline of such a folder, or of Dataloop's JSON."),
    "items": ("dtlpipe.cli.items:items", "List, upload and download items."),
    "login": ("dtlpipe.cli.login:login", "Log in to a platform, and remember it."),
    "logout": ("dtlpipe.cli.login:logout", "Forget the login."),
    "pipelines": ("dtlpipe.cli.pipelines:pipelines", "List, show, install and run pipelines."),
    "projects": ("dtlpipe.cli.projects:projects", "List, make and delete projects."),
    "prune": ("dtlpipe.cli.prune:prune", "Delete runs that are over."),
    "runs": ("dtlpipe.cli.runs:runs", "List, show, follow, cancel and repeat runs."),
    "seed": ("dtlpipe.cli.seed:seed", "What a platform begins with, from YAML, without setting off triggers."),
    "snapshot": ("dtlpipe.cli.snapshot:snapshot", "Keep all of a platform, take it up again, compare."),
    "whoami": ("dtlpipe.cli.login:whoami", "Which platform is asked, and as whom."),
    "tasks": ("dtlpipe.cli.tasks:tasks", "What pipelines give to people, and what these say of it."),
    "serve": ("dtlpipe.cli.serve:serve", "Serve pipelines, and speak to where they are served."),
    "worker": ("dtlpipe.cli.worker:worker", "Run node code for a platform, on this machine."),
    "platform": ("dtlpipe.cli.platform:platform", "Run a platform on this machine."),
}


class _Commands(click.Group):
    """Imports a command when it is called."""

    owns_process = False
    """Whether the process is there for the command alone."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        if self.owns_process and cmd_name != "serve":  # most of which does without attrs
            from dtlpipe.runtime.bytecode import keep_attrs_code

            keep_attrs_code()
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in self.list_commands(ctx)])


def _show_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:  # noqa: FBT001 - click's callback
    if not asked or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version

    try:
        release = version("dtlpipe")
    except PackageNotFoundError:
        release = "(not installed: running from its source)"
    click.echo(f"dtlpipe {release}")
    ctx.exit()


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show it.")
def cli() -> None:
    """Pipelines for Dataloop-style platforms."""


def main(arguments: list[str] | None = None) -> Any:
    """What the console script runs."""
    if arguments is None:
        _Commands.owns_process = True
        gc.set_threshold(_OBJECTS, 20, 20)
    return cli.main(args=arguments, prog_name="dtlpipe")
