"""Where a file of ids lies that a segment names."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Locations:
    """`bucket` is where names without a scheme lie: a bucket's name, any URI up to the last slash, or a folder, whose
    path begins with `/` or `.`."""

    bucket: str

    def of(self, name: str) -> str:
        """An URI or an absolute path as it stands; any other name lies in the bucket."""
        if "://" in name or name.startswith("/"):
            return name
        place = "://" in self.bucket or self.bucket.startswith(("/", "."))
        base = self.bucket if place else f"s3://{self.bucket}"
        return f"{base.rstrip('/')}/{name}"
