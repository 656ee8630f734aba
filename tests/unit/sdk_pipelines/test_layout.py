"""Nodes without a place get one, from left to right, and no two the same."""

from hypothesis import given
from hypothesis import strategies as st

from dtlpipe.model.pipeline import Pipeline, PipelineNode, PipelineNodeIO
from dtlpipe.resources.layout import lay_out, on_grid


def node(name, position=None):
    made = PipelineNode(name=name, inputs=[PipelineNodeIO(name="x")], outputs=[PipelineNodeIO(name="x")])
    if position is not None:
        made.position = on_grid(*position)
    return made


def pipeline_of(edges, count, placed=()):
    pipeline = Pipeline(name="p")
    nodes = [node(str(number), placed[number] if number < len(placed) else None) for number in range(count)]
    for each in nodes:
        pipeline.nodes.add(each)
    for source, target in edges:
        nodes[source].connect(nodes[target])
    return pipeline


def test_a_chain_is_laid_out_from_left_to_right():
    pipeline = pipeline_of([(0, 1), (1, 2)], 3)
    lay_out(pipeline)
    assert [each.position for each in pipeline.nodes] == [on_grid(0, 0), on_grid(1, 0), on_grid(2, 0)]


def test_branches_are_laid_out_one_below_the_other_and_their_join_to_the_right():
    pipeline = pipeline_of([(0, 1), (0, 2), (1, 3), (2, 3)], 4)
    lay_out(pipeline)
    assert [each.position for each in pipeline.nodes] == [on_grid(0, 0), on_grid(1, 0), on_grid(1, 1), on_grid(2, 0)]


def test_nodes_that_have_a_place_keep_it_and_nothing_is_put_upon_them():
    pipeline = pipeline_of([(0, 1)], 2, placed=[(1, 0)])
    lay_out(pipeline)
    assert [each.position for each in pipeline.nodes] == [on_grid(1, 0), on_grid(1, 1)]


def test_a_cycle_is_laid_out_too():
    pipeline = pipeline_of([(0, 1), (1, 2), (2, 1)], 3)
    lay_out(pipeline)
    assert len({each.position for each in pipeline.nodes}) == 3


@given(st.integers(1, 8), st.data())
def test_no_two_nodes_share_a_place_and_connections_lead_to_the_right(count, data):
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    edges = data.draw(st.lists(pairs, max_size=12)) if count > 1 else []
    pipeline = pipeline_of(edges, count)
    lay_out(pipeline)
    places = [each.position for each in pipeline.nodes]
    assert len(set(places)) == count
    assert all(places[source][0] < places[target][0] for source, target in edges)
    again = list(places)
    lay_out(pipeline)
    assert [each.position for each in pipeline.nodes] == again
