"""The store of runs that ``MLFLOW_TRACKING_URI`` names, where it is not the one in the home folder."""

from mlflow.tracking import MlflowClient

from core.errors import UserError


def open_named(uri: str) -> MlflowClient:
    """Return what speaks to a store.

    Raises:
        UserError: If its address is none, or its database needs a package that is not installed. The address is not
            said: it may hold a password.
    """
    try:
        return MlflowClient(tracking_uri=uri)
    except (ImportError, ValueError) as error:
        raise UserError(
            f"The store of runs that MLFLOW_TRACKING_URI names could not be opened: {error}. Correct the address, "
            "install what is missing, or leave it out for the store in FOVEA_HOME."
        ) from error
