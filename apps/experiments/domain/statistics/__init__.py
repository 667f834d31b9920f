"""The statistics of experiments: plain Python on sufficient statistics.

Two readings exist and are never mixed: ``sequential`` (look whenever you like) and ``fixed`` (one look, at a size
decided beforehand). The sequential one is the default of everything live.
"""

from apps.experiments.domain.statistics.comparing import Comparison, compare
from apps.experiments.domain.statistics.planning import detectable_effect, sample_size
from apps.experiments.domain.statistics.ratios import RatioSummary, compare_ratio
from apps.experiments.domain.statistics.sampling import SampleRatio, SequentialSampleRatio, sample_ratio
from apps.experiments.domain.statistics.summaries import Summary

__all__ = [
    "Comparison",
    "RatioSummary",
    "SampleRatio",
    "SequentialSampleRatio",
    "Summary",
    "compare",
    "compare_ratio",
    "detectable_effect",
    "sample_ratio",
    "sample_size",
]
