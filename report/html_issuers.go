package report

import "slices"

// htmlIssuer is an issuer's name with the certificates that name it. Names are
// all that a result says of issuance; whether a signature verifies is a matter of
// the checks chain/untrusted and chain/wrong-issuer.
type htmlIssuer struct {
	Name string
	// Depth is how many issuers stand above it, at most maxDepth.
	Depth int
	// Parents are the names of those that issued its certificates, where they
	// are not itself.
	Parents []string
	// Own are its certificates, each once however many nodes have it.
	Own []htmlRow
	// Issued are the certificates that name it, its own left out.
	Issued []htmlRow
}

// Open reports whether the list is to be seen at once.
func (i htmlIssuer) Open() bool { return len(i.Issued) <= maxOpen }

// Shown are the certificates that are listed.
func (i htmlIssuer) Shown() []htmlRow { return i.Issued[:min(len(i.Issued), maxIssued)] }

// More counts the certificates that are not listed.
func (i htmlIssuer) More() int { return len(i.Issued) - len(i.Shown()) }

// Count is how many certificates name it.
func (i htmlIssuer) Count() int {
	n := 0
	for _, row := range i.Issued {
		n += row.Count()
	}
	return n
}

// maxDepth is as far as the tree is indented.
const maxDepth = 4

// htmlIssuers returns the tree of issuers, each behind the one that issued it.
// Those that only name each other in a circle come last.
func htmlIssuers(rows []htmlRow) []htmlIssuer {
	t := newIssuerTree(rows)
	t.walk(t.roots())
	for i := range t.issuers {
		t.walk([]int{i})
	}
	return t.out
}

// issuerTree collects issuers in the order they are named, then puts them into
// the order of the tree.
type issuerTree struct {
	issuers []htmlIssuer
	index   map[string]int
	// children are the issuers whose certificates an issuer issued.
	children [][]int
	seen     []bool
	out      []htmlIssuer
}

func newIssuerTree(rows []htmlRow) *issuerTree {
	t := &issuerTree{index: map[string]int{}}
	own := map[string]bool{}
	for _, row := range rows {
		switch {
		case row.SHA256 == "":
		case row.IsCA():
			if !own[row.SHA256] {
				own[row.SHA256] = true
				t.addCA(row)
			}
		default:
			i := t.issuer(row.Issuer)
			t.issuers[i].Issued = append(t.issuers[i].Issued, row)
		}
	}
	t.seen = make([]bool, len(t.issuers))
	t.children = make([][]int, len(t.issuers))
	for i, issuer := range t.issuers {
		for _, p := range issuer.Parents {
			t.children[t.index[p]] = append(t.children[t.index[p]], i)
		}
	}
	return t
}

// addCA adds a certificate that signs others to the issuer it speaks for.
func (t *issuerTree) addCA(row htmlRow) {
	parent := t.issuer(row.Issuer)
	i := t.issuer(row.CommonName)
	t.issuers[i].Own = append(t.issuers[i].Own, row)
	if i != parent && !slices.Contains(t.issuers[i].Parents, row.Issuer) {
		t.issuers[i].Parents = append(t.issuers[i].Parents, row.Issuer)
	}
}

// issuer returns the index of a name.
func (t *issuerTree) issuer(name string) int {
	i, ok := t.index[name]
	if !ok {
		i = len(t.issuers)
		t.index[name] = i
		t.issuers = append(t.issuers, htmlIssuer{Name: name})
	}
	return i
}

func (t *issuerTree) roots() []int {
	var out []int
	for i, issuer := range t.issuers {
		if len(issuer.Parents) == 0 {
			out = append(out, i)
		}
	}
	return out
}

// walk puts out what was not yet seen, each before those it issued. Names can
// be chained as far as somebody likes, so it does not recurse.
func (t *issuerTree) walk(from []int) {
	type step struct{ issuer, depth int }
	var todo []step
	push := func(list []int, depth int) {
		for _, i := range slices.Backward(list) {
			todo = append(todo, step{i, depth})
		}
	}
	push(from, 0)
	for len(todo) > 0 {
		s := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if t.seen[s.issuer] {
			continue
		}
		t.seen[s.issuer] = true
		issuer := t.issuers[s.issuer]
		issuer.Depth = min(s.depth, maxDepth)
		t.out = append(t.out, issuer)
		push(t.children[s.issuer], s.depth+1)
	}
}
