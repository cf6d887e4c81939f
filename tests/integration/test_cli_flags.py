"""`retrograph flags`, as an operator types it."""

from pathlib import Path

from tests.integration.command_line import CommandLine
from tests.servers.server import free_port

DOCUMENT = """
flags:
  consumer_graph_ingestion:
    segments:
      - {name: Internal Users, internalUsers: true, rollout: 100}
      - {name: Team Users, allowedIDs: "hh-0001, hh-0002", rollout: 100}
      - {name: Beta Users, allowedS3IDs: beta.csv, rollout: 100}
      - {name: Everybody, rollout: 0}
internal_users: {suffixes: ["@example.com"]}
"""


def with_flags(folder: Path, document: str = DOCUMENT) -> CommandLine:
    (folder / "flags.yaml").write_text(document)
    (folder / "beta.csv").write_text("user_id,since\nhh-0002,1\n hh-0003 ,2\n")
    return CommandLine(folder, flags_file="flags.yaml", flags_bucket=str(folder))


def test_flags_are_listed_with_what_their_segments_name(tmp_path: Path) -> None:
    listed = with_flags(tmp_path).run("flags", "list", "--json").json
    assert [(one["segment"], one["names"], one["ids"], one["rollout"]) for one in listed] == [
        ("Internal Users", "internal users (*@example.com)", 0, 100),
        ("Team Users", "ids", 2, 100),
        ("Beta Users", "beta.csv", 2, 100),
        ("Everybody", "everybody", 0, 0),
    ]


def test_a_user_is_checked(tmp_path: Path) -> None:
    cli = with_flags(tmp_path)
    for user, segments in (
        ("hh-0002", ["Team Users", "Beta Users"]),
        ("me@example.com", ["Internal Users"]),
        ("hh-0004", []),
    ):
        assert cli.run("flags", "check", user, "--json").json == {
            "user_id": user,
            "flags": {"consumer_graph_ingestion": bool(segments)},
            "segments": {"consumer_graph_ingestion": segments},
        }


def test_a_check_of_one_flag_reads_no_other_ones_lists(tmp_path: Path) -> None:
    other = "  other:\n    segments:\n      - {name: Gone, allowedS3IDs: gone.csv, rollout: 100}\ninternal_users:"
    cli = with_flags(tmp_path, DOCUMENT.replace("internal_users:", other))
    assert "gone.csv" in cli.run("flags", "check", "hh-0003").err
    checked = cli.run("flags", "check", "hh-0003", "--flag", "consumer_graph_ingestion")
    assert (checked.code, "Beta Users" in checked.out) == (0, True), checked.err
    assert cli.run("flags", "ids", "consumer_graph_ingestion").code == 0
    missing = cli.run("flags", "check", "hh-0003", "--flag", "none")
    assert missing.code == 2


def test_the_users_of_a_flag_are_written_for_a_backfill(tmp_path: Path) -> None:
    cli = with_flags(tmp_path)
    done = cli.run("flags", "ids", "consumer_graph_ingestion", "--extra-ids", "hh-0009, hh-0001", "-o", "users.txt")
    assert done.code == 0 and done.out == ""
    assert (tmp_path / "users.txt").read_text().split() == ["hh-0001", "hh-0002", "hh-0003", "hh-0009"]
    assert "@example.com" in done.err and "4 users in users.txt" in done.err
    printed = cli.run("flags", "ids", "consumer_graph_ingestion")
    assert printed.out.split() == ["hh-0001", "hh-0002", "hh-0003"]


def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    cases = (
        (with_flags(tmp_path).run("flags", "check", "hh-0001", "--flag", "other"), "has no flag other"),
        (with_flags(tmp_path).run("flags", "ids", "consumer_graph_ingestion", "-o", "none/users.txt"), "--output"),
        (with_flags(tmp_path, DOCUMENT.replace("rollout: 0", "rollot: 0")).run("flags", "list"), "rollot"),
        (with_flags(tmp_path, DOCUMENT.replace("beta.csv", "gamma.csv")).run("flags", "list"), "gamma.csv"),
        (CommandLine(tmp_path).run("flags", "list"), "RETROGRAPH_FLAGS_FILE is not set"),
    )
    for ended, words in cases:
        assert ended.code == 2 and ended.out == ""
        (line,) = ended.err.strip().splitlines()
        assert line.startswith("error: ") and words in line


def test_doctor_looks_at_the_flags_and_at_a_cache_that_is_a_server(tmp_path: Path) -> None:
    def found(cli: CommandLine, name: str) -> tuple[str, str]:
        [one] = [one for one in cli.run("doctor", "--json").json if one["name"] == name]
        return one["state"], one["message"] or ""

    cli = with_flags(tmp_path)
    assert found(cli, "flags") == ("up", "")
    assert found(with_flags(tmp_path, "flags: {}"), "flags")[0] == "wrong"
    away = CommandLine(tmp_path, flags_file="none.yaml", cache=f"valkey://127.0.0.1:{free_port()}")
    assert found(away, "flags") == ("wrong", "there is no file none.yaml")
    state, message = found(away, "cache")
    assert state == "down" and "set RETROGRAPH_CACHE to where it is" in message
