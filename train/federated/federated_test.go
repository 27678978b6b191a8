package federated

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/train"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/device"
	"github.com/distillmesh/distillmesh/train/nn"
)

var table = data.Shape{C: 1, H: 1, W: 6}

const classes = 3

// fewer is few with -short, as under emulation, and many otherwise.
func fewer[T any](few, many T) T {
	if testing.Short() {
		return few
	}
	return many
}

// skewed are clients of the given sizes. Each holds mostly one class and sees
// its features moved, so that their optima lie apart.
func skewed(sizes ...int) []*data.Samples {
	rng := rand.New(rand.NewPCG(1, 2))
	clients := make([]*data.Samples, len(sizes))
	for i, n := range sizes {
		s := &data.Samples{Shape: table, Classes: classes}
		for j := range n {
			y := i % classes
			if j%3 == 2 {
				y = (i + 1) % classes
			}
			s.Y = append(s.Y, y)
			for f := range table.Size() {
				v := 0.7*rng.NormFloat64() + 0.4*float64(i%4)
				if f%classes == y {
					v++
				}
				s.X = append(s.X, float32(v))
			}
		}
		clients[i] = s
	}
	return clients
}

func network(t testing.TB, name string, shape data.Shape, classes int) *nn.Network {
	t.Helper()
	net, err := nn.Parse(name, shape, classes)
	if err != nil {
		t.Fatal(err)
	}
	return net
}

// quick is a strategy with settings for the small problem.
func quick(strategy string) Config {
	c := DefaultConfig(strategy)
	c.Rounds, c.Epochs, c.Batch, c.LR, c.Seed = 3, 2, 8, 0.05, 5
	return c
}

