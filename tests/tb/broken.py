"""A router as others build them, for tests only: an output once granted stays with its input until
the packet's last flit.
"""

from hw.network.router import Router
from verify.formal.rewrite import rewritten

__all__ = ["LockingRouter"]


class LockingRouter(Router):
    """The data router with output locks across a packet, whose last flit is the one with ``bump``.

    Flits are forked one by one, as in the real router, and the locks make all of them wait: two
    multicasts each hold the output that the other needs.
    """

    elaborate = rewritten(
        Router.elaborate,
        ("arbiter.taken.eq(out.ready)", "arbiter.taken.eq(out.ready & out.payload.bump)"),
        ("arbiter.request != 0", "(arbiter.request & arbiter.grant) != 0"),
    )
