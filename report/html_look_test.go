package report

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// lookedAt is a page of each kind that people see.
type lookedAt struct {
	name   string
	result audit.Result
	paths  []string
}

func lookedAtPages(t *testing.T) []lookedAt {
	t.Helper()
	files := fixtures.ControlPlane(fixtures.Options{}).Node
	dir := t.TempDir()
	if err := files.Write(dir); err != nil {
		t.Fatal(err)
	}
	paths := []string{"etc/kubernetes/pki/etcd", "etc/kubernetes/pki/apiserver.crt"}
	_, rest, err := inventory.GatherPaths(dir, paths, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	logs, told := awkward(), toldLogs()
	logs.Logs = &told
	return []lookedAt{
		{name: "sound", result: auditOf(t, fixtures.ControlPlane(fixtures.Options{}).Node)},
		{name: "broken", result: htmlDemo(t)},
		{name: "fleet", result: auditOf(t, controlPlane(1, ends("/etc/kubernetes/pki/apiserver", 5)), controlPlane(2), worker(1), worker(2, ends(kubeletClient, -3)))},
		{name: "logs", result: logs},
		{name: "paths", result: audit.Run([]*inventory.Inventory{rest}, audit.Options{At: fixtures.Now}), paths: append(paths, strings.Repeat("long", 20))},
		{name: "nothing", result: nothing()},
		{name: "requests", result: audit.Result{Schema: audit.Schema, At: now, Requests: []audit.Request{
			{Name: "jane", CommonName: "jane", Verdict: audit.VerdictReject, Reasons: []string{"csr/usages"}},
			{Name: "node02", CommonName: "system:node:node02", Verdict: audit.VerdictSound},
		}, Findings: []audit.Finding{{Check: "csr/usages", Severity: audit.Critical, Component: "jane", Message: "asks for more than its signer gives"}}, Summary: audit.Summary{Critical: 1}}},
	}
}

// show leads the browser to the page of a result.
func (b *browser) show(r audit.Result, o Options) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "report.html")
	out, err := os.Create(file)
	if err != nil {
		b.t.Fatal(err)
	}
	defer out.Close()
	if err := writeHTML(out, r, o); err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.url = "file://" + file
	b.mu.Unlock()
	b.do(chromedp.Navigate(b.url))
	evaluate[bool](b, settled)
}

// screen is what a page is shown on.
type screen struct {
	name          string
	width, height int64
	scheme, media string
}

func (b *browser) on(s screen) {
	b.t.Helper()
	var options []chromedp.EmulateViewportOption
	if s.width < 700 && s.media == "" {
		options = append(options, chromedp.EmulateMobile)
	}
	b.do(
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: s.media, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: s.scheme}}}),
		chromedp.EmulateViewport(s.width, s.height, options...),
	)
	evaluate[bool](b, settled)
}

// settled is true two frames later: layouts and what observes them are done.
const settled = `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`

// paper is the width of A4 less its margins, in CSS pixels.
const paper = 703

var screens = []screen{
	{"desktop", 1280, 900, "light", ""},
	{"desktop-dark", 1280, 900, "dark", ""},
	{"phone", 390, 844, "light", ""},
	{"phone-dark", 390, 844, "dark", ""},
}

