"""The `ssl-doctor` command: finds the rooms' commands and turns errors into exit codes.

Commands come from the entry-point group `ssl_doctor.commands`, so this module imports no
room but its own, and `--help` loads nothing heavy.
"""

from __future__ import annotations

import os
import sys
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from assistant.exit_codes import ExitCode, code_of
from kb.errors import SslDoctorError, nearest
from kb.plain_text import strip_controls

GROUP = "ssl_doctor.commands"
DEFAULT = "ask"
_OWN_OPTIONS = ("-h", "--help", "--version")


class CommandGroup(click.Group):
    """A group whose commands are loaded when named, and whose default is to answer."""

    @cached_property
    def _points(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP)}

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Return the names of all registered commands."""
        return sorted(self._points)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one command, or None when there is none of that name."""
        point = self._points.get(cmd_name)
        return None if point is None else point.load()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read anything that is no command as a question."""
        if args and args[0] not in self._points and args[0] not in _OWN_OPTIONS:
            if len(args) > 1 and (hint := nearest(args[0], self._points)):
                click.echo(f'reading "{args[0]}" as part of a question{hint}', err=True)
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


@click.command(
    cls=CommandGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
    epilog="Complete commands in your shell: see docs/cli.md.",
    invoke_without_command=True,
)
@click.version_option(package_name="ssl-doctor", prog_name="ssl-doctor")
@click.pass_context
def group(ctx: click.Context) -> None:
    """Tell why a self-supervised training run went wrong, and what to try first.

    \b
    Examples:
      ssl-doctor "loss stuck at 4.14"
      ssl-doctor ask "kNN falls while the loss improves" --metric z_std=0.001
      ssl-doctor explain contrastive/chance-level-loss
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main() -> None:
    """Run the command line and exit with a code of docs/cli.md."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run `arguments`; return the exit code. Errors are one line on stderr, never a traceback."""
    color: Any = False if os.environ.get("NO_COLOR") else None
    try:
        result = group.main(arguments, "ssl-doctor", standalone_mode=False, color=color)
        return int(result) if isinstance(result, int) else ExitCode.DONE
    except SslDoctorError as error:
        click.echo(f"ssl-doctor: {_one_line(str(error))}", err=True)
        return code_of(error)
    except click.ClickException as error:
        command = (
            error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        )
        hint = f"; {command} --help shows how" if command else ""
        click.echo(f"ssl-doctor: {_one_line(error.format_message())}{hint}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as `| head` does; point stdout elsewhere so that the
        # interpreter's own flush at exit stays quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.DONE
    except OSError as error:
        click.echo(f"ssl-doctor: {_one_line(str(error))}", err=True)
        return ExitCode.UNREADABLE


def _one_line(text: str) -> str:
    return " ".join(strip_controls(text).split()).rstrip(".")
