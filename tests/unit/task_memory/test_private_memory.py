"""The formula of a tree's private memory, against pages that are counted one by one."""

import random
from collections import Counter
from collections.abc import Iterable

from task_memory.private_memory import Inheritance, tree_private
from task_memory.processes import Rollup

PAGE = 4096
OUTSIDE = 5
Pages = set[int]


def rollups(tree: list[Pages], outside: list[Pages]) -> list[Rollup]:
    """What the kernel says of processes that map these pages."""
    mapped = Counter(page for pages in [*tree, *outside] for page in pages)

    def of(pages: Pages) -> Rollup:
        shared = [page for page in pages if mapped[page] > 1]
        part = round(sum(PAGE / mapped[page] for page in shared))
        private = (len(pages) - len(shared)) * PAGE
        return Rollup(
            rss=len(pages) * PAGE, pss=private + part, private=private, shared=len(shared) * PAGE, shared_part=part
        )

    return [of(pages) for pages in tree]


def truth(tree: list[Pages], outside: list[Pages]) -> int:
    return len(set().union(*tree) - set().union(*outside)) * PAGE


def pages(dice: random.Random, start: int, most: int) -> Pages:
    return set(range(start, start + dice.randint(most // 2, most)))


def near(found: int, true: int, of: Iterable[Rollup]) -> bool:
    return abs(found - true) <= max(PAGE, 0.01 * sum(rollup.pss for rollup in of))


def test_alone_it_is_what_the_kernel_calls_private(dice: random.Random) -> None:
    inherited, own = pages(dice, 0, 20_000), pages(dice, 100_000, 50_000)
    outside = [inherited] * OUTSIDE
    [task] = rollups([inherited | own], outside)
    assert tree_private([task], [], Inheritance.of(task)) == truth([inherited | own], outside) == len(own) * PAGE


def test_what_forks_share_with_each_other_counts_once(dice: random.Random) -> None:
    inherited, own = pages(dice, 0, 20_000), pages(dice, 100_000, 50_000)
    outside = [inherited] * OUTSIDE
    [alone] = rollups([inherited | own], outside)
    tree = [inherited | own] + [inherited | own | pages(dice, 200_000 + 60_000 * n, 30_000) for n in range(3)]
    forks = rollups(tree, outside)
    found = tree_private(forks, [], Inheritance.of(alone))
    assert near(found, truth(tree, outside), forks)
    assert found > sum(fork.private for fork in forks)


def test_a_program_of_its_own_counts_wholly(dice: random.Random) -> None:
    inherited, own = pages(dice, 0, 20_000), pages(dice, 100_000, 50_000)
    program = pages(dice, 300_000, 40_000)
    outside = [inherited] * OUTSIDE
    task, first, second = rollups([inherited | own, program, program], outside)
    found = tree_private([task], [first, second], Inheritance.of(task))
    assert near(found, truth([inherited | own, program], outside), [task, first, second])


def test_a_page_that_a_fork_writes_is_new(dice: random.Random) -> None:
    inherited, own = pages(dice, 0, 20_000), pages(dice, 100_000, 50_000)
    outside = [inherited] * OUTSIDE
    [alone] = rollups([inherited | own], outside)
    copied = {page + 500_000 for page in own}
    tree = [inherited | own, inherited | copied]
    forks = rollups(tree, outside)
    assert near(tree_private(forks, [], Inheritance.of(alone)), 2 * len(own) * PAGE, forks)


def test_nothing_inherited_is_no_division_by_nothing() -> None:
    alone = Rollup(rss=PAGE, pss=PAGE, private=PAGE, shared=0, shared_part=0)
    assert tree_private([alone, alone], [], Inheritance.of(alone)) == 2 * PAGE
