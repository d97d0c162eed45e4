"""The command `cognomen`: its subcommands by name, each imported only when it is used, so that a start costs only what it needs."""

from __future__ import annotations

import sys
from importlib import import_module
from keyword import iskeyword
from typing import NoReturn

import click

from cognomen import __version__

COMMANDS = {
    "dev": "cognomen.cli.serving",
    "serve": "cognomen.cli.serving",
    "gateway": "cognomen.cli.gatewaying",
    "migrate": "cognomen.cli.migrate",
    "keys": "cognomen.cli.keys",
    "inbox": "cognomen.cli.inbox",
    "import": "cognomen.cli.importing",
    "passwords": "cognomen.cli.passwords",
    "doctor": "cognomen.cli.doctor",
}


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[name]), f"{name}_" if iskeyword(name) else name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cognomen")
def cognomen() -> None:
    """Amazon Cognito that you run yourself.

    `cognomen dev` runs a server for development: any AWS credentials will do, mails and texts land in its inbox.
    """


def main() -> NoReturn:
    """The entry point: click's own, but for its errors. One sentence each; exit code 2 for what was typed wrongly, 130 after Ctrl-C."""
    try:
        done = cognomen.main(standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "cognomen"
        click.echo(f"cognomen: {error.format_message().rstrip('.')} (`{path} --help` lists what it takes)", err=True)
        sys.exit(2)
    except click.ClickException as error:
        click.echo(f"cognomen: {error.format_message()}", err=True)
        sys.exit(1)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(done if isinstance(done, int) else 0)
