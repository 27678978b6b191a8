// Package study answers what a group of devices would gain: it distills the parts
// of a split data set by any method, merges what the written sets hold, trains
// any model on it, and puts the result beside random real images of the same
// treatment, federated learning and all the data. It runs the code that nodes
// run, in one process, without a network.
package study

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/auto"
	"github.com/distillmesh/distillmesh/distill/registry"
	"github.com/distillmesh/distillmesh/distill/ridge"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/federated"
	"github.com/distillmesh/distillmesh/train/model"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// ErrPlan is wrapped by every refusal of a plan.
var ErrPlan = errors.New("plan refused")

// Names of what every study contains besides its methods.
const (
	// Random is the control: real samples picked at random.
	Random = "random"
	// All is the bound: training on all data, as if it were in one place.
	All = "all"
)

// Plan is what a study compares. Every combination of a method, a consumer and
// a seed is one run. A seed decides the split, the distillation, the network's
// first values and the order of its batches.
type Plan struct {
	Data  *data.Dataset // with a test part
	Split data.Split    // its seed is the run's
	IPC   int           // stored images per class and client
	// Budget, when not 0, is how many bytes the set of a client may weigh; it
	// decides the images and what they hold, of methods and controls, in place of
	// IPC.
	Budget int64
	// Usual has images that methods learn as a code take what 'distill' takes unasked
	// (auto.UsualBudget), in place of IPC, which holds for the others. It needs Budget 0.
	Usual bool
	// Methods are names of distillation methods and federated strategies, with
	// settings: "dm", "kip:official=true", "fedavg:rounds=5:steps=20".
	Methods   []string
	Consumers []string // names of models: lenet, convnet3:64, ntk:1
	Seeds     int
	Pixels    artifact.PixelType // empty for each method's default
	Formation int                // tiles along a side of a stored image; 0 for the method's default
	// Steps, when not 0, is how many steps a network trains, whatever the sets
	// recommend; it holds for methods and controls.
	Steps int
	// Curve is how many times a training is evaluated on the test set, the last iterate
	// included; at least 1.
	Curve int
	// NoBound leaves out the training on all data.
	NoBound bool
}

// entry is one line of a plan: a method, ridge by statistics, a federated
// strategy, or All.
type entry struct {
	label  string
	method distill.Method    // nil for the others
	stored storage           // how its images are
	pooled *ridge.Ridge      // sent as statistics; nil for the others
	fed    *federated.Config // nil for the others
}

// storage is how a method's images are stored.
type storage struct {
	formation int // 0 for the method's own
	pixels    artifact.PixelType
	usual     bool // in as many bytes as distill takes unasked
}

// entries reads the plan's methods and checks everything that can be checked
// before work begins.
func (p *Plan) entries() ([]entry, error) {
	refuse := func(format string, args ...any) ([]entry, error) {
		return nil, fmt.Errorf("%w: "+format, append([]any{ErrPlan}, args...)...)
	}
	switch {
	case p.Data == nil || p.Data.Test == nil:
		return refuse("the data have no test part")
	case len(p.Methods) == 0 || len(p.Consumers) == 0:
		return refuse("at least one method and one model are needed")
	}
	if err := p.checkNumbers(); err != nil {
		return refuse("%w", err)
	}
	if p.Usual && p.Budget > 0 {
		return refuse("a budget of %d bytes beside the usual ones", p.Budget)
	}
	if p.Pixels != "" {
		if err := p.Pixels.Check(p.Data.Task.Shape); err != nil {
			return refuse("%w", err)
		}
	}
	if err := p.Split.Validate(len(p.Data.Task.Classes)); err != nil {
		return refuse("%w", err)
	}
	for i, name := range p.Consumers {
		if _, err := p.spec(name); err != nil {
			return refuse("%w", err)
		}
		if slices.Contains(p.Consumers[:i], name) {
			return refuse("model %s is listed twice", name)
		}
	}
	var out []entry
	for i, label := range p.Methods {
		if slices.Contains(p.Methods[:i], label) {
			return refuse("method %s is listed twice", label)
		}
		e, err := p.parseEntry(label)
		if err != nil {
			return refuse("%w", err)
		}
		out = append(out, e)
	}
	if !p.NoBound {
		out = append(out, entry{label: All})
	}
	iterative := slices.ContainsFunc(p.Consumers, func(name string) bool {
		spec, err := p.spec(name)
		return err == nil && spec.Iterative()
	})
	if !iterative && !slices.ContainsFunc(out, func(e entry) bool { return e.fed == nil }) {
		return refuse("federated learning needs a network, there is none among %s and no other method",
			strings.Join(p.Consumers, ", "))
	}
	return out, nil
}

