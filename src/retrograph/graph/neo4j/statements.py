"""The Cypher of the Neo4j graph, each statement under a name and with what it is for.

Rows are lists, not maps, and grouped so that a user is matched once. No `datetime` crosses the driver in either
direction: instants travel as epoch milliseconds. What the server can derive from a row is not sent. A query answers
with one record that holds a list of rows, because each record costs the driver more than its content does.
"""

from typing import Final

# --- locks: MERGE makes what is missing, and a SET takes the node's lock, row by row, in the order of the keys. What
# it sets is the key itself, to the value that it has: that changes nothing, whereas setting an absent property to null
# would take no lock. `_created` tells the rows that this very transaction made; it is gone again before the commit.
LOCK_PRODUCTS: Final = """
UNWIND $rows AS key MERGE (n:Product {product_id: key})
ON CREATE SET n._created = true ON MATCH SET n.product_id = key"""
LOCK_CATEGORIES: Final = """
UNWIND $rows AS key MERGE (n:Category {category_id: key})
ON CREATE SET n._created = true ON MATCH SET n.category_id = key"""
LOCK_RETAILERS: Final = "UNWIND $rows AS key MERGE (n:Retailer {name: key}) SET n.name = key"
LOCK_USERS: Final = "UNWIND $rows AS key MERGE (n:User {user_id: key}) SET n.user_id = key"

CLEAR_CREATED_PRODUCTS: Final = "UNWIND $rows AS key MATCH (n:Product {product_id: key}) REMOVE n._created"
CLEAR_CREATED_CATEGORIES: Final = "UNWIND $rows AS key MATCH (n:Category {category_id: key}) REMOVE n._created"

# --- shared nodes, as they are under lock
_PRODUCT: Final = """
n.product_id, n.name, n.name_rank, n.name_day, n.brand, n.brand_rank, n.brand_day,
n.category_id, n.category_id_rank, n.category_id_day, n.category_hierarchy"""
_CATEGORY: Final = "n.category_id, n.name, n.name_rank, n.name_day, n.hierarchy, n.hierarchy_rank, n.hierarchy_day"
_RETAILER: Final = "n.name, n.channel, n.channel_rank, n.channel_day"

READ_PRODUCTS: Final = (
    f"UNWIND $keys AS key MATCH (n:Product {{product_id: key}}) RETURN collect([{_PRODUCT}, n._created])"
)
READ_CATEGORIES: Final = (
    f"UNWIND $keys AS key MATCH (n:Category {{category_id: key}}) RETURN collect([{_CATEGORY}, n._created])"
)
READ_RETAILERS: Final = f"UNWIND $keys AS key MATCH (n:Retailer {{name: key}}) RETURN collect([{_RETAILER}])"

# --- categories made anew that somebody names already: another writer had taken them away, and their edges with them.
# Those who name them are locked before they are believed; a category that nobody named before needs none of it. The
# index holds (category_id, product_id) and finds nothing unless both are asked for; every id is greater than ''.
_OF_CATEGORY: Final = """
(n:Product) USING INDEX n:Product(category_id, product_id) WHERE n.category_id = key AND n.product_id > ''"""
NAMED_CATEGORIES: Final = f"""
UNWIND $keys AS key CALL (key) {{ MATCH {_OF_CATEGORY} RETURN true AS named LIMIT 1 }} RETURN collect(key) AS keys
UNION ALL
MATCH (n:Category) WHERE n.hierarchy[-2] IN $keys RETURN collect(DISTINCT n.hierarchy[-2]) AS keys"""
LOCK_NAMING_CATEGORIES: Final = """
MATCH (n:Category) WHERE n.hierarchy[-2] IN $rows
WITH n ORDER BY n.category_id SET n.category_id = n.category_id"""
LOCK_NAMING_PRODUCTS: Final = f"""
UNWIND $rows AS key MATCH {_OF_CATEGORY}
WITH n ORDER BY n.product_id SET n.product_id = n.product_id"""
RELINK_CATEGORIES: Final = """
MATCH (n:Category) WHERE n.hierarchy[-2] IN $rows
MATCH (c:Category {category_id: n.hierarchy[-2]}) WHERE NOT (n)-[:CHILD_OF]->(c) CREATE (n)-[:CHILD_OF]->(c)"""
RELINK_PRODUCTS: Final = f"""
UNWIND $rows AS key MATCH (c:Category {{category_id: key}}) MATCH {_OF_CATEGORY}
AND NOT (n)-[:IN_CATEGORY]->(c) CREATE (n)-[:IN_CATEGORY]->(c)"""

