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
