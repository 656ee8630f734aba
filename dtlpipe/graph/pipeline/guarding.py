"""Policies of components in a pipeline: where they are noted, and the error outputs that come with them.

Law: a component does not change by its policy. An error output is the pipeline's, in the network's data beside the
component's own outputs. A policy that is refused has changed nothing.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from dtlpipe.graph.components.sockets import OutputSocket
from dtlpipe.graph.errors import PipelineValidationError
from dtlpipe.graph.pipeline import refusals
from dtlpipe.graph.pipeline.network import Network

if TYPE_CHECKING:
    from dtlpipe.graph.policies import Policy

__all__ = ["check_policy", "runnable", "set_policy"]


def check_policy(name: str, instance: Any, policy: Policy) -> None:
    """Refuse what is no policy, and one whose error output a component has already.

    Raises:
        PipelineValidationError: it has.
    """
    from dtlpipe.graph.policies import Policy

    if not isinstance(policy, Policy):
        raise PipelineValidationError(
            f"The policy of component '{name}' is {policy!r:.80}; give a Policy, such as Policy(timeout=5.0)."
        )
    if policy.error_output in _own_outputs(instance):
        raise PipelineValidationError(
            f"Component '{name}' has an output '{policy.error_output}' of its own. "
            "Give its policy another error_output."
        )


def set_policy(network: Network, name: str, policy: Policy | None) -> None:
    """Set or, with None, take away a component's policy.

    Raises:
        PipelineValidationError: there is no such component, it has an output of the error output's name, or the error
            output of the policy that it has is connected and would go.
    """
    if name not in network:
        raise refusals.no_component(name, network)
    data = network.nodes[name]
    own = _own_outputs(data["instance"])
    outputs = own
    if policy is not None:
        check_policy(name, data["instance"], policy)
    wanted = None if policy is None else policy.error_output
    for gone in data["output_sockets"].keys() - own.keys() - {wanted}:
        if data["output_sockets"][gone].receivers:
            raise PipelineValidationError(
                f"The error output '{name}.{gone}' is connected with {data['output_sockets'][gone].receivers}. "
                "Keep its name in the new policy, or remove these components first."
            )
    if wanted is not None:
        from dtlpipe.graph.policies import ComponentFailure

        known = data["output_sockets"].get(wanted)
        outputs = {**own, wanted: OutputSocket(wanted, ComponentFailure) if known is None else known}
    network.add_node(name, policy=policy, output_sockets=outputs)


def runnable(name: str, data: dict[str, Any]) -> Any:
    """Return what runs for a node of the network: the component, or the component under its policy."""
    instance, policy = data["instance"], data.get("policy")
    if policy is None:
        return instance
    from dtlpipe.graph.policies import Guarded
    from dtlpipe.graph.serialization.components import component_to_dict

    return Guarded(name, instance, policy, partial(component_to_dict, instance, name))


def _own_outputs(instance: Any) -> dict[str, Any]:
    own: dict[str, Any] = instance.__haystack_output__._sockets_dict  # noqa: SLF001 - the protocol's own attribute
    return own
