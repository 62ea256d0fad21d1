"""Words for plausible texts, and the maker of them."""

import random

__all__ = ["CITIES", "COUNTRIES", "CURRENCIES", "FIRST_NAMES", "LANGUAGES", "LAST_NAMES", "Prose"]


def _split(words: str) -> list[str]:
    return words.split()


FIRST_NAMES = _split(
    "Ada Amir Anna Ben Chloé Dag Elif Emma Eric Fatima Femi Gita Hana Hugo Ines Ivan Jada Jonas"
    " Kaya Lars Lena Luca Maya Mei Nils Noor Olga Omar Pia Quinn Rosa Sami Sara Tariq Uma Vera"
    " Wim Xenia Yara Zoë"
)
LAST_NAMES = _split(
    "Abel Becker Costa Diaz Eriksen Fischer Garcia Haddad Ito Jansen Kaya Lindqvist Moreau Nowak"
    " Okafor Patel Quist Rossi Silva Tanaka Usman Vidal Weber Xu Yilmaz Zhang"
)
CITIES = _split("Aachen Bergen Cork Delft Évora Ghent Łódź Nice Porto Ravenna Turku Uppsala Zürich")
COUNTRIES = _split("AT BE CH CZ DE DK ES FI FR GB IE IT NL NO PL PT SE US")
CURRENCIES = _split("EUR USD GBP CHF SEK")
LANGUAGES = _split("en de fr es it pt sv")

_WORDS = _split(
    "amber ancient bright broad calm clever cold copper curly dark deep dry early elegant fine firm"
    " fresh gentle golden grand green heavy honest hollow icy jolly kind large light linen little"
    " lucky mellow mild modern narrow neat noble oaken olive pale plain proud quick quiet rapid"
    " rare red rough round royal rustic sharp silver slim smooth soft solid stone sturdy sunny"
    " swift tall thin tiny velvet vivid warm white wild wise woven young anchor apron atlas badge"
    " barrel basin basket bell bench blanket bottle bowl box bracket brush bucket button cabinet"
    " candle canvas chair clock cloth compass cup curtain desk dish drawer fan flask fork frame"
    " glove hammer handle hook jar jug kettle ladder lamp lantern mirror mug needle notebook paddle"
    " pan pencil pillow plate pot quilt razor ribbon saddle scale shelf shovel spoon stool table"
    " teapot tray vase wallet whisk wreath"
)
_LINKS = _split("the a of and with for in")


class Prose:
    """Cuts texts of any length out of one long ramble."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._text = " ".join(rng.choices(_WORDS + 3 * _LINKS, k=20_000))

    def word(self) -> str:
        """Return one word."""
        return self._rng.choice(_WORDS)

    def phrase(self, shortest: int, longest: int) -> str:
        """Return that many words."""
        return " ".join(self._rng.choices(_WORDS, k=self._rng.randint(shortest, longest)))

    def cut(self, shortest: int, longest: int) -> str:
        """Return a text of that many characters."""
        length = self._rng.randint(shortest, longest)
        start = self._text.index(" ", self._rng.randrange(len(self._text) - length - 20)) + 1
        return self._text[start : start + length].strip().capitalize()
