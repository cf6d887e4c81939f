"""The SQL of the embedded graph, each statement under a name and with what it is for."""

from typing import Final

# Makes a node if it is missing. The one writer's transaction holds the database's write lock already.
CREATE_CATEGORY: Final = "INSERT INTO graph_category (category_id) VALUES (?) ON CONFLICT DO NOTHING"
CREATE_PRODUCT: Final = "INSERT INTO graph_product (product_id) VALUES (?) ON CONFLICT DO NOTHING"
CREATE_RETAILER: Final = "INSERT INTO graph_retailer (name) VALUES (?) ON CONFLICT DO NOTHING"
CREATE_USER: Final = "INSERT INTO graph_user (user_id) VALUES (?) ON CONFLICT DO NOTHING"

_PRODUCT_COLUMNS: Final = (
    "product_id, name, name_rank, name_day, brand, brand_rank, brand_day, "
    "category_id, category_id_rank, category_id_day, category_hierarchy"
)
_CATEGORY_COLUMNS: Final = "category_id, name, name_rank, name_day, hierarchy, hierarchy_rank, hierarchy_day"
_RETAILER_COLUMNS: Final = "name, channel, channel_rank, channel_day"

# Which of the keys, as one JSON array, are named already: another writer had taken their nodes away.
NAMED_CATEGORIES: Final = """
SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM graph_product WHERE category_id = value)"""
NAMED_PRODUCTS: Final = """
SELECT value FROM json_each(?) WHERE value IN (SELECT product_id FROM graph_gone_product)"""

# Nodes by key, the keys as one JSON array.
READ_PRODUCTS: Final = (
    f"SELECT {_PRODUCT_COLUMNS} FROM graph_product WHERE product_id IN (SELECT value FROM json_each(?))"
)
READ_CATEGORIES: Final = (
    f"SELECT {_CATEGORY_COLUMNS} FROM graph_category WHERE category_id IN (SELECT value FROM json_each(?))"
)
READ_RETAILERS: Final = f"SELECT {_RETAILER_COLUMNS} FROM graph_retailer WHERE name IN (SELECT value FROM json_each(?))"

# The next nodes in order of key.
SCAN_PRODUCTS: Final = f"SELECT {_PRODUCT_COLUMNS} FROM graph_product WHERE product_id > ? ORDER BY product_id LIMIT ?"
SCAN_CATEGORIES: Final = (
    f"SELECT {_CATEGORY_COLUMNS} FROM graph_category WHERE category_id > ? ORDER BY category_id LIMIT ?"
)
SCAN_RETAILERS: Final = f"SELECT {_RETAILER_COLUMNS} FROM graph_retailer WHERE name > ? ORDER BY name LIMIT ?"

# A joined node as it shall be; a mark stays unless a new one replaces it.
WRITE_PRODUCT: Final = """
UPDATE graph_product SET name = ?, name_rank = ?, name_day = ?, brand = ?, brand_rank = ?, brand_day = ?,
    category_id = ?, category_id_rank = ?, category_id_day = ?, category_hierarchy = ?,
    recount_since = coalesce(?, recount_since)
WHERE product_id = ?"""
WRITE_CATEGORY: Final = """
UPDATE graph_category SET name = ?, name_rank = ?, name_day = ?, hierarchy = ?, hierarchy_rank = ?, hierarchy_day = ?,
    recount_since = coalesce(?, recount_since)
WHERE category_id = ?"""
WRITE_RETAILER: Final = """
UPDATE graph_retailer SET channel = ?, channel_rank = ?, channel_day = ? WHERE name = ?"""

# A user's own properties, by ids as one JSON array.
READ_USERS: Final = """
SELECT user_id, first_seen_at, retracted_receipt_ids, loaded_at, loaded_by, last_updated_at
FROM graph_user WHERE user_id IN (SELECT value FROM json_each(?))"""
SCAN_USERS: Final = """
SELECT user_id, first_seen_at, retracted_receipt_ids, loaded_at, loaded_by, last_updated_at
FROM graph_user WHERE user_id > ? ORDER BY user_id LIMIT ?"""
SCAN_USER_IDS: Final = "SELECT user_id FROM graph_user WHERE user_id > ? ORDER BY user_id LIMIT ?"

