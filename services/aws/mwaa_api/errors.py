"""MWAA's errors, as its API model names them: https://docs.aws.amazon.com/mwaa/latest/API/CommonErrors.html and each
operation's own."""

from typing import Any


class ApiError(Exception):
    """An answer other than success: the error's name, its HTTP status, and its members beside the message."""

    code = "InternalServerException"
    status = 500

    def __init__(self, message: str, code: str = "", status: int = 0) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.status = status or self.status

    @property
    def members(self) -> dict[str, Any]:
        """The body."""
        return {"message": self.message, "Message": self.message}


class Invalid(ApiError):
    """The request cannot be fulfilled as it is."""

    code = "ValidationException"
    status = 400


class NotFound(ApiError):
    """No such environment."""

    code = "ResourceNotFoundException"
    status = 404


class Denied(ApiError):
    """The caller's policies do not allow it."""

    code = "AccessDeniedException"
    status = 403


class Throttled(ApiError):
    """More requests than MWAA takes in a second."""

    code = "ThrottlingException"
    status = 429


class RestApiError(ApiError):
    """Airflow's answer to InvokeRestApi was an error: 4xx is the client's, 5xx the server's."""

    status = 400

    def __init__(self, status: int, reply: Any) -> None:
        super().__init__("")
        self.code = "RestApiServerException" if status >= 500 else "RestApiClientException"
        self._status = status
        self._reply = reply

    @property
    def members(self) -> dict[str, Any]:
        """The body; boto3 has it beside `Error` in the exception's `response`."""
        return {"RestApiStatusCode": self._status, "RestApiResponse": self._reply}
