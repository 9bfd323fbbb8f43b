"""How fast customers come in from a file: `python -m tests.bench.import_customers [--short] [--customers N]`.

The command line itself, in a process of its own, on an empty installation; the file first as new customers, then the
same again (nothing changes), then with a field of every customer changed. Afterwards `audit verify` holds every row
against the log. Fails where 100,000 would take more than a minute.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from notifier import db as schema
from notifier.domain.people import Door, system
from notifier.house import House, seed_values
from notifier.settings import Settings
from notifier.workflow import settings as setting_verbs
from tests import factory, servers

MOST_SECONDS = 60.0  # for 100,000 customers
HEADINGS = (
    "customer_ref", "name", "language", "country", "zone", "postal_address", "services", "agreement", "agreement_date",
    "clause", "contract_start", "authorisation", "window_days", "notify", "contact_name", "contact_email",
    "contact_role", "contact_order",
)
LANGUAGES, COUNTRIES, ZONES = ("en", "de", "fr", "it"), ("CH", "DE", "FR", "IT"), ("Europe/Zurich", "Europe/Berlin")


def rows(customers: int, clause: str) -> Iterator[tuple[object, ...]]:
    """Customers of four languages and several terms; every tenth has a second contact."""
    for n in range(customers):
        own = (f"C-{n:06}", f"Customer {n} & Söhne GmbH", LANGUAGES[n % 4], COUNTRIES[n % 4], ZONES[n % 2],
               f"Hauptstrasse {n % 200}, {8000 + n % 999} Ort", "platform; archive" if n % 3 else "platform",
               "Data processing agreement", f"2024-{n % 12 + 1:02}-{n % 28 + 1:02}", clause, f"2024-{n % 12 + 1:02}-01",
               "specific" if n % 5 == 0 else "", 30 + n % 3 * 15, "in_order" if n % 2 else "")
        yield (*own, f"Lea Muster {n}", f"legal@customer-{n}.example", "notice", 1)
        if n % 10 == 0:
            yield (*own, f"Dora {n}", f"dpo@customer-{n}.example", "notice", 2)


def written(folder: Path, customers: int, clause: str) -> Path:
    """A file of so many customers."""
    path = folder / f"customers-{clause}.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADINGS)
        out.writerows(rows(customers, clause))
    return path


def measured(name: str, database_url: str, customers: int) -> bool:
    """One database: three imports and a verification, printed as rows of a table; whether it was fast enough."""
    with tempfile.TemporaryDirectory() as folder:
        url = database_url or servers.fresh_sqlite(Path(folder) / "notifier.db")
        _seeded(Path(folder), url)
        environment = {**os.environ, "DATABASE_URL": url, "NOTIFIER_DATA_DIR": folder, "NOTIFIER_SECRET_KEY": "k" * 40}
        seconds = []
        for what, path in (("new", written(Path(folder), customers, "7")), ("the same again", None),
                           ("one field changed", written(Path(folder), customers, "8"))):
            file = path or Path(folder) / "customers-7.csv"
            before = _cpu()
            seconds.append(_timed(["import", "customers", str(file)], environment))
            memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
            print(f"| {name}, {what} | {customers:,} | {seconds[-1]:.1f} | {_cpu() - before:.1f} | "
                  f"{customers / seconds[-1]:,.0f} | {memory:,.0f} |", flush=True)
        before, took = _cpu(), _timed(["audit", "verify"], environment)
        print(f"| {name}, audit verify | {customers:,} | {took:.1f} | {_cpu() - before:.1f} | | |", flush=True)
    allowed = max(MOST_SECONDS * customers / 100_000, 5)
    return max(seconds) <= allowed


def _seeded(folder: Path, url: str) -> None:
    values: dict[str, object] = {
        "data_dir": folder, "database_url": url, "secret_key": "k" * 40, "org_legal_name": "Processor AG",
        "org_address": "Bahnhofstrasse 1, 8001 Zürich, Switzerland",
    }
    house = House(Settings(_env_file=None, **values), deaf=True)  # type: ignore[arg-type,call-arg]
    schema.migrate(house.database)
    with house.database.transaction() as session:
        setting_verbs.seed(session, *seed_values(house.settings), actor=system(Door.CLI), now=factory.NOW)
        factory.baseline(session)
    house.database.close()


def _cpu() -> float:
    """Seconds of processor that the commands have used so far; PostgreSQL's own not among them."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _timed(words: list[str], environment: dict[str, str]) -> float:
    began = time.monotonic()
    subprocess.run([sys.executable, "-m", "notifier", *words], env=environment, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return time.monotonic() - began


def main() -> int:
    """Both databases; 1 where one was too slow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="two thousand customers")
    parser.add_argument("--customers", type=int, default=100_000)
    given = parser.parse_args()
    customers = 2000 if given.short else given.customers
    print("| what | customers | seconds | CPU s | a second | memory, MB |\n|---|---|---|---|---|---|", flush=True)
    well = measured("SQLite", "", customers)
    with servers.postgres() as url:
        fresh = servers.fresh_database(url, lambda address: None)
        well = measured("PostgreSQL", fresh, customers) and well
        servers.drop_database(fresh)
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
