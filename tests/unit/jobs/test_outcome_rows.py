"""How the rows of outcomes are found: a job of a million users is looked into a hundred thousand times."""

from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.dialects import sqlite

from retrograph.jobs.outcomes import Attempt
from retrograph.jobs.sql.outcomes import these
from retrograph.store.schema import open_database
from retrograph.store.tables import outcomes


async def test_the_rows_of_some_attempts_are_looked_up_each_by_its_key(tmp_path: Path) -> None:
    """Not by walking all that the job has."""
    database = await open_database(f"sqlite:///{tmp_path / 'jobs.db'}", synchronous="NORMAL")
    wanted = select(outcomes.c.status).where(these("job", [Attempt("ann", 1), Attempt("bob", 2)]))
    statement = wanted.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    try:
        plan = await database.read(lambda one: list(one.execute(text(f"EXPLAIN QUERY PLAN {statement}"))))
    finally:
        await database.close()
    steps = [str(step.detail) for step in plan if "job_outcomes" in step.detail]
    assert steps and all("item=?" in step for step in steps), plan
