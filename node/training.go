package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// checkpointEvery is how many steps lie between two checkpoints.
const checkpointEvery = 500

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
	Home    Home // where an interrupted training is kept; its zero value keeps none
}

// TrainResult is a trained model as the node keeps it.
type TrainResult struct {
	ModelInfo
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
func Train(ctx context.Context, c Conn, opt TrainOptions, report Report) (TrainResult, error) {
	info, err := ShowTask.Do(ctx, c, TaskRequest{opt.Task}, nil)
	if err != nil {
		return TrainResult{}, err
	}
	task := info.Task()
	if opt.Adjust != nil { // whether its parts make sense, before any set is read
		probe := recipe.Default()
		opt.Adjust(&probe)
		if err := probe.CheckSides(task.Shape.H, task.Shape.W); err != nil {
			return TrainResult{}, Fail(CodeUsage, "leave out the flag", "task %s: %w", task.Name, err)
		}
	}
	if opt.Model != AutoModel {
		if _, err := parseModel(opt.Model, task); err != nil {
			return TrainResult{}, err
		}
	}
	if opt.Sets, err = chooseSets(ctx, c, info, opt.Sets); err != nil {
		return TrainResult{}, err
	}
	sets, err := ReadSets(ctx, c, opt.Sets)
	if err != nil {
		return TrainResult{}, err
	}
	samples, err := artifact.Merge(sets)
	if err != nil {
		return TrainResult{}, err
	}
	recipe, recommended, err := opt.follow(task, sets, report)
	if err != nil {
		return TrainResult{}, err
	}
	spec, err := parseModel(opt.Model, task)
	if err != nil {
		return TrainResult{}, err
	}
	test, err := testDataFor(ctx, c, info.CID, report)
	if err != nil {
		return TrainResult{}, err
	}
	run := newRun(opt, recipe, info.CID)
	trained, err := run.fit(ctx, spec, samples, report)
	if err != nil {
		return TrainResult{}, err
	}
	draft := artifact.ModelDraft{Task: task, Model: opt.Model, Trained: trained, Coarse: recipe.Coarse, Seed: opt.Seed, Sets: opt.Sets, Samples: samples.Len(), Licence: opt.Licence}
	if spec.Iterative() {
		draft.Recipe = &recipe
	}
	if draft.Accuracy, err = measureHere(ctx, test, trained, report); err != nil {
		return TrainResult{}, err
	}
	stored, err := storeModel(ctx, c, info.CID, draft, opt.Publish)
	if err != nil {
		return TrainResult{}, err
	}
	run.forget()
	return TrainResult{ModelInfo: stored, Steps: recipe.Steps(samples.Len()), Resumed: run.resume != nil, Recipe: draft.Recipe, Coarse: recipe.Coarse,
		Recommended: recommended && spec.Iterative()}, nil
}

// follow fills in the model that was left open, by what the sets were made for,
// and finds the recipe, by what they recommend. It reports whether the recipe is
// theirs, unchanged.
func (opt *TrainOptions) follow(task *data.Task, sets []*artifact.Set, report Report) (_ recipe.Recipe, recommended bool, _ error) {
	if opt.Model == AutoModel {
		var consumers []string
		for _, s := range sets {
			consumers = append(consumers, s.Manifest.Consumer)
		}
		why := ""
		opt.Model, why = consumerOf(task, consumers)
		report.say(Progress{Note: fmt.Sprintf("training %s: %s (--model chooses another)", opt.Model, why)})
	}
	r := artifact.Recommend(sets)
	if r.Note != "" {
		report.say(Progress{Note: r.Note + " (flags of train change it)"})
	}
	recipe, own := r.Recipe, r.Own && r.Recipe != recipe.Default()
	if opt.Adjust == nil {
		return recipe, own, nil
	}
	before := recipe
	opt.Adjust(&recipe)
	if err := recipe.Validate(); err != nil {
		usual, _ := json.Marshal(before) // numbers and words
		return recipe, false, Fail(CodeUsage, fmt.Sprintf("without a flag it is %s: change what goes with yours too", usual), "the sets' recipe, changed so: %w", err)
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
		return nil, Fail(CodeUsage, "choose auto, "+names+" with --model", "%w", err)
	}
	return spec, nil
}

// chooseSets resolves the sets asked for, or takes all that are here, in the
// order of their CIDs.
func chooseSets(ctx context.Context, c Conn, task TaskInfo, asked []string) ([]string, error) {
	held, err := HeldSets.Do(ctx, c, TaskRequest{task.CID}, nil)
	if err != nil {
		return nil, err
	}
	if len(asked) == 0 {
		if len(held) == 0 {
			return nil, Fail(CodeNotFound, "see what is announced with 'distillmesh ls --remote', fetch it with 'distillmesh gather --task "+task.Name+"'", "no set of task %s is here", task.Name)
		}
		return held, nil
	}
	out := slices.Clone(asked)
	for i, name := range out {
		content, err := Read.Do(ctx, c, RootRequest{name}, nil)
		if err != nil {
			return nil, err
		}
		out[i] = content.CID
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// run is one training with its checkpoint file.
type run struct {
	opt    TrainOptions
	recipe recipe.Recipe
	path   string // empty: keep none
	resume *train.State
}

// newRun finds the checkpoint of the same request: same task, model, sets,
// seed and recipe.
func newRun(opt TrainOptions, recipe recipe.Recipe, task string) *run {
	r := &run{opt: opt, recipe: recipe}
	key, err := json.Marshal([]any{task, opt.Model, opt.Sets, opt.Seed, recipe})
	if opt.Home.Path == "" || err != nil {
		return r
	}
	id, err := artifact.RawCID(key)
	if err != nil {
		return r
	}
	r.path = filepath.Join(opt.Home.Path, "training", id.String()+".safetensors")
	return r
}

func (r *run) fit(ctx context.Context, spec *model.Spec, samples *data.Samples, report Report) (model.Trained, error) {
	options := train.Options{Seed: r.opt.Seed, Device: device.Choice{Workers: r.opt.Workers}, HookEvery: 10, Hook: func(p train.Progress) error {
		report.say(Progress{Stage: "train " + r.opt.Model, Done: int64(p.Step), Total: int64(p.Steps), Unit: "steps"})
		return nil
	}}
	if r.path != "" && spec.Iterative() {
		if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
			return nil, err
		}
		state, err := readState(r.path)
		if err != nil {
			return nil, Fail(CodeFailed, "delete the file to start from the beginning", "resume from %s: %w", r.path, err)
		}
		r.resume = state
		options.Resume = state
		options.CheckpointEvery = checkpointEvery
		options.Checkpoint = patient(ctx, report, func(s train.State) error { return writeState(r.path, s) })
	}
	trained, err := spec.Fit(ctx, samples, r.recipe, options)
	var stopped *train.Interrupted
	if r.path != "" && errors.As(err, &stopped) {
		err = errors.Join(err, writeState(r.path, stopped.State))
	}
	if errors.Is(err, train.ErrDiverged) {
		r.forget() // no state of it leads anywhere else
	}
	return trained, err
}

// forget removes the checkpoint of a finished training.
func (r *run) forget() {
	if r.path != "" {
		os.Remove(r.path) // a leftover only costs space
	}
}

func readState(path string) (*train.State, error) {
	file, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := train.DecodeState(file)
	if err != nil {
		return nil, err
	}
	return &s, nil
}

func writeState(path string, s train.State) error {
	file, err := s.Encode()
	if err != nil {
		return err
	}
	return checkpoint.WriteFile(path, file)
}

// measureHere evaluates a model that was just trained on test data, if there are
// any; what cannot be read is said, and loses no model.
func measureHere(ctx context.Context, test *OpenData, trained train.Classifier, report Report) (*artifact.Measurement, error) {
	if test == nil {
		return nil, nil
	}
	got, err := measure(ctx, test, trained, report)
	if err != nil && ctx.Err() == nil {
		report.say(Progress{Note: fmt.Sprintf("the model is kept, but was not measured: %v", err)})
		return nil, nil
	}
	return got, err
}

func measure(ctx context.Context, local *OpenData, trained train.Classifier, report Report) (*artifact.Measurement, error) {
	test, err := local.TestSamples()
	if err != nil {
		return nil, err
	}
	report.say(Progress{Stage: "evaluate", Total: int64(test.Len()), Unit: "samples"})
	a, err := train.Evaluate(ctx, trained, test)
	if err != nil {
		return nil, err
	}
	return &artifact.Measurement{On: local.Task.Name + " test", Correct: a.Correct, Total: a.Total}, nil
}

func storeModel(ctx context.Context, c Conn, task string, draft artifact.ModelDraft, publish bool) (ModelInfo, error) {
	tree, err := artifact.WriteModel(draft)
	if err != nil {
		return ModelInfo{}, err
	}
	files, err := FilesOf(tree)
	if err != nil {
		return ModelInfo{}, err
	}
	return AddModel.Do(ctx, c, AddModelRequest{Task: task, Publish: publish, Files: files}, nil)
}

// Evaluation is an accuracy of a model on local test data.
type Evaluation struct {
	CID      string                `json:"cid"`
	Model    string                `json:"model"`
	Data     string                `json:"data"`
	Accuracy float64               `json:"accuracy"`
	Measured artifact.Measurement  `json:"measured"`
	Claimed  *artifact.Measurement `json:"claimed,omitempty"`
}

// EvalModel measures a model that is here on the test part of a registered
// data set; without a name, on any of the task.
func EvalModel(ctx context.Context, c Conn, name, dataName string, report Report) (Evaluation, error) {
	content, m, err := ReadModelHere(ctx, c, name)
	if err != nil {
		return Evaluation{}, err
	}
	var local *OpenData
	if dataName != "" {
		local, err = OpenLocal(ctx, c, dataName)
	} else {
		local, err = testDataFor(ctx, c, content.Task, report)
	}
	switch {
	case err != nil:
		return Evaluation{}, err
	case local == nil:
		return Evaluation{}, Fail(CodeUsage, "register some with 'distillmesh data add PATH'", "no registered test data of task %s", m.Manifest.TaskName)
	case local.Entry.Task != content.Task:
		return Evaluation{}, Fail(CodeUsage, "leave out --data for data of its task", "%s is of task %s, the model of %s", dataName, local.Task.Name, m.Manifest.TaskName)
	}
	got, err := measure(ctx, local, m.Trained, report)
	if err != nil {
		return Evaluation{}, err
	}
	return Evaluation{CID: content.CID, Model: m.Manifest.Model, Data: local.Entry.Name, Accuracy: float64(got.Correct) / float64(got.Total),
		Measured: *got, Claimed: m.Manifest.Accuracy}, nil
}

// ReadModelHere reads and verifies a model that is complete on this node.
func ReadModelHere(ctx context.Context, c Conn, name string) (Content, *artifact.Model, error) {
	content, err := Read.Do(ctx, c, RootRequest{name}, nil)
	if err != nil {
		return content, nil, err
	}
	if content.Subject != "model" {
		return content, nil, Fail(CodeUsage, "list models with 'distillmesh models ls'", "%s is not a model", name)
	}
	info, err := ShowTask.Do(ctx, c, TaskRequest{content.Task}, nil)
	if err != nil {
		return content, nil, err
	}
	m, err := artifact.ReadModel(content.Files.FS(), info.Task(), artifact.Limits{})
	return content, m, err
}
