"""OpenAI's vocabulary: models, chat completions, responses and files, below `/v1` and, as hayhooks has it, below `/`.

Law: closed, as every vocabulary. Whatever is refused is refused in OpenAI's shape, so that its clients raise the right
error; hayhooks' `detail` stands beside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint

from mock_server.api.openai import chat, files, models, responses
from mock_server.api.openai.errors import body as body
from mock_server.api.openai.errors import owns as owns

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def blueprints(platform: Platform) -> tuple[Blueprint, ...]:
    """One, without a prefix."""
    openai = Blueprint("openai", __name__)
    for each in (models, chat, responses, files):
        each.install(openai, platform)
    return (openai,)