// checkNumbers refuses numbers that are too small, and names those alone.
func (p *Plan) checkNumbers() error {
	var wrong []string
	for _, n := range []struct {
		name          string
		number, least int64
	}{{"seeds", int64(p.Seeds), 1}, {"ipc", int64(p.IPC), 1}, {"curve", int64(p.Curve), 1},
		{"steps", int64(p.Steps), 0}, {"budget", p.Budget, 0}} {
		if n.number < n.least {
			wrong = append(wrong, fmt.Sprintf("%s is %d, want at least %d", n.name, n.number, n.least))
		}
	}
	if wrong == nil {
		return nil
	}
	return errors.New(strings.Join(wrong, "; "))
}

// auto is the method that auto chose; empty when auto is not in the plan.
func (p *Plan) auto() string {
	if !slices.Contains(p.Methods, auto.Name) {
		return ""
	}
	a := auto.For(p.Data.Task.Shape)
	return a.Method.Name() + ": " + a.Why
}

// spec is a consumer bound to the task.
func (p *Plan) spec(consumer string) (*model.Spec, error) {
	return model.Parse(consumer, p.Data.Task.Shape, len(p.Data.Task.Classes))
}

// recipe is how networks train on sets that recommend r.
func (p *Plan) recipe(r recipe.Recipe) recipe.Recipe {
	if p.Steps > 0 {
		r.MinSteps, r.MaxSteps = p.Steps, p.Steps
	}
	return r
}

// parseEntry reads NAME:SETTING=VALUE:...
func (p *Plan) parseEntry(label string) (entry, error) {
	name, settings, err := registry.Split(label)
	if err != nil {
		return entry{}, err
	}
	if _, err := federated.Lookup(name); err == nil {
		c, err := federatedConfig(name, settings)
		return entry{label: label, fed: &c}, err
	}
	if name == auto.Name {
		if len(settings) > 0 {
			return entry{}, fmt.Errorf("%w: method auto has no options, it chooses a method with its own", distill.ErrOption)
		}
		return entry{label: label, method: auto.For(p.Data.Task.Shape).Method}, nil
	}
	if name == ridge.Default().Name() {
		merge := mergeImages
		if err := takeMerge(settings, &merge); err != nil {
			return entry{}, err
		}
		if merge == mergeStatistics {
			m, err := ridge.Default().With(settings)
			if err != nil {
				return entry{}, err
			}
			pooled := m.(ridge.Ridge)
			return entry{label: label, pooled: &pooled}, nil
		}
	}
	m, err := registry.Method(name)
	if err != nil {
		return entry{}, fmt.Errorf("method %q: %w, have %s", name, distill.ErrUnknown, strings.Join(methodNames(), ", "))
	}
	m, err = m.With(settings)
	return entry{label: label, method: m}, err
}

// methodNames are all names that a plan's methods can have.
func methodNames() []string {
	names := []string{auto.Name}
	for _, m := range registry.Methods() {
		names = append(names, m.Name())
	}
	for _, s := range federated.Strategies() {
		names = append(names, s.Name)
	}
	return names
}

// How the ridge sets of clients are merged: the union of their images, or the
// sum of their statistics.
const (
	mergeImages     = "images"
	mergeStatistics = "statistics"
)

// takeMerge removes the study's own setting from those of a ridge.
func takeMerge(settings map[string]string, merge *string) error {
	word, ok := settings["merge"]
	if !ok {
		return nil
	}
	delete(settings, "merge")
	options := distill.Options{distill.Choice("merge", merge, mergeImages, mergeStatistics)}
	return options.Set("ridge", map[string]string{"merge": word})
}

// federatedConfig is a strategy with settings: one-shot unless rounds says
// otherwise.
func federatedConfig(name string, settings map[string]string) (federated.Config, error) {
	c := federated.DefaultConfig(name)
	c.Rounds = 1
	if _, ok := settings["steps"]; ok {
		c.Epochs = 0
	}
	controls := "zeros"
	options := distill.Options{distill.Int("rounds", &c.Rounds, 1, 1e6), distill.Int("epochs", &c.Epochs, 0, 1e6),
		distill.Int("steps", &c.Steps, 0, 1e6), distill.Int("batch", &c.Batch, 1, 1<<16),
		distill.Float("lr", &c.LR, 1e-9, 1e3), distill.Float("momentum", &c.Momentum, 0, 0.9999),
		distill.Float("fraction", &c.Fraction, 1e-6, 1)}
	switch name {
	case federated.FedProx:
		options = append(options, distill.Float("mu", &c.Mu, 0, 1e3))
	case federated.SCAFFOLD:
		options = append(options, distill.Choice("controls", &controls, "zeros", "official"))
	}
	if err := options.Set(name, settings); err != nil {
		return c, err
	}
	c.RandomControls = controls == "official"
	return c, c.Validate()
}
