"""LangGraph in the caller's process, each step checkpointed in SQLite before the next (`durability="sync"`)."""

import operator
import sqlite3
import tempfile
import uuid
from typing import Annotated, TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Send
from protocol import STEPS, WIDTH, Peer, expect, serve


class One(TypedDict):
    x: int


class Many(TypedDict):
    x: int
    found: Annotated[list[int], operator.add]
    total: int


class LangGraph(Peer):
    callers = 1  # one connection, one lock: more callers only wait for it

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.connection = sqlite3.connect(f"{self.folder.name}/checkpoints.sqlite", check_same_thread=False)
        saver = SqliteSaver(self.connection)
        graph = StateGraph(One)
        for number in range(STEPS):
            graph.add_node(f"n{number}", lambda state: {"x": state["x"] + 1})
            graph.add_edge(f"n{number - 1}" if number else START, f"n{number}")
        graph.add_edge(f"n{STEPS - 1}", END)
        self.ten = graph.compile(checkpointer=saver)
        wide = StateGraph(Many)
        wide.add_node("root", lambda state: {"x": state["x"] + 1})
        wide.add_node("middle", lambda state: {"found": [state["x"] + 1]})
        wide.add_node("join", lambda state: {"total": sum(state["found"])})
        wide.add_edge(START, "root")
        wide.add_conditional_edges("root", lambda state: [Send("middle", {"x": state["x"]})] * WIDTH, ["middle"])
        wide.add_edge("middle", "join")
        wide.add_edge("join", END)
        self.wide = wide.compile(checkpointer=saver)

    def chain(self) -> None:
        found = self.ten.invoke({"x": 0}, {"configurable": {"thread_id": uuid.uuid4().hex}}, durability="sync")
        expect(found["x"], STEPS)

    def fan(self) -> None:
        config = {"configurable": {"thread_id": uuid.uuid4().hex}}
        found = self.wide.invoke({"x": 0, "found": [], "total": 0}, config, durability="sync")
        expect(found["total"], 2 * WIDTH)

    def close(self) -> None:
        self.connection.close()
        self.folder.cleanup()


if __name__ == "__main__":
    serve(LangGraph)
