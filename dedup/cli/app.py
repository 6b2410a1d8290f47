"""The commands and their flags. Each command loads what it needs when it runs."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import typer

from dedup.cli.index_commands import index_app

app = typer.Typer(
    name="dedup",
    help="Find duplicate and near-duplicate articles, keep the best version of each and say why.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(index_app)

_FIELDS = "Fields"
_OUTPUT = "Output"
_DECIDING = "Deciding"
_RUNNING = "Running"

Text = Optional[str]


def _show_version(wanted: bool) -> None:
    if wanted:
        from dedup.version import __version__

        typer.echo(f"dedup {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
) -> None:
    """Find duplicate and near-duplicate articles, keep the best version of each and say why."""


def _option(help_text: str, *names: str, panel: str, metavar: str | None = None) -> Any:
    return typer.Option(*names, help=help_text, rich_help_panel=panel, metavar=metavar, show_default=False)


@app.command()
def run(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.", metavar="INPUT...")],
    output: Annotated[Text, _option("Kept records; the format follows the name, - is standard output.", "--output", "-o", panel=_OUTPUT, metavar="OUT")] = None,
    decisions: Annotated[Text, _option("One row per record: what became of it and why (JSONL).", panel=_OUTPUT, metavar="FILE")] = None,
    dropped: Annotated[Text, _option("The dropped records in full.", panel=_OUTPUT, metavar="FILE")] = None,
    rejects: Annotated[Text, _option("Bad records with their reasons; without it they stop the run.", panel=_OUTPUT, metavar="FILE")] = None,
    manifest: Annotated[Text, _option("Inputs, settings, counts and digests of all outputs (JSON).", panel=_OUTPUT, metavar="FILE")] = None,
    report: Annotated[Text, _option("A report for people: .html, .md, .json or .csv.", panel=_OUTPUT, metavar="FILE")] = None,
    report_texts: Annotated[str, _option("How much text goes into it.", "--report-texts", panel=_OUTPUT, metavar="none|diffs|full")] = "diffs",
    statistics: Annotated[Text, _option("Write the statistics learned from this input.", panel=_OUTPUT, metavar="FILE")] = None,
    output_format: Annotated[Text, _option("jsonl, csv, tsv, parquet, arrow or text, instead of by name.", panel=_OUTPUT)] = None,
    annotate: Annotated[Optional[bool], _option("Keep every record and add dedup_status, dedup_cluster …", "--annotate", panel=_OUTPUT)] = None,
    keep_text: Annotated[Optional[bool], _option("Write kept texts as they came, not cleaned.", "--keep-text", panel=_OUTPUT)] = None,
    dry_run: Annotated[bool, _option("Write no records, only decisions, manifest and summary.", "--dry-run", panel=_OUTPUT)] = False,
    no_overwrite: Annotated[Optional[bool], _option("Refuse to replace an existing output.", "--no-overwrite", panel=_OUTPUT)] = None,
    text: Annotated[Text, _option("Field of the text.", panel=_FIELDS, metavar="FIELD")] = None,
    id: Annotated[Text, _option("Field of the id.", panel=_FIELDS, metavar="FIELD")] = None,
    title: Annotated[Text, _option("Field of the title.", panel=_FIELDS, metavar="FIELD")] = None,
    source: Annotated[Text, _option("Field of the source.", panel=_FIELDS, metavar="FIELD")] = None,
    date: Annotated[Text, _option("Field of the date.", panel=_FIELDS, metavar="FIELD")] = None,
    url: Annotated[Text, _option("Field of the address.", panel=_FIELDS, metavar="FIELD")] = None,
    input_format: Annotated[Text, _option("jsonl, csv, tsv, parquet, arrow or text, instead of by name.", panel=_FIELDS)] = None,
    on_duplicate_id: Annotated[Text, _option("Records with one id: keep all (default), keep the last, or reject all but the first.", panel=_FIELDS, metavar="keep|last|reject")] = None,
    against: Annotated[Optional[list[str]], _option("Records already published, or an index of them: they stay, newcomers go. Can be repeated.", panel=_DECIDING, metavar="PATH|INDEX")] = None,
    index: Annotated[Text, _option("An index: newcomers go for what it holds, and what is kept is added to it.", panel=_DECIDING, metavar="INDEX")] = None,
    use_statistics: Annotated[Text, _option("Judge by these statistics instead of learning them.", panel=_DECIDING, metavar="FILE")] = None,
    profile: Annotated[Text, _option("news (default), strict or ocr.", panel=_DECIDING)] = None,
    drop: Annotated[Text, _option("Relations that drop: exact,near,contained and, if wanted, partial,revised.", panel=_DECIDING)] = None,
    prefer: Annotated[Text, _option("Preferences for the version to keep, the weightiest first.", panel=_DECIDING)] = None,
    source_priority: Annotated[Text, _option("Sources, the most trusted first, separated by commas.", panel=_DECIDING)] = None,
    max_days: Annotated[Optional[int], _option("Merge nothing further apart in time.", panel=_DECIDING)] = None,
    max_drop_rate: Annotated[Optional[float], _option("Stop, with nothing written, if a larger fraction would be dropped.", panel=_DECIDING)] = None,
    workers: Annotated[Optional[int], _option("Processes; all cores by default.", panel=_RUNNING)] = None,
    memory: Annotated[Text, _option("Budget for all processes together, such as 4G.", panel=_RUNNING)] = None,
    temp: Annotated[Text, _option("Where to make the temporary folder.", panel=_RUNNING, metavar="DIR")] = None,
    engine: Annotated[Text, _option("local (default), or spark for a cluster.", panel=_RUNNING, metavar="local|spark")] = None,
    master: Annotated[Text, _option("Spark master, such as local[4] or spark://host:7077; spark-submit names its own.", panel=_RUNNING, metavar="URL")] = None,
    work: Annotated[Text, _option("Folder for Spark's tables that every executor reaches.", panel=_RUNNING, metavar="FOLDER")] = None,
    sketches: Annotated[Text, _option("With Spark: write the kept records' sketches, for --against in later runs.", panel=_OUTPUT, metavar="FOLDER")] = None,
    config: Annotated[Text, _option("Settings file; otherwise dedup.toml or [tool.dedup] of pyproject.toml.", panel=_RUNNING, metavar="FILE")] = None,
    quiet: Annotated[bool, _option("Print nothing but warnings and errors.", "--quiet", "-q", panel=_RUNNING)] = False,
    debug: Annotated[bool, _option("Show the traceback of an error.", "--debug", panel=_RUNNING)] = False,
) -> None:  # fmt: skip
    """Clean articles, find the copies, keep the best version of each."""
    flags = dict(locals())
    from dedup.cli.commands import run_command

    run_command(flags)


@app.command()
def normalise(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.", metavar="INPUT...")],
    output: Annotated[str, typer.Option("--output", "-o", help="Cleaned records.", metavar="OUT")] = "-",
    removed: Annotated[Text, typer.Option(help="What was taken out, one row per removal (JSONL).", metavar="FILE")] = None,
    text: Annotated[Text, typer.Option(help="Field of the text.", metavar="FIELD")] = None,
    title: Annotated[Text, typer.Option(help="Field of the title.", metavar="FIELD")] = None,
    input_format: Annotated[Text, typer.Option(help="jsonl, csv, tsv, parquet, arrow or text, instead of by name.")] = None,
    output_format: Annotated[Text, typer.Option(help="The same for the output.")] = None,
    rejects: Annotated[Text, typer.Option(help="Bad records with their reasons; without it they stop the run.", metavar="FILE")] = None,
    no_overwrite: Annotated[bool, typer.Option("--no-overwrite", help="Refuse to replace an existing output.")] = False,
    workers: Annotated[Optional[int], typer.Option(help="Processes; all cores by default.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:  # fmt: skip
    """Clean the texts only: repeated headlines, furniture, damaged characters. Every record stays."""
    flags = dict(locals())
    from dedup.cli.commands import normalise_command

    normalise_command(flags)


@app.command()
def evaluate(
    decisions: Annotated[str, typer.Argument(help="Decisions of a run (JSONL).", metavar="DECISIONS")],
    truth: Annotated[str, typer.Argument(help="Labelled pairs or clusters (JSONL).", metavar="TRUTH")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the bootstrap.")] = 0,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Measure decisions against a truth file: found, merged, precision, recall, with intervals."""
    from dedup.cli.commands import evaluate_command

    evaluate_command(decisions, truth, as_json=json, seed=seed)


