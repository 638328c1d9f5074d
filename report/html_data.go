package report

import (
	"slices"
	"strconv"
	"strings"

	"certaudit/audit"
)

// htmlData is what the script of the page builds details from, when somebody
// asks for them. A cluster says the same on every node, so every text is kept
// once, and the rest are indexes into Strings.
type htmlData struct {
	Strings []string `json:"strings"`
	// Fields are the titles of what is said of each certificate.
	Fields []string   `json:"fields"`
	Facts  []htmlFact `json:"facts"`
	// Sets are the requirement rows for one role, profile and version each.
	Sets [][]htmlRequirement `json:"sets"`
	// Findings are what the page says of each; those of several nodes once.
	Findings []htmlFindingData `json:"findings"`
	// More lists, for a group of findings, those that are not in the page.
	More map[int][]int `json:"more"`
	// Places lists findings that are about the same certificate.
	Places [][]int `json:"places"`
	// Partial lists, for the name of a node, the facts that could not be
	// judged there in every case.
	Partial      map[string][]int  `json:"partial"`
	Certificates []htmlCertificate `json:"certificates"`
	// Order are the indexes of Certificates by urgency.
	Order []int `json:"order"`
	// Several says that there are several nodes.
	Several bool `json:"several"`

	index map[string]int
}

// htmlFact says how a fact of the requirement table is shown.
type htmlFact struct {
	fact  audit.Fact
	Label string `json:"label"`
	// Rule says what the values mean.
	Rule string `json:"rule"`
	// All and Any: a certificate that visibly has all, or one, of the values is
	// as required.
	All bool `json:"all"`
	Any bool `json:"any"`
	// Field is the title of what is held against it.
	Field string `json:"field"`
	// Checks judge it.
	Checks []string `json:"checks"`
}

var htmlFacts = []htmlFact{
	{audit.FactCommonName, "common name", "one of", false, true, fieldCommonName, []string{"identity/common-name"}},
	{audit.FactOrganization, "organization", "at least one of", false, true, fieldOrganizations, []string{"identity/organization-missing", "identity/organization-extra"}},
	{audit.FactOrganizationAllowed, "organization", "may be there as well", false, false, fieldOrganizations, []string{"identity/organization-extra"}},
	{audit.FactOrganizationLegacy, "organization", "of an earlier version, may be there", false, false, fieldOrganizations, []string{"identity/organization-extra"}},
	{audit.FactDNSName, "alternative name", "each of", true, false, fieldNames, []string{"identity/san-missing"}},
	{audit.FactIPAddress, "alternative address", "each of", true, false, fieldNames, []string{"identity/san-missing"}},
	{audit.FactUsage, "extended key usage", "each of", true, false, fieldUsages, []string{"usage/extended-key-usage"}},
	{audit.FactIssuer, "issuer", "in the bundle of the first of these that the node has", false, false, fieldIssuer, []string{"chain/wrong-issuer", "chain/untrusted"}},
}

// htmlRequirement is one row of the requirement table.
type htmlRequirement struct {
	Fact     int   `json:"fact"`
	Values   []int `json:"values"`
	Severity int   `json:"severity"`
	Versions int   `json:"versions"`
	Source   int   `json:"source"`
}

// htmlFindingData is one finding. But for Row, all are indexes into Strings.
type htmlFindingData struct {
	Check     int `json:"check"`
	Level     int `json:"level"`
	Reference int `json:"reference"`
	Component int `json:"component"`
	On        int `json:"on"`
	Nodes     int `json:"nodes"`
	Place     int `json:"place"`
	Message   int `json:"message"`
	Ignored   int `json:"ignored"`
	Breaks    int `json:"breaks"`
	Remedy    int `json:"remedy"`
	Steps     int `json:"steps"`
	Folded    int `json:"folded"`
	// Row is the first row it is about, -1 for none.
	Row int `json:"row"`
}

