"""Measuring encoders and indexes: metrics as functions, runners for tasks, intervals and controls.

    result = evaluate_sts(encoder, read_sts("sts-test.tsv"))
    result.metrics["spearman"], result.intervals["spearman"], result.control["spearman"]

`run_task(name, system, path)` reads and runs any task in `TASKS`.
"""

from sememe.evaluate.aligned import find_aligned, read_aligned
from sememe.evaluate.analogies import evaluate_analogies
from sememe.evaluate.beir import BeirCorpus, RetrievalData, read_beir, read_qrels
from sememe.evaluate.bitext import evaluate_bitext
from sememe.evaluate.class_retrieval import evaluate_class_retrieval
from sememe.evaluate.classification import evaluate_classification
from sememe.evaluate.control import derangement
from sememe.evaluate.correlation import pearson, spearman
from sememe.evaluate.folds import Folds
from sememe.evaluate.intervals import PairedDifference, bootstrap_interval, paired_bootstrap
from sememe.evaluate.masked import MaskedModel, evaluate_masked
from sememe.evaluate.metrics import (
    average_precision,
    average_precision_by_query,
    mrr,
    mrr_by_query,
    ndcg,
    ndcg_by_query,
    precision,
    precision_by_query,
    recall,
    recall_by_query,
)
from sememe.evaluate.questions import AnalogyQuestion, read_analogies
from sememe.evaluate.results import Evaluation
from sememe.evaluate.retrieval import Searcher, evaluate_retrieval
from sememe.evaluate.similarity import evaluate_sts, evaluate_word_similarity
from sememe.evaluate.tables import ScoredPair, read_sts, read_word_pairs
from sememe.evaluate.tasks import TASKS, Task, run_task

__all__ = [
    "TASKS",
    "AnalogyQuestion",
    "BeirCorpus",
    "Evaluation",
    "Folds",
    "MaskedModel",
    "PairedDifference",
    "RetrievalData",
    "ScoredPair",
    "Searcher",
    "Task",
    "average_precision",
    "average_precision_by_query",
    "bootstrap_interval",
    "derangement",
    "evaluate_analogies",
    "evaluate_bitext",
    "evaluate_class_retrieval",
    "evaluate_classification",
    "evaluate_masked",
    "evaluate_retrieval",
    "evaluate_sts",
    "evaluate_word_similarity",
    "find_aligned",
    "mrr",
    "mrr_by_query",
    "ndcg",
    "ndcg_by_query",
    "paired_bootstrap",
    "pearson",
    "precision",
    "precision_by_query",
    "read_aligned",
    "read_analogies",
    "read_beir",
    "read_qrels",
    "read_sts",
    "read_word_pairs",
    "recall",
    "recall_by_query",
    "run_task",
    "spearman",
]
