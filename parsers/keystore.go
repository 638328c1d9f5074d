package parsers

import (
	"bytes"
	"encoding/asn1"
)

// jksMagic begins a Java key store (sun.security.provider.JavaKeyStore).
const jksMagic = "\xfe\xed\xfe\xed"

// IsKeystore reports whether data is a key store that a password opens: PKCS#12
// or a Java key store.
func IsKeystore(data []byte) bool { return isJKS(data) || isPKCS12(data) }

func isJKS(data []byte) bool { return bytes.HasPrefix(data, []byte(jksMagic)) }

// isPKCS12 looks for the version of a PFX, which is always 3 (RFC 7292, section 4).
func isPKCS12(data []byte) bool {
	return IsDER(data) && bytes.HasPrefix(derContents(data), []byte{asn1.TagInteger, 1, 3})
}
