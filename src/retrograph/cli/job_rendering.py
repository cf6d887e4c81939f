"""How jobs look to people; pure, so that it is tested without a terminal."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from retrograph.cli.rendering import plural
from retrograph.clock import iso
from retrograph.jobs.cursors import cursor_words
from retrograph.jobs.findings import findings, nothing_found
from retrograph.jobs.job import Counts, Job, Run
from retrograph.jobs.objects import Totals
from retrograph.jobs.objects_view import DISCOVERY, PROCESSING, totals_as_json
from retrograph.jobs.progress import duration
from retrograph.jobs.state import JobState
from retrograph.jobs.travel import depth_words, present_depth, travel_words


def job_pairs(job: Job) -> dict[str, Any]:
    """A job for people: what matters, in the order they ask for it."""
    counts, chosen = job.counts, job.parameters
    pairs: dict[str, Any] = {
        "key": job.key,
        "kind": f"{job.kind}, dry run" if job.spec.dry_run else job.kind,
        "state": state_text(job),
        "why": job.message,
        "progress": progress_text(job),
        "processed": counts.processed,
        "failed": counts.failed,
        "skipped": f"{counts.skipped:,}{_by_reason(counts.skipped_by)}",
        **{finding.name.lower(): finding.text for finding in findings(job)},
        "left out": f"{plural(sum(counts.refused.values()), 'fact')}{_by_reason(counts.refused)}"
        if counts.refused
        else None,
        "sent": travel_words(job),
        "sent through": chosen.queue if chosen.executor == "queue" else None,
        "queue": depth_words(present_depth(job)),
        "rate": f"{job.rate:.1f}/s" if job.rate else None,
        "elapsed": duration(job.elapsed_ms / 1000),
        "cursor": cursor_words(job) or job.cursor,
        "up to": job.spec.bound,
        "window": None if job.spec.bound else f"{plural(job.spec.lookback_days, 'day')} up to {iso(job.spec.as_of)}",
        "ids from": ", ".join(f"{name} {value}" for name, value in job.spec.source.items() if value is not None),
        "pace": f"{_rate_limit(chosen.rate_limit)}, {chosen.concurrency} at a time",
        "bounds": f"batches of {chosen.batch_size}, runs of {duration(chosen.max_runtime_ms / 1000)}, "
        f"{chosen.max_consecutive_failures} failures in a row",
        "created": f"{iso(job.created_at)} by {job.created_by}",
        "updated": iso(job.updated_at),
    }
    return {name: value for name, value in pairs.items() if value not in (None, "")}


def totals_pairs(totals: Totals) -> dict[str, Any]:
    """The objects of a job for people, under the labels that operators know."""
    found = totals_as_json(totals)
    labels = [(name, f"Discovery: {label}") for name, label in DISCOVERY.items()]
    labels += [(name, f"Processing: {label}") for name, label in PROCESSING.items()]
    return {label: _grouped(found[name]) for name, label in labels if found[name] is not None}


def _grouped(value: object) -> object:
    return f"{value:,}" if isinstance(value, int) else value


def job_row(job: Job) -> tuple[object, ...]:
    """One line of `jobs list`. A dry run may have the key of the real job."""
    progress = progress_text(job) + (", dry run" if job.spec.dry_run else "")
    return job.key, state_text(job), progress, job.counts.failed, iso(job.updated_at)[:19].replace("T", " ")


def state_text(job: Job) -> str:
    """The state, with the reason where there is one."""
    text = job.state.value + (f" ({job.reason})" if job.reason else "")
    return f"{text}, needs attention" if job.needs_attention else text


def progress_text(job: Job) -> str:
    """`1,204 of 2,377 (50.7%)`."""
    scanned = f"{job.counts.scanned:,}"
    return scanned if job.total is None else f"{scanned} of {job.total:,} ({job.percent or 0:.1f}%)"


def ending(job: Job, before: Job | None = None) -> list[str]:
    """What to tell when a run has ended: what became of the job, and what to do next. `before` is the job as it was
    when this command took it up: what earlier runs had done is told apart."""
    counts, earlier = job.counts, before.counts if before is not None else Counts()
    took = duration((job.elapsed_ms - (before.elapsed_ms if before is not None else 0)) / 1000)
    done = f"{job.key} {state_text(job)}: "
    if earlier.scanned:
        done += f"{counts.processed - earlier.processed:,} processed now, {counts.processed:,} in all"
    else:
        done += f"{counts.processed:,} processed"
    done += f", {counts.failed:,} failed"
    done += f", {counts.skipped:,} skipped" if counts.skipped else ""
    sentences = [f"{done}, in {took}"]
    now = replace(job, counts=_since(counts, earlier))
    sentences += [f"{finding.name.lower()}: {finding.text}" for finding in findings(now) if now.counts.processed]
    if (nothing := nothing_found(now)) is not None:
        sentences.append(nothing)
    if job.message:
        sentences.append(job.message)
    if refused := now.counts.refused:
        sentences.append(f"{plural(sum(refused.values()), 'fact')} left out{_by_reason(refused)}")
    if counts.failed:
        sentences.append(f"see why with `retrograph jobs failures {job.key}`, then `retrograph jobs retry {job.key}`")
    if job.state in (JobState.STOPPED, JobState.PAUSED, JobState.INTERRUPTED):
        sentences.append("the same command resumes it")
    return sentences


def _since(counts: Counts, earlier: Counts) -> Counts:
    """What was added to the figures that only grow."""
    return replace(
        counts,
        processed=counts.processed - earlier.processed,
        found={name: count - earlier.found.get(name, 0) for name, count in counts.found.items()},
        refused={
            name: count - earlier.refused.get(name, 0)
            for name, count in counts.refused.items()
            if count > earlier.refused.get(name, 0)
        },
    )


def run_row(run: Run) -> tuple[object, ...]:
    """One run in `jobs show`."""
    lasted = "–" if run.ended_at is None else duration((run.ended_at - run.started_at) / 1000)
    state = run.state.value + (f" ({run.reason})" if run.reason else "")
    return run.number, iso(run.started_at)[:19].replace("T", " "), lasted, state, run.processed, run.failed, run.holder


def _rate_limit(rate: float | None) -> str:
    return "as fast as it goes" if rate is None else f"{rate:g} a second"


def _by_reason(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{count:,} {reason}" for reason, count in counts.items())
    return f" ({listed})" if listed else ""