# --- shared nodes, as they shall be; a mark stays unless a new one replaces it
WRITE_PRODUCTS: Final = """
UNWIND $rows AS r MATCH (n:Product {product_id: r[0]})
SET n.name = r[1], n.name_rank = r[2], n.name_day = r[3], n.brand = r[4], n.brand_rank = r[5], n.brand_day = r[6],
    n.category_id = r[7], n.category_id_rank = r[8], n.category_id_day = r[9], n.category_hierarchy = r[10],
    n.recount_since = coalesce(r[11], n.recount_since)"""
WRITE_CATEGORIES: Final = """
UNWIND $rows AS r MATCH (n:Category {category_id: r[0]})
SET n.name = r[1], n.name_rank = r[2], n.name_day = r[3],
    n.hierarchy = r[4], n.hierarchy_rank = r[5], n.hierarchy_day = r[6],
    n.recount_since = coalesce(r[7], n.recount_since)"""
WRITE_RETAILERS: Final = """
UNWIND $rows AS r MATCH (n:Retailer {name: r[0]})
SET n.channel = r[1], n.channel_rank = r[2], n.channel_day = r[3]"""

# --- derived edges between shared nodes: exactly the one that the property names
DELETE_IN_CATEGORY: Final = """
UNWIND $rows AS key MATCH (:Product {product_id: key})-[old:IN_CATEGORY]->() DELETE old"""
CREATE_IN_CATEGORY: Final = """
UNWIND $rows AS r MATCH (n:Product {product_id: r[0]}) MATCH (c:Category {category_id: r[1]})
CREATE (n)-[:IN_CATEGORY]->(c)"""
DELETE_CHILD_OF: Final = "UNWIND $rows AS key MATCH (:Category {category_id: key})-[old:CHILD_OF]->() DELETE old"
CREATE_CHILD_OF: Final = """
UNWIND $rows AS r MATCH (n:Category {category_id: r[0]}) MATCH (c:Category {category_id: r[1]})
CREATE (n)-[:CHILD_OF]->(c)"""

# --- users under lock
_USER: Final = """
u.user_id, u.first_seen_at.epochMillis, u.retracted_receipt_ids, u.loaded_at.epochMillis, u.loaded_by"""
_PURCHASE: Final = """
p.product_id, r.receipt_ids, [t IN r.timestamps | t.epochMillis], r.times, r.first.epochMillis, r.last.epochMillis,
r.avg_interval_days, r.repurchase_likelihood"""

# Everything of users who are read whole. The own ids of edges and of the user stand last: by them the same transaction
# finds again what it changes, without a search of an index or of the user's edges. Neo4j gives the id of what was
# deleted to nothing else as long as a transaction is open that might have seen it.
READ_WHOLE_USERS: Final = f"""
UNWIND $keys AS key MATCH (u:User {{user_id: key}})
RETURN collect([{_USER},
    [(u)-[r:PURCHASED]->(p) | [{_PURCHASE}, p.category_id, id(r)]],
    [(u)-[r:SHOPS_AT]->(p) | [p.name, r.receipt_ids, r.frequency, id(r)]],
    [(u)-[r:SHOPS_IN]->(p) | [p.category_id, r.purchase_count, id(r)]], id(u)])"""
