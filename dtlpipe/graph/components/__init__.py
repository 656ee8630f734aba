"""Components: Python objects that a pipeline's nodes run, and what they take and give.

Law: this package knows one component at a time. It never looks at a graph.
"""
