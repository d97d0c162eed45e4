"""`cognomen keys`: the access keys by which callers sign their requests to `cognomen serve`, and the master key."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click

from cognomen.cli import common
from cognomen.config import BadSetting
from cognomen.kernel.clock import SystemClock
from cognomen.kernel.secrets import MasterKey, create_master_key_file
from cognomen.storage.errors import Missing
from cognomen.storage.keys import AccessKey
from cognomen.tokens import access_keys, sealing
from cognomen.triggers.sender_keys import NAMESPACE, local_key

_ROLE = re.compile(r"arn:aws[\w-]*:iam::[0-9]{12}:role/[\w+=,.@/-]{1,600}", re.ASCII)


@click.group()
def keys() -> None:
    """Access keys of callers, and the master key."""


@keys.command()
@click.option("--name", required=True, help="Who will use the key; shown in the list and in the log.")
@click.option(
    "--policy", type=click.Choice(access_keys.POLICIES), default="readonly", show_default=True, help="admin may all, readonly what reads."
)
@common.database_options
def create(file: Path | None, data: str | None, as_json: bool, name: str, policy: str) -> None:
    """Make an access key. Its secret is shown now and never again.

    A running server takes it at once. It is used as AWS's own are: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.
    """
    if not name.strip() or not name.isprintable() or len(name) > 128:
        raise click.BadParameter("a name has 1 to 128 printable characters", param_hint="--name")

    async def work() -> access_keys.NewKey:
        settings = common.settings_of(file, data)
        sealer = common.sealer_of(settings)
        async with common.current(settings, create=True) as store:
            if await sealing.fits(store, sealer) is False:
                raise BadSetting(sealing.WRONG_KEY)
            return await access_keys.create(store, sealer, SystemClock(), name, policy)

    made = common.run(work)
    if as_json:
        common.show_json(
            {"AccessKeyId": made.access_key_id, "SecretAccessKey": made.secret_access_key, "Name": made.name, "Policy": made.policy}
        )
        return
    click.echo(f"AWS_ACCESS_KEY_ID={made.access_key_id}")
    click.echo(f"AWS_SECRET_ACCESS_KEY={made.secret_access_key}")
    click.echo("Keep the secret now: it cannot be shown again.", err=True)


@keys.command("list")
@common.database_options
def list_keys(file: Path | None, data: str | None, as_json: bool) -> None:
    """List the access keys, oldest first, without their secrets."""

    async def work() -> list[AccessKey]:
        async with common.current(common.settings_of(file, data)) as store:
            return await store.access_keys.list()

    found = common.run(work)
    if as_json:
        common.show_json(
            {
                "AccessKeys": [
                    {
                        "AccessKeyId": key.access_key_id,
                        "Name": key.name,
                        "Policy": key.policy,
                        "CreateDate": key.created_at,
                        "RevokedDate": key.revoked_at,
                    }
                    for key in found
                ]
            }
        )
    elif found:
        rows = [
            [key.access_key_id, key.name, key.policy, _moment(key.created_at), _moment(key.revoked_at) if key.revoked_at else ""]
            for key in found
        ]
        common.show_table(["Access key", "Name", "Policy", "Made", "Revoked"], rows)
    else:
        click.echo("There are no access keys yet: `cognomen keys create --name NAME` makes one.")


@keys.command()
@click.argument("access_key_id", required=False)
@click.option("--role", help="ARN of a role, all of whose temporary credentials of before now end.")
@common.database_options
def revoke(file: Path | None, data: str | None, as_json: bool, access_key_id: str | None, role: str | None) -> None:
    """Revoke the access key ACCESS_KEY_ID, or the temporary credentials of a role. Running servers refuse them at once."""
    if role is not None and access_key_id is None:
        _revoke_role(file, data, role, as_json=as_json)
        return
    if role is not None or access_key_id is None:
        raise click.UsageError("name an access key, or a role with --role")

    async def work() -> None:
        async with common.current(common.settings_of(file, data)) as store:
            try:
                await store.access_keys.revoke(str(access_key_id), SystemClock().now())
            except Missing:
                raise BadSetting(f"there is no access key {access_key_id} that could be revoked") from None

    common.run(work)
    if as_json:
        common.show_json({"AccessKeyId": access_key_id, "Revoked": True})
    else:
        click.echo(f"Revoked {access_key_id}.")


def _revoke_role(file: Path | None, data: str | None, role: str, *, as_json: bool) -> None:
    """The role need not be there any more: its credentials may outlive it nowhere, and a role of that name may have been made again."""
    if not _ROLE.fullmatch(role):
        raise click.BadParameter("must be the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME", param_hint="--role")

    async def work() -> None:
        async with common.current(common.settings_of(file, data)) as store:
            await store.roles.revoke(role, SystemClock().now())

    common.run(work)
    if as_json:
        common.show_json({"RoleArn": role, "Revoked": True})
    else:
        click.echo(f"Revoked the credentials of {role} that were given out until now.")


@keys.command()
@click.option(
    "--file", "target", type=click.Path(path_type=Path), help="Write it there, readable by its owner only; a file that is there stays."
)
@common.json_option
def master(target: Path | None, as_json: bool) -> None:
    """Make a new master key: 64 hexadecimal digits, for COGNOMEN_MASTER_KEY or a file for master_key_file.

    It seals everything in the database. Keep a copy away from the database: without it nothing can be opened, with it everything can.
    """
    if target is None:
        text = MasterKey.generate().raw.hex()
        if as_json:
            common.show_json({"MasterKey": text})
        else:
            click.echo(text)
        return
    try:
        if target.exists():
            common.fail(f"{target} exists; a master key is never overwritten")
        create_master_key_file(target)
    except OSError as error:
        common.fail(f"cannot write {target}: {error.strerror}")
    if as_json:
        common.show_json({"File": str(target)})
    else:
        click.echo(f"Wrote {target}.")


@keys.command()
@click.argument("kms_key_arn")
@common.database_options
def sender(file: Path | None, data: str | None, as_json: bool, kms_key_arn: str) -> None:
    """Show the key that codes for custom senders are encrypted under, in pools whose KMSKeyID is KMS_KEY_ARN: 64 hexadecimal digits.

    A function decrypts them with the AWS Encryption SDK's raw AES keyring: namespace `cognomen`, name KMS_KEY_ARN. Not used with sender_keys = "kms".
    """

    async def work() -> str:
        return local_key(common.sealer_of(common.settings_of(file, data)), kms_key_arn).hex()

    key = common.run(work)
    if as_json:
        common.show_json({"KeyNamespace": NAMESPACE, "KeyName": kms_key_arn, "Key": key})
    else:
        click.echo(key)


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")
