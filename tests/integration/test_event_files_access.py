"""Whoever may not enter is told so in one sentence, and there is no job."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.command_line import CommandLine, Ended
from tests.integration.event_files import load, receipt
from tests.servers.token_service import EXTERNAL_ID, ROLE, token_service
from tests.servers.versitygw import VersitygwServer


@pytest.fixture(scope="module")
def accesses(versitygw: VersitygwServer) -> Iterator[dict[str, dict[str, str]]]:
    """Environments by what is wrong with them."""
    yield {
        "nothing": versitygw.credentials(),
        "wrong key": versitygw.credentials(AWS_ACCESS_KEY_ID="nobody"),
        "wrong secret": versitygw.credentials(AWS_SECRET_ACCESS_KEY="wrong"),
        "forbidden": versitygw.add_user("mallory"),
        "another region": versitygw.credentials(AWS_REGION="eu-west-1"),
    }


@pytest.mark.parametrize(
    ("access", "uri", "more", "says"),
    [
        ("wrong key", "s3://{bucket}/x", (), "the AWS access key is not known there"),
        ("wrong secret", "s3://{bucket}/x", (), "the AWS secret does not belong to the access key"),
        ("forbidden", "s3://{bucket}/x", (), "may not be read with these AWS credentials"),
        ("another region", "s3://{bucket}/x", (), "in region us-east-1"),
        ("nothing", "s3://no-such-bucket/x", (), "there is no bucket no-such-bucket"),
        ("nothing", "file:///no/such/folder", (), "there is no folder /no/such/folder"),
        ("nothing", "ftp://x/y", (), "is no address of event files"),
        ("nothing", "s3://{bucket}/x", ("--credentials", "other"), "there are no credentials called 'other'"),
        ("nothing", "s3://{bucket}/x", ("--events", "clicks"), "events is one of receipts, factoids, identity, auto"),
        ("nothing", "s3://{bucket}/x", ("--map", "member=user_id"), "there is no column 'member' to map"),
        ("nothing", "s3://{bucket}/x", ("--gate",), "there is no gate: it is made of flags"),
        ("nothing", "s3://{bucket}/x", ("--since", "soon"), "since must be an instant"),
    ],
)
def test_what_cannot_be_entered_makes_no_job(
    cli: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    versitygw: VersitygwServer,
    accesses: dict[str, dict[str, str]],
    access: str,
    uri: str,
    more: tuple[str, ...],
    says: str,
) -> None:
    bucket = versitygw.new_bucket()
    for name, value in accesses[access].items():
        monkeypatch.setenv(name, value)
    ended = load(cli, uri.format(bucket=bucket), *more)
    assert ended.code == 2 and ended.out == "", ended.err
    (line,) = ended.err.strip().splitlines()
    assert line.startswith("error: ") and says in line
    assert cli.left() == []


def test_a_named_profile_enters_with_its_own_keys_and_shows_no_secret(
    cli: CommandLine, tmp_path: Path, versitygw: VersitygwServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = versitygw.new_bucket()
    versitygw.client().put_object(Bucket=bucket, Key="in/a.json", Body=receipt(1))
    monkeypatch.setenv("PARTNER_SECRET", versitygw.secret_key)
    (tmp_path / "retrograph.toml").write_text(
        f'[credentials.partner]\naccess_key_id = "{versitygw.access_key}"\nsecret_access_key_variable = '
        f'"PARTNER_SECRET"\nregion = "us-east-1"\nendpoint = "{versitygw.endpoint}"\n'
    )
    done = load(cli, f"s3://{bucket}/in", "--credentials", "partner")
    assert done.code == 0, done.err
    assert done.json["spec"]["source"]["credentials"] == "partner"
    assert versitygw.secret_key not in done.out + done.err

    monkeypatch.setenv("PARTNER_SECRET", "wrong")
    wrong = load(cli, f"s3://{bucket}/in", "--credentials", "partner")
    assert wrong.code == 2 and "the AWS secret does not belong to the access key" in wrong.err


def test_a_role_is_taken_on_with_its_external_id_and_a_wrong_one_is_named(
    cli: CommandLine, tmp_path: Path, versitygw: VersitygwServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = versitygw.new_bucket()
    versitygw.client().put_object(Bucket=bucket, Key="in/a.json", Body=receipt(1))
    monkeypatch.setenv("AWS_ENDPOINT_URL", versitygw.endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "of-this-machine")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")

    def loaded(role: str, external_id: str) -> Ended:
        (tmp_path / "retrograph.toml").write_text(
            f'[credentials.partner]\nrole_arn = "{role}"\nexternal_id = "{external_id}"\nregion = "us-east-1"\n'
        )
        return load(cli, f"s3://{bucket}/in", "--credentials", "partner")

    with token_service(versitygw.access_key, versitygw.secret_key) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", address)
        other = "arn:aws:iam::123456789012:role/another"
        for role, external_id, says in (
            ("arn:aws:iam::12:role/x", EXTERNAL_ID, "must be the ARN of a role, such as arn:aws:iam::123456789012"),
            (other, EXTERNAL_ID, f"the role {other} cannot be taken on: AccessDenied"),
            (ROLE, "guessed", f"the role {ROLE} cannot be taken on: AccessDenied"),
        ):
            refused = loaded(role, external_id)
            assert refused.code == 2 and says in refused.err, refused.err
        assert cli.left() == ["retrograph.toml"]
        done = loaded(ROLE, EXTERNAL_ID)
    assert done.code == 0, done.err
    assert done.json["spec"]["source"]["role_arn"] == ROLE
    assert versitygw.secret_key not in done.out + done.err
    away = loaded(ROLE, EXTERNAL_ID)
    assert away.code == 3 and "the token service does not answer" in away.err
