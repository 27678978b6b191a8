package jobs

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// TrainOptions say what to train, and on what.
type TrainOptions struct {
	Task  string
	Model string   // AutoModel for the one that the sets were made for
	Sets  []string // CIDs of sets that are here; empty for all that are
	Seed  uint64
	// Adjust changes the recipe that the sets recommend, or else the default; nil
	// leaves it as it is.
	Adjust  func(*recipe.Recipe)
	Publish bool
	Licence string
	Workers int
	Home    home.Home // where an interrupted training is kept; its zero value keeps none
}

// TrainResult is a trained model as the node keeps it.
type TrainResult struct {
	operations.ModelInfo
	Steps   int  `json:"steps"`
	Resumed bool `json:"resumed"`
	// Recipe is what a network was trained by, and Recommended whether it is
	// the sets' own.
	Recipe      *recipe.Recipe `json:"recipe,omitempty"`
	Recommended bool           `json:"recommended"`
	// Coarse is the factor of the tiles as which the model sees images; 0: as they are.
	Coarse int `json:"coarse,omitempty"`
}

// Train merges sets of a task that are here, trains a model on them in this
// process, measures it on registered test data when there is some, and hands
// it to the node. An interrupted training is resumed by the same request.
func Train(ctx context.Context, c api.Conn, opt TrainOptions, report api.Report) (TrainResult, error) {
	fail := func(err error) (TrainResult, error) { return TrainResult{}, err }
	info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: opt.Task}, nil)
	if err != nil {
		return fail(err)
	}
	task := info.Task()
	if err := opt.check(task); err != nil {
		return fail(err)
	}
	if opt.Sets, err = chooseSets(ctx, c, info, opt.Sets); err != nil {
		return fail(err)
	}
	sets, err := ReadSets(ctx, c, opt.Sets)
	if err != nil {
		return fail(err)
	}
	samples, err := artifact.Merge(sets)
	if err != nil {
		return fail(err)
	}
	recipe, recommended, err := opt.follow(task, sets, report)
	if err != nil {
		return fail(err)
	}
	spec, err := parseModel(opt.Model, task)
	if err != nil {
		return fail(err)
	}
	test, err := localdata.TestDataFor(ctx, c, info.CID, report)
	if err != nil {
		return fail(err)
	}
	t := training{opt: opt, recipe: recipe, spec: spec}
	kept := t.place(info.CID).Begin(report)
	defer kept.Close()
	trained, resumed, err := t.fit(ctx, samples, kept, report)
	if err != nil {
		return fail(err)
	}
	draft := artifact.ModelDraft{Task: task, Model: opt.Model, Trained: trained, Coarse: recipe.Coarse, Seed: opt.Seed,
		Sets: opt.Sets, Samples: samples.Len(), Licence: opt.Licence}
	if spec.Iterative() {
		draft.Recipe = &recipe
	}
	if draft.Accuracy, err = measureIfAny(ctx, test, trained, report); err != nil {
		return fail(err)
	}
	stored, err := storeModel(ctx, c, info.CID, draft, opt.Publish)
	if err != nil {
		return fail(err)
	}
	kept.Done()
	return TrainResult{ModelInfo: stored, Steps: recipe.Steps(samples.Len()), Resumed: resumed, Recipe: draft.Recipe,
		Coarse: recipe.Coarse, Recommended: recommended && spec.Iterative()}, nil
}

// check is what can be said of the options before any set is read.
func (opt *TrainOptions) check(task *data.Task) error {
	if opt.Adjust != nil {
		probe := recipe.Default()
		opt.Adjust(&probe)
		if err := probe.CheckSides(task.Shape.H, task.Shape.W); err != nil {
			return api.Fail(api.CodeUsage, "leave out the flag", "task %s: %w", task.Name, err)
		}
	}
	if opt.Model == AutoModel {
		return nil
	}
	_, err := parseModel(opt.Model, task)
	return err
}

// follow fills in the model that was left open, by what the sets were made for,
// and finds the recipe, by what they recommend. It reports whether the recipe is
// theirs, unchanged.
func (opt *TrainOptions) follow(task *data.Task, sets []*artifact.Set, report api.Report) (_ recipe.Recipe,
	recommended bool, _ error) {
	if opt.Model == AutoModel {
		var consumers []string
		for _, s := range sets {
			consumers = append(consumers, s.Manifest.Consumer)
		}
		why := ""
		opt.Model, why = consumerOf(task, consumers)
		report.Note("training %s: %s (--model chooses another)", opt.Model, why)
	}
	r := artifact.Recommend(sets)
	if r.Note != "" {
		report.Note("%s (flags of train change it)", r.Note)
	}
	recipe, own := r.Recipe, r.Own && r.Recipe != recipe.Default()
	if opt.Adjust == nil {
		return recipe, own, nil
	}
	before := recipe
	opt.Adjust(&recipe)
	if err := recipe.Validate(); err != nil {
		usual, _ := json.Marshal(before) // numbers and words
		return recipe, false, api.Fail(api.CodeUsage,
			fmt.Sprintf("without a flag it is %s: change what goes with yours too", usual),
			"the sets' recipe, changed so: %w", err)
	}
	return recipe, own && recipe == before, nil
}

// parseModel finds the model by name for the task's shape.
func parseModel(name string, task *data.Task) (*model.Spec, error) {
	spec, err := model.Parse(name, task.Shape, len(task.Classes))
	if err != nil {
		names := model.Names
		if task.IsTable() {
			names = model.TableNames
		}
		return nil, api.Fail(api.CodeUsage, "choose auto, "+names+" with --model", "%w", err)
	}
	return spec, nil
}

// chooseSets resolves the sets asked for, or takes all that are here, in the
// order of their CIDs.
func chooseSets(ctx context.Context, c api.Conn, task operations.TaskInfo, asked []string) ([]string, error) {
	held, err := operations.HeldSets.Do(ctx, c, operations.TaskRequest{Name: task.CID}, nil)
	if err != nil {
		return nil, err
	}
	if len(asked) == 0 {
		if len(held) == 0 {
			return nil, api.Fail(api.CodeNotFound,
				"see what is announced with 'distillmesh ls --remote', fetch it with 'distillmesh gather --task "+
					""+task.Name+"'", "no set of task %s is here", task.Name)
		}
		return held, nil
	}
	out := slices.Clone(asked)
	for i, name := range out {
		content, _, err := operations.Read.Do(ctx, c, operations.RootRequest{CID: name}, nil)
		if err != nil {
			return nil, err
		}
		out[i] = content.CID
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

func storeModel(ctx context.Context, c api.Conn, task string, draft artifact.ModelDraft,
	publish bool) (operations.ModelInfo, error) {
	files, err := artifact.WriteModel(draft)
	if err != nil {
		return operations.ModelInfo{}, err
	}
	return operations.AddModel.Do(ctx, c, operations.AddModelRequest{Task: task, Publish: publish}, files, nil)
}