# One user's edges: all, or those to the named nodes.
_PURCHASE_COLUMNS: Final = (
    "product_id, receipt_ids, timestamps, times, first, last, avg_interval_days, repurchase_likelihood"
)
READ_PURCHASES: Final = f"SELECT {_PURCHASE_COLUMNS} FROM graph_purchased WHERE user_id = ?"
# All of one user's purchases as three texts, to be compared with texts of the facts: how many edges there are, how many
# of them are sound, then the products by line, the lists of receipts and the lists of instants. A list that ends with
# its only bracket is one list, so lists that are put together cannot be taken for others. Null is never sound.
READ_PURCHASES_AS_TEXT: Final = """
SELECT count(*), sum(CASE WHEN times = 1
    THEN first = last AND timestamps = '[' || first || ']' AND instr(receipt_ids, ']') = length(receipt_ids)
        AND avg_interval_days = 0 AND repurchase_likelihood = 0
    ELSE instr(receipt_ids, ']') = length(receipt_ids) AND instr(timestamps, ']') = length(timestamps)
        AND times = json_array_length(receipt_ids)
        AND first = json_extract(timestamps, '$[0]') AND last = json_extract(timestamps, '$[#-1]')
        AND avg_interval_days = (last - first) / (times - 1.0) / 86400000.0
        AND repurchase_likelihood = (times - 1.0) / times
    END), group_concat(product_id, char(10)), group_concat(receipt_ids), group_concat(timestamps)
FROM graph_purchased WHERE user_id = ?"""
READ_TOUCHED_PURCHASES: Final = (
    f"SELECT {_PURCHASE_COLUMNS} FROM graph_purchased "
    "WHERE user_id = ? AND product_id IN (SELECT value FROM json_each(?))"
)
READ_VISITS: Final = "SELECT retailer, receipt_ids, frequency FROM graph_shops_at WHERE user_id = ?"
READ_TOUCHED_VISITS: Final = (
    "SELECT retailer, receipt_ids, frequency FROM graph_shops_at "
    "WHERE user_id = ? AND retailer IN (SELECT value FROM json_each(?))"
)
READ_COUNTS: Final = "SELECT category_id, purchase_count FROM graph_shops_in WHERE user_id = ?"
READ_TOUCHED_COUNTS: Final = READ_COUNTS + " AND category_id IN (SELECT value FROM json_each(?))"

# The edges of all users from one id to another.
RANGE_PURCHASES: Final = (
    f"SELECT user_id, {_PURCHASE_COLUMNS} FROM graph_purchased WHERE user_id BETWEEN ? AND ? ORDER BY user_id"
)
RANGE_VISITS: Final = (
    "SELECT user_id, retailer, receipt_ids, frequency FROM graph_shops_at WHERE user_id BETWEEN ? AND ?"
)
RANGE_COUNTS: Final = "SELECT user_id, category_id, purchase_count FROM graph_shops_in WHERE user_id BETWEEN ? AND ?"

# The stored categories of products, by ids as one JSON array.
READ_PRODUCT_CATEGORIES: Final = (
    "SELECT product_id, category_id FROM graph_product WHERE product_id IN (SELECT value FROM json_each(?))"
)

# The difference of one user.
WRITE_USER: Final = """
UPDATE graph_user SET first_seen_at = coalesce(?, first_seen_at),
    retracted_receipt_ids = coalesce(?, retracted_receipt_ids),
    loaded_at = coalesce(?, loaded_at), loaded_by = coalesce(?, loaded_by),
    last_updated_at = max(ifnull(last_updated_at, 0), ?)
WHERE user_id = ?"""
CREATE_PURCHASE: Final = "INSERT INTO graph_purchased VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
UPDATE_PURCHASE: Final = """
UPDATE graph_purchased SET receipt_ids = ?, timestamps = ?, times = ?, first = ?, last = ?, avg_interval_days = ?,
    repurchase_likelihood = ?
WHERE user_id = ? AND product_id = ?"""
DELETE_PURCHASE: Final = "DELETE FROM graph_purchased WHERE user_id = ? AND product_id = ?"
CREATE_VISIT: Final = "INSERT INTO graph_shops_at VALUES (?, ?, ?, ?)"
UPDATE_VISIT: Final = "UPDATE graph_shops_at SET receipt_ids = ?, frequency = ? WHERE user_id = ? AND retailer = ?"
DELETE_VISIT: Final = "DELETE FROM graph_shops_at WHERE user_id = ? AND retailer = ?"
CREATE_COUNT: Final = "INSERT INTO graph_shops_in VALUES (?, ?, ?)"
UPDATE_COUNT: Final = "UPDATE graph_shops_in SET purchase_count = ? WHERE user_id = ? AND category_id = ?"
DELETE_COUNT: Final = "DELETE FROM graph_shops_in WHERE user_id = ? AND category_id = ?"

