"""What a run is about: compounds, targets and their alleles, cells, the ubiquitin chain.

Each is frozen, validated and unit-suffixed, and knows nothing of species, reactions or solvers.
Where a number comes from is kept in `library`; a field that is None is filled from there.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from protacsim.errors import ParameterError
from protacsim.validation import (
    Fraction,
    Name,
    NonNegative,
    Positive,
    PositiveFraction,
    Quantity,
    distinct,
    named_entries,
    noun,
    one_of,
    quoted,
)

ALTERNATIVES = (
    frozenset({"abundance_nM", "abundance_copies"}),
    frozenset({"kd_target_nM", "ki_target_nM"}),
    frozenset({"kon_target_per_nM_per_h", "koff_target_per_h"}),
    frozenset({"kon_ligase_per_nM_per_h", "koff_ligase_per_h"}),
)
"""Fields that say the same thing in another way: an override of one displaces the others."""


def other_spellings(field: str) -> frozenset[str]:
    """Fields that state the number of this one in another way; of most fields there are none."""
    return next((group - {field} for group in ALTERNATIVES if field in group), frozenset())


CompoundClass = Literal["degrader", "covalent", "noncovalent"]


@noun
class Fold:
    """Fold change of `kd_target_nM` on one allele, relative to wild type (dimensionless)."""

    name: Name
    fold: Positive


def _folds(value: object) -> object:
    """Accept `{"C481S": 0.6}`; every bad entry is named."""
    if not isinstance(value, dict):
        return value
    found: list[Fold] = []
    wrong: list[str] = []
    for name, fold in value.items():
        try:
            found.append(Fold(name=name, fold=fold))
        except ParameterError as error:
            wrong += [f"{quoted(name)}: {line}" for line in str(error).splitlines()]
    if wrong:
        raise ParameterError("\n".join(wrong))
    return tuple(found)


Folds = Annotated[tuple[Fold, ...], BeforeValidator(_folds), AfterValidator(distinct)]


@noun
class Neosubstrate:
    """A protein that the ligase takes once it carries the degrader: no cooperativity, own Kd.

    `kd_nM` is that of the protein and the loaded ligase.
    """

    name: Name
    kd_nM: Positive
    kon_per_nM_per_h: Positive | None = None
    productive_fraction: Fraction | None = None


@noun
class Compound:
    """A degrader or an inhibitor: affinities, reactivity, permeation.

    Concentrations in nM, time in h. Either `kd_target_nM` (reversible step) or `ki_target_nM`
    (kinact/KI analysis; `kd = KI - kinact/kon`) is given; a degrader also names its ligase.
    `cooperativity` is Kd,binary / Kd,ternary (above 1: positive). `permeability_pL_per_h` is the
    permeability-surface product of one cell. `atp_assay_uM` is the ATP concentration at which
    the target affinity was measured (0 for binding assays). `krev_per_h` breaks the covalent bond
    (reversible-covalent compounds). `efflux_pL_per_h` and the losses act on the unbound compound;
    `ligase_loss_per_h` is loss of the ligase that the degrader itself brings about. `basis` says
    which of several contradicting library values were taken.
    """

    name: Name
    kind: CompoundClass
    ligase: Name | None = None
    kd_target_nM: Positive | None = None
    ki_target_nM: Positive | None = None
    kon_target_per_nM_per_h: Positive | None = None
    koff_target_per_h: Positive | None = None
    kd_ligase_nM: Positive | None = None
    kon_ligase_per_nM_per_h: Positive | None = None
    koff_ligase_per_h: Positive | None = None
    cooperativity: Positive = 1.0
    cooperativity_covalent: Positive | None = None
    cooperativity_split: Literal["off_rates", "on_rates"] = "off_rates"
    kon_target_ternary_per_nM_per_h: Positive | None = None
    kon_ligase_ternary_per_nM_per_h: Positive | None = None
    kinact_per_h: NonNegative = 0.0
    kinact_ternary_per_h: NonNegative | None = None
    krev_per_h: NonNegative = 0.0
    productive_fraction: Fraction | None = None
    productive_fraction_covalent: Fraction | None = None
    permeability_pL_per_h: NonNegative | None = None
    fraction_unbound_medium: PositiveFraction | None = None
    fraction_unbound_cell: PositiveFraction | None = None
    unbound_accumulation: Positive | None = None
    efflux_pL_per_h: NonNegative = 0.0
    loss_medium_per_h: NonNegative = 0.0
    loss_cell_per_h: NonNegative = 0.0
    ligase_loss_per_h: NonNegative = 0.0
    atp_assay_uM: NonNegative | None = None
    folds: Folds = ()
    neosubstrates: Annotated[tuple[Neosubstrate, ...], BeforeValidator(named_entries)] = ()
    hypothetical: bool = False
    basis: Name | None = None

    @property
    def is_degrader(self) -> bool:
        """Whether the compound recruits a ligase."""
        return self.ligase is not None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kd_target_nM is not None and self.ki_target_nM is not None:
            raise ParameterError(
                f"compound {self.name}: both kd_target_nM and ki_target_nM are given; keep one"
            )
        if self.ki_target_nM is not None and self.kinact_per_h == 0:
            raise ParameterError(
                f"compound {self.name}: ki_target_nM needs kinact_per_h above 0; "
                "give it, or use kd_target_nM"
            )
        if self.krev_per_h > 0 and self.kinact_per_h == 0:
            raise ParameterError(
                f"compound {self.name}: krev_per_h = {self.krev_per_h:g} 1/h needs kinact_per_h "
                "above 0: there is no bond to break"
            )
        if self.neosubstrates and not self.is_degrader:
            raise ParameterError(f"compound {self.name}: only a degrader has neosubstrates")
        if self.kind == "degrader" and not self.is_degrader:
            raise ParameterError(
                f"compound {self.name}: a degrader needs its ligase, such as "
                'ligase = "CRBN", and kd_ligase_nM'
            )
        if self.is_degrader and self.kind != "degrader":
            raise ParameterError(
                f'compound {self.name}: only a degrader has a ligase; found kind = "{self.kind}" '
                f"and ligase = {self.ligase!r}; change one of them"
            )
        for site in ("target", "ligase"):
            self._check_triple(site)
        self._check_inactivation()
        return self

    def _check_inactivation(self) -> None:
        kon, koff, ki = self.kon_target_per_nM_per_h, self.koff_target_per_h, self.ki_target_nM
        if kon is None or koff is None or ki is None:
            return
        right = (koff + self.kinact_per_h) / kon
        if abs(right / ki - 1.0) > 1e-6:
            raise ParameterError(
                f"compound {self.name}: ki_target_nM = {ki:g} nM, kon_target_per_nM_per_h = "
                f"{kon:g} 1/nM/h, koff_target_per_h = {koff:g} 1/h and kinact_per_h = "
                f"{self.kinact_per_h:g} 1/h contradict one another; keep two of KI, kon and koff, "
                f"or set ki_target_nM = (koff + kinact)/kon = {right:g}"
            )

    def _check_triple(self, site: str) -> None:
        kd = getattr(self, f"kd_{site}_nM")
        kon = getattr(self, f"kon_{site}_per_nM_per_h")
        koff = getattr(self, f"koff_{site}_per_h")
        if None not in (kd, kon, koff) and abs(koff / (kon * kd) - 1.0) > 1e-6:
            raise ParameterError(
                f"compound {self.name}: kd_{site}_nM = {kd:g} nM, kon_{site}_per_nM_per_h = "
                f"{kon:g} 1/nM/h and koff_{site}_per_h = {koff:g} 1/h contradict one another "
                f"(kon * kd = {kon * kd:g} 1/h); keep two of the three, or set kd_{site}_nM = "
                f"{koff / kon:g}"
            )


@noun
class Allele:
    """One form of the target: whether Cys481 is there, whether it signals, how affinities change.

    `class_folds` multiply `kd_target_nM` by compound kind, unless the compound has a fold of its
    own for this allele. `covalent_bonding` is False where the cysteine is absent or blocked.
    """

    name: Name
    cysteine_481: bool = True
    covalent_bonding: bool = True
    kinase_proficient: bool = True
    km_atp_uM: Positive | None = None
    class_folds: Folds = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.covalent_bonding and not self.cysteine_481:
            raise ParameterError(
                f"allele {self.name}: covalent_bonding = true needs cysteine_481 = true"
            )
        kinds = get_args(CompoundClass)
        for entry in self.class_folds:
            if entry.name not in kinds:
                raise ParameterError(
                    f"allele {self.name}: class_folds names {quoted(entry.name)}; "
                    f"{one_of(entry.name, kinds)}"
                )
        return self


@noun
class Target:
    """The protein to be degraded, and which allele of it the cell carries."""

    name: Name
    allele: Allele | Name = "WT"


@noun
class Expression:
    """How a protein is made: a promoter that switches on and off, mRNA, translation.

    The promoter opens and closes at random (telegraph model; Peccoud and Ycart 1995, Theor Popul
    Biol 48:222); with `promoter_off_per_h = 0` it is always on. `mrna_copies` is the mean. Each
    mRNA is translated as fast as the protein's abundance and half-life ask for, so that the mean
    synthesis is the same as without.
    """

    promoter_on_per_h: Positive | None = None
    promoter_off_per_h: NonNegative | None = None
    mrna_half_life_h: Positive | None = None
    mrna_copies: Positive | None = None


@noun
class Protein:
    """How much of a protein a cell has and how fast it turns over.

    Exactly one of `abundance_nM` and `abundance_copies`. Without `half_life_h` the protein is
    neither made nor lost. With `expression` it is made in bursts, from mRNA.
    """

    name: Name
    abundance_nM: NonNegative | None = None
    abundance_copies: NonNegative | None = None
    half_life_h: Positive | None = None
    expression: Expression | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.abundance_nM is None) == (self.abundance_copies is None):
            raise ParameterError(
                f"protein {self.name}: give exactly one of abundance_nM and abundance_copies"
            )
        if self.expression is not None and self.half_life_h is None:
            raise ParameterError(
                f"protein {self.name}: expression needs half_life_h; without one the protein is "
                "neither made nor lost"
            )
        return self


@noun
class Cell:
    """A cell and its share of the medium; volumes in pL, ATP in uM.

    With `medium_buffered` the medium keeps its concentration (plasma in vivo); otherwise uptake
    depletes it. `basis` says which of several contradicting library values were taken.
    """

    name: Name
    volume_pL: Positive
    medium_volume_pL: Positive
    atp_uM: NonNegative
    proteins: Annotated[
        tuple[Protein, ...], BeforeValidator(named_entries), AfterValidator(distinct)
    ]
    medium_buffered: bool = False
    basis: Name | None = None

    def protein(self, name: str) -> Protein | None:
        """The protein of that name, or None when the cell has no entry for it."""
        return next((entry for entry in self.proteins if entry.name == name), None)


ChainFate = Literal["kept", "erased"] | Fraction


@noun
class Ubiquitination:
    """The chain: growth and trimming (1/h), and destruction from `destroyed_from` ubiquitins on.

    With `proteasome = "finite"` the cell's proteasomes bind such chains and work one at a time
    (Michaelis constant `km_proteasome_nM`).

    `chain_on_release` says what happens when a ternary complex opens: "kept" (distributive; Park
    2023), "erased" (kinetic proofreading; Bartlett and Gilbert 2021), or the probability of
    erasing. `destroyed_from` defaults to `chain_length`.
    """

    chain_length: Annotated[int, Quantity, Field(ge=0, le=20)] | None = None
    destroyed_from: Annotated[int, Quantity, Field(ge=0, le=20)] | None = None
    chain_on_release: ChainFate = "kept"
    k_ub_per_h: NonNegative | None = None
    k_dub_free_per_h: NonNegative | None = None
    k_dub_bound_per_h: NonNegative | None = None
    k_proteasome_free_per_h: NonNegative | None = None
    k_proteasome_bound_per_h: NonNegative | None = None
    proteasome: Literal["abundant", "finite"] = "abundant"
    km_proteasome_nM: Positive | None = None

    @property
    def shortest_destroyed(self) -> int:
        """Shortest chain that is destroyed: `destroyed_from`, or the whole chain."""
        return (self.chain_length or 0) if self.destroyed_from is None else self.destroyed_from
