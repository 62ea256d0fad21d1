"""The page in a real browser: what it runs, what it loads, what it draws."""

import pytest
from tests.golden.hostile import PAYLOADS, empty, enormous, hostile, strange_numbers
from tests.golden.sample import sample

from flask_assay.report import html

from .chromium import Chromium, executable

pytestmark = pytest.mark.skipif(
    executable() is None,
    reason="no chromium on PATH: on Debian, apt-get install chromium",
)

PAGES = {
    "sample": sample,
    "hostile": hostile,
    "strange": strange_numbers,
    "empty": empty,
    "enormous": enormous,
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("pages"), {}

    def page(name):
        if name not in made:
            made[name] = folder / f"{name}.html"
            made[name].write_text(html.render(PAGES[name]()), encoding="utf-8")
        return made[name]

    return page


def without_policy(path):
    text = path.read_text(encoding="utf-8")
    bare = path.with_suffix(".bare.html")
    assert "Content-Security-Policy" in text
    bare.write_text(text.replace("Content-Security-Policy", "X-None"), encoding="utf-8")
    return bare


def use_everything(browser):
    """Do what a reader can do: open all, sort, hover, focus, copy, change the theme."""
    browser.run("""
        document.querySelectorAll("details").forEach(d => { d.open = true; });
        document.querySelectorAll(".theme, .copy, .sortable button").forEach(b => b.click());
        document.querySelectorAll("[data-detail]").forEach(r => {
            r.dispatchEvent(new MouseEvent("mouseover", {bubbles: true}));
            r.focus();
        });
        dispatchEvent(new Event("beforeprint"));
        dispatchEvent(new Event("afterprint"));
        new Promise(done => setTimeout(done, 100));
    """)


@pytest.mark.parametrize("name", PAGES)
def test_the_page_loads_without_a_complaint_and_without_a_request(browser, pages, name):
    browser.open(pages(name))
    use_everything(browser)
    assert browser.run("document.documentElement.dataset.ready") == "true"
    assert browser.requests() == []
    assert browser.complaints() == []


@pytest.mark.parametrize("has_policy", [True, False], ids=["policy", "no-policy"])
def test_hostile_text_runs_nothing(browser, pages, has_policy):
    page = pages("hostile")
    browser.open(page if has_policy else without_policy(page))
    use_everything(browser)
    assert browser.run("typeof window.pwned") == "undefined"
    assert browser.requests() == []
    assert browser.dialogs() == []
    assert browser.run("document.scripts.length") == 3
    assert browser.run("document.querySelectorAll('iframe, img, form, base').length") == 0


def test_hostile_text_is_still_there_to_read(browser, pages):
    browser.open(pages("hostile"))
    shown = browser.run("document.body.textContent")
    for payload in PAYLOADS:
        if payload.isprintable():
            assert payload in shown, payload


@pytest.mark.parametrize(
    "markup",
    [
        "<script>window.pwned=1</script>",
        "<img src=x onerror=window.pwned=1>",
        "<svg onload=window.pwned=1></svg>",
        "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
        "<a id=bait href='javascript:window.pwned=1'>x</a>",
        "<script src=http://127.0.0.1:9/x.js></script>",
        "<img src=http://127.0.0.1:9/x.png>",
    ],
)
def test_the_policy_stops_markup_that_escaping_would_have_let_through(
    browser, pages, tmp_path, markup
):
    injected = tmp_path / "injected.html"
    text = pages("sample").read_text(encoding="utf-8")
    injected.write_text(text.replace("</main>", f"{markup}</main>"), encoding="utf-8")
    browser.open(injected)
    browser.run("{ const bait = document.getElementById('bait'); if (bait) bait.click(); }")
    browser.run("new Promise(done => setTimeout(done, 50))")
    assert browser.run("typeof window.pwned") == "undefined"
    assert browser.loaded() == []


def test_without_the_policy_that_markup_would_run(browser, pages, tmp_path):
    """The test above proves nothing unless its markup is live."""
    injected = tmp_path / "injected.html"
    text = without_policy(pages("sample")).read_text(encoding="utf-8")
    live = "<script>window.pwned=1</script>"
    injected.write_text(text.replace("</main>", f"{live}</main>"), encoding="utf-8")
    browser.open(injected)
    assert browser.run("window.pwned") == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_each_chart_is_drawn(browser, pages, width, scheme):
    browser.open(pages("sample"), width=width, scheme=scheme)
    drawn = browser.run("""
        Array.from(document.querySelectorAll(".chart")).map(box => {
            const canvas = box.querySelector("canvas");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let inked = 0;
            for (let i = 3; i < data.length; i += 4) inked += data[i] > 0;
            return inked;
        })
    """)
    assert len(drawn) == 6
    assert min(drawn) > 500


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_the_page_is_never_wider_than_its_window(browser, pages, name, width):
    browser.open(pages(name), width=width)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert browser.run("document.documentElement.scrollWidth") <= width


def test_the_colours_follow_the_system_and_the_button_overrides_them(browser, pages):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.open(pages("sample"), scheme="light")
    browser.run("localStorage.clear()")
    light = browser.run(ground)
    browser.open(pages("sample"), scheme="dark")
    dark = browser.run(ground)
    assert dark != light
    browser.run("document.querySelector('.theme').click()")
    assert browser.run("document.querySelector('.theme').textContent") == "Theme: light"
    assert browser.run(ground) == light
    browser.run("localStorage.clear()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_the_contrast_that_wcag_asks_for(browser, pages, scheme):
    browser.open(pages("sample"), scheme=scheme)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    poor = browser.run("""
        (() => {
            const parse = c => c.match(/[\\d.]+/g).map(Number);
            const light = c => {
                const [r, g, b] = parse(c).map(v => v / 255).map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const ground = e => {
                for (; e; e = e.parentElement) {
                    const c = getComputedStyle(e).backgroundColor;
                    const p = parse(c);
                    if (p.length < 4 || p[3] > 0) return c;
                }
                return "rgb(255, 255, 255)";
            };
            const poor = new Set();
            for (const e of document.querySelectorAll("body *")) {
                const own = Array.from(e.childNodes).some(n => n.nodeType === 3 && n.data.trim());
                if (!own || e.closest("svg, script, .skip")) continue;
                const a = light(getComputedStyle(e).color), b = light(ground(e));
                const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
                if (ratio < 4.5) poor.add(e.tagName + "." + e.className + " " + ratio.toFixed(2));
            }
            return Array.from(poor);
        })()
    """)
    assert poor == []


def test_the_routes_can_be_sorted_by_a_click_and_back(browser, pages):
    browser.open(pages("sample"))
    order = "Array.from(document.querySelectorAll('.routes tbody th')).map(th => th.dataset.value)"
    click = "document.querySelectorAll('.routes thead button')[{}].click()"
    by_share = browser.run(order)
    browser.run(click.format(2))
    by_requests = browser.run(order)
    assert by_requests[0] == "GET /products/<int:product_id>"
    assert by_requests != by_share
    assert browser.run("document.querySelector('.routes [aria-sort]').textContent") == "Requests"
    browser.run(click.format(2))
    assert browser.run(order) == by_requests[::-1]


def test_the_waterfall_answers_to_the_keyboard(browser, pages):
    browser.open(pages("sample"))
    said = browser.run("""
        (() => {
            const figure = document.querySelector(".waterfall");
            const rows = figure.querySelectorAll("[data-detail]");
            rows[0].focus();
            for (let i = 0; i < 3; i++)
                document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowDown", bubbles: true}));
            return figure.querySelector(".pick").textContent;
        })()
    """)
    assert "query · 48 times" in said
    assert "legacy_shop/serializers.py:48 order_to_dict" in said


def test_a_link_to_a_folded_finding_unfolds_it(browser, pages):
    browser.open(pages("sample"))
    assert browser.run("document.querySelector('#finding-7 > details').open") is False
    browser.run("location.hash = '#finding-7'; new Promise(done => setTimeout(done, 100))")
    assert browser.run("document.querySelector('#finding-7 > details').open") is True


def test_the_findings_are_readable_without_scripts(browser, pages):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.open(pages("sample"), width=390)
        root = browser.call("DOM.getDocument")["root"]["nodeId"]
        found = browser.call("DOM.querySelectorAll", nodeId=root, selector=".finding h3")
        assert len(found["nodeIds"]) == 8
        hidden = browser.call("DOM.querySelectorAll", nodeId=root, selector=".copy:not([hidden])")
        assert hidden["nodeIds"] == []
    finally:
        browser.call("Emulation.setScriptExecutionDisabled", value=False)


def test_on_paper_everything_is_unfolded(browser, pages):
    browser.open(pages("sample"))
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") == 0
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") > 0
    printed = browser.call("Page.printToPDF", printBackground=True)["data"]
    assert len(printed) > 50_000


def test_the_flame_graph_is_walked_searched_and_zoomed_by_keyboard(browser, pages):
    browser.open(pages("sample"))
    press = """
        (keys => keys.forEach(key => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", {key, bubbles: true}))))
    """
    detail = "document.querySelector('.flame-detail').textContent"
    browser.run("document.querySelector('.flame-box g[tabindex=\"0\"]').focus()")
    browser.run(press + "(['ArrowDown', 'ArrowDown'])")
    assert browser.run(detail).startswith("legacy_shop/text.py distance\nyour code · total 3.20 s")
    assert "lines: 10 (81.3 %), 8 (18.8 %)" in browser.run(detail)
    browser.run(press + "(['ArrowRight', 'Enter'])")
    assert browser.run("document.querySelectorAll('.flame-box g').length") == 3  # and its callers
    browser.run(press + "(['Escape'])")
    assert browser.run("document.querySelectorAll('.flame-box g').length") == 5
    browser.run("""
        const search = document.querySelector(".flame-search");
        search.value = "SQLAlchemy";
        search.dispatchEvent(new Event("input"));
    """)
    assert browser.run("document.querySelector('.flame-found').textContent").startswith("16.7 %")
    assert browser.run("document.querySelectorAll('.flame-box g.dim').length") == 4
    browser.run("""
        const select = document.querySelector(".flame-endpoint");
        select.selectedIndex = 2;
        select.dispatchEvent(new Event("change"));
    """)
    assert browser.run("document.querySelectorAll('.flame-box g').length") == 1
    assert browser.complaints() == []