func mustRun(t testing.TB, net *nn.Network, clients []*data.Samples, c Config, opt Options) *Result {
	t.Helper()
	r, err := Run(context.Background(), net, clients, c, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func flat(m *train.Model) []float32 { return slices.Concat(m.Params...) }

func sameBits(t *testing.T, what string, a, b []float32) {
	t.Helper()
	for i := range a {
		if len(a) != len(b) || math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			t.Fatalf("%s: value %d of %d: %v and %v", what, i, len(a), a[i], b[i])
		}
	}
}

// distance is the largest difference of two vectors.
func distance(a, b []float32) (d float64) {
	for i := range a {
		d = max(d, math.Abs(float64(a[i])-float64(b[i])))
	}
	return d
}

// variants are all strategies, with all clients and with some in each round.
func variants() map[string]Config {
	out := map[string]Config{"scaffold from random": quick(SCAFFOLD)}
	for _, s := range Strategies() {
		out[s.Name] = quick(s.Name)
	}
	for name, c := range maps.Clone(out) {
		c.RandomControls = name == "scaffold from random"
		out[name] = c
		c.Fraction = 0.6
		out["some of "+name] = c
	}
	return out
}

func TestWorkersDoNotChangeTheBits(t *testing.T) {
	clients := skewed(fewer([]int{12, 0, 9, 3, 5}, []int{50, 9, 3, 0, 17, 22, 8, 30})...)
	net := network(t, "mlp", table, classes)
	for name, c := range variants() {
		want := mustRun(t, net, clients, c, Options{})
		for _, workers := range fewer([]int{3}, []int{2, 4, 20}) {
			got := mustRun(t, net, clients, c, Options{Device: device.Choice{Workers: workers}})
			sameBits(t, fmt.Sprintf("%s with %d workers", name, workers), flat(want.Model), flat(got.Model))
			if got.Bytes != want.Bytes || got.Steps != want.Steps {
				t.Errorf("%s: %v, %d steps with %d workers, %v, %d with one", name, got.Bytes, got.Steps, workers, want.Bytes,
					want.Steps)
			}
		}
	}
}

func TestRoundsTakeAFractionOfTheClients(t *testing.T) {
	active := []int{0, 1, 3, 4, 5, 6, 7, 9}
	c := quick(FedAvg)
	c.Fraction = 0.5
	seen := map[string]bool{}
	for round := range 20 {
		chosen := c.choose(active, round)
		if len(chosen) != 4 || !slices.IsSorted(chosen) || !slices.Equal(chosen, c.choose(active, round)) {
			t.Fatalf("round %d takes %v", round, chosen)
		}
		for _, i := range chosen {
			if !slices.Contains(active, i) {
				t.Errorf("round %d takes client %d, which has no samples", round, i)
			}
		}
		seen[fmt.Sprint(chosen)] = true
	}
	if len(seen) < 10 {
		t.Errorf("twenty rounds took %d groups", len(seen))
	}
	c.Fraction = 1e-9
	if n := len(c.choose(active, 0)); n != 1 {
		t.Errorf("the least fraction takes %d clients", n)
	}
}

func TestBytes(t *testing.T) {
	net := network(t, "lenet", data.Shape{C: 1, H: 28, W: 28}, 10)
	const model = 246_824 // bytes of 61,706 float32
	for strategy, want := range map[string]Traffic{
		FedAvg: {model, model}, FedProx: {model, model}, FedNova: {model + 4, model}, SCAFFOLD: {2 * model, 2 * model},
	} {
		s, err := Lookup(strategy)
		if err != nil || s.PerClient(net.NumParams()) != want {
			t.Errorf("%s: %v, %v", strategy, s.PerClient(net.NumParams()), err)
		}
	}
	// Two of four clients that have samples, each of three rounds.
	small, clients := network(t, "mlp", table, classes), skewed(4, 0, 4, 4, 4)
	one := int64(4 * small.NumParams())
	for name, c := range variants() {
		c.Fraction = 0.5
		s, _ := Lookup(c.Strategy)
		per := s.PerClient(small.NumParams())
		var rounds []Traffic
		sum := mustRun(t, small, clients, c, Options{Round: func(r Round) error {
			rounds = append(rounds, r.Bytes)
			if r.Clients != 2 || r.TotalBytes.Up != int64(r.Round)*2*per.Up || r.Steps != 2*2 ||
				r.TotalSteps != int64(r.Round)*4 {
				t.Errorf("%s: %+v", name, r)
			}
			return nil
		}}).Bytes
		if want := (Traffic{6 * per.Up, 6 * per.Down}); sum != want || rounds[0] != (Traffic{2 * per.Up,
			2 * per.Down}) || per.Down%one != 0 {
			t.Errorf("%s: %v in all, want %v; %v", name, sum, want, rounds)
		}
		c.Rounds, c.SharedStart = 1, true
		if sum := mustRun(t, small, clients, c, Options{}).Bytes; sum != (Traffic{2 * per.Up, 0}) {
			t.Errorf("%s in one round from a shared start: %v", name, sum)
		}
	}
}

func TestHooks(t *testing.T) {
	clients, net, c := skewed(20, 9, 0, 5), network(t, "mlp", table, classes), quick(FedAvg)
	now, elapsed := time.Unix(0, 0), []time.Duration{}
	var order []int
	var last *train.Model
	opt := Options{Device: device.Choice{Workers: 2}, Now: func() time.Time { now = now.Add(time.Second); return now },
		Client: func(done, of int) { order = append(order, done*10+of) },
		Round: func(r Round) error {
			elapsed, last = append(elapsed, r.Elapsed), r.Model
			if !(r.Loss > 0 && r.Loss < 3) || r.Rounds != 3 {
				t.Errorf("%+v", r)
			}
			return nil
		}}
	got := mustRun(t, net, clients, c, opt)
	if !slices.Equal(order, []int{13, 23, 33, 13, 23, 33, 13, 23, 33}) || !slices.Equal(elapsed,
		[]time.Duration{1e9, 2e9, 3e9}) {
		t.Errorf("clients %v, rounds after %v", order, elapsed)
	}
	sameBits(t, "last round", flat(last), flat(got.Model))
	failed := errors.New("disk full")
	for _, opt := range []Options{{Checkpoint: func(State) error { return failed }},
		{Round: func(Round) error { return failed }}} {
		if _, err := Run(context.Background(), net, clients, c, opt); !errors.Is(err, failed) {
			t.Errorf("a failing hook gave %v", err)
		}
	}
}

func TestWhatDoesNotFitIsRefused(t *testing.T) {
	net := network(t, "mlp", table, classes)
	bad := skewed(4, 4)
	bad[1].Y[0] = classes
	for name, clients := range map[string][]*data.Samples{"nobody": nil, "empty": {nil, {}}, "a label out of range": bad} {
		if _, err := Run(context.Background(), net, clients, quick(FedAvg), Options{}); !errors.Is(err, train.ErrSamples) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(c *Config){
		"strategy": func(c *Config) { c.Strategy = "fedsgd" }, "rounds": func(c *Config) { c.Rounds = 0 },
		"epochs": func(c *Config) { c.Epochs = 0 }, "both": func(c *Config) { c.Steps = 3 },
		"batch": func(c *Config) { c.Batch = 0 },
		"rate":  func(c *Config) { c.LR = math.NaN() }, "momentum": func(c *Config) { c.Momentum = 1 },
		"decay": func(c *Config) { c.WeightDecay = -1 }, "mu": func(c *Config) { c.Mu = 0.1 },
		"controls": func(c *Config) { c.RandomControls = true }, "fraction": func(c *Config) { c.Fraction = 0 },
	} {
		c := quick(FedAvg)
		spoil(&c)
		if _, err := Run(context.Background(), net, skewed(4), c,
			Options{}); err == nil || name == "strategy" && !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, s := range Strategies() {
		if err := DefaultConfig(s.Name).Validate(); err != nil || s.Summary == "" {
			t.Errorf("%s: %v, %q", s.Name, err, s.Summary)
		}
	}
}

func TestALocalStepAllocatesNothing(t *testing.T) {
	net, s := network(t, "mlp", table, classes), skewed(20)[0]
	for _, strategy := range []string{FedAvg, FedProx, SCAFFOLD} {
		w, err := newWorker(net, quick(strategy), strategy == SCAFFOLD, device.Choice{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.engine.Close()
		tk := task{config: quick(strategy), samples: s, model: newVector(net)}
		if strategy == SCAFFOLD {
			tk.control = make([]float32, net.NumParams())
		}
		allocations := func(epochs int) float64 {
			tk.config.Epochs = epochs
			var u update
			return testing.AllocsPerRun(3, func() {
				if err := w.run(context.Background(), &tk, &u); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := allocations(1), allocations(20); few != many {
			t.Errorf("%s: %v allocations in one epoch, %v in twenty", strategy, few, many)
		}
	}
}
