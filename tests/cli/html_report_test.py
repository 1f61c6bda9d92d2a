#!/usr/bin/env python3
"""Opens reports in a browser: nothing is asked of the network, nothing of a guest becomes markup, everything fits."""
import os
import pathlib
import subprocess
import tempfile
import unittest

from browser import Browser

PROGRAM = os.environ["CONVERTER_TESTS"]  # HtmlReport.IsWrittenForABrowser writes the pages
MARKUP = '<img src="http://evil.example/x.png"><script>document.title = "owned"</script><h2 id="injected">injected</h2>'


def without_policy(html):
    before, _, rest = html.partition('<meta http-equiv="Content-Security-Policy"')
    return before + rest.partition(">")[2]


class HtmlReport(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="rehost-html-")
        cls.addClassCleanup(cls.holder.cleanup)
        cls.dir = pathlib.Path(cls.holder.name)
        subprocess.run([PROGRAM, "--gtest_filter=HtmlReport.IsWrittenForABrowser"], check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, "REHOST_HTML_DIRECTORY": cls.holder.name})
        cls.pages = sorted(cls.dir.glob("*.html"))
        assert [page.stem for page in cls.pages] == ["converted", "hostile", "plain"], cls.pages
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self):
        self.browser.resize(1200)
        self.browser.emulate()

    def test_no_page_asks_for_anything_but_itself(self):
        for page in self.pages:
            with self.subTest(page.stem):
                self.assertEqual(self.browser.open(page), [page.as_uri()])

    def test_nothing_of_a_guest_becomes_markup(self):
        self.browser.open(self.dir / "hostile.html")
        self.assertEqual(self.browser.ask("return document.querySelectorAll('img, script, iframe, object, link, form, #injected').length"), 0)
        self.assertEqual(self.browser.ask("return document.querySelectorAll('style').length"), 1)
        self.assertTrue(self.browser.ask("return document.title").startswith("<img src="), "the title is text, and no script changed it")
        self.assertEqual(self.browser.ask("return document.characterSet"), "UTF-8")
        # Elements and attributes are those that rehost writes, and no others.
        names = self.browser.ask("return [...new Set([...document.body.querySelectorAll('*')].map(e => e.localName))].sort()")
        self.assertLessEqual(set(names), {"a", "code", "dd", "details", "div", "dl", "dt", "footer", "h1", "h2", "h3", "header", "li", "main",
                                          "nav", "ol", "p", "pre", "rect", "span", "strong", "summary", "svg", "table", "tbody", "td", "th",
                                          "thead", "tr", "ul"})
        attributes = self.browser.ask("return [...new Set([...document.body.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))].sort()")
        self.assertLessEqual(set(attributes), {"aria-hidden", "class", "data-name", "height", "href", "id", "open", "preserveAspectRatio", "viewBox", "width"})
        text = self.browser.ask("return document.body.textContent")
        self.assertIn('<img src="http://evil.example/x.png"', text)
        for hidden in ("\0", "\x1b", "\u202e"):
            self.assertNotIn(hidden, text)

    def test_these_tests_can_fail(self):
        """The same page with markup in it: without the policy the browser asks and obeys, with it neither."""
        html = (self.dir / "plain.html").read_text()
        with tempfile.TemporaryDirectory(prefix="rehost-html-") as other:
            page = pathlib.Path(other) / "leaky.html"
            page.write_text(without_policy(html).replace("<main>", "<main>" + MARKUP))
            self.assertIn("http://evil.example/x.png", self.browser.open(page))
            self.assertEqual(self.browser.ask("return document.title"), "owned")
            self.assertEqual(self.browser.ask("return document.querySelectorAll('img, script, #injected').length"), 3)
            page.write_text(html.replace("<main>", "<main>" + MARKUP))
            self.browser.open(page)
            self.assertNotEqual(self.browser.ask("return document.title"), "owned", "the policy is the second line")
            self.assertEqual(self.browser.ask("return document.querySelector('img').naturalWidth"), 0)

    def test_the_sections_are_there(self):
        self.browser.open(self.dir / "converted.html")
        headings = self.browser.ask("return [...document.querySelectorAll('h2')].map(e => e.textContent)")
        self.assertEqual(headings, ["What was found", "What changed", "What will happen at boot", "What was left undone", "What comes next",
                                    "Results", "How long it took"])
        self.assertIn("Converted", self.browser.ask("return document.querySelector('.banner').innerText"))
        dead = self.browser.ask("return [...document.querySelectorAll('a')].filter(a => !document.querySelector(a.getAttribute('href'))).length")
        self.assertEqual(dead, 0, "every link leads somewhere in the page")
        self.assertGreater(self.browser.ask("return document.querySelectorAll('pre.diff .add').length"), 0)
        colours = self.browser.ask("return ['.add', '.del'].map(c => getComputedStyle(document.querySelector('pre.diff ' + c)).color)")
        self.assertNotEqual(*colours)
        self.browser.open(self.dir / "hostile.html")
        self.assertIn("Not done: verification", self.browser.ask("return document.querySelector('.banner.bad').innerText"))

    def test_everything_fits_into_its_window(self):
        for page in self.pages:
            self.browser.open(page)
            for width in (320, 700, 1200):
                self.browser.resize(width)
                with self.subTest(f"{page.stem} at {width}"):
                    wide = self.browser.ask("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                    self.assertLessEqual(wide, 0)

    def test_light_dark_and_paper(self):
        self.browser.open(self.dir / "plain.html")
        background = "return getComputedStyle(document.documentElement).backgroundColor"
        self.assertEqual(self.browser.ask(background), "rgb(255, 255, 255)")
        self.browser.emulate(colours="dark")
        self.assertNotEqual(self.browser.ask(background), "rgb(255, 255, 255)")
        self.browser.emulate(media="print", colours="dark")
        self.assertEqual(self.browser.ask(background), "rgb(255, 255, 255)", "paper is white")
        self.assertEqual(self.browser.ask("return getComputedStyle(document.querySelector('nav')).display"), "none")

    def test_colours_can_be_read(self):
        """WCAG 2's contrast of text and what is behind it: 4.5 to 1."""
        self.browser.open(self.dir / "converted.html")
        script = """
          const light = c => { const [r, g, b] = c.match(/[\\d.]+/g).slice(0, 3).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
            return .2126 * r + .7152 * g + .0722 * b; };
          const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (!c.endsWith(', 0)')) return c; } };
          return [...document.body.querySelectorAll('*')].filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())).map(e => {
            const [a, b] = [light(getComputedStyle(e).color), light(behind(e))].sort((x, y) => y - x);
            return [(a + .05) / (b + .05), e.localName + '.' + e.className]; }).sort((x, y) => x[0] - y[0])[0];"""
        for colours in ("light", "dark"):
            self.browser.emulate(colours=colours)
            worst, where = self.browser.ask(script)
            self.assertGreaterEqual(worst, 4.5, f"{colours}: {where}")


if __name__ == "__main__":
    unittest.main()
