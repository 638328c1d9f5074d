package parsers

import (
	"encoding/hex"
	"testing"
)

// TestRC2 has those vectors of RFC 2268, section 5, that use all bits of the key.
func TestRC2(t *testing.T) {
	for _, tt := range []struct{ key, plain, encrypted string }{
		{"ffffffffffffffff", "ffffffffffffffff", "278b27e42e2f0d49"},
		{"3000000000000000", "1000000000000001", "30649edf9be7d2c2"},
		{"88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "2269552ab0f85ca6"},
	} {
		key, _ := hex.DecodeString(tt.key)
		encrypted, _ := hex.DecodeString(tt.encrypted)
		c, err := newRC2(key)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, c.BlockSize())
		c.Decrypt(got, encrypted)
		if hex.EncodeToString(got) != tt.plain {
			t.Errorf("key %s: got %x, want %s", tt.key, got, tt.plain)
		}
	}
	for _, size := range []int{0, 129} {
		if _, err := newRC2(make([]byte, size)); err == nil {
			t.Errorf("a key of %d bytes is taken", size)
		}
	}
}
