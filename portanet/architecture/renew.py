"""A network like another: the same calls of constructors, whose initializers draw anew."""

from portanet.architecture.describe import describe
from portanet.architecture.form import named_in
from portanet.architecture.names import Names
from portanet.architecture.rebuild import called_anew
from portanet.errors import ArgumentError
from portanet.part import Part


def renewed(who: str, model: Part) -> Part:
    """Return a network of the same architecture, with weights and streams of random numbers anew.

    What has been changed since its constructors were called holds for the new one, too: frozen and
    shared parameters, options, its dtype. It lies where constructors make it, on NumPy.

    Raises ArgumentError if no call of constructors makes such a network: it has functions of a
    user's own among its arguments, or what no file could hold.

    >>> from portanet import Linear, Sequential
    >>> model = Sequential([Linear(2, 2)])
    >>> other = renewed("doctest", model)
    >>> other, bool((other[0].weights.value == model[0].weights.value).any())
    (Sequential([Linear(2, 2)]), False)
    """
    architecture = describe(model)
    if reason := architecture.get("not_described"):
        raise _not_renewed(who, reason)
    kinds = {type(part) for part in model.named_parts().values()}
    names = Names(who, {k.__name__: k for k in kinds if not k.__module__.startswith("portanet.")})
    for word, name in named_in(architecture["nodes"]):
        if names.find(word, name) is None:
            raise _not_renewed(who, f"{name} is a function of your own")
    return called_anew(architecture, names).to(dtype=architecture["dtype"])


def _not_renewed(who: str, reason: str) -> ArgumentError:
    return ArgumentError(
        f"{who}: the network cannot be made again from its constructors: {reason}. Give a function "
        "that makes it, instead"
    )
