"""How a picture looks: colours and fonts, for light and for dark surroundings.

Law: every rule is confined to drawings by their class, since a notebook takes a picture's rules for the whole page.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["FIXED_WIDTH", "GROUP_COLOURS", "Theme", "sheet"]

Theme: TypeAlias = Literal["auto", "light", "dark"]

Colours: TypeAlias = dict[str, str | tuple[str, ...]]

ROOT = ".dtlpipe-drawing"

GROUP_COLOURS = 6

FIXED_WIDTH = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"

_FONTS = (
    ("text", "font-family: ui-sans-serif, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', Arial, sans-serif"),
    (".socket", f"font-family: {FIXED_WIDTH}; font-size: 11px"),
    (".name", "font-size: 13px; font-weight: 600"),
    (".class", "font-size: 11px"),
    (".legend", "font-size: 11px"),
    (".line", "fill: none; stroke-width: 1.6"),
    (".optional .line", "stroke-dasharray: 6 4"),
    (".connection:hover .line", "stroke-width: 3"),
    (".box", "stroke-width: 1"),
    (".rule", "stroke-width: 1"),
    (".port", "stroke-width: 1.6"),
    (".group", "stroke: none"),
)

_LIGHT: Colours = {
    "paper": "#ffffff",
    "box": "#f8fafc",
    "edge": "#cbd5e1",
    "head": "#eef2f7",
    "name": "#0f172a",
    "text": "#1e293b",
    "quiet": "#64748b",
    "faint": "#94a3b8",
    "line": "#5b6b82",
    "loop": "#c2570c",
    "into": "#047857",
    "out": "#1d4ed8",
    "groups": ("#7c3aed", "#0e7490", "#be185d", "#4d7c0f", "#b45309", "#4338ca"),
}
_DARK: Colours = {
    "paper": "#0d1420",
    "box": "#172131",
    "edge": "#3b4a60",
    "head": "#1f2c40",
    "name": "#f1f5f9",
    "text": "#dbe4ee",
    "quiet": "#93a4b8",
    "faint": "#71829a",
    "line": "#8fa1b8",
    "loop": "#fb923c",
    "into": "#34d399",
    "out": "#60a5fa",
    "groups": ("#a78bfa", "#22d3ee", "#f472b6", "#a3e635", "#fbbf24", "#818cf8"),
}


def sheet(theme: Theme) -> str:
    """Return the rules. "auto" follows the surroundings, as far as the viewer knows them, and is light elsewhere."""
    fonts = [f"{ROOT} {selector} {{ {rule} }}" for selector, rule in _FONTS]
    rules = [*fonts, *_colours(_DARK if theme == "dark" else _LIGHT)]
    if theme == "auto":
        rules += ["@media (prefers-color-scheme: dark) {", *_colours(_DARK), "}"]
    return "\n".join(rules)


def _colours(of: Colours) -> list[str]:
    plain = (
        (".paper", "fill: {paper}"),
        (".box", "fill: {box}; stroke: {edge}"),
        (".head", "fill: {head}"),
        (".rule", "stroke: {edge}"),
        (".name", "fill: {name}"),
        (".class", "fill: {quiet}"),
        (".legend", "fill: {quiet}"),
        (".socket", "fill: {text}"),
        (".type", "fill: {quiet}"),
        (".unused", "fill: {faint}"),
        (".line", "stroke: {line}"),
        (".arrow", "fill: {line}"),
        (".port", "fill: {line}; stroke: {line}"),
        (".open", "fill: {box}; stroke: {faint}"),
        (".many", "fill: {box}; stroke: {line}"),
        (".loop .line", "stroke: {loop}"),
        (".loop .arrow", "fill: {loop}"),
        (".into", "fill: {into}; stroke: {into}"),
        (".out", "fill: {out}; stroke: {out}"),
    )
    colours = {name: value for name, value in of.items() if isinstance(value, str)}
    rules = [f"{ROOT} {selector} {{ {rule.format(**colours)} }}" for selector, rule in plain]
    return rules + [f"{ROOT} .group-{index} {{ fill: {colour} }}" for index, colour in enumerate(of["groups"])]
