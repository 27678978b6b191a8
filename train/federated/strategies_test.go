package federated

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/cpu"
	"github.com/distillmesh/distillmesh/train/nn"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// plain is SGD without memory: the velocity is forgotten before each step.
type plain struct{}

func (plain) States() int { return 1 }
func (plain) Rates() int  { return 3 }

func (plain) Updates(w, g *graph.Node, states []*graph.Node, rates *graph.Node) []graph.Update {
	return []graph.Update{graph.Assign(states[0], graph.Fill(0, w)), graph.Momentum(w, g, states[0], rates)}
}

// descend is SGD on one client, written plainly.
func descend(t *testing.T, net *nn.Network, s *data.Samples, c Config, steps int) []float32 {
	t.Helper()
	e := cpu.New(1)
	defer e.Close()
	stepper, err := train.NewStepper(e, net, plain{})
	if err != nil {
		t.Fatal(err)
	}
	params := net.Init(c.Seed)
	if err := graph.SetAll(stepper.Params(), params); err != nil {
		t.Fatal(err)
	}
	order := train.NewOrder(c.clientSeed(0), s.Len(), c.Batch)
	for step := range steps {
		if err := stepper.Step(s, order.Batch(step), []float32{float32(c.LR), 0, float32(c.WeightDecay)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := graph.GetAll(stepper.Params(), params); err != nil {
		t.Fatal(err)
	}
	return slices.Concat(params...)
}

func TestOneClientIsPlainSGD(t *testing.T) {
	clients := skewed(20)
	net := network(t, "mlp", table, classes)
	for _, strategy := range []string{FedAvg, FedProx, SCAFFOLD} {
		c := quick(strategy)
		c.Momentum, c.Mu, c.WeightDecay = 0, 0, 1e-3
		got := mustRun(t, net, clients, c, Options{})
		if want := int64(3 * 2 * 3); got.Steps != want {
			t.Errorf("%s: %d steps, want %d", strategy, got.Steps, want)
		}
		sameBits(t, strategy, flat(got.Model), descend(t, net, clients[0], c, 18))
		c.Rounds, c.Epochs = 1, 6
		sameBits(t, strategy+" in one round", flat(mustRun(t, net, clients, c, Options{}).Model), flat(got.Model))
		c.Rounds, c.Epochs, c.Steps = 6, 0, 3
		sameBits(t, strategy+" counted in steps", flat(mustRun(t, net, clients, c, Options{}).Model), flat(got.Model))
	}
	c := quick(FedAvg)
	c.Momentum, c.Batch = 0, 20
	fit, err := train.Fit(context.Background(), net, clients[0],
		recipe.Recipe{Optimizer: recipe.SGD, LR: c.LR, Batch: 20, Epochs: 6}, train.Options{Seed: c.Seed})
	if err != nil {
		t.Fatal(err)
	}
	if d := distance(flat(fit), flat(mustRun(t, net, clients, c, Options{}).Model)); d > 1e-6 {
		t.Errorf("all samples per step: %g from what Fit gives", d)
	}
}

func TestRelatives(t *testing.T) {
	clients, net := skewed(24, 9, 40), network(t, "mlp", table, classes)
	of := func(c Config) []float32 { return flat(mustRun(t, net, clients, c, Options{}).Model) }
	avg, prox, nova := quick(FedAvg), quick(FedProx), quick(FedNova)
	if distance(of(avg), of(prox)) < 1e-4 {
		t.Error("fedprox with its pull is fedavg")
	}
	prox.Mu = 0
	sameBits(t, "fedprox without its pull", of(avg), of(prox))
	if distance(of(avg), of(nova)) < 1e-3 {
		t.Error("fednova is fedavg although the clients' steps differ")
	}
	avg.Epochs, avg.Steps, nova.Epochs, nova.Steps = 0, 7, 0, 7
	if d := distance(of(avg), of(nova)); d > 1e-6 {
		t.Errorf("fednova with equal steps is %g from fedavg", d)
	}
}

func TestControlsOfOneClientAreTheServers(t *testing.T) {
	clients, net := skewed(20), network(t, "mlp", table, classes)
	r, err := newRun(net, clients, quick(SCAFFOLD), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	for range 3 {
		if err := r.round(context.Background()); err != nil {
			t.Fatal(err)
		}
		sameBits(t, "c and c_i", r.control(), r.state.controls[0])
		if slices.Max(r.control()) == 0 {
			t.Fatal("the control variate stays zero")
		}
	}
}

// The drift of fedavg: with many local steps on clients that differ it stops
// where their mean gradient is not zero; scaffold does not.
func TestScaffoldEndsNearerToTheOptimum(t *testing.T) {
	clients, net := skewed(fewer([]int{30, 12}, []int{30, 12, 24, 18})...), network(t, "mlp", table, classes)
	left := map[string]float64{}
	for _, strategy := range []string{FedAvg, SCAFFOLD} {
		c := quick(strategy)
		c.Rounds, c.LR = fewer(12, 60), fewer(0.4, 0.1)
		c.Epochs, c.Steps, c.Batch, c.Momentum, c.WeightDecay = 0, 20, 30, 0, 0.02
		left[strategy] = slope(t, net, clients, c, mustRun(t, net, clients, c, Options{}).Model)
	}
	if left[SCAFFOLD] > left[FedAvg]/5 {
		t.Errorf("gradient left: %v", left)
	}
	t.Logf("gradient left: %v", left)
}

// slope is the norm of the gradient of all clients' mean loss at a model.
func slope(t *testing.T, net *nn.Network, clients []*data.Samples, c Config, m *train.Model) float64 {
	t.Helper()
	all, err := data.Merge(clients...)
	if err != nil {
		t.Fatal(err)
	}
	e := cpu.New(1)
	defer e.Close()
	s, err := train.NewStepper(e, net, kept{c.WeightDecay})
	if err == nil {
		err = errors.Join(graph.SetAll(s.Params(), m.Params),
			s.Step(all, train.NewOrder(0, all.Len(), all.Len()).Batch(0), []float32{0}))
	}
	gradient := net.Init(0)
	if err = errors.Join(err, graph.GetAll(s.State(0), gradient)); err != nil {
		t.Fatal(err)
	}
	sum := 0.0
	for _, part := range gradient {
		for _, v := range part {
			sum += float64(v) * float64(v)
		}
	}
	return math.Sqrt(sum)
}

// kept keeps the gradient and moves nothing.
type kept struct{ decay float64 }

func (kept) States() int { return 1 }
func (kept) Rates() int  { return 1 }

func (k kept) Updates(w, g *graph.Node, states []*graph.Node, _ *graph.Node) []graph.Update {
	return []graph.Update{graph.Assign(states[0], graph.Add(g, graph.Scale(w, k.decay)))}
}
