package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

func (a *app) trainCommand() *cobra.Command {
	opt, r := jobs.TrainOptions{Model: jobs.AutoModel}, recipe.Default()
	var held bool
	c := &cobra.Command{Use: "train", Short: "Train a model on the sets of a task", Args: args(0, 0),
		Long: "Train on the sets of a task: fetch what the mesh announces (unless --held or --set), train, measure on registered test\ndata, keep the model. The recipe is the one that most sets recommend, else the defaults below; a flag changes that part of it.\nAn interrupted training resumes when the same command runs again.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.Task == "" {
				return api.Fail(api.CodeUsage, "list the tasks with 'distillmesh task ls'", "train needs --task")
			}
			opt.Adjust = adjustment(cmd)
			probe := recipe.Default() // before anything is fetched
			if cmd.Flags().Changed("momentum") && !cmd.Flags().Changed("optimizer") {
				probe.Optimizer = recipe.SGD // which the sets may recommend
			}
			opt.Adjust(&probe)
			if err := probe.Validate(); err != nil {
				return api.Fail(api.CodeUsage, "see 'distillmesh train --help'", "%w", err)
			}
			cfg, err := a.home.Config()
			if err != nil {
				return err
			}
			opt.Home, opt.Licence = a.home, cfg.Publish.Licence
			return a.with(cmd.Context(), func(conn api.Conn) error {
				if conn.Online() && !held && len(opt.Sets) == 0 {
					if _, err := operations.Gather.Do(cmd.Context(), conn, operations.GatherRequest{Task: opt.Task}, a.report); err != nil {
						return err
					}
				}
				got, err := jobs.Train(cmd.Context(), conn, opt, a.report)
				if err != nil {
					return err
				}
				return a.showTrained(got)
			})
		}}
	f := c.Flags()
	f.StringVar(&opt.Task, "task", "", "the task, by name or CID")
	f.StringVar(&opt.Model, "model", opt.Model, model.Names+", or auto: what the sets were made for, else lenet")
	f.StringArrayVar(&opt.Sets, "set", nil, "train on this set (here already); may be repeated (default: all of the task)")
	f.BoolVar(&held, "held", false, "train on what is here, fetch nothing")
	f.Uint64Var(&opt.Seed, "seed", 0, "seed of weights and batches")
	coresFlag(f, &opt.Workers)
	f.BoolVar(&opt.Publish, "publish", false, "announce the model to the mesh")
	bindRecipe(f, &r)
	return a.readFlags(c, false)
}

// bindRecipe adds the flags that say how to train to a set of flags; their defaults
// are what the recipe holds.
func bindRecipe(f *pflag.FlagSet, r *recipe.Recipe) {
	f.StringVar(&r.Optimizer, "optimizer", r.Optimizer, "adam or sgd")
	f.Float64Var(&r.LR, "lr", r.LR, "learning rate")
	f.StringVar(&r.Schedule, "schedule", r.Schedule, "of the learning rate: cosine, or \"\" for none (default: none)")
	f.Float64Var(&r.Momentum, "momentum", r.Momentum, "momentum of sgd")
	f.Float64Var(&r.WeightDecay, "weight-decay", r.WeightDecay, "weight decay")
	f.IntVar(&r.Batch, "batch", r.Batch, "samples a step")
	f.IntVar(&r.Epochs, "epochs", r.Epochs, "passes over the samples")
	f.IntVar(&r.MinSteps, "min-steps", r.MinSteps, "at least this many steps")
	f.IntVar(&r.MaxSteps, "max-steps", r.MaxSteps, "at most this many steps")
	f.StringVar(&r.Augment, "augment", r.Augment, "change samples at random: "+strings.Join(recipe.Augmentations, ", ")+" (default: none)")
	f.Float64Var(&r.Elastic, "elastic", r.Elastic, "pixels by which parts of a sample move apart at random (default: none)")
	f.Float64Var(&r.CutMix, "cutmix", r.CutMix, "share of the steps whose samples have a rectangle of another sample pasted in")
	f.Float64Var(&r.Smooth, "smooth", r.Smooth, "share of a label that goes to all classes alike (default: none)")
	f.IntVar(&r.Coarse, "coarse", r.Coarse, "view what is classified as tiles of this factor show it: averaged, then up-sampled (default: as it is)")
}

