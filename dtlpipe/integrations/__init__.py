"""Libraries that the engine can use when they are installed: one module for each.

Law: the engine never imports these modules by itself; it asks for one by name (`dtlpipe.graph.plugins`) at the moment
that somebody wants YAML, or spans. What is not installed costs nothing and is named in the error.
"""
