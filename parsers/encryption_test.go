package parsers

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What is public of a configuration is read in its order; of what the API server would
// refuse nothing that may be a secret is kept.
func TestEncryption(t *testing.T) {
	const head = "kind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n"
	key := func(name, secret string) string { return "{name: " + name + ", secret: " + secret + "}" }
	aes, box := "c2VjcmV0IGlzIHNlY3VyZQ==", "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXoxMjM0NTY="
	for name, c := range map[string]struct {
		text  string
		keys  []string
		fault string
	}{
		"all": {head + "  - aescbc: {keys: [" + key("a", aes) + ", " + key("b", aes) + "]}\n  - aesgcm: {keys: [" + key("a", aes) + "]}\n  - secretbox: {keys: [" + key("a", box) + "]}\n" +
			"  - kms: {name: vault, endpoint: unix:///a}\n  - kms: {apiVersion: v2, name: vault, endpoint: unix:///a}\n  - identity: {}\n",
			[]string{"aescbc a", "aescbc b", "aesgcm a", "secretbox a", "kms v1 vault", "kms v2 vault", "identity"}, ""},
		"old kind":     {strings.Replace(head, "Configuration", "Config", 1) + "  - identity: {}\n", []string{"identity"}, ""},
		"exchanged":    {head + "  - aescbc: {keys: [" + key(aes, "a") + "]}\n", nil, "has a key at line 5 without a secret of the right length in base64"},
		"wrong length": {head + "  - secretbox: {keys: [" + key("a", aes) + "]}\n", nil, "has a key at line 5 without a secret of the right length in base64"},
		"unknown":      {head + "  - " + aes + ": {}\n", nil, "has a provider that is not understood at line 5"},
		"two in one":   {head + "  - identity: {}\n    aescbc: {keys: []}\n", nil, "has a provider that is not understood at line 5"},
		"no body":      {head + "  - aescbc:\n", nil, "has a provider that is not understood at line 5"},
		"no list":      {"kind: EncryptionConfiguration\nresources: " + aes + "\n", nil, "has at line 2 what is no list, as it should be"},
		"no providers": {"kind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n", nil, "lacks resources or providers at line 3"},
		"large":        {head + strings.Repeat("  - identity: {}\n", maxEncryption+1), nil, "has more resources or keys, or longer names, than are read"},
	} {
		t.Run(name, func(t *testing.T) {
			docs, problems := ParseDocuments("f", []byte(c.text))
			if len(docs) != 1 || len(problems) > 0 {
				t.Fatalf("%d documents, %v", len(docs), problems)
			}
			e, ok := docs[0].Encryption()
			if !ok || e.Fault != c.fault {
				t.Errorf("fault %q, %v; want %q", e.Fault, ok, c.fault)
			}
			var keys []string
			for _, entry := range e.Entries {
				keys = append(keys, entry.Keys...)
			}
			if diff := cmp.Diff(c.keys, keys); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if docs, _ := ParseDocuments("f", []byte("kind: Config\n")); len(docs) == 1 {
		if _, ok := docs[0].Encryption(); ok {
			t.Error("a kubeconfig is taken for one")
		}
	}
}

// A Node is one of the core API, also in a list as the API server returns it.
func TestNodeObject(t *testing.T) {
	for text, want := range map[string]NodeObject{
		`{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}, "status": {"addresses": [{"type": "InternalIP", "address": "192.0.2.1"}], "nodeInfo": {"kubeletVersion": "v1.34.4"}}}`: {Name: "a", Addresses: []string{"192.0.2.1"}, KubeletVersion: "v1.34.4"},
		`{"metadata": {"name": "a"}, "status": {"nodeInfo": {"kubeletVersion": "v1.34.4"}}}`:                                                                                                    {Name: "a", KubeletVersion: "v1.34.4"},
		`{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "a"}}`:                                                                                                                       {Name: "a"},
		`{"apiVersion": "longhorn.io/v1beta2", "kind": "Node", "metadata": {"name": "a"}}`:                                                                                                      {},
		`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "status": {"nodeInfo": 1}}`:                                                                                             {},
	} {
		docs, _ := ParseDocuments("f", []byte(text))
		got, ok := docs[0].NodeObject()
		got.Origin = Origin{}
		if diff := cmp.Diff(want, got); diff != "" || ok != (want.Name != "") {
			t.Errorf("%s: %v (-want +got):\n%s", text, ok, diff)
		}
	}
}
