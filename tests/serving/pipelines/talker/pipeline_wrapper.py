import asyncio
from collections.abc import AsyncGenerator, Generator

from hayhooks import BasePipelineWrapper, get_last_user_message
from hayhooks.open_webui import create_status_event
from starlette.datastructures import Headers


class Call:
    def __init__(self, index, id, name, arguments):
        self.index, self.id, self.tool_name, self.arguments = index, id, name, arguments


class Chunk:
    def __init__(self, content="", tool_calls=(), finish_reason=None, reasoning=None, meta=None):
        self.content, self.tool_calls, self.finish_reason = content, list(tool_calls), finish_reason
        self.reasoning, self.meta = reasoning, meta or {}


class PipelineWrapper(BasePipelineWrapper):
    def setup(self) -> None:
        pass

    async def run_chat_completion_async(
        self, model: str, messages: list[dict], body: dict, headers: Headers | None = None
    ) -> AsyncGenerator:
        text = get_last_user_message(messages) or ""
        if text == "tools":
            yield Chunk(tool_calls=[Call(0, "call_1", "weather", "")])
            yield Chunk(tool_calls=[Call(0, None, None, '{"city":')])
            yield Chunk(tool_calls=[Call(0, None, None, '"Oslo"}')], finish_reason="tool_calls")
        elif text == "fail":
            yield "so far "
            raise ValueError("no further")
        elif text == "fail at once":
            raise ValueError("not at all")
        elif text == "think":
            yield Chunk(reasoning="hm, ")
            yield Chunk("done", meta={"usage": {"prompt_tokens": 7, "completion_tokens": 3}})
        elif text == "event":
            yield create_status_event("looking", done=False)
            yield "seen"
        elif text == "headers":
            yield (headers or {}).get("x-own", "none")
        elif text == "whole":
            message = {"role": "assistant", "content": "all of it"}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            yield {"id": "own", "object": "chat.completion", "created": 1, "model": model, "choices": [choice]}
        elif text == "endless":
            while True:
                yield "on "
                await asyncio.sleep(0.01)
        else:
            for word in text.split():
                yield f"{word} "
                await asyncio.sleep(0)

    def run_response(self, model: str, input_items: list[dict], body: dict) -> Generator:
        from hayhooks import get_last_user_input_text

        text = get_last_user_input_text(input_items) or ""
        if text == "fail":
            raise ValueError("not at all")
        for word in text.split():
            yield f"{word} "
