"""The interfaces and their promises. An implementation need not inherit from them, and does not repeat them."""

from deploykit.protocols.backend import Backend, Control, Execution, Identity, PullPolicy
from deploykit.protocols.clock import Clock
from deploykit.protocols.lock import HeldLock, Hold, HoldBoard, Holder, Lock
from deploykit.protocols.observers import ClosingObserver, LiveObserver, Observer
from deploykit.protocols.optional import (
    Check,
    Entry,
    Finding,
    Gradual,
    Inside,
    Inspected,
    Measured,
    Offer,
    Offers,
    Program,
    Shelf,
    Shelved,
    Standing,
    Stocked,
)
from deploykit.protocols.probes import Probe, ProbeVerdict, Verdict
from deploykit.protocols.state import FailureLogs, Journal, ReleaseFiles, StateStore, TagText
from deploykit.protocols.watching import Rehearsal, Watch, Watched

__all__ = [  # noqa: RUF022 - in the order in which the reference tells them
    "Clock",
    "Observer",
    "ClosingObserver",
    "LiveObserver",
    "PullPolicy",
    "Control",
    "Identity",
    "Execution",
    "Backend",
    "Watch",
    "Watched",
    "Rehearsal",
    "Measured",
    "Gradual",
    "Offer",
    "Offers",
    "Stocked",
    "Program",
    "Inside",
    "Standing",
    "Finding",
    "Check",
    "Inspected",
    "Entry",
    "Shelf",
    "Shelved",
    "ProbeVerdict",
    "Verdict",
    "Probe",
    "Holder",
    "HeldLock",
    "Lock",
    "Hold",
    "HoldBoard",
    "Journal",
    "TagText",
    "ReleaseFiles",
    "FailureLogs",
    "StateStore",
]
