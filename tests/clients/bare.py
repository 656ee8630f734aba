"""Bare requests, and a project to send them at: nothing of either SDK is trusted here."""

from __future__ import annotations

import re
import uuid

import requests

from mock_server.api.dataloop import unoffered
from mock_server.app import create_app

API = "/api/v1"
NOWHERE = "0" * 24
UNOFFERED = tuple(f"{API}/{each}" for each in unoffered.FEATURES)


class Bare(requests.Session):
    """Bare requests to one platform."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.trust_env = False

    def call(self, method, path, **options):
        return self.request(method, self.base + API + path, timeout=60, **options)

    def ok(self, method, path, **options):
        answer = self.call(method, path, **options)
        assert answer.status_code < 300, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json()

    def refused(self, status, method, path, **options):
        """The body of the refusal, which has the shape that clients read."""
        answer = self.call(method, path, **options)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        body = answer.json()
        assert isinstance(body["message"], str)
        assert body["message"]
        assert body["status"] == status
        assert body["requestId"] == answer.headers["X-Request-Id"]
        return body


def port(name, kind="Item", **options):
    return {"portId": f"{name}-{uuid.uuid4().hex[:6]}", "name": name, "type": kind, **options}


def node(name, inputs=("item",), outputs=("item",), source="def run(item):\n    return item\n", **options):
    """A code node by its JSON; ports are names, or ports."""
    return {
        "id": name,
        "name": name,
        "type": "code",
        "inputs": [each if isinstance(each, dict) else port(each) for each in inputs],
        "outputs": [each if isinstance(each, dict) else port(each) for each in outputs],
        "namespace": {"functionName": "run"},
        "config": {"package": {"code": source, "name": "run", "type": "code"}},
        "metadata": {},
        **options,
    }


def edge(source, target, **options):
    return {
        "src": {"nodeId": source["id"], "portId": source["outputs"][0]["portId"]},
        "tgt": {"nodeId": target["id"], "portId": target["inputs"][0]["portId"]},
        **options,
    }


def definition(*nodes, connections=(), **options):
    starts = [{"nodeId": nodes[0]["id"], "type": "root"}] if nodes else []
    return {"name": "pipe", "nodes": list(nodes), "connections": list(connections), "startNodes": starts, **options}


class World:
    def __init__(self, there, project, dataset, item, pipeline):
        self.there, self.project, self.dataset, self.item, self.pipeline = there, project, dataset, item, pipeline
        query = {"resource": "services", "filter": {"projectId": project["id"]}}
        (self.service,) = there.ok("POST", "/query/faas", json=query)["items"]

    def looks(self):
        """All that is stored of it."""
        of_project = {"projectId": self.project["id"]}
        runs = {"resource": "pipelineState", "filter": {"pipelineId": self.pipeline["id"]}}
        asked = [
            ("GET", f"/projects/{self.project['id']}", None),
            ("GET", f"/datasets/{self.dataset['id']}", None),
            ("POST", f"/datasets/{self.dataset['id']}/query", {}),
            ("POST", "/datasets/query", {"context": {"projects": [self.project["id"]]}}),
            ("POST", "/pipelines/query", {"resource": "pipeline", "filter": of_project}),
            ("POST", "/pipelines/query", runs),
            *(
                ("POST", "/query/faas", {"resource": kind, "filter": of_project})
                for kind in ("services", "packages", "executions", "triggers")
            ),
        ]
        return [
            self.there.ok(method, path, **({"json": body} if body is not None else {})) for method, path, body in asked
        ]


def routes(platform, methods):
    """Every route of the API for these methods, with the names of its parameters."""
    return [
        (method, rule.rule.removeprefix(API))
        for rule in create_app(platform.platform).url_map.iter_rules()
        for method in sorted(rule.methods & set(methods))
        if rule.rule.startswith(API) and not rule.rule.startswith(UNOFFERED)
    ]


def filled(rule, ids, otherwise=NOWHERE):
    return re.sub(r"<(?:\w+:)?(\w+)>", lambda found: ids.get(found[1], otherwise), rule)


def ids_of(world):
    return {
        "project_id": world.project["id"],
        "dataset_id": world.dataset["id"],
        "item_id": world.item["id"],
        "pipeline_id": world.pipeline["id"],
        "service_id": world.service["id"],
        "package_id": world.service["packageId"],
    }
