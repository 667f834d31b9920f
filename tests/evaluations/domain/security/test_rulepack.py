from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.evaluations.domain.security import Rule, builtin_rules, check_rule_pack
from apps.evaluations.domain.security.kinds import ATTACKS, FAULTS
from apps.evaluations.domain.security.rulepack import RuleSet, load_pack


@pytest.mark.parametrize("rule", builtin_rules(), ids=lambda rule: rule.id)
def test_every_rule_matches_its_examples_and_leaves_the_others_alone(rule: Rule) -> None:
    assert check_rule_pack([rule]) == []


def test_rule_ids_are_used_once() -> None:
    assert [wrong for wrong in check_rule_pack(builtin_rules()) if "twice" in wrong] == []


def test_every_type_has_rules_and_the_commonest_attacks_are_known_in_four_languages() -> None:
    rules = builtin_rules()

    assert len(rules) >= 80
    assert {rule.type for rule in rules} >= ATTACKS | (FAULTS - {"system_prompt_leak"})
    assert min(Counter(rule.language for rule in rules)[language] for language in ("en", "de", "es", "fr")) >= 5


def test_every_attack_rule_names_owasp_and_atlas() -> None:
    attacks = [rule for rule in builtin_rules() if rule.type in ATTACKS | FAULTS]

    assert [r.id for r in attacks if not any(t.startswith("LLM") for t in r.taxonomy)] == []
    assert [r.id for r in attacks if not any(t.startswith("AML") for t in r.taxonomy)] == []


def test_a_rule_that_re2_refuses_is_named() -> None:
    broken = Rule("broken", "jailbreak", r"(a)\1", must_match=("aa",), must_not_match=("b",))

    with pytest.raises(ValueError, match="rule broken"):
        RuleSet([broken])
    assert "rule broken" in check_rule_pack([broken])[0]


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (Rule("a", "jailbreak", "x", must_match=("y",), must_not_match=("z",)), "a: does not match 'y'"),
        (Rule("a", "jailbreak", "x", must_match=("x",), must_not_match=("xx",)), "a: matches 'xx'"),
        (Rule("a", "jailbreak", "x", must_match=("x",)), "a: needs an example that matches and one that does not"),
        (Rule("a", "nonsense", "x", must_match=("x",), must_not_match=("y",)), "a: unknown type nonsense"),
        (
            Rule("a", "jailbreak", "x", weight=-1, must_match=("x",), must_not_match=("y",)),
            "a: only benign rules have a negative weight",
        ),
    ],
)
def test_what_is_wrong_with_a_rule_is_said(rule: Rule, complaint: str) -> None:
    assert check_rule_pack([rule]) == [complaint]


def test_a_pack_has_defaults_and_named_fragments() -> None:
    pack = "defaults: {type: jailbreak}\nwords: {who: 'you|thou'}\nrules: [{id: r, pattern: '{{who}} art'}]"

    (rule,) = load_pack(pack)

    assert (rule.pattern, rule.type, rule.taxonomy) == ("(?:you|thou) art", "jailbreak", ("LLM01", "AML.T0054"))


def test_an_unknown_fragment_or_field_names_the_rule() -> None:
    with pytest.raises(ValueError, match="rule r: there is no fragment named who"):
        load_pack("rules: [{id: r, type: jailbreak, pattern: '{{who}}'}]")
    with pytest.raises(ValueError, match=r"rule r: .*unknown field"):
        load_pack("rules: [{id: r, type: jailbreak, pattern: a, wieght: 1}]")


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([r for r in builtin_rules() if r.must_match]), min_size=1, max_size=12, unique=True))
def test_rules_together_find_what_each_finds_alone(rules: list[Rule]) -> None:
    together = RuleSet(rules)
    texts = [rule.must_match[0].lower() for rule in rules]

    assert [together.matching(text) for text in texts] == [
        [i for i, rule in enumerate(rules) if RuleSet([rule]).matching(text)] for text in texts
    ]
