"""What cognomen-sync takes for a dataset of 1,024 keys over loopback, pushed and pulled: `python -m bench.sync_client`. The floor is 50 ms each."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.targets import Verdict
from cognomen_sync import CognitoSync
from tests.kit.identity import trust
from tests.kit.live import Live

KEYS = 1_024
ROUNDS = 10
MOST_MS = 50.0


def main() -> None:
    for row in verdicts():
        print(f"{row.name}: median {row.value:.1f} ms, {row.note}, {row.word}")


def verdicts() -> list[Verdict]:
    """The rows of `make bench`."""
    with tempfile.TemporaryDirectory() as folder, Live(Path(folder) / "data") as live:
        pool_id = _pool(live)
        one = CognitoSync(pool_id, endpoint_url=live.url, path=Path(folder) / "one.sqlite3")
        dataset = one.open_dataset("many")
        pushes, pulls = [], []
        for round_ in range(ROUNDS):
            dataset.put_all({f"key {number}": f"value {number} of round {round_}" for number in range(KEYS)})
            pushes.append(_milliseconds(dataset.synchronize))
            # a second device of the same guest, with nothing yet
            other = CognitoSync(pool_id, endpoint_url=live.url, path=Path(folder) / f"{round_}.sqlite3")
            other._session._file.remember(pool_id, str(one.identity_id), authenticated=False, carry=None)
            other.open_dataset("nothing").synchronize()
            pulls.append(_milliseconds(other.open_dataset("many").synchronize))
            other.close()
        one.close()
    return [
        Verdict(
            part="cognomen-sync",
            name=f"{name} {KEYS:,} keys",
            value=statistics.median(took),
            target=MOST_MS,
            at="most",
            unit="ms",
            note=f"best {min(took):.1f} ms",
        )
        for name, took in (("push", pushes[1:]), ("pull", pulls[1:]))
    ]


def _pool(live: Live) -> str:
    identity, iam = live.boto(service="cognito-identity"), live.boto(service="iam")
    pool_id = str(identity.create_identity_pool(IdentityPoolName="bench", AllowUnauthenticatedIdentities=True)["IdentityPoolId"])
    arn = iam.create_role(RoleName="guests", AssumeRolePolicyDocument=trust(pool_id, "unauthenticated"))["Role"]["Arn"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "cognito-sync:*", "Resource": "*"}]}
    iam.put_role_policy(RoleName="guests", PolicyName="sync", PolicyDocument=json.dumps(policy))
    identity.set_identity_pool_roles(IdentityPoolId=pool_id, Roles={"unauthenticated": arn})
    return pool_id


def _milliseconds(work: Callable[[], bool]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
