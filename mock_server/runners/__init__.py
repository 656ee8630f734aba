"""RUNNERS: what a node is, by its type; an execution becomes a job for an executor.

Law: a runner reads the store and returns a job, and does no work itself. `code` and `function` nodes and calls of
services run shipped code in processes; `storage` nodes are the platform's own work.
"""
