package logs

import (
	"fmt"
	"regexp"
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
// have it), the headers of RFC 9110 section 11.6.2, JSON Web Tokens (RFC 7519), tokens for
// bootstrapping of Kubernetes, values by their names, and passwords in URLs (RFC 3986,
// section 3.2.1).
var secrets = []secret{
	{[]string{"PRIVATE KEY-----"}, regexp.MustCompile(`(-----BEGIN [A-Z ]*PRIVATE KEY-----)[^-]*(-----END [A-Z ]*PRIVATE KEY-----)?`), "${1}" + concealed},
	{[]string{"LS0tLS1CRUdJTi"}, regexp.MustCompile(`LS0tLS1CRUdJTi[A-Za-z0-9+/=_-]*`), concealed},
	{[]string{"uthorization", "earer ", "asic "}, regexp.MustCompile(`(?i)(\bauthorization["']?\s*[:=]\s*\[?["']?(?:bearer |basic )?|\b(?:bearer|basic) )[A-Za-z0-9+/=._~-]{8,}`), "${1}" + concealed},
	{[]string{"eyJ"}, regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,2}`), concealed},
	{named, regexp.MustCompile(`(?i)([\w-]*(?:token|passwd|password|passphrase|secret|key-data|api[-_]?key)["']?(?:=|["']:\s?)["']?)[^\s"',;&)\]}]{4,}`), "${1}" + concealed},
	// Behind a colon alone there may as well be the rest of a sentence: a secret has a figure.
	{named, regexp.MustCompile(`(?i)((?:token|passwd|password|passphrase|secret|key-data|api[-_]?key):\s?)[^\s"',;:&)\]}]*[0-9][^\s"',;&)\]}]*`), "${1}" + concealed},
	{[]string{"."}, regexp.MustCompile(`\b[a-z0-9]{6}\.[a-z0-9]{16}\b`), concealed},
	{[]string{"@"}, regexp.MustCompile(`(://[^/?#@:\s]*):[^/?#@\s]*@`), "${1}:" + concealed + "@"},
}

// named are the names of secrets, in small letters and capitals.
var named = []string{"oken", "OKEN", "assw", "ASSW", "assphrase", "ecret", "ECRET", "key-data", "api-key", "apikey", "api_key", "API_KEY"}

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
