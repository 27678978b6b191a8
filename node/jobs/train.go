package jobs

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/distillmesh/distillmesh/train/view"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/plan"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// TrainResult is a trained model as the node keeps it.
type TrainResult struct {
	operations.ModelInfo
	Steps   int  `json:"steps"`
	Resumed bool `json:"resumed"`
	// Recipe is how a network was trained, and Recommended whether the sets
	// recommend it.
	Recipe      *recipe.Recipe `json:"recipe,omitempty"`
	Recommended bool           `json:"recommended"`
	// Quarantined are sets that were left out, by CID, because others contradict them.
	Quarantined []string `json:"quarantined,omitempty"`
	// Coarse is the factor by which the model reduces the resolution of images; 0 for none.
	Coarse int `json:"coarse,omitempty"`
	// Band is the number of frequency coefficients by which the model sees images; 0 for all.
	Band int `json:"band,omitempty"`
}

// Train merges local sets of a task, trains a model on them in this process,
// evaluates it on registered test data if there are any, and passes it to the
// node. An interrupted training is resumed by the same plan, from the state in
// the folder of the home, if there is a home.
func Train(ctx context.Context, c api.Conn, p plan.Train, h home.Home, report api.Report) (TrainResult, error) {
	fail := func(err error) (TrainResult, error) { return TrainResult{}, err }
	if err := p.Validate(); err != nil {
		return fail(err)
	}
	info, err := operations.ShowTask.Do(ctx, c, operations.TaskRequest{Name: p.Task}, nil)
	if err != nil {
		return fail(err)
	}
	task := info.Task()
	if err := check(p, task); err != nil {
		return fail(err)
	}
	named := len(p.Sets) > 0
	var sets []*artifact.Set
	if p.Sets, sets, err = chooseSets(ctx, c, info, p.Sets); err != nil {
		return fail(err)
	}
	var left []string
	if !named && !p.Trust {
		if p.Sets, sets, left, err = quarantine(ctx, c, info, p.Sets, sets, report); err != nil {
			return fail(err)
		}
	}
	samples, err := artifact.Merge(sets)
	if err != nil {
		return fail(err)
	}
	recipe, recommended, err := follow(&p, task, sets, report)
	if err != nil {
		return fail(err)
	}
	spec, err := parseModel(p.Model, task)
	if err != nil {
		return fail(err)
	}
	test, err := localdata.TestDataFor(ctx, c, info.CID, report)
	if err != nil {
		return fail(err)
	}
	t := training{plan: p, home: h, recipe: recipe, spec: spec}
	kept := t.place(info.CID).Begin(report)
	defer kept.Close()
	trained, resumed, err := t.fit(ctx, samples, kept, report)
	if err != nil {
		return fail(err)
	}
	draft := t.draft(task, trained, samples.Len())
	if draft.Accuracy, err = measureIfAny(ctx, test, trained, report); err != nil {
		return fail(err)
	}
	stored, err := storeModel(ctx, c, info.CID, draft, p.Publish)
	if err != nil {
		return fail(err)
	}
	kept.Done()
	return TrainResult{ModelInfo: stored, Steps: recipe.Steps(samples.Len()), Resumed: resumed, Recipe: draft.Recipe,
		Coarse: recipe.Coarse, Band: recipe.Band, Recommended: recommended && spec.Iterative(), Quarantined: left}, nil
}

// draft is the manifest of a model that was trained on so many samples; its accuracy is still unknown.
func (t training) draft(task *data.Task, trained model.Trained, samples int) artifact.ModelDraft {
	d := artifact.ModelDraft{Task: task, Model: t.plan.Model, Trained: trained, View: view.Of(t.recipe),
		Seed: t.plan.Seed, Sets: t.plan.Sets, Samples: samples, Licence: t.plan.Licence}
	if t.spec.Iterative() {
		d.Recipe, d.Engine = &t.recipe, t.plan.Device.Engine()
	}
	return d
}

// check refuses an invalid plan before any set is read.
func check(p plan.Train, task *data.Task) error {
	probe, err := p.Recipe.Apply(recipe.Default())
	if err == nil {
		err = view.CheckRecipe(probe, task.Shape)
	}
	if err != nil {
		return api.Fail(api.CodeUsage, "leave out the flag", "task %s: %w", task.Name, err)
	}
	if p.Model == AutoModel {
		return nil
	}
	_, err = parseModel(p.Model, task)
	return err
}

// follow chooses the model, if it is open, by what the sets were made for, and
// the recipe by what they recommend. It reports whether that recipe is
// unchanged.
func follow(p *plan.Train, task *data.Task, sets []*artifact.Set, report api.Report) (_ recipe.Recipe,
	recommended bool, _ error) {
	if p.Model == AutoModel {
		var consumers []string
		for _, s := range sets {
			consumers = append(consumers, s.Manifest.Consumer)
		}
		why := ""
		p.Model, why = consumerOf(task, consumers)
		report.Note("training %s: %s (--model chooses another)", p.Model, why)
	}
	r := artifact.Recommend(sets)
	if r.Note != "" {
		report.Note("%s (flags of train change it)", r.Note)
	}
	before, own := r.Recipe, r.Own && r.Recipe != recipe.Default()
	changed, err := p.Recipe.Apply(before)
	if err == nil {
		err = changed.Validate()
	}
	if err != nil {
		usual, _ := json.Marshal(before) // numbers and words
		return changed, false, api.Fail(api.CodeUsage,
			fmt.Sprintf("without a flag it is %s: change what goes with yours too", usual),
			"the sets' recipe, changed so: %w", err)
	}
	return changed, own && changed == before, nil
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

// chooseSets reads the requested sets, or all local sets of the task.
func chooseSets(ctx context.Context, c api.Conn, task operations.TaskInfo, asked []string) (roots []string,
	sets []*artifact.Set, _ error) {
	if len(asked) == 0 {
		held, err := operations.HeldSets.Do(ctx, c, operations.TaskRequest{Name: task.CID}, nil)
		if err != nil {
			return nil, nil, err
		}
		if len(held) == 0 {
			return nil, nil, api.Fail(api.CodeNotFound, "see what is announced with 'distillmesh ls --remote', fetch it with "+
				"'distillmesh gather --task "+task.Name+"'", "no set of task %s is here", task.Name)
		}
		asked = held
	}
	return ReadSets(ctx, c, task.Task(), asked)
}

func storeModel(ctx context.Context, c api.Conn, task string, draft artifact.ModelDraft,
	publish bool) (operations.ModelInfo, error) {
	files, err := artifact.WriteModel(draft)
	if err != nil {
		return operations.ModelInfo{}, err
	}
	return operations.AddModel.Do(ctx, c, operations.AddModelRequest{Task: task, Publish: publish}, files, nil)
}
