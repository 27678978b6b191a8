package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/plan"
	"github.com/distillmesh/distillmesh/train/recipe"
	"github.com/distillmesh/distillmesh/train/view"
)

// training is what the flags of train say.
type training struct {
	plan     plan.Train
	recipe   recipe.Recipe // whose fields count where their flag was given
	from     string        // a file with the plan, in place of flags
	onlyPlan bool
}

func (a *app) trainCommand() *cobra.Command {
	t := training{plan: plan.Train{Version: plan.SchemaVersion, Model: jobs.AutoModel}, recipe: recipe.Default()}
	c := &cobra.Command{Use: "train", Short: "Train a model on the sets of a task", Args: args(0, 0), Long: trainLong,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.completePlan(cmd, &t); err != nil {
				return err
			}
			if t.onlyPlan {
				var doc bytes.Buffer
				if err := t.plan.Write(&doc); err != nil {
					return err
				}
				return a.printJSON(doc.Bytes())
			}
			if err := a.settleDevice(&t.plan.Device); err != nil {
				return err
			}
			return a.with(cmd.Context(), func(conn api.Conn) error {
				if conn.Online() && !t.plan.Held && len(t.plan.Sets) == 0 {
					request := operations.GatherRequest{Task: t.plan.Task}
					if _, err := operations.Gather.Do(cmd.Context(), conn, request, a.report); err != nil {
						return err
					}
				}
				var got jobs.TrainResult
				err := a.onDevice(&t.plan.Device, func() (err error) {
					got, err = jobs.Train(cmd.Context(), conn, t.plan, a.home, a.report)
					return err
				})
				if err != nil {
					return err
				}
				return a.showTrained(got)
			})
		}}
	f := c.Flags()
	f.StringVar(&t.plan.Task, "task", "", "the task, by name or CID")
	f.StringVar(&t.plan.Model, "model", t.plan.Model, model.Names+", or auto: what the sets were made for, else lenet")
	f.StringArrayVar(&t.plan.Sets, "set", nil,
		"train on this set (here already); may be repeated (default: all of the task)")
	f.BoolVar(&t.plan.Held, "held", false, "train on what is here, fetch nothing")
	f.BoolVar(&t.plan.Trust, "trust-all", false, "train on sets too that other sets or local samples contradict")
	f.Uint64Var(&t.plan.Seed, "seed", 0, "seed of weights and batches")
	f.BoolVar(&t.plan.Publish, "publish", false, "announce the model to the mesh")
	f.StringVar(&t.from, "plan", "", "train by the plan in this file (- for standard input), as --print-plan writes it")
	f.BoolVar(&t.onlyPlan, "print-plan", false, "print the plan as JSON and train nothing")
	deviceFlags(f, &t.plan.Device)
	bindRecipe(f, &t.recipe)
	groupFlags(c, []flagGroup{
		{"What to train on", []string{"task", "set", "held", "trust-all", "plan", "print-plan"}},
		{"Model and result", []string{"model", "seed", "publish", "json"}},
		{"Where to compute", []string{"device", "workers"}},
		{"Recipe (default: what most sets recommend)", recipeFlags},
		{"Augmentation (part of the recipe)", changeFlags},
	})
	return a.readFlags(c, false)
}

const trainLong = "Train on the sets of a task: fetch what the mesh announces (unless --held or --set), train, " +
	"measure " +
	"on registered test\ndata, keep the model. The recipe is the one that most sets recommend, else the defaults below; " +
	"a flag changes that part of it.\nAn interrupted training resumes when the same command runs again."

// completePlan fills in the plan from a file or from the flags that were given.
func (a *app) completePlan(cmd *cobra.Command, t *training) error {
	if cmd.Flags().Changed("plan") {
		return a.readPlan(cmd, t)
	}
	if t.plan.Task == "" {
		return api.Fail(api.CodeUsage, "list the tasks with 'distillmesh task ls'", "train needs --task")
	}
	var err error
	if t.plan.Recipe, err = patchOf(cmd, t.recipe); err == nil {
		err = t.plan.Recipe.Check() // before anything is fetched
	}
	if err != nil {
		return api.Fail(api.CodeUsage, "see 'distillmesh train --help'", "%w", err)
	}
	cfg, err := a.home.Config()
	if err != nil {
		return err
	}
	t.plan.Licence = cfg.Publish.Licence
	return t.plan.Validate()
}

