"""SimulateCustomPolicy and SimulatePrincipalPolicy: what the evaluator would say, and which documents said it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from cognomen.api import errors, iam
from cognomen.api.operation import op
from cognomen.context import Context
from cognomen.iam import documents
from cognomen.policies.document import BadPolicy, Kind, Policy, parse
from cognomen.policies.evaluate import Decision, Effect, Found, Request, applying, decide

_STRICTEST = (Effect.EXPLICIT_DENY, Effect.IMPLICIT_DENY, Effect.ALLOWED)
_BOUNDARY = "PermissionsBoundaryPolicyInputList"


_OWNER = re.compile(r"arn:[\w-]+:iam::([0-9]{12}):root")
# Kinds of EC2's resources that each option asks for, as its member's documentation lists them.
_NEEDED = {
    "EC2-VPC-InstanceStore": ("instance", "image", "security-group", "network-interface"),
    "EC2-VPC-InstanceStore-Subnet": ("instance", "image", "security-group", "network-interface", "subnet"),
    "EC2-VPC-EBS": ("instance", "image", "security-group", "network-interface", "volume"),
    "EC2-VPC-EBS-Subnet": ("instance", "image", "security-group", "network-interface", "subnet", "volume"),
}
Asking = iam.SimulateCustomPolicyRequest | iam.SimulatePrincipalPolicyRequest


class Simulation:
    """All that a request is decided by. `owner` is the account of resources whose ARN names none, where it was given."""

    def __init__(self, identity: list[Policy], boundaries: list[Policy], resource_policy: Policy | None, owner: str | None) -> None:
        self.identity = identity
        self.boundaries = boundaries
        self.resource_policy = resource_policy
        self.owner = owner

    def decide(self, asked: Request) -> tuple[Decision, dict[str, str] | None]:
        """And what each kind of policy decided, where caller and resource are of two accounts: then both must allow. A boundary of several
        documents is one that allows what any of them does."""
        if not self.is_across(asked):
            return decide(self.identity, asked, resource_policy=self.resource_policy, session=self.boundaries), None
        own = decide(self.identity, asked, session=self.boundaries)
        others = decide([self.resource_policy] if self.resource_policy else [], asked)
        details = {"IAM Policy": own.effect.value, "Resource Policy": others.effect.value}
        return min((own, others), key=lambda one: _STRICTEST.index(one.effect)), details

    def is_across(self, asked: Request) -> bool:
        """Where nothing is said of the resource's side, a resource counts as one of the caller's account."""
        caller = _account(asked.principal.get("AWS", ""))
        owner = _account(asked.resource) or self.owner
        return bool(caller and owner and caller != owner and (self.resource_policy or self.owner))

    def matched(self, asked: Request) -> list[Found]:
        others = [self.resource_policy] if self.resource_policy else []
        return applying([*self.identity, *self.boundaries, *others], asked)


def _account(arn: str) -> str:
    return arn.split(":")[4] if arn.count(":") >= 5 else ""


@op
async def simulate_custom_policy(cx: Context, request: iam.SimulateCustomPolicyRequest) -> iam.SimulatePolicyResponse:
    if request.ordered_organization_policy_input_list:
        raise errors.InvalidInputException("Policies of organizations are not simulated here.")
    identity = _inputs("PolicyInputList", request.policy_input_list)
    boundaries = _inputs(_BOUNDARY, request.permissions_boundary_policy_input_list)
    simulation = Simulation(identity, boundaries, _resource_policy(request.resource_policy), _owner(request.resource_owner))
    return _page(cx, simulation, request, request.caller_arn)


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
    simulation = Simulation(identity, boundaries, _resource_policy(request.resource_policy), _owner(request.resource_owner))
    return _page(cx, simulation, request, request.caller_arn or request.policy_source_arn)


def _page(cx: Context, simulation: Simulation, request: Asking, caller: str | None) -> iam.SimulatePolicyResponse:
    """A page of actions: only those are decided."""
    _check_resources(request.resource_handling_option, request.resource_arns or [])
    limit, bound = request.max_items or 100, f"Simulate {' '.join(request.action_names)}"
    start = int(documents.after(cx, bound, request.marker) or 0)
    numbered = list(enumerate(request.action_names))[start : start + limit + 1]
    page, more, marker = documents.cut(cx, bound, numbered, limit, lambda one: str(one[0] + 1))
    found = _results(simulation, [action for _, action in page], request.resource_arns, caller, request.context_entries)
    return iam.SimulatePolicyResponse(evaluation_results=found, is_truncated=more, marker=marker)


def _check_resources(option: str | None, arns: Sequence[str]) -> None:
    """An option names a scenario of EC2, which needs a resource of each of its kinds."""
    if option is None:
        return
    if option not in _NEEDED:
        raise errors.InvalidInputException(f"Invalid ResourceHandlingOption: {option}")
    given = {arn.split(":", 5)[5].partition("/")[0] for arn in arns if arn.count(":") >= 5 and arn.split(":")[2] == "ec2"}
    missing = [kind for kind in _NEEDED[option] if kind not in given]
    if missing:
        raise errors.InvalidInputException(f"Invalid ResourceArns: {option} requires resources of these types: {', '.join(missing)}")


def _owner(arn: str | None) -> str | None:
    if arn is None:
        return None
    found = _OWNER.fullmatch(arn)
    if found is None:
        raise errors.InvalidInputException(f"Invalid ResourceOwner: {arn}")
    return found[1]


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
        strictest = min((decision.effect for _, (decision, _) in decisions), key=_STRICTEST.index)
        specific = [
            iam.ResourceSpecificResult(
                eval_resource_name=one.resource,
                eval_resource_decision=decision.effect.value,
                matched_statements=_statements(simulation.matched(one)),
                missing_context_values=missing,
                eval_decision_details=details,
            )
            for one, (decision, details) in decisions
        ]
        results.append(
            iam.EvaluationResult(
                eval_action_name=action,
                eval_resource_name=asked[0].resource if len(asked) == 1 else "*",
                eval_decision=strictest.value,
                matched_statements=_statements([found for one in asked for found in simulation.matched(one)]),
                missing_context_values=missing,
                eval_decision_details=_together([details for _, (_, details) in decisions if details]) or ({} if resources else None),
                resource_specific_results=specific if resources else None,
            )
        )
    return results


def _together(details: Sequence[dict[str, str]]) -> dict[str, str]:
    """The strictest decision of each kind of policy, over all resources."""
    order = [effect.value for effect in _STRICTEST]
    kinds = dict.fromkeys(kind for one in details for kind in one)
    return {kind: min((one[kind] for one in details), key=order.index) for kind in kinds}


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
