"""einops on tensors: its own tests with tensors for operands, and what is recorded."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import numpy as np
import pytest

import tapegrad as tg

einops = pytest.importorskip("einops")
os.environ.setdefault("EINOPS_TEST_BACKENDS", "numpy")  # read when einops' tests are loaded
pytest.importorskip("einops.tests")
backends = importlib.import_module("tapegrad.interop.einops")

BACKEND = backends.TapegradBackend()
THEIRS = {
    "test_ops": [
        "ellipsis_ops_imperative", "reduction_imperatives", "reduction_stress_imperatives", "concatenations_and_stacking",
        "gradients_imperatives", "tiling_imperatives", "repeat_imperatives", "reduction_imperatives_booleans",
    ],
    "test_packing": ["pack_unpack_against_numpy"],
    "test_layers": ["rearrange_imperative", "reduce_imperative"],
    "test_einsum": ["layer", "functional"],
    "test_other": ["parse_shape_imperative", "is_float_type"],
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:EinMix. weight has no dimensions:UserWarning")
@pytest.mark.parametrize(("module", "name"), [(m, n) for m, names in THEIRS.items() for n in names])
def test_theirs(module, name, monkeypatch):
    """Their tests ask for the backends to run with; here they get tensors, and NumPy to compare with."""
    theirs = importlib.import_module(f"einops.tests.{module}")

    def tested(symbolic=False, layers=False):
        return [] if symbolic else [BACKEND]

    monkeypatch.setattr(theirs, "collect_test_backends", tested)
    for found in ("imp_op_backends", "_IMPERATIVE_BACKENDS"):
        if hasattr(theirs, found):
            more = [type(b)() for b in getattr(theirs, found)]
            monkeypatch.setattr(theirs, found, [*more, BACKEND])
    if module == "test_einsum":  # a list of names guards both tests
        monkeypatch.setattr(BACKEND, "framework_name", "torch", raising=False)
    with np.errstate(all="ignore"):  # some of their products overflow, in NumPy too
        getattr(theirs, f"test_{name}")()


def test_everything_records(device):
    rng = np.random.default_rng(0)
    x = tg.tensor(rng.standard_normal((2, 6, 4)), device=device, requires_grad=True)
    results = [
        einops.rearrange(x, "b (h w) c -> b c h w", h=2), einops.reduce(x, "b (h 2) c -> b h c", "max"),
        einops.reduce(x, "b h c -> c", "mean"), einops.repeat(x, "b h c -> b h r c", r=3), einops.rearrange([x, x], "n b h c -> b n h c"),
        einops.einsum(x, x, "b h c, b g c -> b h g"), einops.pack([x, x[:, 0]], "b * c")[0],
        einops.unpack(x, [(2, 2), (2,)], "b * c")[0], einops.reduce(x, "b h c -> b", "prod"),
        einops.reduce(x, "b h c -> b h", lambda t, axes: t.logsumexp(axes)),
    ]  # fmt: skip
    for result in results:
        assert isinstance(result, tg.Tensor) and result.requires_grad and result.device == x.device
        x.grad = None
        result.sum().backward()
        assert x.grad is not None and x.grad.shape == x.shape
    assert einops.parse_shape(x, "b _ c") == {"b": 2, "c": 4}
    with pytest.raises(einops.EinopsError):
        einops.rearrange(x, "b h -> h b")


def test_layers_are_modules():
    layers = tg.nn.Sequential(
        backends.Rearrange("b (h w) c -> b c h w", h=2),
        backends.Reduce("b c (h 2) w -> b (c h) w", "mean"),
        backends.EinMix("b c w -> b d w", weight_shape="c d", bias_shape="d", c=4, d=5),
    )
    assert list(layers.state_dict()) == ["2.weight", "2.bias"]
    assert "Rearrange('b (h w) c -> b c h w', h=2)" in repr(layers)
    out = layers(tg.ones(3, 6, 4))
    assert out.shape == (3, 5, 3)
    out.sum().backward()
    assert all(p.grad is not None for p in layers.parameters())


CODE = {
    "einops first": "from einops import rearrange; import tapegrad as tg",
    "tapegrad first": "import tapegrad as tg, tapegrad.interop.einops; from einops import rearrange",
    "einops later": "import tapegrad as tg; from einops import rearrange; import tapegrad.interop.einops",
}


@pytest.mark.parametrize("order", CODE)
def test_in_every_order_of_imports(order):
    code = CODE[order] + "; assert rearrange(tg.zeros(2, 3), 'a b -> b a').shape == (3, 2)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_einops_is_not_loaded_with_tapegrad():
    code = "import tapegrad, sys; assert 'einops' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_einops_that_has_changed_does_not_stop_tapegrad():
    code = "import einops, einops._backends as b; del b.AbstractBackend; import tapegrad"
    subprocess.run([sys.executable, "-c", code], check=True)