# The same of the edges to the named nodes alone: [user, [the products' own ids], [retailer, …], [category, …]].
READ_TOUCHED_USERS: Final = f"""
UNWIND $rows AS row MATCH (u:User {{user_id: row[0]}})
WITH u,
    COLLECT {{ UNWIND row[1] AS key MATCH (p:Product) WHERE id(p) = key
        MATCH (u)-[r:PURCHASED]->(p) RETURN [{_PURCHASE}, id(r)] }} AS purchases,
    COLLECT {{ UNWIND row[2] AS key MATCH (p:Retailer {{name: key}})
        MATCH (u)-[r:SHOPS_AT]->(p) RETURN [p.name, r.receipt_ids, r.frequency, id(r)] }} AS visits,
    COLLECT {{ UNWIND row[3] AS key MATCH (p:Category {{category_id: key}})
        MATCH (u)-[r:SHOPS_IN]->(p) RETURN [p.category_id, r.purchase_count, id(r)] }} AS counts
RETURN collect([{_USER}, purchases, visits, counts, id(u)])"""
READ_PRODUCT_CATEGORIES: Final = """
UNWIND $keys AS key MATCH (p:Product {product_id: key}) RETURN collect([key, p.category_id, id(p)])"""

# --- the difference of users. What is taken away goes first, in statements of its own: [user, [key, …]].
_EDGES: Final = "UNWIND $rows AS b MATCH (u:User {user_id: b[0]}) WITH u, b UNWIND b[1] AS e "
DELETE_PURCHASES: Final = _EDGES + "MATCH (u)-[r:PURCHASED]->(:Product {product_id: e}) DELETE r"
DELETE_VISITS: Final = _EDGES + "MATCH (u)-[r:SHOPS_AT]->(:Retailer {name: e}) DELETE r"
DELETE_COUNTS: Final = _EDGES + "MATCH (u)-[r:SHOPS_IN]->(:Category {category_id: e}) DELETE r"

# Everything else is one statement, because each costs a trip and a query to begin: for 500 users of live events it
# takes half the time of seven. Users, edges that change, and products are found by their own ids: users and changed
# edges as [id, …], new ones as [user's id, [[node, …], …]], where the node is a product's own id, or a name. Every
# time of an edge is known, so first and last are the list's ends. The answer is how many edges there were to change
# and how many were made.
_TIMES: Final = "[x IN e[2] | datetime({epochMillis: x})] AS ts, size(e[1]) AS n"
_OF_USERS: Final = "AS b MATCH (u) WHERE id(u) = b[0] UNWIND b[1] AS e"
WRITE_USERS: Final = f"""
CALL () {{
    UNWIND $users AS r MATCH (u) WHERE id(u) = r[0]
    SET u.first_seen_at = CASE WHEN r[1] IS NULL THEN u.first_seen_at ELSE datetime({{epochMillis: r[1]}}) END,
        u.retracted_receipt_ids = coalesce(r[2], u.retracted_receipt_ids),
        u.loaded_at = CASE WHEN r[3] IS NULL THEN u.loaded_at ELSE datetime({{epochMillis: r[3]}}) END,
        u.loaded_by = coalesce(r[4], u.loaded_by),
        u.last_updated_at = CASE WHEN u.last_updated_at.epochMillis >= $now THEN u.last_updated_at
                                 ELSE datetime({{epochMillis: $now}}) END
    RETURN count(u) AS users
}}
CALL () {{
    UNWIND $changed_purchases AS e MATCH ()-[r]->() WHERE id(r) = e[0] WITH r, e, {_TIMES}
    SET r.receipt_ids = e[1], r.timestamps = ts, r.times = n, r.first = ts[0], r.last = ts[n - 1],
        r.avg_interval_days = e[3], r.repurchase_likelihood = (n - 1.0) / n
    RETURN count(r) AS changed_purchases
}}
CALL () {{
    UNWIND $changed_visits AS e MATCH ()-[r]->() WHERE id(r) = e[0]
    SET r.receipt_ids = e[1], r.frequency = size(e[1]) RETURN count(r) AS changed_visits
}}
CALL () {{
    UNWIND $changed_counts AS e MATCH ()-[r]->() WHERE id(r) = e[0]
    SET r.purchase_count = e[1] RETURN count(r) AS changed_counts
}}
CALL () {{
    UNWIND $purchases {_OF_USERS} MATCH (p) WHERE id(p) = e[0] WITH u, p, e, {_TIMES}
    CREATE (u)-[:PURCHASED {{receipt_ids: e[1], timestamps: ts, times: n, first: ts[0], last: ts[n - 1],
        avg_interval_days: e[3], repurchase_likelihood: (n - 1.0) / n}}]->(p)
    RETURN count(*) AS purchases
}}
CALL () {{
    UNWIND $visits {_OF_USERS} MATCH (p:Retailer {{name: e[0]}})
    CREATE (u)-[:SHOPS_AT {{receipt_ids: e[1], frequency: size(e[1])}}]->(p) RETURN count(*) AS visits
}}
CALL () {{
    UNWIND $counts {_OF_USERS} MATCH (p:Category {{category_id: e[0]}})
    CREATE (u)-[:SHOPS_IN {{purchase_count: e[1]}}]->(p) RETURN count(*) AS counts
}}
RETURN changed_purchases + changed_visits + changed_counts + purchases + visits + counts"""
# [user, [[product, first, last], …]]: some time is unknown.
SET_ENDS: Final = (
    _EDGES
    + """MATCH (u)-[r:PURCHASED]->(:Product {product_id: e[0]})
SET r.first = CASE WHEN e[1] IS NULL THEN null ELSE datetime({epochMillis: e[1]}) END,
    r.last = CASE WHEN e[2] IS NULL THEN null ELSE datetime({epochMillis: e[2]}) END"""
)

