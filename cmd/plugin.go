package cmd

import (
	"regexp"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// name is what users call the program.
func (p *program) name() string {
	if p.plugin {
		return "kubectl " + programName
	}
	return programName
}

// command is a command of the program in a text. Behind the first group it stays as it is:
// another machine runs it, where the program is no plugin, or it is a plugin already.
var command = regexp.MustCompile(`(\bssh \S+ (?:sudo )?|\bkubectl )?\b` + programName + ` (audit|csr|inspect|connections|plan|forecast|diff|logs|serve|snapshot|collect|requirements|checks|demo|version|completion|help|--help)\b`)

// called is a text in which the program is called as users do.
func (p *program) called(text string) string {
	if !p.plugin {
		return text
	}
	return command.ReplaceAllStringFunc(text, func(s string) string {
		m := command.FindStringSubmatch(s)
		if m[1] != "" {
			return s
		}
		return p.name() + " " + m[2]
	})
}

// rename has the help of a command, and of those below it, call the program as users do.
func (p *program) rename(c *cobra.Command) {
	if !c.HasParent() {
		c.Annotations = map[string]string{cobra.CommandDisplayNameAnnotation: p.name()}
	}
	c.Long, c.Example = p.called(c.Long), p.called(c.Example)
	c.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = p.called(f.Usage) })
	for _, below := range c.Commands() {
		p.rename(below)
	}
}
