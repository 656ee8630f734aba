"""Deploying, undeploying, and what is deployed: `/deploy_files`, `/deploy-yaml`, `/undeploy/{name}`, `/status`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from flask import Blueprint, Response, request
from pydantic import AfterValidator, BaseModel, Field

from dtlpipe.errors import PlatformException
from mock_server.api.guard import any_token
from mock_server.api.relay import answered, called
from mock_server.api.serving.openapi import document as openapi_document
from mock_server.api.serving.openapi import page as docs_page
from mock_server.api.serving.running import MANNERS
from mock_server.api.serving.validation import read
from mock_server.api.wire import json_response
from mock_server.platform.serving.sources import MODULE, checked_files, checked_name

if TYPE_CHECKING:
    from mock_server.platform.platform import Platform


def _name(value: str) -> str:
    try:
        return checked_name(value)
    except PlatformException as error:
        raise ValueError(error.message) from None


def _files(value: dict[str, str]) -> dict[str, str]:
    if MODULE not in value and not (len(value) == 1 and next(iter(value)).endswith((".yml", ".yaml"))):
        raise ValueError(f"Missing required file: {MODULE}")
    try:
        checked_files({name: text.encode(errors="surrogatepass") for name, text in value.items()})
    except PlatformException as error:
        raise ValueError(error.message) from None
    return value


class FilesRequest(BaseModel, defer_build=True):
    """Files to deploy under a name."""

    name: Annotated[str, AfterValidator(_name)]
    files: Annotated[dict[str, str], AfterValidator(_files)]
    overwrite: bool = False
    save_files: bool = True


class YamlRequest(BaseModel, defer_build=True):
    """A YAML pipeline to deploy under a name."""

    name: Annotated[str, AfterValidator(_name)]
    source_code: str = Field(min_length=1)
    overwrite: bool = False
    description: str | None = None
    skip_mcp: bool | None = None
    save_file: bool | None = True


def install(serving: Blueprint, platform: Platform) -> None:
    """Put the routes on the blueprint."""
    deployments = platform.serving.deployments

    @serving.post("/deploy_files")
    @any_token
    def deploy_files() -> dict[str, Any]:
        asked = read(FilesRequest)
        files = {name: text.encode(errors="replace") for name, text in asked.files.items()}
        deployments.deploy(asked.name, files, overwrite=asked.overwrite, keep=asked.save_files)
        return _deployed(asked.name)

    @serving.post("/deploy-yaml")
    @any_token
    def deploy_yaml() -> dict[str, Any]:
        asked = read(YamlRequest)
        deployments.deploy(
            asked.name,
            {f"{asked.name}.yml": asked.source_code.encode(errors="replace")},
            overwrite=asked.overwrite,
            keep=asked.save_file is not False,
            description=asked.description,
            skip_mcp=asked.skip_mcp,
        )
        return _deployed(asked.name)

    @serving.post("/undeploy/<name>")
    @any_token
    def undeploy(name: str) -> dict[str, Any]:
        deployments.undeploy(name)
        return {"success": True, "name": name}

    @serving.get("/status")
    @any_token
    def status() -> dict[str, Any]:
        found = deployments.list()
        degraded = any(each["state"] == "Degraded" for each in found)
        return {
            "status": "Degraded" if degraded else "Up!",
            "pipelines": deployments.names(),
            "durable_mode": True,
            "durable": {"healthy": True, "deployments": {}},
            "deployments": found,
            "capabilities": {"execution_enumeration": True},
        }

    @serving.get("/status/<name>")
    @any_token
    def status_of(name: str) -> dict[str, Any]:
        found = deployments.get(name)
        state = "Degraded" if found["state"] == "Degraded" else "Up!"
        return {"status": state, "pipeline": name, "deployment": found}

    @serving.get("/traces")
    @any_token
    def traces() -> dict[str, Any]:
        asked = request.args.get("limit", None, int)
        return deployments.traces.shown(asked if asked is not None and asked > 0 else None)

    @serving.get("/draw/<name>")
    @any_token
    def draw(name: str) -> Response:
        """The pipeline's graph as SVG, which needs nothing from elsewhere."""
        deployments.find(name)
        return answered(platform, called(platform, name, {"call": "draw"}, b""), MANNERS)

    @serving.get("/deployments/<name>/source")
    @any_token
    def source(name: str) -> Any:
        found = deployments.source(name, request.args.get("known"))
        return Response(status=304) if found is None else found

    @serving.get("/openapi.json")
    @any_token
    def openapi() -> Response:
        return json_response(openapi_document(deployments))

    @serving.get("/docs")
    @serving.get("/redoc", endpoint="redoc")
    @any_token
    def docs() -> Response:
        return Response(docs_page(deployments), mimetype="text/html")


def _deployed(name: str) -> dict[str, Any]:
    return {"name": name, "success": True, "endpoint": f"/{name}/run"}
