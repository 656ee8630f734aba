"""Services and executions, through the field's SDK and through ours: calls, logs, ends, progress, commands."""

from __future__ import annotations

import pytest

from tests.clients.steps import FINAL, code, every, over, parts, pipeline_of, ran

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


def service_of(dl, project, method, *ports):
    """The service of a pipeline of this one node."""
    pipeline = pipeline_of(project, code(dl, project, method, *ports))
    return dl.services.get(service_name=pipeline.nodes[0].namespace.service_name)


def ended(dl, execution):
    """The execution as it ended. The platform holds dtlpy's second look."""
    for _ in range(20):
        found = dl.executions.get(execution_id=execution.id)
        if dl.__name__ == "dtlpipe":
            return found.wait(timeout=60)
        if found.latest_status["status"] in FINAL:
            return found
    raise AssertionError(f"it did not end: {found.latest_status}")


def lines_of(dl, service, **wanted):
    """What was written, as text."""
    options = {"view": False} if dl.__name__ == "dtlpy" else {}
    return [str(each) for each in service.log(**wanted, **options)]


def double(n):
    print("doubling", n)
    return n * 2


def test_a_nodes_service_is_found_by_name_by_id_and_in_its_project(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    assert dl.services.get(service_id=service.id).name == service.name
    assert project.services.get(service_name=service.name).id == service.id
    assert [each.id for each in every(project.services.list())] == [service.id]
    assert service.active is True
    assert service.project_id == project.id
    assert [each.name for each in service.package.modules[0].functions] == ["double"]
    assert [each.name for each in service.package.modules[0].functions[0].inputs] == ["n"]
    with pytest.raises(dl.exceptions.NotFound):
        dl.services.get(service_name=f"{service.name}-not")
    with pytest.raises(dl.exceptions.NotFound):
        dl.services.get(service_id="0" * 24)


def test_a_service_is_called_and_tells_what_came_of_it(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    execution = service.execute(execution_input={"n": 4}, function_name="double", project_id=project.id)
    assert execution.latest_status["status"] in ("created", "in-progress", "success")
    done = ended(dl, execution)
    assert done.latest_status["status"] == dl.ExecutionStatus.SUCCESS
    assert done.latest_status["percentComplete"] == 100
    assert (done.output, done.input, done.function_name) == (8, {"n": 4}, "double")
    assert (done.service_id, done.project_id) == (service.id, project.id)
    assert done.pipeline_id is None
    assert done.attempts == 1
    assert every(service.executions.list())[0].id == execution.id


def test_a_call_may_be_waited_for(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    inputs = {"execution_input": {"n": 5}, "function_name": "double", "project_id": project.id, "sync": True}
    if dl.__name__ == "dtlpy":
        done = service.execute(**inputs, return_output=False, stream_logs=False)
    else:
        done = service.execute(**inputs)
    assert (done.latest_status["status"], done.output) == ("success", 10)


def test_a_call_takes_an_item_in_every_form(dl, project, item):
    def run(item):
        return item.name

    service = service_of(dl, project, run, {"item": "ITEM"}, {"name": "STRING"})
    for given in (
        {"execution_input": {"item": item.id}},
        {"execution_input": dl.FunctionIO(type=dl.PackageInputType.ITEM, name="item", value=item.id)},
        {"item_id": item.id, "dataset_id": item.dataset.id, "resource": dl.PackageInputType.ITEM},
    ):
        done = ended(dl, service.execute(**given, function_name="run", project_id=project.id))
        assert done.output == "one.txt", (given, done.latest_status)
        assert done.input["item"]["item_id"] == item.id


def test_an_only_function_is_called_without_its_name(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    assert ended(dl, service.execute(execution_input={"n": 1}, project_id=project.id)).output == 2


def test_a_service_runs_a_batch(dl, project, dataset):
    def run(item, string):
        item.metadata["user"] = {"s": string}
        item.update()

    for n in range(4):
        dataset.items.upload(local_path=b"x", remote_name=f"{n}.txt", remote_path="/in" if n < 3 else "/out")
    service = service_of(dl, project, run, {"item": "ITEM"}, [])
    batch = service.execute_batch(
        execution_inputs=dl.FunctionIO(type=dl.PackageInputType.STRING, value="test", name="string"),
        filters=dl.Filters(field="dir", values="/in", context={"datasets": [dataset.id]}),
        function_name="run",
    )
    assert batch.status == "success"
    assert len(batch.spec["inputs"]) == 3
    done = [ended(dl, each) for each in every(service.executions.list())]
    assert [each.latest_status["status"] for each in done] == ["success"] * 3
    seen = [(each.metadata.get("user") or {}).get("s") for each in dataset.items.list().all()]
    assert seen == ["test", "test", "test", None]


def test_logs_are_by_execution_by_service_and_by_text(dl, project, said):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    calls = {
        n: ended(dl, service.execute(execution_input={"n": n}, function_name="double", project_id=project.id))
        for n in (11, 22)
    }
    both = "\n".join(lines_of(dl, service))
    assert "doubling 11" in both
    assert "doubling 22" in both
    assert both.index("doubling 11") < both.index("doubling 22")
    one = "\n".join(lines_of(dl, service, execution_id=calls[11].id))
    assert "doubling 11" in one
    assert "doubling 22" not in one
    assert "doubling 11" not in "\n".join(lines_of(dl, service, text="doubling 22"))
    if dl.__name__ == "dtlpy":
        calls[22].logs()
        shown = said.getvalue()
    else:
        shown = "\n".join(each.message for each in calls[22].logs())
    assert "doubling 22" in shown
    assert "doubling 11" not in shown


def test_logs_are_by_time_level_and_function(dl, project):
    def run(n):
        import logging

        logging.getLogger("x").debug("a debug line")
        logging.getLogger("x").error("an error line")
        return n

    def lines(**wanted):
        if dl.__name__ == "dtlpy":
            return list(map(str, project.services.log(service, view=False, **wanted)))
        return list(map(str, service.log(**wanted)))

    service = service_of(dl, project, run, {"n": "INT"}, {"n": "INT"})
    ended(dl, service.execute(execution_input={"n": 1}, function_name="run", project_id=project.id))
    assert any("an error line" in each for each in lines(log_level="ERROR"))
    assert not any("a debug line" in each for each in lines(log_level="ERROR"))
    assert any("an error line" in each for each in lines(start="2020-01-01T00:00:00.000Z"))
    assert lines(start="2120-01-01T00:00:00.000Z") == []
    assert lines(start="2020-01-01T00:00:00.000Z", end="2020-01-02T00:00:00.000Z") == []
    assert any("an error line" in each for each in lines(function_name="run"))
    assert lines(function_name="other") == []


def test_a_failed_call_says_why(dl, project):
    def run(n):
        return {}[n]

    service = service_of(dl, project, run, {"n": "STRING"}, {"n": "STRING"})
    done = ended(dl, service.execute(execution_input={"n": "kék"}, function_name="run", project_id=project.id))
    assert done.latest_status["status"] == "failed"
    assert done.latest_status["error"]["type"] == "KeyError"
    assert "kék" in done.latest_status["error"]["message"]
    assert "return {}[n]" in done.latest_status["error"]["traceback"]
    assert done.output is None


def endless(n):
    import time

    until = time.monotonic() + 30
    while time.monotonic() < until:
        time.sleep(0.01)


def test_a_call_is_terminated_and_its_code_with_it(dl, project):
    service = service_of(dl, project, endless, {"n": "INT"}, {"n": "INT"})
    execution = service.execute(execution_input={"n": 1}, function_name="endless", project_id=project.id)
    dl.executions.terminate(execution=execution) if dl.__name__ == "dtlpy" else execution.terminate()
    done = dl.executions.get(execution_id=execution.id)
    assert done.latest_status["status"] == "terminated"
    assert done.to_terminate is True
    with pytest.raises(dl.exceptions.Conflict):
        done.terminate()


def test_terminating_a_nodes_execution_ends_its_run(dl, project):
    pipeline = pipeline_of(project, code(dl, project, endless, {"n": "INT"}, {"n": "INT"}))
    run = pipeline.execute(execution_input={"n": 1})
    (part,) = parts(pipeline.pipeline_executions.get(pipeline_execution_id=run.id), "endless")
    dl.executions.get(execution_id=part["_id"]).terminate()
    done = over(pipeline, run)
    assert done.status in ("failed", "terminated")
    assert parts(done, "endless")[0]["status"] == "terminated"


def test_progress_is_noted_while_it_runs_and_not_after(dl, project):
    service = service_of(dl, project, endless, {"n": "INT"}, {"n": "INT"})
    execution = service.execute(execution_input={"n": 1}, function_name="endless", project_id=project.id)
    updated = execution.progress_update(percent_complete=42, message="on my way")
    assert updated.latest_status["percentComplete"] == 42
    found = dl.executions.get(execution_id=execution.id)
    assert (found.latest_status["percentComplete"], found.latest_status["message"]) == (42, "on my way")
    assert found.latest_status["status"] in ("created", "in-progress")
    with pytest.raises(dl.exceptions.BadRequest):
        execution.progress_update(status="nonsense")
    execution.terminate()
    with pytest.raises(dl.exceptions.Conflict):
        execution.progress_update(percent_complete=50, message="too late")


def test_a_report_of_the_end_does_not_end_what_still_runs(dl, project):
    service = service_of(dl, project, endless, {"n": "INT"}, {"n": "INT"})
    execution = service.execute(execution_input={"n": 1}, function_name="endless", project_id=project.id)
    updated = execution.progress_update(percent_complete=100)  # dtlpy adds the status "completed"
    assert updated.latest_status["percentComplete"] == 100
    assert updated.latest_status["status"] in ("created", "in-progress")
    execution.terminate()


def test_a_call_is_made_again(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    first = ended(dl, service.execute(execution_input={"n": 3}, function_name="double", project_id=project.id))
    second = ended(dl, first.rerun())
    assert second.output == 6
    assert second.input == {"n": 3}


def test_attempts_are_counted_up(dl, project):
    service = service_of(dl, project, endless, {"n": "INT"}, {"n": "INT"})
    execution = service.execute(execution_input={"n": 1}, function_name="endless", project_id=project.id)
    before = execution.attempts  # a second look at an open execution would be held
    execution.increment()
    execution.increment()
    assert dl.executions.get(execution_id=execution.id).attempts == before + 2
    execution.terminate()


def test_executions_are_listed_by_status_in_pages(dl, project):
    def run(n):
        return 1 / n

    service = service_of(dl, project, run, {"n": "INT"}, {"n": "FLOAT"})
    calls = [
        ended(dl, service.execute(execution_input={"n": n % 2}, function_name="run", project_id=project.id)).id
        for n in range(5)
    ]
    filters = dl.Filters(
        field="latestStatus.status", values=["failed"], operator="in", resource=dl.FiltersResource.EXECUTION
    )
    assert [each.id for each in every(service.executions.list(filters=filters))] == calls[::2][::-1]
    paged = dl.Filters(resource=dl.FiltersResource.EXECUTION)
    paged.page_size = 2
    listing = service.executions.list(filters=paged)
    assert listing.items_count == 5
    assert [each.id for each in listing.all()] == calls[::-1]
    assert {each.id for each in every(project.executions.list())} == set(calls)


def test_a_service_is_paused_and_resumed(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    service.pause()
    assert dl.services.get(service_id=service.id).active is False
    with pytest.raises(dl.exceptions.BadRequest, match="paused"):
        service.execute(execution_input={"n": 1}, function_name="double", project_id=project.id)
    service.resume()
    assert (
        ended(dl, service.execute(execution_input={"n": 1}, function_name="double", project_id=project.id)).output == 2
    )


def test_an_execution_that_does_not_exist_is_not_found(dl):
    with pytest.raises(dl.exceptions.NotFound):
        dl.executions.get(execution_id="0" * 24)
    with pytest.raises(dl.exceptions.NotFound):
        dl.commands.get(command_id="0" * 24)


def test_wrong_calls_are_refused_and_begin_nothing(dl, project):
    service = service_of(dl, project, double, {"n": "INT"}, {"n": "INT"})
    with pytest.raises(dl.exceptions.NotFound, match="treble"):
        service.execute(execution_input={"n": 1}, function_name="treble", project_id=project.id)
    with pytest.raises(dl.exceptions.BadRequest, match="'n'"):
        service.execute(execution_input={"n": "one"}, function_name="double", project_id=project.id)
    assert every(service.executions.list()) == []


def test_a_node_is_tried_as_often_as_its_service_says(dl, project, item):
    def run(item):
        user = item.metadata.setdefault("user", {})
        user["tries"] = user.get("tries", 0) + 1
        item.update()
        if user["tries"] < 3:
            raise RuntimeError("not yet")
        return item

    node = code(dl, project, run)
    node.metadata["serviceConfig"] = {"maxAttempts": 3}
    done = ran(pipeline_of(project, node), item=item.id)
    assert done.status == "success"
    (part,) = parts(done, "run")
    assert part["attempts"] == 3
    assert dl.items.get(item_id=item.id).metadata["user"]["tries"] == 3


def test_node_code_that_takes_too_long_fails_with_its_cause(dl, project):
    node = code(dl, project, endless, {"n": "INT"}, {"n": "INT"})
    node.metadata["serviceConfig"] = {"executionTimeout": 0.3}
    done = ran(pipeline_of(project, node), n=1)
    assert done.status == "failed"
    (part,) = parts(done, "endless")
    assert part["latestStatus"]["error"]["cause"] == "timeout"
