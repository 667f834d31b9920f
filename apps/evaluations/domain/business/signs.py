"""The phrases business analysis listens for (English), compiled into one set for each speaker.

One pass over a message tells all its signs: asking the patterns one by one would cost ten times as much. Where a
place or a figure is needed, the module that needs it looks again, and only in the few messages that carry the sign.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import re2

_THING = r"(?:subscription|account|plan|membership|service|contract|renewal|premium|trial)"

_USAGE = (
    r"(?:[0-9][0-9,.]*\s?(?:%|percent)? (?:of (?:your|the) |requests|calls|messages|users|seats|gb|mb|"
    r"hours|minutes|projects|files|orders|credits|emails|reports|transactions)|\b(?:used|using|hit|"
    r"hitting|sent|stored|exceeded|reached) (?:about |over |almost |your )?[0-9][0-9,.]*)"
)
_COMPARES = (
    r"\b(?:instead of|normally|usually|compared (?:to|with)|rather than|versus|vs\.?|was [$€£]|"
    r"worth [$€£]|regular(?:ly)? (?:price|[$€£]))"
)
_PRICE = r"[$€£]\s?[0-9]"
_USER = {
    "price": _PRICE,
    "usage": _USAGE,
    "compares": _COMPARES,
    "leaves": (
        r"\b(?:cancel(?:l?ing)? (?:my|our|the|this) (?:\w+ )?{thing}|(?:close|delete|terminate|"
        r"end) (?:my|our) (?:\w+ )?{thing}|unsubscribe me|(?:switch(?:ing)?|mov(?:e|ing)|migrat(?:e|"
        r"ing)) to (?:a |another |your )?(?:competitor|tool|provider|service)|(?:won't|will not|"
        r"not going to|don't want to) renew|(?:i want|i'd like|just want|need|how do i) to cancel\b|"
        r"i(?:'m| am) leaving)"
    ),
    "stays": (
        r"\b(?:(?:i'll|i will|we'll|let me|i would like to|i'd like to) (?:stay|keep (?:it|my|the|using)|"
        r"give it)|(?:don't|do not) cancel|keep my {thing}|changed my mind|"
        r"never ?mind,? (?:about )?(?:the )?cancel|that changes things)"
    ),
    "seats": (
        r"\b(?P<count>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]{1,7})\s?\+?[\s-](?:\w+ )?(?:users|seats|employees|"
        r"licen[cs]es|people|persons?|agents|developers|engineers|members|staff|workstations)\b"
    ),
    "procurement": (
        r"\b(?:sso|saml|scim|sla|slas|dpa|data processing agreement|soc ?2|iso ?27001|hipaa|procurement|"
        r"rfp|rfi|security (?:questionnaire|review|assessment)|vendor (?:review|assessment|onboarding)|"
        r"purchase order|master service)\b"
    ),
    "sales": (
        r"\b(?:(?:talk|speak|connect|through|contact|call from) (?:me )?(?:to |with )?(?:your |the |someone in )?sales|"
        r"sales (?:team|rep|representative)|enterprise (?:plan|pricing|tier|license|agreement|edition)|"
        r"(?:a|custom|formal) quote|volume (?:discount|pricing)|(?:schedule|book|arrange) a demo|"
        r"pricing for (?:our|my) (?:company|team|organization))"
    ),
    "email": r"\b[a-z0-9._%+-]+@(?P<domain>[a-z0-9-]+(?:\.[a-z0-9-]+)+)\b",
    "agrees_firmly": (
        r"\b(?:upgrade me|sign me up|go ahead|i(?:'ll| will) take (?:it|that|the)|let(?:'s| us) do (?:it|"
        r"that|this)|switch me|please (?:upgrade|do|add|proceed|switch)|(?:you can|can you|could you|"
        r"i(?:'d| would) like to|i want to|let's) (?:please )?(?:upgrade|switch|add it|go with|buy|"
        r"subscribe)|(?:i'm|i am|count me) in\b|i(?:'ll| will) (?:upgrade|buy|go (?:for|with))|add it)"
    ),
    "agrees": (
        r"^\W*(?:oh,? |well,? |ok(?:ay)?,? )?(?:yes|yeah|yep|yup|sure|ok(?:ay)?|absolutely|definitely|"
        r"of course|perfect|deal|why not|sounds (?:good|great|perfect)|that sounds (?:good|great|perfect)|"
        r"great,|no (?:problem|worries),? )"
    ),
    "declines": (
        r"(?:^\W*(?:no|nope|nah)\b|\bno,? thank|\bnot interested|\bi(?:'ll| will) pass\b|"
        r"\btoo (?:expensive|much|pricey)|\b(?:don't|do not|doesn't) (?:want|need)|\bstop (?:selling|"
        r"offering|pushing)|\b(?:can't|cannot) afford|\b(?:stick|stay) with (?:my|the|what)|\brather not)"
    ),
    "later": (
        r"\b(?:think about it|let me think|maybe later|not (?:right )?now|another time|get back to you|"
        r"(?:need|have) to (?:check|ask|talk)|next (?:month|week|year|quarter)|consider it|"
        r"send me (?:the )?(?:details|info))"
    ),
    "no_trouble": r"^\W*no (?:problem|worries)",
    "asks": r"\?|\b(?:what|how|which|tell me|explain|why) ",
    "solved": (
        r"\b(?:that (?:worked|fixed|solved|did it)|it work(?:s|ed)|works (?:now|again)|(?:fixed|solved|"
        r"resolved|sorted)\b|found it|thank(?:s| you)|all (?:good|set)|problem solved)"
    ),
    "unhappy": (
        r"\b(?:terrible|awful|horrible|useless|ridiculous|unacceptable|frustrat|angry|annoyed|worst|"
        r"still (?:not|doesn't|broken)|not working|doesn't work|disappointed|waste of|fed up|scam)"
    ),
}
_ASSISTANT = {
    "price": _PRICE,
    "usage": _USAGE,
    "compares": _COMPARES,
    "product": (
        r"\b(?:upgrad(?:e|ing)(?: you)?|premium|pro (?:plan|tier|version)|(?:plus|pro|business|team|"
        r"enterprise|growth|annual|yearly|higher|bigger|larger|next) (?:plan|tier|package|subscription)|"
        r"add[- ]?ons?|bundle|extra (?:seats|storage|licen[cs]es)|extended warranty|protection plan|"
        r"[a-z]+ plan (?:at|for|is) [$€£])"
    ),
    "invite": (
        r"\b(?:would you (?:like|be interested)|(?:do you )?want (?:me )?to|want it|interested in|"
        r"(?:shall|should|can|could|may) i (?:upgrade|add|switch|move|set|offer|show|get|sign|enable)|"
        r"i(?:'d| would)? (?:recommend|suggest)|consider (?:upgrading|adding|switching|our|the)|how about|"
        r"you (?:might|may|could|can) (?:also )?(?:want to |like to )?(?:upgrade|add|get|switch|move|try)|"
        r"ready (?:for|to)|for (?:just|only) [$€£]|special (?:offer|price)|take advantage|"
        r"i can (?:upgrade|add|offer|move|switch)|you(?:'d| would| will|'ll) (?:get|have|never|save)|"
        r"let me know if you(?:'d| would) like|at [$€£])"
    ),
    "no_offer": (
        r"\b(?:refund|by (?:accident|mistake)|accidental|unintentional|downgrad|no (?:extra )?charge|"
        r"free of charge|(?:system|platform|server|software|firmware|app|browser|database) upgrade|"
        r"upgrade (?:your|the|to the latest) (?:app|browser|firmware|version|software|device|driver|"
        r"database)|cancel(?:l?ation)? (?:has|is|was) (?:been )?processed)"
    ),
    "done": (
        r"\b(?:i(?:'ve| have)|we(?:'ve| have)|you(?:'ve| have)(?: been| now been)?|(?:has|have) been|"
        r"you(?:'re| are) now) (?:now |just |successfully )?(?:upgraded|added|switched|activated|moved|"
        r"enabled|signed)"
    ),
    "gone": (
        r"\b(?:processed your cancell?ation|your cancell?ation (?:is|has been|was) (?:complete|confirmed|"
        r"processed)|(?:your|the) (?:\w+ )?{thing} (?:has been|is now|was|is) (?:cancell?ed|closed|"
        r"terminated|deleted)|(?:i've|i have|we've|we have) (?:now )?(?:cancell?ed|closed|"
        r"terminated) your)"
    ),
    "account": (
        r"\b(?:based on your|your (?:current|account|usage|plan|team|last|recent|monthly|limits?|data|"
        r"history|orders?|projects?|workflow|[0-9])|you(?:'re| are|'ve been| have been) (?:using|hitting|"
        r"on|running|sending|close)|(?:since|because|as) you|you (?:currently|already|often|hit|use|used|"
        r"have used|mentioned))"
    ),
    "benefit": (
        r"\b(?:sav(?:e|es|ing)|gain|unlock|get|gets|include[sd]?|avoid|reduce|cut|boost|speed|faster|"
        r"never|no more|unlimited|double|triple|10x|priority|access|protects?|covers?)\b"
    ),
}


class Speaker:
    """The compiled phrases of one side."""

    def __init__(self, patterns: Mapping[str, str]) -> None:
        options = re2.Options()
        options.case_sensitive = False
        # Logged text decides nothing about what is printed while it is read.
        options.log_errors = False
        self._names = tuple(patterns)
        self._set = re2.Set.SearchSet(options)
        self._patterns = {}
        for name, pattern in patterns.items():
            whole = pattern.replace("{thing}", _THING)
            self._set.Add(whole)
            self._patterns[name] = re2.compile(whole, options)
        self._set.Compile()

    def signs_in(self, text: str) -> frozenset[str]:
        """Return the names of the phrases in a text."""
        found = self._set.Match(text)
        return frozenset(map(self._names.__getitem__, found)) if found else NOTHING

    def find(self, name: str, text: str) -> Iterator[Any]:
        """Return the matches of one phrase, in order."""
        found: Iterator[Any] = self._patterns[name].finditer(text)
        return found


NOTHING: frozenset[str] = frozenset()
USER, ASSISTANT = Speaker(_USER), Speaker(_ASSISTANT)
