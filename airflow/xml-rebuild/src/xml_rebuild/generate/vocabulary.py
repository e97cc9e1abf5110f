"""Words, titles and names from a seed: several scripts, every predefined entity, character references, markup."""

import random
from xml.sax.saxutils import escape

_SYLLABLES = ("ba", "cor", "den", "fi", "gra", "hy", "ka", "lum", "mi", "no", "per", "ri", "sta", "tu", "vo", "xe")
_FOREIGN = (
    "Ångström", "naïve", "Źródło", "наука", "журнал", "βίος", "研究", "報告", "연구", "مجلة", "תורה", "e\u0301tude",
    "🧪", "𝛼-helix", "H₂O", "µm", "“quoted”", "L’Année", "Straße", "İstanbul", "no\u00a0break", "zero\u200bwidth",
)  # fmt: skip
_WRITTEN = ("R&amp;D", "p&lt;0.05", "A&gt;B", "&quot;so&quot;", "d&apos;or", "caf&#233;", "&#x1F9EC;", "&#8211;")
_MARKUP = ("i", "b", "sub", "sup", "em")
_USUAL_WORDS = 500
_PHRASES = 3000


class Vocabulary:
    """Text for one document, as it stands in XML: already escaped."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        unusual = [*map(escape, _FOREIGN), *_WRITTEN]
        self._words = unusual * 3 + [self._new_word() for _ in range(_USUAL_WORDS)]
        self._phrases = [self._new_phrase() for _ in range(_PHRASES)]
        self._marked = [self._new_marked() for _ in range(_PHRASES)]

    def word(self) -> str:
        """One word."""
        return self._chance.choice(self._words)

    def name(self) -> str:
        """One word with a capital letter, where its script has them."""
        word = self.word()
        return word if "&" in word else word[:1].upper() + word[1:]

    def phrase(self) -> str:
        """Some words, no markup."""
        return self._chance.choice(self._phrases)

    def marked(self) -> str:
        """Some words, a fifth of the time with elements in them, nested too."""
        return self._chance.choice(self._marked)

    def sentences(self, most: int) -> str:
        """One to `most` phrases in a row."""
        return ". ".join(self._chance.choices(self._phrases, k=self._chance.randint(1, most))) + "."

    def _new_word(self) -> str:
        return "".join(self._chance.choices(_SYLLABLES, k=self._chance.randint(1, 4)))

    def _new_phrase(self) -> str:
        return " ".join(self._chance.choices(self._words, k=self._chance.randint(2, 14)))

    def _new_marked(self) -> str:
        phrase = self._new_phrase()
        if self._chance.random() < 0.8:
            return phrase
        outer, inner = self._chance.sample(_MARKUP, 2)
        inside = f"<{inner}>{self.word()}</{inner}>" if self._chance.random() < 0.3 else ""
        return f"{phrase} <{outer}>{self.word()}{inside}</{outer}>{self.word()}"
