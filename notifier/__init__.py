"""Sub-processor change notices and objections: the rooms of the house.

`domain` holds the rules, `tables` the schema, `workflow` the verbs, `mail` the letters,
`jobs` the hands, `web` and `cli` the doors. Imports run downwards only; docs/architecture.md
tells why, tests/test_house.py holds it.
"""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("subprocessor-notifier")
except PackageNotFoundError:  # read from a bare checkout, nothing installed
    __version__ = "0+checkout"
