package cmd

import "testing"

// As a plugin the program knows each of its commands where a text names it.
func TestPluginKnowsItsCommands(t *testing.T) {
	p := &program{plugin: true}
	for _, c := range p.root().Commands() {
		if got, want := p.called("as certaudit "+c.Name()+" does"), "as kubectl certaudit "+c.Name()+" does"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for _, text := range []string{"certaudit finds", "ssh cp-1 sudo certaudit snapshot", "\"kubectl certaudit audit --help\"", "certaudit.yaml"} {
		if got := p.called(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}
