"""Faults of every kind, planted into a project: each says where `check` must find it.

The line that a finding must name ends with the mark `# <<`.
"""

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path

MARK = "# <<"
AIRFLOW = "from airflow.sdk import DAG, task\nfrom airflow.providers.standard.operators.empty import EmptyOperator\n"
Place = tuple[str, int]

# Rule → programs; NAME and OTHER stand for random names.
PROGRAMS: dict[str, list[str]] = {
    "syntax": [
        "with DAG('NAME') as dag:\nprint('no indent')  # <<\n",
        "dag = DAG('NAME'\nother = DAG('OTHER')\n".replace("'NAME'\n", "'NAME'  # <<\n"),
        "def NAME(:  # <<\n    pass\n",
    ],
    "dag-missing": ["x = 1\n", "def NAME():\n    return 'a dag for airflow'\n"],
    "dag-not-called": [
        "from airflow.sdk import dag\n@dag(schedule=None)\ndef NAME():  # <<\n    EmptyOperator(task_id='a')\n",
        "import airflow.sdk\n@airflow.sdk.dag\ndef NAME():  # <<\n    EmptyOperator(task_id='a')\n",
    ],
    "dag-duplicate": [
        "one = DAG('NAME')\ntwo = DAG(dag_id='NAME')  # <<\n",
        "ID = 'NAME'\nwith DAG(ID):\n    pass\nwith DAG('NAME', schedule=None):  # <<\n    pass\n",
        "from airflow.sdk import dag\none = DAG('NAME')\n@dag()\ndef NAME():  # <<\n    pass\nNAME()\n",
    ],
    "dag-cycle": [
        "with DAG('NAME'):\n    a = EmptyOperator(task_id='a')\n    b = EmptyOperator(task_id='b')\n"
        "    c = EmptyOperator(task_id='c')\n    a >> b >> c\n    c >> a  # <<\n",
        "with DAG('NAME'):\n    a, b = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n"
        "    a.set_downstream(b)\n    a.set_upstream(b)  # <<\n",
        "from airflow.sdk import chain, dag\n@dag()\ndef NAME():\n    @task\n    def f(x=None):\n        return x\n"
        "    a = f()\n    b = f(a)\n    c = f(b)\n    chain(c, [a, EmptyOperator(task_id='d')])  # <<\nNAME()\n",
        "with DAG('NAME'):\n    a = EmptyOperator(task_id='a')\n    b = EmptyOperator(task_id='b')\n"
        "    b << a\n    [EmptyOperator(task_id='c'), b] >> a  # <<\n",
    ],
    "import-removed": [
        "from airflow.operators.dummy import DummyOperator  # <<\ndag = DAG('NAME')\n",
        "from airflow.utils.dates import days_ago  # <<\ndag = DAG('NAME')\n",
        "import pendulum\nfrom airflow import (\n    datasets,  # <<\n)\ndag = DAG('NAME')\n",
        "from airflow.utils import dates\ndag = DAG('NAME', start_date=dates.days_ago(1))  # <<\n",
        "import airflow.contrib.hooks.aws_hook  # <<\ndag = DAG('NAME')\n",
        "def later():\n    from airflow.sensors.sql import SqlSensor  # <<\n    return SqlSensor\ndag = DAG('NAME')\n",
    ],
    "import-moved": [
        "from airflow.operators.bash import BashOperator  # <<\ndag = DAG('NAME')\n",
        "from airflow import Dataset  # <<\ndag = DAG('NAME', schedule=[Dataset('s3://a/b')])\n",
        "from airflow.decorators import dag as d  # <<\n@d()\ndef NAME():\n    pass\nNAME()\n",
        "from airflow.exceptions import AirflowException, AirflowSkipException  # <<\ndag = DAG('NAME')\n",
    ],
    "import-missing": [
        "import NAME_package.thing  # <<\ndag = DAG('NAME')\n",
        "from airflow.providers.google.cloud.hooks.gcs import GCSHook  # <<\ndag = DAG('NAME')\n",
        "import imp  # <<\ndag = DAG('NAME')\n",
    ],
    "import-unsure": [
        "def later():\n    import NAME_package  # <<\n    return NAME_package\ndag = DAG('NAME')\n",
    ],
    "import-here-only": ["from xml_rebuild.load import load_parts  # <<\ndag = DAG('NAME')\n"],
    "argument-removed": [
        "dag = DAG('NAME', schedule_interval='@daily')  # <<\n",
        "from airflow.sdk import dag\n@dag(\n    fail_stop=True,  # <<\n)\ndef NAME():\n    pass\nNAME()\n",
        "with DAG('NAME'):\n    EmptyOperator(task_id='a', task_concurrency=2)  # <<\n",
    ],
    "queue": [
        "with DAG('NAME'):\n    EmptyOperator(task_id='a', queue='OTHER')  # <<\n",
        "defaults = {\n    'retries': 1,\n    'queue': 'OTHER',  # <<\n}\ndag = DAG('NAME', default_args=defaults)\n",
        "with DAG('NAME'):\n    @task(queue='OTHER')  # <<\n    def f():\n        pass\n    f()\n",
        "with DAG('NAME', default_args=dict(queue='OTHER')):  # <<\n    pass\n",
    ],
    "write-outside-tmp": [
        "from pathlib import Path\ndag = DAG('NAME')\ndef f():\n    Path('OTHER.txt').write_text('x')  # <<\n",
        "import os\ndag = DAG('NAME')\ndef f():\n    os.makedirs(os.path.join('/opt', 'OTHER'))  # <<\n",
        "dag = DAG('NAME')\ndef f(n):\n    with open(f'/opt/{n}.csv', 'w') as out:  # <<\n        out.write('')\n",
        "from pathlib import Path\nHERE = Path(__file__).parent\nFILE = HERE / 'OTHER'\ndag = DAG('NAME')\n"
        "def f():\n    with FILE.open('ab'):  # <<\n        pass\n",
        "import boto3\ndag = DAG('NAME')\ndef f():\n    boto3.client('s3').download_file('b', 'k', 'OTHER')  # <<\n",
    ],
    "settings-beside-module": [
        "import boto3, inspect, os\nfrom pathlib import Path\n"
        "here = os.path.dirname(os.path.abspath(inspect.getfile(inspect.currentframe())))\n"
        "file = Path(here) / 'settings.py'\ns3 = boto3.client('s3')\n"
        "s3.download_file('bucket', 'settings.py', str(file))  # <<\ndag = DAG('NAME')\n",
        "import boto3, os\ndef fetch():\n    boto3.client('s3').download_file(\n"
        "        Bucket='b', Key='k', Filename=os.path.join(os.path.dirname(__file__), 's.py'))\n"
        "fetch()\ndag = DAG('NAME')\n".replace("download_file(\n", "download_file(  # <<\n"),
    ],
    "variable-at-import": [
        "from airflow.sdk import Variable\nvalue = Variable.get('OTHER')  # <<\ndag = DAG('NAME')\n",
        "from airflow import models\ndag = DAG('NAME', tags=[models.Variable.get('OTHER', 'x')])  # <<\n",
        "from airflow.sdk import dag, Variable\n@dag()\ndef NAME():\n    n = int(Variable.get('n'))  # <<\n"
        "    for i in range(n):\n        EmptyOperator(task_id=f't{i}')\nNAME()\n",
    ],
    "connection-at-import": [
        "from airflow.sdk import BaseHook\nhost = BaseHook.get_connection('OTHER').host  # <<\ndag = DAG('NAME')\n",
        "from airflow.providers.postgres.hooks.postgres import PostgresHook\nhook = PostgresHook('OTHER')\n"
        "rows = hook.get_records('select 1')  # <<\ndag = DAG('NAME')\n",
    ],
    "database-at-import": [
        "from airflow.utils.session import create_session\n"
        "with create_session() as session:  # <<\n    pass\ndag = DAG('NAME')\n",
        "from airflow import settings\nsession = settings.Session()  # <<\ndag = DAG('NAME')\n",
    ],
}
STARTUP = {
    "startup-syntax": ["echo OTHER\nfi  # <<\n", "echo )  # <<\n"],
    "startup-yum": ["sudo yum install -y OTHER  # <<\n", "set -e; dnf -q install OTHER  # <<\n"],
    "startup-apt": ["sudo apt-get install -y OTHER  # <<\n", "cd /tmp && apt install OTHER  # <<\n"],
    "startup-reserved": [
        "export AIRFLOW__CORE__PARALLELISM=4  # <<\n",
        "PYTHONPATH=/tmp  # <<\n",
        "export ECS_X=1  # <<\n",
        "export AIRFLOW__CORE__EXECUTOR_CMD='echo LocalExecutor'  # <<\n",
        "export AIRFLOW__CORE__AUTH_MANAGER=mine  # <<\n",
        "export AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT_SECRET=x  # <<\n",
    ],
}
REQUIREMENTS = {
    "requirement-syntax": ["OTHER = 1.0  # <<\n", "==1.0  # <<\n"],
    "requirement-essential": ["SQLAlchemy==1.4.54  # <<\n", "Flask<3  # <<\n"],
    "requirement-bundled": ["boto3==1.20.0  # <<\n", "pandas>=2,<3  # <<\n"],
    "requirement-twice": ["NAMEone==1.0\nNAMEone==2.0  # <<\n"],
    "requirement-unpinned": ["NAMEone  # <<\n"],
    "requirements-file": ["-r more/OTHER.txt  # <<\n"],
}
OPTIONS = {
    "option-syntax": ["parallelism: 4  # <<\n", "core.parallelism: [1]  # <<\n"],
    "option-unknown": ["core.NAME: 1  # <<\n", "OTHER.parallelism: 1  # <<\n", "core.paralelism: 4  # <<\n"],
    "option-removed": ["core.check_slas: true  # <<\n", "webserver.worker_class: x  # <<\n"],
    "option-renamed": ["webserver.base_url: x  # <<\n", "scheduler.dag_dir_list_interval: 60  # <<\n"],
    "option-refused": [
        "core.multi_team: true  # <<\n",
        "core.multi_team_cmd: echo  # <<\n",
        "triggerer.queues_enabled: true  # <<\n",
    ],
    "option-forced": [
        "core.executor: LocalExecutor  # <<\n",
        "celery.worker_concurrency: 3  # <<\n",
        "core.fernet_key_cmd: x  # <<\n",
        "celery.broker_url_secret: x  # <<\n",
    ],
}


