"""/pipelines/{id}/execute and /executions: runs, which this vocabulary calls cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, after_this_request

from dtlpipe.errors import BadRequest
from mock_server.api.dataloop import validation
from mock_server.api.dataloop.executing import Again, ExecutePipeline, RerunPipeline, Terminate, parent
from mock_server.api.dataloop.holding import hold, waited
from mock_server.api.guard import caller
from mock_server.api.repeating import idempotency_key, knows_repeats
from mock_server.platform import lifecycle

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def register(api: Blueprint, platform: Platform) -> None:
    """Adds the routes of runs; queries for them go to /pipelines/query."""
    runs = platform.runs

    @api.post("/pipelines/<pipeline_id>/execute")
    @knows_repeats
    def execute_pipeline(pipeline_id: str) -> Any:
        asked: ExecutePipeline = validation.body(ExecutePipeline)
        if (asked.pipeline is None) == (asked.batch is None):
            raise BadRequest("either 'pipeline' (one run) or 'batch' (a run for each item of a query) is needed")
        if asked.batch is not None:
            return runs.start_batch(
                pipeline_id,
                query=asked.batch.query.to_wire(),
                args=asked.batch.args,
                node_id=asked.node_id,
                wanted=asked.wanted(parent()),
                creator=caller().email,
                idempotency_key=idempotency_key(),
            )
        assert asked.pipeline is not None  # noqa: S101 - one of the two is given
        one = asked.pipeline
        wait = validation.seconds("wait")
        run: dict[str, Any] = runs.start(
            pipeline_id,
            inputs=one.input,
            node_id=one.node_id or asked.node_id,
            test_mode=bool(one.test_mode),
            wanted=asked.wanted(parent()),
            creator=caller().email,
            idempotency_key=idempotency_key(),
            wait=0.0 if wait is None else min(wait, platform.settings.max_wait),
        )
        if wait is not None and lifecycle.is_final(run["status"]):
            after_this_request(waited)
        return run

    @api.get("/pipelines/<pipeline_id>/executions/<run_id>")
    def get_run(pipeline_id: str, run_id: str) -> Any:
        return hold(
            platform,
            run_id,
            lambda: runs.get(pipeline_id, run_id),
            lambda found: lifecycle.is_final(found["status"]),
            over=lambda: runs.is_over(pipeline_id, run_id),
        )

    @api.post("/pipelines/<pipeline_id>/executions/terminate")
    def terminate_runs(pipeline_id: str) -> Any:
        asked: Terminate = validation.body(Terminate)
        email = caller().email
        return {"terminated": runs.terminate_many(pipeline_id, email, ids=asked.ids, batch_id=asked.batch_id)}

    @api.post("/pipelines/<pipeline_id>/executions/<run_id>/terminate")
    def terminate_run(pipeline_id: str, run_id: str) -> Any:
        return runs.terminate(pipeline_id, run_id, caller().email)

    @api.post("/pipelines/<pipeline_id>/executions/<run_id>/pause")
    def pause_run(pipeline_id: str, run_id: str) -> Any:
        return runs.pause(pipeline_id, run_id)

    @api.post("/pipelines/<pipeline_id>/executions/<run_id>/resume")
    def resume_run(pipeline_id: str, run_id: str) -> Any:
        return runs.pause(pipeline_id, run_id, paused=False)

    @api.post("/pipelines/<pipeline_id>/executions/rerun")
    @knows_repeats
    def rerun(pipeline_id: str) -> Any:
        asked: RerunPipeline = validation.body(RerunPipeline)
        how = asked.pipeline or Again()
        return runs.rerun(
            pipeline_id,
            query=asked.batch.query.to_wire(),
            method=how.method,
            nodes=how.start_node_ids,
            creator=caller().email,
            idempotency_key=idempotency_key(),
        )
