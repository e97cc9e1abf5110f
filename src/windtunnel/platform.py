"""What MWAA's image for Airflow 3.3.1 is to a Python package: CPython 3.12 on Amazon Linux 2023, x86_64.

Source: https://docs.aws.amazon.com/mwaa/latest/userguide/airflow-versions.html and mwaa-faqs.html there.
"""

from pathlib import PurePosixPath

PYTHON = (3, 12)
AIRFLOW_HOME = PurePosixPath("/usr/local/airflow")
# Amazon Linux 2023 has glibc 2.34: https://docs.aws.amazon.com/linux/al2023/ug/core-glibc.html
GLIBC = 34
#: Platform tags of wheels that run there (PEP 600), those that run on the oldest Linux first: manylinux2014 is 2.17.
PLATFORMS = (
    *("manylinux2014_x86_64", "manylinux_2_17_x86_64"),
    *(f"manylinux_2_{minor}_x86_64" for minor in range(16, 4, -1)),
    *("manylinux2010_x86_64", "manylinux1_x86_64"),
    *(f"manylinux_2_{minor}_x86_64" for minor in range(18, GLIBC + 1)),
    "linux_x86_64",
)
#: What environment markers of requirements (PEP 508) say there.
MARKERS = {
    "implementation_name": "cpython",
    "implementation_version": "3.12.13",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.12.13",
    "python_version": "3.12",
    "sys_platform": "linux",
}
