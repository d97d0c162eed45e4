"""Simulations over accounts, of EC2's scenarios, and in pages."""

from __future__ import annotations

import json
from typing import Any

from tests.kit.aws_query import query, refused
from tests.kit.server import TestServer

CALLER = "arn:aws:iam::000000000000:user/kim"
BUCKET = "arn:aws:s3:::shared/x"


def policy(effect: str = "Allow", **more: Any) -> str:
    said = {"Effect": effect, "Action": "s3:*", "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [said]})


async def simulate(server: TestServer, **members: Any) -> Any:
    asked = {"PolicyInputList": [policy()], "ActionNames": ["s3:GetObject"], "ResourceArns": [BUCKET], "CallerArn": CALLER, **members}
    return await query(server, "iam", "SimulateCustomPolicy", **asked)


async def test_a_resource_of_another_account(server: TestServer) -> None:
    """Both sides must allow, and each side's decision is told; of one account the details are there and empty."""
    theirs = {"ResourceOwner": "arn:aws:iam::111122223333:root"}
    shared = policy(Principal={"AWS": CALLER})

    async def decision(**members: Any) -> tuple[str, dict[str, str]]:
        [found] = (await simulate(server, **members))["EvaluationResults"]
        assert found["ResourceSpecificResults"][0].get("EvalDecisionDetails", {}) == found["EvalDecisionDetails"]
        return found["EvalDecision"], found["EvalDecisionDetails"]

    assert await decision() == ("allowed", {})
    assert await decision(ResourceOwner="arn:aws:iam::000000000000:root") == ("allowed", {})
    assert await decision(**theirs) == ("implicitDeny", {"IAM Policy": "allowed", "Resource Policy": "implicitDeny"})
    assert await decision(**theirs, ResourcePolicy=shared) == ("allowed", {"IAM Policy": "allowed", "Resource Policy": "allowed"})
    denied = policy("Deny", Principal={"AWS": CALLER})
    assert await decision(**theirs, ResourcePolicy=denied) == ("explicitDeny", {"IAM Policy": "allowed", "Resource Policy": "explicitDeny"})
    nothing = {"PolicyInputList": [policy(Action="sqs:*")], "ResourcePolicy": shared}
    assert await decision(**nothing) == ("allowed", {})
    assert (await decision(**nothing, **theirs))[0] == "implicitDeny"
    bad = await refused(
        server, "iam", "SimulateCustomPolicy", PolicyInputList=[policy()], ActionNames=["s3:GetObject"], ResourceOwner="111122223333"
    )
    assert bad == (400, "InvalidInput", "Invalid ResourceOwner: 111122223333")


async def test_scenarios_need_their_resources(server: TestServer) -> None:
    kinds = ("instance", "image", "security-group", "network-interface", "volume")
    arns = [f"arn:aws:ec2:us-east-1:000000000000:{kind}/x" for kind in kinds]
    asked: dict[str, Any] = {"PolicyInputList": [policy(Action="ec2:*")], "ActionNames": ["ec2:RunInstances"]}
    [found] = (await simulate(server, **asked, ResourceArns=arns, ResourceHandlingOption="EC2-VPC-EBS"))["EvaluationResults"]
    assert found["EvalDecision"] == "allowed"
    missing = await refused(
        server, "iam", "SimulateCustomPolicy", **asked, ResourceArns=arns[:3], ResourceHandlingOption="EC2-VPC-EBS-Subnet"
    )
    needed = "Invalid ResourceArns: EC2-VPC-EBS-Subnet requires resources of these types: network-interface, subnet, volume"
    assert missing == (400, "InvalidInput", needed)
    unknown = await refused(server, "iam", "SimulateCustomPolicy", **asked, ResourceHandlingOption="EC2-Classic")
    assert unknown == (400, "InvalidInput", "Invalid ResourceHandlingOption: EC2-Classic")


async def test_pages(server: TestServer) -> None:
    """Every action once; a marker belongs to its own list of actions."""
    actions = [f"s3:Get{number}" for number in range(5)]
    found, marker, last = [], None, True
    for _ in range(3):
        page = await simulate(server, ActionNames=actions, MaxItems=2, **({"Marker": marker} if marker else {}))
        found.append([one["EvalActionName"] for one in page["EvaluationResults"]])
        marker = page.get("Marker")
        last = page["IsTruncated"]
    assert (found, marker, last) == ([actions[:2], actions[2:4], actions[4:]], None, False)
    first = await simulate(server, ActionNames=actions, MaxItems=2)
    other: dict[str, Any] = {"PolicyInputList": [policy()], "ActionNames": actions[:3], "Marker": first["Marker"]}
    assert await refused(server, "iam", "SimulateCustomPolicy", **other) == (400, "ValidationError", "Invalid Marker.")
