"""The Cypher of identifiers, each statement under a name and with what it is for.

The shapes are those of `statements`: rows are lists, edges come grouped by user, instants as epoch milliseconds, and a
query answers with one record that holds a list of rows.
"""

from typing import Final

# Makes what is missing. An identifier that is there needs no lock: nothing of it changes. One that was blocked is
# locked before its class is read, in a later statement, and the greater name stays.
CREATE_IDENTIFIERS: Final = "UNWIND $rows AS r MERGE (:Identifier {type: r[0], value: r[1]})"
LOCK_IDENTIFIERS: Final = "UNWIND $rows AS r MATCH (i:Identifier {type: r[0], value: r[1]}) SET i.type = r[0]"
BLOCK_IDENTIFIERS: Final = """
UNWIND $rows AS r MATCH (i:Identifier {type: r[0], value: r[1]}) WHERE i.blocked IS NULL OR i.blocked < r[2]
SET i.blocked = r[2]"""

# What is stored of users.
READ_IDENTITIES: Final = """
UNWIND $keys AS key MATCH (u:User {user_id: key})
RETURN collect([u.user_id, u.first_seen_at.epochMillis,
    [(u)-[r:HAS_IDENTIFIER]->(i) |
     [i.type, i.value, r.first_seen_at.epochMillis, r.last_seen_at.epochMillis, r.sources]]])"""

# The difference: [user, [[type, value, first, last, sources], …]].
WRITE_USERS: Final = """
UNWIND $rows AS r MATCH (u:User {user_id: r[0]})
SET u.first_seen_at = CASE WHEN r[1] IS NULL THEN u.first_seen_at ELSE datetime({epochMillis: r[1]}) END,
    u.last_updated_at = CASE WHEN u.last_updated_at.epochMillis >= $now THEN u.last_updated_at
                             ELSE datetime({epochMillis: $now}) END"""
_EDGES: Final = "UNWIND $rows AS b MATCH (u:User {user_id: b[0]}) WITH u, b UNWIND b[1] AS e "
_FIRST: Final = "CASE WHEN e[2] IS NULL THEN null ELSE datetime({epochMillis: e[2]}) END"
_LAST: Final = "CASE WHEN e[3] IS NULL THEN null ELSE datetime({epochMillis: e[3]}) END"
CREATE_EDGES: Final = (
    _EDGES
    + f"""MATCH (i:Identifier {{type: e[0], value: e[1]}})
CREATE (u)-[:HAS_IDENTIFIER {{first_seen_at: {_FIRST}, last_seen_at: {_LAST}, sources: e[4]}}]->(i)"""
)
UPDATE_EDGES: Final = (
    _EDGES
    + f"""MATCH (u)-[r:HAS_IDENTIFIER]->(:Identifier {{type: e[0], value: e[1]}})
SET r.first_seen_at = {_FIRST}, r.last_seen_at = {_LAST}, r.sources = e[4] RETURN collect(true)"""
)
DELETE_EDGES: Final = _EDGES + "MATCH (u)-[r:HAS_IDENTIFIER]->(:Identifier {type: e[0], value: e[1]}) DELETE r"

# The identifiers of users, with the class that each is blocked by.
IDENTITIES: Final = """
UNWIND $keys AS key MATCH (u:User {user_id: key})
RETURN collect([u.user_id, [(u)-[r:HAS_IDENTIFIER]->(i) |
    [i.type, i.value, i.blocked, r.first_seen_at.epochMillis, r.last_seen_at.epochMillis,
     coalesce(r.sources, [])]]])"""

# How many users have an identifier, and who.
DEGREES: Final = """
UNWIND $keys AS key MATCH (i:Identifier {type: key[0], value: key[1]})
RETURN collect([i.type, i.value, COUNT { (i)<-[:HAS_IDENTIFIER]-() }])"""
HOLDERS: Final = """
UNWIND $keys AS key MATCH (i:Identifier {type: key[0], value: key[1]})<-[:HAS_IDENTIFIER]-(u:User)
WITH i, collect(DISTINCT u.user_id) AS users RETURN collect([i.type, i.value, users])"""

# The next identifiers of a type that several users have.
SHARED: Final = """
MATCH (i:Identifier) WHERE i.type = $type AND i.value > $value
WITH i ORDER BY i.type, i.value
WITH i, COUNT { (i)<-[:HAS_IDENTIFIER]-() } AS users WHERE users > 1
WITH i, users LIMIT $limit
RETURN collect([i.type, i.value, i.blocked, users])"""

COUNTS: Final = "MATCH (i:Identifier) RETURN i.type, count(*), count(i.blocked) ORDER BY i.type"
EDGES: Final = "MATCH ()-[r:HAS_IDENTIFIER]->() RETURN count(r)"
