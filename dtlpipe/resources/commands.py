"""Commands: work that the platform does on its own time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import attrs

from dtlpipe.errors import FailedDependency
from dtlpipe.model import execution as nouns
from dtlpipe.model.enums import CommandStatus
from dtlpipe.model.struct import Struct
from dtlpipe.resources.live import Live
from dtlpipe.sansio.effects import Op, Request, Response
from dtlpipe.sansio.operation import Bound, Colour, operation
from dtlpipe.sansio.pages import Pages, listing
from dtlpipe.sansio.waiting import wait_until

_OVER = frozenset(each.value for each in CommandStatus if each.is_terminal)


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Command(Live[Colour], nouns.Command):  # type: ignore[misc]  # entities are hashed by id
    """A command. `status` is the present one on sync handles; `wait()` waits for the end."""

    NOUN: ClassVar[type[Struct] | None] = nouns.Command

    @property
    def status(self) -> CommandStatus:
        """How far it is."""
        self._look_again()
        return self.known_status

    @status.setter
    def status(self, status: CommandStatus) -> None:
        self.__dict__["status"] = status

    @property
    def known_status(self) -> CommandStatus:
        """Its state as of the last look; nobody is asked."""
        known: CommandStatus = self.__dict__["status"]
        return known

    def _address(self) -> str:
        """Some commands live at an address of their own, which they name."""
        _, api, path = (self.url or "").partition("/api/v1")
        return path if api and path.startswith("/") else f"/commands/{quote(self.id, safe='')}"

    def _is_over(self) -> bool:
        return self.known_status in _OVER

    def in_progress(self) -> bool:
        """Whether it goes on still."""
        return self.status not in _OVER

    @operation
    def refresh(self) -> Op[Command[Colour]]:
        """Takes over the present state."""
        return (yield from self._refreshed())

    @operation
    def wait(self, timeout: float | None = None, interval: float | None = None) -> Op[Command[Colour]]:
        """Waits until it is over.

        Args:
            timeout: seconds; None waits for ever.
            interval: the first pause between looks, in seconds, on platforms that do not hold requests.

        Raises:
            FailedDependency: it ended without success.
            WaitTimeout: it is not over yet; it goes on.
        """
        if not self._is_over():
            data = yield from wait_until(
                Request("GET", self._address()),
                lambda data: data.get("status") in _OVER,
                timeout=timeout,
                interval=interval or 0.1,
                what=f"command {self.id}",
            )
            self._absorb(data)
            yield from self.just_seen()
        if self.known_status != CommandStatus.SUCCESS:
            raise FailedDependency(f"Command {self.id!r} {self.known_status}: {self.error!r}")
        return self

    @operation
    def abort(self) -> Op[Command[Colour]]:
        """Asks the platform to stop it. Raises Conflict if it is over."""
        response: Response = yield Request("POST", f"/commands/{quote(self.id, safe='')}/abort", idempotent=True)
        data = response.json()
        return self._absorb(data) if isinstance(data, Mapping) and data.get("id") else (yield from self._refreshed())


@attrs.define(slots=False, kw_only=True, eq=False, repr=False)
class Commands(Bound[Colour]):
    """The commands of a platform."""

    def _command(self, data: Mapping[str, Any]) -> Command[Colour]:
        return Command.from_wire(data, session=self._session)

    @operation
    def get(self, command_id: str) -> Op[Command[Colour]]:
        """The command of that id. Raises NotFound."""
        response: Response = yield Request("GET", f"/commands/{quote(command_id, safe='')}")
        return (yield from self._command(response.json()).just_seen())

    @listing
    def list(self) -> Pages[Command[Colour], Colour]:
        """The latest commands."""
        return Pages(self._session, "/commands", self._command)

    @operation
    def wait(self, command_id: str, timeout: float | None = None, interval: float | None = None) -> Op[Command[Colour]]:
        """Waits until a command is over, as `command.wait()`."""
        command = self._command({"id": command_id})
        return (yield from command.wait.op(command, timeout, interval))

    @operation
    def abort(self, command_id: str) -> Op[Command[Colour]]:
        """Asks the platform to stop a command."""
        command = self._command({"id": command_id})
        return (yield from command.abort.op(command))
