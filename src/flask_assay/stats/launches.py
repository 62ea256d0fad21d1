"""What launches tell about a change: requests within a launch share its luck, launches do not.

A mixed model with the launch as its cluster. The figure of launch *l* of comparison *j* is
``effect_j + luck + error``, where luck has one variance for all comparisons of an experiment and
error the variance that the pairs within its launches show. Four to eight launches alone tell
little about a variance: Student's quantile for five launches at 0.0005 is 11, and a halved time
drowns in it. All comparisons of an experiment ran in the same launches on the same machine, so
each comparison's own variance is drawn towards what all of them show, as far as they agree.

References:
    T. Kalibera, R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013: the variance
    between executions counts, and repetition belongs where the uncertainty is.
    G. K. Smyth, "Linear Models and Empirical Bayes Methods for Assessing Differential Expression
    in Microarray Experiments", 2004: the moderated t, its prior from the spread of log-variances.
    R. C. Paule, J. Mandel, "Consensus Values and Weighting Factors", 1982: the common variance.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flask_assay.stats.intervals import Interval, t_quantile, t_tail
from flask_assay.stats.location import midmean

__all__ = ["Comparison", "Spread", "comparison", "interval_of", "spread_of", "tail_of"]

_LOSS = 1.2  # variance of a midmean, in units of that of a mean
_NORMAL_MAD = 1.4826
_LEAST_VARIANCE = 1e-8  # a hundredth of a percent: no clock tells less
_MOST_FREEDOM = 12.0  # of the prior: the tails of a busy machine are not normal
_FEW_COMPARISONS = 4
_FEW_FREEDOM = 3.0  # of the prior where there are too few comparisons to learn it


@dataclass(frozen=True, slots=True)
class Comparison:
    """One change on one route, launch by launch.

    Attributes:
        figures: Figure of each launch.
        error_variance: Of a figure, from the pairs within the launches; 0 if they can not tell.
    """

    figures: tuple[float, ...]
    error_variance: float

    @property
    def freedom(self) -> int:
        """Degrees of freedom of the variance between the launches."""
        return len(self.figures) - 1


class Spread(NamedTuple):
    """What all comparisons of an experiment say about the variance of a launch's figure.

    Attributes:
        luck_variance: That all comparisons have in common, beside the error of their pairs.
        scale: Typical variance in units of luck and error.
        freedom: Degrees of freedom that this knowledge is worth; 0 for none.
    """

    luck_variance: float = 0.0
    scale: float = 1.0
    freedom: float = 0.0


def comparison(launches: Sequence[Sequence[float]]) -> Comparison:
    """Return the midmeans of the launches, and how well the pairs within them agree.

    Args:
        launches: Per launch the figure of each pair, at least one; fewest two launches.
    """
    figures = tuple(map(midmean, launches))
    several = [pairs for pairs in launches if len(pairs) > 1]
    if not several:
        return Comparison(figures, 0.0)
    apart = [
        abs(value - statistics.median(pairs)) * math.sqrt(len(pairs) / (len(pairs) - 1))
        for pairs in several
        for value in pairs
    ]
    sigma = _NORMAL_MAD * statistics.median(apart)
    count = statistics.harmonic_mean([len(pairs) for pairs in launches])
    return Comparison(figures, _LOSS * sigma * sigma / count)


def spread_of(comparisons: Sequence[Comparison]) -> Spread:
    """Return what the comparisons of one experiment say together about their variances.

    Args:
        comparisons: All of the experiment, those of the unchanged app with itself included;
            those of fewer than two launches are left aside.
    """
    seen = [each for each in comparisons if each.freedom > 0]
    if len(seen) < 2:
        return Spread()
    luck = _common_variance(seen)
    ratios = [
        (math.log(max(_variance(each), _LEAST_VARIANCE) / _expected(each, luck)), each.freedom)
        for each in seen
    ]
    centred = [value - _digamma(n / 2) + math.log(n / 2) for value, n in ratios]
    middle = statistics.fmean(centred)
    total = sum(freedom for _, freedom in ratios)
    if len(seen) < _FEW_COMPARISONS:
        return Spread(luck, 1.0, min(_FEW_FREEDOM, total / 2))
    excess = statistics.variance(centred) - statistics.fmean(_trigamma(n / 2) for _, n in ratios)
    freedom = 2 * _inverse_trigamma(excess) if excess > 0 else math.inf
    # no more than was seen; the comparison's own part is added later
    freedom = min(freedom, total * (1 - 1 / len(seen)), _MOST_FREEDOM)
    scale = math.exp(middle + _digamma(freedom / 2) - math.log(freedom / 2))
    return Spread(luck, scale, freedom)


def interval_of(one: Comparison, spread: Spread, *, level: float = 0.95) -> Interval:
    """Return the mean over launches with Student's interval for the moderated variance.

    Args:
        one: At least two launches, or a spread with some freedom.
        spread: Of the experiment that it belongs to.
        level: Confidence, 0..1.

    Raises:
        ValueError: If nothing is known about the variance.
    """
    middle, error, freedom = _moderated(one, spread)
    half = t_quantile(0.5 + level / 2, freedom) * error
    return Interval(middle, middle - half, middle + half)


def tail_of(one: Comparison, spread: Spread) -> float:
    """Return the two-sided p of "no effect"; arguments and errors as for ``interval_of``."""
    middle, error, freedom = _moderated(one, spread)
    return 2 * t_tail(abs(middle) / error, freedom)


def _moderated(one: Comparison, spread: Spread) -> tuple[float, float, float]:
    """Return mean, its standard error and degrees of freedom."""
    freedom = one.freedom + spread.freedom
    if freedom <= 0:
        raise ValueError(
            f"{len(one.figures)} value(s): an interval over launches needs at least two"
        )
    known = spread.freedom * spread.scale * _expected(one, spread.luck_variance)
    own = one.freedom * _variance(one) if one.freedom else 0.0
    variance = max((known + own) / freedom, _LEAST_VARIANCE)
    return statistics.fmean(one.figures), math.sqrt(variance / len(one.figures)), freedom


def _variance(one: Comparison) -> float:
    # the fractions of the statistics module would take most of an experiment's judgement
    middle = statistics.fmean(one.figures)
    return math.fsum((each - middle) ** 2 for each in one.figures) / one.freedom


def _expected(one: Comparison, luck_variance: float) -> float:
    return max(luck_variance + one.error_variance, _LEAST_VARIANCE)


def _common_variance(seen: Sequence[Comparison]) -> float:
    """Return the luck that makes the variances as large, on average, as they are."""
    total = sum(each.freedom for each in seen)
    variances = [_variance(each) for each in seen]

    def excess(luck: float) -> float:
        said = (
            each.freedom * variance / _expected(each, luck)
            for each, variance in zip(seen, variances, strict=True)
        )
        return sum(said) - total

    if excess(0.0) <= 0:
        return 0.0
    low, high = 0.0, max(variances) * 2 + _LEAST_VARIANCE
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return (low + high) / 2


def _digamma(x: float) -> float:
    shift = 0.0
    while x < 6:
        shift -= 1 / x
        x += 1
    square = 1 / (x * x)
    return shift + math.log(x) - 0.5 / x - square * (1 / 12 - square * (1 / 120 - square / 252))


def _trigamma(x: float) -> float:
    shift = 0.0
    while x < 6:
        shift += 1 / (x * x)
        x += 1
    square = 1 / (x * x)
    return shift + 1 / x + square / 2 + square / x * (1 / 6 - square * (1 / 30 - square / 42))


def _inverse_trigamma(value: float) -> float:
    low, high = 1e-6, 1e6
    for _ in range(80):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _trigamma(middle) > value else (low, middle)
    return math.sqrt(low * high)
