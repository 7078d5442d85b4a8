"""The geometry of vectors: groups, and what to call them."""

from sememe.space.cluster import Clusters, cluster
from sememe.space.cluster_quality import purity, silhouette
from sememe.space.cluster_words import central_words, distinctive_terms

__all__ = [
    "Clusters",
    "central_words",
    "cluster",
    "distinctive_terms",
    "purity",
    "silhouette",
]
