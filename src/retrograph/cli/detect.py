"""`retrograph detect`: one look for users whom the flag has come to cover, and their loads."""

from typing import TYPE_CHECKING, Any

import typer

from retrograph.cli.output import print_json, say
from retrograph.cli.run_options import AsJson, Migrate
from retrograph.cli.session import configured, run

if TYPE_CHECKING:
    from retrograph.config import Settings
    from retrograph.enrolment.detections import Detection


def detect(as_json: AsJson = False, migrate: Migrate = False) -> None:
    """Look once for users whom the flag has come to cover, and load them.

    Second loads that are due are done as well: a server, or another look later, does those that are not.
    """
    raise typer.Exit(run(_detect(configured(), as_json=as_json, migrate=migrate)))


async def _detect(settings: "Settings", *, as_json: bool, migrate: bool) -> int:
    from retrograph.cli.exit_codes import ExitCode
    from retrograph.cli.foreground import listening, who
    from retrograph.cli.signals import Signals
    from retrograph.wiring.detecting import open_detecting

    async with open_detecting(settings, migrate=migrate) as detecting:
        signals: Signals
        with listening(detecting.service) as signals:
            found = await detecting.detector.detect(who())
            if found is not None and not as_json:
                _tell(found)
            await detecting.detector.finish()
        if found is not None and as_json:
            print_json(_document(found))
        for job in detecting.ran:
            say(f"{job.key}: {job.state}, {job.counts.processed:,} loaded, {job.counts.failed:,} failed")
    if signals.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.FAILED if any(job.counts.failed for job in detecting.ran) else ExitCode.DONE


def _tell(found: "Detection") -> None:
    say(
        f"{found.looked:,} users looked at: {found.found:,} are new, {found.left:,} have left, "
        f"{found.spared:,} need no load"
    )


def _document(found: "Detection") -> dict[str, Any]:
    return {
        "detection_id": found.detection_id,
        "looked": found.looked,
        "found": found.found,
        "left": found.left,
        "spared": found.spared,
        "key": found.key,
    }
