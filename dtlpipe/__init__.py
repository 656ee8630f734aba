"""Pipelines for Dataloop-style platforms.

    import dtlpipe as dl

    project = dl.projects.create("first")
    dataset = project.datasets.create("photos")
    dataset.items.upload("photos/*")

Everything is imported when it is first used, so that the import itself costs nothing. Names are those of the field's
own SDK; `dl.Client` and `dl.AsyncClient` are for programs that want more than one platform, or an event loop.
"""

from __future__ import annotations

TYPE_CHECKING = False  # `typing` would be the dearest import here
if TYPE_CHECKING:
    from typing import Any

    from dtlpipe import exceptions as exceptions
    from dtlpipe import graph as graph
    from dtlpipe.client.clients import AsyncClient as AsyncClient
    from dtlpipe.client.clients import Client as Client
    from dtlpipe.client.default import add_environment as add_environment
    from dtlpipe.client.default import default_client as default_client
    from dtlpipe.client.default import environment as environment
    from dtlpipe.client.default import info as info
    from dtlpipe.client.default import login as login
    from dtlpipe.client.default import login_api_key as login_api_key
    from dtlpipe.client.default import login_m2m as login_m2m
    from dtlpipe.client.default import login_secret as login_secret
    from dtlpipe.client.default import login_token as login_token
    from dtlpipe.client.default import logout as logout
    from dtlpipe.client.default import setenv as setenv
    from dtlpipe.client.default import token as token
    from dtlpipe.client.default import token_expired as token_expired
    from dtlpipe.errors import PipelineError as PipelineError
    from dtlpipe.errors import PlatformException as PlatformException
    from dtlpipe.model.enums import CommandStatus as CommandStatus
    from dtlpipe.model.enums import CompositionStatus as CompositionStatus
    from dtlpipe.model.enums import CycleRerunMethod as CycleRerunMethod
    from dtlpipe.model.enums import ExecutionStatus as ExecutionStatus
    from dtlpipe.model.enums import FiltersKnownFields as FiltersKnownFields
    from dtlpipe.model.enums import FiltersMethod as FiltersMethod
    from dtlpipe.model.enums import FiltersOperations as FiltersOperations
    from dtlpipe.model.enums import FiltersOrderByDirection as FiltersOrderByDirection
    from dtlpipe.model.enums import FiltersResource as FiltersResource
    from dtlpipe.model.enums import PackageInputType as PackageInputType
    from dtlpipe.model.enums import PipelineExecutionStatus as PipelineExecutionStatus
    from dtlpipe.model.enums import PipelineNodeType as PipelineNodeType
    from dtlpipe.model.enums import PipelineResumeOption as PipelineResumeOption
    from dtlpipe.model.enums import TriggerAction as TriggerAction
    from dtlpipe.model.enums import TriggerExecutionMode as TriggerExecutionMode
    from dtlpipe.model.enums import TriggerResource as TriggerResource
    from dtlpipe.model.enums import TriggerType as TriggerType
    from dtlpipe.model.execution import PipelineExecutionNode as PipelineExecutionNode
    from dtlpipe.model.filters import Filters as Filters
    from dtlpipe.model.package import FunctionIO as FunctionIO
    from dtlpipe.model.package import Package as Package
    from dtlpipe.model.package import PackageFunction as PackageFunction
    from dtlpipe.model.package import PackageModule as PackageModule
    from dtlpipe.model.pipeline import PipelineConnection as PipelineConnection
    from dtlpipe.model.pipeline import PipelineConnectionPort as PipelineConnectionPort
    from dtlpipe.model.pipeline import PipelineNameSpace as PipelineNameSpace
    from dtlpipe.model.pipeline import PipelineNode as PipelineNode
    from dtlpipe.model.pipeline import PipelineNodeIO as PipelineNodeIO
    from dtlpipe.model.pipeline import Variable as Variable
    from dtlpipe.model.pipeline_settings import PipelineSettings as PipelineSettings
    from dtlpipe.resources.annotations import Annotation as Annotation
    from dtlpipe.resources.apps import App as App
    from dtlpipe.resources.apps import Apps, Dpks
    from dtlpipe.resources.apps import Dpk as Dpk
    from dtlpipe.resources.batches import BatchRun as BatchRun
    from dtlpipe.resources.commands import Command as Command
    from dtlpipe.resources.commands import Commands
    from dtlpipe.resources.compositions import Compositions
    from dtlpipe.resources.datasets import Dataset as Dataset
    from dtlpipe.resources.datasets import Datasets
    from dtlpipe.resources.events import Events
    from dtlpipe.resources.executions import Execution as Execution
    from dtlpipe.resources.executions import Executions
    from dtlpipe.resources.items import Item as Item
    from dtlpipe.resources.items import Items
    from dtlpipe.resources.nodes import CodeNode as CodeNode
    from dtlpipe.resources.nodes import DatasetNode as DatasetNode
    from dtlpipe.resources.nodes import FunctionNode as FunctionNode
    from dtlpipe.resources.packages import Packages
    from dtlpipe.resources.pipeline_executions import PipelineExecution as PipelineExecution
    from dtlpipe.resources.pipeline_executions import PipelineExecutions
    from dtlpipe.resources.pipeline_stats import PipelineStats as PipelineStats
    from dtlpipe.resources.pipelines import Pipeline as Pipeline
    from dtlpipe.resources.pipelines import Pipelines
    from dtlpipe.resources.platform_nodes import PlatformNode as PlatformNode
    from dtlpipe.resources.platform_nodes import TaskNode as TaskNode
    from dtlpipe.resources.projects import Project as Project
    from dtlpipe.resources.projects import Projects
    from dtlpipe.resources.recipes import Recipe as Recipe
    from dtlpipe.resources.recipes import Recipes
    from dtlpipe.resources.services import Service as Service
    from dtlpipe.resources.services import Services
    from dtlpipe.resources.tasks import Task as Task
    from dtlpipe.resources.tasks import Tasks
    from dtlpipe.resources.triggers import Trigger as Trigger
    from dtlpipe.resources.triggers import Triggers
    from dtlpipe.runtime.replay import run_node as run_node
    from dtlpipe.runtime.service import BaseServiceRunner as BaseServiceRunner
    from dtlpipe.runtime.service import Context as Context
    from dtlpipe.runtime.service import Progress as Progress

    LocalPlatform: Any
    projects: Projects
    datasets: Datasets
    items: Items
    pipelines: Pipelines
    pipeline_executions: PipelineExecutions
    services: Services
    executions: Executions
    commands: Commands
    tasks: Tasks
    triggers: Triggers
    events: Events
    packages: Packages
    recipes: Recipes
    dpks: Dpks
    apps: Apps
    compositions: Compositions

