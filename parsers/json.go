package parsers

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// JSONError words an error of encoding/json for the author of a document: without the
// types of this program, and with the field where it is known. Any other error, and nil,
// it returns as it is.
func JSONError(err error) error {
	var wrong *json.UnmarshalTypeError
	var noTime *time.ParseError
	switch {
	case errors.As(err, &wrong):
		where := "it"
		if wrong.Field != "" {
			where = fmt.Sprintf("its %q", Clip(wrong.Field, maxShown))
		}
		value, _, _ := strings.Cut(wrong.Value, " ") // "number -1" is told by its value
		return fmt.Errorf("%s holds %s, expected %s", where, jsonValues[value], jsonWords(wrong.Type))
	case errors.As(err, &noTime):
		return fmt.Errorf("%q is no time, expected one such as 2027-01-31T15:04:05Z", Clip(strings.Trim(noTime.Value, `"`), maxShown))
	case err != nil && strings.HasPrefix(err.Error(), "json: "):
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	case err != nil && strings.Contains(err.Error(), "Time.UnmarshalJSON"):
		return errors.New("it holds another value where a time is expected, such as \"2027-01-31T15:04:05Z\"")
	}
	return err
}

// jsonValues are the words of encoding/json for values.
var jsonValues = map[string]string{
	"string": "a text", "number": "a number", "bool": "true or false", "array": "a list", "object": "an object",
}

// jsonWords say what a document holds for a type of Go.
func jsonWords(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "a text"
	}
	return "an object"
}
