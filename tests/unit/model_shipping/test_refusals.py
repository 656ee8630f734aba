"""What lives in one process alone is refused when the node is made, by its name and its type."""

import base64
import contextlib
import functools
import io
import json
import os
import socket
import sqlite3
import subprocess
import sys
import threading

import attrs
import cloudpickle
import pytest

from dtlpipe.errors import CodeNotShippable
from dtlpipe.model import pickling
from dtlpipe.model.shipping import ship

LOCK = threading.Lock()


class State:
    def __init__(self, **parts):
        self.__dict__.update(parts)


class Slotted:
    __slots__ = ("lock",)

    def __init__(self):
        self.lock = threading.Lock()


def refusal(function):
    with pytest.raises(CodeNotShippable) as caught:
        ship(function)
    return str(caught.value)


def test_a_lock_that_a_function_closes_over_is_named():
    lock = threading.Lock()

    def run(item):
        with lock:
            return item

    assert refusal(run) == (
        "function 'run' closes over 'lock' (_thread.lock), which cannot leave this process; "
        "create it inside the function"
    )


def test_a_global_lock_is_named():
    def run(item):
        with LOCK:
            return item

    assert "function 'run' uses the global 'LOCK' (_thread.lock)" in refusal(run)


def test_the_path_leads_through_objects_lists_and_dictionaries():
    state = State(parts=[1, {"inner": State(lock=threading.Lock())}])

    def run(item):
        return state

    assert "closes over \"state.parts[1]['inner'].lock\" (_thread.lock)" in refusal(run)


def test_the_path_leads_through_slots():
    slotted = Slotted()
    assert "closes over 'slotted.lock'" in refusal(lambda: slotted)


def test_the_path_leads_through_the_functions_that_a_function_calls():
    def helper():
        return LOCK

    def run(item):
        return helper()

    assert "closes over 'helper → LOCK' (_thread.lock)" in refusal(run)


def test_a_default_value_is_named():
    def run(item, lock=LOCK):
        return item

    assert "has a default for 'lock' (_thread.lock)" in refusal(run)


def test_a_keyword_default_is_named():
    def run(item, *, lock=LOCK):
        return item

    assert "has a default for 'lock' (_thread.lock)" in refusal(run)


def test_what_a_partial_function_is_given_is_named():
    def run(item, lock):
        return item

    assert "function 'run' is given 'lock' (_thread.lock)" in refusal(functools.partial(run, lock=LOCK))


def test_what_the_object_of_a_method_holds_is_named():
    class Holder:
        def __init__(self):
            self.lock = threading.Lock()

        def run(self, item):
            return item

    assert "function 'run' is a method of 'self.lock' (_thread.lock)" in refusal(Holder().run)


def test_a_generator_is_refused_with_advice():
    numbers = (each for each in range(3))
    message = refusal(lambda: list(numbers))
    assert "'numbers' (generator)" in message
    assert "make a list of it" in message


def test_an_open_file_is_refused_though_it_would_pickle(tmp_path):
    path = tmp_path / "data.txt"
    path.write_text("text")
    with path.open() as file:
        message = refusal(lambda: file.read())
    assert "'file' (_io.TextIOWrapper)" in message
    assert "open it inside the function" in message


def test_a_socket_and_a_database_connection_are_refused():
    with socket.socket() as sock:
        assert "'sock' (socket.socket)" in refusal(lambda: sock)
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        assert "'connection' (sqlite3.Connection)" in refusal(lambda: connection)


def test_a_thread_is_refused_by_what_it_holds():
    thread = threading.Thread()
    assert "'thread." in refusal(lambda: thread)


def test_text_in_memory_travels_with_its_content():
    text = io.StringIO("kept")
    assert ship(lambda: text.getvalue()).pickle


def test_an_entity_of_a_client_is_refused_and_its_login_stays_here():
    @attrs.define(slots=False)
    class Project:
        _session: object = None

    Project.__module__ = "dtlpipe.resources.projects"
    project = Project(session={"token": "secret"})
    message = refusal(lambda: project)
    assert "'project'" in message
    assert "pass its id as an input" in message
    assert "secret" not in message


def test_a_class_is_no_function():
    assert "class 'State' is no function" in refusal(State)


def test_what_cannot_be_called_is_no_function():
    assert "a node runs a function" in refusal(5)


def test_a_method_without_its_object_is_refused():
    class Runner:
        def run(self, item):
            return item

    assert "is a method without its object" in refusal(Runner.run)


def test_a_function_that_calls_its_first_parameter_self_is_no_method():
    def run(self):
        return self

    assert ship(run).name == "run"


def test_a_name_that_is_no_identifier_is_refused():
    with pytest.raises(CodeNotShippable, match="cannot be a function's name"):
        ship(refusal, name="not a name")
    with pytest.raises(CodeNotShippable, match="cannot be a function's name"):
        ship(refusal, name="class")


def test_a_user_class_that_refuses_to_pickle_is_named_with_its_own_error_chained():
    class Stubborn:
        def __reduce__(self):
            raise ValueError("never")

    stubborn = Stubborn()
    with pytest.raises(CodeNotShippable, match="'stubborn'") as caught:
        ship(lambda: stubborn)
    assert isinstance(caught.value.__cause__, ValueError)


def test_data_that_is_too_large_for_code_is_named_with_its_size(monkeypatch):
    monkeypatch.setattr(pickling, "SIZE_LIMIT", 2**20)
    table = b"x" * (3 * 2**20)
    small = b"y"
    message = refusal(lambda: (small, table))
    assert "it closes over 'table' of 3 MiB" in message


def test_the_register_of_modules_that_travel_by_value_is_left_as_it_was():
    before = set(cloudpickle.list_registry_pickle_by_value())
    ship(refusal)
    refusal(lambda: LOCK)
    assert set(cloudpickle.list_registry_pickle_by_value()) == before


def test_shipping_from_many_threads_at_once_is_sound(functions_by_kind):
    errors = []

    def work():
        try:
            for function, _ in functions_by_kind.values():
                ship(function)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_function_of_a_script_ships_by_value(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import json\n"
        "from dtlpipe.model.shipping import ship\n"
        "FACTOR = 3\n"
        "def run(value):\n"
        "    return value * FACTOR\n"
        "print(json.dumps(ship(run).to_wire()))\n"
    )
    environ = {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True, env=environ)
    package = json.loads(done.stdout)
    assert "FACTOR = 3" in package["code"]
    assert cloudpickle.loads(base64.b64decode(package["pickle"]))(4) == 12


def test_a_function_that_was_never_in_a_file_ships_without_source():
    space = {"__name__": "nowhere"}
    exec("def run(value):\n    return value + 1\n", space)
    shipped = ship(space["run"])
    assert shipped.code is None
    assert "is in no file" in shipped.missing[""]
    assert cloudpickle.loads(base64.b64decode(shipped.pickle))(1) == 2
