"""The words that the wire uses for kinds and states. All are `str`: a member equals its text."""

from __future__ import annotations

from enum import StrEnum


class ExecutionStatus(StrEnum):
    """State of a run (a pipeline execution) or of one execution; one enum for both, as their words overlap."""

    CREATED = "created"
    PENDING = "pending"
    QUEUE = "queue"
    IN_PROGRESS = "in-progress"
    SUCCESS = "success"
    FAILED = "failed"
    TERMINATED = "terminated"
    ABORTED = "aborted"
    CANCELED = "canceled"
    SYSTEM_FAILURE = "system-failure"
    RERUN = "rerun"

    @property
    def is_terminal(self) -> bool:
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        ExecutionStatus.SUCCESS,
        ExecutionStatus.FAILED,
        ExecutionStatus.TERMINATED,
        ExecutionStatus.ABORTED,
        ExecutionStatus.CANCELED,
        ExecutionStatus.SYSTEM_FAILURE,
    }
)

PipelineExecutionStatus = ExecutionStatus


class CommandStatus(StrEnum):
    """State of a command."""

    CREATED = "created"
    MAKING_CHILDREN = "making-children"
    WAITING_CHILDREN = "waiting-children"
    IN_PROGRESS = "in-progress"
    ABORTED = "aborted"
    CANCELED = "canceled"
    FINALIZING = "finalizing"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CLEANING_UP = "cleaning-up"
    ON_ERROR = "on-error"

    @property
    def is_terminal(self) -> bool:
        return self in (
            CommandStatus.SUCCESS,
            CommandStatus.FAILED,
            CommandStatus.TIMEOUT,
            CommandStatus.CANCELED,
            CommandStatus.ABORTED,
        )


class CompositionStatus(StrEnum):
    """State of a pipeline."""

    CREATED = "Created"
    INITIALIZING = "Initializing"
    INSTALLED = "Installed"
    ACTIVATED = "Activated"
    DEACTIVATED = "Deactivated"
    UNINSTALLED = "Uninstalled"
    TERMINATING = "Terminating"
    TERMINATED = "Terminated"
    UPDATING = "Updating"
    FAILURE = "Failure"


class PipelineNodeType(StrEnum):
    """Kinds of nodes."""

    CODE = "code"
    FUNCTION = "function"
    STORAGE = "storage"
    TASK = "task"
    ML = "ml"
    MERGE = "merge"
    SPLIT = "split"
    API = "api"
    CUSTOM = "custom"
    UPDATE_VARIABLE = "updateVariable"
    PIPELINE = "pipeline"


class PackageInputType(StrEnum):
    """Type of a port or of a function's parameter; `X[]` is a list of X."""

    DATASET = "Dataset"
    ITEM = "Item"
    ANNOTATION = "Annotation"
    EXECUTION = "Execution"
    TASK = "Task"
    ASSIGNMENT = "Assignment"
    SERVICE = "Service"
    PACKAGE = "Package"
    PROJECT = "Project"
    RECIPE = "Recipe"
    JSON = "Json"
    STRING = "String"
    NUMBER = "Number"
    INT = "Integer"
    FLOAT = "Float"
    BOOLEAN = "Boolean"
    MODEL = "Model"
    DATASETS = "Dataset[]"
    ITEMS = "Item[]"
    ANNOTATIONS = "Annotation[]"
    EXECUTIONS = "Execution[]"
    TASKS = "Task[]"
    ASSIGNMENTS = "Assignment[]"
    SERVICES = "Service[]"
    PACKAGES = "Package[]"
    PROJECTS = "Project[]"
    RECIPES = "Recipe[]"
    JSONS = "Json[]"
    STRINGS = "String[]"
    NUMBERS = "Number[]"
    INTS = "Integer[]"
    FLOATS = "Float[]"
    BOOLEANS = "Boolean[]"
    MODELS = "Model[]"


#: Port types whose values are entities of the platform, referred to by id.
ENTITY_TYPES = frozenset(
    {
        "Dataset",
        "Item",
        "Annotation",
        "Execution",
        "Task",
        "Assignment",
        "Service",
        "Package",
        "Project",
        "Recipe",
        "Model",
    }
)


class CycleRerunMethod(StrEnum):
    """From where a run is run again."""

    START_FROM_NODES = "startFromNodes"
    START_FROM_FAILED_EXECUTIONS = "startFromFailedExecutions"
    START_FROM_BEGINNING = "startFromBeginning"


class PipelineResumeOption(StrEnum):
    """What an install does with runs that a pause left open."""

    TERMINATE_EXISTING_CYCLES = "terminateExistingCycles"
    RESUME_EXISTING_CYCLES = "resumeExistingCycles"


class FiltersOperations(StrEnum):
    """How a predicate compares."""

    OR = "or"
    AND = "and"
    IN = "in"
    NOT_EQUAL = "ne"
    EQUAL = "eq"
    GREATER_THAN = "gt"
    GREATER_THAN_OR_EQUAL = "gte"
    LESS_THAN = "lt"
    LESS_THAN_OR_EQUAL = "lte"
    EXISTS = "exists"
    MATCH = "match"
    NIN = "nin"


class FiltersMethod(StrEnum):
    """How predicates are joined."""

    OR = "or"
    AND = "and"


class FiltersOrderByDirection(StrEnum):
    """Which way a listing is sorted."""

    DESCENDING = "descending"
    ASCENDING = "ascending"


class FiltersResource(StrEnum):
    """What a query is about."""

    ITEM = "items"
    ANNOTATION = "annotations"
    EXECUTION = "executions"
    PACKAGE = "packages"
    DPK = "dpks"
    APP = "apps"
    SERVICE = "services"
    TRIGGER = "triggers"
    MODEL = "models"
    RECIPE = "recipe"
    DATASET = "datasets"
    ONTOLOGY = "ontology"
    TASK = "tasks"
    PIPELINE = "pipeline"
    PIPELINE_EXECUTION = "pipelineState"
    COMPOSITION = "composition"
    RESOURCE_EXECUTION = "resourceExecution"
    WEBHOOK = "webhooks"
    PROJECT = "projects"


class FiltersKnownFields(StrEnum):
    """Fields of items that are often asked for."""

    DIR = "dir"
    ANNOTATED = "annotated"
    FILENAME = "filename"
    CREATED_AT = "createdAt"
    UPDATED_AT = "updatedAt"
    LABEL = "label"
    NAME = "name"
    HIDDEN = "hidden"
    TYPE = "type"


class TriggerType(StrEnum):
    """What starts a pipeline by itself."""

    EVENT = "Event"
    CRON = "Cron"


class TriggerResource(StrEnum):
    """What an event is about."""

    ITEM = "Item"
    DATASET = "Dataset"
    ANNOTATION = "Annotation"
    TASK = "Task"
    ASSIGNMENT = "Assignment"
    ITEM_STATUS = "ItemStatus"
    MODEL = "Model"


class TriggerAction(StrEnum):
    """What happened to it."""

    CREATED = "Created"
    UPDATED = "Updated"
    DELETED = "Deleted"
    STATUS_CHANGED = "statusChanged"
    CLONE = "Clone"


class TriggerExecutionMode(StrEnum):
    """Whether an event about the same thing starts it again."""

    ONCE = "Once"
    ALWAYS = "Always"