// htmlCertificate is one certificate. Names are short: there may be thousands.
type htmlCertificate struct {
	// Values are those of each field, as indexes into Strings.
	Values [][]int `json:"v"`
	// Expiry is in seconds since 1970, 0 for none.
	Expiry int64 `json:"t"`
	Rank   int   `json:"r"`
	// Set and Place are indexes, -1 for none.
	Set   int `json:"s"`
	Place int `json:"p"`
	// Cells are those of the row, as indexes into Strings, where it is not in the page:
	// level, count of infos, component, type, common name, organizations, names, path,
	// place in it, nodes, issuer, day and time left.
	Cells []int `json:"c,omitempty"`
}

// Fields that something else refers to.
const (
	fieldNode          = "Node"
	fieldCommonName    = "Common name"
	fieldOrganizations = "Organizations"
	fieldNames         = "Alternative names"
	fieldIssuer        = "Issuer"
	fieldUsages        = "Usages"
)

// htmlFields are what is said of a certificate. The script sorts by them, and
// knows some of the titles.
var htmlFields = []struct {
	title  string
	values func(htmlRow) []string
}{
	{"Status", func(r htmlRow) []string { return []string{r.Status} }},
	{fieldNode, func(r htmlRow) []string { return r.on() }},
	{"Component", func(r htmlRow) []string { return []string{r.Component} }},
	{"Type", func(r htmlRow) []string { return []string{r.Type} }},
	{"Role", func(r htmlRow) []string { return []string{r.Role} }},
	{"File", func(r htmlRow) []string { return []string{fileOf(r.Certificate)} }},
	{"Field", func(r htmlRow) []string { return []string{r.Field} }},
	{fieldCommonName, func(r htmlRow) []string { return []string{r.CommonName} }},
	{fieldOrganizations, func(r htmlRow) []string { return r.Organizations }},
	{fieldNames, func(r htmlRow) []string { return slices.Concat(r.DNSNames, r.IPAddresses) }},
	{fieldIssuer, func(r htmlRow) []string { return []string{r.Issuer} }},
	{"Not before", func(r htmlRow) []string { return []string{minute(r.NotBefore)} }},
	{"Not after", func(r htmlRow) []string { return []string{minute(r.NotAfter)} }},
	{fieldUsages, func(r htmlRow) []string { return r.Usages }},
	{"Key", func(r htmlRow) []string { return []string{r.KeyAlgorithm} }},
	{"Serial", func(r htmlRow) []string { return []string{r.Serial} }},
	{"SHA-256", func(r htmlRow) []string { return []string{r.SHA256} }},
	{"Used by", func(r htmlRow) []string { return r.UsedBy }},
}

// fileOf is the path with the line, and the number where there are several.
func fileOf(c audit.Certificate) string {
	if c.Index == 0 {
		return placed(c.Path, c.Line)
	}
	return placed(c.Path, c.Line) + " " + ordinal(c.Index)
}

// on are all nodes of a row.
func (r htmlRow) on() []string {
	if r.nodes == nil {
		return []string{r.Node}
	}
	return r.nodes
}

// newHTMLData has the cells of the rows as well where the page has not all of them.
func newHTMLData(r audit.Result, all htmlRowSet, groups []htmlGroup, cells bool) htmlData {
	d := htmlData{Strings: []string{}, Facts: htmlFacts, Sets: [][]htmlRequirement{}, Findings: make([]htmlFindingData, len(all.findings)), More: map[int][]int{},
		Places: all.places, Partial: map[string][]int{}, Certificates: []htmlCertificate{}, Order: all.byUrgency(), Several: severalNodes(r), index: map[string]int{}}
	for _, f := range htmlFields {
		d.Fields = append(d.Fields, f.title)
	}
	for _, g := range groups {
		for i, f := range g.Items {
			d.Findings[f.Index] = d.finding(f)
			if i >= maxArticles {
				d.More[g.ID] = append(d.More[g.ID], f.Index)
			}
		}
	}
	set := d.requirementSets(r.Nodes)
	for _, row := range all.rows {
		c := htmlCertificate{Rank: row.Rank(), Set: set(row.Node, row.Role), Place: row.place}
		if !row.NotAfter.IsZero() {
			c.Expiry = row.NotAfter.Unix()
		}
		for _, f := range htmlFields {
			values := f.values(row)
			if f.title == fieldNode {
				c.Values = append(c.Values, d.all(values))
			} else {
				c.Values = append(c.Values, d.texts(values))
			}
		}
		if cells {
			c.Cells = d.all(row.cells())
		}
		d.Certificates = append(d.Certificates, c)
	}
	d.addPartial(r.Outcomes)
	return d
}

