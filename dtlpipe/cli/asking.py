"""What commands that ask a platform have in common: which one, how they show what they found, and how they fail.

Exit statuses, the same for all of them:

    0    done
    1    refused: the platform said no, and why is on standard error
    2    wrong usage
    3    there is no such thing
    4    the platform does not answer
    5    a run ended without success
    124  it was not over in time
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from dtlpipe.client.clients import Client

REFUSED, NOT_FOUND, NO_ANSWER, RUN_FAILED, TOO_LATE = 1, 3, 4, 5, 124
#: Entries that a list shows if nobody says how many.
LIMIT = 50
_WIDEST = 10_000

F = TypeVar("F", bound=Callable[..., Any])


class Refusal(click.ClickException):
    """A message on standard error, and an exit status that says which kind it is."""

    def __init__(self, message: str, status: int = REFUSED) -> None:
        super().__init__(message)
        self.exit_code: int = status  # type: ignore[misc]  # click reads it from the instance


def url_option(command: F) -> F:
    """Which platform is asked."""
    return click.option(
        "--url", metavar="URL", help="The platform, or its name.  [default: $DTLPIPE_URL, else what the file says]"
    )(command)


def asks(command: F) -> F:
    """Adds the options that every question has: `url` and `as_json`."""
    shown = click.option("--json", "as_json", is_flag=True, help="For programs: JSON on standard output.")
    return url_option(shown(command))


limit_option = click.option(
    "--limit", type=click.IntRange(min=0), default=LIMIT, show_default=True, help="At most so many; 0 for all."
)


@contextmanager
def asking(url: str | None) -> Iterator[Client]:
    """A client of the platform; what goes wrong becomes a message and its exit status."""
    from dtlpipe import errors
    from dtlpipe.client.clients import Client

    try:
        with Client(url, transport="plain") as client:
            yield client
    except errors.NotFound as error:
        raise Refusal(str(error), NOT_FOUND) from None
    except (errors.ConnectionFailed, errors.Unavailable) as error:
        raise Refusal(str(error), NO_ANSWER) from None
    except errors.RunFailed as error:
        raise Refusal(str(error), RUN_FAILED) from None
    except errors.WaitTimeout as error:
        raise Refusal(str(error), TOO_LATE) from None
    except errors.DtlpipeError as error:
        raise Refusal(str(error)) from None


def first(entities: Iterable[Any], limit: int) -> list[Any]:
    """The first of a listing, whose further pages are then not fetched; 0 gives all."""
    from itertools import islice

    return list(islice(entities, limit or None))


def plain(value: Any) -> Any:
    """What JSON can say of an entity, an enum, a time."""
    to_wire = getattr(value, "to_wire", None)
    if to_wire is not None:
        return to_wire()
    if isinstance(value, datetime):
        from dtlpipe.model import times

        return times.to_wire(value)
    return str(value)


def show_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, default=plain, indent=2, ensure_ascii=False))


def show_list(entities: Sequence[Any], columns: Mapping[str, Callable[[Any], Any]], *, as_json: bool) -> None:
    """Entities as a table for people, or as a JSON array of what the platform said of them."""
    if as_json:
        show_json(entities)
    else:
        click.echo(table(columns, [[read(each) for read in columns.values()] for each in entities]), nl=False)


def show_one(entity: Any, facts: Mapping[str, Any], *, as_json: bool) -> None:
    """An entity as `name: value` lines, or as the JSON that the platform said of it."""
    if as_json:
        show_json(entity)
        return
    width = max(map(len, facts)) + 1
    for name, value in facts.items():
        if value is not None:
            click.echo(f"{name + ':':<{width}} {text(value)}")


def text(value: Any) -> str:
    """As a person reads it: times in the local zone, to the second."""
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return value.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return f"{value:.1f}"
    return str(value)


def rich_table(titles: Iterable[str], rows: Iterable[Sequence[Any]]) -> Any:
    """A table of `rich`; what a cell holds is text, never markup."""
    from rich.table import Table
    from rich.text import Text

    found = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        found.add_column(title, overflow="fold")
    for row in rows:
        found.add_row(*(Text(text(cell)) for cell in row))
    return found


def table(titles: Iterable[str], rows: Iterable[Sequence[Any]]) -> str:
    """Lines for the terminal; where there is none, as wide as they need to be and without colours."""
    titles, rows = list(titles), list(rows)
    if not sys.stdout.isatty():
        simple = _columns([titles, *([text(cell) for cell in row] for row in rows)])
        if simple is not None:
            return simple
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_WIDEST, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(rich_table(titles, rows))
    return "".join(f"{line.rstrip()}\n" for line in captured.get().splitlines())


def _columns(lines: Sequence[Sequence[str]]) -> str | None:
    """What `rich` makes of plain text where there is no terminal, without loading it; None where it knows better."""
    if not all(cell.isascii() and cell.isprintable() for line in lines for cell in line):
        return None
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if sum(widths) + 2 * len(widths) > _WIDEST:
        return None
    return "".join("  ".join(map(str.ljust, line, widths)).rstrip() + "\n" for line in lines)


def json_object(_context: click.Context, parameter: click.Parameter, given: str | None) -> dict[str, Any] | None:
    """A JSON object from an option; `@path` reads it from a file, `-` from standard input."""
    if given is None:
        return None
    try:
        if given == "-":
            given = sys.stdin.read()
        elif given.startswith("@"):
            given = Path(given[1:]).read_text(encoding="utf-8")
        value = json.loads(given)
    except OSError as error:
        raise click.BadParameter(f"{error.filename}: {error.strerror}", param=parameter) from None
    except ValueError as error:
        raise click.BadParameter(f"this is not JSON: {error}", param=parameter) from None
    if not isinstance(value, dict):
        raise click.BadParameter(f"a JSON object is wanted, not {type(value).__name__}", param=parameter)
    return value


def pairs(_context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> dict[str, Any]:
    """`name=value` options as a mapping; a value that is JSON is that, any other is text."""
    found: dict[str, Any] = {}
    for each in given:
        name, separator, value = each.partition("=")
        if not name or not separator:
            raise click.BadParameter(f"{each!r} is not NAME=VALUE", param=parameter)
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