@app.command()
def report(
    decisions: Annotated[str, typer.Argument(help="Decisions of a run (JSONL).", metavar="DECISIONS")],
    inputs: Annotated[list[str], typer.Argument(help="The inputs of that run.", metavar="INPUT...")],
    output: Annotated[str, typer.Option("--output", "-o", help="The report: .html, .md, .json or .csv.", metavar="FILE")] = "report.html",
    manifest: Annotated[Text, typer.Option(help="The run's manifest, for settings, versions and digests.", metavar="FILE")] = None,
    against: Annotated[Optional[list[str]], typer.Option(help="What the run compared against.", metavar="PATH")] = None,
    report_texts: Annotated[str, typer.Option("--report-texts", help="How much text goes in.", metavar="none|diffs|full")] = "diffs",
    text: Annotated[Text, typer.Option(help="Field of the text.", metavar="FIELD")] = None,
    title: Annotated[Text, typer.Option(help="Field of the title.", metavar="FIELD")] = None,
    source: Annotated[Text, typer.Option(help="Field of the source.", metavar="FIELD")] = None,
    date: Annotated[Text, typer.Option(help="Field of the date.", metavar="FIELD")] = None,
    url: Annotated[Text, typer.Option(help="Field of the address.", metavar="FIELD")] = None,
    input_format: Annotated[Text, typer.Option(help="jsonl, csv, tsv, parquet, arrow or text, instead of by name.")] = None,
    no_overwrite: Annotated[bool, typer.Option("--no-overwrite", help="Refuse to replace an existing file.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:  # fmt: skip
    """Make a report of decisions that were taken before: one file, for any browser, offline."""
    flags = dict(locals())
    from dedup.cli.report_commands import report_command

    report_command(flags)


@app.command()
def explain(
    named: Annotated[list[str], typer.Argument(help="Two texts or files; or two ids and their inputs; or, with --decisions, one id and the inputs.", metavar="A [B] [INPUT...]")],
    decisions: Annotated[Text, typer.Option(help="Decisions of a run: explain what became of one id.", metavar="FILE")] = None,
    use_statistics: Annotated[Text, typer.Option(help="Judge by these statistics.", metavar="FILE")] = None,
    profile: Annotated[Text, typer.Option(help="news (default), strict or ocr.")] = None,
    max_days: Annotated[Optional[int], typer.Option(help="Merge nothing further apart in time.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    html: Annotated[Text, typer.Option(help="Write a page instead.", metavar="FILE")] = None,
    text: Annotated[Text, typer.Option(help="Field of the text.", metavar="FIELD")] = None,
    id: Annotated[Text, typer.Option(help="Field of the id.", metavar="FIELD")] = None,
    title: Annotated[Text, typer.Option(help="Field of the title.", metavar="FIELD")] = None,
    source: Annotated[Text, typer.Option(help="Field of the source.", metavar="FIELD")] = None,
    date: Annotated[Text, typer.Option(help="Field of the date.", metavar="FIELD")] = None,
    input_format: Annotated[Text, typer.Option(help="jsonl, csv, tsv, parquet, arrow or text, instead of by name.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:  # fmt: skip
    """Say why two texts are copies, or are not: every value, every rule, the aligned texts."""
    flags = dict(locals())
    from dedup.cli.report_commands import explain_command

    explain_command(flags)


@app.command()
def audit(
    inputs: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for standard input.", metavar="INPUT...")],
    sample: Annotated[int, typer.Option(help="Records to hold against all others.")] = 300,
    label: Annotated[bool, typer.Option("--label", help="Show pairs and ask: yes, no or unsure.")] = False,
    output: Annotated[Text, typer.Option("--output", "-o", help="The answers, as a truth for dedup evaluate.", metavar="TRUTH")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    profile: Annotated[Text, typer.Option(help="news (default), strict or ocr.")] = None,
    drop: Annotated[Text, typer.Option(help="Relations that drop.")] = None,
    max_days: Annotated[Optional[int], typer.Option(help="Merge nothing further apart in time.")] = None,
    text: Annotated[Text, typer.Option(help="Field of the text.", metavar="FIELD")] = None,
    id: Annotated[Text, typer.Option(help="Field of the id.", metavar="FIELD")] = None,
    title: Annotated[Text, typer.Option(help="Field of the title.", metavar="FIELD")] = None,
    source: Annotated[Text, typer.Option(help="Field of the source.", metavar="FIELD")] = None,
    date: Annotated[Text, typer.Option(help="Field of the date.", metavar="FIELD")] = None,
    input_format: Annotated[Text, typer.Option(help="jsonl, csv, tsv, parquet, arrow or text, instead of by name.")] = None,
    workers: Annotated[Optional[int], typer.Option(help="Processes; all cores by default.")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:  # fmt: skip
    """Measure the quality on these very texts: recall with an interval, doubtful drops, nearest misses."""
    flags = dict(locals())
    from dedup.cli.report_commands import audit_command

    audit_command(flags)


@app.command()
def plan(
    documents: Annotated[str, typer.Argument(help="Size of the corpus: 500000, 500k, 2M.", metavar="DOCUMENTS")],
    sample: Annotated[Optional[list[str]], typer.Argument(help="Some of the texts; typical figures of news without.", metavar="[INPUT]...")] = None,
    similarity: Annotated[float, typer.Option(help="Jaccard similarity that must be found.")] = 0.5,
    budget: Annotated[float, typer.Option(help="Chance meetings with unlike texts per document.")] = 30.0,
    workers: Annotated[Optional[int], typer.Option(help="Processes; all cores by default.")] = None,
    svg: Annotated[Text, typer.Option(help="Write the curve as a drawing.", metavar="FILE")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    text: Annotated[Text, typer.Option(help="Field of the text.", metavar="FIELD")] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:  # fmt: skip
    """Tell how a run will go: bands and rows, recall, memory, disk and time on this machine."""
    flags = dict(locals())
    from dedup.cli.report_commands import plan_command

    plan_command(flags)


@app.command()
def warm(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Compile the kernels now, for container images and first runs that must be quick."""
    from dedup.cli.commands import warm_command

    warm_command()
