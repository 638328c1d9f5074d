package inventory

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzOneValue holds the quick look at a line against encoding/json: what is a value is
// taken for one, and what is taken for one and is none has the same fault to whoever
// reads values that follow one another.
func FuzzOneValue(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"a":[{"b":"}"}]}`, `{"a":"\""}`, `{"a":"\\"}`, `{"a":"\\\"}"}`, `{"a":"` + "\x01" + `"}`, `{"a":[}`, `{"a":{}`, `{"a":}`,
		`{}{}`, `{} x}`, `{]`, `[{}]`, `{"a":1,}`, `{"a" 1}`, `"{}"`, ``, `{`, `}`, `{"`, `{"\`, `{"}`, `{"a":"b}`, `{"a":"b\"}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.TrimSpace(text)
		valid, whole := json.Valid([]byte(text)), isOneValue([]byte(text))
		if valid && strings.HasPrefix(text, "{") && !whole {
			t.Errorf("%q is a value, and is not taken for one", text)
		}
		if valid || !whole {
			return
		}
		var at, streamed json.RawMessage
		want := json.NewDecoder(strings.NewReader(text)).Decode(&streamed)
		if got := json.Unmarshal([]byte(text), &at); want == nil || got == nil || got.Error() != want.Error() {
			t.Errorf("%q: %v where it is taken for a value, else %v", text, got, want)
		}
	})
}
