"""Deploys SandMatch: `python ship.py main-abc123`, or `python ship.py --back`. Knows nothing of its tests."""

import argparse
import threading
from pathlib import Path

import deploykit
from deploykit import DeploykitError, Outcome

CONFIG = Path(__file__).with_name("sandmatch.toml")


def ship(tag: str, cancel: threading.Event | None = None) -> int:
    """Deploy that tag, and say in a line what came of it."""
    app = deploykit.load(CONFIG)
    try:
        result = app.deploy(tag=tag, message="Court booking", cancel=cancel)
    except DeploykitError as error:
        print(f"not shipped: {error}")
        return error.exit_code
    if result.outcome is Outcome.rolled_back and result.failure and result.serving:
        print(result.failure.summary, "serves:", result.serving.image.tag)
    return result.exit_code


def back() -> int:
    """Go one release back."""
    return deploykit.load(CONFIG).rollback().exit_code


def ship_all(*configs: str, tag: str) -> None:
    """Deploy several apps at once."""
    threads = [threading.Thread(target=lambda one=one: deploykit.load(one).deploy(tag)) for one in configs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("tag", nargs="?")
    parser.add_argument("--back", action="store_true")
    args = parser.parse_args()
    return back() if args.back else ship(args.tag)


if __name__ == "__main__":
    raise SystemExit(main())
