"""Pictures in files and notebooks.

Law: nothing here asks a server. What Haystack's callers say about their server is accepted and has no effect.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from dtlpipe.graph.drawing.mermaid import to_mermaid
from dtlpipe.graph.drawing.style import FIXED_WIDTH, Theme
from dtlpipe.graph.drawing.svg import to_svg
from dtlpipe.graph.errors import PipelineDrawingError

__all__ = ["draw", "show"]

_SUFFIXES = ".svg, .png, .pdf, .mmd, .mermaid, .md"


def draw(
    pipeline: Any,
    path: str | Path,
    *,
    server_url: str | None = None,  # noqa: ARG001 - Haystack's
    params: dict[str, Any] | None = None,
    timeout: float = 30,  # noqa: ARG001 - Haystack's
    super_component_expansion: bool = False,
) -> None:
    """Write a picture of a pipeline to a file.

    Args:
        pipeline: the pipeline.
        path: where to; the suffix says what: `.svg`; `.png` and `.pdf`, for which the package cairosvg must be
            installed; `.mmd`, `.mermaid` for Mermaid text; `.md` for Markdown with it.
        server_url: accepted for Haystack's callers; no server is asked.
        params: `theme` may be one of Mermaid's; "dark" makes pictures dark. All else is Haystack's server's.
        timeout: seconds; as `server_url`.
        super_component_expansion: whether components that have a pipeline inside are replaced by its components.

    Raises:
        PipelineDrawingError: there is no such kind of picture, cairosvg is missing, or the file cannot be written.
    """
    path = Path(path)
    theme = _theme(params)
    match path.suffix.lower():
        case ".svg":
            shown: Theme = "dark" if theme == "dark" else "auto"
            content = to_svg(pipeline, theme=shown, super_component_expansion=super_component_expansion).encode()
        case ".png" | ".pdf" as suffix:
            fixed: Theme = "dark" if theme == "dark" else "light"
            text = to_svg(pipeline, theme=fixed, super_component_expansion=super_component_expansion)
            content = _converted(text, suffix, path)
        case ".mmd" | ".mermaid" | ".md" as suffix:
            text = to_mermaid(pipeline, theme=theme or "neutral", super_component_expansion=super_component_expansion)
            content = (f"```mermaid\n{text}```\n" if suffix == ".md" else text).encode()
        case suffix:
            raise PipelineDrawingError(
                f"Cannot draw into {path}: the suffix {suffix!r} stands for no kind of picture. Use one of {_SUFFIXES}."
            )
    try:
        path.write_bytes(content)
    except OSError as error:
        raise PipelineDrawingError(f"Cannot write the picture to {path}: {error}.") from error


def show(
    pipeline: Any,
    *,
    server_url: str | None = None,  # noqa: ARG001 - Haystack's
    params: dict[str, Any] | None = None,
    timeout: float = 30,  # noqa: ARG001 - Haystack's
    super_component_expansion: bool = False,
) -> None:
    """Show a picture of a pipeline in a Jupyter notebook. Arguments as for `draw`.

    Raises:
        PipelineDrawingError: this is no notebook.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if not hasattr(shell, "kernel"):
        raise PipelineDrawingError(
            "This method is only supported in Jupyter notebooks, and this is none. "
            "Use Pipeline.draw(path='pipeline.svg') to write the picture to a file."
        )
    theme: Theme = "dark" if _theme(params) == "dark" else "auto"
    text = to_svg(pipeline, theme=theme, super_component_expansion=super_component_expansion)
    import_module("IPython.display").display(_Shown(text))


def _theme(params: object) -> Any:
    if not isinstance(params or {}, dict):
        raise PipelineDrawingError(f"params is {params!r:.80}; give a dict, such as {{'theme': 'dark'}}.")
    return params.get("theme") if isinstance(params, dict) else None


class _Shown:
    """A picture as notebooks ask for it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_svg_(self) -> str:
        return self._text


def _converted(svg: str, suffix: str, path: Path) -> bytes:
    try:
        cairosvg = import_module("cairosvg")
    except (ImportError, OSError) as error:  # OSError: the package is there, the library below it is not
        raise PipelineDrawingError(
            f"Cannot draw {path}: {suffix} needs the package cairosvg, which cannot be imported ({error}). "
            f"Install it, or draw into {path.with_suffix('.svg')}, which needs nothing."
        ) from error
    convert = cairosvg.svg2png if suffix == ".png" else cairosvg.svg2pdf
    known = svg.replace(FIXED_WIDTH, "monospace")  # cairo takes the first family of a list, be it there or not
    content: bytes = convert(bytestring=known.encode(), **({"scale": 2} if suffix == ".png" else {}))
    return content
