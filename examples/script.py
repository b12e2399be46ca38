"""Deploy from a script of one's own: `python script.py sandmatch.toml main-abc123`."""

import sys

import deploykit
from deploykit import Outcome


def main(config: str, tag: str) -> int:
    """Deploy the tag, and return the exit code."""
    app = deploykit.load(config)
    result = app.deploy(tag=tag, message="Court booking")
    if result.outcome is Outcome.rolled_back and result.failure and result.serving:
        print(result.failure.summary, "serves:", result.serving.image.tag)
    return result.exit_code


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