// readPlan reads the plan that --plan names.
func (a *app) readPlan(cmd *cobra.Command, t *training) (err error) {
	var other []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "plan" && f.Name != "json" && f.Name != "print-plan" && f.Name != "log-level" {
			other = append(other, "--"+f.Name)
		}
	})
	if len(other) > 0 {
		return api.Fail(api.CodeUsage, "change the plan, or leave out --plan",
			"--plan replaces all other flags, but %s was given too",
			strings.Join(other, ", "))
	}
	from := cmd.InOrStdin()
	if t.from != "-" {
		file, err := os.Open(t.from)
		if err != nil {
			return err
		}
		defer file.Close()
		from = file
	}
	t.plan, err = plan.ReadTrain(from)
	var path *fs.PathError
	if errors.As(err, &path) { // a folder, for one
		return api.Fail(api.CodeUsage, "give a file with a plan, or - for standard input", "read the plan: %w", err)
	}
	if err != nil {
		return fmt.Errorf("read the plan %s: %w", t.from, err)
	}
	return nil
}

// bindRecipe adds the flags of a recipe to a flag set; their defaults are the
// values of the recipe.
func bindRecipe(f *pflag.FlagSet, r *recipe.Recipe) {
	f.StringVar(&r.Optimizer, "optimizer", r.Optimizer, "adam or sgd")
	f.Float64Var(&r.LR, "lr", r.LR, "learning rate")
	f.StringVar(&r.Schedule, "schedule", r.Schedule, "learning-rate schedule: cosine, or \"\" for none (default: none)")
	f.Float64Var(&r.Momentum, "momentum", r.Momentum, "momentum of SGD")
	f.Float64Var(&r.WeightDecay, "weight-decay", r.WeightDecay, "weight decay")
	f.IntVar(&r.Batch, "batch", r.Batch, "samples per step")
	f.IntVar(&r.Epochs, "epochs", r.Epochs, "passes over the samples")
	f.IntVar(&r.MinSteps, "min-steps", r.MinSteps, "at least this many steps")
	f.IntVar(&r.MaxSteps, "max-steps", r.MaxSteps, "at most this many steps")
	f.StringVar(&r.Augment, "augment", r.Augment, "random augmentation: "+strings.Join(recipe.Augmentations,
		", ")+" (default: none)")
	f.Float64Var(&r.Elastic, "elastic", r.Elastic,
		"elastic deformation: the largest displacement in pixels (default: none)")
	f.Float64Var(&r.CutMix, "cutmix", r.CutMix,
		"CutMix: the share of steps whose samples get a rectangle of another sample (default: none)")
	f.Float64Var(&r.Smooth, "smooth", r.Smooth,
		"label smoothing: this share of a label is spread over all classes (default: none)")
	f.IntVar(&r.Coarse, "coarse", r.Coarse,
		"evaluate at 1/N resolution (average-pool, then up-sample), as tiles are decoded (default: full resolution)")
	f.IntVar(&r.Band, "band", r.Band,
		"evaluate by the first N frequency coefficients, as images of --pixels dct hold them (default: all)")
}

// Flags of a recipe in groups; each flag is named after its field.
var (
	recipeFlags = []string{"optimizer", "lr", "schedule", "momentum", "weight-decay", "batch", "epochs", "min-steps",
		"max-steps"}
	changeFlags = []string{"augment", "elastic", "cutmix", "smooth", "coarse", "band"}
)

// patchOf is the change of a recipe by those flags that were given.
func patchOf(c *cobra.Command, r recipe.Recipe) (recipe.Patch, error) {
	var fields []string
	for _, name := range slices.Concat(recipeFlags, changeFlags) {
		if c.Flags().Changed(name) {
			fields = append(fields, strings.ReplaceAll(name, "-", "_"))
		}
	}
	return recipe.NewPatch(r, fields...)
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
	case got.Coarse > 0 || got.Band > 0:
		a.tell("%s", viewed(view.View{Coarse: got.Coarse, Band: got.Band}))
	}
	a.tell("%s on %s of %s; accuracy %s", got.Model, count(got.Samples, "sample"), count(got.Sets, "set"),
		accuracy(got.Accuracy))
	return nil
}

// changed lists the augmentation, label smoothing and resolution of a recipe.
func changed(r *recipe.Recipe) string {
	out := ""
	if r.Augment != "" {
		out += ", augmentation " + r.Augment
	}
	if r.Elastic > 0 {
		out += fmt.Sprintf(", elastic deformation up to %g pixels", r.Elastic)
	}
	if r.CutMix > 0 {
		out += fmt.Sprintf(", CutMix in %.0f %% of the steps", 100*r.CutMix)
	}
	if r.Smooth > 0 {
		out += fmt.Sprintf(", label smoothing %g", r.Smooth)
	}
	if v := view.Of(*r); !v.IsNone() {
		out += ", " + viewed(v)
	}
	return out
}

func viewed(v view.View) string {
	if v.Coarse > 0 {
		return fmt.Sprintf("evaluated at 1/%d resolution", v.Coarse)
	}
	return fmt.Sprintf("evaluated by the first %d frequencies", v.Band)
}

func accuracy(m *artifact.Measurement) string {
	if m == nil {
		return "not measured (no test data of the task is registered)"
	}
	return fmt.Sprintf("%.2f %% on %s", 100*float64(m.Correct)/float64(m.Total), m.On)
}
