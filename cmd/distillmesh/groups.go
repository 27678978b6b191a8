package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroup is some flags of a verb under a title.
type flagGroup struct {
	title string
	names []string
}

// helpWidth is the width to which the usage of flags is wrapped.
const helpWidth = 110

// groupFlags shows a verb's flags in groups; those of none stand last.
func groupFlags(c *cobra.Command, groups []flagGroup) {
	c.SetUsageFunc(func(c *cobra.Command) error {
		out := c.OutOrStderr()
		fmt.Fprintf(out, "Usage:\n  %s\n", c.UseLine())
		var shown []string
		for _, g := range groups {
			set := pflag.NewFlagSet("", pflag.ContinueOnError)
			set.SortFlags = false
			for _, name := range g.names {
				if f := c.Flags().Lookup(name); f != nil {
					set.AddFlag(f)
				}
			}
			shown = append(shown, g.names...)
			fmt.Fprintf(out, "\n%s:\n%s", g.title, set.FlagUsagesWrapped(helpWidth))
		}
		rest := pflag.NewFlagSet("", pflag.ContinueOnError)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !slices.Contains(shown, f.Name) {
				rest.AddFlag(f)
			}
		})
		fmt.Fprintf(out, "\nOther:\n%s", rest.FlagUsagesWrapped(helpWidth))
		return nil
	})
}

// helpTopics makes '--help TOPIC' show a verb's help on a topic, and the usual help
// for an unknown topic or none.
func helpTopics(c *cobra.Command, topic func(word string) (text string, ok bool)) {
	usual := c.HelpFunc()
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		for _, word := range append(args, c.Flags().Args()...) {
			if strings.HasPrefix(word, "-") {
				continue
			}
			if text, ok := topic(word); ok {
				fmt.Fprint(c.OutOrStdout(), text)
				return
			}
		}
		usual(c, args)
	})
}
