"""What a value is stored as: examples, and the quick way held to the libraries' own answer."""

import ipaddress
from pathlib import Path

import phonenumbers
import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from retrograph.errors import ConfigurationError
from retrograph.facts import IDENTIFIER_TYPES
from retrograph.loading.blocking import read_block_list
from retrograph.loading.emails import normal_email
from retrograph.loading.identifiers import HashKey, Identifiers, normal_ip
from retrograph.loading.phones import PhoneNumbers
from retrograph.sources.users_walk import NO_VALUE

PACKAGED = Identifiers(read_block_list(None))
REGIONS = [
    (code, region)
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    for region in regions
    if region != "001"
]


@pytest.mark.parametrize(
    ("type_", "raw", "value"),
    [
        ("email", " Ann.Smith@Example.COM ", "ann.smith@example.com"),
        ("email", "ann@Bücher.example", "ann@bücher.example"),
        ("email", "ann@xn--bcher-kva.example", "ann@bücher.example"),
        ("phone", "+1 (415) 555-2671", "+14155552671"),
        ("phone", "+44 (0)20 7946 0958", "+442079460958"),
        ("device", "  6D92078A-8246-4BA4-AE5B-76104861E7DC", "6d92078a-8246-4ba4-ae5b-76104861e7dc"),
        ("ip", "2001:0DB8::0001", "2001:db8::1"),
        ("ip", "::ffff:81.0.0.1", "81.0.0.1"),
        ("payment", "Card-1", "card-1"),
    ],
)
def test_a_value_is_normalised(type_: str, raw: str, value: str) -> None:
    judged = PACKAGED.judge(type_, raw)

    assert judged is not None
    assert (judged.identifier, judged.blocked) == ((type_, value), None)


@pytest.mark.parametrize(
    ("type_", "raw"),
    [
        ("email", "ann@"),
        ("email", "ann smith@example.com"),
        ("phone", "415 555 2671"),
        ("phone", "+1 11"),
        ("phone", "call me"),
        ("ip", "81.0.0.256"),
        ("ip", "81.0.0.1:80"),
        ("device", "x" * 300),
        ("payment", "a\x00b"),
        *((type_, NO_VALUE) for type_ in IDENTIFIER_TYPES),
    ],
)
def test_garbage_is_no_identifier(type_: str, raw: str) -> None:
    assert PACKAGED.judge(type_, raw) is None


@pytest.mark.parametrize(
    ("type_", "raw", "name"),
    [
        ("email", "NULL", "placeholder"),
        ("phone", "0000000000", "placeholder"),
        ("phone", "+1111111111", "placeholder"),
        ("device", "00000000-0000-0000-0000-000000000000", "placeholder"),
        ("ip", "192.168.1.10", "private"),
        ("ip", "::ffff:10.1.2.3", "private"),
        ("ip", "FE80::1", "private"),
        ("ip", "0.0.0.0", "placeholder"),
    ],
)
def test_what_names_nobody_is_kept_and_blocked(type_: str, raw: str, name: str) -> None:
    judged = PACKAGED.judge(type_, raw)

    assert judged is not None
    assert judged.blocked == name


def test_a_number_without_a_country_code_belongs_to_the_configured_region() -> None:
    assert PhoneNumbers("US").normal("415 555 2671") == "+14155552671"
    assert PhoneNumbers("DE").normal("030 901820") == "+4930901820"
    assert PhoneNumbers("DE").normal("+1 415 555 2671") == "+14155552671"


@pytest.mark.parametrize(("region", "sentence"), [("XX", "no country"), ("UK", "Great Britain is GB")])
def test_a_region_that_is_none_is_named_before_anything_is_judged(region: str, sentence: str) -> None:
    with pytest.raises(ConfigurationError, match=f"RETROGRAPH_IDENTIFIERS_PHONE_REGION is {region}.*{sentence}"):
        Identifiers(read_block_list(None), region=region)


def test_a_hash_hides_the_value_and_names_its_key_and_blocking_is_decided_before() -> None:
    keyed = Identifiers(read_block_list(None), key=HashKey(key_id="k7", secret=b"secret"))

    mail, word = keyed.judge("email", "A@example.com"), keyed.judge("email", "null")

    assert mail is not None and word is not None
    # printf a@example.com | openssl dgst -sha256 -hmac secret
    assert mail.identifier.value == "k7:0607236cc2fc521ca815254262b7014cb54eb5488f266e4777158cc52a33cfe9"
    assert mail == keyed.judge("email", " a@EXAMPLE.com")
    assert (word.blocked, "null" in word.identifier.value) == ("placeholder", False)
    assert "secret" not in repr(HashKey(key_id="k7", secret=b"secret"))


def test_an_operators_list_adds_to_the_packaged_one_and_takes_back(tmp_path: Path) -> None:
    file = tmp_path / "block.txt"
    file.write_text(
        "# ours\nip 203.0.113.0/24 public-proxy\nip 10.1.0.0/16 -\nemail /noreply@.*/ role\n* test -\ndevice ABC lab\n"
    )
    ours = Identifiers(read_block_list(file))

    def blocked(type_: str, raw: str) -> str | None:
        judged = ours.judge(type_, raw)
        assert judged is not None
        return judged.blocked

    assert blocked("ip", "203.0.113.9") == "public-proxy"
    assert (blocked("ip", "10.1.2.3"), blocked("ip", "10.2.2.3")) == (None, "private")
    assert blocked("email", "noreply@example.com") == "role"
    assert blocked("device", "abc") == "lab"
    assert blocked("device", "test") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ip 1.2.3.0/24", "line 1 must be TYPE VALUE CLASS"),
        ("# x\nfax 1 x", "line 2 must be TYPE VALUE CLASS, TYPE one of email"),
        ("ip 1.2.3.0/99 proxy", "line 1 cannot be read"),
        ("email /(/ role", "line 1 cannot be read"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    file = tmp_path / "block.txt"
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=sentence):
        read_block_list(file)


@given(
    st.from_regex(r"[a-z0-9._+'\"-]{1,66}@[a-z0-9.-]{1,30}\.[a-z]{2,5}", fullmatch=True)
    | st.emails().map(str.lower)
    | st.text(max_size=30)
)
@example("a..b@example.com")
@example("x" * 65 + "@example.com")
def test_an_address_gets_the_librarys_answer(text: str) -> None:
    try:
        expected: str | None = validate_email(text, check_deliverability=False).normalized.lower()
    except EmailNotValidError:
        expected = None

    assert normal_email(text) == expected


@given(st.sampled_from(REGIONS), st.data())
def test_a_number_gets_the_librarys_answer(place: tuple[int, str], data: st.DataObject) -> None:
    code, region = place
    kind = data.draw(st.sampled_from(range(10)))
    example_number = phonenumbers.example_number_for_type(region, kind)
    digits = str(example_number.national_number) if example_number is not None else "123456789"
    kept = data.draw(st.integers(0, len(digits)))
    rest = data.draw(st.text("0123456789", min_size=max(0, 5 - kept), max_size=len(digits) - kept + 1 + 5))
    spaces = data.draw(st.sampled_from(["", " ", "-", " ("]))
    text = f"+{code}{spaces}{digits[:kept]}{rest}"

    assert PhoneNumbers().normal(text) == PhoneNumbers()._in_full(text)


@given(st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,3}){3}", fullmatch=True) | st.ip_addresses().map(str))
def test_an_ip_address_gets_the_librarys_answer(text: str) -> None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        assert normal_ip(text) is None
        return
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    assert normal_ip(text) == str(mapped or address)
