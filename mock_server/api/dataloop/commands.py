"""/commands: work that the platform does on its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint

from mock_server.api.dataloop import validation
from mock_server.api.dataloop.holding import hold
from mock_server.platform.commands import is_over, is_settled

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of commands. Who gets one waits for it, so that even the first look is held."""
    commands = platform.commands

    @api.get("/commands")
    def list_commands() -> Any:
        return commands.list()

    @api.get("/commands/<command_id>")
    @api.get("/commands/faas/<command_id>")
    def get_command(command_id: str) -> Any:
        # `settled`: who waits, waits for what a batch began, and not only until all of it is begun
        done = is_settled if validation.flag("settled") else is_over
        return hold(platform, command_id, lambda: commands.get(command_id), done, at_once=True)

    @api.post("/commands/<command_id>/abort")
    def abort_command(command_id: str) -> Any:
        return commands.abort(command_id)
