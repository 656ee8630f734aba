"""`GET /v1/models` and `GET /v1/models/{id}`: every deployment is a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from flask import Blueprint, request

from dtlpipe.errors import NotFound
from dtlpipe.model import times
from mock_server.api.guard import any_token
from mock_server.api.openai.requests import UnknownModel
from mock_server.store.base import Document

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform
    from mock_server.platform.serving.deployments import Deployments

#: Of OpenAI's protocol, what is not served here.
_UNSERVED = (
    "assistants,audio,batches,completions,containers,conversations,embeddings,evals,fine_tuning,images,moderations,"
    "organization,realtime,threads,uploads,vector_stores,videos"
)
_METHODS = ("GET", "POST", "DELETE")


def install(openai: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    deployments = platform.serving.deployments

    @openai.get("/v1/models")
    @openai.get("/models", endpoint="models_at_root")
    @any_token
    def models() -> dict[str, Any]:
        return {"object": "list", "data": [_model(deployments, name) for name in deployments.names()]}

    @openai.route(f"/v1/<any({_UNSERVED}):noun>", methods=_METHODS)
    @openai.route(f"/v1/<any({_UNSERVED}):noun>/<path:rest>", methods=_METHODS, endpoint="nothing_below")
    @any_token
    def nothing(noun: str, rest: str = "") -> NoReturn:
        """What is not served is told to whoever may call, whatever key they have."""
        raise NotFound(f"there is nothing at {request.method} /v1/{noun}{rest and '/'}{rest}")

    @openai.get("/v1/models/<id>")
    @openai.get("/models/<id>", endpoint="model_at_root")
    @any_token
    def model(id: str) -> dict[str, Any]:
        try:
            named = platform.serving.jobs.is_named(id)
        except NotFound:
            text = f"The model '{id}' does not exist: no pipeline of that name is deployed"
            raise UnknownModel(text) from None
        return _shown(id, platform.serving.named.find(id)) if named else _model(deployments, id)


def _model(deployments: Deployments, name: str) -> dict[str, Any]:
    return _shown(name, deployments.find(name).document)


def _shown(name: str, document: Document) -> dict[str, Any]:
    created = int(times.from_wire(document["createdAt"]).timestamp())
    return {"id": name, "name": name, "object": "model", "created": created, "owned_by": "dtlpipe"}
