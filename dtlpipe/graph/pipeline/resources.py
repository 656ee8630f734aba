"""Warming up and closing: what components hold beyond their runs.

Law: a failure leaves as it is, with a note that says which component it is of. A component that fails to close keeps no
other one open.
"""

from __future__ import annotations

from types import CoroutineType

from dtlpipe.graph.errors import ComponentError, PipelineRuntimeError
from dtlpipe.graph.pipeline.network import Network

__all__ = ["close", "close_async", "warm_up", "warm_up_async"]


def warm_up(network: Network) -> None:
    """Call `warm_up` of each component that has it, in the order in which they were added.

    Raises:
        ComponentError: a `warm_up` is a coroutine function.
        PipelineRuntimeError: pipelines are nested too deeply.
    """
    for name, instance in network.nodes(data="instance"):
        if hasattr(instance, "warm_up"):
            _log("Warming up component %s...", name)
            try:
                answer = instance.warm_up()
            except RecursionError as error:
                raise _too_deep(name, instance) from error
            except Exception as error:
                _note(error, name, "warm up")
                raise
            if isinstance(answer, CoroutineType):
                answer.close()
                raise ComponentError(
                    f"'warm_up' of component '{name}' is a coroutine function, which only run_async can wait for. "
                    "Name it 'warm_up_async', and give the component a 'warm_up' that is none."
                )


async def warm_up_async(network: Network) -> None:
    """Warm up on the event loop, by `warm_up_async` where a component has it, else by `warm_up`."""
    for name, instance in network.nodes(data="instance"):
        method = getattr(instance, "warm_up_async", None) or getattr(instance, "warm_up", None)
        if method is not None:
            _log("Warming up component %s...", name)
            try:
                answer = method()
                if isinstance(answer, CoroutineType):
                    await answer
            except RecursionError as error:
                raise _too_deep(name, instance) from error
            except Exception as error:
                _note(error, name, "warm up")
                raise


def close(network: Network) -> None:
    """Call `close` of each component that has it, also after one has failed.

    Raises:
        Exception: what the first one raised that failed.
    """
    failures: list[Exception] = []
    for name, instance in network.nodes(data="instance"):
        if hasattr(instance, "close"):
            _log("Closing component %s...", name)
            try:
                instance.close()
            except Exception as error:  # noqa: BLE001 - it is raised when all are closed
                _note(error, name, "close")
                failures.append(error)
    _raise_first(failures)


async def close_async(network: Network) -> None:
    """Close by `close_async` where a component has it, else by `close`, also after one has failed.

    Raises:
        Exception: what the first one raised that failed.
    """
    failures: list[Exception] = []
    for name, instance in network.nodes(data="instance"):
        method = getattr(instance, "close_async", None) or getattr(instance, "close", None)
        if method is not None:
            _log("Closing component %s...", name)
            try:
                answer = method()
                if isinstance(answer, CoroutineType):
                    await answer
            except Exception as error:  # noqa: BLE001 - it is raised when all are closed
                _note(error, name, "close")
                failures.append(error)
    _raise_first(failures)


def _too_deep(name: str, instance: object) -> PipelineRuntimeError:
    """Return the error of a component that Python cannot follow into its depths."""
    return PipelineRuntimeError(
        name,
        type(instance),
        f"Component '{name}' ({type(instance).__name__}) cannot be warmed up: pipelines are nested in each other more "
        "deeply than Python can follow. Make them flatter, or raise sys.setrecursionlimit().",
    )


def _note(error: Exception, name: str, what: str) -> None:
    error.add_note(f"Component '{name}' failed to {what}.")


def _raise_first(failures: list[Exception]) -> None:
    if failures:
        for other in failures[1:]:
            failures[0].add_note(f"{' '.join(other.__notes__)} {type(other).__name__}: {other}")
        raise failures[0]


def _log(message: str, name: str) -> None:
    import logging

    logging.getLogger(__name__).info(message, name)
