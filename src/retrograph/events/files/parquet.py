"""Parquet files of receipts: the columns of the tables, read batch by batch. It is no stream: a file is sought in."""

from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final

from retrograph.errors import MissingExtra
from retrograph.events.files.payload import BrokenFile, Payload
from retrograph.events.files.tables import places_of, receipt_of

BATCH_ROWS: Final = 1_000


def rows_of(file: BinaryIO, mapping: Mapping[str, str], *, after: int = 0) -> Iterator[list[Payload]]:
    """The rows as events, batch by batch; those up to `after` are passed over. Blocks. Raises BrokenFile."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingExtra("parquet", "files") from error
    try:
        table = parquet.ParquetFile(file)
        names = table.schema_arrow.names
        places = places_of(names, mapping)
        theirs = {ours: names[place] for ours, place in places.items()}
        number = 0
        for batch in table.iter_batches(batch_size=BATCH_ROWS, columns=list(theirs.values())):
            found = []
            for row in batch.to_pylist():
                number += 1
                if number > after:
                    content = receipt_of({ours: row[name] for ours, name in theirs.items()})
                    found.append(Payload(number, number, content))
            yield found
    except (pyarrow.ArrowException, OSError) as error:  # a damaged page is an OSError to it
        raise BrokenFile(
            f"the Parquet file is damaged: {(str(error).splitlines() or [type(error).__name__])[0][:200]}"
        ) from error
    except (UnicodeDecodeError, TypeError) as error:
        raise BrokenFile(f"the Parquet file holds a value that is no text: {error}") from error
