"""What a component starts with: the user's plugins, startup script, options and requirements, by MWAA's rules."""

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from windtunnel_runtime import boot, startup_script, user_plugins, user_requirements
from windtunnel_runtime.environment import Environment, options, variable


class Machine:
    """A container's folders."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.code, self.home = folder / "code", folder / "airflow"
        for path in (self.code, self.home):
            path.mkdir()
        places = {
            "DELIVERED": self.code,
            "HOME": self.home,
            "LOGS": self.home / "logs",
            "NOTES": self.home / "logs/boot",
        }
        for name, path in places.items():
            monkeypatch.setattr(boot, name, path)
        monkeypatch.setattr(boot, "SAVED", folder / "environment")
        monkeypatch.setattr(boot, "AUTOSCALE", folder / "autoscale")

    def boot(self, **environment: str) -> boot.Boot:
        started = boot.Boot("worker", {"PATH": "/usr/bin:/bin", **environment})
        started.run()
        started.tell()
        started.save()
        return started


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def zipped(**files: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/") + ".py", text)
    return held.getvalue()


def test_an_empty_project_starts_without_a_word(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    started = machine.boot()
    assert started.problems == []
    assert capsys.readouterr() == ("", "")


def test_the_component_knows_its_name(machine: Machine) -> None:
    assert machine.boot().environment.variables["MWAA_AIRFLOW_COMPONENT"] == "worker"


def test_exports_are_kept_and_the_reserved_are_not(machine: Machine) -> None:
    (machine.code / "startup.sh").write_text(
        "export MINE=1 AIRFLOW_HOME=/elsewhere AIRFLOW__METRICS__STATSD_ON=False\nHIDDEN=2\necho hello\n"
    )
    started = machine.boot(AIRFLOW_HOME="/usr/local/airflow")
    variables = started.environment.variables
    assert variables["MINE"] == "1" and "HIDDEN" not in variables
    assert variables["AIRFLOW_HOME"] == "/usr/local/airflow" and "AIRFLOW__METRICS__STATSD_ON" not in variables
    assert [problem.split(" is not taken")[0] for problem in started.problems] == [
        "startup.sh: AIRFLOW_HOME", "startup.sh: AIRFLOW__METRICS__STATSD_ON",
    ]  # fmt: skip
    (log,) = (machine.home / "logs").glob("startup_script_execution_worker_*.log")
    assert log.read_text() == "hello\n"


def test_a_script_that_exits_keeps_what_it_exported_before(machine: Machine) -> None:
    (machine.code / "startup.sh").write_text("export MINE='a b\nc'\nexit 3\nexport LATER=1\n")
    started = machine.boot()
    assert started.environment.variables["MINE"] == "a b\nc" and "LATER" not in started.environment.variables
    assert started.problems == ["startup.sh: ended with 3"]


def test_a_script_that_hangs_is_stopped(tmp_path: Path) -> None:
    script = tmp_path / "startup.sh"
    script.write_text("export MINE=1\necho waiting\nsleep 1000\n")
    ran = startup_script.run(script, {"PATH": "/usr/bin:/bin"}, limit=1)
    assert ran.problem == "not over within 1 s: stopped"
    assert ran.output.startswith("waiting\n")


def test_options_beat_the_script_and_the_forced_beat_them(machine: Machine) -> None:
    (machine.code / "startup.sh").write_text("export AIRFLOW__CORE__DEFAULT_TIMEZONE=Europe/Paris\n")
    (machine.code / "configuration-options.yaml").write_text(
        "core.default_timezone: utc\ncore.executor: LocalExecutor\ncelery.worker_concurrency: 3\nnonsense: 1\n"
        "celery.worker_autoscale: 3,3\n"
    )
    started = machine.boot()
    variables = started.environment.variables
    assert variables["AIRFLOW__CORE__DEFAULT_TIMEZONE"] == "utc"
    assert variables["AIRFLOW__CELERY__WORKER_AUTOSCALE"] == "3,3"
    assert "AIRFLOW__CORE__EXECUTOR" not in variables and "AIRFLOW__CELERY__WORKER_CONCURRENCY" not in variables
    assert len(started.problems) == 3


def test_options_that_are_no_options_are_told(machine: Machine) -> None:
    (machine.code / "configuration-options.yaml").write_text("- core.executor\n")
    assert "expected lines of section.key: value" in machine.boot().problems[0]


def test_a_shell_gets_the_same_environment(machine: Machine, tmp_path: Path) -> None:
    (machine.code / "startup.sh").write_text('export MINE="it\'s $HOME"\n')
    machine.boot(HOME="/root")
    saved = (tmp_path / "environment").read_text()
    assert startup_script.run(_script(tmp_path, saved), {"PATH": "/usr/bin:/bin"}).exported["MINE"] == "it's /root"
    assert (tmp_path / "environment").stat().st_mode & 0o077 == 0


def _script(folder: Path, text: str) -> Path:
    path = folder / "script.sh"
    path.write_text(text)
    return path


def test_what_went_wrong_is_noted_for_status(machine: Machine) -> None:
    (machine.code / "startup.sh").write_text("exit 1\n")
    machine.boot()
    note = json.loads((machine.home / "logs/boot/worker.json").read_text())
    assert note["problems"] == ["startup.sh: ended with 1"]


def test_plugins_come_from_the_zip_and_the_former_go(machine: Machine) -> None:
    (machine.code / "plugins.zip").write_bytes(zipped(operators__mine="1"))
    (machine.home / "plugins").mkdir()
    (machine.home / "plugins/former.py").write_text("0")
    machine.boot()
    assert [path.name for path in (machine.home / "plugins").rglob("*.py")] == ["mine.py"]


def test_plugins_come_from_a_folder(machine: Machine) -> None:
    (machine.code / "plugins").mkdir()
    (machine.code / "plugins/mine.py").write_text("1")
    machine.boot()
    assert (machine.home / "plugins/mine.py").read_text() == "1"


@pytest.mark.parametrize("content", [b"no zip", zipped(one="1")[:-30], zipped(**{"..__escaped": "1"})])
def test_a_broken_zip_leaves_no_plugins(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "plugins.zip").write_bytes(content)
    assert user_plugins.install(tmp_path, tmp_path / "plugins").startswith("plugins.zip: ")
    assert list((tmp_path / "plugins").iterdir()) == []
    assert not (tmp_path / "escaped.py").exists()


@pytest.mark.parametrize(
    ("text", "added"),
    [
        ("requests\n", True),
        ("--constraint https://example.com/c.txt\nrequests\n", False),
        ("# --constraint c.txt\nrequests\n", False),
        ("-c c.txt\nrequests\n", False),
        ("python-constraint\n", True),
    ],
)
def test_constraints_are_added_unless_the_file_names_some(tmp_path: Path, text: str, added: bool) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text(text)
    named = [Path(word).name for word in user_requirements.command(file) if "constraints/" in word]
    assert named == ["essential.txt", *(["constraints-3.3.1-3.12.txt"] if added else [])]


def test_requirements_that_cannot_be_had_are_told_by_pips_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = "print('ERROR: No matching distribution found for nonsense'); raise SystemExit(1)"
    monkeypatch.setattr(user_requirements, "command", lambda _: [sys.executable, "-c", failing])
    problem = user_requirements.install(tmp_path / "requirements.txt", {}, tmp_path / "log")
    assert problem == "not installed: pip ended with 1: No matching distribution found for nonsense"


def test_an_installation_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_requirements, "command", lambda _: ["sleep", "1000"])
    problem = user_requirements.install(tmp_path / "requirements.txt", {}, tmp_path / "log", limit=0.2)
    assert problem == "not installed within 0.2 s: stopped"


def test_every_row_of_the_table_says_why_it_differs() -> None:
    assert len(options()) > 40
    for option in options().values():
        assert option.kind in ("forced", "refused", "default", "computed", "ignored", "own")
        assert option.why or (not option.here and option.kind != "ignored"), option.name


@pytest.mark.parametrize("name", [option.name for option in options().values() if option.kind in ("forced", "refused")])
def test_no_forced_option_can_be_set(name: str) -> None:
    environment = Environment({})
    names = [f"{name}{suffix}" for suffix in ("", "_cmd", "_secret")]
    environment.configure({name: "1" for one in names for name in (one, one.upper())})
    environment.export({variable(one): "1" for one in names})
    assert environment.variables == {} and len(environment.refused) == 9


def test_what_only_looks_like_a_reserved_name_is_taken() -> None:
    mine = {
        "MY_SECRET": "1",
        "AIRFLOW__CORE__DEFAULT_TIMEZONE": "utc",
        "AIRFLOW__SECRETS__BACKEND": "x",
        "AIRFLOW__X": "",
    }
    environment = Environment({})
    environment.export(mine)
    environment.configure({"email.from_email_cmd": "echo me"})
    assert environment.refused == []
    assert environment.variables == mine | {"AIRFLOW__EMAIL__FROM_EMAIL_CMD": "echo me"}


def test_an_option_of_a_section_with_a_dot_is_read_by_airflow(machine: Machine) -> None:
    (machine.code / "configuration-options.yaml").write_text("common.io.xcom_objectstorage_threshold: 1000\n")
    assert machine.boot().environment.variables["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"] == "1000"
