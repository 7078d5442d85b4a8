"""Evaluation of encoders and indexes: metrics as functions, task runners, intervals and controls.

    result = evaluate_sts(encoder, read_sts("sts-test.tsv"))
    result.metrics["spearman"], result.intervals["spearman"], result.control["spearman"]

`run_task(name, system, path)` reads and runs any task in `TASKS`.
"""

from sememe.evaluate.control import derangement
from sememe.evaluate.data.aligned import find_aligned, read_aligned
from sememe.evaluate.data.analogy_questions import AnalogyQuestion, read_analogies
from sememe.evaluate.data.beir import BeirCorpus, RetrievalData, read_beir, read_qrels
from sememe.evaluate.data.folds import Folds
from sememe.evaluate.data.scored_pairs import ScoredPair, read_sts, read_word_pairs
from sememe.evaluate.metrics.correlation import pearson, spearman
from sememe.evaluate.metrics.intervals import PairedDifference, bootstrap_interval, paired_bootstrap
from sememe.evaluate.metrics.ranking import (
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
from sememe.evaluate.results import Evaluation
from sememe.evaluate.runners.analogies import evaluate_analogies
from sememe.evaluate.runners.bitext import evaluate_bitext
from sememe.evaluate.runners.class_retrieval import evaluate_class_retrieval
from sememe.evaluate.runners.classification import evaluate_classification
from sememe.evaluate.runners.masked_lm import MaskedModel, evaluate_masked
from sememe.evaluate.runners.retrieval import Searcher, evaluate_retrieval
from sememe.evaluate.runners.similarity import evaluate_sts, evaluate_word_similarity
from sememe.evaluate.tasks import TASKS, Task, run_task

__all__ = [
    "TASKS", "AnalogyQuestion", "BeirCorpus", "Evaluation", "Folds", "MaskedModel",
    "PairedDifference", "RetrievalData", "ScoredPair", "Searcher", "Task", "average_precision",
    "average_precision_by_query", "bootstrap_interval", "derangement", "evaluate_analogies",
    "evaluate_bitext", "evaluate_class_retrieval", "evaluate_classification", "evaluate_masked",
    "evaluate_retrieval", "evaluate_sts", "evaluate_word_similarity", "find_aligned", "mrr",
    "mrr_by_query", "ndcg", "ndcg_by_query", "paired_bootstrap", "pearson", "precision",
    "precision_by_query", "read_aligned", "read_analogies", "read_beir", "read_qrels", "read_sts",
    "read_word_pairs", "recall", "recall_by_query", "run_task", "spearman",
]  # fmt: skip
