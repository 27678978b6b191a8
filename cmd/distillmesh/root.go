package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/spf13/cobra"

	"github.com/distillmesh/distillmesh/node"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
)

// app is what every verb shares.
type app struct {
	*screen
	args     []string // as given
	home     home.Home
	json     bool
	quiet    bool
	logLevel string
	log      *slog.Logger // of everything but run, whose level is configured
}

// execute runs the verb that args name.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{screen: newScreen(stdout, stderr), args: args}
	root := a.rootCommand()
	root.SetArgs(args)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	defer a.libraries()()
	err := root.ExecuteContext(ctx)
	a.finish()
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = api.Fail(api.CodeStopped, "run the same command again to resume", "interrupted")
	}
	a.fail(node.Describe(err))
	return node.Describe(err).Code.ExitCode()
}

func (a *app) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:               "distillmesh",
		Short:             "A mesh of devices that share distilled data sets instead of data or gradients",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
		Args:              noVerb,
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) (err error) {
			if a.log, err = a.logger("warn"); err != nil {
				return err
			}
			a.home, err = home.Find()
			return err
		},
	}
	root.PersistentFlags().StringVar(&a.logLevel, "log-level", "",
		"debug, info, warn or error (default: warn; for run as configured)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return api.Fail(api.CodeUsage, fmt.Sprintf("see '%s --help'", cmd.CommandPath()), "%w", err)
	})
	root.AddCommand(
		a.demoCommand(), a.simulateCommand(), a.initCommand(), a.runCommand(), a.dataCommand(), a.taskCommand(),
		a.distillCommand(), a.publishCommand(),
		a.lsCommand(), a.showCommand(), a.getCommand(), a.rmCommand(), a.gatherCommand(), a.trainCommand(), a.modelsCommand(),
		a.rankCommand(),
		a.peersCommand(), a.statusCommand(), a.doctorCommand(), a.gpuCommand(), a.costCommand(), a.configCommand(),
		a.versionCommand(),
	)
	wrapHelp(root)
	return root
}

// args checks the number of arguments with an error of the usual kind.
func args(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, got []string) error {
		if len(got) < least || len(got) > most {
			return api.Fail(api.CodeUsage, fmt.Sprintf("usage: %s", cmd.UseLine()), "%s takes %s, got %d", cmd.CommandPath(),
				countWords(least, most), len(got))
		}
		return nil
	}
}

func countWords(least, most int) string {
	switch {
	case least == most && most == 0:
		return "no arguments"
	case least == most && most == 1:
		return "one argument"
	case least == most:
		return fmt.Sprintf("%d arguments", most)
	}
	return fmt.Sprintf("%d to %d arguments", least, most)
}

// typos is the largest edit distance at which a verb is suggested.
const typos = 2

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: use, Short: short, Args: noVerb,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	c.AddCommand(children...)
	return c
}

// noVerb is the error for an argument that is no verb of its group.
func noVerb(cmd *cobra.Command, got []string) error {
	if len(got) == 0 {
		return nil
	}
	hint := fmt.Sprintf("see '%s --help'", cmd.CommandPath())
	cmd.SuggestionsMinimumDistance = typos
	if near := cmd.SuggestionsFor(got[0]); len(near) > 0 {
		hint = fmt.Sprintf("did you mean '%s %s'? %s", cmd.CommandPath(), near[0], hint)
	}
	return api.Fail(api.CodeUsage, hint, "unknown verb %q of %s", got[0], cmd.CommandPath())
}

// readFlags adds the flags that every read command takes.
func (a *app) readFlags(c *cobra.Command, ids bool) *cobra.Command {
	c.Flags().BoolVar(&a.json, "json", false, "print one JSON document")
	if ids {
		c.Flags().BoolVarP(&a.quiet, "quiet", "q", false, "print ids only")
	}
	return c
}

// connect reaches the node of the home.
func (a *app) connect(ctx context.Context) (api.Conn, error) {
	return node.Connect(ctx, a.home, a.log)
}

// with runs f on the node of the home and closes the connection.
func (a *app) with(ctx context.Context, f func(c api.Conn) error) error {
	c, err := a.connect(ctx)
	if err != nil {
		return err
	}
	return errors.Join(f(c), c.Close())
}

// logger writes to standard error at the level asked for.
func (a *app) logger(configured string) (*slog.Logger, error) {
	level := a.logLevel
	if level == "" {
		level = configured
	}
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		return nil, api.Fail(api.CodeUsage, "use debug, info, warn or error", "--log-level %q is unknown", level)
	}
	return slog.New(slog.NewTextHandler(a.stderr, &slog.HandlerOptions{Level: l})), nil
}
