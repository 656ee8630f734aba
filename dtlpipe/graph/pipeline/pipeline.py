"""`Pipeline`: components that run.

Law: thin. How a run goes is in `running` and `running_async`; what it is given in `inputs`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from importlib import import_module
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.pipeline.base import PipelineBase
from dtlpipe.graph.pipeline.inputs import prepare

if TYPE_CHECKING:
    from dtlpipe.graph.breakpoints import Breakpoint, PipelineSnapshot, SnapshotCallback
    from dtlpipe.graph.pipeline import running  # noqa: TC004 - see _Later
    from dtlpipe.graph.pipeline.inputs import Inputs
    from dtlpipe.graph.pipeline.running import Run
    from dtlpipe.graph.pipeline.streaming import PipelineStreamHandle
    from dtlpipe.graph.schedule import Mode

__all__ = ["AsyncPipeline", "Pipeline"]


class _Later:
    """Stands for `running` until something of it is used: pipelines are built and read without the machine, too."""

    def __getattr__(self, name: str) -> Any:
        module = globals()["running"] = import_module("dtlpipe.graph.pipeline.running")
        return getattr(module, name)


globals()["running"] = _Later()  # in place of the import above, which is for type checkers alone


class Pipeline(PipelineBase):
    """Components, connected with each other, that run.

    One pipeline may run any number of times, also at the same time, in threads and tasks: a run changes neither the
    pipeline nor the data that it is given.

    `data`, for all ways to run, is `{component: {input: value}}`. Where the names of inputs say enough it may be
    `{input: value}`: each value goes to all components with an open input of that name. Components receive copies.

    The result is `{component: {output: value}}`: all outputs that no other component receives, and all outputs of the
    components in `include_outputs_from`. Of a component that ran several times, the last visit counts.
    """

    def run(
        self,
        data: dict[str, Any],
        include_outputs_from: Collection[str] | None = None,
        *,
        break_point: Breakpoint | None = None,
        pipeline_snapshot: PipelineSnapshot | None = None,
        snapshot_callback: SnapshotCallback | None = None,
        parallel: int = 1,
    ) -> dict[str, Any]:
        """Run on this thread, one component at a time, and return the result; see the class.

        Args:
            data: the inputs.
            include_outputs_from: components all of whose outputs are wanted; a string is the name of one.
            break_point: stop before this visit of this component, with a snapshot.
            pipeline_snapshot: go on from here instead of beginning anew; `data` is ignored then.
            snapshot_callback: receives each snapshot that is made, instead of a file.
            parallel: how many components may run at the same time. More than one: they run in threads, each at most
                once at a time, and branches do not wait for each other. The result is the same, except for what
                depends on who is first: the order within the lists of variadic inputs, and greedy inputs. Worth it
                where components wait for others (networks, files).

        Raises:
            PipelineValidationError: the inputs do not fit the pipeline. It is a `ValueError`.
            PipelineRuntimeError: a component failed, returned no dict, or a value could not be converted.
            PipelineComponentsBlockedError: no component can run at all.
            PipelineMaxComponentRuns: a component was due more often than it may run.
            BreakpointException: the breakpoint was reached.
            PipelineInvalidPipelineSnapshotError: the snapshot does not fit the pipeline or the breakpoint.
        """
        if parallel != 1:
            from dtlpipe.graph.pipeline.running_threads import check_parallel

            check_parallel(parallel)
        compiled = self._compile()
        stops = running.Stops(break_point, pipeline_snapshot, snapshot_callback)
        stops.check(compiled)
        if compiled.warm_ups:
            self.warm_up()
        inputs = prepare(compiled, data) if pipeline_snapshot is None else {}
        if break_point is None and pipeline_snapshot is None and parallel == 1:
            outputs = running.run_rehearsed(self, compiled, inputs, include_outputs_from, snapshot_callback)
            if outputs is not None:
                return outputs
        mode: Mode = "concurrent" if parallel > 1 else "serial"
        run = running.begin(self, compiled, inputs, include_outputs_from, stops, mode=mode, dead_paths=parallel > 1)
        return running.run_to_end(run, parallel)

    async def run_async_generator(
        self,
        data: dict[str, Any],
        include_outputs_from: Collection[str] | None = None,
        concurrency_limit: int = 4,
        *,
        break_point: Breakpoint | None = None,
        pipeline_snapshot: PipelineSnapshot | None = None,
        snapshot_callback: SnapshotCallback | None = None,
    ) -> AsyncGenerator[dict[str, Any], None]:
        """Run on the event loop, components side by side, and yield results as they come.

        Yields `{component: outputs}` with copies whenever a component has ended with outputs that are the pipeline's;
        at last the whole result. Closing the generator cancels what is running.

        Args:
            data: the inputs.
            include_outputs_from: components all of whose outputs are wanted.
            concurrency_limit: how many components may run at the same time. Those without `run_async` run in threads.
            break_point: stop before this visit of this component, when what is running then has ended.
            pipeline_snapshot: as `run`; snapshots of `run` serve here too.
            snapshot_callback: as `run`.

        Raises:
            PipelineValidationError: also for a limit below 1. Other errors as `run`.
        """
        from dtlpipe.graph.pipeline import running_async

        stops = running.Stops(break_point, pipeline_snapshot, snapshot_callback)
        run = await self._begin_async(data, include_outputs_from, concurrency_limit, stops)
        async with aclosing(running_async.steps(run, concurrency_limit)) as steps:
            async for task, outputs in steps:
                if result := running_async.partial(run, task, outputs):
                    yield {task.node: result}
        yield run.outputs

    async def run_async(
        self,
        data: dict[str, Any],
        include_outputs_from: Collection[str] | None = None,
        concurrency_limit: int = 4,
        *,
        break_point: Breakpoint | None = None,
        pipeline_snapshot: PipelineSnapshot | None = None,
        snapshot_callback: SnapshotCallback | None = None,
    ) -> dict[str, Any]:
        """Run on the event loop, components side by side, and return the result. As `run_async_generator`."""
        stops = running.Stops(break_point, pipeline_snapshot, snapshot_callback)
        return await self._finish_async(
            await self._begin_async(data, include_outputs_from, concurrency_limit, stops), concurrency_limit
        )

    def stream(
        self,
        data: dict[str, Any],
        *,
        streaming_components: Collection[str] | None = None,
        include_outputs_from: Collection[str] | None = None,
        concurrency_limit: int = 4,
        cancel_on_abandon: bool = True,
    ) -> PipelineStreamHandle:
        """Start a run on the running event loop, and return a handle to iterate over its components' chunks.

        Args:
            data: the inputs. A `streaming_callback` among them receives its component's chunks too.
            streaming_components: those whose chunks are wanted, or the name of one; None means all that stream.
            include_outputs_from: components all of whose outputs are wanted in the handle's `result`.
            concurrency_limit: as `run_async`.
            cancel_on_abandon: cancel the run when whoever iterates stops before its end.

        Raises:
            PipelineValidationError: a streaming component is unknown, or does not stream. All other errors are raised
                while iterating.
        """
        import asyncio

        from dtlpipe.graph.pipeline import streaming

        compiled = self._compile()
        queue: asyncio.Queue[Any] = asyncio.Queue()
        inputs = streaming.forwarding(compiled, prepare(compiled, data), streaming_components, queue.put_nowait)

        async def runner() -> dict[str, Any]:
            stops = running.Stops()
            return await self._finish_async(
                await self._begin_async(inputs, include_outputs_from, concurrency_limit, stops, prepared=True),
                concurrency_limit,
            )

        return streaming.start(runner, queue, cancel_on_abandon=cancel_on_abandon)

    async def _begin_async(
        self,
        data: Inputs,
        include_outputs_from: Collection[str] | None,
        concurrency_limit: int,
        stops: running.Stops,
        *,
        prepared: bool = False,
    ) -> Run:
        from dtlpipe.graph.pipeline import running_async

        running_async.check_limit(concurrency_limit)
        compiled = self._compile()
        stops.check(compiled)
        if compiled.warm_ups_async:
            await self.warm_up_async()
        inputs = data if prepared or stops.snapshot is not None else prepare(compiled, data)
        return running.begin(self, compiled, inputs, include_outputs_from, stops, mode="concurrent")

    @staticmethod
    async def _finish_async(run: Run, concurrency_limit: int) -> dict[str, Any]:
        from dtlpipe.graph.pipeline import running_async

        async with aclosing(running_async.steps(run, concurrency_limit)) as steps:
            async for _ in steps:
                pass
        return run.outputs


AsyncPipeline = Pipeline
"""The name under which Haystack 2 had the asynchronous ways to run."""
