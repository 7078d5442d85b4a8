"""The geometry of vectors: clusters and their labels, similar pairs, duplicates, probes."""

from sememe.space.cluster import Clusters, cluster
from sememe.space.cluster_labels import central_words, distinctive_terms
from sememe.space.cluster_quality import purity, silhouette
from sememe.space.duplicates import Duplicates, duplicates
from sememe.space.pairs import Pair, most_similar_pair, similar_pairs

__all__ = [
    "Clusters", "Duplicates", "Pair", "central_words", "cluster", "distinctive_terms", "duplicates",
    "most_similar_pair", "purity", "silhouette", "similar_pairs",
]  # fmt: skip