// axe is the checker of accessibility that testdata/axe/README.md names.
func axe(t *testing.T) string {
	t.Helper()
	script, err := os.ReadFile("testdata/axe/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	readme, err := os.ReadFile("testdata/axe/README.md")
	if err != nil {
		t.Fatal(err)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(script)); !strings.Contains(string(readme), sum) {
		t.Fatalf("axe.min.js has the sum %s, which its README.md does not name", sum)
	}
	return string(script)
}

// axeComplaints are the violations that axe-core finds, one for each element.
const axeComplaints = `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.flatMap(v => v.nodes.map(n => v.impact + " " + v.id + " " + n.target.join(" ") + ": " + n.failureSummary)))`

// screenshots is the folder for pictures of the page.
func screenshots(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("CERTAUDIT_SCREENSHOTS")
	if dir == "" {
		return t.TempDir()
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// picture makes one of the whole page, or of what is in view.
func (b *browser) picture(dir, name string, action chromedp.Action[[]byte]) {
	b.t.Helper()
	data, err := chromedp.Run(b.ctx, action)
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// What people see of the page, measured in one browser.
func TestBrowserLook(t *testing.T) {
	b := open(t, nothing())
	for _, part := range []struct {
		name string
		look func(*testing.T, *browser)
	}{
		{"screens", lookAtScreens}, {"tiles", lookAtTiles}, {"print", lookAtPrint}, {"navigation", lookAtNavigation}, {"keyboard", lookAtKeyboard},
		{"scrollers", lookAtScrollers}, {"motion", lookAtMotion}, {"zoom", lookAtZoom},
	} {
		t.Run(part.name, func(t *testing.T) {
			b.t = t
			b.on(screens[0])
			part.look(t, b)
			b.quiet()
		})
	}
}

// Every kind of page, on every kind of screen, and one with what opens opened: axe-core finds nothing,
// nothing is wider than the screen or cut off, and a picture is made of it.
func lookAtScreens(t *testing.T, b *browser) {
	script, dir := axe(t), screenshots(t)
	for _, p := range lookedAtPages(t) {
		b.show(p.result, Options{Paths: p.paths})
		evaluate[bool](b, script+"; true")
		for _, s := range screens {
			b.on(s)
			b.picture(dir, p.name+"-"+s.name, chromedp.FullScreenshot(100))
		}
		if p.name == "broken" {
			evaluate[int](b, `[...document.querySelectorAll("details")].forEach(e => e.open = true) ?? [...document.querySelectorAll(".toggle")].slice(0, 3).forEach(e => e.click()) ?? 0`)
		}
		for _, s := range screens {
			b.on(s)
			if got := evaluate[[]string](b, axeComplaints); len(got) > 0 {
				t.Errorf("%s on %s: axe-core finds %d violations:\n%s", p.name, s.name, len(got), strings.Join(got[:min(len(got), 10)], "\n"))
			}
			b.whole(p.name + " on " + s.name)
		}
	}
}

// cutOff are elements whose content is wider than they are and cannot be scrolled to, and
// the page where it is wider than the screen.
const cutOff = `[...document.querySelectorAll("html, body *")].filter(e => {
  const style = getComputedStyle(e);
  if (e === document.documentElement) return e.scrollWidth > e.clientWidth;
  return style.overflowX !== "visible" && style.overflowX !== "auto" && e.scrollWidth > e.clientWidth;
}).map(e => e.tagName + "." + e.className + " " + e.scrollWidth + " > " + e.clientWidth)`

func (b *browser) whole(about string) {
	b.t.Helper()
	if got := evaluate[[]string](b, cutOff); len(got) > 0 {
		b.t.Errorf("%s: cut off: %s", about, strings.Join(got, "; "))
	}
}

// touching are labels of the timeline that run into the next of their line.
const touching = `[...document.querySelectorAll(".axis text:not(.date)"), ...document.querySelectorAll(".axis .date")]
  .filter(e => e.checkVisibility()).flatMap((e, i, all) => {
    const next = all[i + 1], a = e.getBoundingClientRect(), b = next?.getBoundingClientRect();
    return next && a.top === b.top && a.right + 2 > b.left ? [e.textContent + next.textContent] : [];
  })`

// The tile of the next expiry shows all of its text at every width and on paper.
func lookAtTiles(t *testing.T, b *browser) {
	dir := screenshots(t)
	outside := `[...document.querySelectorAll(".tile, .tile *")].filter(e => {
	  const text = document.createRange(), box = document.querySelector(".tiles").getBoundingClientRect();
	  text.selectNodeContents(e);
	  return e.scrollWidth > e.clientWidth && getComputedStyle(e).display !== "inline" ||
	    [...text.getClientRects()].some(r => r.left < box.left || r.right > box.right || r.bottom > box.bottom);
	}).map(e => e.textContent)`
	for name, r := range map[string]audit.Result{"demo": htmlDemo(t), "crowded": crowded()} {
		b.show(r, Options{})
		for _, width := range []int64{390, 640, 768, 900, 1000, 1024, 1200, 1280, 1400, 1920} {
			b.on(screen{"", width, 900, "light", ""})
			if got := evaluate[[]string](b, outside); len(got) > 0 {
				t.Errorf("at %d pixels the tiles cut off %q", width, got)
			}
			expect(b, touching, []string{})
			b.whole(fmt.Sprint(width, " pixels"))
			b.picture(dir, fmt.Sprintf("%s-%d", name, width), chromedp.CaptureScreenshot())
		}
		b.on(screen{"", paper, 1000, "light", "print"})
		if got := evaluate[[]string](b, outside); len(got) > 0 {
			t.Errorf("on paper the tiles cut off %q", got)
		}
		b.whole("on paper")
	}
}

// The page is printed as a document of some pages.
func lookAtPrint(t *testing.T, b *browser) {
	dir := screenshots(t)
	for _, p := range lookedAtPages(t)[:4] {
		b.show(p.result, Options{})
		pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF())
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(string(pdf), "%PDF-") {
			t.Errorf("%s: printed as %q", p.name, pdf[:min(len(pdf), 20)])
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".pdf"), pdf, 0o644); err != nil {
			t.Fatal(err)
		}
		b.on(screen{"", paper, 1000, "light", "print"})
		b.whole(p.name + " on paper")
		expect(b, `[...document.querySelectorAll(".scroll")].filter(e => e.scrollWidth > e.clientWidth).map(e => e.ariaLabel)`, []string{})
		expect(b, `[...document.querySelectorAll("nav, .skip, .controls, .copy, .scrolls")].filter(e => e.checkVisibility()).length`, 0)
		b.on(screen{"", 1280, 900, "light", ""})
	}
}

// On a phone the sections scroll beside the button, not beneath it.
func lookAtNavigation(t *testing.T, b *browser) {
	b.show(htmlDemo(t), Options{})
	for _, width := range []int64{320, 390, 640, 768, 1280} {
		b.on(screen{"", width, 844, "light", ""})
		expect(b, `(() => { const links = document.querySelector(".links").getBoundingClientRect(), button = document.getElementById("theme").getBoundingClientRect();
			return links.right <= button.left && button.right <= innerWidth && links.width >= 100 })()`, true)
	}
}

// Text of twice the size, and the page at twice the size, lose nothing.
func lookAtZoom(t *testing.T, b *browser) {
	b.show(htmlDemo(t), Options{})
	dir := screenshots(t)
	b.on(screen{"", 640, 450, "light", ""})
	b.whole("the page at 200 %")
	b.do(call(page.SetFontSizes, page.SetFontSizesParams{FontSizes: &page.FontSizes{Standard: 32, Fixed: 26}}))
	b.on(screen{"", 1280, 900, "light", ""})
	expect(b, `getComputedStyle(document.querySelector(".message")).fontSize`, "28px")
	b.whole("text at 200 %")
	b.picture(dir, "text-200", chromedp.CaptureScreenshot()) // that of the whole page is made in the usual size
}

// tabStops presses Tab until an expression about the focused element e is true, and
// returns what was focused before, each with a ring that can be seen.
func (b *browser) tabStops(until string) []string {
	b.t.Helper()
	var stops []string
	for range 300 {
		b.do(chromedp.KeyEvent("\t"))
		s := evaluate[struct {
			Text          string
			End, Ring, Up bool
		}](b, `(() => { const e = document.activeElement, style = getComputedStyle(e), r = e.getClientRects()[0];
			return {Text: (e.getAttribute("aria-label") ?? e.innerText ?? "").trim().split("\n")[0] || e.id, End: `+until+`,
				Ring: style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1,
				Up: e.contains(document.elementFromPoint((r.left + Math.min(r.right, innerWidth)) / 2, (Math.max(0, r.top) + Math.min(r.bottom, innerHeight)) / 2)) || r.height > innerHeight} })()`)
		if !s.Ring || !s.Up {
			b.t.Errorf("the focus on %q: a ring %t, to be seen %t", s.Text, s.Ring, s.Up)
		}
		if s.End {
			return stops
		}
		stops = append(stops, s.Text)
	}
	b.t.Fatalf("no tab stop has %s", until)
	return nil
}

// By keyboard it is not far to the findings, and one step to skip to them.
func lookAtKeyboard(t *testing.T, b *browser) {
	b.show(htmlDemo(t), Options{})
	want := []string{"Skip to the findings", "Skip to the certificates", "Findings", "Plan", "Timeline", "Certificates", "Connections", "Issuers", "Checks", "Dark theme",
		"validity/expired", "keys/mismatch", "usage/extended-key-usage", "validity/expiring", "2026-11-28"}
	if diff := cmp.Diff(want, b.tabStops(`e.closest("#findings") !== null`)); diff != "" {
		t.Errorf("before the first finding (-want +got):\n%s", diff)
	}
	expect(b, `[...document.querySelectorAll("#timeline a:not([tabindex='-1'])")].length === document.querySelectorAll("#timeline .lane:not(.axis)").length`, true)
	b.show(htmlDemo(t), Options{})
	b.do(chromedp.KeyEvent("\t"), chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r"), chromedp.KeyEvent("\t"))
	expect(b, `document.activeElement.id`, "find")
}

// What scrolls says so and is a tab stop; what does not scroll is none.
func lookAtScrollers(t *testing.T, b *browser) {
	b.show(htmlDemo(t), Options{})
	about := `(() => { const e = document.querySelector("#connections .scroll"), hint = e.previousElementSibling;
		return [e.getAttribute("role"), e.getAttribute("aria-label"), e.getAttribute("tabindex") ?? "", hint.checkVisibility() ? hint.textContent : ""] })()`
	expect(b, about, []string{"region", "Graph of connections", "", ""})
	b.on(screen{"", 390, 844, "light", ""})
	expect(b, about, []string{"region", "Graph of connections", "0", "The graph scrolls sideways."})
	b.on(screen{"", 1280, 900, "light", ""})
	expect(b, about, []string{"region", "Graph of connections", "", ""})
}

// Nothing of the page moves by itself, so that who asked for less motion has none.
func lookAtMotion(_ *testing.T, b *browser) {
	b.show(htmlDemo(b.t), Options{})
	b.do(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}}}))
	expect(b, `[...document.querySelectorAll("*")].filter(e => { const s = getComputedStyle(e); return s.animationName !== "none" || s.transitionDuration !== "0s" || s.scrollBehavior !== "auto" }).length`, 0)
}
