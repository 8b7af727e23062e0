"""The guide of each page: what it shows and what to do first, in the order in which one would."""

from typing import NamedTuple


class Step(NamedTuple):
    """What to look at or do, and why."""

    title: str
    words: str


GUIDE: dict[str, tuple[Step, ...]] = {
    "quality": (
        Step(
            "Is the flow right?",
            "Each row has the stars, the learned distribution and their difference in units of the "
            "Poisson error. A good fit is noise: the rms in the strip on top is near that of a perfect "
            "flow, and no shape is seen on the right.",
        ),
        Step(
            "Look closer",
            "Turn the wheel over a map to zoom: the bins follow, and so do rows with the same coordinate. "
            "Choose other coordinates, add rows, let the marginals be drawn.",
        ),
        Step(
            "Pick stars",
            "Drag a box, an ellipse or a lasso, or type on the left: abs(z) < 0.1 & vphi > 200. Every map "
            "then shows these stars and the same part of the flow. Subsets can be combined on the left.",
        ),
        Step(
            "Fit them again",
            "Retrain on this subset starts a fit in the background. It survives a closed browser; its "
            "maps replace these when they are ready, and the comparison with the parent is one click "
            "away.",
        ),
    ),
    "potential": (
        Step(
            "Three planes through one place",
            "Click a plane to move the crosshair, or use the sliders on the left; the upright planes can "
            "be turned. Outside the trusted volume the picture is faded: there are no data, or the edge is "
            "felt.",
        ),
        Step(
            "How sure is it?",
            "Besides the median see its spread over the members, and reliability: whether to use a place, "
            "with care or not at all. Of a mock the truth and the difference are there too.",
        ),
        Step(
            "Read the verdict on Ω_p",
            "Any fit returns a pattern speed, even of stars that have none. The noise share says whether "
            "it is a measurement: below 0.3 it is, above 0.5 it is not.",
        ),
        Step(
            "Profiles",
            "Below: v_c(R), K_z(Z), Σ(|Z|) and ρ(Z) with a band for each uncertainty and published values.",
        ),
    ),
    "scalars": (
        Step(
            "One number, five errors",
            "Each quantity has its draws in every pipeline that was run: noise, bootstrap, DF seed, "
            "potential seed, the Sun's place. What was not run is not in the error.",
        ),
        Step(
            "Where is it averaged?",
            "The volumes are drawn, and can be edited or typed. Density in the midplane is twice that of "
            "the shell: compare like with like.",
        ),
        Step(
            "What goes together",
            "Draw any two against each other: a point for every potential.",
        ),
        Step(
            "Take them along",
            "As LaTeX, CSV or JSON, with volumes and verdicts.",
        ),
    ),
    "train": (
        Step(
            "Choose stars and a preset",
            "quick is minutes on a laptop, standard an evening, paper every uncertainty. The estimate is "
            "for this machine.",
        ),
        Step(
            "Watch it",
            "The graph shows what is done, running or waiting; press a box for losses and log.",
        ),
        Step(
            "Leave it",
            "Close the tab, stop the server: the fit goes on. A run that was interrupted goes on where it stopped.",
        ),
        Step(
            "Keep order",
            "Manage, beside a run, tags it, archives it or moves it to the trash, where it can be restored until "
            "that is emptied; search finds it by any of its words.",
        ),
    ),
    "compare": (
        Step(
            "Choose two to four runs",
            "The first is the reference of every difference.",
        ),
        Step(
            "Same limits, same volumes",
            "Slices share colours, and scalars are evaluated anew in the volume common to all, so that "
            "like is compared with like.",
        ),
        Step(
            "How different?",
            "In σ of both errors together, but what both share, the Sun's place, only once.",
        ),
    ),
}
