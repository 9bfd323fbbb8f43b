"""The command `notifier`: every verb, and the one place where an error becomes a line and an exit status.

Exit status: 0 done, yes, or nothing in the way · 1 refused, blocked or no · 2 usage · 130 ended by Ctrl-C.
A verb may return its status; whatever it raises is said in one line on stderr, never as a traceback.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import click

from notifier import __version__

# Where each verb stands. Loaded when it is called: the web process has no use for the file readers.
_VERBS = {
    "demo": "run", "run": "run", "web": "run", "worker": "run", "clock": "run", "migrate": "run",
    "doctor": "doctor", "settings": "settings", "users": "people", "tokens": "people", "import": "imports",
    "customers": "customers", "changes": "changes", "may-process": "gate", "objections": "objections",
    "notices": "notices", "bounces": "bounces", "reply": "reply", "audit": "audit", "diligence": "diligence",
}


class _Verbs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        module = importlib.import_module(f"notifier.cli.{_VERBS[name]}")
        attribute = {"import": "imports"}.get(name, name.replace("-", "_"))
        found: click.Command = getattr(module, attribute)
        return found


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="notifier")
@click.option("--trace", is_flag=True, help="Show where in the program an error arose, for a bug report.")
def verbs(trace: bool) -> None:
    """Sub-processor change notices and objections: announce, prove, hear, release.

    \b
    notifier demo            everything running on sample data
    notifier run             one machine, for real
    notifier doctor          what is configured, what works, what to do
    """


def main(args: Sequence[str] | None = None) -> None:
    """The console entry: runs one command line (that of the process by default) and exits with its status."""
    given = list(sys.argv[1:] if args is None else args)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without our characters is no reason to fail
    sys.exit(_status(given))


def _status(args: list[str]) -> int:
    try:
        answer = verbs.main(args, prog_name="notifier", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else "")
        return 2
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "notifier"
        return _say(f"{error.format_message()} See '{where} --help'.", 2)
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter would complain at exit
        return 1
    except Exception as error:
        if "--trace" in args:
            raise
        return _say(_words(error), 1)
    return answer if isinstance(answer, int) else 0


def _say(words: str, status: int) -> int:
    click.echo(f"notifier: {' '.join(words.split())}", err=True)
    return status


def _words(error: Exception) -> str:
    """What happened and what to do, for a person. Imports here cost nothing where no error arose."""
    from alembic.util import CommandError
    from sqlalchemy.exc import DBAPIError, SQLAlchemyError

    from notifier.cli.acting import NotMigrated
    from notifier.domain.refusals import Refusal
    from notifier.redis_server import NoRedis
    from notifier.settings import SettingsError
    from notifier.supervisor import AlreadyRunning
    from notifier.web.serve import CannotListen

    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, Refusal | SettingsError | NoRedis | AlreadyRunning | CannotListen | NotMigrated):
        return str(error)
    if isinstance(error, DBAPIError):
        return f"The database does not answer or refused: {error.orig}. See 'notifier doctor'."
    if isinstance(error, SQLAlchemyError):
        return f"The database cannot be used: {error}. Check DATABASE_URL."
    if isinstance(error, CommandError):
        return f"The database cannot be migrated by this version: {error}"
    if isinstance(error, OSError):
        return str(error)
    return f"This should not have happened: {type(error).__name__}: {error}. 'notifier --trace …' shows where."
