"""The README's pictures: they are there, they say what deploykit says, and nothing is fetched by whoever looks."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
NAMED = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text())
CONTRACT = {
    "check": [r"\$ deploykit check --tag main-abc123", r"ok +engine .*", r"ok +image .*", r"ok +disk .*", "0"],
    "good": [
        r"\$ deploykit run --tag main-abc123",
        r"\[deploy\] Using image: .*/web:main-abc123",
        r"\[deploy\] Saved current version for rollback: main-xyz789",
        r"\[deploy\] Starting containers\.\.\.",
        r"\[deploy\] Smoke check\.\.\.",
        r"\[deploy\] Deploy completed successfully",
        "0",
    ],
    "restored": [
        r"\[deploy\] Saved current version for rollback: main-abc123",
        r"\[deploy\] ERROR: Container exited with code 3 after \d\.\ds",
        r"\[deploy\] Auto-rollback triggered due to health check failure",
        r"\[deploy\] ROLLBACK: Starting rollback to previous version\.\.\.",
        r"\[deploy\] Rolling back to: .*/web:main-abc123",
        r"\[deploy\] Rollback completed successfully",
        "1",
    ],
}


def lines(picture: Path) -> list[str]:
    """What is written in a picture, line by line."""
    found: dict[float, str] = {}
    for text in ET.parse(picture).iter(f"{SVG}text"):
        place = float(text.get("y", ""))
        found[place] = found.get(place, "") + (text.text or "")
    return [found[place].replace("\xa0", " ").rstrip() for place in sorted(found)]


def test_the_readme_has_them_all() -> None:
    """And no others."""
    assert sorted(NAMED) == sorted(f"docs/pictures/{name}.svg" for name in CONTRACT)
    assert sorted(path.stem for path in (ROOT / "docs" / "pictures").iterdir()) == sorted(CONTRACT)


@pytest.mark.parametrize("name", CONTRACT)
def test_they_hold_the_contract(name: str) -> None:
    """The lines that scripts and runbooks know, in their order."""
    rest = iter(lines(ROOT / "docs" / "pictures" / f"{name}.svg"))
    missing = [wanted for wanted in CONTRACT[name] if not any(re.fullmatch(wanted, line) for line in rest)]
    assert not missing


@pytest.mark.parametrize("name", CONTRACT)
def test_they_are_whole_in_themselves(name: str) -> None:
    """No font from elsewhere, and nothing of the machine that they were made on."""
    text = (ROOT / "docs" / "pictures" / f"{name}.svg").read_text()
    assert re.findall(r"https?://[^\"]+", text.replace("http://127.0.0.1", "")) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in text
    assert "/tmp" not in text
