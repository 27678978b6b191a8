package main

import (
	"errors"
	"math/rand/v2"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/kernel"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/ntk"
	"github.com/distillmesh/distillmesh/train/unroll"
)

// workload is one kind of work.
type workload struct {
	unit         string
	work         float64 // units a step
	flops        float64 // multiply-adds of the definition a step, times two
	warm, rounds int
	prepare      func(*computer) (step func() error, err error)
}

// order is what is measured unasked. Others run when they are named: unroll28-5 and
// unroll28-80 show how memory grows with the steps.
var order = []string{"gemm", "kip", "lenet", "alexnet", "convnet", "unroll28", "unroll"}

// Multiply-adds of a forward pass of one sample (att.md 1.2 counts the same).
const (
	leNetMACs   = 416_520
	alexNetMACs = 32_782_336
	convMACs    = 50_733_056                                          // 3x32x32
	conv28MACs  = 9*128*784 + 9*128*128*196 + 9*128*128*49 + 128*9*10 // 1x28x28, margin 1
	secondOrder = 9                                                   // forward passes that a second-order step is worth
)

var workloads = map[string]workload{
	"gemm": {"GFLOP/s", 2 * 1024 * 1024 * 1024 / 1e9, 2 * 1024 * 1024 * 1024, 5, 40, gemm},
	"kip":  {"steps/s", 1, 2 * 2 * 100 * 1100 * 3072, 5, 60, kip},
	"lenet": {"samples/s", 50, 2 * 3 * 50 * leNetMACs, 20, 300, func(c *computer) (func() error, error) {
		return training(c, "lenet", 50, data.Shape{C: 1, H: 28, W: 28})
	}},
	"alexnet": {"samples/s", 50, 2 * 3 * 50 * alexNetMACs, 3, 20, func(c *computer) (func() error, error) {
		return training(c, "alexnet", 50, data.Shape{C: 3, H: 32, W: 32})
	}},
	"convnet": {"samples/s", 256, 2 * 3 * 256 * convMACs, 2, 7, func(c *computer) (func() error, error) {
		return training(c, "convnet3", 256, data.Shape{C: 3, H: 32, W: 32})
	}},
	"unroll28":    unroll28(20),
	"unroll28-5":  unroll28(5),
	"unroll28-80": unroll28(80),
	"unroll": {"inner steps/s", 30, 2 * 30 * 50 * (3 + secondOrder) * convMACs, 1, 2,
		func(c *computer) (func() error, error) {
			return matching(c, data.Shape{C: 3, H: 32, W: 32}, 100, 30, 50)
		}},
}

// unroll28 is trajectory matching through so many steps on ten images of 28 x 28.
func unroll28(inner int) workload {
	return workload{"inner steps/s", float64(inner), 2 * float64(inner) * 10 * (3 + secondOrder) * conv28MACs, 1, 5,
		func(c *computer) (func() error, error) {
			return matching(c, data.Shape{C: 1, H: 28, W: 28}, 10, inner, 10)
		}}
}

// computer is this processor, all of it: for closed forms and for programs.
type computer struct {
	pool   *kernel.Pool
	engine graph.Engine
}

func (c *computer) close() {
	c.pool.Close()
	c.engine.Close()
}

