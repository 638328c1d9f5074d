package deploy_test

import (
	"io/fs"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// repositoryFile is the one place that says where the repository is.
const repositoryFile = "repository"

// mentions are the places that are made from it: what stands between two texts of
// a file is the address of the repository, or with short its path alone.
var mentions = []struct {
	file, before, after string
	short               bool
}{
	{file: rulesFile, before: "runbook_url: ", after: "/blob/main/docs/runbook.md#"},
	{file: ruleTestsFile, before: "runbook_url: ", after: "/blob/main/docs/runbook.md#"},
	{file: operatorFile, before: "runbook_url: ", after: "/blob/main/docs/runbook.md#"},
	{file: chartRules, before: "runbook_url: ", after: "/blob/main/docs/runbook.md#"},
	{file: dashboardFile, before: `"url": "`, after: "/blob/main/docs/checks.md#"},
	{file: chartDashboard, before: `"url": "`, after: "/blob/main/docs/checks.md#"},
	{file: "systemd/certaudit.service", before: "Documentation=", after: "/blob/main/docs/deployment.md\n"},
	{file: "systemd/certaudit-textfile.service", before: "Documentation=", after: "/blob/main/docs/deployment.md\n"},
	{file: "../docs/pipelines.md", before: "uses: ", after: "@main", short: true},
	{file: "../docs/pipelines.md", before: "git clone --depth 1 ", after: " /tmp/certaudit\n"},
	{file: "../docs/pipelines.md", before: "- repo: ", after: "\n"},
}

var addressForm = regexp.MustCompile(`^https://[a-z0-9.:-]+(/[A-Za-z0-9._-]+)+$`)

// repository is the address of the repository, as in https://github.com/OWNER/NAME.
func repository(t *testing.T) string {
	t.Helper()
	address, ended := strings.CutSuffix(string(readFile(t, repositoryFile)), "\n")
	if !ended || !addressForm.MatchString(address) {
		t.Fatalf("%s says %q, want one line such as https://github.com/OWNER/NAME", repositoryFile, address)
	}
	return address
}

// pathOf is OWNER/NAME of an address.
func pathOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(u.Path, "/")
}

// mentioning is a file with another address in each of its places.
func mentioning(t *testing.T, file, address string) string {
	t.Helper()
	text := string(readFile(t, file))
	for _, m := range mentions {
		if m.file != file {
			continue
		}
		place := regexp.MustCompile(regexp.QuoteMeta(m.before) + `\S+?` + regexp.QuoteMeta(m.after))
		if !place.MatchString(text) {
			t.Errorf("%s: nothing stands between %q and %q", file, m.before, m.after)
		}
		name := address
		if m.short {
			name = pathOf(t, address)
		}
		text = place.ReplaceAllLiteralString(text, m.before+name+m.after)
	}
	return text
}

func TestMadeFromTheRepositorysAddress(t *testing.T) {
	for _, m := range mentions {
		made(t, m.file, mentioning(t, m.file, repository(t)))
	}
}

// With another address in its one place, the old one stands nowhere.
func TestRepositorysAddressStandsInOnePlace(t *testing.T) {
	old := pathOf(t, repository(t))
	err := filepath.WalkDir("..", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && (entry.Name() == ".git" || name == "../bin") {
			return fs.SkipDir
		}
		name, err = filepath.Rel("../deploy", name)
		if err != nil || !entry.Type().IsRegular() || name == repositoryFile {
			return err
		}
		if strings.Contains(mentioning(t, name, "https://git.example.com/another/place"), old) {
			t.Errorf("%s names the repository %q itself; its place belongs among the mentions", name, old)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
