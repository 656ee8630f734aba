import asyncio
import os
import signal
from pathlib import Path
from typing import Any

from hayhooks import BasePipelineWrapper, DurableContext, current_durable_context
from pydantic import BaseModel


class Asked(BaseModel):
    kind: str = "count"
    number: int = 0
    path: str = ""


class Answered(BaseModel):
    value: Any


class Decision(BaseModel):
    approved: bool


class PipelineWrapper(BasePipelineWrapper):
    durable_revision = "1"
    durable_resume_model = Decision

    def setup(self) -> None:
        pass

    async def run_durable_async(self, context: DurableContext, request: Asked) -> Answered:
        return Answered(value=await getattr(self, f"_{request.kind}")(context, request))

    async def _count(self, context: DurableContext, request: Asked) -> Any:
        for number in range(request.number):
            await context.report_progress(f"step {number}", metadata={"number": number})
            await context.stream_chunk({"piece": number})
        return request.number

    async def _approve(self, context: DurableContext, request: Asked) -> Any:
        told = context.resume_input
        if told is None:
            await context.suspend({"kind": "approval", "message": "may I?"}, update={"asked": True})
        return {"told": told, "state": context.state, "again": context.resume_input}

    async def _again(self, context: DurableContext, request: Asked) -> Any:
        context.state["tries"] = context.state.get("tries", 0) + 1
        await context.checkpoint()
        if context.state["tries"] <= request.number:
            await context.retry("not yet", delay=0)
        return context.state["tries"]

    async def _careful(self, context: DurableContext, request: Asked) -> Any:
        """As wrappers do that go on whatever fails; what ends an attempt is none of that."""
        tries = context.state["tries"] = context.state.get("tries", 0) + 1
        try:
            await context.checkpoint()
            if tries == 1:
                await context.retry("not yet", delay=0)
            if tries == 2:
                async with asyncio.TaskGroup() as group:
                    group.create_task(context.retry("not yet, either", delay=0))
            if context.resume_input is None:
                await context.suspend({"kind": "approval", "message": "may I?"})
        except Exception as error:
            return repr(error)
        return tries

    async def _dies(self, context: DurableContext, request: Asked) -> Any:
        if "died" not in context.state:
            context.state["died"] = True
            await context.checkpoint()
            os.kill(os.getpid(), signal.SIGKILL)
        return context.state

    async def _waits(self, context: DurableContext, request: Asked) -> Any:
        await asyncio.to_thread(Path(request.path).write_text, "began")
        while True:
            await context.check_cancelled()
            await asyncio.sleep(0.01)

    async def _current(self, context: DurableContext, request: Asked) -> Any:
        active = current_durable_context()
        return active is not None and active.execution_id == context.execution_id

    async def _fails(self, context: DurableContext, request: Asked) -> Any:
        raise ValueError("never")