func normal(rng *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func gemm(on *computer) (func() error, error) {
	const n = 1024
	rng := source()
	a, b, c := normal(rng, n*n), normal(rng, n*n), make([]float32, n*n)
	return func() error {
		on.pool.Gemm(false, false, n, n, n, 1, a, n, b, n, 0, c, n)
		return nil
	}, nil
}

// kip is one FedD3 step: loss, gradient on the images, Adam.
func kip(on *computer) (func() error, error) {
	const targets, supports, values, classes = 1000, 100, 3072, 10
	r, rng := ntk.NewRegression(on.pool, ntk.Problem{Depth: 4, Targets: targets, Supports: supports, Values: values,
		Classes: classes, Lambda: ntk.Lambda}), source()
	copy(r.Targets, normal(rng, targets*values))
	copy(r.Images, normal(rng, supports*values))
	for i := range r.Truth {
		r.Truth[i] = rng.IntN(classes)
		r.Squares[i] = ntk.Square(r.Targets[i*values : (i+1)*values])
	}
	for i := range r.Labels {
		r.Labels[i] = -0.1
		if i%classes == i/classes%classes {
			r.Labels[i] = 0.9
		}
	}
	first, second, t := make([]float32, len(r.Images)), make([]float32, len(r.Images)), 0
	return func() error {
		if _, err := r.Step(); err != nil {
			return err
		}
		t++
		kernel.NewAdamStep(t, 0.004, 0).Apply(r.Images, r.ImagesGrad, first, second)
		return nil
	}, nil
}

// heavyBall is SGD with momentum at fixed rates.
type heavyBall struct{}

// States implements train.Rule.
func (heavyBall) States() int { return 1 }

// Rates implements train.Rule.
func (heavyBall) Rates() int { return 3 }

// Updates implements train.Rule.
func (heavyBall) Updates(values, gradient *graph.Node, states []*graph.Node, rates *graph.Node) []graph.Update {
	return []graph.Update{graph.Momentum(values, gradient, states[0], rates)}
}

// training is one step of gradient descent with momentum.
func training(on *computer, model string, batch int, s data.Shape) (step func() error, err error) {
	net, err := nn.Parse(model, s, 10)
	if err != nil {
		return nil, err
	}
	samples, stepper, err := steppers(on.engine, net, batch)
	if err != nil {
		return nil, err
	}
	return func() error { return stepper.Step(samples, first(batch), []float32{0.01, 0.9, 0}) }, nil
}

// steppers is a network that begins, and random samples for a batch.
func steppers(e graph.Engine, net *nn.Network, batch int) (*data.Samples, *train.Stepper, error) {
	stepper, err := train.NewStepper(e, net, heavyBall{})
	if err != nil {
		return nil, nil, err
	}
	if err := graph.SetAll(stepper.Params(), net.Init(1)); err != nil {
		return nil, nil, err
	}
	rng := source()
	samples := &data.Samples{Shape: net.Shape, Classes: 10, X: normal(rng, batch*net.Shape.Size())}
	for range batch {
		samples.Y = append(samples.Y, rng.IntN(10))
	}
	return samples, stepper, nil
}

// first are the numbers below n.
func first(n int) []int {
	index := make([]int, n)
	for i := range index {
		index[i] = i
	}
	return index
}

// matching is one step of trajectory matching: inner training, and the
// gradient of the distance to a target on the images and the inner rate.
func matching(on *computer, s data.Shape, images, inner, batch int) (func() error, error) {
	const rate, classes = 0.01, 10
	net, err := nn.ConvNet3(s, classes, 128, 1)
	if err != nil {
		return nil, err
	}
	rng, size := source(), s.Size()
	problem := unroll.Problem{X: []int{images, s.C, s.H, s.W}, Labels: []int{images, classes}, Batch: batch, Squared: true,
		Loss: func(params []*graph.Node, x, labels *graph.Node, _ []*graph.Node) *graph.Node {
			return graph.CrossEntropy(net.Logits(nil, x, params), labels)
		}}
	batches := make([][]int, inner)
	problem.Draw = func(t int, index []float32, _ [][]float32) {
		for i := range index {
			index[i] = float32(batches[t][i])
		}
	}
	var theta []float32
	for i, v := range net.Init(1) {
		problem.Params = append(problem.Params, net.Params[i].Shape)
		theta = append(theta, v...)
	}
	walk, err := unroll.New(on.engine, problem, inner)
	if err != nil {
		return nil, err
	}
	target, u, labels := make([]float32, len(theta)), make([]float32, len(theta)), make([]float32, images*classes)
	for i, v := range theta {
		target[i] = v + 0.01*float32(rng.NormFloat64())
	}
	for i := range images {
		labels[i*classes+i%classes] = 1
	}
	grad := make([]float32, images*size)
	if err := errors.Join(walk.X.Set(normal(rng, images*size)), walk.Labels.Set(labels),
		walk.SetTarget(target)); err != nil {
		return nil, err
	}
	return func() error {
		for t := range batches {
			batches[t] = rng.Perm(images)[:batch]
		}
		clear(grad)
		last := make([]float32, len(theta))
		if err := errors.Join(walk.Grad.Set(grad), walk.Forward(theta, inner, rate), walk.Theta(inner, last)); err != nil {
			return err
		}
		distance := 0.0
		for i, v := range theta {
			d := float64(v - target[i])
			distance += d * d
		}
		for i, v := range last {
			u[i] = float32(2 * float64(v-target[i]) / distance)
		}
		if _, err := walk.Backward(u, inner); err != nil {
			return err
		}
		return walk.Grad.Get(grad)
	}, nil
}
