"""REMOTE: a worker on another machine, or in another process: it asks a platform for executions, and runs them.

Law: it knows the platform by HTTP alone, and never opens its store. What it runs, it runs in the same pool of processes
as the platform runs its own; what it was given it holds by a lease, and lets go of when the platform says that it has
lost it. Nothing here decides what becomes of an execution.
"""
