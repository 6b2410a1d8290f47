"""`dedup index …`: the commands and their flags; what they do stands in `index_work.py`."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

index_app = typer.Typer(
    name="index",
    help="Keep articles in an index and ask it: have we had this?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Text = Optional[str]
Url = Annotated[str, typer.Argument(help="A path, or postgresql://USER@HOST/DATABASE.", metavar="INDEX")]
Inputs = Annotated[
    Optional[list[str]],
    typer.Argument(help="Files, folders, globs; standard input (JSONL) when absent.", metavar="[INPUT]..."),
]
Field = Annotated[Text, typer.Option(metavar="FIELD", help="Field of that name.", rich_help_panel="Fields")]
Flush = Annotated[bool, typer.Option("--flush", help="Answer each record at once, for use as a co-process.")]
Workers = Annotated[int, typer.Option(help="Processes.", min=1)]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@index_app.command()
def add(
    index: Url,
    inputs: Inputs = None,
    batch: Annotated[Text, typer.Option(help="Id of this very input: a retry under it gets the first verdicts. Needed for records without an id.", metavar="ID")] = None,
    on_conflict: Annotated[str, typer.Option(help="When an id is there with another text.", metavar="error|update")] = "error",
    statistics: Annotated[Text, typer.Option(help="For a new index: judge by these.", metavar="FILE")] = None,
    no_text: Annotated[bool, typer.Option("--no-text", help="For a new index: keep no texts, answer with estimates.")] = False,
    batch_size: Annotated[int, typer.Option(help="Records in one transaction.", min=1)] = 1_000,
    flush: Flush = False,
    text: Field = None,
    id: Field = None,
    title: Field = None,
    source: Field = None,
    date: Field = None,
    url: Field = None,
    config: Annotated[Text, typer.Option(help="Settings file.", metavar="FILE")] = None,
    workers: Workers = 1,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Judge records and store them; one verdict line for each, once it is on disk."""
    _do("add", locals())


@index_app.command()
def query(
    index: Url,
    inputs: Inputs = None,
    flush: Flush = False,
    text: Field = None,
    id: Field = None,
    title: Field = None,
    source: Field = None,
    date: Field = None,
    url: Field = None,
    config: Annotated[Text, typer.Option(help="Settings file.", metavar="FILE")] = None,
    debug: Debug = False,
) -> None:
    """Judge records without storing them; one verdict line for each."""
    _do("query", locals())


@index_app.command()
def remove(
    index: Url,
    inputs: Annotated[Optional[list[str]], typer.Argument(help="Files of ids, one per line: JSON values, or records with an id; standard input when absent.", metavar="[INPUT]...")] = None,
    id: Annotated[Optional[list[str]], typer.Option(help="An id. Can be repeated.")] = None,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Remove records by id; members of removed keepers are judged anew."""
    _do("remove", locals())


@index_app.command()
def expire(
    index: Url,
    before: Annotated[
        str, typer.Option(help="Remove what is dated before this day or time.", metavar="DATE")
    ],
    debug: Debug = False,
) -> None:
    """Remove old records; members of removed keepers are judged anew."""
    _do("expire", locals())


@index_app.command()
def stats(index: Url, debug: Debug = False) -> None:
    """Print counts, sizes and fingerprints as JSON."""
    _do("stats", locals())


@index_app.command()
def verify(index: Url, debug: Debug = False) -> None:
    """Check the whole index; exit code 5 when something is wrong."""
    _do("verify", locals())


@index_app.command()
def compact(index: Url, debug: Debug = False) -> None:
    """Merge the look-up keys and give free space back."""
    _do("compact", locals())


@index_app.command()
def rebuild(
    index: Url,
    statistics: Annotated[Text, typer.Option(help="Judge by these from now on.", metavar="FILE")] = None,
    config: Annotated[Text, typer.Option(help="Settings file.", metavar="FILE")] = None,
    workers: Workers = 1,
    debug: Debug = False,
) -> None:
    """Make the index anew from its stored texts, and put it in the old one's place."""
    _do("rebuild", locals())


@index_app.command()
def export(
    index: Url,
    output: Annotated[
        str, typer.Option("--output", "-o", help="JSONL; - is standard output.", metavar="OUT")
    ] = "-",
    debug: Debug = False,
) -> None:
    """Write all records, kept ones first, for `dedup index add` elsewhere."""
    _do("export", locals())


def _do(command: str, flags: dict[str, Any]) -> None:
    from dedup.cli import index_work

    getattr(index_work, command)(dict(flags))
