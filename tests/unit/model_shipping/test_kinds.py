"""Every kind of function arrives: as a pickle where the Python is the same, and as source wherever there is one."""

import ast

import pytest

from dtlpipe.model.shipping import check, ship


@pytest.fixture(scope="module")
def shipped(functions_by_kind):
    return {kind: ship(function) for kind, (function, _) in functions_by_kind.items()}


@pytest.fixture(scope="module")
def written(shipped, without_source):
    return {kind: each for kind, each in shipped.items() if kind not in without_source}


@pytest.fixture
def wrong(functions_by_kind, elsewhere):
    """What came out elsewhere and should not have."""

    def run(how, shipped):
        answers = elsewhere([(how, each.to_wire(), 4) for each in shipped.values()])
        expected = [value for kind, (_, value) in functions_by_kind.items() if kind in shipped]
        return {
            kind: answer
            for kind, answer, value in zip(shipped, answers, expected, strict=True)
            if "error" in answer or answer["value"] != value
        }

    return run


def test_every_kind_runs_elsewhere_from_its_pickle(shipped, wrong):
    assert wrong("pickle", shipped) == {}


def test_every_kind_that_was_written_as_a_function_runs_elsewhere_from_its_source(written, wrong):
    assert wrong("source", written) == {}


def test_names_that_a_class_would_mangle_stay_out_of_the_class(shipped):
    source = shipped["names that classes would mangle"].code
    assert "\ndef mangled(value):" in source
    assert "    mangled = staticmethod(mangled)\n" in source


def test_the_source_has_the_shape_that_the_field_expects(written):
    for kind, each in written.items():
        tree = ast.parse(each.code)
        imports = [node for node in tree.body if isinstance(node, ast.Import)]
        assert ast.unparse(imports[0]) == "import dtlpy as dl", kind
        runner = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "ServiceRunner")
        assert [ast.unparse(base) for base in runner.bases] == ["dl.BaseServiceRunner"], kind
        assert each.missing == {}, kind


def test_what_has_no_source_says_why(shipped, without_source):
    for kind in without_source:
        assert shipped[kind].code is None
        assert shipped[kind].missing[""], kind
        assert "code" not in shipped[kind].to_wire()


def test_a_platform_of_the_same_python_takes_every_kind(shipped):
    for each in shipped.values():
        check(each.to_wire(), each.python)


def test_a_platform_of_another_python_takes_all_that_has_source(written):
    for each in written.values():
        check(each.to_wire(), "3.99")


def test_a_lambda_is_called_run(shipped):
    assert shipped["a lambda"].name == "run"


def test_the_same_function_ships_under_the_same_hash(kinds, shipped):
    assert ship(kinds.calls_helpers).to_wire()["hash"] == shipped["helpers of the same module"].to_wire()["hash"]


def test_the_users_name_for_it_is_the_functions_name_on_the_platform(kinds, elsewhere):
    package = ship(kinds.recursive, name="count").to_wire()
    answers = elsewhere([("source", package, 4), ("pickle", package, 4)])
    assert [each.get("value") for each in answers] == [24, 24], answers


def test_requirements_name_the_distributions_that_the_code_imports(shipped):
    requirements = {kind: each.requirements for kind, each in shipped.items()}
    assert [each.partition("==")[0] for each in requirements["the module's own classes"]] == ["pydantic"]
    assert requirements["a plain function"] == []
