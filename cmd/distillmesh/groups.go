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

// topicHelp is the help of a verb on topics of one kind, such as its methods.
type topicHelp struct {
	kind string // also the flag that takes a topic
	show func(word string) (help string, ok bool)
}

// helpTopics makes '--help TOPIC', 'help VERB TOPIC' and '--KIND TOPIC --help' show a
// verb's help on a topic. An unknown topic is named on standard error, above the usual
// help. The arguments are those of the whole command line.
func helpTopics(c *cobra.Command, args []string, t topicHelp) {
	usual := c.HelpFunc()
	c.SetHelpFunc(func(c *cobra.Command, _ []string) {
		maybe, topics := t.words(c, args)
		for _, word := range slices.Concat(topics, maybe) {
			if help, ok := t.show(word); ok {
				fmt.Fprint(c.OutOrStdout(), help)
				return
			}
		}
		if len(topics) > 0 {
			fmt.Fprintf(c.ErrOrStderr(), "no %s %s; the %ss are listed below\n", t.kind, topics[0], t.kind)
		}
		usual(c, nil)
	})
}

// words are the words of a command line that may name a topic, and those that are meant
// to: words after a request for help, and the values of the flag of the topics' kind.
func (t topicHelp) words(c *cobra.Command, args []string) (maybe, topics []string) {
	asked, verb := false, false
	for i := 0; i < len(args); i++ {
		switch arg := args[i]; {
		case arg == "--help" || arg == "-h":
			asked = true
		case strings.HasPrefix(arg, "-"):
			name, value, whole := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if f := lookupFlag(c, name); !whole && f != nil && f.NoOptDefVal == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			if name == t.kind && value != "" {
				topics = append(topics, value)
			}
		case !verb:
			asked = asked || arg == "help"
			verb = arg == c.Name()
		case asked:
			topics = append(topics, arg)
		default:
			maybe = append(maybe, arg)
		}
	}
	return maybe, topics
}

// lookupFlag finds a flag of a verb by its name or its letter; nil where there is none.
func lookupFlag(c *cobra.Command, name string) *pflag.Flag {
	for _, set := range []*pflag.FlagSet{c.Flags(), c.InheritedFlags()} {
		if f := set.Lookup(name); f != nil {
			return f
		}
		if len(name) == 1 && set.ShorthandLookup(name) != nil {
			return set.ShorthandLookup(name)
		}
	}
	return nil
}