// adjustment sets those parts of a recipe that a command's flags were given for;
// a limit of steps that was not given makes room for one that was.
func adjustment(c *cobra.Command) func(*recipe.Recipe) {
	return func(r *recipe.Recipe) {
		given := c.Flags().Changed
		var parts pflag.FlagSet
		bindRecipe(&parts, r)
		parts.VisitAll(func(part *pflag.Flag) {
			if given(part.Name) {
				_ = part.Value.Set(c.Flags().Lookup(part.Name).Value.String()) // it was read from text like this
			}
		})
		if r.MaxSteps > 0 && given("max-steps") && !given("min-steps") {
			r.MinSteps = min(r.MinSteps, r.MaxSteps)
		}
		if r.MaxSteps > 0 && given("min-steps") && !given("max-steps") {
			r.MaxSteps = max(r.MinSteps, r.MaxSteps)
		}
	}
}

func (a *app) showTrained(got jobs.TrainResult) error {
	a.finish()
	if a.json {
		return a.document(got)
	}
	a.print("%s", got.CID)
	switch how := "trained by"; {
	case got.Recipe != nil:
		if got.Recommended {
			how = "trained as the sets recommend:"
		}
		a.tell("%s %s, %d steps%s", how, got.Recipe.Optimizer, got.Steps, changed(got.Recipe))
	case got.Coarse > 0:
		a.tell("images%s", viewed(got.Coarse))
	}
	a.tell("%s on %s of %s; accuracy %s", got.Model, count(got.Samples, "sample"), count(got.Sets, "set"), accuracy(got.Accuracy))
	return nil
}

// changed says how samples are changed while they are trained on, and read after.
func changed(r *recipe.Recipe) string {
	out := ""
	if r.Augment != "" {
		out += ", augmentation " + r.Augment
	}
	if r.Elastic > 0 {
		out += fmt.Sprintf(", parts moved apart by up to %g pixels", r.Elastic)
	}
	if r.CutMix > 0 {
		out += fmt.Sprintf(", rectangles mixed in %.0f %% of the steps", 100*r.CutMix)
	}
	if r.Smooth > 0 {
		out += fmt.Sprintf(", labels smoothed by %.0f %%", 100*r.Smooth)
	}
	if r.Coarse > 0 {
		out += ", images" + viewed(r.Coarse)
	}
	return out
}

func viewed(factor int) string {
	return fmt.Sprintf(" viewed as %d x %d tiles show them", factor, factor)
}

func accuracy(m *artifact.Measurement) string {
	if m == nil {
		return "not measured (no test data of the task is registered)"
	}
	return fmt.Sprintf("%.2f %% on %s", 100*float64(m.Correct)/float64(m.Total), m.On)
}

func (a *app) modelsCommand() *cobra.Command {
	return group("models", "Models: list, show, evaluate", a.modelsListCommand(), a.modelsShowCommand(), a.modelsEvalCommand())
}

func (a *app) modelsListCommand() *cobra.Command {
	return a.readFlags(&cobra.Command{Use: "ls", Short: "List models here and on the mesh", Args: args(0, 0), RunE: func(cmd *cobra.Command, _ []string) error {
		return a.with(cmd.Context(), func(conn api.Conn) error {
			all, err := operations.Models.Do(cmd.Context(), conn, api.None{}, nil)
			if err != nil {
				return err
			}
			if a.json {
				return a.document(map[string]any{"models": nonNil(all)})
			}
			var rows [][]string
			for _, m := range all {
				if a.quiet {
					a.print("%s", m.CID)
				}
				acc := "-"
				if m.Accuracy != nil {
					acc = fmt.Sprintf("%.2f%%", 100*float64(m.Accuracy.Correct)/float64(m.Accuracy.Total))
				}
				rows = append(rows, []string{short(m.CID), m.TaskName, m.Model, strconv.Itoa(m.Sets), strings.ReplaceAll(size(m.Bytes), " ", ""), acc, yes(m.Here), short(m.Signer)})
			}
			if !a.quiet {
				a.table("CID TASK MODEL SETS BYTES ACCURACY HERE SIGNER", rows)
			}
			return nil
		})
	}}, true)
}

func (a *app) modelsShowCommand() *cobra.Command {
	c := a.showCommand()
	c.Short = "Show a model that is here"
	return c
}

func (a *app) modelsEvalCommand() *cobra.Command {
	dataName := ""
	c := &cobra.Command{Use: "eval CID", Short: "Measure a model on local test data", Args: args(1, 1), RunE: func(cmd *cobra.Command, argv []string) error {
		return a.with(cmd.Context(), func(conn api.Conn) error {
			got, err := jobs.Evaluate(cmd.Context(), conn, argv[0], dataName, a.report)
			if err != nil {
				return err
			}
			a.finish()
			if a.json {
				return a.document(got)
			}
			a.print("%.4f", got.Accuracy)
			a.tell("%s on the test part of %s: %d of %d", got.Model, got.Data, got.Measured.Correct, got.Measured.Total)
			return nil
		})
	}}
	c.Flags().StringVar(&dataName, "data", "", "the registered data set to measure on (default: any of the task)")
	return a.readFlags(c, false)
}
