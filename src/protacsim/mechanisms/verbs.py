"""The biochemist's verbs: each adds the elementary reactions of one process to a network.

A verb takes species names and rate names, never numbers. Adding a process to the model is one
call of one verb in `build`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from protacsim.network import Network


def joined(*partners: str) -> str:
    """Name of a non-covalent complex."""
    return ":".join(partners)


def bonded(target: str, compound: str) -> str:
    """Name of a covalent adduct."""
    return f"{target}-{compound}"


def synthesise(net: Network, species: str, rate: str) -> None:
    """0 -> species."""
    net.add(f"synthesis of {species}", (), species, rate)


def promoter(protein: str) -> tuple[str, str]:
    """Names of a protein's promoter, off and on."""
    return f"{protein}_promoter_off", f"{protein}_promoter_on"


def messenger(protein: str) -> str:
    """Name of a protein's mRNA."""
    return f"{protein}_mrna"


def express(net: Network, protein: str, *, switches: bool) -> None:
    """Promoter off <-> on, on -> mRNA, mRNA -> protein; without `switches` it is always on."""
    (off, on), mrna = promoter(protein), messenger(protein)
    if switches:
        net.add(f"opening of {off}", off, on, f"promoter_on[{protein}]")
        net.add(f"closing of {on}", on, off, f"promoter_off[{protein}]")
    opened = (on,) if switches else ()
    net.add(f"transcription of {mrna}", opened, (*opened, mrna), f"transcription[{protein}]")
    lose(net, "loss of", mrna, (), f"mrna_loss[{protein}]")
    net.add(f"translation of {mrna}", mrna, (mrna, protein), f"translation[{protein}]")


def lose(net: Network, process: str, species: str, freed: Sequence[str], rate: str) -> None:
    """Species is lost by `process` ("turnover of"); what it held is set free."""
    net.add(f"{process} {species}", species, freed, rate)


def exchange(net: Network, outside: str, inside: str, rate_in: str, rate_out: str) -> None:
    """outside <-> inside by permeation."""
    net.add(f"uptake of {inside}", outside, inside, rate_in)
    net.add(f"release of {inside}", inside, outside, rate_out)


def follow(net: Network, outside: str, inside: str, rate_in: str, rate_out: str) -> None:
    """Outside <-> inside by permeation, where the outside is not depleted."""
    net.add(f"uptake of {inside}", outside, (outside, inside), rate_in)
    net.add(f"release of {inside}", inside, (), rate_out)


def absorb(net: Network, gut: str, plasma: str, rate: str) -> None:
    """Gut -> plasma."""
    net.add(f"absorption of {gut}", gut, plasma, rate)


def bind(net: Network, a: str, b: str, rate_on: str, rate_off: str, *, ab: str = "") -> str:
    """A + b <-> a:b; returns the complex."""
    ab = ab or joined(a, b)
    associate(net, a, b, ab, rate_on)
    dissociate(net, ab, a, b, rate_off)
    return ab


def associate(net: Network, a: str, b: str, ab: str, rate: str) -> None:
    """A + b -> ab."""
    net.add(f"association of {a} and {b}", (a, b), ab, rate)


def dissociate(net: Network, ab: str, a: str, b: str, rate: str) -> None:
    """Ab -> a + b."""
    net.add(f"dissociation of {ab} into {a} and {b}", ab, (a, b), rate)


def inactivate(net: Network, reversible: str, covalent: str, rate: str) -> None:
    """The reversible complex forms its covalent bond."""
    net.add(f"inactivation of {reversible}", reversible, covalent, rate)


def reactivate(net: Network, covalent: str, reversible: str, rate: str) -> None:
    """The covalent bond breaks."""
    net.add(f"reactivation of {covalent}", covalent, reversible, rate)


def ubiquitinate(net: Network, chain: Sequence[str], rate: str) -> None:
    """Each state of `chain` gains one ubiquitin and becomes the next."""
    for shorter, longer in pairwise(chain):
        net.add(f"ubiquitination of {shorter}", shorter, longer, rate)


def deubiquitinate(net: Network, chain: Sequence[str], rate: str) -> None:
    """Each state of `chain` loses one ubiquitin."""
    for shorter, longer in pairwise(chain):
        net.add(f"deubiquitination of {longer}", longer, shorter, rate)
