"""A model written as YAML (or JSON), read to the line: every fault is told at once, and nothing is evaluated."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal

from apps.platform.documents import BadDocument, Fault, Node, Section, read_document
from apps.platform.documents import Mapping as Keys
from apps.reports.domain.roi.fields import KEY, LONGEST_HORIZON, NOT_NEGATIVE, SHARE, Fields, has, line_of
from apps.reports.domain.roi.model import (
    DISCOUNT_RATE,
    METRICS_OF_TIME,
    REALISATION_OF_TIME,
    Assumption,
    BenefitLine,
    Claimed,
    ClaimedAmount,
    CostKind,
    CostLine,
    Each,
    Effect,
    Grade,
    Model,
    Source,
    Stated,
    StatedChange,
    StatedProduct,
    StatedTotal,
)
from apps.reports.domain.roi.overlaps import settle

_CURRENCY = re.compile(r"[A-Z]{3}")
_TOTALS = ("cost", "benefit", "roi_percent")
_ZERO, _ONE = Decimal(0), Decimal(1)


def read_model(text: str) -> Model:
    """Return what a model says. Raises BadDocument with every fault, each with its line."""
    reader = _Reader()
    model = reader.read(Section("the model", read_document(text), reader.faults))
    if not reader.faults:
        overlaps = settle(model.benefits, months=model.months)
        reader.faults.extend(Fault(reader.benefits_line, fault) for fault in overlaps.faults)
    if reader.faults:
        raise BadDocument(reader.faults)
    return model


class _Reader(Fields):
    """Reads a model's parts."""

    benefits_line = 1

    def read(self, top: Section) -> Model:
        name, currency = top.scalar("name"), top.scalar("currency")
        if currency is None or not _CURRENCY.fullmatch(currency.text):
            line = currency.line if currency else line_of(top)
            self.faults.append(Fault(line, "currency is needed: three capital letters, such as USD"))
        self.assumptions = self._all_assumptions(top.section("assumptions"))
        benefits, costs = top.take("benefits"), top.take("costs")
        self.benefits_line = benefits.line if benefits else 1
        model = Model(
            name=name.text if name else "",
            currency=currency.text if currency else "",
            months=self.whole(top, "months", 12, most=LONGEST_HORIZON),
            discount_rate=self.number(top, "discount_rate", DISCOUNT_RATE, within=SHARE),
            assumptions=self.assumptions,
            benefits=self.lines(top, "benefits", self._benefit),
            costs=self.lines(top, "costs", self._cost),
            claimed=self._claimed(top),
            stated=self.lines(top, "stated", self._stated),
            not_counted=tuple(node.text for node in self.scalars(top, "not_counted")),
        )
        top.close()
        self._twice(benefits, [line.key for line in model.benefits])
        self._twice(costs, [line.key for line in model.costs])
        if not (benefits or costs or model.claimed):
            self.faults.append(Fault(line_of(top), "a model has benefits and costs, or what is claimed, or both"))
        return model

    def _all_assumptions(self, section: Section) -> tuple[Assumption, ...]:
        found = []
        for key, line, node in section.node.entries if isinstance(section.node, Keys) else ():
            section.take(key)
            if not KEY.fullmatch(key):
                self.faults.append(Fault(line, f"{key!r}: a key is small letters, digits, _ and -"))
            found.append(self._assumption(key, Section(key, node, self.faults)))
        return tuple(found)

    def _assumption(self, key: str, section: Section) -> Assumption:
        low, mode, high = (self.needed(section, name) for name in ("low", "mode", "high"))
        if not low <= mode <= high:
            self.faults.append(Fault(line_of(section), f"{key}: low ≤ mode ≤ high does not hold"))
        owner, unit, approved = section.scalar("owner"), section.scalar("unit"), section.scalar("approved_by")
        for name, given in (("owner", owner), ("unit", unit)):
            if given is None or not given.text.strip():
                self.faults.append(Fault(line_of(section), f"{key} needs {'an' if name == 'owner' else 'a'} {name}"))
        found = Assumption(
            key=key, low=low, mode=mode, high=high,
            unit=unit.text if unit else "", owner=owner.text if owner else "",
            source=self.word(section, "source", Source, None),
            valid_from=self.day(section, "valid_from"), approved_by=approved.text if approved else None,
        )  # fmt: skip
        section.close()
        return found

    def _benefit(self, section: Section) -> BenefitLine:
        label, haircut, reason = section.scalar("label"), section.scalar("haircut"), section.scalar("haircut_reason")
        metric, scope = section.scalar("metric"), section.scalar("scope")
        if haircut is not None and reason is None:
            section.fault(haircut, "a haircut other than the grade's needs a haircut_reason")
        share = section.scalar("share")
        of_time = metric is not None and metric.text in METRICS_OF_TIME
        line = BenefitLine(
            key=self.key(section),
            label=label.text if label else "",
            grade=self.word(section, "grade", Grade, None),
            unit_value=self.term(section, "unit_value", None),
            effect=self._effect(section.section("effect")),
            volume=self.term(section, "volume", _ONE, within=NOT_NEGATIVE),
            realisation=self.term(section, "realisation", REALISATION_OF_TIME if of_time else _ONE, within=SHARE),
            attribution=self.term(section, "attribution", _ONE, within=SHARE),
            each=self.word(section, "each", Each, Each.MONTH),
            first=self.whole(section, "first", 1, most=LONGEST_HORIZON),
            last=self.optional(section, "last"),
            ramp_months=self.number(section, "ramp_months", _ZERO, within=(_ZERO, Decimal(LONGEST_HORIZON))),
            decay=self.term(section, "decay", _ZERO, within=SHARE),
            churn=self.term(section, "churn", _ZERO, within=SHARE) if has(section, "churn") else None,
            metric=metric.text if metric else None,
            scope=scope.text if scope else "all",
            share=self.number(section, "share", _ONE, within=SHARE) if share else None,
            joint=self.flag(section, "joint"),
            haircut=self.number(section, "haircut", _ZERO, within=SHARE) if haircut else None,
            haircut_reason=reason.text if reason else "",
        )
        if line.churn is not None and line.each is Each.ONCE:
            self.faults.append(Fault(line_of(section), f"{line.key}: what comes once does not recur; leave churn out"))
        section.close()
        return line

    def _effect(self, section: Section) -> Effect | None:
        if section.node is None:
            return None
        estimate, low, high = (self.needed(section, name) for name in ("estimate", "low", "high"))
        if not low <= estimate <= high:
            self.faults.append(Fault(line_of(section), "an effect lies inside its interval: low ≤ estimate ≤ high"))
        direction = self.choice(section, "direction", ("increase", "decrease"))
        taken = self.choice(section, "taken", ("at_decision", "after_decision"))
        section.close()
        return Effect(estimate, low, high, direction == "decrease", taken == "at_decision")

    def _cost(self, section: Section) -> CostLine:
        label = section.scalar("label")
        line = CostLine(
            key=self.key(section),
            label=label.text if label else "",
            kind=self.word(section, "kind", CostKind, None),
            price=self.term(section, "price", None, within=NOT_NEGATIVE),
            quantity=self.term(section, "quantity", _ONE, within=NOT_NEGATIVE),
            each=self.word(section, "each", Each, Each.MONTH),
            first=self.whole(section, "first", -1, least=0, most=LONGEST_HORIZON),
            last=self.optional(section, "last"),
        )
        section.close()
        # What is spent once is spent at the start, what is spent again and again from the first month on.
        return replace(line, first=0 if line.each is Each.ONCE else 1) if line.first < 0 else line

    def _claimed(self, top: Section) -> Claimed | None:
        section = top.section("claimed")
        if section.node is None:
            return None
        found = Claimed(
            weeks=self.number(section, "weeks", _ZERO, within=(_ZERO, Decimal(520))),
            months=self.number(section, "months", _ZERO, within=(_ZERO, Decimal(120))),
            costs=self.lines(section, "costs", self._amount),
            benefits=self.lines(section, "benefits", self._amount),
        )
        for each, length, name in ((Each.WEEK, found.weeks, "weeks"), (Each.MONTH, found.months, "months")):
            if not length and any(line.each is each for line in (*found.costs, *found.benefits)):
                self.faults.append(
                    Fault(line_of(section), f"claimed says what comes each {each}, but not how many {name}")
                )
        section.close()
        return found

    def _amount(self, section: Section) -> ClaimedAmount:
        found = ClaimedAmount(
            key=self.key(section),
            each=self.word(section, "each", Each, Each.MONTH),
            price=self.needed(section, "price"),
            quantity=self.number(section, "quantity", _ONE),
        )
        section.close()
        return found

    def _stated(self, section: Section) -> Stated:
        named = section.scalar("figure")
        if named is None:
            self.faults.append(Fault(line_of(section), "a stated figure says which: figure"))
        figure = named.text if named else ""
        found: Stated
        if has(section, "before"):
            found = StatedChange(figure, *(self.written(section, key) for key in ("before", "after", "change")))
        elif has(section, "factors"):
            factors = tuple(self.as_written(section, node) for node in self.scalars(section, "factors"))
            found = StatedProduct(figure, factors, self.written(section, "value"))
        else:
            found = StatedTotal(figure, self.choice(section, "of", _TOTALS), self.written(section, "value"))
        section.close()
        return found

    def _twice(self, node: Node | None, keys: list[str]) -> None:
        for key in sorted({key for key in keys if key and keys.count(key) > 1}):
            self.faults.append(Fault(node.line if node else 1, f"{key!r} is given twice"))