// cells are the texts of a row, in the order in which the script takes them.
func (r htmlRow) cells() []string {
	infos := ""
	if r.Infos > 0 {
		infos = strconv.Itoa(r.Infos)
	}
	return []string{string(r.Level), infos, r.Who(), r.Type, r.CommonName, strings.Join(briefList(r.Organizations), ", "), r.Names(), r.Path, r.Inside(),
		r.On, r.Issuer, day(r.NotAfter), r.Remaining()}
}

func (d *htmlData) finding(f htmlFinding) htmlFindingData {
	on := ""
	if d.Several {
		on = f.On
	}
	return htmlFindingData{
		Check: d.text(f.Check), Level: d.text(string(f.Level())), Reference: d.text(f.Reference), Component: d.text(f.Component),
		On: d.text(on), Nodes: d.text(f.List()), Place: d.text(findingPlace(f.Finding)), Message: d.text(f.Message), Ignored: d.text(ignoredFor(f.Finding)),
		Breaks: d.text(strings.Join(briefList(f.Breaks), ", ")), Remedy: d.lines(f.Remedy()), Steps: d.lines(strings.Join(f.Steps, "\n")), Folded: d.text(f.Folded()), Row: f.Row,
	}
}

// lines returns the index of a text of several lines, each in its printable form.
func (d *htmlData) lines(s string) int { return d.add(strings.Join(printableLines(s), "\n")) }

// all returns the indexes of values, be they empty or many.
func (d *htmlData) all(values []string) []int {
	out := make([]int, len(values))
	for i, v := range values {
		out[i] = d.text(v)
	}
	return out
}

// text returns the index of s in its printable form.
func (d *htmlData) text(s string) int { return d.add(brief(s)) }

// add returns the index of a text that is printable.
func (d *htmlData) add(s string) int {
	i, ok := d.index[s]
	if !ok {
		i = len(d.Strings)
		d.index[s] = i
		d.Strings = append(d.Strings, s)
	}
	return i
}

// texts returns the indexes of those values that are not empty.
func (d *htmlData) texts(values []string) []int {
	out := []int{}
	for _, v := range briefList(nonEmpty(values...)) {
		out = append(out, d.text(v))
	}
	return out
}

// requirementSets returns a function that gives the set for a role on a node.
func (d *htmlData) requirementSets(nodes []audit.Node) func(node, role string) int {
	type table struct{ profile, version string }
	tableOf := map[string]table{}
	sets := map[table]map[string]int{}
	for _, n := range nodes {
		t := table{n.Profile, n.KubernetesVersion}
		tableOf[n.Name] = t
		if sets[t] == nil {
			sets[t] = d.addSets(audit.DefaultRequirements().Select(t.profile, t.version))
		}
	}
	return func(node, role string) int {
		if i, ok := sets[tableOf[node]][role]; ok {
			return i
		}
		return -1
	}
}

// addSets adds one set for each role of rows.
func (d *htmlData) addSets(rows []audit.Requirement) map[string]int {
	sets := map[string]int{}
	for _, r := range rows {
		i, ok := sets[r.Role]
		if !ok {
			i, sets[r.Role] = len(d.Sets), len(d.Sets)
			d.Sets = append(d.Sets, nil)
		}
		d.Sets[i] = append(d.Sets[i], htmlRequirement{
			Fact:   slices.IndexFunc(htmlFacts, func(f htmlFact) bool { return f.fact == r.Fact }),
			Values: d.texts(r.Values), Severity: d.text(string(r.Severity)), Versions: d.text(r.Versions()), Source: d.text(r.Source),
		})
	}
	return sets
}

// addPartial notes which facts were not judged everywhere on a node.
func (d *htmlData) addPartial(outcomes []audit.Outcome) {
	for _, o := range outcomes {
		if !isPartial(o) {
			continue
		}
		for i, f := range htmlFacts {
			node := printable(o.Node)
			if slices.Contains(f.Checks, o.Check) && !slices.Contains(d.Partial[node], i) {
				d.Partial[node] = append(d.Partial[node], i)
			}
		}
	}
}
