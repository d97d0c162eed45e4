"""The command `cognomen`: its subcommands by name, each imported only when it is used, so that a start costs only what it needs."""

from __future__ import annotations

from importlib import import_module

import click

from cognomen import __version__

COMMANDS = {
    "dev": "cognomen.cli.serving",
    "serve": "cognomen.cli.serving",
    "migrate": "cognomen.cli.migrate",
    "keys": "cognomen.cli.keys",
    "inbox": "cognomen.cli.inbox",
    "doctor": "cognomen.cli.doctor",
}


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(COMMANDS[name]), name)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cognomen")
def main() -> None:
    """Amazon Cognito that you run yourself."""