# Which of the nodes that new edges lead to are there. Nothing can change between this and the edges' insertion.
PRESENT_RETAILERS: Final = "SELECT name FROM graph_retailer WHERE name IN (SELECT value FROM json_each(?))"
PRESENT_CATEGORIES: Final = (
    "SELECT category_id FROM graph_category WHERE category_id IN (SELECT value FROM json_each(?))"
)

# What a recount pass walks, and the marks it takes off if they are still the same.
MARKS: Final = """
SELECT 'Category', category_id, recount_since FROM graph_category WHERE recount_since IS NOT NULL
UNION ALL SELECT 'Product', product_id, recount_since FROM graph_product WHERE recount_since IS NOT NULL
LIMIT 10000"""
CLEAR_PRODUCT: Final = "UPDATE graph_product SET recount_since = NULL WHERE product_id = ? AND recount_since = ?"
CLEAR_CATEGORY: Final = "UPDATE graph_category SET recount_since = NULL WHERE category_id = ? AND recount_since = ?"
PRODUCTS_OF: Final = """
SELECT product_id FROM graph_product WHERE category_id = ? AND product_id > ? ORDER BY product_id LIMIT ?"""

# Who bought a product: what was noted beside new edges, folded into an order of its own when a pass asks for it. A
# folded pair whose edge has gone is passed over.
NOTE_PURCHASES: Final = "INSERT INTO graph_new_purchases (user_id, product_ids) VALUES (?, ?)"
NEXT_NOTES: Final = "SELECT number, length(product_ids) FROM graph_new_purchases ORDER BY number LIMIT ?"
FOLD_NOTES: Final = """
INSERT OR IGNORE INTO graph_purchaser
SELECT value, user_id FROM graph_new_purchases, json_each(product_ids) WHERE number <= ? ORDER BY value, user_id"""
FORGET_NOTES: Final = "DELETE FROM graph_new_purchases WHERE number <= ?"
PURCHASERS: Final = """
SELECT user_id FROM graph_purchaser AS pair WHERE product_id = ? AND user_id > ? AND EXISTS (
    SELECT 1 FROM graph_purchased AS edge WHERE edge.user_id = pair.user_id AND edge.product_id = pair.product_id)
ORDER BY user_id LIMIT ?"""

# The meta node: one row a property.
READ_META: Final = "SELECT value FROM graph_meta WHERE name = ?"
WRITE_META: Final = "INSERT INTO graph_meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
INIT_META: Final = "INSERT INTO graph_meta VALUES (?, ?) ON CONFLICT DO NOTHING"
DELETE_META: Final = "DELETE FROM graph_meta WHERE name = ?"

# Names for people.
PRODUCT_NAMES: Final = (
    "SELECT product_id, name FROM graph_product "
    "WHERE name IS NOT NULL AND product_id IN (SELECT value FROM json_each(?))"
)
CATEGORY_NAMES: Final = (
    "SELECT category_id, name FROM graph_category "
    "WHERE name IS NOT NULL AND category_id IN (SELECT value FROM json_each(?))"
)

# Counts of everything; a derived edge counts where the property it follows from is there.
STATS: Final = """
SELECT (SELECT count(*) FROM graph_user), (SELECT count(*) FROM graph_product),
    (SELECT count(*) FROM graph_category), (SELECT count(*) FROM graph_retailer),
    purchased.edges, purchased.total, shops_at.edges, shops_at.total, shops_in.edges, shops_in.total,
    (SELECT count(*) FROM graph_product WHERE category_id IS NOT NULL),
    (SELECT count(*) FROM graph_category WHERE json_array_length(hierarchy) > 1),
    (SELECT count(*) FROM graph_product WHERE category_hierarchy IS NOT NULL),
    (SELECT count(*) FROM graph_product WHERE recount_since IS NOT NULL)
        + (SELECT count(*) FROM graph_category WHERE recount_since IS NOT NULL)
FROM (SELECT count(*) AS edges, ifnull(sum(times), 0) AS total FROM graph_purchased) AS purchased,
    (SELECT count(*) AS edges, ifnull(sum(frequency), 0) AS total FROM graph_shops_at) AS shops_at,
    (SELECT count(*) AS edges, ifnull(sum(purchase_count), 0) AS total FROM graph_shops_in) AS shops_in"""
