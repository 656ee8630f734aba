"""The platform refuses at creation what could not run, says why, and neither runs nor unpickles anything."""

import base64
import pickle

import pytest

from dtlpipe.errors import BadRequest
from dtlpipe.model.shipping import check, digest, ship

CODE = """import dtlpy as dl


class ServiceRunner(dl.BaseServiceRunner):
    @staticmethod
    def run(item):
        return item
"""


def package(code=CODE, name="run", **more):
    return {"code": code, "name": name, "type": "code", **more}


def refusal(package, python="3.11"):
    with pytest.raises(BadRequest) as caught:
        check(package, python)
    return str(caught.value)


def shipped_by_another_python(function, **changes):
    wire = {**ship(function).to_wire(), "python": "3.9", **changes}
    return {**wire, "hash": digest(wire)}


def test_source_as_the_fields_own_sdk_ships_it_is_taken():
    check(package(), "3.11")


def test_a_function_of_the_module_and_one_of_any_class_are_taken():
    check(package("def run(item): return item"), "3.11")
    check(package("class Mine:\n    def run(self, item): return item"), "3.11")
    check(package("def _run(item): return item\nclass A:\n    run = staticmethod(_run)"), "3.11")
    check(package("from json import dumps as run"), "3.11")
    check(
        package("try:\n    from ujson import dumps as run\nexcept ImportError:\n    def run(item): return item"), "3.11"
    )


def test_a_function_that_may_be_inherited_is_taken():
    check(package("from elsewhere import Base\nclass ServiceRunner(Base): pass", className="ServiceRunner"), "3.11")


def test_an_empty_package_is_refused():
    assert "neither 'code' nor 'pickle'" in refusal({"name": "run", "type": "code"})


def test_a_package_without_a_function_name_is_refused():
    assert "names no function" in refusal(package(name=""))


def test_a_package_of_wrong_types_is_refused_by_key():
    assert "'code' is a list" in refusal(package(code=[CODE]))
    assert "'pickle' is a int" in refusal(package(pickle=5))


def test_a_syntax_error_is_refused_with_its_line():
    message = refusal(package("import dtlpy as dl\n\ndef run(item)\n    return item\n"))
    assert "no valid Python" in message
    assert "line 3" in message
    assert "def run(item)" in message


def test_what_only_the_compiler_refuses_is_refused_too():
    assert "outside function" in refusal(package("def run(item): return item\nreturn 5\n"))


def test_source_that_no_parser_can_take_is_refused():
    assert "null bytes" in refusal(package("def run(item): return item\n\0"))
    assert refusal(package("def run(item): return " + "(" * 5000 + ")" * 5000))


def test_a_function_that_the_source_lacks_is_refused_with_those_it_has():
    message = refusal(package(name="other"))
    assert "no function 'other'" in message
    assert "run" in message


def test_names_that_the_source_does_not_define_are_refused_with_their_lines():
    code = CODE.replace("return item", "return np.array(item) + LIMIT")
    message = refusal(package(code))
    assert "'LIMIT' (line 7), 'np' (line 7)" in message
    assert "inside the function" in message


def test_names_from_a_star_import_are_not_guessed_at():
    check(package("from numpy import *\n" + CODE.replace("return item", "return array(item)")), "3.11")


def test_a_pickle_of_another_python_is_refused_if_the_source_needs_what_it_lacks():
    table = {"a": object()}

    def run(item):
        return table[item]

    wire = shipped_by_another_python(run)
    message = refusal(wire)
    assert "pickled by Python 3.9, this platform runs 3.11" in message
    assert "'table'" in message
    check(wire, "3.9")


def test_a_pickle_of_another_python_without_source_is_refused():
    assert "it has no source beside the pickle" in refusal(shipped_by_another_python(len))


def test_a_pickle_of_another_python_beside_source_that_stands_on_its_own_is_taken():
    def run(item):
        return item

    check(shipped_by_another_python(run), "3.11")


def test_a_pickle_that_is_none_is_refused():
    assert "not base64" in refusal(package(pickle="no base64!", python="3.11"))
    assert "does not begin as a pickle" in refusal(package(pickle=base64.b64encode(b"no").decode(), python="3.11"))


def test_a_package_that_was_changed_after_it_was_made_is_refused():
    wire = ship(lambda item: item).to_wire()
    assert "its hash is not that of its content" in refusal({**wire, "code": wire["code"] + "\n# more"})


def test_nothing_is_run_and_nothing_is_unpickled(tmp_path):
    mark = tmp_path / "ran"

    class Bomb:
        def __reduce__(self):
            return open, (str(mark), "w")

    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    check(package(f"open({str(mark)!r}, 'w')\n{CODE}", pickle=bomb, python="3.11"), "3.11")
    assert not mark.exists()
