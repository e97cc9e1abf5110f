"""Airflow's Git DAG bundle, whose repository may be away: it is asked again, and nothing else waits for it."""

from airflow.providers.common.compat.sdk import AirflowException
from airflow.providers.git.bundles.git import GitDagBundle
from git.exc import GitError


class GitBundle(GitDagBundle):
    """See GitDagBundle, whose RuntimeError would end the DAG processor, and with it the scheduler's container."""

    def initialize(self) -> None:
        """Clone the repository.

        Raises:
            AirflowException: it does not answer, or has no such branch. The DAG processor logs it and tries again.
        """
        try:
            super().initialize()
        except (RuntimeError, GitError) as error:
            raise AirflowException(f"{self.repo_url} at {self.tracking_ref}: {error.__cause__ or error}") from error
