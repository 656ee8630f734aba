"""Pictures of pipelines: a layered layout, SVG and Mermaid text.

Law: the same pipeline gives the same picture, byte by byte, and no picture needs the network.

    files          draw, show                      into a file, into a notebook
    svg mermaid    to_svg, to_mermaid              as text
    scene          what a picture shows            read from a pipeline
    layout         where it stands                 ranking (columns), ordering (in a column), placement (how far down)
    style text     colours, fonts, widths
"""

from __future__ import annotations

from dtlpipe.graph.drawing.files import draw, show
from dtlpipe.graph.drawing.mermaid import to_mermaid
from dtlpipe.graph.drawing.svg import to_svg

__all__ = ["draw", "show", "to_mermaid", "to_svg"]