def _named(draw: random.Random, text: str) -> str:
    for word in ("NAME", "OTHER"):
        text = text.replace(word, f"{draw.choice('abcdefgh')}{draw.getrandbits(32):08x}")
    return text


def marked(text: str) -> int:
    """The line of the mark, 1 when there is none."""
    return next((number for number, line in enumerate(text.splitlines(), 1) if line.endswith(MARK)), 1)


def _program(rule: str) -> Callable[[Path, random.Random], Place]:
    def plant(project: Path, draw: random.Random) -> Place:
        padding = "".join(f"# {'x' * draw.randrange(9)}\n" for _ in range(draw.randrange(5)))
        text = _named(draw, padding + AIRFLOW + draw.choice(PROGRAMS[rule]))
        folder = project / "dags" / draw.choice([".", f"d{draw.getrandbits(16)}"])
        folder.mkdir(exist_ok=True)
        path = folder / f"p{draw.getrandbits(32):08x}.py"
        path.write_text(text)
        if rule == "import-missing":
            for user in ("requirements.txt", "dags/sensors_and_sql.py", "dags/plugin_user.py"):
                (project / user).unlink(missing_ok=True)
        return path.relative_to(project).as_posix(), marked(text)

    return plant


def _appended(file: str, choices: list[str]) -> Callable[[Path, random.Random], Place]:
    def plant(project: Path, draw: random.Random) -> Place:
        path = project / file
        before = path.read_text()
        if file == "startup.sh":  # the clean one asks which package manager there is
            before = "#!/bin/bash\necho one\n" + "# two\n" * draw.randrange(4)
        added = _named(draw, draw.choice(choices))
        path.write_text(before + added)
        return file, before.count("\n") + marked(added)

    return plant


