"""Records of the kernel's log, as Linux 6.18 (cgroup v1) and 6.8 (v2) wrote them."""

from pathlib import Path

import pytest

from task_memory.kernel_log import KernelKill, KernelLog

ID = "82ee14f1cb836e0aefeb55fc30a860adc3c1a6a20bfeca481163eed620bcbb46"


def records(group: str) -> list[str]:
    return [
        "4,2271,11921764572,-;airflow worker  invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0\n",
        f"6,2301,11921765001,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset={ID},mems_allowed=0,"
        f"oom_memcg={group},task_memcg={group},task=airflow worker ,pid=9678,uid=1000\n",
        "3,2302,11921765101,-;Memory cgroup out of memory: Killed process 9678 (airflow worker ) total-vm:2274064kB, "
        "anon-rss:1889996kB, file-rss:22512kB, shmem-rss:100kB, UID:1000 pgtables:4524kB oom_score_adj:0\n",
    ]


@pytest.fixture
def log() -> KernelLog:
    return KernelLog(Path("/dev/null"))


@pytest.mark.parametrize("group", [f"/docker/{ID}", f"/system.slice/docker-{ID}.scope", f"/../../docker/{ID}/task"])
def test_a_kill_has_its_container_and_its_sizes(log: KernelLog, group: str) -> None:
    [kill] = filter(None, map(log.parse, records(group)))
    assert kill == KernelKill(9678, "airflow worker ", ID, (1889996 + 100) * 1024, (1889996 + 100 + 22512) * 1024)


def test_a_kill_outside_containers_has_none(log: KernelLog) -> None:
    [kill] = filter(None, map(log.parse, records("/user.slice")))
    assert kill.container_id is None


def test_other_records_are_no_kills(log: KernelLog) -> None:
    assert log.parse("6,1,1,-;eth0: renamed from veth19d0176\n SUBSYSTEM=net\n") is None


def test_a_log_that_may_not_be_read_is_no_error(tmp_path: Path) -> None:
    log = KernelLog(tmp_path / "kmsg")
    assert log.descriptor is None
    assert [*log.kills()] == []


@pytest.mark.parametrize(("namespace", "is_read"), [("pid:[4026531836]", True), ("pid:[4026532177]", False)])
def test_a_log_that_numbers_processes_otherwise_is_not_read(tmp_path: Path, namespace: str, is_read: bool) -> None:
    """As where the engine runs in a WSL distribution, or in a container."""
    (tmp_path / "pid").symlink_to(namespace)
    log = KernelLog(Path("/dev/null"), tmp_path / "pid")
    assert (log.descriptor is not None) == is_read
