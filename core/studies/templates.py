"""Questions worth a study, as data: which sides stand against each other, and what their difference would mean."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import UserError
from core.experiments import catalogue


@dataclass(frozen=True)
class Line:
    """One side of a study: an arm, and what else is set.

    Attributes:
        arm: Of the template's experiment.
        title: Name for people; the arm's own if empty.
        recipe: Slug; the one that the study is launched with if empty.
        changes: Knobs that differ from the recipe.
    """

    arm: str
    title: str = ""
    recipe: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Template:
    """What a study asks.

    Attributes:
        slug: Name as typed.
        title: Name for people.
        question: What is asked; ends with a question mark.
        experiment: Slug of the experiment that is trained.
        lines: The sides; every other one is compared with the first.
        why: What the answer is good for, and what to beware of.
        recipe: From which the lines start where nothing else is asked for.
        seeds: How many of each where nothing else is asked for.
        shares: Parts of the training pictures, each of which every side is trained on.
    """

    slug: str
    title: str
    question: str
    experiment: str
    lines: tuple[Line, ...]
    why: str
    recipe: str = "improved"
    seeds: int = 3
    shares: tuple[float, ...] = (1.0,)


OWN = (
    Template(
        "chest-tuning", "Fine-tune against frozen extractor, bundled network",
        "Is fine-tuning better than a fixed feature extractor on chest X-rays, and how deep should it go?",
        "chest", (Line("lite0-fixed"), Line("lite0-last-stage"), Line("lite0-tuned")),
        "A frozen network trains in seconds because its features are computed once. Fine-tuning must be worth its "
        "hours, on test pictures that come from elsewhere.",
    ),
    Template(
        "chest-networks", "Fine-tune against frozen extractor, four networks",
        "Is fine-tuning better than a fixed feature extractor, whichever network it is?",
        "chest",
        tuple(Line(f"{net}-{way}") for net in ("resnet18", "resnet50", "densenet121", "googlenet") for way in
              ("fixed", "tuned")),
        "Reports R4 and R5 asked this. It needs torchvision's ImageNet weights, which are fetched once.",
    ),
    Template(
        "chest-amount", "Accuracy against the amount of training data",
        "How many X-rays does a fixed extractor need, and how many a tuned one?",
        "chest", (Line("lite0-fixed"), Line("lite0-last-stage")),
        "Where the curve is still rising, more pictures are worth more than a better network.",
        shares=(0.05, 0.2, 1.0),
    ),
    Template(
        "aoi-tuning", "Fine-tune against frozen extractor, inspection",
        "Does a frozen ImageNet network suffice to tell defects, or must it be tuned?",
        "aoi", (Line("lite0-frozen"), Line("lite0-last-stage"), Line("lite0-full"), Line("lite0-scratch")),
        "Inspection pictures look like nothing in ImageNet, so that it transfers at all is worth showing.",
    ),
    Template(
        "pets-encoders", "U-Net against ResNet34-U-Net",
        "Does a residual encoder find the animal better than a plain U-Net?",
        "pets", (Line("unet"), Line("resnet34-unet")),
        "Report R2 found Dice 0.8885 against 0.9085 with one run each; seeds show what such a difference is worth.",
    ),
    Template(
        "pets-initialisation", "He against default initialisation",
        "Do He's initial weights help a U-Net that has batch normalisation?",
        "pets", (Line("unet", "default", changes={"initialisation": "default"}),
                 Line("unet", "He", changes={"initialisation": "he"})),
        "Batch normalisation forgives a bad scale of the weights; what is left is the last layer's.",
    ),
    Template(
        "pets-learning-rate", "Learning rates",
        "Which learning rate suits the U-Net?",
        "pets", tuple(Line("unet", f"{rate:g}", changes={"learning_rate": rate}) for rate in (1e-3, 1e-4, 3e-3)),
        "Too small wastes the epochs, too large never settles: the curves show which it is.",
    ),
    Template(
        "pets-sigmoid", "One sigmoid against two",
        "What does it cost that the cross-entropy takes values which went through a sigmoid already?",
        "pets", (Line("unet", "one sigmoid", changes={"double_sigmoid": False}),
                 Line("unet", "two sigmoids", changes={"double_sigmoid": True})),
        "Report R2 trained so by mistake; the gradient of a sure answer is then never large.",
    ),
    Template(
        "pets-normalisation", "Own against ImageNet's mean and deviation",
        "Does it matter by whose mean and deviation the pictures are normalised?",
        "pets", (Line("unet", "ImageNet's", changes={"normalise": "imagenet"}),
                 Line("unet", "own", changes={"normalise": "own"})),
        "For a network from scratch hardly; measured here instead of believed.",
    ),
    Template(
        "objects-scratch", "Scratch CNN against ConvNeXt",
        "What is a network that has seen ImageNet worth against a small one from scratch?",
        "objects", (Line("small-cnn"), Line("convnext-last-stage")),
        "Report R3 asked this. ConvNeXt's weights are fetched once; without a network take `objects-bundled`.",
    ),
    Template(
        "objects-bundled", "Scratch CNN against the bundled network",
        "What is a network that has seen ImageNet worth against a small one from scratch?",
        "objects", (Line("small-cnn"), Line("lite0-frozen"), Line("lite0-last-stage")),
        "The same question with weights that come with Fovea, so that no network is needed.",
    ),
    Template(
        "landcover-networks", "FCN-32s against DeepLabV3",
        "Does a sharper network see land cover better than FCN-32s?",
        "landcover", (Line("fcn32s"), Line("deeplabv3")),
        "FCN-32s answers in steps of 32 pixels; what that costs depends on how small the fields are.",
    ),
    Template(
        "byol-settings", "BYOL's five settings",
        "What is it worth to look at pictures without labels before learning from labels?",
        "byol", tuple(Line(way) for way in
                      ("scratch-whole", "supervised-whole", "byol-whole", "supervised-head", "byol-head")),
        "A to E of report R3. Arms with ImageNet weights had a thousand times the pictures.",
    ),
    Template(
        "blots-remedies", "GAN remedies",
        "What keeps the discriminator from winning?",
        "blots", tuple(Line(way) for way in
                       ("reported", "slow-discriminator", "wide-generator", "smooth-labels", "pix2pix")),
        "In report R1 the discriminator won: its loss fell to 0.07 while the generator's rose.",
    ),
    Template(
        "reconstruction-skips", "With and without skips",
        "Does the picture pass the autoencoder's bottleneck, or slip by through the skips?",
        "reconstruction", (Line("with-skips"), Line("no-skips")),
        "A high PSNR with skips says nothing about the bottleneck.",
    ),
)  # fmt: skip


def templates() -> dict[str, Template]:
    """Return every template by slug: the named ones, and reported against improved for every experiment."""
    found = {each.slug: each for each in OWN}
    for slug, experiment in catalogue().items():
        if {"reported", "improved"} <= {each.slug for each in experiment.recipes}:
            arm = experiment.arms[0].slug
            found[f"{slug}-recipes"] = Template(
                f"{slug}-recipes", f"Reported against improved, {experiment.title}",
                "Is the improved recipe better than the reported one?", slug,
                (Line(arm, "reported", recipe="reported"), Line(arm, "improved", recipe="improved")),
                "What the improved recipe changes and why stands on the Train page.",
            )  # fmt: skip
    return found


def find_template(slug: str) -> Template:
    """Return a template by slug.

    Raises:
        UserError: If there is none.
    """
    known = templates()
    if slug not in known:
        near = difflib.get_close_matches(slug, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "known are " + ", ".join(known) + "."
        raise UserError(f"There is no study called {slug!r}; {hint}")
    return known[slug]
