"""Tests are sentences about behaviour.

unit/ one ring at a time; conformance/ one behaviour, every implementation; http/ the wire, by plain requests; clients/
the real dtlpy and others against the platform; faults/ kills, limits and torn input; typing/ what mypy must accept and
refuse; meta/ the laws of docs/architecture.md that import-linter cannot state; docs/ what the documentation claims.
"""
