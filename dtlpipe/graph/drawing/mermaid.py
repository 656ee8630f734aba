"""Mermaid text: a pipeline as a diagram that Markdown viewers draw.

Law: one pipeline, one text, byte by byte, and whatever the names are it cannot leave its quotes.

It shows what Haystack's diagrams show: an asterisk for what comes in and one for what goes out, connections labelled
with both sockets and the type, dotted ones to inputs that have a default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from dtlpipe.graph.drawing import scene
from dtlpipe.graph.drawing.text import clean

__all__ = ["to_mermaid"]

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_SPECIAL = re.compile(r"[^\w .,:()\[\]{}/|+*=?!'-]")
_TAKEN = {"i", "o", "end", "graph", "flowchart", "subgraph", "style", "linkStyle", "classDef", "class", "click"}
_TAKEN |= {"default", "direction", "call", "href", "component", "Legend"}


def to_mermaid(pipeline: Any, *, theme: str = "neutral", super_component_expansion: bool = False) -> str:
    """Return a Mermaid diagram of a pipeline.

    Args:
        pipeline: a pipeline, ours or Haystack's.
        theme: one of Mermaid's: "default", "neutral", "dark", "forest", "base".
        super_component_expansion: whether components that have a pipeline inside are replaced by its components, which
            then stand in a frame.
    """
    shown = scene.read(pipeline, expand=super_component_expansion)
    ids = _ids(shown)
    lines = [f'%%{{ init: {{"theme": "{re.sub("[^a-z]", "", theme)}"}} }}%%', "", "graph TD;", ""]
    groups = dict.fromkeys(component.group for component in shown.components.values())
    for number, group in enumerate(groups):
        members = [component for component in shown.components.values() if component.group == group]
        nodes = [f'{ids[component.key]}["{_node(component)}"]:::component' for component in members]
        lines += nodes if group is None else [f'subgraph _g{number}["{_text(group)}"]', *nodes, "end"]
    return "\n".join([*lines, "", *_edges(shown, ids), "", "classDef component text-align:center;", ""])


def _ids(shown: scene.Scene) -> dict[str, str]:
    """Return each component's id: its name, where Mermaid takes it, else a number that no name can be."""
    return {
        key: key if _PLAIN.match(key) and key not in _TAKEN and key.lower() != "end" else f"_{number}"
        for number, key in enumerate(shown.components)
    }


def _node(component: scene.Component) -> str:
    optional = [
        f"<li>{_text(own.name)} ({_text(own.type)})</li>"
        for own in component.inputs.values()
        if own.variadic or not (own.connected or own.mandatory)
    ]
    listed = f"<br><br>Optional inputs:<ul style='text-align:left;'>{''.join(optional)}</ul>" if optional else ""
    return f"<b>{_text(component.name)}</b><br><small><i>{_text(component.class_name)}{listed}</i></small>"


def _edges(shown: scene.Scene, ids: dict[str, str]) -> Iterator[str]:
    for one in shown.connections:
        label = f"{_text(one.output)} -> {_text(one.input)}{'' if one.mandatory else ' (opt.)'}"
        if one.conversion is not None:
            label += f"<br><small>{_text(one.conversion)}</small>"
        tail, head = ("--", "-->") if one.mandatory else ("-.", ".->")
        yield f'{ids[one.sender]} {tail} "{label}{_type(one.type)}" {head} {ids[one.receiver]}'
    for key, component in shown.components.items():
        for own in component.inputs.values():
            if own.outside:
                yield f'i{{#42;}} -- "{_text(own.name)}{_type(own.type)}" --> {ids[key]}'
    for key, component in shown.components.items():
        for own in component.outputs.values():
            if own.outside:
                yield f'{ids[key]} -- "{_text(own.name)}{_type(own.type)}" --> o{{#42;}}'


def _type(name: str) -> str:
    return f"<br><small><i>{_text(name)}</i></small>"


def _text(text: str) -> str:
    """Return a text with Mermaid's numbers for what would end a label, or would be a tag or Markdown in it."""
    return _SPECIAL.sub(lambda found: f"#{ord(found[0])};", clean(text))
