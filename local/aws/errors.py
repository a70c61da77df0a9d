"""What can go wrong with the local cloud itself, as opposed to what runs in it."""

from __future__ import annotations


class LocalCloudError(Exception):
    """Base of the local cloud's own errors."""


class WrongMotoVersion(LocalCloudError):
    """The hooks reach into moto's internals and were written for one version of it."""


class DeploymentFailed(LocalCloudError):
    """A synthesized stack cannot be deployed to the local cloud; the message names the stack and the reason."""


class StateInUse(LocalCloudError):
    """Another process works on the same state directory."""


class StateCorrupted(LocalCloudError):
    """The state directory holds something that this program did not write."""


class LinkedFileChanged(LocalCloudError):
    """A file that was linked into S3 changed or vanished since."""


class StillRunning(LocalCloudError):
    """The local cloud was stopped, but a handler did not come to an end."""
