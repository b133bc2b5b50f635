"""The settings and figures of a training for MLflow."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._extras import missing
from .._files import as_path
from .logger import Logger, Run, numbers

if TYPE_CHECKING:
    from ..sequential import Sequential


class MLflow(Logger):
    """Records a training as a run of MLflow: its settings as parameters, its figures as metrics whose steps are epochs.

    The run ends as FINISHED, as FAILED if an error ended the training, or as KILLED after Ctrl-C and the like. A
    killed process leaves it RUNNING, and a training that continues from its checkpoint (``initial_epoch``) continues
    the same run. Active runs of the program itself, from ``mlflow.start_run``, are not touched.

    Parameters
    ----------
    tracking_uri : path-like, optional
        A folder, or anything else that MLflow can write to; by default MLflow's own setting. Folders require
        ``MLFLOW_ALLOW_FILE_STORE=true`` in the environment.
    experiment : str
        The experiment, which is created if there is none of this name.
    name : str, optional
        The run's name; MLflow makes one up by default.

    Attributes
    ----------
    run_id : str or None
        MLflow's id of the last training's run.

    Raises
    ------
    ImportError
        If MLflow is not installed.
    """

    argument = "tracking_uri"

    def __init__(
        self,
        tracking_uri: str | os.PathLike[str] | None = None,
        *,
        experiment: str = "Default",
        name: str | None = None,
    ) -> None:
        self.tracking_uri = None if tracking_uri is None else as_path(tracking_uri, "tracking_uri")
        self.experiment, self.name = experiment, name
        self.run_id: str | None = None
        self._client: Any = None
        _mlflow()

    def on_fit_begin(self, net: Sequential, epochs: int, samples: int) -> None:
        """Forget an earlier run."""
        super().on_fit_begin(net, epochs, samples)
        self.run_id = None

    def begin(self, run: Run) -> None:
        """Create a run, or continue one."""
        mlflow = _mlflow()
        with _faults():
            client = mlflow.MlflowClient(tracking_uri=self.tracking_uri)
            if self.run_id is not None:
                client.update_run(self.run_id, status="RUNNING")
            else:
                found = client.get_experiment_by_name(self.experiment)
                experiment = client.create_experiment(self.experiment) if found is None else found.experiment_id
                self.run_id = client.create_run(experiment, run_name=self.name).info.run_id
                settings = {"epochs": run.epochs, **run.settings}
                parameters = [mlflow.entities.Param(name, str(value)) for name, value in settings.items()]
                client.log_batch(self.run_id, params=parameters)
        self._client = client

    def write(self, epoch: int, figures: dict[str, Any]) -> None:
        """Log all figures that are numbers as metrics."""
        kind, now = _mlflow().entities.Metric, int(1000 * time.time())
        metrics = [kind(name, value, now, epoch) for name, value in numbers(figures).items()]
        with _faults():
            self._client.log_batch(self.run_id, metrics)

    def end(self, error: BaseException | None) -> None:
        """Record how the training ended."""
        status = "FINISHED" if error is None else "FAILED" if isinstance(error, Exception) else "KILLED"
        client, self._client = self._client, None
        with _faults():
            client.set_terminated(self.run_id, status=status)

    def get_state(self) -> dict[str, Any]:  # noqa: D102
        return {"run_id": self.run_id}

    def set_state(self, net: Sequential, state: dict[str, Any]) -> None:  # noqa: D102
        self.run_id = state["run_id"]


def _mlflow() -> Any:
    try:
        import mlflow
    except ImportError:
        raise missing("MLflow", "mlflow-skinny", "mlflow") from None
    return mlflow


@contextlib.contextmanager
def _faults() -> Iterator[None]:
    """Turn whatever MLflow raises, which has no common class, into the error that a file would raise."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        raise OSError(str(error)) from error
