package parsers

import (
	"encoding/json"
	"errors"
	"testing"
	"time"
)

func TestJSONError(t *testing.T) {
	type part struct {
		Count int             `json:"count"`
		Share float64         `json:"share"`
		On    bool            `json:"on"`
		List  []string        `json:"list"`
		Words map[string]bool `json:"words"`
		At    time.Time       `json:"at"`
	}
	for text, want := range map[string]string{
		`[]`:                              "it holds a list, expected an object",
		`{"count": "x"}`:                  `its "count" holds a text, expected a whole number`,
		`{"count": 1.5}`:                  `its "count" holds a number, expected a whole number`,
		`{"share": true}`:                 `its "share" holds true or false, expected a number`,
		`{"on": 1}`:                       `its "on" holds a number, expected true or false`,
		`{"list": {}}`:                    `its "list" holds an object, expected a list`,
		`{"list": [1]}`:                   `its "list" holds a number, expected a text`,
		`{"words": 3}`:                    `its "words" holds a number, expected an object`,
		`{"at": "yesterday"}`:             `"yesterday" is no time, expected one such as 2027-01-31T15:04:05Z`,
		`{"at": 3}`:                       `it holds another value where a time is expected, such as "2027-01-31T15:04:05Z"`,
		`{"at": "2027-01-31T00:00:00Z"}`:  "",
		`{`:                               "unexpected end of JSON input",
		`{"list": [}`:                     "invalid character '}' looking for beginning of value",
		`{"count": 99999999999999999999}`: `its "count" holds a number, expected a whole number`,
	} {
		var p part
		got := ""
		if err := JSONError(json.Unmarshal([]byte(text), &p)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if err := errors.New("x"); JSONError(err) != err {
		t.Error("another error was changed")
	}
}
