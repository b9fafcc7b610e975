"""Names in logs: what they mean, and when that cannot be told."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.errors import InputUnreadable, UsageError
from kb.vocabulary import _build, normalise, vocabulary

PLAIN: list[tuple[str, str, str | None]] = [
    ("loss", "loss", None),
    ("train_loss", "loss", "train"),
    ("train/loss", "loss", "train"),
    ("fit/loss", "loss", "train"),
    ("Training/Loss", "loss", "train"),
    ("train_loss_epoch", "loss", "train"),
    ("train_loss_step", "loss", "train"),
    ("train/total_loss", "loss", "train"),
    ("loss/train", "loss", "train"),
    ("train_barlow_loss", "loss", "train"),
    ("loss (avg)", "loss", None),
    ("msn", "loss", None),
    ("val_loss", "val/loss", "val"),
    ("eval_loss", "val/loss", "val"),
    ("valid_loss", "val/loss", "val"),
    ("val/loss/dataloader_idx_0", "val/loss", "val"),
    ("val_loss_epoch/dataloader_idx_1", "val/loss", "val"),
    ("loss/val", "val/loss", "val"),
    ("perf/test_loss", "val/loss", "test"),
    ("repr_loss", "term/inv", None),
    ("val/inv_loss", "term/inv", "val"),
    ("loss/variance", "term/var", None),
    ("train/std_loss", "term/var", "train"),
    ("loss/std", "term/var", None),
    ("off_diag", "term/cov", None),
    ("loss-jepa", "term/pred", None),
    ("reg-loss", "term/reg", None),
    ("dino_global_crops_loss", "term/dino_global", None),
    ("train_koleo_loss", "term/koleo", "train"),
    ("div_loss", "term/diversity", None),
    ("constrast_loss", "term/contrast", None),
    ("train_z_std", "z_std", "train"),
    ("Collapse Level", "collapse_level", None),
    ("stats/std_mean", "raw_std", None),
    ("StdMean", "raw_std", None),
    ("acc/top1", "contrast_acc", None),
    ("train_nn_acc", "contrast_acc", "train"),
    ("backbone/rankme", "rankme_h", None),
    ("projector/RankMe", "rankme_z", None),
    ("H_teacher", "teacher_entropy", None),
    ("code_perplexity", "code_ppl", None),
    ("momentum_teacher", "ema_m", None),
    ("Logit Scale", "logit_scale", None),
    ("lr-AdamW", "lr", None),
    ("lr-SGD/pg1", "lr", None),
    ("lr-SGD-momentum", "opt_momentum", None),
    ("Training/Learning_rate", "lr", "train"),
    ("lr_weights", "lr", None),
    ("hparams/weight_decay", "wd", None),
    ("gnorm", "grad_norm", None),
    ("grad_2.0_norm_total", "grad_norm", None),
    ("pred-grad-norm", "grad_norm_pred", None),
    ("loss_scale", "amp_scale", None),
    ("amp/scale", "amp_scale", None),
    ("Data", "data_time", None),
    ("Data (t)", "data_time", None),
    ("Batch (t)", "step_time", None),
    ("max mem", "gpu_mem_peak", None),
    ("Memory/Peak_GPU_Memory_allocated_MiB", "gpu_mem_peak", None),
    ("system.gpu.0.gpu", "gpu_util", None),
    ("system.memory", "cpu_mem", None),
    ("%_mask_idx", "mask_ratio", None),
    ("mask-A", "context_tokens", None),
    ("ep", "epoch", None),
    ("trainer/global_step", "step", None),
    ("train/global_step", "step", "train"),
    ("_step", "step", None),
    ("itr", "step", None),
    ("val_knn_top1", "knn_acc", "val"),
    ("eval/knn_probe_accuracy", "knn_acc", "val"),
    ("val_online_cls_top1", "online_acc", "val"),
    ("eval/probe_top1", "online_acc", "val"),
    ("best_acc1", "lin_acc", None),
    ("image_to_text_R@1", "r_at_1", None),
    ("imagenet-zeroshot-val-top1", "zs_acc", None),
    ("adjacc", "cluster_acc", None),
]


@pytest.mark.parametrize(("logged", "metric", "split"), PLAIN)
def test_a_name_with_one_meaning(logged: str, metric: str, split: str | None) -> None:
    found = vocabulary().resolve(logged)
    assert (found.metric, found.split, found.candidates) == (metric, split, ())
    assert found.reason


AMBIGUOUS: list[tuple[str, set[str]]] = [
    ("std", {"term/var", "z_std", "raw_std"}),
    ("embedding_std", {"raw_std", "z_std"}),
    ("alignment", {"align", "pos_sim"}),
    ("train_neg_cos_sim", {"loss", "term/inv", "pos_sim"}),
    ("momentum", {"ema_m", "opt_momentum"}),
    ("tau", {"ema_m", "temp"}),
    ("temp", {"temp", "teacher_temp", "gumbel_temp"}),
    ("val_acc1", {"contrast_acc", "online_acc", "lin_acc", "ft_acc"}),
    ("Acc@1", {"contrast_acc", "online_acc", "lin_acc", "ft_acc"}),
    ("accuracy", {"contrast_acc", "online_acc", "lin_acc", "ft_acc"}),
    ("RankMe", {"rankme_h", "rankme_z"}),
    ("effective_rank", {"rankme_h", "rankme_z", "erank_h", "erank_z"}),
    ("rank", {"rankme_h", "rankme_z", "erank_h", "erank_z"}),
    ("entropy", {"teacher_entropy", "student_entropy"}),
    ("ent", {"teacher_entropy", "student_entropy"}),
    ("me_max", {"term/reg", "proto_perplexity"}),
    ("scale", {"amp_scale", "logit_scale"}),
    ("loss_1", {"term/diversity", "term/commit", "loss"}),
    ("time", {"step_time", "wall_time"}),
    ("train_dino_loss", {"loss", "term/dino_global"}),
    ("train_contrastive_loss", {"loss", "term/contrast"}),
    ("val/contrastive_loss", {"val/loss", "term/contrast"}),
    ("last_layer_lr", {"lr"}),
    ("lr-SGD/pg2", {"lr"}),
    ("Gradients/encoder.weight", {"grad_norm"}),
]


@pytest.mark.parametrize(("logged", "candidates"), AMBIGUOUS)
def test_a_name_with_several_meanings_stays_unresolved(logged: str, candidates: set[str]) -> None:
    found = vocabulary().resolve(logged)
    assert found.metric is None
    assert set(found.candidates) == candidates


@pytest.mark.parametrize(
    ("logged", "method", "logger", "values", "metric"),
    [
        ("alignment", None, None, [1.9, 1.2], "align"),
        ("alignment", None, None, [-0.02, 0.4], "pos_sim"),
        ("std", None, None, [0.4, 1.3], "raw_std"),
        ("embedding_std", "simclr", None, [0.081, 0.088], "z_std"),
        ("embedding_std", "vicreg", None, [0.5, 0.93], "raw_std"),
        ("train_neg_cos_sim", "BYOL", None, None, "loss"),
        ("neg_cos_sim", "vicreg", None, None, "term/inv"),
        ("momentum", "byol", None, [0.996, 0.996], "ema_m"),
        ("momentum", "simclr", None, [0.9], "opt_momentum"),
        ("mom", "dinov2", None, None, "ema_m"),
        ("tau", None, "solo-learn", None, "ema_m"),
        ("tau", "simclr", None, [0.5], "temp"),
        ("temp", "wav2vec2", None, [1.99, 0.5], "gumbel_temp"),
        ("temp", "simclr", None, [0.1], "temp"),
        ("temp", None, "ssl-doctor", None, "temp"),
        ("Acc@1", "MoCo v2", None, None, "contrast_acc"),
        ("val_acc1", None, "solo-learn", None, "online_acc"),
        ("accuracy", "wav2vec2", "fairseq", None, "contrast_acc"),
        ("ent", "MSN", None, None, "student_entropy"),
        ("me_max", "MSN", None, None, "term/reg"),
        ("scale", None, None, [65536, 32768], "amp_scale"),
        ("scale", "clip", None, [14.3, 99.0], "logit_scale"),
        ("loss_0", "wav2vec2", "fairseq", None, "term/contrast"),
        ("time", "vicreg", None, [12, 900], "wall_time"),
        ("time", None, "dino_log_txt", [0.4], "step_time"),
        ("train_dino_loss", "dino", None, None, "loss"),
        ("train_dino_loss", "dinov2", None, None, "term/dino_global"),
        ("contrastive_loss", None, "open_clip", None, "term/contrast"),
        ("memory", None, "mmengine", None, "gpu_mem_peak"),
    ],
)
def test_context_decides(
    logged: str,
    method: str | None,
    logger: str | None,
    values: list[float] | None,
    metric: str,
) -> None:
    found = vocabulary().resolve(logged, method=method, logger=logger, values=values)
    assert found.metric == metric


@pytest.mark.parametrize(
    ("logged", "method", "logger", "values"),
    [
        ("alignment", None, None, [-0.5, 1.5]),
        ("alignment", None, None, [np.nan, 0.5]),
        ("train_dino_loss", "dino", "lightly", None),
        ("Acc@1", "MoCo v2", "timm", None),
        ("val_acc1", "moco", None, None),
        ("rank", "dino", "stable-pretraining", [30.0]),
    ],
)
def test_contradicting_or_missing_evidence_decides_nothing(
    logged: str, method: str | None, logger: str | None, values: list[float] | None
) -> None:
    found = vocabulary().resolve(logged, method=method, logger=logger, values=values)
    assert found.metric is None
    assert len(found.candidates) > 1


def test_mae_test_loss_is_supervised() -> None:
    assert vocabulary().resolve("test_loss").metric == "val/loss"
    assert vocabulary().resolve("test_loss", method="MAE").metric is None


@pytest.mark.parametrize(
    ("logged", "logger", "scale"),
    [
        ("time (ms)", None, 0.001),
        ("dataload-time(ms)", None, 0.001),
        ("wall-time(ms)", None, 0.001),
        ("clip", "fairseq", 0.01),
        ("loss", None, 1),
    ],
)
def test_units_in_the_name_give_a_scale(logged: str, logger: str | None, scale: float) -> None:
    found = vocabulary().resolve(logged, logger=logger)
    assert found.metric is not None
    assert found.scale == scale


@pytest.mark.parametrize("logged", ["current_batch_size", "", "foo/bar", "x" * 5000, "损失", "val"])
def test_unknown_names(logged: str) -> None:
    found = vocabulary().resolve(logged)
    assert found.metric is None
    assert found.candidates == ()


def test_every_canonical_name_and_alias_means_one_thing() -> None:
    words = vocabulary()
    for metric in words:
        for alias in (metric.name, *metric.aliases):
            found = words.resolve(alias, logger="ssl-doctor" if alias == metric.name else None)
            assert found.metric == metric.name, alias


def test_candidates_are_canonical_names() -> None:
    words = vocabulary()
    for ambiguity in words._ambiguous.values():
        named = {*ambiguity.candidates, *(rule.metric for rule in ambiguity.rules)}
        assert named <= set(words.names())
        assert {rule.metric for rule in ambiguity.rules} <= set(ambiguity.candidates)
    for pattern in words._patterns:
        names = pattern.ambiguity.candidates if pattern.ambiguity else (pattern.metric,)
        assert all(name in words for name in names)


def test_metrics_are_described() -> None:
    for metric in vocabulary():
        assert metric.meaning.endswith("."), metric.name
        assert metric.unit, metric.name
        assert metric.healthy, metric.name
        assert metric.direction in (None, "higher is better", "lower is better")
        assert re.fullmatch(r"[a-z][a-z0-9_]*(/[a-z0-9_]+)?", metric.name)


def test_ranks_are_kept_apart() -> None:
    assert {"rankme_h", "rankme_z", "erank_h", "erank_z", "lidar"} <= set(vocabulary().names())
    assert vocabulary().resolve("lidar").metric == "lidar"


def test_identifiers_round_trip() -> None:
    words = vocabulary()
    assert words.identifier("term/inv") == "term__inv"
    assert words.from_identifier("val__loss") == "val/loss"
    assert words.from_identifier("nonsense") is None
    for name in words.names():
        assert words.identifier(name).isidentifier()
        assert words.from_identifier(words.identifier(name)) == name


def test_nearest() -> None:
    words = vocabulary()
    assert words.nearest("zstd") == "z_std"
    assert words.nearest("grad nrm") == "grad_norm"
    assert words.nearest("qqqqqqqq") is None
    with pytest.raises(UsageError, match='did you mean "z_std"'):
        words.metric("z_sdt")


def test_an_alias_with_two_meanings_is_refused() -> None:
    def metric(name: str) -> dict[str, object]:
        text = {"name": name, "meaning": "M.", "unit": "none", "healthy": "any"}
        return {**text, "aliases": [name, "same"]}

    raw = {"metrics": [metric("one"), metric("two")], "ambiguous": [], "patterns": []}
    with pytest.raises(InputUnreadable, match='alias "same" has two meanings'):
        _build(raw, "test.yaml")


@given(
    st.text(max_size=60),
    st.one_of(st.none(), st.text(max_size=10)),
    st.one_of(st.none(), st.lists(st.floats(), max_size=5)),
)
def test_resolve_never_raises(name: str, context: str | None, values: list[float] | None) -> None:
    words = vocabulary()
    found = words.resolve(name, method=context, logger=context, values=values)
    assert found.metric is None or found.metric in words
    assert found.metric is None or not found.candidates
    assert set(found.candidates) <= set(words.names())


@given(
    st.sampled_from(sorted(a for m in vocabulary() for a in m.aliases)),
    st.sampled_from(["", "train_", "train/", "val/", "eval_", "fit/"]),
    st.sampled_from(["", "_step", "_epoch", " (avg)", "/dataloader_idx_3"]),
)
def test_prefixes_and_suffixes_never_change_the_metric(
    alias: str, prefix: str, suffix: str
) -> None:
    words = vocabulary()
    bare, dressed = words.resolve(alias), words.resolve(f"{prefix}{alias}{suffix}")
    same = {bare.metric, "val/loss"} if bare.metric == "loss" else {bare.metric}
    assert dressed.metric in same


@given(st.text(max_size=40))
def test_normalise_is_idempotent(name: str) -> None:
    assert normalise(normalise(name)) == normalise(name)
