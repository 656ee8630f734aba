"""Pipelines: components, connected with each other, that run.

Law: a pipeline decides what may be built; what runs when is decided by the state machine in `dtlpipe.graph.schedule`.
"""
