"""`dtlpipe login|logout|whoami`: which platform, and as whom.

A login is kept in the configuration file, which only its owner may read. A file that somebody wrote by hand is left
alone.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from dtlpipe.cli.asking import Refusal, asking, asks, show_one, url_option

MARK = "# written by `dtlpipe login`\n"


def _file() -> Path:
    named = os.environ.get("DTLPIPE_CONFIG")
    return Path(named) if named else Path.home() / ".dtlpipe" / "config.toml"


def _ours(path: Path) -> bool:
    try:
        return path.read_text(encoding="utf-8").startswith(MARK)
    except FileNotFoundError:
        return True


def _keep(path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    text = MARK + "".join(f"{name} = {json.dumps(value)}\n" for name, value in values.items())
    beside = path.with_suffix(".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)


@click.command()
@url_option
@click.option("--email", help="Asks for the password, unless DTLPIPE_PASSWORD has it.")
@click.option("--token", "with_token", is_flag=True, help="Asks for a token, unless DTLPIPE_TOKEN has it.")
def login(url: str | None, email: str | None, with_token: bool) -> None:  # noqa: FBT001
    """Log in to a platform, and remember it."""
    if (email is None) == (not with_token):
        raise click.UsageError("give either --email or --token")
    path = _file()
    if not _ours(path):
        raise Refusal(f"{path} was written by hand and is left alone: put url and token into it, or move it away")
    with asking(url) as client:
        if email is not None:
            client.login_m2m(email, os.environ.get("DTLPIPE_PASSWORD") or click.prompt("Password", hide_input=True))
        else:
            client.login_token(os.environ.get("DTLPIPE_TOKEN") or click.prompt("Token", hide_input=True))
        if not client.token:
            raise Refusal(f"{client.environment} gave no token")
        _keep(path, {"url": client.environment, "token": client.token})
        click.echo(f"logged in to {client.environment} as {_who(client)}; remembered in {path}")


@click.command()
def logout() -> None:
    """Forget the login."""
    path = _file()
    if not path.exists():
        click.echo("nobody is logged in")
    elif not _ours(path):
        raise Refusal(f"{path} was written by hand and is left alone")
    else:
        path.unlink()
        click.echo(f"logged out; {path} is gone")


@click.command()
@asks
def whoami(url: str | None, as_json: bool) -> None:  # noqa: FBT001
    """Which platform is asked, and as whom."""
    with asking(url) as client:
        client.login()
        who = {"environment": client.environment, "user": _who(client)}
        show_one(who, who, as_json=as_json)


def _who(client: Any) -> str:
    found = client.info()["user_email"]
    return str(found) if found else "the local user"