def _capacity(project: Path, draw: random.Random) -> Place:
    text = AIRFLOW + "".join(f"dag{n} = DAG('many_{n}')\n" for n in range(draw.randrange(51, 99)))
    (project / "dags/many.py").write_text(text)
    return "dags", 0


def _crlf(file: str, first: int) -> Callable[[Path, random.Random], Place]:
    def plant(project: Path, draw: random.Random) -> Place:
        lines = (project / file).read_bytes().splitlines()
        at = draw.randrange(first, len(lines))
        (project / file).write_bytes(b"\n".join(lines[:at]) + b"\n" * bool(at) + b"\r\n".join([*lines[at:], b""]))
        return file, at + 1

    return plant


def _shebang(project: Path, draw: random.Random) -> Place:
    path = project / "startup.sh"
    path.write_text("\n" * draw.randrange(2) + path.read_text().removeprefix("#!/bin/bash\n"))
    return "startup.sh", 1


def _own(project: Path, draw: random.Random) -> Place:
    (project / "dags/constraints.txt").write_text("funcy==1.0\n")
    text = (
        '--constraint "/usr/local/airflow/dags/constraints.txt"\n' + "# x\n" * draw.randrange(3) + "funcy==2.0  # <<\n"
    )
    (project / "requirements.txt").write_text(text + "numpy==2.5.1\napache-airflow-providers-snowflake==6.0\n")
    return "requirements.txt", marked(text)


