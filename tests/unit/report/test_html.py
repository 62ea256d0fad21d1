import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from tests.golden.hostile import densest, empty, enormous, hostile, strange_numbers
from tests.golden.sample import sample

from flask_assay.model.finding import Remedy, Severity
from flask_assay.report import html

VOID = {"meta", "link", "br", "img", "wbr", "input", "base"}


class Page(HTMLParser):
    """Elements in order, with their attributes and text; complains of tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.faults = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))
        if tag not in VOID:
            self.open.append((tag, self.elements[-1]))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs), []))

    def handle_endtag(self, tag):
        if not self.open or self.open[-1][0] != tag:
            self.faults.append((tag, self.getpos()))
        else:
            self.open.pop()

    def handle_data(self, data):
        for _, element in self.open:
            element[2].append(data)

    def all(self, tag, **attributes):
        wanted = {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()}
        return [
            (a, "".join(t))
            for name, a, t in self.elements
            if name == tag and all(a.get(k) == v for k, v in wanted.items())
        ]


@pytest.fixture(scope="module")
def text():
    return html.render(sample())


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_the_page_is_well_formed(page):
    assert page.faults == []
    assert page.open == []


def test_the_hash_of_the_policy_is_that_of_the_script_in_the_page(text):
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    assert len(scripts) == 1
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html.policy()
    assert f'content="{html.policy().replace(chr(39), "&#39;")}"' in text


def test_the_policy_comes_before_the_script_and_forbids_everything_else(page):
    ((meta, _),) = page.all("meta", http_equiv="Content-Security-Policy")
    assert re.fullmatch(
        r"default-src 'none'; script-src 'sha256-[A-Za-z0-9+/]{43}='; style-src 'unsafe-inline'; "
        r"img-src data:; base-uri 'none'; form-action 'none'",
        meta["content"],
    )
    tags = [tag for tag, _, _ in page.elements]
    assert tags.index("meta") < tags.index("style") < tags.index("script")


def test_the_assets_cannot_close_their_own_element():
    assert "</script" not in html.script().lower()
    assert "<!--" not in html.script()
    assert "\r" not in html.script()


def test_our_script_never_makes_markup_of_text():
    ours = html._asset("assets/report.js") + html._asset("assets/flame.js")
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "Function(",
        'setAttribute("on',
        "fetch(",
        "XMLHttpRequest",
        "import(",
    ):
        assert word not in ours


@pytest.mark.parametrize("make", [sample, hostile, strange_numbers, empty])
def test_nothing_in_the_page_can_run_or_load(make):
    page = Page(html.render(make()))
    for tag, attributes, _ in page.elements:
        assert tag not in {"img", "iframe", "object", "embed", "form", "base", "audio", "video"}
        assert not [
            a
            for a in attributes
            if a.startswith("on") or a in {"srcdoc", "src", "action", "formaction", "autofocus"}
        ]
        assert attributes.get("href", "#").startswith(("#", "data:,"))
        assert "url(" not in attributes.get("style", "")
    assert len(page.all("script")) == 3
    assert page.faults == []


def test_hostile_names_are_shown_as_they_are(page):
    d = dataclasses.replace(sample(), headline="<script>alert(1)</script> & co")
    ((_, shown),) = Page(html.render(d)).all("h1")
    assert shown == "<script>alert(1)</script> & co"


def test_the_json_of_the_page_can_end_nothing():
    hostile_text = "</script><!--&\u2028\u2029"
    escaped = html.escape_json({"a": hostile_text})
    assert not set("<>&\u2028\u2029") & set(escaped)
    assert json.loads(escaped) == {"a": hostile_text}


def test_the_json_of_the_page_refuses_nan():
    with pytest.raises(ValueError, match="JSON"):
        html.escape_json(float("nan"))


def test_the_page_reads_without_its_script(page):
    headings = [text for _, text in page.all("h2")]
    assert headings == [
        "Do the counts agree?",
        "Findings",
        "Routes",
        "Over time",
        "Growth with the data",
        "Single requests",
        "CPU",
        "Statements",
        "Experiments",
        "Audits",
        "The run",
    ]
    assert len(page.all("h1")) == 1
    for finding in sample().findings:
        assert finding.title in [t for _, t in page.all("h3")]
    table = page.all("table", class_="routes sortable")[0][1]
    for route in sample().routes:
        assert route.route in table
    assert page.all("button", class_="copy")[0][0].get("hidden", "absent") is None


def test_a_finding_shows_place_evidence_statement_remedy_effect_and_price(page):
    finding = next(text for a, text in page.all("li", id="finding-2"))
    words = re.sub(r"[ \n]+", " ", finding)
    for part in (
        "legacy_shop/views/products.py:91",
        "rows read and thrown away per execution",
        "129,948 rows",
        "SELECT reviews.id",
        "Rows Removed by Filter: 129948",
        "op.create_index(",
        "−32.2\u00a0ms",
        "95\u00a0% interval −33.1 … −31.4\u00a0ms",
        "responses stayed equal",
        "index 3.84 MB",
    ):
        assert part in words


def test_findings_keep_the_order_of_the_document(page):
    titles = [f.title for f in sample().findings]
    assert [t for _, t in page.all("h3") if t in titles] == titles


def test_severity_and_verdict_are_words_and_signs_not_colour_alone(page):
    words = [t for a, t in page.all("span", class_="sev-word")]
    assert words == [f.severity.value for f in sample().findings]
    assert {s.value for s in Severity} == set(words)
    assert "Problems found" in "".join(t for _, t in page.all("p", class_="word"))
    uses = {a["href"] for a, _ in page.all("use")}
    assert uses <= {f"#{a['id']}" for a, _ in page.all("symbol")}


def test_links_inside_the_page_lead_somewhere(page):
    ids = [a["id"] for _, a, _ in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    for a, _ in page.all("a"):
        assert a["href"][1:] in ids


def test_a_partial_recording_says_so_at_the_top():
    ((_, shown),) = Page(html.render(empty())).all("p", class_="partial")
    assert "The recording is partial. It was interrupted in the phase warm-up." in " ".join(
        shown.split()
    )


def test_a_difference_that_nothing_explains_is_marked():
    bad = dataclasses.replace(sample().reconciliations[0], ok=False)
    page = Page(html.render(dataclasses.replace(sample(), reconciliations=(bad,))))
    ((_, shown),) = page.all("li", class_="differ")
    assert "≠" in shown
    assert "not explained" in shown


def test_experiments_name_the_noise_floor_and_what_had_no_effect(page):
    ((_, shown),) = page.all("section", id="experiments")
    assert "Two identical targets differed by this much: a smaller effect" in shown
    for group in ("Measured", "Tried, no effect", "Refused: the responses changed", "Not tried"):
        assert group in shown


def test_a_refused_effect_is_not_painted_as_a_saving(page):
    ((_, finding),) = page.all("li", id="finding-6")
    assert "measured" not in " ".join(finding.split()[:25])


def test_passed_and_not_applicable_audits_are_folded_with_their_reasons(page):
    ((_, shown),) = page.all("section", id="audits")
    assert "No cached view was seen." in shown
    assert "KeyError: 'stacks'" in shown
    assert "write-on-read" in shown


@pytest.mark.parametrize("make", [sample, hostile, strange_numbers, empty])
def test_the_page_stays_below_one_megabyte(make):
    assert len(html.render(make()).encode()) < html.MAX_BYTES


def test_an_enormous_page_stays_below_one_megabyte_and_says_what_it_left_out():
    text = html.render(enormous())
    assert 200_000 < len(text.encode()) < html.MAX_BYTES
    ((_, shown),) = Page(text).all("p", class_="left-out")
    assert re.search(r"Left out to keep this report small: [\d,]+ findings", shown)


def test_even_the_densest_document_fits():
    assert len(html.render(densest()).encode()) < html.MAX_BYTES


def test_facts_of_the_environment_are_laid_out_by_name_with_their_units():
    given = {
        "settings": [{"name": "users", "value": 4, "origin": "default"}, "odd"],
        "memory_bytes": 2**31,
        "timeout_s": 0.25,
        "requests_per_s": 2.5,
        "debug": False,
        "none": None,
        "extensions": ["a", "b"],
    }
    page = Page(html.render(dataclasses.replace(sample(), environment=given)))
    table = page.all("table", class_="pairs")[-1][1]
    for row in (
        "settings.users.value4settings.users.origindefault",
        "settings.2odd",
        "memory_bytes2\u00a0GB",
        "timeout_s250\u00a0ms",
        "requests_per_s2.5",
        "debugno",
        "none–",
        "extensionsa, b",
    ):
        assert row in table


def test_the_same_document_gives_the_same_bytes():
    assert html.render(sample()) == html.render(sample())


def test_dark_by_choice_looks_like_dark_by_system():
    css = html._asset("assets/report.css")
    chosen = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', css, re.DOTALL)[1]
    system = re.search(r":root:not\(\[data-theme\]\) \{(.*?)\}", css, re.DOTALL)[1]
    assert chosen.split() == system.split()


def test_a_finding_about_a_cache_leads_to_its_plan():
    d = sample()
    route = d.cache_plans[0].route
    remedy = Remedy("response-cache", {"predicted_hit_ratio": 0.9}, "Cache it.")
    finding = dataclasses.replace(d.findings[0], routes=(route,), remedies=(remedy,))
    assert 'href="#cache-plan"' in html.render(dataclasses.replace(d, findings=(finding,)))
    bare = dataclasses.replace(d, findings=(finding,), cache_plans=())
    assert 'href="#cache-plan"' not in html.render(bare)


def test_a_simulated_saving_is_not_called_measured():
    made = sample()
    trials = tuple(
        dataclasses.replace(each, is_simulated=each.intervention == "index") for each in made.trials
    )
    text = html.render(dataclasses.replace(made, trials=trials))
    gains = re.findall(r'<span class="gain">\s*<b>([^<]+)</b><span>([^<]+)</span>', text)
    words = {saving: said.rpartition(", ")[2] for saving, said in gains}
    assert words["−32.2\xa0ms"] == "simulated"
    assert "measured" in words.values()
