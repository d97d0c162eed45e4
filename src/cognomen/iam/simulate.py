"""SimulateCustomPolicy and SimulatePrincipalPolicy: what the evaluator would say, and which documents said it."""

from __future__ import annotations

from collections.abc import Sequence

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.policies.document import BadPolicy, Kind, Policy, parse
from cognomen.policies.evaluate import Decision, Effect, Found, Request, applying, decide

_STRICTEST = (Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY, Effect.ALLOWED)
_BOUNDARY = "PermissionsBoundaryPolicyInputList"


class Simulation:
    """All that a request is decided by."""

    def __init__(self, identity: list[Policy], boundaries: list[Policy], resource_policy: Policy | None) -> None:
        self.identity = identity
        self.boundaries = boundaries
        self.resource_policy = resource_policy

    def decide(self, asked: Request) -> Decision:
        """A boundary of several documents is one that allows what any of them does."""
        return decide(self.identity, asked, resource_policy=self.resource_policy, session=self.boundaries)

    def matched(self, asked: Request) -> list[Found]:
        others = [self.resource_policy] if self.resource_policy else []
        return applying([*self.identity, *self.boundaries, *others], asked)


@op
async def simulate_custom_policy(cx: Context, request: iam.SimulateCustomPolicyRequest) -> iam.SimulatePolicyResponse:
    if request.ordered_organization_policy_input_list:
        raise errors.InvalidInputException("Policies of organizations are not simulated here.")
    identity = _inputs("PolicyInputList", request.policy_input_list)
    boundaries = _inputs(_BOUNDARY, request.permissions_boundary_policy_input_list)
    simulation = Simulation(identity, boundaries, _resource_policy(request.resource_policy))
    found = _results(simulation, request.action_names, request.resource_arns, request.caller_arn, request.context_entries)
    return iam.SimulatePolicyResponse(evaluation_results=found, is_truncated=False)


@op
async def simulate_principal_policy(cx: Context, request: iam.SimulatePrincipalPolicyRequest) -> iam.SimulatePolicyResponse:
    """With the policies and the boundary of a role, and those that are given besides; given boundaries stand for its own."""
    held = await cx.store.roles.permissions(request.policy_source_arn) if request.policy_source_arn.count(":") >= 5 else None
    if held is None:
        raise errors.NoSuchEntityException(f"No entity found for the policy source ARN {request.policy_source_arn}.")
    given = _inputs("PolicyInputList", request.policy_input_list)
    boundaries = _inputs(_BOUNDARY, request.permissions_boundary_policy_input_list)
    if not boundaries and held.boundary:
        boundaries = [parse(held.boundary[1], name=held.boundary[0])]
    identity = [*(parse(document, name=name) for name, document in held.documents), *given]
    simulation = Simulation(identity, boundaries, _resource_policy(request.resource_policy))
    caller = request.caller_arn or request.policy_source_arn
    found = _results(simulation, request.action_names, request.resource_arns, caller, request.context_entries)
    return iam.SimulatePolicyResponse(evaluation_results=found, is_truncated=False)


def _results(
    simulation: Simulation,
    actions: Sequence[str],
    resources: Sequence[str] | None,
    caller: str | None,
    entries: Sequence[iam.ContextEntry] | None,
) -> list[iam.EvaluationResult]:
    """One result for each action; what it says of all resources together is the strictest of what it says of each."""
    context = {entry.context_key_name: entry.context_key_values or [] for entry in entries or [] if entry.context_key_name}
    given = {key.lower() for key in context}
    missing = sorted(
        {
            one.spelled
            for policy in (*simulation.identity, *simulation.boundaries)
            for said in policy.statements
            for one in said.conditions
            if one.key not in given
        }
    )
    results = []
    for action in actions:
        if action.count(":") != 1:
            raise errors.InvalidInputException(f"Invalid Action: {action}")
        asked = [Request(action, resource, {"AWS": caller} if caller else {}, context) for resource in resources or ["*"]]
        decisions = [(one, simulation.decide(one)) for one in asked]
        strictest = min((decision.effect for _, decision in decisions), key=_STRICTEST.index)
        specific = [
            iam.ResourceSpecificResult(
                eval_resource_name=one.resource,
                eval_resource_decision=decision.effect.value,
                matched_statements=_statements(simulation.matched(one)),
                missing_context_values=missing,
            )
            for one, decision in decisions
        ]
        results.append(
            iam.EvaluationResult(
                eval_action_name=action,
                eval_resource_name=asked[0].resource if len(asked) == 1 else "*",
                eval_decision=strictest.value,
                matched_statements=_statements([found for one in asked for found in simulation.matched(one)]),
                missing_context_values=missing,
                resource_specific_results=specific if resources else None,
            )
        )
    return results


def _statements(found: Sequence[Found]) -> list[iam.Statement]:
    names = dict.fromkeys(policy.name for policy, _ in found)
    return [iam.Statement(source_policy_id=name, source_policy_type="IAM Policy") for name in names]


def _inputs(name: str, documents: Sequence[str] | None) -> list[Policy]:
    return [_parsed(document, f"{name}.{number}") for number, document in enumerate(documents or [], 1)]


def _resource_policy(document: str | None) -> Policy | None:
    return _parsed(document, "ResourcePolicy", "any") if document else None


def _parsed(document: str, name: str, kind: Kind = "identity") -> Policy:
    try:
        return parse(document, kind, name)
    except BadPolicy as cause:
        raise errors.InvalidInputException(f"Invalid Policy: {cause}") from cause
