import random
import secrets
from pathlib import Path

import pytest
from fake_docker import Docker
from fake_host import Figures, Host, figures_of


@pytest.fixture
def dice() -> random.Random:
    seed = secrets.randbits(32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def figures(dice: random.Random) -> Figures:
    return figures_of(dice)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


@pytest.fixture
def docker() -> Docker:
    return Docker()
