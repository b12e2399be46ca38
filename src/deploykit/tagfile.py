"""`.previous_image_tag`: the runbook's file with the tag that `rollback` goes to.

What deploykit writes there it notes in the journal first. Content that is neither that note nor the one before it was
written by hand, and names the target of the next manual rollback. The one before counts only until the file is written:
a crash may come in between.
"""

from dataclasses import replace
from pathlib import Path

from deploykit.disk import replace_file
from deploykit.errors import ConfigError
from deploykit.protocols import Journal, TagText
from deploykit.record import TagMemory
from deploykit.release import check_tag


class TagFile:
    """The tag file with its notes."""

    def __init__(self, text: TagText, notes: Journal) -> None:
        self._text = text
        self._notes = notes

    def written_by_hand(self) -> str | None:
        """Return the tag that an operator wrote there, or None.

        Raises:
            ConfigError: it is not a tag.
        """
        text = self._text.read()
        notes = self._notes.tag_notes()
        if text is None or text in (notes.note, notes.before):
            return None
        try:
            return check_tag(text)
        except ConfigError as error:
            msg = f"{self._text.name} holds no tag: {error}"
            raise ConfigError(msg, hint="Write one tag into it, or delete it: the journal then answers.") from error

    def exists(self) -> bool:
        """Whether it says anything now."""
        return self._text.read() is not None

    def remember(self) -> TagMemory:
        """Return what it is now, for put_back."""
        return replace(self._notes.tag_notes(), content=self._text.read())

    def write(self, tag: str | None) -> None:
        """Note the tag, then write it; for a release without one, remove the file: the journal answers. Idempotent."""
        self._replace(tag, TagMemory(note=tag))

    def put_back(self, memory: TagMemory) -> None:
        """Make content and notes what they were. Idempotent. What was written, or removed, by hand since stays."""
        text = self._text.read()
        notes = self._notes.tag_notes()
        if text is not None and text in (notes.note, notes.before):
            self._replace(memory.content, replace(memory, content=None))
        else:
            self._notes.note_tag(replace(memory, content=None))

    def _replace(self, content: str | None, after: TagMemory) -> None:
        """Write the file between two notes: wherever a crash comes, what stands there is known as ours."""
        notes = self._notes.tag_notes()
        before = notes.before if notes.note == content else notes.note
        self._notes.note_tag(TagMemory(note=content, before=before))
        if self._text.read() != content:
            self._text.write(content)
        self._notes.note_tag(after)


class TagOnDisk:
    """The file itself: one line, readable by all as the script's was."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name: str = path.name

    def read(self) -> str | None:
        try:
            raw = self._path.read_bytes()[:1024]
        except FileNotFoundError:
            return None
        except OSError as error:
            msg = f"{self._path} cannot be read: {error.strerror}"
            raise ConfigError(msg, hint="Mend its permissions, or set [rollback] previous_tag_file.") from error
        return raw.decode(errors="replace").strip() or None

    def write(self, text: str | None) -> None:
        if text is None:
            self._path.unlink(missing_ok=True)
        else:
            replace_file(self._path, f"{text}\n".encode(), mode=0o644)
