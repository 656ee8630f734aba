"""The pipelines that jobs are runs of: one of one node for each deployment, whose node calls the deployment.

Law: made when it is first needed, and a new revision when its terms (retries, timeout) change; never by two at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from mock_server.platform.definitions import completed
from mock_server.platform.documents import now
from mock_server.platform.pipelines import INSTALLED, revise
from mock_server.store.base import Document, Kind, Tx
from mock_server.store.ids import new_id

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform

SURFACE: Final = "serving"
PROJECT_ID: Final = "0d9a51c4-6c0e-4a57-93c5-50f6a5a5d3b6"
PROJECT_NAME: Final = "Served pipelines"
DURABLE: Final = "durable"
_SOURCE: Final = "from dtlpipe.hosting.jobs import perform as run\n"
_HASH: Final = hashlib.sha256(_SOURCE.encode()).hexdigest()


def provided(platform: Platform, name: str, kind: str, config: Mapping[str, Any], creator: str) -> Document:
    """The pipeline that jobs of the deployment are runs of, on these terms; made when it is first needed."""
    id = pipeline_id(name, kind)
    terms = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    known = platform.store.get(Kind.PIPELINE, id, True)
    if known is not None and known.get("terms") == terms:
        return known

    def intent(tx: Tx) -> Document:
        before = tx.get(Kind.PIPELINE, id, private=True)
        if before is not None and before.get("terms") == terms:
            return before
        _provide_project(tx, creator)
        at = now()
        made = _definition(id, name, config, creator, at)
        made |= {"terms": terms, "description": f"Jobs of the served pipeline {name}"}
        if before is not None:
            made |= {"createdAt": before["createdAt"], "compositionId": before["compositionId"]}
        made = revise(tx, made)
        tx.put(Kind.PIPELINE, made)
        return made

    made: Document = platform.store.write(intent)
    return made


def pipeline_id(name: str, kind: str = "run") -> str:
    """The id of the pipeline of a deployment's jobs; durable executions have one of their own."""
    digest = hashlib.sha256(name.encode()).hexdigest()[:32]
    return f"serving-{'durable-' if kind == DURABLE else ''}{digest}"


def _definition(id: str, name: str, config: Mapping[str, Any], creator: str, at: str) -> Document:
    node = {
        "id": "job",
        "name": name[:64],
        "type": "code",
        "projectId": PROJECT_ID,
        "inputs": [{"portId": "job-in", "name": "job", "type": "Json", "io": "input"}],
        "outputs": [{"portId": "job-out", "name": "result", "type": "Json", "io": "output"}],
        "namespace": {"functionName": "run", "packageName": name, "serviceName": f"serving-{name}"},
        "metadata": {"serviceConfig": dict(config)} if config else {},
        "config": {"package": {"code": _SOURCE, "hash": _HASH, "name": name}},
    }
    return completed(
        {
            "id": id,
            "name": f"{'durable executions' if id.startswith('serving-durable-') else 'jobs'} of {name}",
            "surface": SURFACE,
            "nodes": [node],
            "connections": [],
            "startNodes": [{"nodeId": "job", "type": "root"}],
            "variables": [],
            "projectId": PROJECT_ID,
            "orgId": "local",
            "compositionId": new_id(),
            "status": INSTALLED,
            "creator": creator,
            "createdAt": at,
            "updatedAt": at,
        }
    )


def _provide_project(tx: Tx, creator: str) -> None:
    if tx.get(Kind.PROJECT, PROJECT_ID) is not None:
        return
    at = now()
    org = {"id": "local", "name": "local"}
    project = {
        "id": PROJECT_ID,
        "name": PROJECT_NAME,
        "creator": creator,
        "org": org,
        "contributors": [],
        "account": org,
    }
    tx.insert(Kind.PROJECT, {**project, "createdAt": at, "updatedAt": at, "role": "owner", "systemProject": False})
