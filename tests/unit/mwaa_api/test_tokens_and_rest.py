"""Tokens and Airflow's REST API by way of MWAA's: from boto3 to the web server and back."""

import asyncio
import base64
import json
import random
import sys
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from botocore.exceptions import ClientError
from fake_webserver import FakeWebserver
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from werkzeug.wrappers import Response

from mwaa_api import airflow_rest, tokens
from mwaa_api.airflow_rest import Airflow, Rate
from mwaa_api.errors import RestApiError, Throttled
from windtunnel_runtime.mwaa_cli import ALLOWED, AT_ONCE, CommandLine, is_allowed
from windtunnel_runtime.mwaa_routes import MwaaPaths

SECRET = "a secret of thirty-two characters"
# Says what it was given, as `airflow` would run it.
FAKE_AIRFLOW = """import json, sys
print(json.dumps(sys.argv[1:]))
print("warned", file=sys.stderr)
sys.exit(3 if "no_such_dag" in sys.argv else 0)
"""


@pytest.fixture
def airflow(tmp_path: Path) -> list[str]:
    """An `airflow` to run."""
    program = tmp_path / "airflow.py"
    program.write_text(FAKE_AIRFLOW)
    return [sys.executable, str(program)]


class Web:
    """A client of an application, without a server."""

    def __init__(self, app: MwaaPaths) -> None:
        self._transport = httpx.ASGITransport(app)

    def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            async with httpx.AsyncClient(transport=self._transport, base_url="http://webserver") as client:
                return await client.request(method, path, **more)

        return asyncio.run(ask())


@pytest.fixture
def web(tmp_path: Path, airflow: list[str]) -> Web:
    """Airflow's web server with MWAA's paths before it."""
    secret = tmp_path / "token-secret"
    secret.write_text(SECRET)
    everything = Route("/{path:path}", lambda request: PlainTextResponse("Airflow's own"), methods=["GET", "POST"])
    own = MwaaPaths(Starlette(routes=[everything]), secret, lambda name, roles: f"{name}:{','.join(roles)}", airflow)
    return Web(own)


def run(web: Web, token: str, command: str, path: str = "/aws_mwaa/cli") -> tuple[int, str, str]:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "text/plain"}
    answer = web.ask("POST", path, content=command, headers=headers)
    written = {name: base64.b64decode(text).decode() for name, text in answer.json().items()}
    return answer.status_code, written["stdout"], written["stderr"]


def cli_token(mwaa: Any) -> str:
    return str(mwaa.client().create_cli_token(Name="wt")["CliToken"])


def test_a_cli_token_runs_a_command(mwaa: Any, web: Web) -> None:
    answer = mwaa.client().create_cli_token(Name="wt")
    assert answer["WebServerHostname"] == "localhost:8080"
    assert run(web, answer["CliToken"], "dags list -o json") == (200, '["dags", "list", "-o", "json"]\n', "warned\n")
    assert run(web, answer["CliToken"], "version", "/pluginsv2/aws_mwaa/cli")[:2] == (200, '["version"]\n')


def test_a_task_is_given_the_web_servers_address_inside(mwaa: Any) -> None:
    def as_a_task(request: Any, **_: Any) -> None:
        request.headers["Host"] = "mwaa-api:4568"

    client = mwaa.client()
    client.meta.events.register("before-sign.*", as_a_task)
    assert f"http://{client.create_web_login_token(Name='wt')['WebServerHostname']}" == mwaa.web.url


def test_a_command_that_mwaa_does_not_support(mwaa: Any, web: Web) -> None:
    status, stdout, stderr = run(web, cli_token(mwaa), "users list")
    assert (status, stdout) == (400, "")
    assert stderr.startswith("MWAA does not support `users`; it supports: assets, backfill,")
    assert "`dags backfill`; of `dags` it supports: delete, list," in run(web, cli_token(mwaa), "dags backfill x")[2]
    assert "without `airflow` before it" in run(web, cli_token(mwaa), "airflow dags list")[2]


def test_a_command_that_fails_tells_why(mwaa: Any, web: Web) -> None:
    assert run(web, cli_token(mwaa), "dags trigger no_such_dag")[::2] == (400, "warned\n")


@pytest.mark.parametrize(
    "command", ["dags list; touch {}", "dags list $(touch {})", "dags list `touch {}` && touch {}"]
)
def test_a_command_is_words_and_never_a_shells(mwaa: Any, web: Web, tmp_path: Path, command: str) -> None:
    run(web, cli_token(mwaa), command.replace("{}", str(tmp_path / "made")))
    assert not (tmp_path / "made").exists()


