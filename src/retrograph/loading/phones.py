"""Phone numbers, judged by `phonenumbers`, as E.164.

Parsing one in full takes the library some 50 µs. A number that is written in E.164 already is valid exactly if it
fits one of the patterns of its calling code, which are the library's own, compiled once into one.
"""

import re
from functools import lru_cache
from typing import Final

import phonenumbers
from phonenumbers import (
    COUNTRY_CODE_TO_REGION_CODE,
    SUPPORTED_REGIONS,
    PhoneMetadata,
    PhoneNumberDesc,
    PhoneNumberFormat,
)

from retrograph.errors import ConfigurationError

_E164: Final = re.compile(r"\+[1-9][0-9]{5,14}")
_SPACED: Final = re.compile(r"\+[1-9][0-9 ().-]{5,24}")
_SPACES: Final = str.maketrans("", "", " ().-")
_KINDS: Final = (
    "fixed_line",
    "mobile",
    "toll_free",
    "premium_rate",
    "shared_cost",
    "personal_number",
    "voip",
    "pager",
    "uan",
    "voicemail",
)


class PhoneNumbers:
    """Judges numbers. Those without a country code belong to `region` (`DE`, `US`), or to nobody. Raises
    ConfigurationError for a region that is none."""

    def __init__(self, region: str | None = None) -> None:
        if region is not None and region not in SUPPORTED_REGIONS:
            hint = "; Great Britain is GB" if region == "UK" else ""
            raise ConfigurationError(
                f"RETROGRAPH_IDENTIFIERS_PHONE_REGION is {region}, which is no country that has phone numbers{hint}"
            )
        self._region = region

    def normal(self, text: str) -> str | None:
        """The number as E.164; `None` where it is invalid."""
        digits = text.translate(_SPACES) if _SPACED.fullmatch(text) else text
        if _E164.fullmatch(digits):
            plain = _plain_numbers(_calling_code(digits))
            if plain is not None and plain.fullmatch(digits):
                return digits
        return self._in_full(text)

    def _in_full(self, text: str) -> str | None:
        try:
            number = phonenumbers.parse(text, self._region)
        except phonenumbers.NumberParseException:
            return None
        if not phonenumbers.is_valid_number(number):
            return None
        return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def _calling_code(text: str) -> int:
    for end in (2, 3, 4):
        code = int(text[1:end])
        if code in COUNTRY_CODE_TO_REGION_CODE:
            return code
    return 0


@lru_cache(maxsize=512)
def _plain_numbers(code: int) -> re.Pattern[str] | None:
    """What every number of a calling code that needs no second look matches."""
    regions = COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    found = [_region_pattern(code, region) for region in regions]
    patterns = [pattern for pattern in found if pattern is not None]
    return re.compile(rf"\+{code}(?:{'|'.join(patterns)})") if patterns else None


def _region_pattern(code: int, region: str) -> str | None:
    metadata = (
        PhoneMetadata.metadata_for_nongeo_region(code) if region == "001" else PhoneMetadata.metadata_for_region(region)
    )
    if metadata is None:
        return None
    kinds = [_kind_pattern(getattr(metadata, kind)) for kind in _KINDS]
    patterns = "|".join(pattern for pattern in kinds if pattern is not None)
    if not patterns:
        return None
    # What might be a national prefix is for the library to take away or to leave, and so is a leading zero.
    prefix = metadata.national_prefix_for_parsing
    general = metadata.general_desc.national_number_pattern if metadata.general_desc else ".*"
    second_look = f"(?!0)(?!{prefix})" if prefix else "(?!0)"
    leading = f"(?={metadata.leading_digits})" if metadata.leading_digits else ""
    return f"{second_look}{leading}(?=(?:{general})$)(?:{patterns})"


def _kind_pattern(kind: PhoneNumberDesc | None) -> str | None:
    if kind is None or not kind.national_number_pattern:
        return None
    lengths = [length for length in kind.possible_length if length > 0]
    sized = "|".join(f"[0-9]{{{length}}}" for length in lengths)
    return f"(?=(?:{sized})$)(?:{kind.national_number_pattern})" if lengths else kind.national_number_pattern
