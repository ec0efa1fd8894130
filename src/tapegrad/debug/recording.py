"""The mode in which the tape notes where its operations come from and how long they take."""

from __future__ import annotations

from ..autograd.origins import Debugging


class recording(Debugging):
    """A mode that notes line, module and time of every operation, for `Tensor.tape` to show.

    - *line*: the innermost line of the program outside this package.
    - *module*: path and kind of the innermost module that was running, the path from the outermost one.
    - *forward time*: seconds from the end of the operation before it, or the beginning of its module, to
      its own end. So the sum is the time of the program, and what is not recorded is on the account of the
      operation after it.
    - *backward time*: seconds that the operation's rules took in all replays inside the mode.

    On a card it waits for every operation, so that the times are those of the operations. The mode
    belongs to its thread or task; `backward()` inside it goes node by node and is slower than outside.

    Example:
        >>> import tapegrad as tg
        >>> model = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.ReLU())
        >>> with tg.debug.recording():
        ...     loss = model(tg.ones(4, 2)).sum()
        ...     loss.backward(retain_graph=True)
        >>> [entry.module for entry in loss.tape() if not entry.leaf]
        ['0 (Linear)', '1 (ReLU)', None]
        >>> entry = loss.tape()[-1]
        >>> entry.line
        '<doctest tapegrad.debug.recording.recording[2]>:2 in <module>'
        >>> entry.forward_time > 0 and entry.backward_time > 0
        True
    """

    _changes = {"recording": True}  # noqa: RUF012  never changed