def _commented(project: Path, draw: random.Random) -> Place:
    text = "# x\n" * draw.randrange(3) + '# --constraint "/usr/local/airflow/dags/c.txt"  # <<\n'
    (project / "requirements.txt").write_text(
        text + "numpy==2.5.1\nfuncy==2.0\napache-airflow-providers-snowflake==6.0\n"
    )
    return "requirements.txt", marked(text)


def zip_of(members: dict[str, bytes]) -> bytes:
    """A zip file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return made.getvalue()


def _plugins(make: Callable[[dict[str, bytes], random.Random], bytes]) -> Callable[[Path, random.Random], Place]:
    """plugins/ becomes plugins.zip."""

    def plant(project: Path, draw: random.Random) -> Place:
        folder = project / "plugins"
        members = {path.name: path.read_bytes() for path in folder.glob("*.py")}
        for path in [*folder.iterdir()]:
            path.unlink()
        folder.rmdir()
        (project / "plugins.zip").write_bytes(make(members, draw))
        (project / "dags/plugin_user.py").unlink(missing_ok=True)  # it imports the plugin
        return "plugins.zip", 0

    return plant


def _broken(members: dict[str, bytes], draw: random.Random) -> bytes:
    whole = zip_of(members)
    return draw.choice([whole[: draw.randrange(len(whole) - 30)], draw.randbytes(200)])


def _outside(members: dict[str, bytes], draw: random.Random) -> bytes:
    return zip_of(members | {draw.choice(["/etc/x.py", "../x.py", "a/../../x.py"]): b""})


def _encrypted(members: dict[str, bytes], draw: random.Random) -> bytes:
    """The flag alone: Python's zipfile writes no encrypted member."""
    whole = bytearray(zip_of(members | {f"z{draw.getrandbits(16)}.txt": b"x"}))
    central = whole.rindex(b"PK\x01\x02")
    whole[central + 8] |= 1
    return bytes(whole)


def _twice(project: Path, draw: random.Random) -> Place:
    members = {path.name: path.read_bytes() for path in (project / "plugins").glob("*.py")}
    (project / "plugins.zip").write_bytes(zip_of(members))
    return "plugins.zip", 0


def _large(project: Path, draw: random.Random) -> Place:
    place = _plugins(lambda members, _: zip_of(members))(project, draw)
    whole = (project / "plugins.zip").read_bytes()
    with (project / "plugins.zip").open("wb") as file:  # sparse: a zip is read from its end
        file.seek(10**9 + draw.randrange(1000))
        file.write(whole)
    return place


PLANTERS: dict[str, Callable[[Path, random.Random], Place]] = {
    **{rule: _program(rule) for rule in PROGRAMS},
    **{rule: _appended("startup.sh", choices) for rule, choices in STARTUP.items()},
    **{rule: _appended("requirements.txt", choices) for rule, choices in REQUIREMENTS.items()},
    **{rule: _appended("configuration-options.yaml", choices) for rule, choices in OPTIONS.items()},
    "dag-capacity": _capacity,
    "startup-crlf": _crlf("startup.sh", 1),
    "startup-shebang": _shebang,
    "requirements-crlf": _crlf("requirements.txt", 0),
    "requirement-own": _own,
    "requirements-comment": _commented,
    "plugins-twice": _twice,
    "plugins-no-zip": _plugins(_broken),
    "plugins-nested": _plugins(lambda members, _: zip_of({f"plugins/{name}": it for name, it in members.items()})),
    "plugins-path": _plugins(_outside),
    "plugins-encrypted": _plugins(_encrypted),
    "plugins-empty": _plugins(lambda members, _: zip_of({"readme.txt": b"", "data/x.json": b"{}"})),
    "plugins-size": _large,
}
#: Of each of these groups, a project can have but one.
ALONE = (
    [rule for rule in PLANTERS if rule.startswith("plugins-")],
    [rule for rule in PLANTERS if rule.startswith("requirement")] + ["import-missing"],
    [rule for rule in PLANTERS if rule.startswith("startup-")],
    ["plugins-no-zip", "import-missing"],  # nobody knows what a broken zip would provide
)
