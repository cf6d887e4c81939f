"""Settings of enrolments and of the detector."""

from pydantic import BaseModel, ConfigDict, Field


class EnrolmentSettings(BaseModel):
    """How a user whose gate was opened gets a history without a gap."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    settle_seconds: float = Field(
        default=900.0,
        ge=0,
        le=86_400,
        description="Seconds after which a history service tells everything that has happened: so long, and "
        "`RETROGRAPH_FLAGS_REFRESH_SECONDS` more, after a gate was opened the user is loaded a second time.",
    )
    retry_seconds: float = Field(
        default=60.0,
        ge=1,
        le=3_600,
        description="Seconds after which a server tries a load of an opened gate again that has failed; twice as long "
        "after each further attempt, an hour at most. After 24 attempts it is left to an operator.",
    )
    lookback_days: int = Field(
        default=365,
        ge=1,
        le=3_650,
        description="How many days of history are loaded for users who are enrolled or newly covered by the flag.",
    )


class DetectorSettings(BaseModel):
    """How users are found whom the flag has come to cover."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    every_seconds: float = Field(
        default=3600.0,
        ge=0,
        le=604_800,
        description="Seconds between two looks for users whom the flag has come to cover; 0: a server never looks, "
        "only `retrograph detect` does.",
    )
    candidates: str = Field(
        default="flag",
        min_length=1,
        description="Who is looked at: `flag` (everybody whom the flag's segments name), `users-table`, a path or "
        "`s3://BUCKET/KEY` of a list of ids.",
    )
