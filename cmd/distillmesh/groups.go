package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/distillmesh/distillmesh/distill/text"
)

// flagGroup is some flags of a verb under a title.
type flagGroup struct {
	title string
	names []string
}

// helpWidth is the width to which the usage of flags is wrapped.
const helpWidth = 110

// wrapHelp keeps the help of a command and those below it within helpWidth columns.
func wrapHelp(c *cobra.Command) {
	cobra.AddTemplateFunc("paragraphs", paragraphs)
	help := strings.ReplaceAll(c.HelpTemplate(), "(or .Long .Short)}}{{. ", "(or .Long .Short)}}{{. | paragraphs ")
	c.SetHelpTemplate(help)
	wrapped := fmt.Sprintf("Flags.FlagUsagesWrapped %d ", helpWidth)
	c.SetUsageTemplate(strings.ReplaceAll(c.UsageTemplate(), "Flags.FlagUsages ", wrapped))
}

// paragraphs wraps text; a paragraph with an indented line stays as it is.
func paragraphs(s string) string {
	out := strings.Split(s, "\n\n")
	for i, p := range out {
		if !strings.Contains("\n"+p, "\n ") {
			out[i] = text.Wrap(p, helpWidth, "")
		}
	}
	return strings.Join(out, "\n\n")
}

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
func helpTopics(c *cobra.Command, topic func(word string) (help string, ok bool)) {
	usual := c.HelpFunc()
	c.SetHelpFunc(func(c *cobra.Command, args []string) {
		for _, word := range append(args, c.Flags().Args()...) {
			if strings.HasPrefix(word, "-") {
				continue
			}
			if help, ok := topic(word); ok {
				fmt.Fprint(c.OutOrStdout(), help)
				return
			}
		}
		usual(c, args)
	})
}
