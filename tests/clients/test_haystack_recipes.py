"""What Haystack's own introductions build, of its own components: answered from documents, and corrected in a loop."""

from __future__ import annotations

from typing import Any

import pytest
from haystack import Document
from haystack import Pipeline as TheirPipeline
from haystack.components.builders import ChatPromptBuilder, PromptBuilder
from haystack.components.embedders import MockDocumentEmbedder, MockTextEmbedder
from haystack.components.generators.chat import MockChatGenerator
from haystack.components.joiners import BranchJoiner
from haystack.components.retrievers import InMemoryEmbeddingRetriever
from haystack.components.routers import ConditionalRouter
from haystack.dataclasses import ChatMessage
from haystack.document_stores.in_memory import InMemoryDocumentStore

from dtlpipe.graph import Pipeline, PipelineConnectError, PipelineMaxComponentRuns

TEXTS = ("Paris is in France.", "Oslo is in Norway.", "Lima is in Peru.")

both = pytest.mark.parametrize("pipeline_class", [Pipeline, TheirPipeline], ids=["ours", "theirs"])


def answering(pipeline_class: type[Any]) -> Any:
    """A pipeline that looks for a document and asks a model about it; the model repeats what it is asked."""
    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents(MockDocumentEmbedder().run([Document(content=text) for text in TEXTS])["documents"])
    pipeline = pipeline_class()
    pipeline.add_component("embedder", MockTextEmbedder())
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=1))
    pipeline.add_component(
        "prompt_builder", PromptBuilder("{% for each in documents %}{{ each.content }}{% endfor %} {{ question }}")
    )
    pipeline.add_component("llm", MockChatGenerator())
    pipeline.connect("embedder.embedding", "retriever.query_embedding")
    pipeline.connect("retriever.documents", "prompt_builder.documents")
    pipeline.connect("prompt_builder.prompt", "llm.messages")  # a text becomes a list of one message
    return pipeline


@both
def test_a_question_is_answered_from_the_document_that_it_is_about(pipeline_class):
    data = {"embedder": {"text": TEXTS[1]}, "prompt_builder": {"question": "Where?"}}
    replies = answering(pipeline_class).run(data)["llm"]["replies"]
    assert [reply.text for reply in replies] == ["Oslo is in Norway. Where?"]


async def test_it_is_answered_on_the_event_loop_too():
    data = {"embedder": {"text": TEXTS[2]}, "prompt_builder": {"question": "Where?"}}
    result = await answering(Pipeline).run_async(data, include_outputs_from={"retriever"})
    assert result["llm"]["replies"][0].text == "Lima is in Peru. Where?"
    assert [found.content for found in result["retriever"]["documents"]] == [TEXTS[2]]


def test_it_is_written_and_read_by_either_library():
    ours, theirs = answering(Pipeline), answering(TheirPipeline)
    for made, reader in ((ours, TheirPipeline), (theirs, Pipeline)):
        written, read = made.to_dict(), reader.loads(made.dumps()).to_dict()
        assert read["components"] == written["components"]
        # theirs sorts its components in files, and writes connections in the order of the components
        assert sorted(read["connections"], key=repr) == sorted(written["connections"], key=repr)


def correcting(pipeline_class: type[Any], attempts: int) -> Any:
    """A pipeline that asks again, with what was wrong, until the answer is in capitals."""
    said: list[str] = []

    def answer(messages: list[ChatMessage]) -> str:
        said.append(messages[-1].text or "")
        return "HELLO" if len(said) >= attempts else "hello"

    pipeline = pipeline_class(max_runs_per_component=5)
    pipeline.add_component("joiner", BranchJoiner(str))
    pipeline.add_component(
        "prompt",
        ChatPromptBuilder(
            [ChatMessage.from_user("Greet in capitals.{% if wrong %} Not {{ wrong }}.{% endif %}")],
            required_variables=[],
        ),
    )
    pipeline.add_component("generator", MockChatGenerator(response_fn=answer))
    routes = [
        {"condition": condition, "output": "{{ replies[0].text }}", "output_name": name, "output_type": str}
        for condition, name in (("{{ replies[0].text.isupper() }}", "valid"), ("{{ True }}", "invalid"))
    ]
    pipeline.add_component("router", ConditionalRouter(routes))
    pipeline.connect("joiner.value", "prompt.wrong")
    pipeline.connect("prompt.prompt", "generator.messages")
    pipeline.connect("generator.replies", "router.replies")
    pipeline.connect("router.invalid", "joiner.value")
    return pipeline


@both
def test_an_answer_is_corrected_until_it_is_valid(pipeline_class):
    assert correcting(pipeline_class, attempts=3).run({"joiner": {"value": ""}}) == {"router": {"valid": "HELLO"}}


def test_a_loop_that_never_gets_it_right_ends_all_the_same():
    with pytest.raises(PipelineMaxComponentRuns, match="Maximum run count 5"):
        correcting(Pipeline, attempts=99).run({"joiner": {"value": ""}})


def test_a_connection_to_a_component_that_nobody_added_says_so():
    """Introductions end such a loop with `connect("router.valid", "output")`, which no component is."""
    with pytest.raises((PipelineConnectError, ValueError), match="output"):
        correcting(Pipeline, attempts=1).connect("router.valid", "output")
