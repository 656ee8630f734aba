"""Rows of work as their tables have them: one codec a table. The law: fields and columns have the same names."""

from __future__ import annotations

from mock_server.store.base import Event, ExecutionRow, LogLine, RunRow
from mock_server.store.codec import RowCodec

RUNS = RowCodec(RunRow, "run")
EXECUTIONS = RowCodec(ExecutionRow, "execution")
EVENTS = RowCodec(Event, "event")
LOG_LINES = RowCodec(LogLine, "log_line")
