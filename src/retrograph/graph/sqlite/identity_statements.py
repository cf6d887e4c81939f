"""The SQL of identifiers on the embedded graph, each statement under a name and with what it is for.

Keys come as one JSON array: of ids, or of [type, value] pairs.
"""

from typing import Final

# Statements that take many rows at once: `{rows}` becomes as many groups of placeholders. Such a statement is one call
# that does all of its work without Python, and meanwhile the next users are prepared on another core.
#
# Makes users and identifiers that are missing; joins the class that a block list gave: the greater name stays.
CREATE_USERS: Final = "INSERT INTO graph_user (user_id) VALUES {rows} ON CONFLICT DO NOTHING"
CREATE_IDENTIFIERS: Final = "INSERT INTO graph_identifier (type, value) VALUES {rows} ON CONFLICT DO NOTHING"
BLOCK_IDENTIFIER: Final = """
UPDATE graph_identifier SET blocked = max(coalesce(blocked, ''), ?) WHERE type = ? AND value = ?"""

# What is stored of users, as one JSON array of rows.
READ_FIRST_SEEN: Final = """
SELECT json_group_array(json_array(user_id, first_seen_at)) FROM graph_user
WHERE user_id IN (SELECT value FROM json_each(?)) AND first_seen_at IS NOT NULL"""
READ_SIGHTINGS: Final = """
SELECT json_group_array(json_array(user_id, type, value, first_seen_at, last_seen_at, json(sources)))
FROM graph_has_identifier WHERE user_id IN (SELECT value FROM json_each(?))"""

# The difference.
WRITE_USERS: Final = """
INSERT INTO graph_user (user_id, first_seen_at, last_updated_at) VALUES {rows}
ON CONFLICT DO UPDATE SET first_seen_at = coalesce(excluded.first_seen_at, first_seen_at),
    last_updated_at = max(coalesce(last_updated_at, 0), excluded.last_updated_at)"""
CREATE_EDGES: Final = """
INSERT INTO graph_has_identifier (user_id, type, value, first_seen_at, last_seen_at, sources) VALUES {rows}"""
UPDATE_EDGE: Final = """
UPDATE graph_has_identifier SET first_seen_at = ?, last_seen_at = ?, sources = ?
WHERE user_id = ? AND type = ? AND value = ?"""

# The identifiers of users, with the class that each is blocked by.
IDENTITIES: Final = """
SELECT h.user_id, h.type, h.value, i.blocked, h.first_seen_at, h.last_seen_at, h.sources
FROM graph_has_identifier h LEFT JOIN graph_identifier i ON i.type = h.type AND i.value = h.value
WHERE h.user_id IN (SELECT value FROM json_each(?))"""

# How many users have an identifier, and who.
DEGREES: Final = """
SELECT json_extract(k.value, '$[0]'), json_extract(k.value, '$[1]'), count(*) FROM json_each(?) k
JOIN graph_has_identifier h ON h.type = json_extract(k.value, '$[0]') AND h.value = json_extract(k.value, '$[1]')
GROUP BY 1, 2"""
HOLDERS: Final = """
SELECT h.type, h.value, h.user_id FROM json_each(?) k
JOIN graph_has_identifier h ON h.type = json_extract(k.value, '$[0]') AND h.value = json_extract(k.value, '$[1]')
ORDER BY 1, 2, 3"""

# The next identifiers that several users have.
SHARED: Final = """
SELECT h.type, h.value, i.blocked, h.users FROM (
    SELECT type, value, count(*) AS users FROM graph_has_identifier WHERE (type, value) > (?, ?)
    GROUP BY type, value HAVING count(*) > 1 ORDER BY type, value LIMIT ?
) h LEFT JOIN graph_identifier i ON i.type = h.type AND i.value = h.value ORDER BY h.type, h.value"""

COUNTS: Final = "SELECT type, count(*), count(blocked) FROM graph_identifier GROUP BY type ORDER BY type"
EDGES: Final = "SELECT count(*) FROM graph_has_identifier"
