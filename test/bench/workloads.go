package main

import (
	"math/rand/v2"

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
	prepare      func(*kernel.Pool) (step func() error, err error)
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
	"lenet": {"samples/s", 50, 2 * 3 * 50 * leNetMACs, 20, 300, func(p *kernel.Pool) (func() error, error) {
		return training(p, "lenet", 50, data.Shape{C: 1, H: 28, W: 28})
	}},
	"alexnet": {"samples/s", 50, 2 * 3 * 50 * alexNetMACs, 3, 20, func(p *kernel.Pool) (func() error, error) {
		return training(p, "alexnet", 50, data.Shape{C: 3, H: 32, W: 32})
	}},
	"convnet": {"samples/s", 256, 2 * 3 * 256 * convMACs, 2, 7, func(p *kernel.Pool) (func() error, error) {
		return training(p, "convnet3", 256, data.Shape{C: 3, H: 32, W: 32})
	}},
	"unroll28":    unroll28(20),
	"unroll28-5":  unroll28(5),
	"unroll28-80": unroll28(80),
	"unroll": {"inner steps/s", 30, 2 * 30 * 50 * (3 + secondOrder) * convMACs, 1, 2, func(p *kernel.Pool) (func() error, error) {
		return matching(p, data.Shape{C: 3, H: 32, W: 32}, 100, 30, 50)
	}},
}

// unroll28 is trajectory matching through so many steps on ten images of 28 x 28.
func unroll28(inner int) workload {
	return workload{"inner steps/s", float64(inner), 2 * float64(inner) * 10 * (3 + secondOrder) * conv28MACs, 1, 5, func(p *kernel.Pool) (func() error, error) {
		return matching(p, data.Shape{C: 1, H: 28, W: 28}, 10, inner, 10)
	}}
}

func normal(rng *rand.Rand, n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	return out
}

func source() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func gemm(p *kernel.Pool) (func() error, error) {
	const n = 1024
	rng := source()
	a, b, c := normal(rng, n*n), normal(rng, n*n), make([]float32, n*n)
	return func() error {
		p.Gemm(false, false, n, n, n, 1, a, n, b, n, 0, c, n)
		return nil
	}, nil
}

// kip is one FedD3 step: loss, gradient on the images, Adam.
func kip(p *kernel.Pool) (func() error, error) {
	const targets, supports, values, classes = 1000, 100, 3072, 10
	r, rng := ntk.NewRegression(p, ntk.Problem{Depth: 4, Targets: targets, Supports: supports, Values: values, Classes: classes, Lambda: ntk.Lambda}), source()
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

// training is one step of gradient descent with momentum.
func training(p *kernel.Pool, model string, batch int, s data.Shape) (step func() error, err error) {
	defer graph.Catch(&err)
	net, err := nn.Parse(model, s, 10)
	if err != nil {
		return nil, err
	}
	g, rng := graph.New(), source()
	x, target, params := graph.Input(g, "x", batch, s.C, s.H, s.W), graph.Input(g, "target", batch, 10), net.Inputs(g)
	loss := graph.CrossEntropy(net.Logits(g, x, params), target)
	grads, err := graph.Grad(loss, params...)
	if err != nil {
		return nil, err
	}
	program, err := graph.Compile(p, append([]*graph.Node{x, target}, params...), append([]*graph.Node{loss}, grads...))
	if err != nil {
		return nil, err
	}
	values, velocity := net.Init(1), make([][]float32, len(params))
	for i, v := range values {
		if err := program.Bind(2+i, v); err != nil {
			return nil, err
		}
		velocity[i] = make([]float32, len(v))
	}
	copy(program.Input(0), normal(rng, batch*s.Size()))
	for i := range batch {
		program.Input(1)[i*10+rng.IntN(10)] = 1
	}
	return func() error {
		program.Run()
		for i, v := range values {
			kernel.Momentum(v, program.Output(1+i), velocity[i], 0.01, 0.9, 0)
		}
		return nil
	}, nil
}

// matching is one step of trajectory matching: inner training, and the
// gradient of the distance to a target on the images and the inner rate.
func matching(p *kernel.Pool, s data.Shape, images, inner, batch int) (func() error, error) {
	const rate, classes = 0.01, 10
	net, err := nn.ConvNet3(s, classes, 128, 1)
	if err != nil {
		return nil, err
	}
	problem := unroll.Problem{X: []int{batch, s.C, s.H, s.W}, Labels: []int{batch, classes},
		Loss: func(params []*graph.Node, x, labels *graph.Node, _ []*graph.Node) *graph.Node {
			return graph.CrossEntropy(net.Logits(nil, x, params), labels)
		}}
	var theta []float32
	for i, v := range net.Init(1) {
		problem.Params = append(problem.Params, net.Params[i].Shape)
		theta = append(theta, v...)
	}
	walk, err := unroll.New(p, problem)
	if err != nil {
		return nil, err
	}
	rng := source()
	target, u, size := make([]float32, len(theta)), make([]float32, len(theta)), s.Size()
	for i, v := range theta {
		target[i] = v + 0.01*float32(rng.NormFloat64())
	}
	x, steps := normal(rng, images*size), make([]unroll.Step, inner)
	for i := range steps {
		steps[i] = unroll.Step{X: make([]float32, batch*size), Labels: make([]float32, batch*classes), Grad: make([]float32, batch*size)}
	}
	return func() error {
		for _, t := range steps {
			clear(t.Labels)
			clear(t.Grad)
			for i, from := range rng.Perm(images)[:batch] {
				copy(t.X[i*size:(i+1)*size], x[from*size:(from+1)*size])
				t.Labels[i*classes+from%classes] = 1
			}
		}
		if err := walk.Forward(theta, steps, rate, nil); err != nil {
			return err
		}
		distance := 0.0
		for i, v := range theta {
			d := float64(v - target[i])
			distance += d * d
		}
		for i, v := range walk.Theta(inner) {
			u[i] = float32(2 * float64(v-target[i]) / distance)
		}
		_, _, err := walk.Backward(u, inner)
		return err
	}, nil
}
