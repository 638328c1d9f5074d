package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"certaudit/audit"
	"certaudit/audit/inventory"
	"certaudit/fixtures"
)

// Of the keys by which API servers encrypt no byte is kept, neither in the inventory nor in
// a snapshot or a result; the names are.
func TestEncryptionKeysAreNotKept(t *testing.T) {
	for _, s := range fixtures.ClusterScenarios() {
		if !strings.Contains(s.Name, "encryption-") {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			var all []*inventory.Inventory
			var kept []byte
			for _, n := range s.Nodes() {
				inv := gathered(t, n)
				text, err := json.Marshal(inv)
				do(t, err)
				kept = append(append(kept, text...), snapshotOf(t, inv)...)
				all = append(all, inv)
			}
			result, err := json.Marshal(audit.Run(all, audit.Options{At: fixtures.Now}))
			do(t, err)
			kept = append(kept, result...)
			if bytes.Contains(kept, []byte("rot13")) || bytes.Contains(kept, []byte("key9")) {
				t.Error("something of a provider that is not understood is kept")
			}
			if s.Name != "ok-encryption-nothing" && !bytes.Contains(kept, []byte("aescbc key1")) {
				t.Error("the names of the keys are not kept: the test looks at the wrong thing")
			}
			for _, name := range []string{"key1", "key2", "key3"} {
				if holdsBytes(string(kept), []byte(fixtures.EncryptionSecret(name))) {
					t.Errorf("a run of bytes of the key %q is kept", name)
				}
			}
		})
	}
}
