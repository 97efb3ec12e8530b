"""Files of runs: checkpoints, sample images and logs."""

from pathlib import Path
from urllib.parse import unquote, urlparse

from mlflow.tracking import MlflowClient

from core.paths import home, logs_folder


class RunFiles:
    """Finds the files of runs, on this machine or where the tracking store keeps them."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def folder(self, run_id: str) -> Path:
        """Return the local folder of a run's files, made if missing: ``checkpoint/``, ``pictures/``.

        Where the store keeps artifacts elsewhere, this is a working copy; see :meth:`publish` and :meth:`fetch`.
        """
        folder = self._local_artifacts(run_id) or home() / "working" / run_id
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def publish(self, run_id: str, place: str) -> None:
        """Copy a subfolder of :meth:`folder` to the store's own artifacts, where those are not local."""
        if self._local_artifacts(run_id) is None and (self.folder(run_id) / place).exists():
            self._client.log_artifacts(run_id, str(self.folder(run_id) / place), artifact_path=place)

    def fetch(self, run_id: str, place: str) -> Path:
        """Return a local copy of a subfolder of a run's files, which may be missing or empty."""
        folder = self.folder(run_id) / place
        if self._local_artifacts(run_id) is None and not folder.exists() and self._client.list_artifacts(run_id, place):
            self._client.download_artifacts(run_id, place, str(self.folder(run_id)))
        return folder

    def _local_artifacts(self, run_id: str) -> Path | None:
        address = urlparse(self._client.get_run(run_id).info.artifact_uri)
        return Path(unquote(address.path)) if address.scheme in ("", "file") else None

    def log_path(self, run_id: str) -> Path:
        """Return the file that holds what the worker printed."""
        return logs_folder() / f"{run_id}.log"
