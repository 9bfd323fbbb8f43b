"""The processes: all of them under one supervisor, or one each; and what is done before the first start."""

from __future__ import annotations

import logging
import os
import re
import signal
from datetime import timedelta
from pathlib import Path
from types import FrameType

import click

from notifier import clock as time
from notifier import processes, supervisor
from notifier import settings as environment
from notifier.cli.acting import DEMO, migrated, shell
from notifier.domain.refusals import Refusal
from notifier.house import House, at_work, open_house
from notifier.settings import Settings

_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


@click.group(invoke_without_command=True)
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Where to serve (default: PORT, or 8000).")
@click.option("--data", type=click.Path(path_type=Path), default=DEMO, show_default=True, help="The demo's data.")
@click.pass_context
def demo(ctx: click.Context, port: int | None, data: Path) -> int | None:
    """Everything running on sample data: letters go to an outbox and count as delivered at once.

    URLs and logins are printed; Ctrl-C stops it all.
    """
    ctx.obj = data
    if ctx.invoked_subcommand is not None:
        return None
    from notifier import demo as sample

    return sample.run(port or environment.load().port, data)


@demo.command("clock", context_settings={"ignore_unknown_options": True})
@click.argument("by")
@click.option("--data", type=click.Path(path_type=Path), default=None, help="The demo's data, where not var/demo.")
@click.pass_obj
def demo_clock(demo_data: Path, by: str, data: Path | None) -> None:
    """Moves the demo's time BY so much, in every process; never back past the real time.

    \b
    notifier demo clock +45d
    notifier demo clock -12h
    """
    folder = data or demo_data
    held = environment.load()
    if folder == DEMO and not (folder / "demo").exists() and held.demo:
        folder = held.data_dir
    moved = _span(by)
    if not (folder / "demo").exists():
        raise Refusal("demo_only")
    ahead = time.move(folder, moved)
    time.follow(folder)
    click.echo(f"The demo's clock shows {time.now():%Y-%m-%d %H:%M} UTC, {_spoken(ahead)} ahead of the real time.")


def _span(text: str) -> timedelta:
    found = re.fullmatch(r"([+-]?)((?:\d{1,5}[wdhm])+)", text.strip().lower())
    if not found:
        raise click.BadParameter("write it as +45d, +12h, +1d12h or -2w.", param_hint="'BY'")
    parts = {_UNITS[unit]: int(number) for number, unit in re.findall(r"(\d+)([wdhm])", found[2])}
    return timedelta(**parts) * (-1 if found[1] == "-" else 1)


def _spoken(span: timedelta) -> str:
    hours, minutes = divmod(span.seconds // 60, 60)
    return f"{span.days} days" + (f" {hours:02}:{minutes:02} h" if hours or minutes else "")


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=None, help="Where to serve (default: PORT, or 8000).")
def run(port: int | None) -> int:
    """One machine, for real: migrates, then web, workers, clock and, without REDIS_URL, a Redis of its own.

    One supervisor keeps them up; Ctrl-C or SIGTERM stops them in order. Configure it by the environment or a
    file .env; 'notifier doctor' shows what is missing.
    """
    held = environment.load() if port is None else environment.load(port=port)
    held.secret_keys()
    house = open_house(held)
    plan = processes.plan(held, held.data_dir, base_url=held.public_url, port=held.port)

    def prepare() -> None:
        for line in processes.prepare(house, shell()):
            click.echo(line)

    return supervisor.supervise(held.data_dir, plan, prepare=prepare, when_up=lambda: _up(held))


def _up(held: Settings) -> None:
    click.echo(f"Up at {held.public_url}. Ctrl-C stops everything.")
    if held.mail_transport == "outbox" and not held.demo:
        click.echo(f"Letters would go to {held.data_dir / 'outbox'} only, so nothing can be announced: "
                   "set NOTIFIER_MAIL_TRANSPORT to smtp or mailjet.")


@click.command()
def web() -> None:
    """Serves the pages, on NOTIFIER_HOST and PORT, by NOTIFIER_WORKERS processes."""
    from notifier.web import serve

    held = _ready().settings
    serve.run(held.host, held.port, held.workers)


@click.command()
@click.argument("queue", type=click.Choice(["mail", "desk"]), required=False)
def worker(queue: str | None) -> int:
    """Works on one QUEUE (mail: letters; desk: publishing and provider events), or on both, a process each."""
    house = _ready()
    if queue is None:
        # A folder of its own: a house run beside it holds the data directory itself.
        return supervisor.supervise(house.settings.data_dir / "workers", processes.workers())
    from notifier.jobs import deliver
    from notifier.jobs import worker as hands
    from notifier.jobs.queue import MAIL

    if queue == MAIL:
        deliver.get_ready(at_work())
    return hands.run(queue, house.redis_url)


@click.command()
def clock() -> None:
    """Does what is due by time alone: starts, ended windows, letters left lying. Two may run; one acts."""
    from notifier.jobs import sweep

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    house = _ready()
    asked: list[int] = []

    def stop(signum: int, frame: FrameType | None) -> None:
        asked.append(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGTERM, signal.SIGINT)}
    try:
        logging.getLogger("notifier.clock").info("clock %s sweeps every %g s", os.getpid(),
                                                 house.settings.sweep_seconds)
        sweep.keep_going(house, lambda: bool(asked))
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


@click.command()
def migrate() -> None:
    """Brings the database to this version's schema and seeds the settings table once. Safe to repeat."""
    for line in processes.prepare(open_house(), shell()):
        click.echo(line)


def _ready() -> House:
    logging.getLogger("alembic").setLevel(logging.WARNING)
    return migrated(open_house())
