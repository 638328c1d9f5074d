package logs

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxPrinted bounds a text that is printed, in bytes.
const maxPrinted = 512

// concealed stands for a secret that is not printed.
const concealed = "xxxxx"

// secret is a form of secrets in texts.
type secret struct {
	// gates are words without which a text has none.
	gates []string
	form  *regexp.Regexp
	keep  string
}

// secrets are the forms: private keys (RFC 7468, and the same in base64 as kubeconfigs
// have it), the headers of RFC 9110 section 11.6.2, JSON Web Tokens (RFC 7519), cookies
// (RFC 6265), tokens for bootstrapping of Kubernetes, keys of kubeadm for the certificates it
// uploads, tokens of GitHub, GitLab, Slack, AWS, Vault and k3s by their beginnings, signed URLs
// of AWS, Google and Azure, and passwords in URLs (RFC 3986, section 3.2.1) and in the sources of
// MySQL. Those that have a name are found by [concealNamed].
var secrets = []secret{
	{[]string{"PRIVATE KEY-----"}, regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?`), "${1}" + concealed},
	{[]string{"LS0tLS1CRUdJTi"}, regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]*`), concealed},
	{[]string{"uthorization", "UTHORIZATION"}, regexp.MustCompile(`(?i)(\bauthorization\\*["']?\s*[:=]\s*\[?\\*["']?(?:(?:bearer|basic|token|digest|negotiate|aws4-hmac-sha256) +)?)[^\s"'\\,]{8,}(?:, ?\w+=\\*"?[^\s"'\\,]+)*`), "${1}" + concealed},
	// Behind the word alone there may as well be the rest of a sentence: Basic Constraints.
	{[]string{"earer ", "asic ", "EARER ", "ASIC "}, regexp.MustCompile(`(?i)(\b(?:bearer|basic) +)(?-i:[A-Za-z0-9+/._~-]*(?:[0-9+/._~=]|[a-z][A-Z]|[A-Z]{2})[A-Za-z0-9+/=._~-]{4,}|[A-Za-z]{8,}=+)`), "${1}" + concealed},
	{[]string{"ookie", "OOKIE"}, regexp.MustCompile(`(?i)(cookie\\*["']?\s*[:=]\s*\[?\\*["']?)[^\s"'\\=;]+=[^\s"'\\;]*(?:; *[^\s"'\\;]+)*`), "${1}" + concealed},
	{[]string{"eyJ"}, regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}`), concealed},
	{[]string{"."}, regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), concealed},
	{[]string{"ertificate"}, regexp.MustCompile(`(?i)(certificate[-_ ]?key\\*["']?(?:\s*[:=]\s*|\s+)\\*["']?)[0-9a-f]{32,}`), "${1}" + concealed},
	{[]string{"gh", "glpat-", "xox", "AKIA", "ASIA", "hvs."}, regexp.MustCompile(`\b(?:gh[oprsu]_[A-Za-z0-9]{10,}|github_pat_\w{10,}|glpat-[\w-]{10,}|xox[a-z]-[\w-]{10,}|(?:AKIA|ASIA)[0-9A-Z]{16}\b|hvs\.[\w-]{10,})`), concealed},
	{[]string{"K10"}, regexp.MustCompile(`\bK10[0-9a-f]{64}::[^\s"'\\]+`), concealed},
	{[]string{"ignature", "redential", "sig=", "code="}, regexp.MustCompile(`(?i)(x-(?:amz|goog)-(?:signature|credential)\\*["']?[:=]\s?\\*["']?|\b(?:signature|credential)=|(?:[?&]|u0026)sig=)[^\s"'\\,;&)\]}]{4,}|((?:[?&]|u0026)code=)[^\s"'\\,;&)\]}]{8,}`), "${1}${2}" + concealed},
	{[]string{"-u", "-U"}, regexp.MustCompile(`((?:^|[\s"'(\[,])(?:-[uU] ?|--(?:proxy-)?user(?:=| +)|(?:-[uU]|--user)",")\\*["']?[^\s"':\\]*[^\s"':\\0-9][^\s"':\\]*:)[^\s"'\\]+`), "${1}" + concealed},
	{[]string{"@"}, regexp.MustCompile(`(https?://)[^/?#@:\s"'\\]{16,}:[^/?#\s"'\\]*@`), "${1}" + concealed + "@"},
	{[]string{"@"}, regexp.MustCompile(`(://[^/?#@:\s]*):[^/?#\s"'\\]*@`), "${1}:" + concealed + "@"},
	{[]string{"@"}, regexp.MustCompile(`(https?://)[^/?#@:\s"'\\]+@|(\w://)[^/?#@:\s"'\\]{16,}@`), "${1}${2}" + concealed + "@"},
	{[]string{"@tcp(", "@unix("}, regexp.MustCompile(`([^\s"':/@\\]+):[^\s"'@\\]*@(tcp|unix)\(`), "${1}:" + concealed + "@${2}("},
}

// named are words of the names of secrets, in small letters and capitals.
var named = []string{"oken", "OKEN", "assw", "ASSW", "assphrase", "ASSPHRASE", "ecret", "ECRET", "key-data", "KeyData", "pi-key", "pi-Key", "pi_key", "pikey", "piKey", "API_KEY", "APIKEY", "ccess_key", "ccess-key", "ccessKey", "CCESS_KEY", "pwd", "Pwd", "PWD"}

// namedValue is a name of a secret and what stands between it and the value: a colon, an
// equals sign, the word is, the field value of a variable of a container, or behind an option a
// blank. Its groups are the dashes of an
// option, the word, the rest of the name, what stands between, and the quote.
var namedValue = regexp.MustCompile(`(?i)(--?[\w-]*)?(token|passwd|password|passphrase|pwd|secret|key-?data|api[-_]?key|access[-_]?key)([\w-]*)(\\*["']?,?\s{0,8}\\*["']?value\\*["']?\s?[:=]\s?|\\*["']?\s{0,8}(?:[:=]|\\+u003d)\s{0,8}|\s+is\s+|\\*["'],\s?|\s+)(\\*["'])?`)

// harmlessNames end the names of what is said of a secret and is none.
var harmlessNames = []string{"file", "path", "dir", "name", "namespace", "hash", "ttl", "auth", "type", "url", "uri", "endpoint", "expiration", "seconds", "ref", "count", "length", "version", "verification", "policy", "issuer", "audience", "audiences", "mount", "lookup", "controller"}

// noValues stand where there is no secret.
var noValues = []string{"true", "false", "nil", "<nil>", "null", "none"}

// proseWords follow the name of a secret in sentences.
var proseWords = []string{"", "a", "an", "and", "are", "argument", "at", "authentication", "be", "bad", "by", "can", "can't", "cannot", "could", "data", "denied", "does", "eof", "empty", "error", "expired", "failed", "false", "file", "flag", "flags", "for", "forbidden", "from", "get", "has", "if", "in", "incorrect", "invalid", "is", "it", "login", "malformed", "may", "mismatch", "missing", "must", "needs", "nil", "<nil>", "no", "none", "not", "null", "of", "on", "open", "option", "or", "post", "read", "required", "requires", "should", "stat", "store", "that", "the", "to", "too", "true", "unauthorized", "unexpected", "unknown", "unable", "unset", "value", "was", "when", "which", "will", "with", "wrong", "x509", "tls", "you", "your"}

// concealNamed conceals the values of what is named as a secret.
func concealNamed(text string) string {
	var b strings.Builder
	kept := 0
	for from := 0; from < len(text); {
		m := namedValue.FindStringSubmatchIndex(text[from:])
		if m == nil {
			break
		}
		start := from + m[1]
		n := namedSecret{
			option: m[2] >= 0, word: strings.ToLower(text[from+m[4] : from+m[5]]),
			tail: strings.ToLower(text[from+m[6] : from+m[7]]), between: text[from+m[8] : from+m[9]],
		}
		if m[10] >= 0 {
			n.quote = text[from+m[10] : from+m[11]]
		}
		end := start + valueLengthIn(text[start:], n.quote)
		if !n.conceals(text[start:end]) {
			from += m[7] // what follows may be a name itself
			continue
		}
		b.WriteString(text[kept:start])
		b.WriteString(concealed)
		kept, from = end, end
	}
	if kept == 0 {
		return text
	}
	b.WriteString(text[kept:])
	return b.String()
}

// valueLengthIn is how long the value is that a text begins with, behind a quote with its
// backslashes, or none.
func valueLengthIn(text, quote string) int {
	if quote == "" {
		if i := strings.IndexAny(text, " \t\r\n\"',;&)]}"); i >= 0 {
			text = text[:i]
		}
		return len(strings.TrimRight(text, `\`))
	}
	for i := 0; i < len(text); i++ {
		n := strings.IndexByte(text[i:], quote[len(quote)-1])
		if n < 0 {
			break
		}
		i += n
		// A quote of the value itself has more backslashes than the one it began with.
		if value := strings.TrimRight(text[:i], `\`); i-len(value) < len(quote) {
			return len(value)
		}
	}
	return len(text)
}

// namedSecret is a name of a secret before a value.
type namedSecret struct {
	option                     bool
	word, tail, between, quote string
}

// conceals reports whether a value behind the name is a secret.
func (n namedSecret) conceals(value string) bool {
	if value == "" || strings.IndexByte(" ,:{[(&|>*", value[0]) >= 0 {
		return false
	}
	for _, ending := range harmlessNames {
		if strings.HasSuffix(n.tail, ending) {
			return false
		}
	}
	figures := strings.Trim(value, "0123456789") == ""
	if n.word == "pwd" && value[0] == '/' || strings.HasPrefix(n.tail, "s") && figures || slices.Contains(noValues, value) {
		return false
	}
	password := n.word == "pwd" || strings.HasPrefix(n.word, "pass")
	sign := strings.Trim(n.between, "\\\"' \t\r\n")
	if n.quote == "" && sign != "=" && slices.Contains(proseWords, strings.ToLower(strings.TrimRight(value, ":.!"))) {
		return false
	}
	switch {
	case sign == "" || sign == ",": // a blank, or a list of words
		return n.option && value[0] != '-'
	case strings.Contains(strings.ToLower(sign), "value"):
		return true
	case sign == "is":
		return password || n.quote != "" || mixed(value)
	case sign == ":" && n.quote == "":
		// There may as well be the rest of a sentence.
		return !strings.Contains(value, "://") && (password && n.tail == "" && !strings.HasSuffix(value, ":") || mixed(value))
	}
	return true
}

// mixed reports whether a word has a figure, or a capital behind a small letter.
func mixed(word string) bool {
	for i := range len(word) {
		if c := word[i]; c >= '0' && c <= '9' || i > 0 && c >= 'A' && c <= 'Z' && word[i-1] >= 'a' && word[i-1] <= 'z' {
			return true
		}
	}
	return false
}

// Printable returns a text as it may be shown: without secrets, as [withoutSecrets] has it,
// with control characters, invalid UTF-8 and what cannot be seen escaped as in Go, and cut
// to 512 bytes.
func Printable(text string) string {
	// What is longer than this is cut anyway; what begins before it and is a secret shows
	// itself in what is left.
	return visible(withoutSecrets(text[:min(len(text), 8*maxPrinted)]))
}

// withoutSecrets is a text with private keys, tokens, passwords and long base64 replaced. It
// is for lines of logs, of which nobody needs the base64: a certificate in PEM goes as well.
func withoutSecrets(text string) string {
	for _, s := range secrets {
		if containsAny(text, s.gates) {
			text = s.form.ReplaceAllString(text, s.keep)
		}
	}
	if containsAny(text, named) {
		text = concealNamed(text)
	}
	return concealBase64(text)
}

func containsAny(text string, words []string) bool {
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// minBase64 is the length from which base64 is concealed: the shortest private key, an
// Ed25519 key in PKCS #8, has 64 characters, and lines of PEM have as many.
const minBase64 = 44

// concealBase64 conceals long runs of base64. Digests in hexadecimal, paths and words are
// none: they lack the mixture of capitals and figures.
func concealBase64(text string) string {
	var b strings.Builder
	kept := 0
	for i := 0; i < len(text); {
		if !base64Character(text[i]) {
			i++
			continue
		}
		start, capitals, small, figures := i, 0, 0, 0
		for ; i < len(text) && base64Character(text[i]); i++ {
			switch c := text[i]; {
			case c >= 'A' && c <= 'Z':
				capitals++
			case c >= 'a' && c <= 'z':
				small++
			case c >= '0' && c <= '9':
				figures++
			}
		}
		if n := i - start; n >= minBase64 && capitals*8 > n && small*8 > n && figures*24 > n {
			b.WriteString(text[kept:start])
			b.WriteString(concealed)
			kept = i
		}
	}
	if kept == 0 {
		return text
	}
	b.WriteString(text[kept:])
	return b.String()
}

func base64Character(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/'
}

// visible escapes what a terminal would obey or a reader could not see, and cuts.
func visible(text string) string {
	plain := len(text) <= maxPrinted
	for i := 0; plain && i < len(text); i++ {
		plain = text[i] >= ' ' && text[i] < utf8.RuneSelf-1
	}
	if plain {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		shown := text[i : i+size]
		switch {
		case r == utf8.RuneError && size == 1:
			shown = fmt.Sprintf(`\x%02x`, text[i])
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp):
			shown = strconv.QuoteRuneToASCII(r)
			shown = shown[1 : len(shown)-1]
		}
		if b.Len()+len(shown) > maxPrinted-len("…") {
			return b.String() + "…"
		}
		b.WriteString(shown)
		i += size
	}
	return b.String()
}
