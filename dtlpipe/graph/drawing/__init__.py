"""Pictures of pipelines: a layered layout, SVG and Mermaid text.

Law: the same pipeline gives the same picture, byte by byte, and no picture needs the network.
"""
