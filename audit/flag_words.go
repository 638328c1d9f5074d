package audit

import (
	"regexp"
	"slices"
	"strings"

	"certaudit/audit/inventory"
	"certaudit/parsers"
)

// certificateWords are those by which the name of a flag says that it concerns
// certificates, as flagWords writes them.
var certificateWords = map[string]bool{"ca": true, "cert": true, "key": true, "tls": true, "ssl": true, "kubeconfig": true, "crl": true,
	"x509": true, "pki": true, "mtls": true}

// certificateEndings are those of files that hold certificates, keys or a
// kubeconfig.
var certificateEndings = []string{".crt", ".cer", ".cert", ".pem", ".key", ".kubeconfig"}

// looksLikeCertificate reports whether a flag seems to name a certificate, a key or
// what holds them, by its name or by its value.
func looksLikeCertificate(name, value string) bool {
	return slices.ContainsFunc(flagWords(name), func(word string) bool { return certificateWords[word] }) ||
		slices.ContainsFunc(certificateEndings, func(ending string) bool { return strings.HasSuffix(value, ending) })
}

// glued are the endings that flags have with and without a dash before them:
// --etcd-cafile, --client-ca-file.
var glued = []string{"file", "path", "ca", "cert", "key"}

// flagWords returns the words of a flag's name in one form: "ca" stands for a
// certificate authority however it is written, "cert" for a certificate; that a file
// is meant is left out.
func flagWords(name string) []string {
	var words []string
	for _, part := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		words = append(words, unglued(part)...)
	}
	var out []string
	for _, word := range words {
		last := len(out) - 1
		switch word {
		case "certificate", "certificates", "certs", "crt", "pem":
			word = "cert"
		case "file", "files", "path":
			continue
		}
		switch {
		case word == "authority" && last >= 0 && out[last] == "cert":
			out[last] = "ca" // certificate-authority
		case word == "config" && last >= 0 && out[last] == "kube":
			out[last] = "kubeconfig"
		case word == "cert" && last >= 0 && out[last] == "ca":
			// ca-cert
		default:
			out = append(out, word)
		}
	}
	return out
}

// unglued splits a word that ends in words of their own: "cafile", "cacert".
func unglued(word string) []string {
	for _, ending := range glued {
		front, found := strings.CutSuffix(word, ending)
		if !found || front == "" {
			continue
		}
		if before := unglued(front); slices.Contains(glued, before[len(before)-1]) {
			return append(before, ending)
		}
	}
	return []string{word}
}

// likeness says how far a name is from that of a flag: the words that only one of
// them has, then the edits that make one name of the other.
type likeness struct{ words, edits int }

func (l likeness) less(other likeness) bool {
	return l.words < other.words || l.words == other.words && l.edits < other.edits
}

// maxFlagName bounds the names that are compared; the longest flag has 57 letters.
const maxFlagName = 80

// compareFlags compares names of flags. ok is false for those that have no word in
// common.
func compareFlags(a, b string) (l likeness, ok bool) {
	left := flagWords(b)
	for _, word := range flagWords(a) {
		i := slices.IndexFunc(left, func(other string) bool { return sameWord(word, other) })
		if i < 0 {
			l.words++
			continue
		}
		ok = true
		left = slices.Delete(left, i, i+1)
	}
	l.words += len(left)
	l.edits = parsers.Distance(strings.ToLower(a), b)
	return l, ok
}

// sameWord reports whether two words are one, but for a slip in a longer one.
func sameWord(a, b string) bool {
	shorter := min(len(a), len(b))
	return a == b || shorter >= 4 && parsers.Distance(a, b) <= 1 || shorter >= 8 && parsers.Distance(a, b) <= 2
}

// maxUnlike is how many words a flag may have that another lacks, and the other way
// round, to be proposed in its place.
const maxUnlike = 2

// nearestFlag returns the flag of a program that a name is closest to, of those that
// keep selects.
func nearestFlag(p inventory.Program, name string, keep func(inventory.Flag) bool) (inventory.Flag, bool) {
	var nearest inventory.Flag
	best, found := likeness{words: maxUnlike + 1}, false
	if len(name) > maxFlagName {
		return nearest, false
	}
	for _, f := range p.Flags {
		l, ok := compareFlags(name, f.Name)
		if isSlip(name, f.Name) {
			l.words, ok = 0, true
		}
		if ok && l.less(best) && keep(f) {
			nearest, best, found = f, l, true
		}
	}
	return nearest, found
}

// nearestField returns the field of a component's configuration that one is called
// like, or nearly so, wherever it stands, and the flag that says the same; "" for none.
func nearestField(p inventory.Program, name string) (flag, field string) {
	meant := lastKey(name)
	same := func(field string) bool {
		l, ok := compareFlags(dashed(meant), dashed(lastKey(field)))
		return field != "" && (ok && l.words == 0 || isSlip(strings.ToLower(meant), strings.ToLower(lastKey(field))))
	}
	for _, f := range p.Flags {
		if same(f.Field) {
			return f.Name, f.Field
		}
	}
	for _, f := range p.Fields {
		if f.Kind == p.ConfigKind && same(f.Field) {
			return lastKey(f.Field), f.Field
		}
	}
	return "", ""
}

// newWord matches where a word of a name like tlsCertFile begins.
var newWord = regexp.MustCompile(`([a-z0-9])([A-Z])`)

// dashed writes the name of a field as that of a flag.
func dashed(key string) string { return strings.ToLower(newWord.ReplaceAllString(key, "$1-$2")) }

// isSlip reports whether a name is that of a flag but for a slip or two.
func isSlip(name, flag string) bool {
	n := min(len(name), len(flag))
	return max(len(name), len(flag)) <= n+2 && (n >= 6 && parsers.Distance(name, flag) <= 1 || n >= 9 && parsers.Distance(name, flag) <= 2)
}
