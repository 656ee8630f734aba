"""Which way a run goes, through the field's SDK and through ours: conditions, actions, several connections."""

from __future__ import annotations

import pytest

from tests.clients.steps import code, counts, installed, parts, pipeline_of, port, ran, states

pytestmark = pytest.mark.sdks("dtlpy", "dtlpipe")


@pytest.mark.parametrize(
    ("query", "taken"),
    [
        ({"metadata.user.kind": "cat"}, True),
        ({"metadata.user.kind": "dog"}, False),
        ({"metadata.user.kind": {"$regex": "^c.t$"}}, True),
        ({"metadata.user.kind": {"$regex": "^d"}}, False),
        ({"$or": [{"metadata.user.kind": "dog"}, {"metadata.user.size": {"$gt": 3}}]}, True),
        ({"$or": [{"metadata.user.kind": "dog"}, {"metadata.user.size": {"$gt": 30}}]}, False),
        ({"$and": [{"hidden": False}, {"type": "file"}, {"dir": "/in"}]}, True),
        ({"metadata.user.tags": "soft"}, True),
        ({"metadata.user.absent": {"$exists": False}}, True),
        ({"metadata.system.mimetype": "text/*"}, True),
        ({"filename": "/out/**"}, False),
        ({"name": {"$in": ["one.txt", "two.txt"]}}, True),
        ({"name": {"$nin": ["one.txt", "two.txt"]}}, False),
    ],
)
def test_a_connection_is_taken_by_what_satisfies_its_condition(dl, project, item, query, taken):
    def first(item):
        item.metadata["user"] = {"kind": "cat", "size": 4, "tags": ["soft", "warm"]}
        return item.update()

    def second(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    start = code(dl, project, first)
    pipeline.nodes.add(start)
    start.connect(code(dl, project, second), filters=dl.Filters(custom_filter=query))
    run = ran(installed(pipeline), item=item.id)
    assert run.status == "success"
    assert counts(run) == ({"first": 1, "second": 1} if taken else {"first": 1})
    assert states(run)["second"] == ("success" if taken else "pending")


def test_a_condition_of_plain_filters_joins_its_predicates(dl, project, dataset):
    def first(item):
        return item

    def second(item):
        return item

    pipeline = project.pipelines.create(name="pipe")
    start = code(dl, project, first)
    pipeline.nodes.add(start)
    filters = dl.Filters(field="dir", values="/a")
    filters.add(field="metadata.user.n", values=1, operator=dl.FiltersOperations.GREATER_THAN)
    start.connect(code(dl, project, second), filters=filters)
    pipeline = installed(pipeline)
    found = []
    for folder, number in (("/a", 2), ("/a", 1), ("/b", 2)):
        one = dataset.items.upload(
            local_path=b"x", remote_name=f"{number}.txt", remote_path=folder, item_metadata={"user": {"n": number}}
        )
        found.append(len(counts(ran(pipeline, item=one.id))))
    assert found == [2, 1, 1]


def test_a_condition_looks_at_values_that_are_no_entities_too(dl, project):
    def first(n):
        return {"score": n}

    def second(found):
        return found

    pipeline = project.pipelines.create(name="pipe")
    start = code(dl, project, first, {"n": "INT"}, {"found": "JSON"})
    pipeline.nodes.add(start)
    start.connect(
        code(dl, project, second, {"found": "JSON"}, {"found": "JSON"}),
        filters=dl.Filters(field="score", values=5, operator=dl.FiltersOperations.GREATER_THAN),
    )
    pipeline = installed(pipeline)
    assert counts(ran(pipeline, n=6)) == {"first": 1, "second": 1}
    assert counts(ran(pipeline, n=5)) == {"first": 1}


def test_behind_a_branch_that_is_not_taken_nothing_runs_and_the_run_is_a_success(dl, project, item):
    def top(item):
        return item

    def never(item):
        return item

    def join(a, b):
        return a

    start, no = code(dl, project, top), code(dl, project, never)
    last = code(dl, project, join, {"a": "ITEM", "b": "ITEM"}, {"item": "ITEM"})
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(start)
    start.connect(no, filters=dl.Filters(field="name", values="other.txt"))
    start.connect(last, target_port=last.inputs[0])
    no.connect(last, target_port=last.inputs[1])
    run = ran(installed(pipeline), item=item.id)
    assert run.status == "success"
    assert states(run) == {"top": "success", "never": "pending", "join": "pending"}


def test_only_the_connections_of_the_chosen_action_fire(dl, project, item):
    def judge(item, word, progress):
        progress.update(action=word)
        return item

    def good(item):
        return item

    def bad(item):
        return item

    start = code(
        dl,
        project,
        judge,
        {"item": "ITEM", "word": "STRING"},
        [port(dl, "item", "ITEM", actions=["good", "bad"])],
    )
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(start)
    start.connect(code(dl, project, good), action="good")
    start.connect(code(dl, project, bad), action="bad")
    pipeline = installed(pipeline)
    for word, reached in (("good", {"judge", "good"}), ("bad", {"judge", "bad"}), ("neither", {"judge"})):
        run = ran(pipeline, item=item.id, word=word)
        assert run.status == "success", (word, run.to_json())
        assert set(counts(run)) == reached


def test_an_action_is_the_first_of_the_port_unless_it_is_named(dl, project):
    def run(item):
        return item

    start = code(dl, project, run, outputs=[port(dl, "item", "ITEM", actions=["first", "second"])])
    pipeline = project.pipelines.create(name="pipe")
    pipeline.nodes.add(start)
    start.connect(code(dl, project, run, name="next"))
    assert pipeline.update().connections[0].action == "first"


def test_several_connections_into_one_port_are_visits_of_their_own(dl, project, item):
    def top(item):
        return item

    def left(item):
        return "left"

    def right(item):
        return "right"

    def end(text):
        return text

    start = code(dl, project, top)
    one, two = (code(dl, project, each, outputs={"text": "STRING"}) for each in (left, right))
    last = code(dl, project, end, {"text": "STRING"}, {"text": "STRING"})
    pipeline = pipeline_of(project, start, (start, one), (start, two), (one, last), (two, last))
    done = ran(pipeline, item=item.id)
    assert done.status == "success"
    assert sorted(each["output"] for each in parts(done, "end")) == ["left", "right"]
