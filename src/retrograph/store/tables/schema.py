"""What all tables belong to."""

from typing import Final

from sqlalchemy import BigInteger, Integer, MetaData

metadata = MetaData()

COUNTER: Final = BigInteger().with_variant(Integer, "sqlite")
"""The type of a number that the database gives."""