def test_quotes_keep_words_together(mwaa: Any, web: Web, drawn: random.Random) -> None:
    conf = json.dumps({"x": "".join(drawn.choices("abc $`'\"\\\né", k=20))})
    quoted = "'" + conf.replace("'", "'\"'\"'") + "'"
    stdout = run(web, cli_token(mwaa), f"dags trigger small --conf {quoted}")[1]
    assert json.loads(stdout) == ["dags", "trigger", "small", "--conf", conf]
    assert run(web, cli_token(mwaa), "dags trigger 'small")[0] == 400


@pytest.mark.parametrize("audience, secret, age", [("web", SECRET, 0), ("cli", SECRET[::-1], 0), ("cli", SECRET, 61)])
def test_a_token_that_does_not_hold(web: Web, audience: str, secret: str, age: int) -> None:
    claims = jwt.decode(tokens.for_cli(SECRET, "user/ann"), SECRET, algorithms=["HS256"], audience="cli")
    assert claims["exp"] - claims["iat"] == 60
    claims |= {"aud": audience, "exp": claims["exp"] - age}
    status, stdout, _ = run(web, jwt.encode(claims, secret, algorithm="HS256"), "version")
    assert (status, stdout) == (403, "")


def test_without_a_token(web: Web) -> None:
    assert web.ask("POST", "/aws_mwaa/cli", content="version").status_code == 403
    unsigned = jwt.encode({"aud": "cli", "sub": "x", "exp": 2**33}, None, algorithm="none")  # type: ignore[arg-type]
    assert run(web, unsigned, "version")[0] == 403


def test_four_at_once(tmp_path: Path, airflow: list[str]) -> None:
    (tmp_path / "token-secret").write_text(SECRET)
    command_line = CommandLine(tmp_path / "token-secret", airflow)
    for _ in range(AT_ONCE):
        command_line._free.acquire()
    token = f"Bearer {tokens.for_cli(SECRET, 'user/ann')}"
    assert command_line.run(token, "version").status == 503
    command_line._free.release()
    assert [command_line.run(token, "version").status for _ in range(AT_ONCE + 1)] == [200] * (AT_ONCE + 1)


def test_the_allow_list_lets_nothing_else_in(drawn: random.Random) -> None:
    groups = [*ALLOWED, "users", "config", "pools", "db", "celery", "scheduler", "api-server"]
    commands = sorted({one for group in ALLOWED.values() for one in group} | {"run", "reset", "export", "import"})
    for _ in range(300):
        words = [drawn.choice(groups), drawn.choice(commands), "x"][: drawn.randrange(1, 4)]
        alone = words[0] in ("version", "cheat-sheet")
        assert is_allowed(words) == (alone or (len(words) > 1 and words[1] in ALLOWED.get(words[0], ())))
    assert not is_allowed([]) and not is_allowed(["db", "reset"]) and not is_allowed(["tasks", "run"])


def test_a_web_login(mwaa: Any, web: Web) -> None:
    given = mwaa.client().create_web_login_token(Name="wt")
    assert (given["IamIdentity"], given["AirflowIdentity"]) == ("user/administrator", "user/administrator")
    answer = web.ask("POST", "/pluginsv2/aws_mwaa/login", data={"token": given["WebToken"]})
    assert (answer.status_code, answer.cookies["_token"].strip('"')) == (200, "user/administrator:Admin")
    assert "httponly" in answer.headers["Set-Cookie"].lower()
    cli = mwaa.client().create_cli_token(Name="wt")["CliToken"]
    refused = web.ask("POST", "/pluginsv2/aws_mwaa/login", data={"token": cli})
    assert refused.status_code == 403 and "Set-Cookie" not in refused.headers


def test_the_consoles_address_and_airflows_own_paths(web: Web) -> None:
    assert "/pluginsv2/aws_mwaa/login" in web.ask("GET", "/aws_mwaa/aws-console-sso?login=true").text
    assert web.ask("GET", "/dags").text == "Airflow's own"


def test_the_role_in_airflow_is_the_one_that_iam_grants(mwaa: Any) -> None:
    role = "arn:aws:airflow:eu-west-3:123456789012:role/wt"
    mwaa.allow({"Effect": "Allow", "Action": "airflow:*", "Resource": [f"{role}/Viewer", f"{role}/User"]})
    mwaa.client("airflow").invoke_rest_api(Name="wt", Path="/dags", Method="GET")
    assert list(mwaa.web.users.values()) == [("assumed-role/execution-role/AmazonMWAA-airflow", ["User"])]
    mwaa.allow({"Effect": "Allow", "Action": "airflow:*", "Resource": role.replace("/wt", "/other/Admin")})
    with pytest.raises(ClientError) as error:
        mwaa.client("airflow").create_web_login_token(Name="wt")
    # Airflow's MwaaHook looks for these words.
    assert error.value.response["Error"] == {
        "Code": "AccessDeniedException",
        "Message": "No Airflow role granted in IAM.",
    }


