"""Words for the seeder: enough of them that a search finds few rows or many, as in life."""

from random import Random

CATEGORIES = [
    kind + place
    for place in ("", " outdoors", " for children", " for work")
    for kind in ("Books", "Bicycles", "Cameras", "Clothes", "Furniture", "Garden", "Games", "Lamps")
]
ADJECTIVES = ("amber", "brisk", "compact", "durable", "elegant", "folding", "gentle", "hardy")
ADJECTIVES += ("inky", "keen", "modular", "neat", "oaken", "plain", "quiet", "robust", "silent")
NOUNS = ("atlas", "basket", "camera", "desk", "easel", "flask", "guitar", "hammer", "inkwell")
NOUNS += ("jacket", "kettle", "lantern", "mirror", "notebook", "pillow", "saddle", "telescope")
COMMON = ("the", "with", "and", "for", "of", "made", "every", "home", "good", "very", "small")
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so")
RARE = tuple(a + b + c for a in SYLLABLES for b in SYLLABLES for c in ("n", "ra", "st", "va", "zu"))
WORDS = COMMON * 35 + ADJECTIVES * 6 + NOUNS * 6 + RARE


def name(random: Random) -> str:
    first, second = random.sample(ADJECTIVES, 2)
    return f"{first.capitalize()} {second} {random.choices(NOUNS)[0]}"


def paragraph(random: Random, words: int) -> str:
    return " ".join(random.choices(WORDS, k=words)).capitalize() + "."
