package rank

import (
	"context"
	"fmt"
	"math"
	"os"

	"github.com/distillmesh/distillmesh/distill/trial"
	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/nn"
)

// teachersFolder holds networks that were trained on all real data.
const teachersFolder = "teachers"

// label gives random real images the teacher's labels where the set has stored ones.
func (s set) label(ctx context.Context, i images, rec Recipe) (images, error) {
	if rec.Labels != Stored {
		return i, nil
	}
	t, err := s.teacher(ctx, rec)
	if err != nil {
		return i, err
	}
	logits, err := t.Logits(ctx, i.samples)
	if err != nil {
		return i, err
	}
	i.samples.Soft = softmax(logits, i.samples.Classes)
	return i, nil
}

// teachersOf are the names of the networks that label: the recipe's, else the model itself, and
// for a model in closed form the first network of the plan.
func (s set) teachersOf(rec Recipe) []string {
	if names := rec.teachers(); names != nil {
		return names
	}
	for _, name := range append([]string{s.model}, s.plan.Models...) {
		if s.iterative(name) {
			return []string{name}
		}
	}
	return []string{"mlp"}
}

// teacher is that of a recipe. Its networks were trained as references are, with seed 0.
func (s set) teacher(ctx context.Context, rec Recipe) (*train.Teacher, error) {
	t := &train.Teacher{Temperature: rec.Temperature, Squares: rec.Loss == Squares, Truth: rec.Truth}
	for _, name := range s.teachersOf(rec) {
		m, err := s.taughtBy(ctx, name)
		if err != nil {
			return nil, err
		}
		t.Models = append(t.Models, m)
	}
	return t, nil
}

// taughtBy is a network of a teacher. It is kept in the folder.
func (r *runner) taughtBy(ctx context.Context, name string) (*train.Model, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m := r.taught[name]; m != nil {
		return m, nil
	}
	net, err := nn.Parse(name, r.train.Shape, r.train.Classes)
	if err != nil {
		return nil, fmt.Errorf("%w: a teacher is a network: %w", ErrPlan, err)
	}
	full, err := referenceRecipe(r.plan.Epochs)
	if err != nil {
		return nil, err
	}
	w := &work{runner: r, model: name}
	a := &arm{name: "real", key: "real", recipe: full, fixed: true,
		draw: func(context.Context, uint64) (images, error) { return images{samples: r.train}, nil }}
	rate, err := w.referenceRate(ctx, &outcome{arm: a})
	if err != nil {
		return nil, err
	}
	m, err := r.keptTeacher(ctx, net, full, rate)
	if err != nil {
		return nil, fmt.Errorf("teacher %s: %w", name, err)
	}
	r.taught[name] = m
	return m, nil
}

// keptTeacher reads the teacher, or trains and writes it.
func (r *runner) keptTeacher(ctx context.Context, net *nn.Network, full Recipe, rate float64) (*train.Model, error) {
	key := trial.Key{Parts: []any{r.judge.Identity, net.Name, full, rate}, Words: []any{net.Name}}
	file, err := key.Name()
	if err != nil {
		return nil, err
	}
	path := r.store.Path(teachersFolder, file+".safetensors")
	if content, err := os.ReadFile(path); err == nil {
		if tensors, _, err := checkpoint.Decode(content, checkpoint.Limits{Tensors: 1 << 12, Rank: 4}); err == nil {
			if m, err := train.FromTensors(net, tensors); err == nil {
				m.Device = r.judge.Device
				return m, nil
			}
		}
	}
	stage := r.stage("train the teacher "+net.Name, 1)
	m, err := train.Fit(ctx, net, r.train, full.at(rate), train.Options{Device: r.opt.Device})
	if err != nil {
		return nil, err
	}
	stage.step()
	content, err := checkpoint.Encode(m.Tensors(), nil)
	if err != nil {
		return nil, err
	}
	m.Device = r.judge.Device
	return m, trial.WriteFile(path, content)
}

// share is the share of the test part that the teacher of a recipe gets right.
func (s set) share(ctx context.Context, rec Recipe) (float64, error) {
	t, err := s.teacher(ctx, rec)
	if err != nil {
		return 0, err
	}
	a, err := train.Evaluate(ctx, t, s.judge.Test)
	return a.Fraction(), err
}

// softmax turns rows of logits into probabilities.
func softmax(logits []float32, classes int) []float32 {
	out := make([]float32, len(logits))
	for at := 0; at < len(out); at += classes {
		most := math.Inf(-1)
		for _, v := range logits[at : at+classes] {
			most = max(most, float64(v))
		}
		sum := 0.0
		for _, v := range logits[at : at+classes] {
			sum += math.Exp(float64(v) - most)
		}
		for i, v := range logits[at : at+classes] {
			out[at+i] = float32(math.Exp(float64(v)-most) / sum)
		}
	}
	return out
}