# --- the recount pass
MARKS: Final = """
MATCH (n:Category) WHERE n.recount_since IS NOT NULL WITH n LIMIT 10000
RETURN collect(['Category', n.category_id, n.recount_since]) AS marks
UNION ALL
MATCH (n:Product) WHERE n.recount_since IS NOT NULL WITH n LIMIT 10000
RETURN collect(['Product', n.product_id, n.recount_since]) AS marks"""
CLEAR_PRODUCTS: Final = """
UNWIND $rows AS r MATCH (n:Product {product_id: r[0]}) SET n.product_id = r[0]
WITH n, r WHERE n.recount_since = r[1] REMOVE n.recount_since"""
CLEAR_CATEGORIES: Final = """
UNWIND $rows AS r MATCH (n:Category {category_id: r[0]}) SET n.category_id = r[0]
WITH n, r WHERE n.recount_since = r[1] REMOVE n.recount_since"""
PRODUCTS_OF: Final = """
MATCH (n:Product) WHERE n.category_id = $category AND n.product_id > $after
WITH n ORDER BY n.product_id LIMIT $limit RETURN collect(n.product_id)"""
PURCHASERS: Final = """
UNWIND $keys AS key MATCH (:Product {product_id: key})<-[:PURCHASED]-(u:User) WHERE u.user_id > $after
WITH DISTINCT u.user_id AS user_id ORDER BY user_id LIMIT $limit RETURN collect(user_id)"""
WRITES_UNDER_WAY: Final = """
SHOW TRANSACTIONS YIELD transactionId, metaData WHERE metaData.retrograph = 'write' RETURN collect(transactionId)"""

# The lease of the pass, on this server's clock. The lock is taken before anything is compared. One that lasts longer
# than it is given for is of a clock that was ahead: two passes at once are harmless, and waiting for it is not.
TAKE_LEASE: Final = """
MATCH (m:RetrographMeta {name: 'graph'}) SET m.name = 'graph'
WITH m, datetime.realtime().epochMillis AS now
WHERE m.recount_holder IS NULL OR m.recount_holder = $holder OR m.recount_until <= now
    OR m.recount_until > now + $millis
SET m.recount_holder = $holder, m.recount_until = now + $millis
RETURN true"""
RELEASE_LEASE: Final = """
MATCH (m:RetrographMeta {name: 'graph'}) SET m.name = 'graph'
WITH m WHERE m.recount_holder = $holder REMOVE m.recount_holder, m.recount_until"""

