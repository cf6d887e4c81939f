"""Settings of the flags."""

from pydantic import BaseModel, ConfigDict, Field


class FlagsSettings(BaseModel):
    """Where it is written which users a feature is on for."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    file: str | None = Field(
        default=None,
        min_length=1,
        description="The file of flags, YAML or JSON: a path or `s3://BUCKET/KEY`. None: there are no flags.",
    )
    bucket: str | None = Field(
        default=None,
        min_length=1,
        description="Where lists of ids lie that segments name without a scheme: a bucket, any URI, or a folder, "
        "whose path begins with `/` or `.`. "
        "Default: `{environment}-feature-flipper`.",
    )
    refresh_seconds: float = Field(
        default=30.0,
        ge=1,
        le=3600,
        description="Seconds between two looks at the file of flags, at its lists and at the enrolments: how late an "
        "opened gate may be seen. Only what has changed is read again.",
    )
    provider: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$",
        description="Another provider of OpenFeature that answers for the gate: `module:callable`, called without "
        "arguments. None: the file of flags is asked.",
    )
