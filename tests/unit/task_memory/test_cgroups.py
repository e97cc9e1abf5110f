"""The same figures from every layout of control groups that Docker makes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fake_host import Figures, Host

from task_memory.cgroups import BlockIO, Cgroup, CgroupGone, Cpu, Memory, Pressure, open_cgroup

ID = "4be7" * 16
OUTER = "97c1" * 16
PID = 4711

Layout = Callable[[Host, Figures], None]
CGROUPFS = f"/docker/{ID}"
SYSTEMD = f"/system.slice/docker-{ID}.scope"
ROOTLESS = f"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{ID}.scope"
V1: dict[str, Layout] = {
    "v1": lambda host, figures: host.v1(PID, CGROUPFS, figures),
    "v1-systemd": lambda host, figures: host.v1(PID, SYSTEMD, figures),
    "v1-joint-folder": lambda host, figures: host.v1(PID, CGROUPFS, figures, joint=True),
    "v1-docker-in-docker": lambda host, figures: host.v1(PID, f"/docker/{OUTER}/docker/{ID}", figures, CGROUPFS),
}
WITH_PRESSURE: dict[str, Layout] = {
    "hybrid": lambda host, figures: host.hybrid(PID, CGROUPFS, figures),
    "v2": lambda host, figures: host.v2(PID, CGROUPFS, figures),
    "v2-systemd": lambda host, figures: host.v2(PID, SYSTEMD, figures),
    "v2-rootless": lambda host, figures: host.v2(PID, ROOTLESS, figures),
    "v2-docker-in-docker": lambda host, figures: host.v2(PID, f"/docker/{OUTER}/docker/{ID}", figures, CGROUPFS),
    "v2-group-inside": lambda host, figures: host.v2(PID, f"{CGROUPFS}/init.scope", figures, CGROUPFS),
}
LAYOUTS = V1 | WITH_PRESSURE


def opened(host: Host) -> Cgroup:
    return open_cgroup(PID, ID, host.proc, host.cgroups)


@pytest.fixture(params=LAYOUTS)
def cgroup(request: pytest.FixtureRequest, host: Host, figures: Figures) -> Cgroup:
    LAYOUTS[request.param](host, figures)
    return opened(host)


def test_memory(cgroup: Cgroup, figures: Figures) -> None:
    assert cgroup.memory() == Memory(
        usage=figures.usage,
        working_set=figures.usage - figures.inactive_file,
        anon=figures.anon,
        cache=figures.cache,
        peak=figures.peak,
        limit=figures.limit,
        failures=figures.failures,
    )


def test_usage_and_oom_kills(cgroup: Cgroup, figures: Figures) -> None:
    assert (cgroup.usage(), cgroup.oom_kills()) == (figures.usage, figures.oom_kills)


def test_cpu(cgroup: Cgroup, figures: Figures) -> None:
    assert cgroup.cpu() == Cpu(
        usage_seconds=figures.cpu_seconds,
        quota=150000,
        period=100000,
        periods=figures.periods,
        throttled_periods=figures.throttled_periods,
        throttled_seconds=figures.throttled_seconds,
    )


def test_io(cgroup: Cgroup, figures: Figures) -> None:
    assert cgroup.io() == BlockIO(read=figures.read, written=figures.written)


def test_processes(cgroup: Cgroup, figures: Figures) -> None:
    assert cgroup.processes() == figures.processes


@pytest.mark.parametrize("layout", WITH_PRESSURE)
@pytest.mark.parametrize("resource", ["cpu", "memory", "io"])
def test_pressure(layout: str, resource: str, host: Host, figures: Figures) -> None:
    WITH_PRESSURE[layout](host, figures)
    expected = Pressure(pytest.approx(figures.waiting[resource]), pytest.approx(figures.stalled[resource], abs=1e-6))
    assert opened(host).pressure(resource) == expected


@pytest.mark.parametrize("layout", V1)
def test_v1_has_no_pressure(layout: str, host: Host, figures: Figures) -> None:
    V1[layout](host, figures)
    assert opened(host).pressure("memory") is None


def test_pressure_that_the_kernel_is_told_not_to_keep(host: Host, figures: Figures) -> None:
    """With psi=0 the file is there, and reading it fails: so it does with a folder in its place."""
    host.v2(PID, CGROUPFS, figures)
    folder(host, "v2").joinpath("memory.pressure").unlink()
    folder(host, "v2").joinpath("memory.pressure").mkdir()
    assert opened(host).pressure("memory") is None


def folder(host: Host, version: str, controller: str = "memory") -> Path:
    return host.cgroups / (controller if version == "v1" else "") / "docker" / ID


def made(host: Host, version: str, figures: Figures) -> None:
    host.v1(PID, CGROUPFS, figures) if version == "v1" else host.v2(PID, CGROUPFS, figures)


@pytest.mark.parametrize(
    ("version", "file", "text"),
    [("v1", "memory.limit_in_bytes", "9223372036854771712\n"), ("v2", "memory.max", "max\n")],
)
def test_no_memory_limit(version: str, file: str, text: str, host: Host, figures: Figures) -> None:
    made(host, version, figures)
    (folder(host, version) / file).write_text(text)
    assert opened(host).memory().limit is None


@pytest.mark.parametrize(
    ("version", "file", "text"), [("v1", "cpu.cfs_quota_us", "-1\n"), ("v2", "cpu.max", "max 100000\n")]
)
def test_no_cpu_limit(version: str, file: str, text: str, host: Host, figures: Figures) -> None:
    made(host, version, figures)
    (folder(host, version, "cpu") / file).write_text(text)
    assert opened(host).cpu().quota is None


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_working_set_is_never_negative(version: str, host: Host, figures: Figures) -> None:
    """Usage is counted in batches, so the file cache may be ahead of it."""
    figures.inactive_file = figures.usage + 4096
    made(host, version, figures)
    assert opened(host).memory().working_set == 0


def test_a_kernel_without_memory_peak(host: Host, figures: Figures) -> None:
    host.v2(PID, CGROUPFS, figures)
    (folder(host, "v2") / "memory.peak").unlink()
    assert opened(host).memory().peak is None


def test_rootless_docker_without_the_controllers_of_cpu_and_io(host: Host, figures: Figures) -> None:
    host.v2(PID, CGROUPFS, figures)
    (folder(host, "v2") / "cpu.max").unlink()
    (folder(host, "v2") / "cpu.stat").write_text("usage_usec 5000000\n")
    (folder(host, "v2") / "io.stat").unlink()
    cgroup = opened(host)
    assert cgroup.cpu() == Cpu(5.0, None, 100000, 0, 0, 0.0)
    assert cgroup.io() is None


def test_each_read_is_fresh(cgroup: Cgroup, host: Host, figures: Figures) -> None:
    before = cgroup.usage()
    for file in [*host.cgroups.rglob("memory.usage_in_bytes"), *host.cgroups.rglob("memory.current")]:
        file.write_text(f"{before + 1}\n")
    assert cgroup.usage() == before + 1


def test_no_such_process(host: Host) -> None:
    with pytest.raises(CgroupGone, match=f"process {PID}"):
        opened(host)


def test_a_process_id_that_another_process_has_by_now(host: Host, figures: Figures) -> None:
    host.v2(PID, f"/docker/{OUTER}", figures)
    with pytest.raises(CgroupGone, match="not in container"):
        opened(host)


def test_a_container_whose_folder_is_gone(host: Host) -> None:
    host.process(PID, f"0::{CGROUPFS}\n")
    with pytest.raises(CgroupGone, match="no control group"):
        opened(host)


def test_a_container_that_ends_while_it_is_watched(host: Host, figures: Figures) -> None:
    host.v2(PID, CGROUPFS, figures)
    cgroup = opened(host)
    (folder(host, "v2") / "memory.current").unlink()
    with pytest.raises(CgroupGone, match=r"memory\.current"):
        cgroup.usage()


def test_files_are_closed(host: Host, figures: Figures) -> None:
    host.v2(PID, CGROUPFS, figures)
    cgroup = opened(host)
    before = len([*Path("/proc/self/fd").iterdir()])
    cgroup.memory()
    assert len([*Path("/proc/self/fd").iterdir()]) > before
    cgroup.close()
    assert len([*Path("/proc/self/fd").iterdir()]) == before
