"""The guide to pipeline executions, as a user would live it: run as a script, with the client's name as its argument.

    python guide_session.py dtlpy|dtlpipe URL

It builds what the guide presupposes with the guide's own node, runs the guide's snippets verbatim (only the import line
names the client; the ids that the guide leaves open are put in), and prints one JSON object of what came out.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

CLIENT = sys.argv[1]
dl = importlib.import_module(CLIENT)
SNIPPETS = Path(__file__).with_name("guide_executions")
seen: dict = {"client": CLIENT}


def run_snippet(name: str, names: dict, **ids: str) -> dict:
    """Executes a snippet of the guide in the namespace, with the ids that it leaves open."""
    (path,) = SNIPPETS.glob(f"*_{name}.py")
    source = path.read_text().replace("import dtlpy as dl", f"import {CLIENT} as dl")
    for placeholder, value in ids.items():
        source = source.replace(f"'{placeholder}'", repr(value))
    exec(compile(source, str(path), "exec"), names)
    return names


def settled(pipeline, execution_id: str):
    for _ in range(600):
        execution = pipeline.pipeline_executions.get(pipeline_execution_id=execution_id)
        if str(getattr(execution.status, "value", execution.status)) in ("success", "failed", "terminated"):
            return execution
        time.sleep(0.05)
    raise SystemExit(f"execution {execution_id} did not end: {execution.status}")


def statuses(pipeline) -> list[str]:
    """Of all executions of the pipeline, whichever way the client iterates a listing."""
    found = []
    for entry in pipeline.pipeline_executions.list():
        found.extend(entry if isinstance(entry, list) else [entry])
    return [str(getattr(each.status, "value", each.status)) for each in found]


# --- what the guide presupposes: a project, items in /test, and a pipeline of the guide's own node ---

names: dict = {"dl": dl, "time": time}
project = names["project"] = dl.projects.create(project_name=f"guide-{CLIENT}-{time.time_ns()}")
dataset = project.datasets.create(dataset_name="data")
for number in range(3):
    local = Path(f"note{number}.txt").absolute()
    local.write_text(f"note {number}\n")
    dataset.items.upload(local_path=str(local), remote_path="/test")
items = list(dataset.items.list(filters=dl.Filters(field="dir", values="/test")).all())
seen["items"] = len(items)
item = items[0]
names["item_id"] = item.id

run_snippet("create_code_node", names)
node = names["create_code_node"](project)
seen["node_type"] = str(getattr(node.node_type, "value", node.node_type))
pipeline = project.pipelines.create(name="guide")
pipeline.nodes.add(node)
pipeline.update()
pipeline.install()

# --- basic execution --------------------------------------------------

run_snippet("execute", names, pipeline_id=pipeline.id, item_id=item.id)
pipeline = names["pipeline"]
seen["execute_without_string"] = settled(pipeline, names["execution"].id).status
before = len(statuses(pipeline))
run_snippet("execute_batch", names, dataset_id=dataset.id)
seen["batch_type"] = type(names["execution"]).__name__
seen["batch_executions"] = len(statuses(pipeline)) - before
deadline = time.monotonic() + 60
while any(each not in ("success", "failed") for each in statuses(pipeline)) and time.monotonic() < deadline:
    time.sleep(0.05)
seen["batch_statuses"] = sorted(statuses(pipeline))
seen["user_input"] = [each.metadata.get("user", {}).get("userInput") for each in dataset.items.list().all()]

# --- node-specific execution, and through the node's service --------------------------------------------------

run_snippet("execute_node", names, target_node_id=pipeline.nodes[0].node_id, item_id=item.id)
execution = pipeline.execute(node_id=pipeline.nodes[0].node_id, execution_input={"item": item.id, "string": "node"})
seen["execute_node"] = settled(pipeline, execution.id).status
seen["status_equals_enum"] = settled(pipeline, execution.id).status == dl.ExecutionStatus.SUCCESS
item = dataset.items.get(item_id=item.id)
seen["node_input"] = item.metadata["user"]["userInput"]

run_snippet("execute_service", names, dataset_id=dataset.id)
service = names["service"]
seen["service"] = service.name == pipeline.nodes[0].namespace.service_name


def service_statuses() -> list[str]:
    found = []
    for entry in service.executions.list():
        found.extend(entry if isinstance(entry, list) else [entry])
    found = [each for each in found if not each.pipeline]  # the runs of the node are the service's executions too
    return [str(getattr(each.latest_status["status"], "value", each.latest_status["status"])) for each in found]


deadline = time.monotonic() + 60
while service_statuses() != ["success"] * 3 and time.monotonic() < deadline:
    time.sleep(0.05)
seen["service_statuses"] = service_statuses()

# --- monitoring --------------------------------------------------

run_snippet("track_status", names, execution_id=execution.id)
seen["total"] = names["executions"].items_count
run_snippet("monitor_execution", names)
seen["monitor_success"] = names["monitor_execution"](pipeline, execution.id, timeout=30)
failed = pipeline.execute(execution_input={"item": item.id})
seen["monitor_failure"] = names["monitor_execution"](pipeline, failed.id, timeout=30)

# --- customizing --------------------------------------------------

run_snippet("update_node_runner", names)
names["update_node_runner"](pipeline, "code", "my/image:1")
again = project.pipelines.get(pipeline_id=pipeline.id)
seen["runner_image"] = again.nodes[0].metadata["serviceConfig"]["runtime"]["runnerImage"]

# --- best practices: the three that fail in dtlpy itself --------------------------------------------------


def attempt(name: str, **ids: str) -> str:
    try:
        run_snippet(name, names, **ids)
    except Exception as error:  # what comes out is the observation
        return type(error).__name__
    return "ok"


seen["error_handling_ok"] = attempt("error_handling")
good, names["item_id"] = names["item_id"], "0" * 24
seen["error_handling_error"] = attempt("error_handling")
names["item_id"] = good
seen["resource_cleanup"] = attempt("resource_cleanup")
run_snippet("wait_for_completion", names)
fresh = pipeline.execute(execution_input={"item": item.id, "string": "wait"})
settled(pipeline, fresh.id)
real_sleep = time.sleep
time.sleep = lambda seconds: real_sleep(min(seconds, 0.2))
seen["wait_for_completion"] = names["wait_for_completion"](fresh, timeout=2)

print("GUIDE " + json.dumps(seen, default=str))