__version__ = "0.1.0"

#: Modules, and the names that come from them.
_HOMES = {
    "dtlpipe.client.clients": ("AsyncClient", "Client"),
    "dtlpipe.client.default": (
        "add_environment",
        "default_client",
        "environment",
        "info",
        "login",
        "login_api_key",
        "login_m2m",
        "login_secret",
        "login_token",
        "logout",
        "setenv",
        "token",
        "token_expired",
    ),
    "dtlpipe.errors": ("PipelineError", "PlatformException"),
    "dtlpipe.model.enums": (
        "CommandStatus",
        "CompositionStatus",
        "CycleRerunMethod",
        "ExecutionStatus",
        "FiltersKnownFields",
        "FiltersMethod",
        "FiltersOperations",
        "FiltersOrderByDirection",
        "FiltersResource",
        "PackageInputType",
        "PipelineExecutionStatus",
        "PipelineNodeType",
        "PipelineResumeOption",
        "TriggerAction",
        "TriggerExecutionMode",
        "TriggerResource",
        "TriggerType",
    ),
    "dtlpipe.model.execution": ("PipelineExecutionNode",),
    "dtlpipe.model.filters": ("Filters",),
    "dtlpipe.model.package": ("FunctionIO", "Package", "PackageFunction", "PackageModule"),
    "dtlpipe.model.pipeline": (
        "PipelineConnection",
        "PipelineConnectionPort",
        "PipelineNameSpace",
        "PipelineNode",
        "PipelineNodeIO",
        "Variable",
    ),
    "dtlpipe.model.pipeline_settings": ("PipelineSettings",),
    "dtlpipe.resources.annotations": ("Annotation",),
    "dtlpipe.resources.apps": ("App", "Dpk"),
    "dtlpipe.resources.batches": ("BatchRun",),
    "dtlpipe.resources.commands": ("Command",),
    "dtlpipe.resources.datasets": ("Dataset",),
    "dtlpipe.resources.executions": ("Execution",),
    "dtlpipe.resources.items": ("Item",),
    "dtlpipe.resources.nodes": ("CodeNode", "DatasetNode", "FunctionNode"),
    "dtlpipe.resources.pipeline_executions": ("PipelineExecution",),
    "dtlpipe.resources.pipeline_stats": ("PipelineStats",),
    "dtlpipe.resources.pipelines": ("Pipeline",),
    "dtlpipe.resources.platform_nodes": ("PlatformNode", "TaskNode"),
    "dtlpipe.resources.projects": ("Project",),
    "dtlpipe.resources.recipes": ("Recipe",),
    "dtlpipe.resources.services": ("Service",),
    "dtlpipe.resources.tasks": ("Task",),
    "dtlpipe.resources.triggers": ("Trigger",),
    "dtlpipe.runtime.replay": ("run_node",),
    "dtlpipe.runtime.service": ("BaseServiceRunner", "Context", "Progress"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}
_MODULES = ("exceptions", "graph")

#: The default client's collections: looked up each time, since `dl.setenv` changes the client.
_COLLECTIONS = (
    "apps",
    "commands",
    "compositions",
    "datasets",
    "dpks",
    "events",
    "executions",
    "items",
    "packages",
    "pipeline_executions",
    "pipelines",
    "projects",
    "recipes",
    "services",
    "tasks",
    "triggers",
)

#: Old names of the field's SDK for members of enums: `PACKAGE_INPUT_TYPE_ITEM` is `PackageInputType.ITEM`.
_PREFIXES = {
    "COMMANDS_STATUS_": "CommandStatus",
    "EXECUTION_STATUS_": "ExecutionStatus",
    "FILTERS_KNOWN_FIELDS_": "FiltersKnownFields",
    "FILTERS_METHOD_": "FiltersMethod",
    "FILTERS_OPERATIONS_": "FiltersOperations",
    "FILTERS_ORDERBY_DIRECTION_": "FiltersOrderByDirection",
    "FILTERS_RESOURCE_": "FiltersResource",
    "PACKAGE_INPUT_TYPE_": "PackageInputType",
    "TRIGGER_ACTION_": "TriggerAction",
    "TRIGGER_EXECUTION_MODE_": "TriggerExecutionMode",
    "TRIGGER_RESOURCE_": "TriggerResource",
    "TRIGGER_TYPE_": "TriggerType",
}

__all__ = [*_HOME, *_MODULES, *_COLLECTIONS, "LocalPlatform"]  # noqa: PLE0604 - they are strings, all of them


if not TYPE_CHECKING:  # to a type checker, a name that is not above is not there

    def __getattr__(name: str) -> Any:
        from importlib import import_module

        if name in _COLLECTIONS:
            return getattr(import_module("dtlpipe.client.default").default_client(), name)
        if name in _HOME:
            value = getattr(import_module(_HOME[name]), name)
        elif name in _MODULES:
            value = import_module(f"dtlpipe.{name}")
        elif name == "LocalPlatform":
            value = _local_platform()
        elif name == "CommandsStatus":  # the field's own spelling
            value = __getattr__("CommandStatus")
        else:
            value = _member(name)
        globals()[name] = value
        return value


def _member(name: str) -> Any:
    if name.isupper():
        from dtlpipe.model import enums

        for prefix, enum in _PREFIXES.items():
            members = getattr(enums, enum).__members__
            if name.startswith(prefix) and name.removeprefix(prefix) in members:
                return members[name.removeprefix(prefix)]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _local_platform() -> Any:
    from importlib import import_module

    try:
        return import_module("mock_server.testing").LocalPlatform
    except ModuleNotFoundError as error:
        raise ImportError(
            f"dl.LocalPlatform is part of the platform, which is not installed here ({error}): "
            "pip install 'dtlpipe[platform]'"
        ) from error


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
