"""What wrappers take from Haystack, over our engine: pipelines, the component decorator, the plainest components."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from dtlpipe.graph import AsyncPipeline, Pipeline, SuperComponent, component, default_from_dict, default_to_dict

__all__ = [
    "AsyncPipeline",
    "Pipeline",
    "PromptBuilder",
    "SuperComponent",
    "component",
    "default_from_dict",
    "default_to_dict",
]


@component
class PromptBuilder:
    """A Jinja template and its variables."""

    def __init__(self, template: str, required_variables: Any = None, variables: list[str] | None = None) -> None:
        meta, sandbox = import_module("jinja2.meta"), import_module("jinja2.sandbox")
        self.template, self.required_variables, self.variables = template, required_variables, variables
        environment = sandbox.SandboxedEnvironment()
        self._template = environment.from_string(template)
        names = variables or sorted(meta.find_undeclared_variables(environment.parse(template)))
        for name in names:
            component.set_input_type(self, name, Any, "")

    @component.output_types(prompt=str)
    def run(self, **given: Any) -> dict[str, str]:
        """The prompt."""
        return {"prompt": self._template.render(given)}
