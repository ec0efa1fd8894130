"""`autograd.Function`: operations written by users."""

import numpy as np
import pytest

import tapegrad as tg
from tapegrad.autograd.function import once_differentiable
from tapegrad.errors import GraphError


class Exp(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx, g):
        (y,) = ctx.saved_tensors
        return g * y


class SumAndProduct(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x, y, scale):
        ctx.save_for_backward(x, y)
        ctx.scale = scale
        return x + y, x * y * scale

    @staticmethod
    def backward(ctx, g_sum, g_product):
        x, y = ctx.saved_tensors
        g = g_product * ctx.scale
        return g_sum + g * y, g_sum + g * x, None


def test_a_saved_output_is_differentiable_to_any_order():
    x = tg.tensor(0.5, dtype=tg.float64, requires_grad=True)
    y = Exp.apply(x)
    for _ in range(3):
        (y,) = tg.autograd.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(np.exp(0.5), rel=1e-15)


def test_several_outputs_and_an_unused_one():
    x = tg.tensor(2.0, requires_grad=True)
    y = tg.tensor(3.0, requires_grad=True)
    total, product = SumAndProduct.apply(x, y, 10)
    (total * 2 + product).backward()
    assert x.grad.item() == 2 + 30 and y.grad.item() == 2 + 20
    _, product = SumAndProduct.apply(x, y, 10)
    dx, dy = tg.autograd.grad(product, [x, y], create_graph=True)
    assert (dx.item(), dy.item()) == (30.0, 20.0)
    assert tg.autograd.grad(dx, y)[0].item() == 10.0


def test_needs_input_grad_tells_what_will_be_used():
    seen = []

    class Identity(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            seen.append(ctx.needs_input_grad)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g, None

    x = tg.ones(1, requires_grad=True)
    Identity.apply(x, tg.ones(1)).sum().backward()
    with tg.no_grad():
        Identity.apply(x, x)
    assert seen == [(True, False), (False, False)]


def test_an_input_handed_through_is_a_value_of_its_own():
    class Same(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 7

    x = tg.ones(1, requires_grad=True)
    y = Same.apply(x)
    assert y is not x
    y.sum().backward()
    assert x.grad.tolist() == [7.0] and x.is_leaf


def test_setup_context_is_the_other_way_to_write_it():
    class Square(tg.autograd.Function):
        @staticmethod
        def forward(x):
            return x * x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return 2 * g * ctx.saved_tensors[0]

    x = tg.tensor(3.0, requires_grad=True)
    Square.apply(x).backward()
    assert x.grad.item() == 6.0


def test_marked_outputs_carry_no_gradient():
    class WithIndex(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            rounded = x * 0
            ctx.mark_non_differentiable(rounded)
            return x * 2, rounded

        @staticmethod
        def backward(ctx, g, _):
            return g * 2

    y, rounded = WithIndex.apply(tg.ones(2, requires_grad=True))
    assert y.requires_grad and not rounded.requires_grad


def test_a_backward_that_answers_nonsense_is_refused():
    class Wrong(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    x = tg.ones(1, requires_grad=True)
    with pytest.raises(
        GraphError, match=r"Wrong.backward: must return one gradient per argument .*\(2\), got 1"
    ):
        Wrong.apply(x, x).sum().backward()


def test_once_differentiable_says_so():
    class Half(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x / 2

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return g / 2

    x = tg.ones(1, requires_grad=True)
    Half.apply(x).sum().backward()
    h = x * x
    with pytest.raises(GraphError, match="once_differentiable"):
        tg.autograd.grad(Half.apply(h).sum(), x, grad_outputs=(x * 1).sum(), create_graph=True)


def test_a_change_of_a_saved_tensor_is_noticed():
    x = tg.ones(2, requires_grad=True)
    h = x * 1
    y = Exp.apply(h)
    y.detach()[0] = 3.0
    with pytest.raises(GraphError, match="Exp saved"):
        y.sum().backward()


def test_record_makes_the_same_nodes_for_users_as_for_us():
    def _double_vjp(g):
        return g * 2

    x = tg.ones(2, requires_grad=True)
    y = tg.record.record1(x.array * 2, _double_vjp, x)
    y.sum().backward()
    assert repr(y.grad_fn) == "<DoubleBackward>" and x.grad.tolist() == [2.0, 2.0]


class KeptAsAttribute(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x, c):
        ctx.y = (x * c).exp()
        return ctx.y * 1.0

    @staticmethod
    def backward(ctx, g):
        return g * ctx.y, None


class SavedFromForward(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x, c):
        assert ctx.needs_input_grad == (True, False)
        y = (x * c).exp()
        ctx.save_for_backward(y)
        return y * 1.0

    @staticmethod
    def backward(ctx, g):
        return g * ctx.saved_tensors[0], None


class KeepsConstants(tg.autograd.Function):
    @staticmethod
    def forward(ctx, x, c):
        ctx.factor, ctx.x = c.exp(), x  # of an argument without gradient; an argument itself
        ctx.save_for_backward((x > 0).to(x.dtype))  # has no derivative
        return x * x * ctx.factor * ctx.saved_tensors[0]

    @staticmethod
    def backward(ctx, g):
        return 2 * g * ctx.x * ctx.factor * ctx.saved_tensors[0], None


@pytest.mark.parametrize(
    ("function", "kept"), [(KeptAsAttribute, r"ctx\.y"), (SavedFromForward, "saved tensor 0")]
)
def test_a_double_backward_that_would_lose_a_dependence_is_refused(function, kept):
    x, c = tg.tensor(0.5, requires_grad=True), tg.tensor(1.0)
    function.apply(x, c).backward()  # the first order is right
    np.testing.assert_allclose(x.grad.numpy(), np.exp(0.5), rtol=1e-6)
    with pytest.raises(tg.errors.GraphError, match=f"{kept}.*computed in forward"):
        tg.autograd.grad(function.apply(x, c), x, create_graph=True)


def test_constants_of_forward_do_not_stand_in_the_way_of_a_double_backward():
    x, c = tg.tensor(0.5, requires_grad=True), tg.tensor(1.0)
    (g,) = tg.autograd.grad(KeepsConstants.apply(x, c), x, create_graph=True)
    (h,) = tg.autograd.grad(g, x)
    np.testing.assert_allclose(h.numpy(), 2 * np.e, rtol=1e-6)