# --- the meta node
READ_META: Final = "MATCH (m:RetrographMeta {name: 'graph'}) RETURN m.graph_id, m.schema_version"
CREATE_META: Final = """
MERGE (m:RetrographMeta {name: 'graph'}) ON CREATE SET m.graph_id = randomUUID(), m.schema_version = 0
RETURN m.graph_id, m.schema_version"""
SET_VERSION: Final = """
MATCH (m:RetrographMeta {name: 'graph'}) WHERE m.schema_version < $version SET m.schema_version = $version"""
READ_NOTE: Final = "MATCH (n:RetrographNote {name: $name}) RETURN n.value"
WRITE_NOTE: Final = "MERGE (n:RetrographNote {name: $name}) SET n.value = $value"
DELETE_NOTE: Final = "MATCH (n:RetrographNote {name: $name}) DELETE n"

# --- scans, in order of key
_RECORD: Final = f"""
RETURN collect([{_USER}, u.last_updated_at.epochMillis,
    [(u)-[r:PURCHASED]->(p) | [{_PURCHASE}]],
    [(u)-[r:SHOPS_AT]->(p) | [p.name, r.receipt_ids, r.frequency]],
    [(u)-[r:SHOPS_IN]->(p) | [p.category_id, r.purchase_count]]])"""
NEXT_USERS: Final = """
MATCH (u:User) WHERE u.user_id > $after WITH u ORDER BY u.user_id LIMIT $limit
RETURN collect([u.user_id, COUNT { (u)-[:PURCHASED]->() }])"""
USERS: Final = "UNWIND $keys AS key MATCH (u:User {user_id: key})" + _RECORD
USER_IDS: Final = (
    "MATCH (u:User) WHERE u.user_id > $after WITH u ORDER BY u.user_id LIMIT $limit RETURN collect(u.user_id)"
)
SCAN_PRODUCTS: Final = f"""
MATCH (n:Product) WHERE n.product_id > $after WITH n ORDER BY n.product_id LIMIT $limit
RETURN collect([{_PRODUCT}, [(n)-[:IN_CATEGORY]->(c) | c.category_id]])"""
SCAN_CATEGORIES: Final = f"""
MATCH (n:Category) WHERE n.category_id > $after WITH n ORDER BY n.category_id LIMIT $limit
RETURN collect([{_CATEGORY}, [(n)-[:CHILD_OF]->(c) | c.category_id]])"""
SCAN_RETAILERS: Final = f"""
MATCH (n:Retailer) WHERE n.name > $after WITH n ORDER BY n.name LIMIT $limit RETURN collect([{_RETAILER}])"""
PRODUCT_NAMES: Final = """
UNWIND $keys AS key MATCH (n:Product {product_id: key}) WHERE n.name IS NOT NULL
RETURN collect([n.product_id, n.name])"""
CATEGORY_NAMES: Final = """
UNWIND $keys AS key MATCH (n:Category {category_id: key}) WHERE n.name IS NOT NULL
RETURN collect([n.category_id, n.name])"""

# --- counts of everything, each from the count store where Neo4j keeps one
STATS: Final = {
    "User": "MATCH (n:User) RETURN count(n)",
    "Product": "MATCH (n:Product) RETURN count(n)",
    "Category": "MATCH (n:Category) RETURN count(n)",
    "Retailer": "MATCH (n:Retailer) RETURN count(n)",
    "PURCHASED": "MATCH ()-[r:PURCHASED]->() RETURN count(r), coalesce(sum(r.times), 0)",
    "SHOPS_AT": "MATCH ()-[r:SHOPS_AT]->() RETURN count(r), coalesce(sum(r.frequency), 0)",
    "SHOPS_IN": "MATCH ()-[r:SHOPS_IN]->() RETURN count(r), coalesce(sum(r.purchase_count), 0)",
    "IN_CATEGORY": "MATCH ()-[r:IN_CATEGORY]->() RETURN count(r)",
    "CHILD_OF": "MATCH ()-[r:CHILD_OF]->() RETURN count(r)",
    "with_category": "MATCH (n:Product) WHERE n.category_id IS NOT NULL RETURN count(n)",
    "with_hierarchy": "MATCH (n:Product) WHERE n.category_hierarchy IS NOT NULL RETURN count(n)",
    "marked_products": "MATCH (n:Product) WHERE n.recount_since IS NOT NULL RETURN count(n)",
    "marked_categories": "MATCH (n:Category) WHERE n.recount_since IS NOT NULL RETURN count(n)",
}
