"""The report of a release that turned unhealthy while it was watched: its own row says that it was deployed."""

from dataclasses import replace

from deploykit.errors import Outcome
from deploykit.record import Change, Kind, Record
from deploykit.report import Down, Outage, Report, Serving, report_of
from deploykit.result import Result


def report_of_fallen(
    result: Result, record: Record | None, back: Result | None, changes: tuple[Change, ...] | None
) -> Report:
    """Return it. `record` is the row of its deployment, None for what was not deployed; `back` what going back came to.

    When it began to be unhealthy nobody has seen, so for how long nothing healthy served is not known.
    """
    row = record or Record(
        number=0, engine="", project="", kind=Kind.deploy, asked=result.image, started_at=0.0, candidate=result.release
    )
    row = replace(
        row,
        state=result.state,
        started=True,
        outcome=result.outcome,
        failure=result.failure,
        restore_failure=result.restore_failure,
        barrier=result.barrier,
        changes=changes,
    )
    told = report_of(row, (), previous=result.previous)
    steps = [step for step in told.next if step.verb != "history"]  # where it is, and stays, a good deployment
    return replace(told, id=result.id, serving=_serving(result, back), down=Down(Outage.unknown), next=steps)


def _serving(result: Result, back: Result | None) -> Serving:
    match result.outcome:
        case Outcome.rolled_back:
            moves = back.transitions if back else ()
            return Serving(result.serving, True, moves[-1].at if moves else None, again=True)
        case Outcome.unfinished:
            return Serving()
        case _ if back and back.report:
            return back.report.serving
        case _:
            return Serving(result.release, healthy=False)
