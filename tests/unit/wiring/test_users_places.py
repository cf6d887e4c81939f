"""What a job says of where its users' identifiers come from."""

from retrograph.sources.users_mapping import UsersMapping, read_places
from retrograph.wiring.identity import places_of


def test_every_place_of_a_type_is_said() -> None:
    places = read_places({"email": "email contacts.address:by=owner", "phone": "profile/phones", "ip": None})
    mapping = UsersMapping(table="users", user_id="user_id", created_at="created_at", places=places)

    assert places_of(mapping) == {"email": "email contacts.address", "phone": "profile/phones"}
