package inventory

import (
	"slices"
	"testing"
)

// What is decoded is added in its order, and a panic is the caller's.
func TestAhead(t *testing.T) {
	var a ahead
	var got []int
	for i := range 200 {
		a.later(1<<16, func() func() { return func() { got = append(got, i) } })
	}
	a.addAll()
	if !slices.IsSorted(got) || len(got) != 200 {
		t.Errorf("added %v", got)
	}
	a.later(1, func() func() { panic("damaged") })
	defer func() {
		if p := recover(); p != "damaged" {
			t.Errorf("the caller is given %v", p)
		}
	}()
	a.addAll()
	t.Error("nothing happens")
}
