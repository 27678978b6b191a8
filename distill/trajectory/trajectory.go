// Package trajectory holds the methods that optimize images so that training on
// them leads a network where training on the real samples led an expert: MTT,
// ATT and TESLA. One iteration starts a student at an expert's parameters
// theta*_s, trains it on the images,
//
//	theta'_t = theta'_(t-1) - alpha dCE(images; theta'_(t-1)),  theta'_0 = theta*_s
//
// and updates images and the step size alpha so that theta'_n comes nearer to
// the expert's parameters a few epochs later:
//
//	L = |theta'_n - theta*_(s+N_T)|^2 / |theta*_s - theta*_(s+N_T)|^2
//
// MTT (Cazenavette et al. 2022) trains a fixed number of steps; ATT (Liu et al.
// 2024) uses that number as a cap and compares the step that comes nearest. TESLA (Cui
// et al. 2023) computes the gradient with the student's parameters as
// constants.
package trajectory

import (
	"context"
	"fmt"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/distill/tiling"
	"github.com/distillmesh/distillmesh/train/data"
)

// Which step of the student is compared, by what distance the nearest is
// found, how labels are treated, and which images are published.
const (
	Closest = "closest"
	Last    = "last"

	L1 = "l1" // as the authors' code
	L2 = "l2" // as the paper's text

	Hard    = "hard"    // classes
	Learned = "learned" // the softmax of logits that are learned too (DATM)

	Average = "average" // exponential, over iterations
)

// Method is trajectory matching with its settings. Its zero value is not ready:
// begin with DefaultATT, DefaultMTT or DefaultTESLA.
type Method struct {
	name     string
	constant bool // the gradient is TESLA's

	Iterations int
	Cap        int    // N_S: steps of a student, at most
	Choice     string // Closest or Last
	Metric     string // L1 or L2, of the choice; the loss is always squared L2
	Span       int    // N_T: epochs of the expert between start and target
	MaxStart   int    // starts are drawn from epochs 0 to MaxStart-1
	Rate       float64
	Momentum   float64 // of pixels, step size and labels
	StepSize   float64 // alpha at the beginning
	StepRate   float64 // of alpha
	Batch      int     // tiles a student's step, or 0 for all
	Labels     string  // Hard or Learned
	LabelRate  float64
	Decay      float64 // of the exponential average of images
	Publish    string  // Last or Average
	Start      string  // tiling.Centroids, Noise or Real
	Formation  int     // tiles along a side where the request leaves it open
	Augment    string  // of students and experts, or none

	Experts     int
	ExpertRate  float64 // plain SGD
	ExpertBatch int
	Width       int // of the ConvNetD3

	// Watch, when not nil, is called after every iteration.
	Watch func(Record)
}

// Record is one iteration.
type Record struct {
	Iteration int
	Start     int       // s, the expert's epoch
	Steps     int       // N_opt
	Distances []float64 // to the target after each step of the student, by Metric
	Loss      float64   // L
	StepSize  float64   // alpha before the update
	Skipped   bool      // something was not finite, and nothing was updated
}

// DefaultATT has settings for a processor: narrow networks and few experts.
func DefaultATT() Method {
	return Method{name: "att", Iterations: 300, Cap: 20, Choice: Closest, Metric: L1, Span: 2, MaxStart: 8, Rate: 100,
		Momentum: 0.5, StepSize: 0.02, StepRate: 1e-4,
		Labels: Hard, LabelRate: 5, Decay: 0.99, Publish: Average, Start: tiling.Centroids,
		Formation: tiling.UsualFormation, Augment: tiling.Suitable,
		Experts: 5, ExpertRate: 0.01, ExpertBatch: 256, Width: 16}
}

// DefaultMTT is DefaultATT with the last step in place of the nearest.
func DefaultMTT() Method {
	m := DefaultATT()
	m.name, m.Choice = "mtt", Last
	return m
}

// DefaultTESLA is DefaultMTT with the approximate gradient.
func DefaultTESLA() Method {
	m := DefaultMTT()
	m.name, m.constant = "tesla", true
	return m
}

// Name implements distill.Method.
func (m Method) Name() string { return m.name }

// Version implements distill.Method.
func (Method) Version() int { return 2 }

// Summary implements distill.Method.
func (m Method) Summary() string {
	text := "trajectory matching, "
	switch {
	case m.constant:
		text += "gradient in constant memory (an approximation)"
	case m.Choice == Closest:
		text += "at the inner step that comes nearest to the expert"
	default:
		text += "at the last inner step"
	}
	return text + "; experts are kept in the home; for training networks on images of at least 8 x 8"
}

func (m *Method) options() distill.Options {
	return distill.Options{
		distill.Int("iterations", &m.Iterations, 1, 10_000_000),
		distill.Int("cap", &m.Cap, 1, 10_000),
		distill.Choice("choice", &m.Choice, Closest, Last),
		distill.Choice("metric", &m.Metric, L1, L2),
		distill.Int("span", &m.Span, 1, 10_000),
		distill.Int("max-start", &m.MaxStart, 1, 10_000),
		distill.Float("rate", &m.Rate, 0, 1e9),
		distill.Float("momentum", &m.Momentum, 0, 0.9999),
		distill.Float("step-size", &m.StepSize, leastStepSize, mostStepSize),
		distill.Float("step-rate", &m.StepRate, 0, 1e3),
		distill.Int("batch", &m.Batch, 0, 1_000_000),
		distill.Choice("labels", &m.Labels, Hard, Learned),
		distill.Float("label-rate", &m.LabelRate, 0, 1e6),
		distill.Float("decay", &m.Decay, 0, 0.999999),
		distill.Choice("publish", &m.Publish, Last, Average),
		distill.Choice("start", &m.Start, tiling.Starts...),
		distill.Int("formation", &m.Formation, 1, data.MaxFormation),
		distill.Choice("augment", &m.Augment, append([]string{tiling.None}, tiling.Augmentations...)...),
		distill.Int("experts", &m.Experts, 1, 10_000),
		distill.Float("expert-rate", &m.ExpertRate, 1e-9, 100),
		distill.Int("expert-batch", &m.ExpertBatch, 1, 65536),
		distill.Int("width", &m.Width, 1, 4096),
	}
}

// Settings implements distill.Method.
func (m Method) Settings() map[string]string { return m.options().Settings() }

// With implements distill.Method.
func (m Method) With(settings map[string]string) (distill.Method, error) {
	err := m.options().Set(m.Name(), settings)
	return m, err
}

// Outline implements distill.Method.
func (m Method) Outline(req distill.Request) (distill.Outline, error) {
	o, err := tiling.Outline(req, m.Formation, m.Augment, tiling.ViewWhole, m.Start)
	o.Soft = m.Labels == Learned
	return o, err
}

// Distill implements distill.Method.
func (m Method) Distill(ctx context.Context, req distill.Request) (*distill.Result, error) {
	if err := req.Check(); err != nil {
		return nil, err
	}
	r, err := newRun(m, req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	defer r.engine.Close()
	if err := r.begin(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name(), err)
	}
	if err := r.iterateAll(ctx); err != nil {
		return nil, err
	}
	return r.result()
}
