"""The backend. A kill at any moment leaves the old site or the new: the link is replaced as one."""

import json
import socket
from dataclasses import asdict, dataclass

from deploykit.errors import PullFailed
from deploykit.interrupt import Interruption
from deploykit.plugins import FolderStore, Found, InPlace, Setting
from deploykit.protocols import Control, Identity, PullPolicy
from deploykit.release import ImageRef, Instance, Release


@dataclass(frozen=True)
class Keys:
    """The keys in [backend] that are ours."""

    link: str
    directory: str = "releases"


class Site(InPlace):
    """Made of what the config says: an entry point names it."""

    def __init__(self, setting: Setting) -> None:
        keys = setting.read(Keys)
        self.app, self.service, self.home = setting.app, setting.services[0], (setting.state / "site").absolute()
        self.source, self.link = setting.folder / keys.directory, setting.folder / keys.link
        self.store = FolderStore(self.home / "content", setting.app)

    def identity(self) -> Identity:
        return Identity(socket.gethostname(), self.app, noun="Site")

    def pull(self, image: ImageRef, policy: PullPolicy, control: Control) -> ImageRef:
        if (found := self.find(image)) and (image.id or policy is not PullPolicy.always):
            return found
        source = self.source / str(image.tag)
        if policy is PullPolicy.never or not source.is_dir():
            raise PullFailed(f"{image.name} did not come: there is no folder {source}")
        return self.store.add(source, image, control.interruption)

    def images(self) -> list[ImageRef]:
        return self.store.images()

    def drop(self, image: ImageRef) -> bool:
        return self.store.discard(str(image.id), Interruption())

    def present(self) -> list[Found]:
        if not self.link.is_symlink():
            return []
        served = self.link.readlink().parent
        written = json.loads((served / "release.json").read_text())
        began = self.link.lstat().st_mtime
        instance = Instance(served.name, self.service, "running", written["release"], started_at=began)
        return [Found(instance, ImageRef(**written["image"]), written["fingerprint"])]

    def start(self, release: Release, control: Control) -> bool:
        if not self.complete(release):
            self.launch(release, control)  # takes the place of the other by itself, without a gap
        return True

    def launch(self, release: Release, control: Control) -> None:
        served, fresh = self.home / "served" / release.id, self.link.with_name(f".{self.link.name}.new")
        served.mkdir(parents=True, exist_ok=True)
        written = {"release": release.id, "fingerprint": release.fingerprint, "image": asdict(release.image)}
        (served / "release.json").write_text(json.dumps(written))
        for link, to in ((served / "site", self.store.content(str(release.image.id))), (fresh, served / "site")):
            link.unlink(missing_ok=True)
            link.symlink_to(to)
        fresh.replace(self.link)

    def end(self, one: Found) -> None:
        self.link.unlink(missing_ok=True)
