"""Settings of the identity graph: the users table that it is caught up from, and how identifiers are treated."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

from retrograph.config.values import SecretFile, Url, secret_of


class _Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def _any_url(url: Url) -> Url:
    text = url.get_secret_value().strip()
    if "://" not in text:
        raise ValueError("is not a URL: write DIALECT://USER@HOST/DATABASE, or sqlite:///FILE")
    return Url(text)


TableUrl = Annotated[Url, AfterValidator(_any_url)]

_PLACE = "Where {} are: `COLUMN`, `COLUMN/KEY` in a JSON column, `TABLE.COLUMN` in a child table. None: nowhere."


class UsersSettings(_Group):
    """The table that `backfill identity` walks; it is only read. Any database that SQLAlchemy reaches.

    Where identifiers are is said for each type: a column of the table (`email`); a member of a JSON column, a text or
    a list of them (`profile/contact/emails`); a column of a child table, which is joined by the column of the same
    name as the user's id or by another one, and may have an instant of its own
    (`crm.user_phones.phone:by=owner_id:at=first_used_at`). Several of them, separated by spaces, are all read.
    """

    url: TableUrl | None = Field(
        default=None,
        description="The database, as a URL of SQLAlchemy: `postgresql://USER@HOST/DATABASE`, `sqlite:///FILE`, …",
    )
    table: str = Field(
        default="users",
        pattern=r"\S",
        description="The table or view, with its schema where it needs one: `crm.users`.",
    )
    user_id: str = Field(default="user_id", pattern=r"\S", description="The column of the user's id. It never changes.")
    created_at: str = Field(
        default="created_at",
        pattern=r"\S",
        description="The column that says when the user signed up. It never changes; without a time zone it is UTC.",
    )
    email: str | None = Field(default=None, description=_PLACE.format("e-mail addresses"))
    phone: str | None = Field(default=None, description=_PLACE.format("phone numbers"))
    device: str | None = Field(default=None, description=_PLACE.format("ids of devices"))
    ip: str | None = Field(default=None, description=_PLACE.format("IP addresses"))
    payment: str | None = Field(default=None, description=_PLACE.format("means of payment"))
    walk_by: Literal["created_at", "user_id"] = Field(
        default="created_at",
        description="`created_at`: in order of (created_at, user_id), which wants an index on both; a later run goes "
        "on where the last one ended. `user_id`: in order of the id alone; a later run starts over, because ids need "
        "not grow with time.",
    )


class IdentifierSettings(_Group):
    """How identifiers are stored, and from when on they link nobody.

    An identifier that is blocked, or that more users share than the limit of its type, is *generic*: it is kept, and
    links nobody. That is computed when it is read, so a limit counts at once.
    """

    hmac_key: SecretStr | None = Field(
        default=None,
        description="A secret: values are stored as their HMAC-SHA-256 with it. None: as they are. Keep it: with "
        "another one the same value is another identifier.",
    )
    hmac_key_file: SecretFile | None = Field(default=None, description="A file that holds that secret.")
    hmac_key_id: str = Field(
        default="k1",
        pattern=r"^[A-Za-z0-9_.-]{1,32}$",
        description="The secret's name, which is stored before each hash, so that another secret can be told apart.",
    )
    phone_region: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="The country (`DE`, `US`) of phone numbers that have no country code. None: such numbers are "
        "invalid, because they could be anybody's.",
    )
    block_list: Path | None = Field(
        default=None,
        description="A file of values that name nobody, added to the packaged list: on each line a type (or `*`), a "
        "value, and a class (`placeholder`, `private`, `public-proxy`, or a word of yours). A value is a text, a "
        "network (`203.0.113.0/24`) or `/a pattern/`; the class `-` takes an earlier line back.",
    )
    email_limit: int = Field(default=3, ge=1, le=100_000, description="Users who may share an e-mail address.")
    phone_limit: int = Field(default=5, ge=1, le=100_000, description="Users who may share a phone number.")
    device_limit: int = Field(default=10, ge=1, le=100_000, description="Users who may share a device.")
    ip_limit: int = Field(default=20, ge=1, le=100_000, description="Users who may share an IP address.")
    payment_limit: int = Field(default=5, ge=1, le=100_000, description="Users who may share a means of payment.")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.hmac_key and self.hmac_key_file:
            raise ValueError("hmac_key and hmac_key_file are both set: keep one of them")
        return self

    @property
    def secret(self) -> SecretStr | None:
        """The secret of the HMAC, wherever it is kept."""
        return secret_of(self.hmac_key_file) if self.hmac_key_file else self.hmac_key

    @property
    def limits(self) -> dict[str, int]:
        """How many users may share an identifier of each type before it is generic."""
        return {
            "email": self.email_limit,
            "phone": self.phone_limit,
            "device": self.device_limit,
            "ip": self.ip_limit,
            "payment": self.payment_limit,
        }
