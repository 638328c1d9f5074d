package cmd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"certaudit/parsers"
)

// flagError words an error about the flags of a command for somebody who does not know Go.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, "--"+f.Name)
			}
		})
		return errors.New(parsers.Unknown("flag", "--"+unknown.GetSpecifiedName(), names))
	case errors.As(err, &invalid):
		if expected, known := flagTypes[invalid.GetFlag().Value.Type()]; known {
			return fmt.Errorf("%q is nothing that --%s takes: expected %s", parsers.Clip(invalid.GetValue(), maxFlagValue), invalid.GetFlag().Name, expected)
		}
	}
	return err
}

// maxFlagValue is how many bytes of a flag's value an error repeats.
const maxFlagValue = 256

// flagTypes say what a flag takes, by the name that pflag has for its type.
var flagTypes = map[string]string{
	"bool":     "true or false",
	"int":      "a whole number",
	"duration": "a number with its unit, such as 90s, 10m or 2h",
}

// suggested words an error of cobra's in one line: it puts the commands that may be meant
// below.
func suggested(message string) string {
	text, below, found := strings.Cut(message, "\n\nDid you mean this?\n")
	if !found {
		return message
	}
	var meant []string
	for name := range strings.FieldsSeq(below) {
		meant = append(meant, fmt.Sprintf("%q", name))
	}
	return fmt.Sprintf("%s (did you mean %s?)", text, strings.Join(meant, " or "))
}

// helpCommand is the help command; cobra's own takes any words and succeeds.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Print the help of a command",
		RunE: func(c *cobra.Command, args []string) error {
			about, left, err := c.Root().Find(args)
			if err != nil || len(left) > 0 {
				return fmt.Errorf("%s; \"%s --help\" lists them", parsers.Unknown("command", strings.Join(args, " "), commandNames(c.Root())), c.Root().CommandPath())
			}
			about.InitDefaultHelpFlag()
			about.InitDefaultVersionFlag()
			return about.Help()
		},
	}
}

func commandNames(c *cobra.Command) []string {
	var names []string
	for _, sub := range c.Commands() {
		names = append(names, sub.Name())
	}
	return names
}

// noArguments is for a command that takes none.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%q: %s takes no arguments", parsers.Clip(args[0], maxFlagValue), c.CommandPath())
	}
	return nil
}

// arguments is for a command that takes so many.
func arguments(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch n := len(args); {
		case n < least:
			return fmt.Errorf("%s is missing; the usage is %s", []string{"an argument", "the second argument"}[min(n, 1)], c.UseLine())
		case n > most:
			return fmt.Errorf("%q is one argument too many; the usage is %s", parsers.Clip(args[most], maxFlagValue), c.UseLine())
		}
		return nil
	}
}

// helpOf says where the help of a command is.
func helpOf(c *cobra.Command) string {
	of := "flags"
	if c.HasAvailableSubCommands() {
		of = "commands and flags"
	}
	return fmt.Sprintf("Run \"%s --help\" for the %s.", c.CommandPath(), of)
}
