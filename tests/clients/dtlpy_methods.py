"""What the field's SDK can do: the public methods of its repositories, as far as this platform is about them."""

from __future__ import annotations

from typing import Any

#: Its repositories, in the order of the page.
NAMES = (
    "Pipelines",
    "PipelineExecutions",
    "Nodes",
    "Services",
    "Executions",
    "Triggers",
    "Packages",
    "Codebases",
    "Dpks",
    "Apps",
    "Commands",
    "Compositions",
    "Projects",
    "Datasets",
    "Items",
    "Annotations",
    "Recipes",
    "Ontologies",
    "Tasks",
    "Assignments",
    "Models",
    "Artifacts",
)


def repositories() -> list[tuple[type[Any], list[str]]]:
    """The classes, each with the names of its methods; loads the SDK."""
    from dtlpy import repositories as found

    classes = [getattr(found, name) for name in NAMES]
    return [(cls, [name for name, value in vars(cls).items() if _is_method(name, value)]) for cls in classes]


def _is_method(name: str, value: Any) -> bool:
    if name.startswith("_"):
        return False
    return callable(value.__func__ if isinstance(value, staticmethod) else value) and not isinstance(value, property)
