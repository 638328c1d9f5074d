package inventory

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"

	fastjson "github.com/go-json-experiment/json"

	"certaudit/fixtures"
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

// What the quick decoder makes of a snapshot is what encoding/json makes of it, in every
// scenario; whatever it is not made for is left to encoding/json.
func TestUnmarshalled(t *testing.T) {
	for i, s := range fixtures.Scenarios() {
		if testing.Short() && i%20 > 0 {
			continue
		}
		dir := t.TempDir()
		if err := s.Node().Write(dir); err != nil {
			t.Fatal(err)
		}
		inv, err := Gather(dir)
		if err != nil {
			t.Fatal(err)
		}
		var text bytes.Buffer
		if err := WriteSnapshot(&text, "certaudit", inv); err != nil {
			t.Fatal(err)
		}
		var fast, slow snapshot
		if err := fastjson.Unmarshal(text.Bytes(), &fast, fastjson.RejectUnknownMembers(true)); err != nil {
			t.Errorf("%s is not for the quick decoder: %s", s.Name, err)
		}
		if err := json.Unmarshal(text.Bytes(), &slow); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(fast, slow) {
			t.Errorf("%s is decoded otherwise than by encoding/json", s.Name)
		}
	}
}

// FuzzUnmarshalled holds what is made of any text against encoding/json, errors included.
func FuzzUnmarshalled(f *testing.F) {
	for _, text := range []string{
		`{"schema":"a","inventory":{}}`, `{"schema":"a","schema":"b"}`, `{"Schema":"a"}`, `{"schema":null,"inventory":null}`, `{"schema":"` + "\xff" + `"}`,
		`{"certificates":{"a":"YQ=="}}`, `{"certificates":{"a":"Y\nQ=="}}`, `{"certificates":{"a":"YQ"}}`, `{"certificates":{"a":null,"a":"YQ=="}}`, `{"later":1}`,
		`{"inventory":{"files":{"/a":{"path":"/a","mode":420,"modTime":"2026-01-02T03:04:05Z"}}}}`, `{"inventory":{"files":{"/a":{"modTime":"2026-01-02 3:04"}}}}`,
		`{"inventory":{"files":{"/a":{"mode":-1}}}}`, `{"inventory":{"files":{"/a":{"mode":1.0}}}}`, `{"inventory":{"files":{"/a":{"mode":1e2}}}}`,
		`{"inventory":{"references":[{"component":"a","pair":"b"},null]}}`, `{"inventory":{"materials":{"/a":{"certificates":[{"origin":{"path":"/a"},"index":1,"sha256":"b"}]}}}}`,
		`{"inventory":{"materials":{"/a":{"certificates":[null,{"SHA256":"b"}]}}}}`, `{"inventory":{"references":[]}}`, `{"inventory":[]}`, `[]`, `{`, `{} `, `{}x`, `"`,
	} {
		f.Add([]byte(text))
	}
	room := newSnapshotRoom().(*snapshotRoom) // one for all, as the program has
	f.Fuzz(func(t *testing.T, text []byte) {
		var want snapshot
		wrong := json.Unmarshal(text, &want)
		got, err := room.unmarshalled(text)
		if fmt.Sprint(err) != fmt.Sprint(wrong) {
			t.Fatalf("%q: %v, and encoding/json says %v", text, err, wrong)
		}
		for _, s := range []*snapshot{&got, &want} { // as they are copied out of the room
			if s.Inventory != nil {
				newPool().compact(s.Inventory)
			}
			s.Certificates = maps.Collect(maps.All(s.Certificates))
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q is decoded otherwise than by encoding/json", text)
		}
		room.clear()
	})
}
