package cmd_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"certaudit/audit"
)

// The page tells the rules of the signers as the code has them.
func TestSignersPage(t *testing.T) {
	const begin, end = "<!-- signers: made from the code by \"make docs\"; a test keeps it true -->\n", "<!-- /signers -->\n"
	text, err := os.ReadFile("../docs/csr.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatal("docs/csr.md has no section of signers")
	}
	var b strings.Builder
	for _, s := range audit.Signers() {
		subject, usages, accepted := "any, with a common name", "any", "not as client certificates"
		if s.Node {
			subject = "one organization, `system:nodes`; common name `system:node:NAME`"
		}
		if len(s.Required) > 0 {
			usages = fmt.Sprintf("`%s`; allowed with it: `%s`", strings.Join(s.Required, "`, `"), strings.Join(s.Allowed, "`, `"))
		}
		if s.Client {
			accepted = "as client certificates"
		}
		fmt.Fprintf(&b, "\n### %s\n\n| | |\n|---|---|\n", s.Name)
		for _, row := range [][2]string{{"subject", subject}, {"alternative names", string(s.SANs)}, {"usages", usages},
			{"requestor", string(s.Requestor)}, {"approval", s.Approval}, {"the API server accepts it", accepted}, {"source", s.Source}} {
			fmt.Fprintf(&b, "| %s | %s |\n", row[0], row[1])
		}
	}
	page(t, "docs/csr.md", before+begin+b.String()+"\n"+end+after)
}
