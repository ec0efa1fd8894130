"""Configurations of every optimiser, with options of PyTorch's; the tests run them all."""

from __future__ import annotations

from typing import Any

SHAPES = [(3, 2), (3,), (), (2, 3, 4), (0, 2), (6, 5)]
MATRICES = [(3, 2), (2, 3), (3, 2), (6, 5)]

ADAMS: list[dict[str, Any]] = [
    {},
    {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3},
    {"weight_decay": 0.1},
    {"weight_decay": 0.1, "decoupled_weight_decay": True},
    {"maximize": True},
    {"maximize": True, "weight_decay": 0.1, "decoupled_weight_decay": True},
]
AMSGRAD: list[dict[str, Any]] = [
    {"amsgrad": True},
    {"amsgrad": True, "maximize": True, "weight_decay": 0.1},
]
TABLE: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {},
        {"lr": 0.1, "weight_decay": 0.1},
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.3},
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        {"momentum": 0.9, "maximize": True, "weight_decay": 0.1, "dampening": 0.5},
        {"maximize": True, "foreach": True},
        {"fused": True, "weight_decay": 0.1},
    ],
    "Adam": [*ADAMS, *AMSGRAD, {"foreach": True}, {"fused": True}, {"betas": (0.0, 0.0)}],
    "AdamW": [
        {},
        {"lr": 0.1, "weight_decay": 0.5, "maximize": True},
        {"weight_decay": 0.0},
        *AMSGRAD,
    ],
    "NAdam": [*ADAMS, {"momentum_decay": 0.1}, {"momentum_decay": 0.0, "foreach": True}],
    "RAdam": [*ADAMS, {"betas": (0.9, 0.8)}, {"betas": (0.9, 0.5), "foreach": True}],
    "Adamax": [o for o in ADAMS if "decoupled_weight_decay" not in o],
    "Adagrad": [
        {},
        {"lr": 0.1, "lr_decay": 0.1},
        {"weight_decay": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3},
        {"maximize": True, "weight_decay": 0.1},
        {"fused": True},
    ],
    "Adadelta": [
        {},
        {"lr": 10.0, "rho": 0.5},
        {"weight_decay": 0.1, "eps": 1e-3},
        {"maximize": True, "weight_decay": 0.1, "rho": 1.0},
        {"rho": 0.0},
    ],
    "RMSprop": [
        {},
        {"alpha": 0.5, "eps": 1e-3},
        {"momentum": 0.9},
        {"centered": True, "alpha": 0.9},
        {"centered": True, "momentum": 0.5, "weight_decay": 0.1},
        {"maximize": True, "momentum": 0.5, "weight_decay": 0.1},
    ],
    "Rprop": [
        {},
        {"lr": 0.5, "etas": (0.3, 1.5)},
        {"step_sizes": (0.009, 0.02)},
        {"maximize": True},
    ],
    "ASGD": [
        {},
        {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 5},
        {"t0": 0, "weight_decay": 0.1},
        {"maximize": True, "weight_decay": 0.1, "t0": 3},
    ],
    "Adafactor": [
        {},
        {"lr": 0.5, "beta2_decay": -0.5, "d": 2.0},
        {"eps": (1e-3, 0.1), "weight_decay": 0.1},
        {"maximize": True, "weight_decay": 0.1},
        {"lr": 0.0},
    ],
    "Muon": [
        {},
        {"lr": 0.1, "weight_decay": 0.0, "nesterov": False},
        {"momentum": 0.5, "adjust_lr_fn": "match_rms_adamw"},
        {"adjust_lr_fn": "original", "ns_steps": 2, "eps": 0.5},
        {"ns_coefficients": (1.5, -0.5, 0.0), "ns_steps": 3},
    ],
}  # fmt: skip