def test_rest_get_and_post(mwaa: Any) -> None:
    client = mwaa.client()
    answer = client.invoke_rest_api(
        Name="wt", Path="/dags", Method="GET", QueryParameters={"paused": False, "limit": 5, "tags": ["a", "b"]}
    )
    assert answer["RestApiStatusCode"] == 200
    assert [one["dag_id"] for one in answer["RestApiResponse"]["dags"]] == ["pubmed_rebuild", "small"]
    assert mwaa.web.asked[-1] == "GET /api/v2/dags?paused=false&limit=5&tags=a&tags=b"
    body = {"logical_date": None, "conf": {"x": [1, 2.5, None, {"é": True}]}}
    answer = client.invoke_rest_api(Name="wt", Path="/dags/small/dagRuns", Method="POST", Body=body)
    assert answer["RestApiResponse"]["dag_run_id"] == "manual__1"
    assert mwaa.web.triggered == [body]


@pytest.mark.parametrize("status, code", [(404, "RestApiClientException"), (503, "RestApiServerException")])
def test_airflows_refusals(mwaa: Any, status: int, code: str) -> None:
    mwaa.web.answer = lambda request: Response(json.dumps({"detail": "no"}), status)
    with pytest.raises(ClientError) as error:
        mwaa.client().invoke_rest_api(Name="wt", Path="/dags/x", Method="GET")
    answer = error.value.response
    assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (code, 400)
    assert (answer["RestApiStatusCode"], answer["RestApiResponse"]) == (status, {"detail": "no"})


def test_a_session_that_has_ended_is_made_anew(mwaa: Any) -> None:
    client = mwaa.client()
    for _ in range(2):
        client.invoke_rest_api(Name="wt", Path="/dags", Method="GET")
    assert mwaa.web.asked.count("POST /pluginsv2/aws_mwaa/login") == 1
    mwaa.web.forget_sessions()
    assert client.invoke_rest_api(Name="wt", Path="/dags", Method="GET")["RestApiStatusCode"] == 200


def test_a_reply_over_6_mb(mwaa: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_rest, "LARGEST", 5000)
    mwaa.web.answer = lambda request: Response(b'"' + b"x" * 4998 + b'"')
    assert len(mwaa.client().invoke_rest_api(Name="wt", Path="/x", Method="GET")["RestApiResponse"]) == 4998
    mwaa.web.answer = lambda request: Response(b'"' + b"x" * 4999 + b'"')
    with pytest.raises(ClientError, match="RestApiServerException"):
        mwaa.client().invoke_rest_api(Name="wt", Path="/x", Method="GET")


def test_ten_a_second() -> None:
    now = [0.0]
    rate = Rate(lambda: now[0])
    for _ in range(10):
        rate.take()
    with pytest.raises(Throttled):
        rate.take()
    now[0] = 1.0
    rate.take()


def test_boto3_is_told_to_slow_down(mwaa: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Rate) -> None:
        raise Throttled("Rate exceeded")

    monkeypatch.setattr(Rate, "take", full)
    with pytest.raises(ClientError) as error:
        mwaa.client().invoke_rest_api(Name="wt", Path="/dags", Method="GET")
    assert error.value.response["Error"] == {"Code": "ThrottlingException", "Message": "Rate exceeded"}
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429


def test_an_airflow_that_is_away_or_too_slow(tmp_path: Path) -> None:
    (tmp_path / "token-secret").write_text(SECRET)
    web = FakeWebserver(tmp_path / "token-secret")
    with pytest.raises(RestApiError) as late:
        Airflow(web.url, SECRET, timeout=0).invoke("user/ann", ["Admin"], "GET", "/dags")
    assert late.value.members["RestApiStatusCode"] == 504
    web.stop()
    with pytest.raises(RestApiError) as away:
        Airflow("http://127.0.0.1:1", SECRET).invoke("user/ann", ["Admin"], "GET", "/dags")
    assert away.value.members["RestApiStatusCode"] == 503


def test_an_identity_too_long_for_airflow() -> None:
    assert tokens.airflow_identity("user/ann") == "user/ann"
    assert len(tokens.airflow_identity("assumed-role/" + "x" * 80)) == 64
