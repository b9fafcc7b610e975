"""Claims: settings of every trainer come under config names where their meaning is certain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.runs.config_text import settings_in
from ingest.runs.log import flattened
from ingest.runs.setting_names import PLAIN, spellings, typed_name
from ingest.runs.settings import Layer, read_config
from kb.errors import InputUnreadable
from kb.run import CONFIG_NAMES
from kb.types import Scalar


def config(values: dict[str, Scalar], method: str | None = None) -> dict[str, Scalar]:
    return dict(read_config([Layer("config.json", values)], method).values)


def of_text(text: str, name: str) -> dict[str, Scalar]:
    return config(dict(flattened("", settings_in(text, name))))


TRAINERS: dict[str, tuple[dict[str, Scalar], dict[str, Scalar]]] = {
    "solo-learn": (
        {
            "name": "barlow_twins-cifar10",
            "method": "barlow_twins",
            "method_kwargs.proj_hidden_dim": 2048,
            "method_kwargs.proj_output_dim": 1024,
            "method_kwargs.lamb": 0.0051,
            "momentum.base_tau": 0.99,
            "optimizer.name": "lars",
            "optimizer.batch_size": 256,
            "optimizer.lr": 0.3,
            "optimizer.classifier_lr": 0.1,
            "optimizer.kwargs.momentum": 0.9,
            "scheduler.name": "warmup_cosine",
            "scheduler.warmup_epochs": 10,
            "knn_eval.temperature": 0.07,
            "max_epochs": 1000,
            "precision": 16,
            "devices": "0,1",
            "num_nodes": 2,
        },
        {
            "method": "barlow",
            "hidden_dim": 2048,
            "dim": 1024,
            "lambda_cov": 0.0051,
            "ema_momentum": 0.99,
            "optimizer": "lars",
            "batch_size": 256,
            "lr": 0.3,
            "warmup_epochs": 10,
            "epochs": 1000,
            "precision": "fp16",
            "world_size": 4,
        },
    ),
    "DINO": (
        {
            "method": "dino",
            "out_dim": 65536,
            "momentum_teacher": 0.996,
            "teacher_temp": 0.04,
            "warmup_teacher_temp": 0.03,
            "warmup_teacher_temp_epochs": 30,
            "batch_size_per_gpu": 64,
            "use_fp16": True,
            "clip_grad": 3.0,
            "optimizer": "adamw",
            "min_lr": 1e-6,
            "weight_decay_end": 0.4,
        },
        {
            "method": "dino",
            "prototypes": 65536,
            "ema_momentum": 0.996,
            "teacher_temperature": 0.04,
            "batch_size": 64,
            "precision": "fp16",
            "grad_clip": 3,
            "optimizer": "adamw",
        },
    ),
    "MoCo": (
        {"method": "MoCo_v2", "moco-dim": 128, "moco-k": 65536, "moco-t": 0.2, "moco-m": 0.999},
        {
            "method": "moco",
            "dim": 128,
            "queue_size": 65536,
            "temperature": 0.2,
            "ema_momentum": 0.999,
        },
    ),
    "VICReg": (
        {
            "method": "vicreg",
            "mlp": "8192-8192-4096",
            "sim_coeff": 25.0,
            "std_coeff": 25.0,
            "cov_coeff": 1.0,
            "base_lr": 0.2,
            "wd": 1e-6,
            "batch_size": 2048,
            "world_size": 8,
        },
        {
            "method": "vicreg",
            "hidden_dim": 8192,
            "dim": 4096,
            "lambda_inv": 25,
            "lambda_var": 25,
            "lambda_cov": 1,
            "weight_decay": 1e-6,
            "batch_size": 256,
            "global_batch_size": 2048,
            "world_size": 8,
        },
    ),
    "Hugging Face": (
        {
            "per_device_train_batch_size": 32,
            "per_device_eval_batch_size": 8,
            "gradient_accumulation_steps": 4,
            "learning_rate": 5e-5,
            "num_train_epochs": 3.0,
            "max_grad_norm": 1.0,
            "optim": "adamw_torch",
            "fp16": False,
            "bf16": True,
        },
        {
            "batch_size": 32,
            "accum_steps": 4,
            "lr": 5e-5,
            "epochs": 3,
            "grad_clip": 1,
            "optimizer": "adamw",
            "precision": "bf16",
        },
    ),
    "I-JEPA": (
        {
            "data.batch_size": 128,
            "data.num_workers": 8,
            "meta.use_bfloat16": True,
            "optimization.ema": "0.996,1.0",
            "optimization.lr": 0.001,
            "optimization.start_lr": 0.0002,
            "optimization.final_lr": 1e-6,
            "optimization.warmup": 40,
            "optimization.epochs": 300,
            "optimization.weight_decay": 0.04,
            "optimization.final_weight_decay": 0.4,
        },
        {
            "batch_size": 128,
            "precision": "bf16",
            "ema_momentum": 0.996,
            "lr": 0.001,
            "warmup_epochs": 40,
            "epochs": 300,
            "weight_decay": 0.04,
        },
    ),
    "MAE": (
        {
            "model": "mae_vit_base_patch16",
            "mask_ratio": 0.75,
            "norm_pix_loss": True,
            "blr": 1.5e-4,
            "lr": "null",
            "accum_iter": 2,
            "warmup_epochs": 40,
        },
        {"mask_ratio": 0.75, "accum_steps": 2, "warmup_epochs": 40},
    ),
    "open_clip": (
        {
            "batch_size": 256,
            "accum_freq": 2,
            "warmup": 10000,
            "wd": 0.2,
            "precision": "amp_bf16",
            "grad_clip_norm": "None",
            "world_size": 4,
        },
        {
            "batch_size": 256,
            "accum_steps": 2,
            "weight_decay": 0.2,
            "precision": "bf16",
            "grad_clip": 0,
            "world_size": 4,
        },
    ),
    "lightly": (
        {"method": "VICReg", "lambda_param": 25.0, "mu_param": 10.0, "nu_param": 1.0},
        {"method": "vicreg", "lambda_inv": 25, "lambda_var": 10, "lambda_cov": 1},
    ),
    "W&B": (
        {"lr.value": 0.1, "lr.desc": "null", "batchSize": 64},
        {"lr": 0.1, "batch_size": 64},
    ),
}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_settings_of_a_trainer(trainer: str) -> None:
    given_values, expected = TRAINERS[trainer]
    assert config(given_values) == expected


@pytest.mark.parametrize(
    ("method", "values", "expected"),
    [
        ("byol", {"momentum": 0.996}, {"ema_momentum": 0.996}),
        ("byol", {"momentum": 0.9}, {}),
        ("byol", {"optimizer.momentum": 0.996}, {}),
        ("simclr", {"momentum": 0.99}, {}),
        (None, {"momentum": 0.996}, {}),
        (None, {"tau": 0.2}, {"temperature": 0.2}),
        ("byol", {"tau": 0.99}, {"ema_momentum": 0.99}),
        ("simclr", {"tau": 0.99}, {}),
        ("simclr", {"out_dim": 128}, {"dim": 128}),
        (None, {"out_dim": 128}, {}),
        ("simclr", {"ema_decay": 0.999}, {}),
        ("byol", {"ema_decay": 0.999}, {"ema_momentum": 0.999}),
        ("byol", {"base_momentum": 1.0}, {"ema_momentum": 1}),
        ("simclr", {"temp": 0.1}, {"temperature": 0.1}),
        ("wav2vec2", {"temp": 2.0}, {}),
        (None, {"teacher.temperature": 0.05}, {"teacher_temperature": 0.05}),
        (None, {"warmup": 10}, {}),
        (None, {"dim": 2048}, {"dim": 2048}),
        (None, {"model.vit.dim": 384}, {}),
        (None, {"val.batch_size": 512, "eval/lr": 0.1, "online_probe.lr": 0.1}, {}),
        (None, {"scheduler.lr": 0.1, "lr_scheduler.epochs": 5}, {}),
        (None, {"learning_rate": 0.1, "optimizer.lr": 0.3}, {"lr": 0.3}),
        (None, {"a.b.lr": 0.1, "optimizer.lr": 0.3}, {"lr": 0.3}),
        (None, {"queue": True}, {}),
        (None, {"queue": 65536}, {"queue_size": 65536}),
        (None, {"stop_gradient": False}, {"stop_gradient": 0}),
        (None, {"stop_gradient": True}, {"stop_gradient": 1}),
        (None, {"grad_clip": "null"}, {"grad_clip": 0}),
        (None, {"lr": "${base.lr}", "epochs": -1, "batch_size": 0, "temperature": "nan"}, {}),
        (None, {"lr": "1e-3", "epochs": "100"}, {"lr": 0.001, "epochs": 100}),
    ],
)
def test_a_setting_is_read_only_where_its_meaning_is_certain(
    method: str | None, values: dict[str, Scalar], expected: dict[str, Scalar]
) -> None:
    found = config(values, method)
    assert found == expected | ({"method": method} if method else {})


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"devices": 4}, 4),
        ({"devices": 4, "num_nodes": 2}, 8),
        ({"devices": "0"}, 1),
        ({"gpus": "0,1,2"}, 3),
        ({"nproc_per_node": 8, "nnodes": 2}, 16),
        ({"devices": "auto"}, None),
        ({"devices": -1}, None),
        ({"devices": "3"}, None),
        ({"devices": 4, "world_size": 2}, 2),
    ],
)
def test_processes_are_counted_where_they_are_said(
    values: dict[str, Scalar], expected: int | None
) -> None:
    assert config(values).get("world_size") == expected


def test_a_batch_that_the_script_shares_out_needs_the_number_of_processes() -> None:
    official: dict[str, Scalar] = {"mlp": "8192-8192", "sim_coeff": 25, "std_coeff": 25}
    found = config({**official, "batch_size": 2048})
    assert found["global_batch_size"] == 2048
    assert "batch_size" not in found
    assert config({**official, "batch_size_per_gpu": 64})["batch_size"] == 64
    given_by_user = read_config([Layer("--set", {"batch_size": 64}), Layer("a", official)]).values
    assert given_by_user["batch_size"] == 64


def test_the_batch_of_a_node_is_not_taken_for_that_of_a_process() -> None:
    moco: dict[str, Scalar] = {"multiprocessing_distributed": True, "batch_size": 256}
    assert config({**moco, "world_size": 1}) == {"global_batch_size": 256}
    assert config({**moco, "world_size": 4}) == {}


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (16, "fp16"),
        ("16-mixed", "fp16"),
        ("16-true", "fp16"),
        ("half", "fp16"),
        ("amp", "fp16"),
        ("bf16-mixed", "bf16"),
        ("torch.bfloat16", None),
        ("bfloat16", "bf16"),
        (32, "fp32"),
        ("32-true", "fp32"),
        (64, None),
    ],
)
def test_precisions_have_one_spelling(value: Scalar, name: str | None) -> None:
    assert config({"precision": value}).get("precision") == name


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"fp16": True}, "fp16"),
        ({"fp16": False, "bf16": False}, "fp32"),
        ({"fp16": False}, None),
        ({"amp": True, "amp_dtype": "bfloat16"}, "bf16"),
        ({"precision": "fp32", "fp16": True}, "fp32"),
    ],
)
def test_precision_by_switches(values: dict[str, Scalar], name: str | None) -> None:
    assert config(values).get("precision") == name


@pytest.mark.parametrize(
    ("key", "value", "method"),
    [
        ("method", "moco_v2", "moco"),
        ("method", "MoCo v3", "mocov3"),
        ("method", "mocov2plus", "moco"),
        ("method.name", "i_jepa", "i-jepa"),
        ("method._target_", "solo.methods.SimCLR", "simclr"),
        ("ssl_method", "barlow_twins", "barlow"),
        ("model", "SimSiam", "simsiam"),
        ("model.type", "BYOL", "byol"),
        ("model", "dino_vits16", None),
        ("method", "linear", None),
        ("method", "simclr or byol", None),
    ],
)
def test_the_method_is_read_where_one_is_named(key: str, value: str, method: str | None) -> None:
    assert config({key: value}).get("method") == method


def test_a_method_decides_names_of_its_own_and_of_other_files() -> None:
    layers = [Layer("a.yaml", {"out_dim": 4096}), Layer("b.yaml", {"method": "dino"})]
    assert read_config(layers).values == {"method": "dino", "prototypes": 4096}


def test_the_closer_file_wins_and_the_conflict_is_told() -> None:
    found = read_config(
        [
            Layer("version_0/hparams.yaml", {"optimizer.lr": 0.3, "epochs": 10}),
            Layer("config.json", {"learning_rate": 0.1, "epochs": 10.0}),
        ]
    )
    assert found.values == {"lr": 0.3, "epochs": 10}
    assert str(found.origins["lr"]) == "optimizer.lr in version_0/hparams.yaml"
    (finding,) = found.findings
    assert (finding.kind, finding.where) == ("left out", "config.json")
    assert finding.text == (
        "lr is 0.3 by optimizer.lr in version_0/hparams.yaml; "
        "0.1 by learning_rate in config.json is left out"
    )


def test_of_two_projectors_the_same_one_is_read_whatever_their_order() -> None:
    one, other = Layer("c", {"a.mlp": "8-4"}), Layer("c", {"b.mlp": "6-2"})
    assert read_config([one, other]).values == read_config([other, one]).values
    first, last = {"LR": 0.1, "devices": 2}, {"lR": 0.2, "Devices": 4}
    turned = [read_config([Layer("c", both)]).values for both in (first | last, last | first)]
    assert turned[0] == turned[1]


def test_every_config_name_is_read_under_its_own_name() -> None:
    values: dict[str, Scalar] = dict.fromkeys(CONFIG_NAMES, 1)
    values |= {"method": "simclr", "precision": "fp32", "optimizer": "sgd"}
    assert config(values) == values
    assert {typed_name(name) for name in spellings()} == set(CONFIG_NAMES)
    assert set(PLAIN.values()) <= set(CONFIG_NAMES)


FILES = {
    "lightning": (
        "hparams.yaml",
        "batch_size: 256\nlr: 1e-3\nbetas: !!python/tuple\n- 0.9\n- 0.999\n"
        "model: !!python/object:models.Net {depth: 18}\n"
        "shared: &id001 [1, 2]\nagain: *id001\ngrad_clip: null\n",
        {"batch_size": 256, "lr": 0.001, "grad_clip": 0},
    ),
    "json": (
        "config.json",
        '{"method": "BYOL", "optimizer": {"type": "SGD", "lr": 0.1}, "clip_grad": null}',
        {"method": "byol", "optimizer": "sgd", "lr": 0.1, "grad_clip": 0},
    ),
    "namespace": (
        "args.txt",
        "Namespace(batch_size=64, lr=0.03, clip_grad=None, name='a, b', mlp=True)",
        {"batch_size": 64, "lr": 0.03, "grad_clip": 0},
    ),
    "lines": ("params.txt", "batch_size: 64\nlr: 0.001\n", {"batch_size": 64, "lr": 0.001}),
    "json in a text file": ("args.txt", '{"lr": 0.5}', {"lr": 0.5}),
    "empty": ("hparams.yaml", "", {}),
}


@pytest.mark.parametrize("kind", FILES)
def test_settings_files_of_every_kind(kind: str) -> None:
    name, text, expected = FILES[kind]
    assert of_text(text, name) == expected


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("config.yaml", "lr: [1, 2", "expected"),
        ("config.yaml", "- 1\n- 2\n", "expected names with values"),
        ("config.yaml", "[" * 50 + "]" * 50, "nested deeper"),
        ("config.yaml", "a: " + "x" * 300_000, "over 262,144 characters"),
        ("config.json", '{"lr": ', "not valid JSON"),
        ("config.json", '{"a":' * 3000 + "1" + "}" * 3000, "not valid JSON"),
    ],
)
def test_a_file_that_holds_no_settings_is_refused(name: str, text: str, problem: str) -> None:
    with pytest.raises(InputUnreadable) as error:
        settings_in(text, name)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


def test_aliases_do_not_expand() -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    held = settings_in(bomb, "config.yaml")
    assert held["a0"] == ["x", "x"]
    assert held["a11"] == [None] * 9


_SCALARS = st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.booleans())
_KEYS = st.one_of(
    st.text(max_size=20),
    st.sampled_from([*spellings(), "momentum", "devices", "mlp", "optimizer.lr", "a.b.temp"]),
)
_TREES = st.recursive(
    st.one_of(st.none(), _SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(values=st.dictionaries(_KEYS, _SCALARS, max_size=12))
def test_any_settings_are_read_and_their_order_does_not_matter(values: dict[str, Scalar]) -> None:
    found = read_config([Layer("config.json", values)])
    assert set(found.values) <= set(CONFIG_NAMES)
    turned = read_config([Layer("config.json", dict(reversed(values.items())))])
    assert turned.values == found.values
    assert turned.origins == found.origins


@given(tree=st.dictionaries(st.text(max_size=8), _TREES, max_size=5))
def test_any_tree_flattens_to_plain_settings(tree: dict[str, object]) -> None:
    for name, value in flattened("", tree):
        assert isinstance(name, str)
        assert isinstance(value, str | int | float | bool)


@given(text=st.text(max_size=200), name=st.sampled_from(["a.yaml", "a.json", "args.txt"]))
def test_any_text_is_settings_or_refused(text: str, name: str) -> None:
    try:
        found = settings_in(text, name)
    except InputUnreadable:
        return
    assert all(isinstance(key, str) for key in found)
