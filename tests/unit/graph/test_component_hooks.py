"""A hook sees what a component is made with, and may change it."""

from __future__ import annotations

from typing import Any

import pytest

from dtlpipe.graph import ComponentError, component
from dtlpipe.graph.components.decorator import _hook_component_init


@component
class Plain:
    def __init__(self, first, second=2, *, third=3):
        self.given = (first, second, third)

    def run(self):
        return {}


def hooked(make, *, change: dict[str, Any] | None = None):
    """What `make` makes under a hook that changes parameters, and what the hook saw."""
    seen = []

    def hook(cls, parameters):
        seen.append((cls, dict(parameters)))
        parameters.update(change or {})

    with _hook_component_init(hook):
        made = make()
    return made, seen


@pytest.mark.parametrize("make", [lambda: Plain(1, third=4), lambda: Plain(first=1, third=4)])
def test_a_hook_sees_the_class_and_all_arguments_by_name(make):
    made, seen = hooked(make)
    assert seen == [(Plain, {"first": 1, "third": 4})]
    assert made.given == (1, 2, 4)


def test_a_hook_may_change_the_arguments():
    made, _ = hooked(lambda: Plain(1), change={"first": 7, "second": 8, "third": 9})
    assert made.given == (7, 8, 9)


def test_a_hook_is_gone_when_its_block_ends():
    _, seen = hooked(lambda: Plain(1))
    assert Plain(2).given == (2, 2, 3)
    assert len(seen) == 1


def test_an_inner_hook_takes_the_place_of_the_outer_for_its_block():
    (inner, inner_seen), outer_seen = hooked(lambda: hooked(lambda: Plain(1)))
    assert inner.given == (1, 2, 3)
    assert (len(inner_seen), len(outer_seen)) == (1, 0)


def test_components_made_in_a_constructor_are_not_seen():
    @component
    class Owning:
        def __init__(self):
            self.inner = Plain(1)

        def run(self):
            return {}

    made, seen = hooked(lambda: [Owning(), Owning()])
    assert [cls for cls, _ in seen] == [Owning, Owning]
    assert made[0].inner.given == (1, 2, 3)


def test_a_hook_works_again_after_a_constructor_that_failed():
    @component
    class Failing:
        def __init__(self):
            raise KeyError("inside")

        def run(self):
            return {}

    def make():
        with pytest.raises(KeyError, match="inside"):
            Failing()
        return Plain(1)

    _, seen = hooked(make)
    assert [cls for cls, _ in seen] == [Failing, Plain]


def test_positional_only_arguments_arrive_by_position():
    @component
    class Positional:
        def __init__(self, first, second=2, /, third=3):
            self.given = (first, second, third)

        def run(self):
            return {}

    made, seen = hooked(lambda: Positional(1, third=5), change={"first": 10})
    assert seen[0][1] == {"first": 1, "third": 5}
    assert made.given == (10, 2, 5)


def test_keywords_that_are_not_named_are_seen():
    @component
    class Keywords:
        def __init__(self, first, **others):
            self.given = (first, others)

        def run(self):
            return {}

    made, seen = hooked(lambda: Keywords(1, second=2))
    assert seen[0][1] == {"first": 1, "second": 2}
    assert made.given == (1, {"second": 2})
    with pytest.raises(TypeError, match=r"Keywords\(\) takes 1 positional arguments but 2 were given"):
        hooked(lambda: Keywords(1, 2))


def test_a_class_without_constructor_is_seen_with_no_arguments():
    @component
    class Empty:
        def run(self):
            return {}

    assert hooked(Empty)[1] == [(Empty, {})]


def test_arguments_that_have_no_name_are_refused():
    @component
    class Many:
        def __init__(self, first, *others):
            self.given = (first, others)

        def run(self):
            return {}

    assert hooked(lambda: Many(1))[0].given == (1, ())
    with pytest.raises(
        ComponentError, match=r"Pre-init hooks do not support components with variadic positional args.*\*others"
    ):
        hooked(lambda: Many(1, 2))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Plain(1, 2, 3), "takes 2 positional arguments but 3 were given"),
        (lambda: Plain(1, first=1), "multiple values for argument 'first'"),
        (lambda: Plain(fourth=1), "fourth|first"),
    ],
)
def test_wrong_arguments_are_type_errors_with_a_hook_as_without(make, said):
    with pytest.raises(TypeError):
        make()
    with pytest.raises(TypeError, match=said):
        hooked(make)
