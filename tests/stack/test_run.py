"""`run` tells the truth about the run that it made, and about no other."""

from command_line import CommandLine

SUCCESS = ("run", "selftest_ends_as_told", "--timeout", "120")


def test_success_is_0(cli: CommandLine) -> None:
    said = cli(*SUCCESS).stdout
    assert "end" in said and "succeeded" in said


def test_failure_is_1_though_older_runs_succeeded_and_shows_the_log(cli: CommandLine) -> None:
    cli(*SUCCESS)
    cli(*SUCCESS)
    failed = cli(*SUCCESS, "--conf", '{"fail": true}', expect=1)
    assert "RuntimeError: told to fail" in failed.stderr
    assert "told to fail" in failed.stdout


def test_no_such_dag_is_4_though_another_file_does_not_import(cli: CommandLine) -> None:
    said = cli("run", "selftest_of_nowhere", expect=4).stderr
    assert "selftest_broken.py" in said


def test_a_dag_whose_own_file_does_not_import_is_5(cli: CommandLine) -> None:
    assert "no_such_package_anywhere" in cli("run", "selftest_broken", expect=5).stderr


def test_time_out_is_6_and_names_the_run(cli: CommandLine) -> None:
    said = cli("run", "selftest_ends_as_told", "--conf", '{"sleep": 20}', "--timeout", "2", expect=6)
    assert "manual__" in said.stderr


def test_conf_that_is_no_object_is_2(cli: CommandLine) -> None:
    assert "JSON object" in cli("run", "selftest_ends_as_told", "--conf", "[1]", expect=2).stderr
    assert "JSON object" in cli("run", "selftest_ends_as_told", "--conf", "{", expect=2).stderr


def test_no_stack_is_3() -> None:
    nobody = CommandLine("selftest-nobody")
    assert "./windtunnel up" in nobody("run", "selftest_ends_as_told", expect=3).stderr
    assert nobody.json("status")["services"] == []
    nobody("credentials", expect=3)
